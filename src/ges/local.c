/*
 * This node's locks. A lock that the node's cached mode covers, and that no other owner here is in the way of, is granted without a message.
 */
#include "ges/ges_int.h"

#define INDEX_FROM 16u /* holds of an owner that are found by a map */
#define AT_ONCE RT_MS(250)
#define ROW_TURNS 8u

/* ---- look-up: under the shard's spin ----------------------------------------------------- */

static struct lshard *shard_of(struct ges *g, uint64_t hash) { return &g->local[hash % SHARDS]; }
static struct lres **bucket_of(struct lshard *s, uint64_t hash) { return &s->bucket[hash / SHARDS % SHARD_BUCKETS]; }

static struct lres *find_res(struct lshard *s, const struct ges_resource *r, uint64_t hash)
{
    for (struct lres *l = *bucket_of(s, hash); l != NULL; l = l->next) {
        if (l->hash == hash && ges_same(&l->res, r))
            return l;
    }
    return NULL;
}

static struct lres *make_res(struct ges *g, struct lshard *s, const struct ges_resource *r, uint64_t hash)
{
    struct lres *l = find_res(s, r, hash);
    if (l != NULL) {
        if (list_linked(&l->lru)) {
            list_remove(&l->lru);
            s->nidle--;
        }
        return l;
    }
    l = s->free_res;
    if (l != NULL)
        s->free_res = l->next;
    else
        l = xmalloc(sizeof(*l));
    *l = (struct lres){ .res = *r, .hash = hash, .cached = atomic_load(&g->clustered) ? GES_MODE_NL : GES_MODE_EX };
    lq_init(&l->q);
    l->next = *bucket_of(s, hash);
    *bucket_of(s, hash) = l;
    return l;
}

static void drop_res(struct lshard *s, struct lres *l)
{
    struct lres **at = bucket_of(s, l->hash);
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    l->next = s->free_res;
    s->free_res = l;
}

/* ---- towards the master -------------------------------------------------------------------- */

static void tell_master(struct ges *g, struct lres *l, enum ic_kind kind, enum ges_mode mode)
{
    const struct ges_wire w = { .epoch = atomic_load(&g->epoch), .id1 = l->res.id1, .id2 = l->res.id2, .grant_no = l->grant_no,
                                .type = (uint8_t)l->res.type, .mode = (uint8_t)mode };
    ges_send_wire(g, ges_master_of(g, &l->res), kind, &w);
}

/* Asks for what is needed beside what is held; what is merely cached and would be in the way of that is given back. */
static void ask(struct ges *g, struct lres *l, enum ges_mode need)
{
    const enum ges_mode held = lq_held(&l->q), want = ges_sup(held, need);
    if (atomic_load(&g->frozen) || (l->asked != GES_MODE_NL && ges_covers(l->asked, want)))
        return; /* asked after the freeze; or asked already */
    if (!ges_covers(want, l->cached)) {
        l->cached = (uint8_t)held;
        tell_master(g, l, IC_GES_RELEASE, held);
    }
    l->asked = (uint8_t)ges_sup(want, l->asked);
    GES_COUNT(g, remote, 1);
    tell_master(g, l, IC_GES_REQUEST, l->asked);
}

/* Gives back what another node wants, once nobody here needs it. */
static void give_way(struct ges *g, struct lres *l)
{
    if (l->blocks == GES_MODE_NL || atomic_load(&g->frozen))
        return;
    const enum ges_mode held = lq_held(&l->q);
    if (!ges_compatible(held, l->blocks))
        return;
    if (!ges_compatible(l->cached, l->blocks)) {
        l->cached = (uint8_t)held;
        tell_master(g, l, IC_GES_RELEASE, held);
    }
    l->blocks = GES_MODE_NL;
}

/*
 * How many of this node's waiters go first though another node waits, too. The row's block is here: it would travel with each turn.
 */
static uint32_t turns_of(const struct lres *l) { return l->res.type == GES_RQ ? ROW_TURNS : 0; }

static void granted(void *arg, struct lq_entry *e)
{
    struct hold *h = CONTAINER_OF(e, struct hold, e);
    if (h->res->blocks != GES_MODE_NL && h->res->turns < UINT8_MAX)
        h->res->turns++;
    wait_wake(arg, h->o, 0); /* nothing where it does not wait: granted within ges_lock() */
}

/* Grants what can be granted, gives way, asks for what is missing; which it returns. */
static enum ges_mode run(struct ges *g, struct lres *l)
{
    for (;;) {
        const struct lq_limits limits = { .cap = l->cached, .hold_new = l->blocks != GES_MODE_NL && l->turns >= turns_of(l), .against = l->blocks };
        const enum ges_mode need = lq_run(&l->q, limits, granted, g);
        const uint8_t before = l->blocks;
        give_way(g, l);
        if (need != GES_MODE_NL)
            ask(g, l, need);
        if (before == l->blocks)
            return need;
    }
}

static void evict(struct ges *g, struct lshard *s)
{
    while (s->nidle > g->opt.cache_max / SHARDS + 1) {
        struct lres *l = LIST_ENTRY(list_pop_front(&s->idle), struct lres, lru);
        s->nidle--;
        if (atomic_load(&g->clustered) && l->cached != GES_MODE_NL)
            tell_master(g, l, IC_GES_RELEASE, GES_MODE_NL);
        drop_res(s, l);
    }
}

/* Nobody here holds or wants it: it stays as long as it caches something and there is room. */
static void maybe_idle(struct ges *g, struct lshard *s, struct lres *l)
{
    if (!lq_empty(&l->q) || l->asked != GES_MODE_NL || l->blocks != GES_MODE_NL || list_linked(&l->lru))
        return;
    if (l->cached == GES_MODE_NL) {
        drop_res(s, l);
        return;
    }
    list_push_back(&s->idle, &l->lru);
    s->nidle++;
    if (!atomic_load(&g->frozen))
        evict(g, s);
}

static void settle(struct ges *g, struct lshard *s, struct lres *l)
{
    const enum ges_mode need = run(g, l);
    const enum ges_mode want = need == GES_MODE_NL ? need : ges_sup(lq_held(&l->q), need);
    if (l->asked != GES_MODE_NL && l->asked != want && !atomic_load(&g->frozen)) {
        l->asked = GES_MODE_NL; /* whoever wanted that much has given up; a grant on its way is kept all the same */
        tell_master(g, l, IC_GES_CANCEL, GES_MODE_NL);
        (void)run(g, l);
    }
    maybe_idle(g, s, l);
}

/* ---- an owner's holds ------------------------------------------------------------------------- */

static struct hold *find_hold(const struct ges_owner *o, const struct ges_resource *r, uint64_t hash)
{
    if (o->index != NULL) {
        for (struct hold *h = u64map_get(o->index, hash); h != NULL; h = h->next) {
            if (ges_same(&h->res->res, r))
                return h;
        }
        return NULL;
    }
    for (uint32_t i = o->nlog; i > 0; i--) {
        struct hold *h = o->log[i - 1].h;
        if (h->res->hash == hash && ges_same(&h->res->res, r))
            return h;
    }
    return NULL;
}

static void index_add(struct ges_owner *o, struct hold *h)
{
    h->next = u64map_put(o->index, h->res->hash, h);
}

static void index_remove(struct ges_owner *o, struct hold *h)
{
    struct hold *first = u64map_del(o->index, h->res->hash);
    struct hold **at = &first;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    if (first != NULL)
        (void)u64map_put(o->index, h->res->hash, first);
}

static void add_hold(struct ges_owner *o, struct hold *h)
{
    o->nholds++;
    if (o->index != NULL) {
        index_add(o, h);
    } else if (o->nholds > INDEX_FROM) {
        o->index = u64map_new(4 * INDEX_FROM);
        for (uint32_t i = 0; i < o->nlog; i++) {
            if (o->log[i].h->last == i)
                index_add(o, o->log[i].h);
        }
        index_add(o, h);
    }
}

/* Notes a lock in the owner's log; several in a row of one mode, with no savepoint between, share an entry. */
static void note_lock(struct ges_owner *o, struct hold *h, enum ges_mode mode)
{
    const uint64_t seq = o->seq++;
    if (h->refs > 0) {
        struct log_entry *e = &o->log[h->last];
        if (e->mode == mode && e->seq >= o->last_mark) {
            e->count++;
            return;
        }
    }
    if (o->nlog == o->log_cap) {
        o->log_cap = MAX(8u, 2 * o->log_cap);
        o->log = xrealloc(o->log, o->log_cap * sizeof(*o->log));
    }
    h->refs++;
    h->last = o->nlog;
    o->log[o->nlog++] = (struct log_entry){ h, (uint8_t)mode, 1, seq };
}

/* ---- locking -------------------------------------------------------------------------------------- */

static struct hold *new_hold(struct lshard *s, struct ges_owner *o, struct lres *l)
{
    struct hold *h = s->free_holds;
    if (h != NULL)
        s->free_holds = h->next;
    else
        h = xmalloc(sizeof(*h));
    *h = (struct hold){ .res = l, .o = o };
    return h;
}

static void free_hold(struct lshard *s, struct hold *h)
{
    h->next = s->free_holds;
    s->free_holds = h;
}

static enum err lock_timed_out(struct diag *d)
{
    return diag_set(d, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
}

/* Under the shard's spin. True: granted. */
static bool ask_for(struct ges *g, struct lres *l, struct hold *h, enum ges_mode want)
{
    lq_ask(&l->q, &h->e, want);
    (void)run(g, l);
    return h->e.where == LQ_GRANTED;
}

/* What was asked for is given up, also where it has been granted meanwhile: the owner's log does not know of it. */
static void give_up(struct lres *l, struct hold *h, bool is_new, enum ges_mode before)
{
    if (is_new)
        lq_remove(&l->q, &h->e);
    else
        lq_cancel(&l->q, &h->e);
    if (!is_new && h->e.mode != before)
        lq_lower(&l->q, &h->e, before);
}

/* Waits; on failure what was asked for is given up, and a hold that holds nothing else is freed. */
static enum err wait_for_grant(struct ges *g, struct lshard *s, struct hold *h, bool is_new, enum ges_mode before, uint64_t deadline,
                               struct diag *d)
{
    enum err err = wait_run(h->o, deadline, d);
    if (err == ERR_OK)
        return ERR_OK;
    rt_spin_lock(&s->spin);
    struct lres *l = h->res;
    if (err == ERR_TIMED_OUT && h->e.where == LQ_GRANTED) {
        err = ERR_OK; /* at the last moment */
    } else {
        give_up(l, h, is_new, before);
        settle(g, s, l);
        if (is_new)
            free_hold(s, h);
    }
    rt_spin_unlock(&s->spin);
    return err == ERR_TIMED_OUT ? lock_timed_out(d) : err;
}

enum err ges_lock(struct ges_owner *o, struct ges_resource res, enum ges_mode mode, uint64_t deadline, struct diag *d)
{
    struct ges *g = o->g;
    const uint64_t hash = ges_hash(&res);
    struct lshard *s = shard_of(g, hash);
    GES_COUNT(g, locks, 1);
    struct hold *h = find_hold(o, &res, hash);
    if (h != NULL && ges_covers(h->e.mode, mode)) {
        note_lock(o, h, mode);
        GES_COUNT(g, cached, 1);
        return ERR_OK;
    }

    rt_spin_lock(&s->spin);
    struct lres *l = h != NULL ? h->res : make_res(g, s, &res, hash);
    const bool is_new = h == NULL;
    if (is_new)
        h = new_hold(s, o, l);
    const enum ges_mode before = h->e.mode, want = ges_sup(before, mode);
    const bool covered = ges_covers(l->cached, want);
    const bool at_once = ask_for(g, l, h, want);
    if (!at_once && deadline == 0 && covered && l->blocks == GES_MODE_NL) { /* owners of this node are in the way */
        lq_cancel(&l->q, &h->e);
        settle(g, s, l);
        if (is_new)
            free_hold(s, h);
        rt_spin_unlock(&s->spin);
        return lock_timed_out(d);
    }
    if (!at_once)
        wait_begin(o, WAIT_LOCK, h, XID_NONE, want);
    rt_spin_unlock(&s->spin);

    if (at_once) {
        GES_COUNT(g, cached, 1);
    } else {
        const enum err err = wait_for_grant(g, s, h, is_new, before, deadline == 0 ? rt_now() + AT_ONCE : deadline, d);
        if (err)
            return err;
    }
    if (is_new)
        add_hold(o, h);
    note_lock(o, h, mode);
    return ERR_OK;
}

/* ---- unlocking --------------------------------------------------------------------------------------- */

/* What the owner's log still asks for on this resource. */
static enum ges_mode mode_left(const struct ges_owner *o, const struct hold *h, uint32_t *ret_last)
{
    enum ges_mode mode = GES_MODE_NL;
    for (uint32_t i = 0; i < o->nlog; i++) {
        if (o->log[i].h == h) {
            mode = ges_sup(mode, o->log[i].mode);
            *ret_last = i;
        }
    }
    return mode;
}

static void lower(struct ges_owner *o, struct hold *h)
{
    struct ges *g = o->g;
    struct lshard *s = shard_of(g, h->res->hash);
    const enum ges_mode mode = h->refs == 0 ? GES_MODE_NL : mode_left(o, h, &h->last);
    if (h->refs == 0) {
        o->nholds--;
        if (o->index != NULL)
            index_remove(o, h);
    }
    rt_spin_lock(&s->spin);
    struct lres *l = h->res;
    if (mode != h->e.mode) {
        lq_lower(&l->q, &h->e, mode);
        settle(g, s, l);
    }
    if (h->refs == 0)
        free_hold(s, h);
    rt_spin_unlock(&s->spin);
}

static void remove_entry(struct ges_owner *o, uint32_t i)
{
    struct hold *h = o->log[i].h;
    o->nlog--;
    for (uint32_t j = i; j < o->nlog; j++) { /* from the middle: only ges_unlock() */
        if (o->log[j + 1].h->last == j + 1)
            o->log[j + 1].h->last = j;
        o->log[j] = o->log[j + 1];
    }
    h->refs--;
    lower(o, h);
}

void ges_unlock(struct ges_owner *o, struct ges_resource res, enum ges_mode mode)
{
    for (uint32_t i = o->nlog; i > 0; i--) {
        struct log_entry *e = &o->log[i - 1];
        if (e->mode != mode || !ges_same(&e->h->res->res, &res))
            continue;
        if (--e->count == 0)
            remove_entry(o, i - 1);
        return;
    }
    panic("%s unlocks what it has not locked", o->name);
}

void ges_unlock_since(struct ges_owner *o, uint64_t mark)
{
    while (o->nlog > 0 && o->log[o->nlog - 1].seq >= mark)
        remove_entry(o, o->nlog - 1);
}

void ges_unlock_all(struct ges_owner *o)
{
    /* holds whose last entry goes are released without looking at the rest of the log */
    while (o->nlog > 0) {
        struct hold *h = o->log[--o->nlog].h;
        if (--h->refs == 0)
            lower(o, h);
    }
}

/* ---- from the master ------------------------------------------------------------------------------------ */

void local_granted(struct ges *g, const struct ges_resource *r, enum ges_mode mode, uint64_t grant_no)
{
    const uint64_t hash = ges_hash(r);
    struct lshard *s = shard_of(g, hash);
    rt_spin_lock(&s->spin);
    struct lres *l = make_res(g, s, r, hash);
    l->cached = (uint8_t)mode;
    l->grant_no = grant_no;
    if (ges_covers(mode, l->asked))
        l->asked = GES_MODE_NL;
    l->blocks = GES_MODE_NL; /* said again where it is still true */
    (void)run(g, l);
    maybe_idle(g, s, l);
    rt_spin_unlock(&s->spin);
}

void local_blocks(struct ges *g, const struct ges_resource *r, enum ges_mode want, uint64_t grant_no)
{
    const uint64_t hash = ges_hash(r);
    struct lshard *s = shard_of(g, hash);
    rt_spin_lock(&s->spin);
    struct lres *l = find_res(s, r, hash);
    GES_COUNT(g, basts, 1);
    if (l != NULL && l->grant_no == grant_no && l->cached != GES_MODE_NL) {
        if (list_linked(&l->lru)) {
            list_remove(&l->lru);
            s->nidle--;
        }
        if (l->blocks == GES_MODE_NL)
            l->turns = 0;
        l->blocks = (uint8_t)want;
        (void)run(g, l);
        maybe_idle(g, s, l);
    } /* else: a release that crossed it has said so already */
    rt_spin_unlock(&s->spin);
}

/* ---- views ------------------------------------------------------------------------------------------------- */

static void each_res(struct ges *g, void (*fn)(struct ges *g, struct lshard *s, struct lres *l))
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct lshard *s = &g->local[i];
        rt_spin_lock(&s->spin);
        for (uint32_t b = 0; b < SHARD_BUCKETS; b++) {
            for (struct lres *l = s->bucket[b], *next; l != NULL; l = next) {
                next = l->next;
                fn(g, s, l);
            }
        }
        rt_spin_unlock(&s->spin);
    }
}

/* What it would ask for now. */
static enum ges_mode wanted(const struct lres *l)
{
    const struct list *first = !list_empty(&l->q.converting) ? l->q.converting.next : !list_empty(&l->q.waiting) ? l->q.waiting.next : NULL;
    if (first == NULL)
        return GES_MODE_NL;
    const enum ges_mode want = LIST_ENTRY(first, struct lq_entry, link)->want;
    return ges_covers(l->cached, want) ? GES_MODE_NL : ges_sup(lq_held(&l->q), want);
}

/* What the new master has to know; revocations that were under way are void: it says again what is in its way. */
static void declare_one(struct ges *g, struct lshard *s, struct lres *l)
{
    l->blocks = GES_MODE_NL;
    l->grant_no = 1;
    l->asked = (uint8_t)wanted(l);
    if (l->asked != GES_MODE_NL && !ges_covers(l->asked, l->cached))
        l->cached = (uint8_t)lq_held(&l->q);
    if (l->cached == GES_MODE_NL && l->asked == GES_MODE_NL)
        return;
    const struct ges_wire w = { .epoch = atomic_load(&g->epoch), .id1 = l->res.id1, .id2 = l->res.id2, .grant_no = l->grant_no,
                                .type = (uint8_t)l->res.type, .mode = l->cached, .want = l->asked };
    ges_send_wire(g, ges_master_of(g, &l->res), IC_GES_DECLARE, &w);
}

static void only_what_is_held(struct ges *g, struct lshard *s, struct lres *l)
{
    l->cached = (uint8_t)lq_held(&l->q);
}

static void own(struct ges *g, struct lshard *s, struct lres *l)
{
    l->cached = GES_MODE_EX;
    l->asked = l->blocks = GES_MODE_NL;
}

static void ask_again(struct ges *g, struct lshard *s, struct lres *l)
{
    (void)run(g, l);
}

void local_own_all(struct ges *g) { each_res(g, own); }
void local_declare(struct ges *g) { each_res(g, declare_one); }
void local_join_cluster(struct ges *g) { each_res(g, only_what_is_held); }
void local_ask_again(struct ges *g) { each_res(g, ask_again); }

static void free_one(struct ges *g, struct lshard *s, struct lres *l)
{
    if (list_linked(&l->lru))
        list_remove(&l->lru);
    drop_res(s, l);
}

void local_fini(struct ges *g)
{
    each_res(g, free_one);
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct lshard *s = &g->local[i];
        for (struct lres *l; (l = s->free_res) != NULL;) {
            s->free_res = l->next;
            free(l);
        }
        for (struct hold *h; (h = s->free_holds) != NULL;) {
            s->free_holds = h->next;
            free(h);
        }
    }
}
