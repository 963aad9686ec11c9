/*
 * "Did T commit, for a reader at s?" From the own table, from the commit cache, or by asking T's node, which raises its clock to s first (R2).
 */
#include "txn/txn_int.h"

#include "base/buf.h"
#include "ges/ges.h"
#include "interconnect/interconnect.h"

#define ASK_XIDS_MAX 64u
#define ASK_HEAD 18u /* id, s, count */
#define ANSWER_HEAD 28u /* id, thread, recycled_upto, recycled_scn, count */
#define ANSWER_ENTRY 17u /* xid, kind, scn */
#define RETRY_NS RT_MS(5)
#define ASK_AGAIN_NS RT_SEC(1)
#define DEAD_POLL_NS RT_MS(10)

static struct fate fate_of(struct txn_sys *ts, struct xid x)
{
    return xid_thread(x) == ts->opt.thread ? tt_fate(ts, x) : cache_get(ts, x);
}

/* True: the fate tells whether a reader at s sees it. */
static bool decide(struct fate f, scn_t s, enum row_visibility *ret)
{
    switch (f.kind) {
    case FATE_UNKNOWN:
        return false;
    case FATE_ACTIVE:
    case FATE_ROLLED_BACK:
        *ret = ROW_INVISIBLE;
        return true;
    case FATE_BUSY:
    case FATE_HEARD:
        *ret = ROW_INVISIBLE;
        return f.scn > s;
    case FATE_COMMITTED:
        *ret = f.scn <= s ? ROW_VISIBLE : ROW_INVISIBLE;
        return true;
    case FATE_BELOW:
        *ret = ROW_VISIBLE;
        return f.scn <= s;
    case FATE_ABOVE:
        *ret = ROW_INVISIBLE;
        return s <= f.scn;
    }
    return false;
}

static enum row_visibility own_visibility(struct txn_sys *ts, const struct snapshot *s, const struct row_header *h)
{
    if (xid_thread(s->own) != ts->opt.thread)
        return ROW_VISIBLE; /* a fragment that reads on behalf of another node's transaction, which does not write meanwhile */
    struct txn *t = atomic_load_explicit(&ts->tt[tt_slot(&ts->geo, xid_seq(s->own))].txn, memory_order_acquire);
    if (t == NULL || !xid_eq(t->xid, s->own))
        return ROW_VISIBLE;
    return txn_stmt_of(t, h->undo) < s->stmt ? ROW_VISIBLE : ROW_INVISIBLE;
}

bool txn_visible_fast(struct txn_sys *ts, const struct snapshot *s, const struct row_header *h, enum row_visibility *ret)
{
    if (UNLIKELY(s->s < atomic_load_explicit(&ts->purged_upto, memory_order_acquire)))
        return false; /* R10: txn_status_wait() says so */
    if (h->flags & ROW_STAMPED) {
        *ret = h->writer <= s->s ? ROW_VISIBLE : ROW_INVISIBLE;
        return true;
    }
    const struct xid x = { h->writer };
    if (x.v == s->own.v && x.v != 0) {
        *ret = own_visibility(ts, s, h);
        return true;
    }
    return decide(fate_of(ts, x), s->s, ret);
}

bool txn_stampable(struct txn_sys *ts, struct xid writer, scn_t *ret_commit_scn)
{
    const struct fate f = fate_of(ts, writer);
    *ret_commit_scn = f.scn;
    return f.kind == FATE_COMMITTED;
}

enum row_writer txn_row_writer(struct txn_sys *ts, struct xid self, const struct row_header *h, scn_t *ret_commit_scn)
{
    *ret_commit_scn = h->writer;
    if (h->flags & ROW_STAMPED)
        return ROW_WRITER_COMMITTED;
    const struct xid x = { h->writer };
    if (x.v == self.v && x.v != 0)
        return ROW_WRITER_SELF;
    const struct fate f = fate_of(ts, x);
    *ret_commit_scn = f.scn;
    switch (f.kind) {
    case FATE_UNKNOWN:
        return ROW_WRITER_UNKNOWN;
    case FATE_COMMITTED:
    case FATE_BELOW:
        return ROW_WRITER_COMMITTED;
    case FATE_ACTIVE:
    case FATE_BUSY:
    case FATE_HEARD:
    case FATE_ABOVE:
    case FATE_ROLLED_BACK: /* its last change is being taken back, or the copy is old */
        return ROW_WRITER_ACTIVE;
    }
    return ROW_WRITER_UNKNOWN;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static enum err send_ask(struct txn_sys *ts, struct ask *a, node_no node, scn_t s, const struct xid *x, unsigned n)
{
    uint8_t p[ASK_HEAD + 8 * ASK_XIDS_MAX];
    rt_future_init(&a->done);
    a->node = node;
    a->err = ERR_OK;
    rt_spin_lock(&ts->ask_spin);
    a->id = ++ts->ask_id;
    list_push_back(&ts->asks, &a->link);
    rt_spin_unlock(&ts->ask_spin);
    put_u64le(p, a->id);
    put_u64le(p + 8, s);
    put_u16le(p + 16, (uint16_t)n);
    for (unsigned i = 0; i < n; i++)
        put_u64le(p + ASK_HEAD + 8 * i, x[i].v);
    return ic_send(ts->opt.ic, node, IC_TXN_STATUS_ASK, 0, &(struct ic_part){ p, ASK_HEAD + 8 * n }, 1);
}

static void take_back_ask(struct txn_sys *ts, struct ask *a)
{
    rt_spin_lock(&ts->ask_spin);
    if (list_linked(&a->link))
        list_remove(&a->link);
    rt_spin_unlock(&ts->ask_spin);
}

/* One message, one answer; what it says is in the cache afterwards. ERR_AGAIN: look again who owns the thread. */
static enum err ask_node(struct txn_sys *ts, node_no node, scn_t s, const struct xid *x, unsigned n, struct diag *d)
{
    struct ask a;
    enum err err = send_ask(ts, &a, node, s, x, n);
    LANE_COUNT(txn_lane(ts), status_asked, 1);
    if (err) {
        take_back_ask(ts, &a);
        rt_sleep(RETRY_NS);
        return ERR_AGAIN;
    }
    err = rt_future_wait(&a.done, rt_now() + ASK_AGAIN_NS, true, NULL);
    take_back_ask(ts, &a);
    if (err == ERR_TIMED_OUT) /* its commit takes long; or the node joined a moment ago and could not answer yet */
        return ERR_AGAIN;
    if (err == ERR_CANCELED)
        return diag_set(d, ERR_CANCELED, "canceling statement due to user request");
    return err ? err : a.err;
}

/* An answerer's clock is at or past all SCNs of its answer, and at or past that of the question. */
static const char *answer_fault(const struct ic_message *m)
{
    const uint8_t *p = m->payload;
    const uint16_t thread = get_u16le(p + 8), n = get_u16le(p + 26);
    if (thread == 0 || thread > THREADS_MAX)
        return "no redo thread";
    if (m->len != ANSWER_HEAD + ANSWER_ENTRY * (uint32_t)n)
        return "its length does not fit its count";
    bool reached = get_u64le(p + 18) <= m->scn;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *e = p + ANSWER_HEAD + ANSWER_ENTRY * i;
        if (e[8] != FATE_UNKNOWN && xid_thread((struct xid){ get_u64le(e) }) != thread)
            return "a transaction of another redo thread";
        reached &= get_u64le(e + 9) <= m->scn;
    }
    return reached ? NULL : "an SCN that its sender has not reached";
}

static void on_status(void *arg, const struct ic_message *m)
{
    struct txn_sys *ts = arg;
    const char *fault = answer_fault(m);
    if (fault != NULL) {
        ic_reject(ts->opt.ic, m, "%s", fault);
        return;
    }
    const uint8_t *p = m->payload;
    const uint16_t thread = get_u16le(p + 8), n = get_u16le(p + 26);
    cache_note_recycled(ts, thread, get_u64le(p + 10), get_u64le(p + 18));
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *e = p + ANSWER_HEAD + ANSWER_ENTRY * i;
        const enum fate_kind kind = e[8];
        if (kind == FATE_COMMITTED || kind == FATE_BELOW || kind == FATE_ABOVE || kind == FATE_ROLLED_BACK)
            cache_put(ts, (struct xid){ get_u64le(e) }, (struct fate){ kind, get_u64le(e + 9) });
    }
    rt_spin_lock(&ts->ask_spin);
    LIST_FOREACH_SAFE(it, &ts->asks)
    {
        struct ask *a = LIST_ENTRY(it, struct ask, link);
        if (a->id == get_u64le(p) && a->node == m->from) {
            list_remove(&a->link);
            rt_future_set(&a->done, 0);
            break;
        }
    }
    rt_spin_unlock(&ts->ask_spin);
}

void status_peer_left(struct txn_sys *ts, node_no node)
{
    rt_spin_lock(&ts->ask_spin);
    LIST_FOREACH_SAFE(it, &ts->asks)
    {
        struct ask *a = LIST_ENTRY(it, struct ask, link);
        if (a->node == node) {
            list_remove(&a->link);
            a->err = ERR_AGAIN;
            rt_future_set(&a->done, 0);
        }
    }
    rt_spin_unlock(&ts->ask_spin);
}

/* ---- answering --------------------------------------------------------------------------------- */

/* For a reader at s, whose SCN the clock has reached. False: a commit at or below s is on its way. */
static bool fate_for_reader(struct txn_sys *ts, struct xid x, scn_t s, struct fate *ret)
{
    *ret = tt_fate(ts, x);
    if (ret->kind == FATE_ACTIVE || (ret->kind == FATE_BUSY && ret->scn > s)) {
        *ret = (struct fate){ FATE_ABOVE, s };
        return true;
    }
    return ret->kind != FATE_BUSY;
}

bool status_answer(struct txn_sys *ts, node_no to, const uint8_t *payload, uint32_t len)
{
    uint8_t p[ANSWER_HEAD + ANSWER_ENTRY * ASK_XIDS_MAX];
    const scn_t s = get_u64le(payload + 8);
    const uint16_t n = get_u16le(payload + 16);
    for (unsigned i = 0; i < n; i++) {
        const struct xid x = { get_u64le(payload + ASK_HEAD + 8 * i) };
        struct fate f = { FATE_UNKNOWN, 0 };
        if (xid_thread(x) == ts->opt.thread && !fate_for_reader(ts, x, s, &f))
            return false;
        uint8_t *e = p + ANSWER_HEAD + ANSWER_ENTRY * i;
        put_u64le(e, x.v);
        e[8] = (uint8_t)f.kind;
        put_u64le(e + 9, f.scn);
    }
    uint64_t upto;
    scn_t recycled;
    tt_recycled(ts, &upto, &recycled);
    put_u64le(p, get_u64le(payload));
    put_u16le(p + 8, ts->opt.thread);
    put_u64le(p + 10, upto);
    put_u64le(p + 18, recycled);
    put_u16le(p + 26, n);
    return ic_send(ts->opt.ic, to, IC_TXN_STATUS, 0, &(struct ic_part){ p, ANSWER_HEAD + ANSWER_ENTRY * (size_t)n }, 1) != ERR_RESOURCES;
}

static void on_ask(void *arg, const struct ic_message *m)
{
    struct txn_sys *ts = arg;
    if (m->len != ASK_HEAD + 8 * (uint32_t)get_u16le(m->payload + 16)) {
        ic_reject(ts->opt.ic, m, "its length does not fit its count");
        return;
    }
    if (get_u64le(m->payload + 8) > m->scn) { /* or anybody's garbage would raise the clock */
        ic_reject(ts->opt.ic, m, "a reader at an SCN that its node has not reached");
        return;
    }
    /* R2: from here on nothing commits here at or below the reader's SCN that is answered "active" */
    if (!MUTATED("R2"))
        scn_raise(ts->opt.scn, get_u64le(m->payload + 8));
    (void)scn_now(ts->opt.scn); /* acquires, where nothing was raised */
    if (!atomic_load_explicit(&ts->table_loaded, memory_order_acquire))
        return; /* of what the thread's last owner did: it will be asked again */
    rt_spin_lock(&ts->commit_spin);
    if (!status_answer(ts, m->from, m->payload, m->len) && ts->ndeferred < DEFERRED_MAX) {
        struct deferred_ask *a = xmalloc(sizeof(*a) + m->len);
        a->from = m->from;
        a->incarnation = m->from_incarnation;
        a->len = m->len;
        memcpy(a->payload, m->payload, m->len);
        list_push_back(&ts->deferred, &a->link);
        ts->ndeferred++;
    }
    rt_spin_unlock(&ts->commit_spin);
}

/* ---- finding out ---------------------------------------------------------------------------------- */

/* A thread without a live owner: what its table says, once recovered, is final. */
static enum err look_at_dead(struct txn_sys *ts, struct xid x, struct diag *d)
{
    struct fate f;
    const enum err err = tt_stored_fate(ts, x, &f, d);
    if (err)
        return err;
    if (f.kind == FATE_ACTIVE || f.kind == FATE_ROLLED_BACK) /* it will be, or has been, rolled back: never committed */
        f = (struct fate){ FATE_ROLLED_BACK, 0 };
    else
        scn_raise(ts->opt.scn, f.scn);
    cache_put(ts, x, f);
    return ERR_OK;
}

static enum err find_out(struct txn_sys *ts, scn_t s, const struct xid *x, unsigned n, struct diag *d)
{
    const uint16_t thread = xid_thread(x[0]);
    if (thread == 0 || thread > THREADS_MAX)
        return diag_set(d, ERR_CORRUPT, "a row's writer is %" PRIx64 ", which is no transaction", x[0].v);
    if (thread == ts->opt.thread) {
        enum err err = ERR_OK;
        if (commit_wait_end(ts, x[0], true, RT_FOREVER, &err) && err == ERR_CANCELED)
            return diag_set(d, ERR_CANCELED, "canceling statement due to user request");
        return err;
    }
    const node_no node = atomic_load(&ts->thread[thread].node);
    if (node == 0 || ts->opt.ic == NULL)
        return look_at_dead(ts, x[0], d);
    return ask_node(ts, node, s, x, n, d);
}

static bool same_owner(struct txn_sys *ts, struct xid a, struct xid b)
{
    return xid_thread(a) == xid_thread(b) && xid_thread(a) != ts->opt.thread && xid_thread(a) != 0 && xid_thread(a) <= THREADS_MAX
        && ts->opt.ic != NULL && atomic_load(&ts->thread[xid_thread(a)].node) != 0;
}

/* What is known of x now and does not tell a reader at s is that x committed at or below an SCN above s. */
static bool is_too_old(struct txn_sys *ts, struct xid x, scn_t s)
{
    const struct fate f = fate_of(ts, x);
    return f.kind == FATE_BELOW && f.scn > s;
}

enum err txn_status_wait_many(struct txn_sys *ts, const struct snapshot *s, const struct xid *writers, unsigned n, struct diag *d)
{
    enum err err = txn_snapshot_check(ts, s, d);
    for (unsigned i = 0; i < n && !err; i++) {
        enum row_visibility v;
        for (bool asked = false; !err && !decide(fate_of(ts, writers[i]), s->s, &v); asked = true) {
            if (asked && is_too_old(ts, writers[i], s->s)) {
                diag_set(d, ERR_SNAPSHOT_TOO_OLD, "snapshot too old");
                return diag_detail(d, "Transaction %" PRIx64 " has left the transaction table; it may have committed after SCN %" PRIu64 ".",
                                   writers[i].v, s->s);
            }
            struct xid batch[ASK_XIDS_MAX] = { writers[i] };
            unsigned k = 1;
            for (unsigned j = i + 1; j < n && k < ASK_XIDS_MAX; j++) {
                if (same_owner(ts, writers[i], writers[j]) && !decide(fate_of(ts, writers[j]), s->s, &v))
                    batch[k++] = writers[j];
            }
            err = find_out(ts, s->s, batch, k, d);
            if (err == ERR_AGAIN)
                err = ERR_OK;
        }
    }
    return err;
}

enum err txn_status_wait(struct txn_sys *ts, const struct snapshot *s, struct xid writer, struct diag *d)
{
    return txn_status_wait_many(ts, s, &writer, 1, d);
}

/* ---- waiting for the end of a row's transaction ---------------------------------------------------- */

static enum err timed_out(struct diag *d, enum err err)
{
    if (err == ERR_TIMED_OUT)
        return diag_set(d, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
    if (err == ERR_CANCELED)
        return diag_set(d, ERR_CANCELED, "canceling statement due to user request");
    return err;
}

static enum err wait_for_recovery(struct txn_sys *ts, struct xid x, uint64_t deadline, struct diag *d)
{
    for (;;) {
        struct fate f;
        const enum err err = tt_stored_fate(ts, x, &f, d);
        if (err || f.kind != FATE_ACTIVE)
            return err;
        if (rt_now() >= deadline)
            return timed_out(d, ERR_TIMED_OUT);
        if (rt_cancel_pending())
            return timed_out(d, ERR_CANCELED);
        rt_sleep(DEAD_POLL_NS);
    }
}

enum err txn_wait_for(struct txn *t, struct xid x, uint64_t deadline, struct diag *d)
{
    struct txn_sys *ts = t->ts;
    const uint16_t thread = xid_thread(x);
    enum err err = ERR_OK;
    if (thread == 0 || thread > THREADS_MAX)
        return diag_set(d, ERR_CORRUPT, "a row's writer is %" PRIx64 ", which is no transaction", x.v);
    LANE_COUNT(txn_lane(ts), row_waits, 1);
    const bool own = thread == ts->opt.thread;
    if (!own && atomic_load(&ts->thread[thread].node) == 0)
        return wait_for_recovery(ts, x, deadline, d);
    if (ts->opt.ges != NULL) {
        err = ges_wait_txn(txn_ges_owner(t), x, deadline, d);
    } else if (own) {
        commit_wait_end(ts, x, false, deadline, &err);
        err = timed_out(d, err);
    }
    if (err || own)
        return err;
    /* how it ended: or the cache would go on saying that it runs */
    cache_forget_above(ts, x);
    const struct snapshot now = { .s = scn_now(ts->opt.scn) };
    return txn_status_wait(ts, &now, x, d);
}

void status_init(struct txn_sys *ts)
{
    list_init(&ts->asks);
    if (ts->opt.ic != NULL) {
        ic_set_handler(ts->opt.ic, IC_TXN_STATUS_ASK, ASK_HEAD, ASK_HEAD + 8 * ASK_XIDS_MAX, on_ask, ts);
        ic_set_handler(ts->opt.ic, IC_TXN_STATUS, ANSWER_HEAD, ANSWER_HEAD + ANSWER_ENTRY * ASK_XIDS_MAX, on_status, ts);
    }
}
