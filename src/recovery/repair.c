/*
 * Blocks torn by a power loss: their copies in the double-write areas were
 * durable before the write in place began. The newest copy among the areas of
 * all threads that were not closed is the one that was being written (R5).
 *
 * A block can be damaged otherwise, and an area keeps copies of batches that
 * were finished long ago. What was being written had held back the checkpoint
 * of the thread that made its last change: the redo has that change. A copy that the redo
 * does not reach is an old one, and would take the block back to it unnoticed.
 */
#include <stdlib.h>

#include "recovery/recovery_int.h"

struct repair {
    const struct recovery_options *opt;
    const struct rset *set;
    struct u64map *images; /* dba of a torn block -> its newest copy, aligned */
    uint64_t repaired;
    uint8_t *block; /* aligned */
};

static enum err keep_copy(void *arg, struct dba dba, const void *copy, struct diag *d)
{
    struct repair *r = arg;
    struct diag torn;
    uint8_t *kept = u64map_get(r->images, dba.v);
    if (kept == NULL) {
        const enum err err = files_read(r->opt->files, dba, r->block, d);
        if (err)
            return err;
        if (block_verify(r->block, dba, &torn) == ERR_OK)
            return ERR_OK;
        kept = rt_alloc_aligned(BLOCK_SIZE);
        memcpy(kept, copy, BLOCK_SIZE);
        u64map_put(r->images, dba.v, kept);
        log_warning(r->opt->log, "recovery: %s; a copy of it is in a double-write area", torn.message);
    } else if (block_scn(copy) > block_scn(kept)) {
        memcpy(kept, copy, BLOCK_SIZE);
    }
    return ERR_OK;
}

/* Was this copy being written in place when the instances died? */
static bool is_of_unfinished_write(const struct repair *r, struct dba dba, const void *copy)
{
    const struct rset_block *b = rset_find(r->set, dba);
    return b != NULL && b->last >= block_scn(copy);
}

/* The areas themselves stay as they are: a power loss in here leaves what is needed to begin anew. */
static enum err write_copies(struct repair *r, struct recovery_result *result, struct diag *d)
{
    struct u64map *touched = u64map_new(16);
    size_t pos = 0;
    uint64_t key;
    void *value;
    enum err err = ERR_OK;
    while (!err && u64map_next(r->images, &pos, &key, &value)) {
        const struct dba dba = { key };
        if (!is_of_unfinished_write(r, dba, value)) {
            log_error(r->opt->log, "recovery: block %u of file %u stays damaged: its copy of SCN %" PRIu64 " is of a write that had been finished, "
                      "and the block may have been newer; reading it will fail", dba_block(dba), dba_file(dba), block_scn(value));
            result->damaged += rset_find(r->set, dba) == NULL; /* else it is counted when the redo is applied */
            continue;
        }
        r->repaired++;
        err = files_write(r->opt->files, dba, value, d);
        u64map_put(touched, dba_file(dba), r);
    }
    for (pos = 0; !err && u64map_next(touched, &pos, &key, &value);)
        err = files_sync(r->opt->files, (uint32_t)key, d);
    u64map_free(touched);
    return err;
}

enum err recovery__repair_torn(const struct recovery_options *opt, struct recovery_result *result, const struct rset *set, struct diag *d)
{
    struct repair r = { .opt = opt, .set = set, .images = u64map_new(64), .block = rt_alloc_aligned(BLOCK_SIZE) };
    enum err err = ERR_OK;
    for (unsigned i = 0; i < result->nthreads && !err; i++)
        err = dw_scan(opt->dir, result->threads[i].thread, keep_copy, &r, d);
    if (!err && !MUTATED("R5_repair"))
        err = write_copies(&r, result, d);
    result->torn = r.repaired;

    size_t pos = 0;
    uint64_t key;
    void *value;
    while (u64map_next(r.images, &pos, &key, &value))
        rt_free_aligned(value, BLOCK_SIZE);
    u64map_free(r.images);
    rt_free_aligned(r.block, BLOCK_SIZE);
    return err ? diag_wrap(d, err, "repairing torn blocks") : ERR_OK;
}
