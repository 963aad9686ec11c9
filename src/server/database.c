/*
 * The database's side of an instance: redo thread, cache, transactions,
 * access, catalogue; checkpoints; crash recovery.
 */
#include "server/instance_int.h"

#include "storage/block.h"

#include <stdlib.h>

/* Sequences of transactions that were given out but never reached the log are jumped over (R4). */
#define XID_RESERVE 65536u
#define REDO_BUFFER_BYTES (16u << 20)
#define CHECKPOINT_PERIOD_NS RT_SEC(5)
#define CHECKPOINT_MIN_BYTES (1u << 20)

void instance__fatal_diag(void *arg, const struct diag *d)
{
    struct instance *in = arg;
    log_diag(in->log, LOG_FATAL, d, "the instance stops");
    in->opt.fatal(in->opt.fatal_arg, d->message);
}

/* ---- control file ---------------------------------------------------------------- */

enum err instance__control_update(struct instance *in, void (*change)(void *arg, struct control *c), void *arg, struct diag *d)
{
    const struct ges_resource cf = { GES_CF, 0, 0 };
    rt_mutex_lock(&in->control_lock);
    enum err err = in->services ? ges_lock(in->services, cf, GES_MODE_EX, RT_FOREVER, d) : ERR_OK;
    if (!err) {
        err = control_update(in->dir, change, arg, d);
        if (in->services)
            ges_unlock(in->services, cf, GES_MODE_EX);
    }
    rt_mutex_unlock(&in->control_lock);
    return err;
}

struct claim {
    struct instance *in;
    struct thread_start start;
    uint8_t state; /* what it was */
};

static void claim_thread(void *arg, struct control *c)
{
    struct claim *cl = arg;
    struct control_thread *t = &c->thread[cl->in->thread];
    cl->state = t->state;
    if (t->state != THREAD_UNUSED && t->state != THREAD_CLOSED)
        return;
    cl->start = (struct thread_start){ .lsn = t->end, .xid_seq = t->xid_seq, .create_undo = t->state == THREAD_UNUSED };
    t->state = THREAD_OPEN;
    t->node = cl->in->node;
    t->incarnation = cl->in->incarnation;
    t->checkpoint = cl->start.lsn;
    t->checkpoint_scn = scn_now(&cl->in->scn);
    c->threads = MAX(c->threads, (uint32_t)cl->in->thread);
}

/* A thread that is being recovered is free once its transactions are rolled back. */
enum err instance__claim_thread(struct instance *in, struct thread_start *ret, struct diag *d)
{
    for (;;) {
        struct claim cl = { .in = in };
        enum err err = instance__control_update(in, claim_thread, &cl, d);
        if (err)
            return diag_wrap(d, err, "opening redo thread %u", in->thread);
        if (cl.state == THREAD_UNUSED || cl.state == THREAD_CLOSED) {
            *ret = cl.start;
            return ERR_OK;
        }
        rt_sleep(RT_MS(50));
    }
}

struct adoption {
    struct instance *in;
    const struct recovery_thread *rt;
    struct thread_start start;
};

static void adopt_thread(void *arg, struct control *c)
{
    struct adoption *a = arg;
    struct control_thread *t = &c->thread[a->in->thread];
    t->xid_seq = MAX(t->xid_seq, a->rt->xid_seq_max) + XID_RESERVE;
    t->state = THREAD_OPEN;
    t->node = a->in->node;
    t->incarnation = a->in->incarnation;
    t->checkpoint = a->rt->end;
    a->start = (struct thread_start){ .lsn = a->rt->end, .xid_seq = t->xid_seq, .create_undo = a->in->recovered_blank[a->in->thread] };
}

enum err instance__adopt_recovered_thread(struct instance *in, const struct recovery_thread *rt, struct thread_start *ret, struct diag *d)
{
    struct adoption a = { .in = in, .rt = rt };
    enum err err = instance__control_update(in, adopt_thread, &a, d);
    *ret = a.start;
    return err ? diag_wrap(d, err, "opening redo thread %u", in->thread) : ERR_OK;
}

struct closing {
    struct instance *in;
    lsn_t end;
    uint64_t xid_seq;
};

static void close_thread(void *arg, struct control *c)
{
    const struct closing *cl = arg;
    struct control_thread *t = &c->thread[cl->in->thread];
    t->state = THREAD_CLOSED;
    t->checkpoint = t->end = cl->end;
    t->xid_seq = MAX(t->xid_seq, cl->xid_seq);
    t->checkpoint_scn = scn_now(&cl->in->scn);
    c->scn_high_water = MAX(c->scn_high_water, t->checkpoint_scn);
}

/* ---- checkpoints --------------------------------------------------------------------- */

static void note_checkpoint(void *arg, struct control *c)
{
    const struct closing *cl = arg;
    struct control_thread *t = &c->thread[cl->in->thread];
    t->checkpoint = MAX(t->checkpoint, cl->end);
    t->checkpoint_scn = scn_now(&cl->in->scn);
    t->xid_seq = MAX(t->xid_seq, cl->xid_seq);
    c->scn_high_water = MAX(c->scn_high_water, t->checkpoint_scn);
}

/* The thread's recovery starts no earlier than here from now on: control file first, then the log files behind it are free. */
static enum err advance_checkpoint(struct instance *in, lsn_t to, struct diag *d)
{
    struct closing cl = { in, to, txn_xid_seq(in->ts) };
    redo_flush(in->redo, to); /* a checkpoint beyond the end of the log would be taken for damage (R8) */
    enum err err = instance__control_update(in, note_checkpoint, &cl, d);
    if (err)
        return err;
    in->checkpoint = to;
    redo_set_checkpoint(in->redo, to);
    return ERR_OK;
}

enum err instance__checkpoint(struct instance *in, struct diag *d)
{
    lsn_t to;
    rt_mutex_lock(&in->checkpoint_lock);
    enum err err = bufcache_checkpoint(in->bc, &to, d);
    if (!err && to > in->checkpoint)
        err = advance_checkpoint(in, to, d);
    rt_mutex_unlock(&in->checkpoint_lock);
    return err ? diag_wrap(d, err, "checkpoint") : ERR_OK;
}

/*
 * Follows what the block writer has brought to disk. Where no log file can be allocated it has all blocks written first: the writer by itself
 * leaves more redo behind than a small log file holds, and all changes would be refused until somebody freed disk space.
 */
static lsn_t checkpoint_due(struct instance *in)
{
    lsn_t to = bufcache_oldest_dirty(in->bc);
    struct diag d;
    if (!redo_is_short(in->redo))
        return to >= in->checkpoint + CHECKPOINT_MIN_BYTES ? to : 0;
    if (bufcache_checkpoint(in->bc, &to, &d) != ERR_OK)
        log_diag(in->log, LOG_WARNING, &d, "there is no room for more redo, and it could not be made");
    return to > in->checkpoint ? to : 0;
}

static void checkpointer_fiber(void *arg)
{
    struct instance *in = arg;
    rt_mutex_lock(&in->checkpoint_lock);
    while (!in->checkpointer_stop) {
        enum err err = rt_cond_wait(&in->checkpoint_wake, &in->checkpoint_lock, rt_now() + CHECKPOINT_PERIOD_NS, false);
        const lsn_t to = err == ERR_TIMED_OUT ? checkpoint_due(in) : 0;
        struct diag d;
        if (to > 0 && advance_checkpoint(in, to, &d) != ERR_OK)
            instance__fatal_diag(in, &d);
    }
    rt_mutex_unlock(&in->checkpoint_lock);
}

/* ---- open and close --------------------------------------------------------------------- */

static enum err open_redo_and_cache(struct instance *in, lsn_t start, struct diag *d)
{
    const struct redo_options ro = { .dir = in->dir, .thread = in->thread, .incarnation = in->incarnation, .start = start,
                                     .file_bytes = (uint64_t)in->opt.config->redo_file_size, .buffer_bytes = REDO_BUFFER_BYTES, .scn = &in->scn,
                                     .log = in->log, .fatal = instance__fatal_diag, .fatal_arg = in };
    enum err err = files_open(in->dir, false, &in->files, d);
    if (!err)
        err = redo_open(&ro, &in->redo, d);
    if (err)
        return err;
    in->checkpoint = start;
    const struct bufcache_options bo = { .size_bytes = (uint64_t)in->opt.config->buffer_cache_size, .thread = in->thread, .dir = in->dir,
                                         .files = in->files, .redo = in->redo, .redo_ops = &instance__redo_ops, .scn = &in->scn, .gcs = in->gcs,
                                         .log = in->log, .fatal = instance__fatal_diag, .fatal_arg = in };
    return bufcache_open(&bo, &in->bc, d);
}

static enum err open_transactions(struct instance *in, const struct thread_start *start, struct diag *d)
{
    const struct txn_options to = { .bc = in->bc, .files = in->files, .redo = in->redo, .scn = &in->scn, .ges = in->ges, .ic = in->ic,
                                    .self = in->node, .thread = in->thread, .xid_seq_start = start->xid_seq, .tt_entries = in->opt.tt_entries,
                                    .undo_retention_secs = (uint32_t)in->opt.config->undo_retention_secs, .log = in->log,
                                    .fatal = instance__fatal_diag, .fatal_arg = in };
    enum err err = start->create_undo ? txn_create_undo(&to, d) : ERR_OK;
    if (!err)
        err = txn_open(&to, &in->ts, d);
    if (!err && in->ic) /* not while an instance that is alone recovers: what it has open then is closed while peers talk to this one */
        atomic_store(&in->peers_ts, in->ts);
    return err;
}

enum err instance__open_database(struct instance *in, const struct thread_start *start, struct diag *d)
{
    enum err err = open_redo_and_cache(in, start->lsn, d);
    if (!err)
        err = open_transactions(in, start, d);
    if (!err)
        err = space_open(in->bc, in->files, in->ges, in->thread, &in->space, d);
    if (err)
        return diag_wrap(d, err, "opening the database in %s", in->dir);
    const struct access_options ao = { .bc = in->bc, .space = in->space, .ts = in->ts, .redo = in->redo, .log = in->log };
    in->access = access_open(&ao);
    in->sequences = sequences_open(in->access, in->ges);
    const struct catalog_options co = { .access = in->access, .bc = in->bc, .ts = in->ts, .space = in->space, .ges = in->ges,
                                        .sequences = in->sequences, .log = in->log };
    err = catalog_open(&co, &in->catalog, d);
    if (err)
        return err;
    in->checkpointer = rt_spawn(&(struct rt_spawn_options){ .name = "checkpointer", .worker = 0, .prio = RT_PRIO_LOW }, checkpointer_fiber, in);
    return in->checkpointer ? ERR_OK : diag_set(d, ERR_RESOURCES, "no fiber for the checkpointer");
}

static void stop_checkpointer(struct instance *in)
{
    if (!in->checkpointer)
        return;
    rt_mutex_lock(&in->checkpoint_lock);
    in->checkpointer_stop = true;
    rt_cond_signal(&in->checkpoint_wake);
    rt_mutex_unlock(&in->checkpoint_lock);
    rt_join(in->checkpointer);
    in->checkpointer = NULL;
}

enum err instance__close_database(struct instance *in, struct diag *d)
{
    stop_checkpointer(in);
    struct closing cl = { .in = in, .xid_seq = txn_xid_seq(in->ts) };
    txn_stop(in->ts);
    enum err err = bufcache_drain(in->bc, d);
    redo_flush(in->redo, redo_end(in->redo));
    cl.end = redo_end(in->redo);
    if (!err)
        err = instance__control_update(in, close_thread, &cl, d);
    bufcache_close(in->bc);
    files_close(in->files);
    return err ? diag_wrap(d, err, "closing the database") : ERR_OK;
}

void instance__free_database(struct instance *in)
{
    catalog_close(in->catalog);
    sequences_close(in->sequences);
    txn_close(in->ts);
    in->ts = NULL;
    access_close(in->access);
    space_close(in->space);
    redo_close(in->redo); /* not before: until the node has left, others' messages and views ask the transactions how far it is durable */
}

/* ---- crash recovery ------------------------------------------------------------------------ */

static void recovery_progress(void *arg, const char *step, uint64_t done, uint64_t all)
{
    const struct instance *in = arg;
    if (done == 0 || done == all)
        log_info(in->log, "crash recovery: %s: %" PRIu64 " of %" PRIu64, step, done, all);
}

/*
 * A thread whose first owner died before the first record was durable has no undo yet, nor anything else: it is as good as never used.
 * Otherwise redo has formatted the file's first block by now.
 */
static enum err find_blank_threads(struct instance *in, struct files *files, struct diag *d)
{
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    enum err err = ERR_OK;
    for (unsigned i = 0; i < in->recovered.nthreads && !err; i++) {
        const uint16_t thread = in->recovered.threads[i].thread;
        const struct dba first = dba_make(FILE_UNDO_BASE + thread, 0);
        err = files_read(files, first, block, d);
        if (!err)
            err = block_verify(block, first, d);
        in->recovered_blank[thread] = err == ERR_UNDEFINED_FILE || (!err && block_header_const(block)->type == BLOCK_NONE);
        err = err == ERR_UNDEFINED_FILE ? ERR_OK : err;
    }
    rt_free_aligned(block, BLOCK_SIZE);
    return err;
}

static enum err apply_redo(struct instance *in, struct diag *d)
{
    struct files *files;
    enum err err = files_open(in->dir, false, &files, d);
    if (err)
        return err;
    const struct recovery_options ro = { .dir = in->dir, .files = files, .ops = &instance__redo_ops,
                                         .fibers = (uint32_t)in->opt.config->parallel_redo_threads, .log = in->log, .progress = recovery_progress,
                                         .progress_arg = in };
    err = recovery_run(&ro, &in->recovered, d);
    if (!err)
        err = find_blank_threads(in, files, d);
    files_close(files);
    if (err)
        return err;
    scn_raise(&in->scn, in->recovered.scn_max);
    return ERR_OK;
}

struct recovered_thread {
    const struct recovery_thread *rt;
    bool blank;
};

static void thread_recovered(void *arg, struct control *c)
{
    const struct recovered_thread *r = arg;
    const struct recovery_thread *rt = r->rt;
    struct control_thread *t = &c->thread[rt->thread];
    t->state = r->blank ? THREAD_UNUSED : THREAD_CLOSED;
    t->checkpoint = t->end = rt->end;
    t->xid_seq = MAX(t->xid_seq, rt->xid_seq_max) + XID_RESERVE;
}

static enum err roll_back_threads(struct instance *in, struct diag *d)
{
    for (unsigned i = 0; i < in->recovered.nthreads; i++) {
        struct recovery_thread *rt = &in->recovered.threads[i];
        uint64_t n;
        if (in->recovered_blank[rt->thread])
            continue;
        enum err err = txn_recover_thread(in->ts, rt->thread, &n, d);
        if (err)
            return err;
        log_info(in->log, "redo thread %u: %" PRIu64 " unfinished transactions rolled back", rt->thread, n);
    }
    return ERR_OK;
}

/* What was rolled back must be on disk before its threads count as closed: their logs are not read again (R18). */
static enum err close_recovered_threads(struct instance *in, struct diag *d)
{
    enum err err = instance__checkpoint(in, d);
    for (unsigned i = 0; i < in->recovered.nthreads && !err; i++) {
        struct recovered_thread r = { &in->recovered.threads[i], in->recovered_blank[in->recovered.threads[i].thread] };
        if (r.rt->thread != in->thread) /* that one is open again, and closed with the database */
            err = instance__control_update(in, thread_recovered, &r, d);
    }
    return err;
}

/* The own thread goes on behind what was recovered of it, and logs the rollback of all. */
static enum err open_own_thread(struct instance *in, struct thread_start *ret, struct diag *d)
{
    for (unsigned i = 0; i < in->recovered.nthreads; i++)
        if (in->recovered.threads[i].thread == in->thread)
            return instance__adopt_recovered_thread(in, &in->recovered.threads[i], ret, d);
    return instance__claim_thread(in, ret, d);
}

/* An instance that is alone: its cluster services are set aside, no block and no lock is asked of anybody. */
static enum err roll_back_alone(struct instance *in, struct diag *d)
{
    struct gcs *gcs = in->gcs;
    struct ges *ges = in->ges;
    struct interconnect *ic = in->ic;
    struct ges_owner *services = in->services;
    in->gcs = NULL;
    in->ges = NULL;
    in->ic = NULL;
    in->services = NULL;
    struct thread_start start;
    enum err err = open_own_thread(in, &start, d);
    if (!err)
        err = instance__open_database(in, &start, d);
    if (!err)
        err = roll_back_threads(in, d);
    if (!err)
        err = close_recovered_threads(in, d);
    if (!err)
        err = instance__close_database(in, d);
    if (!err)
        instance__free_database(in);
    in->gcs = gcs;
    in->ges = ges;
    in->ic = ic;
    in->services = services;
    return err;
}

enum err instance__recover(void *arg, struct diag *d)
{
    struct instance *in = arg;
    in->first = true;
    enum err err = apply_redo(in, d);
    if (!err && in->recovered.nthreads)
        err = roll_back_alone(in, d);
    return err ? diag_wrap(d, err, "crash recovery") : ERR_OK;
}
