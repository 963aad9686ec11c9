/*
 * What committed undo leaves to do once no snapshot can see the versions
 * before it (R11): index entries that are marked go first, then the slots of
 * deleted rows, the old places of moved rows and the chains of replaced
 * versions.
 *
 * A transaction's records come in the order written: a row's deletion before
 * its index entries are marked. So freeing a slot is put off for a while. A
 * slot that is freed too early (the list is bounded) does no harm: an entry is
 * removed only if it is still marked by the transaction whose record asks for
 * it, and readers check row and key.
 */
#include <stdlib.h>

#include "access/access_int.h"
#include "base/buf.h"

#define LATER_MAX 16384u

struct later {
    struct xid xid;
    struct seg seg;
    struct rowid rowid;
    scn_t commit_scn;
};

/* First in, first out. */
struct purge_later {
    uint32_t first, n;
    struct later e[LATER_MAX];
};

void purge_later_free(struct purge_later *l) { free(l); }

void access__stays_behind(struct access *a, struct seg seg, const struct diag *d, const char *what)
{
    if (!space_segment_is_gone(a->space, seg))
        log_diag(a->log, LOG_WARNING, d, "%s of segment %u", what, seg.id);
}

static bool deleted_by(const struct heap_item *it, struct xid xid, scn_t commit_scn)
{
    return (it->h.flags & ROW_DELETED) && it->h.writer == (it->h.flags & ROW_STAMPED ? commit_scn : xid.v);
}

static enum err free_slot(struct access *a, struct mtr *m, struct pin *b, unsigned slot, struct diag *d)
{
    uint8_t list[4];
    put_u16le(list, (uint16_t)slot);
    put_u16le(list + 2, 0);
    const struct mtr_part part = { list, 4 };
    return mtr_change(m, b, REDO_HEAP_PURGE, &part, 1, d);
}

static enum err begin(struct access *a, struct mtr *m, struct diag *d)
{
    mtr_begin(m, a->bc, XID_NONE);
    return mtr_reserve(m, 256, d);
}

/* A slot that holds a moved body with this stamp, and its chain. */
static enum err purge_moved(struct access *a, struct seg seg, const struct heap_stub *stub, struct diag *d)
{
    struct version v = { .h = { .flags = ROW_FORWARD }, .len = HEAP_STUB_SIZE };
    struct mtr m;
    struct pin *b;
    struct heap_item it;
    bool found;
    const unsigned slot = rowid_slot(stub->to);
    memcpy(v.body, stub, HEAP_STUB_SIZE);
    enum err err = version_fetch_moved(a, 0, true, seg, &v, &found, d);
    if (err || !found)
        return err;
    overflow_drop(a, seg, v.body, v.len);
    err = begin(a, &m, d);
    if (!err)
        err = mtr_pin(&m, rowid_dba(stub->to), &b, d);
    if (!err && heap_page_is(b->data, seg.id) && heap_page_row(b->data, slot, &it) && (it.h.flags & ROW_MOVED_HERE) &&
        it.h.undo.v == stub->stamp.v) {
        err = free_slot(a, &m, b, slot, d);
        const uint32_t free_bytes = heap_page(b->data)->free_bytes;
        if (!err) {
            (void)mtr_commit(&m, NULL);
            return space_note(a->space, seg, rowid_dba(stub->to), free_bytes, d);
        }
    }
    mtr_cancel(&m);
    return err;
}

/* A deleted row: what hangs on it first, its slot last. */
static enum err purge_row(struct access *a, const struct later *l, struct diag *d)
{
    struct version v;
    struct mtr m;
    struct pin *b;
    struct heap_item it;
    const unsigned slot = rowid_slot(l->rowid);
    enum err err = buf_pin(a->bc, rowid_dba(l->rowid), BUF_S, &b, d);
    if (err)
        return err;
    const bool there = heap_page_is(b->data, l->seg.id) && heap_page_row(b->data, slot, &it) && deleted_by(&it, l->xid, l->commit_scn);
    if (there)
        version_set(&v, &it);
    buf_unpin(b);
    if (!there)
        return ERR_OK;
    if (v.whole) {
        overflow_drop(a, l->seg, v.body, v.len);
    } else if (v.len == HEAP_STUB_SIZE) {
        const struct heap_stub stub = heap__stub(v.body);
        err = purge_moved(a, l->seg, &stub, d);
        if (err)
            return err;
    }
    err = begin(a, &m, d);
    if (!err)
        err = mtr_pin(&m, rowid_dba(l->rowid), &b, d);
    if (!err && heap_page_is(b->data, l->seg.id) && heap_page_row(b->data, slot, &it) && deleted_by(&it, l->xid, l->commit_scn)) {
        err = free_slot(a, &m, b, slot, d);
        const uint32_t free_bytes = heap_page(b->data)->free_bytes;
        if (!err) {
            (void)mtr_commit(&m, NULL);
            COUNT(a, rows_purged);
            return space_note(a->space, l->seg, rowid_dba(l->rowid), free_bytes, d);
        }
    }
    mtr_cancel(&m);
    return err;
}

static void purge_oldest(struct access *a)
{
    struct purge_later *q = a->later;
    const struct later l = q->e[q->first];
    struct diag d;
    q->first = (q->first + 1) % LATER_MAX;
    q->n--;
    if (purge_row(a, &l, &d))
        access__stays_behind(a, l.seg, &d, "a deleted row keeps its slot in a block");
}

static void purge_update(struct access *a, const struct undo_record *rec, struct diag *d)
{
    struct undo_update u;
    if ((rec->prev_flags & ROW_OVERFLOW) && undo_update_get(rec, &u) && u.has_ref && overflow_free(a, rec->seg, &u.ref, d))
        access__stays_behind(a, rec->seg, d, "the blocks of an overflow value are not given back to the space");
}

static void purge_forward(struct access *a, const struct undo_record *rec, struct diag *d)
{
    if (!(rec->prev_flags & ROW_FORWARD)) {
        overflow_drop(a, rec->seg, rec->data, rec->len);
    } else if (rec->len == HEAP_STUB_SIZE) {
        const struct heap_stub stub = heap__stub(rec->data);
        if (purge_moved(a, rec->seg, &stub, d))
            access__stays_behind(a, rec->seg, d, "the old place of a moved row stays taken in a block");
    }
}

void access__purge(void *arg, const struct undo_record *rec, scn_t commit_scn)
{
    struct access *a = arg;
    struct diag d;
    if (!a->later)
        a->later = xcalloc(1, sizeof(*a->later));
    struct purge_later *q = a->later;
    /* Index entries of earlier transactions are gone by now. */
    while (q->n && !xid_eq(q->e[q->first].xid, rec->xid))
        purge_oldest(a);
    switch ((enum undo_type)rec->type) {
    case UNDO_HEAP_DELETE:
        if (q->n == LATER_MAX)
            purge_oldest(a);
        q->e[(q->first + q->n++) % LATER_MAX] = (struct later){ rec->xid, rec->seg, rec->rowid, commit_scn };
        break;
    case UNDO_HEAP_UPDATE:
        purge_update(a, rec, &d);
        break;
    case UNDO_HEAP_FORWARD:
        purge_forward(a, rec, &d);
        break;
    case UNDO_BTREE_MARK:
        btree__purge(a, rec);
        break;
    default:
        break;
    }
}
