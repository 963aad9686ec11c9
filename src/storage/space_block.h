/*
 * The blocks of space management: layouts and their change vectors. Pure.
 * space_apply() (declared in storage/space.h) changes them.
 *
 *   block 0 of data/main.dbf       FILE     struct space_file
 *   blocks 1 .. 63                 BITMAP   struct space_bitmap, formatted as they are needed
 *   first block of a segment       SEGMENT  struct space_segment
 *   further lists of its extents   SEGMENT  struct space_segment with SPACE_SEG_MAP, chained
 *   first block of an extent       EXTENT   struct space_extent_header (second block of a segment's first extent)
 */
#ifndef STORAGE_SPACE_BLOCK_H
#define STORAGE_SPACE_BLOCK_H

#include "storage/block.h"

#define SPACE_BITMAP_BLOCKS_MAX (EXTENT_BLOCKS - 1)
#define SPACE_BITMAP_EXTENTS 64000u /* a bitmap block covers */
#define SPACE_EXTENTS_MAX (SPACE_BITMAP_BLOCKS_MAX * SPACE_BITMAP_EXTENTS)
#define SPACE_SEG_ENTRIES 1012u

struct space_file {
    uint32_t segment_id_next;
    uint32_t bitmap_blocks; /* formatted */
};

struct space_bitmap {
    uint32_t first; /* extent number of bit 0 */
    uint32_t reserved;
    uint8_t bits[SPACE_BITMAP_EXTENTS / 8]; /* 1: taken */
};

struct space_seg_entry {
    uint32_t block; /* first one of the extent */
    uint16_t owner; /* redo thread that inserts there */
    uint16_t reserved;
};

enum { SPACE_SEG_MAP = 1, SPACE_SEG_FREED = 2 };

struct space_segment {
    uint64_t next; /* block that goes on with the list, 0: none */
    uint64_t last; /* segment header only: last one of the chain, 0: this one */
    uint32_t flags;
    uint32_t n;
    uint64_t reserved;
    struct space_seg_entry entry[SPACE_SEG_ENTRIES];
};

/* What is known about a block of an extent: a free-space class, or one of these. */
enum space_class {
    SPACE_CLASS_MAX = 15, /* 0 full .. 15 empty */
    SPACE_TAKEN = 0x20, /* header, map, B-tree page, overflow piece */
    SPACE_GIVEN_BACK = 0x21, /* may be taken again */
    SPACE_UNUSED = 0x22, /* never formatted */
};

struct space_extent_header {
    uint16_t owner;
    uint8_t used; /* blocks from the start of the extent up to the last one formatted */
    uint8_t reserved;
    uint32_t reserved2;
    uint8_t class[EXTENT_BLOCKS];
};

static_assert(BLOCK_HEADER_SIZE + sizeof(struct space_bitmap) <= BLOCK_SIZE, "a bitmap block");
static_assert(BLOCK_HEADER_SIZE + sizeof(struct space_segment) <= BLOCK_SIZE, "a segment header");

#define SPACE_BODY(type, block) ((struct type *)((uint8_t *)(block) + BLOCK_HEADER_SIZE))

/* ---- payloads -------------------------------------------------------------------- */

struct space_format_vector { /* SPACE_FORMAT, SPACE_SEG_FORMAT, SPACE_EXT_FORMAT */
    uint64_t dba;
    uint32_t seg_id;
    uint8_t type; /* enum block_type */
    uint8_t used; /* EXTENT: blocks taken at the start: headers, map */
    uint16_t owner; /* EXTENT, SEGMENT with an entry */
    uint32_t first; /* BITMAP: extent number of bit 0. SEGMENT: first entry's block */
    uint32_t flags; /* SEGMENT */
};
static_assert(sizeof(struct space_format_vector) == 24, "redo format");

struct space_bitmap_vector { /* SPACE_BITMAP: this, then n extent numbers */
    uint32_t take; /* 1: take, 0: free */
    uint32_t n;
};

enum space_seg_change { SPACE_SEG_ADD, SPACE_SEG_LINK, SPACE_SEG_SET_LAST, SPACE_SEG_FREE };
struct space_seg_vector { /* SPACE_SEG_EXTENT */
    uint8_t what; /* enum space_seg_change */
    uint8_t reserved;
    uint16_t owner; /* ADD */
    uint32_t block; /* ADD */
    uint64_t dba; /* LINK, SET_LAST; 0: none */
};
static_assert(sizeof(struct space_seg_vector) == 16, "redo format");

struct space_ext_vector { /* SPACE_EXT_SET */
    uint8_t index;
    uint8_t class;
};

struct space_file_vector { /* SPACE_FILE_SET */
    uint32_t segment_id_next;
    uint32_t bitmap_blocks;
};

/* Whole and of the expected type (and segment)? For every block of these kinds before it is used. */
enum err space_check_block(const void *block, enum block_type type, uint32_t seg_id, struct diag *d) MUST_CHECK;

static inline bool space_bit(const struct space_bitmap *b, uint32_t extent)
{
    const uint32_t i = extent - b->first;
    return b->bits[i / 8] >> (i % 8) & 1;
}

#endif
