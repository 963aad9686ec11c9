#include "grd/core/ring.h"

#include <stdlib.h>

#include "base/hash.h"

struct point {
    uint64_t at;
    node_no node;
};

static int point_compare(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (int)x->node - (int)y->node;
}

static uint64_t point_of(node_no node, unsigned replica)
{
    return hash_u64(hash_u64((uint64_t)node << 32 | replica) + UINT64_C(0x9e3779b97f4a7c15));
}

/* Buckets lie evenly on the ring. */
static uint64_t bucket_at(uint32_t bucket, uint32_t buckets)
{
    return (uint64_t)bucket * (UINT64_MAX / buckets);
}

static node_no next_other(const struct point *points, size_t n, size_t i)
{
    for (size_t k = 1; k < n; k++)
        if (points[(i + k) % n].node != points[i].node)
            return points[(i + k) % n].node;
    return 0;
}

void grd_ring_assign(const node_no *member, unsigned n, uint32_t buckets, node_no *home, node_no *shadow)
{
    assert(n > 0);
    const size_t npoints = (size_t)n * GRD_VIRTUAL_NODES;
    struct point *points = xmalloc(npoints * sizeof(*points));
    for (unsigned i = 0; i < n; i++)
        for (unsigned r = 0; r < GRD_VIRTUAL_NODES; r++)
            points[i * GRD_VIRTUAL_NODES + r] = (struct point){ point_of(member[i], r), member[i] };
    qsort(points, npoints, sizeof(*points), point_compare);

    size_t at = 0;
    for (uint32_t b = 0; b < buckets; b++) {
        while (at < npoints && points[at].at < bucket_at(b, buckets))
            at++;
        const size_t owner = at % npoints; /* behind the last point the ring begins anew */
        home[b] = points[owner].node;
        shadow[b] = next_other(points, npoints, owner);
    }
    free(points);
}
