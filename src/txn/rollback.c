/*
 * Rollback, of own transactions and of those that a dead instance left behind: undo records in reverse order, each in a mini-transaction
 * that says in the transaction's table entry how far it has come.
 */
#include "txn/txn_int.h"

/* Whose entry the progress goes to. */
struct undoing {
    struct txn_sys *ts;
    const struct tt_geometry *g;
    struct xid xid;
    uint32_t nrecords; /* number of its newest record */
    bool leave_damaged; /* after a crash: what a damaged block would have to be changed back for is left, or nothing could be opened again */
    uint64_t left; /* records */
    struct diag first; /* of them */
};

static enum err log_progress(const struct undoing *u, struct mtr *m, struct undo_ptr next, struct diag *d)
{
    const uint32_t slot = tt_slot(u->g, xid_seq(u->xid));
    struct pin *tt;
    const enum err err = tt_pin_entry(u->ts, m, u->g, slot, &tt, d);
    if (err)
        return err;
    uint8_t p[TT_PAYLOAD_MAX];
    const uint32_t len = tt_make_undone(p, tt_slot_index(u->g, slot), xid_seq(u->xid), next, u->nrecords);
    return mtr_change(m, tt, REDO_TT_SET, &(struct mtr_part){ p, len }, 1, d);
}

/* Its block is damaged: nobody will ever see what is left there. (Whatever else is wrong with a row might be seen as committed one day.) */
static bool row_is_unreadable(const struct undoing *u, const struct undo_record *rec)
{
    struct diag d;
    struct pin *b;
    const enum err err = buf_pin(u->ts->opt.bc, rowid_dba(rec->rowid), BUF_S, &b, &d);
    if (!err)
        buf_unpin(b);
    return err == ERR_CORRUPT;
}

/* Goes on behind a record that cannot be undone; *d says why not. */
static enum err leave(struct undoing *u, const struct undo_record *rec, struct diag *d)
{
    struct mtr m;
    if (u->left++ == 0)
        u->first = *d;
    mtr_begin(&m, u->ts->opt.bc, u->xid);
    m.urgent = true;
    enum err err = mtr_reserve(&m, TT_PAYLOAD_MAX + 64, d);
    if (err)
        return err;
    err = log_progress(u, &m, rec->prev_of_txn, d);
    if (err)
        mtr_cancel(&m);
    else
        mtr_commit(&m, NULL);
    return err;
}

static enum err undo_one(struct undoing *u, const struct undo_record *rec, struct undo_ptr at, struct diag *d)
{
    undo_handler *fn = u->ts->undo[rec->type].fn;
    if (fn == NULL)
        return diag_set(d, ERR_INTERNAL, "nobody undoes records of type %u", rec->type);
    for (;;) {
        struct mtr m;
        mtr_begin(&m, u->ts->opt.bc, u->xid);
        m.urgent = true;
        enum err err = mtr_reserve(&m, UNDO_HANDLER_REDO + TT_PAYLOAD_MAX + 64, d);
        if (err)
            return err;
        err = fn(u->ts->undo[rec->type].arg, u->ts, &m, rec, at, d);
        const bool changed = m.nvectors > 0;
        if (!err)
            err = log_progress(u, &m, rec->prev_of_txn, d);
        if (!err) {
            mtr_commit(&m, NULL);
            return ERR_OK;
        }
        if (changed)
            txn_fatal(u->ts, d); /* half of a mini-transaction cannot be taken back */
        mtr_cancel(&m);
        if (err == ERR_CORRUPT && u->leave_damaged && row_is_unreadable(u, rec))
            return leave(u, rec, d);
        if (err != ERR_AGAIN)
            return err;
        rt_yield();
    }
}

static enum err undo_chain(struct undoing *u, struct undo_ptr from, struct undo_ptr down_to, struct diag *d)
{
    uint8_t *buf = xmalloc(UNDO_DATA_MAX);
    enum err err = ERR_OK;
    for (struct undo_ptr at = from; at.v != 0 && at.v != down_to.v && !err;) {
        struct undo_record rec;
        err = undo_load(u->ts, at, &rec, NULL, buf, d);
        if (!err && !xid_eq(rec.xid, u->xid))
            err = diag_set(d, ERR_CORRUPT, "undo chain of transaction %" PRIx64 " leads to a record of %" PRIx64, u->xid.v, rec.xid.v);
        if (!err)
            err = undo_one(u, &rec, at, d);
        if (!err)
            at = rec.prev_of_txn;
        rt_yield_if_due();
    }
    free(buf);
    return err;
}

/* The entry says "rolled back"; from then on nobody waits for it. */
enum err rollback_finish(struct txn_sys *ts, const struct tt_geometry *g, struct xid x, scn_t *ret_scn, struct diag *d)
{
    const uint32_t slot = tt_slot(g, xid_seq(x));
    struct mtr m;
    mtr_begin(&m, ts->opt.bc, x);
    m.urgent = true;
    enum err err = mtr_reserve(&m, TT_PAYLOAD_MAX + 64, d);
    if (err)
        return err;
    struct pin *tt;
    err = tt_pin_entry(ts, &m, g, slot, &tt, d);
    if (!err) {
        uint8_t p[TT_PAYLOAD_MAX];
        const uint32_t len = tt_make_rolled_back(p, tt_slot_index(g, slot), xid_seq(x));
        err = mtr_change(&m, tt, REDO_TT_SET, &(struct mtr_part){ p, len }, 1, d);
    }
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    *ret_scn = mtr_commit(&m, NULL);
    return ERR_OK;
}

void rollback_chain(struct txn *t, struct undo_ptr down_to)
{
    struct undoing u = { .ts = t->ts, .g = &t->ts->geo, .xid = t->xid, .nrecords = t->nrecords };
    struct diag d;
    diag_clear(&d);
    const enum err err = undo_chain(&u, t->last, down_to, &d);
    if (err) {
        diag_wrap(&d, err, "rolling back transaction %" PRIx64, t->xid.v);
        txn_fatal(t->ts, &d);
    }
    t->last = down_to;
}

/* ---- what a dead instance left ---------------------------------------------------------- */

/*
 * The newest record is in the block that the entry names: the last one there with this xid. Records up to number `undone_at` were there
 * when the rollback (to a savepoint, or the whole) noted its progress: it goes on at `undone`, unless newer ones were written since.
 */
enum err rollback_head(struct txn_sys *ts, struct xid x, const struct tt_entry *e, struct undo_ptr *ret, uint32_t *ret_n, struct diag *d)
{
    const struct undo_ptr in = e->last;
    struct pin *b;
    enum err err = buf_pin(ts->opt.bc, undo_dba(undo_ptr_thread(in), undo_ptr_block(in)), BUF_S, &b, d);
    if (err)
        return diag_wrap(d, err, "undo of transaction %" PRIx64, x.v);
    err = undo_check(b->data, d);
    uint16_t rec = 0;
    uint32_t n = 0;
    if (!err && (undo_block_wrap(b->data) & 0x3fff) != undo_ptr_wrap(in))
        err = diag_set(d, ERR_SNAPSHOT_TOO_OLD, "undo block %u has been used again", undo_ptr_block(in));
    for (uint16_t i = undo_ptr_rec(in); !err && i < undo_block_records(b->data); i++) {
        if (xid_eq(undo_record_xid(b->data, i), x)) {
            struct undo_record r;
            rec = i;
            err = undo_read_record(b->data, i, &r, &n, d);
        }
    }
    buf_unpin(b);
    if (!err && n == 0)
        err = diag_set(d, ERR_CORRUPT, "undo block %u has no record of it", undo_ptr_block(in));
    if (err)
        return diag_wrap(d, err, "undo of transaction %" PRIx64, x.v);
    *ret_n = n;
    *ret = n <= e->undone_at ? e->undone : undo_ptr_make(undo_ptr_thread(in), undo_ptr_wrap(in), undo_ptr_block(in), rec);
    return ERR_OK;
}

enum err rollback_found(struct txn_sys *ts, const struct tt_geometry *g, struct xid x, const struct tt_entry *e, struct diag *d)
{
    struct undo_ptr head;
    struct undoing u = { .ts = ts, .g = g, .xid = x, .leave_damaged = true };
    scn_t end = 0;
    enum err err = rollback_head(ts, x, e, &head, &u.nrecords, d);
    if (err == ERR_SNAPSHOT_TOO_OLD) /* of an active transaction nothing may be missing */
        err = d->err = ERR_CORRUPT;
    if (!err)
        err = undo_chain(&u, head, UNDO_NONE, d);
    if (!err)
        err = rollback_finish(ts, g, x, &end, d);
    if (err)
        return diag_wrap(d, err, "rolling back transaction %" PRIx64 " of redo thread %u", x.v, g->thread);
    if (u.left > 0)
        log_diag(ts->opt.log, LOG_ERROR, &u.first, "rolling back transaction %" PRIx64 " of redo thread %u: %" PRIu64
                 " changes are left in damaged blocks; reading those fails", x.v, g->thread, u.left);
    if (g->thread == ts->opt.thread) {
        const uint32_t slot = tt_slot(g, xid_seq(x));
        ts->tt[slot].wanted = false;
        atomic_store_explicit(&ts->tt[slot].word, TX_WORD(TX_ROLLED_BACK, end), memory_order_release);
        commit_ended(ts, slot);
    }
    return ERR_OK;
}

static enum err recover_block(struct txn_sys *ts, const struct tt_geometry *g, uint32_t b, uint64_t *ret_n, struct diag *d)
{
    struct pin *p;
    enum err err = buf_pin(ts->opt.bc, undo_dba(g->thread, 1 + b), BUF_S, &p, d);
    if (err)
        return diag_wrap(d, err, "transaction table of redo thread %u", g->thread);
    struct tt_entry *e = xmalloc(g->entries_per_block * sizeof(*e));
    uint32_t n = 0;
    for (uint16_t i = 0; i < g->entries_per_block && !err; i++) {
        err = tt_read_entry(p->data, i, &e[n], d);
        if (!err && e[n].state == TT_ACTIVE)
            n++;
    }
    buf_unpin(p);
    for (uint32_t i = 0; i < n && !err; i++) {
        err = rollback_found(ts, g, xid_make(g->thread, e[i].seq), &e[i], d);
        *ret_n += err ? 0 : 1;
    }
    free(e);
    return err;
}

enum err txn_recover_thread(struct txn_sys *ts, uint16_t thread, uint64_t *ret_rolled_back, struct diag *d)
{
    struct tt_geometry g;
    enum err err = tt_geometry_of(ts, thread, &g, d);
    uint64_t n = 0;
    for (uint32_t b = 0; !err && b < g.blocks; b++)
        err = recover_block(ts, &g, b, &n, d);
    if (err)
        return diag_wrap(d, err, "rolling back what redo thread %u left behind", thread);
    if (n > 0)
        log_info(ts->opt.log, "redo thread %u: %" PRIu64 " transactions of its last owner are rolled back", thread, n);
    *ret_rolled_back = n;
    return ERR_OK;
}
