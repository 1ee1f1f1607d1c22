/* The edge to the kernel: all that init asks of it. Every function gives a value >= 0 or -errno.
 * The unit tests link test/fake in place of sys.c. */
#ifndef SYS_H
#define SYS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_SIZE 32

struct spawn {
  char *const *argv;
  const char *root; /* chroot to it before exec, or NULL */
  int channel;      /* becomes fd 3, or -1 */
  bool terminal;    /* the console is its stdin and its controlling terminal, else stdin is /dev/null */
};

int sys_open(const char *path, int flags, int mode);
int sys_close(int fd);
int sys_dup(int fd, int target);
long sys_read(int fd, void *buffer, size_t size);
long sys_write(int fd, const void *buffer, size_t size);
long sys_pread(int fd, void *buffer, size_t size, int64_t offset);
long sys_pwrite(int fd, const void *buffer, size_t size, int64_t offset);
int sys_fsync(int fd);
int sys_ioctl(int fd, unsigned long request, void *argument);
int sys_exists(const char *path);
int sys_list(const char *folder, char names[][NAME_SIZE], int limit); /* number of entries, unsorted */
int sys_mkdir(const char *path, int mode);
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int sys_unmount(const char *target);
int sys_switch_root(const char *root);
int sys_loopback_up(void);
int sys_channel(int ends[2]); /* stream socket pair; end 0 does not block */
int sys_signals(void);        /* blocks SIGCHLD, SIGINT and SIGTERM; fd from which they are read */
int sys_next_signal(int fd);  /* signal number, or 0 when none waits */
int sys_spawn(const struct spawn *spawn);
int sys_reap(int *status); /* pid of an ended child, 0 when none has ended, -ECHILD when there is none at all */
int sys_kill(int pid, int signal);
int sys_poll(struct pollfd *fds, int count, int64_t timeout_ms);
int64_t sys_now_ms(void); /* since boot, never set back */
void sys_sleep_ms(int64_t ms);
void sys_sync(void);
int sys_reboot(int command);
int sys_restart(const char *argument); /* a reboot with words for the board's firmware */

#endif
