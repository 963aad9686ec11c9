/*
 * HASH_JOIN. The right rows go into a table by the hash of their keys; where
 * they need more than work_mem both sides are cut into parts by that hash, in
 * files, and the parts are joined one after the other (and cut again where
 * one is still too large).
 */
#include "base/hash.h"
#include "sql/execute/join.h"
#include "sql/execute/spill.h"

/* A part of both sides that waits for its turn. */
struct part {
    struct part *next;
    struct spill *left, *right; /* NULL: no rows */
    unsigned depth;
};

struct hash_join {
    struct join j;
    uint16_t nkeys;
    struct xp **left_key, **right_key;
    const struct type **key_type;
    const struct vec **key_vec; /* of the left batch */
    uint64_t left_hash[VEC_ROWS];
    const struct vec **right_col; /* the right child's columns, then its keys: of the batch that is built from */
    struct record **bucket;
    uint64_t mask;
    struct record *chain; /* the next candidate for the left row at hand */
    bool in_chain;

    struct record_type left_type;
    struct part *parts; /* waiting */
    struct part *part; /* at hand; NULL: the children's rows */
    struct spill_reader *left_reader;
    struct arena *read_arena; /* left rows from files */
    const struct vec **left_col;
    unsigned depth;
    struct spill *cut_right[SPILL_PARTS], *cut_left[SPILL_PARTS];
    bool cutting; /* the right rows at hand go into parts */
};

static const struct join_kind hash_join_kind;

/* ---- making ----------------------------------------------------------------------------- */

static enum err hash_join_init(struct node *n, struct diag *d)
{
    struct hash_join *h = (struct hash_join *)n;
    struct exec *e = n->e;
    const struct plan_node *p = n->plan;
    const uint16_t nkeys = p->join.nkeys, nright = p->right->ncols;
    exec__join_init(&h->j, &hash_join_kind, p->left->ncols, nright);
    h->nkeys = nkeys;
    h->left_key = exec__xps_new(e, p->join.left_key, nkeys, VEC_ROWS);
    h->right_key = exec__xps_new(e, p->join.right_key, nkeys, VEC_ROWS);
    h->key_vec = ARENA_ARRAY(e->arena, const struct vec *, nkeys);
    h->key_type = ARENA_ARRAY(e->arena, const struct type *, nkeys);
    h->right_col = ARENA_ARRAY(e->arena, const struct vec *, nright + nkeys);
    oid_t *col_type = ARENA_ARRAY(e->arena, oid_t, nright + nkeys);
    memcpy(col_type, p->right->col_type, nright * sizeof *col_type);
    for (uint16_t k = 0; k < nkeys; k++) {
        h->key_type[k] = type_by_oid(p->join.key_type[k]);
        col_type[nright + k] = p->join.right_key[k]->type;
    }
    exec__record_type_init(e, &h->j.right_type, nright + nkeys, col_type);
    exec__record_type_init(e, &h->left_type, p->left->ncols, p->left->col_type);
    exec__records_init(&h->j.right, "hash table", e->memory_max);
    return ERR_OK;
}

static void free_spills(struct spill **s)
{
    for (unsigned i = 0; i < SPILL_PARTS; i++) {
        exec__spill_free(s[i]);
        s[i] = NULL;
    }
}

static void end_part(struct hash_join *h)
{
    exec__reader_free(h->left_reader);
    h->left_reader = NULL;
    if (h->part) {
        exec__spill_free(h->part->left);
        exec__spill_free(h->part->right);
    }
    h->part = NULL;
}

static void forget_parts(struct hash_join *h)
{
    end_part(h);
    for (; h->parts; h->parts = h->parts->next) {
        exec__spill_free(h->parts->left);
        exec__spill_free(h->parts->right);
    }
    free_spills(h->cut_left);
    free_spills(h->cut_right);
    h->cutting = h->in_chain = false;
    h->depth = 0;
}

static void hash_join_rewind(struct node *n)
{
    forget_parts((struct hash_join *)n);
    exec__join_reset((struct join *)n);
}

static void hash_join_end(struct node *n)
{
    forget_parts((struct hash_join *)n);
    arena_free(((struct hash_join *)n)->read_arena);
    exec__join_end((struct join *)n);
}

/* ---- the table ------------------------------------------------------------------------------ */

/* The hash of row i's keys; false: one of them is NULL. */
static bool hash_keys(const struct hash_join *h, const struct vec *const *key, uint32_t i, uint64_t *ret)
{
    uint64_t hash = 0;
    *ret = 0;
    for (uint16_t k = 0; k < h->nkeys; k++) {
        const uint32_t at = vec_row(key[k], i);
        if (key[k]->null[at])
            return false;
        hash = hash_u64(hash + h->key_type[k]->hash(key[k]->v[at]));
    }
    *ret = hash;
    return true;
}

static enum err no_memory(const struct hash_join *h, struct diag *d)
{
    return exec__out_of_memory(h->j.n.e, "A hash join", d);
}

/* A right row's mark says whether it can match at all. */
enum { MARK_MATCHED = 1, MARK_NO_KEY = 2 };

/* What is in memory goes to the parts, and so do the rows that follow. */
static enum err begin_cutting(struct hash_join *h, struct diag *d)
{
    enum err err = ERR_OK;
    h->cutting = true;
    for (size_t i = 0; i < h->j.right.n && !err; i++)
        err = exec__part_write(h->j.n.e, h->cut_right, h->depth, h->j.right.v[i], d);
    exec__records_reset(&h->j.right);
    return err;
}

static enum err keep_row(struct hash_join *h, struct record *r, struct diag *d)
{
    struct exec *e = h->j.n.e;
    if (!r)
        return no_memory(h, d);
    if (h->cutting) {
        enum err err = exec__part_write(e, h->cut_right, h->depth, r, d);
        exec__records_reset(&h->j.right);
        return err;
    }
    exec__records_push(&h->j.right, r);
    const size_t bytes = arena_used_bytes(h->j.right.arena) + 3 * h->j.right.n * sizeof r;
    return bytes > HASH_MEM(e) && exec__can_spill(e) && h->depth < SPILL_DEPTH ? begin_cutting(h, d) : ERR_OK;
}

static enum err keep_batch(struct hash_join *h, const struct batch *b, struct diag *d)
{
    struct join *j = &h->j;
    const struct xctx c = { j->n.e, j->n.arena, { b->col } };
    memcpy(h->right_col, b->col, j->nright * sizeof *h->right_col);
    for (uint16_t k = 0; k < h->nkeys; k++) {
        enum err err = exec__xp_eval(&c, h->right_key[k], &b->sel, &h->right_col[j->nright + k]);
        if (err)
            return err;
    }
    for (uint32_t k = 0; k < b->sel.n; k++) {
        const uint32_t i = sel_row(&b->sel, k);
        uint64_t hash;
        const bool has_key = hash_keys(h, h->right_col + j->nright, i, &hash);
        if (!has_key && !join_outer_right(j))
            continue;
        struct record *r = exec__record_new(&j->right_type, j->right.arena, h->right_col, i);
        if (r) {
            r->hash = hash;
            r->mark = has_key ? 0 : MARK_NO_KEY;
        }
        enum err err = keep_row(h, r, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err keep_children(struct hash_join *h, struct diag *d)
{
    for (;;) {
        struct batch b;
        enum err err = exec__breathe(d);
        if (!err)
            err = node_next(h->j.n.right, &b, d);
        if (err || b.sel.n == 0)
            return err;
        arena_reset(h->j.n.arena);
        err = keep_batch(h, &b, d);
        if (err)
            return err;
    }
}

static enum err keep_part(struct hash_join *h, struct diag *d)
{
    struct spill *s = h->part->right;
    if (!s)
        return ERR_OK;
    enum err err = exec__spill_flush(s, d);
    struct spill_reader *reader = exec__reader_new(h->j.n.e, s, &h->j.right_type, 0, exec__spill_end(s));
    for (uint32_t n = 0; !err; n++) {
        struct record *r;
        err = n % 1024 ? ERR_OK : exec__breathe(d);
        if (!err)
            err = exec__reader_next(reader, &r, d);
        if (err || !r)
            break;
        struct record *own = exec__record_of_row(&h->j.right_type, h->j.right.arena, r->v, record_nulls(&h->j.right_type, r));
        if (own) {
            own->hash = r->hash;
            own->mark = r->mark;
        }
        err = keep_row(h, own, d);
    }
    exec__reader_free(reader);
    return err;
}

static enum err make_table(struct hash_join *h, struct diag *d)
{
    struct join *j = &h->j;
    size_t buckets = 64;
    while (buckets < 2 * j->right.n)
        buckets *= 2;
    h->bucket = arena_try_alloc(j->right.arena, buckets * sizeof *h->bucket);
    if (!h->bucket)
        return no_memory(h, d);
    memset(h->bucket, 0, buckets * sizeof *h->bucket);
    h->mask = buckets - 1;
    for (size_t i = j->right.n; i-- > 0;) { /* backwards, so that a chain has the rows in their order */
        struct record *r = j->right.v[i];
        if (i % 1024 == 0)
            rt_yield_if_due();
        if (r->mark == MARK_NO_KEY) {
            r->mark = 0;
            continue;
        }
        r->next = h->bucket[r->hash & h->mask];
        h->bucket[r->hash & h->mask] = r;
    }
    return ERR_OK;
}

/* ---- parts ------------------------------------------------------------------------------------ */

static enum err eval_left_keys(struct hash_join *h, const struct batch *b, struct diag *d)
{
    const struct xctx c = { h->j.n.e, h->j.left_arena, { b->col } };
    for (uint16_t k = 0; k < h->nkeys; k++) {
        enum err err = exec__xp_eval(&c, h->left_key[k], &b->sel, &h->key_vec[k]);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err cut_left_batch(struct hash_join *h, const struct batch *b, struct diag *d)
{
    struct join *j = &h->j;
    arena_reset(j->left_arena);
    enum err err = eval_left_keys(h, b, d);
    for (uint32_t k = 0; k < b->sel.n && !err; k++) {
        const uint32_t i = sel_row(&b->sel, k);
        uint64_t hash;
        if (!hash_keys(h, h->key_vec, i, &hash) && join_needs_right(j))
            continue;
        struct record *r = exec__record_new(&h->left_type, j->left_arena, b->col, i);
        if (!r)
            return no_memory(h, d);
        r->hash = hash;
        err = exec__part_write(j->n.e, h->cut_left, h->depth, r, d);
    }
    return err;
}

static enum err hash_join_left(struct join *j, struct batch *ret, struct diag *d)
{
    struct hash_join *h = (struct hash_join *)j;
    if (!h->part)
        return node_next(j->n.left, ret, d);
    if (!h->left_reader) {
        if (!h->part->left)
            return node_end(ret);
        enum err err = exec__spill_flush(h->part->left, d);
        if (err)
            return err;
        h->left_reader = exec__reader_new(j->n.e, h->part->left, &h->left_type, 0, exec__spill_end(h->part->left));
    }
    if (!h->left_col) {
        h->left_col = exec__vecs_new(j->n.e, j->nleft, VEC_ROWS);
        h->read_arena = arena_new("rows from a file", j->n.e->memory_max);
    }
    arena_reset(h->read_arena);
    return exec__reader_batch(h->left_reader, h->read_arena, h->left_col, ret, d);
}

/* The left rows follow the right ones into the parts, which are then joined one by one. */
static enum err cut(struct hash_join *h, struct diag *d)
{
    for (;;) {
        struct batch b;
        enum err err = exec__breathe(d);
        if (!err)
            err = hash_join_left(&h->j, &b, d);
        if (!err && b.sel.n > 0)
            err = cut_left_batch(h, &b, d);
        if (err)
            return err;
        if (b.sel.n == 0)
            break;
    }
    for (unsigned i = SPILL_PARTS; i-- > 0;) {
        if (!h->cut_left[i] && !h->cut_right[i])
            continue;
        struct part *p = ARENA_NEW(h->j.n.e->arena, struct part);
        *p = (struct part){ h->parts, h->cut_left[i], h->cut_right[i], h->depth + 1 };
        h->parts = p;
        h->cut_left[i] = h->cut_right[i] = NULL;
    }
    h->cutting = false;
    return ERR_OK;
}

static enum err hash_join_more(struct join *j, bool *ret, struct diag *d)
{
    struct hash_join *h = (struct hash_join *)j;
    end_part(h);
    *ret = h->parts != NULL;
    if (!*ret)
        return ERR_OK;
    h->part = h->parts;
    h->parts = h->part->next;
    h->depth = h->part->depth;
    exec__records_reset(&j->right);
    j->phase = PHASE_BUILD;
    return ERR_OK;
}

static enum err hash_join_build(struct join *j, struct diag *d)
{
    struct hash_join *h = (struct hash_join *)j;
    enum err err = h->part ? keep_part(h, d) : keep_children(h, d);
    if (!err && h->cutting) {
        err = cut(h, d);
        j->phase = PHASE_END; /* and then the parts */
        return err;
    }
    if (!err && j->right.n == 0 && join_needs_right(j)) {
        j->phase = PHASE_END; /* nothing can match: the left rows need not be read */
        return ERR_OK;
    }
    return err ? err : make_table(h, d);
}

/* ---- pairs -------------------------------------------------------------------------------------- */

static enum err hash_join_begin(struct join *j, struct diag *d)
{
    struct hash_join *h = (struct hash_join *)j;
    h->in_chain = false;
    return eval_left_keys(h, &j->left, d);
}

static bool keys_equal(const struct hash_join *h, uint32_t i, const struct record *r)
{
    for (uint16_t k = 0; k < h->nkeys; k++)
        if (h->key_type[k]->cmp(h->key_vec[k]->v[vec_row(h->key_vec[k], i)], r->v[h->j.nright + k]) != 0)
            return false;
    return true;
}

static enum err hash_join_fill(struct join *j, uint32_t *ret_n, struct diag *d)
{
    struct hash_join *h = (struct hash_join *)j;
    const bool first_decides = join_half(j) && !j->on;
    uint32_t n = 0;
    for (; j->at < j->left.sel.n; j->at++) {
        const uint32_t i = sel_row(&j->left.sel, j->at);
        uint64_t *hash = &h->left_hash[i];
        if (!h->in_chain) {
            h->chain = hash_keys(h, h->key_vec, i, hash) ? h->bucket[*hash & h->mask] : NULL;
            h->in_chain = true;
        }
        for (; h->chain && n < VEC_ROWS && !(join_half(j) && j->matched[i]); h->chain = h->chain->next) {
            if (h->chain->hash != *hash || !keys_equal(h, i, h->chain))
                continue;
            if (first_decides) {
                j->matched[i] = 1;
                break;
            }
            j->pair_left[n] = (uint16_t)i;
            j->pair_right[n++] = h->chain;
        }
        if (n == VEC_ROWS)
            break;
        h->in_chain = false;
    }
    exec__join_gather_right(j, j->pair_right, n);
    *ret_n = n;
    return ERR_OK;
}

static const struct join_kind hash_join_kind = {
    .build = hash_join_build, .left = hash_join_left, .begin = hash_join_begin, .fill = hash_join_fill, .more = hash_join_more
};

const struct node_ops exec__hash_join = { sizeof(struct hash_join), hash_join_init, exec__join_next, hash_join_rewind, hash_join_end };
