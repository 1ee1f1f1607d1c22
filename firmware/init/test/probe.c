/* Runs as an app inside the launcher and says, one `key=value` a line, what an app sees. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
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

static void exit_7(int signal) {
  (void)signal;
  _exit(7);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "report";
  if (strcmp(mode, "report") == 0) report();
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
