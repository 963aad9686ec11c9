/*
 * The writer: brings dirty blocks to disk, oldest redo position first, in
 * batches: redo flushed, double-write area written and synced, in place,
 * synced (R5, R7). A block is copied under its latch; no latch is held during
 * I/O, so a block may change while its older version is being written.
 */
#include <stdlib.h>

#include "gcs/gcs.h"
#include "storage/buf_int.h"

#define TICK_MS 100u
#define LAG_MAX_BYTES (32u << 20) /* redo that recovery may have to read */
#define SKIPS_MAX 8u /* rounds that found a block latched; then it is owed a write */
#define LANES 8u /* writes in place at a time */
#define DIRTY_SHARE 4u /* more dirty frames than one in so many: write */
#define PI_ASK_AGAIN_NS RT_MS(100)
#define DRAIN_STUCK_S 60u
#define CHECKPOINT_STUCK_S 60u /* no progress for so long: an error, and the caller decides */

struct batch {
    struct bent *ent[DW_BATCH_MAX];
    const void *block[DW_BATCH_MAX];
    unsigned n;
    lsn_t flush_to;
};

static NORETURN void die(struct bufcache *bc, struct diag *d, const char *what)
{
    diag_wrap(d, d->err, "%s", what);
    if (bc->opt.fatal != NULL)
        bc->opt.fatal(bc->opt.fatal_arg, d);
    panic("%s", d->message);
}

/* ---- choosing ---------------------------------------------------------------- */

static bool may_write(const struct bent *e, lsn_t before)
{
    return e->first_lsn < before && e->h.dirty && e->h.wip == 0 && (e->h.rv == GCS_RV_NONE || e->h.must_write) && e->h.mode >= GCS_SCUR && e->h.valid;
}

/* Up to `room` dirty blocks of the partition. */
static unsigned choose(struct part *p, lsn_t before, struct dba *ret, unsigned room)
{
    unsigned n = 0, looks = 0;
    rt_spin_lock(p->lock);
    LIST_FOREACH (it, &p->dirty) {
        const struct bent *e = LIST_ENTRY(it, struct bent, dirty_link);
        if (n == room || e->first_lsn >= before || looks++ == 4 * DW_BATCH_MAX)
            break;
        if (may_write(e, before))
            ret[n++] = e->pin.dba;
    }
    rt_spin_unlock(p->lock);
    return n;
}

static struct bent *pin_dirty(struct bufcache *bc, struct part *p, struct dba dba, lsn_t before)
{
    rt_spin_lock(p->lock);
    struct bent *e = buf__find(bc, p, dba);
    if (e != NULL && may_write(e, before))
        e->h.pins++;
    else
        e = NULL;
    rt_spin_unlock(p->lock);
    return e;
}

static void let_go(struct bufcache *bc, struct part *p, struct bent *e)
{
    e->h.pins--;
    if (e->h.rv != GCS_RV_NONE || e->ncopies > 0 || !list_empty(&e->waiters))
        buf__settle(bc, p, e);
}

/* The write begins: from here on changes count for the next one. */
static bool copy_out(struct bufcache *bc, struct part *p, struct bent *e, struct batch *b)
{
    rt_spin_lock(p->lock);
    const bool go = may_write(e, BUF_LSN_NONE);
    if (go) {
        e->wip_first = e->first_lsn;
        buf__clear_dirty(bc, p, e);
        gcs_holder_write_begin(&e->h);
        list_push_back(&p->writing, &e->writing_link);
    }
    const lsn_t last = e->last_lsn;
    rt_spin_unlock(p->lock);
    if (!go)
        return false;

    uint8_t *copy = bc->batch_mem + (size_t)b->n * BLOCK_SIZE;
    rt_spin_lock(&e->hint);
    memcpy(copy, e->pin.data, BLOCK_SIZE);
    rt_spin_unlock(&e->hint);
    block_seal(copy);
    b->ent[b->n] = e;
    b->block[b->n++] = copy;
    b->flush_to = MAX(b->flush_to, last);
    return true;
}

/* ---- writing ------------------------------------------------------------------ */

static int by_file(const void *a, const void *b)
{
    const struct bent *x = *(struct bent *const *)a, *y = *(struct bent *const *)b;
    return x->pin.dba.v < y->pin.dba.v ? -1 : x->pin.dba.v > y->pin.dba.v;
}

static void write_done(struct bufcache *bc, struct bent *e)
{
    struct part *p = buf__part(bc, e->pin.dba);
    rt_spin_lock(p->lock);
    if (MUTATED("R5_dirty")) { /* whatever has changed since the copy was taken */
        e->h.dirty = false;
        buf__clear_dirty(bc, p, e);
    }
    list_remove(&e->writing_link);
    e->wip_first = BUF_LSN_NONE;
    if (bc->opt.gcs != NULL) {
        buf__gcs_written(bc, e);
    } else {
        struct gcs_out out = { 0 };
        gcs_holder_write_end(&e->h, &(struct gcs_self){ 0 }, &out);
    }
    buf__settle(bc, p, e);
    rt_spin_unlock(p->lock);
    atomic_fetch_add_explicit(&bc->disk_writes, 1, memory_order_relaxed);
}

static void sync_files(struct bufcache *bc, struct batch *b)
{
    struct diag d;
    struct bent *sorted[DW_BATCH_MAX];
    memcpy(sorted, b->ent, sizeof(sorted[0]) * b->n);
    qsort(sorted, b->n, sizeof(sorted[0]), by_file);
    for (unsigned i = 0; i < b->n; i++) {
        const uint32_t file = dba_file(sorted[i]->pin.dba);
        if (i + 1 < b->n && dba_file(sorted[i + 1]->pin.dba) == file)
            continue;
        if (files_sync(bc->opt.files, file, &d) != ERR_OK)
            die(bc, &d, "syncing blocks written in place");
    }
}

struct lane {
    struct bufcache *bc;
    const struct batch *b;
    unsigned first;
};

static void write_lane(void *arg)
{
    const struct lane *l = arg;
    struct diag d;
    for (unsigned i = l->first; i < l->b->n; i += LANES)
        if (files_write(l->bc->opt.files, l->b->ent[i]->pin.dba, l->b->block[i], &d) != ERR_OK)
            die(l->bc, &d, "writing a block in place");
}

/* By several fibers at once: a disk is at its best with several requests. */
static void write_in_place(struct bufcache *bc, const struct batch *b)
{
    const struct rt_spawn_options opt = { .name = "block write", .worker = rt_worker(), .prio = RT_PRIO_NORMAL };
    struct lane lane[LANES];
    struct fiber *fiber[LANES] = { NULL };
    for (unsigned i = 0; i < LANES; i++)
        lane[i] = (struct lane){ bc, b, i };
    for (unsigned i = 1; i < MIN(b->n, LANES); i++) {
        fiber[i] = rt_spawn(&opt, write_lane, &lane[i]);
        if (fiber[i] == NULL)
            write_lane(&lane[i]);
    }
    write_lane(&lane[0]);
    for (unsigned i = 1; i < LANES; i++)
        if (fiber[i] != NULL)
            rt_join(fiber[i]);
}

static void write_batch(struct bufcache *bc, struct batch *b)
{
    struct diag d;
    uint32_t slot = 0;
    if (bc->opt.redo != NULL && redo_durable(bc->opt.redo) < b->flush_to && !MUTATED("R7"))
        redo_flush(bc->opt.redo, b->flush_to);
    if (dw_write_batch(bc->dw, b->block, b->n, &slot, &d) != ERR_OK)
        die(bc, &d, "writing the double-write area");
    atomic_fetch_add_explicit(&bc->dw_syncs, 1, memory_order_relaxed);
    write_in_place(bc, b);
    sync_files(bc, b);
    dw_done(bc->dw, slot);
    for (unsigned i = 0; i < b->n; i++)
        write_done(bc, b->ent[i]);
}

static void flush_batch(struct bufcache *bc, struct batch *b)
{
    if (b->n > 0)
        write_batch(bc, b);
    *b = (struct batch){ .n = 0 };
}

/*
 * Copies a block into the batch. Where it is latched it is left for a later round; after some of those, no new writer is let in before
 * the block has been copied. The writer itself never waits for a latch: its holder may be waiting for another node, which may be waiting
 * for a block that is owed a write here.
 */
static void take(struct bufcache *bc, struct part *p, struct dba dba, lsn_t before, struct batch *b)
{
    struct bent *e = pin_dirty(bc, p, dba, before);
    if (e == NULL)
        return;
    const bool latched = rt_latch_try_s(&e->latch);
    if (latched) {
        copy_out(bc, p, e, b);
        rt_latch_unlock_s(&e->latch);
    }
    rt_spin_lock(p->lock);
    e->skipped = latched ? 0 : (uint8_t)MIN(e->skipped + 1, SKIPS_MAX);
    if (e->skipped == SKIPS_MAX && e->h.dirty && !e->h.must_write)
        e->h.must_write = buf__write_soon(bc, dba);
    let_go(bc, p, e);
    rt_spin_unlock(p->lock);
}

/* One pass over all partitions; true if anything was written. */
static bool write_round(struct bufcache *bc, lsn_t before)
{
    struct dba chosen[DW_BATCH_MAX];
    struct batch b = { .n = 0 };
    const uint64_t written = atomic_load(&bc->disk_writes);
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[i];
        const unsigned n = choose(p, before, chosen, DW_BATCH_MAX - b.n);
        for (unsigned k = 0; k < n; k++)
            take(bc, p, chosen[k], before, &b);
        if (b.n == DW_BATCH_MAX) {
            flush_batch(bc, &b);
            i--; /* there may be more in this partition */
        }
        rt_yield_if_due();
    }
    flush_batch(bc, &b);
    return atomic_load(&bc->disk_writes) != written;
}

/* ---- blocks that other nodes wait for ------------------------------------------- */

bool buf__write_soon(struct bufcache *bc, struct dba dba)
{
    rt_spin_lock(&bc->flush_lock);
    const bool room = bc->soon_n < BUF_SOON_MAX;
    if (room)
        bc->soon[bc->soon_n++] = dba;
    rt_spin_unlock(&bc->flush_lock);
    rt_cond_signal(&bc->writer_wake); /* if it comes too early, the next tick finds the block */
    return room;
}

/* The write has begun, or there is nothing to write any more, or the block is latched just now: then again. */
static void promise_kept(struct bufcache *bc, struct dba dba)
{
    struct part *p = buf__part(bc, dba);
    rt_spin_lock(p->lock);
    struct bent *e = buf__find(bc, p, dba);
    if (e != NULL && e->h.must_write) {
        e->h.must_write = may_write(e, BUF_LSN_NONE) && buf__write_soon(bc, dba);
        buf__settle(bc, p, e);
    }
    rt_spin_unlock(p->lock);
}

static void write_those_asked_for(struct bufcache *bc)
{
    struct dba soon[BUF_SOON_MAX];
    struct batch b = { .n = 0 };
    rt_spin_lock(&bc->flush_lock);
    const uint32_t n = bc->soon_n;
    memcpy(soon, bc->soon, n * sizeof(soon[0]));
    bc->soon_n = 0;
    rt_spin_unlock(&bc->flush_lock);
    for (uint32_t i = 0; i < n; i++) {
        take(bc, buf__part(bc, soon[i]), soon[i], BUF_LSN_NONE, &b);
        promise_kept(bc, soon[i]);
        if (b.n == DW_BATCH_MAX)
            flush_batch(bc, &b);
    }
    flush_batch(bc, &b);
}

/* Past images that hold the checkpoint back, or are too many: asks the owners to write. */
static void ask_for_past_images(struct bufcache *bc, lsn_t before)
{
    if (bc->opt.gcs == NULL || atomic_load(&bc->pi_count) == 0)
        return;
    const bool too_many = atomic_load(&bc->pi_count) > bc->npages / BUF_PI_SHARE;
    const uint64_t now = rt_now();
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[i];
        rt_spin_lock(p->lock);
        LIST_FOREACH_SAFE (it, &p->pis) {
            struct bent *e = LIST_ENTRY(it, struct bent, pi_link);
            const bool due = (too_many || e->pi_first < before) && now - e->pi_asked_ns >= PI_ASK_AGAIN_NS;
            if (due) {
                e->pi_asked_ns = now;
                buf__gcs_ask_write(bc, e);
            }
        }
        rt_spin_unlock(p->lock);
        rt_yield_if_due();
    }
}

/* ---- positions ------------------------------------------------------------------- */

static lsn_t part_oldest(const struct part *p)
{
    lsn_t oldest = BUF_LSN_NONE;
    if (!list_empty(&p->dirty))
        oldest = LIST_ENTRY(p->dirty.next, struct bent, dirty_link)->first_lsn;
    LIST_FOREACH (it, &p->writing)
        oldest = MIN(oldest, LIST_ENTRY(it, struct bent, writing_link)->wip_first);
    LIST_FOREACH (it, &p->pis)
        oldest = MIN(oldest, LIST_ENTRY(it, struct bent, pi_link)->pi_first);
    return oldest;
}

/*
 * The end of the log is read before the partitions are looked at, and a block is marked before its record is appended: so a record
 * that this pass could miss was appended after the end was read, and lies behind it.
 */
lsn_t bufcache_oldest_dirty(struct bufcache *bc)
{
    lsn_t oldest = buf__log_end(bc);
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[i];
        rt_spin_lock(p->lock);
        oldest = MIN(oldest, part_oldest(p));
        rt_spin_unlock(p->lock);
    }
    return oldest;
}

/* ---- the fiber --------------------------------------------------------------------- */

static lsn_t background_target(struct bufcache *bc)
{
    const lsn_t end = buf__log_end(bc);
    if (atomic_load(&bc->dirty_count) > bc->npages / DIRTY_SHARE)
        return BUF_LSN_NONE;
    return end > LAG_MAX_BYTES ? end - LAG_MAX_BYTES : 0;
}

static bool somebody_waits(struct bufcache *bc)
{
    rt_spin_lock(&bc->flush_lock);
    const bool any = bc->soon_n > 0;
    rt_spin_unlock(&bc->flush_lock);
    return any;
}

static void writer_fiber(void *arg)
{
    struct bufcache *bc = arg;
    rt_mutex_lock(&bc->writer_lock);
    while (!bc->stopping) {
        const lsn_t target = MAX(bc->pressed ? BUF_LSN_NONE : bc->target, background_target(bc));
        bc->pressed = false;
        rt_mutex_unlock(&bc->writer_lock);
        write_those_asked_for(bc);
        const bool wrote = target > 0 && write_round(bc, target);
        ask_for_past_images(bc, target);
        rt_mutex_lock(&bc->writer_lock);
        rt_cond_broadcast(&bc->writer_did);
        if (!bc->stopping && !bc->pressed && (!wrote || bc->target == 0))
            rt_cond_wait(&bc->writer_wake, &bc->writer_lock, rt_now() + (somebody_waits(bc) ? RT_US(200) : RT_MS(TICK_MS)), false);
    }
    rt_mutex_unlock(&bc->writer_lock);
}

void buf__writer_press(struct bufcache *bc)
{
    rt_mutex_lock(&bc->writer_lock);
    bc->pressed = true;
    rt_cond_signal(&bc->writer_wake);
    rt_mutex_unlock(&bc->writer_lock);
}

enum err buf__writer_start(struct bufcache *bc, struct diag *d)
{
    enum err err = dw_open(bc->opt.dir, bc->opt.thread, &bc->dw, d);
    if (err)
        return err;
    bc->batch_mem = rt_alloc_aligned((size_t)DW_BATCH_MAX * BLOCK_SIZE);
    const struct rt_spawn_options opt = { .name = "block writer", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL };
    bc->writer = rt_spawn(&opt, writer_fiber, bc);
    if (bc->writer == NULL) {
        rt_free_aligned(bc->batch_mem, (size_t)DW_BATCH_MAX * BLOCK_SIZE);
        dw_close(bc->dw);
        return diag_set(d, ERR_RESOURCES, "no fiber for the block writer");
    }
    return ERR_OK;
}

void buf__writer_stop(struct bufcache *bc)
{
    rt_mutex_lock(&bc->writer_lock);
    bc->stopping = true;
    rt_cond_signal(&bc->writer_wake);
    rt_mutex_unlock(&bc->writer_lock);
    rt_join(bc->writer);
    rt_free_aligned(bc->batch_mem, (size_t)DW_BATCH_MAX * BLOCK_SIZE);
    dw_close(bc->dw);
}

/* Which block holds the checkpoint back, and why it is not written. */
static void describe_oldest(struct bufcache *bc, lsn_t oldest, struct diag *d)
{
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[i];
        rt_spin_lock(p->lock);
        for (uint32_t k = 0; part_oldest(p) == oldest && k <= bc->bucket_mask; k++) {
            for (const struct bent *e = p->bucket[k]; e != NULL; e = e->next) {
                if (e->first_lsn != oldest && e->wip_first != oldest && e->pi_first != oldest)
                    continue;
                diag_detail(d,
                            "Block %u of file %u: mode %s, version %" PRIu64 ", past image %" PRIu64 ", being written %" PRIu64
                            ", %u pins (%u to change it), asked for %u, owed %u (must write %u), dirty %u.",
                            dba_block(e->pin.dba), dba_file(e->pin.dba), gcs_mode_name(e->h.mode), e->h.version, e->h.pi, e->h.wip, e->h.pins, e->h.xpins,
                            e->h.want, e->h.rv, e->h.must_write, e->h.dirty);
            }
        }
        rt_spin_unlock(p->lock);
    }
}

/* ---- checkpoint, drain ----------------------------------------------------------------- */

/* Several may checkpoint at once: the highest target counts until all are content. */
enum err bufcache_checkpoint(struct bufcache *bc, lsn_t *ret_checkpoint, struct diag *d)
{
    const lsn_t upto = buf__log_end(bc);
    lsn_t oldest = bufcache_oldest_dirty(bc), before = 0;
    uint64_t moved_at = rt_now();
    enum err err = ERR_OK;

    rt_mutex_lock(&bc->writer_lock);
    bc->checkpoints++;
    bc->target = MAX(bc->target, upto);
    while (oldest < upto && !err) {
        rt_cond_signal(&bc->writer_wake);
        rt_cond_wait(&bc->writer_did, &bc->writer_lock, rt_now() + RT_MS(TICK_MS), false);
        rt_mutex_unlock(&bc->writer_lock);
        oldest = bufcache_oldest_dirty(bc);
        rt_mutex_lock(&bc->writer_lock);
        if (oldest > before) {
            before = oldest;
            moved_at = rt_now();
        } else if (rt_now() - moved_at > RT_SEC(CHECKPOINT_STUCK_S)) {
            err = diag_set(d, ERR_TIMED_OUT, "checkpoint: the oldest change, at redo position %" PRIu64 ", could not be written for %u s", oldest,
                           CHECKPOINT_STUCK_S);
            describe_oldest(bc, oldest, d);
        }
    }
    if (--bc->checkpoints == 0)
        bc->target = 0;
    rt_mutex_unlock(&bc->writer_lock);
    if (!err)
        *ret_checkpoint = oldest;
    return err;
}

/* Gives back what may be given back; true if that was all. */
static bool drain_part(struct bufcache *bc, struct part *p)
{
    bool empty = true;
    rt_spin_lock(p->lock);
    for (uint32_t i = 0; i <= bc->bucket_mask; i++) {
        for (struct bent *e = p->bucket[i], *next; e != NULL; e = next) {
            next = e->next;
            const bool idle = gcs_holder_idle(&e->h) && list_empty(&e->waiters) && e->ncopies == 0;
            if (idle && (bc->opt.gcs == NULL || e->h.mode == GCS_N || buf__gcs_evict(bc, e))) {
                e->h.valid = false;
                empty &= e->pi == NULL;
                buf__settle(bc, p, e);
            } else {
                empty = false;
            }
        }
    }
    rt_spin_unlock(p->lock);
    return empty;
}

enum err bufcache_drain(struct bufcache *bc, struct diag *d)
{
    const uint64_t began = rt_now();
    for (;;) {
        bool empty = true;
        buf__writer_press(bc);
        for (uint32_t i = 0; i < bc->nparts; i++) {
            empty &= drain_part(bc, &bc->parts[i]);
            rt_yield_if_due();
        }
        if (empty)
            return ERR_OK;
        if (rt_now() - began > RT_SEC(DRAIN_STUCK_S))
            return diag_set(d, ERR_TIMED_OUT, "the buffer cache could not be emptied within %u s (%u dirty blocks, %u past images)", DRAIN_STUCK_S,
                            atomic_load(&bc->dirty_count), atomic_load(&bc->pi_count));
        ask_for_past_images(bc, BUF_LSN_NONE);
        rt_sleep(RT_MS(2));
    }
}
