#include "gcs/core/master.h"

#include <stdlib.h>

static uint64_t bit(node_no n)
{
    return UINT64_C(1) << (n - 1);
}

static void check(const struct gcs_master *m)
{
    assert((m->op == GCS_WANT_NONE) == (m->op_node == 0));
    assert(m->op == GCS_WANT_X || m->acks == 0);
    assert(m->nslots <= m->slots_cap);
}

void gcs_master_init(struct gcs_master *m, struct dba dba)
{
    *m = (struct gcs_master){ .dba = dba, .slots_cap = GCS_SLOTS_INLINE };
    m->slots = m->inline_slots;
}

void gcs_master_fini(struct gcs_master *m)
{
    if (m->slots != m->inline_slots)
        free(m->slots);
    m->slots = NULL;
}

/* ---- slots ------------------------------------------------------------------ */

static struct gcs_slot *slot_find(struct gcs_master *m, node_no n)
{
    for (uint32_t i = 0; i < m->nslots; i++)
        if (m->slots[i].node == n)
            return &m->slots[i];
    return NULL;
}

static bool slot_is_empty(const struct gcs_slot *s)
{
    return !s->shares && s->queued == GCS_WANT_NONE && s->pi == 0;
}

static struct gcs_slot *slot_get(struct gcs_master *m, node_no n)
{
    struct gcs_slot *s = slot_find(m, n);
    for (uint32_t i = 0; s == NULL && i < m->nslots; i++)
        if (slot_is_empty(&m->slots[i]))
            s = &m->slots[i];
    if (s != NULL && s->node == n)
        return s;
    if (s == NULL) {
        if (m->nslots == m->slots_cap) {
            struct gcs_slot *more = xmalloc(sizeof(*more) * m->slots_cap * 2);
            memcpy(more, m->slots, sizeof(*more) * m->nslots);
            if (m->slots != m->inline_slots)
                free(m->slots);
            m->slots = more;
            m->slots_cap *= 2;
        }
        s = &m->slots[m->nslots++];
    }
    *s = (struct gcs_slot){ .node = n };
    return s;
}


static void unshare(struct gcs_master *m, node_no n)
{
    struct gcs_slot *s = slot_find(m, n);
    if (s != NULL)
        s->shares = false;
}

bool gcs_master_is_idle(const struct gcs_master *m)
{
    if (m->own != 0 || m->op != GCS_WANT_NONE)
        return false;
    for (uint32_t i = 0; i < m->nslots; i++)
        if (!slot_is_empty(&m->slots[i]))
            return false;
    return true;
}

/* ---- operations --------------------------------------------------------------- */

static struct gcs_msg *op_send(struct gcs_master *m, struct gcs_out *out, node_no to, enum gcs_type type)
{
    struct gcs_msg *msg = gcs_out_send(out, GCS_SEND, to, type);
    msg->gno = m->op_gno;
    return msg;
}

static void send_grant(struct gcs_master *m, struct gcs_out *out, enum gcs_mode mode, uint8_t flags)
{
    struct gcs_msg *msg = op_send(m, out, m->op_node, GCS_T_GRANT);
    msg->mode = (uint8_t)mode;
    msg->flags = flags;
    msg->scn = m->disk;
}

static void forward(struct gcs_master *m, struct gcs_out *out, node_no to, enum gcs_type type, uint8_t flags)
{
    struct gcs_msg *msg = op_send(m, out, to, type);
    msg->node = m->op_node;
    msg->flags = flags;
    m->source_asked = true;
}

/* Nobody owns the block: from a node that reads it, or from the disk, which is current then. */
static void read_unowned(struct gcs_master *m, struct gcs_out *out)
{
    for (uint32_t i = 0; i < m->nslots; i++) {
        if (m->slots[i].shares && m->slots[i].node != m->op_node) {
            forward(m, out, m->slots[i].node, GCS_T_FWD_S, 0);
            return;
        }
    }
    m->source_asked = false;
    send_grant(m, out, GCS_S, 0);
}

static void begin_read(struct gcs_master *m, struct gcs_out *out)
{
    unshare(m, m->op_node);
    if (m->own == m->op_node)
        send_grant(m, out, GCS_S, GCS_F_HELD);
    else if (m->own != 0)
        forward(m, out, m->own, GCS_T_FWD_S, 0);
    else
        read_unowned(m, out);
}

static void begin_write(struct gcs_master *m, struct gcs_out *out)
{
    m->acks = 0;
    for (uint32_t i = 0; i < m->nslots; i++) {
        const struct gcs_slot *s = &m->slots[i];
        if (!s->shares || s->node == m->op_node)
            continue;
        m->acks |= bit(s->node);
        op_send(m, out, s->node, GCS_T_INVAL)->held = s->gno;
    }
    m->source_asked = false;
    if (m->own != 0 && m->own != m->op_node)
        forward(m, out, m->own, GCS_T_FWD_X, m->acks == 0 ? GCS_F_CLEAR : 0);
    else if (m->acks == 0)
        send_grant(m, out, GCS_X, 0);
}

/* Converts first; first in first out among equals. */
static struct gcs_slot *next_in_queue(struct gcs_master *m)
{
    struct gcs_slot *best = NULL;
    bool best_converts = false;
    for (uint32_t i = 0; i < m->nslots; i++) {
        struct gcs_slot *s = &m->slots[i];
        if (s->queued == GCS_WANT_NONE)
            continue;
        const bool converts = s->shares || m->own == s->node;
        if (best == NULL || converts > best_converts || (converts == best_converts && s->queued_at < best->queued_at)) {
            best = s;
            best_converts = converts;
        }
    }
    return best;
}

static void begin_next(struct gcs_master *m, const struct gcs_master_env *env, struct gcs_out *out)
{
    struct gcs_slot *s = env->open && m->op == GCS_WANT_NONE ? next_in_queue(m) : NULL;
    if (s == NULL)
        return;
    m->op = s->queued;
    m->op_node = s->node;
    m->op_gno = (*env->next_gno)++;
    s->queued = GCS_WANT_NONE;
    if (m->op == GCS_WANT_S)
        begin_read(m, out);
    else
        begin_write(m, out);
}

/* ---- messages -------------------------------------------------------------------- */

static void recv_req(struct gcs_master *m, const struct gcs_master_env *env, const struct gcs_msg *msg, node_no from, struct gcs_out *out)
{
    if ((msg->flags & GCS_F_COPY_OK) && env->open && m->own != 0 && m->own != from) {
        struct gcs_msg *ask = gcs_out_send(out, GCS_SEND, m->own, GCS_T_COPY_ASK);
        ask->node = from;
        ask->scn = msg->scn;
        ask->held = msg->held;
        return;
    }
    struct gcs_slot *s = slot_get(m, from);
    s->queued = msg->mode >= GCS_X ? GCS_WANT_X : GCS_WANT_S;
    s->queued_at = ++m->queue_seq;
    begin_next(m, env, out);
}

static void recv_invack(struct gcs_master *m, const struct gcs_msg *msg, node_no from, struct gcs_out *out)
{
    if (m->op != GCS_WANT_X || msg->gno != m->op_gno || !(m->acks & bit(from)))
        return;
    m->acks &= ~bit(from);
    unshare(m, from);
    if (m->acks != 0)
        return;
    if (m->source_asked)
        op_send(m, out, m->op_node, GCS_T_CLEAR);
    else
        send_grant(m, out, GCS_X, 0);
}

static void recv_nohave(struct gcs_master *m, const struct gcs_msg *msg, node_no from, struct gcs_out *out)
{
    if (m->op == GCS_WANT_NONE || msg->gno != m->op_gno)
        return;
    m->source_asked = false;
    unshare(m, from);
    if (m->op == GCS_WANT_S)
        read_unowned(m, out);
    else if (m->acks == 0)
        send_grant(m, out, GCS_X, 0);
}

/* The end of the operation under way. */
static bool is_ours(const struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    return m->op != GCS_WANT_NONE && m->op_node == from && msg->gno == m->op_gno;
}

static void recv_done(struct gcs_master *m, const struct gcs_master_env *env, const struct gcs_msg *msg, node_no from, struct gcs_out *out)
{
    if (!is_ours(m, msg, from))
        return;
    if (m->op == GCS_WANT_X) {
        for (uint32_t i = 0; i < m->nslots; i++)
            m->slots[i].shares = false;
        m->own = from;
        m->own_gno = m->op_gno;
        if (m->write_asked)
            gcs_out_send(out, GCS_SEND, from, GCS_T_WRITE_ASK);
        m->write_asked = false;
    } else if (m->own != from) {
        struct gcs_slot *s = slot_get(m, from);
        s->shares = true;
        s->gno = m->op_gno;
    }
    if (msg->scn > 0 && msg->node != 0)
        slot_get(m, msg->node)->pi = msg->scn;
    m->op = GCS_WANT_NONE;
    m->op_node = 0;
    m->source_asked = false;
    begin_next(m, env, out);
}

static void recv_evict(struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    if (m->own != from || m->own_gno != msg->held)
        return;
    m->own = 0;
    m->disk = MAX(m->disk, msg->scn);
}

static void recv_evict_s(struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    struct gcs_slot *s = slot_find(m, from);
    if (s != NULL && s->shares && (s->gno == msg->held || MUTATED("R14"))) /* R14: a stale notice is ignored */
        s->shares = false;
}

static void drop_past_images(struct gcs_master *m, scn_t upto, struct gcs_out *out)
{
    for (uint32_t i = 0; i < m->nslots; i++) {
        struct gcs_slot *s = &m->slots[i];
        if (s->pi == 0 || s->pi > upto)
            continue;
        gcs_out_send(out, GCS_SEND, s->node, GCS_T_PIDROP)->scn = upto;
        s->pi = 0;
    }
}

/*
 * A node's checkpoint waits for its past image. The owner is asked; where the block is on its way to another node, that one will be, before
 * it can be asked to give it away. Without an owner (and with all declarations there) the disk is current.
 */
static void recv_write_ask(struct gcs_master *m, const struct gcs_master_env *env, const struct gcs_msg *msg, node_no from, struct gcs_out *out)
{
    if (m->op == GCS_WANT_X) {
        m->write_asked = true;
    } else if (m->own != 0) {
        gcs_out_send(out, GCS_SEND, m->own, GCS_T_WRITE_ASK)->scn = msg->scn;
    } else if (env->open && m->op == GCS_WANT_NONE) {
        struct gcs_slot *s = slot_get(m, from);
        s->pi = 0;
        gcs_out_send(out, GCS_SEND, from, GCS_T_PIDROP)->scn = msg->scn;
    }
}

static void recv_declare(struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    struct gcs_slot *s = slot_get(m, from);
    if (msg->mode >= GCS_SCUR) {
        m->own = from;
        m->own_gno = msg->held;
    } else if (msg->mode == GCS_S) {
        s->shares = true;
        s->gno = msg->held;
    }
    s->pi = msg->scn;
    m->disk = MAX(m->disk, msg->gno);
}

/* ---- what cannot be ------------------------------------------------------------- */

static const char *request_fault(struct gcs_master *m, node_no from)
{
    const struct gcs_slot *s = slot_find(m, from);
    const bool twice = m->op_node == from || (s != NULL && s->queued != GCS_WANT_NONE);
    return twice ? "its last request has not been answered yet" : NULL;
}

static const char *nohave_fault(const struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    const bool about_op = m->op != GCS_WANT_NONE && msg->gno == m->op_gno;
    return about_op && (m->op_node == from || (m->own == from && !MUTATED("R15"))) ? "it has the block: its EVICT would have come before" : NULL;
}

static const char *done_fault(const struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    return is_ours(m, msg, from) && m->acks != 0 ? "not all read copies are gone yet" : NULL;
}

static const char *declare_fault(const struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    if (m->op != GCS_WANT_NONE)
        return "the view has opened already";
    return msg->mode >= GCS_SCUR && m->own != 0 && m->own != from ? "another node has declared that it owns the block" : NULL;
}

static const char *master_fault(struct gcs_master *m, const struct gcs_msg *msg, node_no from)
{
    switch ((enum gcs_type)msg->type) {
    case GCS_T_REQ:
        return request_fault(m, from);
    case GCS_T_NOHAVE:
        return nohave_fault(m, msg, from);
    case GCS_T_DECLARE:
        return declare_fault(m, msg, from);
    case GCS_T_DONE:
        return done_fault(m, msg, from);
    case GCS_T_INVACK:
    case GCS_T_EVICT:
    case GCS_T_EVICT_S:
    case GCS_T_WBDONE:
    case GCS_T_WRITE_ASK:
        return NULL;
    default:
        return "not for a master";
    }
}

const char *gcs_master_recv(struct gcs_master *m, const struct gcs_master_env *env, const struct gcs_msg *msg, node_no from,
                            struct gcs_out *out)
{
    check(m);
    const char *fault = master_fault(m, msg, from);
    if (fault != NULL)
        return fault;
    switch ((enum gcs_type)msg->type) {
    case GCS_T_REQ:
        recv_req(m, env, msg, from, out);
        break;
    case GCS_T_INVACK:
        recv_invack(m, msg, from, out);
        break;
    case GCS_T_NOHAVE:
        recv_nohave(m, msg, from, out);
        break;
    case GCS_T_DONE:
        recv_done(m, env, msg, from, out);
        break;
    case GCS_T_EVICT:
        recv_evict(m, msg, from);
        break;
    case GCS_T_EVICT_S:
        recv_evict_s(m, msg, from);
        break;
    case GCS_T_WBDONE:
        m->disk = MAX(m->disk, msg->scn);
        drop_past_images(m, msg->scn, out);
        break;
    case GCS_T_WRITE_ASK:
        recv_write_ask(m, env, msg, from, out);
        break;
    case GCS_T_DECLARE:
        recv_declare(m, msg, from);
        break;
    default:
        break;
    }
    check(m);
    return NULL;
}

/* ---- views ---------------------------------------------------------------------------- */

static struct gcs_slot *newest_past_image(const struct gcs_master *m)
{
    struct gcs_slot *best = NULL;
    for (uint32_t i = 0; i < m->nslots; i++)
        if (m->slots[i].pi > 0 && (best == NULL || m->slots[i].pi > best->pi))
            best = &m->slots[i];
    return best;
}

void gcs_master_open(struct gcs_master *m, const struct gcs_master_env *env, struct gcs_out *out)
{
    assert(m->op == GCS_WANT_NONE);
    struct gcs_slot *newest = newest_past_image(m);
    if (m->own == 0 && newest != NULL && newest->pi > m->disk) {
        m->own = newest->node;
        m->own_gno = (*env->next_gno)++;
        newest->shares = false;
        bool shared = false;
        for (uint32_t i = 0; i < m->nslots; i++)
            shared |= m->slots[i].shares;
        struct gcs_msg *msg = gcs_out_send(out, GCS_SEND, m->own, GCS_T_PROMOTE);
        msg->gno = m->own_gno;
        msg->scn = newest->pi;
        msg->flags = shared ? GCS_F_SHARED : 0;
        newest->pi = 0;
    }
    drop_past_images(m, m->disk, out);
    begin_next(m, env, out);
}
