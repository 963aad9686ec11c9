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
#include "cluster/cluster.h"
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
    bool load;
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

static enum err on_declare(void *arg, const struct cluster_view *view, struct diag *d)
{
    struct node *n = arg;
    expect_all_done(n, view, STEP_INSTALL);
    pretend_work();
    step_done(n, view->epoch, STEP_DECLARE);
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
        ic_set_handler(n->ic, kinds[i], on_message, n);
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
    const uint64_t to = one != NULL ? from : 60;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
