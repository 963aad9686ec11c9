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
    X(R2,  "whoever answers a reader at s, with a status or a copy, first raises its SCN to s") \
    X(R2_copy, "whoever ships a copy to a reader at s first raises its SCN to s") \
    X(R3,  "COMMIT_PENDING before the commit SCN is taken; answered when durable and acknowledged by all") \
    X(R3_acks, "a commit is published and answered when all members have acknowledged it") \
    X(R4,  "a commit heard by broadcast counts only below the sender's watermark") \
    X(R4_purge, "what a departed member broadcast and did not confirm is forgotten") \
    X(R5,  "no hand-over in X under an in-place write; completion clears dirty only for the version written") \
    X(R5_dirty, "completion of a write clears dirty only for the version written") \
    X(R5_evict, "a dirty block is written before it is evicted") \
    X(R5_repair, "torn blocks are repaired from the double-write areas before redo is applied") \
    X(R6,  "two heap blocks are pinned in the order of their addresses") \
    X(R7,  "write-ahead: a block is written or shipped only when its redo is durable") \
    X(R7_recovery, "recovery syncs the logs before it changes blocks because of them") \
    X(R8,  "damage before a position claimed durable is corruption") \
    X(R9,  "a transaction-table entry is recycled only below the horizon") \
    X(R9_upto, "the bound of recycled sequences stays below those that may still come") \
    X(R10, "no snapshot below the promised horizon") \
    X(R11, "purge follows committed undo; the row's slot is freed after its index entries") \
    X(R12, "a unique insert holds X on the first leaf that may contain the key") \
    X(R13, "a past image is kept until a version at least as new is durable in place") \
    X(R13_version, "a notice drops past images up to its version only") \
    X(R13_ship, "a past image is never shipped as current") \
    X(R14, "grants are numbered; stale releases and drop notices are ignored") \
    X(R14_clear, "an X is used only after all invalidations are acknowledged") \
    X(R14_down, "the owner lowers its mode when it ships a read copy") \
    X(R14_epoch, "a message of an older view is dropped") \
    X(R15, "messages about one resource between two nodes travel in order") \
    X(R18, "a thread is closed only when its recovery set is durable in place")
/* clang-format on */

#endif
