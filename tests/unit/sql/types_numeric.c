/*
 * Numbers: the two packed forms must be one to their users, and the fast and
 * slow paths must agree.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "sql/types/numeric.h"

static struct arena *arena;
static struct diag d;

static int setup(void **state)
{
    arena = arena_new("test", 0);
    diag_clear(&d);
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    return 0;
}

static num read_num(const char *s)
{
    num r;
    assert_int_equal(numeric_parse(arena, s, strlen(s), &r, &d), ERR_OK);
    return r;
}

static const char *text_of(num v)
{
    struct buf b;
    buf_init(&b);
    numeric_print(v, &b);
    const char *s = arena_strndup(arena, (const char *)b.p, b.len);
    buf_fini(&b);
    return s;
}

/* Digits and a scale from a seed; lengths on both sides of what the small form holds. */
static num random_num(uint64_t *seed)
{
    char text[128];
    size_t n = 0;
    const unsigned digits = 1 + (unsigned)((*seed = hash_u64(*seed + 1)) % 45), point = (unsigned)(hash_u64(*seed) % (digits + 1));
    if (*seed % 3 == 0)
        text[n++] = '-';
    for (unsigned i = 0; i < digits; i++) {
        if (i == point)
            text[n++] = '.';
        *seed = hash_u64(*seed + 1);
        text[n++] = (char)('0' + (*seed % 4 == 0 ? 0 : *seed / 4 % 10));
    }
    text[n] = 0;
    return read_num(text);
}

static void text_and_wire_come_back(void **state)
{
    uint64_t seed = 1;
    for (int i = 0; i < 3000; i++) {
        const num v = random_num(&seed);
        const num again = read_num(text_of(v));
        assert_int_equal(again.len, v.len);
        assert_memory_equal(again.p, v.p, v.len);
        struct buf wire;
        num back;
        buf_init(&wire);
        numeric_send(v, &wire);
        assert_int_equal(numeric_recv(arena, wire.p, wire.len, &back, &d), ERR_OK);
        assert_int_equal(back.len, v.len);
        assert_memory_equal(back.p, v.p, v.len);
        buf_fini(&wire);
        arena_reset(arena);
    }
}

/* Ten zeros more at the end change the form of some, the value of none. */
static void the_form_does_not_matter(void **state)
{
    uint64_t seed = 2;
    for (int i = 0; i < 3000; i++) {
        const num x = random_num(&seed), y = random_num(&seed);
        num wide, sum, wide_sum, product, wide_product;
        assert_int_equal(numeric_round(arena, x, numeric_scale(x) + 30, &wide, &d), ERR_OK);
        assert_int_equal(numeric_cmp(x, wide), 0);
        assert_int_equal(numeric_hash(x), numeric_hash(wide));
        assert_int_equal(numeric_cmp(x, y), numeric_cmp(wide, y));
        assert_int_equal(numeric_cmp(x, y), -numeric_cmp(y, x));
        assert_int_equal(numeric_add(arena, x, y, &sum, &d), ERR_OK);
        assert_int_equal(numeric_add(arena, wide, y, &wide_sum, &d), ERR_OK);
        assert_int_equal(numeric_cmp(sum, wide_sum), 0);
        assert_int_equal(numeric_mul(arena, x, y, &product, &d), ERR_OK);
        assert_int_equal(numeric_mul(arena, wide, y, &wide_product, &d), ERR_OK);
        assert_int_equal(numeric_cmp(product, wide_product), 0);
        assert_int_equal(numeric_sub(arena, sum, y, &sum, &d), ERR_OK);
        assert_int_equal(numeric_cmp(sum, x), 0);
        arena_reset(arena);
    }
}

/* x = trunc(x / y) * y + x % y, and (x * y) / y = x. */
static void division_undoes_multiplication(void **state)
{
    uint64_t seed = 3;
    for (int i = 0; i < 3000; i++) {
        const num x = random_num(&seed), y = random_num(&seed);
        num q, p, m, r;
        if (numeric_sign(y) == 0) {
            assert_int_equal(numeric_div(arena, x, y, &q, &d), ERR_DIVISION_BY_ZERO);
            continue;
        }
        assert_int_equal(numeric_div_trunc(arena, x, y, &q, &d), ERR_OK);
        assert_int_equal(numeric_mul(arena, q, y, &p, &d), ERR_OK);
        assert_int_equal(numeric_mod(arena, x, y, &m, &d), ERR_OK);
        assert_int_equal(numeric_add(arena, p, m, &r, &d), ERR_OK);
        assert_int_equal(numeric_cmp(r, x), 0);
        assert_true(numeric_cmp(numeric_abs(arena, m), numeric_abs(arena, y)) < 0);
        assert_int_equal(numeric_mul(arena, x, y, &p, &d), ERR_OK);
        assert_int_equal(numeric_div(arena, p, y, &r, &d), ERR_OK);
        assert_int_equal(numeric_cmp(r, x), 0);
        arena_reset(arena);
    }
}

static void small_forms_are_short(void **state)
{
    assert_int_equal(read_num("0").len, 2);
    assert_int_equal(read_num("1.5").len, 3);
    assert_int_equal(read_num("-128").len, 3);
    assert_int_equal(read_num("128").len, 4);
    assert_int_equal(read_num("99999999999999999999999999999999999").len, 17);
    assert_string_equal(text_of(read_num("-170141183460469231731687303715884105728")), "-170141183460469231731687303715884105728");
    assert_string_equal(text_of(numeric_from_int128(arena, (int128_t)((uint128_t)1 << 127), 2)),
                        "-1701411834604692317316873037158841057.28");
}

static void sizes_have_limits(void **state)
{
    num v, r;
    v = read_num("1e131071");
    assert_int_equal(strlen(text_of(v)), 131072);
    assert_int_equal(numeric_mul(arena, v, v, &r, &d), ERR_NUMERIC_RANGE);
    assert_string_equal(d.message, "value overflows numeric format");
    v = read_num("1e-16383");
    assert_int_equal(numeric_scale(v), 16383);
    assert_int_equal(numeric_mul(arena, v, v, &r, &d), ERR_OK);
    assert_int_equal(numeric_sign(r), 0);
    assert_int_equal(numeric_power(arena, read_num("10"), read_num("200000"), &r, &d), ERR_NUMERIC_RANGE);
}

static void broken_wire_is_refused(void **state)
{
    static const struct {
        uint8_t bytes[12];
        size_t len;
    } cases[] = {
        { { 0, 1, 0, 0, 0, 0, 0 }, 7 },                      /* cut short */
        { { 0, 2, 0, 0, 0, 0, 0, 0, 0, 1 }, 10 },            /* fewer digits than said */
        { { 0, 1, 0, 0, 0x10, 0, 0, 0, 0, 1 }, 10 },         /* sign */
        { { 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0, 1 }, 10 },      /* scale */
        { { 0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10 }, 10 },      /* a digit of 10000 */
        { { 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0 }, 11 },         /* more bytes than said */
    };
    num v;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_not_equal(numeric_recv(arena, cases[i].bytes, cases[i].len, &v, &d), ERR_OK);
    /* digits beyond the scale do not count */
    const uint8_t hidden[] = { 0, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0x0b, 0xb8 + 1 };
    assert_int_equal(numeric_recv(arena, hidden, sizeof(hidden), &v, &d), ERR_OK);
    assert_string_equal(text_of(v), "1.3");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(text_and_wire_come_back), T(the_form_does_not_matter), T(division_undoes_multiplication), T(small_forms_are_short),
        T(sizes_have_limits), T(broken_wire_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
