/*
 * SQL text through parser, analyser, planner and EXPLAIN, over the tables of
 * the fake catalogue. The first byte decides whether the rest is text as it
 * stands or choices in making a statement.
 */
#include "standalone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/sql/fake_catalog.h"
#include "sql/analyse/analyse.h"
#include "sql/parse/parse.h"
#include "sql/plan/planner.h"

/* ---- statements from bytes: each byte chooses among ways to go on ----------------- */

struct gen {
    const uint8_t *p, *end;
    struct buf b;
};

static unsigned pick(struct gen *g, unsigned n)
{
    return g->p < g->end ? *g->p++ % n : 0;
}

#define PUT(g, ...) buf_put_str(&(g)->b, one_of((g), (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))

static const char *one_of(struct gen *g, const char *const *v, size_t n)
{
    return v[pick(g, (unsigned)n)];
}

static void put(struct gen *g, const char *s)
{
    buf_put_str(&g->b, s);
}

static void gen_select(struct gen *g, int depth);

static void gen_expr(struct gen *g, int depth)
{
    switch (depth <= 0 ? pick(g, 2) : pick(g, 16)) {
    case 0:
        PUT(g, "a", "a", "t.a", "u.a", "x", "a", "f", "a", "t.a", "b", "h", "s.a", "k", "c", "e", "g", "p", "j", "d", "i", "y", "nope");
        break;
    case 1:
        PUT(g, "1", "2", "2.5", "'5'", "null", "'5'", "7", "$1", "$2", "3000000000", "'x'", "true", "'2020-01-01'", "-7", "0", "now()", "current_date");
        break;
    case 2:
        PUT(g, "a", "1", "x", "a", "a", "1", "count(*)", "sum(a)", "max(b)", "count(distinct a)", "avg(c)", "min(t.a) filter (where h)");
        break;
    case 3:
    case 4:
    case 5:
        put(g, "(");
        gen_expr(g, depth - 1);
        PUT(g, " = ", " + ", " - ", " * ", " / ", " < ", " >= ", " <> ", " and ", " or ", " || ", " like ", " % ", " is distinct from ");
        gen_expr(g, depth - 1);
        put(g, ")");
        break;
    case 6:
        PUT(g, "not ", "- ");
        gen_expr(g, depth - 1);
        break;
    case 7:
        put(g, "(");
        gen_expr(g, depth - 1);
        PUT(g, ") is null", ") is not null", ") is true", ")::int", ")::text", ")::numeric(5,1)", ")::varchar(3)", ")::date", ")::bool");
        break;
    case 8:
        put(g, "case when ");
        gen_expr(g, depth - 1);
        put(g, " then ");
        gen_expr(g, depth - 1);
        put(g, " else ");
        gen_expr(g, depth - 1);
        put(g, " end");
        break;
    case 9:
        put(g, "case ");
        gen_expr(g, depth - 1);
        put(g, " when ");
        gen_expr(g, depth - 1);
        put(g, " then ");
        gen_expr(g, depth - 1);
        put(g, " end");
        break;
    case 10:
        PUT(g, "coalesce(", "nullif(", "greatest(", "least(", "mod(", "round(", "concat(", "substr(", "abs(");
        gen_expr(g, depth - 1);
        put(g, ", ");
        gen_expr(g, depth - 1);
        put(g, ")");
        break;
    case 11:
        gen_expr(g, depth - 1);
        PUT(g, " in (", " not in (");
        gen_expr(g, depth - 1);
        put(g, ", ");
        gen_expr(g, depth - 1);
        put(g, ")");
        break;
    case 12:
        gen_expr(g, depth - 1);
        put(g, " between ");
        gen_expr(g, 0);
        put(g, " and ");
        gen_expr(g, 0);
        break;
    case 13:
        PUT(g, "exists (", "(", "a in (", "a = any (", "a <> all (");
        gen_select(g, depth - 1);
        put(g, ")");
        break;
    default:
        gen_expr(g, depth - 1);
        break;
    }
}

static void gen_from(struct gen *g, int depth)
{
    switch (depth <= 0 ? 0 : pick(g, 6)) {
    case 0:
        PUT(g, "t", "u", "t", "two", "t x", "u s", "pgbench_accounts", "generate_series(1, 9) k", "nope");
        break;
    case 1:
        put(g, "(");
        gen_select(g, depth - 1);
        put(g, ") s");
        break;
    case 2:
        put(g, "(values (1, 'a'), ($1, null)) s(a, b)");
        break;
    default:
        gen_from(g, depth - 1);
        PUT(g, " join ", " left join ", " right join ", " full join ");
        gen_from(g, depth - 1);
        if (pick(g, 3) == 1) {
            put(g, " using (a)");
        } else {
            put(g, " on ");
            gen_expr(g, 1);
        }
        break;
    }
}

static void gen_tail(struct gen *g, int depth)
{
    if (pick(g, 2)) {
        put(g, " where ");
        gen_expr(g, depth);
    }
}

static void gen_select(struct gen *g, int depth)
{
    PUT(g, "select ", "select ", "select ", "select ", "select distinct ", "select distinct on (a) ");
    for (unsigned n = pick(g, 3) + 1; n > 0; n--) {
        if (pick(g, 6) == 1)
            PUT(g, "*", "t.*", "s.*");
        else
            gen_expr(g, depth);
        put(g, n > 1 ? ", " : "");
    }
    if (pick(g, 8) != 0) {
        put(g, " from ");
        gen_from(g, depth);
    }
    gen_tail(g, depth);
    if (pick(g, 4) == 1) {
        put(g, " group by ");
        gen_expr(g, 1);
    }
    if (pick(g, 6) == 1) {
        put(g, " having ");
        gen_expr(g, 1);
    }
    if (pick(g, 8) == 1 && depth > 0) {
        put(g, " union ");
        put(g, pick(g, 2) ? "all " : "");
        gen_select(g, depth - 1);
        return;
    }
    if (pick(g, 3) == 1)
        PUT(g, " order by 1", " order by a desc", " order by 1, 2 nulls first", " order by a + 1");
    PUT(g, "", "", "", " limit 5", " limit $1 offset 2", "", "", "", "", " for update", " for update of t nowait");
}

static void gen_returning(struct gen *g)
{
    if (pick(g, 3) != 0)
        return;
    put(g, " returning ");
    gen_expr(g, 1);
}

static void gen_statement(struct gen *g)
{
    switch (pick(g, 8)) {
    case 0:
        PUT(g, "insert into t (a, b) values (", "insert into u values (", "insert into t (k, e) values (");
        gen_expr(g, 2);
        put(g, ", ");
        gen_expr(g, 2);
        PUT(g, ")", "), (1, default)", ", 'z')");
        gen_returning(g);
        break;
    case 1:
        PUT(g, "insert into t (a, b) ", "insert into u ");
        gen_select(g, 2);
        gen_returning(g);
        break;
    case 2:
        PUT(g, "update t set a = ", "update u set x = ", "update t set b = 'q', c = ");
        gen_expr(g, 2);
        PUT(g, "", "", " from u", " from two");
        gen_tail(g, 2);
        gen_returning(g);
        break;
    case 3:
        PUT(g, "delete from t", "delete from u", "delete from t using u");
        gen_tail(g, 2);
        gen_returning(g);
        break;
    case 4:
        put(g, "with w as (");
        gen_select(g, 1);
        put(g, ") select * from w, w z");
        gen_tail(g, 1);
        break;
    default:
        gen_select(g, 3);
        break;
    }
}

static char *make_text(const uint8_t *data, size_t size)
{
    struct gen g = { .p = data + 1, .end = data + size };
    if (size == 0)
        return strdup("");
    if (data[0] % 8 == 0)
        return strndup((const char *)data + 1, size - 1);
    buf_init(&g.b);
    gen_statement(&g);
    buf_put_u8(&g.b, 0);
    return (char *)g.b.p;
}

static void ignore_line(void *arg, const char *text, size_t len)
{
    *(size_t *)arg += len + (text == NULL);
}

static void analyse_and_plan(struct catalog *c, const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *s)
{
    const struct plan_options opt = plan_default_options();
    const struct explain_options eo = { .costs = true };
    struct diag d;
    diag_clear(&d);
    if (analyse_is_ddl(s)) {
        struct ddl *ddl;
        if (analyse_ddl(env, ast, s, &ddl, &d) == ERR_OK)
            ddl_release(c, ddl);
        return;
    }
    struct tree *tree = NULL;
    struct copy *copy;
    struct plan *plan;
    size_t lines = 0;
    if (s->kind == AST_COPY)
        tree = analyse_copy(env, ast, s, &copy, &d) == ERR_OK ? copy->tree : NULL;
    else if (analyse_query(env, ast, s, NULL, &tree, &d) != ERR_OK)
        tree = NULL;
    if (tree == NULL || plan_make(c, tree, &opt, &plan, &d) != ERR_OK) {
        if (d.err == ERR_INTERNAL)
            abort();
        return;
    }
    plan_explain(plan, &eo, ignore_line, &lines);
    if (getenv("FUZZ_SQL_SHOW") != NULL)
        printf("planned: %zu bytes of EXPLAIN\n", lines);
    plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalog *c;
    struct arena *arena = arena_new("fuzz", 64u << 20);
    struct ast *ast;
    struct diag d;
    if (c == NULL)
        c = fake_catalog_new();
    const struct analyse_env env = { .arena = arena, .catalog = c, .types = { .extra_float_digits = 1 } };
    char *text = make_text(data, size);
    if (getenv("FUZZ_SQL_SHOW") != NULL)
        puts(text);
    diag_clear(&d);
    if (sql_parse(arena, text, strlen(text), &ast, &d) == ERR_OK)
        for (uint32_t i = 0; i < ast->n; i++)
            analyse_and_plan(c, &env, ast, &ast->v[i]);
    if (fake_catalog_references(c) != 0)
        abort(); /* a definition was not released */
    free(text);
    arena_free(arena);
    return 0;
}
