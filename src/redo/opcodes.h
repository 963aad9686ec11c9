/*
 * Every change vector's opcode: what it does to one block. The same function
 * changes the block when it is first done and when it is replayed, so redo
 * cannot drift from the code. Numbers are on disk: append, never reorder.
 */
#ifndef REDO_OPCODES_H
#define REDO_OPCODES_H

#include "base/diag.h"

/* clang-format off */
#define REDO_OPCODES(X) \
    /*  name             formats  function (declared in the folder that owns the block) */ \
    X(BLOCK_WRITTEN,     false,   "no change: the block was durable at the version before (BWR)") \
    X(BLOCK_IMAGE,       true,    "the block's whole content") \
    X(SPACE_FORMAT,      true,    "file header or bitmap block") \
    X(SPACE_BITMAP,      false,   "extents taken or freed") \
    X(SPACE_SEG_FORMAT,  true,    "segment header") \
    X(SPACE_SEG_EXTENT,  false,   "segment header: extent added") \
    X(SPACE_EXT_FORMAT,  true,    "extent header") \
    X(SPACE_EXT_SET,     false,   "extent header: blocks used, owner, free-space classes") \
    X(TT_FORMAT,         true,    "transaction-table block") \
    X(TT_BEGIN,          false,   "transaction entry taken") \
    X(TT_COMMIT,         false,   "committed at the record's SCN") \
    X(TT_SET,            false,   "entry: undo chain, rolled back, recycled") \
    X(UNDO_FORMAT,       true,    "undo block") \
    X(UNDO_APPEND,       false,   "undo record added") \
    X(HEAP_FORMAT,       true,    "heap block") \
    X(HEAP_INSERT,       false,   "row added") \
    X(HEAP_UPDATE,       false,   "row changed in place: new header and differing bytes") \
    X(HEAP_DELETE,       false,   "row marked deleted") \
    X(HEAP_LOCK,         false,   "row header only") \
    X(HEAP_RESTORE,      false,   "rollback: header and bytes as before") \
    X(HEAP_PURGE,        false,   "slots freed, block compacted") \
    X(HEAP_MULTI_INSERT, false,   "several rows added") \
    X(HEAP_FORWARD,      false,   "forwarding stub") \
    X(BTREE_FORMAT,      true,    "B-tree page with its entries") \
    X(BTREE_INSERT,      false,   "entry added") \
    X(BTREE_MARK,        false,   "entry marked or unmarked deleted") \
    X(BTREE_PURGE,       false,   "marked entries removed") \
    X(BTREE_SPLIT_LEFT,  false,   "left page after a split: cut, right link, high key") \
    X(BTREE_LINK,        false,   "parent: downlink added or removed; page flags") \
    X(OVERFLOW_FORMAT,   true,    "piece of an overflow value") \
    X(SEQ_FORMAT,        true,    "sequence block") \
    X(SEQ_SET,           false,   "sequence high-water mark") \
    X(SPACE_FILE_SET,    false,   "file header: next segment id, bitmap blocks in use")
/* clang-format on */

enum redo_opcode {
#define X(name, formats, text) REDO_##name,
    REDO_OPCODES(X)
#undef X
        REDO_OPCODE_COUNT
};

/*
 * Applies a vector to a block's BLOCK_SIZE bytes. Pure; checks everything
 * that it reads from payload and block, changes nothing when it fails
 * (ERR_CORRUPT). Does not touch the block's SCN.
 */
typedef enum err redo_apply_fn(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d);

/* One function for each opcode, put together by the instance (server/redo_ops.c) from what the folders export. */
struct redo_ops {
    redo_apply_fn *apply[REDO_OPCODE_COUNT];
};

bool redo_opcode_formats(enum redo_opcode op);
const char *redo_opcode_name(enum redo_opcode op);

#endif
