/*
 * A whole cluster in one process: instances on simulated hosts 1..n, the test
 * and its clients on host 0. Everything below is called from fibers of host 0.
 *
 * What is random is drawn from rt_random() of host 0, so from the seed.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/config.h"
#include "base/log.h"
#include "pg_client.h"
#include "rt/rt.h"
#include "rt/sim.h"

#define NODES_IN_WORLD_MAX 8u

enum node_state {
    NODE_DOWN, /* never started, or stopped in order */
    NODE_STARTING,
    NODE_UP,
    NODE_STOPPING,
    NODE_DEAD, /* killed, or stopped by itself because a member died */
};

/* Errors that clients of a correct cluster must live with: they end their transaction. Those that must happen now and then show that there is work for them. */
#define WORLD_REFUSED(X) \
    X("40001", "serialization", true) \
    X("40P01", "deadlock", true) \
    X("57P01", "the node stops", true) \
    X("57P02", "the node has stopped", false) \
    X("57P03", "the node starts or stops", false)
enum {
#define X(sqlstate, text, must_happen) +1
    WORLD_REFUSALS = 0 WORLD_REFUSED(X)
#undef X
};

struct instance;
struct world;

struct node {
    struct world *w;
    uint32_t no; /* its host */
    enum node_state state;
    bool stop_wanted;
    struct config config;
    char name[16], interconnect[32], sql[32];
    struct log *log;
    struct instance *in;
};

struct world {
    struct sim *sim;
    uint64_t seed;
    uint32_t nodes;
    uint32_t tt_entries;
    bool verbose;
    bool deaths_expected; /* somebody was killed: the others stop as well */
    bool stop_clients; /* clients end after their present transaction */
    uint32_t clients; /* running */
    struct node node[NODES_IN_WORLD_MAX + 1];
    /* what happened, for the report */
    uint32_t kills, power_losses, restarts, joins;
    uint64_t acked, failed, unknown; /* transactions; failed: refused, not rolled back at the client's wish */
    uint64_t refused[WORLD_REFUSALS]; /* the same by WORLD_REFUSED */
};

struct world_options {
    uint64_t seed;
    uint32_t nodes;
    uint64_t cache_bytes; /* of each instance */
    uint32_t tt_entries; /* of each transaction table; 0: as usual */
    bool verbose;
};
void world_init(struct world *w, struct sim *sim, const struct world_options *opt);

/* A checker's or the harness's verdict: prints what is wrong, the last lines of the log, and ends the process. */
NORETURN void world_fail(struct world *w, const char *fmt, ...) PRINTF(2, 3);
void world_say(struct world *w, const char *fmt, ...) PRINTF(2, 3); /* to the log of the run */

void world_create_database(struct world *w) MAY_YIELD;
void world_start(struct world *w, uint32_t no); /* begins to start; see world_wait_up() */
void world_wait_up(struct world *w) MAY_YIELD; /* all nodes that are starting */
void world_start_all(struct world *w) MAY_YIELD; /* those that are down or dead, in random order and with random gaps; waits */
void world_stop(struct world *w, uint32_t no) MAY_YIELD; /* in order */
void world_kill(struct world *w, uint32_t no); /* kill -9 */
void world_power_loss(struct world *w);
void world_wait_dead(struct world *w) MAY_YIELD; /* until no node is up after a death */
void world_check_structure(struct world *w) MAY_YIELD; /* no node runs, and the last ones stopped in order: every block and relation on disk */
uint32_t world_count(const struct world *w, enum node_state state);
uint32_t world_random_up(const struct world *w); /* 0: none */

static inline uint64_t any_of(uint64_t n) { return rt_random() % n; } /* 0..n-1 */
static inline bool one_in(uint64_t n) { return rt_random() % n == 0; }
static inline uint64_t between(uint64_t min, uint64_t max) { return min + rt_random() % (max - min + 1); }
static inline double now_s(const struct world *w) { return (double)sim_time_ns(w->sim) / 1e9; }

/* ---- clients --------------------------------------------------------------------------- */

/* Starts fn(arg) as a fiber of host 0 that counts as a client until it returns. */
void world_client(struct world *w, void (*fn)(void *), void *arg);
/* A connection to that node; NULL where it does not serve. */
struct pg_client *world_try_connect(struct world *w, uint32_t no) MAY_YIELD;
/* A connection to `home` if it serves, else to any other node; NULL when the clients are to stop. */
struct pg_client *world_connect(struct world *w, uint32_t home) MAY_YIELD;
/* To that node alone; waits until it serves. */
struct pg_client *world_connect_to(struct world *w, uint32_t no) MAY_YIELD;
/* As world_connect(), and for ever until somebody serves: for checks. */
struct pg_client *world_connect_checker(struct world *w, uint32_t no) MAY_YIELD;
void world_wait_clients(struct world *w) MAY_YIELD; /* sets stop_clients and waits; fails if they do not end */
void world_wait_sessions(struct world *w) MAY_YIELD; /* until no node has a session: what lost clients had asked for is over */

#endif
