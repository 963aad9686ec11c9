#include "cluster/core/view.h"

#include <stdio.h>
#include <stdlib.h>

#define NODE_BIT(n) (UINT64_C(1) << ((n)-1))

/* A change that this node goes through; also of the joiner and of who leaves. */
struct passage {
    epoch_t epoch; /* 0: none yet */
    node_no coordinator;
    enum view_step done; /* finished here */
    bool running; /* the listeners of done + 1 are at work */
};

/* A change that this node leads. */
struct lead {
    bool active;
    bool writing; /* the epoch is being made durable */
    epoch_t epoch;
    enum view_step step;
    uint64_t waiting; /* who has not finished it */
    uint64_t out; /* left for good: heard OUT, or died while leaving */
    struct cluster_view base; /* installed when the change began */
};

struct view_core {
    struct cluster_member self;
    struct cluster_view installed; /* epoch 0: none */
    struct cluster_view target;
    struct passage passage;
    struct lead lead;
    epoch_t epoch_max;
    bool open; /* installed has been opened */
    uint64_t opened; /* nodes of the last view that was */
    bool gone; /* left */
    bool fatal;
    uint64_t joining; /* nodes in want[] */
    struct cluster_member want[NODES_MAX + 1]; /* who wants to join */
    incarnation_t leaving[NODES_MAX + 1]; /* who wants to leave; 0: does not */
    uint64_t heard[NODES_MAX + 1]; /* [n]: whom n hears */
    incarnation_t heard_by[NODES_MAX + 1]; /* the incarnation of n that said so */
    char fatal_text[512];
};

static const char *const step_names[] = {
#define X(name, text) #name,
    VIEW_STEPS(X)
#undef X
};

const char *view_step_name(enum view_step s)
{
    return (unsigned)s < ARRAY_LEN(step_names) ? step_names[s] : "?";
}

/* ---- views ------------------------------------------------------------------ */

const struct cluster_member *cluster_view_find(const struct cluster_view *view, node_no node)
{
    for (uint32_t i = 0; i < view->n; i++)
        if (view->m[i].node == node)
            return &view->m[i];
    return NULL;
}

static uint64_t view_nodes(const struct cluster_view *view)
{
    uint64_t nodes = 0;
    for (uint32_t i = 0; i < view->n; i++)
        nodes |= NODE_BIT(view->m[i].node);
    return nodes;
}

static bool has_incarnation(const struct cluster_view *view, node_no node, incarnation_t incarnation)
{
    const struct cluster_member *m = cluster_view_find(view, node);
    return m != NULL && m->incarnation == incarnation;
}

/* Members stay ordered by node number. */
static void view_insert(struct cluster_view *view, const struct cluster_member *m)
{
    uint32_t at = view->n;
    assert(view->n < NODES_MAX);
    while (at > 0 && view->m[at - 1].node > m->node) {
        view->m[at] = view->m[at - 1];
        at--;
    }
    view->m[at] = *m;
    view->n++;
}

static void view_delete(struct cluster_view *view, node_no node)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < view->n; i++)
        if (view->m[i].node != node)
            view->m[kept++] = view->m[i];
    view->n = kept;
}

static node_no lowest(const struct cluster_view *view)
{
    return view->n > 0 ? view->m[0].node : 0;
}

/* ---- output ------------------------------------------------------------------- */

static void emit(struct view_output *out, enum view_action_type type, node_no to, enum view_step step, epoch_t epoch)
{
    assert(out->n < VIEW_ACTIONS_MAX);
    out->a[out->n++] = (struct view_action){ type, to, step, epoch };
}

static void fail(struct view_core *v, struct view_output *out, const char *fmt, ...) PRINTF(3, 4);
static void fail(struct view_core *v, struct view_output *out, const char *fmt, ...)
{
    if (v->fatal)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->fatal_text, sizeof(v->fatal_text), fmt, ap);
    va_end(ap);
    v->fatal = true;
    emit(out, VIEW_DO_FATAL, 0, VIEW_NONE, 0);
}

/* ---- the coordinator's part ------------------------------------------------------ */

static uint64_t step_participants(const struct view_core *v)
{
    const uint64_t target = view_nodes(&v->target);
    const bool both = v->lead.step == VIEW_FREEZE || v->lead.step == VIEW_INSTALL;
    return (both ? target | view_nodes(&v->lead.base) : target) & ~v->lead.out;
}

static void send_step(struct view_core *v, struct view_output *out)
{
    for (unsigned n = 1; n <= NODES_MAX; n++)
        if (v->lead.waiting & NODE_BIT(n))
            emit(out, VIEW_DO_SEND_STEP, (node_no)n, v->lead.step, v->lead.epoch);
}

static void release_leavers(struct view_core *v, struct view_output *out)
{
    const uint64_t leavers = view_nodes(&v->lead.base) & ~view_nodes(&v->target) & ~v->lead.out & ~NODE_BIT(v->self.node);
    for (unsigned n = 1; n <= NODES_MAX; n++)
        if (leavers & NODE_BIT(n))
            emit(out, VIEW_DO_SEND_STEP, (node_no)n, VIEW_OUT, v->lead.epoch);
    v->lead.out |= leavers;
}

static void lead_step(struct view_core *v, enum view_step step, struct view_output *out)
{
    v->lead.step = step;
    v->lead.waiting = step_participants(v);
    if (step == VIEW_DECLARE)
        release_leavers(v, out);
    send_step(v, out);
}

static void lead_end(struct view_core *v, struct view_output *out)
{
    v->lead.active = false;
    if (cluster_view_find(&v->target, v->self.node) == NULL) {
        v->gone = true;
        emit(out, VIEW_DO_LEFT, 0, VIEW_NONE, v->lead.epoch);
    }
}

static void lead_go_on(struct view_core *v, struct view_output *out)
{
    while (v->lead.active && !v->lead.writing && v->lead.waiting == 0) {
        if (v->lead.step == VIEW_OPEN)
            lead_end(v, out);
        else
            lead_step(v, (enum view_step)(v->lead.step + 1), out);
    }
}

/* V1: the epoch is written before anybody hears of it. */
static void lead_begin(struct view_core *v, struct view_output *out)
{
    if (v->epoch_max == CLUSTER_EPOCH_MAX) {
        fail(v, out, "the numbers of membership views are used up");
        return;
    }
    v->lead.active = v->lead.writing = true;
    v->lead.epoch = v->target.epoch = ++v->epoch_max;
    v->lead.step = VIEW_NONE;
    v->lead.waiting = 0;
    emit(out, VIEW_DO_WRITE_EPOCH, 0, VIEW_NONE, v->lead.epoch);
}

/* V5 */
static bool hear_each_other(const struct view_core *v, const struct cluster_member *a, const struct cluster_member *b)
{
    return v->heard_by[a->node] == a->incarnation && v->heard_by[b->node] == b->incarnation &&
           (v->heard[a->node] & NODE_BIT(b->node)) && (v->heard[b->node] & NODE_BIT(a->node));
}

static bool heard_by_all(const struct view_core *v, const struct cluster_view *view, const struct cluster_member *m)
{
    for (uint32_t i = 0; i < view->n; i++)
        if (!hear_each_other(v, &view->m[i], m))
            return false;
    return true;
}

/* The next view: the installed one without who leaves, with who wants to join and is heard by all. false: no change. */
static bool next_view(struct view_core *v, struct cluster_view *ret)
{
    bool changed = false;
    *ret = v->installed;
    for (uint32_t i = 0; i < v->installed.n; i++) {
        const struct cluster_member *m = &v->installed.m[i];
        if (v->leaving[m->node] != m->incarnation)
            continue;
        view_delete(ret, m->node);
        changed = true;
    }
    if (ret->n == 0)
        return changed; /* all leave at once: a new first node will form the next view */
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        if (!(v->joining & NODE_BIT(n)) || cluster_view_find(&v->installed, (node_no)n) != NULL || !heard_by_all(v, ret, &v->want[n]))
            continue;
        view_insert(ret, &v->want[n]);
        changed = true;
    }
    return changed;
}

/* V2 */
static bool may_lead(const struct view_core *v)
{
    return !v->gone && !v->fatal && !v->lead.active && v->open && lowest(&v->installed) == v->self.node && !view_is_changing(v);
}

static void lead_if_due(struct view_core *v, struct view_output *out)
{
    struct cluster_view *next = &v->lead.base; /* as scratch: no change is led */
    if (!may_lead(v) || !next_view(v, next))
        return;
    if (next->n == 0 && v->installed.n == 1) {
        v->gone = true;
        emit(out, VIEW_DO_LEFT, 0, VIEW_NONE, v->installed.epoch);
        return;
    }
    v->target = *next;
    v->lead.base = v->installed;
    v->lead.out = 0;
    lead_begin(v, out);
}

/* V3: without that node, from the beginning. */
static void lead_again_without(struct view_core *v, node_no node, struct view_output *out)
{
    view_delete(&v->target, node);
    lead_begin(v, out);
}

static void on_done(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    if (!v->lead.active || ev->epoch != v->lead.epoch || ev->step != v->lead.step)
        return;
    if (!has_incarnation(&v->target, ev->from, ev->incarnation) && !has_incarnation(&v->lead.base, ev->from, ev->incarnation))
        return;
    v->lead.waiting &= ~NODE_BIT(ev->from);
    lead_go_on(v, out);
}

/* ---- the member's part -------------------------------------------------------------- */

static void finish_step(struct view_core *v, enum view_step step, struct view_output *out)
{
    v->passage.done = step;
    emit(out, VIEW_DO_SEND_DONE, v->passage.coordinator, step, v->passage.epoch);
}

static void forget_fulfilled(struct view_core *v)
{
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        const struct cluster_member *m = cluster_view_find(&v->installed, (node_no)n);
        if (m != NULL && (v->joining & NODE_BIT(n)) && v->want[n].incarnation == m->incarnation)
            v->joining &= ~NODE_BIT(n);
        if (m == NULL || m->incarnation != v->leaving[n])
            v->leaving[n] = 0;
    }
}

static void run_step(struct view_core *v, enum view_step step, struct view_output *out)
{
    const bool stays = cluster_view_find(&v->target, v->self.node) != NULL;
    if (!stays && step != VIEW_FREEZE) { /* who leaves has nothing to install */
        finish_step(v, step, out);
        return;
    }
    if (step == VIEW_FREEZE)
        v->open = false;
    if (step == VIEW_INSTALL) {
        v->installed = v->target;
        forget_fulfilled(v);
    }
    v->passage.running = true;
    emit(out, VIEW_DO_RUN, 0, step, v->passage.epoch);
}

static void on_ran(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    if (!v->passage.running || ev->epoch != v->passage.epoch)
        return;
    v->passage.running = false;
    if (ev->step == VIEW_OPEN) {
        v->open = true;
        v->opened = view_nodes(&v->installed);
        emit(out, VIEW_DO_JOINED, 0, VIEW_NONE, v->passage.epoch);
    }
    finish_step(v, ev->step, out);
}

/* A newer epoch: whatever was under way is over (V3). */
static void begin_passage(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    v->passage = (struct passage){ .epoch = ev->epoch, .coordinator = ev->from };
    v->epoch_max = MAX(v->epoch_max, ev->epoch);
    if (ev->from != v->self.node) {
        v->lead.active = false;
        v->target = *ev->view;
    }
    run_step(v, VIEW_FREEZE, out);
}

static void on_step(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    struct passage *p = &v->passage;
    if (ev->step == VIEW_OUT) {
        if (ev->epoch == p->epoch && cluster_view_find(&v->target, v->self.node) == NULL) {
            v->gone = true;
            emit(out, VIEW_DO_LEFT, 0, VIEW_NONE, ev->epoch);
        }
        return;
    }
    if (ev->epoch < p->epoch) { /* superseded: who leads it must not wait for us */
        emit(out, VIEW_DO_SEND_DONE, ev->from, ev->step, ev->epoch);
        return;
    }
    if (p->running)
        return; /* it will be repeated */
    if (ev->epoch > p->epoch) {
        if (ev->step == VIEW_FREEZE && ev->epoch > v->installed.epoch && ev->view->epoch == ev->epoch)
            begin_passage(v, ev, out);
        return;
    }
    if (ev->from != p->coordinator)
        return;
    if (ev->step <= p->done)
        emit(out, VIEW_DO_SEND_DONE, p->coordinator, ev->step, ev->epoch); /* our answer was lost */
    else if (ev->step == p->done + 1)
        run_step(v, ev->step, out);
}

/* ---- who comes, who goes ------------------------------------------------------------- */

/* In the view that is being installed, but never in one that was opened. */
static bool is_newcomer(const struct view_core *v, node_no node) { return view_is_changing(v) && !(v->opened & NODE_BIT(node)); }

static void on_join(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    const struct cluster_member *m = ev->member;
    const struct cluster_member *old = cluster_view_find(&v->installed, m->node);
    if (old != NULL && old->incarnation == m->incarnation)
        return;
    if (old != NULL && !view_is_leaver(v, m->node) && !is_newcomer(v, m->node)) { /* V4 */
        fail(v, out, "node \"%s\" (number %u) has been started again without having left the cluster", old->name, old->node);
        return;
    }
    v->want[m->node] = *m;
    v->joining |= NODE_BIT(m->node);
}

/* The coordinator's answer; false: the failure concerns no change that it leads. */
static bool lead_despite_failure(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    if (!v->lead.active)
        return false;
    const bool in_base = has_incarnation(&v->lead.base, ev->from, ev->incarnation);
    const bool in_target = has_incarnation(&v->target, ev->from, ev->incarnation);
    if (in_base && !in_target) { /* it had drained: nobody needs its answers */
        v->lead.out |= NODE_BIT(ev->from);
        v->lead.waiting &= ~NODE_BIT(ev->from);
        lead_go_on(v, out);
        return true;
    }
    if (in_target && !in_base && v->lead.step < VIEW_OPEN) {
        lead_again_without(v, ev->from, out);
        return true;
    }
    if (in_target && v->leaving[ev->from] == ev->incarnation) { /* it had drained for the next change */
        v->lead.out |= NODE_BIT(ev->from);
        v->lead.waiting &= ~NODE_BIT(ev->from);
        if (v->lead.step < VIEW_OPEN)
            lead_again_without(v, ev->from, out);
        else
            lead_go_on(v, out);
        return true;
    }
    return false;
}

static void on_failed(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    if ((v->joining & NODE_BIT(ev->from)) && v->want[ev->from].incarnation == ev->incarnation)
        v->joining &= ~NODE_BIT(ev->from);
    if (lead_despite_failure(v, ev, out))
        return;
    if (view_is_changing(v) && v->passage.coordinator == ev->from && v->passage.done < VIEW_OPEN) {
        fail(v, out, "node %u has failed while it led a change of the membership: %s", ev->from, ev->text);
        return;
    }
    if (!has_incarnation(&v->installed, ev->from, ev->incarnation))
        return;
    if (view_is_leaver(v, ev->from)) { /* the coordinator excludes it */
        if (lowest(&v->installed) == ev->from)
            fail(v, out, "node %u has failed before it could lead the change that it wanted to leave with: %s", ev->from, ev->text);
        return;
    }
    if (is_newcomer(v, ev->from))
        return; /* a newcomer: the coordinator begins again without it, or the failure is reported again when it is a member */
    fail(v, out, "node \"%s\" (number %u) has failed: %s", cluster_view_find(&v->installed, ev->from)->name, ev->from, ev->text);
}

/* ---- the machine ------------------------------------------------------------------------ */

static void view_check(const struct view_core *v)
{
    assert(v->installed.epoch <= v->epoch_max);
    assert(v->passage.epoch <= v->epoch_max);
    for (uint32_t i = 1; i < v->installed.n; i++)
        assert(v->installed.m[i - 1].node < v->installed.m[i].node);
}

struct view_core *view_new(const struct cluster_member *self)
{
    struct view_core *v = xcalloc(1, sizeof(*v));
    v->self = *self;
    return v;
}

void view_free(struct view_core *v)
{
    free(v);
}

static void on_form(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    assert(v->installed.epoch == 0);
    assert(!v->lead.active);
    v->epoch_max = MAX(v->epoch_max, ev->epoch);
    v->lead.base = v->target = (struct cluster_view){ 0 };
    view_insert(&v->target, &v->self);
    v->lead.out = 0;
    lead_begin(v, out);
}

void view_step(struct view_core *v, const struct view_event *ev, struct view_output *out)
{
    view_check(v);
    out->n = 0;
    if (v->fatal || v->gone)
        return;
    switch (ev->type) {
    case VIEW_EV_FORM:
        on_form(v, ev, out);
        break;
    case VIEW_EV_JOIN:
        on_join(v, ev, out);
        break;
    case VIEW_EV_LEAVE:
        if (has_incarnation(&v->installed, ev->from, ev->incarnation))
            v->leaving[ev->from] = ev->incarnation;
        break;
    case VIEW_EV_STEP:
        on_step(v, ev, out);
        break;
    case VIEW_EV_DONE:
        on_done(v, ev, out);
        break;
    case VIEW_EV_RAN:
        on_ran(v, ev, out);
        break;
    case VIEW_EV_ABORTED: /* the newer change's first step is repeated to us */
        if (v->passage.running && ev->epoch == v->passage.epoch)
            v->passage.running = false;
        break;
    case VIEW_EV_EPOCH_WRITTEN:
        if (v->lead.active && v->lead.writing && ev->epoch == v->lead.epoch) {
            v->lead.writing = false;
            lead_go_on(v, out);
        }
        break;
    case VIEW_EV_FAILED:
        on_failed(v, ev, out);
        break;
    case VIEW_EV_HEARS:
        v->heard[ev->from] = ev->heard | NODE_BIT(ev->from);
        v->heard_by[ev->from] = ev->incarnation;
        break;
    case VIEW_EV_TICK:
        if (v->lead.active && !v->lead.writing)
            send_step(v, out);
        break;
    }
    lead_if_due(v, out);
    view_check(v);
}

const struct cluster_view *view_installed(const struct view_core *v)
{
    return &v->installed;
}

const struct cluster_view *view_target(const struct view_core *v)
{
    return &v->target;
}

/* Between FREEZE and OPEN, and as long as one leads. */
bool view_is_changing(const struct view_core *v)
{
    return v->lead.active || (v->passage.epoch != 0 && (v->passage.done < VIEW_OPEN || v->passage.running));
}

bool view_is_leaver(const struct view_core *v, node_no node)
{
    const struct cluster_member *m = cluster_view_find(&v->installed, node);
    if (m != NULL && v->leaving[node] == m->incarnation)
        return true;
    return view_is_changing(v) && v->passage.epoch == v->target.epoch && m != NULL && cluster_view_find(&v->target, node) == NULL;
}

uint64_t view_participants(const struct view_core *v)
{
    return view_nodes(&v->installed) | (view_is_changing(v) ? view_nodes(&v->target) : 0);
}

epoch_t view_epoch_max(const struct view_core *v)
{
    return v->epoch_max;
}

const char *view_fatal_text(const struct view_core *v)
{
    return v->fatal_text;
}

void view_waits_for(const struct view_core *v, char *out, size_t bytes)
{
    size_t len = 0;
    out[0] = '\0';
    if (v->lead.active && v->lead.waiting != 0)
        len += (size_t)snprintf(out, bytes, "step %s of epoch %" PRIu64 ": waiting for node", view_step_name(v->lead.step), v->lead.epoch);
    for (unsigned n = 1; n <= NODES_MAX && v->lead.active; n++)
        if ((v->lead.waiting & NODE_BIT(n)) && len < bytes)
            len += (size_t)snprintf(out + len, bytes - len, " %u", n);
    for (unsigned n = 1; n <= NODES_MAX && !v->lead.active; n++)
        if ((v->joining & NODE_BIT(n)) && !heard_by_all(v, &v->installed, &v->want[n]) && len < bytes)
            len += (size_t)snprintf(out + len, bytes - len, "%snode %u wants to join, but not all members hear it yet",
                                    len > 0 ? "; " : "", n);
}
