/*
 * How functions loop over vectors. Every function of table.h is defined in
 * one of the fn_*.c files by one of these macros:
 *
 * FAST1/FAST2: an expression on integers or floats that is harmless on the
 * garbage under a NULL; `over` may be set to report an error after the loop.
 * No branch per row.
 *
 * ROW_KERNEL: a function of one row's arguments, called for rows without
 * NULLs, inlined into the loop. NULL_KERNEL: the same, and NULLs are its
 * business.
 */
#ifndef SQL_FUNCTIONS_KERNELS_H
#define SQL_FUNCTIONS_KERNELS_H

#include "sql/functions/func.h"
#include "sql/functions/table.h"

#define KERNEL_INLINE static inline __attribute__((always_inline))

#define KERNEL_DECL(name)                                                                                                         \
    enum err fn__##name(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, unsigned nargs, struct vec *ret)

/* Within the statement: x (and y) arguments, r the result, over: an error flag. */
#define FAST1(name, statement, error)                                                                                             \
    KERNEL_INLINE bool name##_loop(const struct sel *sel, const struct vec *a, struct vec *ret, const bool dense)                 \
    {                                                                                                                             \
        const union datum *av = a->v;                                                                                             \
        const uint8_t *an = a->null;                                                                                              \
        union datum *rv = ret->v;                                                                                                 \
        uint8_t *rn = ret->null;                                                                                                  \
        const uint32_t n = sel->n, mask = a->is_const ? 0 : UINT32_MAX;                                                           \
        const uint16_t *idx = sel->idx;                                                                                           \
        bool bad = false;                                                                                                         \
        for (uint32_t k = 0; k < n; k++) {                                                                                        \
            const uint32_t i = dense ? k : idx[k];                                                                                \
            const union datum x = av[i & mask];                                                                                   \
            const uint8_t is_null = an[i & mask];                                                                                 \
            union datum r = { 0 };                                                                                                \
            bool over = false;                                                                                                    \
            statement;                                                                                                            \
            rv[i] = r;                                                                                                            \
            rn[i] = is_null;                                                                                                      \
            bad |= over & !is_null;                                                                                               \
        }                                                                                                                         \
        return bad;                                                                                                               \
    }                                                                                                                             \
    KERNEL_DECL(name)                                                                                                             \
    {                                                                                                                             \
        const bool bad = sel->idx ? name##_loop(sel, args[0], ret, false) : name##_loop(sel, args[0], ret, true);                 \
        return UNLIKELY(bad) ? error : ERR_OK;                                                                                    \
    }

#define FAST2(name, statement, error)                                                                                             \
    KERNEL_INLINE bool name##_loop(const struct sel *sel, const struct vec *a, const struct vec *b, struct vec *ret,              \
                                   const bool dense, const bool a_const, const bool b_const)                                      \
    {                                                                                                                             \
        const union datum *av = a->v, *bv = b->v;                                                                                 \
        const uint8_t *an = a->null, *bn = b->null;                                                                               \
        union datum *rv = ret->v;                                                                                                 \
        uint8_t *rn = ret->null;                                                                                                  \
        const uint32_t n = sel->n;                                                                                                \
        const uint16_t *idx = sel->idx;                                                                                           \
        bool bad = false;                                                                                                         \
        for (uint32_t k = 0; k < n; k++) {                                                                                        \
            const uint32_t i = dense ? k : idx[k], ia = a_const ? 0 : i, ib = b_const ? 0 : i;                                    \
            const union datum x = av[ia], y = bv[ib];                                                                             \
            const uint8_t is_null = an[ia] | bn[ib];                                                                              \
            union datum r = { 0 };                                                                                                \
            bool over = false;                                                                                                    \
            statement;                                                                                                            \
            rv[i] = r;                                                                                                            \
            rn[i] = is_null;                                                                                                      \
            bad |= over & !is_null;                                                                                               \
        }                                                                                                                         \
        return bad;                                                                                                               \
    }                                                                                                                             \
    KERNEL_DECL(name)                                                                                                             \
    {                                                                                                                             \
        const struct vec *a = args[0], *b = args[1];                                                                              \
        bool bad;                                                                                                                 \
        if (sel->idx)                                                                                                             \
            bad = name##_loop(sel, a, b, ret, false, a->is_const, b->is_const);                                                   \
        else if (b->is_const && !a->is_const)                                                                                     \
            bad = name##_loop(sel, a, b, ret, true, false, true);                                                                 \
        else if (!a->is_const && !b->is_const)                                                                                    \
            bad = name##_loop(sel, a, b, ret, true, false, false);                                                                \
        else                                                                                                                      \
            bad = name##_loop(sel, a, b, ret, true, a->is_const, b->is_const);                                                    \
        return UNLIKELY(bad) ? error : ERR_OK;                                                                                    \
    }

#define ROW_ARGS_MAX 8

/* One row: a are its arguments; *null starts as false. */
typedef enum err row_fn(struct func_ctx *c, const union datum *a, union datum *r, bool *null);
/* nulls[i]: argument i is NULL */
typedef enum err row_null_fn(struct func_ctx *c, const union datum *a, const bool *nulls, unsigned nargs, union datum *r,
                             bool *null);

KERNEL_INLINE enum err rows_strict(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, unsigned nargs,
                                   struct vec *ret, row_fn *fn)
{
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel->idx ? sel->idx[k] : k;
        union datum a[ROW_ARGS_MAX];
        bool null = false;
        for (unsigned j = 0; j < nargs; j++) {
            const uint32_t at = args[j]->is_const ? 0 : i;
            null |= args[j]->null[at];
            a[j] = args[j]->v[at];
        }
        if (!null) {
            const enum err err = fn(c, a, &ret->v[i], &null);
            if (UNLIKELY(err))
                return err;
        }
        ret->null[i] = null;
    }
    return ERR_OK;
}

#define ROW_KERNEL(name, count)                                                                                                   \
    KERNEL_INLINE enum err name##_row(struct func_ctx *c, const union datum *a, union datum *r, bool *null);                      \
    KERNEL_DECL(name)                                                                                                             \
    {                                                                                                                             \
        return rows_strict(c, sel, args, count, ret, name##_row);                                                                 \
    }                                                                                                                             \
    KERNEL_INLINE enum err name##_row(struct func_ctx *c, const union datum *a, union datum *r, bool *null)

enum err kernel_rows_with_nulls(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, unsigned nargs,
                                struct vec *ret, row_null_fn *fn);

#define NULL_KERNEL(name)                                                                                                         \
    static enum err name##_row(struct func_ctx *c, const union datum *a, const bool *nulls, unsigned nargs, union datum *r,       \
                               bool *null);                                                                                       \
    KERNEL_DECL(name)                                                                                                             \
    {                                                                                                                             \
        return kernel_rows_with_nulls(c, sel, args, nargs, ret, name##_row);                                                      \
    }                                                                                                                             \
    static enum err name##_row(struct func_ctx *c, const union datum *a, const bool *nulls, unsigned nargs, union datum *r,       \
                               bool *null)

/* ---- helpers that the files share -------------------------------------- */

/* Memory for a result whose size a user chooses. */
enum err kernel_alloc(struct func_ctx *c, size_t bytes, char **ret) MUST_CHECK;
enum err kernel_str(struct func_ctx *c, const void *p, size_t len, union datum *r) MUST_CHECK;
/* "feature not supported here": a hook is missing */
enum err kernel_no_hook(struct func_ctx *c, const char *what);

#endif
