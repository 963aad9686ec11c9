#include "base/hash.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void crc_known_answers(void **state)
{
    uint8_t p[32] = { 0 };
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, p, 32), 0x8a9136aa); /* RFC 3720 */
    memset(p, 0xff, sizeof(p));
    assert_int_equal(crc32c(0, p, 32), 0x62a8ab43);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void hash_depends_on_bytes_and_seed(void **state)
{
    assert_int_equal(hash_bytes("abc", 3, 1), hash_bytes("abcd", 3, 1));
    assert_int_not_equal(hash_bytes("abc", 3, 1), hash_bytes("abc", 3, 2));
}

static void map_against_an_array(void **state)
{
    enum { KEYS = 500 };
    static int values[KEYS];
    void *expected[KEYS] = { NULL };
    size_t count = 0;
    struct u64map *m = u64map_new(0);
    uint64_t x = 1;
    for (int i = 0; i < 200000; i++) {
        x = hash_u64(x + (uint64_t)i);
        const size_t k = x % KEYS;
        if (x >> 32 & 1) {
            void *v = &values[x >> 40 & 0xff];
            assert_ptr_equal(u64map_put(m, k, v), expected[k]);
            count += expected[k] == NULL;
            expected[k] = v;
        } else {
            assert_ptr_equal(u64map_del(m, k), expected[k]);
            count -= expected[k] != NULL;
            expected[k] = NULL;
        }
        assert_int_equal(u64map_count(m), count);
    }
    for (size_t k = 0; k < KEYS; k++)
        assert_ptr_equal(u64map_get(m, k), expected[k]);

    size_t pos = 0, seen = 0;
    uint64_t key;
    void *value;
    while (u64map_next(m, &pos, &key, &value)) { /* deleting what was just returned */
        assert_ptr_equal(value, expected[key]);
        assert_ptr_equal(u64map_del(m, key), value);
        seen++;
    }
    assert_int_equal(seen, count);
    assert_int_equal(u64map_count(m), 0);
    u64map_free(m);
    u64map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(crc_known_answers), cmocka_unit_test(hash_depends_on_bytes_and_seed),
                                        cmocka_unit_test(map_against_an_array) };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
