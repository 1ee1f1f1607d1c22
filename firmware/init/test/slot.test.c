#include "fake.h"
#include "tap.h"

#define PARTITION "/proc/device-tree/chosen/bootloader/partition"
#define AUTOBOOT "/boot/autoboot.txt"
static struct boot boot;

static void machine(void) {
  boot.words.slot = 'f';
  fake_product_disk("mmcblk0", 1 << 30);
  snprintf(boot.disk.device, sizeof boot.disk.device, "/dev/mmcblk0");
}
static void partition(uint8_t number) {
  const uint8_t cell[4] = {0, 0, 0, number};
  fake_file(PARTITION, cell, sizeof cell);
}

TEST("a slot that the command line names is taken as it is") {
  machine();
  partition(3);
  boot.words.slot = 'a';
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'a');
}
TEST("partition 2 is slot a, partition 3 is slot b, and nothing is mounted to find out") {
  machine();
  partition(2);
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'a');
  boot.words.slot = 'f';
  partition(3);
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'b');
  CHECK_NUMBER(fake_count("mount"), 0);
}
TEST("firmware that says nothing or 0: a cold boot is in the slot of the pointer") {
  machine();
  fake_text(AUTOBOOT, "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n");
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'b');
  boot.words.slot = 'f';
  partition(0);
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'b');
  CHECK(IN_ORDER("mount vfat /dev/mmcblk0p1 /boot ro", "unmount /boot"));
}
TEST("firmware that says nothing: a trial is in the other slot") {
  machine();
  boot.words.trial_s = 240;
  fake_text(AUTOBOOT, "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n");
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'a');
}
TEST("a property that is no cell is nothing") {
  machine();
  fake_file(PARTITION, "\0\0\0\3\0", 5);
  fake_text(AUTOBOOT, "[all]\nboot_partition=2\n");
  CHECK_NUMBER(slot_find(&boot), 0);
  CHECK_NUMBER(boot.words.slot, 'a');
}
TEST("without any word of the firmware, a missing, empty or strange autoboot.txt is an error") {
  machine();
  CHECK_NUMBER(slot_find(&boot), -ENOENT);
  fake_text(AUTOBOOT, "");
  CHECK_NUMBER(slot_find(&boot), -ENODATA);
  fake_text(AUTOBOOT, "[all]\nboot_partition=1\n");
  CHECK_NUMBER(slot_find(&boot), -ENODATA);
  fake_fail("mount vfat", EIO, ALWAYS);
  fake_text(AUTOBOOT, "");
  CHECK_NUMBER(slot_find(&boot), -EIO);
}
