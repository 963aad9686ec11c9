/*
 * The index alone: concurrent inserts, range scans, building, unique races,
 * purge against marks that came later.
 */
#include "db.h"

static uint32_t pick(uint32_t n) { return (uint32_t)(rt_random() % n); }

static struct txn *begin(struct db *db)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    CHECK_OK(txn_begin(db->ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    return t;
}

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

/* ---- concurrent inserts of many keys ----------------------------------------------------- */

struct load {
    struct db db;
    struct seg tree;
    uint32_t next, per_fiber;
    bool rising;
    bool present[200000];
};

static void key_of(uint8_t ret[40], uint32_t n)
{
    memset(ret, 0, 40);
    put_u32be(ret, n);
}

static void inserter(void *arg)
{
    struct load *l = arg;
    struct diag d;
    uint8_t key[40];
    for (uint32_t done = 0; done < l->per_fiber;) {
        struct txn *t = begin(&l->db);
        const bool keep = pick(6) != 0;
        const uint32_t batch = 1 + pick(20);
        uint32_t mine[20];
        for (uint32_t i = 0; i < batch; i++) {
            mine[i] = l->rising ? l->next++ : (uint32_t)(hash_u64(l->next++) % 100000);
            key_of(key, mine[i]);
            CHECK_OK(btree_insert(l->db.access, t, l->tree, key, sizeof(key), (struct rowid){ 1 + l->next }, NULL, &d), &d);
        }
        for (uint32_t i = 0; i < batch && keep; i++)
            l->present[mine[i]] = true;
        done += batch;
        if (keep)
            commit(t);
        else
            rollback(t);
    }
}

static void check_scan(struct load *l, uint32_t from, uint32_t to, bool lower_exclusive, bool upper_exclusive, bool backward)
{
    struct diag d;
    uint8_t lower[4], upper[4];
    struct btree_scan *sc;
    struct btree_entry e[50];
    struct arena *arena = arena_new("scan", 0);
    const struct snapshot s = { .s = scn_now(&l->db.scn) };
    uint32_t n, first = from + lower_exclusive, end = to + !upper_exclusive;
    put_u32be(lower, from);
    put_u32be(upper, to);
    const struct btree_range r = { .lower = lower, .upper = upper, .lower_len = 4, .upper_len = 4, .lower_exclusive = lower_exclusive,
                                   .upper_exclusive = upper_exclusive, .backward = backward };
    CHECK_OK(btree_scan_open(l->db.access, l->tree, &s, &r, &sc, &d), &d);
    uint32_t expect = backward ? end : first;
    for (;;) {
        CHECK_OK(btree_scan_next(sc, arena, e, 1 + pick(50), &n, &d), &d);
        if (!n)
            break;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t key = get_u32be(e[i].key);
            CHECK(e[i].len == 40);
            CHECK(key >= first && key < end);
            if (backward) {
                while (expect - 1 > key)
                    CHECK(!l->present[--expect]);
                CHECK(key == expect - 1 || key == expect); /* several rows may have the key */
                expect = key + 1 == expect ? key : expect;
            } else {
                while (expect < key)
                    CHECK(!l->present[expect++]);
                CHECK(key == expect || key + 1 == expect);
                expect = key == expect ? key + 1 : expect;
            }
        }
    }
    if (backward)
        while (expect > first)
            CHECK(!l->present[--expect]);
    else
        while (expect < end)
            CHECK(!l->present[expect++]);
    btree_scan_close(sc);
    arena_free(arena);
}

static void load_story(void *arg)
{
    struct load *l = arg;
    struct diag d;
    struct fiber *f[8];
    struct db_census c = { 0 };
    db_open(&l->db, &(struct db_options){ .create = true, .incarnation = 1, .cache_blocks = 1000 });
    CHECK_OK(btree_create(l->db.access, &l->tree, &d), &d);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "inserter", .worker = i % 3 }, inserter, l);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        rt_join(f[i]);
    db_check_tree(&l->db, l->tree, &c);
    CHECK(c.marked == 0);
    if (l->rising) { /* pages are left nearly full behind */
        CHECK(c.pages < c.entries * 60 / (BTREE_SPACE * 7 / 10) + 10);
    }
    for (unsigned i = 0; i < 40; i++) {
        const uint32_t max = l->rising ? l->next : 100000, from = pick(max);
        check_scan(l, from, from + pick(i % 2 ? 100 : max - from + 1), pick(2), pick(2), i % 4 < 2);
    }
    const lsn_t end = db_close(&l->db);
    db_compare_replay(NULL);
    db_open(&l->db, &(struct db_options){ .incarnation = 2, .redo_start = end, .xid_seq_start = 1 << 20 });
    check_scan(l, 0, 100000, false, false, false);
    db_close(&l->db);
}

static void many_inserts_make_an_ordered_tree(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct load *l = calloc(1, sizeof(*l));
        l->rising = seed % 2;
        l->per_fiber = 1500;
        db_simulate(seed, seed > 2, load_story, l);
        free(l);
    }
}

/* ---- building ------------------------------------------------------------------------------------ */

struct source {
    uint32_t n, at;
    uint8_t key[BTREE_KEY_MAX];
};

static uint32_t build_key(uint8_t *key, uint32_t i)
{
    const uint32_t len = 5 + (i % 97 == 0 ? 2000 : i % 30);
    memset(key, 3, len);
    put_u32be(key, i / 3); /* three rows a key, but for the tail */
    key[4] = (uint8_t)(i % 3);
    return len;
}

static bool next_key(void *arg, const uint8_t **key, uint32_t *len, struct rowid *rowid)
{
    struct source *s = arg;
    if (s->at == s->n)
        return false;
    *len = build_key(s->key, s->at);
    *key = s->key;
    *rowid = (struct rowid){ s->at + 1 };
    s->at++;
    return true;
}

static void build_story(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    static const uint32_t sizes[] = { 0, 1, 2, 5, 300, 20000 };
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1 });
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct seg tree;
        struct db_census c = { 0 };
        struct source src = { .n = sizes[i] };
        struct txn *t = begin(&db);
        CHECK_OK(txn_need_xid(t, &d), &d);
        CHECK_OK(btree_create(db.access, &tree, &d), &d);
        CHECK_OK(btree_build(db.access, t, tree, next_key, &src, &d), &d);
        commit(t);
        db_check_tree(&db, tree, &c);
        CHECK(c.entries == sizes[i]);
        const struct snapshot s = { .s = scn_now(&db.scn) };
        for (uint32_t k = 0; k < sizes[i]; k += 1 + sizes[i] / 500) {
            struct rowid r[4];
            uint32_t n;
            uint8_t key[BTREE_KEY_MAX];
            const uint32_t len = build_key(key, k);
            CHECK_OK(btree_lookup(db.access, tree, &s, key, len, r, 4, &n, &d), &d);
            CHECK(n == 1 && r[0].v == k + 1);
            key[4] = 77;
            CHECK_OK(btree_lookup(db.access, tree, &s, key, len, r, 4, &n, &d), &d);
            CHECK(n == 0);
        }
        t = begin(&db); /* and goes on taking entries */
        for (uint32_t k = 0; k < 500; k++) {
            uint8_t key[8];
            put_u64be(key, hash_u64(k));
            CHECK_OK(btree_insert(db.access, t, tree, key, 8, (struct rowid){ k + 1 }, NULL, &d), &d);
        }
        commit(t);
        c = (struct db_census){ 0 };
        db_check_tree(&db, tree, &c);
        CHECK(c.entries == sizes[i] + 500);
    }
    struct txn *t = begin(&db);
    static uint8_t long_key[BTREE_KEY_MAX + 1];
    CHECK(btree_insert(db.access, t, db.by_key, long_key, sizeof(long_key), (struct rowid){ 1 }, NULL, &d) == ERR_LIMIT);
    rollback(t);
    db_close(&db);
    db_compare_replay(NULL);
}

static void a_built_tree_is_as_good_as_a_grown_one(void **state) { db_simulate(1, false, build_story, NULL); }

/* ---- unique races: all insert the same keys at once (R12) ------------------------------------------- */

struct race {
    struct db db;
    uint32_t inserted[30], deleted[30];
};

static void racer(void *arg)
{
    struct race *r = arg;
    struct arena *arena = arena_new("racer", 0);
    for (uint32_t key = 0; key < 30; key++) {
        struct diag d;
        struct rowid rowid;
        struct txn *t = begin(&r->db);
        const enum err err = db_insert(&r->db, t, (struct val){ key, 1 + pick(1000000) }, arena, &rowid, &d);
        CHECK(!err || err == ERR_UNIQUE);
        if (err || pick(3) == 0) {
            rollback(t);
        } else {
            commit(t);
            r->inserted[key]++;
        }
    }
    arena_free(arena);
}

static void race_story(void *arg)
{
    struct race *r = arg;
    struct fiber *f[8];
    struct arena *arena = arena_new("race", 0);
    db_open(&r->db, &(struct db_options){ .create = true, .incarnation = 1 });
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        f[i] = rt_spawn(&(struct rt_spawn_options){ .name = "racer", .worker = i % 3 }, racer, r);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++)
        rt_join(f[i]);
    struct txn *t = begin(&r->db);
    for (uint32_t key = 0; key < 30; key++) {
        struct val v;
        struct rowid rowid;
        CHECK(r->inserted[key] <= 1); /* R12 */
        CHECK(db_lookup(&r->db, txn_snapshot(t), key, &v, &rowid, arena) == (r->inserted[key] == 1));
    }
    rollback(t);
    db_close(&r->db);
    arena_free(arena);
}

static void one_of_many_inserts_of_a_key_wins(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct race *r = calloc(1, sizeof(*r));
        db_simulate(seed, true, race_story, r);
        free(r);
    }
}

/* ---- long keys: a high tree, whose splits go up many levels ------------------------------------------------ */

#define LONG_KEY 2500u
#define LONG_KEYS 400u

static void long_keys_story(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    uint8_t key[LONG_KEY];
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1 });
    struct txn *t = begin(&db);
    memset(key, 'k', sizeof(key));
    for (uint32_t i = 0; i < LONG_KEYS; i++) {
        put_u32be(key + LONG_KEY - 4, (uint32_t)hash_u64(i)); /* they differ at their ends only: separators are as long */
        CHECK_OK(btree_insert(db.access, t, db.by_key, key, LONG_KEY, rowid_make((struct dba){ 1 + i }, 1), NULL, &d), &d);
    }
    commit(t);
    t = begin(&db);
    for (uint32_t i = 0; i < LONG_KEYS; i++) {
        struct rowid rowid[2];
        uint32_t n;
        put_u32be(key + LONG_KEY - 4, (uint32_t)hash_u64(i));
        CHECK_OK(btree_lookup(db.access, db.by_key, txn_snapshot(t), key, LONG_KEY, rowid, 2, &n, &d), &d);
        CHECK(n == 1);
    }
    rollback(t);
    db_close(&db);
}

static void long_keys_make_a_high_tree(void **state) { db_simulate(1, false, long_keys_story, NULL); }

/* ---- a row that cannot be judged ------------------------------------------------------------------------ */

static enum err unreadable(void *arg, const struct heap_row *row, const uint8_t *key, uint32_t len, bool *ret, struct diag *d)
{
    return diag_set(d, ERR_CANCELED, "cancelled while the key was read");
}

static void unreadable_story(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    struct rowid rowid;
    uint8_t k[DB_KEY];
    struct arena *arena = arena_new("unreadable", 0);
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1 });
    struct txn *t = begin(&db);
    CHECK_OK(db_insert(&db, t, (struct val){ 5, 1 }, arena, &rowid, &d), &d);
    struct btree_unique_check unique = db_unique(&db);
    unique.same_key = unreadable;
    db_key(k, 5);
    const struct rowid other = { rowid.v + 1 };
    CHECK(btree_insert(db.access, t, db.by_key, k, DB_KEY, other, &unique, &d) == ERR_CANCELED);
    CHECK(btree_insert(db.access, t, db.by_key, k, DB_KEY, other, &(struct btree_unique_check){ db.table, &db, db_unique(&db).same_key }, &d) ==
          ERR_UNIQUE);
    rollback(t);
    db_close(&db);
    arena_free(arena);
}

static void a_key_that_cannot_be_compared_is_not_let_in(void **state) { db_simulate(1, false, unreadable_story, NULL); }

/* ---- purge and a mark that came later (R11) ------------------------------------------------------------ */

static void change_key(struct db *db, struct rowid rowid, struct val *v, uint32_t key, struct arena *arena)
{
    struct diag d;
    struct heap_write w = { 0 };
    enum heap_outcome out;
    struct txn *t = begin(db);
    const struct val next = { key, v->version + 16 };
    CHECK_OK(db_update(db, t, rowid, *v, next, &w, &out, arena, &d), &d);
    CHECK(out == HEAP_DONE);
    *v = next;
    commit(t);
}

static void marks_story(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    struct rowid rowid, found;
    struct val v = { 5, 1 }, seen;
    struct arena *arena = arena_new("marks", 0);
    const struct snapshot *s;
    struct txn *t, *old_reader, *reader;
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1 });
    t = begin(&db);
    CHECK_OK(db_insert(&db, t, v, arena, &rowid, &d), &d);
    commit(t);
    CHECK_OK(txn_begin(db.ts, TXN_REPEATABLE_READ, &old_reader, &d), &d); /* holds purge back */
    CHECK_OK(txn_stmt_begin(old_reader, &s, &d), &d);
    txn_stmt_end(old_reader);
    change_key(&db, rowid, &v, 6, arena); /* marks 5: first record that asks for its entry */
    change_key(&db, rowid, &v, 5, arena); /* has 5 again */
    CHECK_OK(txn_begin(db.ts, TXN_REPEATABLE_READ, &reader, &d), &d);
    CHECK_OK(txn_stmt_begin(reader, &s, &d), &d);
    txn_stmt_end(reader);
    change_key(&db, rowid, &v, 7, arena); /* marks 5 again, after the reader */
    txn_rollback(old_reader);
    rt_sleep(RT_SEC(2)); /* purge passes the first mark, not the second */
    CHECK_OK(txn_stmt_begin(reader, &s, &d), &d);
    CHECK(db_lookup(&db, s, 5, &seen, &found, arena));
    CHECK(seen.version == 33 && found.v == rowid.v);
    CHECK(!db_lookup(&db, s, 7, &seen, &found, arena));
    txn_stmt_end(reader);
    txn_rollback(reader);
    db_close(&db);
    arena_free(arena);
}

static void purge_leaves_marks_of_others(void **state) { db_simulate(1, false, marks_story, NULL); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_inserts_make_an_ordered_tree),
        cmocka_unit_test(a_built_tree_is_as_good_as_a_grown_one),
        cmocka_unit_test(one_of_many_inserts_of_a_key_wins),
        cmocka_unit_test(long_keys_make_a_high_tree),
        cmocka_unit_test(a_key_that_cannot_be_compared_is_not_let_in),
        cmocka_unit_test(purge_leaves_marks_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
