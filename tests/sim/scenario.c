#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/ids.h"
#include "faults.h"
#include "workload.h"

#define VIRTUAL_TIME_MAX RT_SEC(1200)
#define TT_ENTRIES_SMALL 64u /* soon used up, so that entries are recycled */

static const struct workload *const workloads[] = {
#define X(name, text) &workload_##name,
    WORKLOADS(X)
#undef X
};
#define WORKLOADS_N ARRAY_LEN(workloads)
#define DRAWN_N (WORKLOADS_N - 1) /* the last one, "watch", joins some runs beside what was drawn */

/* How a round ends. */
enum ending { END_QUIET, END_RESTART, END_KILL, END_POWER, END_KILL_THEN_POWER, ENDINGS };
static const char *const ending_names[] = { "quiet", "orderly restart", "kill", "power loss", "kill, then power loss" };

struct scenario {
    const struct scenario_options *opt;
    struct scenario_result *ret;
    struct world w;
    struct faults faults;
    double net_break_per_s; /* while clients work */
    bool watch_too;
    void *self[WORKLOADS_N]; /* of those that run, else NULL */
};

/* ---- workloads -------------------------------------------------------------------------- */

static void choose_workloads(struct scenario *s)
{
    const size_t n = between(1, 3);
    for (size_t i = 0; i < WORKLOADS_N; i++)
        if (s->opt->workload != NULL && strcmp(s->opt->workload, workloads[i]->name) == 0)
            s->self[i] = workloads[i]->open(&s->w);
    for (size_t i = 0; i < n && s->opt->workload == NULL; i++) {
        const size_t k = any_of(DRAWN_N);
        if (s->self[k] == NULL)
            s->self[k] = workloads[k]->open(&s->w);
    }
    if (s->watch_too)
        s->self[DRAWN_N] = workloads[DRAWN_N]->open(&s->w);
    for (size_t i = 0; i < WORKLOADS_N; i++)
        if (s->self[i] != NULL) {
            const size_t len = strlen(s->ret->workloads);
            snprintf(s->ret->workloads + len, sizeof s->ret->workloads - len, "%s%s", len ? "," : "", workloads[i]->name);
        }
}

static void setup(struct scenario *s)
{
    for (size_t i = 0; i < WORKLOADS_N; i++) {
        if (s->self[i] == NULL)
            continue;
        struct pg_client *pg = world_connect_checker(&s->w, world_random_up(&s->w));
        workloads[i]->setup(s->self[i], pg);
        pg_close(pg);
    }
}

static void start_clients(struct scenario *s)
{
    for (size_t i = 0; i < WORKLOADS_N; i++)
        if (s->self[i] != NULL)
            workloads[i]->start(s->self[i]);
}

static void check(struct scenario *s, bool last)
{
    world_wait_sessions(&s->w);
    for (size_t i = 0; i < WORKLOADS_N; i++) {
        if (s->self[i] == NULL)
            continue;
        struct pg_client *pg = world_connect_checker(&s->w, world_random_up(&s->w));
        workloads[i]->check(s->self[i], pg, last);
        pg_close(pg);
    }
    world_wait_sessions(&s->w);
    world_say(&s->w, "checked");
}

/* ---- rounds -------------------------------------------------------------------------------- */

static void stop_all(struct world *w)
{
    for (uint32_t no; (no = world_random_up(w)) != 0;)
        world_stop(w, no);
}

/* Recovery itself is interrupted now and then, more than once. */
static void recover(struct world *w)
{
    while (one_in(3)) {
        world_say(w, "a start that is interrupted");
        w->deaths_expected = true;
        for (uint32_t i = 1; i <= w->nodes; i++)
            if (one_in(2))
                world_start(w, i);
        rt_sleep(any_of(RT_MS(600)));
        if (one_in(2))
            world_power_loss(w);
        for (uint32_t i = 1; i <= w->nodes; i++) {
            sim_kill_host(w->sim, i);
            w->node[i].state = NODE_DEAD;
        }
        w->deaths_expected = false;
    }
    w->restarts++;
    world_start_all(w);
}

/* A power loss that finds all synced proves little. */
static void await_unsynced(struct world *w)
{
    const uint64_t want = any_of(8);
    for (int i = 0; i < 300 && sim_unsynced(w->sim) < want; i++)
        rt_sleep(RT_US(200));
}

static void end_round(struct scenario *s, enum ending how)
{
    struct world *w = &s->w;
    world_say(w, "the round ends: %s", ending_names[how]);
    switch (how) {
    case END_QUIET:
    case ENDINGS:
        break;
    case END_RESTART:
        faults_stop(&s->faults);
        stop_all(w);
        w->restarts++;
        world_start_all(w);
        break;
    case END_KILL:
    case END_KILL_THEN_POWER:
        if (world_random_up(w) != 0)
            world_kill(w, world_random_up(w));
        if (how == END_KILL_THEN_POWER) {
            rt_sleep(any_of(RT_SEC(3)));
            world_power_loss(w);
        }
        break;
    case END_POWER:
        await_unsynced(w);
        world_power_loss(w);
        break;
    }
    for (uint32_t i = 1; i <= w->nodes && w->deaths_expected; i++) /* it could find itself alone, and go on */
        if (w->node[i].state == NODE_STARTING)
            world_kill(w, i);
}

static void round_of_work(struct scenario *s, enum ending how)
{
    struct world *w = &s->w;
    sim_set_net_break(w->sim, s->net_break_per_s);
    start_clients(s);
    if (!s->opt->calm)
        faults_start(&s->faults);
    rt_sleep(between(RT_MS(200), RT_MS(1500)));
    end_round(s, how);
    const bool died = w->deaths_expected;
    if (died)
        world_wait_dead(w);
    if (s->faults.running)
        faults_stop(&s->faults);
    world_wait_clients(w);
    sim_set_net_break(w->sim, 0);
    if (died)
        recover(w);
    else
        world_start_all(w); /* who had left */
    check(s, false);
}

static enum ending draw_ending(const struct scenario *s)
{
    return s->opt->calm ? (one_in(3) ? END_RESTART : END_QUIET) : (enum ending)any_of(ENDINGS);
}

static void scenario_fiber(void *arg)
{
    struct scenario *s = arg;
    struct world *w = &s->w;
    world_create_database(w);
    world_start_all(w);
    choose_workloads(s);
    setup(s);
    faults_draw(&s->faults, w, s->opt->restless);
    world_say(w, "%u nodes, %s", w->nodes, s->ret->workloads);
    for (uint64_t rounds = between(1, 3); rounds > 0; rounds--)
        round_of_work(s, draw_ending(s));
    check(s, true);
    stop_all(w);
    world_check_structure(w);
    if (one_in(3)) { /* what an orderly stop has left on disk */
        world_start(w, 1 + (uint32_t)any_of(w->nodes));
        world_wait_up(w);
        check(s, true);
        stop_all(w);
        world_check_structure(w);
    }
    s->ret->finished = true;
}

/* ---- a run ------------------------------------------------------------------------------------- */

/* Decided before the simulation exists, so with arithmetic on the seed alone. */
static uint64_t mix(uint64_t seed, uint64_t n)
{
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + n * UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 29;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 32;
}

void scenario_run(const struct scenario_options *opt, struct scenario_result *ret)
{
    const uint64_t seed = opt->seed;
    const bool slow_net = mix(seed, 1) % 3 == 0, slow_disk = mix(seed, 2) % 3 == 0;
    const bool lazy_sync = mix(seed, 11) % 4 == 0; /* much is written and not yet synced when the power goes */
    const struct sim_options so = {
        .seed = seed,
        .hosts = opt->nodes > 0 ? opt->nodes : mix(seed, 3) % 4 == 0 ? 2 + (uint32_t)(mix(seed, 4) % 4) : 3,
        .workers = 1 + (uint32_t)(mix(seed, 5) % 2),
        .net_delay_min_us = 20,
        .net_delay_max_us = slow_net ? 3000 : 200,
        .disk_min_us = 50,
        .disk_max_us = slow_disk ? 8000 : 400,
        .sync_min_us = lazy_sync ? 10000 : 100,
        .sync_max_us = lazy_sync ? 60000 : slow_disk ? 20000 : 1000,
        .preempt = mix(seed, 7) % 2 == 0,
        .cpu_ns_per_call = 200,
    };
    struct sim *sim = sim_new(&so);
    struct scenario *s = xcalloc(1, sizeof *s);
    s->opt = opt;
    s->ret = ret;
    s->net_break_per_s = !opt->calm && mix(seed, 6) % 4 == 0 ? 0.2 : 0;
    s->watch_too = opt->workload == NULL && mix(seed, 10) % 4 == 0;
    const uint64_t cache = mix(seed, 8) % 2 == 0 ? 64 * BLOCK_SIZE : 8u << 20; /* the least possible: blocks come and go */
    const bool watch_alone = opt->workload != NULL && strcmp(opt->workload, "watch") == 0;
    world_init(&s->w, sim, &(struct world_options){ .seed = seed, .nodes = so.hosts, .cache_bytes = cache, .verbose = opt->verbose,
                                                    .tt_entries = watch_alone && mix(seed, 9) % 2 == 0 ? TT_ENTRIES_SMALL : 0 });
    sim_spawn_test(sim, scenario_fiber, s);
    if (!sim_run(sim, VIRTUAL_TIME_MAX)) {
        sim_dump(sim);
        world_fail(&s->w, "the run does not end");
    }
    const struct world *w = &s->w;
    ret->trace = sim_trace_hash(sim);
    ret->steps = sim_steps(sim);
    ret->virtual_ns = sim_time_ns(sim);
    ret->acked = w->acked;
    ret->failed = w->failed;
    memcpy(ret->refused, w->refused, sizeof ret->refused);
    ret->trouble = *sim_trouble(sim);
    ret->unknown = w->unknown;
    ret->kills = w->kills;
    ret->power_losses = w->power_losses;
    ret->restarts = w->restarts;
    ret->joins = w->joins;
    ret->nodes = w->nodes;
}
