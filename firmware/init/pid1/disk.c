#include <linux/blkpg.h>
#include <linux/fs.h>

#include "init.h"

#define POLL_MS 10
#define PARTITIONS_MS 5000
#define SECTOR 512

static uint32_t get_u32(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_u32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint8_t *entry_of(uint8_t *mbr, int number) { return mbr + 446 + 16 * (number - 1); }

/* sda -> sda1, nvme0n1 -> nvme0n1p1, mmcblk0 -> mmcblk0p1 */
void disk_partition(const struct disk *disk, int number, char path[NAME_SIZE + 12]) {
  char last = disk->device[strlen(disk->device) - 1];
  snprintf(path, NAME_SIZE + 12, "%s%s%d", disk->device, last >= '0' && last <= '9' ? "p" : "", number);
}

/* Virtual devices are never ours, and reading an empty drive can take seconds. */
static bool is_candidate(const char *name) {
  static const char *const skipped[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "mtd"};
  for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) {
    if (strncmp(name, skipped[i], strlen(skipped[i])) == 0) return false;
  }
  return strstr(name, "boot") == NULL && strstr(name, "rpmb") == NULL; /* mmcblk0boot0 */
}

static bool has_signature(const char *name, uint32_t signature, struct disk *disk) {
  snprintf(disk->device, sizeof disk->device, "/dev/%.31s", name);
  int fd = sys_open(disk->device, O_RDONLY, 0);
  if (fd < 0) return false;
  long got = sys_pread(fd, disk->mbr, SECTOR, 0);
  sys_close(fd);
  return got == SECTOR && disk->mbr[510] == 0x55 && disk->mbr[511] == 0xaa && get_u32(disk->mbr + 440) == signature;
}

static bool scan(uint32_t signature, struct disk *disk) {
  static char names[128][NAME_SIZE];
  int count = sys_list("/sys/block", names, 128);
  if (count > 0) qsort(names, (size_t)count, NAME_SIZE, (int (*)(const void *, const void *))strcmp);
  for (int i = 0; i < count; i++) {
    if (is_candidate(names[i]) && has_signature(names[i], signature, disk)) return true;
  }
  return false;
}

/* The disk shows up in /sys/block before the kernel has read its partition table. */
static bool has_partitions(struct disk *disk) {
  char path[NAME_SIZE + 12];
  for (int number = 1; number <= 4; number++) {
    disk_partition(disk, number, path);
    if (entry_of(disk->mbr, number)[4] != 0 && !sys_exists(path)) return false;
  }
  return true;
}

int disk_find(const char *signature, int64_t limit_ms, struct disk *disk) {
  uint32_t wanted = (uint32_t)strtoul(signature, NULL, 16);
  int64_t end = sys_now_ms() + limit_ms, next_word = sys_now_ms() + 3000;
  bool found = false;
  for (int64_t now; (now = sys_now_ms()) < end; sys_sleep_ms(POLL_MS)) {
    if (!found && scan(wanted, disk)) {
      found = true;
      if (end > now + PARTITIONS_MS) end = now + PARTITIONS_MS;
    }
    if (found && has_partitions(disk)) return 0;
    watchdog_pet();
    if (now < next_word) continue;
    say("waiting for %s %s", found ? "the partitions of" : "disk", found ? disk->device : signature);
    next_word = now + 10000;
  }
  return found ? 0 : -ENODEV; /* a partition that is missing is for its own step to judge */
}

/* The last partition's end moves to the last whole MiB of the medium: one sector written, then the kernel told. */
int disk_grow(struct disk *disk, int number) {
  uint64_t bytes = 0;
  uint8_t *entry = entry_of(disk->mbr, number);
  uint32_t start = get_u32(entry + 8), count = get_u32(entry + 12);
  if (entry[4] == 0 || start == 0) return -ENXIO;
  int fd = sys_open(disk->device, O_RDWR, 0);
  if (fd < 0) return fd;
  int result = sys_ioctl(fd, BLKGETSIZE64, &bytes);
  uint64_t sectors = bytes / SECTOR < UINT32_MAX ? bytes / SECTOR : UINT32_MAX;
  uint64_t end = sectors & ~(uint64_t)2047;
  if (result >= 0 && end > (uint64_t)start + count) {
    struct blkpg_partition partition = {.start = (int64_t)start * SECTOR, .pno = number};
    struct blkpg_ioctl_arg argument = {.op = BLKPG_RESIZE_PARTITION, .datalen = sizeof partition, .data = &partition};
    put_u32(entry + 12, (uint32_t)(end - start));
    partition.length = (int64_t)(end - start) * SECTOR;
    long written = sys_pwrite(fd, disk->mbr, SECTOR, 0);
    result = written == SECTOR ? sys_fsync(fd) : written < 0 ? (int)written : -EIO;
    if (result >= 0) result = sys_ioctl(fd, BLKPG, &argument);
    if (result >= 0) result = 1;
  }
  sys_close(fd);
  return result;
}
