/*
 * Rows added. The block comes from space_find(); what it says is checked
 * again under the pin.
 */
#include "access/access_int.h"
#include "base/buf.h"

#define GROWTH_RESERVE 320u /* bytes of a block that inserts leave to updates of its rows */
#define TRIES_MAX 1000u

static uint8_t body_flags(const uint8_t *body, uint32_t len) { return len && (body[0] & BODY_OVERFLOW) ? ROW_OVERFLOW : 0; }

static enum err too_big(uint32_t len, struct diag *d)
{
    return diag_set(d, ERR_LIMIT, "row is too big: size %u, maximum size %u", len, HEAP_BODY_MAX);
}

/* What to ask space_find() for: an empty block always has it. */
static uint32_t bytes_wanted(uint32_t len)
{
    return MIN(heap_room_for(len) + 4 + GROWTH_RESERVE, BLOCK_SIZE - HEAP_SLOTS_AT);
}

static bool block_takes(const uint8_t *block, uint32_t len)
{
    const struct heap_page *p = heap_page(block);
    return heap_page_fits(block, len) && (p->free_bytes >= bytes_wanted(len) || p->nslots == p->free_slots);
}

/* A mini-transaction with a block pinned that has room for a row of `len` bytes, and room in the redo for `redo` more. */
struct insert_place {
    struct mtr m;
    struct pin *b;
    struct dba at;
    bool fresh;
    uint32_t free_bytes; /* before: for space_note() */
};

static enum err format_fresh(struct access *a, struct seg seg, struct insert_place *p, struct diag *d)
{
    uint8_t head[12];
    put_u64le(head, p->at.v);
    put_u32le(head + 8, seg.id);
    const struct mtr_part part = { head, sizeof(head) };
    enum err err = mtr_change(&p->m, p->b, REDO_HEAP_FORMAT, &part, 1, d);
    return err ? err : space_use_block(a->space, &p->m, seg, p->at, d);
}

static enum err find_place(struct access *a, struct txn *t, struct seg seg, uint32_t len, uint32_t undo_len, uint32_t redo, struct insert_place *p,
                           struct diag *d)
{
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        uint32_t undo_redo;
        enum err err = txn_undo_reserve(t, undo_len, &undo_redo, d);
        if (!err)
            err = space_find(a->space, seg, bytes_wanted(len), &p->at, &p->fresh, d);
        if (err)
            return err;
        mtr_begin(&p->m, a->bc, txn_xid(t));
        err = mtr_reserve(&p->m, redo + undo_redo + (p->fresh ? ACCESS_SPACE_REDO + 128 : 0), d);
        if (!err)
            err = p->fresh ? mtr_pin_fresh(&p->m, p->at, &p->b, d) : mtr_pin(&p->m, p->at, &p->b, d);
        if (err) {
            mtr_cancel(&p->m);
            if (p->fresh)
                space_untake(a->space, seg, p->at);
            return err;
        }
        if (p->fresh || (heap_page_is(p->b->data, seg.id) && block_takes(p->b->data, len)))
            return ERR_OK;
        const bool ours = heap_page_is(p->b->data, seg.id);
        const uint32_t free_bytes = ours ? heap_page(p->b->data)->free_bytes : 0;
        mtr_cancel(&p->m);
        err = space_note(a->space, seg, p->at, MIN(free_bytes, bytes_wanted(len) - 1), d);
        if (err)
            return err;
    }
    return diag_set(d, ERR_INTERNAL, "segment %u: no block with the free space that its extents promise", seg.id);
}

/* After the insert: a block that will not take another such row is not offered any more. */
static enum err note_place(struct access *a, struct seg seg, const struct insert_place *p, uint32_t free_bytes, uint32_t len, struct diag *d)
{
    if (free_bytes >= bytes_wanted(len))
        return ERR_OK;
    return space_note(a->space, seg, p->at, free_bytes, d);
}

enum err heap_insert(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *body, uint32_t len, struct rowid *ret,
                     struct diag *d)
{
    struct insert_place p;
    struct undo_record undo = { .type = UNDO_HEAP_INSERT, .seg = seg };
    struct row_header h = { .flags = ROW_FIRST | body_flags(body, len), .layout = layout, .body_len = (uint16_t)len };
    uint8_t head[2 + ROW_HEADER_SIZE];
    if (len > HEAP_BODY_MAX)
        return too_big(len, d);
    enum err err = find_place(a, t, seg, len, 0, len + 256, &p, d);
    if (err)
        goto fail;
    const unsigned slot = p.fresh ? 0 : heap_page_free_slot(p.b->data);
    undo.rowid = rowid_make(p.at, (uint16_t)slot);
    err = txn_undo_append(t, &p.m, &undo, &h.undo, d);
    if (err) {
        mtr_cancel(&p.m);
        goto fail;
    }
    h.writer = txn_xid(t).v;
    heap_put_row_head(head, slot, &h);
    const struct mtr_part part[] = { { head, sizeof(head) }, { body, len } };
    if (p.fresh)
        err = format_fresh(a, seg, &p, d);
    if (!err)
        err = mtr_change(&p.m, p.b, REDO_HEAP_INSERT, part, 2, d);
    if (err)
        panic("heap_insert: %s", d->message); /* half a mini-transaction cannot be taken back */
    const uint32_t free_bytes = heap_page(p.b->data)->free_bytes;
    (void)mtr_commit(&p.m, NULL);
    *ret = undo.rowid;
    return note_place(a, seg, &p, free_bytes, len, d);
fail:
    overflow_drop(a, seg, body, len);
    return err;
}

/* ---- many rows ------------------------------------------------------------------ */

#define MULTI_BYTES_MAX 8192u

/* How many of the rows go into the block, and in which slots. */
static unsigned choose_slots(const struct insert_place *p, const uint32_t *lens, uint32_t n, uint16_t *slots)
{
    const uint8_t *block = p->b->data;
    uint32_t free_bytes = p->fresh ? BLOCK_SIZE - HEAP_SLOTS_AT : heap_page(block)->free_bytes;
    unsigned next_new = p->fresh ? 0 : heap_page(block)->nslots, old = 0, k;
    const unsigned nold = next_new;
    uint32_t bytes = 0;
    struct heap_item it;
    for (k = 0; k < n && k < HEAP_ROWS_MAX; k++) {
        while (old < nold && ((const struct heap_slot *)(block + HEAP_SLOTS_AT))[old].offset)
            old++;
        const bool reuse = old < nold && !heap_page_row(block, old, &it);
        const uint32_t need = heap_room_for(lens[k]) + (reuse ? 0 : 4);
        if (need > free_bytes || (k && free_bytes - need < GROWTH_RESERVE) || bytes + lens[k] + 4 > MULTI_BYTES_MAX ||
            (!reuse && next_new >= HEAP_ROWS_MAX))
            break;
        slots[k] = (uint16_t)(reuse ? old++ : next_new++);
        free_bytes -= need;
        bytes += lens[k] + 4;
    }
    return k;
}

static enum err insert_some(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *const *bodies, const uint32_t *lens,
                            uint32_t n, struct rowid *ret, uint32_t *ret_n, struct diag *d)
{
    struct insert_place p;
    struct row_header h = { .layout = layout };
    uint16_t slots[HEAP_ROWS_MAX];
    uint8_t payload[MULTI_BYTES_MAX + ROW_HEADER_SIZE + 2];
    struct undo_record undo = { .type = UNDO_HEAP_MULTI_INSERT, .seg = seg, .data = (const uint8_t *)slots };
    uint32_t bytes = 0, longest = 0;
    for (uint32_t i = 0; i < n && bytes < MULTI_BYTES_MAX; i++)
        bytes += lens[i] + 4;
    bytes = MIN(bytes, MULTI_BYTES_MAX);
    enum err err = find_place(a, t, seg, lens[0], 2 * MIN(n, HEAP_ROWS_MAX), bytes + 256, &p, d);
    if (err)
        return err;
    const unsigned k = choose_slots(&p, lens, n, slots);
    assert(k > 0);
    undo.rowid = rowid_make(p.at, slots[0]);
    undo.len = (uint16_t)(2 * k);
    err = txn_undo_append(t, &p.m, &undo, &h.undo, d);
    if (err) {
        mtr_cancel(&p.m);
        return err;
    }
    h.writer = txn_xid(t).v;
    h.flags = ROW_FIRST;
    uint8_t *at = payload + ROW_HEADER_SIZE + 2;
    for (unsigned i = 0; i < k; i++) {
        h.flags |= body_flags(bodies[i], lens[i]); /* of one is of all: it says that the body is worth a look */
        put_u16le(at, slots[i]);
        put_u16le(at + 2, (uint16_t)lens[i]);
        memcpy(at + 4, bodies[i], lens[i]);
        at += 4 + lens[i];
        longest = MAX(longest, lens[i]);
        ret[i] = rowid_make(p.at, slots[i]);
    }
    memcpy(payload, &h, ROW_HEADER_SIZE);
    put_u16le(payload + ROW_HEADER_SIZE, (uint16_t)k);
    const struct mtr_part part = { payload, (uint32_t)(at - payload) };
    if (p.fresh)
        err = format_fresh(a, seg, &p, d);
    if (!err)
        err = mtr_change(&p.m, p.b, REDO_HEAP_MULTI_INSERT, &part, 1, d);
    if (err)
        panic("heap_insert_many: %s", d->message);
    const uint32_t free_bytes = heap_page(p.b->data)->free_bytes;
    (void)mtr_commit(&p.m, NULL);
    *ret_n = k;
    return note_place(a, seg, &p, free_bytes, longest, d);
}

enum err heap_insert_many(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *const *bodies, const uint32_t *lens,
                          uint32_t n, struct rowid *ret, struct diag *d)
{
    enum err err = ERR_OK;
    uint32_t done = 0;
    for (uint32_t i = 0; i < n && !err; i++)
        if (lens[i] > HEAP_BODY_MAX)
            err = too_big(lens[i], d);
    while (!err && done < n) {
        uint32_t k = 0;
        err = insert_some(a, t, seg, layout, bodies + done, lens + done, n - done, ret + done, &k, d);
        done += k;
    }
    if (err)
        for (uint32_t i = done; i < n; i++)
            overflow_drop(a, seg, bodies[i], lens[i]);
    return err;
}
