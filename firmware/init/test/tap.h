/* Test cases that register themselves; each runs in its own process, so one that crashes takes no other with it. */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <string.h>

void tap_add(const char *name, void (*run)(void));
void tap_failed(const char *file, int line, const char *what);

#define TAP_JOIN_(a, b) a##b
#define TAP_JOIN(a, b) TAP_JOIN_(a, b)
#define TEST(name)                                                                                    \
  static void TAP_JOIN(test_, __LINE__)(void);                                                        \
  __attribute__((constructor)) static void TAP_JOIN(add_, __LINE__)(void) {                           \
    tap_add(name, TAP_JOIN(test_, __LINE__));                                                         \
  }                                                                                                   \
  static void TAP_JOIN(test_, __LINE__)(void)

#define CHECK(condition) ((condition) ? (void)0 : tap_failed(__FILE__, __LINE__, #condition))
#define CHECK_TEXT(actual, expected) tap_check_text(__FILE__, __LINE__, actual, expected)
#define CHECK_NUMBER(actual, expected) tap_check_number(__FILE__, __LINE__, #actual, (long long)(actual), (long long)(expected))

void tap_check_text(const char *file, int line, const char *actual, const char *expected);
void tap_check_number(const char *file, int line, const char *what, long long actual, long long expected);

#endif
