/*
 * Splits. First the page and its new right sibling, in one mini-transaction;
 * then the parent's downlink, in a second one. In between the page is flagged
 * BTREE_INCOMPLETE: searches reach the sibling over the right link, and
 * whoever wants to change the page adds the downlink first.
 *
 * The root stays where it is: when it splits, both halves go to new pages.
 *
 * New pages are taken before the first pin (R6); pins go from left to right,
 * then up. A page that has no room for a downlink is split in its turn, level by level: what a level keeps on the stack meanwhile is a key;
 * mini-transactions and blocks are in functions of their own, which have returned by then.
 */
#include "access/btree_int.h"

#define ATTEMPTS_MAX 1000u

enum err btree__change(struct mtr *m, struct pin *b, enum redo_opcode op, const void *head, uint32_t head_len, const void *tail, uint32_t tail_len,
                       struct diag *d)
{
    const struct mtr_part part[] = { { head, head_len }, { tail, tail_len } };
    return mtr_change(m, b, op, part, tail_len ? 2 : 1, d);
}

enum err btree__insert_entry(struct mtr *m, struct pin *b, unsigned pos, const struct btree_key *k, uint64_t aux, struct diag *d)
{
    uint8_t head[2 + BTREE_ENTRY_HEAD];
    put_u16le(head, (uint16_t)pos);
    btree_put_entry_head(head + 2, k, aux);
    return btree__change(m, b, REDO_BTREE_INSERT, head, sizeof(head), k->key, k->len, d);
}

enum err btree__pin_for_change(struct mtr *m, struct seg seg, struct dba at, const struct btree_key *k, unsigned level, struct pin **ret,
                               struct diag *d)
{
    for (;;) {
        struct pin *b;
        enum err err = mtr_pin(m, at, &b, d);
        if (err)
            return err;
        if (!btree_page_is(b->data, seg.id))
            return btree__damaged(at, seg, "not a page of this index", d);
        if (btree_page(b->data)->level != level) {
            mtr_unpin(m, b);
            *ret = NULL;
            return ERR_OK;
        }
        if (!btree_page_beyond(b->data, k)) {
            *ret = b;
            return ERR_OK;
        }
        at.v = btree_page(b->data)->right;
        mtr_unpin(m, b);
    }
}

static struct btree_key item_key(const struct btree_item *e) { return (struct btree_key){ e->key, e->len, e->rowid }; }

struct btree_key btree__separator(const struct btree_item *left, const struct btree_item *right)
{
    const uint32_t min = MIN(left->len, right->len);
    uint32_t same = 0;
    while (same < min && left->key[same] == right->key[same])
        same++;
    if (same == right->len) /* the keys are equal: the rowid decides */
        return item_key(right);
    return (struct btree_key){ right->key, same + 1, { 0 } };
}

/* ---- where to split -------------------------------------------------------------------- */

/* How many entries stay on the left. */
static unsigned split_point(const uint8_t *block, const struct btree_key *k)
{
    const struct btree_page *p = btree_page(block);
    const unsigned n = p->n;
    uint32_t total = 0, left = 0;
    struct btree_item e;
    assert(n >= 2);
    for (unsigned i = 0; i < n; i++) {
        btree_page_item(block, i, &e);
        total += BTREE_ENTRY_HEAD + BTREE_SLOT + e.len;
    }
    /* Keys that rise: leave the page nearly full behind. */
    const bool rising = !p->right && btree_page_lower(block, k) == n;
    const uint32_t goal = rising ? total / 16 * 15 : total / 2;
    unsigned keep = 0;
    while (keep < n - 1) {
        btree_page_item(block, keep, &e);
        left += BTREE_ENTRY_HEAD + BTREE_SLOT + e.len;
        if (left > goal && keep)
            break;
        keep++;
    }
    return keep;
}

static void add_range(struct btree_builder *b, const uint8_t *block, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct btree_item e;
        btree_page_item(block, i, &e);
        const struct btree_key k = item_key(&e);
        btree_builder_add(b, &k, e.aux);
    }
}

static void must(enum err err, const struct diag *d)
{
    if (err)
        panic("B-tree: half a mini-transaction: %s", d->message);
}

/* ---- splitting --------------------------------------------------------------------------- */

struct split {
    struct access *a;
    struct seg seg;
    struct mtr m;
    struct dba fresh[2];
    unsigned nfresh, used;
};

static enum err take_pages(struct split *s, unsigned n, struct diag *d)
{
    while (s->nfresh < n) {
        enum err err = space_take(s->a->space, s->seg, &s->fresh[s->nfresh], d);
        if (err)
            return err;
        s->nfresh++;
    }
    return ERR_OK;
}

static void return_pages(struct split *s)
{
    for (unsigned i = s->used; i < s->nfresh; i++)
        space_untake(s->a->space, s->seg, s->fresh[i]);
}

/* A page made of entries [from, to) of block. */
static void format_page(struct split *s, struct pin *b, const struct btree_format *f, const struct btree_key *high, const uint8_t *block,
                        unsigned from, unsigned to, struct diag *d)
{
    uint8_t payload[BTREE_BUILDER_BYTES];
    struct btree_builder builder;
    btree_builder_begin(&builder, payload, f, high);
    add_range(&builder, block, from, to);
    btree_builder_end(&builder);
    must(btree__change(&s->m, b, REDO_BTREE_FORMAT, payload, builder.len, NULL, 0, d), d);
}

static struct btree_key separator_at(const uint8_t *block, unsigned keep)
{
    struct btree_item left, right;
    btree_page_item(block, keep - 1, &left);
    btree_page_item(block, keep, &right);
    /* Above leaves entries are separators themselves: cutting them would lose what they separate. */
    return btree_page(block)->level ? item_key(&right) : btree__separator(&left, &right);
}

/* b (pinned, full) keeps its lower half; fresh[0] takes the rest. Old right sibling and fresh page are pinned here. */
static enum err split_page(struct split *s, struct pin *b, const struct btree_key *k, struct diag *d)
{
    uint8_t old[BLOCK_SIZE];
    struct btree_item high_item;
    struct pin *right, *next = NULL;
    memcpy(old, b->data, BLOCK_SIZE);
    const struct btree_page *p = btree_page(old);
    enum err err = mtr_pin_fresh(&s->m, s->fresh[0], &right, d);
    if (!err && p->right)
        err = mtr_pin(&s->m, (struct dba){ p->right }, &next, d);
    if (!err && next && (!btree_page_is(next->data, s->seg.id) || btree_page(next->data)->left != b->dba.v))
        err = btree__damaged(b->dba, s->seg, "its right sibling does not lead back", d);
    if (err)
        return err;

    const unsigned keep = split_point(old, k);
    const struct btree_key sep = separator_at(old, keep);
    struct btree_key high;
    const bool has_high = btree_page_high(old, &high_item);
    if (has_high)
        high = item_key(&high_item);
    const struct btree_format f = { .dba = s->fresh[0], .seg_id = s->seg.id, .left = b->dba, .right = { p->right }, .level = p->level };
    format_page(s, right, &f, has_high ? &high : NULL, old, keep, p->n, d);

    uint8_t head[BTREE_SPLIT_HEAD + BTREE_ENTRY_HEAD];
    put_u16le(head, (uint16_t)keep);
    head[2] = BTREE_INCOMPLETE;
    put_u64le(head + 3, s->fresh[0].v);
    btree_put_entry_head(head + BTREE_SPLIT_HEAD, &sep, 0);
    must(btree__change(&s->m, b, REDO_BTREE_SPLIT_LEFT, head, sizeof(head), sep.key, sep.len, d), d);
    if (next) {
        uint8_t link[9] = { BTREE_SET_LEFT };
        put_u64le(link + 1, s->fresh[0].v);
        must(btree__change(&s->m, next, REDO_BTREE_LINK, link, sizeof(link), NULL, 0, d), d);
    }
    must(space_use_block(s->a->space, &s->m, s->seg, s->fresh[0], d), d);
    s->used = 1;
    return ERR_OK;
}

/* Both halves of the root go down a level. */
static enum err split_root(struct split *s, struct pin *root, const struct btree_key *k, struct diag *d)
{
    uint8_t old[BLOCK_SIZE], payload[BTREE_BUILDER_BYTES];
    struct pin *left, *right;
    struct btree_builder builder;
    memcpy(old, root->data, BLOCK_SIZE);
    const struct btree_page *p = btree_page(old);
    enum err err = mtr_pin_fresh(&s->m, s->fresh[0], &left, d);
    if (!err)
        err = mtr_pin_fresh(&s->m, s->fresh[1], &right, d);
    if (!err && p->level + 1u >= BTREE_LEVELS_MAX)
        err = btree__too_high(s->seg, d);
    if (err)
        return err;
    const unsigned keep = split_point(old, k);
    const struct btree_key sep = separator_at(old, keep), low = { (const uint8_t *)"", 0, { 0 } };
    const struct btree_format lf = { .dba = s->fresh[0], .seg_id = s->seg.id, .right = s->fresh[1], .level = p->level };
    const struct btree_format rf = { .dba = s->fresh[1], .seg_id = s->seg.id, .left = s->fresh[0], .level = p->level };
    const struct btree_format top = { .dba = root->dba, .seg_id = s->seg.id, .level = (uint8_t)(p->level + 1) };
    format_page(s, left, &lf, &sep, old, 0, keep, d);
    format_page(s, right, &rf, NULL, old, keep, p->n, d);
    btree_builder_begin(&builder, payload, &top, NULL);
    btree_builder_add(&builder, &low, s->fresh[0].v);
    btree_builder_add(&builder, &sep, s->fresh[1].v);
    btree_builder_end(&builder);
    must(btree__change(&s->m, root, REDO_BTREE_FORMAT, payload, builder.len, NULL, 0, d), d);
    must(space_use_block(s->a->space, &s->m, s->seg, s->fresh[0], d), d);
    must(space_use_block(s->a->space, &s->m, s->seg, s->fresh[1], d), d);
    s->used = 2;
    return ERR_OK;
}

/* One attempt: *ret_incomplete: the page's last split must be completed first. *ret_done: page that was split (none: DBA_NONE). */
static __attribute__((noinline)) enum err attempt_split(struct split *s, struct xid xid, struct dba at, unsigned level, const struct btree_key *k, bool *ret_incomplete,
                              struct dba *ret_split, struct diag *d)
{
    struct pin *b = NULL;
    const struct dba root = space_first_block(s->seg);
    *ret_incomplete = false;
    *ret_split = DBA_NONE;
    s->used = 0;
    enum err err = take_pages(s, dba_eq(at, root) ? 2 : 1, d);
    if (err)
        return err;
    mtr_begin(&s->m, s->a->bc, xid);
    err = mtr_reserve(&s->m, 2 * BLOCK_SIZE + 3 * BTREE_KEY_MAX + 2 * ACCESS_SPACE_REDO + 512, d);
    if (!err)
        err = btree__pin_for_change(&s->m, s->seg, at, k, level, &b, d);
    if (!err && b && !btree_page_fits(b->data, k->len) && (!dba_eq(b->dba, root) || s->nfresh == 2)) {
        *ret_split = b->dba;
        if (btree_page(b->data)->flags & BTREE_INCOMPLETE) {
            *ret_incomplete = true;
        } else {
            err = dba_eq(b->dba, root) ? split_root(s, b, k, d) : split_page(s, b, k, d);
            if (!err) {
                (void)mtr_commit(&s->m, NULL);
                COUNT(s->a, index_splits);
                return ERR_OK;
            }
        }
    }
    mtr_cancel(&s->m);
    return err;
}

static __attribute__((noinline)) enum err split_once(struct access *a, struct xid xid, struct seg seg, struct dba at, unsigned level,
                                                     const struct btree_key *k, bool *ret_incomplete, struct dba *ret_split, struct diag *d)
{
    struct split s = { .a = a, .seg = seg };
    enum err err = attempt_split(&s, xid, at, level, k, ret_incomplete, ret_split, d);
    return_pages(&s);
    return err;
}

enum err btree__split(struct access *a, struct xid xid, struct seg seg, struct dba at, unsigned level, const struct btree_key *k, struct diag *d)
{
    struct dba page;
    bool incomplete;
    enum err err = split_once(a, xid, seg, at, level, k, &incomplete, &page, d);
    if (err || !page.v || (dba_eq(page, space_first_block(seg)) && !incomplete))
        return err;
    return btree__complete(a, xid, seg, page, d);
}

/* ---- the parent's downlink ------------------------------------------------------------------ */

/* What page `at` separates from its right sibling, copied into key; *ret_todo false: its split is complete. */
static enum err look_incomplete(struct access *a, struct seg seg, struct dba at, uint8_t *key, struct btree_key *ret_sep, unsigned *ret_level,
                                bool *ret_todo, struct diag *d)
{
    struct pin *b;
    struct btree_item high;
    enum err err = btree__pin(a, BTREE_CURRENT, at, seg, &b, d);
    if (err)
        return err;
    *ret_todo = (btree_page(b->data)->flags & BTREE_INCOMPLETE) && btree_page_high(b->data, &high);
    if (*ret_todo) {
        memcpy(key, high.key, high.len);
        *ret_sep = (struct btree_key){ key, high.len, high.rowid };
        *ret_level = btree_page(b->data)->level;
    }
    buf_unpin(b);
    return ERR_OK;
}

/* *ret_full: the parent has no room for the downlink; *ret_again: the blocks have changed. */
static __attribute__((noinline)) enum err attempt_complete(struct access *a, struct xid xid, struct seg seg, struct dba at,
                                                           const struct btree_key *sep, unsigned level, struct dba *ret_parent,
                                                           bool *ret_full, bool *ret_again, struct diag *d)
{
    struct pin *b, *parent;
    struct btree_item high;
    struct mtr m;
    unsigned pos;
    *ret_full = *ret_again = false;
    enum err err = btree__descend(a, BTREE_CURRENT, seg, sep, level + 1, &parent, d);
    if (err)
        return err;
    *ret_parent = parent->dba;
    buf_unpin(parent);
    mtr_begin(&m, a->bc, xid);
    err = mtr_reserve(&m, BTREE_ENTRY_REDO(sep->len) + 128, d);
    if (!err)
        err = mtr_pin(&m, at, &b, d);
    if (err)
        goto cancel;
    const struct btree_page *p = btree_page(b->data);
    if (!(p->flags & BTREE_INCOMPLETE) || !btree_page_high(b->data, &high) || btree_compare(&high, sep) != 0) {
        *ret_again = true;
        goto cancel;
    }
    err = btree__pin_for_change(&m, seg, *ret_parent, sep, level + 1, &parent, d);
    if (err)
        goto cancel;
    if (!parent) {
        *ret_again = true;
        goto cancel;
    }
    *ret_parent = parent->dba;
    if (btree__find(parent->data, sep, &pos)) {
        err = btree__damaged(parent->dba, seg, "a downlink is there before its split is complete", d);
        goto cancel;
    }
    if (!btree_page_fits(parent->data, sep->len)) {
        *ret_full = true;
        goto cancel;
    }
    err = btree__insert_entry(&m, parent, pos, sep, p->right, d);
    if (err)
        goto cancel;
    const uint8_t link[9] = { BTREE_SET_FLAGS, (uint8_t)(p->flags & ~BTREE_INCOMPLETE) };
    must(btree__change(&m, b, REDO_BTREE_LINK, link, sizeof(link), NULL, 0, d), d);
    (void)mtr_commit(&m, NULL);
    COUNT(a, index_completed);
    return ERR_OK;
cancel:
    mtr_cancel(&m);
    return err;
}

enum err btree__complete(struct access *a, struct xid xid, struct seg seg, struct dba at, struct diag *d)
{
    uint8_t key[BTREE_KEY_MAX];
    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        struct btree_key sep;
        struct dba parent;
        unsigned level;
        bool todo, full, again;
        enum err err = look_incomplete(a, seg, at, key, &sep, &level, &todo, d);
        if (err || !todo)
            return err;
        err = attempt_complete(a, xid, seg, at, &sep, level, &parent, &full, &again, d);
        if (err || (!full && !again))
            return err;
        if (full) {
            err = btree__split(a, xid, seg, parent, level + 1, &sep, d);
            if (err)
                return err;
        }
    }
    return btree__damaged(at, seg, "its split cannot be completed", d);
}
