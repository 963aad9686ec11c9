/*
 * The header of a block: sealed blocks verify, damaged and misplaced ones are
 * named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "storage/block.h"

static void a_sealed_block_verifies(void **state)
{
    alignas(16) uint8_t b[BLOCK_SIZE];
    struct diag d;
    block_format(b, dba_make(1, 77), BLOCK_HEAP, 1, 5);
    assert_int_equal(block_header(b)->scn, 0);
    block_header(b)->scn = 9;
    block_seal(b);
    assert_int_equal(block_verify(b, dba_make(1, 77), &d), ERR_OK);
    assert_int_equal(block_verify(b, dba_make(1, 78), &d), ERR_CORRUPT);
    assert_string_equal(d.message, "block 78 of file 1 is misplaced: its header says block 77 of file 1");
}

static void an_empty_block_was_never_written(void **state)
{
    alignas(16) uint8_t b[BLOCK_SIZE] = { 0 };
    struct diag d;
    assert_int_equal(block_verify(b, dba_make(1, 3), &d), ERR_OK);
    assert_int_equal(block_header(b)->type, BLOCK_NONE);
    b[BLOCK_SIZE - 1] = 1;
    assert_int_equal(block_verify(b, dba_make(1, 3), &d), ERR_CORRUPT);
}

static void every_byte_counts(void **state)
{
    alignas(16) uint8_t b[BLOCK_SIZE];
    struct diag d;
    block_format(b, dba_make(1, 77), BLOCK_BTREE, 1, 5);
    for (unsigned i = BLOCK_HEADER_SIZE; i < BLOCK_SIZE; i++)
        b[i] = (uint8_t)(i * 7);
    block_seal(b);
    for (unsigned i = 0; i < BLOCK_SIZE; i++) {
        b[i] ^= 0x40;
        assert_int_equal(block_verify(b, dba_make(1, 77), &d), ERR_CORRUPT);
        assert_non_null(strstr(d.message, "block 77 of file 1"));
        b[i] ^= 0x40;
    }
    assert_string_equal(block_type_name(BLOCK_BTREE), "BTREE");
    assert_string_equal(block_type_name(200), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_block_verifies),
        cmocka_unit_test(an_empty_block_was_never_written),
        cmocka_unit_test(every_byte_counts),
    };
    return cmocka_run_group_tests_name("storage/block", tests, NULL, NULL);
}
