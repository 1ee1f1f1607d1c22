/* What the files of this folder share; tests see ../fake.h alone. */
#ifndef INSIDE_H
#define INSIDE_H

#include "../fake.h"

#define SIGNALS_FD 100
#define CHANNEL_FD 101
#define FIRST_ORPHAN 5000 /* pids below it are of processes that init started */
#define STORED 8192

struct file {
  char path[64];
  uint8_t bytes[STORED];
  size_t length;
  uint64_t size;
};
enum event_kind { LINE, CLOSE, SIGNAL, DEVICE, EXIT };
struct event {
  int64_t at;
  enum event_kind kind;
  const void *data;
  int number, status;
  uint64_t size;
  const uint8_t *sector;
};

int fake_failure(const char *call); /* 0, or -errno where the test wants this call to fail */
/* Keeps the line and says whether this call has to fail. */
__attribute__((format(printf, 1, 2))) int fake_call(const char *format, ...);

struct file *fake_find(const char *path); /* NULL: no such file */
struct file *fake_open_file(int fd);
const char *fake_path_of(int fd);

void fake_add_event(struct event event);
bool fake_pass_time(int64_t ms); /* moves the clock to the next event, or to the end of the wait: then false */
void fake_catch_up(void);        /* what happens while init is busy is there when it looks */
void fake_channel_close(void);
long fake_channel_read(void *buffer, size_t size);

bool fake_process_stop(int pid);
void fake_process_ended(int pid, int status);

#endif
