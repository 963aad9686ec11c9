#include "txn/txn_int.h"

#define TAKE_TRIES_SLEEP RT_MS(1)
#define TAKE_TRIES_MAX 10000u

/* ---- loading ------------------------------------------------------------------- */

static int by_end(const void *a, const void *b, void *arg)
{
    const struct tx_slot *tt = arg;
    const uint64_t x = TX_SCN(tt[*(const uint32_t *)a].word), y = TX_SCN(tt[*(const uint32_t *)b].word);
    return x < y ? -1 : x > y;
}

static void load_entry(struct txn_sys *ts, uint32_t slot, const struct tt_entry *e)
{
    static const enum tx_state states[] = { [TT_FREE] = TX_FREE, [TT_ACTIVE] = TX_ACTIVE, [TT_COMMITTED] = TX_COMMITTED,
                                            [TT_ROLLED_BACK] = TX_ROLLED_BACK, [TT_PREPARED] = TX_ACTIVE };
    struct tx_slot *s = &ts->tt[slot];
    s->word = TX_WORD(states[e->state], e->state == TT_ACTIVE ? 0 : e->scn);
    s->seq = e->seq;
    s->wanted = e->state == TT_COMMITTED || e->state == TT_ACTIVE;
    s->found = true;
    if (e->state == TT_COMMITTED || e->state == TT_ROLLED_BACK)
        ts->ring[ts->ring_count++] = slot;
    ts->boot_left++;
    ts->chunk_next = MAX(ts->chunk_next, e->seq + 1);
}

static enum err load_block(struct txn_sys *ts, uint32_t b, struct diag *d)
{
    struct pin *p;
    enum err err = buf_pin(ts->opt.bc, undo_dba(ts->opt.thread, 1 + b), BUF_S, &p, d);
    if (err)
        return diag_wrap(d, err, "reading the transaction table of redo thread %u", ts->opt.thread);
    ts->recycled[b] = tt_read_recycled(p->data);
    for (uint16_t i = 0; i < ts->geo.entries_per_block && !err; i++) {
        struct tt_entry e;
        err = tt_read_entry(p->data, i, &e, d);
        if (!err && e.state != TT_FREE)
            load_entry(ts, b * ts->geo.entries_per_block + i, &e);
    }
    buf_unpin(p);
    return err;
}

enum err tt_load(struct txn_sys *ts, struct diag *d)
{
    enum err err = tt_geometry_of(ts, ts->opt.thread, &ts->geo, d);
    if (err)
        return err;
    ts->entries = tt_entries(&ts->geo);
    ts->tt = xcalloc(ts->entries, sizeof(*ts->tt));
    ts->recycled = xcalloc(ts->geo.blocks, sizeof(*ts->recycled));
    ts->ring = xcalloc(ts->entries, sizeof(*ts->ring));
    ts->chunk_next = MAX(ts->opt.xid_seq_start, 1);
    for (uint32_t b = 0; b < ts->geo.blocks; b += 64) {
        struct dba ahead[64];
        unsigned n = 0;
        for (uint32_t i = b; i < MIN(b + 64, ts->geo.blocks); i++)
            ahead[n++] = undo_dba(ts->opt.thread, 1 + i);
        buf_prefetch(ts->opt.bc, ahead, n);
        for (uint32_t i = 0; i < n; i++) {
            err = load_block(ts, b + i, d);
            if (err)
                return err;
        }
    }
    qsort_r(ts->ring, ts->ring_count, sizeof(*ts->ring), by_end, ts->tt);
    ts->chunk_next = ALIGN_UP(ts->chunk_next, ts->geo.entries_per_block);
    return ERR_OK;
}

void tt_unload(struct txn_sys *ts)
{
    for (uint64_t i = 0; ts->tt != NULL && i < ts->entries; i++)
        free(ts->tt[i].blocks);
    free(ts->tt);
    free((void *)ts->recycled);
    free(ts->ring);
}

/* ---- taking an entry ---------------------------------------------------------------- */

static void recycle(struct txn_sys *ts, uint32_t slot)
{
    struct tx_slot *s = &ts->tt[slot];
    _Atomic scn_t *bound = &ts->recycled[slot / ts->geo.entries_per_block];
    const scn_t end = TX_SCN(atomic_load_explicit(&s->word, memory_order_relaxed));
    /* before anybody can miss the entry; a table block belongs to one lane at a time */
    if (atomic_load_explicit(bound, memory_order_relaxed) < end)
        atomic_store_explicit(bound, end, memory_order_release);
    atomic_store_explicit(&s->seq, 0, memory_order_release);
}

/* R9: an entry is taken over only when purge has passed its transaction, which is when that was below the horizon. */
static bool may_take(const struct tx_slot *s)
{
    if (s->seq == 0)
        return true;
    if (MUTATED("R9"))
        return TX_STATE(s->word) == TX_COMMITTED || TX_STATE(s->word) == TX_ROLLED_BACK;
    return atomic_load_explicit(&s->purged, memory_order_acquire);
}

static void next_chunk(struct txn_sys *ts, struct lane *lane)
{
    rt_spin_lock(&ts->tt_spin);
    lane->seq_next = lane->chunk_start = ts->chunk_next;
    ts->chunk_next += ts->geo.entries_per_block;
    rt_spin_unlock(&ts->tt_spin);
    lane->seq_end = lane->seq_next + ts->geo.entries_per_block;
}

/* Looks through as many sequences as the table has entries. */
static bool find_entry(struct txn_sys *ts, struct lane *lane, uint64_t *ret_seq)
{
    for (uint64_t tried = 0; tried < ts->entries + ts->geo.entries_per_block; tried++) {
        if (lane->seq_next == lane->seq_end)
            next_chunk(ts, lane);
        const uint64_t seq = lane->seq_next++;
        if (may_take(&ts->tt[tt_slot(&ts->geo, seq)])) {
            *ret_seq = seq;
            return true;
        }
    }
    return false;
}

enum err tt_take(struct txn_sys *ts, struct txn *t, struct diag *d)
{
    uint64_t seq;
    for (uint32_t tries = 0; !find_entry(ts, t->lane, &seq); tries++) {
        if (tries == TAKE_TRIES_MAX)
            return diag_set(d, ERR_RESOURCES, "all %" PRIu64 " entries of the transaction table are in use", ts->entries);
        if (tries % 8 == 7) /* whoever holds the horizon back gives way, not the writers */
            snap_cancel_oldest(ts);
        purge_kick(ts);
        rt_sleep(TAKE_TRIES_SLEEP);
    }
    const uint32_t slot = tt_slot(&ts->geo, seq);
    struct tx_slot *s = &ts->tt[slot];
    if (s->seq != 0)
        recycle(ts, slot);
    atomic_store_explicit(&s->purged, false, memory_order_relaxed);
    s->found = s->wanted = s->partly = false;
    atomic_store_explicit(&s->txn, t, memory_order_relaxed);
    atomic_store_explicit(&s->word, TX_WORD(TX_ACTIVE, 0), memory_order_relaxed);
    atomic_store_explicit(&s->seq, seq, memory_order_release);
    t->slot = slot;
    t->xid = xid_make(ts->opt.thread, seq);
    return ERR_OK;
}

/* ---- look-ups --------------------------------------------------------------------------- */

struct fate tt_fate(struct txn_sys *ts, struct xid x)
{
    const uint32_t slot = tt_slot(&ts->geo, xid_seq(x));
    struct tx_slot *s = &ts->tt[slot];
    const uint64_t before = atomic_load_explicit(&s->seq, memory_order_acquire);
    const uint64_t word = atomic_load_explicit(&s->word, memory_order_acquire);
    const uint64_t after = atomic_load_explicit(&s->seq, memory_order_acquire);
    if (before != xid_seq(x) || after != before)
        return (struct fate){ FATE_BELOW, atomic_load_explicit(&ts->recycled[slot / ts->geo.entries_per_block], memory_order_acquire) };
    switch (TX_STATE(word)) {
    case TX_FREE:
    case TX_ACTIVE:
        return (struct fate){ FATE_ACTIVE, 0 };
    case TX_PENDING:
        return (struct fate){ MUTATED("R3") ? FATE_ACTIVE : FATE_BUSY, 0 };
    case TX_COMMITTING:
        return (struct fate){ FATE_BUSY, TX_SCN(word) };
    case TX_COMMITTED:
        return (struct fate){ FATE_COMMITTED, TX_SCN(word) };
    case TX_ROLLED_BACK:
        return (struct fate){ FATE_ROLLED_BACK, TX_SCN(word) };
    }
    panic("transaction-table entry %u in state %u", slot, TX_STATE(word));
}

enum err tt_geometry_of(struct txn_sys *ts, uint16_t thread, struct tt_geometry *ret, struct diag *d)
{
    struct thread_info *ti = &ts->thread[thread];
    rt_spin_lock(&ti->spin);
    *ret = ti->geometry;
    rt_spin_unlock(&ti->spin);
    if (ret->blocks != 0)
        return ERR_OK;
    struct pin *p;
    enum err err = buf_pin(ts->opt.bc, undo_dba(thread, 0), BUF_S, &p, d);
    if (!err) {
        err = tt_read_geometry(p->data, ret, d);
        buf_unpin(p);
    }
    if (err)
        return diag_wrap(d, err, "undo file of redo thread %u", thread);
    rt_spin_lock(&ti->spin);
    ti->geometry = *ret;
    rt_spin_unlock(&ti->spin);
    return ERR_OK;
}

enum err tt_stored_fate(struct txn_sys *ts, struct xid x, struct fate *ret, struct diag *d)
{
    struct tt_geometry g;
    enum err err = tt_geometry_of(ts, xid_thread(x), &g, d);
    if (err)
        return err;
    const uint32_t slot = tt_slot(&g, xid_seq(x));
    struct pin *p;
    err = buf_pin(ts->opt.bc, undo_dba(xid_thread(x), tt_slot_block(&g, slot)), BUF_S, &p, d);
    if (err)
        return diag_wrap(d, err, "reading the transaction table of redo thread %u", xid_thread(x));
    struct tt_entry e;
    err = tt_read_entry(p->data, tt_slot_index(&g, slot), &e, d);
    const scn_t recycled = tt_read_recycled(p->data);
    buf_unpin(p);
    if (err)
        return err;
    if (e.seq != xid_seq(x))
        *ret = (struct fate){ FATE_BELOW, recycled };
    else if (e.state == TT_COMMITTED)
        *ret = (struct fate){ FATE_COMMITTED, e.scn };
    else if (e.state == TT_ROLLED_BACK)
        *ret = (struct fate){ FATE_ROLLED_BACK, e.scn };
    else
        *ret = (struct fate){ FATE_ACTIVE, 0 };
    return ERR_OK;
}

/* ---- recycled_upto ------------------------------------------------------------------------ */

/* The lowest sequence that can still come into the table, and how many chunks have been given out. */
static uint64_t least_to_come(struct txn_sys *ts, uint64_t *ret_next)
{
    rt_spin_lock(&ts->tt_spin);
    uint64_t least = *ret_next = ts->chunk_next;
    for (uint32_t i = 0; i < ts->nlanes && !MUTATED("R9_upto"); i++) {
        const uint64_t start = ts->lane[i].chunk_start;
        least = start != 0 ? MIN(least, start) : least;
    }
    rt_spin_unlock(&ts->tt_spin);
    return least;
}

/*
 * Read before the table: what is in it by then is found there or has been recycled, and what comes later is not below. Nothing new is
 * learnt until a lane has used up a chunk.
 */
void tt_note_recycled(struct txn_sys *ts)
{
    uint64_t next, least = least_to_come(ts, &next);
    if (next == ts->noted_chunk_next)
        return;
    ts->noted_chunk_next = next;
    for (uint64_t i = 0; i < ts->entries; i++) {
        const uint64_t seq = atomic_load_explicit(&ts->tt[i].seq, memory_order_acquire);
        if (seq != 0 && seq < least)
            least = seq;
        if (i % 1024 == 0)
            rt_yield_if_due();
    }
    /* what lies below all that is in the table is not there any more; no sequence comes back, so this stays true */
    scn_t scn = 0;
    for (uint32_t b = 0; b < ts->geo.blocks; b++)
        scn = MAX(scn, atomic_load_explicit(&ts->recycled[b], memory_order_acquire));
    atomic_store_explicit(&ts->own_recycled_scn, scn, memory_order_release);
    atomic_store_explicit(&ts->own_recycled_upto, least, memory_order_release);
}

void tt_recycled(struct txn_sys *ts, uint64_t *ret_upto, scn_t *ret_scn)
{
    *ret_upto = atomic_load_explicit(&ts->own_recycled_upto, memory_order_acquire);
    *ret_scn = atomic_load_explicit(&ts->own_recycled_scn, memory_order_acquire);
}

enum err tt_pin_entry(struct txn_sys *ts, struct mtr *m, const struct tt_geometry *g, uint32_t slot, struct pin **ret, struct diag *d)
{
    const enum err err = mtr_pin(m, undo_dba(g->thread, tt_slot_block(g, slot)), ret, d);
    return err ? diag_wrap(d, err, "transaction table of redo thread %u", g->thread) : ERR_OK;
}

uint64_t txn_xid_seq(struct txn_sys *ts)
{
    rt_spin_lock(&ts->tt_spin);
    const uint64_t next = ts->chunk_next;
    rt_spin_unlock(&ts->tt_spin);
    return next;
}
