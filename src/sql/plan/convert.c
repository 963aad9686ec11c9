#include "sql/plan/plan_int.h"

/* ---- which tables an expression refers to -------------------------------------------- */

static bool add_rel(void *arg, const struct expr *var, uint16_t depth)
{
    (void)depth;
    *(relset *)arg |= UINT64_C(1) << var->var.rte;
    return true;
}

relset pl__rels_of(const struct expr *e)
{
    relset r = 0;
    expr_each_var(e, 0, add_rel, &r);
    return r;
}

/* ---- values of outer queries ------------------------------------------------------------ */

static struct expr *var_of(struct planner *pl, const struct expr *var, uint16_t up)
{
    struct expr *v = arena_dup(pl->arena, var, sizeof(*var));
    v->var.up = up;
    return v;
}

static uint16_t new_exec_param(struct planner *pl, oid_t type)
{
    struct plan *p = pl->plan;
    if (p->nexec_params == pl->exec_cap) {
        const uint32_t cap = MAX(8u, 2 * pl->exec_cap);
        oid_t *v = PL_ARRAY(pl, oid_t, cap);
        if (p->nexec_params > 0)
            memcpy(v, p->exec_param_type, sizeof(*v) * p->nexec_params);
        p->exec_param_type = v;
        pl->exec_cap = cap;
    }
    p->exec_param_type[p->nexec_params] = type;
    return p->nexec_params++;
}

/* The exec param that carries column `var` of the query `up` levels around qp. */
static uint16_t outer_value(struct qplan *qp, const struct expr *var, uint16_t up)
{
    struct planner *pl = qp->pl;
    switch (qp->place) {
    case PLACE_SETOP:
        return outer_value(qp->outer, var, up);
    case PLACE_FROM:
        if (up == 1)
            pl__unsupported(pl, var->location, "LATERAL");
        return outer_value(qp->outer, var, (uint16_t)(up - 1));
    case PLACE_TOP:
    case PLACE_SUBLINK:
        break;
    }
    struct expr *seen = var_of(pl, var, (uint16_t)(up - 1));
    for (uint32_t i = 0; i < qp->nvalues; i++)
        if (expr_equal(qp->value[i].var, seen))
            return qp->value[i].exec_param;
    if (qp->nvalues == qp->value_cap) {
        const uint32_t cap = MAX(4u, 2 * qp->value_cap);
        struct outer_value *v = PL_ARRAY(pl, struct outer_value, cap);
        if (qp->nvalues > 0)
            memcpy(v, qp->value, sizeof(*v) * qp->nvalues);
        qp->value = v;
        qp->value_cap = cap;
    }
    qp->value[qp->nvalues] = (struct outer_value){ .var = seen, .exec_param = new_exec_param(pl, var->type) };
    return qp->value[qp->nvalues++].exec_param;
}

/* ---- sub-queries in expressions ----------------------------------------------------------- */

static uint16_t add_subplan(struct planner *pl, struct subplan s)
{
    struct plan *p = pl->plan;
    if (p->nsubplans == pl->subplan_cap) {
        const uint32_t cap = MAX(4u, 2 * pl->subplan_cap);
        struct subplan *v = PL_ARRAY(pl, struct subplan, cap);
        if (p->nsubplans > 0)
            memcpy(v, p->subplan, sizeof(*v) * p->nsubplans);
        p->subplan = v;
        pl->subplan_cap = cap;
    }
    p->subplan[p->nsubplans] = s;
    return p->nsubplans++;
}

static struct expr *convert(void *arg, const struct expr *e);

static struct expr *convert_sublink(const struct scope *s, const struct expr *e)
{
    struct planner *pl = s->qp->pl;
    struct qplan *sub;
    const struct built b = pl__query(pl, e->sublink.query, s->qp, PLACE_SUBLINK, &sub);
    struct subplan sp = { .root = b.node, .kind = e->sublink.kind, .ncorrelated = (uint16_t)sub->nvalues };
    sp.exec_param = PL_ARRAY(pl, uint16_t, sub->nvalues);
    sp.arg = PL_ARRAY(pl, struct expr *, sub->nvalues);
    for (uint32_t i = 0; i < sub->nvalues; i++) {
        sp.exec_param[i] = sub->value[i].exec_param;
        sp.arg[i] = convert((void *)s, sub->value[i].var);
    }
    sp.may_hash = e->sublink.kind == SUBLINK_ANY && sub->nvalues == 0 && strcmp(e->sublink.op->name, "=") == 0
                  && e->sublink.op->left == e->sublink.op->right;
    struct expr *r = PL_NEW(pl, struct expr);
    *r = (struct expr){ .kind = EXPR_SUBPLAN, .type = e->type, .typmod = e->typmod, .location = e->location };
    r->subplan.kind = e->sublink.kind;
    r->subplan.no = add_subplan(pl, sp);
    r->subplan.fn = e->sublink.fn;
    r->subplan.op = e->sublink.op;
    if (e->sublink.test != NULL) {
        const struct scope none = { .qp = s->qp };
        r->subplan.test = convert((void *)s, e->sublink.test);
        r->subplan.column = convert((void *)&none, e->sublink.column);
    }
    return r;
}

/* ---- columns ---------------------------------------------------------------------------------- */

static struct expr *column(struct planner *pl, const struct expr *like, uint8_t input, uint16_t col)
{
    struct expr *c = PL_NEW(pl, struct expr);
    *c = (struct expr){ .kind = EXPR_COL, .type = like->type, .typmod = like->typmod, .location = like->location };
    c->col.input = input;
    c->col.col = col;
    return c;
}

static struct expr *find(const struct scope *s, const struct expr *e)
{
    for (uint8_t in = 0; in < 2; in++) {
        const struct outputs *o = s->in[in];
        for (uint16_t i = 0; o != NULL && i < o->n; i++)
            if (o->e[i] != NULL && expr_equal(o->e[i], e))
                return column(s->qp->pl, e, in, i);
    }
    return NULL;
}

static struct expr *convert(void *arg, const struct expr *e)
{
    const struct scope *s = arg;
    struct planner *pl = s->qp->pl;
    if (e->kind != EXPR_CONST && e->kind != EXPR_PARAM) {
        struct expr *c = find(s, e);
        if (c != NULL)
            return c;
    }
    switch (e->kind) {
    case EXPR_VAR:
        if (e->var.up == 0) {
            diag_set(pl->d, ERR_INTERNAL, "column %d of table %u is not among a plan node's inputs", e->var.col, e->var.rte);
            pl__throw(pl);
        }
        struct expr *x = PL_NEW(pl, struct expr);
        *x = (struct expr){ .kind = EXPR_EXEC_PARAM, .type = e->type, .typmod = e->typmod, .location = e->location };
        x->exec_param = outer_value(s->qp, e, e->var.up);
        return x;
    case EXPR_SUBLINK:
        return convert_sublink(s, e);
    default:
        return expr_map_children(pl->arena, e, convert, arg);
    }
}

struct expr *pl__convert(const struct scope *s, const struct expr *e)
{
    return e != NULL ? pl__once(s->qp->pl, convert((void *)s, e)) : NULL;
}

struct expr *pl__convert_all(const struct scope *s, const struct expr_vec *v)
{
    return pl__convert(s, pl__and(s->qp->pl, v));
}
