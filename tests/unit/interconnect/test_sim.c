/*
 * The whole interconnect on simulated hosts: delivery under breaking
 * connections, authentication, garbage, restarts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"
#include "rt/sim.h"

#define HOSTS 3u
#define KINDS 4u
#define STRIPES 3u
#define PORT 5000

static const enum ic_kind kinds[KINDS] = { IC_VIEW_JOIN, IC_GES_REQUEST, IC_GCS_REQUEST, IC_ADMIN_ASK };

struct world;

/* One host's instance and what it has heard. */
struct node {
    struct world *w;
    uint32_t host;
    struct interconnect *ic;
    struct log *log;
    incarnation_t incarnation;
    const char *secret;
    uint64_t cluster_id;
    uint32_t messages; /* to send, per destination, kind and stripe */
    uint64_t heard[HOSTS + 1][KINDS][STRIPES]; /* last number */
    uint64_t heard_total;
    scn_t scn;
    unsigned ups, downs;
    bool ready, stop;
    struct ic_stats stats; /* at the end */
    struct buf log_text;
};

struct world {
    struct sim *sim;
    struct node node[HOSTS + 1];
    unsigned failures;
    char failure[256];
};

static void complain(struct world *w, const char *fmt, ...) PRINTF(2, 3);
static void complain(struct world *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (w->failures++ == 0)
        vsnprintf(w->failure, sizeof(w->failure), fmt, ap);
    va_end(ap);
}

static void keep_log(void *arg, enum log_level level, const char *line, size_t len)
{
    struct node *n = arg;
    const double now = (double)rt_now() / 1e9; /* the same calls, printed or not */
    buf_put(&n->log_text, line, len);
    if (getenv("SIM_LOG") != NULL)
        fprintf(stderr, "%8.3f host %u %.*s", now, n->host, (int)len, line);
}

static uint64_t no_clock(void *arg)
{
    return 0;
}

static scn_t scn_now(void *arg)
{
    return ((struct node *)arg)->scn;
}

static bool scn_seen(void *arg, node_no from, scn_t scn, scn_t watermark)
{
    struct node *n = arg;
    if (watermark + 7 != scn)
        complain(n->w, "watermark %" PRIu64 " beside SCN %" PRIu64, watermark, scn);
    n->scn = MAX(n->scn, scn);
    return true;
}

static scn_t watermark(void *arg)
{
    return ((struct node *)arg)->scn - 7;
}

static void peer_changed(void *arg, struct ic_peer_id peer, bool up)
{
    struct node *n = arg;
    if (up)
        n->ups++;
    else
        n->downs++;
}

/* Payload: number, kind index, stripe, epoch, then filling that depends on the number. */
static void on_message(void *arg, const struct ic_message *m)
{
    struct node *n = arg;
    const uint64_t number = get_u64le(m->payload);
    const uint64_t kind = get_u64le(m->payload + 8);
    const uint64_t stripe = get_u64le(m->payload + 16);
    if (kind >= KINDS || kinds[kind] != m->kind || stripe >= STRIPES)
        complain(n->w, "kind %d with index %" PRIu64, m->kind, kind);
    else if (number != ++n->heard[m->from][kind][stripe])
        complain(n->w, "host %u: %s message %" PRIu64 " of node %u where %" PRIu64 " was expected", n->host, ic_kind_name(m->kind),
                 number, m->from, n->heard[m->from][kind][stripe]);
    if (m->epoch != get_u64le(m->payload + 24))
        complain(n->w, "epoch %" PRIu64 " instead of that of the admission", m->epoch);
    if (m->from_incarnation != n->w->node[m->from].incarnation)
        complain(n->w, "incarnation %" PRIu64, m->from_incarnation);
    for (uint32_t i = 32; i < m->len; i++)
        if (m->payload[i] != (uint8_t)(number + i))
            complain(n->w, "byte %u of message %" PRIu64 " is wrong", i, number);
    n->heard_total++;
}

static void open_node(struct node *n)
{
    struct diag d = { 0 };
    char address[32];
    snprintf(address, sizeof(address), "10.0.0.%u:%d", n->host, PORT);
    n->log = log_new("node", LOG_INFO, keep_log, no_clock, n);
    const struct ic_options opt = {
        .self = { (node_no)n->host, n->incarnation },
        .cluster_id = n->cluster_id,
        .secret = n->secret,
        .address = address,
        .lanes_normal = 2,
        .send_queue_max_bytes = 64u << 10,
        .frame_max_bytes = 16u << 10,
        .protocol_min = 1,
        .protocol_max = 1,
        .log = n->log,
        .hooks = { .arg = n, .scn_now = scn_now, .scn_seen = scn_seen, .watermark = watermark, .peer_changed = peer_changed },
    };
    if (ic_open(&opt, &n->ic, &d) != ERR_OK)
        panic("ic_open: %s", d.message);
    for (uint32_t i = 0; i < KINDS; i++)
        ic_set_handler(n->ic, kinds[i], 32, UINT32_MAX, on_message, n);
}

static void add_peer(struct node *n, uint32_t host, uint32_t at_host, int port)
{
    struct diag d = { 0 };
    char address[32];
    snprintf(address, sizeof(address), "10.0.0.%u:%d", at_host, port);
    if (ic_peer_add(n->ic, (struct ic_peer_id){ (node_no)host, n->w->node[host].incarnation }, address, &d) != ERR_OK)
        panic("ic_peer_add: %s", d.message);
}

static void send_one(struct node *n, uint32_t to, uint32_t kind, uint32_t stripe, uint64_t number)
{
    uint8_t payload[9000];
    const uint64_t epoch = number / 10;
    const uint32_t len = number % 13 == 0 ? 8300 : 32 + (uint32_t)(number * 37 % 200);
    put_u64le(payload, number);
    put_u64le(payload + 8, kind);
    put_u64le(payload + 16, stripe);
    for (uint32_t i = 32; i < len; i++)
        payload[i] = (uint8_t)(number + i);
    n->scn += 3;
    for (;;) {
        ic_set_epoch(n->ic, epoch);
        put_u64le(payload + 24, epoch);
        const struct ic_part parts[2] = { { payload, 20 }, { payload + 20, len - 20 } };
        const enum err err = ic_send(n->ic, (node_no)to, kinds[kind], stripe, parts, 2);
        if (err == ERR_OK)
            return;
        if (err != ERR_RESOURCES) {
            complain(n->w, "ic_send: %s", err_name(err));
            return;
        }
        rt_sleep(RT_US(500));
    }
}

static void sender_main(void *arg)
{
    struct node *n = arg;
    for (uint64_t number = 1; number <= n->messages; number++)
        for (uint32_t to = 1; to <= HOSTS; to++)
            for (uint32_t kind = 0; kind < KINDS; kind++)
                for (uint32_t stripe = 0; stripe < STRIPES; stripe++) {
                    send_one(n, to, kind, stripe, number);
                    if (rt_random() % 50 == 0)
                        rt_sleep(rt_random() % RT_MS(3));
                }
}

static bool heard_all(const struct world *w)
{
    for (uint32_t h = 1; h <= HOSTS; h++)
        if (w->node[h].heard_total < (uint64_t)HOSTS * KINDS * STRIPES * w->node[1].messages)
            return false;
    return true;
}

static void loaded_host(void *arg)
{
    struct node *n = arg;
    rt_sleep(rt_random() % RT_MS(200)); /* the others start earlier or later */
    open_node(n);
    for (uint32_t h = 1; h <= HOSTS; h++)
        if (h != n->host)
            add_peer(n, h, h, PORT);
    sender_main(n);
    while (!heard_all(n->w) && rt_now() < RT_SEC(100))
        rt_sleep(RT_MS(10));
    ic_stats(n->ic, &n->stats);
    ic_close(n->ic);
}

static struct world *world_new(uint64_t seed, double break_per_s, uint32_t workers, bool preempt)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct sim_options opt = {
        .seed = seed, .hosts = HOSTS, .workers = workers, .net_delay_min_us = 20, .net_delay_max_us = 400,
        .net_break_per_s = break_per_s, .disk_min_us = 50, .disk_max_us = 100, .sync_min_us = 100, .sync_max_us = 200,
        .preempt = preempt, .cpu_ns_per_call = 100,
    };
    w->sim = sim_new(&opt);
    for (uint32_t h = 1; h <= HOSTS; h++) {
        w->node[h] = (struct node){ .w = w, .host = h, .incarnation = 1000 + h, .secret = "open sesame", .cluster_id = 7, .scn = 100 };
        buf_init(&w->node[h].log_text);
    }
    return w;
}

static void world_free(struct world *w)
{
    sim_free(w->sim);
    for (uint32_t h = 1; h <= HOSTS; h++) {
        log_free(w->node[h].log);
        buf_fini(&w->node[h].log_text);
    }
    free(w);
}

static bool log_has(struct node *n, const char *text)
{
    buf_put(&n->log_text, "", 1);
    n->log_text.len--;
    return strstr((const char *)n->log_text.p, text) != NULL;
}

static void exactly_once_in_order_over_breaking_connections(void **state)
{
    uint64_t reconnects = 0, retransmitted = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        const double breaks[] = { 0, 1, 5, 20 };
        struct world *w = world_new(seed, breaks[seed % 4], 1 + (uint32_t)seed % 3, seed % 2);
        for (uint32_t h = 1; h <= HOSTS; h++) {
            w->node[h].messages = 60;
            sim_host_start(w->sim, h, loaded_host, &w->node[h]);
        }
        const bool ended = sim_run(w->sim, RT_SEC(200));
        if (!ended || w->failures > 0 || !heard_all(w))
            fail_msg("seed %" PRIu64 ": ended %d, all heard %d, %u failures, first: %s", seed, ended, heard_all(w), w->failures, w->failure);
        for (uint32_t h = 1; h <= HOSTS; h++) {
            reconnects += w->node[h].stats.reconnects;
            retransmitted += w->node[h].stats.retransmitted;
            assert_int_equal(w->node[h].stats.sent, HOSTS * KINDS * STRIPES * 60);
            assert_int_equal(w->node[h].stats.received, HOSTS * KINDS * STRIPES * 60);
            assert_true(w->node[h].stats.writes < w->node[h].stats.sent); /* some were gathered */
        }
        world_free(w);
    }
    assert_true(reconnects > 500);
    assert_true(retransmitted > 100);
}

/* ---- two hosts, each of which opens, adds the other, and waits ------------------- */

static void quiet_host(void *arg)
{
    struct node *n = arg;
    open_node(n);
    for (uint32_t h = 1; h <= 2; h++)
        if (h != n->host)
            add_peer(n, h, h, PORT);
    n->ready = true;
    while (!n->stop)
        rt_sleep(RT_MS(5));
    ic_close(n->ic);
    n->ready = false;
}

static struct world *two_hosts(void)
{
    return world_new(11, 0, 1, false);
}

static void run_pair(struct world *w, void (*test)(void *arg))
{
    sim_host_start(w->sim, 1, quiet_host, &w->node[1]);
    sim_host_start(w->sim, 2, quiet_host, &w->node[2]);
    sim_spawn_test(w->sim, test, w);
    if (!sim_run(w->sim, RT_SEC(100)) || w->failures > 0)
        fail_msg("%u failures, first: %s", w->failures, w->failure);
}

static void stop_after_a_second(void *arg)
{
    struct world *w = arg;
    rt_sleep(RT_SEC(1));
    w->node[1].stop = w->node[2].stop = true;
}

static void another_secret_is_told_on_both_sides(void **state)
{
    struct world *w = two_hosts();
    w->node[2].secret = "open barley";
    run_pair(w, stop_after_a_second);
    for (uint32_t h = 1; h <= 2; h++) {
        assert_int_equal(w->node[h].ups, 0);
        assert_true(log_has(&w->node[h], "the shared secrets differ"));
    }
    world_free(w);
}

static void another_cluster_is_told_on_both_sides(void **state)
{
    struct world *w = two_hosts();
    w->node[2].cluster_id = 8;
    run_pair(w, stop_after_a_second);
    assert_true(log_has(&w->node[1], "it belongs to another cluster"));
    assert_true(log_has(&w->node[2], "node 1 belongs to another cluster: id 0000000000000007, ours is 0000000000000008"));
    assert_int_equal(w->node[1].ups + w->node[2].ups, 0);
    world_free(w);
}

static void goodbye_ends_the_session(void **state)
{
    struct world *w = two_hosts();
    run_pair(w, stop_after_a_second);
    assert_int_equal(w->node[1].ups, 1);
    assert_int_equal(w->node[2].ups, 1);
    assert_true(w->node[1].downs + w->node[2].downs >= 1); /* they close at the same time: one may be gone first */
    assert_true(log_has(&w->node[1], "it has said goodbye") || log_has(&w->node[2], "it has said goodbye"));
    world_free(w);
}

static void restart_test(void *arg)
{
    struct world *w = arg;
    rt_sleep(RT_MS(300));
    if (!ic_peer_is_up(w->node[1].ic, 2))
        complain(w, "not connected");
    sim_kill_host(w->sim, 2);
    w->node[2].incarnation = 2002;
    w->node[2].ups = 0;
    sim_host_start(w->sim, 2, quiet_host, &w->node[2]);
    rt_sleep(RT_SEC(1));
    if (w->node[1].downs != 1 || ic_peer_is_up(w->node[1].ic, 2))
        complain(w, "the new incarnation was not noticed");
    if (ic_send(w->node[1].ic, 2, IC_ADMIN_ASK, 0, NULL, 0) != ERR_CLOSED)
        complain(w, "a message to the old incarnation was admitted");
    w->node[1].stop = w->node[2].stop = true;
}

static void another_incarnation_ends_the_session(void **state)
{
    struct world *w = two_hosts();
    run_pair(w, restart_test);
    assert_true(log_has(&w->node[1], "that node has been started again"));
    assert_int_equal(w->node[2].ups, 0); /* node 1 never added the new one */
    world_free(w);
}

static void add_again_test(void *arg)
{
    struct world *w = arg;
    rt_sleep(RT_MS(300));
    w->node[2].stop = true;
    while (w->node[2].ready)
        rt_sleep(RT_MS(1));
    w->node[2].stop = false;
    w->node[2].incarnation = 2002;
    memset(w->node[2].heard, 0, sizeof(w->node[2].heard));
    sim_host_start(w->sim, 2, quiet_host, &w->node[2]);
    rt_sleep(RT_MS(100));
    w->node[1].ready = false; /* its own fiber adds the peer again */
    rt_sleep(RT_SEC(1));
    w->node[1].stop = w->node[2].stop = true;
}

static void host_that_adds_again(void *arg)
{
    struct node *n = arg;
    open_node(n);
    add_peer(n, 2, 2, PORT);
    for (uint64_t i = 1; i <= 20; i++)
        send_one(n, 2, 1, 0, i);
    n->ready = true;
    while (n->ready)
        rt_sleep(RT_MS(1));
    add_peer(n, 2, 2, PORT);
    for (uint64_t i = 1; i <= 30; i++)
        send_one(n, 2, 1, 0, i);
    while (!n->stop)
        rt_sleep(RT_MS(5));
    ic_close(n->ic);
}

static void a_peer_is_replaced_by_its_next_incarnation(void **state)
{
    struct world *w = two_hosts();
    sim_host_start(w->sim, 1, host_that_adds_again, &w->node[1]);
    sim_host_start(w->sim, 2, quiet_host, &w->node[2]);
    sim_spawn_test(w->sim, add_again_test, w);
    if (!sim_run(w->sim, RT_SEC(100)) || w->failures > 0)
        fail_msg("%u failures, first: %s", w->failures, w->failure);
    assert_int_equal(w->node[1].ups, 2);
    assert_int_equal(w->node[2].heard[1][1][0], 30);
    assert_int_equal(w->node[2].heard_total, 50);
    world_free(w);
}

/* ---- garbage ------------------------------------------------------------------------ */

static void send_garbage(struct world *w, uint64_t seed)
{
    struct diag d = { 0 };
    struct rt_conn *c;
    uint8_t bytes[4000];
    uint64_t x = seed;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(x = hash_u64(x + 1));
    if (seed % 3 == 0)
        memcpy(bytes, "GET / HTTP/1.1\r\n\r\n", 18);
    if (rt_connect("10.0.0.1:5000", rt_now() + RT_SEC(1), &c, &d) != ERR_OK) {
        complain(w, "connect: %s", d.message);
        return;
    }
    (void)!rt_send(c, bytes, seed % 2 ? sizeof(bytes) : 1 + seed % 100, &d);
    if (seed % 5 == 0)
        rt_sleep(RT_MS(10));
    rt_conn_close(c);
}

static void garbage_test(void *arg)
{
    struct world *w = arg;
    rt_sleep(RT_MS(100));
    for (uint64_t seed = 1; seed <= 300; seed++)
        send_garbage(w, seed);
    struct ic_stats st;
    ic_stats(w->node[1].ic, &st);
    if (st.rejected < 100)
        complain(w, "only %" PRIu64 " connections were rejected", st.rejected);
    if (!ic_peer_is_up(w->node[1].ic, 2))
        complain(w, "the peer suffered");
    w->node[1].stop = w->node[2].stop = true;
}

static void garbage_on_the_port_harms_nothing(void **state)
{
    struct world *w = two_hosts();
    run_pair(w, garbage_test);
    assert_true(log_has(&w->node[1], "not a node of a cluster"));
    world_free(w);
}

/* ---- bodies of an impossible length ------------------------------------------------------- */

static void send_short(struct node *n, uint32_t to, uint32_t len)
{
    static const uint8_t zeros[32];
    const struct ic_part part = { zeros, len };
    if (ic_send(n->ic, (node_no)to, IC_GES_REQUEST, 0, &part, 1) != ERR_OK)
        complain(n->w, "a short message was not admitted");
}

static void impossible_bodies_test(void *arg)
{
    struct world *w = arg;
    rt_sleep(RT_MS(100));
    for (uint32_t len = 0; len < 32; len++)
        send_short(&w->node[1], 2, len);
    send_short(&w->node[2], 2, 31); /* to itself */
    send_one(&w->node[1], 2, 1, 0, 1); /* and a good one behind them */
    rt_sleep(RT_MS(100));
    struct ic_stats st;
    ic_stats(w->node[2].ic, &st);
    if (st.malformed != 33 || w->node[2].heard_total != 1)
        complain(w, "%" PRIu64 " messages rejected, %" PRIu64 " heard", st.malformed, w->node[2].heard_total);
    if (st.rejected != 0 || st.reconnects != 0)
        complain(w, "the connection suffered");
    w->node[1].stop = w->node[2].stop = true;
}

static void impossible_bodies_do_not_reach_the_handler(void **state)
{
    struct world *w = two_hosts();
    run_pair(w, impossible_bodies_test);
    assert_true(log_has(&w->node[2], "protocol error: GES_REQUEST message of 31 bytes from node 2 dropped (1 by now): 32 to"));
    assert_false(log_has(&w->node[2], "(2 by now)")); /* not once for each */
    world_free(w);
}

/* ---- damage on the way: a proxy on host 3 flips bits ----------------------------------- */

#define PROXY_PORT 6000

struct pipe {
    struct rt_conn *from, *to;
    struct world *w;
    uint64_t damage_at; /* flips a bit of the byte with this number */
    bool done;
};

static void pipe_main(void *arg)
{
    struct pipe *p = arg;
    struct diag d = { 0 };
    uint8_t bytes[2048];
    size_t got;
    uint64_t total = 0;
    while (rt_recv(p->from, bytes, sizeof(bytes), RT_FOREVER, &got, &d) == ERR_OK && got > 0) {
        if (p->damage_at >= total && p->damage_at < total + got)
            bytes[p->damage_at - total] ^= 0x10;
        total += got;
        if (rt_send(p->to, bytes, got, &d) != ERR_OK)
            break;
    }
    rt_conn_shutdown(p->from);
    rt_conn_shutdown(p->to);
    p->done = true;
}

static void proxy_connection(void *arg)
{
    struct pipe *there = arg;
    struct pipe back = { .w = there->w, .damage_at = 300 + rt_random() % 40000 };
    struct diag d = { 0 };
    if (rt_connect("10.0.0.2:5000", rt_now() + RT_SEC(1), &there->to, &d) == ERR_OK) {
        back.from = there->to;
        back.to = there->from;
        const struct rt_spawn_options opt = { .name = "proxy" };
        struct fiber *f = rt_spawn(&opt, pipe_main, &back);
        assert(f != NULL);
        pipe_main(there);
        rt_join(f);
        rt_conn_close(there->to);
    }
    rt_conn_close(there->from);
    free(there);
}

static void proxy_main(void *arg)
{
    struct world *w = arg;
    struct rt_listener *l;
    struct diag d = { 0 };
    if (rt_listen("10.0.0.3:6000", &l, &d) != ERR_OK)
        panic("%s", d.message);
    struct rt_conn *c;
    while (rt_accept(l, &c, &d) == ERR_OK) {
        struct pipe *p = xcalloc(1, sizeof(*p));
        *p = (struct pipe){ .from = c, .w = w, .damage_at = 300 + rt_random() % 40000 };
        const struct rt_spawn_options opt = { .name = "proxy" };
        struct fiber *f = rt_spawn(&opt, proxy_connection, p);
        assert(f != NULL);
        rt_detach(f);
    }
}

static void host_behind_proxy(void *arg)
{
    struct node *n = arg;
    open_node(n);
    add_peer(n, n->host == 1 ? 2 : 1, n->host == 1 ? 3 : 1, n->host == 1 ? PROXY_PORT : PORT);
    for (uint64_t i = 1; i <= 300; i++)
        for (uint32_t kind = 0; kind < KINDS; kind++)
            send_one(n, 3 - n->host, kind, 0, i);
    n->ready = true;
    while (!n->stop)
        rt_sleep(RT_MS(5));
    ic_close(n->ic);
}

static void damage_test(void *arg)
{
    struct world *w = arg;
    while ((w->node[1].heard_total < 1200 || w->node[2].heard_total < 1200) && rt_now() < RT_SEC(90))
        rt_sleep(RT_MS(10));
    struct ic_stats st;
    ic_stats(w->node[1].ic, &st);
    if (st.rejected == 0 || st.reconnects == 0 || st.retransmitted == 0)
        complain(w, "no damage was noticed");
    w->node[1].stop = w->node[2].stop = true;
    rt_sleep(RT_SEC(2));
    sim_kill_host(w->sim, 3);
}

static void damaged_frames_are_sent_again(void **state)
{
    struct world *w = two_hosts();
    sim_host_start(w->sim, 3, proxy_main, w);
    sim_host_start(w->sim, 1, host_behind_proxy, &w->node[1]);
    sim_host_start(w->sim, 2, host_behind_proxy, &w->node[2]);
    sim_spawn_test(w->sim, damage_test, w);
    if (!sim_run(w->sim, RT_SEC(100)) || w->failures > 0)
        fail_msg("%u failures, first: %s", w->failures, w->failure);
    assert_int_equal(w->node[1].heard_total, 1200);
    assert_int_equal(w->node[2].heard_total, 1200);
    assert_true(log_has(&w->node[1], "checksum") || log_has(&w->node[2], "checksum"));
    world_free(w);
}

/* ---- a queue that is full refuses, and nothing that was admitted is lost ------------------ */

static void full_queue_test(void *arg)
{
    struct world *w = arg;
    rt_sleep(RT_MS(300));
    sim_partition(w->sim, 1, 2, true);
    static uint8_t payload[1000];
    const struct ic_part part = { payload, sizeof(payload) };
    unsigned admitted = 0;
    for (uint64_t i = 1; i <= 200; i++) {
        put_u64le(payload, admitted + 1);
        put_u64le(payload + 8, 3);
        put_u64le(payload + 16, 0);
        put_u64le(payload + 24, 0);
        for (uint32_t at = 32; at < sizeof(payload); at++)
            payload[at] = (uint8_t)(admitted + 1 + at);
        const enum err err = ic_send(w->node[1].ic, 2, IC_ADMIN_ASK, 0, &part, 1);
        if (err == ERR_OK)
            admitted++;
        else if (err != ERR_RESOURCES)
            complain(w, "ic_send: %s", err_name(err));
    }
    if (admitted < 50 || admitted > 64)
        complain(w, "%u of 200 were admitted", admitted);
    rt_sleep(RT_SEC(5)); /* stalled connections are given up meanwhile */
    sim_partition(w->sim, 1, 2, false);
    rt_sleep(RT_SEC(5));
    if (w->node[2].heard[1][3][0] != admitted)
        complain(w, "%" PRIu64 " of %u admitted messages arrived", w->node[2].heard[1][3][0], admitted);
    if (w->node[1].downs > 0)
        complain(w, "the session was lost");
    w->node[1].stop = w->node[2].stop = true;
}

static void a_full_queue_refuses(void **state)
{
    struct world *w = two_hosts();
    run_pair(w, full_queue_test);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_once_in_order_over_breaking_connections),
        cmocka_unit_test(another_secret_is_told_on_both_sides),
        cmocka_unit_test(another_cluster_is_told_on_both_sides),
        cmocka_unit_test(goodbye_ends_the_session),
        cmocka_unit_test(another_incarnation_ends_the_session),
        cmocka_unit_test(a_peer_is_replaced_by_its_next_incarnation),
        cmocka_unit_test(impossible_bodies_do_not_reach_the_handler),
        cmocka_unit_test(garbage_on_the_port_harms_nothing),
        cmocka_unit_test(damaged_frames_are_sent_again),
        cmocka_unit_test(a_full_queue_refuses),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
