#include "txn/tt_block.h"

#include "base/buf.h"

struct tt_geometry_body {
    uint16_t thread;
    uint16_t entries_per_block;
    uint32_t blocks;
    uint32_t extent_blocks;
    uint32_t reserved;
};
struct tt_body {
    uint16_t entries;
    uint16_t fresh; /* index + 1 of the entry whose SCN is the block's; 0: none */
    uint32_t reserved;
    scn_t recycled;
};
struct tt_stored {
    uint64_t seq_state; /* state in the high byte */
    scn_t scn;
    uint64_t last;
    uint64_t undone;
    uint32_t undone_at;
    uint32_t reserved;
};
static_assert(sizeof(struct tt_geometry_body) == 16, "on-disk format");
static_assert(sizeof(struct tt_body) == 16, "on-disk format");
static_assert(sizeof(struct tt_stored) == 40, "on-disk format");
static_assert(BLOCK_HEADER_SIZE + sizeof(struct tt_body) + TT_ENTRIES_MAX * sizeof(struct tt_stored) <= BLOCK_SIZE, "entries fit");

#define SEQ_MASK ((UINT64_C(1) << 48) - 1)

enum { SET_LAST = 1, SET_UNDONE, SET_ROLLED_BACK };
enum { FORMAT_HEADER = 1, FORMAT_ENTRIES };

static const struct tt_body *body_of(const uint8_t *block) { return (const struct tt_body *)(block + BLOCK_HEADER_SIZE); }
static const struct tt_stored *entries_of(const uint8_t *block)
{
    return (const struct tt_stored *)(block + BLOCK_HEADER_SIZE + sizeof(struct tt_body));
}

/* ---- reading ---------------------------------------------------------------- */

enum err tt_read_geometry(const uint8_t *block, struct tt_geometry *ret, struct diag *d)
{
    const struct block_header *h = block_header_const(block);
    struct tt_geometry_body g;
    memcpy(&g, block + BLOCK_HEADER_SIZE, sizeof(g));
    if (h->type != BLOCK_FILE)
        return diag_set(d, ERR_CORRUPT, "the first block of an undo file is of type \"%s\"", block_type_name(h->type));
    if (g.entries_per_block == 0 || g.entries_per_block > TT_ENTRIES_MAX || g.blocks == 0 || g.extent_blocks == 0)
        return diag_set(d, ERR_CORRUPT, "undo file: %u entries a block, %u blocks of entries, %u blocks an extent", g.entries_per_block,
                        g.blocks, g.extent_blocks);
    *ret = (struct tt_geometry){ .thread = g.thread, .entries_per_block = g.entries_per_block, .blocks = g.blocks, .extent_blocks = g.extent_blocks };
    return ERR_OK;
}

static enum err check_entries_block(const uint8_t *block, uint16_t index, struct diag *d)
{
    const struct block_header *h = block_header_const(block);
    if (h->type != BLOCK_TT)
        return diag_set(d, ERR_CORRUPT, "transaction-table block %" PRIu64 " is of type \"%s\"", h->dba & UINT32_MAX, block_type_name(h->type));
    const struct tt_body *b = body_of(block);
    if (b->entries > TT_ENTRIES_MAX || b->fresh > b->entries || index >= b->entries)
        return diag_set(d, ERR_CORRUPT, "transaction-table block %" PRIu64 ": entry %u of %u, fresh %u", h->dba & UINT32_MAX, index, b->entries,
                        b->fresh);
    return ERR_OK;
}

enum err tt_read_entry(const uint8_t *block, uint16_t index, struct tt_entry *ret, struct diag *d)
{
    if (block_header_const(block)->type == BLOCK_NONE) {
        *ret = (struct tt_entry){ .state = TT_FREE };
        return ERR_OK;
    }
    const enum err err = check_entries_block(block, index, d);
    if (err)
        return err;
    const struct tt_stored *e = &entries_of(block)[index];
    if (e->seq_state >> 56 > TT_PREPARED)
        return diag_set(d, ERR_CORRUPT, "transaction-table block %" PRIu64 ": entry %u in state %u", block_header_const(block)->dba & UINT32_MAX, index,
                        (unsigned)(e->seq_state >> 56));
    *ret = (struct tt_entry){
        .seq = e->seq_state & SEQ_MASK,
        .state = (enum tt_state)(e->seq_state >> 56),
        .scn = body_of(block)->fresh == index + 1 ? block_scn(block) : e->scn,
        .last = { e->last },
        .undone = { e->undone },
        .undone_at = e->undone_at,
    };
    return ERR_OK;
}

scn_t tt_read_recycled(const uint8_t *block)
{
    return block_header_const(block)->type == BLOCK_NONE ? 0 : body_of(block)->recycled;
}

/* ---- payloads ------------------------------------------------------------------ */

uint32_t tt_make_format_header(uint8_t *p, struct dba dba, const struct tt_geometry *g)
{
    const struct tt_geometry_body b = { .thread = g->thread, .entries_per_block = g->entries_per_block, .blocks = g->blocks, .extent_blocks = g->extent_blocks };
    p[0] = FORMAT_HEADER;
    put_u64le(p + 1, dba.v);
    memcpy(p + 9, &b, sizeof(b));
    return 9 + sizeof(b);
}

uint32_t tt_make_format_entries(uint8_t *p, struct dba dba, const struct tt_geometry *g)
{
    p[0] = FORMAT_ENTRIES;
    put_u64le(p + 1, dba.v);
    put_u16le(p + 9, g->entries_per_block);
    return 11;
}

uint32_t tt_make_begin(uint8_t *p, uint16_t index, uint64_t seq, struct undo_ptr first)
{
    put_u16le(p, index);
    put_u64le(p + 2, seq);
    put_u64le(p + 10, first.v);
    return 18;
}

uint32_t tt_make_commit(uint8_t *p, uint16_t index, uint64_t seq)
{
    put_u16le(p, index);
    put_u64le(p + 2, seq);
    return 10;
}

static uint32_t make_set(uint8_t *p, uint8_t what, uint16_t index, uint64_t seq, uint64_t v, uint32_t n)
{
    p[0] = what;
    put_u16le(p + 1, index);
    put_u64le(p + 3, seq);
    put_u64le(p + 11, v);
    put_u32le(p + 19, n);
    return 23;
}

uint32_t tt_make_last(uint8_t *p, uint16_t index, uint64_t seq, struct undo_ptr first_in_block)
{
    return make_set(p, SET_LAST, index, seq, first_in_block.v, 0);
}

uint32_t tt_make_undone(uint8_t *p, uint16_t index, uint64_t seq, struct undo_ptr next, uint32_t at)
{
    return make_set(p, SET_UNDONE, index, seq, next.v, at);
}

uint32_t tt_make_rolled_back(uint8_t *p, uint16_t index, uint64_t seq)
{
    return make_set(p, SET_ROLLED_BACK, index, seq, 0, 0);
}

/* ---- applying -------------------------------------------------------------------- */

static enum err bad_payload(struct diag *d, enum redo_opcode op, uint32_t len)
{
    return diag_set(d, ERR_CORRUPT, "redo vector %s with a payload of %u bytes that cannot be", redo_opcode_name(op), len);
}

static enum err apply_format(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len == 9 + sizeof(struct tt_geometry_body) && p[0] == FORMAT_HEADER) {
        block_format(block, (struct dba){ get_u64le(p + 1) }, BLOCK_FILE, TT_FORMAT_HEADER, 0);
        memcpy(block + BLOCK_HEADER_SIZE, p + 9, sizeof(struct tt_geometry_body));
        return ERR_OK;
    }
    if (len == 11 && p[0] == FORMAT_ENTRIES && get_u16le(p + 9) <= TT_ENTRIES_MAX) {
        block_format(block, (struct dba){ get_u64le(p + 1) }, BLOCK_TT, TT_FORMAT_ENTRIES, 0);
        ((struct tt_body *)(block + BLOCK_HEADER_SIZE))->entries = get_u16le(p + 9);
        return ERR_OK;
    }
    return bad_payload(d, REDO_TT_FORMAT, len);
}

/* The entry that a vector names, with the fresh one written down. */
static struct tt_stored *entry_to_change(uint8_t *block, uint16_t index)
{
    struct tt_body *b = (struct tt_body *)(block + BLOCK_HEADER_SIZE);
    struct tt_stored *e = (struct tt_stored *)(block + BLOCK_HEADER_SIZE + sizeof(*b));
    if (b->fresh != 0) {
        e[b->fresh - 1].scn = block_scn(block);
        b->fresh = 0;
    }
    return &e[index];
}

static enum err apply_begin(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len != 18 || get_u64le(p + 2) > SEQ_MASK) /* the state lies above it */
        return bad_payload(d, REDO_TT_BEGIN, len);
    const uint16_t index = get_u16le(p);
    const enum err err = check_entries_block(block, index, d);
    if (err)
        return err;
    struct tt_body *b = (struct tt_body *)(block + BLOCK_HEADER_SIZE);
    struct tt_stored *e = entry_to_change(block, index);
    b->recycled = MAX(b->recycled, e->scn);
    *e = (struct tt_stored){ .seq_state = get_u64le(p + 2) | (uint64_t)TT_ACTIVE << 56, .last = get_u64le(p + 10) };
    return ERR_OK;
}

static enum err check_active(const uint8_t *block, uint16_t index, uint64_t seq, struct diag *d)
{
    const enum err err = check_entries_block(block, index, d);
    if (err)
        return err;
    const uint64_t have = entries_of(block)[index].seq_state;
    if (have != (seq | (uint64_t)TT_ACTIVE << 56))
        return diag_set(d, ERR_CORRUPT, "transaction-table entry %u holds transaction %" PRIu64 " in state %u, not an active %" PRIu64, index,
                        have & SEQ_MASK, (unsigned)(have >> 56), seq);
    return ERR_OK;
}

static void end_entry(uint8_t *block, uint16_t index, enum tt_state state)
{
    struct tt_stored *e = entry_to_change(block, index);
    e->seq_state = (e->seq_state & SEQ_MASK) | (uint64_t)state << 56;
    ((struct tt_body *)(block + BLOCK_HEADER_SIZE))->fresh = index + 1;
}

static enum err apply_commit(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len != 10)
        return bad_payload(d, REDO_TT_COMMIT, len);
    const uint16_t index = get_u16le(p);
    const enum err err = check_active(block, index, get_u64le(p + 2), d);
    if (err)
        return err;
    end_entry(block, index, TT_COMMITTED);
    return ERR_OK;
}

static enum err apply_set(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len != 23 || p[0] < SET_LAST || p[0] > SET_ROLLED_BACK)
        return bad_payload(d, REDO_TT_SET, len);
    const uint16_t index = get_u16le(p + 1);
    const enum err err = check_active(block, index, get_u64le(p + 3), d);
    if (err)
        return err;
    if (p[0] == SET_ROLLED_BACK) {
        end_entry(block, index, TT_ROLLED_BACK);
        return ERR_OK;
    }
    struct tt_stored *e = entry_to_change(block, index);
    if (p[0] == SET_LAST) {
        e->last = get_u64le(p + 11);
    } else {
        e->undone = get_u64le(p + 11);
        e->undone_at = get_u32le(p + 19);
    }
    return ERR_OK;
}

enum err tt_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    switch ((int)op) {
    case REDO_TT_FORMAT:
        return apply_format(block, payload, len, d);
    case REDO_TT_BEGIN:
        return apply_begin(block, payload, len, d);
    case REDO_TT_COMMIT:
        return apply_commit(block, payload, len, d);
    case REDO_TT_SET:
        return apply_set(block, payload, len, d);
    default:
        return diag_set(d, ERR_CORRUPT, "redo vector %s on a transaction table", redo_opcode_name(op));
    }
}
