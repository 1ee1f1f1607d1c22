#include "fake.h"
#include "tap.h"

TEST("the watchdog gets its time-out and a first pet") {
  fake_text("/dev/watchdog", "");
  CHECK_NUMBER(watchdog_open(), 0);
  CHECK(watchdog_present());
  CHECK(IN_ORDER("watchdog timeout 60", "watchdog pet"));
}
TEST("a machine without a watchdog is told from one with it, and petting does nothing") {
  CHECK_NUMBER(watchdog_open(), -ENOENT);
  CHECK(!watchdog_present());
  watchdog_pet();
  CHECK_NUMBER(fake_count("watchdog"), 0);
}
TEST("a watchdog with a fixed time-out is used with it") {
  fake_text("/dev/watchdog", "");
  fake_fail("watchdog timeout", EOPNOTSUPP, 1);
  CHECK_NUMBER(watchdog_open(), 0);
  CHECK_NUMBER(fake_count("watchdog pet"), 1);
}
TEST("pets are passed on every 5 s however often they come") {
  fake_text("/dev/watchdog", "");
  watchdog_open();
  for (; fake_now_ms < 20000; fake_now_ms += 100) watchdog_pet();
  CHECK_NUMBER(fake_count("watchdog pet"), 4);
}
