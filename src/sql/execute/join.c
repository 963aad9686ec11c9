/*
 * Joins. All three kinds make pairs of a left row and a right row, a vector of
 * them at a time; what is done with the pairs (condition, outer rows, SEMI and
 * ANTI) is the same code.
 */
#include "base/hash.h"
#include "sql/execute/exec_int.h"
#include "sql/execute/rows.h"

enum phase { PHASE_BUILD, PHASE_LEFT, PHASE_PAIRS, PHASE_LEFT_REST, PHASE_RIGHT_REST, PHASE_END };

struct join {
    struct node n;
    enum join_type type;
    enum phase phase;
    struct xp *on, *filter;
    const struct vec **out;
    uint16_t nleft, nright; /* columns */
    bool *left_used, *right_used;
    const struct vec **left_pair, **right_pair; /* columns of pairs */
    struct value nothing; /* NULL: a column of a row without partner */
    struct batch left;
    struct arena *left_arena; /* what was computed of the left batch */
    uint32_t at; /* left row at hand, as a position in its selection */
    uint8_t matched[VEC_ROWS]; /* left rows */
    uint16_t pair_left[VEC_ROWS];
    struct record *pair_right[VEC_ROWS];
    uint16_t idx[VEC_ROWS];

    /* NEST_LOOP, HASH_JOIN: the right rows */
    struct record_type right_type;
    struct record_list right;
    size_t right_at; /* NEST_LOOP: the next of them; RIGHT_REST: the next to look at */
    bool loaded; /* NEST_LOOP: the right rows are those of the left row at hand */

    /* HASH_JOIN */
    struct xp **left_key, **right_key;
    const struct type **key_type;
    const struct vec **key_vec; /* of the left batch */
    const struct vec **build_col;
    uint64_t left_hash[VEC_ROWS];
    struct record **bucket;
    uint64_t mask;
    struct record *chain; /* the next candidate for the left row at hand */
    bool in_chain;

    /* LOOKUP_JOIN */
    struct probe *probe;
    uint32_t nkeys;
    struct xp **key;
    union datum *key_v, *row_v;
    uint8_t *key_null, *row_null;
    bool probing;
};

static bool is_outer_right(const struct join *j) { return j->type == JOIN_RIGHT || j->type == JOIN_FULL; }
static bool is_outer_left(const struct join *j) { return j->type == JOIN_LEFT || j->type == JOIN_FULL; }
static bool is_half(const struct join *j) { return j->type == JOIN_SEMI || j->type == JOIN_ANTI; }

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

static void join_init(struct join *j, uint16_t nleft, uint16_t nright)
{
    const struct plan_node *p = j->n.plan;
    struct exec *e = j->n.e;
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

static void join_reset(struct join *j)
{
    j->phase = PHASE_BUILD;
    j->left = (struct batch){ 0 };
    if (j->right.arena)
        exec__records_reset(&j->right);
    j->right_at = 0;
    j->loaded = j->in_chain = j->probing = false;
    exec__node_rewind(j->n.left);
    exec__node_rewind(j->n.right);
}

static void join_rewind(struct node *n)
{
    join_reset((struct join *)n);
}

static void join_end(struct node *n)
{
    struct join *j = (struct join *)n;
    arena_free(j->left_arena);
    if (j->right.arena)
        exec__records_fini(&j->right);
    exec__probe_free(j->probe);
}

/* ---- what is done with pairs ----------------------------------------------------------------- */

/* One kind's way to pairs: up to VEC_ROWS of them in pair_left and right_pair; 0: the left batch has been through. */
typedef enum err fill_fn(struct join *j, uint32_t *ret_n, struct diag *d);

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

static void gather_right(struct join *j, struct record *const *r, uint32_t n)
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
        if (is_outer_right(j))
            j->pair_right[i]->mark = 1;
    }
    *ret = (struct batch){ 0 };
    return err || is_half(j) || sel.n == 0 ? err : give(j, j->left_pair, j->right_pair, sel, ret);
}

/* After its pairs: the rows of the left batch that stand alone (outer joins, ANTI), or have matched (SEMI). */
static enum err take_left_rest(struct join *j, struct batch *ret)
{
    *ret = (struct batch){ 0 };
    if (!is_outer_left(j) && !is_half(j))
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
    gather_right(j, j->pair_right, n);
    *ret = (struct batch){ 0 };
    if (n == 0) {
        j->phase = PHASE_END;
        return ERR_OK;
    }
    return give(j, NULL, j->right_pair, (struct sel){ NULL, n }, ret);
}

static enum err next_left(struct join *j, enum err (*begin)(struct join *j, struct diag *d), struct diag *d)
{
    enum err err = node_next(j->n.left, &j->left, d);
    if (err)
        return err;
    if (j->left.sel.n == 0) {
        j->phase = is_outer_right(j) ? PHASE_RIGHT_REST : PHASE_END;
        j->right_at = 0;
        return ERR_OK;
    }
    j->phase = PHASE_PAIRS;
    j->at = 0;
    memset(j->matched, 0, sizeof j->matched);
    arena_reset(j->left_arena);
    return begin ? begin(j, d) : ERR_OK;
}

static enum err join_next(struct join *j, enum err (*build)(struct join *j, struct diag *d), enum err (*begin)(struct join *j, struct diag *d), fill_fn *fill,
                          struct batch *ret, struct diag *d)
{
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
            err = build ? build(j, d) : ERR_OK;
            break;
        case PHASE_LEFT:
            err = next_left(j, begin, d);
            break;
        case PHASE_PAIRS:
            err = fill(j, &n, d);
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
        case PHASE_END:
            return ERR_OK;
        }
        if (err || ret->sel.n > 0)
            return err;
    }
}

/* ---- NEST_LOOP ------------------------------------------------------------------------------------ */

static enum err nest_loop_init(struct node *n, struct diag *d)
{
    struct join *j = (struct join *)n;
    join_init(j, n->plan->left->ncols, n->plan->right->ncols);
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
    if (!err && j->right.n == 0 && (j->type == JOIN_INNER || j->type == JOIN_SEMI))
        j->phase = PHASE_END;
    j->loaded = true;
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
    j->loaded = true;
    return load_right(j, d);
}

static enum err nest_loop_fill(struct join *j, uint32_t *ret_n, struct diag *d)
{
    const bool lateral = j->n.plan->join.ncorrelated > 0;
    uint32_t n = 0;
    for (; j->at < j->left.sel.n; j->at++) {
        const uint32_t i = sel_row(&j->left.sel, j->at);
        if (lateral && !j->loaded) {
            if (n > 0)
                break; /* the pairs made so far are of the rows that go */
            enum err err = load_for(j, i, d);
            if (err)
                return err;
        }
        const bool decided = is_half(j) && j->matched[i];
        while (!decided && j->right_at < j->right.n && n < VEC_ROWS) {
            j->pair_left[n] = (uint16_t)i;
            j->pair_right[n++] = j->right.v[j->right_at++];
        }
        if (n == VEC_ROWS && !decided)
            break;
        j->right_at = 0;
        j->loaded = !lateral;
    }
    gather_right(j, j->pair_right, n);
    *ret_n = n;
    return ERR_OK;
}

static enum err nest_loop_next(struct node *n, struct batch *ret, struct diag *d)
{
    return join_next((struct join *)n, nest_loop_build, NULL, nest_loop_fill, ret, d);
}

const struct node_ops exec__nest_loop = { sizeof(struct join), nest_loop_init, nest_loop_next, join_rewind, join_end };

/* ---- HASH_JOIN -------------------------------------------------------------------------------------- */

static enum err hash_join_init(struct node *n, struct diag *d)
{
    struct join *j = (struct join *)n;
    struct exec *e = n->e;
    const struct plan_node *p = n->plan;
    const uint16_t nkeys = p->join.nkeys, nright = p->right->ncols;
    join_init(j, p->left->ncols, nright);
    j->left_key = exec__xps_new(e, p->join.left_key, nkeys, VEC_ROWS);
    j->right_key = exec__xps_new(e, p->join.right_key, nkeys, VEC_ROWS);
    j->key_vec = ARENA_ARRAY(e->arena, const struct vec *, nkeys);
    j->key_type = ARENA_ARRAY(e->arena, const struct type *, nkeys);
    j->build_col = ARENA_ARRAY(e->arena, const struct vec *, nright + nkeys);
    /* a record: the right row, and behind it its keys */
    oid_t *col_type = ARENA_ARRAY(e->arena, oid_t, nright + nkeys);
    memcpy(col_type, p->right->col_type, nright * sizeof *col_type);
    for (uint16_t k = 0; k < nkeys; k++) {
        j->key_type[k] = type_by_oid(p->join.key_type[k]);
        col_type[nright + k] = p->join.right_key[k]->type;
    }
    exec__record_type_init(e, &j->right_type, nright + nkeys, col_type);
    exec__records_init(&j->right, "hash table", e->memory_max);
    return ERR_OK;
}

/* The hash of row i's keys; false: one of them is NULL. */
static bool hash_keys(const struct join *j, const struct vec *const *key, uint32_t i, uint64_t *ret)
{
    uint64_t h = 0;
    for (uint16_t k = 0; k < j->n.plan->join.nkeys; k++) {
        const uint32_t at = vec_row(key[k], i);
        if (key[k]->null[at])
            return false;
        h = hash_u64(h + j->key_type[k]->hash(key[k]->v[at]));
    }
    *ret = h;
    return true;
}

static enum err build_batch(struct join *j, const struct batch *b, struct diag *d)
{
    const uint16_t nkeys = j->n.plan->join.nkeys;
    const struct xctx c = { j->n.e, j->n.arena, { b->col } };
    memcpy(j->build_col, b->col, j->nright * sizeof *j->build_col);
    for (uint16_t k = 0; k < nkeys; k++) {
        enum err err = exec__xp_eval(&c, j->right_key[k], &b->sel, &j->build_col[j->nright + k]);
        if (err)
            return err;
    }
    for (uint32_t k = 0; k < b->sel.n; k++) {
        const uint32_t i = sel_row(&b->sel, k);
        uint64_t hash = 0;
        const bool can_match = hash_keys(j, j->build_col + j->nright, i, &hash);
        if (!can_match && !is_outer_right(j))
            continue;
        struct record *r = exec__record_new(&j->right_type, j->right.arena, j->build_col, i);
        if (!r)
            return exec__out_of_memory(j->n.e, "A hash join", d);
        r->hash = hash;
        r->next = can_match ? r : NULL; /* itself: to be put into the table */
        exec__records_push(&j->right, r);
    }
    return ERR_OK;
}

static enum err hash_join_build(struct join *j, struct diag *d)
{
    for (;;) {
        struct batch b;
        enum err err = exec__breathe(d);
        if (!err)
            err = node_next(j->n.right, &b, d);
        if (err)
            return err;
        if (b.sel.n == 0)
            break;
        arena_reset(j->n.arena);
        err = build_batch(j, &b, d);
        if (err)
            return err;
    }
    if (j->right.n == 0 && (j->type == JOIN_INNER || j->type == JOIN_SEMI || j->type == JOIN_RIGHT)) {
        j->phase = PHASE_END; /* nothing can match: the left rows need not be read */
        return ERR_OK;
    }
    size_t buckets = 64;
    while (buckets < 2 * j->right.n)
        buckets *= 2;
    j->bucket = arena_try_alloc(j->right.arena, buckets * sizeof *j->bucket);
    if (!j->bucket)
        return exec__out_of_memory(j->n.e, "A hash join", d);
    memset(j->bucket, 0, buckets * sizeof *j->bucket);
    j->mask = buckets - 1;
    for (size_t i = j->right.n; i-- > 0;) { /* backwards, so that a chain has the rows in their order */
        struct record *r = j->right.v[i];
        if (!r->next)
            continue;
        r->next = j->bucket[r->hash & j->mask];
        j->bucket[r->hash & j->mask] = r;
        if (i % 1024 == 0)
            rt_yield_if_due();
    }
    return ERR_OK;
}

static enum err hash_join_begin(struct join *j, struct diag *d)
{
    const struct xctx c = { j->n.e, j->left_arena, { j->left.col } };
    j->in_chain = false;
    for (uint16_t k = 0; k < j->n.plan->join.nkeys; k++) {
        enum err err = exec__xp_eval(&c, j->left_key[k], &j->left.sel, &j->key_vec[k]);
        if (err)
            return err;
    }
    return ERR_OK;
}

static bool keys_equal(const struct join *j, uint32_t i, const struct record *r)
{
    for (uint16_t k = 0; k < j->n.plan->join.nkeys; k++)
        if (j->key_type[k]->cmp(j->key_vec[k]->v[vec_row(j->key_vec[k], i)], r->v[j->nright + k]) != 0)
            return false;
    return true;
}

static enum err hash_join_fill(struct join *j, uint32_t *ret_n, struct diag *d)
{
    const bool first_decides = is_half(j) && !j->on;
    uint32_t n = 0;
    for (; j->at < j->left.sel.n; j->at++) {
        const uint32_t i = sel_row(&j->left.sel, j->at);
        uint64_t *hash = &j->left_hash[i];
        if (!j->in_chain) {
            j->chain = hash_keys(j, j->key_vec, i, hash) ? j->bucket[*hash & j->mask] : NULL;
            j->in_chain = true;
        }
        for (; j->chain && n < VEC_ROWS && !(is_half(j) && j->matched[i]); j->chain = j->chain->next) {
            if (j->chain->hash != *hash || !keys_equal(j, i, j->chain))
                continue;
            if (first_decides) {
                j->matched[i] = 1;
                break;
            }
            j->pair_left[n] = (uint16_t)i;
            j->pair_right[n++] = j->chain;
        }
        if (n == VEC_ROWS)
            break;
        j->in_chain = false;
    }
    gather_right(j, j->pair_right, n);
    *ret_n = n;
    return ERR_OK;
}

static enum err hash_join_next(struct node *n, struct batch *ret, struct diag *d)
{
    return join_next((struct join *)n, hash_join_build, hash_join_begin, hash_join_fill, ret, d);
}

const struct node_ops exec__hash_join = { sizeof(struct join), hash_join_init, hash_join_next, join_rewind, join_end };

/* ---- LOOKUP_JOIN --------------------------------------------------------------------------------------- */

static enum err lookup_join_init(struct node *n, struct diag *d)
{
    struct join *j = (struct join *)n;
    struct exec *e = n->e;
    const struct plan_node *p = n->plan;
    join_init(j, p->left->ncols, p->join.nattnum);
    j->nkeys = exec__key_count(&p->join.key);
    const struct expr **key = ARENA_ARRAY(e->arena, const struct expr *, j->nkeys);
    exec__key_exprs(&p->join.key, key);
    j->key = exec__xps_new(e, (struct expr *const *)key, j->nkeys, VEC_ROWS);
    j->key_vec = ARENA_ARRAY(e->arena, const struct vec *, j->nkeys);
    j->key_v = ARENA_ARRAY(e->arena, union datum, j->nkeys);
    j->key_null = ARENA_ARRAY(e->arena, uint8_t, j->nkeys);
    j->row_v = ARENA_ARRAY(e->arena, union datum, j->nright);
    j->row_null = ARENA_ARRAY(e->arena, uint8_t, j->nright);
    j->probe = exec__probe_new(e, exec__rel(e, p->join.rel), &p->join.key, p->join.attnum, j->nright, false);
    return ERR_OK;
}

static enum err lookup_join_begin(struct join *j, struct diag *d)
{
    const struct xctx c = { j->n.e, j->left_arena, { j->left.col } };
    j->probing = false;
    for (uint32_t k = 0; k < j->nkeys; k++) {
        enum err err = exec__xp_eval(&c, j->key[k], &j->left.sel, &j->key_vec[k]);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err start_probe(struct join *j, uint32_t i, struct diag *d)
{
    for (uint32_t k = 0; k < j->nkeys; k++) {
        const uint32_t at = vec_row(j->key_vec[k], i);
        j->key_v[k] = j->key_vec[k]->v[at];
        j->key_null[k] = j->key_vec[k]->null[at];
    }
    j->probing = true;
    return exec__probe_start(j->probe, j->key_v, j->key_null, d);
}

static enum err lookup_join_fill(struct join *j, uint32_t *ret_n, struct diag *d)
{
    const bool first_decides = is_half(j) && !j->on;
    uint32_t n = 0;
    for (; j->at < j->left.sel.n; j->at++) {
        const uint32_t i = sel_row(&j->left.sel, j->at);
        enum err err = j->probing ? ERR_OK : start_probe(j, i, d);
        while (!err && n < VEC_ROWS && !(is_half(j) && j->matched[i])) {
            bool found;
            err = exec__probe_next(j->probe, j->n.arena, j->row_v, j->row_null, &found, d);
            if (err || !found)
                break;
            if (first_decides) {
                j->matched[i] = 1;
                break;
            }
            for (uint16_t c = 0; c < j->nright; c++) {
                if (!j->right_used[c])
                    continue;
                exec__vec_at(j->right_pair, c)->v[n] = j->row_v[c];
                exec__vec_at(j->right_pair, c)->null[n] = j->row_null[c];
            }
            j->pair_left[n++] = (uint16_t)i;
        }
        if (err)
            return err;
        if (n == VEC_ROWS)
            break;
        j->probing = false;
        rt_yield_if_due();
    }
    *ret_n = n;
    return ERR_OK;
}

static enum err lookup_join_next(struct node *n, struct batch *ret, struct diag *d)
{
    return join_next((struct join *)n, NULL, lookup_join_begin, lookup_join_fill, ret, d);
}

const struct node_ops exec__lookup_join = { sizeof(struct join), lookup_join_init, lookup_join_next, join_rewind, join_end };
