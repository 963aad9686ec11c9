/*
 * Global resource directory: which node is the master of a resource.
 *
 * A resource hashes to a bucket, a bucket has a home by consistent hashing
 * over the members of the view (grd/core/ring.h), and the home is the master.
 * Blocks are hashed by extent, enqueues by name. Look-up is O(1) in an array
 * that is computed once a view.
 *
 * Thread-safe: look-ups from any worker; grd_install() from the membership
 * fiber, while the services are frozen.
 */
#ifndef GRD_GRD_H
#define GRD_GRD_H

#include "base/diag.h"
#include "base/hash.h"
#include "base/ids.h"
#include "cluster/cluster.h"

#define GRD_BUCKETS_DEFAULT 65536u

struct grd;

/* buckets: a power of two, 1024 to 1 Mi; 0 for the default. */
enum err grd_open(uint32_t buckets, struct grd **ret, struct diag *d) MUST_CHECK;
void grd_close(struct grd *g);

/* For cluster_listen(), before GCS and GES: takes the members of each view when it is installed. */
struct cluster_listener grd_listener(struct grd *g);
/* Takes the members of a view. Before the first one every look-up answers 0. */
void grd_install(struct grd *g, const struct cluster_view *view);

/* The same extent has the same hash: its blocks have one master. */
static inline uint64_t grd_hash_block(struct dba d)
{
    return hash_u64((uint64_t)dba_file(d) << 32 | dba_block(d) / EXTENT_BLOCKS);
}
static inline uint64_t grd_hash_name(const void *name, size_t len) { return hash_bytes(name, len, 0x67726400u); }

node_no grd_master(const struct grd *g, uint64_t hash);
node_no grd_shadow(const struct grd *g, uint64_t hash); /* who would follow; 0: nobody else is there */
uint32_t grd_bucket(const struct grd *g, uint64_t hash);
uint32_t grd_buckets(const struct grd *g);
epoch_t grd_epoch(const struct grd *g); /* of the view in force */
/* Buckets of which a node is the home. */
uint32_t grd_share(const struct grd *g, node_no node);

/* clang-format off */
#define GRD_STATS(X) \
    X(views,         COUNT, "views installed") \
    X(buckets_moved, COUNT, "buckets whose home changed with a view")
/* clang-format on */
struct grd_stats {
#define X(name, unit, text) uint64_t name;
    GRD_STATS(X)
#undef X
};
void grd_stats(const struct grd *g, struct grd_stats *ret);

#endif
