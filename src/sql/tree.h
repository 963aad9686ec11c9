/*
 * What a statement means: names are catalogue objects, every expression has
 * a type, every function and cast is chosen. Made by analyse/, read by plan/.
 * Expressions are the executor's too: planning replaces EXPR_VAR by EXPR_COL
 * and EXPR_AGG by the column where the aggregate stands, and leaves the rest.
 *
 * Everything lives in one arena and is immutable once analysed; planning
 * copies what it changes.
 */
#ifndef SQL_TREE_H
#define SQL_TREE_H

#include "catalog/catalog.h"
#include "sql/ast.h"
#include "sql/functions/func.h"
#include "sql/session.h" /* struct result_column */

struct query;
struct subplan; /* sql/plan.h */

/* ---- expressions ---------------------------------------------------------- */

enum expr_kind {
    EXPR_CONST,
    EXPR_PARAM, /* $n, bound when the plan runs */
    EXPR_VAR, /* analysed tree only: column of a range table entry */
    EXPR_COL, /* plan only: column of an input row */
    EXPR_EXEC_PARAM, /* plan only: value of the outer row that a correlated sub-plan runs for */
    EXPR_ONCE, /* plan only: same for all rows of one execution; evaluated when first needed, then kept */
    EXPR_FUNC, /* function or operator */
    EXPR_CAST,
    EXPR_TYPMOD, /* length or precision of `type` and `typmod` applied to a value that is of the type already */
    EXPR_AND, /* two or more arguments; three-valued, stops at the first FALSE */
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL,
    EXPR_BOOL_TEST, /* IS [NOT] TRUE/FALSE/UNKNOWN */
    EXPR_DISTINCT, /* IS [NOT] DISTINCT FROM */
    EXPR_NULLIF,
    EXPR_CASE,
    EXPR_CASE_TEST, /* within CASE x WHEN: the value of x */
    EXPR_COALESCE,
    EXPR_GREATEST, /* by the type's order; NULLs are passed over */
    EXPR_LEAST,
    EXPR_IN, /* x IN (list) with one comparison function: x = ANY, or x <> ALL */
    EXPR_AGG, /* analysed tree only: in the list of targets, HAVING and ORDER BY of a query with grouping */
    EXPR_SUBLINK, /* analysed tree only: sub-query in an expression */
    EXPR_SUBPLAN, /* plan only: the same, planned */
};

struct expr_list {
    uint32_t n;
    struct expr **v;
};

/* One aggregate call. */
struct agg_call {
    const struct aggregate *agg;
    struct expr *arg; /* NULL: count(*) */
    struct expr *arg2; /* second argument (string_agg); NULL: none */
    struct expr *filter; /* NULL: none */
    bool distinct;
};

enum sublink_kind {
    SUBLINK_SCALAR, /* its one row's one column; NULL when there is no row; 21000 when there are more */
    SUBLINK_EXISTS,
    SUBLINK_ANY, /* test <cmp> ANY (sub-query), three-valued; IN has cmp = */
    SUBLINK_ALL,
};

struct expr {
    enum expr_kind kind;
    oid_t type; /* of the result */
    int32_t typmod; /* -1: none */
    int location; /* byte offset in the statement's text, -1: unknown */
    union {
        struct { /* CONST */
            union datum v;
            bool null;
        } c;
        uint16_t param; /* PARAM: number, from 1 */
        struct { /* VAR */
            uint16_t rte; /* index into query->rte */
            uint16_t up; /* 0: of this query, 1: of the one around it, ... */
            int16_t col; /* from 1: position in the entry's columns (attnum for a table); VAR_ROWID */
        } var;
        struct { /* COL */
            uint8_t input; /* 0: the row, or the left one of a join; 1: the right one. plan.h says what a node's inputs are */
            uint16_t col; /* from 0 */
        } col;
        uint16_t exec_param; /* EXEC_PARAM: index into the execution's values, from 0 */
        struct { /* ONCE */
            uint16_t slot; /* index into the execution's kept values, from 0 */
            struct expr *arg;
        } once;
        struct { /* FUNC */
            const struct func *fn;
            const struct operator *op; /* NULL: called by name; for printing and for the planner */
            struct expr_list args;
        } func;
        struct { /* CAST */
            const struct cast *cast; /* cast->fn NULL: same bits */
            struct expr *arg;
            bool is_explicit; /* written by the user */
        } cast;
        struct { /* TYPMOD */
            struct expr *arg;
            bool is_explicit; /* CAST: truncates silently; assignment: an error */
        } typmod_of;
        struct expr_list args; /* AND, OR, COALESCE, GREATEST, LEAST */
        struct expr *arg; /* NOT */
        struct { /* IS_NULL, BOOL_TEST */
            struct expr *arg;
            bool negated; /* IS NOT NULL */
            enum ast_bool_test test;
        } test;
        struct { /* DISTINCT, NULLIF: fn is the equality of the two arguments' types */
            const struct func *fn;
            const struct operator *op;
            struct expr *left, *right; /* NULLIF returns left */
            bool negated; /* IS NOT DISTINCT FROM */
        } pair;
        struct { /* CASE */
            struct expr *test; /* NULL: searched CASE. Otherwise evaluated once; the arms' conditions have EXPR_CASE_TEST */
            uint16_t id; /* of its test, from 0 in a statement */
            uint32_t n;
            struct expr **when, **then;
            struct expr *els; /* never NULL: a NULL constant where there was none */
        } cases;
        uint16_t case_test; /* CASE_TEST: id of the CASE whose test it stands for */
        struct { /* IN */
            const struct func *fn; /* = or <> over (type of test, type of the elements) */
            const struct operator *op;
            struct expr *test;
            struct expr_list list; /* all of one type */
            bool negated; /* NOT IN: fn is <>, the results are ANDed; otherwise ORed */
        } in;
        struct agg_call agg;
        struct { /* SUBLINK */
            enum sublink_kind kind;
            struct query *query;
            struct expr *test; /* ANY, ALL; coerced */
            struct expr *column; /* ANY, ALL: what the sub-query's column becomes: an EXPR_COL(0, 0), perhaps cast */
            const struct func *fn;
            const struct operator *op;
        } sublink;
        struct { /* SUBPLAN */
            enum sublink_kind kind;
            uint16_t no; /* index into plan->subplan */
            struct expr *test;
            struct expr *column; /* over input 0: a row of the sub-plan */
            const struct func *fn;
            const struct operator *op;
        } subplan;
    };
};

#define VAR_ROWID ((int16_t)-1)
#define TYPE_ROWID 27u /* a struct rowid as an integer; not a type that users see */

/* Representation of a column of this type, TYPE_ROWID included. */
static inline enum datum_rep type_rep(oid_t type)
{
    const struct type *t = type_by_oid(type);
    return t ? t->rep : REP_INT;
}

/* ---- queries ----------------------------------------------------------------- */

/* A table of the statement: locked and referenced since its analysis. */
struct tree_rel {
    struct table_def *def;
    enum ges_mode lock; /* TM mode that the statement takes; taken again by each execution */
};

enum rte_kind { RTE_TABLE, RTE_SUBQUERY, RTE_FUNC, RTE_VALUES, RTE_SOURCE };

struct rte_col {
    const char *name;
    oid_t type;
    int32_t typmod;
    bool dropped; /* of the table: no name finds it */
};

/* Functions that make rows; there are few enough to be named. */
enum set_func { SET_GENERATE_SERIES };

struct rte {
    enum rte_kind kind;
    const char *name; /* alias, or the table's name; what errors and EXPLAIN say */
    bool has_alias;
    uint16_t ncols;
    struct rte_col *col; /* a table's: by attnum - 1 */
    bool lateral; /* refers to earlier entries */
    union {
        uint16_t rel; /* TABLE: index into tree->rel */
        struct query *query; /* SUBQUERY */
        struct { /* FUNC: one column (the value) */
            enum set_func fn;
            struct expr_list args; /* of the column's type: integer or bigint */
        } func;
        struct { /* VALUES */
            uint32_t nrows;
            struct expr ***row; /* row[r][c] */
        } values;
        /* SOURCE (COPY FROM): rows that the executor is handed, with these columns */
    };
};

enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI }; /* the last two come from planning */

/* What FROM says: a tree of joins over range table entries. */
struct from {
    bool is_join;
    uint16_t rte; /* !is_join */
    enum join_type type;
    struct from *left, *right;
    struct expr *on; /* NULL: none */
};

struct target {
    struct expr *expr;
    const char *name; /* name of the result column */
    bool junk; /* for ORDER BY or DISTINCT only, not part of the result */
    oid_t table; /* column of which table; 0: none */
    int16_t attnum;
};

struct order {
    uint16_t target; /* index into targets */
    bool descending, nulls_first;
};

enum wait_policy { WAIT_BLOCK, WAIT_ERROR, WAIT_SKIP };
struct row_mark {
    uint16_t rte;
    enum wait_policy wait;
};

enum query_command { QUERY_SELECT, QUERY_INSERT, QUERY_UPDATE, QUERY_DELETE };
enum distinct_kind { DISTINCT_NONE, DISTINCT_ALL, DISTINCT_ON };

struct check_expr {
    const char *name;
    struct expr *expr; /* Vars of the result entry */
};

struct query {
    enum query_command command;
    uint16_t nrte;
    struct rte **rte;
    struct from *from; /* NULL: none (one row without columns) */
    struct expr *where;
    /*
     * SELECT: the result. INSERT: one a column of the table, in attnum order (dropped ones are NULL constants).
     * UPDATE: the columns that are set, `attnum` names them. DELETE: none.
     */
    uint16_t ntargets;
    struct target *target;
    bool has_aggs;
    bool has_sublinks;
    struct expr_list group; /* GROUP BY */
    bool grouped; /* GROUP BY, HAVING or aggregates */
    struct expr *having;
    enum distinct_kind distinct;
    uint16_t ndistinct; /* DISTINCT ON: targets; they begin the order */
    uint16_t *distinct_target;
    uint16_t norder;
    struct order *order;
    struct expr *limit, *offset; /* bigint; no Vars */
    uint16_t nmarks;
    struct row_mark *mark;

    /* UNION and the like: the leaves' columns are coerced to target's types; order, limit and offset above apply. target: Vars of rte 0 */
    enum ast_setop setop;
    bool setop_all;
    struct query *left, *right;

    /* INSERT, UPDATE, DELETE */
    uint16_t result; /* the rte that is changed */
    uint16_t nchecks;
    struct check_expr *check;
    uint16_t nreturning;
    struct target *returning;
};

/* An analysed statement: the query, the tables it uses, its parameters, its result. */
struct tree {
    struct arena *arena; /* the analyser's caller owns it */
    struct query *query;
    uint16_t nrels;
    struct tree_rel *rel;
    uint16_t nparams;
    oid_t *param_type;
    uint16_t ncols; /* 0: no result set */
    struct result_column *col;
    uint16_t ncase_tests; /* ids of CASE tests are below it */
    uint64_t generation; /* of the catalogue when analysis began */
    const char *text; /* for positions of errors at execution; in the arena */
    uint32_t text_len;
};

/* ---- data definition ------------------------------------------------------------- */

enum ddl_kind {
    DDL_CREATE_TABLE,
    DDL_ALTER_TABLE,
    DDL_CREATE_INDEX,
    DDL_DROP_TABLE,
    DDL_DROP_INDEX,
    DDL_DROP_SEQUENCE,
    DDL_TRUNCATE,
    DDL_CREATE_SEQUENCE,
    DDL_VACUUM,
    DDL_LOCK,
};

enum alter_kind {
    ALTER_ADD_COLUMN,
    ALTER_ADD_INDEX, /* PRIMARY KEY or UNIQUE */
    ALTER_DROP_CONSTRAINT,
    ALTER_SET_NOT_NULL, /* the executor looks at the rows: 23502 */
    ALTER_DROP_NOT_NULL,
    ALTER_SET_DEFAULT, /* default_sql NULL: none */
    ALTER_ADD_CHECK,
};

struct alter_cmd {
    enum alter_kind kind;
    struct new_column column; /* ADD_COLUMN */
    struct expr *column_default; /* ADD_COLUMN: NULL: none; of the column's type */
    bool missing_ok;
    struct new_index index; /* ADD_INDEX */
    struct check_def check; /* ADD_CHECK ... */
    struct check_expr check_expr; /* ... over EXPR_COL(0, attnum - 1), for looking at the rows */
    const char *constraint; /* DROP_CONSTRAINT */
    int16_t attnum;
    const char *default_sql;
};

/* Statistics and vacuum of one table. */
struct vacuum_target {
    struct table_def *table;
    uint16_t ncols; /* ANALYZE of these columns alone; 0: all */
    int16_t *attnum;
};

struct ddl {
    enum ddl_kind kind;
    struct arena *arena;
    const char *tag;
    uint16_t nrels; /* tables locked and referenced; ddl_release() lets go of the references */
    struct tree_rel *rel;
    uint16_t nnotices; /* NOTICE messages: 'table "t" does not exist, skipping' */
    const char **notice;
    enum err notice_err; /* their SQLSTATE */
    bool skip; /* IF [NOT] EXISTS decided that nothing is to be done */
    union {
        struct new_table create_table; /* indexes with is_constraint are those of PRIMARY KEY and UNIQUE */
        struct {
            struct table_def *table;
            uint16_t n;
            struct alter_cmd *cmd;
        } alter;
        struct {
            struct table_def *table;
            struct new_index def;
        } create_index;
        struct {
            uint16_t n;
            struct table_def **table; /* DROP TABLE, TRUNCATE; DROP INDEX: the index's table */
            oid_t *oid; /* of what is dropped */
            bool restart_identity;
        } drop;
        struct {
            const char *schema, *name;
            struct sequence_def def;
            oid_t owner_table; /* OWNED BY; 0 none */
            int16_t owner_attnum;
        } sequence;
        struct {
            bool vacuum, analyze, verbose, full;
            uint16_t n; /* 0: all tables of users */
            struct vacuum_target *target;
        } vacuum;
        /* LOCK: the locks are taken when this exists */
    };
};

/* ---- COPY ---------------------------------------------------------------------------- */

enum copy_format { COPY_TEXT, COPY_CSV, COPY_BINARY };

/*
 * FROM: tree is an INSERT whose rows come from its one RTE_SOURCE, with these columns; the executor parses lines into them.
 * TO: tree is a SELECT.
 */
struct copy {
    bool from;
    struct tree *tree;
    enum copy_format format;
    bool header, header_match;
    char delimiter, quote, escape;
    const char *null_text;
    bool *force_quote, *force_not_null, *force_null; /* one a column; NULL: none */
    uint16_t ncols;
    struct result_column *col;
};

#endif
