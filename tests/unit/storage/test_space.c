/*
 * Space management on the real buffer cache: several workers, crash of nothing
 * but memory (a restart), bookkeeping compared with what the test was given.
 */
#include "../redo/sim_check.h"

#include "base/hash.h"
#include "redo/redo.h"
#include "storage/block.h"
#include "storage/control.h"
#include "storage/files.h"
#include "storage/space.h"
#include "storage/space_block.h"
#include "storage/space_int.h"

#define BLOCKS_MAX 20000u

struct db {
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    struct space *space;
    struct scn_clock scn;
    uint16_t thread;
};

/* A block of rows as far as space is concerned: it has a segment. Payload: dba, segment. */
static enum err rows_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    uint64_t v[2];
    CHECK(len == sizeof(v));
    memcpy(v, payload, sizeof(v));
    block_format(block, (struct dba){ v[0] }, BLOCK_HEAP, 1, (uint32_t)v[1]);
    return ERR_OK;
}

static const struct redo_ops ops = { .apply = {
    [REDO_SPACE_FORMAT] = space_apply, [REDO_SPACE_BITMAP] = space_apply, [REDO_SPACE_SEG_FORMAT] = space_apply,
    [REDO_SPACE_SEG_EXTENT] = space_apply, [REDO_SPACE_EXT_FORMAT] = space_apply, [REDO_SPACE_EXT_SET] = space_apply,
    [REDO_SPACE_FILE_SET] = space_apply, [REDO_HEAP_FORMAT] = rows_apply,
} };

static void die(void *arg, const struct diag *d)
{
    panic("%s", d->message);
}

static void db_open(struct db *db, lsn_t start)
{
    struct diag d;
    CHECK_OK(control_create("/db", "test", &d), &d);
    CHECK_OK(files_open("/db", false, &db->files, &d), &d);
    const struct redo_options ro = { .dir = "/db", .thread = db->thread, .incarnation = start + 1, .start = start, .file_bytes = 4 << 20,
                                     .buffer_bytes = 2 << 20, .scn = &db->scn, .fatal = die };
    CHECK_OK(redo_open(&ro, &db->redo, &d), &d);
    const struct bufcache_options bo = { .size_bytes = 300 * BLOCK_SIZE, .thread = db->thread, .dir = "/db", .files = db->files, .redo = db->redo,
                                         .redo_ops = &ops, .scn = &db->scn, .fatal = die };
    CHECK_OK(bufcache_open(&bo, &db->bc, &d), &d);
    CHECK_OK(space_open(db->bc, db->files, NULL, db->thread, &db->space, &d), &d);
}

/* All is written; returns where the redo thread goes on. */
static lsn_t db_close(struct db *db)
{
    struct diag d;
    lsn_t at;
    CHECK_OK(bufcache_checkpoint(db->bc, &at, &d), &d);
    space_close(db->space);
    bufcache_close(db->bc);
    const lsn_t end = ALIGN_UP(redo_end(db->redo), REDO_LOG_BLOCK);
    redo_close(db->redo);
    files_close(db->files);
    return end;
}

static void use(struct db *db, struct seg seg, struct dba at)
{
    struct diag d;
    struct mtr m;
    struct pin *b;
    const uint64_t v[2] = { at.v, seg.id };
    const struct mtr_part part = { v, sizeof(v) };
    mtr_begin(&m, db->bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 512, &d), &d);
    CHECK_OK(mtr_pin_fresh(&m, at, &b, &d), &d);
    CHECK_OK(space_use_block(db->space, &m, seg, at, &d), &d);
    CHECK_OK(mtr_change(&m, b, REDO_HEAP_FORMAT, &part, 1, &d), &d);
    (void)mtr_commit(&m, NULL);
}

/* ---- several workers fill several segments ------------------------------------------------ */

struct load {
    struct db *db;
    struct seg seg[3];
    uint32_t free_bytes[BLOCKS_MAX]; /* of blocks of rows */
    uint32_t owner[BLOCKS_MAX]; /* segment of a block in use */
    bool taken[BLOCKS_MAX];
    unsigned rows;
};

static void insert_row(struct load *l, struct seg seg, uint32_t bytes)
{
    struct diag d;
    for (int tries = 0;; tries++) {
        struct dba at;
        bool fresh = false;
        CHECK(tries < 200);
        CHECK_OK(space_find(l->db->space, seg, bytes, &at, &fresh, &d), &d);
        const uint32_t b = dba_block(at);
        CHECK(b < BLOCKS_MAX);
        if (fresh) {
            CHECK(l->owner[b] == 0);
            l->owner[b] = seg.id;
            use(l->db, seg, at);
            l->free_bytes[b] = BLOCK_BODY_SIZE;
        }
        CHECK(l->owner[b] == seg.id);
        CHECK(!l->taken[b]);
        if (l->free_bytes[b] >= bytes) {
            l->free_bytes[b] -= bytes;
            l->rows++;
            return;
        }
        CHECK_OK(space_note(l->db->space, seg, at, l->free_bytes[b], &d), &d);
    }
}

static struct dba take_one(struct load *l, struct seg seg)
{
    struct diag d;
    struct dba at;
    CHECK_OK(space_take(l->db->space, seg, &at, &d), &d);
    CHECK(!dba_eq(at, space_first_block(seg)));
    if (rt_random() % 8 == 0) {
        space_untake(l->db->space, seg, at);
        return DBA_NONE;
    }
    CHECK(l->owner[dba_block(at)] == 0);
    l->owner[dba_block(at)] = seg.id;
    l->taken[dba_block(at)] = true;
    use(l->db, seg, at);
    return at;
}

static void worker(void *arg)
{
    struct load *l = arg;
    struct diag d;
    for (int i = 0; i < 250; i++) {
        const struct seg seg = l->seg[rt_random() % 2];
        insert_row(l, seg, 100 + (uint32_t)(rt_random() % 4000));
        if (rt_random() % 3 == 0) {
            const struct dba at = take_one(l, l->seg[2]);
            if (at.v != 0 && rt_random() % 2 == 0) {
                l->owner[dba_block(at)] = 0;
                l->taken[dba_block(at)] = false;
                CHECK_OK(space_give_back(l->db->space, l->seg[2], at, &d), &d);
            }
        }
    }
}

static unsigned count_used(struct load *l, struct seg seg, bool with_given_back)
{
    struct diag d;
    struct space_extent *v = NULL;
    uint32_t n = 0, used = 0;
    CHECK_OK(space_extents(l->db->space, seg, 0, &v, &n, &d), &d);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < v[i].blocks; k++)
            used += l->owner[dba_block(v[i].first) + k] == seg.id;
    free(v);
    unsigned expected = 0;
    for (uint32_t i = 0; i < BLOCKS_MAX; i++)
        expected += l->owner[i] == seg.id;
    CHECK(used == expected); /* the scan sees every block in use */
    return expected;
}

static void workers_story(void *arg)
{
    struct load *l = arg;
    struct db db = { .thread = 1 };
    struct diag d;
    l->db = &db;
    db_open(&db, 0);
    CHECK_OK(space_format_file(db.space, &d), &d);
    for (int i = 0; i < 3; i++)
        CHECK_OK(space_segment_create(db.space, &l->seg[i], &d), &d);
    CHECK(l->seg[0].id != l->seg[1].id);
    for (int round = 0; round < 2; round++) {
        struct fiber *f[6];
        for (int i = 0; i < 6; i++) {
            const struct rt_spawn_options so = { .name = "worker", .worker = RT_WORKER_ANY };
            f[i] = rt_spawn(&so, worker, l);
            CHECK(f[i] != NULL);
        }
        for (int i = 0; i < 6; i++)
            rt_join(f[i]);
        const unsigned used = count_used(l, l->seg[0], false) + count_used(l, l->seg[1], false);
        count_used(l, l->seg[2], false);
        uint64_t wasted = 0;
        for (uint32_t i = 0; i < BLOCKS_MAX; i++)
            wasted += l->owner[i] != 0 && !l->taken[i] ? l->free_bytes[i] : 0;
        CHECK(wasted < (uint64_t)used * BLOCK_SIZE / 2); /* blocks are filled before others are begun */
        const lsn_t end = db_close(&db); /* and what is known in memory is learnt again */
        db_open(&db, end);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(space_segment_free(db.space, l->seg[i], &d), &d);
        CHECK_OK(space_segment_free(db.space, l->seg[i], &d), &d); /* idempotent */
        struct space_extent *v;
        uint32_t n;
        CHECK(space_extents(db.space, l->seg[i], 0, &v, &n, &d) == ERR_NOT_FOUND);
    }
    /* All but extent 0 is free again: the next segment gets the first one. */
    struct seg again;
    CHECK_OK(space_segment_create(db.space, &again, &d), &d);
    CHECK(dba_block(again.header) == EXTENT_BLOCKS);
    CHECK(again.id > l->seg[2].id);
    CHECK_OK(space_segment_free(db.space, l->seg[0], &d), &d); /* long gone, and its header is another's: nothing happens */
    db_close(&db);
}

static void host1(void (*fn)(void *), uint64_t seed, bool preempt, void *arg)
{
    const struct sim_options opt = { .seed = seed, .hosts = 1, .workers = 3, .disk_min_us = 20, .disk_max_us = 100, .sync_min_us = 100,
                                     .sync_max_us = 500, .preempt = preempt };
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, fn, arg);
    if (!sim_run(s, RT_SEC(3600)))
        panic("seed %" PRIu64 ": the simulation did not end", seed);
    sim_free(s);
}

static void no_block_is_given_to_two(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct load *l = calloc(1, sizeof(*l));
        host1(workers_story, seed, seed % 2 == 0, l);
        free(l);
    }
}

/* ---- a segment with more extents than one list holds ----------------------------------------- */

static void long_list_story(void *arg)
{
    struct db db = { .thread = 1 };
    struct diag d;
    struct seg seg;
    db_open(&db, 0);
    CHECK_OK(space_format_file(db.space, &d), &d);
    CHECK_OK(space_segment_create(db.space, &seg, &d), &d);
    const unsigned extents = 2 * SPACE_SEG_ENTRIES + 5;
    use(&db, seg, space_first_block(seg));
    for (unsigned i = 1; i < extents; i++) {
        uint32_t first;
        uint8_t next;
        CHECK_OK(space__add_extent(db.space, seg, &first, &next, &d), &d);
        CHECK(next == (i % SPACE_SEG_ENTRIES == 0 ? 2 : 1)); /* the list itself takes a block */
        use(&db, seg, dba_make(FILE_DATA, first + next));
    }
    struct space_extent *v;
    uint32_t n;
    CHECK_OK(space_extents(db.space, seg, 0, &v, &n, &d), &d);
    CHECK(n == extents);
    free(v);
    CHECK_OK(space_segment_free(db.space, seg, &d), &d);
    CHECK_OK(space_segment_create(db.space, &seg, &d), &d);
    CHECK(dba_block(seg.header) == EXTENT_BLOCKS);
    db_close(&db);
}

static void lists_of_extents_are_chained(void **state)
{
    host1(long_list_story, 1, false, NULL);
}

/* ---- vectors that nobody could have written ---------------------------------------------------- */

static void impossible_vectors_change_nothing(void **state)
{
    static const enum redo_opcode all[] = { REDO_SPACE_FORMAT, REDO_SPACE_BITMAP, REDO_SPACE_SEG_FORMAT, REDO_SPACE_SEG_EXTENT,
                                            REDO_SPACE_EXT_FORMAT, REDO_SPACE_EXT_SET, REDO_SPACE_FILE_SET };
    alignas(16) uint8_t block[BLOCK_SIZE];
    uint8_t before[BLOCK_SIZE], payload[64];
    uint64_t x = 1;
    struct diag d;
    for (int i = 0; i < 20000; i++) {
        block_format(block, dba_make(FILE_DATA, 3), (enum block_type)(i % 11), 1, 7);
        for (unsigned k = 0; k < sizeof(payload); k++)
            payload[k] = (uint8_t)((x = hash_u64(x + k)) % (k % 4 == 0 ? 70 : 3));
        memcpy(before, block, BLOCK_SIZE);
        if (space_apply(block, all[x % ARRAY_LEN(all)], payload, (uint32_t)(hash_u64(x) % sizeof(payload)), &d))
            assert_memory_equal(block, before, BLOCK_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_block_is_given_to_two),
        cmocka_unit_test(lists_of_extents_are_chained),
        cmocka_unit_test(impossible_vectors_change_nothing),
    };
    return cmocka_run_group_tests_name("storage/space", tests, NULL, NULL);
}
