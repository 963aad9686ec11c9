/*
 * What key look-ups, inserts and updates cost in cache: JSON lines. Argument:
 * a folder for the database (it is created; remove it afterwards).
 */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/access/db.h"

enum { ROWS = 1000000, LOOKUPS = 2000000, UPDATES = 300000, INSERTS = 300000 };

static const char *dir;

static void report(const char *what, uint64_t ns, uint64_t n)
{
    printf("{\"bench\":\"access\",\"name\":\"%s\",\"value\":%.1f,\"unit\":\"ns\"}\n", what, (double)ns / (double)n);
    fflush(stdout);
}

static void key_bytes(uint8_t ret[9], uint64_t n)
{
    ret[0] = 1; /* as access/key.h encodes an integer */
    put_u64be(ret + 1, n ^ UINT64_C(1) << 63);
}

struct source {
    uint64_t at;
    struct rowid *rowid;
    uint8_t key[9];
};

static bool next_key(void *arg, const uint8_t **key, uint32_t *len, struct rowid *rowid)
{
    struct source *s = arg;
    if (s->at == ROWS)
        return false;
    key_bytes(s->key, s->at);
    *key = s->key;
    *len = 9;
    *rowid = s->rowid[s->at++];
    return true;
}

static void fill(struct db *db, struct rowid *rowid)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    scn_t scn;
    static uint8_t body[1000][97];
    const uint8_t *bodies[1000];
    uint32_t lens[1000];
    CHECK_OK(txn_begin(db->ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    const uint64_t start = rt_now();
    for (uint32_t i = 0; i < ROWS; i += 1000) {
        for (uint32_t k = 0; k < 1000; k++) {
            put_u32le(body[k] + 1, i + k);
            bodies[k] = body[k];
            lens[k] = sizeof(body[k]);
        }
        CHECK_OK(heap_insert_many(db->access, t, db->table, 1, bodies, lens, 1000, rowid + i, &d), &d);
    }
    report("heap_insert_many, a row", rt_now() - start, ROWS);
    struct source src = { .rowid = rowid };
    const uint64_t built = rt_now();
    CHECK_OK(btree_build(db->access, t, db->by_key, next_key, &src, &d), &d);
    report("btree_build, an entry", rt_now() - built, ROWS);
    txn_stmt_end(t);
    CHECK_OK(txn_commit(t, &scn, &d), &d);
}

static void look_up(struct db *db, const char *what)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    struct arena *arena = arena_new("row", 0);
    uint64_t x = 1, index_ns = 0;
    CHECK_OK(txn_begin(db->ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    for (int pass = 0; pass < 2; pass++) {
        const uint64_t start = rt_now();
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            uint8_t key[9];
            struct rowid r[4];
            struct heap_row row;
            uint32_t n;
            bool found;
            x = hash_u64(x + 1);
            key_bytes(key, x % ROWS);
            CHECK_OK(btree_lookup(db->access, db->by_key, s, key, sizeof(key), r, 4, &n, &d), &d);
            CHECK(n == 1);
            if (pass == 0)
                continue;
            CHECK_OK(heap_fetch(db->access, s, db->table, r[0], arena, &row, &found, &d), &d);
            CHECK(found);
            arena_reset(arena);
        }
        if (pass == 0)
            index_ns = rt_now() - start;
        else
            report(what, rt_now() - start, LOOKUPS);
    }
    report("btree_lookup alone", index_ns, LOOKUPS);
    txn_stmt_end(t);
    txn_rollback(t);
    arena_free(arena);
}

static void scan(struct db *db)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    struct heap_scan *sc;
    struct heap_row rows[1000];
    uint64_t total = 0;
    uint32_t n;
    struct arena *arena = arena_new("scan", 0);
    CHECK_OK(txn_begin(db->ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    CHECK_OK(heap_scan_open(db->access, db->table, s, &sc, &d), &d);
    const uint64_t start = rt_now();
    do {
        CHECK_OK(heap_scan_next(sc, arena, rows, ARRAY_LEN(rows), &n, &d), &d);
        total += n;
        arena_reset(arena);
    } while (n);
    report("table scan, a row", rt_now() - start, total);
    heap_scan_close(sc);
    txn_stmt_end(t);
    txn_rollback(t);
    arena_free(arena);
}

static void change(struct db *db, const struct rowid *rowid)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    scn_t scn;
    uint64_t x = 7;
    uint8_t body[97] = { 0 };
    struct arena *arena = arena_new("row", 0);
    CHECK_OK(txn_begin(db->ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    uint64_t start = rt_now();
    uint32_t done = 0;
    for (uint32_t i = 0; i < UPDATES; i++) {
        enum heap_outcome out;
        x = hash_u64(x + 1);
        struct heap_write w = { .seg = db->table, .rowid = rowid[x % ROWS], .arena = arena };
        put_u32le(body + 1, (uint32_t)(x % ROWS));
        put_u32le(body + 50, i);
        CHECK_OK(heap_update(db->access, t, &w, 1, body, sizeof(body), &out, &d), &d);
        done += out == HEAP_DONE;
    }
    report("heap_update", rt_now() - start, UPDATES);
    CHECK(done > UPDATES / 2);
    start = rt_now();
    for (uint32_t i = 0; i < INSERTS; i++) {
        uint8_t key[9];
        struct rowid r;
        CHECK_OK(heap_insert(db->access, t, db->table, 1, body, sizeof(body), &r, &d), &d);
        key_bytes(key, ROWS + i);
        CHECK_OK(btree_insert(db->access, t, db->by_key, key, sizeof(key), r, NULL, &d), &d);
    }
    report("heap_insert and btree_insert", rt_now() - start, INSERTS);
    txn_stmt_end(t);
    CHECK_OK(txn_commit(t, &scn, &d), &d);
    arena_free(arena);
}

static void bench(void *arg)
{
    struct db db = { 0 };
    struct rowid *rowid = xcalloc(ROWS, sizeof(*rowid));
    db_open(&db, &(struct db_options){ .create = true, .incarnation = 1, .cache_blocks = 60000, .dir = dir });
    fill(&db, rowid);
    scan(&db);
    look_up(&db, "btree_lookup and heap_fetch");
    change(&db, rowid);
    look_up(&db, "btree_lookup and heap_fetch after changes");
    db_close(&db);
    free(rowid);
}

int main(int argc, char **argv)
{
    struct diag d;
    const struct rt_options opt = { .workers = 1, .spin_us = 50 };
    if (argc != 2) {
        fprintf(stderr, "usage: bench_access DIR\n");
        return 2;
    }
    dir = argv[1];
    if (rt_run(&opt, bench, NULL, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return 1;
    }
    return 0;
}
