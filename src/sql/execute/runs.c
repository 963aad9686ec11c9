/*
 * Sorted runs in a temporary file, merged MERGE_MAX at a time until one merge
 * of them all gives the result.
 */
#include <stdlib.h>

#include "sql/execute/sort.h"
#include "sql/execute/spill.h"

#define MERGE_MAX 64u

struct run {
    uint64_t from, to; /* places in the file */
};

/* Runs that are being merged: a heap with the least record on top. */
struct merging {
    uint32_t n;
    struct spill_reader *reader[MERGE_MAX];
    struct record *head[MERGE_MAX];
    uint32_t heap[MERGE_MAX]; /* runs that have a head */
    uint32_t in_heap;
};

struct sorted_runs {
    struct exec *e;
    const struct record_type *type;
    const struct order_by *order;
    struct spill *spill;
    struct run *run;
    uint32_t n, cap;
    struct merging merging;
    struct arena *arena; /* of the batch */
    const struct vec **col;
};

struct sorted_runs *exec__runs_new(struct exec *e, const struct record_type *type, const struct order_by *order)
{
    struct sorted_runs *s = xcalloc(1, sizeof *s);
    s->e = e;
    s->type = type;
    s->order = order;
    s->arena = arena_new("sorted rows", e->memory_max);
    s->col = exec__vecs_new(e, type->ncols, VEC_ROWS);
    return s;
}

static void merging_end(struct merging *m)
{
    for (uint32_t i = 0; i < m->n; i++)
        exec__reader_free(m->reader[i]);
    *m = (struct merging){ 0 };
}

void exec__runs_free(struct sorted_runs *s)
{
    if (!s)
        return;
    merging_end(&s->merging);
    exec__spill_free(s->spill);
    arena_free(s->arena);
    free(s->run);
    free(s);
}

static void add_run(struct sorted_runs *s, uint64_t from)
{
    if (s->n == s->cap) {
        s->cap = MAX(2 * s->cap, 16u);
        s->run = xrealloc(s->run, s->cap * sizeof *s->run);
    }
    s->run[s->n++] = (struct run){ from, exec__spill_end(s->spill) };
}

enum err exec__runs_write(struct sorted_runs *s, struct record *const *r, size_t n, struct diag *d)
{
    enum err err = s->spill ? ERR_OK : exec__spill_new(s->e, &s->spill, d);
    if (err)
        return err;
    const uint64_t from = exec__spill_end(s->spill);
    for (size_t i = 0; i < n; i++) {
        err = exec__spill_write(s->spill, r[i], d);
        if (err)
            return err;
        if (i % 1024 == 1023 && (err = exec__breathe(d)) != ERR_OK)
            return err;
    }
    add_run(s, from);
    return ERR_OK;
}

/* ---- merging ----------------------------------------------------------------------------- */

static bool comes_first(const struct sorted_runs *s, uint32_t a, uint32_t b)
{
    const int c = exec__compare_records(s->order, s->merging.head[a], s->merging.head[b]);
    return c ? c < 0 : a < b;
}

static void sift_down(struct sorted_runs *s, uint32_t at)
{
    struct merging *m = &s->merging;
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < m->in_heap; child++)
            if (comes_first(s, m->heap[child], m->heap[least]))
                least = child;
        if (least == at)
            return;
        const uint32_t x = m->heap[at];
        m->heap[at] = m->heap[least];
        m->heap[least] = x;
        at = least;
    }
}

static enum err merging_begin(struct sorted_runs *s, const struct run *run, uint32_t n, struct diag *d)
{
    struct merging *m = &s->merging;
    enum err err = exec__spill_flush(s->spill, d);
    for (uint32_t i = 0; i < n && !err; i++) {
        m->reader[m->n++] = exec__reader_new(s->e, s->spill, s->type, run[i].from, run[i].to);
        err = exec__reader_next(m->reader[i], &m->head[i], d);
        if (!err && m->head[i])
            m->heap[m->in_heap++] = i;
    }
    for (uint32_t i = m->in_heap; i-- > 0 && !err;)
        sift_down(s, i);
    return err;
}

/* Replaces the record on top, which has been used, by its run's next one. */
static enum err merging_advance(struct sorted_runs *s, struct diag *d)
{
    struct merging *m = &s->merging;
    const uint32_t run = m->heap[0];
    enum err err = exec__reader_next(m->reader[run], &m->head[run], d);
    if (err)
        return err;
    if (!m->head[run])
        m->heap[0] = m->heap[--m->in_heap];
    sift_down(s, 0);
    return ERR_OK;
}

static enum err merge_to_run(struct sorted_runs *s, struct diag *d)
{
    const uint64_t from = exec__spill_end(s->spill);
    uint32_t n = 0;
    while (s->merging.in_heap > 0) {
        enum err err = exec__spill_write(s->spill, s->merging.head[s->merging.heap[0]], d);
        if (!err)
            err = merging_advance(s, d);
        if (!err && n++ % 1024 == 0)
            err = exec__breathe(d);
        if (err)
            return err;
    }
    add_run(s, from);
    return ERR_OK;
}

enum err exec__runs_merge(struct sorted_runs *s, struct diag *d)
{
    uint32_t first = 0;
    while (s->n - first > MERGE_MAX) {
        enum err err = merging_begin(s, s->run + first, MERGE_MAX, d);
        if (!err)
            err = merge_to_run(s, d);
        merging_end(&s->merging);
        if (err)
            return err;
        first += MERGE_MAX;
    }
    return merging_begin(s, s->run + first, s->n - first, d);
}

enum err exec__runs_next(struct sorted_runs *s, struct batch *ret, struct diag *d)
{
    struct record *row[VEC_ROWS];
    uint32_t n = 0;
    arena_reset(s->arena);
    for (; n < VEC_ROWS && s->merging.in_heap > 0; n++) {
        const struct record *r = s->merging.head[s->merging.heap[0]];
        row[n] = exec__record_of_row(s->type, s->arena, r->v, record_nulls(s->type, r));
        if (!row[n])
            return exec__out_of_memory(s->e, "A sort", d);
        enum err err = merging_advance(s, d);
        if (err)
            return err;
    }
    for (uint16_t c = 0; c < s->type->ncols; c++)
        exec__records_column(s->type, row, n, c, exec__vec_at(s->col, c));
    *ret = (struct batch){ s->col, { NULL, n } };
    return ERR_OK;
}
