/*
 * Instances with a toy table, for tests of transactions: one block of rows, each a header and a number. HEAP_UPDATE sets a row.
 */
#ifndef TESTS_TXN_ROWS_H
#define TESTS_TXN_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cluster/cluster.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"
#include "rt/sim.h"
#include "storage/files.h"
#include "txn/txn_int.h"

#define CHECK(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
#define CHECK_OK(expr, d) ((expr) == ERR_OK ? (void)0 : panic("%s:%d: %s: %s (%s)", __FILE__, __LINE__, #expr, (d)->message, (d)->detail))

#define ROWS 64u
struct toy_row {
    struct row_header h;
    uint64_t value;
};
struct toy_set {
    uint64_t slot;
    struct toy_row row;
};

struct inst {
    struct scn_clock scn;
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    struct interconnect *ic;
    struct grd *grd;
    struct ges *ges;
    bool deaf; /* frames from other nodes do not raise the clock */
    struct txn_sys *ts;
    struct txn_options to;
    struct seg seg;
    struct dba block; /* of the rows */
    uint64_t purged; /* records that the purge handler has seen */
    scn_t purge_last;
    uint64_t undone;
    uint32_t objects[16], nobjects; /* that the object listener has heard of */
};

extern const struct redo_ops toy_ops;
extern const char *toy_dir; /* of the database */

struct inst_options {
    node_no node;
    uint16_t thread;
    incarnation_t incarnation;
    bool create;
    lsn_t redo_start;
    uint64_t xid_seq_start;
    uint32_t tt_entries, extent_blocks, retention_secs;
    uint64_t quota_blocks;
    unsigned peers; /* nodes of the cluster, each on the host of its number; 0: alone */
    uint32_t block; /* number of the rows' block in data/main.dbf */
};
void inst_open(struct inst *in, const struct inst_options *o);
void inst_close(struct inst *in);
/* A view of the nodes in the mask (bit n - 1), in the steps of cluster/ as one node sees them; in between the others must do the same. */
void inst_view(struct inst *in, unsigned mask, epoch_t epoch, void (*barrier)(void));
/* Crash recovery of that one thread; returns where it goes on. */
lsn_t toy_recover(uint16_t thread, scn_t *ret_scn);

enum err row_set(struct inst *in, struct txn *t, uint32_t slot, uint64_t value, struct diag *d); /* waits for the row's transaction */
enum err row_get(struct inst *in, const struct snapshot *s, uint32_t slot, uint64_t *ret, struct diag *d); /* 0: no such row */
struct toy_row row_raw(struct inst *in, uint32_t slot);

#endif
