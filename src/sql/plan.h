/*
 * How a statement is executed: a tree of nodes whose expressions refer to
 * columns by number. Made by plan/, run by execute/.
 *
 * A plan is immutable and holds everything it needs in its own arena; it runs
 * any number of times, also at the same time, with other parameters.
 *
 * Before each run the executor takes the TM lock of each of plan->rel with
 * catalog_table_by_oid() and compares the definition that it gets with the
 * plan's: another pointer means that the plan is stale (free it, analyse and
 * plan again). While catalog_generation() is still plan->generation the
 * definitions are certainly the same.
 *
 * ---- Rows and columns
 *
 * A node gives rows of `ncols` columns of types `col_type`. An expression in
 * a node refers to EXPR_COL(input, col): input 0 is the row of the node's
 * (left) child, input 1 that of the right child, and where the table below
 * says so the row that a scan reads, the group, or the row of the changed
 * table.
 *
 *  node          columns it gives                          its expressions see
 *  RESULT        expr[]                                    no input; one row (or none: filter is a one-time filter)
 *  VALUES        columns of the rows                       no input
 *  SOURCE        plan->source's columns                    -
 *  FUNC_SCAN     the value                                 no input (args)
 *  SEQ_SCAN      attnum[]                                  filter: input 0 = those columns
 *  INDEX_SCAN    attnum[]                                  keys: no input; filter: input 0 = those columns
 *  FILTER        the child's                               input 0 = child
 *  PROJECT       expr[]                                    input 0 = child
 *  NEST_LOOP     out[]                                     on, filter: input 0 = left, 1 = right
 *  HASH_JOIN     out[]                                     left_key: input 0; right_key: input 0 = a right row;
 *                                                          on, filter: input 0 = left, 1 = right
 *  LOOKUP_JOIN   out[]                                     keys: input 0 = left; on, filter: 0 = left, 1 = attnum[] of the row found
 *  AGG           group[], then agg[]                       group, args and filters of aggregates: input 0 = child;
 *                                                          node's filter (HAVING): input 0 = its own columns
 *  SORT          the child's                               -
 *  UNIQUE        the child's                               -
 *  LIMIT         the child's                               limit, offset: no input
 *  APPEND        its children's                            -
 *  LOCK_ROWS     the child's                               recheck: input 0 = the child's row
 *  INSERT        returning[]                               check, returning: input 0 = new row by attnum - 1
 *  UPDATE        returning[]                               set, recheck: input 0 = the child's row; check: input 0 = new row;
 *                                                          returning: input 0 = new row, 1 = the child's
 *  DELETE        returning[]                               recheck: input 0 = child; returning: 0 = old row by attnum - 1, 1 = child
 *
 * Expressions nest as deep as the parser lets them (SQL_NESTING_MAX): whoever walks them does it on a big stack.
 *
 * NEST_LOOP and LOOKUP_JOIN give their rows in the order of the left child's; a sort above them may have been left out for that.
 * INDEX_SCAN gives rows in the index's order (reversed if backward), unless key.nin > 0.
 *
 * An expression without Cols, volatile functions and sub-plans is the same
 * for the whole run; the planner has marked the costly ones EXPR_ONCE.
 *
 * ---- Short path
 *
 * plan->shortcut tells that the plan is of a shape that needs no vectors:
 * reading, changing or deleting the row of one unique key, or inserting
 * VALUES. It points at nodes of the ordinary tree.
 */
#ifndef SQL_PLAN_H
#define SQL_PLAN_H

#include "sql/tree.h"

enum plan_node_kind {
    NODE_RESULT,
    NODE_VALUES,
    NODE_SOURCE,
    NODE_FUNC_SCAN,
    NODE_SEQ_SCAN,
    NODE_INDEX_SCAN,
    NODE_FILTER,
    NODE_PROJECT,
    NODE_NEST_LOOP,
    NODE_HASH_JOIN,
    NODE_LOOKUP_JOIN,
    NODE_AGG,
    NODE_SORT,
    NODE_UNIQUE,
    NODE_LIMIT,
    NODE_APPEND,
    NODE_LOCK_ROWS,
    NODE_INSERT,
    NODE_UPDATE,
    NODE_DELETE,
};

struct plan_col_ref {
    uint8_t input;
    uint16_t col;
};

struct sort_key {
    uint16_t col;
    bool descending, nulls_first;
};

/*
 * Which part of an index: `neq` leading columns equal to eq[], then either the next column equal to one of in[] (values
 * that are equal count once), or a range of the next column. A key that is NULL finds nothing. Every key expression has the
 * representation and the meaning of its index column (integers of any width are the same there).
 */
struct index_key {
    uint16_t index; /* index into table->index */
    uint16_t neq;
    struct expr **eq;
    uint16_t nin;
    struct expr **in;
    struct expr *lower, *upper; /* in the order of values, whatever the column's direction; NULL: open */
    bool lower_exclusive, upper_exclusive;
    bool unique; /* all columns of a unique index are equal to something: at most one row (nin == 0) */
    struct expr_list cond; /* the same as conditions on the row found (entries may be stale): input 0 = attnum[]; in a look-up join 0 = left, 1 = attnum[] */
};

/* One table whose rows are locked or changed, as columns of the child's row. */
struct row_target {
    uint16_t rel; /* index into plan->rel */
    uint16_t rowid_col; /* the child's column with its rowid (TYPE_ROWID); NULL there: no row (outer join) */
    int16_t *col_of; /* by attnum - 1: the child's column that has the value, -1: not carried */
    enum wait_policy wait;
};

enum agg_strategy {
    AGG_PLAIN, /* one group, also without rows */
    AGG_HASH,
    AGG_SORTED, /* the child is ordered by the group's columns */
};

struct plan_node {
    enum plan_node_kind kind;
    uint16_t id; /* 0..plan->nnodes-1, for counters of EXPLAIN ANALYZE */
    uint16_t ncols;
    oid_t *col_type;
    double startup_cost, total_cost, rows;
    uint32_t width;
    struct plan_node *left, *right; /* NULL: none */
    struct expr *filter; /* NULL: none. Outer joins: applied to what the join gives */
    union {
        struct { /* RESULT, PROJECT */
            struct expr **expr;
        } project;
        struct {
            uint32_t nrows;
            struct expr ***row; /* row[r][c] */
        } values;
        struct {
            enum set_func fn;
            struct expr_list args;
            const char *name; /* alias */
        } func;
        struct { /* SEQ_SCAN, INDEX_SCAN */
            uint16_t rel; /* index into plan->rel */
            const char *name; /* alias, for EXPLAIN */
            int16_t *attnum; /* one a column; VAR_ROWID: the row's address */
            struct index_key key; /* INDEX_SCAN */
            bool backward; /* INDEX_SCAN: against the index's order */
        } scan;
        struct { /* NEST_LOOP, HASH_JOIN, LOOKUP_JOIN. The right child of a NEST_LOOP does not depend on the left row unless `correlated` */
            enum join_type type; /* INNER, LEFT, FULL (hash only), SEMI, ANTI; RIGHT (hash only): right rows without partner come with NULLs */
            struct plan_col_ref *out;
            struct expr *on; /* further join condition; NULL: none */
            uint16_t nkeys; /* HASH_JOIN: pairs that must be equal; NULLs are equal to nothing */
            struct expr **left_key, **right_key;
            const struct func **eq; /* equality of each pair; hash values of the two types agree (same type->hash) */
            oid_t *key_type; /* type whose hash and cmp serve for both sides */
            /* NEST_LOOP: the right child runs again for each left row, with these exec params set from it (LATERAL) */
            uint16_t ncorrelated;
            uint16_t *exec_param;
            uint16_t *left_col;
            /* LOOKUP_JOIN: the table that is looked up */
            uint16_t rel;
            const char *name;
            uint16_t nattnum;
            int16_t *attnum;
            struct index_key key;
        } join;
        struct {
            enum agg_strategy strategy;
            uint16_t ngroup;
            struct expr **group;
            uint16_t nagg;
            struct agg_call *agg;
        } agg;
        struct {
            uint16_t nkeys;
            struct sort_key *key;
            uint16_t npresorted; /* leading keys by which the input is ordered already */
            struct expr *limit, *offset; /* top-N: no more than limit + offset rows are wanted; NULL: all */
        } sort;
        struct { /* neighbouring rows equal in these columns: the first counts */
            uint16_t nkeys;
            uint16_t *col;
        } unique;
        struct {
            struct expr *limit, *offset; /* bigint; NULL, or a NULL value: none; negative: 2201W, 2201X */
        } limit;
        struct {
            uint16_t n;
            struct plan_node **child;
        } append;
        struct {
            uint16_t n;
            struct row_target *target;
            struct expr *recheck; /* after waiting for a row that changed: still wanted? NULL: yes */
        } lock;
        struct { /* INSERT, UPDATE, DELETE */
            struct row_target target; /* INSERT: rel alone; its child gives one column a table column, by attnum - 1 */
            struct expr **set; /* UPDATE: by attnum - 1, NULL: keeps its value */
            struct expr *recheck; /* as in lock */
            uint16_t nchecks;
            struct check_expr *check; /* FALSE: 23514 */
            uint16_t nreturning;
            struct expr **returning; /* also node->ncols, col_type */
            bool *index_changes; /* UPDATE: by index: one of its columns is set */
            bool counts; /* the command's row count */
        } modify;
    };
};

/* A sub-query in an expression. */
struct subplan {
    struct plan_node *root;
    enum sublink_kind kind;
    /*
     * Correlated: runs again whenever a value differs. exec_param[i] is set to the value of arg[i], an expression over the row
     * where the EXPR_SUBPLAN stands. ncorrelated == 0: runs once; ANY is best kept as a hash table of the column.
     */
    uint16_t ncorrelated;
    uint16_t *exec_param;
    struct expr **arg;
    bool may_hash; /* ANY with =, uncorrelated */
};

enum plan_shortcut_kind {
    SHORTCUT_NONE,
    SHORTCUT_POINT_SELECT, /* [project] <- [lock] <- scan (unique key) */
    SHORTCUT_POINT_UPDATE, /* modify <- scan */
    SHORTCUT_POINT_DELETE,
    SHORTCUT_INSERT_VALUES, /* modify <- values */
};

struct plan_shortcut {
    enum plan_shortcut_kind kind;
    struct plan_node *project, *lock, *scan, *modify, *values; /* NULL where there is none */
};

struct plan {
    struct arena *arena;
    struct catalog *catalog;
    enum query_command command;
    uint64_t generation; /* of the catalogue that it was made under */
    uint16_t nrels;
    struct tree_rel *rel; /* definitions are referenced until plan_free() */
    uint16_t nparams;
    oid_t *param_type;
    uint16_t ncols; /* of the result set; 0: none */
    struct result_column *col; /* the root gives these columns first (and junk behind them never: the root projects) */
    struct plan_node *root;
    uint16_t nnodes;
    uint16_t nsubplans;
    struct subplan *subplan;
    uint16_t nexec_params;
    oid_t *exec_param_type;
    uint16_t nonce; /* slots of EXPR_ONCE */
    uint16_t ncase_tests; /* ids of CASE tests are below it */
    bool read_only; /* no INSERT, UPDATE, DELETE, FOR UPDATE, nor volatile function that may write (nextval, setval) */
    struct plan_shortcut shortcut;
    const char *text; /* the statement; EXPR locations point into it */
    uint32_t text_len;
};

#endif
