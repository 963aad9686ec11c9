/*
 * Whole clusters on simulated hosts: nodes start, join, leave, come back and
 * die, over a network that delays and breaks.
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
#include "cluster/cluster_int.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"
#include "rt/sim.h"

#define HOSTS_MAX 5u
#define EPOCHS_MAX 4096u
#define KINDS 4u
static const enum ic_kind kinds[KINDS] = { IC_GES_DECLARE, IC_GES_REQUEST, IC_GCS_REQUEST, IC_ADMIN_ASK };

enum { STEP_FREEZE, STEP_INSTALL, STEP_DECLARE, STEP_OPEN, STEPS };

struct world;

/* One life of one node. */
struct node {
    struct world *w;
    uint32_t host;
    incarnation_t incarnation;
    struct cluster *c;
    struct interconnect *ic;
    struct log *log;
    struct cluster_view view;
    bool member, load_stopped, stop, ended;
    char fatal[768];
    scn_t oldest_heard[NODES_MAX + 1];
    uint64_t sent[NODES_MAX + 1][KINDS]; /* to the present incarnation of that node */
    incarnation_t sent_to[NODES_MAX + 1];
    uint64_t heard[NODES_MAX + 1][KINDS];
    incarnation_t heard_from[NODES_MAX + 1];
};

struct world {
    struct sim *sim;
    uint64_t seed;
    uint32_t hosts;
    uint32_t lives; /* of each host */
    bool load, slow_declare, death_in_change;
    struct node *node[HOSTS_MAX + 1]; /* the present life */
    struct node *all[1000];
    uint32_t all_n;
    incarnation_t incarnations;
    /* what the checker knows of each epoch */
    struct cluster_view views[EPOCHS_MAX]; /* n == 0: nobody has installed it */
    uint64_t done[EPOCHS_MAX][STEPS]; /* who has finished the step */
    uint32_t recoveries, opened_views;
    uint64_t messages, hosts_done;
    bool recovering;
    unsigned failures;
    char failure[512];
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

/* ---- listeners check the steps ------------------------------------------------------- */

static void pretend_work(void)
{
    if (rt_random() % 2)
        rt_sleep(rt_random() % RT_MS(5));
}

static node_no self_of(const struct node *n)
{
    return cluster_self(n->c);
}

static void step_done(struct node *n, epoch_t epoch, int step)
{
    n->w->done[epoch % EPOCHS_MAX][step] |= UINT64_C(1) << self_of(n);
}

/* The barrier: all members have finished the step before. */
static void expect_all_done(struct node *n, const struct cluster_view *view, int step)
{
    for (uint32_t i = 0; i < view->n; i++)
        if (!(n->w->done[view->epoch % EPOCHS_MAX][step] & UINT64_C(1) << view->m[i].node))
            complain(n->w, "host %u is beyond step %d of epoch %" PRIu64 ", which node %u has not finished", n->host, step, view->epoch,
                     view->m[i].node);
}

static void on_freeze(void *arg, epoch_t next)
{
    struct node *n = arg;
    if (next <= n->view.epoch)
        complain(n->w, "host %u freezes for epoch %" PRIu64 " in epoch %" PRIu64, n->host, next, n->view.epoch);
    if (n->w->recovering)
        complain(n->w, "host %u freezes while another recovers", n->host);
    pretend_work();
    step_done(n, next, STEP_FREEZE);
}

static void expect_same_view(struct node *n, const struct cluster_view *view)
{
    struct cluster_view *known = &n->w->views[view->epoch % EPOCHS_MAX];
    if (known->n == 0) {
        *known = *view;
        return;
    }
    bool same = known->epoch == view->epoch && known->n == view->n;
    for (uint32_t i = 0; i < view->n && same; i++)
        same = known->m[i].node == view->m[i].node && known->m[i].incarnation == view->m[i].incarnation &&
               strcmp(known->m[i].interconnect_address, view->m[i].interconnect_address) == 0;
    if (!same)
        complain(n->w, "host %u has another view of epoch %" PRIu64, n->host, view->epoch);
}

static void on_install(void *arg, const struct cluster_view *view, const struct cluster_view *old)
{
    struct node *n = arg;
    expect_same_view(n, view);
    expect_all_done(n, view, STEP_FREEZE);
    if (old->epoch != n->view.epoch || view->epoch <= old->epoch)
        complain(n->w, "host %u goes from epoch %" PRIu64 " to %" PRIu64 ", old %" PRIu64, n->host, n->view.epoch, view->epoch, old->epoch);
    n->view = *view;
    pretend_work();
    step_done(n, view->epoch, STEP_INSTALL);
}

static bool all_have_declared(const struct node *n, const struct cluster_view *view)
{
    bool all = true;
    for (uint32_t i = 0; i < view->n; i++)
        all &= (n->w->done[view->epoch % EPOCHS_MAX][STEP_DECLARE] & UINT64_C(1) << (view->m[i].node)) != 0;
    return all;
}

static enum err on_declare(void *arg, const struct cluster_view *view, struct diag *d)
{
    struct node *n = arg;
    expect_all_done(n, view, STEP_INSTALL);
    pretend_work();
    if (n->w->slow_declare) /* time to die, while the others wait */
        rt_sleep(rt_random() % RT_MS(300));
    step_done(n, view->epoch, STEP_DECLARE);
    for (int i = 0; !all_have_declared(n, view); i++, rt_sleep(RT_US(500))) { /* as caches and locks do */
        if (rt_cancel_pending())
            return diag_set(d, ERR_CANCELED, "a newer change");
        if (i == 20000)
            return diag_set(d, ERR_TIMED_OUT, "a member does not declare");
    }
    return ERR_OK;
}

static void on_open(void *arg, const struct cluster_view *view)
{
    struct node *n = arg;
    expect_all_done(n, view, STEP_DECLARE);
    n->w->opened_views++;
    pretend_work();
    step_done(n, view->epoch, STEP_OPEN);
}

static enum err recover(void *arg, struct diag *d)
{
    struct node *n = arg;
    for (uint32_t h = 1; h <= n->w->hosts; h++)
        if (n->w->node[h] != NULL && n->w->node[h] != n && n->w->node[h]->member)
            complain(n->w, "host %u recovers while host %u is a member", n->host, h);
    if (n->view.n != 1)
        complain(n->w, "host %u recovers in a view of %u members", n->host, n->view.n);
    n->w->recovering = true;
    rt_sleep(RT_MS(200));
    n->w->recovering = false;
    n->w->recoveries++;
    return ERR_OK;
}

/* ---- an instance ----------------------------------------------------------------------- */

static void print_log(void *arg, enum log_level level, const char *line, size_t len)
{
    const struct node *n = arg;
    const char *message = strstr(line, "\"message\"");
    const double now = (double)rt_now() / 1e9; /* the same calls, printed or not */
    if (getenv("SIM_LOG") != NULL)
        fprintf(stderr, "%8.3f host %u %s", now, n->host, message != NULL ? message : line);
}

static void peer_changed(void *arg, struct ic_peer_id peer, bool up)
{
    cluster_peer_changed(((struct node *)arg)->c, peer, up);
}

static void peer_unknown(void *arg, struct ic_peer_id peer)
{
    cluster_peer_unknown(((struct node *)arg)->c, peer);
}

static void on_fatal(void *arg, const char *why)
{
    struct node *n = arg;
    if (n->fatal[0] != '\0')
        complain(n->w, "host %u: fatal twice", n->host);
    snprintf(n->fatal, sizeof(n->fatal), "%s", why);
}

static scn_t oldest_snapshot(void *arg)
{
    return 1000 + ((struct node *)arg)->host;
}

static void peer_oldest_snapshot(void *arg, node_no node, scn_t s)
{
    ((struct node *)arg)->oldest_heard[node] = s;
}

static void on_message(void *arg, const struct ic_message *m)
{
    struct node *n = arg;
    const uint64_t number = get_u64le(m->payload);
    const uint64_t kind = get_u64le(m->payload + 8);
    if (n->heard_from[m->from] != m->from_incarnation) {
        n->heard_from[m->from] = m->from_incarnation;
        memset(n->heard[m->from], 0, sizeof(n->heard[m->from]));
    }
    if (number != ++n->heard[m->from][kind])
        complain(n->w, "host %u: %s message %" PRIu64 " of node %u where %" PRIu64 " was expected", n->host, ic_kind_name(m->kind),
                 number, m->from, n->heard[m->from][kind]);
    n->w->messages++;
}

/* Sends to all members, itself included, what must arrive in order. */
static void send_round(struct node *n)
{
    for (uint32_t i = 0; i < n->view.n; i++) {
        const struct cluster_member *m = &n->view.m[i];
        if (n->sent_to[m->node] != m->incarnation) {
            n->sent_to[m->node] = m->incarnation;
            memset(n->sent[m->node], 0, sizeof(n->sent[m->node]));
        }
        for (uint64_t kind = 0; kind < KINDS; kind++) {
            uint64_t payload[2] = { n->sent[m->node][kind] + 1, kind };
            const struct ic_part part = { payload, sizeof(payload) };
            if (ic_send(n->ic, m->node, kinds[kind], 5, &part, 1) == ERR_OK)
                n->sent[m->node][kind]++;
        }
    }
}

static void load_main(void *arg)
{
    struct node *n = arg;
    while (!n->load_stopped) {
        send_round(n);
        rt_sleep(RT_MS(1) + rt_random() % RT_MS(20));
    }
}

static struct node *node_new(struct world *w, uint32_t host)
{
    struct node *n = xcalloc(1, sizeof(*n));
    n->w = w;
    n->host = host;
    n->incarnation = hash_u64(++w->incarnations) | 1;
    w->node[host] = n;
    assert(w->all_n < ARRAY_LEN(w->all));
    w->all[w->all_n++] = n;
    return n;
}

static enum err node_open(struct node *n, const char *name, struct diag *d)
{
    char address[32];
    snprintf(address, sizeof(address), "10.0.0.%u:5000", n->host);
    n->log = log_new(name, LOG_INFO, print_log, NULL, n);
    const struct cluster_options opt = {
        .dir = "/shared", .cluster_name = "test", .cluster_id = 99, .node_name = name, .interconnect_address = address,
        .sql_address = "127.0.0.1:5432", .incarnation = n->incarnation, .heartbeat_interval_ms = 100, .phi_threshold = 8.0,
        .dead_after_ms = 2500, .log = n->log, .arg = n, .oldest_snapshot = oldest_snapshot,
        .peer_oldest_snapshot = peer_oldest_snapshot, .fatal = on_fatal,
    };
    const struct cluster_listener l = { .arg = n, .freeze = on_freeze, .install = on_install, .declare = on_declare, .open = on_open };
    enum err err = cluster_open(&opt, &n->c, d);
    if (err != ERR_OK)
        return err;
    const struct ic_options ic = {
        .self = { cluster_self(n->c), n->incarnation }, .cluster_id = 99, .secret = "s", .address = address, .lanes_normal = 2,
        .send_queue_max_bytes = 256u << 10, .frame_max_bytes = 64u << 10, .protocol_min = 1, .protocol_max = 1, .log = n->log,
        .hooks = { .arg = n, .peer_changed = peer_changed, .peer_unknown = peer_unknown },
    };
    err = ic_open(&ic, &n->ic, d);
    for (uint32_t i = 0; i < KINDS && err == ERR_OK; i++)
        ic_set_handler(n->ic, kinds[i], 0, UINT32_MAX, on_message, n);
    if (err == ERR_OK)
        err = cluster_attach(n->c, n->ic, d);
    if (err == ERR_OK)
        cluster_listen(n->c, &l);
    return err;
}

static void node_close(struct node *n)
{
    cluster_stop(n->c);
    ic_close(n->ic);
    cluster_close(n->c);
    n->c = NULL;
    log_free(n->log);
    n->log = NULL;
    n->ended = true;
}

static void join(struct node *n)
{
    char name[16];
    struct diag d = { 0 };
    snprintf(name, sizeof(name), "node%u", n->host);
    if (node_open(n, name, &d) != ERR_OK || cluster_join(n->c, recover, n, &d) != ERR_OK)
        complain(n->w, "host %u: %s", n->host, d.message);
    else
        n->member = true;
}

/* Joins, works, leaves; as often as the test wants. */
static void host_main(void *arg)
{
    struct world *w = arg;
    const uint32_t host = sim_host();
    for (uint32_t life = 0; life < w->lives; life++) {
        struct node *n = node_new(w, host);
        struct diag d = { 0 };
        rt_sleep(rt_random() % RT_MS(life == 0 ? 500 : 2000));
        join(n);
        struct fiber *load = NULL;
        if (w->load) {
            const struct rt_spawn_options opt = { .name = "load" };
            load = rt_spawn(&opt, load_main, n);
        }
        rt_sleep(RT_MS(500) + rt_random() % RT_MS(5000));
        if (cluster_health(n->c, cluster_coordinator(n->c)) == MEMBER_FAILED)
            complain(w, "host %u: the coordinator has failed?", host);
        n->load_stopped = true;
        if (load != NULL)
            rt_join(load);
        n->member = false;
        if (cluster_leave(n->c, &d) != ERR_OK)
            complain(w, "host %u leaves: %s", host, d.message);
        node_close(n);
    }
    w->hosts_done++;
}

static struct world *world_new(uint64_t seed, uint32_t hosts, double break_per_s)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct sim_options opt = {
        .seed = seed, .hosts = hosts, .workers = 1 + (uint32_t)seed % 2, .net_delay_min_us = 30, .net_delay_max_us = 1000,
        .net_break_per_s = break_per_s, .disk_min_us = 50, .disk_max_us = 300, .sync_min_us = 100, .sync_max_us = 2000,
        .preempt = seed % 3 == 0, .cpu_ns_per_call = 100,
    };
    w->sim = sim_new(&opt);
    w->seed = seed;
    w->hosts = hosts;
    w->lives = 1;
    return w;
}

static void world_free(struct world *w)
{
    sim_free(w->sim);
    for (uint32_t i = 0; i < w->all_n; i++) {
        log_free(w->all[i]->log);
        free(w->all[i]);
    }
    free(w);
}

static void make_shared(void *arg)
{
    struct diag d = { 0 };
    if (rt_mkdir("/shared", &d) != ERR_OK)
        panic("%s", d.message);
}

static void run(struct world *w)
{
    sim_spawn_test(w->sim, make_shared, NULL);
    if (!sim_run(w->sim, RT_SEC(300)))
        complain(w, "did not end");
    if (w->failures > 0)
        fail_msg("seed %" PRIu64 ", %u hosts: %u failures, first: %s", w->seed, w->hosts, w->failures, w->failure);
}

static void nodes_come_and_go(void **state)
{
    uint32_t recoveries = 0, opened = 0;
    uint64_t messages = 0;
    const char *one = getenv("SIM_SEED");
    const uint64_t from = one != NULL ? strtoull(one, NULL, 10) : 1;
    const char *count = getenv("SIM_SEEDS");
    const uint64_t to = one != NULL ? from : count != NULL ? strtoull(count, NULL, 10) : 60;
    for (uint64_t seed = from; seed <= to; seed++) {
        const double breaks[] = { 0, 0.2, 1, 3 };
        struct world *w = world_new(seed, 3 + (uint32_t)seed % 3, breaks[seed % 4]);
        w->lives = 3;
        w->load = true;
        for (uint32_t h = 1; h <= w->hosts; h++)
            sim_host_start(w->sim, h, host_main, w);
        run(w);
        assert_int_equal(w->hosts_done, w->hosts);
        for (uint32_t i = 0; i < w->all_n; i++)
            if (w->all[i]->fatal[0] != '\0')
                fail_msg("seed %" PRIu64 ": host %u: %s", seed, w->all[i]->host, w->all[i]->fatal);
        recoveries += w->recoveries;
        opened += w->opened_views;
        messages += w->messages;
        world_free(w);
    }
    if (one == NULL) {
        assert_true(recoveries >= 60);
        assert_true(opened > 60 * 10);
        assert_true(messages > 100000);
    }
}

/* ---- single scenes --------------------------------------------------------------------- */

/* Starts, joins, and stays until it is told to leave or may not go on. */
static void scene_host(void *arg)
{
    struct node *n = node_new(arg, sim_host());
    struct diag d = { 0 };
    join(n);
    if (!n->member)
        return;
    while (!n->stop && n->fatal[0] == '\0')
        rt_sleep(RT_MS(5));
    n->member = false;
    if (n->fatal[0] == '\0' && cluster_leave(n->c, &d) != ERR_OK && !n->w->death_in_change)
        complain(n->w, "host %u leaves: %s", n->host, d.message);
    node_close(n);
}

static void start_host(struct world *w, uint32_t host)
{
    w->node[host] = NULL;
    sim_host_start(w->sim, host, scene_host, w);
}

static bool is_member(const struct world *w, uint32_t host)
{
    return w->node[host] != NULL && w->node[host]->member;
}

/* Until hosts 1..n are members of one view. */
static void await_members(struct world *w, uint32_t n)
{
    const uint64_t deadline = rt_now() + RT_SEC(20);
    for (uint32_t in = 0; in < n && rt_now() < deadline;) {
        rt_sleep(RT_MS(10));
        in = 0;
        for (uint32_t h = 1; h <= n; h++)
            in += is_member(w, h) && w->node[h]->view.n == n;
    }
    for (uint32_t h = 1; h <= n; h++)
        if (!is_member(w, h) || w->node[h]->view.n != n)
            complain(w, "host %u is not in a view of %u members", h, n);
}

static void stop_all(struct world *w)
{
    for (uint32_t h = 1; h <= w->hosts; h++)
        if (w->node[h] != NULL)
            w->node[h]->stop = true;
}

static void start_three(struct world *w)
{
    make_shared(w);
    for (uint32_t h = 1; h <= 3; h++)
        start_host(w, h);
    await_members(w, 3);
}

static void scene(void (*test)(void *arg), uint64_t seed, uint32_t hosts, double breaks)
{
    struct world *w = world_new(seed, hosts, breaks);
    sim_spawn_test(w->sim, test, w);
    if (!sim_run(w->sim, RT_SEC(300)))
        complain(w, "did not end");
    if (w->failures > 0)
        fail_msg("seed %" PRIu64 ": %u failures, first: %s", seed, w->failures, w->failure);
    world_free(w);
}

static void expect_fatal(struct world *w, uint32_t host, const char *text)
{
    if (w->node[host]->fatal[0] == '\0')
        complain(w, "host %u goes on", host);
    else if (strstr(w->node[host]->fatal, text) == NULL)
        complain(w, "host %u does not say \"%s\" but: %s", host, text, w->node[host]->fatal);
}

static void death_test(void *arg)
{
    struct world *w = arg;
    start_three(w);
    const epoch_t before = w->node[1]->view.epoch;
    char text[64];
    snprintf(text, sizeof(text), "node \"node2\" (number %u) has failed: no heartbeat for 2", self_of(w->node[2]));
    sim_kill_host(w->sim, 2);
    w->node[2]->member = false;
    rt_sleep(RT_SEC(3));
    expect_fatal(w, 1, text);
    expect_fatal(w, 3, text);
    expect_fatal(w, 3, "start all nodes again");
    while (!w->node[1]->ended || !w->node[3]->ended)
        rt_sleep(RT_MS(10));
    for (uint32_t h = 1; h <= 3; h++)
        start_host(w, h);
    await_members(w, 3);
    if (w->node[1]->view.epoch <= before)
        complain(w, "the epoch went back from %" PRIu64 " to %" PRIu64, before, w->node[1]->view.epoch);
    if (w->recoveries != 2)
        complain(w, "%u recoveries", w->recoveries);
    stop_all(w);
}

static void a_dead_member_stops_the_others_within_three_seconds(void **state)
{
    scene(death_test, 1, 3, 0);
    scene(death_test, 2, 3, 1);
    scene(death_test, 3, 3, 1);
}

/* A member dies while the others wait for it in a step of a change, at whatever moment: they notice as soon as otherwise. */
static void death_in_change_test(void *arg)
{
    struct world *w = arg;
    w->slow_declare = w->death_in_change = true;
    start_three(w);
    w->node[1 + w->seed % 3]->stop = true;
    rt_sleep(rt_random() % RT_MS(700));
    const uint32_t victim = 1 + (uint32_t)(w->seed + 1) % 3, other = 1 + (uint32_t)(w->seed + 2) % 3;
    sim_kill_host(w->sim, victim);
    w->node[victim]->member = false;
    rt_sleep(RT_MS(3200));
    expect_fatal(w, other, "has failed");
    for (uint32_t h = 1; h <= 3; h++)
        sim_kill_host(w->sim, h);
}

static void a_member_that_dies_in_a_change_stops_the_others(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        scene(death_in_change_test, seed, 3, 0);
}

static void rejoin_test(void *arg)
{
    struct world *w = arg;
    start_three(w);
    sim_kill_host(w->sim, 2);
    w->node[2]->member = false;
    start_host(w, 2);
    rt_sleep(RT_MS(1500)); /* long before the silence would have been confirmed */
    expect_fatal(w, 1, "node \"node2\"");
    expect_fatal(w, 3, "node \"node2\"");
    expect_fatal(w, 1, "started again");
    while (!is_member(w, 2))
        rt_sleep(RT_MS(10));
    for (uint32_t h = 1; h <= 3; h += 2) {
        while (!w->node[h]->ended)
            rt_sleep(RT_MS(10));
        start_host(w, h);
    }
    await_members(w, 3);
    stop_all(w);
}

static void a_member_that_dies_and_comes_back_at_once_is_noticed(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        scene(rejoin_test, seed, 3, 0);
}

static void trouble_test(void *arg)
{
    struct world *w = arg;
    start_three(w);
    sim_pause_host(w->sim, 2, true);
    rt_sleep(RT_MS(1500));
    sim_pause_host(w->sim, 2, false);
    rt_sleep(RT_SEC(1));
    sim_partition(w->sim, 1, 3, true);
    rt_sleep(RT_MS(1500));
    sim_partition(w->sim, 1, 3, false);
    rt_sleep(RT_SEC(1));
    sim_set_net_break(w->sim, 20);
    rt_sleep(RT_SEC(5));
    sim_set_net_break(w->sim, 0);
    rt_sleep(RT_SEC(1));
    for (uint32_t h = 1; h <= 3; h++) {
        if (w->node[h]->fatal[0] != '\0')
            complain(w, "host %u: %s", h, w->node[h]->fatal);
        for (uint32_t o = 1; o <= 3; o++)
            if (cluster_health(w->node[h]->c, self_of(w->node[o])) != MEMBER_HEALTHY)
                complain(w, "host %u does not hold host %u healthy", h, o);
    }
    if (w->node[1]->oldest_heard[self_of(w->node[3])] != 1003)
        complain(w, "the oldest snapshot of host 3 was not heard");
    stop_all(w);
}

static void short_troubles_are_survived(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        scene(trouble_test, seed, 3, 0);
}

static void same_name_host(void *arg)
{
    struct world *w = arg;
    struct node *n = node_new(w, sim_host());
    struct diag d = { 0 };
    rt_sleep(RT_SEC(1));
    const enum err err = node_open(n, "node1", &d);
    if (err != ERR_LOCK_FILE || strstr(d.message, "node \"node1\" (number 1) is already running, with interconnect address 10.0.0.1:5000") == NULL)
        complain(w, "%s: %s", err_name(err), d.message);
    stop_all(w);
}

static void same_name_test(void *arg)
{
    struct world *w = arg;
    make_shared(w);
    start_host(w, 1);
    sim_host_start(w->sim, 2, same_name_host, w);
    rt_sleep(RT_SEC(3));
    if (w->node[1]->fatal[0] != '\0')
        complain(w, "host 1: %s", w->node[1]->fatal);
}

static void the_same_name_twice_is_refused(void **state)
{
    scene(same_name_test, 4, 2, 0);
}

/* Its number stays with its name; the slot of another cluster's file is refused. */
static void numbers_test(void *arg)
{
    struct world *w = arg;
    start_three(w);
    const node_no two = self_of(w->node[2]);
    w->node[2]->stop = true;
    while (!w->node[2]->ended)
        rt_sleep(RT_MS(10));
    rt_sleep(RT_MS(200));
    if (w->node[1]->view.n != 2 || w->node[1]->fatal[0] != '\0')
        complain(w, "host 2 did not leave");
    start_host(w, 4);
    while (!is_member(w, 4))
        rt_sleep(RT_MS(10));
    start_host(w, 2);
    while (!is_member(w, 2))
        rt_sleep(RT_MS(10));
    if (self_of(w->node[2]) != two || self_of(w->node[4]) == two)
        complain(w, "host 2 had number %u, now %u", two, self_of(w->node[2]));
    stop_all(w);
}

static void a_node_keeps_its_number(void **state)
{
    scene(numbers_test, 5, 4, 0);
}

static void power_test(void *arg)
{
    struct world *w = arg;
    epoch_t epoch = 0;
    for (int round = 0; round < 5; round++) {
        for (uint32_t h = 1; h <= 3; h++)
            start_host(w, h);
        await_members(w, 3);
        if (w->node[1]->view.epoch <= epoch)
            complain(w, "epoch %" PRIu64 " after %" PRIu64, w->node[1]->view.epoch, epoch);
        epoch = w->node[1]->view.epoch;
        rt_sleep(rt_random() % RT_SEC(1));
        if (round < 4) {
            sim_power_loss(w->sim);
            w->recovering = false;
            for (uint32_t h = 1; h <= 3; h++)
                w->node[h]->member = false;
        }
    }
    stop_all(w);
}

static void power_test_with_folder(void *arg)
{
    make_shared(arg);
    power_test(arg);
}

static void epochs_survive_a_loss_of_power(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        scene(power_test_with_folder, seed, 3, 0);
}

/* It has done its part: the others may open the view before they notice its death. */
static bool has_declared(const struct node *n)
{
    return n->c != NULL && n->view.n > 0 && (n->w->done[n->view.epoch % EPOCHS_MAX][STEP_DECLARE] & UINT64_C(1) << self_of(n));
}

/* Hosts die while they join, in whatever step they are: the members go on as long as it was no member. */
static void dying_joiner_test(void *arg)
{
    struct world *w = arg;
    w->slow_declare = w->seed % 2 == 0;
    make_shared(w);
    start_host(w, 1);
    start_host(w, 2);
    await_members(w, 2);
    for (int round = 0; round < 8; round++) {
        start_host(w, 3);
        const uint64_t until = rt_now() + rt_random() % RT_MS(800);
        while (rt_now() < until && (w->node[3] == NULL || !is_member(w, 3)))
            rt_sleep(RT_US(200));
        const bool member = w->node[3] != NULL && has_declared(w->node[3]);
        sim_kill_host(w->sim, 3);
        if (w->node[3] != NULL)
            w->node[3]->member = false;
        if (member) { /* from here on it counts as a member that has died */
            sim_kill_host(w->sim, 1);
            sim_kill_host(w->sim, 2);
            return;
        }
        rt_sleep(RT_MS(rt_random() % 4000));
        for (uint32_t h = 1; h <= 2; h++)
            if (w->node[h]->fatal[0] != '\0')
                complain(w, "host %u: %s", h, w->node[h]->fatal);
    }
    stop_all(w);
}

static void joiners_may_die(void **state)
{
    for (uint64_t seed = 1; seed <= 100; seed++)
        scene(dying_joiner_test, seed, 3, 0);
}

/* A joiner is not heard, and does not hear, for about as long as confirms a failure: one side may just have come to that view when it is. */
static void silent_joiner_test(void *arg)
{
    struct world *w = arg;
    make_shared(w);
    start_host(w, 1);
    start_host(w, 2);
    await_members(w, 2);
    sim_partition(w->sim, 1, 3, true);
    sim_partition(w->sim, 2, 3, true);
    start_host(w, 3);
    rt_sleep(RT_MS(2300 + rt_random() % 500));
    sim_partition(w->sim, 1, 3, false);
    sim_partition(w->sim, 2, 3, false);
    await_members(w, 3);
    for (uint32_t h = 1; h <= 3; h++)
        if (w->node[h]->fatal[0] != '\0')
            complain(w, "host %u: %s", h, w->node[h]->fatal);
    stop_all(w);
}

static void joiners_may_be_silent(void **state)
{
    for (uint64_t seed = 1; seed <= 100; seed++)
        scene(silent_joiner_test, seed, 3, 0);
}

static void fatal_slot_test(void *arg)
{
    struct world *w = arg;
    start_three(w);
    sim_fail_io(w->sim, 2, "voting", false, 1000);
    rt_sleep(RT_MS(CLUSTER_SLOT_GRACE_MS) + RT_SEC(3));
    expect_fatal(w, 2, "cannot write its slot");
    stop_all(w);
}

static void who_cannot_write_its_slot_stops(void **state)
{
    scene(fatal_slot_test, 6, 3, 0);
}

static void equal_seeds_run_equally(void **state)
{
    uint64_t hash[2];
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new(9, 4, 1);
        w->load = true;
        for (uint32_t h = 1; h <= w->hosts; h++)
            sim_host_start(w->sim, h, host_main, w);
        run(w);
        hash[i] = sim_trace_hash(w->sim);
        world_free(w);
    }
    assert_true(hash[0] == hash[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_and_go),
        cmocka_unit_test(a_dead_member_stops_the_others_within_three_seconds),
        cmocka_unit_test(a_member_that_dies_in_a_change_stops_the_others),
        cmocka_unit_test(a_member_that_dies_and_comes_back_at_once_is_noticed),
        cmocka_unit_test(short_troubles_are_survived),
        cmocka_unit_test(the_same_name_twice_is_refused),
        cmocka_unit_test(a_node_keeps_its_number),
        cmocka_unit_test(epochs_survive_a_loss_of_power),
        cmocka_unit_test(joiners_may_die),
        cmocka_unit_test(joiners_may_be_silent),
        cmocka_unit_test(who_cannot_write_its_slot_stops),
        cmocka_unit_test(equal_seeds_run_equally),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
