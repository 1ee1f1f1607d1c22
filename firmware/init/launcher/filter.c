#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "launcher.h"
#include "calls.h"

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __i386__
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined __arm__
#define ARCHITECTURE AUDIT_ARCH_ARM
#endif

#define CALLS_MAX 512
#define PROGRAM_MAX 1024
#define NEW_NAMESPACES                                                                                              \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* All of our architectures are little-endian: the lower half of an argument comes first. */
#define ARGUMENT(at) LOAD(args[at])
#define END(answer) BPF_STMT(BPF_RET | BPF_K, answer)
#define ERROR(code) (SECCOMP_RET_ERRNO | (code))

struct program {
  struct sock_filter steps[PROGRAM_MAX];
  unsigned short count;
};

static void add(struct program *program, struct sock_filter step) {
  if (program->count == PROGRAM_MAX) fail("system call filter", E2BIG);
  program->steps[program->count++] = step;
}
#define ADD(...) add(program, (struct sock_filter)__VA_ARGS__)
/* Goes `yes` or `no` steps further than the next one. */
static void test(struct program *program, unsigned short how, unsigned value, unsigned char yes, unsigned char no) {
  ADD(BPF_JUMP((unsigned short)(BPF_JMP | how | BPF_K), value, yes, no));
}

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* The calls as ranges of numbers, ascending: a fifth of the comparisons, and the frequent calls have low numbers. */
static void answer_calls(struct program *program, const int *calls, size_t count, unsigned answer) {
  int sorted[CALLS_MAX];
  for (size_t i = 0; i < count; i++) sorted[i] = calls[i];
  qsort(sorted, count, sizeof *sorted, ascending);
  for (size_t i = 0; i < count;) {
    int first = sorted[i], last = first;
    while (++i < count && sorted[i] <= last + 1) last = sorted[i];
    test(program, BPF_JGT, (unsigned)last, 2, 0);
    test(program, BPF_JGE, (unsigned)first, 0, 1);
    ADD(END(answer));
  }
}

/* Calls whose arguments decide. What comes back to the next step has not been answered. */
static void look_closer(struct program *program) {
  test(program, BPF_JEQ, SYS_clone, 0, 4);
  ADD(ARGUMENT(0));
  test(program, BPF_JSET, NEW_NAMESPACES, 0, 1);
  ADD(END(ERROR(EPERM)));
  ADD(END(SECCOMP_RET_ALLOW));
  test(program, BPF_JEQ, SYS_ioctl, 0, 5);
  ADD(ARGUMENT(1));
  test(program, BPF_JEQ, TIOCSTI, 1, 0); /* types on the terminal of whoever reads it next */
  test(program, BPF_JEQ, TIOCLINUX, 0, 1);
  ADD(END(ERROR(EPERM)));
  ADD(END(SECCOMP_RET_ALLOW));
  test(program, BPF_JEQ, SYS_personality, 0, 5);
  ADD(ARGUMENT(0));
  test(program, BPF_JEQ, 0xffffffffu, 1, 0); /* only asks */
  test(program, BPF_JEQ, 0, 0, 1);
  ADD(END(SECCOMP_RET_ALLOW));
  ADD(END(ERROR(EPERM)));
}

/* Families that apps have a use for; of netlink only routes (addresses of interfaces) and the kernel's news of devices. */
static void look_at_sockets(struct program *program) {
  static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_CAN, AF_BLUETOOTH};
  const unsigned char count = sizeof families / sizeof *families;
  test(program, BPF_JEQ, SYS_socket, 0, (unsigned char)(count + 7));
  ADD(ARGUMENT(0));
  for (unsigned char i = 0; i < count; i++) test(program, BPF_JEQ, families[i], (unsigned char)(count - i + 3), 0);
  test(program, BPF_JEQ, AF_NETLINK, 0, 4);
  ADD(ARGUMENT(2));
  test(program, BPF_JEQ, NETLINK_ROUTE, 1, 0);
  test(program, BPF_JEQ, NETLINK_KOBJECT_UEVENT, 0, 1);
  ADD(END(SECCOMP_RET_ALLOW));
  ADD(END(ERROR(EAFNOSUPPORT)));
}

static size_t gather(int *calls) {
  size_t count = 0;
#define GATHER(list) \
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) calls[count++] = list[i]
  GATHER(everywhere);
#ifndef __aarch64__
  GATHER(older);
#endif
#if __SIZEOF_LONG__ == 8
  GATHER(wide);
#else
  GATHER(narrow);
#endif
  GATHER(own);
  return count;
}

/* After no_new_privs, and for good: what the app starts has it too. */
void filter_calls(void) {
  static struct program made;
  struct program *program = &made;
  int allowed[CALLS_MAX];
  size_t count = gather(allowed);
  ADD(LOAD(arch));
  /* Numbers of another architecture mean other calls. */
  test(program, BPF_JEQ, ARCHITECTURE, 1, 0);
  ADD(END(SECCOMP_RET_KILL_PROCESS));
  ADD(LOAD(nr));
  answer_calls(program, allowed, count, SECCOMP_RET_ALLOW);
  answer_calls(program, refused, sizeof refused / sizeof *refused, ERROR(EPERM));
  look_closer(program);
  look_at_sockets(program);
  /* clone3 hides its flags in memory: the C library goes on with clone. */
  ADD(END(ERROR(ENOSYS)));
  struct sock_fprog filter = {.len = program->count, .filter = program->steps};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0) fail("system call filter", errno);
}
