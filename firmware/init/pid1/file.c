#include "init.h"

int file_read(const char *path, char *buffer, size_t size) {
  int fd = sys_open(path, O_RDONLY, 0);
  if (fd < 0) return fd;
  size_t length = 0;
  long got = 0;
  while (length < size - 1 && (got = sys_read(fd, buffer + length, size - 1 - length)) > 0) length += (size_t)got;
  sys_close(fd);
  buffer[length] = '\0';
  return got < 0 ? (int)got : (int)length;
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
