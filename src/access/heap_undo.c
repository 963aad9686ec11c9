/*
 * Rollback of heap changes: one record at a time, in the caller's
 * mini-transaction. A record is undone only where the row's writer and undo
 * pointer say that it is the row's newest change.
 */
#include "access/access_int.h"
#include "base/buf.h"

struct undoing {
    struct access *a;
    struct mtr *m;
    const struct undo_record *rec;
    struct undo_ptr at;
};

static bool is_newest(const struct undoing *u, const struct heap_item *it)
{
    return !(it->h.flags & ROW_STAMPED) && it->h.writer == u->rec->xid.v && it->h.undo.v == u->at.v;
}

static struct row_header previous(const struct undo_record *rec)
{
    return (struct row_header){ .writer = rec->prev_writer, .undo = rec->prev_undo, .flags = rec->prev_flags, .layout = rec->prev_layout,
                                .body_len = rec->prev_body_len };
}

static enum err restore(const struct undoing *u, struct pin *b, unsigned slot, const struct row_header *h, struct heap_diff diff,
                        const uint8_t *mid, uint32_t mid_len, struct diag *d)
{
    uint8_t head[HEAP_CHANGE_HEAD];
    heap_put_change_head(head, slot, h, diff);
    const struct mtr_part part[] = { { head, sizeof(head) }, { mid, mid_len } };
    return mtr_change(u->m, b, REDO_HEAP_RESTORE, part, mid_len ? 2 : 1, d);
}

static enum err free_slots(const struct undoing *u, struct pin *b, const uint16_t *slots, unsigned n, struct diag *d)
{
    uint8_t list[4 * HEAP_ROWS_MAX];
    for (unsigned i = 0; i < n; i++) {
        put_u16le(list + 4 * i, slots[i]);
        put_u16le(list + 4 * i + 2, 0);
    }
    const struct mtr_part part = { list, 4 * n };
    return n ? mtr_change(u->m, b, REDO_HEAP_PURGE, &part, 1, d) : ERR_OK;
}

/*
 * What the handlers must know before they pin: a copy of the row as it is. Nobody else changes it: its writer is being rolled back.
 * *ret_there false: nothing to undo.
 */
static enum err look(const struct undoing *u, unsigned slot, struct version *v, bool *ret_there, struct diag *d)
{
    struct pin *b;
    struct heap_item it;
    enum err err = buf_pin(u->a->bc, rowid_dba(u->rec->rowid), BUF_S, &b, d);
    if (err)
        return err;
    *ret_there = heap_page_is(b->data, u->rec->seg.id) && heap_page_row(b->data, slot, &it) && is_newest(u, &it);
    if (*ret_there)
        version_set(v, &it);
    buf_unpin(b);
    return ERR_OK;
}

/* Rows added: their slots are free again. Chains go first: a crash in between finds the pieces gone and goes on. */
static enum err undo_inserts(const struct undoing *u, const uint16_t *slots, unsigned n, struct diag *d)
{
    struct version v;
    struct pin *b;
    struct heap_item it;
    uint16_t mine[HEAP_ROWS_MAX];
    unsigned nmine = 0;
    bool there;
    for (unsigned i = 0; i < n && i < HEAP_ROWS_MAX; i++) {
        enum err err = look(u, slots[i], &v, &there, d);
        if (err)
            return err;
        if (there && (v.h.flags & ROW_OVERFLOW))
            overflow_drop(u->a, u->rec->seg, v.body, v.len);
    }
    enum err err = mtr_pin(u->m, rowid_dba(u->rec->rowid), &b, d);
    if (err || !heap_page_is(b->data, u->rec->seg.id))
        return err;
    for (unsigned i = 0; i < n && i < HEAP_ROWS_MAX; i++)
        if (heap_page_row(b->data, slots[i], &it) && is_newest(u, &it))
            mine[nmine++] = slots[i];
    return free_slots(u, b, mine, nmine, d);
}

/* Pins the home row's block and the block that its stub leads to, in the order of their addresses (R6). */
static enum err pin_both(const struct undoing *u, struct dba moved, struct pin **ret_home, struct pin **ret_moved, struct diag *d)
{
    const struct dba home = rowid_dba(u->rec->rowid);
    enum err err = mtr_pin(u->m, home.v < moved.v ? home : moved, home.v < moved.v ? ret_home : ret_moved, d);
    if (!err)
        err = mtr_pin(u->m, home.v < moved.v ? moved : home, home.v < moved.v ? ret_moved : ret_home, d);
    return err;
}

static enum err does_not_fit(const struct undoing *u, struct diag *d)
{
    return diag_set(d, ERR_CORRUPT, "undo of row %" PRIx64 " of segment %u does not fit the row", u->rec->rowid.v, u->rec->seg.id);
}

static enum err undo_header(const struct undoing *u, struct diag *d)
{
    struct pin *b;
    struct heap_item it;
    const unsigned slot = rowid_slot(u->rec->rowid);
    enum err err = mtr_pin(u->m, rowid_dba(u->rec->rowid), &b, d);
    if (err)
        return err;
    if (!heap_page_is(b->data, u->rec->seg.id) || !heap_page_row(b->data, slot, &it) || !is_newest(u, &it))
        return ERR_OK;
    const struct row_header h = previous(u->rec);
    return restore(u, b, slot, &h, (struct heap_diff){ it.h.body_len, 0 }, NULL, 0, d);
}

static enum err undo_update(const struct undoing *u, struct diag *d)
{
    struct undo_update up;
    struct version v, whole;
    struct pin *home, *moved;
    struct heap_item it;
    bool there, found;
    const unsigned slot = rowid_slot(u->rec->rowid);
    const struct row_header h = previous(u->rec);
    enum err err = look(u, slot, &v, &there, d);
    if (err || !there)
        return err;
    if (!undo_update_get(u->rec, &up))
        return does_not_fit(u, d);
    if (v.whole) {
        if (v.h.flags & ROW_OVERFLOW)
            overflow_drop(u->a, u->rec->seg, v.body, v.len);
        err = mtr_pin(u->m, rowid_dba(u->rec->rowid), &home, d);
        if (err)
            return err;
        return restore(u, home, slot, &h, up.diff, up.mid, up.mid_len, d);
    }
    struct heap_stub stub = heap__stub(v.body);
    whole = v;
    err = version_fetch_moved(u->a, 0, true, u->rec->seg, &whole, &found, d);
    if (err)
        return err;
    if (!found || !up.has_stamp)
        return does_not_fit(u, d);
    if (v.h.flags & ROW_OVERFLOW)
        overflow_drop(u->a, u->rec->seg, whole.body, whole.len);
    err = pin_both(u, rowid_dba(stub.to), &home, &moved, d);
    if (err)
        return err;
    if (!heap_page_row(moved->data, rowid_slot(stub.to), &it))
        return does_not_fit(u, d);
    /* the moved row's header: its writer only tells whose the room is, its undo pointer is the stamp */
    struct row_header mh = h;
    mh.undo = up.stamp;
    mh.flags = (uint8_t)(ROW_MOVED_HERE | (h.flags & ROW_OVERFLOW));
    mh.body_len = (uint16_t)(up.diff.prefix + up.diff.suffix + up.mid_len);
    stub.stamp = up.stamp;
    err = restore(u, moved, rowid_slot(stub.to), &mh, up.diff, up.mid, up.mid_len, d);
    if (!err)
        err = restore(u, home, slot, &h, (struct heap_diff){ 0 }, (const uint8_t *)&stub, sizeof(stub), d);
    return err;
}

static enum err undo_forward(const struct undoing *u, struct diag *d)
{
    struct version v, whole;
    struct pin *home, *moved;
    struct heap_item it;
    bool there, found;
    const unsigned slot = rowid_slot(u->rec->rowid);
    const struct row_header h = previous(u->rec);
    enum err err = look(u, slot, &v, &there, d);
    if (err || !there)
        return err;
    if (v.whole || v.len != HEAP_STUB_SIZE)
        return does_not_fit(u, d);
    const struct heap_stub stub = heap__stub(v.body);
    if (v.h.flags & ROW_OVERFLOW) {
        whole = v;
        err = version_fetch_moved(u->a, 0, true, u->rec->seg, &whole, &found, d);
        if (err)
            return err;
        if (found)
            overflow_drop(u->a, u->rec->seg, whole.body, whole.len);
    }
    err = pin_both(u, rowid_dba(stub.to), &home, &moved, d);
    if (err)
        return err;
    if (!heap_page_row(moved->data, rowid_slot(stub.to), &it) || it.h.undo.v != stub.stamp.v)
        return does_not_fit(u, d);
    const uint16_t moved_slot = rowid_slot(stub.to);
    err = free_slots(u, moved, &moved_slot, 1, d);
    if (!err)
        err = restore(u, home, slot, &h, (struct heap_diff){ 0 }, u->rec->data, u->rec->len, d);
    return err;
}

enum err heap__undo(void *arg, struct txn_sys *ts, struct mtr *m, const struct undo_record *rec, struct undo_ptr at, struct diag *d)
{
    const struct undoing u = { .a = arg, .m = m, .rec = rec, .at = at };
    const uint16_t slot = rowid_slot(rec->rowid);
    uint16_t slots[HEAP_ROWS_MAX];
    const unsigned n = MIN(rec->len / 2u, HEAP_ROWS_MAX);
    enum err err;
    switch ((enum undo_type)rec->type) {
    case UNDO_HEAP_INSERT:
        err = undo_inserts(&u, &slot, 1, d);
        break;
    case UNDO_HEAP_MULTI_INSERT:
        memcpy(slots, rec->data, 2 * n);
        err = undo_inserts(&u, slots, n, d);
        break;
    case UNDO_HEAP_UPDATE:
        err = undo_update(&u, d);
        break;
    case UNDO_HEAP_FORWARD:
        err = undo_forward(&u, d);
        break;
    case UNDO_HEAP_DELETE:
    case UNDO_HEAP_LOCK:
        err = undo_header(&u, d);
        break;
    default:
        err = diag_set(d, ERR_CORRUPT, "undo of type %u is not for rows", rec->type);
        break;
    }
    return err ? diag_wrap(d, err, "rolling back a change of segment %u", rec->seg.id) : ERR_OK;
}
