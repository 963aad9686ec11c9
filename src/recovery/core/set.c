#include "recovery/core/set.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "recovery/core/apply.h"

struct rset {
    struct u64map *blocks; /* dba -> struct rset_block */
    struct arena *arena;
};

struct rset *rset_new(void)
{
    struct rset *s = xcalloc(1, sizeof(*s));
    s->blocks = u64map_new(1024);
    s->arena = arena_new("recovery set", 0);
    return s;
}

void rset_free(struct rset *s)
{
    if (s == NULL)
        return;
    u64map_free(s->blocks);
    arena_free(s->arena);
    free(s);
}

static struct rset_block *get(struct rset *s, struct dba dba)
{
    struct rset_block *b = u64map_get(s->blocks, dba.v);
    if (b == NULL) {
        b = ARENA_NEW(s->arena, struct rset_block);
        b->dba = dba;
        u64map_put(s->blocks, dba.v, b);
    }
    return b;
}

void rset_note(struct rset *s, const struct redo_record *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct rset_block *b = get(s, r->v[i].dba);
        if (r->v[i].opcode == REDO_BLOCK_WRITTEN) {
            b->written = MAX(b->written, r->v[i].before);
            continue;
        }
        b->last = MAX(b->last, r->scn);
        b->vectors++;
        b->bytes += r->v[i].len;
    }
}

const struct rset_block *rset_find(const struct rset *s, struct dba dba)
{
    return u64map_get(s->blocks, dba.v);
}

size_t rset_count(const struct rset *s)
{
    return u64map_count(s->blocks);
}

const struct rset_block *rset_next(const struct rset *s, size_t *pos)
{
    uint64_t key;
    void *value;
    return u64map_next(s->blocks, pos, &key, &value) ? value : NULL;
}

uint64_t rset_gather_bytes(const struct rset *s)
{
    uint64_t bytes = 0;
    size_t pos = 0;
    for (const struct rset_block *b = rset_next(s, &pos); b != NULL; b = rset_next(s, &pos))
        if (b->last > b->written)
            bytes += b->bytes + (uint64_t)b->vectors * (sizeof(struct rvector) + 16) + sizeof(struct rblock) + 32;
    return bytes;
}
