#include "gcs/gcs.h"

#include <stdlib.h>

#include "gcs/gcs_int.h"
#include "grd/grd.h"

#define TEND_NS RT_MS(2) /* between two attempts to send what waits */
#define NOTICES_NS RT_MS(50) /* notices of dropped read copies go out that often at the latest */
#define SELF_QUEUE_MAX 64u

/* NULL: nothing is held or wanted here. A member without a cache (yet, or any more) is a master all the same. */
static struct gcs_holder *holder_find(struct gcs *g, const struct gcs_shard *s, struct dba dba)
{
    return s->attached ? g->cache.find(g->cache.arg, dba) : NULL;
}

/* ---- masters (shard's latch held) --------------------------------------------- */

struct gcs_self gcs__me(const struct gcs *g, struct dba dba)
{
    return (struct gcs_self){ .self = g->opt.self, .master = grd_master(g->opt.grd, grd_hash_block(dba)) };
}

struct gcs_master_env gcs__env(struct gcs *g, struct gcs_shard *s)
{
    return (struct gcs_master_env){ .self = g->opt.self, .open = s->open && !s->frozen, .next_gno = &s->next_gno };
}

struct gcs_master *gcs__master_get(struct gcs *g, struct gcs_shard *s, struct dba dba)
{
    struct gcs_master *m = u64map_get(s->masters, dba.v);
    if (m == NULL) {
        m = xmalloc(sizeof(*m));
        gcs_master_init(m, dba);
        u64map_put(s->masters, dba.v, m);
        GCS_COUNT(g, masters);
    }
    return m;
}

static void master_free(struct gcs *g, struct gcs_shard *s, struct gcs_master *m)
{
    u64map_del(s->masters, m->dba.v);
    gcs_master_fini(m);
    free(m);
    atomic_fetch_sub_explicit(&g->stat_masters, 1, memory_order_relaxed);
}

/* Idle ones are kept for a while: they know the least version that the disk must show. */
void gcs__master_tidy(struct gcs *g, struct gcs_shard *s, struct gcs_master *m)
{
    if (!gcs_master_is_idle(m))
        return;
    if (m->disk == 0) {
        master_free(g, s, m);
        return;
    }
    struct dba *at = &s->idle[s->idle_next++ % GCS_IDLE_MASTERS_MAX];
    struct gcs_master *old = at->v != 0 && !dba_eq(*at, m->dba) ? u64map_get(s->masters, at->v) : NULL;
    if (old != NULL && gcs_master_is_idle(old))
        master_free(g, s, old);
    *at = m->dba;
}

/* ---- carrying duties out --------------------------------------------------------- */

/* Messages of a critical section to this node itself, first in first out. */
struct self_queue {
    struct gcs_msg msg[SELF_QUEUE_MAX];
    uint32_t first, n;
};

static void self_put(struct self_queue *q, const struct gcs_msg *m)
{
    assert(q->n < SELF_QUEUE_MAX);
    q->msg[(q->first + q->n++) % SELF_QUEUE_MAX] = *m;
}

static void send_block(struct gcs *g, struct gcs_holder *h, const struct gcs_act *a, const struct gcs_msg *m)
{
    const uint64_t began = rt_now();
    assert(a->to != g->opt.self);
    const uint8_t *block = g->cache.bytes_lock(g->cache.arg, h);
    gcs__post(g, a->to, m, block);
    g->cache.bytes_unlock(g->cache.arg, h);
    GCS_COUNT(g, blocks_shipped);
    gcs_phase_took(g, GCS_PHASE_build, rt_now() - began);
}

static void do_acts(struct gcs *g, struct gcs_shard *s, struct dba dba, struct gcs_holder *h, const struct gcs_out *out, const uint8_t *block,
                    struct self_queue *q)
{
    for (uint32_t i = 0; i < out->n; i++) {
        const struct gcs_act *a = &out->act[i];
        if (a->kind == GCS_FROM_DISK)
            GCS_COUNT(g, disk_grants);
        if (a->kind != GCS_SEND && a->kind != GCS_SEND_BLOCK) {
            g->cache.duty(g->cache.arg, h, a, block);
            continue;
        }
        struct gcs_msg m = a->msg;
        m.dba = dba;
        m.epoch = s->epoch;
        if (a->kind == GCS_SEND_BLOCK) {
            m.flags |= GCS_F_BLOCK;
            send_block(g, h, a, &m);
        } else if (a->to == g->opt.self) {
            self_put(q, &m);
        } else {
            gcs__post(g, a->to, &m, NULL);
        }
    }
}

/*
 * A peer's nonsense, in most cases. Who asked for a block may then wait until the next view; but no block is damaged. Where a rule can be
 * taken out, tests must notice that it was.
 */
void gcs__reject(struct gcs *g, const struct gcs_msg *m, node_no from, const char *why)
{
    const struct ic_message in = { .kind = gcs__kind(m->type), .from = from, .len = sizeof(*m) };
#ifdef RUSTYDB_MUTATIONS
    panic("node %u: %s from node %u for block %u of file %u: %s", g->opt.self, gcs_type_name(m->type), from, dba_block(m->dba), dba_file(m->dba), why);
#endif
    ic_reject(g->opt.ic, &in, "%s for block %u of file %u: %s", gcs_type_name(m->type), dba_block(m->dba), dba_file(m->dba), why);
}

static bool is_for_master(const struct gcs_msg *m)
{
    switch ((enum gcs_type)m->type) {
    case GCS_T_REQ:
    case GCS_T_INVACK:
    case GCS_T_NOHAVE:
    case GCS_T_DONE:
    case GCS_T_EVICT:
    case GCS_T_EVICT_S:
    case GCS_T_WBDONE:
    case GCS_T_DECLARE:
        return true;
    case GCS_T_WRITE_ASK:
        return m->node != 0; /* the asker; what the master passes on names nobody */
    default:
        return false;
    }
}

static void to_master(struct gcs *g, struct gcs_shard *s, const struct gcs_msg *m, node_no from, struct self_queue *q)
{
    if (gcs__me(g, m->dba).master != g->opt.self)
        return; /* the directory has changed already, the tables will presently */
    struct gcs_master *master = gcs__master_get(g, s, m->dba);
    const struct gcs_master_env env = gcs__env(g, s);
    struct gcs_out out;
    out.n = 0;
    const char *fault = gcs_master_recv(master, &env, m, from, &out);
    if (fault != NULL)
        gcs__reject(g, m, from, fault);
    do_acts(g, s, m->dba, NULL, &out, NULL, q);
    gcs__master_tidy(g, s, master);
}

/* Nothing is known of the block here: what a node without it answers. */
static bool may_lack_holder(enum gcs_type type)
{
    return type == GCS_T_FWD_S || type == GCS_T_FWD_X || type == GCS_T_INVAL || type == GCS_T_PIDROP || type == GCS_T_WRITE_ASK || type == GCS_T_COPY;
}

static void to_holder(struct gcs *g, struct gcs_shard *s, const struct gcs_msg *m, node_no from, const uint8_t *block, struct self_queue *q)
{
    struct gcs_holder nothing = { 0 };
    struct gcs_holder *h = holder_find(g, s, m->dba);
    if (h == NULL && !may_lack_holder(m->type)) {
        gcs__reject(g, m, from, "not asked for");
        return;
    }
    const struct gcs_self me = gcs__me(g, m->dba);
    struct gcs_out out;
    out.n = 0;
    const char *fault = gcs_holder_recv(h != NULL ? h : &nothing, &me, m, from, &out);
    if (fault != NULL)
        gcs__reject(g, m, from, fault);
    do_acts(g, s, m->dba, h, &out, block, q);
}

static void copy_asked(struct gcs *g, struct gcs_shard *s, const struct gcs_msg *m)
{
    if (s->attached)
        g->cache.copy_asked(g->cache.arg, m->dba, m);
    else
        gcs_answer_copy(g, m->dba, m->node, m->held, m->epoch, NULL);
}

static void to_one(struct gcs *g, struct gcs_shard *s, const struct gcs_msg *m, node_no from, const uint8_t *block, struct self_queue *q)
{
    if (m->type == GCS_T_COPY_ASK)
        copy_asked(g, s, m);
    else if (is_for_master(m))
        to_master(g, s, m, from, q);
    else
        to_holder(g, s, m, from, block, q);
}

static void drain_self(struct gcs *g, struct gcs_shard *s, struct self_queue *q)
{
    while (q->n > 0) {
        const struct gcs_msg m = q->msg[q->first];
        q->first = (q->first + 1) % SELF_QUEUE_MAX;
        q->n--;
        to_one(g, s, &m, g->opt.self, NULL, q);
    }
}

void gcs__receive(struct gcs *g, struct gcs_shard *s, const struct gcs_msg *m, node_no from, const uint8_t *block)
{
    struct self_queue q;
    q.first = q.n = 0;
    to_one(g, s, m, from, block, &q);
    drain_self(g, s, &q);
}

static void carry_out(struct gcs *g, struct gcs_shard *s, struct dba dba, struct gcs_holder *h, const struct gcs_out *out)
{
    struct self_queue q;
    q.first = q.n = 0;
    do_acts(g, s, dba, h, out, NULL, &q);
    drain_self(g, s, &q);
}

void gcs__carry_out(struct gcs *g, struct gcs_shard *s, struct dba dba, const struct gcs_out *out)
{
    carry_out(g, s, dba, holder_find(g, s, dba), out);
}

void gcs__settle(struct gcs *g, struct dba dba)
{
    struct gcs_holder *h = holder_find(g, gcs__shard(g, dba), dba);
    if (h != NULL)
        g->cache.settle(g->cache.arg, h);
}

/* ---- for the cache ------------------------------------------------------------------ */

/*
 * Between installing and opening, this node says nothing of its own accord: masters might not have heard its declaration. It does
 * answer: a message of the new view can only come when all have declared.
 */

void gcs_ask(struct gcs *g, struct dba dba, struct gcs_holder *h, enum gcs_want want, bool copy_ok, scn_t s)
{
    struct gcs_shard *shard = gcs__shard(g, dba);
    const uint64_t began = rt_now();
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    out.n = 0;
    gcs_holder_ask(h, &me, want, copy_ok, s, ++shard->next_gno, &out); /* any number that does not repeat */
    GCS_COUNT(g, requests);
    if (me.master == me.self)
        GCS_COUNT(g, local_requests);
    if (shard->open) /* else it is sent on opening */
        carry_out(g, shard, dba, h, &out);
    gcs_phase_took(g, GCS_PHASE_send, rt_now() - began);
}

void gcs_release(struct gcs *g, struct dba dba, struct gcs_holder *h)
{
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    out.n = 0;
    /* Asked already while pins still hold the block back: the flush runs meanwhile. */
    const bool will_ship = (h->rv == GCS_RV_S || h->rv == GCS_RV_X) && h->valid;
    const bool may = !will_ship || g->cache.may_ship(g->cache.arg, h);
    if (!may && gcs_holder_wants_ship(h))
        GCS_COUNT(g, flush_waits);
    gcs_holder_release(h, &me, may, &out);
    if (out.n > 0)
        carry_out(g, gcs__shard(g, dba), dba, h, &out);
}

void gcs__flush_notices(struct gcs *g, struct gcs_shard *s)
{
    for (uint32_t i = 0; i < s->notices && s->open; i++) {
        const struct dba dba = s->notice[i].dba;
        struct gcs_out out;
        out.n = 0;
        gcs_out_send(&out, GCS_SEND, gcs__me(g, dba).master, GCS_T_EVICT_S)->held = s->notice[i].gno;
        gcs__carry_out(g, s, dba, &out);
    }
    s->notices = 0;
}

bool gcs_evict(struct gcs *g, struct dba dba, struct gcs_holder *h)
{
    struct gcs_shard *s = gcs__shard(g, dba);
    if (!s->open || !gcs_holder_may_evict(h))
        return false;
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    uint64_t notice;
    out.n = 0;
    gcs_holder_evict(h, &me, &out, &notice);
    carry_out(g, s, dba, h, &out);
    if (notice != 0) {
        if (s->notices == GCS_NOTICES_MAX)
            gcs__flush_notices(g, s);
        s->notice[s->notices++] = (struct gcs_notice){ dba, notice };
    }
    return true;
}

void gcs_write_end(struct gcs *g, struct dba dba, struct gcs_holder *h)
{
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    out.n = 0;
    gcs_holder_write_end(h, &me, &out);
    struct gcs_shard *s = gcs__shard(g, dba);
    if (s->open) /* else who keeps a past image asks */
        carry_out(g, s, dba, h, &out);
}

void gcs_ask_write(struct gcs *g, struct dba dba, const struct gcs_holder *h)
{
    const struct gcs_self me = gcs__me(g, dba);
    struct gcs_out out;
    out.n = 0;
    struct gcs_msg *m = gcs_out_send(&out, GCS_SEND, me.master, GCS_T_WRITE_ASK);
    m->scn = h->pi;
    m->node = me.self;
    struct gcs_shard *s = gcs__shard(g, dba);
    if (s->open) /* else it is asked again */
        gcs__carry_out(g, s, dba, &out);
}

void gcs_answer_copy(struct gcs *g, struct dba dba, node_no to, uint64_t token, epoch_t epoch, const uint8_t *block)
{
    const struct gcs_shard *s = gcs__shard(g, dba);
    if (epoch != s->epoch)
        return; /* asked anew by now: two answers would be one too many */
    const struct gcs_msg m = { .type = GCS_T_COPY, .flags = block != NULL ? GCS_F_BLOCK : 0, .dba = dba, .epoch = s->epoch, .held = token };
    gcs__post(g, to, &m, block);
    if (block != NULL)
        GCS_COUNT(g, copies_shipped);
}

/* ---- messages --------------------------------------------------------------------------- */

/* NULL, or what is wrong with it. */
static const char *message_fault(const struct gcs *g, const struct ic_message *in, const struct gcs_msg *m)
{
    const bool has_block = in->len == sizeof(*m) + BLOCK_SIZE;
    if (!has_block && in->len != sizeof(*m))
        return "neither with a block nor without";
    const char *fault = gcs_msg_fault(m, in->from, g->opt.self, has_block);
    if (fault != NULL)
        return fault;
    if (gcs__kind(m->type) != in->kind)
        return "another type than the kind of message says";
    if (m->type == GCS_T_COPY_ASK && m->scn > in->scn) /* or anybody's garbage would raise the clock */
        return "a reader at an SCN that no node has reached";
    return NULL;
}

static void on_message(void *arg, const struct ic_message *in)
{
    struct gcs *g = arg;
    const uint64_t began = rt_now();
    struct gcs_msg m;
    memcpy(&m, in->payload, sizeof(m));
    const char *fault = message_fault(g, in, &m);
    if (fault != NULL) {
        ic_reject(g->opt.ic, in, "%s", fault);
        return;
    }
    const uint8_t *block = m.flags & GCS_F_BLOCK ? in->payload + sizeof(m) : NULL;
    struct gcs_shard *s = gcs__shard(g, m.dba);
    rt_spin_lock(&s->latch);
    if (gcs_msg_is_void(&m, s->epoch) || m.epoch > s->epoch) {
        GCS_COUNT(g, stale);
    } else if (block != NULL && s->attached && !g->cache.fits(g->cache.arg, &m, block)) {
        gcs__reject(g, &m, in->from, "the bytes are not those of that block");
    } else {
        gcs__receive(g, s, &m, in->from, block);
        gcs__settle(g, m.dba);
    }
    rt_spin_unlock(&s->latch);
    if (m.flags & GCS_F_BLOCK)
        gcs_phase_took(g, GCS_PHASE_receive, rt_now() - began);
}

/* ---- the tender: what nobody waits for ------------------------------------------------------ */

static void flush_all_notices(struct gcs *g)
{
    for (uint32_t i = 0; i < g->nshards; i++) {
        struct gcs_shard *s = &g->shards[i];
        rt_spin_lock(&s->latch);
        if (s->notices > 0)
            gcs__flush_notices(g, s);
        rt_spin_unlock(&s->latch);
    }
}

/* Sleeps until notices are due, or until something has begun to wait for room in a send queue. */
static void tender_fiber(void *arg)
{
    struct gcs *g = arg;
    uint64_t notices_at = rt_now() + NOTICES_NS;
    while (!atomic_load(&g->stopping)) {
        void *token;
        if (gcs__backlog_drain(g))
            rt_sleep(TEND_NS);
        else
            (void)rt_channel_recv(g->tend, &token, notices_at);
        if (rt_now() >= notices_at) {
            flush_all_notices(g);
            notices_at = rt_now() + NOTICES_NS;
        }
    }
}

/* ---- open, close, statistics -------------------------------------------------------------------- */

static void set_handlers(struct gcs *g)
{
    static const enum ic_kind kinds[] = { IC_GCS_REQUEST,     IC_GCS_FORWARD,  IC_GCS_INVALIDATE, IC_GCS_INVALIDATED, IC_GCS_SHIP,
                                          IC_GCS_GRANT,       IC_GCS_CLEAR,    IC_GCS_DONE,       IC_GCS_NOT_HELD,    IC_GCS_RELEASE,
                                          IC_GCS_WRITTEN,     IC_GCS_PI_DROP,  IC_GCS_WRITE_ASK,  IC_GCS_COPY_ASK,    IC_GCS_COPY };
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        ic_set_handler(g->opt.ic, kinds[i], sizeof(struct gcs_msg), sizeof(struct gcs_msg) + BLOCK_SIZE, on_message, g);
    gcs__set_declare_handler(g);
}

enum err gcs_open(const struct gcs_options *opt, struct gcs **ret, struct diag *d)
{
    struct gcs *g = xcalloc(1, sizeof(*g));
    g->opt = *opt;
    g->nshards = opt->shards > 0 ? opt->shards : 256;
    if ((g->nshards & (g->nshards - 1)) != 0) {
        free(g);
        return diag_set(d, ERR_CONFIG_LIMIT, "%u shards of the global cache: not a power of two", opt->shards);
    }
    g->shards = rt_alloc_aligned(sizeof(*g->shards) * g->nshards);
    memset(g->shards, 0, sizeof(*g->shards) * g->nshards);
    for (uint32_t i = 0; i < g->nshards; i++)
        g->shards[i].masters = u64map_new(64);
    for (unsigned n = 0; n <= NODES_MAX; n++)
        list_init(&g->backlog[n].list);
    g->tend = rt_channel_new(1);
    const struct rt_spawn_options so = { .name = "gcs tender", .worker = RT_WORKER_ANY, .prio = RT_PRIO_HIGH };
    g->tender = rt_spawn(&so, tender_fiber, g);
    if (g->tender == NULL) {
        rt_channel_free(g->tend);
        rt_free_aligned(g->shards, sizeof(*g->shards) * g->nshards);
        free(g);
        return diag_set(d, ERR_RESOURCES, "no fiber for the global cache");
    }
    set_handlers(g); /* last: messages of other members may come at once */
    *ret = g;
    return ERR_OK;
}

void gcs_stop(struct gcs *g)
{
    atomic_store(&g->stopping, true);
    gcs__tend(g);
    if (g->tender != NULL)
        rt_join(g->tender);
    g->tender = NULL;
}

void gcs_close(struct gcs *g)
{
    if (g == NULL)
        return;
    gcs_stop(g);
    for (uint32_t i = 0; i < g->nshards; i++) {
        struct gcs_shard *s = &g->shards[i];
        size_t pos = 0;
        uint64_t key;
        for (void *m; u64map_next(s->masters, &pos, &key, &m);) {
            gcs_master_fini(m);
            free(m);
        }
        u64map_free(s->masters);
    }
    gcs__backlog_free(g);
    rt_channel_free(g->tend);
    rt_free_aligned(g->shards, sizeof(*g->shards) * g->nshards);
    free(g);
}

static void set_attached(struct gcs *g, bool attached)
{
    for (uint32_t i = 0; i < g->nshards; i++) {
        rt_spin_lock(&g->shards[i].latch);
        g->shards[i].attached = attached;
        rt_spin_unlock(&g->shards[i].latch);
    }
}

void gcs_attach(struct gcs *g, const struct gcs_cache *cache)
{
    g->cache = *cache;
    set_attached(g, true);
}

void gcs_detach(struct gcs *g)
{
    rt_mutex_lock(&g->cache_mutex);
    set_attached(g, false);
    rt_mutex_unlock(&g->cache_mutex);
}

uint32_t gcs_shards(const struct gcs *g)
{
    return g->nshards;
}

struct rt_spin *gcs_shard_latch(struct gcs *g, uint32_t shard)
{
    return &g->shards[shard].latch;
}

void gcs_phase_took(struct gcs *g, enum gcs_phase phase, uint64_t ns)
{
    struct gcs_phase_counters *c = &g->phase[phase];
    const unsigned log2 = 64 - (unsigned)__builtin_clzll(ns | 1);
    const unsigned bucket = log2 <= 7 ? 0 : MIN(log2 - 7, GCS_HISTOGRAM_BUCKETS - 1);
    atomic_fetch_add_explicit(&c->sum_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->bucket[bucket], 1, memory_order_relaxed);
}

void gcs_stats(const struct gcs *g, struct gcs_stats *ret)
{
    *ret = (struct gcs_stats){ 0 };
#define X(name, unit, text) ret->name = atomic_load_explicit(&g->stat_##name, memory_order_relaxed);
    GCS_STATS(X)
#undef X
    for (unsigned p = 0; p < GCS_PHASE_COUNT; p++) {
        ret->phase[p].sum_ns = atomic_load_explicit(&g->phase[p].sum_ns, memory_order_relaxed);
        for (unsigned i = 0; i < GCS_HISTOGRAM_BUCKETS; i++) {
            ret->phase[p].bucket[i] = atomic_load_explicit(&g->phase[p].bucket[i], memory_order_relaxed);
            ret->phase[p].count += ret->phase[p].bucket[i];
        }
    }
}
