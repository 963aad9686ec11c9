/*
 * Lists as texts "1,2,3,": transactions append unique values and read lists,
 * by key, by scan and under row locks, with statements prepared in the same
 * transaction and long before, on all nodes and at all isolation levels. The history is checked by history.c.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

#include "history.h"

#define KEYS_MAX 24u
#define OPERATIONS_MAX 5u
#define READ_SQL "SELECT k, v FROM lists WHERE k = $1"
#define APPEND_SQL "UPDATE lists SET v = v || $1 WHERE k = $2"

struct append {
    struct world *w;
    struct history *h;
    uint32_t keys, clients;
    uint32_t next_value, next_client;
    bool serializable; /* all transactions are */
};

/* One transaction on its way. */
struct running {
    struct append *a;
    struct pg_client *pg;
    uint32_t txn, stmt;
    enum history_level level;
    bool began; /* the history knows of it */
    uint32_t pending_key, pending_value; /* in an UPDATE that runs */
};

static void *append_open(struct world *w)
{
    struct append *a = xcalloc(1, sizeof *a);
    a->w = w;
    a->keys = (uint32_t)between(2, one_in(2) ? 5 : KEYS_MAX);
    a->clients = (uint32_t)between(3, 7);
    a->serializable = one_in(8);
    a->h = history_new(a->keys);
    a->next_value = 1;
    return a;
}

static void append_setup(void *self, struct pg_client *pg)
{
    struct append *a = self;
    struct pg_result r;
    must(a->w, pg, &r, "CREATE TABLE lists (k int PRIMARY KEY, v text NOT NULL)");
    for (uint32_t i = 0; i < a->keys; i++)
        must(a->w, pg, &r, "INSERT INTO lists VALUES (%u, '')", i);
}

/* Its snapshot is taken no earlier than now. */
static void note_begin(struct running *t)
{
    if (!t->began)
        t->txn = history_begin(t->a->h, t->level, sim_time_ns(t->a->w->sim));
    t->began = true;
}

static bool append_value(struct running *t)
{
    struct append *a = t->a;
    struct pg_result r;
    const uint32_t key = (uint32_t)any_of(a->keys), value = a->next_value++;
    note_begin(t);
    history_append(a->h, t->txn, key, value);
    char k[16], v[16];
    snprintf(k, sizeof k, "%u", key);
    snprintf(v, sizeof v, "%u,", value);
    switch (any_of(3)) {
    case 0:
        pg_query_params(t->pg, &r, APPEND_SQL, 2, (const char *[]){ v, k });
        break;
    case 1:
        pg_execute(t->pg, &r, "append", 2, (const char *[]){ v, k });
        break;
    default:
        pg_query(t->pg, &r, "UPDATE lists SET v = v || '%u,' WHERE k = %u", value, key);
        break;
    }
    if (!expect_ok(a->w, &r, "append"))
        return false;
    if (strcmp(r.tag, "UPDATE 1") != 0)
        world_fail(a->w, "list %u is not there: \"%s\"", key, r.tag);
    return true;
}

static void note_reads(struct running *t, const struct pg_result *r, uint64_t began)
{
    struct append *a = t->a;
    for (uint32_t i = 0; i < r->nrows; i++)
        history_read(a->h, t->txn, t->stmt, began, sim_time_ns(a->w->sim), (uint32_t)pg_int(r, i, 0), pg_value(r, i, 1));
    t->stmt++;
}

static bool read_lists(struct running *t)
{
    struct append *a = t->a;
    struct pg_result r;
    const uint32_t x = (uint32_t)any_of(a->keys), y = (uint32_t)any_of(a->keys);
    uint32_t expected = 1;
    note_begin(t);
    const uint64_t began = sim_time_ns(a->w->sim);
    switch (any_of(5)) {
    case 0:
        pg_query(t->pg, &r, "SELECT k, v FROM lists");
        expected = a->keys;
        break;
    case 1:
        pg_query(t->pg, &r, "SELECT k, v FROM lists WHERE k = %u OR k = %u", x, y);
        expected = x == y ? 1 : 2;
        break;
    case 2:
        pg_query(t->pg, &r, "SELECT k, v FROM lists WHERE k = %u FOR UPDATE", x);
        break;
    default: {
        char k[16];
        snprintf(k, sizeof k, "%u", x);
        if (one_in(2))
            pg_query_params(t->pg, &r, READ_SQL, 1, (const char *[]){ k });
        else
            pg_execute(t->pg, &r, "read", 1, (const char *[]){ k });
        break;
    }
    }
    if (!expect_ok(a->w, &r, "read"))
        return false;
    if (r.nrows != expected)
        world_fail(a->w, "%u lists were read where there are %u", r.nrows, expected);
    note_reads(t, &r, began);
    return true;
}

static void end(struct running *t, enum outcome o)
{
    static const enum history_outcome of[] = { [ABORTED] = HISTORY_ABORTED, [ACKED] = HISTORY_COMMITTED, [UNKNOWN] = HISTORY_UNKNOWN };
    if (t->began)
        history_end(t->a->h, t->txn, of[o], sim_time_ns(t->a->w->sim));
}

static bool begin_block(struct running *t)
{
    static const char *const names[] = { "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE" };
    const unsigned level = t->a->serializable ? 2 : (unsigned)any_of(2);
    struct pg_result r;
    t->level = level == 0 ? HISTORY_STATEMENT : HISTORY_SNAPSHOT;
    pg_query(t->pg, &r, "BEGIN ISOLATION LEVEL %s", names[level]);
    return expect_ok(t->a->w, &r, "BEGIN");
}

/* A savepoint whose appends are taken back leaves no trace in the history. */
static bool undone_append(struct running *t)
{
    struct pg_result r;
    pg_query(t->pg, &r, "SAVEPOINT s");
    if (!expect_ok(t->a->w, &r, "SAVEPOINT"))
        return false;
    note_begin(t);
    pg_query(t->pg, &r, "UPDATE lists SET v = v || '4000000000,' WHERE k = %u", (uint32_t)any_of(t->a->keys));
    if (!expect_ok(t->a->w, &r, "append in a savepoint"))
        return false;
    pg_query(t->pg, &r, "ROLLBACK TO s");
    return expect_ok(t->a->w, &r, "ROLLBACK TO");
}

static void run_block(struct append *a, struct pg_client *pg)
{
    struct running t = { .a = a, .pg = pg };
    bool fine = begin_block(&t);
    const uint32_t n = (uint32_t)between(1, OPERATIONS_MAX);
    for (uint32_t i = 0; i < n && fine; i++) {
        fine = one_in(12) ? undone_append(&t) : one_in(2) ? append_value(&t) : read_lists(&t);
        if (one_in(10))
            rt_sleep(any_of(RT_MS(10)));
    }
    if (fine && !one_in(12)) {
        end(&t, commit(a->w, pg));
    } else {
        rollback(pg);
        end(&t, ABORTED);
    }
}

static void read_alone(struct append *a, struct pg_client *pg)
{
    struct running t = { .a = a, .pg = pg, .level = HISTORY_STATEMENT };
    end(&t, read_lists(&t) ? ACKED : ABORTED);
}

static void append_alone(struct append *a, struct pg_client *pg)
{
    struct running t = { .a = a, .pg = pg, .level = HISTORY_STATEMENT };
    struct pg_result r;
    const uint32_t key = (uint32_t)any_of(a->keys), value = a->next_value++;
    note_begin(&t);
    history_append(a->h, t.txn, key, value);
    pg_query(pg, &r, "UPDATE lists SET v = v || '%u,' WHERE k = %u", value, key);
    end(&t, outcome_of(a->w, &r, "append alone"));
}

/* A connection with its prepared statements. NULL: the clients are to stop. */
static struct pg_client *connect_prepared(struct append *a, uint32_t home)
{
    for (struct pg_client *pg; (pg = world_connect(a->w, home)) != NULL; pg_close(pg)) {
        struct pg_result r;
        pg_prepare(pg, &r, "read", READ_SQL);
        if (!expect_ok(a->w, &r, "Parse"))
            continue;
        pg_prepare(pg, &r, "append", APPEND_SQL);
        if (expect_ok(a->w, &r, "Parse"))
            return pg;
    }
    return NULL;
}

static void append_client(void *arg)
{
    struct append *a = arg;
    const uint32_t home = 1 + a->next_client++ % a->w->nodes;
    for (struct pg_client *pg; (pg = connect_prepared(a, home)) != NULL; pg_close(pg))
        while (!a->w->stop_clients && !pg_is_lost(pg)) {
            if (a->serializable || !one_in(4))
                run_block(a, pg);
            else if (one_in(2))
                read_alone(a, pg);
            else
                append_alone(a, pg);
            if (one_in(10))
                rt_sleep(any_of(RT_MS(20)));
        }
}

/* Reads on one node the moment that another one has acknowledged a commit. */
static void append_pair(void *arg)
{
    struct append *a = arg;
    const uint32_t first = (uint32_t)any_of(a->w->nodes), step = 1 + (uint32_t)any_of(a->w->nodes - 1);
    for (struct pg_client *x; (x = world_connect(a->w, 1 + first)) != NULL; pg_close(x)) {
        struct pg_client *y = connect_prepared(a, 1 + (first + step) % a->w->nodes);
        while (y != NULL && !a->w->stop_clients && !pg_is_lost(x) && !pg_is_lost(y)) {
            append_alone(a, x);
            if (!pg_is_lost(x))
                read_alone(a, y);
        }
        pg_close(y);
    }
}

static void append_start(void *self)
{
    struct append *a = self;
    for (uint32_t i = 0; i < 2 && !a->serializable && a->w->nodes > 1; i++)
        world_client(a->w, append_pair, a);
    for (uint32_t i = 0; i < a->clients; i++)
        world_client(a->w, append_client, a);
}

static void append_check(void *self, struct pg_client *pg, bool last)
{
    struct append *a = self;
    struct pg_result r;
    struct running t = { .a = a, .pg = pg, .level = HISTORY_SNAPSHOT };
    note_begin(&t);
    const uint64_t began = sim_time_ns(a->w->sim);
    must(a->w, pg, &r, "SELECT k, v FROM lists ORDER BY k");
    if (r.nrows != a->keys)
        world_fail(a->w, "%u lists of %u are there", r.nrows, a->keys);
    note_reads(&t, &r, began);
    end(&t, ACKED);
    const char *verdict = history_check(a->h, a->serializable);
    if (verdict != NULL)
        world_fail(a->w, "history of %u transactions%s: %s", history_size(a->h), a->serializable ? " (serializable)" : "", verdict);
    check_index_agrees(a->w, pg, "lists", "count(*), sum(k), sum(length(v))", "k >= 0");
}

const struct workload workload_append = { "append", append_open, append_setup, append_start, append_check };
