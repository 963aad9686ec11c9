/*
 * Deadlock search. A node with a wait that is older than deadlock_timeout tells the lowest node, which asks every member for its waits and
 * looks for cycles. A cycle counts when a second asking, begun after the first had ended, shows it again with the same waits (each has a
 * number): then all of them were there at one moment. The youngest transaction of the cycle is cancelled, if it still waits that same wait.
 */
#include "ges/ges_int.h"

#include <stdio.h>

#define ANSWER_WAIT RT_SEC(2)
#define POLL RT_MS(2)
#define RECS_MAX (64u * 1024)

struct recs {
    struct ges_rec *r;
    uint32_t n, cap;
};

struct search_answer {
    struct list link; /* g->answers */
    node_no node;
    bool last;
    uint32_t n;
    struct ges_rec r[];
};
static struct ges_rec *add(struct recs *s, enum ges_rec_tag tag, node_no node)
{
    if (s->n == s->cap) {
        s->cap = MAX(64u, 2 * s->cap);
        s->r = xrealloc(s->r, s->cap * sizeof(*s->r));
    }
    struct ges_rec *r = &s->r[MIN(s->n, RECS_MAX - 1)];
    s->n = MIN(s->n + 1, RECS_MAX);
    *r = (struct ges_rec){ .tag = tag, .node = node };
    return r;
}

/* ---- gathering ------------------------------------------------------------------------------ */

static void gather_waits(struct ges *g, struct recs *s)
{
    rt_spin_lock(&g->waits_spin);
    LIST_FOREACH(it, &g->waits)
    {
        const struct ges_owner *o = LIST_ENTRY(it, struct ges_owner, wait_link);
        if (o->woken)
            continue;
        struct ges_rec *r = add(s, REC_WAIT, g->opt.self);
        r->owner = o->id;
        r->seq = o->wait_seq;
        r->begun = o->begun;
        r->xid = o->xid.v;
        r->type = o->wait_kind == WAIT_TX ? GES_TX : (uint8_t)o->wait_res.type;
        r->mode = o->wait_mode;
        r->id1 = o->wait_kind == WAIT_TX ? o->wait_x.v : o->wait_res.id1;
        r->id2 = o->wait_kind == WAIT_TX ? 0 : o->wait_res.id2;
    }
    rt_spin_unlock(&g->waits_spin);
}

struct edge_maker {
    struct recs *s;
    const struct u64map *waiting; /* owners that wait */
    node_no self;
    uint64_t from;
    enum ges_mode want;
    const struct lq_entry *ahead; /* last of those in front in a queue: the others are in front of it */
};

static void add_edge(const struct edge_maker *m, uint64_t to, bool soft)
{
    if (u64map_get(m->waiting, to) == NULL)
        return;
    struct ges_rec *r = add(m->s, REC_EDGE, m->self);
    r->owner = m->from;
    r->seq = to;
    r->soft = soft;
}

static void on_blocker(void *arg, const struct lq_entry *by)
{
    struct edge_maker *m = arg;
    const struct hold *h = CONTAINER_OF((struct lq_entry *)by, struct hold, e);
    if (by->where == LQ_WAITING)
        m->ahead = by;
    else
        add_edge(m, h->o->id, ges_compatible(by->mode, m->want));
}

static void edges_of_queue(struct ges *g, struct recs *s, const struct lres *l, const struct list *queue, const struct u64map *waiting)
{
    LIST_FOREACH(it, queue)
    {
        const struct lq_entry *e = LIST_ENTRY(it, struct lq_entry, link);
        struct edge_maker m = { s, waiting, g->opt.self, CONTAINER_OF((struct lq_entry *)e, struct hold, e)->o->id, e->want, NULL };
        const uintptr_t at = (uintptr_t)u64map_get(waiting, m.from);
        if (at == 0)
            continue;
        lq_blockers(&l->q, e, on_blocker, &m);
        if (m.ahead != NULL)
            add_edge(&m, CONTAINER_OF((struct lq_entry *)m.ahead, struct hold, e)->o->id, true);
        if (!ges_covers(l->cached, e->want) || l->blocks != GES_MODE_NL)
            s->r[at - 1].global = 1;
    }
}

/* Who here keeps the node from giving back what another node wants; new requests here wait behind that. */
static void holders_in_the_way(struct ges *g, struct recs *s, const struct lres *l)
{
    const struct list *queues[2] = { &l->q.granted, &l->q.converting };
    for (unsigned i = 0; i < 2; i++) {
        LIST_FOREACH(it, queues[i])
        {
            const struct lq_entry *e = LIST_ENTRY(it, struct lq_entry, link);
            struct ges_rec *r = add(s, REC_HOLDER, g->opt.self);
            r->owner = CONTAINER_OF((struct lq_entry *)e, struct hold, e)->o->id;
            r->type = (uint8_t)l->res.type;
            r->mode = e->mode;
            r->id1 = l->res.id1;
            r->id2 = l->res.id2;
        }
    }
}

static void gather_edges(struct ges *g, struct recs *s, const struct u64map *waiting)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct lshard *sh = &g->local[i];
        rt_spin_lock(&sh->spin);
        for (uint32_t b = 0; b < SHARD_BUCKETS; b++) {
            for (const struct lres *l = sh->bucket[b]; l != NULL; l = l->next) {
                edges_of_queue(g, s, l, &l->q.converting, waiting);
                edges_of_queue(g, s, l, &l->q.waiting, waiting);
                if (l->blocks != GES_MODE_NL)
                    holders_in_the_way(g, s, l);
            }
        }
        rt_spin_unlock(&sh->spin);
    }
}

static void gather_queues(struct ges *g, struct recs *s)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct mshard *sh = &g->master[i];
        rt_spin_lock(&sh->spin);
        for (uint32_t b = 0; b < SHARD_BUCKETS; b++) {
            for (const struct mres *m = sh->bucket[b]; m != NULL; m = m->next) {
                node_no nodes[NODES_MAX];
                const unsigned n = gm_queue(&m->gm, nodes, NODES_MAX);
                for (unsigned k = 0; k < n; k++) {
                    struct ges_rec *r = add(s, REC_QUEUE, nodes[k]);
                    r->type = (uint8_t)m->res.type;
                    r->id1 = m->res.id1;
                    r->id2 = m->res.id2;
                    r->owner = k;
                }
            }
        }
        rt_spin_unlock(&sh->spin);
    }
}

static void gather(struct ges *g, struct recs *s)
{
    gather_waits(g, s);
    struct u64map *waiting = u64map_new(s->n + 1);
    for (uint32_t i = 0; i < s->n; i++)
        u64map_put(waiting, s->r[i].owner, (void *)(uintptr_t)(i + 1));
    if (s->n > 0 || atomic_load(&g->clustered))
        gather_edges(g, s, waiting);
    if (atomic_load(&g->clustered))
        gather_queues(g, s);
    u64map_free(waiting);
}

/* ---- between the nodes -------------------------------------------------------------------------- */

static node_no coordinator(struct ges *g)
{
    rt_spin_lock(&g->view_spin);
    const node_no n = g->view.n > 0 ? g->view.m[0].node : g->opt.self;
    rt_spin_unlock(&g->view_spin);
    return n;
}

static void send_search(struct ges *g, node_no node, enum ges_search_kind kind, uint64_t id, bool last, const struct ges_rec *r, uint32_t n)
{
    uint8_t p[GES_SEARCH_BYTES_MAX];
    const struct ges_search_head h = { .epoch = atomic_load(&g->epoch), .id = id, .kind = kind, .last = last };
    memcpy(p, &h, sizeof(h));
    if (n > 0)
        memcpy(p + sizeof(h), r, n * sizeof(*r));
    ges_send(g, node, IC_GES_WAITS, p, (uint32_t)(sizeof(h) + n * sizeof(*r)));
}

static void answer_question(struct ges *g)
{
    rt_spin_lock(&g->search_spin);
    const node_no node = g->question_node;
    const uint64_t id = g->question_id;
    g->question_node = 0;
    rt_spin_unlock(&g->search_spin);
    if (node == 0)
        return;
    struct recs s = { 0 };
    gather(g, &s);
    uint32_t at = 0;
    do {
        const uint32_t n = MIN(s.n - at, GES_RECS_A_MESSAGE);
        send_search(g, node, SEARCH_ANSWER, id, at + n == s.n, s.n > 0 ? &s.r[at] : NULL, n);
        at += n;
    } while (at < s.n);
    free(s.r);
}

/* search_spin held */
static void keep_answer(struct ges *g, const struct ic_message *m, bool last)
{
    const uint32_t n = ges_search_recs(m->len);
    struct search_answer *a = xmalloc(sizeof(*a) + n * sizeof(struct ges_rec));
    a->node = m->from;
    a->last = last;
    a->n = n;
    memcpy(a->r, m->payload + sizeof(struct ges_search_head), n * sizeof(struct ges_rec));
    list_push_back(&g->answers, &a->link);
    g->answered += n + 1;
}

static void on_waits(void *arg, const struct ic_message *m)
{
    struct ges *g = arg;
    struct ges_search_head h;
    const char *fault = ges_search_fault(m->payload, m->len, m->from);
    if (fault != NULL) {
        ic_reject(g->opt.ic, m, "%s", fault);
        return;
    }
    memcpy(&h, m->payload, sizeof(h));
    if (h.epoch != atomic_load(&g->epoch))
        return;
    if (h.kind == SEARCH_TRIGGER) {
        atomic_store(&g->search_wanted, true);
        return;
    }
    rt_spin_lock(&g->search_spin);
    if (h.kind == SEARCH_ASK) {
        g->question_node = m->from;
        g->question_id = h.id;
    } else if (h.id == g->search_id && g->answered < RECS_MAX) { /* else the search lacks an answer, and judges nothing */
        keep_answer(g, m, h.last != 0);
    }
    rt_spin_unlock(&g->search_spin);
}

struct kill_message {
    uint64_t epoch, owner, wait_seq;
    char detail[400];
};

static void on_kill(void *arg, const struct ic_message *m)
{
    struct kill_message k;
    memcpy(&k, m->payload, sizeof(k));
    k.detail[sizeof(k.detail) - 1] = '\0';
    if (k.epoch == atomic_load(&((struct ges *)arg)->epoch))
        (void)wait_kill(arg, k.owner, k.wait_seq, k.detail);
}

static void drop_answers(struct ges *g)
{
    rt_spin_lock(&g->search_spin);
    for (struct list *l; (l = list_pop_front(&g->answers)) != NULL;)
        free(LIST_ENTRY(l, struct search_answer, link));
    rt_spin_unlock(&g->search_spin);
}

/* Returns the nodes (bits) whose answers are complete. */
static uint64_t take_answers(struct ges *g, struct recs *s)
{
    uint64_t complete = 0;
    rt_spin_lock(&g->search_spin);
    for (struct list *l; (l = list_pop_front(&g->answers)) != NULL;) {
        struct search_answer *a = LIST_ENTRY(l, struct search_answer, link);
        for (uint32_t i = 0; i < a->n; i++)
            *add(s, REC_WAIT, 0) = a->r[i];
        complete |= a->last ? UINT64_C(1) << (a->node - 1) : 0;
        free(a);
    }
    rt_spin_unlock(&g->search_spin);
    return complete;
}

/* False: somebody did not answer; no cycle is judged on part of the waits. */
static bool gather_all(struct ges *g, struct recs *s)
{
    gather(g, s);
    if (!atomic_load(&g->clustered))
        return true;
    struct cluster_view v;
    rt_spin_lock(&g->view_spin);
    v = g->view;
    rt_spin_unlock(&g->view_spin);
    drop_answers(g);
    rt_spin_lock(&g->search_spin);
    const uint64_t id = ++g->search_id;
    g->answered = 0;
    rt_spin_unlock(&g->search_spin);
    uint64_t missing = 0; /* nodes */
    for (uint32_t i = 0; i < v.n; i++) {
        if (v.m[i].node == g->opt.self)
            continue;
        send_search(g, v.m[i].node, SEARCH_ASK, id, true, NULL, 0);
        missing |= UINT64_C(1) << (v.m[i].node - 1);
    }
    const uint64_t until = rt_now() + ANSWER_WAIT;
    while (missing != 0 && rt_now() < until && atomic_load(&g->epoch) == v.epoch && !g->closing) {
        rt_sleep(POLL);
        ges_flush_outbox(g);
        missing &= ~take_answers(g, s);
    }
    return missing == 0;
}

/* ---- cycles ------------------------------------------------------------------------------------------ */

struct cycle {
    uint64_t owner, wait_seq; /* the victim's */
    uint64_t signature; /* of all waits in it */
    char detail[400];
};
struct graph {
    const struct recs *s;
    struct dl_vertex *v;
    const struct ges_rec **wait; /* of each vertex */
    uint32_t nv;
    struct dl_edge *e;
    uint32_t ne, cap;
    bool soft; /* edges to those ahead in queues are looked at, too */
    struct u64map *by_owner, *by_xid; /* vertex + 1 */
};

static void edge(struct graph *gr, uint32_t from, uint32_t to, bool soft)
{
    if (gr->ne == gr->cap) {
        gr->cap = MAX(64u, 2 * gr->cap);
        gr->e = xrealloc(gr->e, gr->cap * sizeof(*gr->e));
    }
    gr->e[gr->ne++] = (struct dl_edge){ from, to, soft };
}

static bool same_res(const struct ges_rec *a, const struct ges_rec *b) { return a->type == b->type && a->id1 == b->id1 && a->id2 == b->id2; }

static uint64_t queue_position(const struct recs *s, const struct ges_rec *w, node_no node)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->r[i].tag == REC_QUEUE && s->r[i].node == node && same_res(&s->r[i], w))
            return s->r[i].owner;
    }
    return UINT64_MAX;
}

/* A wait that concerns other nodes: for their holders, and for those who are ahead at the master. */
static void global_edges(struct graph *gr, uint32_t from)
{
    const struct ges_rec *w = gr->wait[from];
    const uint64_t mine = queue_position(gr->s, w, w->node);
    for (uint32_t i = 0; i < gr->s->n; i++) {
        const struct ges_rec *r = &gr->s->r[i];
        if (r->tag == REC_HOLDER && same_res(r, w) && !ges_compatible(r->mode, w->mode)) {
            const uintptr_t to = (uintptr_t)u64map_get(gr->by_owner, r->owner);
            if (to != 0 && to - 1 != from)
                edge(gr, from, (uint32_t)to - 1, false);
        } else if (gr->soft && r->tag == REC_WAIT && r->global && r->node != w->node && same_res(r, w) && queue_position(gr->s, w, r->node) < mine) {
            edge(gr, from, (uint32_t)(uintptr_t)u64map_get(gr->by_owner, r->owner) - 1, true);
        }
    }
}

static void build(struct graph *gr, const struct recs *s, bool soft)
{
    *gr = (struct graph){ .s = s, .soft = soft, .v = xcalloc(s->n + 1, sizeof(*gr->v)), .wait = xcalloc(s->n + 1, sizeof(*gr->wait)),
                          .by_owner = u64map_new(64), .by_xid = u64map_new(64) };
    for (uint32_t i = 0; i < s->n; i++) {
        const struct ges_rec *r = &s->r[i];
        if (r->tag != REC_WAIT)
            continue;
        gr->v[gr->nv] = (struct dl_vertex){ r->owner, r->seq, r->begun };
        gr->wait[gr->nv++] = r;
        u64map_put(gr->by_owner, r->owner, (void *)(uintptr_t)gr->nv);
        if (r->xid != 0)
            u64map_put(gr->by_xid, r->xid, (void *)(uintptr_t)gr->nv);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        const struct ges_rec *r = &s->r[i];
        const bool counts = r->tag == REC_EDGE && (soft || !r->soft);
        const uintptr_t from = counts ? (uintptr_t)u64map_get(gr->by_owner, r->owner) : 0;
        const uintptr_t to = counts ? (uintptr_t)u64map_get(gr->by_owner, r->seq) : 0;
        if (from != 0 && to != 0)
            edge(gr, (uint32_t)from - 1, (uint32_t)to - 1, r->soft);
    }
    for (uint32_t i = 0; i < gr->nv; i++) {
        if (gr->wait[i]->type == GES_TX) {
            const uintptr_t to = (uintptr_t)u64map_get(gr->by_xid, gr->wait[i]->id1);
            if (to != 0)
                edge(gr, i, (uint32_t)to - 1, false);
        } else if (gr->wait[i]->global) {
            global_edges(gr, i);
        }
    }
}

static void free_graph(struct graph *gr)
{
    free(gr->v);
    free(gr->wait);
    free(gr->e);
    u64map_free(gr->by_owner);
    u64map_free(gr->by_xid);
}

static const char *type_name(unsigned type)
{
    static const char *const names[] = {
#define X(name, text) #name,
        GES_TYPES(X)
#undef X
    };
    return type < ARRAY_LEN(names) ? names[type] : "?";
}

static void describe(struct cycle *c, const struct ges_rec *w)
{
    const size_t at = strlen(c->detail);
    char who[48];
    snprintf(who, sizeof(who), "%s %u/%" PRIu64, w->xid != 0 ? "Transaction" : "Session", w->xid != 0 ? xid_thread((struct xid){ w->xid }) : w->node,
             w->xid != 0 ? xid_seq((struct xid){ w->xid }) : w->owner & ((UINT64_C(1) << 56) - 1));
    if (w->type == GES_TX)
        snprintf(c->detail + at, sizeof(c->detail) - at, "%s%s waits for transaction %u/%" PRIu64 ".", at > 0 ? "\n" : "", who,
                 xid_thread((struct xid){ w->id1 }), xid_seq((struct xid){ w->id1 }));
    else
        snprintf(c->detail + at, sizeof(c->detail) - at, "%s%s waits for %s lock (%" PRIu64 ", %" PRIu64 ") in mode %s.", at > 0 ? "\n" : "", who,
                 type_name(w->type), w->id1, w->id2, ges_mode_name(w->mode));
}

static uint32_t cycles_of(const struct recs *s, bool soft, struct cycle **ret)
{
    struct graph gr;
    build(&gr, s, soft);
    uint32_t *victims = xcalloc(gr.nv + 1, sizeof(*victims)), *component = xcalloc(gr.nv + 1, sizeof(*component));
    const uint32_t n = dl_victims(gr.v, gr.nv, gr.e, gr.ne, victims, component);
    *ret = xcalloc(n + 1, sizeof(**ret));
    for (uint32_t i = 0; i < n; i++) {
        struct cycle *c = &(*ret)[i];
        c->owner = gr.v[victims[i]].owner;
        c->wait_seq = gr.v[victims[i]].wait_seq;
        for (uint32_t k = 0; k < gr.nv; k++) {
            if (component[k] != component[victims[i]])
                continue;
            c->signature += hash_u64(hash_u64(gr.v[k].owner) ^ gr.v[k].wait_seq);
            describe(c, gr.wait[k]);
        }
    }
    free(victims);
    free(component);
    free_graph(&gr);
    return n;
}

/*
 * First what holders alone explain: a victim among those who merely queue behind would not help. Then with the order of queues, which
 * can close a cycle too: nobody jumps.
 */
static uint32_t find_cycles(const struct recs *s, struct cycle **ret)
{
    const uint32_t n = cycles_of(s, false, ret);
    if (n > 0)
        return n;
    free(*ret);
    return cycles_of(s, true, ret);
}

static void kill_victim(struct ges *g, const struct cycle *c)
{
    const node_no node = (node_no)(c->owner >> 56);
    GES_COUNT(g, deadlocks, 1);
    log_info(g->opt.log, "deadlock detected: %s", c->detail);
    if (node == g->opt.self) {
        (void)wait_kill(g, c->owner, c->wait_seq, c->detail);
        return;
    }
    struct kill_message k;
    memset(&k, 0, sizeof(k));
    k.epoch = atomic_load(&g->epoch);
    k.owner = c->owner;
    k.wait_seq = c->wait_seq;
    memcpy(k.detail, c->detail, sizeof(k.detail));
    ges_send(g, node, IC_GES_KILL, &k, sizeof(k));
}

static uint32_t look(struct ges *g, struct cycle **ret)
{
    struct recs s = { 0 };
    *ret = NULL;
    const uint32_t n = gather_all(g, &s) ? find_cycles(&s, ret) : 0;
    free(s.r);
    return n;
}

static void search(struct ges *g)
{
    struct cycle *first, *second = NULL;
    GES_COUNT(g, searches, 1);
    const uint32_t n = look(g, &first);
    const uint32_t again = n > 0 ? look(g, &second) : 0;
    for (uint32_t i = 0; i < again; i++) {
        for (uint32_t k = 0; k < n; k++) {
            if (second[i].signature == first[k].signature && second[i].owner == first[k].owner && second[i].wait_seq == first[k].wait_seq)
                kill_victim(g, &second[i]);
        }
    }
    free(first);
    free(second);
}

static bool overdue(struct ges *g)
{
    rt_spin_lock(&g->waits_spin);
    const bool any = !list_empty(&g->waits)
        && rt_now() - LIST_ENTRY(g->waits.next, struct ges_owner, wait_link)->wait_since >= RT_MS(g->opt.deadlock_timeout_ms);
    rt_spin_unlock(&g->waits_spin);
    return any;
}

void search_round(struct ges *g)
{
    answer_question(g);
    if (rt_now() >= g->next_search && overdue(g)) {
        g->next_search = rt_now() + RT_MS(g->opt.deadlock_timeout_ms);
        if (coordinator(g) == g->opt.self)
            atomic_store(&g->search_wanted, true);
        else
            send_search(g, coordinator(g), SEARCH_TRIGGER, 0, true, NULL, 0);
    }
    if (atomic_exchange(&g->search_wanted, false))
        search(g);
}

void search_init(struct ges *g)
{
    list_init(&g->answers);
    if (g->opt.ic != NULL) {
        ic_set_handler(g->opt.ic, IC_GES_WAITS, sizeof(struct ges_search_head), GES_SEARCH_BYTES_MAX, on_waits, g);
        ic_set_handler(g->opt.ic, IC_GES_KILL, sizeof(struct kill_message), sizeof(struct kill_message), on_kill, g);
    }
}

void search_fini(struct ges *g) { drop_answers(g); }
