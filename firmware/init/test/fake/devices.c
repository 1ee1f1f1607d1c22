#include <linux/blkpg.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>

#include "inside.h"

int sys_ioctl(int fd, unsigned long request, void *argument) {
  const char *path = fake_path_of(fd);
  if (request == BLKGETSIZE64) {
    int result = fake_call("size %s", path);
    *(uint64_t *)argument = fake_open_file(fd)->size;
    return result;
  }
  if (request == BLKPG) {
    struct blkpg_ioctl_arg *blkpg = argument;
    struct blkpg_partition *partition = blkpg->data;
    return fake_call("blkpg %d %s %d %lld %lld", blkpg->op, path, partition->pno, partition->start, partition->length);
  }
  if (request == LOOP_CTL_GET_FREE) return fake_call("loop free") < 0 ? -EAGAIN : 0;
  if (request == LOOP_SET_DIRECT_IO) return fake_call("loop direct %s %s", argument ? "on" : "off", path);
  if (request == LOOP_CONFIGURE) {
    struct loop_config *config = argument;
    unsigned flags = config->info.lo_flags;
    bool scanned = flags & LO_FLAGS_PARTSCAN;
    if (scanned == (bool)(flags & LO_FLAGS_READ_ONLY) || !(flags & LO_FLAGS_AUTOCLEAR)) abort();
    return fake_call("%s %s %s %s", scanned ? "disk loop" : "loop", flags & LO_FLAGS_DIRECT_IO ? "direct" : "buffered", path, fake_path_of((int)config->fd));
  }
  if (request == WDIOC_SETTIMEOUT) return fake_call("watchdog timeout %d", *(int *)argument);
  if (request == WDIOC_KEEPALIVE) return fake_call("watchdog pet");
  if (request == _IOW('f', 16, uint64_t)) return fake_call("resize %s %llu", path, *(unsigned long long *)argument);
  if (request == DM_DEV_CREATE || request == DM_DEV_SUSPEND) {
    struct dm_ioctl *head = argument;
    head->dev = 0xfd03;
    return fake_call("dm %s %s", request == DM_DEV_CREATE ? "create" : "resume", head->name);
  }
  if (request == DM_TABLE_LOAD) {
    struct dm_ioctl *head = argument;
    struct dm_target_spec *target = (void *)((char *)argument + head->data_start);
    return fake_call("dm load %llu %s %s", target->length, target->target_type, (char *)(target + 1));
  }
  abort();
}

uint8_t *fake_product_disk(const char *name, uint64_t size) {
  static const uint32_t starts[] = {8192, 73728, 335872, 598016}, counts[] = {65536, 262144, 262144, 32768};
  char path[64];
  const char *infix = name[strlen(name) - 1] >= '0' && name[strlen(name) - 1] <= '9' ? "p" : "";
  snprintf(path, sizeof path, "/sys/block/%s", name);
  fake_text(path, "");
  snprintf(path, sizeof path, "/dev/%s", name);
  fake_device(path, size);
  uint8_t *sector = fake_bytes(path);
  memcpy(sector + 440, "\x78\x56\x34\x12", 4); /* 12345678 */
  sector[510] = 0x55;
  sector[511] = 0xaa;
  for (int i = 0; i < 4; i++) {
    uint8_t *entry = sector + 446 + 16 * i;
    entry[4] = i == 3 ? 0x83 : 0x0c;
    memcpy(entry + 8, &starts[i], 4);
    memcpy(entry + 12, &counts[i], 4);
    snprintf(path, sizeof path, "/dev/%s%s%d", name, infix, i + 1);
    fake_device(path, counts[i] * 512ULL);
  }
  return sector;
}

void fake_ext4(const char *path, uint64_t size, uint32_t blocks, bool clean) {
  fake_device(path, size);
  uint8_t *super = fake_bytes(path) + 1024;
  memcpy(super + 0x04, &blocks, 4);
  super[0x18] = 2;
  super[0x38] = 0x53;
  super[0x39] = 0xef;
  super[0x3a] = 1;
  super[0x60] = clean ? 0xc2 : 0xc6;
}
