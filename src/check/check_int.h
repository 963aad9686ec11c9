/*
 * What the files of check/ share. One fiber does all of it.
 */
#ifndef CHECK_INT_H
#define CHECK_INT_H

#include "access/btree_page.h"
#include "access/heap_page.h"
#include "access/overflow.h"
#include "access/tuple.h"
#include "base/hash.h"
#include "catalog/catalog_int.h"
#include "check/check.h"
#include "storage/control.h"
#include "storage/files.h"
#include "storage/space_block.h"
#include "txn/tt_block.h"
#include "txn/undo_block.h"

/* What is remembered of a block of the data file. */
enum {
    NOTE_DAMAGED = 1, /* unreadable or a wrong checksum: told already */
    NOTE_IN_SEGMENT = 2, /* of an extent of a segment, and formatted */
    NOTE_REACHED = 4, /* B-tree page: by its tree; overflow piece: by a row */
};
struct block_note {
    uint32_t seg_id;
    uint8_t type;
    uint8_t class; /* of its extent header; IN_SEGMENT only */
    uint8_t flags;
    uint8_t reserved;
};

struct segment {
    struct seg seg;
    uint32_t *extent; /* first blocks, in order of the segment's list */
    uint32_t n;
    bool claimed; /* by a relation */
    bool damaged; /* its list: told already */
};

/* A redo thread's undo file. */
struct undo_thread {
    bool present; /* it can be read */
    struct tt_geometry geo;
    uint64_t xid_end; /* no sequence is at or above it */
    struct tt_known {
        uint64_t seq;
        uint8_t state; /* enum tt_state */
    } *entry; /* tt_entries(&geo) */
    uint32_t blocks; /* of undo */
    struct undo_note {
        uint32_t wrap;
        uint16_t records;
        uint16_t damaged;
    } *block;
};

#define UNDO_CACHE 1024u
#define AHEAD 64u

struct check {
    const struct check_options *opt;
    struct check_result *res;
    struct control *control;
    struct files *files;

    uint64_t nblocks; /* of the data file */
    struct block_note *block;
    struct segment *segment;
    uint32_t nsegments, segments_cap;
    struct u64map *segment_by_id; /* index in segment + 1 */
    struct undo_thread *thread; /* [1 .. control->threads] */
    struct u64map *excused; /* hash of what undo records still refer to: see check__excuse() */

    uint8_t *ahead; /* AHEAD blocks: read at once where blocks are asked for one after the other */
    struct dba ahead_first, asked_last;
    bool ahead_valid;
    uint8_t *undo_cache; /* UNDO_CACHE blocks */
    uint64_t undo_cached[UNDO_CACHE]; /* dba; 0: none */
};

void check__problem(struct check *c, const char *fmt, ...) PRINTF(2, 3);
void check__note(struct check *c, const char *fmt, ...) PRINTF(2, 3);
static inline void check__problem_diag(struct check *c, const char *where, const struct diag *d) { check__problem(c, "%s: %s", where, d->message); }

/* ---- blocks.c ------------------------------------------------------------------ */

/* Reads and verifies; false: the problem is told (once a block of the data file). `block` is 4 KiB aligned. */
bool check__read(struct check *c, struct dba at, uint8_t *block) MAY_YIELD;
/* Every block of the data file: c->block. */
enum err check__blocks(struct check *c, struct diag *d) MAY_YIELD MUST_CHECK;
const char *check__where(struct dba at, char buf[48]); /* "block 7 of data/main.dbf" */

/* ---- space.c --------------------------------------------------------------------- */

void check__space(struct check *c) MAY_YIELD;
/* The segment for a relation; NULL: the problem is told. */
struct segment *check__claim(struct check *c, struct seg seg, const char *owner);
struct segment *check__segment(struct check *c, uint32_t id); /* NULL: there is none */
/* Segments that belong to no relation. pending(arg, id): they are known to wait for being freed. */
void check__unclaimed(struct check *c, bool (*pending)(void *arg, uint32_t seg_id), void *arg);
/* Data blocks of the segment, in order: *pos = 0 to begin; false at the end. */
bool check__next_block(const struct check *c, const struct segment *s, uint64_t *pos, struct dba *ret);

/* ---- undo.c ------------------------------------------------------------------------ */

enum err check__undo(struct check *c, struct diag *d) MAY_YIELD MUST_CHECK;
/* A row's or an entry's writer: its transaction has ended and was not rolled back. NULL: fine; else what is wrong. */
const char *check__writer(struct check *c, struct xid x);
/* A row's older versions, as far as they have not been recycled. */
void check__versions(struct check *c, struct seg seg, struct rowid rowid, const struct row_header *h) MAY_YIELD;
/*
 * Old row versions keep overflow chains and old places of moved rows until purge: their undo records excuse that no row refers to them.
 */
uint64_t check__chain_key(const struct overflow_ref *ref);
uint64_t check__moved_key(struct rowid to, struct undo_ptr stamp);
bool check__excused(const struct check *c, uint64_t key);

/* ---- overflow.c -------------------------------------------------------------------- */

/* Is the chain whole? Its blocks are marked as reached. what: whose it is, for problems; NULL: nothing is told. */
bool check__chain(struct check *c, const char *what, struct seg seg, const struct overflow_ref *ref) MAY_YIELD;
/* Reads bytes of chains, for tuple_deform_from(). */
struct tuple_source check__chains(struct check *c);
/* Pieces of a segment that nothing refers to. */
void check__lost_pieces(struct check *c, const char *name, const struct segment *s) MAY_YIELD;

/* ---- heap.c ------------------------------------------------------------------------- */

/* A row in two places: `home` has a stub that leads to its body at `to`. */
struct heap_moved {
    struct rowid to, home; /* home 0: no live row leads there */
};
/*
 * All rows of a heap segment: blocks, slots, headers, older versions, stubs, chains. row() is given the body of each row that is not
 * deleted, and where it is; for the bodies of moved rows *ret_moved (sorted by `to`, xmalloc'ed) then tells whose they are.
 */
struct heap_visit {
    void *arg;
    void (*row)(void *arg, struct rowid at, const uint8_t *body, uint32_t len) MAY_YIELD;
};
void check__heap(struct check *c, const char *name, const struct segment *s, const struct heap_visit *visit, struct heap_moved **ret_moved,
                 uint32_t *ret_nmoved) MAY_YIELD;
const struct heap_moved *check__find_moved(const struct heap_moved *moved, uint32_t n, struct rowid to); /* NULL: not a moved row's place */

/* ---- btree.c ------------------------------------------------------------------------ */

struct btree_visit {
    void *arg;
    void (*entry)(void *arg, const struct btree_item *e, struct dba page);
};
/* Every page; visit: entries of leaves that are not marked, in order. False: some could not be reached. */
bool check__btree(struct check *c, const char *name, const struct segment *s, const struct btree_visit *visit) MAY_YIELD;

/* ---- relation.c ---------------------------------------------------------------------- */

/* A table with its indexes. */
void check__table(struct check *c, const struct table_def *def) MAY_YIELD;

/* ---- catalog.c ------------------------------------------------------------------------- */

/* Reads the definitions and checks all relations. */
enum err check__catalog(struct check *c, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
