#include "sql/execute/rows.h"

#include <stdlib.h>

#include "sql/execute/spill.h"

/* ---- records ------------------------------------------------------------------------ */

void exec__record_type_init(struct exec *e, struct record_type *t, uint16_t ncols, const oid_t *col_type)
{
    t->ncols = ncols;
    t->is_str = ARENA_ARRAY(e->arena, bool, ncols);
    for (uint16_t c = 0; c < ncols; c++)
        t->is_str[c] = type_rep(col_type[c]) >= REP_STR;
}

static struct record *alloc_record(const struct record_type *t, struct arena *arena, size_t string_bytes)
{
    const size_t bytes = sizeof(struct record) + t->ncols * (sizeof(union datum) + 1) + string_bytes;
    struct record *r = bytes <= UINT32_MAX ? arena_try_alloc(arena, bytes) : NULL;
    if (!r)
        return NULL;
    r->next = NULL;
    r->hash = 0;
    r->bytes = (uint32_t)bytes;
    r->mark = 0;
    return r;
}

/* Strings of the record's values are moved behind them. */
static void own_strings(const struct record_type *t, struct record *r)
{
    const uint8_t *null = record_nulls(t, r);
    char *at = (char *)null + t->ncols;
    for (uint16_t c = 0; c < t->ncols; c++) {
        if (!t->is_str[c] || null[c])
            continue;
        struct str *s = &r->v[c].s;
        if (s->len)
            memcpy(at, s->p, s->len);
        s->p = at;
        at += s->len;
    }
}

void exec__record_moved(const struct record_type *t, struct record *r)
{
    const uint8_t *null = record_nulls(t, r);
    const char *at = (const char *)null + t->ncols;
    for (uint16_t c = 0; c < t->ncols; c++) {
        if (!t->is_str[c] || null[c])
            continue;
        r->v[c].s.p = at;
        at += r->v[c].s.len;
    }
}

struct record *exec__record_new(const struct record_type *t, struct arena *arena, const struct vec *const *col, uint32_t i)
{
    size_t strings = 0;
    for (uint16_t c = 0; c < t->ncols; c++) {
        const uint32_t at = vec_row(col[c], i);
        if (t->is_str[c] && !col[c]->null[at])
            strings += col[c]->v[at].s.len;
    }
    struct record *r = alloc_record(t, arena, strings);
    if (!r)
        return NULL;
    uint8_t *null = record_nulls(t, r);
    for (uint16_t c = 0; c < t->ncols; c++) {
        const uint32_t at = vec_row(col[c], i);
        null[c] = col[c]->null[at];
        r->v[c] = null[c] ? (union datum){ 0 } : col[c]->v[at];
    }
    own_strings(t, r);
    return r;
}

struct record *exec__record_of_row(const struct record_type *t, struct arena *arena, const union datum *v, const uint8_t *null)
{
    size_t strings = 0;
    for (uint16_t c = 0; c < t->ncols; c++)
        if (t->is_str[c] && !null[c])
            strings += v[c].s.len;
    struct record *r = alloc_record(t, arena, strings);
    if (!r)
        return NULL;
    memcpy(r->v, v, t->ncols * sizeof *v);
    memcpy(record_nulls(t, r), null, t->ncols);
    own_strings(t, r);
    return r;
}

void exec__records_column(const struct record_type *t, struct record *const *r, uint32_t n, uint16_t col, struct vec *ret)
{
    for (uint32_t k = 0; k < n; k++) {
        ret->v[k] = r[k]->v[col];
        ret->null[k] = record_nulls(t, r[k])[col];
    }
    ret->is_const = false;
}

/* ---- lists ----------------------------------------------------------------------------- */

void exec__records_init(struct record_list *l, const char *name, size_t limit_bytes)
{
    *l = (struct record_list){ .arena = arena_new(name, limit_bytes) };
}

void exec__records_reset(struct record_list *l)
{
    l->n = 0;
    arena_reset(l->arena);
}

void exec__records_fini(struct record_list *l)
{
    free(l->v);
    arena_free(l->arena);
    *l = (struct record_list){ 0 };
}

void exec__records_push(struct record_list *l, struct record *r)
{
    if (l->n == l->cap) {
        l->cap = MAX(2 * l->cap, (size_t)256);
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    l->v[l->n++] = r;
}

enum err exec__records_add(struct exec *e, struct record_list *l, const struct record_type *t, const struct batch *b, const char *what, struct diag *d)
{
    for (uint32_t k = 0; k < b->sel.n; k++) {
        struct record *r = exec__record_new(t, l->arena, b->col, sel_row(&b->sel, k));
        if (!r)
            return exec__out_of_memory(e, what, d);
        exec__records_push(l, r);
    }
    return ERR_OK;
}

/* ---- queues ------------------------------------------------------------------------------ */

/* In memory, until that is more than work_mem: then all that comes goes to a file, and is read from there. */
struct row_queue {
    struct exec *e;
    struct record_type type;
    struct record_list rows;
    size_t at;
    struct spill *spill;
    struct spill_reader *reader;
    const struct vec **col;
};

struct row_queue *exec__row_queue_new(struct exec *e, uint16_t ncols, const oid_t *col_type)
{
    struct row_queue *q = ARENA_NEW(e->arena, struct row_queue);
    q->e = e;
    exec__record_type_init(e, &q->type, ncols, col_type);
    exec__records_init(&q->rows, "returned rows", e->memory_max);
    q->col = exec__vecs_new(e, ncols, VEC_ROWS);
    return q;
}

static enum err move_to_file(struct row_queue *q, struct diag *d)
{
    enum err err = q->spill ? ERR_OK : exec__spill_new(q->e, &q->spill, d);
    for (size_t i = 0; i < q->rows.n && !err; i++)
        err = exec__spill_write(q->spill, q->rows.v[i], d);
    exec__records_reset(&q->rows);
    return err;
}

enum err exec__row_queue_put(struct row_queue *q, const struct batch *b, struct diag *d)
{
    enum err err = exec__records_add(q->e, &q->rows, &q->type, b, "RETURNING", d);
    if (err || !exec__can_spill(q->e) || arena_used_bytes(q->rows.arena) < q->e->env.work_mem_bytes)
        return err;
    return move_to_file(q, d);
}

static enum err read_file(struct row_queue *q, struct diag *d)
{
    enum err err = ERR_OK;
    if (!q->reader) {
        err = move_to_file(q, d);
        if (!err)
            err = exec__spill_flush(q->spill, d);
        q->reader = exec__reader_new(q->e, q->spill, &q->type, 0, exec__spill_end(q->spill));
    }
    exec__records_reset(&q->rows);
    q->at = 0;
    while (!err && q->rows.n < VEC_ROWS) {
        struct record *r;
        err = exec__reader_next(q->reader, &r, d);
        if (err || !r)
            break;
        r = exec__record_of_row(&q->type, q->rows.arena, r->v, record_nulls(&q->type, r));
        if (!r)
            return exec__out_of_memory(q->e, "RETURNING", d);
        exec__records_push(&q->rows, r);
    }
    return err;
}

enum err exec__row_queue_get(struct row_queue *q, struct batch *ret, struct diag *d)
{
    enum err err = q->spill ? read_file(q, d) : ERR_OK;
    if (err)
        return err;
    const uint32_t n = (uint32_t)MIN(q->rows.n - q->at, (size_t)VEC_ROWS);
    for (uint16_t c = 0; c < q->type.ncols; c++)
        exec__records_column(&q->type, q->rows.v + q->at, n, c, exec__vec_at(q->col, c));
    q->at += n;
    *ret = (struct batch){ q->col, { NULL, n } };
    return ERR_OK;
}

void exec__row_queue_free(struct row_queue *q)
{
    if (!q)
        return;
    exec__records_fini(&q->rows);
    exec__reader_free(q->reader);
    exec__spill_free(q->spill);
}
