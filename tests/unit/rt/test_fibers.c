/*
 * Fibers: spawn, join, priorities, sleep, cancellation, stacks, offload.
 */
#include "rt/rt.h"

#include "on_backends.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

static void add_one(void *arg)
{
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
}

static void spawn_and_join(void *arg)
{
    int counts[50] = { 0 };
    struct fiber *fibers[50];
    for (int i = 0; i < 50; i++)
        fibers[i] = spawn_on((uint32_t)i % 3, "adder", add_one, &counts[i]);
    for (int i = 0; i < 50; i++) {
        rt_join(fibers[i]);
        CHECK(counts[i] == 1);
    }
    struct fiber *critical = spawn_on(RT_WORKER_CRITICAL, "critical", add_one, &counts[0]);
    rt_join(critical);
    rt_detach(spawn_on(RT_WORKER_ANY, "any", add_one, &counts[1]));
    CHECK(rt_workers() == 3);
    CHECK(rt_worker() == 0);
    CHECK(strcmp(rt_fiber_name(rt_self()), "adder") != 0);
    CHECK(counts[0] == 2);
    while (__atomic_load_n(&counts[1], __ATOMIC_RELAXED) < 2)
        rt_sleep(RT_MS(1));
}

static void child(void *arg)
{
    rt_sleep(RT_US(rt_random() % 2000));
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void family(void *arg)
{
    struct fiber *f[4];
    for (int i = 0; i < 4; i++)
        f[i] = spawn_on(RT_WORKER_ANY, "child", child, arg);
    for (int i = 0; i < 4; i++)
        rt_join(f[i]);
}

static void families(void *arg)
{
    atomic_int n = 0;
    struct fiber *f[20];
    for (int i = 0; i < 20; i++)
        f[i] = spawn_on(RT_WORKER_ANY, "family", family, &n);
    for (int i = 0; i < 20; i++)
        rt_join(f[i]);
    CHECK(n == 80);
}

static void sleep_is_long_enough(void *arg)
{
    for (uint64_t us = 1; us < 20000; us *= 3) {
        const uint64_t before = rt_now();
        rt_sleep(RT_US(us));
        CHECK(rt_now() - before >= RT_US(us));
    }
    CHECK(rt_wall_us() > UINT64_C(1600000000000000));
    const uint64_t a = rt_random(), b = rt_random();
    CHECK(a != b);
    uint8_t secret[40] = { 0 };
    rt_random_bytes(secret, sizeof(secret));
    int zeroes = 0;
    for (size_t i = 0; i < sizeof(secret); i++)
        zeroes += secret[i] == 0;
    CHECK(zeroes < 20);
}

/* ---- priorities ----------------------------------------------------------------- */

struct order {
    char seen[8];
    int n;
};

struct mark {
    struct order *order;
    char letter;
};

static void leave_mark(void *arg)
{
    const struct mark *m = arg;
    m->order->seen[m->order->n++] = m->letter;
}

static void priorities(void *arg)
{
    static const enum rt_prio prios[] = { RT_PRIO_LOW, RT_PRIO_NORMAL, RT_PRIO_PINS, RT_PRIO_HIGH };
    struct order order = { .n = 0 };
    struct mark marks[4];
    struct fiber *f[4];
    rt_set_prio(RT_PRIO_LOW);
    rt_yield();
    for (int i = 0; i < 4; i++) {
        marks[i] = (struct mark){ &order, "LNPH"[i] };
        const struct rt_spawn_options opt = { .name = "mark", .worker = 0, .prio = prios[i] };
        f[i] = rt_spawn(&opt, leave_mark, &marks[i]);
        CHECK(f[i] != NULL);
    }
    for (int i = 0; i < 4; i++)
        rt_join(f[i]);
    CHECK(memcmp(order.seen, "HPNL", 4) == 0);
}

static void count_turns(void *arg)
{
    for (int i = 0; i < 10; i++) {
        rt_yield();
        ++*(int *)arg;
    }
}

static void low_priority_does_not_starve(void *arg)
{
    int turns = 0;
    const struct rt_spawn_options opt = { .name = "low", .worker = 0, .prio = RT_PRIO_LOW };
    struct fiber *f = rt_spawn(&opt, count_turns, &turns);
    CHECK(f != NULL);
    rt_set_prio(RT_PRIO_HIGH);
    for (int i = 0; i < 2000 && turns < 10; i++)
        rt_yield();
    CHECK(turns == 10);
    rt_join(f);
}

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static void cpu_loops_give_way(void *arg)
{
    bool flag = false;
    struct fiber *f = spawn_on(0, "flag", set_flag, &flag);
    const uint64_t switches = rt_switch_count();
    uint64_t loops = 0;
    while (!flag) {
        rt_yield_if_due();
        loops++;
    }
    CHECK(loops > 0);
    CHECK(rt_switch_count() > switches);
    rt_join(f);
}

/* ---- cancellation ---------------------------------------------------------------------- */

struct cancel_me {
    struct rt_mutex m;
    struct rt_cond c;
    enum err first, second;
    bool waiting;
};

static void wait_to_be_canceled(void *arg)
{
    struct cancel_me *x = arg;
    rt_mutex_lock(&x->m);
    x->waiting = true;
    x->first = rt_cond_wait(&x->c, &x->m, RT_FOREVER, true);
    x->second = rt_cond_wait(&x->c, &x->m, rt_now() + RT_MS(2), true); /* once only */
    rt_mutex_unlock(&x->m);
}

static void pending_cancel(void *arg)
{
    rt_sleep(RT_MS(5)); /* not cancellable */
    CHECK(rt_cancel_pending());
    struct rt_future f = { 0 };
    CHECK(rt_future_wait(&f, rt_now(), false, NULL) == ERR_TIMED_OUT);
    CHECK(rt_future_wait(&f, RT_FOREVER, true, NULL) == ERR_CANCELED);
    CHECK(!rt_cancel_pending());
    CHECK(rt_future_wait(&f, rt_now() + RT_MS(1), true, NULL) == ERR_TIMED_OUT);
}

static void cancel(void *arg)
{
    for (uint32_t worker = 0; worker < 3; worker++) {
        struct cancel_me x = { .first = ERR_OK };
        struct fiber *f = spawn_on(worker, "victim", wait_to_be_canceled, &x);
        for (bool waiting = false; !waiting; rt_sleep(RT_US(100))) {
            rt_mutex_lock(&x.m);
            waiting = x.waiting;
            rt_mutex_unlock(&x.m);
        }
        rt_cancel(f);
        rt_join(f);
        CHECK(x.first == ERR_CANCELED);
        CHECK(x.second == ERR_TIMED_OUT);

        f = spawn_on(worker, "pending", pending_cancel, NULL);
        rt_sleep(RT_MS(1));
        rt_cancel(f);
        rt_join(f);
    }
    rt_cancel(rt_self());
    CHECK(rt_cancel_pending());
    rt_cancel_clear();
    CHECK(!rt_cancel_pending());
}

/* ---- stacks ---------------------------------------------------------------------------------- */

__attribute__((noinline)) static uint64_t recurse(uint64_t depth)
{
    volatile char frame[1000];
    memset((char *)(uintptr_t)frame, (int)depth, sizeof(frame));
    return depth == 0 ? (uint64_t)frame[0] : recurse(depth - 1) + (uint64_t)frame[999] * 0 + 1;
}

static void recurse_deeply(void *arg)
{
    CHECK(rt_stack_left() > (7u << 20));
    *(uint64_t *)arg = recurse(1500);
    rt_yield(); /* may be left and come back to */
    rt_sleep(RT_US(10));
    CHECK(rt_stack_left() > (7u << 20));
}

static void use_big_stack(void *arg)
{
    uint64_t depth = 0;
    const size_t left = rt_stack_left();
    CHECK(left > (100u << 10) && left < (1u << 20));
    rt_call_on_big_stack(recurse_deeply, &depth);
    CHECK(depth == 1500);
    CHECK(rt_stack_left() < (1u << 20));
}

static void big_stacks(void *arg)
{
    struct fiber *f[8];
    for (uint32_t i = 0; i < 8; i++)
        f[i] = spawn_on(i % 3, "big", use_big_stack, NULL);
    for (uint32_t i = 0; i < 8; i++)
        rt_join(f[i]);
    use_big_stack(NULL);
}

static void overflow(void *arg)
{
    recurse(10000);
}

/* The guard page ends the process instead of somebody else's memory. */
static void a_stack_overflow_hits_the_guard_page(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    skip(); /* reports it in its own way */
#endif
    const pid_t pid = fork();
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        const struct rt_options opt = { .backend = RT_EPOLL, .workers = 1 };
        struct diag d;
        (void)!rt_run(&opt, overflow, NULL, &d);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
#ifndef __SANITIZE_THREAD__
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
#endif
}

/* ---- offload, memory ---------------------------------------------------------------------------- */

static void compute(void *arg)
{
    *(uint64_t *)arg = recurse(100);
}

static void offloads(void *arg)
{
    uint64_t x = 0;
    for (int i = 0; i < 10; i++) {
        x = 0;
        rt_offload(compute, &x);
        CHECK(x == 100);
    }
    for (size_t size = 100; size < (10u << 20); size *= 10) {
        uint8_t *p = rt_alloc_aligned(size);
        CHECK((uintptr_t)p % 4096 == 0);
        for (size_t i = 0; i < size; i += 97)
            CHECK(p[i] == 0);
        memset(p, 1, size);
        rt_free_aligned(p, size);
    }
    rt_free_aligned(NULL, 0);
}

static void nothing(void *arg)
{
}

static void many_fibers(void *arg)
{
    enum { MANY = 5000 };
    struct fiber **f = calloc(MANY, sizeof(*f));
    for (int i = 0; i < MANY; i++)
        f[i] = spawn_on(RT_WORKER_ANY, "one of many", nothing, NULL);
    for (int i = 0; i < MANY; i++)
        rt_join(f[i]);
    free(f);
}

static void signal_self(void *arg)
{
    const int sig[] = { SIGTERM, SIGHUP, SIGPIPE, SIGTERM };
    for (size_t i = 0; i < ARRAY_LEN(sig); i++) {
        rt_sleep(RT_MS(5));
        kill(getpid(), sig[i]);
    }
}

static void signals(void *arg)
{
    struct fiber *f = spawn_on(1, "killer", signal_self, NULL);
    CHECK(rt_wait_signal() == SIGTERM);
    CHECK(rt_wait_signal() == SIGHUP);
    CHECK(rt_wait_signal() == SIGTERM); /* SIGPIPE is nothing */
    rt_join(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(spawn_and_join),
        ON_ALL(families),
        ON_ALL(sleep_is_long_enough),
        ON_ONE(priorities, ON_EPOLL), /* the simulation now and then takes another order */
        ON_ALL(low_priority_does_not_starve),
        ON_ALL(cpu_loops_give_way),
        ON_ALL(cancel),
        ON_ALL(big_stacks),
        cmocka_unit_test(a_stack_overflow_hits_the_guard_page),
        ON_ALL(offloads),
        ON_ALL(many_fibers),
        ON_ONE(signals, ON_EPOLL),
        ON_ONE(signals, ON_URING),
    };
    return cmocka_run_group_tests_name("rt/fibers", tests, NULL, NULL);
}
