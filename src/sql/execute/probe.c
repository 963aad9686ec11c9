/*
 * Part of an index for given key values: where all columns of the key are
 * given a look-up, otherwise scans of key ranges. An entry may be stale, so a
 * row counts only if its visible version has the entry's key.
 */
#include <stdlib.h>

#include "sql/execute/exec_int.h"

#define ENTRIES 64u
#define LOOKUP_ROWS 64u /* entries of one key; where there are more a scan takes over */

/* One of an IN list: the whole prefix with it. */
struct in_key {
    const uint8_t *p;
    uint32_t len;
};

struct probe {
    struct exec *e;
    const struct table_def *def;
    const struct index_def *ix;
    const struct index_key *key;
    struct columns cols;
    bool backward;
    bool whole; /* the values make the whole key of the index */
    struct arena *arena; /* entries and IN keys; reset when a piece of the index has been read */
    struct buf prefix, upper, own; /* keys: of the range, of the row at hand */
    struct in_key *in;
    uint32_t nin, in_at;
    /* look-up */
    struct rowid rowid[LOOKUP_ROWS];
    /* scan */
    struct btree_scan *scan;
    struct arena *entry_arena;
    struct btree_entry *entry;
    uint32_t n, at; /* of rowid or entry */
    bool scanning, ended;
};

/* ---- columns of a table's rows ------------------------------------------------------- */

void exec__columns_want(struct columns *c, int16_t attnum)
{
    if (attnum == VAR_ROWID)
        return;
    c->want[attnum - 1] = true;
    c->upto = MAX(c->upto, (uint16_t)attnum);
}

void exec__columns_init(struct exec *e, struct columns *c, const struct table_def *def, const int16_t *attnum, uint16_t ncols)
{
    *c = (struct columns){ .def = def, .ncols = ncols, .attnum = attnum };
    c->want = ARENA_ARRAY(e->arena, bool, def->ncols);
    c->v = ARENA_ARRAY(e->arena, union datum, def->ncols);
    c->null = ARENA_ARRAY(e->arena, bool, def->ncols);
    for (uint16_t i = 0; i < ncols; i++)
        exec__columns_want(c, attnum[i]);
}

enum err exec__columns_read(struct exec *e, struct columns *c, const struct heap_row *row, struct arena *arena, struct diag *d)
{
    if (c->upto == 0)
        return ERR_OK;
    return tuple_deform(e->access, e->env.snapshot, &c->def->tuple, row->body, row->len, c->upto, c->want, c->v, c->null, arena, d);
}

/* ---- making ------------------------------------------------------------------------------ */

uint32_t exec__key_exprs(const struct index_key *key, const struct expr **ret)
{
    uint32_t n = 0;
    for (uint16_t i = 0; i < key->neq; i++)
        ret[n++] = key->eq[i];
    for (uint16_t i = 0; i < key->nin; i++)
        ret[n++] = key->in[i];
    if (key->lower)
        ret[n++] = key->lower;
    if (key->upper)
        ret[n++] = key->upper;
    return n;
}

struct probe *exec__probe_new(struct exec *e, const struct table_def *def, const struct index_key *key, const int16_t *attnum, uint16_t ncols,
                              bool backward)
{
    struct probe *p = ARENA_NEW(e->arena, struct probe);
    p->e = e;
    p->def = def;
    p->ix = &def->index[key->index];
    p->key = key;
    p->backward = backward;
    p->whole = key->neq + (key->nin > 0) == p->ix->ncols && !key->lower && !key->upper;
    exec__columns_init(e, &p->cols, def, attnum, ncols);
    for (uint16_t i = 0; i < p->ix->ncols; i++)
        exec__columns_want(&p->cols, p->ix->col[i].attnum);
    p->arena = arena_new("index keys", e->memory_max);
    p->entry_arena = arena_new("index entries", 0);
    p->ended = true;
    return p;
}

void exec__probe_stop(struct probe *p)
{
    btree_scan_close(p->scan);
    p->scan = NULL;
    p->scanning = false;
    p->ended = true;
    p->n = p->at = 0;
    p->in_at = p->nin = 0;
}

void exec__probe_free(struct probe *p)
{
    if (!p || !p->arena)
        return;
    exec__probe_stop(p);
    arena_free(p->arena);
    arena_free(p->entry_arena);
    p->arena = NULL;
    buf_fini(&p->prefix);
    buf_fini(&p->upper);
    buf_fini(&p->own);
}

/* ---- ranges -------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct in_key *x = a, *y = b;
    const int cmp = memcmp(x->p, y->p, MIN(x->len, y->len));
    return cmp ? cmp : (x->len > y->len) - (x->len < y->len);
}

/* The keys of an IN list in the order of the index, equal ones once. */
static void sort_in_keys(struct probe *p, const union datum *v, const uint8_t *null)
{
    const struct index_key *key = p->key;
    p->in = ARENA_ARRAY(p->arena, struct in_key, key->nin);
    struct buf b;
    buf_init(&b);
    for (uint16_t i = 0; i < key->nin; i++) {
        if (null[key->neq + i])
            continue;
        buf_reset(&b);
        buf_put(&b, p->prefix.p, p->prefix.len);
        key_append(&b, &p->ix->key[key->neq], v[key->neq + i], false);
        p->in[p->nin++] = (struct in_key){ arena_dup(p->arena, b.p, b.len), (uint32_t)b.len };
    }
    buf_fini(&b);
    if (p->nin == 0)
        return;
    qsort(p->in, p->nin, sizeof *p->in, by_key);
    uint32_t n = 1;
    for (uint32_t i = 1; i < p->nin; i++)
        if (by_key(&p->in[n - 1], &p->in[i]) != 0)
            p->in[n++] = p->in[i];
    p->nin = n;
}

static enum err open_scan(struct probe *p, const struct btree_range *r, struct diag *d)
{
    p->scanning = true;
    p->n = p->at = 0;
    return btree_scan_open(p->e->access, p->ix->seg, p->e->env.snapshot, r, &p->scan, d);
}

/* All entries with this key, or prefix of a key. */
static enum err open_equal(struct probe *p, const uint8_t *key, uint32_t len, struct diag *d)
{
    if (p->whole) {
        enum err err = btree_lookup(p->e->access, p->ix->seg, p->e->env.snapshot, key, len, p->rowid, LOOKUP_ROWS, &p->n, d);
        p->at = 0;
        p->scanning = false;
        if (err || p->n < LOOKUP_ROWS)
            return err;
    }
    const struct btree_range r = { .lower = len ? key : NULL, .lower_len = len, .upper = len ? key : NULL, .upper_len = len, .backward = p->backward };
    return open_scan(p, &r, d);
}

/* Bounds of the column behind the equal ones; an open end still leaves NULLs out. */
static enum err open_range(struct probe *p, const union datum *v, struct diag *d)
{
    const struct index_key *key = p->key;
    const struct key_column *col = &p->ix->key[key->neq];
    const union datum *bound[2] = { key->lower ? &v[key->neq] : NULL, key->upper ? &v[key->neq + (key->lower ? 1 : 0)] : NULL };
    bool exclusive[2] = { key->lower_exclusive, key->upper_exclusive };
    struct buf *b[2] = { &p->prefix, &p->upper };
    buf_reset(&p->upper);
    buf_put(&p->upper, p->prefix.p, p->prefix.len);
    for (unsigned side = 0; side < 2; side++) {
        const unsigned value = col->descending ? 1 - side : side; /* bytes run against the values */
        if (bound[value])
            key_append(b[side], col, *bound[value], false);
        else
            buf_put_u8(b[side], 1); /* "not null", of any value */
    }
    const struct btree_range r = {
        .lower = b[0]->p,
        .lower_len = (uint32_t)b[0]->len,
        .lower_exclusive = bound[col->descending ? 1 : 0] && exclusive[col->descending ? 1 : 0],
        .upper = b[1]->p,
        .upper_len = (uint32_t)b[1]->len,
        .upper_exclusive = bound[col->descending ? 0 : 1] && exclusive[col->descending ? 0 : 1],
        .backward = p->backward,
    };
    return open_scan(p, &r, d);
}

enum err exec__index_is_known(const struct exec *e, const struct index_def *ix, struct diag *d)
{
    if (LIKELY(ix->since <= e->env.snapshot->s))
        return ERR_OK;
    diag_set(d, ERR_SERIALIZATION, "could not serialize access due to concurrent creation of index \"%s\"", ix->name);
    return diag_detail(d, "The index lacks rows that have been changed since the transaction's snapshot.");
}

enum err exec__probe_start(struct probe *p, const union datum *v, const uint8_t *null, struct diag *d)
{
    const struct index_key *key = p->key;
    exec__probe_stop(p);
    const enum err known = exec__index_is_known(p->e, p->ix, d);
    if (known)
        return known;
    arena_reset(p->arena);
    const uint32_t n = exec__key_count(key);
    for (uint32_t i = 0; i < n; i++)
        if (null[i] && !(i >= key->neq && i < key->neq + key->nin))
            return ERR_OK; /* NULL is equal to nothing and in no range */
    p->ended = false;
    buf_reset(&p->prefix);
    for (uint16_t i = 0; i < key->neq; i++)
        key_append(&p->prefix, &p->ix->key[i], v[i], false);
    if (key->nin) {
        sort_in_keys(p, v, null);
        return ERR_OK; /* each of them is opened in its turn */
    }
    if (key->lower || key->upper)
        return open_range(p, v, d);
    return open_equal(p, p->prefix.p, (uint32_t)p->prefix.len, d);
}

/* The next piece of an IN list; *ret false: there is none. */
static enum err open_next(struct probe *p, bool *ret, struct diag *d)
{
    btree_scan_close(p->scan);
    p->scan = NULL;
    p->scanning = false;
    *ret = p->in_at < p->nin;
    if (!*ret)
        return ERR_OK;
    const struct in_key *k = &p->in[p->backward ? p->nin - 1 - p->in_at : p->in_at];
    p->in_at++;
    return open_equal(p, k->p, k->len, d);
}

/* ---- rows -------------------------------------------------------------------------------------- */

/* The next entry of the present piece; *ret false: it has ended. key NULL: that of the look-up, still in the row's hands. */
static enum err next_entry(struct probe *p, struct rowid *rowid, const uint8_t **key, uint32_t *len, bool *ret, struct diag *d)
{
    *ret = false;
    if (!p->scanning) {
        if (p->at == p->n)
            return ERR_OK;
        const struct in_key *k = p->nin ? &p->in[p->backward ? p->nin - p->in_at : p->in_at - 1] : NULL;
        *key = k ? k->p : p->prefix.p;
        *len = k ? k->len : (uint32_t)p->prefix.len;
        *rowid = p->rowid[p->backward ? p->n - 1 - p->at : p->at];
        p->at++;
        *ret = true;
        return ERR_OK;
    }
    if (p->at == p->n) {
        arena_reset(p->entry_arena);
        p->entry = arena_alloc(p->entry_arena, ENTRIES * sizeof *p->entry);
        enum err err = btree_scan_next(p->scan, p->entry_arena, p->entry, ENTRIES, &p->n, d);
        p->at = 0;
        if (err || p->n == 0)
            return err;
    }
    const struct btree_entry *en = &p->entry[p->at++];
    *rowid = en->rowid;
    *key = en->key;
    *len = en->len;
    *ret = true;
    return ERR_OK;
}

/* Has the visible row the key that led to it? */
static bool has_key(struct probe *p, const uint8_t *key, uint32_t len)
{
    bool has_null;
    buf_reset(&p->own);
    catalog_index_key(p->def, p->ix, p->cols.v, p->cols.null, &p->own, &has_null);
    return p->own.len == len && memcmp(p->own.p, key, len) == 0;
}

enum err exec__probe_next(struct probe *p, struct arena *arena, union datum *v, uint8_t *null, bool *ret_found, struct diag *d)
{
    *ret_found = false;
    while (!p->ended) {
        struct rowid rowid;
        const uint8_t *key;
        uint32_t len;
        bool more;
        enum err err = next_entry(p, &rowid, &key, &len, &more, d);
        if (!err && !more) {
            err = open_next(p, &more, d);
            p->ended = !more;
            if (!err)
                continue;
        }
        if (err)
            return err;
        struct heap_row row;
        bool found;
        err = heap_fetch(p->e->access, p->e->env.snapshot, p->def->seg, rowid, arena, &row, &found, d);
        if (!err && found)
            err = exec__columns_read(p->e, &p->cols, &row, arena, d);
        if (err)
            return err;
        if (!found || !has_key(p, key, len))
            continue;
        for (uint16_t c = 0; c < p->cols.ncols; c++) {
            const int16_t attnum = p->cols.attnum[c];
            v[c] = attnum == VAR_ROWID ? datum_int((int64_t)rowid.v) : p->cols.v[attnum - 1];
            null[c] = attnum != VAR_ROWID && p->cols.null[attnum - 1];
        }
        *ret_found = true;
        return ERR_OK;
    }
    return ERR_OK;
}
