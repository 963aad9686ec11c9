/*
 * Rows that are inserted, changed, deleted or locked.
 *
 * A row that another transaction has changed since the statement's snapshot:
 * READ COMMITTED looks at the newest version, asks whether the statement still
 * wants it, computes anew from it and tries again; higher isolation fails.
 */
#include <stdlib.h>

#include "sql/execute/exec_int.h"

/* ---- one target row ---------------------------------------------------------------------- */

void exec__target_init(struct exec *e, struct target_row *t, const struct plan_node *plan)
{
    *t = (struct target_row){ .e = e, .plan = plan, .def = exec__rel(e, plan->modify.target.rel) };
    const uint16_t ncols = t->def->ncols;
    /* one piece: values first, then null bytes */
    const uint16_t nchild = plan->left->ncols;
    union datum *v = arena_alloc(e->arena, (nchild + 2u * ncols) * (sizeof *v + 1));
    uint8_t *null = (uint8_t *)(v + nchild + 2u * ncols);
    t->child_v = v;
    t->old_v = v + nchild;
    t->new_v = v + nchild + ncols;
    t->child_null = null;
    t->old_null = null + nchild;
    t->new_null = null + nchild + ncols;
    if (plan->kind == NODE_INSERT)
        return;
    const int16_t *col_of = plan->modify.target.col_of;
    for (uint16_t c = 0; c < ncols; c++) {
        const bool kept = plan->kind == NODE_UPDATE && !plan->modify.set[c];
        if (!t->def->col[c].dropped && col_of[c] < 0 && (kept || plan->modify.nreturning))
            t->need_old = true;
    }
    for (uint16_t i = 0; i < t->def->nindexes; i++)
        for (uint16_t k = 0; k < t->def->index[i].ncols; k++)
            t->need_old |= col_of[t->def->index[i].col[k].attnum - 1] < 0;
}

static struct rowid target_rowid(const struct row_target *target, const union datum *child_v)
{
    return (struct rowid){ (uint64_t)child_v[target->rowid_col].i };
}

/* The table's row as the statement saw it: from the child's columns, or read again. */
static enum err load_old(struct target_row *t, struct arena *arena, bool *ret_found, struct diag *d)
{
    const struct row_target *target = &t->plan->modify.target;
    struct exec *e = t->e;
    *ret_found = true;
    if (t->need_old) {
        struct heap_row row;
        enum err err = heap_fetch(e->access, e->env.snapshot, t->def->seg, target_rowid(target, t->child_v), arena, &row, ret_found, d);
        if (err || !*ret_found)
            return err;
        return rel_deform(e->env.catalog, e->env.snapshot, t->def, &row, t->old_v, (bool *)t->old_null, arena, d);
    }
    for (uint16_t c = 0; c < t->def->ncols; c++) {
        const int16_t from = target->col_of[c];
        t->old_v[c] = from < 0 ? (union datum){ 0 } : t->child_v[from];
        t->old_null[c] = from < 0 ? 1 : t->child_null[from];
    }
    return ERR_OK;
}

/* The columns of a newer version of the target's row take the places of the ones that the child gave. */
static void put_newer(const struct row_target *target, const struct table_def *def, const union datum *v, const uint8_t *null, union datum *child_v,
                      uint8_t *child_null)
{
    for (uint16_t c = 0; c < def->ncols; c++) {
        const int16_t to = target->col_of[c];
        if (to < 0)
            continue;
        child_v[to] = v[c];
        child_null[to] = null[c];
    }
}

static enum err serialization(const char *what, struct diag *d)
{
    return diag_set(d, ERR_SERIALIZATION, "could not serialize access due to concurrent %s", what);
}

static bool reads_newest(const struct exec *e)
{
    return txn_isolation(e->env.txn) == TXN_READ_COMMITTED;
}

/* After HEAP_CHANGED: is the newer version still wanted? Then *w accepts it. */
static enum err look_again(struct target_row *t, struct heap_write *w, struct arena *arena, bool *ret, struct diag *d)
{
    struct exec *e = t->e;
    *ret = false;
    if (!reads_newest(e))
        return serialization("update", d);
    enum err err = rel_deform(e->env.catalog, e->env.snapshot, t->def, &w->ret_row, t->old_v, (bool *)t->old_null, arena, d);
    if (err)
        return err;
    put_newer(&t->plan->modify.target, t->def, t->old_v, t->old_null, t->child_v, t->child_null);
    const struct row_in in = { { t->child_v }, { t->child_null } };
    w->accept_newer = true;
    w->seen_writer = w->ret_writer;
    return exec__scalar_true(e, t->plan->modify.recheck, &in, ret);
}

enum err exec__check_violated(const struct table_def *def, const char *name, const union datum *v, const bool *null, struct diag *d)
{
    diag_set(d, ERR_CHECK, "new row for relation \"%s\" violates check constraint \"%s\"", def->name, name);
    rel_failing_row(def, v, null, d);
    strcpy(d->schema, def->schema_name);
    strcpy(d->table, def->name);
    strncpy(d->constraint, name, sizeof d->constraint - 1);
    return ERR_CHECK;
}

enum err exec__target_check(struct target_row *t, struct diag *d)
{
    enum err err = rel_check_not_null(t->def, t->new_v, (const bool *)t->new_null, d);
    const struct row_in in = { { t->new_v }, { t->new_null } };
    for (uint16_t i = 0; i < t->plan->modify.nchecks && !err; i++) {
        const struct check_expr *check = &t->plan->modify.check[i];
        union datum v = { 0 };
        uint8_t null;
        err = exec__scalar(t->e, check->expr, &in, &v, &null);
        if (!err && !null && !v.i)
            err = exec__check_violated(t->def, check->name, t->new_v, (const bool *)t->new_null, d);
    }
    return err;
}

static enum err compute_new(struct target_row *t, struct diag *d)
{
    const struct row_in in = { { t->child_v }, { t->child_null } };
    struct expr *const *set = t->plan->modify.set;
    for (uint16_t c = 0; c < t->def->ncols; c++) {
        if (!set[c]) {
            t->new_v[c] = t->old_v[c];
            t->new_null[c] = t->old_null[c];
            continue;
        }
        t->new_v[c] = (union datum){ 0 };
        enum err err = exec__scalar(t->e, set[c], &in, &t->new_v[c], &t->new_null[c]);
        if (err)
            return err;
    }
    return exec__target_check(t, d);
}

/* What an outcome other than HEAP_CHANGED means; *ret: the row was changed. */
static enum err outcome_of(const struct exec *e, enum heap_outcome outcome, bool *ret, struct diag *d)
{
    *ret = outcome == HEAP_DONE;
    return outcome == HEAP_GONE && !reads_newest(e) ? serialization("delete", d) : ERR_OK;
}

enum err exec__target_update(struct target_row *t, struct arena *arena, bool *ret, struct diag *d)
{
    struct exec *e = t->e;
    struct heap_write w = { .rowid = target_rowid(&t->plan->modify.target, t->child_v), .taken = t->taken, .arena = arena };
    bool wanted;
    *ret = false;
    e->func.types.arena = arena;
    enum err err = load_old(t, arena, &wanted, d);
    while (!err && wanted) {
        enum heap_outcome outcome;
        err = compute_new(t, d);
        if (!err)
            err = rel_update(e->env.catalog, e->env.txn, t->def, &w, t->old_v, (const bool *)t->old_null, t->new_v, (const bool *)t->new_null,
                             t->plan->modify.index_changes, arena, &outcome, d);
        if (err)
            return err;
        if (outcome != HEAP_CHANGED)
            return outcome_of(e, outcome, ret, d);
        err = look_again(t, &w, arena, &wanted, d);
    }
    heap_let_go(e->env.txn, &w);
    return err;
}

enum err exec__target_delete(struct target_row *t, struct arena *arena, bool *ret, struct diag *d)
{
    struct exec *e = t->e;
    struct heap_write w = { .rowid = target_rowid(&t->plan->modify.target, t->child_v), .taken = t->taken, .arena = arena };
    bool wanted;
    *ret = false;
    e->func.types.arena = arena;
    enum err err = load_old(t, arena, &wanted, d);
    while (!err && wanted) {
        enum heap_outcome outcome;
        err = rel_delete(e->env.catalog, e->env.txn, t->def, &w, t->old_v, (const bool *)t->old_null, arena, &outcome, d);
        if (err)
            return err;
        if (outcome != HEAP_CHANGED)
            return outcome_of(e, outcome, ret, d);
        err = look_again(t, &w, arena, &wanted, d);
    }
    heap_let_go(e->env.txn, &w);
    return err;
}

/* ---- UPDATE and DELETE, row by row ------------------------------------------------------------ */

struct modify {
    struct node n;
    struct target_row row;
    struct arena *work; /* of one row, where nothing is returned */
    const struct vec **col; /* RETURNING */
    struct parts parts; /* of the child's batch */
    bool ended;
};

static enum err modify_init(struct node *n, struct diag *d)
{
    struct modify *m = (struct modify *)n;
    exec__target_init(n->e, &m->row, n->plan);
    m->work = arena_new("row", n->e->memory_max);
    m->col = exec__vecs_new(n->e, n->plan->modify.nreturning, n->cap);
    return ERR_OK;
}

static void modify_rewind(struct node *n) {} /* the root runs once */

static void modify_end(struct node *n)
{
    arena_free(((struct modify *)n)->work);
}

static void load_child(struct modify *m, const struct batch *b, uint32_t i)
{
    for (uint16_t c = 0; c < m->n.plan->left->ncols; c++) {
        const uint32_t at = vec_row(b->col[c], i);
        m->row.child_v[c] = b->col[c]->v[at];
        m->row.child_null[c] = b->col[c]->null[at];
    }
}

/* RETURNING: input 0 is the new row (of a DELETE: the old one), input 1 the child's. */
static enum err put_returned(struct modify *m, uint32_t k)
{
    const bool deleted = m->n.plan->kind == NODE_DELETE;
    const struct row_in in = { { deleted ? m->row.old_v : m->row.new_v, m->row.child_v },
                               { deleted ? m->row.old_null : m->row.new_null, m->row.child_null } };
    for (uint16_t c = 0; c < m->n.plan->modify.nreturning; c++) {
        struct vec *v = exec__vec_at(m->col, c);
        enum err err = exec__scalar(m->n.e, m->n.plan->modify.returning[c], &in, &v->v[k], &v->null[k]);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err modify_row(struct modify *m, uint32_t i, bool *ret, struct diag *d)
{
    struct arena *arena = m->n.arena;
    if (!m->n.plan->modify.nreturning) {
        arena = m->work;
        arena_reset(arena);
    }
    *ret = false;
    load_child(m, &m->parts.b, i);
    if (m->row.child_null[m->n.plan->modify.target.rowid_col])
        return ERR_OK;
    return m->n.plan->kind == NODE_UPDATE ? exec__target_update(&m->row, arena, ret, d) : exec__target_delete(&m->row, arena, ret, d);
}

/* Works on the rows of one batch of the child; *ret_n rows are returned. */
static enum err modify_batch(struct modify *m, uint32_t *ret_n, struct diag *d)
{
    const struct plan_node *p = m->n.plan;
    for (uint32_t k = 0; k < m->parts.b.sel.n; k++) {
        bool done;
        enum err err = modify_row(m, sel_row(&m->parts.b.sel, k), &done, d);
        if (!err && done && p->modify.nreturning)
            err = put_returned(m, (*ret_n)++);
        if (!err && k % 16 == 15)
            err = exec__breathe(d);
        if (err)
            return err;
        m->n.e->rows += done && p->modify.counts;
    }
    return ERR_OK;
}

static enum err modify_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct modify *m = (struct modify *)n;
    exec__node_arena(n);
    while (!m->ended) {
        uint32_t returned = 0;
        enum err err = exec__breathe(d);
        if (!err)
            err = node_next(n->left, &m->parts.b, d);
        arena_reset(n->arena);
        if (!err)
            err = modify_batch(m, &returned, d);
        m->ended = m->parts.b.sel.n == 0;
        *ret = (struct batch){ m->col, { NULL, returned } };
        if (err || returned > 0)
            return err;
    }
    return node_end(ret);
}

const struct node_ops exec__update = { sizeof(struct modify), modify_init, modify_next, modify_rewind, modify_end };
const struct node_ops exec__delete = { sizeof(struct modify), modify_init, modify_next, modify_rewind, modify_end };

/* ---- INSERT, batch by batch --------------------------------------------------------------------- */

struct insert {
    struct node n;
    const struct table_def *def;
    struct arena *work; /* of one batch */
    struct xp **check, **returning;
    const struct vec **col;
    bool ended;
};

static enum err insert_init(struct node *n, struct diag *d)
{
    struct insert *s = (struct insert *)n;
    const struct plan_node *p = n->plan;
    s->def = exec__rel(n->e, p->modify.target.rel);
    s->work = arena_new("inserted rows", n->e->memory_max);
    s->check = ARENA_ARRAY(n->e->arena, struct xp *, p->modify.nchecks);
    for (uint16_t i = 0; i < p->modify.nchecks; i++)
        s->check[i] = exec__xp_new(n->e, p->modify.check[i].expr, n->cap);
    s->returning = exec__xps_new(n->e, p->modify.returning, p->modify.nreturning, n->cap);
    s->col = ARENA_ARRAY(n->e->arena, const struct vec *, p->modify.nreturning);
    return ERR_OK;
}

static void insert_end(struct node *n)
{
    arena_free(((struct insert *)n)->work);
}

struct new_rows {
    union datum **v;
    bool **null;
};

static struct new_rows gather_rows(struct insert *s, const struct batch *b)
{
    const uint16_t ncols = s->def->ncols;
    const uint32_t n = b->sel.n;
    struct new_rows r = { ARENA_ARRAY(s->work, union datum *, n), ARENA_ARRAY(s->work, bool *, n) };
    union datum *v = arena_alloc(s->work, (size_t)n * ncols * sizeof *v);
    bool *null = arena_alloc(s->work, (size_t)n * ncols);
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t i = sel_row(&b->sel, k);
        r.v[k] = v + (size_t)k * ncols;
        r.null[k] = null + (size_t)k * ncols;
        for (uint16_t c = 0; c < ncols; c++) {
            const uint32_t at = vec_row(b->col[c], i);
            r.v[k][c] = b->col[c]->v[at];
            r.null[k][c] = b->col[c]->null[at];
        }
    }
    return r;
}

/* The first row in the batch that NOT NULL or a CHECK refuses. */
static enum err check_rows(struct insert *s, const struct batch *b, const struct new_rows *rows, struct diag *d)
{
    const struct plan_node *p = s->n.plan;
    const struct xctx c = { s->n.e, s->n.arena, { b->col } };
    enum err err = ERR_OK;
    for (uint32_t k = 0; k < b->sel.n && !err; k++) {
        err = rel_check_not_null(s->def, rows->v[k], rows->null[k], d);
        if (err)
            s->n.e->failed_row = k;
    }
    for (uint16_t i = 0; i < p->modify.nchecks && !err; i++) {
        const struct vec *v;
        err = exec__xp_eval(&c, s->check[i], &b->sel, &v);
        for (uint32_t k = 0; k < b->sel.n && !err; k++) {
            const uint32_t at = vec_row(v, sel_row(&b->sel, k));
            if (v->null[at] || v->v[at].i)
                continue;
            err = exec__check_violated(s->def, p->modify.check[i].name, rows->v[k], rows->null[k], d);
            s->n.e->failed_row = k;
        }
    }
    return err;
}

static enum err insert_batch(struct insert *s, const struct batch *b, struct diag *d)
{
    struct exec *e = s->n.e;
    arena_reset(s->work);
    const struct new_rows rows = gather_rows(s, b);
    enum err err = check_rows(s, b, &rows, d);
    if (err)
        return err;
    struct rowid rowid;
    if (b->sel.n == 1)
        err = rel_insert(e->env.catalog, e->env.txn, s->def, rows.v[0], rows.null[0], s->work, &rowid, d);
    else
        err = rel_insert_many(e->env.catalog, e->env.txn, s->def, (const union datum *const *)rows.v, (const bool *const *)rows.null, b->sel.n, s->work, &e->failed_row, d);
    if (err && b->sel.n == 1)
        e->failed_row = 0;
    if (!err && s->n.plan->modify.counts)
        e->rows += b->sel.n;
    return err;
}

static enum err insert_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct insert *s = (struct insert *)n;
    const uint16_t nreturning = n->plan->modify.nreturning;
    exec__node_arena(n);
    while (!s->ended) {
        struct batch b;
        enum err err = exec__breathe(d);
        if (!err)
            err = node_next(n->left, &b, d);
        if (err)
            return err;
        s->ended = b.sel.n == 0;
        if (s->ended)
            break;
        arena_reset(n->arena);
        err = insert_batch(s, &b, d);
        const struct xctx c = { n->e, n->arena, { b.col } };
        for (uint16_t i = 0; i < nreturning && !err; i++)
            err = exec__xp_eval(&c, s->returning[i], &b.sel, &s->col[i]);
        *ret = (struct batch){ s->col, b.sel };
        if (err || nreturning)
            return err;
    }
    return node_end(ret);
}

const struct node_ops exec__insert = { sizeof(struct insert), insert_init, insert_next, modify_rewind, insert_end };

/* ---- FOR UPDATE -------------------------------------------------------------------------------------- */

/* After HEAP_CHANGED: the newer version in child_v, if it is still wanted. Then *w accepts it. */
static enum err lock_newer(struct exec *e, const struct plan_node *lock, const struct row_target *target, struct heap_write *w, union datum *child_v,
                           uint8_t *child_null, bool *ret_wanted, struct diag *d)
{
    const struct table_def *def = exec__rel(e, target->rel);
    *ret_wanted = false;
    if (!reads_newest(e))
        return serialization("update", d);
    union datum *v = ARENA_ARRAY(w->arena, union datum, def->ncols);
    uint8_t *null = ARENA_ARRAY(w->arena, uint8_t, def->ncols);
    enum err err = rel_deform(e->env.catalog, e->env.snapshot, def, &w->ret_row, v, (bool *)null, w->arena, d);
    if (err)
        return err;
    put_newer(target, def, v, null, child_v, child_null);
    const struct row_in in = { { child_v }, { child_null } };
    e->func.types.arena = w->arena;
    w->accept_newer = true;
    w->seen_writer = w->ret_writer;
    return exec__scalar_true(e, lock->lock.recheck, &in, ret_wanted);
}

enum err exec__lock_row(struct exec *e, const struct plan_node *lock, const struct row_target *target, union datum *child_v, uint8_t *child_null,
                        bool taken, struct arena *arena, bool *ret, bool *ret_changed, struct diag *d)
{
    const struct table_def *def = exec__rel(e, target->rel);
    struct heap_write w = { .seg = def->seg,
                            .taken = taken,
                            .rowid = target_rowid(target, child_v),
                            .nowait = target->wait == WAIT_ERROR,
                            .skip_locked = target->wait == WAIT_SKIP,
                            .arena = arena };
    enum err err;
    bool wanted;
    *ret = false;
    do {
        enum heap_outcome outcome;
        err = heap_lock(e->access, e->env.txn, &w, &outcome, d);
        if (err == ERR_LOCK_NOT_AVAILABLE && w.nowait)
            return diag_set(d, err, "could not obtain lock on row in relation \"%s\"", def->name);
        if (err)
            return err;
        if (outcome != HEAP_CHANGED)
            return outcome_of(e, outcome, ret, d);
        *ret_changed = true;
        err = lock_newer(e, lock, target, &w, child_v, child_null, &wanted, d);
    } while (!err && wanted);
    heap_let_go(e->env.txn, &w);
    return err;
}

struct lock_rows {
    struct node n;
    struct parts parts; /* of the child's batch */
    const struct vec **col; /* rows that are locked */
    union datum *v;
    uint8_t *null;
};

static enum err lock_rows_init(struct node *n, struct diag *d)
{
    struct lock_rows *l = (struct lock_rows *)n;
    l->col = exec__vecs_new(n->e, n->plan->ncols, n->cap);
    l->v = ARENA_ARRAY(n->e->arena, union datum, n->plan->ncols);
    l->null = ARENA_ARRAY(n->e->arena, uint8_t, n->plan->ncols);
    return ERR_OK;
}

static void lock_rows_rewind(struct node *n)
{
    ((struct lock_rows *)n)->parts = (struct parts){ 0 };
    exec__node_rewind(n->left);
}

/* Locks the tables' rows that make up one row of the child, in l->v; *ret: it is given on. */
static enum err lock_one(struct lock_rows *l, bool *ret, struct diag *d)
{
    const struct plan_node *p = l->n.plan;
    bool changed = false;
    *ret = true;
    for (uint16_t t = 0; t < p->lock.n && *ret; t++) {
        if (l->null[p->lock.target[t].rowid_col])
            continue; /* the empty side of an outer join */
        enum err err = exec__lock_row(l->n.e, p, &p->lock.target[t], l->v, l->null, false, l->n.arena, ret, &changed, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* No more rows are locked than are wanted: what LIMIT leaves out stays free for others. */
static enum err lock_rows_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct lock_rows *l = (struct lock_rows *)n;
    const uint16_t ncols = n->plan->ncols;
    const uint32_t max = n->want ? MIN(n->want, n->cap) : n->cap;
    uint32_t out = 0;
    arena_reset(exec__node_arena(n));
    while (out == 0 || (out < max && parts_left(&l->parts))) {
        enum err err = exec__breathe(d);
        if (!err && !parts_left(&l->parts)) {
            l->parts.at = 0;
            err = node_next(n->left, &l->parts.b, d);
            if (!err && l->parts.b.sel.n == 0)
                break;
        }
        if (err)
            return err;
        const uint32_t i = sel_row(&l->parts.b.sel, l->parts.at++);
        for (uint16_t c = 0; c < ncols; c++) {
            const uint32_t at = vec_row(l->parts.b.col[c], i);
            l->v[c] = l->parts.b.col[c]->v[at];
            l->null[c] = l->parts.b.col[c]->null[at];
        }
        bool given;
        err = lock_one(l, &given, d);
        if (err)
            return err;
        for (uint16_t c = 0; c < ncols && given; c++) {
            exec__vec_at(l->col, c)->v[out] = l->v[c];
            exec__vec_at(l->col, c)->null[out] = l->null[c];
        }
        out += given;
    }
    *ret = (struct batch){ l->col, { NULL, out } };
    return ERR_OK;
}

const struct node_ops exec__lock_rows = { sizeof(struct lock_rows), lock_rows_init, lock_rows_next, lock_rows_rewind, NULL };
