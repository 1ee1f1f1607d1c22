#include <linux/fs.h>
#include <sys/ioctl.h>

#include "init.h"

#define DATA_PARTITION 4
#define REPAIR_MS (15 * 60 * 1000)
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t) /* fs/ext4/ext4.h: not in the kernel's exported headers */
#define WORTH_GROWING (8 << 20)                     /* bytes; the last block group may be too small to be used */

struct superblock {
  bool clean;
  uint64_t blocks, block_size;
};

/* Documentation/filesystems/ext4/super.rst; a file system that is not ext4 reads as not clean. */
static int read_superblock(const char *device, struct superblock *super, uint64_t *bytes) {
  uint8_t raw[1024];
  int fd = sys_open(device, O_RDONLY, 0);
  if (fd < 0) return fd;
  long got = sys_pread(fd, raw, sizeof raw, 1024);
  int result = sys_ioctl(fd, BLKGETSIZE64, bytes);
  sys_close(fd);
  memset(super, 0, sizeof *super);
  if (got != (long)sizeof raw || raw[0x38] != 0x53 || raw[0x39] != 0xef) return result;
  bool valid = (raw[0x3a] & 1) && !(raw[0x3a] & 6), journal_empty = !(raw[0x60] & 4);
  super->clean = valid && journal_empty;
  super->block_size = 1024ULL << (raw[0x18] & 7);
  for (int i = 0; i < 4; i++) super->blocks |= (uint64_t)raw[0x04 + i] << (8 * i);
  for (int i = 0; (raw[0x60] & 0x80) && i < 4; i++) super->blocks |= (uint64_t)raw[0x150 + i] << (32 + 8 * i);
  return result;
}

/* e2fsck from the read-only root; init itself runs in the initramfs, where no such tool is. Exit code: e2fsck(8). */
static int repair(const struct boot *boot, const char *device, char *how) {
  char path[NAME_SIZE + 12];
  char *argv[] = {"/usr/sbin/e2fsck", how, path, NULL};
  struct spawn spawn = {.argv = argv, .root = LOWER, .channel = -1};
  snprintf(path, sizeof path, "%s", device);
  say("checking %s (e2fsck %s)", device, how);
  may("devices for e2fsck", sys_mount("/dev", LOWER "/dev", NULL, MS_BIND, NULL));
  may("/proc for e2fsck", sys_mount("/proc", LOWER "/proc", NULL, MS_BIND, NULL));
  int code = child_run(boot, &spawn, REPAIR_MS);
  sys_unmount(LOWER "/proc");
  sys_unmount(LOWER "/dev");
  if (code != 0) say("e2fsck %s ended with %d", how, code);
  return code;
}

/* `usrquota` has the limits kept that the launcher sets; a file system without an account of its users has none. */
static int mount_ext4(const char *device) {
  return mount_at(device, "/data", "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "errors=remount-ro,usrquota");
}

/* The kernel grows a mounted ext4 through its journal: a power cut in the middle leaves the old or the new size. */
static int grow_file_system(const struct superblock *super, uint64_t bytes) {
  if (super->block_size == 0 || bytes < super->blocks * super->block_size + WORTH_GROWING) return 0;
  uint64_t blocks = bytes / super->block_size;
  int fd = sys_open("/data", O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return fd;
  int result = sys_ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks);
  sys_close(fd);
  return result < 0 ? result : 1;
}

void data_in_ram(struct boot *boot, const char *note) {
  snprintf(boot->data_note, sizeof boot->data_note, "%s", note);
  say("data is in RAM and will be lost: %s", note);
  /* The initramfs is RAM too, and with a CD its /data may hold a first app. */
  if (boot->words.disc) must("the CD's data folder", mount_at("/data", "/data", NULL, MS_BIND, NULL));
  else must("RAM for data", mount_at("data", "/data", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"));
  must("flags of data", sys_mount(NULL, "/data", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL));
}

void data_mount(struct boot *boot) {
  char device[NAME_SIZE + 12], note[128];
  struct superblock super;
  uint64_t bytes = 0;
  int code = 0, grown = disk_grow(&boot->disk, DATA_PARTITION);
  may("growing the data partition", grown);
  disk_partition(&boot->disk, DATA_PARTITION, device);
  int result = read_superblock(device, &super, &bytes);
  if (result >= 0) {
    /* Exit code 4 and above: errors are left, or it could not run. */
    if (!super.clean) code = repair(boot, device, "-p");
    if (code < 0 || code >= 4) code = repair(boot, device, "-y");
    result = mount_ext4(device);
    if (result < 0) {
      code = repair(boot, device, "-fy");
      result = mount_ext4(device);
    }
  }
  if (result < 0) {
    snprintf(note, sizeof note, "%s: %s (e2fsck: %d)", device, strerror(-result), code);
    data_in_ram(boot, note);
    return;
  }
  int resized = grow_file_system(&super, bytes);
  may("growing the data file system", resized);
  boot->grown = grown > 0 || resized > 0;
}
