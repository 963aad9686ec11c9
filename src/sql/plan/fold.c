#include "sql/plan/plan_int.h"

/* ---- evaluating one function or cast on constants --------------------------------- */

static bool all_const(const struct expr_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i]->kind != EXPR_CONST)
            return false;
    return true;
}

static struct expr *make_const(struct planner *pl, const struct expr *like, union datum v, bool null)
{
    struct expr *e = PL_NEW(pl, struct expr);
    *e = (struct expr){ .kind = EXPR_CONST, .type = like->type, .typmod = like->typmod, .location = like->location };
    e->c.v = v;
    e->c.null = null;
    return e;
}

static struct expr *fold_func(struct planner *pl, struct expr *e)
{
    const struct func *fn = e->func.fn;
    const uint32_t n = e->func.args.n;
    if (fn->volatility != FUNC_IMMUTABLE || !all_const(&e->func.args) || n > FUNC_ARGS_MAX)
        return e;
    struct vec arg[FUNC_ARGS_MAX];
    const struct vec *args[FUNC_ARGS_MAX];
    oid_t types[FUNC_ARGS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        struct expr *a = e->func.args.v[i];
        uint8_t *null = PL_NEW(pl, uint8_t);
        *null = a->c.null;
        arg[i] = (struct vec){ .v = &a->c.v, .null = null, .is_const = true };
        args[i] = &arg[i];
        types[i] = a->type;
        if (a->c.null && fn->strict)
            return make_const(pl, e, (union datum){ 0 }, true);
    }
    union datum v = { 0 };
    uint8_t null = 0;
    struct vec ret = { .v = &v, .null = &null };
    const struct sel sel = { .n = 1 };
    struct func_ctx ctx = { .types = pl->opt->types, .session = pl->opt->session, .d = pl->d, .arg_types = types };
    ctx.types.arena = pl->arena;
    if (fn->fn(&ctx, &sel, args, n, &ret) != ERR_OK)
        pl__throw(pl);
    return make_const(pl, e, v, null);
}

/* Casts whose result depends on nothing but the value: no time zone, no current time, no catalogue. */
static bool is_plain_type(oid_t t)
{
    switch (t) {
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_NUMERIC:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_OID:
        return true;
    default:
        return false;
    }
}

static struct expr *fold_cast(struct planner *pl, struct expr *e)
{
    const struct expr *a = e->cast.arg;
    if (a->kind != EXPR_CONST)
        return e;
    if (a->c.null || e->cast.cast->fn == NULL)
        return make_const(pl, e, a->c.v, a->c.null);
    if (!is_plain_type(a->type) || !is_plain_type(e->type))
        return e;
    struct type_ctx ctx = pl->opt->types;
    union datum v;
    ctx.arena = pl->arena;
    if (e->cast.cast->fn(&ctx, a->c.v, &v, pl->d) != ERR_OK)
        pl__throw(pl);
    return make_const(pl, e, v, false);
}

static struct expr *fold_typmod(struct planner *pl, struct expr *e)
{
    const struct expr *a = e->typmod_of.arg;
    if (a->kind != EXPR_CONST)
        return e;
    struct type_ctx ctx = pl->opt->types;
    union datum v = a->c.v;
    ctx.arena = pl->arena;
    if (!a->c.null && type_apply_typmod(&ctx, e->type, e->typmod, e->typmod_of.is_explicit, a->c.v, &v, pl->d) != ERR_OK)
        pl__throw(pl);
    return make_const(pl, e, v, a->c.null);
}

/* ---- logic ------------------------------------------------------------------------------ */

static struct expr *fold(void *arg, const struct expr *e);

/* AND and OR: neutral constants go, a deciding one ends the list. */
static struct expr *fold_list(struct planner *pl, const struct expr *e)
{
    const bool decides = e->kind == EXPR_OR;
    struct expr *r = arena_dup(pl->arena, e, sizeof(*e));
    bool null_seen = false;
    r->args = (struct expr_list){ .v = PL_ARRAY(pl, struct expr *, e->args.n) };
    for (uint32_t i = 0; i < e->args.n; i++) {
        struct expr *a = fold(pl, e->args.v[i]);
        if (a->kind != EXPR_CONST) {
            r->args.v[r->args.n++] = a;
        } else if (a->c.null) {
            null_seen = true;
        } else if (a->c.v.i == decides) {
            return a;
        }
    }
    if (null_seen) {
        struct expr *n = make_const(pl, e, (union datum){ 0 }, true);
        if (r->args.n == 0)
            return n;
        r->args.v[r->args.n++] = n;
    }
    if (r->args.n == 0)
        return make_const(pl, e, datum_int(!decides), false);
    return r->args.n == 1 ? r->args.v[0] : r;
}

static struct expr *fold_case(struct planner *pl, const struct expr *e)
{
    struct expr *r = arena_dup(pl->arena, e, sizeof(*e));
    r->cases.when = PL_ARRAY(pl, struct expr *, e->cases.n);
    r->cases.then = PL_ARRAY(pl, struct expr *, e->cases.n);
    r->cases.n = 0;
    if (e->cases.test != NULL)
        r->cases.test = fold(pl, e->cases.test);
    for (uint32_t i = 0; i < e->cases.n; i++) {
        struct expr *when = fold(pl, e->cases.when[i]);
        bool value;
        if (pl__is_const(when, &value)) {
            if (!value)
                continue;
            r->cases.els = fold(pl, e->cases.then[i]);
            return r->cases.n == 0 ? r->cases.els : r;
        }
        r->cases.when[r->cases.n] = when;
        r->cases.then[r->cases.n++] = fold(pl, e->cases.then[i]);
    }
    r->cases.els = fold(pl, e->cases.els);
    return r->cases.n == 0 ? r->cases.els : r;
}

static struct expr *fold_coalesce(struct planner *pl, const struct expr *e)
{
    struct expr *r = arena_dup(pl->arena, e, sizeof(*e));
    r->args = (struct expr_list){ .v = PL_ARRAY(pl, struct expr *, e->args.n) };
    for (uint32_t i = 0; i < e->args.n; i++) {
        struct expr *a = fold(pl, e->args.v[i]);
        if (a->kind == EXPR_CONST && a->c.null)
            continue;
        r->args.v[r->args.n++] = a;
        if (a->kind == EXPR_CONST)
            break;
    }
    if (r->args.n == 0)
        return make_const(pl, e, (union datum){ 0 }, true);
    return r->args.n == 1 ? r->args.v[0] : r;
}

static struct expr *fold_not(struct planner *pl, struct expr *e)
{
    const struct expr *a = e->arg;
    return a->kind == EXPR_CONST ? make_const(pl, e, datum_int(!a->c.v.i), a->c.null) : e;
}

static struct expr *fold_is_null(struct planner *pl, struct expr *e)
{
    const struct expr *a = e->test.arg;
    return a->kind == EXPR_CONST ? make_const(pl, e, datum_int(a->c.null != e->test.negated), false) : e;
}

static struct expr *own_const(struct planner *pl, const struct expr *e)
{
    struct expr *c = arena_dup(pl->arena, e, sizeof(*e));
    const enum datum_rep rep = type_rep(e->type);
    if (!e->c.null && (rep == REP_STR || rep == REP_NUMERIC) && e->c.v.s.len > 0)
        c->c.v.s.p = arena_dup(pl->arena, e->c.v.s.p, e->c.v.s.len);
    return c;
}

static struct expr *fold(void *arg, const struct expr *e)
{
    struct planner *pl = arg;
    switch (e->kind) {
    case EXPR_CONST:
        return own_const(pl, e);
    case EXPR_AND:
    case EXPR_OR:
        return fold_list(pl, e);
    case EXPR_CASE:
        return fold_case(pl, e);
    case EXPR_COALESCE:
        return fold_coalesce(pl, e);
    default:
        break;
    }
    struct expr *c = expr_map_children(pl->arena, e, fold, pl);
    switch (c->kind) {
    case EXPR_FUNC:
        return fold_func(pl, c);
    case EXPR_CAST:
        return fold_cast(pl, c);
    case EXPR_TYPMOD:
        return fold_typmod(pl, c);
    case EXPR_NOT:
        return fold_not(pl, c);
    case EXPR_IS_NULL:
        return fold_is_null(pl, c);
    default:
        return c;
    }
}

struct expr *pl__fold(struct planner *pl, const struct expr *e)
{
    return e != NULL ? fold(pl, e) : NULL;
}

bool pl__is_const(const struct expr *e, bool *ret_value)
{
    if (e->kind != EXPR_CONST)
        return false;
    *ret_value = !e->c.null && e->c.v.i != 0;
    return true;
}

void pl__conjuncts(struct planner *pl, struct expr *e, struct expr_vec *ret)
{
    bool value;
    if (e == NULL || (pl__is_const(e, &value) && value))
        return;
    if (e->kind != EXPR_AND) {
        pl__push(pl, ret, e);
        return;
    }
    for (uint32_t i = 0; i < e->args.n; i++)
        pl__conjuncts(pl, e->args.v[i], ret);
}

struct expr *pl__and(struct planner *pl, const struct expr_vec *v)
{
    if (v->n <= 1)
        return v->n == 1 ? v->v[0] : NULL;
    struct expr *e = PL_NEW(pl, struct expr);
    *e = (struct expr){ .kind = EXPR_AND, .type = TYPE_BOOL, .typmod = -1, .location = -1 };
    e->args.n = v->n;
    e->args.v = arena_dup(pl->arena, v->v, sizeof(*v->v) * v->n);
    return e;
}

/* ---- once a run ------------------------------------------------------------------------ */

static bool same_for_all(void *arg, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_VAR:
    case EXPR_COL:
    case EXPR_EXEC_PARAM:
    case EXPR_AGG:
    case EXPR_SUBLINK:
    case EXPR_SUBPLAN:
    case EXPR_CASE_TEST:
    case EXPR_ONCE:
        return false;
    case EXPR_FUNC:
        if (e->func.fn->volatility == FUNC_VOLATILE)
            return false;
        break;
    default:
        break;
    }
    return expr_children(e, same_for_all, arg);
}

bool pl__same_for_all_rows(const struct expr *e)
{
    return same_for_all(NULL, e);
}

static struct expr *mark_once(void *arg, const struct expr *e)
{
    struct planner *pl = arg;
    if (e->kind == EXPR_CONST || e->kind == EXPR_PARAM || e->kind == EXPR_ONCE)
        return (struct expr *)e;
    if (!pl__same_for_all_rows(e))
        return expr_map_children(pl->arena, e, mark_once, pl);
    struct expr *o = PL_NEW(pl, struct expr);
    *o = (struct expr){ .kind = EXPR_ONCE, .type = e->type, .typmod = e->typmod, .location = e->location };
    o->once.slot = pl->plan->nonce++;
    o->once.arg = (struct expr *)e;
    return o;
}

struct expr *pl__once(struct planner *pl, struct expr *e)
{
    return e != NULL ? mark_once(pl, e) : NULL;
}
