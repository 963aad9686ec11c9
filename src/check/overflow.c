/*
 * Overflow chains.
 */
#include <stdlib.h>

#include "check/check_int.h"
#include "rt/rt.h"

/* Why a piece is not the next one of the chain; NULL: it is. */
static const char *piece_at(struct check *c, struct seg seg, const struct overflow_ref *ref, struct dba at, uint32_t index, uint64_t done,
                            uint8_t *block, struct overflow_piece *ret)
{
    if (dba_file(at) != FILE_DATA || dba_block(at) >= c->nblocks)
        return "leads outside of data/main.dbf";
    const struct block_note *note = &c->block[dba_block(at)];
    if (!(note->flags & NOTE_IN_SEGMENT) || note->seg_id != seg.id)
        return "leads to a block that is not of this segment";
    if (!check__read(c, at, block))
        return "leads to a damaged block";
    if (!overflow_piece_get(block, ret) || ret->xid.v != ref->xid.v || ret->total != ref->len || ret->index != index)
        return "leads to a block that is not its next piece";
    if (done + ret->len > ref->len || (ret->len == 0 && ref->len > 0) || (!ret->next.v && done + ret->len != ref->len))
        return "has a piece of a wrong length";
    return NULL;
}

bool check__chain(struct check *c, const char *what, struct seg seg, const struct overflow_ref *ref)
{
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    struct overflow_piece piece;
    struct dba at = ref->first;
    uint64_t done = 0;
    const char *why = NULL;
    for (uint32_t index = 0; !why; index++) {
        why = piece_at(c, seg, ref, at, index, done, block, &piece);
        if (why)
            break;
        struct block_note *note = &c->block[dba_block(at)];
        if (note->flags & NOTE_REACHED) {
            why = "is another row's too";
            break;
        }
        note->flags |= NOTE_REACHED;
        done += piece.len;
        if (!piece.next.v)
            break;
        at = piece.next;
        rt_yield_if_due();
    }
    rt_free_aligned(block, BLOCK_SIZE);
    if (why && what)
        check__problem(c, "%s: its overflow chain of %u bytes, from block %u, %s (block %u)", what, ref->len, dba_block(ref->first), why, dba_block(at));
    return !why;
}

static enum err read_chain(void *arg, const struct overflow_ref *ref, uint32_t offset, uint8_t *ret, uint32_t len, struct diag *d)
{
    struct check *c = arg;
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    struct overflow_piece piece;
    struct dba at = ref->first;
    for (uint32_t index = 0; len > 0; index++) {
        if (dba_file(at) != FILE_DATA || !check__read(c, at, block) || !overflow_piece_get(block, &piece) || piece.xid.v != ref->xid.v ||
            piece.index != index || piece.len == 0)
            break;
        if (offset < piece.len) {
            const uint32_t n = MIN(piece.len - offset, len);
            memcpy(ret, piece.bytes + offset, n);
            ret += n;
            len -= n;
            offset = 0;
        } else {
            offset -= piece.len;
        }
        at = piece.next;
    }
    rt_free_aligned(block, BLOCK_SIZE);
    return len ? diag_set(d, ERR_CORRUPT, "its overflow chain is not whole") : ERR_OK;
}

struct tuple_source check__chains(struct check *c)
{
    return (struct tuple_source){ c, read_chain };
}

/* A piece that an old row version may still need. Only a chain's beginning is named by undo: what follows it is reached from there. */
static void reach_excused(struct check *c, struct seg seg, struct dba at, uint8_t *block)
{
    struct overflow_piece piece;
    if (!check__read(c, at, block) || !overflow_piece_get(block, &piece) || piece.index != 0 || piece.xid.v == 0)
        return;
    const struct overflow_ref ref = { .first = at, .xid = piece.xid, .len = piece.total };
    if (check__excused(c, check__chain_key(&ref)))
        (void)check__chain(c, "an old row version", seg, &ref);
}

void check__lost_pieces(struct check *c, const char *name, const struct segment *s)
{
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    struct overflow_piece piece;
    struct dba at;
    uint64_t lost = 0;
    for (uint64_t pos = 0; check__next_block(c, s, &pos, &at);)
        if (c->block[dba_block(at)].type == BLOCK_OVERFLOW && !(c->block[dba_block(at)].flags & NOTE_REACHED))
            reach_excused(c, s->seg, at, block);
    for (uint64_t pos = 0; check__next_block(c, s, &pos, &at);) {
        const struct block_note *note = &c->block[dba_block(at)];
        if (note->type != BLOCK_OVERFLOW || (note->flags & NOTE_REACHED) || note->class != SPACE_TAKEN || !check__read(c, at, block))
            continue;
        if (!overflow_piece_get(block, &piece))
            check__problem(c, "%s: block %u is no overflow piece, though its header says so", name, dba_block(at));
        lost++;
        rt_yield_if_due();
    }
    if (lost)
        check__note(c, "%s: %" PRIu64 " blocks of overflow values belong to no row: their space is lost", name, lost);
    rt_free_aligned(block, BLOCK_SIZE);
}
