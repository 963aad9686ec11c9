/*
 * Numbers that only rise, seen from everywhere: each pair of rows, in blocks
 * far apart, has one writer, which sets both to the next number. Watchers on
 * all nodes read them without pause.
 *
 * What was acknowledged, or seen by anybody, is seen by every statement that
 * begins later on any node. Two rows of a pair are equal in each snapshot, and
 * a snapshot shows the same for as long as it lives; on the last node nobody
 * writes, so nothing there may take a snapshot away.
 *
 * In half of the runs one client changes all rows of a table in each
 * statement: its node's clock runs far ahead of the others'. All its rows show
 * the same.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

#define PAIRS_MAX 6u
#define PAD_BYTES 5000u /* each row has a block of its own */
#define CHURN_ROWS 200u
#define LOOKS_MAX 24u
#define LOOKS_PERIOD_NS RT_MS(8)

struct pair {
    struct watch *t;
    uint32_t no;
    uint32_t last; /* the number set last */
    uint32_t floor; /* acknowledged, or seen by somebody */
    uint8_t *rolled_back; /* by number */
    uint32_t nrolled_back, rolled_back_cap;
};

struct watch {
    struct world *w;
    uint32_t pairs, watchers;
    uint32_t next_watcher;
    uint32_t churner; /* its node; 0: none */
    uint32_t looks; /* of clients with a single statement, under way */
    const struct pg_client *patient; /* on the node that writes nothing */
    struct pair pair[PAIRS_MAX];
};

static void *watch_open(struct world *w)
{
    struct watch *t = xcalloc(1, sizeof *t);
    t->w = w;
    t->pairs = (uint32_t)between(2, PAIRS_MAX);
    t->watchers = (uint32_t)between(w->nodes, 2 * w->nodes);
    t->churner = one_in(2) ? 1 + (uint32_t)any_of(w->nodes > 1 ? w->nodes - 1 : 1) : 0;
    for (uint32_t i = 0; i < t->pairs; i++) {
        t->pair[i] = (struct pair){ .t = t, .no = i };
        (void)PUSH(t->pair[i].rolled_back, t->pair[i].nrolled_back, t->pair[i].rolled_back_cap);
    }
    return t;
}

static void watch_setup(void *self, struct pg_client *pg)
{
    struct watch *t = self;
    struct pg_result r;
    must(t->w, pg, &r, "CREATE TABLE watched (id int PRIMARY KEY, n int NOT NULL, pad text)");
    for (uint32_t i = 0; i < 2 * t->pairs; i++)
        must(t->w, pg, &r, "INSERT INTO watched VALUES (%u, 0, repeat('x', %u))", i, PAD_BYTES);
    must(t->w, pg, &r, "CREATE TABLE churned (id int PRIMARY KEY, n int NOT NULL)");
    must(t->w, pg, &r, "INSERT INTO churned SELECT g, 0 FROM generate_series(1, %u) g", CHURN_ROWS);
}

/* A small transaction table takes snapshots away where the node itself writes; never elsewhere (R9). */
static bool fine(struct watch *t, const struct pg_result *r, const struct pg_client *pg, const char *what)
{
    const bool tolerated = t->w->tt_entries > 0 && pg != t->patient && is_error(r, "72000");
    return !tolerated && expect_ok(t->w, r, what);
}

/* ---- writers --------------------------------------------------------------------------- */

static bool set(struct pair *p, struct pg_client *pg, uint32_t id, uint32_t n)
{
    struct pg_result r;
    pg_query(pg, &r, "UPDATE watched SET n = %u WHERE id = %u", n, id);
    if (!fine(p->t, &r, pg, "UPDATE watched"))
        return false;
    if (strcmp(r.tag, "UPDATE 1") != 0)
        world_fail(p->t->w, "row %u is not there: \"%s\"", id, r.tag);
    return true;
}

static void raise_pair(struct pair *p, struct pg_client *pg)
{
    struct world *w = p->t->w;
    struct pg_result r;
    const uint32_t n = ++p->last;
    uint8_t *rolled_back = PUSH(p->rolled_back, p->nrolled_back, p->rolled_back_cap);
    pg_query(pg, &r, "BEGIN");
    bool done = expect_ok(w, &r, "BEGIN") && set(p, pg, p->no, n);
    if (one_in(3))
        rt_sleep(any_of(RT_MS(3))); /* watchers take the block meanwhile, and ask */
    done = done && set(p, pg, p->no + p->t->pairs, n);
    if (done && !one_in(12)) {
        const enum outcome o = commit(w, pg);
        *rolled_back = o == ABORTED;
        if (o == ACKED)
            p->floor = MAX(p->floor, n);
    } else {
        rollback(pg);
        *rolled_back = true;
    }
}

/* Not on the last node, where there are others. */
static void watch_writer(void *arg)
{
    struct pair *p = arg;
    struct world *w = p->t->w;
    const uint32_t home = 1 + p->no % (w->nodes > 1 ? w->nodes - 1 : 1);
    for (struct pg_client *pg; (pg = world_connect_to(w, home)) != NULL; pg_close(pg))
        while (!w->stop_clients && !pg_is_lost(pg)) {
            raise_pair(p, pg);
            if (one_in(4))
                rt_sleep(any_of(RT_MS(4)));
        }
}

static void watch_churner(void *arg)
{
    struct watch *t = arg;
    struct world *w = t->w;
    struct pg_result r;
    for (struct pg_client *pg; (pg = world_connect_to(w, t->churner)) != NULL; pg_close(pg))
        while (!w->stop_clients && !pg_is_lost(pg)) {
            pg_query(pg, &r, "UPDATE churned SET n = n + 1");
            (void)fine(t, &r, pg, "UPDATE churned");
            rt_sleep(any_of(RT_MS(8)));
        }
}

/* ---- watchers --------------------------------------------------------------------------- */

static void judge(struct pair *p, uint32_t n, uint32_t floor, const char *where)
{
    if (n < floor)
        world_fail(p->t->w, "pair %u shows %u %s, after %u had been acknowledged or seen", p->no, n, where, floor);
    if (n > p->last || p->rolled_back[n])
        world_fail(p->t->w, "pair %u shows %u %s, which was %s", p->no, n, where, n > p->last ? "never set" : "rolled back");
    p->floor = MAX(p->floor, n);
}

/* False: the connection is lost, or an error that one must live with. */
static bool read_pair(struct pair *p, struct pg_client *pg, uint32_t *ret_n)
{
    struct world *w = p->t->w;
    struct pg_result r;
    const uint32_t second = p->no + p->t->pairs;
    pg_query(pg, &r, "SELECT n FROM watched WHERE id = %u OR id = %u", p->no, second);
    if (!fine(p->t, &r, pg, "SELECT FROM watched"))
        return false;
    if (r.nrows != 2)
        world_fail(w, "pair %u has %u rows", p->no, r.nrows);
    if (pg_int(&r, 0, 0) != pg_int(&r, 1, 0))
        world_fail(w, "one statement sees pair %u as %" PRId64 " and %" PRId64, p->no, pg_int(&r, 0, 0), pg_int(&r, 1, 0));
    *ret_n = (uint32_t)pg_int(&r, 0, 0);
    return true;
}

static bool read_row(struct pair *p, struct pg_client *pg, uint32_t id, uint32_t *ret_n)
{
    struct pg_result r;
    pg_query(pg, &r, "SELECT n FROM watched WHERE id = %u", id);
    if (!fine(p->t, &r, pg, "SELECT FROM watched"))
        return false;
    if (r.nrows != 1)
        world_fail(p->t->w, "row %u is there %u times", id, r.nrows);
    *ret_n = (uint32_t)pg_int(&r, 0, 0);
    return true;
}

/* The row that is changed first: others may have its block before the commit. */
static bool watch_row(struct pair *p, struct pg_client *pg)
{
    const uint32_t floor = p->floor;
    uint32_t n;
    if (!read_row(p, pg, p->no, &n))
        return false;
    judge(p, n, floor, "in a row");
    return true;
}

static bool watch_pair(struct pair *p, struct pg_client *pg)
{
    const uint32_t floor = p->floor;
    uint32_t n;
    if (!read_pair(p, pg, &n))
        return false;
    judge(p, n, floor, "in a statement");
    return true;
}

static void watch_churned(struct watch *t, struct pg_client *pg)
{
    struct pg_result r;
    pg_query(pg, &r, "SELECT min(n), max(n), count(*) FROM churned");
    if (!fine(t, &r, pg, "SELECT FROM churned"))
        return;
    if (pg_int(&r, 0, 0) != pg_int(&r, 0, 1) || pg_int(&r, 0, 2) != CHURN_ROWS)
        world_fail(t->w, "one statement sees %" PRId64 " rows with numbers from %" PRId64 " to %" PRId64 ", not %u of one number", pg_int(&r, 0, 2),
                   pg_int(&r, 0, 0), pg_int(&r, 0, 1), CHURN_ROWS);
}

/* Row by row in one snapshot. */
static bool watch_snapshot(struct pair *p, struct pg_client *pg, uint64_t pause_ns)
{
    struct world *w = p->t->w;
    struct pg_result r;
    const uint32_t floor = p->floor;
    uint32_t first, second, again;
    pg_query(pg, &r, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    if (!expect_ok(w, &r, "BEGIN") || !read_row(p, pg, p->no + p->t->pairs, &first))
        return false;
    judge(p, first, floor, "in a snapshot");
    if (pause_ns > 0)
        rt_sleep(pause_ns);
    if (!read_row(p, pg, p->no, &second) || !read_pair(p, pg, &again))
        return false;
    if (first != second || first != again)
        world_fail(w, "one snapshot sees pair %u as %u, then as %u, then as %u", p->no, first, second, again);
    rollback(pg);
    return true;
}

static struct pair *any_pair(struct watch *t) { return &t->pair[any_of(t->pairs)]; }

/* On two nodes in turn: what the one has seen the other one sees. */
static void watch_watcher(void *arg)
{
    struct watch *t = arg;
    struct world *w = t->w;
    const uint32_t home = t->next_watcher++ % w->nodes;
    for (struct pg_client *x; (x = world_connect(w, 1 + home)) != NULL; pg_close(x)) {
        struct pg_client *y = world_connect(w, 1 + (home + 1) % w->nodes);
        while (y != NULL && !w->stop_clients && !pg_is_lost(x) && !pg_is_lost(y)) {
            struct pair *p = any_pair(t);
            if (one_in(4)) {
                watch_snapshot(p, x, one_in(2) ? any_of(RT_MS(5)) : 0);
                rollback(x);
            } else if (one_in(2) ? watch_row(p, x) : watch_pair(p, x)) {
                watch_row(p, y);
            }
        }
        pg_close(y);
    }
}

/* Snapshots that live long, on the node that writes nothing. */
static void watch_patient(void *arg)
{
    struct watch *t = arg;
    struct world *w = t->w;
    for (struct pg_client *pg; (pg = world_connect_to(w, w->nodes)) != NULL; pg_close(pg)) {
        t->patient = pg;
        while (!w->stop_clients && !pg_is_lost(pg)) {
            watch_snapshot(any_pair(t), pg, between(RT_MS(50), RT_MS(400)));
            rollback(pg);
        }
        t->patient = NULL;
    }
}

static void look_once(void *arg)
{
    struct watch *t = arg;
    struct pg_client *pg = world_try_connect(t->w, 1 + (uint32_t)any_of(t->w->nodes));
    if (pg != NULL && t->churner != 0 && one_in(4))
        watch_churned(t, pg);
    else if (pg != NULL)
        watch_row(any_pair(t), pg);
    pg_close(pg);
    t->looks--;
}

/* New clients all the time: the others stand still when a node waits for another one. */
static void watch_looks(void *arg)
{
    struct watch *t = arg;
    for (; !t->w->stop_clients; rt_sleep(any_of(LOOKS_PERIOD_NS)))
        if (t->looks < LOOKS_MAX) {
            t->looks++;
            world_client(t->w, look_once, t);
        }
}

static void watch_start(void *self)
{
    struct watch *t = self;
    for (uint32_t i = 0; i < t->pairs; i++)
        world_client(t->w, watch_writer, &t->pair[i]);
    for (uint32_t i = 0; i < t->watchers; i++)
        world_client(t->w, watch_watcher, t);
    world_client(t->w, watch_looks, t);
    if (t->churner != 0)
        world_client(t->w, watch_churner, t);
    if (t->w->nodes > 1)
        world_client(t->w, watch_patient, t);
}

static void watch_check(void *self, struct pg_client *pg, bool last)
{
    struct watch *t = self;
    for (uint32_t i = 0; i < t->pairs; i++)
        if (!watch_pair(&t->pair[i], pg))
            world_fail(t->w, "the pairs cannot be read");
    watch_churned(t, pg);
    check_index_agrees(t->w, pg, "churned", "count(*), sum(id), sum(n)", "id >= 0");
    check_index_agrees(t->w, pg, "watched", "count(*), sum(id), sum(n)", "id >= 0");
}

const struct workload workload_watch = { "watch", watch_open, watch_setup, watch_start, watch_check };
