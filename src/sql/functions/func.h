/*
 * Functions, operators and aggregates, as tables. A function works on column
 * vectors; most are one scalar kernel in a generated loop.
 */
#ifndef SQL_FUNCTIONS_FUNC_H
#define SQL_FUNCTIONS_FUNC_H

#include "sql/types/type.h"

#define VEC_ROWS 1024

/* Pseudo-types of arguments: the analyser lets any type pass and adds no cast. */
#define TYPE_ANY 2276
#define TYPE_ANYELEMENT 2283
#define TYPE_ANYNONARRAY 2776

/* A column of up to VEC_ROWS values; a constant has is_const and its value at index 0. */
struct vec {
    union datum *v;
    uint8_t *null; /* one byte a row: 1 = NULL; never NULL itself */
    bool is_const;
};

/* Rows that count: indexes into the vectors; sel == NULL: rows 0..n-1. */
struct sel {
    const uint16_t *idx;
    uint32_t n;
};

struct session; /* sql/session.h; for functions that tell about the session */
struct func_hooks;

struct func_ctx {
    struct type_ctx types; /* its arena holds results as long as the batch lives */
    struct session *session; /* NULL in constant folding where stable functions are not folded */
    struct diag *d;
    const struct func_hooks *hooks; /* sql/functions/hooks.h: session, sequences, catalogue, clock; NULL: none */
    void *hooks_arg;
    const oid_t *arg_types; /* set by the caller before functions with uses_arg_types: the types of this call's arguments */
};

#define FUNC_ARGS_MAX 16

enum func_volatility { FUNC_IMMUTABLE, FUNC_STABLE, FUNC_VOLATILE };

/* Fills ret for the selected rows; writes only those. Errors: c->d. */
typedef enum err func_vec_fn(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, unsigned nargs, struct vec *ret);

struct func {
    uint32_t oid; /* PostgreSQL's where it has the function */
    const char *name;
    oid_t ret;
    uint8_t nargs;
    bool variadic_any; /* concat: after nargs arguments, any number of any type */
    bool uses_arg_types; /* needs func_ctx.arg_types */
    bool strict; /* NULL in, NULL out: done by the generated loop */
    enum func_volatility volatility;
    oid_t args[6];
    func_vec_fn *fn;
};

struct operator {
    uint32_t oid;
    const char *name; /* "+", "<=", "~~" */
    oid_t left, right; /* left 0: prefix operator */
    const struct func *func;
    const char *commutator; /* NULL: none */
    const char *negator;
};

/* One aggregate over its argument types. NULLs in args[0] are passed over (but for count(*)). State is `state_bytes` zeroed bytes in the group's row; big parts in the arena. */
struct aggregate {
    uint32_t oid;
    const char *name;
    uint8_t nargs; /* 0: count(*); 2: string_agg(text, text) */
    oid_t arg; /* TYPE_ANY: count(any) */
    oid_t arg2; /* 0, or of the second argument */
    oid_t ret;
    size_t state_bytes;
    /* states[k] is the group's state of the k-th selected row: of row sel->idx[k], or of row k. args has nargs vectors. */
    enum err (*accumulate)(struct func_ctx *c, const struct sel *sel, void *const *states, const struct vec *const *args, struct arena *group_arena);
    enum err (*combine)(struct func_ctx *c, void *into, const void *from, struct arena *group_arena); /* parallel plans */
    /* The result is in the statement's arena or in the state: copy it if it must outlive the group. */
    enum err (*finish)(struct func_ctx *c, const void *state, union datum *ret, bool *ret_null);
};

/* All overloads of a name; the analyser chooses by PostgreSQL's rules. Return how many there are. */
size_t func_candidates(const char *name, const struct func **ret, size_t max);
size_t operator_candidates(const char *name, const struct operator **ret, size_t max);
size_t aggregate_candidates(const char *name, const struct aggregate **ret, size_t max);
/* The comparison operator of a type or pair of types, by name ("=", "<", ...); NULL if none. */
const struct operator *operator_exact(const char *name, oid_t left, oid_t right);
/* By PostgreSQL's oid; NULL if none. For stored expressions and the catalogue's views. */
const struct func *func_by_oid(uint32_t oid);
const struct operator *operator_by_oid(uint32_t oid);
const struct aggregate *aggregate_by_oid(uint32_t oid);
size_t func_count(void);
const struct func *func_at(size_t i);
size_t operator_count(void);
const struct operator *operator_at(size_t i);
size_t aggregate_count(void);
const struct aggregate *aggregate_at(size_t i);

#endif
