/*
 * B-link trees of (key, rowid) entries without versions (design section 7;
 * rules R11, R12). Keys are memcmp-comparable bytes made by access/key.h.
 * A reader checks the row's visible version and its key; entries of deleted
 * or changed rows are marked, and purged by committed undo.
 */
#ifndef ACCESS_BTREE_H
#define ACCESS_BTREE_H

#include "access/heap.h"

#define BTREE_KEY_MAX 2600u /* as PostgreSQL: three entries fit a page */

enum err btree_create(struct access *a, struct seg *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Adds (key, rowid). unique: fails with ERR_UNIQUE (no text: the caller knows names) where a current row of `heap` has the key: waits for
 * transactions whose outcome decides. `same_key` tells whether a heap row's body still has this key (the entry may be stale).
 * Inserting an entry that is there and marked takes the mark off.
 */
struct btree_unique_check {
    struct seg heap;
    void *arg;
    enum err (*same_key)(void *arg, const struct heap_row *row, const uint8_t *key, uint32_t len, bool *ret, struct diag *d);
};
enum err btree_insert(struct access *a, struct txn *t, struct seg seg, const uint8_t *key, uint32_t len, struct rowid rowid,
                      const struct btree_unique_check *unique, struct diag *d) MAY_YIELD MUST_CHECK;
/* Marks the entry deleted (row deleted, or its key changed). */
enum err btree_mark(struct access *a, struct txn *t, struct seg seg, const uint8_t *key, uint32_t len, struct rowid rowid, struct diag *d) MAY_YIELD MUST_CHECK;
/* CREATE INDEX: sorted entries into an empty tree, bottom up. next() returns false at the end. */
enum err btree_build(struct access *a, struct txn *t, struct seg seg,
                     bool (*next)(void *arg, const uint8_t **key, uint32_t *len, struct rowid *rowid), void *arg, struct diag *d) MAY_YIELD MUST_CHECK;

/* Range scan, either direction. Bounds are key prefixes: lower <= entry (or <), entry <= upper (or <) compared over the prefix. */
struct btree_range {
    const uint8_t *lower, *upper; /* NULL: open */
    uint32_t lower_len, upper_len;
    bool lower_exclusive, upper_exclusive;
    bool backward;
};
struct btree_entry {
    const uint8_t *key;
    uint32_t len;
    struct rowid rowid;
    bool marked;
};
struct btree_scan;
enum err btree_scan_open(struct access *a, struct seg seg, const struct snapshot *s, const struct btree_range *r,
                         struct btree_scan **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Next entries, marked ones too (an older snapshot may see their rows), copied into the arena. *ret_n 0: end. */
enum err btree_scan_next(struct btree_scan *sc, struct arena *arena, struct btree_entry *ret, uint32_t max, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
void btree_scan_close(struct btree_scan *sc);
/* Point look-up without a scan object: entries equal to the whole key (at most max). The short path of key look-ups. */
enum err btree_lookup(struct access *a, struct seg seg, const struct snapshot *s, const uint8_t *key, uint32_t len,
                      struct rowid *ret, uint32_t max, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;

redo_apply_fn btree_apply;

#endif
