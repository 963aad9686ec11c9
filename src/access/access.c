#include <stdlib.h>

#include "access/access_int.h"

struct access *access_open(const struct access_options *opt)
{
    struct access *a = xcalloc(1, sizeof(*a));
    a->bc = opt->bc;
    a->space = opt->space;
    a->ts = opt->ts;
    a->redo = opt->redo;
    a->log = opt->log;
    static const enum undo_type heap_types[] = { UNDO_HEAP_INSERT, UNDO_HEAP_UPDATE,       UNDO_HEAP_DELETE,
                                                 UNDO_HEAP_LOCK,   UNDO_HEAP_MULTI_INSERT, UNDO_HEAP_FORWARD };
    for (size_t i = 0; i < ARRAY_LEN(heap_types); i++)
        txn_set_undo_handler(a->ts, heap_types[i], heap__undo, a);
    txn_set_undo_handler(a->ts, UNDO_BTREE_INSERT, btree__undo, a);
    txn_set_undo_handler(a->ts, UNDO_BTREE_MARK, btree__undo, a);
    txn_set_purge_handler(a->ts, access__purge, a);
    return a;
}

void access_close(struct access *a)
{
    if (!a)
        return;
    purge_later_free(a->later);
    free(a);
}

void access_stats(const struct access *a, struct access_stats *ret)
{
#define X(name, unit, text) ret->name = atomic_load_explicit(&a->stats.name, memory_order_relaxed);
    ACCESS_STATS(X)
#undef X
}

enum err access__format_first(struct access *a, struct seg seg, enum redo_opcode op, const struct mtr_part *parts, unsigned nparts,
                              struct diag *d)
{
    struct mtr m;
    struct pin *b;
    const struct dba at = space_first_block(seg); /* nobody else can have asked for it yet */
    uint32_t bytes = ACCESS_SPACE_REDO + 128;
    for (unsigned i = 0; i < nparts; i++)
        bytes += parts[i].len;
    mtr_begin(&m, a->bc, XID_NONE);
    enum err err = mtr_reserve(&m, bytes, d);
    if (!err)
        err = mtr_pin_fresh(&m, at, &b, d);
    if (!err)
        err = space_use_block(a->space, &m, seg, at, d);
    if (!err)
        err = mtr_change(&m, b, op, parts, nparts, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    (void)mtr_commit(&m, NULL);
    return ERR_OK;
}

enum err heap_create(struct access *a, struct seg *ret, struct diag *d)
{
    return space_segment_create(a->space, ret, d);
}
