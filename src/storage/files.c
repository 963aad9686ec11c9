#include "storage/files.h"

#include <stdio.h>
#include <stdlib.h>

#include "rt/rt.h"

#define PATH_MAX_BYTES 1024u

struct open_file {
    uint32_t file;
    struct rt_file *f;
};

struct files {
    char dir[PATH_MAX_BYTES];
    bool read_only;
    struct rt_mutex mutex; /* opening; protects growing `v` */
    struct rt_spin spin; /* protects v and n */
    struct open_file *v;
    unsigned n, cap;
};

static enum err file_path(const struct files *f, uint32_t file, char path[PATH_MAX_BYTES], struct diag *d)
{
    int n;
    if (file == FILE_DATA)
        n = snprintf(path, PATH_MAX_BYTES, "%s/data/main.dbf", f->dir);
    else if (file_is_undo(file))
        n = snprintf(path, PATH_MAX_BYTES, "%s/undo/%u.dbf", f->dir, file - FILE_UNDO_BASE);
    else
        return diag_set(d, ERR_CORRUPT, "there is no file with number %u", file);
    if (n < 0 || (unsigned)n >= PATH_MAX_BYTES)
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    return ERR_OK;
}

static unsigned open_flags(const struct files *f)
{
    return RT_OPEN_DIRECT | (f->read_only ? RT_OPEN_READ : RT_OPEN_WRITE);
}

static struct rt_file *find_open(struct files *f, uint32_t file)
{
    struct rt_file *found = NULL;
    rt_spin_lock(&f->spin);
    for (unsigned i = 0; i < f->n && found == NULL; i++)
        if (f->v[i].file == file)
            found = f->v[i].f;
    rt_spin_unlock(&f->spin);
    return found;
}

/* Under the mutex. */
static void remember(struct files *f, uint32_t file, struct rt_file *rf)
{
    struct open_file *bigger = NULL, *old = NULL;
    unsigned cap = f->cap;
    if (f->n == f->cap) {
        cap = MAX(8u, 2 * f->cap);
        bigger = xcalloc(cap, sizeof(*bigger));
    }
    rt_spin_lock(&f->spin);
    if (bigger != NULL) {
        if (f->n > 0)
            memcpy(bigger, f->v, f->n * sizeof(*bigger));
        old = f->v;
        f->v = bigger;
        f->cap = cap;
    }
    f->v[f->n++] = (struct open_file){ file, rf };
    rt_spin_unlock(&f->spin);
    free(old);
}

/* The open file, which stays open until files_close(). */
static enum err get(struct files *f, uint32_t file, struct rt_file **ret, struct diag *d)
{
    char path[PATH_MAX_BYTES];
    *ret = find_open(f, file);
    if (*ret != NULL)
        return ERR_OK;
    enum err err = file_path(f, file, path, d);
    if (err)
        return err;
    rt_mutex_lock(&f->mutex);
    *ret = find_open(f, file);
    if (*ret == NULL) {
        err = rt_open(path, open_flags(f), ret, d);
        if (!err)
            remember(f, file, *ret);
    }
    rt_mutex_unlock(&f->mutex);
    return err;
}

enum err files_open(const char *dir, bool read_only, struct files **ret, struct diag *d)
{
    struct files *f = xcalloc(1, sizeof(*f));
    const int n = snprintf(f->dir, sizeof(f->dir), "%s", dir);
    if (n < 0 || (unsigned)n >= sizeof(f->dir)) {
        free(f);
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    }
    f->read_only = read_only;
    *ret = f;
    return ERR_OK;
}

void files_close(struct files *f)
{
    if (f == NULL)
        return;
    for (unsigned i = 0; i < f->n; i++)
        rt_close(f->v[i].f);
    free(f->v);
    free(f);
}

static enum err make_folder(const struct files *f, uint32_t file, struct diag *d)
{
    char path[PATH_MAX_BYTES];
    const int n = snprintf(path, sizeof(path), "%s/%s", f->dir, file == FILE_DATA ? "data" : "undo");
    if (n < 0 || (unsigned)n >= sizeof(path))
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    enum err err = rt_mkdir(path, d);
    return err ? err : rt_sync_dir(f->dir, d);
}

static enum err sync_folder(const struct files *f, uint32_t file, struct diag *d)
{
    char path[PATH_MAX_BYTES];
    const int n = snprintf(path, sizeof(path), "%s/%s", f->dir, file == FILE_DATA ? "data" : "undo");
    return n < 0 || (unsigned)n >= sizeof(path) ? ERR_CONFIG_FILE : rt_sync_dir(path, d);
}

enum err files_create(struct files *f, uint32_t file, uint64_t blocks, struct diag *d)
{
    char path[PATH_MAX_BYTES];
    struct rt_file *rf = NULL;
    assert(!f->read_only);
    enum err err = file_path(f, file, path, d);
    if (!err)
        err = make_folder(f, file, d);
    if (err)
        return err;
    rt_mutex_lock(&f->mutex);
    if (find_open(f, file) == NULL) {
        err = rt_open(path, open_flags(f) | RT_OPEN_CREATE, &rf, d);
        if (!err)
            remember(f, file, rf);
    }
    rt_mutex_unlock(&f->mutex);
    if (!err)
        err = files_extend(f, file, blocks, d);
    return err ? err : sync_folder(f, file, d);
}

enum err files_size(struct files *f, uint32_t file, uint64_t *ret_blocks, struct diag *d)
{
    struct rt_file *rf;
    uint64_t bytes;
    enum err err = get(f, file, &rf, d);
    if (!err)
        err = rt_file_size(rf, &bytes, d);
    if (!err)
        *ret_blocks = bytes / BLOCK_SIZE;
    return err;
}

enum err files_extend(struct files *f, uint32_t file, uint64_t blocks, struct diag *d)
{
    struct rt_file *rf;
    uint64_t have;
    enum err err = files_size(f, file, &have, d);
    if (err || have >= blocks)
        return err;
    err = get(f, file, &rf, d);
    if (!err)
        err = rt_allocate(rf, have * BLOCK_SIZE, (blocks - have) * BLOCK_SIZE, d);
    return err ? err : rt_fdatasync(rf, d);
}

enum err files_read(struct files *f, struct dba dba, void *block, struct diag *d)
{
    return files_read_run(f, dba, 1, block, d);
}

enum err files_read_run(struct files *f, struct dba first, uint32_t n, void *blocks, struct diag *d)
{
    struct rt_file *rf;
    const size_t bytes = (size_t)n * BLOCK_SIZE;
    size_t got = 0;
    enum err err = get(f, dba_file(first), &rf, d);
    if (!err)
        err = rt_pread(rf, blocks, bytes, (uint64_t)dba_block(first) * BLOCK_SIZE, &got, d);
    if (!err && got < bytes)
        memset((uint8_t *)blocks + got, 0, bytes - got);
    return err;
}

enum err files_write(struct files *f, struct dba dba, const void *block, struct diag *d)
{
    struct rt_file *rf;
    assert(!f->read_only);
    const enum err err = get(f, dba_file(dba), &rf, d);
    return err ? err : rt_pwrite(rf, block, BLOCK_SIZE, (uint64_t)dba_block(dba) * BLOCK_SIZE, d);
}

enum err files_sync(struct files *f, uint32_t file, struct diag *d)
{
    struct rt_file *rf;
    const enum err err = get(f, file, &rf, d);
    return err ? err : rt_fdatasync(rf, d);
}
