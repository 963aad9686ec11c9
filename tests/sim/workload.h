/*
 * Workloads: what clients do, and the checker that knows what must then be
 * true. Several run in one world at the same time, on tables of their own.
 */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include "world.h"

struct workload {
    const char *name;
    void *(*open)(struct world *w); /* state on host 0: no crash touches it */
    void (*setup)(void *self, struct pg_client *pg) MAY_YIELD; /* tables and first rows; nothing else runs, no faults yet */
    void (*start)(void *self) MAY_YIELD; /* clients, which run until world.stop_clients */
    /* Nothing runs, all nodes are up: is the database what was promised? Called through different nodes. */
    void (*check)(void *self, struct pg_client *pg, bool last) MAY_YIELD;
};

/* clang-format off */
#define WORKLOADS(X) \
    X(transfer, "money moves between accounts; the total is the same in each snapshot, and a ledger agrees") \
    X(append,   "transactions append to lists and read them; the history must be free of isolation anomalies") \
    X(unique,   "all nodes insert and delete the same unique keys and draw from a sequence") \
    X(ddl,      "tables are created, altered, indexed, truncated and dropped while others read and write them") \
    X(deadlock, "transactions lock the same rows in opposite orders; each deadlock is broken") \
    X(bulk,     "large rows, COPY, updates that grow, deletes; indexes and table agree") \
    X(watch,    "numbers that only rise: what anybody has seen, everybody sees from then on; long snapshots")
/* clang-format on */
#define X(name, text) extern const struct workload workload_##name;
WORKLOADS(X)
#undef X

/* ---- what they share -------------------------------------------------------------------- */

/* How a transaction ended, as its client knows it. */
enum outcome { ABORTED, ACKED, UNKNOWN };

/* Fails unless the call succeeded, the connection was lost, or the error is one that a correct cluster may give. True: it succeeded. */
bool expect_ok(struct world *w, const struct pg_result *r, const char *what);
bool is_error(const struct pg_result *r, const char *sqlstate);
/* Sends COMMIT. Counts the outcome. */
enum outcome commit(struct world *w, struct pg_client *pg) MAY_YIELD;
/* The outcome of a statement that is a transaction of its own. */
enum outcome outcome_of(struct world *w, const struct pg_result *r, const char *what);
void rollback(struct pg_client *pg) MAY_YIELD; /* whatever state it is in */

/* For setup and checks: anything but success fails the run. */
void must(struct world *w, struct pg_client *pg, struct pg_result *r, const char *fmt, ...) PRINTF(4, 5) MAY_YIELD;
/* The same query by index and by sequential scan gives the same single row of numbers. */
void check_index_agrees(struct world *w, struct pg_client *pg, const char *table, const char *select, const char *where) MAY_YIELD;

/* A growing array of structs. */
#define PUSH(array, n, cap) \
    ({ \
        if ((n) == (cap)) { \
            (cap) = (cap) * 2 + 16; \
            (array) = xrealloc((array), (cap) * sizeof *(array)); \
        } \
        memset(&(array)[(n)], 0, sizeof *(array)); \
        &(array)[(n)++]; \
    })

#endif
