/*
 * Packed decimals: text and wire forms, order, and arithmetic with a fast
 * path for values of up to 35 digits.
 */
#include "sql/types/numeric.h"
#include "base/hash.h"
#include "sql/types/numeric_int.h"
#include "sql/types/types_int.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t pow10_64[] = {
    1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
    10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull, 1000000000000000ull,
    10000000000000000ull, 100000000000000000ull, 1000000000000000000ull, 10000000000000000000ull,
};

uint128_t numeric_pow10(int n)
{
    assert(n >= 0 && n <= 38);
    return n <= 19 ? pow10_64[n] : (uint128_t)pow10_64[19] * pow10_64[n - 19];
}

int num__count_digits(uint128_t v)
{
    int n = 0;
    if (v >> 64) {
        n = 19;
        while (n <= 38 && v >= numeric_pow10(n))
            n++;
        return n;
    }
    while (n < 20 && (uint64_t)v >= pow10_64[n])
        n++;
    return n;
}

enum err num__overflow(struct diag *d)
{
    return diag_set(d, ERR_NUMERIC_RANGE, "value overflows numeric format");
}

/* ---- packing ----------------------------------------------------------- */

num num__special(enum num_kind k)
{
    static const char kinds[] = { KIND_SMALL, KIND_POSITIVE, KIND_NEGATIVE, KIND_NAN, KIND_INF, KIND_NEG_INF };
    return (num){ kinds + k, 1 };
}

static inline bool fits_small(int128_t m, int scale)
{
    const uint128_t abs = m < 0 ? -(uint128_t)m : (uint128_t)m;
    return scale <= NUMERIC_SMALL_DIGITS && (abs <= INT64_MAX || abs < numeric_pow10(NUMERIC_SMALL_DIGITS));
}

num num__pack_small(struct arena *a, int128_t m, int scale)
{
    assert(fits_small(m, scale));
    char *p = arena_alloc(a, NUMERIC_PACKED_SMALL_MAX);
    p[0] = KIND_SMALL;
    p[1] = (char)scale;
    int n;
    if (m == (int64_t)m) {
        const int64_t low = (int64_t)m;
        /* significant bits and the sign */
        n = low == 0 ? 0 : (64 - __builtin_clrsbll(low) + 7) / 8;
        put_u64le(p + 2, (uint64_t)low);
    } else {
        const int64_t high = (int64_t)(m >> 64);
        n = 8 + (64 - __builtin_clrsbll(high) + 7) / 8;
        put_u64le(p + 2, (uint64_t)m);
        put_u64le(p + 10, (uint64_t)high);
    }
    return (num){ p, (uint32_t)(2 + n) };
}

static inline void unpack_small(num x, int128_t *m, int *scale)
{
    if (x.len < 2) {
        *m = 0;
        *scale = 0;
        return;
    }
    const unsigned n = x.len - 2;
    *scale = (uint8_t)x.p[1];
    if (n == 0) {
        *m = 0;
    } else if (n <= 8) {
        uint64_t v = 0;
        memcpy(&v, x.p + 2, n);
        const unsigned shift = 64 - 8 * n;
        *m = (int64_t)(v << shift) >> shift;
    } else {
        uint64_t high = 0;
        memcpy(&high, x.p + 10, n - 8);
        const unsigned shift = 128 - 8 * n;
        *m = (int128_t)((uint128_t)((int64_t)(high << shift) >> shift) << 64 | get_u64le(x.p + 2));
    }
}

bool numeric_is_small(num x, int128_t *ret_v, int *ret_scale)
{
    if (num_kind(x) != KIND_SMALL)
        return false;
    unpack_small(x, ret_v, ret_scale);
    return true;
}

struct nvar num__unpack(struct arena *a, num x)
{
    assert(num_is_finite(x));
    int128_t m;
    int scale;
    if (numeric_is_small(x, &m, &scale))
        return nvar_from_uint128(a, m < 0 ? -(uint128_t)m : (uint128_t)m, scale, m < 0);
    const int n = (int)(x.len - 6) / 2;
    const uint16_t *digits = (const uint16_t *)(const void *)(x.p + 6);
    if ((uintptr_t)digits % alignof(uint16_t) != 0)
        digits = arena_dup(a, x.p + 6, (size_t)n * 2);
    return (struct nvar){ .digits = digits, .ndigits = n, .weight = (int16_t)get_u16le(x.p + 4), .dscale = get_u16le(x.p + 2),
                          .negative = num_kind(x) == KIND_NEGATIVE };
}

/* The value as an integer of units of 10^-dscale, if it is small. */
static bool to_small(const struct nvar *v, int128_t *ret)
{
    if (v->dscale > NUMERIC_SMALL_DIGITS)
        return false;
    const int int_digits = v->ndigits ? (v->weight + 1) * DEC_DIGITS : 0;
    if (int_digits + v->dscale > NUMERIC_SMALL_DIGITS + DEC_DIGITS)
        return false;
    const int groups = (v->dscale + DEC_DIGITS - 1) / DEC_DIGITS;
    const int fill = groups * DEC_DIGITS - v->dscale;
    uint128_t m = 0;
    for (int i = 0; v->ndigits && i <= v->weight + groups; i++) {
        const unsigned digit = i < v->ndigits ? v->digits[i] : 0;
        if (i == v->weight + groups && fill > 0)
            m = m * pow10_64[DEC_DIGITS - fill] + digit / pow10_64[fill];
        else
            m = m * NBASE + digit;
    }
    *ret = v->negative ? -(int128_t)m : (int128_t)m;
    return fits_small(*ret, v->dscale);
}

enum err num__pack(struct arena *a, const struct nvar *var, num *ret, struct diag *d)
{
    struct nvar v = nvar_strip(*var);
    int128_t m;
    if (v.dscale > NUMERIC_DSCALE_MAX)
        v = nvar_round(a, &v, NUMERIC_DSCALE_MAX);
    if (to_small(&v, &m)) {
        *ret = num__pack_small(a, m, v.dscale);
        return ERR_OK;
    }
    if (v.weight > NUMERIC_WEIGHT_MAX || v.weight < -NUMERIC_WEIGHT_MAX)
        return num__overflow(d);
    const size_t bytes = 6 + 2 * (size_t)v.ndigits;
    char *p = arena_alloc(a, bytes);
    p[0] = v.negative ? KIND_NEGATIVE : KIND_POSITIVE;
    p[1] = 0;
    put_u16le(p + 2, (uint16_t)v.dscale);
    put_u16le(p + 4, (uint16_t)v.weight);
    if (v.ndigits)
        memcpy(p + 6, v.digits, 2 * (size_t)v.ndigits);
    *ret = (num){ p, (uint32_t)bytes };
    return ERR_OK;
}

bool numeric_is_nan(num x)
{
    return num_kind(x) == KIND_NAN;
}

bool numeric_is_finite(num x)
{
    return num_is_finite(x);
}

int numeric_sign(num x)
{
    int128_t m;
    int scale;
    switch (num_kind(x)) {
    case KIND_SMALL:
        unpack_small(x, &m, &scale);
        return (m > 0) - (m < 0);
    case KIND_POSITIVE:
        return x.len > 6;
    case KIND_NEGATIVE:
    case KIND_NEG_INF:
        return -1;
    case KIND_INF:
        return 1;
    case KIND_NAN:
        return 0;
    }
    return 0;
}

int numeric_scale(num x)
{
    switch (num_kind(x)) {
    case KIND_SMALL:
        return x.len >= 2 ? (uint8_t)x.p[1] : 0;
    case KIND_POSITIVE:
    case KIND_NEGATIVE:
        return get_u16le(x.p + 2);
    default:
        return 0;
    }
}

/* ---- text -------------------------------------------------------------- */

static num parse_special(const char *s, size_t len)
{
    int sign = 0;
    if (len > 0 && (*s == '+' || *s == '-')) {
        sign = *s == '-' ? -1 : 1;
        s++;
        len--;
    }
    if (sign == 0 && type__is_word(s, len, "nan"))
        return num__special(KIND_NAN);
    if (type__is_word(s, len, "infinity") || type__is_word(s, len, "inf"))
        return num__special(sign < 0 ? KIND_NEG_INF : KIND_INF);
    return (num){ NULL, 0 };
}

/* A literal taken apart: digits are those of `text` without the point. */
struct literal {
    const char *text;
    size_t len; /* digits and point */
    int digits; /* without leading zeros they may be fewer */
    int fraction; /* digits after the point */
    int64_t exponent;
    bool negative;
};

static bool scan_literal(const char *s, size_t len, struct literal *l)
{
    size_t i = 0;
    *l = (struct literal){ 0 };
    if (i < len && (s[i] == '+' || s[i] == '-'))
        l->negative = s[i++] == '-';
    l->text = s + i;
    bool point = false;
    const size_t start = i;
    for (; i < len; i++) {
        if (s[i] >= '0' && s[i] <= '9') {
            l->digits++;
            l->fraction += point;
        } else if (s[i] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    l->len = i - start;
    if (l->digits == 0)
        return false;
    if (i < len && (s[i] == 'e' || s[i] == 'E')) {
        bool negative = false;
        i++;
        if (i < len && (s[i] == '+' || s[i] == '-'))
            negative = s[i++] == '-';
        if (i == len)
            return false;
        for (; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
            l->exponent = l->exponent * 10 + (s[i] - '0');
            l->exponent = MIN(l->exponent, (int64_t)INT_MAX); /* far beyond what is accepted */
        }
        if (negative)
            l->exponent = -l->exponent;
    }
    return i == len;
}

static struct nvar literal_to_nvar(struct arena *a, const struct literal *l, int dscale)
{
    /* Position of the first digit: the number is 0.d1d2d3... * 10^point */
    const int64_t point = (int64_t)l->digits - l->fraction + l->exponent;
    const int64_t weight = point > 0 ? (point - 1) / DEC_DIGITS : -(-point / DEC_DIGITS) - 1;
    const int lead = (int)((weight + 1) * DEC_DIGITS - point); /* zeros before the first digit in its group */
    const int n = (lead + l->digits + DEC_DIGITS - 1) / DEC_DIGITS;
    uint16_t *digits = arena_alloc(a, sizeof(uint16_t) * (size_t)n);
    memset(digits, 0, sizeof(uint16_t) * (size_t)n);
    int pos = lead;
    for (size_t i = 0; i < l->len; i++)
        if (l->text[i] != '.') {
            digits[pos / DEC_DIGITS] =
                (uint16_t)(digits[pos / DEC_DIGITS] + (l->text[i] - '0') * (int)pow10_64[DEC_DIGITS - 1 - pos % DEC_DIGITS]);
            pos++;
        }
    return (struct nvar){ .digits = digits, .ndigits = n, .weight = (int)weight, .dscale = dscale, .negative = l->negative };
}

enum err numeric_parse(struct arena *a, const char *s, size_t len, num *ret, struct diag *d)
{
    const char *t = s;
    size_t n = len;
    type__trim(&t, &n);
    struct literal l;
    if (!scan_literal(t, n, &l)) {
        const num special = parse_special(t, n);
        if (!special.p)
            return type__bad_syntax("numeric", s, len, d);
        *ret = special;
        return ERR_OK;
    }
    const int64_t dscale = MAX((int64_t)l.fraction - l.exponent, (int64_t)0);
    if (l.exponent == 0 && l.digits <= NUMERIC_SMALL_DIGITS) {
        uint128_t m = 0;
        for (size_t i = 0; i < l.len; i++)
            if (l.text[i] != '.')
                m = m * 10 + (unsigned)(l.text[i] - '0');
        *ret = num__pack_small(a, l.negative ? -(int128_t)m : (int128_t)m, l.fraction);
        return ERR_OK;
    }
    if (dscale > NUMERIC_DSCALE_MAX || l.exponent > (int64_t)NUMERIC_WEIGHT_MAX * DEC_DIGITS + DEC_DIGITS)
        return num__overflow(d);
    const struct nvar v = nvar_strip(literal_to_nvar(a, &l, (int)dscale));
    return num__pack(a, &v, ret, d);
}

/* An integer of at most 39 digits, padded with zeros to `width`. */
static int put_uint128(uint128_t m, int width, char *out)
{
    char text[48], *p = text + sizeof(text);
    while (m > UINT64_MAX) {
        uint64_t low = (uint64_t)(m % pow10_64[18]);
        m /= pow10_64[18];
        for (int i = 0; i < 18; i++, low /= 10)
            *--p = (char)('0' + low % 10);
    }
    for (uint64_t low = (uint64_t)m; low; low /= 10)
        *--p = (char)('0' + low % 10);
    while (text + sizeof(text) - p < width)
        *--p = '0';
    const int n = (int)(text + sizeof(text) - p);
    memcpy(out, p, (size_t)n);
    return n;
}

static void print_small(int128_t m, int scale, struct buf *b)
{
    char text[48];
    const int n = put_uint128(m < 0 ? -(uint128_t)m : (uint128_t)m, scale + 1, text);
    if (m < 0)
        buf_put_u8(b, '-');
    buf_put(b, text, (size_t)(n - scale));
    if (scale > 0) {
        buf_put_u8(b, '.');
        buf_put(b, text + n - scale, (size_t)scale);
    }
}

static void print_big(num x, struct buf *b)
{
    const int n = (int)(x.len - 6) / 2, dscale = get_u16le(x.p + 2), weight = (int16_t)get_u16le(x.p + 4);
    char group[8];
    if (num_kind(x) == KIND_NEGATIVE)
        buf_put_u8(b, '-');
    if (weight < 0)
        buf_put_u8(b, '0');
    for (int w = weight; w >= 0; w--) {
        const int i = weight - w;
        snprintf(group, sizeof(group), i ? "%04u" : "%u", i < n ? get_u16le(x.p + 6 + 2 * i) : 0u);
        buf_put_str(b, group);
    }
    if (dscale > 0)
        buf_put_u8(b, '.');
    for (int left = dscale, w = -1; left > 0; left -= DEC_DIGITS, w--) {
        const int i = weight - w;
        snprintf(group, sizeof(group), "%04u", i >= 0 && i < n ? get_u16le(x.p + 6 + 2 * i) : 0u);
        buf_put(b, group, (size_t)MIN(left, DEC_DIGITS));
    }
}

void numeric_print(num x, struct buf *b)
{
    int128_t m;
    int scale;
    switch (num_kind(x)) {
    case KIND_SMALL:
        unpack_small(x, &m, &scale);
        print_small(m, scale, b);
        break;
    case KIND_POSITIVE:
    case KIND_NEGATIVE:
        print_big(x, b);
        break;
    case KIND_NAN:
        buf_put_str(b, "NaN");
        break;
    case KIND_INF:
        buf_put_str(b, "Infinity");
        break;
    case KIND_NEG_INF:
        buf_put_str(b, "-Infinity");
        break;
    }
}

/* ---- wire: digit count, weight, sign, scale, base-10000 digits --------- */

enum { WIRE_POS = 0x0000, WIRE_NEG = 0x4000, WIRE_NAN = 0xc000, WIRE_INF = 0xd000, WIRE_NEG_INF = 0xf000 };
#define WIRE_INF_SCALE 0x20 /* what PostgreSQL sends there */

enum err numeric_recv(struct arena *a, const uint8_t *p, size_t len, num *ret, struct diag *d)
{
    if (len < 8)
        return diag_set(d, ERR_PROTOCOL, "insufficient data left in message");
    const unsigned n = get_u16be(p), sign = get_u16be(p + 4), dscale = get_u16be(p + 6);
    const int weight = (int16_t)get_u16be(p + 2);
    if (len < 8 + 2 * (size_t)n)
        return diag_set(d, ERR_PROTOCOL, "insufficient data left in message");
    if (len > 8 + 2 * (size_t)n)
        return type__bad_binary_size(d);
    if (sign == WIRE_NAN || sign == WIRE_INF || sign == WIRE_NEG_INF) {
        *ret = num__special(sign == WIRE_NAN ? KIND_NAN : sign == WIRE_INF ? KIND_INF : KIND_NEG_INF);
        return ERR_OK;
    }
    if (sign != WIRE_POS && sign != WIRE_NEG)
        return diag_set(d, ERR_BINARY_REPRESENTATION, "invalid sign in external \"numeric\" value");
    if (dscale > NUMERIC_DSCALE_MAX)
        return diag_set(d, ERR_BINARY_REPRESENTATION, "invalid scale in external \"numeric\" value");
    uint16_t *digits = arena_try_alloc(a, 2 * (size_t)n + 2);
    if (!digits)
        return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory: a number of %u digits", n);
    for (unsigned i = 0; i < n; i++) {
        digits[i] = get_u16be(p + 8 + 2 * i);
        if (digits[i] >= NBASE)
            return diag_set(d, ERR_BINARY_REPRESENTATION, "invalid digit in external \"numeric\" value");
    }
    struct nvar v = nvar_strip((struct nvar){ .digits = digits, .ndigits = (int)n, .weight = weight, .dscale = (int)dscale,
                                              .negative = sign == WIRE_NEG });
    v = nvar_trunc(a, &v, (int)dscale); /* digits beyond the scale are not shown, so they do not count */
    return num__pack(a, &v, ret, d);
}

static void put_wire_header(struct buf *b, int n, int weight, unsigned sign, int dscale)
{
    uint8_t w[8];
    put_u16be(w, (uint16_t)n);
    put_u16be(w + 2, (uint16_t)weight);
    put_u16be(w + 4, (uint16_t)sign);
    put_u16be(w + 6, (uint16_t)dscale);
    buf_put(b, w, sizeof(w));
}

static void put_wire_digit(struct buf *b, unsigned digit)
{
    uint8_t w[2];
    put_u16be(w, (uint16_t)digit);
    buf_put(b, w, sizeof(w));
}

static void send_small(num x, struct buf *b)
{
    int128_t m;
    int scale;
    unpack_small(x, &m, &scale);
    const int groups = (scale + DEC_DIGITS - 1) / DEC_DIGITS, fill = groups * DEC_DIGITS - scale;
    uint128_t u = m < 0 ? -(uint128_t)m : (uint128_t)m;
    unsigned digits[16];
    int n = 0, weight = -groups;
    const unsigned unit = (unsigned)pow10_64[DEC_DIGITS - fill];
    for (bool first = true; u; first = false) {
        const unsigned digit = first ? (unsigned)(u % unit) * (unsigned)pow10_64[fill] : (unsigned)(u % NBASE);
        u /= first ? unit : NBASE;
        if (n == 0 && digit == 0) { /* trailing zeros are not sent */
            weight++;
            continue;
        }
        digits[n++] = digit;
        weight++;
    }
    put_wire_header(b, n, n ? weight - 1 : 0, m < 0 ? WIRE_NEG : WIRE_POS, scale);
    while (n > 0)
        put_wire_digit(b, digits[--n]);
}

void numeric_send(num x, struct buf *b)
{
    switch (num_kind(x)) {
    case KIND_SMALL:
        send_small(x, b);
        break;
    case KIND_POSITIVE:
    case KIND_NEGATIVE: {
        const int n = (int)(x.len - 6) / 2;
        put_wire_header(b, n, (int16_t)get_u16le(x.p + 4), num_kind(x) == KIND_NEGATIVE ? WIRE_NEG : WIRE_POS,
                        get_u16le(x.p + 2));
        for (int i = 0; i < n; i++)
            put_wire_digit(b, get_u16le(x.p + 6 + 2 * i));
        break;
    }
    case KIND_NAN:
        put_wire_header(b, 0, 0, WIRE_NAN, 0);
        break;
    case KIND_INF:
        put_wire_header(b, 0, 0, WIRE_INF, WIRE_INF_SCALE);
        break;
    case KIND_NEG_INF:
        put_wire_header(b, 0, 0, WIRE_NEG_INF, WIRE_INF_SCALE);
        break;
    }
}

/* ---- precision and scale of a column ----------------------------------- */

static int int_digits(struct arena *a, num x)
{
    int128_t m;
    int scale;
    if (numeric_is_small(x, &m, &scale))
        return num__count_digits(m < 0 ? -(uint128_t)m : (uint128_t)m) - scale;
    const struct nvar v = num__unpack(a, x);
    if (v.ndigits == 0)
        return -NUMERIC_RESULT_SCALE_MAX;
    return v.weight * DEC_DIGITS + num__count_digits(v.digits[0]);
}

enum err numeric_apply_typmod(struct arena *a, num x, int32_t typmod, num *ret, struct diag *d)
{
    if (typmod < 4 || num_kind(x) == KIND_NAN) {
        *ret = x;
        return ERR_OK;
    }
    const int precision = (typmod - 4) >> 16 & 0xffff, scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
    if (!num_is_finite(x)) {
        diag_set(d, ERR_NUMERIC_RANGE, "numeric field overflow");
        return diag_detail(d, "A field with precision %d, scale %d cannot hold an infinite value.", precision, scale);
    }
    num r;
    const enum err err = numeric_round(a, x, scale, &r, d);
    if (err)
        return err;
    const int most = precision - scale;
    if (numeric_sign(r) != 0 && int_digits(a, r) > most) {
        diag_set(d, ERR_NUMERIC_RANGE, "numeric field overflow");
        return diag_detail(d, "A field with precision %d, scale %d must round to an absolute value less than %s%d.", precision,
                           scale, most ? "10^" : "", most ? most : 1);
    }
    *ret = r;
    return ERR_OK;
}

/* ---- integers and floats ----------------------------------------------- */

num numeric_from_int64(struct arena *a, int64_t v)
{
    return num__pack_small(a, v, 0);
}

num numeric_from_int128(struct arena *a, int128_t v, int scale)
{
    assert(scale >= 0 && scale <= NUMERIC_SMALL_DIGITS);
    if (fits_small(v, scale))
        return num__pack_small(a, v, scale);
    const struct nvar var = nvar_from_uint128(a, v < 0 ? -(uint128_t)v : (uint128_t)v, scale, v < 0);
    num r = { 0 };
    struct diag d;
    const enum err err = num__pack(a, &var, &r, &d); /* 39 digits always fit */
    assert(!err);
    return err ? num__special(KIND_NAN) : r;
}

enum err numeric_from_double(struct arena *a, double v, int digits, num *ret, struct diag *d)
{
    if (isnan(v)) {
        *ret = num__special(KIND_NAN);
        return ERR_OK;
    }
    if (isinf(v)) {
        *ret = num__special(v > 0 ? KIND_INF : KIND_NEG_INF);
        return ERR_OK;
    }
    char text[64];
    const int n = snprintf(text, sizeof(text), "%.*g", digits, v);
    return numeric_parse(a, text, (size_t)n, ret, d);
}

/* Rounds half away from zero. */
static int128_t small_to_integer(int128_t m, int scale)
{
    if (scale == 0)
        return m;
    const int128_t unit = (int128_t)numeric_pow10(scale);
    const int128_t q = m / unit, r = m % unit, abs = r < 0 ? -r : r;
    return abs >= unit - abs ? q + (r < 0 ? -1 : 1) : q;
}

enum err numeric_to_int64(num x, const char *type, int64_t min, int64_t max, int64_t *ret, struct diag *d)
{
    int128_t m = 0;
    int scale;
    switch (num_kind(x)) {
    case KIND_NAN:
        return diag_set(d, ERR_FEATURE, "cannot convert NaN to %s", type);
    case KIND_INF:
    case KIND_NEG_INF:
        return diag_set(d, ERR_FEATURE, "cannot convert infinity to %s", type);
    case KIND_SMALL:
        unpack_small(x, &m, &scale);
        m = small_to_integer(m, scale);
        break;
    case KIND_POSITIVE:
    case KIND_NEGATIVE: {
        /* Big ones with few integer digits: only digits of weight 4..0 and the first fraction digit count. */
        const int n = (int)(x.len - 6) / 2, weight = (int16_t)get_u16le(x.p + 4);
        if (weight > 5)
            return diag_set(d, ERR_NUMERIC_RANGE, "%s out of range", type);
        for (int w = weight, i = 0; w >= 0; w--, i++)
            m = m * NBASE + (i < n ? get_u16le(x.p + 6 + 2 * i) : 0);
        const int frac = weight + 1; /* index of the first digit after the point */
        if (frac >= 0 && frac < n && get_u16le(x.p + 6 + 2 * frac) >= NBASE / 2)
            m++;
        if (num_kind(x) == KIND_NEGATIVE)
            m = -m;
        break;
    }
    }
    if (m < min || m > max)
        return diag_set(d, ERR_NUMERIC_RANGE, "%s out of range", type);
    *ret = (int64_t)m;
    return ERR_OK;
}

double numeric_to_double(num x)
{
    int128_t m;
    int scale;
    switch (num_kind(x)) {
    case KIND_NAN:
        return (double)NAN;
    case KIND_INF:
        return (double)INFINITY;
    case KIND_NEG_INF:
        return -(double)INFINITY;
    case KIND_SMALL:
        unpack_small(x, &m, &scale);
        if (scale <= 22 && m >= -(INT64_C(1) << 53) && m <= INT64_C(1) << 53)
            return (double)(int64_t)m / (scale <= 19 ? (double)pow10_64[scale] : (double)numeric_pow10(scale));
        break;
    case KIND_POSITIVE:
    case KIND_NEGATIVE:
        break;
    }
    struct buf b;
    buf_init(&b);
    numeric_print(x, &b);
    buf_put_u8(&b, 0);
    const double v = strtod((const char *)b.p, NULL);
    buf_fini(&b);
    return v;
}

/* ---- order ------------------------------------------------------------- */

/* -Inf < finite < Inf < NaN */
static int kind_rank(enum num_kind k)
{
    return k == KIND_NAN ? 3 : k == KIND_INF ? 2 : k == KIND_NEG_INF ? 0 : 1;
}

static int cmp_small(int128_t m1, int s1, int128_t m2, int s2)
{
    /* The one with fewer decimals takes on the other's; if that overflows it is the greater in magnitude. */
    if (s1 < s2) {
        const int sign = m1 < 0 ? -1 : 1;
        if (__builtin_mul_overflow(m1, (int128_t)numeric_pow10(s2 - s1), &m1))
            return sign;
    } else if (s1 > s2) {
        const int sign = m2 < 0 ? 1 : -1;
        if (__builtin_mul_overflow(m2, (int128_t)numeric_pow10(s1 - s2), &m2))
            return sign;
    }
    return (m1 > m2) - (m1 < m2);
}

int numeric_cmp(num x, num y)
{
    int128_t m1, m2;
    int s1, s2;
    if (num_kind(x) == KIND_SMALL && num_kind(y) == KIND_SMALL) {
        unpack_small(x, &m1, &s1);
        unpack_small(y, &m2, &s2);
        return cmp_small(m1, s1, m2, s2);
    }
    const int r1 = kind_rank(num_kind(x)), r2 = kind_rank(num_kind(y));
    if (r1 != r2 || r1 != 1)
        return (r1 > r2) - (r1 < r2);
    const int g1 = numeric_sign(x), g2 = numeric_sign(y);
    if (g1 != g2)
        return g1 > g2 ? 1 : -1;
    struct arena *scratch = arena_new("numeric comparison", 0);
    const struct nvar v1 = num__unpack(scratch, x), v2 = num__unpack(scratch, y);
    const int r = nvar_cmp(&v1, &v2);
    arena_free(scratch);
    return r;
}

/* Equal values have one (digits, exponent) without trailing zeros. */
uint64_t numeric_hash(num x)
{
    if (!num_is_finite(x))
        return hash_u64((uint64_t)num_kind(x));
    int128_t m;
    int scale;
    uint64_t h;
    if (numeric_is_small(x, &m, &scale)) {
        while (m != 0 && m == (int64_t)m && (int64_t)m % 10 == 0) {
            m = (int64_t)m / 10;
            scale--;
        }
        while (m != 0 && m % 10 == 0) {
            m /= 10;
            scale--;
        }
        if (m == 0)
            scale = 0;
        return hash_u64((uint64_t)m ^ hash_u64((uint64_t)(m >> 64) + (uint64_t)(int64_t)scale * 31));
    }
    struct arena *scratch = arena_new("numeric hash", 0);
    struct nvar v = num__unpack(scratch, x);
    /* It may equal a small value that shows fewer decimals: drop the decimals that are zeros. */
    const int groups = v.ndigits - v.weight - 1; /* base-10000 digits after the point */
    v.dscale = MAX(groups * DEC_DIGITS, 0);
    for (unsigned last = v.ndigits ? v.digits[v.ndigits - 1] : 0; v.dscale > 0 && last % 10 == 0 && last > 0; last /= 10)
        v.dscale--;
    if (to_small(&v, &m)) {
        const num small = num__pack_small(scratch, m, v.dscale);
        h = numeric_hash(small);
    } else {
        h = hash_bytes(v.digits, sizeof(uint16_t) * (size_t)v.ndigits, (uint64_t)(v.weight * 2 + v.negative));
    }
    arena_free(scratch);
    return h;
}
