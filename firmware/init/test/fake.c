#include "fake.h"

#include <linux/blkpg.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#define SIGNALS_FD 100
#define CHANNEL_FD 101
#define STORED 8192

struct file {
  char path[64];
  uint8_t bytes[STORED];
  size_t length;
  uint64_t size;
};
enum event_kind { LINE, CLOSE, SIGNAL, DEVICE, EXIT };
struct event {
  int64_t at;
  enum event_kind kind;
  const void *data;
  int number, status;
  uint64_t size;
  const uint8_t *sector;
};

int64_t fake_now_ms;
int fake_reboot_command = -1;
jmp_buf fake_end;
bool fake_end_is_set;

static struct file files[96];
static int file_count;
static struct { struct file *file; size_t at; bool open; } fds[32];
static struct event events[4096];
static int event_count;
static char calls[4096][200];
static int call_count;
static struct { const char *call; int error, times; } failing[16];
static int failing_count;
static struct { const char *command; int64_t after; int status; bool used, stubborn; } scripts[64];
static int script_count;
static struct { char command[200]; bool running; } processes[64];
static int process_count, orphan_count;
static struct { int pid, status; } ended[64];
static int ended_count;
static int waiting_signals[64], waiting_count;
static char channel[65536];
static size_t channel_length;
static bool channel_open, channel_closed;

static int failure(const char *call) {
  for (int i = 0; i < failing_count; i++) {
    if (failing[i].times <= 0 || strncmp(call, failing[i].call, strlen(failing[i].call)) != 0) continue;
    failing[i].times--;
    return -failing[i].error;
  }
  return 0;
}

/* Keeps the line and says whether this call has to fail. */
__attribute__((format(printf, 1, 2))) static int call(const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *line = calls[call_count < 4095 ? call_count++ : 4095];
  vsnprintf(line, sizeof *calls, format, values);
  va_end(values);
  return failure(line);
}

static struct file *find(const char *path) {
  for (int i = 0; i < file_count; i++) {
    if (strcmp(files[i].path, path) == 0) return &files[i];
  }
  return NULL;
}

void fake_file(const char *path, const void *bytes, size_t size) {
  struct file *file = find(path);
  if (file == NULL) file = &files[file_count++];
  snprintf(file->path, sizeof file->path, "%s", path);
  file->length = size < STORED ? size : STORED;
  file->size = size;
  memcpy(file->bytes, bytes, file->length);
}

void fake_text(const char *path, const char *text) { fake_file(path, text, strlen(text)); }
void fake_device(const char *path, uint64_t size) {
  static const uint8_t zeros[STORED];
  fake_file(path, zeros, STORED);
  find(path)->size = size;
}
uint8_t *fake_bytes(const char *path) { return find(path)->bytes; }
const char *fake_content(const char *path) {
  struct file *file = find(path);
  if (file == NULL) return NULL;
  file->bytes[file->length < STORED ? file->length : STORED - 1] = 0;
  return (const char *)file->bytes;
}
void fake_remove(const char *path) { find(path)->path[0] = '\0'; }

void fake_fail(const char *text, int error, int times) {
  failing[failing_count].call = text;
  failing[failing_count].error = error;
  failing[failing_count++].times = times;
}

static void script(const char *command, int64_t after, int status, bool stubborn) {
  scripts[script_count].command = command;
  scripts[script_count].after = after;
  scripts[script_count].status = status;
  scripts[script_count++].stubborn = stubborn;
}
void fake_exit(const char *command, int64_t after_ms, int code) { script(command, after_ms, code << 8, false); }
void fake_killed(const char *command, int64_t after_ms, int signal) { script(command, after_ms, signal, false); }
void fake_ignores_sigterm(const char *command) { script(command, -1, 0, true); }

static void add_event(struct event event) {
  int at = event_count++;
  for (; at > 0 && events[at - 1].at > event.at; at--) events[at] = events[at - 1];
  events[at] = event;
}
void fake_at_line(int64_t at_ms, const char *bytes) {
  add_event((struct event){.at = at_ms, .kind = LINE, .data = bytes, .size = strlen(bytes)});
}
void fake_at_close(int64_t at_ms) { add_event((struct event){.at = at_ms, .kind = CLOSE}); }
void fake_at_signal(int64_t at_ms, int signal) {
  add_event((struct event){.at = at_ms, .kind = SIGNAL, .number = signal});
}
void fake_at_device(int64_t at_ms, const char *path, uint64_t size, const uint8_t *sector) {
  add_event((struct event){.at = at_ms, .kind = DEVICE, .data = path, .size = size, .sector = sector});
}
void fake_at_orphan(int64_t at_ms) { add_event((struct event){.at = at_ms, .kind = EXIT, .number = 5000 + orphan_count++}); }

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
      if (event->number < 5000) {
        if (!processes[event->number - 2].running) break;
        processes[event->number - 2].running = false;
        channel_closed = true;
      }
      ended[ended_count].pid = event->number;
      ended[ended_count++].status = event->status;
      if (waiting_count == 0) waiting_signals[waiting_count++] = SIGCHLD;
      break;
  }
}

/* Moves the clock to the next event, or to the end of the wait. */
static bool pass_time(int64_t ms) {
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

int fake_count(const char *text) {
  int count = 0;
  for (int i = 0; i < call_count; i++) count += strncmp(calls[i], text, strlen(text)) == 0;
  return count;
}
bool fake_in_order(const char *const wanted[], int count) {
  int at = 0;
  for (int i = 0; i < call_count && at < count; i++) at += strncmp(calls[i], wanted[at], strlen(wanted[at])) == 0;
  if (at < count) printf("# not found in its place: %s\n", wanted[at]);
  return at == count;
}
void fake_print(void) {
  for (int i = 0; i < call_count; i++) printf("# %s\n", calls[i]);
}

static const char *path_of(int fd) { return fd == 2 ? "console" : fds[fd].file->path; }

int sys_open(const char *path, int flags, int mode) {
  char line[100];
  (void)mode;
  snprintf(line, sizeof line, "open %s", path);
  int result = failure(line);
  if (result < 0) return result;
  struct file *file = find(path);
  if (file == NULL && (flags & O_CREAT)) {
    fake_file(path, "", 0);
    file = find(path);
  }
  if (file == NULL) return -ENOENT;
  if (flags & O_TRUNC) file->length = file->size = 0;
  int fd = 3;
  while (fds[fd].open) fd++;
  fds[fd].open = true;
  fds[fd].file = file;
  fds[fd].at = 0;
  return fd;
}
int sys_close(int fd) {
  if (fd == CHANNEL_FD) channel_open = false;
  if (fd >= 32) return 0;
  if (!fds[fd].open) abort();
  call("close %s", path_of(fd));
  fds[fd].open = false;
  return 0;
}
int sys_dup(int fd, int target) { return call("dup %s %d", path_of(fd), target); }
long sys_read(int fd, void *buffer, size_t size) {
  if (fd == CHANNEL_FD) {
    if (channel_length == 0) return channel_closed ? 0 : -EAGAIN;
    size_t got = channel_length < size ? channel_length : size;
    memcpy(buffer, channel, got);
    memmove(channel, channel + got, channel_length -= got);
    return (long)got;
  }
  struct file *file = fds[fd].file;
  size_t got = file->length - fds[fd].at < size ? file->length - fds[fd].at : size;
  if (got > 100) got = 100; /* a read may give less than was asked for */
  memcpy(buffer, file->bytes + fds[fd].at, got);
  fds[fd].at += got;
  return (long)got;
}
long sys_write(int fd, const void *buffer, size_t size) {
  int result = call("write %s %.*s", path_of(fd), (int)size, (const char *)buffer);
  if (result < 0 || fd == 2) return result < 0 ? result : (long)size;
  struct file *file = fds[fd].file;
  if (fds[fd].at + size > STORED) abort();
  memcpy(file->bytes + fds[fd].at, buffer, size);
  fds[fd].at += size;
  file->length = file->size = fds[fd].at;
  return (long)size;
}
long sys_pread(int fd, void *buffer, size_t size, int64_t offset) {
  char line[100];
  snprintf(line, sizeof line, "pread %s", path_of(fd));
  int result = failure(line);
  if (result < 0) return result;
  memset(buffer, 0, size);
  if ((uint64_t)offset + size > fds[fd].file->size) return 0;
  if ((uint64_t)offset + size <= STORED) memcpy(buffer, fds[fd].file->bytes + offset, size);
  return (long)size;
}
long sys_pwrite(int fd, const void *buffer, size_t size, int64_t offset) {
  int result = call("pwrite %s %lld %zu", path_of(fd), (long long)offset, size);
  if (result < 0) return result;
  memcpy(fds[fd].file->bytes + offset, buffer, size);
  return (long)size;
}
int sys_fsync(int fd) { return call("fsync %s", path_of(fd)); }

int sys_ioctl(int fd, unsigned long request, void *argument) {
  const char *path = path_of(fd);
  if (request == BLKGETSIZE64) {
    int result = call("size %s", path);
    *(uint64_t *)argument = fds[fd].file->size;
    return result;
  }
  if (request == BLKPG) {
    struct blkpg_ioctl_arg *blkpg = argument;
    struct blkpg_partition *partition = blkpg->data;
    return call("blkpg %d %s %d %lld %lld", blkpg->op, path, partition->pno, partition->start, partition->length);
  }
  if (request == LOOP_CTL_GET_FREE) return call("loop free") < 0 ? -EAGAIN : 0;
  if (request == LOOP_SET_DIRECT_IO) return call("loop direct %s %s", argument ? "on" : "off", path);
  if (request == LOOP_CONFIGURE) {
    struct loop_config *config = argument;
    unsigned flags = config->info.lo_flags;
    bool scanned = flags & LO_FLAGS_PARTSCAN;
    if (scanned == (bool)(flags & LO_FLAGS_READ_ONLY) || !(flags & LO_FLAGS_AUTOCLEAR)) abort();
    return call("%s %s %s %s", scanned ? "disk loop" : "loop", flags & LO_FLAGS_DIRECT_IO ? "direct" : "buffered", path, path_of((int)config->fd));
  }
  if (request == WDIOC_SETTIMEOUT) return call("watchdog timeout %d", *(int *)argument);
  if (request == WDIOC_KEEPALIVE) return call("watchdog pet");
  if (request == _IOW('f', 16, uint64_t)) return call("resize %s %llu", path, *(unsigned long long *)argument);
  if (request == DM_DEV_CREATE || request == DM_DEV_SUSPEND) {
    struct dm_ioctl *head = argument;
    head->dev = 0xfd03;
    return call("dm %s %s", request == DM_DEV_CREATE ? "create" : "resume", head->name);
  }
  if (request == DM_TABLE_LOAD) {
    struct dm_ioctl *head = argument;
    struct dm_target_spec *target = (void *)((char *)argument + head->data_start);
    return call("dm load %llu %s %s", target->length, target->target_type, (char *)(target + 1));
  }
  abort();
}

int sys_exists(const char *path) { return find(path) != NULL; }
int sys_list(const char *folder, char names[][NAME_SIZE], int limit) {
  char line[100];
  size_t length = strlen(folder);
  int count = 0;
  snprintf(line, sizeof line, "list %s", folder);
  int result = failure(line);
  if (result < 0) return result;
  for (int i = file_count - 1; i >= 0 && count < limit; i--) { /* not sorted, as readdir */
    if (strncmp(files[i].path, folder, length) == 0) snprintf(names[count++], NAME_SIZE, "%.31s", files[i].path + length + 1);
  }
  return count;
}
int sys_mkdir(const char *path, int mode) {
  (void)mode;
  int result = call("mkdir %s", path);
  if (result == 0 && strcmp(path, "/data") == 0) fake_text("/data", ""); /* so that it can be opened */
  return result;
}
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  const char *how = flags & MS_MOVE ? "move" : flags & MS_BIND ? "bind" : flags & MS_REMOUNT ? "remount" : type;
  return call("mount %s %s %s%s%s%s", how, source ? source : "-", target, flags & MS_RDONLY ? " ro" : "", data ? " " : "",
              data ? data : "");
}
int sys_unmount(const char *target) { return call("unmount %s", target); }
int sys_switch_root(const char *root) { return call("switch root %s", root); }
int sys_loopback_up(void) { return call("loopback up"); }
int sys_channel(int ends[2]) {
  int result = call("channel");
  ends[0] = CHANNEL_FD;
  ends[1] = CHANNEL_FD + 1;
  channel_open = true;
  channel_closed = false;
  channel_length = 0;
  return result;
}
int sys_signals(void) {
  int result = call("signals");
  return result < 0 ? result : SIGNALS_FD;
}
int sys_next_signal(int fd) {
  (void)fd;
  return waiting_count == 0 ? 0 : waiting_signals[--waiting_count];
}

int sys_spawn(const struct spawn *spawn) {
  char command[150] = "";
  for (int i = 0; spawn->argv[i] != NULL; i++) {
    snprintf(command + strlen(command), sizeof command - strlen(command), "%s%s", i ? " " : "", spawn->argv[i]);
  }
  const char *root = spawn->root ? spawn->root : "", *terminal = spawn->terminal ? " on the terminal" : "";
  int result = call("spawn %s%s%s%s", root, command, spawn->channel >= 0 ? " with channel" : "", terminal);
  if (result < 0) return result;
  int pid = 2 + process_count++;
  snprintf(processes[pid - 2].command, sizeof processes[0].command, "%s", command);
  processes[pid - 2].running = true;
  for (int i = 0; i < script_count; i++) {
    if (scripts[i].used || scripts[i].stubborn) continue;
    if (strncmp(command, scripts[i].command, strlen(scripts[i].command)) != 0) continue;
    scripts[i].used = true;
    add_event((struct event){.at = fake_now_ms + scripts[i].after, .kind = EXIT, .number = pid, .status = scripts[i].status});
    break;
  }
  return pid;
}

int sys_reap(int *status) {
  /* What happens while init is busy is there when it looks. */
  while (event_count > 0 && events[0].at <= fake_now_ms) pass_time(0);
  if (ended_count > 0) {
    int pid = ended[0].pid;
    *status = ended[0].status;
    memmove(ended, ended + 1, (size_t)--ended_count * sizeof *ended);
    return pid;
  }
  for (int i = 0; i < process_count; i++) {
    if (processes[i].running) return 0;
  }
  return -ECHILD;
}

static bool ignores_sigterm(const char *command) {
  for (int i = 0; i < script_count; i++) {
    if (scripts[i].stubborn && strncmp(command, scripts[i].command, strlen(scripts[i].command)) == 0) return true;
  }
  return false;
}

/* Ends take 20 ms, so that waiting for them is seen. */
int sys_kill(int pid, int signal) {
  int result = call("kill %d %d", pid, signal);
  if (result < 0) return result;
  for (int i = 0; i < process_count; i++) {
    if (!processes[i].running || (pid != -1 && pid != i + 2)) continue;
    if (signal == SIGTERM && ignores_sigterm(processes[i].command)) continue;
    add_event((struct event){.at = fake_now_ms + 20, .kind = EXIT, .number = i + 2, .status = signal});
  }
  return result;
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
    if (ready > 0 || pass > 0 || !pass_time(timeout_ms)) return ready;
  }
}
int64_t sys_now_ms(void) { return fake_now_ms; }
void sys_sleep_ms(int64_t ms) {
  for (int64_t end = fake_now_ms + ms; fake_now_ms < end;) pass_time(end - fake_now_ms);
}
void sys_sync(void) { call("sync"); }
int sys_reboot(int command) {
  int result = call("reboot %#x", command);
  if (result < 0 || command == RB_DISABLE_CAD) return result;
  fake_reboot_command = command;
  if (!fake_end_is_set) {
    printf("# the boot ended where the test did not expect it\n");
    fake_print();
    fflush(stdout);
    abort();
  }
  fake_end_is_set = false;
  longjmp(fake_end, 1);
}

int sys_restart(const char *argument) {
  int result = call("restart %s", argument);
  return result < 0 ? result : sys_reboot(RB_AUTOBOOT);
}

uint8_t *fake_product_disk(const char *name, uint64_t size) {
  static const uint32_t starts[] = {8192, 73728, 335872, 598016}, counts[] = {65536, 262144, 262144, 32768};
  char path[64];
  const char *infix = name[strlen(name) - 1] >= '0' && name[strlen(name) - 1] <= '9' ? "p" : "";
  snprintf(path, sizeof path, "/sys/block/%s", name);
  fake_text(path, "");
  snprintf(path, sizeof path, "/dev/%s", name);
  fake_device(path, size);
  uint8_t *sector = fake_bytes(path);
  memcpy(sector + 440, "\x78\x56\x34\x12", 4); /* 12345678 */
  sector[510] = 0x55;
  sector[511] = 0xaa;
  for (int i = 0; i < 4; i++) {
    uint8_t *entry = sector + 446 + 16 * i;
    entry[4] = i == 3 ? 0x83 : 0x0c;
    memcpy(entry + 8, &starts[i], 4);
    memcpy(entry + 12, &counts[i], 4);
    snprintf(path, sizeof path, "/dev/%s%s%d", name, infix, i + 1);
    fake_device(path, counts[i] * 512ULL);
  }
  return sector;
}

void fake_ext4(const char *path, uint64_t size, uint32_t blocks, bool clean) {
  fake_device(path, size);
  uint8_t *super = fake_bytes(path) + 1024;
  memcpy(super + 0x04, &blocks, 4);
  super[0x18] = 2;
  super[0x38] = 0x53;
  super[0x39] = 0xef;
  super[0x3a] = 1;
  super[0x60] = clean ? 0xc2 : 0xc6;
}
