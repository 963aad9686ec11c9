/*
 * Crash recovery against a model: three instances change a few blocks, write
 * them, move their checkpoints; all die (power loss or kill); recovery runs,
 * itself interrupted by further crashes; then each block must be at a version
 * of its history with exactly that content, every durable record must be in
 * it, and every record wholly or not at all.
 *
 * In some runs the instances are killed while they write their logs, and the
 * power goes when recovery has changed half of the blocks: what they had written
 * and not synced is read by the first recovery and gone for the second one.
 *
 * The instances have no buffer cache and no GCS: the test keeps the current
 * blocks, and hands them over by the rules (R5, R7).
 */
#include "../redo/sim_check.h"

#include "recovery/recovery.h"
#include "storage/control.h"
#include "storage/dw.h"
#include "storage/files.h"

#include "counters_block.h"

#define DIR "/db"
#define HOSTS 3u
#define BLOCKS 12u
#define HISTORY_MAX 30000u

struct step {
    scn_t scn;
    uint64_t counters[COUNTERS];
};

struct record {
    scn_t scn;
    lsn_t end;
    uint16_t thread;
    uint32_t block[2];
};

struct block {
    bool busy;
    alignas(16) uint8_t image[BLOCK_SIZE];
    scn_t scn;
    uint16_t last_thread; /* whose redo holds the last change, and where it ends */
    lsn_t last_end;
    lsn_t first_dirty[HOSTS + 1]; /* of each thread since the block was written; 0: none */
    struct step *step;
    unsigned n;
};

struct world {
    struct scn_clock scn;
    struct block block[BLOCKS];
    struct record *record;
    unsigned nrecords;
    lsn_t durable[HOSTS + 1], wanted[HOSTS + 1], start[HOSTS + 1];
    struct redo *redo[HOSTS + 1];
    struct files *files[HOSTS + 1];
    struct dw *dw[HOSTS + 1];
    bool control_busy;
    bool late_writes; /* kills strike log writes, the power goes in the midst of applying */
    unsigned log_writes; /* in flight */
    bool half_applied; /* by the recovery that runs */
    incarnation_t incarnation;
    unsigned ready;
    bool recovered;
    struct recovery_result result;
    struct log *log;
    /* over the whole test */
    unsigned crashes_in_recovery, torn, parts_max;
};

static void die(void *arg, const struct diag *d)
{
    panic("%s", d->message);
}

static void take_block(struct block *b)
{
    while (b->busy)
        rt_sleep(RT_US(30));
    b->busy = true;
}

/* R7: the last change is durable before anybody else sees it, or the disk. */
static void need_durable(struct world *w, const struct block *b)
{
    while (b->last_thread != 0 && w->durable[b->last_thread] < b->last_end) {
        w->wanted[b->last_thread] = MAX(w->wanted[b->last_thread], b->last_end);
        rt_sleep(RT_US(50));
    }
}

/* ---- what an instance does ------------------------------------------------------ */

struct vectors {
    struct redo_vector v[2];
    struct add add[2];
    uint64_t dba[2];
};

static void prepare(struct vectors *vs, unsigned i, uint32_t no, const struct block *b)
{
    const bool format = b->scn == 0 || rt_random() % 40 == 0;
    vs->dba[i] = dba_make(FILE_DATA, no).v;
    vs->add[i] = (struct add){ (uint32_t)(rt_random() % COUNTERS), (uint32_t)rt_random() };
    vs->v[i] = (struct redo_vector){ .dba = { vs->dba[i] }, .before = b->scn, .nparts = 1, .opcode = format ? REDO_HEAP_FORMAT : REDO_HEAP_INSERT };
    vs->v[i].part[0].p = format ? (void *)&vs->dba[i] : (void *)&vs->add[i];
    vs->v[i].part[0].len = 8;
}

static void after_change(struct block *b, const struct redo_vector *v, uint16_t thread, scn_t scn, lsn_t start, lsn_t end)
{
    struct diag d;
    CHECK_OK(counters_apply(b->image, (enum redo_opcode)v->opcode, v->part[0].p, v->part[0].len, &d), &d);
    block_header(b->image)->scn = b->scn = scn;
    b->last_thread = thread;
    b->last_end = end;
    if (b->first_dirty[thread] == 0)
        b->first_dirty[thread] = start + 1; /* 0 means none */
    CHECK(b->n < HISTORY_MAX);
    struct step *s = &b->step[b->n++];
    s->scn = scn;
    for (uint32_t i = 0; i < COUNTERS; i++)
        s->counters[i] = *counter_of(b->image, i);
}

static void change_two(struct world *w, uint16_t thread)
{
    struct diag d;
    struct vectors vs;
    const uint32_t x = (uint32_t)(rt_random() % (BLOCKS - 1)), y = x + 1 + (uint32_t)(rt_random() % (BLOCKS - 1 - x));
    struct block *a = &w->block[x], *b = &w->block[y];
    lsn_t start, end;
    CHECK_OK(redo_reserve(w->redo[thread], 500, REDO_NORMAL, &d), &d);
    take_block(a);
    take_block(b);
    if (a->last_thread != thread)
        need_durable(w, a);
    if (b->last_thread != thread)
        need_durable(w, b);
    prepare(&vs, 0, x, a);
    prepare(&vs, 1, y, b);
    const scn_t scn = redo_append(w->redo[thread], REDO_CHANGE, xid_make(thread, w->nrecords + 1), vs.v, 2, NULL, NULL, &start, &end);
    after_change(a, &vs.v[0], thread, scn, start, end);
    after_change(b, &vs.v[1], thread, scn, start, end);
    CHECK(w->nrecords < HISTORY_MAX);
    w->record[w->nrecords++] = (struct record){ scn, end, thread, { x, y } };
    a->busy = b->busy = false;
    redo_unreserve(w->redo[thread], 500);
    if (rt_random() % 6 == 0)
        redo_flush(w->redo[thread], end);
}

static void append_written(struct world *w, uint16_t thread, struct dba dba, scn_t scn)
{
    struct diag d;
    const struct redo_vector v = { .dba = dba, .before = scn, .opcode = REDO_BLOCK_WRITTEN };
    CHECK_OK(redo_reserve(w->redo[thread], 200, REDO_NORMAL, &d), &d);
    (void)redo_append(w->redo[thread], REDO_NOTE, XID_NONE, &v, 1, NULL, NULL, NULL, NULL);
    redo_unreserve(w->redo[thread], 200);
}

/* An instance writes what has changed since it was written, nothing else. */
static bool is_dirty(const struct block *b)
{
    for (unsigned t = 1; t <= HOSTS; t++)
        if (b->first_dirty[t] != 0)
            return true;
    return false;
}

static void write_one(struct world *w, uint16_t thread, uint8_t *page)
{
    struct diag d;
    const uint32_t no = (uint32_t)(rt_random() % BLOCKS);
    struct block *b = &w->block[no];
    const struct dba dba = dba_make(FILE_DATA, no);
    const void *pages[1] = { page };
    uint32_t slot;
    take_block(b);
    if (is_dirty(b)) {
        need_durable(w, b);
        memcpy(page, b->image, BLOCK_SIZE);
        block_seal(page);
        CHECK_OK(dw_write_batch(w->dw[thread], pages, 1, &slot, &d), &d);
        CHECK_OK(files_write(w->files[thread], dba, page, &d), &d);
        CHECK_OK(files_sync(w->files[thread], FILE_DATA, &d), &d);
        dw_done(w->dw[thread], slot);
        memset(b->first_dirty, 0, sizeof(b->first_dirty));
        if (rt_random() % 2 == 0)
            append_written(w, thread, dba, b->scn);
    }
    b->busy = false;
}

struct move {
    uint16_t thread;
    lsn_t checkpoint;
};

static void move_checkpoint(void *arg, struct control *c)
{
    const struct move *m = arg;
    c->thread[m->thread].checkpoint = m->checkpoint;
}

static void checkpoint(struct world *w, uint16_t thread)
{
    struct diag d;
    struct move m = { thread, w->durable[thread] };
    for (unsigned i = 0; i < BLOCKS; i++)
        if (w->block[i].first_dirty[thread] > 0)
            m.checkpoint = MIN(m.checkpoint, w->block[i].first_dirty[thread] - 1);
    if (w->control_busy)
        return;
    w->control_busy = true;
    CHECK_OK(control_update(DIR, move_checkpoint, &m, &d), &d);
    w->control_busy = false;
    redo_set_checkpoint(w->redo[thread], m.checkpoint);
}

static struct world *the_world; /* of the running simulation: hosts' fibers get their thread's number as argument */

static void on_flush_begin(void *arg, lsn_t upto)
{
    the_world->log_writes++;
}

static void on_flush(void *arg, lsn_t durable)
{
    the_world->durable[(uintptr_t)arg] = durable;
    the_world->log_writes--;
}

static void busy_fiber(void *arg)
{
    const uint16_t thread = (uint16_t)(uintptr_t)arg;
    struct world *w = the_world;
    uint8_t *page = rt_alloc_aligned(BLOCK_SIZE);
    for (;;) {
        const uint64_t what = rt_random() % 20;
        if (what < 14)
            change_two(w, thread);
        else if (what < 18)
            write_one(w, thread, page);
        else if (what < 19)
            checkpoint(w, thread);
        else
            rt_sleep(RT_US(rt_random() % 2000));
    }
}

static void flusher_fiber(void *arg)
{
    const uintptr_t thread = (uintptr_t)arg;
    for (;;) {
        if (the_world->wanted[thread] > the_world->durable[thread])
            redo_flush(the_world->redo[thread], the_world->wanted[thread]);
        rt_sleep(RT_US(50));
    }
}

static void open_thread(void *arg, struct control *c)
{
    const uint16_t thread = (uint16_t)(uintptr_t)arg;
    struct control_thread *t = &c->thread[thread];
    CHECK(t->state == THREAD_UNUSED || t->state == THREAD_RECOVERING);
    t->state = THREAD_OPEN;
    t->node = (node_no)thread;
    t->incarnation = the_world->incarnation + thread;
    t->checkpoint = the_world->start[thread];
    c->threads = MAX(c->threads, thread);
}

static void instance(void *arg)
{
    const uintptr_t thread = (uintptr_t)arg;
    struct world *w = the_world;
    struct diag d;
    CHECK_OK(control_create(DIR, "test", &d), &d);
    while (w->ready + 1 != thread) /* one after the other: nobody serialises updates of the control file here */
        rt_sleep(RT_US(100));
    CHECK_OK(control_update(DIR, open_thread, arg, &d), &d);
    CHECK_OK(files_open(DIR, false, &w->files[thread], &d), &d);
    CHECK_OK(files_create(w->files[thread], FILE_DATA, BLOCKS, &d), &d);
    CHECK_OK(dw_open(DIR, (uint16_t)thread, &w->dw[thread], &d), &d);
    const struct redo_options ro = { .dir = DIR, .thread = (uint16_t)thread, .incarnation = w->incarnation + thread, .start = w->start[thread],
                                     .file_bytes = REDO_FILE_BYTES_MIN, .buffer_bytes = REDO_BUFFER_BYTES_MIN, .scn = &w->scn, .fatal = die };
    CHECK_OK(redo_open(&ro, &w->redo[thread], &d), &d);
    w->durable[thread] = redo_durable(w->redo[thread]);
    redo_on_flush_begin(w->redo[thread], on_flush_begin, arg);
    redo_on_flush(w->redo[thread], on_flush, arg);
    w->ready++;
    while (w->ready < HOSTS)
        rt_sleep(RT_US(100));
    for (int i = 0; i < 4; i++) {
        const struct rt_spawn_options so = { .name = "busy", .worker = RT_WORKER_ANY };
        struct fiber *f = rt_spawn(&so, i < 3 ? busy_fiber : flusher_fiber, arg);
        CHECK(f != NULL);
        rt_detach(f);
    }
}

/* ---- crash and recovery ------------------------------------------------------------ */

/* Repairs are counted by what is logged: a recovery that crashes later has no other way to tell. */
static void count_repairs(void *arg, enum log_level level, const char *line, size_t len)
{
    struct world *w = arg;
    w->torn += strstr(line, "a copy of it is in a double-write area") != NULL;
}

static uint64_t no_clock(void *arg)
{
    return 0;
}

static void note_progress(void *arg, const char *step, uint64_t done, uint64_t all)
{
    the_world->half_applied = strcmp(step, "apply") == 0 && 2 * done >= all;
}

static void recoverer(void *arg)
{
    struct world *w = the_world;
    struct diag d;
    struct files *files = NULL;
    CHECK_OK(files_open(DIR, false, &files, &d), &d);
    const struct recovery_options opt = { .dir = DIR, .files = files, .ops = &counters_block_ops, .memory_bytes = 4000, .fibers = 5, .log = w->log,
                                           .progress = note_progress };
    CHECK_OK(recovery_run(&opt, &w->result, &d), &d);
    files_close(files);
    w->recovered = true;
}

static void kill_all(void)
{
    for (uint32_t h = 1; h <= HOSTS; h++)
        sim_kill_host(sim_self(), h);
}

static void crash_all(void)
{
    if (rt_random() % 2 == 0)
        sim_power_loss(sim_self());
    else
        kill_all();
}

/* While at least two logs are being written. */
static void kill_in_log_writes(struct world *w)
{
    while (w->log_writes < 2)
        rt_sleep(RT_US(5));
    rt_sleep(RT_US(rt_random() % 80));
    kill_all();
}

/* About half of the blocks have been changed and synced. */
static void lose_power_when_blocks_are_changed(struct world *w)
{
    w->half_applied = false;
    sim_host_start(sim_self(), 1, recoverer, NULL);
    while (!w->recovered && !w->half_applied)
        rt_sleep(RT_US(20));
    if (w->recovered)
        return;
    sim_power_loss(sim_self());
    w->crashes_in_recovery++;
}

static void recover(struct world *w)
{
    w->recovered = false;
    if (w->late_writes)
        lose_power_when_blocks_are_changed(w);
    for (int tries = 0; !w->recovered; tries++) {
        sim_host_start(sim_self(), 1, recoverer, NULL);
        const uint64_t until = rt_now() + RT_US(rt_random() % 30000);
        while (!w->recovered && (tries >= 4 || rt_now() < until))
            rt_sleep(RT_US(100));
        if (w->recovered)
            break;
        crash_all();
        w->crashes_in_recovery++;
    }
    w->parts_max = MAX(w->parts_max, w->result.parts);
}

static unsigned step_of(const struct block *b, scn_t scn)
{
    for (unsigned i = b->n; i-- > 0;)
        if (b->step[i].scn == scn)
            return i;
    panic("the block is at SCN %" PRIu64 ", which it never had", scn);
}

/* Reads the blocks, compares them with their histories, goes on from there. */
static void check_blocks(struct world *w)
{
    struct diag d;
    struct files *files = NULL;
    uint8_t *page = rt_alloc_aligned(BLOCK_SIZE);
    CHECK_OK(files_open(DIR, true, &files, &d), &d);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        struct block *b = &w->block[i];
        CHECK_OK(files_read(files, dba_make(FILE_DATA, i), page, &d), &d);
        CHECK_OK(block_verify(page, dba_make(FILE_DATA, i), &d), &d);
        const scn_t scn = block_scn(page);
        if (scn > 0) {
            const unsigned k = step_of(b, scn);
            for (uint32_t slot = 0; slot < COUNTERS; slot++)
                CHECK(b->step[k].counters[slot] == *counter_of(page, slot));
            b->n = k + 1;
        } else {
            b->n = 0;
        }
        memcpy(b->image, page, BLOCK_SIZE);
        b->scn = scn;
        b->last_thread = 0;
        memset(b->first_dirty, 0, sizeof(b->first_dirty));
        b->busy = false;
    }
    files_close(files);
    rt_free_aligned(page, BLOCK_SIZE);
}

static void check_records(struct world *w)
{
    for (unsigned i = 0; i < w->nrecords; i++) {
        const struct record *r = &w->record[i];
        const bool first = w->block[r->block[0]].scn >= r->scn, second = w->block[r->block[1]].scn >= r->scn;
        CHECK(first == second);
        CHECK(first || r->end > w->durable[r->thread]);
        CHECK(!first || r->end <= w->start[r->thread] || w->start[r->thread] == 0);
    }
}

static void rounds(void *arg)
{
    struct world *w = arg;
    for (int round = 0; round < 3; round++) {
        w->incarnation = 100u * (unsigned)(3 - round);
        w->ready = 0;
        w->control_busy = false;
        w->nrecords = w->log_writes = 0;
        memset(w->wanted, 0, sizeof(w->wanted));
        for (uintptr_t h = 1; h <= HOSTS; h++)
            sim_host_start(sim_self(), (uint32_t)h, instance, (void *)h);
        while (w->ready < HOSTS)
            rt_sleep(RT_MS(1));
        rt_sleep(RT_US(rt_random() % 60000));
        if (w->late_writes)
            kill_in_log_writes(w);
        else
            crash_all();
        recover(w);
        CHECK(w->result.nthreads == HOSTS);
        for (unsigned i = 0; i < HOSTS; i++) {
            const struct recovery_thread *t = &w->result.threads[i];
            w->start[t->thread] = t->end;
            CHECK(t->end >= w->durable[t->thread]);
            scn_raise(&w->scn, t->scn_max);
        }
        check_blocks(w);
        check_records(w);
    }
}

static void recovery_comes_to_the_model(void **state)
{
    unsigned crashes = 0, torn = 0, parts = 0;
    const char *one = getenv("RECOVERY_SEED");
    const uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1, last = one != NULL ? first : 25;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct world *w = aligned_alloc(16, ALIGN_UP(sizeof(*w), 16));
        memset(w, 0, sizeof(*w));
        the_world = w;
        w->late_writes = seed % 5 < 2;
        w->record = calloc(HISTORY_MAX, sizeof(*w->record));
        for (unsigned i = 0; i < BLOCKS; i++)
            w->block[i].step = calloc(HISTORY_MAX, sizeof(struct step));
        w->log = log_new("test", LOG_INFO, count_repairs, no_clock, w);
        print_message("seed %" PRIu64 " (RECOVERY_SEED=%" PRIu64 " replays it)\n", seed, seed);
        simulate_with(seed, seed % 3 == 0, 0, rounds, w);
        crashes += w->crashes_in_recovery;
        torn += w->torn;
        parts = MAX(parts, w->parts_max);
        for (unsigned i = 0; i < BLOCKS; i++)
            free(w->block[i].step);
        free(w->record);
        log_free(w->log);
        free(w);
    }
    if (one == NULL) {
        assert_true(crashes > 5); /* the test has met what it is about */
        assert_true(torn > 0);
        assert_true(parts > 1);
    }
}

/* ---- an old copy -------------------------------------------------------------------- */

#define OLD_BLOCK dba_make(FILE_DATA, 3)

static void make_page(uint8_t *page, scn_t scn)
{
    block_format(page, OLD_BLOCK, BLOCK_HEAP, 1, 1);
    block_header(page)->scn = scn;
    block_seal(page);
}

/*
 * A block was double-written at SCN 10 and written in place; then at SCN 20 by another way (another node's area, which has been used
 * again). The checkpoints have passed both. The block on disk decays, the instance dies: the copy of SCN 10 is no repair.
 */
static void decay(void *arg)
{
    struct world *w = the_world;
    struct diag d;
    uint32_t slot;
    uint8_t *page = rt_alloc_aligned(BLOCK_SIZE);
    const void *pages[1] = { page };
    make_page(page, 10);
    CHECK_OK(dw_write_batch(w->dw[1], pages, 1, &slot, &d), &d);
    CHECK_OK(files_write(w->files[1], OLD_BLOCK, page, &d), &d);
    CHECK_OK(files_sync(w->files[1], FILE_DATA, &d), &d);
    dw_done(w->dw[1], slot);
    make_page(page, 20);
    CHECK_OK(files_write(w->files[1], OLD_BLOCK, page, &d), &d);
    CHECK_OK(files_sync(w->files[1], FILE_DATA, &d), &d);
    w->half_applied = true; /* done */
}

static void an_old_copy_story(void *arg)
{
    struct world *w = the_world;
    struct diag d;
    uint8_t *page = rt_alloc_aligned(BLOCK_SIZE);
    w->incarnation = 100;
    sim_host_start(sim_self(), 1, instance, (void *)(uintptr_t)1);
    while (w->ready < 1)
        rt_sleep(RT_MS(1));
    sim_host_start(sim_self(), 1, decay, NULL);
    while (!w->half_applied)
        rt_sleep(RT_MS(1));
    kill_all();
    sim_corrupt(sim_self(), DIR "/data/main.dbf", 3 * BLOCK_SIZE + 500);
    sim_host_start(sim_self(), 1, recoverer, NULL);
    while (!w->recovered)
        rt_sleep(RT_MS(1));
    struct files *files = NULL;
    CHECK_OK(files_open(DIR, true, &files, &d), &d);
    CHECK_OK(files_read(files, OLD_BLOCK, page, &d), &d);
    CHECK(block_verify(page, OLD_BLOCK, &d) == ERR_CORRUPT);
    CHECK(w->result.torn == 0);
    CHECK(w->result.damaged == 1);
    files_close(files);
    rt_free_aligned(page, BLOCK_SIZE);
}

static void an_old_copy_is_no_repair(void **state)
{
    struct world *w = aligned_alloc(16, ALIGN_UP(sizeof(*w), 16));
    memset(w, 0, sizeof(*w));
    the_world = w;
    w->log = log_new("test", LOG_INFO, count_repairs, no_clock, w);
    simulate_with(1, false, 0, an_old_copy_story, w);
    log_free(w->log);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(recovery_comes_to_the_model), cmocka_unit_test(an_old_copy_is_no_repair) };
    return cmocka_run_group_tests_name("recovery/crash", tests, NULL, NULL);
}
