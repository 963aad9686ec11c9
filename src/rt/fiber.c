/*
 * Fibers: their contexts, their turns on a worker, run queues, spawn and join.
 *
 * Every turn goes worker thread -> fiber -> worker thread. Contexts are
 * switched by Boost.Context's C functions.
 */
#include "rt/rt_int.h"

#include <sched.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define ASAN_LEAVE(save, low, bytes) __sanitizer_start_switch_fiber((save), (low), (bytes))
#define ASAN_ARRIVE(saved, low, bytes) __sanitizer_finish_switch_fiber((saved), (low), (bytes))
#else
#define ASAN_LEAVE(save, low, bytes) ((void)0)
#define ASAN_ARRIVE(saved, low, bytes) ((void)0)
#endif

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define TSAN_CREATE() __tsan_create_fiber(0)
#define TSAN_DESTROY(t) __tsan_destroy_fiber(t)
#define TSAN_SWITCH(t) __tsan_switch_to_fiber((t), 0)
#define TSAN_CURRENT() __tsan_get_current_fiber()
#else
#define TSAN_CREATE() NULL
#define TSAN_DESTROY(t) ((void)0)
#define TSAN_SWITCH(t) ((void)0)
#define TSAN_CURRENT() NULL
#endif

/* Boost.Context's C interface; its header is C++ only. */
struct transfer {
    void *from;
    void *data;
};
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t bytes, void (*fn)(struct transfer));

_Thread_local struct worker *rt__worker;
_Thread_local uint32_t rt__spins;

/* ---- contexts ------------------------------------------------------------ */

static void fiber_entry(struct transfer t)
{
    struct worker *w = t.data;
    struct fiber *f = w->current;
    ASAN_ARRIVE(NULL, &w->thread_low, &w->thread_bytes);
    w->sched_ctx = t.from;
    f->fn(f->arg);
    f->fn = NULL;
    rt__switch_out();
    panic("fiber \"%s\" ran on after its end", f->name);
}

void rt__switch_out(void)
{
    struct worker *w = rt__worker;
    struct fiber *f = w->current;
    if (UNLIKELY(rt__spins != 0))
        panic("fiber \"%s\" waits while it holds a spin lock", f->name);
    ASAN_LEAVE(f->fn != NULL ? &f->asan_fake : NULL, w->thread_low, w->thread_bytes);
    TSAN_SWITCH(w->tsan);
    const struct transfer t = jump_fcontext(w->sched_ctx, NULL);
    ASAN_ARRIVE(f->asan_fake, NULL, NULL);
    w->sched_ctx = t.from; /* a fiber is pinned: it is the same worker */
}

static void fiber_free(struct fiber *f)
{
    free(f);
}

static void fiber_release(struct fiber *f)
{
    struct worker *w = f->worker;
    TSAN_DESTROY(f->tsan);
    list_remove(&f->all_link);
    if (f->big != NULL)
        rt__stack_put(w->host->stacks, f->big);
    rt__stack_put(w->host->stacks, f->stack);
    f->stack = f->big = NULL;
}

static void fiber_end(struct worker *w, struct fiber *f)
{
    struct host *h = w->host;
    fiber_release(f);
    rt__lock(&f->lock);
    f->ended = true;
    const bool detached = f->detached;
    struct fiber *joiner = rt__q_pop(&f->joiners);
    rt__unlock(&f->lock); /* from here on it belongs to the joiner */
    if (detached)
        fiber_free(f);
    if (joiner != NULL)
        rt__ready(joiner);
    atomic_fetch_sub(&w->fibers, 1);
    atomic_fetch_sub(&h->fibers, 1);
}

void rt__run(struct worker *w, struct fiber *f)
{
    w->current = f;
    w->switches++;
    ASAN_LEAVE(&w->asan_fake, f->stack_low, f->stack_bytes);
    TSAN_SWITCH(f->tsan);
    const struct transfer t = jump_fcontext(f->ctx, w);
    ASAN_ARRIVE(w->asan_fake, NULL, NULL);
    f->ctx = t.from;
    w->current = NULL;
    if (f->fn == NULL)
        fiber_end(w, f);
}

void rt__drop(struct fiber *f)
{
    struct worker *w = f->worker;
    assert(w->current != f);
    if (list_linked(&f->run_link)) {
        list_remove(&f->run_link);
        w->runnable_count--;
    }
    if (list_linked(&f->wait_link))
        list_remove(&f->wait_link);
    rt__timer_clear(w->timers, f);
    fiber_release(f);
    fiber_free(f);
    atomic_fetch_sub(&w->fibers, 1);
    atomic_fetch_sub(&w->host->fibers, 1);
}

/* ---- a larger stack for a while -------------------------------------------- */

struct big_call {
    void (*fn)(void *);
    void *arg;
    const void *low; /* stack to return to, for ASan */
    size_t bytes;
};

static void big_entry(struct transfer t)
{
    struct big_call *c = t.data;
    ASAN_ARRIVE(NULL, &c->low, &c->bytes);
    c->fn(c->arg);
    ASAN_LEAVE(NULL, c->low, c->bytes);
    jump_fcontext(t.from, NULL);
}

void rt_call_on_big_stack(void (*fn)(void *), void *arg)
{
    rt__call();
    struct fiber *f = rt__f();
    if (f->big != NULL) { /* already there */
        fn(arg);
        return;
    }
    struct stack_pool *pool = f->worker->host->stacks;
    f->big = rt__stack_get(pool, RT_STACK_BIG);
    if (f->big == NULL)
        panic("no memory for a stack of %u bytes", RT_STACK_BIG);
    struct big_call call = { .fn = fn, .arg = arg };
    f->stack_low = f->big->low;
    f->stack_bytes = f->big->bytes;
    void *ctx = make_fcontext(f->big->low + f->big->bytes, f->big->bytes, big_entry);
#ifdef __SANITIZE_ADDRESS__
    void *fake = NULL;
#endif
    ASAN_LEAVE(&fake, f->stack_low, f->stack_bytes);
    jump_fcontext(ctx, &call);
    ASAN_ARRIVE(fake, NULL, NULL);
    f->stack_low = f->stack->low;
    f->stack_bytes = f->stack->bytes;
    rt__stack_put(pool, f->big);
    f->big = NULL;
}

size_t rt_stack_left(void)
{
    const struct worker *w = rt__worker;
    if (w == NULL || w->current == NULL)
        return RT_STACK_DEFAULT; /* a thread's own stack has more */
    return (size_t)((const char *)__builtin_frame_address(0) - w->current->stack_low);
}

/* ---- run queues --------------------------------------------------------------- */

void rt__enqueue(struct worker *w, struct fiber *f)
{
    list_push_back(&w->runnable[f->prio], &f->run_link);
    if (w->runnable_count++ == 0 && w->host->ops->worker_runnable != NULL)
        w->host->ops->worker_runnable(w);
}

/* Highest priority first; now and then a lower one first, so that none starves. */
struct fiber *rt__pick(struct worker *w)
{
    if (w->runnable_count == 0)
        return NULL;
    w->picks++;
    const uint32_t start = w->picks % 64 == 0 ? RT_PRIO_LOW : w->picks % 16 == 0 ? RT_PRIO_NORMAL : RT_PRIO_HIGH;
    for (uint32_t i = 0; i < RT_PRIOS; i++) {
        struct list *l = list_pop_front(&w->runnable[(start + i) % RT_PRIOS]);
        if (l != NULL) {
            w->runnable_count--;
            return LIST_ENTRY(l, struct fiber, run_link);
        }
    }
    panic("worker %u counts %u runnable fibers and has none", w->number, w->runnable_count);
}

void rt__ready(struct fiber *f)
{
    struct worker *w = f->worker;
    if (w == rt__worker || w->sim != NULL) {
        rt__enqueue(w, f);
        return;
    }
    struct fiber *head = atomic_load_explicit(&w->remote, memory_order_relaxed);
    do
        f->remote_next = head;
    while (!atomic_compare_exchange_weak(&w->remote, &head, f));
    if (atomic_load(&w->asleep) && atomic_exchange(&w->asleep, false))
        w->host->ops->notify(w);
}

uint32_t rt__drain_remote(struct worker *w)
{
    if (atomic_load_explicit(&w->remote, memory_order_relaxed) == NULL)
        return 0;
    struct fiber *oldest = NULL;
    for (struct fiber *f = atomic_exchange(&w->remote, NULL), *next; f != NULL; f = next) {
        next = f->remote_next;
        f->remote_next = oldest;
        oldest = f;
    }
    uint32_t n = 0;
    for (struct fiber *f = oldest, *next; f != NULL; f = next, n++) {
        next = f->remote_next;
        rt__enqueue(w, f);
    }
    return n;
}

void rt__worker_init(struct worker *w, struct host *h, uint32_t number, struct timers *timers)
{
    memset(w, 0, sizeof(*w));
    w->host = h;
    w->number = number;
    w->timers = timers;
    for (uint32_t i = 0; i < RT_PRIOS; i++)
        list_init(&w->runnable[i]);
    list_init(&w->all);
    rt__worker_thread_init(w);
}

void rt__worker_thread_init(struct worker *w)
{
    w->tsan = TSAN_CURRENT();
}

/* ---- spawn, join ------------------------------------------------------------------ */

static struct worker *least_loaded(struct host *h)
{
    struct worker *best = h->workers[0];
    for (uint32_t i = 1; i < h->workers_count; i++)
        if (atomic_load(&h->workers[i]->fibers) < atomic_load(&best->fibers))
            best = h->workers[i];
    return best;
}

static struct worker *spawn_target(struct host *h, uint32_t number)
{
    if (number == RT_WORKER_ANY)
        return least_loaded(h);
    if (number == RT_WORKER_CRITICAL)
        return h->workers[h->workers_count];
    assert(number < h->workers_count);
    return h->workers[number];
}

struct fiber *rt__spawn_on(struct worker *w, const struct rt_spawn_options *opt, void (*fn)(void *), void *arg)
{
    struct host *h = w->host;
    if (atomic_load(&h->fibers) >= RT_FIBERS_MAX)
        return NULL;
    struct stack *stack = rt__stack_get(h->stacks, opt->stack_bytes);
    if (stack == NULL)
        return NULL;
    struct fiber *f = xcalloc(1, sizeof(*f));
    *f = (struct fiber){
        .worker = w,
        .prio = opt->prio,
        .timer_pos = TIMER_OFF,
        .stack = stack,
        .stack_low = stack->low,
        .stack_bytes = stack->bytes,
        .ctx = make_fcontext(stack->low + stack->bytes, stack->bytes, fiber_entry),
        .fn = fn,
        .arg = arg,
        .name = opt->name != NULL ? opt->name : "fiber",
        .id = atomic_fetch_add(&h->next_fiber_id, 1),
        .tsan = TSAN_CREATE(),
    };
    list_init(&f->run_link);
    list_init(&f->wait_link);
    list_init(&f->all_link);
    list_init(&f->late_link);
    atomic_fetch_add(&h->fibers, 1);
    atomic_fetch_add(&w->fibers, 1);
    if (w->sim != NULL)
        list_push_back(&w->all, &f->all_link);
    rt__ready(f);
    return f;
}

struct fiber *rt_spawn(const struct rt_spawn_options *opt, void (*fn)(void *), void *arg)
{
    rt__call();
    return rt__spawn_on(spawn_target(rt__w()->host, opt->worker), opt, fn, arg);
}

void rt_join(struct fiber *f)
{
    rt__call();
    rt__lock(&f->lock);
    assert(!f->detached);
    if (f->ended)
        rt__unlock(&f->lock);
    else
        (void)rt__wait(&f->joiners, &f->lock, RT_FOREVER, false, "end of a fiber (join)");
    fiber_free(f);
}

void rt_detach(struct fiber *f)
{
    rt__call();
    rt__lock(&f->lock);
    assert(!f->detached);
    f->detached = true;
    const bool ended = f->ended;
    rt__unlock(&f->lock);
    if (ended)
        fiber_free(f);
}

/* ---- the running fiber ---------------------------------------------------------------- */

struct fiber *rt_self(void)
{
    return rt__worker != NULL ? rt__worker->current : NULL;
}

const char *rt_fiber_name(const struct fiber *f)
{
    return f->name;
}

uint32_t rt_worker(void)
{
    return rt__w()->number;
}

uint32_t rt_workers(void)
{
    return rt__w()->host->workers_count;
}

void rt_set_prio(enum rt_prio prio)
{
    assert((uint32_t)prio < RT_PRIOS);
    rt__f()->prio = prio;
}

uint64_t rt_switch_count(void)
{
    return rt__w()->switches;
}

void rt_yield(void)
{
    rt__call();
    struct fiber *f = rt__f();
    f->waiting_for = "its turn";
    rt__enqueue(f->worker, f);
    rt__switch_out();
}

void rt_yield_if_due(void)
{
    struct worker *w = rt__w();
    if (UNLIKELY(w->sim != NULL)) {
        sim__call(w);
        if (w->host->ops->now(w) >= w->turn_end)
            rt_yield();
        return;
    }
    if (UNLIKELY(rt__ticks() >= w->turn_end))
        rt_yield();
}
