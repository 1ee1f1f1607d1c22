#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"

static bool number(const char *value, unsigned least, unsigned most, unsigned *result) {
  char *end;
  errno = 0;
  unsigned long parsed = strtoul(value, &end, 10);
  if (*value < '0' || *value > '9' || *end != '\0' || errno != 0 || parsed < least || parsed > most) return false;
  *result = (unsigned)parsed;
  return true;
}

static bool is_absolute(const char *path) {
  size_t length = strlen(path);
  return path[0] == '/' && strstr(path, "/../") == NULL && !(length > 2 && strcmp(path + length - 3, "/..") == 0);
}

/* A comma, colon or backslash would change the meaning of overlayfs' mount options. */
static bool is_overlay_path(const char *path) { return is_absolute(path) && path[1] && !strpbrk(path, ",:\\"); }

static const char *keep_fd(const char *value, struct options *options) {
  unsigned fd;
  int at = options->keep_fd_count;
  if (!number(value, 3, 1 << 20, &fd)) return "--keep-fd: not a number from 3 up";
  if (at == KEEP_FDS_MAX) return "--keep-fd: given too often";
  for (; at > 0 && options->keep_fds[at - 1] > (int)fd; at--) options->keep_fds[at] = options->keep_fds[at - 1];
  options->keep_fds[at] = (int)fd;
  options->keep_fd_count++;
  return NULL;
}

static const char *environment(char *value, struct options *options) {
  const char *equals = strchr(value, '=');
  if (equals == NULL || equals == value) return "--env: not KEY=VALUE";
  size_t name = (size_t)(equals - value) + 1;
  for (int i = 0; i < options->environment_count; i++) {
    if (strncmp(options->environment[i], value, name) != 0) continue;
    options->environment[i] = value;
    return NULL;
  }
  if (options->environment_count == ENVIRONMENT_MAX - 1) return "--env: given too often";
  options->environment[options->environment_count++] = value;
  return NULL;
}

static const char *device(const char *value, struct options *options) {
  if (!is_absolute(value) || strncmp(value, "/dev/", 5) != 0 || value[5] == '\0') return "--device: not a path in /dev";
  if (options->device_count == DEVICES_MAX) return "--device: given too often";
  options->devices[options->device_count++] = value;
  return NULL;
}

static const char *network(const char *value, struct options *options) {
  options->network = strcmp(value, "host") == 0;
  return options->network || strcmp(value, "none") == 0 ? NULL : "--network: neither host nor none";
}

static const char *sysfs(const char *value, struct options *options) {
  options->gpio = strcmp(value, "gpio") == 0;
  return options->gpio ? NULL : "--sysfs: not gpio";
}

static const char *parse_option(const char *name, char *value, struct options *options) {
#define IS(text) (strcmp(name, text) == 0)
  if (IS("--uid")) return number(value, 1, 0xfffffffeu, &options->uid) ? NULL : "--uid: not a number from 1 up";
  if (IS("--gid")) return number(value, 1, 0xfffffffeu, &options->gid) ? NULL : "--gid: not a number from 1 up";
  if (IS("--root-of")) return number(value, 1, 1u << 22, &options->root_of) ? NULL : "--root-of: not a process id";
  if (IS("--disk-kib")) return number(value, 1, ~0U, &options->disk_kib) ? NULL : "--disk-kib: not a number from 1 up";
  if (IS("--disk-files"))
    return number(value, 1, ~0U, &options->disk_files) ? NULL : "--disk-files: not a number from 1 up";
  if (IS("--device")) return device(value, options);
  if (IS("--keep-fd")) return keep_fd(value, options);
  if (IS("--env")) return environment(value, options);
  if (IS("--network")) return network(value, options);
  if (IS("--sysfs")) return sysfs(value, options);
  if (IS("--hostname")) {
    options->hostname = value;
    return *value && strlen(value) <= 64 ? NULL : "--hostname: not 1 to 64 characters";
  }
  if (IS("--home")) {
    options->home = value;
    return is_overlay_path(value) ? NULL : "--home: not an absolute path without comma, colon or backslash";
  }
  if (IS("--lower")) {
    options->lower = value;
    return is_overlay_path(value) ? NULL : "--lower: not an absolute path without comma, colon or backslash";
  }
  const char **target = IS("--bundle") ? &options->bundle : IS("--cgroup") ? &options->cgroup : NULL;
  if (IS("--chdir")) target = &options->folder;
  if (IS("--cpuinfo")) target = &options->cpuinfo;
  if (IS("--homes")) target = &options->homes;
  if (target == NULL) return "unknown option";
  *target = value;
  return is_absolute(value) ? NULL : "not an absolute path";
}

const char *options_parse(int argc, char **argv, struct options *options) {
  static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", home[] = "HOME=/", temporary[] = "TMPDIR=/tmp";
  int at = 1;
  memset(options, 0, sizeof *options);
  options->lower = "/run/nodeos/root";
  options->network = true;
  environment(path, options);
  environment(home, options);
  environment(temporary, options);
  for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
    const char *value_missing = "an option has no value";
    if (strncmp(argv[at], "--", 2) != 0) return "unknown option";
    if (at + 1 >= argc) return value_missing;
    const char *wrong = parse_option(argv[at], argv[at + 1], options);
    if (wrong != NULL) return wrong;
  }
  if (at + 1 >= argc) return "no command: -- command args";
  if (options->uid == 0 || options->gid == 0) return "--uid and --gid are needed";
  if (options->home == NULL) return "--home is needed";
  if (options->folder == NULL) options->folder = options->bundle ? "/app" : "/";
  options->command = argv + at + 1;
  return NULL;
}
