/*
 * Transactions of one instance: visibility, statements, savepoints, rollback, commit, recycling, crash.
 */
#include "rows.h"

static const struct sim_options sim_default = { .seed = 1, .hosts = 2, .workers = 2, .disk_min_us = 20, .disk_max_us = 100,
                                                .sync_min_us = 200, .sync_max_us = 800, .preempt = true, .cpu_ns_per_call = 200 };

static void run_story(void (*story)(void *), uint64_t seed)
{
    struct sim_options opt = sim_default;
    opt.seed = seed;
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, story, NULL);
    assert_true(sim_run(s, RT_SEC(3600)));
    sim_free(s);
}

static uint64_t see(struct inst *in, const struct snapshot *s, uint32_t slot)
{
    struct diag d;
    uint64_t v;
    CHECK_OK(row_get(in, s, slot, &v, &d), &d);
    return v;
}

static uint64_t see_now(struct inst *in, uint32_t slot)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    scn_t c;
    CHECK_OK(txn_begin(in->ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    const uint64_t v = see(in, s, slot);
    CHECK_OK(txn_commit(t, &c, &d), &d);
    CHECK(c == 0);
    return v;
}

static struct txn *begin(struct inst *in, enum txn_isolation iso)
{
    struct diag d;
    struct txn *t;
    CHECK_OK(txn_begin(in->ts, iso, &t, &d), &d);
    return t;
}

static const struct snapshot *stmt(struct txn *t)
{
    struct diag d;
    const struct snapshot *s;
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    return s;
}

static void set(struct inst *in, struct txn *t, uint32_t slot, uint64_t v)
{
    struct diag d;
    CHECK_OK(row_set(in, t, slot, v, &d), &d);
}

static scn_t commit(struct txn *t)
{
    struct diag d;
    scn_t c;
    CHECK_OK(txn_commit(t, &c, &d), &d);
    return c;
}

/* ---- who sees what ------------------------------------------------------------------------- */

static void visibility_story(void *arg)
{
    struct inst in = { 0 };
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 64, .extent_blocks = 4 });

    struct txn *a = begin(&in, TXN_READ_COMMITTED), *b = begin(&in, TXN_READ_COMMITTED), *r = begin(&in, TXN_REPEATABLE_READ);
    const struct snapshot *a1 = stmt(a), *r1 = stmt(r);
    CHECK(txn_xid(a).v == 0);
    set(&in, a, 1, 10);
    CHECK(txn_xid(a).v != 0);
    CHECK(see(&in, a1, 1) == 0); /* a statement never meets its own changes ... */
    txn_stmt_end(a);
    const struct snapshot *a2 = stmt(a);
    CHECK(see(&in, a2, 1) == 10); /* ... the next one does */
    CHECK(see(&in, stmt(b), 1) == 0);
    txn_stmt_end(b);
    set(&in, a, 1, 11);
    CHECK(see(&in, a2, 1) == 10);
    const struct snapshot *nested = stmt(a);
    CHECK(see(&in, nested, 1) == 11);
    txn_stmt_end(a);
    txn_stmt_end(a);

    const struct snapshot *before = stmt(b);
    const scn_t c = commit(a);
    CHECK(c > before->s);
    CHECK(see(&in, before, 1) == 0);
    txn_stmt_end(b);
    CHECK(see(&in, stmt(b), 1) == 11);
    CHECK(see(&in, r1, 1) == 0);
    txn_stmt_end(r);
    CHECK(see(&in, stmt(r), 1) == 0); /* REPEATABLE READ: the same for ever */
    struct toy_row row = row_raw(&in, 1);
    scn_t cs;
    CHECK(txn_stampable(in.ts, (struct xid){ row.h.writer }, &cs) && cs == c);
    CHECK(txn_row_writer(in.ts, XID_NONE, &row.h, &cs) == ROW_WRITER_COMMITTED && cs == c);
    row.h.flags = ROW_STAMPED;
    row.h.writer = c;
    enum row_visibility v;
    CHECK(txn_visible_fast(in.ts, txn_snapshot(b), &row.h, &v) && v == ROW_VISIBLE);
    CHECK(txn_visible_fast(in.ts, txn_snapshot(r), &row.h, &v) && v == ROW_INVISIBLE);
    commit(r);
    txn_rollback(b);
    CHECK(txn_watermark(in.ts) >= c);
    inst_close(&in);

    /* The same database again: nothing is lost, entries and undo are found. */
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 2, .redo_start = 8 << 20, .xid_seq_start = 1 });
    CHECK(see_now(&in, 1) == 11);
    a = begin(&in, TXN_READ_COMMITTED);
    set(&in, a, 1, 12);
    commit(a);
    CHECK(see_now(&in, 1) == 12);
    inst_close(&in);
}
static void who_sees_what(void **state) { run_story(visibility_story, 1); }

/* ---- rollback --------------------------------------------------------------------------------- */

struct ended {
    unsigned n;
    enum txn_outcome outcome;
    scn_t scn;
};
static void note_end(void *arg, enum txn_outcome outcome, scn_t scn)
{
    struct ended *e = arg;
    *e = (struct ended){ e->n + 1, outcome, scn };
}

static void rollback_story(void *arg)
{
    struct inst in = { 0 };
    struct ended one = { 0 }, two = { 0 };
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 64, .extent_blocks = 2 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED);
    for (uint32_t i = 0; i < ROWS; i++)
        set(&in, t, i, 100 + i);
    txn_on_end(t, note_end, &one);
    commit(t);
    CHECK(one.n == 1 && one.outcome == TXN_COMMITTED && one.scn != 0);

    t = begin(&in, TXN_READ_COMMITTED);
    set(&in, t, 1, 1);
    txn_on_end(t, note_end, &one);
    const struct txn_mark m1 = txn_savepoint(t);
    set(&in, t, 1, 2);
    set(&in, t, 2, 2);
    txn_on_end(t, note_end, &two);
    const struct txn_mark m2 = txn_savepoint(t);
    for (uint32_t n = 0; n < 500; n++) /* over several undo blocks */
        set(&in, t, n % ROWS, 3000 + n);
    txn_rollback_to(t, m2);
    const struct snapshot *s = stmt(t);
    CHECK(see(&in, s, 1) == 2 && see(&in, s, 2) == 2 && see(&in, s, 3) == 103);
    txn_rollback_to(t, m1);
    CHECK(two.n == 1 && two.outcome == TXN_ROLLED_BACK && one.n == 1);
    CHECK(see(&in, s, 1) == 1 && see(&in, s, 2) == 102);
    set(&in, t, 2, 5);
    txn_stmt_end(t);
    commit(t);
    CHECK(one.n == 2 && see_now(&in, 1) == 1 && see_now(&in, 2) == 5 && see_now(&in, 3) == 103);

    t = begin(&in, TXN_READ_COMMITTED);
    for (uint32_t n = 0; n < 1000; n++)
        set(&in, t, n % ROWS, n);
    txn_rollback(t);
    CHECK(see_now(&in, 1) == 1 && see_now(&in, 2) == 5 && see_now(&in, 3) == 103);
    struct txn_stats st;
    txn_stats(in.ts, &st);
    CHECK(st.commits == 2 && st.rollbacks == 1 && st.undo_records == 64 + 504 + 1000);
    inst_close(&in);
}
static void rollback_restores(void **state) { run_story(rollback_story, 2); }

/* ---- commit: nobody sees what could be lost --------------------------------------------------------- */

struct watch {
    struct inst *in;
    uint32_t slot;
    struct fiber *f;
    uint64_t saw;
    lsn_t needs; /* durable before a new value may be seen */
};

static void watcher(void *arg)
{
    struct watch *w = arg;
    struct diag d;
    uint64_t last = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct txn *t = begin(w->in, TXN_READ_COMMITTED);
        const struct snapshot *s = stmt(t);
        uint64_t v;
        CHECK_OK(row_get(w->in, s, w->slot, &v, &d), &d);
        if (v != last) { /* whatever it shows is in the log's durable part: its commit record was appended before */
            struct toy_row row = row_raw(w->in, w->slot);
            const struct fate f = tt_fate(w->in->ts, (struct xid){ row.h.writer });
            if (row.value == v && f.kind == FATE_COMMITTED)
                CHECK(redo_durable(w->in->redo) >= __atomic_load_n(&w->needs, __ATOMIC_ACQUIRE) || __atomic_load_n(&w->saw, __ATOMIC_ACQUIRE) != v);
        }
        CHECK(v >= last); /* and nothing that was seen goes away */
        last = v;
        CHECK(see(w->in, s, w->slot) == v); /* nor does the snapshot change its mind */
        commit(t);
        rt_sleep(RT_US(20));
    }
}

static void committer(void *arg)
{
    struct watch *w = arg;
    for (uint64_t n = 1; n <= 30; n++) {
        struct txn *t = begin(w->in, TXN_READ_COMMITTED);
        set(w->in, t, w->slot, n * 16);
        __atomic_store_n(&w->saw, n * 16, __ATOMIC_RELEASE);
        __atomic_store_n(&w->needs, redo_end(w->in->redo) + 1, __ATOMIC_RELEASE); /* its commit record comes after this */
        commit(t);
        CHECK(see_now(w->in, w->slot) == n * 16);
    }
}

static void commit_story(void *arg)
{
    struct inst in = { 0 };
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 256, .extent_blocks = 4 });
    struct watch w = { .in = &in, .slot = 3 };
    struct fiber *f[3];
    for (uint32_t i = 0; i < 2; i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "watcher", .worker = i }, watcher, &w);
    f[2] = rt_spawn(&(struct rt_spawn_options){ .name = "committer", .worker = 1 }, committer, &w);
    for (unsigned i = 0; i < 3; i++)
        rt_join(f[i]);
    inst_close(&in);
}
static void readers_wait_for_commits(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        run_story(commit_story, seed);
}

/* ---- many transactions in little space ----------------------------------------------------------------- */

struct bank {
    struct inst *in;
    uint32_t transfers, aborts;
    uint32_t no;
    bool may_be_cancelled; /* snapshots: by a quota, or when a busy machine lets purge wait so long that the table is full */
    bool *stop;
};
#define ACCOUNTS 8u
#define TOTAL (ACCOUNTS * 1000u)

static void transfers(void *arg)
{
    struct bank *b = arg;
    struct diag d;
    for (uint32_t n = 0; n < b->transfers; n++) {
        struct txn *t = begin(b->in, TXN_READ_COMMITTED);
        uint32_t from = (uint32_t)(rt_random() % ACCOUNTS), to = (uint32_t)(rt_random() % (ACCOUNTS - 1));
        to += to >= from;
        const uint32_t lo = MIN(from, to), hi = MAX(from, to); /* in one order: no deadlock */
        const uint64_t k = rt_random() % 50;
        /* lock both first: set them to what they are */
        for (int i = 0; i < 2; i++) {
            const uint32_t slot = i == 0 ? lo : hi;
            CHECK_OK(row_set(b->in, t, slot, 999999, &d), &d);
            const struct snapshot *s = stmt(t);
            const struct toy_row row = row_raw(b->in, slot);
            uint8_t buf[UNDO_DATA_MAX];
            struct undo_record r;
            CHECK_OK(txn_undo_read(b->in->ts, row.h.undo, txn_xid(t), b->in->seg, rowid_make(b->in->block, (uint16_t)slot), s->s, &r, buf, &d), &d);
            uint64_t v;
            memcpy(&v, r.data, 8);
            txn_stmt_end(t);
            CHECK_OK(row_set(b->in, t, slot, slot == from ? v - k : v + k, &d), &d);
        }
        if (rt_random() % 4 == 0) {
            txn_rollback(t);
            b->aborts++;
        } else {
            commit(t);
        }
    }
}

static void auditor(void *arg)
{
    struct bank *b = arg;
    while (!__atomic_load_n(b->stop, __ATOMIC_ACQUIRE)) {
        struct txn *t = begin(b->in, TXN_REPEATABLE_READ);
        for (int i = 0; i < 3; i++) {
            const struct snapshot *s = stmt(t);
            struct diag d;
            uint64_t sum = 0;
            enum err err = ERR_OK;
            for (uint32_t a = 0; a < ACCOUNTS && !err; a++) {
                uint64_t v;
                err = row_get(b->in, s, a, &v, &d);
                sum += v;
                rt_sleep(RT_US(rt_random() % 300));
            }
            txn_stmt_end(t);
            CHECK(err == ERR_OK || (err == ERR_SNAPSHOT_TOO_OLD && b->may_be_cancelled));
            CHECK(err || sum == TOTAL);
        }
        commit(t);
    }
}

static void bank_run(const struct inst_options *o, uint32_t per_fiber)
{
    struct inst in = { 0 };
    bool stop = false;
    inst_open(&in, o);
    struct txn *t = begin(&in, TXN_READ_COMMITTED);
    for (uint32_t a = 0; a < ACCOUNTS; a++)
        set(&in, t, a, 1000);
    commit(t);
    struct bank banks[6];
    struct fiber *f[6];
    for (uint32_t i = 0; i < 6; i++) {
        banks[i] = (struct bank){ .in = &in, .transfers = per_fiber, .no = i, .stop = &stop,
                                  .may_be_cancelled = in.to.undo_quota_blocks != 0 || strcmp(toy_dir, "/db") != 0 };
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = i < 4 ? "transfers" : "auditor", .worker = i % 2 }, i < 4 ? transfers : auditor, &banks[i]);
    }
    for (uint32_t i = 0; i < 4; i++)
        rt_join(f[i]);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    rt_join(f[4]);
    rt_join(f[5]);
    uint64_t sum = 0;
    for (uint32_t a = 0; a < ACCOUNTS; a++)
        sum += see_now(&in, a);
    CHECK(sum == TOTAL);
    rt_sleep(RT_SEC(1)); /* purge goes on */
    struct txn_stats st;
    txn_stats(in.ts, &st);
    CHECK(st.commits + st.rollbacks == 4 * per_fiber + 1);
    CHECK(st.purged == 4 * per_fiber + 1);
    inst_close(&in);
}

static void little_table_story(void *arg)
{
    bank_run(&(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 64, .extent_blocks = 1 }, 120);
}
static void tables_and_undo_are_recycled(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        run_story(little_table_story, seed);
}

/* A worker that has not used up its chunk of sequences goes on with it, long after the other one has filled the table several times. */
static void one_write(void *arg)
{
    struct inst *in = arg;
    struct txn *t = begin(in, TXN_READ_COMMITTED);
    set(in, t, 0, 1);
    commit(t);
}

static void many_writes(void *arg)
{
    struct inst *in = arg;
    for (uint32_t i = 0; i < 300; i++) {
        struct txn *t = begin(in, TXN_READ_COMMITTED);
        set(in, t, 1 + i % 8, i + 1);
        commit(t);
        if (i % 16 == 0)
            rt_sleep(RT_MS(100)); /* purge passes them */
    }
}

/* R9: "below the bound" means ended. */
static void late_write(void *arg)
{
    struct inst *in = arg;
    struct txn *t = begin(in, TXN_READ_COMMITTED);
    set(in, t, 20, 1);
    for (int i = 0; i < 4; i++) {
        uint64_t upto;
        scn_t scn;
        tt_recycled(in->ts, &upto, &scn);
        CHECK(xid_seq(txn_xid(t)) >= upto);
        rt_sleep(RT_SEC(1)); /* the bound is found anew */
    }
    txn_rollback(t);
}

static void on_worker(uint32_t worker, void (*fn)(void *), struct inst *in)
{
    rt_join(rt_spawn(&(struct rt_spawn_options){ .name = "writes", .worker = worker }, fn, in));
}

static void late_sequence_story(void *arg)
{
    struct inst in = { 0 };
    uint64_t upto;
    scn_t scn;
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 64, .extent_blocks = 1 });
    on_worker(0, one_write, &in);
    on_worker(1, many_writes, &in);
    rt_sleep(RT_SEC(3));
    on_worker(0, late_write, &in);
    for (int i = 0; i < 3; i++) /* and the bound moves on when both have moved on */
        on_worker(0, many_writes, &in);
    rt_sleep(RT_SEC(3));
    tt_recycled(in.ts, &upto, &scn);
    CHECK(upto > 64);
    inst_close(&in);
}
static void what_is_still_to_come_is_not_recycled(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_story(late_sequence_story, seed);
}

/* The same on real threads, for sanitizers. */
static void on_real_threads(void **state)
{
    struct diag d;
    char dir[] = "/tmp/rustydb-txn-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    toy_dir = dir;
    assert_int_equal(rt_run(&(struct rt_options){ .workers = 2 }, little_table_story, NULL, &d), ERR_OK);
    toy_dir = "/db";
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void quota_story(void *arg)
{
    struct inst in = { 0 };
    struct diag d;
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 4096, .extent_blocks = 2, .quota_blocks = 16 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED), *old = begin(&in, TXN_REPEATABLE_READ);
    set(&in, t, 1, 1);
    commit(t);
    const struct snapshot *s = stmt(old);
    CHECK(see(&in, s, 1) == 1);
    for (uint64_t n = 0; n < 3000; n++) {
        t = begin(&in, TXN_READ_COMMITTED);
        set(&in, t, 1 + n % 4, n);
        commit(t);
    }
    uint64_t v;
    CHECK(row_get(&in, s, 1, &v, &d) == ERR_SNAPSHOT_TOO_OLD); /* R10: it was cancelled; writers were not stopped */
    CHECK(txn_snapshot_check(in.ts, s, &d) == ERR_SNAPSHOT_TOO_OLD);
    txn_rollback(old);
    struct txn_stats st;
    uint64_t blocks;
    txn_stats(in.ts, &st);
    CHECK(st.cancelled == 1);
    CHECK_OK(files_size(in.files, FILE_UNDO_BASE + 1, &blocks, &d), &d);
    CHECK(blocks < 1 + in.ts->geo.blocks + 40);
    inst_close(&in);
}
static void quota_cancels_the_oldest_snapshot(void **state) { run_story(quota_story, 5); }

static void held_story(void *arg)
{
    struct inst in = { 0 };
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 4096, .extent_blocks = 2 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED), *old = begin(&in, TXN_REPEATABLE_READ);
    set(&in, t, 1, 1);
    commit(t);
    const struct snapshot *s = stmt(old);
    for (uint64_t n = 0; n < 1000; n++) {
        t = begin(&in, TXN_READ_COMMITTED);
        set(&in, t, 1, n + 2);
        commit(t);
        if (n % 50 == 0)
            rt_sleep(RT_MS(60)); /* purge has its chance */
    }
    CHECK(see(&in, s, 1) == 1); /* through a thousand versions */
    CHECK(txn_horizon(in.ts) <= s->s);
    struct txn_hold *h = txn_hold(in.ts, s);
    const struct snapshot kept = *s;
    commit(old);
    rt_sleep(RT_MS(200));
    CHECK(see(&in, &kept, 1) == 1);
    txn_hold_end(h);
    rt_sleep(RT_MS(200));
    struct diag d;
    uint64_t v;
    CHECK(row_get(&in, &kept, 1, &v, &d) == ERR_SNAPSHOT_TOO_OLD);
    CHECK(in.purged > 0);
    inst_close(&in);
}
static void snapshots_hold_undo(void **state) { run_story(held_story, 6); }

static void retention_story(void *arg)
{
    struct inst in = { 0 };
    struct diag d;
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 4096, .extent_blocks = 2, .retention_secs = 60 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED);
    set(&in, t, 1, 1);
    const struct snapshot past = { .s = commit(t) };
    for (uint64_t n = 0; n < 100; n++) {
        t = begin(&in, TXN_READ_COMMITTED);
        set(&in, t, 1, n + 2);
        commit(t);
    }
    rt_sleep(RT_SEC(50));
    CHECK(see(&in, &past, 1) == 1); /* nobody holds it, it is young enough */
    rt_sleep(RT_SEC(20));
    uint64_t v;
    CHECK(row_get(&in, &past, 1, &v, &d) == ERR_SNAPSHOT_TOO_OLD);
    inst_close(&in);
}
static void undo_is_kept_for_a_while(void **state) { run_story(retention_story, 7); }

/* ---- crash ---------------------------------------------------------------------------------------------- */

static struct {
    uint64_t committed[ROWS]; /* acknowledged values */
    uint64_t tried[ROWS];
    uint64_t seq;
    lsn_t durable; /* by the redo writer's word */
} crash;

static void crashing_writer(void *arg)
{
    struct inst *in = arg;
    for (;;) {
        struct txn *t = begin(in, TXN_READ_COMMITTED);
        const uint32_t base = rt_worker() * 32;
        uint64_t v[8];
        struct txn_mark m = { 0 };
        for (uint32_t i = 0; i < 8; i++) {
            const uint32_t slot = base + (uint32_t)(rt_random() % 4) + 4 * i;
            v[i] = (uint64_t)slot << 32 | ++crash.seq;
            if (i == 4)
                m = txn_savepoint(t);
            set(in, t, slot, v[i]);
            crash.tried[slot] = MAX(crash.tried[slot], v[i]);
        }
        const unsigned what = (unsigned)(rt_random() % 4);
        if (what == 0) {
            txn_rollback(t);
            continue;
        }
        if (what == 1)
            txn_rollback_to(t, m);
        commit(t);
        crash.durable = redo_durable(in->redo);
        for (uint32_t i = 0; i < (what == 1 ? 4u : 8u); i++)
            crash.committed[(uint32_t)(v[i] >> 32)] = v[i];
    }
}

static void crash_first(void *arg)
{
    static struct inst in;
    memset(&in, 0, sizeof(in));
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 32, .extent_blocks = 2 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED);
    for (uint32_t i = 0; i < ROWS; i++) {
        crash.committed[i] = crash.tried[i] = (uint64_t)i << 32;
        set(&in, t, i, crash.committed[i]);
    }
    commit(t);
    struct fiber *f[4];
    for (uint32_t i = 0; i < 4; i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "writer", .worker = i % 2 }, crashing_writer, &in);
    for (uint32_t i = 0; i < 4; i++)
        rt_join(f[i]);
}

static void crash_second(void *arg)
{
    struct inst in = { 0 };
    struct diag d;
    scn_t scn = 0;
    uint64_t n, again;
    const lsn_t start = toy_recover(1, &scn);
    in.scn.now = scn;
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 2, .redo_start = start, .xid_seq_start = 1 << 20 });
    CHECK_OK(txn_recover_thread(in.ts, 1, &n, &d), &d);
    CHECK_OK(txn_recover_thread(in.ts, 1, &again, &d), &d);
    CHECK(again == 0);
    CHECK(start >= crash.durable);
    for (uint32_t i = 0; i < ROWS; i++) {
        /* Each row shows its last acknowledged value, or a later one whose commit was on its way. */
        const uint64_t v = see_now(&in, i);
        if (v >> 32 != i || v < crash.committed[i] || v > crash.tried[i])
            panic("row %u: %" PRIx64 ", acknowledged %" PRIx64 ", tried %" PRIx64, i, v, crash.committed[i], crash.tried[i]);
    }
    struct txn *t = begin(&in, TXN_READ_COMMITTED);
    for (uint32_t i = 0; i < ROWS; i++)
        set(&in, t, i, 7);
    commit(t);
    rt_sleep(RT_MS(300));
    CHECK(see_now(&in, 5) == 7);
    inst_close(&in);
}

static void crash_test(void *arg)
{
    const uint64_t *seed = arg;
    struct sim *s = sim_self();
    sim_host_start(s, 1, crash_first, NULL);
    rt_sleep(RT_MS(30 + 13 * *seed));
    if (*seed % 2 == 0)
        sim_power_loss(s);
    else
        sim_kill_host(s, 1);
    sim_host_start(s, 2, crash_second, NULL);
}

static void a_crash_loses_nothing(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct sim_options opt = sim_default;
        opt.seed = seed;
        memset(&crash, 0, sizeof(crash));
        struct sim *s = sim_new(&opt);
        sim_spawn_test(s, crash_test, &seed);
        assert_true(sim_run(s, RT_SEC(3600)));
        sim_free(s);
    }
}

/* ---- a damaged block ------------------------------------------------------------------------------------- */

static bool damage_may_strike;

static void damage_first(void *arg)
{
    static struct inst in;
    memset(&in, 0, sizeof(in));
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 32, .extent_blocks = 2 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED), *open = begin(&in, TXN_READ_COMMITTED);
    set(&in, t, 1, 1);
    commit(t);
    set(&in, open, 2, 2);
    redo_flush(in.redo, redo_end(in.redo));
    damage_may_strike = true;
}

/* The block decays between the replay of the redo and the rollback: the database opens all the same, and the block says that it is damaged. */
static void damage_second(void *arg)
{
    struct inst in = { 0 };
    struct diag d;
    scn_t scn = 0;
    uint64_t n, again;
    struct rt_file *f = NULL;
    const lsn_t start = toy_recover(1, &scn);
    in.scn.now = scn;
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 2, .redo_start = start, .xid_seq_start = 1 << 20 });
    CHECK_OK(rt_open("/db/data/main.dbf", RT_OPEN_WRITE, &f, &d), &d);
    CHECK_OK(rt_pwrite(f, "decay", 5, (uint64_t)dba_block(in.block) * BLOCK_SIZE + 1000, &d), &d);
    rt_close(f);
    CHECK_OK(txn_recover_thread(in.ts, 1, &n, &d), &d);
    CHECK_OK(txn_recover_thread(in.ts, 1, &again, &d), &d);
    CHECK(n == 1 && again == 0);
    CHECK(in.undone == 0);
    struct pin *b;
    CHECK(buf_pin(in.bc, in.block, BUF_S, &b, &d) == ERR_CORRUPT);
    inst_close(&in);
}

static void damage_test(void *arg)
{
    damage_may_strike = false;
    sim_host_start(sim_self(), 1, damage_first, NULL);
    while (!damage_may_strike)
        rt_sleep(RT_MS(1));
    sim_kill_host(sim_self(), 1);
    sim_host_start(sim_self(), 2, damage_second, NULL);
}

static void a_damaged_block_does_not_keep_the_database_closed(void **state)
{
    struct sim *s = sim_new(&sim_default);
    sim_spawn_test(s, damage_test, NULL);
    assert_true(sim_run(s, RT_SEC(3600)));
    sim_free(s);
}

/* ---- full disk ------------------------------------------------------------------------------------------- */

static void disk_full_story(void *arg)
{
    struct inst in = { 0 };
    struct diag d;
    inst_open(&in, &(struct inst_options){ .node = 1, .thread = 1, .incarnation = 1, .create = true, .tt_entries = 64, .extent_blocks = 2 });
    struct txn *t = begin(&in, TXN_READ_COMMITTED), *u = begin(&in, TXN_READ_COMMITTED);
    set(&in, u, 9, 1);
    set(&in, t, 1, 1);
    commit(t);
    sim_set_disk_limit(sim_self(), 1);
    t = begin(&in, TXN_READ_COMMITTED);
    enum err err = ERR_OK;
    uint32_t n = 0;
    for (; n < 100000 && !err; n++)
        err = row_set(&in, t, 1, 2 + n, &d);
    CHECK(err == ERR_DISK_FULL);
    txn_rollback(t); /* needs no space */
    CHECK(see_now(&in, 1) == 1);
    commit(u);
    CHECK(see_now(&in, 9) == 1);
    sim_set_disk_limit(sim_self(), 0);
    inst_close(&in);
}
static void a_full_disk_fails_the_statement(void **state) { run_story(disk_full_story, 8); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sees_what),
        cmocka_unit_test(rollback_restores),
        cmocka_unit_test(readers_wait_for_commits),
        cmocka_unit_test(tables_and_undo_are_recycled),
        cmocka_unit_test(what_is_still_to_come_is_not_recycled),
        cmocka_unit_test(on_real_threads),
        cmocka_unit_test(quota_cancels_the_oldest_snapshot),
        cmocka_unit_test(snapshots_hold_undo),
        cmocka_unit_test(undo_is_kept_for_a_while),
        cmocka_unit_test(a_crash_loses_nothing),
        cmocka_unit_test(a_damaged_block_does_not_keep_the_database_closed),
        cmocka_unit_test(a_full_disk_fails_the_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
