/* Kernel calls that Node.js has not, as a Node-API addon. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <node_api.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* COMMAND_LINE_SIZE of x86 and arm64 is 2048, the end mark counted. */
#define COMMAND_LINE_MAX 2048
#define PAGE_BYTES 4096
#define ALIGNED_MAX (16 << 20)
#define MS_MAX 253402300799999.0 /* end of the year 9999 */

static napi_value throw_errno(napi_env env, const char *call) {
  char text[160];
  int code = errno;
  /* The text carries the name of the error too, since a program can compare only that. */
  snprintf(text, sizeof text, "%s: %s (%s)", call, strerror(code), strerrorname_np(code) ? strerrorname_np(code) : "?");
  napi_throw_error(env, strerrorname_np(code), text);
  return NULL;
}

static napi_value throw_type(napi_env env, const char *text) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", text);
  return NULL;
}

/* kexecFileLoad(kernelFd, initramfsFd, commandLine): kexec_file_load(2) */
static napi_value kexec_file_load_call(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  int32_t kernel, initramfs;
  char command_line[COMMAND_LINE_MAX + 1];
  size_t length;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3 ||
      napi_get_value_int32(env, arguments[0], &kernel) != napi_ok ||
      napi_get_value_int32(env, arguments[1], &initramfs) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[2], command_line, sizeof command_line, &length) != napi_ok)
    return throw_type(env, "kexecFileLoad wants two file descriptors and a command line");
  /* A cut command line would boot without its last words, among them the trial's time limit. */
  if (length >= COMMAND_LINE_MAX) {
    errno = EINVAL;
    return throw_errno(env, "command line too long");
  }
#ifdef __NR_kexec_file_load
  if (syscall(__NR_kexec_file_load, kernel, initramfs, (unsigned long)length + 1, command_line, 0UL) != 0)
    return throw_errno(env, "kexec_file_load");
  return NULL;
#else
  errno = ENOSYS;
  return throw_errno(env, "kexec_file_load");
#endif
}

/* setClock(milliseconds since 1970): clock_settime(2) */
static napi_value set_clock_call(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  double milliseconds;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 1 ||
      napi_get_value_double(env, arguments[0], &milliseconds) != napi_ok)
    return throw_type(env, "setClock wants milliseconds since 1970");
  if (!(milliseconds >= 0 && milliseconds <= MS_MAX)) {
    errno = EINVAL;
    return throw_errno(env, "clock_settime");
  }
  int64_t whole = (int64_t)milliseconds;
  struct timespec time = {.tv_sec = whole / 1000, .tv_nsec = (whole % 1000) * 1000000};
  if (clock_settime(CLOCK_REALTIME, &time) != 0) return throw_errno(env, "clock_settime");
  return NULL;
}

/* trimMemory(): malloc_trim(3) */
static napi_value trim_memory_call(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  malloc_trim(0);
  return NULL;
}

static void free_memory(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

/* alignedBuffer(bytes): zeros that begin on a page, as direct I/O demands; Node's own buffers begin anywhere */
static napi_value aligned_buffer_call(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1], buffer;
  int32_t bytes;
  void *data;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 1 ||
      napi_get_value_int32(env, arguments[0], &bytes) != napi_ok || bytes < 1 || bytes > ALIGNED_MAX)
    return throw_type(env, "alignedBuffer wants 1 to 16777216 bytes");
  errno = posix_memalign(&data, PAGE_BYTES, (size_t)bytes);
  if (errno != 0) return throw_errno(env, "posix_memalign");
  memset(data, 0, (size_t)bytes);
  if (napi_create_external_buffer(env, (size_t)bytes, data, free_memory, NULL, &buffer) == napi_ok) return buffer;
  free(data);
  return throw_type(env, "alignedBuffer: this Node.js takes no memory of others");
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor calls[] = {
      {"kexecFileLoad", NULL, kexec_file_load_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"setClock", NULL, set_clock_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"trimMemory", NULL, trim_memory_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"alignedBuffer", NULL, aligned_buffer_call, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, sizeof calls / sizeof calls[0], calls) != napi_ok) return NULL;
  return exports;
}
