/*
 * Cycles among those who wait: Tarjan's strongly connected components (R. Tarjan, 1972), without recursion, in O(V + E). Pure.
 */
#ifndef GES_CORE_DEADLOCK_H
#define GES_CORE_DEADLOCK_H

#include "base/ids.h"

struct dl_vertex {
    uint64_t owner; /* who waits */
    uint64_t wait_seq; /* which of its waits: confirms that it is still the same one */
    uint64_t begun; /* the youngest is the victim */
};
struct dl_edge {
    uint32_t from, to; /* vertices: from waits for to ... */
    bool soft; /* ... which is merely ahead in a queue, and holds nothing that is in the way */
};

/*
 * One victim a component with a cycle: the youngest, by (begun, owner), of those that hold what another one of it waits for: to cancel one
 * that only queues would let the next in its place. Writes at most nvertices victims and, for each vertex, the number of
 * its component. Edges in any order.
 */
uint32_t dl_victims(const struct dl_vertex *v, uint32_t nvertices, const struct dl_edge *e, uint32_t nedges, uint32_t *ret_victims,
                    uint32_t *ret_component);

#endif
