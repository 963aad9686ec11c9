/*
 * Nodes that pass rows on: FILTER, PROJECT, LIMIT, UNIQUE, APPEND.
 */
#include "sql/execute/exec_int.h"
#include "sql/execute/rows.h"

/* ---- FILTER -------------------------------------------------------------------------- */

struct filter {
    struct node n;
    struct xp *filter;
    uint16_t *idx;
};

static enum err filter_init(struct node *n, struct diag *d)
{
    struct filter *f = (struct filter *)n;
    f->filter = exec__xp_new(n->e, n->plan->filter, n->cap);
    f->idx = arena_alloc(n->e->arena, n->cap * sizeof *f->idx);
    return ERR_OK;
}

static void rewind_left(struct node *n)
{
    exec__node_rewind(n->left);
}

static enum err filter_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct filter *f = (struct filter *)n;
    for (;;) {
        enum err err = node_next(n->left, ret, d);
        if (err || ret->sel.n == 0)
            return err;
        arena_reset(exec__node_arena(n));
        const struct xctx c = { n->e, n->arena, { ret->col } };
        err = exec__xp_filter(&c, f->filter, &ret->sel, f->idx, &ret->sel);
        if (err || ret->sel.n > 0)
            return err;
    }
}

const struct node_ops exec__filter = { sizeof(struct filter), filter_init, filter_next, rewind_left, NULL };

/* ---- PROJECT ---------------------------------------------------------------------------- */

struct project {
    struct node n;
    struct xp **expr;
    const struct vec **col;
    struct parts parts; /* of the child's batch */
};

static enum err project_init(struct node *n, struct diag *d)
{
    struct project *p = (struct project *)n;
    p->expr = exec__xps_new(n->e, n->plan->project.expr, n->plan->ncols, n->cap);
    p->col = ARENA_ARRAY(n->e->arena, const struct vec *, n->plan->ncols);
    return ERR_OK;
}

static void project_rewind(struct node *n)
{
    ((struct project *)n)->parts = (struct parts){ 0 };
    exec__node_rewind(n->left);
}

static enum err project_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct project *p = (struct project *)n;
    enum err err = ERR_OK;
    if (!parts_left(&p->parts)) {
        n->left->want = n->want;
        p->parts.at = 0;
        err = node_next(n->left, &p->parts.b, d);
        if (err || p->parts.b.sel.n == 0)
            return err ? err : node_end(ret);
    }
    /* what nobody wants yet is not computed: nextval() is called once a row that is given */
    const struct batch b = exec__parts_take(n->e, &p->parts, n->want ? n->want : UINT32_MAX);
    arena_reset(exec__node_arena(n));
    const struct xctx c = { n->e, n->arena, { b.col } };
    for (uint16_t i = 0; i < n->plan->ncols && !err; i++)
        err = exec__xp_eval(&c, p->expr[i], &b.sel, &p->col[i]);
    *ret = (struct batch){ p->col, b.sel };
    return err;
}

const struct node_ops exec__project = { sizeof(struct project), project_init, project_next, project_rewind, NULL };

/* ---- LIMIT -------------------------------------------------------------------------------- */

struct limit {
    struct node n;
    uint64_t skip, left; /* rows */
    bool started;
};

static enum err limit_init(struct node *n, struct diag *d)
{
    return ERR_OK;
}

static void limit_rewind(struct node *n)
{
    ((struct limit *)n)->started = false;
    exec__node_rewind(n->left);
}

/* NULL expressions and NULL values mean `none`. */
static enum err limit_value(struct exec *e, const struct expr *x, uint64_t none, uint64_t *ret, bool *ret_negative)
{
    union datum v = { 0 };
    uint8_t null = 1;
    enum err err = x ? exec__scalar(e, x, NULL, &v, &null) : ERR_OK;
    *ret = null ? none : (uint64_t)v.i;
    *ret_negative = !err && !null && v.i < 0;
    return err;
}

enum err exec__limits(struct exec *e, const struct expr *limit, const struct expr *offset, uint64_t *ret_limit, uint64_t *ret_offset, struct diag *d)
{
    bool negative;
    enum err err = limit_value(e, offset, 0, ret_offset, &negative);
    if (!err && negative)
        err = diag_set(d, ERR_OFFSET_VALUE, "OFFSET must not be negative");
    if (!err)
        err = limit_value(e, limit, UINT64_MAX, ret_limit, &negative);
    if (!err && negative)
        err = diag_set(d, ERR_LIMIT_VALUE, "LIMIT must not be negative");
    return err;
}

static enum err limit_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct limit *l = (struct limit *)n;
    if (!l->started) {
        n->e->func.types.arena = n->e->arena;
        enum err err = exec__limits(n->e, n->plan->limit.limit, n->plan->limit.offset, &l->left, &l->skip, d);
        if (err)
            return err;
        l->started = true;
    }
    while (l->left > 0) {
        const uint64_t wanted = l->left < UINT64_MAX - l->skip ? l->skip + l->left : UINT64_MAX;
        struct parts p = { 0 };
        n->left->want = wanted < VEC_ROWS ? (uint32_t)wanted : 0;
        enum err err = node_next(n->left, &p.b, d);
        if (err || p.b.sel.n == 0) {
            l->left = 0;
            return err ? err : node_end(ret);
        }
        p.at = (uint32_t)MIN(l->skip, (uint64_t)p.b.sel.n);
        l->skip -= p.at;
        if (!parts_left(&p))
            continue;
        *ret = exec__parts_take(n->e, &p, (uint32_t)MIN(l->left, (uint64_t)VEC_ROWS));
        l->left -= ret->sel.n;
        return ERR_OK;
    }
    return node_end(ret);
}

const struct node_ops exec__limit = { sizeof(struct limit), limit_init, limit_next, limit_rewind, NULL };

/* ---- UNIQUE --------------------------------------------------------------------------------- */

struct unique {
    struct node n;
    struct record_type type;
    struct arena *arena[2]; /* of the last row of the batch before, in turns */
    struct record *last;
    unsigned turn;
    uint16_t *idx;
    const struct type **key;
};

static enum err unique_init(struct node *n, struct diag *d)
{
    struct unique *u = (struct unique *)n;
    exec__record_type_init(n->e, &u->type, n->plan->ncols, n->plan->col_type);
    u->idx = arena_alloc(n->e->arena, n->cap * sizeof *u->idx);
    u->key = ARENA_ARRAY(n->e->arena, const struct type *, n->plan->unique.nkeys);
    for (uint16_t i = 0; i < n->plan->unique.nkeys; i++)
        u->key[i] = type_by_oid(n->plan->col_type[n->plan->unique.col[i]]);
    u->arena[0] = arena_new("unique", n->e->memory_max);
    u->arena[1] = arena_new("unique", n->e->memory_max);
    return ERR_OK;
}

static void unique_rewind(struct node *n)
{
    ((struct unique *)n)->last = NULL;
    exec__node_rewind(n->left);
}

static void unique_end(struct node *n)
{
    struct unique *u = (struct unique *)n;
    arena_free(u->arena[0]);
    arena_free(u->arena[1]);
}

static bool same_value(const struct type *t, union datum a, bool a_null, union datum b, bool b_null)
{
    return a_null || b_null ? a_null == b_null : t->cmp(a, b) == 0;
}

static bool same_rows(const struct unique *u, const struct batch *b, uint32_t i, uint32_t j)
{
    for (uint16_t k = 0; k < u->n.plan->unique.nkeys; k++) {
        const struct vec *v = b->col[u->n.plan->unique.col[k]];
        const uint32_t x = vec_row(v, i), y = vec_row(v, j);
        if (!same_value(u->key[k], v->v[x], v->null[x], v->v[y], v->null[y]))
            return false;
    }
    return true;
}

static bool same_as_last(const struct unique *u, const struct batch *b, uint32_t i)
{
    if (!u->last)
        return false;
    for (uint16_t k = 0; k < u->n.plan->unique.nkeys; k++) {
        const uint16_t col = u->n.plan->unique.col[k];
        const struct vec *v = b->col[col];
        const uint32_t x = vec_row(v, i);
        if (!same_value(u->key[k], v->v[x], v->null[x], u->last->v[col], record_nulls(&u->type, u->last)[col]))
            return false;
    }
    return true;
}

static enum err unique_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct unique *u = (struct unique *)n;
    for (;;) {
        enum err err = node_next(n->left, ret, d);
        if (err || ret->sel.n == 0)
            return err;
        const struct sel in = ret->sel;
        uint32_t out = 0;
        for (uint32_t k = 0; k < in.n; k++) {
            const uint32_t i = sel_row(&in, k);
            if (k ? !same_rows(u, ret, sel_row(&in, k - 1), i) : !same_as_last(u, ret, i))
                u->idx[out++] = (uint16_t)i;
        }
        u->turn ^= 1;
        arena_reset(u->arena[u->turn]);
        u->last = exec__record_new(&u->type, u->arena[u->turn], ret->col, sel_row(&in, in.n - 1));
        if (!u->last)
            return exec__out_of_memory(n->e, "DISTINCT", d);
        ret->sel = (struct sel){ u->idx, out };
        if (out > 0)
            return ERR_OK;
    }
}

const struct node_ops exec__unique = { sizeof(struct unique), unique_init, unique_next, unique_rewind, unique_end };

/* ---- APPEND ----------------------------------------------------------------------------------- */

struct append {
    struct node n;
    struct node **child;
    uint16_t at;
};

static enum err append_init(struct node *n, struct diag *d)
{
    struct append *a = (struct append *)n;
    enum err err = ERR_OK;
    a->child = ARENA_ARRAY(n->e->arena, struct node *, n->plan->append.n);
    for (uint16_t i = 0; i < n->plan->append.n && !err; i++)
        err = exec__node_new(n->e, n->plan->append.child[i], &a->child[i], d);
    return err;
}

static void append_rewind(struct node *n)
{
    struct append *a = (struct append *)n;
    a->at = 0;
    for (uint16_t i = 0; i < n->plan->append.n; i++)
        exec__node_rewind(a->child[i]);
}

static enum err append_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct append *a = (struct append *)n;
    for (; a->at < n->plan->append.n; a->at++) {
        enum err err = node_next(a->child[a->at], ret, d);
        if (err || ret->sel.n > 0)
            return err;
    }
    return node_end(ret);
}

const struct node_ops exec__append = { sizeof(struct append), append_init, append_next, append_rewind, NULL };
