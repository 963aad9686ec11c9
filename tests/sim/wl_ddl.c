/*
 * One client at a time changes the definition of a table, from changing
 * nodes; others read and write the table all the while. What begins after a
 * definition was acknowledged, and ends before the next one is asked for,
 * must see exactly that definition.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
    uint64_t began, ended; /* by ddl.clock */
    enum outcome outcome;
};

struct ddl {
    struct world *w;
    uint32_t users;
    uint64_t clock; /* counts what happens */
    /* the definition, as acknowledged */
    bool busy; /* it is being changed */
    bool unsure; /* the outcome of a change is not known, it may still be under way: the next check drops the table */
    bool exists, has_b, has_index;
    uint64_t changes; /* begun so far */
    uint64_t wiped_from, wiped_to; /* the last TRUNCATE or DROP TABLE */
    struct row *row;
    uint32_t nrows, rows_cap;
    uint32_t next_client;
};

static void *ddl_open(struct world *w)
{
    struct ddl *d = xcalloc(1, sizeof *d);
    d->w = w;
    d->users = (uint32_t)between(2, 4);
    d->clock = 1;
    return d;
}

static void ddl_setup(void *self, struct pg_client *pg) {}

/* ---- who changes the definition ------------------------------------------------------------ */

static enum outcome change(struct ddl *d, struct pg_client *pg, const char *sql)
{
    struct pg_result r;
    d->busy = true;
    d->changes++;
    pg_query(pg, &r, "%s", sql);
    const enum outcome o = outcome_of(d->w, &r, sql);
    d->unsure |= o == UNKNOWN;
    d->busy = d->unsure;
    return o;
}

/* TRUNCATE and DROP TABLE. */
static enum outcome wipe(struct ddl *d, struct pg_client *pg, const char *sql)
{
    const uint64_t from = d->clock++;
    const enum outcome o = change(d, pg, sql);
    if (o != ABORTED) {
        d->wiped_from = d->wiped_from > d->wiped_to ? d->wiped_from : from; /* one of unknown outcome is not over */
        d->wiped_to = o == ACKED ? d->clock++ : 0;
    }
    return o;
}

static void drop_if_unsure(struct ddl *d, struct pg_client *pg)
{
    d->unsure = false;
    if (wipe(d, pg, "DROP TABLE IF EXISTS changing") != ACKED)
        world_fail(d->w, "the table cannot be dropped");
    d->exists = false;
}

static void create(struct ddl *d, struct pg_client *pg)
{
    if (change(d, pg, "CREATE TABLE changing (id int PRIMARY KEY, a int NOT NULL)") != ACKED)
        return;
    d->exists = true;
    d->has_b = d->has_index = false;
}

/* Changes that are rolled back leave nothing. */
static void change_and_roll_back(struct ddl *d, struct pg_client *pg)
{
    struct pg_result r;
    static const char *const sql[] = { "ALTER TABLE changing ADD COLUMN c int DEFAULT 3", "CREATE INDEX changing_gone ON changing (a, id)",
                                       "TRUNCATE changing", "DROP TABLE changing", "CREATE TABLE changing_gone (x int)" };
    d->busy = true;
    d->changes++;
    pg_query(pg, &r, "BEGIN");
    if (expect_ok(d->w, &r, "BEGIN")) {
        const char *const one = sql[any_of(ARRAY_LEN(sql))];
        pg_query(pg, &r, "%s", one);
        expect_ok(d->w, &r, one);
    }
    rollback(pg);
    d->busy = false;
}

static void change_somehow(struct ddl *d, struct pg_client *pg)
{
    if (!d->exists)
        create(d, pg);
    else if (one_in(5))
        change_and_roll_back(d, pg);
    else if (one_in(5))
        wipe(d, pg, "TRUNCATE changing");
    else if (one_in(6))
        d->exists = wipe(d, pg, "DROP TABLE changing") != ACKED;
    else if (one_in(2) && d->has_index)
        d->has_index = change(d, pg, "DROP INDEX changing_a") != ACKED;
    else if (!d->has_index)
        d->has_index = change(d, pg, "CREATE INDEX changing_a ON changing (a)") == ACKED;
    else if (!d->has_b)
        d->has_b = change(d, pg, "ALTER TABLE changing ADD COLUMN b int DEFAULT 7") == ACKED;
}

static void ddl_changer(void *arg)
{
    struct ddl *d = arg;
    for (struct pg_client *pg; !d->unsure && (pg = world_connect(d->w, 1 + (uint32_t)any_of(d->w->nodes))) != NULL; pg_close(pg))
        while (!d->w->stop_clients && !d->unsure && !pg_is_lost(pg)) {
            change_somehow(d, pg);
            rt_sleep(any_of(RT_MS(60)));
            if (one_in(3)) /* from elsewhere next time */
                break;
        }
}

/* ---- who uses it ---------------------------------------------------------------------------------- */

struct seen {
    bool busy, exists, has_b;
    uint64_t changes;
};

static struct seen look(const struct ddl *d) { return (struct seen){ d->busy, d->exists, d->has_b, d->changes }; }
static bool unchanged(const struct ddl *d, const struct seen *s) { return !s->busy && !d->busy && s->changes == d->changes; }

/* True: it succeeded. Where nothing changed meanwhile it must do what the definition says. */
static bool as_defined(struct ddl *d, const struct seen *s, const struct pg_result *r, const char *sql)
{
    const bool undefined = is_error(r, "42P01") || is_error(r, "42703");
    if (!undefined && r->status == PG_ERROR)
        return expect_ok(d->w, r, sql);
    if (unchanged(d, s) && undefined && s->exists)
        world_fail(d->w, "%s: %s, though the definition was acknowledged before", sql, r->message);
    if (unchanged(d, s) && r->status == PG_OK && !s->exists)
        world_fail(d->w, "%s: works, though the table was dropped before", sql);
    return r->status == PG_OK;
}

static void insert(struct ddl *d, struct pg_client *pg)
{
    struct pg_result r;
    const struct seen s = look(d);
    const uint32_t no = d->nrows;
    PUSH(d->row, d->nrows, d->rows_cap)->began = d->clock++;
    if (s.has_b && one_in(2))
        pg_query(pg, &r, "INSERT INTO changing (id, a, b) VALUES (%u, %u, %u)", no, no % 10, no);
    else
        pg_query(pg, &r, "INSERT INTO changing (id, a) VALUES (%u, %u)", no, no % 10);
    d->row[no].ended = d->clock++;
    const bool fine = as_defined(d, &s, &r, "INSERT INTO changing");
    d->row[no].outcome = fine ? ACKED : r.status == PG_LOST || r.fatal ? UNKNOWN : ABORTED;
}

static void read_rows(struct ddl *d, struct pg_client *pg)
{
    struct pg_result r;
    const struct seen s = look(d);
    static const char *const sql[] = { "SELECT id, a FROM changing", "SELECT id, a FROM changing WHERE a = 3", "SELECT id, a FROM changing WHERE id < 100",
                                       "SELECT count(*), 0 FROM changing" };
    const unsigned which = (unsigned)any_of(ARRAY_LEN(sql));
    if (s.has_b && s.exists && one_in(3)) {
        pg_query(pg, &r, "SELECT count(*), count(b) FROM changing");
        if (as_defined(d, &s, &r, "SELECT ... b") && unchanged(d, &s) && pg_int(&r, 0, 0) != pg_int(&r, 0, 1))
            world_fail(d->w, "the new column is null in %" PRId64 " rows", pg_int(&r, 0, 0) - pg_int(&r, 0, 1));
        return;
    }
    pg_query(pg, &r, "%s", sql[which]);
    if (!as_defined(d, &s, &r, sql[which]) || which == 3)
        return;
    for (uint32_t i = 0; i < r.nrows; i++)
        if (pg_int(&r, i, 0) >= d->nrows || pg_int(&r, i, 0) % 10 != pg_int(&r, i, 1) || (which == 1 && pg_int(&r, i, 1) != 3))
            world_fail(d->w, "%s: row %" PRId64 " has a = %" PRId64, sql[which], pg_int(&r, i, 0), pg_int(&r, i, 1));
}

static void ddl_user(void *arg)
{
    struct ddl *d = arg;
    const uint32_t home = 1 + d->next_client++ % d->w->nodes;
    for (struct pg_client *pg; (pg = world_connect(d->w, home)) != NULL; pg_close(pg))
        while (!d->w->stop_clients && !pg_is_lost(pg)) {
            if (one_in(2))
                insert(d, pg);
            else
                read_rows(d, pg);
            rt_sleep(any_of(RT_MS(10)));
        }
}

static void ddl_start(void *self)
{
    struct ddl *d = self;
    world_client(d->w, ddl_changer, d);
    for (uint32_t i = 0; i < d->users; i++)
        world_client(d->w, ddl_user, d);
}

static void ddl_check(void *self, struct pg_client *pg, bool last)
{
    struct ddl *d = self;
    struct pg_result r;
    if (d->unsure)
        drop_if_unsure(d, pg);
    pg_query(pg, &r, "SELECT id, a FROM changing");
    if (!d->exists) {
        if (!is_error(&r, "42P01"))
            world_fail(d->w, "the table was dropped and can be read");
        return;
    }
    if (r.status != PG_OK)
        world_fail(d->w, "the table cannot be read: %s", r.message);
    bool *there = xcalloc(d->nrows + 1, sizeof *there);
    for (uint32_t i = 0; i < r.nrows; i++) {
        const int64_t no = pg_int(&r, i, 0);
        if (no < 0 || no >= d->nrows || d->row[no].outcome == ABORTED ||
            (d->row[no].outcome == ACKED && d->row[no].ended < d->wiped_from))
            world_fail(d->w, "row %" PRId64 " should not be there", no);
        there[no] = true;
    }
    for (uint32_t i = 0; i < d->nrows; i++) {
        if (!there[i] && d->row[i].outcome == ACKED && d->row[i].began > d->wiped_to)
            world_fail(d->w, "row %u was acknowledged and is not there", i);
        if (d->row[i].outcome == UNKNOWN)
            d->row[i].outcome = there[i] ? ACKED : ABORTED;
    }
    free(there);
    check_index_agrees(d->w, pg, "changing", "count(*), sum(a), sum(id)", "id >= 0");
    check_index_agrees(d->w, pg, "changing", "count(*), sum(a), sum(id)", "a >= 0");
}

const struct workload workload_ddl = { "ddl", ddl_open, ddl_setup, ddl_start, ddl_check };
