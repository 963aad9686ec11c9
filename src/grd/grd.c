#include "grd/grd.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "grd/core/ring.h"

/*
 * Single bytes, read without a latch: between freeze and open, when they
 * change, GCS and GES neither grant nor ask.
 */
struct grd {
    uint32_t buckets, shift;
    _Atomic(node_no) *home, *shadow;
    node_no *next_home, *next_shadow; /* of the membership fiber */
    _Atomic epoch_t epoch;
    _Atomic uint64_t views, buckets_moved;
};

enum err grd_open(uint32_t buckets, struct grd **ret, struct diag *d)
{
    buckets = buckets > 0 ? buckets : GRD_BUCKETS_DEFAULT;
    if (buckets < 1024 || buckets > 1u << 20 || (buckets & (buckets - 1)) != 0)
        return diag_set(d, ERR_CONFIG_LIMIT, "%u buckets of the resource directory: a power of two from 1024 to %u is possible", buckets, 1u << 20);
    struct grd *g = xcalloc(1, sizeof(*g));
    g->buckets = buckets;
    g->shift = 64 - (uint32_t)__builtin_ctz(buckets);
    g->home = xcalloc(buckets, sizeof(*g->home));
    g->shadow = xcalloc(buckets, sizeof(*g->shadow));
    g->next_home = xcalloc(buckets, 1);
    g->next_shadow = xcalloc(buckets, 1);
    *ret = g;
    return ERR_OK;
}

void grd_close(struct grd *g)
{
    if (g == NULL)
        return;
    free((void *)g->home);
    free((void *)g->shadow);
    free(g->next_home);
    free(g->next_shadow);
    free(g);
}

void grd_install(struct grd *g, const struct cluster_view *view)
{
    node_no member[NODES_MAX];
    for (uint32_t i = 0; i < view->n; i++)
        member[i] = view->m[i].node;
    grd_ring_assign(member, view->n, g->buckets, g->next_home, g->next_shadow);
    uint64_t moved = 0;
    for (uint32_t b = 0; b < g->buckets; b++) {
        const node_no before = atomic_exchange_explicit(&g->home[b], g->next_home[b], memory_order_relaxed);
        moved += before != 0 && before != g->next_home[b];
        atomic_store_explicit(&g->shadow[b], g->next_shadow[b], memory_order_relaxed);
    }
    atomic_fetch_add(&g->buckets_moved, moved);
    atomic_fetch_add(&g->views, 1);
    atomic_store(&g->epoch, view->epoch);
}

static void view_install(void *arg, const struct cluster_view *view, const struct cluster_view *old)
{
    grd_install(arg, view);
}

struct cluster_listener grd_listener(struct grd *g)
{
    return (struct cluster_listener){ .arg = g, .install = view_install };
}

uint32_t grd_bucket(const struct grd *g, uint64_t hash)
{
    return (uint32_t)(hash >> g->shift);
}

node_no grd_master(const struct grd *g, uint64_t hash)
{
    return atomic_load_explicit(&g->home[grd_bucket(g, hash)], memory_order_relaxed);
}

node_no grd_shadow(const struct grd *g, uint64_t hash)
{
    return atomic_load_explicit(&g->shadow[grd_bucket(g, hash)], memory_order_relaxed);
}

uint32_t grd_buckets(const struct grd *g)
{
    return g->buckets;
}

epoch_t grd_epoch(const struct grd *g)
{
    return atomic_load(&g->epoch);
}

uint32_t grd_share(const struct grd *g, node_no node)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < g->buckets; b++)
        n += atomic_load_explicit(&g->home[b], memory_order_relaxed) == node;
    return n;
}

void grd_stats(const struct grd *g, struct grd_stats *ret)
{
    *ret = (struct grd_stats){ .views = atomic_load(&g->views), .buckets_moved = atomic_load(&g->buckets_moved) };
}
