#include "sql/analyse/analyse_int.h"

#include <stdlib.h>

/*
 * PostgreSQL's rules of types: which conversions happen by themselves, which
 * overload of an operator or function is meant, what type a CASE or UNION has
 * (its manual, chapter "Type Conversion").
 */

#define CANDIDATES_MAX 256

static bool takes_any(oid_t type)
{
    return type == TYPE_ANY || type == TYPE_ANYELEMENT || type == TYPE_ANYNONARRAY;
}

bool an__can_coerce(oid_t from, oid_t to, enum cast_context how)
{
    if (from == to || from == TYPE_UNKNOWN || takes_any(to))
        return true;
    const struct cast *c = cast_find(from, to);
    return c != NULL && c->context <= how;
}

/* ---- coercion of one value --------------------------------------------------- */

static struct expr *literal_to_type(struct an *an, struct expr *e, oid_t type)
{
    struct expr *r = an__new_expr(an, EXPR_CONST, type, e->location);
    r->c.null = e->c.null;
    if (r->c.null)
        return r;
    struct type_ctx ctx = an->env->types;
    ctx.arena = an->arena;
    const struct type *t = type_by_oid(type);
    an__check(an, t->in(&ctx, e->c.v.s.p, e->c.v.s.len, -1, &r->c.v, an->d), e->location);
    return r;
}

static struct expr *param_to_type(struct an *an, struct expr *e, oid_t type)
{
    oid_t *known = &an->param[e->param - 1];
    if (*known == TYPE_UNKNOWN) {
        *known = type;
    } else if (*known != type) {
        diag_set(an->d, ERR_AMBIGUOUS_PARAMETER, "inconsistent types deduced for parameter $%u", e->param);
        diag_detail(an->d, "%s versus %s", an__type_name(an, *known), an__type_name(an, type));
        an__position(an, e->location);
        an__throw(an);
    }
    e->type = type;
    return e;
}

static struct expr *cast_to_type(struct an *an, struct expr *e, oid_t type, enum cast_context how, bool is_explicit)
{
    const struct cast *c = cast_find(e->type, type);
    if (c == NULL || c->context > how)
        return NULL;
    struct expr *r = an__new_expr(an, EXPR_CAST, type, e->location);
    r->cast.cast = c;
    r->cast.arg = e;
    r->cast.is_explicit = is_explicit;
    return r;
}

static bool has_typmod(oid_t type)
{
    return type == TYPE_BPCHAR || type == TYPE_VARCHAR || type == TYPE_NUMERIC || type == TYPE_TIMESTAMP || type == TYPE_TIMESTAMPTZ;
}

static struct expr *apply_typmod(struct an *an, struct expr *e, int32_t typmod, bool is_explicit)
{
    if (typmod < 0 || typmod == e->typmod || !has_typmod(e->type))
        return e;
    struct expr *r = an__new_expr(an, EXPR_TYPMOD, e->type, e->location);
    r->typmod = typmod;
    r->typmod_of.arg = e;
    r->typmod_of.is_explicit = is_explicit;
    return r;
}

struct expr *an__try_coerce(struct an *an, struct expr *e, oid_t type, int32_t typmod, enum cast_context how, bool is_explicit, int location)
{
    if (takes_any(type))
        type = e->type == TYPE_UNKNOWN ? TYPE_TEXT : e->type;
    if (e->type == TYPE_UNKNOWN && type != TYPE_UNKNOWN && e->kind == EXPR_CONST)
        e = literal_to_type(an, e, type);
    else if (e->type == TYPE_UNKNOWN && type != TYPE_UNKNOWN && e->kind == EXPR_PARAM)
        e = param_to_type(an, e, type);
    else if (e->type != type)
        e = cast_to_type(an, e, type, how, is_explicit);
    if (e == NULL)
        return NULL;
    if (is_explicit && location >= 0 && e->location < 0)
        e->location = location;
    return apply_typmod(an, e, typmod, is_explicit);
}

struct expr *an__coerce(struct an *an, struct expr *e, oid_t type, int32_t typmod, enum cast_context how, bool is_explicit, int location)
{
    struct expr *r = an__try_coerce(an, e, type, typmod, how, is_explicit, location);
    if (r == NULL)
        an__fail(an, ERR_CANNOT_COERCE, location, "cannot cast type %s to %s", an__type_name(an, e->type), an__type_name(an, type));
    return r;
}

struct expr *an__coerce_bool(struct an *an, struct expr *e, const char *what)
{
    return an__coerce_specific(an, e, TYPE_BOOL, what);
}

struct expr *an__coerce_specific(struct an *an, struct expr *e, oid_t type, const char *what)
{
    struct expr *r = an__try_coerce(an, e, type, -1, CAST_ASSIGNMENT, false, -1);
    if (r == NULL)
        an__fail(an, ERR_DATATYPE_MISMATCH, an__location(e), "argument of %s must be type %s, not type %s", what, an__type_name(an, type),
                 an__type_name(an, e->type));
    return r;
}

struct expr *an__coerce_assign(struct an *an, struct expr *e, const struct column_def *col, int location)
{
    struct expr *r = an__try_coerce(an, e, col->type, col->typmod, CAST_ASSIGNMENT, false, location);
    if (r != NULL)
        return r;
    diag_set(an->d, ERR_DATATYPE_MISMATCH, "column \"%s\" is of type %s but expression is of type %s", col->name,
             an__type_name(an, col->type), an__type_name(an, e->type));
    diag_hint(an->d, "You will need to rewrite or cast the expression.");
    an__position(an, an__location(e) >= 0 ? an__location(e) : location);
    an__throw(an);
}

/* ---- one type for several values ----------------------------------------------- */

oid_t an__common_type(struct an *an, struct expr *const *e, uint32_t n, const char *what)
{
    oid_t best = e[0]->type;
    uint32_t i = 1;
    while (best != TYPE_UNKNOWN && i < n && e[i]->type == best)
        i++;
    if (i == n && best != TYPE_UNKNOWN)
        return best;
    for (i = 1; i < n; i++) {
        const oid_t next = e[i]->type;
        if (next == TYPE_UNKNOWN || next == best)
            continue;
        const struct type *bt = type_by_oid(best), *nt = type_by_oid(next);
        if (best == TYPE_UNKNOWN) {
            best = next;
        } else if (bt->category != nt->category) {
            if (what == NULL)
                return 0;
            an__fail(an, ERR_DATATYPE_MISMATCH, an__location(e[i]), "%s types %s and %s cannot be matched", what, an__type_name(an, best),
                     an__type_name(an, next));
        } else if (!bt->preferred && an__can_coerce(best, next, CAST_IMPLICIT) && !an__can_coerce(next, best, CAST_IMPLICIT)) {
            best = next;
        }
    }
    return best == TYPE_UNKNOWN ? TYPE_TEXT : best;
}

struct expr *an__coerce_common(struct an *an, struct expr *e, oid_t type, const char *what)
{
    struct expr *r = an__try_coerce(an, e, type, -1, CAST_IMPLICIT, false, -1);
    if (r == NULL)
        an__fail(an, ERR_CANNOT_COERCE, an__location(e), "%s could not convert type %s to %s", what, an__type_name(an, e->type),
                 an__type_name(an, type));
    return r;
}

int32_t an__common_typmod(struct expr *const *e, uint32_t n, oid_t type)
{
    for (uint32_t i = 0; i < n; i++)
        if (e[i]->type != type || e[i]->typmod != e[0]->typmod)
            return -1;
    return n > 0 ? e[0]->typmod : -1;
}

/* ---- overloads -------------------------------------------------------------------- */

/* A candidate: the types that it takes. */
struct candidate {
    const void *what; /* struct operator, func or aggregate */
    const oid_t *args;
};

static uint32_t keep_coercible(struct candidate *c, uint32_t n, const oid_t *in, uint32_t nargs)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t a = 0;
        while (a < nargs && an__can_coerce(in[a], c[i].args[a], CAST_IMPLICIT))
            a++;
        if (a == nargs)
            c[kept++] = c[i];
    }
    return kept;
}

static char category_of(oid_t type)
{
    const struct type *t = type_by_oid(type);
    return t != NULL ? t->category : 'U';
}

static bool is_preferred(char category, oid_t type)
{
    const struct type *t = type_by_oid(type);
    return t != NULL && t->category == category && t->preferred;
}

/* Keeps the candidates with most arguments that match exactly or, with `or_preferred`, take the preferred type of the category. */
static uint32_t keep_best_matches(struct candidate *c, uint32_t n, const oid_t *in, uint32_t nargs, bool or_preferred)
{
    uint32_t kept = 0, best = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t matches = 0;
        for (uint32_t a = 0; a < nargs; a++) {
            if (in[a] == TYPE_UNKNOWN)
                continue;
            matches += in[a] == c[i].args[a] || (or_preferred && is_preferred(category_of(in[a]), c[i].args[a]));
        }
        if (matches > best) {
            best = matches;
            kept = 0;
        }
        if (matches == best)
            c[kept++] = c[i];
    }
    return kept;
}

struct slot {
    char category;
    bool has_preferred;
};

/* The category of an argument of unknown type: what the candidates agree on, or strings if one takes them. */
static bool slot_category(const struct candidate *c, uint32_t n, uint32_t arg, struct slot *ret)
{
    bool conflict = false;
    *ret = (struct slot){ 0 };
    for (uint32_t i = 0; i < n; i++) {
        const char category = category_of(c[i].args[arg]);
        const bool preferred = is_preferred(category, c[i].args[arg]);
        if (ret->category == 0 || (category != ret->category && category == 'S'))
            *ret = (struct slot){ category, preferred };
        else if (category == ret->category)
            ret->has_preferred |= preferred;
        else
            conflict = true;
    }
    return !conflict || ret->category == 'S';
}

static uint32_t keep_by_category(struct candidate *c, uint32_t n, const oid_t *in, uint32_t nargs)
{
    struct slot slot[FUNC_ARGS_MAX];
    for (uint32_t a = 0; a < nargs; a++)
        if (in[a] == TYPE_UNKNOWN && !slot_category(c, n, a, &slot[a]))
            return n;
    struct candidate fit[CANDIDATES_MAX];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool ok = true;
        for (uint32_t a = 0; a < nargs && ok; a++)
            if (in[a] == TYPE_UNKNOWN)
                ok = category_of(c[i].args[a]) == slot[a].category && (!slot[a].has_preferred || is_preferred(slot[a].category, c[i].args[a]));
        if (ok)
            fit[kept++] = c[i];
    }
    if (kept == 0)
        return n;
    memcpy(c, fit, kept * sizeof(*c));
    return kept;
}

/* If all known arguments are of one type, the unknown ones are taken to be of it, too. */
static const void *assume_known_type(struct candidate *c, uint32_t n, const oid_t *in, uint32_t nargs)
{
    oid_t known = TYPE_UNKNOWN, all[FUNC_ARGS_MAX];
    for (uint32_t a = 0; a < nargs; a++) {
        if (in[a] == TYPE_UNKNOWN)
            continue;
        if (known != TYPE_UNKNOWN && known != in[a])
            return NULL;
        known = in[a];
    }
    if (known == TYPE_UNKNOWN)
        return NULL;
    for (uint32_t a = 0; a < nargs; a++)
        all[a] = known;
    return keep_coercible(c, n, all, nargs) == 1 ? c[0].what : NULL;
}

/* *ret_any: some candidate could take the arguments. NULL: none, or no single best one. */
static const void *choose(struct candidate *c, uint32_t n, const oid_t *in, uint32_t nargs, bool *ret_any)
{
    uint32_t unknowns = 0;
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(c[i].args, in, nargs * sizeof(*in)) == 0) {
            *ret_any = true;
            return c[i].what;
        }
    n = keep_coercible(c, n, in, nargs);
    *ret_any = n > 0;
    if (n > 1)
        n = keep_best_matches(c, n, in, nargs, false);
    if (n > 1)
        n = keep_best_matches(c, n, in, nargs, true);
    for (uint32_t a = 0; a < nargs; a++)
        unknowns += in[a] == TYPE_UNKNOWN;
    if (n > 1 && unknowns > 0)
        n = keep_by_category(c, n, in, nargs);
    if (n == 1)
        return c[0].what;
    return n > 1 && unknowns > 0 ? assume_known_type(c, n, in, nargs) : NULL;
}

/* ---- operators ------------------------------------------------------------------------ */

static void operator_error(struct an *an, const char *name, oid_t left, oid_t right, bool any, int location)
{
    const char *sig = left != 0 ? arena_printf(an->arena, "%s %s %s", an__type_name(an, left), name, an__type_name(an, right))
                                : arena_printf(an->arena, "%s %s", name, an__type_name(an, right));
    if (any) {
        diag_set(an->d, ERR_AMBIGUOUS_FUNCTION, "operator is not unique: %s", sig);
        diag_hint(an->d, "Could not choose a best candidate operator. You might need to add explicit type casts.");
    } else {
        diag_set(an->d, ERR_UNDEFINED_FUNCTION, "operator does not exist: %s", sig);
        diag_hint(an->d, left != 0 ? "No operator matches the given name and argument types. You might need to add explicit type casts."
                                   : "No operator matches the given name and argument type. You might need to add an explicit type cast.");
    }
    an__position(an, location);
}

const struct operator *an__find_operator(struct an *an, const char *name, oid_t left, oid_t right, int location)
{
    const struct operator *all[CANDIDATES_MAX];
    struct candidate c[CANDIDATES_MAX];
    oid_t args[CANDIDATES_MAX][2];
    const size_t total = MIN(operator_candidates(name, all, CANDIDATES_MAX), (size_t)CANDIDATES_MAX);
    const bool prefix = left == 0;
    uint32_t n = 0;
    for (size_t i = 0; i < total; i++) {
        if ((all[i]->left == 0) != prefix)
            continue;
        args[n][0] = prefix ? all[i]->right : all[i]->left;
        args[n][1] = all[i]->right;
        c[n] = (struct candidate){ all[i], args[n] };
        n++;
    }
    bool any = false;
    oid_t in[2] = { prefix ? right : left, right };
    if (right == TYPE_UNKNOWN && (prefix || left == TYPE_UNKNOWN) && name[0] != 0 && name[1] == 0 && strchr("+-*/", name[0]) != NULL) {
        /* PostgreSQL has these for types of several categories, so none can be preferred */
        operator_error(an, name, left, right, true, location);
        return NULL;
    }
    if (!prefix && (left == TYPE_UNKNOWN) != (right == TYPE_UNKNOWN)) {
        /* one operand of unknown type: first as if it were of the other's */
        const oid_t same[2] = { left == TYPE_UNKNOWN ? right : left, left == TYPE_UNKNOWN ? right : left };
        for (uint32_t i = 0; i < n; i++)
            if (memcmp(args[i], same, sizeof(same)) == 0)
                return c[i].what;
    }
    const struct operator *op = choose(c, n, in, prefix ? 1 : 2, &any);
    if (op == NULL)
        operator_error(an, name, left, right, any, location);
    return op;
}

struct expr *an__operator(struct an *an, const char *name, struct expr *left, struct expr *right, int location)
{
    if (strcmp(name, "!=") == 0)
        name = "<>";
    const struct operator *op = an__find_operator(an, name, left != NULL ? left->type : 0, right->type, location);
    if (op == NULL)
        an__throw(an);
    struct expr *e = an__new_expr(an, EXPR_FUNC, op->func->ret, location);
    e->func.op = op;
    e->func.fn = op->func;
    e->func.args.v = AN_ARRAY(an, struct expr *, 2);
    if (left != NULL)
        e->func.args.v[e->func.args.n++] = an__coerce(an, left, op->left, -1, CAST_IMPLICIT, false, location);
    e->func.args.v[e->func.args.n++] = an__coerce(an, right, op->right, -1, CAST_IMPLICIT, false, location);
    return e;
}

/* ---- functions ------------------------------------------------------------------------- */

static const char *signature(struct an *an, const char *name, const oid_t *args, uint32_t n)
{
    const char *s = arena_printf(an->arena, "%s(", name);
    for (uint32_t i = 0; i < n; i++)
        s = arena_printf(an->arena, "%s%s%s", s, i > 0 ? ", " : "", an__type_name(an, args[i]));
    return arena_printf(an->arena, "%s)", s);
}

static int name_order(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

/* Functions of PostgreSQL that this database does not have: told apart from misspelt names. In alphabetical order. */
static bool is_missing_function(const char *name)
{
    static const char *const names[] = {
        "age", "array_agg", "array_append", "array_cat", "array_length", "array_lower", "array_position", "array_remove", "array_to_string",
        "array_upper", "bit_and", "bit_or", "bit_xor", "cardinality", "convert", "convert_from", "convert_to", "corr", "covar_pop", "covar_samp",
        "cume_dist", "decode", "dense_rank", "encode", "first_value", "format", "gen_random_uuid", "get_bit", "get_byte", "inet_client_addr",
        "inet_server_addr", "json_agg", "json_build_array", "json_build_object", "json_object_agg", "jsonb_agg", "jsonb_build_array",
        "jsonb_build_object", "jsonb_object_agg", "justify_days", "justify_hours", "justify_interval", "lag", "last_value", "lead", "make_interval",
        "make_time", "mode", "normalize", "nth_value", "ntile", "parse_ident", "percent_rank", "percentile_cont", "percentile_disc",
        "pg_advisory_lock", "pg_advisory_unlock", "pg_advisory_xact_lock", "pg_cancel_backend", "pg_get_expr", "pg_get_function_result",
        "pg_get_viewdef", "pg_terminate_backend", "pg_try_advisory_lock", "range_agg", "rank",
        "regexp_count", "regexp_instr", "regexp_like", "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
        "regexp_split_to_table", "regexp_substr", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "row_number",
        "row_to_json", "set_bit", "set_byte", "sha224", "sha256", "sha384", "sha512", "similar_to_escape", "string_to_array", "string_to_table",
        "to_ascii", "to_date", "to_json", "to_jsonb", "to_number", "to_tsquery", "to_tsvector", "unnest", "xmlagg",
    };
    return bsearch(name, names, ARRAY_LEN(names), sizeof(names[0]), name_order) != NULL;
}

NORETURN static void function_error(struct an *an, const char *name, const oid_t *args, uint32_t n, bool any, int location)
{
    const char *dot = strrchr(name, '.'), *plain = dot != NULL ? dot + 1 : name;
    if (!any && is_missing_function(plain))
        an__unsupported(an, location, strcmp(plain, "similar_to_escape") == 0 ? "SIMILAR TO" : arena_printf(an->arena, "function %s()", name));
    if (any) {
        diag_set(an->d, ERR_AMBIGUOUS_FUNCTION, "function %s is not unique", signature(an, name, args, n));
        diag_hint(an->d, "Could not choose a best candidate function. You might need to add explicit type casts.");
    } else {
        diag_set(an->d, ERR_UNDEFINED_FUNCTION, "function %s does not exist", signature(an, name, args, n));
        diag_hint(an->d, "No function matches the given name and argument types. You might need to add explicit type casts.");
    }
    an__position(an, location);
    an__throw(an);
}

/* f(x) where f is the name of a type: a cast. */
static struct expr *function_as_cast(struct an *an, const char *name, struct expr *arg, int location)
{
    const struct type *t = type_by_name(name, strlen(name));
    if (t == NULL || strcmp(t->name, name) != 0)
        return NULL;
    const struct cast *c = arg->type == TYPE_UNKNOWN ? NULL : cast_find(arg->type, t->oid);
    if (arg->type != TYPE_UNKNOWN && arg->type != t->oid && c == NULL)
        return NULL;
    return an__try_coerce(an, arg, t->oid, -1, CAST_EXPLICIT, true, location);
}

static const struct func *find_function(struct an *an, const char *name, const oid_t *in, uint32_t nargs, bool *ret_any)
{
    const struct func *all[CANDIDATES_MAX];
    struct candidate c[CANDIDATES_MAX];
    const size_t total = MIN(func_candidates(name, all, CANDIDATES_MAX), (size_t)CANDIDATES_MAX);
    uint32_t n = 0;
    for (size_t i = 0; i < total; i++) {
        if (all[i]->variadic_any && nargs >= all[i]->nargs) {
            *ret_any = true;
            return all[i];
        }
        if (all[i]->nargs == nargs && nargs <= ARRAY_LEN(all[i]->args))
            c[n++] = (struct candidate){ all[i], all[i]->args };
    }
    *ret_any = false;
    return choose(c, n, in, nargs, ret_any);
}

/* pg_typeof(): known here already, whatever the value. */
static struct expr *type_name_const(struct an *an, const struct expr *arg, int location)
{
    const char *name = an__type_name(an, arg->type);
    return an__const(an, TYPE_TEXT, datum_str(name, strlen(name)), location);
}

struct expr *an__function(struct an *an, const char *schema, const char *name, struct expr **args, uint32_t nargs, int location)
{
    oid_t in[FUNC_ARGS_MAX] = { 0 };
    if (nargs > FUNC_ARGS_MAX)
        an__fail(an, ERR_TOO_MANY_ARGUMENTS, location, "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    for (uint32_t i = 0; i < nargs; i++)
        in[i] = args[i]->type;
    const bool ours = schema == NULL || strcmp(schema, "pg_catalog") == 0;
    const char *full = schema != NULL ? arena_printf(an->arena, "%s.%s", schema, name) : name;
    bool any = false;
    if (ours && nargs == 1 && strcmp(name, "pg_typeof") == 0)
        return type_name_const(an, args[0], location);
    const struct func *fn = ours ? find_function(an, name, in, nargs, &any) : NULL;
    if (fn == NULL && ours && nargs == 1) {
        struct expr *cast = function_as_cast(an, name, args[0], location);
        if (cast != NULL)
            return cast;
    }
    if (fn == NULL)
        function_error(an, full, in, nargs, any, location);
    struct expr *e = an__new_expr(an, EXPR_FUNC, fn->ret, location);
    e->func.fn = fn;
    e->func.args.n = nargs;
    e->func.args.v = AN_ARRAY(an, struct expr *, nargs);
    for (uint32_t i = 0; i < nargs; i++) {
        const oid_t want = i < fn->nargs ? fn->args[i] : TYPE_ANY;
        e->func.args.v[i] = an__coerce(an, args[i], want, -1, CAST_IMPLICIT, false, location);
    }
    return e;
}

const struct aggregate *an__find_aggregate(struct an *an, const char *name, const oid_t *in, uint32_t nargs, int location)
{
    const struct aggregate *all[CANDIDATES_MAX];
    struct candidate c[CANDIDATES_MAX];
    const size_t total = MIN(aggregate_candidates(name, all, CANDIDATES_MAX), (size_t)CANDIDATES_MAX);
    oid_t args[CANDIDATES_MAX][2];
    uint32_t n = 0;
    bool any = false;
    if (total == 0)
        return NULL;
    for (size_t i = 0; i < total; i++)
        if (all[i]->nargs == nargs) {
            args[n][0] = all[i]->arg;
            args[n][1] = all[i]->arg2;
            c[n] = (struct candidate){ all[i], args[n] };
            n++;
        }
    const struct aggregate *agg = choose(c, n, in, nargs, &any);
    if (agg == NULL)
        function_error(an, name, in, nargs, any, location);
    return agg;
}

/* ---- type names --------------------------------------------------------------------------- */

/* Types of PostgreSQL that this database does not have: known, so that they are told apart from misspelt names. */
static bool is_missing_type(const char *name)
{
    static const char *const names[] = {
        "bit", "box", "bytea", "cidr", "circle", "inet", "interval", "json", "jsonb", "jsonpath", "line", "lseg", "macaddr",
        "macaddr8", "money", "path", "pg_lsn", "point", "polygon", "time", "timetz", "tsquery", "tsvector", "uuid", "varbit", "xml",
        "daterange", "int4range", "int8range", "numrange", "tsrange", "tstzrange", "xid", "xid8", "cid", "tid", "regproc", "regtype",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void an__type_of_ast(struct an *an, const struct ast_type *t, oid_t *ret, int32_t *ret_typmod)
{
    const bool ours = t->schema == NULL || strcmp(t->schema, "pg_catalog") == 0;
    const struct type *type = ours ? type_by_name(t->name, strlen(t->name)) : NULL;
    if (type == NULL && ours && is_missing_type(t->name))
        an__unsupported(an, t->location, arena_printf(an->arena, "type %s", t->name));
    if (type == NULL || type->oid == TYPE_UNKNOWN)
        an__fail(an, ERR_UNDEFINED_OBJECT, t->location, "type \"%s%s%s\" does not exist", ours ? "" : t->schema, ours ? "" : ".", t->name);
    if (t->is_array)
        an__unsupported(an, t->location, "an array type");
    if (t->is_setof)
        an__fail(an, ERR_SYNTAX, t->location, "type %s cannot be a set", t->name);
    int64_t args[4];
    if (t->typmods.n > ARRAY_LEN(args))
        an__fail(an, ERR_PARAMETER_VALUE, t->location, "invalid type modifier");
    for (uint32_t i = 0; i < t->typmods.n; i++) {
        if (t->typmods.v[i]->kind != AST_INTEGER)
            an__fail(an, ERR_SYNTAX, t->location, "type modifiers must be simple constants or identifiers");
        args[i] = t->typmods.v[i]->integer;
    }
    *ret = type->oid;
    *ret_typmod = -1;
    if (t->typmods.n > 0)
        an__check(an, type_typmod_in(type->oid, args, t->typmods.n, ret_typmod, an->d), t->location);
}
