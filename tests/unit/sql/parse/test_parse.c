#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "rt/rt.h"
#include "sql/parse/parse.h"

/* The runtime is not needed to parse: the test's own stack is large. */
void rt_call_on_big_stack(void (*fn)(void *), void *arg)
{
    fn(arg);
}

static struct ast *parse(struct arena *a, const char *sql)
{
    struct ast *ast = NULL;
    struct diag d;
    diag_clear(&d);
    assert_int_equal(sql_parse(a, sql, strlen(sql), &ast, &d), ERR_OK);
    return ast;
}

static void fails(const char *sql, const char *sqlstate, int position, const char *message)
{
    struct arena *a = arena_new("test", 0);
    struct ast *ast = NULL;
    struct diag d;
    diag_clear(&d);
    const enum err err = sql_parse(a, sql, strlen(sql), &ast, &d);
    assert_string_equal(err_sqlstate(err), sqlstate);
    if (message != NULL)
        assert_string_equal(d.message, message);
    if (position >= 0)
        assert_int_equal(d.position, position);
    arena_free(a);
}

static void errors_are_postgresqls(void **state)
{
    (void)state;
    fails("selec 1", "42601", 1, "syntax error at or near \"selec\"");
    fails("select 1 from", "42601", 14, "syntax error at end of input");
    fails("select '\xc3\xa4' frm fr from", "42601", 16, "syntax error at or near \"fr\""); /* characters, not bytes */
    fails("select 'abc", "42601", 8, "unterminated quoted string at or near \"'abc\"");
    fails("select \"\"", "42601", 8, "zero-length delimited identifier at or near \"\"\"\"");
    fails("select $0", "42P02", 8, "there is no parameter $0");
    fails("select 1; select 2 +; select 3", "42601", 21, "syntax error at or near \";\"");
    fails("select * from a.b.c", "0A000", 15, NULL);
}

static void statements_know_their_place_in_the_text(void **state)
{
    struct arena *a = arena_new("test", 0);
    const struct ast *t = parse(a, " select 1 ; -- x\n /* a /* b */ ; */ update t set a = $3 where b ; ");
    (void)state;
    assert_int_equal(t->n, 2);
    assert_int_equal(t->nparams, 3);
    assert_int_equal(t->v[0].kind, AST_SELECT);
    assert_int_equal(t->v[0].location, 1);
    assert_int_equal(t->v[1].kind, AST_UPDATE);
    assert_memory_equal(t->text + t->v[1].location, "update t", 8);
    assert_string_equal(t->v[1].tag, "UPDATE");
    assert_int_equal(parse(a, "")->n, 0);
    assert_int_equal(parse(a, " ; -- nothing\n;")->n, 0);
    arena_free(a);
}

static void every_kind_of_statement_is_recognised(void **state)
{
    static const struct {
        const char *sql;
        enum ast_stmt_kind kind;
        const char *tag;
    } all[] = {
        { "values (1)", AST_SELECT, "SELECT" },
        { "table t", AST_SELECT, "SELECT" },
        { "insert into t default values", AST_INSERT, "INSERT" },
        { "delete from t", AST_DELETE, "DELETE" },
        { "create unlogged table t (a serial primary key, check (a > 0)) with (fillfactor = 90)", AST_CREATE_TABLE, "CREATE TABLE" },
        { "alter table t add column b int, drop constraint c", AST_ALTER_TABLE, "ALTER TABLE" },
        { "alter index i rename to j", AST_OTHER, "RENAME" },
        { "alter sequence s restart", AST_OTHER, "ALTER SEQUENCE" },
        { "create unique index i on t (a desc nulls last, b)", AST_CREATE_INDEX, "CREATE INDEX" },
        { "drop table if exists a, b cascade", AST_DROP, "DROP TABLE" },
        { "drop view v", AST_DROP, "DROP VIEW" },
        { "truncate a, b restart identity", AST_TRUNCATE, "TRUNCATE TABLE" },
        { "create sequence s start 5 cache 10", AST_CREATE_SEQUENCE, "CREATE SEQUENCE" },
        { "begin isolation level repeatable read, read only", AST_TXN, "BEGIN" },
        { "start transaction", AST_TXN, "START TRANSACTION" },
        { "end", AST_TXN, "COMMIT" },
        { "abort", AST_TXN, "ROLLBACK" },
        { "savepoint s", AST_TXN, "SAVEPOINT" },
        { "rollback to s", AST_TXN, "ROLLBACK" },
        { "set work_mem = '4MB'", AST_SET, "SET" },
        { "reset all", AST_SET, "RESET" },
        { "show all", AST_SHOW, "SHOW" },
        { "discard all", AST_DISCARD, "DISCARD ALL" },
        { "prepare p (int) as select $1", AST_PREPARE, "PREPARE" },
        { "execute p (1)", AST_EXECUTE, "EXECUTE" },
        { "deallocate all", AST_DEALLOCATE, "DEALLOCATE ALL" },
        { "copy t (a, b) from stdin with (format csv, header)", AST_COPY, "COPY" },
        { "copy (select 1) to stdout csv", AST_COPY, "COPY" },
        { "explain (analyze, costs off) select 1", AST_EXPLAIN, "EXPLAIN" },
        { "vacuum (analyze, verbose) t", AST_VACUUM, "VACUUM" },
        { "analyze t (a, b)", AST_VACUUM, "ANALYZE" },
        { "lock table t in share mode", AST_LOCK, "LOCK TABLE" },
        { "declare c cursor for select 1", AST_DECLARE, "DECLARE CURSOR" },
        { "fetch 5 from c", AST_FETCH, "FETCH" },
        { "move all in c", AST_FETCH, "MOVE" },
        { "close c", AST_CLOSE, "CLOSE CURSOR" },
        { "checkpoint", AST_CHECKPOINT, "CHECKPOINT" },
        { "create view v as select 1", AST_OTHER, "CREATE VIEW" },
        { "listen x", AST_OTHER, "LISTEN" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct arena *a = arena_new("test", 0);
        const struct ast *t = parse(a, all[i].sql);
        assert_int_equal(t->n, 1);
        assert_int_equal(t->v[0].kind, all[i].kind);
        assert_string_equal(t->v[0].tag, all[i].tag);
        arena_free(a);
    }
}

static void details_survive_the_conversion(void **state)
{
    struct arena *a = arena_new("test", 0);
    (void)state;
    const struct ast_select *s = parse(a, "select distinct on (a) a, count(distinct b) filter (where c) from t x(p, q) "
                                          "left join u using (k) order by 1 desc nulls last limit 5 offset 2 for update of x skip locked")
                                     ->v[0]
                                     .select;
    assert_true(s->distinct);
    assert_int_equal(s->distinct_on.n, 1);
    assert_true(s->targets.v[1].expr->func.distinct);
    assert_non_null(s->targets.v[1].expr->func.filter);
    assert_int_equal(s->from[0]->kind, AST_FROM_JOIN);
    assert_int_equal(s->from[0]->join, AST_JOIN_LEFT);
    assert_string_equal(s->from[0]->left->range.columns.v[1], "q");
    assert_true(s->order.v[0].descending && s->order.v[0].nulls_given && !s->order.v[0].nulls_first);
    assert_int_equal(s->limit->integer, 5);
    assert_false(s->with_ties);
    assert_true(s->locking[0].skip_locked);
    assert_true(parse(a, "select a from t order by a fetch first 2 rows with ties")->v[0].select->with_ties);
    const struct ast_txn *t = parse(a, "begin isolation level repeatable read, read only")->v[0].txn;
    assert_int_equal(t->modes.n, 2);
    assert_string_equal(t->modes.v[0].value, "repeatable read");
    assert_string_equal(t->modes.v[1].name, "transaction_read_only");
    const struct ast_copy *c = parse(a, "copy t from stdin delimiter ';' csv header quote '''' force not null a")->v[0].copy;
    assert_int_equal(c->options.n, 5);
    arena_free(a);
}

static char *repeated(const char *head, const char *part, size_t n, const char *tail)
{
    char *s = malloc(strlen(head) + n * strlen(part) + strlen(tail) + 1), *p = s;
    p = stpcpy(p, head);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, part);
    strcpy(p, tail);
    return s;
}

static void deep_nesting_and_long_texts_get_an_answer(void **state)
{
    static const struct {
        const char *head, *part, *tail;
    } deep[] = {
        { "select 1", "+1", "" },       { "select ", "not ", "true" },          { "select ", "(", "" },
        { "select * from a", " join a on true", "" }, { "select 1", " union select 1", "" }, { "select ", "- ", "1" },
        { "select ", "(select ", "1" }, { "select * from ", "(select * from ", "t" }, { "select 1", "::int", "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(deep); i++) {
        char *s = repeated(deep[i].head, deep[i].part, 10000, deep[i].tail);
        struct arena *a = arena_new("test", 0);
        struct ast *ast;
        struct diag d;
        diag_clear(&d);
        const enum err err = sql_parse(a, s, strlen(s), &ast, &d);
        assert_true(err == ERR_SYNTAX || err == ERR_STATEMENT_COMPLEX);
        arena_free(a);
        free(s);
    }
    char *s = repeated("select 1 from t where a in (1", ",1", 5u << 20, ")");
    struct arena *a = arena_new("test", 64u << 20);
    struct ast *ast;
    struct diag d;
    diag_clear(&d);
    assert_int_equal(sql_parse(a, s, strlen(s), &ast, &d), ERR_OUT_OF_MEMORY); /* the statement's arena is bounded */
    arena_free(a);
    free(s);
}

static void *parse_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        struct arena *a = arena_new("test", 0);
        struct ast *ast;
        struct diag d;
        diag_clear(&d);
        const char *sql = i % 3 == 0 ? "select 1 +" : "update accounts set balance = balance + $1 where id = $2";
        const enum err err = sql_parse(a, sql, strlen(sql), &ast, &d);
        assert_int_equal(err, i % 3 == 0 ? ERR_SYNTAX : ERR_OK);
        arena_free(a);
    }
    return NULL;
}

static void several_threads_parse_at_once(void **state)
{
    pthread_t t[4];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, parse_many, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_postgresqls),
        cmocka_unit_test(statements_know_their_place_in_the_text),
        cmocka_unit_test(every_kind_of_statement_is_recognised),
        cmocka_unit_test(details_survive_the_conversion),
        cmocka_unit_test(deep_nesting_and_long_texts_get_an_answer),
        cmocka_unit_test(several_threads_parse_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
