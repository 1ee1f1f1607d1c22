#include "init.h"

#define FIRST_HEARTBEAT_MS 90000
#define HEARTBEAT_MS 60000
#define RESTART_MS 1000
#define CRASHES_IN_TRIAL 3
#define CRASHES 5
#define NEVER INT64_MAX

struct system {
  int pid;     /* 0: not running */
  int channel; /* -1: closed */
  int crashes;
  bool late, garbage, done;
  int64_t start_ms, heartbeat_ms, trial_ms; /* when to start, when it is late, when the trial has failed */
  char line[64];                            /* of the channel, so far */
  size_t length;
  enum ending ending;
};

/* The reason outlives the reboot: the next system reports it to the server. */
static void give_up(struct system *system, const char *reason) {
  char text[160];
  say("%s: reboot", reason);
  snprintf(text, sizeof text, "%s\n", reason);
  folder("/data/.system", 0700);
  may("writing last-failure", file_write("/data/.system/last-failure", text));
  system->ending = REBOOT;
  system->done = true;
}

static void crashed(struct system *system, const char *how) {
  char reason[128];
  int limit = system->trial_ms == NEVER ? CRASHES : CRASHES_IN_TRIAL;
  snprintf(reason, sizeof reason, "system process %s (crash %d of %d)", how, ++system->crashes, limit);
  if (system->channel >= 0) sys_close(system->channel);
  system->channel = -1;
  system->pid = 0;
  system->heartbeat_ms = NEVER;
  if (system->crashes >= limit) {
    give_up(system, reason);
    return;
  }
  say("%s: restart in %d s", reason, RESTART_MS / 1000);
  sys_kill(-1, SIGKILL); /* what it had started would run a second time beside its successor's */
  system->start_ms = sys_now_ms() + RESTART_MS;
}

static void start(struct system *system, char *const argv[]) {
  int ends[2];
  int result = sys_channel(ends);
  system->start_ms = NEVER;
  if (result >= 0) {
    struct spawn spawn = {.argv = argv, .channel = ends[1]};
    system->channel = ends[0];
    result = system->pid = sys_spawn(&spawn);
    sys_close(ends[1]);
  }
  if (result < 0) {
    crashed(system, strerror(-result));
    return;
  }
  system->late = system->garbage = false;
  system->length = 0;
  system->heartbeat_ms = sys_now_ms() + FIRST_HEARTBEAT_MS;
}

static void obey(struct system *system, const char *line) {
  static const char *const endings[] = {[REBOOT] = "reboot", [POWER_OFF] = "poweroff", [KEXEC] = "kexec",
                                        [TRYBOOT] = "tryboot"};
  for (int i = REBOOT; i <= TRYBOOT; i++) {
    if (strcmp(line, endings[i]) != 0) continue;
    system->ending = (enum ending)i;
    system->done = true;
    return;
  }
  if (strcmp(line, "heartbeat") == 0) {
    system->heartbeat_ms = sys_now_ms() + HEARTBEAT_MS;
  } else if (strcmp(line, "confirmed") == 0) {
    system->trial_ms = NEVER;
  } else if (!system->garbage) {
    system->garbage = true; /* once is enough for the console */
    say("the system process sent a line that is not understood");
  }
}

/* A line that does not fit is not understood, whatever it begins with. */
static void listen_to(struct system *system) {
  char bytes[256];
  long got = -EAGAIN;
  while (!system->done && (got = sys_read(system->channel, bytes, sizeof bytes)) > 0) {
    for (long i = 0; i < got && !system->done; i++) {
      if (bytes[i] != '\n') {
        if (system->length < sizeof system->line) system->line[system->length++] = bytes[i] ? bytes[i] : '?';
        continue;
      }
      bool fits = system->length < sizeof system->line;
      system->line[fits ? system->length : 0] = '\0';
      system->length = 0;
      obey(system, system->line);
    }
  }
  if (system->done || got == -EAGAIN || got == -EINTR) return;
  sys_close(system->channel); /* heartbeats have ended then, and their limit decides */
  system->channel = -1;
}

static void reap(struct system *system) {
  int status;
  for (int pid; !system->done && (pid = sys_reap(&status)) > 0;) {
    char how[64];
    if (pid != system->pid) continue;
    if (system->channel >= 0) listen_to(system); /* its last words may be an order */
    if (system->done) return;
    if (system->late) snprintf(how, sizeof how, "gave no heartbeat");
    else if (WIFSIGNALED(status)) snprintf(how, sizeof how, "was killed by signal %d", WTERMSIG(status));
    else snprintf(how, sizeof how, "ended with code %d", WEXITSTATUS(status));
    crashed(system, how);
  }
}

static void keep_time(struct system *system, char *const argv[], int64_t now) {
  if (now >= system->trial_ms) {
    give_up(system, "trial was not confirmed in time");
  } else if (now >= system->start_ms) {
    start(system, argv);
  } else if (now >= system->heartbeat_ms) {
    say("no heartbeat from the system process: killed");
    system->late = true;
    system->heartbeat_ms = NEVER;
    sys_kill(system->pid, SIGKILL);
  }
  if (!system->late) watchdog_pet();
}

static int64_t next_event(const struct system *system, int64_t now) {
  int64_t next = now + 5000; /* the watchdog's turn */
  if (system->trial_ms < next) next = system->trial_ms;
  if (system->start_ms < next) next = system->start_ms;
  if (system->heartbeat_ms < next) next = system->heartbeat_ms;
  return next > now ? next - now : 0;
}

/* Starts the system process and keeps it alive until it, or its failure, ends this boot. */
enum ending system_run(struct boot *boot, char *const argv[]) {
  struct system system = {.channel = -1, .heartbeat_ms = NEVER, .trial_ms = NEVER, .start_ms = sys_now_ms()};
  if (boot->words.trial_s > 0) system.trial_ms = system.start_ms + boot->words.trial_s * 1000LL;
  while (!system.done) {
    keep_time(&system, argv, sys_now_ms());
    if (system.done) break;
    struct pollfd fds[] = {{.fd = boot->signals, .events = POLLIN}, {.fd = system.channel, .events = POLLIN}};
    if (sys_poll(fds, 2, next_event(&system, sys_now_ms())) <= 0) continue;
    if (fds[1].revents != 0) listen_to(&system);
    for (int signal; (signal = sys_next_signal(boot->signals)) != 0;) {
      if (signal == SIGCHLD) continue;
      system.ending = signal == SIGINT ? REBOOT : POWER_OFF; /* SIGINT: Ctrl-Alt-Del on a keyboard */
      system.done = true;
    }
    reap(&system);
  }
  return system.ending;
}
