/*
 * Rows changed, deleted, locked. Each attempt is one mini-transaction: pin,
 * judge the row as it is now, change. What must be waited for, or read from
 * undo, is done between attempts, without pins.
 */
#include "access/access_int.h"
#include "base/buf.h"
#include "rt/rt.h"

#define ATTEMPTS_MAX 100000u
#define UNDO_GUESS 512u /* first reservation for an update's undo data: more only where a diff turns out longer */

enum verdict {
    JUDGE_GO,
    JUDGE_CHANGED,
    JUDGE_GONE,
    JUDGE_SELF,
    JUDGE_WAIT, /* for the end of transaction `xid` */
    JUDGE_STATUS, /* of `xid` is not known here */
    JUDGE_BENEATH, /* a finished lock, or one of this statement: the version beneath decides, and undo has it */
};

/* What was found out about the row between attempts. */
struct beneath {
    struct undo_ptr under; /* of the lock's header that this is the answer for */
    struct row_header h; /* the version that is not a lock */
    scn_t commit_scn;
};

struct write {
    struct access *a;
    struct txn *t;
    struct heap_write *w;
    struct mtr *m; /* large, and mtr_begin() sets what it needs: not part of what is zeroed here */
    struct pin *home;
    struct heap_item it;
    struct beneath beneath;
    struct xid xid; /* JUDGE_WAIT, JUDGE_STATUS */
    struct row_header seen; /* JUDGE_BENEATH, JUDGE_CHANGED: the header */
    uint64_t token; /* JUDGE_CHANGED */
    /* a forwarded row's other block */
    struct pin *moved;
    struct heap_item moved_it;
    struct heap_stub stub;
};

static enum verdict judge(struct write *x)
{
    const struct row_header *h = &x->it.h;
    const struct snapshot *s = txn_snapshot(x->t);
    enum row_visibility vis;
    scn_t commit_scn = 0;
    x->xid = heap__writer(h);
    switch (txn_row_writer(x->a->ts, txn_xid(x->t), h, &commit_scn)) {
    case ROW_WRITER_ACTIVE:
        return JUDGE_WAIT;
    case ROW_WRITER_UNKNOWN:
        return JUDGE_STATUS;
    case ROW_WRITER_SELF:
        if (!txn_visible_fast(x->a->ts, s, h, &vis))
            return JUDGE_STATUS; /* which says that the snapshot is too old */
        if (vis == ROW_VISIBLE) /* a version under an earlier statement's lock is one that s sees */
            return h->flags & ROW_DELETED ? JUDGE_GONE : JUDGE_GO;
        if (!(h->flags & ROW_LOCKED))
            return JUDGE_SELF;
        commit_scn = SCN_MAX; /* one of this statement may be on a newer version than what the change was computed from */
        break;
    case ROW_WRITER_COMMITTED:
        break;
    }
    struct row_header version = *h;
    if ((h->flags & ROW_LOCKED) && commit_scn > s->s) {
        if (x->beneath.under.v != h->undo.v) {
            x->seen = *h;
            return JUDGE_BENEATH;
        }
        version = x->beneath.h;
        commit_scn = x->beneath.commit_scn;
    }
    if (version.flags & ROW_DELETED)
        return JUDGE_GONE;
    if (commit_scn <= s->s || (x->w->accept_newer && x->w->seen_writer == version.undo.v))
        return JUDGE_GO;
    x->seen = *h;
    x->token = version.undo.v;
    return JUDGE_CHANGED;
}

/* From a finished lock down to the version that it lay on. */
static enum err look_beneath(struct write *x, struct diag *d)
{
    uint8_t buf[BLOCK_SIZE];
    struct undo_record rec;
    struct row_header h = x->seen;
    const struct snapshot *s = txn_snapshot(x->t);
    scn_t commit_scn = SCN_MAX;
    while ((h.flags & ROW_LOCKED) && commit_scn > s->s) {
        enum err err = txn_undo_read(x->a->ts, h.undo, heap__writer(&h), x->w->seg, x->w->rowid, s->s, &rec, buf, d);
        if (err)
            return err;
        h = (struct row_header){ .writer = rec.prev_writer, .undo = rec.prev_undo, .flags = rec.prev_flags, .layout = rec.prev_layout,
                                 .body_len = rec.prev_body_len };
        switch (txn_row_writer(x->a->ts, txn_xid(x->t), &h, &commit_scn)) {
        case ROW_WRITER_UNKNOWN:
            err = txn_status_wait(x->a->ts, s, heap__writer(&h), d);
            return err; /* the next attempt comes here again */
        case ROW_WRITER_COMMITTED:
            break;
        case ROW_WRITER_ACTIVE:
        case ROW_WRITER_SELF:
            return ERR_OK; /* the lock is gone by now */
        }
    }
    x->beneath = (struct beneath){ .under = x->seen.undo, .h = h, .commit_scn = commit_scn };
    return ERR_OK;
}

static enum err pin_home(struct write *x, struct diag *d)
{
    const struct dba at = rowid_dba(x->w->rowid);
    enum err err = mtr_pin(x->m, at, &x->home, d);
    if (err)
        return err;
    if (!heap_page_is(x->home->data, x->w->seg.id))
        return diag_set(d, ERR_CORRUPT, "block %u of file %u does not belong to segment %u", dba_block(at), dba_file(at), x->w->seg.id);
    return ERR_OK;
}

static bool read_home(struct write *x)
{
    return heap_page_row(x->home->data, rowid_slot(x->w->rowid), &x->it) && !(x->it.h.flags & ROW_MOVED_HERE);
}

/* Body of the newest version, for HEAP_CHANGED. Without pins. *ret_found false: it is no longer the version that was judged. */
static enum err copy_newest(struct write *x, bool *ret_found, struct diag *d)
{
    struct version v;
    bool there;
    struct heap_row *row = &x->w->ret_row;
    enum err err = heap__read_current(x->a, x->w->seg, x->w->rowid, &v, &there, d);
    if (err)
        return err;
    *ret_found = there && v.h.undo.v == x->seen.undo.v; /* undo pointers name versions */
    if (!*ret_found)
        return ERR_OK;
    *row = (struct heap_row){ .rowid = x->w->rowid, .layout = v.h.layout, .body = arena_dup(x->w->arena, v.body, v.len), .len = (uint16_t)v.len };
    return ERR_OK;
}

static enum err get_in_line(struct write *x, struct diag *d)
{
    struct heap_write *w = x->w;
    heap__note_wanted(x->a, w->rowid);
    const enum err err = txn_line_join(x->t, w->seg, w->rowid, txn_lock_deadline(x->t), d);
    w->in_line = err == ERR_OK;
    return err;
}

void heap_let_go(struct txn *t, struct heap_write *w)
{
    if (w->in_line)
        txn_line_leave(t, w->seg, w->rowid);
    w->in_line = false;
}

/* Before the first attempt: who has seen that the row is taken does not fetch the block to see it again. */
static enum err begin_write(struct write *x, struct diag *d)
{
    const struct heap_write *w = x->w;
    return UNLIKELY(w->taken) && !w->in_line && !w->nowait && !w->skip_locked ? get_in_line(x, d) : ERR_OK;
}

/* Stays in line where it got the row, or may want the newer version. */
static void end_write(struct write *x, enum err err, enum heap_outcome outcome)
{
    if (err || (outcome != HEAP_DONE && outcome != HEAP_CHANGED))
        heap_let_go(x->t, x->w);
}

/*
 * What a verdict other than JUDGE_GO leads to, after the pins have been let go. *ret_again: attempt once more.
 */
static enum err settle(struct write *x, enum verdict v, enum heap_outcome *ret, bool *ret_again, struct diag *d)
{
    struct heap_write *w = x->w;
    bool found = false;
    enum err err;
    *ret_again = false;
    switch (v) {
    case JUDGE_GO:
        break;
    case JUDGE_GONE:
        *ret = HEAP_GONE;
        return ERR_OK;
    case JUDGE_SELF:
        *ret = HEAP_SELF;
        return ERR_OK;
    case JUDGE_CHANGED:
        err = copy_newest(x, &found, d);
        *ret_again = !found;
        w->ret_writer = x->token;
        *ret = HEAP_CHANGED;
        return err;
    case JUDGE_WAIT:
        if (w->skip_locked) {
            *ret = HEAP_SKIPPED;
            return ERR_OK;
        }
        if (w->nowait)
            return diag_set(d, ERR_LOCK_NOT_AVAILABLE, "could not obtain lock on row");
        *ret_again = true;
        if (!w->in_line)
            return get_in_line(x, d); /* the row may be free when it is its turn */
        return txn_wait_for(x->t, x->xid, txn_lock_deadline(x->t), d);
    case JUDGE_STATUS:
        *ret_again = true;
        return txn_status_wait(x->a->ts, txn_snapshot(x->t), x->xid, d);
    case JUDGE_BENEATH:
        *ret_again = true;
        err = look_beneath(x, d);
        if (err == ERR_SNAPSHOT_TOO_OLD) /* the lock, or the snapshot: the header is read again; a lock that old is at or below the snapshot */
            err = txn_snapshot_check(x->a->ts, txn_snapshot(x->t), d);
        return err;
    }
    return ERR_OK;
}

static void undo_of(const struct write *x, enum undo_type type, struct undo_record *ret)
{
    *ret = (struct undo_record){ .type = (uint8_t)type, .seg = x->w->seg, .rowid = x->w->rowid, .prev_writer = x->it.h.writer,
                                 .prev_undo = x->it.h.undo, .prev_flags = x->it.h.flags, .prev_layout = x->it.h.layout,
                                 .prev_body_len = x->it.h.body_len };
}

static void must(enum err err, const struct diag *d)
{
    if (err)
        panic("heap: half a mini-transaction: %s", d->message);
}

/* ---- delete and lock --------------------------------------------------------------- */

/* One attempt. *ret_v says what stood in the way; JUDGE_GO: done. */
static enum err attempt_header(struct write *x, bool lock, enum verdict *ret_v, struct diag *d)
{
    uint32_t undo_redo;
    struct undo_record undo;
    uint8_t head[2 + ROW_HEADER_SIZE];
    enum err err = txn_undo_reserve(x->t, 0, &undo_redo, d);
    if (err)
        return err;
    mtr_begin(x->m, x->a->bc, txn_xid(x->t));
    err = mtr_reserve(x->m, undo_redo + sizeof(head) + 64, d);
    if (!err)
        err = pin_home(x, d);
    if (!err) {
        *ret_v = read_home(x) ? judge(x) : JUDGE_GONE;
        const bool own = !(x->it.h.flags & ROW_STAMPED) && x->it.h.writer == txn_xid(x->t).v;
        if (*ret_v != JUDGE_GO || (lock && own)) { /* what a transaction has changed or locked it holds */
            mtr_cancel(x->m);
            return ERR_OK;
        }
        struct row_header h = x->it.h;
        undo_of(x, lock ? UNDO_HEAP_LOCK : UNDO_HEAP_DELETE, &undo);
        err = txn_undo_append(x->t, x->m, &undo, &h.undo, d);
        if (!err) {
            h.writer = txn_xid(x->t).v;
            h.flags = (uint8_t)((h.flags & ~(ROW_LOCKED | ROW_FIRST)) | (lock ? ROW_LOCKED : ROW_DELETED));
            heap_put_row_head(head, rowid_slot(x->w->rowid), &h);
            const struct mtr_part part = { head, sizeof(head) };
            must(mtr_change(x->m, x->home, lock ? REDO_HEAP_LOCK : REDO_HEAP_DELETE, &part, 1, d), d);
            (void)mtr_commit(x->m, NULL);
            return ERR_OK;
        }
    }
    mtr_cancel(x->m);
    return err;
}

static enum err header_loop(struct write *x, bool lock, enum heap_outcome *ret, struct diag *d)
{
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        enum verdict v;
        bool again;
        enum err err = attempt_header(x, lock, &v, d);
        if (err)
            return err;
        if (v == JUDGE_GO) {
            *ret = HEAP_DONE;
            return ERR_OK;
        }
        err = settle(x, v, ret, &again, d);
        if (err || !again)
            return err;
    }
    return diag_set(d, ERR_INTERNAL, "row %" PRIx64 " of segment %u does not come to rest", x->w->rowid.v, x->w->seg.id);
}

static enum err change_header(struct access *a, struct txn *t, struct heap_write *w, bool lock, enum heap_outcome *ret, struct diag *d)
{
    struct mtr m;
    struct write x = { .a = a, .t = t, .w = w, .m = &m };
    *ret = HEAP_GONE;
    enum err err = begin_write(&x, d);
    if (!err)
        err = header_loop(&x, lock, ret, d);
    end_write(&x, err, *ret);
    return err;
}

enum err heap_delete(struct access *a, struct txn *t, struct heap_write *w, enum heap_outcome *ret, struct diag *d)
{
    return change_header(a, t, w, false, ret, d);
}

enum err heap_lock(struct access *a, struct txn *t, struct heap_write *w, enum heap_outcome *ret, struct diag *d)
{
    return change_header(a, t, w, true, ret, d);
}

/* ---- update -------------------------------------------------------------------------- */

struct update {
    struct write x;
    const uint8_t *body;
    uint32_t len;
    uint8_t layout;
    uint32_t undo_len; /* reserved */
    bool move; /* to another block: */
    struct dba to;
    bool fresh;
    struct pin *target;
};

enum progress {
    PROGRESS_DONE,
    PROGRESS_VERDICT, /* something stands in the way */
    PROGRESS_AGAIN, /* with a larger undo reservation, or the blocks have changed */
    PROGRESS_MOVE, /* the row does not fit any more: find a block for it */
    PROGRESS_NEXT_BLOCK, /* the block that was found does not have the room */
};

/* Pins two blocks in the order of their addresses (R6). */
static enum err pin_two(struct mtr *m, struct dba p, bool p_fresh, struct pin **ret_p, struct dba q, struct pin **ret_q, struct diag *d)
{
    const bool p_first = MUTATED("R6") ? true : p.v < q.v;
    enum err err = ERR_OK;
    for (unsigned i = 0; i < 2 && !err; i++) {
        if ((i == 0) == p_first)
            err = p_fresh ? mtr_pin_fresh(m, p, ret_p, d) : mtr_pin(m, p, ret_p, d);
        else
            err = mtr_pin(m, q, ret_q, d);
    }
    return err;
}

/* A forwarded row's body, pinned beside its stub. *ret_v JUDGE_GO: x->moved and x->moved_it are there; else the stub leads nowhere. */
static enum err pin_moved(struct write *x, bool *ret_ok, struct diag *d)
{
    const struct heap_stub stub = heap__stub(x->it.body);
    const struct undo_ptr seen = x->it.h.undo;
    const struct dba at = rowid_dba(stub.to), home = rowid_dba(x->w->rowid);
    enum err err;
    *ret_ok = false;
    if (x->it.h.body_len != HEAP_STUB_SIZE)
        return diag_set(d, ERR_CORRUPT, "a forwarding stub of %u bytes", x->it.h.body_len);
    if (at.v > home.v) {
        err = mtr_pin(x->m, at, &x->moved, d);
    } else {
        mtr_unpin(x->m, x->home);
        err = pin_two(x->m, at, false, &x->moved, home, &x->home, d);
    }
    if (err)
        return err;
    if (!heap_page_is(x->home->data, x->w->seg.id) || !read_home(x) || x->it.h.undo.v != seen.v)
        return ERR_OK;
    if (!heap_page_is(x->moved->data, x->w->seg.id) || !heap_page_row(x->moved->data, rowid_slot(stub.to), &x->moved_it) ||
        x->moved_it.h.undo.v != stub.stamp.v)
        return diag_set(d, ERR_CORRUPT, "the stub of row %" PRIx64 " leads to no row of its own", x->w->rowid.v);
    x->stub = stub;
    *ret_ok = true;
    return ERR_OK;
}

/* Rooms that may shrink: other rows, of transactions known to have ended. Returns the bytes of the HEAP_PURGE payload. */
static uint32_t collect_trims(struct access *a, struct xid self, const uint8_t *block, unsigned except, uint8_t *list, uint32_t *ret_gain)
{
    uint32_t len = 0;
    const unsigned nslots = MIN(heap_page(block)->nslots, HEAP_ROWS_MAX);
    *ret_gain = 0;
    for (unsigned slot = 0; slot < nslots; slot++) {
        struct heap_item it;
        scn_t commit_scn;
        if (slot == except || !heap_page_row(block, slot, &it) || it.room == heap_room_for(it.h.body_len))
            continue;
        if (txn_row_writer(a->ts, self, &it.h, &commit_scn) != ROW_WRITER_COMMITTED)
            continue;
        put_u16le(list + len, (uint16_t)slot);
        put_u16le(list + len + 2, (uint16_t)heap_room_for(it.h.body_len));
        len += 4;
        *ret_gain += it.room - heap_room_for(it.h.body_len);
    }
    return len;
}

/* Will the row's new body fit, perhaps after trimming others? The payload of the trimming in list, *ret_list_len 0: none is needed. */
static bool fits(struct write *x, const uint8_t *block, unsigned slot, uint16_t room, uint32_t len, uint8_t *list, uint32_t *ret_list_len)
{
    uint32_t gain;
    *ret_list_len = 0;
    if (heap_page_fits_change(block, slot, len))
        return true;
    *ret_list_len = collect_trims(x->a, txn_xid(x->t), block, slot, list, &gain);
    return *ret_list_len && heap_room_for(len) <= (uint32_t)heap_page(block)->free_bytes + gain + room;
}

static void change_row(struct write *x, struct pin *b, enum redo_opcode op, unsigned slot, const struct row_header *h, struct heap_diff diff,
                       const uint8_t *mid, uint32_t mid_len, struct diag *d)
{
    uint8_t head[HEAP_CHANGE_HEAD];
    heap_put_change_head(head, slot, h, diff);
    const struct mtr_part part[] = { { head, sizeof(head) }, { mid, mid_len } };
    must(mtr_change(x->m, b, op, part, mid_len ? 2 : 1, d), d);
}

/* Where the row is, in its home block or where its stub leads. */
static enum err update_in_place(struct update *u, enum progress *ret, struct diag *d)
{
    struct write *x = &u->x;
    const bool moved = x->moved != NULL;
    const struct heap_item *old = moved ? &x->moved_it : &x->it;
    struct pin *b = moved ? x->moved : x->home;
    const unsigned slot = rowid_slot(moved ? x->stub.to : x->w->rowid);
    uint8_t trims[HEAP_ROWS_MAX * 4], data[UNDO_DATA_MAX];
    uint32_t trims_len;
    if (!fits(x, b->data, slot, old->room, u->len, trims, &trims_len)) {
        *ret = PROGRESS_MOVE;
        return ERR_OK;
    }
    struct undo_update undo_data = { .has_stamp = moved, .stamp = x->stub.stamp, .diff = heap_diff(old->body, old->h.body_len, u->body, u->len) };
    undo_data.has_ref = overflow_ref_get(old->body, old->h.body_len, &undo_data.ref);
    const struct heap_diff diff = undo_data.diff;
    const uint32_t old_mid = old->h.body_len - diff.prefix - diff.suffix, new_mid = u->len - diff.prefix - diff.suffix;
    const uint32_t head = undo_update_put(data, &undo_data);
    if (head + old_mid > u->undo_len) {
        u->undo_len = head + old_mid;
        *ret = PROGRESS_AGAIN;
        return ERR_OK;
    }
    memcpy(data + head, old->body + diff.prefix, old_mid);

    struct undo_record undo;
    struct row_header h = { .writer = txn_xid(x->t).v, .flags = u->len && (u->body[0] & BODY_OVERFLOW) ? ROW_OVERFLOW : 0, .layout = u->layout,
                            .body_len = (uint16_t)u->len };
    undo_of(x, UNDO_HEAP_UPDATE, &undo);
    undo.data = data;
    undo.len = (uint16_t)(head + old_mid);
    enum err err = txn_undo_append(x->t, x->m, &undo, &h.undo, d);
    if (err)
        return err;
    if (trims_len) {
        const struct mtr_part part = { trims, trims_len };
        must(mtr_change(x->m, b, REDO_HEAP_PURGE, &part, 1, d), d);
    }
    if (moved) {
        const struct heap_stub stub = { .to = x->stub.to, .stamp = h.undo };
        struct row_header home = h;
        home.flags |= ROW_FORWARD;
        home.body_len = HEAP_STUB_SIZE;
        change_row(x, x->home, REDO_HEAP_FORWARD, rowid_slot(x->w->rowid), &home, (struct heap_diff){ 0 }, (const uint8_t *)&stub, sizeof(stub), d);
        h.flags |= ROW_MOVED_HERE;
    }
    change_row(x, b, REDO_HEAP_UPDATE, slot, &h, diff, u->body + diff.prefix, new_mid, d);
    (void)mtr_commit(x->m, NULL);
    *ret = PROGRESS_DONE;
    return ERR_OK;
}

/* The body goes to the target block, the home row becomes a stub that leads there. Undo has the home row whole. */
static enum err update_forward(struct update *u, enum progress *ret, struct diag *d)
{
    struct write *x = &u->x;
    struct undo_record undo;
    const bool empty = u->fresh;
    if (!empty && (!heap_page_is(u->target->data, x->w->seg.id) || !heap_page_fits(u->target->data, u->len))) {
        *ret = PROGRESS_NEXT_BLOCK;
        return ERR_OK;
    }
    if (x->it.h.body_len > u->undo_len) {
        u->undo_len = x->it.h.body_len;
        *ret = PROGRESS_AGAIN;
        return ERR_OK;
    }
    struct row_header home = { .writer = txn_xid(x->t).v, .layout = u->layout, .body_len = HEAP_STUB_SIZE,
                               .flags = (uint8_t)(ROW_FORWARD | (u->len && (u->body[0] & BODY_OVERFLOW) ? ROW_OVERFLOW : 0)) };
    undo_of(x, UNDO_HEAP_FORWARD, &undo);
    undo.data = x->it.body;
    undo.len = x->it.h.body_len;
    enum err err = txn_undo_append(x->t, x->m, &undo, &home.undo, d);
    if (err)
        return err;
    if (empty) {
        uint8_t format[12];
        put_u64le(format, u->to.v);
        put_u32le(format + 8, x->w->seg.id);
        const struct mtr_part part = { format, sizeof(format) };
        must(mtr_change(x->m, u->target, REDO_HEAP_FORMAT, &part, 1, d), d);
    }
    const unsigned slot = heap_page_free_slot(u->target->data);
    struct row_header h = home;
    uint8_t head[2 + ROW_HEADER_SIZE];
    h.flags = (uint8_t)((home.flags & ~ROW_FORWARD) | ROW_MOVED_HERE);
    h.body_len = (uint16_t)u->len;
    heap_put_row_head(head, slot, &h);
    const struct mtr_part part[] = { { head, sizeof(head) }, { u->body, u->len } };
    must(mtr_change(x->m, u->target, REDO_HEAP_INSERT, part, 2, d), d);
    const struct heap_stub stub = { .to = rowid_make(u->to, (uint16_t)slot), .stamp = home.undo };
    change_row(x, x->home, REDO_HEAP_FORWARD, rowid_slot(x->w->rowid), &home, (struct heap_diff){ 0 }, (const uint8_t *)&stub, sizeof(stub), d);
    if (u->fresh)
        must(space_use_block(x->a->space, x->m, x->w->seg, u->to, d), d);
    (void)mtr_commit(x->m, NULL);
    COUNT(x->a, rows_forwarded);
    *ret = PROGRESS_DONE;
    return ERR_OK;
}

static enum err attempt_pinned(struct update *u, enum progress *ret, enum verdict *ret_v, struct diag *d)
{
    struct write *x = &u->x;
    bool ok;
    enum err err;
    x->moved = NULL;
    if (u->move && dba_eq(u->to, rowid_dba(x->w->rowid))) { /* its class promised more than it has */
        *ret = PROGRESS_NEXT_BLOCK;
        return ERR_OK;
    }
    if (u->move) {
        err = pin_two(x->m, u->to, u->fresh, &u->target, rowid_dba(x->w->rowid), &x->home, d);
        if (!err && !heap_page_is(x->home->data, x->w->seg.id))
            err = diag_set(d, ERR_CORRUPT, "block %u does not belong to segment %u", dba_block(x->home->dba), x->w->seg.id);
    } else {
        err = pin_home(x, d);
    }
    if (err)
        return err;
    *ret_v = read_home(x) ? judge(x) : JUDGE_GONE;
    if (*ret_v != JUDGE_GO) {
        *ret = PROGRESS_VERDICT;
        return ERR_OK;
    }
    if (u->move)
        return update_forward(u, ret, d);
    if (x->it.h.flags & ROW_FORWARD) {
        err = pin_moved(x, &ok, d);
        if (err)
            return err;
        if (!ok) {
            *ret = PROGRESS_AGAIN;
            return ERR_OK;
        }
    }
    return update_in_place(u, ret, d);
}

static enum err attempt_update(struct update *u, enum progress *ret, enum verdict *ret_v, struct diag *d)
{
    struct write *x = &u->x;
    uint32_t undo_redo;
    enum err err = txn_undo_reserve(x->t, u->undo_len, &undo_redo, d);
    if (err)
        return err;
    mtr_begin(x->m, x->a->bc, txn_xid(x->t));
    /* the row's bytes, a stub, a list of trims */
    err = mtr_reserve(x->m, undo_redo + u->len + 1280 + (u->fresh ? ACCESS_SPACE_REDO : 0), d);
    if (!err)
        err = attempt_pinned(u, ret, ret_v, d);
    if (err || *ret != PROGRESS_DONE)
        mtr_cancel(x->m);
    return err;
}

static enum err find_target(struct update *u, struct diag *d)
{
    u->move = true;
    return space_find(u->x.a->space, u->x.w->seg, MIN(heap_room_for(u->len) + 4, BLOCK_SIZE - HEAP_SLOTS_AT), &u->to, &u->fresh, d);
}

static enum err next_target(struct update *u, struct diag *d)
{
    struct pin *b;
    struct access *a = u->x.a;
    enum err err = buf_pin(a->bc, u->to, BUF_S, &b, d);
    if (err)
        return err;
    const uint32_t free_bytes = heap_page_is(b->data, u->x.w->seg.id) ? heap_page(b->data)->free_bytes : 0;
    buf_unpin(b);
    err = space_note(a->space, u->x.w->seg, u->to, MIN(free_bytes, heap_room_for(u->len) + 3), d);
    return err ? err : find_target(u, d);
}

static enum err update_loop(struct update *u, enum heap_outcome *ret, struct diag *d)
{
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        enum verdict v = JUDGE_GO;
        enum progress p = PROGRESS_DONE;
        bool again = true;
        enum err err = attempt_update(u, &p, &v, d);
        if (err)
            return err;
        switch (p) {
        case PROGRESS_DONE:
            *ret = HEAP_DONE;
            return ERR_OK;
        case PROGRESS_VERDICT:
            err = settle(&u->x, v, ret, &again, d);
            break;
        case PROGRESS_AGAIN:
            break;
        case PROGRESS_MOVE:
            err = find_target(u, d);
            break;
        case PROGRESS_NEXT_BLOCK:
            err = next_target(u, d);
            break;
        }
        if (err || !again)
            return err;
    }
    return diag_set(d, ERR_INTERNAL, "row %" PRIx64 " of segment %u does not come to rest", u->x.w->rowid.v, u->x.w->seg.id);
}

enum err heap_update(struct access *a, struct txn *t, struct heap_write *w, uint8_t layout, const uint8_t *body, uint32_t len,
                     enum heap_outcome *ret, struct diag *d)
{
    struct mtr m;
    struct update u = { .x = { .a = a, .t = t, .w = w, .m = &m }, .body = body, .len = len, .layout = layout };
    enum heap_outcome outcome = HEAP_GONE;
    u.undo_len = MIN(len + UNDO_UPDATE_HEAD_MAX, UNDO_GUESS);
    enum err err = len > HEAP_BODY_MAX ? diag_set(d, ERR_LIMIT, "row is too big: size %u, maximum size %u", len, HEAP_BODY_MAX)
                                       : begin_write(&u.x, d);
    if (!err)
        err = update_loop(&u, &outcome, d);
    end_write(&u.x, err, outcome);
    if (u.move && u.fresh && (err || outcome != HEAP_DONE))
        space_untake(a->space, w->seg, u.to);
    if (err || outcome != HEAP_DONE)
        overflow_drop(a, w->seg, body, len);
    if (!err)
        *ret = outcome;
    return err;
}
