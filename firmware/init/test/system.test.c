#include "fake.h"
#include "tap.h"

#define S 1000LL

static struct boot boot;
static char *argv[] = {"/usr/bin/node", "/agent.js", NULL};

static enum ending run(int trial_s) {
  boot.words.trial_s = trial_s;
  boot.signals = sys_signals();
  return system_run(&boot, argv);
}
static void heartbeats(int64_t from_s, int64_t to_s) {
  for (int64_t at = from_s; at <= to_s; at += 20) fake_at_line(at * S, "heartbeat\n");
}
static void crashes(int count, int64_t after_ms) {
  for (int i = 0; i < count; i++) fake_exit("/usr/bin/node", after_ms, 1);
}
static const char *last_failure(void) { return fake_content("/data/.system/last-failure"); }

TEST("the system process is started at once, with the channel") {
  fake_at_line(5 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_count("spawn /usr/bin/node /agent.js with channel"), 1);
  CHECK_NUMBER(fake_now_ms, 5 * S);
  CHECK(last_failure() == NULL);
}
TEST("it may ask for a power-off") {
  fake_at_line(5 * S, "poweroff\n");
  CHECK_NUMBER(run(0), POWER_OFF);
}
TEST("it may ask for a kexec") {
  fake_at_line(5 * S, "kexec\n");
  CHECK_NUMBER(run(0), KEXEC);
}
TEST("an order is obeyed although the process ended right after it") {
  fake_at_line(5 * S, "kexec\n");
  fake_exit("/usr/bin/node", 5 * S, 0);
  CHECK_NUMBER(run(0), KEXEC);
}
TEST("an order is obeyed although it came, with the end of its process, after init had looked at the channel") {
  fake_at_orphan(5 * S); /* wakes init */
  fake_at_line(5 * S, "kexec\n");
  fake_exit("/usr/bin/node", 5 * S, 0);
  CHECK_NUMBER(run(0), KEXEC);
}
TEST("an order that comes in pieces is obeyed when it is whole") {
  fake_at_line(1 * S, "heartb");
  fake_at_line(2 * S, "eat\nreb");
  fake_at_line(30 * S, "oot");
  fake_at_line(61 * S, "\n");
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_now_ms, 61 * S);
}
TEST("only the first of several orders counts") {
  fake_at_line(1 * S, "poweroff\nreboot\nkexec\n");
  CHECK_NUMBER(run(0), POWER_OFF);
}
TEST("Ctrl-Alt-Del is an orderly reboot") {
  fake_at_signal(3 * S, SIGINT);
  CHECK_NUMBER(run(0), REBOOT);
}
TEST("SIGTERM is a power-off") {
  fake_at_signal(3 * S, SIGTERM);
  CHECK_NUMBER(run(0), POWER_OFF);
}

TEST("five crashes end the boot, with the reason on the medium") {
  crashes(9, 2 * S);
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_count("spawn"), 5);
  CHECK_TEXT(last_failure(), "system process ended with code 1 (crash 5 of 5)\n");
  CHECK(IN_ORDER("write /data/.system/last-failure", "fsync /data/.system/last-failure"));
}
TEST("in a trial three crashes end the boot") {
  crashes(9, 2 * S);
  CHECK_NUMBER(run(600), REBOOT);
  CHECK_NUMBER(fake_count("spawn"), 3);
  CHECK_TEXT(last_failure(), "system process ended with code 1 (crash 3 of 3)\n");
}
TEST("after the trial is confirmed five crashes are needed") {
  crashes(9, 2 * S);
  fake_at_line(1 * S, "confirmed\n");
  CHECK_NUMBER(run(600), REBOOT);
  CHECK_NUMBER(fake_count("spawn"), 5);
}
TEST("a crashed process is started again after a second, without what it had left running") {
  fake_exit("/usr/bin/node", 2 * S, 1);
  fake_at_line(4 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
  CHECK(IN_ORDER("spawn", "kill -1 9", "channel", "spawn"));
  CHECK_NUMBER(fake_now_ms, 4 * S);
}
TEST("the start that follows a crash comes a second later, not sooner") {
  fake_exit("/usr/bin/node", 2 * S, 1);
  fake_at_line(2900, "reboot\n"); /* nobody is there to send it */
  fake_at_line(3100, "poweroff\n");
  CHECK_NUMBER(run(0), POWER_OFF);
}
TEST("a process that a signal ended is told apart") {
  for (int i = 0; i < 5; i++) fake_killed("/usr/bin/node", 10, SIGSEGV);
  run(0);
  CHECK_TEXT(last_failure(), "system process was killed by signal 11 (crash 5 of 5)\n");
}
TEST("a process that ends with code 0 unasked is a crash too") {
  for (int i = 0; i < 5; i++) fake_exit("/usr/bin/node", 10, 0);
  run(0);
  CHECK_TEXT(last_failure(), "system process ended with code 0 (crash 5 of 5)\n");
}
TEST("a process that cannot be started at all is a crash") {
  fake_fail("spawn", EAGAIN, ALWAYS);
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_count("spawn"), 5);
}
TEST("a channel that cannot be made is a crash") {
  fake_fail("channel", EMFILE, 2);
  fake_at_line(10 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_count("spawn"), 1);
}
TEST("the end of an orphan is no crash") {
  fake_at_orphan(1 * S);
  fake_at_orphan(2 * S);
  fake_at_line(9 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_count("spawn"), 1);
}
TEST("a reason that cannot be written does not stop the reboot") {
  crashes(5, 10);
  fake_fail("write /data/.system/last-failure", EROFS, ALWAYS);
  CHECK_NUMBER(run(0), REBOOT);
}

TEST("a process that beats is left alone for days") {
  heartbeats(20, 6 * 3600);
  fake_at_line(6 * 3600 * S + 1, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_NUMBER(fake_count("kill"), 0);
}
TEST("a process that never beats is killed after 90 s") {
  fake_at_line(95 * S, "reboot\n");
  run(0);
  CHECK_NUMBER(fake_count("kill 2 9"), 1);
  CHECK_NUMBER(fake_count("spawn"), 2);
}
TEST("a first heartbeat within 90 s is in time") {
  fake_at_line(89 * S, "heartbeat\n");
  fake_at_line(140 * S, "reboot\n");
  run(0);
  CHECK_NUMBER(fake_count("kill"), 0);
}
TEST("a heartbeat more than 60 s after the one before is too late") {
  fake_at_line(10 * S, "heartbeat\n");
  fake_at_line(75 * S, "poweroff\n");
  CHECK_NUMBER(run(0), POWER_OFF);
  CHECK_NUMBER(fake_count("kill 2 9"), 1);
}
TEST("late heartbeats five times end the boot with that reason") {
  CHECK_NUMBER(run(0), REBOOT);
  CHECK_TEXT(last_failure(), "system process gave no heartbeat (crash 5 of 5)\n");
}
TEST("a process that closes its channel is killed when its heartbeat is late, and does not spin init meanwhile") {
  fake_at_line(1 * S, "heartbeat\n");
  fake_at_close(2 * S);
  fake_at_line(70 * S, "poweroff\n");
  CHECK_NUMBER(run(0), POWER_OFF);
  CHECK_NUMBER(fake_count("kill 2 9"), 1);
}

TEST("a trial that is not confirmed in time ends in a reboot with its reason") {
  heartbeats(10, 300);
  CHECK_NUMBER(run(120), REBOOT);
  CHECK_NUMBER(fake_now_ms, 120 * S);
  CHECK_TEXT(last_failure(), "trial was not confirmed in time\n");
}
TEST("a trial confirmed in time goes on") {
  heartbeats(10, 300);
  fake_at_line(119 * S, "confirmed\n");
  fake_at_line(301 * S, "poweroff\n");
  CHECK_NUMBER(run(120), POWER_OFF);
  CHECK(last_failure() == NULL);
}
TEST("a trial confirmed too late has failed") {
  heartbeats(10, 300);
  fake_at_line(121 * S, "confirmed\n");
  CHECK_NUMBER(run(120), REBOOT);
  CHECK_TEXT(last_failure(), "trial was not confirmed in time\n");
}
TEST("a crash does not wind up the trial's clock again") {
  fake_exit("/usr/bin/node", 80 * S, 1);
  CHECK_NUMBER(run(120), REBOOT);
  CHECK_NUMBER(fake_now_ms, 120 * S);
}
TEST("a confirmation without a trial means nothing") {
  fake_at_line(1 * S, "confirmed\n");
  fake_at_line(2 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
}

TEST("garbage on the channel is no heartbeat, no order, and one line on the console") {
  fake_at_line(1 * S, "rebooot\nREBOOT\n reboot\nreboot \n\n\x01\xff\n");
  fake_at_line(2 * S, "poweroff\n");
  CHECK_NUMBER(run(0), POWER_OFF);
  CHECK_NUMBER(fake_count("write console init: the system process sent a line that is not understood"), 1);
}
TEST("an over-long line is dropped whole, and the next one is read") {
  static char bytes[9000];
  memset(bytes, 'x', sizeof bytes - 1);
  memcpy(bytes, "reboot", 6);
  memcpy(bytes + sizeof bytes - 8, "\nkexec\n", 7);
  fake_at_line(1 * S, bytes);
  CHECK_NUMBER(run(0), KEXEC);
}
TEST("a line of exactly the buffer's size is over-long and writes nothing beyond it") {
  static char bytes[66];
  memset(bytes, 'x', 64);
  bytes[64] = '\n';
  fake_at_line(1 * S, bytes);
  fake_at_line(2 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
}
TEST("half a line of a crashed process is not put before its successor's") {
  fake_exit("/usr/bin/node", 2 * S, 1);
  fake_at_line(1 * S, "power");
  fake_at_line(4 * S, "off\n");
  fake_at_line(5 * S, "reboot\n");
  CHECK_NUMBER(run(0), REBOOT);
}

TEST("the watchdog is petted every 5 s while all is well") {
  fake_text("/dev/watchdog", "");
  watchdog_open();
  heartbeats(10, 100);
  fake_at_line(100 * S + 1, "reboot\n");
  run(0);
  CHECK_NUMBER(fake_count("watchdog pet"), 21);
}
TEST("the watchdog is not petted for a process that cannot be killed") {
  fake_text("/dev/watchdog", "");
  watchdog_open();
  fake_ignores_sigterm("/usr/bin/node");
  fake_fail("kill 2 9", EPERM, ALWAYS);
  fake_at_signal(200 * S, SIGTERM);
  run(0);
  CHECK(fake_count("watchdog pet") <= 19);
}
