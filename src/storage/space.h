/*
 * Segments made of extents of EXTENT_BLOCKS blocks (design section 5).
 *
 * data/main.dbf: extent 0 holds the file header (block 0) and the bitmap of
 * free extents. A segment's first extent begins with the segment header and
 * then the extent header; other extents begin with an extent header. The
 * other blocks of an extent hold data; the extent header tells how many have
 * been formatted, which redo thread inserts there, and each block's free-space
 * class (0 full .. 15 empty).
 */
#ifndef STORAGE_SPACE_H
#define STORAGE_SPACE_H

#include "redo/opcodes.h"
#include "storage/bufcache.h"
#include "storage/mtr.h"

struct space;
struct ges;

/* ges NULL: alone. */
enum err space_open(struct bufcache *bc, struct files *files, struct ges *ges, uint16_t thread, struct space **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void space_close(struct space *s);
enum err space_format_file(struct space *s, struct diag *d) MAY_YIELD MUST_CHECK; /* bootstrap */

enum err space_segment_create(struct space *s, struct seg *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Frees its extents; called after the transaction that dropped it has committed (or the one that created it has rolled back). Idempotent. */
enum err space_segment_free(struct space *s, struct seg seg, struct diag *d) MAY_YIELD MUST_CHECK;

/* Has it been freed, as far as its header says? For those who find blocks of another kind where the segment's have been. Without pins. */
bool space_segment_is_gone(struct space *s, struct seg seg) MAY_YIELD;

/*
 * A block of the segment with at least `bytes` free by its class, in an extent of this thread; takes a new block or extent when there
 * is none. *ret_fresh: it has never been formatted; the caller's mini-transaction does both: its formatting vector and, last in the
 * order of pins, space_use_block(). Candidates are spread over workers.
 */
enum err space_find(struct space *s, struct seg seg, uint32_t bytes, struct dba *ret, bool *ret_fresh, struct diag *d) MAY_YIELD MUST_CHECK;
enum err space_use_block(struct space *s, struct mtr *m, struct seg seg, struct dba fresh, struct diag *d) MAY_YIELD MUST_CHECK;
/* Without pins. The block turned out not to fit, or has gained room: corrects its class (a mini-transaction of its own, and only when the class changes). */
enum err space_note(struct space *s, struct seg seg, struct dba dba, uint32_t free_bytes, struct diag *d) MAY_YIELD MUST_CHECK;
/* A fresh block for a B-tree page or an overflow piece (never the segment's first block, never offered by space_find again); taken with space_use_block(). */
enum err space_take(struct space *s, struct seg seg, struct dba *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void space_untake(struct space *s, struct seg seg, struct dba dba); /* not used after all; also what space_find() gave as fresh */
enum err space_give_back(struct space *s, struct seg seg, struct dba dba, struct diag *d) MAY_YIELD MUST_CHECK; /* free for space_take again */

/*
 * The blocks of the segment that may be formatted, for scans: extents in the order of the segment header; the list is one moment's.
 * Among them are blocks of other kinds (lists of extents, overflow pieces), blocks handed out but not yet formatted, and those with
 * contents of a segment that had the extent before: a scan checks type and seg_id. s_read 0: the current state.
 */
struct space_extent {
    struct dba first; /* first data block */
    uint32_t blocks; /* formatted ones from there */
};
enum err space_extents(struct space *s, struct seg seg, scn_t s_read, struct space_extent **ret, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK; /* xmalloc'ed */
/* First data block of a segment: B-tree root, sequence block. Fixed for ever. */
struct dba space_first_block(struct seg seg);

redo_apply_fn space_apply;

#endif
