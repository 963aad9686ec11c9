#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void pieces_are_aligned_and_keep_their_bytes(void **state)
{
    struct arena *a = arena_new("test", 0);
    uint8_t *pieces[2000];
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        pieces[i] = arena_alloc(a, 1 + i * 7 % 5000);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xff), 1 + i * 7 % 5000);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t b = 0; b < 1 + i * 7 % 5000; b++)
            assert_int_equal(pieces[i][b], i & 0xff);
    arena_free(a);
}

static void a_limit_refuses_what_users_size(void **state)
{
    struct arena *a = arena_new("test", 10000);
    assert_non_null(arena_try_alloc(a, 6000));
    assert_null(arena_try_alloc(a, 6000));
    assert_false(arena_over_limit(a));
    assert_null(arena_try_alloc(a, SIZE_MAX));

    /* Small pieces go on beyond it, and the loop sees that. */
    while (!arena_over_limit(a))
        assert_non_null(arena_alloc(a, 100));
    arena_reset(a);
    assert_false(arena_over_limit(a));
    assert_int_equal(arena_used_bytes(a), 0);
    assert_non_null(arena_try_alloc(a, 6000));
    arena_free(a);
}

static void a_large_piece_as_the_first_is_given_back_by_reset(void **state)
{
    struct arena *a = arena_new("test", 0);
    for (int i = 0; i < 100; i++) {
        memset(arena_alloc(a, 3 << 20), 1, 3 << 20);
        memset(arena_alloc(a, 10), 1, 10);
        arena_reset(a);
    }
    arena_free(a);
}

static void strings(void **state)
{
    struct arena *a = arena_new("test", 0);
    assert_string_equal(arena_strdup(a, "abc"), "abc");
    assert_string_equal(arena_strndup(a, "abcdef", 2), "ab");
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    assert_memory_equal(arena_dup(a, "12345", 5), "12345", 5);
    const uint64_t *zero = ARENA_ARRAY(a, uint64_t, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zero[i], 0);
    arena_free(a);
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_keep_their_bytes),
        cmocka_unit_test(a_limit_refuses_what_users_size),
        cmocka_unit_test(a_large_piece_as_the_first_is_given_back_by_reset),
        cmocka_unit_test(strings),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
