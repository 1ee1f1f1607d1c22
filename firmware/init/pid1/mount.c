#include "init.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define SLOT "/run/nodeos/slot"

int mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  folder(target, 0755);
  return sys_mount(source, target, type, flags, data);
}

int mount_kernel(void) {
  int result = mount_at("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
  if (result >= 0) result = mount_at("proc", "/proc", "proc", SAFE, NULL);
  if (result >= 0) result = mount_at("sys", "/sys", "sysfs", SAFE, NULL);
  if (result >= 0) result = mount_at("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
  if (result >= 0) result = folder("/run/nodeos", 0755);
  return result;
}

int mount_slot(const struct boot *boot) {
  char device[NAME_SIZE + 12];
  disk_partition(&boot->disk, boot->words.slot == 'a' ? 2 : 3, device);
  return mount_at(device, SLOT, "vfat", MS_RDONLY | SAFE, NULL);
}

int mount_lower(const char *image, const struct verity *verity) {
  char loop[NAME_SIZE], mapped[NAME_SIZE];
  int fd = loop_attach(image, O_RDONLY, loop);
  if (fd < 0) return fd;
  int result = verity->blocks > 0 ? verity_open(verity, loop, mapped) : 0;
  if (result >= 0) {
    result = mount_at(verity->blocks > 0 ? mapped : loop, LOWER, "squashfs", MS_RDONLY | MS_NODEV, NULL);
  }
  sys_close(fd);
  return result;
}

static int overlay(void) {
  int result = folder("/data/.system", 0700);
  if (result >= 0) result = folder("/data/.system/overlay", 0700);
  if (result >= 0) result = folder("/data/.system/overlay/upper", 0755);
  if (result >= 0) result = folder("/data/.system/overlay/work", 0700);
  if (result < 0) return result;
  return mount_at("root", "/root", "overlay", MS_NOATIME,
                  "lowerdir=" LOWER ",upperdir=/data/.system/overlay/upper,workdir=/data/.system/overlay/work");
}

/* Makes the overlay and moves into it, with all that is mounted so far. */
int mount_root(struct boot *boot) {
  static const char *const kept[] = {"/dev", "/proc", "/sys", "/run", "/data"};
  int result = overlay();
  if (result < 0 && boot->data_note[0] == '\0') {
    may("root on the data partition", result);
    sys_unmount("/data");
    data_in_ram(boot, "the root overlay did not mount");
    result = overlay();
  }
  for (size_t i = 0; result >= 0 && i < sizeof kept / sizeof *kept; i++) {
    char target[32];
    snprintf(target, sizeof target, "/root%s", kept[i]);
    folder(target, 0755);
    result = sys_mount(kept[i], target, NULL, MS_MOVE, NULL);
  }
  return result < 0 ? result : sys_switch_root("/root");
}

int mount_boot(const struct boot *boot) {
  char device[NAME_SIZE + 12];
  disk_partition(&boot->disk, 1, device);
  return mount_at(device, "/boot", "vfat", MS_RDONLY | SAFE, NULL);
}

int mount_rest(void) {
  int result = folder("/run/nodeos/dns", 0755); /* resolv.conf lives there; apps see this folder */
  may("mounting pstore", sys_mount("pstore", "/sys/fs/pstore", "pstore", SAFE, NULL)); /* a crashed kernel's last words */
  if (result >= 0) result = mount_at("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  if (result >= 0) result = mount_at("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  return result < 0 ? result : mount_at("pts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666");
}

/* One write a controller: one that the kernel lacks must not take the others with it. */
int cgroup_enable(void) {
  static const char *const controllers[] = {"+memory", "+pids", "+cpu"};
  int result = mount_at("cgroup", "/sys/fs/cgroup", "cgroup2", SAFE, "favordynmods"); /* starting an app joins a group */
  for (size_t i = 0; result >= 0 && i < sizeof controllers / sizeof *controllers; i++) {
    may(controllers[i], file_write("/sys/fs/cgroup/cgroup.subtree_control", controllers[i]));
  }
  return result;
}
