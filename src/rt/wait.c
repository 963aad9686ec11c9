/*
 * Parking and waking; sleep and cancellation.
 */
#include "rt/rt_int.h"

#include <sched.h>
#include <time.h>

#define YIELDS_MAX 32u
#define LOCK_NAP_NS 50000

/*
 * The holder's thread may have lost its processor: gives it ours. The critical worker has a higher priority than all others, which a yield
 * does not give up: it would keep the holder, whose processor it may have taken, from running for as long as the system lets it.
 */
void rt__give_way(uint32_t yields)
{
    const bool critical = rt__worker != NULL && rt__worker->number == RT_WORKER_CRITICAL;
    if (critical || yields > YIELDS_MAX)
        nanosleep(&(struct timespec){ .tv_nsec = LOCK_NAP_NS }, NULL);
    else
        sched_yield();
}

void rt__lock_slow(struct rt_spin *s)
{
    if (rt__worker != NULL && rt__worker->sim != NULL)
        panic("fiber \"%s\": a spin lock is already held", rt__worker->current != NULL ? rt__worker->current->name : "-");
    do {
        for (uint32_t i = 0; __atomic_load_n(&s->word, __ATOMIC_RELAXED) != 0; i++) {
            if (i % 128 == 127)
                rt__give_way(i / 128);
            else
                rt__pause();
        }
    } while (__atomic_exchange_n(&s->word, 1, __ATOMIC_ACQUIRE) != 0);
}

void rt_spin_lock(struct rt_spin *s)
{
    if (rt__spins == 0)
        rt__call();
    rt__lock(s);
    rt__spins++;
}

void rt_spin_unlock(struct rt_spin *s)
{
    assert(rt__spins > 0);
    assert(__atomic_load_n(&s->word, __ATOMIC_RELAXED) == 1);
    rt__spins--;
    rt__unlock(s);
}

/* Whoever succeeds ends the wait, and nobody else may. */
static bool claim(struct fiber *f, enum wait_state how)
{
    uint32_t was = atomic_load(&f->wait);
    while (was == WAIT_PARKED || was == WAIT_PARKED_CANCELLABLE)
        if (atomic_compare_exchange_weak(&f->wait, &was, (uint32_t)how))
            return true;
    return false;
}

enum err rt__wait_begin(struct rt_waitq *q, bool first, bool cancellable)
{
    struct fiber *f = rt__f();
    if (cancellable) {
        rt__lock(&f->lock);
        const bool canceled = f->cancel;
        f->cancel = false;
        if (!canceled)
            atomic_store(&f->wait, WAIT_PARKED_CANCELLABLE);
        rt__unlock(&f->lock);
        if (canceled)
            return ERR_CANCELED;
    } else {
        atomic_store(&f->wait, WAIT_PARKED);
    }
    if (q == NULL)
        return ERR_OK;
    if (q->waiters.next == NULL)
        list_init(&q->waiters);
    if (first)
        list_push_front(&q->waiters, &f->wait_link);
    else
        list_push_back(&q->waiters, &f->wait_link);
    return ERR_OK;
}

enum err rt__wait_end(struct rt_spin *spin, uint64_t deadline, const char *what)
{
    struct fiber *f = rt__f();
    struct timers *timers = f->worker->timers;
    if (deadline != RT_FOREVER)
        rt__timer_set(timers, f, f->worker->sim != NULL ? sim__true_time(f->worker, deadline) : deadline);
    f->waiting_for = what;
    rt__switch_out();
    rt__timer_clear(timers, f);

    const uint32_t how = atomic_load(&f->wait);
    atomic_store(&f->wait, WAIT_NONE);
    if (LIKELY(how == WAIT_WOKEN))
        return ERR_OK;
    if (spin != NULL) {
        rt__lock(spin);
        if (list_linked(&f->wait_link))
            list_remove(&f->wait_link);
        rt__unlock(spin);
    }
    assert(how == WAIT_TIMED_OUT || how == WAIT_CANCELED);
    return how == WAIT_TIMED_OUT ? ERR_TIMED_OUT : ERR_CANCELED;
}

enum err rt__wait(struct rt_waitq *q, struct rt_spin *spin, uint64_t deadline, bool cancellable, const char *what)
{
    const enum err err = rt__wait_begin(q, false, cancellable);
    rt__unlock(spin);
    return err != ERR_OK ? err : rt__wait_end(spin, deadline, what);
}

struct fiber *rt__q_first(const struct rt_waitq *q)
{
    return rt__q_empty(q) ? NULL : LIST_ENTRY(q->waiters.next, struct fiber, wait_link);
}

struct fiber *rt__q_pop(struct rt_waitq *q)
{
    while (!rt__q_empty(q)) {
        struct fiber *f = LIST_ENTRY(list_pop_front(&q->waiters), struct fiber, wait_link);
        if (claim(f, WAIT_WOKEN))
            return f;
    }
    return NULL;
}

/* The chain is complete before the spin is released, and nobody runs before: the object may go with its last waiter. */
void rt__wake_all(struct rt_waitq *q, struct rt_spin *spin)
{
    struct fiber *chain = NULL, **tail = &chain;
    if (spin != NULL)
        rt__lock(spin);
    for (struct fiber *f; (f = rt__q_pop(q)) != NULL; tail = &f->remote_next)
        *tail = f;
    *tail = NULL;
    if (spin != NULL)
        rt__unlock(spin);
    rt__ready_chain(chain);
}

void rt__ready_chain(struct fiber *chain)
{
    for (struct fiber *f = chain, *next; f != NULL; f = next) {
        next = f->remote_next;
        rt__ready(f);
    }
}

void rt__fire_timer(struct fiber *f)
{
    if (claim(f, WAIT_TIMED_OUT))
        rt__ready(f);
}

void rt_sleep(uint64_t ns)
{
    rt__call();
    struct worker *w = rt__w();
    const uint64_t now = w->host->ops->now(w);
    (void)rt__wait_begin(NULL, false, false);
    (void)rt__wait_end(NULL, ns < RT_FOREVER - now ? now + ns : RT_FOREVER, "sleep");
}

void rt_cancel(struct fiber *f)
{
    rt__call();
    rt__lock(&f->lock);
    uint32_t expected = WAIT_PARKED_CANCELLABLE;
    const bool woken = atomic_compare_exchange_strong(&f->wait, &expected, (uint32_t)WAIT_CANCELED);
    if (!woken)
        f->cancel = true;
    rt__unlock(&f->lock);
    if (woken)
        rt__ready(f);
}

bool rt_cancel_pending(void)
{
    struct fiber *f = rt__f();
    rt__lock(&f->lock);
    const bool pending = f->cancel;
    rt__unlock(&f->lock);
    return pending;
}

void rt_cancel_clear(void)
{
    struct fiber *f = rt__f();
    rt__lock(&f->lock);
    f->cancel = false;
    rt__unlock(&f->lock);
}
