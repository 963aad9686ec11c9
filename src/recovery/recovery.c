#include "recovery/recovery.h"

#include <stdlib.h>

#include "recovery/recovery_int.h"

#define MEMORY_BYTES_DEFAULT (UINT64_C(256) << 20)

static void say(const struct recovery_options *opt, const char *step, uint64_t done, uint64_t all)
{
    if (opt->progress != NULL)
        opt->progress(opt->progress_arg, step, done, all);
}

/* The threads that nobody has closed. */
static void list_threads(const struct control *c, struct recovery_result *r)
{
    r->threads = xcalloc(c->threads > 0 ? c->threads : 1, sizeof(*r->threads));
    r->scn_max = c->scn_high_water;
    for (uint32_t i = 1; i <= c->threads; i++) {
        const struct control_thread *t = &c->thread[i];
        r->scn_max = MAX(r->scn_max, t->checkpoint_scn);
        if (t->state != THREAD_OPEN && t->state != THREAD_RECOVERING)
            continue;
        r->threads[r->nthreads++] = (struct recovery_thread){ .thread = (uint16_t)i,
                                                              .node = t->node,
                                                              .incarnation = t->incarnation,
                                                              .start = t->checkpoint,
                                                              .end = t->checkpoint,
                                                              .xid_seq_max = t->xid_seq };
    }
}

static uint32_t parts_for(const struct recovery_options *opt, const struct rset *set)
{
    const uint64_t memory = opt->memory_bytes > 0 ? opt->memory_bytes : MEMORY_BYTES_DEFAULT;
    return (uint32_t)(rset_gather_bytes(set) / memory + 1);
}

/* The logs before anything is done because of them (R7). */
static enum err sync_logs(const struct recovery_options *opt, const struct recovery_result *r, struct diag *d)
{
    enum err err = ERR_OK;
    for (unsigned i = 0; i < r->nthreads && !err && !MUTATED("R7_recovery"); i++)
        err = redo_sync_log(opt->dir, r->threads[i].thread, d);
    return err;
}

/* Blocks that were found as new as they should be may have been written, but not synced, by an instance that was killed (R18). */
static enum err sync_blocks(const struct recovery_options *opt, const struct rset *set, struct diag *d)
{
    struct u64map *files = u64map_new(16);
    size_t pos = 0;
    enum err err = ERR_OK;
    for (const struct rset_block *b = rset_next(set, &pos); b != NULL && !err; b = rset_next(set, &pos)) {
        const uint32_t file = dba_file(b->dba);
        if (u64map_put(files, file, files) == NULL)
            err = files_sync(opt->files, file, d);
    }
    u64map_free(files);
    return err;
}

/* Double writes go to the area of the first of the threads: what it held has been repaired. */
static enum err apply_all(const struct recovery_options *opt, struct recovery_result *r, const struct rset *set, struct diag *d)
{
    struct dw *dw = NULL;
    enum err err = dw_open(opt->dir, r->threads[0].thread, &dw, d);
    r->parts = parts_for(opt, set);
    for (uint32_t i = 0; i < r->parts && !err; i++) {
        struct rpart part;
        say(opt, "apply", i, r->parts);
        err = recovery__gather(opt, r, set, i, r->parts, &part, d);
        if (err)
            break;
        err = recovery__apply_part(opt, r, dw, &part, d);
        recovery__part_fini(&part);
    }
    dw_close(dw);
    return err;
}

/* R18: only now, when everything is durable in place, do the logs count as worked off. */
static void move_checkpoints(void *arg, struct control *c)
{
    const struct recovery_result *r = arg;
    for (unsigned i = 0; i < r->nthreads; i++) {
        const struct recovery_thread *from = &r->threads[i];
        struct control_thread *t = &c->thread[from->thread];
        t->state = THREAD_RECOVERING;
        t->checkpoint = t->end = from->end;
        t->checkpoint_scn = MAX(t->checkpoint_scn, r->scn_max);
        t->xid_seq = MAX(t->xid_seq, from->xid_seq_max);
    }
    c->scn_high_water = MAX(c->scn_high_water, r->scn_max);
}

static enum err recover(const struct recovery_options *opt, struct recovery_result *r, struct diag *d)
{
    struct rset *set = rset_new();
    say(opt, "analysis", 0, 0);
    enum err err = sync_logs(opt, r, d);
    if (!err)
        err = recovery__analyse(opt, r, set, d);
    say(opt, "repair", 0, 0);
    if (!err)
        err = recovery__repair_torn(opt, r, set, d);
    if (!err && !MUTATED("R18"))
        err = apply_all(opt, r, set, d);
    if (!err && !MUTATED("R18"))
        err = sync_blocks(opt, set, d);
    if (!err)
        err = control_update(opt->dir, move_checkpoints, r, d);
    rset_free(set);
    return err;
}

enum err recovery_run(const struct recovery_options *opt, struct recovery_result *ret, struct diag *d)
{
    struct control *c = NULL;
    bool repaired = false;
    enum err err = control_read(opt->dir, &c, &repaired, d);
    if (err)
        return err;
    struct recovery_result r = { 0 };
    list_threads(c, &r);
    control_free(c);
    if (r.nthreads > 0)
        err = recover(opt, &r, d);
    if (err) {
        recovery_result_fini(&r);
        return err;
    }
    if (r.nthreads > 0)
        log_info(opt->log, "crash recovery of %u redo threads: %" PRIu64 " records, %" PRIu64 " blocks, %" PRIu64 " changed, %" PRIu64
                 " torn ones repaired, %" PRIu64 " damaged", r.nthreads, r.records, r.blocks, r.changed, r.torn, r.damaged);
    *ret = r;
    return ERR_OK;
}

void recovery_result_fini(struct recovery_result *r)
{
    free(r->threads);
    r->threads = NULL;
    r->nthreads = 0;
}
