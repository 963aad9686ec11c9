#include "txn/txn_int.h"

#include "ges/ges.h"
#include "storage/files.h"

#define EXTENT_BLOCKS_DEFAULT 64u

void txn_fatal(struct txn_sys *ts, const struct diag *d)
{
    if (ts->opt.fatal != NULL)
        ts->opt.fatal(ts->opt.fatal_arg, d);
    panic("transactions cannot go on: %s", d->message);
}

/* ---- creation ----------------------------------------------------------------------------- */

static struct tt_geometry geometry_for(const struct txn_options *opt)
{
    const uint32_t entries = opt->tt_entries != 0 ? opt->tt_entries : TXN_TT_ENTRIES;
    const uint16_t per_block = (uint16_t)MIN(TT_ENTRIES_MAX, MAX(entries / 4, 1u)); /* a small table, of tests, has several blocks too */
    return (struct tt_geometry){
        .thread = opt->thread,
        .entries_per_block = per_block,
        .blocks = (entries + per_block - 1) / per_block,
        .extent_blocks = opt->undo_extent_blocks != 0 ? opt->undo_extent_blocks : EXTENT_BLOCKS_DEFAULT,
    };
}

enum err txn_create_undo(const struct txn_options *opt, struct diag *d)
{
    const struct tt_geometry g = geometry_for(opt);
    enum err err = files_create(opt->files, FILE_UNDO_BASE + opt->thread, undo_first_block(&g), d);
    if (err)
        return diag_wrap(d, err, "creating the undo file of redo thread %u", opt->thread);
    struct mtr m;
    mtr_begin(&m, opt->bc, XID_NONE);
    err = mtr_reserve(&m, TT_PAYLOAD_MAX + 64, d);
    if (err)
        return err;
    struct pin *p;
    const struct dba dba = undo_dba(opt->thread, 0);
    uint8_t payload[TT_PAYLOAD_MAX];
    err = mtr_pin_fresh(&m, dba, &p, d);
    if (!err) {
        const uint32_t len = tt_make_format_header(payload, dba, &g);
        err = mtr_change(&m, p, REDO_TT_FORMAT, &(struct mtr_part){ payload, len }, 1, d);
    }
    if (err)
        mtr_cancel(&m);
    else
        mtr_commit(&m, NULL);
    return err;
}

/* ---- open and close ------------------------------------------------------------------------- */

static void init_lanes(struct txn_sys *ts)
{
    ts->nlanes = rt_workers() + 1; /* the last: fibers of the critical worker, and shared counters */
    ts->lane = aligned_alloc(64, ts->nlanes * sizeof(*ts->lane));
    if (ts->lane == NULL)
        panic("out of memory: lanes");
    memset((void *)ts->lane, 0, ts->nlanes * sizeof(*ts->lane));
    for (uint32_t i = 0; i < ts->nlanes; i++) {
        ts->lane[i].extent = EXTENT_NONE;
        list_init(&ts->lane[i].free_txns);
    }
}

enum err txn_open(const struct txn_options *opt, struct txn_sys **ret, struct diag *d)
{
    struct txn_sys *ts = xcalloc(1, sizeof(*ts));
    ts->opt = *opt;
    init_lanes(ts);
    cache_init(ts);
    commit_init(ts);
    status_init(ts);
    enum err err = tt_load(ts, d);
    if (!err) {
        atomic_store_explicit(&ts->table_loaded, true, memory_order_release);
        err = undo_space_open(ts, d);
    }
    if (!err && ts->boot_left == 0)
        undo_extents_found_done(ts);
    if (!err)
        err = purge_start(ts, d);
    if (err) {
        diag_wrap(d, err, "opening the transactions of redo thread %u", opt->thread);
        txn_close(ts);
        return err;
    }
    *ret = ts;
    return ERR_OK;
}

static void free_lane(struct lane *lane)
{
    for (struct list *l; (l = list_pop_front(&lane->free_txns)) != NULL;) {
        struct txn *t = LIST_ENTRY(l, struct txn, link);
        if (t->blocks != t->blocks_inline)
            free(t->blocks);
        free(t->writes);
        free(t->hooks);
        free(t->objects);
        free(t);
    }
    for (uint32_t i = 0; i < lane->snaps.nchunks; i++)
        free(lane->snaps.chunk[i]);
    free(lane->snaps.free);
}

void txn_stop(struct txn_sys *ts)
{
    purge_stop(ts);
    redo_remove_listeners(ts->opt.redo, ts);
    ts->stopped = true;
}

void txn_close(struct txn_sys *ts)
{
    if (!ts->stopped)
        txn_stop(ts);
    if (ts->opt.ges != NULL)
        ges_set_txn_hooks(ts->opt.ges, NULL);
    for (struct list *l; (l = list_pop_front(&ts->deferred)) != NULL;)
        free(LIST_ENTRY(l, struct deferred_ask, link));
    for (uint32_t i = 0; i < ts->nlanes; i++)
        free_lane(&ts->lane[i]);
    tt_unload(ts);
    free(ts->lane);
    free(ts->extent);
    free(ts->cache);
    free(ts->message);
    free(ts);
}

/* ---- handlers and numbers ---------------------------------------------------------------------- */

void txn_set_undo_handler(struct txn_sys *ts, enum undo_type type, undo_handler *fn, void *arg)
{
    ts->undo[type].fn = fn;
    ts->undo[type].arg = arg;
}

void txn_set_purge_handler(struct txn_sys *ts, purge_handler *fn, void *arg)
{
    ts->purge_arg = arg;
    ts->purge = fn;
}

void txn_set_object_listener(struct txn_sys *ts, void (*fn)(void *arg, const uint32_t *object_ids, unsigned n), void *arg)
{
    ts->objects_arg = arg;
    ts->objects = fn;
}

void txn_stats(const struct txn_sys *ts, struct txn_stats *ret)
{
    *ret = (struct txn_stats){ 0 };
    for (uint32_t i = 0; i < ts->nlanes; i++) {
#define X(name, unit, text) ret->name += atomic_load_explicit(&ts->lane[i].stats.name, memory_order_relaxed);
        TXN_STATS(X)
#undef X
    }
}
