/* The boot story as a whole; main.c's main is compiled as boot_main. */
#include "fake.h"
#include "tap.h"

int boot_main(void);

static void machine(const char *words) {
  fake_text("/dev/console", "");
  fake_text("/dev/null", "");
  fake_text("/dev/watchdog", "");
  fake_text("/proc/cmdline", words);
  fake_text("/proc/self/mounts", "root / overlay rw 0 0\n");
  fake_product_disk("sda", (598016 + 32768) * 512ULL);
  fake_ext4("/dev/sda4", 32768 * 512ULL, 4096, true);
  fake_text("/dev/loop-control", "");
  fake_text("/dev/loop0", "");
  fake_text("/run/nodeos/slot/rootfs.sqfs", "hsqs");
  fake_text("/sys/fs/cgroup/cgroup.subtree_control", "");
  fake_text("/etc/nodeos/system.argv", "/usr/bin/node\n--jitless\n/usr/lib/nodeos/agent.js\n");
}
#define WORDS "quiet nodeos.disk=12345678 nodeos.slot=b"

TEST("from power-on to an orderly power-off") {
  machine(WORDS);
  fake_at_line(10000, "poweroff\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK(IN_ORDER("mount devtmpfs", "mount proc", "mount sysfs", "dup /dev/console 2", "watchdog timeout 60",
                 "mount vfat /dev/sda3 /run/nodeos/slot ro", "loop direct /dev/loop0 /run/nodeos/slot/rootfs.sqfs",
                 "mount squashfs /dev/loop0 /run/nodeos/root ro", "mount ext4 /dev/sda4 /data", "mount overlay root /root",
                 "switch root /root", "mount vfat /dev/sda1 /boot ro", "mount tmpfs tmp /tmp", "mount cgroup2", "loopback up",
                 "spawn /usr/bin/node --jitless /usr/lib/nodeos/agent.js with channel", "kill -1 15", "sync"));
  CHECK_NUMBER((unsigned)fake_reboot_command, RB_POWER_OFF);
}
TEST("a healthy boot says nothing and waits for nothing before the system process") {
  machine(WORDS);
  fake_at_line(0, "poweroff\n");
  fake_at_line(1, "poweroff\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK(fake_now_ms <= 30);
  CHECK_NUMBER(fake_count("write console"), 1); /* the last word: power off */
}
TEST("the facts of the boot are all there") {
  machine(WORDS " nodeos.trial=120");
  fake_at_line(10, "reboot\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK_TEXT(fake_content("/run/nodeos/boot"),
             "slot=b\ndisk=/dev/sda\ndisk_id=12345678\nboot_part=/dev/sda1\nslot_a_part=/dev/sda2\nslot_b_part=/dev/sda3\n"
             "data_part=/dev/sda4\ndata=disk\ndata_note=\ngrown=0\ntrial=120\nwatchdog=1\n");
}
TEST("data in RAM and a missing watchdog are facts too, and no reason to stop") {
  machine(WORDS);
  fake_remove("/dev/watchdog");
  fake_fail("mount ext4", EIO, ALWAYS);
  fake_exit("/usr/sbin/e2fsck", 10, 8);
  fake_at_line(5000, "reboot\n");
  CHECK(ENDS_BOOT(boot_main()));
  const char *facts = fake_content("/run/nodeos/boot");
  CHECK(strstr(facts, "data=ram\ndata_note=/dev/sda4: Input/output error (e2fsck: 8)\n") != NULL);
  CHECK(strstr(facts, "watchdog=0\n") != NULL);
  CHECK_NUMBER(fake_count("spawn /usr/bin/node"), 1);
}
TEST("a watchdog that is to be left alone is not opened: the emulated one of the Raspberry Pi resets at once") {
  machine(WORDS " nodeos.watchdog=none");
  fake_at_line(10, "reboot\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK_NUMBER(fake_count("watchdog"), 0);
  CHECK(strstr(fake_content("/run/nodeos/boot"), "watchdog=0\n") != NULL);
}

static bool is_fatal(const char *step) {
  char line[150];
  bool ended = ENDS_BOOT(boot_main());
  snprintf(line, sizeof line, "write console init: cannot go on: %s", step);
  return ended && fake_reboot_command == RB_AUTOBOOT && fake_count(line) == 1 && fake_count("spawn /usr/bin/node") == 0;
}
TEST("a command line without slot is fatal") {
  machine("nodeos.disk=12345678");
  CHECK(is_fatal("reading nodeos.disk, nodeos.slot"));
}
TEST("a disk that never appears is fatal after its limit") {
  machine("nodeos.disk=87654321 nodeos.slot=a");
  CHECK(is_fatal("finding the disk: No such device"));
  CHECK(fake_now_ms >= 40000 && fake_now_ms <= 40020);
}
TEST("a slot that does not mount is fatal") {
  machine(WORDS);
  fake_fail("mount vfat /dev/sda3", EINVAL, ALWAYS);
  CHECK(is_fatal("mounting the slot"));
}
TEST("a slot without a root is fatal") {
  machine(WORDS);
  fake_remove("/run/nodeos/slot/rootfs.sqfs");
  CHECK(is_fatal("mounting rootfs.sqfs"));
}
TEST("a root without system.argv is fatal") {
  machine(WORDS);
  fake_remove("/etc/nodeos/system.argv");
  CHECK(is_fatal("reading /etc/nodeos/system.argv"));
}
TEST("an empty system.argv and a relative program are fatal") {
  machine(WORDS);
  fake_text("/etc/nodeos/system.argv", "node\n");
  CHECK(is_fatal("reading /etc/nodeos/system.argv"));
}
TEST("a system.argv with too many arguments is fatal, not cut") {
  char text[400] = "/usr/bin/node\n";
  for (int i = 0; i < 70; i++) strcat(text, "-x\n");
  machine(WORDS);
  fake_text("/etc/nodeos/system.argv", text);
  CHECK(is_fatal("reading /etc/nodeos/system.argv: Argument list too long"));
}
TEST("a kernel without /proc is fatal") {
  machine(WORDS);
  fake_fail("mount proc", ENODEV, ALWAYS);
  CHECK(is_fatal("mounting the kernel's file systems"));
}
TEST("without a console, file descriptor 2 is /dev/null and never a disk") {
  machine(WORDS);
  fake_remove("/dev/console");
  fake_at_line(10, "reboot\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK_NUMBER(fake_count("dup /dev/null 2"), 1);
  CHECK_NUMBER(fake_count("spawn /usr/bin/node"), 1);
}
TEST("a missing boot partition, cgroups, temporary folders and loopback are survived") {
  machine(WORDS);
  fake_fail("mount vfat /dev/sda1", ENOENT, ALWAYS);
  fake_fail("mount cgroup2", ENODEV, ALWAYS);
  fake_fail("mount tmpfs tmp", ENOMEM, ALWAYS);
  fake_fail("loopback up", ENODEV, ALWAYS);
  fake_at_line(10, "reboot\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK_NUMBER(fake_count("spawn /usr/bin/node"), 1);
}
TEST("barebones runs from the initramfs on the terminal, touches no disk and no watchdog, and powers off at its end") {
  machine("console=ttyS0 nodeos.mode=barebones");
  fake_text("/rootfs.sqfs", "hsqs");
  fake_exit("/usr/bin/node", 100000, 0);
  CHECK(ENDS_BOOT(boot_main()));
  CHECK(IN_ORDER("loop direct /dev/loop0 /rootfs.sqfs", "mount squashfs /dev/loop0", "mount tmpfs data /data", "switch root",
                 "spawn /usr/bin/node --jitless /usr/lib/nodeos/agent.js on the terminal"));
  CHECK_NUMBER(fake_count("watchdog"), 0);
  CHECK_NUMBER(fake_count("mount ext4") + fake_count("mount vfat"), 0);
  CHECK_NUMBER((unsigned)fake_reboot_command, RB_POWER_OFF);
  CHECK(fake_now_ms >= 100000 && fake_now_ms < 101000);
}

static void disc(void) {
  machine(WORDS " nodeos.mode=disc");
  fake_text("/disk.img", "");
}
TEST("from a CD: slot and boot partition on a disk in RAM, data in the initramfs, and no disk of the machine is touched") {
  disc();
  fake_at_line(10000, "poweroff\n");
  CHECK(ENDS_BOOT(boot_main()));
  CHECK(IN_ORDER("disk loop direct /dev/loop0 /disk.img", "mount vfat /dev/loop0p3 /run/nodeos/slot ro",
                 "loop direct /dev/loop0 /run/nodeos/slot/rootfs.sqfs", "mount squashfs /dev/loop0 /run/nodeos/root ro",
                 "mount bind /data /data", "mount bind - /data", "mount overlay root /root", "switch root /root",
                 "mount vfat /dev/loop0p1 /boot ro", "spawn /usr/bin/node"));
  CHECK_NUMBER(fake_count("mount tmpfs data") + fake_count("mount ext4") + fake_count("mount vfat /dev/sda"), 0);
  CHECK_NUMBER(fake_count("pwrite") + fake_count("blkpg"), 0);
  CHECK_NUMBER(fake_count("close /dev/loop0"), 1); /* of the root: the disk in RAM lasts */
  CHECK_NUMBER(fake_count("write console init: data is in RAM and will be lost: started from a CD"), 1);
}
TEST("the facts of a boot from a CD name its disk in RAM and why data is there") {
  disc();
  fake_at_line(10, "reboot\n");
  CHECK(ENDS_BOOT(boot_main()));
  const char *facts = fake_content("/run/nodeos/boot");
  CHECK(strstr(facts, "disk=/dev/loop0\ndisk_id=12345678\nboot_part=/dev/loop0p1\n") != NULL);
  CHECK(strstr(facts, "data=ram\ndata_note=started from a CD, which takes no writes\n") != NULL);
}
TEST("a CD whose boot loader left no disk is fatal") {
  disc();
  fake_remove("/disk.img");
  CHECK(is_fatal("finding the disk: No such file"));
}
TEST("a CD whose data folder cannot be mounted is fatal") {
  disc();
  fake_fail("mount bind /data", ENOMEM, 1);
  CHECK(is_fatal("the CD's data folder: Cannot allocate memory"));
}
