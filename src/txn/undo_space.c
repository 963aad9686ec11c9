/*
 * The undo file's space: extents that are written block by block, by one lane each, and used again when no transaction needs them.
 */
#include "txn/txn_int.h"

#include "storage/files.h"

#define GROW_MIN 4u /* extents */
#define GROW_MAX 32u

uint32_t undo_extent_of(const struct txn_sys *ts, uint32_t block)
{
    return (block - undo_first_block(&ts->geo)) / ts->geo.extent_blocks;
}

static uint32_t extent_first_block(const struct txn_sys *ts, uint32_t extent)
{
    return undo_first_block(&ts->geo) + extent * ts->geo.extent_blocks;
}

/* ---- free list: under undo_spin --------------------------------------------------- */

static void push_free(struct txn_sys *ts, uint32_t e)
{
    ts->extent[e].next_free = EXTENT_NONE;
    if (ts->free_first == EXTENT_NONE)
        ts->free_first = e;
    else
        ts->extent[ts->free_last].next_free = e;
    ts->free_last = e;
}

static uint32_t pop_free(struct txn_sys *ts)
{
    const uint32_t e = ts->free_first;
    if (e != EXTENT_NONE) {
        ts->free_first = ts->extent[e].next_free;
        ts->extent[e].refs = 1;
    }
    return e;
}

static void unref(struct txn_sys *ts, uint32_t e)
{
    assert(ts->extent[e].refs > 0);
    if (--ts->extent[e].refs == 0)
        push_free(ts, e);
}

/* Extents up to n exist; those that are new are free or, found at open, referenced once. */
static void add_extents(struct txn_sys *ts, uint32_t n, bool found)
{
    if (n > ts->extent_cap) {
        ts->extent_cap = MAX(n, ts->extent_cap * 2);
        ts->extent = xrealloc(ts->extent, ts->extent_cap * sizeof(*ts->extent));
    }
    while (ts->nextents < n) {
        const uint32_t e = ts->nextents++;
        ts->extent[e] = (struct undo_extent){ .refs = found ? 1 : 0, .wrap_known = !found };
        if (!found)
            push_free(ts, e);
    }
}

enum err undo_space_open(struct txn_sys *ts, struct diag *d)
{
    uint64_t blocks;
    const enum err err = files_size(ts->opt.files, FILE_UNDO_BASE + ts->opt.thread, &blocks, d);
    if (err)
        return err;
    ts->free_first = ts->free_last = EXTENT_NONE;
    const uint64_t first = undo_first_block(&ts->geo);
    add_extents(ts, blocks > first ? (uint32_t)((blocks - first) / ts->geo.extent_blocks) : 0, true);
    return ERR_OK;
}

void undo_extents_found_done(struct txn_sys *ts)
{
    rt_spin_lock(&ts->undo_spin);
    for (uint32_t e = 0; e < ts->nextents; e++) {
        if (!ts->extent[e].wrap_known && ts->extent[e].refs > 0)
            unref(ts, e);
    }
    rt_spin_unlock(&ts->undo_spin);
}

void undo_extent_ref(struct txn_sys *ts, uint32_t block)
{
    rt_spin_lock(&ts->undo_spin);
    ts->extent[undo_extent_of(ts, block)].refs++;
    rt_spin_unlock(&ts->undo_spin);
}

void undo_extent_unref(struct txn_sys *ts, uint32_t block)
{
    rt_spin_lock(&ts->undo_spin);
    unref(ts, undo_extent_of(ts, block));
    rt_spin_unlock(&ts->undo_spin);
}

/* ---- growing ------------------------------------------------------------------------- */

static enum err grow(struct txn_sys *ts, uint32_t seen, struct diag *d)
{
    enum err err = ERR_OK;
    rt_mutex_lock(&ts->grow);
    if (ts->nextents == seen && ts->free_first == EXTENT_NONE) {
        uint32_t more = MIN(MAX(seen / 8, GROW_MIN), GROW_MAX);
        const uint32_t file = FILE_UNDO_BASE + ts->opt.thread;
        err = files_extend(ts->opt.files, file, extent_first_block(ts, seen + more), d);
        if (err == ERR_DISK_FULL && more > 1) {
            more = 1;
            err = files_extend(ts->opt.files, file, extent_first_block(ts, seen + more), d);
        }
        if (!err) {
            rt_spin_lock(&ts->undo_spin);
            add_extents(ts, seen + more, false);
            rt_spin_unlock(&ts->undo_spin);
        }
    }
    rt_mutex_unlock(&ts->grow);
    return err ? diag_wrap(d, err, "extending the undo file of redo thread %u", ts->opt.thread) : ERR_OK;
}

/* The number of the extent's next use; the first block of an extent is written first, so it knows the last one. */
static enum err next_wrap(struct txn_sys *ts, uint32_t e, struct diag *d)
{
    rt_spin_lock(&ts->undo_spin);
    const bool known = ts->extent[e].wrap_known;
    rt_spin_unlock(&ts->undo_spin);
    uint32_t wrap = 0;
    if (!known) {
        struct pin *p;
        const enum err err = buf_pin(ts->opt.bc, undo_dba(ts->opt.thread, extent_first_block(ts, e)), BUF_S, &p, d);
        if (err)
            return diag_wrap(d, err, "undo file of redo thread %u", ts->opt.thread);
        wrap = undo_block_wrap(p->data);
        buf_unpin(p);
    }
    rt_spin_lock(&ts->undo_spin);
    if (!ts->extent[e].wrap_known) {
        ts->extent[e].wrap = wrap;
        ts->extent[e].wrap_known = true;
    }
    ts->extent[e].wrap++;
    rt_spin_unlock(&ts->undo_spin);
    return ERR_OK;
}

static bool over_quota(const struct txn_sys *ts, uint32_t extents)
{
    return ts->opt.undo_quota_blocks != 0 && (uint64_t)extents * ts->geo.extent_blocks >= ts->opt.undo_quota_blocks;
}

static enum err take_extent(struct txn_sys *ts, uint32_t *ret, struct diag *d)
{
    for (bool asked = false;;) {
        rt_spin_lock(&ts->undo_spin);
        const uint32_t e = pop_free(ts), seen = ts->nextents;
        rt_spin_unlock(&ts->undo_spin);
        if (e != EXTENT_NONE) {
            const enum err err = next_wrap(ts, e, d);
            if (err) {
                rt_spin_lock(&ts->undo_spin);
                unref(ts, e);
                rt_spin_unlock(&ts->undo_spin);
                return err;
            }
            *ret = e;
            return ERR_OK;
        }
        if (over_quota(ts, seen) && !asked) { /* R10: the oldest snapshot gives way; once, then the file grows all the same */
            asked = true;
            snap_cancel_oldest(ts);
            purge_kick(ts);
            rt_sleep(RT_MS(1));
            continue;
        }
        const enum err err = grow(ts, seen, d);
        if (err)
            return err;
    }
}

/* ---- lanes ------------------------------------------------------------------------------ */

static uint32_t lane_left(const struct txn_sys *ts, const struct lane *lane)
{
    const uint32_t here = lane->extent == EXTENT_NONE ? 0 : lane->block_end - lane->block - 1;
    return here + lane->nspares * ts->geo.extent_blocks;
}

enum err lane_room(struct txn_sys *ts, struct lane *lane, struct diag *d)
{
    lane->outstanding++;
    while (lane_left(ts, lane) < lane->outstanding) {
        if (lane->nspares == LANE_SPARES) { /* more reservations than the lane can ever promise: let some be used */
            lane->outstanding--;
            rt_sleep(RT_US(100));
            lane->outstanding++;
            continue;
        }
        uint32_t e;
        const enum err err = take_extent(ts, &e, d);
        if (err) {
            lane->outstanding--;
            return err;
        }
        if (lane->nspares < LANE_SPARES && lane_left(ts, lane) < lane->outstanding) {
            lane->spare[lane->nspares++] = e;
        } else { /* another fiber of this worker was faster */
            rt_spin_lock(&ts->undo_spin);
            unref(ts, e);
            rt_spin_unlock(&ts->undo_spin);
        }
    }
    return ERR_OK;
}

bool lane_advance(struct txn_sys *ts, struct lane *lane)
{
    if (lane->extent != EXTENT_NONE && lane->block + 1 < lane->block_end) {
        lane->block++;
        lane->untouched = true;
        return true;
    }
    if (lane->nspares == 0)
        return false;
    const uint32_t e = lane->spare[0];
    lane->nspares--;
    memmove(&lane->spare[0], &lane->spare[1], lane->nspares * sizeof(lane->spare[0]));
    rt_spin_lock(&ts->undo_spin);
    if (lane->extent != EXTENT_NONE)
        unref(ts, lane->extent);
    lane->wrap = ts->extent[e].wrap;
    rt_spin_unlock(&ts->undo_spin);
    lane->extent = e;
    lane->block = extent_first_block(ts, e);
    lane->block_end = lane->block + ts->geo.extent_blocks;
    lane->untouched = true;
    return true;
}
