/*
 * Casts: PostgreSQL's pg_cast among our types, and casts through text.
 */
#include "sql/types/datetime.h"
#include "sql/types/numeric.h"
#include "sql/types/types_int.h"

#include <math.h>

#define CAST_FN(name) static enum err name(const struct type_ctx *c, union datum v, union datum *ret, struct diag *d)

/* ---- numbers ----------------------------------------------------------- */

static enum err narrow(int64_t v, int64_t min, int64_t max, const char *type, union datum *ret, struct diag *d)
{
    if (v < min || v > max)
        return diag_set(d, ERR_NUMERIC_RANGE, "%s out of range", type);
    *ret = datum_int(v);
    return ERR_OK;
}

static enum err float_to_int(double v, double min, double end, const char *type, union datum *ret, struct diag *d)
{
    const double r = rint(v);
    if (isnan(r) || !(r >= min && r < end))
        return diag_set(d, ERR_NUMERIC_RANGE, "%s out of range", type);
    *ret = datum_int((int64_t)r);
    return ERR_OK;
}

static enum err numeric_to_int(num v, int64_t min, int64_t max, const char *type, union datum *ret, struct diag *d)
{
    int64_t r;
    const enum err err = numeric_to_int64(v, type, min, max, &r, d);
    if (err)
        return err;
    *ret = datum_int(r);
    return ERR_OK;
}

CAST_FN(int_to_int2)
{
    return narrow(v.i, INT16_MIN, INT16_MAX, "smallint", ret, d);
}

CAST_FN(int_to_int4)
{
    return narrow(v.i, INT32_MIN, INT32_MAX, "integer", ret, d);
}

CAST_FN(int_to_oid)
{
    return narrow(v.i, 0, UINT32_MAX, "OID", ret, d);
}

/* Same 32 bits: -1 is 4294967295. */
CAST_FN(int4_to_oid)
{
    *ret = datum_int((uint32_t)v.i);
    return ERR_OK;
}

CAST_FN(oid_to_int4)
{
    *ret = datum_int((int32_t)v.i);
    return ERR_OK;
}

CAST_FN(int_to_bool)
{
    *ret = datum_int(v.i != 0);
    return ERR_OK;
}

CAST_FN(int_to_float8)
{
    *ret = datum_float((double)v.i);
    return ERR_OK;
}

CAST_FN(int_to_float4)
{
    *ret = datum_float((double)(float)v.i);
    return ERR_OK;
}

CAST_FN(float8_to_float4)
{
    const double r = (double)(float)v.f;
    if (isinf(r) && !isinf(v.f))
        return diag_set(d, ERR_NUMERIC_RANGE, "value out of range: overflow");
    if (r == 0 && v.f != 0)
        return diag_set(d, ERR_NUMERIC_RANGE, "value out of range: underflow");
    *ret = datum_float(r);
    return ERR_OK;
}

CAST_FN(float_to_int2)
{
    return float_to_int(v.f, INT16_MIN, (double)INT16_MAX + 1, "smallint", ret, d);
}

CAST_FN(float_to_int4)
{
    return float_to_int(v.f, INT32_MIN, (double)INT32_MAX + 1, "integer", ret, d);
}

CAST_FN(float_to_int8)
{
    return float_to_int(v.f, -0x1p63, 0x1p63, "bigint", ret, d);
}

CAST_FN(int_to_numeric)
{
    ret->s = numeric_from_int64(c->arena, v.i);
    return ERR_OK;
}

CAST_FN(float8_to_numeric)
{
    return numeric_from_double(c->arena, v.f, 15, &ret->s, d);
}

CAST_FN(float4_to_numeric)
{
    return numeric_from_double(c->arena, v.f, 6, &ret->s, d);
}

CAST_FN(numeric_to_int2)
{
    return numeric_to_int(v.s, INT16_MIN, INT16_MAX, "smallint", ret, d);
}

CAST_FN(numeric_to_int4)
{
    return numeric_to_int(v.s, INT32_MIN, INT32_MAX, "integer", ret, d);
}

CAST_FN(numeric_to_int8)
{
    return numeric_to_int(v.s, INT64_MIN, INT64_MAX, "bigint", ret, d);
}

/* As if the text were read: an overflow shows the digits. */
static enum err numeric_overflows(num v, const char *type, struct diag *d)
{
    struct buf b;
    buf_init(&b);
    numeric_print(v, &b);
    const enum err err = diag_set(d, ERR_NUMERIC_RANGE, "\"%.*s\" is out of range for type %s", (int)b.len, b.p, type);
    buf_fini(&b);
    return err;
}

CAST_FN(numeric_to_float8)
{
    const double r = numeric_to_double(v.s);
    if ((isinf(r) && numeric_is_finite(v.s)) || (r == 0 && numeric_sign(v.s) != 0))
        return numeric_overflows(v.s, "double precision", d);
    *ret = datum_float(r);
    return ERR_OK;
}

CAST_FN(numeric_to_float4)
{
    const double r = (double)(float)numeric_to_double(v.s);
    if ((isinf(r) && numeric_is_finite(v.s)) || (r == 0 && numeric_sign(v.s) != 0))
        return numeric_overflows(v.s, "real", d);
    *ret = datum_float(r);
    return ERR_OK;
}

/* ---- characters -------------------------------------------------------- */

CAST_FN(bpchar_to_text)
{
    *ret = datum_str(v.s.p, type__bpchar_len(v.s));
    return ERR_OK;
}

CAST_FN(bpchar_to_name)
{
    return type__name_in(c, v.s.p, type__bpchar_len(v.s), -1, ret, d);
}

CAST_FN(text_to_name)
{
    return type__name_in(c, v.s.p, v.s.len, -1, ret, d);
}

CAST_FN(text_to_char1)
{
    return type__char1_in(c, v.s.p, v.s.len, -1, ret, d);
}

CAST_FN(char1_to_text)
{
    struct buf b;
    buf_init(&b);
    type__char1_out(c, v, &b);
    const enum err err = type__str_dup(c, (const char *)b.p, b.len, ret, d);
    buf_fini(&b);
    return err;
}

CAST_FN(char1_to_int4)
{
    *ret = datum_int(v.s.len ? (int8_t)v.s.p[0] : 0);
    return ERR_OK;
}

CAST_FN(int4_to_char1)
{
    if (v.i < INT8_MIN || v.i > INT8_MAX)
        return diag_set(d, ERR_NUMERIC_RANGE, "\"char\" out of range");
    const char byte = (char)v.i;
    return type__str_dup(c, &byte, byte != 0, ret, d);
}

CAST_FN(bool_to_text)
{
    *ret = v.i ? datum_str("true", 4) : datum_str("false", 5);
    return ERR_OK;
}

CAST_FN(text_to_regclass)
{
    return type__regclass_in(c, v.s.p, v.s.len, -1, ret, d);
}

/* ---- dates and times --------------------------------------------------- */

CAST_FN(date_to_ts)
{
    return date_to_timestamp(v.i, &ret->i, d);
}

CAST_FN(date_to_tstz)
{
    return date_to_timestamptz(c, v.i, &ret->i, d);
}

CAST_FN(ts_to_date)
{
    *ret = datum_int(timestamp_to_date(v.i));
    return ERR_OK;
}

CAST_FN(tstz_to_date)
{
    *ret = datum_int(timestamp_to_date(timestamp_to_local(c, v.i, NULL)));
    return ERR_OK;
}

CAST_FN(ts_to_tstz)
{
    if (!timestamp_from_local(c, v.i, &ret->i))
        return diag_set(d, ERR_DATETIME_OVERFLOW, "timestamp out of range");
    return ERR_OK;
}

CAST_FN(tstz_to_ts)
{
    *ret = datum_int(timestamp_to_local(c, v.i, NULL));
    return ERR_OK;
}

/* ---- through text ------------------------------------------------------ */

static enum err via_text(const struct type_ctx *c, oid_t from, oid_t to, union datum v, union datum *ret, struct diag *d)
{
    struct buf b;
    buf_init(&b);
    type_by_oid(from)->out(c, v, &b);
    const enum err err = type_by_oid(to)->in(c, (const char *)b.p, b.len, -1, ret, d);
    buf_fini(&b);
    return err;
}

/* One pair of functions a type: from it to the string types, and back. */
#define IO_CASTS(X)                                                                                                               \
    X(CHAR1) X(NAME) X(INT8) X(INT2) X(INT4) X(OID) X(FLOAT4) X(FLOAT8) X(DATE) X(TIMESTAMP) X(TIMESTAMPTZ) X(NUMERIC)            \
    X(REGCLASS) X(BOOL)

#define X(name)                                                                                                                   \
    CAST_FN(name##_to_string)                                                                                                     \
    {                                                                                                                             \
        return via_text(c, TYPE_##name, TYPE_TEXT, v, ret, d);                                                                    \
    }                                                                                                                             \
    CAST_FN(string_to_##name)                                                                                                     \
    {                                                                                                                             \
        return via_text(c, TYPE_TEXT, TYPE_##name, v, ret, d);                                                                    \
    }                                                                                                                             \
    CAST_FN(bpchar_to_##name)                                                                                                     \
    {                                                                                                                             \
        return via_text(c, TYPE_BPCHAR, TYPE_##name, v, ret, d);                                                                  \
    }
IO_CASTS(X)
#undef X

/* ---- the table --------------------------------------------------------- */

/* clang-format off */
#define C(from, to, context, fn) { TYPE_##from, TYPE_##to, CAST_##context, fn }
static const struct cast casts[] = {
    C(BOOL, INT4, EXPLICIT, NULL), C(BOOL, TEXT, ASSIGNMENT, bool_to_text), C(BOOL, BPCHAR, ASSIGNMENT, bool_to_text),
    C(BOOL, VARCHAR, ASSIGNMENT, bool_to_text),
    C(CHAR1, INT4, EXPLICIT, char1_to_int4), C(CHAR1, TEXT, IMPLICIT, char1_to_text), C(CHAR1, BPCHAR, ASSIGNMENT, char1_to_text),
    C(CHAR1, VARCHAR, ASSIGNMENT, char1_to_text),
    C(NAME, TEXT, IMPLICIT, NULL), C(NAME, BPCHAR, ASSIGNMENT, NULL), C(NAME, VARCHAR, ASSIGNMENT, NULL),
    C(INT8, INT2, ASSIGNMENT, int_to_int2), C(INT8, INT4, ASSIGNMENT, int_to_int4), C(INT8, OID, IMPLICIT, int_to_oid),
    C(INT8, FLOAT4, IMPLICIT, int_to_float4), C(INT8, FLOAT8, IMPLICIT, int_to_float8),
    C(INT8, NUMERIC, IMPLICIT, int_to_numeric), C(INT8, REGCLASS, IMPLICIT, int_to_oid),
    C(INT2, INT8, IMPLICIT, NULL), C(INT2, INT4, IMPLICIT, NULL), C(INT2, OID, IMPLICIT, int4_to_oid),
    C(INT2, FLOAT4, IMPLICIT, int_to_float4), C(INT2, FLOAT8, IMPLICIT, int_to_float8),
    C(INT2, NUMERIC, IMPLICIT, int_to_numeric), C(INT2, REGCLASS, IMPLICIT, int4_to_oid),
    C(INT4, BOOL, EXPLICIT, int_to_bool), C(INT4, CHAR1, EXPLICIT, int4_to_char1), C(INT4, INT8, IMPLICIT, NULL),
    C(INT4, INT2, ASSIGNMENT, int_to_int2), C(INT4, OID, IMPLICIT, int4_to_oid), C(INT4, FLOAT4, IMPLICIT, int_to_float4),
    C(INT4, FLOAT8, IMPLICIT, int_to_float8), C(INT4, NUMERIC, IMPLICIT, int_to_numeric), C(INT4, REGCLASS, IMPLICIT, int4_to_oid),
    C(TEXT, CHAR1, ASSIGNMENT, text_to_char1), C(TEXT, NAME, IMPLICIT, text_to_name), C(TEXT, BPCHAR, IMPLICIT, NULL),
    C(TEXT, VARCHAR, IMPLICIT, NULL), C(TEXT, REGCLASS, IMPLICIT, text_to_regclass),
    C(OID, INT8, ASSIGNMENT, NULL), C(OID, INT4, ASSIGNMENT, oid_to_int4), C(OID, REGCLASS, IMPLICIT, NULL),
    C(FLOAT4, INT8, ASSIGNMENT, float_to_int8), C(FLOAT4, INT2, ASSIGNMENT, float_to_int2),
    C(FLOAT4, INT4, ASSIGNMENT, float_to_int4), C(FLOAT4, FLOAT8, IMPLICIT, NULL),
    C(FLOAT4, NUMERIC, ASSIGNMENT, float4_to_numeric),
    C(FLOAT8, INT8, ASSIGNMENT, float_to_int8), C(FLOAT8, INT2, ASSIGNMENT, float_to_int2),
    C(FLOAT8, INT4, ASSIGNMENT, float_to_int4), C(FLOAT8, FLOAT4, ASSIGNMENT, float8_to_float4),
    C(FLOAT8, NUMERIC, ASSIGNMENT, float8_to_numeric),
    C(BPCHAR, CHAR1, ASSIGNMENT, text_to_char1), C(BPCHAR, NAME, IMPLICIT, bpchar_to_name),
    C(BPCHAR, TEXT, IMPLICIT, bpchar_to_text), C(BPCHAR, VARCHAR, IMPLICIT, bpchar_to_text),
    C(VARCHAR, CHAR1, ASSIGNMENT, text_to_char1), C(VARCHAR, NAME, IMPLICIT, text_to_name), C(VARCHAR, TEXT, IMPLICIT, NULL),
    C(VARCHAR, BPCHAR, IMPLICIT, NULL), C(VARCHAR, REGCLASS, IMPLICIT, text_to_regclass),
    C(DATE, TIMESTAMP, IMPLICIT, date_to_ts), C(DATE, TIMESTAMPTZ, IMPLICIT, date_to_tstz),
    C(TIMESTAMP, DATE, ASSIGNMENT, ts_to_date), C(TIMESTAMP, TIMESTAMPTZ, IMPLICIT, ts_to_tstz),
    C(TIMESTAMPTZ, DATE, ASSIGNMENT, tstz_to_date), C(TIMESTAMPTZ, TIMESTAMP, ASSIGNMENT, tstz_to_ts),
    C(NUMERIC, INT8, ASSIGNMENT, numeric_to_int8), C(NUMERIC, INT2, ASSIGNMENT, numeric_to_int2),
    C(NUMERIC, INT4, ASSIGNMENT, numeric_to_int4), C(NUMERIC, FLOAT4, IMPLICIT, numeric_to_float4),
    C(NUMERIC, FLOAT8, IMPLICIT, numeric_to_float8),
    C(REGCLASS, INT8, ASSIGNMENT, NULL), C(REGCLASS, INT4, ASSIGNMENT, oid_to_int4), C(REGCLASS, OID, IMPLICIT, NULL),
    /* through text: the first that matches counts, so the direct ones above win */
#define X(name) \
    C(name, TEXT, ASSIGNMENT, name##_to_string), C(name, VARCHAR, ASSIGNMENT, name##_to_string), \
    C(name, BPCHAR, ASSIGNMENT, name##_to_string), \
    C(TEXT, name, EXPLICIT, string_to_##name), C(VARCHAR, name, EXPLICIT, string_to_##name), \
    C(BPCHAR, name, EXPLICIT, bpchar_to_##name),
    IO_CASTS(X)
#undef X
};
#undef C
/* clang-format on */

const struct cast *cast_find(oid_t from, oid_t to)
{
    for (size_t i = 0; i < ARRAY_LEN(casts); i++)
        if (casts[i].from == from && casts[i].to == to)
            return &casts[i];
    return NULL;
}

/* ---- modifiers --------------------------------------------------------- */

enum err type_apply_typmod(const struct type_ctx *c, oid_t type, int32_t typmod, bool is_explicit, union datum v,
                           union datum *ret, struct diag *d)
{
    *ret = v;
    if (typmod < 0)
        return ERR_OK;
    switch (type) {
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
        return type__apply_chars(c, type, typmod, is_explicit, v, ret, d);
    case TYPE_NUMERIC:
        return numeric_apply_typmod(c->arena, v.s, typmod, &ret->s, d);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        ret->i = timestamp_round(v.i, typmod);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}
