/*
 * Encoding of records and log blocks: what is written is read back, and what
 * is damaged is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "redo/format.h"

static const struct redo_vector vectors[] = {
    { .dba = { 0x100000007 }, .before = 41, .opcode = REDO_HEAP_INSERT, .nparts = 2, .part = { { "abc", 3 }, { "defg", 4 } } },
    { .dba = { 0x100000009 }, .before = 99, .opcode = REDO_HEAP_FORMAT, .nparts = 0 },
    { .dba = { 0x100100001 }, .before = 12, .opcode = REDO_UNDO_APPEND, .nparts = 1, .part = { { "undo", 4 } } },
};

static void a_record_comes_back(void **state)
{
    uint8_t bytes[512];
    struct redo_record r;
    const char *why = NULL;
    const uint32_t len = record_encode(bytes, REDO_COMMIT, xid_make(3, 77), 1234, vectors, 3);
    assert_int_equal(len, redo_record_size(vectors, 3));
    assert_int_equal(record_length(bytes), len);
    assert_true(record_decode(bytes, len, &r, &why));
    assert_int_equal(r.scn, 1234);
    assert_int_equal(r.xid.v, xid_make(3, 77).v);
    assert_int_equal(r.type, REDO_COMMIT);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.v[0].before, 41);
    assert_int_equal(r.v[0].len, 7);
    assert_memory_equal(r.v[0].payload, "abcdefg", 7);
    assert_int_equal(r.v[1].before, 0); /* formats: there is no before */
    assert_int_equal(r.v[2].opcode, REDO_UNDO_APPEND);
}

static void every_flipped_bit_is_noticed(void **state)
{
    uint8_t bytes[512];
    struct redo_record r;
    const char *why = NULL;
    const uint32_t len = record_encode(bytes, REDO_CHANGE, xid_make(1, 1), 5, vectors, 3);
    for (uint32_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(record_decode(bytes, len, &r, &why));
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (uint32_t shorter = 0; shorter < len; shorter++)
        assert_false(record_decode(bytes, shorter, &r, &why));
    assert_true(record_decode(bytes, len, &r, &why));
}

static void a_log_block_is_checked(void **state)
{
    alignas(8) uint8_t block[REDO_LOG_BLOCK] = { 0 };
    struct log_block_header h;
    *(struct log_block_header *)block = (struct log_block_header){ .thread = 4, .used = 100, .incarnation = 8, .lsn = 3 * REDO_LOG_BLOCK };
    log_block_seal(block);
    assert_true(log_block_valid(block, 4, &h));
    assert_int_equal(h.lsn, 3 * REDO_LOG_BLOCK);
    assert_false(log_block_valid(block, 5, &h));
    for (uint32_t at = 0; at < REDO_LOG_BLOCK; at += 37) {
        block[at] ^= 0x10;
        assert_false(log_block_valid(block, 4, &h));
        block[at] ^= 0x10;
    }
    const uint8_t zeroes[REDO_LOG_BLOCK] = { 0 };
    assert_false(log_block_valid(zeroes, 0, &h));
}

static void a_file_header_is_checked(void **state)
{
    uint8_t block[REDO_LOG_BLOCK];
    struct log_file_header h = { .thread = 2, .sequence = 9, .start = 8 * REDO_LOG_BLOCK, .data_bytes = 64 * REDO_LOG_BLOCK }, back;
    log_file_header_encode(block, &h);
    assert_true(log_file_header_decode(block, 2, &back));
    assert_int_equal(back.sequence, 9);
    assert_false(log_file_header_decode(block, 3, &back));
    block[2000] ^= 1;
    assert_false(log_file_header_decode(block, 2, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_log_block_is_checked),
        cmocka_unit_test(a_file_header_is_checked),
    };
    return cmocka_run_group_tests_name("redo/format", tests, NULL, NULL);
}
