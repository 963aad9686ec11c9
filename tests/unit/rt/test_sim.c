/*
 * The simulation: same seed, same run; killed hosts, power loss, partitions,
 * pauses, injected failures.
 */
#include "rt/sim.h"

#include "on_backends.h"

#include <signal.h>
#include <sys/wait.h>

static struct sim_options options(uint64_t seed)
{
    return (struct sim_options){
        .seed = seed, .hosts = 3, .workers = 2, .net_delay_min_us = 50, .net_delay_max_us = 500, .disk_min_us = 50,
        .disk_max_us = 300, .sync_min_us = 200, .sync_max_us = 800,
    };
}

static void simulate(const struct sim_options *opt, void (*fn)(void *), void *arg)
{
    struct sim *s = sim_new(opt);
    sim_spawn_test(s, fn, arg);
    assert_true(sim_run(s, RT_SEC(10000)));
    sim_free(s);
}

/* ---- an echo service -------------------------------------------------------------- */

static void echo_conn(void *arg)
{
    struct rt_conn *c = arg;
    struct diag d;
    char p[100];
    size_t got = 0;
    while (rt_recv(c, p, sizeof(p), RT_FOREVER, &got, &d) == ERR_OK && got > 0)
        if (rt_send(c, p, got, &d) != ERR_OK)
            break;
    rt_conn_close(c);
}

static void echo_server(void *arg)
{
    struct diag d;
    struct rt_listener *l = NULL;
    struct rt_conn *c = NULL;
    CHECK_OK(rt_listen("0.0.0.0:7000", &l, &d), &d);
    const int conns = *(const int *)arg;
    for (int i = 0; i < conns; i++) {
        CHECK_OK(rt_accept(l, &c, &d), &d);
        rt_detach(spawn_on(RT_WORKER_ANY, "echo", echo_conn, c));
    }
    rt_listener_close(l);
    rt_listener_free(l);
}

/* ---- determinism --------------------------------------------------------------------- */

static void busy_client(void *arg)
{
    struct diag d;
    struct rt_conn *c = NULL;
    struct rt_file *f = NULL;
    char path[32], p[64];
    while (rt_connect("10.0.0.1:7000", rt_now() + RT_SEC(1), &c, &d) != ERR_OK)
        rt_sleep(RT_MS(1));
    snprintf(path, sizeof(path), "/f%u", sim_host());
    CHECK_OK(rt_open(path, RT_OPEN_WRITE | RT_OPEN_CREATE, &f, &d), &d);
    for (uint64_t i = 0; i < 50; i++) {
        const uint64_t x = rt_random();
        if (rt_send(c, &x, sizeof(x), &d) != ERR_OK || rt_recv_full(c, p, sizeof(x), RT_FOREVER, &d) != ERR_OK)
            break;
        CHECK(memcmp(p, &x, sizeof(x)) == 0);
        CHECK_OK(rt_pwrite(f, p, sizeof(x), i * sizeof(x), &d), &d);
        if (x % 4 == 0)
            CHECK_OK(rt_fdatasync(f, &d), &d);
        rt_sleep(x % RT_US(300));
    }
    rt_close(f);
    rt_conn_close(c);
}

static uint64_t hash_of_run(uint64_t seed, bool preempt, uint64_t *ret_steps)
{
    struct sim_options opt = options(seed);
    opt.preempt = preempt;
    opt.net_break_per_s = 5;
    struct sim *s = sim_new(&opt);
    int conns = 2;
    sim_host_start(s, 1, echo_server, &conns);
    sim_host_start(s, 2, busy_client, NULL);
    sim_host_start(s, 3, busy_client, NULL);
    assert_true(sim_run(s, RT_SEC(100)));
    const uint64_t hash = sim_trace_hash(s);
    *ret_steps = sim_steps(s);
    sim_free(s);
    return hash;
}

static void equal_seeds_give_equal_runs(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (int preempt = 0; preempt < 2; preempt++) {
            uint64_t steps[3];
            const uint64_t first = hash_of_run(seed, preempt, &steps[0]);
            free(malloc((size_t)(seed * 1000))); /* pointer values decide nothing */
            assert_int_equal(hash_of_run(seed, preempt, &steps[1]), first);
            assert_int_equal(steps[1], steps[0]);
            assert_int_not_equal(hash_of_run(seed + 1000, preempt, &steps[2]), first);
        }
}

/* ---- polling ends: the clock advances -------------------------------------------------- */

static void wait_for_the_clock(void *arg)
{
    const uint64_t until = rt_now() + RT_MS(5);
    while (rt_now() < until)
        continue;
    uint64_t yields = 0;
    for (const uint64_t end = rt_now() + RT_MS(5); rt_now() < end; yields++)
        rt_yield();
    CHECK(yields > 100);
}

static void polling_loops_end(void **state)
{
    const struct sim_options opt = options(1);
    simulate(&opt, wait_for_the_clock, NULL);
}

static void sleep_long(void *arg)
{
    rt_sleep(RT_SEC(50));
}

static void an_overrun_is_reported(void **state)
{
    const struct sim_options opt = options(1);
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, sleep_long, NULL);
    assert_false(sim_run(s, RT_SEC(10)));
    assert_false(sim_host_idle(s, 1));
    assert_true(sim_run(s, RT_SEC(100)));
    assert_true(sim_host_idle(s, 1));
    sim_free(s);
}

static void overrun_is_dropped(void **state)
{
    const struct sim_options opt = options(1);
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, sleep_long, NULL);
    assert_false(sim_run(s, RT_SEC(10)));
    sim_free(s); /* with a fiber still there */
}

/* ---- power loss -------------------------------------------------------------------------- */

enum { PIECE = 4096, PIECES = 64 };

static void writer(void *arg)
{
    struct diag d;
    struct rt_file *f = NULL;
    uint8_t *p = rt_alloc_aligned(PIECE);
    CHECK_OK(rt_open("/data", RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_DIRECT, &f, &d), &d);
    memset(p, 'a', PIECE);
    for (uint64_t i = 0; i < PIECES; i++)
        CHECK_OK(rt_pwrite(f, p, PIECE, i * PIECE, &d), &d);
    CHECK_OK(rt_fdatasync(f, &d), &d);
    memset(p, 'b', PIECE);
    for (uint64_t i = 0; i < PIECES; i++)
        CHECK_OK(rt_pwrite(f, p, PIECE, i * PIECE, &d), &d);
    *(bool *)arg = true;
    rt_sleep(RT_SEC(1000));
}

struct seen {
    int kept, lost, torn;
};

static void count_fates(struct rt_file *f, struct seen *seen)
{
    struct diag d;
    uint8_t p[PIECE];
    for (uint64_t i = 0; i < PIECES; i++) {
        CHECK_OK(rt_pread(f, p, PIECE, i * PIECE, NULL, &d), &d);
        int news = 0;
        for (int s = 0; s < PIECE / 512; s++) {
            for (int b = 0; b < 512; b++)
                CHECK(p[s * 512 + b] == p[s * 512]); /* torn only between sectors */
            CHECK(p[s * 512] == 'a' || p[s * 512] == 'b');
            news += p[s * 512] == 'b';
        }
        seen->kept += news == PIECE / 512;
        seen->lost += news == 0;
        seen->torn += news > 0 && news < PIECE / 512;
    }
}

static void power_loss_scenario(void *arg)
{
    struct sim *s = sim_self();
    struct diag d;
    bool written = false;
    struct rt_file *f = NULL;
    sim_host_start(s, 1, writer, &written);
    while (!written)
        rt_sleep(RT_MS(1));
    CHECK_OK(rt_open("/data", RT_OPEN_READ, &f, &d), &d);
    struct seen seen = { 0 };
    count_fates(f, &seen);
    CHECK(seen.kept == PIECES); /* everybody reads what was written */

    sim_power_loss(s);
    CHECK(sim_host_idle(s, 1));
    seen = (struct seen){ 0 };
    count_fates(f, &seen);
    CHECK(seen.kept > 0);
    CHECK(seen.lost > 0);
    CHECK(seen.torn > 0);

    sim_power_loss(s); /* what has survived is durable */
    struct seen again = { 0 };
    count_fates(f, &again);
    CHECK(memcmp(&seen, &again, sizeof(seen)) == 0);
    rt_close(f);
}

static void power_loss_keeps_loses_and_tears(void **state)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        const struct sim_options opt = options(seed);
        simulate(&opt, power_loss_scenario, NULL);
    }
}

static void synced_writer(void *arg)
{
    struct diag d;
    struct rt_file *f = NULL;
    uint64_t *durable = arg;
    CHECK_OK(rt_open("/log", RT_OPEN_WRITE | RT_OPEN_CREATE, &f, &d), &d);
    for (uint64_t i = 0;; i++) {
        CHECK_OK(rt_pwrite(f, &i, sizeof(i), i * sizeof(i), &d), &d);
        if (i % 8 == 7) {
            CHECK_OK(rt_fdatasync(f, &d), &d);
            *durable = i + 1;
        }
    }
}

static void synced_scenario(void *arg)
{
    struct sim *s = sim_self();
    struct diag d;
    uint64_t durable = 0;
    struct rt_file *f = NULL;
    sim_host_start(s, 1, synced_writer, &durable);
    rt_sleep(RT_MS(20 + rt_random() % 20));
    sim_power_loss(s);
    CHECK(durable > 0);
    CHECK_OK(rt_open("/log", RT_OPEN_READ, &f, &d), &d);
    for (uint64_t i = 0; i < durable; i++) {
        uint64_t x = 0;
        CHECK_OK(rt_pread(f, &x, sizeof(x), i * sizeof(x), NULL, &d), &d);
        CHECK(x == i);
    }
    rt_close(f);
}

static void what_was_synced_survives(void **state)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        const struct sim_options opt = options(seed);
        simulate(&opt, synced_scenario, NULL);
    }
}

/* ---- names ------------------------------------------------------------------------------------ */

static bool exists(const char *path)
{
    struct diag d;
    struct rt_file *f = NULL;
    const enum err err = rt_open(path, RT_OPEN_READ, &f, &d);
    CHECK(err == ERR_OK || err == ERR_UNDEFINED_FILE);
    if (err == ERR_OK)
        rt_close(f);
    return err == ERR_OK;
}

static void create(const char *path)
{
    struct diag d;
    struct rt_file *f = NULL;
    CHECK_OK(rt_open(path, RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_EXCL, &f, &d), &d);
    CHECK_OK(rt_pwrite(f, path, strlen(path), 0, &d), &d);
    rt_close(f);
}

static void names_scenario(void *arg)
{
    int *fates = arg;
    struct diag d;
    CHECK_OK(rt_mkdir("/dir", &d), &d);
    create("/dir/synced");
    create("/dir/removed");
    CHECK_OK(rt_sync_dir("/dir/", &d), &d);
    create("/dir/new");
    CHECK_OK(rt_rename("/dir/synced", "/dir/renamed", &d), &d);
    CHECK_OK(rt_unlink("/dir/removed", &d), &d);
    CHECK(!exists("/dir/removed"));
    sim_power_loss(sim_self());
    CHECK(exists("/dir/renamed"));
    CHECK(!exists("/dir/synced"));
    fates[exists("/dir/new") ? 1 : 0]++;
    fates[exists("/dir/removed") ? 3 : 2]++;
}

static void names_last_once_the_folder_is_synced(void **state)
{
    int fates[4] = { 0 };
    for (uint64_t seed = 1; seed < 30; seed++) {
        const struct sim_options opt = options(seed);
        simulate(&opt, names_scenario, fates);
    }
    for (int i = 0; i < 4; i++)
        assert_true(fates[i] > 0);
}

/* ---- kill ------------------------------------------------------------------------------------------ */

static void lock_and_serve(void *arg)
{
    struct diag d;
    struct rt_file *f = NULL;
    bool locked = false;
    CHECK_OK(rt_open("/lock", RT_OPEN_WRITE | RT_OPEN_CREATE, &f, &d), &d);
    CHECK_OK(rt_file_lock(f, 7, &locked, &d), &d);
    CHECK(locked);
    int conns = 100;
    echo_server(&conns);
}

static void kill_scenario(void *arg)
{
    struct sim *s = sim_self();
    struct diag d;
    struct rt_conn *c = NULL;
    struct rt_file *f = NULL;
    char p[8];
    size_t got = 1;
    bool locked = true;
    for (int round = 0; round < 5; round++) {
        sim_host_start(s, 2, lock_and_serve, NULL);
        while (rt_connect("10.0.0.2:7000", rt_now() + RT_SEC(1), &c, &d) != ERR_OK)
            rt_sleep(RT_MS(1));
        CHECK_OK(rt_send(c, "hello", 5, &d), &d);
        CHECK_OK(rt_recv_full(c, p, 5, RT_FOREVER, &d), &d);
        CHECK_OK(rt_open("/lock", RT_OPEN_WRITE, &f, &d), &d);
        CHECK_OK(rt_file_lock(f, 7, &locked, &d), &d);
        CHECK(!locked);
        CHECK_OK(rt_file_lock(f, 8, &locked, &d), &d);
        CHECK(locked);

        sim_kill_host(s, 2);
        CHECK(sim_host_idle(s, 2));
        const enum err err = rt_recv(c, p, sizeof(p), rt_now() + RT_SEC(1), &got, &d);
        CHECK(err == ERR_CONNECTION_FAILURE || (err == ERR_OK && got == 0));
        rt_conn_close(c);
        CHECK(rt_connect("10.0.0.2:7000", RT_FOREVER, &c, &d) == ERR_CONNECTION);
        CHECK_OK(rt_file_lock(f, 7, &locked, &d), &d);
        CHECK(locked);
        rt_close(f);
    }
}

static void a_killed_host_lets_go_of_everything(void **state)
{
    for (uint64_t seed = 1; seed < 10; seed++) {
        struct sim_options opt = options(seed);
        opt.preempt = seed % 2 == 0;
        simulate(&opt, kill_scenario, NULL);
    }
}

static void wait_everywhere(void *arg)
{
    static struct rt_mutex m;
    static struct rt_cond c;
    rt_mutex_lock(&m);
    (void)rt_cond_wait(&c, &m, rt_random() % 2 ? RT_FOREVER : rt_now() + RT_SEC(100), false);
}

static void kill_waiters(void *arg)
{
    for (int round = 0; round < 10; round++) {
        sim_host_start(sim_self(), 1, wait_everywhere, NULL);
        sim_host_start(sim_self(), 1, synced_writer, &(uint64_t){ 0 });
        rt_sleep(RT_US(rt_random() % 3000));
        sim_kill_host(sim_self(), 1);
    }
}

static void fibers_vanish_wherever_they_wait(void **state)
{
    for (uint64_t seed = 1; seed < 10; seed++) {
        const struct sim_options opt = options(seed);
        simulate(&opt, kill_waiters, NULL);
    }
}

/* ---- partitions, pauses, breaks ------------------------------------------------------------------------ */

static void partition_scenario(void *arg)
{
    struct sim *s = sim_self();
    struct diag d;
    struct rt_conn *c = NULL;
    char p[8];
    size_t got = 0;
    int conns = 2;
    sim_host_start(s, 1, echo_server, &conns);
    rt_sleep(RT_MS(1));
    CHECK_OK(rt_connect("10.0.0.1:7000", RT_FOREVER, &c, &d), &d);

    sim_partition(s, 0, 1, true);
    CHECK_OK(rt_send(c, "abc", 3, &d), &d);
    CHECK(rt_recv(c, p, sizeof(p), rt_now() + RT_SEC(5), &got, &d) == ERR_TIMED_OUT);
    struct rt_conn *other = NULL;
    CHECK(rt_connect("10.0.0.1:7000", rt_now() + RT_SEC(1), &other, &d) == ERR_TIMED_OUT);
    sim_partition(s, 0, 1, false);
    CHECK_OK(rt_recv_full(c, p, 3, rt_now() + RT_SEC(1), &d), &d);
    CHECK(memcmp(p, "abc", 3) == 0);

    sim_pause_host(s, 1, true);
    CHECK_OK(rt_send(c, "xyz", 3, &d), &d);
    CHECK(rt_recv(c, p, sizeof(p), rt_now() + RT_SEC(5), &got, &d) == ERR_TIMED_OUT);
    sim_pause_host(s, 1, false);
    CHECK_OK(rt_recv_full(c, p, 3, rt_now() + RT_SEC(1), &d), &d);
    CHECK(memcmp(p, "xyz", 3) == 0);

    sim_break_connections(s, 1, 0);
    CHECK(rt_recv(c, p, sizeof(p), RT_FOREVER, &got, &d) == ERR_CONNECTION_FAILURE);
    CHECK(rt_send(c, p, 1, &d) == ERR_CONNECTION_FAILURE);
    rt_conn_close(c);
    CHECK_OK(rt_connect("10.0.0.1:7000", RT_FOREVER, &c, &d), &d);
    sim_set_net_break(s, 100);
    CHECK(rt_recv(c, p, sizeof(p), RT_FOREVER, &got, &d) == ERR_CONNECTION_FAILURE);
    rt_conn_close(c);
}

static void data_waits_for_partitions_and_pauses(void **state)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        const struct sim_options opt = options(seed);
        simulate(&opt, partition_scenario, NULL);
    }
}

static void tick(void *arg)
{
    uint64_t *ticks = arg;
    for (;; ++*ticks)
        rt_sleep(RT_MS(1));
}

static void pause_scenario(void *arg)
{
    uint64_t ticks = 0;
    sim_host_start(sim_self(), 1, tick, &ticks);
    rt_sleep(RT_MS(100));
    sim_pause_host(sim_self(), 1, true);
    const uint64_t before = ticks;
    rt_sleep(RT_MS(100));
    CHECK(ticks == before);
    sim_pause_host(sim_self(), 1, false);
    rt_sleep(RT_MS(100));
    CHECK(ticks > before + 50);
    sim_pause_host(sim_self(), 1, true);
    rt_sleep(RT_MS(100));
    sim_kill_host(sim_self(), 1); /* a paused host dies as well */
}

static void a_paused_host_does_nothing(void **state)
{
    const struct sim_options opt = options(3);
    simulate(&opt, pause_scenario, NULL);
}

/* ---- clocks --------------------------------------------------------------------------------- */

static void measure_second(void *arg)
{
    uint64_t *took = arg;
    const uint64_t start = sim_time_ns(sim_self()), shown = rt_now();
    rt_sleep(RT_SEC(1));
    CHECK(rt_now() >= shown + RT_SEC(1));
    *took = sim_time_ns(sim_self()) - start;
}

static void drift_scenario(void *arg)
{
    struct sim *s = sim_self();
    uint64_t took[4];
    sim_set_clock(s, 2, 100000, RT_SEC(1000)); /* a tenth faster, and another start */
    sim_set_clock(s, 3, -100000, 0);
    for (uint32_t h = 1; h <= 3; h++)
        sim_host_start(s, h, measure_second, &took[h]);
    rt_sleep(RT_SEC(2));
    CHECK(took[1] >= RT_SEC(1) && took[1] < RT_MS(1001));
    CHECK(took[2] > RT_MS(909) && took[2] < RT_MS(910));
    CHECK(took[3] > RT_MS(1111) && took[3] < RT_MS(1112));
}

static void clocks_drift(void **state)
{
    const struct sim_options opt = options(3);
    simulate(&opt, drift_scenario, NULL);
}

/* ---- deadlock --------------------------------------------------------------------------------- */

static void wait_for_ever(void *arg)
{
    struct rt_future f = { 0 };
    (void)rt_future_wait(&f, RT_FOREVER, false, NULL);
}

static void forgotten(void *arg)
{
    rt_join(spawn_on(1, "forgotten fiber", wait_for_ever, NULL));
}

static void a_standstill_names_the_parked_fibers(void **state)
{
    int fds[2];
    char text[4000];
    size_t len = 0;
    assert_int_equal(pipe(fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        const struct sim_options opt = options(3);
        signal(SIGABRT, SIG_DFL);
        simulate(&opt, forgotten, NULL);
        _exit(0);
    }
    close(fds[1]);
    for (ssize_t n; len < sizeof(text) - 1 && (n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    assert_non_null(strstr(text, "\"forgotten fiber\" waits for: future"));
    assert_non_null(strstr(text, "\"test\" waits for: end of a fiber (join)"));
}

/* ---- injected failures -------------------------------------------------------------------------------------- */

static void failures_scenario(void *arg)
{
    struct sim *s = sim_self();
    struct diag d;
    struct rt_file *f = NULL;
    char p[16];
    CHECK_OK(rt_open("/some/file", RT_OPEN_WRITE | RT_OPEN_CREATE, &f, &d) == ERR_UNDEFINED_FILE ? ERR_OK : ERR_IO, &d);
    CHECK_OK(rt_open("/file", RT_OPEN_WRITE | RT_OPEN_CREATE, &f, &d), &d);
    sim_fail_io(s, 0, "fil", false, 1);
    CHECK(rt_pwrite(f, "abc", 3, 0, &d) == ERR_IO);
    CHECK_OK(rt_pwrite(f, "abc", 3, 0, &d), &d);
    sim_fail_io(s, 0, "fil", true, 2);
    CHECK(rt_fdatasync(f, &d) == ERR_IO);
    CHECK(rt_fdatasync(f, &d) == ERR_IO);
    CHECK_OK(rt_fdatasync(f, &d), &d); /* says so, but what the failed one was to keep is gone after a crash */
    sim_set_disk_limit(s, 1000);
    CHECK(rt_pwrite(f, "abc", 3, 998, &d) == ERR_DISK_FULL);
    CHECK(rt_allocate(f, 0, 1001, &d) == ERR_DISK_FULL);
    CHECK_OK(rt_allocate(f, 0, 1000, &d), &d);
    CHECK(rt_pread(f, p, 16, 990, NULL, &d) == ERR_IO);
    size_t got = 0;
    CHECK_OK(rt_pread(f, p, 16, 990, &got, &d), &d);
    CHECK(got == 10);
    sim_corrupt(s, "/file", 1);
    CHECK_OK(rt_pread(f, p, 3, 0, NULL, &d), &d);
    CHECK(p[0] == 'a' && p[1] != 'b' && p[2] == 'c');
    rt_close(f);
}

static void failures_can_be_injected(void **state)
{
    const struct sim_options opt = options(5);
    simulate(&opt, failures_scenario, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_seeds_give_equal_runs),
        cmocka_unit_test(polling_loops_end),
        cmocka_unit_test(an_overrun_is_reported),
        cmocka_unit_test(overrun_is_dropped),
        cmocka_unit_test(power_loss_keeps_loses_and_tears),
        cmocka_unit_test(what_was_synced_survives),
        cmocka_unit_test(names_last_once_the_folder_is_synced),
        cmocka_unit_test(a_killed_host_lets_go_of_everything),
        cmocka_unit_test(fibers_vanish_wherever_they_wait),
        cmocka_unit_test(data_waits_for_partitions_and_pauses),
        cmocka_unit_test(a_paused_host_does_nothing),
        cmocka_unit_test(clocks_drift),
        cmocka_unit_test(a_standstill_names_the_parked_fibers),
        cmocka_unit_test(failures_can_be_injected),
    };
    return cmocka_run_group_tests_name("rt/sim", tests, NULL, NULL);
}
