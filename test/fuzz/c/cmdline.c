/* The kernel command line: whoever writes the boot partition writes it. */
#include "machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  struct cmdline words = {0};
  memcpy(text, data, size);
  text[size] = '\0';
  if (cmdline_parse(text, &words) == 0 && !words.barebones) {
    assert(strlen(words.disk) == 8 && strspn(words.disk, "0123456789abcdef") == 8);
    assert(words.slot == 'a' || words.slot == 'b');
  }
  assert(words.trial_s >= 0 && words.trial_s <= 999999);
  assert(strlen(words.verity.root_hash) <= 128 && strlen(words.verity.salt) <= 512);
  free(text);
  return 0;
}
