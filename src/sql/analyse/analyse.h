/*
 * From what a statement says to what it means: catalogue look-ups,
 * PostgreSQL's rules of types and names, inference of parameter types.
 *
 * Analysis takes the TM lock of each table that it meets and keeps the
 * definitions referenced in the tree: tree_release(), or plan_make(), which
 * takes them over, lets go of them.
 *
 * Runs on a large stack; nesting is bounded by the parser.
 */
#ifndef SQL_ANALYSE_ANALYSE_H
#define SQL_ANALYSE_ANALYSE_H

#include "sql/tree.h"

struct analyse_env {
    struct arena *arena; /* the result lives here */
    struct catalog *catalog;
    struct txn *txn;
    struct session *session; /* passed to functions that are evaluated early; may be NULL */
    struct type_ctx types; /* how literals are read; its arena is not used */
};

/* Types of $1..$n: given by the client (0: not given), completed by the analysis. */
struct param_types {
    uint16_t n;
    const oid_t *type;
};

/* SELECT, INSERT, UPDATE, DELETE (of ast->text). ERR_FEATURE names what is not supported and where. */
enum err analyse_query(const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *stmt, const struct param_types *params,
                       struct tree **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* CREATE, ALTER, DROP, TRUNCATE, VACUUM, ANALYZE, LOCK: is it one of these, and what does it mean. */
bool analyse_is_ddl(const struct ast_stmt *stmt);
enum err analyse_ddl(const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *stmt, struct ddl **ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err analyse_copy(const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *stmt, struct copy **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The value of EXECUTE's argument for a parameter of this type: a row-independent expression. */
enum err analyse_argument(const struct analyse_env *env, const struct ast *ast, const struct ast_expr *e, oid_t type, uint16_t no, struct expr **ret,
                          struct diag *d) MAY_YIELD MUST_CHECK;
/* A type name as in PREPARE p(int, text). */
enum err analyse_type(const struct analyse_env *env, const struct ast *ast, const struct ast_type *t, oid_t *ret, int32_t *ret_typmod, struct diag *d) MUST_CHECK;

void tree_release(struct catalog *c, struct tree *t); /* accepts NULL; references only: the memory is the arena's */
void ddl_release(struct catalog *c, struct ddl *ddl);

/*
 * SQL text of an expression without sub-queries, as PostgreSQL prints it (pg_get_expr): stored defaults, EXPLAIN. name() writes the column
 * that an EXPR_VAR or EXPR_COL is.
 */
struct deparse {
    void *arg;
    void (*name)(void *arg, const struct expr *e, struct buf *b);
};
void expr_deparse(const struct expr *e, const struct deparse *how, struct buf *b);

/* ---- working with expressions ------------------------------------------------ */

bool expr_equal(const struct expr *a, const struct expr *b); /* locations do not count */
/* Calls fn for each direct part; stops when it returns false. Sub-queries' insides are not visited. */
bool expr_children(const struct expr *e, bool (*fn)(void *arg, const struct expr *child), void *arg);
/* Copy of the node with each direct part replaced by fn's result (NULL fails). */
struct expr *expr_map_children(struct arena *a, const struct expr *e, struct expr *(*fn)(void *arg, const struct expr *child), void *arg);
/* Each root expression of the query itself, and each query right below it in FROM or a set operation. They stop when fn returns false. */
bool query_each_expr(const struct query *q, bool (*fn)(void *arg, const struct expr *e), void *arg);
bool query_each_query(const struct query *q, bool (*fn)(void *arg, const struct query *q), void *arg);
/*
 * Each EXPR_VAR in the query, at any depth, that belongs to the query `up` levels above it (0: to itself), with the depth at which it
 * stands. The same for an expression that stands in that query.
 */
typedef bool query_var_fn(void *arg, const struct expr *var, uint16_t depth);
bool query_each_var(const struct query *q, uint16_t up, query_var_fn *fn, void *arg);
bool expr_each_var(const struct expr *e, uint16_t up, query_var_fn *fn, void *arg);

#endif
