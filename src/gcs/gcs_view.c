/*
 * A change of view (models/gcs_crash.pml): freeze - masters begin nothing new;
 * install - everything in transit is void, masters forget, holders forget what
 * they were asked and keep what they hold; declare - all tell the new masters
 * what they hold, past images compared with the disk; open - masters make the
 * newest past image current where nobody owns the block, then serve. Declaring ends on a node only when it has
 * heard all members to the end, so nobody opens before every master knows all.
 */
#include <stdlib.h>

#include "gcs/gcs_int.h"

#define DECLARE_BATCH 400u
#define DECLARE_TIMEOUT_NS RT_SEC(60)

struct declare_header {
    epoch_t epoch;
    uint32_t n; /* struct gcs_msg that follow */
    uint32_t last; /* 1: that was all */
};

static void freeze(void *arg, epoch_t next)
{
    struct gcs *g = arg;
    for (uint32_t i = 0; i < g->nshards; i++) {
        struct gcs_shard *s = &g->shards[i];
        rt_spin_lock(&s->latch);
        s->frozen = true;
        rt_spin_unlock(&s->latch);
    }
}

/* ---- install -------------------------------------------------------------------- */

static void forget_transit(void *arg, struct dba dba, struct gcs_holder *h)
{
    gcs_holder_view(h);
}

static void forget_masters(struct gcs *g, struct gcs_shard *s)
{
    size_t pos = 0;
    uint64_t key;
    for (void *m; u64map_next(s->masters, &pos, &key, &m);) {
        gcs_master_fini(m);
        free(m);
        atomic_fetch_sub_explicit(&g->stat_masters, 1, memory_order_relaxed);
    }
    u64map_free(s->masters);
    s->masters = u64map_new(64);
    memset(s->idle, 0, sizeof(s->idle));
}

static void install(void *arg, const struct cluster_view *view, const struct cluster_view *old)
{
    struct gcs *g = arg;
    rt_spin_lock(&g->view_latch);
    g->view_epoch = view->epoch;
    g->declared = g->members = 0;
    for (uint32_t i = 0; i < view->n; i++)
        g->members |= UINT64_C(1) << (view->m[i].node - 1);
    rt_spin_unlock(&g->view_latch);

    for (uint32_t i = 0; i < g->nshards; i++) {
        struct gcs_shard *s = &g->shards[i];
        rt_spin_lock(&s->latch);
        s->epoch = view->epoch;
        s->open = s->frozen = false;
        s->next_gno = view->epoch << 40 | 1; /* R14: numbers rise over views */
        s->notices = 0; /* what is not held is not declared */
        forget_masters(g, s);
        if (s->attached)
            g->cache.each(g->cache.arg, i, forget_transit, g);
        rt_spin_unlock(&s->latch);
    }
}

/* ---- declare ---------------------------------------------------------------------- */

struct declaration {
    node_no master;
    struct gcs_msg msg;
};

struct pis_on_disk;

struct declarations {
    struct gcs *g;
    const struct pis_on_disk *pis; /* of the shard at hand */
    struct declaration *v;
    size_t n, cap;
    epoch_t epoch;
};

/* A past image of this node's, whose block somebody else may own, and what the disk shows. */
struct pi_on_disk {
    struct dba dba;
    scn_t disk;
};

struct pis_on_disk {
    struct pi_on_disk *v;
    size_t n, cap;
};

static void find_pi(void *arg, struct dba dba, struct gcs_holder *h)
{
    struct pis_on_disk *all = arg;
    if (!gcs_holder_needs_disk(h))
        return;
    if (all->n == all->cap) {
        all->cap = MAX(all->cap * 2, 64u);
        all->v = xrealloc(all->v, all->cap * sizeof(*all->v));
    }
    all->v[all->n++] = (struct pi_on_disk){ .dba = dba };
}

/* Unreadable: version 0, and the past image takes the block's place. */
static void look_at_disk(struct gcs *g, struct pis_on_disk *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct diag d;
        if (g->cache.disk_version(g->cache.arg, all->v[i].dba, &all->v[i].disk, &d) != ERR_OK) {
            log_diag(g->opt.log, LOG_WARNING, &d, "a block that cannot be read has a past image");
            all->v[i].disk = 0;
        }
    }
}

static scn_t disk_of(const struct declarations *all, struct dba dba)
{
    for (size_t i = 0; i < all->pis->n; i++)
        if (dba_eq(all->pis->v[i].dba, dba))
            return all->pis->v[i].disk;
    return 0;
}

static void declaration_add(struct declarations *all, node_no master, struct dba dba, const struct gcs_msg *msg)
{
    if (all->n == all->cap) {
        all->cap = MAX(all->cap * 2, 1024u);
        all->v = xrealloc(all->v, all->cap * sizeof(*all->v));
    }
    struct declaration *x = &all->v[all->n++];
    *x = (struct declaration){ .master = master, .msg = *msg };
    x->msg.dba = dba;
    x->msg.epoch = all->epoch;
}

static void collect(void *arg, struct dba dba, struct gcs_holder *h)
{
    struct declarations *all = arg;
    struct gcs *g = all->g;
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    out.n = 0;
    gcs_holder_declare(h, &me, gcs_holder_needs_disk(h) ? disk_of(all, dba) : 0, &out);
    for (uint32_t i = 0; i < out.n; i++) {
        if (out.act[i].kind == GCS_SEND)
            declaration_add(all, out.act[i].to, dba, &out.act[i].msg);
        else
            g->cache.duty(g->cache.arg, h, &out.act[i], NULL);
    }
}

/* What this node holds of a shard. Nothing of it changes until the view opens, but that pins and writes go on. */
static void collect_shard(struct declarations *all, uint32_t i)
{
    struct gcs *g = all->g;
    struct gcs_shard *s = &g->shards[i];
    struct pis_on_disk pis = { 0 };
    rt_mutex_lock(&g->cache_mutex); /* the cache does not go while the latch is let go of */
    rt_spin_lock(&s->latch);
    const bool attached = s->attached;
    if (attached)
        g->cache.each(g->cache.arg, i, find_pi, &pis);
    rt_spin_unlock(&s->latch);
    if (attached) {
        look_at_disk(g, &pis);
        all->pis = &pis;
        rt_spin_lock(&s->latch);
        g->cache.each(g->cache.arg, i, collect, all);
        rt_spin_unlock(&s->latch);
    }
    rt_mutex_unlock(&g->cache_mutex);
    free(pis.v);
}

static void take_declaration(struct gcs *g, const struct gcs_msg *m, node_no from)
{
    struct gcs_shard *s = gcs__shard(g, m->dba);
    rt_spin_lock(&s->latch);
    if (m->epoch == s->epoch)
        gcs__receive(g, s, m, from, NULL);
    else
        GCS_COUNT(g, stale);
    rt_spin_unlock(&s->latch);
}

static void take_last(struct gcs *g, epoch_t epoch, node_no from)
{
    rt_spin_lock(&g->view_latch);
    if (epoch == g->view_epoch)
        g->declared |= UINT64_C(1) << (from - 1);
    rt_spin_unlock(&g->view_latch);
}

static void on_declare(void *arg, const struct ic_message *in)
{
    struct gcs *g = arg;
    struct declare_header h;
    memcpy(&h, in->payload, sizeof(h));
    if (h.n > DECLARE_BATCH || in->len != sizeof(h) + h.n * sizeof(struct gcs_msg) || h.last > 1) {
        ic_reject(g->opt.ic, in, "its length does not fit its count");
        return;
    }
    for (uint32_t i = 0; i < h.n; i++) {
        struct gcs_msg m;
        memcpy(&m, in->payload + sizeof(h) + i * sizeof(m), sizeof(m));
        const char *fault = m.type == GCS_T_DECLARE ? gcs_msg_fault(&m, in->from, g->opt.self, false) : "not a declaration";
        if (fault == NULL)
            take_declaration(g, &m, in->from);
        else
            ic_reject(g->opt.ic, in, "%s", fault);
    }
    if (h.last != 0)
        take_last(g, h.epoch, in->from);
}

void gcs__set_declare_handler(struct gcs *g)
{
    const uint32_t len_max = sizeof(struct declare_header) + DECLARE_BATCH * sizeof(struct gcs_msg);
    ic_set_handler(g->opt.ic, IC_GCS_DECLARE, sizeof(struct declare_header), len_max, on_declare, g);
}

static enum err declare_canceled(struct diag *d) { return diag_set(d, ERR_CANCELED, "another change of the membership has begun"); }

static enum err send_patiently(struct gcs *g, node_no to, const struct declare_header *h, const struct gcs_msg *v, uint64_t deadline, struct diag *d)
{
    const struct ic_part parts[] = { { h, sizeof(*h) }, { v, sizeof(*v) * h->n } };
    for (;;) {
        const enum err err = ic_send(g->opt.ic, to, IC_GCS_DECLARE, 0, parts, h->n > 0 ? 2 : 1);
        if (err == ERR_OK)
            return ERR_OK;
        if (rt_cancel_pending())
            return declare_canceled(d);
        if (rt_now() > deadline)
            return diag_set(d, err, "the declaration of cached blocks to node %u was not sent for %u s", to, (unsigned)(DECLARE_TIMEOUT_NS / RT_SEC(1)));
        rt_sleep(RT_MS(1));
    }
}

static enum err declare_to(struct gcs *g, node_no to, const struct declarations *all, uint64_t deadline, struct diag *d)
{
    struct gcs_msg *batch = xmalloc(sizeof(*batch) * DECLARE_BATCH);
    struct declare_header h = { .epoch = all->epoch };
    enum err err = ERR_OK;
    for (size_t i = 0; i < all->n && !err; i++) {
        if (all->v[i].master != to)
            continue;
        batch[h.n++] = all->v[i].msg;
        if (h.n == DECLARE_BATCH) {
            err = send_patiently(g, to, &h, batch, deadline, d);
            h.n = 0;
        }
    }
    h.last = 1;
    if (!err)
        err = send_patiently(g, to, &h, batch, deadline, d);
    free(batch);
    return err;
}

static bool all_have_declared(struct gcs *g)
{
    rt_spin_lock(&g->view_latch);
    const bool all = (g->declared & g->members) == g->members;
    rt_spin_unlock(&g->view_latch);
    return all;
}

static enum err declare_all(struct gcs *g, const struct declarations *all, const struct cluster_view *view, struct diag *d)
{
    const uint64_t deadline = rt_now() + DECLARE_TIMEOUT_NS;
    for (uint32_t i = 0; i < view->n; i++) {
        const node_no to = view->m[i].node;
        enum err err = to == g->opt.self ? ERR_OK : declare_to(g, to, all, deadline, d);
        if (err)
            return err;
    }
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].master == g->opt.self)
            take_declaration(g, &all->v[i].msg, g->opt.self);
    take_last(g, view->epoch, g->opt.self);

    while (!all_have_declared(g)) {
        if (rt_cancel_pending())
            return declare_canceled(d);
        if (rt_now() > deadline)
            return diag_set(d, ERR_TIMED_OUT, "not all members have declared their cached blocks within %u s", (unsigned)(DECLARE_TIMEOUT_NS / RT_SEC(1)));
        rt_sleep(RT_US(200));
    }
    return ERR_OK;
}

static enum err declare(void *arg, const struct cluster_view *view, struct diag *d)
{
    struct gcs *g = arg;
    struct declarations all = { .g = g, .epoch = view->epoch };
    for (uint32_t i = 0; i < g->nshards; i++) {
        collect_shard(&all, i);
        rt_yield_if_due();
    }
    enum err err = declare_all(g, &all, view, d);
    free(all.v);
    return err;
}

/* ---- open --------------------------------------------------------------------------- */

static void open_master(struct gcs *g, struct gcs_shard *s, struct dba dba)
{
    struct gcs_master *m = u64map_get(s->masters, dba.v);
    if (m == NULL)
        return;
    const struct gcs_master_env env = gcs__env(g, s);
    struct gcs_out out;
    out.n = 0;
    gcs_master_open(m, &env, &out);
    for (uint32_t i = 0; i < out.n; i++)
        if (out.act[i].msg.type == GCS_T_PROMOTE)
            GCS_COUNT(g, promoted);
    gcs__carry_out(g, s, dba, &out); /* its holder here settles when it has asked again: each request is sent once */
}

/* Those declared, and those that requests of members already open have made meanwhile. */
static void open_masters(struct gcs *g, struct gcs_shard *s)
{
    size_t n = 0, pos = 0;
    uint64_t key;
    uint64_t *keys = xmalloc(sizeof(*keys) * (u64map_count(s->masters) + 1));
    for (void *m; u64map_next(s->masters, &pos, &key, &m);)
        keys[n++] = key;
    for (size_t i = 0; i < n; i++)
        open_master(g, s, (struct dba){ keys[i] });
    free(keys);
}

static void ask_again(void *arg, struct dba dba, struct gcs_holder *h)
{
    struct gcs *g = arg;
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    out.n = 0;
    gcs_holder_ask_again(h, &me, &out);
    gcs__carry_out(g, gcs__shard(g, dba), dba, &out);
    g->cache.settle(g->cache.arg, h);
}

static void open_shard(struct gcs *g, uint32_t i)
{
    struct gcs_shard *s = &g->shards[i];
    rt_spin_lock(&s->latch);
    s->open = true;
    open_masters(g, s);
    if (s->attached)
        g->cache.each(g->cache.arg, i, ask_again, g);
    rt_spin_unlock(&s->latch);
}

static void open_view(void *arg, const struct cluster_view *view)
{
    struct gcs *g = arg;
    for (uint32_t i = 0; i < g->nshards; i++) {
        open_shard(g, i);
        rt_yield_if_due();
    }
}

struct cluster_listener gcs_listener(struct gcs *g)
{
    return (struct cluster_listener){ .arg = g, .freeze = freeze, .install = install, .declare = declare, .open = open_view };
}
