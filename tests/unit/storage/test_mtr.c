/*
 * Mini-transactions: one record with all vectors, versions, cancelling.
 */
#include "storage/mtr.h"

#include "counters.h"

static void published(void *arg, scn_t scn)
{
    *(scn_t *)arg = scn;
}

static void story(void *arg)
{
    struct diag d;
    struct scn_clock scn = { 100 };
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    for (int i = 0; i < 5; i++)
        CHECK_OK(rt_mkdir((const char *[]){ "/db", "/db/data", "/db/undo", "/db/dw", "/db/redo" }[i], &d), &d);
    CHECK_OK(files_open("/db", false, &files, &d), &d);
    CHECK_OK(files_create(files, FILE_DATA, 8, &d), &d);
    const struct redo_options ro = { .dir = "/db", .thread = 1, .incarnation = 1, .file_bytes = 4 << 20, .buffer_bytes = 4 << 20, .scn = &scn };
    CHECK_OK(redo_open(&ro, &redo, &d), &d);
    const struct bufcache_options bo = { .size_bytes = 64 * BLOCK_SIZE, .thread = 1, .dir = "/db", .files = files, .redo = redo, .redo_ops = &counters_ops, .scn = &scn };
    CHECK_OK(bufcache_open(&bo, &bc, &d), &d);

    /* A fresh block is formatted and changed in one mini-transaction; pinned twice, it is one pin. */
    const struct dba a = dba_make(FILE_DATA, 1), b = dba_make(FILE_DATA, 2);
    struct mtr m;
    struct pin *p, *q;
    scn_t seen = 0;
    lsn_t end = 0;
    mtr_begin(&m, bc, xid_make(1, 5));
    CHECK_OK(mtr_reserve(&m, 1000, &d), &d);
    CHECK_OK(mtr_pin_fresh(&m, a, &p, &d), &d);
    CHECK_OK(mtr_change(&m, p, REDO_HEAP_FORMAT, &(struct mtr_part){ &a, sizeof(a) }, 1, &d), &d);
    counter_add_in(&m, a, 0, 5);
    CHECK_OK(mtr_pin(&m, a, &q, &d), &d);
    CHECK(p == q);
    CHECK(m.npins == 1);
    mtr_on_scn(&m, REDO_COMMIT, published, &seen);
    const scn_t first = mtr_commit(&m, &end);
    mtr_cancel(&m); /* does nothing */
    CHECK(first > 100);
    CHECK(seen == first);

    /* Never formatted: reading shows a block of no type, changing it fails and harms nothing. */
    CHECK_OK(buf_pin(bc, b, BUF_S, &p, &d), &d);
    CHECK(block_header(p->data)->type == BLOCK_NONE);
    buf_unpin(p);
    const struct add add = { 0, 1 };
    mtr_begin(&m, bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 1000, &d), &d);
    CHECK_OK(mtr_pin(&m, b, &p, &d), &d);
    CHECK(mtr_change(&m, p, REDO_HEAP_INSERT, &(struct mtr_part){ &add, sizeof(add) }, 1, &d) == ERR_CORRUPT);
    mtr_unpin(&m, p);
    mtr_cancel(&m);

    /* A fresh pin that is let go without formatting leaves what is on disk. */
    mtr_begin(&m, bc, XID_NONE);
    CHECK_OK(mtr_pin_fresh(&m, dba_make(FILE_DATA, 3), &p, &d), &d);
    memset(p->data, 0xee, BLOCK_SIZE);
    mtr_cancel(&m);
    CHECK_OK(buf_pin(bc, dba_make(FILE_DATA, 3), BUF_S, &p, &d), &d);
    CHECK(block_header(p->data)->magic == 0);
    buf_unpin(p);

    const scn_t second = counter_add(bc, a, 0, 2, &end);
    CHECK(second > first);
    CHECK(counter_read(bc, a, 0) == 7);

    /* The log tells the same: "before" is the version that the mini-transaction found. */
    redo_flush(redo, end);
    struct redo_reader *r;
    struct redo_record rec;
    bool at_end = false;
    CHECK_OK(redo_reader_open("/db", 1, 0, &r, &d), &d);
    CHECK_OK(redo_read(r, &rec, &at_end, &d), &d);
    CHECK(rec.scn == first && rec.n == 2 && rec.type == REDO_COMMIT && rec.xid.v == xid_make(1, 5).v);
    CHECK(rec.v[0].opcode == REDO_HEAP_FORMAT && rec.v[1].opcode == REDO_HEAP_INSERT && rec.v[1].before == 0);
    CHECK_OK(redo_read(r, &rec, &at_end, &d), &d);
    CHECK(rec.scn == second && rec.n == 1 && rec.v[0].before == first);
    redo_reader_close(r);

    /* Hints survive a checkpoint but change no version. */
    CHECK_OK(buf_pin(bc, a, BUF_S, &p, &d), &d);
    CHECK(buf_hint_begin(p));
    p->data[BLOCK_SIZE - 1] = 1;
    buf_hint_end(p);
    buf_unpin(p);
    CHECK(bufcache_oldest_dirty(bc) < end);
    CHECK_OK(bufcache_checkpoint(bc, &end, &d), &d);
    CHECK(bufcache_oldest_dirty(bc) == redo_end(redo));

    bufcache_close(bc);
    redo_close(redo);
    files_close(files);
}

static void one_record_for_all_changes(void **state)
{
    const struct sim_options opt = { .seed = 1, .hosts = 1, .workers = 1, .disk_min_us = 20, .disk_max_us = 100, .sync_min_us = 100, .sync_max_us = 500 };
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, story, NULL);
    assert_true(sim_run(s, RT_SEC(3600)));
    sim_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_record_for_all_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
