#include <stdlib.h>

#include "../launcher/launcher.h"
#include "tap.h"

static struct options options;

/* The words are kept: the options point into them. */
static const char *parse(const char *line) {
  static char text[8192], *argv[600];
  int argc = 1;
  argv[0] = "launcher";
  snprintf(text, sizeof text, "%s", line);
  for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) argv[argc++] = word;
  argv[argc] = NULL;
  return options_parse(argc, argv, &options);
}
#define NEEDED "--uid 10000 --gid 10001 --home /data/users/app "

TEST("what is needed, and the defaults of the rest") {
  CHECK(parse(NEEDED "-- node main.js") == NULL);
  CHECK_NUMBER(options.uid, 10000);
  CHECK_NUMBER(options.gid, 10001);
  CHECK_TEXT(options.home, "/data/users/app");
  CHECK_TEXT(options.lower, "/run/nodeos/root");
  CHECK_TEXT(options.folder, "/");
  CHECK(options.network);
  CHECK(options.bundle == NULL && options.cgroup == NULL && options.hostname == NULL);
  CHECK_NUMBER(options.device_count + options.keep_fd_count, 0);
  CHECK_TEXT(options.command[0], "node");
  CHECK_TEXT(options.command[1], "main.js");
  CHECK(options.command[2] == NULL);
}
TEST("the environment is PATH, HOME and TMPDIR, and what is added; a later value replaces an earlier one") {
  CHECK(parse(NEEDED "--env A=1 --env HOME=/home --env A=2 --env EMPTY= -- node") == NULL);
  CHECK_TEXT(options.environment[0], "PATH=/usr/local/bin:/usr/bin:/bin");
  CHECK_TEXT(options.environment[1], "HOME=/home");
  CHECK_TEXT(options.environment[2], "TMPDIR=/tmp");
  CHECK_TEXT(options.environment[3], "A=2");
  CHECK_TEXT(options.environment[4], "EMPTY=");
  CHECK(options.environment[5] == NULL);
}
TEST("a name that begins another's is a variable of its own") {
  CHECK(parse(NEEDED "--env PATHS=1 --env PAT=2 -- node") == NULL);
  CHECK_NUMBER(options.environment_count, 5);
}
TEST("with a bundle the app starts in it") {
  CHECK(parse(NEEDED "--bundle /b.sqfs -- node") == NULL);
  CHECK_TEXT(options.folder, "/app");
  CHECK(parse(NEEDED "--bundle /b.sqfs --chdir /tmp -- node") == NULL);
  CHECK_TEXT(options.folder, "/tmp");
}
TEST("descriptors to keep are sorted") {
  CHECK(parse(NEEDED "--keep-fd 9 --keep-fd 3 --keep-fd 7 -- node") == NULL);
  CHECK_NUMBER(options.keep_fd_count, 3);
  CHECK_NUMBER(options.keep_fds[0], 3);
  CHECK_NUMBER(options.keep_fds[1], 7);
  CHECK_NUMBER(options.keep_fds[2], 9);
}
TEST("another run's process is a number that a process can have") {
  CHECK(parse(NEEDED "-- node") == NULL);
  CHECK_NUMBER(options.root_of, 0);
  CHECK(parse(NEEDED "--root-of 4711 -- node") == NULL);
  CHECK_NUMBER(options.root_of, 4711);
  CHECK_TEXT(parse(NEEDED "--root-of 0 -- node"), "--root-of: not a process id");
  CHECK_TEXT(parse(NEEDED "--root-of self -- node"), "--root-of: not a process id");
}
TEST("shares of the disk are numbers from 1 up; without them nothing is said") {
  CHECK(parse(NEEDED "-- node") == NULL);
  CHECK_NUMBER(options.disk_kib + options.disk_files, 0);
  CHECK(parse(NEEDED "--disk-kib 2048 --disk-files 512 -- node") == NULL);
  CHECK_NUMBER(options.disk_kib, 2048);
  CHECK_NUMBER(options.disk_files, 512);
  CHECK_TEXT(parse(NEEDED "--disk-kib 0 -- node"), "--disk-kib: not a number from 1 up");
  CHECK_TEXT(parse(NEEDED "--disk-files all -- node"), "--disk-files: not a number from 1 up");
}
TEST("devices add up") {
  CHECK(parse(NEEDED "--device /dev/gpiochip0 --device /dev/dri/card0 -- node") == NULL);
  CHECK_NUMBER(options.device_count, 2);
  CHECK_TEXT(options.devices[1], "/dev/dri/card0");
}
TEST("the command's own options are not the launcher's") {
  CHECK(parse(NEEDED "-- node --uid 0 -- x") == NULL);
  CHECK_NUMBER(options.uid, 10000);
  CHECK_TEXT(options.command[1], "--uid");
}
TEST("root is refused as user and as group") {
  CHECK_TEXT(parse("--uid 0 --gid 5 --home /h -- node"), "--uid: not a number from 1 up");
  CHECK_TEXT(parse("--uid 5 --gid 0 --home /h -- node"), "--gid: not a number from 1 up");
}
TEST("ids that are no ids are refused, also those that the kernel reads as `leave it`") {
  CHECK(parse("--uid 4294967295 --gid 5 --home /h -- node") != NULL);
  CHECK(parse("--uid 4294967296 --gid 5 --home /h -- node") != NULL);
  CHECK(parse("--uid 18446744073709551617 --gid 5 --home /h -- node") != NULL);
  CHECK(parse("--uid -1 --gid 5 --home /h -- node") != NULL);
  CHECK(parse("--uid 5x --gid 5 --home /h -- node") != NULL);
  CHECK(parse("--uid +5 --gid 5 --home /h -- node") != NULL);
}
TEST("ids and home must be given") {
  CHECK_TEXT(parse("--gid 5 --home /h -- node"), "--uid and --gid are needed");
  CHECK_TEXT(parse("--uid 5 --home /h -- node"), "--uid and --gid are needed");
  CHECK_TEXT(parse("--uid 5 --gid 5 -- node"), "--home is needed");
}
TEST("a command must be given") {
  CHECK_TEXT(parse(NEEDED), "no command: -- command args");
  CHECK_TEXT(parse(NEEDED "--"), "no command: -- command args");
  CHECK(parse("") != NULL);
}
TEST("unknown options, options without value and words before -- are refused") {
  CHECK_TEXT(parse(NEEDED "--privileged yes -- node"), "unknown option");
  CHECK_TEXT(parse(NEEDED "node"), "unknown option");
  CHECK_TEXT(parse(NEEDED "--env"), "an option has no value");
}
TEST("paths that would change overlayfs' options or leave their folder are refused") {
  CHECK(parse("--uid 5 --gid 5 --home /a,upperdir=/ -- node") != NULL);
  CHECK(parse("--uid 5 --gid 5 --home /a:b -- node") != NULL);
  CHECK(parse("--uid 5 --gid 5 --home /a\\b -- node") != NULL);
  CHECK(parse("--uid 5 --gid 5 --home relative -- node") != NULL);
  CHECK(parse("--uid 5 --gid 5 --home /a/../b -- node") != NULL);
  CHECK(parse("--uid 5 --gid 5 --home /a/.. -- node") != NULL);
  CHECK(parse("--uid 5 --gid 5 --home / -- node") != NULL);
  CHECK(parse(NEEDED "--lower / -- node") != NULL);
}
TEST("devices outside /dev are refused") {
  CHECK(parse(NEEDED "--device /data/x -- node") != NULL);
  CHECK(parse(NEEDED "--device /dev/ -- node") != NULL);
  CHECK(parse(NEEDED "--device /dev/../data/x -- node") != NULL);
  CHECK(parse(NEEDED "--device gpiochip0 -- node") != NULL);
}
TEST("standard descriptors and nonsense cannot be kept") {
  CHECK(parse(NEEDED "--keep-fd 2 -- node") != NULL);
  CHECK(parse(NEEDED "--keep-fd x -- node") != NULL);
}
TEST("a network other than host and none is refused") {
  CHECK(parse(NEEDED "--network none -- node") == NULL);
  CHECK(!options.network);
  CHECK_TEXT(parse(NEEDED "--network bridge -- node"), "--network: neither host nor none");
}
TEST("a host name longer than the kernel's is refused") {
  char line[256] = NEEDED "--hostname ";
  memset(line + strlen(line), 'h', 65);
  strcat(line, " -- node");
  CHECK(parse(line) != NULL);
}
TEST("a variable without a name or a value is refused") {
  CHECK(parse(NEEDED "--env NAME -- node") != NULL);
  CHECK(parse(NEEDED "--env =1 -- node") != NULL);
}
TEST("too many of anything is refused, not written past the end") {
  char line[8192] = NEEDED;
  for (int i = 0; i < 33; i++) sprintf(line + strlen(line), "--keep-fd %d ", 40 - i);
  strcat(line, "-- node");
  CHECK_TEXT(parse(line), "--keep-fd: given too often");
  strcpy(line, NEEDED);
  for (int i = 0; i < 65; i++) sprintf(line + strlen(line), "--device /dev/d%d ", i);
  strcat(line, "-- node");
  CHECK_TEXT(parse(line), "--device: given too often");
}
TEST("more variables than fit are refused") {
  static char line[8192] = NEEDED;
  for (int i = 0; i < 254; i++) sprintf(line + strlen(line), "--env V%d=1 ", i);
  strcat(line, "-- node");
  CHECK_TEXT(parse(line), "--env: given too often");
}
TEST("GPIO through /sys is given in so many words only") {
  CHECK(parse(NEEDED "-- node") == NULL && !options.gpio && options.cpuinfo == NULL);
  CHECK(parse(NEEDED "--sysfs gpio --cpuinfo /run/nodeos/cpuinfo -- node") == NULL && options.gpio);
  CHECK_TEXT(options.cpuinfo, "/run/nodeos/cpuinfo");
  CHECK(parse(NEEDED "--sysfs all -- node") != NULL);
  CHECK(parse(NEEDED "--cpuinfo cpuinfo -- node") != NULL);
}
TEST("all homes are shown in so many words only") {
  CHECK(parse(NEEDED "-- node") == NULL && options.homes == NULL);
  CHECK(parse(NEEDED "--homes /data/users -- node") == NULL);
  CHECK_TEXT(options.homes, "/data/users");
  CHECK(parse(NEEDED "--homes ../users -- node") != NULL);
}
TEST("a line that the kernel adds is told from everything else that it says") {
#define ADDED "add@/devices/x/gpio/gpio17\0ACTION=add\0DEVPATH=/devices/x/gpio/gpio17\0SUBSYSTEM=gpio"
  CHECK_TEXT(gpio_added(ADDED, sizeof ADDED), "/devices/x/gpio/gpio17");
#define REMOVED "remove@/x\0ACTION=remove\0DEVPATH=/x\0SUBSYSTEM=gpio"
  CHECK(gpio_added(REMOVED, sizeof REMOVED) == NULL);
#define OTHER "add@/x\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=block"
  CHECK(gpio_added(OTHER, sizeof OTHER) == NULL);
#define NOWHERE "add@/x\0ACTION=add\0SUBSYSTEM=gpio"
  CHECK(gpio_added(NOWHERE, sizeof NOWHERE) == NULL);
}
