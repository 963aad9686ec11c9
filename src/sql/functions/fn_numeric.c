/*
 * Arithmetic and mathematics on numeric.
 */
#include "sql/functions/kernels.h"
#include "sql/types/numeric.h"

#define NUM2(kernel, fn)                                                                                                          \
    ROW_KERNEL(kernel, 2)                                                                                                         \
    {                                                                                                                             \
        return fn(c->types.arena, a[0].s, a[1].s, &r->s, c->d);                                                                   \
    }
NUM2(numeric_add, numeric_add)
NUM2(numeric_sub, numeric_sub)
NUM2(numeric_mul, numeric_mul)
NUM2(numeric_div, numeric_div)
NUM2(numeric_div_trunc, numeric_div_trunc)
NUM2(numeric_mod, numeric_mod)
NUM2(numeric_power, numeric_power)
NUM2(numeric_log, numeric_log)

#define NUM1(kernel, fn)                                                                                                          \
    ROW_KERNEL(kernel, 1)                                                                                                         \
    {                                                                                                                             \
        return fn(c->types.arena, a[0].s, &r->s, c->d);                                                                           \
    }
NUM1(numeric_floor, numeric_floor)
NUM1(numeric_ceil, numeric_ceil)
NUM1(numeric_sqrt, numeric_sqrt)
NUM1(numeric_exp, numeric_exp)
NUM1(numeric_ln, numeric_ln)

ROW_KERNEL(numeric_neg, 1)
{
    r->s = numeric_negate(c->types.arena, a[0].s);
    return ERR_OK;
}

ROW_KERNEL(numeric_abs, 1)
{
    r->s = numeric_abs(c->types.arena, a[0].s);
    return ERR_OK;
}

ROW_KERNEL(numeric_sign, 1)
{
    r->s = numeric_is_nan(a[0].s) ? a[0].s : numeric_from_int64(c->types.arena, numeric_sign(a[0].s));
    return ERR_OK;
}

ROW_KERNEL(numeric_round, 1)
{
    return numeric_round(c->types.arena, a[0].s, 0, &r->s, c->d);
}

ROW_KERNEL(numeric_round_to, 2)
{
    return numeric_round(c->types.arena, a[0].s, (int)a[1].i, &r->s, c->d);
}

ROW_KERNEL(numeric_trunc, 1)
{
    return numeric_trunc(c->types.arena, a[0].s, 0, &r->s, c->d);
}

ROW_KERNEL(numeric_trunc_to, 2)
{
    return numeric_trunc(c->types.arena, a[0].s, (int)a[1].i, &r->s, c->d);
}

ROW_KERNEL(numeric_log10, 1)
{
    return numeric_log(c->types.arena, numeric_from_int64(c->types.arena, 10), a[0].s, &r->s, c->d);
}

ROW_KERNEL(numeric_scale, 1)
{
    *null = !numeric_is_finite(a[0].s);
    r->i = numeric_scale(a[0].s);
    return ERR_OK;
}

ROW_KERNEL(factorial, 1)
{
    struct arena *arena = c->types.arena;
    if (a[0].i < 0)
        return diag_set(c->d, ERR_NUMERIC_RANGE, "factorial of a negative number is undefined");
    if (a[0].i > 32177)
        return diag_set(c->d, ERR_NUMERIC_RANGE, "value overflows numeric format");
    /* Intermediate products are dropped now and then: they grow to thousands of digits. */
    struct arena *old = arena_new("factorial", 0), *new = arena_new("factorial", 0);
    num v = numeric_from_int64(old, 1);
    enum err err = ERR_OK;
    for (int64_t i = 2; i <= a[0].i && !err; i++) {
        err = numeric_mul(old, v, numeric_from_int64(old, i), &v, c->d);
        if (!err && i % 64 == 0) {
            v.p = arena_dup(new, v.p, v.len);
            arena_reset(old);
            struct arena *t = old;
            old = new;
            new = t;
        }
    }
    if (!err)
        r->s = (num){ arena_dup(arena, v.p, v.len), v.len };
    arena_free(old);
    arena_free(new);
    return err;
}
