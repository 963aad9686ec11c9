/*
 * Functions, operators and aggregates, as tables. A function works on column
 * vectors; most are one scalar kernel in a generated loop.
 */
#ifndef SQL_FUNCTIONS_FUNC_H
#define SQL_FUNCTIONS_FUNC_H

#include "sql/types/type.h"

#define VEC_ROWS 1024

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

struct func_ctx {
    struct type_ctx types; /* its arena holds results as long as the batch lives */
    struct session *session; /* NULL in constant folding where stable functions are not folded */
    struct diag *d;
    void *(*sequence_ops)(void); /* reserved: sequences are reached through sql/functions/hooks.h */
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
    bool variadic_any; /* concat: any number of any type */
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

/* One aggregate over one argument type. State is `state_bytes` zeroed bytes in the group's row; big parts in the arena. */
struct aggregate {
    uint32_t oid;
    const char *name;
    uint8_t nargs; /* 0: count(*) */
    oid_t arg;
    oid_t ret;
    size_t state_bytes;
    /* states[i] is the group's state of row sel[i] */
    enum err (*accumulate)(struct func_ctx *c, const struct sel *sel, void *const *states, const struct vec *arg, struct arena *group_arena);
    enum err (*combine)(struct func_ctx *c, void *into, const void *from, struct arena *group_arena); /* parallel plans */
    enum err (*finish)(struct func_ctx *c, const void *state, union datum *ret, bool *ret_null);
};

/* All overloads of a name; the analyser chooses by PostgreSQL's rules. Return how many there are. */
size_t func_candidates(const char *name, const struct func **ret, size_t max);
size_t operator_candidates(const char *name, const struct operator **ret, size_t max);
size_t aggregate_candidates(const char *name, const struct aggregate **ret, size_t max);
/* The comparison operator of a type or pair of types, by name ("=", "<", ...); NULL if none. */
const struct operator *operator_exact(const char *name, oid_t left, oid_t right);

#endif
