#include "inside.h"

int64_t fake_now_ms;

static struct event events[4096];
static int event_count;
static int waiting_signals[64], waiting_count;
static char channel[65536];
static size_t channel_length;
static bool channel_open, channel_closed;
static int orphan_count;

void fake_add_event(struct event event) {
  int at = event_count++;
  for (; at > 0 && events[at - 1].at > event.at; at--) events[at] = events[at - 1];
  events[at] = event;
}
void fake_at_line(int64_t at_ms, const char *bytes) {
  fake_add_event((struct event){.at = at_ms, .kind = LINE, .data = bytes, .size = strlen(bytes)});
}
void fake_at_close(int64_t at_ms) { fake_add_event((struct event){.at = at_ms, .kind = CLOSE}); }
void fake_at_signal(int64_t at_ms, int signal) {
  fake_add_event((struct event){.at = at_ms, .kind = SIGNAL, .number = signal});
}
void fake_at_device(int64_t at_ms, const char *path, uint64_t size, const uint8_t *sector) {
  fake_add_event((struct event){.at = at_ms, .kind = DEVICE, .data = path, .size = size, .sector = sector});
}
void fake_at_orphan(int64_t at_ms) {
  fake_add_event((struct event){.at = at_ms, .kind = EXIT, .number = FIRST_ORPHAN + orphan_count++});
}

static void apply(const struct event *event) {
  switch (event->kind) {
    case LINE:
      if (!channel_open) break;
      memcpy(channel + channel_length, event->data, event->size);
      channel_length += event->size;
      break;
    case CLOSE: channel_closed = true; break;
    case SIGNAL: waiting_signals[waiting_count++] = event->number; break;
    case DEVICE:
      fake_device(event->data, event->size);
      if (event->sector != NULL) memcpy(fake_bytes(event->data), event->sector, 512);
      break;
    case EXIT:
      if (event->number < FIRST_ORPHAN) {
        if (!fake_process_stop(event->number)) break;
        channel_closed = true;
      }
      fake_process_ended(event->number, event->status);
      if (waiting_count == 0) waiting_signals[waiting_count++] = SIGCHLD;
      break;
  }
}

bool fake_pass_time(int64_t ms) {
  int64_t end = fake_now_ms + ms;
  if (fake_now_ms > 30LL * 24 * 3600 * 1000) {
    printf("# 30 days have passed: this never ends\n");
    fflush(stdout);
    abort();
  }
  if (event_count == 0 || events[0].at > end) {
    fake_now_ms = end;
    return false;
  }
  struct event event = events[0];
  memmove(events, events + 1, (size_t)--event_count * sizeof *events);
  if (event.at > fake_now_ms) fake_now_ms = event.at;
  apply(&event);
  return true;
}

int sys_channel(int ends[2]) {
  int result = fake_call("channel");
  ends[0] = CHANNEL_FD;
  ends[1] = CHANNEL_FD + 1;
  channel_open = true;
  channel_closed = false;
  channel_length = 0;
  return result;
}
int sys_signals(void) {
  int result = fake_call("signals");
  return result < 0 ? result : SIGNALS_FD;
}
int sys_next_signal(int fd) {
  (void)fd;
  return waiting_count == 0 ? 0 : waiting_signals[--waiting_count];
}

void fake_channel_close(void) { channel_open = false; }
long fake_channel_read(void *buffer, size_t size) {
  if (channel_length == 0) return channel_closed ? 0 : -EAGAIN;
  size_t got = channel_length < size ? channel_length : size;
  memcpy(buffer, channel, got);
  memmove(channel, channel + got, channel_length -= got);
  return (long)got;
}

void fake_catch_up(void) {
  while (event_count > 0 && events[0].at <= fake_now_ms) fake_pass_time(0);
}

int sys_poll(struct pollfd *polled, int count, int64_t timeout_ms) {
  for (int pass = 0;; pass++) {
    int ready = 0;
    for (int i = 0; i < count; i++) {
      bool channel_ready = polled[i].fd == CHANNEL_FD && (channel_length > 0 || channel_closed);
      bool signal_ready = polled[i].fd == SIGNALS_FD && waiting_count > 0;
      polled[i].revents = channel_ready || signal_ready ? POLLIN : 0;
      ready += channel_ready || signal_ready;
    }
    if (ready > 0 || pass > 0 || !fake_pass_time(timeout_ms)) return ready;
  }
}
int64_t sys_now_ms(void) { return fake_now_ms; }
void sys_sleep_ms(int64_t ms) {
  for (int64_t end = fake_now_ms + ms; fake_now_ms < end;) fake_pass_time(end - fake_now_ms);
}
