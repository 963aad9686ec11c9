/*
 * Applying one part of the recovery set: several fibers take batches of
 * neighbouring blocks. A batch is read, brought forward, written to the
 * double-write area, synced, written in place, synced.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "recovery/recovery_int.h"

#define FIBERS_MAX 64u

struct job {
    const struct recovery_options *opt;
    struct dw *dw;
    struct rpart *part;
    struct rt_spin spin; /* protects what follows */
    size_t next; /* block that nobody has taken */
    enum err err; /* of the first batch that failed */
    struct diag diag;
    uint64_t changed, damaged;
};

struct batch {
    uint8_t *memory; /* DW_BATCH_MAX aligned blocks */
    struct dba dba[DW_BATCH_MAX];
    const void *block[DW_BATCH_MAX];
    unsigned n;
};

/* Reads the base image, verifies it, brings it forward. Changed blocks stay in the batch, sealed. */
static enum err recover_block(struct job *j, struct batch *b, struct rblock *rb, struct diag *d)
{
    uint8_t *image = b->memory + (size_t)b->n * BLOCK_SIZE;
    struct diag why;
    enum rapply outcome;
    enum err err = files_read(j->opt->files, rb->dba, image, d);
    if (err)
        return err;
    const bool intact = block_verify(image, rb->dba, &why) == ERR_OK;
    err = rblock_apply(rb, image, intact, j->opt->ops, &outcome, d);
    if (err)
        return err;
    if (outcome == RAPPLY_NO_BASE) {
        log_error(j->opt->log, "recovery: %s; there is nothing to rebuild it from, reading it will fail", why.message);
        rt_spin_lock(&j->spin);
        j->damaged++;
        rt_spin_unlock(&j->spin);
    } else if (outcome == RAPPLY_CHANGED) {
        block_seal(image);
        b->dba[b->n] = rb->dba;
        b->block[b->n++] = image;
    }
    return ERR_OK;
}

/* R5: in place only what is durable in the double-write area; the slot is free after the sync in place. */
static enum err write_batch(struct job *j, const struct batch *b, struct diag *d)
{
    uint32_t slot;
    if (b->n == 0)
        return ERR_OK;
    enum err err = dw_write_batch(j->dw, b->block, b->n, &slot, d);
    if (err)
        return err;
    for (unsigned i = 0; i < b->n && !err; i++)
        err = files_write(j->opt->files, b->dba[i], b->block[i], d);
    for (unsigned i = 0; i < b->n && !err; i++)
        if (i == 0 || dba_file(b->dba[i]) != dba_file(b->dba[i - 1]))
            err = files_sync(j->opt->files, dba_file(b->dba[i]), d);
    dw_done(j->dw, slot); /* after a failure too: nothing is written any more */
    return err;
}

/* Takes the next blocks; false: there are none, or somebody has failed. */
static bool take(struct job *j, size_t *ret_from, size_t *ret_to)
{
    rt_spin_lock(&j->spin);
    *ret_from = j->next;
    *ret_to = MIN(j->next + DW_BATCH_MAX, j->part->n);
    j->next = *ret_to;
    const bool more = *ret_from < *ret_to && j->err == ERR_OK;
    rt_spin_unlock(&j->spin);
    return more;
}

static void report(struct job *j, enum err err, const struct diag *d, unsigned changed)
{
    rt_spin_lock(&j->spin);
    if (err && !j->err) {
        j->err = err;
        j->diag = *d;
    }
    j->changed += err ? 0 : changed;
    rt_spin_unlock(&j->spin);
}

static void apply_main(void *arg)
{
    struct job *j = arg;
    struct batch *b = xcalloc(1, sizeof(*b));
    size_t from, to;
    b->memory = rt_alloc_aligned((size_t)DW_BATCH_MAX * BLOCK_SIZE);
    while (take(j, &from, &to)) {
        struct diag d;
        enum err err = ERR_OK;
        b->n = 0;
        for (size_t i = from; i < to && !err; i++) {
            err = recover_block(j, b, j->part->list[i], &d);
            rt_yield_if_due();
        }
        if (!err)
            err = write_batch(j, b, &d);
        report(j, err, &d, b->n);
    }
    rt_free_aligned(b->memory, (size_t)DW_BATCH_MAX * BLOCK_SIZE);
    free(b);
}

enum err recovery__apply_part(const struct recovery_options *opt, struct recovery_result *r, struct dw *dw, struct rpart *part, struct diag *d)
{
    struct job *j = xcalloc(1, sizeof(*j));
    struct fiber *f[FIBERS_MAX];
    unsigned n = 0;
    const uint32_t wanted = MIN(opt->fibers > 0 ? opt->fibers : 4 * rt_workers(), FIBERS_MAX);
    j->opt = opt;
    j->dw = dw;
    j->part = part;
    for (uint32_t i = 0; i + 1 < wanted; i++) {
        const struct rt_spawn_options so = { .name = "recovery apply", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL };
        f[n] = rt_spawn(&so, apply_main, j);
        if (f[n] == NULL)
            break;
        n++;
    }
    apply_main(j);
    for (unsigned i = 0; i < n; i++)
        rt_join(f[i]);
    const enum err err = j->err;
    if (err) {
        *d = j->diag;
    } else {
        r->changed += j->changed;
        r->damaged += j->damaged;
    }
    free(j);
    return err ? diag_wrap(d, err, "applying the redo") : ERR_OK;
}
