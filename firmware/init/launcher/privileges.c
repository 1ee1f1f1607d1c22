#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher.h"

void descriptors_close(const struct options *options) {
  unsigned next = 3;
  for (int i = 0; i < options->keep_fd_count; i++) {
    unsigned fd = (unsigned)options->keep_fds[i];
    if (fcntl((int)fd, F_SETFD, 0) < 0) fail(text("--keep-fd %u", fd), errno);
    if (fd > next && close_range(next, fd - 1, 0) < 0) fail("closing descriptors", errno);
    if (fd >= next) next = fd + 1;
  }
  if (close_range(next, ~0U, 0) < 0) fail("closing descriptors", errno);
}

/* linux/landlock.h from Linux 6.12 on; older headers lack the last field and its bits. */
struct landlock_rules {
  uint64_t files, network, scoped;
};
#define SCOPE_ABSTRACT_SOCKETS 1u
#define SCOPE_SIGNALS 2u
#define SCOPES_SINCE 6 /* version of the interface */

/* Sockets with names outside the file system belong to the network, which apps may share. A kernel without Landlock lets
 * apps on one network reach each other's, as it does with ports. */
static void scope_sockets(void) {
  struct landlock_rules rules = {.scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS};
  if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* asks for the version */) < SCOPES_SINCE) return;
  int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
  if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0) fail("scope of sockets", errno);
  close(fd);
}

/* The bounding set first, while that is still allowed; the change of uid empties the other sets but the inheritable. */
void privileges_drop(const struct options *options) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) continue;
  if (errno != EINVAL) fail("capability bounding set", errno); /* EINVAL: past the kernel's last one */
  if (setgroups(0, NULL) < 0) fail("groups", errno);
  if (setresgid(options->gid, options->gid, options->gid) < 0) fail("gid", errno);
  if (setresuid(options->uid, options->uid, options->uid) < 0) fail("uid", errno);
  if (syscall(SYS_capset, &head, none) < 0) fail("capabilities", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("no new privileges", errno);
  /* After the ids: their change clears it. The app must not outlive the process that answers for it. */
  if (prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0) < 0) fail("parent death signal", errno);
  scope_sockets();
  filter_calls();
}
