/*
 * The bytes of transaction table and undo blocks: what a vector does, and that damage is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "txn/tt_block.h"
#include "txn/undo_block.h"

static uint8_t block[BLOCK_SIZE];
static const struct dba at = { (uint64_t)(FILE_UNDO_BASE + 3) << 32 | 1 };
static const struct tt_geometry geo = { .thread = 3, .entries_per_block = 4, .blocks = 4, .extent_blocks = 2 };
static scn_t version;

static enum err apply(enum redo_opcode op, const uint8_t *p, uint32_t len)
{
    struct diag d;
    const scn_t before = block_scn(block);
    const enum err err = txn_apply(block, op, p, len, &d);
    block_header(block)->scn = err ? before : ++version;
    return err;
}

static void tt_is(uint16_t index, uint64_t seq, enum tt_state state, scn_t scn)
{
    struct diag d;
    struct tt_entry e;
    assert_int_equal(tt_read_entry(block, index, &e, &d), ERR_OK);
    assert_int_equal(e.seq, seq);
    assert_int_equal(e.state, state);
    assert_int_equal(e.scn, scn);
}

static void entries_live_and_are_recycled(void **state)
{
    uint8_t p[TT_PAYLOAD_MAX];
    version = 1000;
    memset(block, 0, sizeof(block));
    tt_is(2, 0, TT_FREE, 0); /* never formatted */
    assert_int_equal(apply(REDO_TT_FORMAT, p, tt_make_format_entries(p, at, &geo)), ERR_OK);
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 1, 17, undo_ptr_make(3, 1, 9, 0))), ERR_OK);
    tt_is(1, 17, TT_ACTIVE, 0);

    /* The commit's SCN is the block's, then it is written down. */
    assert_int_equal(apply(REDO_TT_COMMIT, p, tt_make_commit(p, 1, 17)), ERR_OK);
    const scn_t c = version;
    tt_is(1, 17, TT_COMMITTED, c);
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 2, 18, undo_ptr_make(3, 1, 9, 4))), ERR_OK);
    tt_is(1, 17, TT_COMMITTED, c);
    assert_int_equal(apply(REDO_TT_SET, p, tt_make_undone(p, 2, 18, undo_ptr_make(3, 1, 9, 3), 7)), ERR_OK);
    assert_int_equal(apply(REDO_TT_SET, p, tt_make_rolled_back(p, 2, 18)), ERR_OK);
    tt_is(2, 18, TT_ROLLED_BACK, version);

    /* R9: who takes an entry over leaves behind up to where its predecessors ended. */
    assert_int_equal(tt_read_recycled(block), 0);
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 1, 33, undo_ptr_make(3, 2, 9, 0))), ERR_OK);
    tt_is(1, 33, TT_ACTIVE, 0);
    assert_int_equal(tt_read_recycled(block), c);
}

static void damage_is_refused(void **state)
{
    uint8_t p[TT_PAYLOAD_MAX], before[BLOCK_SIZE];
    memset(block, 0, sizeof(block));
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 1, 17, UNDO_NONE)), ERR_CORRUPT); /* not formatted */
    assert_int_equal(apply(REDO_TT_FORMAT, p, tt_make_format_entries(p, at, &geo)), ERR_OK);
    memcpy(before, block, sizeof(block));
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 4, 17, UNDO_NONE)), ERR_CORRUPT);
    assert_int_equal(apply(REDO_TT_COMMIT, p, tt_make_commit(p, 1, 17)), ERR_CORRUPT); /* not active */
    assert_int_equal(apply(REDO_TT_COMMIT, p, 9), ERR_CORRUPT);
    assert_int_equal(apply(REDO_TT_SET, p, 23), ERR_CORRUPT);
    assert_int_equal(apply(REDO_UNDO_APPEND, p, sizeof(p)), ERR_CORRUPT);
    assert_memory_equal(before, block, sizeof(block));

    struct tt_entry e;
    struct diag d;
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 1, 17 | UINT64_C(200) << 56, UNDO_NONE)), ERR_CORRUPT); /* no sequence */
    assert_int_equal(apply(REDO_TT_BEGIN, p, tt_make_begin(p, 1, 17, UNDO_NONE)), ERR_OK);
    block[BLOCK_HEADER_SIZE + 16 + 40 + 7] = 200;
    assert_int_equal(tt_read_entry(block, 1, &e, &d), ERR_CORRUPT); /* a state that does not exist */
}

static void undo_records_fill_a_block(void **state)
{
    uint8_t p[UNDO_HEAD_SIZE + 100];
    struct diag d;
    const struct dba dba = dba_make(FILE_UNDO_BASE + 3, 9);
    memset(block, 0, sizeof(block));
    undo_make_format(p, dba, 3, 70000);
    assert_int_equal(apply(REDO_UNDO_FORMAT, p, UNDO_FORMAT_PAYLOAD), ERR_OK);
    assert_true(undo_is_formatted(block, dba, 70000));
    assert_false(undo_is_formatted(block, dba, 70001));
    uint16_t n = 0;
    for (; undo_has_room(block, 100); n++) {
        struct undo_record r = { .xid = xid_make(3, 1000 + n), .stmt = n, .type = UNDO_HEAP_UPDATE, .seg = { 5, dba_make(1, 77) },
                                 .rowid = rowid_make(dba_make(1, 78), n), .prev_of_txn = { n }, .prev_writer = 8, .prev_undo = { 9 },
                                 .prev_flags = ROW_DELETED, .prev_layout = 2, .prev_body_len = 3, .len = 100 };
        undo_make_head(p, &r, n + 1u);
        memset(p + UNDO_HEAD_SIZE, n, 100);
        assert_int_equal(apply(REDO_UNDO_APPEND, p, sizeof(p)), ERR_OK);
    }
    assert_int_equal(n, (BLOCK_SIZE - 80) / (UNDO_HEAD_SIZE + 100 + 2));
    assert_int_equal(apply(REDO_UNDO_APPEND, p, sizeof(p)), ERR_CORRUPT);
    assert_int_equal(apply(REDO_UNDO_APPEND, p, sizeof(p) - 1), ERR_CORRUPT); /* its head says more */
    assert_int_equal(undo_check(block, &d), ERR_OK);
    for (uint16_t i = 0; i < n; i++) {
        struct undo_record r;
        uint32_t no;
        assert_int_equal(undo_read_record(block, i, &r, &no, &d), ERR_OK);
        assert_int_equal(no, i + 1);
        assert_int_equal(r.xid.v, xid_make(3, 1000 + i).v);
        assert_int_equal(undo_record_xid(block, i).v, r.xid.v);
        assert_int_equal(r.seg.header.v, dba_make(1, 77).v);
        assert_int_equal(r.rowid.v, rowid_make(dba_make(1, 78), i).v);
        assert_int_equal(r.len, 100);
        assert_int_equal(r.data[99], (uint8_t)i);
        assert_int_equal(r.prev_flags, ROW_DELETED);
    }
    struct undo_record r;
    assert_int_equal(undo_read_record(block, n, &r, NULL, &d), ERR_CORRUPT);

    /* Numbers that would lead out of the block: the end of the records, how many there are; and a block that is no undo block. */
    uint16_t *end = (uint16_t *)(block + BLOCK_HEADER_SIZE + 8), *records = (uint16_t *)(block + BLOCK_HEADER_SIZE + 6), kept = *records;
    memset(block + BLOCK_SIZE - 2, 0xff, 2);
    *end = 0xffff;
    assert_int_equal(undo_read_record(block, 0, &r, NULL, &d), ERR_CORRUPT);
    *end = 4000;
    *records = 0xffff;
    assert_int_equal(undo_read_record(block, 60000, &r, NULL, &d), ERR_CORRUPT);
    *records = kept;
    block_header((void *)block)->type = BLOCK_HEAP;
    assert_int_equal(undo_read_record(block, 1, &r, NULL, &d), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_live_and_are_recycled),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(undo_records_fill_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
