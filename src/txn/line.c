/*
 * The line for a row. Whoever finds a row taken first waits for the transaction that has it; those who come later wait behind, on the
 * enqueue RQ, which its holder keeps to the end of its transaction where it gets the row. So the end of a transaction wakes one waiter
 * instead of all, who would fetch the block one from the other only to see that somebody else was faster. (PostgreSQL's tuple locks serve
 * the same end.) The line decides nothing: a row is locked by what is written in it, and who comes by while it is free may take it.
 */
#include "ges/ges.h"
#include "txn/txn_int.h"

static struct ges_resource line_of(struct seg seg, struct rowid rowid) { return (struct ges_resource){ GES_RQ, seg.id, rowid.v }; }
static _Atomic uint64_t *place_of(struct txn_busy_rows *b, struct rowid rowid) { return &b->rowid[hash_u64(rowid.v) % ARRAY_LEN(b->rowid)]; }

void txn_note_busy_row(const struct snapshot *s, struct rowid rowid)
{
    if (s->busy != NULL)
        atomic_store_explicit(place_of(s->busy, rowid), rowid.v, memory_order_relaxed);
}

bool txn_saw_row_busy(struct txn *t, struct rowid rowid)
{
    return atomic_load_explicit(place_of(&t->busy, rowid), memory_order_relaxed) == rowid.v;
}

enum err txn_line_join(struct txn *t, struct seg seg, struct rowid rowid, uint64_t deadline, struct diag *d)
{
    atomic_store_explicit(place_of(&t->busy, rowid), 0, memory_order_relaxed);
    return t->ts->opt.ges != NULL ? ges_lock(txn_ges_owner(t), line_of(seg, rowid), GES_MODE_EX, deadline, d) : ERR_OK;
}

void txn_line_leave(struct txn *t, struct seg seg, struct rowid rowid)
{
    if (t->ts->opt.ges != NULL)
        ges_unlock(txn_ges_owner(t), line_of(seg, rowid), GES_MODE_EX);
}
