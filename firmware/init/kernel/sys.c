#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call) ({ __typeof__(call) value_ = (call); value_ < 0 ? -errno : value_; })

int sys_open(const char *path, int flags, int mode) { return RESULT(open(path, flags | O_CLOEXEC, mode)); }
int sys_close(int fd) { return RESULT(close(fd)); }
int sys_dup(int fd, int target) { return RESULT(dup2(fd, target)); }
long sys_read(int fd, void *buffer, size_t size) { return RESULT(read(fd, buffer, size)); }
long sys_write(int fd, const void *buffer, size_t size) { return RESULT(write(fd, buffer, size)); }
long sys_pread(int fd, void *buffer, size_t size, int64_t offset) { return RESULT(pread(fd, buffer, size, offset)); }
long sys_pwrite(int fd, const void *buffer, size_t size, int64_t offset) {
  return RESULT(pwrite(fd, buffer, size, offset));
}
int sys_fsync(int fd) { return RESULT(fsync(fd)); }
int sys_ioctl(int fd, unsigned long request, void *argument) { return RESULT(ioctl(fd, request, argument)); }
int sys_exists(const char *path) { return access(path, F_OK) == 0; }
int sys_mkdir(const char *path, int mode) { return RESULT(mkdir(path, (mode_t)mode)); }
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  return RESULT(mount(source, target, type, flags, data));
}
int sys_unmount(const char *target) { return RESULT(umount2(target, UMOUNT_NOFOLLOW)); }
int sys_kill(int pid, int signal) { return RESULT(kill(pid, signal)); }
int sys_poll(struct pollfd *fds, int count, int64_t timeout_ms) {
  return RESULT(poll(fds, (nfds_t)count, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms));
}
void sys_sync(void) { sync(); }
int sys_reboot(int command) { return RESULT(reboot(command)); }
int sys_restart(const char *argument) {
  return (int)RESULT(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2, argument));
}

int sys_list(const char *folder, char names[][NAME_SIZE], int limit) {
  DIR *stream = opendir(folder);
  int count = 0;
  if (stream == NULL) return -errno;
  for (struct dirent *entry; count < limit && (entry = readdir(stream)) != NULL;) {
    if (entry->d_name[0] != '.' && strlen(entry->d_name) < NAME_SIZE) strcpy(names[count++], entry->d_name);
  }
  closedir(stream);
  return count;
}

int sys_switch_root(const char *root) {
  if (chdir(root) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) return -errno;
  return 0;
}

int sys_loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int result = RESULT(ioctl(fd, SIOCSIFFLAGS, &request));
  close(fd);
  return result;
}

int sys_channel(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  return RESULT(fcntl(ends[0], F_SETFL, O_NONBLOCK));
}

int sys_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return RESULT(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int sys_next_signal(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

static void become(const struct spawn *spawn) {
  static char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=linux", NULL};
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  if (spawn->root != NULL && (chroot(spawn->root) < 0 || chdir("/") < 0)) return;
  int input = open(spawn->terminal ? "/dev/console" : "/dev/null", O_RDWR);
  if (input < 0 || dup2(input, 0) < 0) return;
  if (spawn->terminal) ioctl(0, TIOCSCTTY, 1);
  if (spawn->channel == 3) fcntl(3, F_SETFD, 0);
  if (spawn->channel >= 0 && spawn->channel != 3 && dup2(spawn->channel, 3) < 0) return;
  close_range(spawn->channel >= 0 ? 4 : 3, ~0U, 0);
  execve(spawn->argv[0], spawn->argv, environment);
}

int sys_spawn(const struct spawn *spawn) {
  int pid = RESULT(fork());
  if (pid != 0) return pid;
  become(spawn);
  dprintf(2, "init: %s: %s\n", spawn->argv[0], strerror(errno));
  _exit(127);
}

int sys_reap(int *status) { return RESULT(waitpid(-1, status, WNOHANG)); }

int64_t sys_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sys_sleep_ms(int64_t ms) { poll(NULL, 0, (int)ms); }
