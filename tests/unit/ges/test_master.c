/*
 * A resource at its master, as transcripts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "ges/core/deadlock.h"
#include "ges/core/master.h"

static enum ges_mode mode_named(const char *s)
{
    for (unsigned m = 0; m < GES_MODE_COUNT; m++) {
        if (strcmp(ges_mode_name(m), s) == 0)
            return m;
    }
    fail_msg("mode %s", s);
    return GES_MODE_NL;
}

static void play(const char *const *lines, unsigned n)
{
    struct gm_res r;
    gm_init(&r);
    for (unsigned i = 0; i < n; i++) {
        char verb[16], mode[8] = "NL", want[8] = "NL", said[256] = "";
        unsigned node = 0, no = 0;
        const char *expect = strstr(lines[i], " -> ") + 4;
        struct gm_event ev = { 0 };
        if (sscanf(lines[i], "%15s", verb) != 1)
            fail();
        if (strcmp(verb, "request") == 0) {
            assert_int_equal(sscanf(lines[i], "request %u %7s", &node, mode), 2);
            ev.kind = GM_REQUEST;
        } else if (strcmp(verb, "cancel") == 0) {
            assert_int_equal(sscanf(lines[i], "cancel %u", &node), 1);
            ev.kind = GM_CANCEL;
        } else if (strcmp(verb, "release") == 0) {
            assert_int_equal(sscanf(lines[i], "release %u to %7s #%u", &node, mode, &no), 3);
            ev.kind = GM_RELEASE;
        } else if (strcmp(verb, "declare") == 0) {
            assert_int_equal(sscanf(lines[i], "declare %u %7s #%u wants %7s", &node, mode, &no, want), 4);
            ev.kind = GM_DECLARE;
        } else {
            ev.kind = GM_OPEN;
        }
        ev.node = (node_no)node;
        ev.mode = mode_named(mode);
        ev.want = mode_named(want);
        ev.grant_no = no;
        struct gm_output out;
        gm_step(&r, &ev, &out);
        for (unsigned k = 0; k < out.n; k++)
            snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s %u %s #%u", k > 0 ? ", " : "",
                     out.m[k].kind == GM_GRANT ? "grant" : "bast", out.m[k].node, ges_mode_name(out.m[k].mode), (unsigned)out.m[k].grant_no);
        if (out.n == 0)
            snprintf(said, sizeof(said), out.nonsense ? "nonsense" : "-");
        if (strcmp(said, expect) != 0)
            fail_msg("line %u: %s\n    but it said: %s", i + 1, lines[i], said);
    }
    gm_fini(&r);
}
#define PLAY(...) play((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void grants_and_basts(void **state)
{
    PLAY("request 1 EX -> grant 1 EX #1",
         "request 2 PR -> bast 1 PR #1",
         "request 3 PR -> -", /* node 1 knows */
         "release 1 to CR #1 -> grant 2 PR #1, grant 3 PR #1",
         "request 1 EX -> bast 2 EX #1, bast 3 EX #1",
         "release 2 to NL #1 -> -",
         "request 2 PR -> -", /* behind node 1 */
         "release 3 to NL #1 -> grant 1 EX #2, bast 1 PR #2",
         "release 1 to NL #2 -> grant 2 PR #1");
}

static void a_stale_release_is_ignored(void **state)
{
    /* R14: node 1's release crossed its next grant. */
    PLAY("request 1 PR -> grant 1 PR #1",
         "request 1 EX -> grant 1 EX #2",
         "release 1 to NL #1 -> -",
         "request 2 PR -> bast 1 PR #2",
         "release 1 to NL #2 -> grant 2 PR #1");
}

static void cancelled_requests_let_others_pass(void **state)
{
    PLAY("request 1 PR -> grant 1 PR #1",
         "request 2 EX -> bast 1 EX #1",
         "request 3 PR -> -",
         "cancel 2 -> grant 3 PR #1, bast 1 NL #1", /* node 1 may go on as before */
         "cancel 7 -> -");
}

static void a_new_master_hears_all_then_opens(void **state)
{
    PLAY("declare 1 PR #1 wants NL -> -",
         "declare 3 PR #1 wants EX -> -",
         "declare 2 NL #1 wants PR -> -",
         "open 0 -> bast 1 EX #1",
         "release 1 to NL #1 -> grant 3 EX #2, bast 3 PR #2",
         "release 3 to NL #2 -> grant 2 PR #2");
}

static void nonsense_changes_nothing(void **state)
{
    PLAY("declare 1 PR #1 wants NL -> -",
         "declare 2 EX #1 wants NL -> nonsense", /* two nodes cannot hold that */
         "declare 3 PR #1 wants NL -> -",
         "release 3 to EX #1 -> nonsense", /* a release lowers */
         "release 3 to CW #1 -> nonsense",
         "request 2 EX -> bast 1 EX #1, bast 3 EX #1",
         "release 2 to EX #0 -> -", /* it holds nothing */
         "release 3 to NL #1 -> -",
         "release 1 to NL #1 -> grant 2 EX #1");
}

/* ---- cycles ------------------------------------------------------------------------------------- */

static void cycles_are_found(void **state)
{
    const struct dl_vertex v[] = { { 10, 1, 100 }, { 11, 1, 101 }, { 12, 1, 102 }, { 13, 1, 103 }, { 14, 1, 104 }, { 15, 1, 105 } };
    uint32_t victims[6], component[6];
    const struct dl_edge chain[] = { { 0, 1 }, { 1, 2 }, { 2, 3 } };
    assert_int_equal(dl_victims(v, 6, chain, 3, victims, component), 0);
    const struct dl_edge two[] = { { 0, 1 }, { 1, 0 }, { 2, 3 }, { 3, 4 }, { 4, 2 }, { 4, 1 }, { 5, 2 } };
    assert_int_equal(dl_victims(v, 6, two, 7, victims, component), 2);
    assert_true((victims[0] == 1 && victims[1] == 4) || (victims[0] == 4 && victims[1] == 1)); /* the youngest of each */
    assert_int_equal(component[2], component[4]);
    assert_int_not_equal(component[5], component[2]);
    /* 2 is the youngest, but only queues in front of 1. */
    const struct dl_edge queue[] = { { 0, 1, false }, { 1, 2, true }, { 2, 0, false } };
    assert_int_equal(dl_victims(v, 6, queue, 3, victims, component), 1);
    assert_int_equal(victims[0], 1);
    const struct dl_edge self[] = { { 3, 3 } };
    assert_int_equal(dl_victims(v, 6, self, 1, victims, component), 1);
    assert_int_equal(victims[0], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_and_basts),
        cmocka_unit_test(a_stale_release_is_ignored),
        cmocka_unit_test(cancelled_requests_let_others_pass),
        cmocka_unit_test(a_new_master_hears_all_then_opens),
        cmocka_unit_test(nonsense_changes_nothing),
        cmocka_unit_test(cycles_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
