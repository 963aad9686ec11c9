/*
 * Arena: memory that is freed all at once. SQL code allocates and never
 * frees; the statement ends and its arena is reset.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base.h"

struct arena;

/* limit_bytes 0: no limit. */
struct arena *arena_new(const char *name, size_t limit_bytes);
void arena_free(struct arena *a); /* accepts NULL */
void arena_reset(struct arena *a); /* keeps the first chunk for reuse */

/* 16-byte aligned, not zeroed. NULL when the limit is reached: the caller reports ERR_OUT_OF_MEMORY. For what users size. */
void *arena_try_alloc(struct arena *a, size_t bytes);
/* Never NULL: goes on beyond the limit; loops check arena_over_limit(). For small pieces whose number is bounded. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_zalloc(struct arena *a, size_t bytes);
void *arena_dup(struct arena *a, const void *p, size_t bytes);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
size_t arena_used_bytes(const struct arena *a);
bool arena_over_limit(const struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

#endif
