#include <linux/watchdog.h>

#include "init.h"

#define INTERVAL_MS 5000

static int device = -1;
static int64_t next_pet_ms;

/* Never closed, and never disarmed: a hang while shutting down or in the next kernel must end in a reset too. */
int watchdog_open(void) {
  int seconds = 60;
  device = sys_open("/dev/watchdog", O_WRONLY, 0);
  if (device < 0) return device;
  may("watchdog time-out", sys_ioctl(device, WDIOC_SETTIMEOUT, &seconds));
  watchdog_pet();
  return 0;
}

bool watchdog_present(void) { return device >= 0; }

void watchdog_pet(void) {
  int64_t now = sys_now_ms();
  if (device < 0 || now < next_pet_ms) return;
  next_pet_ms = now + INTERVAL_MS;
  sys_ioctl(device, WDIOC_KEEPALIVE, NULL);
}
