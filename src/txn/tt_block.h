/*
 * The blocks of a thread's transaction table, in undo/<thread>.dbf: block 0
 * tells the geometry, the blocks after it hold the entries. A transaction's
 * entry is at its sequence modulo the number of entries.
 *
 * Pure: bytes of blocks and payloads only.
 *
 * The commit SCN is that of the redo record which commits, and is not known
 * when its vector is made. So the vector leaves the entry "fresh": its SCN is
 * the block's own SCN, until the next change of the block writes it down. A
 * vector that leaves an entry fresh is the last one on its block in its record.
 */
#ifndef TXN_TT_BLOCK_H
#define TXN_TT_BLOCK_H

#include "base/ids.h"
#include "redo/opcodes.h"
#include "storage/block.h"
#include "txn/txn.h"

#define TT_FORMAT_HEADER 1 /* block_header.format */
#define TT_FORMAT_ENTRIES 1

enum tt_state {
    TT_FREE,
    TT_ACTIVE,
    TT_COMMITTED,
    TT_ROLLED_BACK,
    TT_PREPARED, /* reserved */
};

struct tt_geometry {
    uint16_t thread;
    uint16_t entries_per_block;
    uint32_t blocks; /* of entries; block 1 is the first */
    uint32_t extent_blocks; /* blocks of an undo extent; the first extent follows the entries */
};
static inline uint64_t tt_entries(const struct tt_geometry *g) { return (uint64_t)g->blocks * g->entries_per_block; }
static inline uint32_t tt_slot(const struct tt_geometry *g, uint64_t seq) { return (uint32_t)(seq % tt_entries(g)); }
static inline uint32_t tt_slot_block(const struct tt_geometry *g, uint32_t slot) { return 1 + slot / g->entries_per_block; }
static inline uint16_t tt_slot_index(const struct tt_geometry *g, uint32_t slot) { return (uint16_t)(slot % g->entries_per_block); }
static inline uint32_t undo_first_block(const struct tt_geometry *g) { return 1 + g->blocks; }

/* What an entry says. */
struct tt_entry {
    uint64_t seq;
    enum tt_state state;
    scn_t scn; /* of the commit, or of the end of the rollback */
    struct undo_ptr last; /* ACTIVE: first own record in the newest undo block it has written to; afterwards the newest record's block */
    struct undo_ptr undone; /* with undone_at: rollback goes on here ... */
    uint32_t undone_at; /* ... unless the transaction's newest record has a higher number */
};

#define TT_ENTRIES_MAX 202u /* a block */

enum err tt_read_geometry(const uint8_t *block, struct tt_geometry *ret, struct diag *d) MUST_CHECK;
/* A block never formatted holds free entries. */
enum err tt_read_entry(const uint8_t *block, uint16_t index, struct tt_entry *ret, struct diag *d) MUST_CHECK;
/* Highest end SCN of an entry that has been taken over by another transaction (R9). */
scn_t tt_read_recycled(const uint8_t *block);

/* ---- payloads ------------------------------------------------------------- */

#define TT_PAYLOAD_MAX 32u
uint32_t tt_make_format_header(uint8_t *p, struct dba dba, const struct tt_geometry *g);
uint32_t tt_make_format_entries(uint8_t *p, struct dba dba, const struct tt_geometry *g);
uint32_t tt_make_begin(uint8_t *p, uint16_t index, uint64_t seq, struct undo_ptr first);
uint32_t tt_make_commit(uint8_t *p, uint16_t index, uint64_t seq);
/* TT_SET: goes on in another undo block; has undone a record; has been rolled back. */
uint32_t tt_make_last(uint8_t *p, uint16_t index, uint64_t seq, struct undo_ptr first_in_block);
uint32_t tt_make_undone(uint8_t *p, uint16_t index, uint64_t seq, struct undo_ptr next, uint32_t at);
uint32_t tt_make_rolled_back(uint8_t *p, uint16_t index, uint64_t seq);

redo_apply_fn tt_apply;

#endif
