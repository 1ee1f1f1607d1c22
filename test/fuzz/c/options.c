/* The launcher's options: the agent makes them from an app's manifest. Arguments are lines of the input. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../../firmware/init/launcher/launcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1), *argv[1024] = {"launcher"};
  struct options options;
  int count = 1;
  memcpy(text, data, size);
  text[size] = '\0';
  for (char *at = text; at <= text + size && count < 1023; at += strlen(at) + 1) {
    char *end = strchr(at, '\n');
    if (end) *end = '\0';
    argv[count++] = at;
  }
  argv[count] = NULL;
  if (options_parse(count, argv, &options) == NULL) {
    assert(options.uid > 0 && options.gid > 0 && options.home[0] == '/' && options.command[0] != NULL);
    assert(strpbrk(options.home, ",:\\") == NULL && strstr(options.home, "/../") == NULL);
    for (int i = 0; i < options.device_count; i++) assert(strncmp(options.devices[i], "/dev/", 5) == 0);
    for (int i = 1; i < options.keep_fd_count; i++) assert(options.keep_fds[i - 1] <= options.keep_fds[i]);
    assert(options.environment[options.environment_count] == NULL);
  }
  free(text);
  return 0;
}
