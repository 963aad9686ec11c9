/*
 * What the interconnect adds to the machine's own round trip: 64 bytes there,
 * 8 KiB back, between two processes; and small messages in one direction. The
 * raw figures of the same run stand beside it.
 *
 *     bench_interconnect [workers] [spin_us] [uring|epoll]
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interconnect/interconnect.h"
#include "rt/rt.h"

enum { TRIPS = 20000, STREAM = 500000 };
#define RAW_ADDRESS "127.0.0.1:42117"

struct side {
    struct interconnect *ic;
    node_no self;
    struct rt_future *arrived; /* of the present round trip */
    _Atomic uint64_t received;
};

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *what, uint64_t *ns, size_t n)
{
    qsort(ns, n, sizeof(*ns), compare);
    printf("{\"what\":\"%s\",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f}\n", what, (double)ns[n / 2] / 1e3,
           (double)ns[n * 9 / 10] / 1e3, (double)ns[n * 99 / 100] / 1e3);
    fflush(stdout);
}

/* ---- the interconnect ------------------------------------------------------------------ */

static uint8_t block[8192];

static void on_request(void *arg, const struct ic_message *m)
{
    struct side *s = arg;
    const struct ic_part part = { block, sizeof(block) };
    if (ic_send(s->ic, m->from, IC_GCS_SHIP, 0, &part, 1) != ERR_OK)
        panic("refused");
}

static void on_ship(void *arg, const struct ic_message *m)
{
    rt_future_set(((struct side *)arg)->arrived, 0);
}

static void on_note(void *arg, const struct ic_message *m)
{
    atomic_fetch_add_explicit(&((struct side *)arg)->received, 1, memory_order_relaxed);
}

static void on_asked(void *arg, const struct ic_message *m) /* all have come */
{
    struct side *s = arg;
    if (s->self == 2 && ic_send(s->ic, 1, IC_ADMIN_ANSWER, 0, NULL, 0) != ERR_OK)
        panic("refused");
    if (s->self == 1)
        rt_future_set(s->arrived, 0);
}

static void side_open(struct side *s)
{
    struct diag d;
    const struct ic_options opt = {
        .self = { s->self, s->self }, .cluster_id = 1, .secret = "bench", .address = s->self == 1 ? "127.0.0.1:42118" : "127.0.0.1:42119",
        .lanes_normal = 1, .send_queue_max_bytes = 4u << 20, .frame_max_bytes = 64u << 10, .protocol_min = 1, .protocol_max = 1,
    };
    if (ic_open(&opt, &s->ic, &d) != ERR_OK)
        panic("%s", d.message);
    ic_set_handler(s->ic, IC_GCS_REQUEST, 0, UINT32_MAX, on_request, s);
    ic_set_handler(s->ic, IC_GCS_SHIP, 0, UINT32_MAX, on_ship, s);
    ic_set_handler(s->ic, IC_GCS_GRANT, 0, UINT32_MAX, on_note, s);
    ic_set_handler(s->ic, IC_GCS_DONE, 0, UINT32_MAX, on_asked, s);
    ic_set_handler(s->ic, IC_ADMIN_ANSWER, 0, UINT32_MAX, on_asked, s);
    if (ic_peer_add(s->ic, (struct ic_peer_id){ 3 - s->self, 3u - s->self }, s->self == 1 ? "127.0.0.1:42119" : "127.0.0.1:42118", &d) !=
        ERR_OK)
        panic("%s", d.message);
    while (!ic_peer_is_up(s->ic, 3 - s->self))
        rt_sleep(RT_MS(1));
}

static void bench_round_trips(struct side *s, const char *what)
{
    static uint64_t ns[TRIPS];
    const uint8_t request[64] = { 0 };
    const struct ic_part part = { request, sizeof(request) };
    for (int i = 0; i < TRIPS; i++) {
        struct rt_future f;
        int64_t value;
        rt_future_init(&f);
        s->arrived = &f;
        const uint64_t start = rt_now();
        if (ic_send(s->ic, 2, IC_GCS_REQUEST, 0, &part, 1) != ERR_OK ||
            rt_future_wait(&f, RT_FOREVER, false, &value) != ERR_OK)
            panic("round trip");
        ns[i] = rt_now() - start;
    }
    report(what, ns, TRIPS);
}

static void bench_stream(struct side *s)
{
    const uint8_t note[100] = { 0 };
    const struct ic_part part = { note, sizeof(note) };
    struct rt_future f;
    int64_t value;
    rt_future_init(&f);
    s->arrived = &f;
    const uint64_t start = rt_now();
    for (int i = 0; i < STREAM;) {
        if (ic_send(s->ic, 2, IC_GCS_GRANT, 0, &part, 1) == ERR_OK)
            i++;
        else
            rt_yield();
        rt_yield_if_due();
    }
    if (ic_send(s->ic, 2, IC_GCS_DONE, 0, NULL, 0) != ERR_OK || rt_future_wait(&f, RT_FOREVER, false, &value) != ERR_OK)
        panic("stream");
    struct ic_stats st;
    ic_stats(s->ic, &st);
    printf("{\"what\":\"interconnect, messages of 100 B one way\",\"per_s\":%.0f,\"messages_per_write\":%.1f}\n",
           STREAM * 1e9 / (double)(rt_now() - start), (double)st.sent / (double)st.writes);
}

/* ---- the machine ------------------------------------------------------------------------- */

static void raw_server(void)
{
    struct diag d;
    struct rt_listener *l;
    struct rt_conn *c;
    char request[64];
    if (rt_listen(RAW_ADDRESS, &l, &d) != ERR_OK || rt_accept(l, &c, &d) != ERR_OK)
        panic("%s", d.message);
    while (rt_recv_full(c, request, sizeof(request), RT_FOREVER, &d) == ERR_OK)
        if (rt_send(c, block, sizeof(block), &d) != ERR_OK)
            break;
    rt_conn_close(c);
    rt_listener_free(l);
}

static void raw_client(void)
{
    static uint64_t ns[TRIPS];
    struct diag d;
    struct rt_conn *c;
    const char request[64] = { 0 };
    while (rt_connect(RAW_ADDRESS, rt_now() + RT_SEC(1), &c, &d) != ERR_OK)
        rt_sleep(RT_MS(10));
    for (int i = 0; i < TRIPS; i++) {
        const uint64_t start = rt_now();
        if (rt_send(c, request, sizeof(request), &d) != ERR_OK || rt_recv_full(c, block, sizeof(block), RT_FOREVER, &d) != ERR_OK)
            panic("%s", d.message);
        ns[i] = rt_now() - start;
    }
    rt_conn_close(c);
    report("raw TCP, 64 B -> 8 KiB round trip", ns, TRIPS);
}

/* ---- both sides ------------------------------------------------------------------------------ */

static void client_main(void *arg)
{
    struct side s = { .self = 1 };
    raw_client();
    side_open(&s);
    bench_round_trips(&s, "interconnect, 64 B -> 8 KiB round trip");
    bench_round_trips(&s, "interconnect, 64 B -> 8 KiB round trip, again");
    bench_stream(&s);
    ic_close(s.ic);
}

static void server_main(void *arg)
{
    struct side s = { .self = 2 };
    raw_server();
    side_open(&s);
    while (ic_peer_is_up(s.ic, 1))
        rt_sleep(RT_MS(10));
    ic_close(s.ic);
}

int main(int argc, char **argv)
{
    const struct rt_options opt = {
        .backend = argc > 3 && strcmp(argv[3], "uring") == 0 ? RT_URING : RT_EPOLL,
        .workers = argc > 1 ? (uint32_t)atoi(argv[1]) : 1,
        .spin_us = argc > 2 ? (uint32_t)atoi(argv[2]) : 50,
    };
    struct diag d;
    const pid_t child = fork();
    if (rt_run(&opt, child == 0 ? server_main : client_main, NULL, &d) != ERR_OK)
        panic("%s", d.message);
    if (child != 0)
        (void)waitpid(child, NULL, 0);
    return 0;
}
