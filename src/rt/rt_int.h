/*
 * What the files of the runtime share: hosts, workers, fibers, and the table
 * of functions that a back-end fills in.
 *
 * A fiber is parked by rt__wait() and made runnable by rt__ready(). Three
 * parties may end a wait: whoever signals the object, the fiber's timer, and
 * rt_cancel(). The one that moves `fiber.wait` away from WAIT_PARKED has won;
 * the others leave the fiber alone. A fiber whose wait ended by time-out or
 * cancellation takes itself out of the wait queue when it runs.
 */
#ifndef RT_RT_INT_H
#define RT_RT_INT_H

#include <stdatomic.h>

#include "base/hash.h"
#include "rt/rt.h"

#define RT_FIBERS_MAX 30000u /* two mappings each; the kernel's default limit is 65530 */
#define RT_STACK_DEFAULT (256u * 1024u)
#define RT_STACK_BIG (8u * 1024u * 1024u)
#define RT_TURN_NS RT_US(200) /* a fiber that has run this long gives way in rt_yield_if_due() */
#define RT_PRIOS 4u

struct sim;
struct host;
struct worker;

/* ---- stacks (stack.c) ---------------------------------------------------- */

/* Lies at the top of its own mapping. */
struct stack {
    struct stack *next;
    char *low; /* lowest usable byte, above the guard page */
    size_t bytes; /* usable, below this struct */
};

struct stack_pool {
    struct rt_spin spin;
    struct stack *free[2]; /* of the default size, big */
    uint32_t count[2];
    size_t sizes[2];
};

void rt__stacks_init(struct stack_pool *p, size_t default_bytes);
void rt__stacks_fini(struct stack_pool *p);
struct stack *rt__stack_get(struct stack_pool *p, size_t bytes); /* NULL: no memory */
void rt__stack_put(struct stack_pool *p, struct stack *s);

/* ---- fibers -------------------------------------------------------------- */

enum wait_state { WAIT_NONE, WAIT_PARKED, WAIT_PARKED_CANCELLABLE, WAIT_WOKEN, WAIT_TIMED_OUT, WAIT_CANCELED };

#define TIMER_OFF UINT32_MAX

struct fiber {
    struct list run_link; /* in a run queue of its worker */
    struct list wait_link; /* in the wait queue of an object, under that object's spin */
    struct list all_link; /* simulation: all fibers of the worker */
    struct list late_link; /* simulation: its timer fired during a pause of its host; something else may wake it before the pause ends */
    struct fiber *remote_next; /* in worker.remote */
    struct worker *worker; /* for life */
    enum rt_prio prio;
    _Atomic uint32_t wait; /* enum wait_state */

    /* what a wait hands over; written by whoever ended it */
    void *wait_value;
    int wait_result;
    int wait_kind; /* written by the waiter: latch mode, or whether a mutex must be handed over */
    const char *waiting_for; /* static text */

    uint64_t timer_at;
    uint32_t timer_pos; /* in the heap, or TIMER_OFF */

    struct rt_spin lock; /* of the next five */
    bool cancel;
    bool ended;
    bool detached;
    struct rt_waitq joiners;

    void *ctx; /* where to continue */
    struct stack *stack;
    struct stack *big; /* while rt_call_on_big_stack() runs */
    char *stack_low; /* of the stack in use */
    size_t stack_bytes;
    void (*fn)(void *);
    void *arg;
    const char *name;
    uint64_t id;
    void *asan_fake;
    void *tsan;
};

/* ---- timers (timer.c) ----------------------------------------------------- */

struct timers { /* binary heap by (time, fiber id) */
    struct fiber **heap;
    uint32_t count, cap;
};

void rt__timers_init(struct timers *t);
void rt__timers_fini(struct timers *t);
void rt__timer_set(struct timers *t, struct fiber *f, uint64_t at);
void rt__timer_clear(struct timers *t, struct fiber *f);
uint64_t rt__timers_next(const struct timers *t); /* RT_FOREVER: none */
struct fiber *rt__timers_pop_due(struct timers *t, uint64_t now);

/* ---- workers ---------------------------------------------------------------- */

struct worker {
    struct host *host;
    struct sim *sim; /* NULL in a process */
    struct fiber *current;
    uint64_t switches;
    uint64_t turn_end; /* ticks (rt__ticks()); in the simulation ns of the host's clock */
    struct list runnable[RT_PRIOS];
    struct list all; /* simulation: its live fibers */
    uint32_t runnable_count;
    uint32_t picks;
    struct timers *timers;
    uint32_t number;
    void *sched_ctx; /* the scheduler's context while a fiber runs */
    const void *thread_low; /* the thread's own stack, for ASan */
    size_t thread_bytes;
    void *asan_fake;
    void *tsan;
    uint64_t random[4];

    alignas(64) _Atomic(struct fiber *) remote; /* made runnable by other workers; newest first */
    _Atomic uint32_t fibers; /* live ones */
    _Atomic bool asleep; /* or about to: whoever adds to `remote` must wake it */
};

struct rt_ops;

struct host {
    const struct rt_ops *ops;
    uint32_t number;
    uint32_t workers_count; /* without the critical one */
    struct worker *workers[RT_WORKERS_MAX + 1]; /* the critical one is last: workers[workers_count] */
    struct stack_pool *stacks;
    _Atomic uint32_t fibers; /* live ones */
    _Atomic uint64_t next_fiber_id;
    uint64_t turn_ticks; /* RT_TURN_NS in rt__ticks() */
};

extern _Thread_local struct worker *rt__worker __attribute__((tls_model("initial-exec")));
extern _Thread_local uint32_t rt__spins __attribute__((tls_model("initial-exec"))); /* held by this thread */

static inline struct worker *rt__w(void)
{
    struct worker *w = rt__worker;
    assert(w != NULL);
    return w;
}

static inline struct fiber *rt__f(void)
{
    struct fiber *f = rt__w()->current;
    assert(f != NULL);
    return f;
}

static inline uint64_t rt__ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
#else
#error "no cycle counter is known for this processor"
#endif
}

static inline void rt__pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

/* Every public function begins with this: in the simulation a call takes time and lets other workers interleave. */
void sim__call(struct worker *w);
uint64_t sim__true_time(struct worker *w, uint64_t shown); /* of the simulation, from what a host's drifting clock shows */
static inline void rt__call(void)
{
    struct worker *w = rt__worker;
    if (UNLIKELY(w != NULL && w->sim != NULL))
        sim__call(w);
}

void rt__give_way(uint32_t yields); /* to the thread that holds what is wanted; `yields`: how often that was in vain */

/* Bare spin locks, without the accounting of rt_spin_lock(). */
void rt__lock_slow(struct rt_spin *s);
static inline void rt__lock(struct rt_spin *s)
{
    if (UNLIKELY(__atomic_exchange_n(&s->word, 1, __ATOMIC_ACQUIRE) != 0))
        rt__lock_slow(s);
}
static inline void rt__unlock(struct rt_spin *s)
{
    __atomic_store_n(&s->word, 0, __ATOMIC_RELEASE);
}

/* ---- scheduling (fiber.c) ---------------------------------------------------- */

void rt__worker_init(struct worker *w, struct host *h, uint32_t number, struct timers *timers);
void rt__worker_thread_init(struct worker *w); /* on the thread that will run its fibers */
void rt__run(struct worker *w, struct fiber *f); /* one turn of f; the scheduler's side */
struct fiber *rt__pick(struct worker *w); /* the next to run, taken out of its queue; NULL: none */
void rt__enqueue(struct worker *w, struct fiber *f); /* on the worker's own thread */
uint32_t rt__drain_remote(struct worker *w);
void rt__fire_timer(struct fiber *f);
void rt__switch_out(void); /* the fiber's side */
struct fiber *rt__spawn_on(struct worker *w, const struct rt_spawn_options *opt, void (*fn)(void *), void *arg);
void rt__drop(struct fiber *f); /* simulation: a parked or runnable fiber vanishes */

/* A fiber that the caller has claimed becomes runnable. From any thread. */
void rt__ready(struct fiber *f);

/* ---- waiting (wait.c) ---------------------------------------------------------- */

static inline bool rt__q_empty(const struct rt_waitq *q)
{
    return q->waiters.next == NULL || q->waiters.next == &q->waiters;
}

/*
 * Parks the running fiber in q, whose spin the caller holds: _begin enqueues
 * it, the caller lets go of the spin, _end parks. ERR_CANCELED from _begin
 * means a cancellation was pending and nothing was enqueued.
 */
enum err rt__wait_begin(struct rt_waitq *q, bool first, bool cancellable);
enum err rt__wait_end(struct rt_spin *spin, uint64_t deadline, const char *what) MAY_YIELD;
/* Both; releases the spin. ERR_OK: woken, ERR_TIMED_OUT, ERR_CANCELED. */
enum err rt__wait(struct rt_waitq *q, struct rt_spin *spin, uint64_t deadline, bool cancellable, const char *what) MAY_YIELD;
/* Claims the first waiter, to be given to rt__ready() when the spin is released. NULL: none. */
struct fiber *rt__q_pop(struct rt_waitq *q);
struct fiber *rt__q_first(const struct rt_waitq *q); /* not claimed; may have timed out */
/* Wakes all; takes and releases the spin itself if it is given. */
void rt__wake_all(struct rt_waitq *q, struct rt_spin *spin);
void rt__ready_chain(struct fiber *chain); /* claimed fibers, linked by remote_next */

/* ---- back-end ------------------------------------------------------------------- */

/* Front of every back-end's struct rt_file. */
struct rt_file_common {
    char *path;
    unsigned flags;
};

struct rt_ops {
    void (*notify)(struct worker *w); /* `remote` was filled, the worker may be asleep */
    void (*worker_runnable)(struct worker *w); /* simulation: its run queues are no longer empty; else NULL */
    uint64_t (*now)(struct worker *w);
    uint64_t (*wall_us)(struct worker *w);
    void (*random_bytes)(struct worker *w, void *p, size_t len);
    void (*offload)(void (*fn)(void *), void *arg);
    int (*wait_signal)(void);
    void *(*alloc_aligned)(size_t bytes);
    void (*free_aligned)(void *p, size_t bytes);

    enum err (*open)(const char *path, unsigned flags, struct rt_file **ret, struct diag *d);
    void (*close)(struct rt_file *f);
    enum err (*pread)(struct rt_file *f, void *p, size_t len, uint64_t offset, size_t *ret_got, struct diag *d);
    enum err (*pwritev)(struct rt_file *f, const struct rt_iov *iov, unsigned n, uint64_t offset, struct diag *d);
    enum err (*pwrite_durable)(struct rt_file *f, const void *p, size_t len, uint64_t offset, struct diag *d); /* NULL: write, then sync */
    enum err (*fdatasync)(struct rt_file *f, struct diag *d);
    enum err (*file_size)(struct rt_file *f, uint64_t *ret_bytes, struct diag *d);
    enum err (*allocate)(struct rt_file *f, uint64_t offset, uint64_t len, struct diag *d);
    enum err (*truncate)(struct rt_file *f, uint64_t len, struct diag *d);
    enum err (*file_lock)(struct rt_file *f, uint64_t byte, bool *ret_locked, struct diag *d);
    enum err (*mkdir)(const char *path, struct diag *d);
    enum err (*rename)(const char *from, const char *to, struct diag *d);
    enum err (*unlink)(const char *path, struct diag *d);
    enum err (*sync_dir)(const char *path, struct diag *d);
    enum err (*list_dir)(const char *path, void (*fn)(void *arg, const char *name), void *arg, struct diag *d);

    enum err (*listen)(const char *address, struct rt_listener **ret, struct diag *d);
    const char *(*listener_address)(const struct rt_listener *l);
    enum err (*accept)(struct rt_listener *l, struct rt_conn **ret, struct diag *d);
    void (*listener_close)(struct rt_listener *l);
    void (*listener_free)(struct rt_listener *l);
    enum err (*connect)(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d);
    void (*conn_adopt)(struct rt_conn *c);
    enum err (*recv)(struct rt_conn *c, void *p, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d);
    enum err (*sendv)(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d);
    void (*conn_shutdown)(struct rt_conn *c);
    void (*conn_close)(struct rt_conn *c);
    const char *(*conn_peer)(const struct rt_conn *c);
    bool (*conn_is_loopback)(const struct rt_conn *c);
};

static inline const struct rt_ops *rt__ops(void) { return rt__w()->host->ops; }

/* xoshiro256** by Blackman and Vigna; seeded through splitmix64. */
void rt__random_seed(uint64_t state[4], uint64_t seed);
uint64_t rt__random_next(uint64_t state[4]);

/* err and text for an errno, about an operation on a path or address. */
enum err rt__errno(struct diag *d, int error, const char *what, const char *path);

#endif
