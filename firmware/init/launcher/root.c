#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "../kernel/loop.h"
#include "launcher.h"

#define SAFE (MS_NOSUID | MS_NODEV)
#define DNS "/run/nodeos/dns"
#define NOT_ENTERED -2
#define ENTER_STEP_NS 10000000 /* a run that has just begun is waited for, a second in all */
#define ENTER_STEPS 100

/* The app owns its root and may have put a symbolic link there: a mount must never follow one. */
static void mount_point(const char *path) {
  struct stat status;
  if (mkdir(path, 0755) < 0 && errno != EEXIST) fail(path, errno);
  if (lstat(path, &status) < 0) fail(path, errno);
  if (!S_ISDIR(status.st_mode)) fail(path, ENOTDIR);
}

static void mount_new(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  mount_point(target);
  if (mount(source, target, type, flags, data) < 0) fail(text("mount %s", target), errno);
}

static void make_link(const char *target, const char *path) {
  /* It may be there: a device that was asked for by name. */
  if (symlink(target, path) < 0 && errno != EEXIST) fail(text("link %s", path), errno);
}

/* A mount can only be taken from within its own namespace. Gives a detached mount of the process's root, or -1 where the
 * process has ended, or NOT_ENTERED while its root is still the system's. */
static int clone_root(unsigned pid, unsigned uid) {
  struct stat system, root;
  int other = open(text("/proc/%u/ns/mnt", pid), O_RDONLY | O_CLOEXEC);
  if (other < 0) return -1;
  int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0) fail("own mount namespace", errno);
  if (setns(other, CLONE_NEWNS) < 0) fail(text("mount namespace of %u", pid), errno);
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  int error = errno;
  if (setns(own, CLONE_NEWNS) < 0) fail("back to the own mount namespace", errno);
  if (tree < 0) fail(text("root of %u", pid), error);
  close(own);
  close(other);
  if (stat("/", &system) < 0 || fstat(tree, &root) < 0) fail(text("root of %u", pid), errno);
  if (root.st_dev != system.st_dev && root.st_uid == uid) return tree;
  close(tree);
  return root.st_dev == system.st_dev ? NOT_ENTERED : -1; /* -1: a stranger with the number of one that ended */
}

/* Two overlays over one upper folder are undefined behaviour (Documentation/filesystems/overlayfs.rst, "Sharing and
 * copying layers"), so runs of one user at the same time share one. */
int root_of(const struct options *options) {
  const struct timespec step = {.tv_nsec = ENTER_STEP_NS};
  int tree = clone_root(options->root_of, options->uid);
  for (int steps = 0; tree == NOT_ENTERED && steps < ENTER_STEPS; steps++) {
    nanosleep(&step, NULL);
    tree = clone_root(options->root_of, options->uid);
  }
  return tree < 0 ? -1 : tree;
}

static void attach_overlay(const struct options *options, int tree) {
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, options->lower, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail("shared root", errno);
  close(tree);
  if (chdir(options->lower) < 0) fail(options->lower, errno);
}

static void mount_overlay(const struct options *options) {
  const char *work_parent = text("%s/.work", dirname(strdup(options->home)));
  const char *work = text("%s/%s", work_parent, basename(strdup(options->home)));
  if (mkdir(work_parent, 0700) < 0 && errno != EEXIST) fail(work_parent, errno);
  if (mkdir(work, 0700) < 0 && errno != EEXIST) fail(work, errno);
  const char *data = text("lowerdir=%s,upperdir=%s,workdir=%s", options->lower, options->home, work);
  /* On top of its own lower folder: no other place is needed, and only this namespace sees it. */
  if (mount("root", options->lower, "overlay", SAFE, data) < 0) fail("overlay root", errno);
  if (chdir(options->lower) < 0) fail(options->lower, errno);
}

static void mount_bundle(const char *bundle) {
  char device[NAME_SIZE];
  int loop = loop_attach(bundle, O_RDONLY, device);
  if (loop < 0) fail(text("bundle %s", bundle), -loop);
  mount_new(device, "app", "squashfs", SAFE | MS_RDONLY, NULL);
  close(loop);
}

/* A node of its own, not a bind of the host's: its owner and mode are then the app's alone. Where nodes cannot be made
 * (a container), the host's is bound. */
static void add_device(const char *path, mode_t mode, unsigned uid, unsigned gid) {
  struct stat status;
  const char *inside = path + 1;
  if (stat(path, &status) < 0) fail(text("device %s", path), errno);
  if (!S_ISCHR(status.st_mode)) fail(text("device %s is not a character device", path), ENODEV);
  for (char *slash = strchr(inside + 4, '/'), *folder; slash != NULL; slash = strchr(slash + 1, '/')) {
    folder = strndup(inside, (size_t)(slash - inside));
    if (mkdir(folder, 0755) < 0 && errno != EEXIST) fail(text("device %s", path), errno);
  }
  if (mknod(inside, S_IFCHR | mode, status.st_rdev) == 0) {
    if (chown(inside, uid, gid) < 0) fail(text("device %s", path), errno);
    return;
  }
  if (errno == EEXIST) return;
  int file = errno == EPERM ? open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (file < 0) fail(text("device %s", path), errno);
  close(file);
  if (mount(path, inside, NULL, MS_BIND, NULL) < 0) fail(text("device %s", path), errno);
}

static void mount_devices(const struct options *options) {
  static const char *const everyone[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
  mount_new("dev", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m");
  for (size_t i = 0; i < sizeof everyone / sizeof *everyone; i++) add_device(everyone[i], 0666, 0, 0);
  for (int i = 0; i < options->device_count; i++) add_device(options->devices[i], 0600, options->uid, options->gid);
  mount_new("shm", "dev/shm", "tmpfs", SAFE, "mode=1777");
  mount_new("pts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,mode=620,ptmxmode=666,max=64");
  make_link("pts/ptmx", "dev/ptmx");
  make_link("/proc/self/fd", "dev/fd");
  make_link("/proc/self/fd/0", "dev/stdin");
  make_link("/proc/self/fd/1", "dev/stdout");
  make_link("/proc/self/fd/2", "dev/stderr");
}

/* The folder, not the file: resolv.conf is replaced by a rename when the network changes. */
static void mount_run(void) {
  unsigned long flags = SAFE | MS_NOEXEC | MS_RDONLY;
  mount_new("run", "run", "tmpfs", SAFE, "mode=755,size=1m");
  if (access(DNS, F_OK) < 0) return;
  mount_point("run/nodeos");
  mount_new(DNS, "run/nodeos/dns", NULL, MS_BIND, NULL);
  if (mount(NULL, "run/nodeos/dns", NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0) fail("run/nodeos/dns", errno);
}

/* All homes, for the one user that sees them; what files their owners keep to themselves stays theirs. */
static void mount_homes(const char *folder) {
  mount_new(folder, "home", NULL, MS_BIND, NULL);
  unsigned long flags = SAFE | MS_NOEXEC | MS_RDONLY;
  if (mount(NULL, "home", NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0) fail("home", errno);
}

static void mount_cpuinfo(const char *file) {
  if (mount(file, "proc/cpuinfo", NULL, MS_BIND, NULL) < 0) fail(text("--cpuinfo %s", file), errno);
  unsigned long flags = SAFE | MS_NOEXEC | MS_RDONLY;
  if (mount(NULL, "proc/cpuinfo", NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0) fail("proc/cpuinfo", errno);
}

void root_enter(const struct options *options, int shared) {
  umask(0);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("private mounts", errno);
  if (shared >= 0) attach_overlay(options, shared);
  else mount_overlay(options);
  if (options->bundle != NULL) mount_bundle(options->bundle);
  mount_new("proc", "proc", "proc", SAFE | MS_NOEXEC, NULL);
  if (options->cpuinfo != NULL) mount_cpuinfo(options->cpuinfo);
  mount_new("sys", "sys", "sysfs", SAFE | MS_NOEXEC | (options->gpio ? 0 : MS_RDONLY), NULL);
  mount_devices(options);
  mount_run();
  if (options->homes != NULL) mount_homes(options->homes);
  mount_new("tmp", "tmp", "tmpfs", SAFE, "mode=1777");
  /* pivot_root(2), "pivot_root(".", ".")": the old root lies on top of the new one until it is detached. */
  if (syscall(SYS_pivot_root, ".", ".") < 0) fail("pivot_root", errno);
  if (umount2(".", MNT_DETACH) < 0) fail("leaving the system's root", errno);
  if (chdir("/") < 0) fail("/", errno);
  umask(022);
}
