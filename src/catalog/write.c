/*
 * Rows of the system tables: written, changed, deleted; segments that follow
 * their transaction.
 */
#include "catalog/catalog_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* ---- values ------------------------------------------------------------------ */

const char *catalog__missing_to_text(struct arena *a, enum datum_rep rep, union datum v)
{
    if (rep == REP_INT)
        return arena_printf(a, "%" PRId64, v.i);
    if (rep == REP_FLOAT)
        return arena_printf(a, "%a", v.f);
    char *hex = arena_alloc(a, 2u * v.s.len + 1);
    for (uint32_t i = 0; i < v.s.len; i++)
        sprintf(hex + 2 * i, "%02x", (uint8_t)v.s.p[i]);
    hex[2 * v.s.len] = 0;
    return hex;
}

static int nibble(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool catalog__missing_from_text(struct arena *a, enum datum_rep rep, struct str s, union datum *ret)
{
    const char *text = arena_strndup(a, s.p, s.len);
    char *end;
    if (rep == REP_INT) {
        *ret = datum_int(strtoll(text, &end, 10));
        return end != text && *end == 0;
    }
    if (rep == REP_FLOAT) {
        *ret = datum_float(strtod(text, &end));
        return end != text && *end == 0;
    }
    char *bytes = arena_alloc(a, s.len / 2 + 1);
    for (uint32_t i = 0; i + 1 < s.len; i += 2) {
        const int hi = nibble(text[i]), lo = nibble(text[i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        bytes[i / 2] = (char)(hi << 4 | lo);
    }
    *ret = datum_str(bytes, s.len / 2);
    return s.len % 2 == 0;
}

/* A row of a system table; columns that are not set have PostgreSQL's neutral value: 0, false, "", and NULL for text. */
struct row {
    const struct table_def *def;
    union datum *v;
    bool *null;
    struct arena *arena;
};

static struct row row_begin(struct catalog *c, oid_t table, struct arena *a)
{
    struct row r = { .def = catalog__system(c, table), .arena = a };
    r.v = ARENA_ARRAY(a, union datum, r.def->ncols);
    r.null = ARENA_ARRAY(a, bool, r.def->ncols);
    for (uint16_t i = 0; i < r.def->ncols; i++) {
        const oid_t type = r.def->col[i].type;
        r.null[i] = type == TYPE_TEXT || type == TYPE_TIMESTAMPTZ;
        if (type == TYPE_NAME || type == TYPE_CHAR1 || type == TYPE_TEXT)
            r.v[i] = datum_str("", 0);
    }
    return r;
}

static void put_int(struct row *r, int attnum, int64_t i)
{
    r->v[attnum - 1] = datum_int(i);
    r->null[attnum - 1] = false;
}
static void put_float(struct row *r, int attnum, double f)
{
    r->v[attnum - 1] = datum_float(f);
    r->null[attnum - 1] = false;
}
static void put_str(struct row *r, int attnum, const char *s)
{
    r->v[attnum - 1] = datum_str(s, strlen(s));
    r->null[attnum - 1] = false;
}

static enum err row_insert(struct catalog *c, struct txn *t, const struct row *r, struct diag *d)
{
    struct rowid ignored;
    return rel_insert(c, t, r->def, r->v, r->null, r->arena, &ignored, d);
}

/* ---- relations ------------------------------------------------------------------- */

static enum err insert_class(struct catalog *c, struct txn *t, struct arena *a, oid_t oid, const char *name, oid_t schema, char kind,
                             struct seg seg, uint16_t ncols, const struct table_def *table, struct diag *d)
{
    const char kind_text[2] = { kind, 0 };
    struct row r = row_begin(c, OID_pg_class, a);
    put_int(&r, pg_class_oid, oid);
    put_str(&r, pg_class_relname, name);
    put_int(&r, pg_class_relnamespace, schema);
    put_int(&r, pg_class_relowner, OID_OWNER);
    put_int(&r, pg_class_relam, kind == 'r' ? 2 : kind == 'i' ? 403 : 0);
    put_int(&r, pg_class_relfilenode, seg.id);
    put_int(&r, pg_class_rdbseghead, (int64_t)seg.header.v);
    put_float(&r, pg_class_reltuples, -1);
    put_str(&r, pg_class_relpersistence, "p");
    put_str(&r, pg_class_relkind, kind_text);
    put_int(&r, pg_class_relnatts, ncols);
    put_int(&r, pg_class_relispopulated, 1);
    put_str(&r, pg_class_relreplident, table && table->system ? "n" : "d");
    put_int(&r, pg_class_relhasindex, table && table->nindexes > 0);
    put_int(&r, pg_class_relchecks, table ? table->nchecks : 0);
    put_int(&r, pg_class_rdblayout, table ? table->layout : 0);
    put_int(&r, pg_class_rdbfillfactor, table ? table->fillfactor : 100);
    return row_insert(c, t, &r, d);
}

static enum err insert_attribute(struct catalog *c, struct txn *t, struct arena *a, oid_t relation, const struct column_def *col,
                                 const struct tuple_column *tc, struct diag *d)
{
    const struct type *type = type_by_oid(col->type);
    struct row r = row_begin(c, OID_pg_attribute, a);
    put_int(&r, pg_attribute_attrelid, relation);
    put_str(&r, pg_attribute_attname, col->name);
    put_int(&r, pg_attribute_atttypid, col->type);
    put_int(&r, pg_attribute_attstattarget, -1);
    put_int(&r, pg_attribute_attlen, type ? type->len : -1);
    put_int(&r, pg_attribute_attnum, col->attnum);
    put_int(&r, pg_attribute_attcacheoff, -1);
    put_int(&r, pg_attribute_atttypmod, col->typmod);
    put_int(&r, pg_attribute_attbyval, type && type->rep <= REP_FLOAT);
    put_str(&r, pg_attribute_attalign, "i");
    put_str(&r, pg_attribute_attstorage, type && type->rep <= REP_FLOAT ? "p" : "x");
    put_int(&r, pg_attribute_attnotnull, col->not_null);
    put_int(&r, pg_attribute_atthasdef, col->default_sql != NULL);
    put_int(&r, pg_attribute_attislocal, 1);
    put_int(&r, pg_attribute_rdbownedseq, col->owned_sequence);
    if (tc && tc->has_missing) {
        put_int(&r, pg_attribute_atthasmissing, 1);
        put_str(&r, pg_attribute_attmissingval, catalog__missing_to_text(a, tc->rep, tc->missing));
    }
    return row_insert(c, t, &r, d);
}

enum err catalog__insert_default(struct catalog *c, struct txn *t, struct arena *a, oid_t relation, int16_t attnum, const char *sql, struct diag *d)
{
    oid_t oid;
    enum err err = catalog__new_oid(c, &oid, d);
    if (err)
        return err;
    struct row r = row_begin(c, OID_pg_attrdef, a);
    put_int(&r, pg_attrdef_oid, oid);
    put_int(&r, pg_attrdef_adrelid, relation);
    put_int(&r, pg_attrdef_adnum, attnum);
    put_str(&r, pg_attrdef_adbin, sql);
    return row_insert(c, t, &r, d);
}

enum err catalog__insert_column(struct catalog *c, struct txn *t, struct arena *a, oid_t relation, const struct column_def *col,
                                const struct tuple_column *tc, struct diag *d)
{
    enum err err = insert_attribute(c, t, a, relation, col, tc, d);
    if (!err && col->default_sql)
        err = catalog__insert_default(c, t, a, relation, col->attnum, col->default_sql, d);
    return err;
}

enum err catalog__insert_relation(struct catalog *c, struct txn *t, const struct table_def *def, struct diag *d)
{
    struct arena *a = arena_new("catalogue rows", 0);
    enum err err = insert_class(c, t, a, def->oid, def->name, def->schema, (char)def->kind, def->seg, def->ncols, def, d);
    for (uint16_t i = 0; i < def->ncols && !err; i++)
        err = catalog__insert_column(c, t, a, def->oid, &def->col[i], &def->tuple.col[i], d);
    if (!err && def->kind == TABLE_SEQUENCE) {
        struct row r = row_begin(c, OID_pg_sequence, a);
        put_int(&r, pg_sequence_seqrelid, def->oid);
        put_int(&r, pg_sequence_seqtypid, TYPE_INT8);
        put_int(&r, pg_sequence_seqstart, def->sequence.start);
        put_int(&r, pg_sequence_seqincrement, def->sequence.increment);
        put_int(&r, pg_sequence_seqmax, def->sequence.max);
        put_int(&r, pg_sequence_seqmin, def->sequence.min);
        put_int(&r, pg_sequence_seqcache, def->sequence.cache);
        put_int(&r, pg_sequence_seqcycle, def->sequence.cycle);
        err = row_insert(c, t, &r, d);
    }
    arena_free(a);
    return err;
}

enum err catalog__insert_index(struct catalog *c, struct txn *t, const struct table_def *table, const struct index_def *ix, struct diag *d)
{
    struct arena *a = arena_new("catalogue rows", 0);
    enum err err = insert_class(c, t, a, ix->oid, ix->name, table->schema, 'i', ix->seg, ix->ncols, NULL, d);
    struct buf key, option;
    buf_init(&key);
    buf_init(&option);
    for (uint16_t i = 0; i < ix->ncols; i++) {
        buf_printf(&key, "%s%d", i ? " " : "", ix->col[i].attnum);
        buf_printf(&option, "%s%d", i ? " " : "", (ix->col[i].descending ? 1 : 0) | (ix->col[i].nulls_first ? 2 : 0));
    }
    buf_put_u8(&key, 0);
    buf_put_u8(&option, 0);
    struct row r = row_begin(c, OID_pg_index, a);
    put_int(&r, pg_index_indexrelid, ix->oid);
    put_int(&r, pg_index_indrelid, table->oid);
    put_int(&r, pg_index_indnatts, ix->ncols);
    put_int(&r, pg_index_indnkeyatts, ix->ncols);
    put_int(&r, pg_index_indisunique, ix->unique);
    put_int(&r, pg_index_indisprimary, ix->primary);
    put_int(&r, pg_index_indimmediate, 1);
    put_int(&r, pg_index_indisvalid, 1);
    put_int(&r, pg_index_indisready, 1);
    put_int(&r, pg_index_indislive, 1);
    put_str(&r, pg_index_indkey, (const char *)key.p);
    put_str(&r, pg_index_indoption, (const char *)option.p);
    if (!err)
        err = row_insert(c, t, &r, d);
    if (!err && ix->constraint) {
        struct row con = row_begin(c, OID_pg_constraint, a);
        put_int(&con, pg_constraint_oid, ix->constraint);
        put_str(&con, pg_constraint_conname, ix->name);
        put_int(&con, pg_constraint_connamespace, table->schema);
        put_str(&con, pg_constraint_contype, ix->primary ? "p" : "u");
        put_int(&con, pg_constraint_convalidated, 1);
        put_int(&con, pg_constraint_conrelid, table->oid);
        put_int(&con, pg_constraint_conindid, ix->oid);
        put_int(&con, pg_constraint_conislocal, 1);
        put_str(&con, pg_constraint_conkey, (const char *)key.p);
        err = row_insert(c, t, &con, d);
    }
    buf_fini(&key);
    buf_fini(&option);
    arena_free(a);
    return err;
}

enum err catalog__insert_check(struct catalog *c, struct txn *t, const struct table_def *table, const struct check_def *ck, struct diag *d)
{
    struct arena *a = arena_new("catalogue rows", 0);
    struct row con = row_begin(c, OID_pg_constraint, a);
    put_int(&con, pg_constraint_oid, ck->oid);
    put_str(&con, pg_constraint_conname, ck->name);
    put_int(&con, pg_constraint_connamespace, table->schema);
    put_str(&con, pg_constraint_contype, "c");
    put_int(&con, pg_constraint_convalidated, 1);
    put_int(&con, pg_constraint_conrelid, table->oid);
    put_int(&con, pg_constraint_conislocal, 1);
    put_str(&con, pg_constraint_conbin, ck->expr_sql);
    enum err err = row_insert(c, t, &con, d);
    arena_free(a);
    return err;
}

enum err catalog__insert_statistic(struct catalog *c, struct txn *t, oid_t relation, int16_t attnum, const struct column_stats *st, struct diag *d)
{
    struct arena *a = arena_new("catalogue rows", 0);
    struct row r = row_begin(c, OID_rdb_statistic, a);
    put_int(&r, rdb_statistic_starelid, relation);
    put_int(&r, rdb_statistic_staattnum, attnum);
    put_float(&r, rdb_statistic_stanullfrac, st->null_fraction);
    put_float(&r, rdb_statistic_stadistinct, st->distinct);
    put_float(&r, rdb_statistic_stawidth, st->avg_width);
    put_int(&r, rdb_statistic_stahasrange, st->has_range);
    put_float(&r, rdb_statistic_stalo, st->lo);
    put_float(&r, rdb_statistic_stahi, st->hi);
    enum err err = row_insert(c, t, &r, d);
    arena_free(a);
    return err;
}

/* ---- change and delete ------------------------------------------------------------------ */

struct matches {
    struct arena *arena;
    struct rel_row *row;
    uint32_t n, cap;
};

/* Collected first: changing rows while their index is read would meet them again. */
static enum err collect(void *arg, const struct rel_row *row, struct diag *d)
{
    struct matches *m = arg;
    if (m->n == m->cap) {
        const uint32_t cap = m->cap ? m->cap * 2 : 16;
        struct rel_row *grown = ARENA_ARRAY(m->arena, struct rel_row, cap);
        if (m->n)
            memcpy(grown, m->row, m->n * sizeof *grown);
        m->row = grown;
        m->cap = cap;
    }
    m->row[m->n++] = *row;
    return ERR_OK;
}

struct edit {
    void (*change)(void *arg, union datum *v, bool *null, struct arena *arena); /* NULL: delete */
    void *arg;
};

static enum err edit_version(struct catalog *c, struct txn *t, const struct table_def *def, struct heap_write *w, const struct rel_row *row,
                             const struct edit *e, struct arena *a, enum heap_outcome *ret, struct diag *d)
{
    if (!e->change)
        return rel_delete(c, t, def, w, row->v, row->null, a, ret, d);
    union datum *v = arena_dup(a, row->v, def->ncols * sizeof *v);
    bool *null = arena_dup(a, row->null, def->ncols * sizeof *null);
    e->change(e->arg, v, null, a);
    return rel_update(c, t, def, w, row->v, row->null, v, null, NULL, a, ret, d);
}

/* The newest committed version counts, also one that is newer than the statement's snapshot: DDL works on what is, not on what was. */
static enum err edit_row(struct catalog *c, struct txn *t, const struct snapshot *s, const struct table_def *def, const struct rel_row *row,
                         const struct edit *e, struct arena *a, struct diag *d)
{
    struct heap_write w = { .seg = def->seg, .rowid = row->rowid, .arena = a };
    struct rel_row now = *row;
    for (;;) {
        enum heap_outcome outcome;
        enum err err = edit_version(c, t, def, &w, &now, e, a, &outcome, d);
        if (err || outcome == HEAP_DONE)
            return err;
        if (outcome != HEAP_CHANGED)
            return diag_set(d, ERR_INTERNAL, "tuple of %s concurrently %s", def->name, outcome == HEAP_GONE ? "deleted" : "updated");
        union datum *v = ARENA_ARRAY(a, union datum, def->ncols);
        bool *null = ARENA_ARRAY(a, bool, def->ncols);
        err = rel_deform(c, s, def, &w.ret_row, v, null, a, d);
        if (err)
            return err;
        now = (struct rel_row){ row->rowid, v, null };
        w.accept_newer = true;
        w.seen_writer = w.ret_writer;
    }
}

static enum err edit_where(struct catalog *c, struct txn *t, oid_t table, oid_t index, const union datum *v, unsigned n, const struct edit *e,
                           uint32_t *ret_rows, struct diag *d)
{
    const struct table_def *def = catalog__system(c, table);
    enum err err = txn_need_xid(t, d); /* so that the snapshot knows what is ours */
    struct catalog_read r;
    if (!err)
        err = catalog__read_begin(c, t, &r, d);
    if (err)
        return err;
    struct matches m = { .arena = r.arena };
    err = rel_index_each(c, &r.s, def, catalog__system_index(def, index), v, n, r.arena, collect, &m, d);
    for (uint32_t i = 0; i < m.n && !err; i++)
        err = edit_row(c, t, &r.s, def, &m.row[i], e, r.arena, d);
    *ret_rows = m.n;
    catalog__read_end(&r);
    return err;
}

enum err catalog__delete_where(struct catalog *c, struct txn *t, oid_t table, oid_t index, const union datum *v, unsigned n, struct diag *d)
{
    uint32_t rows;
    return edit_where(c, t, table, index, v, n, &(struct edit){ NULL, NULL }, &rows, d);
}

enum err catalog__update_where(struct catalog *c, struct txn *t, oid_t table, oid_t index, const union datum *v, unsigned n,
                               void (*change)(void *arg, union datum *v, bool *null, struct arena *arena), void *arg, struct diag *d)
{
    uint32_t rows;
    return edit_where(c, t, table, index, v, n, &(struct edit){ change, arg }, &rows, d);
}

/* ---- oids ------------------------------------------------------------------------------------ */

enum err catalog__new_oid(struct catalog *c, oid_t *ret, struct diag *d)
{
    int64_t next;
    enum err err = sequence_next(c->opt.sequences, &c->oid_sequence, &next, d);
    if (!err)
        *ret = (oid_t)next;
    return err;
}

/* ---- segments ------------------------------------------------------------------------------------ */

/*
 * A segment that no relation has is noted in rdb_pending_free. Whoever creates or drops a segment holds its lock from before the note
 * until it is adopted, freed, or taken back: a note whose lock can be had belongs to nobody, and may be swept. A row of its own cannot say
 * that: between the note and its adoption it is committed and nobody's.
 */
static struct ges_resource segment_lock(struct seg seg) { return (struct ges_resource){ GES_SG, seg.id, 0 }; }

static enum err lock_segment(struct catalog *c, struct txn *t, struct seg seg, struct diag *d)
{
    return c->opt.ges ? ges_lock(txn_ges_owner(t), segment_lock(seg), GES_MODE_EX, RT_FOREVER, d) : ERR_OK;
}

static enum err insert_pending(struct catalog *c, struct txn *t, struct seg seg, struct diag *d)
{
    struct arena *a = arena_new("catalogue rows", 0);
    struct row r = row_begin(c, OID_rdb_pending_free, a);
    put_int(&r, rdb_pending_free_segid, seg.id);
    put_int(&r, rdb_pending_free_seghead, (int64_t)seg.header.v);
    enum err err = row_insert(c, t, &r, d);
    arena_free(a);
    return err;
}

static enum err delete_pending(struct catalog *c, struct txn *t, struct seg seg, uint32_t *ret_rows, struct diag *d)
{
    const union datum key = datum_int(seg.id);
    return edit_where(c, t, OID_rdb_pending_free, OID_rdb_pending_free_index, &key, 1, &(struct edit){ NULL, NULL }, ret_rows, d);
}

/* Under the segment's lock. Nothing happens if the note is gone: so is the segment. Dying in between leaves the note, and a part of the segment. */
static enum err free_noted(struct catalog *c, struct txn *t, struct seg seg, struct diag *d)
{
    uint32_t rows;
    enum err err = delete_pending(c, t, seg, &rows, d);
    return err || rows == 0 ? err : space_segment_free(c->opt.space, seg, d);
}

/* Runs fn in a transaction of its own. */
static enum err autonomous(struct catalog *c, struct seg seg, enum err (*fn)(struct catalog *c, struct txn *t, struct seg seg, struct diag *d),
                           struct diag *d)
{
    struct txn *t;
    enum err err = txn_begin(c->opt.ts, TXN_READ_COMMITTED, &t, d);
    if (err)
        return err;
    const struct snapshot *s;
    err = txn_stmt_begin(t, &s, d);
    if (!err)
        err = fn(c, t, seg, d);
    if (err) {
        txn_rollback(t);
        return err;
    }
    scn_t scn;
    return txn_commit(t, &scn, d);
}

struct freed_segment {
    struct catalog *c;
    struct seg seg;
    enum txn_outcome when;
};

/* The note stays if this fails or the node dies first: the sweep at the next start frees the segment then. */
static void free_segment(void *arg, enum txn_outcome outcome, scn_t scn)
{
    struct freed_segment *f = arg;
    struct diag d;
    diag_clear(&d);
    if (outcome == f->when && autonomous(f->c, f->seg, free_noted, &d))
        log_diag(f->c->opt.log, LOG_WARNING, &d, "freeing segment %u (it will be freed at the next start)", f->seg.id);
    free(f);
}

static void free_segment_at(struct catalog *c, struct txn *t, struct seg seg, enum txn_outcome when)
{
    struct freed_segment *f = xcalloc(1, sizeof *f);
    *f = (struct freed_segment){ c, seg, when };
    txn_on_end(t, free_segment, f);
}

enum err catalog__segment_adopt(struct catalog *c, struct txn *t, struct seg seg, struct diag *d)
{
    /* noted first by a transaction of its own, struck out by this one: whatever happens, an unused segment is found again */
    uint32_t rows;
    enum err err = lock_segment(c, t, seg, d);
    if (!err)
        err = autonomous(c, seg, insert_pending, d);
    if (err) {
        struct diag ignored;
        if (err != ERR_TXN_UNKNOWN && space_segment_free(c->opt.space, seg, &ignored))
            log_diag(c->opt.log, LOG_WARNING, &ignored, "segment %u is used by nothing, and stays", seg.id);
        return err;
    }
    free_segment_at(c, t, seg, TXN_ROLLED_BACK);
    return delete_pending(c, t, seg, &rows, d);
}

enum err catalog__segment_create(struct catalog *c, struct txn *t, bool btree, struct seg *ret, struct diag *d)
{
    enum err err = btree ? btree_create(c->opt.access, ret, d) : heap_create(c->opt.access, ret, d);
    return err ? err : catalog__segment_adopt(c, t, *ret, d);
}

enum err catalog__segment_drop(struct catalog *c, struct txn *t, struct seg seg, struct diag *d)
{
    enum err err = lock_segment(c, t, seg, d);
    if (!err)
        err = insert_pending(c, t, seg, d);
    if (!err)
        free_segment_at(c, t, seg, TXN_COMMITTED);
    return err;
}

/* Locked: a transaction of a living instance creates or drops it, and sees to the rest. */
static enum err sweep_segment(struct catalog *c, struct seg seg, struct diag *d)
{
    if (!c->opt.ges)
        return autonomous(c, seg, free_noted, d);
    struct ges_owner *owner = ges_owner_new(c->opt.ges, "sweep of segments");
    enum err err = ges_lock(owner, segment_lock(seg), GES_MODE_EX, 0, d);
    if (err == ERR_LOCK_NOT_AVAILABLE)
        err = ERR_OK;
    else if (!err)
        err = autonomous(c, seg, free_noted, d);
    ges_owner_free(owner);
    return err;
}

enum err catalog_sweep_segments(struct catalog *c, struct diag *d)
{
    const struct table_def *def = catalog__system(c, OID_rdb_pending_free);
    struct catalog_read r;
    enum err err = catalog__read_begin(c, NULL, &r, d);
    if (err)
        return err;
    struct matches m = { .arena = r.arena };
    err = rel_index_each(c, &r.s, def, &def->index[0], NULL, 0, r.arena, collect, &m, d);
    for (uint32_t i = 0; i < m.n && !err; i++) {
        const union datum *v = m.row[i].v;
        err = sweep_segment(c, (struct seg){ (uint32_t)v[rdb_pending_free_segid - 1].i, { (uint64_t)v[rdb_pending_free_seghead - 1].i } }, d);
    }
    catalog__read_end(&r);
    return err;
}

/* ---- first rows -------------------------------------------------------------------------------------- */

static enum err insert_namespace(struct catalog *c, struct txn *t, struct arena *a, oid_t oid, const char *name, struct diag *d)
{
    struct row r = row_begin(c, OID_pg_namespace, a);
    put_int(&r, pg_namespace_oid, oid);
    put_str(&r, pg_namespace_nspname, name);
    put_int(&r, pg_namespace_nspowner, OID_OWNER);
    return row_insert(c, t, &r, d);
}

static enum err insert_type(struct catalog *c, struct txn *t, struct arena *a, const struct type *type, struct diag *d)
{
    const char category[2] = { type->category, 0 };
    struct row r = row_begin(c, OID_pg_type, a);
    put_int(&r, pg_type_oid, type->oid);
    put_str(&r, pg_type_typname, type->name);
    put_int(&r, pg_type_typnamespace, OID_NAMESPACE_PG_CATALOG);
    put_int(&r, pg_type_typowner, OID_OWNER);
    put_int(&r, pg_type_typlen, type->len);
    put_int(&r, pg_type_typbyval, type->rep <= REP_FLOAT);
    put_str(&r, pg_type_typtype, type->category == 'P' || type->category == 'X' ? "p" : "b");
    put_str(&r, pg_type_typcategory, category);
    put_int(&r, pg_type_typispreferred, type->preferred);
    put_int(&r, pg_type_typisdefined, 1);
    put_str(&r, pg_type_typdelim, ",");
    put_int(&r, pg_type_typarray, type->array_oid);
    put_int(&r, pg_type_typtypmod, -1);
    put_int(&r, pg_type_typcollation, type->category == 'S' ? 100 : 0);
    return row_insert(c, t, &r, d);
}

static enum err insert_database(struct catalog *c, struct txn *t, struct arena *a, struct diag *d)
{
    struct row r = row_begin(c, OID_pg_database, a);
    put_int(&r, pg_database_oid, 5);
    put_str(&r, pg_database_datname, "rustydb");
    put_int(&r, pg_database_datdba, OID_OWNER);
    put_int(&r, pg_database_encoding, 6); /* UTF8 */
    put_str(&r, pg_database_datlocprovider, "c");
    put_int(&r, pg_database_datallowconn, 1);
    put_int(&r, pg_database_datconnlimit, -1);
    put_int(&r, pg_database_dattablespace, 1663); /* pg_default */
    put_str(&r, pg_database_datcollate, "C.UTF-8");
    put_str(&r, pg_database_datctype, "C.UTF-8");
    enum err err = row_insert(c, t, &r, d);
    if (err)
        return err;
    struct row role = row_begin(c, OID_pg_authid, a);
    put_int(&role, pg_authid_oid, OID_OWNER);
    put_str(&role, pg_authid_rolname, "rustydb");
    for (int attnum = pg_authid_rolsuper; attnum <= pg_authid_rolbypassrls; attnum++)
        put_int(&role, attnum, 1);
    put_int(&role, pg_authid_rolconnlimit, -1);
    return row_insert(c, t, &role, d);
}

static enum err insert_am(struct catalog *c, struct txn *t, struct arena *a, oid_t oid, const char *name, const char *type, struct diag *d)
{
    struct row r = row_begin(c, OID_pg_am, a);
    put_int(&r, pg_am_oid, oid);
    put_str(&r, pg_am_amname, name);
    put_str(&r, pg_am_amtype, type);
    return row_insert(c, t, &r, d);
}

enum err catalog__add_system_rows(struct catalog *c, struct txn *t, struct diag *d)
{
    struct arena *a = arena_new("catalogue rows", 0);
    enum err err = insert_namespace(c, t, a, OID_NAMESPACE_PG_CATALOG, "pg_catalog", d);
    if (!err)
        err = insert_namespace(c, t, a, OID_NAMESPACE_PUBLIC, "public", d);
    if (!err)
        err = insert_database(c, t, a, d);
    if (!err)
        err = insert_am(c, t, a, 2, "heap", "t", d);
    if (!err)
        err = insert_am(c, t, a, 403, "btree", "i", d);
    for (size_t i = 0; i < type_count() && !err; i++)
        err = insert_type(c, t, a, type_at(i), d);
    for (unsigned i = 0; i < SYSTEM_TABLES_N && !err; i++) {
        err = catalog__insert_relation(c, t, c->system[i], d);
        for (uint16_t k = 0; k < c->system[i]->nindexes && !err; k++)
            err = catalog__insert_index(c, t, c->system[i], &c->system[i]->index[k], d);
    }
    arena_free(a);
    return err;
}
