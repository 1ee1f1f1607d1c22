#include <string.h>

#include "launcher.h"

const char *gpio_added(const char *message, size_t length) {
  const char *path = NULL;
  bool added = false, gpio = false;
  for (const char *word = message; word < message + length; word += strlen(word) + 1) {
    if (strcmp(word, "ACTION=add") == 0) added = true;
    else if (strcmp(word, "SUBSYSTEM=gpio") == 0) gpio = true;
    else if (strncmp(word, "DEVPATH=/", 9) == 0) path = word + 8;
  }
  return added && gpio ? path : NULL;
}
