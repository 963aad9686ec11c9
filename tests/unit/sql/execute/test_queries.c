/*
 * Queries without tables, from text to rows: expressions, joins, groups, order, sub-queries. queries.txt has what PostgreSQL 15 answers. Each
 * is run with plenty of memory, then with so little that sorts, joins and groups go to files, then a few rows at a time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../fake_catalog.h"
#include "rt/sim.h"
#include "sql/analyse/analyse.h"
#include "sql/execute/execute.h"
#include "sql/functions/hooks.h"
#include "sql/parse/parse.h"

#define TMP_DIR "/tmp"

/* The executor asks the catalogue for more than the front end does; without tables nothing comes of it. */
struct access *catalog_access(struct catalog *c) { return NULL; }
enum err catalog_set_stats(struct catalog *c, struct txn *t, struct table_def *table, double pages, double tuples, const struct column_stats *cols,
                           struct diag *d)
{
    return ERR_OK;
}

static double half(void *arg) { return 0.5; }
static const struct func_hooks hooks = { .random = half };

static void put_rows(const struct result_batch *b, const struct plan *p, struct buf *out)
{
    struct arena *arena = arena_new("text", 0);
    const struct type_ctx ctx = { .arena = arena, .extra_float_digits = 1 };
    for (uint32_t k = 0; k < b->sel.n; k++) {
        const uint32_t row = b->sel.idx ? b->sel.idx[k] : k;
        for (uint32_t c = 0; c < b->ncols; c++) {
            const uint32_t i = b->col[c]->is_const ? 0 : row;
            buf_put_str(out, c ? "|" : "");
            if (b->col[c]->null[i])
                buf_put_str(out, "NULL");
            else
                type_by_oid(p->col[c].type)->out(&ctx, b->col[c]->v[i], out);
        }
        buf_put_str(out, "\n");
    }
    arena_free(arena);
}

struct how {
    size_t work_mem;
    uint32_t max_rows;
};

static enum err run_plan(struct catalog *c, const struct plan *p, const struct how *how, struct buf *out, struct diag *d)
{
    struct arena *arena = arena_new("statement", 0);
    const struct exec_env env = { .catalog = c,
                                  .func = { .types = { .extra_float_digits = 1 }, .hooks = &hooks },
                                  .work_mem_bytes = how->work_mem,
                                  .tmp_dir = TMP_DIR };
    struct exec *e = NULL;
    enum err err = exec_start(&env, p, arena, &e, d);
    while (!err) {
        struct result_batch b;
        err = exec_next(e, how->max_rows, &b, d);
        if (err || b.sel.n == 0)
            break;
        assert_true(how->max_rows == 0 || b.sel.n <= how->max_rows);
        put_rows(&b, p, out);
    }
    exec_end(e);
    arena_free(arena);
    return err;
}

static void answer(struct catalog *c, const char *sql, const struct how *how, struct buf *out)
{
    struct arena *arena = arena_new("test", 0);
    struct plan_options options = plan_default_options();
    const struct analyse_env env = { .arena = arena, .catalog = c, .types = { .extra_float_digits = 1 } };
    struct ast *ast;
    struct tree *tree;
    struct plan *plan = NULL;
    struct diag d;
    diag_clear(&d);
    options.work_mem_bytes = how->work_mem;
    options.types = env.types;
    enum err err = sql_parse(arena, sql, strlen(sql), &ast, &d);
    if (!err)
        err = analyse_query(&env, ast, &ast->v[0], NULL, &tree, &d);
    if (!err)
        err = plan_make(c, tree, &options, &plan, &d);
    if (!err)
        err = run_plan(c, plan, how, out, &d);
    if (err) {
        out->len = 0;
        buf_printf(out, "ERROR %s: %s\n", err_sqlstate(err), d.message);
    }
    plan_free(plan);
    arena_free(arena);
}

static int check(struct catalog *c, const char *sql, const struct buf *want, const struct how *how)
{
    struct buf got;
    buf_init(&got);
    answer(c, sql, how, &got);
    const bool same = got.len == want->len && memcmp(got.p ? got.p : (const uint8_t *)"", want->p ? want->p : (const uint8_t *)"", got.len) == 0;
    if (!same)
        print_error("%s (work_mem %zu, %u rows at a time)\nwant\n%.*sgot\n%.*s", sql, how->work_mem, how->max_rows, (int)want->len,
                    want->p ? (const char *)want->p : "", (int)got.len, got.p ? (const char *)got.p : "");
    buf_fini(&got);
    return !same;
}

static void count_file(void *arg, const char *name)
{
    ++*(int *)arg;
}

static void run_all(void *arg)
{
    static const struct how ways[] = { { 64u << 20, 0 }, { 16u << 10, 0 }, { 64u << 20, 7 } };
    struct catalog *c = fake_catalog_new();
    struct diag d;
    struct buf want;
    char line[4096], sql[4096] = "";
    int wrong = 0, checked = 0, files = 0;
    buf_init(&want);
    assert_int_equal(rt_mkdir(TMP_DIR, &d), ERR_OK);
    FILE *f = fopen(DIR "/queries.txt", "r");
    assert_non_null(f);
    for (bool more = true; more;) {
        more = fgets(line, sizeof line, f) != NULL;
        if (more && strncmp(line, "> ", 2) != 0) {
            buf_put_str(&want, line);
            continue;
        }
        for (size_t w = 0; sql[0] && w < ARRAY_LEN(ways); w++, checked++)
            wrong += check(c, sql, &want, &ways[w]);
        buf_reset(&want);
        line[strcspn(line, "\n")] = 0;
        snprintf(sql, sizeof sql, "%s", line + 2);
    }
    fclose(f);
    buf_fini(&want);
    assert_int_equal(rt_list_dir(TMP_DIR, count_file, &files, &d), ERR_OK);
    assert_int_equal(files, 0); /* no temporary file is left behind */
    fake_catalog_free(c);
    assert_true(checked > 250);
    assert_int_equal(wrong, 0);
}

static void queries_answer_as_postgresql(void **state)
{
    const struct sim_options opt = { .seed = 1, .hosts = 1, .workers = 1 };
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, run_all, NULL);
    assert_true(sim_run(s, RT_SEC(1000)));
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(queries_answer_as_postgresql) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
