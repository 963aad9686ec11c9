/*
 * Renewal of the own voting slot, and discovery of others through theirs.
 */
#include "cluster/cluster_int.h"

#include <stdlib.h>

#define SLOT_PAUSE_MS 20u /* between two rounds, however often somebody knocks */

uint64_t cluster__slot_interval_ns(const struct cluster *c)
{
    return RT_MS((uint64_t)c->opt.heartbeat_interval_ms * CLUSTER_SLOT_BEATS);
}

static void note(struct cluster *c, const struct slot *s, uint64_t now)
{
    struct sighting *g = &c->sighting[s->member.node];
    if (g->incarnation == s->member.incarnation && g->counter != s->counter)
        g->changed_ns = now;
    else if (g->incarnation != s->member.incarnation)
        g->changed_ns = 0;
    g->incarnation = s->member.incarnation;
    g->counter = s->counter;
}

enum err cluster__scan(struct cluster *c, struct slot slots[NODES_MAX + 1], struct diag *d)
{
    const enum err err = voting_scan(c->voting, slots, d);
    const uint64_t now = rt_now();
    rt_spin_lock(&c->spin);
    for (unsigned n = 1; n <= NODES_MAX && err == ERR_OK; n++)
        if (slots[n].state != SLOT_FREE)
            note(c, &slots[n], now);
    rt_spin_unlock(&c->spin);
    return err;
}

bool cluster__slot_changes(struct cluster *c, const struct slot *s)
{
    const uint64_t now = rt_now();
    rt_spin_lock(&c->spin);
    const struct sighting *g = &c->sighting[s->member.node];
    const bool same = g->incarnation == s->member.incarnation;
    const bool changes = same && g->changed_ns != 0 && now < g->changed_ns + CLUSTER_LIVE_SLOTS * cluster__slot_interval_ns(c);
    rt_spin_unlock(&c->spin);
    return changes;
}

/* Whoever has knocked lived a moment ago; that counts once. */
static bool has_knocked(struct cluster *c, const struct slot *s)
{
    rt_spin_lock(&c->spin);
    struct sighting *g = &c->sighting[s->member.node];
    const bool knocked = g->knocked != 0 && g->knocked == s->member.incarnation;
    if (knocked)
        g->knocked = 0;
    rt_spin_unlock(&c->spin);
    return knocked;
}

/* A member's slot shows another incarnation: it died and came back before anybody noticed. */
static void compare_with_view(struct cluster *c, const struct slot *s)
{
    incarnation_t in_view = 0;
    rt_spin_lock(&c->spin);
    const struct cluster_member *m = cluster_view_find(&c->view, s->member.node);
    if (m != NULL)
        in_view = m->incarnation;
    rt_spin_unlock(&c->spin);
    if (in_view != 0 && in_view != s->member.incarnation)
        cluster__post(c, &(struct view_event){ .type = VIEW_EV_FAILED,
                                               .from = s->member.node,
                                               .incarnation = in_view,
                                               .text = "it has been started again without having left the cluster" });
}

static void look_around(struct cluster *c, const struct slot slots[NODES_MAX + 1])
{
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        const struct slot *s = &slots[n];
        if (s->state == SLOT_FREE || n == c->self.node)
            continue;
        compare_with_view(c, s);
        if ((s->state == SLOT_JOINING || s->state == SLOT_MEMBER) && (cluster__slot_changes(c, s) || has_knocked(c, s)))
            cluster__add_peer(c, &s->member);
    }
}

void cluster__slots_main(void *arg)
{
    struct cluster *c = arg;
    struct slot *slots = xcalloc(NODES_MAX + 1, sizeof(*slots));
    uint64_t renewed = rt_now();
    while (!atomic_load(&c->stop)) {
        struct diag d = { 0 };
        const uint64_t began = rt_now();
        enum err err = voting_beat(c->voting, &d);
        if (err == ERR_OK) {
            renewed = began;
            err = cluster__scan(c, slots, &d);
        }
        if (err == ERR_OK)
            look_around(c, slots);
        else
            log_diag(c->opt.log, LOG_WARNING, &d, "membership: the voting file");
        if (rt_now() > renewed + RT_MS(CLUSTER_SLOT_GRACE_MS)) {
            cluster__fatal(c, "this node cannot write its slot of the voting file");
            break;
        }
        rt_sleep(RT_MS(SLOT_PAUSE_MS));
        void *item;
        if (rt_channel_recv(c->wake_slots, &item, began + cluster__slot_interval_ns(c)) == ERR_CLOSED)
            break;
    }
    free(slots);
}
