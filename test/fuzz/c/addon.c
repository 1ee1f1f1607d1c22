/* The agent's addon, called with arguments of any kind; the system calls it would make are not made. */
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static long fuzz_syscall(long number, ...);
static int fuzz_settime(clockid_t clock, const struct timespec *time);
static int fuzz_setns(int fd, int kind);
static int fuzz_socket(int family, int kind, int protocol);
static int fuzz_connect(int fd, const struct sockaddr *to, socklen_t size);
static int fuzz_poll(struct pollfd *list, nfds_t count, int limit);
#define syscall fuzz_syscall
#define clock_settime fuzz_settime
#define setns fuzz_setns
#define socket(...) fuzz_socket(__VA_ARGS__)
#define connect(...) fuzz_connect(__VA_ARGS__)
#define poll(...) fuzz_poll(__VA_ARGS__)
#include "../../../device-agent/native/nodeos.c"

static const uint8_t *bytes;
static size_t left;
#define CALLS 5
static napi_callback calls[CALLS];
static size_t made;

static uint8_t next(void) { return left > 0 ? (left--, *bytes++) : 0; }

static long fuzz_syscall(long number, ...) {
  va_list words;
  va_start(words, number);
  (void)va_arg(words, int), (void)va_arg(words, int);
  size_t length = va_arg(words, unsigned long);
  const char *line = va_arg(words, const char *);
  va_end(words);
  /* kexec_file_load(2): the length counts the end mark, and the kernel takes COMMAND_LINE_SIZE at most. */
  assert(line[length - 1] == '\0' && length <= COMMAND_LINE_MAX);
  errno = EBUSY;
  return next() & 1 ? -1 : 0;
}
static int fuzz_settime(clockid_t clock, const struct timespec *time) {
  assert(clock == CLOCK_REALTIME && time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1000000000);
  return 0;
}
/* Into the other network, which may be refused, and always back again. */
static int networks_entered;
static int fuzz_setns(int fd, int kind) {
  assert(fd >= 0 && kind == CLONE_NEWNET);
  errno = EPERM;
  if (networks_entered == 0 && (next() & 1)) return -1;
  networks_entered ^= 1;
  return 0;
}
/* Something that can be closed. */
static int fuzz_socket(int family, int kind, int protocol) {
  assert(networks_entered == 1 && family == AF_INET && (kind & SOCK_CLOEXEC) && protocol == 0);
  return open("/dev/null", O_RDWR | O_CLOEXEC);
}
static int fuzz_connect(int fd, const struct sockaddr *to, socklen_t size) {
  const struct sockaddr_in *address = (const struct sockaddr_in *)to;
  assert(networks_entered == 0 && fd >= 0 && size == sizeof *address && address->sin_port != 0);
  assert(address->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  errno = next() & 1 ? EINPROGRESS : ECONNREFUSED;
  return next() & 1 ? -1 : 0;
}
static int fuzz_poll(struct pollfd *list, nfds_t count, int limit) {
  assert(list->fd >= 0 && count == 1 && limit <= HANDSHAKE_MS);
  errno = EINTR;
  return next() % 3 - 1;
}
/* The descriptor is the caller's from here on. */
napi_status napi_create_int32(napi_env e, int32_t value, napi_value *v) {
  (void)e, (void)v;
  assert(value >= 0 && fcntl(value, F_GETFD) >= 0);
  close(value);
  return napi_ok;
}
napi_status napi_get_cb_info(napi_env e, napi_callback_info i, size_t *count, napi_value *v, napi_value *t, void **d) {
  (void)e, (void)i, (void)v, (void)t, (void)d;
  *count = next() % 5;
  return napi_ok;
}
napi_status napi_get_value_int32(napi_env e, napi_value v, int32_t *result) {
  (void)e, (void)v;
  *result = (int32_t)next() - 8;
  return next() % 16 == 15 ? napi_number_expected : napi_ok;
}
napi_status napi_get_value_double(napi_env e, napi_value v, double *result) {
  (void)e, (void)v;
  uint8_t raw[sizeof *result];
  for (size_t at = 0; at < sizeof raw; at++) raw[at] = next();
  memcpy(result, raw, sizeof raw);
  return napi_ok;
}
/* node_api.h: copies at most size - 1 bytes and ends them; the length is what was copied. */
napi_status napi_get_value_string_utf8(napi_env e, napi_value v, char *buffer, size_t size, size_t *length) {
  (void)e, (void)v;
  size_t wanted = next() | (size_t)next() << 8;
  *length = wanted < size - 1 ? wanted : size - 1;
  memset(buffer, 'x', *length);
  buffer[*length] = '\0';
  return napi_ok;
}
napi_status napi_throw_error(napi_env e, const char *code, const char *text) {
  (void)e;
  assert(code != NULL && strlen(text) < 160);
  return napi_ok;
}
/* Node.js frees the memory with the buffer, or refuses it and leaves it to the addon. */
napi_status napi_create_external_buffer(napi_env e, size_t size, void *data, napi_finalize finalize, void *hint, napi_value *v) {
  (void)v;
  assert(size > 0 && size <= ALIGNED_MAX && (uintptr_t)data % PAGE_BYTES == 0);
  if (next() & 1) return napi_no_external_buffers_allowed;
  finalize(e, data, hint);
  return napi_ok;
}
napi_status napi_throw_type_error(napi_env e, const char *code, const char *text) { return napi_throw_error(e, code, text); }
napi_status napi_define_properties(napi_env e, napi_value o, size_t count, const napi_property_descriptor *list) {
  (void)e, (void)o;
  for (made = 0; made < count && made < CALLS; made++) calls[made] = list[made].method;
  return napi_ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (made == 0) napi_register_module_v1(NULL, NULL);
  assert(made == CALLS);
  bytes = data;
  left = size;
  calls[next() % CALLS](NULL, NULL);
  return 0;
}
