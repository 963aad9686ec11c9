/*
 * Three interconnects in one process, over real sockets and threads: delivery
 * while connections are broken from outside.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "interconnect/ic_int.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"

#define NODES 3u
#define KINDS 4u
#define MESSAGES 2000u
static const enum ic_kind kinds[KINDS] = { IC_VIEW_JOIN, IC_GES_REQUEST, IC_GCS_REQUEST, IC_ADMIN_ASK };

struct node {
    struct interconnect *ic;
    node_no number;
    struct world *w;
    uint64_t heard[NODES + 1][KINDS]; /* each written by one lane's fiber alone */
    _Atomic uint64_t total;
    _Atomic scn_t scn;
};

struct world {
    struct node node[NODES + 1];
    _Atomic unsigned wrong;
    _Atomic unsigned senders;
    unsigned breaks;
};

static scn_t scn_now(void *arg)
{
    return atomic_load(&((struct node *)arg)->scn);
}

static bool scn_seen(void *arg, node_no from, scn_t scn, scn_t watermark)
{
    struct node *n = arg;
    if (atomic_load(&n->scn) < scn)
        atomic_store(&n->scn, scn);
    return true;
}

static void on_message(void *arg, const struct ic_message *m)
{
    struct node *n = arg;
    const uint64_t kind = get_u64le(m->payload + 8);
    if (get_u64le(m->payload) != ++n->heard[m->from][kind])
        atomic_fetch_add(&n->w->wrong, 1);
    for (uint32_t i = 16; i < m->len; i++)
        if (m->payload[i] != (uint8_t)(i + get_u64le(m->payload)))
            atomic_fetch_add(&n->w->wrong, 1);
    atomic_fetch_add(&n->total, 1);
}

static void open_node(struct node *n)
{
    struct diag d;
    const struct ic_options opt = {
        .self = { n->number, 500 + n->number }, .cluster_id = 3, .secret = "s", .address = "127.0.0.1:0", .lanes_normal = 2,
        .send_queue_max_bytes = 256u << 10, .frame_max_bytes = 32u << 10, .protocol_min = 1, .protocol_max = 1,
        .hooks = { .arg = n, .scn_now = scn_now, .scn_seen = scn_seen },
    };
    if (ic_open(&opt, &n->ic, &d) != ERR_OK)
        panic("ic_open: %s", d.message);
    for (uint32_t i = 0; i < KINDS; i++)
        ic_set_handler(n->ic, kinds[i], 0, UINT32_MAX, on_message, n);
}

static void send_one(struct node *n, node_no to, uint64_t kind, uint64_t number)
{
    uint8_t payload[8300];
    const size_t len = number % 11 == 0 ? sizeof(payload) : 16 + number % 100;
    put_u64le(payload, number);
    put_u64le(payload + 8, kind);
    for (size_t i = 16; i < len; i++)
        payload[i] = (uint8_t)(i + number);
    const struct ic_part part = { payload, len };
    for (;;) {
        const enum err err = ic_send(n->ic, to, kinds[kind], 1, &part, 1);
        if (err == ERR_OK)
            return;
        if (err != ERR_RESOURCES)
            panic("ic_send: %s", err_name(err));
        rt_sleep(RT_US(200));
    }
}

static void sender_main(void *arg)
{
    struct node *n = arg;
    for (uint64_t number = 1; number <= MESSAGES; number++) {
        for (node_no to = 1; to <= NODES; to++)
            for (uint64_t kind = 0; kind < KINDS; kind++)
                send_one(n, to, kind, number);
        atomic_fetch_add(&n->scn, 5);
        rt_yield_if_due();
    }
    atomic_fetch_sub(&n->w->senders, 1);
}

/* Shuts one connection down under its link, as a failing network would. */
static void break_one(struct world *w)
{
    struct node *n = &w->node[1 + rt_random() % NODES];
    const unsigned other = 1 + rt_random() % NODES;
    struct ic_lane *lane = &n->ic->nodes[other].lanes[rt_random() % n->ic->lanes];
    if (other == n->number)
        return;
    rt_spin_lock(&lane->spin);
    if (lane->link != NULL && lane->link->live) {
        rt_conn_shutdown(lane->link->conn);
        w->breaks++;
    }
    rt_spin_unlock(&lane->spin);
}

static bool complete(struct world *w)
{
    for (node_no n = 1; n <= NODES; n++)
        if (atomic_load(&w->node[n].total) < (uint64_t)NODES * KINDS * MESSAGES)
            return false;
    return true;
}

static void real_main(void *arg)
{
    struct world *w = arg;
    struct diag d;
    for (node_no n = 1; n <= NODES; n++) {
        w->node[n].w = w;
        w->node[n].number = n;
        open_node(&w->node[n]);
    }
    for (node_no n = 1; n <= NODES; n++)
        for (node_no o = 1; o <= NODES; o++)
            if (n != o && ic_peer_add(w->node[n].ic, (struct ic_peer_id){ o, 500u + o }, ic_address(w->node[o].ic), &d) != ERR_OK)
                panic("%s", d.message);
    for (node_no n = 1; n <= NODES; n++) {
        const struct rt_spawn_options opt = { .name = "sender", .worker = n % rt_workers(), .prio = RT_PRIO_NORMAL };
        struct fiber *f = rt_spawn(&opt, sender_main, &w->node[n]);
        assert(f != NULL);
        rt_detach(f);
        atomic_fetch_add(&w->senders, 1);
    }
    const uint64_t deadline = rt_now() + RT_SEC(60);
    while (!complete(w) && rt_now() < deadline) {
        rt_sleep(RT_MS(3));
        break_one(w);
    }
    while (atomic_load(&w->senders) > 0)
        rt_sleep(RT_MS(1));
    uint64_t again = 0, reconnects = 0;
    for (node_no n = 1; n <= NODES; n++) {
        struct ic_stats st;
        ic_stats(w->node[n].ic, &st);
        again += st.retransmitted;
        reconnects += st.reconnects;
    }
    print_message("%u breaks, %" PRIu64 " reconnects, %" PRIu64 " messages sent again\n", w->breaks, reconnects, again);
    for (node_no n = 1; n <= NODES; n++)
        ic_close(w->node[n].ic);
}

static void run_on(enum rt_backend backend)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct rt_options opt = { .backend = backend, .workers = 2, .spin_us = 20 };
    struct diag d;
    const enum err err = rt_run(&opt, real_main, w, &d);
    if (err == ERR_FEATURE && backend == RT_URING)
        skip();
    assert_int_equal(err, ERR_OK);
    assert_true(complete(w));
    assert_int_equal(w->wrong, 0);
    for (node_no n = 1; n <= NODES; n++)
        for (node_no o = 1; o <= NODES; o++)
            for (uint32_t k = 0; k < KINDS; k++)
                assert_int_equal(w->node[n].heard[o][k], MESSAGES);
    free(w);
}

static void exactly_once_over_epoll(void **state)
{
    run_on(RT_EPOLL);
}

static void exactly_once_over_uring(void **state)
{
    run_on(RT_URING);
}

/* ---- several fibers find the same new peer ------------------------------------ */

#define FINDERS 6u
#define FINDS 300u

static void finder_main(void *arg)
{
    struct node *n = arg;
    struct diag d;
    for (uint32_t i = 0; i < FINDS; i++) {
        const struct ic_peer_id id = { 2 + i % 2, 600 + i / 8 };
        if (ic_peer_add(n->ic, id, "127.0.0.1:9", &d) != ERR_OK)
            panic("%s", d.message);
        if (i % 5 == 0)
            ic_peer_remove(n->ic, id);
        rt_yield();
    }
}

/* A peer that was added twice at once, or while the interconnect closes, would keep its fibers for ever: rt_run() would not end. */
static void finders_main(void *arg)
{
    struct node n = { .number = 1 };
    struct fiber *f[FINDERS];
    open_node(&n);
    for (uint32_t i = 0; i < FINDERS; i++) {
        const struct rt_spawn_options opt = { .name = "finder", .worker = i % rt_workers(), .prio = RT_PRIO_NORMAL };
        f[i] = rt_spawn(&opt, finder_main, &n);
        assert(f[i] != NULL);
    }
    for (uint32_t i = 0; i < FINDERS; i++)
        rt_join(f[i]);
    ic_close(n.ic);
}

static void peers_found_by_several_fibers(void **state)
{
    const struct rt_options opt = { .backend = RT_EPOLL, .workers = 2, .spin_us = 20 };
    struct diag d;
    assert_int_equal(rt_run(&opt, finders_main, NULL, &d), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_found_by_several_fibers),
        cmocka_unit_test(exactly_once_over_epoll),
        cmocka_unit_test(exactly_once_over_uring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
