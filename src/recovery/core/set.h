/*
 * The recovery set: which blocks the redo of dead threads may have to be
 * applied to, and how much of it there is (first pass over the logs).
 *
 * A block-written record (BWR) says that a block was durable in place at some
 * version: it strikes the vectors up to that version, and only those.
 *
 * Pure. Memory: one entry a block.
 */
#ifndef RECOVERY_CORE_SET_H
#define RECOVERY_CORE_SET_H

#include "redo/redo.h"

struct rset;

struct rset_block {
    struct dba dba;
    scn_t written; /* by BWRs: durable in place at this version */
    scn_t last; /* newest vector */
    uint32_t vectors;
    uint64_t bytes; /* of their payloads */
};

struct rset *rset_new(void);
void rset_free(struct rset *s); /* accepts NULL */
/* Takes note of a record's vectors. Records of several threads may come in any order. */
void rset_note(struct rset *s, const struct redo_record *r);
/* NULL: the block is not in the set. A block whose vectors have all been struck is in it, with last <= written. */
const struct rset_block *rset_find(const struct rset *s, struct dba dba);
size_t rset_count(const struct rset *s);
/* Memory that all vectors not struck take when they are gathered, about. */
uint64_t rset_gather_bytes(const struct rset *s);
/* All blocks, in the order of their addresses' hashes; *pos = 0 to begin, NULL at the end. */
const struct rset_block *rset_next(const struct rset *s, size_t *pos);

/* The set is worked off in `parts` parts, so that each fits into memory. */
static inline bool rset_in_part(struct dba dba, uint32_t part, uint32_t parts)
{
    uint64_t x = dba.v * UINT64_C(0x9e3779b97f4a7c15);
    return (x >> 32) % parts == part;
}

#endif
