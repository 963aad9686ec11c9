#include "gcs/core/holder.h"

static void check(const struct gcs_holder *h)
{
    assert(h->xpins <= h->pins);
    assert(h->mode >= GCS_SCUR || !h->dirty);
    assert(h->mode >= GCS_SCUR || h->wip == 0 || MUTATED("R5"));
    assert(!h->got || h->want == GCS_WANT_X);
    assert(h->mode != GCS_N || h->pins == 0);
    assert(h->mode != GCS_XCUR || h->dirty || h->wip > 0);
}

static struct gcs_msg *to_master(struct gcs_out *out, const struct gcs_self *me, enum gcs_type type)
{
    return gcs_out_send(out, GCS_SEND, me->master, type);
}

static void lose(struct gcs_holder *h)
{
    h->mode = GCS_N;
    h->dirty = h->must_write = false;
    h->valid = false;
    h->version = 0;
    h->gno = 0;
}

/* ---- asking ------------------------------------------------------------------ */

static void send_request(const struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out)
{
    struct gcs_msg *m = to_master(out, me, GCS_T_REQ);
    m->mode = h->want == GCS_WANT_X ? GCS_X : GCS_S;
    m->flags = h->asked_copy ? GCS_F_COPY_OK : 0;
    m->scn = h->ask_scn;
    m->held = h->ask_token;
}

void gcs_holder_ask(struct gcs_holder *h, const struct gcs_self *me, enum gcs_want want, bool copy_ok, scn_t s, uint64_t token,
                    struct gcs_out *out)
{
    assert(h->want == GCS_WANT_NONE);
    assert(!gcs_holder_has(h, want));
    h->want = (uint8_t)want;
    h->asked_copy = copy_ok && want == GCS_WANT_S;
    h->ask_scn = h->asked_copy ? s : 0;
    h->ask_token = token;
    send_request(h, me, out);
}

/* ---- giving ------------------------------------------------------------------- */

static void not_held(const struct gcs_self *me, uint64_t gno, struct gcs_out *out)
{
    to_master(out, me, GCS_T_NOHAVE)->gno = gno;
}

static void ship_s(struct gcs_holder *h, node_no to, uint64_t gno, struct gcs_out *out)
{
    struct gcs_msg *m = gcs_out_send(out, GCS_SEND_BLOCK, to, GCS_T_SHIP);
    m->mode = GCS_S;
    m->gno = gno;
    m->scn = h->version;
    if (h->mode >= GCS_X && !MUTATED("R14_down"))
        h->mode = GCS_SCUR;
}

static void ship_x(struct gcs_holder *h, node_no to, uint64_t gno, bool clear, struct gcs_out *out)
{
    struct gcs_msg *m = gcs_out_send(out, GCS_SEND_BLOCK, to, GCS_T_SHIP);
    const bool dirty = h->dirty || h->wip > 0;
    m->mode = GCS_X;
    m->gno = gno;
    m->scn = h->version;
    m->flags = (uint8_t)((dirty ? GCS_F_DIRTY : 0) | (clear ? GCS_F_CLEAR : 0));
    if (dirty && !MUTATED("R13")) {
        h->pi = h->version;
        gcs_out_add(out, GCS_KEEP_PI);
    } else {
        gcs_out_add(out, GCS_DROP);
    }
    lose(h);
}

/* A copy whose bytes could not be had: given up, whoever asked hears that it is not here. */
static void give_up(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out)
{
    uint64_t notice;
    gcs_holder_evict(h, me, out, &notice);
    if (notice != 0)
        to_master(out, me, GCS_T_EVICT_S)->held = notice;
    gcs_out_add(out, GCS_DROP);
}

static void drop_read_copy(struct gcs_holder *h, const struct gcs_self *me, uint64_t gno, uint64_t held, struct gcs_out *out)
{
    if (h->mode == GCS_S && h->gno == held) {
        lose(h);
        gcs_out_add(out, GCS_DROP);
    }
    struct gcs_msg *m = to_master(out, me, GCS_T_INVACK);
    m->gno = gno;
    m->held = held;
}

static bool held_back(const struct gcs_holder *h)
{
    switch ((enum gcs_revoke)h->rv) {
    case GCS_RV_S:
        return h->xpins > 0 || (h->pins > 0 && !h->valid);
    case GCS_RV_X:
        return h->pins > 0 || h->must_write || (h->wip > 0 && !MUTATED("R5")); /* R5: not under an in-place write */
    case GCS_RV_INVAL:
        return h->pins > 0;
    case GCS_RV_NONE:
        break;
    }
    return true;
}

bool gcs_holder_wants_ship(const struct gcs_holder *h)
{
    return (h->rv == GCS_RV_S || h->rv == GCS_RV_X) && !held_back(h) && h->valid;
}

void gcs_holder_release(struct gcs_holder *h, const struct gcs_self *me, bool may_ship, struct gcs_out *out)
{
    check(h);
    if (h->rv == GCS_RV_NONE || held_back(h) || (gcs_holder_wants_ship(h) && !may_ship))
        return;
    const enum gcs_revoke rv = h->rv;
    const uint64_t gno = h->rv_gno;
    h->rv = GCS_RV_NONE;
    if (rv == GCS_RV_INVAL) {
        drop_read_copy(h, me, gno, h->gno, out);
    } else if (!h->valid) {
        give_up(h, me, out);
        not_held(me, gno, out);
    } else if (rv == GCS_RV_S) {
        ship_s(h, h->rv_node, gno, out);
    } else {
        ship_x(h, h->rv_node, gno, h->rv_clear, out);
    }
    check(h);
}

/* ---- getting --------------------------------------------------------------------- */

static void granted(struct gcs_holder *h, struct gcs_out *out)
{
    h->want = GCS_WANT_NONE;
    gcs_out_add(out, GCS_GRANTED);
}

static void done(const struct gcs_holder *h, const struct gcs_self *me, node_no from, uint64_t gno, scn_t pi, struct gcs_out *out)
{
    struct gcs_msg *m = to_master(out, me, GCS_T_DONE);
    m->node = from;
    m->gno = gno;
    m->scn = pi;
}

/* The current copy is here, all others are gone. */
static void take_x(struct gcs_holder *h, const struct gcs_self *me, bool dirty, scn_t version, node_no from, uint64_t gno, struct gcs_out *out)
{
    h->dirty = dirty;
    h->mode = dirty || h->wip > 0 ? GCS_XCUR : GCS_X;
    h->version = version;
    h->gno = gno;
    h->got = h->clr = false;
    done(h, me, from, gno, dirty && from != me->self ? version : 0, out);
    granted(h, out);
}

/* Bytes of a shipped block: not needed where the node has read the same version already. */
static void install(struct gcs_holder *h, scn_t version, struct gcs_out *out)
{
    if (h->mode != GCS_N && h->valid)
        return;
    h->valid = true;
    h->version = version;
    gcs_out_add(out, GCS_INSTALL);
}

static void recv_ship(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *m, node_no from, struct gcs_out *out)
{
    const bool dirty = m->flags & GCS_F_DIRTY;
    if (m->mode == GCS_S) {
        install(h, m->scn, out);
        h->mode = GCS_S;
        h->gno = m->gno;
        done(h, me, from, m->gno, 0, out);
        granted(h, out);
        return;
    }
    install(h, m->scn, out);
    if ((m->flags & GCS_F_CLEAR) || h->clr || MUTATED("R14_clear")) {
        take_x(h, me, dirty, m->scn, from, m->gno, out);
        return;
    }
    h->got = true;
    h->got_dirty = dirty;
    h->got_from = from;
    h->got_gno = m->gno;
    h->got_version = m->scn;
}

static void recv_clear(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *m, struct gcs_out *out)
{
    if (MUTATED("R14_clear"))
        return;
    if (h->got && h->got_gno == m->gno)
        take_x(h, me, h->got_dirty, h->got_version, h->got_from, m->gno, out);
    else
        h->clr = true;
}

static void from_disk(struct gcs_holder *h, const struct gcs_msg *m, struct gcs_out *out)
{
    if (h->valid && h->mode != GCS_N)
        return;
    h->valid = false;
    h->version = m->scn; /* the disk must show at least that */
    gcs_out_add(out, GCS_FROM_DISK)->msg = *m;
}

static void recv_grant(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *m, struct gcs_out *out)
{
    if (m->flags & GCS_F_HELD) { /* recovery has made this node the owner: a grant never lowers a mode */
        done(h, me, me->self, m->gno, 0, out);
        granted(h, out);
    } else if (m->mode == GCS_S) {
        from_disk(h, m, out);
        h->mode = GCS_S;
        h->gno = m->gno;
        done(h, me, me->self, m->gno, 0, out);
        granted(h, out);
    } else {
        from_disk(h, m, out);
        take_x(h, me, h->dirty, h->version, me->self, m->gno, out);
    }
}

static void recv_promote(struct gcs_holder *h, const struct gcs_msg *m, struct gcs_out *out)
{
    if (h->mode == GCS_N || !h->valid) {
        gcs_out_add(out, GCS_PI_IS_CURRENT);
        h->valid = true;
    } else {
        gcs_out_add(out, GCS_DROP_PI); /* the read copy is the same version, and has readers */
    }
    h->pi = 0;
    h->mode = m->flags & GCS_F_SHARED ? GCS_SCUR : GCS_XCUR;
    h->version = m->scn;
    h->dirty = true;
    h->gno = m->gno;
    gcs_out_add(out, GCS_WRITE_NOW);
}

static void recv_copy(struct gcs_holder *h, const struct gcs_msg *m, struct gcs_out *out)
{
    if (h->want != GCS_WANT_S || !h->asked_copy || h->ask_token != m->held)
        return;
    h->want = GCS_WANT_NONE;
    gcs_out_add(out, GCS_REFUSED)->msg = *m;
}

static void revoke_later(struct gcs_holder *h, enum gcs_revoke rv, const struct gcs_msg *m)
{
    assert(h->rv == GCS_RV_NONE);
    h->rv = (uint8_t)rv;
    h->rv_node = m->node;
    h->rv_gno = m->gno;
    h->rv_clear = m->flags & GCS_F_CLEAR;
}

static void recv_forward(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *m, struct gcs_out *out)
{
    if (h->mode == GCS_N && h->pi > 0 && m->type == GCS_T_FWD_S && MUTATED("R13_ship")) {
        struct gcs_msg *s = gcs_out_send(out, GCS_SEND_BLOCK, m->node, GCS_T_SHIP);
        s->mode = GCS_S;
        s->gno = m->gno;
        s->scn = h->pi;
    } else if (h->mode == GCS_N) {
        not_held(me, m->gno, out);
    } else {
        revoke_later(h, m->type == GCS_T_FWD_S ? GCS_RV_S : GCS_RV_X, m); /* the caller releases at once where nothing holds it back */
    }
}

static void recv_inval(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *m, struct gcs_out *out)
{
    if (h->mode == GCS_S && h->gno == m->held && h->pins > 0)
        revoke_later(h, GCS_RV_INVAL, m);
    else
        drop_read_copy(h, me, m->gno, m->held, out);
}

static void recv_pidrop(struct gcs_holder *h, const struct gcs_msg *m, struct gcs_out *out)
{
    if (h->pi == 0 || (h->pi > m->scn && !MUTATED("R13_version")))
        return;
    h->pi = 0;
    gcs_out_add(out, GCS_DROP_PI);
}

static void recv_write_ask(const struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out)
{
    if (h->mode < GCS_SCUR)
        return; /* the asker asks again */
    if (h->dirty)
        gcs_out_add(out, GCS_WRITE_NOW);
    else if (h->wip == 0 && h->valid)
        to_master(out, me, GCS_T_WBDONE)->scn = h->version;
}

/* ---- what cannot be ------------------------------------------------------------------ */

static const char *ship_fault(const struct gcs_holder *h, const struct gcs_msg *m)
{
    if (h->want != (m->mode == GCS_X ? GCS_WANT_X : GCS_WANT_S))
        return "not asked for";
    if (h->mode > GCS_S || h->got)
        return "it is here already";
    const bool lenient = MUTATED("R14") || MUTATED("R14_clear") || MUTATED("R14_down") || MUTATED("R15") || MUTATED("R13_ship");
    return h->mode != GCS_N && h->valid && h->version != m->scn && !lenient ? "another version than the one that is here" : NULL;
}

static const char *grant_fault(const struct gcs_holder *h, const struct gcs_msg *m)
{
    if (h->want != (m->mode == GCS_X ? GCS_WANT_X : GCS_WANT_S))
        return "not asked for";
    if (m->flags & GCS_F_HELD)
        return h->mode >= GCS_SCUR ? NULL : "not held";
    return h->got || (m->mode == GCS_S && h->mode > GCS_S) ? "it is here already" : NULL;
}

static const char *forward_fault(const struct gcs_holder *h, const struct gcs_msg *m)
{
    if (h->mode == GCS_N)
        return NULL;
    if (h->rv != GCS_RV_NONE)
        return "another revocation is under way";
    return m->type == GCS_T_FWD_X && h->mode < GCS_SCUR ? "not owned here" : NULL;
}

static const char *holder_fault(const struct gcs_holder *h, const struct gcs_msg *m)
{
    switch ((enum gcs_type)m->type) {
    case GCS_T_FWD_S:
    case GCS_T_FWD_X:
        return forward_fault(h, m);
    case GCS_T_INVAL:
        return h->mode == GCS_S && h->gno == m->held && h->pins > 0 && h->rv != GCS_RV_NONE ? "another revocation is under way" : NULL;
    case GCS_T_SHIP:
        return ship_fault(h, m);
    case GCS_T_CLEAR:
        return h->want != GCS_WANT_X || h->clr || (h->got && h->got_gno != m->gno) ? "not waited for" : NULL;
    case GCS_T_GRANT:
        return grant_fault(h, m);
    case GCS_T_PROMOTE:
        return h->mode > GCS_S || h->pi == 0 || h->pi != m->scn ? "there is no such past image" : NULL;
    case GCS_T_COPY:
    case GCS_T_PIDROP:
    case GCS_T_WRITE_ASK:
        return NULL;
    default:
        return "not for a holder";
    }
}

const char *gcs_holder_recv(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *m, node_no from, struct gcs_out *out)
{
    check(h);
    const char *fault = holder_fault(h, m);
    if (fault != NULL)
        return fault;
    switch ((enum gcs_type)m->type) {
    case GCS_T_FWD_S:
    case GCS_T_FWD_X:
        recv_forward(h, me, m, out);
        break;
    case GCS_T_INVAL:
        recv_inval(h, me, m, out);
        break;
    case GCS_T_SHIP:
        recv_ship(h, me, m, from, out);
        break;
    case GCS_T_CLEAR:
        recv_clear(h, me, m, out);
        break;
    case GCS_T_GRANT:
        recv_grant(h, me, m, out);
        break;
    case GCS_T_PROMOTE:
        recv_promote(h, m, out);
        break;
    case GCS_T_COPY:
        recv_copy(h, m, out);
        break;
    case GCS_T_PIDROP:
        recv_pidrop(h, m, out);
        break;
    case GCS_T_WRITE_ASK:
        recv_write_ask(h, me, out);
        break;
    default:
        break;
    }
    check(h);
    return NULL;
}

/* ---- the node's own doing ------------------------------------------------------------ */

void gcs_holder_changed(struct gcs_holder *h)
{
    assert(h->mode >= GCS_X);
    h->mode = GCS_XCUR;
    h->dirty = true;
}

void gcs_holder_write_begin(struct gcs_holder *h)
{
    assert(h->mode >= GCS_SCUR);
    assert(h->dirty);
    assert(h->wip == 0);
    h->wip = h->version;
    h->dirty = h->must_write = false;
}

void gcs_holder_write_end(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out)
{
    assert(h->wip > 0);
    const scn_t written = h->wip;
    h->wip = 0;
    if (MUTATED("R5_dirty"))
        h->dirty = false;
    if (h->mode == GCS_XCUR && !h->dirty)
        h->mode = GCS_X;
    to_master(out, me, GCS_T_WBDONE)->scn = written;
    check(h);
}

bool gcs_holder_may_evict(const struct gcs_holder *h)
{
    return h->want == GCS_WANT_NONE && h->pins == 0 && h->wip == 0 && (!h->dirty || MUTATED("R5_evict")) && !h->got && h->rv == GCS_RV_NONE;
}

void gcs_holder_evict(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out, uint64_t *ret_notice)
{
    assert(h->pins == 0);
    assert(h->wip == 0);
    *ret_notice = 0;
    if (h->mode == GCS_S) {
        *ret_notice = h->gno;
    } else if (h->mode >= GCS_SCUR) {
        struct gcs_msg *m = to_master(out, me, GCS_T_EVICT);
        m->held = h->gno;
        m->scn = h->version;
    }
    lose(h);
}

/* ---- views ------------------------------------------------------------------------------- */

void gcs_holder_view(struct gcs_holder *h)
{
    if (h->got && h->mode == GCS_N)
        h->valid = false; /* the bytes that waited for CLEAR */
    h->got = h->clr = false;
    h->rv = GCS_RV_NONE;
}

void gcs_holder_declare(struct gcs_holder *h, const struct gcs_self *me, scn_t disk, struct gcs_out *out)
{
    if (h->pi > 0 && h->pi <= disk) {
        h->pi = 0;
        gcs_out_add(out, GCS_DROP_PI);
    }
    if (h->mode == GCS_N && h->pi == 0)
        return;
    struct gcs_msg *m = to_master(out, me, GCS_T_DECLARE);
    m->mode = h->mode;
    m->held = h->gno;
    m->scn = h->pi;
    m->gno = disk;
    m->version = h->version;
}

void gcs_holder_ask_again(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out)
{
    if (h->want != GCS_WANT_NONE)
        send_request(h, me, out);
}
