/*
 * A full disk and small log files: changes are refused for a while, and go on as soon as a checkpoint has made room, without anybody's help.
 * The node is killed in that state, too, and comes back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#define CACHE_BYTES (64u << 20) /* so much that the block writer sees no reason to write for its own sake */
#define ROWS 200
#define HEALS_WITHIN_S 30

struct story {
    struct world w;
    bool done;
};

static void must(struct world *w, struct pg_client *c, const char *sql)
{
    struct pg_result r;
    if (pg_query(c, &r, "%s", sql) != PG_OK)
        world_fail(w, "%s: %s %s", sql, r.sqlstate, r.message);
}

/* True: refused for want of log space. */
static bool update_is_refused(struct world *w, struct pg_client *c, uint32_t *done)
{
    struct pg_result r;
    if (pg_query(c, &r, "update t set n = n + 1") == PG_OK) {
        ++*done;
        return false;
    }
    if (strcmp(r.sqlstate, "53100") != 0)
        world_fail(w, "update: %s %s", r.sqlstate, r.message);
    return strstr(r.message, "no redo space left") != NULL;
}

static void until_refused(struct world *w, struct pg_client *c, uint32_t *done)
{
    for (uint32_t i = 0; !update_is_refused(w, c, done); i++)
        if (i == 2000)
            world_fail(w, "the disk is full, and nothing is refused");
}

static void until_healed(struct world *w, struct pg_client *c, uint32_t *done)
{
    for (uint32_t i = 0, before = *done; *done == before; i++) {
        if (i == HEALS_WITHIN_S)
            world_fail(w, "no room for redo for %u s", i);
        rt_sleep(RT_SEC(1));
        (void)update_is_refused(w, c, done);
    }
}

static void check_sum(struct world *w, struct pg_client *c, uint32_t done)
{
    struct pg_result r;
    if (pg_query(c, &r, "select min(n), max(n) from t") != PG_OK || pg_int(&r, 0, 0) != done || pg_int(&r, 0, 1) != done)
        world_fail(w, "the rows do not say %u", done);
}

static void full_disk(void *arg)
{
    struct story *st = arg;
    struct world *w = &st->w;
    uint32_t done = 0;
    world_init(w, sim_self(), &(struct world_options){ .seed = 1, .nodes = 1, .cache_bytes = CACHE_BYTES, .verbose = getenv("SIM_VERBOSE") != NULL });
    w->node[1].config.undo_retention_secs = 0;
    world_create_database(w);
    world_start_all(w);
    struct pg_client *c = world_connect_checker(w, 1);
    must(w, c, "create table t (id int primary key, n int)");
    must(w, c, "insert into t select g, 0 from generate_series(1, 200) g");
    while (done < 100) /* undo reaches its size */
        if (update_is_refused(w, c, &done))
            world_fail(w, "refused on an empty disk");
    sim_set_disk_limit(w->sim, 1);
    for (int i = 0; i < 3; i++) {
        until_refused(w, c, &done);
        until_healed(w, c, &done);
        check_sum(w, c, done);
    }
    until_refused(w, c, &done);
    w->deaths_expected = true;
    world_kill(w, 1);
    pg_close(c);
    world_wait_dead(w);
    world_start_all(w);
    w->deaths_expected = false;
    c = world_connect_checker(w, 1);
    check_sum(w, c, done);
    until_healed(w, c, &done);
    check_sum(w, c, done);
    pg_close(c);
    world_stop(w, 1);
    st->done = true;
}

static void changes_go_on_when_a_checkpoint_has_made_room(void **state)
{
    struct story *st = calloc(1, sizeof *st);
    const struct sim_options opt = { .seed = 1, .hosts = 1, .workers = 3, .net_delay_min_us = 50, .net_delay_max_us = 500, .disk_min_us = 20,
                                     .disk_max_us = 100, .sync_min_us = 100, .sync_max_us = 500 };
    struct sim *s = sim_new(&opt);
    sim_spawn_test(s, full_disk, st);
    while (!st->done)
        if (sim_run(s, sim_time_ns(s) + RT_SEC(1)))
            break;
    assert_true(st->done);
    sim_free(s);
    free(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(changes_go_on_when_a_checkpoint_has_made_room) };
    return cmocka_run_group_tests_name("sim/full_disk", tests, NULL, NULL);
}
