#include "storage/dw.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "rt/rt.h"
#include "storage/block.h"

#define DW_MAGIC 0x57445452u /* "RTDW" */
#define DW_FORMAT 1u
#define DW_HEADER_BYTES 4096u
#define DW_SLOT_BYTES (DW_HEADER_BYTES + DW_BATCH_MAX * BLOCK_SIZE)
#define DW_PATH_MAX 1024u

/* A slot on disk: this header, then its blocks. */
struct dw_header {
    uint32_t magic;
    uint32_t crc; /* of the DW_HEADER_BYTES with this field zero */
    uint32_t format;
    uint16_t thread;
    uint16_t n;
    uint64_t reserved;
    struct {
        uint64_t dba;
        uint32_t crc; /* the block's own */
        uint32_t reserved;
    } block[DW_BATCH_MAX];
};
static_assert(sizeof(struct dw_header) <= DW_HEADER_BYTES, "the header of a slot");

struct dw {
    struct rt_file *f;
    uint16_t thread;
    struct rt_mutex mutex; /* protects busy */
    struct rt_cond freed;
    bool busy[DW_SLOTS];
    void *header[DW_SLOTS]; /* aligned; its slot's user's */
};

static enum err dw_path(char path[DW_PATH_MAX], const char *dir, uint16_t thread, struct diag *d)
{
    const int n = thread == 0 ? snprintf(path, DW_PATH_MAX, "%s/dw", dir) : snprintf(path, DW_PATH_MAX, "%s/dw/%u", dir, thread);
    if (n < 0 || (unsigned)n >= DW_PATH_MAX)
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    return ERR_OK;
}

static uint32_t header_crc(void *header)
{
    struct dw_header *h = header;
    const uint32_t kept = h->crc;
    h->crc = 0;
    const uint32_t crc = crc32c(0, header, DW_HEADER_BYTES);
    h->crc = kept;
    return crc;
}

/* ---- writing ---------------------------------------------------------------- */

/* Space is allocated here once, so that a full disk never keeps a block from being written. */
static enum err allocate_area(struct dw *dw, struct diag *d)
{
    uint64_t have;
    enum err err = rt_file_size(dw->f, &have, d);
    if (err || have >= (uint64_t)DW_SLOTS * DW_SLOT_BYTES)
        return err;
    err = rt_allocate(dw->f, have, (uint64_t)DW_SLOTS * DW_SLOT_BYTES - have, d);
    return err ? err : rt_fdatasync(dw->f, d);
}

static enum err open_area(struct dw *dw, const char *dir, struct diag *d)
{
    char folder[DW_PATH_MAX], path[DW_PATH_MAX];
    enum err err = dw_path(folder, dir, 0, d);
    if (!err)
        err = dw_path(path, dir, dw->thread, d);
    if (!err)
        err = rt_mkdir(folder, d);
    if (!err)
        err = rt_sync_dir(dir, d);
    if (!err)
        err = rt_open(path, RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_DIRECT, &dw->f, d);
    if (!err)
        err = allocate_area(dw, d);
    return err ? err : rt_sync_dir(folder, d);
}

enum err dw_open(const char *dir, uint16_t thread, struct dw **ret, struct diag *d)
{
    assert(thread > 0);
    struct dw *dw = xcalloc(1, sizeof(*dw));
    dw->thread = thread;
    const enum err err = open_area(dw, dir, d);
    if (err) {
        dw_close(dw);
        return diag_wrap(d, err, "opening the double-write area of redo thread %u", thread);
    }
    for (unsigned i = 0; i < DW_SLOTS; i++)
        dw->header[i] = rt_alloc_aligned(DW_HEADER_BYTES);
    *ret = dw;
    return ERR_OK;
}

void dw_close(struct dw *dw)
{
    if (dw == NULL)
        return;
    for (unsigned i = 0; i < DW_SLOTS; i++) {
        assert(!dw->busy[i]);
        if (dw->header[i] != NULL)
            rt_free_aligned(dw->header[i], DW_HEADER_BYTES);
    }
    rt_close(dw->f);
    free(dw);
}

static uint32_t take_slot(struct dw *dw)
{
    rt_mutex_lock(&dw->mutex);
    for (;;) {
        for (uint32_t i = 0; i < DW_SLOTS; i++) {
            if (!dw->busy[i]) {
                dw->busy[i] = true;
                rt_mutex_unlock(&dw->mutex);
                return i;
            }
        }
        const enum err err = rt_cond_wait(&dw->freed, &dw->mutex, RT_FOREVER, false);
        assert(err == ERR_OK);
    }
}

void dw_done(struct dw *dw, uint32_t slot)
{
    rt_mutex_lock(&dw->mutex);
    assert(dw->busy[slot]);
    dw->busy[slot] = false;
    rt_cond_signal(&dw->freed);
    rt_mutex_unlock(&dw->mutex);
}

static void fill_header(struct dw *dw, void *header, const void *const *blocks, unsigned n)
{
    struct dw_header *h = header;
    memset(header, 0, DW_HEADER_BYTES);
    h->magic = DW_MAGIC;
    h->format = DW_FORMAT;
    h->thread = dw->thread;
    h->n = (uint16_t)n;
    for (unsigned i = 0; i < n; i++) {
        h->block[i].dba = block_header_const(blocks[i])->dba;
        h->block[i].crc = block_header_const(blocks[i])->crc;
    }
    h->crc = header_crc(header);
}

enum err dw_write_batch(struct dw *dw, const void *const *blocks, unsigned n, uint32_t *ret_slot, struct diag *d)
{
    struct rt_iov iov[1 + DW_BATCH_MAX];
    assert(n > 0 && n <= DW_BATCH_MAX);
    const uint32_t slot = take_slot(dw);
    fill_header(dw, dw->header[slot], blocks, n);
    iov[0] = (struct rt_iov){ dw->header[slot], DW_HEADER_BYTES };
    for (unsigned i = 0; i < n; i++)
        iov[1 + i] = (struct rt_iov){ blocks[i], BLOCK_SIZE };
    enum err err = rt_pwritev(dw->f, iov, 1 + n, (uint64_t)slot * DW_SLOT_BYTES, d);
    if (!err)
        err = rt_fdatasync(dw->f, d);
    if (err) {
        dw_done(dw, slot);
        return diag_wrap(d, err, "double write of %u blocks", n);
    }
    *ret_slot = slot;
    return ERR_OK;
}

/* ---- scanning ---------------------------------------------------------------- */

/* The header says that block i was written here, and it is whole: what the header does not list is an older batch's. */
static bool slot_block_valid(const struct dw_header *h, unsigned i, const void *block)
{
    struct diag ignored;
    const struct block_header *b = block_header_const(block);
    return b->magic == BLOCK_MAGIC && b->crc == h->block[i].crc && block_verify(block, (struct dba){ h->block[i].dba }, &ignored) == ERR_OK;
}

static enum err scan_slot(uint8_t *slot, size_t len, uint16_t thread, dw_scan_fn *fn, void *arg, struct diag *d)
{
    struct dw_header *h = (struct dw_header *)slot;
    if (len < DW_HEADER_BYTES || h->magic != DW_MAGIC || h->format != DW_FORMAT || h->crc != header_crc(slot))
        return ERR_OK;
    if (h->thread != thread || h->n > DW_BATCH_MAX)
        return ERR_OK;
    for (unsigned i = 0; i < h->n && DW_HEADER_BYTES + (size_t)(i + 1) * BLOCK_SIZE <= len; i++) {
        const uint8_t *block = slot + DW_HEADER_BYTES + (size_t)i * BLOCK_SIZE;
        if (!slot_block_valid(h, i, block))
            continue;
        const enum err err = fn(arg, (struct dba){ h->block[i].dba }, block, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err dw_scan(const char *dir, uint16_t thread, dw_scan_fn *fn, void *arg, struct diag *d)
{
    char path[DW_PATH_MAX];
    struct rt_file *f = NULL;
    assert(thread > 0);
    enum err err = dw_path(path, dir, thread, d);
    if (!err)
        err = rt_open(path, RT_OPEN_READ | RT_OPEN_DIRECT, &f, d);
    if (err == ERR_UNDEFINED_FILE) {
        diag_clear(d);
        return ERR_OK;
    }
    if (err)
        return err;
    uint8_t *slot = rt_alloc_aligned(DW_SLOT_BYTES);
    for (uint32_t i = 0; i < DW_SLOTS && !err; i++) {
        size_t got = 0;
        err = rt_pread(f, slot, DW_SLOT_BYTES, (uint64_t)i * DW_SLOT_BYTES, &got, d);
        if (!err)
            err = scan_slot(slot, got, thread, fn, arg, d);
    }
    rt_free_aligned(slot, DW_SLOT_BYTES);
    rt_close(f);
    return err ? diag_wrap(d, err, "reading the double-write area of redo thread %u", thread) : ERR_OK;
}
