/*
 * Text and binary forms of real and double precision.
 */
#include "sql/types/types_int.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOAT_TEXT_MAX 2048 /* longer literals than this are refused as syntax errors */


static bool parse_special(const char *s, size_t len, double *ret)
{
    bool negative = false, has_sign = false;
    if (len > 0 && (*s == '-' || *s == '+')) {
        negative = *s == '-';
        has_sign = true;
        s++;
        len--;
    }
    if (!has_sign && type__is_word(s, len, "nan")) {
        *ret = (double)NAN;
        return true;
    }
    if (type__is_word(s, len, "infinity") || type__is_word(s, len, "inf")) {
        *ret = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return false;
}

/* single: round once, directly to float. */
static enum err float_in(const char *type, bool single, const char *s, size_t len, union datum *ret, struct diag *d)
{
    const char *t = s;
    size_t n = len;
    type__trim(&t, &n);
    double v;
    if (parse_special(t, n, &v)) {
        *ret = datum_float(v);
        return ERR_OK;
    }
    char text[FLOAT_TEXT_MAX];
    if (n == 0 || n >= sizeof(text))
        return type__bad_syntax(type, s, len, d);
    memcpy(text, t, n);
    text[n] = 0;
    char *end;
    errno = 0;
    v = single ? (double)strtof(text, &end) : strtod(text, &end);
    if (end != text + n)
        return type__bad_syntax(type, s, len, d);
    if (errno == ERANGE && (v == 0 || isinf(v)))
        return diag_set(d, ERR_NUMERIC_RANGE, "\"%s\" is out of range for type %s", text, type);
    *ret = datum_float(v);
    return ERR_OK;
}

enum err type__float4_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return float_in("real", true, s, len, ret, d);
}

enum err type__float8_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return float_in("double precision", false, s, len, ret, d);
}

static bool put_special(double v, struct buf *b)
{
    if (isnan(v))
        buf_put_str(b, "NaN");
    else if (isinf(v))
        buf_put_str(b, v > 0 ? "Infinity" : "-Infinity");
    else
        return false;
    return true;
}

/*
 * "%.*e" writes d.ddde+xx; here it becomes PostgreSQL's form: fixed notation
 * for exponents in [-4, fixed_max), no trailing zeros.
 */
static void put_digits(const char *e_form, int fixed_max, struct buf *b)
{
    char digits[32];
    int n = 0;
    const char *p = e_form;
    if (*p == '-') {
        buf_put_u8(b, '-');
        p++;
    }
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    const int exponent = atoi(p + 1);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (exponent < -4 || exponent >= fixed_max) {
        buf_put(b, digits, 1);
        if (n > 1) {
            buf_put_u8(b, '.');
            buf_put(b, digits + 1, (size_t)n - 1);
        }
        buf_printf(b, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        buf_put(b, "0.0000", (size_t)(1 - exponent));
        buf_put(b, digits, (size_t)n);
    } else {
        for (int i = 0; i <= exponent; i++)
            buf_put_u8(b, (uint8_t)(i < n ? digits[i] : '0'));
        if (n > exponent + 1) {
            buf_put_u8(b, '.');
            buf_put(b, digits + exponent + 1, (size_t)(n - exponent - 1));
        }
    }
}

static bool reads_back(const char *text, double v, bool single)
{
    return (single ? (double)strtof(text, NULL) : strtod(text, NULL)) == v;
}

/*
 * A decimal that lies exactly half-way between two floats reads back as the
 * even one; PostgreSQL does not count it as one of that float's texts. Only
 * integers beyond the mantissa have such short decimals.
 */
static bool is_half_way(const char *text, double v, bool single)
{
    if (fabs(v) < (single ? 0x1p24 : 0x1p53))
        return false;
    for (int side = 0; side < 2; side++) {
        const double toward = side ? (double)INFINITY : -(double)INFINITY;
        const double next = single ? (double)nextafterf((float)v, (float)toward) : nextafter(v, toward);
        if (isinf(next))
            continue;
        const long double middle = ((long double)v + (long double)next) / 2;
        char exact[400];
        snprintf(exact, sizeof(exact), "%.60Le", middle);
        /* same digits, then zeros up to the exponent */
        const size_t n = (size_t)(strchr(text, 'e') - text);
        const char *rest = exact + n;
        if (strncmp(exact, text, n) == 0 && strcmp(rest + strspn(rest, ".0"), text + n) == 0)
            return true;
    }
    return false;
}

static void float_out(const struct type_ctx *c, double v, bool single, struct buf *b)
{
    if (put_special(v, b))
        return;
    char text[64];
    const int exact_digits = single ? FLT_DIG : DBL_DIG;
    if (c->extra_float_digits <= 0) {
        snprintf(text, sizeof(text), "%.*g", MAX(exact_digits + c->extra_float_digits, 1), v);
        buf_put_str(b, text);
        return;
    }
    /*
     * The fewest digits that read back as the same number. Every decimal of exact_digits survives a normal float, and trailing
     * zeros are dropped below, so begin there; denormals have fewer digits.
     */
    const int most = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    const bool is_normal = fabs(v) >= (single ? (double)FLT_MIN : DBL_MIN);
    for (int digits = is_normal ? exact_digits : 1; digits <= most; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);
        if (reads_back(text, v, single) && !is_half_way(text, v, single))
            break;
    }
    put_digits(text, exact_digits, b);
}

void type__float4_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    float_out(c, v.f, true, b);
}

void type__float8_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    float_out(c, v.f, false, b);
}

enum err type__float4_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                           struct diag *d)
{
    if (len != 4)
        return type__bad_binary_size(d);
    const uint32_t bits = get_u32be(p);
    float f;
    memcpy(&f, &bits, sizeof(f));
    *ret = datum_float((double)f);
    return ERR_OK;
}

enum err type__float8_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                           struct diag *d)
{
    if (len != 8)
        return type__bad_binary_size(d);
    const uint64_t bits = get_u64be(p);
    memcpy(&ret->f, &bits, sizeof(ret->f));
    return ERR_OK;
}

void type__float4_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    const float f = (float)v.f;
    uint32_t bits;
    uint8_t w[4];
    memcpy(&bits, &f, sizeof(bits));
    put_u32be(w, bits);
    buf_put(b, w, sizeof(w));
}

void type__float8_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    uint64_t bits;
    uint8_t w[8];
    memcpy(&bits, &v.f, sizeof(bits));
    put_u64be(w, bits);
    buf_put(b, w, sizeof(w));
}
