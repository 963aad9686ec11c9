/*
 * Chains of blocks for values that do not fit into a row. A row has at most
 * one chain, with all its long values one after the other; its reference
 * stands at the beginning of the row's body. A chain is written once, belongs
 * to one row version, and is freed when that version is: by purge of the undo
 * record that replaced it, or by rollback of the change that made it.
 */
#ifndef ACCESS_OVERFLOW_H
#define ACCESS_OVERFLOW_H

#include "access/heap.h"

#define OVERFLOW_REF_SIZE 20u
struct overflow_ref {
    struct dba first;
    struct xid xid; /* who wrote it: a block that has been reused is not taken for a piece */
    uint32_t len;
};

/* First byte of every row's body: this bit says that a reference follows it. */
#define BODY_OVERFLOW 0x80u
/* The reference in a body; false: there is none. */
bool overflow_ref_get(const uint8_t *body, uint32_t len, struct overflow_ref *ret);
void overflow_ref_put(uint8_t ret[OVERFLOW_REF_SIZE], const struct overflow_ref *ref);

/* A block of a chain, as stored; a freed one has no writer. */
struct overflow_piece {
    struct dba next; /* DBA_NONE: last one */
    struct xid xid;
    uint32_t total; /* bytes of the whole chain */
    uint32_t index; /* of this piece */
    uint32_t len;
    const uint8_t *bytes;
};
bool overflow_piece_get(const uint8_t *block, struct overflow_piece *ret); /* false: not a piece, or a damaged one */

struct overflow_part {
    const void *p;
    uint32_t len;
};
/* Writes the parts one after the other. On failure nothing remains. */
enum err overflow_write(struct access *a, struct txn *t, struct seg seg, const struct overflow_part *part, unsigned n,
                        struct overflow_ref *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err overflow_read(struct access *a, scn_t s, const struct overflow_ref *ref, uint32_t offset, uint8_t *ret, uint32_t len,
                       struct diag *d) MAY_YIELD MUST_CHECK;
/* Gives the blocks back. Pieces that are no longer this chain's are left alone, so it may be called again after a crash. */
enum err overflow_free(struct access *a, struct seg seg, const struct overflow_ref *ref, struct diag *d) MAY_YIELD MUST_CHECK;
/* The chain, if there is one, of a body that is not stored, or no longer. Failures are logged: the blocks stay behind. */
void overflow_drop(struct access *a, struct seg seg, const uint8_t *body, uint32_t len) MAY_YIELD;

#endif
