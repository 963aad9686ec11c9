/*
 * SORT: records in memory, merged; only the first rows of all are kept where
 * no more are wanted. What does not fit work_mem goes to a file in sorted
 * runs, which are merged when they are read (runs.c).
 */
#include <stdlib.h>

#include "sql/execute/sort.h"
#include "sql/execute/spill.h"

/* ---- order ----------------------------------------------------------------------------------- */

void exec__order_init(struct exec *e, struct order_by *o, const struct record_type *type, const struct sort_key *key, uint16_t n,
                      const oid_t *col_type)
{
    *o = (struct order_by){ .record = type, .n = n, .key = key };
    o->type = ARENA_ARRAY(e->arena, const struct type *, n);
    for (uint16_t i = 0; i < n; i++)
        o->type[i] = type_by_oid(col_type[key[i].col]);
}

static int compare_values(const struct order_by *o, uint16_t k, union datum a, bool a_null, union datum b, bool b_null)
{
    const struct sort_key *key = &o->key[k];
    if (a_null || b_null)
        return a_null == b_null ? 0 : a_null == key->nulls_first ? -1 : 1;
    const int c = o->type[k]->cmp(a, b);
    return key->descending ? -c : c;
}

int exec__compare_records(const struct order_by *o, const struct record *a, const struct record *b)
{
    const uint8_t *a_null = record_nulls(o->record, a), *b_null = record_nulls(o->record, b);
    for (uint16_t k = 0; k < o->n; k++) {
        const uint16_t col = o->key[k].col;
        const int c = compare_values(o, k, a->v[col], a_null[col], b->v[col], b_null[col]);
        if (c)
            return c;
    }
    return 0;
}

/* Row i of a batch against a record. */
static int compare_row(const struct order_by *o, const struct vec *const *col, uint32_t i, const struct record *b)
{
    const uint8_t *b_null = record_nulls(o->record, b);
    for (uint16_t k = 0; k < o->n; k++) {
        const uint16_t c = o->key[k].col;
        const uint32_t at = vec_row(col[c], i);
        const int cmp = compare_values(o, k, col[c]->v[at], col[c]->null[at], b->v[c], b_null[c]);
        if (cmp)
            return cmp;
    }
    return 0;
}

/* ---- merge sort -------------------------------------------------------------------------------- */

/* The first key as a number whose order never contradicts the key's. */
struct item {
    uint64_t first;
    struct record *r;
};

static uint64_t first_bytes(struct str s)
{
    uint8_t p[8] = { 0 };
    memcpy(p, s.p ? s.p : "", MIN(s.len, 8u));
    return get_u64be(p);
}

static uint64_t first_of(const struct order_by *o, const struct record *r)
{
    const uint16_t col = o->key[0].col;
    if (record_nulls(o->record, r)[col])
        return o->key[0].nulls_first ? 0 : UINT64_MAX;
    const union datum v = r->v[col];
    uint64_t x = 0;
    switch (o->type[0]->rep) {
    case REP_INT:
        x = (uint64_t)v.i ^ UINT64_C(1) << 63;
        break;
    case REP_STR: /* text compares by bytes; blanks at the end of char(n) do not count */
        x = o->type[0]->oid == TYPE_BPCHAR ? 0 : first_bytes(v.s);
        break;
    case REP_FLOAT:
    case REP_NUMERIC:
        return 0; /* says nothing; NULLs would, but need not */
    }
    return o->key[0].descending ? ~x : x;
}

static int compare_items(const struct order_by *o, const struct item *a, const struct item *b)
{
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return exec__compare_records(o, a->r, b->r);
}

#define RUN 16u

static void insertion_sort(const struct order_by *o, struct item *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct item x = v[i];
        size_t at = i;
        for (; at > 0 && compare_items(o, &x, &v[at - 1]) < 0; at--)
            v[at] = v[at - 1];
        v[at] = x;
    }
}

static void merge(const struct order_by *o, const struct item *a, size_t na, const struct item *b, size_t nb, struct item *to)
{
    for (size_t k = 0; na && nb; k++) {
        if (compare_items(o, b, a) < 0) {
            *to++ = *b++;
            nb--;
        } else {
            *to++ = *a++;
            na--;
        }
        if (k % 256 == 255)
            rt_yield_if_due();
    }
    memcpy(to, a, na * sizeof *a);
    memcpy(to + na, b, nb * sizeof *b);
}

void exec__sort_records(const struct order_by *o, struct record **r, size_t n)
{
    if (n < 2 || o->n == 0)
        return;
    struct item *v = xmalloc(2 * n * sizeof *v), *from = v, *to = v + n;
    const bool numbers = o->type[0]->rep == REP_FLOAT || o->type[0]->rep == REP_NUMERIC;
    for (size_t i = 0; i < n; i++)
        from[i] = (struct item){ numbers ? 0 : first_of(o, r[i]), r[i] };
    for (size_t i = 0; i < n; i += RUN) {
        insertion_sort(o, from + i, MIN(n - i, (size_t)RUN));
        rt_yield_if_due();
    }
    for (size_t width = RUN; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width) {
            const size_t na = MIN(width, n - i), nb = MIN(width, n - i - na);
            merge(o, from + i, na, from + i + na, nb, to + i);
        }
        struct item *other = from;
        from = to;
        to = other;
    }
    for (size_t i = 0; i < n; i++)
        r[i] = from[i].r;
    free(v);
}

/* ---- the node ----------------------------------------------------------------------------------------- */

#define TOP_MAX (128u * 1024) /* more rows than these are sorted as if all were wanted */

struct sort {
    struct node n;
    struct record_type type;
    struct order_by order;
    struct record_list rows;
    const struct vec **col;
    uint64_t top; /* only so many rows are wanted; UINT64_MAX: all */
    struct record *worst; /* top: the last of those that are wanted as far as known */
    struct sorted_runs *runs; /* NULL: all in memory */
    size_t at;
    bool built;
};

static enum err sort_init(struct node *n, struct diag *d)
{
    struct sort *s = (struct sort *)n;
    const struct plan_node *p = n->plan;
    exec__record_type_init(n->e, &s->type, p->ncols, p->left->col_type);
    exec__order_init(n->e, &s->order, &s->type, p->sort.key, p->sort.nkeys, p->left->col_type);
    exec__records_init(&s->rows, "sort", n->e->memory_max);
    s->col = exec__vecs_new(n->e, p->ncols, VEC_ROWS);
    return ERR_OK;
}

static void sort_rewind(struct node *n)
{
    struct sort *s = (struct sort *)n;
    exec__records_reset(&s->rows);
    exec__runs_free(s->runs);
    s->runs = NULL;
    s->worst = NULL;
    s->at = 0;
    s->built = false;
    exec__node_rewind(n->left);
}

static void sort_end(struct node *n)
{
    struct sort *s = (struct sort *)n;
    exec__runs_free(s->runs);
    exec__records_fini(&s->rows);
}

static enum err rows_wanted(struct sort *s, struct diag *d)
{
    const struct plan_node *p = s->n.plan;
    uint64_t limit, offset;
    s->top = UINT64_MAX;
    if (!p->sort.limit)
        return ERR_OK;
    s->n.e->func.types.arena = s->n.e->arena;
    enum err err = exec__limits(s->n.e, p->sort.limit, p->sort.offset, &limit, &offset, d);
    if (!err && limit <= TOP_MAX && offset <= TOP_MAX)
        s->top = MAX(limit + offset, UINT64_C(1));
    return err;
}

/* Of the rows kept so far only the first `top` can still be wanted: the others go, with their memory. */
static enum err keep_top(struct sort *s, struct diag *d)
{
    exec__sort_records(&s->order, s->rows.v, s->rows.n);
    if (s->rows.n <= s->top)
        return ERR_OK;
    struct arena *old = s->rows.arena;
    struct arena *arena = arena_new("sort", s->n.e->memory_max);
    enum err err = ERR_OK;
    for (size_t i = 0; i < s->top && !err; i++) {
        const struct record *r = s->rows.v[i];
        s->rows.v[i] = exec__record_of_row(&s->type, arena, r->v, record_nulls(&s->type, r));
        if (!s->rows.v[i])
            err = exec__out_of_memory(s->n.e, "A sort", d);
    }
    s->rows.arena = arena;
    s->rows.n = (size_t)s->top;
    s->worst = s->rows.v[s->top - 1];
    arena_free(old);
    return err;
}

static enum err add_batch(struct sort *s, const struct batch *b, struct diag *d)
{
    struct exec *e = s->n.e;
    for (uint32_t k = 0; k < b->sel.n; k++) {
        const uint32_t i = sel_row(&b->sel, k);
        if (s->worst && compare_row(&s->order, b->col, i, s->worst) >= 0)
            continue;
        struct record *r = exec__record_new(&s->type, s->rows.arena, b->col, i);
        if (!r)
            return exec__out_of_memory(e, "A sort", d);
        exec__records_push(&s->rows, r);
    }
    if (s->top != UINT64_MAX)
        return s->rows.n >= 2 * s->top + VEC_ROWS ? keep_top(s, d) : ERR_OK;
    if (arena_used_bytes(s->rows.arena) + s->rows.n * sizeof(struct record *) <= e->env.work_mem_bytes || !exec__can_spill(e))
        return ERR_OK;
    exec__sort_records(&s->order, s->rows.v, s->rows.n);
    if (!s->runs)
        s->runs = exec__runs_new(e, &s->type, &s->order);
    enum err err = exec__runs_write(s->runs, s->rows.v, s->rows.n, d);
    exec__records_reset(&s->rows);
    return err;
}

static enum err sort_build(struct sort *s, struct diag *d)
{
    enum err err = rows_wanted(s, d);
    while (!err) {
        struct batch b;
        err = exec__breathe(d);
        if (!err)
            err = node_next(s->n.left, &b, d);
        if (err || b.sel.n == 0)
            break;
        err = add_batch(s, &b, d);
    }
    if (err)
        return err;
    if (s->top != UINT64_MAX)
        return keep_top(s, d);
    exec__sort_records(&s->order, s->rows.v, s->rows.n);
    if (!s->runs)
        return ERR_OK;
    err = s->rows.n ? exec__runs_write(s->runs, s->rows.v, s->rows.n, d) : ERR_OK;
    exec__records_reset(&s->rows);
    return err ? err : exec__runs_merge(s->runs, d);
}

static enum err sort_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct sort *s = (struct sort *)n;
    if (!s->built) {
        enum err err = sort_build(s, d);
        if (err)
            return err;
        s->built = true;
    }
    if (s->runs)
        return exec__runs_next(s->runs, ret, d);
    const uint32_t rows = (uint32_t)MIN(s->rows.n - s->at, (size_t)VEC_ROWS);
    for (uint16_t c = 0; c < n->plan->ncols; c++)
        exec__records_column(&s->type, s->rows.v + s->at, rows, c, exec__vec_at(s->col, c));
    s->at += rows;
    *ret = (struct batch){ s->col, { NULL, rows } };
    return ERR_OK;
}

const struct node_ops exec__sort = { sizeof(struct sort), sort_init, sort_next, sort_rewind, sort_end };
