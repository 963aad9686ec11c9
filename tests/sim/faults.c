#include "faults.h"

/* Well below the time after which a silent node is taken for dead. */
#define SILENCE_MAX_NS RT_MS(700)

void faults_draw(struct faults *f, struct world *w, bool restless)
{
    *f = (struct faults){ .w = w, .breaks = one_in(3), .partitions = one_in(5), .pauses = one_in(5), .drift = one_in(4), .come_and_go = one_in(3) };
    f->checkpoints = w->seed % 3 != 0;
    if (restless)
        *f = (struct faults){ .w = w, .restless = true, .breaks = true, .partitions = true, .pauses = true, .drift = true, .come_and_go = true, .checkpoints = true };
}

static uint32_t any_node(struct world *w) { return 1 + (uint32_t)any_of(w->nodes); }

static void break_some(struct world *w)
{
    const uint32_t a = any_node(w), b = one_in(3) ? 0 : any_node(w);
    sim_break_connections(w->sim, a, b);
}

static void cut_for_a_while(struct world *w)
{
    const uint32_t a = any_node(w), b = any_node(w);
    if (a == b)
        return;
    sim_partition(w->sim, a, b, true);
    rt_sleep(any_of(SILENCE_MAX_NS));
    sim_partition(w->sim, a, b, false);
    rt_sleep(RT_MS(500)); /* silences do not add up */
}

/* From all others: clients still reach it. */
static void isolate_for_a_while(struct world *w)
{
    const uint32_t a = any_node(w);
    for (uint32_t b = 1; b <= w->nodes; b++)
        sim_partition(w->sim, a, b, a != b);
    rt_sleep(any_of(SILENCE_MAX_NS));
    for (uint32_t b = 1; b <= w->nodes; b++)
        sim_partition(w->sim, a, b, false);
    rt_sleep(RT_MS(500));
}

static void pause_for_a_while(struct world *w)
{
    const uint32_t a = any_node(w);
    sim_pause_host(w->sim, a, true);
    rt_sleep(any_of(SILENCE_MAX_NS));
    sim_pause_host(w->sim, a, false);
    rt_sleep(RT_MS(500));
}

static void leave_and_return(struct faults *f)
{
    struct world *w = f->w;
    const uint32_t no = world_random_up(w);
    if (no == 0 || world_count(w, NODE_UP) < 2)
        return;
    world_stop(w, no);
    rt_sleep(any_of(RT_MS(300)));
    if (f->stop || w->deaths_expected || w->node[no].state != NODE_DOWN)
        return; /* the scenario starts it, perhaps as the first one after a death */
    world_start(w, no);
    w->joins++;
    while (w->node[no].state == NODE_STARTING)
        rt_sleep(RT_MS(5));
}

static void faults_fiber(void *arg)
{
    struct faults *f = arg;
    struct world *w = f->w;
    while (!f->stop) {
        rt_sleep(any_of(f->restless ? RT_MS(20) : RT_MS(250)));
        if (f->stop || w->deaths_expected)
            continue;
        if (f->restless && one_in(2)) {
            isolate_for_a_while(w);
            continue;
        }
        switch (any_of(5)) {
        case 0:
            if (f->breaks)
                break_some(w);
            break;
        case 1:
            if (f->partitions)
                cut_for_a_while(w);
            break;
        case 2:
            if (f->pauses)
                pause_for_a_while(w);
            break;
        case 3:
            if (f->drift)
                sim_set_clock(w->sim, any_node(w), (int32_t)any_of(400) - 200, 0);
            break;
        default:
            if (f->come_and_go && one_in(2))
                leave_and_return(f);
        }
    }
    f->running--;
}

static void checkpoints_fiber(void *arg)
{
    struct faults *f = arg;
    struct world *w = f->w;
    while (!f->stop) {
        rt_sleep(any_of(f->restless ? RT_MS(40) : RT_MS(60)));
        const uint32_t no = world_random_up(w);
        struct pg_client *pg = f->stop || no == 0 ? NULL : world_try_connect(w, no);
        struct pg_result r;
        if (pg != NULL)
            pg_query(pg, &r, "CHECKPOINT"); /* whatever comes of it: the node may be stopping */
        pg_close(pg);
    }
    f->running--;
}

void faults_start(struct faults *f)
{
    f->stop = false;
    const uint32_t checkpoints = f->restless ? f->w->nodes : f->checkpoints;
    f->running = 1 + checkpoints;
    sim_spawn_test(f->w->sim, faults_fiber, f);
    for (uint32_t i = 0; i < checkpoints; i++)
        sim_spawn_test(f->w->sim, checkpoints_fiber, f);
}

void faults_stop(struct faults *f)
{
    f->stop = true;
    while (f->running > 0)
        rt_sleep(RT_MS(5));
}
