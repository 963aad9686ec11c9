/*
 * Peers as wholes, and the keeper: the one fiber that tells the owner of the
 * interconnect about them, acknowledges what no traffic has acknowledged,
 * opens stalled connections anew, and frees what has ended.
 */
#include "interconnect/ic_int.h"

#include <stdio.h>
#include <stdlib.h>

void ic__kick_keeper(struct interconnect *ic)
{
    (void)rt_channel_try_send(ic->wake_keeper, ic);
}

void ic__peer_lost(struct peer *p, const char *fmt, ...)
{
    va_list ap;
    rt_spin_lock(&p->ic->spin);
    const bool news = p->state != PEER_LOST;
    if (news) {
        p->state = PEER_LOST;
        va_start(ap, fmt);
        vsnprintf(p->lost_why, sizeof(p->lost_why), fmt, ap);
        va_end(ap);
    }
    rt_spin_unlock(&p->ic->spin);
    for (uint32_t i = 0; i < p->ic->lanes && news; i++) {
        struct ic_lane *lane = &p->ic->nodes[p->id.node].lanes[i];
        rt_spin_lock(&lane->spin);
        p->links[i]->closed = true;
        rt_spin_unlock(&lane->spin);
    }
    ic__kick_keeper(p->ic);
}

/* One more of its lanes works for the first time. */
void ic__peer_connected(struct peer *p)
{
    rt_spin_lock(&p->ic->spin);
    if (++p->lanes_up == p->ic->lanes && p->state == PEER_NEW)
        p->state = PEER_UP;
    rt_spin_unlock(&p->ic->spin);
    ic__kick_keeper(p->ic);
}

/* ---- keeper ---------------------------------------------------------------- */

static void tell_up(struct peer *p)
{
    const struct ic_hooks *hooks = &p->ic->opt.hooks;
    log_info(p->ic->opt.log, "interconnect: connected to node %u (incarnation %016" PRIx64 ") at %s", p->id.node, p->id.incarnation,
             p->address);
    if (hooks->peer_changed != NULL)
        hooks->peer_changed(hooks->arg, p->id, true);
}

static void tell_lost(struct peer *p)
{
    const struct ic_hooks *hooks = &p->ic->opt.hooks;
    log_info(p->ic->opt.log, "interconnect: session with node %u (incarnation %016" PRIx64 ") at %s has ended: %s", p->id.node,
             p->id.incarnation, p->address, p->lost_why);
    if (hooks->peer_changed != NULL)
        hooks->peer_changed(hooks->arg, p->id, false);
}

/* In order, each once, by this fiber alone. */
static void tell(struct peer *p)
{
    rt_spin_lock(&p->ic->spin);
    const enum peer_state state = p->state;
    rt_spin_unlock(&p->ic->spin);
    if (state == p->told)
        return;
    p->told = state;
    if (state == PEER_UP)
        tell_up(p);
    else
        tell_lost(p);
}

static void look_after_link(struct link *l, uint64_t now, bool ping)
{
    bool wake = false;
    rt_spin_lock(&l->lane->spin);
    if (l->live) {
        l->ack_now |= session_ack_pending(l->session);
        l->ping_now |= ping;
        if (session_unacked(l->session) == 0)
            l->progress_ns = now;
        else if (now > l->progress_ns + RT_MS(IC_STALL_MS))
            rt_conn_shutdown(l->conn);
        wake = (l->ack_now || l->ping_now || l->goodbye_now) && link_writer_claim(l);
    }
    rt_spin_unlock(&l->lane->spin);
    if (wake)
        link_writer_token(l);
}

static void look_after_peer(struct peer *p)
{
    const uint64_t now = rt_now();
    const bool ping = now >= p->pinged_ns + RT_MS(IC_PING_MS);
    if (ping)
        p->pinged_ns = now;
    for (uint32_t i = 0; i < p->ic->lanes; i++)
        look_after_link(p->links[i], now, ping && i == IC_LANE_HIGH);
    tell(p);
}

static bool peer_finished(struct peer *p)
{
    bool finished = true;
    for (uint32_t i = 0; i < p->ic->lanes && finished; i++) {
        struct link *l = p->links[i];
        rt_spin_lock(&l->lane->spin);
        finished = l->finished;
        rt_spin_unlock(&l->lane->spin);
    }
    return finished;
}

static void free_peer(struct peer *p)
{
    for (uint32_t i = 0; i < p->ic->lanes; i++) {
        if (p->links[i]->reader != NULL)
            rt_join(p->links[i]->reader); /* it has finished: no real wait */
        link_free(p->links[i]);
    }
    free(p);
}

static void reap(struct interconnect *ic)
{
    for (;;) {
        struct peer *found = NULL;
        rt_spin_lock(&ic->spin);
        struct list *it = ic->removed.next;
        rt_spin_unlock(&ic->spin);
        while (it != &ic->removed && found == NULL) { /* only this fiber takes entries out; others append */
            struct peer *p = LIST_ENTRY(it, struct peer, in);
            if (peer_finished(p))
                found = p;
            rt_spin_lock(&ic->spin);
            it = it->next;
            rt_spin_unlock(&ic->spin);
        }
        if (found == NULL)
            return;
        rt_spin_lock(&ic->spin);
        list_remove(&found->in);
        ic->reaping = true;
        rt_spin_unlock(&ic->spin);
        free_peer(found);
        rt_spin_lock(&ic->spin);
        ic->reaping = false;
        rt_spin_unlock(&ic->spin);
    }
}

void ic__keeper_main(void *arg)
{
    struct interconnect *ic = arg;
    for (;;) {
        void *item;
        if (rt_channel_recv(ic->wake_keeper, &item, rt_now() + RT_MS(IC_KEEPER_MS)) == ERR_CLOSED)
            return;
        for (unsigned n = 1; n <= NODES_MAX; n++) {
            rt_spin_lock(&ic->spin);
            struct peer *p = ic->nodes[n].peer;
            rt_spin_unlock(&ic->spin);
            if (p != NULL)
                look_after_peer(p); /* it may be removed meanwhile, but only this fiber frees it */
        }
        reap(ic);
    }
}
