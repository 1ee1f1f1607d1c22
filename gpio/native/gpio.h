/* Lines of the GPIO character device (Linux, userspace ABI version 2) for Node.js. */
#ifndef NODEOS_GPIO_H
#define NODEOS_GPIO_H

#include <node_api.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct watched;
struct requested;

/* What one environment of Node.js (the main thread or a worker) holds. */
struct state {
  struct requested *requests;
  struct watched *watched; /* shared with the thread, under the lock */
  pthread_mutex_t lock;
  pthread_t thread;
  bool running;
  int epoll, wake;
};

napi_value throw_errno(napi_env env, const char *call);
napi_value throw_type(napi_env env, const char *text);
struct state *state_of(napi_env env);

bool edges_watch(napi_env env, struct state *state, int fd, napi_value callback); /* false: an exception is pending */
void edges_unwatch(struct state *state, int fd);
void edges_end(struct state *state);

napi_value chip_info(napi_env env, napi_callback_info info);
napi_value line_info(napi_env env, napi_callback_info info);
napi_value lines_request(napi_env env, napi_callback_info info);
napi_value lines_configure(napi_env env, napi_callback_info info);
napi_value lines_read(napi_env env, napi_callback_info info);
napi_value lines_write(napi_env env, napi_callback_info info);
napi_value lines_watch(napi_env env, napi_callback_info info);
napi_value lines_unwatch(napi_env env, napi_callback_info info);
napi_value lines_release(napi_env env, napi_callback_info info);
void lines_end(struct state *state);

#endif
