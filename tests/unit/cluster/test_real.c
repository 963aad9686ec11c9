/*
 * Three nodes in one process, over real sockets, files and threads: start
 * together, one leaves and comes back, all leave.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/cluster.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"

#define NODES 3u

struct node {
    unsigned index;
    const char *dir;
    struct cluster *c;
    struct interconnect *ic;
    _Atomic uint32_t members; /* of the view that is open */
    _Atomic bool leave, ended;
    _Atomic unsigned *recoveries, *fatals;
};

static void peer_changed(void *arg, struct ic_peer_id peer, bool up)
{
    cluster_peer_changed(((struct node *)arg)->c, peer, up);
}

static void peer_unknown(void *arg, struct ic_peer_id peer)
{
    cluster_peer_unknown(((struct node *)arg)->c, peer);
}

static void on_open(void *arg, const struct cluster_view *view)
{
    atomic_store(&((struct node *)arg)->members, view->n);
}

static void on_fatal(void *arg, const char *why)
{
    print_message("fatal: %s\n", why);
    atomic_fetch_add(((struct node *)arg)->fatals, 1);
}

static enum err recover(void *arg, struct diag *d)
{
    atomic_fetch_add(((struct node *)arg)->recoveries, 1);
    return ERR_OK;
}

static enum err start(struct node *n, struct diag *d)
{
    char name[16];
    incarnation_t incarnation;
    snprintf(name, sizeof(name), "node%u", n->index);
    rt_random_bytes(&incarnation, sizeof(incarnation));
    const struct cluster_options opt = {
        .dir = n->dir, .cluster_name = "test", .cluster_id = 99, .node_name = name, .interconnect_address = "127.0.0.1:0",
        .sql_address = "127.0.0.1:5432", .incarnation = incarnation | 1, .heartbeat_interval_ms = 50, .phi_threshold = 8.0,
        .dead_after_ms = 2500, .arg = n, .fatal = on_fatal,
    };
    enum err err = cluster_open(&opt, &n->c, d);
    if (err != ERR_OK)
        return err;
    const struct ic_options ic = {
        .self = { cluster_self(n->c), incarnation | 1 }, .cluster_id = 99, .secret = "s", .address = "127.0.0.1:0", .lanes_normal = 2,
        .send_queue_max_bytes = 256u << 10, .frame_max_bytes = 64u << 10, .protocol_min = 1, .protocol_max = 1,
        .hooks = { .arg = n, .peer_changed = peer_changed, .peer_unknown = peer_unknown },
    };
    const struct cluster_listener l = { .arg = n, .open = on_open };
    err = ic_open(&ic, &n->ic, d);
    if (err == ERR_OK)
        err = cluster_attach(n->c, n->ic, d);
    if (err == ERR_OK) {
        cluster_listen(n->c, &l);
        err = cluster_join(n->c, recover, n, d);
    }
    return err;
}

static void node_main(void *arg)
{
    struct node *n = arg;
    struct diag d = { 0 };
    if (start(n, &d) != ERR_OK)
        panic("%s", d.message);
    while (!atomic_load(&n->leave))
        rt_sleep(RT_MS(5));
    if (cluster_leave(n->c, &d) != ERR_OK)
        panic("%s", d.message);
    cluster_stop(n->c);
    ic_close(n->ic);
    cluster_close(n->c);
    atomic_store(&n->members, 0);
    atomic_store(&n->ended, true);
}

struct world {
    const char *dir;
    struct node node[NODES];
    _Atomic unsigned recoveries, fatals;
};

static void start_node(struct world *w, unsigned i)
{
    const struct rt_spawn_options opt = { .name = "node", .worker = i % rt_workers(), .prio = RT_PRIO_NORMAL };
    w->node[i] = (struct node){ .index = i + 1, .dir = w->dir, .recoveries = &w->recoveries, .fatals = &w->fatals };
    struct fiber *f = rt_spawn(&opt, node_main, &w->node[i]);
    assert(f != NULL);
    rt_detach(f);
}

/* Until all that have not ended are in one view of n members. */
static void await_views(struct world *w, uint32_t n)
{
    const uint64_t deadline = rt_now() + RT_SEC(30);
    for (uint32_t in = 0; in < n;) {
        if (rt_now() > deadline)
            panic("only %u of %u nodes are in a view of all", in, n);
        rt_sleep(RT_MS(5));
        in = 0;
        for (unsigned i = 0; i < NODES; i++)
            in += atomic_load(&w->node[i].members) == n;
    }
}

static void world_main(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < NODES; i++)
        start_node(w, i);
    await_views(w, NODES);
    for (unsigned round = 0; round < 3; round++) {
        atomic_store(&w->node[round].leave, true);
        while (!atomic_load(&w->node[round].ended))
            rt_sleep(RT_MS(5));
        await_views(w, NODES - 1);
        start_node(w, round);
        await_views(w, NODES);
    }
    for (unsigned i = 0; i < NODES; i++)
        atomic_store(&w->node[i].leave, true);
    for (unsigned i = 0; i < NODES; i++)
        while (!atomic_load(&w->node[i].ended))
            rt_sleep(RT_MS(5));
}

static void run_on(enum rt_backend backend)
{
    char dir[] = "/tmp/cluster-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct world w = { .dir = dir };
    const struct rt_options opt = { .backend = backend, .workers = 2, .spin_us = 20 };
    struct diag d = { 0 };
    const enum err err = rt_run(&opt, world_main, &w, &d);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    if (err == ERR_FEATURE && backend == RT_URING)
        skip();
    assert_int_equal(err, ERR_OK);
    assert_int_equal(w.recoveries, 1);
    assert_int_equal(w.fatals, 0);
}

static void nodes_come_and_go_over_epoll(void **state)
{
    run_on(RT_EPOLL);
}

static void nodes_come_and_go_over_uring(void **state)
{
    run_on(RT_URING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_and_go_over_epoll),
        cmocka_unit_test(nodes_come_and_go_over_uring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
