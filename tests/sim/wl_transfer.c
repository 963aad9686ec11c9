/*
 * Money moves between accounts, each move with two rows in a ledger. In every
 * snapshot, on every node, at any time: the balances add up to what was there
 * at the start, and each balance is the start's plus its rows of the ledger.
 * An acknowledged move has its two rows for ever, an aborted one none.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

#define ACCOUNTS_MAX 64u
#define START_BALANCE 1000

struct move {
    enum outcome outcome;
};

struct transfer {
    struct world *w;
    uint32_t accounts, clients, readers;
    bool ordered; /* locks the lower account first: no deadlocks */
    struct move *move; /* by number */
    uint32_t nmoves, moves_cap;
    uint32_t next_client;
};

static void *transfer_open(struct world *w)
{
    struct transfer *t = xcalloc(1, sizeof *t);
    t->w = w;
    t->accounts = (uint32_t)between(2, one_in(2) ? 6 : ACCOUNTS_MAX);
    t->clients = (uint32_t)between(2, 5);
    t->readers = (uint32_t)between(1, 2);
    t->ordered = !one_in(4);
    return t;
}

static void transfer_setup(void *self, struct pg_client *pg)
{
    struct transfer *t = self;
    struct pg_result r;
    must(t->w, pg, &r, "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL)");
    must(t->w, pg, &r, "CREATE TABLE ledger (move int, account int, amount bigint NOT NULL, PRIMARY KEY (move, account))");
    if (one_in(2))
        must(t->w, pg, &r, "CREATE INDEX ledger_account ON ledger (account)");
    for (uint32_t i = 0; i < t->accounts; i++)
        must(t->w, pg, &r, "INSERT INTO accounts VALUES (%u, %d)", i, START_BALANCE);
}

static bool moved(struct transfer *t, struct pg_client *pg, uint32_t no, uint32_t from, uint32_t to, int64_t amount)
{
    struct pg_result r;
    const uint32_t first = t->ordered ? MIN(from, to) : from, second = first == from ? to : from;
    const char *const sql = "UPDATE accounts SET balance = balance + $1 WHERE id = $2";
    for (int i = 0; i < 2; i++) {
        char account[16], change[24];
        const uint32_t a = i == 0 ? first : second;
        snprintf(account, sizeof account, "%u", a);
        snprintf(change, sizeof change, "%" PRId64, a == from ? -amount : amount);
        pg_query_params(pg, &r, sql, 2, (const char *[]){ change, account });
        if (!expect_ok(t->w, &r, sql))
            return false;
        if (strcmp(r.tag, "UPDATE 1") != 0)
            world_fail(t->w, "account %u is not there: \"%s\"", a, r.tag);
    }
    pg_query(pg, &r, "INSERT INTO ledger VALUES (%u, %u, %" PRId64 "), (%u, %u, %" PRId64 ")", no, from, -amount, no, to, amount);
    return expect_ok(t->w, &r, "INSERT INTO ledger");
}

static const char *isolation(void)
{
    return one_in(3) ? "REPEATABLE READ" : "READ COMMITTED";
}

static void move_money(struct transfer *t, struct pg_client *pg)
{
    struct pg_result r;
    const uint32_t from = (uint32_t)any_of(t->accounts), to = (from + 1 + (uint32_t)any_of(t->accounts - 1)) % t->accounts;
    const uint32_t no = t->nmoves;
    PUSH(t->move, t->nmoves, t->moves_cap)->outcome = ABORTED;
    pg_query(pg, &r, "BEGIN ISOLATION LEVEL %s", isolation());
    const bool fine = expect_ok(t->w, &r, "BEGIN") && moved(t, pg, no, from, to, (int64_t)between(1, 20));
    if (fine && !one_in(10)) {
        const enum outcome o = commit(t->w, pg);
        t->move[no].outcome = o;
    } else {
        rollback(pg);
    }
}

static void transfer_client(void *arg)
{
    struct transfer *t = arg;
    const uint32_t home = 1 + t->next_client++ % t->w->nodes;
    for (struct pg_client *pg; (pg = world_connect(t->w, home)) != NULL; pg_close(pg))
        while (!t->w->stop_clients && !pg_is_lost(pg)) {
            move_money(t, pg);
            if (one_in(8))
                rt_sleep(any_of(RT_MS(20)));
        }
}

/* ---- readers ------------------------------------------------------------------------------- */

static void fail_total(struct transfer *t, const char *what, int64_t total)
{
    world_fail(t->w, "%s: the balances add up to %" PRId64 ", not %" PRId64, what, total, (int64_t)t->accounts * START_BALANCE);
}

static void read_total(struct transfer *t, struct pg_client *pg)
{
    struct pg_result r;
    pg_query(pg, &r, "SELECT sum(balance), count(*) FROM accounts");
    if (!expect_ok(t->w, &r, "total"))
        return;
    if (pg_int(&r, 0, 0) != (int64_t)t->accounts * START_BALANCE || pg_int(&r, 0, 1) != t->accounts)
        fail_total(t, "one statement", pg_int(&r, 0, 0));
}

/* Two statements of one snapshot. */
static bool read_ledger(struct transfer *t, struct pg_client *pg, const char *what)
{
    struct pg_result r;
    int64_t balance[ACCOUNTS_MAX] = { 0 }, total = 0;
    pg_query(pg, &r, "BEGIN ISOLATION LEVEL REPEATABLE READ");
    if (!expect_ok(t->w, &r, "BEGIN"))
        return false;
    pg_query(pg, &r, "SELECT id, balance FROM accounts");
    if (!expect_ok(t->w, &r, "balances"))
        return false;
    if (r.nrows != t->accounts)
        world_fail(t->w, "%s: %u accounts of %u", what, r.nrows, t->accounts);
    for (uint32_t i = 0; i < r.nrows; i++) {
        balance[pg_int(&r, i, 0)] = pg_int(&r, i, 1);
        total += pg_int(&r, i, 1);
    }
    if (total != (int64_t)t->accounts * START_BALANCE)
        fail_total(t, what, total);
    pg_query(pg, &r, "SELECT account, sum(amount) FROM ledger GROUP BY account");
    if (!expect_ok(t->w, &r, "ledger"))
        return false;
    for (uint32_t i = 0; i < r.nrows; i++)
        balance[pg_int(&r, i, 0)] -= pg_int(&r, i, 1);
    for (uint32_t i = 0; i < t->accounts; i++)
        if (balance[i] != START_BALANCE)
            world_fail(t->w, "%s: account %u and its ledger differ by %" PRId64, what, i, balance[i] - START_BALANCE);
    rollback(pg);
    return true;
}

static void transfer_reader(void *arg)
{
    struct transfer *t = arg;
    const uint32_t home = 1 + t->next_client++ % t->w->nodes;
    for (struct pg_client *pg; (pg = world_connect(t->w, home)) != NULL; pg_close(pg))
        while (!t->w->stop_clients && !pg_is_lost(pg)) {
            if (one_in(2))
                read_total(t, pg);
            else
                read_ledger(t, pg, "one snapshot");
            rollback(pg);
            rt_sleep(any_of(RT_MS(30)));
            if (one_in(20)) /* from elsewhere next time */
                break;
        }
}

static void transfer_start(void *self)
{
    struct transfer *t = self;
    t->next_client = (uint32_t)any_of(t->w->nodes);
    for (uint32_t i = 0; i < t->clients; i++)
        world_client(t->w, transfer_client, t);
    for (uint32_t i = 0; i < t->readers; i++)
        world_client(t->w, transfer_reader, t);
}

static void transfer_check(void *self, struct pg_client *pg, bool last)
{
    struct transfer *t = self;
    struct pg_result r;
    if (!read_ledger(t, pg, "at rest"))
        world_fail(t->w, "the balances cannot be read");
    must(t->w, pg, &r, "SELECT move, count(*) FROM ledger GROUP BY move");
    uint8_t *rows = xcalloc(t->nmoves + 1, 1);
    for (uint32_t i = 0; i < r.nrows; i++) {
        const int64_t no = pg_int(&r, i, 0);
        if (no < 0 || no >= t->nmoves)
            world_fail(t->w, "the ledger has move %" PRId64 ", which nobody made", no);
        rows[no] = (uint8_t)pg_int(&r, i, 1);
    }
    for (uint32_t i = 0; i < t->nmoves; i++) {
        struct move *m = &t->move[i];
        if (rows[i] != 0 && rows[i] != 2)
            world_fail(t->w, "move %u has %u rows in the ledger", i, rows[i]);
        if (m->outcome == ACKED && rows[i] == 0)
            world_fail(t->w, "move %u was acknowledged and is not there", i);
        if (m->outcome == ABORTED && rows[i] != 0)
            world_fail(t->w, "move %u was rolled back and is there", i);
        m->outcome = rows[i] ? ACKED : ABORTED; /* decided for ever now */
    }
    free(rows);
    check_index_agrees(t->w, pg, "accounts", "count(*), sum(balance)", "id >= 0");
    check_index_agrees(t->w, pg, "ledger", "count(*), sum(amount), sum(move)", "move >= 0");
    check_index_agrees(t->w, pg, "ledger", "count(*), sum(amount), sum(move)", "account >= 0");
}

const struct workload workload_transfer = { "transfer", transfer_open, transfer_setup, transfer_start, transfer_check };
