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
    struct log *log;
};
struct access *access_open(const struct access_options *opt); /* registers undo and purge handlers */
void access_close(struct access *a);

/* A row version copied out. */
struct heap_row {
    struct rowid rowid;
    uint8_t layout;
    const uint8_t *body;
    uint16_t len;
};

enum err heap_create(struct access *a, struct seg *ret, struct diag *d) MAY_YIELD MUST_CHECK; /* space_segment_create plus first format */

/* body at most HEAP_BODY_MAX bytes: larger values go to overflow chains first. */
#define HEAP_BODY_MAX 7900u
enum err heap_insert(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *body, uint32_t len,
                     struct rowid *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* COPY and INSERT of many rows: fills blocks, few redo records. */
enum err heap_insert_many(struct access *a, struct txn *t, struct seg seg, uint8_t layout, const uint8_t *const *bodies,
                          const uint32_t *lens, uint32_t n, struct rowid *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Update, delete and lock work on the row version that the caller has seen at its snapshot. Where another active transaction has the row
 * they wait for its end (nowait: ERR_LOCK_NOT_AVAILABLE). Then:
 *   HEAP_DONE     done
 *   HEAP_CHANGED  a newer version has been committed since the snapshot: *ret_row has it (READ COMMITTED looks again at its condition and
 *                 calls again with accept_newer; REPEATABLE READ reports 40001)
 *   HEAP_GONE     it was deleted since the snapshot
 *   HEAP_SELF     this statement has changed it already: leave it alone
 */
enum heap_outcome { HEAP_DONE, HEAP_CHANGED, HEAP_GONE, HEAP_SELF };
struct heap_write {
    struct seg seg;
    struct rowid rowid;
    bool accept_newer; /* the caller has looked at *seen_writer's version */
    uint64_t seen_writer; /* with accept_newer: the writer field that HEAP_CHANGED returned */
    bool nowait, skip_locked;
    struct arena *arena; /* for ret_row */
    struct heap_row ret_row; /* HEAP_CHANGED: newest committed version */
    uint64_t ret_writer;
};
enum err heap_update(struct access *a, struct txn *t, struct heap_write *w, uint8_t layout, const uint8_t *body, uint32_t len,
                     enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err heap_delete(struct access *a, struct txn *t, struct heap_write *w, enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err heap_lock(struct access *a, struct txn *t, struct heap_write *w, enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* The version visible to the snapshot, copied into the arena; *ret_found false: there is none. */
enum err heap_fetch(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct arena *arena,
                    struct heap_row *ret, bool *ret_found, struct diag *d) MAY_YIELD MUST_CHECK;
/* Newest version whoever wrote it, for unique and foreign-key checks: its writer as txn_row_writer() tells. */
enum err heap_fetch_current(struct access *a, struct xid self, struct seg seg, struct rowid rowid, struct arena *arena,
                            struct heap_row *ret, enum row_writer *ret_writer, struct xid *ret_xid, bool *ret_deleted, struct diag *d) MAY_YIELD MUST_CHECK;

/* Scan by morsels (ranges of blocks), so that one plan runs alone or on many workers. */
struct heap_scan;
enum err heap_scan_open(struct access *a, struct seg seg, const struct snapshot *s, struct heap_scan **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Up to max visible rows of the next blocks, copied into the arena; *ret_n = 0 at the end. From any number of fibers. */
enum err heap_scan_next(struct heap_scan *sc, struct arena *arena, struct heap_row *rows, uint32_t max, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
void heap_scan_close(struct heap_scan *sc);

redo_apply_fn heap_apply;

#endif
