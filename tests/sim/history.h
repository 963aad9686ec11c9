/*
 * Checks a history of transactions that append unique values to lists and read
 * lists, in the manner of Elle (Kingsbury and Alvaro, "Elle: Inferring
 * Isolation Anomalies from Experimental Observations", VLDB 2020): the lists
 * themselves tell the order of versions, so the dependencies between
 * transactions can be told exactly.
 *
 * What is found: lost updates, aborted and intermediate reads, reads of
 * values that nobody wrote, half transactions, reads that do not agree with
 * one order of versions, and forbidden cycles of dependencies. Real time
 * counts as a dependency: what was acknowledged, or seen by a reader that had
 * its answer, before a snapshot began must be in it.
 *
 * A cycle is forbidden under snapshot isolation when no two anti-dependencies
 * in it are neighbours (Cerone and Gotsman, "Analysing Snapshot Isolation",
 * PODC 2016: (SO u WR u WW) ; RW? is acyclic), under serializability always.
 *
 * Pure: base alone.
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "base/base.h"

enum history_level {
    HISTORY_STATEMENT, /* READ COMMITTED: each reading statement has a snapshot of its own */
    HISTORY_SNAPSHOT, /* REPEATABLE READ */
};
enum history_outcome { HISTORY_ABORTED, HISTORY_COMMITTED, HISTORY_UNKNOWN };

struct history;
struct history *history_new(uint32_t keys);
void history_free(struct history *h);

/* A transaction; times are of one clock. Its operations follow in their order; statements of one transaction are numbered. */
uint32_t history_begin(struct history *h, enum history_level level, uint64_t began_ns);
void history_append(struct history *h, uint32_t txn, uint32_t key, uint32_t value);
/* `began` and `ended`: of the statement; reads of one statement share `stmt`. The text is "1,2,3,". */
void history_read(struct history *h, uint32_t txn, uint32_t stmt, uint64_t began_ns, uint64_t ended_ns, uint32_t key, const char *list);
void history_end(struct history *h, uint32_t txn, enum history_outcome outcome, uint64_t ended_ns);

/*
 * NULL: no anomaly; else what it is (lives as long as the history). `serializable`: all transactions were. A transaction that has read
 * all lists must have been the last one. Unknown outcomes that show in a list become committed, others aborted, for later checks.
 */
const char *history_check(struct history *h, bool serializable);
uint32_t history_size(const struct history *h);

#endif
