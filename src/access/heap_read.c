#include <stdlib.h>

#include "access/access_int.h"
#include "base/hash.h"
#include "rt/rt.h"

#define LOOKS_MAX 10000u /* a row that changes more often under one reader: something is wrong */
#define WANTED_NS RT_MS(50)

static enum err not_table_block(struct dba at, struct seg seg, struct diag *d)
{
    return diag_set(d, ERR_CORRUPT, "block %u of file %u does not belong to segment %u", dba_block(at), dba_file(at), seg.id);
}

static enum err copy_out(struct arena *arena, struct rowid rowid, uint8_t layout, const uint8_t *body, uint16_t len, struct heap_row *ret,
                         struct diag *d)
{
    uint8_t *copy = arena_try_alloc(arena, len);
    if (UNLIKELY(!copy))
        return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory for a row of %u bytes", len);
    memcpy(copy, body, len);
    *ret = (struct heap_row){ .rowid = rowid, .layout = layout, .body = copy, .len = len };
    return ERR_OK;
}

/* ---- one row by its rowid ------------------------------------------------------ */

/* The row's newest version, for the slow path; *ret_there false: no such row. */
static enum err read_version(struct access *a, scn_t s, struct seg seg, struct rowid rowid, struct version *v, bool *ret_there, struct diag *d)
{
    struct pin *b;
    struct heap_item it;
    const struct dba at = rowid_dba(rowid);
    enum err err = buf_pin_read(a->bc, at, s, &b, d);
    if (err)
        return err;
    *ret_there = false;
    if (!heap_page_is(b->data, seg.id))
        err = not_table_block(at, seg, d);
    else if (heap_page_row(b->data, rowid_slot(rowid), &it) && !(it.h.flags & ROW_MOVED_HERE)) {
        version_set(v, &it);
        *ret_there = true;
    }
    buf_unpin(b);
    return err;
}

/* Everything that the fast path leaves: statuses to ask for, older versions, moved rows. */
static __attribute__((noinline)) enum err fetch_slow(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid,
                                                     struct arena *arena, struct heap_row *ret, bool *ret_found, bool *ret_taken, struct diag *d)
{
    struct version v;
    struct row_header newest = { 0 };
    enum version_result result;
    struct xid writer;
    bool there, too_old = false;
    scn_t commit_scn;

    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        enum err err = read_version(a, s->s, seg, rowid, &v, &there, d);
        if (err)
            return err;
        *ret_found = false;
        if (!there)
            return ERR_OK;
        if (too_old && v.h.undo.v == newest.undo.v && v.h.writer == newest.writer)
            return diag_set(d, ERR_SNAPSHOT_TOO_OLD, "snapshot too old");
        newest = v.h;
        *ret_taken |= txn_row_writer(a->ts, s->own, &newest, &commit_scn) == ROW_WRITER_ACTIVE; /* as first seen: older versions may be far away */
        err = version_resolve(a, s, seg, rowid, &v, &result, &writer, d);
        /* The writer may have been rolled back, and its undo space reused, since the block was read. */
        too_old = err == ERR_SNAPSHOT_TOO_OLD;
        if (too_old)
            continue;
        if (err)
            return err;
        switch (result) {
        case VERSION_FOUND:
            *ret_found = true;
            return copy_out(arena, rowid, v.h.layout, v.body, (uint16_t)v.len, ret, d);
        case VERSION_NONE:
            return ERR_OK;
        case VERSION_AGAIN:
            if (writer.v) {
                err = txn_status_wait(a->ts, s, writer, d);
                if (err)
                    return err;
            }
            break;
        }
    }
    return diag_set(d, ERR_INTERNAL, "row %" PRIx64 " of segment %u does not come to rest", rowid.v, seg.id);
}

/* What a pinned block shows; lets go of it. */
static enum err fetch_from(struct access *a, struct pin *b, const struct snapshot *s, struct seg seg, struct rowid rowid, struct arena *arena,
                           struct heap_row *ret, bool *ret_found, bool *ret_taken, struct diag *d)
{
    struct heap_item it;
    enum row_visibility vis;
    const unsigned slot = rowid_slot(rowid);
    enum err err = ERR_OK;
    COUNT(a, rows_fetched);
    *ret_taken = false;
    if (UNLIKELY(!heap_page_is(b->data, seg.id))) {
        buf_unpin(b);
        return not_table_block(rowid_dba(rowid), seg, d);
    }
    *ret_found = false;
    if (!heap_page_row(b->data, slot, &it) || (it.h.flags & ROW_MOVED_HERE)) {
        buf_unpin(b);
        return ERR_OK;
    }
    if (!txn_visible_fast(a->ts, s, &it.h, &vis) || vis != ROW_VISIBLE || (it.h.flags & (ROW_FORWARD | ROW_DELETED)) == ROW_FORWARD) {
        buf_unpin(b);
        return fetch_slow(a, s, seg, rowid, arena, ret, ret_found, ret_taken, d);
    }
    heap__stamp(a, b, slot, &it.h);
    if (!(it.h.flags & ROW_DELETED)) {
        err = copy_out(arena, rowid, it.h.layout, it.body, it.h.body_len, ret, d);
        *ret_found = !err;
    }
    buf_unpin(b);
    return err;
}

enum err heap_fetch(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct arena *arena, struct heap_row *ret,
                    bool *ret_found, struct diag *d)
{
    struct pin *b;
    bool taken;
    enum err err = buf_pin_read(a->bc, rowid_dba(rowid), s->s, &b, d);
    return UNLIKELY(err) ? err : fetch_from(a, b, s, seg, rowid, arena, ret, ret_found, &taken, d);
}

static _Atomic uint64_t *wanted_at(struct access *a, struct rowid rowid) { return &a->wanted_at[hash_u64(rowid.v) % WANTED_ROWS]; }

void heap__note_wanted(struct access *a, struct rowid rowid)
{
    atomic_store_explicit(wanted_at(a, rowid), rt_now(), memory_order_relaxed);
}

static bool is_wanted(struct access *a, struct rowid rowid)
{
    const uint64_t at = atomic_load_explicit(wanted_at(a, rowid), memory_order_relaxed);
    return at != 0 && rt_now() < at + WANTED_NS;
}

enum err heap_fetch_to_change(struct access *a, const struct snapshot *s, struct seg seg, struct rowid rowid, struct arena *arena,
                              struct heap_row *ret, bool *ret_found, bool *ret_taken, struct diag *d)
{
    struct pin *b;
    const struct dba at = rowid_dba(rowid);
    enum err err = is_wanted(a, rowid) ? buf_pin_read(a->bc, at, s->s, &b, d) : buf_pin(a->bc, at, BUF_X, &b, d);
    return UNLIKELY(err) ? err : fetch_from(a, b, s, seg, rowid, arena, ret, ret_found, ret_taken, d);
}

enum err heap__read_current(struct access *a, struct seg seg, struct rowid rowid, struct version *v, bool *ret_there, struct diag *d)
{
    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        struct pin *b;
        struct heap_item it;
        bool found = true;
        enum err err = buf_pin(a->bc, rowid_dba(rowid), BUF_S, &b, d);
        if (err)
            return err;
        *ret_there = false;
        if (!heap_page_is(b->data, seg.id))
            err = not_table_block(rowid_dba(rowid), seg, d);
        else if (heap_page_row(b->data, rowid_slot(rowid), &it) && !(it.h.flags & ROW_MOVED_HERE)) {
            version_set(v, &it);
            *ret_there = true;
        }
        buf_unpin(b);
        if (!err && *ret_there && !v->whole && !(v->h.flags & ROW_DELETED))
            err = version_fetch_moved(a, 0, true, seg, v, &found, d);
        if (err || found)
            return err;
    }
    return diag_set(d, ERR_INTERNAL, "row %" PRIx64 " of segment %u does not come to rest", rowid.v, seg.id);
}

enum err heap_fetch_current(struct access *a, struct xid self, struct seg seg, struct rowid rowid, struct arena *arena, struct heap_row *ret,
                            enum row_writer *ret_writer, struct xid *ret_xid, bool *ret_deleted, struct diag *d)
{
    struct version v;
    bool there;
    scn_t commit_scn;
    enum err err = heap__read_current(a, seg, rowid, &v, &there, d);
    if (err)
        return err;
    *ret_writer = ROW_WRITER_COMMITTED;
    *ret_xid = XID_NONE;
    *ret_deleted = !there || (v.h.flags & ROW_DELETED);
    if (!there)
        return ERR_OK;
    const enum row_writer writer = txn_row_writer(a->ts, self, &v.h, &commit_scn);
    /* Whoever has only locked the row leaves a committed version under its lock. */
    if (!(v.h.flags & ROW_LOCKED) || writer == ROW_WRITER_SELF)
        *ret_writer = writer;
    *ret_xid = heap__writer(&v.h);
    return copy_out(arena, rowid, v.h.layout, v.body, (uint16_t)v.len, ret, d);
}

enum err heap_commit_scn(struct access *a, struct xid self, struct seg seg, struct rowid rowid, scn_t *ret, struct diag *d)
{
    struct version v;
    bool there;
    scn_t scn;
    enum err err = heap__read_current(a, seg, rowid, &v, &there, d);
    *ret = !err && there && txn_row_writer(a->ts, self, &v.h, &scn) == ROW_WRITER_COMMITTED ? scn : 0;
    return err;
}

/* ---- scans --------------------------------------------------------------------- */

static_assert(HEAP_SCAN_MIN >= HEAP_ROWS_MAX, "a block fits into every batch");

#define PREFETCH_BLOCKS 16u

struct heap_scan {
    struct access *a;
    struct seg seg;
    struct snapshot s;
    struct space_extent *extent;
    uint64_t *first; /* blocks before each extent */
    uint32_t nextents;
    uint64_t blocks;
    _Atomic uint64_t next; /* block to be claimed */
    _Atomic uint64_t prefetched;
};

enum err heap_scan_open(struct access *a, struct seg seg, const struct snapshot *s, struct heap_scan **ret, struct diag *d)
{
    struct heap_scan *sc = xcalloc(1, sizeof(*sc));
    sc->a = a;
    sc->seg = seg;
    sc->s = *s;
    enum err err = space_extents(a->space, seg, s->s, &sc->extent, &sc->nextents, d);
    if (err) {
        free(sc);
        return err;
    }
    sc->first = xcalloc(sc->nextents + 1, sizeof(*sc->first));
    for (uint32_t i = 0; i < sc->nextents; i++) {
        sc->first[i] = sc->blocks;
        sc->blocks += sc->extent[i].blocks;
    }
    *ret = sc;
    return ERR_OK;
}

void heap_scan_close(struct heap_scan *sc)
{
    if (!sc)
        return;
    free(sc->extent);
    free(sc->first);
    free(sc);
}

static struct dba scan_block_dba(const struct heap_scan *sc, uint64_t no)
{
    uint32_t lo = 0, hi = sc->nextents;
    while (hi - lo > 1) {
        const uint32_t mid = (lo + hi) / 2;
        if (sc->first[mid] <= no)
            lo = mid;
        else
            hi = mid;
    }
    return (struct dba){ sc->extent[lo].first.v + (no - sc->first[lo]) };
}

static void scan_prefetch(struct heap_scan *sc, uint64_t from)
{
    struct dba dba[PREFETCH_BLOCKS];
    uint64_t done = atomic_load_explicit(&sc->prefetched, memory_order_relaxed);
    const uint64_t begin = MAX(from, done), end = MIN(from + PREFETCH_BLOCKS, sc->blocks);
    /* In batches of at least half the distance: one message for several blocks. */
    if (begin >= end || (done > from && done - from > PREFETCH_BLOCKS / 2) ||
        !atomic_compare_exchange_strong_explicit(&sc->prefetched, &done, end, memory_order_relaxed, memory_order_relaxed))
        return;
    for (uint64_t i = begin; i < end; i++)
        dba[i - begin] = scan_block_dba(sc, i);
    buf_prefetch(sc->a->bc, dba, (unsigned)(end - begin));
}

/* The block's bytes as of one moment, but for commit SCNs that other readers stamp meanwhile: each is one aligned word. */
static void copy_block(uint8_t *to, const uint8_t *from)
{
#ifdef __SANITIZE_THREAD__
    for (unsigned i = 0; i < BLOCK_SIZE; i += 8)
        *(uint64_t *)(void *)(to + i) = __atomic_load_n((const uint64_t *)(const void *)(from + i), __ATOMIC_RELAXED);
#else
    memcpy(to, from, BLOCK_SIZE);
#endif
}

/* Commit SCNs for the rows of a block copy that deserve them, written into the block itself. */
static void stamp_block(struct access *a, struct dba at, const uint8_t *copy, const uint16_t *slots, unsigned n)
{
    struct pin *b;
    struct diag ignored;
    struct heap_item it;
    if (buf_pin(a->bc, at, BUF_S, &b, &ignored))
        return;
    if (block_header_const(b->data)->seg_id == block_header_const(copy)->seg_id && block_header_const(b->data)->type == BLOCK_HEAP)
        for (unsigned i = 0; i < n; i++)
            if (heap_page_row(copy, slots[i], &it))
                heap__stamp(a, b, slots[i], &it.h);
    buf_unpin(b);
}

struct block_scan {
    struct access *a;
    const struct snapshot *s;
    struct seg seg;
    struct dba at;
    struct arena *arena;
    struct heap_row *rows;
    uint32_t n;
    struct xid unknown[HEAP_ROWS_MAX]; /* writers whose fate must be asked for */
    unsigned nunknown;
    uint16_t stamp[HEAP_ROWS_MAX];
    unsigned nstamp;
    bool again; /* the block must be looked at again */
};

static void add_unknown(struct block_scan *bs, struct xid writer)
{
    if (!bs->nunknown || !xid_eq(bs->unknown[bs->nunknown - 1], writer))
        bs->unknown[bs->nunknown++] = writer;
}

static __attribute__((noinline)) enum err scan_row_slow(struct block_scan *bs, unsigned slot, const struct heap_item *it, struct diag *d)
{
    struct version v;
    struct xid writer;
    enum version_result result;
    const struct rowid rowid = rowid_make(bs->at, (uint16_t)slot);
    bool found;
    version_set(&v, it);
    enum err err = version_resolve(bs->a, bs->s, bs->seg, rowid, &v, &result, &writer, d);
    if (err == ERR_SNAPSHOT_TOO_OLD) { /* or rolled back meanwhile: heap_fetch() tells one from the other */
        struct heap_row row;
        err = heap_fetch(bs->a, bs->s, bs->seg, rowid, bs->arena, &row, &found, d);
        if (!err && found)
            bs->rows[bs->n++] = row;
        return err;
    }
    if (err)
        return err;
    if (result == VERSION_AGAIN) {
        if (writer.v)
            add_unknown(bs, writer);
        bs->again = true;
    }
    if (result != VERSION_FOUND)
        return ERR_OK;
    err = copy_out(bs->arena, rowid, v.h.layout, v.body, (uint16_t)v.len, &bs->rows[bs->n], d);
    bs->n += !err;
    return err;
}

/* The visible rows of a block copy in the arena, which the rows point into. */
static enum err scan_copy(struct block_scan *bs, const uint8_t *copy, struct diag *d)
{
    const unsigned nslots = MIN(heap_page(copy)->nslots, HEAP_ROWS_MAX);
    for (unsigned slot = 0; slot < nslots; slot++) {
        struct heap_item it;
        enum row_visibility vis;
        scn_t commit_scn;
        if (!heap_page_row(copy, slot, &it) || (it.h.flags & ROW_MOVED_HERE))
            continue;
        if (!(it.h.flags & ROW_STAMPED) && txn_stampable(bs->a->ts, (struct xid){ it.h.writer }, &commit_scn))
            bs->stamp[bs->nstamp++] = (uint16_t)slot;
        if (!txn_visible_fast(bs->a->ts, bs->s, &it.h, &vis)) {
            add_unknown(bs, heap__writer(&it.h));
            bs->again = true;
            continue;
        }
        if (bs->again)
            continue; /* this pass only gathers what to ask for */
        if (vis == ROW_VISIBLE && (it.h.flags & ROW_DELETED))
            continue;
        if (vis == ROW_VISIBLE && !(it.h.flags & ROW_FORWARD)) {
            bs->rows[bs->n++] = (struct heap_row){ .rowid = rowid_make(bs->at, (uint16_t)slot), .layout = it.h.layout, .body = it.body,
                                                   .len = it.h.body_len };
            continue;
        }
        enum err err = scan_row_slow(bs, slot, &it, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

/* *copy: a block's room in the arena, kept for the next block when no row points into it. */
static enum err scan_block(struct heap_scan *sc, struct dba at, struct arena *arena, uint8_t **copy, struct heap_row *rows, uint32_t *n,
                           struct diag *d)
{
    struct block_scan bs = { .a = sc->a, .s = &sc->s, .seg = sc->seg, .at = at, .arena = arena, .rows = rows };
    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        struct pin *b;
        enum err err = buf_pin_read(sc->a->bc, at, sc->s.s, &b, d);
        if (err)
            return err;
        if (!heap_page_is(b->data, sc->seg.id)) { /* overflow pieces, blocks taken but not formatted yet */
            buf_unpin(b);
            return ERR_OK;
        }
        if (!*copy && !(*copy = arena_try_alloc(arena, BLOCK_SIZE))) {
            buf_unpin(b);
            return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory for a block of a table scan");
        }
        copy_block(*copy, b->data);
        buf_unpin(b);
        COUNT(sc->a, blocks_scanned);

        bs.n = *n;
        bs.nunknown = bs.nstamp = 0;
        bs.again = false;
        err = scan_copy(&bs, *copy, d);
        if (err)
            return err;
        if (!bs.again) {
            if (bs.nstamp)
                stamp_block(sc->a, at, *copy, bs.stamp, bs.nstamp);
            if (bs.n > *n)
                *copy = NULL;
            *n = bs.n;
            return ERR_OK;
        }
        if (bs.nunknown) {
            err = txn_status_wait_many(sc->a->ts, &sc->s, bs.unknown, bs.nunknown, d);
            if (err)
                return err;
        }
    }
    return diag_set(d, ERR_INTERNAL, "block %u of segment %u does not come to rest", dba_block(at), sc->seg.id);
}

enum err heap_scan_next(struct heap_scan *sc, struct arena *arena, struct heap_row *rows, uint32_t max, uint32_t *ret_n, struct diag *d)
{
    uint32_t n = 0;
    uint8_t *copy = NULL;
    assert(max >= HEAP_SCAN_MIN);
    while (n + HEAP_ROWS_MAX <= max) {
        const uint64_t no = atomic_fetch_add_explicit(&sc->next, 1, memory_order_relaxed);
        if (no >= sc->blocks)
            break;
        scan_prefetch(sc, no + 1);
        enum err err = scan_block(sc, scan_block_dba(sc, no), arena, &copy, rows, &n, d);
        if (err)
            return err;
        rt_yield_if_due();
    }
    *ret_n = n;
    return ERR_OK;
}
