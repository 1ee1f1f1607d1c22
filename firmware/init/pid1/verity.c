#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#include "init.h"

#define BLOCK 4096

struct request {
  struct dm_ioctl head;
  struct dm_target_spec target;
  char parameters[1024];
};

static int command(int control, unsigned long ioctl_number, struct request *request, uint32_t flags) {
  struct dm_ioctl *head = &request->head;
  memset(head, 0, sizeof *head);
  head->version[0] = DM_VERSION_MAJOR;
  head->data_size = sizeof *request;
  head->data_start = sizeof *head;
  head->target_count = ioctl_number == DM_TABLE_LOAD;
  head->flags = flags;
  strcpy(head->name, "nodeos-root");
  return sys_ioctl(control, ioctl_number, request);
}

/* `veritysetup format --hash-offset` puts one block of its own before the tree unless it is told not to. */
static uint64_t first_hash_block(const char *device, uint64_t blocks) {
  char magic[8] = "";
  int fd = sys_open(device, O_RDONLY, 0);
  if (fd < 0) return blocks;
  long got = sys_pread(fd, magic, sizeof magic, (int64_t)blocks * BLOCK);
  sys_close(fd);
  return got == 8 && memcmp(magic, "verity\0\0", 8) == 0 ? blocks + 1 : blocks;
}

/* Documentation/admin-guide/device-mapper/verity.rst: table format version 1 */
int verity_open(const struct verity *verity, const char *device, char mapped[NAME_SIZE]) {
  struct request request = {.target = {.length = verity->blocks * (BLOCK / 512), .target_type = "verity"}};
  snprintf(request.parameters, sizeof request.parameters, "1 %s %s %d %d %llu %llu sha256 %s %s", device, device, BLOCK,
           BLOCK, (unsigned long long)verity->blocks, (unsigned long long)first_hash_block(device, verity->blocks),
           verity->root_hash, verity->salt[0] ? verity->salt : "-");
  int control = sys_open("/dev/mapper/control", O_RDWR, 0);
  if (control < 0) return control;
  int result = command(control, DM_DEV_CREATE, &request, DM_READONLY_FLAG);
  if (result >= 0) {
    snprintf(mapped, NAME_SIZE, "/dev/dm-%u", (unsigned)(request.head.dev & 0xff));
    result = command(control, DM_TABLE_LOAD, &request, DM_READONLY_FLAG);
  }
  if (result >= 0) result = command(control, DM_DEV_SUSPEND, &request, 0); /* without its flag it resumes */
  sys_close(control);
  return result;
}
