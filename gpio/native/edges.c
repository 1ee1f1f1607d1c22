/* One thread an environment waits for the edges of all its lines. Node-API has no way into the event loop's own poll. */
#include <errno.h>
#include <limits.h>
#include <linux/gpio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpio.h"

#define BATCH 16
#define BATCHES_WAITING 256 /* more are dropped: the numbers of the edges tell how many */
#define STACK_BYTES (64 * 1024)

struct watched {
  int fd;
  napi_threadsafe_function call;
  struct watched *next;
};

struct batch {
  int count; /* 0: the chip is gone */
  struct gpio_v2_line_event events[BATCH];
};

/* In JavaScript's thread. */
static void deliver(napi_env env, napi_value callback, void *context, void *data) {
  struct batch *batch = data;
  napi_value undefined, values[5];
  (void)context;
  if (env != NULL && napi_get_undefined(env, &undefined) == napi_ok) {
    if (batch->count == 0) {
      napi_get_null(env, &values[0]);
      napi_call_function(env, undefined, callback, 1, values, NULL);
    }
    for (int i = 0; i < batch->count; i++) {
      const struct gpio_v2_line_event *event = &batch->events[i];
      napi_create_bigint_uint64(env, event->timestamp_ns, &values[0]);
      napi_get_boolean(env, event->id == GPIO_V2_LINE_EVENT_RISING_EDGE, &values[1]);
      napi_create_uint32(env, event->offset, &values[2]);
      napi_create_uint32(env, event->seqno, &values[3]);
      napi_create_uint32(env, event->line_seqno, &values[4]);
      /* An exception of the callback is pending: it must be thrown before another call. */
      if (napi_call_function(env, undefined, callback, 5, values, NULL) != napi_ok) break;
    }
  }
  free(batch);
}

static void read_edges(struct state *state, struct watched *watched) {
  struct batch *batch = malloc(sizeof *batch);
  if (batch == NULL) return;
  ssize_t length = read(watched->fd, batch->events, sizeof batch->events);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return free(batch);
  batch->count = length > 0 ? (int)((size_t)length / sizeof batch->events[0]) : 0;
  if (batch->count == 0) epoll_ctl(state->epoll, EPOLL_CTL_DEL, watched->fd, NULL);
  if (napi_call_threadsafe_function(watched->call, batch, napi_tsfn_nonblocking) != napi_ok) free(batch);
}

static void *wait_for_edges(void *data) {
  struct state *state = data;
  for (;;) {
    struct epoll_event ready[8];
    int count = epoll_wait(state->epoll, ready, 8, -1);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.fd == state->wake) return NULL;
      pthread_mutex_lock(&state->lock);
      struct watched *watched = state->watched;
      while (watched != NULL && watched->fd != ready[i].data.fd) watched = watched->next;
      if (watched != NULL) read_edges(state, watched);
      pthread_mutex_unlock(&state->lock);
    }
  }
}

static bool start_thread(struct state *state) {
  if (state->running) return true;
  if (state->epoll < 0) state->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (state->wake < 0) state->wake = eventfd(0, EFD_CLOEXEC);
  struct epoll_event wake = {.events = EPOLLIN, .data.fd = state->wake};
  if (state->epoll < 0 || state->wake < 0) return false;
  if (epoll_ctl(state->epoll, EPOLL_CTL_ADD, state->wake, &wake) < 0 && errno != EEXIST) return false;
  pthread_attr_t attributes;
  sigset_t all, before;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN + STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are Node's own threads' */
  errno = pthread_create(&state->thread, &attributes, wait_for_edges, state);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  state->running = errno == 0;
  return state->running;
}

bool edges_watch(napi_env env, struct state *state, int fd, napi_value callback) {
  napi_value name;
  struct watched *watched = calloc(1, sizeof *watched);
  edges_unwatch(state, fd);
  napi_create_string_utf8(env, "gpio", NAPI_AUTO_LENGTH, &name);
  if (watched == NULL || !start_thread(state) ||
      napi_create_threadsafe_function(env, callback, NULL, name, BATCHES_WAITING, 1, NULL, NULL, NULL, deliver,
                                      &watched->call) != napi_ok) {
    throw_errno(env, "watching lines");
    free(watched);
    return false;
  }
  watched->fd = fd;
  pthread_mutex_lock(&state->lock);
  watched->next = state->watched;
  state->watched = watched;
  pthread_mutex_unlock(&state->lock);
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(state->epoll, EPOLL_CTL_ADD, fd, &wanted) == 0) return true;
  throw_errno(env, "watching lines");
  edges_unwatch(state, fd);
  return false;
}

void edges_unwatch(struct state *state, int fd) {
  pthread_mutex_lock(&state->lock);
  struct watched **at = &state->watched;
  while (*at != NULL && (*at)->fd != fd) at = &(*at)->next;
  struct watched *watched = *at;
  if (watched != NULL) *at = watched->next;
  pthread_mutex_unlock(&state->lock);
  if (watched == NULL) return;
  epoll_ctl(state->epoll, EPOLL_CTL_DEL, fd, NULL);
  /* What the thread has put in the queue is freed, not called. */
  napi_release_threadsafe_function(watched->call, napi_tsfn_abort);
  free(watched);
}

void edges_end(struct state *state) {
  if (state->running) {
    uint64_t one = 1;
    while (write(state->wake, &one, sizeof one) < 0 && errno == EINTR) continue;
    pthread_join(state->thread, NULL);
  }
  while (state->watched != NULL) {
    struct watched *watched = state->watched;
    state->watched = watched->next;
    free(watched); /* the functions are the environment's, which ends */
  }
  if (state->wake >= 0) close(state->wake);
  if (state->epoll >= 0) close(state->epoll);
}
