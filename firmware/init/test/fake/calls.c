#include "inside.h"

#include <stdarg.h>

static char calls[4096][200];
static int call_count;
static struct { const char *call; int error, times; } failing[16];
static int failing_count;

int fake_failure(const char *call) {
  for (int i = 0; i < failing_count; i++) {
    if (failing[i].times <= 0 || strncmp(call, failing[i].call, strlen(failing[i].call)) != 0) continue;
    failing[i].times--;
    return -failing[i].error;
  }
  return 0;
}

int fake_call(const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *line = calls[call_count < 4095 ? call_count++ : 4095];
  vsnprintf(line, sizeof *calls, format, values);
  va_end(values);
  return fake_failure(line);
}

void fake_fail(const char *text, int error, int times) {
  failing[failing_count].call = text;
  failing[failing_count].error = error;
  failing[failing_count++].times = times;
}

int fake_count(const char *text) {
  int count = 0;
  for (int i = 0; i < call_count; i++) count += strncmp(calls[i], text, strlen(text)) == 0;
  return count;
}
bool fake_in_order(const char *const wanted[], int count) {
  int at = 0;
  for (int i = 0; i < call_count && at < count; i++) at += strncmp(calls[i], wanted[at], strlen(wanted[at])) == 0;
  if (at < count) printf("# not found in its place: %s\n", wanted[at]);
  return at == count;
}
void fake_print(void) {
  for (int i = 0; i < call_count; i++) printf("# %s\n", calls[i]);
}
