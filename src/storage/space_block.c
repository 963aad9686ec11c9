#include "storage/space_block.h"

#include "storage/space.h"

static enum err bad(struct diag *d, enum redo_opcode op, const char *why)
{
    return diag_set(d, ERR_CORRUPT, "%s: %s", redo_opcode_name(op), why);
}

enum err space_check_block(const void *block, enum block_type type, uint32_t seg_id, struct diag *d)
{
    const struct block_header *h = block_header_const(block);
    const struct dba at = { h->dba };
    if (h->type != type || h->seg_id != seg_id)
        return diag_set(d, ERR_CORRUPT, "block %u of file %u is %s of segment %u, expected %s of segment %u", dba_block(at), dba_file(at),
                        block_type_name(h->type), h->seg_id, block_type_name(type), seg_id);
    switch ((unsigned)type) {
    case BLOCK_SEGMENT:
        if (SPACE_BODY(space_segment, block)->n > SPACE_SEG_ENTRIES)
            return diag_set(d, ERR_CORRUPT, "block %u of file %u lists too many extents", dba_block(at), dba_file(at));
        break;
    case BLOCK_EXTENT:
        if (SPACE_BODY(space_extent_header, block)->used > EXTENT_BLOCKS)
            return diag_set(d, ERR_CORRUPT, "block %u of file %u: extent with too many blocks", dba_block(at), dba_file(at));
        break;
    default:
        break;
    }
    return ERR_OK;
}

/* ---- formats ------------------------------------------------------------------------ */

static bool format_fits(enum redo_opcode op, const struct space_format_vector *v)
{
    switch (op) {
    case REDO_SPACE_FORMAT:
        return v->type == BLOCK_FILE || (v->type == BLOCK_BITMAP && v->first % SPACE_BITMAP_EXTENTS == 0);
    case REDO_SPACE_SEG_FORMAT:
        return v->type == BLOCK_SEGMENT && v->seg_id != 0;
    case REDO_SPACE_EXT_FORMAT:
        return v->type == BLOCK_EXTENT && v->seg_id != 0 && v->used <= EXTENT_BLOCKS;
    default:
        return false;
    }
}

static void format_body(uint8_t *block, const struct space_format_vector *v)
{
    if (v->type == BLOCK_FILE) {
        SPACE_BODY(space_file, block)->segment_id_next = 1;
    } else if (v->type == BLOCK_BITMAP) {
        SPACE_BODY(space_bitmap, block)->first = v->first;
    } else if (v->type == BLOCK_SEGMENT) {
        struct space_segment *s = SPACE_BODY(space_segment, block);
        s->flags = v->flags;
        s->n = 1;
        s->entry[0] = (struct space_seg_entry){ .block = v->first, .owner = v->owner };
    } else {
        struct space_extent_header *e = SPACE_BODY(space_extent_header, block);
        e->owner = v->owner;
        e->used = v->used;
        memset(e->class, SPACE_TAKEN, v->used);
        memset(e->class + v->used, SPACE_UNUSED, EXTENT_BLOCKS - v->used);
    }
}

static enum err apply_format(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct space_format_vector v;
    if (len != sizeof(v))
        return bad(d, op, "payload of a wrong size");
    memcpy(&v, payload, sizeof(v));
    if (!format_fits(op, &v))
        return bad(d, op, "impossible payload");
    block_format(block, (struct dba){ v.dba }, (enum block_type)v.type, 1, v.seg_id);
    format_body(block, &v);
    return ERR_OK;
}

/* ---- changes -------------------------------------------------------------------------- */

static enum err apply_bitmap(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct space_bitmap_vector v;
    struct space_bitmap *b = SPACE_BODY(space_bitmap, block);
    if (block_header(block)->type != BLOCK_BITMAP)
        return bad(d, op, "not a bitmap block");
    if (len < sizeof(v))
        return bad(d, op, "payload of a wrong size");
    memcpy(&v, payload, sizeof(v));
    if (v.take > 1 || (len - sizeof(v)) / 4 != v.n || (len - sizeof(v)) % 4 != 0)
        return bad(d, op, "impossible payload");
    for (uint32_t i = 0; i < v.n; i++) {
        uint32_t extent;
        memcpy(&extent, payload + sizeof(v) + 4 * (size_t)i, sizeof(extent));
        if (extent < b->first || extent - b->first >= SPACE_BITMAP_EXTENTS)
            return bad(d, op, "extent of another bitmap block");
        if (space_bit(b, extent) == (v.take == 1))
            return bad(d, op, v.take ? "the extent is taken already" : "the extent is free already");
    }
    for (uint32_t i = 0; i < v.n; i++) {
        uint32_t extent;
        memcpy(&extent, payload + sizeof(v) + 4 * (size_t)i, sizeof(extent));
        b->bits[(extent - b->first) / 8] ^= (uint8_t)(1u << ((extent - b->first) % 8));
    }
    return ERR_OK;
}

static enum err apply_segment(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct space_seg_vector v;
    struct space_segment *s = SPACE_BODY(space_segment, block);
    if (block_header(block)->type != BLOCK_SEGMENT || s->n > SPACE_SEG_ENTRIES)
        return bad(d, op, "not a list of extents");
    if (len != sizeof(v))
        return bad(d, op, "payload of a wrong size");
    memcpy(&v, payload, sizeof(v));
    switch (v.what) {
    case SPACE_SEG_ADD:
        if (s->n == SPACE_SEG_ENTRIES)
            return bad(d, op, "the list is full");
        s->entry[s->n++] = (struct space_seg_entry){ .block = v.block, .owner = v.owner };
        return ERR_OK;
    case SPACE_SEG_LINK:
        s->next = v.dba;
        return ERR_OK;
    case SPACE_SEG_SET_LAST:
        s->last = v.dba;
        return ERR_OK;
    case SPACE_SEG_FREE:
        s->flags |= SPACE_SEG_FREED;
        s->n = 0;
        s->next = s->last = 0;
        return ERR_OK;
    default:
        return bad(d, op, "unknown change");
    }
}

static enum err apply_extent(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct space_ext_vector v;
    struct space_extent_header *e = SPACE_BODY(space_extent_header, block);
    if (block_header(block)->type != BLOCK_EXTENT)
        return bad(d, op, "not an extent header");
    if (len == 0 || len % sizeof(v) != 0)
        return bad(d, op, "payload of a wrong size");
    for (uint32_t at = 0; at < len; at += sizeof(v)) {
        memcpy(&v, payload + at, sizeof(v));
        if (v.index >= EXTENT_BLOCKS || (v.class > SPACE_CLASS_MAX && v.class != SPACE_TAKEN && v.class != SPACE_GIVEN_BACK))
            return bad(d, op, "impossible payload");
    }
    for (uint32_t at = 0; at < len; at += sizeof(v)) {
        memcpy(&v, payload + at, sizeof(v));
        e->class[v.index] = v.class;
        e->used = MAX(e->used, (uint8_t)(v.index + 1));
    }
    return ERR_OK;
}

static enum err apply_file(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct space_file_vector v;
    if (block_header(block)->type != BLOCK_FILE)
        return bad(d, op, "not a file header");
    if (len != sizeof(v))
        return bad(d, op, "payload of a wrong size");
    memcpy(&v, payload, sizeof(v));
    if (v.bitmap_blocks > SPACE_BITMAP_BLOCKS_MAX)
        return bad(d, op, "too many bitmap blocks");
    *SPACE_BODY(space_file, block) = (struct space_file){ .segment_id_next = v.segment_id_next, .bitmap_blocks = v.bitmap_blocks };
    return ERR_OK;
}

enum err space_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    switch ((unsigned)op) {
    case REDO_SPACE_FORMAT:
    case REDO_SPACE_SEG_FORMAT:
    case REDO_SPACE_EXT_FORMAT:
        return apply_format(block, op, payload, len, d);
    case REDO_SPACE_BITMAP:
        return apply_bitmap(block, op, payload, len, d);
    case REDO_SPACE_SEG_EXTENT:
        return apply_segment(block, op, payload, len, d);
    case REDO_SPACE_EXT_SET:
        return apply_extent(block, op, payload, len, d);
    case REDO_SPACE_FILE_SET:
        return apply_file(block, op, payload, len, d);
    default:
        return bad(d, op, "not an opcode of space management");
    }
}
