#include "access/access_int.h"
#include "base/buf.h"

void version_set(struct version *v, const struct heap_item *it)
{
    v->h = it->h;
    v->whole = !(it->h.flags & ROW_FORWARD);
    v->len = it->h.body_len;
    memcpy(v->body, it->body, v->len);
}

struct heap_stub heap__stub(const uint8_t *body)
{
    struct heap_stub stub;
    memcpy(&stub, body, sizeof(stub));
    return stub;
}

void heap__stamp(struct access *a, struct pin *b, unsigned slot, const struct row_header *h)
{
    scn_t commit_scn;
    if ((h->flags & ROW_STAMPED) || !txn_stampable(a->ts, (struct xid){ h->writer }, &commit_scn) || !buf_hint_begin(b))
        return;
    heap_page_stamp(b->data, slot, h, commit_scn);
    buf_hint_end(b);
    COUNT(a, rows_stamped);
}

bool undo_update_get(const struct undo_record *rec, struct undo_update *ret)
{
    const uint8_t *p = rec->data, *end = p + rec->len;
    if (end - p < 1)
        return false;
    const uint8_t flags = *p++;
    *ret = (struct undo_update){ .has_ref = flags & UNDO_HAS_REF, .has_stamp = flags & UNDO_HAS_STAMP };
    if (end - p < (ptrdiff_t)((ret->has_ref ? OVERFLOW_REF_SIZE : 0) + (ret->has_stamp ? 8 : 0) + 4))
        return false;
    if (ret->has_ref) {
        ret->ref.first.v = get_u64le(p);
        ret->ref.xid.v = get_u64le(p + 8);
        ret->ref.len = get_u32le(p + 16);
        p += OVERFLOW_REF_SIZE;
    }
    if (ret->has_stamp) {
        ret->stamp.v = get_u64le(p);
        p += 8;
    }
    ret->diff = (struct heap_diff){ get_u16le(p), get_u16le(p + 2) };
    ret->mid = p + 4;
    ret->mid_len = (uint32_t)(end - ret->mid);
    return true;
}

uint32_t undo_update_put(uint8_t ret[UNDO_UPDATE_HEAD_MAX], const struct undo_update *u)
{
    uint8_t *p = ret;
    *p++ = (uint8_t)((u->has_ref ? UNDO_HAS_REF : 0) | (u->has_stamp ? UNDO_HAS_STAMP : 0));
    if (u->has_ref) {
        overflow_ref_put(p, &u->ref);
        p += OVERFLOW_REF_SIZE;
    }
    if (u->has_stamp) {
        put_u64le(p, u->stamp.v);
        p += 8;
    }
    put_u16le(p, u->diff.prefix);
    put_u16le(p + 2, u->diff.suffix);
    return (uint32_t)(p + 4 - ret);
}

enum err version_fetch_moved(struct access *a, scn_t s, bool current, struct seg seg, struct version *v, bool *ret_found, struct diag *d)
{
    struct pin *b;
    struct heap_item it;
    *ret_found = false;
    if (v->len != HEAP_STUB_SIZE)
        return diag_set(d, ERR_CORRUPT, "a forwarding stub of %u bytes", v->len);
    const struct heap_stub stub = heap__stub(v->body);
    const struct dba at = rowid_dba(stub.to);
    enum err err = current ? buf_pin(a->bc, at, BUF_S, &b, d) : buf_pin_read(a->bc, at, s, &b, d);
    if (err)
        return err;
    if (heap_page_is(b->data, seg.id) && heap_page_row(b->data, rowid_slot(stub.to), &it) && (it.h.flags & ROW_MOVED_HERE) &&
        it.h.undo.v == stub.stamp.v) {
        v->whole = true;
        v->len = it.h.body_len;
        memcpy(v->body, it.body, v->len);
        *ret_found = true;
    }
    buf_unpin(b);
    return ERR_OK;
}

/* v becomes the version before: rec is what its undo pointer leads to. False in *ret_ok: the row has changed meanwhile. */
static enum err step_back(struct access *a, scn_t s, struct seg seg, struct version *v, const struct undo_record *rec, bool *ret_ok,
                          struct diag *d)
{
    struct undo_update u;
    *ret_ok = true;
    switch ((enum undo_type)rec->type) {
    case UNDO_HEAP_DELETE:
    case UNDO_HEAP_LOCK:
        break;
    case UNDO_HEAP_UPDATE:
        if (!v->whole) {
            enum err err = version_fetch_moved(a, s, false, seg, v, ret_ok, d);
            if (err || !*ret_ok)
                return err;
        }
        if (!undo_update_get(rec, &u) || !heap_diff_apply(v->body, &v->len, u.diff, u.mid, u.mid_len))
            return diag_set(d, ERR_CORRUPT, "an undo record does not fit its row");
        break;
    case UNDO_HEAP_FORWARD:
        v->whole = !(rec->prev_flags & ROW_FORWARD);
        v->len = MIN(rec->len, BLOCK_SIZE);
        memcpy(v->body, rec->data, v->len);
        break;
    default:
        return diag_set(d, ERR_CORRUPT, "undo of type %u on the way to an older row version", rec->type);
    }
    v->h = (struct row_header){ .writer = rec->prev_writer, .undo = rec->prev_undo, .flags = rec->prev_flags, .layout = rec->prev_layout,
                                .body_len = rec->prev_body_len };
    return ERR_OK;
}

enum err version_resolve(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct version *v,
                         enum version_result *ret, struct xid *ret_writer, struct diag *d)
{
    uint8_t buf[BLOCK_SIZE];
    struct undo_record rec;
    enum row_visibility vis;
    bool ok;

    for (;;) {
        if (!txn_visible_fast(a->ts, s, &v->h, &vis)) {
            *ret = VERSION_AGAIN;
            *ret_writer = heap__writer(&v->h);
            return ERR_OK;
        }
        if (vis == ROW_VISIBLE)
            break;
        if ((v->h.flags & ROW_FIRST) || !v->h.undo.v) {
            *ret = VERSION_NONE;
            return ERR_OK;
        }
        enum err err = txn_undo_read(a->ts, v->h.undo, heap__writer(&v->h), seg, rowid, s->s, &rec, buf, d);
        if (err)
            return err;
        if (rec.type == UNDO_HEAP_INSERT || rec.type == UNDO_HEAP_MULTI_INSERT) {
            *ret = VERSION_NONE;
            return ERR_OK;
        }
        err = step_back(a, s->s, seg, v, &rec, &ok, d);
        if (err)
            return err;
        if (!ok) {
            *ret = VERSION_AGAIN;
            *ret_writer = XID_NONE;
            return ERR_OK;
        }
        COUNT(a, versions_rebuilt);
    }
    if (v->h.flags & ROW_DELETED) {
        *ret = VERSION_NONE;
        return ERR_OK;
    }
    if (!v->whole) {
        enum err err = version_fetch_moved(a, s->s, false, seg, v, &ok, d);
        if (err)
            return err;
        if (!ok) {
            *ret = VERSION_AGAIN;
            *ret_writer = XID_NONE;
            return ERR_OK;
        }
    }
    *ret = VERSION_FOUND;
    return ERR_OK;
}
