/* mount <type> <folder>: of what a device never mounts by itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

int main(int argc, char **argv) {
  if (argc == 3 && mount(argv[1], argv[2], argv[1], 0, NULL) == 0) return 0;
  fprintf(stderr, "mount: %s\n", strerror(errno));
  return 1;
}
