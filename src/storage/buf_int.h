/*
 * What the files of the buffer cache share (storage/bufcache.h).
 *
 * A *block entry* stands for one block: its copy, its past image, the node's
 * side of the GCS protocol, waiters. Entries hash into partitions; a
 * partition's latch guards the entries' fields but for a few named below. With
 * GCS, a partition is also the GCS shard of its blocks and shares its latch.
 *
 * Order of latches: frame latch, partition latch, hint latch; pool latch and
 * flush-queue latch innermost. No two partitions at a time.
 */
#ifndef STORAGE_BUF_INT_H
#define STORAGE_BUF_INT_H

#include <stdatomic.h>

#include "base/hash.h"
#include "base/list.h"
#include "gcs/core/holder.h"
#include "redo/redo.h"
#include "rt/rt.h"
#include "storage/block.h"
#include "storage/bufcache.h"
#include "storage/dw.h"
#include "storage/files.h"

struct gcs;

#define BUF_LSN_NONE UINT64_MAX
#define BUF_FRAME_WAIT_MS 10000u /* no frame can be freed for so long: an error */
#define BUF_WAITERS_SERVED_MAX 16u /* fibers that use one grant before it may be revoked */
#define BUF_COPIES_WAITING_MAX 4u /* readers elsewhere that wait for a writer here to unpin */
#define BUF_COPIES_BEFORE_SHARE 8u /* copies given without a change in between: then the reader is told to take S */
#define BUF_SOON_MAX 256u /* more are forgotten: who waits asks again */
#define BUF_PI_SHARE 5u /* past images take at most one frame in so many; beyond that their blocks' owners are asked to write */

struct buf_copy_ask {
    node_no node;
    uint64_t token;
    epoch_t epoch;
    scn_t s;
};

struct bent {
    struct pin pin; /* what callers hold; data is NULL without a copy */
    struct bufcache *bc;
    struct bent *next; /* hash chain, free list */
    struct list link; /* cold or hot list; unlinked without a copy and while dirty */
    struct list dirty_link; /* dirty list, by first_lsn */
    struct list writing_link; /* while h.wip is set */
    struct list pi_link;
    struct list waiters;
    struct rt_latch latch; /* of the bytes; taken with a pin, without the partition's latch */
    struct rt_spin hint; /* hint bytes against copying */
    bool latched_x; /* by the holder of `latch` */
    struct gcs_holder h;
    uint8_t *pi; /* past image's bytes */
    uint8_t *spare; /* a frame for what comes back, where the present one may become a past image before that */
    lsn_t pi_first; /* first change of this thread that only the past image (or newer) has */
    lsn_t first_lsn; /* first change since the disk, or since the write in flight began; BUF_LSN_NONE */
    lsn_t wip_first; /* of what is being written */
    lsn_t last_lsn; /* end of the last record of this thread about the block (R7) */
    uint64_t pi_asked_ns; /* when the owner was last asked to write */
    uint64_t rv_since, flush_since; /* a revocation is held back since then; for the redo's sake since then */
    uint8_t ref; /* hits since it came or was looked at, up to 3 */
    bool hot;
    bool is_copy; /* a mode-less copy: in no table, dies with its last pin */
    bool flush_queued;
    uint8_t skipped; /* how often the writer found it latched */
    uint8_t ncopies;
    uint32_t copies_given; /* since the last change */
    struct buf_copy_ask copies[BUF_COPIES_WAITING_MAX];
};

/* A fiber that waits for a mode. */
struct buf_waiter {
    struct list link;
    enum gcs_want want;
    bool fresh;
    bool copy_ok;
    scn_t s;
    struct bent *ret; /* what it was served with, already pinned; NULL: look again */
    bool valid; /* ret's bytes were there then */
    uint64_t served_ns;
    struct rt_future done;
};

struct part {
    alignas(64) struct rt_spin own;
    struct rt_spin *lock; /* `own`, or the GCS shard's */
    struct bent **bucket;
    struct list cold, hot; /* scan-resistant replacement: see evict */
    struct list dirty, writing, pis;
    uint32_t ncold, nhot, ndirty, npis;
    uint64_t gets, hits;
};

struct bufcache {
    struct bufcache_options opt;
    struct part *parts;
    uint32_t nparts, bucket_mask; /* nparts and buckets of a part are powers of two */
    uint32_t npages, nents;
    uint8_t *mem;
    size_t mem_bytes;
    struct bent *ents;
    struct rt_spin pool_lock; /* of the next four */
    uint8_t **free_page;
    uint32_t free_pages;
    struct bent *free_ent;
    uint32_t free_ents;
    struct rt_spin flush_lock;
    struct dba *flush_queue; /* ring of nents blocks whose revocation waits for the redo */
    uint32_t flush_first, flush_n;
    struct dba soon[BUF_SOON_MAX]; /* blocks whose write another node waits for (flush_lock) */
    uint32_t soon_n;
    _Atomic uint32_t evict_cursor;
    _Atomic uint32_t dirty_count, pi_count;
    _Atomic uint64_t tokens;

    /* the writer */
    struct dw *dw;
    struct fiber *writer;
    struct rt_mutex writer_lock; /* of `stopping` to `checkpoints` */
    struct rt_cond writer_wake, writer_did;
    bool stopping;
    bool pressed; /* somebody needs clean frames */
    lsn_t target; /* write what became dirty before this position */
    uint32_t checkpoints; /* under way */
    uint8_t *batch_mem;

    _Atomic uint32_t prefetching;
    _Atomic uint64_t disk_reads, disk_writes, dw_syncs, remote_current, remote_copies, evictions, latch_waits;
};

/* Without redo (recovery): everything dirty counts as position 0, the end as 1. */
static inline lsn_t buf__log_end(const struct bufcache *bc)
{
    return bc->opt.redo != NULL ? redo_end(bc->opt.redo) : 1;
}

static inline struct bent *bent_of(const struct pin *p)
{
    return CONTAINER_OF(p, struct bent, pin);
}

static inline struct part *buf__part(const struct bufcache *bc, struct dba dba)
{
    return &bc->parts[hash_u64(dba.v) & (bc->nparts - 1)];
}

/* All with the partition's latch held. */
struct bent *buf__find(struct bufcache *bc, struct part *p, struct dba dba);
void buf__insert(struct bufcache *bc, struct part *p, struct bent *e, struct dba dba, uint8_t *page);
void buf__attach_page(struct part *p, struct bent *e, uint8_t *page);
void buf__drop_page(struct bufcache *bc, struct part *p, struct bent *e); /* the copy goes */
uint8_t *buf__take_page(struct part *p, struct bent *e); /* the frame goes to the caller */
void buf__serve(struct bent *e); /* those whose mode is here */
void buf__set_dirty(struct bufcache *bc, struct part *p, struct bent *e);
void buf__clear_dirty(struct bufcache *bc, struct part *p, struct bent *e);
/* Pins, revocations, modes or waiters have changed: does what follows. The entry may be gone afterwards. */
void buf__settle(struct bufcache *bc, struct part *p, struct bent *e);

/* pool */
uint8_t *buf__page_try(struct bufcache *bc);
void buf__page_put(struct bufcache *bc, uint8_t *page);
struct bent *buf__ent_try(struct bufcache *bc);
void buf__ent_put(struct bufcache *bc, struct bent *e);
/* Waits for frames, evicting. */
enum err buf__page_get(struct bufcache *bc, uint8_t **ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err buf__ent_get(struct bufcache *bc, struct bent **ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* bufcache_evict.c */
bool buf__evict_some(struct bufcache *bc); /* one frame, with bounded work */
/* bufcache_write.c */
enum err buf__writer_start(struct bufcache *bc, struct diag *d) MAY_YIELD MUST_CHECK;
void buf__writer_stop(struct bufcache *bc) MAY_YIELD;
void buf__writer_press(struct bufcache *bc) MAY_YIELD;
bool buf__write_soon(struct bufcache *bc, struct dba dba); /* with the partition's latch held; false: too many */

/* bufcache_gcs.c: with the partition's latch held, instances with GCS only */
void buf__gcs_ask(struct bufcache *bc, struct bent *e, const struct buf_waiter *w);
void buf__gcs_release(struct bufcache *bc, struct bent *e);
bool buf__gcs_evict(struct bufcache *bc, struct bent *e); /* false: not now */
void buf__gcs_written(struct bufcache *bc, struct bent *e);
void buf__gcs_ask_write(struct bufcache *bc, struct bent *e);
void buf__gcs_serve_copies(struct bufcache *bc, struct part *p, struct bent *e);
/* without it */
void buf__gcs_attach(struct bufcache *bc);
void buf__gcs_detach(struct bufcache *bc) MAY_YIELD;
void buf__gcs_served(struct bufcache *bc, const struct buf_waiter *w, uint64_t asked_ns);

/* for mtr.c */
enum err buf__pin_x(struct bufcache *bc, struct dba dba, bool fresh, struct bent **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void buf__will_change(struct bent *e); /* before the record is appended */
void buf__changed(struct bent *e, scn_t scn, lsn_t end); /* after it */

#endif
