/*
 * Joins. All three kinds make pairs of a left row and a right row, a vector of
 * them at a time; what is done with the pairs (condition, outer rows, SEMI and
 * ANTI) is the same code.
 */
#include "sql/execute/join.h"


/* ---- making ------------------------------------------------------------------------------ */

static const struct vec **pair_vecs(struct exec *e, uint16_t n, const bool *used)
{
    struct vec *v = ARENA_ARRAY(e->arena, struct vec, n);
    const struct vec **col = ARENA_ARRAY(e->arena, const struct vec *, n);
    for (uint16_t i = 0; i < n; i++) {
        if (used[i])
            exec__vec_init(e, &v[i], VEC_ROWS);
        col[i] = &v[i];
    }
    return col;
}

void exec__join_init(struct join *j, const struct join_kind *kind, uint16_t nleft, uint16_t nright)
{
    const struct plan_node *p = j->n.plan;
    struct exec *e = j->n.e;
    j->kind = kind;
    j->type = p->join.type;
    j->nleft = nleft;
    j->nright = nright;
    j->on = exec__xp_new(e, p->join.on, VEC_ROWS);
    j->filter = exec__xp_new(e, p->filter, VEC_ROWS);
    j->out = ARENA_ARRAY(e->arena, const struct vec *, p->ncols);
    j->left_used = ARENA_ARRAY(e->arena, bool, nleft);
    j->right_used = ARENA_ARRAY(e->arena, bool, nright);
    exec__xp_columns(e, p->join.on, j->left_used, j->right_used);
    exec__xp_columns(e, p->filter, j->left_used, j->right_used);
    for (uint16_t i = 0; i < p->ncols; i++)
        (p->join.out[i].input ? j->right_used : j->left_used)[p->join.out[i].col] = true;
    j->left_pair = pair_vecs(e, nleft, j->left_used);
    j->right_pair = pair_vecs(e, nright, j->right_used);
    value_set(&j->nothing, (union datum){ 0 }, true);
    j->left_arena = arena_new("left rows", e->memory_max);
    j->phase = PHASE_BUILD;
}

void exec__join_reset(struct join *j)
{
    j->phase = PHASE_BUILD;
    j->left = (struct batch){ 0 };
    if (j->right.arena)
        exec__records_reset(&j->right);
    j->right_at = 0;
    exec__node_rewind(j->n.left);
    exec__node_rewind(j->n.right);
}

void exec__join_end(struct join *j)
{
    arena_free(j->left_arena);
    if (j->right.arena)
        exec__records_fini(&j->right);
}

/* ---- what is done with pairs ----------------------------------------------------------------- */

static void gather_left(struct join *j, uint32_t n)
{
    for (uint16_t c = 0; c < j->nleft; c++) {
        if (!j->left_used[c])
            continue;
        const struct vec *from = j->left.col[c];
        struct vec *to = exec__vec_at(j->left_pair, c);
        const uint32_t mask = from->is_const ? 0 : UINT32_MAX;
        for (uint32_t k = 0; k < n; k++) {
            to->v[k] = from->v[j->pair_left[k] & mask];
            to->null[k] = from->null[j->pair_left[k] & mask];
        }
    }
}

void exec__join_gather_right(struct join *j, struct record *const *r, uint32_t n)
{
    for (uint16_t c = 0; c < j->nright; c++)
        if (j->right_used[c])
            exec__records_column(&j->right_type, r, n, c, exec__vec_at(j->right_pair, c));
}

/* The join's output columns: of these inputs, or NULLs for an input that is NULL. Then the filter. */
static enum err give(struct join *j, const struct vec *const *left, const struct vec *const *right, struct sel sel, struct batch *ret)
{
    const struct plan_node *p = j->n.plan;
    for (uint16_t i = 0; i < p->ncols; i++) {
        const struct vec *const *in = p->join.out[i].input ? right : left;
        j->out[i] = in ? in[p->join.out[i].col] : &j->nothing.vec;
    }
    *ret = (struct batch){ j->out, sel };
    if (!j->filter)
        return ERR_OK;
    const struct vec *const *in[2] = { left, right };
    const uint16_t width[2] = { j->nleft, j->nright };
    for (unsigned side = 0; side < 2; side++) {
        if (in[side])
            continue;
        const struct vec **none = ARENA_ARRAY(j->n.arena, const struct vec *, width[side]);
        for (uint16_t c = 0; c < width[side]; c++)
            none[c] = &j->nothing.vec;
        in[side] = none;
    }
    const struct xctx c = { j->n.e, j->n.arena, { in[0], in[1] } };
    return exec__xp_filter(&c, j->filter, &sel, j->idx, &ret->sel);
}

/* n pairs: which of them count, whom they match, and what they give. */
static enum err take_pairs(struct join *j, uint32_t n, struct batch *ret)
{
    struct sel sel = { NULL, n };
    gather_left(j, n);
    const struct xctx c = { j->n.e, j->n.arena, { j->left_pair, j->right_pair } };
    enum err err = exec__xp_filter(&c, j->on, &sel, j->idx, &sel);
    for (uint32_t k = 0; k < sel.n && !err; k++) {
        const uint32_t i = sel_row(&sel, k);
        j->matched[j->pair_left[i]] = 1;
        if (join_outer_right(j))
            j->pair_right[i]->mark = 1;
    }
    *ret = (struct batch){ 0 };
    return err || join_half(j) || sel.n == 0 ? err : give(j, j->left_pair, j->right_pair, sel, ret);
}

/* After its pairs: the rows of the left batch that stand alone (outer joins, ANTI), or have matched (SEMI). */
static enum err take_left_rest(struct join *j, struct batch *ret)
{
    *ret = (struct batch){ 0 };
    if (!join_outer_left(j) && !join_half(j))
        return ERR_OK;
    const bool wanted = j->type == JOIN_SEMI;
    struct sel sel = { j->idx, 0 };
    for (uint32_t k = 0; k < j->left.sel.n; k++) {
        const uint32_t i = sel_row(&j->left.sel, k);
        if (j->matched[i] == wanted)
            j->idx[sel.n++] = (uint16_t)i;
    }
    return sel.n ? give(j, j->left.col, NULL, sel, ret) : ERR_OK;
}

/* At the end: right rows that no left row has matched. */
static enum err take_right_rest(struct join *j, struct batch *ret)
{
    uint32_t n = 0;
    for (; j->right_at < j->right.n && n < VEC_ROWS; j->right_at++)
        if (!j->right.v[j->right_at]->mark)
            j->pair_right[n++] = j->right.v[j->right_at];
    exec__join_gather_right(j, j->pair_right, n);
    *ret = (struct batch){ 0 };
    if (n == 0) {
        j->phase = PHASE_END;
        return ERR_OK;
    }
    return give(j, NULL, j->right_pair, (struct sel){ NULL, n }, ret);
}

static enum err next_left(struct join *j, struct diag *d)
{
    enum err err = j->kind->left ? j->kind->left(j, &j->left, d) : node_next(j->n.left, &j->left, d);
    if (err)
        return err;
    if (j->left.sel.n == 0) {
        j->phase = join_outer_right(j) ? PHASE_RIGHT_REST : PHASE_END;
        j->right_at = 0;
        return ERR_OK;
    }
    j->phase = PHASE_PAIRS;
    j->at = 0;
    memset(j->matched, 0, sizeof j->matched);
    arena_reset(j->left_arena);
    return j->kind->begin ? j->kind->begin(j, d) : ERR_OK;
}

enum err exec__join_next(struct node *node, struct batch *ret, struct diag *d)
{
    struct join *j = (struct join *)node;
    exec__node_arena(&j->n);
    for (;;) {
        uint32_t n = 0;
        *ret = (struct batch){ 0 };
        enum err err = exec__breathe(d);
        if (err)
            return err;
        arena_reset(j->n.arena);
        switch (j->phase) {
        case PHASE_BUILD:
            j->phase = PHASE_LEFT;
            err = j->kind->build ? j->kind->build(j, d) : ERR_OK;
            break;
        case PHASE_LEFT:
            err = next_left(j, d);
            break;
        case PHASE_PAIRS:
            err = j->kind->fill(j, &n, d);
            if (!err && n == 0)
                j->phase = PHASE_LEFT_REST;
            else if (!err)
                err = take_pairs(j, n, ret);
            break;
        case PHASE_LEFT_REST:
            j->phase = PHASE_LEFT;
            err = take_left_rest(j, ret);
            break;
        case PHASE_RIGHT_REST:
            err = take_right_rest(j, ret);
            break;
        case PHASE_END: {
            bool more = false;
            err = j->kind->more ? j->kind->more(j, &more, d) : ERR_OK;
            if (!more)
                return err;
            break;
        }
        }
        if (err || ret->sel.n > 0)
            return err;
    }
}

/* ---- NEST_LOOP ------------------------------------------------------------------------------------ */

struct nest_loop {
    struct join j;
    bool loaded; /* the right rows are those of the left row at hand */
};

static const struct join_kind nest_loop_kind;

static enum err nest_loop_init(struct node *n, struct diag *d)
{
    struct join *j = (struct join *)n;
    exec__join_init(j, &nest_loop_kind, n->plan->left->ncols, n->plan->right->ncols);
    exec__record_type_init(n->e, &j->right_type, j->nright, n->plan->right->col_type);
    exec__records_init(&j->right, "inner rows", n->e->memory_max);
    return ERR_OK;
}

static enum err load_right(struct join *j, struct diag *d)
{
    exec__records_reset(&j->right);
    for (;;) {
        struct batch b;
        enum err err = exec__breathe(d);
        if (!err)
            err = node_next(j->n.right, &b, d);
        if (err || b.sel.n == 0)
            return err;
        err = exec__records_add(j->n.e, &j->right, &j->right_type, &b, "A nested loop", d);
        if (err)
            return err;
    }
}

static enum err nest_loop_build(struct join *j, struct diag *d)
{
    if (j->n.plan->join.ncorrelated)
        return ERR_OK;
    enum err err = load_right(j, d);
    if (!err && j->right.n == 0 && join_needs_right(j))
        j->phase = PHASE_END;
    ((struct nest_loop *)j)->loaded = true;
    return err;
}

/* LATERAL: the right rows of one left row. */
static enum err load_for(struct join *j, uint32_t i, struct diag *d)
{
    const struct plan_node *p = j->n.plan;
    for (uint16_t k = 0; k < p->join.ncorrelated; k++) {
        const struct vec *v = j->left.col[p->join.left_col[k]];
        exec__set_param(j->n.e, p->join.exec_param[k], v->v[vec_row(v, i)], v->null[vec_row(v, i)]);
    }
    exec__node_rewind(j->n.right);
    ((struct nest_loop *)j)->loaded = true;
    return load_right(j, d);
}

static enum err nest_loop_fill(struct join *j, uint32_t *ret_n, struct diag *d)
{
    struct nest_loop *l = (struct nest_loop *)j;
    const bool lateral = j->n.plan->join.ncorrelated > 0;
    uint32_t n = 0;
    for (; j->at < j->left.sel.n; j->at++) {
        const uint32_t i = sel_row(&j->left.sel, j->at);
        if (lateral && !l->loaded) {
            if (n > 0)
                break; /* the pairs made so far are of the rows that go */
            enum err err = load_for(j, i, d);
            if (err)
                return err;
        }
        const bool decided = join_half(j) && j->matched[i];
        while (!decided && j->right_at < j->right.n && n < VEC_ROWS) {
            j->pair_left[n] = (uint16_t)i;
            j->pair_right[n++] = j->right.v[j->right_at++];
        }
        if (n == VEC_ROWS && !decided)
            break;
        j->right_at = 0;
        l->loaded = !lateral;
    }
    exec__join_gather_right(j, j->pair_right, n);
    *ret_n = n;
    return ERR_OK;
}

static const struct join_kind nest_loop_kind = { .build = nest_loop_build, .fill = nest_loop_fill };

static void nest_loop_rewind(struct node *n)
{
    ((struct nest_loop *)n)->loaded = false;
    exec__join_reset((struct join *)n);
}

static void nest_loop_end(struct node *n)
{
    exec__join_end((struct join *)n);
}

const struct node_ops exec__nest_loop = { sizeof(struct nest_loop), nest_loop_init, exec__join_next, nest_loop_rewind, nest_loop_end };

/* ---- LOOKUP_JOIN --------------------------------------------------------------------------------------- */

struct lookup_join {
    struct join j;
    struct probe *probe;
    uint32_t nkeys;
    struct xp **key;
    const struct vec **key_vec; /* of the left batch */
    union datum *key_v, *row_v;
    uint8_t *key_null, *row_null;
    bool probing; /* rows of the left row at hand may be left */
};

static const struct join_kind lookup_join_kind;

static enum err lookup_join_init(struct node *n, struct diag *d)
{
    struct lookup_join *l = (struct lookup_join *)n;
    struct join *j = &l->j;
    struct exec *e = n->e;
    const struct plan_node *p = n->plan;
    exec__join_init(j, &lookup_join_kind, p->left->ncols, p->join.nattnum);
    l->nkeys = exec__key_count(&p->join.key);
    const struct expr **key = ARENA_ARRAY(e->arena, const struct expr *, l->nkeys);
    exec__key_exprs(&p->join.key, key);
    l->key = exec__xps_new(e, (struct expr *const *)key, l->nkeys, VEC_ROWS);
    l->key_vec = ARENA_ARRAY(e->arena, const struct vec *, l->nkeys);
    l->key_v = ARENA_ARRAY(e->arena, union datum, l->nkeys);
    l->key_null = ARENA_ARRAY(e->arena, uint8_t, l->nkeys);
    l->row_v = ARENA_ARRAY(e->arena, union datum, j->nright);
    l->row_null = ARENA_ARRAY(e->arena, uint8_t, j->nright);
    l->probe = exec__probe_new(e, exec__rel(e, p->join.rel), &p->join.key, p->join.attnum, j->nright, false);
    return ERR_OK;
}

static enum err lookup_join_begin(struct join *j, struct diag *d)
{
    struct lookup_join *l = (struct lookup_join *)j;
    const struct xctx c = { j->n.e, j->left_arena, { j->left.col } };
    l->probing = false;
    for (uint32_t k = 0; k < l->nkeys; k++) {
        enum err err = exec__xp_eval(&c, l->key[k], &j->left.sel, &l->key_vec[k]);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err start_probe(struct lookup_join *l, uint32_t i, struct diag *d)
{
    for (uint32_t k = 0; k < l->nkeys; k++) {
        const uint32_t at = vec_row(l->key_vec[k], i);
        l->key_v[k] = l->key_vec[k]->v[at];
        l->key_null[k] = l->key_vec[k]->null[at];
    }
    l->probing = true;
    return exec__probe_start(l->probe, l->key_v, l->key_null, d);
}

static enum err lookup_join_fill(struct join *j, uint32_t *ret_n, struct diag *d)
{
    struct lookup_join *l = (struct lookup_join *)j;
    const bool first_decides = join_half(j) && !j->on;
    uint32_t n = 0;
    for (; j->at < j->left.sel.n; j->at++) {
        const uint32_t i = sel_row(&j->left.sel, j->at);
        enum err err = l->probing ? ERR_OK : start_probe(l, i, d);
        while (!err && n < VEC_ROWS && !(join_half(j) && j->matched[i])) {
            bool found;
            err = exec__probe_next(l->probe, j->n.arena, l->row_v, l->row_null, &found, d);
            if (err || !found)
                break;
            if (first_decides) {
                j->matched[i] = 1;
                break;
            }
            for (uint16_t c = 0; c < j->nright; c++) {
                if (!j->right_used[c])
                    continue;
                exec__vec_at(j->right_pair, c)->v[n] = l->row_v[c];
                exec__vec_at(j->right_pair, c)->null[n] = l->row_null[c];
            }
            j->pair_left[n++] = (uint16_t)i;
        }
        if (err)
            return err;
        if (n == VEC_ROWS)
            break;
        l->probing = false;
        rt_yield_if_due();
    }
    *ret_n = n;
    return ERR_OK;
}

static const struct join_kind lookup_join_kind = { .begin = lookup_join_begin, .fill = lookup_join_fill };

static void lookup_join_rewind(struct node *n)
{
    struct lookup_join *l = (struct lookup_join *)n;
    l->probing = false;
    exec__probe_stop(l->probe);
    exec__join_reset(&l->j);
}

static void lookup_join_end(struct node *n)
{
    exec__probe_free(((struct lookup_join *)n)->probe);
    exec__join_end((struct join *)n);
}

const struct node_ops exec__lookup_join = { sizeof(struct lookup_join), lookup_join_init, exec__join_next, lookup_join_rewind, lookup_join_end };
