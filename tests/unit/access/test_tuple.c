#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "access/tuple.h"
#include "base/hash.h"

static const struct tuple_column columns[] = {
    { .rep = REP_INT, .len = 4 }, { .rep = REP_STR, .len = -1 }, { .rep = REP_INT, .len = 8 },   { .rep = REP_FLOAT, .len = 8 },
    { .rep = REP_INT, .len = 1 }, { .rep = REP_INT, .len = 2 },  { .rep = REP_FLOAT, .len = 4 }, { .rep = REP_NUMERIC, .len = -1 },
};
#define N ARRAY_LEN(columns)
static const struct tuple_desc desc = { N, columns };

static bool same(const struct tuple_column *c, union datum a, union datum b)
{
    if (c->rep == REP_INT)
        return a.i == b.i;
    if (c->rep == REP_FLOAT)
        return a.f == b.f;
    return a.s.len == b.s.len && (a.s.len == 0 || memcmp(a.s.p, b.s.p, a.s.len) == 0);
}

static void values_come_back(void **state)
{
    static char text[7000];
    struct diag d;
    struct arena *arena = arena_new("test", 0);
    const struct snapshot s = { .s = 1 };
    memset(text, 'x', sizeof(text));
    uint64_t seed = 1;
    for (unsigned round = 0; round < 3000; round++) {
        union datum v[N], back[N];
        bool null[N], back_null[N], want[N];
        const uint8_t *body;
        uint32_t len;
        for (unsigned i = 0; i < N; i++) {
            seed = hash_u64(seed + 1);
            null[i] = seed % 4 == 0;
            want[i] = seed / 4 % 2;
            const int bits = columns[i].len < 0 ? 0 : 8 * columns[i].len;
            if (columns[i].rep == REP_INT)
                v[i] = datum_int((int64_t)seed >> (64 - bits));
            else if (columns[i].rep == REP_FLOAT)
                v[i] = datum_float((float)(int64_t)seed);
            else
                v[i] = datum_str(text, seed / 8 % (seed / 64 % 3 == 0 ? 300 : seed / 64 % 3 == 1 ? 10 : 3500));
        }
        assert_int_equal(tuple_form(NULL, NULL, (struct seg){ 0 }, &desc, v, null, arena, &body, &len, &d), ERR_OK);
        assert_int_equal(body[0] & 0x80, 0);
        const uint16_t upto = (uint16_t)(seed % (N + 1));
        assert_int_equal(tuple_deform(NULL, &s, &desc, body, len, upto, round % 2 ? want : NULL, back, back_null, arena, &d), ERR_OK);
        for (unsigned i = 0; i < upto; i++) {
            assert_int_equal(back_null[i], null[i]);
            if (!null[i] && (round % 2 == 0 || want[i]))
                assert_true(same(&columns[i], back[i], v[i]));
        }
        for (uint32_t cut = 0; cut < len && round < 20; cut++) { /* shorter rows are refused, not overrun */
            uint8_t *copy = arena_dup(arena, body, cut);
            const enum err err = tuple_deform(NULL, &s, &desc, copy, cut, N, NULL, back, back_null, arena, &d);
            assert_true(err == ERR_OK || err == ERR_CORRUPT);
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

static void added_columns_read_as_their_default(void **state)
{
    struct diag d;
    struct arena *arena = arena_new("test", 0);
    const struct snapshot s = { .s = 1 };
    struct tuple_column more[4] = { columns[0], columns[1], { .rep = REP_INT, .len = 4, .has_missing = true, .missing = { .i = 42 } }, columns[1] };
    const struct tuple_desc before = { 2, more }, after = { 4, more };
    const union datum v[2] = { datum_int(-7), datum_str("seven", 5) };
    const bool null[2] = { false, false };
    union datum back[4];
    bool back_null[4];
    const uint8_t *body;
    uint32_t len;
    assert_int_equal(tuple_form(NULL, NULL, (struct seg){ 0 }, &before, v, null, arena, &body, &len, &d), ERR_OK);
    assert_int_equal(tuple_deform(NULL, &s, &after, body, len, 4, NULL, back, back_null, arena, &d), ERR_OK);
    assert_int_equal(back[0].i, -7);
    assert_false(back_null[2]);
    assert_int_equal(back[2].i, 42);
    assert_true(back_null[3]);
    arena_free(arena);
}

static void a_row_of_short_values_that_does_not_fit_is_refused(void **state)
{
    struct diag d;
    struct arena *arena = arena_new("test", 0);
    static struct tuple_column many[1200];
    static union datum v[1200];
    static bool null[1200];
    const struct tuple_desc td = { 1200, many };
    const uint8_t *body;
    uint32_t len;
    for (unsigned i = 0; i < 1200; i++)
        many[i] = (struct tuple_column){ .rep = REP_INT, .len = 8 };
    assert_int_equal(tuple_form(NULL, NULL, (struct seg){ 0 }, &td, v, null, arena, &body, &len, &d), ERR_LIMIT);
    assert_string_equal(d.message, "row is too big: size 9623, maximum size 7500");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(added_columns_read_as_their_default),
        cmocka_unit_test(a_row_of_short_values_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
