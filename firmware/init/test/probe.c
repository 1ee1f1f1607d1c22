/* Runs as an app inside the launcher and says, one `key=value` a line, what an app sees. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void list(const char *key, const char *folder) {
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort);
  printf("%s=", key);
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] != '.') printf("%s ", entries[i]->d_name);
  }
  printf("%s\n", count < 0 ? strerror(errno) : "");
}

static void copy_lines(const char *path, const char *prefixes[]) {
  char line[1024];
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file)) {
    for (int i = 0; prefixes[i] != NULL; i++) {
      if (strncmp(line, prefixes[i], strlen(prefixes[i])) == 0) printf("%s", line);
    }
  }
  if (file != NULL) fclose(file);
}

static void processes(void) {
  struct dirent *entry;
  DIR *stream = opendir("/proc");
  int count = 0;
  while ((entry = readdir(stream)) != NULL) count += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
  closedir(stream);
  printf("processes=%d\npid=%d\n", count, getpid());
}

static void writing(const char *key, const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  printf("%s=%s\n", key, fd < 0 ? strerror(errno) : write(fd, "x", 1) == 1 ? "written" : strerror(errno));
  if (fd >= 0) close(fd);
}

static void device(const char *path) {
  struct stat status;
  int known = stat(path, &status) == 0;
  int fd = known ? open(path, O_RDWR | O_NOCTTY) : -1;
  printf("device %s=%s", path, known ? fd < 0 ? strerror(errno) : "opens" : "missing");
  if (known) printf(" %u:%u %o %u", major(status.st_rdev), minor(status.st_rdev), status.st_mode & 0777, status.st_uid);
  printf("\n");
  if (fd >= 0) close(fd);
}

static void report(void) {
  struct utsname names;
  char text[256] = "";
  const char *status[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "SigBlk:", "SigIgn:", NULL};
  uname(&names);
  printf("hostname=%s\n", names.nodename);
  copy_lines("/proc/self/status", status);
  processes();
  printf("cwd=%s\n", getcwd(text, sizeof text));
  list("root", "/");
  list("app", "/app");
  list("data", "/data");
  list("home", "/home");
  list("run", "/run");
  list("dev", "/dev");
  list("fds", "/proc/self/fd");
  list("interfaces", "/sys/class/net");
  writing("write root", "/written-by-app");
  writing("write app", "/app/new");
  writing("write tmp", "/tmp/new");
  writing("write proc", "/proc/sys/kernel/hostname");
  writing("write sys", "/sys/kernel/uevent_seqnum");
  struct statvfs sys;
  printf("sys=%s\n", statvfs("/sys", &sys) < 0 ? strerror(errno) : sys.f_flag & ST_RDONLY ? "read-only" : "writable");
  copy_lines("/proc/cpuinfo", (const char *[]){"Revision", NULL});
  writing("write dev", "/dev/new");
  writing("write shm", "/dev/shm/new");
  device("/dev/null");
  device("/dev/urandom");
  device("/dev/ptmx");
  device("/dev/loop0");
  device("/dev/kmsg");
  printf("mount=%s\n", mount("t", "/tmp", "tmpfs", 0, NULL) < 0 ? strerror(errno) : "done");
  printf("chroot=%s\n", chroot("/tmp") < 0 ? strerror(errno) : "done");
  printf("mknod=%s\n", mknod("/tmp/d", S_IFCHR | 0666, makedev(1, 1)) < 0 ? strerror(errno) : "done");
  printf("kill 1=%s\n", kill(1, SIGKILL) < 0 ? strerror(errno) : "done");
  printf("init cwd=%s\n", readlink("/proc/1/cwd", text, sizeof text) < 0 ? strerror(errno) : "readable");
  for (char **variable = environ; *variable != NULL; variable++) printf("env %s\n", *variable);
}

static void call(const char *name, long result) { printf("%s=%s\n", name, result < 0 ? strerror(errno) : "done"); }

/* Calls that need no rights of their own, or whose refusal by the filter differs from the kernel's own. */
static void calls(void) {
  struct timespec time = {0};
  printf("Seccomp of status: ");
  copy_lines("/proc/self/status", (const char *[]){"Seccomp:", NULL});
  call("unshare", unshare(CLONE_NEWUSER));
  call("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
  call("clone3", syscall(SYS_clone3, NULL, 0));
  call("setns", setns(0, 0));
  call("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  call("process_vm_readv", process_vm_readv(getpid(), NULL, 0, NULL, 0, 0));
  call("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  call("bpf", syscall(SYS_bpf, 0, NULL, 0));
  call("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
  call("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
  call("userfaultfd", syscall(SYS_userfaultfd, 0));
  call("init_module", syscall(SYS_init_module, NULL, 0, ""));
  call("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
  call("reboot", syscall(SYS_reboot, 0, 0, 0, NULL));
  call("swapon", syscall(SYS_swapon, "", 0));
  call("clock_settime", clock_settime(CLOCK_REALTIME, &time));
  call("sethostname", sethostname("", 0));
  call("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  call("personality", syscall(SYS_personality, 0x0040000)); /* ADDR_NO_RANDOMIZE */
  call("unknown call", syscall(4000));
  call("TIOCSTI", ioctl(0, TIOCSTI, "x"));
  call("socket AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
  call("socket AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
  call("socket NETLINK_AUDIT", socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
  call("socket NETLINK_ROUTE", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  call("socket AF_UNIX", socket(AF_UNIX, SOCK_STREAM, 0));
  call("socket AF_INET6", socket(AF_INET6, SOCK_STREAM, 0));
}

/* Numbers of 32-bit x86 mean other calls: 20 is getpid there, writev here. */
static void foreign_call(void) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
  printf("%ld\n", result);
#endif
}

static void reach(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strcpy(address.sun_path + 1, name);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  printf("%ld %s\n", syscall(SYS_landlock_create_ruleset, NULL, 0, 1),
         connect(fd, (struct sockaddr *)&address, length) < 0 ? strerror(errno) : "connected");
}

static void exit_7(int signal) {
  (void)signal;
  _exit(7);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "report";
  if (strcmp(mode, "report") == 0) report();
  if (strcmp(mode, "reach") == 0) reach(argv[2]);
  if (strcmp(mode, "calls") == 0) calls();
  if (strcmp(mode, "foreign") == 0) foreign_call();
  if (strcmp(mode, "exit") == 0) return atoi(argv[2]);
  if (strcmp(mode, "crash") == 0) raise(SIGSEGV);
  if (strcmp(mode, "trap") == 0) signal(SIGTERM, exit_7);
  if (strcmp(mode, "orphans") == 0) {
    for (int i = 0; i < 3; i++) {
      if (fork() == 0) execl("/bin/probe", "probe", "wait", NULL);
    }
    usleep(50000);
    return 0;
  }
  if (strcmp(mode, "write-fd") == 0) return write(atoi(argv[2]), "kept", 4) != 4;
  if (strcmp(mode, "wait") == 0 || strcmp(mode, "trap") == 0) {
    printf("ready\n");
    fflush(stdout);
    for (;;) pause();
  }
  return 0;
}
