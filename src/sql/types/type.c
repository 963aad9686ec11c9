#include "sql/types/type.h"
#include "base/hash.h"
#include "sql/types/types_int.h"

#define VARHDR 4 /* what PostgreSQL adds to a length in a typmod */
#define CHARS_MAX 10485760
#define NUMERIC_PRECISION_MAX 1000
#define TIMESTAMP_PRECISION_MAX 6

/* name, pg_type.typname, functions for text and binary, functions for order and hash */
/* clang-format off */
#define TYPE_FUNCTIONS(X) \
    X(BOOL,        "bool",        bool,        int) \
    X(CHAR1,       "char",        char1,       str) \
    X(NAME,        "name",        name,        str) \
    X(INT8,        "int8",        int8,        int) \
    X(INT2,        "int2",        int2,        int) \
    X(INT4,        "int4",        int4,        int) \
    X(TEXT,        "text",        text,        str) \
    X(OID,         "oid",         oid,         int) \
    X(FLOAT4,      "float4",      float4,      float) \
    X(FLOAT8,      "float8",      float8,      float) \
    X(UNKNOWN,     "unknown",     text,        str) \
    X(BPCHAR,      "bpchar",      bpchar,      bpchar) \
    X(VARCHAR,     "varchar",     varchar,     str) \
    X(DATE,        "date",        date,        int) \
    X(TIMESTAMP,   "timestamp",   timestamp,   int) \
    X(TIMESTAMPTZ, "timestamptz", timestamptz, int) \
    X(NUMERIC,     "numeric",     numeric,     numeric) \
    X(REGCLASS,    "regclass",    regclass,    int)
/* clang-format on */

enum {
#define X(name, oid, array, rep, len, cat, pref, sql) IDX_##name,
    SQL_TYPES(X)
#undef X
        TYPE_COUNT
};

static const struct type type_table[TYPE_COUNT] = {
#define X(id, oid_, array, rep_, len_, cat, pref, sql)                                                                            \
    [IDX_##id].oid = oid_, [IDX_##id].array_oid = array, [IDX_##id].rep = rep_, [IDX_##id].len = len_,                            \
    [IDX_##id].category = cat, [IDX_##id].preferred = pref, [IDX_##id].sql_name = sql,
    SQL_TYPES(X)
#undef X
#define X(id, typname, io, order)                                                                                                 \
    [IDX_##id].name = typname, [IDX_##id].in = type__##io##_in, [IDX_##id].out = type__##io##_out,                                \
    [IDX_##id].recv = type__##io##_recv, [IDX_##id].send = type__##io##_send, [IDX_##id].cmp = type__##order##_cmp,               \
    [IDX_##id].hash = type__##order##_hash,
        TYPE_FUNCTIONS(X)
#undef X
            [IDX_VOID].name = "void",
    [IDX_VOID].in = type__void_in,
    [IDX_VOID].out = type__void_out,
    [IDX_VOID].recv = type__void_recv,
    [IDX_VOID].send = type__void_send,
};

/* Spellings that are neither typname nor the SQL name. */
static const struct {
    const char *name;
    oid_t oid;
} aliases[] = {
    { "int", TYPE_INT4 },           { "decimal", TYPE_NUMERIC },
    { "dec", TYPE_NUMERIC },        { "float", TYPE_FLOAT8 },
    { "double", TYPE_FLOAT8 },      { "nchar", TYPE_BPCHAR },
    { "string", TYPE_TEXT },        { "timestamp with time zone", TYPE_TIMESTAMPTZ },
    { "national character", TYPE_BPCHAR },
};

const struct type *type_by_oid(oid_t oid)
{
    switch (oid) {
#define X(id, oid_, array, rep_, len_, cat, pref, sql)                                                                            \
    case oid_:                                                                                                                    \
        return &type_table[IDX_##id];
        SQL_TYPES(X)
#undef X
    }
    return NULL;
}

static bool name_is(const char *name, size_t len, const char *want)
{
    return strlen(want) == len && memcmp(name, want, len) == 0;
}

const struct type *type_by_name(const char *name, size_t len)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (name_is(name, len, type_table[i].name))
            return &type_table[i];
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (name_is(name, len, type_table[i].sql_name))
            return &type_table[i];
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (name_is(name, len, aliases[i].name))
            return type_by_oid(aliases[i].oid);
    return NULL;
}

size_t type_count(void)
{
    return TYPE_COUNT;
}

const struct type *type_at(size_t i)
{
    assert(i < TYPE_COUNT);
    return &type_table[i];
}

/* ---- type modifiers ---------------------------------------------------- */

static enum err typmod_chars(const char *type, const int64_t *args, size_t nargs, int32_t *ret, struct diag *d)
{
    if (nargs != 1)
        return diag_set(d, ERR_PARAMETER_VALUE, "invalid type modifier");
    if (args[0] < 1)
        return diag_set(d, ERR_PARAMETER_VALUE, "length for type %s must be at least 1", type);
    if (args[0] > CHARS_MAX)
        return diag_set(d, ERR_PARAMETER_VALUE, "length for type %s cannot exceed %d", type, CHARS_MAX);
    *ret = (int32_t)args[0] + VARHDR;
    return ERR_OK;
}

static enum err typmod_numeric(const int64_t *args, size_t nargs, int32_t *ret, struct diag *d)
{
    if (nargs != 1 && nargs != 2)
        return diag_set(d, ERR_PARAMETER_VALUE, "invalid NUMERIC type modifier");
    if (args[0] < 1 || args[0] > NUMERIC_PRECISION_MAX)
        return diag_set(d, ERR_PARAMETER_VALUE, "NUMERIC precision %" PRId64 " must be between 1 and %d", args[0],
                        NUMERIC_PRECISION_MAX);
    const int64_t scale = nargs == 2 ? args[1] : 0;
    if (scale < -NUMERIC_PRECISION_MAX || scale > NUMERIC_PRECISION_MAX)
        return diag_set(d, ERR_PARAMETER_VALUE, "NUMERIC scale %" PRId64 " must be between -%d and %d", scale,
                        NUMERIC_PRECISION_MAX, NUMERIC_PRECISION_MAX);
    *ret = (int32_t)((uint32_t)args[0] << 16 | ((uint32_t)scale & 0x7ff)) + VARHDR;
    return ERR_OK;
}

static enum err typmod_timestamp(const char *with_tz, const int64_t *args, size_t nargs, int32_t *ret, struct diag *d)
{
    if (nargs != 1)
        return diag_set(d, ERR_PARAMETER_VALUE, "invalid type modifier");
    if (args[0] < 0)
        return diag_set(d, ERR_PARAMETER_VALUE, "TIMESTAMP(%" PRId64 ")%s precision must not be negative", args[0], with_tz);
    *ret = (int32_t)MIN(args[0], (int64_t)TIMESTAMP_PRECISION_MAX);
    return ERR_OK;
}

enum err type_typmod_in(oid_t type, const int64_t *args, size_t nargs, int32_t *ret_typmod, struct diag *d)
{
    if (nargs == 0) {
        *ret_typmod = -1;
        return ERR_OK;
    }
    switch (type) {
    case TYPE_VARCHAR:
        return typmod_chars("varchar", args, nargs, ret_typmod, d);
    case TYPE_BPCHAR:
        return typmod_chars("char", args, nargs, ret_typmod, d);
    case TYPE_NUMERIC:
        return typmod_numeric(args, nargs, ret_typmod, d);
    case TYPE_TIMESTAMP:
        return typmod_timestamp("", args, nargs, ret_typmod, d);
    case TYPE_TIMESTAMPTZ:
        return typmod_timestamp(" WITH TIME ZONE", args, nargs, ret_typmod, d);
    default: {
        const struct type *t = type_by_oid(type);
        return diag_set(d, ERR_SYNTAX, "type modifier is not allowed for type \"%s\"", t ? t->name : "?");
    }
    }
}

void type_format(oid_t type, int32_t typmod, struct buf *b)
{
    const struct type *t = type_by_oid(type);
    if (!t) {
        buf_put_str(b, "???");
        return;
    }
    if (typmod < 0) {
        buf_put_str(b, type == TYPE_BPCHAR && typmod == -1 ? t->name : t->sql_name);
        return;
    }
    switch (type) {
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
        buf_printf(b, "%s(%d)", t->sql_name, typmod - VARHDR);
        break;
    case TYPE_NUMERIC: {
        const uint32_t m = (uint32_t)(typmod - VARHDR);
        buf_printf(b, "numeric(%u,%d)", m >> 16 & 0xffff, (int)((m & 0x7ff) ^ 1024) - 1024);
        break;
    }
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        buf_printf(b, "timestamp(%d) %s", typmod, type == TYPE_TIMESTAMP ? "without time zone" : "with time zone");
        break;
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        buf_put_str(b, t->sql_name);
        break;
    default:
        buf_printf(b, "%s(%d)", t->sql_name, typmod);
    }
}

/* ---- shared helpers ---------------------------------------------------- */

enum err type__alloc(const struct type_ctx *c, size_t bytes, char **ret, struct diag *d)
{
    *ret = arena_try_alloc(c->arena, bytes ? bytes : 1);
    if (!*ret)
        return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory: a value of %zu bytes", bytes);
    return ERR_OK;
}

enum err type__str_dup(const struct type_ctx *c, const char *s, size_t len, union datum *ret, struct diag *d)
{
    char *p;
    const enum err err = type__alloc(c, len, &p, d);
    if (err)
        return err;
    if (len)
        memcpy(p, s, len);
    *ret = datum_str(p, len);
    return ERR_OK;
}

enum err type__bad_syntax(const char *type, const char *s, size_t len, struct diag *d)
{
    return diag_set(d, ERR_TEXT_REPRESENTATION, "invalid input syntax for type %s: \"%.*s\"", type, (int)len, s);
}

enum err type__bad_binary_size(struct diag *d)
{
    return diag_set(d, ERR_BINARY_REPRESENTATION, "incorrect binary data format");
}

bool type__is_word(const char *s, size_t len, const char *word)
{
    for (size_t i = 0; i < len; i++)
        if (word[i] == 0 || type__ascii_lower(s[i]) != word[i])
            return false;
    return word[len] == 0;
}

/* ---- order and hash ---------------------------------------------------- */

int type__int_cmp(union datum a, union datum b)
{
    return (a.i > b.i) - (a.i < b.i);
}

/* NaN equals NaN and comes after everything else. */
int type__float_cmp(union datum a, union datum b)
{
    const bool na = __builtin_isnan(a.f), nb = __builtin_isnan(b.f);
    if (na || nb)
        return na - nb;
    return (a.f > b.f) - (a.f < b.f);
}

static int bytes_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
    const size_t n = MIN(alen, blen);
    const int r = n ? memcmp(a, b, n) : 0;
    return r ? (r > 0) - (r < 0) : (alen > blen) - (alen < blen);
}

int type__str_cmp(union datum a, union datum b)
{
    return bytes_cmp(a.s.p, a.s.len, b.s.p, b.s.len);
}

int type__bpchar_cmp(union datum a, union datum b)
{
    return bytes_cmp(a.s.p, type__bpchar_len(a.s), b.s.p, type__bpchar_len(b.s));
}

uint64_t type__int_hash(union datum v)
{
    return hash_u64((uint64_t)v.i);
}

uint64_t type__float_hash(union datum v)
{
    uint64_t bits;
    if (v.f == 0)
        return hash_u64(0); /* -0 equals 0 */
    if (__builtin_isnan(v.f))
        return hash_u64(UINT64_MAX);
    memcpy(&bits, &v.f, sizeof(bits));
    return hash_u64(bits);
}

uint64_t type__str_hash(union datum v)
{
    return hash_bytes(v.s.p, v.s.len, 0);
}

uint64_t type__bpchar_hash(union datum v)
{
    return hash_bytes(v.s.p, type__bpchar_len(v.s), 0);
}
