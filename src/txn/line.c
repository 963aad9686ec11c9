/*
 * The line for a row. Whoever finds a row taken first waits for the transaction that has it; those who come later wait behind, on the
 * enqueue RQ, which its holder keeps to the end of its transaction where it gets the row. So the end of a transaction wakes one waiter
 * instead of all, who would fetch the block one from the other only to see that somebody else was faster. (PostgreSQL's tuple locks serve
 * the same end.) The line decides nothing: a row is locked by what is written in it, and who comes by while it is free may take it.
 */
#include "ges/ges.h"
#include "txn/txn_int.h"

static struct ges_resource line_of(struct seg seg, struct rowid rowid) { return (struct ges_resource){ GES_RQ, seg.id, rowid.v }; }

enum err txn_line_join(struct txn *t, struct seg seg, struct rowid rowid, uint64_t deadline, struct diag *d)
{
    return t->ts->opt.ges != NULL ? ges_lock(txn_ges_owner(t), line_of(seg, rowid), GES_MODE_EX, deadline, d) : ERR_OK;
}

void txn_line_leave(struct txn *t, struct seg seg, struct rowid rowid)
{
    if (t->ts->opt.ges != NULL)
        ges_unlock(txn_ges_owner(t), line_of(seg, rowid), GES_MODE_EX);
}
