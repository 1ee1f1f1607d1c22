#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>

#define ATTEMPTS 32

/* Direct I/O keeps the image out of the page cache a second time; where the file system refuses it, buffered. An overlay
 * of a squashfs refuses only at the first read. */
static int configure(int loop, int file, int access) {
  struct loop_config config = {.fd = (uint32_t)file};
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
  config.info.lo_flags |= access == O_RDONLY ? LO_FLAGS_READ_ONLY : LO_FLAGS_PARTSCAN;
  int result = sys_ioctl(loop, LOOP_CONFIGURE, &config);
  char first[512];
  if (result >= 0 && sys_pread(loop, first, sizeof first, 0) < 0) return sys_ioctl(loop, LOOP_SET_DIRECT_IO, NULL);
  if (result != -EINVAL) return result;
  config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO;
  return sys_ioctl(loop, LOOP_CONFIGURE, &config);
}

int loop_attach(const char *file, int access, char device[NAME_SIZE]) {
  int image = sys_open(file, access, 0);
  if (image < 0) return image;
  int control = sys_open("/dev/loop-control", O_RDWR, 0);
  int result = control < 0 ? control : -EBUSY;
  /* Between asking for a free device and taking it, another process may take it. */
  for (int attempt = 0; result == -EBUSY && attempt < ATTEMPTS; attempt++) {
    result = sys_ioctl(control, LOOP_CTL_GET_FREE, NULL);
    if (result < 0) break;
    snprintf(device, NAME_SIZE, "/dev/loop%d", result);
    int loop = sys_open(device, access, 0);
    result = loop < 0 ? loop : configure(loop, image, access);
    if (result >= 0) result = loop;
    else if (loop >= 0) sys_close(loop);
  }
  if (control >= 0) sys_close(control);
  sys_close(image);
  return result;
}
