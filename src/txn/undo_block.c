#include "txn/undo_block.h"

#include "base/buf.h"

struct undo_body {
    uint32_t wrap;
    uint16_t thread;
    uint16_t records;
    uint16_t end; /* first free byte of the block */
    uint16_t reserved[3];
};
struct undo_stored {
    uint64_t xid;
    uint64_t prev_of_txn;
    uint64_t rowid;
    uint64_t prev_writer;
    uint64_t prev_undo;
    uint32_t seg_id;
    uint32_t seg_block;
    uint16_t seg_file;
    uint32_t stmt;
    uint32_t n;
    uint16_t prev_body_len;
    uint16_t len;
    uint8_t type;
    uint8_t prev_flags;
    uint8_t prev_layout;
    uint8_t reserved;
} __attribute__((packed));
static_assert(sizeof(struct undo_body) == 16, "on-disk format");
static_assert(sizeof(struct undo_stored) == UNDO_HEAD_SIZE, "on-disk format");
#define RECORDS_START (BLOCK_HEADER_SIZE + (uint32_t)sizeof(struct undo_body))
static_assert(RECORDS_START + UNDO_HEAD_SIZE + UNDO_DATA_MAX + 2 <= BLOCK_SIZE, "the longest record fits an empty block");

static const struct undo_body *body_of(const uint8_t *block) { return (const struct undo_body *)(block + BLOCK_HEADER_SIZE); }
static uint16_t offset_of(const uint8_t *block, uint16_t rec) { return get_u16le(block + BLOCK_SIZE - 2 * (rec + 1u)); }

bool undo_is_formatted(const uint8_t *block, struct dba dba, uint32_t wrap)
{
    const struct block_header *h = block_header_const(block);
    return h->magic == BLOCK_MAGIC && h->type == BLOCK_UNDO && h->dba == dba.v && body_of(block)->wrap == wrap;
}

uint32_t undo_block_wrap(const uint8_t *block)
{
    return block_header_const(block)->type == BLOCK_UNDO ? body_of(block)->wrap : 0;
}

uint16_t undo_block_records(const uint8_t *block) { return body_of(block)->records; }

static bool has_room(const struct undo_body *b, uint32_t stored)
{
    return b->end + stored + 2u * (b->records + 1u) <= BLOCK_SIZE && b->records < 0xfff;
}

bool undo_has_room(const uint8_t *block, uint32_t data_len) { return has_room(body_of(block), undo_stored_size(data_len)); }

void undo_make_format(uint8_t *p, struct dba dba, uint16_t thread, uint32_t wrap)
{
    put_u64le(p, dba.v);
    put_u16le(p + 8, thread);
    put_u32le(p + 10, wrap);
}

void undo_make_head(uint8_t *p, const struct undo_record *r, uint32_t n)
{
    const struct undo_stored s = {
        .xid = r->xid.v,
        .prev_of_txn = r->prev_of_txn.v,
        .rowid = r->rowid.v,
        .prev_writer = r->prev_writer,
        .prev_undo = r->prev_undo.v,
        .seg_id = r->seg.id,
        .seg_block = dba_block(r->seg.header),
        .seg_file = (uint16_t)dba_file(r->seg.header),
        .stmt = r->stmt,
        .n = n,
        .prev_body_len = r->prev_body_len,
        .len = r->len,
        .type = r->type,
        .prev_flags = r->prev_flags,
        .prev_layout = r->prev_layout,
    };
    memcpy(p, &s, sizeof(s));
}

enum err undo_check(const uint8_t *block, struct diag *d)
{
    const struct undo_body *b = body_of(block);
    const struct block_header *h = block_header_const(block);
    if (h->type != BLOCK_UNDO)
        return diag_set(d, ERR_CORRUPT, "undo block %" PRIu64 " is of type \"%s\"", h->dba & UINT32_MAX, block_type_name(h->type));
    if (b->end < RECORDS_START || b->end + 2u * b->records > BLOCK_SIZE)
        return diag_set(d, ERR_CORRUPT, "undo block %" PRIu64 ": %u records to offset %u", h->dba & UINT32_MAX, b->records, b->end);
    for (uint16_t i = 0; i < b->records; i++) {
        const uint16_t at = offset_of(block, i);
        if (at < RECORDS_START || at + UNDO_HEAD_SIZE > b->end)
            return diag_set(d, ERR_CORRUPT, "undo block %" PRIu64 ": record %u at offset %u", h->dba & UINT32_MAX, i, at);
    }
    return ERR_OK;
}

enum err undo_read_record(const uint8_t *block, uint16_t rec, struct undo_record *ret, uint32_t *ret_n, struct diag *d)
{
    const struct undo_body *b = body_of(block);
    struct undo_stored s;
    const bool whole = block_header_const(block)->type == BLOCK_UNDO && b->end + 2u * b->records <= BLOCK_SIZE;
    const uint16_t at = whole && rec < b->records ? offset_of(block, rec) : 0;
    if (at < RECORDS_START || at + sizeof(s) > b->end)
        return diag_set(d, ERR_CORRUPT, "undo block %" PRIu64 ": no record %u of %u", block_header_const(block)->dba & UINT32_MAX, rec, b->records);
    memcpy(&s, block + at, sizeof(s));
    if (s.type >= UNDO_TYPE_COUNT || at + sizeof(s) + s.len > b->end)
        return diag_set(d, ERR_CORRUPT, "undo block %" PRIu64 ": record %u of type %u with %u bytes", block_header_const(block)->dba & UINT32_MAX,
                        rec, s.type, s.len);
    *ret = (struct undo_record){
        .xid = { s.xid },
        .stmt = s.stmt,
        .type = s.type,
        .seg = { .id = s.seg_id, .header = dba_make(s.seg_file, s.seg_block) },
        .rowid = { s.rowid },
        .prev_of_txn = { s.prev_of_txn },
        .prev_writer = s.prev_writer,
        .prev_undo = { s.prev_undo },
        .prev_flags = s.prev_flags,
        .prev_layout = s.prev_layout,
        .prev_body_len = s.prev_body_len,
        .data = block + at + sizeof(s),
        .len = s.len,
    };
    if (ret_n != NULL)
        *ret_n = s.n;
    return ERR_OK;
}

struct xid undo_record_xid(const uint8_t *block, uint16_t rec)
{
    return (struct xid){ get_u64le(block + offset_of(block, rec)) };
}

enum err undo_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    if (op == REDO_UNDO_FORMAT) {
        if (len != UNDO_FORMAT_PAYLOAD)
            return diag_set(d, ERR_CORRUPT, "redo vector %s with a payload of %u bytes", redo_opcode_name(op), len);
        block_format(block, (struct dba){ get_u64le(payload) }, BLOCK_UNDO, UNDO_FORMAT, 0);
        struct undo_body *b = (struct undo_body *)(block + BLOCK_HEADER_SIZE);
        *b = (struct undo_body){ .thread = get_u16le(payload + 8), .wrap = get_u32le(payload + 10), .end = RECORDS_START };
        return ERR_OK;
    }
    if (op != REDO_UNDO_APPEND)
        return diag_set(d, ERR_CORRUPT, "redo vector %s on an undo block", redo_opcode_name(op));
    struct undo_body *b = (struct undo_body *)(block + BLOCK_HEADER_SIZE);
    struct undo_stored s = { .type = UNDO_TYPE_COUNT };
    if (len >= sizeof(s))
        memcpy(&s, payload, sizeof(s));
    if (s.type >= UNDO_TYPE_COUNT || s.len != len - sizeof(s))
        return diag_set(d, ERR_CORRUPT, "undo record of %u bytes that cannot be: type %u, %u bytes of data", len, s.type, s.len);
    if (block_header_const(block)->type != BLOCK_UNDO || !has_room(b, len) || b->end < RECORDS_START)
        return diag_set(d, ERR_CORRUPT, "undo record of %u bytes does not fit: block type %u, %u records to offset %u", len,
                        block_header_const(block)->type, b->records, b->end);
    memcpy(block + b->end, payload, len);
    put_u16le(block + BLOCK_SIZE - 2 * (b->records + 1u), b->end);
    b->records++;
    b->end = (uint16_t)(b->end + len);
    return ERR_OK;
}
