/*
 * Sequences: a node takes ranges (1,000 values unless told otherwise); the
 * high-water mark is durable before a value of the range is handed out.
 * Values are unique, not ordered across nodes. A range is void once the
 * sequence has been set, or its segment replaced: the block counts settings,
 * and is looked at before each value.
 *
 * The sequence's block, held X while a range is taken, is what keeps nodes
 * apart: taking a range is one mini-transaction.
 */
#ifndef ACCESS_SEQUENCE_H
#define ACCESS_SEQUENCE_H

#include "access/heap.h"

struct sequence_def {
    uint32_t id;
    struct seg seg;
    int64_t start, increment, min, max;
    int64_t cache; /* values a node takes at a time; 0: 1,000 */
    bool cycle;
    const char *name; /* for messages; may be NULL */
};
struct sequences; /* the node's ranges */
struct ges;
struct sequences *sequences_open(struct access *a, struct ges *ges);
void sequences_close(struct sequences *s);
enum err sequence_create(struct access *a, struct sequence_def *def, struct diag *d) MAY_YIELD MUST_CHECK; /* fills in def->seg */
enum err sequence_next(struct sequences *s, const struct sequence_def *def, int64_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Voids the ranges of all nodes: what is handed out from now on follows this value. */
enum err sequence_set(struct sequences *s, const struct sequence_def *def, int64_t value, bool is_called, struct diag *d) MAY_YIELD MUST_CHECK;
void sequence_forget(struct sequences *s, uint32_t id);
/* The block's state without taking anything: last value handed to some node, and whether it counts as used. */
enum err sequence_peek(struct access *a, struct seg seg, int64_t *ret_last, bool *ret_is_called, struct diag *d) MAY_YIELD MUST_CHECK;
redo_apply_fn sequence_apply;

#endif
