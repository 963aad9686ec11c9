/*
 * Literals, casts, functions, operators and aggregates against what
 * PostgreSQL 15 answered (types_expected.tsv; its maker,
 * scripts/make-types-expected.py, describes the lines).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sql/functions/func.h"
#include "sql/types/timezone.h"

#define FIELDS_MAX 32
#define SHOWN_MAX 60

struct runner {
    struct arena *zones, *stmt, *group;
    struct func_ctx c;
    struct diag d;
    char *field[FIELDS_MAX];
    unsigned nfields;
    struct buf answer;
};

static const struct type *type_named(const char *name)
{
    const struct type *t = strcmp(name, "char1") == 0 ? type_by_oid(TYPE_CHAR1) : type_by_name(name, strlen(name));
    assert_non_null(t);
    return t;
}

static void answer_error(struct runner *r)
{
    buf_reset(&r->answer);
    buf_printf(&r->answer, "! %s %s", err_sqlstate(r->d.err), r->d.message);
}

static void answer_value(struct runner *r, oid_t type, union datum v, bool null)
{
    buf_reset(&r->answer);
    if (null) {
        buf_put_str(&r->answer, "null");
        return;
    }
    buf_put_str(&r->answer, "= ");
    type_by_oid(type)->out(&r->c.types, v, &r->answer);
}

static enum err value_in(struct runner *r, const char *type, const char *text, int32_t typmod, union datum *ret)
{
    return type_named(type)->in(&r->c.types, text, strlen(text), typmod, ret, &r->d);
}

static void run_in(struct runner *r)
{
    const struct type *t = type_named(r->field[1]);
    int64_t args[2];
    size_t n = 0;
    int32_t typmod = -1;
    union datum v;
    if (strcmp(r->field[2], "-1") != 0)
        for (char *p = r->field[2]; *p && n < 2; p += *p == ',')
            args[n++] = strtol(p, &p, 10);
    enum err err = type_typmod_in(t->oid, args, n, &typmod, &r->d);
    if (!err && n > 0) { /* an explicit cast: it truncates */
        err = t->in(&r->c.types, r->field[3], strlen(r->field[3]), -1, &v, &r->d);
        if (!err)
            err = type_apply_typmod(&r->c.types, t->oid, typmod, true, v, &v, &r->d);
    } else if (!err) {
        err = t->in(&r->c.types, r->field[3], strlen(r->field[3]), typmod, &v, &r->d);
    }
    if (err)
        answer_error(r);
    else
        answer_value(r, t->oid, v, false);
}

static void run_send(struct runner *r)
{
    const struct type *t = type_named(r->field[1]);
    union datum v, back;
    struct buf wire;
    buf_init(&wire);
    assert_int_equal(value_in(r, r->field[1], r->field[2], -1, &v), ERR_OK);
    t->send(&r->c.types, v, &wire);
    buf_reset(&r->answer);
    buf_put_str(&r->answer, "= ");
    for (size_t i = 0; i < wire.len; i++)
        buf_printf(&r->answer, "%02x", wire.p[i]);
    assert_int_equal(t->recv(&r->c.types, wire.p, wire.len, -1, &back, &r->d), ERR_OK);
    assert_int_equal(t->cmp(v, back), 0);
    assert_int_equal(t->hash(v), t->hash(back));
    buf_fini(&wire);
}

static void run_cast(struct runner *r)
{
    const struct type *from = type_named(r->field[1]), *to = type_named(r->field[2]);
    const struct cast *cast = cast_find(from->oid, to->oid);
    union datum v;
    assert_non_null(cast);
    enum err err = value_in(r, r->field[1], r->field[3], -1, &v);
    if (!err && cast->fn)
        err = cast->fn(&r->c.types, v, &v, &r->d);
    if (err)
        answer_error(r);
    else
        answer_value(r, to->oid, v, false);
}

/* Calls fn on the (type, text) fields from `first` on, as a column of three rows and as constants. */
static void call(struct runner *r, const struct func *fn, unsigned first)
{
    enum { ROWS = 3 };
    union datum values[FUNC_ARGS_MAX][ROWS], result[ROWS];
    uint8_t nulls[ROWS] = { 0 }, result_null[ROWS] = { 0 };
    struct vec vec[FUNC_ARGS_MAX];
    const struct vec *args[FUNC_ARGS_MAX];
    oid_t types[FUNC_ARGS_MAX];
    unsigned n = 0;
    for (unsigned i = first; i + 1 < r->nfields; i += 2, n++) {
        types[n] = type_named(r->field[i])->oid;
        if (value_in(r, r->field[i], r->field[i + 1], -1, &values[n][0])) {
            answer_error(r);
            return;
        }
        for (int k = 1; k < ROWS; k++)
            values[n][k] = values[n][0];
        vec[n] = (struct vec){ values[n], nulls, n % 2 == 1 };
        args[n] = &vec[n];
    }
    r->c.arg_types = types;
    struct vec out = { result, result_null, false };
    const uint16_t idx[] = { 1, 2 };
    const struct sel some = { idx, 2 }, all = { NULL, ROWS };
    enum err err = fn->fn(&r->c, &some, args, n, &out);
    union datum kept = result[2];
    const uint8_t kept_null = result_null[2];
    if (!err)
        err = fn->fn(&r->c, &all, args, n, &out);
    if (err) {
        answer_error(r);
        return;
    }
    assert_int_equal(kept_null, result_null[0]);
    const struct type *t = type_by_oid(fn->ret);
    if (!kept_null && t->cmp)
        assert_int_equal(t->cmp(kept, result[0]), 0);
    answer_value(r, fn->ret, result[0], result_null[0]);
}

static const struct func *find_func(struct runner *r)
{
    const struct func *found[32];
    const size_t n = func_candidates(r->field[1], found, 32);
    for (size_t i = 0; i < n; i++) {
        const unsigned given = (r->nfields - 2) / 2;
        if (found[i]->nargs != given && !(found[i]->variadic_any && given >= found[i]->nargs))
            continue;
        bool same = true;
        for (unsigned k = 0; k < found[i]->nargs; k++)
            same = same && (found[i]->args[k] == type_named(r->field[2 + 2 * k])->oid || found[i]->args[k] == TYPE_ANYELEMENT);
        if (same)
            return found[i];
    }
    return NULL;
}

static void run_fn(struct runner *r)
{
    const struct func *fn = find_func(r);
    if (!fn) {
        buf_reset(&r->answer);
        buf_put_str(&r->answer, "no such function");
        return;
    }
    call(r, fn, 2);
}

static void run_op(struct runner *r)
{
    const bool prefix = r->nfields == 4;
    const oid_t left = prefix ? 0 : type_named(r->field[2])->oid, right = type_named(r->field[prefix ? 2 : 4])->oid;
    const struct operator *o = operator_exact(r->field[1], left, right);
    if (!o)
        o = operator_exact(r->field[1], left, TYPE_ANYNONARRAY);
    if (!o)
        o = operator_exact(r->field[1], TYPE_ANYNONARRAY, right);
    assert_non_null(o);
    call(r, o->func, 2);
}

/* Half of the rows in one state, half in another, combined; and all in one. */
static enum err aggregate(struct runner *r, const struct aggregate *agg, unsigned n, union datum *v, uint8_t *null, bool split,
                          union datum *ret, bool *ret_null)
{
    void *a = arena_zalloc(r->group, agg->state_bytes), *b = arena_zalloc(r->group, agg->state_bytes);
    union datum comma = datum_str(",", 1);
    uint8_t not_null = 0;
    const struct vec x = { v, null, false }, delimiter = { &comma, &not_null, true };
    const struct vec *args[] = { &x, &delimiter };
    void *states[FIELDS_MAX];
    for (unsigned i = 0; i < n; i++)
        states[i] = split && i >= n / 2 ? b : a;
    const struct sel sel = { NULL, n };
    enum err err = agg->accumulate(&r->c, &sel, states, args, r->group);
    if (!err && split)
        err = agg->combine(&r->c, a, b, r->group);
    return err ? err : agg->finish(&r->c, a, ret, ret_null);
}

static void run_agg(struct runner *r)
{
    const struct aggregate *found[32], *agg = NULL;
    const size_t count = aggregate_candidates(r->field[1], found, 32);
    const struct type *t = type_named(r->field[2]);
    for (size_t i = 0; i < count; i++)
        if (found[i]->nargs > 0 && (found[i]->arg == t->oid || found[i]->arg == TYPE_ANY))
            agg = found[i];
    assert_non_null(agg);
    union datum v[FIELDS_MAX], result, combined;
    uint8_t null[FIELDS_MAX];
    const unsigned n = r->nfields - 3;
    for (unsigned i = 0; i < n; i++) {
        null[i] = strcmp(r->field[3 + i], "\\N") == 0;
        v[i] = datum_int(0x5a5a5a5a5a5a5a5a);
        if (!null[i])
            assert_int_equal(value_in(r, r->field[2], r->field[3 + i], -1, &v[i]), ERR_OK);
    }
    bool is_null, combined_null;
    enum err err = aggregate(r, agg, n, v, null, false, &result, &is_null);
    if (err) {
        answer_error(r);
        return;
    }
    answer_value(r, agg->ret, result, is_null);
    if (!agg->combine)
        return;
    err = aggregate(r, agg, n, v, null, true, &combined, &combined_null);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(is_null, combined_null);
    if (!is_null && type_by_oid(agg->ret)->rep != REP_FLOAT)
        assert_int_equal(type_by_oid(agg->ret)->cmp(result, combined), 0);
}

static void run_line(struct runner *r)
{
    static const struct {
        const char *kind;
        void (*run)(struct runner *r);
    } kinds[] = { { "in", run_in }, { "send", run_send }, { "cast", run_cast }, { "fn", run_fn }, { "op", run_op }, { "agg", run_agg } };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].kind, r->field[0]) == 0) {
            kinds[i].run(r);
            return;
        }
    fail_msg("bad line: %s", r->field[0]);
}

static void answers_are_postgres(void **state)
{
    struct runner r = { .zones = arena_new("zones", 0), .stmt = arena_new("stmt", 0), .group = arena_new("group", 0) };
    const struct timezone *tz;
    FILE *f = fopen(EXPECTED_FILE, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    unsigned total = 0, wrong = 0;
    assert_non_null(f);
    buf_init(&r.answer);
    assert_int_equal(timezone_posix(r.zones, "CET", "CET-1CEST,M3.5.0,M10.5.0/3", &tz, &r.d), ERR_OK);
    r.c = (struct func_ctx){ .types = { .arena = r.stmt, .tz = tz, .extra_float_digits = 1 }, .d = &r.d };
    while ((len = getline(&line, &capacity, f)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = 0;
        r.nfields = 0;
        for (char *p = line; p && r.nfields < FIELDS_MAX;) {
            r.field[r.nfields++] = strsep(&p, "\t");
        }
        const char *want = r.field[--r.nfields];
        diag_clear(&r.d);
        run_line(&r);
        total++;
        if (strlen(want) != r.answer.len || memcmp(want, r.answer.p, r.answer.len) != 0) {
            if (wrong++ < SHOWN_MAX) {
                for (unsigned i = 0; i < r.nfields; i++)
                    fprintf(stderr, "%s | ", r.field[i]);
                fprintf(stderr, "\n    PostgreSQL %.300s\n    here       %.*s\n", want, (int)MIN(r.answer.len, (size_t)300), r.answer.p);
            }
        }
        arena_reset(r.stmt);
        arena_reset(r.group);
    }
    fclose(f);
    free(line);
    buf_fini(&r.answer);
    arena_free(r.stmt);
    arena_free(r.group);
    arena_free(r.zones);
    if (wrong)
        fail_msg("%u of %u answers differ", wrong, total);
    assert_true(total > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(answers_are_postgres) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
