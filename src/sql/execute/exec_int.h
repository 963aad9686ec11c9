/*
 * Shared within sql/execute/.
 *
 * A run is a tree of nodes that pull batches: columns as vectors and a
 * selection. A batch is valid until the next call of the node that gave it;
 * what is on the way in it (strings) lives in the batch arenas of the nodes
 * below. Every node can begin anew (rewind), for sub-queries that run again.
 */
#ifndef SQL_EXECUTE_EXEC_INT_H
#define SQL_EXECUTE_EXEC_INT_H

#include "access/heap.h"
#include "catalog/rel.h"
#include "rt/rt.h"
#include "sql/execute/execute.h"

/* ---- values and batches ---------------------------------------------------------- */

/* One value that reads as a constant column. */
struct value {
    struct vec vec; /* of the two below */
    union datum v;
    uint8_t null;
};
static inline void value_set(struct value *x, union datum v, bool null)
{
    x->v = v;
    x->null = null;
    x->vec = (struct vec){ &x->v, &x->null, true };
}

struct batch {
    const struct vec *const *col;
    struct sel sel; /* n == 0: the end */
};

static inline uint32_t sel_row(const struct sel *s, uint32_t k) { return s->idx ? s->idx[k] : k; }
static inline uint32_t vec_row(const struct vec *v, uint32_t i) { return v->is_const ? 0 : i; }
static inline bool vec_true(const struct vec *v, uint32_t i)
{
    const uint32_t at = vec_row(v, i);
    return !v->null[at] && v->v[at].i;
}

/* Rows of a batch that are handed on in parts. */
struct parts {
    struct batch b;
    uint32_t at; /* rows of b.sel handed on */
};
static inline bool parts_left(const struct parts *p) { return p->at < p->b.sel.n; }
struct exec;
/* At most max of the rows that are left. */
struct batch exec__parts_take(struct exec *e, struct parts *p, uint32_t max);
const uint16_t *exec__identity(struct exec *e); /* 0, 1, 2 ... VEC_ROWS - 1 */

/* ---- a run ------------------------------------------------------------------------ */

struct node;
struct shortcut;
struct subplan_run;

struct case_frame {
    uint16_t id;
    const struct vec *test;
    struct case_frame *outer;
};

struct exec {
    const struct plan *plan; /* NULL: a single expression */
    struct exec_env env;
    struct func_ctx func; /* .types.arena: of the batch that is being computed; .d: of the present call */
    struct access *access;
    struct arena *arena; /* of the statement: what lives as long as the run */
    size_t memory_max; /* of one hash table, sort or batch that cannot go to disk */
    struct value *exec_param;
    struct value *once; /* vec.v == NULL: not yet evaluated */
    struct case_frame *cases; /* CASEs with a test that are being evaluated, innermost first */
    struct subplan_run *subplan;
    struct shortcut *shortcut; /* NULL: by nodes */
    struct node *root;
    struct node *last_node; /* of all, linked by node->previous */
    struct row_queue *returned; /* INSERT ... RETURNING and its like: rows, once all work is done */
    struct parts parts; /* of the result */
    uint16_t *identity;
    uint64_t rows;
    uint32_t failed_row; /* exec_failed_row() */
    bool started, ended;
};

struct table_def *exec__rel(const struct exec *e, uint16_t rel);
enum err exec__canceled(struct diag *d);
/* In loops over batches and rows: lets others run, and ERR_CANCELED when the statement is to end. */
static inline enum err exec__breathe(struct diag *d)
{
    rt_yield_if_due();
    return UNLIKELY(rt_cancel_pending()) ? exec__canceled(d) : ERR_OK;
}
enum err exec__out_of_memory(const struct exec *e, const char *what, struct diag *d);

/* ---- nodes -------------------------------------------------------------------------- */

struct node_ops {
    size_t size; /* of the node's struct, which begins with struct node */
    enum err (*init)(struct node *n, struct diag *d); /* children exist */
    enum err (*next)(struct node *n, struct batch *ret, struct diag *d) MAY_YIELD;
    void (*rewind)(struct node *n) MAY_YIELD; /* the children are rewound too */
    void (*end)(struct node *n) MAY_YIELD; /* NULL: nothing to release but arenas */
};

struct node {
    const struct node_ops *ops;
    const struct plan_node *plan;
    struct exec *e;
    struct node *left, *right;
    struct node *previous;
    struct arena *arena; /* of the batch; NULL until exec__node_arena() */
    struct plan_actual *actual; /* EXPLAIN ANALYZE; NULL: none */
    uint64_t started_ns; /* of the present loop, for `actual` */
    uint32_t cap; /* rows of its batches at most */
    uint32_t want; /* the next batch need not, and where rows are locked must not, have more rows; 0: no limit */
    bool running; /* has given a batch since it began */
};

enum err exec__node_new(struct exec *e, const struct plan_node *p, struct node **ret, struct diag *d) MUST_CHECK;
enum err exec__node_next_slow(struct node *n, struct batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void exec__node_rewind(struct node *n) MAY_YIELD;
struct arena *exec__node_arena(struct node *n); /* made at the first call */
#define EXEC_STACK_MIN (80u * 1024)

static inline enum err node_next(struct node *n, struct batch *ret, struct diag *d) MAY_YIELD;
static inline enum err node_next(struct node *n, struct batch *ret, struct diag *d)
{
    if (UNLIKELY(n->actual || rt_stack_left() < EXEC_STACK_MIN))
        return exec__node_next_slow(n, ret, d);
    return n->ops->next(n, ret, d);
}

/* An empty batch: the end. */
static inline enum err node_end(struct batch *ret)
{
    *ret = (struct batch){ 0 };
    return ERR_OK;
}

/* A column of values for `cap` rows in the run's arena; n of them as a batch wants them. */
void exec__vec_init(struct exec *e, struct vec *v, uint32_t cap);
const struct vec **exec__vecs_new(struct exec *e, uint32_t n, uint32_t cap);
struct vec *exec__vec_at(const struct vec *const *col, uint32_t i); /* of exec__vecs_new() */

extern const struct node_ops exec__result, exec__values, exec__source, exec__func_scan, exec__seq_scan, exec__index_scan, exec__filter, exec__project,
    exec__nest_loop, exec__hash_join, exec__lookup_join, exec__agg, exec__sort, exec__unique, exec__limit, exec__append, exec__lock_rows,
    exec__insert, exec__update, exec__delete;

/* ---- expressions over vectors (expr.c) ------------------------------------------------- */

/* An expression of a run: its state beside the plan's immutable one. */
struct xp;

struct xctx {
    struct exec *e;
    struct arena *arena; /* results */
    const struct vec *const *in[2]; /* columns of the inputs */
};

/* NULL gives NULL. `cap`: rows of the selections that it will see. */
struct xp *exec__xp_new(struct exec *e, const struct expr *x, uint32_t cap);
struct xp **exec__xps_new(struct exec *e, struct expr *const *x, uint32_t n, uint32_t cap);
/* The values of the selected rows; the result is the expression's own, or an input's. */
enum err exec__xp_eval(const struct xctx *c, struct xp *x, const struct sel *sel, const struct vec **ret) MAY_YIELD MUST_CHECK;
/* The rows where it is true, written to idx (which may be sel's own). x == NULL: all. */
enum err exec__xp_filter(const struct xctx *c, struct xp *x, const struct sel *sel, uint16_t *idx, struct sel *ret) MAY_YIELD MUST_CHECK;

/* Marks the columns of inputs 0 and 1 that an expression (NULL: none) refers to. */
void exec__xp_columns(const struct exec *e, const struct expr *x, bool *left, bool *right);

/* ---- expressions of one row (scalar.c) -------------------------------------------------- */

struct row_in {
    const union datum *v[2];
    const uint8_t *null[2];
};
/* in == NULL: no input. Results are in e->func.types.arena. */
enum err exec__scalar(struct exec *e, const struct expr *x, const struct row_in *in, union datum *ret, uint8_t *ret_null) MAY_YIELD MUST_CHECK;
/* x == NULL: true. */
enum err exec__scalar_true(struct exec *e, const struct expr *x, const struct row_in *in, bool *ret) MAY_YIELD MUST_CHECK;
enum err exec__once(struct exec *e, uint16_t slot, const struct expr *arg, const struct value **ret) MAY_YIELD MUST_CHECK;
enum err exec__cast_value(struct exec *e, const struct expr *cast, union datum v, union datum *ret) MUST_CHECK;
const struct vec *exec__case_test(const struct exec *e, uint16_t id);
bool exec__bool_test(enum ast_bool_test test, union datum v, bool null);
/* One function over one row. */
enum err exec__call1(struct exec *e, const struct func *fn, const union datum *v, const uint8_t *null, unsigned nargs, const oid_t *arg_types,
                     union datum *ret, uint8_t *ret_null) MAY_YIELD MUST_CHECK;

/* LIMIT and OFFSET; none: UINT64_MAX and 0. ERR_LIMIT_VALUE, ERR_OFFSET_VALUE when negative. */
enum err exec__limits(struct exec *e, const struct expr *limit, const struct expr *offset, uint64_t *ret_limit, uint64_t *ret_offset,
                      struct diag *d) MAY_YIELD MUST_CHECK;

/* ---- sub-plans in expressions (subplan.c) ------------------------------------------------- */

/* Values of subplan->arg[], and of x->subplan.test (ANY, ALL), of one row. */
enum err exec__subplan(struct exec *e, const struct expr *x, const union datum *arg, const uint8_t *arg_null, union datum test, uint8_t test_null,
                       union datum *ret, uint8_t *ret_null) MAY_YIELD MUST_CHECK;
void exec__subplans_end(struct exec *e);
/* Sets an exec param; the value stays where it is. */
static inline void exec__set_param(struct exec *e, uint16_t no, union datum v, bool null) { value_set(&e->exec_param[no], v, null); }

/* ---- part of an index, for key values (probe.c) --------------------------------------------- */

struct probe;
struct probe *exec__probe_new(struct exec *e, const struct table_def *def, const struct index_key *key, const int16_t *attnum, uint16_t ncols,
                              bool backward);
/* The key's expressions in the order of their values: eq, in, lower, upper; n of them. */
uint32_t exec__key_exprs(const struct index_key *key, const struct expr **ret);
#define KEY_EXPRS_FIXED_MAX 34u /* without in: 32 columns and two bounds */
static inline uint32_t exec__key_count(const struct index_key *key) { return key->neq + key->nin + !!key->lower + !!key->upper; }
/* 40001 where the snapshot is older than the index. */
enum err exec__index_is_known(const struct exec *e, const struct index_def *ix, struct diag *d) MUST_CHECK;
enum err exec__probe_start(struct probe *p, const union datum *v, const uint8_t *null, struct diag *d) MAY_YIELD MUST_CHECK;
/* The next visible row: its columns as probe_new() named them, strings in the arena. */
enum err exec__probe_next(struct probe *p, struct arena *arena, union datum *v, uint8_t *null, bool *ret_found, struct diag *d) MAY_YIELD MUST_CHECK;
void exec__probe_stop(struct probe *p); /* may start again */
void exec__probe_free(struct probe *p); /* accepts NULL */

/* Which columns of a table a scan decodes, and where they go. */
struct columns {
    const struct table_def *def;
    uint16_t ncols;
    const int16_t *attnum;
    uint16_t upto; /* highest one */
    bool *want; /* by attnum - 1 */
    union datum *v; /* a whole row */
    bool *null;
};
void exec__columns_init(struct exec *e, struct columns *c, const struct table_def *def, const int16_t *attnum, uint16_t ncols);
void exec__columns_want(struct columns *c, int16_t attnum);
/* Decodes into c->v, c->null. */
enum err exec__columns_read(struct exec *e, struct columns *c, const struct heap_row *row, struct arena *arena, struct diag *d) MAY_YIELD MUST_CHECK;

/* ---- rows that are changed (modify.c) ---------------------------------------------------------- */

struct target_row {
    struct exec *e;
    const struct plan_node *plan;
    const struct table_def *def;
    union datum *child_v; /* the child's row */
    uint8_t *child_null;
    union datum *old_v, *new_v; /* the table's row, by attnum - 1 */
    uint8_t *old_null, *new_null;
    bool need_old; /* not all that is needed is carried by the child */
    bool taken; /* as in struct heap_write: where the row was looked up for this change alone */
};
void exec__target_init(struct exec *e, struct target_row *t, const struct plan_node *plan);
/* Changes or deletes the row that child_v describes. *ret false: it was not wanted any more, or is gone. */
enum err exec__target_update(struct target_row *t, struct arena *arena, bool *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err exec__target_delete(struct target_row *t, struct arena *arena, bool *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* NOT NULL and CHECK of new_v. */
enum err exec__target_check(struct target_row *t, struct diag *d) MAY_YIELD MUST_CHECK;
enum err exec__check_violated(const struct table_def *def, const char *name, const union datum *v, const bool *null, struct diag *d);
/*
 * Locks the target's row (taken: as in struct heap_write); where a newer version was committed, its columns are put into child_v and
 * *ret_changed is set.
 * *ret false: skipped, gone, or not wanted any more.
 */
enum err exec__lock_row(struct exec *e, const struct plan_node *lock, const struct row_target *target, union datum *child_v, uint8_t *child_null,
                        bool taken, struct arena *arena, bool *ret, bool *ret_changed, struct diag *d) MAY_YIELD MUST_CHECK;

/* ---- short path (shortcut.c) --------------------------------------------------------------------- */

struct shortcut *exec__shortcut_new(struct exec *e);
enum err exec__shortcut_run(struct exec *e, struct result_batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
