/*
 * A redo thread under power loss: whatever was reported durable is read back,
 * in order; the torn tail is found; damage before a durable position is
 * refused and named (R8); stale blocks of earlier owners never pass.
 */
#include "sim_check.h"

#include "base/hash.h"
#include "redo/format.h"

#define DIR "/db"
#define RECORDS_MAX 20000u

struct expected {
    lsn_t start, end;
    scn_t scn;
    uint64_t hash; /* of its payloads */
};

struct story {
    uint64_t seed;
    struct scn_clock scn;
    struct expected rec[RECORDS_MAX];
    unsigned n; /* appended, in log order (filled in under the append's spin) */
    lsn_t durable; /* as reported by the log */
    lsn_t checkpoint, start;
    incarnation_t incarnation;
    struct redo *redo;
    bool opened;
};

static void on_scn(void *arg, scn_t scn)
{
    struct story *st = arg;
    CHECK(st->n < RECORDS_MAX);
    st->rec[st->n++].scn = scn;
}

static void on_flush(void *arg, lsn_t durable)
{
    struct story *st = arg;
    CHECK(durable > st->durable);
    st->durable = durable;
}

static void die(void *arg, const struct diag *d)
{
    panic("the log died: %s", d->message);
}

static void append_one(struct story *st, uint8_t *bytes)
{
    struct diag d;
    const unsigned nv = 1 + (unsigned)(rt_random() % 3);
    struct redo_vector v[3];
    uint64_t hash = 0;
    for (unsigned i = 0; i < nv; i++) {
        const uint32_t len = rt_random() % 40 == 0 ? (uint32_t)(rt_random() % 60000) : (uint32_t)(rt_random() % 400);
        uint8_t *p = bytes + i * 60000;
        memset(p, (int)(rt_random() & 0xff), len);
        v[i] = (struct redo_vector){ .dba = dba_make(1, (uint32_t)(rt_random() % 100)), .opcode = REDO_HEAP_INSERT, .nparts = 2,
                                     .part = { { p, len / 2 }, { p + len / 2, len - len / 2 } } };
        hash = hash_bytes(p, len, hash);
    }
    const uint32_t size = redo_record_size(v, nv);
    lsn_t start, end;
    CHECK_OK(redo_reserve(st->redo, size + 100, REDO_NORMAL, &d), &d);
    const scn_t scn = redo_append(st->redo, REDO_CHANGE, xid_make(1, st->n), v, nv, on_scn, st, &start, &end);
    for (unsigned i = st->n; i-- > 0;) {
        if (st->rec[i].scn == scn) {
            st->rec[i] = (struct expected){ start, end, scn, hash };
            break;
        }
    }
    redo_unreserve(st->redo, size + 100);
    if (rt_random() % 4 == 0) {
        redo_flush(st->redo, end);
        CHECK(redo_durable(st->redo) >= end);
        CHECK(st->durable >= end);
    }
}

static void appender(void *arg)
{
    uint8_t *bytes = malloc(3 * 60000);
    for (;;) {
        append_one(arg, bytes);
        if (rt_random() % 8 == 0)
            rt_sleep(RT_US(rt_random() % 3000));
    }
}

/* Recycles log files behind what the reader will still want. */
static void checkpointer(void *arg)
{
    struct story *st = arg;
    for (;;) {
        rt_sleep(RT_MS(20));
        lsn_t upto = st->checkpoint;
        for (unsigned i = 0; i < st->n && st->rec[i].end <= st->durable && st->rec[i].end > 0; i++)
            if (st->rec[i].start + (3u << 20) < st->durable)
                upto = st->rec[i].start;
        st->checkpoint = upto;
        redo_set_checkpoint(st->redo, upto);
    }
}

static struct redo_options options(struct story *st)
{
    return (struct redo_options){ .dir = DIR, .thread = 1, .incarnation = st->incarnation, .start = st->start, .file_bytes = REDO_FILE_BYTES_MIN,
                                  .buffer_bytes = REDO_BUFFER_BYTES_MIN, .scn = &st->scn, .fatal = die };
}

static void owner(void *arg)
{
    struct story *st = arg;
    struct diag d;
    const struct redo_options opt = options(st);
    CHECK_OK(rt_mkdir(DIR, &d), &d);
    CHECK_OK(redo_open(&opt, &st->redo, &d), &d);
    st->durable = redo_durable(st->redo);
    redo_on_flush(st->redo, on_flush, st);
    st->opened = true;
    for (int i = 0; i < 5; i++) {
        const struct rt_spawn_options so = { .name = "appender", .worker = RT_WORKER_ANY };
        struct fiber *f = rt_spawn(&so, appender, st);
        CHECK(f != NULL);
        rt_detach(f);
    }
    const struct rt_spawn_options so = { .name = "checkpointer", .worker = RT_WORKER_ANY };
    rt_detach(rt_spawn(&so, checkpointer, st));
}

static uint64_t payload_hash(const struct redo_record *r)
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < r->n; i++)
        hash = hash_bytes(r->v[i].payload, r->v[i].len, hash);
    return hash;
}

/* Reads from the checkpoint; whatever was durable must be there, and nothing that was not appended. */
static void read_back(struct story *st)
{
    struct diag d;
    struct redo_reader *r = NULL;
    unsigned i = 0;
    while (i < st->n && st->rec[i].start < st->checkpoint)
        i++;
    CHECK_OK(redo_reader_open(DIR, 1, st->checkpoint, &r, &d), &d);
    redo_reader_known_durable(r, st->durable);
    for (;;) {
        struct redo_record rec;
        bool end = false;
        CHECK_OK(redo_read(r, &rec, &end, &d), &d);
        if (end)
            break;
        CHECK(i < st->n);
        CHECK(rec.scn == st->rec[i].scn);
        if (st->rec[i].end > 0) { /* else its appender had not yet noted it when the power went */
            CHECK(rec.start == st->rec[i].start);
            CHECK(rec.end == st->rec[i].end);
            CHECK(payload_hash(&rec) == st->rec[i].hash);
        }
        i++;
    }
    const lsn_t end = redo_reader_position(r);
    CHECK(end % REDO_LOG_BLOCK == 0);
    CHECK(end >= st->durable);
    CHECK(i == st->n || st->rec[i].end == 0 || st->rec[i].end > st->durable);
    for (; i < st->n && st->rec[i].end > 0; i++)
        CHECK(st->rec[i].end > st->durable);
    redo_reader_close(r);
    st->start = end;
}

/* Forgets what was lost, and what the next read will not see. */
static void forget_lost(struct story *st)
{
    unsigned n = 0;
    struct diag d;
    struct redo_reader *r = NULL;
    CHECK_OK(redo_reader_open(DIR, 1, st->checkpoint, &r, &d), &d);
    for (;;) {
        struct redo_record rec;
        bool end = false;
        CHECK_OK(redo_read(r, &rec, &end, &d), &d);
        if (end)
            break;
        st->rec[n++] = (struct expected){ rec.start, rec.end, rec.scn, payload_hash(&rec) };
    }
    redo_reader_close(r);
    st->n = n;
}

static void owners_follow_each_other(void *arg)
{
    struct story *st = arg;
    struct sim *s = sim_self();
    for (int round = 0; round < 4; round++) {
        st->incarnation = 1000 - (incarnation_t)round * 7; /* no order among incarnations */
        st->opened = false;
        sim_host_start(s, 1, owner, st);
        rt_sleep(RT_MS(50 + rt_random() % 150));
        while (!st->opened)
            rt_sleep(RT_MS(1));
        sim_power_loss(s);
        read_back(st);
        forget_lost(st);
    }
    CHECK(st->n > 0);
}

static void what_was_durable_is_read_back(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct story *st = calloc(1, sizeof(*st));
        st->seed = seed;
        simulate_with(seed, seed % 2 == 0, 0, owners_follow_each_other, st);
        free(st);
    }
}

/* ---- damage ------------------------------------------------------------------- */

static void short_owner(void *arg)
{
    struct story *st = arg;
    struct diag d;
    const struct redo_options opt = options(st);
    CHECK_OK(rt_mkdir(DIR, &d), &d);
    CHECK_OK(redo_open(&opt, &st->redo, &d), &d);
    for (int i = 0; i < 6; i++) {
        const struct redo_vector v = { .dba = dba_make(1, 5), .opcode = REDO_HEAP_INSERT, .nparts = 1, .part = { { "payload", 7 } } };
        lsn_t end;
        CHECK_OK(redo_reserve(st->redo, 200, REDO_NORMAL, &d), &d);
        (void)redo_append(st->redo, REDO_CHANGE, xid_make(1, 1), &v, 1, NULL, NULL, NULL, &end);
        redo_unreserve(st->redo, 200);
        redo_flush(st->redo, end);
        st->rec[i].end = redo_durable(st->redo);
        st->n++;
    }
    redo_close(st->redo);
    st->opened = true;
}

static unsigned count_records(lsn_t known_durable, enum err *ret_err, struct diag *d)
{
    struct redo_reader *r = NULL;
    unsigned n = 0;
    bool end = false;
    CHECK_OK(redo_reader_open(DIR, 1, 0, &r, d), d);
    redo_reader_known_durable(r, known_durable);
    for (;;) {
        struct redo_record rec;
        *ret_err = redo_read(r, &rec, &end, d);
        if (*ret_err || end)
            break;
        n++;
    }
    redo_reader_close(r);
    return n;
}

static void damage_story(void *arg)
{
    struct story *st = arg;
    struct sim *s = sim_self();
    enum err err;
    struct diag d;
    sim_host_start(s, 1, short_owner, st);
    while (!st->opened)
        rt_sleep(RT_MS(1));
    CHECK(count_records(0, &err, &d) == 6);
    CHECK(err == ERR_OK);
    CHECK(st->rec[5].end == 7 * REDO_LOG_BLOCK);

    /* The last block: a torn tail, unless somebody knows better. (The file begins with a header block.) */
    sim_corrupt(s, DIR "/redo/1/0000000000.log", 7 * REDO_LOG_BLOCK + 60);
    CHECK(count_records(0, &err, &d) == 5);
    CHECK(err == ERR_OK);
    count_records(6 * REDO_LOG_BLOCK + 1, &err, &d);
    CHECK(err == ERR_CORRUPT);

    /* In the middle: later blocks claim that it was durable. */
    sim_corrupt(s, DIR "/redo/1/0000000000.log", 4 * REDO_LOG_BLOCK + 60);
    CHECK(count_records(0, &err, &d) == 2);
    CHECK(err == ERR_CORRUPT);
    CHECK(strstr(d.message, "redo thread 1: the log block at position 12288 (/db/redo/1/0000000000.log, offset 16384)") != NULL);

    /* The header of the file: its blocks are found all the same. */
    sim_corrupt(s, DIR "/redo/1/0000000000.log", 16);
    count_records(0, &err, &d);
    CHECK(err == ERR_CORRUPT);
}

static void damage_is_told_from_the_torn_tail(void **state)
{
    struct story *st = calloc(1, sizeof(*st));
    st->incarnation = 5;
    simulate_with(1, false, 0, damage_story, st);
    free(st);
}

/* ---- a full disk ---------------------------------------------------------------- */

static void full_disk_owner(void *arg)
{
    struct story *st = arg;
    struct diag d;
    const struct redo_options opt = options(st);
    uint8_t *bytes = calloc(1, 50000);
    CHECK_OK(rt_mkdir(DIR, &d), &d);
    CHECK_OK(redo_open(&opt, &st->redo, &d), &d);
    lsn_t end = 0;
    enum err err;
    for (;;) {
        const struct redo_vector v = { .dba = dba_make(1, 5), .opcode = REDO_HEAP_INSERT, .nparts = 1, .part = { { bytes, 50000 } } };
        err = redo_reserve(st->redo, 50100, REDO_NORMAL, &d);
        if (err)
            break;
        (void)redo_append(st->redo, REDO_CHANGE, xid_make(1, 1), &v, 1, NULL, NULL, NULL, &end);
        redo_unreserve(st->redo, 50100);
        st->n++;
        CHECK(st->n < 1000);
    }
    CHECK(err == ERR_DISK_FULL);
    CHECK(strcmp(err_sqlstate(d.err), "53100") == 0);
    CHECK(st->n > 50);

    /* What ends transactions still finds room. */
    const struct redo_vector v = { .dba = dba_make(1, 5), .opcode = REDO_TT_COMMIT, .nparts = 1, .part = { { bytes, 30 } } };
    for (int i = 0; i < 20; i++) {
        CHECK_OK(redo_reserve(st->redo, 200, REDO_URGENT, &d), &d);
        (void)redo_append(st->redo, REDO_COMMIT, xid_make(1, 1), &v, 1, NULL, NULL, NULL, &end);
        redo_unreserve(st->redo, 200);
        st->n++;
    }
    redo_flush(st->redo, end);
    /* A checkpoint makes room again, without a byte of disk. */
    redo_set_checkpoint(st->redo, end);
    for (int i = 0;; i++) {
        rt_sleep(RT_MS(50));
        if (redo_reserve(st->redo, 50100, REDO_NORMAL, &d) == ERR_OK)
            break;
        CHECK(i < 100);
    }
    redo_unreserve(st->redo, 50100);
    redo_close(st->redo);
    free(bytes);
    st->opened = true;
}

static void full_disk_story(void *arg)
{
    struct story *st = arg;
    sim_host_start(sim_self(), 1, full_disk_owner, st);
    while (!st->opened)
        rt_sleep(RT_MS(1));
}

static void a_full_disk_fails_early_and_heals(void **state)
{
    struct story *st = calloc(1, sizeof(*st));
    st->incarnation = 5;
    simulate_with(1, false, 5u << 20, full_disk_story, st);
    free(st);
}

/*
 * The next owner of a full disk's log: its control file names the start as checkpoint, so that the files behind it are room for the rollback
 * of what the last owner left behind. No checkpoint of its own comes first: too little has been written for one.
 */
static void next_owner_of_full_disk(void *arg)
{
    struct story *st = arg;
    struct diag d;
    uint8_t *bytes = calloc(1, 50000);
    struct redo_options opt = options(st);
    CHECK_OK(rt_mkdir(DIR, &d), &d);
    CHECK_OK(redo_open(&opt, &st->redo, &d), &d);
    const struct redo_vector v = { .dba = dba_make(1, 5), .opcode = REDO_HEAP_INSERT, .nparts = 1, .part = { { bytes, 50000 } } };
    lsn_t end = 0;
    while (redo_reserve(st->redo, 50100, REDO_NORMAL, &d) == ERR_OK) {
        (void)redo_append(st->redo, REDO_CHANGE, xid_make(1, 1), &v, 1, NULL, NULL, NULL, &end);
        redo_unreserve(st->redo, 50100);
    }
    redo_close(st->redo);

    opt.start = (end + REDO_LOG_BLOCK - 1) / REDO_LOG_BLOCK * REDO_LOG_BLOCK;
    opt.incarnation++;
    CHECK_OK(redo_open(&opt, &st->redo, &d), &d);
    for (unsigned i = 0; i < (2u << 20) / 50000; i++) { /* hangs where nothing is free */
        CHECK_OK(redo_reserve(st->redo, 50100, REDO_URGENT, &d), &d);
        (void)redo_append(st->redo, REDO_CHANGE, xid_make(1, 1), &v, 1, NULL, NULL, NULL, &end);
        redo_unreserve(st->redo, 50100);
    }
    redo_close(st->redo);

    /* At the end of a file, with nothing ahead. */
    opt.start = 2 * ((lsn_t)REDO_FILE_BYTES_MIN - REDO_LOG_BLOCK) + REDO_FILE_BYTES_MIN * 10;
    opt.incarnation++;
    CHECK_OK(redo_open(&opt, &st->redo, &d), &d);
    redo_close(st->redo);
    free(bytes);
    st->opened = true;
}

static void next_full_disk_story(void *arg)
{
    struct story *st = arg;
    sim_host_start(sim_self(), 1, next_owner_of_full_disk, st);
    for (int i = 0; !st->opened; i++) {
        rt_sleep(RT_MS(10));
        CHECK(i < 3000);
    }
}

static void a_full_disk_does_not_keep_the_next_owner_out(void **state)
{
    struct story *st = calloc(1, sizeof(*st));
    st->incarnation = 5;
    simulate_with(1, false, 5u << 20, next_full_disk_story, st);
    free(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_durable_is_read_back),
        cmocka_unit_test(damage_is_told_from_the_torn_tail),
        cmocka_unit_test(a_full_disk_fails_early_and_heals),
        cmocka_unit_test(a_full_disk_does_not_keep_the_next_owner_out),
    };
    return cmocka_run_group_tests_name("redo/log", tests, NULL, NULL);
}
