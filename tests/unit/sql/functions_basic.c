#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sql/functions/func.h"
#include "sql/functions/hooks.h"

static struct arena *arena;
static struct diag d;
static struct func_ctx c;

static int setup(void **state)
{
    arena = arena_new("test", 0);
    diag_clear(&d);
    c = (struct func_ctx){ .types = { .arena = arena, .extra_float_digits = 1 }, .d = &d };
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    return 0;
}

static bool type_is_known(oid_t t)
{
    return type_by_oid(t) || t == TYPE_ANY || t == TYPE_ANYELEMENT || t == TYPE_ANYNONARRAY;
}

static void the_tables_are_consistent(void **state)
{
    for (size_t i = 0; i < func_count(); i++) {
        const struct func *f = func_at(i), *found[64];
        assert_non_null(f->fn);
        assert_ptr_equal(func_by_oid(f->oid), f);
        assert_true(type_is_known(f->ret));
        for (unsigned k = 0; k < f->nargs; k++)
            assert_true(type_is_known(f->args[k]));
        assert_true(func_candidates(f->name, found, 64) >= 1);
    }
    for (size_t i = 0; i < operator_count(); i++) {
        const struct operator *o = operator_at(i);
        assert_ptr_equal(operator_by_oid(o->oid), o);
        assert_ptr_equal(operator_exact(o->name, o->left, o->right), o);
        if (o->commutator) /* of the types the other way round */
            assert_non_null(operator_exact(o->commutator, o->right, o->left));
        if (o->negator) {
            const struct operator *n = operator_exact(o->negator, o->left, o->right);
            assert_non_null(n);
            assert_string_equal(n->negator, o->name);
        }
    }
    for (size_t i = 0; i < aggregate_count(); i++) {
        const struct aggregate *a = aggregate_at(i);
        assert_ptr_equal(aggregate_by_oid(a->oid), a);
        assert_true(a->nargs == 0 || type_is_known(a->arg));
        assert_true(a->state_bytes > 0 && a->state_bytes <= 256);
    }
    assert_null(operator_exact("=", TYPE_INT4, TYPE_TEXT));
}

static const struct func *op_fn(const char *name, oid_t left, oid_t right)
{
    const struct operator *o = operator_exact(name, left, right);
    assert_non_null(o);
    return o->func;
}

/* A column with NULLs that hide values which would be errors. */
static void nulls_hide_errors(void **state)
{
    union datum x[4] = { { .i = 6 }, { .i = INT64_MAX }, { .i = 9 }, { .i = 7 } };
    union datum y[4] = { { .i = 3 }, { .i = INT64_MAX }, { .i = 0 }, { .i = 2 } };
    uint8_t xn[4] = { 0, 1, 0, 0 }, yn[4] = { 0, 0, 1, 0 };
    union datum r[4];
    uint8_t rn[4];
    const struct vec a = { x, xn, false }, b = { y, yn, false };
    const struct vec *args[] = { &a, &b };
    struct vec out = { r, rn, false };
    const struct sel all = { NULL, 4 };
    const char *const ops[] = { "+", "-", "*", "/", "%" };
    const int64_t want[][2] = { { 9, 9 }, { 3, 5 }, { 18, 14 }, { 2, 3 }, { 0, 1 } };
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        assert_int_equal(op_fn(ops[i], TYPE_INT4, TYPE_INT4)->fn(&c, &all, args, 2, &out), ERR_OK);
        assert_int_equal(rn[0] | rn[3], 0);
        assert_int_equal(rn[1] & rn[2], 1);
        assert_int_equal(r[0].i, want[i][0]);
        assert_int_equal(r[3].i, want[i][1]);
    }
    yn[2] = 0;
    assert_int_equal(op_fn("/", TYPE_INT4, TYPE_INT4)->fn(&c, &all, args, 2, &out), ERR_DIVISION_BY_ZERO);
}

/* Rows outside the selection are neither read nor written. */
static void the_selection_is_kept(void **state)
{
    union datum x[4] = { { .i = INT32_MAX }, { .i = 1 }, { .i = INT32_MAX }, { .i = 2 } }, one = { .i = 1 };
    uint8_t xn[4] = { 0 }, not_null = 0;
    union datum r[4] = { { .i = -1 }, { .i = -1 }, { .i = -1 }, { .i = -1 } };
    uint8_t rn[4] = { 7, 7, 7, 7 };
    const uint16_t idx[] = { 1, 3 };
    const struct vec a = { x, xn, false }, b = { &one, &not_null, true };
    const struct vec *args[] = { &a, &b }, *swapped[] = { &b, &a };
    struct vec out = { r, rn, false };
    const struct sel some = { idx, 2 };
    assert_int_equal(op_fn("+", TYPE_INT4, TYPE_INT4)->fn(&c, &some, args, 2, &out), ERR_OK);
    assert_int_equal(r[1].i, 2);
    assert_int_equal(r[3].i, 3);
    assert_int_equal(r[0].i, -1);
    assert_int_equal(rn[2], 7);
    assert_int_equal(op_fn("-", TYPE_INT4, TYPE_INT4)->fn(&c, &some, swapped, 2, &out), ERR_OK);
    assert_int_equal(r[3].i, -1);
    assert_int_equal(r[1].i, 0);
    const struct sel all = { NULL, 4 };
    assert_int_equal(op_fn("+", TYPE_INT4, TYPE_INT4)->fn(&c, &all, args, 2, &out), ERR_NUMERIC_RANGE);
    assert_string_equal(d.message, "integer out of range");
}

static const struct func *named(const char *name, unsigned nargs)
{
    const struct func *f[32];
    const size_t n = func_candidates(name, f, 32);
    for (size_t i = 0; i < n && i < 32; i++)
        if (f[i]->nargs == nargs)
            return f[i];
    fail_msg("no function %s", name);
    return NULL;
}

static int64_t next(void *arg)
{
    return *(int64_t *)arg;
}

static enum err next_value(void *arg, oid_t seq, int64_t *ret, struct diag *dg)
{
    *ret = ++*(int64_t *)arg;
    return seq == 5 ? ERR_OK : diag_set(dg, ERR_UNDEFINED_TABLE, "relation does not exist");
}

static void hooks_answer_for_the_session(void **state)
{
    int64_t counter = 10;
    const struct func_hooks hooks = { .wall_us = next, .nextval = next_value };
    union datum seq[3] = { { .i = 5 }, { .i = 5 }, { .i = 5 } }, r[3];
    uint8_t n[3] = { 0 }, rn[3];
    const struct vec a = { seq, n, false };
    const struct vec *args[] = { &a };
    struct vec out = { r, rn, false };
    const struct sel all = { NULL, 3 };
    assert_int_equal(named("nextval", 1)->fn(&c, &all, args, 1, &out), ERR_FEATURE);
    assert_string_equal(d.message, "nextval() is not supported here");
    c.hooks = &hooks;
    c.hooks_arg = &counter;
    assert_int_equal(named("nextval", 1)->fn(&c, &all, args, 1, &out), ERR_OK); /* once a row */
    assert_int_equal(r[0].i, 11);
    assert_int_equal(r[2].i, 13);
    assert_int_equal(named("clock_timestamp", 0)->fn(&c, &all, NULL, 0, &out), ERR_OK);
    assert_int_equal(r[1].i, 13);
    seq[1].i = 6;
    assert_int_equal(named("nextval", 1)->fn(&c, &all, args, 1, &out), ERR_UNDEFINED_TABLE);
}

static void concat_passes_over_nulls(void **state)
{
    union datum sep = datum_str(", ", 2), x[2] = { datum_str("a", 1), datum_str("b", 1) }, y[2] = { { .i = 1 }, { .i = 2 } }, r[2];
    uint8_t not_null = 0, xn[2] = { 0, 1 }, yn[2] = { 1, 0 }, rn[2];
    const struct vec s = { &sep, &not_null, true }, a = { x, xn, false }, b = { y, yn, false };
    const struct vec *args[] = { &s, &a, &b };
    const oid_t types[] = { TYPE_TEXT, TYPE_TEXT, TYPE_INT4 };
    struct vec out = { r, rn, false };
    const struct sel all = { NULL, 2 };
    c.arg_types = types;
    assert_int_equal(named("concat_ws", 1)->fn(&c, &all, args, 3, &out), ERR_OK);
    assert_int_equal(rn[0] | rn[1], 0);
    assert_memory_equal(r[0].s.p, "a", r[0].s.len);
    assert_memory_equal(r[1].s.p, "2", r[1].s.len);
}

static const struct aggregate *agg_of(const char *name, oid_t arg)
{
    const struct aggregate *a[32];
    const size_t n = aggregate_candidates(name, a, 32);
    for (size_t i = 0; i < n; i++)
        if (a[i]->nargs == 0 ? arg == 0 : a[i]->arg == arg)
            return a[i];
    fail_msg("no aggregate %s", name);
    return NULL;
}

/* Three groups over eight rows, some of them not selected. */
static void groups_have_states_of_their_own(void **state)
{
    union datum x[8], r;
    uint8_t n[8] = { 0, 0, 0, 1, 0, 0, 0, 0 };
    const uint16_t idx[] = { 0, 1, 2, 3, 5, 7 };
    const struct aggregate *sum = agg_of("sum", TYPE_INT4), *count = agg_of("count", 0);
    void *s[3], *t[3], *states[6], *counts[6];
    bool null;
    for (int i = 0; i < 8; i++)
        x[i].i = 1 << i;
    for (int g = 0; g < 3; g++) {
        s[g] = arena_zalloc(arena, sum->state_bytes);
        t[g] = arena_zalloc(arena, count->state_bytes);
    }
    for (int k = 0; k < 6; k++) {
        states[k] = s[k % 3];
        counts[k] = t[k % 3];
    }
    const struct vec v = { x, n, false };
    const struct vec *args[] = { &v };
    const struct sel sel = { idx, 6 };
    assert_int_equal(sum->accumulate(&c, &sel, states, args, arena), ERR_OK);
    assert_int_equal(count->accumulate(&c, &sel, counts, NULL, arena), ERR_OK);
    const int64_t want[] = { 1, 2 + 32, 4 + 128 }; /* row 3 is NULL */
    for (int g = 0; g < 3; g++) {
        assert_int_equal(sum->finish(&c, s[g], &r, &null), ERR_OK);
        assert_false(null);
        assert_int_equal(r.i, want[g]);
        assert_int_equal(count->finish(&c, t[g], &r, &null), ERR_OK);
        assert_int_equal(r.i, 2);
    }
}

/* min() and max() of strings keep their own copy. */
static void extremes_outlive_the_batch(void **state)
{
    char text[] = "zebra";
    union datum x = datum_str(text, 5), r;
    uint8_t n = 0;
    const struct aggregate *max = agg_of("max", TYPE_TEXT);
    void *s = arena_zalloc(arena, max->state_bytes);
    const struct vec v = { &x, &n, true };
    const struct vec *args[] = { &v };
    const struct sel one = { NULL, 1 };
    bool null;
    assert_int_equal(max->accumulate(&c, &one, &s, args, arena), ERR_OK);
    memcpy(text, "apple", 5);
    assert_int_equal(max->accumulate(&c, &one, &s, args, arena), ERR_OK);
    assert_int_equal(max->finish(&c, s, &r, &null), ERR_OK);
    assert_memory_equal(r.s.p, "zebra", 5);
}

static void results_have_bounds(void **state)
{
    union datum x[2] = { datum_str("abc", 3), { .i = 2000000000 } }, r;
    uint8_t n = 0, rn;
    const struct vec a = { &x[0], &n, true }, b = { &x[1], &n, true };
    const struct vec *args[] = { &a, &b };
    struct vec out = { &r, &rn, false };
    const struct sel one = { NULL, 1 };
    assert_int_equal(named("repeat", 2)->fn(&c, &one, args, 2, &out), ERR_LIMIT);
    assert_int_equal(named("lpad", 2)->fn(&c, &one, args, 2, &out), ERR_LIMIT);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_tables_are_consistent), T(nulls_hide_errors), T(the_selection_is_kept), T(hooks_answer_for_the_session),
        T(concat_passes_over_nulls), T(groups_have_states_of_their_own), T(extremes_outlive_the_batch), T(results_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
