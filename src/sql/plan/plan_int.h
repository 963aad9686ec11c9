/*
 * What the files of this folder share. Planning goes through paths (how a set
 * of tables could be read and joined, with costs) to nodes (what is executed).
 *
 * Everything lives in the plan's own arena. A failure leaves by a jump to
 * plan_make().
 */
#ifndef SQL_PLAN_INT_H
#define SQL_PLAN_INT_H

#include <setjmp.h>

#include "sql/analyse/analyse.h"
#include "sql/plan/planner.h"

#define PLAN_RELS_MAX 64 /* range table entries of one query: they are bits of a word */
#define PLAN_SEARCH_MAX 8 /* tables joined in every order; more: greedily */

typedef uint64_t relset;

struct planner {
    struct arena *arena;
    struct plan *plan;
    const struct tree *tree;
    const struct plan_options *opt;
    struct diag *d;
    jmp_buf out;
    uint32_t subplan_cap, exec_cap;
};

/* What a node's columns are: expressions of the query. An expression above the node that equals one is its column. */
struct outputs {
    uint16_t n;
    const struct expr **e;
};

/* A node with its meaning. */
struct built {
    struct plan_node *node;
    struct outputs out;
};

/* A value of an outer query that a sub-query needs. */
struct outer_value {
    struct expr *var; /* as seen from the query around */
    uint16_t exec_param;
};

enum query_place { PLACE_TOP, PLACE_FROM, PLACE_SETOP, PLACE_SUBLINK };

/* One query being planned. */
struct qplan {
    struct planner *pl;
    const struct query *q;
    struct qplan *outer;
    enum query_place place;
    struct outer_value *value; /* PLACE_SUBLINK */
    uint32_t nvalues, value_cap;
    struct rel *rel; /* by rte */
    struct order_key *order; /* what ORDER BY asks of the join's rows, where it is columns of tables alone */
    uint16_t norder;
    double limit_rows; /* rows that LIMIT asks for; 0: all */
};

struct expr_vec {
    uint32_t n, cap;
    struct expr **v;
};

/* A range table entry as the planner sees it. */
struct rel {
    uint16_t rte;
    const struct table_def *def; /* NULL: not a table */
    double tuples, pages;
    uint32_t width;
    bool *need; /* by column: something refers to it */
    bool need_rowid;
    struct built sub; /* not a table: already planned */
};

struct order_key {
    uint16_t rte;
    int16_t col;
    bool descending, nulls_first;
};

enum path_kind { PATH_SEQ, PATH_INDEX, PATH_SUB, PATH_EMPTY, PATH_NEST, PATH_HASH, PATH_LOOKUP };

struct index_match {
    const struct index_def *ix;
    uint16_t no;
    uint16_t neq;
    struct expr **eq;
    struct expr_list in;
    struct expr *lower, *upper;
    bool lower_exclusive, upper_exclusive;
    bool unique;
    struct expr_vec used; /* the conditions that it stands for */
    double selectivity;
};

struct path {
    enum path_kind kind;
    relset rels;
    double rows, startup, total;
    uint32_t width;
    struct rel *rel; /* scans; LOOKUP: the inner table */
    struct index_match *match; /* INDEX, LOOKUP */
    bool backward;
    struct expr_vec filter; /* conditions applied on the rows */
    const struct path *left, *right;
    enum join_type type;
    struct expr_vec on; /* joins: conditions that decide about partners, keys excluded */
    struct expr_vec left_key, right_key; /* HASH */
    struct expr_vec keys; /* HASH: the whole conditions */
    uint16_t norder; /* how many of qplan->order the rows satisfy */
};

/* The ways to read one set of tables that are worth keeping. */
struct paths {
    const struct path *cheapest;
    const struct path *ordered; /* the cheapest that satisfies the whole of qplan->order; may be the same; NULL: none */
};

#define PL_NEW(pl, type) ARENA_NEW((pl)->arena, type)
#define PL_ARRAY(pl, type, n) ARENA_ARRAY((pl)->arena, type, (n) > 0 ? (n) : 1)

/* planner.c */
NORETURN void pl__throw(struct planner *pl);
NORETURN void pl__unsupported(struct planner *pl, int location, const char *what);
struct plan_node *pl__node(struct planner *pl, enum plan_node_kind kind, uint16_t ncols);
void pl__push(struct planner *pl, struct expr_vec *v, struct expr *e);
const char *pl__str(struct planner *pl, const char *s);
struct built pl__query(struct planner *pl, const struct query *q, struct qplan *outer, enum query_place place, struct qplan **ret_qp);

/* fold.c: a copy with constants folded; NULL stays NULL */
struct expr *pl__fold(struct planner *pl, const struct expr *e);
struct expr *pl__once(struct planner *pl, struct expr *e); /* marks what is the same for all rows of a run */
bool pl__is_const(const struct expr *e, bool *ret_value); /* a boolean constant; NULL counts as false */
void pl__conjuncts(struct planner *pl, struct expr *e, struct expr_vec *ret); /* the parts of an AND, folded */
struct expr *pl__and(struct planner *pl, const struct expr_vec *v); /* NULL: none */

/* convert.c: expressions of the query to expressions over a node's inputs */
struct scope {
    struct qplan *qp;
    const struct outputs *in[2];
};
struct expr *pl__convert(const struct scope *s, const struct expr *e);
struct expr *pl__convert_all(const struct scope *s, const struct expr_vec *v); /* ANDed; NULL: none */
relset pl__rels_of(const struct expr *e); /* entries of this query that it refers to */
bool pl__same_for_all_rows(const struct expr *e); /* no column, nothing volatile */

/* cost.c */
double pl__selectivity(const struct qplan *qp, const struct expr *e);
double pl__selectivity_all(const struct qplan *qp, const struct expr_vec *v);
double pl__distinct(const struct qplan *qp, const struct expr *e, double rows);
void pl__cost_seq(const struct qplan *qp, struct path *p);
void pl__cost_index(const struct qplan *qp, struct path *p, double loops);
void pl__cost_join(const struct qplan *qp, struct path *p);
double pl__cost_sort(const struct planner *pl, double rows, uint32_t width, double limit);
uint32_t pl__type_width(oid_t type, int32_t typmod);
double pl__expr_cost(const struct expr *e); /* in operators */

/* scan.c */
void pl__rels(struct qplan *qp);
struct paths pl__scan(struct qplan *qp, uint16_t rte, const struct expr_vec *conds);
/* The unique or plain index of an inner table that join conditions select by; NULL: none. */
struct index_match *pl__match_index(struct qplan *qp, const struct rel *r, uint16_t index, const struct expr_vec *conds, relset outer);
/* Types whose values have one encoding, order and hash, so that they can be compared across. */
oid_t pl__key_family(oid_t type);
void pl__add_path(struct qplan *qp, struct paths *ps, const struct path *p);

/* join.c */
/* The best way to get the rows of FROM and WHERE. ret_constant: conditions that refer to no table. NULL: there is no FROM. */
const struct path *pl__join(struct qplan *qp, struct expr_vec *ret_constant);
/* WHERE and the conditions of inner joins, as they were before they were given to scans and joins. */

/* build.c */
struct built pl__build(struct qplan *qp, const struct path *p);
struct built pl__project(struct qplan *qp, struct built in, const struct expr *const *e, uint16_t n);
struct built pl__filter(struct qplan *qp, struct built in, const struct expr_vec *conds);
void pl__columns_of(const struct qplan *qp, const struct rel *r, int16_t **ret_attnum, struct outputs *ret);

/* modify.c */
struct plan_node *pl__insert(struct planner *pl, const struct query *q);
struct plan_node *pl__update(struct planner *pl, const struct query *q);
struct plan_node *pl__delete(struct planner *pl, const struct query *q);
void pl__row_target(struct qplan *qp, const struct built *in, uint16_t rte, struct row_target *ret);
/* The conditions of the query that a changed row must satisfy again. */
struct expr *pl__recheck(struct qplan *qp, const struct built *in, relset changed);
struct qplan *pl__qplan(struct planner *pl, const struct query *q, struct qplan *outer, enum query_place place);

/* shortcut.c */
void pl__find_shortcut(struct plan *p);

#endif
