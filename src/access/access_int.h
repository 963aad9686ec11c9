/*
 * What the files of access/ share.
 */
#ifndef ACCESS_INT_H
#define ACCESS_INT_H

#include <stdatomic.h>

#include "access/btree.h"
#include "access/heap.h"
#include "access/heap_page.h"
#include "access/overflow.h"
#include "storage/mtr.h"
#include "storage/space.h"

#define ACCESS_SPACE_REDO 512u /* what space_use_block() may add to a record */
#define OVERFLOW_BYTES_MAX (1u << 30)

struct purge_later;

#define WANTED_ROWS 256u

struct access {
    struct bufcache *bc;
    struct space *space;
    struct txn_sys *ts;
    struct redo *redo;
    struct log *log;
    struct {
#define X(name, unit, text) _Atomic uint64_t name;
        ACCESS_STATS(X)
#undef X
    } stats;
    struct purge_later *later; /* the purge fiber's own (purge.c) */
    _Atomic uint64_t wanted_at[WANTED_ROWS]; /* by rowid's hash: when somebody last had to wait for such a row */
};
#define COUNT(a, name) atomic_fetch_add_explicit(&(a)->stats.name, 1, memory_order_relaxed)

/* ---- access.c ---------------------------------------------------------------- */

/* Formats a new segment's first data block. */
enum err access__format_first(struct access *a, struct seg seg, enum redo_opcode op, const struct mtr_part *parts, unsigned nparts,
                              struct diag *d) MAY_YIELD MUST_CHECK;

/* ---- heap_read.c: which rows several transactions want ----------------------------- */

void heap__note_wanted(struct access *a, struct rowid rowid);

/* ---- purge.c ------------------------------------------------------------------------- */

/* Something of the segment could not be cleared away, which is worth a word unless the segment itself is gone. */
void access__stays_behind(struct access *a, struct seg seg, const struct diag *d, const char *what) MAY_YIELD;

/* ---- heap_version.c: older versions, moved rows -------------------------------- */

/* A row version being looked at, on the fiber's stack. */
struct version {
    struct row_header h;
    bool whole; /* body is the row's, not a stub */
    uint32_t len;
    uint8_t body[BLOCK_SIZE];
};
void version_set(struct version *v, const struct heap_item *it);

enum version_result {
    VERSION_FOUND,
    VERSION_NONE, /* the row does not exist for this snapshot */
    VERSION_AGAIN, /* *ret_writer's status was asked for, or the row has changed: look at the block again */
};
/*
 * Goes back from v to the version that the snapshot sees and makes it whole. Without pins. Where a writer's fate is unknown: VERSION_AGAIN
 * with *ret_writer set, for the caller to ask; XID_NONE: look again at once.
 */
enum err version_resolve(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct version *v,
                         enum version_result *ret, struct xid *ret_writer, struct diag *d) MAY_YIELD MUST_CHECK;
/* The body that a stub leads to. current: by buf_pin(). False in *ret_found: the row has changed since the stub was read. */
enum err version_fetch_moved(struct access *a, scn_t s, bool current, struct seg seg, struct version *v, bool *ret_found, struct diag *d) MAY_YIELD MUST_CHECK;
/* The row as it is now, whoever wrote it, made whole unless it is deleted. */
enum err heap__read_current(struct access *a, struct seg seg, struct rowid rowid, struct version *v, bool *ret_there, struct diag *d) MAY_YIELD MUST_CHECK;
void heap__stamp(struct access *a, struct pin *b, unsigned slot, const struct row_header *h);
struct heap_stub heap__stub(const uint8_t *body);
static inline struct xid heap__writer(const struct row_header *h)
{
    return h->flags & ROW_STAMPED ? XID_NONE : (struct xid){ h->writer };
}

/* ---- undo data of heap records --------------------------------------------------- */
/*
 * HEAP_UPDATE        flags u8, [overflow reference of the previous version], [stamp u64 of the stub before], prefix u16, suffix u16,
 *                    the previous bytes between
 * HEAP_FORWARD       the home row's previous body, whole
 * HEAP_MULTI_INSERT  slots u16
 * BTREE_INSERT, BTREE_MARK
 *                    existed u8, aux u64 of the entry before, key
 */
enum { UNDO_HAS_REF = 1, UNDO_HAS_STAMP = 2 };
#define UNDO_UPDATE_HEAD_MAX (1u + OVERFLOW_REF_SIZE + 8u + 4u)
#define UNDO_BTREE_HEAD 9u
struct undo_update {
    bool has_ref, has_stamp;
    struct overflow_ref ref;
    struct undo_ptr stamp;
    struct heap_diff diff;
    const uint8_t *mid;
    uint32_t mid_len;
};
bool undo_update_get(const struct undo_record *rec, struct undo_update *ret);
/* Returns the bytes written: all but mid. */
uint32_t undo_update_put(uint8_t ret[UNDO_UPDATE_HEAD_MAX], const struct undo_update *u);

/* ---- undo and purge --------------------------------------------------------------- */

undo_handler heap__undo;
undo_handler btree__undo;
purge_handler access__purge;
void btree__purge(struct access *a, const struct undo_record *rec) MAY_YIELD;
void purge_later_free(struct purge_later *l);

/* ---- overflow.c --------------------------------------------------------------------- */

/* The pieces from number `index` on, the first of which is at ref->first. */
enum err overflow__free_from(struct access *a, struct seg seg, const struct overflow_ref *ref, uint32_t index, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
