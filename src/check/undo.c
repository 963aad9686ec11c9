/*
 * Undo files: transaction tables, undo blocks and their records; the older
 * versions that rows lead to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "access/access_int.h"
#include "check/check_int.h"
#include "rt/rt.h"

#define WRAP_MASK 0x3fffu

/* ---- transaction tables ------------------------------------------------------------ */

static void note_entry(struct check *c, uint16_t thread, struct undo_thread *t, uint32_t slot, const struct tt_entry *e)
{
    t->entry[slot] = (struct tt_known){ e->seq, (uint8_t)e->state };
    if (e->state == TT_FREE)
        return;
    if (e->state > TT_PREPARED || tt_slot(&t->geo, e->seq) != slot)
        check__problem(c, "transaction table of redo thread %u: entry %u says transaction %" PRIu64 " in state %u", thread, slot, e->seq, e->state);
    else if (e->state == TT_ACTIVE)
        check__problem(c, "transaction table of redo thread %u: transaction %" PRIu64 " is not finished, though the thread is closed", thread, e->seq);
    if (e->seq >= t->xid_end)
        check__problem(c, "transaction table of redo thread %u: transaction %" PRIu64 ", the control file says that there is none from %" PRIu64 " on",
                       thread, e->seq, t->xid_end);
    if (e->scn > c->control->scn_high_water)
        check__problem(c, "transaction table of redo thread %u: transaction %" PRIu64 " ended at SCN %" PRIu64 ", the highest is %" PRIu64, thread,
                       e->seq, e->scn, c->control->scn_high_water);
}

static void read_table_block(struct check *c, uint16_t thread, struct undo_thread *t, uint32_t b, uint8_t *block)
{
    struct diag d;
    if (!check__read(c, dba_make(FILE_UNDO_BASE + thread, 1 + b), block))
        return;
    for (uint16_t i = 0; i < t->geo.entries_per_block; i++) {
        struct tt_entry e;
        if (tt_read_entry(block, i, &e, &d)) {
            check__problem(c, "redo thread %u: %s", thread, d.message);
            return;
        }
        note_entry(c, thread, t, b * t->geo.entries_per_block + i, &e);
    }
}

/* ---- what undo excuses ---------------------------------------------------------------- */

uint64_t check__chain_key(const struct overflow_ref *ref)
{
    return hash_u64(ref->first.v) ^ hash_u64(ref->xid.v + 1);
}

uint64_t check__moved_key(struct rowid to, struct undo_ptr stamp)
{
    return hash_u64(to.v + 2) ^ hash_u64(stamp.v + 3);
}

bool check__excused(const struct check *c, uint64_t key)
{
    return u64map_get(c->excused, key) != NULL;
}

static void excuse(struct check *c, uint64_t key)
{
    u64map_put(c->excused, key, c);
}

static void excuse_body(struct check *c, const uint8_t *p, uint32_t len)
{
    struct overflow_ref ref;
    if (overflow_ref_get(p, len, &ref))
        excuse(c, check__chain_key(&ref));
}

static void note_record(struct check *c, const struct undo_record *r)
{
    struct undo_update u;
    struct heap_stub stub;
    if (r->type == UNDO_HEAP_UPDATE && undo_update_get(r, &u) && u.has_ref)
        excuse(c, check__chain_key(&u.ref));
    if (r->type != UNDO_HEAP_FORWARD)
        return;
    if (!(r->prev_flags & ROW_FORWARD)) {
        excuse_body(c, r->data, r->len);
    } else if (r->len == HEAP_STUB_SIZE) {
        memcpy(&stub, r->data, sizeof stub);
        excuse(c, check__moved_key(stub.to, stub.stamp));
    }
}

/* ---- undo blocks -------------------------------------------------------------------------- */

static void read_records(struct check *c, uint16_t thread, struct undo_note *note, const uint8_t *block)
{
    struct diag d;
    note->wrap = undo_block_wrap(block);
    note->records = undo_block_records(block);
    for (uint16_t i = 0; i < note->records; i++) {
        struct undo_record r;
        if (undo_read_record(block, i, &r, NULL, &d)) {
            check__problem(c, "redo thread %u: %s", thread, d.message);
            note->damaged = 1;
            return;
        }
        if (xid_thread(r.xid) != thread)
            check__problem(c, "redo thread %u: undo block %" PRIu64 ", record %u is of a transaction of redo thread %u", thread,
                           block_header_const(block)->dba & UINT32_MAX, i, xid_thread(r.xid));
        note_record(c, &r);
        c->res->undo++;
    }
}

static void read_undo_block(struct check *c, uint16_t thread, struct undo_thread *t, uint32_t b, uint8_t *block)
{
    struct diag d;
    const struct dba at = dba_make(FILE_UNDO_BASE + thread, undo_first_block(&t->geo) + b);
    if (!check__read(c, at, block)) {
        t->block[b].damaged = 1;
        return;
    }
    if (block_header_const(block)->type == BLOCK_NONE)
        return;
    if (undo_check(block, &d)) {
        check__problem(c, "redo thread %u: %s", thread, d.message);
        t->block[b].damaged = 1;
        return;
    }
    if (block_scn(block) > c->control->scn_high_water)
        check__problem(c, "redo thread %u: undo block %u has SCN %" PRIu64 ", the highest is %" PRIu64, thread, dba_block(at), block_scn(block),
                       c->control->scn_high_water);
    read_records(c, thread, &t->block[b], block);
}

static bool read_geometry(struct check *c, uint16_t thread, struct undo_thread *t, uint64_t *ret_blocks, uint8_t *block)
{
    struct diag d;
    const struct dba at = dba_make(FILE_UNDO_BASE + thread, 0);
    if (files_size(c->files, FILE_UNDO_BASE + thread, ret_blocks, &d)) {
        check__problem(c, "redo thread %u: %s", thread, d.message);
        return false;
    }
    if (!check__read(c, at, block))
        return false;
    if (tt_read_geometry(block, &t->geo, &d)) {
        check__problem(c, "redo thread %u: %s", thread, d.message);
        return false;
    }
    if (t->geo.thread != thread || *ret_blocks < undo_first_block(&t->geo)) {
        check__problem(c, "redo thread %u: its undo file of %" PRIu64 " blocks is of thread %u, with %u blocks of entries", thread, *ret_blocks,
                       t->geo.thread, t->geo.blocks);
        return false;
    }
    return true;
}

static void read_thread(struct check *c, uint16_t thread, uint8_t *block)
{
    struct undo_thread *t = &c->thread[thread];
    uint64_t blocks;
    t->xid_end = c->control->thread[thread].xid_seq;
    if (!read_geometry(c, thread, t, &blocks, block))
        return;
    t->present = true;
    t->entry = xcalloc(tt_entries(&t->geo), sizeof *t->entry);
    for (uint32_t b = 0; b < t->geo.blocks; b++)
        read_table_block(c, thread, t, b, block);
    t->blocks = (uint32_t)MIN(blocks - undo_first_block(&t->geo), (uint64_t)UINT32_MAX);
    t->block = xcalloc(t->blocks + 1u, sizeof *t->block);
    for (uint32_t b = 0; b < t->blocks; b++) {
        read_undo_block(c, thread, t, b, block);
        rt_yield_if_due();
    }
    c->res->blocks += blocks;
}

enum err check__undo(struct check *c, struct diag *d)
{
    c->thread = xcalloc(c->control->threads + 1u, sizeof *c->thread);
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    for (uint32_t i = 1; i <= c->control->threads; i++)
        if (c->control->thread[i].state != THREAD_UNUSED)
            read_thread(c, (uint16_t)i, block);
    rt_free_aligned(block, BLOCK_SIZE);
    return ERR_OK;
}

/* ---- writers --------------------------------------------------------------------------------- */

const char *check__writer(struct check *c, struct xid x)
{
    const uint16_t thread = xid_thread(x);
    if (thread == 0 || thread > c->control->threads)
        return "is of a redo thread that does not exist";
    const struct undo_thread *t = &c->thread[thread];
    if (!t->present)
        return NULL; /* told already */
    if (xid_seq(x) == 0 || xid_seq(x) >= t->xid_end)
        return "does not exist yet";
    const struct tt_known *e = &t->entry[tt_slot(&t->geo, xid_seq(x))];
    if (e->seq > xid_seq(x))
        return NULL; /* recycled: it had committed (R9) */
    if (e->seq < xid_seq(x))
        return "is not in its transaction table";
    switch ((enum tt_state)e->state) {
    case TT_COMMITTED:
        return NULL;
    case TT_ROLLED_BACK:
        return "was rolled back";
    case TT_FREE:
    case TT_ACTIVE:
    case TT_PREPARED:
        break;
    }
    return "is not finished";
}

/* ---- older versions ---------------------------------------------------------------------------- */

/* The block, from a small cache; NULL: damaged. */
static const uint8_t *undo_block(struct check *c, struct dba at)
{
    const uint32_t i = dba_block(at) % UNDO_CACHE;
    uint8_t *block = c->undo_cache + (size_t)i * BLOCK_SIZE;
    if (c->undo_cached[i] == at.v)
        return block;
    c->undo_cached[i] = 0;
    if (!check__read(c, at, block))
        return NULL;
    c->undo_cached[i] = at.v;
    return block;
}

struct walk {
    struct check *c;
    struct seg seg;
    struct rowid rowid;
    struct row_header h;
};

static void bad_version(const struct walk *w, const char *what)
{
    check__problem(w->c, "row %u of block %u (segment %u): its undo pointer leads to block %u, record %u of redo thread %u: %s",
                   rowid_slot(w->rowid), dba_block(rowid_dba(w->rowid)), w->seg.id, undo_ptr_block(w->h.undo), undo_ptr_rec(w->h.undo),
                   undo_ptr_thread(w->h.undo), what);
}

/* One version back. False: the chain ends here, or has been recycled, or is damaged. */
static bool step_back(struct walk *w)
{
    struct diag d;
    struct undo_record r;
    const struct undo_ptr p = w->h.undo;
    const uint16_t thread = undo_ptr_thread(p);
    if ((w->h.flags & ROW_FIRST) || p.v == 0)
        return false;
    if (thread == 0 || thread > w->c->control->threads || (w->c->thread[thread].present && undo_ptr_block(p) < undo_first_block(&w->c->thread[thread].geo))) {
        bad_version(w, "there is no such undo block");
        return false;
    }
    const struct undo_thread *t = &w->c->thread[thread];
    if (!t->present)
        return false;
    const uint32_t b = undo_ptr_block(p) - undo_first_block(&t->geo);
    if (b >= t->blocks) {
        bad_version(w, "there is no such undo block");
        return false;
    }
    const struct undo_note *note = &t->block[b];
    const bool exact = note->wrap <= WRAP_MASK; /* else the pointer's few bits do not tell uses apart */
    if (note->damaged || (note->wrap & WRAP_MASK) != undo_ptr_wrap(p) || undo_ptr_rec(p) >= note->records) {
        if (!note->damaged && exact && undo_ptr_wrap(p) >= note->wrap)
            bad_version(w, "it has not been written");
        return false; /* told already, or used again since */
    }
    const uint8_t *block = undo_block(w->c, dba_make(FILE_UNDO_BASE + thread, undo_ptr_block(p)));
    if (!block || undo_read_record(block, undo_ptr_rec(p), &r, NULL, &d))
        return false;
    const bool same_row = r.rowid.v == w->rowid.v || (r.type == UNDO_HEAP_MULTI_INSERT && rowid_dba(r.rowid).v == rowid_dba(w->rowid).v);
    const bool same_writer = (w->h.writer >> 48) == 0 || r.xid.v == w->h.writer;
    if (r.seg.id != w->seg.id || !same_row || !same_writer || r.type == UNDO_BTREE_INSERT || r.type == UNDO_BTREE_MARK) {
        if (exact)
            bad_version(w, "the record is not this row's");
        return false;
    }
    w->h = (struct row_header){ .writer = r.prev_writer, .undo = r.prev_undo, .flags = r.prev_flags, .layout = r.prev_layout,
                                .body_len = r.prev_body_len };
    return r.type != UNDO_HEAP_INSERT && r.type != UNDO_HEAP_MULTI_INSERT;
}

void check__versions(struct check *c, struct seg seg, struct rowid rowid, const struct row_header *h)
{
    struct walk w = { .c = c, .seg = seg, .rowid = rowid, .h = *h };
    for (uint64_t n = 0; step_back(&w); n++) {
        if (n > c->res->undo) {
            bad_version(&w, "the chain of versions does not end");
            return;
        }
        rt_yield_if_due();
    }
}
