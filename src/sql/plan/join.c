#include "sql/plan/plan_int.h"

/*
 * Join order: inner joins are taken apart into their tables and conditions,
 * and put together again in the cheapest order (dynamic programming over
 * subsets, greedily where there are many). Outer joins stay where they are,
 * as one item each; a condition above that no row of NULLs can satisfy makes
 * an inner join of them.
 */

struct item {
    relset rels;
    struct paths paths;
    struct rel *rel; /* one plain table: may be looked up by key; NULL: no */
    struct expr_vec conds; /* of that table alone */
};

struct items {
    uint32_t n, cap;
    struct item *v;
};

static struct item join_tree(struct qplan *qp, const struct from *f, const struct expr_vec *conds, struct expr_vec *ret_constant);

static relset rels_in(const struct from *f)
{
    return f->is_join ? rels_in(f->left) | rels_in(f->right) : UINT64_C(1) << f->rte;
}

static void append(struct planner *pl, struct expr_vec *to, const struct expr_vec *from)
{
    for (uint32_t i = 0; i < from->n; i++)
        pl__push(pl, to, from->v[i]);
}

/* ---- one join ------------------------------------------------------------------------------- */

/* "a = b" with a of the left and b of the right side: a hash join's key. */
static bool hash_key(const struct expr *e, relset left, relset right, struct expr **ret_left, struct expr **ret_right)
{
    if (e->kind != EXPR_FUNC || e->func.op == NULL || e->func.args.n != 2 || strcmp(e->func.op->name, "=") != 0)
        return false;
    struct expr *a = e->func.args.v[0], *b = e->func.args.v[1];
    const relset ra = pl__rels_of(a), rb = pl__rels_of(b);
    if (pl__key_family(a->type) != pl__key_family(b->type) || ra == 0 || rb == 0)
        return false;
    const bool straight = (ra & ~left) == 0 && (rb & ~right) == 0;
    const bool turned = (ra & ~right) == 0 && (rb & ~left) == 0;
    *ret_left = straight ? a : b;
    *ret_right = straight ? b : a;
    return straight || turned;
}

struct joining {
    struct qplan *qp;
    const struct item *left, *right;
    enum join_type type;
    const struct expr_vec *on, *filter;
    struct paths *ret;
};

static struct path *new_join(const struct joining *j, enum path_kind kind, const struct path *left, const struct path *right)
{
    struct path *p = PL_NEW(j->qp->pl, struct path);
    *p = (struct path){ .kind = kind, .rels = j->left->rels | j->right->rels, .left = left, .right = right, .type = j->type, .filter = *j->filter };
    return p;
}

static void add_join(const struct joining *j, struct path *p)
{
    pl__cost_join(j->qp, p);
    pl__add_path(j->qp, j->ret, p);
}

static bool try_hash(const struct joining *j)
{
    struct planner *pl = j->qp->pl;
    struct path *p = new_join(j, PATH_HASH, j->left->paths.cheapest, j->right->paths.cheapest);
    for (uint32_t i = 0; i < j->on->n; i++) {
        struct expr *l, *r;
        if (!hash_key(j->on->v[i], j->left->rels, j->right->rels, &l, &r)) {
            pl__push(pl, &p->on, j->on->v[i]);
            continue;
        }
        pl__push(pl, &p->left_key, l);
        pl__push(pl, &p->right_key, r);
        pl__push(pl, &p->keys, j->on->v[i]);
    }
    if (p->keys.n == 0)
        return false;
    add_join(j, p);
    return true;
}

static void try_nest(const struct joining *j, const struct path *left)
{
    struct path *p = new_join(j, PATH_NEST, left, j->right->paths.cheapest);
    p->on = *j->on;
    p->norder = left->norder;
    add_join(j, p);
}

static bool uses_join_condition(const struct index_match *m, const struct expr_vec *on)
{
    for (uint32_t i = 0; i < m->used.n; i++)
        for (uint32_t k = 0; k < on->n; k++)
            if (m->used.v[i] == on->v[k])
                return true;
    return false;
}

static void try_lookup(const struct joining *j, const struct path *left)
{
    struct planner *pl = j->qp->pl;
    const struct rel *r = j->right->rel;
    struct expr_vec all = { 0 };
    append(pl, &all, j->on);
    append(pl, &all, &j->right->conds);
    for (uint16_t i = 0; i < r->def->nindexes; i++) {
        struct index_match *m = pl__match_index(j->qp, r, i, &all, j->left->rels);
        if (!uses_join_condition(m, j->on))
            continue;
        struct path *p = new_join(j, PATH_LOOKUP, left, NULL);
        p->rel = j->right->rel;
        p->match = m;
        p->norder = left->norder;
        for (uint32_t k = 0; k < all.n; k++) {
            bool used = false;
            for (uint32_t u = 0; u < m->used.n; u++)
                used |= m->used.v[u] == all.v[k];
            if (!used)
                pl__push(pl, &p->on, all.v[k]);
        }
        add_join(j, p);
    }
}

/* All ways to join left with right, in this order. */
static void join_pair(struct qplan *qp, const struct item *left, const struct item *right, enum join_type type, const struct expr_vec *on,
                      const struct expr_vec *filter, struct paths *ret)
{
    const struct joining j = { .qp = qp, .left = left, .right = right, .type = type, .on = on, .filter = filter, .ret = ret };
    const bool hashed = try_hash(&j);
    if (type == JOIN_FULL) {
        if (!hashed) {
            diag_set(qp->pl->d, ERR_FEATURE, "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions");
            pl__throw(qp->pl);
        }
        return;
    }
    const struct path *ways[2] = { left->paths.cheapest, left->paths.ordered != left->paths.cheapest ? left->paths.ordered : NULL };
    for (int i = 0; i < 2; i++) {
        if (ways[i] == NULL)
            continue;
        try_nest(&j, ways[i]);
        if (right->rel != NULL)
            try_lookup(&j, ways[i]);
    }
}

/* ---- orders of inner joins ----------------------------------------------------------------- */

struct search {
    struct qplan *qp;
    struct items *items;
    const struct expr_vec *conds; /* that refer to several items */
};

/* The conditions that can be decided when these two meet, and not before. */
static struct expr_vec meeting(const struct search *s, relset a, relset b)
{
    struct expr_vec v = { 0 };
    for (uint32_t i = 0; i < s->conds->n; i++) {
        const relset r = pl__rels_of(s->conds->v[i]);
        if ((r & ~(a | b)) == 0 && (r & ~a) != 0 && (r & ~b) != 0)
            pl__push(s->qp->pl, &v, s->conds->v[i]);
    }
    return v;
}

static void join_subset(const struct search *s, struct item *best, uint32_t mask, bool cross)
{
    const struct expr_vec none = { 0 };
    for (uint32_t sub = (mask - 1) & mask; sub != 0; sub = (sub - 1) & mask) {
        const struct item *a = &best[sub], *b = &best[mask & ~sub];
        if (a->paths.cheapest == NULL || b->paths.cheapest == NULL)
            continue;
        const struct expr_vec on = meeting(s, a->rels, b->rels);
        if (on.n == 0 && !cross)
            continue;
        join_pair(s->qp, a, b, JOIN_INNER, &on, &none, &best[mask].paths);
    }
}

static struct item search_all(const struct search *s)
{
    const uint32_t n = s->items->n, full = (1u << n) - 1;
    struct item *best = PL_ARRAY(s->qp->pl, struct item, full + 1);
    for (uint32_t mask = 1; mask <= full; mask++) {
        struct item *it = &best[mask];
        if ((mask & (mask - 1)) == 0) {
            *it = s->items->v[__builtin_ctz(mask)];
            continue;
        }
        for (uint32_t i = 0; i < n; i++)
            if (mask & (1u << i))
                it->rels |= s->items->v[i].rels;
        join_subset(s, best, mask, false);
        if (it->paths.cheapest == NULL)
            join_subset(s, best, mask, true);
    }
    return best[full];
}

static struct item search_greedy(const struct search *s)
{
    const struct expr_vec none = { 0 };
    struct items *it = s->items;
    while (it->n > 1) {
        struct item best = { 0 };
        uint32_t bi = 0, bk = 0;
        for (int cross = 0; cross < 2 && best.paths.cheapest == NULL; cross++)
            for (uint32_t i = 0; i < it->n; i++)
                for (uint32_t k = 0; k < it->n; k++) {
                    struct item joined = { .rels = it->v[i].rels | it->v[k].rels };
                    const struct expr_vec on = meeting(s, it->v[i].rels, it->v[k].rels);
                    if (i == k || (on.n == 0 && !cross))
                        continue;
                    join_pair(s->qp, &it->v[i], &it->v[k], JOIN_INNER, &on, &none, &joined.paths);
                    if (best.paths.cheapest != NULL && joined.paths.cheapest->rows >= best.paths.cheapest->rows)
                        continue;
                    best = joined;
                    bi = MIN(i, k);
                    bk = MAX(i, k);
                }
        it->v[bi] = best;
        it->v[bk] = it->v[--it->n];
    }
    return it->v[0];
}

/* ---- taking FROM apart ----------------------------------------------------------------------- */

struct strict_in {
    relset rels;
    bool found;
};

/* NULL in a column of these tables makes the expression NULL. */
static bool find_strict(void *arg, const struct expr *e)
{
    struct strict_in *s = arg;
    if (e->kind == EXPR_VAR)
        s->found |= e->var.up == 0 && (s->rels & UINT64_C(1) << e->var.rte) != 0;
    else if ((e->kind == EXPR_FUNC && e->func.fn->strict) || e->kind == EXPR_CAST)
        expr_children(e, find_strict, s);
    return true;
}

/* Rows whose columns of these tables are all NULL do not satisfy the condition. */
static bool rejects_nulls(const struct expr *e, relset rels)
{
    struct strict_in s = { .rels = rels };
    if (e->kind == EXPR_IS_NULL && e->test.negated)
        find_strict(&s, e->test.arg);
    else if (e->kind == EXPR_IN)
        find_strict(&s, e->in.test);
    else if (e->kind == EXPR_FUNC)
        find_strict(&s, e);
    return s.found;
}

static bool any_rejects(const struct expr_vec *conds, relset rels)
{
    for (uint32_t i = 0; i < conds->n; i++)
        if (rejects_nulls(conds->v[i], rels))
            return true;
    return false;
}

static enum join_type reduced(const struct from *f, const struct expr_vec *conds)
{
    const bool left_real = any_rejects(conds, rels_in(f->left)), right_real = any_rejects(conds, rels_in(f->right));
    switch (f->type) {
    case JOIN_LEFT:
        return right_real ? JOIN_INNER : JOIN_LEFT;
    case JOIN_RIGHT:
        return left_real ? JOIN_INNER : JOIN_RIGHT;
    case JOIN_FULL:
        return left_real && right_real ? JOIN_INNER : left_real ? JOIN_LEFT : right_real ? JOIN_RIGHT : JOIN_FULL;
    default:
        return f->type;
    }
}

struct flat {
    uint32_t n, cap;
    const struct from **v; /* single entries and outer joins */
    enum join_type *type;
    struct expr_vec conds;
};

static void flatten(struct qplan *qp, const struct from *f, struct flat *ret)
{
    struct planner *pl = qp->pl;
    const enum join_type type = f->is_join ? reduced(f, &ret->conds) : JOIN_INNER;
    if (f->is_join && type == JOIN_INNER) {
        pl__conjuncts(pl, pl__fold(pl, f->on), &ret->conds);
        flatten(qp, f->left, ret);
        flatten(qp, f->right, ret);
        return;
    }
    if (ret->n == ret->cap) {
        const uint32_t cap = MAX(8u, 2 * ret->cap);
        const struct from **v = PL_ARRAY(pl, const struct from *, cap);
        enum join_type *t = PL_ARRAY(pl, enum join_type, cap);
        if (ret->n > 0) {
            memcpy(v, ret->v, sizeof(*v) * ret->n);
            memcpy(t, ret->type, sizeof(*t) * ret->n);
        }
        ret->v = v;
        ret->type = t;
        ret->cap = cap;
    }
    ret->v[ret->n] = f;
    ret->type[ret->n++] = type;
}

/* Moves what refers to nothing but `rels` from one list into two. */
static void split(struct planner *pl, const struct expr_vec *from, relset rels, struct expr_vec *inside, struct expr_vec *rest)
{
    for (uint32_t i = 0; i < from->n; i++) {
        const relset r = pl__rels_of(from->v[i]);
        pl__push(pl, r != 0 && (r & ~rels) == 0 ? inside : rest, from->v[i]);
    }
}

static struct item outer_join(struct qplan *qp, const struct from *f, enum join_type type, const struct expr_vec *conds)
{
    struct planner *pl = qp->pl;
    const struct from *l = f->left, *r = f->right;
    struct expr_vec on = { 0 }, left_conds = { 0 }, right_conds = { 0 }, filter = { 0 }, stays = { 0 };
    if (type == JOIN_RIGHT) {
        l = f->right;
        r = f->left;
        type = JOIN_LEFT;
    }
    pl__conjuncts(pl, pl__fold(pl, f->on), &on);
    if (type == JOIN_LEFT) {
        split(pl, conds, rels_in(l), &left_conds, &filter);
        split(pl, &on, rels_in(r), &right_conds, &stays);
    } else {
        filter = *conds;
        stays = on;
    }
    const struct item left = join_tree(qp, l, &left_conds, NULL), right = join_tree(qp, r, &right_conds, NULL);
    struct item it = { .rels = left.rels | right.rels };
    join_pair(qp, &left, &right, type, &stays, &filter, &it.paths);
    return it;
}

static struct item one_item(struct qplan *qp, const struct from *f, enum join_type type, const struct expr_vec *conds)
{
    if (f->is_join)
        return outer_join(qp, f, type, conds);
    struct item it = { .rels = UINT64_C(1) << f->rte, .conds = *conds };
    it.paths = pl__scan(qp, f->rte, conds);
    it.rel = qp->rel[f->rte].def != NULL ? &qp->rel[f->rte] : NULL;
    return it;
}

static void split_constant(struct planner *pl, const struct expr_vec *from, struct expr_vec *constant, struct expr_vec *rest)
{
    for (uint32_t i = 0; i < from->n; i++)
        pl__push(pl, pl__rels_of(from->v[i]) == 0 ? constant : rest, from->v[i]);
}

/*
 * Conditions that name no table decide about the whole tree: they go to *ret_constant. Below an outer join (NULL) they may empty this side alone,
 * and become conditions of its first item.
 */
static struct item join_tree(struct qplan *qp, const struct from *f, const struct expr_vec *conds, struct expr_vec *ret_constant)
{
    struct planner *pl = qp->pl;
    struct flat flat = { .conds = { 0 } };
    struct expr_vec constant = { 0 }, rest = { 0 };
    struct items items = { 0 };
    append(pl, &flat.conds, conds);
    flatten(qp, f, &flat);
    items.v = PL_ARRAY(pl, struct item, flat.n);
    split_constant(pl, &flat.conds, &constant, &rest);
    if (ret_constant != NULL)
        append(pl, ret_constant, &constant);
    for (uint32_t i = 0; i < flat.n; i++) {
        struct expr_vec mine = { 0 }, others = { 0 };
        if (i == 0 && ret_constant == NULL)
            append(pl, &mine, &constant);
        split(pl, &rest, rels_in(flat.v[i]), &mine, &others);
        items.v[items.n++] = one_item(qp, flat.v[i], flat.type[i], &mine);
        rest = others;
    }
    if (items.n == 1)
        return items.v[0];
    const struct search s = { .qp = qp, .items = &items, .conds = &rest };
    return items.n <= PLAN_SEARCH_MAX ? search_all(&s) : search_greedy(&s);
}

/* ---- entry ------------------------------------------------------------------------------------- */

static const struct path *choose(const struct qplan *qp, const struct paths *ps)
{
    const struct path *c = ps->cheapest, *o = ps->ordered;
    if (o == NULL || o == c)
        return c;
    const double wanted = qp->limit_rows;
    const double fraction = wanted > 0 && o->rows > wanted ? wanted / o->rows : 1;
    const double sorted = c->total + pl__cost_sort(qp->pl, c->rows, c->width, wanted);
    return o->startup + (o->total - o->startup) * fraction <= sorted ? o : c;
}

const struct path *pl__join(struct qplan *qp, struct expr_vec *ret_constant)
{
    struct expr_vec conds = { 0 };
    pl__conjuncts(qp->pl, pl__fold(qp->pl, qp->q->where), &conds);
    if (qp->q->from == NULL) {
        *ret_constant = conds;
        return NULL;
    }
    const struct item it = join_tree(qp, qp->q->from, &conds, ret_constant);
    return choose(qp, &it.paths);
}
