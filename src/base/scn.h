/*
 * The node's copy of the cluster's Lamport clock (design section 4). Every
 * message and every block read raises it; redo allocates from it.
 */
#ifndef BASE_SCN_H
#define BASE_SCN_H

#include <stdatomic.h>

#include "base/ids.h"

struct scn_clock {
    _Atomic scn_t now;
};

static inline scn_t scn_now(const struct scn_clock *c) { return atomic_load_explicit(&((struct scn_clock *)c)->now, memory_order_acquire); }
/* ++scn. Whoever allocates a commit SCN does it through redo_append(), which orders it with the log (R2, R3). */
static inline scn_t scn_next(struct scn_clock *c) { return atomic_fetch_add_explicit(&c->now, 1, memory_order_acq_rel) + 1; }
static inline void scn_raise(struct scn_clock *c, scn_t to)
{
    scn_t seen = atomic_load_explicit(&c->now, memory_order_relaxed);
    while (seen < to && !atomic_compare_exchange_weak_explicit(&c->now, &seen, to, memory_order_acq_rel, memory_order_relaxed))
        ;
}

#endif
