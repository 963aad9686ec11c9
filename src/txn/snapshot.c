#include "txn/txn_int.h"

static _Atomic scn_t *slot_of(struct snaps *sn, uint32_t slot)
{
    return &atomic_load_explicit(&sn->chunk[slot / SNAP_CHUNK], memory_order_relaxed)->s[slot % SNAP_CHUNK];
}

static bool add_chunk(struct snaps *sn)
{
    const uint32_t n = atomic_load_explicit(&sn->nchunks, memory_order_relaxed);
    if (n == SNAP_CHUNKS)
        return false;
    struct snap_chunk *c = xmalloc(sizeof(*c));
    for (uint32_t i = 0; i < SNAP_CHUNK; i++)
        atomic_init(&c->s[i], SCN_MAX);
    sn->free = xrealloc(sn->free, (size_t)(n + 1) * SNAP_CHUNK * sizeof(*sn->free));
    for (uint32_t i = SNAP_CHUNK; i > 0; i--)
        sn->free[sn->nfree++] = n * SNAP_CHUNK + i - 1;
    atomic_store_explicit(&sn->chunk[n], c, memory_order_release);
    atomic_store_explicit(&sn->nchunks, n + 1, memory_order_release);
    return true;
}

uint32_t snap_take(struct lane *lane)
{
    struct snaps *sn = &lane->snaps;
    if (sn->nfree == 0 && !add_chunk(sn))
        return UINT32_MAX;
    return sn->free[--sn->nfree];
}

void snap_release(struct lane *lane, uint32_t slot)
{
    if (slot == UINT32_MAX)
        return;
    atomic_store_explicit(slot_of(&lane->snaps, slot), SCN_MAX, memory_order_release);
    lane->snaps.free[lane->snaps.nfree++] = slot;
}

void snap_set(struct lane *lane, uint32_t slot, scn_t s)
{
    atomic_store_explicit(slot_of(&lane->snaps, slot), s, memory_order_seq_cst);
}

/*
 * R10. Whoever computes the promise reads the clock first, then the slots. If it misses this slot's store, the store came later, and so
 * does the second reading of the clock: the snapshot is not below the promise. If it sees it, the promise is not above the first reading.
 */
scn_t snap_begin(struct txn_sys *ts, struct lane *lane, uint32_t slot)
{
    snap_set(lane, slot, scn_now(ts->opt.scn));
    return atomic_load(&ts->opt.scn->now); /* sequentially consistent, as the store is */
}

static scn_t oldest_held(struct txn_sys *ts, _Atomic scn_t **ret_slot)
{
    scn_t oldest = SCN_MAX;
    for (uint32_t l = 0; l < ts->nlanes; l++) {
        struct snaps *sn = &ts->lane[l].snaps;
        const uint32_t n = atomic_load_explicit(&sn->nchunks, memory_order_acquire);
        for (uint32_t i = 0; i < n * SNAP_CHUNK; i++) {
            _Atomic scn_t *slot = slot_of(sn, i);
            const scn_t s = atomic_load_explicit(slot, memory_order_seq_cst);
            if (s < oldest) {
                oldest = s;
                if (ret_slot != NULL)
                    *ret_slot = slot;
            }
        }
    }
    return oldest;
}

scn_t txn_oldest_local(struct txn_sys *ts)
{
    const scn_t now = atomic_load(&ts->opt.scn->now);
    if (MUTATED("R10"))
        return now;
    return MIN(now, oldest_held(ts, NULL));
}

void txn_peer_oldest(struct txn_sys *ts, node_no node, scn_t s)
{
    if (node != 0 && node <= NODES_MAX)
        atomic_store_explicit(&ts->peer[node].oldest, s, memory_order_release);
}

scn_t txn_horizon(struct txn_sys *ts)
{
    scn_t h = txn_oldest_local(ts);
    if (atomic_load_explicit(&ts->alone, memory_order_acquire) || MUTATED("R10"))
        return h;
    rt_spin_lock(&ts->commit_spin);
    for (node_no n = 1; n <= NODES_MAX; n++) {
        if (ts->peer[n].member && n != ts->opt.self)
            h = MIN(h, atomic_load_explicit(&ts->peer[n].oldest, memory_order_acquire));
    }
    rt_spin_unlock(&ts->commit_spin);
    return h;
}

/* Undo and table entries are needed more than the oldest snapshot: purge may pass it, and its next look at a row fails (72000). */
bool snap_cancel_oldest(struct txn_sys *ts)
{
    _Atomic scn_t *slot = NULL;
    scn_t oldest = oldest_held(ts, &slot);
    if (slot == NULL || oldest == SCN_MAX || oldest > txn_horizon(ts))
        return false; /* nobody, or another node's snapshot, holds the horizon back */
    if (!atomic_compare_exchange_strong(slot, &oldest, SCN_MAX))
        return false;
    LANE_COUNT(txn_lane(ts), cancelled, 1);
    log_warning(ts->opt.log, "the snapshot at SCN %" PRIu64 " is cancelled: undo and transaction table are needed by writers", oldest);
    purge_kick(ts);
    return true;
}

static enum err too_old(struct diag *d, scn_t s, scn_t purged)
{
    diag_set(d, ERR_SNAPSHOT_TOO_OLD, "snapshot too old");
    return diag_detail(d, "The snapshot is at SCN %" PRIu64 "; row versions before SCN %" PRIu64 " have been purged.", s, purged);
}

enum err txn_snapshot_check(struct txn_sys *ts, const struct snapshot *s, struct diag *d)
{
    const scn_t purged = atomic_load_explicit(&ts->purged_upto, memory_order_acquire);
    return s->s >= purged ? ERR_OK : too_old(d, s->s, purged);
}

struct txn_hold {
    struct lane *lane;
    uint32_t slot;
};

struct txn_hold *txn_hold(struct txn_sys *ts, const struct snapshot *s)
{
    struct lane *lane = txn_lane(ts);
    const uint32_t slot = snap_take(lane);
    if (slot == UINT32_MAX)
        return NULL;
    snap_set(lane, slot, s->s);
    struct txn_hold *h = xmalloc(sizeof(*h));
    *h = (struct txn_hold){ lane, slot };
    return h;
}

void txn_hold_end(struct txn_hold *h)
{
    if (h == NULL)
        return;
    snap_release(h->lane, h->slot);
    free(h);
}
