#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "../fake_catalog.h"
#include "sql/analyse/analyse.h"
#include "sql/parse/parse.h"

struct bench {
    struct catalog *c;
    struct arena *a;
    struct analyse_env env;
    struct diag d;
};

static enum err regclass_in(void *arg, const char *s, size_t len, oid_t *ret, struct diag *d)
{
    (void)arg, (void)s, (void)len, (void)d;
    *ret = 12345;
    return ERR_OK;
}

static const struct type_hooks hooks = { .regclass_in = regclass_in };

static int setup(void **state)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    b->c = fake_catalog_new();
    b->a = arena_new("test", 0);
    b->env = (struct analyse_env){ .arena = b->a, .catalog = b->c, .types = { .extra_float_digits = 1, .hooks = &hooks } };
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    assert_int_equal(fake_catalog_references(b->c), 0);
    arena_free(b->a);
    fake_catalog_free(b->c);
    free(b);
    return 0;
}

static const struct ast *parse(struct bench *b, const char *sql)
{
    struct ast *ast = NULL;
    diag_clear(&b->d);
    assert_int_equal(sql_parse(b->a, sql, strlen(sql), &ast, &b->d), ERR_OK);
    return ast;
}

/* Released at once: the memory stays until the end of the test. */
static const struct ddl *ddl(struct bench *b, const char *sql)
{
    const struct ast *ast = parse(b, sql);
    struct ddl *ret = NULL;
    assert_true(analyse_is_ddl(&ast->v[0]));
    assert_int_equal(analyse_ddl(&b->env, ast, &ast->v[0], &ret, &b->d), ERR_OK);
    const uint16_t n = ret->nrels;
    ddl_release(b->c, ret);
    ret->nrels = n;
    return ret;
}

static void refused(struct bench *b, const char *sql, const char *sqlstate, const char *message)
{
    const struct ast *ast = parse(b, sql);
    struct ddl *ret = NULL;
    assert_string_equal(err_sqlstate(analyse_ddl(&b->env, ast, &ast->v[0], &ret, &b->d)), sqlstate);
    if (message != NULL)
        assert_string_equal(b->d.message, message);
    assert_int_equal(fake_catalog_references(b->c), 0);
}

static void create_table_becomes_what_the_catalogue_takes(void **state)
{
    struct bench *b = *state;
    const struct new_table *t =
        &ddl(b, "create table app.n (id serial primary key, name varchar(10) not null default 'x' unique, amount numeric(8,2) default 0 check (amount >= 0),"
                " at timestamptz default now(), flag boolean default true, unique (name, amount), constraint small check (id < 100 and name <> ''))"
                " with (fillfactor = 80)")
             ->create_table;
    assert_string_equal(t->schema, "app");
    assert_int_equal(t->ncols, 5);
    assert_true(t->col[0].serial && t->col[0].not_null);
    assert_int_equal(t->col[0].type, TYPE_INT4);
    assert_int_equal(t->col[1].typmod, 14);
    assert_string_equal(t->col[1].default_sql, "'x'::character varying");
    assert_string_equal(t->col[2].default_sql, "0");
    assert_string_equal(t->col[3].default_sql, "now()");
    assert_string_equal(t->col[4].default_sql, "true");
    assert_int_equal(t->nindexes, 3);
    assert_true(t->index[0].primary && t->index[0].is_constraint);
    assert_int_equal(t->index[2].ncols, 2);
    assert_int_equal(t->index[2].col[1].attnum, 3);
    assert_int_equal(t->nchecks, 2);
    assert_string_equal(t->check[0].name, "n_amount_check");
    assert_string_equal(t->check[0].expr_sql, "(\"amount\" >= (0)::numeric)");
    assert_string_equal(t->check[1].name, "small");
    assert_int_equal(t->fillfactor, 80);
}

static void what_a_table_cannot_be_is_refused(void **state)
{
    struct bench *b = *state;
    refused(b, "create table t (a int)", "42P07", "relation \"t\" already exists");
    refused(b, "create table n (a int, a text)", "42701", "column \"a\" specified more than once");
    refused(b, "create table n (a nope)", "42704", "type \"nope\" does not exist");
    refused(b, "create table n (a int primary key, b int primary key)", "42P16", "multiple primary keys for table \"n\" are not allowed");
    refused(b, "create table n (a int, primary key (b))", "42703", "column \"b\" named in key does not exist");
    refused(b, "create table n (a int default 'x')", "22P02", "invalid input syntax for type integer: \"x\"");
    refused(b, "create table n (a int default true)", "42804", "column \"a\" is of type integer but default expression is of type boolean");
    refused(b, "create table n (a int check (b > 0))", "42703", "column \"b\" does not exist");
    refused(b, "create table n (a int check (a))", "42804", NULL);
    refused(b, "create table n (a int references t)", "0A000", "a foreign key is not supported");
    refused(b, "create table n (a int generated always as identity)", "0A000", NULL);
    refused(b, "create temp table n (a int)", "0A000", "a temporary table is not supported");
    refused(b, "create table n (a int) with (autovacuum_enabled = off)", "0A000", NULL);
    refused(b, "create table n (a int[])", "0A000", NULL);
}

static void if_exists_gives_notices(void **state)
{
    struct bench *b = *state;
    const struct ddl *d = ddl(b, "create table if not exists t (a int)");
    assert_true(d->skip);
    assert_string_equal(d->notice[0], "relation \"t\" already exists, skipping");
    d = ddl(b, "drop table if exists nope, t, nada");
    assert_false(d->skip);
    assert_int_equal(d->nnotices, 2);
    assert_string_equal(d->notice[1], "table \"nada\" does not exist, skipping");
    assert_int_equal(d->drop.n, 1);
    assert_string_equal(d->drop.table[0]->name, "t");
    assert_true(ddl(b, "drop index if exists nope")->skip);
    refused(b, "drop table nope", "42P01", "table \"nope\" does not exist");
    refused(b, "drop index t", "42809", "\"t\" is not an index");
    refused(b, "drop view v", "0A000", "DROP VIEW is not supported");
}

static void alter_table_knows_its_columns(void **state)
{
    struct bench *b = *state;
    const struct ddl *d = ddl(b, "alter table u add column z int default 5, alter y set not null, alter x drop default, add unique (x, y), "
                                 "add check (x < 10), drop constraint if exists c");
    assert_int_equal(d->alter.n, 6);
    assert_string_equal(d->alter.cmd[0].column.default_sql, "5");
    assert_int_equal(d->alter.cmd[0].column_default->c.v.i, 5);
    assert_int_equal(d->alter.cmd[1].kind, ALTER_SET_NOT_NULL);
    assert_int_equal(d->alter.cmd[1].attnum, 3);
    assert_null(d->alter.cmd[2].default_sql);
    assert_int_equal(d->alter.cmd[3].index.col[0].attnum, 2);
    assert_string_equal(d->alter.cmd[4].check.name, "u_x_check1"); /* the plain name is taken */
    assert_int_equal(d->alter.cmd[4].check_expr.expr->func.args.v[0]->kind, EXPR_COL);
    assert_int_equal(d->alter.cmd[4].check_expr.expr->func.args.v[0]->col.col, 1);
    assert_true(d->alter.cmd[5].missing_ok);
    refused(b, "alter table u alter a drop not null", "42P16", "column \"a\" is in a primary key");
    refused(b, "alter table u add primary key (x)", "42P16", "multiple primary keys for table \"u\" are not allowed");
    refused(b, "alter table u add column x int", "42701", "column \"x\" of relation \"u\" already exists");
    refused(b, "alter table u drop column x", "0A000", NULL);
}

static void other_definitions(void **state)
{
    struct bench *b = *state;
    const struct ddl *d = ddl(b, "create unique index on t (b desc, c nulls first)");
    assert_null(d->create_index.def.name);
    assert_true(d->create_index.def.unique);
    assert_true(d->create_index.def.col[0].descending && d->create_index.def.col[0].nulls_first);
    assert_true(!d->create_index.def.col[1].descending && d->create_index.def.col[1].nulls_first);
    refused(b, "create index on t (lower(b))", "0A000", "an index on an expression is not supported");
    refused(b, "create index on t (nope)", "42703", "column \"nope\" does not exist");
    const struct sequence_def *s = &ddl(b, "create sequence s increment -2 minvalue -100 start -4 cycle")->sequence.def;
    assert_true(s->increment == -2 && s->min == -100 && s->max == -1 && s->start == -4 && s->cycle);
    assert_int_equal(ddl(b, "create sequence s as smallint")->sequence.def.max, INT16_MAX);
    refused(b, "create sequence s increment 0", "22023", "INCREMENT must not be zero");
    d = ddl(b, "vacuum (analyze, verbose off) t, u (x)");
    assert_true(d->vacuum.vacuum && d->vacuum.analyze && !d->vacuum.verbose);
    assert_int_equal(d->vacuum.target[1].attnum[0], 2);
    d = ddl(b, "truncate t, u, t restart identity");
    assert_int_equal(d->drop.n, 2);
    assert_true(d->drop.restart_identity);
    d = ddl(b, "lock table t in access exclusive mode");
    assert_int_equal(d->rel[0].lock, GES_MODE_EX);
}

static void copy_knows_its_columns_and_format(void **state)
{
    struct bench *b = *state;
    struct copy *c = NULL;
    const struct ast *ast = parse(b, "copy u (y, a) from stdin with (format csv, header, delimiter ';', force_null (y))");
    assert_int_equal(analyse_copy(&b->env, ast, &ast->v[0], &c, &b->d), ERR_OK);
    assert_true(c->from && c->header && c->format == COPY_CSV && c->delimiter == ';' && c->quote == '"');
    assert_string_equal(c->null_text, "");
    assert_int_equal(c->ncols, 2);
    assert_string_equal(c->col[0].name, "y");
    assert_true(c->force_null[0] && !c->force_null[1]);
    assert_int_equal(c->tree->query->ntargets, 3);
    tree_release(b->c, c->tree);
    ast = parse(b, "copy u to stdout");
    assert_int_equal(analyse_copy(&b->env, ast, &ast->v[0], &c, &b->d), ERR_OK);
    assert_int_equal(c->ncols, 3);
    assert_string_equal(c->null_text, "\\N");
    tree_release(b->c, c->tree);
    ast = parse(b, "copy (select 1 as one) to stdout (format text)");
    assert_int_equal(analyse_copy(&b->env, ast, &ast->v[0], &c, &b->d), ERR_OK);
    assert_string_equal(c->col[0].name, "one");
    tree_release(b->c, c->tree);
    ast = parse(b, "copy u from '/etc/passwd'");
    assert_int_equal(analyse_copy(&b->env, ast, &ast->v[0], &c, &b->d), ERR_FEATURE);
    ast = parse(b, "copy u (nope) from stdin");
    assert_int_equal(analyse_copy(&b->env, ast, &ast->v[0], &c, &b->d), ERR_UNDEFINED_COLUMN);
    ast = parse(b, "copy u from stdin (quote '|')");
    assert_int_equal(analyse_copy(&b->env, ast, &ast->v[0], &c, &b->d), ERR_FEATURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(create_table_becomes_what_the_catalogue_takes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_table_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(if_exists_gives_notices, setup, teardown),
        cmocka_unit_test_setup_teardown(alter_table_knows_its_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(other_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(copy_knows_its_columns_and_format, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
