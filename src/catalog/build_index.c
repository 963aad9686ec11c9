/*
 * CREATE INDEX: keys of all rows, sorted, into an empty tree bottom up.
 */
#include "catalog/catalog_int.h"

#include <stdlib.h>

#include "base/buf.h"

#define SCAN_ROWS HEAP_SCAN_MIN

struct built_key {
    const uint8_t *key;
    uint32_t len;
    bool has_null;
    struct rowid rowid;
};

struct builder {
    const struct table_def *table;
    const struct index_def *ix;
    struct arena *keys;
    struct built_key *v;
    size_t n, cap, pos;
};

static void add(struct builder *b, const uint8_t *key, uint32_t len, bool has_null, struct rowid rowid)
{
    if (b->n == b->cap)
        b->v = xrealloc(b->v, (b->cap = b->cap ? b->cap * 2 : 4096) * sizeof *b->v);
    b->v[b->n++] = (struct built_key){ arena_dup(b->keys, key, len), len, has_null, rowid };
}

static enum err add_rows(struct catalog *c, struct builder *b, const struct snapshot *s, const struct heap_row *row, uint32_t n, struct arena *a,
                         struct diag *d)
{
    struct buf key;
    buf_init(&key);
    union datum *v = ARENA_ARRAY(a, union datum, b->table->ncols);
    bool *null = ARENA_ARRAY(a, bool, b->table->ncols);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < n && !err; i++) {
        bool has_null;
        err = rel_deform(c, s, b->table, &row[i], v, null, a, d);
        if (err)
            break;
        buf_reset(&key);
        catalog_index_key(b->table, b->ix, v, null, &key, &has_null);
        if (key.len > BTREE_KEY_MAX)
            err = diag_set(d, ERR_LIMIT, "index row size %zu exceeds maximum %u for index \"%s\"", key.len, BTREE_KEY_MAX, b->ix->name);
        else
            add(b, key.p, (uint32_t)key.len, has_null, row[i].rowid);
    }
    buf_fini(&key);
    return err;
}

static int compare(const void *pa, const void *pb)
{
    const struct built_key *a = pa, *b = pb;
    const int cmp = memcmp(a->key, b->key, MIN(a->len, b->len));
    return cmp ? cmp : a->len != b->len ? (a->len < b->len ? -1 : 1) : (a->rowid.v > b->rowid.v) - (a->rowid.v < b->rowid.v);
}

static bool next(void *arg, const uint8_t **key, uint32_t *len, struct rowid *rowid)
{
    struct builder *b = arg;
    if (b->pos == b->n)
        return false;
    const struct built_key *k = &b->v[b->pos++];
    *key = k->key;
    *len = k->len;
    *rowid = k->rowid;
    return true;
}

/* Two neighbours of the same key without NULLs: says which, with its values. */
static enum err check_unique(struct catalog *c, struct builder *b, const struct snapshot *s, struct diag *d)
{
    for (size_t i = 1; i < b->n; i++) {
        const struct built_key *x = &b->v[i - 1], *y = &b->v[i];
        if (x->has_null || x->len != y->len || memcmp(x->key, y->key, x->len) != 0)
            continue;
        diag_set(d, ERR_UNIQUE, "could not create unique index \"%s\"", b->ix->name);
        struct arena *a = arena_new("duplicate key", 0);
        struct heap_row row;
        bool found;
        struct diag ignored;
        union datum *v = ARENA_ARRAY(a, union datum, b->table->ncols);
        bool *null = ARENA_ARRAY(a, bool, b->table->ncols);
        if (heap_fetch(c->opt.access, s, b->table->seg, y->rowid, a, &row, &found, &ignored) == ERR_OK && found &&
            rel_deform(c, s, b->table, &row, v, null, a, &ignored) == ERR_OK) {
            struct buf text;
            buf_init(&text);
            rel_key_text(b->table, b->ix, v, null, &text);
            diag_detail(d, "%.*s is duplicated.", (int)text.len, (const char *)text.p);
            buf_fini(&text);
        }
        arena_free(a);
        return ERR_UNIQUE;
    }
    return ERR_OK;
}

static enum err read_rows(struct catalog *c, struct builder *b, const struct snapshot *s, struct diag *d)
{
    struct heap_scan *scan = NULL;
    struct arena *a = arena_new("index build", 0);
    enum err err = heap_scan_open(c->opt.access, b->table->seg, s, &scan, d);
    while (!err) {
        struct heap_row row[SCAN_ROWS];
        uint32_t n;
        err = heap_scan_next(scan, a, row, SCAN_ROWS, &n, d);
        if (err || n == 0)
            break;
        err = add_rows(c, b, s, row, n, a, d);
        arena_reset(a);
        rt_yield_if_due();
    }
    if (scan)
        heap_scan_close(scan);
    arena_free(a);
    return err;
}

enum err catalog__build_index(struct catalog *c, struct txn *t, const struct table_def *table, const struct index_def *ix, struct diag *d)
{
    struct catalog_read r;
    enum err err = catalog__read_begin(c, t, &r, d);
    if (err)
        return err;
    struct builder b = { .table = table, .ix = ix, .keys = arena_new("index keys", 0) };
    err = read_rows(c, &b, &r.s, d);
    if (!err) {
        if (b.n)
            qsort(b.v, b.n, sizeof *b.v, compare);
        if (ix->unique)
            err = check_unique(c, &b, &r.s, d);
    }
    if (!err)
        err = btree_build(c->opt.access, t, ix->seg, next, &b, d);
    free(b.v);
    arena_free(b.keys);
    catalog__read_end(&r);
    return err;
}
