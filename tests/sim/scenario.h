/*
 * What happens in the run of one seed: a database is created, nodes start,
 * workloads run in rounds with faults, each round ends with a death, a power
 * loss, an orderly stop or nothing; then everything is checked.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "world.h"

struct scenario_options {
    uint64_t seed;
    const char *workload; /* NULL: several, drawn from the seed */
    uint32_t nodes; /* 0: drawn from the seed */
    bool calm; /* no faults and no deaths */
    bool restless; /* faults of all kinds all the time */
    bool verbose;
};

struct scenario_result {
    bool finished;
    uint64_t trace, steps, virtual_ns;
    uint64_t acked, failed, unknown, refused[WORLD_REFUSALS];
    struct sim_trouble trouble;
    uint32_t kills, power_losses, restarts, joins, nodes;
    char workloads[128];
};

/* Runs one seed in this process, which it ends where something is wrong. */
void scenario_run(const struct scenario_options *opt, struct scenario_result *ret);

#endif
