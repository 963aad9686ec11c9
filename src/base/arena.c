#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#define RED_ZONE 16u /* between two pieces, so that an overrun is seen */
#else
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#define RED_ZONE 0u
#endif

#define ARENA_ALIGN 16u
#define ARENA_CHUNK_MIN 4096u
#define ARENA_CHUNK_MAX (1024u * 1024u)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of data[] */
    alignas(ARENA_ALIGN) uint8_t data[];
};

struct arena {
    const char *name;
    size_t limit_bytes, used_bytes;
    struct arena_chunk *chunk; /* newest; the oldest one survives arena_reset() */
    uint8_t *at, *end; /* free part of the newest chunk */
    size_t next_size;
};

static struct arena_chunk *chunk_new(size_t size)
{
    struct arena_chunk *c = xmalloc(sizeof(*c) + size);
    c->older = NULL;
    c->size = size;
    POISON(c->data, c->size);
    return c;
}

static void chunk_free(struct arena_chunk *c)
{
    UNPOISON(c->data, c->size);
    free(c);
}

static void arena_use(struct arena *a, struct arena_chunk *c)
{
    a->chunk = c;
    a->at = c->data;
    a->end = c->data + c->size;
}

struct arena *arena_new(const char *name, size_t limit_bytes)
{
    struct arena *a = xcalloc(1, sizeof(*a));
    a->name = name;
    a->limit_bytes = limit_bytes;
    a->next_size = ARENA_CHUNK_MIN * 2;
    arena_use(a, chunk_new(ARENA_CHUNK_MIN));
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    arena_reset(a);
    chunk_free(a->chunk);
    free(a);
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *c = a->chunk;
    while (c->older != NULL) {
        struct arena_chunk *older = c->older;
        chunk_free(c);
        c = older;
    }
    POISON(c->data, c->size);
    arena_use(a, c);
    a->used_bytes = 0;
    a->next_size = ARENA_CHUNK_MIN * 2;
}

/* A piece that is large for the next chunk gets one of its own, behind the newest, whose free part stays in use. */
static void *arena_alloc_slow(struct arena *a, size_t size)
{
    if (size > a->next_size / 4) {
        struct arena_chunk *c = chunk_new(size);
        c->older = a->chunk->older;
        a->chunk->older = c;
        if (c->older == NULL) { /* never let a large one be the oldest, which is kept for good */
            c->older = a->chunk;
            a->chunk->older = NULL;
            a->chunk = c;
        }
        return c->data;
    }
    struct arena_chunk *c = chunk_new(a->next_size);
    c->older = a->chunk;
    arena_use(a, c);
    a->next_size = MIN(a->next_size * 2, (size_t)ARENA_CHUNK_MAX);
    a->at += size;
    return c->data;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    assert(bytes <= SIZE_MAX / 4);
    const size_t size = ALIGN_UP(bytes > 0 ? bytes : 1, (size_t)ARENA_ALIGN) + RED_ZONE;
    void *p = a->at;
    a->used_bytes += size;
    if (LIKELY(size <= (size_t)(a->end - a->at)))
        a->at += size;
    else
        p = arena_alloc_slow(a, size);
    UNPOISON(p, bytes);
    return p;
}

void *arena_try_alloc(struct arena *a, size_t bytes)
{
    if (a->limit_bytes > 0 && (bytes > a->limit_bytes || a->used_bytes > a->limit_bytes - bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

void *arena_dup(struct arena *a, const void *p, size_t bytes)
{
    void *copy = arena_alloc(a, bytes);
    if (bytes > 0)
        memcpy(copy, p, bytes);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_dup(a, s, strlen(s) + 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    char *copy = arena_alloc(a, len + 1);
    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    assert(fmt != NULL);
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    char probe[1];
    const int n = vsnprintf(probe, sizeof(probe), fmt, ap);
    assert(n >= 0);
    char *s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}

size_t arena_used_bytes(const struct arena *a)
{
    return a->used_bytes;
}

bool arena_over_limit(const struct arena *a)
{
    return a->limit_bytes > 0 && a->used_bytes > a->limit_bytes;
}
