/* Partition table, ext4 superblock and disk name: a medium that somebody else wrote, or that is worn out. */
#include "machine.h"

static uint64_t field(const uint8_t *mbr, int number, int at) {
  const uint8_t *entry = mbr + 446 + 16 * (number - 1) + at;
  return entry[0] | (uint64_t)entry[1] << 8 | (uint64_t)entry[2] << 16 | (uint64_t)entry[3] << 24;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {data, size};
  struct boot boot = {.signals = 13, .words = {.slot = 'a'}};
  char signature[16];
  uint8_t before[512];
  machine_reset();
  input_take(&input, &machine_disk_bytes, 6);
  input_take(&input, machine_name, 6);
  if (machine_name[0] == '\0') strcpy(machine_name, "sda");
  for (char *at = machine_name; *at; at++) if (*at == '/') *at = '!'; /* as the kernel names it */
  input_take(&input, machine_disk, 512);
  input_take(&input, machine_disk + 1024, 1024);
  memcpy(machine_disk + 510, "\x55\xaa", 2);
  snprintf(signature, sizeof signature, "%02x%02x%02x%02x", machine_disk[443], machine_disk[442], machine_disk[441],
           machine_disk[440]);
  memcpy(boot.words.disk, signature, 9);
  if (disk_find(signature, 100, &boot.disk) != 0) return 0;
  memcpy(before, machine_disk, 512);
  data_mount(&boot);
  /* Growing changes nothing but the last partition's length, never to less, never past the medium. */
  assert(memcmp(before, machine_disk, 446 + 48 + 12) == 0 && memcmp(before + 510, machine_disk + 510, 2) == 0);
  uint64_t length = field(machine_disk, 4, 12);
  assert(length >= field(before, 4, 12));
  if (length > field(before, 4, 12)) assert((field(machine_disk, 4, 8) + length) * 512 <= machine_disk_bytes);
  facts_write(&boot);
  mount_slot(&boot);
  mount_boot(&boot);
  return 0;
}
