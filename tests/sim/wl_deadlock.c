/*
 * Transactions take row locks and table locks in opposite orders, on all
 * nodes. Each deadlock is broken: every statement has an answer in time, and
 * the counters show exactly the committed work.
 */
#include "workload.h"

#include <stdlib.h>

#define ROWS 4u

struct deadlock {
    struct world *w;
    uint32_t clients, next_client;
    bool tables; /* table locks too */
    int64_t sure, unsure; /* increments committed; of unknown outcome */
    uint64_t broken;
};

static void *deadlock_open(struct world *w)
{
    struct deadlock *d = xcalloc(1, sizeof *d);
    d->w = w;
    d->clients = (uint32_t)between(2, 5);
    d->tables = one_in(2);
    return d;
}

static void deadlock_setup(void *self, struct pg_client *pg)
{
    struct deadlock *d = self;
    struct pg_result r;
    must(d->w, pg, &r, "CREATE TABLE crossing (id int PRIMARY KEY, n int NOT NULL)");
    must(d->w, pg, &r, "CREATE TABLE crossing_other (id int)");
    for (uint32_t i = 0; i < ROWS; i++)
        must(d->w, pg, &r, "INSERT INTO crossing VALUES (%u, 0)", i);
}

static bool step(struct deadlock *d, struct pg_client *pg, uint32_t *changed)
{
    struct pg_result r;
    const uint32_t id = (uint32_t)any_of(ROWS);
    if (d->tables && one_in(4)) {
        static const char *const modes[] = { "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ROW EXCLUSIVE", "ACCESS EXCLUSIVE", "SHARE" };
        pg_query(pg, &r, "LOCK TABLE %s IN %s MODE", one_in(2) ? "crossing" : "crossing_other", modes[any_of(ARRAY_LEN(modes))]);
    } else if (one_in(4)) {
        pg_query(pg, &r, "SELECT n FROM crossing WHERE id = %u FOR UPDATE", id);
    } else {
        pg_query(pg, &r, "UPDATE crossing SET n = n + 1 WHERE id = %u", id);
        if (r.status == PG_OK && strcmp(r.tag, "UPDATE 1") != 0)
            world_fail(d->w, "row %u is not there", id);
        ++*changed;
    }
    d->broken += is_error(&r, "40P01");
    return expect_ok(d->w, &r, "a step of a crossing");
}

static void cross(struct deadlock *d, struct pg_client *pg)
{
    struct pg_result r;
    uint32_t changed = 0;
    pg_query(pg, &r, "BEGIN");
    bool fine = expect_ok(d->w, &r, "BEGIN");
    for (uint64_t i = between(2, 4); i > 0 && fine; i--)
        fine = step(d, pg, &changed);
    if (!fine) {
        rollback(pg);
        return;
    }
    const enum outcome o = commit(d->w, pg);
    d->sure += o == ACKED ? changed : 0;
    d->unsure += o == UNKNOWN ? changed : 0;
}

static void deadlock_client(void *arg)
{
    struct deadlock *d = arg;
    const uint32_t home = 1 + d->next_client++ % d->w->nodes;
    for (struct pg_client *pg; (pg = world_connect(d->w, home)) != NULL; pg_close(pg))
        while (!d->w->stop_clients && !pg_is_lost(pg)) {
            cross(d, pg);
            rt_sleep(any_of(RT_MS(20)));
        }
}

static void deadlock_start(void *self)
{
    struct deadlock *d = self;
    for (uint32_t i = 0; i < d->clients; i++)
        world_client(d->w, deadlock_client, d);
}

static void deadlock_check(void *self, struct pg_client *pg, bool last)
{
    struct deadlock *d = self;
    struct pg_result r;
    must(d->w, pg, &r, "SELECT sum(n), count(*) FROM crossing");
    const int64_t n = pg_int(&r, 0, 0);
    if (pg_int(&r, 0, 1) != ROWS)
        world_fail(d->w, "%" PRId64 " rows of %u", pg_int(&r, 0, 1), ROWS);
    if (n < d->sure || n > d->sure + d->unsure)
        world_fail(d->w, "%" PRId64 " increments are there, %" PRId64 " were acknowledged (and %" PRId64 " may have been)", n, d->sure, d->unsure);
    d->sure = n;
    d->unsure = 0;
    if (last)
        world_say(d->w, "%" PRIu64 " deadlocks were broken", d->broken);
}

const struct workload workload_deadlock = { "deadlock", deadlock_open, deadlock_setup, deadlock_start, deadlock_check };
