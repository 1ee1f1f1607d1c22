#include <stdarg.h>

#include "init.h"

/* One write a line, so that lines of several processes do not mix on the console. */
void say(const char *format, ...) {
  char line[512] = "init: ";
  va_list values;
  va_start(values, format);
  int length = 6 + vsnprintf(line + 6, sizeof line - 7, format, values);
  va_end(values);
  if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
  line[length++] = '\n';
  sys_write(2, line, (size_t)length);
}

void must(const char *step, int result) {
  if (result >= 0) return;
  say("cannot go on: %s: %s; reboot in 10 s", step, strerror(-result));
  /* The kernel's log outlives a warm reboot where a board keeps memory for it (ramoops). */
  char words[256];
  snprintf(words, sizeof words, "<2>init: cannot go on: %s: %s\n", step, strerror(-result));
  file_write("/dev/kmsg", words);
  sys_sleep_ms(10000);
  sys_sync();
  sys_reboot(RB_AUTOBOOT);
  exit(1);
}

bool may(const char *step, int result) {
  if (result < 0) say("%s: %s; going on", step, strerror(-result));
  return result >= 0;
}
