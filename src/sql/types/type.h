/*
 * The SQL types, as one table: PostgreSQL's oids, names, representation,
 * text and binary input and output, comparison and hashing.
 */
#ifndef SQL_TYPES_TYPE_H
#define SQL_TYPES_TYPE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/datum.h"
#include "base/diag.h"

typedef uint32_t oid_t;

/* clang-format off */
/*   name         oid  array  rep      len  category preferred  sql name */
#define SQL_TYPES(X) \
    X(BOOL,        16, 1000, REP_INT,     1, 'B', true,  "boolean") \
    X(CHAR1,       18, 1002, REP_STR,     1, 'Z', false, "\"char\"") \
    X(NAME,        19, 1003, REP_STR,    -1, 'S', false, "name") \
    X(INT8,        20, 1016, REP_INT,     8, 'N', false, "bigint") \
    X(INT2,        21, 1005, REP_INT,     2, 'N', false, "smallint") \
    X(INT4,        23, 1007, REP_INT,     4, 'N', false, "integer") \
    X(TEXT,        25, 1009, REP_STR,    -1, 'S', true,  "text") \
    X(OID,         26, 1028, REP_INT,     4, 'N', true,  "oid") \
    X(FLOAT4,     700, 1021, REP_FLOAT,   4, 'N', false, "real") \
    X(FLOAT8,     701, 1022, REP_FLOAT,   8, 'N', true,  "double precision") \
    X(UNKNOWN,    705,    0, REP_STR,    -1, 'X', false, "unknown") \
    X(BPCHAR,    1042, 1014, REP_STR,    -1, 'S', false, "character") \
    X(VARCHAR,   1043, 1015, REP_STR,    -1, 'S', false, "character varying") \
    X(DATE,      1082, 1182, REP_INT,     4, 'D', false, "date") \
    X(TIMESTAMP, 1114, 1115, REP_INT,     8, 'D', false, "timestamp without time zone") \
    X(TIMESTAMPTZ,1184,1185, REP_INT,     8, 'D', true,  "timestamp with time zone") \
    X(NUMERIC,   1700, 1231, REP_NUMERIC,-1, 'N', false, "numeric") \
    X(REGCLASS,  2205, 2210, REP_INT,     4, 'N', false, "regclass") \
    X(VOID,      2278,    0, REP_STR,    -1, 'P', false, "void")
/* clang-format on */

enum {
#define X(name, oid, array, rep, len, cat, pref, sql) TYPE_##name = oid,
    SQL_TYPES(X)
#undef X
};

struct timezone; /* sql/types/timezone.h */

/* What only the catalogue and the session know; any member may be NULL, and the whole may be. */
struct type_hooks {
    /* "name" or "schema.name", as written, quotes included; reports ERR_UNDEFINED_TABLE itself */
    enum err (*regclass_in)(void *arg, const char *s, size_t len, oid_t *ret, struct diag *d) MAY_YIELD;
    bool (*regclass_out)(void *arg, oid_t oid, struct buf *b) MAY_YIELD; /* appends the name; false: no such relation */
    const struct timezone *(*timezone_find)(void *arg, const char *name, size_t len); /* "Europe/Berlin"; NULL: unknown */
};

/* What input and output depend on besides the value: the session's settings. */
struct type_ctx {
    struct arena *arena; /* results live here */
    int64_t tz_offset_us_east; /* used when tz is NULL */
    const struct timezone *tz; /* NULL: tz_offset_us_east */
    int64_t now_us; /* start of the transaction, us since 2000-01-01 UTC: 'now', 'today' */
    int extra_float_digits; /* PostgreSQL's default is 1: the shortest text that reads back the same */
    bool datestyle_dmy; /* order of ambiguous input */
    const struct type_hooks *hooks;
    void *hooks_arg;
};

struct type {
    oid_t oid;
    oid_t array_oid;
    const char *name; /* internal name as in pg_type.typname: int4, bpchar */
    const char *sql_name; /* as format_type() prints it without modifier */
    enum datum_rep rep;
    int16_t len; /* fixed bytes in a row and in typlen, -1: variable */
    char category;
    bool preferred;
    enum err (*in)(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d);
    void (*out)(const struct type_ctx *c, union datum v, struct buf *b); /* text format, appended */
    enum err (*recv)(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d);
    void (*send)(const struct type_ctx *c, union datum v, struct buf *b); /* binary format, appended without length */
    int (*cmp)(union datum a, union datum b); /* btree order; NULL: no order */
    uint64_t (*hash)(union datum v); /* equal values hash equal */
};

const struct type *type_by_oid(oid_t oid); /* NULL if unknown */
const struct type *type_by_name(const char *name, size_t len); /* pg_type names and SQL spellings: int, integer, int4, varchar ...; char is the one-byte "char" */
size_t type_count(void);
const struct type *type_at(size_t i);

/* typmod as PostgreSQL has it: varchar(n)/char(n): n+4; numeric(p,s): (p<<16|s)+4; timestamp(p): p; -1: none. */
enum err type_typmod_in(oid_t type, const int64_t *args, size_t nargs, int32_t *ret_typmod, struct diag *d);
/* "character varying(10)"; typmod -1: none, and bpchar says so; -2: not known ("character"). Messages want type->sql_name. */
void type_format(oid_t type, int32_t typmod, struct buf *b);
/* Coerces a value to the length or precision that typmod asks for; is_explicit: CAST truncates silently where an assignment is an error. */
enum err type_apply_typmod(const struct type_ctx *c, oid_t type, int32_t typmod, bool is_explicit, union datum v, union datum *ret, struct diag *d);

/* How a value of one type becomes another. */
enum cast_context { CAST_IMPLICIT, CAST_ASSIGNMENT, CAST_EXPLICIT };
struct cast {
    oid_t from, to;
    enum cast_context context; /* the loosest place where it is applied by itself */
    enum err (*fn)(const struct type_ctx *c, union datum v, union datum *ret, struct diag *d); /* NULL: same bits */
};
const struct cast *cast_find(oid_t from, oid_t to); /* NULL: none. Casts through text I/O (to text: assignment, from text: explicit) are included */

#endif
