/*
 * Arithmetic and mathematics on integers and floats.
 */
#include "sql/functions/hooks.h"
#include "sql/functions/kernels.h"

#include <math.h>

/* ---- integers ---------------------------------------------------------- */

#define RANGE_ERROR(type) diag_set(c->d, ERR_NUMERIC_RANGE, "%s out of range", type)
#define ZERO_ERROR diag_set(c->d, ERR_DIVISION_BY_ZERO, "division by zero")

/* Results are checked against the type's range; under a NULL there may be any 64 bits, hence the checked builtins. */
#define INT_ARITHMETIC(prefix, ctype, type)                                                                                       \
    FAST2(prefix##_add, over = __builtin_add_overflow(x.i, y.i, &r.i); over |= r.i != (ctype)r.i, RANGE_ERROR(type))                   \
    FAST2(prefix##_sub, over = __builtin_sub_overflow(x.i, y.i, &r.i); over |= r.i != (ctype)r.i, RANGE_ERROR(type))                   \
    FAST2(prefix##_mul, over = __builtin_mul_overflow(x.i, y.i, &r.i); over |= r.i != (ctype)r.i, RANGE_ERROR(type))                   \
    FAST1(prefix##_neg, over = __builtin_sub_overflow((int64_t)0, x.i, &r.i); over |= r.i != (ctype)r.i, RANGE_ERROR(type))            \
    FAST1(prefix##_abs, over = __builtin_sub_overflow((int64_t)0, x.i, &r.i) && x.i < 0; r.i = x.i < 0 ? r.i : x.i;               \
          over |= r.i != (ctype)r.i, RANGE_ERROR(type))                                                                           \
    ROW_KERNEL(prefix##_div, 2)                                                                                                   \
    {                                                                                                                             \
        if (UNLIKELY(a[1].i == 0))                                                                                                \
            return ZERO_ERROR;                                                                                                    \
        if (UNLIKELY(a[1].i == -1)) {                                                                                             \
            if (__builtin_sub_overflow((int64_t)0, a[0].i, &r->i) || r->i != (ctype)r->i)                                         \
                return RANGE_ERROR(type);                                                                                         \
            return ERR_OK;                                                                                                        \
        }                                                                                                                         \
        r->i = a[0].i / a[1].i;                                                                                                   \
        return ERR_OK;                                                                                                            \
    }                                                                                                                             \
    ROW_KERNEL(prefix##_mod, 2)                                                                                                   \
    {                                                                                                                             \
        if (UNLIKELY(a[1].i == 0))                                                                                                \
            return ZERO_ERROR;                                                                                                    \
        r->i = a[1].i == -1 ? 0 : a[0].i % a[1].i;                                                                                \
        return ERR_OK;                                                                                                            \
    }

INT_ARITHMETIC(int2, int16_t, "smallint")
INT_ARITHMETIC(int4, int32_t, "integer")
INT_ARITHMETIC(int8, int64_t, "bigint")

FAST1(same, r = x, ERR_OK)
FAST1(int_not, r.i = ~x.i, ERR_OK)
FAST2(int_and, r.i = x.i & y.i, ERR_OK)
FAST2(int_or, r.i = x.i | y.i, ERR_OK)
FAST2(int_xor, r.i = x.i ^ y.i, ERR_OK)

/* The shift counts modulo the width, as the processor has it; int2 shifts as int4 and is cut. */
FAST2(int2_shl, r.i = (int16_t)((uint32_t)x.i << (y.i & 31)), ERR_OK)
FAST2(int4_shl, r.i = (int32_t)((uint32_t)x.i << (y.i & 31)), ERR_OK)
FAST2(int8_shl, r.i = (int64_t)((uint64_t)x.i << (y.i & 63)), ERR_OK)
FAST2(int2_shr, r.i = (int16_t)((int32_t)x.i >> (y.i & 31)), ERR_OK)
FAST2(int4_shr, r.i = (int32_t)x.i >> (y.i & 31), ERR_OK)
FAST2(int8_shr, r.i = x.i >> (y.i & 63), ERR_OK)

static uint64_t gcd(int64_t x, int64_t y)
{
    uint64_t a = x < 0 ? -(uint64_t)x : (uint64_t)x, b = y < 0 ? -(uint64_t)y : (uint64_t)y;
    while (b) {
        const uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static enum err gcd_or_lcm(struct func_ctx *c, const union datum *a, bool lcm, int64_t max, const char *type, union datum *r)
{
    const uint64_t g = gcd(a[0].i, a[1].i);
    unsigned __int128 v = g;
    if (lcm) {
        const uint64_t x = a[0].i < 0 ? -(uint64_t)a[0].i : (uint64_t)a[0].i;
        const uint64_t y = a[1].i < 0 ? -(uint64_t)a[1].i : (uint64_t)a[1].i;
        v = x == 0 || y == 0 ? 0 : (unsigned __int128)(x / g) * y;
    }
    if (v > (uint64_t)max)
        return RANGE_ERROR(type);
    r->i = (int64_t)v;
    return ERR_OK;
}

ROW_KERNEL(int4_gcd, 2)
{
    return gcd_or_lcm(c, a, false, INT32_MAX, "integer", r);
}

ROW_KERNEL(int8_gcd, 2)
{
    return gcd_or_lcm(c, a, false, INT64_MAX, "bigint", r);
}

ROW_KERNEL(int4_lcm, 2)
{
    return gcd_or_lcm(c, a, true, INT32_MAX, "integer", r);
}

ROW_KERNEL(int8_lcm, 2)
{
    return gcd_or_lcm(c, a, true, INT64_MAX, "bigint", r);
}

/* ---- floats ------------------------------------------------------------ */

static enum err float_overflow(struct func_ctx *c)
{
    return diag_set(c->d, ERR_NUMERIC_RANGE, "value out of range: overflow");
}

static enum err float_underflow(struct func_ctx *c)
{
    return diag_set(c->d, ERR_NUMERIC_RANGE, "value out of range: underflow");
}

#define IS_INF(v) (fabs(v) == (double)INFINITY)

/* An infinity is an error unless an operand was one; a zero product or quotient too, unless an operand was 0. */
#define FLOAT_ARITHMETIC(prefix, round)                                                                                           \
    FAST2(prefix##_add, r.f = round(x.f + y.f); over = IS_INF(r.f) & !IS_INF(x.f) & !IS_INF(y.f), float_overflow(c))              \
    FAST2(prefix##_sub, r.f = round(x.f - y.f); over = IS_INF(r.f) & !IS_INF(x.f) & !IS_INF(y.f), float_overflow(c))              \
    ROW_KERNEL(prefix##_mul, 2)                                                                                                   \
    {                                                                                                                             \
        r->f = round(a[0].f * a[1].f);                                                                                            \
        if (UNLIKELY(IS_INF(r->f)) && !IS_INF(a[0].f) && !IS_INF(a[1].f))                                                         \
            return float_overflow(c);                                                                                             \
        if (UNLIKELY(r->f == 0) && a[0].f != 0 && a[1].f != 0)                                                                    \
            return float_underflow(c);                                                                                            \
        return ERR_OK;                                                                                                            \
    }                                                                                                                             \
    ROW_KERNEL(prefix##_div, 2)                                                                                                   \
    {                                                                                                                             \
        if (UNLIKELY(a[1].f == 0) && !isnan(a[0].f))                                                                              \
            return ZERO_ERROR;                                                                                                    \
        r->f = round(a[0].f / a[1].f);                                                                                            \
        if (UNLIKELY(IS_INF(r->f)) && !IS_INF(a[0].f))                                                                            \
            return float_overflow(c);                                                                                             \
        if (UNLIKELY(r->f == 0) && a[0].f != 0 && !IS_INF(a[1].f))                                                                \
            return float_underflow(c);                                                                                            \
        return ERR_OK;                                                                                                            \
    }

#define TO_SINGLE(v) ((double)(float)(v))
#define TO_DOUBLE(v) (v)
FLOAT_ARITHMETIC(float4, TO_SINGLE)
FLOAT_ARITHMETIC(float8, TO_DOUBLE)

FAST1(float_neg, r.f = -x.f, ERR_OK)
FAST1(float_abs, r.f = fabs(x.f), ERR_OK)
FAST1(float8_round, r.f = rint(x.f), ERR_OK)
FAST1(float8_trunc, r.f = trunc(x.f), ERR_OK)
FAST1(float8_ceil, r.f = ceil(x.f), ERR_OK)
FAST1(float8_floor, r.f = floor(x.f), ERR_OK)
FAST1(float8_sign, r.f = x.f > 0 ? 1.0 : x.f < 0 ? -1.0 : 0.0, ERR_OK)

static enum err checked(struct func_ctx *c, double v, const union datum *a, unsigned nargs, union datum *r)
{
    bool had_inf = false;
    for (unsigned i = 0; i < nargs; i++)
        had_inf |= IS_INF(a[i].f) || isnan(a[i].f);
    if (IS_INF(v) && !had_inf)
        return float_overflow(c);
    r->f = v;
    return ERR_OK;
}

ROW_KERNEL(sqrt_float8, 1)
{
    if (a[0].f < 0)
        return diag_set(c->d, ERR_POWER_ARGUMENT, "cannot take square root of a negative number");
    r->f = sqrt(a[0].f);
    return ERR_OK;
}

ROW_KERNEL(cbrt, 1)
{
    return checked(c, cbrt(a[0].f), a, 1, r);
}

ROW_KERNEL(float8_exp, 1)
{
    const double v = exp(a[0].f);
    if (v == 0 && !IS_INF(a[0].f))
        return float_underflow(c);
    return checked(c, v, a, 1, r);
}

static enum err log_argument(struct func_ctx *c, double v)
{
    if (v == 0)
        return diag_set(c->d, ERR_LOG_ARGUMENT, "cannot take logarithm of zero");
    if (v < 0)
        return diag_set(c->d, ERR_LOG_ARGUMENT, "cannot take logarithm of a negative number");
    return ERR_OK;
}

ROW_KERNEL(float8_ln, 1)
{
    const enum err err = log_argument(c, a[0].f);
    return err ? err : checked(c, log(a[0].f), a, 1, r);
}

ROW_KERNEL(float8_log10, 1)
{
    const enum err err = log_argument(c, a[0].f);
    return err ? err : checked(c, log10(a[0].f), a, 1, r);
}

ROW_KERNEL(float8_power, 2)
{
    const double x = a[0].f, y = a[1].f;
    if (x == 0 && y < 0)
        return diag_set(c->d, ERR_POWER_ARGUMENT, "zero raised to a negative power is undefined");
    if (x < 0 && floor(y) != y && !isnan(y))
        return diag_set(c->d, ERR_POWER_ARGUMENT, "a negative number raised to a non-integer power yields a complex result");
    const double v = pow(x, y);
    if (v == 0 && x != 0 && !IS_INF(x) && !IS_INF(y))
        return float_underflow(c);
    return checked(c, v, a, 2, r);
}

static enum err out_of_range(struct func_ctx *c)
{
    return diag_set(c->d, ERR_NUMERIC_RANGE, "input is out of range");
}

#define MATH1(kernel, fn, bad)                                                                                                    \
    ROW_KERNEL(kernel, 1)                                                                                                         \
    {                                                                                                                             \
        const double x = a[0].f;                                                                                                  \
        if (bad)                                                                                                                  \
            return out_of_range(c);                                                                                               \
        return checked(c, fn, a, 1, r);                                                                                           \
    }
MATH1(float8_sin, sin(x), IS_INF(x))
MATH1(float8_cos, cos(x), IS_INF(x))
MATH1(float8_tan, tan(x), IS_INF(x))
MATH1(float8_cot, 1.0 / tan(x), IS_INF(x))
MATH1(float8_asin, asin(x), x < -1 || x > 1)
MATH1(float8_acos, acos(x), x < -1 || x > 1)
MATH1(float8_atan, atan(x), false)
MATH1(float8_sinh, sinh(x), false)
MATH1(float8_cosh, cosh(x), false)
MATH1(float8_tanh, tanh(x), false)
MATH1(float8_degrees, x / (M_PI / 180.0), false)
MATH1(float8_radians, x * (M_PI / 180.0), false)

ROW_KERNEL(float8_atan2, 2)
{
    r->f = atan2(a[0].f, a[1].f);
    return ERR_OK;
}

ROW_KERNEL(pi, 0)
{
    r->f = M_PI;
    return ERR_OK;
}

ROW_KERNEL(random, 0)
{
    if (!c->hooks || !c->hooks->random)
        return kernel_no_hook(c, "random()");
    r->f = c->hooks->random(c->hooks_arg);
    return ERR_OK;
}

ROW_KERNEL(setseed, 1)
{
    if (!(a[0].f >= -1 && a[0].f <= 1))
        return diag_set(c->d, ERR_PARAMETER_VALUE, "setseed parameter %g is out of allowed range [-1,1]", a[0].f);
    if (!c->hooks || !c->hooks->set_seed)
        return kernel_no_hook(c, "setseed()");
    c->hooks->set_seed(c->hooks_arg, a[0].f);
    *r = datum_str("", 0);
    return ERR_OK;
}

ROW_KERNEL(width_bucket_float8, 4)
{
    const double x = a[0].f, low = a[1].f, high = a[2].f;
    const int64_t count = a[3].i;
    if (count <= 0)
        return diag_set(c->d, ERR_PARAMETER_VALUE, "count must be greater than zero");
    if (isnan(x) || isnan(low) || isnan(high))
        return diag_set(c->d, ERR_PARAMETER_VALUE, "operand, lower bound, and upper bound cannot be NaN");
    if (IS_INF(low) || IS_INF(high))
        return diag_set(c->d, ERR_PARAMETER_VALUE, "lower and upper bounds must be finite");
    if (low == high)
        return diag_set(c->d, ERR_PARAMETER_VALUE, "lower bound cannot equal upper bound");
    const bool before = low < high ? x < low : x > low, after = low < high ? x >= high : x <= high;
    r->i = before ? 0 : after ? count + 1 : (int64_t)((double)count * ((x - low) / (high - low))) + 1;
    return ERR_OK;
}
