/*
 * Many transactions at once against a model: what each snapshot saw must be what had been committed at or below it, each change must
 * build on the version committed before it, and unique keys must be unique.
 */
#include "db.h"

#define KEYS 40u
#define EVENTS_MAX 20000u
#define READS_MAX 200000u

/* A committed change of a key: which version it found (0: none) and left (0: none). */
struct event {
    uint32_t key;
    scn_t scn;
    uint32_t order; /* within the transaction */
    uint64_t from, to;
};
struct read {
    uint32_t key;
    scn_t s;
    uint64_t version;
};

struct world {
    struct db db;
    const char *dir; /* NULL: in the simulation */
    struct rt_spin lock; /* of the lists, on real threads */
    struct event event[EVENTS_MAX];
    uint32_t nevents;
    struct read read[READS_MAX];
    uint32_t nreads;
    uint64_t next_version;
    uint32_t done, commits, rollbacks, unique_errors, changed, gone;
    uint32_t transactions; /* each writer's */
    bool stop;
    struct pending *doubt[6]; /* by writer: its commit is under way */
    uint32_t nwriters;
};

struct pending {
    struct event e[64];
    uint32_t n;
};

static uint32_t pick(uint32_t n) { return (uint32_t)(rt_random() % n); }

static void note_read(struct world *w, const struct snapshot *s, uint32_t key, uint64_t version)
{
    rt_spin_lock(&w->lock);
    CHECK(w->nreads < READS_MAX);
    w->read[w->nreads++] = (struct read){ key, s->s, version };
    rt_spin_unlock(&w->lock);
}

static uint64_t new_version(struct world *w) { return __atomic_add_fetch(&w->next_version, 1, __ATOMIC_RELAXED); }

static void count(uint32_t *n) { __atomic_add_fetch(n, 1, __ATOMIC_RELAXED); }

/* ---- a transaction ------------------------------------------------------------------------ */

static void note(struct pending *p, uint32_t key, uint64_t from, uint64_t to)
{
    CHECK(p->n < ARRAY_LEN(p->e));
    p->e[p->n] = (struct event){ .key = key, .order = p->n, .from = from, .to = to };
    p->n++;
}

/* The row has changed since the snapshot: looks at it anew, as READ COMMITTED does. */
static bool look_again(struct world *w, const struct snapshot *s, struct heap_write *hw, enum heap_outcome out, uint32_t key, struct val *old,
                       struct arena *arena)
{
    if (out == HEAP_GONE)
        count(&w->gone);
    CHECK(out != HEAP_SELF && out != HEAP_SKIPPED);
    if (out != HEAP_CHANGED)
        return false;
    count(&w->changed);
    const struct snapshot now = { .s = scn_now(&w->db.scn), .own = s->own, .stmt = s->stmt };
    *old = db_read(&w->db, &now, &hw->ret_row, arena);
    hw->accept_newer = true;
    hw->seen_writer = hw->ret_writer;
    return old->key == key;
}

enum what { INSERT, UPDATE, DELETE, MOVE_KEY, LOCK, WHATS };

static enum err change_row(struct world *w, struct txn *t, enum what what, uint32_t key, struct pending *p, struct arena *arena, struct diag *d)
{
    const struct snapshot *s;
    struct val old, v;
    struct rowid rowid;
    struct heap_write hw = { 0 };
    enum heap_outcome out = HEAP_GONE;
    CHECK_OK(txn_stmt_begin(t, &s, d), d);
    enum err err = ERR_OK;
    const bool there = db_lookup(&w->db, s, key, &old, &rowid, arena);
    if (what == INSERT) {
        v = (struct val){ key, new_version(w) };
        err = db_insert(&w->db, t, v, arena, &rowid, d);
        if (!err)
            note(p, key, 0, v.version);
        txn_stmt_end(t);
        return err;
    }
    while (there && !err) {
        v = (struct val){ what == MOVE_KEY ? key + 1 : key, what == LOCK ? old.version : new_version(w) };
        const uint64_t from = old.version;
        if (what == LOCK) {
            hw.seg = w->db.table;
            hw.rowid = rowid;
            hw.arena = arena;
            err = heap_lock(w->db.access, t, &hw, &out, d);
        } else if (what == DELETE) {
            hw.arena = arena;
            err = db_delete(&w->db, t, rowid, old, &hw, &out, d);
        } else {
            err = db_update(&w->db, t, rowid, old, v, &hw, &out, arena, d);
        }
        if (err)
            break;
        if (out == HEAP_DONE) {
            if (what == DELETE || what == MOVE_KEY)
                note(p, key, from, 0);
            if (what == MOVE_KEY)
                note(p, key + 1, 0, v.version);
            if (what == UPDATE)
                note(p, key, from, v.version);
            break;
        }
        if (!look_again(w, s, &hw, out, key, &old, arena))
            break;
    }
    txn_stmt_end(t);
    return err;
}

static void finish(struct world *w, uint32_t me, struct txn *t, const struct pending *p, bool commit)
{
    struct diag d;
    scn_t c;
    if (!commit) {
        txn_rollback(t);
        count(&w->rollbacks);
        return;
    }
    w->doubt[me] = memcpy(malloc(sizeof(*p)), p, sizeof(*p)); /* outlives a crash */
    CHECK_OK(txn_commit(t, &c, &d), &d);
    count(&w->commits);
    rt_spin_lock(&w->lock);
    for (uint32_t i = 0; i < p->n; i++) {
        CHECK(w->nevents < EVENTS_MAX);
        w->event[w->nevents] = p->e[i];
        w->event[w->nevents++].scn = c;
    }
    rt_spin_unlock(&w->lock);
    free(w->doubt[me]);
    w->doubt[me] = NULL;
}

static void one_transaction(struct world *w, uint32_t me, struct arena *arena)
{
    struct diag d;
    struct txn *t;
    struct pending p = { .n = 0 };
    bool commit = pick(5) != 0;
    CHECK_OK(txn_begin(w->db.ts, TXN_READ_COMMITTED, &t, &d), &d);
    uint32_t key = pick(KEYS);
    for (unsigned i = 1 + pick(4); i && key < KEYS; i--) { /* rising keys: no deadlocks */
        const struct txn_mark mark = txn_savepoint(t);
        const uint32_t n = p.n;
        const enum what what = (enum what)pick(WHATS);
        const enum err err = change_row(w, t, what, key, &p, arena, &d);
        if (err == ERR_UNIQUE)
            count(&w->unique_errors);
        else if (err)
            panic("%s", d.message);
        if (err || pick(8) == 0) {
            txn_rollback_to(t, mark);
            p.n = n;
        }
        key += pick(3) + (what == MOVE_KEY ? 1 : 0);
        if (pick(4) == 0)
            rt_sleep(RT_US(pick(2000)));
    }
    finish(w, me, t, &p, commit);
}

static void writer(void *arg)
{
    struct world *w = arg;
    struct arena *arena = arena_new("writer", 0);
    const uint32_t me = __atomic_fetch_add(&w->nwriters, 1, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < w->transactions; i++) {
        one_transaction(w, me, arena);
        arena_reset(arena);
        count(&w->done);
    }
    arena_free(arena);
}

/* ---- readers -------------------------------------------------------------------------------- */

static void scan_table(struct world *w, const struct snapshot *s, struct arena *arena, uint64_t *seen)
{
    struct diag d;
    struct heap_scan *sc;
    struct heap_row *rows = arena_alloc(arena, sizeof(*rows) * HEAP_SCAN_MIN);
    uint32_t n;
    CHECK_OK(heap_scan_open(w->db.access, w->db.table, s, &sc, &d), &d);
    for (;;) {
        CHECK_OK(heap_scan_next(sc, arena, rows, HEAP_SCAN_MIN, &n, &d), &d);
        if (!n)
            break;
        for (uint32_t i = 0; i < n; i++) {
            const struct val v = db_read(&w->db, s, &rows[i], arena);
            CHECK(v.key <= KEYS);
            CHECK(seen[v.key] == 0);
            seen[v.key] = v.version;
        }
    }
    heap_scan_close(sc);
}

static void scan_index(struct world *w, const struct snapshot *s, bool backward, struct arena *arena, uint64_t *seen)
{
    struct diag d;
    struct btree_scan *sc;
    struct btree_entry e[7];
    uint32_t n;
    int64_t last = -1;
    const struct btree_range range = { .backward = backward };
    CHECK_OK(btree_scan_open(w->db.access, w->db.by_key, s, &range, &sc, &d), &d);
    for (;;) {
        CHECK_OK(btree_scan_next(sc, arena, e, ARRAY_LEN(e), &n, &d), &d);
        if (!n)
            break;
        for (uint32_t i = 0; i < n; i++) {
            struct heap_row row;
            bool there;
            const uint32_t key = get_u32be(e[i].key);
            CHECK(last < 0 || (backward ? key <= last : key >= last));
            last = key;
            CHECK_OK(heap_fetch(w->db.access, s, w->db.table, e[i].rowid, arena, &row, &there, &d), &d);
            if (!there)
                continue;
            const struct val v = db_read(&w->db, s, &row, arena);
            if (v.key != key)
                continue;
            CHECK(seen[key] == 0);
            seen[key] = v.version;
        }
        if (pick(3) == 0)
            rt_sleep(RT_US(pick(500)));
    }
    btree_scan_close(sc);
}

static void reader(void *arg)
{
    struct world *w = arg;
    struct arena *arena = arena_new("reader", 0);
    while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
        struct diag d;
        struct txn *t;
        const struct snapshot *s;
        CHECK_OK(txn_begin(w->db.ts, TXN_REPEATABLE_READ, &t, &d), &d);
        for (unsigned i = 0; i < 3; i++) { /* the same snapshot, later: sees the same */
            uint64_t seen[KEYS + 1] = { 0 };
            CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
            switch (pick(4)) {
            case 0:
                scan_table(w, s, arena, seen);
                break;
            case 1:
                scan_index(w, s, false, arena, seen);
                break;
            case 2:
                scan_index(w, s, true, arena, seen);
                break;
            case 3:
                for (uint32_t key = 0; key <= KEYS; key++) {
                    struct val v;
                    struct rowid rowid;
                    if (db_lookup(&w->db, s, key, &v, &rowid, arena))
                        seen[key] = v.version;
                }
                break;
            }
            for (uint32_t key = 0; key <= KEYS; key++)
                note_read(w, s, key, seen[key]);
            txn_stmt_end(t);
            arena_reset(arena);
            rt_sleep(RT_US(pick(5000)));
        }
        txn_rollback(t);
    }
    arena_free(arena);
}

/* ---- judgement --------------------------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->scn != y->scn)
        return x->scn < y->scn ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static uint64_t version_at(const struct world *w, uint32_t key, scn_t s)
{
    uint64_t version = 0;
    for (uint32_t i = 0; i < w->nevents; i++)
        if (w->event[i].key == key && w->event[i].scn <= s)
            version = w->event[i].to;
    return version;
}

static void judge(struct world *w)
{
    qsort(w->event, w->nevents, sizeof(w->event[0]), by_order);
    for (uint32_t i = 0; i < w->nevents; i++) {
        const struct event *e = &w->event[i];
        const uint64_t before = i && w->event[i - 1].key == e->key ? w->event[i - 1].to : 0;
        if (e->from != before)
            panic("key %u: a change at SCN %" PRIu64 " built on version %" PRIu64 ", committed before it was %" PRIu64, e->key, e->scn, e->from, before);
    }
    for (uint32_t i = 0; i < w->nreads; i++) {
        const struct read *r = &w->read[i];
        const uint64_t want = version_at(w, r->key, r->s);
        if (r->version != want)
            panic("key %u at SCN %" PRIu64 ": read version %" PRIu64 ", committed was %" PRIu64, r->key, r->s, r->version, want);
    }
}

static void read_all(struct world *w, uint64_t *seen)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    struct arena *arena = arena_new("all", 0);
    CHECK_OK(txn_begin(w->db.ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    scan_table(w, s, arena, seen);
    for (uint32_t key = 0; key <= KEYS; key++)
        note_read(w, s, key, seen[key]);
    uint64_t again[KEYS + 1] = { 0 };
    scan_index(w, s, true, arena, again);
    CHECK(memcmp(seen, again, sizeof(again)) == 0);
    txn_stmt_end(t);
    txn_rollback(t);
    arena_free(arena);
}

static void check_nothing_left(struct world *w)
{
    struct db_census c;
    uint64_t seen[KEYS + 1] = { 0 }, live = 0, overflow = 0;
    for (unsigned i = 0; i < 100; i++) { /* until purge has caught up */
        rt_sleep(RT_MS(500));
        db_census(&w->db, &c);
        if (c.marked == 0 && c.deleted <= 1)
            break;
        struct diag d; /* something to commit, so that the horizon moves */
        struct txn *t;
        scn_t ignored;
        CHECK_OK(txn_begin(w->db.ts, TXN_READ_COMMITTED, &t, &d), &d);
        CHECK_OK(txn_need_xid(t, &d), &d);
        CHECK_OK(txn_commit(t, &ignored, &d), &d);
    }
    read_all(w, seen);
    for (uint32_t key = 0; key <= KEYS; key++) {
        if (!seen[key])
            continue;
        live++;
        const uint32_t len = db_pad_len((struct val){ key, seen[key] });
        overflow += len > HEAP_BODY_MAX ? (len + 8095) / 8096 : 0;
    }
    if (c.marked || c.rows != live || c.entries != 2 * live || c.overflow_blocks > overflow + 4)
        panic("left behind: %" PRIu64 " rows (%" PRIu64 " live), %" PRIu64 " deleted, %" PRIu64 " moved, %" PRIu64 " entries, %" PRIu64
              " marked, %" PRIu64 " overflow blocks (%" PRIu64 " live)",
              c.rows, live, c.deleted, c.moved, c.entries, c.marked, c.overflow_blocks, overflow);
    CHECK(c.moved <= live);
}

static void story(void *arg)
{
    struct world *w = arg;
    struct fiber *f[9];
    db_open(&w->db, &(struct db_options){ .create = true, .incarnation = 1, .cache_blocks = 400, .dir = w->dir });
    for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "fiber", .worker = i % rt_workers() }, i < 6 ? writer : reader, w);
        CHECK(f[i]);
    }
    for (unsigned i = 0; i < 6; i++)
        rt_join(f[i]);
    __atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 6; i < ARRAY_LEN(f); i++)
        rt_join(f[i]);
    check_nothing_left(w);
    struct access_stats st;
    access_stats(w->db.access, &st);
    if (getenv("VERBOSE"))
        fprintf(stderr, "commits %u rollbacks %u unique %u changed %u gone %u reads %u rebuilt %" PRIu64 " forwarded %" PRIu64 " purged %" PRIu64 "/%" PRIu64
                " splits %" PRIu64 " overflow %" PRIu64 " waits %" PRIu64 "\n", w->commits, w->rollbacks, w->unique_errors, w->changed, w->gone, w->nreads,
                st.versions_rebuilt, st.rows_forwarded, st.rows_purged, st.index_purged, st.index_splits, st.overflow_pieces, st.unique_waits);
    const lsn_t end = db_close(&w->db);
    judge(w);
    db_compare_replay(w->dir);
    uint64_t seen[KEYS + 1] = { 0 }; /* and after a restart everything is there */
    db_open(&w->db, &(struct db_options){ .incarnation = 2, .redo_start = end, .xid_seq_start = 1 << 20, .dir = w->dir });
    read_all(w, seen);
    judge(w);
    db_close(&w->db);
}

static void transactions_agree_with_the_model(void **state)
{
    const char *one = getenv("SEED");
    const uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : 12;
    for (uint64_t seed = from; seed <= to; seed++) {
        struct world *w = calloc(1, sizeof(*w));
        w->transactions = 60;
        db_simulate(seed, seed % 2 == 0, story, w);
        free(w);
    }
}

static void the_same_on_real_threads(void **state)
{
    const struct rt_options opt = { .workers = 3 };
    struct diag d;
    char dir[] = "/tmp/rustydb-access-XXXXXX", command[100];
    struct world *w = calloc(1, sizeof(*w));
    w->dir = mkdtemp(dir);
    assert_non_null(w->dir);
    w->transactions = 150;
    if (rt_run(&opt, story, w, &d))
        fail_msg("%s", d.message);
    free(w);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

/* ---- crashes ---------------------------------------------------------------------------------- */

static void crash_first(void *arg)
{
    struct world *w = arg;
    struct fiber *f[6];
    db_open(&w->db, &(struct db_options){ .create = true, .incarnation = 1, .cache_blocks = 400 });
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "writer", .worker = i % 3 }, writer, w);
    for (;;) { /* blocks are written all the time */
        struct diag d;
        lsn_t ignored;
        rt_sleep(RT_MS(3));
        CHECK_OK(bufcache_checkpoint(w->db.bc, &ignored, &d), &d);
    }
}

/* A commit that was under way has happened wholly or not at all. */
static void judge_doubt(struct world *w, const struct pending *p, const uint64_t *seen)
{
    uint64_t before[KEYS + 1], after[KEYS + 1];
    bool none = true, all = true;
    for (uint32_t key = 0; key <= KEYS; key++)
        before[key] = after[key] = version_at(w, key, SCN_MAX);
    for (uint32_t i = 0; i < p->n; i++)
        after[p->e[i].key] = p->e[i].to;
    for (uint32_t i = 0; i < p->n; i++) {
        const uint32_t key = p->e[i].key;
        none &= seen[key] == before[key];
        all &= seen[key] == after[key];
    }
    CHECK(none || all);
    if (!all)
        return;
    for (uint32_t i = 0; i < p->n; i++) {
        w->event[w->nevents] = p->e[i];
        w->event[w->nevents++].scn = SCN_MAX - 1;
    }
}

static void crash_second(void *arg)
{
    struct world *w = arg;
    struct diag d;
    scn_t scn = 0;
    uint64_t n, seen[KEYS + 1] = { 0 };
    const lsn_t start = db_replay(&scn);
    w->db.scn.now = scn;
    db_open(&w->db, &(struct db_options){ .incarnation = 2, .redo_start = ALIGN_UP(start, 8 << 20) + (8 << 20), .xid_seq_start = 1 << 20 });
    CHECK_OK(txn_recover_thread(w->db.ts, 1, &n, &d), &d);
    w->nreads = 0;
    read_all(w, seen);
    w->nreads = 0;
    qsort(w->event, w->nevents, sizeof(w->event[0]), by_order);
    for (unsigned i = 0; i < ARRAY_LEN(w->doubt); i++)
        if (w->doubt[i])
            judge_doubt(w, w->doubt[i], seen);
    for (uint32_t key = 0; key <= KEYS; key++)
        if (seen[key] != version_at(w, key, SCN_MAX))
            panic("key %u: version %" PRIu64 " after the crash, acknowledged was %" PRIu64, key, seen[key], version_at(w, key, SCN_MAX));
    check_nothing_left(w);
    w->nreads = 0;
    db_close(&w->db);
    w->stop = true;
}

struct crash {
    struct world *w;
    uint64_t seed;
};

static void crash_story(void *arg)
{
    const struct crash *c = arg;
    struct sim *s = sim_self();
    sim_host_start(s, 1, crash_first, c->w);
    rt_sleep(RT_MS(20 + 7 * (c->seed % 23)));
    if (c->seed % 2)
        sim_power_loss(s);
    else
        sim_kill_host(s, 1);
    sim_host_start(s, 2, crash_second, c->w);
}

static void a_crash_loses_no_acknowledged_change(void **state)
{
    const char *one = getenv("SEED");
    const uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : 16;
    for (uint64_t seed = from; seed <= to; seed++) {
        struct crash c = { calloc(1, sizeof(*c.w)), seed };
        const struct sim_options opt = { .seed = seed, .hosts = 2, .workers = 3, .disk_min_us = 20, .disk_max_us = 100, .sync_min_us = 100,
                                         .sync_max_us = 500, .preempt = seed % 3 == 0 };
        c.w->transactions = 1000;
        struct sim *s = sim_new(&opt);
        sim_spawn_test(s, crash_story, &c);
        assert_true(sim_run(s, RT_SEC(36000)));
        assert_true(c.w->stop);
        sim_free(s);
        for (unsigned i = 0; i < ARRAY_LEN(c.w->doubt); i++)
            free(c.w->doubt[i]);
        free(c.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_agree_with_the_model),
        cmocka_unit_test(the_same_on_real_threads),
        cmocka_unit_test(a_crash_loses_no_acknowledged_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
