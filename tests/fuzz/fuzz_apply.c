/*
 * Blocks of all kinds that redo changes, and their readers: a block is
 * formatted, then changed by vectors, some as the code makes them, some
 * nonsense; now and then bytes of it are damaged. What is refused changes
 * nothing; what is accepted leaves an intact block intact; and no reader
 * leaves the block, whatever its bytes.
 *
 * The first byte chooses the kind of block; each further one is a choice.
 */
#include "standalone.h"

#include <stdlib.h>

#include "access/btree_page.h"
#include "access/heap.h"
#include "access/heap_page.h"
#include "access/overflow.h"
#include "access/sequence.h"
#include "base/buf.h"
#include "txn/tt_block.h"
#include "txn/undo_block.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define SEG 5u

static const struct dba here = { UINT64_C(1) << 32 | 77 };

struct input {
    const uint8_t *p, *end;
};

static uint8_t take(struct input *in) { return in->p < in->end ? *in->p++ : 0; }
static uint32_t below(struct input *in, uint32_t n) { return (take(in) | (uint32_t)take(in) << 8) % n; }

static void bytes(struct input *in, struct buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_put_u8(b, take(in) % 4);
}

static void put16(struct buf *b, uint32_t v)
{
    uint8_t p[2];
    put_u16le(p, (uint16_t)v);
    buf_put(b, p, 2);
}

/* ---- what each kind of block is --------------------------------------------------------- */

struct kind {
    redo_apply_fn *apply;
    enum redo_opcode first, last; /* the first one formats */
    void (*format)(struct input *in, struct buf *b);
    void (*vector)(struct input *in, const uint8_t *block, enum redo_opcode op, struct buf *b);
    bool (*read)(struct input *in, const uint8_t *block); /* everything; false: damaged */
    bool loose; /* the order of entries is the writer's to keep: an accepted vector may break it */
};

static void put_place(struct buf *b)
{
    uint8_t p[12];
    put_u64le(p, here.v);
    put_u32le(p + 8, SEG);
    buf_put(b, p, sizeof(p));
}

/* heap */

static void heap_format(struct input *in, struct buf *b) { put_place(b); }

static uint32_t row_length(struct input *in) { return take(in) % 8 ? below(in, 100) : below(in, 3000); }

static void put_row_header(struct input *in, const uint8_t *block, uint32_t slot, struct buf *b)
{
    struct heap_item it;
    uint8_t h[ROW_HEADER_SIZE];
    for (size_t i = 0; i < sizeof(h); i++)
        h[i] = take(in);
    if (heap_page_row(block, slot, &it))
        put_u16le(h + offsetof(struct row_header, body_len), it.h.body_len);
    buf_put(b, h, sizeof(h));
}

static void heap_multi(struct input *in, const uint8_t *block, struct buf *b)
{
    const uint32_t n = take(in) % 5;
    const unsigned first = heap_page_free_slot(block);
    put_row_header(in, block, HEAP_ROWS_MAX, b);
    put16(b, n);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t len = row_length(in);
        put16(b, first + i);
        put16(b, len);
        bytes(in, b, len);
    }
}

static void heap_vector(struct input *in, const uint8_t *block, enum redo_opcode op, struct buf *b)
{
    uint32_t slot = take(in) % 16;
    struct heap_item it;
    if (op == REDO_HEAP_MULTI_INSERT) {
        heap_multi(in, block, b);
        return;
    }
    if (op == REDO_HEAP_PURGE) {
        for (uint32_t n = take(in) % 4; n > 0; n--) {
            put16(b, slot++);
            put16(b, take(in) % 2 ? 0 : 8 * (5u + take(in) % 20));
        }
        return;
    }
    if (op == REDO_HEAP_INSERT)
        slot = heap_page_free_slot(block);
    put16(b, slot);
    put_row_header(in, block, slot, b);
    if (op == REDO_HEAP_INSERT) {
        bytes(in, b, row_length(in));
    } else if (op != REDO_HEAP_DELETE && op != REDO_HEAP_LOCK) {
        const uint32_t len = heap_page_row(block, slot, &it) ? it.h.body_len : 0, prefix = below(in, len + 1);
        put16(b, prefix);
        put16(b, below(in, len - prefix + 1));
        bytes(in, b, row_length(in));
    }
}

static bool heap_read(struct input *in, const uint8_t *block)
{
    struct heap_item it;
    struct diag d;
    uint32_t sum = 0;
    if (!heap_page_is(block, SEG))
        return false;
    for (unsigned slot = 0; slot <= HEAP_ROWS_MAX; slot++)
        for (unsigned i = 0; heap_page_row(block, slot, &it) && i < it.h.body_len; i++)
            sum += it.body[i];
    MUST(sum != UINT32_MAX); /* only so that the reads are not optimised away */
    (void)heap_page_fits(block, take(in));
    (void)heap_page_fits_change(block, take(in), below(in, 4000));
    return heap_page_check(block, &d) == ERR_OK;
}

/* B-tree */

static struct btree_key key_from(struct input *in, uint8_t *room)
{
    const uint32_t len = take(in) % 16 ? take(in) % 20 : below(in, BTREE_KEY_MAX);
    for (uint32_t i = 0; i < len; i++)
        room[i] = take(in) % 3;
    return (struct btree_key){ .key = room, .len = len, .rowid = { take(in) } };
}

static void put_entry(struct input *in, struct buf *b)
{
    uint8_t room[BTREE_KEY_MAX], head[BTREE_ENTRY_HEAD];
    const struct btree_key k = key_from(in, room);
    btree_put_entry_head(head, &k, take(in));
    buf_put(b, head, sizeof(head));
    buf_put(b, k.key, k.len);
}

static void btree_format(struct input *in, struct buf *b)
{
    uint8_t *p = malloc(BTREE_BUILDER_BYTES), room[BTREE_KEY_MAX];
    struct btree_builder w;
    const bool has_right = take(in) % 2;
    memset(room, 9, 4); /* above all others */
    const struct btree_key high = { .key = room, .len = 4 };
    const struct btree_format f = { .dba = here, .seg_id = SEG, .right = { has_right }, .level = take(in) % 3 };
    btree_builder_begin(&w, p, &f, has_right ? &high : NULL);
    btree_builder_end(&w);
    buf_put(b, p, w.len);
    free(p);
}

static void btree_vector(struct input *in, const uint8_t *block, enum redo_opcode op, struct buf *b)
{
    const uint32_t n = btree_page(block)->n;
    const size_t at = b->len;
    uint8_t p[9] = { 0 };
    switch ((int)op) {
    case REDO_BTREE_INSERT:
        put16(b, 0);
        put_entry(in, b);
        if (take(in) % 4 && btree_page_is(block, SEG)) { /* where it belongs */
            struct btree_item e;
            btree_item_get(b->p + at + 2, &e);
            put_u16le(b->p + at, (uint16_t)btree_page_lower(block, &(struct btree_key){ e.key, e.len, e.rowid }));
        }
        break;
    case REDO_BTREE_MARK:
        put16(b, below(in, n + 1));
        buf_put(b, p, 8);
        break;
    case REDO_BTREE_PURGE:
        for (uint32_t i = take(in) % 8; i < n; i += 1 + take(in) % 8)
            put16(b, i);
        break;
    case REDO_BTREE_SPLIT_LEFT:
        put16(b, below(in, n + 1));
        p[1] = take(in); /* flags, right */
        buf_put(b, p, 9);
        put_entry(in, b);
        break;
    default:
        p[0] = take(in) % 3;
        buf_put(b, p, 9);
    }
}

static bool btree_read(struct input *in, const uint8_t *block)
{
    struct btree_item e;
    struct diag d;
    uint8_t room[BTREE_KEY_MAX];
    uint32_t sum = 0;
    if (!btree_page_is(block, SEG))
        return false;
    const struct btree_key k = key_from(in, room);
    for (unsigned i = 0; i < btree_page(block)->n; i++) {
        btree_page_item(block, i, &e);
        for (unsigned j = 0; j < e.len; j++)
            sum += e.key[j];
    }
    if (btree_page_high(block, &e))
        for (unsigned j = 0; j < e.len; j++)
            sum += e.key[j];
    MUST(sum != UINT32_MAX);
    MUST(btree_page_lower(block, &k) <= btree_page(block)->n);
    (void)btree_page_child(block, &k);
    (void)btree_page_beyond(block, &k);
    return btree_page_check(block, &d) == ERR_OK;
}

/* undo */

static void undo_format(struct input *in, struct buf *b)
{
    uint8_t p[UNDO_FORMAT_PAYLOAD];
    undo_make_format(p, here, 3, take(in));
    buf_put(b, p, sizeof(p));
}

static void undo_vector(struct input *in, const uint8_t *block, enum redo_opcode op, struct buf *b)
{
    uint8_t p[UNDO_HEAD_SIZE];
    const uint16_t len = (uint16_t)row_length(in);
    const struct undo_record r = { .xid = { take(in) }, .type = take(in) % UNDO_TYPE_COUNT, .len = len };
    undo_make_head(p, &r, take(in));
    buf_put(b, p, sizeof(p));
    bytes(in, b, len);
}

static bool undo_read(struct input *in, const uint8_t *block)
{
    struct undo_record r;
    struct diag d;
    uint32_t n, sum = 0;
    bool all = true;
    if (undo_block_wrap(block) == 0 && block_header_const(block)->type != BLOCK_UNDO)
        return false;
    for (uint32_t i = 0; i < undo_block_records(block); i++) {
        const bool ok = undo_read_record(block, (uint16_t)i, &r, &n, &d) == ERR_OK;
        for (uint32_t j = 0; ok && j < r.len; j++)
            sum += r.data[j];
        all &= ok;
    }
    MUST(sum != UINT32_MAX);
    (void)undo_has_room(block, take(in));
    if (undo_check(block, &d) != ERR_OK)
        return false;
    for (uint32_t i = 0; i < undo_block_records(block); i++)
        (void)undo_record_xid(block, (uint16_t)i);
    return all;
}

/* transaction tables */

static void tt_format(struct input *in, struct buf *b)
{
    uint8_t p[TT_PAYLOAD_MAX];
    const struct tt_geometry g = { .thread = 3, .entries_per_block = (uint16_t)(1 + take(in) % TT_ENTRIES_MAX), .blocks = 1 + take(in), .extent_blocks = 4 };
    buf_put(b, p, take(in) % 8 ? tt_make_format_entries(p, here, &g) : tt_make_format_header(p, here, &g));
}

static void tt_vector(struct input *in, const uint8_t *block, enum redo_opcode op, struct buf *b)
{
    uint8_t p[TT_PAYLOAD_MAX];
    const uint16_t index = take(in) % 8;
    const uint64_t seq = take(in) % 4;
    if (op == REDO_TT_BEGIN)
        buf_put(b, p, tt_make_begin(p, index, seq, (struct undo_ptr){ take(in) }));
    else if (op == REDO_TT_COMMIT)
        buf_put(b, p, tt_make_commit(p, index, seq));
    else if (take(in) % 3 == 0)
        buf_put(b, p, tt_make_rolled_back(p, index, seq));
    else
        buf_put(b, p, take(in) % 2 ? tt_make_last(p, index, seq, (struct undo_ptr){ 1 }) : tt_make_undone(p, index, seq, (struct undo_ptr){ 1 }, 2));
}

static bool tt_read(struct input *in, const uint8_t *block)
{
    struct tt_geometry g;
    struct tt_entry e;
    struct diag d;
    if (tt_read_geometry(block, &g, &d) == ERR_OK) {
        MUST(tt_entries(&g) > 0); /* others divide by it */
        return true;
    }
    bool all = true;
    unsigned n = 0;
    for (unsigned i = 0; i <= TT_ENTRIES_MAX; i++) {
        const bool ok = tt_read_entry(block, (uint16_t)i, &e, &d) == ERR_OK;
        MUST(!ok || e.state <= TT_PREPARED);
        all &= ok || i >= ((const uint16_t *)(const void *)(block + BLOCK_HEADER_SIZE))[0];
        n += ok;
    }
    (void)tt_read_recycled(block);
    return block_header_const(block)->type == BLOCK_TT && n > 0 && all;
}

/* pieces of overflow values, sequences */

static void overflow_format(struct input *in, struct buf *b)
{
    uint8_t h[32] = { 0 };
    const uint32_t len = row_length(in);
    put_place(b);
    put_u32le(h + 16, len + take(in));
    put_u32le(h + 24, len);
    buf_put(b, h, sizeof(h));
    bytes(in, b, len);
}

static bool piece_read(struct input *in, const uint8_t *block)
{
    struct overflow_piece p;
    uint32_t sum = 0;
    if (!overflow_piece_get(block, &p))
        return false;
    for (uint32_t i = 0; i < p.len; i++)
        sum += p.bytes[i];
    MUST(sum != UINT32_MAX);
    return true;
}

static void sequence_format(struct input *in, struct buf *b)
{
    put_place(b);
    bytes(in, b, 16);
}

static void raw_vector(struct input *in, const uint8_t *block, enum redo_opcode op, struct buf *b) { bytes(in, b, 16); }
static bool any_read(struct input *in, const uint8_t *block) { return true; }

static const struct kind kinds[] = {
    { heap_apply, REDO_HEAP_FORMAT, REDO_HEAP_FORWARD, heap_format, heap_vector, heap_read, false },
    { btree_apply, REDO_BTREE_FORMAT, REDO_BTREE_LINK, btree_format, btree_vector, btree_read, true },
    { undo_apply, REDO_UNDO_FORMAT, REDO_UNDO_APPEND, undo_format, undo_vector, undo_read, false },
    { tt_apply, REDO_TT_FORMAT, REDO_TT_SET, tt_format, tt_vector, tt_read, false },
    { overflow_apply, REDO_OVERFLOW_FORMAT, REDO_OVERFLOW_FORMAT, overflow_format, raw_vector, piece_read, false },
    { sequence_apply, REDO_SEQ_FORMAT, REDO_SEQ_SET, sequence_format, raw_vector, any_read, false },
};

/* ---- a block's life ------------------------------------------------------------------------ */

/* The payload is exactly as long as it says: the sanitizer sees what is read beyond. */
static enum err apply(const struct kind *k, uint8_t *block, enum redo_opcode op, const struct buf *b)
{
    static alignas(16) uint8_t before[BLOCK_SIZE];
    struct diag d;
    uint8_t *payload = malloc(b->len > 0 ? b->len : 1);
    if (b->len > 0)
        memcpy(payload, b->p, b->len);
    memcpy(before, block, BLOCK_SIZE);
    const enum err err = k->apply(block, op, payload, (uint32_t)b->len, &d);
    if (err != ERR_OK)
        MUST(memcmp(block, before, BLOCK_SIZE) == 0);
    free(payload);
    return err;
}

static void spoil(struct input *in, struct buf *b)
{
    for (unsigned i = take(in) % 4; i > 0 && b->len > 0; i--)
        b->p[below(in, (uint32_t)b->len)] = take(in);
    if (take(in) % 4 == 0 && b->len > 0)
        b->len -= below(in, (uint32_t)b->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, data + size };
    if (size == 0 || size > 6000)
        return 0;
    const struct kind *k = &kinds[take(&in) % ARRAY_LEN(kinds)];
    uint8_t *block = aligned_alloc(16, BLOCK_SIZE);
    struct buf b;
    buf_init(&b);
    memset(block, 0, BLOCK_SIZE);
    k->format(&in, &b);
    MUST(apply(k, block, k->first, &b) == ERR_OK);
    bool intact = true;
    for (scn_t scn = 1; in.p < in.end; scn++) {
        const uint8_t what = take(&in);
        const enum redo_opcode op = (enum redo_opcode)(k->first + 1 + take(&in) % (k->last - k->first + 1));
        buf_reset(&b);
        if (what == 255) { /* damage that a checksum does not tell */
            const uint32_t at = take(&in) % 2 ? below(&in, 200) : below(&in, BLOCK_SIZE);
            block[at] = take(&in);
            intact = false;
        } else if (what == 254) {
            k->format(&in, &b);
            intact |= apply(k, block, k->first, &b) == ERR_OK;
        } else {
            k->vector(&in, block, op, &b);
            if (what % 8 == 0)
                spoil(&in, &b);
            (void)!apply(k, block, op, &b);
        }
        block_header(block)->scn = scn;
        const bool sound = k->read(&in, block);
        MUST(sound || !intact || k->loose);
    }
    free(block);
    buf_fini(&b);
    return 0;
}
