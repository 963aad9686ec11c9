#include "base/buf.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void grows_and_formats(void **state)
{
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    assert_memory_equal(b.p, "0,1,2,", 6);
    buf_reset(&b);
    char big[5000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    buf_printf(&b, "%s", big);
    assert_int_equal(b.len, sizeof(big) - 1);
    buf_put_u8(&b, 7);
    buf_put_str(&b, "end");
    buf_put(&b, NULL, 0);
    assert_memory_equal(b.p + sizeof(big) - 1, "\7end", 4);
    buf_fini(&b);
    assert_null(b.p);
}

static void byte_orders(void **state)
{
    uint8_t p[8];
    put_u64be(p, 0x0102030405060708);
    assert_memory_equal(p, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(get_u64le(p), 0x0807060504030201);
    assert_int_equal(get_u32be(p + 4), 0x05060708);
    put_u16le(p, 0x0102);
    assert_int_equal(get_u16be(p), 0x0201);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(grows_and_formats), cmocka_unit_test(byte_orders) };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
