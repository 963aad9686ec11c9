/*
 * Files and folders of a process. Reads, writes and syncs go through the
 * worker's ring if it has one, everything else through the pool of threads.
 */
#include "rt/proc_int.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define LENGTH_LOCK (INT64_C(1) << 62) /* a byte that no file has */

struct rt_file {
    struct rt_file_common common;
    int fd;
};

/* A system call for the pool: which, its arguments, its result or -errno. */
enum call { CALL_OPEN, CALL_PREAD, CALL_PWRITEV, CALL_WRITE_SYNC, CALL_SYNC, CALL_SIZE, CALL_ALLOCATE, CALL_TRUNCATE, CALL_LOCK, CALL_MKDIR,
            CALL_RENAME, CALL_UNLINK, CALL_SYNC_DIR, CALL_LIST };

struct file_call {
    enum call call;
    int fd, flags;
    const char *path, *path2;
    void *p;
    const struct iovec *iov;
    unsigned n;
    uint64_t offset, len;
    int64_t result;
    struct buf names;
};

static int open_file(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == EINVAL && (flags & O_DIRECT) != 0) /* tmpfs and others have no direct I/O */
        return open_file(path, flags & ~O_DIRECT);
    return fd;
}

static int sync_folder(const char *path)
{
    const int fd = open_file(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return -1;
    const int r = fsync(fd), error = errno;
    close(fd);
    errno = error;
    return r;
}

static int sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash == NULL ? xstrdup(".") : slash == path ? xstrdup("/") : xstrdup(path);
    if (slash != NULL && slash != path)
        parent[slash - path] = '\0';
    const int r = sync_folder(parent), error = errno;
    free(parent);
    errno = error;
    return r;
}

static int rename_durably(const char *from, const char *to)
{
    if (rename(from, to) != 0 || sync_parent(to) != 0)
        return -1;
    return sync_parent(from);
}

static int make_folder(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return -1;
}

/* The lock belongs to the open file, so that two of one process exclude each other too. */
static int lock_byte(int fd, uint64_t byte)
{
    const bool may_write = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
    struct flock lock = { .l_type = may_write ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1 };
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 1;
    return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

/*
 * Gives a file its length without ever taking from it: others may be growing it, on other nodes too, and ftruncate() would cut off what they
 * have added since its size was looked at. The lock orders all who do so; taking it also makes a network file system forget a size it had kept.
 */
static int lengthen(int fd, uint64_t bytes)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LENGTH_LOCK, .l_len = 1 };
    struct stat st;
    int r;
    do
        r = fcntl(fd, F_OFD_SETLKW, &lock);
    while (r != 0 && errno == EINTR);
    if (r != 0)
        return -1;
    r = fstat(fd, &st);
    if (r == 0 && (uint64_t)st.st_size < bytes)
        r = ftruncate(fd, (off_t)bytes);
    const int error = errno;
    lock.l_type = F_UNLCK;
    (void)fcntl(fd, F_OFD_SETLK, &lock);
    errno = error;
    return r;
}

/* Where the file system cannot reserve space the file at least gets its length. */
static int allocate(int fd, uint64_t offset, uint64_t len)
{
    int r;
    do
        r = fallocate(fd, 0, (off_t)offset, (off_t)len);
    while (r != 0 && errno == EINTR);
    return r != 0 && errno == EOPNOTSUPP ? lengthen(fd, offset + len) : r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names, sorted, each with its NUL. */
static int list_names(const char *path, struct buf *out)
{
    struct dirent **entries = NULL;
    const int n = scandir(path, &entries, NULL, NULL);
    if (n < 0)
        return -1;
    const char **names = xcalloc((size_t)n, sizeof(*names));
    for (int i = 0; i < n; i++)
        names[i] = entries[i]->d_name;
    qsort(names, (size_t)n, sizeof(*names), compare_names);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], ".") != 0 && strcmp(names[i], "..") != 0)
            buf_put(out, names[i], strlen(names[i]) + 1);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    free(names);
    return 0;
}

static int64_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_size : -1;
}

/* Synced if it wrote all. */
static int64_t write_sync(int fd, const void *p, size_t len, uint64_t offset)
{
    const ssize_t n = pwrite(fd, p, len, (off_t)offset);
    return n == (ssize_t)len && fdatasync(fd) != 0 ? -1 : n;
}

static int64_t make_call(struct file_call *c)
{
    switch (c->call) {
    case CALL_OPEN:
        return open_file(c->path, c->flags);
    case CALL_PREAD:
        return pread(c->fd, c->p, c->len, (off_t)c->offset);
    case CALL_PWRITEV:
        return pwritev(c->fd, c->iov, (int)c->n, (off_t)c->offset);
    case CALL_WRITE_SYNC:
        return write_sync(c->fd, c->p, c->len, c->offset);
    case CALL_SYNC:
        return fdatasync(c->fd);
    case CALL_SIZE:
        return size_of(c->fd);
    case CALL_ALLOCATE:
        return allocate(c->fd, c->offset, c->len);
    case CALL_TRUNCATE:
        return ftruncate(c->fd, (off_t)c->len);
    case CALL_LOCK:
        return lock_byte(c->fd, c->offset);
    case CALL_MKDIR:
        return make_folder(c->path);
    case CALL_RENAME:
        return rename_durably(c->path, c->path2);
    case CALL_UNLINK:
        return unlink(c->path);
    case CALL_SYNC_DIR:
        return sync_folder(c->path);
    case CALL_LIST:
        return list_names(c->path, &c->names);
    }
    panic("file call %d", (int)c->call);
}

static void run_call(void *arg)
{
    struct file_call *c = arg;
    c->result = make_call(c);
    if (c->result < 0)
        c->result = -errno;
}

static int64_t blocking(struct file_call *c)
{
    proc__pool_call(&proc__self()->files, run_call, c);
    return c->result;
}

static bool has_ring(void)
{
    return proc__pw(rt__w())->has_ring;
}

/* ---- data ---------------------------------------------------------------------------- */

static int64_t read_some(int fd, void *p, size_t len, uint64_t offset)
{
    if (has_ring())
        return proc__ring_read(fd, p, len, offset);
    return blocking(&(struct file_call){ .call = CALL_PREAD, .fd = fd, .p = p, .len = len, .offset = offset });
}

static int64_t write_some(int fd, const struct iovec *iov, unsigned n, uint64_t offset)
{
    if (has_ring())
        return proc__ring_writev(fd, iov, n, offset);
    return blocking(&(struct file_call){ .call = CALL_PWRITEV, .fd = fd, .iov = iov, .n = n, .offset = offset });
}

static bool try_again(int64_t result)
{
    return result == -EINTR || result == -EAGAIN;
}

enum err proc__pread(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d)
{
    size_t got = 0;
    while (got < len) {
        const int64_t n = read_some(f->fd, (uint8_t *)p + got, len - got, offset + got);
        if (try_again(n))
            continue;
        if (n < 0)
            return diag_wrap(d, rt__errno(d, (int)-n, "read", f->common.path), "file: %zu bytes at offset %" PRIu64, len, offset);
        got += (size_t)n;
        if (n == 0 || n % SECTOR != 0) /* the end; going on from there would not be aligned for direct I/O */
            break;
    }
    if (ret_got != NULL)
        *ret_got = got;
    else if (got < len)
        return diag_set(d, ERR_IO, "file \"%s\": read of %zu bytes at offset %" PRIu64 ": unexpected end of file", f->common.path,
                        len, offset);
    return ERR_OK;
}

enum err proc__pwritev(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d)
{
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += iov[i].len;
    for (size_t done = 0; done < len;) {
        struct iovec batch[PROC_IOV_BATCH];
        const unsigned count = proc__fill_batch(batch, iov, n, done);
        const int64_t r = write_some(f->fd, batch, count, offset + done);
        if (try_again(r))
            continue;
        if (r <= 0)
            return diag_wrap(d, rt__errno(d, r == 0 ? EIO : (int)-r, "write", f->common.path),
                             "file: %zu bytes at offset %" PRIu64, len, offset);
        done += (size_t)r;
    }
    return ERR_OK;
}

static int64_t write_and_sync(int fd, const void *p, size_t len, uint64_t offset)
{
    if (has_ring())
        return proc__ring_write_sync(fd, p, len, offset);
    return blocking(&(struct file_call){ .call = CALL_WRITE_SYNC, .fd = fd, .p = (void *)(uintptr_t)p, .len = len, .offset = offset });
}

/* An incomplete write is followed by the rest; the sync after that covers the whole file. */
enum err proc__pwrite_durable(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d)
{
    for (size_t done = 0; done < len;) {
        const int64_t r = write_and_sync(f->fd, (const uint8_t *)p + done, len - done, offset + done);
        if (try_again(r))
            continue;
        if (r <= 0)
            return diag_wrap(d, rt__errno(d, r == 0 ? EIO : (int)-r, "durable write", f->common.path),
                             "file: %zu bytes at offset %" PRIu64, len, offset);
        done += (size_t)r;
    }
    return ERR_OK;
}

enum err proc__fdatasync(struct rt_file *f, struct diag *d)
{
    const int64_t r = has_ring() ? proc__ring_fdatasync(f->fd) : blocking(&(struct file_call){ .call = CALL_SYNC, .fd = f->fd });
    return r < 0 ? diag_wrap(d, rt__errno(d, (int)-r, "sync", f->common.path), "file") : ERR_OK;
}

/* ---- the rest --------------------------------------------------------------------------- */

enum err proc__open(const char *path, unsigned flags, struct rt_file **ret, struct diag *d)
{
    const int os_flags = ((flags & RT_OPEN_WRITE) != 0 ? O_RDWR : O_RDONLY) | ((flags & RT_OPEN_CREATE) != 0 ? O_CREAT : 0) |
                         ((flags & RT_OPEN_EXCL) != 0 ? O_EXCL : 0) | ((flags & RT_OPEN_DIRECT) != 0 ? O_DIRECT : 0);
    const int64_t fd = blocking(&(struct file_call){ .call = CALL_OPEN, .path = path, .flags = os_flags });
    if (fd < 0)
        return diag_wrap(d, rt__errno(d, (int)-fd, "open", path), "file");
    struct rt_file *f = xcalloc(1, sizeof(*f));
    *f = (struct rt_file){ .common = { xstrdup(path), flags }, .fd = (int)fd };
    *ret = f;
    return ERR_OK;
}

void proc__close(struct rt_file *f)
{
    close(f->fd);
    free(f->common.path);
    free(f);
}

static enum err on_file(const struct rt_file *f, struct file_call *c, const char *what, struct diag *d)
{
    c->fd = f->fd;
    const int64_t r = blocking(c);
    return r < 0 ? diag_wrap(d, rt__errno(d, (int)-r, what, f->common.path), "file") : ERR_OK;
}

enum err proc__file_size(struct rt_file *f, uint64_t *ret_bytes, struct diag *d)
{
    struct file_call c = { .call = CALL_SIZE };
    const enum err err = on_file(f, &c, "size", d);
    if (err == ERR_OK)
        *ret_bytes = (uint64_t)c.result;
    return err;
}

enum err proc__allocate(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d)
{
    return on_file(f, &(struct file_call){ .call = CALL_ALLOCATE, .offset = offset, .len = len }, "allocation", d);
}

enum err proc__truncate(struct rt_file *f, uint64_t len, struct diag *d)
{
    return on_file(f, &(struct file_call){ .call = CALL_TRUNCATE, .len = len }, "truncation", d);
}

enum err proc__file_lock(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d)
{
    struct file_call c = { .call = CALL_LOCK, .offset = byte };
    const enum err err = on_file(f, &c, "lock", d);
    if (err == ERR_OK)
        *ret_locked = c.result == 1;
    return err;
}

static enum err on_path(struct file_call *c, const char *kind, const char *what, struct diag *d)
{
    const int64_t r = blocking(c);
    return r < 0 ? diag_wrap(d, rt__errno(d, (int)-r, what, c->path), "%s", kind) : ERR_OK;
}

enum err proc__mkdir(const char *path, struct diag *d)
{
    return on_path(&(struct file_call){ .call = CALL_MKDIR, .path = path }, "folder", "create", d);
}

enum err proc__rename(const char *from, const char *to, struct diag *d)
{
    return on_path(&(struct file_call){ .call = CALL_RENAME, .path = from, .path2 = to }, "file", "rename", d);
}

enum err proc__unlink(const char *path, struct diag *d)
{
    return on_path(&(struct file_call){ .call = CALL_UNLINK, .path = path }, "file", "remove", d);
}

enum err proc__sync_dir(const char *path, struct diag *d)
{
    return on_path(&(struct file_call){ .call = CALL_SYNC_DIR, .path = path }, "folder", "sync", d);
}

enum err proc__list_dir(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d)
{
    struct file_call c = { .call = CALL_LIST, .path = path };
    const enum err err = on_path(&c, "folder", "list", d);
    for (size_t at = 0; err == ERR_OK && at < c.names.len; at += strlen((const char *)c.names.p + at) + 1)
        fn(arg, (const char *)c.names.p + at);
    buf_fini(&c.names);
    return err;
}
