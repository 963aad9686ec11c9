#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "interconnect/core/phi.h"

#define MS(n) ((uint64_t)(n) * 1000000u)

static const struct phi_options options = { .window = 100, .expected_ns = MS(100), .deviation_min_ns = MS(50) };

static void regular_heartbeats_raise_no_suspicion(void **state)
{
    struct phi p;
    phi_init(&p, &options, MS(1000));
    uint64_t now = MS(1000);
    for (int i = 0; i < 300; i++) {
        now += MS(100);
        assert_true(phi_value(&p, now) < 1.0);
        phi_heartbeat(&p, now);
    }
    assert_int_equal(p.n, 100);
}

static void silence_is_suspected_soon_and_ever_more(void **state)
{
    struct phi p;
    phi_init(&p, &options, 0);
    for (uint64_t now = MS(100); now <= MS(2000); now += MS(100))
        phi_heartbeat(&p, now);

    assert_true(phi_value(&p, MS(2300)) < 8.0); /* two missed ones: 200 ms over the mean, four deviations */
    assert_true(phi_value(&p, MS(2500)) > 8.0);
    assert_true(phi_value(&p, MS(2500)) < phi_value(&p, MS(2600)));
    assert_true(phi_value(&p, MS(60000)) == PHI_LIMIT);

    phi_heartbeat(&p, MS(2600)); /* it lives after all */
    assert_true(phi_value(&p, MS(2700)) < 1.0);
}

static void a_jittery_peer_gets_more_time(void **state)
{
    struct phi steady, jittery;
    phi_init(&steady, &options, 0);
    phi_init(&jittery, &options, 0);
    uint64_t a = 0, b = 0;
    for (int i = 0; i < 100; i++) {
        phi_heartbeat(&steady, a += MS(100));
        phi_heartbeat(&jittery, b += i % 5 == 0 ? MS(600) : MS(50));
    }
    assert_true(phi_value(&steady, a + MS(700)) > 8.0);
    assert_true(phi_value(&jittery, b + MS(700)) < 8.0);
}

static void ones_own_pause_is_not_the_peers(void **state)
{
    struct phi p;
    phi_init(&p, &options, 0);
    for (uint64_t now = MS(100); now <= MS(2000); now += MS(100))
        phi_heartbeat(&p, now);

    phi_discard(&p, MS(9000)); /* this node slept for seven seconds */
    assert_true(phi_value(&p, MS(9000)) < 1.0);
    assert_int_equal(phi_silent_ns(&p, MS(9050)), MS(50));
    phi_heartbeat(&p, MS(9050));
    assert_true(phi_value(&p, MS(9550)) > 8.0); /* the window did not learn the pause */
}

static void a_burst_after_a_break_is_no_rhythm(void **state)
{
    struct phi p;
    phi_init(&p, &options, 0);
    for (uint64_t now = MS(100); now <= MS(2000); now += MS(100))
        phi_heartbeat(&p, now);
    for (int i = 0; i < 50; i++) /* all that was sent while the connection was down */
        phi_heartbeat(&p, MS(2900));
    assert_true(phi_value(&p, MS(2900) + MS(300)) < 8.0);
}

static void time_that_stands_still_is_harmless(void **state)
{
    struct phi p;
    phi_init(&p, &options, MS(500));
    phi_heartbeat(&p, MS(400));
    phi_heartbeat(&p, MS(500));
    assert_true(phi_value(&p, MS(450)) < 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular_heartbeats_raise_no_suspicion),
        cmocka_unit_test(silence_is_suspected_soon_and_ever_more),
        cmocka_unit_test(a_jittery_peer_gets_more_time),
        cmocka_unit_test(ones_own_pause_is_not_the_peers),
        cmocka_unit_test(a_burst_after_a_break_is_no_rhythm),
        cmocka_unit_test(time_that_stands_still_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
