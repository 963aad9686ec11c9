/*
 * Arithmetic on packed decimals. Each operation first tries 128-bit integers
 * and falls back to base-10000 digits.
 */
#include "sql/types/numeric_int.h"

#include <stdlib.h>

/* Both small: brought to one scale. False if that overflows. */
static bool align(num x, num y, int128_t *m1, int128_t *m2, int *scale)
{
    int s1, s2;
    if (!numeric_is_small(x, m1, &s1) || !numeric_is_small(y, m2, &s2))
        return false;
    *scale = MAX(s1, s2);
    if (s1 < s2)
        return !__builtin_mul_overflow(*m1, (int128_t)numeric_pow10(s2 - s1), m1);
    if (s2 < s1)
        return !__builtin_mul_overflow(*m2, (int128_t)numeric_pow10(s1 - s2), m2);
    return true;
}

static enum num_kind inf_of(int sign)
{
    return sign > 0 ? KIND_INF : sign < 0 ? KIND_NEG_INF : KIND_NAN;
}

static enum err div_by_zero(struct diag *d)
{
    return diag_set(d, ERR_DIVISION_BY_ZERO, "division by zero");
}

static num add_special(num x, num y, int y_sign)
{
    if (numeric_is_nan(x) || numeric_is_nan(y))
        return num__special(KIND_NAN);
    const int i = num_is_finite(x) ? 0 : numeric_sign(x), j = num_is_finite(y) ? 0 : y_sign;
    return num__special(i == 0 ? inf_of(j) : j == 0 || i == j ? inf_of(i) : KIND_NAN);
}

static enum err add_sub(struct arena *a, num x, num y, bool sub, num *ret, struct diag *d)
{
    int128_t m1, m2, sum;
    int scale;
    if (align(x, y, &m1, &m2, &scale) &&
        !(sub ? __builtin_sub_overflow(m1, m2, &sum) : __builtin_add_overflow(m1, m2, &sum))) {
        *ret = numeric_from_int128(a, sum, scale);
        return ERR_OK;
    }
    if (!num_is_finite(x) || !num_is_finite(y)) {
        *ret = add_special(x, y, sub ? -numeric_sign(y) : numeric_sign(y));
        return ERR_OK;
    }
    const struct nvar v1 = num__unpack(a, x), v2 = num__unpack(a, y);
    const struct nvar r = sub ? nvar_sub(a, &v1, &v2) : nvar_add(a, &v1, &v2);
    return num__pack(a, &r, ret, d);
}

enum err numeric_add(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    return add_sub(a, x, y, false, ret, d);
}

enum err numeric_sub(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    return add_sub(a, x, y, true, ret, d);
}

enum err numeric_mul(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    int128_t m1, m2, product;
    int s1, s2;
    if (numeric_is_small(x, &m1, &s1) && numeric_is_small(y, &m2, &s2) && s1 + s2 <= NUMERIC_SMALL_DIGITS &&
        !__builtin_mul_overflow(m1, m2, &product)) {
        *ret = numeric_from_int128(a, product, s1 + s2);
        return ERR_OK;
    }
    if (numeric_is_nan(x) || numeric_is_nan(y)) {
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    if (!num_is_finite(x) || !num_is_finite(y)) {
        *ret = num__special(inf_of(numeric_sign(x) * numeric_sign(y)));
        return ERR_OK;
    }
    const struct nvar v1 = num__unpack(a, x), v2 = num__unpack(a, y);
    const struct nvar r = nvar_mul(a, &v1, &v2, MIN(v1.dscale + v2.dscale, NUMERIC_DSCALE_MAX));
    return num__pack(a, &r, ret, d);
}

/* ---- division ---------------------------------------------------------- */

/* Weight and value of the first base-10000 digit, as the digit form has them. */
static void leading_digit(uint128_t m, int scale, int *weight, unsigned *digit)
{
    if (m == 0) {
        *weight = 0;
        *digit = 0;
        return;
    }
    const int exponent = num__count_digits(m) - 1 - scale; /* of the first decimal digit */
    *weight = exponent >= 0 ? exponent / DEC_DIGITS : -((-exponent + DEC_DIGITS - 1) / DEC_DIGITS);
    const int shift = scale + *weight * DEC_DIGITS;
    *digit = shift >= 0 ? (unsigned)(m / numeric_pow10(shift)) : (unsigned)m * (unsigned)numeric_pow10(-shift);
}

static int small_div_scale(uint128_t m1, int s1, uint128_t m2, int s2)
{
    int w1, w2;
    unsigned f1, f2;
    leading_digit(m1, s1, &w1, &f1);
    leading_digit(m2, s2, &w2, &f2);
    int rscale = NUMERIC_SIG_DIGITS_MIN - (w1 - w2 - (f1 <= f2)) * DEC_DIGITS;
    rscale = MAX(rscale, s1);
    rscale = MAX(rscale, s2);
    return MIN(rscale, NUMERIC_DISPLAY_SCALE_MAX);
}

/* Rounded quotient of magnitudes in units of 10^-rscale; false if 128 bits are too few. */
static bool small_quotient(uint128_t m1, int s1, uint128_t m2, int s2, int rscale, bool round, uint128_t *ret)
{
    const int shift = rscale + s2 - s1;
    uint128_t n, q;
    if (shift < 0 || shift > 38 || rscale > NUMERIC_SMALL_DIGITS || __builtin_mul_overflow(m1, numeric_pow10(shift), &n))
        return false;
    if (n <= UINT64_MAX && m2 <= UINT64_MAX) {
        const uint64_t n64 = (uint64_t)n, d64 = (uint64_t)m2, q64 = n64 / d64, r64 = n64 % d64;
        q = q64 + (round && r64 >= d64 - r64);
    } else {
        q = n / m2;
        const uint128_t r = n % m2;
        q += round && r >= m2 - r;
    }
    *ret = q;
    return q < numeric_pow10(38);
}

static enum err div_special(num x, num y, num *ret, struct diag *d)
{
    if (numeric_is_nan(x) || numeric_is_nan(y)) {
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    if (num_is_finite(x)) { /* by an infinity */
        static const char zero[] = { KIND_SMALL, 0 };
        *ret = (num){ zero, sizeof(zero) };
        return ERR_OK;
    }
    if (!num_is_finite(y))
        *ret = num__special(KIND_NAN);
    else if (numeric_sign(y) == 0)
        return div_by_zero(d);
    else
        *ret = num__special(inf_of(numeric_sign(x) * numeric_sign(y)));
    return ERR_OK;
}

static uint128_t magnitude(int128_t m)
{
    return m < 0 ? -(uint128_t)m : (uint128_t)m;
}

static enum err divide(struct arena *a, num x, num y, bool integer, num *ret, struct diag *d)
{
    if (!num_is_finite(x) || !num_is_finite(y))
        return div_special(x, y, ret, d);
    if (numeric_sign(y) == 0)
        return div_by_zero(d);
    int128_t m1, m2;
    int s1, s2;
    uint128_t q;
    if (numeric_is_small(x, &m1, &s1) && numeric_is_small(y, &m2, &s2)) {
        const uint128_t u1 = magnitude(m1), u2 = magnitude(m2);
        const int rscale = integer ? 0 : small_div_scale(u1, s1, u2, s2);
        if (small_quotient(u1, s1, u2, s2, rscale, !integer, &q)) {
            *ret = numeric_from_int128(a, (m1 < 0) != (m2 < 0) ? -(int128_t)q : (int128_t)q, rscale);
            return ERR_OK;
        }
    }
    const struct nvar v1 = num__unpack(a, x), v2 = num__unpack(a, y);
    const struct nvar r = nvar_div(a, &v1, &v2, integer ? 0 : nvar_div_scale(&v1, &v2), !integer);
    return num__pack(a, &r, ret, d);
}

enum err numeric_div(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    return divide(a, x, y, false, ret, d);
}

enum err numeric_div_trunc(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    return divide(a, x, y, true, ret, d);
}

/* x - trunc(x / y) * y */
enum err numeric_mod(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    if (numeric_is_nan(x) || numeric_is_nan(y)) {
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    if (!num_is_finite(x)) {
        if (numeric_sign(y) == 0)
            return div_by_zero(d);
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    if (!num_is_finite(y)) {
        *ret = x;
        return ERR_OK;
    }
    if (numeric_sign(y) == 0)
        return div_by_zero(d);
    int128_t m1, m2;
    int scale;
    if (align(x, y, &m1, &m2, &scale)) {
        *ret = numeric_from_int128(a, m1 % m2, scale);
        return ERR_OK;
    }
    const struct nvar v1 = num__unpack(a, x), v2 = num__unpack(a, y);
    const struct nvar q = nvar_div(a, &v1, &v2, 0, false);
    const struct nvar p = nvar_mul(a, &q, &v2, v2.dscale);
    struct nvar r = nvar_sub(a, &v1, &p);
    r.dscale = MAX(v1.dscale, v2.dscale);
    return num__pack(a, &r, ret, d);
}

/* ---- sign and rounding ------------------------------------------------- */

static num with_sign(struct arena *a, num x, bool negate, bool absolute)
{
    int128_t m;
    int scale;
    if (numeric_is_small(x, &m, &scale))
        return num__pack_small(a, negate || (absolute && m < 0) ? -m : m, scale);
    enum num_kind k = num_kind(x);
    const bool flip = negate || (absolute && numeric_sign(x) < 0);
    if (!flip || k == KIND_NAN)
        return x;
    if (!num_is_finite(x))
        return num__special(k == KIND_INF ? KIND_NEG_INF : KIND_INF);
    if (numeric_sign(x) == 0)
        return x;
    char *p = arena_dup(a, x.p, x.len);
    p[0] = k == KIND_POSITIVE ? KIND_NEGATIVE : KIND_POSITIVE;
    return (num){ p, x.len };
}

num numeric_negate(struct arena *a, num x)
{
    return with_sign(a, x, true, false);
}

num numeric_abs(struct arena *a, num x)
{
    return with_sign(a, x, false, true);
}

enum rounding { ROUND_HALF_UP, ROUND_CUT, ROUND_FLOOR, ROUND_CEIL };

/* Steps away from the cut quotient q with rest r of unit. */
static int round_step(enum rounding how, int128_t r, int128_t unit)
{
    const int128_t abs = r < 0 ? -r : r;
    const int away = r < 0 ? -1 : 1;
    switch (how) {
    case ROUND_HALF_UP:
        return abs >= unit - abs ? away : 0;
    case ROUND_FLOOR:
        return r < 0 ? -1 : 0;
    case ROUND_CEIL:
        return r > 0 ? 1 : 0;
    case ROUND_CUT:
        break;
    }
    return 0;
}

static enum err round_nvar(struct arena *a, num x, int scale, enum rounding how, num *ret, struct diag *d)
{
    const struct nvar v = num__unpack(a, x);
    struct nvar r = how == ROUND_HALF_UP ? nvar_round(a, &v, scale) : nvar_trunc(a, &v, scale);
    const bool step = (how == ROUND_FLOOR && v.negative) || (how == ROUND_CEIL && !v.negative);
    if (step && nvar_cmp_abs(&v, &r) != 0) {
        const struct nvar one = nvar_from_int(a, how == ROUND_FLOOR ? -1 : 1);
        r = nvar_add(a, &r, &one);
    }
    return num__pack(a, &r, ret, d);
}

static enum err round_to(struct arena *a, num x, int scale, enum rounding how, num *ret, struct diag *d)
{
    if (!num_is_finite(x)) {
        *ret = x;
        return ERR_OK;
    }
    scale = MAX(scale, -(NUMERIC_WEIGHT_MAX + 1) * DEC_DIGITS);
    scale = MIN(scale, NUMERIC_DSCALE_MAX);
    int128_t m;
    int s;
    if (!numeric_is_small(x, &m, &s))
        return round_nvar(a, x, scale, how, ret, d);
    if (scale >= s) { /* only zeros are added */
        int128_t wide;
        if (scale > NUMERIC_SMALL_DIGITS || __builtin_mul_overflow(m, (int128_t)numeric_pow10(scale - s), &wide))
            return round_nvar(a, x, scale, how, ret, d);
        *ret = numeric_from_int128(a, wide, scale);
        return ERR_OK;
    }
    const int drop = s - scale; /* decimal digits that go */
    if (drop > 37) {
        return round_nvar(a, x, scale, how, ret, d);
    }
    const int128_t unit = (int128_t)numeric_pow10(drop);
    int128_t q = m / unit + round_step(how, m % unit, unit);
    if (scale < 0)
        q *= (int128_t)numeric_pow10(-scale); /* at most one digit more than before */
    *ret = numeric_from_int128(a, q, MAX(scale, 0));
    return ERR_OK;
}

enum err numeric_round(struct arena *a, num x, int scale, num *ret, struct diag *d)
{
    return round_to(a, x, scale, ROUND_HALF_UP, ret, d);
}

enum err numeric_trunc(struct arena *a, num x, int scale, num *ret, struct diag *d)
{
    return round_to(a, x, scale, ROUND_CUT, ret, d);
}

enum err numeric_floor(struct arena *a, num x, num *ret, struct diag *d)
{
    return round_to(a, x, 0, ROUND_FLOOR, ret, d);
}

enum err numeric_ceil(struct arena *a, num x, num *ret, struct diag *d)
{
    return round_to(a, x, 0, ROUND_CEIL, ret, d);
}
