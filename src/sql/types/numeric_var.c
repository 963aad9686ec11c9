/*
 * Schoolbook arithmetic on base-10000 digits.
 */
#include "sql/types/numeric_int.h"

#include <stdlib.h>

static const uint16_t pow10_digit[] = { 1, 10, 100, 1000, 10000 };

static uint16_t *new_digits(struct arena *a, int n)
{
    return arena_alloc(a, sizeof(uint16_t) * (size_t)MAX(n, 1));
}

/* Digit of weight w; 0 outside. */
static inline unsigned digit_at(const struct nvar *v, int w)
{
    const int i = v->weight - w;
    return i >= 0 && i < v->ndigits ? v->digits[i] : 0;
}

struct nvar nvar_strip(struct nvar v)
{
    while (v.ndigits > 0 && v.digits[0] == 0) {
        v.digits++;
        v.ndigits--;
        v.weight--;
    }
    while (v.ndigits > 0 && v.digits[v.ndigits - 1] == 0)
        v.ndigits--;
    if (v.ndigits == 0) {
        v.weight = 0;
        v.negative = false;
    }
    return v;
}

struct nvar nvar_from_uint128(struct arena *a, uint128_t m, int scale, bool negative)
{
    const int groups = (scale + DEC_DIGITS - 1) / DEC_DIGITS; /* base-10000 digits after the point */
    const int fill = groups * DEC_DIGITS - scale;
    const unsigned unit = pow10_digit[DEC_DIGITS - fill]; /* the lowest digit takes this many values of m */
    uint16_t *d = new_digits(a, 12);
    int n = 12;
    if (m) {
        d[--n] = (uint16_t)((unsigned)(m % unit) * pow10_digit[fill]);
        m /= unit;
    }
    while (m > UINT64_MAX) {
        d[--n] = (uint16_t)(m % NBASE);
        m /= NBASE;
    }
    for (uint64_t low = (uint64_t)m; low; low /= NBASE)
        d[--n] = (uint16_t)(low % NBASE);
    const int count = 12 - n;
    return nvar_strip((struct nvar){ .digits = d + n, .ndigits = count, .weight = count - 1 - groups, .dscale = scale,
                                     .negative = negative });
}

struct nvar nvar_from_int(struct arena *a, int64_t v)
{
    return nvar_from_uint128(a, v < 0 ? -(uint64_t)v : (uint64_t)v, 0, v < 0);
}

int nvar_cmp_abs(const struct nvar *x, const struct nvar *y)
{
    if (x->ndigits == 0 || y->ndigits == 0)
        return (x->ndigits > 0) - (y->ndigits > 0);
    if (x->weight != y->weight)
        return x->weight > y->weight ? 1 : -1;
    const int n = MAX(x->ndigits, y->ndigits);
    for (int i = 0; i < n; i++) {
        const int dx = i < x->ndigits ? x->digits[i] : 0, dy = i < y->ndigits ? y->digits[i] : 0;
        if (dx != dy)
            return dx > dy ? 1 : -1;
    }
    return 0;
}

int nvar_cmp(const struct nvar *x, const struct nvar *y)
{
    if (x->negative != y->negative)
        return x->negative ? -1 : 1;
    const int r = nvar_cmp_abs(x, y);
    return x->negative ? -r : r;
}

static int lowest_weight(const struct nvar *v)
{
    return v->weight - v->ndigits + 1;
}

static struct nvar add_abs(struct arena *a, const struct nvar *x, const struct nvar *y)
{
    if (x->ndigits == 0)
        return *y;
    if (y->ndigits == 0)
        return *x;
    const int high = MAX(x->weight, y->weight) + 1, low = MIN(lowest_weight(x), lowest_weight(y));
    const int n = high - low + 1;
    uint16_t *d = new_digits(a, n);
    unsigned carry = 0;
    for (int w = low, i = n - 1; w <= high; w++, i--) {
        carry += digit_at(x, w) + digit_at(y, w);
        d[i] = (uint16_t)(carry % NBASE);
        carry /= NBASE;
    }
    return (struct nvar){ .digits = d, .ndigits = n, .weight = high };
}

/* |x| >= |y| */
static struct nvar sub_abs(struct arena *a, const struct nvar *x, const struct nvar *y)
{
    if (y->ndigits == 0)
        return *x;
    const int high = x->weight, low = MIN(lowest_weight(x), lowest_weight(y));
    const int n = high - low + 1;
    uint16_t *d = new_digits(a, n);
    int borrow = 0;
    for (int w = low, i = n - 1; w <= high; w++, i--) {
        int v = (int)digit_at(x, w) - (int)digit_at(y, w) - borrow;
        borrow = v < 0;
        d[i] = (uint16_t)(v + borrow * NBASE);
    }
    assert(borrow == 0);
    return (struct nvar){ .digits = d, .ndigits = n, .weight = high };
}

static struct nvar add_signed(struct arena *a, const struct nvar *x, const struct nvar *y, bool y_negative)
{
    struct nvar r;
    if (x->negative == y_negative) {
        r = add_abs(a, x, y);
        r.negative = x->negative;
    } else if (nvar_cmp_abs(x, y) >= 0) {
        r = sub_abs(a, x, y);
        r.negative = x->negative;
    } else {
        r = sub_abs(a, y, x);
        r.negative = y_negative;
    }
    r.dscale = MAX(x->dscale, y->dscale);
    return nvar_strip(r);
}

struct nvar nvar_add(struct arena *a, const struct nvar *x, const struct nvar *y)
{
    return add_signed(a, x, y, y->negative);
}

struct nvar nvar_sub(struct arena *a, const struct nvar *x, const struct nvar *y)
{
    return add_signed(a, x, y, !y->negative);
}

struct nvar nvar_mul(struct arena *a, const struct nvar *x, const struct nvar *y, int rscale)
{
    const int n = x->ndigits + y->ndigits;
    if (x->ndigits == 0 || y->ndigits == 0)
        return (struct nvar){ .dscale = MAX(rscale, 0) };
    uint64_t *sum = arena_alloc(a, sizeof(uint64_t) * (size_t)n); /* column sums: below 2^64 for any length allowed */
    memset(sum, 0, sizeof(uint64_t) * (size_t)n);
    for (int i = 0; i < x->ndigits; i++)
        for (int j = 0; j < y->ndigits; j++)
            sum[i + j + 1] += (uint32_t)x->digits[i] * y->digits[j];
    uint16_t *d = new_digits(a, n);
    uint64_t carry = 0;
    for (int i = n - 1; i >= 0; i--) {
        carry += sum[i];
        d[i] = (uint16_t)(carry % NBASE);
        carry /= NBASE;
    }
    struct nvar r = nvar_strip((struct nvar){ .digits = d, .ndigits = n, .weight = x->weight + y->weight + 1,
                                              .dscale = x->dscale + y->dscale, .negative = x->negative != y->negative });
    return nvar_round(a, &r, rscale);
}

/* Quotient digits of u / v by Knuth's algorithm D (TAOCP 2, 4.3.1); u has nq + nv digits with u[0] = 0 and is destroyed. */
static void long_division(uint32_t *u, const uint32_t *v, int nv, uint16_t *q, int nq)
{
    for (int j = 0; j < nq; j++) {
        uint32_t *top = u + j;
        const uint64_t two = (uint64_t)top[0] * NBASE + top[1];
        uint64_t guess = MIN(two / v[0], (uint64_t)NBASE - 1);
        uint64_t rest = two - guess * v[0];
        while (nv > 1 && rest < NBASE && guess * v[1] > rest * NBASE + top[2]) {
            guess--;
            rest += v[0];
        }
        int64_t borrow = 0;
        for (int i = nv; i >= 1; i--) {
            int64_t t = (int64_t)top[i] - (int64_t)(guess * v[i - 1]) - borrow;
            borrow = t < 0 ? (-t + NBASE - 1) / NBASE : 0;
            top[i] = (uint32_t)(t + borrow * NBASE);
        }
        if ((int64_t)top[0] < borrow) { /* the guess was one too high */
            guess--;
            uint32_t carry = 0;
            for (int i = nv; i >= 1; i--) {
                carry += top[i] + v[i - 1];
                top[i] = carry % NBASE;
                carry /= NBASE;
            }
        }
        top[0] = 0;
        q[j] = (uint16_t)guess;
    }
}

/* Writes digits times `factor`, cut to n digits, to out[1..n]; out[0] takes the carry. */
static void scale_digits(const uint16_t *d, int nd, unsigned factor, uint32_t *out, int n)
{
    uint32_t carry = 0;
    for (int i = MAX(n, nd) - 1; i >= 0; i--) {
        carry += (i < nd ? d[i] : 0) * factor;
        if (i < n)
            out[i + 1] = carry % NBASE;
        carry /= NBASE;
    }
    out[0] = carry;
}

struct nvar nvar_div(struct arena *a, const struct nvar *x, const struct nvar *y, int rscale, bool round)
{
    assert(y->ndigits > 0);
    if (x->ndigits == 0)
        return (struct nvar){ .dscale = MAX(rscale, 0) };
    const int qweight = x->weight - y->weight; /* of the first quotient digit, which may be 0 */
    const int groups = rscale >= 0 ? rscale / DEC_DIGITS + 1 : rscale / DEC_DIGITS;
    const int nq = qweight + 1 + groups + 1; /* one more than asked for, to round by */
    if (nq <= 0)
        return (struct nvar){ .dscale = MAX(rscale, 0) };
    /* Normalise: the divisor's first digit is at least NBASE / 2. */
    const unsigned factor = NBASE / (y->digits[0] + 1u);
    const int nv = y->ndigits;
    uint32_t *u = arena_alloc(a, sizeof(uint32_t) * (size_t)(nq + nv + 1));
    uint32_t *v = arena_alloc(a, sizeof(uint32_t) * (size_t)(nv + 1));
    scale_digits(x->digits, x->ndigits, factor, u, nq + nv);
    scale_digits(y->digits, nv, factor, v, nv);
    assert(v[0] == 0);
    uint16_t *q = new_digits(a, nq);
    long_division(u, v + 1, nv, q, nq);
    struct nvar r = nvar_strip((struct nvar){ .digits = q, .ndigits = nq, .weight = qweight,
                                              .dscale = MAX((groups + 1) * DEC_DIGITS, 0),
                                              .negative = x->negative != y->negative });
    return round ? nvar_round(a, &r, rscale) : nvar_trunc(a, &r, rscale);
}

/* Keeps `keep` decimal digits counted from the first base-10000 digit. */
static struct nvar cut(struct arena *a, const struct nvar *x, int keep, bool round)
{
    const int full = keep / DEC_DIGITS, part = keep % DEC_DIGITS;
    const int n = full + (part > 0);
    uint16_t *d = new_digits(a, n + 1); /* d[0] takes a carry */
    d[0] = 0;
    memcpy(d + 1, x->digits, sizeof(uint16_t) * (size_t)n);
    bool up;
    if (part > 0) {
        const uint16_t unit = pow10_digit[DEC_DIGITS - part];
        const uint16_t rest = d[n] % unit;
        d[n] = (uint16_t)(d[n] - rest);
        up = rest >= unit / 2;
        if (round && up)
            d[n] = (uint16_t)(d[n] + unit);
    } else {
        up = x->digits[n] >= NBASE / 2;
        if (round && up)
            d[n] = (uint16_t)(d[n] + 1); /* n may be 0: the carry digit */
    }
    for (int i = n; i > 0 && d[i] >= NBASE; i--) {
        d[i] = (uint16_t)(d[i] - NBASE);
        d[i - 1]++;
    }
    return (struct nvar){ .digits = d, .ndigits = n + 1, .weight = x->weight + 1, .negative = x->negative };
}

static struct nvar to_scale(struct arena *a, const struct nvar *x, int rscale, bool round)
{
    const int keep = (x->weight + 1) * DEC_DIGITS + rscale;
    struct nvar r = *x;
    if (keep < 0 || x->ndigits == 0)
        r = (struct nvar){ .ndigits = 0 };
    else if (keep < x->ndigits * DEC_DIGITS)
        r = cut(a, x, keep, round);
    r = nvar_strip(r);
    r.dscale = MAX(rscale, 0);
    return r;
}

struct nvar nvar_round(struct arena *a, const struct nvar *x, int rscale)
{
    return to_scale(a, x, rscale, true);
}

struct nvar nvar_trunc(struct arena *a, const struct nvar *x, int rscale)
{
    return to_scale(a, x, rscale, false);
}

int nvar_div_scale(const struct nvar *x, const struct nvar *y)
{
    const int wx = x->ndigits ? x->weight : 0, wy = y->ndigits ? y->weight : 0;
    const int fx = x->ndigits ? x->digits[0] : 0, fy = y->ndigits ? y->digits[0] : 0;
    int qweight = wx - wy;
    if (fx <= fy)
        qweight--;
    int rscale = NUMERIC_SIG_DIGITS_MIN - qweight * DEC_DIGITS;
    rscale = MAX(rscale, x->dscale);
    rscale = MAX(rscale, y->dscale);
    rscale = MAX(rscale, 0);
    return MIN(rscale, NUMERIC_DISPLAY_SCALE_MAX);
}
