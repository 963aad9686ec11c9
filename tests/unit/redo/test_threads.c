/*
 * A redo thread on the real back-end: several worker threads append and flush
 * at the same time; everything is read back in order.
 */
#include "sim_check.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/hash.h"
#include "redo/redo.h"

#define FIBERS 16u
#define RECORDS 250u /* a fiber */

struct shared {
    char dir[64];
    struct scn_clock scn;
    struct redo *redo;
    lsn_t end[FIBERS * RECORDS + 1]; /* by SCN */
    _Atomic unsigned in_step;
};

struct one {
    struct shared *s;
    unsigned no;
};

static void die(void *arg, const struct diag *d)
{
    panic("%s", d->message);
}

static void on_scn(void *arg, scn_t scn)
{
    struct shared *s = arg;
    CHECK(atomic_fetch_add(&s->in_step, 1) == 0); /* one at a time */
    CHECK(scn_now(&s->scn) >= scn);
    atomic_fetch_sub(&s->in_step, 1);
}

static void appender(void *arg)
{
    struct one *o = arg;
    struct diag d;
    uint8_t bytes[3000];
    for (unsigned i = 0; i < RECORDS; i++) {
        const uint32_t len = (uint32_t)(hash_u64(o->no * 1000u + i) % sizeof(bytes));
        memset(bytes, (int)(o->no + i), len);
        const struct redo_vector v = { .dba = dba_make(1, o->no), .opcode = REDO_HEAP_INSERT, .nparts = 1, .part = { { bytes, len } } };
        lsn_t end;
        CHECK_OK(redo_reserve(o->s->redo, redo_record_size(&v, 1), REDO_NORMAL, &d), &d);
        const scn_t scn = redo_append(o->s->redo, REDO_COMMIT, xid_make(1, i), &v, 1, on_scn, o->s, NULL, &end);
        redo_unreserve(o->s->redo, redo_record_size(&v, 1));
        o->s->end[scn] = end;
        if (i % 16 == o->no % 16) {
            redo_flush(o->s->redo, end);
            CHECK(redo_durable(o->s->redo) >= end);
        }
        rt_yield_if_due();
    }
}

static void read_back(struct shared *s)
{
    struct redo_reader *r = NULL;
    struct redo_record rec;
    struct diag d;
    bool end = false;
    CHECK_OK(redo_reader_open(s->dir, 1, 0, &r, &d), &d);
    redo_reader_expect(r, 77);
    for (scn_t scn = 1;; scn++) {
        CHECK_OK(redo_read(r, &rec, &end, &d), &d);
        if (end) {
            CHECK(scn == FIBERS * RECORDS + 1);
            break;
        }
        CHECK(rec.scn == scn);
        CHECK(rec.end == s->end[scn]);
        const unsigned no = dba_block(rec.v[0].dba), i = (unsigned)xid_seq(rec.xid);
        CHECK(rec.v[0].len == hash_u64(no * 1000u + i) % 3000);
        for (uint32_t k = 0; k < rec.v[0].len; k++)
            CHECK(rec.v[0].payload[k] == (uint8_t)(no + i));
    }
    redo_reader_close(r);
}

static void story(void *arg)
{
    struct shared *s = arg;
    struct diag d;
    struct one one[FIBERS];
    struct fiber *f[FIBERS];
    const struct redo_options ro = { .dir = s->dir, .thread = 1, .incarnation = 77, .file_bytes = REDO_FILE_BYTES_MIN,
                                     .buffer_bytes = REDO_BUFFER_BYTES_MIN, .scn = &s->scn, .fatal = die };
    CHECK_OK(redo_open(&ro, &s->redo, &d), &d);
    for (unsigned i = 0; i < FIBERS; i++) {
        const struct rt_spawn_options so = { .name = "appender", .worker = i % rt_workers() };
        one[i] = (struct one){ s, i };
        f[i] = rt_spawn(&so, appender, &one[i]);
        CHECK(f[i] != NULL);
    }
    for (unsigned i = 0; i < FIBERS; i++)
        rt_join(f[i]);
    struct redo_stats st;
    redo_stats(s->redo, &st);
    CHECK(st.records == FIBERS * RECORDS);
    CHECK(st.flushes > 0 && st.flushes <= st.records);
    redo_close(s->redo);
    read_back(s);
}

static void run_on(enum rt_backend backend)
{
    struct shared *s = calloc(1, sizeof(*s));
    struct diag d;
    char command[128];
    snprintf(s->dir, sizeof(s->dir), "/tmp/rustydb-redo-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    const struct rt_options opt = { .backend = backend, .workers = 3 };
    const enum err err = rt_run(&opt, story, s, &d);
    snprintf(command, sizeof(command), "rm -rf %s", s->dir);
    assert_int_equal(system(command), 0);
    free(s);
    if (err)
        fail_msg("%s", d.message);
}

static void workers_append_at_the_same_time(void **state)
{
    run_on(RT_EPOLL);
    run_on(RT_AUTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(workers_append_at_the_same_time) };
    return cmocka_run_group_tests_name("redo/threads", tests, NULL, NULL);
}
