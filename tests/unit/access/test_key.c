#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "access/key.h"

static int compare_keys(const struct key_column *c, union datum a, bool an, union datum b, bool bn)
{
    struct buf x, y;
    buf_init(&x);
    buf_init(&y);
    key_append(&x, c, a, an);
    key_append(&y, c, b, bn);
    const int r = memcmp(x.p, y.p, MIN(x.len, y.len));
    if (x.len != y.len)
        assert_int_not_equal(r, 0); /* no value is a prefix of another */
    buf_fini(&x);
    buf_fini(&y);
    return r < 0 ? -1 : r > 0;
}

static void sorted(const struct key_column *c, const union datum *v, size_t n)
{
    struct key_column desc = *c;
    desc.descending = true;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            const int want = i < k ? -1 : i > k;
            assert_int_equal(compare_keys(c, v[i], false, v[k], false), want);
            assert_int_equal(compare_keys(&desc, v[i], false, v[k], false), -want);
        }
}

static void integers_sort(void **state)
{
    const struct key_column c = { .rep = REP_INT };
    const union datum v[] = { { .i = INT64_MIN }, { .i = -300 }, { .i = -1 }, { .i = 0 }, { .i = 1 }, { .i = 255 }, { .i = 256 }, { .i = INT64_MAX } };
    sorted(&c, v, ARRAY_LEN(v));
}

static void floats_sort(void **state)
{
    const struct key_column c = { .rep = REP_FLOAT };
    const union datum v[] = { { .f = -INFINITY }, { .f = -1e300 }, { .f = -1 }, { .f = -1e-300 }, { .f = 0 }, { .f = 5e-324 }, { .f = 1 },
                              { .f = 1e300 }, { .f = INFINITY }, { .f = NAN } };
    sorted(&c, v, ARRAY_LEN(v));
    assert_int_equal(compare_keys(&c, datum_float(-0.0), false, datum_float(0.0), false), 0);
    assert_int_equal(compare_keys(&c, datum_float(-NAN), false, datum_float(NAN), false), 0);
}

static void strings_sort_bytewise(void **state)
{
    const struct key_column c = { .rep = REP_STR };
    const union datum v[] = { { .s = { "", 0 } }, { .s = { "\0", 1 } }, { .s = { "\0\0", 2 } }, { .s = { "\0a", 2 } }, { .s = { "\1", 1 } },
                              { .s = { "a", 1 } }, { .s = { "a\0", 2 } }, { .s = { "a ", 2 } }, { .s = { "aa", 2 } }, { .s = { "b", 1 } },
                              { .s = { "\xff", 1 } }, { .s = { "\xff\xff", 2 } } };
    sorted(&c, v, ARRAY_LEN(v));
}

static void trailing_blanks_do_not_count_in_char_n(void **state)
{
    const struct key_column c = { .rep = REP_STR, .blank_padded = true };
    assert_int_equal(compare_keys(&c, datum_str("ab  ", 4), false, datum_str("ab", 2), false), 0);
    assert_int_equal(compare_keys(&c, datum_str("ab c", 4), false, datum_str("ab", 2), false), 1);
}

static void nulls_go_where_the_column_says(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct key_column c = { .rep = REP_INT, .descending = i & 1, .nulls_first = i & 2 };
        const int want = c.nulls_first ? -1 : 1;
        assert_int_equal(compare_keys(&c, datum_int(0), true, datum_int(INT64_MAX), false), want);
        assert_int_equal(compare_keys(&c, datum_int(0), true, datum_int(INT64_MIN), false), want);
        assert_int_equal(compare_keys(&c, datum_int(0), true, datum_int(9), true), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_sort),
        cmocka_unit_test(floats_sort),
        cmocka_unit_test(strings_sort_bytewise),
        cmocka_unit_test(trailing_blanks_do_not_count_in_char_n),
        cmocka_unit_test(nulls_go_where_the_column_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
