/*
 * Heartbeats and the failure detector. The fiber has a thread of its own, and
 * allocates nothing.
 */
#include "cluster/cluster_int.h"
#include "cluster/core/view_wire.h"

#include <stdio.h>

#define NODE_BIT(n) (UINT64_C(1) << ((n)-1))
#define REPORT_AGAIN_MS 500u

/* What is to be said once the lock is released. */
struct report {
    node_no node;
    incarnation_t incarnation;
    enum member_health from, to;
    double phi;
    uint64_t silent_ns;
    bool failed; /* tell the membership fiber */
};

static uint64_t interval_ns(const struct cluster *c)
{
    return RT_MS(c->opt.heartbeat_interval_ms);
}

/* c->spin held */
static bool is_heard(const struct cluster *c, const struct watch *w, uint64_t now)
{
    return w->incarnation != 0 && w->heard && phi_silent_ns(&w->phi, now) < CLUSTER_HEARD_BEATS * interval_ns(c);
}

/* The detector suspects whom it has heard before; only a silence of dead_after_ms confirms. c->spin held. */
static enum member_health judge(const struct cluster *c, const struct watch *w, double phi, uint64_t now)
{
    if (phi <= c->opt.phi_threshold)
        return MEMBER_HEALTHY;
    if (phi_silent_ns(&w->phi, now) >= RT_MS(c->opt.dead_after_ms))
        return MEMBER_FAILED;
    return w->heard ? MEMBER_SUSPECTED : MEMBER_HEALTHY;
}

/* c->spin held; false: nothing to say */
static bool look_at(struct cluster *c, node_no node, uint64_t now, struct report *r)
{
    struct watch *w = &c->watch[node];
    if (w->incarnation == 0)
        return false;
    const double phi = phi_value(&w->phi, now);
    *r = (struct report){ .node = node, .incarnation = w->incarnation, .from = w->health, .phi = phi };
    r->silent_ns = phi_silent_ns(&w->phi, now);
    r->to = w->health = judge(c, w, phi, now);
    r->failed = r->to == MEMBER_FAILED && (r->from != MEMBER_FAILED || now >= w->reported_ns + RT_MS(REPORT_AGAIN_MS));
    if (r->failed)
        w->reported_ns = now;
    return r->failed || r->from != r->to;
}

static void say(struct cluster *c, const struct report *r)
{
    const uint64_t ms = r->silent_ns / RT_MS(1);
    if (r->to == MEMBER_SUSPECTED && r->from == MEMBER_HEALTHY)
        log_warning(c->opt.log, "membership: node %u is suspected: no heartbeat for %" PRIu64 " ms (phi %.1f)", r->node, ms, r->phi);
    if (r->to == MEMBER_HEALTHY && r->from != MEMBER_HEALTHY)
        log_info(c->opt.log, "membership: node %u is heard again", r->node);
    if (!r->failed)
        return;
    char text[96];
    snprintf(text, sizeof(text), "no heartbeat for %" PRIu64 " ms", ms);
    cluster__post(c, &(struct view_event){ .type = VIEW_EV_FAILED, .from = r->node, .incarnation = r->incarnation, .text = text });
}

static void judge_all(struct cluster *c, uint64_t now)
{
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        struct report r;
        rt_spin_lock(&c->spin);
        const bool talk = look_at(c, (node_no)n, now, &r);
        rt_spin_unlock(&c->spin);
        if (talk)
            say(c, &r);
    }
}

/* P1 of phi.h: this node itself slept. */
static void discard_all(struct cluster *c, uint64_t now)
{
    rt_spin_lock(&c->spin);
    for (unsigned n = 1; n <= NODES_MAX; n++)
        if (c->watch[n].incarnation != 0)
            phi_discard(&c->watch[n].phi, now);
    rt_spin_unlock(&c->spin);
}

/* Returns the nodes to send to; *ret_heard is the connectivity that the heartbeat carries. */
static uint64_t survey(struct cluster *c, uint64_t now, uint64_t *ret_heard, bool *ret_news)
{
    uint64_t known = 0;
    *ret_heard = NODE_BIT(c->self.node);
    rt_spin_lock(&c->spin);
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        if (c->watch[n].incarnation != 0)
            known |= NODE_BIT(n);
        if (is_heard(c, &c->watch[n], now))
            *ret_heard |= NODE_BIT(n);
    }
    *ret_news = c->self_hears != *ret_heard;
    c->self_hears = *ret_heard;
    rt_spin_unlock(&c->spin);
    return known;
}

static void beat(struct cluster *c, uint64_t now)
{
    uint64_t heard;
    bool news;
    const uint64_t to = survey(c, now, &heard, &news);
    if (news)
        cluster__post(c, &(struct view_event){
                             .type = VIEW_EV_HEARS, .from = c->self.node, .incarnation = c->self.incarnation, .heard = heard });
    const struct heartbeat h = {
        .state = (uint8_t)voting_state(c->voting),
        .epoch = cluster_epoch(c),
        .oldest_snapshot = c->opt.oldest_snapshot != NULL ? c->opt.oldest_snapshot(c->opt.arg) : SCN_MAX,
        .heard = heard,
    };
    uint8_t bytes[HEARTBEAT_BYTES];
    heartbeat_put(bytes, &h);
    const struct ic_part part = { bytes, sizeof(bytes) };
    for (unsigned n = 1; n <= NODES_MAX; n++)
        if (to & NODE_BIT(n)) /* one that is refused is like one that is lost */
            (void)!ic_send(c->ic, (node_no)n, IC_HEARTBEAT, 0, &part, 1);
}

void cluster__heart_main(void *arg)
{
    struct cluster *c = arg;
    uint64_t expected = rt_now();
    while (!atomic_load(&c->stop)) {
        const uint64_t now = rt_now();
        if (now > expected + interval_ns(c))
            discard_all(c, now);
        judge_all(c, now);
        beat(c, now);
        expected = now + interval_ns(c);
        rt_sleep(interval_ns(c));
    }
}

void cluster__on_heartbeat(void *arg, const struct ic_message *m)
{
    struct cluster *c = arg;
    struct heartbeat h;
    struct diag d = { 0 };
    if (heartbeat_get(m->payload, m->len, &h, &d) != ERR_OK) {
        ic_reject(c->ic, m, "%s", d.message);
        return;
    }
    const uint64_t now = rt_now();
    bool news = false;
    rt_spin_lock(&c->spin);
    struct watch *w = &c->watch[m->from];
    const bool known = w->incarnation == m->from_incarnation;
    if (known) {
        news = !w->heard || w->hears != h.heard;
        w->heard = true;
        w->hears = h.heard;
        phi_heartbeat(&w->phi, now);
    }
    rt_spin_unlock(&c->spin);
    if (news)
        cluster__post(c, &(struct view_event){
                             .type = VIEW_EV_HEARS, .from = m->from, .incarnation = m->from_incarnation, .heard = h.heard });
    if (known && c->opt.peer_oldest_snapshot != NULL)
        c->opt.peer_oldest_snapshot(c->opt.arg, m->from, h.oldest_snapshot);
}
