/*
 * What the files of this folder share: the state of one analysis, and of
 * each query within it.
 *
 * A failure is reported in the diagnosis and leaves by a jump to the entry
 * point (analyse.c), which releases the definitions that were referenced; the
 * rest is the arena's.
 */
#ifndef SQL_ANALYSE_INT_H
#define SQL_ANALYSE_INT_H

#include <setjmp.h>

#include "sql/analyse/analyse.h"

/* Where in a statement an expression stands: what it may contain, and how errors name it. */
/* clang-format off */
#define AN_PLACES(X) \
    X(TARGET,    "SELECT",          true) \
    X(WHERE,     "WHERE",           false) \
    X(JOIN_ON,   "JOIN conditions", false) \
    X(HAVING,    "HAVING",          true) \
    X(GROUP_BY,  "GROUP BY",        false) \
    X(ORDER_BY,  "ORDER BY",        true) \
    X(DISTINCT_ON, "DISTINCT ON",   true) \
    X(LIMIT,     "LIMIT",           false) \
    X(OFFSET,    "OFFSET",          false) \
    X(VALUES,    "VALUES",          false) \
    X(UPDATE,    "UPDATE",          false) \
    X(RETURNING, "RETURNING",       false) \
    X(FILTER,    "FILTER",          false) \
    X(FROM_FUNC, "functions in FROM", false) \
    X(DEFAULT,   "DEFAULT expressions", false) \
    X(CHECK,     "check constraints", false) \
    X(INDEX,     "index expressions", false) \
    X(EXECUTE,   "EXECUTE parameters", false)
/* clang-format on */
enum an_place {
#define X(name, text, aggs) AN_##name,
    AN_PLACES(X)
#undef X
};

/* A table-like thing that names may refer to. */
struct ns_item {
    const char *name;
    const char *schema; /* of a table without alias; NULL: none */
    uint16_t ncols;
    const char **col_name; /* NULL: no name finds it */
    struct expr **col; /* EXPR_VARs, or what a merged column of a join is */
    bool by_table; /* t.a finds it */
    bool by_column; /* a finds it */
    bool lateral_only; /* may be seen, but only LATERAL may refer to it */
    int16_t rte; /* -1: a join */
};

/* A WITH query that may be referred to. */
struct cte_scope {
    const struct ast_cte *cte;
    const struct cte_scope *outer; /* those that it may refer to itself, too */
    struct level *at;
};

/* One query under analysis. */
struct level {
    struct level *outer;
    struct query *q;
    uint32_t rte_cap;
    struct ns_item *ns;
    uint32_t nns, ns_cap;
    const struct cte_scope *ctes;
    enum an_place place;
    bool in_agg; /* within the argument of an aggregate */
    bool lateral_ok;
    bool keep_unknown; /* columns of unknown type stay so: INSERT ... SELECT and set operations choose */
};

struct an {
    const struct analyse_env *env;
    struct arena *arena;
    const struct ast *ast;
    struct diag *d;
    jmp_buf out;
    struct tree_rel *rel;
    uint32_t nrels, rel_cap;
    bool *param_given;
    oid_t *param;
    uint32_t nparams, param_cap;
    uint16_t ncase_tests;
    bool positions; /* off while stored expressions are analysed: their text is not the statement's */
};

#define AN_NEW(an, type) ARENA_NEW((an)->arena, type)
#define AN_ARRAY(an, type, n) ARENA_ARRAY((an)->arena, type, (n) > 0 ? (n) : 1)
/* Room for one more in an array that doubles. */
#define AN_GROW(an, v, n, cap)                                                                \
    do {                                                                                      \
        if ((n) == (cap)) {                                                                   \
            const uint32_t grow_to_ = (cap) > 0 ? 2 * (cap) : 8;                              \
            void *grow_new_ = arena_zalloc((an)->arena, sizeof(*(v)) * grow_to_);             \
            if ((n) > 0)                                                                      \
                memcpy(grow_new_, (v), sizeof(*(v)) * (n));                                   \
            (v) = grow_new_;                                                                  \
            (cap) = grow_to_;                                                                 \
        }                                                                                     \
    } while (0)

/* ---- failures (analyse.c) -------------------------------------------------- */

NORETURN void an__throw(struct an *an); /* an->d says what */
NORETURN void an__fail(struct an *an, enum err err, int location, const char *fmt, ...) PRINTF(4, 5);
NORETURN void an__unsupported(struct an *an, int location, const char *what);
void an__position(struct an *an, int location); /* of the error in an->d, where it has none */
/* err from a function that was given an->d. */
void an__check(struct an *an, enum err err, int location);
const char *an__type_name(struct an *an, oid_t type);
uint16_t an__count(struct an *an, uint32_t n, const char *what); /* 16-bit counts: 54000 beyond */

/* ---- types (coerce.c) ------------------------------------------------------ */

bool an__can_coerce(oid_t from, oid_t to, enum cast_context how);
/* Fails with "cannot cast" or, as NULL, leaves the message to the caller. */
struct expr *an__try_coerce(struct an *an, struct expr *e, oid_t type, int32_t typmod, enum cast_context how, bool is_explicit, int location);
struct expr *an__coerce(struct an *an, struct expr *e, oid_t type, int32_t typmod, enum cast_context how, bool is_explicit, int location);
struct expr *an__coerce_bool(struct an *an, struct expr *e, const char *what);
struct expr *an__coerce_specific(struct an *an, struct expr *e, oid_t type, const char *what);
/* A column's value in INSERT, UPDATE, DEFAULT: 42804 with PostgreSQL's words. */
struct expr *an__coerce_assign(struct an *an, struct expr *e, const struct column_def *col, int location);
/* PostgreSQL's select_common_type(). `what` NULL: returns 0 where there is none instead of failing. */
oid_t an__common_type(struct an *an, struct expr *const *e, uint32_t n, const char *what);
struct expr *an__coerce_common(struct an *an, struct expr *e, oid_t type, const char *what);
int32_t an__common_typmod(struct expr *const *e, uint32_t n, oid_t type);
void an__type_of_ast(struct an *an, const struct ast_type *t, oid_t *ret, int32_t *ret_typmod);
/* left NULL: prefix operator */
struct expr *an__operator(struct an *an, const char *name, struct expr *left, struct expr *right, int location);
/* The operator alone for operands of these types (TYPE_UNKNOWN allowed); NULL and an error in an->d if there is none or no single one. */
const struct operator *an__find_operator(struct an *an, const char *name, oid_t left, oid_t right, int location);
struct expr *an__function(struct an *an, const char *schema, const char *name, struct expr **args, uint32_t nargs, int location);
const struct aggregate *an__find_aggregate(struct an *an, const char *name, const oid_t *args, uint32_t nargs, int location);

/* ---- expressions (expr.c, sublink.c) ---------------------------------------- */

struct expr *an__new_expr(struct an *an, enum expr_kind kind, oid_t type, int location);
struct expr *an__const(struct an *an, oid_t type, union datum v, int location);
struct expr *an__null(struct an *an, oid_t type, int location);
struct expr *an__var(struct an *an, uint16_t rte, int16_t col, oid_t type, int32_t typmod, int location);
struct expr *an__expr(struct an *an, struct level *lv, const struct ast_expr *a, enum an_place place);
struct expr *an__sub_expr(struct an *an, struct level *lv, const struct ast_expr *a); /* in the same place */
struct expr *an__sublink(struct an *an, struct level *lv, const struct ast_expr *a);
struct expr *an__array_op(struct an *an, struct level *lv, const struct ast_expr *a);
struct expr *an__in(struct an *an, struct level *lv, const struct ast_expr *a);
const char *an__place_name(enum an_place p);
int an__location(const struct expr *e); /* where its text begins, as PostgreSQL reports it */
bool an__has_vars(const struct expr *e); /* of this level */
bool an__has_volatile(const struct expr *e);
struct expr *an__bool_list(struct an *an, enum expr_kind kind, struct expr **v, uint32_t n, int location);

/* ---- FROM and names (from.c) ------------------------------------------------ */

void an__from(struct an *an, struct level *lv, struct ast_from *const *items, uint32_t n); /* into lv->q->from, joined by cross joins */
/* Adds the table that a statement changes; its entry is not visible by name before an__show(). */
uint16_t an__result_table(struct an *an, struct level *lv, const struct ast_range *r);
uint16_t an__add_rte(struct an *an, struct level *lv, struct rte *rte);
struct ns_item *an__show_rte(struct an *an, struct level *lv, uint16_t rte, bool by_table, bool by_column);
struct expr *an__column(struct an *an, struct level *lv, const struct ast_expr *a);
bool an__is_system_column(const char *name);
/* Adds what * or t.* stands for. */
void an__star(struct an *an, struct level *lv, const struct ast_expr *a, struct target **v, uint32_t *n, uint32_t *cap);
uint16_t an__rel(struct an *an, const struct ast_range *r, enum ges_mode lock, struct table_def **ret); /* locks and references */
uint16_t an__rel_nowait(struct an *an, const struct ast_range *r, enum ges_mode lock, struct table_def **ret); /* 55P03 where the lock would have to wait */
struct expr *an__rte_var(struct an *an, const struct level *lv, uint16_t rte, uint16_t col, int location); /* col from 0 */

/* ---- queries (select.c, setop.c, modify.c) ------------------------------------ */

struct level *an__level(struct an *an, struct level *outer);
struct query *an__select(struct an *an, struct level *outer, const struct ast_select *s, bool keep_unknown, const struct cte_scope *ctes);
void an__with(struct an *an, struct level *lv, const struct ast_with *w);
void an__setop(struct an *an, struct level *lv, const struct ast_select *s);
void an__targets(struct an *an, struct level *lv, const struct ast_targets *t, enum an_place place, struct target **ret, uint32_t *ret_n);
void an__resolve_unknown(struct an *an, struct target *t, uint32_t n);
void an__order_by(struct an *an, struct level *lv, const struct ast_sorts *order);
void an__limit(struct an *an, struct level *lv, const struct ast_select *s);
void an__check_grouping(struct an *an, struct level *lv);
struct query *an__insert(struct an *an, const struct ast_insert *s);
struct query *an__update(struct an *an, const struct ast_update *s);
struct query *an__delete(struct an *an, const struct ast_delete *s);
struct expr *an__column_default(struct an *an, const struct table_def *t, uint16_t col); /* NULL constant where there is none */
void an__checks(struct an *an, struct level *lv, const struct table_def *t);
struct query *an__copy_query(struct an *an, const struct ast_copy *s, uint16_t **ret_cols, uint16_t *ret_ncols);

/* ---- entry (analyse.c) ---------------------------------------------------------- */

/* Runs fn on a large stack with failures caught; references are released when it fails. */
enum err an__run(struct an *an, void (*fn)(struct an *an, void *arg), void *arg);
struct tree *an__finish(struct an *an, struct query *q); /* parameters checked, result described */

#endif
