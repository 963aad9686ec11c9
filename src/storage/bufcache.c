#include "storage/bufcache.h"

#include <stdlib.h>

#include "gcs/gcs.h"
#include "storage/buf_int.h"

/* ---- pool ----------------------------------------------------------------- */

uint8_t *buf__page_try(struct bufcache *bc)
{
    rt_spin_lock(&bc->pool_lock);
    uint8_t *page = bc->free_pages > 0 ? bc->free_page[--bc->free_pages] : NULL;
    rt_spin_unlock(&bc->pool_lock);
    return page;
}

void buf__page_put(struct bufcache *bc, uint8_t *page)
{
    rt_spin_lock(&bc->pool_lock);
    assert(bc->free_pages < bc->npages);
    bc->free_page[bc->free_pages++] = page;
    rt_spin_unlock(&bc->pool_lock);
}

struct bent *buf__ent_try(struct bufcache *bc)
{
    rt_spin_lock(&bc->pool_lock);
    struct bent *e = bc->free_ent;
    if (e != NULL) {
        bc->free_ent = e->next;
        bc->free_ents--;
    }
    rt_spin_unlock(&bc->pool_lock);
    return e;
}

void buf__ent_put(struct bufcache *bc, struct bent *e)
{
    rt_spin_lock(&bc->pool_lock);
    e->next = bc->free_ent;
    bc->free_ent = e;
    bc->free_ents++;
    rt_spin_unlock(&bc->pool_lock);
}

/* One try that evicts; then with growing pauses until the deadline, the writer at work. */
static enum err pool_wait(struct bufcache *bc, uint64_t started, uint64_t *pause, struct diag *d)
{
    if (buf__evict_some(bc))
        return ERR_OK;
    buf__writer_press(bc);
    if (rt_now() - started > RT_MS(BUF_FRAME_WAIT_MS))
        return diag_set(d, ERR_RESOURCES, "no frame of the buffer cache could be freed within %u s (%u frames, %u dirty, %u past images)",
                        BUF_FRAME_WAIT_MS / 1000, bc->npages, atomic_load(&bc->dirty_count), atomic_load(&bc->pi_count));
    rt_sleep(*pause);
    *pause = MIN(*pause * 2, RT_MS(5));
    return ERR_OK;
}

enum err buf__page_get(struct bufcache *bc, uint8_t **ret, struct diag *d)
{
    uint64_t started = 0, pause = RT_US(100);
    for (;;) {
        *ret = buf__page_try(bc);
        if (*ret != NULL)
            return ERR_OK;
        if (started == 0)
            started = rt_now();
        enum err err = pool_wait(bc, started, &pause, d);
        if (err)
            return err;
    }
}

enum err buf__ent_get(struct bufcache *bc, struct bent **ret, struct diag *d)
{
    uint64_t started = 0, pause = RT_US(100);
    for (;;) {
        *ret = buf__ent_try(bc);
        if (*ret != NULL)
            return ERR_OK;
        if (started == 0)
            started = rt_now();
        enum err err = pool_wait(bc, started, &pause, d);
        if (err)
            return err;
    }
}

/* ---- entries (partition's latch held) --------------------------------------- */

static struct bent **bucket_of(struct bufcache *bc, struct part *p, struct dba dba)
{
    return &p->bucket[hash_u64(dba.v) >> 32 & bc->bucket_mask];
}

struct bent *buf__find(struct bufcache *bc, struct part *p, struct dba dba)
{
    struct bent *e = *bucket_of(bc, p, dba);
    while (e != NULL && !dba_eq(e->pin.dba, dba))
        e = e->next;
    return e;
}

/* Frames that replacement may look at: those of clean blocks. A load leaves dirty ones by the thousand, which it would look at in vain. */
static void ent_offer(struct part *p, struct bent *e)
{
    if (list_linked(&e->link))
        return;
    list_push_back(e->hot ? &p->hot : &p->cold, &e->link);
    p->nhot += e->hot;
    p->ncold += !e->hot;
}

static void ent_withhold(struct part *p, struct bent *e)
{
    if (!list_linked(&e->link))
        return;
    list_remove(&e->link);
    p->nhot -= e->hot;
    p->ncold -= !e->hot;
}

void buf__attach_page(struct part *p, struct bent *e, uint8_t *page)
{
    assert(e->pin.data == NULL);
    e->pin.data = page;
    e->h.valid = false;
    e->ref = 0;
    e->hot = false;
    ent_offer(p, e);
}

void buf__insert(struct bufcache *bc, struct part *p, struct bent *e, struct dba dba, uint8_t *page)
{
    struct bent **head = bucket_of(bc, p, dba);
    *e = (struct bent){ .pin = { .dba = dba }, .bc = bc, .next = *head, .first_lsn = BUF_LSN_NONE, .wip_first = BUF_LSN_NONE, .pi_first = BUF_LSN_NONE };
    *head = e;
    list_init(&e->link);
    list_init(&e->dirty_link);
    list_init(&e->writing_link);
    list_init(&e->pi_link);
    list_init(&e->waiters);
    if (bc->opt.gcs == NULL)
        e->h.mode = GCS_X; /* alone: owner of everything */
    if (page != NULL)
        buf__attach_page(p, e, page);
}

uint8_t *buf__take_page(struct part *p, struct bent *e)
{
    uint8_t *page = e->pin.data;
    assert(page != NULL);
    ent_withhold(p, e);
    e->pin.data = NULL;
    e->h.valid = false;
    return page;
}

void buf__drop_page(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (e->pin.data != NULL)
        buf__page_put(bc, buf__take_page(p, e));
}

/* Notes the first position of this thread's redo that the block on disk lacks. */
void buf__set_dirty(struct bufcache *bc, struct part *p, struct bent *e)
{
    gcs_holder_changed(&e->h);
    if (e->first_lsn != BUF_LSN_NONE)
        return;
    /* Under the latch, so that the list is ordered; before the record is appended, so that the record starts at or behind it. */
    e->first_lsn = bc->opt.redo != NULL ? redo_end(bc->opt.redo) : 0;
    list_push_back(&p->dirty, &e->dirty_link);
    p->ndirty++;
    ent_withhold(p, e);
    atomic_fetch_add_explicit(&bc->dirty_count, 1, memory_order_relaxed);
}

void buf__clear_dirty(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (e->first_lsn == BUF_LSN_NONE)
        return;
    e->first_lsn = BUF_LSN_NONE;
    list_remove(&e->dirty_link);
    p->ndirty--;
    atomic_fetch_sub_explicit(&bc->dirty_count, 1, memory_order_relaxed);
    if (e->pin.data != NULL)
        ent_offer(p, e);
}

static void ent_free(struct bufcache *bc, struct part *p, struct bent *e)
{
    assert(e->pi == NULL);
    assert(e->spare == NULL);
    assert(e->first_lsn == BUF_LSN_NONE);
    assert(list_empty(&e->waiters));
    buf__drop_page(bc, p, e);
    struct bent **at = bucket_of(bc, p, e->pin.dba);
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    buf__ent_put(bc, e);
}

static void ent_put_spare(struct bufcache *bc, struct bent *e)
{
    if (e->spare != NULL)
        buf__page_put(bc, e->spare);
    e->spare = NULL;
}

/* Gives the copy of an entry that nobody uses back, and the entry where nothing else needs it. */
static void ent_tidy(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (!list_empty(&e->waiters) || !gcs_holder_idle(&e->h) || e->ncopies > 0)
        return;
    if (!e->h.valid && e->h.mode != GCS_N && bc->opt.gcs != NULL && !buf__gcs_evict(bc, e))
        return;
    if (e->h.valid && e->h.mode != GCS_N)
        return;
    buf__drop_page(bc, p, e);
    ent_put_spare(bc, e);
    if (e->pi == NULL)
        ent_free(bc, p, e);
}

/* No new pin goes before a node that is owed the block; no new writer before a reader elsewhere or the block's own write that waits. */
static bool ent_may_pin(const struct bent *e, enum gcs_want want)
{
    return e->pin.data != NULL && gcs_holder_may_pin(&e->h, want) && (want == GCS_WANT_S || (e->ncopies == 0 && !e->h.must_write));
}

/* Hands the grant to those who wait for it, with their pins taken: each uses it once before it can be revoked. */
void buf__serve(struct bent *e)
{
    unsigned served = 0;
    LIST_FOREACH_SAFE (it, &e->waiters) {
        struct buf_waiter *w = LIST_ENTRY(it, struct buf_waiter, link);
        if (served >= BUF_WAITERS_SERVED_MAX || !ent_may_pin(e, w->want))
            continue;
        list_remove(it);
        e->h.pins++;
        e->h.xpins += w->want == GCS_WANT_X;
        w->ret = e;
        w->valid = e->h.valid;
        w->served_ns = rt_now();
        served++;
        rt_future_set(&w->done, 0);
    }
}

/* The waiter for whom to ask next: first come first served, but nobody's S before somebody's X that would bring both. */
static const struct buf_waiter *ent_next_waiter(const struct bent *e)
{
    const struct buf_waiter *first = NULL;
    LIST_FOREACH (it, &e->waiters) {
        const struct buf_waiter *w = LIST_ENTRY(it, struct buf_waiter, link);
        if (first == NULL || (w->want == GCS_WANT_X && first->want == GCS_WANT_S))
            first = w;
    }
    return first;
}

/* Waiters that have no page to be served with wake up and bring one. */
static void ent_send_away(struct bent *e)
{
    for (struct list *it; (it = list_pop_front(&e->waiters)) != NULL;) {
        struct buf_waiter *w = LIST_ENTRY(it, struct buf_waiter, link);
        w->ret = NULL;
        rt_future_set(&w->done, 0);
    }
}

/* A sharing owner that asks for X may first have to give the block to another node, and keep a past image: then two frames are needed. */
static bool ent_lacks_spare(const struct bufcache *bc, const struct bent *e, enum gcs_want want)
{
    return bc->opt.gcs != NULL && want == GCS_WANT_X && e->h.mode == GCS_SCUR && e->spare == NULL;
}

/* Each turn of the loop serves somebody, or asks for somebody, or ends. */
static void settle_with_gcs(struct bufcache *bc, struct part *p, struct bent *e)
{
    for (;;) {
        if (e->h.rv != GCS_RV_NONE)
            buf__gcs_release(bc, e);
        else
            e->rv_since = e->flush_since = 0;
        if (e->h.mode >= GCS_X || (e->h.want == GCS_WANT_NONE && list_empty(&e->waiters)))
            ent_put_spare(bc, e);
        if (e->ncopies > 0)
            buf__gcs_serve_copies(bc, p, e);
        if (e->pin.data == NULL && e->h.want == GCS_WANT_NONE)
            ent_send_away(e);
        buf__serve(e);
        const struct buf_waiter *w = ent_next_waiter(e);
        if (w == NULL || e->h.want != GCS_WANT_NONE || e->h.rv != GCS_RV_NONE || gcs_holder_has(&e->h, w->want))
            return;
        if (ent_lacks_spare(bc, e, w->want)) {
            ent_send_away(e); /* they come back with one */
            return;
        }
        buf__gcs_ask(bc, e, w);
        if (e->h.want != GCS_WANT_NONE)
            return;
    }
}

void buf__settle(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (bc->opt.gcs != NULL)
        settle_with_gcs(bc, p, e);
    else
        buf__serve(e);
    ent_tidy(bc, p, e);
}

/* ---- pinning ------------------------------------------------------------------ */

struct spares {
    struct bent *ent;
    uint8_t *page;
};

static void spares_put(struct bufcache *bc, struct spares *s)
{
    if (s->ent != NULL)
        buf__ent_put(bc, s->ent);
    if (s->page != NULL)
        buf__page_put(bc, s->page);
}

static void part_unlock(struct part *p)
{
    rt_spin_unlock(p->lock);
}

/* The entry with a page attached, or NULL with the partition's latch released and more spares in hand (or *ret_err). */
static struct bent *ent_find_or_make(struct bufcache *bc, struct part *p, struct dba dba, enum gcs_want want, struct spares *sp,
                                     enum err *ret_err, struct diag *d)
{
    struct bent *e = buf__find(bc, p, dba);
    const bool whole = e != NULL && e->pin.data != NULL;
    if (LIKELY(whole && !ent_lacks_spare(bc, e, want)))
        return e;
    if ((e == NULL && sp->ent == NULL) || sp->page == NULL) {
        part_unlock(p);
        *ret_err = sp->page == NULL ? buf__page_get(bc, &sp->page, d) : ERR_OK;
        if (!*ret_err && e == NULL && sp->ent == NULL)
            *ret_err = buf__ent_get(bc, &sp->ent, d);
        return NULL;
    }
    if (e == NULL) {
        e = sp->ent;
        sp->ent = NULL;
        buf__insert(bc, p, e, dba, NULL);
    }
    if (whole)
        e->spare = sp->page;
    else
        buf__attach_page(p, e, sp->page);
    sp->page = NULL;
    return e;
}

static void waiter_wait(struct bufcache *bc, struct buf_waiter *w, struct dba dba)
{
    for (unsigned waited_s = 0; rt_future_wait(&w->done, rt_now() + RT_SEC(10), false, NULL) == ERR_TIMED_OUT;) {
        waited_s += 10;
        log_warning(bc->opt.log, "a fiber has waited %u s for block %u of file %u in mode %s", waited_s, dba_block(dba), dba_file(dba),
                    w->want == GCS_WANT_X ? "X" : "S");
    }
}

/* Pins the block in a mode (not latched, perhaps not read yet), or hands out a mode-less copy where the waiter allows one. */
static enum err ent_pin(struct bufcache *bc, struct dba dba, struct buf_waiter *w, struct bent **ret, struct diag *d)
{
    struct part *p = buf__part(bc, dba);
    struct spares sp = { 0 };
    enum err err = ERR_OK;
    bool hit = true;

    rt_spin_lock(p->lock);
    p->gets++;
    for (;;) {
        struct bent *e = ent_find_or_make(bc, p, dba, w->want, &sp, &err, d);
        if (e == NULL) {
            if (err)
                break;
            hit = false;
            rt_spin_lock(p->lock);
            continue;
        }
        if (LIKELY(ent_may_pin(e, w->want))) {
            e->h.pins++;
            e->h.xpins += w->want == GCS_WANT_X;
            e->ref = (uint8_t)MIN(e->ref + 1, 3);
            if (!hit)
                e->ref = 0;
            p->hits += hit && e->h.valid;
            w->valid = e->h.valid;
            *ret = e;
            part_unlock(p);
            break;
        }
        hit = false;
        rt_future_init(&w->done);
        w->ret = NULL;
        list_push_back(&e->waiters, &w->link);
        const uint64_t asked_ns = rt_now();
        buf__settle(bc, p, e);
        part_unlock(p);
        waiter_wait(bc, w, dba);
        if (w->ret != NULL && bc->opt.gcs != NULL)
            buf__gcs_served(bc, w, asked_ns);
        if (w->ret != NULL) {
            *ret = w->ret;
            break;
        }
        rt_spin_lock(p->lock);
    }
    spares_put(bc, &sp);
    return err;
}

static void ent_latch_s(struct bent *e)
{
    if (LIKELY(rt_latch_try_s(&e->latch)))
        return;
    atomic_fetch_add_explicit(&e->bc->latch_waits, 1, memory_order_relaxed);
    rt_latch_lock_s(&e->latch);
}

static void ent_latch_x(struct bent *e)
{
    if (UNLIKELY(!rt_latch_try_x(&e->latch))) {
        atomic_fetch_add_explicit(&e->bc->latch_waits, 1, memory_order_relaxed);
        rt_latch_lock_x(&e->latch);
    }
    e->latched_x = true;
}

static void ent_unlatch(struct bent *e)
{
    if (e->latched_x) {
        e->latched_x = false;
        rt_latch_unlock_x(&e->latch);
    } else {
        rt_latch_unlock_s(&e->latch);
    }
}

static void ent_unpin(struct bent *e, bool x)
{
    struct bufcache *bc = e->bc;
    struct part *p = buf__part(bc, e->pin.dba);
    rt_spin_lock(p->lock);
    assert(e->h.pins > 0);
    e->h.pins--;
    e->h.xpins -= x;
    if (UNLIKELY(e->is_copy)) {
        if (e->h.pins == 0) {
            buf__page_put(bc, e->pin.data);
            buf__ent_put(bc, e);
        }
    } else if (UNLIKELY(e->h.rv != GCS_RV_NONE || e->ncopies > 0 || !e->h.valid || !list_empty(&e->waiters))) {
        buf__settle(bc, p, e);
    }
    part_unlock(p);
}

/* Files grow before their blocks are used: zeroes from beyond the end are not a block that was never written, but a file that has been cut off. */
static enum err check_in_file(const struct bufcache *bc, struct dba dba, struct diag *d)
{
    uint64_t blocks;
    enum err err = files_size(bc->opt.files, dba_file(dba), &blocks, d);
    if (!err && dba_block(dba) >= blocks)
        err = diag_set(d, ERR_CORRUPT, "block %u of file %u lies beyond the end of the file, which has %" PRIu64 " blocks", dba_block(dba), dba_file(dba),
                       blocks);
    return err;
}

/* Reads the block; the caller holds the latch in X, and the mode. e->h.version is the least that the disk must show. */
static enum err ent_load(struct bent *e, struct diag *d)
{
    struct bufcache *bc = e->bc;
    enum err err = files_read(bc->opt.files, e->pin.dba, e->pin.data, d);
    if (err)
        return diag_wrap(d, err, "reading block %u of file %u", dba_block(e->pin.dba), dba_file(e->pin.dba));
    err = block_verify(e->pin.data, e->pin.dba, d);
    if (!err && block_header_const(e->pin.data)->type == BLOCK_NONE)
        err = check_in_file(bc, e->pin.dba, d);
    if (err)
        return err;
    const scn_t version = block_scn(e->pin.data);
    if (bc->opt.scn != NULL)
        scn_raise(bc->opt.scn, version);
    atomic_fetch_add_explicit(&bc->disk_reads, 1, memory_order_relaxed);

    struct part *p = buf__part(bc, e->pin.dba);
    rt_spin_lock(p->lock); /* a grant for another fiber's request may come while this one reads */
    const scn_t least = e->h.version;
    if (version >= least) {
        e->h.version = version;
        e->h.valid = true;
    }
    part_unlock(p);
    if (version < least)
        return diag_set(d, ERR_CORRUPT, "block %u of file %u on disk has version %" PRIu64 ", but version %" PRIu64 " had been written", dba_block(e->pin.dba),
                        dba_file(e->pin.dba), version, least);
    return ERR_OK;
}

static bool ent_is_valid(struct bent *e)
{
    struct part *p = buf__part(e->bc, e->pin.dba);
    rt_spin_lock(p->lock);
    const bool valid = e->h.valid;
    part_unlock(p);
    return valid;
}

/* Latches a pinned entry, and reads the block first where that is still to be done. A pinned block stays valid once it is. */
static enum err ent_latch_and_load(struct bent *e, const struct buf_waiter *w, struct diag *d)
{
    const bool x = w->want == GCS_WANT_X;
    enum err err = ERR_OK;
    if (x) {
        ent_latch_x(e);
        if (!w->valid && !w->fresh && !ent_is_valid(e))
            err = ent_load(e, d);
    } else {
        ent_latch_s(e);
        if (UNLIKELY(!w->valid && !ent_is_valid(e))) {
            ent_unlatch(e);
            ent_latch_x(e);
            if (!ent_is_valid(e))
                err = ent_load(e, d);
            ent_unlatch(e);
            ent_latch_s(e);
        }
    }
    if (err) {
        ent_unlatch(e);
        ent_unpin(e, x);
    }
    return err;
}

static enum err pin_and_latch(struct bufcache *bc, struct dba dba, struct buf_waiter *w, struct bent **ret, struct diag *d)
{
    enum err err = ent_pin(bc, dba, w, ret, d);
    return err ? err : ent_latch_and_load(*ret, w, d);
}

enum err buf_pin(struct bufcache *bc, struct dba dba, enum buf_mode mode, struct pin **ret, struct diag *d)
{
    struct buf_waiter w = { .want = mode == BUF_X ? GCS_WANT_X : GCS_WANT_S };
    struct bent *e;
    enum err err = pin_and_latch(bc, dba, &w, &e, d);
    if (!err)
        *ret = &e->pin;
    return err;
}

enum err buf__pin_x(struct bufcache *bc, struct dba dba, bool fresh, struct bent **ret, struct diag *d)
{
    struct buf_waiter w = { .want = GCS_WANT_X, .fresh = fresh };
    return pin_and_latch(bc, dba, &w, ret, d);
}

static enum err pin_copy_ok(struct bufcache *bc, struct dba dba, scn_t s, struct pin **ret, struct diag *d)
{
    struct buf_waiter w = { .want = GCS_WANT_S, .copy_ok = true, .s = s };
    struct bent *e;
    enum err err = pin_and_latch(bc, dba, &w, &e, d);
    if (!err)
        *ret = &e->pin;
    return err;
}

enum err buf_pin_read(struct bufcache *bc, struct dba dba, scn_t s, struct pin **ret, struct diag *d)
{
    return pin_copy_ok(bc, dba, s, ret, d);
}

enum err buf_pin_copy(struct bufcache *bc, struct dba dba, scn_t s, struct pin **ret, struct diag *d)
{
    return pin_copy_ok(bc, dba, s, ret, d);
}

void buf_unpin(struct pin *b)
{
    struct bent *e = bent_of(b);
    const bool x = e->latched_x;
    ent_unlatch(e);
    ent_unpin(e, x);
}

bool buf_hint_begin(struct pin *b)
{
    struct bent *e = bent_of(b);
    if (e->is_copy)
        return false;
    rt_spin_lock(&e->hint);
    return true;
}

void buf_hint_end(struct pin *b)
{
    rt_spin_unlock(&bent_of(b)->hint);
}

/* ---- changes -------------------------------------------------------------------- */

void buf__will_change(struct bent *e)
{
    struct part *p = buf__part(e->bc, e->pin.dba);
    assert(e->latched_x);
    rt_spin_lock(p->lock);
    e->h.valid = true; /* a formatting change makes a fresh block whole */
    e->copies_given = 0;
    buf__set_dirty(e->bc, p, e);
    part_unlock(p);
}

void buf__changed(struct bent *e, scn_t scn, lsn_t end)
{
    struct part *p = buf__part(e->bc, e->pin.dba);
    struct block_header *h = block_header(e->pin.data);
    assert(scn > h->scn);
    h->scn = scn;
    rt_spin_lock(p->lock);
    assert(scn > e->h.version); /* whoever changed the block last, and where: also of a block that is formatted unread */
    e->h.version = scn;
    e->last_lsn = MAX(e->last_lsn, end);
    part_unlock(p);
}

void buf_replayed(struct pin *b, scn_t scn)
{
    struct bent *e = bent_of(b);
    buf__will_change(e);
    buf__changed(e, scn, 0);
}

/* ---- prefetch --------------------------------------------------------------------- */

#define PREFETCH_MAX 64u

struct prefetch {
    struct bufcache *bc;
    struct dba dba;
};

static void prefetch_fiber(void *arg)
{
    struct prefetch *f = arg;
    struct diag d;
    struct pin *b;
    if (buf_pin(f->bc, f->dba, BUF_S, &b, &d) == ERR_OK)
        buf_unpin(b);
    atomic_fetch_sub(&f->bc->prefetching, 1);
    free(f);
}

static bool is_cached(struct bufcache *bc, struct dba dba)
{
    struct part *p = buf__part(bc, dba);
    rt_spin_lock(p->lock);
    const struct bent *e = buf__find(bc, p, dba);
    const bool cached = e != NULL && e->pin.data != NULL;
    part_unlock(p);
    return cached;
}

void buf_prefetch(struct bufcache *bc, const struct dba *dba, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (is_cached(bc, dba[i]))
            continue;
        if (atomic_fetch_add(&bc->prefetching, 1) >= MIN(PREFETCH_MAX, bc->npages / 8)) {
            atomic_fetch_sub(&bc->prefetching, 1);
            return;
        }
        struct prefetch *f = xmalloc(sizeof(*f));
        *f = (struct prefetch){ bc, dba[i] };
        const struct rt_spawn_options opt = { .name = "prefetch", .worker = rt_worker(), .prio = RT_PRIO_NORMAL };
        struct fiber *fiber = rt_spawn(&opt, prefetch_fiber, f);
        if (fiber == NULL) {
            atomic_fetch_sub(&bc->prefetching, 1);
            free(f);
            return;
        }
        rt_detach(fiber);
    }
}

/* ---- open, close, statistics ----------------------------------------------------------- */

static uint32_t pow2_at_most(uint32_t n)
{
    uint32_t v = 1;
    while (v * 2 <= n)
        v *= 2;
    return v;
}

static void parts_new(struct bufcache *bc)
{
    bc->bucket_mask = pow2_at_most(MAX(bc->nents / bc->nparts, 2u)) * 2 - 1;
    bc->parts = rt_alloc_aligned(sizeof(struct part) * bc->nparts);
    memset(bc->parts, 0, sizeof(struct part) * bc->nparts);
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[i];
        p->lock = &p->own;
        p->bucket = xcalloc(bc->bucket_mask + 1, sizeof(*p->bucket));
        list_init(&p->cold);
        list_init(&p->hot);
        list_init(&p->dirty);
        list_init(&p->writing);
        list_init(&p->pis);
    }
}

static void pool_new(struct bufcache *bc)
{
    bc->mem_bytes = (size_t)bc->npages * BLOCK_SIZE;
    bc->mem = rt_alloc_aligned(bc->mem_bytes);
    bc->free_page = xcalloc(bc->npages, sizeof(*bc->free_page));
    for (uint32_t i = 0; i < bc->npages; i++)
        bc->free_page[bc->free_pages++] = bc->mem + (size_t)(bc->npages - 1 - i) * BLOCK_SIZE;
    bc->ents = xcalloc(bc->nents, sizeof(*bc->ents));
    for (uint32_t i = bc->nents; i > 0; i--)
        buf__ent_put(bc, &bc->ents[i - 1]);
}

static void bufcache_free(struct bufcache *bc)
{
    for (uint32_t i = 0; i < bc->nparts; i++)
        free(bc->parts[i].bucket);
    rt_free_aligned(bc->parts, sizeof(struct part) * bc->nparts);
    rt_free_aligned(bc->mem, bc->mem_bytes);
    free(bc->flush_queue);
    free(bc->free_page);
    free(bc->ents);
    free(bc);
}

enum err bufcache_open(const struct bufcache_options *opt, struct bufcache **ret, struct diag *d)
{
    const uint64_t pages = opt->size_bytes / BLOCK_SIZE;
    if (pages < 64 || pages > UINT32_MAX / 2)
        return diag_set(d, ERR_CONFIG_LIMIT, "buffer cache of %" PRIu64 " bytes: at least %u and at most %" PRIu64 " are possible", opt->size_bytes,
                        64 * BLOCK_SIZE, (uint64_t)UINT32_MAX / 2 * BLOCK_SIZE);
    struct bufcache *bc = xcalloc(1, sizeof(*bc));
    bc->opt = *opt;
    bc->npages = (uint32_t)pages;
    bc->nents = bc->npages + bc->npages / 4 + 64;
    bc->nparts = opt->gcs != NULL ? gcs_shards(opt->gcs) : MIN(pow2_at_most(MAX(bc->npages / 32, 1u)), 256u);
    parts_new(bc);
    pool_new(bc);

    if (opt->gcs != NULL)
        buf__gcs_attach(bc); /* before the writer, which takes the partition latches, starts: attaching exchanges them */
    enum err err = buf__writer_start(bc, d);
    if (err) {
        if (opt->gcs != NULL)
            buf__gcs_detach(bc);
        bufcache_free(bc);
        return diag_wrap(d, err, "opening the buffer cache");
    }
    *ret = bc;
    return ERR_OK;
}

void bufcache_close(struct bufcache *bc)
{
    if (bc == NULL)
        return;
    while (atomic_load(&bc->prefetching) > 0)
        rt_sleep(RT_MS(1));
    if (bc->opt.gcs != NULL)
        buf__gcs_detach(bc);
    buf__writer_stop(bc);
    bufcache_free(bc);
}

void bufcache_stats(const struct bufcache *bc, struct buf_stats *ret)
{
    *ret = (struct buf_stats){
        .disk_reads = atomic_load_explicit(&bc->disk_reads, memory_order_relaxed),
        .disk_writes = atomic_load_explicit(&bc->disk_writes, memory_order_relaxed),
        .dw_syncs = atomic_load_explicit(&bc->dw_syncs, memory_order_relaxed),
        .remote_current = atomic_load_explicit(&bc->remote_current, memory_order_relaxed),
        .remote_copies = atomic_load_explicit(&bc->remote_copies, memory_order_relaxed),
        .evictions = atomic_load_explicit(&bc->evictions, memory_order_relaxed),
        .latch_waits = atomic_load_explicit(&bc->latch_waits, memory_order_relaxed),
        .past_images = atomic_load_explicit(&bc->pi_count, memory_order_relaxed),
    };
    for (uint32_t i = 0; i < bc->nparts; i++) {
        struct part *p = &bc->parts[i];
        rt_spin_lock(p->lock);
        ret->gets += p->gets;
        ret->hits += p->hits;
        rt_spin_unlock(p->lock);
    }
}
