#include "base/diag.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void context_is_put_in_front(void **state)
{
    struct diag d;
    assert_int_equal(diag_set(&d, ERR_CORRUPT, "page %d", 2), ERR_CORRUPT);
    assert_int_equal(diag_wrap(&d, ERR_CORRUPT, "volume \"%s\"", "v1"), ERR_CORRUPT);
    assert_string_equal(d.message, "volume \"v1\": page 2");
    assert_int_equal(diag_detail(&d, "more"), ERR_CORRUPT);
    assert_int_equal(diag_hint(&d, "do %s", "this"), ERR_CORRUPT);
    assert_int_equal(diag_at(&d, 12), ERR_CORRUPT);
    assert_string_equal(d.hint, "do this");

    /* A new error starts afresh, and may quote the old one. */
    diag_set(&d, ERR_IO, "after \"%s\"", d.message);
    assert_string_equal(d.message, "after \"volume \"v1\": page 2\"");
    assert_string_equal(d.detail, "");
    assert_int_equal(d.position, 0);
    assert_int_equal(diag_wrap(NULL, ERR_IO, "x"), ERR_IO);
}

static void long_messages_are_cut(void **state)
{
    char big[3000];
    memset(big, 'y', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct diag d;
    diag_set(&d, ERR_IO, "%s", big);
    assert_int_equal(strlen(d.message), sizeof(d.message) - 1);
    diag_wrap(&d, ERR_IO, "%s", "front");
    assert_memory_equal(d.message, "front: yyy", 10);
    assert_int_equal(strlen(d.message), sizeof(d.message) - 1);
}

static void codes(void **state)
{
    assert_string_equal(err_sqlstate(ERR_OK), "00000");
    assert_string_equal(err_sqlstate(ERR_DEADLOCK), "40P01");
    assert_string_equal(err_name(ERR_DEADLOCK), "DEADLOCK");
    assert_string_equal(err_name(ERR_STALE_EPOCH), "STALE_EPOCH");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(context_is_put_in_front), cmocka_unit_test(long_messages_are_cut),
                                        cmocka_unit_test(codes) };
    return cmocka_run_group_tests_name("base/diag", tests, NULL, NULL);
}
