#include "base/hash.h"

#define XXH_INLINE_ALL
#include <isa-l/crc.h>
#include <stdlib.h>
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, len, seed);
}

uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
    const uint8_t *at = p;
    crc = ~crc;
    while (len > 0) { /* the library counts in int */
        const size_t part = MIN(len, (size_t)1 << 30);
        crc = crc32_iscsi((unsigned char *)(uintptr_t)at, (int)part, crc);
        at += part;
        len -= part;
    }
    return ~crc;
}

/*
 * Linear probing; a deleted entry leaves a tombstone, so that an iteration
 * may delete what it was just given. NULL marks a free slot.
 */
struct u64map_slot {
    uint64_t key;
    void *value;
};

struct u64map {
    struct u64map_slot *slots;
    size_t mask; /* slots - 1; a power of two less one */
    size_t live, used; /* used counts tombstones too */
};

static const char tombstone_mark;
#define TOMBSTONE ((void *)(uintptr_t)&tombstone_mark)

static size_t slots_for(size_t entries)
{
    size_t n = 16;
    while (n / 4 * 3 < entries)
        n *= 2;
    return n;
}

static void map_allocate(struct u64map *m, size_t slots)
{
    m->slots = xcalloc(slots, sizeof(*m->slots));
    m->mask = slots - 1;
    m->live = m->used = 0;
}

struct u64map *u64map_new(size_t expected)
{
    struct u64map *m = xmalloc(sizeof(*m));
    map_allocate(m, slots_for(expected));
    return m;
}

void u64map_free(struct u64map *m)
{
    if (m == NULL)
        return;
    free(m->slots);
    free(m);
}

static struct u64map_slot *map_find(const struct u64map *m, uint64_t key)
{
    for (size_t i = hash_u64(key) & m->mask;; i = (i + 1) & m->mask) {
        struct u64map_slot *s = &m->slots[i];
        if (s->value == NULL)
            return NULL;
        if (s->key == key && s->value != TOMBSTONE)
            return s;
    }
}

/* The key is known to be absent and a slot to be free. */
static void map_insert(struct u64map *m, uint64_t key, void *value)
{
    size_t i = hash_u64(key) & m->mask;
    while (m->slots[i].value != NULL && m->slots[i].value != TOMBSTONE)
        i = (i + 1) & m->mask;
    m->used += m->slots[i].value == NULL;
    m->live++;
    m->slots[i] = (struct u64map_slot){ key, value };
}

static void map_make_room(struct u64map *m)
{
    if (m->used + 1 <= (m->mask + 1) / 4 * 3)
        return;
    struct u64map_slot *old = m->slots;
    const size_t n = m->mask + 1;
    map_allocate(m, slots_for((m->live + 1) * 2));
    for (size_t i = 0; i < n; i++)
        if (old[i].value != NULL && old[i].value != TOMBSTONE)
            map_insert(m, old[i].key, old[i].value);
    free(old);
}

void *u64map_get(const struct u64map *m, uint64_t key)
{
    const struct u64map_slot *s = map_find(m, key);
    return s != NULL ? s->value : NULL;
}

void *u64map_put(struct u64map *m, uint64_t key, void *value)
{
    assert(value != NULL);
    struct u64map_slot *s = map_find(m, key);
    if (s != NULL) {
        void *old = s->value;
        s->value = value;
        return old;
    }
    map_make_room(m);
    map_insert(m, key, value);
    return NULL;
}

void *u64map_del(struct u64map *m, uint64_t key)
{
    struct u64map_slot *s = map_find(m, key);
    if (s == NULL)
        return NULL;
    void *old = s->value;
    s->value = TOMBSTONE;
    m->live--;
    return old;
}

size_t u64map_count(const struct u64map *m)
{
    return m->live;
}

bool u64map_next(const struct u64map *m, size_t *pos, uint64_t *ret_key, void **ret_value)
{
    for (; *pos <= m->mask; ++*pos) {
        const struct u64map_slot *s = &m->slots[*pos];
        if (s->value == NULL || s->value == TOMBSTONE)
            continue;
        if (ret_key != NULL)
            *ret_key = s->key;
        if (ret_value != NULL)
            *ret_value = s->value;
        ++*pos;
        return true;
    }
    return false;
}
