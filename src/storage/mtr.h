/*
 * Mini-transaction: the unit of change. Pin blocks in X, change them, emit
 * one redo record with all change vectors, unpin: atomic in recovery.
 *
 * Order of pins, across all nodes (R6): B-tree child, right sibling, parent;
 * then heap blocks by dba; then undo; then space. A lock-order checker
 * enforces it in debug and simulation builds (by block type and address).
 *
 *     struct mtr m;
 *     mtr_begin(&m, bc, xid);
 *     mtr_reserve(&m, redo_bytes_max, d)             the only wait for redo space
 *     mtr_pin(&m, dba, &b, d)                        X; the same block twice gives the same pin
 *     mtr_change(&m, b, REDO_HEAP_INSERT, parts...)  applied at once, through redo_ops
 *     mtr_commit(&m)                                 or mtr_cancel() while nothing was changed
 */
#ifndef STORAGE_MTR_H
#define STORAGE_MTR_H

#include "redo/redo.h"
#include "storage/bufcache.h"

#define MTR_PINS_MAX 24

struct mtr_part {
    const void *p;
    uint32_t len;
};

struct mtr {
    struct bufcache *bc;
    struct xid xid;
    uint32_t reserved_bytes;
    unsigned npins, nvectors;
    struct pin *pin[MTR_PINS_MAX];
    bool fresh[MTR_PINS_MAX]; /* this pin is for formatting: what the block shows before its first vector is not its content */
    struct redo_vector vector[REDO_VECTORS_MAX];
    uint8_t *payload; /* payloads are copied here as they are given */
    uint32_t payload_len, payload_cap;
    enum redo_record_type type;
    bool urgent; /* set between begin and reserve by commit, rollback and checkpoint: REDO_URGENT */
    void (*on_scn)(void *arg, scn_t scn);
    void *on_scn_arg;
    uint8_t inline_payload[4096];
};

void mtr_begin(struct mtr *m, struct bufcache *bc, struct xid xid);
/* redo_bytes_max: sum of payloads plus 64 a vector. */
enum err mtr_reserve(struct mtr *m, uint32_t redo_bytes_max, struct diag *d) MAY_YIELD MUST_CHECK; /* ERR_DISK_FULL: see redo_reserve() */
enum err mtr_pin(struct mtr *m, struct dba dba, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* A block whose old content does not matter: the first vector on it must be one that formats. */
enum err mtr_pin_fresh(struct mtr *m, struct dba dba, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Lets go of a block that this mini-transaction has not changed. */
void mtr_unpin(struct mtr *m, struct pin *b);
/*
 * Applies the vector to the block and keeps it for the record. Callers check beforehand that it will succeed: where the block turns
 * out to be damaged before anything was changed by this mini-transaction it returns ERR_CORRUPT; later it panics.
 */
enum err mtr_change(struct mtr *m, struct pin *b, enum redo_opcode op, const struct mtr_part *parts, unsigned nparts, struct diag *d) MUST_CHECK;
/* Runs fn inside the allocation of the record's SCN (commits; see redo_append()). */
void mtr_on_scn(struct mtr *m, enum redo_record_type type, void (*fn)(void *arg, scn_t scn), void *arg);
/* Appends the record, stamps the blocks' SCNs, marks them dirty, unpins. Returns the SCN; *ret_end (may be NULL): for redo_flush(). */
scn_t mtr_commit(struct mtr *m, lsn_t *ret_end);
/* Unpins; nothing may have been changed. After mtr_commit() it does nothing. */
void mtr_cancel(struct mtr *m);

#endif
