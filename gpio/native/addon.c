#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpio.h"

static const char *name_of(int code) {
  switch (code) {
    case EBUSY: return "EBUSY";
    case EACCES: return "EACCES";
    case EPERM: return "EPERM";
    case ENODEV: return "ENODEV";
    case ENXIO: return "ENXIO";
    case EINVAL: return "EINVAL";
    case ENOTTY: return "ENOTTY";
    case EBADF: return "EBADF";
    case ENOMEM: return "ENOMEM";
    case EMFILE: return "EMFILE";
    case EAGAIN: return "EAGAIN";
    case EIO: return "EIO";
    default: return "ERR_GPIO";
  }
}

napi_value throw_errno(napi_env env, const char *call) {
  int code = errno;
  char text[160];
  snprintf(text, sizeof text, "%s: %s", call, strerror(code));
  napi_throw_error(env, name_of(code), text);
  return NULL;
}

napi_value throw_type(napi_env env, const char *text) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", text);
  return NULL;
}

struct state *state_of(napi_env env) {
  void *state = NULL;
  napi_get_instance_data(env, &state);
  return state;
}

/* The lines go back when the environment ends, also where that is a worker and the process lives on. */
static void end(void *data) {
  struct state *state = data;
  edges_end(state);
  lines_end(state);
  pthread_mutex_destroy(&state->lock);
  free(state);
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor calls[] = {
      {"chipInfo", NULL, chip_info, NULL, NULL, NULL, napi_enumerable, NULL},
      {"lineInfo", NULL, line_info, NULL, NULL, NULL, napi_enumerable, NULL},
      {"request", NULL, lines_request, NULL, NULL, NULL, napi_enumerable, NULL},
      {"configure", NULL, lines_configure, NULL, NULL, NULL, napi_enumerable, NULL},
      {"read", NULL, lines_read, NULL, NULL, NULL, napi_enumerable, NULL},
      {"write", NULL, lines_write, NULL, NULL, NULL, napi_enumerable, NULL},
      {"watch", NULL, lines_watch, NULL, NULL, NULL, napi_enumerable, NULL},
      {"unwatch", NULL, lines_unwatch, NULL, NULL, NULL, napi_enumerable, NULL},
      {"release", NULL, lines_release, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  struct state *state = calloc(1, sizeof *state);
  if (state == NULL) {
    errno = ENOMEM;
    return throw_errno(env, "gpio");
  }
  state->epoll = state->wake = -1;
  pthread_mutex_init(&state->lock, NULL);
  if (napi_set_instance_data(env, state, NULL, NULL) != napi_ok ||
      napi_add_env_cleanup_hook(env, end, state) != napi_ok ||
      napi_define_properties(env, exports, sizeof calls / sizeof calls[0], calls) != napi_ok)
    return NULL;
  return exports;
}
