/*
 * What every file uses: integer types, attributes, small helpers.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The caller may be parked: whatever it read of shared state before is stale afterwards. */
#define MAY_YIELD

#define BIT(n) (1u << (n))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
/* Each use has names of its own: one may stand within the other. */
#define MIN(a, b) LESS_OF(a, b, <, __COUNTER__)
#define MAX(a, b) LESS_OF(a, b, >, __COUNTER__)
#define LESS_OF(a, b, less, n) LESS_OF_(a, b, less, n)
#define LESS_OF_(a, b, less, n) ({ __auto_type a_##n = (a); __auto_type b_##n = (b); a_##n less b_##n ? a_##n : b_##n; })
#define ALIGN_UP(n, to) (((n) + (to) - 1) / (to) * (to))
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

/* Whole-structure walks: debug and simulation builds only. Plain assert() stays on in release builds. */
#ifdef RUSTYDB_SLOW_ASSERTS
#define assert_slow(x) assert(x)
#else
#define assert_slow(x) ((void)0)
#endif

/*
 * A rule of the design can be taken out to prove that a test notices: build
 * with -Dmutations=true and run with RUSTYDB_MUTATE=R7,R14. In other builds
 * MUTATED() is the constant false. The list of rules is in base/mutate.h.
 */
#ifdef RUSTYDB_MUTATIONS
bool mutate_is_on(const char *rule);
#define MUTATED(rule) UNLIKELY(mutate_is_on(rule))
#else
#define MUTATED(rule) false
#endif

/* malloc that stops the process when there is no memory left; for start-up and tests. Data paths use arenas and pools. */
void *xmalloc(size_t bytes);
void *xcalloc(size_t n, size_t bytes);
void *xrealloc(void *p, size_t bytes);
char *xstrdup(const char *s);

/* Prints where and why, flushes the log, aborts: for what only a bug can break. */
NORETURN void panic(const char *fmt, ...) PRINTF(1, 2);

#endif
