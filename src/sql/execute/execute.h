/*
 * Runs plans (sql/plan.h): pipelines of operators over column vectors, and
 * the short path of key look-ups without them.
 */
#ifndef SQL_EXECUTE_EXECUTE_H
#define SQL_EXECUTE_EXECUTE_H

#include "sql/plan.h"
#include "sql/plan/planner.h" /* struct plan_actual */
#include "sql/session.h"
#include "txn/txn.h"

struct exec; /* one run of a plan */

/* What a run needs of its session; outlives the run. */
struct exec_env {
    struct catalog *catalog;
    struct txn *txn;
    const struct snapshot *snapshot; /* of the statement */
    struct session *session; /* for functions */
    struct func_ctx func; /* template: hooks, session and type settings; the run sets arena and diag */
    size_t work_mem_bytes;
    const char *tmp_dir; /* for what does not fit work_mem; NULL: nothing goes to disk */
    /* values of $1..$n, already of the plan's parameter types */
    const union datum *param;
    const bool *param_null;
    /* NODE_SOURCE (COPY FROM): fills up to VEC_ROWS rows of the source's columns; *ret_n 0: the end */
    void *source_arg;
    enum err (*source)(void *arg, struct vec *col, uint32_t ncols, struct arena *arena, uint32_t *ret_n, struct diag *d) MAY_YIELD;
    struct plan_actual *actual; /* EXPLAIN ANALYZE: counters by node id; NULL: none */
};

/*
 * Starts a run. The caller has made sure that the plan is fresh (plan->rel locked and unchanged). `arena` is the statement's: it lives
 * until exec_end(), batches' values too until the next exec_next().
 */
enum err exec_start(const struct exec_env *env, const struct plan *plan, struct arena *arena, struct exec **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The next rows of the result, at most max_rows (0: as many as fit a vector). ret->sel.n == 0: the end. INSERT, UPDATE and DELETE without
 * RETURNING do all their work in the first call and return no rows. */
enum err exec_next(struct exec *e, uint32_t max_rows, struct result_batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Rows inserted, changed or deleted so far (SELECT: rows returned). */
uint64_t exec_rows(const struct exec *e);
/* An error is about this row of those that source() gave last, counted from 0; UINT32_MAX: about none of them. */
uint32_t exec_failed_row(const struct exec *e);
void exec_end(struct exec *e) MAY_YIELD; /* accepts NULL */

/* One expression without input rows: EXECUTE's arguments, column defaults of ALTER TABLE. */
enum err exec_constant(const struct exec_env *env, const struct expr *e, struct arena *arena, union datum *ret, bool *ret_null, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * ALTER TABLE and friends look at all rows of a table: NOT NULL (attnum), CHECK (expr over the row by attnum - 1).
 * ERR_NOT_NULL / ERR_CHECK with PostgreSQL's message.
 */
enum err exec_check_not_null(const struct exec_env *env, const struct table_def *table, int16_t attnum, struct diag *d) MAY_YIELD MUST_CHECK;
enum err exec_check_rows(const struct exec_env *env, const struct table_def *table, const struct check_expr *check, struct diag *d) MAY_YIELD MUST_CHECK;
/* ANALYZE: counts and samples the table; writes the statistics (catalog_set_stats). */
enum err exec_analyze(const struct exec_env *env, struct table_def *table, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
