/*
 * Statements whose analysis must give what PostgreSQL 15 gave: columns and
 * types of the result, types of the parameters, or the error with its
 * SQLSTATE, position and message. corpus.tsv comes from corpus.sql by
 * scripts/make-sql-expected.py; deviations.txt lists what we do not do.
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

static enum err regclass_in(void *arg, const char *s, size_t len, oid_t *ret, struct diag *d)
{
    char kind, name[64];
    snprintf(name, sizeof(name), "%.*s", (int)len, s);
    const enum err err = catalog_oid_of(arg, NULL, NULL, name, ret, &kind, d);
    return err != ERR_OK || *ret != 0 ? err : diag_set(d, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
}

static void describe_tree(const struct tree *t, struct buf *b)
{
    buf_put_str(b, "ok\t");
    for (uint16_t i = 0; i < t->ncols; i++) {
        buf_printf(b, "%s%s ", i > 0 ? "; " : "", t->col[i].name);
        type_format(t->col[i].type, t->col[i].typmod, b);
    }
    buf_put_str(b, "\t");
    for (uint16_t i = 0; i < t->nparams; i++) {
        buf_put_str(b, i > 0 ? "; " : "");
        type_format(t->param_type[i], -1, b);
    }
}

static void describe_error(const struct diag *d, struct buf *b)
{
    buf_printf(b, "error\t%s\t%d\t%s", err_sqlstate(d->err), d->position, d->message);
}

static void describe(struct catalog *c, const char *sql, struct buf *b)
{
    struct arena *arena = arena_new("test", 0);
    const struct type_hooks hooks = { .regclass_in = regclass_in };
    const struct analyse_env env = { .arena = arena, .catalog = c, .types = { .extra_float_digits = 1, .hooks = &hooks, .hooks_arg = c } };
    struct ast *ast;
    struct tree *tree;
    struct diag d;
    diag_clear(&d);
    enum err err = sql_parse(arena, sql, strlen(sql), &ast, &d);
    if (err == ERR_OK)
        err = analyse_query(&env, ast, &ast->v[0], NULL, &tree, &d);
    if (err == ERR_OK) {
        describe_tree(tree, b);
        tree_release(c, tree);
    } else {
        describe_error(&d, b);
    }
    buf_put_u8(b, 0);
    assert_int_equal(fake_catalog_references(c), 0);
    arena_free(arena);
}

static bool is_listed(const char *sql)
{
    char line[4096];
    bool found = false;
    FILE *f = fopen(DIR "/deviations.txt", "r");
    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = 0;
        found = strcmp(line, sql) == 0;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static void analysis_agrees_with_postgresql(void **state)
{
    char line[8192];
    int wrong = 0, checked = 0;
    struct catalog *c = fake_catalog_new();
    FILE *f = fopen(DIR "/corpus.tsv", "r");
    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        struct buf got;
        line[strcspn(line, "\n")] = 0;
        char *want = strchr(line, '\t');
        *want++ = 0;
        buf_init(&got);
        describe(c, line, &got);
        const bool same = strcmp((char *)got.p, want) == 0, listed = is_listed(line);
        if (!same && !listed) {
            print_error("%s\n  want %s\n  got  %s\n", line, want, (char *)got.p);
            wrong++;
        } else if (same && listed) {
            print_error("no longer a deviation: %s\n", line);
            wrong++;
        }
        checked++;
        buf_fini(&got);
    }
    fclose(f);
    fake_catalog_free(c);
    assert_true(checked > 200);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(analysis_agrees_with_postgresql) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
