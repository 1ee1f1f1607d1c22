#include "fake.h"
#include "tap.h"

static struct boot boot;
static char device[NAME_SIZE];
static const struct verity no_verity;

static void image(void) {
  fake_text("/image", "hsqs");
  fake_text("/dev/loop-control", "");
  fake_text("/dev/loop0", "");
  fake_text("/dev/mapper/control", "");
}
static struct verity verity(void) { return (struct verity){.root_hash = "00ff", .salt = "ab", .blocks = 1}; }

TEST("a loop device is set up read-only with direct I/O, and only the fd that it lives by stays open") {
  image();
  CHECK(loop_attach("/image", O_RDONLY, device) >= 0);
  CHECK_TEXT(device, "/dev/loop0");
  CHECK_NUMBER(fake_count("loop direct /dev/loop0 /image"), 1);
  CHECK_NUMBER(fake_count("close /dev/loop0"), 0);
  CHECK_NUMBER(fake_count("close"), 2);
}
TEST("the loop device of a disk is written to and has partitions") {
  image();
  CHECK(loop_attach("/image", O_RDWR, device) >= 0);
  CHECK_NUMBER(fake_count("disk loop direct /dev/loop0 /image"), 1);
}
TEST("where direct I/O is refused, the loop device is buffered") {
  image();
  fake_fail("loop direct", EINVAL, 1);
  CHECK(loop_attach("/image", O_RDONLY, device) >= 0);
  CHECK(IN_ORDER("loop direct", "loop buffered /dev/loop0 /image"));
}
TEST("where direct I/O is refused at the first read, it is switched off") {
  image();
  fake_fail("pread /dev/loop0", EINVAL, 1);
  CHECK(loop_attach("/image", O_RDONLY, device) >= 0);
  CHECK(IN_ORDER("loop direct /dev/loop0 /image", "loop direct off /dev/loop0"));
}
TEST("a loop device that another process took is asked for again") {
  image();
  fake_fail("loop direct", EBUSY, 2);
  CHECK(loop_attach("/image", O_RDONLY, device) >= 0);
  CHECK_NUMBER(fake_count("loop free"), 3);
}
TEST("loop devices that stay busy are an error in the end, and nothing stays open") {
  image();
  fake_fail("loop direct", EBUSY, ALWAYS);
  CHECK_NUMBER(loop_attach("/image", O_RDONLY, device), -EBUSY);
  CHECK_NUMBER(fake_count("close /dev/loop0"), 32);
}
TEST("an image that is missing is an error") { CHECK_NUMBER(loop_attach("/image", O_RDONLY, device), -ENOENT); }
TEST("a kernel without loop devices is an error") {
  fake_text("/image", "");
  CHECK_NUMBER(loop_attach("/image", O_RDONLY, device), -ENOENT);
  CHECK_NUMBER(fake_count("close /image"), 1);
}
TEST("no free loop device is an error") {
  image();
  fake_fail("loop free", EAGAIN, ALWAYS);
  CHECK_NUMBER(loop_attach("/image", O_RDONLY, device), -EAGAIN);
}

TEST("without verity the image's loop device is mounted") {
  image();
  CHECK_NUMBER(mount_lower("/image", &no_verity), 0);
  CHECK_NUMBER(fake_count("mount squashfs /dev/loop0 /run/nodeos/root ro"), 1);
}
TEST("with verity the verified device is mounted, its tree right behind the data") {
  struct verity asked = verity();
  image();
  CHECK_NUMBER(mount_lower("/image", &asked), 0);
  CHECK(IN_ORDER("dm create nodeos-root", "dm load 8 verity 1 /dev/loop0 /dev/loop0 4096 4096 1 1 sha256 00ff ab",
                 "dm resume nodeos-root", "mount squashfs /dev/dm-3 /run/nodeos/root ro"));
}
TEST("veritysetup's own block before the tree is stepped over") {
  struct verity asked = verity();
  image();
  fake_device("/dev/loop0", 65536);
  memcpy(fake_bytes("/dev/loop0") + 4096, "verity\0\0", 8);
  CHECK_NUMBER(mount_lower("/image", &asked), 0);
  CHECK_NUMBER(fake_count("dm load 8 verity 1 /dev/loop0 /dev/loop0 4096 4096 1 2 sha256 00ff ab"), 1);
}
TEST("a kernel that refuses the verity table is an error: the image is not mounted unverified") {
  struct verity asked = verity();
  image();
  fake_fail("dm load", EINVAL, 1);
  CHECK_NUMBER(mount_lower("/image", &asked), -EINVAL);
  CHECK_NUMBER(fake_count("mount"), 0);
}
TEST("a kernel without device mapper is an error: the image is not mounted unverified") {
  struct verity asked = verity();
  image();
  fake_remove("/dev/mapper/control");
  CHECK_NUMBER(mount_lower("/image", &asked), -ENOENT);
  CHECK_NUMBER(fake_count("mount"), 0);
}
TEST("an image that is no squashfs is an error") {
  image();
  fake_fail("mount squashfs", EINVAL, 1);
  CHECK_NUMBER(mount_lower("/image", &no_verity), -EINVAL);
}

TEST("each slot has its partition, mounted read-only") {
  strcpy(boot.disk.device, "/dev/mmcblk0");
  boot.words.slot = 'a';
  CHECK_NUMBER(mount_slot(&boot), 0);
  boot.words.slot = 'b';
  CHECK_NUMBER(mount_slot(&boot), 0);
  CHECK(IN_ORDER("mount vfat /dev/mmcblk0p2 /run/nodeos/slot ro", "mount vfat /dev/mmcblk0p3 /run/nodeos/slot ro"));
}
TEST("the kernel's file systems are mounted before anything needs them") {
  CHECK_NUMBER(mount_kernel(), 0);
  CHECK(IN_ORDER("mount devtmpfs dev /dev", "mount proc proc /proc", "mount sysfs sys /sys", "mount tmpfs run /run"));
}
TEST("a kernel without devtmpfs is an error") {
  fake_fail("mount devtmpfs", ENODEV, 1);
  CHECK_NUMBER(mount_kernel(), -ENODEV);
}

TEST("the root is an overlay of the image and the data partition; all mounts move along") {
  CHECK_NUMBER(mount_root(&boot), 0);
  CHECK(IN_ORDER("mount overlay root /root lowerdir=/run/nodeos/root,upperdir=/data/.system/overlay/upper,workdir=/data/",
                 "mount move /dev /root/dev", "mount move /proc /root/proc", "mount move /sys /root/sys",
                 "mount move /run /root/run", "mount move /data /root/data", "switch root /root"));
}
TEST("where the overlay does not mount on data, it is laid in RAM and says so") {
  fake_fail("mount overlay", EINVAL, 1);
  CHECK_NUMBER(mount_root(&boot), 0);
  CHECK(IN_ORDER("mount overlay", "unmount /data", "mount tmpfs data /data", "mount overlay", "switch root"));
  CHECK(boot.data_note[0] != '\0');
}
TEST("a data partition without room for the overlay's folders is replaced by RAM") {
  fake_fail("mkdir /data/.system/overlay", ENOSPC, 1);
  CHECK_NUMBER(mount_root(&boot), 0);
  CHECK(IN_ORDER("unmount /data", "mount tmpfs data /data", "mount overlay"));
}
TEST("a kernel without overlayfs is an error, and is not tried for ever") {
  fake_fail("mount overlay", ENODEV, ALWAYS);
  CHECK_NUMBER(mount_root(&boot), -ENODEV);
  CHECK_NUMBER(fake_count("mount overlay"), 2);
}
TEST("with data in RAM already, a failed overlay is an error at once") {
  strcpy(boot.data_note, "no disk");
  fake_fail("mount overlay", ENODEV, ALWAYS);
  CHECK_NUMBER(mount_root(&boot), -ENODEV);
  CHECK_NUMBER(fake_count("mount overlay"), 1);
}
TEST("a mount that cannot move is an error: the root is not entered without /dev") {
  fake_fail("mount move /dev", EINVAL, 1);
  CHECK_NUMBER(mount_root(&boot), -EINVAL);
  CHECK_NUMBER(fake_count("switch root"), 0);
}

TEST("a controller that the kernel lacks does not take the others with it") {
  fake_fail("write /sys/fs/cgroup/cgroup.subtree_control +memory", EINVAL, 1);
  fake_text("/sys/fs/cgroup/cgroup.subtree_control", "");
  CHECK_NUMBER(cgroup_enable(), 0);
  CHECK(IN_ORDER("write /sys/fs/cgroup/cgroup.subtree_control +memory", "write /sys/fs/cgroup/cgroup.subtree_control +pids",
                 "write /sys/fs/cgroup/cgroup.subtree_control +cpu"));
}
TEST("a kernel without cgroups is an error, and no controller is asked for") {
  fake_fail("mount cgroup2", ENODEV, 1);
  CHECK_NUMBER(cgroup_enable(), -ENODEV);
  CHECK_NUMBER(fake_count("write /sys/fs/cgroup"), 0);
}
