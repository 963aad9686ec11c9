/*
 * A heap block's bytes: slot directory, rows, free space; and heap_apply(),
 * which changes them. Pure: no pins, no clock.
 *
 *   block header (64) | heap header (16) | slots, 4 bytes each -> | gap | <- rows
 *
 * A slot holds the row's offset (0: free) and its room. Rows begin at
 * multiples of 8; a row is struct row_header (20 bytes) and its body, and its
 * room may be larger: a version that an unfinished transaction may restore
 * always fits back in. Room shrinks only by a HEAP_PURGE vector.
 *
 * Whether `writer` is an xid or a commit SCN follows from the field itself:
 * an xid has its redo thread in the upper 16 bits, a commit SCN has none. So
 * stamping is one aligned store of 8 bytes, and a reader beside it sees
 * either. ROW_STAMPED is never stored.
 */
#ifndef ACCESS_HEAP_PAGE_H
#define ACCESS_HEAP_PAGE_H

#include "redo/opcodes.h"
#include "storage/block.h"
#include "txn/txn.h"

struct heap_page {
    uint16_t nslots;
    uint16_t data_start; /* lowest byte that a row's room takes */
    uint16_t free_bytes; /* gap and holes; a new slot takes 4 of them */
    uint16_t free_slots; /* entries of the directory that hold no row */
    uint64_t reserved;
};
static_assert(sizeof(struct heap_page) == 16, "on-disk format");

struct heap_slot {
    uint16_t offset;
    uint16_t room;
};

/* One more row flag: written by an insert, there is no version before (saves reading the undo record that says so). */
#define ROW_FIRST 128u

#define HEAP_SLOTS_AT (BLOCK_HEADER_SIZE + (uint32_t)sizeof(struct heap_page))
#define HEAP_ROOM_MIN 40u /* a forwarding stub fits into every row's room */
#define HEAP_ROWS_MAX ((BLOCK_SIZE - HEAP_SLOTS_AT) / (HEAP_ROOM_MIN + 4))
#define HEAP_STUB_SIZE 16u
#define HEAP_PURGE_MAX 512u

/* Body of a forwarding stub. */
struct heap_stub {
    struct rowid to; /* where the body is */
    struct undo_ptr stamp; /* undo pointer in the moved row's header: tells that both belong together */
};
static_assert(sizeof(struct heap_stub) == HEAP_STUB_SIZE, "on-disk format");

struct heap_item {
    struct row_header h;
    const uint8_t *body;
    uint16_t room;
};

static inline const struct heap_page *heap_page(const uint8_t *block)
{
    return (const struct heap_page *)(block + BLOCK_HEADER_SIZE);
}
static inline uint32_t heap_room_for(uint32_t body_len)
{
    uint32_t room = ALIGN_UP(ROW_HEADER_SIZE + body_len, 8u);
    return room < HEAP_ROOM_MIN ? HEAP_ROOM_MIN : room;
}

/* The header as stored at p; sets ROW_STAMPED. */
static inline void heap_row_header_get(const uint8_t *p, struct row_header *ret)
{
    memcpy(&ret->undo, p + 8, ROW_HEADER_SIZE - 8); /* all but the writer */
    ret->writer = __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_RELAXED);
    ret->flags = (uint8_t)((ret->flags & ~ROW_STAMPED) | (ret->writer >> 48 ? 0 : ROW_STAMPED));
}

/* A heap block of this segment? */
static inline bool heap_page_is(const uint8_t *block, uint32_t seg_id)
{
    const struct block_header *h = block_header_const(block);
    return h->type == BLOCK_HEAP && h->seg_id == seg_id;
}

/* A damaged directory must not lead out of the block. */
static inline unsigned heap_slot_count(const uint8_t *block)
{
    const unsigned n = heap_page(block)->nslots;
    return n <= HEAP_ROWS_MAX ? n : HEAP_ROWS_MAX;
}

static inline bool heap_slot_sane(const struct heap_slot *s, unsigned nslots)
{
    return s->offset % 8 == 0 && s->room % 8 == 0 && s->room >= HEAP_ROOM_MIN && s->offset >= HEAP_SLOTS_AT + 4 * nslots &&
           s->offset + s->room <= BLOCK_SIZE;
}

/* The row in a slot; false: free, beyond the directory, or out of bounds. */
static inline bool heap_page_row(const uint8_t *block, unsigned slot, struct heap_item *ret)
{
    const unsigned n = heap_slot_count(block);
    if (slot >= n)
        return false;
    const struct heap_slot *s = (const struct heap_slot *)(block + HEAP_SLOTS_AT) + slot;
    if (!s->offset || !heap_slot_sane(s, n))
        return false;
    heap_row_header_get(block + s->offset, &ret->h);
    if (ROW_HEADER_SIZE + ret->h.body_len > s->room)
        return false;
    ret->body = block + s->offset + ROW_HEADER_SIZE;
    ret->room = s->room;
    return true;
}

unsigned heap_page_free_slot(const uint8_t *block); /* the first free one; nslots when there is none */
bool heap_page_fits(const uint8_t *block, uint32_t body_len); /* a new row */
bool heap_page_fits_change(const uint8_t *block, unsigned slot, uint32_t new_len); /* a row's new body */
/* Writes a commit SCN over the xid if the row still has this header; between buf_hint_begin() and buf_hint_end(). */
void heap_page_stamp(uint8_t *block, unsigned slot, const struct row_header *seen, scn_t commit_scn);
/* Whole structure: bounds, overlaps, sums. */
enum err heap_page_check(const uint8_t *block, struct diag *d) MUST_CHECK;

/* ---- the differing bytes of two bodies ----------------------------------- */

struct heap_diff {
    uint16_t prefix, suffix; /* equal bytes at both ends */
};
struct heap_diff heap_diff(const uint8_t *a, uint32_t alen, const uint8_t *b, uint32_t blen);
/* body (in a buffer of BLOCK_SIZE) becomes its prefix, mid, its suffix. False: the sizes cannot be. */
bool heap_diff_apply(uint8_t *body, uint32_t *len, struct heap_diff diff, const uint8_t *mid, uint32_t mid_len);

/* ---- payloads -------------------------------------------------------------- */
/*
 * HEAP_FORMAT         dba u64, segment u32
 * HEAP_INSERT         slot u16, row header, body
 * HEAP_MULTI_INSERT   row header (body_len 0), count u16; then slot u16, length u16, body for each
 * HEAP_UPDATE, HEAP_RESTORE, HEAP_FORWARD
 *                     slot u16, row header, prefix u16, suffix u16, the bytes between
 * HEAP_DELETE, HEAP_LOCK
 *                     slot u16, row header
 * HEAP_PURGE          slot u16, room u16 for each: 0 frees the slot, else the room to shrink to
 */
#define HEAP_CHANGE_HEAD (2u + ROW_HEADER_SIZE + 4u)
void heap_put_row_head(uint8_t ret[2 + ROW_HEADER_SIZE], unsigned slot, const struct row_header *h);
void heap_put_change_head(uint8_t ret[HEAP_CHANGE_HEAD], unsigned slot, const struct row_header *h, struct heap_diff diff);

#endif
