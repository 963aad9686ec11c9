#include "sql/plan/planner.h"

#include "rt/rt.h"
#include "sql/plan/plan_int.h"

#include <math.h>
#include <stdlib.h>

/* ---- common --------------------------------------------------------------------------- */

void pl__throw(struct planner *pl)
{
    longjmp(pl->out, 1);
}

void pl__unsupported(struct planner *pl, int location, const char *what)
{
    diag_set(pl->d, ERR_FEATURE, "%s is not supported", what);
    diag_at(pl->d, sql_position(pl->tree->text, pl->tree->text_len, location));
    pl__throw(pl);
}

struct plan_node *pl__node(struct planner *pl, enum plan_node_kind kind, uint16_t ncols)
{
    struct plan_node *n = PL_NEW(pl, struct plan_node);
    n->kind = kind;
    n->ncols = ncols;
    n->col_type = PL_ARRAY(pl, oid_t, ncols);
    n->id = pl->plan->nnodes++;
    return n;
}

void pl__push(struct planner *pl, struct expr_vec *v, struct expr *e)
{
    if (v->n == v->cap) {
        const uint32_t cap = MAX(4u, 2 * v->cap);
        struct expr **w = PL_ARRAY(pl, struct expr *, cap);
        if (v->n > 0)
            memcpy(w, v->v, sizeof(*w) * v->n);
        v->v = w;
        v->cap = cap;
    }
    v->v[v->n++] = e;
}

const char *pl__str(struct planner *pl, const char *s)
{
    return s != NULL ? arena_strdup(pl->arena, s) : NULL;
}

struct qplan *pl__qplan(struct planner *pl, const struct query *q, struct qplan *outer, enum query_place place)
{
    struct qplan *qp = PL_NEW(pl, struct qplan);
    *qp = (struct qplan){ .pl = pl, .q = q, .outer = outer, .place = place };
    pl__rels(qp);
    return qp;
}

static struct plan_node *node_above(struct planner *pl, enum plan_node_kind kind, const struct plan_node *child)
{
    struct plan_node *n = pl__node(pl, kind, child->ncols);
    memcpy(n->col_type, child->col_type, sizeof(*n->col_type) * child->ncols);
    n->left = (struct plan_node *)child;
    n->startup_cost = child->startup_cost;
    n->total_cost = child->total_cost;
    n->rows = child->rows;
    n->width = child->width;
    return n;
}

/* ---- one query's clauses, folded --------------------------------------------------------- */

struct clauses {
    struct target *target;
    uint16_t ntargets, nvisible;
    struct expr_list group;
    struct expr *having;
};

static struct clauses fold_clauses(struct planner *pl, const struct query *q)
{
    struct clauses c = { .ntargets = q->ntargets, .target = PL_ARRAY(pl, struct target, q->ntargets) };
    for (uint16_t i = 0; i < q->ntargets; i++) {
        c.target[i] = q->target[i];
        c.target[i].expr = pl__fold(pl, q->target[i].expr);
        c.nvisible += !q->target[i].junk;
    }
    c.group.v = PL_ARRAY(pl, struct expr *, q->group.n);
    for (uint32_t i = 0; i < q->group.n; i++) {
        struct expr *g = pl__fold(pl, q->group.v[i]);
        if (g->kind != EXPR_CONST)
            c.group.v[c.group.n++] = g;
    }
    c.having = pl__fold(pl, q->having);
    return c;
}

/* ORDER BY as columns of tables, for scans that give this order by themselves. */
static void wanted_order(struct qplan *qp, const struct clauses *c)
{
    const struct query *q = qp->q;
    if (q->grouped || q->distinct != DISTINCT_NONE || q->norder == 0)
        return;
    qp->order = PL_ARRAY(qp->pl, struct order_key, q->norder);
    for (uint16_t i = 0; i < q->norder; i++) {
        const struct expr *e = c->target[q->order[i].target].expr;
        if (e->kind != EXPR_VAR || e->var.up > 0 || qp->rel[e->var.rte].def == NULL) {
            qp->norder = 0;
            return;
        }
        qp->order[qp->norder++] = (struct order_key){
            .rte = e->var.rte, .col = e->var.col, .descending = q->order[i].descending, .nulls_first = q->order[i].nulls_first
        };
    }
}

static double limit_rows(const struct expr *limit, const struct expr *offset)
{
    if (limit == NULL)
        return 0;
    double n = limit->kind == EXPR_CONST && !limit->c.null ? (double)limit->c.v.i : 100;
    if (offset != NULL)
        n += offset->kind == EXPR_CONST && !offset->c.null ? (double)offset->c.v.i : 100;
    return MAX(n, 1.0);
}

/* ---- stages -------------------------------------------------------------------------------- */

static struct built no_rows_or_one(struct qplan *qp, struct expr *filter)
{
    struct built b = { .node = pl__node(qp->pl, NODE_RESULT, 0) };
    const struct scope none = { .qp = qp };
    b.node->rows = 1;
    b.node->total_cost = qp->pl->opt->cpu_tuple_cost;
    b.node->filter = pl__convert(&none, filter);
    return b;
}

static bool never(const struct expr_vec *constant)
{
    bool value;
    for (uint32_t i = 0; i < constant->n; i++)
        if (pl__is_const(constant->v[i], &value) && !value)
            return true;
    return false;
}

/* The tables' columns as NULLs, of no row: what stands for a join that a false condition empties. */
static struct built empty(struct qplan *qp, struct built b, struct expr *why)
{
    struct planner *pl = qp->pl;
    struct built r = no_rows_or_one(qp, why);
    r.out = b.out;
    r.node->ncols = b.out.n;
    r.node->col_type = b.node->col_type;
    r.node->project.expr = PL_ARRAY(pl, struct expr *, b.out.n);
    for (uint16_t i = 0; i < b.out.n; i++) {
        struct expr *e = PL_NEW(pl, struct expr);
        *e = (struct expr){ .kind = EXPR_CONST, .type = b.out.e[i]->type, .typmod = -1, .location = -1 };
        e->c.null = true;
        r.node->project.expr[i] = e;
    }
    return r;
}

static struct built tables(struct qplan *qp, const struct path **ret_path)
{
    struct expr_vec constant = { 0 };
    const struct path *p = pl__join(qp, &constant);
    *ret_path = p;
    if (p == NULL)
        return no_rows_or_one(qp, pl__and(qp->pl, &constant));
    const struct built b = pl__build(qp, p);
    if (never(&constant))
        return empty(qp, b, pl__and(qp->pl, &constant));
    return pl__filter(qp, b, &constant);
}

struct agg_search {
    struct planner *pl;
    struct expr_vec aggs;
};

static bool collect_aggs(void *arg, const struct expr *e)
{
    struct agg_search *s = arg;
    if (e->kind != EXPR_AGG)
        return expr_children(e, collect_aggs, arg);
    for (uint32_t i = 0; i < s->aggs.n; i++)
        if (expr_equal(s->aggs.v[i], e))
            return true;
    pl__push(s->pl, &s->aggs, (struct expr *)e);
    return true;
}

static double group_count(const struct qplan *qp, const struct expr_list *group, double rows)
{
    double n = 1;
    for (uint32_t i = 0; i < group->n; i++)
        n *= pl__distinct(qp, group->v[i], rows);
    return MAX(1.0, rint(MIN(n, rows)));
}

static struct built aggregate(struct qplan *qp, struct built in, const struct clauses *c)
{
    struct planner *pl = qp->pl;
    struct agg_search s = { .pl = pl };
    for (uint16_t i = 0; i < c->ntargets; i++)
        collect_aggs(&s, c->target[i].expr);
    if (c->having != NULL)
        collect_aggs(&s, c->having);
    struct built b = { .out = { .n = (uint16_t)(c->group.n + s.aggs.n) } };
    b.out.e = PL_ARRAY(pl, const struct expr *, b.out.n);
    b.node = pl__node(pl, NODE_AGG, b.out.n);
    const struct scope sc = { .qp = qp, .in = { &in.out } }, own = { .qp = qp, .in = { &b.out } };
    b.node->left = in.node;
    /* GROUP BY constants alone is still grouping: no row, no group. */
    b.node->agg.strategy = c->group.n > 0 || qp->q->group.n > 0 ? AGG_HASH : AGG_PLAIN;
    b.node->agg.ngroup = (uint16_t)c->group.n;
    b.node->agg.group = PL_ARRAY(pl, struct expr *, c->group.n);
    b.node->agg.nagg = (uint16_t)s.aggs.n;
    b.node->agg.agg = PL_ARRAY(pl, struct agg_call, s.aggs.n);
    for (uint16_t i = 0; i < c->group.n; i++) {
        b.out.e[i] = c->group.v[i];
        b.node->agg.group[i] = pl__convert(&sc, c->group.v[i]);
        b.node->col_type[i] = c->group.v[i]->type;
        b.node->width += pl__type_width(c->group.v[i]->type, -1);
    }
    for (uint32_t i = 0; i < s.aggs.n; i++) {
        const struct agg_call *a = &s.aggs.v[i]->agg;
        b.out.e[c->group.n + i] = s.aggs.v[i];
        b.node->agg.agg[i] = (struct agg_call){
            .agg = a->agg,
            .arg = pl__convert(&sc, a->arg),
            .arg2 = pl__convert(&sc, a->arg2),
            .filter = pl__convert(&sc, a->filter),
            .distinct = a->distinct,
        };
        b.node->col_type[c->group.n + i] = s.aggs.v[i]->type;
        b.node->width += pl__type_width(s.aggs.v[i]->type, -1);
    }
    struct expr_vec having = { 0 };
    pl__conjuncts(pl, c->having, &having);
    b.node->filter = pl__convert_all(&own, &having);
    const double groups = b.node->agg.strategy == AGG_PLAIN ? 1 : group_count(qp, &c->group, in.node->rows);
    b.node->startup_cost = in.node->total_cost + in.node->rows * pl->opt->cpu_operator_cost * (c->group.n + s.aggs.n);
    b.node->total_cost = b.node->startup_cost + groups * pl->opt->cpu_tuple_cost;
    b.node->rows = MAX(1.0, rint(groups * (having.n > 0 ? pl__selectivity_all(qp, &having) : 1)));
    return b;
}

static struct plan_node *sort_node(struct qplan *qp, const struct plan_node *child, struct sort_key *key, uint16_t n, struct expr *limit,
                                   struct expr *offset)
{
    struct planner *pl = qp->pl;
    struct plan_node *s = node_above(pl, NODE_SORT, child);
    const double rows = limit_rows(limit, offset);
    s->sort.nkeys = n;
    s->sort.key = key;
    s->sort.limit = limit;
    s->sort.offset = limit != NULL ? offset : NULL;
    s->startup_cost = child->total_cost + pl__cost_sort(pl, child->rows, child->width, rows);
    s->total_cost = s->startup_cost + child->rows * pl->opt->cpu_operator_cost;
    return s;
}

static struct built distinct_all(struct qplan *qp, struct built in, uint16_t ncols)
{
    struct planner *pl = qp->pl;
    struct plan_node *a = node_above(pl, NODE_AGG, in.node);
    a->agg.strategy = AGG_HASH;
    a->agg.ngroup = ncols;
    a->agg.group = PL_ARRAY(pl, struct expr *, ncols);
    const struct scope s = { .qp = qp, .in = { &in.out } };
    double groups = 1;
    for (uint16_t i = 0; i < ncols; i++) {
        struct expr *c = PL_NEW(pl, struct expr);
        *c = (struct expr){ .kind = EXPR_COL, .type = a->col_type[i], .typmod = in.out.e[i]->typmod, .location = -1 };
        c->col.col = i;
        a->agg.group[i] = c;
        groups *= pl__distinct(s.qp, in.out.e[i], in.node->rows);
    }
    a->rows = MAX(1.0, rint(MIN(groups, in.node->rows)));
    a->startup_cost = in.node->total_cost + in.node->rows * pl->opt->cpu_operator_cost * ncols;
    a->total_cost = a->startup_cost + a->rows * pl->opt->cpu_tuple_cost;
    return (struct built){ a, in.out };
}

/* Sort keys of ORDER BY; for DISTINCT ON its other columns follow. */
static struct sort_key *sort_keys(struct qplan *qp, uint16_t *ret_n)
{
    const struct query *q = qp->q;
    struct sort_key *k = PL_ARRAY(qp->pl, struct sort_key, q->norder + q->ndistinct);
    uint16_t n = 0;
    for (uint16_t i = 0; i < q->norder; i++)
        k[n++] = (struct sort_key){ .col = q->order[i].target, .descending = q->order[i].descending, .nulls_first = q->order[i].nulls_first };
    for (uint16_t i = 0; i < q->ndistinct; i++) {
        bool there = false;
        for (uint16_t j = 0; j < n; j++)
            there |= k[j].col == q->distinct_target[i];
        if (!there)
            k[n++] = (struct sort_key){ .col = q->distinct_target[i] };
    }
    *ret_n = n;
    return k;
}

static struct plan_node *unique_node(struct qplan *qp, const struct plan_node *child)
{
    struct plan_node *u = node_above(qp->pl, NODE_UNIQUE, child);
    u->unique.nkeys = qp->q->ndistinct;
    u->unique.col = arena_dup(qp->pl->arena, qp->q->distinct_target, sizeof(uint16_t) * qp->q->ndistinct);
    u->total_cost += child->rows * qp->pl->opt->cpu_operator_cost * u->unique.nkeys;
    return u;
}

static struct plan_node *limit_node(struct qplan *qp, const struct plan_node *child, struct expr *limit, struct expr *offset)
{
    struct plan_node *l = node_above(qp->pl, NODE_LIMIT, child);
    l->limit.limit = limit;
    l->limit.offset = offset;
    const double skip = offset == NULL ? 0 : offset->kind == EXPR_CONST && !offset->c.null ? (double)offset->c.v.i : child->rows * 0.1;
    double n = limit == NULL ? child->rows : limit->kind == EXPR_CONST && !limit->c.null ? (double)limit->c.v.i : child->rows * 0.1;
    const double per_row = (child->total_cost - child->startup_cost) / MAX(child->rows, 1.0);
    n = MAX(1.0, MIN(n, child->rows - skip));
    l->startup_cost = child->startup_cost + MIN(skip, child->rows) * per_row;
    l->total_cost = MIN(child->total_cost, l->startup_cost + n * per_row);
    l->rows = rint(n);
    return l;
}

/* FOR UPDATE: the rows are locked above the sort, which therefore works on the tables' columns. */
static struct built lock_rows(struct qplan *qp, struct built in)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    relset locked = 0;
    struct plan_node *l = node_above(pl, NODE_LOCK_ROWS, in.node);
    l->lock.n = q->nmarks;
    l->lock.target = PL_ARRAY(pl, struct row_target, q->nmarks);
    for (uint16_t i = 0; i < q->nmarks; i++) {
        pl__row_target(qp, &in, q->mark[i].rte, &l->lock.target[i]);
        l->lock.target[i].wait = q->mark[i].wait;
        locked |= UINT64_C(1) << q->mark[i].rte;
    }
    l->lock.recheck = pl__recheck(qp, &in, locked);
    l->total_cost += in.node->rows * pl->opt->cpu_tuple_cost;
    return (struct built){ l, in.out };
}

static struct built sort_for_lock(struct qplan *qp, struct built in, const struct clauses *c)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    struct sort_key *key = PL_ARRAY(pl, struct sort_key, q->norder);
    const struct expr **e = PL_ARRAY(pl, const struct expr *, in.out.n + q->norder);
    uint16_t n = in.out.n;
    memcpy(e, in.out.e, sizeof(*e) * n);
    for (uint16_t i = 0; i < q->norder; i++) {
        uint16_t col = 0;
        while (col < n && !expr_equal(e[col], c->target[q->order[i].target].expr))
            col++;
        if (col == n)
            e[n++] = c->target[q->order[i].target].expr;
        key[i] = (struct sort_key){ .col = col, .descending = q->order[i].descending, .nulls_first = q->order[i].nulls_first };
    }
    struct built b = pl__project(qp, in, e, n);
    b.node = sort_node(qp, b.node, key, q->norder, NULL, NULL);
    return b;
}

static const struct expr **target_exprs(struct planner *pl, const struct clauses *c)
{
    const struct expr **e = PL_ARRAY(pl, const struct expr *, c->ntargets);
    for (uint16_t i = 0; i < c->ntargets; i++)
        e[i] = c->target[i].expr;
    return e;
}

/* Leaves the columns for ORDER BY alone out. Junk stands behind the others. */
static struct plan_node *drop_junk(struct qplan *qp, struct plan_node *child, uint16_t nvisible)
{
    struct planner *pl = qp->pl;
    if (child->ncols == nvisible)
        return child;
    struct plan_node *p = pl__node(pl, NODE_PROJECT, nvisible);
    p->left = child;
    p->startup_cost = child->startup_cost;
    p->total_cost = child->total_cost;
    p->rows = child->rows;
    p->project.expr = PL_ARRAY(pl, struct expr *, nvisible);
    for (uint16_t i = 0; i < nvisible; i++) {
        struct expr *c = PL_NEW(pl, struct expr);
        *c = (struct expr){ .kind = EXPR_COL, .type = child->col_type[i], .typmod = -1, .location = -1 };
        c->col.col = i;
        p->project.expr[i] = c;
        p->col_type[i] = child->col_type[i];
        p->width += pl__type_width(c->type, -1);
    }
    return p;
}

/* ---- set operations ------------------------------------------------------------------------- */

static void append_sides(struct qplan *qp, const struct query *q, const struct query *top, struct plan_node **v, uint32_t *n, uint32_t max)
{
    const bool same = q->setop == AST_UNION && q->norder == 0 && q->limit == NULL && q->offset == NULL && (q->setop_all || !top->setop_all);
    if (!same || *n + 2 > max) {
        v[(*n)++] = pl__query(qp->pl, q, qp, PLACE_SETOP, NULL).node;
        return;
    }
    append_sides(qp, q->left, top, v, n, max);
    append_sides(qp, q->right, top, v, n, max);
}

#define APPEND_MAX 4096

static struct built set_operation(struct qplan *qp)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    struct plan_node **child = PL_ARRAY(pl, struct plan_node *, APPEND_MAX + 2);
    uint32_t n = 0;
    append_sides(qp, q->left, q, child, &n, APPEND_MAX);
    append_sides(qp, q->right, q, child, &n, APPEND_MAX);
    struct plan_node *a = pl__node(pl, NODE_APPEND, q->ntargets);
    struct built b = { a, { .n = q->ntargets, .e = PL_ARRAY(pl, const struct expr *, q->ntargets) } };
    for (uint16_t i = 0; i < q->ntargets; i++) {
        a->col_type[i] = q->target[i].expr->type;
        b.out.e[i] = q->target[i].expr;
    }
    a->append.n = (uint16_t)n;
    a->append.child = child;
    for (uint32_t i = 0; i < n; i++) {
        a->total_cost += child[i]->total_cost;
        a->rows += child[i]->rows;
        a->width = MAX(a->width, child[i]->width);
    }
    return q->setop_all ? b : distinct_all(qp, b, q->ntargets);
}

/* ---- a query ------------------------------------------------------------------------------------ */

static struct expr *plain(struct qplan *qp, const struct expr *e)
{
    const struct scope none = { .qp = qp };
    return pl__convert(&none, pl__fold(qp->pl, e));
}

static struct built plain_select(struct qplan *qp, struct expr *limit, struct expr *offset)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    const struct clauses c = fold_clauses(pl, q);
    const struct path *path;
    const struct expr **e = target_exprs(pl, &c);
    uint16_t nkeys;
    struct sort_key *keys = sort_keys(qp, &nkeys);
    wanted_order(qp, &c);
    qp->limit_rows = limit_rows(limit, offset);
    struct built b = tables(qp, &path);
    bool sorted = qp->norder > 0 && path != NULL && path->norder == qp->norder;
    if (q->grouped)
        b = aggregate(qp, b, &c);
    if (q->nmarks > 0) {
        if (q->norder > 0 && !sorted)
            b = sort_for_lock(qp, b, &c);
        b = lock_rows(qp, b);
        sorted = true;
        b = pl__project(qp, b, e, c.nvisible);
    } else {
        b = pl__project(qp, b, e, c.ntargets);
    }
    if (q->distinct == DISTINCT_ALL)
        b = distinct_all(qp, b, c.nvisible);
    if (nkeys > 0 && !sorted)
        b.node = sort_node(qp, b.node, keys, nkeys, q->distinct == DISTINCT_ON ? NULL : limit, offset);
    if (q->distinct == DISTINCT_ON)
        b.node = unique_node(qp, b.node);
    if (limit != NULL || offset != NULL)
        b.node = limit_node(qp, b.node, limit, offset);
    b.node = drop_junk(qp, b.node, c.nvisible);
    b.out.n = c.nvisible;
    return b;
}

static struct built setop_select(struct qplan *qp, struct expr *limit, struct expr *offset)
{
    struct built b = set_operation(qp);
    uint16_t nkeys;
    struct sort_key *keys = sort_keys(qp, &nkeys);
    if (nkeys > 0)
        b.node = sort_node(qp, b.node, keys, nkeys, limit, offset);
    if (limit != NULL || offset != NULL)
        b.node = limit_node(qp, b.node, limit, offset);
    return b;
}

struct built pl__query(struct planner *pl, const struct query *q, struct qplan *outer, enum query_place place, struct qplan **ret_qp)
{
    struct qplan *qp = pl__qplan(pl, q, outer, place);
    struct expr *limit = plain(qp, q->limit), *offset = plain(qp, q->offset);
    if (ret_qp != NULL)
        *ret_qp = qp;
    return q->setop != AST_SETOP_NONE ? setop_select(qp, limit, offset) : plain_select(qp, limit, offset);
}

/* ---- the plan -------------------------------------------------------------------------------------- */

static struct plan_node *plan_root(struct planner *pl, const struct query *q)
{
    switch (q->command) {
    case QUERY_SELECT:
        return pl__query(pl, q, NULL, PLACE_TOP, NULL).node;
    case QUERY_INSERT:
        return pl__insert(pl, q);
    case QUERY_UPDATE:
        return pl__update(pl, q);
    case QUERY_DELETE:
        return pl__delete(pl, q);
    }
    return NULL;
}

static bool reads_only(void *arg, const struct query *q);

static bool writes_nothing(void *arg, const struct expr *e)
{
    if (e->kind == EXPR_SUBLINK && !reads_only(arg, e->sublink.query))
        return false;
    if (e->kind == EXPR_FUNC && (strcmp(e->func.fn->name, "nextval") == 0 || strcmp(e->func.fn->name, "setval") == 0))
        return false;
    return expr_children(e, writes_nothing, arg);
}

static bool reads_only(void *arg, const struct query *q)
{
    return q->nmarks == 0 && q->command == QUERY_SELECT && query_each_expr(q, writes_nothing, arg) && query_each_query(q, reads_only, arg);
}

static void describe(struct planner *pl)
{
    struct plan *p = pl->plan;
    const struct tree *t = pl->tree;
    p->nparams = t->nparams;
    p->param_type = arena_dup(pl->arena, t->param_type, sizeof(oid_t) * t->nparams);
    p->ncols = t->ncols;
    p->col = PL_ARRAY(pl, struct result_column, t->ncols);
    for (uint16_t i = 0; i < t->ncols; i++) {
        p->col[i] = t->col[i];
        p->col[i].name = pl__str(pl, t->col[i].name);
    }
    p->text_len = t->text_len;
    p->text = arena_strndup(pl->arena, t->text, t->text_len);
    p->command = t->query->command;
    p->generation = t->generation;
    p->ncase_tests = t->ncase_tests;
    p->read_only = reads_only(NULL, t->query);
}

struct plan_call {
    struct planner pl;
    enum err err;
};

static void plan_on_big_stack(void *arg)
{
    struct plan_call *c = arg;
    struct planner *pl = &c->pl;
    if (setjmp(pl->out) != 0) {
        c->err = pl->d->err;
        return;
    }
    describe(pl);
    pl->plan->root = plan_root(pl, pl->tree->query);
    pl__find_shortcut(pl->plan);
    c->err = ERR_OK;
}

struct plan_options plan_default_options(void)
{
    return (struct plan_options){
        .seq_page_cost = 1,
        .random_page_cost = 4,
        .cpu_tuple_cost = 0.01,
        .cpu_index_tuple_cost = 0.005,
        .cpu_operator_cost = 0.0025,
        .effective_cache_size_pages = 524288,
        .work_mem_bytes = 4u << 20,
        .enable_seqscan = true,
        .enable_indexscan = true,
        .enable_hashjoin = true,
        .enable_nestloop = true,
        .enable_hashagg = true,
        .enable_sort = true,
        .types = { .extra_float_digits = 1 },
    };
}

enum err plan_make(struct catalog *c, struct tree *t, const struct plan_options *opt, struct plan **ret, struct diag *d)
{
    struct arena *arena = arena_new("plan", 0);
    struct plan *p = ARENA_NEW(arena, struct plan);
    struct plan_call call = { .pl = { .arena = arena, .plan = p, .tree = t, .opt = opt, .d = d } };
    p->arena = arena;
    p->catalog = c;
    p->rel = ARENA_ARRAY(arena, struct tree_rel, t->nrels + 1);
    if (t->nrels > 0)
        memcpy(p->rel, t->rel, sizeof(*t->rel) * t->nrels);
    p->nrels = t->nrels;
    t->nrels = 0; /* the plan's now */
    rt_call_on_big_stack(plan_on_big_stack, &call);
    if (call.err != ERR_OK) {
        plan_free(p);
        return call.err;
    }
    *ret = p;
    return ERR_OK;
}

void plan_free(struct plan *p)
{
    if (p == NULL)
        return;
    for (uint16_t i = 0; i < p->nrels; i++)
        catalog_release(p->catalog, p->rel[i].def);
    arena_free(p->arena);
}
