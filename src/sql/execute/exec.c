/*
 * A run from start to end: its nodes, its batches, its memory.
 */
#include "sql/execute/execute.h"

#include <stdlib.h>

#include "sql/execute/exec_int.h"
#include "sql/execute/rows.h"

#define MEMORY_MAX_MIN (256u * 1024 * 1024) /* of one hash table or sort, however small work_mem is */

/* ---- small things --------------------------------------------------------------- */

struct table_def *exec__rel(const struct exec *e, uint16_t rel)
{
    assert(rel < e->plan->nrels);
    return e->plan->rel[rel].def;
}

enum err exec__canceled(struct diag *d)
{
    return diag_set(d, ERR_CANCELED, "canceling statement due to user request");
}

enum err exec__out_of_memory(const struct exec *e, const char *what, struct diag *d)
{
    diag_set(d, ERR_OUT_OF_MEMORY, "out of memory");
    return diag_detail(d, "%s needs more than %zu MB.", what, e->memory_max >> 20);
}

const uint16_t *exec__identity(struct exec *e)
{
    if (!e->identity) {
        e->identity = arena_alloc(e->arena, VEC_ROWS * sizeof *e->identity);
        for (uint32_t i = 0; i < VEC_ROWS; i++)
            e->identity[i] = (uint16_t)i;
    }
    return e->identity;
}

struct batch exec__parts_take(struct exec *e, struct parts *p, uint32_t max)
{
    struct batch b = p->b;
    const uint32_t n = MIN(b.sel.n - p->at, max);
    if (p->at > 0)
        b.sel.idx = (b.sel.idx ? b.sel.idx : exec__identity(e)) + p->at;
    b.sel.n = n;
    p->at += n;
    return b;
}

void exec__vec_init(struct exec *e, struct vec *v, uint32_t cap)
{
    v->v = arena_alloc(e->arena, cap * sizeof *v->v);
    v->null = arena_alloc(e->arena, cap);
    v->is_const = false;
}

const struct vec **exec__vecs_new(struct exec *e, uint32_t n, uint32_t cap)
{
    struct vec *v = ARENA_ARRAY(e->arena, struct vec, n);
    const struct vec **col = ARENA_ARRAY(e->arena, const struct vec *, n);
    for (uint32_t i = 0; i < n; i++) {
        exec__vec_init(e, &v[i], cap);
        col[i] = &v[i];
    }
    return col;
}

struct vec *exec__vec_at(const struct vec *const *col, uint32_t i)
{
    return (struct vec *)col[i];
}

/* ---- nodes ------------------------------------------------------------------------ */

static const struct node_ops *ops_of(enum plan_node_kind kind)
{
    switch (kind) {
    case NODE_RESULT:
        return &exec__result;
    case NODE_VALUES:
        return &exec__values;
    case NODE_SOURCE:
        return &exec__source;
    case NODE_FUNC_SCAN:
        return &exec__func_scan;
    case NODE_SEQ_SCAN:
        return &exec__seq_scan;
    case NODE_INDEX_SCAN:
        return &exec__index_scan;
    case NODE_FILTER:
        return &exec__filter;
    case NODE_PROJECT:
        return &exec__project;
    case NODE_NEST_LOOP:
        return &exec__nest_loop;
    case NODE_HASH_JOIN:
        return &exec__hash_join;
    case NODE_LOOKUP_JOIN:
        return &exec__lookup_join;
    case NODE_AGG:
        return &exec__agg;
    case NODE_SORT:
        return &exec__sort;
    case NODE_UNIQUE:
        return &exec__unique;
    case NODE_LIMIT:
        return &exec__limit;
    case NODE_APPEND:
        return &exec__append;
    case NODE_LOCK_ROWS:
        return &exec__lock_rows;
    case NODE_INSERT:
        return &exec__insert;
    case NODE_UPDATE:
        return &exec__update;
    case NODE_DELETE:
        return &exec__delete;
    }
    return NULL;
}

enum err exec__node_new(struct exec *e, const struct plan_node *p, struct node **ret, struct diag *d)
{
    *ret = NULL;
    if (!p)
        return ERR_OK;
    if (UNLIKELY(rt_stack_left() < EXEC_STACK_MIN))
        return diag_set(d, ERR_STATEMENT_COMPLEX, "stack depth limit exceeded");
    const struct node_ops *ops = ops_of(p->kind);
    struct node *n = arena_zalloc(e->arena, ops->size);
    n->ops = ops;
    n->plan = p;
    n->e = e;
    n->cap = VEC_ROWS;
    n->actual = e->env.actual ? &e->env.actual[p->id] : NULL;
    enum err err = exec__node_new(e, p->left, &n->left, d);
    if (!err)
        err = exec__node_new(e, p->right, &n->right, d);
    if (!err)
        err = ops->init(n, d);
    if (err)
        return err;
    n->previous = e->last_node;
    e->last_node = n;
    *ret = n;
    return ERR_OK;
}

void exec__node_rewind(struct node *n)
{
    if (!n)
        return;
    n->running = false;
    n->want = 0;
    n->ops->rewind(n);
}

struct arena *exec__node_arena(struct node *n)
{
    if (!n->arena)
        n->arena = arena_new("batch", n->e->memory_max);
    return n->arena;
}

static enum err measured_next(struct node *n, struct batch *ret, struct diag *d)
{
    struct plan_actual *a = n->actual;
    const uint64_t from = rt_now();
    const bool first = !n->running;
    if (first) {
        n->running = true;
        a->loops++;
    }
    enum err err = n->ops->next(n, ret, d);
    const double ms = (double)(rt_now() - from) / 1e6;
    a->total_ms += ms;
    if (first)
        a->startup_ms += ms;
    if (!err)
        a->rows += ret->sel.n;
    return err;
}

struct next_call {
    struct node *n;
    struct batch *ret;
    struct diag *d;
    enum err err;
};

static void next_on_big_stack(void *arg)
{
    struct next_call *c = arg;
    if (rt_stack_left() < EXEC_STACK_MIN)
        c->err = diag_set(c->d, ERR_STATEMENT_COMPLEX, "stack depth limit exceeded");
    else
        c->err = c->n->actual ? measured_next(c->n, c->ret, c->d) : c->n->ops->next(c->n, c->ret, c->d);
}

enum err exec__node_next_slow(struct node *n, struct batch *ret, struct diag *d)
{
    if (rt_stack_left() >= EXEC_STACK_MIN)
        return measured_next(n, ret, d);
    struct next_call c = { n, ret, d, ERR_OK };
    rt_call_on_big_stack(next_on_big_stack, &c);
    return c.err;
}

/* ---- start ------------------------------------------------------------------------- */

static struct exec *exec_new(const struct exec_env *env, const struct plan *plan, struct arena *arena, struct diag *d)
{
    struct exec *e = ARENA_NEW(arena, struct exec);
    e->plan = plan;
    e->failed_row = UINT32_MAX;
    e->env = *env;
    e->func = env->func;
    e->func.types.arena = arena;
    e->func.d = d;
    e->access = env->catalog ? catalog_access(env->catalog) : NULL;
    e->arena = arena;
    e->memory_max = MAX((size_t)MEMORY_MAX_MIN, env->work_mem_bytes);
    if (!plan)
        return e;
    if (plan->nexec_params)
        e->exec_param = ARENA_ARRAY(arena, struct value, plan->nexec_params);
    if (plan->nonce)
        e->once = ARENA_ARRAY(arena, struct value, plan->nonce);
    return e;
}

struct start_call {
    struct exec *e;
    struct diag *d;
    enum err err;
};

static void build_nodes(void *arg)
{
    struct start_call *c = arg;
    c->err = exec__node_new(c->e, c->e->plan->root, &c->e->root, c->d);
}

/* Deep plans and expressions recurse: the nodes are made on a large stack where the present one could be short. */
static enum err start_nodes(struct exec *e, struct diag *d)
{
    struct start_call c = { e, d, ERR_OK };
    rt_call_on_big_stack(build_nodes, &c);
    return c.err;
}

enum err exec_start(const struct exec_env *env, const struct plan *plan, struct arena *arena, struct exec **ret, struct diag *d)
{
    struct exec *e = exec_new(env, plan, arena, d);
    if (plan->shortcut.kind != SHORTCUT_NONE && !env->actual && (e->shortcut = exec__shortcut_new(e)) != NULL) {
        *ret = e;
        return ERR_OK;
    }
    enum err err = start_nodes(e, d);
    if (err) {
        exec_end(e);
        return err;
    }
    *ret = e;
    return ERR_OK;
}

/* ---- rows ---------------------------------------------------------------------------- */

/* Changes with RETURNING are all made before the first row is handed out, however slowly the client asks for them. */
static enum err work_first(struct exec *e, struct diag *d)
{
    e->returned = exec__row_queue_new(e, e->plan->root->ncols, e->plan->root->col_type);
    for (;;) {
        struct batch b;
        enum err err = node_next(e->root, &b, d);
        if (err || b.sel.n == 0)
            return err;
        err = exec__row_queue_put(e->returned, &b, d);
        if (err)
            return err;
    }
}

static enum err next_batch(struct exec *e, struct batch *ret, struct diag *d)
{
    const bool changes = e->plan->command != QUERY_SELECT;
    if (!changes || e->plan->ncols == 0)
        return node_next(e->root, ret, d);
    if (!e->started) {
        e->started = true;
        enum err err = work_first(e, d);
        if (err)
            return err;
    }
    return exec__row_queue_get(e->returned, ret, d);
}

enum err exec_next(struct exec *e, uint32_t max_rows, struct result_batch *ret, struct diag *d)
{
    *ret = (struct result_batch){ 0 };
    if (e->ended)
        return ERR_OK;
    e->func.d = d;
    if (e->shortcut)
        return exec__shortcut_run(e, ret, d);
    const uint32_t max = max_rows ? max_rows : VEC_ROWS;
    if (!parts_left(&e->parts)) {
        enum err err = exec__breathe(d);
        if (!err) {
            e->root->want = max < VEC_ROWS ? max : 0;
            err = next_batch(e, &e->parts.b, d);
        }
        if (err)
            return err;
        e->parts.at = 0;
        if (e->parts.b.sel.n == 0) {
            e->ended = true;
            return ERR_OK;
        }
    }
    const struct batch b = exec__parts_take(e, &e->parts, max);
    if (e->plan->command == QUERY_SELECT)
        e->rows += b.sel.n;
    *ret = (struct result_batch){ .col = b.col, .ncols = e->plan->ncols, .sel = b.sel };
    return ERR_OK;
}

uint64_t exec_rows(const struct exec *e)
{
    return e->rows;
}

uint32_t exec_failed_row(const struct exec *e)
{
    return e->failed_row;
}

void exec_end(struct exec *e)
{
    if (!e || (e->shortcut && !e->last_node && !e->subplan))
        return;
    e->ended = true;
    for (struct node *n = e->last_node; n; n = n->previous) {
        if (n->ops->end)
            n->ops->end(n);
        arena_free(n->arena);
        n->arena = NULL;
    }
    e->last_node = NULL;
    exec__subplans_end(e);
    exec__row_queue_free(e->returned);
    e->returned = NULL;
}

/* ---- expressions alone ------------------------------------------------------------------ */

enum err exec_constant(const struct exec_env *env, const struct expr *x, struct arena *arena, union datum *ret, bool *ret_null, struct diag *d)
{
    struct exec *e = exec_new(env, NULL, arena, d);
    union datum v = { 0 };
    uint8_t null;
    enum err err = exec__scalar(e, x, NULL, &v, &null);
    if (err)
        return err;
    *ret = v;
    *ret_null = null;
    return ERR_OK;
}
