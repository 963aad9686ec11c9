/*
 * What the runtime's basic operations cost here: JSON lines. Argument: uring,
 * epoll or auto; second: microseconds that an idle worker spins.
 */
#include "rt/rt.h"

#include <stdio.h>
#include <stdlib.h>

static void report(const char *what, double value, const char *unit)
{
    printf("{\"bench\":\"rt\",\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\"}\n", what, value, unit);
    fflush(stdout);
}

static struct fiber *spawn(uint32_t worker, void (*fn)(void *), void *arg)
{
    const struct rt_spawn_options opt = { .name = "bench", .worker = worker, .prio = RT_PRIO_NORMAL };
    struct fiber *f = rt_spawn(&opt, fn, arg);
    if (f == NULL)
        panic("no fiber");
    return f;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void report_percentiles(const char *what, uint64_t *ns, size_t n)
{
    char name[100];
    qsort(ns, n, sizeof(*ns), compare);
    snprintf(name, sizeof(name), "%s p50", what);
    report(name, (double)ns[n / 2] / 1000, "us");
    snprintf(name, sizeof(name), "%s p99", what);
    report(name, (double)ns[n / 100 * 99] / 1000, "us");
}

/* ---- within one worker ------------------------------------------------------- */

enum { SWITCHES = 2000000, CALLS = 10000000 };

static void yield_loop(void *arg)
{
    for (int i = 0; i < SWITCHES; i++)
        rt_yield();
}

static void bench_switch(void)
{
    struct fiber *f = spawn(0, yield_loop, NULL);
    const uint64_t start = rt_now();
    yield_loop(NULL);
    rt_join(f);
    report("fiber switch", (double)(rt_now() - start) / SWITCHES / 2, "ns");
}

#define BENCH_CALL(name, stmt)                                            \
    do {                                                                  \
        const uint64_t start_ = rt_now();                                 \
        for (int i_ = 0; i_ < CALLS; i_++) {                              \
            stmt;                                                         \
        }                                                                 \
        report(name, (double)(rt_now() - start_) / CALLS, "ns");          \
    } while (0)

static void bench_calls(void)
{
    struct rt_spin spin = { 0 };
    struct rt_mutex mutex = { 0 };
    struct rt_latch latch = { 0 };
    BENCH_CALL("rt_spin lock+unlock", rt_spin_lock(&spin); rt_spin_unlock(&spin));
    BENCH_CALL("rt_mutex lock+unlock", rt_mutex_lock(&mutex); rt_mutex_unlock(&mutex));
    BENCH_CALL("rt_latch lock+unlock s", rt_latch_lock_s(&latch); rt_latch_unlock_s(&latch));
    BENCH_CALL("rt_latch lock+unlock x", rt_latch_lock_x(&latch); rt_latch_unlock_x(&latch));
    BENCH_CALL("rt_yield_if_due", rt_yield_if_due());
    BENCH_CALL("rt_now", (void)rt_now());
    BENCH_CALL("rt_random", (void)rt_random());
}

static void nothing(void *arg)
{
}

static void bench_spawn(void)
{
    const uint64_t start = rt_now();
    for (int i = 0; i < 200000; i++)
        rt_join(spawn(0, nothing, NULL));
    report("spawn+join", (double)(rt_now() - start) / 200000, "ns");
}

/* ---- between workers --------------------------------------------------------------- */

enum { WAKES = 20000, TRIPS = 20000 };

struct ping {
    struct rt_channel *to, *back;
};

static void pong(void *arg)
{
    const struct ping *p = arg;
    void *item;
    while (rt_channel_recv(p->to, &item, RT_FOREVER) == ERR_OK)
        (void)rt_channel_send(p->back, item, RT_FOREVER);
}

static void bench_wake(uint32_t worker, const char *what)
{
    static uint64_t ns[WAKES];
    struct ping p = { rt_channel_new(1), rt_channel_new(1) };
    struct fiber *f = spawn(worker, pong, &p);
    for (int i = 0; i < WAKES; i++) {
        void *item;
        const uint64_t start = rt_now();
        (void)rt_channel_send(p.to, &p, RT_FOREVER);
        (void)rt_channel_recv(p.back, &item, RT_FOREVER);
        ns[i] = (rt_now() - start) / 2;
    }
    rt_channel_close(p.to);
    rt_join(f);
    rt_channel_free(p.to);
    rt_channel_free(p.back);
    report_percentiles(what, ns, WAKES);
}

static void serve_block(void *arg)
{
    struct diag d;
    struct rt_conn *c = NULL;
    static uint8_t block[8192];
    char request[64];
    if (rt_accept(arg, &c, &d) != ERR_OK)
        panic("%s", d.message);
    while (rt_recv_full(c, request, sizeof(request), RT_FOREVER, &d) == ERR_OK)
        if (rt_send(c, block, sizeof(block), &d) != ERR_OK)
            break;
    rt_conn_close(c);
}

static void bench_round_trip(uint32_t worker, const char *what)
{
    static uint64_t ns[TRIPS];
    struct diag d;
    struct rt_listener *l = NULL;
    struct rt_conn *c = NULL;
    char request[64] = { 0 };
    uint8_t block[8192];
    if (rt_listen("127.0.0.1:0", &l, &d) != ERR_OK)
        panic("%s", d.message);
    struct fiber *f = spawn(worker, serve_block, l);
    if (rt_connect(rt_listener_address(l), RT_FOREVER, &c, &d) != ERR_OK)
        panic("%s", d.message);
    for (int i = 0; i < TRIPS; i++) {
        const uint64_t start = rt_now();
        if (rt_send(c, request, sizeof(request), &d) != ERR_OK ||
            rt_recv_full(c, block, sizeof(block), RT_FOREVER, &d) != ERR_OK)
            panic("%s", d.message);
        ns[i] = rt_now() - start;
    }
    rt_conn_close(c);
    rt_join(f);
    rt_listener_free(l);
    report_percentiles(what, ns, TRIPS);
}

/* ---- files --------------------------------------------------------------------------- */

enum { FILE_BLOCKS = 1024, READS = 4000, SYNCS = 300 };

static void bench_files(const char *path)
{
    static uint64_t ns[READS];
    struct diag d;
    struct rt_file *f = NULL;
    uint8_t *p = rt_alloc_aligned(8192);
    if (rt_open(path, RT_OPEN_CREATE | RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, &d) != ERR_OK)
        panic("%s", d.message);
    for (uint64_t i = 0; i < FILE_BLOCKS; i++)
        if (rt_pwrite(f, p, 8192, i * 8192, &d) != ERR_OK)
            panic("%s", d.message);
    if (rt_fdatasync(f, &d) != ERR_OK)
        panic("%s", d.message);
    for (int i = 0; i < READS; i++) {
        const uint64_t start = rt_now();
        if (rt_pread(f, p, 8192, rt_random() % FILE_BLOCKS * 8192, NULL, &d) != ERR_OK)
            panic("%s", d.message);
        ns[i] = rt_now() - start;
    }
    report_percentiles("direct read 8 KiB", ns, READS);
    for (uint64_t i = 0; i < SYNCS; i++) {
        const uint64_t start = rt_now();
        if (rt_pwrite(f, p, 8192, i * 8192, &d) != ERR_OK || rt_fdatasync(f, &d) != ERR_OK)
            panic("%s", d.message);
        ns[i] = rt_now() - start;
    }
    report_percentiles("direct write 8 KiB + sync", ns, SYNCS);
    rt_close(f);
    if (rt_unlink(path, &d) != ERR_OK)
        panic("%s", d.message);
    rt_free_aligned(p, 8192);
}

static void run(void *arg)
{
    bench_switch();
    bench_calls();
    bench_spawn();
    bench_wake(0, "wake on the same worker");
    bench_wake(1, "wake on another worker");
    bench_round_trip(0, "tcp 64 B -> 8 KiB round trip, one worker");
    bench_round_trip(1, "tcp 64 B -> 8 KiB round trip, two workers");
    bench_files("bench_rt.tmp");
}

int main(int argc, char **argv)
{
    const char *backend = argc > 1 ? argv[1] : "auto";
    const struct rt_options opt = {
        .backend = strcmp(backend, "uring") == 0 ? RT_URING : strcmp(backend, "epoll") == 0 ? RT_EPOLL : RT_AUTO,
        .workers = 2,
        .spin_us = argc > 2 ? (uint32_t)atoi(argv[2]) : 50,
    };
    struct diag d;
    if (rt_run(&opt, run, NULL, &d) != ERR_OK) {
        fprintf(stderr, "%s\n", d.message);
        return 1;
    }
    return 0;
}
