/*
 * Which block takes the next row: the in-memory side of space management.
 *
 * An instance inserts only into extents of its own redo thread. What it knows
 * of them is cached a segment, loaded from the extent headers little by
 * little, from the end of the segment to its start; a segment grows when the
 * cache has nothing, everything has been looked at, and no look is overdue.
 */
#include "storage/space.h"

#include <stdlib.h>

#include "base/hash.h"
#include "ges/ges.h"
#include "storage/space_int.h"

#define CLASS_BYTES (BLOCK_BODY_SIZE / (SPACE_CLASS_MAX + 1)) /* a block of class c has c times this free */
#define LOAD_EXTENTS 16u /* own extent headers read in one go */
#define EXT_SET_REDO 128u

static uint8_t class_of(uint32_t free_bytes)
{
    return (uint8_t)MIN(free_bytes / CLASS_BYTES, (uint32_t)SPACE_CLASS_MAX);
}

/* Smallest class that surely has the bytes; more than SPACE_CLASS_MAX: only an empty block has. */
static unsigned class_needed(uint32_t bytes)
{
    return (bytes + CLASS_BYTES - 1) / CLASS_BYTES;
}

struct dba space_first_block(struct seg seg)
{
    return dba_make(dba_file(seg.header), dba_block(seg.header) + 2);
}

/* ---- states -------------------------------------------------------------------------- */

static struct seg_state **bucket_of(struct space *s, uint32_t seg_id)
{
    return &s->bucket[hash_u64(seg_id) % SPACE_BUCKETS];
}

/* Under the latch. */
static struct seg_state *find_state(struct space *s, struct seg seg)
{
    struct seg_state *st = *bucket_of(s, seg.id);
    while (st != NULL && st->seg.id != seg.id)
        st = st->next;
    return st;
}

/* Under the latch. */
static void unlink_state(struct space *s, struct seg_state *st)
{
    struct seg_state **p = bucket_of(s, st->seg.id);
    while (*p != st)
        p = &(*p)->next;
    *p = st->next;
    list_remove(&st->lru);
    s->nstates--;
}

/* Under the latch: the state that was used longest ago and that nobody needs. */
static struct seg_state *take_victim(struct space *s)
{
    for (struct list *it = s->lru.prev; it != &s->lru; it = it->prev) {
        struct seg_state *st = LIST_ENTRY(it, struct seg_state, lru);
        if (st->refs == 0 && st->npending == 0) {
            unlink_state(s, st);
            return st;
        }
    }
    return NULL;
}

static struct seg_state *get_state(struct space *s, struct seg seg)
{
    struct seg_state *fresh = NULL, *victim = NULL;
    for (;;) {
        rt_spin_lock(&s->latch);
        struct seg_state *st = find_state(s, seg);
        if (st == NULL && fresh != NULL) {
            st = fresh;
            fresh = NULL;
            st->next = *bucket_of(s, seg.id);
            *bucket_of(s, seg.id) = st;
            list_push_front(&s->lru, &st->lru);
            if (++s->nstates > SPACE_STATES_MAX)
                victim = take_victim(s);
        }
        if (st != NULL) {
            st->refs++;
            list_remove(&st->lru);
            list_push_front(&s->lru, &st->lru);
        }
        rt_spin_unlock(&s->latch);
        free(victim);
        if (st != NULL) {
            free(fresh);
            return st;
        }
        fresh = xcalloc(1, sizeof(*fresh));
        fresh->seg = seg;
        fresh->scan_next = UINT32_MAX;
    }
}

static void put_state(struct space *s, struct seg_state *st)
{
    rt_spin_lock(&s->latch);
    assert(st->refs > 0);
    st->refs--;
    rt_spin_unlock(&s->latch);
}

void space__forget(struct space *s, struct seg seg)
{
    rt_spin_lock(&s->latch);
    struct seg_state *st = find_state(s, seg);
    if (st != NULL && st->refs > 0)
        st = NULL; /* the last statements on a dropped segment: its id never comes again, and the list drops it in time */
    if (st != NULL)
        unlink_state(s, st);
    rt_spin_unlock(&s->latch);
    free(st);
}

enum err space_open(struct bufcache *bc, struct files *files, struct ges *ges, uint16_t thread, struct space **ret, struct diag *d)
{
    assert(thread > 0);
    struct space *s = xcalloc(1, sizeof(*s));
    s->bc = bc;
    s->files = files;
    s->owner = ges != NULL ? ges_owner_new(ges, "space") : NULL;
    s->thread = thread;
    list_init(&s->lru);
    *ret = s;
    return ERR_OK;
}

void space_close(struct space *s)
{
    if (s == NULL)
        return;
    for (struct list *it = list_pop_front(&s->lru); it != NULL; it = list_pop_front(&s->lru))
        free(LIST_ENTRY(it, struct seg_state, lru));
    if (s->owner != NULL)
        ges_owner_free(s->owner);
    free(s);
}

/* ---- what a state knows (under its spin) ------------------------------------------------ */

static int pending_index(const struct seg_state *st, uint32_t block)
{
    for (unsigned i = 0; i < st->npending; i++)
        if (st->pending[i].block == block)
            return (int)i;
    return -1;
}

static struct candidate *find_candidate(struct seg_state *st, uint32_t block)
{
    for (unsigned i = 0; i < SPACE_CANDIDATES; i++)
        if (st->candidate[i].block == block)
            return &st->candidate[i];
    return NULL;
}

/* The block has this much room, as far as is known. The worst candidate goes when there is no place. */
static void set_candidate(struct seg_state *st, uint32_t block, uint8_t class, uint16_t worker)
{
    struct candidate *c = find_candidate(st, block);
    if (c == NULL && class == 0)
        return;
    for (unsigned i = 0; i < SPACE_CANDIDATES && c == NULL; i++)
        if (st->candidate[i].block == 0)
            c = &st->candidate[i];
    if (c == NULL) {
        c = &st->candidate[0];
        for (unsigned i = 1; i < SPACE_CANDIDATES; i++)
            if (st->candidate[i].class < c->class)
                c = &st->candidate[i];
        st->forgot = true;
        if (c->class >= class)
            return;
        *c = (struct candidate){ 0 };
    }
    *c = class == 0 ? (struct candidate){ 0 } : (struct candidate){ block, class, worker > 0 ? worker : c->worker };
}

/* One with enough room: this worker's own, else one that no worker has, which becomes its own. */
static uint32_t pick_candidate(struct seg_state *st, unsigned class, uint16_t worker)
{
    struct candidate *free_one = NULL;
    for (unsigned i = 0; i < SPACE_CANDIDATES; i++) {
        struct candidate *c = &st->candidate[i];
        if (c->block == 0 || c->class < class)
            continue;
        if (c->worker == worker)
            return c->block;
        if (c->worker == 0 && free_one == NULL)
            free_one = c;
    }
    if (free_one == NULL)
        return 0;
    for (unsigned i = 0; i < SPACE_CANDIDATES; i++) /* those too small for it now may suit others */
        if (st->candidate[i].worker == worker)
            st->candidate[i].worker = 0;
    free_one->worker = worker;
    return free_one->block;
}

static void push_block(uint32_t *v, unsigned *n, uint32_t block, bool *forgot)
{
    for (unsigned i = 0; i < *n; i++)
        if (v[i] == block)
            return;
    if (*n < SPACE_FREE_BLOCKS)
        v[(*n)++] = block;
    else
        *forgot = true;
}

static void drop_block(uint32_t *v, unsigned *n, uint32_t block)
{
    for (unsigned i = 0; i < *n; i++) {
        if (v[i] == block) {
            v[i] = v[--*n];
            return;
        }
    }
}

static struct open_extent *open_of(struct seg_state *st, uint32_t block)
{
    for (unsigned i = 0; i < SPACE_OPEN_EXTENTS; i++)
        if (st->open[i].first != 0 && st->open[i].first == extent_first(block))
            return &st->open[i];
    return NULL;
}

static void add_open(struct seg_state *st, uint32_t first, uint8_t next)
{
    struct open_extent *o = open_of(st, first);
    if (o != NULL) {
        o->next = MAX(o->next, next);
        return;
    }
    for (unsigned i = 0; i < SPACE_OPEN_EXTENTS; i++) {
        if (st->open[i].first == 0) {
            st->open[i] = (struct open_extent){ first, next };
            return;
        }
    }
    st->forgot = true;
}

/* A block that was never formatted. B-tree pages never get the segment's first one: it is their root, which nobody asks for here. */
static uint32_t pick_unused(struct seg_state *st, enum pending_kind kind)
{
    const uint32_t root = dba_block(space_first_block(st->seg));
    for (unsigned i = 0; i < st->nunused; i++) {
        const uint32_t block = st->unused[i];
        if (kind == PENDING_TAKE && block == root)
            continue;
        st->unused[i] = st->unused[--st->nunused];
        return block;
    }
    for (unsigned i = 0; i < SPACE_OPEN_EXTENTS; i++) {
        struct open_extent *o = &st->open[i];
        if (o->first == 0)
            continue;
        if (kind == PENDING_TAKE && o->first + o->next == root)
            o->next++;
        const uint32_t block = o->first + o->next++;
        if (o->next == EXTENT_BLOCKS)
            *o = (struct open_extent){ 0 };
        return block;
    }
    return 0;
}

static uint32_t pick_fresh(struct seg_state *st, enum pending_kind kind)
{
    uint32_t block = 0;
    if (kind == PENDING_TAKE && st->ngiven_back > 0)
        block = st->given_back[--st->ngiven_back];
    if (block == 0)
        block = pick_unused(st, kind);
    if (block != 0)
        st->pending[st->npending++] = (struct pending){ block, kind };
    return block;
}

/* ---- looking at extent headers -------------------------------------------------------------- */

static void learn_extent(struct seg_state *st, uint32_t first, const struct space_extent_header *e)
{
    rt_spin_lock(&st->spin);
    const struct open_extent *open = open_of(st, first);
    for (uint32_t i = 0; i < e->used; i++) {
        const uint32_t block = first + i;
        if (pending_index(st, block) >= 0 || (open != NULL && i >= open->next))
            continue;
        if (e->class[i] <= SPACE_CLASS_MAX && find_candidate(st, block) == NULL)
            set_candidate(st, block, e->class[i], 0);
        else if (e->class[i] == SPACE_GIVEN_BACK)
            push_block(st->given_back, &st->ngiven_back, block, &st->forgot);
        else if (e->class[i] == SPACE_UNUSED)
            push_block(st->unused, &st->nunused, block, &st->forgot);
    }
    /* Blocks beyond `used` that are handed out now are known through `pending`, and through the open extent that they came from. */
    uint8_t next = e->used;
    for (unsigned i = 0; i < st->npending; i++)
        if (extent_first(st->pending[i].block) == first)
            next = MAX(next, (uint8_t)(st->pending[i].block - first + 1));
    if (next < EXTENT_BLOCKS)
        add_open(st, first, next);
    rt_spin_unlock(&st->spin);
}

static enum err load_extent(struct space *s, struct seg_state *st, uint32_t first, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(s->bc, extent_header_of(st->seg, first), BUF_S, &b, d);
    if (err)
        return err;
    err = space_check_block(b->data, BLOCK_EXTENT, st->seg.id, d);
    if (!err)
        learn_extent(st, first, SPACE_BODY(space_extent_header, b->data));
    buf_unpin(b);
    return err;
}

/* Under the state's mutex: looks at more of the segment. *ret_done: all of it has been looked at. */
static enum err load_more(struct space *s, struct seg_state *st, bool *ret_done, struct diag *d)
{
    struct space_seg_entry *v = NULL;
    uint32_t n = 0;
    if (st->scan_next == 0) {
        *ret_done = true;
        return ERR_OK;
    }
    enum err err = space__entries(s, st->seg, 0, &v, &n, d);
    uint32_t i = MIN(st->scan_next, n);
    for (unsigned loaded = 0; !err && i > 0 && loaded < LOAD_EXTENTS;) {
        if (v[--i].owner != s->thread)
            continue;
        err = load_extent(s, st, v[i].block, d);
        loaded++;
    }
    free(v);
    if (!err) {
        rt_spin_lock(&st->spin);
        st->scan_next = i;
        rt_spin_unlock(&st->spin);
    }
    *ret_done = false;
    return err;
}

/* Is it worth looking at the whole segment again before it grows? */
static bool look_again(struct seg_state *st)
{
    const bool due = st->forgot && st->extents_since_scan >= 8;
    if (due) {
        st->forgot = false;
        st->extents_since_scan = 0;
        st->scan_next = UINT32_MAX;
    }
    return due;
}

/* Finds something that pick() can give: looks at more of the segment, or lets it grow. */
static enum err refill(struct space *s, struct seg_state *st, struct diag *d)
{
    bool done = false;
    enum err err = load_more(s, st, &done, d);
    if (err || !done)
        return err;
    rt_spin_lock(&st->spin);
    const bool again = look_again(st);
    rt_spin_unlock(&st->spin);
    if (again)
        return ERR_OK;
    uint32_t first;
    uint8_t next;
    err = space__add_extent(s, st->seg, &first, &next, d);
    if (err)
        return err;
    rt_spin_lock(&st->spin);
    st->extents_since_scan++;
    add_open(st, first, next);
    rt_spin_unlock(&st->spin);
    return ERR_OK;
}

/* ---- the interface: finding and taking --------------------------------------------------------- */

/* Under the spin. 0: nothing known. A look at what was there before comes before blocks that were never used. */
static uint32_t pick(struct seg_state *st, enum pending_kind kind, unsigned class, bool *ret_fresh)
{
    *ret_fresh = false;
    if (kind == PENDING_FIND && class <= SPACE_CLASS_MAX) {
        const uint32_t block = pick_candidate(st, class, (uint16_t)(rt_worker() + 1));
        if (block != 0 || st->scan_next > 0)
            return block;
    }
    if (kind == PENDING_TAKE && st->ngiven_back == 0 && st->scan_next > 0)
        return 0;
    *ret_fresh = true;
    return pick_fresh(st, kind);
}

static enum err find_block(struct space *s, struct seg seg, enum pending_kind kind, unsigned class, struct dba *ret, bool *ret_fresh, struct diag *d)
{
    struct seg_state *st = get_state(s, seg);
    enum err err = ERR_OK;
    bool locked = false;
    for (;;) {
        rt_spin_lock(&st->spin);
        const bool full = st->npending == SPACE_PENDING;
        const uint32_t block = full ? 0 : pick(st, kind, class, ret_fresh);
        rt_spin_unlock(&st->spin);
        if (block != 0)
            *ret = dba_make(FILE_DATA, block);
        else if (full)
            err = diag_set(d, ERR_RESOURCES, "too many blocks of segment %u are being added at the same time", seg.id);
        if (block != 0 || err)
            break;
        if (!locked) {
            rt_mutex_lock(&st->mutex); /* and look again: the one before may have found enough for both */
            locked = true;
            continue;
        }
        err = refill(s, st, d);
        if (err)
            break;
    }
    if (locked)
        rt_mutex_unlock(&st->mutex);
    put_state(s, st);
    return err;
}

enum err space_find(struct space *s, struct seg seg, uint32_t bytes, struct dba *ret, bool *ret_fresh, struct diag *d)
{
    return find_block(s, seg, PENDING_FIND, class_needed(bytes), ret, ret_fresh, d);
}

enum err space_take(struct space *s, struct seg seg, struct dba *ret, struct diag *d)
{
    bool fresh;
    return find_block(s, seg, PENDING_TAKE, 0, ret, &fresh, d);
}

void space_untake(struct space *s, struct seg seg, struct dba dba)
{
    struct seg_state *st = get_state(s, seg);
    const uint32_t block = dba_block(dba);
    rt_spin_lock(&st->spin);
    const int i = pending_index(st, block);
    if (i >= 0)
        st->pending[i] = st->pending[--st->npending];
    struct candidate *c = find_candidate(st, block);
    if (c != NULL)
        *c = (struct candidate){ 0 };
    push_block(st->unused, &st->nunused, block, &st->forgot);
    rt_spin_unlock(&st->spin);
    put_state(s, st);
}

/* ---- the interface: extent headers change --------------------------------------------------------- */

static enum err pin_extent(struct mtr *m, struct seg seg, struct dba dba, struct pin **ret, struct diag *d)
{
    const enum err err = mtr_pin(m, extent_header_of(seg, dba_block(dba)), ret, d);
    return err ? err : space_check_block((*ret)->data, BLOCK_EXTENT, seg.id, d);
}

static enum err set_class(struct mtr *m, struct pin *ext, struct dba dba, uint8_t class, struct diag *d)
{
    const struct space_ext_vector v = { .index = (uint8_t)(dba_block(dba) % EXTENT_BLOCKS), .class = class };
    const struct mtr_part part = { &v, sizeof(v) };
    return mtr_change(m, ext, REDO_SPACE_EXT_SET, &part, 1, d);
}

enum err space_use_block(struct space *s, struct mtr *m, struct seg seg, struct dba fresh, struct diag *d)
{
    struct pin *ext;
    enum err err = pin_extent(m, seg, fresh, &ext, d);
    if (err)
        return err;
    const uint32_t block = dba_block(fresh);
    struct seg_state *st = get_state(s, seg);
    rt_spin_lock(&st->spin);
    const int i = pending_index(st, block);
    const bool for_rows = i >= 0 && st->pending[i].kind == PENDING_FIND;
    rt_spin_unlock(&st->spin);

    err = set_class(m, ext, fresh, for_rows ? SPACE_CLASS_MAX : SPACE_TAKEN, d);
    if (!err) {
        rt_spin_lock(&st->spin);
        const int now = pending_index(st, block);
        if (now >= 0)
            st->pending[now] = st->pending[--st->npending];
        if (for_rows)
            set_candidate(st, block, SPACE_CLASS_MAX, (uint16_t)(rt_worker() + 1));
        drop_block(st->unused, &st->nunused, block); /* a root that nobody had asked for */
        struct open_extent *o = open_of(st, block);
        if (o != NULL && o->first + o->next <= block)
            o->next = (uint8_t)(block - o->first + 1);
        if (o != NULL && o->next >= EXTENT_BLOCKS)
            *o = (struct open_extent){ 0 };
        rt_spin_unlock(&st->spin);
    }
    put_state(s, st);
    return err;
}

/* Class on disk and owner of a block. */
static enum err read_class(struct space *s, struct seg seg, struct dba dba, uint8_t *ret_class, bool *ret_own, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(s->bc, extent_header_of(seg, dba_block(dba)), BUF_S, &b, d);
    if (err)
        return err;
    err = space_check_block(b->data, BLOCK_EXTENT, seg.id, d);
    if (!err) {
        const struct space_extent_header *e = SPACE_BODY(space_extent_header, b->data);
        *ret_class = e->class[dba_block(dba) % EXTENT_BLOCKS];
        *ret_own = e->owner == s->thread;
    }
    buf_unpin(b);
    return err;
}

/* The class on disk is a hint: small changes are not worth a log record, becoming full or no longer full is. */
static bool worth_logging(uint8_t was, uint8_t is)
{
    return was != is && (was == 0 || is == 0 || (was > is ? was - is : is - was) >= 4);
}

/* In a mini-transaction of its own. */
static enum err log_class(struct space *s, struct seg seg, struct dba dba, uint8_t class, struct diag *d)
{
    struct mtr m;
    struct pin *ext;
    mtr_begin(&m, s->bc, XID_NONE);
    enum err err = mtr_reserve(&m, EXT_SET_REDO, d);
    if (!err)
        err = pin_extent(&m, seg, dba, &ext, d);
    if (!err)
        err = set_class(&m, ext, dba, class, d);
    if (err)
        mtr_cancel(&m);
    else
        (void)mtr_commit(&m, NULL);
    return err;
}

enum err space_note(struct space *s, struct seg seg, struct dba dba, uint32_t free_bytes, struct diag *d)
{
    const uint8_t class = class_of(free_bytes);
    uint8_t was = 0;
    bool own = false;
    enum err err = read_class(s, seg, dba, &was, &own, d);
    if (err || was > SPACE_CLASS_MAX)
        return err; /* not a block of rows, or not yet used */
    if (own) {
        struct seg_state *st = get_state(s, seg);
        rt_spin_lock(&st->spin);
        set_candidate(st, dba_block(dba), class, 0);
        rt_spin_unlock(&st->spin);
        put_state(s, st);
    }
    return worth_logging(was, class) ? log_class(s, seg, dba, class, d) : ERR_OK;
}

enum err space_give_back(struct space *s, struct seg seg, struct dba dba, struct diag *d)
{
    uint8_t was = 0;
    bool own = false;
    enum err err = read_class(s, seg, dba, &was, &own, d);
    if (err || was != SPACE_TAKEN)
        return err;
    err = log_class(s, seg, dba, SPACE_GIVEN_BACK, d);
    if (err || !own)
        return err;
    struct seg_state *st = get_state(s, seg);
    rt_spin_lock(&st->spin);
    push_block(st->given_back, &st->ngiven_back, dba_block(dba), &st->forgot);
    rt_spin_unlock(&st->spin);
    put_state(s, st);
    return ERR_OK;
}
