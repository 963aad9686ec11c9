#include "sql/plan/plan_int.h"

/* INSERT, UPDATE, DELETE, and what row locks share with them. */

void pl__row_target(struct qplan *qp, const struct built *in, uint16_t rte_no, struct row_target *ret)
{
    const struct rte *rte = qp->q->rte[rte_no];
    *ret = (struct row_target){ .rel = rte->rel, .col_of = PL_ARRAY(qp->pl, int16_t, rte->ncols) };
    for (uint16_t c = 0; c < rte->ncols; c++)
        ret->col_of[c] = -1;
    for (uint16_t i = 0; i < in->out.n; i++) {
        const struct expr *e = in->out.e[i];
        if (e->kind != EXPR_VAR || e->var.up > 0 || e->var.rte != rte_no)
            continue;
        if (e->var.col == VAR_ROWID)
            ret->rowid_col = i;
        else
            ret->col_of[e->var.col - 1] = (int16_t)i;
    }
}

static void inner_conditions(struct planner *pl, const struct from *f, struct expr_vec *ret)
{
    if (f == NULL || !f->is_join)
        return;
    if (f->type == JOIN_INNER)
        pl__conjuncts(pl, pl__fold(pl, f->on), ret);
    inner_conditions(pl, f->left, ret);
    inner_conditions(pl, f->right, ret);
}

struct expr *pl__recheck(struct qplan *qp, const struct built *in, relset changed)
{
    struct planner *pl = qp->pl;
    struct expr_vec all = { 0 }, mine = { 0 };
    const struct scope s = { .qp = qp, .in = { &in->out } };
    pl__conjuncts(pl, pl__fold(pl, qp->q->where), &all);
    inner_conditions(pl, qp->q->from, &all);
    for (uint32_t i = 0; i < all.n; i++)
        if ((pl__rels_of(all.v[i]) & changed) != 0)
            pl__push(pl, &mine, all.v[i]);
    return pl__convert_all(&s, &mine);
}

/* The table's row, as checks and RETURNING see it. */
static struct outputs whole_row(struct qplan *qp, uint16_t rte_no)
{
    struct planner *pl = qp->pl;
    const struct rte *rte = qp->q->rte[rte_no];
    struct outputs o = { .n = rte->ncols, .e = PL_ARRAY(pl, const struct expr *, rte->ncols) };
    for (uint16_t c = 0; c < rte->ncols; c++) {
        struct expr *v = PL_NEW(pl, struct expr);
        *v = (struct expr){ .kind = EXPR_VAR, .type = rte->col[c].type, .typmod = rte->col[c].typmod, .location = -1 };
        v->var.rte = rte_no;
        v->var.col = (int16_t)(c + 1);
        o.e[c] = v;
    }
    return o;
}

static struct plan_node *modify_node(struct qplan *qp, enum plan_node_kind kind, struct built in)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    struct plan_node *m = pl__node(pl, kind, q->nreturning);
    const struct outputs row = whole_row(qp, q->result);
    const struct scope own = { .qp = qp, .in = { &row } }, with_child = { .qp = qp, .in = { &row, &in.out } };
    m->left = in.node;
    m->startup_cost = in.node->startup_cost;
    m->total_cost = in.node->total_cost;
    m->rows = q->nreturning > 0 ? in.node->rows : 0;
    m->width = q->nreturning > 0 ? in.node->width : 0;
    m->modify.counts = true;
    m->modify.nchecks = q->nchecks;
    m->modify.check = PL_ARRAY(pl, struct check_expr, q->nchecks);
    for (uint16_t i = 0; i < q->nchecks; i++)
        m->modify.check[i] = (struct check_expr){ .name = pl__str(pl, q->check[i].name), .expr = pl__convert(&own, pl__fold(pl, q->check[i].expr)) };
    m->modify.nreturning = q->nreturning;
    m->modify.returning = PL_ARRAY(pl, struct expr *, q->nreturning);
    for (uint16_t i = 0; i < q->nreturning; i++) {
        m->modify.returning[i] = pl__convert(&with_child, pl__fold(pl, q->returning[i].expr));
        m->col_type[i] = q->returning[i].expr->type;
    }
    return m;
}

/* ---- INSERT --------------------------------------------------------------------------------------- */

static struct built one_row(struct qplan *qp)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    const struct scope none = { .qp = qp };
    struct built b = { .node = pl__node(pl, NODE_VALUES, q->ntargets) };
    b.node->rows = 1;
    b.node->total_cost = pl->opt->cpu_tuple_cost;
    b.node->values.nrows = 1;
    b.node->values.row = PL_NEW(pl, struct expr **);
    b.node->values.row[0] = PL_ARRAY(pl, struct expr *, q->ntargets);
    for (uint16_t c = 0; c < q->ntargets; c++) {
        b.node->values.row[0][c] = pl__convert(&none, pl__fold(pl, q->target[c].expr));
        b.node->col_type[c] = q->target[c].expr->type;
        b.node->width += pl__type_width(q->target[c].expr->type, q->target[c].expr->typmod);
    }
    return b;
}

static struct built rows_of_source(struct qplan *qp)
{
    struct planner *pl = qp->pl;
    const struct query *q = qp->q;
    struct expr_vec constant = { 0 };
    const struct built in = pl__build(qp, pl__join(qp, &constant));
    const struct expr **e = PL_ARRAY(pl, const struct expr *, q->ntargets);
    for (uint16_t c = 0; c < q->ntargets; c++)
        e[c] = pl__fold(pl, q->target[c].expr);
    return pl__project(qp, in, e, q->ntargets);
}

struct plan_node *pl__insert(struct planner *pl, const struct query *q)
{
    struct qplan *qp = pl__qplan(pl, q, NULL, PLACE_TOP);
    const struct built in = q->from == NULL ? one_row(qp) : rows_of_source(qp);
    struct plan_node *m = modify_node(qp, NODE_INSERT, in);
    m->modify.target.rel = q->rte[q->result]->rel;
    return m;
}

/* ---- UPDATE, DELETE ---------------------------------------------------------------------------------- */

static struct built rows_to_change(struct qplan *qp)
{
    struct expr_vec constant = { 0 };
    const struct path *p = pl__join(qp, &constant);
    return pl__filter(qp, pl__build(qp, p), &constant);
}

struct plan_node *pl__update(struct planner *pl, const struct query *q)
{
    struct qplan *qp = pl__qplan(pl, q, NULL, PLACE_TOP);
    const struct built in = rows_to_change(qp);
    struct plan_node *m = modify_node(qp, NODE_UPDATE, in);
    const struct table_def *def = qp->rel[q->result].def;
    const struct scope s = { .qp = qp, .in = { &in.out } };
    pl__row_target(qp, &in, q->result, &m->modify.target);
    m->modify.recheck = pl__recheck(qp, &in, UINT64_C(1) << q->result);
    m->modify.set = PL_ARRAY(pl, struct expr *, def->ncols);
    m->modify.index_changes = PL_ARRAY(pl, bool, def->nindexes);
    for (uint16_t i = 0; i < q->ntargets; i++) {
        const int16_t attnum = q->target[i].attnum;
        m->modify.set[attnum - 1] = pl__convert(&s, pl__fold(pl, q->target[i].expr));
        for (uint16_t x = 0; x < def->nindexes; x++)
            for (uint16_t k = 0; k < def->index[x].ncols; k++)
                m->modify.index_changes[x] |= def->index[x].col[k].attnum == attnum;
    }
    return m;
}

struct plan_node *pl__delete(struct planner *pl, const struct query *q)
{
    struct qplan *qp = pl__qplan(pl, q, NULL, PLACE_TOP);
    const struct built in = rows_to_change(qp);
    struct plan_node *m = modify_node(qp, NODE_DELETE, in);
    pl__row_target(qp, &in, q->result, &m->modify.target);
    m->modify.recheck = pl__recheck(qp, &in, UINT64_C(1) << q->result);
    return m;
}
