/* /etc/nodeos/system.argv, and what the kernel's interface files hold. */
#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char text[4096], *argv[64];
  machine_reset();
  machine_file = (struct input){data, size};
  int count = system_arguments(text, argv);
  if (count > 0) {
    assert(count < 64 && argv[count] == NULL && argv[0][0] == '/');
    for (int i = 0; i < count; i++) assert(strlen(argv[i]) > 0 && strlen(argv[i]) < sizeof text);
  }
  return 0;
}
