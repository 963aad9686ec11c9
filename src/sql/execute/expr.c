/*
 * Expressions over vectors. What need not be computed is not: AND, OR, CASE,
 * COALESCE and IN hand each argument only the rows that still matter.
 */
#include "sql/execute/exec_int.h"

struct in_set; /* constants of a long IN list */

struct xp {
    const struct expr *e;
    struct value value; /* CONST, PARAM */
    struct vec out; /* the result, where it is not an input's */
    uint32_t cap;
    uint32_t nargs;
    struct xp **arg;
    const struct vec **argv; /* FUNC: what the arguments gave */
    oid_t *arg_type;
    struct vec tmp; /* of single comparisons: IN, DISTINCT, NULLIF */
    uint16_t *rest, *hit; /* narrowed selections */
    struct in_set *set;
    bool set_tried;
};

static const struct sel one_row = { NULL, 1 };

/* ---- making ----------------------------------------------------------------------------- */

static uint32_t arguments(const struct exec *e, const struct expr *x, struct expr *single[2], struct expr *const **ret)
{
    *ret = single;
    switch (x->kind) {
    case EXPR_FUNC:
        *ret = x->func.args.v;
        return x->func.args.n;
    case EXPR_CAST:
        single[0] = x->cast.arg;
        return 1;
    case EXPR_TYPMOD:
        single[0] = x->typmod_of.arg;
        return 1;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_COALESCE:
    case EXPR_GREATEST:
    case EXPR_LEAST:
        *ret = x->args.v;
        return x->args.n;
    case EXPR_NOT:
        single[0] = x->arg;
        return 1;
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
        single[0] = x->test.arg;
        return 1;
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
        single[0] = x->pair.left;
        single[1] = x->pair.right;
        return 2;
    case EXPR_SUBPLAN:
        *ret = e->plan->subplan[x->subplan.no].arg;
        return e->plan->subplan[x->subplan.no].ncorrelated;
    default:
        return 0;
    }
}

/* CASE: test (or NULL), else, then when and then of each arm. IN: test, then the list. SUBPLAN: its arguments, then the test (or NULL). */
static void make_arguments(struct exec *e, struct xp *x)
{
    const struct expr *ex = x->e;
    if (ex->kind == EXPR_CASE) {
        x->nargs = 2 + 2 * ex->cases.n;
        x->arg = ARENA_ARRAY(e->arena, struct xp *, x->nargs);
        x->arg[0] = exec__xp_new(e, ex->cases.test, x->cap);
        x->arg[1] = exec__xp_new(e, ex->cases.els, x->cap);
        for (uint32_t i = 0; i < ex->cases.n; i++) {
            x->arg[2 + 2 * i] = exec__xp_new(e, ex->cases.when[i], x->cap);
            x->arg[3 + 2 * i] = exec__xp_new(e, ex->cases.then[i], x->cap);
        }
        return;
    }
    if (ex->kind == EXPR_IN) {
        x->nargs = 1 + ex->in.list.n;
        x->arg = ARENA_ARRAY(e->arena, struct xp *, x->nargs);
        x->arg[0] = exec__xp_new(e, ex->in.test, x->cap);
        for (uint32_t i = 0; i < ex->in.list.n; i++)
            x->arg[1 + i] = exec__xp_new(e, ex->in.list.v[i], x->cap);
        return;
    }
    struct expr *single[2], *const *args;
    const uint32_t n = arguments(e, ex, single, &args);
    const bool subplan = ex->kind == EXPR_SUBPLAN;
    x->nargs = n + subplan;
    x->arg = ARENA_ARRAY(e->arena, struct xp *, x->nargs);
    for (uint32_t i = 0; i < n; i++)
        x->arg[i] = exec__xp_new(e, args[i], x->cap);
    if (subplan)
        x->arg[n] = exec__xp_new(e, ex->subplan.test, x->cap);
}

static void make_types(struct exec *e, struct xp *x)
{
    x->argv = ARENA_ARRAY(e->arena, const struct vec *, MAX(x->nargs, 2u));
    x->arg_type = ARENA_ARRAY(e->arena, oid_t, MAX(x->nargs, 2u));
    for (uint32_t i = 0; i < x->nargs; i++)
        x->arg_type[i] = x->arg[i]->e->type;
}

struct xp *exec__xp_new(struct exec *e, const struct expr *ex, uint32_t cap)
{
    if (!ex)
        return NULL;
    struct xp *x = ARENA_NEW(e->arena, struct xp);
    x->e = ex;
    x->cap = cap;
    if (ex->kind == EXPR_CONST)
        value_set(&x->value, ex->c.v, ex->c.null);
    else if (ex->kind == EXPR_PARAM)
        value_set(&x->value, e->env.param[ex->param - 1], e->env.param_null[ex->param - 1]);
    if (ex->kind <= EXPR_ONCE || ex->kind == EXPR_CASE_TEST)
        return x;
    make_arguments(e, x);
    exec__vec_init(e, &x->out, cap);
    if (ex->kind == EXPR_FUNC || ex->kind == EXPR_DISTINCT || ex->kind == EXPR_NULLIF || ex->kind == EXPR_IN)
        make_types(e, x);
    if (ex->kind == EXPR_DISTINCT || ex->kind == EXPR_NULLIF || ex->kind == EXPR_IN)
        exec__vec_init(e, &x->tmp, cap);
    if (ex->kind == EXPR_AND || ex->kind == EXPR_OR || ex->kind == EXPR_COALESCE || ex->kind == EXPR_CASE || ex->kind == EXPR_IN ||
        ex->kind == EXPR_DISTINCT || ex->kind == EXPR_NULLIF)
        x->rest = arena_alloc(e->arena, cap * sizeof *x->rest);
    if (ex->kind == EXPR_CASE)
        x->hit = arena_alloc(e->arena, cap * sizeof *x->hit);
    return x;
}

struct xp **exec__xps_new(struct exec *e, struct expr *const *ex, uint32_t n, uint32_t cap)
{
    struct xp **x = ARENA_ARRAY(e->arena, struct xp *, n);
    for (uint32_t i = 0; i < n; i++)
        x[i] = exec__xp_new(e, ex[i], cap);
    return x;
}

void exec__xp_columns(const struct exec *e, const struct expr *x, bool *left, bool *right)
{
    if (!x)
        return;
    if (x->kind == EXPR_COL) {
        (x->col.input ? right : left)[x->col.col] = true;
        return;
    }
    if (x->kind == EXPR_CASE) {
        exec__xp_columns(e, x->cases.test, left, right);
        exec__xp_columns(e, x->cases.els, left, right);
        for (uint32_t i = 0; i < x->cases.n; i++) {
            exec__xp_columns(e, x->cases.when[i], left, right);
            exec__xp_columns(e, x->cases.then[i], left, right);
        }
        return;
    }
    if (x->kind == EXPR_IN) {
        exec__xp_columns(e, x->in.test, left, right);
        for (uint32_t i = 0; i < x->in.list.n; i++)
            exec__xp_columns(e, x->in.list.v[i], left, right);
        return;
    }
    struct expr *single[2], *const *args;
    const uint32_t n = arguments(e, x, single, &args);
    for (uint32_t i = 0; i < n; i++)
        exec__xp_columns(e, args[i], left, right);
    if (x->kind == EXPR_SUBPLAN)
        exec__xp_columns(e, x->subplan.test, left, right);
}

/* ---- row by row ------------------------------------------------------------------------------ */

static inline void put_bool(struct xp *x, uint32_t i, bool v)
{
    x->out.v[i].i = v;
    x->out.null[i] = 0;
}

static inline void copy_row(struct vec *to, const struct vec *from, uint32_t i)
{
    const uint32_t at = vec_row(from, i);
    to->v[i] = from->v[at];
    to->null[i] = from->null[at];
}

/* What depends on one constant argument alone is computed for one row. */
static const struct sel *rows_of(struct xp *x, const struct vec *arg, const struct sel *sel)
{
    x->out.is_const = arg->is_const;
    return arg->is_const ? &one_row : sel;
}

static enum err func(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    bool constant = x->e->func.fn->volatility != FUNC_VOLATILE;
    for (uint32_t i = 0; i < x->nargs; i++) {
        enum err err = exec__xp_eval(c, x->arg[i], sel, &x->argv[i]);
        if (UNLIKELY(err))
            return err;
        constant &= x->argv[i]->is_const;
    }
    x->out.is_const = constant;
    c->e->func.types.arena = c->arena;
    c->e->func.arg_types = x->arg_type;
    *ret = &x->out;
    return x->e->func.fn->fn(&c->e->func, constant ? &one_row : sel, x->argv, x->nargs, &x->out);
}

static enum err cast(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const struct vec *a;
    enum err err = exec__xp_eval(c, x->arg[0], sel, &a);
    if (err)
        return err;
    if (x->e->kind == EXPR_CAST && !x->e->cast.cast->fn) {
        *ret = a;
        return ERR_OK;
    }
    const struct sel *rows = rows_of(x, a, sel);
    c->e->func.types.arena = c->arena;
    for (uint32_t k = 0; k < rows->n && !err; k++) {
        const uint32_t i = sel_row(rows, k);
        x->out.null[i] = a->null[i];
        if (!a->null[i])
            err = exec__cast_value(c->e, x->e, a->v[i], &x->out.v[i]);
    }
    *ret = &x->out;
    return err;
}

static enum err truth(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const struct vec *a;
    enum err err = exec__xp_eval(c, x->arg[0], sel, &a);
    if (err)
        return err;
    const struct sel *rows = rows_of(x, a, sel);
    for (uint32_t k = 0; k < rows->n; k++) {
        const uint32_t i = sel_row(rows, k);
        if (x->e->kind == EXPR_NOT) {
            put_bool(x, i, !a->v[i].i);
            x->out.null[i] = a->null[i];
        } else if (x->e->kind == EXPR_IS_NULL) {
            put_bool(x, i, (bool)a->null[i] != x->e->test.negated);
        } else {
            put_bool(x, i, exec__bool_test(x->e->test.test, a->v[i], a->null[i]));
        }
    }
    *ret = &x->out;
    return ERR_OK;
}

/* ---- three-valued logic --------------------------------------------------------------------------- */

/* Folds an argument into the result of its rows; those that it has not decided are written to x->rest. */
static uint32_t fold(struct xp *x, const struct vec *a, const struct sel *rows, bool decides, bool first)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < rows->n; k++) {
        const uint32_t i = sel_row(rows, k), at = vec_row(a, i);
        const bool null = a->null[at], v = a->v[at].i;
        if (!null && v == decides) {
            put_bool(x, i, decides);
            continue;
        }
        x->out.v[i].i = !decides;
        x->out.null[i] = null || (!first && x->out.null[i]);
        x->rest[n++] = (uint16_t)i;
    }
    return n;
}

static enum err and_or(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const bool decides = x->e->kind == EXPR_OR;
    struct sel rows = *sel;
    x->out.is_const = false;
    for (uint32_t a = 0; a < x->nargs && rows.n > 0; a++) {
        const struct vec *v;
        enum err err = exec__xp_eval(c, x->arg[a], &rows, &v);
        if (err)
            return err;
        const uint32_t n = fold(x, v, &rows, decides, a == 0);
        rows = (struct sel){ x->rest, n };
    }
    *ret = &x->out;
    return ERR_OK;
}

/* ---- pairs -------------------------------------------------------------------------------------------- */

static enum err pair(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    for (uint32_t a = 0; a < 2; a++) {
        enum err err = exec__xp_eval(c, x->arg[a], sel, &x->argv[a]);
        if (err)
            return err;
    }
    const struct vec *l = x->argv[0], *r = x->argv[1];
    struct sel both = { x->rest, 0 };
    x->out.is_const = false;
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel_row(sel, k);
        if (!l->null[vec_row(l, i)] && !r->null[vec_row(r, i)])
            x->rest[both.n++] = (uint16_t)i;
        x->tmp.null[i] = 1;
    }
    c->e->func.types.arena = c->arena;
    c->e->func.arg_types = x->arg_type;
    enum err err = both.n ? x->e->pair.fn->fn(&c->e->func, &both, x->argv, 2, &x->tmp) : ERR_OK;
    for (uint32_t k = 0; k < sel->n && !err; k++) {
        const uint32_t i = sel_row(sel, k);
        const bool ln = l->null[vec_row(l, i)], rn = r->null[vec_row(r, i)], same = !x->tmp.null[i] && x->tmp.v[i].i;
        if (x->e->kind == EXPR_DISTINCT) {
            put_bool(x, i, (ln || rn ? ln == rn : same) == x->e->pair.negated);
        } else {
            copy_row(&x->out, l, i);
            x->out.null[i] |= same;
        }
    }
    *ret = &x->out;
    return err;
}

/* ---- CASE, COALESCE, GREATEST --------------------------------------------------------------------------- */

static enum err take(const struct xctx *c, struct xp *x, struct xp *from, const struct sel *rows)
{
    const struct vec *v;
    if (rows->n == 0)
        return ERR_OK;
    enum err err = exec__xp_eval(c, from, rows, &v);
    for (uint32_t k = 0; k < rows->n && !err; k++)
        copy_row(&x->out, v, sel_row(rows, k));
    return err;
}

static enum err case_arms(const struct xctx *c, struct xp *x, const struct sel *sel)
{
    struct sel rows = *sel;
    for (uint32_t a = 2; a < x->nargs && rows.n > 0; a += 2) {
        const struct vec *when;
        enum err err = exec__xp_eval(c, x->arg[a], &rows, &when);
        if (err)
            return err;
        struct sel hit = { x->hit, 0 }, rest = { x->rest, 0 };
        for (uint32_t k = 0; k < rows.n; k++) {
            const uint32_t i = sel_row(&rows, k);
            if (vec_true(when, i))
                x->hit[hit.n++] = (uint16_t)i;
            else
                x->rest[rest.n++] = (uint16_t)i;
        }
        err = take(c, x, x->arg[a + 1], &hit);
        if (err)
            return err;
        rows = rest;
    }
    return take(c, x, x->arg[1], &rows);
}

static enum err case_of(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    x->out.is_const = false;
    *ret = &x->out;
    if (!x->arg[0])
        return case_arms(c, x, sel);
    struct case_frame frame = { .id = x->e->cases.id, .outer = c->e->cases };
    enum err err = exec__xp_eval(c, x->arg[0], sel, &frame.test);
    if (err)
        return err;
    c->e->cases = &frame;
    err = case_arms(c, x, sel);
    c->e->cases = frame.outer;
    return err;
}

static enum err coalesce(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    struct sel rows = *sel;
    x->out.is_const = false;
    for (uint32_t a = 0; a < x->nargs && rows.n > 0; a++) {
        enum err err = take(c, x, x->arg[a], &rows);
        if (err)
            return err;
        struct sel rest = { x->rest, 0 };
        for (uint32_t k = 0; k < rows.n; k++) {
            const uint32_t i = sel_row(&rows, k);
            if (x->out.null[i])
                x->rest[rest.n++] = (uint16_t)i;
        }
        rows = rest;
    }
    *ret = &x->out;
    return ERR_OK;
}

static enum err extreme(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const struct type *type = type_by_oid(x->e->type);
    const int sign = x->e->kind == EXPR_GREATEST ? 1 : -1;
    x->out.is_const = false;
    for (uint32_t k = 0; k < sel->n; k++)
        x->out.null[sel_row(sel, k)] = 1;
    for (uint32_t a = 0; a < x->nargs; a++) {
        const struct vec *v;
        enum err err = exec__xp_eval(c, x->arg[a], sel, &v);
        if (err)
            return err;
        for (uint32_t k = 0; k < sel->n; k++) {
            const uint32_t i = sel_row(sel, k), at = vec_row(v, i);
            if (!v->null[at] && (x->out.null[i] || type->cmp(v->v[at], x->out.v[i]) * sign > 0))
                copy_row(&x->out, v, i);
        }
    }
    *ret = &x->out;
    return ERR_OK;
}

/* ---- IN --------------------------------------------------------------------------------------------------- */

#define IN_SET_MIN 8u /* shorter lists are compared one by one */

/* The constants of a list, by hash. */
struct in_set {
    const struct type *type;
    bool has_null;
    uint32_t mask;
    uint32_t *slot; /* 1 + index into v; 0: free */
    union datum *v;
};

static bool in_set_find(const struct in_set *s, union datum v, uint32_t *ret_slot)
{
    for (uint32_t at = (uint32_t)s->type->hash(v) & s->mask;; at = (at + 1) & s->mask) {
        *ret_slot = at;
        if (!s->slot[at])
            return false;
        if (s->type->cmp(s->v[s->slot[at] - 1], v) == 0)
            return true;
    }
}

/* Lists of constants whose type hashes as the test's: made at the first use. */
static void make_set(struct exec *e, struct xp *x)
{
    const uint32_t n = x->nargs - 1;
    const struct type *a = type_by_oid(x->e->in.test->type), *b = n ? type_by_oid(x->e->in.list.v[0]->type) : NULL;
    x->set_tried = true;
    if (n < IN_SET_MIN || !a || !b || !a->hash || a->hash != b->hash || a->cmp != b->cmp)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (x->arg[1 + i]->e->kind > EXPR_PARAM)
            return;
    struct in_set *s = ARENA_NEW(e->arena, struct in_set);
    s->type = b;
    uint32_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    s->mask = slots - 1;
    s->slot = ARENA_ARRAY(e->arena, uint32_t, slots);
    s->v = ARENA_ARRAY(e->arena, union datum, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct value *v = &x->arg[1 + i]->value;
        uint32_t at;
        s->has_null |= v->null;
        if (v->null || in_set_find(s, v->v, &at))
            continue;
        s->v[i] = v->v;
        s->slot[at] = i + 1;
    }
    x->set = s;
}

static void in_by_set(struct xp *x, const struct vec *test, const struct sel *rows)
{
    for (uint32_t k = 0; k < rows->n; k++) {
        const uint32_t i = sel_row(rows, k);
        uint32_t at;
        if (test->null[i]) {
            x->out.null[i] = 1;
        } else if (in_set_find(x->set, test->v[i], &at)) {
            put_bool(x, i, !x->e->in.negated);
        } else {
            put_bool(x, i, x->e->in.negated);
            x->out.null[i] = x->set->has_null;
        }
    }
}

/* One element against the rows that no element before has decided. */
static enum err in_element(const struct xctx *c, struct xp *x, struct xp *element, struct sel *rows)
{
    enum err err = exec__xp_eval(c, element, rows, &x->argv[1]);
    if (err)
        return err;
    c->e->func.types.arena = c->arena;
    c->e->func.arg_types = x->arg_type;
    x->tmp.is_const = false;
    err = x->e->in.fn->fn(&c->e->func, rows, x->argv, 2, &x->tmp);
    if (err)
        return err;
    uint32_t n = 0;
    for (uint32_t k = 0; k < rows->n; k++) {
        const uint32_t i = sel_row(rows, k);
        const bool null = x->tmp.null[i];
        if (!null && (x->tmp.v[i].i != 0) != x->e->in.negated) {
            put_bool(x, i, !x->e->in.negated);
            continue;
        }
        x->out.null[i] |= null;
        x->rest[n++] = (uint16_t)i;
    }
    *rows = (struct sel){ x->rest, n };
    return ERR_OK;
}

static enum err in_list(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const struct vec *test;
    enum err err = exec__xp_eval(c, x->arg[0], sel, &test);
    if (err)
        return err;
    *ret = &x->out;
    if (!x->set_tried)
        make_set(c->e, x);
    if (x->set) {
        in_by_set(x, test, rows_of(x, test, sel));
        return ERR_OK;
    }
    x->argv[0] = test;
    x->out.is_const = false;
    for (uint32_t k = 0; k < sel->n; k++)
        put_bool(x, sel_row(sel, k), x->e->in.negated);
    struct sel rows = *sel;
    for (uint32_t a = 1; a < x->nargs && rows.n > 0 && !err; a++)
        err = in_element(c, x, x->arg[a], &rows);
    return err;
}

/* ---- sub-plans ------------------------------------------------------------------------------------------------ */

static enum err subplan(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const uint32_t nargs = x->nargs - 1;
    const struct vec **args = ARENA_ARRAY(c->arena, const struct vec *, x->nargs);
    union datum *v = ARENA_ARRAY(c->arena, union datum, x->nargs);
    uint8_t *null = ARENA_ARRAY(c->arena, uint8_t, x->nargs);
    null[nargs] = 1;
    for (uint32_t a = 0; a < x->nargs; a++) {
        enum err err = x->arg[a] ? exec__xp_eval(c, x->arg[a], sel, &args[a]) : ERR_OK;
        if (err)
            return err;
    }
    x->out.is_const = false;
    *ret = &x->out;
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel_row(sel, k);
        for (uint32_t a = 0; a < x->nargs; a++) {
            if (!x->arg[a])
                continue;
            const uint32_t at = vec_row(args[a], i);
            v[a] = args[a]->v[at];
            null[a] = args[a]->null[at];
        }
        c->e->func.types.arena = c->arena;
        enum err err = exec__subplan(c->e, x->e, v, null, v[nargs], null[nargs], &x->out.v[i], &x->out.null[i]);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static enum err eval(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    switch (x->e->kind) {
    case EXPR_FUNC:
        return func(c, x, sel, ret);
    case EXPR_CAST:
    case EXPR_TYPMOD:
        return cast(c, x, sel, ret);
    case EXPR_AND:
    case EXPR_OR:
        return and_or(c, x, sel, ret);
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
        return truth(c, x, sel, ret);
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
        return pair(c, x, sel, ret);
    case EXPR_CASE:
        return case_of(c, x, sel, ret);
    case EXPR_COALESCE:
        return coalesce(c, x, sel, ret);
    case EXPR_GREATEST:
    case EXPR_LEAST:
        return extreme(c, x, sel, ret);
    case EXPR_IN:
        return in_list(c, x, sel, ret);
    case EXPR_SUBPLAN:
        return subplan(c, x, sel, ret);
    default:
        return diag_set(c->e->func.d, ERR_INTERNAL, "an expression of kind %d has no place in a plan", (int)x->e->kind);
    }
}

struct eval_call {
    const struct xctx *c;
    struct xp *x;
    const struct sel *sel;
    const struct vec **ret;
    enum err err;
};

static void eval_on_big_stack(void *arg)
{
    struct eval_call *call = arg;
    if (rt_stack_left() < EXEC_STACK_MIN)
        call->err = diag_set(call->c->e->func.d, ERR_STATEMENT_COMPLEX, "stack depth limit exceeded");
    else
        call->err = eval(call->c, call->x, call->sel, call->ret);
}

enum err exec__xp_eval(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret)
{
    const struct expr *e = x->e;
    switch (e->kind) {
    case EXPR_CONST:
    case EXPR_PARAM:
        *ret = &x->value.vec;
        return ERR_OK;
    case EXPR_COL:
        *ret = c->in[e->col.input][e->col.col];
        return ERR_OK;
    case EXPR_EXEC_PARAM:
        *ret = &c->e->exec_param[e->exec_param].vec;
        return ERR_OK;
    case EXPR_CASE_TEST:
        *ret = exec__case_test(c->e, e->case_test);
        return ERR_OK;
    case EXPR_ONCE: {
        const struct value *v;
        enum err err = exec__once(c->e, e->once.slot, e->once.arg, &v);
        if (!err)
            *ret = &v->vec;
        return err;
    }
    default:
        break;
    }
    if (sel->n == 0) { /* nothing is computed that nobody wants */
        *ret = &x->out;
        return ERR_OK;
    }
    if (LIKELY(rt_stack_left() >= EXEC_STACK_MIN))
        return eval(c, x, sel, ret);
    struct eval_call call = { c, x, sel, ret, ERR_OK };
    rt_call_on_big_stack(eval_on_big_stack, &call);
    return call.err;
}

enum err exec__xp_filter(const struct xctx *c, struct xp *x, const struct sel *sel, uint16_t *idx, struct sel *ret)
{
    struct sel rows = *sel;
    if (!x) {
        *ret = rows;
        return ERR_OK;
    }
    const bool all = x->e->kind == EXPR_AND;
    for (uint32_t a = 0; a < (all ? x->nargs : 1) && rows.n > 0; a++) {
        const struct vec *v;
        enum err err = exec__xp_eval(c, all ? x->arg[a] : x, &rows, &v);
        if (err)
            return err;
        if (v->is_const) {
            if (!vec_true(v, 0))
                rows.n = 0;
            continue;
        }
        uint32_t n = 0;
        for (uint32_t k = 0; k < rows.n; k++) {
            const uint32_t i = sel_row(&rows, k);
            idx[n] = (uint16_t)i;
            n += !v->null[i] & (v->v[i].i != 0);
        }
        rows = (struct sel){ idx, n };
    }
    *ret = rows;
    return ERR_OK;
}
