/*
 * Transactions (design section 7; rules R2, R3, R4, R9, R10): begin, commit,
 * rollback, savepoints, snapshots, visibility, undo.
 *
 * A transaction gets its xid with its first change. Its entry in the thread's
 * transaction table (in undo/<thread>.dbf) tells its state and its undo chain.
 */
#ifndef TXN_TXN_H
#define TXN_TXN_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "redo/opcodes.h"
#include "storage/mtr.h"

struct txn_sys; /* one an instance */
struct txn; /* one a transaction; belongs to one fiber */
struct ges;
struct ges_owner;
struct interconnect;
struct control_thread;

/* ---- rows: the header that every stored row begins with ----------------- */

/* Where a row's previous version is. 0: there is none (the row did not exist before). */
struct undo_ptr {
    uint64_t v; /* block (28 bits), record in block (12), wrap (14), redo thread (10) */
};
#define UNDO_NONE ((struct undo_ptr){ 0 })
static inline struct undo_ptr undo_ptr_make(uint16_t thread, uint16_t wrap, uint32_t block, uint16_t rec)
{
    return (struct undo_ptr){ (uint64_t)block << 36 | (uint64_t)(rec & 0xfff) << 24 | (uint64_t)(wrap & 0x3fff) << 10 | (thread & 0x3ff) };
}
static inline uint16_t undo_ptr_thread(struct undo_ptr u) { return u.v & 0x3ff; }
static inline uint16_t undo_ptr_wrap(struct undo_ptr u) { return (uint16_t)(u.v >> 10 & 0x3fff); }
static inline uint16_t undo_ptr_rec(struct undo_ptr u) { return (uint16_t)(u.v >> 24 & 0xfff); }
static inline uint32_t undo_ptr_block(struct undo_ptr u) { return (uint32_t)(u.v >> 36); }

enum {
    ROW_STAMPED = 1, /* `writer` is a commit SCN, no longer an xid */
    ROW_DELETED = 2, /* this version says: the row does not exist */
    ROW_SHARED = 4, /* updaters must ask GES type RS first */
    ROW_FORWARD = 8, /* stub: the row has moved; the body is its new rowid */
    ROW_MOVED_HERE = 16, /* reached through a stub only: scans skip it */
    ROW_LOCKED = 32, /* `writer` locked the row but did not change it: who does not see the writer looks beneath, through undo */
    ROW_OVERFLOW = 64, /* some column value is in an overflow chain */
};
struct row_header {
    uint64_t writer; /* xid, or commit SCN when ROW_STAMPED */
    struct undo_ptr undo;
    uint8_t flags;
    uint8_t layout; /* table layout version the body is in, modulo 256 */
    uint16_t body_len;
};
static_assert(sizeof(struct row_header) == 24 || sizeof(struct row_header) == 20, "on-disk format");
#define ROW_HEADER_SIZE 20u /* as stored: the fields in this order, unaligned */

/* ---- the system ---------------------------------------------------------- */

#define TXN_TT_ENTRIES (256u * 1024)
struct txn_options {
    struct bufcache *bc;
    struct files *files;
    struct redo *redo;
    struct scn_clock *scn;
    struct ges *ges;
    struct interconnect *ic; /* NULL: alone */
    node_no self;
    uint16_t thread;
    uint64_t xid_seq_start; /* above every sequence this thread has used */
    uint32_t undo_retention_secs;
    uint64_t undo_quota_blocks; /* 0: none */
    uint32_t tt_entries; /* of txn_create_undo(): entries of the transaction table; 0: TXN_TT_ENTRIES */
    uint32_t undo_extent_blocks; /* of txn_create_undo(): blocks of an undo extent; 0: 64 */
    struct log *log;
    void (*fatal)(void *arg, const struct diag *d);
    void *fatal_arg;
};
enum err txn_open(const struct txn_options *opt, struct txn_sys **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * The end, once no transaction is open: stop() lets go of redo and cache, which may then be closed; peers are still answered. close() frees:
 * nothing of the interconnect may run any more.
 */
void txn_stop(struct txn_sys *ts) MAY_YIELD;
void txn_close(struct txn_sys *ts) MAY_YIELD; /* stops first, if need be */
enum err txn_create_undo(const struct txn_options *opt, struct diag *d) MAY_YIELD MUST_CHECK; /* undo/<thread>.dbf, when a thread is used first */
/* After crash recovery: rolls back what was active in a recovered thread, through the undo handlers. Logs its progress in the own thread. */
enum err txn_recover_thread(struct txn_sys *ts, uint16_t thread, uint64_t *ret_rolled_back, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * R10, what heartbeats carry: this node has no snapshot below the result and promises to begin none (idle: its present SCN, never SCN_MAX).
 * And what they brought from a peer (SCN_MAX: no constraint; a peer never heard of holds everything back). And the minimum of all.
 */
scn_t txn_oldest_local(struct txn_sys *ts);
void txn_peer_oldest(struct txn_sys *ts, node_no node, scn_t s);
scn_t txn_horizon(struct txn_sys *ts);
scn_t txn_watermark(struct txn_sys *ts); /* R4, rides on every message; cheap */
void txn_peer_watermark(struct txn_sys *ts, node_no node, scn_t watermark);
/* A frame from that node carried this SCN: acknowledges our commits at or below it. From the interconnect's scn_seen hook; cheap. */
void txn_peer_scn(struct txn_sys *ts, node_no node, scn_t scn);
/* INSTALL of a view: who must acknowledge, who runs which redo thread. Before the first call the node is alone. */
struct cluster_view;
void txn_view_changed(struct txn_sys *ts, const struct cluster_view *view);
/* The instance has lost its quorum and stops: those who wait in txn_commit() get ERR_TXN_UNKNOWN, and so do all who commit afterwards. */
void txn_abandon_commits(struct txn_sys *ts);

/* ---- a transaction ------------------------------------------------------- */

enum txn_isolation { TXN_READ_COMMITTED, TXN_REPEATABLE_READ, TXN_SERIALIZABLE };

struct snapshot {
    scn_t s;
    struct xid own; /* sees its own changes ... */
    uint32_t stmt; /* ... of statements before this one */
};

enum err txn_begin(struct txn_sys *ts, enum txn_isolation iso, struct txn **ret, struct diag *d) MUST_CHECK;
/*
 * Each statement: a new statement number and (READ COMMITTED, or first of the transaction) a new snapshot. The pointer is valid, and
 * holds the horizon back, until txn_stmt_end(), or the end of the transaction for higher isolation.
 */
enum err txn_stmt_begin(struct txn *t, const struct snapshot **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void txn_stmt_end(struct txn *t);
const struct snapshot *txn_snapshot(const struct txn *t);
/*
 * ERR_SNAPSHOT_TOO_OLD when purge has passed the snapshot (it was cancelled by the undo quota, or came from outside): to be asked
 * after the last row was read, because rows that were purged are missing without a word. Cheap.
 */
enum err txn_snapshot_check(struct txn_sys *ts, const struct snapshot *s, struct diag *d) MUST_CHECK;
/* Holds the horizon back at the snapshot's SCN, which is still held by somebody, after its statement ends: portals, exported snapshots. */
struct txn_hold;
struct txn_hold *txn_hold(struct txn_sys *ts, const struct snapshot *s);
void txn_hold_end(struct txn_hold *h); /* on the same worker; accepts NULL */
enum txn_isolation txn_isolation(const struct txn *t);
struct ges_owner *txn_ges_owner(struct txn *t);
/* How long each of its waits for a lock that others may keep (rows, unique keys, tables) may take; 0: without end. And when one that begins now ends. */
void txn_set_lock_timeout(struct txn *t, uint64_t ns);
uint64_t txn_lock_deadline(const struct txn *t);
struct xid txn_xid(const struct txn *t); /* XID_NONE: has changed nothing */
enum err txn_need_xid(struct txn *t, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Commits: durable, acknowledged by all members, published; then returns. *ret_scn 0: nothing was changed. An error means rolled back,
 * but for ERR_TXN_UNKNOWN (08007): the record was appended and its outcome could not be learnt. Frees t.
 */
enum err txn_commit(struct txn *t, scn_t *ret_scn, struct diag *d) MAY_YIELD MUST_CHECK;
void txn_rollback(struct txn *t) MAY_YIELD; /* frees t; cannot fail: an I/O error stops the instance */

struct txn_mark {
    struct undo_ptr undo;
    uint64_t ges_mark;
    uint64_t n;
};
struct txn_mark txn_savepoint(struct txn *t);
void txn_rollback_to(struct txn *t, struct txn_mark mark) MAY_YIELD;

/* Called at commit (after it is published) or at rollback, in order: segments to free, cached definitions to forget. */
enum txn_outcome { TXN_COMMITTED, TXN_ROLLED_BACK };
void txn_on_end(struct txn *t, void (*fn)(void *arg, enum txn_outcome outcome, scn_t scn), void *arg);
/* Objects changed by DDL: listed in the commit broadcast; members drop cached definitions before they acknowledge. Id 0: all of them. */
void txn_changed_object(struct txn *t, uint32_t object_id);
void txn_set_object_listener(struct txn_sys *ts, void (*fn)(void *arg, const uint32_t *object_ids, unsigned n), void *arg);

/* ---- visibility ----------------------------------------------------------- */

enum row_visibility { ROW_VISIBLE, ROW_INVISIBLE };
/* Everything is decided by what the own tables and caches know; false: txn_status_wait() is needed, which must be done without pins. */
bool txn_visible_fast(struct txn_sys *ts, const struct snapshot *s, const struct row_header *h, enum row_visibility *ret);
/* Finds out (waits for COMMITTING, asks the owner with s) what is missing for this writer, so that txn_visible_fast() then knows it. */
enum err txn_status_wait(struct txn_sys *ts, const struct snapshot *s, struct xid writer, struct diag *d) MAY_YIELD MUST_CHECK;
/* The same for the writers of one block, in one message a node. */
enum err txn_status_wait_many(struct txn_sys *ts, const struct snapshot *s, const struct xid *writers, unsigned n, struct diag *d) MAY_YIELD MUST_CHECK;
/* Committed below the watermark, so that its SCN may be stamped into the row? */
bool txn_stampable(struct txn_sys *ts, struct xid writer, scn_t *ret_commit_scn);

/* Above every sequence given out so far: for the control file. */
uint64_t txn_xid_seq(struct txn_sys *ts);

/* What a writer finds: is this row version's writer active, committed (at which SCN), or oneself? Waits for PENDING/COMMITTING to end
 * only through ROW_WRITER_ACTIVE. */
enum row_writer { ROW_WRITER_SELF, ROW_WRITER_ACTIVE, ROW_WRITER_COMMITTED, ROW_WRITER_UNKNOWN /* call txn_status_wait() */ };
enum row_writer txn_row_writer(struct txn_sys *ts, struct xid self, const struct row_header *h, scn_t *ret_commit_scn);
/* Parks until the transaction has ended (ges_wait_txn). Without pins. */
enum err txn_wait_for(struct txn *t, struct xid x, uint64_t deadline, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Who wants a row that another transaction has gets in line first, waits for that transaction when it is at the head, and stays there to
 * its own end if it got the row; else it leaves. Never for a row that t has: who waits for it may be at the head.
 */
enum err txn_line_join(struct txn *t, struct seg seg, struct rowid rowid, uint64_t deadline, struct diag *d) MAY_YIELD MUST_CHECK;
void txn_line_leave(struct txn *t, struct seg seg, struct rowid rowid);

/* ---- undo ----------------------------------------------------------------- */

/* clang-format off */
#define UNDO_TYPES(X) \
    X(HEAP_INSERT,  "row did not exist") \
    X(HEAP_UPDATE,  "previous header and differing bytes") \
    X(HEAP_DELETE,  "previous header") \
    X(HEAP_LOCK,    "previous header") \
    X(BTREE_INSERT, "entry did not exist") \
    X(BTREE_MARK,   "entry was not marked deleted") \
    X(HEAP_MULTI_INSERT, "several rows of one block did not exist") \
    X(HEAP_FORWARD, "row was here, whole")
/* clang-format on */
enum undo_type {
#define X(name, text) UNDO_##name,
    UNDO_TYPES(X)
#undef X
        UNDO_TYPE_COUNT
};

struct undo_record {
    struct xid xid;
    uint32_t stmt;
    uint8_t type; /* enum undo_type */
    struct seg seg;
    struct rowid rowid;
    struct undo_ptr prev_of_txn; /* this transaction's record before */
    /* the row's header before the change: its undo_ptr chains versions */
    uint64_t prev_writer;
    struct undo_ptr prev_undo;
    uint8_t prev_flags;
    uint8_t prev_layout;
    uint16_t prev_body_len;
    const uint8_t *data; /* by type */
    uint16_t len;
};
#define UNDO_DATA_MAX 7600u

/*
 * Writes an undo record inside a mini-transaction, after its heap or index blocks are pinned and before they are changed (order of pins:
 * undo after heap). Before the mini-transaction's first pin: txn_undo_reserve(), which makes sure of an xid, an undo block with room and
 * returns the bytes to add to mtr_reserve(). The pointer is known from txn_undo_append() on, for the row's new header.
 */
enum err txn_undo_reserve(struct txn *t, uint32_t data_len, uint32_t *ret_redo_bytes, struct diag *d) MAY_YIELD MUST_CHECK;
enum err txn_undo_append(struct txn *t, struct mtr *m, const struct undo_record *rec, struct undo_ptr *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Reads one record into buf (UNDO_DATA_MAX + room); checks wrap, segment, rowid, and xid unless XID_NONE. ERR_SNAPSHOT_TOO_OLD when it is gone. */
enum err txn_undo_read(struct txn_sys *ts, struct undo_ptr p, struct xid xid, struct seg seg, struct rowid rowid, scn_t s,
                       struct undo_record *ret, uint8_t *buf, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * How access/ undoes one record. m has begun, with UNDO_HANDLER_REDO bytes reserved: the handler pins and changes blocks in it, or finds
 * nothing to do, and returns; the caller adds the progress (TT_SET) and commits it. A handler checks that the row's writer is rec->xid
 * and its undo pointer is `at`. ERR_AGAIN before any change: cancelled and called again. Any other error stops the instance.
 */
#define UNDO_HANDLER_REDO (20u * 1024)
typedef enum err undo_handler(void *arg, struct txn_sys *ts, struct mtr *m, const struct undo_record *rec, struct undo_ptr at, struct diag *d);
void txn_set_undo_handler(struct txn_sys *ts, enum undo_type type, undo_handler *fn, void *arg);
/*
 * Committed undo passes here once it is below the horizon: purge of deleted rows and index entries (R11). In the purge fiber, transactions
 * in the order of their commits, records in the order written. Transactions that leave nothing to purge are passed over: they have no record
 * of type HEAP_DELETE, BTREE_MARK or HEAP_FORWARD, nor a HEAP_UPDATE whose previous version had ROW_OVERFLOW.
 */
typedef void purge_handler(void *arg, const struct undo_record *rec, scn_t commit_scn) MAY_YIELD;
void txn_set_purge_handler(struct txn_sys *ts, purge_handler *fn, void *arg);

redo_apply_fn txn_apply;

/* clang-format off */
#define TXN_STATS(X) \
    X(commits,        COUNT, "transactions committed that changed something") \
    X(read_only,      COUNT, "transactions ended that changed nothing") \
    X(rollbacks,      COUNT, "transactions rolled back") \
    X(commit_ns,      NS,    "time from commit to its answer") \
    X(broadcasts,     COUNT, "commit broadcasts sent") \
    X(status_asked,   COUNT, "status look-ups sent to another node") \
    X(status_cached,  COUNT, "status look-ups answered by the commit cache") \
    X(undo_records,   COUNT, "undo records written") \
    X(undo_remote,    COUNT, "undo blocks of other threads read") \
    X(row_waits,      COUNT, "waits for a row's transaction") \
    X(purged,         COUNT, "ended transactions that purge has passed") \
    X(cancelled,      COUNT, "snapshots cancelled by the undo quota")
/* clang-format on */
struct txn_stats {
#define X(name, unit, text) uint64_t name;
    TXN_STATS(X)
#undef X
};
void txn_stats(const struct txn_sys *ts, struct txn_stats *ret);

#endif
