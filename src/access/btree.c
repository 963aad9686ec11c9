/*
 * B-trees read: descents, look-ups by key, range scans.
 */
#include "access/btree.h"

#include <limits.h>
#include <stdlib.h>

#include "access/btree_int.h"
#include "rt/rt.h"

#define DESCENTS_MAX 1000u

enum err btree__damaged(struct dba at, struct seg seg, const char *what, struct diag *d)
{
    return diag_set(d, ERR_INDEX_CORRUPT, "index segment %u, block %u: %s", seg.id, dba_block(at), what);
}

enum err btree__too_high(struct seg seg, struct diag *d)
{
    diag_set(d, ERR_LIMIT, "an index would have more than %u levels", BTREE_LEVELS_MAX);
    return diag_detail(d, "Index segment %u; many keys of more than a kilobyte that differ only at their ends make an index that high.", seg.id);
}

enum err btree__pin(struct access *a, struct btree_reading r, struct dba at, struct seg seg, struct pin **ret, struct diag *d)
{
    struct pin *b;
    enum err err = r.current ? buf_pin(a->bc, at, BUF_S, &b, d) : buf_pin_read(a->bc, at, r.s, &b, d);
    if (UNLIKELY(err))
        return err;
    if (UNLIKELY(!btree_page_is(b->data, seg.id))) {
        buf_unpin(b);
        return btree__damaged(at, seg, "not a page of this index", d);
    }
    *ret = b;
    return ERR_OK;
}

static inline enum err descend(struct access *a, struct btree_reading r, struct seg seg, const struct btree_key *k, unsigned level,
                               struct pin **ret, unsigned *ret_pos, struct diag *d)
{
    for (unsigned tries = 0; tries < DESCENTS_MAX; tries++) {
        struct dba at = space_first_block(seg);
        unsigned expected = BTREE_LEVELS_MAX;
        for (;;) {
            struct pin *b;
            enum err err = btree__pin(a, r, at, seg, &b, d);
            if (UNLIKELY(err))
                return err;
            const struct btree_page *p = btree_page(b->data);
            if (expected == BTREE_LEVELS_MAX)
                expected = p->level;
            if (UNLIKELY(p->level != expected || p->level < level)) {
                buf_unpin(b);
                if (p->level < level)
                    return btree__damaged(at, seg, "the tree is lower than expected", d);
                break;
            }
            /* Only behind the last entry may k be beyond the high key. */
            const unsigned pos = btree_page_lower(b->data, k);
            if (pos == p->n && btree_page_beyond(b->data, k)) {
                at.v = p->right;
                buf_unpin(b);
                continue;
            }
            if (p->level == level) {
                *ret = b;
                *ret_pos = pos;
                return ERR_OK;
            }
            at = btree_page_child_at(b->data, k, pos);
            expected--;
            buf_unpin(b);
            if (UNLIKELY(!at.v))
                return btree__damaged(at, seg, "a page without children", d);
        }
    }
    return btree__damaged(space_first_block(seg), seg, "the tree does not come to rest", d);
}

enum err btree__descend(struct access *a, struct btree_reading r, struct seg seg, const struct btree_key *k, unsigned level, struct pin **ret,
                        struct diag *d)
{
    unsigned pos;
    return descend(a, r, seg, k, level, ret, &pos, d);
}

bool btree__find(const uint8_t *block, const struct btree_key *k, unsigned *ret_pos)
{
    struct btree_item e;
    const unsigned pos = btree_page_lower(block, k);
    *ret_pos = pos;
    if (pos >= btree_page(block)->n)
        return false;
    btree_page_item(block, pos, &e);
    return btree_compare(&e, k) == 0;
}

/* ---- look-up of a whole key ----------------------------------------------------- */

enum err btree_lookup(struct access *a, struct seg seg, const struct snapshot *s, const uint8_t *key, uint32_t len, struct rowid *ret,
                      uint32_t max, uint32_t *ret_n, struct diag *d)
{
    const struct btree_key k = { key, len, { 0 } };
    const struct btree_reading r = { .s = s->s };
    struct pin *b;
    uint32_t n = 0;
    unsigned i = 0;
    enum err err = descend(a, r, seg, &k, 0, &b, &i, d);
    if (UNLIKELY(err))
        return err;
    COUNT(a, index_lookups);
    for (;; i++) {
        const struct btree_page *p = btree_page(b->data);
        struct btree_item e;
        if (i >= p->n) {
            const struct dba right = { p->right };
            /* Entries with the key may go on to the right only if the high key has it too. */
            const bool more = btree_page_high(b->data, &e) && e.len == len && memcmp(e.key, key, len) == 0;
            buf_unpin(b);
            if (!more || !right.v)
                break;
            err = btree__pin(a, r, right, seg, &b, d);
            if (err)
                return err;
            i = UINT_MAX; /* begins at 0 */
            continue;
        }
        btree_page_item(b->data, i, &e);
        if (e.len != len || memcmp(e.key, key, len) != 0 || n == max) {
            buf_unpin(b);
            break;
        }
        ret[n++] = e.rowid;
    }
    *ret_n = n;
    return ERR_OK;
}

/* ---- range scans -------------------------------------------------------------------- */

/* A leaf is copied as a whole under its pin; its entries are then handed out from the copy. */
struct btree_scan {
    struct access *a;
    struct seg seg;
    struct btree_reading r;
    struct btree_range range; /* bounds point behind the struct */
    bool begun, ended;
    struct dba at; /* whose copy it is */
    unsigned pos; /* forward: next entry; backward: one past it */
    uint8_t *page;
    uint8_t bounds[];
};

enum err btree_scan_open(struct access *a, struct seg seg, const struct snapshot *s, const struct btree_range *range, struct btree_scan **ret,
                         struct diag *d)
{
    const uint32_t lower_len = range->lower ? range->lower_len : 0, upper_len = range->upper ? range->upper_len : 0;
    struct btree_scan *sc = xcalloc(1, sizeof(*sc) + lower_len + upper_len + 2);
    sc->a = a;
    sc->seg = seg;
    sc->r = (struct btree_reading){ .s = s->s };
    sc->range = *range;
    if (range->lower)
        sc->range.lower = memcpy(sc->bounds, range->lower, lower_len);
    if (range->upper)
        sc->range.upper = memcpy(sc->bounds + lower_len, range->upper, upper_len);
    sc->page = xmalloc(BLOCK_SIZE);
    *ret = sc;
    return ERR_OK;
}

void btree_scan_close(struct btree_scan *sc)
{
    if (!sc)
        return;
    free(sc->page);
    free(sc);
}

/* The entry against a bound, over the bound's length: an entry that begins with it is equal. */
static int compare_prefix(const struct btree_item *e, const uint8_t *bound, uint32_t len)
{
    const uint32_t min = MIN((uint32_t)e->len, len);
    const int c = min ? memcmp(e->key, bound, min) : 0;
    return c ? c : e->len < len ? -1 : 0;
}

/* Is the entry before the range, in it (0), or behind it? */
static int place_in_range(const struct btree_range *r, const struct btree_item *e)
{
    if (r->lower) {
        const int c = compare_prefix(e, r->lower, r->lower_len);
        if (c < 0 || (c == 0 && r->lower_exclusive))
            return -1;
    }
    if (r->upper) {
        const int c = compare_prefix(e, r->upper, r->upper_len);
        if (c > 0 || (c == 0 && r->upper_exclusive))
            return 1;
    }
    return 0;
}

/* First position in the copy that is not before (forward) or behind (backward, counted from 1) the range. */
static unsigned first_position(const struct btree_scan *sc)
{
    unsigned lo = 0, hi = btree_page(sc->page)->n;
    while (lo < hi) {
        struct btree_item e;
        const unsigned mid = (lo + hi) / 2;
        btree_page_item(sc->page, mid, &e);
        const int c = place_in_range(&sc->range, &e);
        if (sc->range.backward ? c <= 0 : c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void take_copy(struct btree_scan *sc, struct pin *b)
{
    memcpy(sc->page, b->data, BLOCK_SIZE);
    sc->at = b->dba;
    sc->pos = first_position(sc);
    buf_unpin(b);
}

/* Bytes above every key: where a backward scan without an upper bound begins. */
static const uint8_t *top_key(void)
{
    static const uint8_t top[BTREE_KEY_MAX + 1] = { [0 ... BTREE_KEY_MAX] = 0xff };
    return top;
}

static enum err scan_begin(struct btree_scan *sc, struct diag *d)
{
    const struct btree_range *r = &sc->range;
    uint8_t bound[BTREE_KEY_MAX + 1];
    struct btree_key k = { (const uint8_t *)"", 0, { 0 } };
    struct pin *b;
    if (!r->backward && r->lower) {
        /* Exclusive: behind all that begin with it, which ff bytes after it are (but for keys of nothing else, skipped one by one). */
        k.len = MIN(r->lower_len, BTREE_KEY_MAX);
        memcpy(bound, r->lower, k.len);
        if (r->lower_exclusive) {
            memset(bound + k.len, 0xff, sizeof(bound) - k.len);
            k.len = sizeof(bound);
        }
        k.key = bound;
    } else if (r->backward && r->upper) {
        k.len = MIN(r->upper_len, BTREE_KEY_MAX);
        memcpy(bound, r->upper, k.len);
        if (!r->upper_exclusive) {
            memset(bound + k.len, 0xff, sizeof(bound) - k.len);
            k.len = sizeof(bound);
        }
        k.key = bound;
    } else if (r->backward) {
        k = (struct btree_key){ top_key(), BTREE_KEY_MAX + 1, { UINT64_MAX } };
    }
    enum err err = btree__descend(sc->a, sc->r, sc->seg, &k, 0, &b, d);
    if (err)
        return err;
    COUNT(sc->a, index_lookups);
    sc->begun = true;
    take_copy(sc, b);
    return ERR_OK;
}

static enum err step_right(struct btree_scan *sc, struct diag *d)
{
    const struct dba right = { btree_page(sc->page)->right };
    struct pin *b;
    if (!right.v) {
        sc->ended = true;
        return ERR_OK;
    }
    enum err err = btree__pin(sc->a, sc->r, right, sc->seg, &b, d);
    if (err)
        return err;
    take_copy(sc, b);
    return ERR_OK;
}

/* The left link leads to a page that may have been split since: then its right neighbours, up to the one that leads here. */
static enum err step_left(struct btree_scan *sc, struct diag *d)
{
    const struct dba here = sc->at;
    struct dba at = { btree_page(sc->page)->left };
    if (!at.v) {
        sc->ended = true;
        return ERR_OK;
    }
    for (;;) {
        struct pin *b;
        enum err err = btree__pin(sc->a, sc->r, at, sc->seg, &b, d);
        if (err)
            return err;
        const uint64_t right = btree_page(b->data)->right;
        if (right == here.v) {
            take_copy(sc, b);
            return ERR_OK;
        }
        buf_unpin(b);
        if (!right)
            return btree__damaged(at, sc->seg, "its left sibling's right links lead past it", d);
        at.v = right;
    }
}

static enum err add_entry(const struct btree_item *e, struct arena *arena, struct btree_entry *ret, struct diag *d)
{
    uint8_t *key = arena_try_alloc(arena, e->len ? e->len : 1);
    if (!key)
        return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory for an index entry");
    memcpy(key, e->key, e->len);
    *ret = (struct btree_entry){ .key = key, .len = e->len, .rowid = e->rowid, .marked = e->aux != 0 };
    return ERR_OK;
}

enum err btree_scan_next(struct btree_scan *sc, struct arena *arena, struct btree_entry *ret, uint32_t max, uint32_t *ret_n, struct diag *d)
{
    const bool backward = sc->range.backward;
    uint32_t n = 0;
    enum err err = sc->begun ? ERR_OK : scan_begin(sc, d);
    while (!err && !sc->ended && n < max) {
        struct btree_item e;
        if (backward ? sc->pos == 0 : sc->pos >= btree_page(sc->page)->n) {
            err = backward ? step_left(sc, d) : step_right(sc, d);
            rt_yield_if_due();
            continue;
        }
        btree_page_item(sc->page, backward ? --sc->pos : sc->pos++, &e);
        const int c = place_in_range(&sc->range, &e);
        if (c == 0)
            err = add_entry(&e, arena, &ret[n++], d);
        else if (backward ? c < 0 : c > 0)
            sc->ended = true;
    }
    if (err)
        return err;
    *ret_n = n;
    return ERR_OK;
}
