/*
 * Text and binary forms of boolean, the integers, oid and regclass.
 */
#include "sql/types/types_int.h"

enum parse { PARSE_OK, PARSE_SYNTAX, PARSE_RANGE };

/* Blanks, sign, decimal digits, blanks. */
static enum parse parse_int64(const char *s, size_t len, int64_t *ret)
{
    type__trim(&s, &len);
    bool negative = false;
    if (len > 0 && (*s == '-' || *s == '+')) {
        negative = *s == '-';
        s++;
        len--;
    }
    if (len == 0)
        return PARSE_SYNTAX;
    int64_t v = 0; /* counted downwards: the most negative number has no positive twin */
    bool over = false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return PARSE_SYNTAX;
        over |= __builtin_mul_overflow(v, 10, &v);
        over |= __builtin_sub_overflow(v, s[i] - '0', &v);
    }
    if (!negative)
        over |= __builtin_sub_overflow((int64_t)0, v, &v);
    if (over)
        return PARSE_RANGE;
    *ret = v;
    return PARSE_OK;
}

static enum err out_of_range(const char *type, const char *s, size_t len, struct diag *d)
{
    return diag_set(d, ERR_NUMERIC_RANGE, "value \"%.*s\" is out of range for type %s", (int)len, s, type);
}

static enum err int_in(const char *type, int64_t min, int64_t max, const char *s, size_t len, union datum *ret, struct diag *d)
{
    int64_t v = 0;
    switch (parse_int64(s, len, &v)) {
    case PARSE_SYNTAX:
        return type__bad_syntax(type, s, len, d);
    case PARSE_RANGE:
        return out_of_range(type, s, len, d);
    case PARSE_OK:
        break;
    }
    if (v < min || v > max)
        return out_of_range(type, s, len, d);
    *ret = datum_int(v);
    return ERR_OK;
}

static void put_int(int64_t v, struct buf *b)
{
    char text[24], *p = text + sizeof(text);
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    buf_put(b, p, (size_t)(text + sizeof(text) - p));
}

enum err type__int2_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return int_in("smallint", INT16_MIN, INT16_MAX, s, len, ret, d);
}

enum err type__int4_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return int_in("integer", INT32_MIN, INT32_MAX, s, len, ret, d);
}

enum err type__int8_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return int_in("bigint", INT64_MIN, INT64_MAX, s, len, ret, d);
}

/* As strtoul() reads it: a negative number counts from the top. */
enum err type__oid_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    union datum v;
    const enum err err = int_in("oid", INT32_MIN, UINT32_MAX, s, len, &v, d);
    if (err)
        return err;
    *ret = datum_int((uint32_t)v.i);
    return ERR_OK;
}

void type__int2_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    put_int(v.i, b);
}

void type__int4_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    put_int(v.i, b);
}

void type__int8_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    put_int(v.i, b);
}

void type__oid_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    put_int((uint32_t)v.i, b);
}

enum err type__int2_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len != 2)
        return type__bad_binary_size(d);
    *ret = datum_int((int16_t)get_u16be(p));
    return ERR_OK;
}

enum err type__int4_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len != 4)
        return type__bad_binary_size(d);
    *ret = datum_int((int32_t)get_u32be(p));
    return ERR_OK;
}

enum err type__int8_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len != 8)
        return type__bad_binary_size(d);
    *ret = datum_int((int64_t)get_u64be(p));
    return ERR_OK;
}

enum err type__oid_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len != 4)
        return type__bad_binary_size(d);
    *ret = datum_int(get_u32be(p));
    return ERR_OK;
}

void type__int2_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    uint8_t w[2];
    put_u16be(w, (uint16_t)v.i);
    buf_put(b, w, sizeof(w));
}

void type__int4_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    uint8_t w[4];
    put_u32be(w, (uint32_t)v.i);
    buf_put(b, w, sizeof(w));
}

void type__int8_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    uint8_t w[8];
    put_u64be(w, (uint64_t)v.i);
    buf_put(b, w, sizeof(w));
}

void type__oid_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    type__int4_send(c, v, b);
}

/* ---- boolean ----------------------------------------------------------- */

/* Any prefix that tells the words apart. */
static bool is_prefix(const char *s, size_t len, const char *word, size_t least)
{
    if (len < least || len > strlen(word))
        return false;
    for (size_t i = 0; i < len; i++)
        if (type__ascii_lower(s[i]) != word[i])
            return false;
    return true;
}

enum err type__bool_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    static const struct {
        const char *word;
        uint8_t least;
        bool value;
    } words[] = {
        { "true", 1, true }, { "false", 1, false }, { "yes", 1, true }, { "no", 1, false },
        { "on", 2, true },   { "off", 2, false },   { "1", 1, true },   { "0", 1, false },
    };
    const char *t = s;
    size_t n = len;
    type__trim(&t, &n);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (is_prefix(t, n, words[i].word, words[i].least)) {
            *ret = datum_int(words[i].value);
            return ERR_OK;
        }
    return type__bad_syntax("boolean", s, len, d);
}

void type__bool_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put_u8(b, v.i ? 't' : 'f');
}

enum err type__bool_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len != 1)
        return type__bad_binary_size(d);
    *ret = datum_int(p[0] != 0);
    return ERR_OK;
}

void type__bool_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put_u8(b, v.i != 0);
}

/* ---- regclass ---------------------------------------------------------- */

static bool is_number(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n] >= '0' && s[n] <= '9')
        n++;
    return len > 0 && n == len;
}

enum err type__regclass_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len == 1 && s[0] == '-') {
        *ret = datum_int(0);
        return ERR_OK;
    }
    if (is_number(s, len))
        return type__oid_in(c, s, len, typmod, ret, d);
    if (!c->hooks || !c->hooks->regclass_in)
        return diag_set(d, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", (int)len, s);
    oid_t oid;
    const enum err err = c->hooks->regclass_in(c->hooks_arg, s, len, &oid, d);
    if (err)
        return err;
    *ret = datum_int(oid);
    return ERR_OK;
}

void type__regclass_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    if (v.i == 0)
        buf_put_u8(b, '-');
    else if (!c->hooks || !c->hooks->regclass_out || !c->hooks->regclass_out(c->hooks_arg, (oid_t)v.i, b))
        type__oid_out(c, v, b);
}

enum err type__regclass_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                             struct diag *d)
{
    return type__oid_recv(c, p, len, typmod, ret, d);
}

void type__regclass_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    type__int4_send(c, v, b);
}
