/*
 * Roots, exponentials, logarithms and powers of decimals, and variance. The
 * display scales follow PostgreSQL's rules; the digits are computed with
 * guards, so that they are the true ones.
 */
#include "sql/types/numeric_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GUARD 12 /* digits computed beyond those asked for */
#define LOG10_E 0.434294481903252
#define LN_10 2.302585092994046

static int clamp_scale(int scale, int at_least)
{
    scale = MAX(scale, at_least);
    scale = MAX(scale, 0);
    return MIN(scale, NUMERIC_DISPLAY_SCALE_MAX);
}

struct nvar nvar_from_double(struct arena *a, double v, int digits)
{
    char text[64];
    snprintf(text, sizeof(text), "%.*e", digits - 1, fabs(v));
    const int exponent = atoi(strchr(text, 'e') + 1);
    uint64_t m = 0;
    for (const char *p = text; *p != 'e'; p++)
        if (*p != '.')
            m = m * 10 + (uint64_t)(*p - '0');
    /* m * 10^(exponent - digits + 1) */
    int scale = digits - 1 - exponent;
    const int groups = scale >= 0 ? (scale + DEC_DIGITS - 1) / DEC_DIGITS : -(-scale / DEC_DIGITS);
    struct nvar r = nvar_from_uint128(a, (uint128_t)m * numeric_pow10(groups * DEC_DIGITS - scale), 0, v < 0);
    r.weight -= r.ndigits ? groups : 0;
    r.dscale = MAX(scale, 0);
    return r;
}

double nvar_to_double(struct arena *a, const struct nvar *v)
{
    double r = 0;
    const int n = MIN(v->ndigits, 5);
    for (int i = 0; i < n; i++)
        r = r * NBASE + v->digits[i];
    r *= pow(NBASE, v->weight - n + 1);
    return v->negative ? -r : r;
}

/* log10 of a positive value, for any exponent. */
static double log10_of(const struct nvar *v)
{
    double f = 0;
    const int n = MIN(v->ndigits, 5);
    for (int i = 0; i < n; i++)
        f = f * NBASE + v->digits[i];
    return log10(f) + (double)(v->weight - n + 1) * DEC_DIGITS;
}

/* ---- square root ------------------------------------------------------- */

/* Newton's iteration on a value brought to [1, 10^8) */
static struct nvar sqrt_var(struct arena *a, const struct nvar *x, int rscale)
{
    if (x->ndigits == 0)
        return (struct nvar){ .dscale = rscale };
    const int shift = x->weight >= 0 ? x->weight / 2 : -((1 - x->weight) / 2);
    struct nvar m = *x;
    m.weight -= 2 * shift;
    const int want = MAX(rscale + shift * DEC_DIGITS, 0) + GUARD;
    const struct nvar half = { .digits = (const uint16_t[]){ NBASE / 2 }, .ndigits = 1, .weight = -1, .dscale = 1 };
    struct nvar r = nvar_from_double(a, sqrt(nvar_to_double(a, &m)), 17);
    for (int good = 14; good / 2 < want; good *= 2) {
        const struct nvar q = nvar_div(a, &m, &r, want, true);
        const struct nvar sum = nvar_add(a, &r, &q);
        r = nvar_mul(a, &sum, &half, want);
    }
    r.weight += shift;
    return nvar_round(a, &r, rscale);
}

enum err numeric_sqrt(struct arena *a, num x, num *ret, struct diag *d)
{
    if (numeric_is_nan(x)) {
        *ret = x;
        return ERR_OK;
    }
    if (numeric_sign(x) < 0)
        return diag_set(d, ERR_POWER_ARGUMENT, "cannot take square root of a negative number");
    if (!num_is_finite(x)) {
        *ret = x;
        return ERR_OK;
    }
    struct arena *t = arena_new("numeric sqrt", 0);
    const struct nvar v = num__unpack(t, x);
    const int first = (v.weight + 1) * DEC_DIGITS / 2 - 1; /* digits of the result before the point, less one */
    const struct nvar r = sqrt_var(t, &v, clamp_scale(NUMERIC_SIG_DIGITS_MIN - first, v.dscale));
    const enum err err = num__pack(a, &r, ret, d);
    arena_free(t);
    return err;
}

/* ---- exponential ------------------------------------------------------- */

/* e^x to `sig` significant digits: Taylor's series of x / 2^k, squared k times. */
static struct nvar exp_digits(struct arena *a, const struct nvar *x, int sig)
{
    int halvings = 0;
    for (double v = fabs(nvar_to_double(a, x)); v > 0.01; v /= 2)
        halvings++;
    const int work = sig + GUARD + halvings / 3;
    const struct nvar divisor = nvar_from_uint128(a, (uint128_t)1 << halvings, 0, false);
    const struct nvar y = nvar_div(a, x, &divisor, work, true);
    const struct nvar one = nvar_from_int(a, 1);
    struct nvar sum = nvar_add(a, &one, &y), term = y;
    for (int n = 2; term.ndigits > 0; n++) {
        const struct nvar next = nvar_mul(a, &term, &y, work), by = nvar_from_int(a, n);
        term = nvar_div(a, &next, &by, work, true);
        sum = nvar_add(a, &sum, &term);
    }
    while (halvings-- > 0)
        sum = nvar_mul(a, &sum, &sum, work - 2 * sum.weight * DEC_DIGITS);
    return sum;
}

static struct nvar exp_var(struct arena *a, const struct nvar *x, int rscale)
{
    const int weight = (int)(nvar_to_double(a, x) * LOG10_E);
    const int sig = MAX(rscale + weight + 2, 1);
    const struct nvar r = exp_digits(a, x, sig);
    return nvar_round(a, &r, rscale);
}

enum err numeric_exp(struct arena *a, num x, num *ret, struct diag *d)
{
    if (!num_is_finite(x)) {
        *ret = x;
        if (num_kind(x) == KIND_NEG_INF)
            *ret = num__pack_small(a, 0, 0);
        return ERR_OK;
    }
    struct arena *t = arena_new("numeric exp", 0);
    const struct nvar v = num__unpack(t, x);
    const double arg = nvar_to_double(t, &v);
    double weight = arg * LOG10_E;
    weight = weight < -NUMERIC_RESULT_SCALE_MAX ? -NUMERIC_RESULT_SCALE_MAX : weight;
    weight = weight > NUMERIC_RESULT_SCALE_MAX ? NUMERIC_RESULT_SCALE_MAX : weight;
    const int rscale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - (int)weight, v.dscale);
    enum err err;
    struct nvar r = { .dscale = rscale };
    if (arg >= NUMERIC_RESULT_SCALE_MAX * 3) {
        err = num__overflow(d);
    } else {
        if (arg > -NUMERIC_RESULT_SCALE_MAX * 3)
            r = exp_var(t, &v, rscale);
        err = num__pack(a, &r, ret, d);
    }
    arena_free(t);
    return err;
}

/* ---- logarithms -------------------------------------------------------- */

/* Natural logarithm of a positive value: a guess, then Halley's iteration y += 2 (x - e^y) / (x + e^y), which triples the digits. */
static struct nvar ln_var(struct arena *a, const struct nvar *x, int rscale)
{
    const struct nvar one = nvar_from_int(a, 1), two = nvar_from_int(a, 2);
    const struct nvar over = nvar_sub(a, x, &one);
    if (over.ndigits == 0)
        return (struct nvar){ .dscale = MAX(rscale, 0) };
    const int want = MAX(rscale, 0) + GUARD;
    const double guess = over.weight < -1 ? log1p(nvar_to_double(a, &over)) : log10_of(x) * LN_10;
    struct nvar y = nvar_from_double(a, guess, 15);
    for (int good = 11; good / 3 < want; good *= 3) {
        const struct nvar e = exp_digits(a, &y, want + DEC_DIGITS);
        const struct nvar diff = nvar_sub(a, x, &e), sum = nvar_add(a, x, &e);
        const struct nvar q = nvar_div(a, &diff, &sum, want, true);
        const struct nvar step = nvar_mul(a, &q, &two, want);
        y = nvar_add(a, &y, &step);
        y = nvar_round(a, &y, want);
    }
    return nvar_round(a, &y, rscale);
}

/* Decimal weight of ln(x), estimated as PostgreSQL does: it decides how many digits are shown. */
static int ln_weight(struct arena *a, const struct nvar *x)
{
    const struct nvar low = { .digits = (const uint16_t[]){ 9000 }, .ndigits = 1, .weight = -1, .dscale = 1 };
    const struct nvar high = { .digits = (const uint16_t[]){ 1, 1000 }, .ndigits = 2, .weight = 0, .dscale = 1 };
    if (nvar_cmp(x, &low) >= 0 && nvar_cmp(x, &high) <= 0) {
        const struct nvar one = nvar_from_int(a, 1), over = nvar_sub(a, x, &one);
        return over.ndigits ? over.weight * DEC_DIGITS + (int)log10(over.digits[0]) : 0;
    }
    if (x->ndigits == 0)
        return 0;
    double digits = x->digits[0];
    int weight = x->weight * DEC_DIGITS;
    if (x->ndigits > 1) {
        digits = digits * NBASE + x->digits[1];
        weight -= DEC_DIGITS;
    }
    return (int)log10(fabs(log(digits) + weight * LN_10));
}

static enum err log_argument(num x, struct diag *d)
{
    const int sign = numeric_sign(x);
    if (sign < 0)
        return diag_set(d, ERR_LOG_ARGUMENT, "cannot take logarithm of a negative number");
    if (sign == 0)
        return diag_set(d, ERR_LOG_ARGUMENT, "cannot take logarithm of zero");
    return ERR_OK;
}

enum err numeric_ln(struct arena *a, num x, num *ret, struct diag *d)
{
    if (numeric_is_nan(x)) {
        *ret = x;
        return ERR_OK;
    }
    enum err err = log_argument(x, d);
    if (err)
        return err;
    if (!num_is_finite(x)) {
        *ret = x;
        return ERR_OK;
    }
    struct arena *t = arena_new("numeric ln", 0);
    const struct nvar v = num__unpack(t, x);
    const struct nvar r = ln_var(t, &v, clamp_scale(NUMERIC_SIG_DIGITS_MIN - ln_weight(t, &v), v.dscale));
    err = num__pack(a, &r, ret, d);
    arena_free(t);
    return err;
}

enum err numeric_log(struct arena *a, num base, num x, num *ret, struct diag *d)
{
    if (numeric_is_nan(base) || numeric_is_nan(x)) {
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    enum err err = log_argument(base, d);
    if (!err)
        err = log_argument(x, d);
    if (err)
        return err;
    if (!num_is_finite(base) || !num_is_finite(x)) {
        *ret = num_is_finite(base) ? num__special(KIND_INF)
               : num_is_finite(x)  ? num__pack_small(a, 0, 0)
                                   : num__special(KIND_NAN);
        return ERR_OK;
    }
    struct arena *t = arena_new("numeric log", 0);
    const struct nvar vb = num__unpack(t, base), vx = num__unpack(t, x);
    const int wb = ln_weight(t, &vb), wx = ln_weight(t, &vx);
    const int rscale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - (wx - wb), MAX(vb.dscale, vx.dscale));
    const int work = rscale + abs(wx) + 2 * abs(wb) + GUARD;
    const struct nvar lb = ln_var(t, &vb, work), lx = ln_var(t, &vx, work);
    if (lb.ndigits == 0) {
        err = diag_set(d, ERR_DIVISION_BY_ZERO, "division by zero");
    } else {
        const struct nvar r = nvar_div(t, &lx, &lb, rscale, true);
        err = num__pack(a, &r, ret, d);
    }
    arena_free(t);
    return err;
}

/* ---- powers ------------------------------------------------------------ */

/* Square and multiply, with as many digits as the result shows and guards. */
static enum err power_int(struct arena *a, const struct nvar *base, int64_t exp, struct nvar *ret, struct diag *d)
{
    const int rscale = clamp_scale(NUMERIC_SIG_DIGITS_MIN, base->dscale);
    const struct nvar one = nvar_from_int(a, 1);
    struct nvar r = one;
    r.dscale = rscale;
    *ret = r;
    if (exp == 0)
        return ERR_OK;
    *ret = (struct nvar){ .dscale = rscale };
    if (base->ndigits == 0)
        return ERR_OK;
    const double weight = (double)exp * log10_of(base);
    if (weight > ((double)NUMERIC_WEIGHT_MAX + 1) * DEC_DIGITS)
        return num__overflow(d);
    if (weight + 1 < -rscale || weight + 1 < -NUMERIC_DISPLAY_SCALE_MAX)
        return ERR_OK;
    const bool invert = exp < 0;
    const int sig = 2 + rscale + (int)fabs(weight) + (int)log(fabs((double)exp)) + GUARD;
    struct nvar square = *base;
    r = one;
    for (uint64_t n = invert ? -(uint64_t)exp : (uint64_t)exp; n > 0; n >>= 1) {
        if (n & 1)
            r = nvar_mul(a, &r, &square, sig - (r.weight + square.weight) * DEC_DIGITS);
        if (n > 1)
            square = nvar_mul(a, &square, &square, sig - 2 * square.weight * DEC_DIGITS);
    }
    *ret = invert ? nvar_div(a, &one, &r, rscale, true) : nvar_round(a, &r, rscale);
    return ERR_OK;
}

static enum err power_ln(struct arena *a, const struct nvar *base, const struct nvar *exp, struct nvar *ret, struct diag *d)
{
    if (base->ndigits == 0) {
        *ret = (struct nvar){ .dscale = NUMERIC_SIG_DIGITS_MIN };
        return ERR_OK;
    }
    const int ln_w = ln_weight(a, base);
    const struct nvar rough_ln = ln_var(a, base, MAX(8 - ln_w, 0));
    const struct nvar rough = nvar_mul(a, &rough_ln, exp, MAX(8 - ln_w, 0));
    double val = nvar_to_double(a, &rough);
    if (fabs(val) > NUMERIC_RESULT_SCALE_MAX * 3.01) {
        if (val > 0)
            return num__overflow(d);
        *ret = (struct nvar){ .dscale = NUMERIC_DISPLAY_SCALE_MAX };
        return ERR_OK;
    }
    val *= LOG10_E;
    const int rscale = clamp_scale(NUMERIC_SIG_DIGITS_MIN - (int)val, MAX(base->dscale, exp->dscale));
    const int exp_weight = exp->ndigits ? (exp->weight + 1) * DEC_DIGITS : 0;
    const int work = MAX(rscale + (int)val, 0) + abs(ln_w) + MAX(exp_weight, 0) + GUARD;
    const struct nvar ln = ln_var(a, base, work);
    const struct nvar product = nvar_mul(a, &ln, exp, work);
    *ret = exp_var(a, &product, rscale);
    return ERR_OK;
}

static bool is_integer(const struct nvar *v)
{
    return v->ndigits == 0 || v->ndigits <= v->weight + 1;
}

static bool is_odd(const struct nvar *v)
{
    return v->ndigits > 0 && v->ndigits == v->weight + 1 && v->digits[v->ndigits - 1] % 2 == 1;
}

static enum err power_var(struct arena *a, const struct nvar *base, const struct nvar *exp, struct nvar *ret, struct diag *d)
{
    if (base->ndigits == 0 && exp->negative)
        return diag_set(d, ERR_POWER_ARGUMENT, "zero raised to a negative power is undefined");
    if (is_integer(exp) && exp->weight <= 2) {
        int64_t n = 0;
        for (int i = 0; exp->ndigits && i <= exp->weight; i++)
            n = n * NBASE + (i < exp->ndigits ? exp->digits[i] : 0);
        if (n <= INT32_MAX)
            return power_int(a, base, exp->negative ? -n : n, ret, d);
    }
    struct nvar positive = *base;
    if (base->negative) {
        if (!is_integer(exp))
            return diag_set(d, ERR_POWER_ARGUMENT, "a negative number raised to a non-integer power yields a complex result");
        positive.negative = false;
    }
    const enum err err = power_ln(a, &positive, exp, ret, d);
    if (!err && base->negative && is_odd(exp) && ret->ndigits)
        ret->negative = true;
    return err;
}

/* NaN and infinities, as the C library's pow() treats them. */
static enum err power_special(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    const num one = num__pack_small(a, 1, 0), zero = num__pack_small(a, 0, 0);
    const int sx = numeric_sign(x), sy = numeric_sign(y);
    if (numeric_is_nan(x) || numeric_is_nan(y)) {
        const bool is_one = (!numeric_is_nan(x) && numeric_cmp(x, one) == 0) || (!numeric_is_nan(y) && sy == 0);
        *ret = is_one ? one : num__special(KIND_NAN);
        return ERR_OK;
    }
    if (num_is_finite(x)) { /* to the power of an infinity */
        if (sx == 0 && sy < 0)
            return diag_set(d, ERR_POWER_ARGUMENT, "zero raised to a negative power is undefined");
        const int c = numeric_cmp(numeric_abs(a, x), one);
        *ret = c == 0 ? one : (c > 0) == (sy > 0) ? num__special(KIND_INF) : zero;
        return ERR_OK;
    }
    if (sy == 0) {
        *ret = one;
        return ERR_OK;
    }
    if (sx < 0 && num_is_finite(y)) {
        const struct nvar v = num__unpack(a, y);
        if (!is_integer(&v))
            return diag_set(d, ERR_POWER_ARGUMENT, "a negative number raised to a non-integer power yields a complex result");
        *ret = sy < 0 ? zero : num__special(is_odd(&v) ? KIND_NEG_INF : KIND_INF);
        return ERR_OK;
    }
    *ret = sy > 0 ? num__special(KIND_INF) : zero;
    return ERR_OK;
}

enum err numeric_power(struct arena *a, num x, num y, num *ret, struct diag *d)
{
    if (!num_is_finite(x) || !num_is_finite(y))
        return power_special(a, x, y, ret, d);
    struct arena *t = arena_new("numeric power", 0);
    const struct nvar base = num__unpack(t, x), exp = num__unpack(t, y);
    struct nvar r;
    enum err err = power_var(t, &base, &exp, &r, d);
    if (!err)
        err = num__pack(a, &r, ret, d);
    arena_free(t);
    return err;
}

/* ---- variance ---------------------------------------------------------- */

/* (n * sum of squares - sum^2) / (n * n or n * (n - 1)) */
enum err numeric_variance(struct arena *a, int64_t n, num sum, num sum_squares, bool sample, bool root, num *ret, struct diag *d)
{
    assert(n >= 1 + sample);
    if (!num_is_finite(sum) || !num_is_finite(sum_squares)) {
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    struct arena *t = arena_new("numeric variance", 0);
    const struct nvar vn = nvar_from_int(t, n), s = num__unpack(t, sum), s2 = num__unpack(t, sum_squares);
    const int scale = s.dscale * 2;
    const struct nvar square = nvar_mul(t, &s, &s, scale), scaled = nvar_mul(t, &vn, &s2, scale);
    const struct nvar top = nvar_sub(t, &scaled, &square);
    struct nvar r = { 0 };
    if (top.ndigits > 0 && !top.negative) {
        const struct nvar other = nvar_from_int(t, sample ? n - 1 : n);
        const struct nvar bottom = nvar_mul(t, &vn, &other, 0);
        const int rscale = nvar_div_scale(&top, &bottom);
        r = nvar_div(t, &top, &bottom, rscale, true);
        if (root)
            r = sqrt_var(t, &r, rscale);
    }
    const enum err err = num__pack(a, &r, ret, d);
    arena_free(t);
    return err;
}
