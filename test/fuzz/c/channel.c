/* Lines from the system process: whatever it says, init goes on until it is told to end or gives up. */
#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *argv[] = {"/usr/bin/node", NULL};
  struct boot boot = {.signals = 13};
  struct input input = {data, size};
  uint8_t trial;
  machine_reset();
  input_take(&input, &trial, 1);
  boot.words.trial_s = trial;
  machine_channel = input;
  enum ending ending = system_run(&boot, argv);
  assert(ending == REBOOT || ending == POWER_OFF || ending == KEXEC || ending == TRYBOOT);
  return 0;
}
