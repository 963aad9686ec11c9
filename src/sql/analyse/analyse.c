#include "sql/analyse/analyse.h"

#include "rt/rt.h"
#include "sql/analyse/analyse_int.h"

#include <stdio.h>

/* ---- failures ---------------------------------------------------------------- */

void an__throw(struct an *an)
{
    longjmp(an->out, 1);
}

void an__position(struct an *an, int location)
{
    if (an->positions && location >= 0 && an->d->position == 0)
        diag_at(an->d, sql_position(an->ast->text, an->ast->text_len, location));
}

void an__fail(struct an *an, enum err err, int location, const char *fmt, ...)
{
    char message[sizeof(an->d->message)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    diag_set(an->d, err, "%s", message);
    an__position(an, location);
    an__throw(an);
}

void an__unsupported(struct an *an, int location, const char *what)
{
    an__fail(an, ERR_FEATURE, location, "%s is not supported", what);
}

void an__check(struct an *an, enum err err, int location)
{
    if (err == ERR_OK)
        return;
    an__position(an, location);
    an__throw(an);
}

const char *an__type_name(struct an *an, oid_t type)
{
    struct buf b;
    if (type == TYPE_BPCHAR)
        return "character";
    buf_init(&b);
    type_format(type, -1, &b);
    const char *s = arena_strndup(an->arena, (const char *)b.p, b.len);
    buf_fini(&b);
    return s;
}

uint16_t an__count(struct an *an, uint32_t n, const char *what)
{
    if (n > UINT16_MAX)
        an__fail(an, ERR_LIMIT, -1, "a statement can have at most %u %s", UINT16_MAX, what);
    return (uint16_t)n;
}

/* ---- running ------------------------------------------------------------------- */

struct run_call {
    struct an *an;
    void (*fn)(struct an *an, void *arg);
    void *arg;
    enum err err;
};

static void run_caught(void *arg)
{
    struct run_call *c = arg;
    if (setjmp(c->an->out) != 0) {
        c->err = c->an->d->err;
        return;
    }
    c->fn(c->an, c->arg);
    c->err = ERR_OK;
}

static void release_rels(struct catalog *c, struct tree_rel *rel, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        catalog_release(c, rel[i].def);
}

enum err an__run(struct an *an, void (*fn)(struct an *an, void *arg), void *arg)
{
    struct run_call c = { .an = an, .fn = fn, .arg = arg };
    rt_call_on_big_stack(run_caught, &c);
    if (c.err != ERR_OK)
        release_rels(an->env->catalog, an->rel, an->nrels);
    return c.err;
}

static struct an make_an(const struct analyse_env *env, const struct ast *ast, struct diag *d)
{
    diag_clear(d);
    return (struct an){ .env = env, .arena = env->arena, .ast = ast, .d = d, .positions = true };
}

static void set_params(struct an *an, const struct param_types *p)
{
    an->nparams = MAX(an->ast->nparams, p != NULL ? p->n : 0u);
    an->param_cap = an->nparams;
    an->param = AN_ARRAY(an, oid_t, an->nparams);
    an->param_given = AN_ARRAY(an, bool, an->nparams);
    for (uint32_t i = 0; i < an->nparams; i++)
        an->param[i] = p != NULL && i < p->n && p->type[i] != 0 && p->type[i] != TYPE_UNKNOWN ? p->type[i] : TYPE_UNKNOWN;
}

/* ---- results ------------------------------------------------------------------- */

struct param_check {
    struct an *an;
};

/* A parameter whose type was still open where it stands, and was settled elsewhere to something else. */
static bool check_param_in(void *arg, const struct expr *e)
{
    struct param_check *pc = arg;
    if (e->kind == EXPR_PARAM && e->type != pc->an->param[e->param - 1])
        an__fail(pc->an, ERR_AMBIGUOUS_PARAMETER, e->location, "could not determine data type of parameter $%u", e->param);
    return expr_children(e, check_param_in, arg);
}

static void describe(struct an *an, struct tree *t, const struct target *v, uint16_t n)
{
    t->col = AN_ARRAY(an, struct result_column, n);
    for (uint16_t i = 0; i < n; i++) {
        if (v[i].junk)
            continue;
        t->col[t->ncols++] = (struct result_column){
            .name = v[i].name,
            .type = v[i].expr->type,
            .typmod = v[i].expr->typmod,
            .table = v[i].table,
            .attnum = v[i].attnum,
        };
    }
}

struct tree *an__finish(struct an *an, struct query *q)
{
    struct tree *t = AN_NEW(an, struct tree);
    struct param_check pc = { an };
    for (uint16_t i = 0; i < q->ntargets; i++)
        check_param_in(&pc, q->target[i].expr);
    for (uint32_t i = 0; i < an->nparams; i++)
        if (an->param[i] == TYPE_UNKNOWN)
            an__fail(an, ERR_INDETERMINATE_TYPE, -1, "could not determine data type of parameter $%u", i + 1);
    t->arena = an->arena;
    t->query = q;
    t->nrels = an__count(an, an->nrels, "tables");
    t->rel = an->rel;
    t->nparams = an__count(an, an->nparams, "parameters");
    t->param_type = an->param;
    t->ncase_tests = an->ncase_tests;
    t->text = an->ast->text;
    t->text_len = an->ast->text_len;
    if (q->command == QUERY_SELECT)
        describe(an, t, q->target, q->ntargets);
    else
        describe(an, t, q->returning, q->nreturning);
    return t;
}

/* ---- entries ------------------------------------------------------------------- */

struct query_call {
    const struct ast_stmt *stmt;
    struct tree *tree;
};

static struct query *query_of(struct an *an, const struct ast_stmt *s)
{
    switch (s->kind) {
    case AST_SELECT:
        return an__select(an, NULL, s->select, false, NULL);
    case AST_INSERT:
        return an__insert(an, s->insert);
    case AST_UPDATE:
        return an__update(an, s->update);
    case AST_DELETE:
        return an__delete(an, s->delete);
    default:
        an__unsupported(an, s->location, s->kind == AST_OTHER ? s->name : s->tag);
    }
}

static void run_query(struct an *an, void *arg)
{
    struct query_call *c = arg;
    const uint64_t generation = catalog_generation(an->env->catalog);
    c->tree = an__finish(an, query_of(an, c->stmt));
    c->tree->generation = generation;
}

enum err analyse_query(const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *stmt, const struct param_types *params,
                       struct tree **ret, struct diag *d)
{
    struct an an = make_an(env, ast, d);
    struct query_call c = { .stmt = stmt };
    set_params(&an, params);
    const enum err err = an__run(&an, run_query, &c);
    if (err != ERR_OK)
        return err;
    *ret = c.tree;
    return ERR_OK;
}

struct argument_call {
    const struct ast_expr *ast;
    oid_t type;
    uint16_t no;
    struct expr *expr;
};

static void run_argument(struct an *an, void *arg)
{
    struct argument_call *c = arg;
    struct level *lv = an__level(an, NULL);
    struct expr *e = an__expr(an, lv, c->ast, AN_EXECUTE);
    const oid_t given = e->type;
    c->expr = an__try_coerce(an, e, c->type, -1, CAST_ASSIGNMENT, false, e->location);
    if (c->expr == NULL) {
        diag_set(an->d, ERR_DATATYPE_MISMATCH, "parameter $%u of type %s cannot be coerced to the expected type %s", c->no,
                 an__type_name(an, given), an__type_name(an, c->type));
        diag_hint(an->d, "You will need to rewrite or cast the expression.");
        an__position(an, e->location);
        an__throw(an);
    }
}

enum err analyse_argument(const struct analyse_env *env, const struct ast *ast, const struct ast_expr *e, oid_t type, uint16_t no,
                          struct expr **ret, struct diag *d)
{
    struct an an = make_an(env, ast, d);
    struct argument_call c = { .ast = e, .type = type, .no = no };
    set_params(&an, NULL);
    const enum err err = an__run(&an, run_argument, &c);
    if (err != ERR_OK)
        return err;
    *ret = c.expr;
    return ERR_OK;
}

struct type_call {
    const struct ast_type *ast;
    oid_t type;
    int32_t typmod;
};

static void run_type(struct an *an, void *arg)
{
    struct type_call *c = arg;
    an__type_of_ast(an, c->ast, &c->type, &c->typmod);
}

enum err analyse_type(const struct analyse_env *env, const struct ast *ast, const struct ast_type *t, oid_t *ret, int32_t *ret_typmod,
                      struct diag *d)
{
    struct an an = make_an(env, ast, d);
    struct type_call c = { .ast = t };
    const enum err err = an__run(&an, run_type, &c);
    if (err != ERR_OK)
        return err;
    *ret = c.type;
    *ret_typmod = c.typmod;
    return ERR_OK;
}

void tree_release(struct catalog *c, struct tree *t)
{
    if (t == NULL)
        return;
    release_rels(c, t->rel, t->nrels);
    t->nrels = 0;
}

void ddl_release(struct catalog *c, struct ddl *ddl)
{
    if (ddl == NULL)
        return;
    release_rels(c, ddl->rel, ddl->nrels);
    ddl->nrels = 0;
}
