#include "fake.h"
#include "tap.h"

static struct cmdline words;

static int parse(const char *text) {
  memset(&words, 0, sizeof words);
  return cmdline_parse(text, &words);
}

TEST("all words of a trial are read, words of others are passed over") {
  CHECK_NUMBER(parse("console=ttyS0 nodeos.disk=0a1b2c3d quiet nodeos.slot=b  nodeos.trial=120 nodeos.future=1\n"), 0);
  CHECK_TEXT(words.disk, "0a1b2c3d");
  CHECK_NUMBER(words.slot, 'b');
  CHECK_NUMBER(words.trial_s, 120);
  CHECK(!words.barebones);
  CHECK_NUMBER(words.verity.blocks, 0);
}
TEST("without a trial word there is no trial") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a"), 0);
  CHECK_NUMBER(words.trial_s, 0);
}
TEST("the last of several equal words counts") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.slot=b"), 0);
  CHECK_NUMBER(words.slot, 'b');
}
TEST("barebones needs neither disk nor slot") {
  CHECK_NUMBER(parse("nodeos.mode=barebones"), 0);
  CHECK(words.barebones);
}
TEST("a disc is told from a disk, and needs both words all the same") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.mode=disc"), 0);
  CHECK(words.disc && !words.barebones);
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.mode=disk"), 0);
  CHECK(!words.disc);
  CHECK_NUMBER(parse("nodeos.mode=disc"), -ENODATA);
}
TEST("a missing slot is an error") { CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d"), -ENODATA); }
TEST("a missing disk is an error") { CHECK_NUMBER(parse("nodeos.slot=a"), -ENODATA); }
TEST("an empty command line is an error") { CHECK_NUMBER(parse(""), -ENODATA); }
TEST("an unknown mode is not barebones") { CHECK_NUMBER(parse("nodeos.mode=barebone"), -ENODATA); }
TEST("a disk that is not 8 lower-case hex digits is an error") {
  CHECK_NUMBER(parse("nodeos.slot=a nodeos.disk=0a1b2c3"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.slot=a nodeos.disk=0a1b2c3d4"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.slot=a nodeos.disk=0A1B2C3D"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.slot=a nodeos.disk="), -EINVAL);
}
TEST("a slot that is to be asked of the firmware is no letter yet") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=firmware"), 0);
  CHECK_NUMBER(words.slot, 'f');
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=firmwares"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=f"), -EINVAL);
}
TEST("a slot other than a and b is an error") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=c"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=ab"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot="), -EINVAL);
}
TEST("a trial time that is not a small number is an error") {
  CHECK_NUMBER(parse("nodeos.trial="), -EINVAL);
  CHECK_NUMBER(parse("nodeos.trial=soon"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.trial=-1"), -EINVAL);
  CHECK_NUMBER(parse("nodeos.trial=1234567"), -EINVAL);
}
TEST("the watchdog is left alone only where that is asked for in so many words") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a"), 0);
  CHECK(!words.no_watchdog);
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.watchdog=none"), 0);
  CHECK(words.no_watchdog);
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.watchdog=0"), -EINVAL);
}
TEST("root hash, blocks and salt of dm-verity are read") {
  CHECK_NUMBER(parse("nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.verity=00ff,8192,abcd quiet"), 0);
  CHECK_TEXT(words.verity.root_hash, "00ff");
  CHECK_NUMBER(words.verity.blocks, 8192);
  CHECK_TEXT(words.verity.salt, "abcd");
}
TEST("a damaged dm-verity word is an error, not a boot without verification") {
  static const char *const damaged[] = {"", "00ff", "00ff,1", "00ff,0,ab", "00ff,1,", "00ff,x,ab", "00fg,1,ab", ",1,ab",
                                        "00ff,1,ab,cd", "00ff,1,xy", "00ff,-1,ab"};
  for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
    char text[128];
    snprintf(text, sizeof text, "nodeos.disk=0a1b2c3d nodeos.slot=a nodeos.verity=%s next", damaged[i]);
    CHECK_NUMBER(parse(text), -EINVAL);
  }
}
TEST("a root hash longer than any hash is an error") {
  char text[400] = "nodeos.verity=";
  memset(text + 14, 'a', 200);
  strcpy(text + 214, ",1,ab");
  CHECK_NUMBER(parse(text), -EINVAL);
}
TEST("words that only begin or end like ours are not ours") {
  CHECK_NUMBER(parse("nodeos.slotx=z xnodeos.slot=z nodeos.slot nodeos. nodeos.=1 nodeos.disk=0a1b2c3d nodeos.slot=a"), 0);
  CHECK_NUMBER(words.slot, 'a');
}
