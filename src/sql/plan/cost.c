#include "sql/plan/plan_int.h"

#include <math.h>

/*
 * Estimates, after PostgreSQL's: selectivity of conditions from ANALYZE's
 * column statistics, cost of scans and joins in units of a sequential page.
 */

#define EQ_DEFAULT 0.005
#define RANGE_DEFAULT (1.0 / 3.0)
#define MATCH_DEFAULT 0.01
#define DISTINCT_DEFAULT 200.0
#define UNKNOWN_DEFAULT 0.5

static double clamp(double s)
{
    return s < 0 ? 0 : s > 1 ? 1 : s;
}

uint32_t pl__type_width(oid_t type, int32_t typmod)
{
    const struct type *t = type_by_oid(type);
    if (t == NULL)
        return 8;
    if (t->len > 0)
        return (uint32_t)t->len;
    if ((type == TYPE_BPCHAR || type == TYPE_VARCHAR) && typmod > 4)
        return type == TYPE_BPCHAR ? (uint32_t)typmod - 3 : MIN((uint32_t)typmod - 3, 32u);
    return 32;
}

static bool count_cost(void *arg, const struct expr *e)
{
    double *cost = arg;
    *cost += pl__expr_cost(e);
    return true;
}

double pl__expr_cost(const struct expr *e)
{
    double cost = 0;
    switch (e->kind) {
    case EXPR_FUNC:
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
    case EXPR_TYPMOD:
        cost = 1;
        break;
    case EXPR_CAST:
        cost = e->cast.cast->fn != NULL;
        break;
    case EXPR_IN:
        cost = e->in.list.n / 2.0;
        break;
    case EXPR_SUBLINK:
        cost = 100;
        break;
    default:
        break;
    }
    expr_children(e, count_cost, &cost);
    return cost;
}

static double list_cost(const struct expr_vec *v)
{
    double cost = 0;
    for (uint32_t i = 0; i < v->n; i++)
        cost += pl__expr_cost(v->v[i]);
    return cost;
}

/* ---- columns' statistics ------------------------------------------------------------- */

static const struct expr *strip(const struct expr *e)
{
    while (e->kind == EXPR_CAST && e->cast.cast->fn == NULL)
        e = e->cast.arg;
    return e;
}

/* The statistics of a plain column; NULL where it is none or was never analysed. */
static const struct column_stats *stats_of(const struct qplan *qp, const struct expr *e, const struct rel **ret_rel)
{
    e = strip(e);
    *ret_rel = NULL;
    if (e->kind != EXPR_VAR || e->var.up > 0 || e->var.col < 1)
        return NULL;
    const struct rel *r = &qp->rel[e->var.rte];
    *ret_rel = r;
    return r->def != NULL && r->def->stats != NULL ? &r->def->stats[e->var.col - 1] : NULL;
}

static bool is_unique_column(const struct rel *r, int16_t attnum)
{
    for (uint16_t i = 0; r->def != NULL && i < r->def->nindexes; i++)
        if (r->def->index[i].unique && r->def->index[i].ncols == 1 && r->def->index[i].col[0].attnum == attnum)
            return true;
    return false;
}

double pl__distinct(const struct qplan *qp, const struct expr *e, double rows)
{
    const struct rel *r;
    const struct column_stats *st = stats_of(qp, e, &r);
    if (st != NULL && st->distinct > 0)
        return MAX(1.0, st->distinct);
    if (st != NULL && st->distinct < 0)
        return MAX(1.0, -st->distinct * r->tuples);
    if (r != NULL && is_unique_column(r, strip(e)->var.col))
        return MAX(1.0, r->tuples);
    if (e->type == TYPE_BOOL)
        return 2;
    return MAX(1.0, MIN(rows, DISTINCT_DEFAULT));
}

static bool const_number(const struct expr *e, double *ret)
{
    if (e->kind != EXPR_CONST || e->c.null)
        return false;
    switch (e->type) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        *ret = (double)e->c.v.i;
        return true;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        *ret = e->c.v.f;
        return true;
    default:
        return false;
    }
}

/* ---- selectivity ----------------------------------------------------------------------- */

static double eq_selectivity(const struct qplan *qp, const struct expr *a, const struct expr *b)
{
    const struct rel *ra, *rb;
    const struct column_stats *st = stats_of(qp, a, &ra);
    stats_of(qp, b, &rb);
    if (ra != NULL && rb != NULL && ra != rb)
        return 1 / MAX(pl__distinct(qp, a, ra->tuples), pl__distinct(qp, b, rb->tuples));
    if (ra == NULL && rb != NULL)
        return eq_selectivity(qp, b, a);
    if (ra == NULL)
        return EQ_DEFAULT;
    if (st == NULL && !is_unique_column(ra, strip(a)->var.col) && ra->def != NULL)
        return EQ_DEFAULT;
    return (st != NULL ? 1 - st->null_fraction : 1) / pl__distinct(qp, a, ra->tuples);
}

static double range_selectivity(const struct qplan *qp, const struct expr *col, const struct expr *bound, bool less)
{
    const struct rel *r;
    const struct column_stats *st = stats_of(qp, col, &r);
    double v;
    if (st == NULL || !st->has_range || st->hi <= st->lo || !const_number(bound, &v))
        return RANGE_DEFAULT;
    const double below = clamp((v - st->lo) / (st->hi - st->lo));
    return clamp((less ? below : 1 - below) * (1 - st->null_fraction));
}

static double func_selectivity(const struct qplan *qp, const struct expr *e)
{
    if (e->func.op == NULL || e->func.args.n != 2)
        return RANGE_DEFAULT;
    const char *op = e->func.op->name;
    const struct expr *a = e->func.args.v[0], *b = e->func.args.v[1];
    if (strcmp(op, "=") == 0)
        return eq_selectivity(qp, a, b);
    if (strcmp(op, "<>") == 0)
        return 1 - eq_selectivity(qp, a, b);
    if (op[0] == '<' || op[0] == '>') {
        const struct rel *r;
        stats_of(qp, a, &r);
        return r != NULL ? range_selectivity(qp, a, b, op[0] == '<') : range_selectivity(qp, b, a, op[0] == '>');
    }
    if (strcmp(op, "~~") == 0 || strcmp(op, "~~*") == 0)
        return MATCH_DEFAULT;
    if (strcmp(op, "!~~") == 0 || strcmp(op, "!~~*") == 0)
        return 1 - MATCH_DEFAULT;
    return RANGE_DEFAULT;
}

static double list_selectivity(const struct qplan *qp, const struct expr *e)
{
    double s = e->kind == EXPR_AND;
    for (uint32_t i = 0; i < e->args.n; i++) {
        const double a = pl__selectivity(qp, e->args.v[i]);
        s = e->kind == EXPR_AND ? s * a : s + a - s * a;
    }
    return s;
}

static double null_selectivity(const struct qplan *qp, const struct expr *e)
{
    const struct rel *r;
    const struct column_stats *st = stats_of(qp, e->test.arg, &r);
    const double nulls = st != NULL ? st->null_fraction : EQ_DEFAULT;
    return e->test.negated ? 1 - nulls : nulls;
}

double pl__selectivity(const struct qplan *qp, const struct expr *e)
{
    bool value;
    switch (e->kind) {
    case EXPR_CONST:
        return pl__is_const(e, &value) && value;
    case EXPR_AND:
    case EXPR_OR:
        return clamp(list_selectivity(qp, e));
    case EXPR_NOT:
        return 1 - pl__selectivity(qp, e->arg);
    case EXPR_FUNC:
        return clamp(func_selectivity(qp, e));
    case EXPR_IS_NULL:
        return clamp(null_selectivity(qp, e));
    case EXPR_IN: {
        const double one = eq_selectivity(qp, e->in.test, e->in.list.v[0]);
        return e->in.negated ? clamp(1 - one * e->in.list.n) : clamp(one * e->in.list.n);
    }
    default:
        return UNKNOWN_DEFAULT;
    }
}

double pl__selectivity_all(const struct qplan *qp, const struct expr_vec *v)
{
    double s = 1;
    double below = -1, above = -1;
    const struct expr *ranged = NULL;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct expr *e = v->v[i];
        const bool range = e->kind == EXPR_FUNC && e->func.op != NULL && e->func.args.n == 2 && (e->func.op->name[0] == '<' || e->func.op->name[0] == '>')
                           && strcmp(e->func.op->name, "<>") != 0;
        const double one = pl__selectivity(qp, e);
        if (range && (ranged == NULL || expr_equal(ranged, e->func.args.v[0]))) { /* a < x AND a > y: one interval */
            ranged = e->func.args.v[0];
            if (e->func.op->name[0] == '<')
                below = one;
            else
                above = one;
        } else {
            s *= one;
        }
    }
    if (below >= 0 && above >= 0)
        s *= below == RANGE_DEFAULT || above == RANGE_DEFAULT ? EQ_DEFAULT : MAX(below + above - 1, 1e-6);
    else if (below >= 0 || above >= 0)
        s *= MAX(below, above);
    return clamp(s);
}

/* ---- scans -------------------------------------------------------------------------------- */

static double round_rows(double rows)
{
    return rows <= 1 ? 1 : rint(rows);
}

void pl__cost_seq(const struct qplan *qp, struct path *p)
{
    const struct plan_options *o = qp->pl->opt;
    const struct rel *r = p->rel;
    p->rows = round_rows(r->tuples * pl__selectivity_all(qp, &p->filter));
    p->width = r->width;
    p->startup = o->enable_seqscan ? 0 : 1e10;
    p->total = p->startup + r->pages * o->seq_page_cost + r->tuples * (o->cpu_tuple_cost + list_cost(&p->filter) * o->cpu_operator_cost);
}

/* Pages of a table that `tuples` random fetches touch (Mackert and Lohman), all of it fitting the cache. */
static double pages_fetched(double tuples, double pages)
{
    if (pages <= 0)
        return 0;
    return MIN(ceil(2 * pages * tuples / (2 * pages + tuples)), MAX(pages, 1.0));
}

void pl__cost_index(const struct qplan *qp, struct path *p, double loops)
{
    const struct plan_options *o = qp->pl->opt;
    const struct rel *r = p->rel;
    const struct index_match *m = p->match;
    const double found = MAX(1.0, rint(r->tuples * m->selectivity));
    const double index_pages = MAX(1.0, m->ix->pages > 0 ? m->ix->pages : r->tuples / 250);
    const double leaves = MAX(1.0, ceil(index_pages * m->selectivity));
    const double descents = m->in.n > 0 ? m->in.n : 1;
    p->rows = round_rows(found * pl__selectivity_all(qp, &p->filter));
    p->width = r->width;
    p->startup = (o->enable_indexscan ? 0 : 1e10) + descents * (ceil(log2(MAX(2.0, r->tuples))) * o->cpu_operator_cost + 50 * o->cpu_operator_cost);
    double io = leaves * o->random_page_cost;
    const double heap = loops > 1 ? pages_fetched(found * loops, r->pages) / loops : pages_fetched(found, r->pages);
    if (loops > 1) /* the upper pages and many leaves stay in the cache between look-ups */
        io = MIN(io, pages_fetched(leaves * loops, index_pages) * o->random_page_cost / loops);
    io += heap * o->random_page_cost;
    const double per_tuple = o->cpu_index_tuple_cost + o->cpu_operator_cost * (m->neq + (m->lower != NULL) + (m->upper != NULL));
    p->total = p->startup + io + found * (per_tuple + o->cpu_tuple_cost + list_cost(&p->filter) * o->cpu_operator_cost);
}

double pl__cost_sort(const struct planner *pl, double rows, uint32_t width, double limit)
{
    const struct plan_options *o = pl->opt;
    const double n = MAX(rows, 2.0);
    double cost = 2 * o->cpu_operator_cost * n * log2(limit > 0 && limit * 2 < n ? 2 * MAX(limit, 1.0) : n);
    const double bytes = n * (width + 24);
    if (limit <= 0 && bytes > (double)pl->opt->work_mem_bytes)
        cost += 2 * bytes / 8192 * (o->seq_page_cost * 0.75 + o->random_page_cost * 0.25);
    return cost + (o->enable_sort ? 0 : 1e10);
}

/* ---- joins ---------------------------------------------------------------------------------- */

static double join_rows(const struct qplan *qp, const struct path *p)
{
    double s = pl__selectivity_all(qp, &p->on) * pl__selectivity_all(qp, &p->keys);
    double inner = p->kind == PATH_LOOKUP ? p->rel->tuples : p->right->rows;
    if (p->kind == PATH_LOOKUP)
        for (uint32_t i = 0; i < p->match->used.n; i++)
            s *= pl__selectivity(qp, p->match->used.v[i]);
    double rows = p->left->rows * inner * s;
    if (p->type == JOIN_LEFT || p->type == JOIN_FULL)
        rows = MAX(rows, p->left->rows);
    if (p->type == JOIN_RIGHT || p->type == JOIN_FULL)
        rows = MAX(rows, inner);
    return round_rows(rows * pl__selectivity_all(qp, &p->filter));
}

static void cost_hash(const struct qplan *qp, struct path *p)
{
    const struct plan_options *o = qp->pl->opt;
    const double nkeys = p->left_key.n;
    const double bytes = p->right->rows * (p->right->width + 32);
    p->startup = (o->enable_hashjoin ? 0 : 1e10) + p->right->total + p->right->rows * (o->cpu_operator_cost * nkeys + o->cpu_tuple_cost)
                 + p->left->startup;
    p->total = p->startup + (p->left->total - p->left->startup) + p->left->rows * o->cpu_operator_cost * nkeys
               + p->rows * (o->cpu_tuple_cost + list_cost(&p->on) * o->cpu_operator_cost);
    if (bytes > (double)o->work_mem_bytes)
        p->total += 2 * (bytes + p->left->rows * (p->left->width + 32)) / 8192 * o->seq_page_cost;
}

static void cost_nest(const struct qplan *qp, struct path *p)
{
    const struct plan_options *o = qp->pl->opt;
    const double pairs = p->left->rows * p->right->rows;
    p->startup = p->left->startup + p->right->startup + (o->enable_nestloop ? 0 : 1e10);
    p->total = p->startup + (p->left->total - p->left->startup) + (p->right->total - p->right->startup)
               + p->left->rows * p->right->rows * o->cpu_operator_cost + pairs * (o->cpu_tuple_cost + list_cost(&p->on) * o->cpu_operator_cost);
}

static void cost_lookup(const struct qplan *qp, struct path *p)
{
    const struct plan_options *o = qp->pl->opt;
    struct path inner = { .kind = PATH_INDEX, .rel = p->rel, .match = p->match };
    pl__cost_index(qp, &inner, MAX(1.0, p->left->rows));
    p->startup = p->left->startup + (o->enable_nestloop ? 0 : 1e10);
    p->total = p->startup + (p->left->total - p->left->startup) + p->left->rows * inner.total
               + p->rows * (o->cpu_tuple_cost + list_cost(&p->on) * o->cpu_operator_cost);
}

void pl__cost_join(const struct qplan *qp, struct path *p)
{
    p->width = p->left->width + (p->kind == PATH_LOOKUP ? p->rel->width : p->right->width);
    p->rows = join_rows(qp, p);
    if (p->kind == PATH_HASH)
        cost_hash(qp, p);
    else if (p->kind == PATH_LOOKUP)
        cost_lookup(qp, p);
    else
        cost_nest(qp, p);
    p->total += p->rows * list_cost(&p->filter) * qp->pl->opt->cpu_operator_cost;
}
