#include "init.h"

#define POINTER "boot_partition="

/* On the Raspberry Pi the same slot image, command line and all, boots from either partition; its firmware tells which
 * one it took (Raspberry Pi documentation, Firmware parameters). */
static int firmware_partition(void) {
  char cell[8]; /* big-endian, and one byte more than a cell is no cell */
  return file_read("/proc/device-tree/chosen/bootloader/partition", cell, sizeof cell) == 4 ? cell[3] : 0;
}

/* Where it tells nothing (Raspberry Pi 5 before 2024-05: rpi-eeprom issue 575): the first partition that autoboot.txt
 * names is the cold boot's; a trial is in the other. */
static int pointed_partition(const struct boot *boot) {
  char text[1024] = "";
  int result = mount_boot(boot);
  if (result >= 0) result = file_read("/boot/autoboot.txt", text, sizeof text);
  sys_unmount("/boot");
  const char *pointer = strstr(text, POINTER);
  if (pointer == NULL) return result < 0 ? result : -ENODATA;
  int partition = pointer[sizeof POINTER - 1] - '0';
  return boot->words.trial_s > 0 ? 5 - partition : partition;
}

int slot_find(struct boot *boot) {
  if (boot->words.slot != 'f') return 0;
  int partition = firmware_partition();
  if (partition != 2 && partition != 3) partition = pointed_partition(boot);
  if (partition != 2 && partition != 3) return partition < 0 ? partition : -ENODATA;
  boot->words.slot = partition == 2 ? 'a' : 'b';
  return 0;
}
