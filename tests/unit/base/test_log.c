#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

struct seen {
    int lines;
    char last[16384];
};

static void sink(void *arg, enum log_level level, const char *line, size_t len)
{
    struct seen *s = arg;
    s->lines++;
    memcpy(s->last, line, len);
    s->last[len] = '\0';
}

static uint64_t clock_us(void *arg)
{
    return UINT64_C(1700000000123456);
}

static void lines_are_json(void **state)
{
    static struct seen s;
    struct log *l = log_new("n1", LOG_INFO, sink, clock_us, &s);
    log_info(l, "said \"%s\"\n", "hi");
    assert_string_equal(s.last, "{\"time\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"info\",\"node\":\"n1\","
                                "\"message\":\"said \\\"hi\\\"\\n\"}\n");
    log_debug(l, "not wanted");
    assert_int_equal(s.lines, 1);

    struct diag d;
    diag_set(&d, ERR_IO, "bad\1");
    log_diag(l, LOG_ERROR, &d, "writing");
    assert_string_equal(s.last, "{\"time\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"error\",\"node\":\"n1\","
                                "\"message\":\"writing\",\"error\":\"bad\\u0001\",\"code\":\"IO\",\"sqlstate\":\"58030\"}\n");
    log_free(l);
    log_error(NULL, "nobody listens");
}

static void long_lines_stay_whole_json(void **state)
{
    static struct seen s;
    char big[3000];
    memset(big, '\1', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    struct log *l = log_new("n1", LOG_INFO, sink, NULL, &s);
    log_info(l, "%s", big);
    assert_string_equal(s.last + strlen(s.last) - 2, "}\n");
    log_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_json), cmocka_unit_test(long_lines_stay_whole_json) };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
