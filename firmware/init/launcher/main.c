#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel/sys.h"
#include "launcher.h"

noreturn void fail(const char *step, int error) {
  if (error != 0) dprintf(2, "launcher: %s: %s\n", step, strerror(error));
  else dprintf(2, "launcher: %s\n", step);
  _exit(LAUNCHER_FAILED);
}

const char *text(const char *format, ...) {
  char *result;
  va_list values;
  va_start(values, format);
  if (vasprintf(&result, format, values) < 0) fail("memory", ENOMEM);
  va_end(values);
  return result;
}

static int fork_or_fail(void) {
  int pid = fork();
  if (pid < 0) fail("fork", errno);
  return pid;
}

static void join_cgroup(const char *folder) {
  const char *path = text("%s/cgroup.procs", folder);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) < 0) fail(path, errno);
  close(fd);
}

static void make_namespaces(const struct options *options) {
  int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (options->network ? 0 : CLONE_NEWNET);
  if (unshare(flags) < 0) fail("namespaces", errno);
  if (options->hostname != NULL && sethostname(options->hostname, strlen(options->hostname)) < 0) fail("hostname", errno);
  int result = options->network ? 0 : sys_loopback_up();
  if (result < 0) fail("loopback interface", -result);
}

/* Process 1 of the app's namespace. The kernel gives it no default signal actions, which is why the app itself is not
 * process 1: SIGTERM could not end an app without a handler. Its end takes all of the namespace with it. */
static int start_reaper(const struct options *options) {
  int pid = fork_or_fail();
  if (pid != 0) return pid;
  struct options nothing_kept = *options;
  nothing_kept.keep_fd_count = 0;
  signal(SIGCHLD, SIG_IGN); /* orphans end without waiting for anybody */
  privileges_drop(options);
  descriptors_close(&nothing_kept);
  for (int fd = 0; fd < 3; fd++) close(fd);
  for (;;) pause();
}

static int start_app(const struct options *options, int shared_root) {
  int pid = fork_or_fail();
  if (pid != 0) return pid;
  sigset_t none;
  setsid();
  root_enter(options, shared_root);
  privileges_drop(options);
  descriptors_close(options);
  if (chdir(options->folder) < 0) fail(text("--chdir %s", options->folder), errno);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  environ = (char **)options->environment;
  execvpe(options->command[0], options->command, environ);
  fail(text("exec %s", options->command[0]), errno);
}

/* Passes signals on until the app has ended; gives its exit code as a shell would. */
static int watch(int app, int reaper, const sigset_t *signals) {
  int status;
  for (;;) {
    int signal = sigwaitinfo(signals, NULL);
    if (signal > 0 && signal != SIGCHLD) kill(app, signal);
    for (int pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != app) continue;
      int app_status = status;
      kill(reaper, SIGKILL);
      waitpid(reaper, &status, 0);
      return WIFSIGNALED(app_status) ? 128 + WTERMSIG(app_status) : WEXITSTATUS(app_status);
    }
  }
}

int main(int argc, char **argv) {
  struct options options;
  sigset_t signals;
  const char *wrong = options_parse(argc, argv, &options);
  if (wrong != NULL) fail(text("options: %s", wrong), EINVAL);
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  descriptors_close(&options);
  setpriority(PRIO_PROCESS, 0, 0); /* the agent may stand back while apps start; an app never does */
  if (chdir("/") < 0) fail("/", errno); /* a folder of the system, held by the reaper, would outlast pivot_root */
  gpio_share(&options);
  disk_limit(&options);
  if (options.cgroup != NULL) join_cgroup(options.cgroup);
  int shared_root = options.root_of == 0 ? -1 : root_of(&options);
  make_namespaces(&options);
  int reaper = start_reaper(&options);
  int app = start_app(&options, shared_root);
  options.keep_fd_count = 0;
  descriptors_close(&options); /* the app alone decides when its end of a channel closes */
  return watch(app, reaper, &signals);
}
