/* What a hostile app asks of the kernel; says of each step, one `step<tab>answer` a line, how that ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_alg.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void say(const char *step, long result) {
  printf("%s\t%s\n", step, result < 0 ? strerror(errno) : "done");
  fflush(stdout);
}
#define TRY(step, call) say(step, (long)(call))

static void mounts(void) {
  TRY("mount", mount("t", "/mnt", "tmpfs", 0, NULL));
  TRY("remount the root", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
  TRY("make /sys writable", mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
  TRY("bind", mount("/proc", "/tmp", NULL, MS_BIND, NULL));
  TRY("unmount", umount2("/proc", MNT_DETACH));
  TRY("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  TRY("fsopen", syscall(SYS_fsopen, "ext4", 0));
  TRY("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
}

static void roots(void) {
  mkdir("/tmp/jail", 0755);
  TRY("chroot", chroot("/tmp/jail"));
  int fd = open("/proc/1/root", O_PATH);
  TRY("/proc/1/root", fd < 0 ? fd : openat(fd, "data", O_RDONLY));
  TRY("/proc/1/cwd", open("/proc/1/cwd", O_RDONLY));
}

static void namespaces(void) {
  TRY("unshare", unshare(CLONE_NEWUSER | CLONE_NEWNS));
  TRY("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
  struct { unsigned long long flags, rest[10]; } request = {.flags = CLONE_NEWUSER};
  TRY("clone3", syscall(SYS_clone3, &request, sizeof request));
  int own = open("/proc/self/ns/mnt", O_RDONLY);
  TRY("setns", setns(own, CLONE_NEWNS));
}

static void processes(void) {
  char byte;
  struct iovec local = {&byte, 1}, remote = {(void *)0x400000, 1};
  TRY("ptrace", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
  TRY("process_vm_readv", process_vm_readv(1, &local, 1, &remote, 1, 0));
  TRY("/proc/1/mem", open("/proc/1/mem", O_RDWR));
  TRY("/proc/1/environ", open("/proc/1/environ", O_RDONLY));
  TRY("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0));
}

/* Numbers of threads can be signalled too; each belongs to a process. */
static int process_of(int thread) {
  char path[64], line[256];
  int process = -1;
  snprintf(path, sizeof path, "/proc/%d/status", thread);
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file)) sscanf(line, "Tgid: %d", &process);
  if (file != NULL) fclose(file);
  return process;
}

/* Which processes can be signalled that are not this app's own: its first one, its program, this one. */
static void signals(void) {
  int others = 0;
  for (int pid = 1; pid < 32768; pid++) {
    if (kill(pid, 0) < 0 && errno == ESRCH) continue;
    int process = process_of(pid);
    others += process != 1 && process != getppid() && process != getpid();
  }
  printf("signals\t%s\n", others == 0 ? "reach the app's own processes only" : "reach others");
}

static void nodes(void) {
  TRY("mknod disk", mknod("/tmp/disk", S_IFBLK | 0666, makedev(253, 0)));
  TRY("mknod memory", mknod("/tmp/mem", S_IFCHR | 0666, makedev(1, 1)));
  TRY("mknod kernel log", mknod("/tmp/kmsg", S_IFCHR | 0666, makedev(1, 11)));
  TRY("mknod in /dev", mknod("/dev/null2", S_IFCHR | 0666, makedev(1, 3)));
}

static void devices(void) {
  static const char *const paths[] = {"/dev/vda", "/dev/sda", "/dev/loop0", "/dev/loop-control", "/dev/mem", "/dev/kmsg",
                                      "/dev/console", "/dev/ttyS0", "/dev/watchdog", "/dev/rtc0", "/dev/mapper/control"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) TRY(paths[i] + 5, open(paths[i], O_RDWR));
}

static void machine(void) {
  struct timespec time = {0};
  TRY("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, RB_AUTOBOOT, NULL));
  TRY("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
  TRY("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0, NULL, 0));
  TRY("init_module", syscall(SYS_init_module, NULL, 0, ""));
  TRY("swapon", swapon("/tmp/swap", 0));
  TRY("clock_settime", clock_settime(CLOCK_REALTIME, &time));
  TRY("settimeofday", settimeofday(&(struct timeval){0}, NULL));
  TRY("sethostname", sethostname("mine", 4));
  TRY("syslog", syscall(SYS_syslog, 3, NULL, 0));
  TRY("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL));
  TRY("acct", syscall(SYS_acct, "/tmp/acct"));
}

static void kernel_parts(void) {
  TRY("bpf", syscall(SYS_bpf, 0, NULL, 0));
  TRY("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
  TRY("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  TRY("add_key", syscall(SYS_add_key, "user", "x", "x", 1, -3));
  TRY("userfaultfd", syscall(SYS_userfaultfd, 0));
  TRY("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
  TRY("iopl", syscall(SYS_iopl, 3));
  TRY("personality", syscall(SYS_personality, 0x0040000));
}

/* The way out of containers by numbers of files instead of names. */
static void handles(void) {
  struct { struct file_handle head; unsigned long inode; } handle = {{8, 1, {}}, 2};
  int root = open("/", O_RDONLY);
  TRY("open_by_handle_at", open_by_handle_at(root, &handle.head, O_RDONLY));
}

static void ids(void) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
  TRY("setuid", setuid(0));
  TRY("setgid", setgid(0));
  TRY("setgroups", setgroups(1, (gid_t[]){0}));
  TRY("capset", syscall(SYS_capset, &head, all));
  TRY("chown", chown("/hostile", 0, 0));
}

/* A copy of itself that gives whoever starts it the owner's rights, and one with a capability of its own. */
static void setuid_files(void) {
  static const unsigned capability[5] = {0x02000001, ~0u, 0, ~0u, 0}; /* VFS_CAP_REVISION_2, effective */
  TRY("file capability", setxattr("/hostile", "security.capability", capability, sizeof capability, 0));
  chmod("/hostile", 06755);
  int pipes[2];
  char seen[64] = "";
  if (pipe(pipes) < 0) return;
  if (fork() == 0) {
    dup2(pipes[1], 1);
    execl("/hostile", "hostile", "whoami", NULL);
    _exit(1);
  }
  close(pipes[1]);
  if (read(pipes[0], seen, sizeof seen - 1) < 0) return;
  printf("setuid file\t%s\n", seen);
}

static void whoami(void) {
  char line[256];
  unsigned long long effective = 1;
  FILE *file = fopen("/proc/self/status", "r");
  while (file != NULL && fgets(line, sizeof line, file)) sscanf(line, "CapEff: %llx", &effective);
  printf("%s", effective == 0 && geteuid() == getuid() && geteuid() != 0 ? "runs with no right more" : "has gained rights");
}

static void sockets(void) {
  TRY("packets of the network", socket(AF_PACKET, SOCK_RAW, 0));
  TRY("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
  TRY("raw IP", socket(AF_INET, SOCK_RAW, 1));
  TRY("audit", socket(AF_NETLINK, SOCK_RAW, 9));
  int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  TRY("typing into a terminal", ioctl(terminal, TIOCSTI, "x"));
}

static void priorities(void) {
  struct sched_param first = {.sched_priority = 99};
  TRY("nice -20", setpriority(PRIO_PROCESS, 0, -20));
  TRY("real time", sched_setscheduler(0, SCHED_FIFO, &first));
  TRY("more open files", setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 24, 1 << 24}));
  int score = open("/proc/self/oom_score_adj", O_WRONLY);
  TRY("never killed for memory", score < 0 ? -1 : write(score, "-1000", 5));
}

static void fork_bomb(void) {
  int children = 0, pid;
  while (children < 100000 && (pid = fork()) >= 0) {
    if (pid == 0)
      for (;;)
        if (fork() < 0) pause();
    children++;
  }
  printf("fork\t%s\n", children < 100000 ? strerror(errno) : "no end");
}

static void memory_bomb(void) {
  for (;;) {
    char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block != MAP_FAILED) memset(block, 1, 1 << 20);
  }
}

static void spin(void) {
  for (int i = 0; i < 32; i++)
    if (fork() == 0) for (alarm(8);;) continue;
  printf("32 busy loops\tdone\n");
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*attack)(void); } attacks[] = {
      {"mounts", mounts}, {"roots", roots}, {"namespaces", namespaces}, {"processes", processes}, {"signals", signals},
      {"nodes", nodes}, {"devices", devices}, {"machine", machine}, {"kernel-parts", kernel_parts}, {"handles", handles},
      {"ids", ids}, {"setuid-files", setuid_files}, {"whoami", whoami}, {"sockets", sockets}, {"priorities", priorities},
      {"fork-bomb", fork_bomb}, {"memory-bomb", memory_bomb}, {"spin", spin}};
  for (size_t i = 0; argc == 2 && i < sizeof attacks / sizeof *attacks; i++) {
    if (strcmp(argv[1], attacks[i].name) != 0) continue;
    attacks[i].attack();
    return 0;
  }
  return 2;
}
