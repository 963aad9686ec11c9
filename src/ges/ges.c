#include "ges/ges_int.h"

#define SERVICE_PERIOD RT_MS(20)
#define OUTBOX_PERIOD RT_MS(1)
#define DECLARE_WAIT RT_SEC(10)

/* ---- messages -------------------------------------------------------------------------- */

static bool try_send(struct ges *g, node_no node, enum ic_kind kind, const void *p, uint32_t len)
{
    return ic_send(g->opt.ic, node, kind, 0, &(struct ic_part){ p, len }, 1) != ERR_RESOURCES; /* a closed peer leaves with the next view */
}

/* Never lost, never out of order: what the interconnect refuses waits in the outbox, and so does all that follows. */
void ges_send(struct ges *g, node_no node, enum ic_kind kind, const void *p, uint32_t len)
{
    if (node == 0 || g->opt.ic == NULL)
        return; /* no view yet: said again by declare */
    rt_spin_lock(&g->outbox_spin);
    if (!list_empty(&g->outbox) || !try_send(g, node, kind, p, len)) {
        struct out_message *o = xmalloc(sizeof(*o) + len);
        o->node = node;
        o->kind = kind;
        o->len = len;
        memcpy(o->p, p, len);
        list_push_back(&g->outbox, &o->link);
        atomic_fetch_add(&g->noutbox, 1);
    }
    rt_spin_unlock(&g->outbox_spin);
}

void ges_send_wire(struct ges *g, node_no node, enum ic_kind kind, const struct ges_wire *w) { ges_send(g, node, kind, w, sizeof(*w)); }

void ges_flush_outbox(struct ges *g)
{
    rt_spin_lock(&g->outbox_spin);
    while (!list_empty(&g->outbox)) {
        struct out_message *o = LIST_ENTRY(g->outbox.next, struct out_message, link);
        if (!try_send(g, o->node, o->kind, o->p, o->len))
            break;
        list_remove(&o->link);
        atomic_fetch_sub(&g->noutbox, 1);
        free(o);
    }
    rt_spin_unlock(&g->outbox_spin);
}

/* False: it makes no sense, or belongs to another view. */
static bool read_wire(struct ges *g, const struct ic_message *m, enum ges_wire_kind kind, struct ges_wire *ret)
{
    memcpy(ret, m->payload, sizeof(*ret));
    const char *fault = ges_wire_fault(kind, ret);
    if (fault != NULL)
        ic_reject(g->opt.ic, m, "%s", fault);
    return fault == NULL && ret->epoch == atomic_load(&g->epoch);
}

node_no ges_master_of(struct ges *g, const struct ges_resource *r)
{
    const uint64_t name[3] = { r->type, r->id1, r->id2 };
    return g->opt.grd != NULL ? grd_master(g->opt.grd, grd_hash_name(name, sizeof(name))) : g->opt.self;
}

static void on_request(void *arg, const struct ic_message *m)
{
    struct ges_wire w;
    if (!read_wire(arg, m, GES_WIRE_REQUEST, &w))
        return;
    if (w.type == GES_TX)
        tx_on_request(arg, m->from, &w);
    else
        global_on_request(arg, m->from, &w);
}

static void on_grant(void *arg, const struct ic_message *m)
{
    struct ges_wire w;
    if (!read_wire(arg, m, GES_WIRE_GRANT, &w))
        return;
    if (w.type == GES_TX)
        tx_on_granted(arg, &w);
    else
        local_granted(arg, &(struct ges_resource){ w.type, w.id1, w.id2 }, w.mode, w.grant_no);
}

static void on_bast(void *arg, const struct ic_message *m)
{
    struct ges_wire w;
    if (read_wire(arg, m, GES_WIRE_BAST, &w))
        local_blocks(arg, &(struct ges_resource){ w.type, w.id1, w.id2 }, w.mode, w.grant_no);
}

static void on_release(void *arg, const struct ic_message *m)
{
    struct ges *g = arg;
    struct ges_wire w;
    if (read_wire(g, m, GES_WIRE_RELEASE, &w) && !global_on_release(g, m->from, &w))
        ic_reject(g->opt.ic, m, "mode %s is more than the node holds", ges_mode_name(w.mode));
}

static void on_cancel(void *arg, const struct ic_message *m)
{
    struct ges_wire w;
    if (!read_wire(arg, m, GES_WIRE_CANCEL, &w))
        return;
    if (w.type == GES_TX)
        tx_on_cancel(arg, m->from, &w);
    else
        global_on_cancel(arg, m->from, &w);
}

static void on_declare(void *arg, const struct ic_message *m)
{
    struct ges *g = arg;
    struct ges_wire w;
    if (!read_wire(g, m, GES_WIRE_DECLARE, &w))
        return;
    if (w.type == GES_WIRE_DECLARE_END) {
        w.type = GES_WIRE_DECLARE_RECEIVED;
        ges_send_wire(g, m->from, IC_GES_DECLARE, &w);
    } else if (w.type == GES_WIRE_DECLARE_RECEIVED) {
        rt_spin_lock(&g->view_spin);
        g->declared |= UINT64_C(1) << (m->from - 1);
        rt_spin_unlock(&g->view_spin);
    } else if (!global_on_declare(g, m->from, &w)) {
        ic_reject(g->opt.ic, m, "mode %s conflicts with what another node holds", ges_mode_name(w.mode));
    }
}

/* ---- views -------------------------------------------------------------------------------- */

void ges_freeze(struct ges *g) { atomic_store(&g->frozen, true); }

void ges_install(struct ges *g, const struct cluster_view *view)
{
    bool others = false;
    for (uint32_t i = 0; i < view->n; i++)
        others |= view->m[i].node != g->opt.self;
    const bool was = atomic_exchange(&g->clustered, others);
    rt_spin_lock(&g->view_spin);
    g->view = *view;
    g->declared = 0;
    rt_spin_unlock(&g->view_spin);
    atomic_store(&g->epoch, view->epoch);
    global_drop(g);
    tx_install(g);
    if (others && !was)
        local_join_cluster(g);
}

static bool all_have_received(struct ges *g)
{
    rt_spin_lock(&g->view_spin);
    uint64_t all = 0;
    for (uint32_t i = 0; i < g->view.n; i++)
        all |= UINT64_C(1) << (g->view.m[i].node - 1);
    const bool yes = (g->declared & all) == all;
    rt_spin_unlock(&g->view_spin);
    return yes;
}

/* To this node's own master's side too, through the interconnect's queue like all others. Done when every member has all of it. */
enum err ges_declare(struct ges *g, struct diag *d)
{
    if (!atomic_load(&g->clustered))
        return ERR_OK;
    local_declare(g);
    const struct ges_wire end = { .epoch = atomic_load(&g->epoch), .type = GES_WIRE_DECLARE_END };
    rt_spin_lock(&g->view_spin);
    const struct cluster_view v = g->view;
    rt_spin_unlock(&g->view_spin);
    for (uint32_t i = 0; i < v.n; i++)
        ges_send_wire(g, v.m[i].node, IC_GES_DECLARE, &end);
    for (const uint64_t until = rt_now() + DECLARE_WAIT; !all_have_received(g);) {
        if (rt_cancel_pending())
            return diag_set(d, ERR_CANCELED, "another change of the membership has begun");
        if (rt_now() >= until)
            return diag_set(d, ERR_TIMED_OUT, "not every member has received this node's locks");
        ges_flush_outbox(g);
        rt_sleep(OUTBOX_PERIOD);
    }
    return ERR_OK;
}

void ges_open_view(struct ges *g)
{
    tx_open(g);
    atomic_store(&g->frozen, false);
    if (atomic_load(&g->clustered))
        global_open(g);
    else
        local_own_all(g);
    local_ask_again(g);
}

void ges_set_txn_hooks(struct ges *g, const struct ges_txn_hooks *h)
{
    g->have_hooks = h != NULL;
    if (h != NULL)
        g->hooks = *h;
}

/* ---- service: outbox, deadlock searches ---------------------------------------------------- */

static void service(void *arg)
{
    struct ges *g = arg;
    for (;;) {
        rt_mutex_lock(&g->service_mutex);
        if (!g->closing)
            (void)rt_cond_wait(&g->service_cond, &g->service_mutex, rt_now() + (atomic_load(&g->noutbox) > 0 ? OUTBOX_PERIOD : SERVICE_PERIOD), false);
        const bool closing = g->closing;
        rt_mutex_unlock(&g->service_mutex);
        if (closing)
            return;
        if (atomic_load(&g->noutbox) > 0)
            ges_flush_outbox(g);
        if (!atomic_load(&g->frozen))
            search_round(g);
    }
}

/* ---- open and close -------------------------------------------------------------------------- */

static void *shards(size_t bytes)
{
    void *p = aligned_alloc(64, ALIGN_UP(bytes, 64));
    if (p == NULL)
        panic("out of memory: lock tables");
    memset(p, 0, bytes);
    return p;
}

enum err ges_open(const struct ges_options *opt, struct ges **ret, struct diag *d)
{
    struct ges *g = shards(sizeof(*g));
    g->opt = *opt;
    g->next_owner = 1;
    g->local = shards(SHARDS * sizeof(*g->local));
    g->master = shards(SHARDS * sizeof(*g->master));
    for (uint32_t i = 0; i < SHARDS; i++)
        list_init(&g->local[i].idle);
    tx_init(g);
    list_init(&g->waits);
    list_init(&g->outbox);
    search_init(g);
    if (opt->ic != NULL) {
        const uint32_t len = sizeof(struct ges_wire);
        ic_set_handler(opt->ic, IC_GES_REQUEST, len, len, on_request, g);
        ic_set_handler(opt->ic, IC_GES_GRANT, len, len, on_grant, g);
        ic_set_handler(opt->ic, IC_GES_BAST, len, len, on_bast, g);
        ic_set_handler(opt->ic, IC_GES_RELEASE, len, len, on_release, g);
        ic_set_handler(opt->ic, IC_GES_CANCEL, len, len, on_cancel, g);
        ic_set_handler(opt->ic, IC_GES_DECLARE, len, len, on_declare, g);
    }
    g->service = rt_spawn(&(struct rt_spawn_options){ .name = "enqueues", .worker = RT_WORKER_ANY, .prio = RT_PRIO_HIGH }, service, g);
    if (g->service == NULL) {
        ges_close(g);
        return diag_set(d, ERR_RESOURCES, "no fiber for the enqueue service");
    }
    *ret = g;
    return ERR_OK;
}

void ges_close(struct ges *g)
{
    if (g->service != NULL) {
        rt_mutex_lock(&g->service_mutex);
        g->closing = true;
        rt_cond_broadcast(&g->service_cond);
        rt_mutex_unlock(&g->service_mutex);
        rt_join(g->service);
    }
    local_fini(g);
    global_drop(g);
    tx_fini(g);
    search_fini(g);
    for (struct list *l; (l = list_pop_front(&g->outbox)) != NULL;)
        free(LIST_ENTRY(l, struct out_message, link));
    free(g->local);
    free(g->master);
    free(g);
}

void ges_stats(const struct ges *g, struct ges_stats *ret)
{
    *ret = (struct ges_stats){ 0 };
    for (unsigned i = 0; i < COUNTER_LANES; i++) {
#define X(name, unit, text) ret->name += atomic_load_explicit(&g->stats[i].name, memory_order_relaxed);
        GES_STATS(X)
#undef X
    }
}
