/*
 * The control file: two copies, one of which survives whatever happens while
 * they are written; each way of being unusable has its own message.
 */
#include "../redo/sim_check.h"

#include "base/hash.h"
#include "storage/control.h"

#define COPY0 "/db/control/control.0"
#define COPY1 "/db/control/control.1"

static void read_checked(struct control **ret, bool *ret_repaired)
{
    struct diag d;
    CHECK_OK(control_read("/db", ret, ret_repaired, &d), &d);
}

static void set_segment(void *arg, struct control *c)
{
    c->segment_id_next = *(uint64_t *)arg;
    c->threads = 3;
    c->thread[3] = (struct control_thread){ .state = THREAD_OPEN, .node = 2, .incarnation = 99, .checkpoint = 8192, .xid_seq = 7 };
}

/* Overwrites bytes of a copy, as an operator's mistake would. */
static void overwrite(const char *path, uint64_t offset, const void *p, size_t len)
{
    struct rt_file *f = NULL;
    struct diag d;
    CHECK_OK(rt_open(path, RT_OPEN_WRITE, &f, &d), &d);
    CHECK_OK(rt_pwrite(f, p, len, offset, &d), &d);
    rt_close(f);
}

static void truncate_to(const char *path, uint64_t bytes)
{
    struct rt_file *f = NULL;
    struct diag d;
    CHECK_OK(rt_open(path, RT_OPEN_WRITE, &f, &d), &d);
    CHECK_OK(rt_truncate(f, bytes, &d), &d);
    rt_close(f);
}

/* Changes a field and makes the checksum right again, as another version of the program would have written it. */
static void forge(const char *path, uint64_t offset, uint32_t value)
{
    struct rt_file *f = NULL;
    struct diag d;
    uint8_t *p = malloc(64 << 10);
    CHECK_OK(rt_open(path, RT_OPEN_WRITE, &f, &d), &d);
    CHECK_OK(rt_pread(f, p, 64 << 10, 0, NULL, &d), &d);
    memcpy(p + offset, &value, 4);
    memset(p + 4, 0, 4);
    const uint32_t crc = crc32c(0, p, 64 << 10);
    memcpy(p + 4, &crc, 4);
    CHECK_OK(rt_pwrite(f, p, 64 << 10, 0, &d), &d);
    rt_close(f);
    free(p);
}

static void damage_story(void *arg)
{
    struct diag d;
    struct control *c = NULL;
    bool repaired = true;
    uint64_t segment = 42;
    CHECK(control_read("/db", &c, &repaired, &d) == ERR_UNDEFINED_FILE);
    CHECK(strcmp(d.message, "there is no database in \"/db\"") == 0);
    CHECK(!control_exists("/db"));
    CHECK_OK(control_create("/db", "orders", &d), &d);
    CHECK(control_exists("/db"));
    read_checked(&c, &repaired);
    const uint64_t cluster = c->cluster_id;
    CHECK(!repaired);
    CHECK(strcmp(c->cluster_name, "orders") == 0);
    CHECK(c->block_size == BLOCK_SIZE);
    control_free(c);

    CHECK_OK(control_create("/db", "another", &d), &d); /* there is one already: it stays */
    CHECK_OK(control_update("/db", set_segment, &segment, &d), &d);
    read_checked(&c, &repaired);
    CHECK(c->cluster_id == cluster && c->segment_id_next == 42 && c->threads == 3);
    CHECK(c->thread[3].state == THREAD_OPEN && c->thread[3].incarnation == 99 && c->thread[3].checkpoint == 8192);
    control_free(c);

    /* One copy damaged: the other counts, and the next update mends it. */
    const char *const copies[] = { COPY0, COPY1 };
    for (int i = 0; i < 2; i++) {
        sim_corrupt(sim_self(), copies[i], 300);
        read_checked(&c, &repaired);
        CHECK(repaired && c->segment_id_next == segment);
        control_free(c);
        segment++;
        CHECK_OK(control_update("/db", set_segment, &segment, &d), &d);
        read_checked(&c, &repaired);
        CHECK(!repaired && c->segment_id_next == segment);
        control_free(c);
    }
    /* One gone. */
    CHECK_OK(rt_unlink(COPY0, &d), &d);
    read_checked(&c, &repaired);
    CHECK(repaired && c->segment_id_next == segment);
    control_free(c);
    CHECK_OK(control_update("/db", set_segment, &segment, &d), &d);

    /* One truncated, then both. */
    truncate_to(COPY0, 100);
    read_checked(&c, &repaired);
    CHECK(repaired);
    control_free(c);
    truncate_to(COPY1, 0);
    CHECK(control_read("/db", &c, &repaired, &d) == ERR_CORRUPT);
    CHECK(strstr(d.message, COPY0) != NULL && strstr(d.detail, COPY1) != NULL);
    CHECK(control_update("/db", set_segment, &segment, &d) == ERR_CORRUPT);
}

static void wrong_kind_story(void *arg)
{
    struct diag d;
    struct control *c = NULL;
    bool repaired;
    CHECK_OK(control_create("/db", "orders", &d), &d);
    for (int i = 0; i < 2; i++) {
        forge(i ? COPY1 : COPY0, 212, 1); /* redo threads */
        forge(i ? COPY1 : COPY0, 480, 9 | 3 << 8); /* state, node */
    }
    CHECK(control_read("/db", &c, &repaired, &d) == ERR_CORRUPT);
    CHECK(strstr(d.message, "redo thread 1 of node 3 in state 9") != NULL);
    forge(COPY0, 480, THREAD_CLOSED);
    forge(COPY1, 480, THREAD_CLOSED);
    read_checked(&c, &repaired);
    CHECK(!repaired);
    control_free(c);
    forge(COPY1, 12, 4096); /* block size */
    CHECK(control_read("/db", &c, &repaired, &d) == ERR_CONFIG_FILE);
    CHECK(strstr(d.message, "blocks of 4096 bytes") != NULL);
    forge(COPY1, 12, BLOCK_SIZE);
    forge(COPY1, 8, CLUSTER_FORMAT_VERSION + 1);
    CHECK(control_read("/db", &c, &repaired, &d) == ERR_CONFIG_FILE);
    CHECK(strstr(d.message, "format version 2") != NULL);
    CHECK(strcmp(err_sqlstate(d.err), "F0000") == 0);
    overwrite(COPY1, 0, "hello, world", 12);
    read_checked(&c, &repaired); /* something else is as good as damaged */
    CHECK(repaired);
    control_free(c);
    overwrite(COPY0, 0, "hello, world", 12);
    CHECK(control_read("/db", &c, &repaired, &d) == ERR_CORRUPT);
    CHECK(strstr(d.message, "is not a control file") != NULL);
}

static void every_damage_is_told(void **state)
{
    simulate_with(1, false, 0, damage_story, NULL);
    simulate_with(1, false, 0, wrong_kind_story, NULL);
}

/* ---- power loss while it is written -------------------------------------------------- */

static uint64_t updates_begun, updates_done;

static void updater(void *arg)
{
    struct diag d;
    for (uint64_t i = updates_done + 1;; i++) {
        updates_begun = i;
        CHECK_OK(control_update("/db", set_segment, &i, &d), &d);
        updates_done = i;
    }
}

static void power_story(void *arg)
{
    struct diag d;
    struct control *c = NULL;
    bool repaired;
    updates_begun = updates_done = 0;
    CHECK_OK(control_create("/db", "orders", &d), &d);
    CHECK_OK(control_update("/db", set_segment, &updates_done, &d), &d);
    for (int i = 0; i < 20; i++) {
        sim_host_start(sim_self(), 1, updater, NULL);
        rt_sleep(RT_US(rt_random() % 8000));
        sim_power_loss(sim_self());
        read_checked(&c, &repaired);
        CHECK(c->segment_id_next >= updates_done && c->segment_id_next <= updates_begun);
        updates_done = c->segment_id_next;
        control_free(c);
    }
    CHECK(updates_done > 20);
}

static void an_update_happens_or_not(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        simulate_with(seed, false, 0, power_story, NULL);
}

/* ---- two create at once ------------------------------------------------------------------ */

static unsigned created;

static void creator(void *arg)
{
    struct diag d;
    CHECK_OK(control_create("/db", arg, &d), &d);
    created++;
}

static void race_story(void *arg)
{
    struct diag d;
    struct control *c = NULL;
    bool repaired;
    created = 0;
    sim_host_start(sim_self(), 1, creator, (void *)(uintptr_t)"one");
    sim_host_start(sim_self(), 2, creator, (void *)(uintptr_t)"two");
    while (created < 1)
        rt_sleep(RT_US(100));
    read_checked(&c, &repaired);
    const uint64_t id = c->cluster_id;
    control_free(c);
    while (created < 2)
        rt_sleep(RT_US(100));
    read_checked(&c, &repaired);
    CHECK(c->cluster_id == id && !repaired);
    control_free(c);
    CHECK_OK(rt_sync_dir("/db", &d), &d);
}

static void one_creator_wins(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        simulate_with(seed, true, 0, race_story, NULL);
}

/* Both copies look damaged for a moment: another node was writing the one, then the other, while this one read them. */
static void writer_of_a_moment(void *arg)
{
    rt_sleep(RT_MS(25));
    sim_corrupt(sim_self(), COPY0, 300); /* back */
    rt_sleep(RT_MS(25));
    sim_corrupt(sim_self(), COPY1, 300);
}

static void moment_story(void *arg)
{
    struct diag d;
    struct control *c = NULL;
    bool repaired;
    CHECK_OK(control_create("/db", "orders", &d), &d);
    sim_corrupt(sim_self(), COPY0, 300);
    sim_corrupt(sim_self(), COPY1, 300);
    sim_spawn_test(sim_self(), writer_of_a_moment, NULL);
    read_checked(&c, &repaired);
    control_free(c);
}

static void what_is_being_written_is_read_again(void **state) { simulate_with(1, false, 0, moment_story, NULL); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damage_is_told),
        cmocka_unit_test(an_update_happens_or_not),
        cmocka_unit_test(one_creator_wins),
        cmocka_unit_test(what_is_being_written_is_read_again),
    };
    return cmocka_run_group_tests_name("storage/control", tests, NULL, NULL);
}
