#include "inside.h"

static struct { const char *command; int64_t after; int status; bool used, stubborn; } scripts[64];
static int script_count;
static struct { char command[200]; bool running; } processes[64];
static int process_count;
static struct { int pid, status; } ended[64];
static int ended_count;

static void script(const char *command, int64_t after, int status, bool stubborn) {
  scripts[script_count].command = command;
  scripts[script_count].after = after;
  scripts[script_count].status = status;
  scripts[script_count++].stubborn = stubborn;
}
void fake_exit(const char *command, int64_t after_ms, int code) { script(command, after_ms, code << 8, false); }
void fake_killed(const char *command, int64_t after_ms, int signal) { script(command, after_ms, signal, false); }
void fake_ignores_sigterm(const char *command) { script(command, -1, 0, true); }

/* False: it has ended before. */
bool fake_process_stop(int pid) {
  bool was_running = processes[pid - 2].running;
  processes[pid - 2].running = false;
  return was_running;
}
void fake_process_ended(int pid, int status) {
  ended[ended_count].pid = pid;
  ended[ended_count++].status = status;
}

int sys_spawn(const struct spawn *spawn) {
  char command[150] = "";
  for (int i = 0; spawn->argv[i] != NULL; i++) {
    snprintf(command + strlen(command), sizeof command - strlen(command), "%s%s", i ? " " : "", spawn->argv[i]);
  }
  const char *root = spawn->root ? spawn->root : "", *terminal = spawn->terminal ? " on the terminal" : "";
  int result = fake_call("spawn %s%s%s%s", root, command, spawn->channel >= 0 ? " with channel" : "", terminal);
  if (result < 0) return result;
  int pid = 2 + process_count++;
  snprintf(processes[pid - 2].command, sizeof processes[0].command, "%s", command);
  processes[pid - 2].running = true;
  for (int i = 0; i < script_count; i++) {
    if (scripts[i].used || scripts[i].stubborn) continue;
    if (strncmp(command, scripts[i].command, strlen(scripts[i].command)) != 0) continue;
    scripts[i].used = true;
    fake_add_event((struct event){.at = fake_now_ms + scripts[i].after, .kind = EXIT, .number = pid, .status = scripts[i].status});
    break;
  }
  return pid;
}

int sys_reap(int *status) {
  fake_catch_up();
  if (ended_count > 0) {
    int pid = ended[0].pid;
    *status = ended[0].status;
    memmove(ended, ended + 1, (size_t)--ended_count * sizeof *ended);
    return pid;
  }
  for (int i = 0; i < process_count; i++) {
    if (processes[i].running) return 0;
  }
  return -ECHILD;
}

static bool ignores_sigterm(const char *command) {
  for (int i = 0; i < script_count; i++) {
    if (scripts[i].stubborn && strncmp(command, scripts[i].command, strlen(scripts[i].command)) == 0) return true;
  }
  return false;
}

/* Ends take 20 ms, so that waiting for them is seen. */
int sys_kill(int pid, int signal) {
  int result = fake_call("kill %d %d", pid, signal);
  if (result < 0) return result;
  for (int i = 0; i < process_count; i++) {
    if (!processes[i].running || (pid != -1 && pid != i + 2)) continue;
    if (signal == SIGTERM && ignores_sigterm(processes[i].command)) continue;
    fake_add_event((struct event){.at = fake_now_ms + 20, .kind = EXIT, .number = i + 2, .status = signal});
  }
  return result;
}
