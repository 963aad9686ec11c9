#include "base/base.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* Run with RUSTYDB_MUTATE=R7,R14. */
static void switches_follow_the_environment(void **state)
{
    assert_true(MUTATED("R7"));
    assert_true(MUTATED("R14"));
    assert_false(MUTATED("R2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(switches_follow_the_environment) };
    return cmocka_run_group_tests_name("base/mutate", tests, NULL, NULL);
}
