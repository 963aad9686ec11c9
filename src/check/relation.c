/*
 * A table: its rows against its definition, its indexes against its rows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "check/check_int.h"
#include "rt/rt.h"

/*
 * A live row: its rowid, and for each index the hash of its key, in whose low bits are these.
 */
enum { KEY_HAS_NULL = 1, KEY_SEEN = 2, KEY_BITS = 3 };

struct table_check {
    struct check *c;
    const struct table_def *def;
    char name[160];
    struct arena *arena; /* of one row */
    struct buf key;
    uint64_t *row; /* stride words each */
    uint32_t stride;
    uint64_t n, cap;
};

static uint64_t hash_key(const void *key, size_t len)
{
    return hash_bytes(key, len, 0) & ~(uint64_t)KEY_BITS;
}

/* ---- rows ---------------------------------------------------------------------------- */

static uint64_t *add_row(struct table_check *t, struct rowid at)
{
    if (t->n == t->cap) {
        t->cap = MAX(UINT64_C(256), t->cap + t->cap / 2);
        t->row = xrealloc(t->row, t->cap * t->stride * sizeof *t->row);
    }
    uint64_t *r = t->row + t->n++ * t->stride;
    r[0] = at.v;
    return r;
}

static void on_row(void *arg, struct rowid at, const uint8_t *body, uint32_t len)
{
    struct table_check *t = arg;
    const struct table_def *def = t->def;
    const struct tuple_source src = check__chains(t->c);
    struct diag d;
    arena_reset(t->arena);
    union datum *v = ARENA_ARRAY(t->arena, union datum, def->ncols + 1);
    bool *null = ARENA_ARRAY(t->arena, bool, def->ncols + 1), *want = ARENA_ARRAY(t->arena, bool, def->ncols + 1);
    for (uint16_t i = 0; i < def->nindexes; i++)
        for (uint16_t k = 0; k < def->index[i].ncols; k++)
            want[def->index[i].col[k].attnum - 1] = true;
    uint64_t *r = add_row(t, at);
    if (tuple_deform_from(&src, &def->tuple, body, len, def->ncols, want, v, null, t->arena, &d)) {
        check__problem(t->c, "%s, row %u of block %u: %s", t->name, rowid_slot(at), dba_block(rowid_dba(at)), d.message);
        t->n--; /* its entries are told as well: they lead to a row that cannot be read */
        return;
    }
    for (uint16_t i = 0; i < def->ncols; i++)
        if (def->col[i].not_null && !def->col[i].dropped && null[i])
            check__problem(t->c, "%s, row %u of block %u: column %s is null, and must not be", t->name, rowid_slot(at), dba_block(rowid_dba(at)),
                           def->col[i].name);
    for (uint16_t i = 0; i < def->nindexes; i++) {
        bool has_null;
        buf_reset(&t->key);
        catalog_index_key(def, &def->index[i], v, null, &t->key, &has_null);
        r[1 + i] = hash_key(t->key.p, t->key.len) | (has_null ? KEY_HAS_NULL : 0);
    }
}

static int by_rowid(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Moved bodies become their homes' rows; those that no live row leads to go to the end, and away. */
static void settle_moved(struct table_check *t, const struct heap_moved *moved, uint32_t nmoved)
{
    for (uint64_t i = 0; i < t->n; i++) {
        uint64_t *r = t->row + i * t->stride;
        const struct heap_moved *m = check__find_moved(moved, nmoved, (struct rowid){ r[0] });
        if (m)
            r[0] = m->home.v ? m->home.v : UINT64_MAX;
    }
    if (t->n)
        qsort(t->row, t->n, t->stride * sizeof *t->row, by_rowid);
    while (t->n && t->row[(t->n - 1) * t->stride] == UINT64_MAX)
        t->n--;
}

/* ---- one index ------------------------------------------------------------------------- */

struct index_check {
    struct table_check *t;
    const struct index_def *ix;
    uint32_t nth;
    char name[160];
    struct buf last; /* key of the entry before; unique indexes */
    bool has_last;
};

static bool in_damaged_block(const struct check *c, struct rowid rowid)
{
    const struct dba at = rowid_dba(rowid);
    return dba_file(at) == FILE_DATA && dba_block(at) < c->nblocks && (c->block[dba_block(at)].flags & NOTE_DAMAGED);
}

static void entry_problem(struct index_check *x, const struct btree_item *e, struct dba page, const char *what)
{
    check__problem(x->t->c, "%s: page %u: an entry leads to row %u of block %u: %s", x->name, dba_block(page), rowid_slot(e->rowid),
                   dba_block(rowid_dba(e->rowid)), what);
}

static void check_unique(struct index_check *x, const struct btree_item *e, struct dba page, bool has_null)
{
    if (!x->ix->unique)
        return;
    if (x->has_last && !has_null && x->last.len == e->len && memcmp(x->last.p, e->key, e->len) == 0)
        entry_problem(x, e, page, "the entry before has the same key, and the index is unique");
    buf_reset(&x->last);
    buf_put(&x->last, e->key, e->len);
    x->has_last = !has_null;
}

static void on_entry(void *arg, const struct btree_item *e, struct dba page)
{
    struct index_check *x = arg;
    struct table_check *t = x->t;
    uint64_t *r = t->n ? bsearch(&e->rowid.v, t->row, t->n, t->stride * sizeof *t->row, by_rowid) : NULL;
    if (!r) {
        if (!in_damaged_block(t->c, e->rowid))
            entry_problem(x, e, page, "there is no live row");
        return;
    }
    uint64_t *key = &r[1 + x->nth];
    if ((*key & ~(uint64_t)KEY_BITS) != hash_key(e->key, e->len)) {
        entry_problem(x, e, page, "the row has another key");
        return;
    }
    if (*key & KEY_SEEN)
        entry_problem(x, e, page, "it has two entries");
    *key |= KEY_SEEN;
    check_unique(x, e, page, *key & KEY_HAS_NULL);
}

static void check_index(struct table_check *t, uint32_t nth)
{
    struct index_check x = { .t = t, .ix = &t->def->index[nth], .nth = nth };
    const struct btree_visit visit = { &x, on_entry };
    snprintf(x.name, sizeof x.name, "index %s", x.ix->name);
    t->c->res->indexes++;
    struct segment *s = check__claim(t->c, x.ix->seg, x.name);
    if (!s || s->damaged)
        return;
    buf_init(&x.last);
    const bool whole = check__btree(t->c, x.name, s, &visit);
    buf_fini(&x.last);
    for (uint64_t i = 0; i < t->n && whole; i++) {
        const uint64_t *r = t->row + i * t->stride;
        const struct rowid rowid = { r[0] };
        if (!(r[1 + nth] & KEY_SEEN))
            check__problem(t->c, "%s, row %u of block %u: it has no entry in index %s", t->name, rowid_slot(rowid), dba_block(rowid_dba(rowid)),
                           x.ix->name);
    }
}

/* ---- a table ------------------------------------------------------------------------------ */

void check__table(struct check *c, const struct table_def *def)
{
    struct table_check t = { .c = c, .def = def, .stride = 1u + def->nindexes };
    const struct heap_visit visit = { &t, on_row };
    struct heap_moved *moved = NULL;
    uint32_t nmoved = 0;
    snprintf(t.name, sizeof t.name, "table %s", def->name);
    c->res->tables++;
    struct segment *s = check__claim(c, def->seg, t.name);
    t.arena = arena_new("a row to check", 0);
    buf_init(&t.key);
    if (s && !s->damaged) {
        check__heap(c, t.name, s, &visit, &moved, &nmoved);
        settle_moved(&t, moved, nmoved);
    }
    for (uint32_t i = 0; i < def->nindexes; i++)
        check_index(&t, i);
    free(moved);
    free(t.row);
    buf_fini(&t.key);
    arena_free(t.arena);
}
