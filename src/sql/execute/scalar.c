/*
 * Expressions of one row, straight from the plan's tree: for the short path,
 * keys, limits, and rows that are changed one by one.
 */
#include "sql/execute/exec_int.h"

static inline enum err is_null(uint8_t *ret_null)
{
    *ret_null = 1;
    return ERR_OK;
}

static inline enum err is_bool(union datum *ret, uint8_t *ret_null, bool v)
{
    ret->i = v;
    *ret_null = 0;
    return ERR_OK;
}

/* ---- pieces that vectors use too ---------------------------------------------------- */

bool exec__bool_test(enum ast_bool_test test, union datum v, bool null)
{
    switch (test) {
    case AST_IS_TRUE:
        return !null && v.i;
    case AST_IS_NOT_TRUE:
        return null || !v.i;
    case AST_IS_FALSE:
        return !null && !v.i;
    case AST_IS_NOT_FALSE:
        return null || v.i;
    case AST_IS_UNKNOWN:
        return null;
    case AST_IS_NOT_UNKNOWN:
        return !null;
    }
    return false;
}

enum err exec__cast_value(struct exec *e, const struct expr *x, union datum v, union datum *ret)
{
    if (x->kind == EXPR_TYPMOD)
        return type_apply_typmod(&e->func.types, x->type, x->typmod, x->typmod_of.is_explicit, v, ret, e->func.d);
    if (x->cast.cast->fn)
        return x->cast.cast->fn(&e->func.types, v, ret, e->func.d);
    *ret = v;
    return ERR_OK;
}

const struct vec *exec__case_test(const struct exec *e, uint16_t id)
{
    const struct case_frame *f = e->cases;
    while (f->id != id)
        f = f->outer;
    return f->test;
}

enum err exec__call1(struct exec *e, const struct func *fn, const union datum *v, const uint8_t *null, unsigned nargs, const oid_t *arg_types,
                     union datum *ret, uint8_t *ret_null)
{
    union datum args_v[FUNC_ARGS_MAX];
    uint8_t args_null[FUNC_ARGS_MAX];
    struct vec args[FUNC_ARGS_MAX];
    const struct vec *argv[FUNC_ARGS_MAX];
    const struct sel one = { NULL, 1 };
    if (nargs > FUNC_ARGS_MAX)
        return diag_set(e->func.d, ERR_TOO_MANY_ARGUMENTS, "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    for (unsigned i = 0; i < nargs; i++) {
        args_v[i] = v[i];
        args_null[i] = null[i];
        args[i] = (struct vec){ &args_v[i], &args_null[i], false };
        argv[i] = &args[i];
    }
    struct vec out = { ret, ret_null, false };
    e->func.arg_types = arg_types;
    return fn->fn(&e->func, &one, argv, nargs, &out);
}

/* Evaluated in the run's own arena, once. */
enum err exec__once(struct exec *e, uint16_t slot, const struct expr *arg, const struct value **ret)
{
    struct value *x = &e->once[slot];
    if (!x->vec.v) {
        struct arena *batch = e->func.types.arena;
        union datum v = { 0 };
        uint8_t null;
        e->func.types.arena = e->arena;
        enum err err = exec__scalar(e, arg, NULL, &v, &null);
        e->func.types.arena = batch;
        if (err)
            return err;
        value_set(x, v, null);
    }
    *ret = x;
    return ERR_OK;
}

/* ---- functions -------------------------------------------------------------------------- */

static __attribute__((noinline)) enum err call_many(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    union datum v[FUNC_ARGS_MAX] = { 0 };
    uint8_t null[FUNC_ARGS_MAX];
    oid_t types[FUNC_ARGS_MAX];
    const uint32_t n = x->func.args.n;
    if (n > FUNC_ARGS_MAX)
        return diag_set(e->func.d, ERR_TOO_MANY_ARGUMENTS, "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        types[i] = x->func.args.v[i]->type;
        enum err err = exec__scalar(e, x->func.args.v[i], in, &v[i], &null[i]);
        if (err)
            return err;
    }
    return exec__call1(e, x->func.fn, v, null, n, types, ret, ret_null);
}

/* One or two arguments, as operators have: the frame stays small and nothing is copied. */
static enum err call_few(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    static const struct sel one = { NULL, 1 };
    union datum v[2] = { 0 };
    uint8_t null[2];
    const uint32_t n = x->func.args.n;
    for (uint32_t i = 0; i < n; i++) {
        enum err err = exec__scalar(e, x->func.args.v[i], in, &v[i], &null[i]);
        if (UNLIKELY(err))
            return err;
    }
    const struct vec a = { &v[0], &null[0], false }, b = { &v[1], &null[1], false };
    const struct vec *argv[2] = { &a, &b };
    struct vec out = { ret, ret_null, false };
    return x->func.fn->fn(&e->func, &one, argv, n, &out);
}

/* ---- the kinds with a logic of their own -------------------------------------------------- */

static enum err and_or(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    const bool decides = x->kind == EXPR_OR;
    bool unknown = false;
    for (uint32_t i = 0; i < x->args.n; i++) {
        union datum v = { 0 };
        uint8_t null;
        enum err err = exec__scalar(e, x->args.v[i], in, &v, &null);
        if (err)
            return err;
        if (!null && (v.i != 0) == decides)
            return is_bool(ret, ret_null, decides);
        unknown |= null;
    }
    return unknown ? is_null(ret_null) : is_bool(ret, ret_null, !decides);
}

static enum err pair(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    union datum v[2] = { 0 }, equal = { 0 };
    uint8_t null[2], equal_null = 1;
    enum err err = exec__scalar(e, x->pair.left, in, &v[0], &null[0]);
    if (!err)
        err = exec__scalar(e, x->pair.right, in, &v[1], &null[1]);
    if (!err && !null[0] && !null[1]) {
        const oid_t types[2] = { x->pair.left->type, x->pair.right->type };
        err = exec__call1(e, x->pair.fn, v, null, 2, types, &equal, &equal_null);
    }
    if (err)
        return err;
    const bool same = !equal_null && equal.i;
    if (x->kind == EXPR_DISTINCT)
        return is_bool(ret, ret_null, (null[0] || null[1] ? null[0] == null[1] : same) == x->pair.negated);
    *ret = v[0];
    *ret_null = null[0] || same;
    return ERR_OK;
}

static enum err case_arms(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    for (uint32_t i = 0; i < x->cases.n; i++) {
        bool hit;
        enum err err = exec__scalar_true(e, x->cases.when[i], in, &hit);
        if (err)
            return err;
        if (hit)
            return exec__scalar(e, x->cases.then[i], in, ret, ret_null);
    }
    return exec__scalar(e, x->cases.els, in, ret, ret_null);
}

static enum err case_of(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    if (!x->cases.test)
        return case_arms(e, x, in, ret, ret_null);
    union datum v = { 0 };
    uint8_t null;
    enum err err = exec__scalar(e, x->cases.test, in, &v, &null);
    if (err)
        return err;
    struct value test;
    value_set(&test, v, null);
    struct case_frame frame = { x->cases.id, &test.vec, e->cases };
    e->cases = &frame;
    err = case_arms(e, x, in, ret, ret_null);
    e->cases = frame.outer;
    return err;
}

static enum err coalesce(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    enum err err = ERR_OK;
    *ret_null = 1;
    for (uint32_t i = 0; i < x->args.n && !err && *ret_null; i++)
        err = exec__scalar(e, x->args.v[i], in, ret, ret_null);
    return err;
}

static enum err extreme(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    const struct type *type = type_by_oid(x->type);
    const int sign = x->kind == EXPR_GREATEST ? 1 : -1;
    *ret_null = 1;
    for (uint32_t i = 0; i < x->args.n; i++) {
        union datum v = { 0 };
        uint8_t null;
        enum err err = exec__scalar(e, x->args.v[i], in, &v, &null);
        if (err)
            return err;
        if (!null && (*ret_null || type->cmp(v, *ret) * sign > 0)) {
            *ret = v;
            *ret_null = 0;
        }
    }
    return ERR_OK;
}

static enum err in_list(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    union datum v[2] = { 0 }, r = { 0 };
    uint8_t null[2], r_null;
    bool unknown = false;
    const oid_t types[2] = { x->in.test->type, x->in.list.n ? x->in.list.v[0]->type : 0 };
    enum err err = exec__scalar(e, x->in.test, in, &v[0], &null[0]);
    for (uint32_t i = 0; i < x->in.list.n && !err; i++) {
        err = exec__scalar(e, x->in.list.v[i], in, &v[1], &null[1]);
        if (err)
            break;
        if (null[0] || null[1]) {
            unknown = true;
            continue;
        }
        err = exec__call1(e, x->in.fn, v, null, 2, types, &r, &r_null);
        if (!err && !r_null && (r.i != 0) != x->in.negated)
            return is_bool(ret, ret_null, !x->in.negated);
        unknown |= r_null;
    }
    if (err)
        return err;
    return unknown ? is_null(ret_null) : is_bool(ret, ret_null, x->in.negated);
}

#define SUBPLAN_ARGS_FEW 8u

static enum err subplan(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    const struct subplan *sp = &e->plan->subplan[x->subplan.no];
    union datum few_v[SUBPLAN_ARGS_FEW] = { 0 }, *v = few_v, test = { 0 };
    uint8_t few_null[SUBPLAN_ARGS_FEW], *null = few_null, test_null = 1;
    if (sp->ncorrelated > SUBPLAN_ARGS_FEW) {
        v = ARENA_ARRAY(e->func.types.arena, union datum, sp->ncorrelated);
        null = ARENA_ARRAY(e->func.types.arena, uint8_t, sp->ncorrelated);
    }
    enum err err = ERR_OK;
    for (uint16_t i = 0; i < sp->ncorrelated && !err; i++)
        err = exec__scalar(e, sp->arg[i], in, &v[i], &null[i]);
    if (!err && x->subplan.test)
        err = exec__scalar(e, x->subplan.test, in, &test, &test_null);
    return err ? err : exec__subplan(e, x, v, null, test, test_null, ret, ret_null);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum err eval(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    enum err err;
    switch (x->kind) {
    case EXPR_CONST:
        *ret = x->c.v;
        *ret_null = x->c.null;
        return ERR_OK;
    case EXPR_PARAM:
        *ret = e->env.param[x->param - 1];
        *ret_null = e->env.param_null[x->param - 1];
        return ERR_OK;
    case EXPR_COL:
        *ret = in->v[x->col.input][x->col.col];
        *ret_null = in->null[x->col.input][x->col.col];
        return ERR_OK;
    case EXPR_EXEC_PARAM:
        *ret = e->exec_param[x->exec_param].v;
        *ret_null = e->exec_param[x->exec_param].null;
        return ERR_OK;
    case EXPR_ONCE: {
        const struct value *v;
        err = exec__once(e, x->once.slot, x->once.arg, &v);
        if (!err) {
            *ret = v->v;
            *ret_null = v->null;
        }
        return err;
    }
    case EXPR_FUNC:
        if (x->func.args.n <= 2 && !x->func.fn->uses_arg_types)
            return call_few(e, x, in, ret, ret_null);
        return call_many(e, x, in, ret, ret_null);
    case EXPR_CAST:
        err = exec__scalar(e, x->cast.arg, in, ret, ret_null);
        return err || *ret_null ? err : exec__cast_value(e, x, *ret, ret);
    case EXPR_TYPMOD:
        err = exec__scalar(e, x->typmod_of.arg, in, ret, ret_null);
        return err || *ret_null ? err : exec__cast_value(e, x, *ret, ret);
    case EXPR_AND:
    case EXPR_OR:
        return and_or(e, x, in, ret, ret_null);
    case EXPR_NOT:
        err = exec__scalar(e, x->arg, in, ret, ret_null);
        ret->i = !ret->i;
        return err;
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST: {
        union datum v = { 0 };
        uint8_t null;
        err = exec__scalar(e, x->test.arg, in, &v, &null);
        if (err)
            return err;
        return is_bool(ret, ret_null, x->kind == EXPR_IS_NULL ? null != x->test.negated : exec__bool_test(x->test.test, v, null));
    }
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
        return pair(e, x, in, ret, ret_null);
    case EXPR_CASE:
        return case_of(e, x, in, ret, ret_null);
    case EXPR_CASE_TEST: {
        const struct vec *v = exec__case_test(e, x->case_test);
        *ret = v->v[0];
        *ret_null = v->null[0];
        return ERR_OK;
    }
    case EXPR_COALESCE:
        return coalesce(e, x, in, ret, ret_null);
    case EXPR_GREATEST:
    case EXPR_LEAST:
        return extreme(e, x, in, ret, ret_null);
    case EXPR_IN:
        return in_list(e, x, in, ret, ret_null);
    case EXPR_SUBPLAN:
        return subplan(e, x, in, ret, ret_null);
    case EXPR_VAR:
    case EXPR_AGG:
    case EXPR_SUBLINK:
        break;
    }
    return diag_set(e->func.d, ERR_INTERNAL, "an expression of kind %d has no place in a plan", (int)x->kind);
}

struct scalar_call {
    struct exec *e;
    const struct expr *x;
    const struct row_in *in;
    union datum *ret;
    uint8_t *ret_null;
    enum err err;
};

static void eval_on_big_stack(void *arg)
{
    struct scalar_call *c = arg;
    if (rt_stack_left() < EXEC_STACK_MIN)
        c->err = diag_set(c->e->func.d, ERR_STATEMENT_COMPLEX, "stack depth limit exceeded");
    else
        c->err = eval(c->e, c->x, c->in, c->ret, c->ret_null);
}

enum err exec__scalar(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null)
{
    if (LIKELY(x->kind <= EXPR_COL || rt_stack_left() >= EXEC_STACK_MIN))
        return eval(e, x, in, ret, ret_null);
    struct scalar_call c = { e, x, in, ret, ret_null, ERR_OK };
    rt_call_on_big_stack(eval_on_big_stack, &c);
    return c.err;
}

enum err exec__scalar_true(struct exec *e, const struct expr *x, const struct row_in *in, bool *ret)
{
    *ret = true;
    if (!x)
        return ERR_OK;
    union datum v = { 0 };
    uint8_t null;
    enum err err = exec__scalar(e, x, in, &v, &null);
    *ret = !err && !null && v.i;
    return err;
}
