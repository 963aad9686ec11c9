/*
 * Replay of one block: its change vectors, of however many redo threads, in
 * the order of their SCNs onto a base image (design section 6).
 *
 * A record's vectors on a block are one step: they apply iff the first one's
 * *before* is the block's SCN, and are skipped if the block is at or past the
 * record's SCN; anything else is a gap, which is corruption. A step that begins
 * by formatting the block needs no base and applies iff its SCN is higher.
 *
 * Pure.
 */
#ifndef RECOVERY_CORE_APPLY_H
#define RECOVERY_CORE_APPLY_H

#include "redo/redo.h"

struct rvector {
    scn_t scn; /* of its record */
    scn_t before;
    lsn_t lsn; /* of its record */
    uint16_t thread;
    uint8_t opcode; /* enum redo_opcode */
    uint8_t index; /* in its record */
    uint32_t len;
    const uint8_t *payload;
};

/* What has been gathered of one block. */
struct rblock {
    struct dba dba;
    scn_t written; /* struct rset_block */
    struct rvector *v;
    uint32_t n, cap;
};

enum rapply {
    RAPPLY_UNCHANGED, /* the base image has everything */
    RAPPLY_CHANGED,
    RAPPLY_NO_BASE, /* the base image is damaged and nothing formats the block */
};

/*
 * Sorts b's vectors and applies them to `image`: BLOCK_SIZE bytes, intact if base_ok, otherwise of no meaning. ERR_CORRUPT: a gap, or a
 * vector that does not fit; the message names thread, position and block.
 */
enum err rblock_apply(struct rblock *b, uint8_t *image, bool base_ok, const struct redo_ops *ops, enum rapply *ret, struct diag *d) MUST_CHECK;

#endif
