/*
 * One B-tree, level by level along the right links, from the root down. What
 * the level above says of its children is kept until they have been met.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "check/check_int.h"
#include "rt/rt.h"
#include "storage/space.h"

/* An entry above the leaves. */
struct downlink {
    struct dba child;
    uint64_t key; /* hash of key and rowid */
};

struct tree_check {
    struct check *c;
    const char *name;
    const struct segment *s;
    const struct btree_visit *visit;
    struct downlink *above; /* of the level above, in order; NULL for the root */
    uint32_t nabove;
    bool whole;
    /* of the level that is walked */
    unsigned level;
    struct downlink *below;
    uint32_t nbelow, below_cap;
    uint32_t met; /* downlinks of above */
    bool comparing; /* with above: until the first that does not fit */
    struct dba left;
    bool left_incomplete;
    struct buf high; /* the left page's high key */
    struct rowid high_rowid;
};

static void page_problem(struct tree_check *t, struct dba at, const char *what)
{
    check__problem(t->c, "%s: page %u: %s", t->name, dba_block(at), what);
}

static uint64_t key_hash(const uint8_t *key, uint32_t len, struct rowid rowid)
{
    return hash_bytes(key, len, rowid.v);
}

/* Reads a page that the tree leads to; false: it cannot be used. */
static bool read_page(struct tree_check *t, struct dba at, uint8_t *block)
{
    struct diag d;
    if (dba_file(at) != FILE_DATA || dba_block(at) >= t->c->nblocks) {
        check__problem(t->c, "%s: page %u leads to block %u of file %u, which does not exist", t->name, dba_block(t->left), dba_block(at), dba_file(at));
        return false;
    }
    struct block_note *note = &t->c->block[dba_block(at)];
    if (!check__read(t->c, at, block))
        return false;
    if (!(note->flags & NOTE_IN_SEGMENT) || note->class != SPACE_TAKEN || !btree_page_is(block, t->s->seg.id)) {
        page_problem(t, at, "it is not a page of this index");
        return false;
    }
    if (note->flags & NOTE_REACHED) {
        page_problem(t, at, "the tree leads to it twice");
        return false;
    }
    note->flags |= NOTE_REACHED;
    if (btree_page_check(block, &d)) {
        check__problem_diag(t->c, t->name, &d);
        return false;
    }
    return true;
}

/* Does the level above know the page, with the key that its left neighbour ends with? */
static void compare_downlink(struct tree_check *t, struct dba at)
{
    const uint64_t want = t->left.v ? key_hash(t->high.p, (uint32_t)t->high.len, t->high_rowid) : key_hash(NULL, 0, (struct rowid){ 0 });
    if (!t->comparing)
        return;
    if (t->met < t->nabove && dba_eq(t->above[t->met].child, at)) {
        if (t->above[t->met].key != want)
            page_problem(t, at, "its downlink's key is not the high key of the page to its left");
        t->met++;
        return;
    }
    if (t->left_incomplete) /* the sibling's split is not complete: no downlink yet */
        return;
    page_problem(t, at, "the level above does not lead to it, at its place");
    t->comparing = false;
}

static void check_order(struct tree_check *t, struct dba at, const uint8_t *block)
{
    struct btree_item first;
    if (!t->left.v || !btree_page(block)->n)
        return;
    btree_page_item(block, 0, &first);
    const struct btree_key low = { t->high.p, (uint32_t)t->high.len, t->high_rowid };
    if (btree_compare(&first, &low) < 0)
        page_problem(t, at, "its first entry is below the high key of the page to its left");
}

static void add_downlinks(struct tree_check *t, const uint8_t *block)
{
    const unsigned n = btree_page(block)->n;
    if (t->nbelow + n > t->below_cap) {
        t->below_cap = MAX(2 * t->below_cap, t->nbelow + n + 64);
        t->below = xrealloc(t->below, t->below_cap * sizeof *t->below);
    }
    for (unsigned i = 0; i < n; i++) {
        struct btree_item e;
        btree_page_item(block, i, &e);
        t->below[t->nbelow++] = (struct downlink){ { e.aux }, key_hash(e.key, e.len, e.rowid) };
    }
}

static void visit_entries(struct tree_check *t, struct dba at, const uint8_t *block)
{
    for (unsigned i = 0; i < btree_page(block)->n; i++) {
        struct btree_item e;
        btree_page_item(block, i, &e);
        if (!e.aux) {
            t->c->res->entries++;
            if (t->visit)
                t->visit->entry(t->visit->arg, &e, at);
            continue;
        }
        const char *why = check__writer(t->c, (struct xid){ e.aux });
        if (why)
            check__problem(t->c, "%s: page %u, entry %u: the transaction that marked it %s", t->name, dba_block(at), i, why);
    }
}

static void remember_left(struct tree_check *t, struct dba at, const uint8_t *block)
{
    struct btree_item high;
    t->left = at;
    t->left_incomplete = btree_page(block)->flags & BTREE_INCOMPLETE;
    buf_reset(&t->high);
    if (btree_page_high(block, &high)) {
        buf_put(&t->high, high.key, high.len);
        t->high_rowid = high.rowid;
    }
    if (t->left_incomplete)
        check__note(t->c, "%s: the split of page %u is not complete yet: the next change there completes it", t->name, dba_block(at));
}

/* One page; false: the level cannot be walked on. */
static bool check_page(struct tree_check *t, struct dba at, uint8_t *block)
{
    if (!read_page(t, at, block))
        return false;
    const struct btree_page *p = btree_page(block);
    if (p->level != t->level) {
        page_problem(t, at, "it is of another level than the pages beside it");
        return false;
    }
    if (p->left != t->left.v)
        page_problem(t, at, "its left link is not where the walk came from");
    if (p->flags & ~BTREE_INCOMPLETE)
        page_problem(t, at, "unknown flags");
    if (!p->right && (p->flags & BTREE_INCOMPLETE))
        page_problem(t, at, "it says that its split is not complete, but has no right sibling");
    if (t->above)
        compare_downlink(t, at);
    check_order(t, at, block);
    if (t->level > 0)
        add_downlinks(t, block);
    else
        visit_entries(t, at, block);
    remember_left(t, at, block);
    return true;
}

/* *ret_first: the first page of the level below. */
static bool walk_level(struct tree_check *t, struct dba first, struct dba *ret_first, uint8_t *block)
{
    t->below = NULL;
    t->nbelow = t->below_cap = t->met = 0;
    t->comparing = true;
    t->left = DBA_NONE;
    t->left_incomplete = false;
    for (struct dba at = first; at.v; at.v = btree_page(block)->right) {
        if (!check_page(t, at, block)) {
            t->whole = false;
            return false;
        }
        rt_yield_if_due();
    }
    if (t->above && t->comparing && t->met < t->nabove)
        page_problem(t, t->above[t->met].child, "the level above leads to it, but it is not among its pages");
    *ret_first = t->nbelow ? t->below[0].child : DBA_NONE;
    return true;
}

static void check_reached(struct tree_check *t)
{
    struct dba at;
    for (uint64_t pos = 0; check__next_block(t->c, t->s, &pos, &at);) {
        const struct block_note *note = &t->c->block[dba_block(at)];
        if (note->type != BLOCK_BTREE)
            check__problem(t->c, "%s: block %u is of type %s", t->name, dba_block(at), block_type_name(note->type));
        else if (!(note->flags & NOTE_REACHED) && t->whole)
            page_problem(t, at, "the tree does not lead to it");
    }
}

static void walk_tree(struct tree_check *t, uint8_t *block)
{
    struct dba first = space_first_block(t->s->seg);
    if (!check__read(t->c, first, block)) {
        t->whole = false;
        return;
    }
    t->level = btree_page_is(block, t->s->seg.id) ? MIN(btree_page(block)->level, BTREE_LEVELS_MAX) : 0;
    for (;;) {
        const bool ok = walk_level(t, first, &first, block);
        free(t->above);
        t->above = t->below;
        t->nabove = t->nbelow;
        if (!ok || t->level == 0)
            return;
        if (!first.v) {
            page_problem(t, t->left, "a page above the leaves without entries");
            t->whole = false;
            return;
        }
        t->level--;
    }
}

bool check__btree(struct check *c, const char *name, const struct segment *s, const struct btree_visit *visit)
{
    struct tree_check t = { .c = c, .name = name, .s = s, .visit = visit, .whole = true };
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    buf_init(&t.high);
    walk_tree(&t, block);
    check_reached(&t);
    buf_fini(&t.high);
    free(t.above);
    rt_free_aligned(block, BLOCK_SIZE);
    return t.whole;
}
