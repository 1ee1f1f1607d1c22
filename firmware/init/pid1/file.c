#include "init.h"

int file_read(const char *path, char *buffer, size_t size) {
  int fd = sys_open(path, O_RDONLY, 0);
  if (fd < 0) return fd;
  long got = 0, length = 0, room = (long)size - 1;
  while (length < room && (got = sys_read(fd, buffer + length, (size_t)(room - length))) > 0) length += got;
  sys_close(fd);
  buffer[length] = '\0';
  return (int)(got < 0 ? got : length);
}

int file_write(const char *path, const char *text) {
  int fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return fd;
  long written = sys_write(fd, text, strlen(text));
  int result = written < 0 ? (int)written : written < (long)strlen(text) ? -ENOSPC : sys_fsync(fd);
  sys_close(fd);
  /* Kernel interface files (cgroups) have nothing to flush. */
  return result == -EINVAL ? 0 : result;
}

int folder(const char *path, int mode) {
  int result = sys_mkdir(path, mode);
  return result == -EEXIST ? 0 : result;
}
