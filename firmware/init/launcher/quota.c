#include <errno.h>
#include <fcntl.h>
#include <linux/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher.h"

/* ESRCH: the file system keeps no account of its users, as one that an older release made; ENOSYS: it never does, as RAM. */
static int is_unlimited(int error) { return error == ESRCH || error == ENOSYS; }

/* The limits belong to the user, not to the run: the last one that is set counts. */
void disk_limit(const struct options *options) {
  if (options->disk_kib == 0 && options->disk_files == 0) return;
  struct if_dqblk limits = {
      .dqb_bhardlimit = options->disk_kib, .dqb_ihardlimit = options->disk_files, .dqb_valid = QIF_LIMITS};
  int fd = open(options->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail(options->home, errno);
  int result = (int)syscall(SYS_quotactl_fd, fd, QCMD(Q_SETQUOTA, USRQUOTA), options->uid, &limits);
  if (result < 0 && !is_unlimited(errno)) fail("limit of the disk", errno);
  close(fd);
}
