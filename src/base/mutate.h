/*
 * The rules of the design that a build with -Dmutations=true can take out
 * (RUSTYDB_MUTATE=R7,R14), to prove that a test notices. A rule that is kept
 * in several places has sub-switches, named R<number>_<what>; naming the rule
 * itself switches on that name alone.
 *
 * Add a line here, then write `if (!MUTATED("R7")) ...` where the rule is kept.
 */
#ifndef BASE_MUTATE_H
#define BASE_MUTATE_H

/* clang-format off */
#define MUTATIONS(X) \
    X(R2,  "whoever answers a status for a reader at s first raises its SCN to s") \
    X(R3,  "COMMIT_PENDING before the commit SCN is taken; answered when durable and acknowledged by all") \
    X(R4,  "a commit heard by broadcast counts only below the sender's watermark") \
    X(R5,  "a block under an in-place write is not handed over in X; completion clears dirty only for the version written") \
    X(R6,  "pin order, reservations before the first pin, no waits under a pin") \
    X(R7,  "write-ahead: a block is written or shipped only when its redo is durable") \
    X(R8,  "damage before a position claimed durable is corruption") \
    X(R9,  "a transaction-table entry is recycled only below the horizon") \
    X(R12, "epoch and incarnation of each message are checked") \
    X(R13, "ownership generation in every message about a block") \
    X(R14, "a grant from disk carries the least version that the disk must show") \
    X(R15, "past images are kept until a newer version is durable in place")
/* clang-format on */

#endif
