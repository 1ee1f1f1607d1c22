#include "fake.h"
#include "tap.h"

static struct boot boot;
static char *node[] = {"/usr/bin/node", NULL}, *stubborn[] = {"/stubborn", NULL};

static void machine(void) {
  fake_text("/proc/self/mounts",
            "rootfs / rootfs rw 0 0\nroot / overlay rw 0 0\ndev /dev devtmpfs rw 0 0\nproc /proc proc rw 0 0\n"
            "sys /sys sysfs rw 0 0\nrun /run tmpfs rw 0 0\n/dev/sda2 /run/nodeos/slot vfat ro 0 0\n"
            "/dev/loop0 /run/nodeos/root squashfs ro 0 0\n/dev/sda4 /data ext4 rw 0 0\n/dev/sda1 /boot vfat ro 0 0\n"
            "tmp /tmp tmpfs rw 0 0\n/dev/sdb1 /tmp/stick vfat rw 0 0\n");
  boot.signals = sys_signals();
  sys_spawn(&(struct spawn){.argv = node, .channel = -1});
}

TEST("a kexec stops all, unmounts in reverse, makes root and data read-only, flushes, and only then leaves") {
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, KEXEC)));
  CHECK(IN_ORDER("kill -1 15", "unmount /tmp/stick", "unmount /boot", "mount remount - / ro",
                 "mount remount - /data ro", "sync", "reboot 0x45584543"));
  CHECK_NUMBER(fake_count("kill -1 9"), 0);
}
TEST("mounts of memory and the image under the root are not worth the time to unmount them") {
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, KEXEC)));
  CHECK_NUMBER(fake_count("unmount"), 2);
}
TEST("a reboot takes the same way") {
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(IN_ORDER("kill -1 15", "unmount /boot", "mount remount - /data ro", "sync", "reboot 0x1234567"));
}
TEST("a one-shot boot takes the same way, and tells the firmware at its end") {
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, TRYBOOT)));
  CHECK(IN_ORDER("kill -1 15", "unmount /boot", "mount remount - /data ro", "sync", "restart 0 tryboot"));
}
TEST("a kernel that refuses the word for the firmware reboots all the same") {
  machine();
  fake_fail("restart", EINVAL, ALWAYS);
  CHECK(ENDS_BOOT(shut_down(&boot, TRYBOOT)));
  CHECK(IN_ORDER("restart 0 tryboot", "write console init: one-shot boot: Invalid argument", "reboot 0x1234567"));
}
TEST("a power-off takes the same way") {
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, POWER_OFF)));
  CHECK_NUMBER((unsigned)fake_reboot_command, RB_POWER_OFF);
}
TEST("the wait ends as soon as all processes are gone") {
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK_NUMBER(fake_now_ms, 20);
}
TEST("without any process there is no wait") {
  boot.signals = sys_signals();
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK_NUMBER(fake_now_ms, 0);
}
TEST("a process that does not listen is killed after 5 s") {
  machine();
  fake_ignores_sigterm("/stubborn");
  sys_spawn(&(struct spawn){.argv = stubborn, .channel = -1});
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(IN_ORDER("kill -1 15", "kill -1 9", "unmount /boot", "reboot"));
  CHECK_NUMBER(fake_now_ms, 5020);
}
TEST("a process that cannot even be killed does not stop the reboot") {
  machine();
  fake_ignores_sigterm("/stubborn");
  sys_spawn(&(struct spawn){.argv = stubborn, .channel = -1});
  fake_fail("kill -1 9", EPERM, 1);
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(fake_now_ms <= 7100);
}
TEST("other signals during the wait do not shorten the grace of a process") {
  machine();
  fake_ignores_sigterm("/stubborn");
  sys_spawn(&(struct spawn){.argv = stubborn, .channel = -1});
  for (int i = 1; i < 20; i++) fake_at_signal(i * 100, SIGTERM);
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(fake_now_ms >= 5000);
}
TEST("a mount that is busy does not keep the others") {
  machine();
  fake_fail("unmount /tmp/stick", EBUSY, 1);
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(IN_ORDER("unmount /tmp/stick", "unmount /boot", "mount remount - / ro", "sync", "reboot"));
}
TEST("the root that stays writable is flushed all the same") {
  machine();
  fake_fail("mount remount - /", EBUSY, ALWAYS);
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(IN_ORDER("mount remount - /data ro", "sync", "reboot"));
}
TEST("a list of mounts that cannot be read does not stop the reboot") {
  boot.signals = sys_signals();
  CHECK(ENDS_BOOT(shut_down(&boot, REBOOT)));
  CHECK(IN_ORDER("mount remount - / ro", "mount remount - /data ro", "sync", "reboot 0x1234567"));
}
TEST("a kexec without a loaded kernel becomes a reboot") {
  machine();
  fake_fail("reboot 0x45584543", EINVAL, 1);
  CHECK(ENDS_BOOT(shut_down(&boot, KEXEC)));
  CHECK(IN_ORDER("reboot 0x45584543", "reboot 0x1234567"));
}
TEST("a power-off that the machine does not know becomes a reboot") {
  machine();
  fake_fail("reboot 0x4321fedc", EINVAL, 1);
  CHECK(ENDS_BOOT(shut_down(&boot, POWER_OFF)));
  CHECK_NUMBER(fake_reboot_command, RB_AUTOBOOT);
}
TEST("the watchdog stays armed: it is neither closed nor told to stop") {
  fake_text("/dev/watchdog", "");
  watchdog_open();
  machine();
  CHECK(ENDS_BOOT(shut_down(&boot, KEXEC)));
  CHECK_NUMBER(fake_count("close /dev/watchdog"), 0);
  CHECK_NUMBER(fake_count("write /dev/watchdog"), 0);
}
