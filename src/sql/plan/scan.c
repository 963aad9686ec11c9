#include "sql/plan/plan_int.h"

#include <math.h>

/* ---- the tables of a query -------------------------------------------------------------- */

static bool mark_needed(void *arg, const struct expr *var, uint16_t depth)
{
    struct rel *r = &((struct qplan *)arg)->rel[var->var.rte];
    (void)depth;
    if (var->var.col == VAR_ROWID)
        r->need_rowid = true;
    else
        r->need[var->var.col - 1] = true;
    return true;
}

static void need_of_result(struct qplan *qp)
{
    struct rel *r = &qp->rel[qp->q->result];
    const struct table_def *def = r->def;
    r->need_rowid = true;
    for (uint16_t c = 0; qp->q->command == QUERY_UPDATE && c < def->ncols; c++)
        r->need[c] = !def->col[c].dropped;
    for (uint16_t i = 0; i < def->nindexes; i++)
        for (uint16_t c = 0; c < def->index[i].ncols; c++)
            r->need[def->index[i].col[c].attnum - 1] = true;
}

static void table_size(struct rel *r, const struct rte *rte)
{
    const struct table_def *def = r->def;
    uint32_t full = 28;
    for (uint16_t c = 0; c < rte->ncols; c++)
        if (!rte->col[c].dropped)
            full += pl__type_width(rte->col[c].type, rte->col[c].typmod);
    r->pages = def->pages;
    r->tuples = def->tuples;
    if (def->tuples < 0 || (def->tuples == 0 && def->pages == 0)) { /* never analysed: as PostgreSQL, ten full pages */
        r->pages = MAX(def->pages, 10.0);
        r->tuples = floor(r->pages * (8192 - 24) / full);
    }
}

void pl__rels(struct qplan *qp)
{
    const struct query *q = qp->q;
    struct planner *pl = qp->pl;
    if (q->nrte > PLAN_RELS_MAX) {
        diag_set(pl->d, ERR_LIMIT, "a query can have at most %d tables", PLAN_RELS_MAX);
        pl__throw(pl);
    }
    qp->rel = PL_ARRAY(pl, struct rel, q->nrte);
    for (uint16_t i = 0; i < q->nrte; i++) {
        struct rel *r = &qp->rel[i];
        const struct rte *rte = q->rte[i];
        r->rte = i;
        r->need = PL_ARRAY(pl, bool, rte->ncols);
        if (rte->kind == RTE_TABLE) {
            r->def = pl->plan->rel[rte->rel].def;
            table_size(r, rte);
        }
    }
    query_each_var(q, 0, mark_needed, qp);
    if (q->command == QUERY_UPDATE || q->command == QUERY_DELETE)
        need_of_result(qp);
    for (uint16_t i = 0; i < q->nmarks; i++)
        qp->rel[q->mark[i].rte].need_rowid = true;
    for (uint16_t i = 0; i < q->nrte; i++)
        for (uint16_t c = 0; c < q->rte[i]->ncols; c++)
            if (qp->rel[i].need[c])
                qp->rel[i].width += pl__type_width(q->rte[i]->col[c].type, q->rte[i]->col[c].typmod);
}

/* ---- indexes --------------------------------------------------------------------------------- */

/* Types whose index keys are encoded alike, so that a value of one finds entries of another. */
oid_t pl__key_family(oid_t type)
{
    switch (type) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
        return TYPE_INT8;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return TYPE_FLOAT8;
    case TYPE_OID:
    case TYPE_REGCLASS:
        return TYPE_OID;
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_NAME:
        return TYPE_TEXT;
    default:
        return type;
    }
}

/* The column itself, casts that change no bits looked through as long as order and equality stay the same. */
static bool is_column(const struct expr *e, uint16_t rte, int16_t attnum)
{
    while (e->kind == EXPR_CAST && e->cast.cast->fn == NULL && pl__key_family(e->type) == pl__key_family(e->cast.arg->type))
        e = e->cast.arg;
    return e->kind == EXPR_VAR && e->var.up == 0 && e->var.rte == rte && e->var.col == attnum;
}

static bool is_volatile_free(void *arg, const struct expr *e)
{
    if (e->kind == EXPR_FUNC && e->func.fn->volatility == FUNC_VOLATILE)
        return false;
    return e->kind != EXPR_SUBLINK && e->kind != EXPR_AGG && expr_children(e, is_volatile_free, arg);
}

/* A value that is known before the table is read: of `outer` tables, or of none. */
static bool is_key_value(const struct expr *e, relset outer, oid_t column_type)
{
    return (pl__rels_of(e) & ~outer) == 0 && pl__key_family(e->type) == pl__key_family(column_type) && is_volatile_free(NULL, e);
}

/* "column op value", turned round if need be. */
struct comparison {
    const char *op;
    struct expr *value;
};

static bool comparison_of(const struct expr *e, uint16_t rte, const struct column_def *col, relset outer, struct comparison *ret)
{
    if (e->kind != EXPR_FUNC || e->func.op == NULL || e->func.args.n != 2)
        return false;
    struct expr *a = e->func.args.v[0], *b = e->func.args.v[1];
    if (is_column(a, rte, col->attnum) && is_key_value(b, outer, col->type)) {
        *ret = (struct comparison){ e->func.op->name, b };
        return true;
    }
    if (is_column(b, rte, col->attnum) && is_key_value(a, outer, col->type) && e->func.op->commutator != NULL) {
        *ret = (struct comparison){ e->func.op->commutator, a };
        return true;
    }
    return false;
}

/* The column is tested alone: "WHERE flag" is flag = true. Not used: such an index rarely helps. */
static bool take_equality(struct planner *pl, struct index_match *m, uint16_t rte, const struct column_def *col, const struct expr_vec *conds,
                          relset outer)
{
    struct comparison c;
    for (uint32_t i = 0; i < conds->n; i++) {
        if (!comparison_of(conds->v[i], rte, col, outer, &c) || strcmp(c.op, "=") != 0)
            continue;
        m->eq[m->neq++] = c.value;
        pl__push(pl, &m->used, conds->v[i]);
        return true;
    }
    return false;
}

static bool take_list(struct planner *pl, struct index_match *m, uint16_t rte, const struct column_def *col, const struct expr_vec *conds, relset outer)
{
    for (uint32_t i = 0; i < conds->n; i++) {
        const struct expr *e = conds->v[i];
        if (e->kind != EXPR_IN || e->in.negated || !is_column(e->in.test, rte, col->attnum))
            continue;
        bool ok = true;
        for (uint32_t k = 0; k < e->in.list.n; k++)
            ok = ok && is_key_value(e->in.list.v[k], outer, col->type);
        if (!ok)
            continue;
        m->in = e->in.list;
        pl__push(pl, &m->used, conds->v[i]);
        return true;
    }
    return false;
}

static void take_range(struct planner *pl, struct index_match *m, uint16_t rte, const struct column_def *col, const struct expr_vec *conds, relset outer)
{
    struct comparison c;
    for (uint32_t i = 0; i < conds->n; i++) {
        if (!comparison_of(conds->v[i], rte, col, outer, &c))
            continue;
        if (c.op[0] == '>' && m->lower == NULL && (c.op[1] == 0 || strcmp(c.op, ">=") == 0)) {
            m->lower = c.value;
            m->lower_exclusive = c.op[1] == 0;
        } else if (c.op[0] == '<' && m->upper == NULL && (c.op[1] == 0 || strcmp(c.op, "<=") == 0)) {
            m->upper = c.value;
            m->upper_exclusive = c.op[1] == 0;
        } else {
            continue;
        }
        pl__push(pl, &m->used, conds->v[i]);
    }
}

struct index_match *pl__match_index(struct qplan *qp, const struct rel *r, uint16_t no, const struct expr_vec *conds, relset outer)
{
    struct planner *pl = qp->pl;
    const struct index_def *ix = &r->def->index[no];
    struct index_match *m = PL_NEW(pl, struct index_match);
    *m = (struct index_match){ .ix = ix, .no = no, .eq = PL_ARRAY(pl, struct expr *, ix->ncols) };
    for (uint16_t k = 0; k < ix->ncols; k++) {
        const struct column_def *col = &r->def->col[ix->col[k].attnum - 1];
        if (take_equality(pl, m, r->rte, col, conds, outer))
            continue;
        if (!take_list(pl, m, r->rte, col, conds, outer))
            take_range(pl, m, r->rte, col, conds, outer);
        break;
    }
    m->unique = ix->unique && m->neq == ix->ncols;
    m->selectivity = pl__selectivity_all(qp, &m->used);
    if (m->unique && r->tuples >= 1)
        m->selectivity = MIN(m->selectivity, 1 / r->tuples);
    return m;
}

static bool is_bound(const struct index_match *m, int16_t attnum)
{
    for (uint16_t i = 0; i < m->neq; i++)
        if (m->ix->col[i].attnum == attnum)
            return true;
    return false;
}

/* How many of the wanted keys the index gives, read forwards or backwards. */
static uint16_t order_given(const struct qplan *qp, const struct index_match *m, uint16_t rte, bool backward)
{
    uint16_t n = 0, at = m->neq;
    if (m->in.n > 0)
        return 0;
    for (; n < qp->norder; n++) {
        const struct order_key *k = &qp->order[n];
        if (k->rte != rte)
            break;
        if (is_bound(m, k->col))
            continue; /* one value only: any order will do */
        if (at >= m->ix->ncols || m->ix->col[at].attnum != k->col)
            break;
        if (k->descending != (m->ix->col[at].descending != backward) || k->nulls_first != (m->ix->col[at].nulls_first != backward))
            break;
        at++;
    }
    return n;
}

static void leave_unused(struct planner *pl, const struct expr_vec *conds, const struct expr_vec *used, struct expr_vec *ret)
{
    for (uint32_t i = 0; i < conds->n; i++) {
        bool is_used = false;
        for (uint32_t k = 0; k < used->n; k++)
            is_used |= used->v[k] == conds->v[i];
        if (!is_used)
            pl__push(pl, ret, conds->v[i]);
    }
}

static void add_index_path(struct qplan *qp, struct paths *ps, struct rel *r, struct index_match *m, const struct expr_vec *conds)
{
    const uint16_t fwd = order_given(qp, m, r->rte, false), back = order_given(qp, m, r->rte, true);
    struct path *p = PL_NEW(qp->pl, struct path);
    *p = (struct path){ .kind = PATH_INDEX, .rels = UINT64_C(1) << r->rte, .rel = r, .match = m };
    p->backward = back > fwd;
    p->norder = MAX(fwd, back);
    if (m->used.n == 0 && (qp->norder == 0 || p->norder < qp->norder))
        return;
    leave_unused(qp->pl, conds, &m->used, &p->filter);
    pl__cost_index(qp, p, 1);
    pl__add_path(qp, ps, p);
}

/* ---- scans -------------------------------------------------------------------------------------- */

/* What a path costs to whoever wants its first rows only. */
static double cost_of(const struct qplan *qp, const struct path *p)
{
    if (qp->limit_rows <= 0 || p->rows <= qp->limit_rows || p->norder < qp->norder)
        return p->total;
    return p->startup + (p->total - p->startup) * qp->limit_rows / p->rows;
}

void pl__add_path(struct qplan *qp, struct paths *ps, const struct path *p)
{
    if (ps->cheapest == NULL || p->total < ps->cheapest->total)
        ps->cheapest = p;
    if (p->norder == qp->norder && qp->norder > 0 && (ps->ordered == NULL || cost_of(qp, p) < cost_of(qp, ps->ordered)))
        ps->ordered = p;
}

static struct built other_rte(struct qplan *qp, uint16_t no, double *ret_rows)
{
    const struct rte *rte = qp->q->rte[no];
    struct planner *pl = qp->pl;
    struct built b = { 0 };
    const struct scope none = { .qp = qp };
    b.out.n = rte->ncols;
    b.out.e = PL_ARRAY(pl, const struct expr *, rte->ncols);
    for (uint16_t c = 0; c < rte->ncols; c++) {
        struct expr *v = PL_NEW(pl, struct expr);
        *v = (struct expr){ .kind = EXPR_VAR, .type = rte->col[c].type, .typmod = rte->col[c].typmod, .location = -1 };
        v->var.rte = no;
        v->var.col = (int16_t)(c + 1);
        b.out.e[c] = v;
    }
    if (rte->kind == RTE_SUBQUERY) {
        b.node = pl__query(pl, rte->query, qp, PLACE_FROM, NULL).node;
        *ret_rows = b.node->rows;
        return b;
    }
    b.node = pl__node(pl, rte->kind == RTE_VALUES ? NODE_VALUES : rte->kind == RTE_FUNC ? NODE_FUNC_SCAN : NODE_SOURCE, rte->ncols);
    for (uint16_t c = 0; c < rte->ncols; c++)
        b.node->col_type[c] = rte->col[c].type;
    *ret_rows = 1000;
    if (rte->kind == RTE_FUNC) {
        b.node->func.fn = rte->func.fn;
        b.node->func.name = pl__str(pl, rte->name);
        b.node->func.args.n = rte->func.args.n;
        b.node->func.args.v = PL_ARRAY(pl, struct expr *, rte->func.args.n);
        for (uint32_t i = 0; i < rte->func.args.n; i++)
            b.node->func.args.v[i] = pl__convert(&none, pl__fold(pl, rte->func.args.v[i]));
        const struct expr *lo = b.node->func.args.v[0], *hi = b.node->func.args.v[1];
        if (lo->kind == EXPR_CONST && hi->kind == EXPR_CONST && hi->c.v.i >= lo->c.v.i && rte->func.args.n == 2)
            *ret_rows = (double)hi->c.v.i - (double)lo->c.v.i + 1;
    }
    if (rte->kind == RTE_VALUES) {
        *ret_rows = rte->values.nrows;
        b.node->values.nrows = rte->values.nrows;
        b.node->values.row = PL_ARRAY(pl, struct expr **, rte->values.nrows);
        for (uint32_t r = 0; r < rte->values.nrows; r++) {
            b.node->values.row[r] = PL_ARRAY(pl, struct expr *, rte->ncols);
            for (uint16_t c = 0; c < rte->ncols; c++)
                b.node->values.row[r][c] = pl__convert(&none, pl__fold(pl, rte->values.row[r][c]));
        }
    }
    b.node->rows = *ret_rows;
    b.node->total_cost = *ret_rows * pl->opt->cpu_tuple_cost;
    return b;
}

struct paths pl__scan(struct qplan *qp, uint16_t no, const struct expr_vec *conds)
{
    struct rel *r = &qp->rel[no];
    struct paths ps = { 0 };
    struct path *p = PL_NEW(qp->pl, struct path);
    *p = (struct path){ .rels = UINT64_C(1) << no, .rel = r, .filter = *conds };
    if (r->def == NULL) {
        double rows;
        p->kind = PATH_SUB;
        r->sub = other_rte(qp, no, &rows);
        r->tuples = rows;
        p->rows = MAX(1.0, rint(rows * pl__selectivity_all(qp, conds)));
        p->width = MAX(r->width, 4u);
        p->startup = r->sub.node->startup_cost;
        p->total = r->sub.node->total_cost;
        pl__add_path(qp, &ps, p);
        return ps;
    }
    p->kind = PATH_SEQ;
    pl__cost_seq(qp, p);
    pl__add_path(qp, &ps, p);
    for (uint16_t i = 0; i < r->def->nindexes; i++) {
        struct index_match *m = pl__match_index(qp, r, i, conds, 0);
        if (m->unique) /* one row by its key: the short path, whatever the estimates say of a small table */
            ps = (struct paths){ 0 };
        add_index_path(qp, &ps, r, m, conds);
        if (m->unique)
            break;
    }
    return ps;
}
