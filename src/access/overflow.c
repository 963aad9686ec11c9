#include "access/overflow.h"

#include <stdlib.h>

#include "access/access_int.h"
#include "base/buf.h"
#include "rt/rt.h"

/* OVERFLOW_FORMAT: dba u64, segment u32, then this head and the piece's bytes. A freed piece has xid 0 and no bytes. */
struct overflow_page {
    uint64_t next; /* dba; 0: last piece */
    uint64_t xid;
    uint32_t total; /* bytes of the whole chain */
    uint32_t index; /* of this piece */
    uint32_t len;
    uint32_t reserved;
};
static_assert(sizeof(struct overflow_page) == 32, "on-disk format");

#define PIECE_AT (BLOCK_HEADER_SIZE + (uint32_t)sizeof(struct overflow_page))
#define PIECE_MAX (BLOCK_SIZE - PIECE_AT)
#define PAYLOAD_HEAD 12u

enum err overflow_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct overflow_page h;
    const uint32_t head = PAYLOAD_HEAD + (uint32_t)sizeof(h);
    if (op != REDO_OVERFLOW_FORMAT || len < head || len - head > PIECE_MAX)
        return diag_set(d, ERR_CORRUPT, "overflow vector of a wrong size");
    memcpy(&h, payload + PAYLOAD_HEAD, sizeof(h));
    if (h.len != len - head)
        return diag_set(d, ERR_CORRUPT, "overflow vector of a wrong size");
    block_format(block, (struct dba){ get_u64le(payload) }, BLOCK_OVERFLOW, 1, get_u32le(payload + 8));
    memcpy(block + BLOCK_HEADER_SIZE, &h, sizeof(h));
    memcpy(block + PIECE_AT, payload + head, h.len);
    return ERR_OK;
}

bool overflow_ref_get(const uint8_t *body, uint32_t len, struct overflow_ref *ret)
{
    if (len < 1 + OVERFLOW_REF_SIZE || !(body[0] & BODY_OVERFLOW))
        return false;
    ret->first.v = get_u64le(body + 1);
    ret->xid.v = get_u64le(body + 9);
    ret->len = get_u32le(body + 17);
    return true;
}

void overflow_ref_put(uint8_t ret[OVERFLOW_REF_SIZE], const struct overflow_ref *ref)
{
    put_u64le(ret, ref->first.v);
    put_u64le(ret + 8, ref->xid.v);
    put_u32le(ret + 16, ref->len);
}

bool overflow_piece_get(const uint8_t *block, struct overflow_piece *ret)
{
    const struct overflow_page *p = (const struct overflow_page *)(block + BLOCK_HEADER_SIZE);
    if (block_header_const(block)->type != BLOCK_OVERFLOW || p->len > PIECE_MAX)
        return false;
    *ret = (struct overflow_piece){ { p->next }, { p->xid }, p->total, p->index, p->len, block + PIECE_AT };
    return true;
}

static bool piece_is(const uint8_t *block, const struct overflow_ref *ref, uint32_t index)
{
    const struct overflow_page *p = (const struct overflow_page *)(block + BLOCK_HEADER_SIZE);
    return block_header_const(block)->type == BLOCK_OVERFLOW && p->xid == ref->xid.v && p->total == ref->len && p->index == index &&
           p->len <= PIECE_MAX;
}

/* One piece in a mini-transaction of its own. */
static enum err write_piece(struct access *a, struct xid xid, struct seg seg, struct dba at, bool fresh, const struct overflow_page *h,
                            const uint8_t *bytes, struct diag *d)
{
    struct mtr m;
    struct pin *b;
    uint8_t head[PAYLOAD_HEAD];
    put_u64le(head, at.v);
    put_u32le(head + 8, seg.id);
    const struct mtr_part part[] = { { head, sizeof(head) }, { h, sizeof(*h) }, { bytes, h->len } };

    mtr_begin(&m, a->bc, xid);
    enum err err = mtr_reserve(&m, (uint32_t)(sizeof(head) + sizeof(*h)) + h->len + ACCESS_SPACE_REDO + 128, d);
    if (err)
        return err;
    err = mtr_pin_fresh(&m, at, &b, d);
    /* Space comes last in the order of pins and its pin may fail: before anything has been changed. */
    if (!err && fresh)
        err = space_use_block(a->space, &m, seg, at, d);
    if (!err)
        err = mtr_change(&m, b, REDO_OVERFLOW_FORMAT, part, h->len ? 3 : 2, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    (void)mtr_commit(&m, NULL);
    return ERR_OK;
}

/* Bytes [from, from + len) of the parts put end to end. */
static void gather(const struct overflow_part *part, uint32_t from, uint8_t *ret, uint32_t len)
{
    for (; len; part++) {
        if (from >= part->len) {
            from -= part->len;
            continue;
        }
        const uint32_t n = MIN(part->len - from, len);
        memcpy(ret, (const uint8_t *)part->p + from, n);
        ret += n;
        len -= n;
        from = 0;
    }
}

enum err overflow_write(struct access *a, struct txn *t, struct seg seg, const struct overflow_part *part, unsigned n,
                        struct overflow_ref *ret, struct diag *d)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < n; i++)
        total += part[i].len;
    if (total > OVERFLOW_BYTES_MAX)
        return diag_set(d, ERR_LIMIT, "row is too big: size %" PRIu64 ", maximum size %u", total, OVERFLOW_BYTES_MAX);
    enum err err = txn_need_xid(t, d);
    if (err)
        return err;

    struct overflow_ref ref = { .xid = txn_xid(t), .len = (uint32_t)total };
    uint8_t *bytes = xmalloc(PIECE_MAX);
    uint32_t index = (uint32_t)((total + PIECE_MAX - 1) / PIECE_MAX);
    struct overflow_ref written = ref; /* what has been written so far, from the end */
    while (index-- > 0) { /* from the last piece, so that each knows the next one's address */
        struct dba at;
        err = rt_cancel_pending() ? diag_set(d, ERR_CANCELED, "canceling statement due to user request")
                                  : space_take(a->space, seg, &at, d);
        if (err)
            break;
        const uint32_t from = index * PIECE_MAX, len = MIN(ref.len - from, PIECE_MAX);
        const struct overflow_page h = { .next = written.first.v, .xid = ref.xid.v, .total = ref.len, .index = index, .len = len };
        gather(part, from, bytes, len);
        err = write_piece(a, ref.xid, seg, at, true, &h, bytes, d);
        if (err) {
            space_untake(a->space, seg, at);
            break;
        }
        written.first = at;
        COUNT(a, overflow_pieces);
    }
    free(bytes);
    if (err) {
        struct diag ignored;
        if (written.first.v && overflow__free_from(a, seg, &written, index + 1, &ignored))
            access__stays_behind(a, seg, &ignored, "the blocks of an unfinished overflow value are not given back to the space");
        return err;
    }
    ref.first = written.first;
    *ret = ref;
    return ERR_OK;
}

enum err overflow_read(struct access *a, scn_t s, const struct overflow_ref *ref, uint32_t offset, uint8_t *ret, uint32_t len, struct diag *d)
{
    struct dba at = ref->first;
    if ((uint64_t)offset + len > ref->len)
        return diag_set(d, ERR_CORRUPT, "a row refers to bytes beyond its overflow chain");
    for (uint32_t index = 0; len; index++) {
        struct pin *b;
        enum err err = buf_pin_read(a->bc, at, s, &b, d);
        if (err)
            return err;
        const struct overflow_page *p = (const struct overflow_page *)(b->data + BLOCK_HEADER_SIZE);
        if (!piece_is(b->data, ref, index) || (offset < p->len && p->len == 0) || (!p->next && offset + len > p->len)) {
            buf_unpin(b);
            return diag_set(d, ERR_CORRUPT, "block %u of file %u is not piece %u of its overflow chain", dba_block(at), dba_file(at), index);
        }
        if (offset < p->len) {
            const uint32_t n = MIN(p->len - offset, len);
            memcpy(ret, b->data + PIECE_AT + offset, n);
            ret += n;
            len -= n;
            offset += n;
        }
        offset -= p->len;
        at.v = p->next;
        buf_unpin(b);
    }
    return ERR_OK;
}

enum err overflow__free_from(struct access *a, struct seg seg, const struct overflow_ref *ref, uint32_t index, struct diag *d)
{
    struct dba at = ref->first;
    for (; at.v; index++) {
        struct pin *b;
        enum err err = buf_pin(a->bc, at, BUF_S, &b, d);
        if (err)
            return err;
        const bool ours = piece_is(b->data, ref, index) && block_header_const(b->data)->seg_id == seg.id;
        const struct dba next = { ((const struct overflow_page *)(b->data + BLOCK_HEADER_SIZE))->next };
        buf_unpin(b);
        if (!ours)
            return ERR_OK; /* freed before */
        const struct overflow_page freed = { .next = next.v };
        err = write_piece(a, ref->xid, seg, at, false, &freed, NULL, d);
        if (!err)
            err = space_give_back(a->space, seg, at, d);
        if (err)
            return err;
        at = next;
    }
    return ERR_OK;
}

enum err overflow_free(struct access *a, struct seg seg, const struct overflow_ref *ref, struct diag *d)
{
    return overflow__free_from(a, seg, ref, 0, d);
}

void overflow_drop(struct access *a, struct seg seg, const uint8_t *body, uint32_t len)
{
    struct overflow_ref ref;
    struct diag d;
    if (overflow_ref_get(body, len, &ref) && overflow_free(a, seg, &ref, &d))
        access__stays_behind(a, seg, &d, "the blocks of an overflow value are not given back to the space");
}
