#include "inside.h"

static struct file files[96];
static int file_count;
static struct { struct file *file; size_t at; bool open; } fds[32];

struct file *fake_find(const char *path) {
  for (int i = 0; i < file_count; i++) {
    if (strcmp(files[i].path, path) == 0) return &files[i];
  }
  return NULL;
}

void fake_file(const char *path, const void *bytes, size_t size) {
  struct file *file = fake_find(path);
  if (file == NULL) file = &files[file_count++];
  snprintf(file->path, sizeof file->path, "%s", path);
  file->length = size < STORED ? size : STORED;
  file->size = size;
  memcpy(file->bytes, bytes, file->length);
}

void fake_text(const char *path, const char *text) { fake_file(path, text, strlen(text)); }
void fake_device(const char *path, uint64_t size) {
  static const uint8_t zeros[STORED];
  fake_file(path, zeros, STORED);
  fake_find(path)->size = size;
}
uint8_t *fake_bytes(const char *path) { return fake_find(path)->bytes; }
const char *fake_content(const char *path) {
  struct file *file = fake_find(path);
  if (file == NULL) return NULL;
  file->bytes[file->length < STORED ? file->length : STORED - 1] = 0;
  return (const char *)file->bytes;
}
void fake_remove(const char *path) { fake_find(path)->path[0] = '\0'; }

struct file *fake_open_file(int fd) { return fds[fd].file; }
const char *fake_path_of(int fd) { return fd == 2 ? "console" : fds[fd].file->path; }

int sys_open(const char *path, int flags, int mode) {
  char line[100];
  (void)mode;
  snprintf(line, sizeof line, "open %s", path);
  int result = fake_failure(line);
  if (result < 0) return result;
  struct file *file = fake_find(path);
  if (file == NULL && (flags & O_CREAT)) {
    fake_file(path, "", 0);
    file = fake_find(path);
  }
  if (file == NULL) return -ENOENT;
  if (flags & O_TRUNC) file->length = file->size = 0;
  int fd = 3;
  while (fds[fd].open) fd++;
  fds[fd].open = true;
  fds[fd].file = file;
  fds[fd].at = 0;
  return fd;
}
int sys_close(int fd) {
  if (fd == CHANNEL_FD) fake_channel_close();
  if (fd >= 32) return 0;
  if (!fds[fd].open) abort();
  fake_call("close %s", fake_path_of(fd));
  fds[fd].open = false;
  return 0;
}
int sys_dup(int fd, int target) { return fake_call("dup %s %d", fake_path_of(fd), target); }
long sys_read(int fd, void *buffer, size_t size) {
  if (fd == CHANNEL_FD) return fake_channel_read(buffer, size);
  struct file *file = fds[fd].file;
  size_t got = file->length - fds[fd].at < size ? file->length - fds[fd].at : size;
  if (got > 100) got = 100; /* a read may give less than was asked for */
  memcpy(buffer, file->bytes + fds[fd].at, got);
  fds[fd].at += got;
  return (long)got;
}
long sys_write(int fd, const void *buffer, size_t size) {
  int result = fake_call("write %s %.*s", fake_path_of(fd), (int)size, (const char *)buffer);
  if (result < 0 || fd == 2) return result < 0 ? result : (long)size;
  struct file *file = fds[fd].file;
  if (fds[fd].at + size > STORED) abort();
  memcpy(file->bytes + fds[fd].at, buffer, size);
  fds[fd].at += size;
  file->length = file->size = fds[fd].at;
  return (long)size;
}
long sys_pread(int fd, void *buffer, size_t size, int64_t offset) {
  char line[100];
  snprintf(line, sizeof line, "pread %s", fake_path_of(fd));
  int result = fake_failure(line);
  if (result < 0) return result;
  memset(buffer, 0, size);
  if ((uint64_t)offset + size > fds[fd].file->size) return 0;
  if ((uint64_t)offset + size <= STORED) memcpy(buffer, fds[fd].file->bytes + offset, size);
  return (long)size;
}
long sys_pwrite(int fd, const void *buffer, size_t size, int64_t offset) {
  int result = fake_call("pwrite %s %lld %zu", fake_path_of(fd), (long long)offset, size);
  if (result < 0) return result;
  memcpy(fds[fd].file->bytes + offset, buffer, size);
  return (long)size;
}
int sys_fsync(int fd) { return fake_call("fsync %s", fake_path_of(fd)); }

int sys_exists(const char *path) { return fake_find(path) != NULL; }
int sys_list(const char *folder, char names[][NAME_SIZE], int limit) {
  char line[100];
  size_t length = strlen(folder);
  int count = 0;
  snprintf(line, sizeof line, "list %s", folder);
  int result = fake_failure(line);
  if (result < 0) return result;
  for (int i = file_count - 1; i >= 0 && count < limit; i--) { /* not sorted, as readdir */
    if (strncmp(files[i].path, folder, length) == 0) snprintf(names[count++], NAME_SIZE, "%.31s", files[i].path + length + 1);
  }
  return count;
}
