/*
 * Commit and status between nodes: three simulated hosts with an interconnect, each with a redo thread and rows of its own.
 */
#include "rows.h"

#include "base/buf.h"
#include "ges/ges.h"
#include "interconnect/interconnect.h"

#define NODES 3u
#define TRIED 400u

static struct {
    struct inst in[NODES + 1];
    _Atomic unsigned arrived, round;
    unsigned nodes;
    _Atomic uint64_t current; /* node 1's present transaction */
    scn_t outcome[1000]; /* by number of the transaction's sequence modulo 1000: commit SCN; SCN_MAX: rolled back */
    _Atomic uint64_t last_seq;
    _Atomic lsn_t appended; /* by node 1: the end of its log when its present transaction began to commit */
    _Atomic bool stop;
    struct {
        struct xid x;
        scn_t s;
        bool visible;
    } seen[NODES + 1][TRIED]; /* what readers were told */
    unsigned nseen[NODES + 1];
} w;

static void barrier(void)
{
    const unsigned mine = atomic_load(&w.round);
    if (atomic_fetch_add(&w.arrived, 1) + 1 == w.nodes) {
        atomic_store(&w.arrived, 0);
        atomic_store(&w.round, mine + 1);
    }
    while (atomic_load(&w.round) == mine)
        rt_sleep(RT_US(100));
}

static struct inst *open_node(bool first_creates)
{
    const uint32_t n = sim_host();
    struct inst *in = &w.in[n];
    if (n != 1)
        while (atomic_load(&w.current) == 0) /* node 1 creates the shared files first */
            rt_sleep(RT_US(100));
    inst_open(in, &(struct inst_options){ .node = (node_no)n, .thread = (uint16_t)n, .incarnation = n, .create = first_creates, .tt_entries = 256,
                                          .extent_blocks = 4, .peers = NODES, .block = n });
    if (n == 1)
        atomic_store(&w.current, 1);
    barrier();
    inst_view(in, 7, 1, barrier);
    barrier();
    return in;
}

static void run_nodes(void (*const *fn)(void *), uint64_t seed, void (*test)(void *))
{
    struct sim *s = sim_new(&(struct sim_options){ .seed = seed, .hosts = NODES, .workers = 2, .net_delay_min_us = 20, .net_delay_max_us = 60,
                                                   .disk_min_us = 20, .disk_max_us = 60, .sync_min_us = 300, .sync_max_us = 600, .preempt = true,
                                                   .cpu_ns_per_call = 100 });
    memset(&w, 0, sizeof(w));
    w.nodes = NODES;
    for (uint32_t i = 0; i < NODES; i++)
        sim_host_start(s, i + 1, fn[i], NULL);
    if (test != NULL)
        sim_spawn_test(s, test, NULL);
    assert_true(sim_run(s, RT_SEC(600)));
    sim_free(s);
}

static struct txn *begin(struct inst *in)
{
    struct diag d;
    struct txn *t;
    CHECK_OK(txn_begin(in->ts, TXN_READ_COMMITTED, &t, &d), &d);
    return t;
}

/* ---- what a reader is told is what comes true (R2, R3, R4) ----------------------------------------------- */

static void truth_writer(void *arg)
{
    struct diag d;
    struct inst *in = open_node(true);
    in->deaf = true; /* R2 must not lean on what frames do to the clock */
    for (unsigned i = 0; i < 150; i++) {
        struct txn *t = begin(in);
        CHECK_OK(row_set(in, t, 1, i + 1, &d), &d);
        const struct xid x = txn_xid(t);
        scn_t c = SCN_MAX;
        atomic_store(&w.current, x.v);
        rt_sleep(RT_US(rt_random() % 300));
        atomic_store(&w.appended, redo_end(in->redo) + 1);
        if (i % 5 == 4)
            txn_rollback(t);
        else
            CHECK_OK(txn_commit(t, &c, &d), &d);
        CHECK(c == SCN_MAX || (scn_now(&w.in[2].scn) >= c && scn_now(&w.in[3].scn) >= c)); /* no snapshot anywhere misses it */
        w.outcome[xid_seq(x) % 1000] = c;
        rt_sleep(RT_US(rt_random() % 200));
    }
    atomic_store(&w.stop, true);
    barrier();
    inst_close(in);
}

static bool told_visible(struct inst *in, const struct snapshot *s, struct xid x, bool *ret_known)
{
    const struct row_header h = { .writer = x.v };
    struct diag d;
    enum row_visibility v;
    *ret_known = false;
    for (int tries = 0; tries < 100; tries++) {
        if (txn_visible_fast(in->ts, s, &h, &v)) {
            *ret_known = true;
            return v == ROW_VISIBLE;
        }
        const enum err err = txn_status_wait(in->ts, s, x, &d);
        CHECK(err == ERR_OK || err == ERR_SNAPSHOT_TOO_OLD);
        if (err)
            return false;
    }
    panic("no answer for transaction %" PRIx64, x.v);
}

static void truth_reader(void *arg)
{
    struct diag d;
    struct inst *in = open_node(true);
    const uint32_t n = sim_host();
    while (!atomic_load(&w.stop)) {
        const struct xid x = { atomic_load(&w.current) };
        rt_sleep(RT_US(rt_random() % 200));
        if (x.v < 2)
            continue;
        if (rt_random() % 2 == 0) /* a reader ahead of the writer's clock */
            scn_raise(&in->scn, scn_now(&in->scn) + rt_random() % 8);
        struct txn *t = begin(in);
        const struct snapshot *s;
        CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
        bool known;
        const bool visible = told_visible(in, s, x, &known);
        if (known && visible && atomic_load(&w.current) == x.v) /* seen: it cannot be lost any more, and nobody else misses it */
            CHECK(redo_durable(w.in[1].redo) >= atomic_load(&w.appended));
        if (known && w.nseen[n] < TRIED) {
            w.seen[n][w.nseen[n]].x = x;
            w.seen[n][w.nseen[n]].s = s->s;
            w.seen[n][w.nseen[n]++].visible = visible;
        }
        scn_t c;
        CHECK_OK(txn_commit(t, &c, &d), &d);
    }
    barrier();
    inst_close(in);
}

static void what_is_told_comes_true(void **state)
{
    static void (*const fn[])(void *) = { truth_writer, truth_reader, truth_reader };
    for (uint64_t seed = 1; seed <= 6; seed++) {
        run_nodes(fn, seed, NULL);
        unsigned visible = 0, all = 0;
        for (unsigned n = 2; n <= NODES; n++) {
            for (unsigned i = 0; i < w.nseen[n]; i++) {
                const scn_t c = w.outcome[xid_seq(w.seen[n][i].x) % 1000];
                if (w.seen[n][i].visible != (c <= w.seen[n][i].s))
                    fail_msg("node %u: transaction %" PRIx64 " was %s at %" PRIu64 "; it committed at %" PRIu64, n, w.seen[n][i].x.v,
                             w.seen[n][i].visible ? "visible" : "invisible", w.seen[n][i].s, c);
                visible += w.seen[n][i].visible;
                all++;
            }
        }
        assert_true(visible > 20 && all - visible > 20);
    }
}

/* ---- acknowledgements: the node that is cut off holds commits back ----------------------------------------- */

static _Atomic bool commit_answered;
static _Atomic unsigned phase;

static void ack_writer(void *arg)
{
    struct diag d;
    scn_t c;
    struct inst *in = open_node(true);
    atomic_store(&phase, 1);
    while (atomic_load(&phase) != 2)
        rt_sleep(RT_US(100));
    struct txn *t = begin(in);
    CHECK_OK(row_set(in, t, 1, 5, &d), &d);
    txn_changed_object(t, 4711);
    txn_changed_object(t, 4712);
    CHECK_OK(txn_commit(t, &c, &d), &d);
    atomic_store(&commit_answered, true);
    CHECK(w.in[2].nobjects >= 2 && w.in[2].objects[0] + w.in[2].objects[1] == 4711 + 4712); /* forgotten before it was answered */
    CHECK(w.in[3].nobjects >= 2);
    barrier();
    /* An idle peer's promise holds the horizon back no more than its clock; one never heard of holds everything back. */
    CHECK(txn_horizon(in->ts) == 0);
    txn_peer_oldest(in->ts, 2, 77);
    txn_peer_oldest(in->ts, 3, SCN_MAX);
    CHECK(txn_horizon(in->ts) == 77);
    txn_peer_oldest(in->ts, 2, SCN_MAX);
    CHECK(txn_horizon(in->ts) >= c);
    barrier();
    inst_close(in);
}

static void ack_other(void *arg)
{
    struct inst *in = open_node(true);
    barrier();
    barrier();
    inst_close(in);
}

static void ack_test(void *arg)
{
    struct sim *s = sim_self();
    while (atomic_load(&phase) != 1)
        rt_sleep(RT_MS(1));
    sim_partition(s, 1, 3, true);
    atomic_store(&phase, 2);
    rt_sleep(RT_SEC(1));
    CHECK(!atomic_load(&commit_answered)); /* durable here, heard by 2, but 3 could still begin a snapshot below it */
    sim_partition(s, 1, 3, false);
    while (!atomic_load(&commit_answered))
        rt_sleep(RT_MS(1));
}

static void commits_wait_for_all_members(void **state)
{
    static void (*const fn[])(void *) = { ack_writer, ack_other, ack_other };
    atomic_store(&commit_answered, false);
    atomic_store(&phase, 0);
    run_nodes(fn, 21, ack_test);
}

/* ---- a member leaves: its table tells; what it had not confirmed is forgotten ------------------------------------ */

static void leave_stayer(void *arg)
{
    struct inst *in = open_node(true);
    struct diag d;
    barrier(); /* node 3 has committed, and closed */
    const struct xid committed = { atomic_load(&w.current) };
    cache_put(in->ts, xid_make(3, 9000), (struct fate){ FATE_HEARD, 1000000 }); /* broadcast, never confirmed */
    w.nodes = 2;
    barrier();
    inst_view(in, 3, 2, barrier);
    struct txn *t = begin(in);
    const struct snapshot *s;
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    bool known;
    CHECK(told_visible(in, s, committed, &known) && known);
    const struct snapshot early = { .s = 1 };
    CHECK(!told_visible(in, &early, committed, &known));
    CHECK(tt_fate(in->ts, xid_make(1, 1)).kind != FATE_COMMITTED);
    txn_rollback(t);
    barrier();
    /* The thread's next owner confirms up to far above: that says nothing about its predecessor's commits. */
    struct cluster_view v = { .epoch = 3, .n = 3 };
    for (unsigned i = 0; i < 3; i++)
        v.m[i] = (struct cluster_member){ .node = (node_no)(i + 1), .incarnation = i == 2 ? 333 : i + 1, .redo_thread = (uint16_t)(i + 1) };
    txn_view_changed(in->ts, &v);
    txn_peer_watermark(in->ts, 3, 2000000);
    CHECK(cache_get(in->ts, xid_make(3, 9000)).kind == FATE_UNKNOWN);
    barrier();
    inst_close(in);
}

static void leave_leaver(void *arg)
{
    struct diag d;
    scn_t c;
    struct inst *in = open_node(true);
    struct txn *t = begin(in);
    CHECK_OK(row_set(in, t, 1, 5, &d), &d);
    atomic_store(&w.current, txn_xid(t).v);
    CHECK_OK(txn_commit(t, &c, &d), &d);
    inst_close(in);
    barrier();
}

static void a_member_leaves(void **state)
{
    static void (*const fn[])(void *) = { leave_stayer, leave_stayer, leave_leaver };
    run_nodes(fn, 31, NULL);
}

/* ---- waiting for another node's transaction --------------------------------------------------------------------- */

static void wait_owner(void *arg)
{
    struct diag d;
    scn_t c;
    struct inst *in = open_node(true);
    for (unsigned i = 0; i < 20; i++) {
        struct txn *t = begin(in);
        CHECK_OK(row_set(in, t, 1, 5, &d), &d);
        atomic_store(&w.current, txn_xid(t).v);
        barrier();
        rt_sleep(RT_US(rt_random() % 500));
        if (i % 2 == 0)
            CHECK_OK(txn_commit(t, &c, &d), &d);
        else
            txn_rollback(t);
        barrier();
    }
    inst_close(in);
}

static void wait_other(void *arg)
{
    struct diag d;
    struct inst *in = open_node(true);
    for (unsigned i = 0; i < 20; i++) {
        barrier();
        const struct row_header h = { .writer = atomic_load(&w.current) };
        struct txn *t = begin(in);
        scn_t c;
        enum row_writer was;
        const struct snapshot now = { .s = scn_now(&in->scn) };
        CHECK_OK(txn_status_wait(in->ts, &now, (struct xid){ h.writer }, &d), &d);
        while ((was = txn_row_writer(in->ts, XID_NONE, &h, &c)) == ROW_WRITER_ACTIVE) {
            CHECK_OK(txn_wait_for(t, (struct xid){ h.writer }, RT_FOREVER, &d), &d);
            if (i % 2 == 1) /* rolled back: there is nothing to see of it but that it has ended */
                break;
        }
        CHECK(i % 2 == 1 || was == ROW_WRITER_COMMITTED);
        const struct fate f = tt_fate(w.in[1].ts, (struct xid){ h.writer });
        CHECK(f.kind == (i % 2 == 0 ? FATE_COMMITTED : FATE_ROLLED_BACK));
        txn_rollback(t);
        barrier();
    }
    inst_close(in);
}

static void waits_end_with_the_transaction(void **state)
{
    static void (*const fn[])(void *) = { wait_owner, wait_other, wait_other };
    for (uint64_t seed = 41; seed < 44; seed++)
        run_nodes(fn, seed, NULL);
}

/* ---- a peer with a bug: what makes no sense is dropped, counted, and harms nothing -------------------------------- */

#define WIRE_COMMIT_HEAD 42u /* batch, thread, recycled_upto, recycled_scn, commits, objects; then xid, SCN of each commit */
#define WIRE_ASK_HEAD 18u /* id, s, count; then xids */
#define WIRE_ANSWER_HEAD 28u /* id, thread, recycled_upto, recycled_scn, count; then xid, kind, SCN */

static void send_body(struct inst *in, node_no to, enum ic_kind kind, const uint8_t *p, size_t len)
{
    while (ic_send(in->ic, to, kind, 0, &(struct ic_part){ p, len }, 1) == ERR_RESOURCES)
        rt_sleep(RT_US(200));
}

/* Commits of node 3, told to node 1 by a message whose header says so and so. */
static void send_commit(struct inst *in, uint16_t thread, uint64_t ncommits, struct xid x, scn_t scn)
{
    uint8_t p[WIRE_COMMIT_HEAD + 16] = { 0 };
    put_u16le(p + 8, thread);
    put_u64le(p + 26, ncommits);
    put_u64le(p + 42, x.v);
    put_u64le(p + 50, scn);
    send_body(in, 1, IC_TXN_COMMIT, p, sizeof(p));
}

static void send_ask(struct inst *in, scn_t s, uint16_t n)
{
    uint8_t p[WIRE_ASK_HEAD + 8] = { 0 };
    put_u64le(p + 8, s);
    put_u16le(p + 16, n);
    put_u64le(p + 18, xid_make(1, 1).v);
    send_body(in, 1, IC_TXN_STATUS_ASK, p, sizeof(p));
}

static void send_answer(struct inst *in, uint16_t thread, uint16_t n, struct xid x, scn_t scn)
{
    uint8_t p[WIRE_ANSWER_HEAD + 17] = { 0 };
    put_u16le(p + 8, thread);
    put_u16le(p + 26, n);
    put_u64le(p + 28, x.v);
    p[36] = FATE_COMMITTED;
    put_u64le(p + 37, scn);
    send_body(in, 1, IC_TXN_STATUS, p, sizeof(p));
}

static void send_nonsense(struct inst *in)
{
    const scn_t far = UINT64_C(1) << 60;
    const struct xid mine = xid_make(3, 9000), other = xid_make(2, 9000);
    uint8_t batch[8];
    send_commit(in, 0, 1, mine, 5);
    send_commit(in, THREADS_MAX + 1, 1, mine, 5);
    send_commit(in, 3, 2, mine, 5);
    send_commit(in, 3, UINT64_MAX / 16 + 2, mine, 5);
    send_commit(in, 3, 1, other, 5);
    send_commit(in, 3, 1, mine, far);
    put_u64le(batch, far);
    send_body(in, 1, IC_TXN_COMMIT_ACK, batch, 8);
    send_ask(in, far, 1);
    send_ask(in, 1, 2);
    send_ask(in, 1, UINT16_MAX);
    send_answer(in, 0, 1, mine, 5);
    send_answer(in, THREADS_MAX + 1, 1, mine, 5);
    send_answer(in, 3, 2, mine, 5);
    send_answer(in, 3, 1, other, 5);
    send_answer(in, 3, 1, mine, far);
}
#define NONSENSE 15u

static void nonsense_victim(void *arg)
{
    struct inst *in = open_node(true);
    struct ic_stats st;
    barrier();
    rt_sleep(RT_MS(20));
    ic_stats(in->ic, &st);
    CHECK(st.malformed == NONSENSE);
    CHECK(scn_now(&in->scn) < UINT64_C(1) << 32);
    CHECK(cache_get(in->ts, xid_make(3, 9000)).kind == FATE_UNKNOWN);
    CHECK(cache_get(in->ts, xid_make(2, 9000)).kind == FATE_UNKNOWN);
    barrier();
    for (unsigned i = 0; i < 200; i++) { /* under mutated messages it goes on */
        struct diag d;
        scn_t c;
        struct txn *t = begin(in);
        CHECK_OK(row_set(in, t, 1, i, &d), &d);
        CHECK_OK(txn_commit(t, &c, &d), &d);
    }
    atomic_store(&w.stop, true);
    barrier();
    inst_close(in);
}

/* Bodies that are right but for a few bytes; their SCNs and batches stay small, or they would be refused for that alone. */
static void send_mutated(struct inst *in)
{
    static const enum ic_kind kinds[] = { IC_TXN_COMMIT, IC_TXN_STATUS_ASK, IC_TXN_STATUS, IC_TXN_COMMIT_ACK };
    const enum ic_kind kind = kinds[rt_random() % ARRAY_LEN(kinds)];
    uint8_t p[256] = { 0 };
    const unsigned n = (unsigned)(rt_random() % 5);
    size_t len = kind == IC_TXN_COMMIT ? WIRE_COMMIT_HEAD + 16 * n : kind == IC_TXN_STATUS ? WIRE_ANSWER_HEAD + 17 * n : WIRE_ASK_HEAD + 8 * n;
    put_u16le(p + (kind == IC_TXN_STATUS_ASK ? 16 : 8), kind == IC_TXN_STATUS_ASK ? (uint16_t)n : 3);
    put_u64le(p + 26, n);
    if (kind == IC_TXN_STATUS)
        put_u16le(p + 26, (uint16_t)n);
    for (unsigned i = 0; i < n && kind != IC_TXN_COMMIT_ACK; i++)
        put_u64le(p + len - (kind == IC_TXN_COMMIT ? 16 : kind == IC_TXN_STATUS ? 17 : 8) * (i + 1), xid_make(3, 9000 + i).v);
    if (kind == IC_TXN_COMMIT_ACK)
        len = 8;
    for (unsigned i = (unsigned)(rt_random() % 4); i > 0; i--)
        p[rt_random() % sizeof(p)] = (uint8_t)rt_random();
    if (rt_random() % 8 == 0)
        len += rt_random() % 9;
    send_body(in, 1, kind, p, len);
}

static void nonsense_rogue(void *arg)
{
    struct inst *in = open_node(true);
    send_nonsense(in);
    barrier();
    barrier();
    while (!atomic_load(&w.stop)) {
        send_mutated(in);
        rt_sleep(RT_US(20));
    }
    barrier();
    inst_close(in);
}

static void nonsense_bystander(void *arg)
{
    struct inst *in = open_node(true);
    for (unsigned i = 0; i < 3; i++)
        barrier();
    inst_close(in);
}

static void nonsense_of_a_peer_harms_nothing(void **state)
{
    static void (*const fn[])(void *) = { nonsense_victim, nonsense_bystander, nonsense_rogue };
    for (uint64_t seed = 51; seed < 56; seed++)
        run_nodes(fn, seed, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_comes_true),
        cmocka_unit_test(commits_wait_for_all_members),
        cmocka_unit_test(a_member_leaves),
        cmocka_unit_test(waits_end_with_the_transaction),
        cmocka_unit_test(nonsense_of_a_peer_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
