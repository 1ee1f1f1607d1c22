/* Starts one app in its own namespaces, on its own root, without privileges. */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

#define LAUNCHER_FAILED 125 /* exit code when the app was not started */
#define DEVICES_MAX 64
#define KEEP_FDS_MAX 32
#define ENVIRONMENT_MAX 256

struct options {
  unsigned uid, gid;
  unsigned root_of; /* process of another run with the same home, or 0 */
  unsigned disk_kib, disk_files; /* what the user may fill of the file system of its home; 0: nothing said */
  const char *hostname, *home, *lower, *bundle, *cgroup, *folder, *cpuinfo, *homes; /* NULL: not given; lower and folder always are */
  bool network; /* true: the host's */
  bool gpio;    /* lines may be used through /sys/class/gpio */
  const char *devices[DEVICES_MAX];
  int device_count;
  int keep_fds[KEEP_FDS_MAX]; /* ascending */
  int keep_fd_count;
  char *environment[ENVIRONMENT_MAX]; /* ended with NULL */
  int environment_count;
  char **command; /* ended with NULL */
};

/* Gives NULL, or what is wrong in words. The options point into argv. */
const char *options_parse(int argc, char **argv, struct options *options);

noreturn void fail(const char *step, int error);                       /* one line on stderr, exit code 125 */
__attribute__((format(printf, 1, 2))) const char *text(const char *format, ...); /* lasts for the process */

int root_of(const struct options *options); /* a detached mount of the other run's root, or -1 where it has none (any more) */
void root_enter(const struct options *options, int shared); /* in the new namespaces; afterwards only the app's root is seen */
void descriptors_close(const struct options *options); /* all above 2, but those to keep */
void privileges_drop(const struct options *options);
void filter_calls(void); /* what the kernel answers from now on */

void disk_limit(const struct options *options);
void gpio_share(const struct options *options); /* where it was asked for; in the system's own namespaces */
const char *gpio_added(const char *message, size_t length); /* path below /sys of the line that a uevent adds, or NULL */

#endif
