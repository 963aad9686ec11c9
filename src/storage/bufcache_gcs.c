/*
 * The buffer cache's side of the global cache: what GCS calls (struct
 * gcs_cache), and what the cache asks of it. All under the partition's latch,
 * which is the GCS shard's, unless said otherwise.
 */
#include "gcs/gcs.h"
#include "storage/buf_int.h"

static struct bent *bent_of_holder(struct gcs_holder *h)
{
    return CONTAINER_OF(h, struct bent, h);
}

/* ---- duties --------------------------------------------------------------------- */

/* Keeps the dirty list ordered although the position is an old one. */
static void enlist_at(struct bufcache *bc, struct part *p, struct bent *e, lsn_t first)
{
    struct list *at = p->dirty.prev;
    while (at != &p->dirty && LIST_ENTRY(at, struct bent, dirty_link)->first_lsn > first)
        at = at->prev;
    e->first_lsn = first;
    list_insert_after(at, &e->dirty_link);
    p->ndirty++;
    atomic_fetch_add_explicit(&bc->dirty_count, 1, memory_order_relaxed);
}

static void drop_pi(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (e->pi == NULL)
        return;
    buf__page_put(bc, e->pi);
    e->pi = NULL;
    e->pi_first = BUF_LSN_NONE;
    list_remove(&e->pi_link);
    p->npis--;
    atomic_fetch_sub_explicit(&bc->pi_count, 1, memory_order_relaxed);
}

/* First positions are kept per block: the newer image covers what the older one did (R13). */
static void keep_pi(struct bufcache *bc, struct part *p, struct bent *e)
{
    lsn_t first = MIN(e->first_lsn, e->wip_first);
    first = MIN(first, e->pi_first);
    drop_pi(bc, p, e);
    e->pi = buf__take_page(p, e);
    e->pi_first = first != BUF_LSN_NONE ? first : buf__log_end(bc);
    e->pi_asked_ns = 0;
    buf__clear_dirty(bc, p, e);
    list_push_back(&p->pis, &e->pi_link);
    p->npis++;
    atomic_fetch_add_explicit(&bc->pi_count, 1, memory_order_relaxed);
    if (e->h.want != GCS_WANT_NONE && e->spare != NULL) { /* the block will come back */
        buf__attach_page(p, e, e->spare);
        e->spare = NULL;
    }
}

static void pi_is_current(struct bufcache *bc, struct part *p, struct bent *e)
{
    assert(e->pi != NULL);
    const lsn_t first = e->pi_first;
    uint8_t *page = e->pi;
    e->pi = NULL;
    e->pi_first = BUF_LSN_NONE;
    list_remove(&e->pi_link);
    p->npis--;
    atomic_fetch_sub_explicit(&bc->pi_count, 1, memory_order_relaxed);
    if (e->pin.data != NULL && e->h.want != GCS_WANT_NONE && e->spare == NULL)
        e->spare = buf__take_page(p, e); /* stays reserved for what was asked: the block may go again before it comes */
    else
        buf__drop_page(bc, p, e);
    buf__attach_page(p, e, page);
    e->h.valid = true;
    enlist_at(bc, p, e, first);
}

static void install(struct bufcache *bc, struct part *p, struct bent *e, const uint8_t *block)
{
    assert(block != NULL);
    if (e->pin.data == NULL) { /* after a view change a promoted past image may have gone again in the meantime */
        uint8_t *page = buf__page_try(bc);
        if (page == NULL)
            panic("no frame for block %u of file %u, which another node has sent", dba_block(e->pin.dba), dba_file(e->pin.dba));
        buf__attach_page(p, e, page);
        e->h.valid = true;
    }
    memcpy(e->pin.data, block, BLOCK_SIZE);
    assert(block_header_const(e->pin.data)->magic == 0 || block_header_const(e->pin.data)->dba == e->pin.dba.v); /* fits() */
    assert(block_scn(e->pin.data) == e->h.version);
    e->last_lsn = 0; /* the sender's redo is durable (R7), ours has nothing newer */
    atomic_fetch_add_explicit(&bc->remote_current, 1, memory_order_relaxed);
}

/* A block that came changed is dirty here too. Its position is a fiction that keeps the dirty list ordered. */
static void granted(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (e->h.dirty && e->first_lsn == BUF_LSN_NONE)
        enlist_at(bc, p, e, buf__log_end(bc));
    buf__serve(e);
}

static void give_copy(struct bufcache *bc, struct bent *copy, struct buf_waiter *w)
{
    list_remove(&w->link);
    copy->h.pins++;
    w->ret = copy;
    w->valid = true;
    w->served_ns = rt_now();
    rt_future_set(&w->done, 0);
}

/* A mode-less copy has come, in the frame that the request had reserved; or the advice to take S. */
static void copy_came(struct bufcache *bc, struct part *p, struct bent *e, const uint8_t *block)
{
    struct bent *copy = block != NULL && e->h.mode == GCS_N && e->pin.data != NULL ? buf__ent_try(bc) : NULL;
    if (copy != NULL) {
        *copy = (struct bent){ .pin = { .dba = e->pin.dba, .data = buf__take_page(p, e) }, .bc = bc, .is_copy = true };
        copy->h.valid = true;
        copy->h.mode = GCS_S;
        list_init(&copy->waiters);
        memcpy(copy->pin.data, block, BLOCK_SIZE);
        atomic_fetch_add_explicit(&bc->remote_copies, 1, memory_order_relaxed);
    }
    LIST_FOREACH_SAFE (it, &e->waiters) {
        struct buf_waiter *w = LIST_ENTRY(it, struct buf_waiter, link);
        if (copy == NULL)
            w->copy_ok = false;
        else if (w->copy_ok && w->s <= e->h.ask_scn)
            give_copy(bc, copy, w);
    }
    if (copy != NULL && copy->h.pins == 0) {
        buf__page_put(bc, copy->pin.data);
        buf__ent_put(bc, copy);
    }
}

static void duty(void *arg, struct gcs_holder *h, const struct gcs_act *a, const uint8_t *block)
{
    struct bufcache *bc = arg;
    struct bent *e = bent_of_holder(h);
    struct part *p = buf__part(bc, e->pin.dba);
    switch (a->kind) {
    case GCS_KEEP_PI:
        keep_pi(bc, p, e);
        break;
    case GCS_DROP:
        buf__clear_dirty(bc, p, e);
        if (h->want == GCS_WANT_NONE)
            buf__drop_page(bc, p, e); /* else it is needed again at once */
        break;
    case GCS_DROP_PI:
        if (h->dirty && e->first_lsn == BUF_LSN_NONE) /* promoted with a read copy in place */
            enlist_at(bc, p, e, e->pi_first);
        drop_pi(bc, p, e);
        break;
    case GCS_PI_IS_CURRENT:
        pi_is_current(bc, p, e);
        break;
    case GCS_INSTALL:
        install(bc, p, e, block);
        break;
    case GCS_FROM_DISK:
        e->last_lsn = 0;
        break;
    case GCS_GRANTED:
        granted(bc, p, e);
        break;
    case GCS_REFUSED:
        copy_came(bc, p, e, a->msg.flags & GCS_F_BLOCK ? block : NULL);
        break;
    case GCS_WRITE_NOW:
        h->must_write = h->dirty && buf__write_soon(bc, e->pin.dba);
        break;
    case GCS_SEND:
    case GCS_SEND_BLOCK:
        break;
    }
}

/* ---- what GCS asks ----------------------------------------------------------------- */

static struct gcs_holder *find(void *arg, struct dba dba)
{
    struct bufcache *bc = arg;
    struct bent *e = buf__find(bc, buf__part(bc, dba), dba);
    return e != NULL ? &e->h : NULL;
}

static const uint8_t *bytes_lock(void *arg, struct gcs_holder *h)
{
    struct bent *e = bent_of_holder(h);
    rt_spin_lock(&e->hint);
    return e->pin.data;
}

static void bytes_unlock(void *arg, struct gcs_holder *h)
{
    rt_spin_unlock(&bent_of_holder(h)->hint);
}

/* R7. The flush was started when the request came in; the block waits for it in a queue, not the dispatcher. */
static bool may_ship(void *arg, struct gcs_holder *h)
{
    struct bufcache *bc = arg;
    struct bent *e = bent_of_holder(h);
    if (bc->opt.redo == NULL || redo_durable(bc->opt.redo) >= e->last_lsn || MUTATED("R7"))
        return true;
    if (e->flush_queued)
        return false;
    rt_spin_lock(&bc->flush_lock);
    const bool room = bc->flush_n < bc->nents;
    if (room)
        bc->flush_queue[(bc->flush_first + bc->flush_n++) % bc->nents] = e->pin.dba;
    rt_spin_unlock(&bc->flush_lock);
    e->flush_queued = room;
    if (e->flush_since == 0)
        e->flush_since = rt_now();
    redo_flush_start(bc->opt.redo, e->last_lsn);
    return false;
}

static bool flush_queue_pop(struct bufcache *bc, struct dba *ret)
{
    rt_spin_lock(&bc->flush_lock);
    const bool any = bc->flush_n > 0;
    if (any) {
        *ret = bc->flush_queue[bc->flush_first];
        bc->flush_first = (bc->flush_first + 1) % bc->nents;
        bc->flush_n--;
    }
    rt_spin_unlock(&bc->flush_lock);
    return any;
}

/* In the log writer's fiber, without latches. What is not durable yet queues again. */
static void on_flush(void *arg, lsn_t durable)
{
    struct bufcache *bc = arg;
    rt_spin_lock(&bc->flush_lock);
    uint32_t n = bc->flush_n;
    rt_spin_unlock(&bc->flush_lock);
    for (struct dba dba; n > 0 && flush_queue_pop(bc, &dba); n--) {
        struct part *p = buf__part(bc, dba);
        rt_spin_lock(p->lock);
        struct bent *e = buf__find(bc, p, dba);
        if (e != NULL && e->flush_queued) {
            e->flush_queued = false;
            buf__settle(bc, p, e);
        }
        rt_spin_unlock(p->lock);
    }
}

static void settle(void *arg, struct gcs_holder *h)
{
    struct bufcache *bc = arg;
    struct bent *e = bent_of_holder(h);
    buf__settle(bc, buf__part(bc, e->pin.dba), e);
}

static void each(void *arg, uint32_t shard, void (*fn)(void *fn_arg, struct dba dba, struct gcs_holder *h), void *fn_arg)
{
    struct bufcache *bc = arg;
    struct part *p = &bc->parts[shard];
    for (uint32_t i = 0; i <= bc->bucket_mask; i++) {
        for (struct bent *e = p->bucket[i], *next; e != NULL; e = next) {
            next = e->next; /* fn may free e */
            fn(fn_arg, e->pin.dba, &e->h);
        }
    }
}

/* COPY does not say which version; a copy of what was never written has none. */
static bool fits(void *arg, const struct gcs_msg *m, const uint8_t *block)
{
    alignas(BLOCK_HEADER_SIZE) uint8_t head[BLOCK_HEADER_SIZE]; /* frames lie anywhere in the receive buffer */
    memcpy(head, block, sizeof(head));
    const struct block_header *h = block_header_const(head);
    return (h->magic == 0 || (h->magic == BLOCK_MAGIC && h->dba == m->dba.v)) && (m->type != GCS_T_SHIP || block_scn(head) == m->scn);
}

static enum err disk_version(void *arg, struct dba dba, scn_t *ret, struct diag *d)
{
    struct bufcache *bc = arg;
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    enum err err = files_read(bc->opt.files, dba, block, d);
    if (!err)
        err = block_verify(block, dba, d);
    if (!err)
        *ret = block_scn(block);
    rt_free_aligned(block, BLOCK_SIZE);
    return err;
}

/* ---- mode-less copies ----------------------------------------------------------------- */

/* R2: whoever reads the copy at s misses no change that commits at or below s: this node commits above s from here on. */
static void ship_copy(struct bufcache *bc, struct bent *e, const struct buf_copy_ask *ask)
{
    if (!MUTATED("R2") && !MUTATED("R2_copy"))
        scn_raise(bc->opt.scn, ask->s);
    rt_spin_lock(&e->hint);
    gcs_answer_copy(bc->opt.gcs, e->pin.dba, ask->node, ask->token, ask->epoch, e->pin.data);
    rt_spin_unlock(&e->hint);
    e->copies_given++;
}

static bool gives_copies(const struct bent *e)
{
    return e->h.mode >= GCS_X && e->h.valid && e->pin.data != NULL && e->h.rv == GCS_RV_NONE && e->copies_given < BUF_COPIES_BEFORE_SHARE;
}

static void copy_asked(void *arg, struct dba dba, const struct gcs_msg *m)
{
    struct bufcache *bc = arg;
    struct part *p = buf__part(bc, dba);
    struct bent *e = buf__find(bc, p, dba);
    const struct buf_copy_ask ask = { .node = m->node, .token = m->held, .epoch = m->epoch, .s = m->scn };
    if (e == NULL || !gives_copies(e) || (e->h.xpins > 0 && e->ncopies == BUF_COPIES_WAITING_MAX))
        gcs_answer_copy(bc->opt.gcs, dba, ask.node, ask.token, ask.epoch, NULL);
    else if (e->h.xpins > 0)
        e->copies[e->ncopies++] = ask; /* served when the writer lets go; no new writer before */
    else
        ship_copy(bc, e, &ask);
}

void buf__gcs_serve_copies(struct bufcache *bc, struct part *p, struct bent *e)
{
    if (e->h.xpins > 0)
        return;
    for (unsigned i = 0; i < e->ncopies; i++) {
        if (gives_copies(e))
            ship_copy(bc, e, &e->copies[i]);
        else
            gcs_answer_copy(bc->opt.gcs, e->pin.dba, e->copies[i].node, e->copies[i].token, e->copies[i].epoch, NULL);
    }
    e->ncopies = 0;
}

/* ---- what the cache asks ------------------------------------------------------------------ */

void buf__gcs_ask(struct bufcache *bc, struct bent *e, const struct buf_waiter *w)
{
    gcs_ask(bc->opt.gcs, e->pin.dba, &e->h, w->want, w->copy_ok, w->s);
}

void buf__gcs_release(struct bufcache *bc, struct bent *e)
{
    const uint64_t now = rt_now();
    if (e->rv_since == 0)
        e->rv_since = now;
    gcs_release(bc->opt.gcs, e->pin.dba, &e->h);
    if (e->h.rv != GCS_RV_NONE)
        return;
    if (e->flush_since != 0)
        gcs_phase_took(bc->opt.gcs, GCS_PHASE_flush, now - e->flush_since);
    else
        gcs_phase_took(bc->opt.gcs, GCS_PHASE_pin, now - e->rv_since);
    e->rv_since = e->flush_since = 0;
}

bool buf__gcs_evict(struct bufcache *bc, struct bent *e)
{
    return gcs_evict(bc->opt.gcs, e->pin.dba, &e->h);
}

void buf__gcs_written(struct bufcache *bc, struct bent *e)
{
    gcs_write_end(bc->opt.gcs, e->pin.dba, &e->h);
}

void buf__gcs_ask_write(struct bufcache *bc, struct bent *e)
{
    gcs_ask_write(bc->opt.gcs, e->pin.dba, &e->h);
}

void buf__gcs_served(struct bufcache *bc, const struct buf_waiter *w, uint64_t asked_ns)
{
    gcs_phase_took(bc->opt.gcs, GCS_PHASE_round, w->served_ns - asked_ns);
    gcs_phase_took(bc->opt.gcs, GCS_PHASE_wake, rt_now() - w->served_ns);
}

/* ---- attach (no latch) ------------------------------------------------------------------------ */

void buf__gcs_attach(struct bufcache *bc)
{
    const struct gcs_cache ops = {
        .arg = bc,
        .find = find,
        .bytes_lock = bytes_lock,
        .bytes_unlock = bytes_unlock,
        .may_ship = may_ship,
        .duty = duty,
        .copy_asked = copy_asked,
        .settle = settle,
        .each = each,
        .fits = fits,
        .disk_version = disk_version,
    };
    bc->flush_queue = xcalloc(bc->nents, sizeof(*bc->flush_queue));
    for (uint32_t i = 0; i < bc->nparts; i++)
        bc->parts[i].lock = gcs_shard_latch(bc->opt.gcs, i);
    gcs_attach(bc->opt.gcs, &ops);
    if (bc->opt.redo != NULL)
        redo_on_flush(bc->opt.redo, on_flush, bc);
}

void buf__gcs_detach(struct bufcache *bc)
{
    gcs_detach(bc->opt.gcs);
    if (bc->opt.redo != NULL)
        redo_remove_listeners(bc->opt.redo, bc);
}
