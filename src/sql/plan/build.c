#include "sql/plan/plan_int.h"

#include <math.h>

/* ---- scans ------------------------------------------------------------------------------ */

void pl__columns_of(const struct qplan *qp, const struct rel *r, int16_t **ret_attnum, struct outputs *ret)
{
    struct planner *pl = qp->pl;
    const struct rte *rte = qp->q->rte[r->rte];
    uint16_t n = 0;
    *ret_attnum = PL_ARRAY(pl, int16_t, rte->ncols + 1);
    ret->e = PL_ARRAY(pl, const struct expr *, rte->ncols + 1);
    for (int32_t c = 0; c <= rte->ncols; c++) {
        const bool rowid = c == rte->ncols;
        if (rowid ? !r->need_rowid : !r->need[c])
            continue;
        struct expr *v = PL_NEW(pl, struct expr);
        *v = (struct expr){ .kind = EXPR_VAR, .type = TYPE_ROWID, .typmod = -1, .location = -1 };
        v->var.rte = r->rte;
        v->var.col = rowid ? VAR_ROWID : (int16_t)(c + 1);
        if (!rowid) {
            v->type = rte->col[c].type;
            v->typmod = rte->col[c].typmod;
        }
        (*ret_attnum)[n] = v->var.col;
        ret->e[n++] = v;
    }
    ret->n = n;
}

static void set_types(struct plan_node *node, const struct outputs *o)
{
    for (uint16_t i = 0; i < o->n; i++)
        node->col_type[i] = o->e[i]->type;
}

static void set_costs(struct plan_node *node, const struct path *p)
{
    node->startup_cost = p->startup;
    node->total_cost = p->total;
    node->rows = p->rows;
    node->width = p->width;
}

static struct expr **convert_list(const struct scope *s, struct expr *const *v, uint32_t n)
{
    struct expr **r = PL_ARRAY(s->qp->pl, struct expr *, n);
    for (uint32_t i = 0; i < n; i++)
        r[i] = pl__convert(s, v[i]);
    return r;
}

/* `keys` sees the values, `conds` the row that was found too. */
static void set_key(const struct index_match *m, const struct scope *keys, const struct scope *conds, struct index_key *ret)
{
    *ret = (struct index_key){
        .index = m->no,
        .neq = m->neq,
        .eq = convert_list(keys, m->eq, m->neq),
        .nin = (uint16_t)m->in.n,
        .in = convert_list(keys, m->in.v, m->in.n),
        .lower = pl__convert(keys, m->lower),
        .upper = pl__convert(keys, m->upper),
        .lower_exclusive = m->lower_exclusive,
        .upper_exclusive = m->upper_exclusive,
        .unique = m->unique && m->in.n == 0,
    };
    ret->cond.n = m->used.n;
    ret->cond.v = convert_list(conds, m->used.v, m->used.n);
}

static struct built build_scan(struct qplan *qp, const struct path *p)
{
    struct built b;
    int16_t *attnum;
    pl__columns_of(qp, p->rel, &attnum, &b.out);
    const struct rte *rte = qp->q->rte[p->rel->rte];
    const struct scope none = { .qp = qp }, row = { .qp = qp, .in = { &b.out } };
    b.node = pl__node(qp->pl, p->kind == PATH_SEQ ? NODE_SEQ_SCAN : NODE_INDEX_SCAN, b.out.n);
    b.node->scan.rel = rte->rel;
    b.node->scan.name = pl__str(qp->pl, rte->name);
    b.node->scan.attnum = attnum;
    b.node->scan.backward = p->backward;
    set_types(b.node, &b.out);
    set_costs(b.node, p);
    if (p->kind == PATH_INDEX)
        set_key(p->match, &none, &row, &b.node->scan.key);
    b.node->filter = pl__convert_all(&row, &p->filter);
    return b;
}

/* ---- joins ------------------------------------------------------------------------------- */

static struct outputs both(struct planner *pl, const struct outputs *l, const struct outputs *r)
{
    struct outputs o = { .n = (uint16_t)(l->n + r->n) };
    o.e = PL_ARRAY(pl, const struct expr *, o.n);
    memcpy(o.e, l->e, sizeof(*o.e) * l->n);
    memcpy(o.e + l->n, r->e, sizeof(*o.e) * r->n);
    return o;
}

static void set_out(struct planner *pl, struct plan_node *node, uint16_t nleft)
{
    node->join.out = PL_ARRAY(pl, struct plan_col_ref, node->ncols);
    for (uint16_t i = 0; i < node->ncols; i++)
        node->join.out[i] = i < nleft ? (struct plan_col_ref){ 0, i } : (struct plan_col_ref){ 1, (uint16_t)(i - nleft) };
}

static void set_hash_keys(struct qplan *qp, struct plan_node *node, const struct path *p, const struct scope *l, const struct scope *r)
{
    struct planner *pl = qp->pl;
    node->join.nkeys = (uint16_t)p->keys.n;
    node->join.left_key = convert_list(l, p->left_key.v, p->left_key.n);
    node->join.right_key = convert_list(r, p->right_key.v, p->right_key.n);
    node->join.eq = PL_ARRAY(pl, const struct func *, p->keys.n);
    node->join.key_type = PL_ARRAY(pl, oid_t, p->keys.n);
    for (uint32_t i = 0; i < p->keys.n; i++) {
        const oid_t lt = p->left_key.v[i]->type, rt = p->right_key.v[i]->type;
        const struct operator *op = operator_exact("=", lt, rt);
        node->join.eq[i] = op != NULL ? op->func : p->keys.v[i]->func.fn;
        node->join.key_type[i] = lt == rt ? lt : pl__key_family(lt);
    }
}

static struct built build_join(struct qplan *qp, const struct path *p)
{
    static const enum plan_node_kind kinds[] = { [PATH_NEST] = NODE_NEST_LOOP, [PATH_HASH] = NODE_HASH_JOIN, [PATH_LOOKUP] = NODE_LOOKUP_JOIN };
    struct planner *pl = qp->pl;
    const struct built left = pl__build(qp, p->left);
    struct built right = { 0 }, b;
    int16_t *attnum = NULL;
    if (p->kind == PATH_LOOKUP)
        pl__columns_of(qp, p->rel, &attnum, &right.out);
    else
        right = pl__build(qp, p->right);
    b.out = both(pl, &left.out, &right.out);
    b.node = pl__node(pl, kinds[p->kind], b.out.n);
    struct plan_node *node = b.node;
    const struct scope l = { .qp = qp, .in = { &left.out } }, r = { .qp = qp, .in = { &right.out } };
    const struct scope lr = { .qp = qp, .in = { &left.out, &right.out } };
    node->left = left.node;
    node->right = right.node;
    node->join.type = p->type;
    set_types(node, &b.out);
    set_costs(node, p);
    set_out(pl, node, left.out.n);
    if (p->kind == PATH_HASH)
        set_hash_keys(qp, node, p, &l, &r);
    if (p->kind == PATH_LOOKUP) {
        const struct rte *rte = qp->q->rte[p->rel->rte];
        node->join.rel = rte->rel;
        node->join.name = pl__str(pl, rte->name);
        node->join.nattnum = right.out.n;
        node->join.attnum = attnum;
        set_key(p->match, &l, &lr, &node->join.key);
    }
    node->join.on = pl__convert_all(&lr, &p->on);
    node->filter = pl__convert_all(&lr, &p->filter);
    return b;
}

struct built pl__build(struct qplan *qp, const struct path *p)
{
    switch (p->kind) {
    case PATH_SEQ:
    case PATH_INDEX:
        return build_scan(qp, p);
    case PATH_SUB:
        return pl__filter(qp, p->rel->sub, &p->filter);
    default:
        return build_join(qp, p);
    }
}

/* ---- what goes on top ------------------------------------------------------------------------ */

struct built pl__filter(struct qplan *qp, struct built in, const struct expr_vec *conds)
{
    struct planner *pl = qp->pl;
    if (conds->n == 0)
        return in;
    const struct scope s = { .qp = qp, .in = { &in.out } };
    struct plan_node *node = pl__node(pl, NODE_FILTER, in.out.n);
    set_types(node, &in.out);
    node->left = in.node;
    node->filter = pl__convert_all(&s, conds);
    node->startup_cost = in.node->startup_cost;
    node->total_cost = in.node->total_cost + in.node->rows * pl->opt->cpu_operator_cost * conds->n;
    node->rows = MAX(1.0, rint(in.node->rows * pl__selectivity_all(qp, conds)));
    node->width = in.node->width;
    return (struct built){ node, in.out };
}

static bool is_identity(const struct plan_node *child, struct expr *const *e, uint16_t n)
{
    if (child->ncols != n)
        return false;
    for (uint16_t i = 0; i < n; i++)
        if (e[i]->kind != EXPR_COL || e[i]->col.input != 0 || e[i]->col.col != i)
            return false;
    return true;
}

struct built pl__project(struct qplan *qp, struct built in, const struct expr *const *e, uint16_t n)
{
    struct planner *pl = qp->pl;
    const struct scope s = { .qp = qp, .in = { &in.out } };
    struct built b = { .out = { .n = n, .e = PL_ARRAY(pl, const struct expr *, n) } };
    struct expr **x = PL_ARRAY(pl, struct expr *, n);
    uint32_t width = 0;
    double ops = 0;
    for (uint16_t i = 0; i < n; i++) {
        x[i] = pl__convert(&s, e[i]);
        b.out.e[i] = e[i];
        width += pl__type_width(e[i]->type, e[i]->typmod);
        ops += pl__expr_cost(e[i]);
    }
    if (in.node->kind == NODE_RESULT && in.node->ncols == 0) { /* no FROM: the one row is made here */
        b.node = in.node;
        b.node->ncols = n;
        b.node->col_type = PL_ARRAY(pl, oid_t, n);
    } else if (is_identity(in.node, x, n)) {
        b.node = in.node;
        return b;
    } else {
        b.node = pl__node(pl, NODE_PROJECT, n);
        b.node->left = in.node;
        b.node->startup_cost = in.node->startup_cost;
        b.node->total_cost = in.node->total_cost + in.node->rows * ops * pl->opt->cpu_operator_cost;
        b.node->rows = in.node->rows;
    }
    b.node->project.expr = x;
    b.node->width = width;
    set_types(b.node, &b.out);
    return b;
}
