/*
 * Global cache service: which instance holds which block in which mode, and
 * the transfers between them (Cache Fusion; design section 9, models/gcs.pml).
 *
 * The protocol is in gcs/core/ (pure): holder.c, a node's side of a block, and
 * master.c, the block's master. Here both are fed with messages and their
 * duties carried out. All about one block happens under the latch of its
 * shard, sending included, so that messages about it leave in the order in
 * which the steps were made (R15). A message to oneself is carried out in the
 * same critical section: a message that arrives at once is one of the orders
 * that the model allows, and nothing is ever in transit between a node and
 * itself. So an uncontended request to a local master sends nothing.
 *
 * The holder's records live in the buffer cache, which calls gcs_*() under the
 * shard's latch; GCS calls back through struct gcs_cache.
 */
#ifndef GCS_GCS_H
#define GCS_GCS_H

#include <stdatomic.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/scn.h"
#include "cluster/cluster.h"
#include "gcs/core/holder.h"
#include "rt/rt.h"

struct gcs;
struct grd;
struct interconnect;

struct gcs_options {
    struct interconnect *ic;
    struct grd *grd;
    struct scn_clock *scn;
    node_no self;
    uint32_t shards; /* a power of two; 0: 256. One per so many frames is enough */
    struct log *log;
};
enum err gcs_open(const struct gcs_options *opt, struct gcs **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * The end, in this order: bufcache_drain(), bufcache_close(), cluster_leave() - until then the node is a master for others -,
 * cluster_stop(), gcs_stop(), ic_close(), gcs_close().
 */
void gcs_stop(struct gcs *g) MAY_YIELD; /* sends nothing of its own accord from here on */
void gcs_close(struct gcs *g) MAY_YIELD;

/* Steps of a view change. The directory (grd_listener) listens before it. */
struct cluster_listener gcs_listener(struct gcs *g);

/* ---- for the buffer cache --------------------------------------------------- */

/* All but the last one are called under the shard's latch and must not wait. */
struct gcs_cache {
    void *arg;
    struct gcs_holder *(*find)(void *arg, struct dba dba); /* NULL: nothing is held or wanted here */
    const uint8_t *(*bytes_lock)(void *arg, struct gcs_holder *h); /* the current copy, held still */
    void (*bytes_unlock)(void *arg, struct gcs_holder *h);
    /* Is the redo durable up to the block's last change (R7)? If not, starts a flush, and gcs_release() follows. */
    bool (*may_ship)(void *arg, struct gcs_holder *h);
    void (*duty)(void *arg, struct gcs_holder *h, const struct gcs_act *act, const uint8_t *block);
    void (*copy_asked)(void *arg, struct dba dba, const struct gcs_msg *m); /* answered by gcs_answer_copy() */
    void (*settle)(void *arg, struct gcs_holder *h); /* after all that a message brought */
    void (*each)(void *arg, uint32_t shard, void (*fn)(void *fn_arg, struct dba dba, struct gcs_holder *h), void *fn_arg);
    bool (*fits)(void *arg, const struct gcs_msg *m, const uint8_t *block); /* the bytes are the block that m (SHIP, COPY) says */
    enum err (*disk_version)(void *arg, struct dba dba, scn_t *ret, struct diag *d) MAY_YIELD;
};
void gcs_attach(struct gcs *g, const struct gcs_cache *cache); /* at any time; once */
void gcs_detach(struct gcs *g) MAY_YIELD; /* nothing is held any more */

uint32_t gcs_shards(const struct gcs *g);
static inline uint32_t gcs_shard_of(struct dba dba, uint32_t shards) { return (uint32_t)hash_u64(dba.v) & (shards - 1); }
struct rt_spin *gcs_shard_latch(struct gcs *g, uint32_t shard);

/* Under the shard's latch: */
void gcs_ask(struct gcs *g, struct dba dba, struct gcs_holder *h, enum gcs_want want, bool copy_ok, scn_t s);
void gcs_release(struct gcs *g, struct dba dba, struct gcs_holder *h); /* pins, a write or the redo have let go */
bool gcs_evict(struct gcs *g, struct dba dba, struct gcs_holder *h); /* false: not during a view change */
void gcs_write_end(struct gcs *g, struct dba dba, struct gcs_holder *h);
void gcs_ask_write(struct gcs *g, struct dba dba, const struct gcs_holder *h); /* its past image shall become superfluous */
/* To a copy_asked() of that epoch. block NULL: take S. */
void gcs_answer_copy(struct gcs *g, struct dba dba, node_no to, uint64_t token, epoch_t epoch, const uint8_t *block);

/* ---- statistics --------------------------------------------------------------- */

/* clang-format off */
#define GCS_STATS(X) \
    X(requests,        COUNT, "requests of this node") \
    X(local_requests,  COUNT, "of these, to a master on this node") \
    X(messages,        COUNT, "messages sent to other nodes") \
    X(blocks_shipped,  COUNT, "current blocks shipped") \
    X(copies_shipped,  COUNT, "mode-less copies shipped") \
    X(disk_grants,     COUNT, "grants to read from the disk") \
    X(masters,         COUNT, "blocks with state at this master now") \
    X(deferred,        COUNT, "messages that waited for room in a send queue") \
    X(stale,           COUNT, "messages of older views dropped") \
    X(promoted,        COUNT, "past images made current after a view change") \
    X(flush_waits,     COUNT, "shipments that waited for the redo")
/* Where a transfer's time goes. At the holder: pin, flush, build; at the requester: send, receive, round, wake. */
#define GCS_PHASES(X) \
    X(build,   "copying and queueing the block") \
    X(flush,   "waiting for redo before shipping") \
    X(pin,     "waiting for pins before giving up") \
    X(send,    "making and queueing a request") \
    X(round,   "request sent until the answer was here") \
    X(receive, "taking the received block in") \
    X(wake,    "grant here until the waiting fiber ran")
/* clang-format on */
enum gcs_phase {
#define X(name, text) GCS_PHASE_##name,
    GCS_PHASES(X)
#undef X
        GCS_PHASE_COUNT
};
#define GCS_HISTOGRAM_BUCKETS 32u /* bucket i: below 2^(i+7) ns, the last one all above */
struct gcs_histogram {
    uint64_t count, sum_ns;
    uint64_t bucket[GCS_HISTOGRAM_BUCKETS];
};
struct gcs_stats {
#define X(name, unit, text) uint64_t name;
    GCS_STATS(X)
#undef X
    struct gcs_histogram phase[GCS_PHASE_COUNT];
};
void gcs_stats(const struct gcs *g, struct gcs_stats *ret);
void gcs_phase_took(struct gcs *g, enum gcs_phase phase, uint64_t ns);

#endif
