#include "inside.h"

int fake_reboot_command = -1;
jmp_buf fake_end;
bool fake_end_is_set;

int sys_mkdir(const char *path, int mode) {
  (void)mode;
  int result = fake_call("mkdir %s", path);
  if (result == 0 && strcmp(path, "/data") == 0) fake_text("/data", ""); /* so that it can be opened */
  return result;
}
int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  const char *how = flags & MS_MOVE ? "move" : flags & MS_BIND ? "bind" : flags & MS_REMOUNT ? "remount" : type;
  const char *from = source ? source : "-", *read_only = flags & MS_RDONLY ? " ro" : "";
  return fake_call("mount %s %s %s%s%s%s", how, from, target, read_only, data ? " " : "", data ? data : "");
}
int sys_unmount(const char *target) { return fake_call("unmount %s", target); }
int sys_switch_root(const char *root) { return fake_call("switch root %s", root); }
int sys_loopback_up(void) { return fake_call("loopback up"); }
void sys_sync(void) { fake_call("sync"); }
int sys_reboot(int command) {
  int result = fake_call("reboot %#x", command);
  if (result < 0 || command == RB_DISABLE_CAD) return result;
  fake_reboot_command = command;
  if (!fake_end_is_set) {
    printf("# the boot ended where the test did not expect it\n");
    fake_print();
    fflush(stdout);
    abort();
  }
  fake_end_is_set = false;
  longjmp(fake_end, 1);
}

int sys_restart(const char *argument) {
  int result = fake_call("restart %s", argument);
  return result < 0 ? result : sys_reboot(RB_AUTOBOOT);
}
