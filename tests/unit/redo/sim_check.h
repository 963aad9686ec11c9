/*
 * Tests that run in the simulation: CHECK() ends the process, since cmocka's
 * assertions cannot jump out of a fiber.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "rt/rt.h"
#include "rt/sim.h"

#define CHECK(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
#define CHECK_OK(expr, d) ((expr) == ERR_OK ? (void)0 : panic("%s:%d: %s: %s", __FILE__, __LINE__, #expr, (d)->message))

/* Runs fn as the test's fiber (host 0) of a fresh simulation. */
static inline void simulate_with(uint64_t seed, bool preempt, uint64_t disk_bytes_max, void (*fn)(void *), void *arg)
{
    const struct sim_options opt = {
        .seed = seed, .hosts = 3, .workers = 3, .net_delay_min_us = 50, .net_delay_max_us = 500, .disk_min_us = 20,
        .disk_max_us = 100, .sync_min_us = 100, .sync_max_us = 500, .preempt = preempt, .disk_bytes_max = disk_bytes_max,
    };
    struct sim *s = sim_new(&opt);
    sim_spawn_test(s, fn, arg);
    if (!sim_run(s, RT_SEC(100000)))
        panic("seed %" PRIu64 ": the simulation did not end", seed);
    sim_free(s);
}

#endif
