#include "machine.h"

#include <linux/fs.h>

#define DISK 10
#define FILE_FD 11
#define CHANNEL 12
#define OTHER 13
#define CALLS_MAX 2000000 /* nothing may go on for ever */

uint8_t machine_disk[4096];
uint64_t machine_disk_bytes;
struct input machine_file, machine_channel;
char machine_name[NAME_SIZE];
static int64_t now_ms;
static int calls, running;

void input_take(struct input *input, void *target, size_t size) {
  size_t got = size < input->size ? size : input->size;
  memset(target, 0, size);
  if (got > 0) memcpy(target, input->bytes, got);
  input->bytes += got;
  input->size -= got;
}

void machine_reset(void) {
  memset(machine_disk, 0, sizeof machine_disk);
  machine_disk_bytes = 0;
  machine_file = machine_channel = (struct input){0};
  strcpy(machine_name, "sda");
  now_ms = 0;
  calls = running = 0;
}

static void count(void) { assert(++calls < CALLS_MAX); }

int sys_open(const char *path, int flags, int mode) {
  (void)mode;
  count();
  if (strncmp(path, "/dev/", 5) == 0) return DISK;
  return flags & O_CREAT || strncmp(path, "/data", 5) == 0 ? OTHER : FILE_FD;
}
int sys_close(int fd) { return fd < DISK ? -EBADF : 0; }
int sys_dup(int fd, int target) { return fd < target ? target : fd; }
long sys_read(int fd, void *buffer, size_t size) {
  count();
  struct input *input = fd == CHANNEL ? &machine_channel : &machine_file;
  if (fd != CHANNEL && fd != FILE_FD) return -EBADF;
  size_t got = size < input->size ? size : input->size;
  input_take(input, buffer, got);
  return (long)got;
}
long sys_write(int fd, const void *buffer, size_t size) {
  volatile uint8_t sink = 0;
  for (size_t i = 0; i < size; i++) sink ^= ((const uint8_t *)buffer)[i]; /* the sanitizer sees what is read */
  (void)sink;
  return fd == 2 || fd == OTHER ? (long)size : -EBADF;
}
long sys_pread(int fd, void *buffer, size_t size, int64_t offset) {
  if (fd != DISK || offset < 0 || offset + (int64_t)size > (int64_t)sizeof machine_disk) return -EIO;
  memcpy(buffer, machine_disk + offset, size);
  return (long)size;
}
long sys_pwrite(int fd, const void *buffer, size_t size, int64_t offset) {
  assert(fd == DISK && offset >= 0 && offset + (int64_t)size <= (int64_t)sizeof machine_disk);
  memcpy(machine_disk + offset, buffer, size);
  return (long)size;
}
int sys_fsync(int fd) { return fd < DISK ? -EBADF : 0; }
int sys_ioctl(int fd, unsigned long request, void *argument) {
  (void)fd;
  if (request == BLKGETSIZE64) *(uint64_t *)argument = machine_disk_bytes;
  return 0;
}
int sys_exists(const char *path) { return path[0] == '/'; }
int sys_list(const char *folder, char names[][NAME_SIZE], int limit) {
  (void)folder;
  if (limit < 1) return 0;
  memcpy(names[0], machine_name, NAME_SIZE);
  return 1;
}
int sys_mkdir(const char *path, int mode) { return path[0] == '/' && mode ? 0 : -EINVAL; }
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  (void)source, (void)flags, (void)data;
  /* A damaged ext4 does not mount; RAM always does. */
  return type && strcmp(type, "ext4") == 0 && machine_disk[1024 + 0x38] != 0x53 ? -EINVAL : target[0] == '/' ? 0 : -EINVAL;
}
int sys_unmount(const char *target) { return target[0] == '/' ? 0 : -EINVAL; }
int sys_switch_root(const char *root) { return root[0] == '/' ? 0 : -EINVAL; }
int sys_loopback_up(void) { return 0; }
int sys_channel(int ends[2]) {
  ends[0] = CHANNEL;
  ends[1] = OTHER;
  return 0;
}
int sys_signals(void) { return OTHER; }
int sys_next_signal(int fd) {
  (void)fd;
  return 0;
}
int sys_spawn(const struct spawn *spawn) {
  assert(spawn->argv[0] != NULL);
  count();
  return running = 7;
}
int sys_reap(int *status) {
  int pid = machine_channel.size == 0 ? running : 0;
  if (pid == 0) return -ECHILD;
  running = 0;
  *status = 1 << 8;
  return pid;
}
int sys_kill(int pid, int signal) {
  (void)pid, (void)signal;
  return 0;
}
int sys_poll(struct pollfd *fds, int count_of, int64_t timeout_ms) {
  count();
  for (int i = 0; i < count_of; i++) fds[i].revents = 0;
  if (count_of > 1 && fds[1].fd == CHANNEL && machine_channel.size > 0) return fds[1].revents = POLLIN, 1;
  now_ms += timeout_ms > 0 ? timeout_ms : 1;
  return running && machine_channel.size == 0 ? 1 : 0;
}
int64_t sys_now_ms(void) { return now_ms++; }
void sys_sleep_ms(int64_t ms) { now_ms += ms; }
void sys_sync(void) {}
int sys_reboot(int command) {
  (void)command;
  assert(!"init gave up");
  return 0;
}
int sys_restart(const char *argument) {
  (void)argument;
  assert(!"init gave up");
  return 0;
}
