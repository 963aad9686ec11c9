/*
 * A link's fibers: the reader, which finds connections and dispatches what
 * arrives; the writer of the present connection; and, for messages to oneself,
 * the dispatcher of the queue.
 */
#include "interconnect/ic_int.h"

#include "base/buf.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

void link_wake_reader(struct link *l)
{
    (void)rt_channel_try_send(l->wake_reader, l); /* what travels is never looked at; full: it has been woken already */
}

bool link_writer_claim(struct link *l)
{
    const bool idle = l->writer_idle;
    l->writer_idle = false;
    return idle;
}

void link_writer_token(struct link *l)
{
    (void)rt_channel_try_send(l->wake_writer, l);
}

static bool is_stopped(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    const bool stop = l->stop;
    rt_spin_unlock(&l->lane->spin);
    return stop;
}

static bool is_closed(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    const bool closed = l->closed;
    rt_spin_unlock(&l->lane->spin);
    return closed;
}

static bool was_live(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    const bool was = l->was_live;
    rt_spin_unlock(&l->lane->spin);
    return was;
}

static void count_rejected(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    l->lane->stats.rejected++;
    rt_spin_unlock(&l->lane->spin);
}

/* ---- dispatch -------------------------------------------------------------- */

void ic__dispatch(struct interconnect *ic, const struct ic_message *m)
{
    struct ic_handler_slot *h = &ic->handlers[m->kind];
    ic_handler *fn = atomic_load_explicit(&h->fn, memory_order_acquire);
    if (fn == NULL) {
        log_error(ic->opt.log, "interconnect: %s message of node %u dropped: nobody handles it", ic_kind_name(m->kind), m->from);
        return;
    }
    const uint32_t len_min = atomic_load_explicit(&h->len_min, memory_order_relaxed);
    const uint32_t len_max = atomic_load_explicit(&h->len_max, memory_order_relaxed);
    if (m->len < len_min || m->len > len_max) {
        ic_reject(ic, m, "%" PRIu32 " to %" PRIu32 " bytes are possible", len_min, len_max);
        return;
    }
    fn(atomic_load_explicit(&h->arg, memory_order_relaxed), m);
}

static void note_round_trip(struct interconnect *ic, uint64_t ns)
{
    uint32_t bucket = 0;
    while (bucket + 1 < IC_RTT_BUCKETS && ns / 1000 >= UINT64_C(1) << bucket)
        bucket++;
    rt_spin_lock(&ic->spin);
    ic->rtt[bucket]++;
    rt_spin_unlock(&ic->spin);
}

static void take_control(struct link *l, const struct wire_header *h, const uint8_t *payload)
{
    bool wake = false;
    switch ((enum wire_type)h->type) {
    case WIRE_GOODBYE:
        ic__peer_lost(l->peer, "it has said goodbye");
        break;
    case WIRE_PING:
        rt_spin_lock(&l->lane->spin);
        l->pong_now = true;
        l->pong_value = get_u64le(payload);
        wake = link_writer_claim(l);
        rt_spin_unlock(&l->lane->spin);
        if (wake)
            link_writer_token(l);
        break;
    case WIRE_PONG:
        note_round_trip(l->ic, rt_now() - get_u64le(payload));
        break;
    case WIRE_DATA:
    case WIRE_ACK:
    case WIRE_TYPES:
        break;
    }
}

static void deliver(struct link *l, const struct wire_header *h, const uint8_t *payload)
{
    const struct ic_message m = {
        .kind = (enum ic_kind)h->kind,
        .from = l->peer->id.node,
        .from_incarnation = l->peer->id.incarnation,
        .epoch = h->epoch,
        .scn = h->scn,
        .watermark = h->watermark,
        .payload = payload,
        .len = h->length - WIRE_HEADER_BYTES,
    };
    ic__dispatch(l->ic, &m);
}

/* Every frame raises the clock; where R2 is taken out, questions and what says nothing do not, or the rule would still be kept. */
static scn_t scn_of(const struct wire_header *h)
{
    const bool copy = h->kind == IC_GCS_COPY_ASK;
    const bool question = h->type != WIRE_DATA || copy || h->kind == IC_TXN_STATUS_ASK || h->kind == IC_GCS_REQUEST || h->kind == IC_GCS_FORWARD;
    return (MUTATED("R2") && question) || (MUTATED("R2_copy") && copy) ? 0 : h->scn;
}

static enum err take_frame(struct link *l, const struct wire_header *h, const uint8_t *payload, struct diag *d)
{
    const struct ic_hooks *hooks = &l->ic->opt.hooks;
    if (crc32c(0, payload, h->length - WIRE_HEADER_BYTES) != h->payload_crc)
        return diag_set(d, ERR_PROTOCOL, "damaged frame: the checksum of its payload is wrong");
    if (h->type == WIRE_DATA && h->class != ic__lane_class(l->ic, l->index)) /* R15: and handlers rely on their lane's fiber */
        return diag_set(d, ERR_PROTOCOL, "%s frame in lane %" PRIu32, ic_kind_name((enum ic_kind)h->kind), l->index);
    if (hooks->scn_seen != NULL && !hooks->scn_seen(hooks->arg, l->peer->id.node, scn_of(h), h->watermark))
        return diag_set(d, ERR_PROTOCOL, "SCN %" PRIu64 " jumps too far ahead", h->scn);

    bool wake = false;
    rt_spin_lock(&l->lane->spin);
    const enum session_verdict verdict = session_receive(l->session, h, d);
    if (verdict == SESSION_DELIVER)
        l->lane->stats.received++;
    if (session_ack_urgent(l->session) && !l->ack_now) {
        l->ack_now = true;
        wake = link_writer_claim(l);
    }
    rt_spin_unlock(&l->lane->spin);
    if (wake)
        link_writer_token(l);

    switch (verdict) {
    case SESSION_DELIVER:
        deliver(l, h, payload);
        break;
    case SESSION_CONTROL:
        take_control(l, h, payload);
        break;
    case SESSION_DUPLICATE:
        break;
    case SESSION_BROKEN:
        return ERR_PROTOCOL;
    }
    return ERR_OK;
}

/* Takes all whole frames in l->in[0..len); *ret_used: bytes of them. */
static enum err take_frames(struct link *l, size_t len, size_t *ret_used, struct diag *d)
{
    size_t at = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK && len - at >= WIRE_HEADER_BYTES) {
        struct wire_header h;
        err = wire_get_header(l->in + at, l->ic->opt.frame_max_bytes, &h, d);
        if (err != ERR_OK || len - at < h.length)
            break;
        err = take_frame(l, &h, l->in + at + WIRE_HEADER_BYTES, d);
        at += h.length;
        rt_yield_if_due();
    }
    *ret_used = at;
    return err;
}

static enum err read_frames(struct link *l, struct rt_conn *c, struct diag *d)
{
    size_t len = 0;
    for (;;) {
        size_t got, used;
        enum err err = rt_recv(c, l->in + len, l->in_cap - len, RT_FOREVER, &got, d);
        if (err != ERR_OK)
            return err;
        if (got == 0)
            return diag_set(d, ERR_CLOSED, "the peer has closed the connection");
        rt_spin_lock(&l->lane->spin);
        l->lane->stats.received_bytes += got;
        l->progress_ns = rt_now();
        rt_spin_unlock(&l->lane->spin);
        len += got;
        err = take_frames(l, len, &used, d);
        if (err != ERR_OK)
            return err;
        len -= used;
        if (used > 0 && len > 0) /* a frame's beginning; whole frames fit: in_cap is above frame_max_bytes */
            memmove(l->in, l->in + used, len);
    }
}

/* ---- writer ---------------------------------------------------------------- */

/* What one turn of the writer sends. */
struct turn {
    struct session_batch batch;
    bool have_batch, ack, ping, pong, goodbye;
    uint64_t pong_value, ack_value;
};

/* lane->spin held; false: nothing to do. */
static bool plan_turn(struct link *l, struct turn *t)
{
    *t = (struct turn){ 0 };
    t->have_batch = session_gather(l->session, IC_WRITE_BYTES, &t->batch);
    t->ack = l->ack_now && !t->have_batch;
    t->ping = l->ping_now;
    t->pong = l->pong_now;
    t->pong_value = l->pong_value;
    t->goodbye = l->goodbye_now && !session_has_unsent(l->session) && !l->goodbye_said;
    t->ack_value = session_received(l->session);
    l->ack_now = l->ping_now = l->pong_now = false;
    if (t->ack || t->ping || t->pong)
        session_ack_sent(l->session, t->ack_value);
    if (t->have_batch) {
        l->lane->stats.sent_bytes += t->batch.to - t->batch.from; /* now and then with a few skipped ones */
        l->lane->stats.writes++;
    }
    return t->have_batch || t->ack || t->ping || t->pong || t->goodbye;
}

static void put_control(uint8_t *out, size_t *len, enum wire_type type, const struct turn *t, scn_t scn, scn_t watermark,
                        const uint64_t *value)
{
    const uint32_t payload = value != NULL ? 8 : 0;
    const struct wire_header h = {
        .length = WIRE_HEADER_BYTES + payload,
        .type = (uint8_t)type,
        .ack = t->ack_value,
        .scn = scn,
        .watermark = watermark,
        .payload_crc = value != NULL ? crc32c(0, value, 8) : 0,
    };
    wire_put_header(out + *len, &h);
    if (value != NULL)
        put_u64le(out + *len + WIRE_HEADER_BYTES, *value);
    *len += h.length;
}

static enum err write_turn(struct link *l, struct rt_conn *c, const struct turn *t, struct diag *d)
{
    const struct ic_hooks *hooks = &l->ic->opt.hooks;
    /* Taken after the batch was gathered, so they cover all that was known when its messages were admitted. */
    const scn_t scn = hooks->scn_now != NULL ? hooks->scn_now(hooks->arg) : 0;
    const scn_t watermark = hooks->watermark != NULL ? hooks->watermark(hooks->arg) : 0;
    struct rt_iov iov[3];
    unsigned n = 0;
    if (t->have_batch) {
        struct session_span spans[2];
        const unsigned parts = session_stamp(l->session, &t->batch, scn, watermark, spans);
        for (unsigned i = 0; i < parts; i++)
            iov[n++] = (struct rt_iov){ spans[i].p, spans[i].len };
    }
    uint8_t control[4 * (WIRE_HEADER_BYTES + 8)];
    size_t len = 0;
    const uint64_t now = t->ping ? rt_now() : 0;
    if (t->ack)
        put_control(control, &len, WIRE_ACK, t, scn, watermark, NULL);
    if (t->ping)
        put_control(control, &len, WIRE_PING, t, scn, watermark, &now);
    if (t->pong)
        put_control(control, &len, WIRE_PONG, t, scn, watermark, &t->pong_value);
    if (t->goodbye)
        put_control(control, &len, WIRE_GOODBYE, t, scn, watermark, NULL);
    if (len > 0)
        iov[n++] = (struct rt_iov){ control, len };
    return rt_sendv(c, iov, n, d);
}

static void writer_main(void *arg)
{
    struct link *l = arg;
    struct diag d = { 0 };
    for (;;) {
        struct turn t;
        rt_spin_lock(&l->lane->spin);
        const bool live = l->live;
        const bool work = live && plan_turn(l, &t);
        l->writer_idle = live && !work;
        struct rt_conn *c = l->conn;
        rt_spin_unlock(&l->lane->spin);
        if (!live)
            return;
        if (!work) {
            void *item;
            (void)rt_channel_recv(l->wake_writer, &item, RT_FOREVER);
            continue;
        }
        const enum err err = write_turn(l, c, &t, &d);
        rt_spin_lock(&l->lane->spin);
        if (t.have_batch)
            session_written(l->session);
        l->goodbye_said |= t.goodbye;
        rt_spin_unlock(&l->lane->spin);
        if (err != ERR_OK) {
            rt_conn_shutdown(c); /* the reader sees the end, and waits for this fiber */
            return;
        }
    }
}

static struct fiber *start_writer(struct link *l)
{
    const struct rt_spawn_options opt = { .name = "ic-writer", .worker = rt_worker(), .prio = RT_PRIO_HIGH };
    return rt_spawn(&opt, writer_main, l);
}

/* ---- a connection's life --------------------------------------------------- */

static const char *link_name(const struct link *l, char *out, size_t bytes)
{
    snprintf(out, bytes, "interconnect: node %u at %s, lane %" PRIu32, l->peer->id.node, l->peer->address, l->index);
    return out;
}

/* One lane speaks for all that cannot connect, and does not repeat itself for half a minute. */
static void complain(struct link *l, const struct diag *d)
{
    char name[256];
    const uint64_t now = rt_now();
    if (l->index != IC_LANE_CRITICAL)
        return;
    if (strncmp(l->logged, d->message, sizeof(l->logged) - 1) == 0 && now - l->logged_ns < RT_SEC(30))
        return;
    snprintf(l->logged, sizeof(l->logged), "%.*s", (int)sizeof(l->logged) - 1, d->message);
    l->logged_ns = now;
    log_warning(l->ic->opt.log, "%s: %s", link_name(l, name, sizeof(name)), d->message);
}

/* The connection is l->conn from here until drop_connection(), so that link_stop() can shut it down. false: stopped. */
static bool own_connection(struct link *l, struct rt_conn *c)
{
    rt_spin_lock(&l->lane->spin);
    const bool go = !l->stop && !l->closed;
    if (go)
        l->conn = c;
    rt_spin_unlock(&l->lane->spin);
    if (!go)
        rt_conn_close(c);
    return go;
}

static void drop_connection(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    struct rt_conn *c = l->conn;
    l->conn = NULL;
    rt_spin_unlock(&l->lane->spin);
    rt_conn_close(c);
}

/* From now on, what the peer has not received is handed out again. */
static enum err resume(struct link *l, uint64_t peer_received, struct diag *d)
{
    uint64_t again = 0;
    rt_spin_lock(&l->lane->spin);
    const enum err err = session_resume(l->session, peer_received, &again, d);
    l->lane->stats.retransmitted += again;
    rt_spin_unlock(&l->lane->spin);
    return err;
}

static void go_live(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    const bool first = !l->was_live;
    l->lane->stats.reconnects += !first;
    l->was_live = l->live = true;
    l->ack_now = l->ping_now = l->pong_now = false;
    l->progress_ns = rt_now();
    rt_spin_unlock(&l->lane->spin);
    l->backoff_ms = 0;
    l->logged_ns = 0;
    l->logged[0] = '\0';
    if (first)
        ic__peer_connected(l->peer);
}

/* Runs a resumed connection until it breaks. */
static void serve(struct link *l)
{
    struct diag d = { 0 };
    struct rt_conn *c = l->conn;
    char name[256];
    go_live(l);
    struct fiber *writer = start_writer(l);
    const enum err err = writer != NULL ? read_frames(l, c, &d) : diag_set(&d, ERR_RESOURCES, "too many fibers");
    rt_conn_shutdown(c);
    rt_spin_lock(&l->lane->spin);
    l->live = false;
    l->writer_idle = false;
    const bool quiet = l->stop || l->closed;
    rt_spin_unlock(&l->lane->spin);
    link_writer_token(l);
    if (writer != NULL)
        rt_join(writer);
    if (err == ERR_PROTOCOL) {
        count_rejected(l);
        log_warning(l->ic->opt.log, "%s: connection dropped: %s", link_name(l, name, sizeof(name)), d.message);
    } else if (!quiet) {
        log_info(l->ic->opt.log, "%s: connection lost: %s", link_name(l, name, sizeof(name)), d.message);
    }
    drop_connection(l);
}

/* Waits before the next attempt, a little longer each time; ends early when the link is stopped. */
static void back_off(struct link *l)
{
    void *item;
    l->backoff_ms = l->backoff_ms == 0 ? IC_BACKOFF_MIN_MS : MIN(l->backoff_ms * 2, IC_BACKOFF_MAX_MS);
    const uint64_t ns = RT_MS(l->backoff_ms) / 2 + rt_random() % RT_MS(l->backoff_ms);
    (void)rt_channel_recv(l->wake_reader, &item, rt_now() + ns);
}

static enum err handshake_and_resume(struct link *l, struct diag *d)
{
    enum wire_status status;
    uint64_t peer_received;
    rt_spin_lock(&l->lane->spin);
    const uint64_t received = session_received(l->session);
    rt_spin_unlock(&l->lane->spin);
    enum err err = ic__handshake_dial(l, l->conn, received, rt_now() + RT_MS(IC_HANDSHAKE_MS), &peer_received, &status, d);
    if (status == WIRE_STATUS_OTHER_INCARNATION || status == WIRE_STATUS_LOST)
        ic__peer_lost(l->peer, "%s", wire_status_text(status));
    if (status == WIRE_STATUS_UNKNOWN_PEER || status == WIRE_STATUS_YOU_WAIT)
        return ERR_AGAIN; /* it looks us up, or dials */
    if (err == ERR_OK) {
        err = resume(l, peer_received, d);
        if (err != ERR_OK)
            ic__peer_lost(l->peer, "%s", d->message);
    }
    return err;
}

static void dial_once(struct link *l)
{
    struct diag d = { 0 };
    struct rt_conn *c;
    enum err err = rt_connect(l->peer->address, rt_now() + RT_MS(IC_CONNECT_MS), &c, &d);
    if (err == ERR_OK) {
        if (!own_connection(l, c))
            return;
        err = handshake_and_resume(l, &d);
        if (err == ERR_OK) {
            serve(l);
            return;
        }
        if (err == ERR_CONN_REJECTED || err == ERR_PROTOCOL)
            count_rejected(l);
        drop_connection(l);
    }
    if (err != ERR_AGAIN && !is_stopped(l))
        complain(l, &d);
    back_off(l);
}

void link_hand_over(struct link *l, struct handover *h)
{
    struct rt_conn *replaced = l->incoming.conn;
    l->incoming = *h;
    h->conn = replaced;
    if (l->conn != NULL)
        rt_conn_shutdown(l->conn); /* the peer has given it up */
    link_wake_reader(l);
}

static void serve_incoming(struct link *l, const struct handover *h)
{
    struct diag d = { 0 };
    rt_conn_adopt(h->conn);
    if (!own_connection(l, h->conn))
        return;
    rt_spin_lock(&l->lane->spin);
    const uint64_t received = session_received(l->session);
    rt_spin_unlock(&l->lane->spin);
    enum err err = resume(l, h->peer_received, &d);
    const enum wire_status status = err == ERR_OK ? WIRE_STATUS_OK : WIRE_STATUS_LOST;
    if (err != ERR_OK)
        ic__peer_lost(l->peer, "%s", d.message);
    const enum err sent = ic__handshake_welcome(l->ic, h, status, received, &d);
    if (err == ERR_OK && sent == ERR_OK)
        serve(l);
    else
        drop_connection(l);
}

/* The peer dials, but it may not know of us yet. */
static void knock(struct link *l)
{
    struct diag d = { 0 };
    struct rt_conn *c;
    if (rt_connect(l->peer->address, rt_now() + RT_MS(IC_CONNECT_MS), &c, &d) != ERR_OK || !own_connection(l, c))
        return;
    const enum err err = handshake_and_resume(l, &d);
    if (err != ERR_AGAIN && !is_stopped(l))
        complain(l, &d);
    drop_connection(l);
}

static void await_incoming(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    struct handover h = l->incoming;
    l->incoming.conn = NULL;
    rt_spin_unlock(&l->lane->spin);
    void *item;
    if (h.conn != NULL) {
        serve_incoming(l, &h);
        return;
    }
    const bool knocks = l->index == IC_LANE_CRITICAL && !was_live(l);
    const uint64_t deadline = knocks ? rt_now() + RT_MS(IC_KNOCK_MS) : RT_FOREVER;
    if (knocks)
        knock(l);
    (void)rt_channel_recv(l->wake_reader, &item, deadline);
}

static void close_incoming(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    struct rt_conn *c = l->incoming.conn;
    l->incoming.conn = NULL;
    rt_spin_unlock(&l->lane->spin);
    if (c == NULL)
        return;
    rt_conn_adopt(c);
    rt_conn_close(c);
}

static void reader_main(void *arg)
{
    struct link *l = arg;
    const bool dials = l->ic->opt.self.node < l->peer->id.node;
    void *item;
    while (!is_stopped(l)) {
        if (is_closed(l))
            (void)rt_channel_recv(l->wake_reader, &item, RT_FOREVER);
        else if (dials)
            dial_once(l);
        else
            await_incoming(l);
    }
    close_incoming(l);
    rt_spin_lock(&l->lane->spin);
    l->finished = true;
    rt_spin_unlock(&l->lane->spin);
}

/* ---- messages to oneself ----------------------------------------------------- */

static void deliver_to_self(struct link *l, const uint8_t *frame)
{
    const struct ic_hooks *hooks = &l->ic->opt.hooks;
    struct wire_header h;
    struct diag d = { 0 };
    if (wire_get_header(frame, UINT32_MAX, &h, &d) != ERR_OK)
        panic("queue to oneself: %s", d.message);
    const struct ic_message m = {
        .kind = (enum ic_kind)h.kind,
        .from = l->ic->opt.self.node,
        .from_incarnation = l->ic->opt.self.incarnation,
        .epoch = h.epoch,
        .scn = hooks->scn_now != NULL ? hooks->scn_now(hooks->arg) : 0,
        .watermark = hooks->watermark != NULL ? hooks->watermark(hooks->arg) : 0,
        .payload = frame + WIRE_HEADER_BYTES,
        .len = h.length - WIRE_HEADER_BYTES,
    };
    ic__dispatch(l->ic, &m);
}

static void self_main(void *arg)
{
    struct link *l = arg;
    for (;;) {
        struct session_batch b;
        void *item;
        rt_spin_lock(&l->lane->spin);
        const bool work = session_gather(l->session, l->ic->opt.frame_max_bytes, &b);
        const bool stop = l->stop;
        l->writer_idle = !work;
        rt_spin_unlock(&l->lane->spin);
        if (!work && stop)
            return;
        if (!work) {
            (void)rt_channel_recv(l->wake_writer, &item, RT_FOREVER);
            continue;
        }
        uint64_t pos = b.from;
        for (const uint8_t *f; (f = session_next(l->session, &b, &pos)) != NULL;) {
            deliver_to_self(l, f);
            rt_yield_if_due();
        }
        rt_spin_lock(&l->lane->spin);
        session_consumed(l->session, &b);
        l->lane->stats.received += b.messages;
        rt_spin_unlock(&l->lane->spin);
    }
}

/* ---- birth and death ---------------------------------------------------------- */

static uint32_t lane_worker(const struct interconnect *ic, uint32_t index)
{
    return index == IC_LANE_CRITICAL ? RT_WORKER_CRITICAL : index % rt_workers();
}

struct link *link_new(struct interconnect *ic, struct peer *peer, uint32_t index)
{
    const node_no node = peer != NULL ? peer->id.node : ic->opt.self.node;
    struct link *l = xcalloc(1, sizeof(*l));
    l->ic = ic;
    l->peer = peer;
    l->index = index;
    l->lane = &ic->nodes[node].lanes[index];
    l->session = session_new(ic->opt.send_queue_max_bytes);
    l->wake_writer = rt_channel_new(1);
    l->wake_reader = rt_channel_new(1);
    l->finished = true;
    if (peer != NULL) {
        l->in_cap = ALIGN_UP(ic->opt.frame_max_bytes, 4096u) + (64u << 10);
        l->in = xmalloc(l->in_cap);
    }
    return l;
}

enum err link_start(struct link *l, struct diag *d)
{
    const struct rt_spawn_options opt = {
        .name = l->peer != NULL ? "ic-reader" : "ic-self", .worker = lane_worker(l->ic, l->index), .prio = RT_PRIO_HIGH
    };
    l->finished = false;
    l->reader = rt_spawn(&opt, l->peer != NULL ? reader_main : self_main, l);
    if (l->reader != NULL)
        return ERR_OK;
    l->finished = true;
    return diag_set(d, ERR_RESOURCES, "interconnect: too many fibers for another peer");
}

void link_stop(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    l->stop = true;
    if (l->lane->link == l)
        l->lane->link = NULL;
    if (l->conn != NULL)
        rt_conn_shutdown(l->conn);
    l->writer_idle = false;
    rt_spin_unlock(&l->lane->spin);
    link_wake_reader(l);
    link_writer_token(l);
}

void link_free(struct link *l)
{
    if (l == NULL)
        return;
    assert(l->conn == NULL);
    assert(l->incoming.conn == NULL);
    rt_channel_free(l->wake_writer);
    rt_channel_free(l->wake_reader);
    session_free(l->session);
    free(l->in);
    free(l);
}
