/*
 * Which node is the home of which bucket: consistent hashing (Karger et al.,
 * 1997). Each member owns GRD_VIRTUAL_NODES points of a ring; a bucket belongs
 * to the first point at or behind its own, and its shadow is the next other
 * node on the ring. Adding or removing a member moves only that member's share.
 *
 * Pure: a function of the members alone, the same on every node.
 */
#ifndef GRD_CORE_RING_H
#define GRD_CORE_RING_H

#include "base/ids.h"

#define GRD_VIRTUAL_NODES 256u

/* home and shadow have `buckets` entries; shadow is 0 where there is but one member. Members in any order, each once. */
void grd_ring_assign(const node_no *member, unsigned n, uint32_t buckets, node_no *home, node_no *shadow);

#endif
