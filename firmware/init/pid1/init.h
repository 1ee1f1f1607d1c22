/* What init's parts know of each other. Functions that give an int give 0 (or a count, fd, exit code) or -errno. */
#ifndef INIT_H
#define INIT_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>

#include "../kernel/loop.h"

#define LOWER "/run/nodeos/root"

struct verity {
  char root_hash[129], salt[513]; /* lower-case hex */
  uint64_t blocks;                /* of 4096 bytes; 0: no verity */
};

struct cmdline {
  char disk[9]; /* MBR signature, 8 lower-case hex digits; empty when not given */
  char slot;    /* 'a' or 'b'; 0 when not given; 'f' until slot_find has asked the firmware */
  int trial_s;  /* 0: no trial */
  bool barebones, disc, no_watchdog; /* disc: started from a CD */
  struct verity verity;
};

struct disk {
  char device[NAME_SIZE + 8]; /* /dev/sda */
  uint8_t mbr[512];
};

struct boot {
  struct cmdline words;
  struct disk disk;
  int signals;       /* fd of sys_signals */
  bool grown;        /* the data partition or its file system grew in this boot */
  char data_note[160]; /* why data is in RAM; empty: it is on the disk */
};

enum ending { REBOOT, POWER_OFF, KEXEC, TRYBOOT };

/* log.c: `must` and `may` mark each step of the boot story */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void must(const char *step, int result); /* fatal: one line, 10 s to read it, reboot */
bool may(const char *step, int result);  /* survivable: one line; true when the step succeeded */

/* file.c */
int file_read(const char *path, char *buffer, size_t size); /* at most size - 1 bytes, ended with a NUL; the length */
int file_write(const char *path, const char *text);         /* on the medium when it returns */
int folder(const char *path, int mode);                     /* it is a success when it was there before */

int cmdline_parse(const char *text, struct cmdline *words);

int disk_find(const char *signature, int64_t limit_ms, struct disk *disk);
void disk_partition(const struct disk *disk, int number, char path[NAME_SIZE + 12]);
int disk_grow(struct disk *disk, int number); /* 1: the partition grew, 0: it fills the medium */

int slot_find(struct boot *boot);

int verity_open(const struct verity *verity, const char *device, char mapped[NAME_SIZE]);

int mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int mount_kernel(void);
int mount_slot(const struct boot *boot);
int mount_lower(const char *image, const struct verity *verity);
int mount_root(struct boot *boot);
int mount_boot(const struct boot *boot);
int mount_rest(void);
int cgroup_enable(void);

void data_mount(struct boot *boot); /* never fails: RAM in the end */
void data_in_ram(struct boot *boot, const char *note);

int child_run(const struct boot *boot, const struct spawn *spawn, int64_t limit_ms); /* exit code; limit 0: none */
void wait_for_signal(const struct boot *boot, int64_t limit_ms);

int facts_write(const struct boot *boot);
int system_arguments(char text[4096], char *argv[64]);
enum ending system_run(struct boot *boot, char *const argv[]);

int watchdog_open(void);
bool watchdog_present(void);
void watchdog_pet(void); /* as often as one likes: it is passed on every 5 s */

void shut_down(const struct boot *boot, enum ending ending);

#endif
