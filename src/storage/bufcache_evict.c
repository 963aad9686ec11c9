/*
 * Which frame to reuse: two lists a partition, after 2Q and S3-FIFO (Yang et
 * al., 2023). New blocks enter the cold list, first in first out; one that was
 * hit at least twice there moves to the hot list, a clock. While the cold list
 * has its share of the frames, only it loses frames: a scan flows through it
 * and leaves the hot list alone. A hit writes one byte and moves nothing. Dirty
 * blocks are in neither list; they come back behind the others once written.
 */
#include "storage/buf_int.h"

#define COLD_SHARE 4u /* the cold list's share is one in so many */
#define LOOKS_MAX 24u /* entries looked at in a partition */

static void move_to(struct part *p, struct bent *e, bool hot)
{
    list_remove(&e->link);
    p->nhot -= e->hot;
    p->ncold -= !e->hot;
    e->hot = hot;
    p->nhot += hot;
    p->ncold += !hot;
    list_push_back(hot ? &p->hot : &p->cold, &e->link);
}

static bool is_unused(const struct bent *e)
{
    const bool clean = e->first_lsn == BUF_LSN_NONE || MUTATED("R5_evict");
    return gcs_holder_may_evict(&e->h) && e->ncopies == 0 && list_empty(&e->waiters) && clean;
}

/* Gives the frame back; the entry goes too, unless a past image keeps it. */
static bool evict(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (bc->opt.gcs != NULL && e->h.mode != GCS_N && !buf__gcs_evict(bc, e))
        return false;
    e->h.valid = false;
    if (MUTATED("R5_evict"))
        buf__clear_dirty(bc, p, e);
    buf__settle(bc, p, e);
    atomic_fetch_add_explicit(&bc->evictions, 1, memory_order_relaxed);
    return true;
}

/* Looks at one entry of the list whose turn it is. */
static bool evict_look(struct bufcache *bc, struct part *p)
{
    const bool cold = p->ncold > 0 && (p->nhot == 0 || p->ncold * COLD_SHARE >= p->ncold + p->nhot);
    struct list *list = cold ? &p->cold : &p->hot;
    struct bent *e = LIST_ENTRY(list->next, struct bent, link);
    if (cold && e->ref >= 2) {
        e->ref = 0;
        move_to(p, e, true);
        return false;
    }
    if (!cold && e->ref > 0) {
        e->ref--;
        move_to(p, e, true);
        return false;
    }
    if (is_unused(e) && evict(bc, p, e))
        return true;
    move_to(p, e, !cold);
    return false;
}

bool buf__evict_some(struct bufcache *bc)
{
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[atomic_fetch_add_explicit(&bc->evict_cursor, 1, memory_order_relaxed) & (bc->nparts - 1)];
        bool done = false;
        rt_spin_lock(p->lock);
        for (unsigned looks = 0; !done && looks < LOOKS_MAX && p->ncold + p->nhot > 0; looks++)
            done = evict_look(bc, p);
        rt_spin_unlock(p->lock);
        if (done)
            return true;
    }
    return false;
}
