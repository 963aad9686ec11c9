#include "sql/analyse/analyse_int.h"

#include <strings.h>

/*
 * Comparisons with several values: sub-queries in expressions, IN lists, and
 * arrays after ANY and ALL, which are taken apart into lists.
 */

/* ---- sub-queries ----------------------------------------------------------------- */

static uint16_t visible_targets(const struct query *q)
{
    uint16_t n = 0;
    for (uint16_t i = 0; i < q->ntargets; i++)
        n += !q->target[i].junk;
    return n;
}

static void one_column(struct an *an, const struct query *q, bool is_in, int location)
{
    if (visible_targets(q) == 1)
        return;
    if (is_in)
        an__fail(an, ERR_SYNTAX, location, "subquery has too many columns");
    an__fail(an, ERR_SYNTAX, location, "subquery must return only one column");
}

static void compare_with_column(struct an *an, struct level *lv, const struct ast_expr *a, struct expr *e)
{
    const struct expr *out = e->sublink.query->target[0].expr;
    const char *op = a->sublink.op != NULL ? a->sublink.op : "=";
    if (a->sublink.test->kind == AST_ROW)
        an__unsupported(an, a->sublink.test->location, "a comparison of rows");
    struct expr *test = an__sub_expr(an, lv, a->sublink.test);
    one_column(an, e->sublink.query, true, a->location);
    struct expr *col = an__new_expr(an, EXPR_COL, out->type, a->location);
    col->typmod = out->typmod;
    const struct expr *cmp = an__operator(an, op, test, col, a->location);
    if (cmp->type != TYPE_BOOL)
        an__fail(an, ERR_DATATYPE_MISMATCH, a->location, "row comparison operator must yield type boolean, not type %s",
                 an__type_name(an, cmp->type));
    e->sublink.fn = cmp->func.fn;
    e->sublink.op = cmp->func.op;
    e->sublink.test = cmp->func.args.v[0];
    e->sublink.column = cmp->func.args.v[1];
}

/* ---- ARRAY(sub-query) of the catalogue -------------------------------------------------- */

static struct ast_expr *new_ast(struct an *an, enum ast_expr_kind kind)
{
    struct ast_expr *e = AN_NEW(an, struct ast_expr);
    e->kind = kind;
    e->location = -1;
    return e;
}

static struct ast_expr *text_ast(struct an *an, const char *text)
{
    struct ast_expr *e = new_ast(an, AST_STRING);
    e->text = (struct str){ text, (uint32_t)strlen(text) };
    return e;
}

static struct ast_expr *call_ast(struct an *an, const char *name, uint32_t n, struct ast_expr *const *args)
{
    struct ast_expr *e = new_ast(an, AST_FUNC);
    e->func.schema = "pg_catalog";
    e->func.name = name;
    e->func.args.n = n;
    e->func.args.v = arena_dup(an->arena, args, n * sizeof(*args));
    return e;
}

/* (SELECT concat('{', string_agg(rustydb_array_element(e), ','), '}') FROM (sub-query) AS "array" (e)) */
static struct ast_select *array_text(struct an *an, struct ast_select *of)
{
    static const char *const element_name = "e";
    struct ast_from *from = AN_NEW(an, struct ast_from);
    *from = (struct ast_from){ .kind = AST_FROM_SUBQUERY, .location = -1, .subquery = of, .range = { .alias = "array", .location = -1 } };
    from->range.columns.n = 1;
    from->range.columns.v = arena_dup(an->arena, &element_name, sizeof(element_name));
    struct ast_expr *column = new_ast(an, AST_COLUMN);
    column->column.name = from->range.columns;
    struct ast_expr *element = call_ast(an, "rustydb_array_element", 1, (struct ast_expr *[]){ column });
    struct ast_expr *list = call_ast(an, "string_agg", 2, (struct ast_expr *[]){ element, text_ast(an, ",") });
    struct ast_target target = { .location = -1 };
    target.expr = call_ast(an, "concat", 3, (struct ast_expr *[]){ text_ast(an, "{"), list, text_ast(an, "}") });
    struct ast_select *s = AN_NEW(an, struct ast_select);
    s->location = -1;
    s->targets.n = 1;
    s->targets.v = arena_dup(an->arena, &target, sizeof(target));
    s->nfrom = 1;
    s->from = arena_dup(an->arena, &from, sizeof(from));
    return s;
}

static bool reads_catalogue_only(const struct an *an, const struct query *q)
{
    for (uint16_t i = 0; i < q->nrte; i++)
        if (q->rte[i]->kind != RTE_TABLE || !an->rel[q->rte[i]->rel].def->system)
            return false;
    return q->nrte > 0;
}

/* Arrays have no type of their own yet. The catalogue's come as their text, and so do those that are made of it; others are refused. */
static struct expr *array_sublink(struct an *an, struct level *lv, const struct ast_expr *a)
{
    struct expr *e = an__new_expr(an, EXPR_SUBLINK, TYPE_TEXT, a->location);
    const bool in_agg = lv->in_agg;
    lv->q->has_sublinks = true;
    e->sublink.kind = SUBLINK_SCALAR;
    e->sublink.query = an__select(an, lv, array_text(an, a->sublink.select), false, lv->ctes);
    lv->in_agg = in_agg;
    const struct query *of = e->sublink.query->rte[0]->query;
    one_column(an, of, false, a->location);
    if (!reads_catalogue_only(an, of))
        an__unsupported(an, a->location, "ARRAY(sub-query)");
    return e;
}

struct expr *an__sublink(struct an *an, struct level *lv, const struct ast_expr *a)
{
    static const enum sublink_kind kinds[] = {
        [AST_EXISTS] = SUBLINK_EXISTS, [AST_ANY] = SUBLINK_ANY, [AST_ALL] = SUBLINK_ALL, [AST_SCALAR] = SUBLINK_SCALAR
    };
    switch (lv->place) {
    case AN_DEFAULT:
        an__fail(an, ERR_FEATURE, a->location, "cannot use subquery in DEFAULT expression");
    case AN_CHECK:
        an__fail(an, ERR_FEATURE, a->location, "cannot use subquery in check constraint");
    case AN_EXECUTE:
        an__fail(an, ERR_FEATURE, a->location, "cannot use subquery in EXECUTE parameter");
    default:
        break;
    }
    if (a->sublink.kind == AST_ARRAY_OF)
        return array_sublink(an, lv, a);
    struct expr *e = an__new_expr(an, EXPR_SUBLINK, TYPE_BOOL, a->location);
    const bool in_agg = lv->in_agg;
    lv->q->has_sublinks = true;
    e->sublink.kind = kinds[a->sublink.kind];
    e->sublink.query = an__select(an, lv, a->sublink.select, false, lv->ctes);
    lv->in_agg = in_agg;
    if (e->sublink.kind == SUBLINK_EXISTS)
        return e;
    if (e->sublink.kind == SUBLINK_SCALAR) {
        one_column(an, e->sublink.query, false, a->location);
        e->type = e->sublink.query->target[0].expr->type;
        e->typmod = e->sublink.query->target[0].expr->typmod;
    } else {
        compare_with_column(an, lv, a, e);
    }
    return e;
}

/* ---- lists -------------------------------------------------------------------------- */

static struct expr *one_comparison(struct an *an, const char *op, const struct expr *test, struct expr *value, bool all, int location)
{
    struct expr *own = arena_dup(an->arena, test, sizeof(*test)); /* a parameter may take a type of its own here */
    struct expr *cmp = an__operator(an, op, own, value, location);
    return an__coerce_bool(an, cmp, all ? "AND" : "OR");
}

/* test = ANY (list), or <> ALL, all values of one type. */
static struct expr *in_list(struct an *an, const char *op, struct expr *test, struct expr **v, uint32_t n, oid_t common, bool all, int location)
{
    struct expr *e = an__new_expr(an, EXPR_IN, TYPE_BOOL, location);
    for (uint32_t i = 0; i < n; i++)
        v[i] = an__coerce_common(an, v[i], common, "IN");
    const struct expr *cmp = an__operator(an, op, test, v[0], location);
    const oid_t want = cmp->func.op->right;
    for (uint32_t i = 0; i < n; i++)
        v[i] = an__coerce(an, v[i], want, -1, CAST_IMPLICIT, false, location);
    e->in.fn = cmp->func.fn;
    e->in.op = cmp->func.op;
    e->in.test = cmp->func.args.v[0];
    e->in.list.n = n;
    e->in.list.v = v;
    e->in.negated = all;
    return e;
}

/*
 * test op ANY/ALL of these values. As in PostgreSQL, values without columns form a list where they have a type in common with the test;
 * the others are compared one by one.
 */
static struct expr *compare_all(struct an *an, const char *op, struct expr *test, struct expr **v, uint32_t n, bool all, int location)
{
    struct expr **list = AN_ARRAY(an, struct expr *, n + 1), **cmp = AN_ARRAY(an, struct expr *, n + 1);
    uint32_t nlist = 0, ncmp = 0;
    bool listed = false;
    if (n == 0)
        return an__const(an, TYPE_BOOL, datum_int(all), location);
    list[nlist++] = arena_dup(an->arena, test, sizeof(*test));
    for (uint32_t i = 0; i < n; i++)
        if (!an__has_vars(v[i]))
            list[nlist++] = v[i];
    if (nlist > 2 && strcmp(op, all ? "<>" : "=") == 0) {
        const oid_t common = an__common_type(an, list, nlist, NULL);
        listed = common != 0;
        if (listed)
            cmp[ncmp++] = in_list(an, op, list[0], list + 1, nlist - 1, common, all, location);
    }
    for (uint32_t i = 0; i < n; i++)
        if (!listed || an__has_vars(v[i]))
            cmp[ncmp++] = one_comparison(an, op, test, v[i], all, location);
    return an__bool_list(an, all ? EXPR_AND : EXPR_OR, cmp, ncmp, location);
}

struct expr *an__in(struct an *an, struct level *lv, const struct ast_expr *a)
{
    const uint32_t n = a->op.list.n;
    struct expr **v = AN_ARRAY(an, struct expr *, n);
    if (a->op.left->kind == AST_ROW)
        an__unsupported(an, a->op.left->location, "IN with a row");
    struct expr *test = an__sub_expr(an, lv, a->op.left);
    for (uint32_t i = 0; i < n; i++)
        v[i] = an__sub_expr(an, lv, a->op.list.v[i]);
    return compare_all(an, a->op.name, test, v, n, a->op.negated, a->location);
}

/* ---- arrays ------------------------------------------------------------------------------ */

/* The next element of an array's text; false at its end. */
static bool next_element(struct an *an, const char **at, const char *end, struct str *ret, bool *ret_null, int location)
{
    const char *s = *at;
    while (s < end && (*s == ' ' || *s == ','))
        s++;
    if (s >= end)
        return false;
    char *out = arena_alloc(an->arena, (size_t)(end - s) + 1);
    uint32_t n = 0;
    const bool quoted = *s == '"';
    for (s += quoted; s < end && (quoted ? *s != '"' : *s != ','); s++) {
        if (*s == '\\' && s + 1 < end)
            s++;
        else if (*s == '{' && !quoted)
            an__unsupported(an, location, "an array of more than one dimension");
        out[n++] = *s;
    }
    while (!quoted && n > 0 && out[n - 1] == ' ')
        n--;
    if (quoted && s >= end)
        an__fail(an, ERR_TEXT_REPRESENTATION, location, "malformed array literal");
    *at = s + quoted;
    *ret = (struct str){ out, n };
    *ret_null = !quoted && n == 4 && strncasecmp(out, "null", 4) == 0;
    return true;
}

static uint32_t split_array(struct an *an, const struct ast_expr *a, struct expr ***ret)
{
    const char *s = a->text.p, *end = s + a->text.len;
    uint32_t n = 0, cap = 0;
    struct expr **v = NULL;
    while (s < end && *s == ' ')
        s++;
    while (end > s && end[-1] == ' ')
        end--;
    if (end - s < 2 || *s != '{' || end[-1] != '}') {
        diag_set(an->d, ERR_TEXT_REPRESENTATION, "malformed array literal: \"%.*s\"", (int)a->text.len, a->text.p);
        diag_detail(an->d, "Array value must start with \"{\" or dimension information.");
        an__position(an, a->location);
        an__throw(an);
    }
    s++;
    end--;
    struct str part;
    bool null;
    while (next_element(an, &s, end, &part, &null, a->location)) {
        AN_GROW(an, v, n, cap);
        v[n++] = null ? an__null(an, TYPE_UNKNOWN, a->location) : an__const(an, TYPE_UNKNOWN, datum_str(part.p, part.len), a->location);
    }
    *ret = v;
    return n;
}

/* The values of ARRAY[...], '{...}' or either with a cast. */
static uint32_t array_values(struct an *an, struct level *lv, const struct ast_expr *a, struct expr ***ret)
{
    if (a->kind == AST_STRING)
        return split_array(an, a, ret);
    if (a->kind == AST_ARRAY) {
        *ret = AN_ARRAY(an, struct expr *, a->list.n);
        for (uint32_t i = 0; i < a->list.n; i++)
            (*ret)[i] = an__sub_expr(an, lv, a->list.v[i]);
        return a->list.n;
    }
    if (a->kind == AST_CAST && a->cast.type.is_array) {
        struct ast_type element = a->cast.type;
        oid_t type;
        int32_t typmod;
        element.is_array = false;
        an__type_of_ast(an, &element, &type, &typmod);
        const uint32_t n = array_values(an, lv, a->cast.arg, ret);
        for (uint32_t i = 0; i < n; i++)
            (*ret)[i] = an__coerce(an, (*ret)[i], type, typmod, CAST_EXPLICIT, true, a->location);
        return n;
    }
    an__unsupported(an, a->location, "ANY or ALL with something other than a constant array");
}

struct expr *an__array_op(struct an *an, struct level *lv, const struct ast_expr *a)
{
    struct expr **v;
    struct expr *test = an__sub_expr(an, lv, a->op.left);
    const uint32_t n = array_values(an, lv, a->op.right, &v);
    return compare_all(an, a->op.name, test, v, n, a->op.all, a->location);
}
