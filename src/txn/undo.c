#include "txn/txn_int.h"

#define BLOCKS_INDEXED 64u /* more blocks than this are found by a map */

enum err txn_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    return op == REDO_UNDO_FORMAT || op == REDO_UNDO_APPEND ? undo_apply(block, op, payload, len, d) : tt_apply(block, op, payload, len, d);
}

/* ---- which statement wrote a record -------------------------------------------------- */

static uint32_t block_index(struct txn *t, uint32_t block)
{
    if (t->block_index != NULL)
        return (uint32_t)(uintptr_t)u64map_get(t->block_index, block) - 1;
    for (uint32_t i = t->nblocks; i > 0; i--) {
        if (t->blocks[i - 1] == block)
            return i - 1;
    }
    return UINT32_MAX;
}

static void add_block(struct txn *t, uint32_t block)
{
    if (t->nblocks == t->blocks_cap) {
        uint32_t *more = xmalloc(2 * t->blocks_cap * sizeof(*more));
        memcpy(more, t->blocks, t->nblocks * sizeof(*more));
        if (t->blocks != t->blocks_inline)
            free(t->blocks);
        t->blocks = more;
        t->blocks_cap *= 2;
    }
    t->blocks[t->nblocks++] = block;
    if (t->block_index == NULL && t->nblocks > BLOCKS_INDEXED) {
        t->block_index = u64map_new(4 * BLOCKS_INDEXED);
        for (uint32_t i = 0; i < t->nblocks; i++)
            u64map_put(t->block_index, t->blocks[i], (void *)(uintptr_t)(i + 1));
    } else if (t->block_index != NULL) {
        u64map_put(t->block_index, block, (void *)(uintptr_t)t->nblocks);
    }
}

static void note_write(struct txn *t, struct undo_ptr at, uint32_t stmt)
{
    rt_spin_lock(&t->spin);
    if (t->nblocks == 0 || t->blocks[t->nblocks - 1] != undo_ptr_block(at))
        add_block(t, undo_ptr_block(at));
    if (t->nwrites == 0 || t->writes[t->nwrites - 1].stmt != stmt) {
        if (t->nwrites == t->writes_cap) {
            t->writes_cap = MAX(8u, 2 * t->writes_cap);
            t->writes = xrealloc(t->writes, t->writes_cap * sizeof(*t->writes));
        }
        t->writes[t->nwrites++] = (struct write_mark){ .stmt = stmt, .block = t->nblocks - 1, .rec = undo_ptr_rec(at) };
    }
    rt_spin_unlock(&t->spin);
}

/* Undo of one transaction is written in ascending order of (index of the block in its list, record). */
uint32_t txn_stmt_of(struct txn *t, struct undo_ptr p)
{
    uint32_t stmt = 0;
    rt_spin_lock(&t->spin);
    const uint32_t block = block_index(t, undo_ptr_block(p)), rec = undo_ptr_rec(p);
    uint32_t lo = 0, hi = t->nwrites; /* first mark after p */
    while (lo < hi && block != UINT32_MAX) {
        const uint32_t mid = (lo + hi) / 2;
        const struct write_mark *w = &t->writes[mid];
        if (w->block < block || (w->block == block && w->rec <= rec))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo > 0)
        stmt = t->writes[lo - 1].stmt;
    rt_spin_unlock(&t->spin);
    return stmt;
}

/* ---- writing ---------------------------------------------------------------------------- */

#define RESERVED_MAX 4u /* reservations that a transaction can have not used */

enum err txn_undo_reserve(struct txn *t, uint32_t data_len, uint32_t *ret_redo_bytes, struct diag *d)
{
    assert(data_len <= UNDO_DATA_MAX);
    enum err err = txn_need_xid(t, d);
    if (!err && t->reserved < RESERVED_MAX) {
        err = lane_room(t->ts, t->lane, d);
        if (!err)
            t->reserved++;
    }
    if (err)
        return err;
    /* record, block format, entry with its block's format or the move to another undo block */
    *ret_redo_bytes = undo_stored_size(data_len) + UNDO_FORMAT_PAYLOAD + 2 * TT_PAYLOAD_MAX + 4 * 64;
    return ERR_OK;
}

struct append {
    struct txn *t;
    struct mtr *m;
    struct pin *tt, *undo;
    bool format_undo;
};

/* Lets go of an undo block without room, unless it is this mini-transaction's own earlier record that filled it. */
static void leave_block(struct append *a)
{
    for (unsigned i = 0; i < a->m->nvectors; i++) {
        if (dba_eq(a->m->vector[i].dba, a->undo->dba))
            return;
    }
    mtr_unpin(a->m, a->undo);
}

/*
 * Pins the lane's present undo block and, where the transaction is new to it, the table block before it (R6: by address). Where more
 * records may follow in this mini-transaction the table block is pinned in any case: it could not be after an undo block.
 */
static enum err pin_for_append(struct append *a, uint32_t data_len, struct diag *d)
{
    struct txn_sys *ts = a->t->ts;
    struct lane *lane = a->t->lane;
    for (;;) {
        if (lane->extent == EXTENT_NONE && !lane_advance(ts, lane))
            return diag_set(d, ERR_INTERNAL, "undo was written without a reservation");
        const uint32_t block = lane->block, wrap = lane->wrap;
        const bool new_block = a->t->nblocks == 0 || a->t->blocks[a->t->nblocks - 1] != block;
        enum err err = ERR_OK;
        if ((new_block || a->t->reserved > 1) && a->tt == NULL)
            err = tt_pin_entry(ts, a->m, &ts->geo, a->t->slot, &a->tt, d);
        if (err)
            return err;
        const struct dba dba = undo_dba(ts->opt.thread, block);
        const bool fresh = lane->untouched && lane->block == block;
        if (fresh)
            lane->untouched = false;
        err = fresh ? mtr_pin_fresh(a->m, dba, &a->undo, d) : mtr_pin(a->m, dba, &a->undo, d);
        if (err)
            return diag_wrap(d, err, "undo of redo thread %u", ts->opt.thread);
        const bool formatted = undo_is_formatted(a->undo->data, dba, wrap);
        a->format_undo = !formatted;
        if (lane->block == block && (!formatted || undo_has_room(a->undo->data, data_len)))
            return ERR_OK;
        if (lane->block == block && !lane_advance(ts, lane))
            return diag_set(d, ERR_INTERNAL, "undo was written without a reservation");
        leave_block(a);
    }
}

static enum err change_tt(struct append *a, struct undo_ptr at, struct diag *d)
{
    struct txn *t = a->t;
    const struct tt_geometry *g = &t->ts->geo;
    const uint16_t index = tt_slot_index(g, t->slot);
    uint8_t p[TT_PAYLOAD_MAX];
    enum err err = ERR_OK;
    if (block_header_const(a->tt->data)->type == BLOCK_NONE) {
        const uint32_t len = tt_make_format_entries(p, a->tt->dba, g);
        err = mtr_change(a->m, a->tt, REDO_TT_FORMAT, &(struct mtr_part){ p, len }, 1, d);
    }
    if (err)
        return err;
    const uint32_t len = t->begun ? tt_make_last(p, index, xid_seq(t->xid), at) : tt_make_begin(p, index, xid_seq(t->xid), at);
    err = mtr_change(a->m, a->tt, t->begun ? REDO_TT_SET : REDO_TT_BEGIN, &(struct mtr_part){ p, len }, 1, d);
    if (!err)
        t->begun = true;
    return err;
}

static enum err change_undo(struct append *a, const struct undo_record *rec, uint32_t wrap, struct diag *d)
{
    struct txn *t = a->t;
    if (a->format_undo) {
        uint8_t f[UNDO_FORMAT_PAYLOAD];
        undo_make_format(f, a->undo->dba, t->ts->opt.thread, wrap);
        const enum err err = mtr_change(a->m, a->undo, REDO_UNDO_FORMAT, &(struct mtr_part){ f, sizeof(f) }, 1, d);
        if (err)
            return err;
    }
    uint8_t head[UNDO_HEAD_SIZE];
    undo_make_head(head, rec, t->nrecords + 1);
    const struct mtr_part parts[2] = { { head, sizeof(head) }, { rec->data, rec->len } };
    return mtr_change(a->m, a->undo, REDO_UNDO_APPEND, parts, rec->len > 0 ? 2 : 1, d);
}

static bool wanted_by_purge(const struct undo_record *r)
{
    switch ((enum undo_type)r->type) {
    case UNDO_HEAP_DELETE:
    case UNDO_BTREE_MARK:
    case UNDO_HEAP_FORWARD:
        return true;
    case UNDO_HEAP_UPDATE:
        return (r->prev_flags & ROW_OVERFLOW) != 0;
    default:
        return false;
    }
}

enum err txn_undo_append(struct txn *t, struct mtr *m, const struct undo_record *rec, struct undo_ptr *ret, struct diag *d)
{
    assert(t->reserved > 0);
    assert(rec->len <= UNDO_DATA_MAX);
    struct lane *lane = t->lane;
    struct append a = { .t = t, .m = m };
    enum err err = pin_for_append(&a, rec->len, d);
    if (err)
        return err;

    /* nothing waits from here on */
    const uint32_t wrap = lane->wrap;
    const uint16_t n = a.format_undo ? 0 : undo_block_records(a.undo->data);
    const struct undo_ptr at = undo_ptr_make(t->ts->opt.thread, (uint16_t)wrap, lane->block, n);
    struct undo_record r = *rec;
    r.xid = t->xid;
    r.stmt = t->stmt;
    r.prev_of_txn = t->last;
    const bool new_block = t->nblocks == 0 || t->blocks[t->nblocks - 1] != lane->block;
    if (new_block)
        err = change_tt(&a, at, d);
    if (!err)
        err = change_undo(&a, &r, wrap, d);
    if (err)
        return err;
    if (new_block && (t->nblocks == 0 || undo_extent_of(t->ts, t->blocks[t->nblocks - 1]) != lane->extent))
        undo_extent_ref(t->ts, lane->block);
    note_write(t, at, t->stmt);
    t->last = at;
    t->nrecords++;
    t->wanted |= wanted_by_purge(&r);
    t->reserved--;
    lane->outstanding--;
    LANE_COUNT(lane, undo_records, 1);
    *ret = at;
    return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum err gone(struct diag *d, struct undo_ptr p)
{
    diag_set(d, ERR_SNAPSHOT_TOO_OLD, "snapshot too old");
    return diag_detail(d, "The undo record (thread %u, block %u, record %u) that holds an earlier version of a row has been used again.",
                       undo_ptr_thread(p), undo_ptr_block(p), undo_ptr_rec(p));
}

static enum err copy_record(const uint8_t *block, struct undo_ptr p, struct undo_record *ret, uint32_t *ret_n, uint8_t *buf, struct diag *d)
{
    if ((undo_block_wrap(block) & 0x3fff) != undo_ptr_wrap(p))
        return gone(d, p);
    const enum err err = undo_read_record(block, undo_ptr_rec(p), ret, ret_n, d);
    if (err)
        return diag_wrap(d, err, "undo of redo thread %u", undo_ptr_thread(p));
    memcpy(buf, ret->data, ret->len);
    ret->data = buf;
    return ERR_OK;
}

enum err undo_load(struct txn_sys *ts, struct undo_ptr p, struct undo_record *ret, uint32_t *ret_n, uint8_t *buf, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(ts->opt.bc, undo_dba(undo_ptr_thread(p), undo_ptr_block(p)), BUF_S, &b, d);
    if (err)
        return diag_wrap(d, err, "undo of redo thread %u", undo_ptr_thread(p));
    err = copy_record(b->data, p, ret, ret_n, buf, d);
    buf_unpin(b);
    return err;
}

enum err txn_undo_read(struct txn_sys *ts, struct undo_ptr p, struct xid xid, struct seg seg, struct rowid rowid, scn_t s,
                       struct undo_record *ret, uint8_t *buf, struct diag *d)
{
    enum err err;
    if (undo_ptr_thread(p) == ts->opt.thread) {
        err = undo_load(ts, p, ret, NULL, buf, d);
    } else {
        struct pin *b;
        LANE_COUNT(txn_lane(ts), undo_remote, 1);
        /* as of now, not of s: a copy that others asked for earlier may lack the record, which can be younger than the snapshot */
        const scn_t now = scn_now(ts->opt.scn);
        err = buf_pin_copy(ts->opt.bc, undo_dba(undo_ptr_thread(p), undo_ptr_block(p)), MAX(s, now), &b, d);
        if (err)
            return diag_wrap(d, err, "undo of redo thread %u", undo_ptr_thread(p));
        err = copy_record(b->data, p, ret, NULL, buf, d);
        buf_unpin(b);
    }
    if (err)
        return err;
    /* the same wrap and another record: 2^14 uses later */
    if (ret->seg.id != seg.id || ret->rowid.v != rowid.v || (xid.v != 0 && !xid_eq(ret->xid, xid)))
        return gone(d, p);
    return ERR_OK;
}
