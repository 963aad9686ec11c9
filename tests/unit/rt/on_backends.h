/*
 * Runs one test on each back-end. The code under test runs in a fiber, where
 * cmocka's own assertions cannot jump out of: CHECK() ends the process.
 */
#ifndef TESTS_RT_ON_BACKENDS_H
#define TESTS_RT_ON_BACKENDS_H

#include "rt/rt.h"
#include "rt/sim.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
#define CHECK_OK(expr, d) ((expr) == ERR_OK ? (void)0 : panic("%s:%d: %s: %s", __FILE__, __LINE__, #expr, (d)->message))

enum where { ON_SIM, ON_SIM_PREEMPT, ON_EPOLL, ON_URING };

struct on {
    enum where where;
    void (*fn)(void *arg); /* arg: a folder for files */
};

__attribute__((unused)) static inline void run_on(void **state)
{
    const struct on *on = *state;
    if (on->where == ON_SIM || on->where == ON_SIM_PREEMPT) {
        const struct sim_options opt = {
            .seed = 42, .hosts = 1, .workers = 3, .net_delay_min_us = 20, .net_delay_max_us = 200, .disk_min_us = 20,
            .disk_max_us = 100, .sync_min_us = 100, .sync_max_us = 500, .preempt = on->where == ON_SIM_PREEMPT,
        };
        struct sim *s = sim_new(&opt);
        sim_host_start(s, 1, on->fn, (void *)(uintptr_t)"");
        assert_true(sim_run(s, RT_SEC(3600)));
        sim_free(s);
        return;
    }
    char folder[] = "/tmp/rt-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const struct rt_options opt = { .backend = on->where == ON_URING ? RT_URING : RT_EPOLL, .workers = 3, .spin_us = 20 };
    struct diag d;
    const enum err err = rt_run(&opt, on->fn, folder, &d);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    if (err == ERR_FEATURE && on->where == ON_URING)
        skip(); /* the kernel forbids io_uring */
    if (err != ERR_OK)
        print_message("rt_run: %s\n", d.message);
    assert_int_equal(err, ERR_OK);
}

#define ON_ONE(test, on_where) \
    { #test " on " #on_where, run_on, NULL, NULL, &(struct on){ .where = on_where, .fn = test } }
#define ON_ALL(test) ON_ONE(test, ON_SIM), ON_ONE(test, ON_SIM_PREEMPT), ON_ONE(test, ON_EPOLL), ON_ONE(test, ON_URING)

static inline struct fiber *spawn_on(uint32_t worker, const char *name, void (*fn)(void *), void *arg)
{
    const struct rt_spawn_options opt = { .name = name, .worker = worker, .prio = RT_PRIO_NORMAL };
    struct fiber *f = rt_spawn(&opt, fn, arg);
    CHECK(f != NULL);
    return f;
}

#endif
