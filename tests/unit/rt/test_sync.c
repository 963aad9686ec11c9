/*
 * Mutex, latch, condition, future, channel, between fibers of several workers.
 */
#include "rt/rt.h"

#include "on_backends.h"

#include <sched.h>
#include <stdatomic.h>

enum { FIBERS = 12, ROUNDS = 300 };

static void run_fibers(void (*fn)(void *), void *arg)
{
    struct fiber *f[FIBERS];
    for (uint32_t i = 0; i < FIBERS; i++)
        f[i] = spawn_on(i % 3, "worker", fn, arg);
    for (int i = 0; i < FIBERS; i++)
        rt_join(f[i]);
}

/* ---- spin, mutex -------------------------------------------------------------------- */

struct shared {
    struct rt_spin spin;
    struct rt_mutex mutex;
    struct rt_latch latch;
    int inside; /* atomic only where told */
    atomic_int readers, most_readers;
    uint64_t sum;
};

static void spin_rounds(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < ROUNDS; i++) {
        rt_spin_lock(&s->spin);
        s->sum++;
        rt_spin_unlock(&s->spin);
    }
}

static void spin(void *arg)
{
    struct shared s = { .sum = 0 };
    run_fibers(spin_rounds, &s);
    CHECK(s.sum == FIBERS * ROUNDS);
}

static void mutex_rounds(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 7 != 0 || !rt_mutex_trylock(&s->mutex))
            rt_mutex_lock(&s->mutex);
        CHECK(s->inside++ == 0);
        if (i % 5 == 0)
            rt_yield();
        if (i % 61 == 0)
            rt_sleep(RT_US(10));
        s->sum++;
        CHECK(--s->inside == 0);
        rt_mutex_unlock(&s->mutex);
        if (i % 11 == 0)
            rt_yield();
    }
}

static void mutex(void *arg)
{
    struct shared s = { .sum = 0 };
    run_fibers(mutex_rounds, &s);
    CHECK(s.sum == FIBERS * ROUNDS);
    CHECK(rt_mutex_trylock(&s.mutex));
    CHECK(!rt_mutex_trylock(&s.mutex));
    rt_mutex_unlock(&s.mutex);
}

/* Whoever unlocks last frees: the unlock of the others must be done with it. */
struct counted {
    struct rt_mutex mutex;
    int refs;
};

static void drop_ref(void *arg)
{
    struct counted *c = arg;
    rt_mutex_lock(&c->mutex);
    const bool last = --c->refs == 0;
    rt_mutex_unlock(&c->mutex);
    if (last)
        free(c);
}

static void freed_by_the_last(void *arg)
{
    for (int i = 0; i < 100; i++) {
        struct counted *c = calloc(1, sizeof(*c));
        c->refs = FIBERS;
        run_fibers(drop_ref, c);
    }
}

/* ---- latch ------------------------------------------------------------------------------ */

static void latch_rounds(void *arg)
{
    struct shared *s = arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (rt_random() % 4 != 0) {
            if (i % 7 != 0 || !rt_latch_try_s(&s->latch))
                rt_latch_lock_s(&s->latch);
            const int readers = atomic_fetch_add(&s->readers, 1) + 1;
            if (readers > atomic_load(&s->most_readers))
                atomic_store(&s->most_readers, readers);
            CHECK(s->inside == 0);
            if (i % 5 == 0)
                rt_yield();
            atomic_fetch_sub(&s->readers, 1);
            rt_latch_unlock_s(&s->latch);
        } else {
            if (i % 7 != 0 || !rt_latch_try_x(&s->latch))
                rt_latch_lock_x(&s->latch);
            CHECK(s->inside++ == 0);
            CHECK(atomic_load(&s->readers) == 0);
            if (i % 5 == 0)
                rt_yield();
            s->sum++;
            CHECK(--s->inside == 0);
            rt_latch_unlock_x(&s->latch);
        }
    }
}

static void latch(void *arg)
{
    struct shared s = { .sum = 0 };
    run_fibers(latch_rounds, &s);
    CHECK(s.sum > 0);
    CHECK(s.most_readers > 1);
    CHECK(rt_latch_try_x(&s.latch));
    CHECK(!rt_latch_try_s(&s.latch));
    rt_latch_unlock_x(&s.latch);
    CHECK(rt_latch_try_s(&s.latch));
    CHECK(rt_latch_try_s(&s.latch));
    CHECK(!rt_latch_try_x(&s.latch));
    rt_latch_unlock_s(&s.latch);
    rt_latch_unlock_s(&s.latch);
}

struct queue_up {
    struct rt_latch latch;
    struct rt_mutex mutex;
    char order[8];
    int n;
};

struct in_line {
    struct queue_up *q;
    char how;
};

static void stand_in_line(void *arg)
{
    const struct in_line *l = arg;
    if (l->how == 'X')
        rt_latch_lock_x(&l->q->latch);
    else
        rt_latch_lock_s(&l->q->latch);
    l->q->order[l->q->n++] = l->how;
    rt_yield();
    if (l->how == 'X')
        rt_latch_unlock_x(&l->q->latch);
    else
        rt_latch_unlock_s(&l->q->latch);
}

static void latch_is_first_come_first_served(void *arg)
{
    struct queue_up q = { .n = 0 };
    static const char line[] = "SSXSXXSS";
    struct in_line places[8];
    struct fiber *f[8];
    rt_latch_lock_x(&q.latch);
    for (int i = 0; i < 8; i++) {
        places[i] = (struct in_line){ &q, line[i] };
        f[i] = spawn_on(0, "in line", stand_in_line, &places[i]);
        rt_sleep(RT_MS(1)); /* it waits now */
    }
    CHECK(!rt_latch_try_s(&q.latch));
    rt_latch_unlock_x(&q.latch);
    for (int i = 0; i < 8; i++)
        rt_join(f[i]);
    CHECK(memcmp(q.order, line, 8) == 0);
}

/* ---- condition ------------------------------------------------------------------------------ */

struct ring {
    struct rt_mutex m;
    struct rt_cond more, less;
    int items, taken, put;
};

static void take_items(void *arg)
{
    struct ring *r = arg;
    rt_mutex_lock(&r->m);
    while (r->taken < FIBERS / 2 * ROUNDS) {
        if (r->items == 0) {
            const enum err err = rt_cond_wait(&r->more, &r->m, rt_now() + RT_MS(1 + rt_random() % 3), false);
            CHECK(err == ERR_OK || err == ERR_TIMED_OUT);
            continue;
        }
        r->items--;
        r->taken++;
        rt_cond_signal(&r->less);
    }
    rt_cond_broadcast(&r->more);
    rt_mutex_unlock(&r->m);
}

static void put_items(void *arg)
{
    struct ring *r = arg;
    for (int i = 0; i < ROUNDS; i++) {
        rt_mutex_lock(&r->m);
        while (r->items >= 3)
            CHECK(rt_cond_wait(&r->less, &r->m, RT_FOREVER, true) == ERR_OK);
        r->items++;
        r->put++;
        rt_cond_signal(&r->more);
        rt_mutex_unlock(&r->m);
    }
}

static void condition(void *arg)
{
    struct ring r = { .items = 0 };
    struct fiber *f[FIBERS];
    for (uint32_t i = 0; i < FIBERS; i++)
        f[i] = spawn_on(i % 3, "ring", i % 2 ? put_items : take_items, &r);
    for (int i = 0; i < FIBERS; i++)
        rt_join(f[i]);
    CHECK(r.put == FIBERS / 2 * ROUNDS);
    CHECK(r.taken == r.put);
    CHECK(r.items == 0);
}

/* ---- future ------------------------------------------------------------------------------------- */

static void set_seven(void *arg)
{
    if (rt_random() % 2)
        rt_sleep(RT_US(rt_random() % 100));
    rt_future_set(arg, 7);
}

static void wait_for_seven(void *arg)
{
    int64_t v = 0;
    CHECK(rt_future_wait(arg, RT_FOREVER, false, &v) == ERR_OK);
    CHECK(v == 7);
}

static void future(void *arg)
{
    for (uint32_t i = 0; i < 200; i++) {
        int64_t v = 0;
        struct rt_future f; /* on the stack of who waits */
        rt_future_init(&f);
        struct fiber *setter = spawn_on(i % 3, "setter", set_seven, &f);
        CHECK(rt_future_wait(&f, RT_FOREVER, i % 2, &v) == ERR_OK);
        CHECK(v == 7);
        rt_join(setter);
    }
    struct rt_future f = { 0 };
    const uint64_t before = rt_now();
    CHECK(rt_future_wait(&f, before + RT_MS(3), true, NULL) == ERR_TIMED_OUT);
    CHECK(rt_now() >= before + RT_MS(3));
    struct fiber *setter = spawn_on(2, "setter", set_seven, &f);
    run_fibers(wait_for_seven, &f);
    rt_join(setter);
}

/* ---- channel -------------------------------------------------------------------------------------- */

struct stream {
    struct rt_channel *c;
    atomic_uint_fast64_t sent, received;
};

static void send_items(void *arg)
{
    struct stream *s = arg;
    for (uintptr_t i = 1; i <= ROUNDS; i++) {
        if (i % 3 == 0 && rt_channel_try_send(s->c, (void *)i)) {
            atomic_fetch_add(&s->sent, i);
            continue;
        }
        const enum err err = rt_channel_send(s->c, (void *)i, i % 5 ? RT_FOREVER : rt_now() + RT_US(50));
        CHECK(err == ERR_OK || (err == ERR_TIMED_OUT && i % 5 == 0));
        if (err == ERR_OK)
            atomic_fetch_add(&s->sent, i);
    }
}

static void receive_items(void *arg)
{
    struct stream *s = arg;
    for (int i = 0;; i++) {
        void *item = NULL;
        enum err err = ERR_OK;
        if (i % 3 != 0 || !rt_channel_try_recv(s->c, &item))
            err = rt_channel_recv(s->c, &item, i % 5 ? RT_FOREVER : rt_now() + RT_US(50));
        if (err == ERR_CLOSED)
            return;
        CHECK(err == ERR_OK || err == ERR_TIMED_OUT);
        if (err == ERR_OK)
            atomic_fetch_add(&s->received, (uintptr_t)item);
    }
}

static void channel(void *arg)
{
    struct stream s = { .c = rt_channel_new(4) };
    struct fiber *receivers[3], *senders[6];
    for (uint32_t i = 0; i < 3; i++)
        receivers[i] = spawn_on(i, "receiver", receive_items, &s);
    for (uint32_t i = 0; i < 6; i++)
        senders[i] = spawn_on(i % 3, "sender", send_items, &s);
    for (int i = 0; i < 6; i++)
        rt_join(senders[i]);
    rt_channel_close(s.c);
    for (int i = 0; i < 3; i++)
        rt_join(receivers[i]);
    CHECK(s.sent > 0);
    CHECK(s.sent == s.received);
    CHECK(!rt_channel_try_send(s.c, &s));
    CHECK(rt_channel_send(s.c, &s, RT_FOREVER) == ERR_CLOSED);
    rt_channel_free(s.c);
}

static void wait_in_channel(void *arg)
{
    void *item;
    CHECK(rt_channel_recv(arg, &item, RT_FOREVER) == ERR_CLOSED);
}

static void channel_keeps_order_and_drains(void *arg)
{
    struct rt_channel *c = rt_channel_new(8);
    void *item = NULL;
    for (uintptr_t i = 1; i <= 8; i++)
        CHECK(rt_channel_try_send(c, (void *)i));
    CHECK(!rt_channel_try_send(c, c));
    CHECK(rt_channel_send(c, c, rt_now() + RT_MS(1)) == ERR_TIMED_OUT);
    rt_channel_close(c);
    for (uintptr_t i = 1; i <= 8; i++) {
        CHECK(rt_channel_recv(c, &item, RT_FOREVER) == ERR_OK);
        CHECK((uintptr_t)item == i);
    }
    CHECK(rt_channel_recv(c, &item, RT_FOREVER) == ERR_CLOSED);
    rt_channel_free(c);
    rt_channel_free(NULL);

    c = rt_channel_new(1);
    struct fiber *f[3];
    for (uint32_t i = 0; i < 3; i++)
        f[i] = spawn_on(i, "waiter", wait_in_channel, c);
    rt_sleep(RT_MS(2));
    rt_channel_close(c);
    for (int i = 0; i < 3; i++)
        rt_join(f[i]);
    rt_channel_free(c);
}

/* ---- everything at once: for the thread sanitizer --------------------------------------------------- */

struct stress {
    struct shared shared;
    struct rt_cond cond;
    struct rt_channel *channel;
    struct fiber *fibers[FIBERS]; /* complete when all have started */
    atomic_int started, canceled, ended;
};

static void stress_rounds(void *arg)
{
    struct stress *s = arg;
    rt_mutex_lock(&s->shared.mutex);
    s->fibers[s->started++] = rt_self();
    rt_mutex_unlock(&s->shared.mutex);
    while (atomic_load(&s->started) < FIBERS)
        rt_yield();
    for (int i = 0; i < ROUNDS; i++) {
        void *item;
        struct rt_future f = { 0 };
        struct fiber *helper;
        switch (rt_random() % 8) {
        case 0:
            rt_mutex_lock(&s->shared.mutex);
            s->shared.sum++;
            if (rt_cond_wait(&s->cond, &s->shared.mutex, rt_now() + RT_US(rt_random() % 200), true) == ERR_CANCELED)
                atomic_fetch_add(&s->canceled, 1);
            rt_mutex_unlock(&s->shared.mutex);
            break;
        case 1:
            rt_cond_broadcast(&s->cond);
            break;
        case 2:
            rt_latch_lock_x(&s->shared.latch);
            s->shared.inside++;
            rt_latch_unlock_x(&s->shared.latch);
            break;
        case 3:
            rt_latch_lock_s(&s->shared.latch);
            rt_yield();
            rt_latch_unlock_s(&s->shared.latch);
            break;
        case 4:
            (void)rt_channel_send(s->channel, s, rt_now() + RT_US(rt_random() % 100));
            break;
        case 5:
            (void)rt_channel_recv(s->channel, &item, rt_now() + RT_US(rt_random() % 100));
            break;
        case 6: /* everybody stays until all have ended */
            rt_cancel(s->fibers[rt_random() % FIBERS]);
            break;
        case 7:
            helper = spawn_on(RT_WORKER_ANY, "helper", set_seven, &f);
            while (rt_future_wait(&f, RT_FOREVER, true, NULL) == ERR_CANCELED)
                atomic_fetch_add(&s->canceled, 1);
            rt_join(helper);
            break;
        }
        rt_yield_if_due();
    }
    atomic_fetch_add(&s->ended, 1);
    while (atomic_load(&s->ended) < FIBERS)
        rt_sleep(RT_US(100));
}

/*
 * One processor for all: the critical worker, of a higher priority, finds the lock held by a thread whose processor it has just taken. Unless
 * it gives way the holder stands still for most of a second, and this test for minutes.
 */
struct inversion {
    struct rt_spin spin;
    _Atomic bool stop;
};

static void hold_often(void *arg)
{
    struct inversion *v = arg;
    while (!atomic_load(&v->stop)) {
        rt_spin_lock(&v->spin);
        for (volatile uint32_t i = 0; i < 100000; i++)
            ;
        rt_spin_unlock(&v->spin);
        rt_yield();
    }
}

static void lock_at_times(void *arg)
{
    struct inversion *v = arg;
    for (int i = 0; i < 300; i++) {
        rt_sleep(RT_US(700));
        rt_spin_lock(&v->spin);
        rt_spin_unlock(&v->spin);
    }
    atomic_store(&v->stop, true);
}

static void inversion(void *arg)
{
    struct inversion v = { 0 };
    struct fiber *holder = spawn_on(0, "holder", hold_often, &v), *critical = spawn_on(RT_WORKER_CRITICAL, "critical", lock_at_times, &v);
    rt_join(critical);
    rt_join(holder);
}

static void spin_of_the_critical_worker(void **state)
{
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0); /* threads that are started inherit it */
    struct on on = { .where = ON_EPOLL, .fn = inversion };
    void *arg = &on;
    run_on(&arg);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void stress(void *arg)
{
    struct stress s = { .channel = rt_channel_new(2) };
    struct fiber *f[FIBERS];
    for (uint32_t i = 0; i < FIBERS; i++)
        f[i] = spawn_on(i % 3, "stress", stress_rounds, &s);
    for (int i = 0; i < FIBERS; i++)
        rt_join(f[i]);
    CHECK(s.canceled > 0);
    rt_channel_free(s.channel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(spin),
        cmocka_unit_test(spin_of_the_critical_worker),
        ON_ALL(mutex),
        ON_ALL(freed_by_the_last),
        ON_ALL(latch),
        ON_ONE(latch_is_first_come_first_served, ON_SIM),
        ON_ONE(latch_is_first_come_first_served, ON_EPOLL),
        ON_ALL(condition),
        ON_ALL(future),
        ON_ALL(channel),
        ON_ALL(channel_keeps_order_and_drains),
        ON_ALL(stress),
    };
    return cmocka_run_group_tests_name("rt/sync", tests, NULL, NULL);
}
