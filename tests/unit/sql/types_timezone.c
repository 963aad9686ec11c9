#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "sql/types/timezone.h"

static struct arena *arena;
static struct diag d;

static int setup(void **state)
{
    arena = arena_new("test", 0);
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    return 0;
}

/* Two types (+1:00 "AAA", +2:00 DST "BBB"), one transition at 1000000, and a rule for the time after. */
static size_t make_file(uint8_t *p, const char *rule)
{
    uint8_t *q = p;
    for (int block = 0; block < 2; block++) {
        const uint32_t times = block ? 1 : 0;
        memset(q, 0, 44);
        memcpy(q, "TZif2", 5);
        put_u32be(q + 32, times);
        put_u32be(q + 36, 2);
        put_u32be(q + 40, 8);
        q += 44;
        if (times) {
            put_u64be(q, 1000000);
            q[8] = 1;
            q += 9;
        }
        put_u32be(q, 3600);
        q[4] = 0;
        q[5] = 0;
        put_u32be(q + 6, 7200);
        q[10] = 1;
        q[11] = 4;
        memcpy(q + 12, "AAA\0BBB\0", 8);
        q += 20;
    }
    q += sprintf((char *)q, "\n%s\n", rule);
    return (size_t)(q - p);
}

static void transitions_then_the_rule(void **state)
{
    uint8_t file[512];
    const struct timezone *tz;
    const char *name;
    const size_t len = make_file(file, "CCC-3");
    assert_int_equal(timezone_parse(arena, "Test/Zone", file, len, &tz, &d), ERR_OK);
    assert_string_equal(timezone_name(tz), "Test/Zone");
    assert_int_equal(timezone_offset_at(tz, -5, &name), 3600);
    assert_string_equal(name, "AAA");
    assert_int_equal(timezone_offset_at(tz, 999999, NULL), 3600);
    assert_int_equal(timezone_offset_at(tz, 1000000, &name), 3 * 3600); /* after the last transition the rule holds */
    assert_string_equal(name, "CCC");
}

static void damaged_files_are_refused(void **state)
{
    uint8_t file[512], copy[512];
    const struct timezone *tz;
    const size_t len = make_file(file, "CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(timezone_parse(arena, "z", file, len, &tz, &d), ERR_OK);
    for (size_t n = 0; n < len - 29; n++) /* cut within the blocks */
        assert_int_not_equal(timezone_parse(arena, "z", file, n, &tz, &d), ERR_OK);
    uint64_t seed = 1;
    for (int i = 0; i < 5000; i++) { /* whatever the bytes: no crash, and offsets in bounds */
        memcpy(copy, file, len);
        for (int k = 0; k < 3; k++) {
            seed = hash_u64(seed + 1);
            copy[seed % len] = (uint8_t)(seed >> 32);
        }
        if (timezone_parse(arena, "z", copy, len, &tz, &d) == ERR_OK) {
            const int32_t at = timezone_offset_at(tz, 2000000000, NULL);
            assert_true(at >= -26 * 3600 && at <= 26 * 3600);
        }
        arena_reset(arena);
    }
}

static void rules_move_the_clock(void **state)
{
    const struct timezone *tz;
    const char *name;
    assert_int_equal(timezone_posix(arena, "CET", "CET-1CEST,M3.5.0,M10.5.0/3", &tz, &d), ERR_OK);
    assert_int_equal(timezone_offset_at(tz, 1585443599, &name), 3600); /* 2020-03-29 00:59:59 UTC */
    assert_string_equal(name, "CET");
    assert_int_equal(timezone_offset_at(tz, 1585443600, &name), 7200);
    assert_string_equal(name, "CEST");
    assert_int_equal(timezone_offset_of_local(tz, 1585443600 + 3600 + 1800), 3600); /* 02:30, skipped */
    assert_int_equal(timezone_offset_of_local(tz, 1603587600 + 3600 + 1800), 3600); /* 2020-10-25 02:30, twice */
    /* southern half: summer spans the new year */
    assert_int_equal(timezone_posix(arena, "X", "AEST-10AEDT,M10.1.0,M4.1.0/3", &tz, &d), ERR_OK);
    assert_int_equal(timezone_offset_at(tz, 1577836800, NULL), 11 * 3600); /* 2020-01-01 */
    assert_int_equal(timezone_offset_at(tz, 1593561600, NULL), 10 * 3600); /* 2020-07-01 */
    assert_int_equal(timezone_posix(arena, "X", "<+0530>-5:30", &tz, &d), ERR_OK);
    assert_int_equal(timezone_offset_at(tz, 0, NULL), 19800);
    assert_int_not_equal(timezone_posix(arena, "X", "CET-1CEST,M13.5.0,M10.5.0", &tz, &d), ERR_OK);
    assert_int_not_equal(timezone_posix(arena, "X", "nonsense", &tz, &d), ERR_OK);
}

/* The system's files, where there are any. */
static void real_zones(void **state)
{
    static const struct {
        const char *name;
        int64_t at;
        int32_t secs_east;
        const char *abbreviation;
    } cases[] = {
        { "Europe/Berlin", 1593561600, 7200, "CEST" },  { "Europe/Berlin", 1577836800, 3600, "CET" },
        { "Europe/Berlin", -1690000000, 7200, "CEST" }, { "America/New_York", 1593561600, -14400, "EDT" },
        { "America/New_York", 4102444800, -18000, "EST" }, { "Asia/Kolkata", 1593561600, 19800, "IST" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[128];
        uint8_t bytes[8192];
        const struct timezone *tz;
        const char *name;
        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", cases[i].name);
        FILE *f = fopen(path, "rb");
        if (!f)
            skip();
        const size_t len = fread(bytes, 1, sizeof(bytes), f);
        fclose(f);
        assert_int_equal(timezone_parse(arena, cases[i].name, bytes, len, &tz, &d), ERR_OK);
        assert_int_equal(timezone_offset_at(tz, cases[i].at, &name), cases[i].secs_east);
        assert_string_equal(name, cases[i].abbreviation);
    }
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(transitions_then_the_rule), T(damaged_files_are_refused), T(rules_move_the_clock), T(real_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
