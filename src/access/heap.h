/*
 * Heap tables: rows in blocks, updated in place, older versions in undo
 * (design section 7). Rowids are stable: a row that outgrows its block leaves
 * a forwarding stub. This module sees rows as bytes; what the bytes mean is
 * access/tuple.h's.
 */
#ifndef ACCESS_HEAP_H
#define ACCESS_HEAP_H

#include "base/arena.h"
#include "storage/space.h"
#include "txn/txn.h"

struct access; /* one an instance: bufcache, space, txn_sys put together */

struct access_options {
    struct bufcache *bc;
    struct space *space;
    struct txn_sys *ts;
    struct redo *redo; /* for sequences, whose mark must be durable; NULL: not flushed */
    struct log *log;
};
struct access *access_open(const struct access_options *opt); /* registers undo and purge handlers */
void access_close(struct access *a); /* after txn_close() */

/* clang-format off */
#define ACCESS_STATS(X) \
    X(rows_fetched,      COUNT, "rows asked for by rowid") \
    X(blocks_scanned,    COUNT, "blocks read by table scans") \
    X(versions_rebuilt,  COUNT, "older row versions put together from undo") \
    X(rows_stamped,      COUNT, "commit SCNs written into rows") \
    X(rows_forwarded,    COUNT, "rows moved to another block by an update") \
    X(rows_purged,       COUNT, "deleted rows whose slot was freed") \
    X(index_lookups,     COUNT, "descents for a key") \
    X(index_splits,      COUNT, "B-tree pages split") \
    X(index_completed,   COUNT, "splits whose downlink was added afterwards") \
    X(index_purged,      COUNT, "index entries removed by purge") \
    X(unique_waits,      COUNT, "unique checks that waited for a transaction") \
    X(overflow_pieces,   COUNT, "blocks of overflow values written") \
    X(sequence_ranges,   COUNT, "ranges of sequence values taken")
/* clang-format on */
struct access_stats {
#define X(name, unit, text) uint64_t name;
    ACCESS_STATS(X)
#undef X
};
void access_stats(const struct access *a, struct access_stats *ret);

/* A row version copied out. */
struct heap_row {
    struct rowid rowid;
    uint8_t layout;
    const uint8_t *body;
    uint16_t len;
};

enum err heap_create(struct access *a, struct seg *ret, struct diag *d) MAY_YIELD MUST_CHECK; /* space_segment_create plus first format */

/*
 * body at most HEAP_BODY_MAX bytes (an undo record can hold it whole): larger values go to overflow chains first. Bit 7 of a body's first
 * byte says that a reference to such a chain follows it (access/overflow.h). The chain becomes the row version's: where nothing is stored
 * (an error, another outcome than HEAP_DONE) it is freed.
 */
#define HEAP_BODY_MAX 7500u
enum err heap_insert(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *body, uint32_t len,
                     struct rowid *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* COPY and INSERT of many rows: fills blocks, few redo records. */
enum err heap_insert_many(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *const *bodies,
                          const uint32_t *lens, uint32_t n, struct rowid *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Update, delete and lock work on the row version that the caller has seen at its snapshot. Where another active transaction has the row
 * they wait for its end (nowait, or the transaction's lock time-out: ERR_LOCK_NOT_AVAILABLE). Then:
 *   HEAP_DONE     done
 *   HEAP_CHANGED  a newer version has been committed since the snapshot: *ret_row has it (READ COMMITTED looks again at its condition and
 *                 calls again with accept_newer; REPEATABLE READ reports 40001)
 *   HEAP_GONE     it was deleted since the snapshot
 *   HEAP_SELF     this statement has changed it already: leave it alone
 *   HEAP_SKIPPED  skip_locked, and another transaction has the row
 */
enum heap_outcome { HEAP_DONE, HEAP_CHANGED, HEAP_GONE, HEAP_SELF, HEAP_SKIPPED };
struct heap_write {
    struct seg seg;
    struct rowid rowid;
    bool accept_newer; /* the caller has looked at *seen_writer's version */
    uint64_t seen_writer; /* with accept_newer: the ret_writer that HEAP_CHANGED returned (it names a version) */
    bool nowait, skip_locked;
    bool taken; /* another transaction had the row when the caller read it: get in line before the block is fetched */
    bool in_line; /* of those who wait for the row (txn_line_join()); set here */
    struct arena *arena; /* for ret_row */
    struct heap_row ret_row; /* HEAP_CHANGED: newest committed version */
    uint64_t ret_writer;
};
enum err heap_update(struct access *a, struct txn *t, struct heap_write *w, uint8_t layout, const uint8_t *body, uint32_t len,
                     enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err heap_delete(struct access *a, struct txn *t, struct heap_write *w, enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err heap_lock(struct access *a, struct txn *t, struct heap_write *w, enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* After HEAP_CHANGED, when the newer version is not wanted: others who wait for the row need not wait for this transaction. */
void heap_let_go(struct txn *t, struct heap_write *w);

/* The version visible to the snapshot, copied into the arena; *ret_found false: there is none. */
enum err heap_fetch(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct arena *arena,
                    struct heap_row *ret, bool *ret_found, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * The same for a row that is about to be changed or locked: its block comes as the current one at once, instead of as a copy first. Not where
 * somebody has waited for the row lately: a copy shows whether it is free, and who has it keeps the block. *ret_taken, for heap_write: it
 * is not.
 */
enum err heap_fetch_to_change(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct arena *arena,
                              struct heap_row *ret, bool *ret_found, bool *ret_taken, struct diag *d) MAY_YIELD MUST_CHECK;
/* Newest version whoever wrote it, for unique and foreign-key checks: its writer as txn_row_writer() tells. */
enum err heap_fetch_current(struct access *a, struct xid self, struct seg seg, struct rowid rowid, struct arena *arena,
                            struct heap_row *ret, enum row_writer *ret_writer, struct xid *ret_xid, bool *ret_deleted, struct diag *d) MAY_YIELD MUST_CHECK;

/* When the newest version was committed, or a bound above; 0: it is not, or the row is gone. */
enum err heap_commit_scn(struct access *a, struct xid self, struct seg seg, struct rowid rowid, scn_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* Scan by morsels (ranges of blocks), so that one plan runs alone or on many workers. */
struct heap_scan;
enum err heap_scan_open(struct access *a, struct seg seg, const struct snapshot *s, struct heap_scan **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Visible rows of the next blocks, copied into the arena; *ret_n = 0 at the end. max is at least HEAP_SCAN_MIN. From any number of fibers. */
#define HEAP_SCAN_MIN 256u
enum err heap_scan_next(struct heap_scan *sc, struct arena *arena, struct heap_row *rows, uint32_t max, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
void heap_scan_close(struct heap_scan *sc);

redo_apply_fn heap_apply;
redo_apply_fn overflow_apply;

#endif
