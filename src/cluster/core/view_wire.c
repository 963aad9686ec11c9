#include "cluster/core/view_wire.h"

#include "cluster/core/slot.h"

/* ---- a reader that never leaves its bytes ------------------------------------ */

struct reader {
    const uint8_t *p;
    size_t left;
    bool short_; /* something was missing */
};

static const uint8_t *take(struct reader *r, size_t bytes)
{
    static const uint8_t zeros[8];
    if (r->left < bytes) {
        r->short_ = true;
        r->left = 0;
        return bytes <= sizeof(zeros) ? zeros : NULL;
    }
    const uint8_t *at = r->p;
    r->p += bytes;
    r->left -= bytes;
    return at;
}

static uint8_t take_u8(struct reader *r)
{
    return *take(r, 1);
}

static uint16_t take_u16(struct reader *r)
{
    return get_u16le(take(r, 2));
}

static uint64_t take_u64(struct reader *r)
{
    return get_u64le(take(r, 8));
}

static void take_text(struct reader *r, char *out, size_t bytes)
{
    const size_t len = take_u8(r);
    out[0] = '\0';
    if (len >= bytes)
        r->short_ = true;
    if (r->short_)
        return;
    const uint8_t *at = take(r, len);
    if (at == NULL || r->short_)
        return;
    memcpy(out, at, len);
    out[len] = '\0';
}

static enum err reader_end(const struct reader *r, const char *what, struct diag *d)
{
    if (r->short_)
        return diag_set(d, ERR_PROTOCOL, "%s message is too short", what);
    if (r->left > 0)
        return diag_set(d, ERR_PROTOCOL, "%s message has %zu bytes too many", what, r->left);
    return ERR_OK;
}

/* ---- members --------------------------------------------------------------------- */

static void put_u64(struct buf *b, uint64_t v)
{
    uint8_t bytes[8];
    put_u64le(bytes, v);
    buf_put(b, bytes, sizeof(bytes));
}

static void put_u16(struct buf *b, uint16_t v)
{
    uint8_t bytes[2];
    put_u16le(bytes, v);
    buf_put(b, bytes, sizeof(bytes));
}

/* The texts of a member are shorter than 256 bytes. */
static void put_text(struct buf *b, const char *s)
{
    const size_t len = strlen(s);
    assert(len <= UINT8_MAX);
    buf_put_u8(b, (uint8_t)len);
    buf_put(b, s, len);
}

static void put_member(struct buf *b, const struct cluster_member *m)
{
    buf_put_u8(b, m->node);
    put_u64(b, m->incarnation);
    put_u16(b, m->redo_thread);
    put_text(b, m->name);
    put_text(b, m->interconnect_address);
    put_text(b, m->sql_address);
}

static void take_member(struct reader *r, struct cluster_member *m)
{
    *m = (struct cluster_member){ 0 };
    m->node = take_u8(r);
    m->incarnation = take_u64(r);
    m->redo_thread = take_u16(r);
    take_text(r, m->name, sizeof(m->name));
    take_text(r, m->interconnect_address, sizeof(m->interconnect_address));
    take_text(r, m->sql_address, sizeof(m->sql_address));
}

static enum err check_member(const struct cluster_member *m, const char *what, struct diag *d)
{
    if (m->node == 0 || m->node > NODES_MAX || m->incarnation == 0)
        return diag_set(d, ERR_PROTOCOL, "%s message: node %u with incarnation %016" PRIx64, what, m->node, m->incarnation);
    if (m->redo_thread > THREADS_MAX)
        return diag_set(d, ERR_PROTOCOL, "%s message: node %u with redo thread %u", what, m->node, m->redo_thread);
    return ERR_OK;
}

/* ---- messages ---------------------------------------------------------------------- */

void view_put_join(struct buf *b, const struct cluster_member *m)
{
    put_member(b, m);
}

enum err view_get_join(const uint8_t *p, size_t len, struct cluster_member *ret, struct diag *d)
{
    struct reader r = { p, len, false };
    take_member(&r, ret);
    const enum err err = reader_end(&r, "VIEW_JOIN", d);
    return err == ERR_OK ? check_member(ret, "VIEW_JOIN", d) : err;
}

void view_put_step(struct buf *b, enum view_step step, epoch_t epoch, const struct cluster_view *view)
{
    buf_put_u8(b, (uint8_t)step);
    put_u64(b, epoch);
    buf_put_u8(b, (uint8_t)view->n);
    for (uint32_t i = 0; i < view->n; i++)
        put_member(b, &view->m[i]);
}

static enum err check_step(enum view_step step, epoch_t epoch, const char *what, struct diag *d)
{
    if (step <= VIEW_NONE || step >= VIEW_STEP_COUNT)
        return diag_set(d, ERR_PROTOCOL, "%s message: unknown step %u", what, (unsigned)step);
    if (epoch == 0 || epoch > CLUSTER_EPOCH_MAX)
        return diag_set(d, ERR_PROTOCOL, "%s message: epoch %" PRIu64, what, epoch);
    return ERR_OK;
}

enum err view_get_step(const uint8_t *p, size_t len, enum view_step *ret_step, epoch_t *ret_epoch, struct cluster_view *ret,
                       struct diag *d)
{
    struct reader r = { p, len, false };
    *ret = (struct cluster_view){ 0 };
    *ret_step = (enum view_step)take_u8(&r);
    *ret_epoch = ret->epoch = take_u64(&r);
    const uint32_t n = take_u8(&r);
    if (n > NODES_MAX)
        return diag_set(d, ERR_PROTOCOL, "VIEW_STEP message: %" PRIu32 " members", n);
    enum err err = check_step(*ret_step, *ret_epoch, "VIEW_STEP", d);
    for (ret->n = 0; ret->n < n && err == ERR_OK && !r.short_; ret->n++) {
        struct cluster_member *m = &ret->m[ret->n];
        take_member(&r, m);
        err = check_member(m, "VIEW_STEP", d);
        if (err == ERR_OK && ret->n > 0 && m->node <= ret->m[ret->n - 1].node)
            err = diag_set(d, ERR_PROTOCOL, "VIEW_STEP message: members are not in order");
    }
    return err == ERR_OK || r.short_ ? reader_end(&r, "VIEW_STEP", d) : err;
}

void view_put_done(struct buf *b, enum view_step step, epoch_t epoch)
{
    buf_put_u8(b, (uint8_t)step);
    put_u64(b, epoch);
}

enum err view_get_done(const uint8_t *p, size_t len, enum view_step *ret_step, epoch_t *ret_epoch, struct diag *d)
{
    struct reader r = { p, len, false };
    *ret_step = (enum view_step)take_u8(&r);
    *ret_epoch = take_u64(&r);
    const enum err err = reader_end(&r, "VIEW_DONE", d);
    return err == ERR_OK ? check_step(*ret_step, *ret_epoch, "VIEW_DONE", d) : err;
}

void heartbeat_put(uint8_t out[HEARTBEAT_BYTES], const struct heartbeat *h)
{
    memset(out, 0, HEARTBEAT_BYTES);
    out[0] = h->state;
    put_u64le(out + 8, h->epoch);
    put_u64le(out + 16, h->oldest_snapshot);
    put_u64le(out + 24, h->heard);
}

enum err heartbeat_get(const uint8_t *p, size_t len, struct heartbeat *ret, struct diag *d)
{
    if (len != HEARTBEAT_BYTES)
        return diag_set(d, ERR_PROTOCOL, "HEARTBEAT message of %zu bytes", len);
    if (p[0] >= SLOT_STATE_COUNT || get_u64le(p + 8) > CLUSTER_EPOCH_MAX)
        return diag_set(d, ERR_PROTOCOL, "HEARTBEAT message: state %u, epoch %" PRIu64, p[0], get_u64le(p + 8));
    *ret = (struct heartbeat){ p[0], get_u64le(p + 8), get_u64le(p + 16), get_u64le(p + 24) };
    return ERR_OK;
}
