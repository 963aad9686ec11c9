/*
 * Crash recovery: brings the blocks to where the redo of all threads that were
 * not closed takes them, merged a block by SCN (design section 11, R18, R19).
 *
 *   analysis    first pass over the logs: the recovery set
 *   repair      blocks torn by a power loss, from the double-write areas (R5)
 *   gather      second pass: the vectors of one part of the set
 *   apply       block by block, in parallel: base image, vectors, double write, in place
 *   control     the threads' checkpoints move to the ends of their logs
 *
 * Nothing but the blocks changes before the last step, and a block only ever
 * moves forward: a crash at any point leaves a recovery that begins anew and
 * comes to the same end. Active transactions of the recovered threads are
 * still to be rolled back; until then their threads stay THREAD_RECOVERING.
 *
 * Works on the files alone, without a buffer cache: nobody else has the
 * database open (the caller has made sure: fencing, R17).
 */
#ifndef RECOVERY_RECOVERY_H
#define RECOVERY_RECOVERY_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "redo/opcodes.h"

struct files;

struct recovery_options {
    const char *dir;
    struct files *files;
    const struct redo_ops *ops;
    uint64_t memory_bytes; /* for the vectors gathered at a time; 0: 256 MiB */
    uint32_t fibers; /* that apply, over all workers; 0: four a worker */
    struct log *log;
    /* Positions that peers have heard of as durable, by thread number (R8); NULL: none. */
    const lsn_t *known_durable;
    /* Called for each step, for the log and the view of what recovery is doing. May be NULL. */
    void (*progress)(void *arg, const char *step, uint64_t done, uint64_t all);
    void *progress_arg;
};

struct recovery_thread {
    uint16_t thread;
    node_no node; /* its last owner */
    incarnation_t incarnation;
    lsn_t start, end; /* of what was read; `end` is where the next owner goes on */
    scn_t scn_max; /* highest one of its records */
    scn_t commit_scn_max; /* highest one of its commits; 0: none */
    uint64_t xid_seq_max; /* highest transaction of this thread in any record */
    uint64_t records;
};

struct recovery_result {
    struct recovery_thread *threads; /* whose transactions are to be rolled back; recovery_result_fini() frees */
    unsigned nthreads; /* 0: all had been closed, there was nothing to do */
    scn_t scn_max; /* above everything that was found */
    uint64_t records, vectors;
    uint64_t blocks; /* in the recovery set */
    uint64_t changed; /* brought forward */
    uint64_t torn; /* repaired from double-write areas */
    uint64_t damaged; /* damaged before, and nothing to rebuild them from: they stay as they are, and reading them is an error */
    uint32_t parts; /* in which the set was worked off */
};

enum err recovery_run(const struct recovery_options *opt, struct recovery_result *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void recovery_result_fini(struct recovery_result *r);

#endif
