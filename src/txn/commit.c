/*
 * Commit (R3): pending, committing, durable and acknowledged, published. And what others must hear: broadcasts, the watermark (R4),
 * the end of a transaction for those who wait for it.
 *
 * Commits are published in SCN order, which is log order: so "published up to c" says all, and one watermark does.
 */
#include "txn/txn_int.h"

#include "base/buf.h"
#include "ges/ges.h"
#include "interconnect/interconnect.h"

#define BROADCAST_BYTES (48u * 1024)
#define BROADCAST_HEAD 42u /* batch, thread, recycled_upto, recycled_scn, commits, objects */
#define OBJECTS_MAX 4096u /* in one message */
#define ASK_AGAIN_NS RT_MS(500)

/* What purge needs, moved from the transaction to its entry; before it ends. */
void commit_leave_traces(struct txn *t)
{
    struct tx_slot *s = &t->ts->tt[t->slot];
    s->wanted = t->wanted;
    s->partly = t->partly;
    if (t->nblocks == 0)
        return;
    s->nblocks = t->nblocks;
    rt_spin_lock(&t->spin);
    if (t->blocks == t->blocks_inline) {
        s->blocks = xmalloc(t->nblocks * sizeof(*s->blocks));
        memcpy(s->blocks, t->blocks, t->nblocks * sizeof(*s->blocks));
    } else {
        s->blocks = t->blocks;
        t->blocks = t->blocks_inline;
        t->blocks_cap = TXN_BLOCKS_INLINE;
    }
    t->nblocks = 0;
    rt_spin_unlock(&t->spin);
}

/* ---- a commit, up to its record -------------------------------------------------------- */

static void on_scn(void *arg, scn_t c)
{
    struct txn *t = arg;
    struct txn_sys *ts = t->ts;
    t->commit_scn = c;
    rt_spin_lock(&ts->commit_spin);
    if (list_empty(&ts->commits))
        atomic_store(&ts->first_waiting, c);
    list_push_back(&ts->commits, &t->link);
    rt_spin_unlock(&ts->commit_spin);
    if (!MUTATED("R3"))
        atomic_store_explicit(&ts->tt[t->slot].word, TX_WORD(TX_COMMITTING, c), memory_order_release);
}

static enum err log_commit(struct txn *t, lsn_t *ret_end, struct diag *d)
{
    struct txn_sys *ts = t->ts;
    struct mtr m;
    mtr_begin(&m, ts->opt.bc, t->xid);
    m.urgent = true;
    enum err err = mtr_reserve(&m, TT_PAYLOAD_MAX + 64, d);
    if (err)
        return err;
    struct pin *tt;
    uint8_t p[TT_PAYLOAD_MAX];
    const uint32_t len = tt_make_commit(p, tt_slot_index(&ts->geo, t->slot), xid_seq(t->xid));
    err = tt_pin_entry(ts, &m, &ts->geo, t->slot, &tt, d);
    if (!err)
        err = mtr_change(&m, tt, REDO_TT_COMMIT, &(struct mtr_part){ p, len }, 1, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    atomic_fetch_add(&ts->in_flight, 1);
    atomic_store_explicit(&ts->tt[t->slot].word, TX_WORD(TX_PENDING, 0), memory_order_seq_cst); /* before the SCN is taken */
    mtr_on_scn(&m, REDO_COMMIT, on_scn, t);
    mtr_commit(&m, ret_end);
    return ERR_OK;
}

enum err commit_run(struct txn *t, struct diag *d)
{
    struct txn_sys *ts = t->ts;
    lsn_t end;
    rt_future_init(&t->published);
    t->commit_end = 0;
    t->batch = 0;
    commit_leave_traces(t);
    const enum err err = log_commit(t, &end, d);
    if (err)
        return err;
    if (MUTATED("R3")) /* visible, and answered, when the record is in the log's buffer */
        atomic_store(&ts->tt[t->slot].word, TX_WORD(TX_COMMITTED, t->commit_scn));
    atomic_store_explicit(&t->commit_end, end, memory_order_release);
    if (ts->abandoned || redo_durable(ts->opt.redo) >= end)
        commit_publish(ts);
    else
        redo_flush_start(ts->opt.redo, end);
    int64_t outcome = 0;
    if (rt_future_wait(&t->published, RT_FOREVER, false, &outcome) != ERR_OK || outcome != 0)
        return diag_set(d, ERR_TXN_UNKNOWN, "the node left the cluster while it waited for the other nodes to acknowledge the commit");
    return ERR_OK;
}

/* ---- publishing ---------------------------------------------------------------------------- */

/* Every member's clock is past c; and, where objects were changed, it has forgotten their definitions. */
static bool acknowledged(struct txn_sys *ts, const struct txn *t)
{
    if (atomic_load(&ts->alone) || MUTATED("R3_acks"))
        return true;
    for (node_no n = 1; n <= NODES_MAX; n++) {
        const struct peer *p = &ts->peer[n];
        if (!p->member || n == ts->opt.self)
            continue;
        if (atomic_load(&p->scn) < t->commit_scn)
            return false;
        if (t->nobjects > 0 && (t->batch == 0 || p->acked_batch < t->batch))
            return false;
    }
    return true;
}

static bool publishable(struct txn_sys *ts, const struct txn *t, lsn_t durable)
{
    const lsn_t end = atomic_load_explicit(&t->commit_end, memory_order_acquire);
    return end != 0 && (end <= durable || MUTATED("R3")) && acknowledged(ts, t);
}

static void ring_push(struct txn_sys *ts, uint32_t slot)
{
    assert(ts->ring_count < ts->entries);
    ts->ring[(ts->ring_first + ts->ring_count++) % ts->entries] = slot;
}

static void wake_waiters(struct txn_sys *ts)
{
    LIST_FOREACH_SAFE(it, &ts->waiters)
    {
        struct end_waiter *w = LIST_ENTRY(it, struct end_waiter, link);
        const struct fate f = tt_fate(ts, w->x);
        if (f.kind == FATE_BUSY || (f.kind == FATE_ACTIVE && !w->committed_only))
            continue;
        list_remove(&w->link);
        atomic_fetch_sub(&ts->nwaiters, 1);
        rt_future_set(&w->done, 0);
    }
}

static void answer_deferred(struct txn_sys *ts)
{
    LIST_FOREACH_SAFE(it, &ts->deferred)
    {
        struct deferred_ask *a = LIST_ENTRY(it, struct deferred_ask, link);
        const struct peer *p = &ts->peer[a->from];
        const bool there = p->member && p->incarnation == a->incarnation;
        if (there && !status_answer(ts, a->from, a->payload, a->len))
            continue;
        list_remove(&a->link);
        ts->ndeferred--;
        free(a);
    }
}

static void publish_one(struct txn_sys *ts, struct txn *t)
{
    atomic_store_explicit(&ts->tt[t->slot].txn, NULL, memory_order_relaxed);
    atomic_store_explicit(&ts->tt[t->slot].word, TX_WORD(TX_COMMITTED, t->commit_scn), memory_order_release);
    ring_push(ts, t->slot);
    atomic_store(&ts->published, t->commit_scn);
    atomic_fetch_sub(&ts->in_flight, 1);
}

/* Not under the spin, which redo_append() takes: waking is a system call at times. */
static void answer(struct list *done, int64_t outcome)
{
    for (struct list *l; (l = list_pop_front(done)) != NULL;)
        rt_future_set(&LIST_ENTRY(l, struct txn, link)->published, outcome); /* the transaction is its fiber's from here on */
}

void commit_publish(struct txn_sys *ts)
{
    const lsn_t durable = redo_durable(ts->opt.redo);
    struct list done;
    list_init(&done);
    rt_spin_lock(&ts->commit_spin);
    const bool abandoned = ts->abandoned;
    while (!list_empty(&ts->commits)) {
        struct txn *t = LIST_ENTRY(ts->commits.next, struct txn, link);
        if (!abandoned && !publishable(ts, t, durable))
            break;
        list_remove(&t->link);
        list_push_back(&done, &t->link);
        if (!abandoned) /* else its state stays COMMITTING: nobody may answer for it any more */
            publish_one(ts, t);
    }
    atomic_store(&ts->first_waiting, list_empty(&ts->commits) ? SCN_MAX : LIST_ENTRY(ts->commits.next, struct txn, link)->commit_scn);
    if (!abandoned && !list_empty(&done)) {
        wake_waiters(ts);
        answer_deferred(ts);
    }
    rt_spin_unlock(&ts->commit_spin);
    answer(&done, abandoned ? 1 : 0);
}

void txn_abandon_commits(struct txn_sys *ts)
{
    rt_spin_lock(&ts->commit_spin);
    ts->abandoned = true;
    rt_spin_unlock(&ts->commit_spin);
    commit_publish(ts);
}

/* R4. The clock is read first: a commit at or below it began, and was counted, before. */
scn_t txn_watermark(struct txn_sys *ts)
{
    const scn_t now = scn_now(ts->opt.scn);
    const scn_t published = atomic_load(&ts->published);
    return atomic_load(&ts->in_flight) == 0 ? now : published;
}

void commit_ended(struct txn_sys *ts, uint32_t slot)
{
    rt_spin_lock(&ts->commit_spin);
    ring_push(ts, slot);
    wake_waiters(ts);
    answer_deferred(ts);
    rt_spin_unlock(&ts->commit_spin);
}

bool commit_wait_end(struct txn_sys *ts, struct xid x, bool committed_only, uint64_t deadline, enum err *ret)
{
    struct end_waiter w = { .x = x, .committed_only = committed_only };
    rt_future_init(&w.done);
    rt_spin_lock(&ts->commit_spin);
    const struct fate f = tt_fate(ts, x); /* after registration, in effect: whoever ends it needs commit_spin */
    const bool wait = f.kind == FATE_BUSY || (f.kind == FATE_ACTIVE && !committed_only);
    if (wait) {
        list_push_back(&ts->waiters, &w.link);
        atomic_fetch_add(&ts->nwaiters, 1);
    }
    rt_spin_unlock(&ts->commit_spin);
    if (!wait)
        return false;
    *ret = rt_future_wait(&w.done, deadline, true, NULL);
    rt_spin_lock(&ts->commit_spin);
    if (list_linked(&w.link)) {
        list_remove(&w.link);
        atomic_fetch_sub(&ts->nwaiters, 1);
    }
    rt_spin_unlock(&ts->commit_spin);
    return true;
}

/* ---- broadcast ---------------------------------------------------------------------------------- */

static void send_to_members(struct txn_sys *ts, uint32_t len)
{
    for (node_no n = 1; n <= NODES_MAX; n++) {
        if (!ts->peer[n].member || n == ts->opt.self)
            continue;
        if (ic_send(ts->opt.ic, n, IC_TXN_COMMIT, 0, &(struct ic_part){ ts->message, len }, 1) != ERR_OK)
            ts->resend = true; /* with the next housekeeping; unpublished commits are all still listed */
    }
    LANE_COUNT(&ts->lane[ts->nlanes - 1], broadcasts, 1);
}

/* Appends commits from *at on, as many as fit; whole ones. */
static uint32_t fill_message(struct txn_sys *ts, struct list **at, uint64_t batch)
{
    uint32_t ncommits = 0, nobjects = 0, objects_at = BROADCAST_BYTES;
    uint8_t *p = ts->message;
    uint32_t len = BROADCAST_HEAD;
    for (; *at != &ts->commits; *at = (*at)->next) {
        struct txn *t = LIST_ENTRY(*at, struct txn, link);
        const bool all = t->nobjects > OBJECTS_MAX; /* said as object 0 */
        const uint32_t n = all ? 1 : t->nobjects;
        if (len + 16 + 4 * n > objects_at)
            break;
        put_u64le(p + len, t->xid.v);
        put_u64le(p + len + 8, t->commit_scn);
        len += 16;
        ncommits++;
        for (uint32_t i = 0; i < n; i++) {
            objects_at -= 4;
            put_u32le(p + objects_at, all ? 0 : t->objects[i]);
        }
        nobjects += n;
        t->batch = batch;
    }
    memmove(p + len, p + objects_at, 4 * nobjects);
    uint64_t upto;
    scn_t recycled;
    tt_recycled(ts, &upto, &recycled);
    put_u64le(p, batch);
    put_u16le(p + 8, ts->opt.thread);
    put_u64le(p + 10, upto);
    put_u64le(p + 18, recycled);
    put_u64le(p + 26, ncommits);
    put_u64le(p + 34, nobjects);
    return len + 4 * nobjects;
}

static void broadcast_locked(struct txn_sys *ts, bool all)
{
    struct list *at = ts->commits.next;
    while (!all && at != &ts->commits && LIST_ENTRY(at, struct txn, link)->batch != 0)
        at = at->next;
    ts->ask_again_at = rt_now() + ASK_AGAIN_NS;
    while (at != &ts->commits) {
        const uint32_t len = fill_message(ts, &at, ++ts->batch);
        send_to_members(ts, len);
    }
}

/* A member that was still opening its database when it was told of changed objects has not heard. */
static bool waits_for_object_acks(const struct txn_sys *ts)
{
    if (list_empty(&ts->commits) || rt_now() < ts->ask_again_at)
        return false;
    const struct txn *first = LIST_ENTRY(ts->commits.next, struct txn, link);
    return first->nobjects > 0 && first->batch != 0;
}

/* The flush that begins covers records whose on_scn() has run: they are listed. More than those may be: hearing early does no harm. */
static void flush_begins(void *arg, lsn_t upto)
{
    struct txn_sys *ts = arg;
    if (atomic_load(&ts->alone) || atomic_load(&ts->first_waiting) == SCN_MAX)
        return;
    rt_spin_lock(&ts->commit_spin);
    broadcast_locked(ts, false);
    rt_spin_unlock(&ts->commit_spin);
}

static void flushed(void *arg, lsn_t durable)
{
    struct txn_sys *ts = arg;
    if (atomic_load(&ts->first_waiting) != SCN_MAX)
        commit_publish(ts);
}

void commit_housekeeping(struct txn_sys *ts)
{
    rt_spin_lock(&ts->commit_spin);
    answer_deferred(ts); /* those that could not be sent */
    if ((ts->resend || waits_for_object_acks(ts)) && !atomic_load(&ts->alone)) {
        ts->resend = false;
        broadcast_locked(ts, true);
    }
    rt_spin_unlock(&ts->commit_spin);
    commit_publish(ts);
}

static void tell_listener(struct txn_sys *ts, const uint8_t *p, uint64_t n)
{
    uint32_t ids[64];
    for (uint64_t done = 0; done < n && ts->objects != NULL;) {
        const unsigned some = (unsigned)MIN(n - done, ARRAY_LEN(ids));
        memcpy(ids, p + 4 * done, 4 * some);
        ts->objects(ts->objects_arg, ids, some);
        done += some;
    }
}

/* What is wrong with it; NULL: nothing. At least BROADCAST_HEAD bytes. */
static const char *broadcast_fault(const struct ic_message *m)
{
    const uint8_t *p = m->payload;
    const uint16_t thread = get_u16le(p + 8);
    const uint64_t ncommits = get_u64le(p + 26), nobjects = get_u64le(p + 34);
    if (thread == 0 || thread > THREADS_MAX)
        return "no redo thread";
    if (ncommits > m->len / 16 || nobjects > m->len / 4 || BROADCAST_HEAD + 16 * ncommits + 4 * nobjects != m->len)
        return "its length does not fit its counts";
    if (get_u64le(p + 18) > m->scn)
        return "an SCN that its sender has not reached";
    for (uint64_t i = 0; i < ncommits; i++) {
        const uint8_t *e = p + BROADCAST_HEAD + 16 * i;
        if (xid_thread((struct xid){ get_u64le(e) }) != thread)
            return "a transaction of another redo thread";
        if (get_u64le(e + 8) > m->scn)
            return "an SCN that its sender has not reached";
    }
    return NULL;
}

/* R4: under the lock, or a member that leaves just now would leave behind what it has not confirmed. */
static void note_commits(struct txn_sys *ts, const struct ic_message *m)
{
    const uint8_t *p = m->payload;
    const uint16_t thread = get_u16le(p + 8);
    const uint64_t ncommits = get_u64le(p + 26);
    const struct peer *from = &ts->peer[m->from];
    rt_spin_lock(&ts->commit_spin);
    if (from->member && from->incarnation == m->from_incarnation && from->thread == thread) {
        cache_note_recycled(ts, thread, get_u64le(p + 10), get_u64le(p + 18));
        for (uint64_t i = 0; i < ncommits; i++) {
            const uint8_t *e = p + BROADCAST_HEAD + 16 * i;
            cache_put(ts, (struct xid){ get_u64le(e) }, (struct fate){ FATE_HEARD, get_u64le(e + 8) });
        }
    }
    rt_spin_unlock(&ts->commit_spin);
}

/* A commit's definitions are forgotten, then it is acknowledged: by the batch's number, and by the SCN that every frame carries. */
static void on_commit_message(void *arg, const struct ic_message *m)
{
    struct txn_sys *ts = arg;
    const char *fault = broadcast_fault(m);
    if (fault != NULL) {
        ic_reject(ts->opt.ic, m, "%s", fault);
        return;
    }
    const uint8_t *p = m->payload;
    const uint64_t ncommits = get_u64le(p + 26), nobjects = get_u64le(p + 34);
    note_commits(ts, m);
    if (nobjects > 0)
        tell_listener(ts, p + BROADCAST_HEAD + 16 * ncommits, nobjects);
    if (ic_send(ts->opt.ic, m->from, IC_TXN_COMMIT_ACK, 0, &(struct ic_part){ p, 8 }, 1) != ERR_OK)
        log_debug(ts->opt.log, "commit acknowledgement to node %u was refused", m->from); /* the sender asks again with its next view or SCN */
}

static void on_commit_ack(void *arg, const struct ic_message *m)
{
    struct txn_sys *ts = arg;
    const uint64_t batch = get_u64le(m->payload);
    struct peer *p = &ts->peer[m->from];
    rt_spin_lock(&ts->commit_spin);
    const bool sent = batch <= ts->batch;
    if (sent && p->incarnation == m->from_incarnation)
        p->acked_batch = MAX(p->acked_batch, batch);
    rt_spin_unlock(&ts->commit_spin);
    if (!sent) {
        ic_reject(ts->opt.ic, m, "batch %" PRIu64 " has not been sent yet", batch);
        return;
    }
    txn_peer_scn(ts, m->from, m->scn);
    if (atomic_load(&ts->first_waiting) != SCN_MAX)
        commit_publish(ts);
}

void txn_peer_scn(struct txn_sys *ts, node_no node, scn_t scn)
{
    if (node == 0 || node > NODES_MAX)
        return;
    _Atomic scn_t *seen = &ts->peer[node].scn;
    scn_t have = atomic_load_explicit(seen, memory_order_relaxed);
    while (have < scn && !atomic_compare_exchange_weak(seen, &have, scn))
        ;
    const scn_t first = atomic_load(&ts->first_waiting);
    if (have < first && scn >= first)
        commit_publish(ts);
}

void txn_peer_watermark(struct txn_sys *ts, node_no node, scn_t watermark)
{
    const uint16_t thread = node != 0 && node <= NODES_MAX && node != ts->opt.self ? atomic_load(&ts->peer[node].thread) : 0;
    if (thread == 0)
        return;
    _Atomic scn_t *w = &ts->thread[thread].watermark;
    scn_t have = atomic_load_explicit(w, memory_order_relaxed);
    while (have < watermark && !atomic_compare_exchange_weak(w, &have, watermark))
        ;
}

/* ---- views ------------------------------------------------------------------------------------------ */

static const struct cluster_member *member_of(const struct cluster_view *v, node_no n)
{
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->m[i].node == n)
            return &v->m[i];
    }
    return NULL;
}

static void peer_leaves(struct txn_sys *ts, node_no n)
{
    struct peer *p = &ts->peer[n];
    atomic_store(&ts->thread[p->thread].node, 0);
    cache_purge_thread(ts, p->thread);
    p->member = false;
    p->thread = 0;
}

static void peer_joins(struct txn_sys *ts, const struct cluster_member *m)
{
    struct peer *p = &ts->peer[m->node];
    p->member = true;
    p->incarnation = m->incarnation;
    p->thread = m->redo_thread;
    p->acked_batch = ts->batch; /* it has cached no definitions yet */
    atomic_store(&p->scn, 0);
    atomic_store(&p->oldest, 0); /* until it has told: everything is held back */
    if (m->redo_thread != 0 && m->redo_thread <= THREADS_MAX) {
        struct thread_info *ti = &ts->thread[m->redo_thread];
        atomic_store(&ti->node, m->node);
    }
}

void txn_view_changed(struct txn_sys *ts, const struct cluster_view *view)
{
    node_no left[NODES_MAX];
    unsigned nleft = 0, others = 0;
    rt_spin_lock(&ts->commit_spin);
    if (view->epoch < ts->view_epoch) { /* who told of it read it before a newer one came */
        rt_spin_unlock(&ts->commit_spin);
        return;
    }
    ts->view_epoch = view->epoch;
    for (node_no n = 1; n <= NODES_MAX; n++) {
        const struct cluster_member *m = member_of(view, n);
        const struct peer *p = &ts->peer[n];
        if (p->member && (m == NULL || m->incarnation != p->incarnation || m->redo_thread != p->thread)) {
            peer_leaves(ts, n);
            left[nleft++] = n;
        }
        if (m != NULL && !p->member)
            peer_joins(ts, m);
        others += m != NULL && n != ts->opt.self;
    }
    atomic_store(&ts->alone, others == 0);
    ts->resend = true;
    rt_spin_unlock(&ts->commit_spin);
    for (unsigned i = 0; i < nleft; i++)
        status_peer_left(ts, left[i]);
    commit_housekeeping(ts);
}

/* ---- set-up ------------------------------------------------------------------------------------------- */

static bool hook_is_active(void *arg, struct xid x)
{
    struct txn_sys *ts = arg;
    const struct fate f = tt_fate(ts, x);
    return xid_thread(x) == ts->opt.thread && (f.kind == FATE_ACTIVE || f.kind == FATE_BUSY);
}

static node_no hook_node_of_thread(void *arg, uint16_t thread)
{
    struct txn_sys *ts = arg;
    if (thread == ts->opt.thread)
        return ts->opt.self;
    return thread <= THREADS_MAX ? atomic_load(&ts->thread[thread].node) : 0;
}

void commit_init(struct txn_sys *ts)
{
    list_init(&ts->commits);
    list_init(&ts->waiters);
    list_init(&ts->deferred);
    atomic_store(&ts->first_waiting, SCN_MAX);
    atomic_store(&ts->alone, true);
    ts->message = xmalloc(BROADCAST_BYTES);
    redo_on_flush_begin(ts->opt.redo, flush_begins, ts);
    redo_on_flush(ts->opt.redo, flushed, ts);
    if (ts->opt.ic != NULL) {
        ic_set_handler(ts->opt.ic, IC_TXN_COMMIT, BROADCAST_HEAD, BROADCAST_BYTES, on_commit_message, ts);
        ic_set_handler(ts->opt.ic, IC_TXN_COMMIT_ACK, 8, 8, on_commit_ack, ts);
    }
    if (ts->opt.ges != NULL)
        ges_set_txn_hooks(ts->opt.ges, &(struct ges_txn_hooks){ ts, hook_is_active, hook_node_of_thread });
}
