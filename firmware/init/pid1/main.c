/* PID 1 of NodeOS. Every step is fatal (`must`) or survivable (`may`). */
#include "init.h"

#define DISK_LIMIT_MS 30000

static struct boot boot;

static int open_console(void) {
  int fd = sys_open("/dev/console", O_RDWR, 0);
  if (fd < 0) fd = sys_open("/dev/null", O_RDWR, 0); /* fd 2 must never become a disk */
  if (fd < 0) return fd;
  for (int target = 0; target < 3; target++) sys_dup(fd, target);
  return fd > 2 ? sys_close(fd) : 0;
}

static int read_cmdline(struct cmdline *words) {
  char text[4096];
  int result = file_read("/proc/cmdline", text, sizeof text);
  return result < 0 ? result : cmdline_parse(text, words);
}

/* A CD takes no writes, and this kernel cannot even read it: the boot loader has left the head of its disk in the
 * initramfs, up to the end of the first slot. That makes a disk in RAM, where all is found as on any other. */
static int find_disk(void) {
  if (boot.words.disc) return loop_attach("/disk.img", O_RDWR, boot.disk.device);
  return disk_find(boot.words.disk, DISK_LIMIT_MS, &boot.disk);
}

static void mount_from_disk(void) {
  must("finding the disk", find_disk());
  must("finding out which slot this is", slot_find(&boot));
  must("mounting the slot", mount_slot(&boot));
  must("mounting rootfs.sqfs", mount_lower("/run/nodeos/slot/rootfs.sqfs", &boot.words.verity));
  if (boot.words.disc) data_in_ram(&boot, "started from a CD, which takes no writes");
  else data_mount(&boot);
  must("switching to the root", mount_root(&boot));
  may("mounting /boot", mount_boot(&boot));
}

static void mount_from_initramfs(void) {
  must("mounting rootfs.sqfs", mount_lower("/rootfs.sqfs", &boot.words.verity));
  data_in_ram(&boot, "barebones has no disk");
  must("switching to the root", mount_root(&boot));
}

int main(void) {
  static char text[4096], *argv[64];

  must("mounting the kernel's file systems", mount_kernel());
  must("opening the console", open_console());
  must("reading nodeos.disk, nodeos.slot and the other words of the kernel command line", read_cmdline(&boot.words));
  must("receiving signals", boot.signals = sys_signals());
  may("Ctrl-Alt-Del as a signal", sys_reboot(RB_DISABLE_CAD));

  if (!boot.words.barebones && !boot.words.no_watchdog) may("opening the watchdog", watchdog_open());
  if (boot.words.barebones) mount_from_initramfs();
  else mount_from_disk();

  may("mounting temporary folders", mount_rest());
  may("mounting cgroups", cgroup_enable());
  may("starting the loopback interface", sys_loopback_up());
  must("reading /etc/nodeos/system.argv", system_arguments(text, argv));

  if (boot.words.barebones) {
    struct spawn console = {.argv = argv, .channel = -1, .terminal = true};
    must("running the console program", child_run(&boot, &console, 0));
    shut_down(&boot, POWER_OFF);
  }
  must("writing the facts of this boot", facts_write(&boot));
  shut_down(&boot, system_run(&boot, argv));
  return 1; /* only a kernel that refuses to reboot gets here; the end of PID 1 makes it panic, and that reboots */
}
