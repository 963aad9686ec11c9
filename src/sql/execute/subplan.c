/*
 * Sub-queries in expressions. One that depends on nothing runs once; a
 * correlated one runs again when a value that it depends on differs from the
 * last run's. The column of ANY and ALL is kept, hashed where equality allows.
 */
#include "sql/execute/exec_int.h"
#include "sql/execute/rows.h"

struct subplan_run {
    const struct subplan *plan;
    struct node *root; /* NULL: not yet used */
    struct arena *arena; /* results and arguments of the last run */
    bool ran;
    union datum *arg;
    uint8_t *arg_null;
    /* SCALAR, EXISTS */
    union datum v;
    uint8_t null;
    /* ANY, ALL: the column */
    struct xp *column;
    const struct type *type;
    uint32_t n, cap;
    union datum *val;
    uint8_t *val_null;
    uint32_t nnull;
    uint32_t *slot; /* hashed: 1 + index of a value; NULL: not hashed */
    uint32_t mask;
};

static union datum keep(struct arena *a, union datum v, bool is_str)
{
    if (is_str && v.s.len)
        v.s.p = arena_dup(a, v.s.p, v.s.len);
    return v;
}

static bool same_datum(oid_t type, union datum a, bool a_null, union datum b, bool b_null)
{
    if (a_null || b_null)
        return a_null == b_null;
    if (type_rep(type) >= REP_STR)
        return a.s.len == b.s.len && (a.s.len == 0 || memcmp(a.s.p, b.s.p, a.s.len) == 0);
    return memcmp(&a.i, &b.i, sizeof a.i) == 0;
}

/* ---- running -------------------------------------------------------------------------- */

struct make_call {
    struct exec *e;
    struct subplan_run *r;
    struct diag *d;
    enum err err;
};

static void make_on_big_stack(void *arg)
{
    struct make_call *c = arg;
    c->err = exec__node_new(c->e, c->r->plan->root, &c->r->root, c->d);
}

static enum err make(struct exec *e, struct subplan_run *r, const struct expr *x, struct diag *d)
{
    const uint16_t n = r->plan->ncorrelated;
    r->arena = arena_new("sub-query", e->memory_max);
    r->arg = ARENA_ARRAY(e->arena, union datum, n);
    r->arg_null = ARENA_ARRAY(e->arena, uint8_t, n);
    struct make_call c = { e, r, d, ERR_OK };
    rt_call_on_big_stack(make_on_big_stack, &c);
    if (!c.err && (r->plan->kind == SUBLINK_ANY || r->plan->kind == SUBLINK_ALL)) {
        r->column = exec__xp_new(e, x->subplan.column, VEC_ROWS);
        r->type = type_by_oid(x->subplan.column->type);
    }
    return c.err;
}

/* The arguments that the coming run is for. */
static void set_arguments(struct exec *e, struct subplan_run *r, const union datum *arg, const uint8_t *arg_null)
{
    for (uint16_t i = 0; i < r->plan->ncorrelated; i++) {
        r->arg_null[i] = arg_null[i];
        r->arg[i] = arg_null[i] ? (union datum){ 0 } : keep(r->arena, arg[i], type_rep(r->plan->arg[i]->type) >= REP_STR);
        exec__set_param(e, r->plan->exec_param[i], r->arg[i], arg_null[i]);
    }
}

static bool same_arguments(const struct subplan_run *r, const union datum *arg, const uint8_t *arg_null)
{
    for (uint16_t i = 0; i < r->plan->ncorrelated; i++)
        if (!same_datum(r->plan->arg[i]->type, r->arg[i], r->arg_null[i], arg[i], arg_null[i]))
            return false;
    return true;
}

static enum err run_scalar(struct subplan_run *r, struct diag *d)
{
    struct batch b;
    r->null = 1;
    enum err err = node_next(r->root, &b, d);
    if (err || b.sel.n == 0)
        return err;
    const uint32_t i = vec_row(b.col[0], sel_row(&b.sel, 0));
    const bool more = b.sel.n > 1;
    r->null = b.col[0]->null[i];
    if (!r->null)
        r->v = keep(r->arena, b.col[0]->v[i], type_rep(r->plan->root->col_type[0]) >= REP_STR);
    if (!more)
        err = node_next(r->root, &b, d);
    if (err || b.sel.n == 0)
        return err;
    return diag_set(d, ERR_CARDINALITY, "more than one row returned by a subquery used as an expression");
}

static enum err run_exists(struct subplan_run *r, struct diag *d)
{
    struct batch b;
    r->root->want = 1;
    enum err err = node_next(r->root, &b, d);
    r->v.i = !err && b.sel.n > 0;
    r->null = 0;
    return err;
}

static void grow(struct subplan_run *r)
{
    const uint32_t cap = MAX(2 * r->cap, VEC_ROWS);
    union datum *v = arena_alloc(r->arena, cap * sizeof *v);
    uint8_t *null = arena_alloc(r->arena, cap);
    if (r->n) {
        memcpy(v, r->val, r->n * sizeof *v);
        memcpy(null, r->val_null, r->n);
    }
    r->val = v;
    r->val_null = null;
    r->cap = cap;
}

static bool find(const struct subplan_run *r, union datum v, uint32_t *ret_at)
{
    for (uint32_t at = (uint32_t)r->type->hash(v) & r->mask;; at = (at + 1) & r->mask) {
        *ret_at = at;
        if (!r->slot[at])
            return false;
        if (r->type->cmp(r->val[r->slot[at] - 1], v) == 0)
            return true;
    }
}

static void hash_column(struct subplan_run *r)
{
    uint32_t slots = 16;
    while (slots < 2 * r->n)
        slots *= 2;
    r->mask = slots - 1;
    r->slot = ARENA_ARRAY(r->arena, uint32_t, slots);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t at;
        if (!r->val_null[i] && !find(r, r->val[i], &at))
            r->slot[at] = i + 1;
    }
}

static bool can_hash(const struct subplan_run *r, const struct expr *x)
{
    const struct type *test = type_by_oid(x->subplan.test->type);
    return r->plan->may_hash && test && r->type && r->type->hash && test->hash == r->type->hash && test->cmp == r->type->cmp;
}

static enum err run_column(struct exec *e, struct subplan_run *r, const struct expr *x, struct diag *d)
{
    const bool is_str = type_rep(x->subplan.column->type) >= REP_STR;
    r->n = r->cap = r->nnull = 0;
    r->slot = NULL;
    for (;;) {
        struct batch b;
        const struct vec *v;
        enum err err = node_next(r->root, &b, d);
        if (err || b.sel.n == 0) {
            if (!err && can_hash(r, x))
                hash_column(r);
            return err;
        }
        const struct xctx c = { e, r->arena, { b.col } };
        err = exec__xp_eval(&c, r->column, &b.sel, &v);
        if (err)
            return err;
        if (r->n > UINT32_MAX / 4 || arena_over_limit(r->arena))
            return exec__out_of_memory(e, "A sub-query", d);
        while (r->n + b.sel.n > r->cap)
            grow(r);
        for (uint32_t k = 0; k < b.sel.n; k++) {
            const uint32_t i = vec_row(v, sel_row(&b.sel, k));
            r->val_null[r->n] = v->null[i];
            r->nnull += v->null[i];
            r->val[r->n++] = v->null[i] ? (union datum){ 0 } : keep(r->arena, v->v[i], is_str);
        }
    }
}

static enum err run(struct exec *e, struct subplan_run *r, const struct expr *x, const union datum *arg, const uint8_t *arg_null, struct diag *d)
{
    /* the arguments may be the last run's own: they are copied before its memory goes */
    struct arena *before = r->arena;
    r->arena = arena_new("sub-query", e->memory_max);
    set_arguments(e, r, arg, arg_null);
    if (r->ran)
        exec__node_rewind(r->root);
    r->ran = false;
    arena_free(before);
    struct arena *batch = e->func.types.arena;
    enum err err = ERR_OK;
    switch (r->plan->kind) {
    case SUBLINK_SCALAR:
        err = run_scalar(r, d);
        break;
    case SUBLINK_EXISTS:
        err = run_exists(r, d);
        break;
    case SUBLINK_ANY:
    case SUBLINK_ALL:
        err = run_column(e, r, x, d);
        break;
    }
    e->func.types.arena = batch;
    r->ran = !err;
    return err;
}

/* ---- ANY, ALL --------------------------------------------------------------------------------- */

static enum err answer(bool v, bool null, union datum *ret, uint8_t *ret_null)
{
    ret->i = v;
    *ret_null = null;
    return ERR_OK;
}

static enum err compare_hashed(const struct subplan_run *r, union datum test, bool test_null, union datum *ret, uint8_t *ret_null)
{
    uint32_t at;
    if (r->n == 0)
        return answer(false, false, ret, ret_null);
    if (test_null)
        return answer(false, true, ret, ret_null);
    const bool found = find(r, test, &at);
    return answer(found, !found && r->nnull > 0, ret, ret_null);
}

/* The test against all values, a vector of them at a time. */
static enum err compare_all(struct exec *e, const struct subplan_run *r, const struct expr *x, union datum test, bool test_null, union datum *ret,
                            uint8_t *ret_null)
{
    const bool decides = r->plan->kind == SUBLINK_ANY;
    const oid_t types[2] = { x->subplan.test->type, x->subplan.column->type };
    struct arena *a = e->func.types.arena;
    struct vec out = { arena_alloc(a, VEC_ROWS * sizeof(union datum)), arena_alloc(a, VEC_ROWS), false };
    struct value left;
    value_set(&left, test, test_null);
    bool unknown = false;
    for (uint32_t from = 0; from < r->n; from += VEC_ROWS) {
        const struct vec right = { r->val + from, r->val_null + from, false };
        const struct vec *argv[2] = { &left.vec, &right };
        const struct sel rows = { NULL, MIN(VEC_ROWS, r->n - from) };
        e->func.arg_types = types;
        enum err err = x->subplan.fn->fn(&e->func, &rows, argv, 2, &out);
        if (err)
            return err;
        for (uint32_t i = 0; i < rows.n; i++) {
            if (!out.null[i] && (out.v[i].i != 0) == decides)
                return answer(decides, false, ret, ret_null);
            unknown |= out.null[i];
        }
    }
    return answer(!decides, unknown, ret, ret_null);
}

/* ---- from expressions ---------------------------------------------------------------------------- */

enum err exec__subplan(struct exec *e, const struct expr *x, const union datum *arg, const uint8_t *arg_null, union datum test, uint8_t test_null,
                       union datum *ret, uint8_t *ret_null)
{
    struct diag *d = e->func.d;
    if (!e->subplan)
        e->subplan = ARENA_ARRAY(e->arena, struct subplan_run, e->plan->nsubplans);
    struct subplan_run *r = &e->subplan[x->subplan.no];
    enum err err = ERR_OK;
    if (!r->plan) {
        r->plan = &e->plan->subplan[x->subplan.no];
        err = make(e, r, x, d);
    }
    if (!err && !(r->ran && same_arguments(r, arg, arg_null)))
        err = run(e, r, x, arg, arg_null, d);
    if (err)
        return err;
    if (!r->column) { /* the next run of a correlated one takes its memory with it */
        const bool copy = r->plan->ncorrelated && r->plan->kind == SUBLINK_SCALAR && !r->null && type_rep(x->type) >= REP_STR;
        *ret = keep(e->func.types.arena, r->v, copy);
        *ret_null = r->null;
        return ERR_OK;
    }
    return r->slot ? compare_hashed(r, test, test_null, ret, ret_null) : compare_all(e, r, x, test, test_null, ret, ret_null);
}

void exec__subplans_end(struct exec *e)
{
    for (uint16_t i = 0; e->subplan && i < e->plan->nsubplans; i++)
        arena_free(e->subplan[i].arena);
    e->subplan = NULL;
}
