/*
 * What the files of the B-tree share.
 */
#ifndef ACCESS_BTREE_INT_H
#define ACCESS_BTREE_INT_H

#include "access/access_int.h"
#include "access/btree_page.h"

/* How pages are read on the way down: at a snapshot's SCN (any copy new enough) or current. */
struct btree_reading {
    bool current;
    scn_t s;
};
#define BTREE_CURRENT ((struct btree_reading){ .current = true })
enum err btree__pin(struct access *a, struct btree_reading r, struct dba at, struct seg seg, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * Descends to the page of `level` whose range holds k and returns it pinned. Pages are pinned one at a time: a split meanwhile shows in
 * the high key, and the right link leads on.
 */
enum err btree__descend(struct access *a, struct btree_reading r, struct seg seg, const struct btree_key *k, unsigned level, struct pin **ret,
                        struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * From page `at` of `level`, as far right as k is: the page pinned in X in m. *ret NULL: the page is of another level by now (the root
 * has been split), descend anew.
 */
enum err btree__pin_for_change(struct mtr *m, struct seg seg, struct dba at, const struct btree_key *k, unsigned level, struct pin **ret,
                               struct diag *d) MAY_YIELD MUST_CHECK;
/* Position of exactly (key, rowid); false: it is not in the page. */
bool btree__find(const uint8_t *block, const struct btree_key *k, unsigned *ret_pos);

/* btree_split.c */
/* Splits the page if an entry of key_len bytes does not fit; `k` tells where the entry will go. */
enum err btree__split(struct access *a, struct xid xid, struct seg seg, struct dba at, unsigned level, const struct btree_key *k,
                      struct diag *d) MAY_YIELD MUST_CHECK;
/* Adds the downlink that an interrupted or just finished split of page `at` has left to do. */
enum err btree__complete(struct access *a, struct xid xid, struct seg seg, struct dba at, struct diag *d) MAY_YIELD MUST_CHECK;
/* The shortest separator between two neighbours; its bytes are right's. */
struct btree_key btree__separator(const struct btree_item *left, const struct btree_item *right);
enum err btree__damaged(struct dba at, struct seg seg, const char *what, struct diag *d);
enum err btree__too_high(struct seg seg, struct diag *d);
enum err btree__change(struct mtr *m, struct pin *b, enum redo_opcode op, const void *head, uint32_t head_len, const void *tail, uint32_t tail_len,
                       struct diag *d) MUST_CHECK;
enum err btree__insert_entry(struct mtr *m, struct pin *b, unsigned pos, const struct btree_key *k, uint64_t aux, struct diag *d) MUST_CHECK;
#define BTREE_ENTRY_REDO(key_len) (2u + BTREE_ENTRY_HEAD + (key_len) + 64u)

#endif
