/*
 * All nodes insert and delete rows under the same few unique keys, and draw
 * keys from one sequence. A row carries the number of the attempt that made
 * it, so that the checker knows whose it is.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

struct attempt {
    uint32_t id;
    enum outcome inserted;
    enum outcome deleted; /* ABORTED: nobody has */
};

struct unique {
    struct world *w;
    uint32_t ids, clients;
    struct attempt *attempt;
    uint32_t n, cap;
    bool *deletion_unknown; /* of each id: some row of it may have been deleted */
    int64_t *serial; /* values of the sequence that clients were given */
    uint32_t nserials, serials_cap;
    uint32_t next_client;
};

static void *unique_open(struct world *w)
{
    struct unique *u = xcalloc(1, sizeof *u);
    u->w = w;
    u->ids = (uint32_t)between(1, one_in(2) ? 8 : 400);
    u->clients = (uint32_t)between(2, 6);
    u->deletion_unknown = xcalloc(u->ids, sizeof *u->deletion_unknown);
    return u;
}

static void unique_setup(void *self, struct pg_client *pg)
{
    struct unique *u = self;
    struct pg_result r;
    must(u->w, pg, &r, "CREATE TABLE keys (attempt int NOT NULL, id int NOT NULL UNIQUE, name text NOT NULL)");
    must(u->w, pg, &r, "CREATE UNIQUE INDEX keys_name ON keys (name)");
    must(u->w, pg, &r, "CREATE TABLE serials (id bigserial PRIMARY KEY, attempt int NOT NULL)");
}

static const char *name_of(uint32_t id, char *text, size_t size)
{
    snprintf(text, size, "%s-%u", id % 3 == 0 ? "a name that is rather longer than the others, to make entries of different lengths" : "name", id);
    return text;
}

static void insert(struct unique *u, struct pg_client *pg)
{
    struct pg_result r;
    const uint32_t id = (uint32_t)any_of(u->ids), no = u->n;
    char name[128];
    *PUSH(u->attempt, u->n, u->cap) = (struct attempt){ .id = id };
    const bool block = one_in(3), later_rollback = block && one_in(4);
    if (block && (pg_query(pg, &r, "BEGIN"), !expect_ok(u->w, &r, "BEGIN")))
        return;
    pg_query(pg, &r, "INSERT INTO keys VALUES (%u, %u, '%s')", no, id, name_of(id, name, sizeof name));
    const bool duplicate = is_error(&r, "23505");
    if (!block) {
        const enum outcome o = duplicate ? ABORTED : outcome_of(u->w, &r, "INSERT");
        u->attempt[no].inserted = o;
        return;
    }
    if (duplicate || !expect_ok(u->w, &r, "INSERT") || later_rollback) {
        rollback(pg);
        return;
    }
    const enum outcome o = commit(u->w, pg);
    u->attempt[no].inserted = o;
}

static void delete(struct unique *u, struct pg_client *pg)
{
    struct pg_result r;
    const uint32_t id = (uint32_t)any_of(u->ids);
    pg_query(pg, &r, "DELETE FROM keys WHERE id = %u RETURNING attempt", id);
    const uint32_t rows = r.status == PG_OK ? r.nrows : 0;
    const int64_t no = rows > 0 ? pg_int(&r, 0, 0) : 0;
    const enum outcome o = outcome_of(u->w, &r, "DELETE");
    if (o == UNKNOWN)
        u->deletion_unknown[id] = true;
    if (o != ACKED || rows == 0)
        return;
    if (rows > 1)
        world_fail(u->w, "%u rows had the unique id %u", rows, id);
    if (no < 0 || no >= u->n || u->attempt[no].id != id)
        world_fail(u->w, "a row of attempt %" PRId64 " was deleted under id %u", no, id);
    if (u->attempt[no].deleted == ACKED)
        world_fail(u->w, "the row of attempt %" PRId64 " was deleted twice", no);
    u->attempt[no].deleted = ACKED;
}

static void draw(struct unique *u, struct pg_client *pg)
{
    struct pg_result r;
    pg_query(pg, &r, "INSERT INTO serials (attempt) VALUES (%u), (%u) RETURNING id", u->nserials, u->nserials);
    if (is_error(&r, "23505"))
        world_fail(u->w, "the sequence gave a value twice: %s", r.message);
    int64_t got[2] = { 0, 0 };
    for (uint32_t i = 0; i < 2 && r.status == PG_OK; i++)
        got[i] = pg_int(&r, i, 0);
    if (outcome_of(u->w, &r, "INSERT INTO serials") != ACKED)
        return;
    for (uint32_t i = 0; i < 2; i++)
        *PUSH(u->serial, u->nserials, u->serials_cap) = got[i];
}

static void unique_client(void *arg)
{
    struct unique *u = arg;
    const uint32_t home = 1 + u->next_client++ % u->w->nodes;
    for (struct pg_client *pg; (pg = world_connect(u->w, home)) != NULL; pg_close(pg))
        while (!u->w->stop_clients && !pg_is_lost(pg)) {
            switch (any_of(5)) {
            case 0:
                draw(u, pg);
                break;
            case 1:
                delete(u, pg);
                break;
            default:
                insert(u, pg);
            }
            if (one_in(10))
                rt_sleep(any_of(RT_MS(10)));
        }
}

static void unique_start(void *self)
{
    struct unique *u = self;
    for (uint32_t i = 0; i < u->clients; i++)
        world_client(u->w, unique_client, u);
}

static void check_rows(struct unique *u, struct pg_client *pg)
{
    struct pg_result r;
    char name[128];
    uint32_t *rows = xcalloc(u->ids, sizeof *rows);
    bool *there = xcalloc(u->n + 1, sizeof *there);
    must(u->w, pg, &r, "SELECT attempt, id, name FROM keys");
    for (uint32_t i = 0; i < r.nrows; i++) {
        const int64_t no = pg_int(&r, i, 0), id = pg_int(&r, i, 1);
        if (no < 0 || no >= u->n || u->attempt[no].id != id || strcmp(pg_value(&r, i, 2), name_of((uint32_t)id, name, sizeof name)) != 0)
            world_fail(u->w, "the row of attempt %" PRId64 " (id %" PRId64 ") is not what was inserted", no, id);
        if (++rows[id] > 1)
            world_fail(u->w, "two rows have the unique id %" PRId64, id);
        struct attempt *a = &u->attempt[no];
        if (a->inserted == ABORTED)
            world_fail(u->w, "the row of attempt %" PRId64 ", which failed, is there", no);
        if (a->deleted == ACKED)
            world_fail(u->w, "the row of attempt %" PRId64 ", which was deleted, is there", no);
        a->inserted = ACKED;
        there[no] = true;
    }
    for (uint32_t i = 0; i < u->n; i++) {
        struct attempt *a = &u->attempt[i];
        if (a->inserted == ABORTED && a->deleted == ACKED)
            world_fail(u->w, "the row of attempt %u, which failed, was deleted by somebody", i);
        if (there[i])
            continue;
        if (a->inserted == ACKED && a->deleted != ACKED && !u->deletion_unknown[a->id])
            world_fail(u->w, "the row of attempt %u (id %u) was acknowledged and is not there", i, a->id);
        a->inserted = a->inserted == UNKNOWN && a->deleted == ABORTED ? ABORTED : a->inserted;
        if (a->inserted == ACKED)
            a->deleted = ACKED;
    }
    memset(u->deletion_unknown, 0, u->ids * sizeof *u->deletion_unknown);
    free(rows);
    free(there);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void check_serials(struct unique *u, struct pg_client *pg)
{
    struct pg_result r;
    qsort(u->serial, u->nserials, sizeof *u->serial, by_value);
    for (uint32_t i = 1; i < u->nserials; i++)
        if (u->serial[i] == u->serial[i - 1])
            world_fail(u->w, "two clients were given %" PRId64 " by the sequence", u->serial[i]);
    must(u->w, pg, &r, "SELECT id FROM serials ORDER BY id");
    uint32_t k = 0;
    for (uint32_t i = 0; i < r.nrows && k < u->nserials; i++)
        k += pg_int(&r, i, 0) == u->serial[k];
    if (k < u->nserials)
        world_fail(u->w, "the row with serial %" PRId64 " was acknowledged and is not there", u->serial[k]);
}

static void unique_check(void *self, struct pg_client *pg, bool last)
{
    struct unique *u = self;
    check_rows(u, pg);
    check_serials(u, pg);
    check_index_agrees(u->w, pg, "keys", "count(*), sum(id), sum(attempt)", "id >= 0");
    check_index_agrees(u->w, pg, "keys", "count(*), sum(id), sum(attempt)", "name >= 'a'");
    check_index_agrees(u->w, pg, "serials", "count(*), sum(id), sum(attempt)", "id > 0");
}

const struct workload workload_unique = { "unique", unique_open, unique_setup, unique_start, unique_check };
