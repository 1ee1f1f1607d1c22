#include "init.h"

#define GRACE_MS 5000
#define KILLED_MS 2000

/* All processes are init's descendants: no child left means none at all. */
static bool all_gone(const struct boot *boot, int64_t limit_ms) {
  int status, ended;
  for (int64_t end = sys_now_ms() + limit_ms;;) {
    while ((ended = sys_reap(&status)) > 0) continue;
    if (ended < 0) return true;
    if (sys_now_ms() >= end) return false;
    wait_for_signal(boot, end - sys_now_ms());
  }
}

static void stop_processes(const struct boot *boot) {
  sys_kill(-1, SIGTERM);
  if (all_gone(boot, GRACE_MS)) return;
  say("some processes did not end within %d s: killed", GRACE_MS / 1000);
  sys_kill(-1, SIGKILL);
  all_gone(boot, KILLED_MS);
}

/* In reverse order of mounting. Mounts of memory are left: unmounting them only takes time. So are those that cannot
 * be unmounted from inside: the image under the root, and the root and data themselves, which become read-only. */
static void unmount_all(void) {
  static char text[16384], *targets[64];
  int count = 0;
  may("list of mounts", file_read("/proc/self/mounts", text, sizeof text));
  for (char *line = strtok(text, "\n"); line != NULL && count < 64; line = strtok(NULL, "\n")) {
    char *target = strchr(line, ' ');
    if (target == NULL || strncmp(line, "/dev/", 5) != 0) continue;
    *target++ = '\0';
    target[strcspn(target, " ")] = '\0';
    if (strcmp(target, "/data") != 0 && strncmp(target, "/run/nodeos/", 12) != 0) targets[count++] = target;
  }
  while (count-- > 0) may(targets[count], sys_unmount(targets[count]));
  may("root read-only", sys_mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  may("data read-only", sys_mount(NULL, "/data", NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

void shut_down(const struct boot *boot, enum ending ending) {
  static const char *const words[] = {"reboot", "power off", "kexec", "one-shot boot"};
  int64_t start = sys_now_ms();
  stop_processes(boot);
  unmount_all();
  sys_sync();
  say("%s after %d ms", words[ending], (int)(sys_now_ms() - start));
  if (ending == POWER_OFF) sys_reboot(RB_POWER_OFF);
  if (ending == KEXEC) may("kexec", sys_reboot(RB_KEXEC));
  /* Raspberry Pi documentation, Fail-safe OS updates: a partition number, 0 for autoboot.txt to choose, and the flag. */
  if (ending == TRYBOOT) may("one-shot boot", sys_restart("0 tryboot"));
  sys_reboot(RB_AUTOBOOT); /* also when there was no kernel loaded to go to */
}
