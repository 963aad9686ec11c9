/*
 * Reading a redo thread: recovery and tools.
 *
 * A log block counts when it is intact, carries the position at which it lies,
 * and belongs to the present owner: the incarnation changes only at a block
 * that opens the thread for a new one. What an earlier owner wrote beyond the
 * point at which its successor went on never passes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "redo/format.h"
#include "redo/logfiles.h"
#include "rt/rt.h"

#define CHUNK_BYTES (256u << 10)
static_assert(CHUNK_BYTES % REDO_LOG_BLOCK == 0, "chunks hold whole log blocks");

struct redo_reader {
    char dir[LOG_PATH_MAX];
    uint16_t thread;
    struct log_file_info *files;
    unsigned nfiles;

    struct rt_file *open_file;
    uint64_t open_sequence;
    uint8_t *chunk; /* what was read last: positions [chunk_lsn, chunk_lsn + chunk_len) */
    lsn_t chunk_lsn;
    uint32_t chunk_len;

    lsn_t from, known_durable;
    lsn_t block_lsn; /* the present log block */
    const uint8_t *block; /* in `chunk`; NULL: none yet */
    uint32_t offset, used_end; /* next byte in it, end of what is used */
    incarnation_t *owner; /* every owner met, the present one last */
    unsigned nowners;

    uint8_t *record; /* gathered so far */
    uint32_t record_len;
    lsn_t record_start;
    lsn_t position;
    bool ended;
};

static enum err open_sequence(struct redo_reader *r, uint64_t sequence, struct diag *d)
{
    char path[LOG_PATH_MAX];
    if (r->open_file != NULL && r->open_sequence == sequence)
        return ERR_OK;
    rt_close(r->open_file);
    r->open_file = NULL;
    log_file_path(path, r->dir, r->thread, sequence);
    const enum err err = rt_open(path, RT_OPEN_READ | RT_OPEN_DIRECT, &r->open_file, d);
    if (!err)
        r->open_sequence = sequence;
    return err;
}

/* The youngest file that holds the position. */
static const struct log_file_info *file_of(const struct redo_reader *r, lsn_t lsn)
{
    const struct log_file_info *found = NULL;
    for (unsigned i = 0; i < r->nfiles; i++) {
        const struct log_file_info *f = &r->files[i];
        const bool holds = f->valid && f->header.start <= lsn && lsn < f->header.start + f->header.data_bytes;
        if (holds && (found == NULL || f->sequence > found->sequence))
            found = f;
    }
    return found;
}

/* The bytes at a log block's position; *ret NULL: no file holds it. */
static enum err read_block(struct redo_reader *r, lsn_t lsn, const uint8_t **ret, struct diag *d)
{
    if (r->chunk_len > 0 && lsn >= r->chunk_lsn && lsn < r->chunk_lsn + r->chunk_len) {
        *ret = r->chunk + (lsn - r->chunk_lsn);
        return ERR_OK;
    }
    *ret = NULL;
    const struct log_file_info *f = file_of(r, lsn);
    if (f == NULL)
        return ERR_OK;
    enum err err = open_sequence(r, f->sequence, d);
    if (err)
        return err;
    const uint64_t left = f->header.start + f->header.data_bytes - lsn;
    size_t got = 0;
    err = rt_pread(r->open_file, r->chunk, (size_t)MIN((uint64_t)CHUNK_BYTES, left), REDO_LOG_BLOCK + (lsn - f->header.start), &got, d);
    if (err)
        return err;
    r->chunk_lsn = lsn;
    r->chunk_len = (uint32_t)(got / REDO_LOG_BLOCK * REDO_LOG_BLOCK);
    if (r->chunk_len > 0)
        *ret = r->chunk;
    return ERR_OK;
}

/* ---- the tail (R8) --------------------------------------------------------- */

/* Where in a file a claim beyond `lsn` can be: blocks claim no more than their own position. UINT64_MAX: nowhere. */
static uint64_t claims_from(const struct log_file_info *f, lsn_t lsn)
{
    if (!f->valid || f->header.start >= lsn)
        return REDO_LOG_BLOCK;
    return f->header.start + f->header.data_bytes <= lsn ? UINT64_MAX : REDO_LOG_BLOCK + (lsn - f->header.start);
}

/* Highest position beyond `lsn` that any intact block of this thread's files claims durable, wherever it lies; or less. */
static enum err highest_claim(struct redo_reader *r, lsn_t lsn, lsn_t *ret, struct diag *d)
{
    lsn_t highest = 0;
    r->chunk_len = 0;
    for (unsigned i = 0; i < r->nfiles; i++) {
        const uint64_t from = claims_from(&r->files[i], lsn);
        if (from == UINT64_MAX)
            continue;
        enum err err = open_sequence(r, r->files[i].sequence, d);
        for (uint64_t at = from; !err; at += CHUNK_BYTES) {
            size_t got = 0;
            err = rt_pread(r->open_file, r->chunk, CHUNK_BYTES, at, &got, d);
            for (size_t k = 0; !err && k + REDO_LOG_BLOCK <= got; k += REDO_LOG_BLOCK) {
                struct log_block_header h;
                if (log_block_valid(r->chunk + k, r->thread, &h))
                    highest = MAX(highest, h.durable);
            }
            if (err || got < CHUNK_BYTES)
                break;
            rt_yield_if_due();
        }
        if (err)
            return err;
    }
    *ret = highest;
    return ERR_OK;
}

/* The block at `lsn` does not count: it is the end of the log, unless somebody knows that it was durable. */
static enum err end_or_damage(struct redo_reader *r, lsn_t lsn, struct diag *d)
{
    const struct log_file_info *f = file_of(r, lsn);
    char path[LOG_PATH_MAX] = "no file";
    if (f != NULL)
        log_file_path(path, r->dir, r->thread, f->sequence);
    lsn_t claimed = 0;
    enum err err = highest_claim(r, lsn, &claimed, d);
    if (err)
        return err;
    const lsn_t durable = MAX(MAX(claimed, r->known_durable), r->from);
    if (durable > lsn && !MUTATED("R8"))
        return diag_set(d, ERR_CORRUPT, "redo thread %u: the log block at position %" PRIu64 " (%s, offset %" PRIu64
                        ") is damaged or missing, although the log was durable up to position %" PRIu64, r->thread, lsn, path,
                        f != NULL ? REDO_LOG_BLOCK + (lsn - f->header.start) : 0, durable);
    r->ended = true;
    r->position = lsn;
    return ERR_OK;
}

/* ---- blocks ----------------------------------------------------------------- */

static void add_owner(struct redo_reader *r, incarnation_t owner)
{
    r->owner = xrealloc(r->owner, (r->nowners + 1) * sizeof(*r->owner));
    r->owner[r->nowners++] = owner;
}

static bool owner_seen(const struct redo_reader *r, incarnation_t owner)
{
    for (unsigned i = 0; i < r->nowners; i++)
        if (r->owner[i] == owner)
            return true;
    return false;
}

/* May this block follow what was read? Takes note of a new owner, whose first block also ends a record that was cut short. */
static bool owner_may_follow(struct redo_reader *r, const struct log_block_header *h)
{
    if (r->nowners > 0 && h->incarnation == r->owner[r->nowners - 1])
        return true;
    if (r->nowners > 0 && (!(h->flags & LOG_BLOCK_OPEN) || owner_seen(r, h->incarnation)))
        return false;
    add_owner(r, h->incarnation);
    r->record_len = 0;
    return true;
}

/* Goes to the block at `lsn`; r->ended when the log ends before it. */
static enum err enter_block(struct redo_reader *r, lsn_t lsn, struct diag *d)
{
    const uint8_t *block;
    struct log_block_header h;
    const bool cut = r->block != NULL && r->used_end < REDO_LOG_BLOCK;
    const enum err err = read_block(r, lsn, &block, d);
    if (err)
        return err;
    if (block == NULL || !log_block_valid(block, r->thread, &h) || h.lsn != lsn || !owner_may_follow(r, &h))
        return end_or_damage(r, lsn, d);
    if (cut && r->record_len > 0)
        return diag_set(d, ERR_CORRUPT, "redo thread %u: the record at position %" PRIu64 " is cut off at position %" PRIu64, r->thread,
                        r->record_start, lsn);
    r->block = block;
    r->block_lsn = lsn;
    r->offset = LOG_BLOCK_HEADER;
    r->used_end = LOG_BLOCK_HEADER + h.used;
    return ERR_OK;
}

static enum err enter_first_block(struct redo_reader *r, struct diag *d)
{
    const lsn_t lsn = r->from - r->from % REDO_LOG_BLOCK;
    const uint32_t offset = (uint32_t)(r->from - lsn);
    const enum err err = enter_block(r, lsn, d);
    if (err || r->ended || offset == 0)
        return err;
    if (offset < LOG_BLOCK_HEADER || offset > r->used_end)
        return diag_set(d, ERR_CORRUPT, "redo thread %u: position %" PRIu64 " is not the start of a record", r->thread, r->from);
    r->offset = offset;
    return ERR_OK;
}

static enum err next_block(struct redo_reader *r, struct diag *d)
{
    return r->block == NULL ? enter_first_block(r, d) : enter_block(r, r->block_lsn + REDO_LOG_BLOCK, d);
}

/* ---- records ----------------------------------------------------------------- */

/* Gathers the record until it has `want` bytes, or the log ends, or an owner's first block has voided it. */
static enum err gather(struct redo_reader *r, uint32_t want, struct diag *d)
{
    const unsigned owners = r->nowners;
    while (r->record_len < want) {
        while (r->block == NULL || r->offset == r->used_end) {
            const enum err err = next_block(r, d);
            if (err || r->ended || r->nowners != owners)
                return err;
        }
        if (r->record_len == 0)
            r->record_start = r->block_lsn + (r->offset == LOG_BLOCK_HEADER ? 0 : r->offset);
        const uint32_t n = MIN(want - r->record_len, r->used_end - r->offset);
        memcpy(r->record + r->record_len, r->block + r->offset, n);
        r->record_len += n;
        r->offset += n;
    }
    return ERR_OK;
}

static enum err bad_record(const struct redo_reader *r, const char *why, struct diag *d)
{
    return diag_set(d, ERR_CORRUPT, "redo thread %u: the record at position %" PRIu64 " is damaged: %s", r->thread, r->record_start, why);
}

/* Gathers one whole record. It is looked at again after each new owner's block, which voids what was gathered before it. */
static enum err gather_record(struct redo_reader *r, uint32_t *ret_length, struct diag *d)
{
    const uint32_t header = sizeof(struct record_header);
    while (!r->ended) {
        const uint32_t length = r->record_len < header ? header : record_length(r->record);
        if (length == 0)
            return bad_record(r, "impossible length", d);
        if (r->record_len == length && record_length(r->record) == length) {
            *ret_length = length;
            return ERR_OK;
        }
        const enum err err = gather(r, length, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err redo_read(struct redo_reader *r, struct redo_record *ret, bool *ret_end_of_log, struct diag *d)
{
    uint32_t length = 0;
    r->record_len = 0;
    const enum err err = r->ended ? ERR_OK : gather_record(r, &length, d);
    if (err)
        return err;
    *ret_end_of_log = r->ended;
    if (r->ended)
        return ERR_OK;
    const char *why = NULL;
    if (!record_decode(r->record, length, ret, &why))
        return bad_record(r, why, d);
    ret->start = r->record_start;
    ret->end = r->position = r->block_lsn + r->offset;
    return ERR_OK;
}

/* ---- the reader ---------------------------------------------------------------- */

enum err redo_reader_open(const char *dir, uint16_t thread, lsn_t from, struct redo_reader **ret, struct diag *d)
{
    struct log_file_info *files = NULL;
    unsigned n = 0;
    const enum err err = log_files_list(dir, thread, &files, &n, d);
    if (err)
        return err;
    if (n == 0 && from > 0)
        return diag_set(d, ERR_CORRUPT, "redo thread %u: its log files are missing (%s/redo/%u)", thread, dir, thread);
    struct redo_reader *r = xcalloc(1, sizeof(*r));
    snprintf(r->dir, sizeof(r->dir), "%s", dir);
    r->thread = thread;
    r->files = files;
    r->nfiles = n;
    r->from = r->position = from;
    r->chunk = rt_alloc_aligned(CHUNK_BYTES);
    r->record = xmalloc(REDO_RECORD_MAX);
    *ret = r;
    return ERR_OK;
}

void redo_reader_known_durable(struct redo_reader *r, lsn_t upto)
{
    r->known_durable = MAX(r->known_durable, upto);
}

void redo_reader_expect(struct redo_reader *r, incarnation_t owner)
{
    assert(r->block == NULL && r->nowners == 0);
    add_owner(r, owner);
}

lsn_t redo_reader_position(const struct redo_reader *r)
{
    return r->position;
}

void redo_reader_close(struct redo_reader *r)
{
    if (r == NULL)
        return;
    rt_close(r->open_file);
    rt_free_aligned(r->chunk, CHUNK_BYTES);
    free(r->record);
    free(r->owner);
    free(r->files);
    free(r);
}

enum err redo_sync_log(const char *dir, uint16_t thread, struct diag *d)
{
    struct log_file_info *files = NULL;
    unsigned n = 0;
    enum err err = log_files_list(dir, thread, &files, &n, d);
    for (unsigned i = 0; i < n && !err; i++) {
        char path[LOG_PATH_MAX];
        struct rt_file *f = NULL;
        log_file_path(path, dir, thread, files[i].sequence);
        err = rt_open(path, RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, d);
        if (!err)
            err = rt_fdatasync(f, d);
        rt_close(f);
    }
    free(files);
    return err;
}
