#include "sql/analyse/analyse_int.h"

/* UNION, INTERSECT, EXCEPT: the columns of both sides get one type. */

static const char *const setop_names[] = { [AST_UNION] = "UNION", [AST_INTERSECT] = "INTERSECT", [AST_EXCEPT] = "EXCEPT" };

static uint16_t visible(const struct query *q)
{
    uint16_t n = 0;
    while (n < q->ntargets && !q->target[n].junk)
        n++;
    return n;
}

/* A side whose columns must change their type beneath a set operation or a sort is wrapped: SELECT casts FROM (side). */
static struct query *wrap(struct an *an, struct query *side)
{
    struct level *lv = an__level(an, NULL);
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_SUBQUERY;
    rte->query = side;
    rte->name = "*SELECT*";
    rte->ncols = visible(side);
    rte->col = AN_ARRAY(an, struct rte_col, rte->ncols);
    for (uint16_t i = 0; i < rte->ncols; i++)
        rte->col[i] = (struct rte_col){ .name = side->target[i].name, .type = side->target[i].expr->type, .typmod = side->target[i].expr->typmod };
    const uint16_t no = an__add_rte(an, lv, rte);
    lv->q->command = QUERY_SELECT;
    lv->q->from = AN_NEW(an, struct from);
    lv->q->from->rte = no;
    lv->q->ntargets = rte->ncols;
    lv->q->target = AN_ARRAY(an, struct target, rte->ncols);
    for (uint16_t i = 0; i < rte->ncols; i++)
        lv->q->target[i] = (struct target){ .expr = an__rte_var(an, lv, no, i, side->target[i].expr->location), .name = rte->col[i].name };
    return lv->q;
}

static bool is_open(const struct expr *e)
{
    return e->type == TYPE_UNKNOWN && (e->kind == EXPR_CONST || e->kind == EXPR_PARAM);
}

static struct query *coerce_side(struct an *an, struct query *side, const oid_t *type, const char *what)
{
    bool must_wrap = false;
    const uint16_t n = visible(side);
    for (uint16_t i = 0; i < n; i++) {
        struct target *t = &side->target[i];
        if (is_open(t->expr))
            t->expr = an__coerce_common(an, t->expr, type[i], what);
        must_wrap |= t->expr->type != type[i];
    }
    if (!must_wrap)
        return side;
    if (side->setop != AST_SETOP_NONE || side->distinct != DISTINCT_NONE || side->norder > 0 || side->limit != NULL || side->offset != NULL)
        side = wrap(an, side);
    for (uint16_t i = 0; i < n; i++)
        side->target[i].expr = an__coerce_common(an, side->target[i].expr, type[i], what);
    return side;
}

static struct query *side_of(struct an *an, struct level *lv, const struct ast_select *s)
{
    if (s->nlocking > 0)
        an__fail(an, ERR_FEATURE, -1, "FOR %s is not allowed with UNION/INTERSECT/EXCEPT", s->locking[0].strength);
    return an__select(an, lv->outer, s, true, lv->ctes);
}

static int first_location(const struct ast_expr *a)
{
    while (a->kind == AST_OP && a->op.left != NULL)
        a = a->op.left;
    return a->location;
}

static void sort_by_result(struct an *an, const struct ast_sorts *order)
{
    for (uint32_t i = 0; i < order->n; i++) {
        const struct ast_expr *a = order->v[i].expr;
        if (a->kind == AST_INTEGER || (a->kind == AST_COLUMN && a->column.name.n == 1 && !a->column.star))
            continue;
        diag_set(an->d, ERR_FEATURE, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
        diag_detail(an->d, "Only result column names can be used, not expressions or functions.");
        diag_hint(an->d, "Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
        an__position(an, first_location(a));
        an__throw(an);
    }
}

void an__setop(struct an *an, struct level *lv, const struct ast_select *s)
{
    struct query *q = lv->q;
    const char *what = setop_names[s->setop];
    if (s->setop != AST_UNION)
        an__unsupported(an, s->right->location, what);
    q->setop = s->setop;
    q->setop_all = s->all;
    q->left = side_of(an, lv, s->left);
    q->right = side_of(an, lv, s->right);
    const uint16_t n = visible(q->left);
    if (n != visible(q->right))
        an__fail(an, ERR_SYNTAX, s->right->location, "each %s query must have the same number of columns", what);
    oid_t *type = AN_ARRAY(an, oid_t, n);
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_SOURCE;
    rte->name = "*SELECT*";
    rte->ncols = n;
    rte->col = AN_ARRAY(an, struct rte_col, n);
    for (uint16_t i = 0; i < n; i++) {
        struct expr *pair[2] = { q->left->target[i].expr, q->right->target[i].expr };
        const bool open = lv->keep_unknown && is_open(pair[0]) && is_open(pair[1]);
        type[i] = open ? TYPE_TEXT : an__common_type(an, pair, 2, what);
        rte->col[i] = (struct rte_col){ .name = q->left->target[i].name, .type = type[i], .typmod = an__common_typmod(pair, 2, type[i]) };
    }
    q->left = coerce_side(an, q->left, type, what);
    q->right = coerce_side(an, q->right, type, what);
    const uint16_t no = an__add_rte(an, lv, rte);
    an__show_rte(an, lv, no, false, false);
    q->ntargets = n;
    q->target = AN_ARRAY(an, struct target, n);
    for (uint16_t i = 0; i < n; i++) {
        if (!s->all && type_by_oid(type[i])->cmp == NULL)
            an__fail(an, ERR_UNDEFINED_FUNCTION, -1, "could not identify an equality operator for type %s", an__type_name(an, type[i]));
        q->target[i] = (struct target){ .expr = an__rte_var(an, lv, no, i, -1), .name = rte->col[i].name };
    }
    sort_by_result(an, &s->order);
    an__order_by(an, lv, &s->order);
    an__limit(an, lv, s);
}
