#include "fake.h"
#include "tap.h"

static char buffer[512];

TEST("a file is read whole although each read gives a part") {
  char text[400];
  memset(text, 'x', sizeof text);
  text[399] = '\0';
  fake_text("/f", text);
  CHECK_NUMBER(file_read("/f", buffer, sizeof buffer), 399);
  CHECK_TEXT(buffer, text);
}
TEST("a file that is too long is cut, and the text still ends") {
  fake_text("/f", "0123456789");
  CHECK_NUMBER(file_read("/f", buffer, 5), 4);
  CHECK_TEXT(buffer, "0123");
}
TEST("a file that is missing is an error") { CHECK_NUMBER(file_read("/f", buffer, sizeof buffer), -ENOENT); }
TEST("what is written is flushed before the call ends") {
  CHECK_NUMBER(file_write("/f", "text"), 0);
  CHECK_TEXT(fake_content("/f"), "text");
  CHECK(IN_ORDER("write /f text", "fsync /f", "close /f"));
}
TEST("a full disk is an error, and the file is closed") {
  fake_fail("write /f", ENOSPC, 1);
  CHECK_NUMBER(file_write("/f", "text"), -ENOSPC);
  CHECK_NUMBER(fake_count("close /f"), 1);
}
TEST("a medium that fails at the flush is an error") {
  fake_fail("fsync /f", EIO, 1);
  CHECK_NUMBER(file_write("/f", "text"), -EIO);
}
TEST("a folder that is there is a success, one that cannot be made is not") {
  fake_fail("mkdir /a", EEXIST, 1);
  CHECK_NUMBER(folder("/a", 0755), 0);
  fake_fail("mkdir /b", EROFS, 1);
  CHECK_NUMBER(folder("/b", 0755), -EROFS);
}
TEST("a fatal step prints one line, leaves 10 s to read it, and reboots") {
  CHECK(ENDS_BOOT(must("mounting the slot", -ENODEV)));
  CHECK_NUMBER(fake_now_ms, 10000);
  CHECK_NUMBER(fake_reboot_command, RB_AUTOBOOT);
  CHECK(IN_ORDER("write console init: cannot go on: mounting the slot: No such device; reboot in 10 s", "sync", "reboot"));
}
TEST("the kernel's log keeps why a fatal step was the last") {
  fake_text("/dev/kmsg", "");
  CHECK(ENDS_BOOT(must("mounting the slot", -ENODEV)));
  CHECK_NUMBER(fake_count("write /dev/kmsg <2>init: cannot go on: mounting the slot: No such device"), 1);
}
TEST("a survivable step prints one line and goes on") {
  CHECK(!may("mounting /boot", -ENODEV));
  CHECK_NUMBER(fake_count("write console init: mounting /boot: No such device; going on"), 1);
}
TEST("a step that succeeds says nothing") {
  must("a step", 0);
  CHECK(may("a step", 3));
  CHECK_NUMBER(fake_count("write console"), 0);
}
TEST("a line longer than the console's buffer is cut and still ends") {
  char text[2000];
  memset(text, 'y', sizeof text);
  text[1999] = '\0';
  say("%s", text);
  CHECK_NUMBER(fake_count("write console init: yyyy"), 1);
}
