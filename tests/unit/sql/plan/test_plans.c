/*
 * Shapes of plans: plans.txt has statements, each with the EXPLAIN text that
 * it must give (without costs) and, where it has one, its short path.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../fake_catalog.h"
#include "sql/analyse/analyse.h"
#include "sql/parse/parse.h"
#include "sql/plan/planner.h"

static enum err regclass_in(void *arg, const char *s, size_t len, oid_t *ret, struct diag *d)
{
    char kind, name[64];
    snprintf(name, sizeof(name), "%.*s", (int)len, s);
    return catalog_oid_of(arg, NULL, NULL, name, ret, &kind, d);
}

static void add_line(void *arg, const char *text, size_t len)
{
    struct buf *b = arg;
    buf_put(b, text, len);
    buf_put_u8(b, '\n');
}

static void explain(struct catalog *c, const char *sql, struct buf *b)
{
    static const char *const shortcuts[] = {
        [SHORTCUT_POINT_SELECT] = "point select",
        [SHORTCUT_POINT_UPDATE] = "point update",
        [SHORTCUT_POINT_DELETE] = "point delete",
        [SHORTCUT_INSERT_VALUES] = "insert values",
    };
    struct arena *arena = arena_new("test", 0);
    const struct type_hooks hooks = { .regclass_in = regclass_in };
    const struct analyse_env env = { .arena = arena, .catalog = c, .types = { .extra_float_digits = 1, .hooks = &hooks, .hooks_arg = c } };
    const struct plan_options opt = plan_default_options();
    const struct explain_options eo = { 0 };
    struct ast *ast;
    struct tree *tree;
    struct plan *plan = NULL;
    struct diag d;
    diag_clear(&d);
    enum err err = sql_parse(arena, sql, strlen(sql), &ast, &d);
    if (err == ERR_OK)
        err = analyse_query(&env, ast, &ast->v[0], NULL, &tree, &d);
    if (err == ERR_OK)
        err = plan_make(c, tree, &opt, &plan, &d);
    arena_free(arena); /* the plan needs nothing of it */
    if (err == ERR_OK) {
        plan_explain(plan, &eo, add_line, b);
        if (plan->shortcut.kind != SHORTCUT_NONE)
            buf_printf(b, "= %s\n", shortcuts[plan->shortcut.kind]);
    } else {
        buf_printf(b, "%s: %s\n", err_sqlstate(d.err), d.message);
    }
    plan_free(plan);
    assert_int_equal(fake_catalog_references(c), 0);
    buf_put_u8(b, 0);
}

/* "> statement", then its lines, up to the next statement. */
static void plans_have_their_shapes(void **state)
{
    char line[4096], sql[4096] = "";
    int wrong = 0, checked = 0;
    struct catalog *c = fake_catalog_new();
    struct buf want;
    FILE *f = fopen(DIR "/plans.txt", "r"), *out = getenv("PLANS_OUT") != NULL ? fopen(getenv("PLANS_OUT"), "w") : NULL;
    (void)state;
    assert_non_null(f);
    buf_init(&want);
    for (bool more = true; more;) {
        more = fgets(line, sizeof(line), f) != NULL;
        if (more && line[0] != '>') {
            buf_put_str(&want, line);
            continue;
        }
        if (sql[0] != 0) {
            struct buf got;
            buf_init(&got);
            buf_put_u8(&want, 0);
            explain(c, sql, &got);
            if (out != NULL)
                fprintf(out, "> %s\n%s", sql, (char *)got.p);
            if (strcmp((char *)got.p, (char *)want.p) != 0) {
                print_error("%s\nwant\n%sgot\n%s\n", sql, (char *)want.p, (char *)got.p);
                wrong++;
            }
            checked++;
            buf_fini(&got);
        }
        buf_reset(&want);
        if (more) {
            line[strcspn(line, "\n")] = 0;
            snprintf(sql, sizeof(sql), "%s", line + 2);
        }
    }
    buf_fini(&want);
    if (out != NULL)
        fclose(out);
    fclose(f);
    fake_catalog_free(c);
    assert_true(checked > 50);
    assert_int_equal(wrong, 0);
}

static char *nested(const char *head, const char *open, const char *middle, const char *close, size_t n)
{
    char *s = malloc(strlen(head) + n * (strlen(open) + strlen(close)) + strlen(middle) + 1), *p = stpcpy(s, head);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, open);
    p = stpcpy(p, middle);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, close);
    return s;
}

/* As deep as the parser lets them; the runtime gives such work a stack of 8 MiB, which the main thread's is, too. */
static void deep_statements_are_planned(void **state)
{
    static const struct {
        const char *head, *open, *middle, *close;
        size_t n;
    } deep[] = {
        { "select a", "", "", "+1", 2400 },
        { "select 1 from t where a = 1", "", "", " + 1", 2400 },
        { "select a from t where ", "not (h or ", "h", ")", 800 },
        { "select ", "(select ", "1", ")", 1200 },
        { "select ", "case when true then ", "1", " end", 1000 },
        { "select * from ", "(select * from ", "u", ") x", 800 },
    };
    struct catalog *c = fake_catalog_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(deep); i++) {
        char *sql = nested(deep[i].head, deep[i].open, deep[i].middle, deep[i].close, deep[i].n);
        struct buf b;
        buf_init(&b);
        if (strcmp(deep[i].head, "select a") == 0)
            sql = strcat(realloc(sql, strlen(sql) + 20), " from t");
        explain(c, sql, &b);
        assert_true(b.p[0] == 'R' || b.p[0] == 'S' || b.p[0] == 'I'); /* a node, no SQLSTATE */
        buf_fini(&b);
        free(sql);
    }
    fake_catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(plans_have_their_shapes), cmocka_unit_test(deep_statements_are_planned) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
