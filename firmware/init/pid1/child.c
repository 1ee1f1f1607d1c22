#include "init.h"

#define STEP_MS 1000

/* Waits with the watchdog petted, so that a long repair is not cut short; the limit ends a tool that hangs. */
int child_run(const struct boot *boot, const struct spawn *spawn, int64_t limit_ms) {
  int64_t end = sys_now_ms() + limit_ms;
  int status, pid = sys_spawn(spawn);
  if (pid < 0) return pid;
  for (;;) {
    for (int ended; (ended = sys_reap(&status)) != 0;) {
      if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
      if (ended < 0) return ended;
    }
    if (limit_ms > 0 && sys_now_ms() >= end) {
      sys_kill(pid, SIGKILL);
      return -ETIMEDOUT;
    }
    watchdog_pet();
    wait_for_signal(boot, STEP_MS);
  }
}

/* Sleeps until a signal comes, most of all SIGCHLD, and takes all that have come. */
void wait_for_signal(const struct boot *boot, int64_t limit_ms) {
  struct pollfd fds = {.fd = boot->signals, .events = POLLIN};
  sys_poll(&fds, 1, limit_ms);
  while (sys_next_signal(boot->signals) != 0) continue;
}
