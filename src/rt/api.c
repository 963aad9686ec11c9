/*
 * The calls that a back-end carries out: checks of arguments, then its table.
 */
#include "rt/rt_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define DIRECT_ALIGN 4096u

enum err rt__errno(struct diag *d, int error, const char *what, const char *path)
{
    char text[128];
    const enum err err = error == ENOENT                        ? ERR_UNDEFINED_FILE
                         : error == ENOSPC || error == EDQUOT   ? ERR_DISK_FULL
                         : error == EMFILE || error == ENFILE   ? ERR_RESOURCES
                                                                : ERR_IO;
    return diag_set(d, err, "\"%s\": %s: %s", path, what, strerror_r(error, text, sizeof(text)));
}

/* ---- time, random numbers ------------------------------------------------------ */

/* Outside a runtime (tools, tests of pure modules) the plain clocks. */
static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return RT_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

uint64_t rt_now(void)
{
    struct worker *w = rt__worker;
    if (w == NULL || w->sim == NULL)
        return clock_ns(CLOCK_MONOTONIC);
    sim__call(w);
    return w->host->ops->now(w);
}

uint64_t rt_wall_us(void)
{
    rt__call();
    struct worker *w = rt__worker;
    return w != NULL ? w->host->ops->wall_us(w) : clock_ns(CLOCK_REALTIME) / 1000;
}

uint64_t rt_random(void)
{
    rt__call();
    return rt__random_next(rt__w()->random);
}

void rt_random_bytes(void *p, size_t len)
{
    rt__call();
    rt__ops()->random_bytes(rt__w(), p, len);
}

void rt_offload(void (*fn)(void *), void *arg)
{
    rt__call();
    rt__ops()->offload(fn, arg);
}

int rt_wait_signal(void)
{
    rt__call();
    return rt__ops()->wait_signal();
}

void *rt_alloc_aligned(size_t bytes)
{
    rt__call();
    return rt__ops()->alloc_aligned(bytes);
}

void rt_free_aligned(void *p, size_t bytes)
{
    rt__call();
    if (p != NULL)
        rt__ops()->free_aligned(p, bytes);
}

/* ---- files ------------------------------------------------------------------------ */

/* What every file has, at the front of the back-end's struct. */
struct rt_file {
    struct rt_file_common common;
};

static void check_direct(const struct rt_file *f, const void *p, size_t len, uint64_t offset)
{
    if ((f->common.flags & RT_OPEN_DIRECT) == 0)
        return;
    if (((uintptr_t)p | len | offset) % DIRECT_ALIGN != 0)
        panic("file \"%s\": direct I/O of %zu bytes at offset %" PRIu64 " is not aligned to 4 KiB", f->common.path, len, offset);
}

static enum err check_writable(const struct rt_file *f, struct diag *d)
{
    return (f->common.flags & RT_OPEN_WRITE) != 0 ? ERR_OK : rt__errno(d, EBADF, "write", f->common.path);
}

enum err rt_open(const char *path, unsigned flags, struct rt_file **ret, struct diag *d)
{
    rt__call();
    if ((flags & RT_OPEN_CREATE) != 0)
        flags |= RT_OPEN_WRITE;
    return rt__ops()->open(path, flags, ret, d);
}

void rt_close(struct rt_file *f)
{
    rt__call();
    if (f != NULL)
        rt__ops()->close(f);
}

const char *rt_file_path(const struct rt_file *f)
{
    return f->common.path;
}

enum err rt_pread(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d)
{
    rt__call();
    check_direct(f, p, len, offset);
    return rt__ops()->pread(f, p, len, offset, ret_got, d);
}

enum err rt_pwrite(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d)
{
    const struct rt_iov iov = { p, len };
    return rt_pwritev(f, &iov, 1, offset, d);
}

enum err rt_pwritev(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d)
{
    rt__call();
    for (unsigned i = 0; i < n; i++)
        check_direct(f, iov[i].p, iov[i].len, offset);
    const enum err err = check_writable(f, d);
    return err != ERR_OK ? err : rt__ops()->pwritev(f, iov, n, offset, d);
}

enum err rt_fdatasync(struct rt_file *f, struct diag *d)
{
    rt__call();
    return rt__ops()->fdatasync(f, d);
}

enum err rt_pwrite_durable(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d)
{
    if (rt__ops()->pwrite_durable == NULL) {
        const enum err err = rt_pwrite(f, p, len, offset, d);
        return err != ERR_OK ? err : rt_fdatasync(f, d);
    }
    rt__call();
    check_direct(f, p, len, offset);
    const enum err err = check_writable(f, d);
    return err != ERR_OK ? err : rt__ops()->pwrite_durable(f, p, len, offset, d);
}

enum err rt_file_size(struct rt_file *f, uint64_t *ret_bytes, struct diag *d)
{
    rt__call();
    return rt__ops()->file_size(f, ret_bytes, d);
}

enum err rt_allocate(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d)
{
    rt__call();
    const enum err err = check_writable(f, d);
    return err != ERR_OK ? err : rt__ops()->allocate(f, offset, len, d);
}

enum err rt_truncate(struct rt_file *f, uint64_t len, struct diag *d)
{
    rt__call();
    const enum err err = check_writable(f, d);
    return err != ERR_OK ? err : rt__ops()->truncate(f, len, d);
}

enum err rt_file_lock(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d)
{
    rt__call();
    return rt__ops()->file_lock(f, byte, ret_locked, d);
}

enum err rt_mkdir(const char *path, struct diag *d)
{
    rt__call();
    return rt__ops()->mkdir(path, d);
}

enum err rt_rename(const char *from, const char *to, struct diag *d)
{
    rt__call();
    return rt__ops()->rename(from, to, d);
}

enum err rt_unlink(const char *path, struct diag *d)
{
    rt__call();
    return rt__ops()->unlink(path, d);
}

enum err rt_sync_dir(const char *path, struct diag *d)
{
    rt__call();
    return rt__ops()->sync_dir(path, d);
}

enum err rt_list_dir(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d)
{
    rt__call();
    return rt__ops()->list_dir(path, fn, arg, d);
}

/* ---- sockets ------------------------------------------------------------------------ */

enum err rt_listen(const char *address, struct rt_listener **ret, struct diag *d)
{
    rt__call();
    return rt__ops()->listen(address, ret, d);
}

const char *rt_listener_address(const struct rt_listener *l)
{
    return rt__ops()->listener_address(l);
}

enum err rt_accept(struct rt_listener *l, struct rt_conn **ret, struct diag *d)
{
    rt__call();
    return rt__ops()->accept(l, ret, d);
}

void rt_listener_close(struct rt_listener *l)
{
    rt__call();
    rt__ops()->listener_close(l);
}

void rt_listener_free(struct rt_listener *l)
{
    rt__call();
    if (l != NULL)
        rt__ops()->listener_free(l);
}

enum err rt_connect(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d)
{
    rt__call();
    return rt__ops()->connect(address, deadline, ret, d);
}

void rt_conn_adopt(struct rt_conn *c)
{
    rt__call();
    rt__ops()->conn_adopt(c);
}

enum err rt_recv(struct rt_conn *c, void *p, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d)
{
    rt__call();
    assert(len > 0);
    return rt__ops()->recv(c, p, len, deadline, ret_got, d);
}

enum err rt_recv_full(struct rt_conn *c, void *p, size_t len, uint64_t deadline, struct diag *d)
{
    for (size_t done = 0; done < len;) {
        size_t got = 0;
        const enum err err = rt_recv(c, (uint8_t *)p + done, len - done, deadline, &got, d);
        if (err != ERR_OK)
            return err;
        if (got == 0)
            return diag_set(d, ERR_CLOSED, "connection with %s: closed by the peer", rt_conn_peer(c));
        done += got;
    }
    return ERR_OK;
}

enum err rt_send(struct rt_conn *c, const void *p, size_t len, struct diag *d)
{
    const struct rt_iov iov = { p, len };
    return rt_sendv(c, &iov, 1, d);
}

enum err rt_sendv(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d)
{
    rt__call();
    return rt__ops()->sendv(c, iov, n, d);
}

void rt_conn_shutdown(struct rt_conn *c)
{
    rt__call();
    rt__ops()->conn_shutdown(c);
}

void rt_conn_close(struct rt_conn *c)
{
    rt__call();
    if (c != NULL)
        rt__ops()->conn_close(c);
}

const char *rt_conn_peer(const struct rt_conn *c)
{
    return rt__ops()->conn_peer(c);
}

bool rt_conn_is_loopback(const struct rt_conn *c)
{
    return rt__ops()->conn_is_loopback(c);
}
