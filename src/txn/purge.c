/*
 * Purge: a fiber that follows ended transactions in the order of their ends, once they are below the horizon and old enough. It hands their
 * undo to access/ (R11), gives their undo space back and lets their table entries be recycled (R9).
 */
#include "txn/txn_int.h"

#define PERIOD RT_MS(50)
#define RECYCLED_PERIOD RT_SEC(1)

/* ---- retention ---------------------------------------------------------------------------- */

static void mark_time(struct txn_sys *ts)
{
    const uint64_t now = rt_now();
    const uint64_t step = RT_SEC((uint64_t)ts->opt.undo_retention_secs) / (TIME_MARKS - 2) + RT_MS(100);
    const struct time_mark *last = &ts->mark[(ts->mark_next + TIME_MARKS - 1) % TIME_MARKS];
    if (ts->opt.undo_retention_secs == 0 || (ts->marks > 0 && now - last->at < step))
        return;
    ts->mark[ts->mark_next] = (struct time_mark){ now, scn_now(ts->opt.scn) };
    ts->mark_next = (ts->mark_next + 1) % TIME_MARKS;
    ts->marks = MIN(ts->marks + 1, TIME_MARKS);
}

/* What ended at or below it ended longer ago than undo is kept. */
static scn_t retention_limit(const struct txn_sys *ts)
{
    if (ts->opt.undo_retention_secs == 0)
        return SCN_MAX;
    const uint64_t now = rt_now(), keep = RT_SEC((uint64_t)ts->opt.undo_retention_secs);
    scn_t limit = 0;
    for (uint32_t i = 0; i < ts->marks; i++) {
        const struct time_mark *m = &ts->mark[(ts->mark_next + TIME_MARKS - 1 - i) % TIME_MARKS];
        if (now - m->at >= keep)
            limit = MAX(limit, m->scn);
    }
    return limit;
}

/* Retention is a wish: it gives way where the table or the undo quota fills up. The horizon never does. */
static bool under_pressure(struct txn_sys *ts, uint32_t ended)
{
    rt_spin_lock(&ts->undo_spin);
    const bool undo = ts->opt.undo_quota_blocks != 0 && ts->free_first == EXTENT_NONE
        && (uint64_t)ts->nextents * ts->geo.extent_blocks >= ts->opt.undo_quota_blocks;
    rt_spin_unlock(&ts->undo_spin);
    return undo || ended > ts->entries / 4 * 3;
}

static scn_t purge_limit(struct txn_sys *ts, uint32_t ended)
{
    const scn_t horizon = txn_horizon(ts);
    return under_pressure(ts, ended) ? horizon : MIN(horizon, retention_limit(ts));
}

/* ---- one transaction ------------------------------------------------------------------------ */

/*
 * Along its chain, which leaves out what savepoints took back: that is in the blocks, too, and must not be purged. Also for transactions
 * found at open, whose blocks are not known.
 */
static enum err purge_chain(struct txn_sys *ts, struct tx_slot *s, struct xid x, scn_t c, uint8_t *buf, struct diag *d)
{
    const uint32_t slot = (uint32_t)(s - ts->tt);
    struct pin *p;
    struct tt_entry e;
    enum err err = buf_pin(ts->opt.bc, undo_dba(ts->opt.thread, tt_slot_block(&ts->geo, slot)), BUF_S, &p, d);
    if (err)
        return err;
    err = tt_read_entry(p->data, tt_slot_index(&ts->geo, slot), &e, d);
    buf_unpin(p);
    struct undo_ptr at = UNDO_NONE, *chain = NULL;
    uint32_t n = 0, cap = 0, ignored;
    struct undo_record r;
    if (!err)
        err = rollback_head(ts, x, &e, &at, &ignored, d);
    while (!err && at.v != 0) {
        if (n == cap) {
            cap = MAX(64u, 2 * cap);
            chain = xrealloc(chain, cap * sizeof(*chain));
        }
        chain[n++] = at;
        err = undo_load(ts, at, &r, NULL, buf, d);
        if (!err)
            at = r.prev_of_txn;
        rt_yield_if_due();
    }
    while (!err && n > 0) { /* oldest first */
        err = undo_load(ts, chain[--n], &r, NULL, buf, d);
        if (!err)
            ts->purge(ts->purge_arg, &r, c);
        rt_yield_if_due();
    }
    free(chain);
    return err;
}

static enum err purge_block(struct txn_sys *ts, uint32_t block, struct xid x, scn_t c, uint8_t *copy, struct diag *d)
{
    struct pin *p;
    enum err err = buf_pin(ts->opt.bc, undo_dba(ts->opt.thread, block), BUF_S, &p, d);
    if (err)
        return err;
    memcpy(copy, p->data, BLOCK_SIZE);
    buf_unpin(p);
    err = undo_check(copy, d);
    for (uint16_t i = 0; !err && i < undo_block_records(copy); i++) {
        if (!xid_eq(undo_record_xid(copy, i), x))
            continue;
        struct undo_record r;
        err = undo_read_record(copy, i, &r, NULL, d);
        if (!err)
            ts->purge(ts->purge_arg, &r, c);
        rt_yield_if_due();
    }
    return err;
}

static void release_undo(struct txn_sys *ts, struct tx_slot *s)
{
    for (uint32_t i = 0; !s->found && i < s->nblocks; i++) {
        if (i == 0 || undo_extent_of(ts, s->blocks[i]) != undo_extent_of(ts, s->blocks[i - 1]))
            undo_extent_unref(ts, s->blocks[i]);
    }
    free(s->blocks);
    s->blocks = NULL;
    s->nblocks = 0;
    if (s->found && --ts->boot_left == 0)
        undo_extents_found_done(ts);
}

static void purge_one(struct txn_sys *ts, uint32_t slot, uint8_t *copy)
{
    struct tx_slot *s = &ts->tt[slot];
    const struct xid x = xid_make(ts->opt.thread, s->seq);
    const bool committed = TX_STATE(s->word) == TX_COMMITTED;
    if (committed && s->wanted && ts->purge != NULL) {
        struct diag d;
        diag_clear(&d);
        const bool chain = s->found || s->partly;
        enum err err = chain ? purge_chain(ts, s, x, TX_SCN(s->word), copy, &d) : ERR_OK;
        for (uint32_t i = 0; i < s->nblocks && !err && !chain; i++)
            err = purge_block(ts, s->blocks[i], x, TX_SCN(s->word), copy, &d);
        /* Found at the start and its undo used again: it had been purged before, by the thread's last owner. */
        const bool purged_before = s->found && err == ERR_SNAPSHOT_TOO_OLD;
        if (err && !purged_before) /* what it would have purged stays: space is lost, nothing else */
            log_diag(ts->opt.log, LOG_ERROR, &d, "purging transaction %" PRIx64, x.v);
    }
    release_undo(ts, s);
    LANE_COUNT(txn_lane(ts), purged, 1);
    atomic_store_explicit(&s->purged, true, memory_order_release);
}

/* ---- the fiber --------------------------------------------------------------------------------- */

static bool next_ended(struct txn_sys *ts, scn_t limit, uint32_t *ret_slot)
{
    bool found = false;
    rt_spin_lock(&ts->commit_spin);
    if (ts->ring_count > 0) {
        const uint32_t slot = ts->ring[ts->ring_first];
        found = TX_SCN(ts->tt[slot].word) <= limit;
        if (found) {
            ts->ring_first = (uint32_t)((ts->ring_first + 1) % ts->entries);
            ts->ring_count--;
            *ret_slot = slot;
        }
    }
    rt_spin_unlock(&ts->commit_spin);
    return found;
}

static void purge_round(struct txn_sys *ts, uint8_t *copy)
{
    rt_spin_lock(&ts->commit_spin);
    const uint32_t ended = ts->ring_count;
    rt_spin_unlock(&ts->commit_spin);
    if (ended == 0)
        return;
    const scn_t limit = purge_limit(ts, ended);
    /* R10: nobody reads below it from here on */
    if (limit > atomic_load(&ts->purged_upto))
        atomic_store(&ts->purged_upto, limit);
    uint32_t slot;
    for (uint32_t n = 0; n < ended && next_ended(ts, limit, &slot); n++) {
        purge_one(ts, slot, copy);
        rt_yield_if_due();
    }
}

static void purger(void *arg)
{
    struct txn_sys *ts = arg;
    uint8_t *copy = rt_alloc_aligned(BLOCK_SIZE);
    uint64_t noted = 0;
    for (;;) {
        rt_mutex_lock(&ts->purge_mutex);
        if (!ts->closing && !atomic_load(&ts->purge_kicked))
            (void)rt_cond_wait(&ts->purge_cond, &ts->purge_mutex, rt_now() + PERIOD, false);
        const bool closing = ts->closing;
        rt_mutex_unlock(&ts->purge_mutex);
        if (closing)
            break;
        atomic_store(&ts->purge_kicked, false);
        mark_time(ts);
        purge_round(ts, copy);
        commit_housekeeping(ts);
        if (rt_now() - noted >= RECYCLED_PERIOD) {
            noted = rt_now();
            tt_note_recycled(ts);
        }
    }
    rt_free_aligned(copy, BLOCK_SIZE);
}

void purge_kick(struct txn_sys *ts)
{
    if (!atomic_exchange(&ts->purge_kicked, true))
        rt_cond_signal(&ts->purge_cond); /* one that is missed costs a period */
}

enum err purge_start(struct txn_sys *ts, struct diag *d)
{
    const struct rt_spawn_options o = { .name = "purge", .worker = RT_WORKER_ANY, .prio = RT_PRIO_LOW };
    ts->purger = rt_spawn(&o, purger, ts);
    return ts->purger != NULL ? ERR_OK : diag_set(d, ERR_RESOURCES, "no fiber for purge");
}

void purge_stop(struct txn_sys *ts)
{
    if (ts->purger == NULL)
        return;
    rt_mutex_lock(&ts->purge_mutex);
    ts->closing = true;
    rt_cond_broadcast(&ts->purge_cond);
    rt_mutex_unlock(&ts->purge_mutex);
    rt_join(ts->purger);
    ts->purger = NULL;
}
