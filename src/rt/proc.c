/*
 * A process as a host: worker threads and their loops.
 *
 * A worker runs fibers as long as there are any and looks for events now and
 * then; when there are none it polls for a while and then sleeps in epoll.
 * Other workers wake it through an eventfd, and only if it sleeps.
 *
 * Polling saves the time that the system takes to wake a thread, at the price
 * of a processor. How long a worker polls, `spin_us` at most, follows what it
 * would have been good for lately; half of the processors at most are used for
 * it; and it ends, for a rest, where another thread turns out to want the
 * processor.
 */
#include "rt/proc_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POLL_TURNS 61u /* turns, or ... */
#define POLL_US 100u /* ... microseconds between two looks for events while there is work */
#define SUBMIT_TURNS 4u
#define EVENTS_MAX 128
#define HUGE_PAGE (2u * 1024u * 1024u)
#define CRITICAL_NICE (-15)
#define SPIN_LEAST_SHARE 16u /* a worker polls for this part of spin_us even where it has not paid lately */
#define SPIN_CONTENDED_US 20u /* a yield that takes longer gave the processor to another thread */
#define SPIN_REST_US 5000u /* no polling after that */

/* epoll tags below any pointer */
enum { TAG_WAKE, TAG_RING };

/* ---- clocks ----------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return RT_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static uint64_t op_now(struct worker *w)
{
    return now_ns();
}

static uint64_t op_wall_us(struct worker *w)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t measure_ticks_per_us(void)
{
    const uint64_t ns = now_ns(), ticks = rt__ticks();
    uint64_t passed;
    while ((passed = now_ns() - ns) < RT_US(500))
        continue;
    return MAX((rt__ticks() - ticks) * 1000 / passed, (uint64_t)1);
}

/* ---- events ---------------------------------------------------------------------------- */

static void handle_events(const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++)
        if (events[i].data.u64 > TAG_RING)
            proc__pollee_event(events[i].data.u64, events[i].events);
}

static void fire_timers(struct proc_worker *pw)
{
    if (pw->timers.count == 0)
        return;
    const uint64_t now = now_ns();
    for (struct fiber *f; (f = rt__timers_pop_due(&pw->timers, now)) != NULL;)
        rt__fire_timer(f);
}

/* Without waiting. The ring comes after epoll, which tells only once that it has something: a later completion tells again. */
static void poll_events(struct proc_worker *pw)
{
    struct epoll_event events[EVENTS_MAX];
    if (pw->has_ring)
        proc__ring_submit(pw);
    handle_events(events, epoll_wait(pw->epoll_fd, events, EVENTS_MAX, 0));
    if (pw->has_ring)
        proc__ring_reap(pw);
    fire_timers(pw);
    rt__drain_remote(&pw->base);
    pw->polled_at = rt__ticks();
    pw->turns = 0;
}

static int wait_events(struct proc_worker *pw, struct epoll_event *events)
{
    const uint64_t next = rt__timers_next(&pw->timers);
    if (next == RT_FOREVER)
        return epoll_wait(pw->epoll_fd, events, EVENTS_MAX, -1);
    const uint64_t now = now_ns();
    const uint64_t ns = next > now ? next - now : 0;
    const struct timespec timeout = { .tv_sec = (time_t)(ns / RT_SEC(1)), .tv_nsec = (long)(ns % RT_SEC(1)) };
    const int n = epoll_pwait2(pw->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
    if (n >= 0 || errno != ENOSYS)
        return n;
    return epoll_wait(pw->epoll_fd, events, EVENTS_MAX, (int)MIN(ns / 1000000 + 1, (uint64_t)3600000)); /* before Linux 5.11 */
}

static void sleep_for_events(struct proc_worker *pw)
{
    struct worker *w = &pw->base;
    struct epoll_event events[EVENTS_MAX];
    atomic_store(&w->asleep, true);
    if (atomic_load(&w->remote) == NULL && !atomic_load(&proc__of(w)->stop)) {
        const int n = wait_events(pw, events);
        atomic_store(&w->asleep, false);
        handle_events(events, n);
    }
    atomic_store(&w->asleep, false);
    poll_events(pw);
}

/* Learns from an idle time that began at `busy_at` and has ended now. */
static void learn_spin(struct proc_worker *pw)
{
    const uint64_t least = pw->spin_max / SPIN_LEAST_SHARE;
    if (rt__ticks() - pw->busy_at <= pw->spin_max)
        pw->spin_ticks = MIN(2 * pw->spin_ticks + 1, pw->spin_max);
    else
        pw->spin_ticks = MAX(pw->spin_ticks / 2, least);
}

/* False: another thread ran here, it needs the processor more. */
static bool give_way(struct proc_worker *pw)
{
    const struct proc *p = proc__of(&pw->base);
    const uint64_t before = rt__ticks();
    sched_yield();
    const uint64_t after = rt__ticks();
    if (after - before <= SPIN_CONTENDED_US * p->ticks_per_us)
        return true;
    pw->spin_rest_until = after + SPIN_REST_US * p->ticks_per_us;
    return false;
}

/* True: there is something to do. */
static bool spin(struct proc_worker *pw)
{
    struct worker *w = &pw->base;
    const struct proc *p = proc__of(w);
    for (;;) {
        for (int i = 0; i < 16 && atomic_load_explicit(&w->remote, memory_order_relaxed) == NULL; i++)
            rt__pause();
        poll_events(pw);
        if (w->runnable_count > 0 || atomic_load(&p->stop))
            return true;
        if (rt__ticks() - pw->busy_at >= pw->spin_ticks || !give_way(pw))
            return false;
    }
}

static bool may_spin(const struct proc_worker *pw)
{
    const uint64_t now = rt__ticks();
    return now - pw->busy_at < pw->spin_ticks && now >= pw->spin_rest_until;
}

static bool spin_in_turn(struct proc_worker *pw)
{
    struct proc *p = proc__of(&pw->base);
    const bool found = atomic_fetch_add_explicit(&p->spinning, 1, memory_order_relaxed) < p->spinning_max && spin(pw);
    atomic_fetch_sub_explicit(&p->spinning, 1, memory_order_relaxed);
    return found;
}

static void idle(struct proc_worker *pw)
{
    struct worker *w = &pw->base;
    poll_events(pw);
    if (w->runnable_count > 0 || atomic_load(&proc__of(w)->stop))
        return;
    if (!may_spin(pw) || !spin_in_turn(pw))
        sleep_for_events(pw);
    learn_spin(pw);
}

static void op_notify(struct worker *w)
{
    const uint64_t one = 1;
    if (write(proc__pw(w)->wake_fd, &one, sizeof(one)) != sizeof(one))
        panic("write to an eventfd: error %d", errno);
}

static void stop(struct proc *p)
{
    atomic_store(&p->stop, true);
    for (uint32_t i = 0; i <= p->base.workers_count; i++)
        op_notify(&p->workers[i].base);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void turn(struct proc_worker *pw, struct fiber *f)
{
    struct worker *w = &pw->base;
    pw->busy_at = rt__ticks();
    w->turn_end = pw->busy_at + w->host->turn_ticks;
    rt__run(w, f);
    pw->turns++;
    if (pw->unsubmitted > 0 && (w->runnable_count == 0 || pw->turns % SUBMIT_TURNS == 0))
        proc__ring_submit(pw);
}

static void worker_loop(struct proc_worker *pw)
{
    struct worker *w = &pw->base;
    struct proc *p = proc__of(w);
    const uint64_t poll_ticks = POLL_US * p->ticks_per_us;
    rt__worker = w;
    while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
        rt__drain_remote(w);
        struct fiber *f = rt__pick(w);
        if (f == NULL) {
            idle(pw);
            continue;
        }
        turn(pw, f);
        if (atomic_load_explicit(&p->base.fibers, memory_order_relaxed) == 0)
            stop(p);
        else if (pw->turns >= POLL_TURNS || pw->busy_at - pw->polled_at >= poll_ticks)
            poll_events(pw);
    }
    rt__worker = NULL;
}

/* Ahead of all other threads where the system allows it; it does little. */
static void raise_priority(void)
{
    const struct sched_param param = { .sched_priority = 1 };
    if (sched_setscheduler(0, SCHED_RR, &param) != 0)
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), CRITICAL_NICE);
}

static void *worker_thread(void *arg)
{
    struct proc_worker *pw = arg;
    rt__worker_thread_init(&pw->base);
    if (pw->base.number == RT_WORKER_CRITICAL)
        raise_priority();
    worker_loop(pw);
    return NULL;
}

/* ---- start, end ------------------------------------------------------------------------------- */

static enum err worker_open(struct proc *p, uint32_t index, const struct rt_options *opt, struct diag *d)
{
    struct proc_worker *pw = &p->workers[index];
    const bool critical = index == p->base.workers_count;
    rt__timers_init(&pw->timers);
    rt__worker_init(&pw->base, &p->base, critical ? RT_WORKER_CRITICAL : index, &pw->timers);
    p->base.workers[index] = &pw->base;
    pw->spin_ticks = pw->spin_max = critical ? 0 : opt->spin_us * p->ticks_per_us;
    uint64_t seed[4];
    proc__ops.random_bytes(&pw->base, seed, sizeof(seed));
    memcpy(pw->base.random, seed, sizeof(seed));

    pw->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pw->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = { .events = EPOLLIN | EPOLLET, .data.u64 = TAG_WAKE };
    if (pw->epoll_fd < 0 || pw->wake_fd < 0 || epoll_ctl(pw->epoll_fd, EPOLL_CTL_ADD, pw->wake_fd, &wake) != 0)
        return rt__errno(d, errno, "create", "event loop");
    if (opt->backend == RT_EPOLL)
        return ERR_OK;

    const int r = proc__ring_init(pw);
    if (r < 0) /* many containers forbid it */
        return opt->backend == RT_AUTO ? ERR_OK : diag_wrap(d, diag_set(d, ERR_FEATURE, "%s", strerror(-r)), "io_uring");
    struct epoll_event ring = { .events = EPOLLIN | EPOLLET, .data.u64 = TAG_RING };
    if (epoll_ctl(pw->epoll_fd, EPOLL_CTL_ADD, pw->ring.ring_fd, &ring) != 0)
        return rt__errno(d, errno, "watch", "io_uring");
    return ERR_OK;
}

static void worker_close(struct proc_worker *pw)
{
    proc__ring_fini(pw);
    if (pw->epoll_fd >= 0)
        close(pw->epoll_fd);
    if (pw->wake_fd >= 0)
        close(pw->wake_fd);
    rt__timers_fini(&pw->timers);
}

static uint32_t processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static struct proc *proc_new(const struct rt_options *opt)
{
    const size_t size = ALIGN_UP(sizeof(struct proc) + (opt->workers + 1) * sizeof(struct proc_worker), (size_t)64);
    struct proc *p = aligned_alloc(64, size);
    if (p == NULL)
        panic("out of memory");
    memset(p, 0, size);
    p->ticks_per_us = measure_ticks_per_us();
    p->base.ops = &proc__ops;
    p->base.workers_count = opt->workers;
    p->spinning_max = processors() > 1 ? processors() / 2 : 0;
    p->base.stacks = &p->stacks;
    p->base.turn_ticks = RT_TURN_NS / 1000 * p->ticks_per_us;
    rt__stacks_init(&p->stacks, opt->stack_bytes > 0 ? opt->stack_bytes : RT_STACK_DEFAULT);
    proc__pool_init(&p->files, 4);
    proc__pool_init(&p->offload, 2);
    for (uint32_t i = 0; i <= opt->workers; i++)
        p->workers[i].epoll_fd = p->workers[i].wake_fd = -1;
    return p;
}

static void proc_free(struct proc *p, uint32_t opened)
{
    proc__pool_fini(&p->files);
    proc__pool_fini(&p->offload);
    for (uint32_t i = 0; i < opened; i++)
        worker_close(&p->workers[i]);
    if (p->signals)
        close(p->signals->fd);
    proc__pollees_fini(&p->pollees);
    rt__stacks_fini(&p->stacks);
    free(p);
}

static void run_threads(struct proc *p)
{
    uint32_t started = 1; /* worker 0 is this thread */
    for (; started <= p->base.workers_count; started++)
        if (pthread_create(&p->workers[started].thread, NULL, worker_thread, &p->workers[started]) != 0)
            panic("cannot start a worker thread");
    rt__worker_thread_init(&p->workers[0].base);
    worker_loop(&p->workers[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(p->workers[i].thread, NULL);
}

enum err rt_run(const struct rt_options *opt, void (*fn)(void *arg), void *arg, struct diag *d)
{
    assert(rt__worker == NULL);
    if (opt->workers < 1 || opt->workers > RT_WORKERS_MAX)
        return diag_set(d, ERR_PARAMETER_VALUE, "%u workers: must be 1 to %u", opt->workers, RT_WORKERS_MAX);
    struct proc *p = proc_new(opt);
    enum err err = ERR_OK;
    uint32_t opened = 0;
    while (err == ERR_OK && opened <= opt->workers)
        err = worker_open(p, opened++, opt, d);
    if (err == ERR_OK) {
        const struct rt_spawn_options main_fiber = { .name = "main", .prio = RT_PRIO_NORMAL };
        struct fiber *f = rt__spawn_on(&p->workers[0].base, &main_fiber, fn, arg);
        if (f == NULL)
            panic("no memory for the first fiber");
        f->detached = true;
        run_threads(p);
    }
    proc_free(p, opened);
    return err;
}

/* ---- the plain part of the table ------------------------------------------------------------------ */

static void op_random_bytes(struct worker *w, void *p, size_t len)
{
    for (size_t got = 0; got < len;) {
        const ssize_t n = getrandom((uint8_t *)p + got, len - got, 0);
        if (n < 0 && errno != EINTR)
            panic("getrandom: %s", strerror(errno));
        got += n > 0 ? (size_t)n : 0;
    }
}

static void op_offload(void (*fn)(void *), void *arg)
{
    proc__pool_call(&proc__self()->offload, fn, arg);
}

/* A signal handler has nothing but globals: the end of a pipe that it writes to. */
static int signal_pipe[2] = { -1, -1 };

static void on_signal(int signo)
{
    const int error = errno;
    const uint8_t byte = (uint8_t)signo;
    (void)!write(signal_pipe[1], &byte, 1);
    errno = error;
}

static int op_wait_signal(void)
{
    if (signal_pipe[0] < 0) {
        if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
            panic("pipe2: %s", strerror(errno));
        const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGHUP, &action, NULL);
        signal(SIGPIPE, SIG_IGN); /* whoever reads the log may go away */
    }
    struct proc *p = proc__self();
    if (!p->signals)
        p->signals = proc__pollee_open(dup(signal_pipe[0]));
    uint8_t byte = 0;
    while (read(p->signals->fd, &byte, 1) != 1)
        (void)proc__wait_readable(p->signals, RT_FOREVER, false, "signal");
    return byte;
}

static void *op_alloc_aligned(size_t bytes)
{
    void *p;
    if (bytes < HUGE_PAGE) {
        p = aligned_alloc(4096, ALIGN_UP(bytes > 0 ? bytes : 1, (size_t)4096));
        if (p == NULL)
            panic("out of memory (%zu bytes)", bytes);
        return memset(p, 0, bytes);
    }
    const size_t size = ALIGN_UP(bytes, (size_t)HUGE_PAGE);
    char *map = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        panic("out of memory (%zu bytes)", bytes);
    char *start = (char *)ALIGN_UP((uintptr_t)map, (uintptr_t)HUGE_PAGE);
    if (start > map)
        munmap(map, (size_t)(start - map));
    munmap(start + size, (size_t)(map + HUGE_PAGE - start));
    (void)madvise(start, size, MADV_HUGEPAGE);
    return start;
}

static void op_free_aligned(void *p, size_t bytes)
{
    if (bytes < HUGE_PAGE)
        free(p);
    else
        munmap(p, ALIGN_UP(bytes, (size_t)HUGE_PAGE));
}

const struct rt_ops proc__ops = {
    .notify = op_notify,
    .now = op_now,
    .wall_us = op_wall_us,
    .random_bytes = op_random_bytes,
    .offload = op_offload,
    .wait_signal = op_wait_signal,
    .alloc_aligned = op_alloc_aligned,
    .free_aligned = op_free_aligned,
    .open = proc__open,
    .close = proc__close,
    .pread = proc__pread,
    .pwritev = proc__pwritev,
    .fdatasync = proc__fdatasync,
    .pwrite_durable = proc__pwrite_durable,
    .file_size = proc__file_size,
    .allocate = proc__allocate,
    .truncate = proc__truncate,
    .file_lock = proc__file_lock,
    .mkdir = proc__mkdir,
    .rename = proc__rename,
    .unlink = proc__unlink,
    .sync_dir = proc__sync_dir,
    .list_dir = proc__list_dir,
    .listen = proc__listen,
    .listener_address = proc__listener_address,
    .accept = proc__accept,
    .listener_close = proc__listener_close,
    .listener_free = proc__listener_free,
    .connect = proc__connect,
    .conn_adopt = proc__conn_adopt,
    .recv = proc__recv,
    .sendv = proc__sendv,
    .conn_shutdown = proc__conn_shutdown,
    .conn_close = proc__conn_close,
    .conn_peer = proc__conn_peer,
    .conn_is_loopback = proc__conn_is_loopback,
};

unsigned proc__fill_batch(struct iovec *batch, const struct rt_iov *iov, unsigned n, size_t skip)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n && count < PROC_IOV_BATCH; i++) {
        if (skip >= iov[i].len) {
            skip -= iov[i].len;
            continue;
        }
        batch[count++] = (struct iovec){ .iov_base = (char *)(uintptr_t)iov[i].p + skip, .iov_len = iov[i].len - skip };
        skip = 0;
    }
    return count;
}
