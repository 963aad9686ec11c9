#include "recovery/core/apply.h"

#include <stdlib.h>

#include "storage/block.h"

static int by_scn(const void *a, const void *b)
{
    const struct rvector *x = a, *y = b;
    if (x->scn != y->scn)
        return x->scn < y->scn ? -1 : 1;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->lsn != y->lsn)
        return x->lsn < y->lsn ? -1 : 1;
    return (int)x->index - (int)y->index;
}

static bool same_step(const struct rvector *x, const struct rvector *y)
{
    return x->scn == y->scn && x->thread == y->thread && x->lsn == y->lsn;
}

static uint32_t step_end(const struct rblock *b, uint32_t from)
{
    uint32_t end = from + 1;
    while (end < b->n && same_step(&b->v[from], &b->v[end]))
        end++;
    return end;
}

/* The last step that formats the block beyond what it has: nothing before it matters. Without one: the first step. */
static uint32_t first_step(const struct rblock *b, scn_t have, bool *ret_formats)
{
    uint32_t start = 0;
    *ret_formats = false;
    for (uint32_t i = 0; i < b->n; i = step_end(b, i)) {
        if (redo_opcode_formats(b->v[i].opcode) && b->v[i].scn > have) {
            start = i;
            *ret_formats = true;
        }
    }
    return start;
}

static enum err name_place(const struct rblock *b, const struct rvector *v, enum err err, struct diag *d)
{
    return diag_wrap(d, err, "redo thread %u, record at position %" PRIu64 " (SCN %" PRIu64 "), block %u of file %u", v->thread, v->lsn, v->scn,
                     dba_block(b->dba), dba_file(b->dba));
}

static enum err gap(const struct rblock *b, const struct rvector *v, scn_t have, struct diag *d)
{
    const enum err err = diag_set(d, ERR_CORRUPT, "a change is missing: the block is at SCN %" PRIu64 ", the next change follows SCN %" PRIu64,
                                  have, v->before);
    return name_place(b, v, err, d);
}

static enum err apply_step(const struct rblock *b, uint32_t from, uint32_t to, uint8_t *image, const struct redo_ops *ops, struct diag *d)
{
    for (uint32_t i = from; i < to; i++) {
        const struct rvector *v = &b->v[i];
        redo_apply_fn *apply = ops->apply[v->opcode];
        enum err err;
        if (apply == NULL)
            err = diag_set(d, ERR_CORRUPT, "no function for opcode %s", redo_opcode_name(v->opcode));
        else
            err = apply(image, (enum redo_opcode)v->opcode, v->payload, v->len, d);
        if (err)
            return name_place(b, v, err, d);
    }
    const struct block_header *h = block_header_const(image);
    if (h->magic != BLOCK_MAGIC || h->dba != b->dba.v)
        return name_place(b, &b->v[from], diag_set(d, ERR_CORRUPT, "the change does not leave a block with this address"), d);
    block_header(image)->scn = b->v[from].scn;
    return ERR_OK;
}

enum err rblock_apply(struct rblock *b, uint8_t *image, bool base_ok, const struct redo_ops *ops, enum rapply *ret, struct diag *d)
{
    bool formats;
    scn_t have = base_ok ? block_scn(image) : 0;
    if (b->n > 1)
        qsort(b->v, b->n, sizeof(*b->v), by_scn);
    const uint32_t start = first_step(b, have, &formats);
    *ret = RAPPLY_UNCHANGED;
    if (!base_ok && !formats) {
        *ret = RAPPLY_NO_BASE;
        return ERR_OK;
    }
    for (uint32_t i = start; i < b->n;) {
        const struct rvector *v = &b->v[i];
        const uint32_t end = step_end(b, i);
        i = end;
        if (v->scn <= have)
            continue;
        if (!redo_opcode_formats(v->opcode) && v->before != have)
            return gap(b, v, have, d);
        const enum err err = apply_step(b, (uint32_t)(v - b->v), end, image, ops, d);
        if (err)
            return err;
        have = v->scn;
        *ret = RAPPLY_CHANGED;
    }
    return ERR_OK;
}
