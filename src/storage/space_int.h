/*
 * What the files of space management share: space_alloc.c works on blocks
 * (bitmap, segments, extents), space.c keeps what is in memory a segment.
 */
#ifndef STORAGE_SPACE_INT_H
#define STORAGE_SPACE_INT_H

#include "rt/rt.h"
#include "storage/files.h"
#include "storage/space.h"
#include "storage/space_block.h"

#define SPACE_GROW_EXTENTS 64u /* the data file grows by at least so much, or a tenth */
#define SPACE_STATES_MAX 1024u /* segments kept in memory */
#define SPACE_BUCKETS 1024u
#define SPACE_CANDIDATES 64u
#define SPACE_OPEN_EXTENTS 4u
#define SPACE_FREE_BLOCKS 128u
#define SPACE_PENDING 512u

struct candidate {
    uint32_t block; /* 0: none */
    uint8_t class;
    uint16_t worker; /* + 1; 0: nobody's */
};

struct open_extent {
    uint32_t first; /* first block of the extent; 0: none */
    uint8_t next; /* block that is handed out next */
};

enum pending_kind { PENDING_FIND = 1, PENDING_TAKE };

struct pending {
    uint32_t block;
    enum pending_kind kind;
};

/*
 * What this instance knows about the extents of a segment that are its own.
 * All of it is a cache, bounded and sometimes incomplete; what counts is in the extent headers.
 */
struct seg_state {
    struct seg_state *next; /* in its bucket */
    struct list lru;
    struct seg seg;
    uint32_t refs; /* under space's latch */
    struct rt_mutex mutex; /* one fiber at a time loads, or adds an extent */
    struct rt_spin spin; /* protects what follows */
    struct candidate candidate[SPACE_CANDIDATES];
    struct open_extent open[SPACE_OPEN_EXTENTS];
    uint32_t given_back[SPACE_FREE_BLOCKS], unused[SPACE_FREE_BLOCKS]; /* blocks to take again; never used after all */
    unsigned ngiven_back, nunused;
    struct pending pending[SPACE_PENDING]; /* handed out, not yet used */
    unsigned npending;
    uint32_t scan_next; /* entries of the segment below this have not been looked at; UINT32_MAX: not begun */
    bool forgot; /* something did not fit above: worth another look before the segment grows */
    uint32_t extents_since_scan;
};

struct space {
    struct bufcache *bc;
    struct files *files;
    struct ges_owner *owner; /* of the HW enqueue; NULL: alone */
    uint16_t thread;
    struct rt_mutex hw; /* this instance's allocations of extents, one after the other */
    uint32_t bitmap_hint; /* under hw: no free extent below it, as far as is known */
    struct rt_spin latch; /* protects what follows */
    struct seg_state *bucket[SPACE_BUCKETS];
    struct list lru;
    unsigned nstates;
};

static inline uint32_t extent_first(uint32_t block)
{
    return block - block % EXTENT_BLOCKS;
}

/* The extent header of a block of a segment. */
static inline struct dba extent_header_of(struct seg seg, uint32_t block)
{
    const uint32_t first = extent_first(block);
    return dba_make(FILE_DATA, first == dba_block(seg.header) ? first + 1 : first);
}

/* Entries of a segment, in order; xmalloc'ed. s_read 0: the current ones. ERR_NOT_FOUND: it has been freed. */
enum err space__entries(struct space *s, struct seg seg, scn_t s_read, struct space_seg_entry **ret, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
/* A new extent of this thread at the end of the segment. *ret_next: its first block that is free. */
enum err space__add_extent(struct space *s, struct seg seg, uint32_t *ret_first, uint8_t *ret_next, struct diag *d) MAY_YIELD MUST_CHECK;
/* The segment is freed: drops what is known about it. */
void space__forget(struct space *s, struct seg seg);

#endif
