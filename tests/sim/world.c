#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check/check.h"
#include "server/instance_int.h"

#define START_TIMEOUT_NS RT_SEC(120)
#define STOP_TIMEOUT_NS RT_SEC(60)
#define DEATH_TIMEOUT_NS RT_SEC(30)
#define CLIENTS_TIMEOUT_NS RT_SEC(120)
#define ANSWER_TIMEOUT_NS RT_SEC(60)
#define DATA_DIR "/db"

/* ---- the log of a run: kept, and shown when something is wrong ------------------------------ */

#define LOG_LINES 120u
#define LOG_LINE_BYTES 400u

static struct { /* of this process, which runs one seed */
    char line[LOG_LINES][LOG_LINE_BYTES];
    uint32_t n;
} run_log;

static void keep_line(struct world *w, const char *line)
{
    snprintf(run_log.line[run_log.n++ % LOG_LINES], LOG_LINE_BYTES, "%s", line);
    if (w->verbose)
        fprintf(stderr, "%s\n", line);
}

static void log_sink_node(void *arg, enum log_level level, const char *line, size_t len)
{
    const struct node *n = arg;
    char text[LOG_LINE_BYTES];
    while (len > 0 && line[len - 1] == '\n')
        len--;
    snprintf(text, sizeof text, "%10.6f node %u %.*s", now_s(n->w), n->no, (int)MIN(len, (size_t)LOG_LINE_BYTES), line);
    keep_line(n->w, text);
    if (strstr(text, "protocol error:") != NULL)
        world_fail(n->w, "node %u has heard a message of another node that makes no sense", n->no);
}

static uint64_t log_wall(void *arg) { return rt_wall_us(); }

void world_say(struct world *w, const char *fmt, ...)
{
    char text[LOG_LINE_BYTES];
    const int n = snprintf(text, sizeof text, "%10.6f ------ ", now_s(w));
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    keep_line(w, text);
}

void world_fail(struct world *w, const char *fmt, ...)
{
    if (!w->verbose)
        for (uint32_t i = run_log.n > LOG_LINES ? run_log.n - LOG_LINES : 0; i < run_log.n; i++)
            fprintf(stderr, "%s\n", run_log.line[i % LOG_LINES]);
    fprintf(stderr, "FAILED (seed %" PRIu64 ", at %.6f s): ", w->seed, now_s(w));
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    fflush(stderr);
    _exit(EXIT_FAILURE);
}

static NORETURN void fail_stuck(struct world *w, const char *what)
{
    fprintf(stderr, "parked fibers:\n");
    sim_dump(w->sim);
    world_fail(w, "%s", what);
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static const char *const state_names[] = { "down", "starting", "up", "stopping", "dead" };

void world_init(struct world *w, struct sim *sim, const struct world_options *opt)
{
    *w = (struct world){ .sim = sim, .seed = opt->seed, .nodes = opt->nodes, .tt_entries = opt->tt_entries, .verbose = opt->verbose };
    for (uint32_t i = 1; i <= w->nodes; i++) {
        struct node *n = &w->node[i];
        n->w = w;
        n->no = i;
        snprintf(n->name, sizeof n->name, "node%u", i);
        snprintf(n->interconnect, sizeof n->interconnect, "10.0.0.%u:5000", i);
        snprintf(n->sql, sizeof n->sql, "10.0.0.%u:5432", i);
        config_defaults(&n->config);
        n->config.cluster_name = "simulated";
        n->config.node_id = n->name;
        n->config.interconnect_address = n->interconnect;
        n->config.listen_address = n->sql;
        n->config.data_dir = DATA_DIR;
        n->config.buffer_cache_size = (int64_t)opt->cache_bytes;
        n->config.redo_file_size = 1 << 20;
        n->config.num_buckets = 1024;
        n->log = log_new(n->name, LOG_INFO, log_sink_node, log_wall, n);
    }
}

uint32_t world_count(const struct world *w, enum node_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= w->nodes; i++)
        count += w->node[i].state == state;
    return count;
}

uint32_t world_random_up(const struct world *w)
{
    const uint32_t up = world_count(w, NODE_UP);
    uint32_t skip = up > 0 ? (uint32_t)any_of(up) : 0;
    for (uint32_t i = 1; i <= w->nodes && up > 0; i++)
        if (w->node[i].state == NODE_UP && skip-- == 0)
            return i;
    return 0;
}

static void kill_fiber(void *arg)
{
    struct node *n = arg;
    if (n->state == NODE_DEAD) /* else it has been started again */
        sim_kill_host(n->w->sim, n->no);
}

static NORETURN void park(void)
{
    for (;;)
        rt_sleep(RT_SEC(3600));
}

/* The process of a node ends here, from one of its own fibers. */
static NORETURN void exit_node(struct node *n)
{
    n->state = NODE_DEAD;
    sim_spawn_test(n->w->sim, kill_fiber, n);
    park();
}

static void on_fatal(void *arg, const char *why)
{
    struct node *n = arg;
    if (!n->w->deaths_expected)
        world_fail(n->w, "node %u stops though nothing has died: %s", n->no, why);
    world_say(n->w, "node %u stops: %s", n->no, why);
    exit_node(n);
}

static void node_fiber(void *arg)
{
    struct node *n = arg;
    struct diag d;
    diag_clear(&d);
    const struct instance_options io = { .config = &n->config, .log = n->log, .tt_entries = n->w->tt_entries, .fatal = on_fatal, .fatal_arg = n };
    if (instance_start(&io, &n->in, &d) != ERR_OK) {
        if (!n->w->deaths_expected)
            world_fail(n->w, "node %u does not start: %s", n->no, d.message);
        world_say(n->w, "node %u does not start: %s", n->no, d.message);
        exit_node(n);
    }
    n->state = NODE_UP;
    while (!n->stop_wanted)
        rt_sleep(RT_MS(10));
    n->state = NODE_STOPPING;
    if (instance_stop(n->in, &d) != ERR_OK) {
        if (!n->w->deaths_expected)
            world_fail(n->w, "node %u does not stop in order: %s", n->no, d.message);
        exit_node(n);
    }
    n->state = NODE_DOWN;
}

void world_start(struct world *w, uint32_t no)
{
    struct node *n = &w->node[no];
    assert(n->state == NODE_DOWN || n->state == NODE_DEAD);
    if (n->state == NODE_DEAD)
        sim_kill_host(w->sim, no); /* the fiber that does it may not have run yet */
    world_say(w, "starting node %u", no);
    n->state = NODE_STARTING;
    n->stop_wanted = false;
    sim_host_start(w->sim, no, node_fiber, n);
}

/* In small steps, because it may be a death that ends the wait. */
static bool wait_until_none(struct world *w, enum node_state state, uint64_t timeout_ns)
{
    for (const uint64_t deadline = rt_now() + timeout_ns; rt_now() < deadline; rt_sleep(RT_MS(5)))
        if (world_count(w, state) == 0)
            return true;
    return false;
}

static NORETURN void fail_states(struct world *w, const char *what)
{
    for (uint32_t i = 1; i <= w->nodes; i++)
        world_say(w, "node %u is %s", i, state_names[w->node[i].state]);
    fail_stuck(w, what);
}

void world_wait_up(struct world *w)
{
    if (!wait_until_none(w, NODE_STARTING, START_TIMEOUT_NS))
        fail_states(w, "a node does not finish its start");
}

void world_start_all(struct world *w)
{
    uint32_t order[NODES_IN_WORLD_MAX], n = 0;
    for (uint32_t i = 1; i <= w->nodes; i++)
        if (w->node[i].state == NODE_DOWN || w->node[i].state == NODE_DEAD)
            order[n++] = i;
    for (uint32_t i = n; i > 1; i--) {
        const uint32_t k = (uint32_t)any_of(i), swap = order[k];
        order[k] = order[i - 1];
        order[i - 1] = swap;
    }
    const bool at_once = one_in(2);
    for (uint32_t i = 0; i < n; i++) {
        world_start(w, order[i]);
        if (!at_once)
            rt_sleep(any_of(RT_MS(300)));
    }
    world_wait_up(w);
}

void world_stop(struct world *w, uint32_t no)
{
    struct node *n = &w->node[no];
    assert(n->state == NODE_UP);
    world_say(w, "stopping node %u", no);
    n->stop_wanted = true;
    for (const uint64_t deadline = rt_now() + STOP_TIMEOUT_NS; n->state != NODE_DOWN && n->state != NODE_DEAD; rt_sleep(RT_MS(5)))
        if (rt_now() > deadline)
            fail_states(w, "a node does not finish its stop");
    if (n->state == NODE_DEAD)
        return;
    for (int i = 0; !sim_host_idle(w->sim, no); i++, rt_sleep(RT_MS(5)))
        if (i == 400)
            fail_stuck(w, "fibers are left after an orderly stop");
}

void world_kill(struct world *w, uint32_t no)
{
    world_say(w, "killing node %u", no);
    w->deaths_expected = true;
    w->kills++;
    w->node[no].state = NODE_DEAD;
    sim_kill_host(w->sim, no);
}

void world_power_loss(struct world *w)
{
    world_say(w, "power loss");
    w->deaths_expected = true;
    w->power_losses++;
    sim_power_loss(w->sim);
    for (uint32_t i = 1; i <= w->nodes; i++)
        w->node[i].state = NODE_DEAD;
}

/* As long as instances do not outlive a member, all go down. */
void world_wait_dead(struct world *w)
{
    for (const uint64_t deadline = rt_now() + DEATH_TIMEOUT_NS; rt_now() < deadline; rt_sleep(RT_MS(5)))
        if (world_count(w, NODE_DEAD) + world_count(w, NODE_DOWN) == w->nodes) {
            for (uint32_t i = 1; i <= w->nodes; i++)
                sim_kill_host(w->sim, i);
            w->deaths_expected = false;
            return;
        }
    fail_states(w, "a member died and another one goes on");
}

struct creation {
    struct node *n;
    bool done;
};

static void create_fiber(void *arg)
{
    struct creation *c = arg;
    struct diag d;
    diag_clear(&d);
    const struct instance_options io = { .config = &c->n->config, .log = c->n->log, .tt_entries = c->n->w->tt_entries, .fatal = on_fatal,
                                         .fatal_arg = c->n };
    if (instance_create_database(&io, &d) != ERR_OK)
        world_fail(c->n->w, "the database cannot be created: %s", d.message);
    c->done = true;
}

void world_create_database(struct world *w)
{
    struct creation c = { .n = &w->node[1] };
    sim_host_start(w->sim, 1, create_fiber, &c);
    for (int i = 0; !c.done || !sim_host_idle(w->sim, 1); i++, rt_sleep(RT_MS(5)))
        if (i == 4000)
            fail_stuck(w, c.done ? "fibers are left after the creation of the database" : "the database is not created");
}

/* ---- what is on disk ------------------------------------------------------------------------ */

static void check_line(void *arg, enum check_kind kind, const char *text) { world_say(arg, "%s: %s", kind == CHECK_PROBLEM ? "PROBLEM" : "note", text); }

static void check_fiber(void *arg)
{
    struct creation *c = arg;
    struct world *w = c->n->w;
    struct diag d;
    struct check_result r = { 0 };
    diag_clear(&d);
    const struct check_options co = { .dir = DATA_DIR, .line = check_line, .arg = w, .lines_max = 20 };
    if (check_run(&co, &r, &d) != ERR_OK)
        world_fail(w, "the database cannot be checked: %s", d.message);
    world_say(w, "checked on disk: %" PRIu64 " blocks, %" PRIu64 " rows, %" PRIu64 " entries, %" PRIu64 " notes", r.blocks, r.rows, r.entries, r.notes);
    if (r.problems > 0)
        world_fail(w, "%" PRIu64 " problems on disk", r.problems);
    c->done = true;
}

void world_check_structure(struct world *w)
{
    struct creation c = { .n = &w->node[1] };
    sim_host_start(w->sim, 1, check_fiber, &c);
    while (!c.done)
        rt_sleep(RT_MS(5));
}

/* ---- clients --------------------------------------------------------------------------------------- */

struct client_start {
    struct world *w;
    void (*fn)(void *);
    void *arg;
};

static void client_fiber(void *arg)
{
    struct client_start cs = *(struct client_start *)arg;
    free(arg);
    cs.fn(cs.arg);
    cs.w->clients--;
}

void world_client(struct world *w, void (*fn)(void *), void *arg)
{
    struct client_start *cs = xmalloc(sizeof *cs);
    *cs = (struct client_start){ w, fn, arg };
    w->clients++;
    sim_spawn_test(w->sim, client_fiber, cs);
}

static void on_stuck(void *arg, const char *what)
{
    char text[256];
    snprintf(text, sizeof text, "no answer within %u virtual seconds to: %s", (unsigned)(ANSWER_TIMEOUT_NS / RT_SEC(1)), what);
    fail_stuck(arg, text);
}

struct pg_client *world_try_connect(struct world *w, uint32_t no)
{
    const struct pg_options po = { .address = w->node[no].sql, .connect_timeout_ns = RT_SEC(10), .answer_timeout_ns = ANSWER_TIMEOUT_NS,
                                   .on_stuck = on_stuck, .arg = w };
    struct pg_result r;
    return w->node[no].state == NODE_UP ? pg_connect(&po, &r) : NULL;
}

struct pg_client *world_connect(struct world *w, uint32_t home)
{
    for (uint32_t no = home; !w->stop_clients; no = world_random_up(w)) {
        struct pg_client *c = no > 0 ? world_try_connect(w, no) : NULL;
        if (c != NULL)
            return c;
        rt_sleep(RT_MS(20) + any_of(RT_MS(30)));
    }
    return NULL;
}

struct pg_client *world_connect_to(struct world *w, uint32_t no)
{
    while (!w->stop_clients) {
        struct pg_client *c = world_try_connect(w, no);
        if (c != NULL)
            return c;
        rt_sleep(RT_MS(20) + any_of(RT_MS(30)));
    }
    return NULL;
}

struct pg_client *world_connect_checker(struct world *w, uint32_t no)
{
    for (int i = 0; i < 1000; i++, rt_sleep(RT_MS(20))) {
        struct pg_client *c = world_try_connect(w, no);
        if (c != NULL)
            return c;
    }
    world_fail(w, "node %u takes no connection", no);
}

void world_wait_clients(struct world *w)
{
    w->stop_clients = true;
    for (const uint64_t deadline = rt_now() + CLIENTS_TIMEOUT_NS; w->clients > 0; rt_sleep(RT_MS(5)))
        if (rt_now() > deadline)
            fail_stuck(w, "clients do not come to an end");
    w->stop_clients = false;
}

void world_wait_sessions(struct world *w)
{
    for (const uint64_t deadline = rt_now() + CLIENTS_TIMEOUT_NS;; rt_sleep(RT_MS(5))) {
        uint32_t sessions = 0;
        for (uint32_t i = 1; i <= w->nodes; i++)
            sessions += w->node[i].state == NODE_UP ? pgwire_connections(w->node[i].in->wire) : 0;
        if (sessions == 0)
            return;
        if (rt_now() > deadline)
            fail_stuck(w, "sessions are left whose clients have gone");
    }
}
