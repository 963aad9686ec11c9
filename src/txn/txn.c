#include "txn/txn_int.h"

#include "ges/ges.h"

#define FREE_TXNS_MAX 256u /* a worker keeps for reuse */

/* ---- begin and end of the object ------------------------------------------------------ */

static struct txn *alloc_txn(struct txn_sys *ts, struct lane *lane)
{
    struct txn *t;
    if (!list_empty(&lane->free_txns)) {
        t = LIST_ENTRY(list_pop_front(&lane->free_txns), struct txn, link);
        lane->nfree_txns--;
    } else {
        t = xcalloc(1, sizeof(*t));
        t->blocks = t->blocks_inline;
        t->blocks_cap = TXN_BLOCKS_INLINE;
    }
    t->ts = ts;
    t->lane = lane;
    t->xid = XID_NONE;
    t->begun = t->wanted = t->partly = t->has_base = false;
    t->stmt = 0;
    t->top = NULL;
    t->base = (struct snapshot){ 0 };
    t->base_slot = UINT32_MAX;
    t->last = UNDO_NONE;
    t->nrecords = t->reserved = t->nwrites = t->nblocks = t->nhooks = t->nobjects = 0;
    t->owner = NULL;
    t->lock_timeout = 0;
    return t;
}

static void free_memory(struct txn *t)
{
    if (t->blocks != t->blocks_inline)
        free(t->blocks);
    free(t->writes);
    free(t->hooks);
    free(t->objects);
    free(t);
}

static void pop_stmt(struct txn *t)
{
    struct txn_stmt *st = t->top;
    t->top = st->outer;
    snap_release(t->lane, st->slot);
    if (st != &t->first)
        free(st);
}

static void release_txn(struct txn *t)
{
    struct lane *lane = t->lane;
    while (t->top != NULL)
        pop_stmt(t);
    snap_release(lane, t->base_slot);
    lane->outstanding -= t->reserved;
    if (t->owner != NULL)
        ges_owner_free(t->owner);
    u64map_free(t->block_index);
    t->block_index = NULL;
    if (lane->nfree_txns == FREE_TXNS_MAX) {
        free_memory(t);
        return;
    }
    list_push_front(&lane->free_txns, &t->link);
    lane->nfree_txns++;
}

enum err txn_begin(struct txn_sys *ts, enum txn_isolation iso, struct txn **ret, struct diag *d)
{
    struct txn *t = alloc_txn(ts, txn_lane(ts));
    t->iso = iso;
    t->begun_scn = scn_now(ts->opt.scn);
    *ret = t;
    return ERR_OK;
}

enum err txn_need_xid(struct txn *t, struct diag *d)
{
    if (t->xid.v != 0)
        return ERR_OK;
    const enum err err = tt_take(t->ts, t, d);
    if (err)
        return err;
    if (t->owner != NULL)
        ges_owner_set_xid(t->owner, t->xid, t->begun_scn);
    return ERR_OK;
}

struct ges_owner *txn_ges_owner(struct txn *t)
{
    if (t->owner == NULL && t->ts->opt.ges != NULL) {
        t->owner = ges_owner_new(t->ts->opt.ges, "transaction");
        ges_owner_set_xid(t->owner, t->xid, t->begun_scn);
    }
    return t->owner;
}

void txn_set_lock_timeout(struct txn *t, uint64_t ns) { t->lock_timeout = ns; }
uint64_t txn_lock_deadline(const struct txn *t) { return t->lock_timeout ? rt_now() + t->lock_timeout : RT_FOREVER; }
struct xid txn_xid(const struct txn *t) { return t->xid; }
enum txn_isolation txn_isolation(const struct txn *t) { return t->iso; }
const struct snapshot *txn_snapshot(const struct txn *t) { return t->top != NULL ? &t->top->snap : &t->base; }

/* ---- statements -------------------------------------------------------------------------- */

static enum err too_many(struct diag *d)
{
    return diag_set(d, ERR_RESOURCES, "too many snapshots are open");
}

/* REPEATABLE READ: one SCN for the whole transaction. (SERIALIZABLE holds table locks instead, which come before each snapshot.) */
static enum err begin_base(struct txn *t, struct diag *d)
{
    t->base_slot = snap_take(t->lane);
    if (t->base_slot == UINT32_MAX)
        return too_many(d);
    t->base.s = snap_begin(t->ts, t->lane, t->base_slot);
    t->has_base = true;
    return ERR_OK;
}

enum err txn_stmt_begin(struct txn *t, const struct snapshot **ret, struct diag *d)
{
    struct txn_stmt *st = t->top == NULL ? &t->first : xmalloc(sizeof(*st));
    enum err err = ERR_OK;
    st->slot = UINT32_MAX;
    if (t->iso == TXN_REPEATABLE_READ) {
        if (!t->has_base)
            err = begin_base(t, d);
    } else {
        st->slot = snap_take(t->lane);
        if (st->slot == UINT32_MAX)
            err = too_many(d);
        else
            t->base.s = snap_begin(t->ts, t->lane, st->slot);
    }
    if (err) {
        if (st != &t->first)
            free(st);
        return err;
    }
    t->base.own = t->xid;
    t->base.stmt = ++t->stmt;
    st->snap = t->base;
    st->outer = t->top;
    t->top = st;
    *ret = &st->snap;
    return ERR_OK;
}

void txn_stmt_end(struct txn *t)
{
    assert(t->top != NULL);
    pop_stmt(t);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

void txn_on_end(struct txn *t, void (*fn)(void *arg, enum txn_outcome outcome, scn_t scn), void *arg)
{
    if (t->nhooks == t->hooks_cap) {
        t->hooks_cap = MAX(8u, 2 * t->hooks_cap);
        t->hooks = xrealloc(t->hooks, t->hooks_cap * sizeof(*t->hooks));
    }
    t->hooks[t->nhooks++] = (struct end_hook){ fn, arg };
}

static void run_hooks(struct txn *t, uint32_t from, enum txn_outcome outcome, scn_t scn)
{
    for (uint32_t i = from; i < t->nhooks; i++)
        t->hooks[i].fn(t->hooks[i].arg, outcome, scn);
    t->nhooks = from;
}

void txn_changed_object(struct txn *t, uint32_t object_id)
{
    for (uint32_t i = 0; i < t->nobjects; i++) {
        if (t->objects[i] == object_id)
            return;
    }
    if (t->nobjects == t->objects_cap) {
        t->objects_cap = MAX(8u, 2 * t->objects_cap);
        t->objects = xrealloc(t->objects, t->objects_cap * sizeof(*t->objects));
    }
    t->objects[t->nobjects++] = object_id;
}

/* ---- commit ------------------------------------------------------------------------------------ */

/* An xid that was taken and never written anywhere. */
static void drop_unused_xid(struct txn *t)
{
    struct tx_slot *s = &t->ts->tt[t->slot];
    atomic_store_explicit(&s->txn, NULL, memory_order_relaxed);
    atomic_store_explicit(&s->word, TX_WORD(TX_ROLLED_BACK, 0), memory_order_release);
    atomic_store_explicit(&s->purged, true, memory_order_release);
    if (t->ts->opt.ges != NULL)
        ges_txn_ended(t->ts->opt.ges, t->xid);
}

static void tell_end(struct txn *t)
{
    if (t->ts->opt.ges != NULL)
        ges_txn_ended(t->ts->opt.ges, t->xid);
}

enum err txn_commit(struct txn *t, scn_t *ret_scn, struct diag *d)
{
    struct lane *lane = t->lane;
    *ret_scn = 0;
    if (!t->begun) {
        if (t->xid.v != 0)
            drop_unused_xid(t);
        LANE_COUNT(lane, read_only, 1);
        run_hooks(t, 0, TXN_COMMITTED, 0);
        release_txn(t);
        return ERR_OK;
    }
    const uint64_t began = rt_now();
    enum err err = commit_run(t, d);
    if (err == ERR_TXN_UNKNOWN) {
        atomic_store(&t->ts->tt[t->slot].txn, NULL);
        release_txn(t);
        return err;
    }
    if (err) {
        txn_rollback(t);
        return err;
    }
    const scn_t c = t->commit_scn;
    run_hooks(t, 0, TXN_COMMITTED, c);
    tell_end(t);
    LANE_COUNT(lane, commits, 1);
    LANE_COUNT(lane, commit_ns, rt_now() - began);
    release_txn(t);
    *ret_scn = c;
    return ERR_OK;
}

/* ---- rollback ------------------------------------------------------------------------------------- */

static void end_rolled_back(struct txn *t)
{
    struct txn_sys *ts = t->ts;
    struct diag d;
    scn_t end = 0;
    diag_clear(&d);
    const enum err err = rollback_finish(ts, &ts->geo, t->xid, &end, &d);
    if (err) {
        diag_wrap(&d, err, "rolling back transaction %" PRIx64, t->xid.v);
        txn_fatal(ts, &d);
    }
    t->wanted = false;
    commit_leave_traces(t);
    atomic_store_explicit(&ts->tt[t->slot].txn, NULL, memory_order_relaxed);
    atomic_store_explicit(&ts->tt[t->slot].word, TX_WORD(TX_ROLLED_BACK, end), memory_order_release);
    commit_ended(ts, t->slot);
}

void txn_rollback(struct txn *t)
{
    struct lane *lane = t->lane;
    while (t->top != NULL)
        pop_stmt(t);
    if (t->begun) {
        rollback_chain(t, UNDO_NONE);
        end_rolled_back(t);
        LANE_COUNT(lane, rollbacks, 1);
    } else if (t->xid.v != 0) {
        drop_unused_xid(t);
    }
    run_hooks(t, 0, TXN_ROLLED_BACK, 0);
    if (t->begun)
        tell_end(t);
    release_txn(t);
}

struct txn_mark txn_savepoint(struct txn *t)
{
    return (struct txn_mark){ .undo = t->last, .ges_mark = t->owner != NULL ? ges_mark(t->owner) : 0, .n = t->nhooks };
}

void txn_rollback_to(struct txn *t, struct txn_mark mark)
{
    if (t->last.v != mark.undo.v) {
        t->partly = true;
        rollback_chain(t, mark.undo);
        tell_end(t); /* who waits for one of these rows looks at it again, and may find it free */
    }
    run_hooks(t, (uint32_t)mark.n, TXN_ROLLED_BACK, 0);
    /* SERIALIZABLE: what was read is known, and may decide what is written next */
    if (t->owner != NULL && t->iso != TXN_SERIALIZABLE)
        ges_unlock_since(t->owner, mark.ges_mark);
}
