/*
 * The membership fiber: feeds the state machine with mail and does what it
 * says: writes epochs, sends, runs listeners.
 */
#include "cluster/cluster_int.h"
#include "cluster/core/view_wire.h"

#include <stdio.h>
#include <stdlib.h>

#define FOLLOW_UPS_MAX 8u
#define WAITS_LOG_S 5u

/* Events that arise while the actions of another are done: fed afterwards, in order. */
struct follow_ups {
    uint32_t n;
    struct view_event ev[FOLLOW_UPS_MAX];
};

static void follow_up(struct follow_ups *f, enum view_event_type type, enum view_step step, epoch_t epoch)
{
    assert(f->n < FOLLOW_UPS_MAX);
    f->ev[f->n++] = (struct view_event){ .type = type, .step = step, .epoch = epoch };
}

static void send_buf(struct cluster *c, node_no to, enum ic_kind kind, struct buf *b)
{
    const struct ic_part part = { b->p, b->len };
    const enum err err = ic_send(c->ic, to, kind, 0, &part, 1);
    if (err != ERR_OK) /* the tick repeats steps, and the coordinator gets its answer then */
        log_debug(c->opt.log, "membership: %s to node %u was refused: %s", ic_kind_name(kind), to, err_name(err));
    buf_fini(b);
}

static void send_step(struct cluster *c, const struct view_action *a)
{
    struct buf b;
    buf_init(&b);
    view_put_step(&b, a->step, a->epoch, view_target(c->core));
    send_buf(c, a->to, IC_VIEW_STEP, &b);
}

static void send_done(struct cluster *c, const struct view_action *a)
{
    struct buf b;
    buf_init(&b);
    view_put_done(&b, a->step, a->epoch);
    send_buf(c, a->to, IC_VIEW_DONE, &b);
}

/* ---- the steps on this node -------------------------------------------------------- */

static void meet_members(struct cluster *c, const struct cluster_view *view)
{
    for (uint32_t i = 0; i < view->n; i++)
        if (view->m[i].node != c->self.node)
            cluster__add_peer(c, &view->m[i]);
}

static void run_freeze(struct cluster *c, epoch_t next)
{
    meet_members(c, view_target(c->core));
    for (uint32_t i = 0; i < c->listeners_n; i++)
        if (c->listeners[i].freeze != NULL)
            c->listeners[i].freeze(c->listeners[i].arg, next);
}

static void log_view(struct cluster *c, const struct cluster_view *view)
{
    char text[1024];
    size_t len = 0;
    for (uint32_t i = 0; i < view->n && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s (%u)", i > 0 ? ", " : "", view->m[i].name, view->m[i].node);
    log_info(c->opt.log, "membership: epoch %" PRIu64 ": %s", view->epoch, text);
}

static enum err run_install(struct cluster *c, struct diag *d)
{
    const struct cluster_view *view = view_target(c->core);
    /* V1: the slot shows the epoch before anybody hears that it is installed here. */
    const enum err err = voting_write(c->voting, &c->self, SLOT_MEMBER, view->epoch, d);
    if (err != ERR_OK)
        return err;
    rt_spin_lock(&c->spin);
    *c->old = c->view;
    c->view = *view;
    rt_spin_unlock(&c->spin);
    atomic_store(&c->epoch, view->epoch);
    ic_set_epoch(c->ic, view->epoch);
    log_view(c, view);
    for (uint32_t i = 0; i < c->listeners_n; i++)
        if (c->listeners[i].install != NULL)
            c->listeners[i].install(c->listeners[i].arg, view, c->old);
    return ERR_OK;
}

static void declare_main(void *arg)
{
    struct cluster *c = arg;
    struct declaring *dc = &c->declaring;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < c->listeners_n && err == ERR_OK; i++)
        if (c->listeners[i].declare != NULL)
            err = c->listeners[i].declare(c->listeners[i].arg, dc->view, &dc->d);
    if (err == ERR_OK && c->forming) {
        c->forming = false;
        if (c->recover != NULL)
            err = c->recover(c->recover_arg, &dc->d);
    }
    dc->err = err;
    atomic_store(&dc->done, true);
    cluster__post(c, &(struct view_event){ .type = VIEW_EV_RAN }); /* to wake the membership fiber, which looks at `done` */
}

static enum err start_declare(struct cluster *c, epoch_t epoch, struct diag *d)
{
    const struct rt_spawn_options o = { .name = "declare", .worker = 0, .prio = RT_PRIO_HIGH, .stack_bytes = 1u << 20 };
    struct declaring *dc = &c->declaring;
    assert(dc->fiber == NULL);
    *dc->view = *view_target(c->core);
    dc->epoch = epoch;
    diag_clear(&dc->d);
    atomic_store(&dc->done, false);
    dc->fiber = rt_spawn(&o, declare_main, c);
    return dc->fiber != NULL ? ERR_OK : diag_set(d, ERR_RESOURCES, "too many fibers");
}

static void run_open(struct cluster *c)
{
    for (uint32_t i = 0; i < c->listeners_n; i++)
        if (c->listeners[i].open != NULL)
            c->listeners[i].open(c->listeners[i].arg, view_target(c->core));
}

static void step_failed(struct cluster *c, enum view_step step, epoch_t epoch, const struct diag *d)
{
    char why[sizeof(d->message) + 64];
    snprintf(why, sizeof(why), "step %s of epoch %" PRIu64 ": %s", view_step_name(step), epoch, d->message);
    cluster__fatal(c, why);
}

static void run_step(struct cluster *c, const struct view_action *a, struct follow_ups *f)
{
    struct diag d = { 0 };
    enum err err = ERR_OK;
    switch (a->step) {
    case VIEW_FREEZE:
        run_freeze(c, a->epoch);
        break;
    case VIEW_INSTALL:
        err = run_install(c, &d);
        break;
    case VIEW_DECLARE:
        err = start_declare(c, a->epoch, &d);
        if (err == ERR_OK)
            return;
        break;
    case VIEW_OPEN:
        run_open(c);
        break;
    case VIEW_NONE:
    case VIEW_OUT:
    case VIEW_STEP_COUNT:
        panic("membership step %s has no listeners", view_step_name(a->step));
    }
    if (err == ERR_OK)
        follow_up(f, VIEW_EV_RAN, a->step, a->epoch);
    else
        step_failed(c, a->step, a->epoch, &d);
}

static void write_epoch(struct cluster *c, epoch_t epoch, struct follow_ups *f)
{
    struct diag d = { 0 };
    if (voting_write(c->voting, &c->self, SLOT_MEMBER, epoch, &d) == ERR_OK)
        follow_up(f, VIEW_EV_EPOCH_WRITTEN, VIEW_NONE, epoch);
    else
        cluster__fatal(c, d.message);
}

static void member_failed(struct cluster *c)
{
    char why[768];
    snprintf(why, sizeof(why), "%s. The cluster cannot go on without it: start all nodes again; the first one recovers the database.",
             view_fatal_text(c->core));
    cluster__fatal(c, why);
}

static void act(struct cluster *c, const struct view_action *a, struct follow_ups *f)
{
    switch (a->type) {
    case VIEW_DO_WRITE_EPOCH:
        write_epoch(c, a->epoch, f);
        break;
    case VIEW_DO_SEND_STEP:
        send_step(c, a);
        break;
    case VIEW_DO_SEND_DONE:
        send_done(c, a);
        break;
    case VIEW_DO_RUN:
        run_step(c, a, f);
        break;
    case VIEW_DO_JOINED:
        cluster__set_joined(c, ERR_OK);
        break;
    case VIEW_DO_LEFT:
        cluster__set_left(c, ERR_OK);
        break;
    case VIEW_DO_FATAL:
        member_failed(c);
        break;
    }
}

static void feed(struct cluster *c, const struct view_event *ev)
{
    struct view_output *out = xmalloc(sizeof(*out));
    struct follow_ups queue = { .n = 1, .ev = { *ev } };
    while (queue.n > 0) {
        struct follow_ups next = { 0 };
        for (uint32_t i = 0; i < queue.n; i++) {
            view_step(c->core, &queue.ev[i], out);
            for (uint32_t k = 0; k < out->n; k++)
                act(c, &out->a[k], &next);
        }
        queue = next;
    }
    free(out);
}

/* ---- the step that waits for others ------------------------------------------------- */

/* V3: a change begins again, without a joiner that has failed; what this node declares would wait for that one. */
static void abort_declare_if_superseded(struct cluster *c, const struct view_event *ev)
{
    if (c->declaring.fiber != NULL && ev->type == VIEW_EV_STEP && ev->step == VIEW_FREEZE && ev->epoch > c->declaring.epoch)
        rt_cancel(c->declaring.fiber);
}

static void finish_declare(struct cluster *c)
{
    struct declaring *dc = &c->declaring;
    if (dc->fiber == NULL || !atomic_load(&dc->done))
        return;
    rt_join(dc->fiber);
    dc->fiber = NULL;
    if (dc->err == ERR_OK || dc->err == ERR_CANCELED)
        feed(c, &(struct view_event){ .type = dc->err == ERR_OK ? VIEW_EV_RAN : VIEW_EV_ABORTED, .step = VIEW_DECLARE, .epoch = dc->epoch });
    else
        step_failed(c, VIEW_DECLARE, dc->epoch, &dc->d);
}

static void end_declare(struct cluster *c)
{
    if (c->declaring.fiber == NULL)
        return;
    rt_cancel(c->declaring.fiber);
    rt_join(c->declaring.fiber);
    c->declaring.fiber = NULL;
}

/* ---- housekeeping ------------------------------------------------------------------- */

/* One that is only silent may be busy: where one side forgets a session, the other one's is broken. */
static bool is_gone(struct cluster *c, const struct view_event *ev)
{
    struct diag ignored;
    bool held = true;
    return ic_peer_has_ended(c->ic, (struct ic_peer_id){ ev->from, ev->incarnation }) ||
           (voting_is_held(c->voting, ev->from, &held, &ignored) == ERR_OK && !held);
}

/* Peers that neither belong to the view nor to a change, and whose session or process has ended. */
static void after_failure(struct cluster *c, const struct view_event *ev)
{
    if (!(view_participants(c->core) & (UINT64_C(1) << (ev->from - 1))) && is_gone(c, ev))
        cluster__drop_peer(c, ev->from, ev->incarnation);
}

static void log_waits(struct cluster *c)
{
    char text[sizeof(c->waits_for)];
    const uint64_t now = rt_now();
    view_waits_for(c->core, text, sizeof(text));
    if (strcmp(text, c->waits_for) != 0) {
        memcpy(c->waits_for, text, sizeof(text));
        c->waits_logged_ns = now;
    } else if (text[0] != '\0' && now >= c->waits_logged_ns + RT_SEC(WAITS_LOG_S)) {
        c->waits_logged_ns = now;
        log_info(c->opt.log, "membership: %s", text);
    }
}

void cluster__membership_main(void *arg)
{
    struct cluster *c = arg;
    uint64_t tick_at = rt_now() + RT_MS(CLUSTER_TICK_MS);
    for (;;) {
        void *item;
        const enum err err = rt_channel_recv(c->inbox, &item, tick_at);
        if (err == ERR_CLOSED) {
            end_declare(c);
            return;
        }
        if (err == ERR_OK) {
            struct mail *m = item;
            abort_declare_if_superseded(c, &m->ev);
            if (m->ev.type != VIEW_EV_RAN)
                feed(c, &m->ev);
            if (m->ev.type == VIEW_EV_FAILED)
                after_failure(c, &m->ev);
            free(m->view);
            free(m);
        }
        finish_declare(c);
        if (rt_now() >= tick_at) {
            feed(c, &(struct view_event){ .type = VIEW_EV_TICK });
            log_waits(c);
            tick_at = rt_now() + RT_MS(CLUSTER_TICK_MS);
        }
    }
}
