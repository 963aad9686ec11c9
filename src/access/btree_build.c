/*
 * Creation, and bottom-up building from sorted entries: pages are filled one
 * after the other and logged whole. A page is written when the next one of
 * its level begins, because only then its right link and high key are known.
 */
#include <stdlib.h>

#include "access/btree_int.h"
#include "rt/rt.h"

#define FILL_BYTES (BTREE_SPACE / 10 * 9)

enum err btree_create(struct access *a, struct seg *ret, struct diag *d)
{
    uint8_t payload[BTREE_FORMAT_HEAD + 64];
    struct btree_builder b;
    struct seg seg;
    enum err err = space_segment_create(a->space, &seg, d);
    if (err)
        return err;
    const struct btree_format f = { .dba = space_first_block(seg), .seg_id = seg.id };
    btree_builder_begin(&b, payload, &f, NULL);
    btree_builder_end(&b);
    const struct mtr_part part = { payload, b.len };
    err = access__format_first(a, seg, REDO_BTREE_FORMAT, &part, 1, d);
    if (!err)
        *ret = seg;
    return err;
}

/* The page of a level that is being filled: a page image of its own, entries appended in order. */
struct level {
    struct dba at, left;
    unsigned n;
    uint32_t used;
    uint32_t len;
    uint8_t entries[BLOCK_SIZE]; /* as in a BTREE_FORMAT payload */
};

struct build {
    struct access *a;
    struct xid xid;
    struct seg seg;
    struct level *level[BTREE_LEVELS_MAX];
    unsigned nlevels;
    uint8_t *payload;
};

static enum err write_page(struct build *b, unsigned level, struct dba at, bool fresh, struct dba right, const struct btree_key *high,
                           struct diag *d)
{
    const struct level *l = b->level[level];
    struct btree_builder builder;
    struct mtr m;
    struct pin *pin;
    const struct btree_format f = { .dba = at, .seg_id = b->seg.id, .left = l->left, .right = right, .level = (uint8_t)level };
    btree_builder_begin(&builder, b->payload, &f, high);
    for (uint32_t pos = 0; pos < l->len;) {
        struct btree_item e;
        btree_item_get(l->entries + pos, &e);
        const struct btree_key k = { e.key, e.len, e.rowid };
        btree_builder_add(&builder, &k, e.aux);
        pos += BTREE_ENTRY_HEAD + e.len;
    }
    btree_builder_end(&builder);
    mtr_begin(&m, b->a->bc, b->xid);
    enum err err = mtr_reserve(&m, builder.len + ACCESS_SPACE_REDO + 128, d);
    if (!err)
        err = mtr_pin_fresh(&m, at, &pin, d);
    if (!err && fresh)
        err = space_use_block(b->a->space, &m, b->seg, at, d);
    if (!err)
        err = btree__change(&m, pin, REDO_BTREE_FORMAT, b->payload, builder.len, NULL, 0, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    (void)mtr_commit(&m, NULL);
    return ERR_OK;
}

static void append(struct level *l, const struct btree_key *k, uint64_t aux)
{
    btree_put_entry_head(l->entries + l->len, k, aux);
    memcpy(l->entries + l->len + BTREE_ENTRY_HEAD, k->key, k->len);
    l->len += BTREE_ENTRY_HEAD + k->len;
    l->used += BTREE_ENTRY_HEAD + BTREE_SLOT + k->len;
    l->n++;
}

static enum err open_level(struct build *b, unsigned level, struct diag *d)
{
    if (level == BTREE_LEVELS_MAX)
        return btree__too_high(b->seg, d);
    struct level *l = b->level[level] = xcalloc(1, sizeof(*l));
    b->nlevels = level + 1;
    return space_take(b->a->space, b->seg, &l->at, d);
}

/* Adds an entry to a level; first writes the level's page if it is full, and tells the level above about the next one. */
static enum err add(struct build *b, unsigned level, const struct btree_key *k, uint64_t aux, struct diag *d)
{
    enum err err = level == b->nlevels ? open_level(b, level, d) : ERR_OK;
    if (err)
        return err;
    struct level *l = b->level[level];
    /* room for the entry and for a high key as long as itself */
    if (l->n >= 2 && (l->used + BTREE_ENTRY_HEAD + BTREE_SLOT + k->len > FILL_BYTES || l->used + 2 * (BTREE_ENTRY_HEAD + BTREE_SLOT + k->len) > BTREE_SPACE)) {
        struct dba next;
        struct btree_item last = { 0 };
        for (uint32_t pos = 0; pos < l->len; pos += BTREE_ENTRY_HEAD + last.len)
            btree_item_get(l->entries + pos, &last);
        const struct btree_item item = { .key = k->key, .len = (uint16_t)k->len, .rowid = k->rowid };
        const struct btree_key sep = level ? *k : btree__separator(&last, &item);
        if (level + 1 == b->nlevels) { /* the level above begins with this page */
            const struct btree_key low = { (const uint8_t *)"", 0, { 0 } };
            err = add(b, level + 1, &low, l->at.v, d);
        }
        if (!err)
            err = space_take(b->a->space, b->seg, &next, d);
        if (!err)
            err = write_page(b, level, l->at, true, next, &sep, d);
        if (!err)
            err = add(b, level + 1, &sep, next.v, d);
        if (err)
            return err;
        l->left = l->at;
        l->at = next;
        l->n = 0;
        l->used = l->len = 0;
    }
    append(l, k, aux);
    return ERR_OK;
}

/* The last page of each level; the top one becomes the root. */
static enum err finish(struct build *b, struct diag *d)
{
    const struct dba root = space_first_block(b->seg);
    for (unsigned i = 0; i < b->nlevels; i++) {
        const bool top = i + 1 == b->nlevels;
        if (top)
            space_untake(b->a->space, b->seg, b->level[i]->at);
        enum err err = write_page(b, i, top ? root : b->level[i]->at, !top, DBA_NONE, NULL, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err btree_build(struct access *a, struct txn *t, struct seg seg,
                     bool (*next)(void *arg, const uint8_t **key, uint32_t *len, struct rowid *rowid), void *arg, struct diag *d)
{
    struct build b = { .a = a, .xid = txn_xid(t), .seg = seg };
    struct btree_key k;
    enum err err = ERR_OK;
    b.payload = xmalloc(BTREE_BUILDER_BYTES);
    while (!err && next(arg, &k.key, &k.len, &k.rowid)) {
        if (k.len > BTREE_KEY_MAX)
            err = diag_set(d, ERR_LIMIT, "index row size %u exceeds maximum %u", k.len, BTREE_KEY_MAX);
        else
            err = add(&b, 0, &k, 0, d);
        rt_yield_if_due();
    }
    if (!err && b.nlevels)
        err = finish(&b, d);
    for (unsigned i = 0; i < b.nlevels; i++)
        free(b.level[i]);
    free(b.payload);
    return err;
}
