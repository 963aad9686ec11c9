/*
 * What the files of the process back-end share: worker threads, each with an
 * epoll event loop for sockets, timers and wake-ups, and either an io_uring
 * (`uring`) or a pool of threads (`epoll`) for file operations.
 */
#ifndef RT_PROC_INT_H
#define RT_PROC_INT_H

#include <pthread.h>

#include <liburing.h>

#include "rt/rt_int.h"

#define POOL_THREADS_MAX 8u
#define PROC_IOV_BATCH 64u

/* ---- helper threads (proc_pool.c) ------------------------------------------------- */

struct job {
    struct job *next;
    void (*fn)(void *);
    void *arg;
    struct rt_future done;
};

struct pool {
    pthread_mutex_t mutex; /* of the rest */
    pthread_cond_t more;
    struct job *first, **last;
    pthread_t threads[POOL_THREADS_MAX];
    uint32_t threads_max, threads_count, idle;
    bool stop;
};

void proc__pool_init(struct pool *p, uint32_t threads_max); /* threads start when they are needed */
void proc__pool_fini(struct pool *p);
/* Runs fn on a thread of the pool. */
void proc__pool_call(struct pool *p, void (*fn)(void *), void *arg) MAY_YIELD;

/* ---- sockets (proc_net.c) ------------------------------------------------------------- */

/*
 * A descriptor that epoll watches, edge-triggered. The struct outlives its
 * use: an event that was fetched before the descriptor was closed or moved
 * finds another generation and does nothing.
 */
struct pollee {
    struct rt_spin spin; /* of the rest */
    uint16_t generation;
    struct worker *watcher; /* whose epoll has it; NULL: none yet */
    int fd;
    bool readable, writable; /* an edge that no fiber has used */
    bool drained; /* the last read took all there was: wait for an edge before the next */
    bool hung_up; /* the peer's end was seen: no further edge will come */
    bool shut;
    struct rt_waitq readers, writers;
    struct pollee *next_free;
};

struct pollee_pool {
    struct rt_spin spin; /* of the rest */
    struct pollee *free;
    struct pollee **all;
    uint32_t count, cap;
};

void proc__pollees_fini(struct pollee_pool *p);
void proc__pollee_event(uint64_t tag, uint32_t events);
/* For a descriptor that is no socket (the signal pipe). */
struct pollee *proc__pollee_open(int fd);
void proc__pollee_close(struct pollee *p);
enum err proc__wait_readable(struct pollee *p, uint64_t deadline, bool cancellable, const char *what) MAY_YIELD;

/* ---- workers -------------------------------------------------------------------------------- */

struct proc_worker {
    struct worker base;
    struct timers timers;
    pthread_t thread;
    int epoll_fd, wake_fd;
    uint64_t spin_max; /* polls this long at most before it sleeps */
    uint64_t spin_ticks; /* ... and this long at present */
    uint64_t spin_rest_until; /* others want the processor: no polling before this */
    uint64_t busy_at; /* ticks of the last turn */
    uint64_t polled_at;
    uint32_t turns; /* since the last poll */
    bool has_ring;
    struct io_uring ring;
    uint32_t unsubmitted;
};

struct proc {
    struct host base;
    struct stack_pool stacks;
    struct pool files; /* blocking file operations */
    struct pool offload; /* rt_offload() */
    struct pollee_pool pollees;
    struct pollee *signals; /* the reading end of the signal pipe, once somebody has waited; one fiber at a time does */
    uint64_t ticks_per_us;
    _Atomic uint32_t spinning; /* workers that poll or would like to */
    uint32_t spinning_max;
    _Atomic bool stop;
    struct proc_worker workers[]; /* the critical one is last */
};

static inline struct proc_worker *proc__pw(struct worker *w) { return CONTAINER_OF(w, struct proc_worker, base); }
static inline struct proc *proc__of(struct worker *w) { return CONTAINER_OF(w->host, struct proc, base); }
static inline struct proc *proc__self(void) { return proc__of(rt__w()); }

extern const struct rt_ops proc__ops;

/* As many pieces as a batch takes, from `skip` bytes on. */
unsigned proc__fill_batch(struct iovec *batch, const struct rt_iov *iov, unsigned n, size_t skip);

/* proc_ring.c */
int proc__ring_init(struct proc_worker *pw); /* -errno */
void proc__ring_fini(struct proc_worker *pw);
void proc__ring_submit(struct proc_worker *pw);
void proc__ring_reap(struct proc_worker *pw);
/* Result of the system call, or -errno. */
int64_t proc__ring_read(int fd, void *p, size_t len, uint64_t offset) MAY_YIELD;
int64_t proc__ring_writev(int fd, const struct iovec *iov, unsigned n, uint64_t offset) MAY_YIELD;
int64_t proc__ring_write_sync(int fd, const void *p, size_t len, uint64_t offset) MAY_YIELD; /* synced if it wrote all */
int64_t proc__ring_fdatasync(int fd) MAY_YIELD;

enum err proc__open(const char *path, unsigned flags, struct rt_file **ret, struct diag *d);
void proc__close(struct rt_file *f);
enum err proc__pread(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d);
enum err proc__pwritev(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d);
enum err proc__fdatasync(struct rt_file *f, struct diag *d);
enum err proc__pwrite_durable(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d);
enum err proc__file_size(struct rt_file *f, uint64_t *ret_bytes, struct diag *d);
enum err proc__allocate(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d);
enum err proc__truncate(struct rt_file *f, uint64_t len, struct diag *d);
enum err proc__file_lock(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d);
enum err proc__mkdir(const char *path, struct diag *d);
enum err proc__rename(const char *from, const char *to, struct diag *d);
enum err proc__unlink(const char *path, struct diag *d);
enum err proc__sync_dir(const char *path, struct diag *d);
enum err proc__list_dir(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d);

enum err proc__listen(const char *address, struct rt_listener **ret, struct diag *d);
const char *proc__listener_address(const struct rt_listener *l);
enum err proc__accept(struct rt_listener *l, struct rt_conn **ret, struct diag *d);
void proc__listener_close(struct rt_listener *l);
void proc__listener_free(struct rt_listener *l);
enum err proc__connect(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d);
void proc__conn_adopt(struct rt_conn *c);
enum err proc__recv(struct rt_conn *c, void *p, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d);
enum err proc__sendv(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d);
void proc__conn_shutdown(struct rt_conn *c);
void proc__conn_close(struct rt_conn *c);
const char *proc__conn_peer(const struct rt_conn *c);
bool proc__conn_is_loopback(const struct rt_conn *c);

#endif
