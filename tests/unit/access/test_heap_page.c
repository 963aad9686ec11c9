#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "access/heap.h"
#include "access/heap_page.h"
#include "base/buf.h"
#include "base/hash.h"

/* A block beside a model of its rows; each vector is applied to a second copy too, as replay would. */
struct model {
    uint64_t seed;
    bool used[HEAP_ROWS_MAX];
    uint32_t len[HEAP_ROWS_MAX];
    uint8_t body[HEAP_ROWS_MAX][HEAP_BODY_MAX];
    uint8_t block[BLOCK_SIZE], replayed[BLOCK_SIZE];
};

static const struct dba at = { UINT64_C(1) << 32 | 77 };

static uint32_t pick(struct model *m, uint32_t n)
{
    m->seed = hash_u64(m->seed + 0x9e3779b97f4a7c15u);
    return (uint32_t)(m->seed % n);
}

static enum err apply(struct model *m, enum redo_opcode op, const struct buf *b)
{
    struct diag d = { 0 };
    uint8_t before[BLOCK_SIZE];
    memcpy(before, m->block, BLOCK_SIZE);
    const enum err err = heap_apply(m->block, op, b->p, (uint32_t)b->len, &d);
    assert_int_equal(heap_apply(m->replayed, op, b->p, (uint32_t)b->len, &d), err);
    assert_memory_equal(m->block, m->replayed, BLOCK_SIZE);
    if (err)
        assert_memory_equal(m->block, before, BLOCK_SIZE); /* a failed vector changes nothing */
    else
        assert_int_equal(heap_page_check(m->block, &d), ERR_OK);
    return err;
}

static void format(struct model *m)
{
    uint8_t p[12];
    struct buf b = { .p = p, .len = 12 };
    put_u64le(p, at.v);
    put_u32le(p + 8, 5);
    memset(m->used, 0, sizeof(m->used));
    memset(m->block, 0xaa, BLOCK_SIZE);
    memset(m->replayed, 0x55, BLOCK_SIZE);
    assert_int_equal(apply(m, REDO_HEAP_FORMAT, &b), ERR_OK);
    assert_true(heap_page_is(m->block, 5));
    assert_false(heap_page_is(m->block, 6));
}

static uint32_t random_len(struct model *m) { return pick(m, 8) ? pick(m, 200) : pick(m, 3000); }

static void random_body(struct model *m, uint8_t *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        p[i] = (uint8_t)pick(m, 4);
}

static void check_rows(struct model *m)
{
    for (unsigned i = 0; i < HEAP_ROWS_MAX; i++) {
        struct heap_item it;
        assert_int_equal(heap_page_row(m->block, i, &it), m->used[i]);
        if (!m->used[i])
            continue;
        assert_int_equal(it.h.body_len, m->len[i]);
        assert_memory_equal(it.body, m->body[i], m->len[i]);
    }
}

static void do_insert(struct model *m)
{
    struct buf b;
    uint8_t head[2 + ROW_HEADER_SIZE], body[HEAP_BODY_MAX];
    const uint32_t len = random_len(m);
    const unsigned slot = heap_page_free_slot(m->block);
    const struct row_header h = { .writer = xid_make(3, pick(m, 1000)).v, .undo = { pick(m, 1000) }, .body_len = (uint16_t)len };
    random_body(m, body, len);
    heap_put_row_head(head, slot, &h);
    buf_init(&b);
    buf_put(&b, head, sizeof(head));
    buf_put(&b, body, len);
    const bool fits = heap_page_fits(m->block, len);
    assert_int_equal(apply(m, REDO_HEAP_INSERT, &b), fits ? ERR_OK : ERR_CORRUPT);
    if (fits) {
        m->used[slot] = true;
        m->len[slot] = len;
        memcpy(m->body[slot], body, len);
    }
    buf_fini(&b);
}

static void do_multi(struct model *m)
{
    struct buf b;
    const struct row_header h = { .writer = xid_make(3, 1).v };
    const unsigned n = 1 + pick(m, 5);
    unsigned next = heap_page(m->block)->nslots;
    uint32_t lens[5], total = 0;
    uint8_t bodies[5][200];
    buf_init(&b);
    buf_put(&b, &h, ROW_HEADER_SIZE);
    buf_put(&b, &(uint16_t){ (uint16_t)n }, 2);
    for (unsigned i = 0; i < n; i++) {
        lens[i] = pick(m, 200);
        random_body(m, bodies[i], lens[i]);
        const uint16_t head[2] = { (uint16_t)(next + i), (uint16_t)lens[i] };
        buf_put(&b, head, 4);
        buf_put(&b, bodies[i], lens[i]);
        total += heap_room_for(lens[i]) + 4;
    }
    const bool fits = total <= heap_page(m->block)->free_bytes && next + n <= HEAP_ROWS_MAX;
    assert_int_equal(apply(m, REDO_HEAP_MULTI_INSERT, &b), fits ? ERR_OK : ERR_CORRUPT);
    for (unsigned i = 0; fits && i < n; i++) {
        m->used[next + i] = true;
        m->len[next + i] = lens[i];
        memcpy(m->body[next + i], bodies[i], lens[i]);
    }
    buf_fini(&b);
}

static void do_update(struct model *m)
{
    struct heap_item it;
    struct buf b;
    uint8_t head[HEAP_CHANGE_HEAD], body[HEAP_BODY_MAX];
    const unsigned slot = pick(m, HEAP_ROWS_MAX);
    if (!heap_page_row(m->block, slot, &it))
        return;
    uint32_t len = pick(m, 2) ? it.h.body_len : random_len(m);
    random_body(m, body, len);
    memcpy(body, it.body, MIN(len, pick(m, it.h.body_len + 1u)));
    const struct heap_diff diff = heap_diff(it.body, it.h.body_len, body, len);
    const struct row_header h = { .writer = xid_make(4, pick(m, 1000)).v, .body_len = (uint16_t)len };
    heap_put_change_head(head, slot, &h, diff);
    buf_init(&b);
    buf_put(&b, head, sizeof(head));
    buf_put(&b, body + diff.prefix, len - diff.prefix - diff.suffix);
    const bool fits = heap_page_fits_change(m->block, slot, len);
    assert_int_equal(apply(m, REDO_HEAP_UPDATE, &b), fits ? ERR_OK : ERR_CORRUPT);
    if (fits) {
        m->len[slot] = len;
        memcpy(m->body[slot], body, len);
    }
    buf_fini(&b);
}

static void do_purge(struct model *m)
{
    uint8_t list[4 * 8];
    struct buf b = { .p = list };
    struct heap_item it;
    for (unsigned i = 0; i < 8; i++) {
        const unsigned slot = pick(m, HEAP_ROWS_MAX);
        bool twice = false;
        for (uint32_t k = 0; k < b.len; k += 4)
            twice |= get_u16le(list + k) == slot;
        if (twice || !heap_page_row(m->block, slot, &it))
            continue;
        const bool gone = pick(m, 3) == 0;
        put_u16le(list + b.len, (uint16_t)slot);
        put_u16le(list + b.len + 2, gone ? 0 : (uint16_t)heap_room_for(it.h.body_len));
        b.len += 4;
        m->used[slot] &= !gone;
    }
    assert_int_equal(apply(m, REDO_HEAP_PURGE, &b), ERR_OK);
}

static void random_operations_match_the_model_and_replay(void **state)
{
    static struct model m;
    for (unsigned seed = 1; seed <= 20; seed++) {
        m.seed = seed;
        format(&m);
        for (unsigned i = 0; i < 1500; i++) {
            switch (pick(&m, 5)) {
            case 0:
                do_insert(&m);
                break;
            case 1:
                do_multi(&m);
                break;
            case 2:
                do_purge(&m);
                break;
            default:
                do_update(&m);
                break;
            }
            if (i % 16 == 0)
                check_rows(&m);
        }
        check_rows(&m);
    }
}

static void garbage_is_refused_or_harmless(void **state)
{
    static struct model m;
    struct diag d;
    uint8_t payload[512];
    for (unsigned seed = 1; seed <= 300; seed++) {
        m.seed = seed;
        format(&m);
        for (unsigned i = 0; i < 20; i++)
            do_insert(&m);
        for (unsigned i = 0; i < 40; i++) { /* damaged blocks, then any bytes as a vector */
            m.block[BLOCK_HEADER_SIZE + pick(&m, 200)] = (uint8_t)pick(&m, 256);
            const uint32_t len = pick(&m, sizeof(payload));
            for (uint32_t k = 0; k < len; k++)
                payload[k] = (uint8_t)(k < 2 ? pick(&m, 3) : pick(&m, 256));
            const enum err ignored = heap_apply(m.block, (enum redo_opcode)(REDO_HEAP_INSERT + pick(&m, 8)), payload, len, &d);
            (void)ignored;
        }
    }
}

static void a_stamp_is_read_from_the_writer_alone(void **state)
{
    static struct model m;
    struct heap_item it;
    m.seed = 1;
    format(&m);
    do_insert(&m);
    assert_true(heap_page_row(m.block, 0, &it));
    assert_false(it.h.flags & ROW_STAMPED);
    heap_page_stamp(m.block, 0, &it.h, 12345);
    struct row_header seen = it.h;
    assert_true(heap_page_row(m.block, 0, &it));
    assert_true(it.h.flags & ROW_STAMPED);
    assert_int_equal(it.h.writer, 12345);
    heap_page_stamp(m.block, 0, &seen, 99); /* no longer the header that was seen */
    assert_true(heap_page_row(m.block, 0, &it));
    assert_int_equal(it.h.writer, 12345);
}

static void a_diff_goes_both_ways(void **state)
{
    struct model m = { .seed = 7 };
    uint8_t a[300], b[300], x[BLOCK_SIZE];
    for (unsigned i = 0; i < 2000; i++) {
        const uint32_t alen = pick(&m, 300), blen = pick(&m, 300);
        memset(a, 1, sizeof(a));
        memset(b, 1, sizeof(b));
        for (unsigned k = pick(&m, 4); k; k--)
            a[pick(&m, 300)] = 2;
        for (unsigned k = pick(&m, 4); k; k--)
            b[pick(&m, 300)] = 3;
        const struct heap_diff diff = heap_diff(a, alen, b, blen);
        uint32_t len = alen;
        memcpy(x, a, alen);
        assert_true(heap_diff_apply(x, &len, diff, b + diff.prefix, blen - diff.prefix - diff.suffix));
        assert_int_equal(len, blen);
        assert_memory_equal(x, b, blen);
        assert_true(heap_diff_apply(x, &len, diff, a + diff.prefix, alen - diff.prefix - diff.suffix));
        assert_int_equal(len, alen);
        assert_memory_equal(x, a, alen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_match_the_model_and_replay),
        cmocka_unit_test(garbage_is_refused_or_harmless),
        cmocka_unit_test(a_stamp_is_read_from_the_writer_alone),
        cmocka_unit_test(a_diff_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
