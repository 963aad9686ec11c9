/*
 * Blocks torn by a power loss: their copies in the double-write areas were
 * durable before the write in place began. The newest copy among the areas of
 * all threads that were not closed is the one that was being written (R5).
 */
#include <stdlib.h>

#include "recovery/recovery_int.h"

struct repair {
    const struct recovery_options *opt;
    struct u64map *images; /* dba of a torn block -> its newest copy, aligned */
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

/* The areas themselves stay as they are: a power loss in here leaves what is needed to begin anew. */
static enum err write_copies(struct repair *r, struct diag *d)
{
    struct u64map *touched = u64map_new(16);
    size_t pos = 0;
    uint64_t key;
    void *value;
    enum err err = ERR_OK;
    while (!err && u64map_next(r->images, &pos, &key, &value)) {
        const struct dba dba = { key };
        err = files_write(r->opt->files, dba, value, d);
        u64map_put(touched, dba_file(dba), r);
    }
    for (pos = 0; !err && u64map_next(touched, &pos, &key, &value);)
        err = files_sync(r->opt->files, (uint32_t)key, d);
    u64map_free(touched);
    return err;
}

enum err recovery__repair_torn(const struct recovery_options *opt, struct recovery_result *result, struct diag *d)
{
    struct repair r = { opt, u64map_new(64), rt_alloc_aligned(BLOCK_SIZE) };
    enum err err = ERR_OK;
    for (unsigned i = 0; i < result->nthreads && !err; i++)
        err = dw_scan(opt->dir, result->threads[i].thread, keep_copy, &r, d);
    if (!err && !MUTATED("R5_repair"))
        err = write_copies(&r, d);
    result->torn = u64map_count(r.images);

    size_t pos = 0;
    uint64_t key;
    void *value;
    while (u64map_next(r.images, &pos, &key, &value))
        rt_free_aligned(value, BLOCK_SIZE);
    u64map_free(r.images);
    rt_free_aligned(r.block, BLOCK_SIZE);
    return err ? diag_wrap(d, err, "repairing torn blocks") : ERR_OK;
}
