/*
 * The runtime: fibers on worker threads, timers, synchronisation, files,
 * sockets, clocks, random numbers. Nothing outside this folder asks the kernel
 * for any of these (rule R1).
 *
 * A *host* is what one instance runs on: in a server there is one and it is
 * the process; in the simulation (`sim` back-end) there are several in one
 * process, each with its own workers, address and clock, and one shared disk.
 * A fiber belongs to one worker of one host for life, and every call below
 * acts for the fiber that makes it; so none takes a context argument.
 *
 * Code reads as blocking code: a wait parks the fiber. What is marked
 * MAY_YIELD may park; everything else does not.
 */
#ifndef RT_RT_H
#define RT_RT_H

#include "base/diag.h"
#include "base/list.h"

/* ---- a process: server, tools, tests ---------------------------------- */

enum rt_backend { RT_AUTO, RT_URING, RT_EPOLL };

struct rt_options {
    enum rt_backend backend; /* RT_AUTO: uring, and epoll where the kernel forbids it */
    uint32_t workers; /* 1..RT_WORKERS_MAX; worker numbers 0..workers-1 run SQL and services */
    uint32_t spin_us; /* an idle worker polls this long at most before it sleeps; less where it does not pay */
    size_t stack_bytes; /* default stack of a fiber; 0: 256 KiB */
};
#define RT_WORKERS_MAX 64
/* One more worker, on a thread of its own: heartbeats and leases. Fibers there allocate only at start. */
#define RT_WORKER_CRITICAL 1000u
#define RT_WORKER_ANY 1001u /* the least loaded of the ordinary ones */

/* Runs fn as the first fiber, on worker 0, and returns when it has returned and all others have ended. */
enum err rt_run(const struct rt_options *opt, void (*fn)(void *arg), void *arg, struct diag *d) MUST_CHECK;
/* SIGTERM, SIGINT and SIGHUP: parks until one has come; from the first call on none of them, nor SIGPIPE, ends the process. Server only. */
int rt_wait_signal(void) MAY_YIELD;

/* ---- fibers ------------------------------------------------------------ */

struct fiber;

enum rt_prio {
    RT_PRIO_HIGH, /* lane dispatch, log writer: runs before SQL */
    RT_PRIO_PINS, /* for a while, of a fiber that holds pins (set and reset by mini-transactions) */
    RT_PRIO_NORMAL,
    RT_PRIO_LOW, /* purge, checkpoint, background rollback */
};

struct rt_spawn_options {
    const char *name; /* literal or longer-lived than the fiber */
    uint32_t worker; /* RT_WORKER_ANY, RT_WORKER_CRITICAL, or a number; 0 is worker 0 */
    enum rt_prio prio;
    size_t stack_bytes; /* 0: the default */
};

/* Starts fn(arg). The handle must be given to rt_join() or rt_detach(). Returns NULL when the limit of fibers is reached. */
struct fiber *rt_spawn(const struct rt_spawn_options *opt, void (*fn)(void *), void *arg) MUST_CHECK;
void rt_join(struct fiber *f) MAY_YIELD;
void rt_detach(struct fiber *f);

struct fiber *rt_self(void);
const char *rt_fiber_name(const struct fiber *f);
uint32_t rt_worker(void); /* number of the present worker, 0..rt_workers()-1, or RT_WORKER_CRITICAL */
uint32_t rt_workers(void);
void rt_set_prio(enum rt_prio prio);
uint64_t rt_switch_count(void); /* of this worker: unchanged means nothing else ran here in between */

void rt_yield(void) MAY_YIELD;
/* In CPU loops: yields when this fiber has run for 200 us. Cheap (reads a counter). */
void rt_yield_if_due(void) MAY_YIELD;
/*
 * Sets a flag that makes the fiber's present or next cancellable wait return ERR_CANCELED, once. From any worker.
 * Cancellable are rt_cond_wait() and rt_future_wait() where asked, rt_recv(), rt_accept(), rt_connect(); nothing else.
 */
void rt_cancel(struct fiber *f);
bool rt_cancel_pending(void); /* of the running fiber; does not clear */
void rt_cancel_clear(void);
/* Runs fn on a stack of 8 MiB (lazily committed), for code that recurses: the SQL parser. Does not yield by itself. */
void rt_call_on_big_stack(void (*fn)(void *), void *arg);
size_t rt_stack_left(void); /* bytes left on the present stack */
/* Runs fn on a helper thread (in the simulation: at once, with a delay): password hashing, name look-ups. */
void rt_offload(void (*fn)(void *), void *arg) MAY_YIELD;

/* ---- time -------------------------------------------------------------- */

#define RT_FOREVER UINT64_MAX
#define RT_MS(n) ((uint64_t)(n) * 1000000u)
#define RT_US(n) ((uint64_t)(n) * 1000u)
#define RT_SEC(n) ((uint64_t)(n) * 1000000000u)

uint64_t rt_now(void); /* monotonic, nanoseconds; the start of the present turn is not used: it is exact */
uint64_t rt_wall_us(void); /* wall clock, microseconds since 1970: for people and SQL only */
void rt_sleep(uint64_t ns) MAY_YIELD;
uint64_t rt_random(void); /* not for secrets */
void rt_random_bytes(void *p, size_t len); /* for secrets and incarnations (simulated in the simulation) */

/* ---- synchronisation --------------------------------------------------- */
/*
 * All of these work between fibers of different workers. Waits take an
 * absolute deadline (rt_now() based; RT_FOREVER: none) where stated and are
 * first-in first-out. Zero-initialised is valid ("= { 0 }").
 */

/* A short section without waits; never held over a MAY_YIELD call (asserted). */
struct rt_spin {
    uint32_t word;
};
void rt_spin_lock(struct rt_spin *s);
void rt_spin_unlock(struct rt_spin *s);

struct rt_waitq { /* building block of the ones below; private */
    struct list waiters;
};

/* A free mutex goes to whoever comes first; a waiter that lost such a race once is handed it next. */
struct rt_mutex {
    uint32_t state; /* held, has waiters, queue locked */
    struct fiber *owner; /* for assertions */
    struct rt_waitq q;
};
void rt_mutex_lock(struct rt_mutex *m) MAY_YIELD;
bool rt_mutex_trylock(struct rt_mutex *m);
void rt_mutex_unlock(struct rt_mutex *m);

/* Reader-writer latch, fair: first come first served, neighbouring readers together. */
struct rt_latch {
    uint32_t state; /* writer, has waiters, queue locked; number of readers */
    struct rt_waitq q;
};
void rt_latch_lock_s(struct rt_latch *l) MAY_YIELD;
void rt_latch_lock_x(struct rt_latch *l) MAY_YIELD;
bool rt_latch_try_s(struct rt_latch *l);
bool rt_latch_try_x(struct rt_latch *l);
void rt_latch_unlock_s(struct rt_latch *l);
void rt_latch_unlock_x(struct rt_latch *l);

/* Condition: waits release m and take it again. ERR_OK, ERR_TIMED_OUT or (only if cancellable) ERR_CANCELED. */
struct rt_cond {
    struct rt_spin spin;
    struct rt_waitq q;
};
enum err rt_cond_wait(struct rt_cond *c, struct rt_mutex *m, uint64_t deadline, bool cancellable) MAY_YIELD;
void rt_cond_signal(struct rt_cond *c);
void rt_cond_broadcast(struct rt_cond *c);

/* One-shot result that one fiber (or several) waits for and another sets, on any worker. */
struct rt_future {
    struct rt_spin spin;
    bool done;
    int64_t value;
    struct rt_waitq q;
};
void rt_future_init(struct rt_future *f);
void rt_future_set(struct rt_future *f, int64_t value); /* wakes; setting twice is a bug */
enum err rt_future_wait(struct rt_future *f, uint64_t deadline, bool cancellable, int64_t *ret_value) MAY_YIELD;

/* Bounded first-in first-out queue of pointers between fibers. */
struct rt_channel;
struct rt_channel *rt_channel_new(size_t capacity);
void rt_channel_free(struct rt_channel *c);
enum err rt_channel_send(struct rt_channel *c, void *item, uint64_t deadline) MAY_YIELD; /* ERR_CLOSED */
bool rt_channel_try_send(struct rt_channel *c, void *item); /* false: full or closed */
enum err rt_channel_recv(struct rt_channel *c, void **ret_item, uint64_t deadline) MAY_YIELD; /* ERR_CLOSED when closed and drained */
bool rt_channel_try_recv(struct rt_channel *c, void **ret_item);
void rt_channel_close(struct rt_channel *c);

/* ---- files ------------------------------------------------------------- */
/*
 * Errors name the path, the operation and the errno text: ERR_IO,
 * ERR_UNDEFINED_FILE (ENOENT), ERR_DISK_FULL (ENOSPC, EDQUOT). Reads and
 * writes are complete or fail; a read past the end fails with ERR_IO and
 * "unexpected end of file" unless `ret_got` is given.
 */
struct rt_file;
enum {
    RT_OPEN_READ = 0,
    RT_OPEN_WRITE = 1, /* read and write */
    RT_OPEN_CREATE = 2, /* implies RT_OPEN_WRITE; mode 0600 */
    RT_OPEN_EXCL = 4,
    RT_OPEN_DIRECT = 8, /* O_DIRECT where the file system has it (4 KiB aligned memory, offset, length), else page cache */
};
enum err rt_open(const char *path, unsigned flags, struct rt_file **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void rt_close(struct rt_file *f) MAY_YIELD; /* accepts NULL */
const char *rt_file_path(const struct rt_file *f);
enum err rt_pread(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_pwrite(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d) MAY_YIELD MUST_CHECK;
struct rt_iov {
    const void *p;
    size_t len;
};
enum err rt_pwritev(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_fdatasync(struct rt_file *f, struct diag *d) MAY_YIELD MUST_CHECK;
/* rt_pwrite() and rt_fdatasync() in one, for these bytes: once it returns they survive a crash. */
enum err rt_pwrite_durable(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_file_size(struct rt_file *f, uint64_t *ret_bytes, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_allocate(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d) MAY_YIELD MUST_CHECK; /* zeroed space, extends */
enum err rt_truncate(struct rt_file *f, uint64_t len, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * Advisory lock on a byte of the file, gone with the process (sim: with the host). false: somebody else holds it. It excludes all others where
 * the file is open for writing; one that is open for reading alone shares it with its like.
 */
enum err rt_file_lock(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_mkdir(const char *path, struct diag *d) MAY_YIELD MUST_CHECK; /* existing is fine */
enum err rt_rename(const char *from, const char *to, struct diag *d) MAY_YIELD MUST_CHECK; /* durable: syncs the folder */
enum err rt_unlink(const char *path, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_sync_dir(const char *path, struct diag *d) MAY_YIELD MUST_CHECK;
/* Calls fn(arg, name) for each entry but . and .., sorted by name. */
enum err rt_list_dir(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d) MAY_YIELD MUST_CHECK;
void *rt_alloc_aligned(size_t bytes); /* zeroed, 4 KiB aligned; huge pages for large sizes where there are any; free with rt_free_aligned */
void rt_free_aligned(void *p, size_t bytes);

/* ---- stream sockets ----------------------------------------------------- */
/*
 * Addresses are "host:port" with a numeric IPv4 or [IPv6] host, or "unix:/path".
 * One fiber may read and another may write at the same time.
 */
struct rt_listener;
struct rt_conn;
enum err rt_listen(const char *address, struct rt_listener **ret, struct diag *d) MUST_CHECK;
const char *rt_listener_address(const struct rt_listener *l); /* with the real port where 0 was asked for */
enum err rt_accept(struct rt_listener *l, struct rt_conn **ret, struct diag *d) MAY_YIELD MUST_CHECK; /* ERR_CLOSED after rt_listener_close() */
void rt_listener_close(struct rt_listener *l); /* stops accepting: wakes rt_accept */
void rt_listener_free(struct rt_listener *l);
enum err rt_connect(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Moves the connection to the worker of the calling fiber; call it first where accept ran elsewhere. */
void rt_conn_adopt(struct rt_conn *c);
/* At least one byte; *ret_got = 0 at the end of the stream. ERR_CANCELED by rt_cancel(), ERR_TIMED_OUT. */
enum err rt_recv(struct rt_conn *c, void *p, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_recv_full(struct rt_conn *c, void *p, size_t len, uint64_t deadline, struct diag *d) MAY_YIELD MUST_CHECK; /* ERR_CLOSED at the end */
enum err rt_send(struct rt_conn *c, const void *p, size_t len, struct diag *d) MAY_YIELD MUST_CHECK;
enum err rt_sendv(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d) MAY_YIELD MUST_CHECK;
void rt_conn_shutdown(struct rt_conn *c); /* wakes readers and writers of any worker; they fail or see the end */
void rt_conn_close(struct rt_conn *c); /* frees; no fiber may be inside */
const char *rt_conn_peer(const struct rt_conn *c);
bool rt_conn_is_loopback(const struct rt_conn *c);

#endif
