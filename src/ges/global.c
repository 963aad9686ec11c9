/*
 * The resources that this node is the master of: events to core/master, its messages to the nodes.
 */
#include "ges/ges_int.h"

static struct mres **bucket_of(struct mshard *s, uint64_t hash) { return &s->bucket[hash / SHARDS % SHARD_BUCKETS]; }

static struct mres *find(struct mshard *s, const struct ges_resource *r, uint64_t hash, bool make)
{
    for (struct mres *m = *bucket_of(s, hash); m != NULL; m = m->next) {
        if (ges_same(&m->res, r))
            return m;
    }
    if (!make)
        return NULL;
    struct mres *m = xcalloc(1, sizeof(*m));
    m->res = *r;
    gm_init(&m->gm);
    m->next = *bucket_of(s, hash);
    *bucket_of(s, hash) = m;
    return m;
}

static void drop(struct mshard *s, struct mres *m, uint64_t hash)
{
    struct mres **at = bucket_of(s, hash);
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    gm_fini(&m->gm);
    free(m);
}

static void send_output(struct ges *g, const struct mres *m, const struct gm_output *out)
{
    for (unsigned i = 0; i < out->n; i++) {
        const struct gm_message *o = &out->m[i];
        const struct ges_wire w = { .epoch = atomic_load(&g->epoch), .id1 = m->res.id1, .id2 = m->res.id2, .grant_no = o->grant_no,
                                    .type = (uint8_t)m->res.type, .mode = (uint8_t)o->mode };
        ges_send_wire(g, o->node, o->kind == GM_GRANT ? IC_GES_GRANT : IC_GES_BAST, &w);
    }
}

/* False: the event makes no sense. */
static bool step(struct ges *g, const struct ges_wire *w, const struct gm_event *ev)
{
    const struct ges_resource r = { w->type, w->id1, w->id2 };
    const uint64_t hash = ges_hash(&r);
    struct mshard *s = &g->master[hash % SHARDS];
    struct gm_output out = { .n = 0 };
    rt_spin_lock(&s->spin);
    struct mres *m = find(s, &r, hash, ev->kind == GM_REQUEST || ev->kind == GM_DECLARE);
    if (m != NULL) {
        gm_step(&m->gm, ev, &out);
        send_output(g, m, &out);
        if (gm_idle(&m->gm))
            drop(s, m, hash);
    }
    rt_spin_unlock(&s->spin);
    return !out.nonsense;
}

void global_on_request(struct ges *g, node_no from, const struct ges_wire *w)
{
    (void)step(g, w, &(struct gm_event){ .kind = GM_REQUEST, .node = from, .mode = w->mode });
}

void global_on_cancel(struct ges *g, node_no from, const struct ges_wire *w)
{
    (void)step(g, w, &(struct gm_event){ .kind = GM_CANCEL, .node = from });
}

bool global_on_release(struct ges *g, node_no from, const struct ges_wire *w)
{
    return step(g, w, &(struct gm_event){ .kind = GM_RELEASE, .node = from, .mode = w->mode, .grant_no = w->grant_no });
}

bool global_on_declare(struct ges *g, node_no from, const struct ges_wire *w)
{
    return step(g, w, &(struct gm_event){ .kind = GM_DECLARE, .node = from, .mode = w->mode, .want = w->want, .grant_no = w->grant_no });
}

static void each(struct ges *g, void (*fn)(struct ges *g, struct mres *m))
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct mshard *s = &g->master[i];
        rt_spin_lock(&s->spin);
        for (uint32_t b = 0; b < SHARD_BUCKETS; b++) {
            for (struct mres *m = s->bucket[b]; m != NULL; m = m->next)
                fn(g, m);
        }
        rt_spin_unlock(&s->spin);
    }
}

static void open_one(struct ges *g, struct mres *m)
{
    struct gm_output out;
    gm_step(&m->gm, &(struct gm_event){ .kind = GM_OPEN }, &out);
    send_output(g, m, &out);
}

void global_open(struct ges *g) { each(g, open_one); }

void global_drop(struct ges *g)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct mshard *s = &g->master[i];
        rt_spin_lock(&s->spin);
        for (uint32_t b = 0; b < SHARD_BUCKETS; b++) {
            for (struct mres *m; (m = s->bucket[b]) != NULL;) {
                s->bucket[b] = m->next;
                gm_fini(&m->gm);
                free(m);
            }
        }
        rt_spin_unlock(&s->spin);
    }
}

unsigned global_queue(struct ges *g, const struct ges_resource *r, node_no *ret, unsigned max)
{
    const uint64_t hash = ges_hash(r);
    struct mshard *s = &g->master[hash % SHARDS];
    rt_spin_lock(&s->spin);
    const struct mres *m = find(s, r, hash, false);
    const unsigned n = m != NULL ? gm_queue(&m->gm, ret, max) : 0;
    rt_spin_unlock(&s->spin);
    return n;
}
