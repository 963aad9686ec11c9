/*
 * The header of every block on disk (design section 5).
 */
#ifndef STORAGE_BLOCK_H
#define STORAGE_BLOCK_H

#include "base/diag.h"
#include "base/ids.h"

/* clang-format off */
#define BLOCK_TYPES(X) \
    X(NONE,      0, "never formatted") \
    X(FILE,      1, "file header") \
    X(BITMAP,    2, "free extents") \
    X(SEGMENT,   3, "segment header: extents") \
    X(EXTENT,    4, "extent header: use and free space of its blocks") \
    X(TT,        5, "transaction table") \
    X(UNDO,      6, "undo records") \
    X(HEAP,      7, "rows") \
    X(BTREE,     8, "B-tree page") \
    X(OVERFLOW,  9, "piece of a large value") \
    X(SEQUENCE, 10, "sequence")
/* clang-format on */

enum block_type {
#define X(name, no, text) BLOCK_##name = no,
    BLOCK_TYPES(X)
#undef X
};

#define BLOCK_MAGIC 0x5244u /* "DR" */
#define BLOCK_HEADER_SIZE 64u
#define BLOCK_BODY_SIZE (BLOCK_SIZE - BLOCK_HEADER_SIZE)

struct block_header {
    uint16_t magic;
    uint8_t type; /* enum block_type */
    uint8_t format; /* of this type's body */
    uint32_t crc; /* crc32c of the block with this field zero; set when it is written */
    uint64_t dba;
    scn_t scn; /* of the last change */
    uint32_t seg_id; /* 0: none */
    uint16_t flags;
    uint16_t reserved;
    uint8_t spare[32]; /* encryption: key id, nonce, tag */
};
static_assert(sizeof(struct block_header) == BLOCK_HEADER_SIZE, "on-disk format");

static inline struct block_header *block_header(void *block) { return block; }
static inline const struct block_header *block_header_const(const void *block) { return block; }
static inline scn_t block_scn(const void *block) { return block_header_const(block)->scn; }

/* Zeroes the block and fills in the header (scn 0). Formatting vectors use it. */
void block_format(void *block, struct dba dba, enum block_type type, uint8_t format, uint32_t seg_id);
void block_seal(void *block); /* sets the crc */
/* Checks magic, crc and address. An all-zero block is fine and reported as BLOCK_NONE with SCN 0. ERR_CORRUPT names the block. */
enum err block_verify(const void *block, struct dba dba, struct diag *d) MUST_CHECK;
const char *block_type_name(unsigned type);

#endif
