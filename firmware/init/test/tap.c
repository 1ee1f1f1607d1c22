#include "tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
  const char *name;
  void (*run)(void);
} cases[128];
static int case_count, failures;

void tap_add(const char *name, void (*run)(void)) {
  cases[case_count].name = name;
  cases[case_count++].run = run;
}

void tap_failed(const char *file, int line, const char *what) {
  printf("# %s:%d: %s\n", file, line, what);
  failures++;
}

void tap_check_text(const char *file, int line, const char *actual, const char *expected) {
  if (actual != NULL && strcmp(actual, expected) == 0) return;
  printf("# %s:%d: expected \"%s\", got \"%s\"\n", file, line, expected, actual ? actual : "(nothing)");
  failures++;
}

void tap_check_number(const char *file, int line, const char *what, long long actual, long long expected) {
  if (actual == expected) return;
  printf("# %s:%d: %s: expected %lld, got %lld\n", file, line, what, expected, actual);
  failures++;
}

int main(void) {
  int failed = 0;
  printf("1..%d\n", case_count);
  for (int i = 0; i < case_count; i++) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      alarm(30); /* a case that spins is ended by SIGALRM */
      cases[i].run();
      fflush(stdout);
      _exit(failures != 0);
    }
    waitpid(pid, &status, 0);
    if (status != 0) failed++;
    if (WIFSIGNALED(status)) printf("# ended by signal %d\n", WTERMSIG(status));
    printf("%s %d - %s\n", status == 0 ? "ok" : "not ok", i + 1, cases[i].name);
  }
  return failed != 0;
}
