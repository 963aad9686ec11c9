/*
 * A whole instance up to access/, with one table: (key integer, version bigint, pad text), one unique index on key, one plain index on
 * (version). For tests in the simulation.
 */
#ifndef TESTS_ACCESS_DB_H
#define TESTS_ACCESS_DB_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/access_int.h"
#include "access/btree_page.h"
#include "access/sequence.h"
#include "access/tuple.h"
#include "base/hash.h"
#include "redo/redo.h"
#include "rt/rt.h"
#include "rt/sim.h"
#include "storage/files.h"

#define CHECK(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
#define CHECK_OK(expr, d) ((expr) == ERR_OK ? (void)0 : panic("%s:%d: %s: %s", __FILE__, __LINE__, #expr, (d)->message))

extern const struct redo_ops db_ops;

struct db {
    struct scn_clock scn;
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    struct space *space;
    struct txn_sys *ts;
    struct access *access;
    struct seg table, by_key, by_version;
};

struct db_options {
    bool create;
    bool no_table; /* with create: an empty data file */
    incarnation_t incarnation;
    lsn_t redo_start;
    uint64_t xid_seq_start;
    uint32_t cache_blocks; /* 0: 4,000 */
    const char *dir; /* NULL: /db */
    struct ges *ges; /* NULL: transactions lock nothing */
};
void db_open(struct db *db, const struct db_options *o);
lsn_t db_close(struct db *db); /* writes everything; returns where the redo thread goes on */
void db_create_table(struct db *db);
/* Replays thread 1's redo onto the files, block by block; returns where the thread goes on. */
lsn_t db_replay(scn_t *ret_scn);
/* Replays all redo onto empty blocks and compares with what is on disk: what was done is what replay does. Stamps are hints and left out. */
void db_compare_replay(const char *dir); /* NULL: /db */

/* A value of the table: what `pad` is follows from key and version. */
struct val {
    uint32_t key;
    uint64_t version;
};
extern const struct tuple_desc db_desc;
uint32_t db_pad_len(struct val v);
enum err db_form(struct db *db, struct txn *t, struct val v, struct arena *arena, const uint8_t **body, uint32_t *len, struct diag *d);
struct val db_read(struct db *db, const struct snapshot *s, const struct heap_row *row, struct arena *arena); /* checks the pad, too */
#define DB_KEY 900u
#define DB_VERSION_KEY 500u
void db_key(uint8_t ret[DB_KEY], uint32_t key);
void db_version_key(uint8_t ret[DB_VERSION_KEY], uint64_t version);
struct btree_unique_check db_unique(struct db *db);

/* As the executor does: row, then index entries. */
enum err db_insert(struct db *db, struct txn *t, struct val v, struct arena *arena, struct rowid *ret, struct diag *d);
enum err db_update(struct db *db, struct txn *t, struct rowid rowid, struct val old, struct val v, struct heap_write *w, enum heap_outcome *ret,
                   struct arena *arena, struct diag *d);
enum err db_delete(struct db *db, struct txn *t, struct rowid rowid, struct val old, struct heap_write *w, enum heap_outcome *ret, struct diag *d);
/* By the unique index; false: no such row for this snapshot. */
bool db_lookup(struct db *db, const struct snapshot *s, uint32_t key, struct val *ret, struct rowid *ret_rowid, struct arena *arena);

/* Nobody is at work and purge has ended: no marked entry, as many entries as rows, no leftover slots, every page in order. */
struct db_census {
    uint64_t rows, moved, deleted, overflow_blocks;
    uint64_t entries, marked, pages;
};
void db_census(struct db *db, struct db_census *ret);
void db_check_tree(struct db *db, struct seg seg, struct db_census *ret);

/* Runs fn on host 1. */
void db_simulate(uint64_t seed, bool preempt, void (*fn)(void *), void *arg);

#endif
