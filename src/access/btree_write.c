/*
 * B-trees changed: insert with unique check (R12), delete marks, rollback,
 * purge (R11).
 *
 * A mark is the xid of the transaction that set it. So purge can tell the mark
 * that its undo record made from a later one: an entry goes only if it still
 * carries the mark of the transaction whose record is being purged. Whoever
 * gives the row its key back takes the mark off; whoever takes it away again
 * puts another mark on.
 */
#include "access/btree_int.h"
#include "rt/rt.h"

#define ATTEMPTS_MAX 100000u

static enum err too_long(uint32_t len, struct diag *d)
{
    return diag_set(d, ERR_LIMIT, "index row size %u exceeds maximum %u", len, BTREE_KEY_MAX);
}

static void must(enum err err, const struct diag *d)
{
    if (err)
        panic("B-tree: half a mini-transaction: %s", d->message);
}

static enum err set_mark(struct mtr *m, struct pin *b, unsigned pos, uint64_t aux, struct diag *d)
{
    uint8_t payload[10];
    put_u16le(payload, (uint16_t)pos);
    put_u64le(payload + 2, aux);
    return btree__change(m, b, REDO_BTREE_MARK, payload, sizeof(payload), NULL, 0, d);
}

static enum err remove_entry(struct mtr *m, struct pin *b, unsigned pos, struct diag *d)
{
    uint8_t payload[2];
    put_u16le(payload, (uint16_t)pos);
    return btree__change(m, b, REDO_BTREE_PURGE, payload, sizeof(payload), NULL, 0, d);
}

/* The leaf that k belongs to, as of a moment ago. */
static enum err find_leaf(struct access *a, struct seg seg, const struct btree_key *k, struct dba *ret, struct diag *d)
{
    struct pin *b;
    enum err err = btree__descend(a, BTREE_CURRENT, seg, k, 0, &b, d);
    if (err)
        return err;
    *ret = b->dba;
    buf_unpin(b);
    return ERR_OK;
}

/* ---- one change of one entry -------------------------------------------------------- */

enum outcome {
    DONE,
    AGAIN, /* the tree has changed under the attempt */
    FULL, /* `page` must be split */
    INCOMPLETE, /* the split of `page` must be completed first */
    DUPLICATE,
    WAIT, /* for the end of transaction `xid` */
    STATUS, /* of `xid` is not known here */
    MISSING,
};

struct change {
    struct access *a;
    struct txn *t;
    struct seg seg;
    struct btree_key k;
    struct mtr m;
    struct dba page;
    struct xid xid;
};

static enum err append_undo(struct change *c, enum undo_type type, bool existed, uint64_t aux, struct diag *d)
{
    uint8_t data[UNDO_BTREE_HEAD + BTREE_KEY_MAX];
    struct undo_ptr at;
    data[0] = existed;
    put_u64le(data + 1, aux);
    memcpy(data + UNDO_BTREE_HEAD, c->k.key, c->k.len);
    const struct undo_record undo = { .type = (uint8_t)type, .seg = c->seg, .rowid = c->k.rowid, .data = data,
                                      .len = (uint16_t)(UNDO_BTREE_HEAD + c->k.len) };
    return txn_undo_append(c->t, &c->m, &undo, &at, d);
}

static enum err begin_change(struct change *c, struct diag *d)
{
    uint32_t undo_redo;
    enum err err = txn_undo_reserve(c->t, UNDO_BTREE_HEAD + c->k.len, &undo_redo, d);
    if (err)
        return err;
    mtr_begin(&c->m, c->a->bc, txn_xid(c->t));
    return mtr_reserve(&c->m, undo_redo + BTREE_ENTRY_REDO(c->k.len), d);
}

/* ---- unique check --------------------------------------------------------------------- */

/* Does the row behind an entry with the same key forbid another one? */
static enum err check_row(struct change *c, const struct btree_unique_check *u, struct rowid rowid, struct arena *arena, enum outcome *ret,
                          struct diag *d)
{
    struct heap_row row;
    enum row_writer writer;
    bool deleted, same = false;
    *ret = DONE;
    enum err err = heap_fetch_current(c->a, txn_xid(c->t), u->heap, rowid, arena, &row, &writer, &c->xid, &deleted, d);
    if (err)
        return err;
    switch (writer) {
    case ROW_WRITER_ACTIVE: /* whichever way it ends may decide */
        *ret = WAIT;
        break;
    case ROW_WRITER_UNKNOWN:
        *ret = STATUS;
        break;
    case ROW_WRITER_SELF:
    case ROW_WRITER_COMMITTED:
        if (!deleted)
            err = u->same_key(u->arg, &row, c->k.key, c->k.len, &same, d);
        if (same)
            *ret = DUPLICATE;
        break;
    }
    return err;
}

/* Entries of one page from the first with the key on. *ret_more: they may go on to the right. */
static enum err check_page(struct change *c, const struct btree_unique_check *u, const uint8_t *block, struct arena *arena, enum outcome *ret,
                           bool *ret_more, struct diag *d)
{
    const struct btree_key first = { c->k.key, c->k.len, { 0 } };
    struct btree_item e;
    *ret = DONE;
    *ret_more = false;
    for (unsigned i = btree_page_lower(block, &first); i < btree_page(block)->n; i++) {
        btree_page_item(block, i, &e);
        if (e.len != c->k.len || memcmp(e.key, c->k.key, e.len) != 0)
            return ERR_OK;
        if (e.rowid.v == c->k.rowid.v)
            continue;
        enum err err = check_row(c, u, e.rowid, arena, ret, d);
        if (err || *ret != DONE)
            return err;
    }
    *ret_more = btree_page_high(block, &e) && e.len == c->k.len && memcmp(e.key, c->k.key, e.len) == 0;
    return ERR_OK;
}

/*
 * R12: `first` is the first leaf that may contain the key. It stays pinned in X until the entry is in, so another insert of the key
 * cannot be between its check and its entry. Further leaves are only looked at.
 */
static enum err check_unique(struct change *c, const struct btree_unique_check *u, const uint8_t *first, enum outcome *ret, struct diag *d)
{
    struct arena *arena = arena_new("unique check", 0);
    struct dba right = { btree_page(first)->right };
    bool more;
    enum err err = check_page(c, u, first, arena, ret, &more, d);
    while (!err && *ret == DONE && more && right.v) {
        struct pin *b;
        err = btree__pin(c->a, BTREE_CURRENT, right, c->seg, &b, d);
        if (err)
            break;
        right.v = btree_page(b->data)->right;
        err = check_page(c, u, b->data, arena, ret, &more, d);
        buf_unpin(b);
    }
    arena_free(arena);
    return err;
}

/* Is there an entry with the key at all? Most inserts find none, and need no arena. */
static bool key_in_sight(const uint8_t *block, const struct btree_key *k)
{
    const struct btree_key first = { k->key, k->len, { 0 } };
    struct btree_item e;
    const unsigned i = btree_page_lower(block, &first);
    if (i < btree_page(block)->n)
        btree_page_item(block, i, &e);
    else if (!btree_page_high(block, &e))
        return false;
    return e.len == k->len && memcmp(e.key, k->key, e.len) == 0;
}

/* ---- insert ------------------------------------------------------------------------------ */

/* The entry goes into b, which is pinned. */
static enum err insert_into(struct change *c, struct pin *b, enum outcome *ret, struct diag *d)
{
    struct btree_item e;
    unsigned pos;
    *ret = DONE;
    if (btree__find(b->data, &c->k, &pos)) { /* a deleted row's, or this row had the key before */
        btree_page_item(b->data, pos, &e);
        if (!e.aux) {
            mtr_cancel(&c->m);
            return ERR_OK;
        }
        enum err err = append_undo(c, UNDO_BTREE_INSERT, true, e.aux, d);
        if (err)
            return err;
        must(set_mark(&c->m, b, pos, 0, d), d);
        (void)mtr_commit(&c->m, NULL);
        return ERR_OK;
    }
    c->page = b->dba;
    if (btree_page(b->data)->flags & BTREE_INCOMPLETE) {
        *ret = INCOMPLETE;
        return ERR_OK;
    }
    if (!btree_page_fits(b->data, c->k.len)) {
        *ret = FULL;
        return ERR_OK;
    }
    enum err err = append_undo(c, UNDO_BTREE_INSERT, false, 0, d);
    if (err)
        return err;
    must(btree__insert_entry(&c->m, b, pos, &c->k, 0, d), d);
    (void)mtr_commit(&c->m, NULL);
    return ERR_OK;
}

static enum err attempt_pinned(struct change *c, const struct btree_unique_check *unique, enum outcome *ret, struct diag *d)
{
    const struct btree_key first = { c->k.key, c->k.len, unique ? (struct rowid){ 0 } : c->k.rowid };
    struct pin *b;
    enum err err = btree__pin_for_change(&c->m, c->seg, c->page, &first, 0, &b, d);
    if (err)
        return err;
    if (!b) {
        *ret = AGAIN;
        return ERR_OK;
    }
    if (unique && key_in_sight(b->data, &c->k)) {
        err = check_unique(c, unique, b->data, ret, d);
        if (err || *ret != DONE)
            return err;
    }
    if (unique && MUTATED("R12")) { /* lets go between check and entry */
        const struct dba at = b->dba;
        mtr_unpin(&c->m, b);
        rt_yield();
        err = mtr_pin(&c->m, at, &b, d);
        if (err)
            return err;
    }
    /* Many entries with the key: its place may be in a sibling, and the first leaf stays pinned meanwhile. */
    while (btree_page_beyond(b->data, &c->k)) {
        const struct dba right = { btree_page(b->data)->right };
        if (c->m.npins > 1)
            mtr_unpin(&c->m, b);
        err = mtr_pin(&c->m, right, &b, d);
        if (err)
            return err;
        if (!btree_page_is(b->data, c->seg.id))
            return btree__damaged(right, c->seg, "not a page of this index", d);
    }
    return insert_into(c, b, ret, d);
}

static enum err attempt_insert(struct change *c, const struct btree_unique_check *unique, enum outcome *ret, struct diag *d)
{
    const struct btree_key first = { c->k.key, c->k.len, unique ? (struct rowid){ 0 } : c->k.rowid };
    enum err err = find_leaf(c->a, c->seg, &first, &c->page, d);
    if (err)
        return err;
    err = begin_change(c, d);
    if (!err)
        err = attempt_pinned(c, unique, ret, d);
    mtr_cancel(&c->m); /* nothing, after a commit */
    return err;
}

enum err btree_insert(struct access *a, struct txn *t, struct seg seg, const uint8_t *key, uint32_t len, struct rowid rowid,
                      const struct btree_unique_check *unique, struct diag *d)
{
    struct change c = { .a = a, .t = t, .seg = seg, .k = { key, len, rowid } };
    if (len > BTREE_KEY_MAX)
        return too_long(len, d);
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        enum outcome out = DONE;
        enum err err = attempt_insert(&c, unique, &out, d);
        if (err)
            return err;
        switch (out) {
        case DONE:
            return ERR_OK;
        case DUPLICATE:
            return diag_set(d, ERR_UNIQUE, "duplicate key value violates unique constraint");
        case FULL:
            err = btree__split(a, txn_xid(t), seg, c.page, 0, &c.k, d);
            break;
        case INCOMPLETE:
            err = btree__complete(a, txn_xid(t), seg, c.page, d);
            break;
        case WAIT:
            COUNT(a, unique_waits);
            err = txn_wait_for(t, c.xid, txn_lock_deadline(t), d);
            break;
        case STATUS:
            err = txn_status_wait(a->ts, txn_snapshot(t), c.xid, d);
            break;
        case AGAIN:
        case MISSING:
            break;
        }
        if (err)
            return err;
    }
    return btree__damaged(space_first_block(seg), seg, "an insert does not come to rest", d);
}

/* ---- marks ------------------------------------------------------------------------------- */

static enum err attempt_mark(struct change *c, enum outcome *ret, struct diag *d)
{
    struct pin *b;
    struct btree_item e;
    unsigned pos;
    enum err err = find_leaf(c->a, c->seg, &c->k, &c->page, d);
    if (err)
        return err;
    err = begin_change(c, d);
    if (!err)
        err = btree__pin_for_change(&c->m, c->seg, c->page, &c->k, 0, &b, d);
    if (!err && !b) {
        *ret = AGAIN;
    } else if (!err && !btree__find(b->data, &c->k, &pos)) {
        c->page = b->dba;
        *ret = MISSING;
    } else if (!err) {
        btree_page_item(b->data, pos, &e);
        err = append_undo(c, UNDO_BTREE_MARK, true, e.aux, d);
        if (!err) {
            must(set_mark(&c->m, b, pos, txn_xid(c->t).v, d), d);
            (void)mtr_commit(&c->m, NULL);
            *ret = DONE;
        }
    }
    mtr_cancel(&c->m);
    return err;
}

enum err btree_mark(struct access *a, struct txn *t, struct seg seg, const uint8_t *key, uint32_t len, struct rowid rowid, struct diag *d)
{
    struct change c = { .a = a, .t = t, .seg = seg, .k = { key, len, rowid } };
    if (len > BTREE_KEY_MAX)
        return too_long(len, d);
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        enum outcome out;
        enum err err = attempt_mark(&c, &out, d);
        if (err || out == DONE)
            return err;
        if (out == MISSING)
            return btree__damaged(c.page, seg, "a row's entry is missing", d);
    }
    return btree__damaged(space_first_block(seg), seg, "a delete mark does not come to rest", d);
}

/* ---- rollback ------------------------------------------------------------------------------ */

/* Had the transaction that set this mark ended below the horizon, purge has passed by and will not come again. */
static bool purge_has_passed(struct access *a, uint64_t mark)
{
    const struct row_header h = { .writer = mark };
    scn_t commit_scn;
    return txn_row_writer(a->ts, XID_NONE, &h, &commit_scn) == ROW_WRITER_COMMITTED && commit_scn <= txn_horizon(a->ts);
}

enum err btree__undo(void *arg, struct txn_sys *ts, struct mtr *m, const struct undo_record *rec, struct undo_ptr at, struct diag *d)
{
    struct access *a = arg;
    struct dba leaf;
    struct pin *b;
    struct btree_item e;
    unsigned pos;
    if (rec->len < UNDO_BTREE_HEAD || rec->len - UNDO_BTREE_HEAD > BTREE_KEY_MAX)
        return diag_set(d, ERR_CORRUPT, "undo of an index entry of %u bytes", rec->len);
    const bool existed = rec->data[0] != 0;
    const uint64_t aux = get_u64le(rec->data + 1);
    const struct btree_key k = { rec->data + UNDO_BTREE_HEAD, rec->len - UNDO_BTREE_HEAD, rec->rowid };
    enum err err = find_leaf(a, rec->seg, &k, &leaf, d);
    if (!err)
        err = btree__pin_for_change(m, rec->seg, leaf, &k, 0, &b, d);
    if (err)
        return diag_wrap(d, err, "rolling back a change of index segment %u", rec->seg.id);
    if (!b)
        return ERR_AGAIN;
    if (!btree__find(b->data, &k, &pos))
        return ERR_OK;
    btree_page_item(b->data, pos, &e);
    if (rec->type == UNDO_BTREE_INSERT && (!existed || purge_has_passed(a, aux)))
        return remove_entry(m, b, pos, d);
    return e.aux == aux ? ERR_OK : set_mark(m, b, pos, aux, d);
}

/* ---- purge ------------------------------------------------------------------------------------ */

/* R11: the record's transaction committed at or below the horizon, and its mark is still on the entry. */
static enum err purge_entry(struct access *a, const struct undo_record *rec, const struct btree_key *k, struct diag *d)
{
    struct dba leaf;
    struct mtr m;
    struct pin *b;
    struct btree_item e;
    unsigned pos;
    enum err err = find_leaf(a, rec->seg, k, &leaf, d);
    if (err)
        return err;
    mtr_begin(&m, a->bc, XID_NONE);
    err = mtr_reserve(&m, 128, d);
    if (!err)
        err = btree__pin_for_change(&m, rec->seg, leaf, k, 0, &b, d);
    if (!err && b && btree__find(b->data, k, &pos)) {
        btree_page_item(b->data, pos, &e);
        if (e.aux == rec->xid.v || (MUTATED("R11") && e.aux)) {
            must(remove_entry(&m, b, pos, d), d);
            (void)mtr_commit(&m, NULL);
            COUNT(a, index_purged);
        }
    }
    mtr_cancel(&m);
    return !err && !b ? ERR_AGAIN : err;
}

/* Is the segment still an index? It may have been dropped since. */
static bool index_lives(struct access *a, struct seg seg)
{
    struct pin *b;
    struct diag ignored;
    if (buf_pin(a->bc, space_first_block(seg), BUF_S, &b, &ignored))
        return false;
    const bool lives = btree_page_is(b->data, seg.id);
    buf_unpin(b);
    return lives;
}

void btree__purge(struct access *a, const struct undo_record *rec)
{
    struct diag d;
    enum err err = ERR_AGAIN;
    if (rec->len < UNDO_BTREE_HEAD || rec->len - UNDO_BTREE_HEAD > BTREE_KEY_MAX || !index_lives(a, rec->seg))
        return;
    const struct btree_key k = { rec->data + UNDO_BTREE_HEAD, rec->len - UNDO_BTREE_HEAD, rec->rowid };
    for (unsigned i = 0; i < 100 && err == ERR_AGAIN; i++)
        err = purge_entry(a, rec, &k, &d);
    if (err && err != ERR_AGAIN)
        access__stays_behind(a, rec->seg, &d, "a deleted entry stays behind in the index");
}
