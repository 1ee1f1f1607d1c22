/* Kernel calls that Node.js has not, as a Node-API addon. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <node_api.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* COMMAND_LINE_SIZE of x86 and arm64 is 2048, the end mark counted. */
#define COMMAND_LINE_MAX 2048
#define PAGE_BYTES 4096
#define ALIGNED_MAX (16 << 20)
#define HANDSHAKE_MS 100 /* within one machine it is done when the call returns, unless the queue of the other is full */
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

static bool is_same_file(int one, int other) {
  struct stat first, second;
  return fstat(one, &first) != 0 || fstat(other, &second) != 0 || (first.st_dev == second.st_dev && first.st_ino == second.st_ino);
}

/* A socket belongs for ever to the network in which it was made: only that moment is spent there. */
static int socket_in_network_of(int process) {
  char path[40];
  int result = -1;
  snprintf(path, sizeof path, "/proc/%d/ns/net", process);
  int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  int other = open(path, O_RDONLY | O_CLOEXEC);
  if (own < 0 || other < 0) goto done;
  if (is_same_file(own, other)) errno = ENETDOWN; /* it has not entered its own yet: who answers here is another */
  else if (setns(other, CLONE_NEWNET) == 0) {
    result = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = errno;
    if (setns(own, CLONE_NEWNET) != 0) abort(); /* everything of this process would go on in the wrong network */
    errno = code;
  }
done:;
  int code = errno;
  if (own >= 0) close(own);
  if (other >= 0) close(other);
  errno = code;
  return result;
}

static int connect_loopback(int fd, uint16_t port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct pollfd ready = {.fd = fd, .events = POLLOUT};
  socklen_t size = sizeof errno;
  int code = 0;
  if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return 0;
  if (errno != EINPROGRESS) return -1;
  if (poll(&ready, 1, HANDSHAKE_MS) != 1) code = ETIMEDOUT;
  else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  errno = code;
  return code == 0 ? 0 : -1;
}

/* connectIn(processId, port): descriptor of a TCP connection to 127.0.0.1 in the network of a process; setns(2) */
static napi_value connect_in_call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], result;
  int32_t process, port;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 2 ||
      napi_get_value_int32(env, arguments[0], &process) != napi_ok ||
      napi_get_value_int32(env, arguments[1], &port) != napi_ok || process < 1 || port < 1 || port > 65535)
    return throw_type(env, "connectIn wants a process id and a port");
  int fd = socket_in_network_of(process);
  if (fd < 0) return throw_errno(env, "network of the process");
  if (connect_loopback(fd, (uint16_t)port) != 0) {
    int code = errno;
    close(fd);
    errno = code;
    return throw_errno(env, "connect");
  }
  return napi_create_int32(env, fd, &result) == napi_ok ? result : NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor calls[] = {
      {"kexecFileLoad", NULL, kexec_file_load_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"setClock", NULL, set_clock_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"trimMemory", NULL, trim_memory_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"connectIn", NULL, connect_in_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"alignedBuffer", NULL, aligned_buffer_call, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, sizeof calls / sizeof calls[0], calls) != napi_ok) return NULL;
  return exports;
}
