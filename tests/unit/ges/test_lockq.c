/*
 * Modes and queues: the VMS matrix, conversions first, no jumping (but where a holder would wait for whom it blocks); and random histories
 * against a slow model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "ges/core/lockq.h"

static void matrix(void **state)
{
    static const char *const rows[GES_MODE_COUNT] = { "++++++", "+++++-", "+++---", "++-+--", "++----", "+-----" };
    for (unsigned a = 0; a < GES_MODE_COUNT; a++) {
        for (unsigned b = 0; b < GES_MODE_COUNT; b++) {
            assert_int_equal(ges_compatible(a, b), rows[a][b] == '+');
            const enum ges_mode s = ges_sup(a, b);
            assert_true(ges_covers(s, a) && ges_covers(s, b));
            assert_int_equal(s, ges_sup(b, a));
            for (unsigned m = 0; m < GES_MODE_COUNT; m++) /* the weakest such mode */
                assert_true(!(ges_covers(m, a) && ges_covers(m, b)) || ges_covers(m, s));
        }
    }
}

struct granted {
    struct lq_entry *e[64];
    unsigned n;
};
static void note(void *arg, struct lq_entry *e)
{
    struct granted *g = arg;
    g->e[g->n++] = e;
}

static unsigned run(struct lq *q)
{
    struct granted g = { .n = 0 };
    assert_int_equal(lq_run(q, (struct lq_limits){ .cap = GES_MODE_EX }, note, &g), GES_MODE_NL);
    return g.n;
}

static void conversions_come_first(void **state)
{
    struct lq q;
    struct lq_entry a = { 0 }, b = { 0 }, c = { 0 }, x = { 0 };
    lq_init(&q);
    lq_ask(&q, &a, GES_MODE_PR);
    lq_ask(&q, &b, GES_MODE_PR);
    assert_int_equal(run(&q), 2);
    lq_ask(&q, &x, GES_MODE_EX);
    assert_int_equal(run(&q), 0);
    lq_ask(&q, &c, GES_MODE_PR); /* would be compatible, but may not jump */
    assert_int_equal(run(&q), 0);
    lq_ask(&q, &a, GES_MODE_EX);
    assert_int_equal(run(&q), 0);
    lq_lower(&q, &b, GES_MODE_NL);
    assert_int_equal(run(&q), 1);
    assert_int_equal(a.mode, GES_MODE_EX);
    assert_int_equal(x.where, LQ_WAITING);
    lq_cancel(&q, &x);
    lq_lower(&q, &a, GES_MODE_CR);
    assert_int_equal(run(&q), 1);
    assert_int_equal(c.mode, GES_MODE_PR);
    assert_int_equal(lq_held(&q), GES_MODE_PR);
    lq_remove(&q, &a);
    lq_remove(&q, &c);
    assert_true(lq_empty(&q));
}

static void the_cap_is_reported(void **state)
{
    struct lq q;
    struct lq_entry a = { 0 }, b = { 0 };
    struct granted g = { .n = 0 };
    lq_init(&q);
    lq_ask(&q, &a, GES_MODE_CW);
    assert_int_equal(lq_run(&q, (struct lq_limits){ .cap = GES_MODE_CR }, note, &g), GES_MODE_CW);
    assert_int_equal(lq_run(&q, (struct lq_limits){ .cap = GES_MODE_PW }, note, &g), GES_MODE_NL);
    assert_int_equal(g.n, 1);
    /* Another node wants PR: nothing new that is in its way, but whoever is in may convert. */
    const struct lq_limits held = { .cap = GES_MODE_PW, .hold_new = true, .against = GES_MODE_PR };
    lq_ask(&q, &b, GES_MODE_CW);
    assert_int_equal(lq_run(&q, held, note, &g), GES_MODE_NL);
    assert_int_equal(b.where, LQ_WAITING);
    lq_ask(&q, &a, GES_MODE_PW);
    assert_int_equal(lq_run(&q, held, note, &g), GES_MODE_NL);
    assert_int_equal(a.mode, GES_MODE_PW);
}

/* LOCK TABLE IN SHARE MODE (a), then an UPDATE of its own while b, which has read, wants to update. */
static void a_holder_converts_before_whom_it_blocks(void **state)
{
    struct lq q;
    struct lq_entry a = { 0 }, b = { 0 }, c = { 0 };
    lq_init(&q);
    lq_ask(&q, &a, GES_MODE_PR);
    lq_ask(&q, &b, GES_MODE_CR);
    lq_ask(&q, &c, GES_MODE_CR);
    assert_int_equal(run(&q), 3);
    lq_ask(&q, &b, GES_MODE_CW);
    lq_ask(&q, &c, GES_MODE_PR);
    assert_int_equal(run(&q), 0);
    lq_ask(&q, &a, GES_MODE_PW);
    assert_int_equal(run(&q), 1);
    assert_int_equal(a.mode, GES_MODE_PW);
    lq_lower(&q, &a, GES_MODE_NL);
    assert_int_equal(run(&q), 1);
    assert_int_equal(b.mode, GES_MODE_CW);
    assert_int_equal(c.where, LQ_CONVERTING);
}

/* ---- against a model: lists of numbers, everything looked at each time ---------------------------- */

#define ENTRIES 12u
struct model {
    int mode[ENTRIES], want[ENTRIES]; /* want -1: nothing */
    unsigned conv[ENTRIES], wait[ENTRIES], nconv, nwait;
};

static void take(unsigned *list, unsigned *n, unsigned at)
{
    (*n)--;
    memmove(&list[at], &list[at + 1], (*n - at) * sizeof(list[0]));
}

/* Behind the others, but before the first that cannot be granted while i holds what it holds. */
static void model_convert(struct model *m, unsigned i)
{
    unsigned at = 0;
    while (at < m->nconv && ges_compatible(m->mode[i], m->want[m->conv[at]]))
        at++;
    memmove(&m->conv[at + 1], &m->conv[at], (m->nconv - at) * sizeof(m->conv[0]));
    m->conv[at] = i;
    m->nconv++;
}

static bool model_ok(const struct model *m, unsigned i)
{
    for (unsigned k = 0; k < ENTRIES; k++) {
        if (k != i && m->mode[k] != GES_MODE_NL && !ges_compatible(m->mode[k], m->want[i]))
            return false;
    }
    return true;
}

static void model_run(struct model *m)
{
    while (m->nconv > 0 && model_ok(m, m->conv[0])) {
        m->mode[m->conv[0]] = m->want[m->conv[0]];
        m->want[m->conv[0]] = -1;
        take(m->conv, &m->nconv, 0);
    }
    while (m->nconv == 0 && m->nwait > 0 && model_ok(m, m->wait[0])) {
        m->mode[m->wait[0]] = m->want[m->wait[0]];
        m->want[m->wait[0]] = -1;
        take(m->wait, &m->nwait, 0);
    }
}

static void model_forget(struct model *m, unsigned i)
{
    for (unsigned k = 0; k < m->nconv; k++) {
        if (m->conv[k] == i)
            take(m->conv, &m->nconv, k);
    }
    for (unsigned k = 0; k < m->nwait; k++) {
        if (m->wait[k] == i)
            take(m->wait, &m->nwait, k);
    }
    m->want[i] = -1;
}

static void random_histories(void **state)
{
    uint64_t seed = 7;
    for (unsigned history = 0; history < 300; history++) {
        struct lq q;
        struct lq_entry e[ENTRIES] = { 0 };
        struct model m = { .nconv = 0 };
        lq_init(&q);
        for (unsigned i = 0; i < ENTRIES; i++)
            m.want[i] = -1;
        for (unsigned n = 0; n < 300; n++) {
            seed = hash_u64(seed + 1);
            const unsigned i = (unsigned)(seed % ENTRIES), what = (unsigned)(seed >> 16) % 3, mode = 1 + (unsigned)(seed >> 32) % 5;
            if (what == 0 && m.want[i] < 0) {
                const enum ges_mode want = ges_sup(m.mode[i], mode);
                if (m.mode[i] != GES_MODE_NL)
                    model_convert(&m, i);
                else
                    m.wait[m.nwait++] = i;
                m.want[i] = want;
                lq_ask(&q, &e[i], want);
            } else if (what == 1 && m.want[i] < 0 && m.mode[i] != GES_MODE_NL) {
                const enum ges_mode to = ges_covers(m.mode[i], mode) && seed >> 60 > 3 ? mode : GES_MODE_NL;
                m.mode[i] = to;
                lq_lower(&q, &e[i], to);
            } else if (what == 2 && m.want[i] >= 0) {
                model_forget(&m, i);
                lq_cancel(&q, &e[i]);
            }
            model_run(&m);
            (void)run(&q);
            for (unsigned k = 0; k < ENTRIES; k++) {
                assert_int_equal(e[k].mode, m.mode[k]);
                assert_int_equal(e[k].where == LQ_CONVERTING || e[k].where == LQ_WAITING, m.want[k] >= 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix),
        cmocka_unit_test(conversions_come_first),
        cmocka_unit_test(the_cap_is_reported),
        cmocka_unit_test(a_holder_converts_before_whom_it_blocks),
        cmocka_unit_test(random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
