/*
 * The short path: one row by its unique key, or one row of VALUES, without
 * nodes and vectors. Everything is in one piece of the statement's arena.
 */
#include "sql/execute/exec_int.h"

#define KEY_BYTES 320u /* of a key on the stack: numbers of 32 columns fit */
#define ROWIDS 8u /* entries of one unique key; where there are more, the long way */

struct shortcut {
    enum plan_shortcut_kind kind;
    bool changes; /* or locks the row that is looked up */
    const struct table_def *def;
    /* the row that is looked up */
    struct columns cols;
    union datum *v; /* the scan's columns */
    uint8_t *null;
    /* the row that is changed, inserted */
    struct target_row target;
    /* the row that is given */
    uint16_t nout;
    struct vec *out;
    const struct vec **col;
};

/* ---- making ----------------------------------------------------------------------------- */

static void make_output(struct exec *e, struct shortcut *s, uint16_t n)
{
    s->nout = n;
    union datum *v = arena_alloc(e->arena, n * (sizeof *v + sizeof *s->out + sizeof *s->col + 1));
    s->out = (struct vec *)(v + n);
    s->col = (const struct vec **)(s->out + n);
    uint8_t *null = (uint8_t *)(s->col + n);
    for (uint16_t i = 0; i < n; i++) {
        s->out[i] = (struct vec){ v + i, null + i, false };
        s->col[i] = &s->out[i];
    }
}

static void make_scan(struct exec *e, struct shortcut *s, const struct plan_node *scan)
{
    s->def = exec__rel(e, scan->scan.rel);
    exec__columns_init(e, &s->cols, s->def, scan->scan.attnum, scan->ncols);
    const struct index_def *ix = &s->def->index[scan->scan.key.index];
    for (uint16_t i = 0; i < ix->ncols; i++)
        exec__columns_want(&s->cols, ix->col[i].attnum);
    s->v = arena_alloc(e->arena, scan->ncols * (sizeof *s->v + 1));
    s->null = (uint8_t *)(s->v + scan->ncols);
}

/* Can the key be built on the stack, and the row's own be compared with it? */
static bool key_is_simple(const struct exec *e, const struct plan_node *scan)
{
    const struct table_def *def = exec__rel(e, scan->scan.rel);
    const struct index_key *key = &scan->scan.key;
    return key->unique && key->nin == 0 && key->neq == def->index[key->index].ncols && def->kind != TABLE_VIRTUAL;
}

struct shortcut *exec__shortcut_new(struct exec *e)
{
    const struct plan_shortcut *p = &e->plan->shortcut;
    const struct plan_node *scan = p->scan, *m = p->modify;
    if ((scan && !key_is_simple(e, scan)) || (p->values && p->values->values.nrows > 1))
        return NULL;
    struct shortcut *s = ARENA_NEW(e->arena, struct shortcut);
    s->kind = p->kind;
    s->changes = m != NULL || p->lock != NULL;
    if (scan)
        make_scan(e, s, scan);
    if (m) {
        exec__target_init(e, &s->target, m);
        if (scan) { /* what is looked up is the row that is changed: the one memory for both */
            s->v = s->target.child_v;
            s->null = s->target.child_null;
        }
    }
    if (p->kind == SHORTCUT_POINT_SELECT)
        make_output(e, s, e->plan->ncols);
    else if (m->modify.nreturning)
        make_output(e, s, m->modify.nreturning);
    return s;
}

/* ---- the row of a key ------------------------------------------------------------------------ */

static bool row_has_key(const struct shortcut *s, const struct index_def *ix, const uint8_t *key, size_t len, uint8_t *own_bytes, bool on_stack)
{
    struct buf own = { on_stack ? own_bytes : NULL, 0, on_stack ? KEY_BYTES : 0 };
    bool has_null;
    catalog_index_key(s->def, ix, s->cols.v, s->cols.null, &own, &has_null);
    const bool same = own.len == len && memcmp(own.p, key, len) == 0;
    if (!on_stack)
        buf_fini(&own);
    return same;
}

/* Among the rowids, the row that the snapshot sees with this key; its columns go to s->v. */
static enum err fetch_row(struct exec *e, struct shortcut *s, const struct index_def *ix, const uint8_t *key, size_t len, bool on_stack,
                          const struct rowid *rowid, uint32_t n, bool *ret_found, struct diag *d)
{
    uint8_t own[KEY_BYTES];
    for (uint32_t r = 0; r < n; r++) {
        struct heap_row row;
        enum err err = s->changes ? heap_fetch_to_change(e->access, e->env.snapshot, s->def->seg, rowid[r], e->arena, &row, ret_found, &s->target.taken, d)
                                  : heap_fetch(e->access, e->env.snapshot, s->def->seg, rowid[r], e->arena, &row, ret_found, d);
        if (!err && *ret_found)
            err = exec__columns_read(e, &s->cols, &row, e->arena, d);
        if (err)
            return err;
        if (!*ret_found || !row_has_key(s, ix, key, len, own, on_stack))
            continue;
        for (uint16_t c = 0; c < s->cols.ncols; c++) {
            const int16_t attnum = s->cols.attnum[c];
            s->v[c] = attnum == VAR_ROWID ? datum_int((int64_t)rowid[r].v) : s->cols.v[attnum - 1];
            s->null[c] = attnum != VAR_ROWID && s->cols.null[attnum - 1];
        }
        return ERR_OK;
    }
    *ret_found = false;
    return ERR_OK;
}

/* More entries than fit: versions of the row under this key that purge has not reached. */
static enum err fetch_by_probe(struct exec *e, struct shortcut *s, const struct plan_node *scan, const union datum *v, const uint8_t *null,
                               bool *ret_found, struct diag *d)
{
    struct probe *p = exec__probe_new(e, s->def, &scan->scan.key, scan->scan.attnum, scan->ncols, false);
    enum err err = exec__probe_start(p, v, null, d);
    if (!err)
        err = exec__probe_next(p, e->arena, s->v, s->null, ret_found, d);
    exec__probe_free(p);
    return err;
}

static enum err look_up(struct exec *e, struct shortcut *s, bool *ret_found, struct diag *d)
{
    const struct plan_node *scan = e->plan->shortcut.scan;
    const struct index_def *ix = &s->def->index[scan->scan.key.index];
    union datum v[32] = { 0 };
    uint8_t null[32], bytes[KEY_BYTES];
    bytes[0] = 0;
    bool on_stack = true;
    *ret_found = false;
    enum err err = exec__index_is_known(e, ix, d);
    if (err)
        return err;
    for (uint16_t i = 0; i < ix->ncols; i++) {
        err = exec__scalar(e, scan->scan.key.eq[i], NULL, &v[i], &null[i]);
        if (err || null[i])
            return err;
        on_stack &= ix->key[i].rep <= REP_FLOAT;
    }
    struct buf key = { on_stack ? bytes : NULL, 0, on_stack ? KEY_BYTES : 0 };
    for (uint16_t i = 0; i < ix->ncols; i++)
        key_append(&key, &ix->key[i], v[i], false);
    struct rowid rowid[ROWIDS];
    uint32_t n;
    err = btree_lookup(e->access, ix->seg, e->env.snapshot, key.p, (uint32_t)key.len, rowid, ROWIDS, &n, d);
    if (!err && n < ROWIDS)
        err = fetch_row(e, s, ix, key.p, key.len, on_stack, rowid, n, ret_found, d);
    else if (!err)
        err = fetch_by_probe(e, s, scan, v, null, ret_found, d);
    if (!on_stack)
        buf_fini(&key);
    if (err || !*ret_found)
        return err;
    const struct row_in in = { { s->v }, { s->null } };
    return exec__scalar_true(e, scan->filter, &in, ret_found);
}

/* ---- what is done with it ---------------------------------------------------------------------- */

static enum err put_output(struct exec *e, struct shortcut *s, struct expr *const *x, const struct row_in *in)
{
    for (uint16_t i = 0; i < s->nout; i++) {
        *s->out[i].v = (union datum){ 0 };
        enum err err = exec__scalar(e, x[i], in, s->out[i].v, s->out[i].null);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err point_select(struct exec *e, struct shortcut *s, bool *ret_row, struct diag *d)
{
    const struct plan_shortcut *p = &e->plan->shortcut;
    enum err err = look_up(e, s, ret_row, d);
    for (uint16_t t = 0; p->lock && t < p->lock->lock.n && !err && *ret_row; t++) {
        bool changed;
        err = exec__lock_row(e, p->lock, &p->lock->lock.target[t], s->v, s->null, s->target.taken, e->arena, ret_row, &changed, d);
    }
    if (err || !*ret_row)
        return err;
    e->rows++;
    const struct row_in in = { { s->v }, { s->null } };
    if (p->project)
        return put_output(e, s, p->project->project.expr, &in);
    for (uint16_t i = 0; i < s->nout; i++) {
        *s->out[i].v = s->v[i];
        *s->out[i].null = s->null[i];
    }
    return ERR_OK;
}

static enum err point_modify(struct exec *e, struct shortcut *s, bool *ret_row, struct diag *d)
{
    const struct plan_node *m = e->plan->shortcut.modify;
    const bool update = s->kind == SHORTCUT_POINT_UPDATE;
    struct target_row *t = &s->target;
    bool done = false;
    enum err err = look_up(e, s, &done, d);
    if (!err && done)
        err = update ? exec__target_update(t, e->arena, &done, d) : exec__target_delete(t, e->arena, &done, d);
    if (err || !done)
        return err;
    e->rows += m->modify.counts;
    *ret_row = m->modify.nreturning > 0;
    const struct row_in in = { { update ? t->new_v : t->old_v, t->child_v }, { update ? t->new_null : t->old_null, t->child_null } };
    return put_output(e, s, m->modify.returning, &in);
}

static enum err insert_row(struct exec *e, struct shortcut *s, bool *ret_row, struct diag *d)
{
    const struct plan_node *m = e->plan->shortcut.modify, *values = e->plan->shortcut.values;
    struct target_row *t = &s->target;
    enum err err = ERR_OK;
    for (uint16_t c = 0; c < t->def->ncols && !err; c++) {
        t->new_v[c] = (union datum){ 0 };
        err = exec__scalar(e, values->values.row[0][c], NULL, &t->new_v[c], &t->new_null[c]);
    }
    struct rowid rowid;
    if (!err)
        err = exec__target_check(t, d);
    if (!err)
        err = rel_insert(e->env.catalog, e->env.txn, t->def, t->new_v, (const bool *)t->new_null, e->arena, &rowid, d);
    if (err)
        return err;
    e->rows += m->modify.counts;
    *ret_row = m->modify.nreturning > 0;
    const struct row_in in = { { t->new_v }, { t->new_null } };
    return put_output(e, s, m->modify.returning, &in);
}

enum err exec__shortcut_run(struct exec *e, struct result_batch *ret, struct diag *d)
{
    struct shortcut *s = e->shortcut;
    bool row = false;
    enum err err = rt_cancel_pending() ? exec__canceled(d) : ERR_OK;
    e->ended = true;
    e->func.types.arena = e->arena;
    if (err)
        return err;
    switch (s->kind) {
    case SHORTCUT_NONE:
        break;
    case SHORTCUT_POINT_SELECT:
        err = point_select(e, s, &row, d);
        break;
    case SHORTCUT_POINT_UPDATE:
    case SHORTCUT_POINT_DELETE:
        err = point_modify(e, s, &row, d);
        break;
    case SHORTCUT_INSERT_VALUES:
        err = insert_row(e, s, &row, d);
        break;
    }
    if (!err && row)
        *ret = (struct result_batch){ .col = s->col, .ncols = s->nout, .sel = { NULL, 1 } };
    return err;
}
