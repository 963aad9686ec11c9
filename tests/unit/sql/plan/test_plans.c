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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(plans_have_their_shapes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
