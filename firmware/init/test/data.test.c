#include "fake.h"
#include "tap.h"

#define GIB (1ULL << 30)
#define P4_SIZE (32768 * 512ULL)
#define IMAGE_SIZE ((598016 + 32768) * 512ULL) /* the medium is as small as the image */

static struct boot boot;

/* A disk without room to grow, and on p4 a file system of the partition's size. */
static void disk(bool clean) {
  memcpy(boot.disk.mbr, fake_product_disk("sda", IMAGE_SIZE), 512);
  strcpy(boot.disk.device, "/dev/sda");
  fake_ext4("/dev/sda4", P4_SIZE, 4096, clean);
}
static bool on_disk(void) { return boot.data_note[0] == '\0' && fake_count("mount tmpfs") == 0; }

TEST("a clean file system is mounted without a checker being started") {
  disk(true);
  data_mount(&boot);
  CHECK_NUMBER(fake_count("spawn"), 0);
  CHECK_NUMBER(fake_count("mount ext4 /dev/sda4 /data"), 1);
  CHECK(on_disk());
  CHECK(!boot.grown);
}
TEST("after a power cut the journal is replayed by e2fsck, run from the read-only root with /dev in it") {
  disk(false);
  fake_exit("/usr/sbin/e2fsck -p", 200, 1);
  data_mount(&boot);
  CHECK(IN_ORDER("mount bind /dev /run/nodeos/root/dev", "spawn /run/nodeos/root/usr/sbin/e2fsck -p /dev/sda4",
                 "unmount /run/nodeos/root/dev", "mount ext4 /dev/sda4 /data"));
  CHECK_NUMBER(fake_count("spawn"), 1);
  CHECK(on_disk());
}
TEST("a file system marked with errors is checked") {
  disk(true);
  fake_bytes("/dev/sda4")[1024 + 0x3a] = 3;
  fake_exit("/usr/sbin/e2fsck -p", 200, 0);
  data_mount(&boot);
  CHECK_NUMBER(fake_count("spawn"), 1);
}
TEST("what e2fsck -p leaves undone is repaired with every question answered yes") {
  disk(false);
  fake_exit("/usr/sbin/e2fsck -p", 200, 4);
  fake_exit("/usr/sbin/e2fsck -y", 3000, 1);
  data_mount(&boot);
  CHECK(IN_ORDER("spawn /run/nodeos/root/usr/sbin/e2fsck -p", "spawn /run/nodeos/root/usr/sbin/e2fsck -y", "mount ext4"));
  CHECK(on_disk());
}
TEST("a file system that claims to be clean but does not mount is checked by force") {
  disk(true);
  fake_fail("mount ext4", EUCLEAN, 1);
  fake_exit("/usr/sbin/e2fsck -fy", 3000, 1);
  data_mount(&boot);
  CHECK(IN_ORDER("mount ext4", "spawn /run/nodeos/root/usr/sbin/e2fsck -fy", "mount ext4"));
  CHECK(on_disk());
}
TEST("data that cannot be repaired is replaced by RAM, with the reason") {
  disk(false);
  fake_exit("/usr/sbin/e2fsck -p", 200, 8);
  fake_exit("/usr/sbin/e2fsck -y", 200, 8);
  fake_exit("/usr/sbin/e2fsck -fy", 200, 8);
  fake_fail("mount ext4", EUCLEAN, ALWAYS);
  data_mount(&boot);
  CHECK_NUMBER(fake_count("mount tmpfs data /data"), 1);
  CHECK_TEXT(boot.data_note, "/dev/sda4: Structure needs cleaning (e2fsck: 8)");
}
TEST("a partition of zeros is offered to e2fsck and replaced by RAM") {
  disk(true);
  fake_device("/dev/sda4", P4_SIZE);
  fake_exit("/usr/sbin/e2fsck -p", 200, 8);
  fake_exit("/usr/sbin/e2fsck -y", 200, 8);
  fake_exit("/usr/sbin/e2fsck -fy", 200, 8);
  fake_fail("mount ext4", EINVAL, ALWAYS);
  data_mount(&boot);
  CHECK_NUMBER(fake_count("mount tmpfs data /data"), 1);
}
TEST("a data partition that is missing is replaced by RAM, and no checker runs") {
  disk(true);
  fake_remove("/dev/sda4");
  data_mount(&boot);
  CHECK_NUMBER(fake_count("spawn"), 0);
  CHECK_TEXT(boot.data_note, "/dev/sda4: No such file or directory (e2fsck: 0)");
}
TEST("a root without e2fsck still comes up") {
  disk(false);
  fake_exit("/usr/sbin/e2fsck", 1, 127);
  fake_exit("/usr/sbin/e2fsck", 1, 127);
  data_mount(&boot);
  CHECK(on_disk());
}
TEST("a checker that hangs is killed after 15 minutes; the watchdog is petted until then") {
  disk(false);
  fake_text("/dev/watchdog", "");
  watchdog_open();
  fake_exit("/usr/sbin/e2fsck -y", 1000, 0);
  data_mount(&boot);
  CHECK(fake_now_ms >= 15 * 60 * 1000 && fake_now_ms < 16 * 60 * 1000);
  CHECK(fake_count("watchdog pet") >= 179);
  CHECK(IN_ORDER("spawn /run/nodeos/root/usr/sbin/e2fsck -p", "kill 2 9", "spawn /run/nodeos/root/usr/sbin/e2fsck -y"));
}
TEST("a checker that crashes counts as one that found errors") {
  disk(false);
  fake_killed("/usr/sbin/e2fsck -p", 100, SIGSEGV);
  fake_exit("/usr/sbin/e2fsck -y", 100, 0);
  data_mount(&boot);
  CHECK(IN_ORDER("spawn /run/nodeos/root/usr/sbin/e2fsck -p", "spawn /run/nodeos/root/usr/sbin/e2fsck -y", "mount ext4"));
}

TEST("on a larger medium partition and file system grow, the file system while it is mounted") {
  disk(true);
  memcpy(boot.disk.mbr, fake_product_disk("sda", 8 * GIB), 512);
  fake_ext4("/dev/sda4", 8283750400, 4096, true);
  data_mount(&boot);
  CHECK(IN_ORDER("blkpg 3 /dev/sda 4", "mount ext4 /dev/sda4 /data", "resize /data 2022400"));
  CHECK(boot.grown);
}
TEST("a file system that an earlier boot did not come to grow is grown now") {
  disk(true);
  fake_ext4("/dev/sda4", 64 << 20, 4096, true);
  data_mount(&boot);
  CHECK_NUMBER(fake_count("blkpg"), 0);
  CHECK_NUMBER(fake_count("resize /data 16384"), 1);
  CHECK(boot.grown);
}
TEST("a few MiB are not worth a resize at every boot") {
  disk(true);
  fake_ext4("/dev/sda4", P4_SIZE + (7 << 20), 4096, true);
  data_mount(&boot);
  CHECK_NUMBER(fake_count("resize"), 0);
}
TEST("a partition table that cannot be written is survived") {
  disk(true);
  memcpy(boot.disk.mbr, fake_product_disk("sda", 8 * GIB), 512);
  fake_ext4("/dev/sda4", P4_SIZE, 4096, true);
  fake_fail("pwrite", EIO, 1);
  data_mount(&boot);
  CHECK(on_disk());
  CHECK(!boot.grown);
  CHECK_NUMBER(fake_count("write console init: growing the data partition: Input/output error; going on"), 1);
}
TEST("a file system that does not grow is survived") {
  disk(true);
  fake_ext4("/dev/sda4", 64 << 20, 4096, true);
  fake_fail("resize", EPERM, 1);
  data_mount(&boot);
  CHECK(on_disk());
  CHECK(!boot.grown);
}
TEST("a machine without RAM for data cannot go on") {
  disk(true);
  fake_remove("/dev/sda4");
  fake_fail("mount tmpfs data", ENOMEM, ALWAYS);
  CHECK(ENDS_BOOT(data_mount(&boot)));
}
