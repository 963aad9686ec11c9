#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#include "pgwire/message.h"

static struct diag d;

static void bind_is_taken_apart(void **state)
{
    struct arena *a = arena_new("test", 0);
    static const uint8_t body[] = "p\0s\0"
                                  "\0\2\0\1\0\0" /* formats: binary, text */
                                  "\0\3" /* parameters */
                                  "\0\0\0\4\0\0\0\7"
                                  "\377\377\377\377"
                                  "\0\0\0\0"
                                  "\0\1\0\1"; /* results: binary */
    struct msg_bind b;
    assert_int_equal(msg_read_bind(body, sizeof body - 1, a, &b, &d), ERR_PROTOCOL); /* two formats, three parameters */
    uint8_t fixed[64];
    memcpy(fixed, body, sizeof body);
    fixed[5] = 1; /* one format for all */
    memmove(fixed + 8, fixed + 10, sizeof body - 10);
    assert_int_equal(msg_read_bind(fixed, sizeof body - 3, a, &b, &d), ERR_OK);
    assert_string_equal(b.portal, "p");
    assert_string_equal(b.stmt, "s");
    assert_int_equal(b.nparams, 3);
    assert_int_equal(b.params[0].len, 4);
    assert_int_equal(b.params[0].format, 1);
    assert_int_equal(b.params[1].len, -1);
    assert_int_equal(b.params[2].len, 0);
    assert_int_equal(b.nresult_formats, 1);
    arena_free(a);
}

static void what_is_cut_short_is_refused(void **state)
{
    static const uint8_t body[] = "p\0s\0\0\0\0\1\0\0\0\4\0\0\0\7\0\0";
    for (size_t len = 0; len < sizeof body - 1; len++) {
        struct arena *a = arena_new("test", 0);
        uint8_t *copy = malloc(len + 1); /* so that the sanitizer sees a read past the end */
        memcpy(copy, body, len);
        struct msg_bind b;
        uint8_t *exact = realloc(copy, len ? len : 1);
        assert_int_equal(msg_read_bind(exact, len, a, &b, &d), ERR_PROTOCOL);
        free(exact);
        arena_free(a);
    }
}

static void startup_options_become_settings(void **state)
{
    static const uint8_t body[] = "user\0u\0options\0-c geqo=off --search-path=a\\ b\0application_name\0x\0\0";
    struct arena *a = arena_new("test", 0);
    struct msg_startup s;
    assert_int_equal(msg_read_startup(body, sizeof body - 1, a, &s, &d), ERR_OK);
    assert_string_equal(s.user, "u");
    assert_string_equal(s.database, "u");
    assert_int_equal(s.nsettings, 3);
    assert_string_equal(s.settings[0], "application_name");
    assert_string_equal(s.settings[2], "geqo");
    assert_string_equal(s.settings[3], "off");
    assert_string_equal(s.settings[4], "search_path");
    assert_string_equal(s.settings[5], "a b");
    static const uint8_t nobody[] = "database\0x\0\0", unterminated[] = "user\0u\0", replication[] = "user\0u\0replication\0on\0\0";
    assert_int_equal(msg_read_startup(nobody, sizeof nobody - 1, a, &s, &d), ERR_AUTHORIZATION);
    assert_int_equal(msg_read_startup(unterminated, sizeof unterminated - 1, a, &s, &d), ERR_PROTOCOL);
    assert_int_equal(msg_read_startup(replication, sizeof replication - 1, a, &s, &d), ERR_FEATURE);
    arena_free(a);
}

static void an_error_has_its_fields(void **state)
{
    struct buf b;
    buf_init(&b);
    diag_set(&d, ERR_UNIQUE, "duplicate");
    diag_detail(&d, "Key (a)=(1)");
    diag_at(&d, 12);
    msg_put_diag(&b, 'E', "ERROR", &d);
    static const char want[] = "SERROR\0VERROR\0C23505\0Mduplicate\0DKey (a)=(1)\0P12\0";
    assert_int_equal(b.p[0], 'E');
    assert_int_equal(get_u32be(b.p + 1), b.len - 1);
    assert_int_equal(b.len, 5 + sizeof want - 1 + 1);
    assert_memory_equal(b.p + 5, want, sizeof want - 1);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bind_is_taken_apart),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(startup_options_become_settings),
        cmocka_unit_test(an_error_has_its_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
