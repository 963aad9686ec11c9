/*
 * One instance's buffer cache on the simulated disk: many fibers on several
 * workers, few frames, damaged blocks, checkpoints.
 */
#include "storage/bufcache.h"

#include "counters.h"

struct db {
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    struct scn_clock scn;
};

static void db_open(struct db *db, uint32_t frames, lsn_t start)
{
    struct diag d;
    CHECK_OK(rt_mkdir("/db", &d), &d);
    CHECK_OK(rt_mkdir("/db/data", &d), &d);
    CHECK_OK(rt_mkdir("/db/undo", &d), &d);
    CHECK_OK(rt_mkdir("/db/dw", &d), &d);
    CHECK_OK(rt_mkdir("/db/redo", &d), &d);
    CHECK_OK(files_open("/db", false, &db->files, &d), &d);
    const struct redo_options ro = { .dir = "/db", .thread = 1, .incarnation = 1, .start = start, .file_bytes = 4 << 20, .buffer_bytes = 4 << 20, .scn = &db->scn };
    CHECK_OK(redo_open(&ro, &db->redo, &d), &d);
    const struct bufcache_options bo = {
        .size_bytes = (uint64_t)frames * BLOCK_SIZE, .thread = 1, .dir = "/db", .files = db->files, .redo = db->redo, .redo_ops = &counters_ops, .scn = &db->scn
    };
    CHECK_OK(bufcache_open(&bo, &db->bc, &d), &d);
}

static void db_close(struct db *db)
{
    bufcache_close(db->bc);
    redo_close(db->redo);
    files_close(db->files);
}

static void simulate(uint64_t seed, bool preempt, void (*fn)(void *))
{
    const struct sim_options opt = { .seed = seed, .hosts = 1, .workers = 3, .disk_min_us = 20, .disk_max_us = 100, .sync_min_us = 100, .sync_max_us = 500, .preempt = preempt };
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, fn, NULL);
    assert_true(sim_run(s, RT_SEC(3600)));
    sim_free(s);
}

static struct fiber *spawn(void (*fn)(void *), void *arg)
{
    const struct rt_spawn_options opt = { .name = "worker", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL };
    struct fiber *f = rt_spawn(&opt, fn, arg);
    CHECK(f != NULL);
    return f;
}

/* ---- changes from many fibers, more blocks than frames ------------------------------- */

#define BLOCKS 200u
#define FIBERS 6u
#define ADDS 150u

static void adder(void *arg)
{
    struct db *db = arg;
    for (unsigned i = 0; i < ADDS; i++) {
        struct diag d;
        struct mtr m;
        const uint64_t r = rt_random();
        const uint32_t x = (uint32_t)(r % (BLOCKS - 1)), y = x + 1 + (uint32_t)(r >> 32) % (BLOCKS - 1 - x);
        mtr_begin(&m, db->bc, XID_NONE);
        CHECK_OK(mtr_reserve(&m, 512, &d), &d);
        counter_add_in(&m, dba_make(FILE_DATA, x), 0, 1); /* both or none */
        counter_add_in(&m, dba_make(FILE_DATA, y), 1, 1);
        mtr_commit(&m, NULL);
        (void)counter_read(db->bc, dba_make(FILE_DATA, (uint32_t)(r >> 16) % BLOCKS), 0);
    }
}

static void sums(struct db *db, uint64_t *ret_first, uint64_t *ret_second)
{
    *ret_first = *ret_second = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        *ret_first += counter_read(db->bc, dba_make(FILE_DATA, i), 0);
        *ret_second += counter_read(db->bc, dba_make(FILE_DATA, i), 1);
    }
}

static void many_fibers_fiber(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    db_open(&db, 64, 0);
    CHECK_OK(files_create(db.files, FILE_DATA, BLOCKS, &d), &d);
    for (uint32_t i = 0; i < BLOCKS; i++)
        counters_format(db.bc, dba_make(FILE_DATA, i));
    struct fiber *f[FIBERS];
    for (unsigned i = 0; i < FIBERS; i++)
        f[i] = spawn(adder, &db);
    for (unsigned i = 0; i < FIBERS; i++)
        rt_join(f[i]);
    uint64_t first, second;
    sums(&db, &first, &second);
    CHECK(first == FIBERS * ADDS);
    CHECK(second == FIBERS * ADDS);
    struct buf_stats st;
    bufcache_stats(db.bc, &st);
    CHECK(st.evictions > 0);

    lsn_t at;
    const lsn_t before = redo_end(db.redo);
    CHECK_OK(bufcache_checkpoint(db.bc, &at, &d), &d);
    CHECK(at >= before);
    CHECK(redo_durable(db.redo) >= before || at >= before);
    const lsn_t end = ALIGN_UP(redo_end(db.redo), REDO_LOG_BLOCK);
    db_close(&db);

    db_open(&db, 64, end); /* what is on disk is all of it */
    sums(&db, &first, &second);
    CHECK(first == FIBERS * ADDS);
    CHECK(second == FIBERS * ADDS);
    db_close(&db);
}

static void changes_of_many_fibers_survive_few_frames_and_a_restart(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        simulate(seed, seed % 2 == 0, many_fibers_fiber);
}

/* ---- the checkpoint never passes a change that is not on disk --------------------------- */

struct pair {
    struct db *db;
    bool stop;
};

static void write_all_the_time(void *arg)
{
    struct pair *p = arg;
    while (!p->stop) {
        counter_add(p->db->bc, dba_make(FILE_DATA, (uint32_t)(rt_random() % 8)), 0, 1, NULL);
        rt_sleep(rt_random() % RT_US(300));
    }
}

/* A checkpoint position p says: disk shows each change before p. Changes of one block are counted, so the disk's count tells. */
static void checkpoint_fiber(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    db_open(&db, 64, 0);
    CHECK_OK(files_create(db.files, FILE_DATA, 8, &d), &d);
    for (uint32_t i = 0; i < 8; i++)
        counters_format(db.bc, dba_make(FILE_DATA, i));
    struct pair p = { .db = &db };
    struct fiber *f[3];
    for (unsigned i = 0; i < 3; i++)
        f[i] = spawn(write_all_the_time, &p);
    for (unsigned i = 0; i < 20; i++) {
        lsn_t at;
        CHECK_OK(bufcache_checkpoint(db.bc, &at, &d), &d);
        struct redo_reader *r;
        struct redo_record rec;
        bool end = false;
        redo_flush(db.redo, at);
        CHECK_OK(redo_reader_open("/db", 1, 0, &r, &d), &d);
        scn_t newest[8] = { 0 };
        for (;;) {
            CHECK_OK(redo_read(r, &rec, &end, &d), &d);
            if (end || rec.start >= at)
                break;
            for (unsigned v = 0; v < rec.n; v++)
                newest[dba_block(rec.v[v].dba)] = rec.scn;
        }
        redo_reader_close(r);
        uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
        for (uint32_t b = 0; b < 8; b++) {
            CHECK_OK(files_read(db.files, dba_make(FILE_DATA, b), block, &d), &d);
            CHECK_OK(block_verify(block, dba_make(FILE_DATA, b), &d), &d);
            CHECK(block_scn(block) >= newest[b]);
        }
        rt_free_aligned(block, BLOCK_SIZE);
    }
    p.stop = true;
    for (unsigned i = 0; i < 3; i++)
        rt_join(f[i]);
    db_close(&db);
}

static void checkpoint_covers_all_before_it(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        simulate(seed, seed != 1, checkpoint_fiber);
}

/* ---- no block is on disk before its redo is durable (R7) ------------------------------------ */

#define CHANGES 400u

static void write_out_all_the_time(void *arg)
{
    struct pair *p = arg;
    struct diag d;
    for (lsn_t at; !p->stop;)
        CHECK_OK(bufcache_checkpoint(p->db->bc, &at, &d), &d);
}

static void write_ahead_fiber(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    lsn_t end[CHANGES + 1] = { 0 };
    const struct dba dba = dba_make(FILE_DATA, 3);
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    db_open(&db, 64, 0);
    CHECK_OK(files_create(db.files, FILE_DATA, 8, &d), &d);
    counters_format(db.bc, dba);
    struct pair p = { .db = &db };
    struct fiber *writer = spawn(write_out_all_the_time, &p);
    for (unsigned i = 1; i <= CHANGES; i++) {
        counter_add(db.bc, dba, 0, 1, &end[i]);
        rt_sleep(rt_random() % RT_US(200));
        CHECK_OK(files_read(db.files, dba, block, &d), &d);
        const uint64_t written = get_u64le(block + BLOCK_HEADER_SIZE);
        CHECK(written <= i);
        CHECK(end[written] <= redo_durable(db.redo));
    }
    p.stop = true;
    rt_join(writer);
    db_close(&db);
    rt_free_aligned(block, BLOCK_SIZE);
}

static void no_block_overtakes_its_redo(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        simulate(seed, seed != 1, write_ahead_fiber);
}

/* ---- a damaged block ------------------------------------------------------------------------ */

static void corrupt_fiber(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    lsn_t at;
    db_open(&db, 64, 0);
    CHECK_OK(files_create(db.files, FILE_DATA, 8, &d), &d);
    counters_format(db.bc, dba_make(FILE_DATA, 3));
    counters_format(db.bc, dba_make(FILE_DATA, 4));
    CHECK_OK(bufcache_checkpoint(db.bc, &at, &d), &d);
    const lsn_t end = ALIGN_UP(redo_end(db.redo), REDO_LOG_BLOCK);
    db_close(&db);
    sim_corrupt(sim_self(), "/db/data/main.dbf", 3 * BLOCK_SIZE + 1000);
    db_open(&db, 64, end);
    for (int i = 0; i < 3; i++) {
        struct pin *b;
        CHECK(buf_pin(db.bc, dba_make(FILE_DATA, 3), i == 1 ? BUF_X : BUF_S, &b, &d) == ERR_CORRUPT);
        CHECK(strstr(d.message, "block 3") != NULL);
        CHECK(counter_read(db.bc, dba_make(FILE_DATA, 4), 0) == 0);
        /* A block that was never written is no damage; one beyond the end of the file is: the file has been cut off. */
        CHECK_OK(buf_pin(db.bc, dba_make(FILE_DATA, 7), BUF_S, &b, &d), &d);
        buf_unpin(b);
        CHECK(buf_pin(db.bc, dba_make(FILE_DATA, 8), BUF_S, &b, &d) == ERR_CORRUPT);
        CHECK(strstr(d.message, "beyond the end") != NULL);
    }
    db_close(&db);
}

static void damaged_block_is_an_error_every_time(void **state)
{
    simulate(1, false, corrupt_fiber);
}

/* ---- a scan leaves the working set alone ------------------------------------------------------- */

static void scan_fiber(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    struct buf_stats before, after;
    db_open(&db, 128, 0);
    CHECK_OK(files_create(db.files, FILE_DATA, 2000, &d), &d);
    for (int round = 0; round < 6; round++)
        for (uint32_t i = 0; i < 40; i++)
            (void)counter_read(db.bc, dba_make(FILE_DATA, i), 0);
    for (uint32_t i = 100; i < 400; i++) { /* evicts; the hot blocks move to their list */
        (void)counter_read(db.bc, dba_make(FILE_DATA, i), 0);
        (void)counter_read(db.bc, dba_make(FILE_DATA, i % 40), 0);
    }
    for (uint32_t i = 400; i < 2000; i++)
        (void)counter_read(db.bc, dba_make(FILE_DATA, i), 0);
    bufcache_stats(db.bc, &before);
    for (uint32_t i = 0; i < 40; i++)
        (void)counter_read(db.bc, dba_make(FILE_DATA, i), 0);
    bufcache_stats(db.bc, &after);
    CHECK(after.hits - before.hits >= 30);
    db_close(&db);
}

static void scan_leaves_hot_blocks_cached(void **state)
{
    simulate(1, false, scan_fiber);
}

/* ---- no frame can be freed ------------------------------------------------------------------------ */

static void full_fiber(void *arg)
{
    struct db db = { 0 };
    struct diag d;
    struct pin *b[64], *one;
    db_open(&db, 64, 0);
    CHECK_OK(files_create(db.files, FILE_DATA, 100, &d), &d);
    for (uint32_t i = 0; i < 64; i++)
        CHECK_OK(buf_pin(db.bc, dba_make(FILE_DATA, i), BUF_S, &b[i], &d), &d);
    CHECK(buf_pin(db.bc, dba_make(FILE_DATA, 64), BUF_S, &one, &d) == ERR_RESOURCES);
    CHECK(strstr(d.message, "no frame") != NULL);
    buf_unpin(b[9]);
    CHECK_OK(buf_pin(db.bc, dba_make(FILE_DATA, 64), BUF_S, &b[9], &d), &d);
    for (uint32_t i = 0; i < 64; i++)
        buf_unpin(b[i]);
    db_close(&db);
}

static void all_frames_pinned_is_a_clear_error(void **state)
{
    simulate(1, false, full_fiber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_of_many_fibers_survive_few_frames_and_a_restart),
        cmocka_unit_test(checkpoint_covers_all_before_it),
        cmocka_unit_test(no_block_overtakes_its_redo),
        cmocka_unit_test(damaged_block_is_an_error_every_time),
        cmocka_unit_test(scan_leaves_hot_blocks_cached),
        cmocka_unit_test(all_frames_pinned_is_a_clear_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
