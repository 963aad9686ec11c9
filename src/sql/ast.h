/*
 * What a statement says, before any name in it has been looked up: the
 * parser's output. Made by parse/ from PostgreSQL's raw tree, in one arena;
 * immutable afterwards, so a prepared statement keeps it and analyses it
 * again after the dictionary has changed.
 *
 * `location` is a byte offset into the text that was parsed (-1: unknown);
 * sql_position() turns it into what clients are told.
 */
#ifndef SQL_AST_H
#define SQL_AST_H

#include "base/arena.h"
#include "base/datum.h"
#include "base/diag.h"

struct ast_expr;
struct ast_select;
struct ast_stmt;

struct ast_exprs {
    uint32_t n;
    struct ast_expr **v;
};
struct ast_names {
    uint32_t n;
    const char **v;
};

/* "schema.name AS alias (columns)" */
struct ast_range {
    const char *schema; /* NULL: search path */
    const char *name;
    const char *alias; /* NULL: none */
    struct ast_names columns;
    int location;
};

struct ast_type {
    const char *schema; /* NULL or pg_catalog */
    const char *name; /* pg_type name where the grammar knows it: int4 */
    struct ast_exprs typmods;
    bool is_array, is_setof;
    int location;
};

/* ---- expressions ---------------------------------------------------------- */

enum ast_expr_kind {
    AST_COLUMN, /* [schema.][table.]column, or ending in * */
    AST_PARAM,
    AST_NULL,
    AST_INTEGER, /* fits an int4 */
    AST_NUMBER, /* any other number, as text */
    AST_BOOLEAN,
    AST_STRING, /* 'text' of unknown type */
    AST_FUNC,
    AST_OP, /* operator by name; left is NULL for a prefix operator */
    AST_OP_ANY, /* left op ANY/ALL (array) */
    AST_IN, /* left [NOT] IN (list) */
    AST_BETWEEN,
    AST_DISTINCT_FROM,
    AST_NULLIF,
    AST_AND,
    AST_OR,
    AST_NOT,
    AST_IS_NULL,
    AST_BOOL_TEST,
    AST_CASE,
    AST_COALESCE,
    AST_GREATEST,
    AST_LEAST,
    AST_CAST,
    AST_COLLATE,
    AST_SUBLINK,
    AST_ROW,
    AST_ARRAY,
    AST_VALUE_FUNC, /* CURRENT_DATE and the like */
    AST_DEFAULT, /* the word DEFAULT where a value stands */
    AST_UNSUPPORTED, /* text names the construct: an error when it is analysed */
};

enum ast_sublink { AST_EXISTS, AST_ANY, AST_ALL, AST_SCALAR, AST_ARRAY_OF };
enum ast_bool_test { AST_IS_TRUE, AST_IS_NOT_TRUE, AST_IS_FALSE, AST_IS_NOT_FALSE, AST_IS_UNKNOWN, AST_IS_NOT_UNKNOWN };

struct ast_sort {
    struct ast_expr *expr;
    bool descending;
    bool nulls_given, nulls_first;
    bool using_operator; /* ORDER BY x USING op: not supported */
    int location;
};
struct ast_sorts {
    uint32_t n;
    struct ast_sort *v;
};

struct ast_expr {
    enum ast_expr_kind kind;
    int location;
    union {
        struct { /* COLUMN */
            struct ast_names name;
            bool star;
        } column;
        int param;
        int64_t integer;
        bool boolean;
        struct str text; /* STRING, NUMBER, UNSUPPORTED */
        struct { /* FUNC */
            const char *schema, *name;
            struct ast_exprs args;
            struct ast_sorts order;
            struct ast_expr *filter;
            bool star, distinct, variadic, within_group, over, named_args;
        } func;
        struct { /* OP, OP_ANY, IN, BETWEEN (args), DISTINCT_FROM, NULLIF */
            const char *schema, *name;
            struct ast_expr *left, *right;
            struct ast_exprs list; /* IN: the list; BETWEEN: the two bounds */
            bool negated; /* NOT IN, NOT BETWEEN, IS NOT DISTINCT FROM */
            bool all; /* OP_ANY: ALL */
            bool symmetric; /* BETWEEN SYMMETRIC */
        } op;
        struct ast_exprs list; /* AND, OR, COALESCE, GREATEST, LEAST, ROW, ARRAY */
        struct ast_expr *arg; /* NOT */
        struct { /* IS_NULL, BOOL_TEST, COLLATE */
            struct ast_expr *arg;
            bool negated;
            enum ast_bool_test test;
            const char *collation;
        } test;
        struct { /* CASE */
            struct ast_expr *arg; /* NULL: searched CASE */
            uint32_t n;
            struct ast_expr **when, **then;
            int *when_location; /* of each WHEN */
            struct ast_expr *els; /* NULL: none */
        } cases;
        struct { /* CAST */
            struct ast_expr *arg;
            struct ast_type type;
        } cast;
        struct { /* SUBLINK */
            enum ast_sublink kind;
            struct ast_expr *test; /* ANY, ALL: left side */
            const char *op; /* NULL: = of IN */
            struct ast_select *select;
        } sublink;
        struct { /* VALUE_FUNC */
            const char *name; /* "current_timestamp" */
            int32_t precision; /* -1: none */
        } value_func;
    };
};

/* ---- SELECT ----------------------------------------------------------------- */

struct ast_target {
    const char *name; /* AS name, or the column in INSERT and UPDATE; NULL: none */
    struct ast_expr *expr;
    bool indirection; /* col[1] or col.field: not supported */
    int location;
};
struct ast_targets {
    uint32_t n;
    struct ast_target *v;
};

enum ast_from_kind { AST_FROM_TABLE, AST_FROM_SUBQUERY, AST_FROM_FUNC, AST_FROM_JOIN };
enum ast_join { AST_JOIN_INNER, AST_JOIN_LEFT, AST_JOIN_RIGHT, AST_JOIN_FULL };

struct ast_from {
    enum ast_from_kind kind;
    int location;
    bool lateral;
    struct ast_range range; /* TABLE: all; SUBQUERY, FUNC, JOIN: alias and columns */
    struct ast_select *subquery;
    struct ast_expr *func;
    enum ast_join join;
    bool natural;
    struct ast_from *left, *right;
    struct ast_names using_columns;
    struct ast_expr *on; /* NULL: none */
    bool with_ordinality;
};

struct ast_locking {
    bool share; /* FOR SHARE, FOR KEY SHARE */
    const char *strength; /* "UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE" */
    bool nowait, skip_locked;
    uint32_t n; /* OF these; 0: all */
    struct ast_range *tables;
};

struct ast_cte {
    const char *name;
    struct ast_names columns;
    struct ast_stmt *stmt;
    int location;
};
struct ast_with {
    bool recursive;
    uint32_t n;
    struct ast_cte *v;
    int location;
};

enum ast_setop { AST_SETOP_NONE, AST_UNION, AST_INTERSECT, AST_EXCEPT };

struct ast_select {
    int location;
    enum ast_setop setop;
    bool all; /* of the set operation */
    struct ast_select *left, *right; /* of the set operation */
    uint32_t nvalues; /* VALUES: rows */
    struct ast_exprs *values;
    struct ast_targets targets;
    bool distinct;
    struct ast_exprs distinct_on;
    uint32_t nfrom;
    struct ast_from **from;
    struct ast_expr *where;
    struct ast_exprs group_by;
    struct ast_expr *grouping_sets; /* ROLLUP and the like: not supported */
    struct ast_expr *having;
    bool has_window;
    struct ast_sorts order;
    struct ast_expr *limit, *offset;
    bool with_ties;
    uint32_t nlocking;
    struct ast_locking *locking;
    struct ast_with *with; /* NULL: none */
    bool into; /* SELECT INTO: not supported */
};

/* ---- INSERT, UPDATE, DELETE ---------------------------------------------------- */

struct ast_insert {
    struct ast_range table;
    struct ast_targets columns; /* n == 0: all */
    struct ast_select *select; /* NULL: DEFAULT VALUES */
    struct ast_targets returning;
    struct ast_with *with;
    bool on_conflict;
    int on_conflict_location;
    bool overriding;
};
struct ast_update {
    struct ast_range table;
    struct ast_targets set;
    uint32_t nfrom;
    struct ast_from **from;
    struct ast_expr *where;
    struct ast_targets returning;
    struct ast_with *with;
};
struct ast_delete {
    struct ast_range table;
    uint32_t nfrom; /* USING */
    struct ast_from **from;
    struct ast_expr *where;
    struct ast_targets returning;
    struct ast_with *with;
};

/* ---- data definition -------------------------------------------------------------- */

/* "name = value": WITH (...), COPY, VACUUM, EXPLAIN, sequence options */
struct ast_option {
    const char *name;
    const char *value; /* as text; NULL: the name alone */
    bool is_integer;
    int64_t integer;
    bool has_list; /* a list of names, or * */
    struct ast_names list;
    bool star;
    int location;
};
struct ast_options {
    uint32_t n;
    struct ast_option *v;
};

enum ast_constraint_kind {
    AST_CONSTR_NULL,
    AST_CONSTR_NOT_NULL,
    AST_CONSTR_DEFAULT,
    AST_CONSTR_PRIMARY,
    AST_CONSTR_UNIQUE,
    AST_CONSTR_CHECK,
    AST_CONSTR_FOREIGN,
    AST_CONSTR_OTHER, /* `what` names it */
};
struct ast_constraint {
    enum ast_constraint_kind kind;
    const char *name; /* NULL: none */
    const char *what;
    struct ast_expr *expr; /* DEFAULT, CHECK */
    struct ast_names keys; /* of a table constraint */
    const char *using_index; /* PRIMARY KEY USING INDEX i: not supported */
    struct ast_options with;
    bool deferrable, not_valid;
    struct ast_range ref; /* FOREIGN */
    struct ast_names ref_keys;
    int location;
};
struct ast_constraints {
    uint32_t n;
    struct ast_constraint *v;
};

struct ast_column_def {
    const char *name;
    struct ast_type type;
    struct ast_constraints constraints;
    const char *collation;
    bool unsupported_storage; /* COMPRESSION, OPTIONS ... */
    int location;
};

struct ast_create_table {
    struct ast_range table;
    bool if_not_exists;
    bool temporary, unlogged;
    uint32_t ncols;
    struct ast_column_def *cols;
    struct ast_constraints constraints;
    struct ast_options with;
    const char *unsupported; /* INHERITS, PARTITION BY, OF type, LIKE, AS ...: what, or NULL */
    const char *tablespace; /* pg_default is accepted */
    const char *access_method;
};

enum ast_alter_kind {
    AST_ADD_COLUMN,
    AST_ADD_CONSTRAINT,
    AST_DROP_CONSTRAINT,
    AST_SET_NOT_NULL,
    AST_DROP_NOT_NULL,
    AST_COLUMN_DEFAULT, /* expr NULL: DROP DEFAULT */
    AST_ALTER_OTHER, /* `what` names it */
};
struct ast_alter_cmd {
    enum ast_alter_kind kind;
    const char *name; /* column or constraint */
    const char *what;
    bool missing_ok, cascade;
    struct ast_column_def *column;
    struct ast_constraint *constraint;
    struct ast_expr *expr;
};
struct ast_alter_table {
    struct ast_range table;
    bool if_exists;
    uint32_t n;
    struct ast_alter_cmd *v;
};

struct ast_index_column {
    const char *name; /* NULL: an expression */
    struct ast_expr *expr;
    bool descending, nulls_given, nulls_first;
    const char *opclass, *collation;
};
struct ast_create_index {
    const char *name; /* NULL: chosen */
    struct ast_range table;
    const char *method; /* btree */
    bool unique, if_not_exists, concurrently, nulls_not_distinct;
    uint32_t ncols, nincluding;
    struct ast_index_column *cols;
    struct ast_expr *where;
    struct ast_options with;
};

enum ast_object { AST_OBJ_TABLE, AST_OBJ_INDEX, AST_OBJ_SEQUENCE, AST_OBJ_OTHER };
struct ast_drop {
    enum ast_object object;
    const char *what; /* "VIEW" for AST_OBJ_OTHER */
    bool if_exists, cascade, concurrently;
    uint32_t n;
    struct ast_range *names;
};

struct ast_truncate {
    uint32_t n;
    struct ast_range *tables;
    bool restart_identity, cascade;
};

struct ast_sequence {
    struct ast_range name;
    bool if_not_exists, temporary;
    struct ast_options options; /* start, increment, minvalue, maxvalue, cache, cycle, owned_by, as, restart */
};

/* ---- sessions and transactions ---------------------------------------------------- */

enum ast_txn_kind {
    AST_TXN_BEGIN,
    AST_TXN_START,
    AST_TXN_COMMIT,
    AST_TXN_ROLLBACK,
    AST_TXN_SAVEPOINT,
    AST_TXN_RELEASE,
    AST_TXN_ROLLBACK_TO,
    AST_TXN_OTHER, /* PREPARE TRANSACTION and its like */
};
struct ast_txn {
    enum ast_txn_kind kind;
    const char *name; /* of the savepoint */
    bool chain;
    struct ast_options modes; /* transaction_isolation, transaction_read_only ("true"/"false"), transaction_deferrable */
};

enum ast_set_kind { AST_SET_VALUE, AST_SET_DEFAULT, AST_SET_CURRENT, AST_SET_MULTI, AST_RESET, AST_RESET_ALL };
struct ast_set {
    enum ast_set_kind kind;
    const char *name; /* MULTI: "TRANSACTION", "SESSION CHARACTERISTICS" */
    bool local;
    struct ast_options values; /* VALUE: each value as text; MULTI: modes as in struct ast_txn */
};

struct ast_prepare {
    const char *name;
    uint32_t ntypes;
    struct ast_type *types;
    struct ast_stmt *stmt;
};
struct ast_execute {
    const char *name;
    struct ast_exprs args;
};

struct ast_copy {
    struct ast_range table; /* name NULL: query */
    struct ast_names columns;
    struct ast_stmt *query; /* COPY (query) TO */
    bool from;
    bool program;
    const char *filename; /* NULL: STDIN, STDOUT */
    struct ast_options options; /* old syntax is turned into the new names */
    struct ast_expr *where;
};

struct ast_explain {
    struct ast_stmt *stmt;
    struct ast_options options;
};
struct ast_vacuum {
    bool vacuum; /* false: ANALYZE alone */
    struct ast_options options; /* analyze, verbose, full, freeze ... */
    uint32_t n;
    struct ast_range *tables; /* columns of ANALYZE t (a, b) in range.columns */
};
struct ast_lock {
    uint32_t n;
    struct ast_range *tables;
    int mode; /* PostgreSQL's lock mode 1 (ACCESS SHARE) .. 8 (ACCESS EXCLUSIVE) */
    bool nowait;
};

enum ast_fetch_dir { AST_FETCH_FORWARD, AST_FETCH_BACKWARD, AST_FETCH_ABSOLUTE, AST_FETCH_RELATIVE };
#define AST_FETCH_ALL INT64_MAX
struct ast_fetch {
    const char *cursor;
    enum ast_fetch_dir dir;
    int64_t count;
    bool move;
};
struct ast_declare {
    const char *name;
    bool scroll, no_scroll, hold, binary, insensitive;
    struct ast_stmt *query;
};

/* ---- a statement -------------------------------------------------------------------- */

enum ast_stmt_kind {
    AST_SELECT,
    AST_INSERT,
    AST_UPDATE,
    AST_DELETE,
    AST_CREATE_TABLE,
    AST_ALTER_TABLE,
    AST_CREATE_INDEX,
    AST_DROP,
    AST_TRUNCATE,
    AST_CREATE_SEQUENCE,
    AST_TXN,
    AST_SET,
    AST_SHOW, /* name: "all" too */
    AST_DISCARD, /* name: "ALL", "PLANS", "SEQUENCES", "TEMP" */
    AST_PREPARE,
    AST_EXECUTE,
    AST_DEALLOCATE, /* name NULL: ALL */
    AST_COPY,
    AST_EXPLAIN,
    AST_VACUUM,
    AST_LOCK,
    AST_DECLARE,
    AST_FETCH,
    AST_CLOSE, /* name NULL: ALL */
    AST_CHECKPOINT,
    AST_OTHER, /* unsupported statement; name: what it is */
};

struct ast_stmt {
    enum ast_stmt_kind kind;
    int location; /* first byte of the statement in the text, leading blanks skipped */
    int len; /* bytes, without the semicolon */
    const char *tag; /* PostgreSQL's command tag without counts: "SELECT", "CREATE TABLE" */
    union {
        struct ast_select *select;
        struct ast_insert *insert;
        struct ast_update *update;
        struct ast_delete *delete;
        struct ast_create_table *create_table;
        struct ast_alter_table *alter_table;
        struct ast_create_index *create_index;
        struct ast_drop *drop;
        struct ast_truncate *truncate;
        struct ast_sequence *sequence;
        struct ast_txn *txn;
        struct ast_set *set;
        struct ast_prepare *prepare;
        struct ast_execute *execute;
        struct ast_copy *copy;
        struct ast_explain *explain;
        struct ast_vacuum *vacuum;
        struct ast_lock *lock;
        struct ast_declare *declare;
        struct ast_fetch *fetch;
        const char *name; /* SHOW, DISCARD, DEALLOCATE, CLOSE, OTHER */
    };
};

/* The statements of one text; empty for a text of blanks and comments. */
struct ast {
    const char *text; /* a copy, in the arena */
    uint32_t text_len;
    uint32_t n;
    struct ast_stmt *v;
    uint32_t nparams; /* highest $n in the text */
};

/* 1-based character (not byte) position for diag_at(); 0 for an unknown location. */
int sql_position(const char *text, size_t len, int location);

#endif
