/*
 * What the files of the global cache service share.
 */
#ifndef GCS_GCS_INT_H
#define GCS_GCS_INT_H

#include "gcs/core/master.h"
#include "gcs/gcs.h"
#include "interconnect/interconnect.h"

#define GCS_NOTICES_MAX 64u /* a shard's notices of dropped read copies, sent together */
#define GCS_IDLE_MASTERS_MAX 64u /* a shard keeps so many blocks' least versions on disk */

struct gcs_notice {
    struct dba dba;
    uint64_t gno;
};

struct gcs_shard {
    alignas(64) struct rt_spin latch;
    struct u64map *masters; /* dba to struct gcs_master */
    epoch_t epoch; /* of the tables here and of the holders of this shard */
    uint64_t next_gno;
    bool open; /* between opening and the next installing */
    bool attached; /* there is a cache */
    bool frozen; /* the next view is coming: no new operations */
    struct gcs_notice notice[GCS_NOTICES_MAX];
    uint32_t notices;
    struct dba idle[GCS_IDLE_MASTERS_MAX]; /* ring; entries may have become busy again */
    uint32_t idle_next;
};

struct gcs_deferred {
    struct list link;
    enum ic_kind kind;
    uint64_t stripe;
    uint32_t len;
    uint8_t bytes[];
};

/* Messages that a full send queue has refused, in order. */
struct gcs_backlog {
    struct rt_spin latch;
    struct list list; /* of struct gcs_deferred */
    _Atomic uint32_t n;
};

struct gcs_phase_counters {
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t bucket[GCS_HISTOGRAM_BUCKETS];
};

struct gcs {
    struct gcs_options opt;
    uint32_t nshards;
    struct gcs_shard *shards;
    struct gcs_cache cache; /* set before the first view */
    struct rt_mutex cache_mutex; /* held by who uses the cache without a shard's latch: it is not detached meanwhile */
    struct gcs_backlog backlog[NODES_MAX + 1];

    struct fiber *tender;
    struct rt_channel *tend; /* wakes the tender: a backlog has begun */
    _Atomic bool stopping;

    struct rt_spin view_latch; /* of the next three */
    epoch_t view_epoch;
    uint64_t members; /* bit node-1 */
    uint64_t declared; /* members whose declarations are complete */

#define X(name, unit, text) _Atomic uint64_t stat_##name;
    GCS_STATS(X)
#undef X
    struct gcs_phase_counters phase[GCS_PHASE_COUNT];
};

#define GCS_COUNT(g, name) atomic_fetch_add_explicit(&(g)->stat_##name, 1, memory_order_relaxed)

static inline struct gcs_shard *gcs__shard(struct gcs *g, struct dba dba)
{
    return &g->shards[gcs_shard_of(dba, g->nshards)];
}

struct gcs_self gcs__me(const struct gcs *g, struct dba dba);
struct gcs_master *gcs__master_get(struct gcs *g, struct gcs_shard *s, struct dba dba);
void gcs__master_tidy(struct gcs *g, struct gcs_shard *s, struct gcs_master *m);
struct gcs_master_env gcs__env(struct gcs *g, struct gcs_shard *s);
/* Carries out what a step of the block's holder (may be NULL) or master said, and all that follows on this node. */
void gcs__carry_out(struct gcs *g, struct gcs_shard *s, struct dba dba, const struct gcs_out *out);
/* A message about the block: to its holder or master here. `block`: its bytes, or NULL. */
void gcs__receive(struct gcs *g, struct gcs_shard *s, const struct gcs_msg *m, node_no from, const uint8_t *block);
void gcs__settle(struct gcs *g, struct dba dba);
void gcs__reject(struct gcs *g, const struct gcs_msg *m, node_no from, const char *why); /* it is dropped */
void gcs__flush_notices(struct gcs *g, struct gcs_shard *s);

/* gcs_send.c */
enum ic_kind gcs__kind(enum gcs_type type);
void gcs__post(struct gcs *g, node_no to, const struct gcs_msg *m, const uint8_t *block); /* under the shard's latch */
bool gcs__backlog_drain(struct gcs *g); /* true: some is left */
void gcs__tend(struct gcs *g); /* the tender looks at once */
void gcs__backlog_free(struct gcs *g);
/* gcs_view.c */
void gcs__set_declare_handler(struct gcs *g);

#endif
