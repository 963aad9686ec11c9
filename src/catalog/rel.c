#include "catalog/rel.h"

#include <stdlib.h>

#include "access/overflow.h"
#include "base/buf.h"
#include "catalog/catalog_int.h"

/* ---- keys -------------------------------------------------------------------- */

void catalog_index_key(const struct table_def *t, const struct index_def *ix, const union datum *v, const bool *null, struct buf *key,
                       bool *ret_has_null)
{
    *ret_has_null = false;
    for (uint16_t i = 0; i < ix->ncols; i++) {
        const int16_t col = (int16_t)(ix->col[i].attnum - 1);
        key_append(key, &ix->key[i], v[col], null[col]);
        *ret_has_null |= null[col];
    }
}

void rel_key_text(const struct table_def *def, const struct index_def *ix, const union datum *v, const bool *null, struct buf *b)
{
    struct arena *arena = arena_new("key text", 0);
    const struct type_ctx ctx = { .arena = arena, .extra_float_digits = 1 };
    buf_put_str(b, "Key (");
    for (uint16_t i = 0; i < ix->ncols; i++)
        buf_printf(b, "%s%s", i ? ", " : "", def->col[ix->col[i].attnum - 1].name);
    buf_put_str(b, ")=(");
    for (uint16_t i = 0; i < ix->ncols; i++) {
        const int16_t col = (int16_t)(ix->col[i].attnum - 1);
        buf_put_str(b, i ? ", " : "");
        if (null[col])
            buf_put_str(b, "null");
        else
            type_by_oid(def->col[col].type)->out(&ctx, v[col], b);
    }
    buf_put_str(b, ")");
    arena_free(arena);
}

static enum err duplicate(const struct table_def *def, const struct index_def *ix, const union datum *v, const bool *null, struct diag *d)
{
    struct buf text;
    buf_init(&text);
    rel_key_text(def, ix, v, null, &text);
    diag_set(d, ERR_UNIQUE, "duplicate key value violates unique constraint \"%s\"", ix->name);
    diag_detail(d, "%.*s already exists.", (int)text.len, (const char *)text.p);
    strcpy(d->schema, def->schema_name);
    strcpy(d->table, def->name);
    strcpy(d->constraint, ix->name);
    buf_fini(&text);
    return ERR_UNIQUE;
}

static enum err too_long(const struct index_def *ix, size_t len, struct diag *d)
{
    diag_set(d, ERR_LIMIT, "index row size %zu exceeds maximum %u for index \"%s\"", len, BTREE_KEY_MAX, ix->name);
    return diag_hint(d, "Values larger than 1/3 of a page cannot be indexed.");
}

/* ---- unique check ---------------------------------------------------------------- */

struct key_check {
    struct catalog *c;
    const struct table_def *def;
    const struct index_def *ix;
};

/* Does this row's body have the key? Only the key's columns are decoded. */
static enum err same_key(void *arg, const struct heap_row *row, const uint8_t *key, uint32_t len, bool *ret, struct diag *d)
{
    const struct key_check *k = arg;
    struct arena *arena = arena_new("unique check", 0);
    union datum *v = ARENA_ARRAY(arena, union datum, k->def->ncols);
    bool *null = ARENA_ARRAY(arena, bool, k->def->ncols);
    bool *want = ARENA_ARRAY(arena, bool, k->def->ncols);
    uint16_t upto = 0;
    for (uint16_t i = 0; i < k->ix->ncols; i++) {
        want[k->ix->col[i].attnum - 1] = true;
        upto = MAX(upto, (uint16_t)k->ix->col[i].attnum);
    }
    const struct snapshot s = { .s = 0 }; /* overflow pieces are written once: any copy will do */
    enum err err = tuple_deform(k->c->opt.access, &s, &k->def->tuple, row->body, row->len, upto, want, v, null, arena, d);
    if (!err) {
        struct buf b;
        buf_init(&b);
        bool has_null;
        catalog_index_key(k->def, k->ix, v, null, &b, &has_null);
        *ret = b.len == len && memcmp(b.p, key, len) == 0;
        buf_fini(&b);
    }
    arena_free(arena);
    return err;
}

static enum err insert_entry(struct catalog *c, struct txn *t, const struct table_def *def, const struct index_def *ix, const union datum *v,
                             const bool *null, struct rowid rowid, struct diag *d)
{
    struct buf key;
    buf_init(&key);
    bool has_null;
    catalog_index_key(def, ix, v, null, &key, &has_null);
    struct key_check check = { c, def, ix };
    const struct btree_unique_check unique = { .heap = def->seg, .arg = &check, .same_key = same_key };
    enum err err = key.len > BTREE_KEY_MAX ? too_long(ix, key.len, d)
                                           : btree_insert(c->opt.access, t, ix->seg, key.p, (uint32_t)key.len, rowid,
                                                          ix->unique && !has_null ? &unique : NULL, d);
    buf_fini(&key);
    return err == ERR_UNIQUE ? duplicate(def, ix, v, null, d) : err;
}

static enum err mark_entry(struct catalog *c, struct txn *t, const struct table_def *def, const struct index_def *ix, const union datum *v,
                           const bool *null, struct rowid rowid, struct diag *d)
{
    struct buf key;
    buf_init(&key);
    bool has_null;
    catalog_index_key(def, ix, v, null, &key, &has_null);
    enum err err = btree_mark(c->opt.access, t, ix->seg, key.p, (uint32_t)key.len, rowid, d);
    buf_fini(&key);
    return err;
}

static bool key_changes(const struct table_def *def, const struct index_def *ix, const union datum *old_v, const bool *old_null,
                        const union datum *v, const bool *null)
{
    struct buf a, b;
    buf_init(&a);
    buf_init(&b);
    bool ignored;
    catalog_index_key(def, ix, old_v, old_null, &a, &ignored);
    catalog_index_key(def, ix, v, null, &b, &ignored);
    const bool changes = a.len != b.len || memcmp(a.p, b.p, a.len) != 0;
    buf_fini(&a);
    buf_fini(&b);
    return changes;
}

/* ---- rows --------------------------------------------------------------------------- */

/* "Failing row contains (1, null)." */
void rel_failing_row(const struct table_def *def, const union datum *v, const bool *null, struct diag *d)
{
    struct arena *arena = arena_new("failing row", 0);
    const struct type_ctx ctx = { .arena = arena, .extra_float_digits = 1 };
    struct buf b;
    buf_init(&b);
    bool first = true;
    for (uint16_t i = 0; i < def->ncols; i++) {
        if (def->col[i].dropped)
            continue;
        buf_put_str(&b, first ? "" : ", ");
        first = false;
        const size_t at = b.len;
        if (null[i])
            buf_put_str(&b, "null");
        else
            type_by_oid(def->col[i].type)->out(&ctx, v[i], &b);
        if (b.len - at > 64) {
            b.len = at + 64;
            buf_put_str(&b, "...");
        }
    }
    diag_detail(d, "Failing row contains (%.*s).", (int)b.len, b.p ? (const char *)b.p : "");
    buf_fini(&b);
    arena_free(arena);
}

enum err rel_check_not_null(const struct table_def *def, const union datum *v, const bool *null, struct diag *d)
{
    for (uint16_t i = 0; i < def->ncols; i++) {
        if (!def->col[i].not_null || def->col[i].dropped || !null[i])
            continue;
        diag_set(d, ERR_NOT_NULL, "null value in column \"%s\" of relation \"%s\" violates not-null constraint", def->col[i].name, def->name);
        rel_failing_row(def, v, null, d);
        strcpy(d->schema, def->schema_name);
        strcpy(d->table, def->name);
        strcpy(d->column, def->col[i].name);
        return ERR_NOT_NULL;
    }
    return ERR_OK;
}

enum err rel_insert(struct catalog *c, struct txn *t, const struct table_def *def, const union datum *v, const bool *null, struct arena *arena,
                    struct rowid *ret, struct diag *d)
{
    const uint8_t *body;
    uint32_t len;
    struct rowid rowid;
    enum err err = tuple_form(c->opt.access, t, def->seg, &def->tuple, v, null, arena, &body, &len, d);
    if (!err)
        err = heap_insert(c->opt.access, t, def->seg, def->layout, body, len, &rowid, d);
    for (uint16_t i = 0; i < def->nindexes && !err; i++)
        err = insert_entry(c, t, def, &def->index[i], v, null, rowid, d);
    if (!err)
        *ret = rowid;
    return err;
}

/* Entries of one index in key order touch each leaf once. */
struct pending_key {
    const uint8_t *key;
    uint32_t len;
    uint32_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct pending_key *x = a, *y = b;
    const int cmp = memcmp(x->key, y->key, MIN(x->len, y->len));
    return cmp ? cmp : x->len != y->len ? (x->len < y->len ? -1 : 1) : (x->row > y->row) - (x->row < y->row);
}

static enum err insert_entries(struct catalog *c, struct txn *t, const struct table_def *def, const struct index_def *ix,
                               const union datum *const *v, const bool *const *null, const struct rowid *rowid, uint32_t n, struct arena *arena,
                               uint32_t *ret_failed, struct diag *d)
{
    struct pending_key *p = ARENA_ARRAY(arena, struct pending_key, n);
    struct buf key;
    buf_init(&key);
    for (uint32_t r = 0; r < n; r++) {
        bool has_null;
        buf_reset(&key);
        catalog_index_key(def, ix, v[r], null[r], &key, &has_null);
        p[r] = (struct pending_key){ arena_dup(arena, key.p, key.len), (uint32_t)key.len, r };
    }
    buf_fini(&key);
    qsort(p, n, sizeof *p, by_key);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < n && !err; i++) {
        err = insert_entry(c, t, def, ix, v[p[i].row], null[p[i].row], rowid[p[i].row], d);
        if (err)
            *ret_failed = p[i].row;
        rt_yield_if_due();
    }
    return err;
}

/* Rows that were formed and will not be inserted: their overflow chains are already in their blocks. */
static void drop_formed(struct catalog *c, const struct table_def *def, const uint8_t *const *body, const uint32_t *len, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++)
        overflow_drop(c->opt.access, def->seg, body[r], len[r]);
}

enum err rel_insert_many(struct catalog *c, struct txn *t, const struct table_def *def, const union datum *const *v, const bool *const *null,
                         uint32_t n, struct arena *arena, uint32_t *ret_failed, struct diag *d)
{
    const uint8_t **body = ARENA_ARRAY(arena, const uint8_t *, n);
    uint32_t *len = ARENA_ARRAY(arena, uint32_t, n);
    struct rowid *rowid = ARENA_ARRAY(arena, struct rowid, n);
    enum err err = ERR_OK;
    for (uint32_t r = 0; r < n && !err; r++) {
        err = tuple_form(c->opt.access, t, def->seg, &def->tuple, v[r], null[r], arena, &body[r], &len[r], d);
        if (err)
            drop_formed(c, def, body, len, r);
    }
    if (!err)
        err = heap_insert_many(c->opt.access, t, def->seg, def->layout, body, len, n, rowid, d);
    for (uint16_t i = 0; i < def->nindexes && !err; i++)
        err = insert_entries(c, t, def, &def->index[i], v, null, rowid, n, arena, ret_failed, d);
    return err;
}

enum err rel_update(struct catalog *c, struct txn *t, const struct table_def *def, struct heap_write *w, const union datum *old_v,
                    const bool *old_null, const union datum *v, const bool *null, const bool *keys_change, struct arena *arena,
                    enum heap_outcome *ret, struct diag *d)
{
    const uint8_t *body;
    uint32_t len;
    w->seg = def->seg;
    enum err err = tuple_form(c->opt.access, t, def->seg, &def->tuple, v, null, arena, &body, &len, d);
    if (!err)
        err = heap_update(c->opt.access, t, w, def->layout, body, len, ret, d);
    if (err || *ret != HEAP_DONE)
        return err;
    for (uint16_t i = 0; i < def->nindexes && !err; i++) {
        const struct index_def *ix = &def->index[i];
        if ((keys_change != NULL && !keys_change[i]) || !key_changes(def, ix, old_v, old_null, v, null))
            continue;
        err = insert_entry(c, t, def, ix, v, null, w->rowid, d);
        if (!err)
            err = mark_entry(c, t, def, ix, old_v, old_null, w->rowid, d);
    }
    return err;
}

enum err rel_delete(struct catalog *c, struct txn *t, const struct table_def *def, struct heap_write *w, const union datum *old_v,
                    const bool *old_null, struct arena *arena, enum heap_outcome *ret, struct diag *d)
{
    w->seg = def->seg;
    enum err err = heap_delete(c->opt.access, t, w, ret, d);
    for (uint16_t i = 0; i < def->nindexes && !err && *ret == HEAP_DONE; i++)
        err = mark_entry(c, t, def, &def->index[i], old_v, old_null, w->rowid, d);
    return err;
}

enum err rel_deform(struct catalog *c, const struct snapshot *s, const struct table_def *def, const struct heap_row *row, union datum *v, bool *null,
                    struct arena *arena, struct diag *d)
{
    return tuple_deform(c->opt.access, s, &def->tuple, row->body, row->len, def->ncols, NULL, v, null, arena, d);
}

/* ---- reading system tables -------------------------------------------------------------- */

/* The entry may be stale: does the visible row have exactly this key? */
static enum err fetch_if_current(struct catalog *c, const struct snapshot *s, const struct table_def *def, const struct index_def *ix,
                                 const struct btree_entry *e, struct arena *arena, union datum **ret_v, bool **ret_null, bool *ret_found,
                                 struct diag *d)
{
    struct heap_row row;
    enum err err = heap_fetch(c->opt.access, s, def->seg, e->rowid, arena, &row, ret_found, d);
    if (err || !*ret_found)
        return err;
    *ret_v = ARENA_ARRAY(arena, union datum, def->ncols);
    *ret_null = ARENA_ARRAY(arena, bool, def->ncols);
    err = rel_deform(c, s, def, &row, *ret_v, *ret_null, arena, d);
    if (err)
        return err;
    struct buf key;
    buf_init(&key);
    bool has_null;
    catalog_index_key(def, ix, *ret_v, *ret_null, &key, &has_null);
    *ret_found = key.len == e->len && memcmp(key.p, e->key, e->len) == 0;
    buf_fini(&key);
    return ERR_OK;
}

#define EACH_BATCH 64

enum err rel_index_each(struct catalog *c, const struct snapshot *s, const struct table_def *def, const struct index_def *ix, const union datum *v,
                        unsigned n, struct arena *arena, enum err (*fn)(void *arg, const struct rel_row *row, struct diag *d), void *arg,
                        struct diag *d)
{
    struct buf prefix;
    buf_init(&prefix);
    for (unsigned i = 0; i < n; i++)
        key_append(&prefix, &ix->key[i], v[i], false);
    const struct btree_range range = {
        .lower = prefix.p, .lower_len = (uint32_t)prefix.len, .upper = prefix.p, .upper_len = (uint32_t)prefix.len
    };
    struct btree_scan *scan;
    enum err err = btree_scan_open(c->opt.access, ix->seg, s, &range, &scan, d);
    if (err) {
        buf_fini(&prefix);
        return err;
    }
    while (!err) {
        struct btree_entry entry[EACH_BATCH];
        uint32_t got;
        err = btree_scan_next(scan, arena, entry, EACH_BATCH, &got, d);
        if (err || got == 0)
            break;
        for (uint32_t i = 0; i < got && !err; i++) {
            union datum *row_v = NULL;
            bool *row_null = NULL, found;
            err = fetch_if_current(c, s, def, ix, &entry[i], arena, &row_v, &row_null, &found, d);
            if (!err && found)
                err = fn(arg, &(struct rel_row){ entry[i].rowid, row_v, row_null }, d);
        }
    }
    btree_scan_close(scan);
    buf_fini(&prefix);
    return err;
}
