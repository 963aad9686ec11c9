/*
 * The simulation's scheduler: hosts, virtual time, events, turns.
 */
#include "rt/sim_int.h"

#include <stdio.h>
#include <stdlib.h>

#define SIM_CPU_NS_DEFAULT 200u
#define SIM_WALL_BASE_US UINT64_C(1750000000000000) /* a summer's day in 2025 */
#define SIM_INTERRUPT_ONE_IN 4u
#define SIM_REORDER_ONE_IN 8u

uint64_t sim__random(struct sim *s)
{
    return rt__random_next(s->random);
}

uint64_t sim__range(struct sim *s, uint64_t min, uint64_t max)
{
    return max > min ? min + sim__random(s) % (max - min + 1) : min;
}

/* ---- events ------------------------------------------------------------------- */

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void sim__event_at(struct sim *s, uint64_t at, void (*fn)(struct sim *, void *), void *arg)
{
    if (s->events_count == s->events_cap) {
        s->events_cap = s->events_cap * 2 + 64;
        s->events = xrealloc(s->events, s->events_cap * sizeof(*s->events));
    }
    const struct sim_event e = { .at = at, .seq = s->events_seq++, .fn = fn, .arg = arg };
    uint32_t pos = s->events_count++;
    for (; pos > 0 && event_before(&e, &s->events[(pos - 1) / 2]); pos = (pos - 1) / 2)
        s->events[pos] = s->events[(pos - 1) / 2];
    s->events[pos] = e;
}

static struct sim_event event_pop(struct sim *s)
{
    const struct sim_event first = s->events[0];
    const struct sim_event last = s->events[--s->events_count];
    uint32_t pos = 0;
    for (;;) {
        uint32_t child = pos * 2 + 1;
        if (child + 1 < s->events_count && event_before(&s->events[child + 1], &s->events[child]))
            child++;
        if (child >= s->events_count || !event_before(&s->events[child], &last))
            break;
        s->events[pos] = s->events[child];
        pos = child;
    }
    s->events[pos] = last;
    return first;
}

uint64_t sim__time(struct sim *s)
{
    return rt__worker != NULL ? MAX(sim__host()->clock, s->now) : s->now;
}

/* ---- clocks of hosts ---------------------------------------------------------------- */

#define MILLION 1000000

static uint64_t shown_time(const struct sim_host *h)
{
    const __int128 passed = h->clock - h->clock_base;
    return h->shown_base + (uint64_t)(passed * (MILLION + h->drift_ppm) / MILLION);
}

/* The first true time at which the host reads at least `shown`. */
uint64_t sim__true_time(struct worker *w, uint64_t shown)
{
    const struct sim_host *h = sim__host_of(w);
    if (shown <= h->shown_base)
        return h->clock_base;
    const __int128 rate = MILLION + h->drift_ppm;
    return h->clock_base + (uint64_t)(((__int128)(shown - h->shown_base) * MILLION + rate - 1) / rate);
}

void sim_set_clock(struct sim *s, uint32_t host, int32_t drift_ppm, uint64_t advance_ns)
{
    assert(host <= s->opt.hosts);
    assert(drift_ppm > -MILLION);
    struct sim_host *h = &s->hosts[host];
    h->clock = MAX(h->clock, s->now);
    h->shown_base = shown_time(h) + advance_ns;
    h->clock_base = h->clock;
    h->drift_ppm = drift_ppm;
    s->trouble.clocks++;
}

uint64_t sim_time_ns(struct sim *s)
{
    return sim__time(s);
}

/* ---- the runnable workers --------------------------------------------------------- */

static struct sim_worker *sim_worker(struct worker *w)
{
    return CONTAINER_OF(w, struct sim_worker, base);
}

static void worker_runnable(struct worker *w)
{
    struct sim *s = w->sim;
    if (sim_worker(w)->listed)
        return;
    sim_worker(w)->listed = true;
    s->runnable[s->runnable_count++] = w;
}

static bool worker_has_work(const struct sim_worker *w)
{
    return w->interrupted != NULL || w->base.runnable_count > 0;
}

/* One that may run now, at random; NULL: none. */
static struct sim_worker *pick_worker(struct sim *s, const struct worker *except)
{
    struct sim_worker *chosen = NULL;
    uint32_t eligible = 0, pick = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint32_t seen = 0;
        for (uint32_t i = 0; i < s->runnable_count; i++) {
            struct sim_worker *w = sim_worker(s->runnable[i]);
            if (!worker_has_work(w)) {
                w->listed = false;
                s->runnable[i--] = s->runnable[--s->runnable_count];
                continue;
            }
            const struct sim_host *h = sim__host_of(&w->base);
            if (h->paused || h->clock > s->now || &w->base == except)
                continue;
            if (pass == 1 && seen == pick)
                chosen = w;
            seen++;
        }
        if (pass == 0) {
            eligible = seen;
            if (eligible == 0)
                return NULL;
            pick = eligible > 1 ? (uint32_t)(sim__random(s) % eligible) : 0;
        }
    }
    return chosen;
}

/* ---- a runtime call ------------------------------------------------------------------ */

void sim__call(struct worker *w)
{
    struct sim *s = w->sim;
    struct sim_host *h = sim__host_of(w);
    h->clock += s->opt.cpu_ns_per_call;
    if (!s->opt.preempt || w->current == NULL || rt__spins > 0 || !sim__chance(s, SIM_INTERRUPT_ONE_IN))
        return;
    struct sim_worker *sw = sim_worker(w);
    s->trouble.interrupted++;
    sw->interrupted = w->current;
    worker_runnable(w);
    rt__switch_out();
}

/* ---- turns ------------------------------------------------------------------------------- */

static void trace(struct sim *s, uint64_t x)
{
    s->trace = hash_u64(s->trace ^ x) + s->trace * 3;
}

/* Mostly in order; sometimes the first of a queue goes to its end. */
static void reorder(struct sim *s, struct worker *w)
{
    if (w->runnable_count < 2 || !sim__chance(s, SIM_REORDER_ONE_IN))
        return;
    for (uint32_t i = 0; i < RT_PRIOS; i++)
        if (!list_empty(&w->runnable[i])) {
            struct list *l = list_pop_front(&w->runnable[i]);
            list_push_back(&w->runnable[i], l);
            s->trouble.reordered++;
            return;
        }
}

static void sim_run_turn(struct sim *s, struct sim_worker *w)
{
    struct sim_host *h = sim__host_of(&w->base);
    struct fiber *f = w->interrupted;
    h->clock = MAX(h->clock, s->now) + s->opt.cpu_ns_per_call;
    if (f != NULL) {
        w->interrupted = NULL;
        w->base.switches--; /* the same turn goes on: nothing else ran on this worker */
    } else {
        reorder(s, &w->base);
        f = rt__pick(&w->base);
        w->base.turn_end = shown_time(h) + RT_TURN_NS;
    }
    s->steps++;
    trace(s, h->clock);
    trace(s, (uint64_t)h->base.number << 32 | w->base.number);
    trace(s, f->id);
    rt__worker = &w->base;
    rt__run(&w->base, f);
    rt__worker = NULL;
}

static void fire_due(struct sim *s)
{
    while (s->events_count > 0 && s->events[0].at <= s->now) {
        const struct sim_event e = event_pop(s);
        e.fn(s, e.arg);
    }
    for (struct fiber *f; (f = rt__timers_pop_due(&s->timers, s->now)) != NULL;) {
        struct sim_host *h = sim__host_of(f->worker);
        if (h->paused)
            list_push_back(&h->late_timers, &f->late_link);
        else
            rt__fire_timer(f);
    }
}

static uint64_t live_fibers(const struct sim *s)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i <= s->opt.hosts; i++)
        n += atomic_load(&s->hosts[i].base.fibers);
    return n;
}

static uint64_t next_time(const struct sim *s)
{
    uint64_t next = rt__timers_next(&s->timers);
    if (s->events_count > 0)
        next = MIN(next, s->events[0].at);
    for (uint32_t i = 0; i < s->runnable_count; i++) {
        const struct sim_host *h = sim__host_of(s->runnable[i]);
        if (!h->paused)
            next = MIN(next, MAX(h->clock, s->now));
    }
    return next;
}

static bool anything_due(const struct sim *s)
{
    if (s->events_count > 0 || s->timers.count > 0)
        return true;
    for (uint32_t i = 0; i < s->runnable_count; i++)
        if (!sim__host_of(s->runnable[i])->paused)
            return true;
    return false;
}

void sim_dump(const struct sim *s)
{
    for (uint32_t i = 0; i <= s->opt.hosts; i++) {
        const struct host *h = &s->hosts[i].base;
        for (uint32_t k = 0; k <= h->workers_count; k++)
            LIST_FOREACH(l, &h->workers[k]->all) {
                const struct fiber *f = LIST_ENTRY(l, struct fiber, all_link);
                fprintf(stderr, "  host %u%s worker %u fiber %" PRIu64 " \"%s\" waits for: %s\n", i,
                        s->hosts[i].paused ? " (paused)" : "", h->workers[k]->number, f->id, f->name, f->waiting_for);
            }
    }
}

NORETURN static void panic_stuck(const struct sim *s)
{
    fprintf(stderr, "simulation (seed %" PRIu64 "): nothing can run at %" PRIu64 " us after %" PRIu64 " steps; parked fibers:\n",
            s->opt.seed, s->now / 1000, s->steps);
    sim_dump(s);
    panic("simulation (seed %" PRIu64 "): all fibers are parked and nothing is due", s->opt.seed);
}

bool sim_run(struct sim *s, uint64_t until_ns)
{
    assert(rt__worker == NULL);
    for (;;) {
        fire_due(s);
        if (live_fibers(s) == 0)
            return true;
        struct sim_worker *w = pick_worker(s, NULL);
        if (w != NULL) {
            sim_run_turn(s, w);
            continue;
        }
        if (!anything_due(s))
            panic_stuck(s);
        const uint64_t next = next_time(s);
        assert(next >= s->now);
        if (next > until_ns) {
            s->now = MAX(s->now, until_ns);
            return false;
        }
        s->now = next;
    }
}

/* ---- hosts ------------------------------------------------------------------------------------ */

static void host_init(struct sim *s, uint32_t number)
{
    struct sim_host *h = &s->hosts[number];
    h->sim = s;
    h->base.ops = &sim__ops;
    h->base.number = number;
    h->base.workers_count = s->opt.workers;
    h->base.stacks = &s->stacks;
    h->base.next_fiber_id = (uint64_t)number << 40;
    h->next_port = 20000;
    list_init(&h->late_timers);
    list_init(&h->handles);
    list_init(&h->listeners);
    list_init(&h->allocations);
    for (uint32_t i = 0; i <= s->opt.workers; i++) {
        struct sim_worker *w = xcalloc(1, sizeof(*w));
        rt__worker_init(&w->base, &h->base, i < s->opt.workers ? i : RT_WORKER_CRITICAL, &s->timers);
        w->base.sim = s;
        rt__random_seed(w->base.random, sim__random(s));
        h->base.workers[i] = &w->base;
    }
}

struct sim *sim_new(const struct sim_options *opt)
{
    struct sim *s = xcalloc(1, sizeof(*s));
    s->opt = *opt;
    s->opt.hosts = MAX(opt->hosts, 1u);
    s->opt.workers = MAX(opt->workers, 1u);
    assert(s->opt.hosts <= SIM_HOSTS_MAX);
    assert(s->opt.workers <= RT_WORKERS_MAX);
    if (s->opt.cpu_ns_per_call == 0)
        s->opt.cpu_ns_per_call = SIM_CPU_NS_DEFAULT;
    rt__random_seed(s->random, opt->seed);
    rt__timers_init(&s->timers);
    rt__stacks_init(&s->stacks, RT_STACK_DEFAULT);
    s->runnable = xcalloc((SIM_HOSTS_MAX + 1) * (RT_WORKERS_MAX + 1), sizeof(*s->runnable));
    for (uint32_t i = 0; i <= s->opt.hosts; i++) {
        host_init(s, i);
        rt__random_seed(s->hosts[i].random, sim__random(s));
    }
    sim__disk_init(s);
    sim__net_init(s);
    return s;
}

static void free_allocations(struct sim_host *h);

/* The objects that they wait for may go first. */
static void leave_wait_queues(struct worker *w)
{
    LIST_FOREACH(l, &w->all) {
        struct fiber *f = LIST_ENTRY(l, struct fiber, all_link);
        if (list_linked(&f->wait_link))
            list_remove(&f->wait_link);
    }
}

static void host_drop(struct sim *s, struct sim_host *h, bool power_loss)
{
    assert(rt__worker == NULL || sim__host() != h);
    for (uint32_t i = 0; i <= h->base.workers_count; i++)
        leave_wait_queues(h->base.workers[i]);
    sim__net_kill(s, h, power_loss);
    sim__disk_kill(s, h, power_loss);
    for (uint32_t i = 0; i <= h->base.workers_count; i++) {
        struct worker *w = h->base.workers[i];
        sim_worker(w)->interrupted = NULL;
        while (!list_empty(&w->all)) {
            struct fiber *f = LIST_ENTRY(w->all.next, struct fiber, all_link);
            if (list_linked(&f->late_link))
                list_remove(&f->late_link);
            rt__drop(f);
        }
        assert(w->runnable_count == 0);
    }
    free_allocations(h);
    h->paused = false;
}

void sim_free(struct sim *s)
{
    if (s == NULL)
        return;
    assert(rt__worker == NULL);
    for (uint32_t i = 0; i <= s->opt.hosts; i++)
        host_drop(s, &s->hosts[i], true);
    while (s->events_count > 0) {
        const struct sim_event e = event_pop(s);
        s->now = MAX(s->now, e.at);
        e.fn(s, e.arg); /* nobody is there any more: frees what it refers to */
    }
    sim__net_fini(s);
    sim__disk_fini(s);
    for (uint32_t i = 0; i <= s->opt.hosts; i++)
        for (uint32_t k = 0; k <= s->opt.workers; k++)
            free(sim_worker(s->hosts[i].base.workers[k]));
    rt__timers_fini(&s->timers);
    rt__stacks_fini(&s->stacks);
    free(s->events);
    free(s->runnable);
    free(s);
}

static void start_fiber(struct sim *s, uint32_t host, const char *name, void (*fn)(void *), void *arg)
{
    assert(host <= s->opt.hosts);
    const struct rt_spawn_options opt = { .name = name, .prio = RT_PRIO_NORMAL };
    struct fiber *f = rt__spawn_on(s->hosts[host].base.workers[0], &opt, fn, arg);
    assert(f != NULL);
    f->detached = true;
}

void sim_host_start(struct sim *s, uint32_t host, void (*fn)(void *), void *arg)
{
    assert(host >= 1);
    start_fiber(s, host, "main", fn, arg);
}

void sim_spawn_test(struct sim *s, void (*fn)(void *), void *arg)
{
    start_fiber(s, 0, "test", fn, arg);
}

struct sim *sim_self(void)
{
    return rt__worker != NULL ? rt__worker->sim : NULL;
}

uint32_t sim_host(void)
{
    return rt__w()->host->number;
}

void sim_kill_host(struct sim *s, uint32_t host)
{
    assert(host >= 1);
    assert(host <= s->opt.hosts);
    s->trouble.kills += !sim_host_idle(s, host);
    host_drop(s, &s->hosts[host], false);
}

void sim_power_loss(struct sim *s)
{
    s->trouble.power_losses++;
    for (uint32_t i = 1; i <= s->opt.hosts; i++)
        host_drop(s, &s->hosts[i], true);
    sim__disk_power_loss(s);
}

bool sim_host_idle(struct sim *s, uint32_t host)
{
    assert(host <= s->opt.hosts);
    return atomic_load(&s->hosts[host].base.fibers) == 0;
}

void sim_pause_host(struct sim *s, uint32_t host, bool paused)
{
    assert(host >= 1);
    assert(host <= s->opt.hosts);
    struct sim_host *h = &s->hosts[host];
    h->paused = paused;
    s->trouble.pauses += paused;
    if (paused)
        return;
    for (struct list *l; (l = list_pop_front(&h->late_timers)) != NULL;)
        rt__fire_timer(LIST_ENTRY(l, struct fiber, late_link)); /* nothing, where it was woken: none of the host has run since */
}

uint64_t sim_steps(const struct sim *s)
{
    return s->steps;
}

const struct sim_trouble *sim_trouble(const struct sim *s)
{
    return &s->trouble;
}

uint64_t sim_trace_hash(const struct sim *s)
{
    return s->trace;
}

/* ---- the plain part of the table ------------------------------------------------------------------ */

static void notify(struct worker *w)
{
}

static uint64_t now(struct worker *w)
{
    return shown_time(sim__host_of(w));
}

static uint64_t wall_us(struct worker *w)
{
    return SIM_WALL_BASE_US + shown_time(sim__host_of(w)) / 1000;
}

static void random_bytes(struct worker *w, void *p, size_t len)
{
    uint8_t *out = p;
    for (size_t i = 0; i < len; i += 8) {
        const uint64_t r = rt__random_next(sim__host_of(w)->random);
        memcpy(out + i, &r, MIN(len - i, (size_t)8));
    }
}

static void offload(void (*fn)(void *), void *arg)
{
    fn(arg);
    rt_sleep(sim__range(rt__w()->sim, RT_US(50), RT_US(2000)));
}

static int wait_signal(void)
{
    panic("there are no signals in the simulation");
}

/* A host's large memory goes with it. */
struct allocation {
    struct list link;
    void *p;
};

static void *alloc_aligned(size_t bytes)
{
    struct allocation *a = xmalloc(sizeof(*a));
    a->p = aligned_alloc(4096, ALIGN_UP(bytes, (size_t)4096));
    if (a->p == NULL)
        panic("out of memory (%zu bytes)", bytes);
    memset(a->p, 0, bytes);
    list_push_back(&sim__host()->allocations, &a->link);
    return a->p;
}

static void allocation_free(struct allocation *a)
{
    list_remove(&a->link);
    free(a->p);
    free(a);
}

static void free_aligned(void *p, size_t bytes)
{
    LIST_FOREACH(l, &sim__host()->allocations) {
        struct allocation *a = LIST_ENTRY(l, struct allocation, link);
        if (a->p == p) {
            allocation_free(a);
            return;
        }
    }
    panic("rt_free_aligned: not allocated by this host");
}

static void free_allocations(struct sim_host *h)
{
    LIST_FOREACH_SAFE(l, &h->allocations)
        allocation_free(LIST_ENTRY(l, struct allocation, link));
}

const struct rt_ops sim__ops = {
    .notify = notify,
    .worker_runnable = worker_runnable,
    .now = now,
    .wall_us = wall_us,
    .random_bytes = random_bytes,
    .offload = offload,
    .wait_signal = wait_signal,
    .alloc_aligned = alloc_aligned,
    .free_aligned = free_aligned,
    .open = sim__open,
    .close = sim__close,
    .pread = sim__pread,
    .pwritev = sim__pwritev,
    .fdatasync = sim__fdatasync,
    .file_size = sim__file_size,
    .allocate = sim__allocate,
    .truncate = sim__truncate,
    .file_lock = sim__file_lock,
    .mkdir = sim__mkdir,
    .rename = sim__rename,
    .unlink = sim__unlink,
    .sync_dir = sim__sync_dir,
    .list_dir = sim__list_dir,
    .listen = sim__listen,
    .listener_address = sim__listener_address,
    .accept = sim__accept,
    .listener_close = sim__listener_close,
    .listener_free = sim__listener_free,
    .connect = sim__connect,
    .conn_adopt = sim__conn_adopt,
    .recv = sim__recv,
    .sendv = sim__sendv,
    .conn_shutdown = sim__conn_shutdown,
    .conn_close = sim__conn_close,
    .conn_peer = sim__conn_peer,
    .conn_is_loopback = sim__conn_is_loopback,
};
