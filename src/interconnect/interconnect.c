#include "interconnect/interconnect.h"

#include "base/hash.h"
#include "interconnect/ic_int.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- sending --------------------------------------------------------------- */

/* R15: one resource, one lane. */
static uint32_t lane_of(const struct interconnect *ic, enum ic_kind kind, uint64_t stripe)
{
    switch (ic_kind_class(kind)) {
    case IC_CRITICAL:
        return IC_LANE_CRITICAL;
    case IC_HIGH:
        return IC_LANE_HIGH;
    case IC_NORMAL:
        if (MUTATED("R15"))
            stripe = rt_random();
        return IC_LANE_NORMAL + (uint32_t)(stripe % ic->opt.lanes_normal);
    case IC_LOW:
        return ic->lanes - 1;
    }
    panic("message kind %d has no class", (int)kind);
}

enum ic_class ic__lane_class(const struct interconnect *ic, uint32_t index)
{
    if (index < IC_LANE_NORMAL)
        return index == IC_LANE_CRITICAL ? IC_CRITICAL : IC_HIGH;
    return index == ic->lanes - 1 ? IC_LOW : IC_NORMAL;
}

enum err ic_send(struct interconnect *ic, node_no node, enum ic_kind kind, uint64_t stripe, const struct ic_part *parts,
                 unsigned nparts)
{
    assert(node >= 1);
    assert(node <= NODES_MAX);
    uint64_t len = 0;
    uint32_t crc = 0;
    for (unsigned i = 0; i < nparts; i++) {
        crc = crc32c(crc, parts[i].p, parts[i].len);
        len += parts[i].len;
    }
    if (len + WIRE_HEADER_BYTES > ic->opt.frame_max_bytes)
        return ERR_LIMIT;
    struct ic_lane *lane = &ic->nodes[node].lanes[lane_of(ic, kind, stripe)];
    struct link *wake = NULL;
    enum err err = ERR_CLOSED;
    rt_spin_lock(&lane->spin);
    struct link *l = lane->link;
    if (l != NULL && !l->closed && !l->stop) {
        /* The epoch is that of the admission, whenever the frame is written. */
        err = session_admit(l->session, kind, atomic_load_explicit(&ic->epoch, memory_order_acquire), parts, nparts, (uint32_t)len,
                            crc);
        if (err == ERR_OK) {
            lane->stats.sent++;
            wake = link_writer_claim(l) ? l : NULL;
        } else {
            lane->stats.refused++;
        }
    }
    if (wake != NULL)
        link_writer_token(wake); /* under the lock: the link may be freed right after */
    rt_spin_unlock(&lane->spin);
    return err;
}

void ic_set_epoch(struct interconnect *ic, epoch_t epoch)
{
    atomic_store_explicit(&ic->epoch, epoch, memory_order_release);
}

void ic_set_handler(struct interconnect *ic, enum ic_kind kind, uint32_t len_min, uint32_t len_max, ic_handler *fn, void *arg)
{
    assert((unsigned)kind < IC_KINDS);
    assert(len_min <= len_max);
    struct ic_handler_slot *h = &ic->handlers[kind];
    atomic_store_explicit(&h->len_min, len_min, memory_order_relaxed);
    atomic_store_explicit(&h->len_max, len_max, memory_order_relaxed);
    atomic_store_explicit(&h->arg, arg, memory_order_relaxed); /* ic_ignore() takes any */
    atomic_store_explicit(&h->fn, fn, memory_order_release);
}

void ic_ignore(void *arg, const struct ic_message *m) { }

/* One message of each kind a second speaks for all. */
void ic_reject(struct interconnect *ic, const struct ic_message *m, const char *why_fmt, ...)
{
    char why[256];
    const uint64_t now = rt_now();
    struct ic_handler_slot *h = &ic->handlers[m->kind];
    const uint64_t said = atomic_load(&h->said_ns);
    const uint64_t count = atomic_fetch_add(&ic->malformed, 1) + 1;
    if (said != 0 && now - said < RT_SEC(1))
        return;
    atomic_store(&h->said_ns, MAX(now, 1u));
    va_list ap;
    va_start(ap, why_fmt);
    vsnprintf(why, sizeof(why), why_fmt, ap);
    va_end(ap);
    log_error(ic->opt.log, "interconnect: protocol error: %s message of %" PRIu32 " bytes from node %u dropped (%" PRIu64 " by now): %s",
              ic_kind_name(m->kind), m->len, m->from, count, why);
}

/* ---- peers ------------------------------------------------------------------- */

/* Takes the node's peer out of its place; the keeper frees it when its fibers have ended. */
static void unhook_peer(struct interconnect *ic, struct peer *p)
{
    for (uint32_t i = 0; i < ic->lanes; i++)
        link_stop(p->links[i]);
    rt_spin_lock(&ic->spin);
    list_push_back(&ic->removed, &p->in);
    rt_spin_unlock(&ic->spin);
    ic__kick_keeper(ic);
}

static struct peer *take_peer(struct interconnect *ic, node_no node)
{
    rt_spin_lock(&ic->spin);
    struct peer *p = ic->nodes[node].peer;
    ic->nodes[node].peer = NULL;
    rt_spin_unlock(&ic->spin);
    return p;
}

static bool peer_is(struct interconnect *ic, struct ic_peer_id id)
{
    rt_spin_lock(&ic->spin);
    const struct peer *p = ic->nodes[id.node].peer;
    const bool same = p != NULL && p->id.incarnation == id.incarnation;
    rt_spin_unlock(&ic->spin);
    return same;
}

static void hook_link(struct link *l)
{
    rt_spin_lock(&l->lane->spin);
    l->lane->link = l;
    rt_spin_unlock(&l->lane->spin);
}

static enum err start_links(struct interconnect *ic, struct peer *p, struct diag *d)
{
    for (uint32_t i = 0; i < ic->lanes; i++)
        p->links[i] = link_new(ic, p, i);
    for (uint32_t i = 0; i < ic->lanes; i++)
        hook_link(p->links[i]);
    for (uint32_t i = 0; i < ic->lanes; i++) {
        const enum err err = link_start(p->links[i], d);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static bool is_closing(struct interconnect *ic)
{
    rt_spin_lock(&ic->spin);
    const bool closing = ic->closing;
    rt_spin_unlock(&ic->spin);
    return closing;
}

static void drop_peer(struct interconnect *ic, node_no node)
{
    struct peer *p = take_peer(ic, node);
    if (p != NULL)
        unhook_peer(ic, p);
}

static enum err add_peer(struct interconnect *ic, struct ic_peer_id id, const char *address, struct diag *d)
{
    drop_peer(ic, id.node);
    struct peer *p = xcalloc(1, sizeof(*p));
    p->ic = ic;
    p->id = id;
    snprintf(p->address, sizeof(p->address), "%s", address);
    list_init(&p->in);
    const enum err err = start_links(ic, p, d);
    if (err != ERR_OK) {
        unhook_peer(ic, p);
        return err;
    }
    rt_spin_lock(&ic->spin);
    ic->nodes[id.node].peer = p;
    rt_spin_unlock(&ic->spin);
    return ERR_OK;
}

enum err ic_peer_add(struct interconnect *ic, struct ic_peer_id id, const char *address, struct diag *d)
{
    assert(id.node >= 1);
    assert(id.node <= NODES_MAX);
    assert(id.node != ic->opt.self.node);
    assert(id.incarnation != 0);
    rt_mutex_lock(&ic->peers);
    const enum err err = is_closing(ic) || peer_is(ic, id) ? ERR_OK : add_peer(ic, id, address, d);
    rt_mutex_unlock(&ic->peers);
    return err;
}

void ic_peer_remove(struct interconnect *ic, struct ic_peer_id id)
{
    rt_mutex_lock(&ic->peers);
    if (peer_is(ic, id))
        drop_peer(ic, id.node);
    rt_mutex_unlock(&ic->peers);
}

bool ic_peer_is_up(const struct interconnect *ic_, node_no node)
{
    struct interconnect *ic = (struct interconnect *)(uintptr_t)ic_; /* for the lock alone */
    if (node == ic->opt.self.node)
        return true;
    rt_spin_lock(&ic->spin);
    const struct peer *p = ic->nodes[node].peer;
    const bool up = p != NULL && p->state == PEER_UP;
    rt_spin_unlock(&ic->spin);
    return up;
}

bool ic_peer_has_ended(const struct interconnect *ic_, struct ic_peer_id id)
{
    struct interconnect *ic = (struct interconnect *)(uintptr_t)ic_; /* for the lock alone */
    rt_spin_lock(&ic->spin);
    const struct peer *p = ic->nodes[id.node].peer;
    const bool ended = p == NULL || p->id.incarnation != id.incarnation || p->state == PEER_LOST;
    rt_spin_unlock(&ic->spin);
    return ended;
}

/* ---- open and close ------------------------------------------------------------ */

static enum err check_options(const struct ic_options *o, struct diag *d)
{
    if (o->lanes_normal < 1 || o->lanes_normal > IC_LANES_NORMAL_MAX)
        return diag_set(d, ERR_PARAMETER_VALUE, "interconnect: %" PRIu32 " normal lanes: 1 to %u are possible", o->lanes_normal,
                        IC_LANES_NORMAL_MAX);
    if (o->frame_max_bytes < 2 * WIRE_HEADER_BYTES || o->send_queue_max_bytes < 2 * (uint64_t)o->frame_max_bytes)
        return diag_set(d, ERR_PARAMETER_VALUE,
                        "interconnect: a send queue of %" PRIu32 " bytes does not hold two frames of %" PRIu32 " bytes",
                        o->send_queue_max_bytes, o->frame_max_bytes);
    if (strlen(o->secret) == 0 || strlen(o->secret) >= IC_SECRET_MAX)
        return diag_set(d, ERR_PARAMETER_VALUE, "interconnect: the shared secret must have 1 to %u bytes", IC_SECRET_MAX - 1);
    if (o->protocol_min > o->protocol_max)
        return diag_set(d, ERR_PARAMETER_VALUE, "interconnect: protocol versions %" PRIu32 " to %" PRIu32, o->protocol_min,
                        o->protocol_max);
    return ERR_OK;
}

static enum err start_fibers(struct interconnect *ic, struct diag *d)
{
    const struct rt_spawn_options keeper = { .name = "ic-keeper", .worker = 0, .prio = RT_PRIO_HIGH };
    const struct rt_spawn_options acceptor = { .name = "ic-acceptor", .worker = rt_worker(), .prio = RT_PRIO_HIGH };
    for (uint32_t i = 0; i < ic->lanes; i++) {
        struct link *l = link_new(ic, NULL, i);
        hook_link(l);
        const enum err err = link_start(l, d);
        if (err != ERR_OK)
            return err;
    }
    ic->keeper = rt_spawn(&keeper, ic__keeper_main, ic);
    ic->acceptor = rt_spawn(&acceptor, ic__acceptor_main, ic);
    if (ic->keeper == NULL || ic->acceptor == NULL)
        return diag_set(d, ERR_RESOURCES, "interconnect: too many fibers");
    return ERR_OK;
}

enum err ic_open(const struct ic_options *opt, struct interconnect **ret, struct diag *d)
{
    enum err err = check_options(opt, d);
    if (err != ERR_OK)
        return err;
    struct interconnect *ic = xcalloc(1, sizeof(*ic));
    ic->opt = *opt;
    ic->secret_len = strlen(opt->secret);
    memcpy(ic->secret, opt->secret, ic->secret_len);
    ic->opt.secret = ic->secret;
    ic->lanes = 3 + opt->lanes_normal;
    list_init(&ic->removed);
    ic->wake_keeper = rt_channel_new(1);
    err = rt_listen(opt->address, &ic->listener, d);
    if (err == ERR_OK) {
        ic->opt.address = rt_listener_address(ic->listener);
        err = start_fibers(ic, d);
    }
    if (err != ERR_OK) {
        diag_wrap(d, err, "starting the interconnect");
        ic_close(ic);
        return err;
    }
    *ret = ic;
    return ERR_OK;
}

const char *ic_address(const struct interconnect *ic)
{
    return ic->opt.address;
}

/* Calls fn for each link to a peer; the lane's lock is held. */
static void each_link(struct interconnect *ic, void (*fn)(struct link *l, void *arg), void *arg)
{
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        if (n == ic->opt.self.node)
            continue;
        for (uint32_t i = 0; i < ic->lanes; i++) {
            struct ic_lane *lane = &ic->nodes[n].lanes[i];
            rt_spin_lock(&lane->spin);
            if (lane->link != NULL)
                fn(lane->link, arg);
            rt_spin_unlock(&lane->spin);
        }
    }
}

static void count_unflushed(struct link *l, void *arg)
{
    if (!l->closed && l->live && (session_has_unsent(l->session) || session_unacked(l->session) > 0))
        ++*(unsigned *)arg;
}

static void ask_goodbye(struct link *l, void *arg)
{
    if (l->index != IC_LANE_CRITICAL || l->closed)
        return;
    l->goodbye_now = true;
    if (link_writer_claim(l))
        link_writer_token(l);
}

static void count_unsaid(struct link *l, void *arg)
{
    if (l->index == IC_LANE_CRITICAL && l->live && !l->closed && !l->goodbye_said)
        ++*(unsigned *)arg;
}

static void wait_for_links(struct interconnect *ic, void (*count)(struct link *l, void *arg))
{
    const uint64_t deadline = rt_now() + RT_MS(IC_FLUSH_MS);
    for (unsigned left = 1; left > 0 && rt_now() < deadline;) {
        left = 0;
        each_link(ic, count, &left);
        if (left > 0)
            rt_sleep(RT_MS(2));
    }
}

/* What was admitted goes out first, if the peers take it; goodbye is the last that they hear. */
static void say_goodbye(struct interconnect *ic)
{
    wait_for_links(ic, count_unflushed);
    each_link(ic, ask_goodbye, NULL);
    wait_for_links(ic, count_unsaid);
}

static void stop_peers(struct interconnect *ic)
{
    for (unsigned n = 1; n <= NODES_MAX; n++)
        drop_peer(ic, (node_no)n);
    for (bool busy = ic->keeper != NULL; busy;) {
        rt_spin_lock(&ic->spin);
        busy = !list_empty(&ic->removed) || ic->reaping;
        rt_spin_unlock(&ic->spin);
        if (busy)
            rt_sleep(RT_MS(2));
        ic__kick_keeper(ic);
    }
}

/* No handshake and no peer begins from now on. */
static void set_closing(struct interconnect *ic)
{
    rt_mutex_lock(&ic->peers);
    rt_spin_lock(&ic->spin);
    ic->closing = true;
    rt_spin_unlock(&ic->spin);
    rt_mutex_unlock(&ic->peers);
}

static void stop_handshakes(struct interconnect *ic)
{
    for (bool busy = true; busy;) {
        rt_spin_lock(&ic->spin);
        for (uint32_t i = 0; i < IC_HANDSHAKES_MAX; i++)
            if (ic->handshakes[i] != NULL)
                rt_conn_shutdown(ic->handshakes[i]);
        busy = ic->handshakes_running > 0;
        rt_spin_unlock(&ic->spin);
        if (busy)
            rt_sleep(RT_MS(1));
    }
}

static void stop_self(struct interconnect *ic)
{
    for (uint32_t i = 0; i < ic->lanes; i++) {
        struct ic_lane *lane = &ic->nodes[ic->opt.self.node].lanes[i];
        rt_spin_lock(&lane->spin);
        struct link *l = lane->link;
        rt_spin_unlock(&lane->spin);
        if (l == NULL)
            continue;
        link_stop(l);
        if (l->reader != NULL)
            rt_join(l->reader);
        link_free(l);
    }
}

void ic_close(struct interconnect *ic)
{
    if (ic == NULL)
        return;
    if (ic->listener != NULL)
        rt_listener_close(ic->listener);
    if (ic->acceptor != NULL)
        rt_join(ic->acceptor);
    say_goodbye(ic);
    set_closing(ic);
    stop_handshakes(ic);
    stop_peers(ic);
    stop_self(ic);
    rt_channel_close(ic->wake_keeper);
    if (ic->keeper != NULL)
        rt_join(ic->keeper);
    rt_channel_free(ic->wake_keeper);
    if (ic->listener != NULL)
        rt_listener_free(ic->listener);
    free(ic);
}

/* ---- statistics ------------------------------------------------------------------ */

void ic_stats(const struct interconnect *ic_, struct ic_stats *ret)
{
    struct interconnect *ic = (struct interconnect *)(uintptr_t)ic_; /* for the locks alone */
    struct ic_stats sum = { 0 };
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        for (uint32_t i = 0; i < ic->lanes; i++) {
            struct ic_lane *lane = &ic->nodes[n].lanes[i];
            rt_spin_lock(&lane->spin);
#define X(name, unit, text) sum.name += lane->stats.name;
            IC_STATS(X)
#undef X
            rt_spin_unlock(&lane->spin);
        }
    }
    rt_spin_lock(&ic->spin);
    sum.rejected += ic->rejected;
    rt_spin_unlock(&ic->spin);
    sum.malformed = atomic_load(&ic->malformed);
    *ret = sum;
}

void ic_rtt(const struct interconnect *ic_, uint64_t ret_count[IC_RTT_BUCKETS])
{
    struct interconnect *ic = (struct interconnect *)(uintptr_t)ic_; /* for the lock alone */
    rt_spin_lock(&ic->spin);
    memcpy(ret_count, ic->rtt, sizeof(ic->rtt));
    rt_spin_unlock(&ic->spin);
}
