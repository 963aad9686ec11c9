#include "redo/logfiles.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ZERO_CHUNK (1u << 20)
#define SPARES_MAX 2u /* files kept for reuse; more are removed */

struct log_chain {
    char dir[LOG_PATH_MAX];
    uint16_t thread;
    uint64_t file_bytes;
    uint64_t sequence_next;
    struct rt_spin spin; /* protects first and the next pointers */
    struct log_file *first, *last;
    _Atomic lsn_t end;
    struct log_file_info *spare; /* files whose contents nobody needs */
    unsigned nspare;
    void *block; /* one aligned log block, the provider's */
};

void log_file_path(char path[LOG_PATH_MAX], const char *dir, uint16_t thread, uint64_t sequence)
{
    const int n = snprintf(path, LOG_PATH_MAX, "%s/redo/%u/%010" PRIu64 ".log", dir, thread, sequence);
    assert(n > 0 && (unsigned)n < LOG_PATH_MAX);
}

/* redo/<thread>, or a file in it */
static void thread_path(char path[LOG_PATH_MAX], const char *dir, uint16_t thread, const char *name)
{
    const int n = snprintf(path, LOG_PATH_MAX, "%s/redo/%u%s", dir, thread, name);
    assert(n > 0 && (unsigned)n < LOG_PATH_MAX);
}

static enum err check_dir(const char *dir, struct diag *d)
{
    if (strlen(dir) + 64 > LOG_PATH_MAX)
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long (%zu bytes)", strlen(dir));
    return ERR_OK;
}

/* ---- listing -------------------------------------------------------------- */

struct name_list {
    struct log_file_info *v;
    unsigned n;
};

static void add_name(void *arg, const char *name)
{
    struct name_list *l = arg;
    char *end;
    const uint64_t sequence = strtoull(name, &end, 10);
    if (end == name || strcmp(end, ".log") != 0)
        return;
    l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
    l->v[l->n++] = (struct log_file_info){ .sequence = sequence };
}

static enum err read_file_header(const char *dir, uint16_t thread, struct log_file_info *info, void *block, struct diag *d)
{
    char path[LOG_PATH_MAX];
    struct rt_file *f = NULL;
    size_t got = 0;
    log_file_path(path, dir, thread, info->sequence);
    enum err err = rt_open(path, RT_OPEN_READ | RT_OPEN_DIRECT, &f, d);
    if (err)
        return err;
    err = rt_pread(f, block, REDO_LOG_BLOCK, 0, &got, d);
    rt_close(f);
    if (err)
        return err;
    info->valid = got == REDO_LOG_BLOCK && log_file_header_decode(block, thread, &info->header) && info->header.sequence == info->sequence;
    return ERR_OK;
}

static int by_position(const void *a, const void *b)
{
    const struct log_file_info *x = a, *y = b;
    if (x->valid != y->valid)
        return x->valid ? -1 : 1;
    if (x->valid && x->header.start != y->header.start)
        return x->header.start < y->header.start ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

enum err log_files_list(const char *dir, uint16_t thread, struct log_file_info **ret, unsigned *ret_n, struct diag *d)
{
    char folder[LOG_PATH_MAX];
    struct name_list l = { 0 };
    enum err err = check_dir(dir, d);
    if (err)
        return err;
    thread_path(folder, dir, thread, "");
    err = rt_list_dir(folder, add_name, &l, d);
    if (err == ERR_UNDEFINED_FILE) {
        diag_clear(d);
        err = ERR_OK;
    }
    void *block = rt_alloc_aligned(REDO_LOG_BLOCK);
    for (unsigned i = 0; i < l.n && !err; i++)
        err = read_file_header(dir, thread, &l.v[i], block, d);
    rt_free_aligned(block, REDO_LOG_BLOCK);
    if (err) {
        free(l.v);
        return diag_wrap(d, err, "listing the log files of redo thread %u", thread);
    }
    if (l.n > 1)
        qsort(l.v, l.n, sizeof(*l.v), by_position);
    *ret = l.v;
    *ret_n = l.n;
    return ERR_OK;
}

/* ---- making files --------------------------------------------------------- */

/* Writes and syncs the header that puts the file at positions from `start` on. */
static enum err write_header(struct log_chain *c, struct rt_file *f, uint64_t sequence, lsn_t start, struct diag *d)
{
    const struct log_file_header h = {
        .thread = c->thread, .sequence = sequence, .start = start, .data_bytes = c->file_bytes - REDO_LOG_BLOCK
    };
    log_file_header_encode(c->block, &h);
    const enum err err = rt_pwrite(f, c->block, REDO_LOG_BLOCK, 0, d);
    return err ? err : rt_fdatasync(f, d);
}

static enum err write_zeroes(struct rt_file *f, uint64_t bytes, struct diag *d)
{
    void *zeroes = rt_alloc_aligned(ZERO_CHUNK);
    memset(zeroes, 0, ZERO_CHUNK);
    enum err err = ERR_OK;
    for (uint64_t at = 0; at < bytes && !err; at += ZERO_CHUNK)
        err = rt_pwrite(f, zeroes, (size_t)MIN((uint64_t)ZERO_CHUNK, bytes - at), at, d);
    rt_free_aligned(zeroes, ZERO_CHUNK);
    return err;
}

/* A new file takes its name only when it is complete. */
static enum err create_file(struct log_chain *c, uint64_t sequence, lsn_t start, struct rt_file **ret, struct diag *d)
{
    char path[LOG_PATH_MAX], temporary[LOG_PATH_MAX];
    struct rt_file *f = NULL;
    log_file_path(path, c->dir, c->thread, sequence);
    thread_path(temporary, c->dir, c->thread, "/new.tmp");
    enum err err = rt_open(temporary, RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_DIRECT, &f, d);
    if (err)
        return err;
    err = rt_allocate(f, 0, c->file_bytes, d);
    if (!err)
        err = write_zeroes(f, c->file_bytes, d);
    if (!err)
        err = write_header(c, f, sequence, start, d);
    rt_close(f);
    if (err) {
        struct diag ignored;
        if (rt_unlink(temporary, &ignored)) /* it would only take up space; the next attempt opens it again */
            diag_clear(&ignored);
        return err;
    }
    err = rt_rename(temporary, path, d);
    return err ? err : rt_open(path, RT_OPEN_WRITE | RT_OPEN_DIRECT, ret, d);
}

static enum err reuse_file(struct log_chain *c, uint64_t old, uint64_t sequence, lsn_t start, struct rt_file **ret, struct diag *d)
{
    char from[LOG_PATH_MAX], to[LOG_PATH_MAX];
    log_file_path(from, c->dir, c->thread, old);
    log_file_path(to, c->dir, c->thread, sequence);
    struct rt_file *f = NULL;
    enum err err = rt_rename(from, to, d);
    if (!err)
        err = rt_open(to, RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, d);
    if (!err)
        err = write_header(c, f, sequence, start, d);
    if (err)
        rt_close(f);
    else
        *ret = f;
    return err;
}

static bool has_our_size(struct log_chain *c, uint64_t sequence)
{
    char path[LOG_PATH_MAX];
    struct rt_file *f = NULL;
    struct diag d;
    uint64_t bytes = 0;
    log_file_path(path, c->dir, c->thread, sequence);
    if (rt_open(path, RT_OPEN_READ, &f, &d))
        return false;
    const enum err err = rt_file_size(f, &bytes, &d);
    rt_close(f);
    return !err && bytes == c->file_bytes;
}

static void remove_file(struct log_chain *c, uint64_t sequence)
{
    char path[LOG_PATH_MAX];
    struct diag d;
    log_file_path(path, c->dir, c->thread, sequence);
    if (rt_unlink(path, &d)) /* it stays and is found again at the next open */
        diag_clear(&d);
}

/* ---- the chain ------------------------------------------------------------ */

static void chain_append(struct log_chain *c, uint64_t sequence, lsn_t start, lsn_t end, struct rt_file *f)
{
    struct log_file *lf = xcalloc(1, sizeof(*lf));
    *lf = (struct log_file){ .sequence = sequence, .start = start, .end = end, .f = f };
    rt_spin_lock(&c->spin);
    if (c->last != NULL)
        c->last->next = lf;
    else
        c->first = lf;
    c->last = lf;
    rt_spin_unlock(&c->spin);
    atomic_store(&c->end, end);
}

static void add_spare(struct log_chain *c, struct log_file_info info)
{
    c->spare = xrealloc(c->spare, (c->nspare + 1) * sizeof(*c->spare));
    c->spare[c->nspare++] = info;
}

/* Files of the chain that lie wholly before the checkpoint become spare. */
static void release_behind(struct log_chain *c, lsn_t checkpoint)
{
    for (;;) {
        rt_spin_lock(&c->spin);
        struct log_file *lf = c->first;
        const bool behind = lf != c->last && lf->end <= checkpoint;
        if (behind)
            c->first = lf->next;
        rt_spin_unlock(&c->spin);
        if (!behind)
            return;
        rt_close(lf->f);
        add_spare(c, (struct log_file_info){ .sequence = lf->sequence }); /* behind the checkpoint: free, as those without a header are */
        free(lf);
    }
}

static bool spare_is_free(const struct log_file_info *info, lsn_t checkpoint)
{
    return !info->valid || info->header.start + info->header.data_bytes <= checkpoint;
}

/* Takes a spare file of the right size that nobody needs out of the list; too many or odd ones are removed. */
static bool take_spare(struct log_chain *c, lsn_t checkpoint, uint64_t *ret_sequence)
{
    bool found = false;
    unsigned kept = 0, free_ones = 0;
    for (unsigned i = 0; i < c->nspare; i++) {
        const struct log_file_info info = c->spare[i];
        if (!spare_is_free(&info, checkpoint)) {
            c->spare[kept++] = info;
        } else if (!has_our_size(c, info.sequence) || free_ones > SPARES_MAX) {
            remove_file(c, info.sequence);
        } else if (!found) {
            found = true;
            *ret_sequence = info.sequence;
        } else {
            c->spare[kept++] = info;
            free_ones++;
        }
    }
    c->nspare = kept;
    return found;
}

enum err log_chain_grow(struct log_chain *c, lsn_t checkpoint, struct diag *d)
{
    struct rt_file *f = NULL;
    uint64_t old = 0;
    const lsn_t start = log_chain_end(c);
    const uint64_t sequence = c->sequence_next;
    if (c->first != NULL)
        release_behind(c, checkpoint);
    const enum err err = take_spare(c, checkpoint, &old) ? reuse_file(c, old, sequence, start, &f, d) :
                                                           create_file(c, sequence, start, &f, d);
    if (err)
        return diag_wrap(d, err, "allocating log space of redo thread %u", c->thread);
    c->sequence_next = sequence + 1;
    chain_append(c, sequence, start, start + c->file_bytes - REDO_LOG_BLOCK, f);
    return ERR_OK;
}

/* Puts the file that holds `start` and those that continue it into the chain, the rest among the spare ones. */
static enum err adopt_files(struct log_chain *c, lsn_t start, struct log_file_info *info, unsigned n, struct diag *d)
{
    lsn_t next = start;
    for (unsigned i = 0; i < n; i++) {
        const lsn_t end = info[i].header.start + info[i].header.data_bytes;
        const bool holds = info[i].valid && (c->first == NULL ? info[i].header.start <= next && next < end : info[i].header.start == next);
        c->sequence_next = MAX(c->sequence_next, info[i].sequence + 1);
        if (!holds) {
            /* Beyond `start` nothing counts, whatever its header says: an earlier owner allocated it. */
            info[i].valid = info[i].valid && info[i].header.start < start;
            add_spare(c, info[i]);
            continue;
        }
        char path[LOG_PATH_MAX];
        struct rt_file *f = NULL;
        log_file_path(path, c->dir, c->thread, info[i].sequence);
        const enum err err = rt_open(path, RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, d);
        if (err)
            return err;
        chain_append(c, info[i].sequence, info[i].header.start, end, f);
        next = end;
    }
    return ERR_OK;
}

static enum err make_folders(const char *dir, uint16_t thread, struct diag *d)
{
    char all[LOG_PATH_MAX], own[LOG_PATH_MAX];
    const int n = snprintf(all, sizeof(all), "%s/redo", dir);
    assert(n > 0 && (unsigned)n < sizeof(all));
    thread_path(own, dir, thread, "");
    enum err err = rt_mkdir(all, d);
    if (!err)
        err = rt_mkdir(own, d);
    return err ? err : rt_sync_dir(all, d);
}

enum err log_chain_open(const char *dir, uint16_t thread, lsn_t start, uint64_t file_bytes, struct log_chain **ret, struct diag *d)
{
    struct log_file_info *info = NULL;
    unsigned n = 0;
    assert(start % REDO_LOG_BLOCK == 0 && file_bytes % REDO_LOG_BLOCK == 0 && file_bytes >= 2 * REDO_LOG_BLOCK);
    enum err err = check_dir(dir, d);
    if (!err)
        err = make_folders(dir, thread, d);
    if (!err)
        err = log_files_list(dir, thread, &info, &n, d);
    if (err)
        return err;

    struct log_chain *c = xcalloc(1, sizeof(*c));
    snprintf(c->dir, sizeof(c->dir), "%s", dir);
    c->thread = thread;
    c->file_bytes = file_bytes;
    c->block = rt_alloc_aligned(REDO_LOG_BLOCK);
    atomic_store(&c->end, start);
    err = adopt_files(c, start, info, n, d);
    free(info);
    if (!err && c->first == NULL)
        err = log_chain_grow(c, start, d);
    if (err) {
        log_chain_close(c);
        return err;
    }
    *ret = c;
    return ERR_OK;
}

void log_chain_close(struct log_chain *c)
{
    if (c == NULL)
        return;
    for (struct log_file *lf = c->first, *next; lf != NULL; lf = next) {
        next = lf->next;
        rt_close(lf->f);
        free(lf);
    }
    rt_free_aligned(c->block, REDO_LOG_BLOCK);
    free(c->spare);
    free(c);
}

lsn_t log_chain_end(const struct log_chain *c)
{
    return atomic_load(&((struct log_chain *)c)->end);
}

struct log_file *log_chain_find(struct log_chain *c, lsn_t lsn)
{
    rt_spin_lock(&c->spin);
    struct log_file *lf = c->first;
    while (lf != NULL && lsn >= lf->end)
        lf = lf->next;
    assert(lf != NULL && lsn >= lf->start);
    rt_spin_unlock(&c->spin);
    return lf;
}
