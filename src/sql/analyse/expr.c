#include "sql/analyse/analyse_int.h"

const char *an__place_name(enum an_place p)
{
    static const char *const names[] = {
#define X(name, text, aggs) [AN_##name] = text,
        AN_PLACES(X)
#undef X
    };
    return names[p];
}

static bool place_has_aggs(enum an_place p)
{
    static const bool has[] = {
#define X(name, text, aggs) [AN_##name] = aggs,
        AN_PLACES(X)
#undef X
    };
    return has[p];
}

/* ---- making nodes ------------------------------------------------------------ */

struct expr *an__new_expr(struct an *an, enum expr_kind kind, oid_t type, int location)
{
    struct expr *e = AN_NEW(an, struct expr);
    e->kind = kind;
    e->type = type;
    e->typmod = -1;
    e->location = location;
    return e;
}

struct expr *an__const(struct an *an, oid_t type, union datum v, int location)
{
    struct expr *e = an__new_expr(an, EXPR_CONST, type, location);
    e->c.v = v;
    return e;
}

struct expr *an__null(struct an *an, oid_t type, int location)
{
    struct expr *e = an__new_expr(an, EXPR_CONST, type, location);
    e->c.null = true;
    return e;
}

struct expr *an__var(struct an *an, uint16_t rte, int16_t col, oid_t type, int32_t typmod, int location)
{
    struct expr *e = an__new_expr(an, EXPR_VAR, type, location);
    e->typmod = typmod;
    e->var.rte = rte;
    e->var.col = col;
    return e;
}

struct expr *an__bool_list(struct an *an, enum expr_kind kind, struct expr **v, uint32_t n, int location)
{
    if (n == 1)
        return v[0];
    struct expr *e = an__new_expr(an, kind, TYPE_BOOL, location);
    e->args.n = n;
    e->args.v = v;
    return e;
}

/* ---- constants, parameters ----------------------------------------------------- */

static struct expr *number(struct an *an, const struct ast_expr *a)
{
    struct type_ctx ctx = an->env->types;
    struct diag unused;
    union datum v;
    ctx.arena = an->arena;
    const bool digits = memchr(a->text.p, '.', a->text.len) == NULL && memchr(a->text.p, 'e', a->text.len) == NULL
                        && memchr(a->text.p, 'E', a->text.len) == NULL;
    diag_clear(&unused);
    if (digits && type_by_oid(TYPE_INT8)->in(&ctx, a->text.p, a->text.len, -1, &v, &unused) == ERR_OK)
        return an__const(an, v.i == (int32_t)v.i ? TYPE_INT4 : TYPE_INT8, v, a->location);
    an__check(an, type_by_oid(TYPE_NUMERIC)->in(&ctx, a->text.p, a->text.len, -1, &v, an->d), a->location);
    return an__const(an, TYPE_NUMERIC, v, a->location);
}

static struct expr *param(struct an *an, const struct ast_expr *a)
{
    if (a->param > (int)an->nparams)
        an__fail(an, ERR_UNDEFINED_PARAMETER, a->location, "there is no parameter $%d", a->param);
    struct expr *e = an__new_expr(an, EXPR_PARAM, an->param[a->param - 1], a->location);
    e->param = (uint16_t)a->param;
    return e;
}

/* ---- functions and aggregates ----------------------------------------------------- */

static struct expr *aggregate_call(struct an *an, struct level *lv, const struct ast_expr *a, const struct aggregate *agg, struct expr **args)
{
    struct expr *e = an__new_expr(an, EXPR_AGG, agg->ret, a->location);
    e->agg.agg = agg;
    e->agg.distinct = a->func.distinct;
    if (agg->nargs > 0)
        e->agg.arg = an__coerce(an, args[0], agg->arg, -1, CAST_IMPLICIT, false, a->location);
    if (agg->nargs > 1)
        e->agg.arg2 = an__coerce(an, args[1], agg->arg2, -1, CAST_IMPLICIT, false, a->location);
    if (a->func.filter != NULL) {
        const enum an_place place = lv->place;
        e->agg.filter = an__coerce_bool(an, an__expr(an, lv, a->func.filter, AN_FILTER), "FILTER");
        lv->place = place;
    }
    if (e->agg.distinct && type_by_oid(e->agg.arg->type)->cmp == NULL)
        an__fail(an, ERR_UNDEFINED_FUNCTION, a->location, "could not identify an equality operator for type %s",
                 an__type_name(an, e->agg.arg->type));
    lv->q->has_aggs = true;
    return e;
}

static void check_aggregate_place(struct an *an, const struct level *lv, const struct ast_expr *a)
{
    if (lv->in_agg)
        an__fail(an, ERR_GROUPING, a->location, "aggregate function calls cannot be nested");
    if (!place_has_aggs(lv->place) && lv->place != AN_JOIN_ON)
        an__fail(an, ERR_GROUPING, a->location, "aggregate functions are not allowed in %s", an__place_name(lv->place));
    if (lv->place == AN_JOIN_ON)
        an__fail(an, ERR_GROUPING, a->location, "aggregate functions are not allowed in JOIN conditions");
    if (a->func.order.n > 0)
        an__unsupported(an, a->location, "ORDER BY in an aggregate's arguments");
}

static void check_plain_function(struct an *an, const struct ast_expr *a)
{
    const char *name = a->func.name;
    if (a->func.star)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, a->location, "%s(*) specified, but %s is not an aggregate function", name, name);
    if (a->func.distinct)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, a->location, "DISTINCT specified, but %s is not an aggregate function", name);
    if (a->func.filter != NULL)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, a->location, "FILTER specified, but %s is not an aggregate function", name);
    if (a->func.order.n > 0)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, a->location, "ORDER BY specified, but %s is not an aggregate function", name);
}

static struct expr *function(struct an *an, struct level *lv, const struct ast_expr *a)
{
    const bool ours = a->func.schema == NULL || strcmp(a->func.schema, "pg_catalog") == 0;
    const struct aggregate *probe;
    const bool is_agg = ours && aggregate_candidates(a->func.name, &probe, 1) > 0;
    const uint32_t n = a->func.args.n;
    const bool nested = lv->in_agg;
    struct expr **args = AN_ARRAY(an, struct expr *, n);
    oid_t in[FUNC_ARGS_MAX];
    if (a->func.over)
        an__unsupported(an, a->location, "a window function");
    if (a->func.within_group)
        an__unsupported(an, a->location, "WITHIN GROUP");
    if (a->func.variadic)
        an__unsupported(an, a->location, "VARIADIC");
    if (n > FUNC_ARGS_MAX)
        an__fail(an, ERR_TOO_MANY_ARGUMENTS, a->location, "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    if (is_agg) {
        if (n == 0 && !a->func.star)
            an__fail(an, ERR_WRONG_OBJECT_TYPE, a->location, "%s(*) must be used to call a parameterless aggregate function", a->func.name);
        lv->in_agg = true;
    }
    for (uint32_t i = 0; i < n; i++) {
        args[i] = an__sub_expr(an, lv, a->func.args.v[i]);
        in[i] = args[i]->type;
    }
    if (!is_agg) {
        if (strcmp(a->func.name, "generate_series") == 0)
            an__unsupported(an, a->location, "generate_series outside FROM");
        struct expr *call = an__function(an, a->func.schema, a->func.name, args, n, a->location);
        check_plain_function(an, a);
        return call;
    }
    lv->in_agg = nested;
    const struct aggregate *agg = an__find_aggregate(an, a->func.name, in, n, a->location);
    struct expr *e = aggregate_call(an, lv, a, agg, args);
    check_aggregate_place(an, lv, a);
    return e;
}

/* CURRENT_TIMESTAMP and its like are calls of functions. */
static struct expr *value_function(struct an *an, const struct ast_expr *a)
{
    static const struct {
        const char *name, *fn;
        oid_t type; /* cast to */
    } map[] = {
        { "current_timestamp", "now", TYPE_TIMESTAMPTZ }, { "current_date", "now", TYPE_DATE },
        { "localtimestamp", "now", TYPE_TIMESTAMP },      { "current_role", "current_user", TYPE_NAME },
        { "current_user", "current_user", TYPE_NAME },    { "user", "current_user", TYPE_NAME },
        { "session_user", "session_user", TYPE_NAME },    { "current_catalog", "current_database", TYPE_NAME },
        { "current_schema", "current_schema", TYPE_NAME },
    };
    for (size_t i = 0; i < ARRAY_LEN(map); i++) {
        if (strcmp(map[i].name, a->value_func.name) != 0)
            continue;
        struct expr *e = an__function(an, NULL, map[i].fn, NULL, 0, a->location);
        return an__coerce(an, e, map[i].type, a->value_func.precision, CAST_EXPLICIT, true, a->location);
    }
    an__unsupported(an, a->location, a->value_func.name);
}

/* ---- operators and conditions -------------------------------------------------------- */

static struct expr *list_of(struct an *an, struct level *lv, const struct ast_expr *a, enum expr_kind kind, const char *what)
{
    struct expr *e = an__new_expr(an, kind, TYPE_BOOL, a->location);
    e->args.n = a->list.n;
    e->args.v = AN_ARRAY(an, struct expr *, a->list.n);
    for (uint32_t i = 0; i < a->list.n; i++)
        e->args.v[i] = an__coerce_bool(an, an__sub_expr(an, lv, a->list.v[i]), what);
    return e;
}

static struct expr *negate(struct an *an, struct expr *arg, int location)
{
    struct expr *e = an__new_expr(an, EXPR_NOT, TYPE_BOOL, location);
    e->arg = arg;
    return e;
}

/* Left before right: the first error is the one that is reported. */
static struct expr *binary(struct an *an, struct level *lv, const char *op, const struct ast_expr *left, const struct ast_expr *right, int location)
{
    struct expr *l = an__sub_expr(an, lv, left);
    struct expr *r = an__sub_expr(an, lv, right);
    return an__operator(an, op, l, r, location);
}

static struct expr *between_pair(struct an *an, struct level *lv, const struct ast_expr *a, const struct ast_expr *lo, const struct ast_expr *hi)
{
    struct expr **v = AN_ARRAY(an, struct expr *, 2);
    const bool not = a->op.negated;
    v[0] = binary(an, lv, not ? "<" : ">=", a->op.left, lo, a->location);
    v[1] = binary(an, lv, not ? ">" : "<=", a->op.left, hi, a->location);
    return an__bool_list(an, not ? EXPR_OR : EXPR_AND, v, 2, a->location);
}

static struct expr *between(struct an *an, struct level *lv, const struct ast_expr *a)
{
    const struct ast_expr *lo = a->op.list.v[0], *hi = a->op.list.v[1];
    struct expr *e = between_pair(an, lv, a, lo, hi);
    if (!a->op.symmetric)
        return e;
    struct expr **v = AN_ARRAY(an, struct expr *, 2);
    v[0] = e;
    v[1] = between_pair(an, lv, a, hi, lo);
    return an__bool_list(an, a->op.negated ? EXPR_AND : EXPR_OR, v, 2, a->location);
}

static bool is_null_constant(const struct ast_expr *a)
{
    return a != NULL && a->kind == AST_NULL;
}

static struct expr *distinct_from(struct an *an, struct level *lv, const struct ast_expr *a)
{
    struct expr *e;
    if (is_null_constant(a->op.left) || is_null_constant(a->op.right)) {
        e = an__new_expr(an, EXPR_IS_NULL, TYPE_BOOL, a->location);
        e->test.arg = an__sub_expr(an, lv, is_null_constant(a->op.right) ? a->op.left : a->op.right);
        e->test.negated = !a->op.negated;
        return e;
    }
    const struct expr *eq = binary(an, lv, "=", a->op.left, a->op.right, a->location);
    e = an__new_expr(an, EXPR_DISTINCT, TYPE_BOOL, a->location);
    e->pair.fn = eq->func.fn;
    e->pair.op = eq->func.op;
    e->pair.left = eq->func.args.v[0];
    e->pair.right = eq->func.args.v[1];
    e->pair.negated = a->op.negated;
    return e;
}

static struct expr *null_if(struct an *an, struct level *lv, const struct ast_expr *a)
{
    const struct expr *eq = binary(an, lv, "=", a->op.left, a->op.right, a->location);
    struct expr *e = an__new_expr(an, EXPR_NULLIF, eq->func.args.v[0]->type, a->location);
    e->typmod = eq->func.args.v[0]->typmod;
    e->pair.fn = eq->func.fn;
    e->pair.op = eq->func.op;
    e->pair.left = eq->func.args.v[0];
    e->pair.right = eq->func.args.v[1];
    return e;
}

static struct expr *null_test(struct an *an, struct level *lv, const struct ast_expr *a)
{
    struct expr *e = an__new_expr(an, EXPR_IS_NULL, TYPE_BOOL, a->location);
    e->test.arg = an__sub_expr(an, lv, a->test.arg);
    e->test.negated = a->test.negated;
    if (e->test.arg->type == TYPE_UNKNOWN && e->test.arg->kind == EXPR_CONST)
        e->test.arg = an__coerce(an, e->test.arg, TYPE_TEXT, -1, CAST_IMPLICIT, false, -1);
    return e;
}

static struct expr *bool_test(struct an *an, struct level *lv, const struct ast_expr *a)
{
    static const char *const names[] = { "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN" };
    struct expr *e = an__new_expr(an, EXPR_BOOL_TEST, TYPE_BOOL, a->location);
    e->test.arg = an__coerce_bool(an, an__sub_expr(an, lv, a->test.arg), names[a->test.test]);
    e->test.test = a->test.test;
    return e;
}

static struct expr *op_expr(struct an *an, struct level *lv, const struct ast_expr *a)
{
    if (a->op.schema != NULL && strcmp(a->op.schema, "pg_catalog") != 0)
        an__fail(an, ERR_UNDEFINED_FUNCTION, a->location, "operator does not exist: %s.%s", a->op.schema, a->op.name);
    if (a->op.left != NULL && a->op.left->kind == AST_ROW)
        an__unsupported(an, a->op.left->location, "a comparison of rows");
    struct expr *left = a->op.left != NULL ? an__sub_expr(an, lv, a->op.left) : NULL;
    return an__operator(an, a->op.name, left, an__sub_expr(an, lv, a->op.right), a->location);
}

/* ---- CASE, COALESCE, GREATEST ------------------------------------------------------------ */

static struct expr *case_condition(struct an *an, struct level *lv, struct expr *owner, const struct ast_expr *when, int location)
{
    struct expr *cond = an__sub_expr(an, lv, when);
    if (owner->cases.test == NULL)
        return an__coerce_bool(an, cond, "CASE/WHEN");
    struct expr *test = an__new_expr(an, EXPR_CASE_TEST, owner->cases.test->type, owner->cases.test->location);
    test->typmod = owner->cases.test->typmod;
    test->case_test = owner->cases.id;
    return an__coerce_bool(an, an__operator(an, "=", test, cond, location), "CASE/WHEN");
}

static struct expr *case_expr(struct an *an, struct level *lv, const struct ast_expr *a)
{
    const uint32_t n = a->cases.n;
    struct expr *e = an__new_expr(an, EXPR_CASE, 0, a->location);
    struct expr **results = AN_ARRAY(an, struct expr *, n + 1); /* ELSE first: it weighs most in choosing the type */
    e->cases.n = n;
    e->cases.when = AN_ARRAY(an, struct expr *, n);
    e->cases.then = AN_ARRAY(an, struct expr *, n);
    if (a->cases.arg != NULL) {
        struct expr *test = an__sub_expr(an, lv, a->cases.arg);
        e->cases.id = an->ncase_tests;
        an->ncase_tests = an__count(an, an->ncase_tests + 1u, "CASE expressions");
        e->cases.test = test->type == TYPE_UNKNOWN ? an__coerce(an, test, TYPE_TEXT, -1, CAST_IMPLICIT, false, -1) : test;
    }
    for (uint32_t i = 0; i < n; i++) {
        e->cases.when[i] = case_condition(an, lv, e, a->cases.when[i], a->cases.when_location[i]);
        results[i + 1] = an__sub_expr(an, lv, a->cases.then[i]);
    }
    results[0] = a->cases.els != NULL ? an__sub_expr(an, lv, a->cases.els) : an__null(an, TYPE_UNKNOWN, -1);
    e->type = an__common_type(an, results, n + 1, "CASE");
    e->cases.els = an__coerce_common(an, results[0], e->type, "CASE/ELSE");
    for (uint32_t i = 0; i < n; i++)
        e->cases.then[i] = an__coerce_common(an, results[i + 1], e->type, "CASE/WHEN");
    results[0] = e->cases.els;
    memcpy(results + 1, e->cases.then, n * sizeof(*results));
    e->typmod = an__common_typmod(results, n + 1, e->type);
    return e;
}

static struct expr *common_list(struct an *an, struct level *lv, const struct ast_expr *a, enum expr_kind kind, const char *what)
{
    struct expr *e = an__new_expr(an, kind, 0, a->location);
    e->args.n = a->list.n;
    e->args.v = AN_ARRAY(an, struct expr *, a->list.n);
    for (uint32_t i = 0; i < a->list.n; i++)
        e->args.v[i] = an__sub_expr(an, lv, a->list.v[i]);
    e->type = an__common_type(an, e->args.v, a->list.n, what);
    for (uint32_t i = 0; i < a->list.n; i++)
        e->args.v[i] = an__coerce_common(an, e->args.v[i], e->type, what);
    e->typmod = an__common_typmod(e->args.v, a->list.n, e->type);
    if (kind != EXPR_COALESCE && type_by_oid(e->type)->cmp == NULL)
        an__fail(an, ERR_UNDEFINED_FUNCTION, a->location, "could not identify a comparison function for type %s", an__type_name(an, e->type));
    return e;
}

/* ---- casts ------------------------------------------------------------------------------- */

static struct expr *cast(struct an *an, struct level *lv, const struct ast_expr *a)
{
    oid_t type;
    int32_t typmod;
    an__type_of_ast(an, &a->cast.type, &type, &typmod);
    if (a->cast.arg->kind == AST_ARRAY)
        an__unsupported(an, a->cast.arg->location, "an array");
    struct expr *e = an__sub_expr(an, lv, a->cast.arg);
    const int location = a->location >= 0 ? a->location : a->cast.type.location;
    struct expr *r = an__try_coerce(an, e, type, typmod, CAST_EXPLICIT, true, location);
    if (r == NULL)
        an__fail(an, ERR_CANNOT_COERCE, location, "cannot cast type %s to %s", an__type_name(an, e->type), an__type_name(an, type));
    return r;
}

static struct expr *collate(struct an *an, struct level *lv, const struct ast_expr *a)
{
    static const char *const known[] = { "default", "C", "POSIX", "C.UTF-8", "ucs_basic" };
    struct expr *e = an__sub_expr(an, lv, a->test.arg);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], a->test.collation) == 0)
            return e; /* all of them order by bytes, as the database does */
    an__fail(an, ERR_UNDEFINED_OBJECT, a->location, "collation \"%s\" for encoding \"UTF8\" does not exist", a->test.collation);
}

/* ---- one expression ------------------------------------------------------------------------ */

struct expr *an__sub_expr(struct an *an, struct level *lv, const struct ast_expr *a)
{
    switch (a->kind) {
    case AST_COLUMN:
        return an__column(an, lv, a);
    case AST_PARAM:
        return param(an, a);
    case AST_NULL:
        return an__null(an, TYPE_UNKNOWN, a->location);
    case AST_INTEGER:
        return an__const(an, TYPE_INT4, datum_int(a->integer), a->location);
    case AST_NUMBER:
        return number(an, a);
    case AST_BOOLEAN:
        return an__const(an, TYPE_BOOL, datum_int(a->boolean), a->location);
    case AST_STRING:
        return an__const(an, TYPE_UNKNOWN, datum_str(a->text.p, a->text.len), a->location);
    case AST_FUNC:
        return function(an, lv, a);
    case AST_OP:
        return op_expr(an, lv, a);
    case AST_OP_ANY:
        return an__array_op(an, lv, a);
    case AST_IN:
        return an__in(an, lv, a);
    case AST_BETWEEN:
        return between(an, lv, a);
    case AST_DISTINCT_FROM:
        return distinct_from(an, lv, a);
    case AST_NULLIF:
        return null_if(an, lv, a);
    case AST_AND:
        return list_of(an, lv, a, EXPR_AND, "AND");
    case AST_OR:
        return list_of(an, lv, a, EXPR_OR, "OR");
    case AST_NOT:
        return negate(an, an__coerce_bool(an, an__sub_expr(an, lv, a->arg), "NOT"), a->location);
    case AST_IS_NULL:
        return null_test(an, lv, a);
    case AST_BOOL_TEST:
        return bool_test(an, lv, a);
    case AST_CASE:
        return case_expr(an, lv, a);
    case AST_COALESCE:
        return common_list(an, lv, a, EXPR_COALESCE, "COALESCE");
    case AST_GREATEST:
        return common_list(an, lv, a, EXPR_GREATEST, "GREATEST");
    case AST_LEAST:
        return common_list(an, lv, a, EXPR_LEAST, "LEAST");
    case AST_CAST:
        return cast(an, lv, a);
    case AST_COLLATE:
        return collate(an, lv, a);
    case AST_SUBLINK:
        return an__sublink(an, lv, a);
    case AST_ROW:
        an__unsupported(an, a->location, "a row constructor");
    case AST_ARRAY:
        an__unsupported(an, a->location, "an array");
    case AST_VALUE_FUNC:
        return value_function(an, a);
    case AST_DEFAULT:
        an__fail(an, ERR_SYNTAX, a->location, "DEFAULT is not allowed in this context");
    case AST_UNSUPPORTED:
        an__unsupported(an, a->location, arena_strndup(an->arena, a->text.p, a->text.len));
    }
    an__unsupported(an, a->location, "this kind of expression");
}

struct expr *an__expr(struct an *an, struct level *lv, const struct ast_expr *a, enum an_place place)
{
    const enum an_place before = lv->place;
    lv->place = place;
    struct expr *e = an__sub_expr(an, lv, a);
    lv->place = before;
    return e;
}

/* ---- properties ---------------------------------------------------------------------------- */

static bool leftmost(void *arg, const struct expr *e)
{
    int *best = arg;
    const int at = an__location(e);
    if (at >= 0 && (*best < 0 || at < *best))
        *best = at;
    return true;
}

int an__location(const struct expr *e)
{
    int best = e->location;
    switch (e->kind) {
    case EXPR_FUNC:
    case EXPR_CAST:
    case EXPR_TYPMOD:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
    case EXPR_DISTINCT:
    case EXPR_NULLIF:
    case EXPR_IN:
        expr_children(e, leftmost, &best);
        break;
    default:
        break;
    }
    return best;
}

static bool no_vars(void *arg, const struct expr *e)
{
    if (e->kind == EXPR_VAR && e->var.up == 0)
        return false;
    return expr_children(e, no_vars, arg);
}

bool an__has_vars(const struct expr *e)
{
    return !no_vars(NULL, e);
}

static bool no_volatile(void *arg, const struct expr *e)
{
    if (e->kind == EXPR_FUNC && e->func.fn->volatility == FUNC_VOLATILE)
        return false;
    return expr_children(e, no_volatile, arg);
}

bool an__has_volatile(const struct expr *e)
{
    return !no_volatile(NULL, e);
}
