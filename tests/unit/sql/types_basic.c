#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/hash.h"
#include "sql/types/type.h"
#include "sql/types/utf8.h"

static struct arena *arena;
static struct diag d;
static struct buf out;

static int setup(void **state)
{
    arena = arena_new("test", 0);
    buf_init(&out);
    diag_clear(&d);
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    buf_fini(&out);
    return 0;
}

static struct type_ctx ctx(void)
{
    return (struct type_ctx){ .arena = arena, .extra_float_digits = 1 };
}

static const char *text_of(const struct type_ctx *c, oid_t type, union datum v)
{
    buf_reset(&out);
    type_by_oid(type)->out(c, v, &out);
    buf_put_u8(&out, 0);
    return (const char *)out.p;
}

static enum err read_as(const struct type_ctx *c, oid_t type, const char *s, int32_t typmod, union datum *ret)
{
    return type_by_oid(type)->in(c, s, strlen(s), typmod, ret, &d);
}

static void the_table_is_complete(void **state)
{
    for (size_t i = 0; i < type_count(); i++) {
        const struct type *t = type_at(i);
        assert_ptr_equal(type_by_oid(t->oid), t);
        assert_ptr_equal(type_by_name(t->name, strlen(t->name)), t);
        assert_non_null(t->in);
        assert_non_null(t->out);
        assert_non_null(t->recv);
        assert_non_null(t->send);
        assert_true(t->oid == TYPE_VOID || (t->cmp && t->hash));
    }
    assert_null(type_by_oid(4711));
    assert_null(type_by_name("foo", 3));
    assert_int_equal(type_by_name("int", 3)->oid, TYPE_INT4);
    assert_int_equal(type_by_name("integer", 7)->oid, TYPE_INT4);
    assert_int_equal(type_by_name("timestamp with time zone", 24)->oid, TYPE_TIMESTAMPTZ);
    assert_int_equal(type_by_name("character varying", 17)->oid, TYPE_VARCHAR);
}

static void modifiers_are_checked(void **state)
{
    const int64_t zero = 0, big = 99999999, neg = -1, precision_scale[] = { 1001, 0 }, scale[] = { 10, 1001 }, ok[] = { 10, -3 };
    int32_t m;
    assert_int_equal(type_typmod_in(TYPE_VARCHAR, &zero, 1, &m, &d), ERR_PARAMETER_VALUE);
    assert_string_equal(d.message, "length for type varchar must be at least 1");
    assert_int_equal(type_typmod_in(TYPE_BPCHAR, &big, 1, &m, &d), ERR_PARAMETER_VALUE);
    assert_string_equal(d.message, "length for type char cannot exceed 10485760");
    assert_int_equal(type_typmod_in(TYPE_NUMERIC, precision_scale, 2, &m, &d), ERR_PARAMETER_VALUE);
    assert_string_equal(d.message, "NUMERIC precision 1001 must be between 1 and 1000");
    assert_int_equal(type_typmod_in(TYPE_NUMERIC, scale, 2, &m, &d), ERR_PARAMETER_VALUE);
    assert_string_equal(d.message, "NUMERIC scale 1001 must be between -1000 and 1000");
    assert_int_equal(type_typmod_in(TYPE_TIMESTAMPTZ, &neg, 1, &m, &d), ERR_PARAMETER_VALUE);
    assert_string_equal(d.message, "TIMESTAMP(-1) WITH TIME ZONE precision must not be negative");
    assert_int_equal(type_typmod_in(TYPE_INT4, &big, 1, &m, &d), ERR_SYNTAX);
    assert_string_equal(d.message, "type modifier is not allowed for type \"int4\"");
    assert_int_equal(type_typmod_in(TYPE_NUMERIC, ok, 2, &m, &d), ERR_OK);
    buf_reset(&out);
    type_format(TYPE_NUMERIC, m, &out);
    assert_memory_equal(out.p, "numeric(10,-3)", out.len);
}

/* An assignment refuses what a cast cuts off. */
static void assignment_and_cast_differ(void **state)
{
    const struct type_ctx c = ctx();
    union datum v = datum_str("abcd", 4), r;
    assert_int_equal(type_apply_typmod(&c, TYPE_VARCHAR, 3 + 4, false, v, &r, &d), ERR_STRING_TRUNCATION);
    assert_string_equal(d.message, "value too long for type character varying(3)");
    assert_int_equal(type_apply_typmod(&c, TYPE_BPCHAR, 3 + 4, false, v, &r, &d), ERR_STRING_TRUNCATION);
    assert_string_equal(d.message, "value too long for type character(3)");
    assert_int_equal(type_apply_typmod(&c, TYPE_VARCHAR, 3 + 4, true, v, &r, &d), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_VARCHAR, r), "abc");
    v = datum_str("ab   ", 5); /* blanks may go */
    assert_int_equal(type_apply_typmod(&c, TYPE_VARCHAR, 3 + 4, false, v, &r, &d), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_VARCHAR, r), "ab ");
    assert_int_equal(read_as(&c, TYPE_NUMERIC, "999.995", ((5 << 16) | 2) + 4, &r), ERR_NUMERIC_RANGE);
    assert_string_equal(d.message, "numeric field overflow");
    assert_string_equal(d.detail, "A field with precision 5, scale 2 must round to an absolute value less than 10^3.");
}

static void relative_dates_follow_the_transaction(void **state)
{
    struct type_ctx c = ctx();
    union datum v;
    assert_int_equal(read_as(&c, TYPE_TIMESTAMPTZ, "2020-06-15 23:30:00+00", -1, &v), ERR_OK);
    c.now_us = v.i;
    assert_int_equal(read_as(&c, TYPE_TIMESTAMPTZ, "now", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_TIMESTAMPTZ, v), "2020-06-15 23:30:00+00");
    assert_int_equal(read_as(&c, TYPE_DATE, "today", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_DATE, v), "2020-06-15");
    c.tz_offset_us_east = INT64_C(3600000000) * 2; /* where it is tomorrow already */
    assert_int_equal(read_as(&c, TYPE_DATE, "today", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_DATE, v), "2020-06-16");
    assert_int_equal(read_as(&c, TYPE_TIMESTAMPTZ, "yesterday", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_TIMESTAMPTZ, v), "2020-06-15 00:00:00+02");
    assert_int_equal(read_as(&c, TYPE_TIMESTAMP, "tomorrow 03:04", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_TIMESTAMP, v), "2020-06-17 03:04:00");
}

static void day_before_month_where_asked(void **state)
{
    struct type_ctx c = ctx();
    union datum v;
    c.datestyle_dmy = true;
    assert_int_equal(read_as(&c, TYPE_DATE, "2/1/2020", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_DATE, v), "2020-01-02");
    assert_int_equal(read_as(&c, TYPE_DATE, "1/13/2020", -1, &v), ERR_DATETIME_OVERFLOW);
    assert_string_equal(d.hint, "Perhaps you need a different \"datestyle\" setting.");
}

static enum err find_class(void *arg, const char *s, size_t len, oid_t *ret, struct diag *dg)
{
    if (len == 1 && *s == 't') {
        *ret = 16384;
        return ERR_OK;
    }
    return diag_set(dg, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", (int)len, s);
}

static bool print_class(void *arg, oid_t oid, struct buf *b)
{
    if (oid == 16384)
        buf_put_str(b, "t");
    return oid == 16384;
}

static void regclass_asks_the_catalogue(void **state)
{
    static const struct type_hooks hooks = { .regclass_in = find_class, .regclass_out = print_class };
    struct type_ctx c = ctx();
    union datum v;
    assert_int_equal(read_as(&c, TYPE_REGCLASS, "t", -1, &v), ERR_UNDEFINED_TABLE);
    c.hooks = &hooks;
    assert_int_equal(read_as(&c, TYPE_REGCLASS, "t", -1, &v), ERR_OK);
    assert_int_equal(v.i, 16384);
    assert_string_equal(text_of(&c, TYPE_REGCLASS, v), "t");
    assert_int_equal(read_as(&c, TYPE_REGCLASS, "nope", -1, &v), ERR_UNDEFINED_TABLE);
    assert_int_equal(read_as(&c, TYPE_REGCLASS, "77", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_REGCLASS, v), "77");
    assert_int_equal(read_as(&c, TYPE_REGCLASS, "-", -1, &v), ERR_OK);
    assert_string_equal(text_of(&c, TYPE_REGCLASS, v), "-");
}

static void bad_utf8_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool ok;
    } cases[] = {
        { "abc", 3, true },          { "\xc3\xa4", 2, true },         { "\xc3", 1, false },
        { "\xc0\x80", 2, false },    { "\xed\xa0\x80", 3, false },    { "\xf4\x90\x80\x80", 4, false },
        { "a\0b", 3, false },        { "\xf0\x9d\x84\x9e", 4, true }, { "\xe0\x80\x80", 3, false },
        { "\xff", 1, false },        { "\x80", 1, false },            { "\xf0\x9d\x84", 3, false },
    };
    const struct type_ctx c = ctx();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        union datum v;
        const enum err err = type_by_oid(TYPE_TEXT)->recv(&c, (const uint8_t *)cases[i].bytes, cases[i].len, -1, &v, &d);
        assert_int_equal(err, cases[i].ok ? ERR_OK : ERR_CHARACTER);
    }
    assert_string_equal(d.message, "invalid byte sequence for encoding \"UTF8\": 0xf0 0x9d 0x84");
    assert_int_equal(utf8_clip("a\xc3\xa4", 3, 2), 1);
    assert_int_equal(utf8_offset("a\xc3\xa4x", 4, 2), 3);
}

static void wrong_binary_sizes_are_refused(void **state)
{
    const struct type_ctx c = ctx();
    const uint8_t bytes[16] = { 0 };
    for (size_t i = 0; i < type_count(); i++) {
        const struct type *t = type_at(i);
        union datum v;
        if (t->len <= 0)
            continue;
        assert_int_equal(t->recv(&c, bytes, (size_t)t->len, -1, &v, &d), ERR_OK);
        assert_int_equal(t->recv(&c, bytes, (size_t)t->len + 1, -1, &v, &d), ERR_BINARY_REPRESENTATION);
        assert_int_equal(t->recv(&c, bytes, (size_t)t->len - 1, -1, &v, &d), ERR_BINARY_REPRESENTATION);
    }
}

/* A value that does not fit the statement's memory is an error, not a crash. */
static void memory_has_a_limit(void **state)
{
    struct arena *small = arena_new("small", 64 << 10);
    const struct type_ctx c = { .arena = small };
    const size_t len = 1 << 20;
    char *big = xcalloc(1, len);
    union datum v;
    memset(big, 'x', len);
    assert_int_equal(type_by_oid(TYPE_TEXT)->in(&c, big, len, -1, &v, &d), ERR_OUT_OF_MEMORY);
    free(big);
    arena_free(small);
}

/* Whatever the bytes: a value or an error; and a value's text reads back as the same value. */
static void any_bytes_are_survived(void **state)
{
    static const char *const samples[] = {
        "2020-01-02 03:04:05.678+02", "Thu Jan 02 03:04:05 2020 PST", "20200102T030405", "1.5e-3", "-Infinity", "123456789", "true",
        "J2451187", "2-Jan-2020 BC", "now today epoch", "\\200", "1e300", "99.999.99", "+05:30:15",
    };
    static const char alphabet[] = "0123456789:-+/. ,TZjJaeinfp\\\"'\xc3\xa4\x01";
    const struct type_ctx c = ctx();
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        seed = hash_u64(seed + 1);
        size_t len = strlen(strcpy(text, samples[seed % ARRAY_LEN(samples)]));
        for (unsigned k = (unsigned)(seed >> 8) % 4; k > 0; k--) {
            seed = hash_u64(seed + 1);
            text[seed % len] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
            len -= (seed >> 32) % 7 == 0 && len > 1;
        }
        for (size_t t = 0; t < type_count(); t++) {
            const struct type *type = type_at(t);
            union datum v, again;
            char *exact = arena_dup(arena, text, len); /* no byte behind it may be read */
            if (type->in(&c, exact, len, -1, &v, &d) == ERR_OK && type->cmp) {
                const char *shown = text_of(&c, type->oid, v);
                assert_int_equal(type->in(&c, shown, out.len - 1, -1, &again, &d), ERR_OK);
                assert_int_equal(type->cmp(v, again), 0);
            }
            if (type->recv(&c, (const uint8_t *)exact, len, -1, &v, &d) == ERR_OK)
                text_of(&c, type->oid, v);
        }
        arena_reset(arena);
    }
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_table_is_complete), T(modifiers_are_checked), T(assignment_and_cast_differ), T(relative_dates_follow_the_transaction),
        T(day_before_month_where_asked), T(regclass_asks_the_catalogue), T(bad_utf8_is_refused), T(wrong_binary_sizes_are_refused),
        T(memory_has_a_limit), T(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
