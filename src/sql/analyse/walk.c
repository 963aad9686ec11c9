#include "sql/analyse/analyse.h"

/* ---- parts ---------------------------------------------------------------------- */

/*
 * The places where a node keeps its direct parts. A list's parts are reached
 * through part(): one enumeration serves reading, copying and comparing.
 */
static uint32_t part_count(const struct expr *e)
{
    switch (e->kind) {
    case EXPR_CONST:
    case EXPR_PARAM:
    case EXPR_VAR:
    case EXPR_COL:
    case EXPR_EXEC_PARAM:
    case EXPR_CASE_TEST:
        return 0;
    case EXPR_ONCE:
    case EXPR_CAST:
    case EXPR_TYPMOD:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
        return 1;
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
    case EXPR_SUBLINK:
    case EXPR_SUBPLAN:
        return 2;
    case EXPR_AGG:
        return 3;
    case EXPR_FUNC:
        return e->func.args.n;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE:
    case EXPR_GREATEST:
    case EXPR_LEAST:
        return e->args.n;
    case EXPR_CASE:
        return 2 + 2 * e->cases.n;
    case EXPR_IN:
        return 1 + e->in.list.n;
    }
    return 0;
}

static struct expr **part(struct expr *e, uint32_t i)
{
    switch (e->kind) {
    case EXPR_ONCE:
        return &e->once.arg;
    case EXPR_CAST:
        return &e->cast.arg;
    case EXPR_TYPMOD:
        return &e->typmod_of.arg;
    case EXPR_NOT:
        return &e->arg;
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
        return &e->test.arg;
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
        return i == 0 ? &e->pair.left : &e->pair.right;
    case EXPR_AGG:
        return i == 0 ? &e->agg.arg : i == 1 ? &e->agg.arg2 : &e->agg.filter;
    case EXPR_SUBLINK:
        return i == 0 ? &e->sublink.test : &e->sublink.column;
    case EXPR_SUBPLAN:
        return i == 0 ? &e->subplan.test : &e->subplan.column;
    case EXPR_FUNC:
        return &e->func.args.v[i];
    case EXPR_CASE:
        return i == 0                   ? &e->cases.test
               : i == 1                 ? &e->cases.els
               : i < 2 + e->cases.n     ? &e->cases.when[i - 2]
                                        : &e->cases.then[i - 2 - e->cases.n];
    case EXPR_IN:
        return i == 0 ? &e->in.test : &e->in.list.v[i - 1];
    default:
        return &e->args.v[i];
    }
}

static const struct expr *part_of(const struct expr *e, uint32_t i)
{
    return *part((struct expr *)e, i);
}

bool expr_children(const struct expr *e, bool (*fn)(void *arg, const struct expr *child), void *arg)
{
    const uint32_t n = part_count(e);
    for (uint32_t i = 0; i < n; i++) {
        const struct expr *p = part_of(e, i);
        if (p != NULL && !fn(arg, p))
            return false;
    }
    return true;
}

/* ---- copying ----------------------------------------------------------------------- */

static void own_lists(struct arena *a, struct expr *e)
{
    switch (e->kind) {
    case EXPR_FUNC:
        e->func.args.v = arena_dup(a, e->func.args.v, sizeof(*e->func.args.v) * MAX(e->func.args.n, 1u));
        break;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE:
    case EXPR_GREATEST:
    case EXPR_LEAST:
        e->args.v = arena_dup(a, e->args.v, sizeof(*e->args.v) * e->args.n);
        break;
    case EXPR_CASE:
        e->cases.when = arena_dup(a, e->cases.when, sizeof(*e->cases.when) * e->cases.n);
        e->cases.then = arena_dup(a, e->cases.then, sizeof(*e->cases.then) * e->cases.n);
        break;
    case EXPR_IN:
        e->in.list.v = arena_dup(a, e->in.list.v, sizeof(*e->in.list.v) * e->in.list.n);
        break;
    default:
        break;
    }
}

struct expr *expr_map_children(struct arena *a, const struct expr *e, struct expr *(*fn)(void *arg, const struct expr *child), void *arg)
{
    struct expr *c = arena_dup(a, e, sizeof(*e));
    const uint32_t n = part_count(e);
    own_lists(a, c);
    for (uint32_t i = 0; i < n; i++) {
        struct expr **p = part(c, i);
        if (*p == NULL)
            continue;
        *p = fn(arg, *p);
        if (*p == NULL)
            return NULL;
    }
    return c;
}

/* ---- comparing ----------------------------------------------------------------------- */

static bool datum_equal(oid_t type, const struct expr *a, const struct expr *b)
{
    if (a->c.null || b->c.null)
        return a->c.null && b->c.null;
    switch (type_rep(type)) {
    case REP_INT:
        return a->c.v.i == b->c.v.i;
    case REP_FLOAT:
        return memcmp(&a->c.v.f, &b->c.v.f, sizeof(double)) == 0;
    case REP_STR:
    case REP_NUMERIC:
        return a->c.v.s.len == b->c.v.s.len && memcmp(a->c.v.s.p, b->c.v.s.p, a->c.v.s.len) == 0;
    }
    return false;
}

static bool same_node(const struct expr *a, const struct expr *b)
{
    switch (a->kind) {
    case EXPR_CONST:
        return datum_equal(a->type, a, b);
    case EXPR_PARAM:
        return a->param == b->param;
    case EXPR_VAR:
        return a->var.rte == b->var.rte && a->var.col == b->var.col && a->var.up == b->var.up;
    case EXPR_COL:
        return a->col.input == b->col.input && a->col.col == b->col.col;
    case EXPR_EXEC_PARAM:
        return a->exec_param == b->exec_param;
    case EXPR_ONCE:
        return a->once.slot == b->once.slot;
    case EXPR_FUNC:
        return a->func.fn == b->func.fn;
    case EXPR_CAST:
        return a->cast.cast == b->cast.cast;
    case EXPR_IS_NULL:
        return a->test.negated == b->test.negated;
    case EXPR_BOOL_TEST:
        return a->test.test == b->test.test;
    case EXPR_DISTINCT:
        return a->pair.fn == b->pair.fn && a->pair.negated == b->pair.negated;
    case EXPR_NULLIF:
        return a->pair.fn == b->pair.fn;
    case EXPR_IN:
        return a->in.fn == b->in.fn && a->in.negated == b->in.negated;
    case EXPR_AGG:
        return a->agg.agg == b->agg.agg && a->agg.distinct == b->agg.distinct && !a->agg.arg == !b->agg.arg && !a->agg.arg2 == !b->agg.arg2 && !a->agg.filter == !b->agg.filter;
    case EXPR_CASE:
        return !a->cases.test == !b->cases.test;
    case EXPR_SUBLINK:
        return a->sublink.query == b->sublink.query;
    case EXPR_SUBPLAN:
        return a->subplan.no == b->subplan.no;
    default:
        return true;
    }
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->kind != b->kind || a->type != b->type || a->typmod != b->typmod)
        return false;
    const uint32_t n = part_count(a);
    if (n != part_count(b) || !same_node(a, b))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!expr_equal(part_of(a, i), part_of(b, i)))
            return false;
    return true;
}

/* ---- queries ----------------------------------------------------------------------------- */

typedef bool expr_fn(void *arg, const struct expr *e);

static bool one(const struct expr *e, expr_fn *fn, void *arg)
{
    return e == NULL || fn(arg, e);
}

static bool each_of(const struct expr_list *l, expr_fn *fn, void *arg)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (!one(l->v[i], fn, arg))
            return false;
    return true;
}

static bool each_target(const struct target *t, uint16_t n, expr_fn *fn, void *arg)
{
    for (uint16_t i = 0; i < n; i++)
        if (!one(t[i].expr, fn, arg))
            return false;
    return true;
}

static bool each_from(const struct from *f, expr_fn *fn, void *arg)
{
    if (f == NULL || !f->is_join)
        return true;
    return each_from(f->left, fn, arg) && each_from(f->right, fn, arg) && one(f->on, fn, arg);
}

static bool each_rte(const struct query *q, expr_fn *fn, void *arg)
{
    for (uint16_t i = 0; i < q->nrte; i++) {
        const struct rte *rte = q->rte[i];
        if (rte->kind == RTE_FUNC && !each_of(&rte->func.args, fn, arg))
            return false;
        for (uint32_t r = 0; rte->kind == RTE_VALUES && r < rte->values.nrows; r++)
            for (uint16_t c = 0; c < rte->ncols; c++)
                if (!one(rte->values.row[r][c], fn, arg))
                    return false;
    }
    return true;
}

bool query_each_expr(const struct query *q, expr_fn *fn, void *arg)
{
    for (uint16_t i = 0; i < q->nchecks; i++)
        if (!one(q->check[i].expr, fn, arg))
            return false;
    return each_rte(q, fn, arg) && each_from(q->from, fn, arg) && one(q->where, fn, arg) && each_target(q->target, q->ntargets, fn, arg)
           && each_of(&q->group, fn, arg) && one(q->having, fn, arg) && one(q->limit, fn, arg) && one(q->offset, fn, arg)
           && each_target(q->returning, q->nreturning, fn, arg);
}

bool query_each_query(const struct query *q, bool (*fn)(void *arg, const struct query *q), void *arg)
{
    for (uint16_t i = 0; i < q->nrte; i++)
        if (q->rte[i]->kind == RTE_SUBQUERY && !fn(arg, q->rte[i]->query))
            return false;
    return (q->left == NULL || fn(arg, q->left)) && (q->right == NULL || fn(arg, q->right));
}

struct var_walk {
    uint16_t up, depth;
    query_var_fn *fn;
    void *arg;
};

static bool walk_query(void *arg, const struct query *q);

static bool walk_expr(void *arg, const struct expr *e)
{
    struct var_walk *w = arg;
    if (e->kind == EXPR_VAR)
        return e->var.up != w->up + w->depth || w->fn(w->arg, e, w->depth);
    if (e->kind == EXPR_SUBLINK && !walk_query(w, e->sublink.query))
        return false;
    return expr_children(e, walk_expr, arg);
}

static bool walk_query(void *arg, const struct query *q)
{
    struct var_walk *w = arg;
    w->depth++;
    const bool ok = query_each_expr(q, walk_expr, w) && query_each_query(q, walk_query, w);
    w->depth--;
    return ok;
}

bool expr_each_var(const struct expr *e, uint16_t up, query_var_fn *fn, void *arg)
{
    struct var_walk w = { .up = up, .fn = fn, .arg = arg };
    return walk_expr(&w, e);
}

bool query_each_var(const struct query *q, uint16_t up, query_var_fn *fn, void *arg)
{
    struct var_walk w = { .up = up, .fn = fn, .arg = arg };
    return query_each_expr(q, walk_expr, &w) && query_each_query(q, walk_query, &w);
}
