#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const refusals[] = {
#define X(sqlstate, text, must_happen) sqlstate,
    WORLD_REFUSED(X)
#undef X
};

bool is_error(const struct pg_result *r, const char *sqlstate) { return r->status == PG_ERROR && strcmp(r->sqlstate, sqlstate) == 0; }

bool expect_ok(struct world *w, const struct pg_result *r, const char *what)
{
    if (r->status != PG_ERROR)
        return r->status == PG_OK;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (strcmp(r->sqlstate, refusals[i]) == 0) {
            w->failed++;
            w->refused[i]++;
            return false;
        }
    if (!r->fatal || !w->deaths_expected)
        world_fail(w, "%s: unexpected error %s: %s", what, r->sqlstate, r->message);
    return false;
}

static enum outcome counted(struct world *w, enum outcome o)
{
    w->acked += o == ACKED;
    w->unknown += o == UNKNOWN;
    return o;
}

enum outcome outcome_of(struct world *w, const struct pg_result *r, const char *what)
{
    if (is_error(r, "08007"))
        return counted(w, UNKNOWN);
    if (expect_ok(w, r, what))
        return counted(w, ACKED);
    return counted(w, r->status == PG_LOST || r->fatal ? UNKNOWN : ABORTED);
}

enum outcome commit(struct world *w, struct pg_client *pg)
{
    struct pg_result r;
    pg_query(pg, &r, "COMMIT");
    if (r.status == PG_OK && strcmp(r.tag, "COMMIT") != 0)
        world_fail(w, "COMMIT was answered with \"%s\"", r.tag);
    return outcome_of(w, &r, "COMMIT");
}

void rollback(struct pg_client *pg)
{
    struct pg_result r;
    if (!pg_is_lost(pg) && pg_txn_status(pg) != 'I')
        pg_query(pg, &r, "ROLLBACK");
}

void must(struct world *w, struct pg_client *pg, struct pg_result *r, const char *fmt, ...)
{
    char sql[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sql, sizeof sql, fmt, ap);
    va_end(ap);
    for (int i = 0; i < 20; i++) {
        if (pg_query(pg, r, "%s", sql) == PG_OK)
            return;
        if (!is_error(r, "40001") || pg_txn_status(pg) != 'I')
            break;
    }
    world_fail(w, "%s: %s %s", sql, r->status == PG_LOST ? "connection lost" : r->sqlstate, r->message);
}

void check_index_agrees(struct world *w, struct pg_client *pg, const char *table, const char *select, const char *where)
{
    struct pg_result r;
    char by_scan[256] = "", by_index[256] = "";
    for (int index = 0; index < 2; index++) {
        char *text = index ? by_index : by_scan;
        size_t len = 0;
        must(w, pg, &r, "SET enable_seqscan = %s", index ? "off" : "on");
        must(w, pg, &r, "SET enable_indexscan = %s", index ? "on" : "off");
        must(w, pg, &r, "SELECT %s FROM %s WHERE %s", select, table, where);
        for (uint32_t i = 0; i < r.ncols; i++)
            len += (size_t)snprintf(text + len, sizeof by_scan - len, "%s ", pg_value(&r, 0, i) == NULL ? "null" : pg_value(&r, 0, i));
    }
    must(w, pg, &r, "RESET ALL");
    if (strcmp(by_scan, by_index) != 0)
        world_fail(w, "table %s: %s is %sby sequential scan and %sby index (%s)", table, select, by_scan, by_index, where);
}
