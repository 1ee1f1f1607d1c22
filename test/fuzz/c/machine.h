/* A machine in place of init's kernel/sys.c, made of a fuzzer's bytes: one disk, one file, one channel. */
#ifndef MACHINE_H
#define MACHINE_H

#include <assert.h>
#include <stdint.h>

#include "../../../firmware/init/pid1/init.h"

struct input {
  const uint8_t *bytes;
  size_t size;
};

/* The next `size` bytes, zeros where the input has ended. */
void input_take(struct input *input, void *target, size_t size);

/* Begins a new machine. What is opened for reading is `disk` below /dev and `file` elsewhere. */
void machine_reset(void);
extern uint8_t machine_disk[4096];
extern uint64_t machine_disk_bytes;
extern struct input machine_file, machine_channel;
extern char machine_name[NAME_SIZE]; /* in /sys/block */

#endif
