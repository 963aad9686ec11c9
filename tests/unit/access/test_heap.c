/*
 * Tables and sequences: many rows at once, parallel scans, moved rows, locks
 * and what a statement finds changed.
 */
#include "db.h"

static uint32_t pick(uint32_t n) { return (uint32_t)(rt_random() % n); }

static struct txn *begin_iso(struct db *db, enum txn_isolation iso)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    CHECK_OK(txn_begin(db->ts, iso, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    return t;
}
static struct txn *begin(struct db *db) { return begin_iso(db, TXN_READ_COMMITTED); }

static void commit(struct txn *t)
{
    struct diag d;
    scn_t ignored;
    txn_stmt_end(t);
    CHECK_OK(txn_commit(t, &ignored, &d), &d);
}

static void rollback(struct txn *t)
{
    txn_stmt_end(t);
    txn_rollback(t);
}

static void next_stmt(struct txn *t)
{
    struct diag d;
    const struct snapshot *s;
    txn_stmt_end(t);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
}

/* ---- many rows, and a scan by several fibers -------------------------------------------------- */

#define BULK 30000u
struct bulk {
    struct db db;
    struct heap_scan *sc;
    uint8_t seen[BULK];
};

static void scanner(void *arg)
{
    struct bulk *b = arg;
    struct diag d;
    struct arena *arena = arena_new("scan", 0);
    struct heap_row rows[1000];
    uint32_t n;
    for (;;) {
        CHECK_OK(heap_scan_next(b->sc, arena, rows, ARRAY_LEN(rows), &n, &d), &d);
        if (!n)
            break;
        for (uint32_t i = 0; i < n; i++) {
            CHECK(rows[i].len >= 5);
            b->seen[get_u32le(rows[i].body + 1)]++;
        }
        arena_reset(arena);
        rt_yield();
    }
    arena_free(arena);
}

static void scan_by_four(struct bulk *b, const struct snapshot *s, uint8_t times)
{
    struct diag d;
    struct fiber *f[4];
    memset(b->seen, 0, sizeof(b->seen));
    CHECK_OK(heap_scan_open(b->db.access, b->db.table, s, &b->sc, &d), &d);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "scanner", .worker = i % 3 }, scanner, b);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        rt_join(f[i]);
    heap_scan_close(b->sc);
    for (uint32_t i = 0; i < BULK; i++)
        CHECK(b->seen[i] == times);
}

static void bulk_insert(struct bulk *b, struct txn *t)
{
    struct diag d;
    static uint8_t body[1000][400];
    const uint8_t *bodies[1000];
    uint32_t lens[1000];
    static struct rowid rowids[1000];
    for (uint32_t i = 0; i < BULK; i += 1000) {
        for (uint32_t k = 0; k < 1000; k++) {
            lens[k] = 5 + pick(k % 50 ? 60 : 390);
            memset(body[k], 0, lens[k]);
            put_u32le(body[k] + 1, i + k);
            bodies[k] = body[k];
        }
        CHECK_OK(heap_insert_many(b->db.access, t, b->db.table, 1, bodies, lens, 1000, rowids, &d), &d);
        for (uint32_t k = 0; k < 1000; k += 111) {
            struct heap_row row;
            bool found;
            struct arena *arena = arena_new("row", 0);
            const struct snapshot later = { .s = txn_snapshot(t)->s, .own = txn_xid(t), .stmt = txn_snapshot(t)->stmt + 1 };
            CHECK_OK(heap_fetch(b->db.access, txn_snapshot(t), b->db.table, rowids[k], arena, &row, &found, &d), &d);
            CHECK(!found); /* this statement's own rows */
            CHECK_OK(heap_fetch(b->db.access, &later, b->db.table, rowids[k], arena, &row, &found, &d), &d);
            CHECK(found && get_u32le(row.body + 1) == i + k);
            arena_free(arena);
        }
    }
}

static void bulk_story(void *arg)
{
    struct bulk *b = arg;
    db_open(&b->db, &(struct db_options){ .create = true, .incarnation = 1, .cache_blocks = 150 });
    struct txn *old = begin_iso(&b->db, TXN_REPEATABLE_READ);
    struct txn *t = begin(&b->db);
    bulk_insert(b, t);
    scan_by_four(b, txn_snapshot(old), 0); /* not committed: not seen */
    next_stmt(t);
    scan_by_four(b, txn_snapshot(t), 1); /* but by itself, from the next statement on */
    rollback(t);
    t = begin(&b->db);
    scan_by_four(b, txn_snapshot(t), 0);
    bulk_insert(b, t);
    commit(t);
    scan_by_four(b, txn_snapshot(old), 0);
    rollback(old);
    t = begin(&b->db);
    scan_by_four(b, txn_snapshot(t), 1);
    scan_by_four(b, txn_snapshot(t), 1);
    rollback(t);
    struct db_census c;
    db_census(&b->db, &c);
    CHECK(c.rows == BULK && c.deleted == 0);
    db_close(&b->db);
    db_compare_replay(NULL);
}

static void many_rows_are_seen_once_by_all_scanners(void **state)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct bulk *b = calloc(1, sizeof(*b));
        db_simulate(seed, seed == 2, bulk_story, b);
        free(b);
    }
}

/* ---- moved rows, both ways round (R6: two heap blocks) --------------------------------------------- */

#define MOVERS 24u
struct movers {
    struct db db;
    struct rowid rowid[MOVERS];
    uint32_t len[MOVERS];
};

static void body_of(uint8_t *body, uint32_t row, uint32_t len)
{
    for (uint32_t i = 1; i < len; i++)
        body[i] = (uint8_t)(row + i / 7 + len);
    body[0] = 0;
}

static void mover(void *arg)
{
    struct movers *m = arg;
    struct diag d;
    uint8_t body[HEAP_BODY_MAX];
    for (unsigned i = 0; i < 150; i++) {
        struct txn *t = begin(&m->db);
        const uint32_t row = pick(MOVERS), len = 50 + pick(pick(2) ? 200 : 5000);
        const bool keep = pick(4) != 0;
        struct arena *arena = arena_new("mover", 0);
        struct heap_write w = { .seg = m->db.table, .rowid = m->rowid[row], .arena = arena };
        enum heap_outcome out;
        body_of(body, row, len);
        CHECK_OK(heap_update(m->db.access, t, &w, 1, body, len, &out, &d), &d);
        while (out == HEAP_CHANGED) {
            w.accept_newer = true;
            w.seen_writer = w.ret_writer;
            CHECK_OK(heap_update(m->db.access, t, &w, 1, body, len, &out, &d), &d);
        }
        CHECK(out == HEAP_DONE);
        if (pick(3) == 0)
            rt_sleep(RT_US(pick(300)));
        if (keep) {
            m->len[row] = len; /* no other transaction can commit the row before this one has */
            commit(t);
        } else {
            rollback(t);
        }
        arena_free(arena);
    }
}

static void watcher(void *arg)
{
    struct movers *m = arg;
    struct diag d;
    uint8_t body[HEAP_BODY_MAX];
    for (unsigned i = 0; i < 200; i++) {
        struct txn *t = begin_iso(&m->db, TXN_REPEATABLE_READ);
        struct arena *arena = arena_new("watcher", 0);
        struct heap_row first, again;
        bool found;
        const uint32_t row = pick(MOVERS);
        CHECK_OK(heap_fetch(m->db.access, txn_snapshot(t), m->db.table, m->rowid[row], arena, &first, &found, &d), &d);
        CHECK(found);
        body_of(body, row, first.len);
        CHECK(memcmp(body, first.body, first.len) == 0);
        rt_sleep(RT_US(pick(3000)));
        CHECK_OK(heap_fetch(m->db.access, txn_snapshot(t), m->db.table, m->rowid[row], arena, &again, &found, &d), &d);
        CHECK(found && again.len == first.len && memcmp(again.body, first.body, first.len) == 0);
        rollback(t);
        arena_free(arena);
    }
}

static void movers_story(void *arg)
{
    struct movers *m = arg;
    struct diag d;
    struct fiber *f[10];
    uint8_t body[400];
    db_open(&m->db, &(struct db_options){ .create = true, .incarnation = 1 });
    struct txn *t = begin(&m->db);
    for (uint32_t i = 0; i < MOVERS; i++) {
        body_of(body, i, m->len[i] = 400);
        CHECK_OK(heap_insert(m->db.access, t, m->db.table, 1, body, 400, &m->rowid[i], &d), &d);
    }
    commit(t);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "mover", .worker = i % 3 }, i < 7 ? mover : watcher, m);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        rt_join(f[i]);
    struct access_stats st;
    access_stats(m->db.access, &st);
    CHECK(st.rows_forwarded > 20);
    struct db_census c;
    for (unsigned i = 0; i < 50; i++) { /* old places of moved rows are purged */
        rt_sleep(RT_MS(500));
        db_census(&m->db, &c);
        if (c.moved <= MOVERS)
            break;
    }
    CHECK(c.rows == MOVERS);
    CHECK(c.moved <= MOVERS);
    t = begin(&m->db);
    struct arena *arena = arena_new("all", 0);
    for (uint32_t i = 0; i < MOVERS; i++) {
        struct heap_row row;
        bool found;
        CHECK_OK(heap_fetch(m->db.access, txn_snapshot(t), m->db.table, m->rowid[i], arena, &row, &found, &d), &d);
        CHECK(found && row.len == m->len[i]);
    }
    arena_free(arena);
    rollback(t);
    db_close(&m->db);
    db_compare_replay(NULL);
}

static void rows_move_between_blocks(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct movers *m = calloc(1, sizeof(*m));
        db_simulate(seed, seed % 2 == 0, movers_story, m);
        free(m);
    }
}

/* ---- what writers find -------------------------------------------------------------------------------- */

static enum heap_outcome try_update(struct db *db, struct txn *t, struct heap_write *w, const char *body)
{
    struct diag d;
    enum heap_outcome out;
    CHECK_OK(heap_update(db->access, t, w, 1, (const uint8_t *)body, (uint32_t)strlen(body), &out, &d), &d);
    return out;
}

static void outcomes_story(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    struct rowid rowid;
    enum heap_outcome out;
    struct arena *arena = arena_new("outcomes", 0);
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1 });
    struct txn *t = begin(&db);
    CHECK_OK(heap_insert(db.access, t, db.table, 1, (const uint8_t *)"one", 3, &rowid, &d), &d);
    const struct heap_write fresh = { .seg = db.table, .rowid = rowid, .arena = arena };
    struct heap_write w = fresh;
    CHECK(try_update(&db, t, &w, "uno") == HEAP_SELF); /* its own statement's row */
    next_stmt(t);
    CHECK(try_update(&db, t, &w, "two") == HEAP_DONE);
    CHECK(try_update(&db, t, &w, "due") == HEAP_SELF);
    commit(t);

    struct txn *a = begin(&db), *b = begin(&db);
    CHECK(try_update(&db, a, &w, "three") == HEAP_DONE);
    w = fresh;
    w.nowait = true;
    CHECK(heap_lock(db.access, b, &w, &out, &d) == ERR_LOCK_NOT_AVAILABLE);
    w = fresh;
    w.skip_locked = true;
    CHECK_OK(heap_lock(db.access, b, &w, &out, &d), &d);
    CHECK(out == HEAP_SKIPPED);
    w = fresh;
    txn_set_lock_timeout(b, RT_MS(20));
    CHECK(heap_delete(db.access, b, &w, &out, &d) == ERR_LOCK_NOT_AVAILABLE);
    txn_set_lock_timeout(b, 0);
    commit(a);
    w = fresh;
    CHECK(try_update(&db, b, &w, "drei") == HEAP_CHANGED);
    CHECK(w.ret_row.len == 5 && memcmp(w.ret_row.body, "three", 5) == 0);
    w.accept_newer = true;
    w.seen_writer = w.ret_writer;
    CHECK(try_update(&db, b, &w, "four") == HEAP_DONE);
    commit(b);

    /* A lock is no change: whoever began before it and finds it finished goes on. */
    a = begin(&db);
    b = begin(&db);
    w = fresh;
    CHECK_OK(heap_lock(db.access, b, &w, &out, &d), &d);
    CHECK(out == HEAP_DONE);
    CHECK_OK(heap_lock(db.access, b, &w, &out, &d), &d); /* again: nothing to do */
    CHECK(out == HEAP_DONE);
    commit(b);
    w = fresh;
    CHECK(try_update(&db, a, &w, "five") == HEAP_DONE);
    rollback(a);

    /* Locked, then changed by the same statement. */
    a = begin(&db);
    b = begin_iso(&db, TXN_REPEATABLE_READ);
    w = fresh;
    CHECK_OK(heap_lock(db.access, a, &w, &out, &d), &d);
    CHECK(try_update(&db, a, &w, "six") == HEAP_DONE);
    next_stmt(a);
    w = fresh;
    CHECK_OK(heap_delete(db.access, a, &w, &out, &d), &d);
    CHECK(out == HEAP_DONE);
    commit(a);
    w = fresh;
    CHECK(try_update(&db, b, &w, "sechs") == HEAP_GONE);
    struct heap_row row;
    bool found;
    CHECK_OK(heap_fetch(db.access, txn_snapshot(b), db.table, rowid, arena, &row, &found, &d), &d);
    CHECK(found && row.len == 4 && memcmp(row.body, "four", 4) == 0);
    rollback(b);
    static uint8_t big[HEAP_BODY_MAX + 1];
    a = begin(&db);
    CHECK(heap_insert(db.access, a, db.table, 1, big, sizeof(big), &rowid, &d) == ERR_LIMIT);
    CHECK_OK(heap_insert(db.access, a, db.table, 1, big, HEAP_BODY_MAX, &rowid, &d), &d);
    w = (struct heap_write){ .seg = db.table, .rowid = rowid, .arena = arena };
    next_stmt(a);
    memset(big + 1, 5, HEAP_BODY_MAX - 1);
    CHECK_OK(heap_update(db.access, a, &w, 1, big, HEAP_BODY_MAX, &out, &d), &d);
    CHECK(out == HEAP_DONE);
    rollback(a);
    arena_free(arena);
    db_close(&db);
}

static void writers_are_told_what_they_found(void **state) { db_simulate(1, false, outcomes_story, NULL); }

/* ---- sequences -------------------------------------------------------------------------------------------- */

struct seqs {
    struct db db;
    struct sequences *s;
    struct sequence_def def;
    uint8_t given[20000];
};

static void taker(void *arg)
{
    struct seqs *q = arg;
    struct diag d;
    int64_t v;
    for (unsigned i = 0; i < 500; i++) {
        CHECK_OK(sequence_next(q->s, &q->def, &v, &d), &d);
        CHECK(v > 0 && v < (int64_t)sizeof(q->given));
        CHECK(q->given[v]++ == 0);
    }
}

static void sequence_crash_first(void *arg)
{
    struct seqs *q = arg;
    struct diag d;
    struct fiber *f[4];
    db_open(&q->db, &(struct db_options){ .create = true, .incarnation = 1 });
    q->def = (struct sequence_def){ .id = 1, .start = 1, .increment = 1, .min = 1, .max = INT64_MAX, .cache = 37, .name = "s" };
    CHECK_OK(sequence_create(q->db.access, &q->def, &d), &d);
    q->s = sequences_open(q->db.access, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "taker", .worker = i % 3 }, taker, q);
    rt_sleep(RT_SEC(1000));
}

static void sequence_crash_second(void *arg)
{
    struct seqs *q = arg;
    scn_t scn = 0;
    const lsn_t start = db_replay(&scn);
    q->db.scn.now = scn;
    db_open(&q->db, &(struct db_options){ .incarnation = 2, .redo_start = ALIGN_UP(start, 8 << 20) + (8 << 20), .xid_seq_start = 1 << 20 });
    q->s = sequences_open(q->db.access, NULL);
    taker(q);
    sequences_close(q->s);
    db_close(&q->db);
}

static void sequence_crash(void *arg)
{
    struct sim *s = sim_self();
    sim_host_start(s, 1, sequence_crash_first, arg);
    rt_sleep(RT_MS(12));
    sim_power_loss(s);
    sim_host_start(s, 2, sequence_crash_second, arg);
}

static void a_crash_gives_no_value_twice(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct seqs *q = calloc(1, sizeof(*q));
        const struct sim_options opt = { .seed = seed, .hosts = 2, .workers = 3, .disk_min_us = 20, .disk_max_us = 100, .sync_min_us = 100,
                                         .sync_max_us = 500, .preempt = true };
        struct sim *s = sim_new(&opt);
        sim_spawn_test(s, sequence_crash, q);
        assert_true(sim_run(s, RT_SEC(3600)));
        sim_free(s);
        free(q);
    }
}

static void limits_story(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    int64_t v;
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1 });
    struct sequences *s = sequences_open(db.access, NULL);
    struct sequence_def def = { .id = 9, .start = 3, .increment = 3, .min = 1, .max = 10, .cache = 2, .name = "s" };
    CHECK_OK(sequence_create(db.access, &def, &d), &d);
    for (int64_t want = 3; want <= 9; want += 3) {
        CHECK_OK(sequence_next(s, &def, &v, &d), &d);
        CHECK(v == want);
    }
    CHECK(sequence_next(s, &def, &v, &d) == ERR_SEQUENCE_LIMIT);
    CHECK(strcmp(d.message, "nextval: reached maximum value of sequence \"s\" (10)") == 0);
    CHECK(strcmp(err_sqlstate(ERR_SEQUENCE_LIMIT), "2200H") == 0);
    def.cycle = true;
    CHECK_OK(sequence_next(s, &def, &v, &d), &d);
    CHECK(v == 1);
    CHECK_OK(sequence_set(s, &def, 5, false, &d), &d);
    CHECK_OK(sequence_next(s, &def, &v, &d), &d);
    CHECK(v == 5);
    CHECK_OK(sequence_set(s, &def, 5, true, &d), &d);
    CHECK_OK(sequence_next(s, &def, &v, &d), &d);
    CHECK(v == 8);
    CHECK(sequence_set(s, &def, 11, true, &d) == ERR_NUMERIC_RANGE);
    CHECK(strcmp(d.message, "setval: value 11 is out of bounds for sequence \"s\" (1..10)") == 0);
    struct sequence_def down = { .id = 10, .start = INT64_MIN + 2, .increment = -1, .min = INT64_MIN, .max = -1, .name = "t" };
    CHECK_OK(sequence_create(db.access, &down, &d), &d);
    for (int64_t i = 2; i >= 0; i--) {
        CHECK_OK(sequence_next(s, &down, &v, &d), &d);
        CHECK(v == INT64_MIN + i);
    }
    CHECK(sequence_next(s, &down, &v, &d) == ERR_SEQUENCE_LIMIT);
    CHECK(strstr(d.message, "reached minimum value of sequence \"t\" (-9223372036854775808)") != NULL);
    sequences_close(s);
    db_close(&db);
}

static void sequences_keep_their_limits(void **state) { db_simulate(1, false, limits_story, NULL); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_rows_are_seen_once_by_all_scanners),
        cmocka_unit_test(rows_move_between_blocks),
        cmocka_unit_test(writers_are_told_what_they_found),
        cmocka_unit_test(a_crash_gives_no_value_twice),
        cmocka_unit_test(sequences_keep_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
