/*
 * Blocks as such: checksum, address, type.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check/check_int.h"
#include "rt/rt.h"

const char *check__where(struct dba at, char buf[48])
{
    if (file_is_undo(dba_file(at)))
        snprintf(buf, 48, "block %u of undo/%u.dbf", dba_block(at), dba_file(at) - FILE_UNDO_BASE);
    else
        snprintf(buf, 48, "block %u of data/main.dbf", dba_block(at));
    return buf;
}

static struct block_note *note_of(struct check *c, struct dba at)
{
    return dba_file(at) == FILE_DATA && dba_block(at) < c->nblocks ? &c->block[dba_block(at)] : NULL;
}

/* Nobody changes the files meanwhile. Where some block of the run cannot be read, each is read by itself. */
static enum err read_block(struct check *c, struct dba at, uint8_t *block, struct diag *d)
{
    const bool in_order = at.v == c->asked_last.v + 1;
    c->asked_last = at;
    if (!c->ahead_valid || at.v - c->ahead_first.v >= AHEAD) {
        if (!in_order)
            return files_read(c->files, at, block, d);
        c->ahead_first = at;
        c->ahead_valid = files_read_run(c->files, at, AHEAD, c->ahead, d) == ERR_OK;
        if (!c->ahead_valid)
            return files_read(c->files, at, block, d);
    }
    memcpy(block, c->ahead + (at.v - c->ahead_first.v) * BLOCK_SIZE, BLOCK_SIZE);
    return ERR_OK;
}

bool check__read(struct check *c, struct dba at, uint8_t *block)
{
    struct diag d;
    struct block_note *note = note_of(c, at);
    if (note && (note->flags & NOTE_DAMAGED))
        return false;
    enum err err = read_block(c, at, block, &d);
    if (!err)
        err = block_verify(block, at, &d);
    if (!err)
        return true;
    if (note)
        note->flags |= NOTE_DAMAGED;
    check__problem(c, "%s", d.message);
    return false;
}

static void first_look(struct check *c, uint32_t no, const uint8_t *block)
{
    const struct block_header *h = block_header_const(block);
    struct block_note *note = &c->block[no];
    char where[48];
    note->type = h->type;
    note->seg_id = h->seg_id;
    if (h->type > BLOCK_SEQUENCE || h->type == BLOCK_TT || h->type == BLOCK_UNDO)
        check__problem(c, "%s is of type %u, which does not belong there", check__where((struct dba){ h->dba }, where), h->type);
    if (h->scn > c->control->scn_high_water)
        check__problem(c, "%s has SCN %" PRIu64 ", the control file says that none is above %" PRIu64, check__where((struct dba){ h->dba }, where),
                       h->scn, c->control->scn_high_water);
}

enum err check__blocks(struct check *c, struct diag *d)
{
    enum err err = files_size(c->files, FILE_DATA, &c->nblocks, d);
    if (err)
        return err;
    c->nblocks = MIN(c->nblocks, (uint64_t)UINT32_MAX);
    c->block = xcalloc(c->nblocks + 1, sizeof *c->block);
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    for (uint32_t no = 0; no < c->nblocks; no++) {
        if (check__read(c, dba_make(FILE_DATA, no), block))
            first_look(c, no, block);
        c->res->blocks++;
        rt_yield_if_due();
    }
    rt_free_aligned(block, BLOCK_SIZE);
    return ERR_OK;
}
