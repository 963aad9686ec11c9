#include "sql/analyse/analyse.h"

#include <ctype.h>

/* SQL text of an expression, with PostgreSQL's parentheses and casts. */

struct out {
    const struct deparse *how;
    struct buf *b;
};

static void put(struct out *o, const struct expr *e);

static void put_quoted(struct buf *b, const char *s, size_t len)
{
    buf_put_u8(b, '\'');
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\'')
            buf_put_u8(b, '\'');
        buf_put_u8(b, (uint8_t)s[i]);
    }
    buf_put_u8(b, '\'');
}

/* Integers and booleans stand alone, everything else is a string with its type. */
static void put_const(struct out *o, const struct expr *e)
{
    struct type_ctx ctx = { .extra_float_digits = 1 };
    struct buf text;
    if (e->c.null) {
        buf_put_str(o->b, "NULL::");
        type_format(e->type, -1, o->b);
        return;
    }
    if (e->type == TYPE_BOOL) {
        buf_put_str(o->b, e->c.v.i ? "true" : "false");
        return;
    }
    buf_init(&text);
    type_by_oid(e->type)->out(&ctx, e->c.v, &text);
    const bool bare = (e->type == TYPE_INT4 || e->type == TYPE_NUMERIC) && text.len > 0 && text.p[0] != '-' && isdigit(text.p[0])
                      && (e->type == TYPE_INT4 || memchr(text.p, '.', text.len) != NULL);
    if (bare) {
        buf_put(o->b, text.p, text.len);
    } else {
        put_quoted(o->b, (const char *)text.p, text.len);
        buf_put_str(o->b, "::");
        type_format(e->type, -1, o->b);
    }
    buf_fini(&text);
}

static void put_list(struct out *o, const struct expr_list *l, const char *between)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (i > 0)
            buf_put_str(o->b, between);
        put(o, l->v[i]);
    }
}

static void put_func(struct out *o, const struct expr *e)
{
    const struct operator *op = e->func.op;
    if (op == NULL) {
        buf_put_str(o->b, e->func.fn->name);
        buf_put_u8(o->b, '(');
        put_list(o, &e->func.args, ", ");
        buf_put_u8(o->b, ')');
        return;
    }
    buf_put_u8(o->b, '(');
    if (e->func.args.n == 2) {
        put(o, e->func.args.v[0]);
        buf_put_u8(o->b, ' ');
    }
    buf_put_str(o->b, op->name);
    buf_put_u8(o->b, ' ');
    put(o, e->func.args.v[e->func.args.n - 1]);
    buf_put_u8(o->b, ')');
}

static void put_cast(struct out *o, const struct expr *arg, oid_t type, int32_t typmod)
{
    buf_put_u8(o->b, '(');
    put(o, arg);
    buf_put_str(o->b, ")::");
    type_format(type, typmod, o->b);
}

static void put_case(struct out *o, const struct expr *e)
{
    buf_put_str(o->b, "CASE ");
    if (e->cases.test != NULL) {
        put(o, e->cases.test);
        buf_put_u8(o->b, ' ');
    }
    for (uint32_t i = 0; i < e->cases.n; i++) {
        const struct expr *when = e->cases.when[i];
        const bool simple = e->cases.test != NULL && when->kind == EXPR_FUNC && when->func.args.n == 2;
        buf_put_str(o->b, "WHEN ");
        put(o, simple ? when->func.args.v[1] : when);
        buf_put_str(o->b, " THEN ");
        put(o, e->cases.then[i]);
        buf_put_u8(o->b, ' ');
    }
    buf_put_str(o->b, "ELSE ");
    put(o, e->cases.els);
    buf_put_str(o->b, " END");
}

static void put_named(struct out *o, const char *name, const struct expr_list *l)
{
    buf_put_str(o->b, name);
    buf_put_u8(o->b, '(');
    put_list(o, l, ", ");
    buf_put_u8(o->b, ')');
}

static void put_in(struct out *o, const struct expr *e)
{
    buf_put_u8(o->b, '(');
    put(o, e->in.test);
    buf_put_str(o->b, e->in.negated ? " NOT IN (" : " IN (");
    put_list(o, &e->in.list, ", ");
    buf_put_str(o->b, "))");
}

static void put_pair(struct out *o, const struct expr *e, const char *between)
{
    buf_put_u8(o->b, '(');
    put(o, e->pair.left);
    buf_put_str(o->b, between);
    put(o, e->pair.right);
    buf_put_u8(o->b, ')');
}

static void put_after(struct out *o, const struct expr *arg, const char *after)
{
    buf_put_u8(o->b, '(');
    put(o, arg);
    buf_put_str(o->b, after);
    buf_put_u8(o->b, ')');
}

static void put_agg(struct out *o, const struct expr *e)
{
    buf_printf(o->b, "%s(%s", e->agg.agg->name, e->agg.distinct ? "DISTINCT " : "");
    if (e->agg.arg != NULL)
        put(o, e->agg.arg);
    else
        buf_put_u8(o->b, '*');
    if (e->agg.arg2 != NULL) {
        buf_put_str(o->b, ", ");
        put(o, e->agg.arg2);
    }
    buf_put_u8(o->b, ')');
    if (e->agg.filter != NULL) {
        buf_put_str(o->b, " FILTER (WHERE ");
        put(o, e->agg.filter);
        buf_put_u8(o->b, ')');
    }
}

static void put(struct out *o, const struct expr *e)
{
    static const char *const tests[] = { " IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE", " IS UNKNOWN", " IS NOT UNKNOWN" };
    switch (e->kind) {
    case EXPR_CONST:
        put_const(o, e);
        break;
    case EXPR_PARAM:
        buf_printf(o->b, "$%u", e->param);
        break;
    case EXPR_VAR:
    case EXPR_COL:
        o->how->name(o->how->arg, e, o->b);
        break;
    case EXPR_EXEC_PARAM:
        buf_printf(o->b, "$%u", e->exec_param);
        break;
    case EXPR_ONCE:
        put(o, e->once.arg);
        break;
    case EXPR_FUNC:
        put_func(o, e);
        break;
    case EXPR_CAST:
        put_cast(o, e->cast.arg, e->type, e->typmod);
        break;
    case EXPR_TYPMOD:
        put_cast(o, e->typmod_of.arg, e->type, e->typmod);
        break;
    case EXPR_AND:
    case EXPR_OR:
        buf_put_u8(o->b, '(');
        put_list(o, &e->args, e->kind == EXPR_AND ? " AND " : " OR ");
        buf_put_u8(o->b, ')');
        break;
    case EXPR_NOT:
        buf_put_str(o->b, "(NOT ");
        put(o, e->arg);
        buf_put_u8(o->b, ')');
        break;
    case EXPR_IS_NULL:
        put_after(o, e->test.arg, e->test.negated ? " IS NOT NULL" : " IS NULL");
        break;
    case EXPR_BOOL_TEST:
        put_after(o, e->test.arg, tests[e->test.test]);
        break;
    case EXPR_DISTINCT:
        put_pair(o, e, e->pair.negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
        break;
    case EXPR_NULLIF:
        buf_put_str(o->b, "NULLIF");
        put_pair(o, e, ", ");
        break;
    case EXPR_CASE:
        put_case(o, e);
        break;
    case EXPR_CASE_TEST:
        buf_put_str(o->b, "CASE_TEST");
        break;
    case EXPR_COALESCE:
        put_named(o, "COALESCE", &e->args);
        break;
    case EXPR_GREATEST:
        put_named(o, "GREATEST", &e->args);
        break;
    case EXPR_LEAST:
        put_named(o, "LEAST", &e->args);
        break;
    case EXPR_IN:
        put_in(o, e);
        break;
    case EXPR_AGG:
        put_agg(o, e);
        break;
    case EXPR_SUBLINK:
        buf_put_str(o->b, "(sub-query)");
        break;
    case EXPR_SUBPLAN:
        if (e->subplan.test != NULL) {
            put(o, e->subplan.test);
            buf_printf(o->b, " %s %s ", e->subplan.op->name, e->subplan.kind == SUBLINK_ANY ? "ANY" : "ALL");
        }
        buf_printf(o->b, "(SubPlan %u)", e->subplan.no + 1);
        break;
    }
}

void expr_deparse(const struct expr *e, const struct deparse *how, struct buf *b)
{
    struct out o = { .how = how, .b = b };
    put(&o, e);
}
