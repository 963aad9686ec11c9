/*
 * Sequences: a node takes ranges under the SQ enqueue, the high-water mark
 * logged first; values are unique, not ordered across nodes.
 */
#ifndef ACCESS_SEQUENCE_H
#define ACCESS_SEQUENCE_H

#include "access/heap.h"

struct sequence_def {
    uint32_t id;
    struct seg seg;
    int64_t start, increment, min, max;
    int64_t cache; /* values a node takes at a time (1,000 by default) */
    bool cycle;
};
struct sequences; /* the node's ranges */
struct ges;
struct sequences *sequences_open(struct access *a, struct ges *ges);
void sequences_close(struct sequences *s);
enum err sequence_create(struct access *a, struct sequence_def *def, struct diag *d) MAY_YIELD MUST_CHECK; /* fills in def->seg */
enum err sequence_next(struct sequences *s, const struct sequence_def *def, int64_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err sequence_set(struct sequences *s, const struct sequence_def *def, int64_t value, bool is_called, struct diag *d) MAY_YIELD MUST_CHECK;
void sequence_forget(struct sequences *s, uint32_t id);
redo_apply_fn sequence_apply;

#endif
