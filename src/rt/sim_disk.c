/*
 * The simulated shared disk: files in memory.
 *
 * A write is in flight for its latency and lands at its end. What has landed
 * is read by everybody, but until a sync it is *pending*: a power loss keeps,
 * loses or tears it. A file holds its present bytes; each pending change keeps
 * the bytes from before and after, so that a power loss takes all of them back
 * and then does again those that it keeps.
 *
 * A new name lasts once its folder or the file itself was synced, a removed
 * name is gone for good once the folder was synced.
 */
#include "rt/sim_int.h"

#include <stdlib.h>

#define SECTOR 512u
#define SLOW_REQUEST RT_MS(2)
#define PENDING_BYTES_MAX (64u << 20) /* of one file; beyond it the oldest count as written back */

struct sim_disk {
    struct sim_inode **names; /* sorted by path */
    uint32_t names_count, names_cap;
    struct list unlinked; /* names that may come back */
    struct list ios; /* requests from issue until their fiber has seen the result */
    struct list failures;
    uint64_t bytes; /* of all files */
};

struct sim_inode {
    char *path;
    bool is_dir, linked;
    bool name_pending; /* created, the name not yet durable */
    uint32_t refs; /* name, handles, requests, unlinked list */
    uint8_t *data;
    uint64_t size, cap;
    struct list pending; /* oldest first */
    uint64_t pending_bytes, next_seq;
    struct list locks;
    struct list unlinked_link;
};

struct sim_pending {
    struct list link;
    uint64_t seq;
    uint64_t offset, len; /* bytes that it changed, present in both images */
    uint64_t old_size, new_size;
    bool dropped; /* a sync failed: no later one makes it durable */
    uint8_t *before, *after; /* zeroes where the file was shorter */
};

struct rt_file {
    struct rt_file_common common;
    struct list link; /* sim_host.handles */
    struct sim_host *host;
    struct sim_inode *inode;
};

struct sim_lock {
    struct list link;
    uint64_t byte;
    const struct rt_file *by;
};

enum io_kind { IO_READ, IO_WRITE, IO_SYNC };

struct sim_io {
    struct list link;
    enum io_kind kind;
    struct sim_host *host;
    struct sim_inode *inode;
    struct rt_spin spin;
    struct rt_waitq waiter;
    bool orphan; /* its fiber is gone */
    bool lost; /* orphan that will not land */
    bool done, fail;
    uint64_t offset, len;
    uint64_t got; /* READ */
    uint64_t sync_upto; /* SYNC */
    uint8_t *target; /* READ: the caller's buffer */
    const struct rt_iov *iov; /* WRITE: the caller's */
    unsigned iov_count;
    uint8_t *copy; /* WRITE: as it was at the issue */
    enum err err;
};

struct sim_failure {
    struct list link;
    uint32_t host, count;
    bool sync;
    char *part;
};

/* ---- inodes -------------------------------------------------------------------- */

static void pending_free(struct sim_inode *n, struct sim_pending *p)
{
    n->pending_bytes -= p->len;
    list_remove(&p->link);
    free(p->before);
    free(p->after);
    free(p);
}

static void inode_unref(struct sim *s, struct sim_inode *n)
{
    assert(n->refs > 0);
    if (--n->refs > 0)
        return;
    LIST_FOREACH_SAFE(l, &n->pending)
        pending_free(n, LIST_ENTRY(l, struct sim_pending, link));
    assert(list_empty(&n->locks));
    s->disk->bytes -= n->size;
    free(n->data);
    free(n->path);
    free(n);
}

static void inode_resize(struct sim *s, struct sim_inode *n, uint64_t size)
{
    if (size > n->cap) {
        const uint64_t cap = MAX(size, n->cap * 2);
        n->data = xrealloc(n->data, cap);
        n->cap = cap;
    }
    if (size > n->size)
        memset(n->data + n->size, 0, size - n->size);
    s->disk->bytes += size - n->size;
    n->size = size;
}

static bool disk_has_room(const struct sim *s, const struct sim_inode *n, uint64_t size)
{
    return s->opt.disk_bytes_max == 0 || size <= n->size || s->disk->bytes + (size - n->size) <= s->opt.disk_bytes_max;
}

/* Sets size and bytes, as a pending change. `bytes` NULL: only the size. */
static void inode_change(struct sim *s, struct sim_inode *n, uint64_t offset, const uint8_t *bytes, uint64_t len, uint64_t new_size)
{
    struct sim_pending *p = xcalloc(1, sizeof(*p));
    const uint64_t old_size = n->size;
    if (bytes == NULL) { /* what a truncation cuts off can come back */
        offset = MIN(new_size, old_size);
        len = old_size - offset;
    }
    *p = (struct sim_pending){ .seq = n->next_seq++, .offset = offset, .len = len, .old_size = old_size, .new_size = new_size };
    p->before = xcalloc(1, len);
    p->after = xcalloc(1, len);
    if (offset < old_size)
        memcpy(p->before, n->data + offset, MIN(len, old_size - offset));
    if (bytes != NULL)
        memcpy(p->after, bytes, len);
    list_push_back(&n->pending, &p->link);
    n->pending_bytes += len;
    inode_resize(s, n, new_size);
    if (bytes != NULL)
        memcpy(n->data + offset, bytes, len);
    while (n->pending_bytes > PENDING_BYTES_MAX)
        pending_free(n, LIST_ENTRY(n->pending.next, struct sim_pending, link));
}

/* ---- names ------------------------------------------------------------------------ */

/* Without double and trailing slashes and "./"; the caller frees. */
static char *normal_path(const char *path)
{
    char *out = xmalloc(strlen(path) + 1), *o = out;
    for (const char *p = path; *p != '\0'; p++) {
        if (p[0] == '/' && (p[1] == '/' || p[1] == '\0'))
            continue;
        if (p[0] == '.' && p[1] == '/' && (p == path || p[-1] == '/')) {
            p++;
            continue;
        }
        *o++ = *p;
    }
    *o = '\0';
    return out;
}

static uint32_t name_position(const struct sim_disk *d, const char *path)
{
    uint32_t low = 0, high = d->names_count;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (strcmp(d->names[mid]->path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct sim_inode *name_find(const struct sim_disk *d, const char *path)
{
    const uint32_t pos = name_position(d, path);
    return pos < d->names_count && strcmp(d->names[pos]->path, path) == 0 ? d->names[pos] : NULL;
}

static void name_insert(struct sim_disk *d, struct sim_inode *n)
{
    if (d->names_count == d->names_cap) {
        d->names_cap = d->names_cap * 2 + 64;
        d->names = xrealloc(d->names, d->names_cap * sizeof(struct sim_inode *));
    }
    const uint32_t pos = name_position(d, n->path);
    memmove(&d->names[pos + 1], &d->names[pos], (d->names_count - pos) * sizeof(struct sim_inode *));
    d->names[pos] = n;
    d->names_count++;
    n->linked = true;
    n->refs++;
}

/* The name's reference passes to the caller. */
static void name_remove(struct sim_disk *d, struct sim_inode *n)
{
    const uint32_t pos = name_position(d, n->path);
    assert(d->names[pos] == n);
    memmove(&d->names[pos], &d->names[pos + 1], (d->names_count - pos - 1) * sizeof(struct sim_inode *));
    d->names_count--;
    n->linked = false;
}

static bool parent_exists(const struct sim_disk *d, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return true;
    char *parent = xstrdup(path);
    parent[slash - path] = '\0';
    const struct sim_inode *n = name_find(d, parent);
    free(parent);
    return n != NULL && n->is_dir;
}

/* Is `path` directly in `dir`? Returns the last component or NULL. */
static const char *name_in_dir(const char *path, const char *dir)
{
    const size_t len = strlen(dir);
    if (strncmp(path, dir, len) != 0 || path[len] != '/')
        return len == 0 && strchr(path, '/') == NULL ? path : NULL;
    return strchr(path + len + 1, '/') == NULL ? path + len + 1 : NULL;
}

static struct sim_inode *inode_new(struct sim *s, char *path, bool is_dir)
{
    struct sim_inode *n = xcalloc(1, sizeof(*n));
    n->path = path;
    n->is_dir = is_dir;
    n->name_pending = !is_dir;
    list_init(&n->pending);
    list_init(&n->locks);
    list_init(&n->unlinked_link);
    name_insert(s->disk, n);
    return n;
}

/* ---- latency and failures ------------------------------------------------------------ */

static void disk_delay(void)
{
    struct sim *s = rt__w()->sim;
    rt_sleep(sim__range(s, RT_US(s->opt.disk_min_us), RT_US(s->opt.disk_max_us)));
}

static bool take_failure(struct sim *s, const struct sim_host *h, const char *path, bool sync)
{
    LIST_FOREACH(l, &s->disk->failures) {
        struct sim_failure *f = LIST_ENTRY(l, struct sim_failure, link);
        if (f->host != h->base.number || f->sync != sync || strstr(path, f->part) == NULL)
            continue;
        if (--f->count == 0) {
            list_remove(&f->link);
            free(f->part);
            free(f);
        }
        return true;
    }
    return false;
}

void sim_fail_io(struct sim *s, uint32_t host, const char *part, bool sync, uint32_t count)
{
    if (count == 0)
        return;
    struct sim_failure *f = xcalloc(1, sizeof(*f));
    *f = (struct sim_failure){ .host = host, .count = count, .sync = sync, .part = xstrdup(part) };
    list_push_back(&s->disk->failures, &f->link);
}

/* Some sectors of the new bytes, the rest as it was: a prefix, or any. */
static void tear(struct sim *s, uint8_t *bytes, const uint8_t *old, uint64_t offset, uint64_t len)
{
    const bool prefix = sim__chance(s, 2);
    const uint64_t first = offset / SECTOR;
    const uint64_t sectors = (offset + len + SECTOR - 1) / SECTOR - first;
    const uint64_t keep = sim__range(s, 0, sectors);
    for (uint64_t i = 0; i < sectors; i++) {
        const bool is_new = prefix ? i < keep : sim__chance(s, 2);
        if (is_new)
            continue;
        const uint64_t from = MAX((first + i) * SECTOR, offset) - offset;
        const uint64_t to = MIN((first + i + 1) * SECTOR, offset + len) - offset;
        memcpy(bytes + from, old + from, to - from);
    }
}

static void land_torn(struct sim *s, struct sim_io *io)
{
    struct sim_inode *n = io->inode;
    s->trouble.writes_torn++;
    uint8_t *old = xcalloc(1, io->len);
    if (io->offset < n->size)
        memcpy(old, n->data + io->offset, MIN(io->len, n->size - io->offset));
    tear(s, io->copy, old, io->offset, io->len);
    free(old);
    inode_change(s, n, io->offset, io->copy, io->len, MAX(n->size, io->offset + io->len));
}

/* ---- requests --------------------------------------------------------------------------- */

static void gather(uint8_t *to, const struct rt_iov *iov, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        memcpy(to, iov[i].p, iov[i].len);
        to += iov[i].len;
    }
}

/* What the caller changed while the write was in flight lands by sector in the one or the other version. */
static void take_late_changes(struct sim *s, struct sim_io *io)
{
    uint8_t *late = xmalloc(io->len);
    gather(late, io->iov, io->iov_count);
    if (memcmp(late, io->copy, io->len) != 0) /* the caller's fault, no trouble of the disk's */
        tear(s, io->copy, late, io->offset, io->len);
    free(late);
}

static void io_write(struct sim *s, struct sim_io *io)
{
    struct sim_inode *n = io->inode;
    if (io->lost)
        return;
    if (io->orphan)
        s->trouble.writes_late++;
    else
        take_late_changes(s, io);
    const uint64_t size = MAX(n->size, io->offset + io->len);
    if (!disk_has_room(s, n, size)) {
        io->err = ERR_DISK_FULL;
        return;
    }
    if (io->fail) {
        io->err = ERR_IO;
        if (sim__chance(s, 2))
            land_torn(s, io);
        return;
    }
    inode_change(s, n, io->offset, io->copy, io->len, size);
}

static void io_sync(struct sim_io *io)
{
    struct sim_inode *n = io->inode;
    if (io->fail)
        io->err = ERR_IO;
    else if (!io->lost)
        n->name_pending = false;
    LIST_FOREACH_SAFE(l, &n->pending) {
        struct sim_pending *p = LIST_ENTRY(l, struct sim_pending, link);
        if (p->seq >= io->sync_upto)
            break;
        if (io->fail)
            p->dropped = true;
        else if (!p->dropped && !io->lost)
            pending_free(n, p);
    }
}

static void io_read(struct sim_io *io)
{
    const struct sim_inode *n = io->inode;
    io->got = io->offset < n->size ? MIN(io->len, n->size - io->offset) : 0;
    if (!io->orphan && io->got > 0)
        memcpy(io->target, n->data + io->offset, io->got);
}

static void io_free(struct sim *s, struct sim_io *io)
{
    list_remove(&io->link);
    inode_unref(s, io->inode);
    free(io->copy);
    free(io);
}

static void io_complete(struct sim *s, void *arg)
{
    struct sim_io *io = arg;
    switch (io->kind) {
    case IO_READ:
        io_read(io);
        break;
    case IO_WRITE:
        io_write(s, io);
        break;
    case IO_SYNC:
        io_sync(io);
        break;
    }
    io->done = true;
    if (io->orphan)
        io_free(s, io);
    else
        rt__wake_all(&io->waiter, &io->spin);
}

static struct sim_io *io_new(struct rt_file *f, enum io_kind kind, uint64_t offset, uint64_t len)
{
    struct sim *s = f->host->sim;
    struct sim_io *io = xcalloc(1, sizeof(*io));
    *io = (struct sim_io){ .kind = kind, .host = f->host, .inode = f->inode, .offset = offset, .len = len };
    io->inode->refs++;
    list_push_back(&s->disk->ios, &io->link);
    return io;
}

/* Parks until the request is done; frees it. */
static enum err io_run(struct sim *s, struct sim_io *io, uint64_t min_us, uint64_t max_us, uint64_t *ret_got)
{
    assert(io->host == sim__host()); /* a file belongs to the host that opened it */
    const uint64_t takes = sim__range(s, RT_US(min_us), RT_US(max_us));
    s->trouble.disk_slow += takes >= SLOW_REQUEST;
    sim__event_at(s, sim__time(s) + takes, io_complete, io);
    rt__lock(&io->spin);
    (void)rt__wait(&io->waiter, &io->spin, RT_FOREVER, false,
                   io->kind == IO_READ ? "disk read" : io->kind == IO_WRITE ? "disk write" : "disk sync");
    const enum err err = io->err;
    if (ret_got != NULL)
        *ret_got = io->got;
    io_free(s, io);
    return err;
}

enum err sim__pread(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d)
{
    struct sim *s = f->host->sim;
    struct sim_io *io = io_new(f, IO_READ, offset, len);
    io->target = p;
    uint64_t got = 0;
    (void)io_run(s, io, s->opt.disk_min_us, s->opt.disk_max_us, &got);
    if (ret_got != NULL)
        *ret_got = got;
    else if (got < len)
        return diag_set(d, ERR_IO, "file \"%s\": read of %zu bytes at offset %" PRIu64 ": unexpected end of file", f->common.path, len,
                        offset);
    return ERR_OK;
}

enum err sim__pwritev(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d)
{
    struct sim *s = f->host->sim;
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += iov[i].len;
    if (len == 0)
        return ERR_OK;
    struct sim_io *io = io_new(f, IO_WRITE, offset, len);
    io->iov = iov;
    io->iov_count = n;
    io->copy = xmalloc(len);
    gather(io->copy, iov, n);
    io->fail = take_failure(s, f->host, f->common.path, false);
    const enum err err = io_run(s, io, s->opt.disk_min_us, s->opt.disk_max_us, NULL);
    if (err == ERR_OK)
        return err;
    return diag_set(d, err, "file \"%s\": write of %zu bytes at offset %" PRIu64 ": %s", f->common.path, len, offset,
                    err == ERR_DISK_FULL ? "No space left on device" : "Input/output error");
}

enum err sim__fdatasync(struct rt_file *f, struct diag *d)
{
    struct sim *s = f->host->sim;
    struct sim_io *io = io_new(f, IO_SYNC, 0, 0);
    io->sync_upto = f->inode->next_seq;
    io->fail = take_failure(s, f->host, f->common.path, true);
    if (io_run(s, io, s->opt.sync_min_us, s->opt.sync_max_us, NULL) != ERR_OK)
        return diag_set(d, ERR_IO, "file \"%s\": sync: Input/output error", f->common.path);
    return ERR_OK;
}

/* ---- files -------------------------------------------------------------------------------- */

enum err sim__open(const char *path, unsigned flags, struct rt_file **ret, struct diag *d)
{
    struct sim *s = rt__w()->sim;
    disk_delay();
    char *normal = normal_path(path);
    struct sim_inode *n = name_find(s->disk, normal);
    enum err err = ERR_OK;
    if (n != NULL && (flags & RT_OPEN_EXCL) != 0 && (flags & RT_OPEN_CREATE) != 0)
        err = diag_set(d, ERR_IO, "file \"%s\": open: File exists", path);
    else if (n != NULL && n->is_dir)
        err = diag_set(d, ERR_IO, "file \"%s\": open: Is a directory", path);
    else if (n == NULL && ((flags & RT_OPEN_CREATE) == 0 || !parent_exists(s->disk, normal)))
        err = diag_set(d, ERR_UNDEFINED_FILE, "file \"%s\": open: No such file or directory", path);
    if (err != ERR_OK) {
        free(normal);
        return err;
    }
    if (n == NULL)
        n = inode_new(s, xstrdup(normal), false);
    free(normal);
    struct rt_file *f = xcalloc(1, sizeof(*f));
    *f = (struct rt_file){ .common = { xstrdup(path), flags }, .host = sim__host(), .inode = n };
    n->refs++;
    list_push_back(&f->host->handles, &f->link);
    *ret = f;
    return ERR_OK;
}

static void file_close(struct sim *s, struct rt_file *f)
{
    LIST_FOREACH_SAFE(l, &f->inode->locks) {
        struct sim_lock *lock = LIST_ENTRY(l, struct sim_lock, link);
        if (lock->by == f) {
            list_remove(&lock->link);
            free(lock);
        }
    }
    list_remove(&f->link);
    inode_unref(s, f->inode);
    free(f->common.path);
    free(f);
}

void sim__close(struct rt_file *f)
{
    file_close(f->host->sim, f);
}

enum err sim__file_size(struct rt_file *f, uint64_t *ret_bytes, struct diag *d)
{
    *ret_bytes = f->inode->size;
    return ERR_OK;
}

enum err sim__allocate(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d)
{
    struct sim *s = f->host->sim;
    disk_delay();
    const uint64_t size = MAX(f->inode->size, offset + len);
    if (!disk_has_room(s, f->inode, size))
        return diag_set(d, ERR_DISK_FULL, "file \"%s\": allocation of %" PRIu64 " bytes at offset %" PRIu64
                        ": No space left on device", f->common.path, len, offset);
    if (size > f->inode->size)
        inode_change(s, f->inode, 0, NULL, 0, size);
    return ERR_OK;
}

enum err sim__truncate(struct rt_file *f, uint64_t len, struct diag *d)
{
    disk_delay();
    if (len != f->inode->size)
        inode_change(f->host->sim, f->inode, 0, NULL, 0, len);
    return ERR_OK;
}

enum err sim__file_lock(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d)
{
    disk_delay();
    *ret_locked = true;
    LIST_FOREACH(l, &f->inode->locks) {
        const struct sim_lock *lock = LIST_ENTRY(l, struct sim_lock, link);
        if (lock->byte != byte)
            continue;
        if (lock->by == f)
            return ERR_OK;
        *ret_locked &= ((lock->by->common.flags | f->common.flags) & RT_OPEN_WRITE) == 0;
    }
    if (!*ret_locked)
        return ERR_OK;
    struct sim_lock *lock = xcalloc(1, sizeof(*lock));
    *lock = (struct sim_lock){ .byte = byte, .by = f };
    list_push_back(&f->inode->locks, &lock->link);
    return ERR_OK;
}

/* ---- folders -------------------------------------------------------------------------------- */

enum err sim__mkdir(const char *path, struct diag *d)
{
    struct sim *s = rt__w()->sim;
    disk_delay();
    char *normal = normal_path(path);
    const struct sim_inode *n = name_find(s->disk, normal);
    enum err err = ERR_OK;
    if (n != NULL && !n->is_dir)
        err = diag_set(d, ERR_IO, "folder \"%s\": create: File exists", path);
    else if (n == NULL && !parent_exists(s->disk, normal))
        err = diag_set(d, ERR_UNDEFINED_FILE, "folder \"%s\": create: No such file or directory", path);
    else if (n == NULL && normal[0] != '\0')
        inode_new(s, xstrdup(normal), true);
    free(normal);
    return err;
}

static void forget_unlinked(struct sim *s, struct sim_inode *n)
{
    list_remove(&n->unlinked_link);
    inode_unref(s, n);
}

enum err sim__rename(const char *from, const char *to, struct diag *d)
{
    struct sim *s = rt__w()->sim;
    disk_delay();
    char *old_path = normal_path(from), *new_path = normal_path(to);
    struct sim_inode *n = name_find(s->disk, old_path);
    if (n == NULL || n->is_dir || !parent_exists(s->disk, new_path)) {
        free(old_path);
        free(new_path);
        return diag_set(d, ERR_UNDEFINED_FILE, "file \"%s\": rename to \"%s\": No such file or directory", from, to);
    }
    free(old_path);
    struct sim_inode *replaced = name_find(s->disk, new_path);
    if (replaced == n) {
        free(new_path);
        return ERR_OK;
    }
    if (replaced != NULL) {
        name_remove(s->disk, replaced);
        inode_unref(s, replaced);
    }
    name_remove(s->disk, n);
    free(n->path);
    n->path = new_path;
    n->name_pending = false;
    name_insert(s->disk, n);
    n->refs--; /* name_remove() had left us the old name's */
    return ERR_OK;
}

enum err sim__unlink(const char *path, struct diag *d)
{
    struct sim *s = rt__w()->sim;
    disk_delay();
    char *normal = normal_path(path);
    struct sim_inode *n = name_find(s->disk, normal);
    free(normal);
    if (n == NULL)
        return diag_set(d, ERR_UNDEFINED_FILE, "file \"%s\": remove: No such file or directory", path);
    if (n->is_dir)
        return diag_set(d, ERR_IO, "file \"%s\": remove: Is a directory", path);
    name_remove(s->disk, n);
    if (n->name_pending)
        inode_unref(s, n);
    else
        list_push_back(&s->disk->unlinked, &n->unlinked_link);
    return ERR_OK;
}

enum err sim__sync_dir(const char *path, struct diag *d)
{
    struct sim *s = rt__w()->sim;
    rt_sleep(sim__range(s, RT_US(s->opt.sync_min_us), RT_US(s->opt.sync_max_us)));
    char *normal = normal_path(path);
    const struct sim_inode *dir = name_find(s->disk, normal);
    if (normal[0] != '\0' && (dir == NULL || !dir->is_dir)) {
        free(normal);
        return diag_set(d, ERR_UNDEFINED_FILE, "folder \"%s\": sync: No such file or directory", path);
    }
    for (uint32_t i = 0; i < s->disk->names_count; i++)
        if (name_in_dir(s->disk->names[i]->path, normal) != NULL)
            s->disk->names[i]->name_pending = false;
    LIST_FOREACH_SAFE(l, &s->disk->unlinked) {
        struct sim_inode *n = LIST_ENTRY(l, struct sim_inode, unlinked_link);
        if (name_in_dir(n->path, normal) != NULL)
            forget_unlinked(s, n);
    }
    free(normal);
    return ERR_OK;
}

enum err sim__list_dir(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d)
{
    struct sim *s = rt__w()->sim;
    disk_delay();
    char *normal = normal_path(path);
    const struct sim_inode *dir = name_find(s->disk, normal);
    if (normal[0] != '\0' && (dir == NULL || !dir->is_dir)) {
        free(normal);
        return diag_set(d, ERR_UNDEFINED_FILE, "folder \"%s\": list: No such file or directory", path);
    }
    struct buf names;
    buf_init(&names);
    for (uint32_t i = 0; i < s->disk->names_count; i++) {
        const char *name = name_in_dir(s->disk->names[i]->path, normal);
        if (name != NULL)
            buf_put(&names, name, strlen(name) + 1);
    }
    for (size_t at = 0; at < names.len; at += strlen((const char *)names.p + at) + 1)
        fn(arg, (const char *)names.p + at);
    buf_fini(&names);
    free(normal);
    return ERR_OK;
}

/* ---- kill, power loss ------------------------------------------------------------------------ */

static void orphan_io(struct sim *s, struct sim_io *io, bool power_loss)
{
    if (io->done) {
        io_free(s, io);
        return;
    }
    io->orphan = true;
    if (io->kind == IO_SYNC)
        io->lost = power_loss;
    if (io->kind != IO_WRITE)
        return;
    /* Half of what was in flight lands later all the same; with the power gone, now or never. */
    io->lost = power_loss || sim__chance(s, 2);
    if (io->lost && sim__chance(s, 2))
        land_torn(s, io);
    else
        s->trouble.writes_dropped += io->lost;
}

/* Called before the fibers go: their requests must not touch their buffers any more. */
void sim__disk_kill(struct sim *s, struct sim_host *h, bool power_loss)
{
    LIST_FOREACH_SAFE(l, &s->disk->ios) {
        struct sim_io *io = LIST_ENTRY(l, struct sim_io, link);
        if (io->host == h && !io->orphan)
            orphan_io(s, io, power_loss);
        else if (io->host == h && power_loss)
            io->lost = true;
    }
    LIST_FOREACH_SAFE(l, &h->handles)
        file_close(s, LIST_ENTRY(l, struct rt_file, link));
}

static void redo_pending(struct sim *s, struct sim_inode *n, struct sim_pending *p)
{
    const uint64_t fate = p->dropped ? 0 : sim__random(s) % 3; /* lost, torn, kept */
    *(uint64_t *[]){ &s->trouble.unsynced_lost, &s->trouble.writes_torn, &s->trouble.unsynced_kept }[fate] += 1;
    if (fate == 0)
        return;
    inode_resize(s, n, p->new_size >= p->old_size ? MAX(n->size, p->new_size) : MIN(n->size, p->new_size));
    if (p->new_size < p->old_size)
        return;
    const uint64_t len = p->offset < n->size ? MIN(p->len, n->size - p->offset) : 0;
    if (fate == 1)
        tear(s, p->after, n->data + p->offset, p->offset, len);
    if (len > 0)
        memcpy(n->data + p->offset, p->after, len);
}

static void inode_power_loss(struct sim *s, struct sim_inode *n)
{
    for (struct list *l = n->pending.prev; l != &n->pending; l = l->prev) {
        const struct sim_pending *p = LIST_ENTRY(l, struct sim_pending, link);
        inode_resize(s, n, p->old_size);
        if (p->offset < p->old_size)
            memcpy(n->data + p->offset, p->before, MIN(p->len, p->old_size - p->offset));
    }
    LIST_FOREACH_SAFE(l, &n->pending) {
        struct sim_pending *p = LIST_ENTRY(l, struct sim_pending, link);
        redo_pending(s, n, p);
        pending_free(n, p);
    }
}

void sim__disk_power_loss(struct sim *s)
{
    LIST_FOREACH_SAFE(l, &s->disk->unlinked) {
        struct sim_inode *n = LIST_ENTRY(l, struct sim_inode, unlinked_link);
        if (sim__chance(s, 2) && name_find(s->disk, n->path) == NULL && parent_exists(s->disk, n->path))
            name_insert(s->disk, n);
        forget_unlinked(s, n);
    }
    for (uint32_t i = 0; i < s->disk->names_count; i++) {
        struct sim_inode *n = s->disk->names[i];
        inode_power_loss(s, n);
        if (n->name_pending && sim__chance(s, 2)) {
            name_remove(s->disk, n);
            inode_unref(s, n);
            i--;
        } else {
            n->name_pending = false;
        }
    }
}

uint64_t sim_unsynced(const struct sim *s)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->disk->names_count; i++)
        LIST_FOREACH(l, &s->disk->names[i]->pending)
            n++;
    LIST_FOREACH(l, &s->disk->ios)
        n += LIST_ENTRY(l, struct sim_io, link)->kind == IO_WRITE;
    return n;
}

void sim_corrupt(struct sim *s, const char *path, uint64_t offset)
{
    char *normal = normal_path(path);
    struct sim_inode *n = name_find(s->disk, normal);
    free(normal);
    assert(n != NULL);
    assert(offset < n->size);
    const uint8_t bit = (uint8_t)(1u << sim__random(s) % 8);
    n->data[offset] ^= bit;
}

void sim_set_disk_limit(struct sim *s, uint64_t bytes)
{
    s->opt.disk_bytes_max = bytes;
}

void sim__disk_init(struct sim *s)
{
    s->disk = xcalloc(1, sizeof(*s->disk));
    list_init(&s->disk->unlinked);
    list_init(&s->disk->ios);
    list_init(&s->disk->failures);
}

void sim__disk_fini(struct sim *s)
{
    struct sim_disk *disk = s->disk;
    assert(list_empty(&disk->ios));
    LIST_FOREACH_SAFE(l, &disk->unlinked)
        forget_unlinked(s, LIST_ENTRY(l, struct sim_inode, unlinked_link));
    for (uint32_t i = 0; i < disk->names_count; i++)
        inode_unref(s, disk->names[i]);
    LIST_FOREACH_SAFE(l, &disk->failures) {
        struct sim_failure *f = LIST_ENTRY(l, struct sim_failure, link);
        free(f->part);
        free(f);
    }
    free(disk->names);
    free(disk);
}
