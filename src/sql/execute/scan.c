/*
 * Nodes without children: rows of tables, of indexes, of functions, of VALUES.
 */
#include "sql/execute/exec_int.h"

/* ---- tables, from end to end ------------------------------------------------------------ */

struct seq_scan {
    struct node n;
    struct columns cols;
    struct heap_scan *scan;
    struct heap_row *rows;
    const struct vec **col;
    struct xp *filter;
    uint16_t *idx;
    uint64_t cursor; /* of a virtual table */
    bool ended;
};

static enum err seq_scan_init(struct node *n, struct diag *d)
{
    struct seq_scan *s = (struct seq_scan *)n;
    const struct plan_node *p = n->plan;
    struct exec *e = n->e;
    exec__columns_init(e, &s->cols, exec__rel(e, p->scan.rel), p->scan.attnum, p->ncols);
    s->rows = arena_alloc(e->arena, n->cap * sizeof *s->rows);
    s->col = exec__vecs_new(e, p->ncols, n->cap);
    s->filter = exec__xp_new(e, p->filter, n->cap);
    s->idx = arena_alloc(e->arena, n->cap * sizeof *s->idx);
    return ERR_OK;
}

static void seq_scan_close(struct node *n)
{
    struct seq_scan *s = (struct seq_scan *)n;
    if (s->scan)
        heap_scan_close(s->scan);
    s->scan = NULL;
}

static void seq_scan_rewind(struct node *n)
{
    struct seq_scan *s = (struct seq_scan *)n;
    seq_scan_close(n);
    s->cursor = 0;
    s->ended = false;
}

/* Puts a row that cols has decoded into row k of the vectors. */
static void put_columns(const struct columns *c, const struct vec *const *col, uint32_t k, struct rowid rowid)
{
    for (uint16_t i = 0; i < c->ncols; i++) {
        struct vec *v = exec__vec_at(col, i);
        const int16_t attnum = c->attnum[i];
        v->v[k] = attnum == VAR_ROWID ? datum_int((int64_t)rowid.v) : c->v[attnum - 1];
        v->null[k] = attnum != VAR_ROWID && c->null[attnum - 1];
    }
}

static enum err read_heap(struct seq_scan *s, uint32_t *ret_n, struct diag *d)
{
    struct exec *e = s->n.e;
    enum err err = ERR_OK;
    if (!s->scan)
        err = heap_scan_open(e->access, s->cols.def->seg, e->env.snapshot, &s->scan, d);
    if (!err)
        err = heap_scan_next(s->scan, s->n.arena, s->rows, s->n.cap, ret_n, d);
    for (uint32_t k = 0; !err && k < *ret_n; k++) {
        err = exec__columns_read(e, &s->cols, &s->rows[k], s->n.arena, d);
        if (!err)
            put_columns(&s->cols, s->col, k, s->rows[k].rowid);
    }
    return err;
}

static enum err read_virtual(struct seq_scan *s, uint32_t *ret_n)
{
    const struct table_def *def = s->cols.def;
    uint32_t n = 0;
    while (n < s->n.cap && def->virtual_table->next(def->virtual_arg, &s->cursor, s->cols.v, s->cols.null, s->n.arena))
        put_columns(&s->cols, s->col, n++, (struct rowid){ 0 });
    *ret_n = n;
    return ERR_OK;
}

static enum err seq_scan_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct seq_scan *s = (struct seq_scan *)n;
    const struct xctx c = { n->e, exec__node_arena(n), { s->col } };
    while (!s->ended) {
        uint32_t got = 0;
        arena_reset(n->arena);
        enum err err = exec__breathe(d);
        if (!err)
            err = s->cols.def->kind == TABLE_VIRTUAL ? read_virtual(s, &got) : read_heap(s, &got, d);
        *ret = (struct batch){ s->col, { NULL, got } };
        if (!err && got)
            err = exec__xp_filter(&c, s->filter, &ret->sel, s->idx, &ret->sel);
        s->ended = got == 0;
        if (err || ret->sel.n > 0)
            return err;
    }
    return node_end(ret);
}

const struct node_ops exec__seq_scan = { sizeof(struct seq_scan), seq_scan_init, seq_scan_next, seq_scan_rewind, seq_scan_close };

/* ---- tables, by an index ------------------------------------------------------------------- */

#define FIRST_ROWS 32u /* of the first batch; the next ones grow: whoever wants a few rows does not pay for a thousand */

struct index_scan {
    struct node n;
    struct probe *probe;
    const struct vec **col;
    struct xp *filter;
    uint16_t *idx;
    union datum *v; /* one row */
    uint8_t *null;
    uint32_t nkeys;
    const struct expr **key;
    union datum *key_v;
    uint8_t *key_null;
    uint32_t rows; /* of the next batch */
    bool started, ended;
};

static enum err index_scan_init(struct node *n, struct diag *d)
{
    struct index_scan *s = (struct index_scan *)n;
    const struct plan_node *p = n->plan;
    struct exec *e = n->e;
    n->cap = p->scan.key.unique && p->scan.key.nin == 0 ? 1 : VEC_ROWS;
    s->col = exec__vecs_new(e, p->ncols, n->cap);
    s->filter = exec__xp_new(e, p->filter, n->cap);
    s->idx = arena_alloc(e->arena, n->cap * sizeof *s->idx);
    s->v = ARENA_ARRAY(e->arena, union datum, p->ncols);
    s->null = ARENA_ARRAY(e->arena, uint8_t, p->ncols);
    s->nkeys = exec__key_count(&p->scan.key);
    s->key = ARENA_ARRAY(e->arena, const struct expr *, s->nkeys);
    s->key_v = ARENA_ARRAY(e->arena, union datum, s->nkeys);
    s->key_null = ARENA_ARRAY(e->arena, uint8_t, s->nkeys);
    exec__key_exprs(&p->scan.key, s->key);
    s->rows = FIRST_ROWS;
    s->probe = exec__probe_new(e, exec__rel(e, p->scan.rel), &p->scan.key, p->scan.attnum, p->ncols, p->scan.backward);
    return ERR_OK;
}

static void index_scan_rewind(struct node *n)
{
    struct index_scan *s = (struct index_scan *)n;
    exec__probe_stop(s->probe);
    s->started = s->ended = false;
    s->rows = FIRST_ROWS;
}

static void index_scan_end(struct node *n)
{
    exec__probe_free(((struct index_scan *)n)->probe);
}

static enum err index_scan_start(struct index_scan *s, struct diag *d)
{
    struct exec *e = s->n.e;
    e->func.types.arena = s->n.arena;
    for (uint32_t i = 0; i < s->nkeys; i++) {
        enum err err = exec__scalar(e, s->key[i], NULL, &s->key_v[i], &s->key_null[i]);
        if (err)
            return err;
    }
    s->started = true;
    return exec__probe_start(s->probe, s->key_v, s->key_null, d);
}

static enum err read_index(struct index_scan *s, uint32_t *ret_n, struct diag *d)
{
    const uint32_t max = MIN(s->rows, s->n.cap);
    enum err err = s->started ? ERR_OK : index_scan_start(s, d);
    uint32_t n = 0;
    while (!err && n < max) {
        bool found;
        err = exec__probe_next(s->probe, s->n.arena, s->v, s->null, &found, d);
        if (err || !found)
            break;
        for (uint16_t c = 0; c < s->n.plan->ncols; c++) {
            struct vec *v = exec__vec_at(s->col, c);
            v->v[n] = s->v[c];
            v->null[n] = s->null[c];
        }
        n++;
        rt_yield_if_due();
    }
    s->rows = MIN(2 * s->rows, VEC_ROWS);
    *ret_n = n;
    return err;
}

static enum err index_scan_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct index_scan *s = (struct index_scan *)n;
    const struct xctx c = { n->e, exec__node_arena(n), { s->col } };
    while (!s->ended) {
        uint32_t got = 0;
        arena_reset(n->arena);
        enum err err = exec__breathe(d);
        if (!err)
            err = read_index(s, &got, d);
        *ret = (struct batch){ s->col, { NULL, got } };
        if (!err && got)
            err = exec__xp_filter(&c, s->filter, &ret->sel, s->idx, &ret->sel);
        s->ended = got == 0;
        if (err || ret->sel.n > 0)
            return err;
    }
    return node_end(ret);
}

const struct node_ops exec__index_scan = { sizeof(struct index_scan), index_scan_init, index_scan_next, index_scan_rewind, index_scan_end };

/* ---- one row, or none -------------------------------------------------------------------------- */

struct result {
    struct node n;
    const struct vec **col;
    bool ended;
};

static enum err result_init(struct node *n, struct diag *d)
{
    ((struct result *)n)->col = exec__vecs_new(n->e, n->plan->ncols, 1);
    return ERR_OK;
}

static void result_rewind(struct node *n)
{
    ((struct result *)n)->ended = false;
}

static enum err result_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct result *r = (struct result *)n;
    struct exec *e = n->e;
    bool wanted = false;
    enum err err = ERR_OK;
    e->func.types.arena = exec__node_arena(n);
    if (!r->ended) {
        arena_reset(n->arena);
        err = exec__scalar_true(e, n->plan->filter, NULL, &wanted);
    }
    r->ended = true;
    if (err || !wanted)
        return err ? err : node_end(ret);
    for (uint16_t c = 0; c < n->plan->ncols && !err; c++) {
        struct vec *v = exec__vec_at(r->col, c);
        err = exec__scalar(e, n->plan->project.expr[c], NULL, &v->v[0], &v->null[0]);
    }
    *ret = (struct batch){ r->col, { NULL, 1 } };
    return err;
}

const struct node_ops exec__result = { sizeof(struct result), result_init, result_next, result_rewind, NULL };

/* ---- VALUES ------------------------------------------------------------------------------------- */

struct values {
    struct node n;
    const struct vec **col;
    struct xp *filter;
    uint16_t *idx;
    uint32_t at;
};

static enum err values_init(struct node *n, struct diag *d)
{
    struct values *v = (struct values *)n;
    n->cap = MIN(n->plan->values.nrows, VEC_ROWS);
    v->col = exec__vecs_new(n->e, n->plan->ncols, n->cap);
    v->filter = exec__xp_new(n->e, n->plan->filter, n->cap);
    v->idx = arena_alloc(n->e->arena, n->cap * sizeof *v->idx);
    return ERR_OK;
}

static void values_rewind(struct node *n)
{
    ((struct values *)n)->at = 0;
}

static enum err values_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct values *s = (struct values *)n;
    const struct plan_node *p = n->plan;
    const struct xctx c = { n->e, exec__node_arena(n), { s->col } };
    while (s->at < p->values.nrows) {
        const uint32_t rows = MIN(p->values.nrows - s->at, n->cap);
        arena_reset(n->arena);
        n->e->func.types.arena = n->arena;
        enum err err = exec__breathe(d);
        for (uint32_t k = 0; k < rows && !err; k++)
            for (uint16_t i = 0; i < p->ncols && !err; i++) {
                struct vec *v = exec__vec_at(s->col, i);
                err = exec__scalar(n->e, p->values.row[s->at + k][i], NULL, &v->v[k], &v->null[k]);
            }
        s->at += rows;
        *ret = (struct batch){ s->col, { NULL, rows } };
        if (!err)
            err = exec__xp_filter(&c, s->filter, &ret->sel, s->idx, &ret->sel);
        if (err || ret->sel.n > 0)
            return err;
    }
    return node_end(ret);
}

const struct node_ops exec__values = { sizeof(struct values), values_init, values_next, values_rewind, NULL };

/* ---- rows that somebody hands in (COPY FROM) ------------------------------------------------------ */

struct source {
    struct node n;
    const struct vec **col;
};

static enum err source_init(struct node *n, struct diag *d)
{
    ((struct source *)n)->col = exec__vecs_new(n->e, n->plan->ncols, n->cap);
    return ERR_OK;
}

static void source_rewind(struct node *n) {} /* the plan has no second run of it */

static enum err source_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct source *s = (struct source *)n;
    const struct exec_env *env = &n->e->env;
    uint32_t got = 0;
    arena_reset(exec__node_arena(n));
    enum err err = exec__breathe(d);
    if (!err)
        err = env->source(env->source_arg, exec__vec_at(s->col, 0), n->plan->ncols, n->arena, &got, d);
    *ret = (struct batch){ s->col, { NULL, got } };
    return err;
}

const struct node_ops exec__source = { sizeof(struct source), source_init, source_next, source_rewind, NULL };

/* ---- generate_series ---------------------------------------------------------------------------------- */

struct func_scan {
    struct node n;
    const struct vec **col;
    struct xp *filter;
    uint16_t *idx;
    int64_t at, stop, step;
    bool started, ended;
};

static enum err func_scan_init(struct node *n, struct diag *d)
{
    struct func_scan *s = (struct func_scan *)n;
    s->col = exec__vecs_new(n->e, 1, n->cap);
    s->filter = exec__xp_new(n->e, n->plan->filter, n->cap);
    s->idx = arena_alloc(n->e->arena, n->cap * sizeof *s->idx);
    return ERR_OK;
}

static void func_scan_rewind(struct node *n)
{
    struct func_scan *s = (struct func_scan *)n;
    s->started = s->ended = false;
}

static enum err series_start(struct func_scan *s, struct diag *d)
{
    const struct expr_list *args = &s->n.plan->func.args;
    union datum v[3] = { { 0 }, { 0 }, { .i = 1 } };
    uint8_t null[3] = { 0 };
    s->n.e->func.types.arena = s->n.arena;
    for (uint32_t i = 0; i < MIN(args->n, 3u); i++) {
        enum err err = exec__scalar(s->n.e, args->v[i], NULL, &v[i], &null[i]);
        if (err)
            return err;
    }
    s->started = true;
    s->at = v[0].i;
    s->stop = v[1].i;
    s->step = v[2].i;
    s->ended = null[0] || null[1] || null[2];
    if (!s->ended && s->step == 0)
        return diag_set(d, ERR_PARAMETER_VALUE, "step size cannot equal zero");
    return ERR_OK;
}

static uint32_t series_rows(struct func_scan *s)
{
    struct vec *v = exec__vec_at(s->col, 0);
    uint32_t n = 0;
    while (n < s->n.cap && !s->ended) {
        if (s->step > 0 ? s->at > s->stop : s->at < s->stop) {
            s->ended = true;
            break;
        }
        v->v[n].i = s->at;
        v->null[n++] = 0;
        s->ended = __builtin_add_overflow(s->at, s->step, &s->at);
    }
    return n;
}

static enum err func_scan_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct func_scan *s = (struct func_scan *)n;
    const struct xctx c = { n->e, exec__node_arena(n), { s->col } };
    enum err err = s->started ? ERR_OK : series_start(s, d);
    while (!err && !s->ended) {
        arena_reset(n->arena);
        err = exec__breathe(d);
        *ret = (struct batch){ s->col, { NULL, series_rows(s) } };
        if (!err)
            err = exec__xp_filter(&c, s->filter, &ret->sel, s->idx, &ret->sel);
        if (err || ret->sel.n > 0)
            return err;
    }
    return err ? err : node_end(ret);
}

const struct node_ops exec__func_scan = { sizeof(struct func_scan), func_scan_init, func_scan_next, func_scan_rewind, NULL };
