/*
 * Looking at all rows of a table: what ALTER TABLE must know, and ANALYZE.
 */
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "sql/execute/exec_int.h"
#include "sql/execute/rows.h"
#include "sql/types/numeric.h"

/* ---- rows of a table, one by one -------------------------------------------------------- */

typedef enum err row_fn(void *arg, struct rowid rowid, const union datum *v, const bool *null, struct diag *d);

#define ROWS 1024u

static enum err each_row(const struct exec_env *env, const struct table_def *def, row_fn *fn, void *arg, struct diag *d)
{
    struct access *a = catalog_access(env->catalog);
    struct arena *arena = arena_new("table", 0), *batch = arena_new("rows", 0);
    struct heap_row *row = arena_alloc(arena, ROWS * sizeof *row);
    union datum *v = ARENA_ARRAY(arena, union datum, def->ncols);
    bool *null = ARENA_ARRAY(arena, bool, def->ncols);
    struct heap_scan *scan = NULL;
    enum err err = heap_scan_open(a, def->seg, env->snapshot, &scan, d);
    while (!err) {
        uint32_t n = 0;
        arena_reset(batch);
        err = exec__breathe(d);
        if (!err)
            err = heap_scan_next(scan, batch, row, ROWS, &n, d);
        if (err || n == 0)
            break;
        for (uint32_t i = 0; i < n && !err; i++) {
            err = rel_deform(env->catalog, env->snapshot, def, &row[i], v, null, batch, d);
            if (!err)
                err = fn(arg, row[i].rowid, v, null, d);
        }
    }
    if (scan)
        heap_scan_close(scan);
    arena_free(batch);
    arena_free(arena);
    return err;
}

/* ---- NOT NULL, CHECK ------------------------------------------------------------------------ */

struct not_null {
    const struct table_def *def;
    int16_t attnum;
};

static enum err not_null_row(void *arg, struct rowid rowid, const union datum *v, const bool *null, struct diag *d)
{
    const struct not_null *n = arg;
    if (n->attnum > 0 && !null[n->attnum - 1])
        return ERR_OK;
    if (n->attnum == 0) /* any row will do: the caller knows the name of the column to be */
        return diag_set(d, ERR_NOT_NULL, "relation \"%s\" contains rows", n->def->name);
    diag_set(d, ERR_NOT_NULL, "column \"%s\" of relation \"%s\" contains null values", n->def->col[n->attnum - 1].name, n->def->name);
    strcpy(d->schema, n->def->schema_name);
    strcpy(d->table, n->def->name);
    strcpy(d->column, n->def->col[n->attnum - 1].name);
    return ERR_NOT_NULL;
}

enum err exec_check_not_null(const struct exec_env *env, const struct table_def *table, int16_t attnum, struct diag *d)
{
    struct not_null n = { table, attnum };
    return each_row(env, table, not_null_row, &n, d);
}

struct check_run {
    const struct exec_env *env;
    const struct table_def *def;
    const struct check_expr *check;
    struct arena *arena;
};

static enum err check_row(void *arg, struct rowid rowid, const union datum *v, const bool *null, struct diag *d)
{
    const struct check_run *c = arg;
    struct exec e = { .env = *c->env, .func = c->env->func, .arena = c->arena };
    const struct row_in in = { { v }, { (const uint8_t *)null } };
    union datum r = { 0 };
    uint8_t r_null = 0;
    arena_reset(c->arena);
    e.func.types.arena = c->arena;
    e.func.d = d;
    enum err err = exec__scalar(&e, c->check->expr, &in, &r, &r_null);
    if (err || r_null || r.i)
        return err;
    diag_set(d, ERR_CHECK, "check constraint \"%s\" of relation \"%s\" is violated by some row", c->check->name, c->def->name);
    strcpy(d->schema, c->def->schema_name);
    strcpy(d->table, c->def->name);
    strncpy(d->constraint, c->check->name, sizeof d->constraint - 1);
    return ERR_CHECK;
}

enum err exec_check_rows(const struct exec_env *env, const struct table_def *table, const struct check_expr *check, struct diag *d)
{
    struct check_run c = { env, table, check, arena_new("check", 0) };
    enum err err = each_row(env, table, check_row, &c, d);
    arena_free(c.arena);
    return err;
}

/* ---- ANALYZE ----------------------------------------------------------------------------------- */

#define SAMPLE_MAX 30000u

/* A reservoir: each row of the table is in it with the same chance. */
struct sample {
    const struct table_def *def;
    struct record_type type;
    struct record_list rows;
    uint64_t seen;
    uint64_t dead_bytes; /* of rows that others have replaced */
    struct dba last;
    uint64_t pages; /* with visible rows */
};

static enum err compact(struct sample *s, struct diag *d)
{
    struct arena *arena = arena_new("sample", 0);
    for (size_t i = 0; i < s->rows.n; i++)
        s->rows.v[i] = exec__record_of_row(&s->type, arena, s->rows.v[i]->v, record_nulls(&s->type, s->rows.v[i]));
    arena_free(s->rows.arena);
    s->rows.arena = arena;
    s->dead_bytes = 0;
    return ERR_OK;
}

static enum err sample_row(void *arg, struct rowid rowid, const union datum *v, const bool *null, struct diag *d)
{
    struct sample *s = arg;
    const struct dba at = rowid_dba(rowid);
    s->pages += s->seen == 0 || !dba_eq(at, s->last);
    s->last = at;
    const uint64_t no = s->seen++;
    /* the same table gives the same sample: the choice hangs on the row's number alone */
    const uint64_t slot = no < SAMPLE_MAX ? no : hash_u64(no) % s->seen;
    if (slot >= SAMPLE_MAX)
        return ERR_OK;
    struct record *r = exec__record_of_row(&s->type, s->rows.arena, v, (const uint8_t *)null);
    if (no < SAMPLE_MAX) {
        exec__records_push(&s->rows, r);
        return ERR_OK;
    }
    s->dead_bytes += s->rows.v[slot]->bytes;
    s->rows.v[slot] = r;
    return s->dead_bytes > (32u << 20) ? compact(s, d) : ERR_OK;
}

struct column_values {
    const struct type *type;
    union datum *v; /* not NULL */
    uint32_t n;
};

static void merge_sort(const struct type *t, union datum *v, union datum *tmp, uint32_t n)
{
    if (n < 2)
        return;
    const uint32_t half = n / 2;
    merge_sort(t, v, tmp, half);
    merge_sort(t, v + half, tmp, n - half);
    memcpy(tmp, v, half * sizeof *v);
    for (uint32_t a = 0, b = half, to = 0; a < half; to++)
        v[to] = b < n && t->cmp(v[b], tmp[a]) < 0 ? v[b++] : tmp[a++];
    rt_yield_if_due();
}

/*
 * Haas and Stokes' estimate from the values that occur once (f1) and all distinct ones (d) among n of N rows; as a negated fraction where it
 * seems to grow with the table.
 */
static double estimate_distinct(double n, double d, double f1, double rows)
{
    if (n == 0)
        return 0;
    if (f1 >= n)
        return -1;
    const double denominator = n - f1 + f1 * n / rows;
    double distinct = denominator > 0 ? n * d / denominator : d;
    distinct = fmin(fmax(distinct, d), rows);
    return distinct > 0.1 * rows && f1 > 0 ? -distinct / rows : floor(distinct + 0.5);
}

static bool as_number(const struct type *t, union datum v, double *ret)
{
    if (t->category != 'N' && t->category != 'D')
        return false;
    switch (t->rep) {
    case REP_INT:
        *ret = (double)v.i;
        break;
    case REP_FLOAT:
        *ret = v.f;
        break;
    case REP_NUMERIC:
        *ret = numeric_to_double(v.s);
        break;
    case REP_STR:
        return false;
    }
    return isfinite(*ret);
}

static void column_statistics(const struct sample *s, uint16_t col, struct arena *arena, struct column_stats *ret)
{
    const struct type *t = type_by_oid(s->def->col[col].type);
    const uint32_t rows = (uint32_t)s->rows.n;
    union datum *v = arena_alloc(arena, (rows + 1) * sizeof *v), *tmp = arena_alloc(arena, (rows + 1) * sizeof *v);
    double width = 0;
    uint32_t n = 0;
    *ret = (struct column_stats){ 0 };
    for (uint32_t i = 0; i < rows; i++) {
        const struct record *r = s->rows.v[i];
        if (record_nulls(&s->type, r)[col])
            continue;
        width += t->rep >= REP_STR ? r->v[col].s.len : t->len;
        v[n++] = r->v[col];
    }
    ret->null_fraction = rows ? (double)(rows - n) / rows : 0;
    ret->avg_width = n ? width / n : 0;
    if (n == 0 || !t->cmp)
        return;
    merge_sort(t, v, tmp, n);
    double distinct = 0, once = 0;
    for (uint32_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && t->cmp(v[from], v[to]) == 0; to++)
            ;
        distinct++;
        once += to - from == 1;
    }
    ret->distinct = estimate_distinct(n, distinct, once, fmax((double)s->seen * (1 - ret->null_fraction), n));
    ret->has_range = as_number(t, v[0], &ret->lo) && as_number(t, v[n - 1], &ret->hi);
}

enum err exec_analyze(const struct exec_env *env, struct table_def *table, struct diag *d)
{
    if (table->kind != TABLE_ORDINARY)
        return ERR_OK;
    struct arena *arena = arena_new("analyze", 0);
    struct exec e = { .arena = arena };
    struct sample s = { .def = table };
    oid_t *types = ARENA_ARRAY(arena, oid_t, table->ncols);
    for (uint16_t c = 0; c < table->ncols; c++)
        types[c] = table->col[c].type;
    exec__record_type_init(&e, &s.type, table->ncols, types);
    exec__records_init(&s.rows, "sample", 0);
    enum err err = each_row(env, table, sample_row, &s, d);
    struct column_stats *stats = ARENA_ARRAY(arena, struct column_stats, table->ncols);
    struct arena *work = arena_new("column", 0);
    for (uint16_t c = 0; c < table->ncols && !err; c++) {
        arena_reset(work);
        if (!table->col[c].dropped)
            column_statistics(&s, c, work, &stats[c]);
        err = exec__breathe(d);
    }
    if (!err)
        err = catalog_set_stats(env->catalog, env->txn, table, (double)s.pages, (double)s.seen, stats, d);
    arena_free(work);
    exec__records_fini(&s.rows);
    arena_free(arena);
    return err;
}
