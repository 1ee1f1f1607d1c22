#include "init.h"

int facts_write(const struct boot *boot) {
  char parts[4][NAME_SIZE + 12], text[1024];
  for (int i = 0; i < 4; i++) disk_partition(&boot->disk, i + 1, parts[i]);
  snprintf(text, sizeof text,
           "slot=%c\ndisk=%s\ndisk_id=%s\nboot_part=%s\nslot_a_part=%s\nslot_b_part=%s\ndata_part=%s\n"
           "data=%s\ndata_note=%s\ngrown=%d\ntrial=%d\nwatchdog=%d\n",
           boot->words.slot, boot->disk.device, boot->words.disk, parts[0], parts[1], parts[2], parts[3],
           boot->data_note[0] ? "ram" : "disk", boot->data_note, boot->grown, boot->words.trial_s, watchdog_present());
  return file_write("/run/nodeos/boot", text);
}

/* One argument a line; the first is the program's absolute path. */
int system_arguments(char text[4096], char *argv[64]) {
  int count = 0, length = file_read("/etc/nodeos/system.argv", text, 4096);
  if (length < 0) return length;
  if (length == 4095) return -E2BIG;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    if (count == 63) return -E2BIG;
    argv[count++] = line;
  }
  argv[count] = NULL;
  return count > 0 && argv[0][0] == '/' ? count : -EINVAL;
}
