#include "cluster/cluster.h"

#include "cluster/cluster_int.h"
#include "cluster/core/view_wire.h"

#include <stdio.h>
#include <stdlib.h>

#define PHI_WINDOW 100u

/* ---- mail ------------------------------------------------------------------------- */

void cluster__post_view(struct cluster *c, const struct view_event *ev, struct cluster_view *view)
{
    struct mail *m = xcalloc(1, sizeof(*m));
    m->ev = *ev;
    m->ev.view = m->view = view;
    if (ev->member != NULL) {
        m->member = *ev->member;
        m->ev.member = &m->member;
    }
    if (ev->text != NULL) {
        snprintf(m->text, sizeof(m->text), "%s", ev->text);
        m->ev.text = m->text;
    }
    if (rt_channel_try_send(c->inbox, m))
        return;
    if (!atomic_load(&c->stop)) /* what matters is repeated by who sent it */
        log_warning(c->opt.log, "membership: an event of node %u was dropped: more than %u wait", ev->from, CLUSTER_INBOX_MAX);
    free(m->view);
    free(m);
}

void cluster__post(struct cluster *c, const struct view_event *ev)
{
    cluster__post_view(c, ev, NULL);
}

static void on_join(void *arg, const struct ic_message *m)
{
    struct cluster *c = arg;
    struct cluster_member member;
    struct diag d = { 0 };
    enum err err = view_get_join(m->payload, m->len, &member, &d);
    if (err == ERR_OK && (member.node != m->from || member.incarnation != m->from_incarnation))
        err = diag_set(&d, ERR_PROTOCOL, "VIEW_JOIN message for node %u", member.node);
    if (err != ERR_OK)
        ic_reject(c->ic, m, "%s", d.message);
    else
        cluster__post(c, &(struct view_event){
                             .type = VIEW_EV_JOIN, .from = m->from, .incarnation = m->from_incarnation, .member = &member });
}

static void on_leave(void *arg, const struct ic_message *m)
{
    cluster__post(arg, &(struct view_event){ .type = VIEW_EV_LEAVE, .from = m->from, .incarnation = m->from_incarnation });
}

static void on_step(void *arg, const struct ic_message *m)
{
    struct cluster *c = arg;
    struct view_event ev = { .type = VIEW_EV_STEP, .from = m->from, .incarnation = m->from_incarnation };
    struct cluster_view *view = xmalloc(sizeof(*view));
    struct diag d = { 0 };
    if (view_get_step(m->payload, m->len, &ev.step, &ev.epoch, view, &d) == ERR_OK) {
        cluster__post_view(c, &ev, view);
        return;
    }
    ic_reject(c->ic, m, "%s", d.message);
    free(view);
}

static void on_done(void *arg, const struct ic_message *m)
{
    struct cluster *c = arg;
    struct view_event ev = { .type = VIEW_EV_DONE, .from = m->from, .incarnation = m->from_incarnation };
    struct diag d = { 0 };
    if (view_get_done(m->payload, m->len, &ev.step, &ev.epoch, &d) == ERR_OK)
        cluster__post(c, &ev);
    else
        ic_reject(c->ic, m, "%s", d.message);
}

/* ---- peers -------------------------------------------------------------------------- */

void cluster__add_peer(struct cluster *c, const struct cluster_member *m)
{
    const struct phi_options opt = {
        .window = PHI_WINDOW,
        .expected_ns = RT_MS(c->opt.heartbeat_interval_ms),
        .deviation_min_ns = RT_MS(c->opt.heartbeat_interval_ms),
    };
    const uint64_t now = rt_now();
    struct diag d = { 0 };
    const enum err err =
        ic_peer_add(c->ic, (struct ic_peer_id){ m->node, m->incarnation }, m->interconnect_address, &d);
    if (err != ERR_OK) {
        log_diag(c->opt.log, LOG_ERROR, &d, "membership: node %u cannot be reached", m->node);
        return;
    }
    rt_spin_lock(&c->spin);
    struct watch *w = &c->watch[m->node];
    const incarnation_t before = w->incarnation;
    if (before != m->incarnation) {
        *w = (struct watch){ .incarnation = m->incarnation };
        phi_init(&w->phi, &opt, now);
    }
    rt_spin_unlock(&c->spin);
    if (before != 0 && before != m->incarnation) /* V4: nobody watches that one any more, so this is its end */
        cluster__post(c, &(struct view_event){
                             .type = VIEW_EV_FAILED, .from = m->node, .incarnation = before, .text = "it has been started again" });
}

void cluster__drop_peer(struct cluster *c, node_no node, incarnation_t incarnation)
{
    ic_peer_remove(c->ic, (struct ic_peer_id){ node, incarnation });
    rt_spin_lock(&c->spin);
    if (c->watch[node].incarnation == incarnation)
        c->watch[node].incarnation = 0;
    rt_spin_unlock(&c->spin);
}

void cluster_peer_changed(struct cluster *c, struct ic_peer_id peer, bool up)
{
    if (!up)
        cluster__post(c, &(struct view_event){ .type = VIEW_EV_FAILED,
                                               .from = peer.node,
                                               .incarnation = peer.incarnation,
                                               .text = "its session has ended: it has stopped or been started again" });
}

void cluster_peer_unknown(struct cluster *c, struct ic_peer_id peer)
{
    rt_spin_lock(&c->spin);
    c->sighting[peer.node].knocked = peer.incarnation;
    rt_spin_unlock(&c->spin);
    (void)rt_channel_try_send(c->wake_slots, c);
}

/* ---- ends of waits ------------------------------------------------------------------- */

void cluster__set_joined(struct cluster *c, enum err err)
{
    if (!atomic_exchange(&c->joined_set, true))
        rt_future_set(&c->joined, err);
}

void cluster__set_left(struct cluster *c, enum err err)
{
    if (!atomic_exchange(&c->left_set, true))
        rt_future_set(&c->left, err);
}

void cluster__fatal(struct cluster *c, const char *why)
{
    if (atomic_exchange(&c->fatal_said, true))
        return;
    snprintf(c->why, sizeof(c->why), "%s", why);
    log_error(c->opt.log, "membership: %s", why);
    const bool joined = atomic_load(&c->joined_set);
    cluster__set_joined(c, ERR_CRASH_SHUTDOWN);
    cluster__set_left(c, ERR_CRASH_SHUTDOWN);
    if (joined && c->opt.fatal != NULL) /* else cluster_join() reports it */
        c->opt.fatal(c->opt.arg, c->why);
}

/* ---- open, attach, close --------------------------------------------------------------- */

static void free_cluster(struct cluster *c)
{
    voting_close(c->voting);
    if (c->inbox != NULL)
        rt_channel_free(c->inbox);
    if (c->wake_slots != NULL)
        rt_channel_free(c->wake_slots);
    view_free(c->core);
    free(c->declaring.view);
    free(c->old);
    free(c);
}

static enum err check_options(const struct cluster_options *o, struct diag *d)
{
    struct cluster_member m;
    if (strlen(o->node_name) == 0 || strlen(o->node_name) >= sizeof(m.name))
        return diag_set(d, ERR_PARAMETER_VALUE, "node_id \"%s\": 1 to %zu bytes are possible", o->node_name, sizeof(m.name) - 1);
    if (strlen(o->interconnect_address) >= sizeof(m.interconnect_address) || strlen(o->sql_address) >= sizeof(m.sql_address))
        return diag_set(d, ERR_PARAMETER_VALUE, "an address of node \"%s\" is too long", o->node_name);
    if (o->heartbeat_interval_ms == 0 || o->dead_after_ms < 2 * o->heartbeat_interval_ms)
        return diag_set(d, ERR_PARAMETER_VALUE,
                        "a node cannot be confirmed dead after %" PRIu32 " ms with heartbeats every %" PRIu32 " ms", o->dead_after_ms,
                        o->heartbeat_interval_ms);
    return ERR_OK;
}

enum err cluster_open(const struct cluster_options *opt, struct cluster **ret, struct diag *d)
{
    enum err err = check_options(opt, d);
    if (err != ERR_OK)
        return err;
    struct cluster *c = xcalloc(1, sizeof(*c));
    c->opt = *opt;
    c->self.incarnation = opt->incarnation;
    snprintf(c->self.name, sizeof(c->self.name), "%s", opt->node_name);
    snprintf(c->self.interconnect_address, sizeof(c->self.interconnect_address), "%s", opt->interconnect_address);
    snprintf(c->self.sql_address, sizeof(c->self.sql_address), "%s", opt->sql_address);
    c->opt.node_name = c->self.name;
    c->inbox = rt_channel_new(CLUSTER_INBOX_MAX);
    c->wake_slots = rt_channel_new(1);
    c->old = xcalloc(1, sizeof(*c->old));
    c->declaring.view = xcalloc(1, sizeof(*c->declaring.view));
    rt_future_init(&c->joined);
    rt_future_init(&c->left);
    err = voting_open(opt->dir, opt->cluster_id, &c->voting, d);
    if (err == ERR_OK)
        err = voting_claim(c->voting, &c->self, d);
    if (err != ERR_OK) {
        free_cluster(c);
        return err;
    }
    c->core = view_new(&c->self);
    *ret = c;
    return ERR_OK;
}

enum err cluster_attach(struct cluster *c, struct interconnect *ic, struct diag *d)
{
    const struct rt_spawn_options membership = { .name = "membership", .worker = 0, .prio = RT_PRIO_HIGH, .stack_bytes = 1u << 20 };
    const struct rt_spawn_options heart = { .name = "heart", .worker = RT_WORKER_CRITICAL, .prio = RT_PRIO_HIGH };
    const struct rt_spawn_options slots = { .name = "voting-slots", .worker = 0, .prio = RT_PRIO_HIGH };
    const size_t len = strlen(c->self.interconnect_address);
    if (len >= 2 && strcmp(c->self.interconnect_address + len - 2, ":0") == 0) { /* the port was chosen by the kernel */
        snprintf(c->self.interconnect_address, sizeof(c->self.interconnect_address), "%s", ic_address(ic));
        view_free(c->core);
        c->core = view_new(&c->self);
    }
    c->ic = ic;
    ic_set_handler(ic, IC_HEARTBEAT, HEARTBEAT_BYTES, HEARTBEAT_BYTES, cluster__on_heartbeat, c);
    ic_set_handler(ic, IC_VIEW_JOIN, VIEW_MEMBER_BYTES_MIN, VIEW_MEMBER_BYTES_MAX, on_join, c);
    ic_set_handler(ic, IC_VIEW_LEAVE, 0, 0, on_leave, c);
    ic_set_handler(ic, IC_VIEW_STEP, VIEW_STEP_BYTES_MIN, VIEW_STEP_BYTES_MAX, on_step, c);
    ic_set_handler(ic, IC_VIEW_DONE, VIEW_DONE_BYTES, VIEW_DONE_BYTES, on_done, c);
    const enum err err = voting_write(c->voting, &c->self, SLOT_STARTED, 0, d);
    if (err != ERR_OK)
        return err;
    c->membership = rt_spawn(&membership, cluster__membership_main, c);
    c->heart = rt_spawn(&heart, cluster__heart_main, c);
    c->slots = rt_spawn(&slots, cluster__slots_main, c);
    if (c->membership == NULL || c->heart == NULL || c->slots == NULL)
        return diag_set(d, ERR_RESOURCES, "membership: too many fibers");
    return ERR_OK;
}

void cluster_listen(struct cluster *c, const struct cluster_listener *l)
{
    assert(c->listeners_n < CLUSTER_LISTENERS_MAX);
    c->listeners[c->listeners_n++] = *l;
}

static void join_fiber(struct fiber *f)
{
    if (f != NULL)
        rt_join(f);
}

void cluster_stop(struct cluster *c)
{
    if (atomic_exchange(&c->stop, true))
        return;
    rt_channel_close(c->wake_slots);
    join_fiber(c->heart);
    join_fiber(c->slots);
    rt_channel_close(c->inbox);
    join_fiber(c->membership);
}

void cluster_close(struct cluster *c)
{
    if (c == NULL)
        return;
    cluster_stop(c);
    void *item;
    while (rt_channel_try_recv(c->inbox, &item)) {
        free(((struct mail *)item)->view);
        free(item);
    }
    free_cluster(c);
}

/* ---- joining ------------------------------------------------------------------------------ */

static void send_to(struct cluster *c, node_no to, enum ic_kind kind, const struct buf *b)
{
    const struct ic_part part = { b->p, b->len };
    (void)!ic_send(c->ic, to, kind, 0, &part, 1); /* it is repeated */
}

/* A member's process lives: its slot is locked or changes. */
static enum err member_lives(struct cluster *c, const struct slot *s, bool *ret, struct diag *d)
{
    *ret = false;
    if (s->state != SLOT_MEMBER || s->member.node == c->self.node)
        return ERR_OK;
    *ret = cluster__slot_changes(c, s);
    return *ret ? ERR_OK : voting_is_held(c->voting, s->member.node, ret, d);
}

/* Asks every living member; the coordinator among them acts, the others remember it. */
static enum err ask_members(struct cluster *c, const struct slot slots[NODES_MAX + 1], uint32_t *ret_alive, struct diag *d)
{
    struct buf b;
    enum err err = ERR_OK;
    *ret_alive = 0;
    buf_init(&b);
    view_put_join(&b, &c->self);
    for (unsigned n = 1; n <= NODES_MAX && err == ERR_OK; n++) {
        bool lives;
        err = member_lives(c, &slots[n], &lives, d);
        if (err != ERR_OK || !lives)
            continue;
        ++*ret_alive;
        cluster__add_peer(c, &slots[n].member);
        send_to(c, (node_no)n, IC_VIEW_JOIN, &b);
    }
    buf_fini(&b);
    return err;
}

/* Some slot says MEMBER: of a process that died, or that runs where file locks do not reach. Its counter tells. */
static enum err watch_slots(struct cluster *c, struct slot slots[NODES_MAX + 1], uint32_t *ret_alive, struct diag *d)
{
    bool stale = false;
    enum err err = ERR_OK;
    *ret_alive = 0;
    for (unsigned n = 1; n <= NODES_MAX; n++)
        stale |= n != c->self.node && slots[n].state == SLOT_MEMBER;
    for (uint32_t i = 0; i < CLUSTER_LIVE_SLOTS && stale && err == ERR_OK && *ret_alive == 0; i++) {
        rt_sleep(cluster__slot_interval_ns(c));
        err = cluster__scan(c, slots, d);
        for (unsigned n = 1; n <= NODES_MAX && err == ERR_OK && *ret_alive == 0; n++) {
            bool lives;
            err = member_lives(c, &slots[n], &lives, d);
            *ret_alive += err == ERR_OK && lives;
        }
    }
    return err;
}

/* The lock for forming is held. *ret_formed: nobody runs, and the slot says that this node forms the first view. */
static enum err form(struct cluster *c, struct slot slots[NODES_MAX + 1], bool *ret_formed, struct diag *d)
{
    uint32_t alive;
    enum err err = cluster__scan(c, slots, d);
    if (err == ERR_OK)
        err = ask_members(c, slots, &alive, d);
    if (err == ERR_OK && alive == 0)
        err = watch_slots(c, slots, &alive, d);
    if (err != ERR_OK || alive > 0)
        return err;
    const epoch_t epoch = voting_epoch_max(slots);
    err = voting_write(c->voting, &c->self, SLOT_MEMBER, epoch, d); /* from here on others wait for us */
    if (err != ERR_OK)
        return err;
    log_info(c->opt.log, "membership: no member runs: node \"%s\" forms the first view", c->self.name);
    c->forming = true;
    *ret_formed = true;
    cluster__post(c, &(struct view_event){ .type = VIEW_EV_FORM, .epoch = epoch });
    return ERR_OK;
}

static enum err try_to_form(struct cluster *c, struct slot slots[NODES_MAX + 1], bool *ret_formed, struct diag *d)
{
    struct rt_file *lock;
    enum err err = voting_lock(c->voting, VOTING_FORM, &lock, d);
    if (err != ERR_OK || lock == NULL)
        return err;
    err = form(c, slots, ret_formed, d);
    rt_close(lock);
    return err;
}

static enum err join_or_form(struct cluster *c, struct diag *d)
{
    struct slot *slots = xcalloc(NODES_MAX + 1, sizeof(*slots));
    enum err err = voting_write(c->voting, &c->self, SLOT_JOINING, 0, d);
    bool formed = false;
    while (err == ERR_OK && !formed) {
        uint32_t alive = 0;
        int64_t result;
        err = cluster__scan(c, slots, d);
        if (err == ERR_OK)
            err = ask_members(c, slots, &alive, d);
        if (err == ERR_OK && alive == 0)
            err = try_to_form(c, slots, &formed, d);
        if (err == ERR_OK && !formed && rt_future_wait(&c->joined, rt_now() + RT_MS(CLUSTER_ASK_MS), false, &result) == ERR_OK)
            break;
    }
    free(slots);
    return err;
}

enum err cluster_join(struct cluster *c, enum err (*recover)(void *arg, struct diag *d), void *arg, struct diag *d)
{
    assert(c->ic != NULL);
    int64_t result = ERR_OK;
    c->recover = recover;
    c->recover_arg = arg;
    enum err err = join_or_form(c, d);
    if (err == ERR_OK)
        err = rt_future_wait(&c->joined, RT_FOREVER, false, &result);
    if (err == ERR_OK && result != ERR_OK)
        err = diag_set(d, (enum err)result, "%s", c->why);
    return diag_wrap(d, err, "joining the cluster \"%s\"", c->opt.cluster_name);
}

/* ---- leaving -------------------------------------------------------------------------------- */

static void ask_to_leave(struct cluster *c, const struct cluster_view *view)
{
    cluster__post(c, &(struct view_event){ .type = VIEW_EV_LEAVE, .from = c->self.node, .incarnation = c->self.incarnation });
    for (uint32_t i = 0; i < view->n; i++)
        if (view->m[i].node != c->self.node)
            (void)!ic_send(c->ic, view->m[i].node, IC_VIEW_LEAVE, 0, NULL, 0); /* it is repeated */
}

enum err cluster_leave(struct cluster *c, struct diag *d)
{
    struct cluster_view *view = xmalloc(sizeof(*view));
    int64_t result = ERR_OK;
    enum err err = ERR_TIMED_OUT;
    while (err == ERR_TIMED_OUT && cluster_epoch(c) != 0) {
        cluster_view(c, view);
        ask_to_leave(c, view);
        err = rt_future_wait(&c->left, rt_now() + RT_MS(CLUSTER_ASK_MS), false, &result);
    }
    free(view);
    if (result != ERR_OK)
        return diag_set(d, (enum err)result, "leaving the cluster \"%s\": %s", c->opt.cluster_name, c->why);
    return voting_write(c->voting, &c->self, SLOT_DOWN, cluster_epoch(c), d);
}

/* ---- what others ask ---------------------------------------------------------------------------- */

node_no cluster_self(const struct cluster *c)
{
    return c->self.node;
}

static struct cluster *lockable(const struct cluster *c)
{
    return (struct cluster *)(uintptr_t)c;
}

void cluster_view(const struct cluster *c, struct cluster_view *ret)
{
    rt_spin_lock(&lockable(c)->spin);
    *ret = c->view;
    rt_spin_unlock(&lockable(c)->spin);
}

epoch_t cluster_epoch(const struct cluster *c)
{
    return atomic_load_explicit(&lockable(c)->epoch, memory_order_acquire);
}

node_no cluster_coordinator(const struct cluster *c)
{
    rt_spin_lock(&lockable(c)->spin);
    const node_no n = c->view.n > 0 ? c->view.m[0].node : 0;
    rt_spin_unlock(&lockable(c)->spin);
    return n;
}

enum member_health cluster_health(const struct cluster *c, node_no node)
{
    enum member_health h = MEMBER_FAILED;
    if (node == c->self.node)
        return MEMBER_HEALTHY;
    rt_spin_lock(&lockable(c)->spin);
    if (c->watch[node].incarnation != 0)
        h = c->watch[node].health;
    rt_spin_unlock(&lockable(c)->spin);
    return h;
}
