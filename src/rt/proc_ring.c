/*
 * File operations through io_uring: one ring a worker, so a fiber's request
 * completes on the fiber's own thread.
 */
#include "rt/proc_int.h"

#include <errno.h>

#define RING_ENTRIES 256u

struct ring_op {
    int32_t result;
    struct rt_spin spin; /* never contended: one thread */
    struct rt_waitq waiter;
};

int proc__ring_init(struct proc_worker *pw)
{
    const int r = io_uring_queue_init(RING_ENTRIES, &pw->ring, IORING_SETUP_CLAMP);
    pw->has_ring = r == 0;
    return r;
}

void proc__ring_fini(struct proc_worker *pw)
{
    if (pw->has_ring)
        io_uring_queue_exit(&pw->ring);
    pw->has_ring = false;
}

void proc__ring_submit(struct proc_worker *pw)
{
    while (pw->unsubmitted > 0) {
        const int n = io_uring_submit(&pw->ring);
        if (n >= 0) {
            pw->unsubmitted -= MIN((uint32_t)n, pw->unsubmitted);
            return; /* what the kernel left over goes with the next */
        }
        if (n == -EAGAIN || n == -EBUSY || n == -EINTR) {
            proc__ring_reap(pw);
            return;
        }
        panic("io_uring_submit: error %d", -n);
    }
}

void proc__ring_reap(struct proc_worker *pw)
{
    struct io_uring_cqe *cqe;
    while (io_uring_peek_cqe(&pw->ring, &cqe) == 0) {
        struct ring_op *op = io_uring_cqe_get_data(cqe);
        op->result = cqe->res;
        io_uring_cqe_seen(&pw->ring, cqe);
        rt__wake_all(&op->waiter, &op->spin);
    }
}

/* Room for `n` requests that must go out together. */
static void make_room(struct proc_worker *pw, unsigned n)
{
    while (io_uring_sq_space_left(&pw->ring) < n) {
        proc__ring_submit(pw);
        if (io_uring_sq_space_left(&pw->ring) < n)
            rt_yield();
    }
}

static struct io_uring_sqe *get_sqe(struct proc_worker *pw)
{
    make_room(pw, 1);
    return io_uring_get_sqe(&pw->ring);
}

static void enqueue(struct proc_worker *pw, struct io_uring_sqe *sqe, struct ring_op *op)
{
    io_uring_sqe_set_data(sqe, op);
    pw->unsubmitted++;
}

/* The log writer's requests go out at once, others with the next poll. */
static int64_t wait_for(struct proc_worker *pw, struct ring_op *op, const char *what)
{
    if (rt__f()->prio == RT_PRIO_HIGH)
        proc__ring_submit(pw);
    rt__lock(&op->spin);
    (void)rt__wait(&op->waiter, &op->spin, RT_FOREVER, false, what);
    return op->result;
}

static int64_t run(struct proc_worker *pw, struct io_uring_sqe *sqe, const char *what)
{
    struct ring_op op = { 0 };
    enqueue(pw, sqe, &op);
    return wait_for(pw, &op, what);
}

int64_t proc__ring_read(int fd, void *p, size_t len, uint64_t offset)
{
    struct proc_worker *pw = proc__pw(rt__w());
    struct io_uring_sqe *sqe = get_sqe(pw);
    io_uring_prep_read(sqe, fd, p, (unsigned)MIN(len, (size_t)1 << 30), offset);
    return run(pw, sqe, "file read");
}

int64_t proc__ring_writev(int fd, const struct iovec *iov, unsigned n, uint64_t offset)
{
    struct proc_worker *pw = proc__pw(rt__w());
    struct io_uring_sqe *sqe = get_sqe(pw);
    if (n == 1)
        io_uring_prep_write(sqe, fd, iov->iov_base, (unsigned)MIN(iov->iov_len, (size_t)1 << 30), offset);
    else
        io_uring_prep_writev(sqe, fd, iov, n, offset);
    return run(pw, sqe, "file write");
}

int64_t proc__ring_fdatasync(int fd)
{
    struct proc_worker *pw = proc__pw(rt__w());
    struct io_uring_sqe *sqe = get_sqe(pw);
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    return run(pw, sqe, "file sync");
}

/* Linked: the kernel goes from the one to the other without this thread. After an incomplete write there is no sync. */
int64_t proc__ring_write_sync(int fd, const void *p, size_t len, uint64_t offset)
{
    struct proc_worker *pw = proc__pw(rt__w());
    struct ring_op write = { 0 }, sync = { 0 };
    const unsigned some = (unsigned)MIN(len, (size_t)1 << 30);
    make_room(pw, 2);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&pw->ring);
    io_uring_prep_write(sqe, fd, p, some, offset);
    sqe->flags |= IOSQE_IO_LINK;
    enqueue(pw, sqe, &write);
    sqe = io_uring_get_sqe(&pw->ring);
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    enqueue(pw, sqe, &sync);
    const int64_t synced = wait_for(pw, &sync, "file write and sync");
    if (write.result != (int32_t)some)
        return write.result;
    return synced < 0 ? synced : (int64_t)some;
}
