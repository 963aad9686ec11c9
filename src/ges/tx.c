/*
 * Waits for the end of transactions, registered where the transaction lives. Nobody waits: its end costs one load.
 */
#include "ges/ges_int.h"

static struct tshard *shard_of(struct ges *g, struct xid x) { return &g->tx[hash_u64(x.v) % SHARDS]; }
static struct list *bucket_of(struct tshard *s, struct xid x) { return &s->bucket[hash_u64(x.v) / SHARDS % ARRAY_LEN(s->bucket)]; }

void tx_init(struct ges *g)
{
    g->tx = aligned_alloc(64, SHARDS * sizeof(*g->tx));
    if (g->tx == NULL)
        panic("out of memory: waits for transactions");
    memset((void *)g->tx, 0, SHARDS * sizeof(*g->tx));
    for (uint32_t i = 0; i < SHARDS; i++) {
        for (unsigned b = 0; b < ARRAY_LEN(g->tx[i].bucket); b++)
            list_init(&g->tx[i].bucket[b]);
    }
}

static bool is_active(struct ges *g, struct xid x) { return g->have_hooks && g->hooks.is_active(g->hooks.arg, x); }

/* Registers, then looks again (whoever ends the transaction changes its state first and looks at the waiters then). False: it has ended. */
static bool add(struct ges *g, struct tx_wait *w)
{
    struct tshard *s = shard_of(g, w->x);
    rt_spin_lock(&s->spin);
    list_push_back(bucket_of(s, w->x), &w->link);
    atomic_fetch_add(&g->ntx, 1);
    const bool active = is_active(g, w->x);
    if (!active) {
        list_remove(&w->link);
        atomic_fetch_sub(&g->ntx, 1);
    }
    rt_spin_unlock(&s->spin);
    return active;
}

static void remove_wait(struct ges *g, struct tx_wait *w)
{
    struct tshard *s = shard_of(g, w->x);
    rt_spin_lock(&s->spin);
    if (list_linked(&w->link)) {
        list_remove(&w->link);
        atomic_fetch_sub(&g->ntx, 1);
    }
    rt_spin_unlock(&s->spin);
}

static void tell_remote(struct ges *g, node_no node, uint64_t id, struct xid x)
{
    const struct ges_wire w = { .epoch = atomic_load(&g->epoch), .id = id, .id1 = x.v, .type = GES_TX };
    ges_send_wire(g, node, IC_GES_GRANT, &w);
}

void ges_txn_ended(struct ges *g, struct xid x)
{
    if (atomic_load(&g->ntx) == 0)
        return;
    struct tshard *s = shard_of(g, x);
    rt_spin_lock(&s->spin);
    LIST_FOREACH_SAFE(it, bucket_of(s, x))
    {
        struct tx_wait *w = LIST_ENTRY(it, struct tx_wait, link);
        if (!xid_eq(w->x, x))
            continue;
        list_remove(&w->link);
        atomic_fetch_sub(&g->ntx, 1);
        if (w->o != NULL) {
            wait_wake(g, w->o, 0);
        } else {
            tell_remote(g, w->node, w->id, x);
            free(w);
        }
    }
    rt_spin_unlock(&s->spin);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static enum err timed_out(enum err err, struct diag *d)
{
    return err == ERR_TIMED_OUT ? diag_set(d, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout") : err;
}

static enum err wait_here(struct ges_owner *o, struct xid x, uint64_t deadline, struct diag *d)
{
    struct tx_wait w = { .x = x, .o = o };
    wait_begin(o, WAIT_TX, NULL, x, GES_MODE_NL);
    if (!add(o->g, &w)) {
        wait_end(o);
        return ERR_OK;
    }
    const enum err err = wait_run(o, deadline, d);
    remove_wait(o->g, &w);
    return timed_out(err, d);
}

static enum err wait_there(struct ges_owner *o, node_no node, struct xid x, uint64_t deadline, struct diag *d)
{
    struct ges *g = o->g;
    wait_begin(o, WAIT_TX, NULL, x, GES_MODE_NL);
    o->wait_elsewhere = true;
    struct ges_wire w = { .epoch = atomic_load(&g->epoch), .id = o->wait_seq, .id1 = x.v, .type = GES_TX };
    GES_COUNT(g, remote, 1);
    ges_send_wire(g, node, IC_GES_REQUEST, &w);
    const enum err err = wait_run(o, deadline, d);
    if (err)
        ges_send_wire(g, node, IC_GES_CANCEL, &w);
    return timed_out(err, d);
}

enum err ges_wait_txn(struct ges_owner *o, struct xid x, uint64_t deadline, struct diag *d)
{
    struct ges *g = o->g;
    if (!g->have_hooks)
        return ERR_OK;
    const node_no node = g->hooks.node_of_thread(g->hooks.arg, xid_thread(x));
    if (node == 0)
        return ERR_OK; /* nobody runs its thread: the caller looks at its table */
    return node == g->opt.self ? wait_here(o, x, deadline, d) : wait_there(o, node, x, deadline, d);
}

/* ---- messages -------------------------------------------------------------------------------- */

void tx_on_request(struct ges *g, node_no from, const struct ges_wire *w)
{
    struct tx_wait *t = xcalloc(1, sizeof(*t));
    *t = (struct tx_wait){ .x = { w->id1 }, .node = from, .id = w->id };
    if (!add(g, t)) {
        free(t);
        tell_remote(g, from, w->id, (struct xid){ w->id1 });
    }
}

void tx_on_granted(struct ges *g, const struct ges_wire *w)
{
    rt_spin_lock(&g->waits_spin);
    LIST_FOREACH(it, &g->waits)
    {
        struct ges_owner *o = LIST_ENTRY(it, struct ges_owner, wait_link);
        if (o->wait_kind != WAIT_TX || o->wait_seq != w->id || o->wait_x.v != w->id1)
            continue;
        if (!o->woken) {
            o->woken = true;
            rt_future_set(&o->future, 0);
        }
        break;
    }
    rt_spin_unlock(&g->waits_spin);
}

void tx_on_cancel(struct ges *g, node_no from, const struct ges_wire *c)
{
    const struct xid x = { c->id1 };
    struct tshard *s = shard_of(g, x);
    rt_spin_lock(&s->spin);
    LIST_FOREACH_SAFE(it, bucket_of(s, x))
    {
        struct tx_wait *w = LIST_ENTRY(it, struct tx_wait, link);
        if (w->o == NULL && w->node == from && w->id == c->id) {
            list_remove(&w->link);
            atomic_fetch_sub(&g->ntx, 1);
            free(w);
        }
    }
    rt_spin_unlock(&s->spin);
}

/*
 * Messages of the old epoch are void: waiters of other nodes register anew, and this node's, that wait elsewhere, are woken and come again.
 * Dropped at the installation, when no request of the new epoch has been let in yet; woken at the opening, when all have installed it.
 */
void tx_install(struct ges *g)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct tshard *s = &g->tx[i];
        rt_spin_lock(&s->spin);
        for (unsigned b = 0; b < ARRAY_LEN(s->bucket); b++) {
            LIST_FOREACH_SAFE(it, &s->bucket[b])
            {
                struct tx_wait *w = LIST_ENTRY(it, struct tx_wait, link);
                if (w->o != NULL)
                    continue;
                list_remove(&w->link);
                atomic_fetch_sub(&g->ntx, 1);
                free(w);
            }
        }
        rt_spin_unlock(&s->spin);
    }
}

void tx_open(struct ges *g)
{
    rt_spin_lock(&g->waits_spin);
    LIST_FOREACH(it, &g->waits)
    {
        struct ges_owner *o = LIST_ENTRY(it, struct ges_owner, wait_link);
        if (o->wait_kind == WAIT_TX && o->wait_elsewhere && !o->woken) {
            o->woken = true;
            rt_future_set(&o->future, 0);
        }
    }
    rt_spin_unlock(&g->waits_spin);
}

void tx_fini(struct ges *g)
{
    tx_install(g);
    free(g->tx);
}
