#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher.h"

#define KERNEL_GROUP 1 /* the kernel's own messages; group 2 is udev's */

/* All apps that were given `gpio` share the lines, as on a system with a group of that name; the others see /sys
 * read-only, so that a mode that lets everybody write is for those apps alone. */
static void let_export(void) {
  chmod("/sys/class/gpio/export", 0222);
  chmod("/sys/class/gpio/unexport", 0222);
}

static void let_use(const char *device) {
  static const char *const files[] = {"direction", "value", "edge", "active_low"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[512];
    if (snprintf(path, sizeof path, "/sys%s/%s", device, files[i]) < (int)sizeof path) chmod(path, 0666);
  }
}

/* The part of a udev that packages for the older interface wait for: each line that is exported may be used. */
static noreturn void watch_lines(int events) {
  for (;;) {
    char message[4096];
    struct sockaddr_nl from = {0};
    socklen_t from_length = sizeof from;
    ssize_t length = recvfrom(events, message, sizeof message - 1, 0, (struct sockaddr *)&from, &from_length);
    if (length <= 0 || from.nl_pid != 0) continue;
    message[length] = '\0';
    const char *device = gpio_added(message, (size_t)length);
    if (device != NULL) let_use(device);
  }
}

void gpio_share(const struct options *options) {
  if (!options->gpio) return;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
  int events = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
  /* Bound before the app starts: none of its lines is missed. */
  if (events < 0 || bind(events, (struct sockaddr *)&address, sizeof address) < 0) return;
  let_export();
  int pid = fork();
  if (pid == 0) {
    struct options events_kept = {.keep_fds = {events}, .keep_fd_count = 1};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* it ends with the launcher, however that ends */
    descriptors_close(&events_kept);
    for (int fd = 0; fd < 3; fd++) close(fd);
    watch_lines(events);
  }
  close(events);
}
