/*
 * What the files of txn/ share. State and its latch are named together; latches are taken in the order
 * redo's own spin lock, commit_spin, (cache set, undo_spin, ask_spin), the interconnect's own.
 */
#ifndef TXN_INT_H
#define TXN_INT_H

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/scn.h"
#include "cluster/cluster.h"
#include "rt/rt.h"
#include "txn/tt_block.h"
#include "txn/txn.h"
#include "txn/undo_block.h"

/* ---- the own transaction table in memory (tt.c) ------------------------------ */

enum tx_state { TX_FREE, TX_ACTIVE, TX_PENDING, TX_COMMITTING, TX_COMMITTED, TX_ROLLED_BACK };
#define TX_WORD(state, scn) ((scn) << 3 | (uint64_t)(state))
#define TX_STATE(word) ((enum tx_state)((word) & 7))
#define TX_SCN(word) ((word) >> 3)

struct tx_slot {
    _Atomic uint64_t seq; /* 0: free */
    _Atomic uint64_t word; /* state and SCN, published together */
    _Atomic(struct txn *) txn; /* while it is active */
    /* what purge needs to know; its fiber's until it has ended, then purge's */
    uint32_t *blocks; /* undo blocks with its records, in order */
    uint32_t nblocks;
    bool wanted; /* has records for the purge handler */
    bool partly; /* some of its records were taken back by a savepoint */
    bool found; /* found at open: blocks are not known, counts in boot_left */
    _Atomic bool purged; /* may be recycled */
};

/* What is known of a transaction's fate. */
enum fate_kind {
    FATE_UNKNOWN,
    FATE_ACTIVE, /* now; what it commits will be above the SCN that the clock shows now */
    FATE_BUSY, /* its commit has begun: at scn (0: not known yet) */
    FATE_HEARD, /* a peer's, at scn if at all: broadcast, not confirmed */
    FATE_COMMITTED, /* at scn */
    FATE_BELOW, /* committed at or below scn */
    FATE_ABOVE, /* not committed at or below scn */
    FATE_ROLLED_BACK,
};
struct fate {
    enum fate_kind kind;
    scn_t scn;
};

/* ---- snapshots (snapshot.c) ---------------------------------------------------- */

#define SNAP_CHUNK 64u
#define SNAP_CHUNKS 256u
struct snap_chunk {
    _Atomic scn_t s[SNAP_CHUNK]; /* SCN_MAX: not in use */
};
struct snaps { /* of one worker: its fibers alone take and release */
    _Atomic(struct snap_chunk *) chunk[SNAP_CHUNKS];
    _Atomic uint32_t nchunks;
    uint32_t *free; /* stack */
    uint32_t nfree;
};

/* ---- lanes: what each worker has for itself ------------------------------------- */

#define EXTENT_NONE UINT32_MAX
#define LANE_SPARES 8u
struct lane_stats {
#define X(name, unit, text) _Atomic uint64_t name;
    TXN_STATS(X)
#undef X
};
struct lane {
    _Alignas(64) uint64_t seq_next, seq_end; /* sequences left of the chunk taken */
    uint64_t chunk_start; /* tt_spin: no lower sequence will be taken here; 0: nothing taken yet */
    uint32_t extent; /* where undo is written, EXTENT_NONE: nowhere */
    uint32_t block; /* number of the present undo block */
    uint32_t block_end; /* of the extent */
    uint32_t wrap; /* of the extent's present use */
    bool untouched; /* nobody has pinned the present block yet */
    uint32_t spare[LANE_SPARES], nspares;
    uint32_t outstanding; /* reservations, of a block each at most */
    struct list free_txns;
    uint32_t nfree_txns;
    struct snaps snaps;
    struct lane_stats stats;
};
#define LANE_COUNT(lane, name, n) \
    atomic_store_explicit(&(lane)->stats.name, atomic_load_explicit(&(lane)->stats.name, memory_order_relaxed) + (n), memory_order_relaxed)

/* ---- undo space (undo_space.c) ---------------------------------------------------- */

struct undo_extent {
    uint32_t refs; /* transactions not purged with records in it; a lane that has it; found at open */
    uint32_t wrap; /* of its present or last use */
    bool wrap_known;
    uint32_t next_free;
};

/* ---- peers and threads --------------------------------------------------------------- */

struct peer {
    bool member; /* commit_spin */
    incarnation_t incarnation; /* commit_spin */
    _Atomic uint16_t thread; /* written under commit_spin; 0: not a member */
    uint64_t acked_batch; /* commit_spin */
    _Atomic scn_t scn; /* highest seen from it */
    _Atomic scn_t oldest; /* its promise */
};
struct thread_info {
    _Atomic node_no node; /* 0: no live owner */
    _Atomic scn_t watermark; /* of its owner, past or present: commits heard of at or below it count */
    struct rt_spin spin;
    uint64_t recycled_upto; /* spin: sequences below are recycled ... */
    scn_t recycled_scn; /* spin: ... and committed at or below it */
    struct tt_geometry geometry; /* spin: blocks 0: not read yet */
};

/* ---- commit cache (cache.c) ------------------------------------------------------------ */

#define CACHE_WAYS 4u
struct cache_set {
    struct {
        _Atomic uint64_t xid;
        _Atomic uint64_t value; /* enum fate_kind in the low 3 bits, SCN above */
    } e[CACHE_WAYS];
    struct rt_spin spin; /* writers */
    uint32_t hand;
};

/* A fiber that waits for the end, or the publication, of one of this thread's transactions. */
struct end_waiter {
    struct list link; /* ts->waiters */
    struct xid x;
    bool committed_only; /* not for the end of an active one */
    struct rt_future done;
};

/* A status question of a peer that waits for commits in progress. */
struct deferred_ask {
    struct list link; /* ts->deferred */
    node_no from;
    incarnation_t incarnation;
    uint32_t len;
    uint8_t payload[];
};
#define DEFERRED_MAX (64u * 1024) /* fibers of all peers that can wait at a time */

/* An own question under way; on the stack of the fiber that waits. */
struct ask {
    struct list link; /* ts->asks */
    uint64_t id;
    node_no node;
    enum err err;
    struct rt_future done;
};

struct time_mark {
    uint64_t at; /* rt_now() */
    scn_t scn;
};
#define TIME_MARKS 512u

struct txn_sys {
    struct txn_options opt;
    struct tt_geometry geo;
    uint64_t entries;

    struct tx_slot *tt;
    _Atomic scn_t *recycled; /* a table block: highest end SCN of a recycled entry */
    struct rt_spin tt_spin;
    uint64_t chunk_next; /* tt_spin: first sequence not given to a lane */

    struct lane *lane;
    uint32_t nlanes;

    struct rt_spin undo_spin;
    struct undo_extent *extent; /* undo_spin */
    uint32_t nextents, extent_cap; /* undo_spin */
    uint32_t free_first, free_last; /* undo_spin: extents to use again, oldest first */
    struct rt_mutex grow; /* one fiber extends the file */

    struct rt_spin commit_spin;
    epoch_t view_epoch; /* commit_spin: the newest view told of */
    struct list commits; /* commit_spin: COMMITTING, in SCN order (which is log order) */
    struct list waiters; /* commit_spin: struct end_waiter */
    _Atomic uint32_t nwaiters;
    bool stopped;
    uint64_t ask_again_at; /* commit_spin: members that have not acknowledged changed objects are told again */
    struct list deferred; /* commit_spin */
    uint32_t ndeferred; /* commit_spin */
    uint64_t batch; /* commit_spin: number of the last broadcast */
    bool resend; /* commit_spin: a broadcast was refused, or the view has changed */
    scn_t first_before; /* commit_spin: first_waiting at the last housekeeping */
    bool abandoned; /* commit_spin */
    uint8_t *message; /* commit_spin: where broadcasts are put together */
    uint32_t *ring; /* commit_spin: slots of ended transactions, in the order of their ends */
    uint32_t ring_first, ring_count; /* commit_spin */
    struct peer peer[NODES_MAX + 1];
    _Atomic bool alone; /* no other members */
    _Atomic uint32_t in_flight; /* commits begun and not published */
    _Atomic scn_t published; /* watermark while some are in flight */
    _Atomic scn_t first_waiting; /* of commits; SCN_MAX: none */

    struct thread_info thread[THREADS_MAX + 1];
    struct cache_set *cache;
    uint64_t cache_mask;
    struct rt_spin ask_spin;
    struct list asks; /* ask_spin */
    uint64_t ask_id; /* ask_spin */

    struct {
        undo_handler *fn;
        void *arg;
    } undo[UNDO_TYPE_COUNT];
    purge_handler *purge;
    void *purge_arg;
    void (*objects)(void *arg, const uint32_t *ids, unsigned n);
    void *objects_arg;

    struct fiber *purger;
    struct rt_mutex purge_mutex;
    struct rt_cond purge_cond; /* more to do, or the end */
    bool closing; /* purge_mutex */
    _Atomic bool table_loaded; /* until then nobody is told what became of a transaction */
    _Atomic bool purge_kicked;
    _Atomic scn_t purged_upto; /* no snapshot below may be read with any more */
    uint64_t noted_chunk_next; /* the purge fiber's: the last chunk that own_recycled_* know of */
    _Atomic uint64_t own_recycled_upto; /* sequences below are not in the table any more ... */
    _Atomic scn_t own_recycled_scn; /* ... and ended at or below it */
    uint32_t boot_left; /* purge fiber: transactions found at open that it has not passed */
    struct time_mark mark[TIME_MARKS]; /* purge fiber */
    uint32_t marks, mark_next;
};

/* ---- a transaction ------------------------------------------------------------------------ */

struct txn_stmt {
    struct txn_stmt *outer;
    struct snapshot snap;
    uint32_t slot;
};
struct write_mark { /* a statement's first undo record */
    uint32_t stmt, block, rec; /* block: index in the transaction's list */
};
struct end_hook {
    void (*fn)(void *arg, enum txn_outcome outcome, scn_t scn);
    void *arg;
};
#define TXN_BLOCKS_INLINE 4u

struct txn {
    struct txn_sys *ts;
    struct lane *lane;
    struct list link; /* lane's free list, or ts->commits (commit_spin) */
    enum txn_isolation iso;
    struct xid xid;
    uint32_t slot;
    bool begun; /* its table entry is logged */
    bool wanted;
    bool partly; /* as in struct tx_slot */
    scn_t begun_scn;

    uint32_t stmt;
    struct txn_stmt *top; /* innermost statement that runs */
    struct txn_stmt first; /* saves an allocation */
    struct snapshot base; /* last one begun */
    uint32_t base_slot; /* higher isolation: held to the end */
    bool has_base;

    struct undo_ptr last; /* newest record that counts */
    uint32_t nrecords;
    uint32_t reserved; /* txn_undo_reserve() calls not used yet */
    struct rt_spin spin; /* the four below, for readers on other workers */
    uint32_t *blocks;
    uint32_t nblocks, blocks_cap;
    struct u64map *block_index; /* where there are many */
    struct write_mark *writes;
    uint32_t nwrites, writes_cap;
    uint32_t blocks_inline[TXN_BLOCKS_INLINE];

    struct ges_owner *owner;
    uint64_t lock_timeout; /* ns; 0: none */
    struct end_hook *hooks;
    uint32_t nhooks, hooks_cap;
    uint32_t *objects;
    uint32_t nobjects, objects_cap;

    /* commit */
    scn_t commit_scn;
    _Atomic lsn_t commit_end; /* 0: not known yet */
    uint64_t batch; /* commit_spin: last broadcast with it; 0: none */
    struct rt_future published;
};

/* ---- between the files --------------------------------------------------------------------- */

static inline struct lane *txn_lane(struct txn_sys *ts)
{
    const uint32_t w = rt_worker();
    return &ts->lane[w < ts->nlanes ? w : ts->nlanes - 1];
}
static inline struct dba undo_dba(uint16_t thread, uint32_t block) { return dba_make(FILE_UNDO_BASE + thread, block); }
NORETURN void txn_fatal(struct txn_sys *ts, const struct diag *d);

/* tt.c */
enum err tt_load(struct txn_sys *ts, struct diag *d) MAY_YIELD MUST_CHECK;
void tt_unload(struct txn_sys *ts);
enum err tt_take(struct txn_sys *ts, struct txn *t, struct diag *d) MAY_YIELD MUST_CHECK;
struct fate tt_fate(struct txn_sys *ts, struct xid x);
/* The fate as stored: of threads without a live owner. */
enum err tt_stored_fate(struct txn_sys *ts, struct xid x, struct fate *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err tt_geometry_of(struct txn_sys *ts, uint16_t thread, struct tt_geometry *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void tt_recycled(struct txn_sys *ts, uint64_t *ret_upto, scn_t *ret_scn);
void tt_note_recycled(struct txn_sys *ts) MAY_YIELD; /* now and then: finds recycled_upto anew */
enum err tt_pin_entry(struct txn_sys *ts, struct mtr *m, const struct tt_geometry *g, uint32_t slot, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* undo_space.c */
enum err undo_space_open(struct txn_sys *ts, struct diag *d) MAY_YIELD MUST_CHECK;
enum err lane_room(struct txn_sys *ts, struct lane *lane, struct diag *d) MAY_YIELD MUST_CHECK; /* for one more block */
bool lane_advance(struct txn_sys *ts, struct lane *lane); /* to the next block; false: reservations were not kept */
void undo_extent_ref(struct txn_sys *ts, uint32_t block);
void undo_extent_unref(struct txn_sys *ts, uint32_t block); /* at most one of a transaction's blocks in each extent */
void undo_extents_found_done(struct txn_sys *ts); /* all that was found at open has been purged */
uint32_t undo_extent_of(const struct txn_sys *ts, uint32_t block);

/* undo.c */
enum err undo_load(struct txn_sys *ts, struct undo_ptr p, struct undo_record *ret, uint32_t *ret_n, uint8_t *buf, struct diag *d) MAY_YIELD MUST_CHECK;
uint32_t txn_stmt_of(struct txn *t, struct undo_ptr p);

/* rollback.c */
enum err rollback_found(struct txn_sys *ts, const struct tt_geometry *g, struct xid x, const struct tt_entry *e, struct diag *d) MAY_YIELD MUST_CHECK;
void rollback_chain(struct txn *t, struct undo_ptr down_to) MAY_YIELD;
enum err rollback_head(struct txn_sys *ts, struct xid x, const struct tt_entry *e, struct undo_ptr *ret, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rollback_finish(struct txn_sys *ts, const struct tt_geometry *g, struct xid x, scn_t *ret_scn, struct diag *d) MAY_YIELD MUST_CHECK;

/* commit.c */
void commit_init(struct txn_sys *ts);
void commit_leave_traces(struct txn *t);
enum err commit_run(struct txn *t, struct diag *d) MAY_YIELD MUST_CHECK;
void commit_publish(struct txn_sys *ts); /* whatever can be */
void commit_housekeeping(struct txn_sys *ts);
void commit_ended(struct txn_sys *ts, uint32_t slot); /* for purge, and wakes those who wait for its end */
bool commit_wait_end(struct txn_sys *ts, struct xid x, bool committed_only, uint64_t deadline, enum err *ret) MAY_YIELD; /* false: nothing to wait for */

/* cache.c */
void cache_init(struct txn_sys *ts);
struct fate cache_get(struct txn_sys *ts, struct xid x);
void cache_put(struct txn_sys *ts, struct xid x, struct fate f);
void cache_forget_above(struct txn_sys *ts, struct xid x);
void cache_purge_thread(struct txn_sys *ts, uint16_t thread);
void cache_note_recycled(struct txn_sys *ts, uint16_t thread, uint64_t upto, scn_t scn);

/* status.c */
void status_init(struct txn_sys *ts);
bool status_answer(struct txn_sys *ts, node_no to, const uint8_t *payload, uint32_t len); /* false: must wait; under commit_spin */
void status_peer_left(struct txn_sys *ts, node_no node);

/* snapshot.c */
uint32_t snap_take(struct lane *lane); /* UINT32_MAX: too many */
void snap_release(struct lane *lane, uint32_t slot);
scn_t snap_begin(struct txn_sys *ts, struct lane *lane, uint32_t slot);
void snap_set(struct lane *lane, uint32_t slot, scn_t s);
bool snap_cancel_oldest(struct txn_sys *ts);

/* purge.c */
enum err purge_start(struct txn_sys *ts, struct diag *d) MUST_CHECK;
void purge_stop(struct txn_sys *ts) MAY_YIELD;
void purge_kick(struct txn_sys *ts); /* not under a spin lock */

#endif
