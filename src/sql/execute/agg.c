/*
 * Grouping and aggregates: one group, groups by hash, or groups that follow
 * each other in sorted input.
 *
 * When hashed groups need more than their share of memory, the ones that are
 * there go on, and rows of any other group are put into parts by hash, in
 * files, that are grouped afterwards.
 */
#include "base/hash.h"
#include "sql/execute/exec_int.h"
#include "sql/execute/sort.h"
#include "sql/execute/spill.h"

#define CARRY_BYTES (1u << 20) /* sorted input: memory of finished groups is given back in pieces of this */

struct group {
    struct group *next; /* in its bucket */
    uint64_t hash;
    struct record *key; /* the group's columns */
    uint64_t no;
    max_align_t state[];
};

/*
 * DISTINCT: the values that one aggregate has seen, by group. An aggregate of two arguments (string_agg) depends on the order of its values:
 * it is given them in the end, sorted.
 */
enum { SEEN_VALUE, SEEN_GROUP, SEEN_NEXT /* of the group, a pointer */, SEEN_SECOND, SEEN_COLUMNS };

struct seen {
    const struct type *type;
    struct record_type record;
    struct record **bucket;
    uint64_t mask, n;
};

struct call {
    const struct agg_call *plan;
    size_t offset; /* of its state in a group's */
    struct xp *arg, *arg2, *filter;
    struct seen *seen; /* DISTINCT */
    bool sorted; /* the group's state begins with the list of its values */
};

struct value_list {
    alignas(max_align_t) struct record *first;
    size_t n;
};

/* Rows of groups that wait for their turn. */
struct part {
    struct part *next;
    struct spill *rows;
    unsigned depth;
};

struct agg {
    struct node n;
    enum agg_strategy strategy;
    uint16_t ngroup, nagg;
    struct xp **group;
    const struct vec **key; /* values of the group's expressions in the child's batch */
    const struct type **key_type;
    struct record_type key_record;
    struct call *call;
    size_t state_bytes;
    struct xp *filter;
    const struct vec **col;
    uint16_t *idx;

    struct arena *arena[2]; /* groups; the second for sorted input, see give_back() */
    unsigned turn; /* the one that new memory comes from */
    bool other_used; /* the other one still has memory of the group `pinned` */
    uint64_t pinned, next_no;
    bool has_seen; /* some aggregate is DISTINCT */
    struct group **bucket;
    uint64_t mask;
    struct group **list; /* in the order of their first rows */
    size_t ngroups, list_cap, given;
    struct group *of_row[VEC_ROWS];
    void *states[VEC_ROWS];
    uint16_t rows[VEC_ROWS];
    bool built, ended;

    struct record_type child; /* rows in files */
    struct spill *cut[SPILL_PARTS];
    bool cutting;
    unsigned depth;
    struct part *parts, *part; /* waiting; at hand: NULL: the child's rows */
    struct spill_reader *reader;
    struct arena *read_arena;
    const struct vec **read_col;
    uint16_t *kept; /* rows whose group is in memory */
};

/* ---- making ------------------------------------------------------------------------------- */

static void init_call(struct agg *a, struct call *c, const struct agg_call *plan)
{
    struct exec *e = a->n.e;
    c->plan = plan;
    c->sorted = plan->distinct && plan->arg2;
    a->state_bytes += c->sorted ? sizeof(struct value_list) : 0;
    c->offset = a->state_bytes;
    a->state_bytes += ALIGN_UP(plan->agg->state_bytes, alignof(max_align_t));
    c->arg = exec__xp_new(e, plan->arg, VEC_ROWS);
    c->arg2 = exec__xp_new(e, plan->arg2, VEC_ROWS);
    c->filter = exec__xp_new(e, plan->filter, VEC_ROWS);
    if (!plan->distinct || !plan->arg)
        return;
    a->has_seen = true;
    c->seen = ARENA_NEW(e->arena, struct seen);
    c->seen->type = type_by_oid(plan->arg->type);
    const oid_t types[SEEN_COLUMNS] = { plan->arg->type, TYPE_INT8, TYPE_INT8, plan->arg2 ? plan->arg2->type : TYPE_INT8 };
    exec__record_type_init(e, &c->seen->record, SEEN_COLUMNS, types);
}

static enum err agg_init(struct node *n, struct diag *d)
{
    struct agg *a = (struct agg *)n;
    const struct plan_node *p = n->plan;
    struct exec *e = n->e;
    a->strategy = p->agg.strategy;
    a->ngroup = p->agg.ngroup;
    a->nagg = p->agg.nagg;
    a->group = exec__xps_new(e, p->agg.group, a->ngroup, VEC_ROWS);
    a->key = ARENA_ARRAY(e->arena, const struct vec *, a->ngroup);
    a->key_type = ARENA_ARRAY(e->arena, const struct type *, a->ngroup);
    for (uint16_t i = 0; i < a->ngroup; i++)
        a->key_type[i] = type_by_oid(p->col_type[i]);
    exec__record_type_init(e, &a->key_record, a->ngroup, p->col_type);
    a->call = ARENA_ARRAY(e->arena, struct call, a->nagg);
    for (uint16_t i = 0; i < a->nagg; i++)
        init_call(a, &a->call[i], &p->agg.agg[i]);
    a->filter = exec__xp_new(e, p->filter, VEC_ROWS);
    a->col = exec__vecs_new(e, p->ncols, VEC_ROWS);
    a->idx = arena_alloc(e->arena, VEC_ROWS * sizeof *a->idx);
    if (a->strategy == AGG_SORTED) { /* those of one batch, and the one before */
        a->list_cap = VEC_ROWS + 1;
        a->list = ARENA_ARRAY(e->arena, struct group *, a->list_cap);
    }
    for (unsigned i = 0; i < 2; i++)
        a->arena[i] = arena_new("groups", e->memory_max);
    exec__record_type_init(e, &a->child, p->left->ncols, p->left->col_type);
    return ERR_OK;
}

static void end_part(struct agg *a)
{
    exec__reader_free(a->reader);
    a->reader = NULL;
    if (a->part)
        exec__spill_free(a->part->rows);
    a->part = NULL;
}

static void forget_parts(struct agg *a)
{
    end_part(a);
    for (; a->parts; a->parts = a->parts->next)
        exec__spill_free(a->parts->rows);
    for (unsigned i = 0; i < SPILL_PARTS; i++) {
        exec__spill_free(a->cut[i]);
        a->cut[i] = NULL;
    }
    a->cutting = false;
    a->depth = 0;
}

static void forget_seen(struct agg *a)
{
    for (uint16_t i = 0; i < a->nagg; i++)
        if (a->call[i].seen) {
            a->call[i].seen->bucket = NULL;
            a->call[i].seen->n = 0;
        }
}

static void forget_groups(struct agg *a)
{
    arena_reset(a->arena[0]);
    arena_reset(a->arena[1]);
    forget_seen(a);
    a->bucket = NULL;
    a->ngroups = a->given = 0;
    a->other_used = false;
    if (a->strategy != AGG_SORTED) {
        a->list = NULL;
        a->list_cap = 0;
    }
    a->built = a->ended = false;
}

static void agg_rewind(struct node *n)
{
    forget_parts((struct agg *)n);
    forget_groups((struct agg *)n);
    exec__node_rewind(n->left);
}

static void agg_end(struct node *n)
{
    struct agg *a = (struct agg *)n;
    forget_parts(a);
    arena_free(a->arena[0]);
    arena_free(a->arena[1]);
    arena_free(a->read_arena);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static enum err no_memory(const struct agg *a, struct diag *d)
{
    return exec__out_of_memory(a->n.e, "Grouping", d);
}

static enum err add_group(struct agg *a, uint64_t hash, uint32_t row, struct group **ret, struct diag *d)
{
    struct arena *arena = a->arena[a->turn];
    struct group *g = arena_try_alloc(arena, sizeof *g + a->state_bytes);
    if (!g)
        return no_memory(a, d);
    memset(g, 0, sizeof *g + a->state_bytes);
    g->hash = hash;
    g->no = a->next_no++;
    g->key = a->ngroup ? exec__record_new(&a->key_record, arena, a->key, row) : NULL;
    if (a->ngroup && !g->key)
        return no_memory(a, d);
    if (a->ngroups == a->list_cap) {
        const size_t cap = MAX(2 * a->list_cap, (size_t)64);
        struct group **list = arena_try_alloc(arena, cap * sizeof *list);
        if (!list)
            return no_memory(a, d);
        if (a->ngroups)
            memcpy(list, a->list, a->ngroups * sizeof *list);
        a->list = list;
        a->list_cap = cap;
    }
    a->list[a->ngroups++] = g;
    *ret = g;
    return ERR_OK;
}

static uint64_t hash_row(const struct agg *a, uint32_t i)
{
    uint64_t h = 0;
    for (uint16_t k = 0; k < a->ngroup; k++) {
        const uint32_t at = vec_row(a->key[k], i);
        h = hash_u64(h + (a->key[k]->null[at] ? 1 : a->key_type[k]->hash(a->key[k]->v[at])));
    }
    return h;
}

static bool is_of_group(const struct agg *a, const struct group *g, uint32_t i)
{
    const uint8_t *null = record_nulls(&a->key_record, g->key);
    for (uint16_t k = 0; k < a->ngroup; k++) {
        const uint32_t at = vec_row(a->key[k], i);
        const bool row_null = a->key[k]->null[at];
        if (row_null != (bool)null[k] || (!row_null && a->key_type[k]->cmp(a->key[k]->v[at], g->key->v[k]) != 0))
            return false;
    }
    return true;
}

static enum err grow_buckets(struct agg *a, struct diag *d)
{
    if (a->bucket && a->ngroups <= a->mask)
        return ERR_OK;
    const uint64_t n = a->bucket ? 4 * (a->mask + 1) : 256;
    struct group **bucket = arena_try_alloc(a->arena[0], n * sizeof *bucket);
    if (!bucket)
        return no_memory(a, d);
    memset(bucket, 0, n * sizeof *bucket);
    a->bucket = bucket;
    a->mask = n - 1;
    for (size_t i = 0; i < a->ngroups; i++) {
        struct group *g = a->list[i];
        g->next = bucket[g->hash & a->mask];
        bucket[g->hash & a->mask] = g;
    }
    return ERR_OK;
}

/* A row of a group that is not in memory, when that is full. */
static enum err put_away(struct agg *a, const struct batch *b, uint32_t i, uint64_t hash, struct diag *d)
{
    struct record *r = exec__record_new(&a->child, a->n.arena, b->col, i);
    if (!r)
        return no_memory(a, d);
    r->hash = hash;
    return exec__part_write(a->n.e, a->cut, a->depth, r, d);
}

static bool is_full(const struct agg *a)
{
    return arena_used_bytes(a->arena[0]) > HASH_MEM(a->n.e) && exec__can_spill(a->n.e) && a->depth < SPILL_DEPTH;
}

/* The group of each row, in of_row; *sel is left with the rows whose group is in memory. */
static enum err hash_groups(struct agg *a, const struct batch *b, struct sel *sel, struct diag *d)
{
    const struct sel all = *sel;
    uint32_t n = 0;
    if (a->cutting)
        *sel = (struct sel){ a->kept, 0 };
    for (uint32_t k = 0; k < all.n; k++) {
        const uint32_t i = sel_row(&all, k);
        enum err err = grow_buckets(a, d);
        if (err)
            return err;
        const uint64_t hash = hash_row(a, i);
        struct group *g = a->bucket[hash & a->mask];
        while (g && (g->hash != hash || !is_of_group(a, g, i)))
            g = g->next;
        if (!g && a->cutting) {
            err = put_away(a, b, i, hash, d);
            if (err)
                return err;
            continue;
        }
        if (!g) {
            err = add_group(a, hash, i, &g, d);
            if (err)
                return err;
            g->next = a->bucket[hash & a->mask];
            a->bucket[hash & a->mask] = g;
        }
        a->of_row[i] = g;
        if (a->cutting)
            a->kept[n++] = (uint16_t)i;
    }
    if (a->cutting)
        sel->n = n;
    else if (is_full(a)) {
        a->cutting = true; /* from the next batch on */
        a->kept = a->kept ? a->kept : arena_alloc(a->n.e->arena, VEC_ROWS * sizeof *a->kept);
    }
    return ERR_OK;
}

static enum err sorted_groups(struct agg *a, const struct sel *sel, struct diag *d)
{
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel_row(sel, k);
        struct group *g = a->ngroups ? a->list[a->ngroups - 1] : NULL;
        if (!g || !is_of_group(a, g, i)) {
            enum err err = add_group(a, 0, i, &g, d);
            if (err)
                return err;
        }
        a->of_row[i] = g;
    }
    return ERR_OK;
}

static enum err find_groups(struct agg *a, const struct batch *b, struct sel *sel, struct diag *d)
{
    const struct xctx c = { a->n.e, a->n.arena, { b->col } };
    for (uint16_t k = 0; k < a->ngroup; k++) {
        enum err err = exec__xp_eval(&c, a->group[k], &b->sel, &a->key[k]);
        if (err)
            return err;
    }
    if (a->strategy == AGG_SORTED)
        return sorted_groups(a, &b->sel, d);
    if (a->strategy == AGG_HASH && a->ngroup)
        return hash_groups(a, b, sel, d);
    for (uint32_t k = 0; k < b->sel.n; k++)
        a->of_row[sel_row(&b->sel, k)] = a->list[0];
    return ERR_OK;
}

/* ---- aggregates ----------------------------------------------------------------------------------- */

static enum err grow_seen(struct agg *a, struct seen *s, struct diag *d)
{
    if (s->bucket && s->n <= s->mask)
        return ERR_OK;
    const uint64_t n = s->bucket ? 4 * (s->mask + 1) : 256;
    struct record **bucket = arena_try_alloc(a->arena[a->turn], n * sizeof *bucket);
    if (!bucket)
        return no_memory(a, d);
    memset(bucket, 0, n * sizeof *bucket);
    for (uint64_t i = 0; s->bucket && i <= s->mask; i++)
        for (struct record *r = s->bucket[i], *next; r; r = next) {
            next = r->next;
            r->next = bucket[r->hash & (n - 1)];
            bucket[r->hash & (n - 1)] = r;
        }
    s->bucket = bucket;
    s->mask = n - 1;
    return ERR_OK;
}

static enum err see(struct agg *a, const struct call *c, struct group *g, const struct vec *const *args, uint32_t row, bool *ret_new, struct diag *d)
{
    struct seen *s = c->seen;
    enum err err = grow_seen(a, s, d);
    if (err)
        return err;
    const union datum v = args[0]->v[vec_row(args[0], row)];
    const uint64_t hash = hash_u64(s->type->hash(v) + hash_u64(g->no));
    *ret_new = false;
    for (const struct record *r = s->bucket[hash & s->mask]; r; r = r->next)
        if (r->hash == hash && (uint64_t)r->v[SEEN_GROUP].i == g->no && s->type->cmp(r->v[SEEN_VALUE], v) == 0)
            return ERR_OK;
    union datum of[SEEN_COLUMNS] = { v, datum_int((int64_t)g->no) };
    uint8_t null[SEEN_COLUMNS] = { 0 };
    struct value_list *list = (struct value_list *)((char *)g->state + c->offset) - 1;
    if (c->sorted) {
        of[SEEN_NEXT] = datum_int((int64_t)(intptr_t)list->first);
        of[SEEN_SECOND] = args[1]->v[vec_row(args[1], row)];
        null[SEEN_SECOND] = args[1]->null[vec_row(args[1], row)];
    }
    struct record *r = exec__record_of_row(&s->record, a->arena[a->turn], of, null);
    if (!r)
        return no_memory(a, d);
    r->hash = hash;
    r->next = s->bucket[hash & s->mask];
    s->bucket[hash & s->mask] = r;
    s->n++;
    if (c->sorted) {
        list->first = r;
        list->n++;
    }
    *ret_new = !c->sorted;
    return ERR_OK;
}

/* DISTINCT: leaves the rows whose value is new to their group. NULLs count for no aggregate with an argument. */
static enum err only_new(struct agg *a, const struct call *c, const struct vec *const *args, struct sel *sel, struct diag *d)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel_row(sel, k);
        bool is_new = false;
        enum err err = args[0]->null[vec_row(args[0], i)] ? ERR_OK : see(a, c, a->of_row[i], args, i, &is_new, d);
        if (err)
            return err;
        a->rows[n] = (uint16_t)i;
        n += is_new;
    }
    *sel = (struct sel){ a->rows, n };
    return ERR_OK;
}

/* In the end: a group's distinct values in their order. */
static enum err accumulate_sorted(struct agg *a, const struct call *c, struct group *g, struct diag *d)
{
    static const struct sort_key by_value = { .col = SEEN_VALUE };
    struct exec *e = a->n.e;
    void *state = (char *)g->state + c->offset;
    const struct value_list *list = (const struct value_list *)state - 1;
    const struct order_by order = { &c->seen->record, 1, &by_value, &c->seen->type };
    struct record **r = arena_try_alloc(a->n.arena, (list->n + 1) * sizeof *r);
    if (!r)
        return no_memory(a, d);
    size_t n = 0;
    for (struct record *x = list->first; x; x = (struct record *)(intptr_t)x->v[SEEN_NEXT].i)
        r[n++] = x;
    exec__sort_records(&order, r, n);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *null = record_nulls(&c->seen->record, r[i]);
        struct value v, second;
        value_set(&v, r[i]->v[SEEN_VALUE], false);
        value_set(&second, r[i]->v[SEEN_SECOND], null[SEEN_SECOND]);
        const struct vec *args[2] = { &v.vec, &second.vec };
        enum err err = c->plan->agg->accumulate(&e->func, &(struct sel){ NULL, 1 }, &state, args, a->arena[a->turn]);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err accumulate(struct agg *a, struct call *call, const struct batch *b, const struct sel *rows, struct diag *d)
{
    struct exec *e = a->n.e;
    const struct xctx c = { e, a->n.arena, { b->col } };
    const struct vec *args[2] = { NULL, NULL };
    struct sel sel;
    enum err err = exec__xp_filter(&c, call->filter, rows, a->rows, &sel);
    if (!err && call->arg)
        err = exec__xp_eval(&c, call->arg, &sel, &args[0]);
    if (!err && call->arg2)
        err = exec__xp_eval(&c, call->arg2, &sel, &args[1]);
    if (!err && call->seen)
        err = only_new(a, call, args, &sel, d);
    if (err || sel.n == 0)
        return err;
    for (uint32_t k = 0; k < sel.n; k++)
        a->states[k] = (char *)a->of_row[sel_row(&sel, k)]->state + call->offset;
    e->func.types.arena = a->n.arena;
    return call->plan->agg->accumulate(&e->func, &sel, a->states, args, a->arena[a->turn]);
}

static enum err take_batch(struct agg *a, const struct batch *b, struct diag *d)
{
    struct sel rows = b->sel;
    enum err err = find_groups(a, b, &rows, d);
    for (uint16_t i = 0; i < a->nagg && !err && rows.n > 0; i++)
        err = accumulate(a, &a->call[i], b, &rows, d);
    return err || !arena_over_limit(a->arena[a->turn]) ? err : no_memory(a, d);
}

/* ---- results ------------------------------------------------------------------------------------------ */

static enum err give_groups(struct agg *a, struct group *const *g, uint32_t n, struct batch *ret, struct diag *d)
{
    struct exec *e = a->n.e;
    arena_reset(exec__node_arena(&a->n));
    e->func.types.arena = a->n.arena;
    for (uint32_t k = 0; k < n; k++) {
        for (uint16_t c = 0; c < a->ngroup; c++) {
            exec__vec_at(a->col, c)->v[k] = g[k]->key->v[c];
            exec__vec_at(a->col, c)->null[k] = record_nulls(&a->key_record, g[k]->key)[c];
        }
        for (uint16_t i = 0; i < a->nagg; i++) {
            struct vec *v = exec__vec_at(a->col, a->ngroup + i);
            bool null = true;
            enum err err = a->call[i].sorted ? accumulate_sorted(a, &a->call[i], g[k], d) : ERR_OK;
            if (!err)
                err = a->call[i].plan->agg->finish(&e->func, (const char *)g[k]->state + a->call[i].offset, &v->v[k], &null);
            if (err)
                return err;
            v->null[k] = null;
        }
    }
    const struct xctx c = { e, a->n.arena, { a->col } };
    const struct sel all = { NULL, n };
    *ret = (struct batch){ a->col, all };
    return exec__xp_filter(&c, a->filter, &all, a->idx, &ret->sel);
}

/* ---- parts ------------------------------------------------------------------------------------------------ */

static enum err next_rows(struct agg *a, struct batch *ret, struct diag *d)
{
    struct exec *e = a->n.e;
    if (!a->part)
        return node_next(a->n.left, ret, d);
    if (!a->reader) {
        enum err err = exec__spill_flush(a->part->rows, d);
        if (err)
            return err;
        a->reader = exec__reader_new(e, a->part->rows, &a->child, 0, exec__spill_end(a->part->rows));
    }
    if (!a->read_arena) {
        a->read_arena = arena_new("rows from a file", e->memory_max);
        a->read_col = exec__vecs_new(e, a->child.ncols, VEC_ROWS);
    }
    arena_reset(a->read_arena);
    return exec__reader_batch(a->reader, a->read_arena, a->read_col, ret, d);
}

/* What was put away of the rows at hand joins the parts that wait. */
static void end_cutting(struct agg *a)
{
    for (unsigned i = SPILL_PARTS; i-- > 0;) {
        if (!a->cut[i])
            continue;
        struct part *p = ARENA_NEW(a->n.e->arena, struct part);
        *p = (struct part){ a->parts, a->cut[i], a->depth + 1 };
        a->parts = p;
        a->cut[i] = NULL;
    }
    a->cutting = false;
}

static bool take_part(struct agg *a)
{
    end_part(a);
    if (!a->parts)
        return false;
    a->part = a->parts;
    a->parts = a->part->next;
    a->depth = a->part->depth;
    forget_groups(a);
    return true;
}

/* Plain and hashed: all input first. */
static enum err build(struct agg *a, struct diag *d)
{
    struct group *g;
    bool any = false;
    exec__node_arena(&a->n);
    if (a->ngroup == 0) {
        enum err err = add_group(a, 0, 0, &g, d);
        if (err)
            return err;
    }
    for (;;) {
        struct batch b;
        enum err err = exec__breathe(d);
        if (!err)
            err = next_rows(a, &b, d);
        if (err)
            return err;
        if (b.sel.n == 0)
            break;
        any = true;
        arena_reset(a->n.arena);
        err = take_batch(a, &b, d);
        if (err)
            return err;
    }
    if (a->ngroup == 0 && a->strategy != AGG_PLAIN && !any)
        a->ngroups = 0; /* GROUP BY constants: without rows there is no group */
    end_cutting(a);
    return ERR_OK;
}

static enum err built_next(struct agg *a, struct batch *ret, struct diag *d)
{
    for (;;) {
        enum err err = a->built ? ERR_OK : build(a, d);
        if (err)
            return err;
        a->built = true;
        while (a->given < a->ngroups) {
            const uint32_t n = (uint32_t)MIN(a->ngroups - a->given, (size_t)VEC_ROWS);
            err = exec__breathe(d);
            if (!err)
                err = give_groups(a, a->list + a->given, n, ret, d);
            a->given += n;
            if (err || ret->sel.n > 0)
                return err;
        }
        if (!take_part(a))
            return node_end(ret);
    }
}

/*
 * Sorted input: the last group goes on in the next batch. Memory comes from one arena until that has had its fill, then from the other; the
 * first is given back once the group that went over from it has ended.
 */
static void give_back(struct agg *a)
{
    if (a->ngroups > 1) {
        a->list[0] = a->list[a->ngroups - 1];
        a->ngroups = 1;
    }
    if (a->has_seen || a->ngroups == 0)
        return;
    if (a->other_used && a->list[0]->no != a->pinned) {
        arena_reset(a->arena[1 - a->turn]);
        a->other_used = false;
    }
    if (!a->other_used && arena_used_bytes(a->arena[a->turn]) > CARRY_BYTES) {
        a->pinned = a->list[0]->no;
        a->other_used = true;
        a->turn ^= 1;
    }
}

static enum err sorted_next(struct agg *a, struct batch *ret, struct diag *d)
{
    exec__node_arena(&a->n);
    while (!a->ended) {
        struct batch b;
        give_back(a);
        enum err err = exec__breathe(d);
        if (!err)
            err = node_next(a->n.left, &b, d);
        if (err)
            return err;
        arena_reset(a->n.arena);
        a->ended = b.sel.n == 0;
        if (!a->ended)
            err = take_batch(a, &b, d);
        const size_t done = a->ended ? a->ngroups : a->ngroups - 1;
        *ret = (struct batch){ 0 };
        if (!err && done)
            err = give_groups(a, a->list, (uint32_t)done, ret, d);
        if (err || ret->sel.n > 0)
            return err;
    }
    return node_end(ret);
}

static enum err agg_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct agg *a = (struct agg *)n;
    return a->strategy == AGG_SORTED && a->ngroup ? sorted_next(a, ret, d) : built_next(a, ret, d);
}

const struct node_ops exec__agg = { sizeof(struct agg), agg_init, agg_next, agg_rewind, agg_end };
