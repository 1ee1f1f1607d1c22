#include "fake.h"
#include "tap.h"

#define GIB (1ULL << 30)

static struct disk disk;

static const char *partition(const char *device, int number) {
  static char path[NAME_SIZE + 12];
  snprintf(disk.device, sizeof disk.device, "%s", device);
  disk_partition(&disk, number, path);
  return path;
}
static uint32_t sectors_of_p4(const uint8_t *sector) {
  uint32_t count;
  memcpy(&count, sector + 446 + 48 + 12, 4);
  return count;
}

TEST("partitions are named as the kernel names them") {
  CHECK_TEXT(partition("/dev/sda", 1), "/dev/sda1");
  CHECK_TEXT(partition("/dev/vdb", 4), "/dev/vdb4");
  CHECK_TEXT(partition("/dev/nvme0n1", 2), "/dev/nvme0n1p2");
  CHECK_TEXT(partition("/dev/mmcblk0", 3), "/dev/mmcblk0p3");
}
TEST("the disk is found by its signature among others, without a wait") {
  fake_text("/sys/block/sda", "");
  fake_device("/dev/sda", GIB);
  fake_product_disk("sdb", GIB);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK_TEXT(disk.device, "/dev/sdb");
  CHECK_NUMBER(fake_now_ms, 0);
}
TEST("the same signature without the mark of a boot sector is another disk") {
  fake_product_disk("sda", GIB)[510] = 0;
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), -ENODEV);
}
TEST("loop devices, optical drives and eMMC boot areas are never read") {
  fake_product_disk("loop0", GIB);
  fake_product_disk("sr0", GIB);
  fake_product_disk("mmcblk0boot0", GIB);
  fake_product_disk("mmcblk0", GIB);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK_TEXT(disk.device, "/dev/mmcblk0");
}
TEST("a disk that cannot be read does not hide the next one") {
  fake_product_disk("sda", GIB);
  fake_product_disk("sdb", GIB);
  fake_product_disk("sdc", GIB);
  fake_fail("open /dev/sda", ENOMEDIUM, ALWAYS);
  fake_fail("pread /dev/sdb", EIO, ALWAYS);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK_TEXT(disk.device, "/dev/sdc");
}
TEST("a disk that appears late is taken within 10 ms") {
  static uint8_t sector[512];
  memcpy(sector, fake_product_disk("sda", GIB), sizeof sector);
  fake_remove("/dev/sda");
  fake_at_device(7003, "/dev/sda", GIB, sector);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK(fake_now_ms >= 7003 && fake_now_ms <= 7013);
  CHECK_NUMBER(fake_count("write console init: waiting for disk 12345678"), 1);
}
TEST("a disk that never appears is an error after the limit, with words on the console meanwhile") {
  fake_text("/sys/block/sda", "");
  fake_device("/dev/sda", GIB);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), -ENODEV);
  CHECK(fake_now_ms >= 30000 && fake_now_ms <= 30010);
  CHECK_NUMBER(fake_count("write console init: waiting for disk 12345678"), 3);
}
TEST("without /sys/block the wait ends at the limit too") {
  fake_fail("list /sys/block", ENOENT, ALWAYS);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), -ENODEV);
}
TEST("partitions that come after their disk are waited for") {
  fake_product_disk("sda", GIB);
  fake_remove("/dev/sda4");
  fake_at_device(40, "/dev/sda4", GIB, NULL);
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK(fake_now_ms >= 40 && fake_now_ms <= 50);
}
TEST("a partition that never comes ends the wait after 5 s: its own step judges it") {
  fake_product_disk("sda", GIB);
  fake_remove("/dev/sda4");
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK(fake_now_ms >= 5000 && fake_now_ms <= 5010);
}
TEST("a table with fewer partitions is not waited for") {
  fake_product_disk("sda", GIB)[446 + 48 + 4] = 0;
  fake_remove("/dev/sda4");
  CHECK_NUMBER(disk_find("12345678", 30000, &disk), 0);
  CHECK_NUMBER(fake_now_ms, 0);
}

static int grow(uint64_t size) {
  memcpy(disk.mbr, fake_product_disk("sda", size), 512);
  strcpy(disk.device, "/dev/sda");
  return disk_grow(&disk, 4);
}

TEST("the last partition grows to the last whole MiB: one sector, flushed, then the kernel is told") {
  CHECK_NUMBER(grow(8 * GIB + 700000), 1);
  CHECK_NUMBER(sectors_of_p4(fake_bytes("/dev/sda")), 8 * 2097152 - 598016);
  CHECK(IN_ORDER("pwrite /dev/sda 0 512", "fsync /dev/sda", "blkpg 3 /dev/sda 4 306184192 8283750400"));
}
TEST("growing changes nothing in the sector but the length of the last partition") {
  uint8_t before[512];
  memcpy(before, fake_product_disk("sda", GIB), sizeof before);
  CHECK_NUMBER(grow(GIB), 1);
  memcpy(before + 446 + 48 + 12, fake_bytes("/dev/sda") + 446 + 48 + 12, 4);
  CHECK(memcmp(before, fake_bytes("/dev/sda"), 512) == 0);
}
TEST("a disk without room behind the last partition is left alone") {
  CHECK_NUMBER(grow((598016 + 32768 + 2047) * 512ULL), 0);
  CHECK_NUMBER(fake_count("pwrite"), 0);
  CHECK_NUMBER(fake_count("blkpg"), 0);
}
TEST("a disk smaller than its table is left alone") {
  CHECK_NUMBER(grow(600000 * 512ULL), 0);
  CHECK_NUMBER(fake_count("pwrite"), 0);
}
TEST("above 2 TiB the partition ends where an MBR can still name its end") {
  CHECK_NUMBER(grow(8192 * GIB), 1);
  CHECK_NUMBER(598016 + (long long)sectors_of_p4(fake_bytes("/dev/sda")), UINT32_MAX & ~2047u);
}
TEST("a table without a data partition does not grow") {
  fake_product_disk("sda", GIB);
  memcpy(disk.mbr, fake_bytes("/dev/sda"), 512);
  disk.mbr[446 + 48 + 4] = 0;
  CHECK_NUMBER(disk_grow(&disk, 4), -ENXIO);
}
TEST("a write-protected disk is an error and nothing is written") {
  fake_fail("open /dev/sda", EROFS, 1);
  CHECK_NUMBER(grow(GIB), -EROFS);
  CHECK_NUMBER(fake_count("pwrite"), 0);
}
TEST("when the sector cannot be written, the kernel is not told of a larger partition") {
  fake_fail("pwrite /dev/sda", EIO, 1);
  CHECK_NUMBER(grow(GIB), -EIO);
  CHECK_NUMBER(fake_count("blkpg"), 0);
}
TEST("when the sector may not have reached the medium, the kernel is not told") {
  fake_fail("fsync /dev/sda", EIO, 1);
  CHECK_NUMBER(grow(GIB), -EIO);
  CHECK_NUMBER(fake_count("blkpg"), 0);
}
TEST("a kernel that does not take the new length is an error; the next boot reads it from the disk") {
  fake_fail("blkpg", EBUSY, 1);
  CHECK_NUMBER(grow(GIB), -EBUSY);
  CHECK_NUMBER(sectors_of_p4(fake_bytes("/dev/sda")), 2097152 - 598016);
}
TEST("a disk whose size is unknown does not grow") {
  fake_fail("size /dev/sda", ENOTTY, 1);
  CHECK_NUMBER(grow(GIB), -ENOTTY);
  CHECK_NUMBER(fake_count("pwrite"), 0);
}
