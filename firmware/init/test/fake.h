/* A machine in place of kernel/sys.c: files, devices, processes and a clock that moves only when init waits.
 * Calls that change something are kept as lines such as "mount vfat /dev/sda2 /run/nodeos/slot ro". */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>

#include "../pid1/init.h"

extern int64_t fake_now_ms;
extern int fake_reboot_command; /* of the call that ended this boot; -1: none yet */
extern jmp_buf fake_end;
extern bool fake_end_is_set;

/* True when the call ended in a reboot, a power-off or a kexec. */
#define ENDS_BOOT(call) (fake_end_is_set = true, setjmp(fake_end) == 0 ? ((call), false) : true)

void fake_file(const char *path, const void *bytes, size_t size);
void fake_text(const char *path, const char *text);
void fake_device(const char *path, uint64_t size); /* a block device of that many bytes, its first 8 KiB stored */
uint8_t *fake_bytes(const char *path);
const char *fake_content(const char *path); /* as text; NULL: no such file */
void fake_remove(const char *path);

/* The next `times` calls that begin like this fail. Also "open <path>", "pread <path>" and "list <path>". */
void fake_fail(const char *call, int error, int times);
#define ALWAYS 1000000

/* What a started command does, once for each time it is started; without it, it runs until it is killed. */
void fake_exit(const char *command, int64_t after_ms, int code);
void fake_killed(const char *command, int64_t after_ms, int signal);
void fake_ignores_sigterm(const char *command);

void fake_at_line(int64_t at_ms, const char *bytes); /* comes from the system process */
void fake_at_close(int64_t at_ms);
void fake_at_signal(int64_t at_ms, int signal);
void fake_at_device(int64_t at_ms, const char *path, uint64_t size, const uint8_t *sector);
void fake_at_orphan(int64_t at_ms); /* a process that is not init's own ends and is left to it */

int fake_count(const char *call);                                /* lines that begin like this */
bool fake_in_order(const char *const calls[], int count);        /* each after the one before */
#define IN_ORDER(...) fake_in_order((const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))
void fake_print(void); /* all lines, for the person who looks for an error */

/* A disk with the product's layout; its first sector is returned. */
uint8_t *fake_product_disk(const char *name, uint64_t size);
void fake_ext4(const char *path, uint64_t size, uint32_t blocks_of_4096, bool clean);

#endif
