/*
 * From meaning to plan: constants folded, predicates pushed to where their
 * columns come from, access paths and join order by cost (ANALYZE's
 * statistics), then nodes. And EXPLAIN's text of a plan.
 */
#ifndef SQL_PLAN_PLANNER_H
#define SQL_PLAN_PLANNER_H

#include "sql/plan.h"

/* The settings that steer it; zero-initialised is not valid: plan_default_options(). */
struct plan_options {
    double seq_page_cost, random_page_cost, cpu_tuple_cost, cpu_index_tuple_cost, cpu_operator_cost;
    double effective_cache_size_pages;
    size_t work_mem_bytes;
    bool enable_seqscan, enable_indexscan, enable_hashjoin, enable_nestloop, enable_hashagg, enable_sort;
    struct session *session; /* for immutable functions that are folded; may be NULL */
    struct type_ctx types; /* its arena is not used */
};
struct plan_options plan_default_options(void);

/*
 * Plans in an arena of the plan's own; nothing of the tree's arena is referenced afterwards. Takes over the tree's references to
 * definitions, also when it fails.
 */
enum err plan_make(struct catalog *c, struct tree *t, const struct plan_options *opt, struct plan **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void plan_free(struct plan *p); /* accepts NULL */

/* What EXPLAIN ANALYZE measured of a node. */
struct plan_actual {
    uint64_t loops, rows; /* rows in all loops */
    double startup_ms, total_ms; /* of all loops */
};
struct explain_options {
    bool costs, verbose;
    const struct plan_actual *actual; /* by node id; NULL: without ANALYZE */
    bool timing;
};
/* Calls line() for each line of the text, without line ends. */
void plan_explain(const struct plan *p, const struct explain_options *opt, void (*line)(void *arg, const char *text, size_t len), void *arg);

#endif
