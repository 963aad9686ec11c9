#include "access/btree_page.h"

static struct btree_page *page_of(uint8_t *block) { return (struct btree_page *)(block + BLOCK_HEADER_SIZE); }
static struct btree_slot *slots_of(uint8_t *block) { return (struct btree_slot *)(block + BTREE_SLOTS_AT); }
static const struct btree_slot *slots_of_const(const uint8_t *block) { return (const struct btree_slot *)(block + BTREE_SLOTS_AT); }

static uint32_t entry_size(const uint8_t *entry) { return BTREE_ENTRY_HEAD + get_u16le(entry + 16); }

void btree_item_get(const uint8_t *entry, struct btree_item *ret)
{
    ret->aux = get_u64le(entry);
    ret->rowid.v = get_u64le(entry + 8);
    ret->len = get_u16le(entry + 16);
    ret->key = entry + BTREE_ENTRY_HEAD;
}

/* The entry at an offset; NULL where that is not within the page. */
static const uint8_t *entry_at(const uint8_t *block, uint32_t offset)
{
    if (offset < BTREE_SLOTS_AT || offset + BTREE_ENTRY_HEAD > BLOCK_SIZE || offset + entry_size(block + offset) > BLOCK_SIZE)
        return NULL;
    return block + offset;
}

void btree_page_item(const uint8_t *block, unsigned i, struct btree_item *ret)
{
    const uint8_t *e = entry_at(block, slots_of_const(block)[i].offset);
    if (LIKELY(e != NULL))
        btree_item_get(e, ret);
    else
        *ret = (struct btree_item){ .key = block };
}

bool btree_page_high(const uint8_t *block, struct btree_item *ret)
{
    const uint32_t at = btree_page(block)->high;
    const uint8_t *e = at ? entry_at(block, at) : NULL;
    if (!e)
        return false;
    btree_item_get(e, ret);
    return true;
}

int btree_compare(const struct btree_item *e, const struct btree_key *k)
{
    const uint32_t min = e->len < k->len ? e->len : k->len;
    int c;
    if (min >= 8) { /* most keys are decided by their first word */
        const uint64_t a = get_u64be(e->key), b = get_u64be(k->key);
        if (a != b)
            return a < b ? -1 : 1;
        c = min > 8 ? memcmp(e->key + 8, k->key + 8, min - 8) : 0;
    } else {
        c = min ? memcmp(e->key, k->key, min) : 0;
    }
    if (c)
        return c;
    if (e->len != k->len)
        return e->len < k->len ? -1 : 1;
    return e->rowid.v < k->rowid.v ? -1 : e->rowid.v > k->rowid.v;
}

static uint32_t key_head(const uint8_t *key, uint32_t len, uint32_t skip)
{
    if (LIKELY(len >= skip + 4))
        return get_u32be(key + skip);
    uint8_t p[4] = { 0 };
    if (len > skip)
        memcpy(p, key + skip, len - skip);
    return get_u32be(p);
}

/* Entries that take part in searches begin here: above leaves the first is below everything. */
static unsigned first_entry(const uint8_t *block) { return btree_page(block)->level && btree_page(block)->n ? 1 : 0; }

unsigned btree_page_lower(const uint8_t *block, const struct btree_key *k)
{
    const struct btree_page *p = btree_page(block);
    const struct btree_slot *s = slots_of_const(block);
    unsigned lo = first_entry(block), hi = p->n;
    const uint32_t prefix_len = MIN((uint32_t)p->prefix_len, BTREE_PREFIX_MAX);
    if (prefix_len) {
        const int c = memcmp(k->key, p->prefix, MIN(prefix_len, k->len));
        if (c || k->len < prefix_len)
            return c > 0 ? hi : lo;
    }
    const uint32_t head = key_head(k->key, k->len, prefix_len);
    while (lo < hi) {
        const unsigned mid = (lo + hi) / 2;
        const uint32_t h = s[mid].head;
        bool below = h < head;
        if (UNLIKELY(h == head)) {
            struct btree_item e;
            btree_page_item(block, mid, &e);
            below = btree_compare(&e, k) < 0;
        }
        if (below)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool btree_page_beyond(const uint8_t *block, const struct btree_key *k)
{
    struct btree_item high;
    return btree_page(block)->right && btree_page_high(block, &high) && btree_compare(&high, k) <= 0;
}

struct dba btree_page_child_at(const uint8_t *block, const struct btree_key *k, unsigned pos)
{
    struct btree_item e;
    if (!btree_page(block)->n)
        return DBA_NONE;
    if (pos < btree_page(block)->n) {
        btree_page_item(block, pos, &e);
        if (btree_compare(&e, k) == 0)
            return (struct dba){ e.aux };
    }
    btree_page_item(block, pos ? pos - 1 : 0, &e);
    return (struct dba){ e.aux };
}

struct dba btree_page_child(const uint8_t *block, const struct btree_key *k)
{
    return btree_page_child_at(block, k, btree_page_lower(block, k));
}

static uint32_t gap(const uint8_t *block)
{
    const struct btree_page *p = btree_page(block);
    return p->data_start - (BTREE_SLOTS_AT + BTREE_SLOT * p->n);
}

bool btree_page_fits(const uint8_t *block, uint32_t key_len)
{
    return gap(block) + btree_page(block)->holes >= BTREE_ENTRY_HEAD + key_len + BTREE_SLOT;
}

enum err btree_page_check(const uint8_t *block, struct diag *d)
{
    const struct btree_page *p = btree_page(block);
    const struct dba dba = { block_header_const(block)->dba };
    struct btree_item e, prev = { 0 }, high;
    if (p->n > BTREE_ENTRIES_MAX || p->data_start < BTREE_SLOTS_AT + BTREE_SLOT * p->n || p->data_start > BLOCK_SIZE)
        return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: its header is damaged", dba_block(dba));
    uint32_t used = 0;
    const bool has_high = btree_page_high(block, &high);
    if (has_high)
        used += BTREE_ENTRY_HEAD + high.len;
    if (has_high != (p->right != 0))
        return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: a right sibling goes with a high key", dba_block(dba));
    for (unsigned i = 0; i < p->n; i++) {
        const uint8_t *at = entry_at(block, slots_of_const(block)[i].offset);
        if (!at || at < block + p->data_start)
            return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: entry %u points outside", dba_block(dba), i);
        btree_item_get(at, &e);
        const struct btree_key k = { e.key, e.len, e.rowid };
        if (i >= first_entry(block) && (e.len < p->prefix_len || p->prefix_len > BTREE_PREFIX_MAX || memcmp(e.key, p->prefix, p->prefix_len) != 0 ||
                                        slots_of_const(block)[i].head != key_head(e.key, e.len, p->prefix_len)))
            return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: entry %u has another prefix than its page", dba_block(dba), i);
        if (i && btree_compare(&prev, &k) >= 0)
            return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: entry %u is out of order", dba_block(dba), i);
        if (has_high && btree_compare(&high, &k) <= 0)
            return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: entry %u is beyond the high key", dba_block(dba), i);
        used += BTREE_ENTRY_HEAD + e.len;
        prev = e;
    }
    if (used + p->holes + p->data_start != BLOCK_SIZE)
        return diag_set(d, ERR_INDEX_CORRUPT, "B-tree page %u: its free space does not add up", dba_block(dba));
    return ERR_OK;
}

/* ---- payloads -------------------------------------------------------------- */

void btree_put_entry_head(uint8_t ret[BTREE_ENTRY_HEAD], const struct btree_key *k, uint64_t aux)
{
    put_u64le(ret, aux);
    put_u64le(ret + 8, k->rowid.v);
    put_u16le(ret + 16, (uint16_t)k->len);
}

static void builder_put(struct btree_builder *b, const struct btree_key *k, uint64_t aux)
{
    assert(b->len + BTREE_ENTRY_HEAD + k->len <= BTREE_BUILDER_BYTES);
    btree_put_entry_head(b->p + b->len, k, aux);
    memcpy(b->p + b->len + BTREE_ENTRY_HEAD, k->key, k->len);
    b->len += BTREE_ENTRY_HEAD + k->len;
    b->used += BTREE_ENTRY_HEAD + k->len;
}

void btree_builder_begin(struct btree_builder *b, uint8_t *p, const struct btree_format *f, const struct btree_key *high)
{
    put_u64le(p, f->dba.v);
    put_u32le(p + 8, f->seg_id);
    put_u64le(p + 12, f->left.v);
    put_u64le(p + 20, f->right.v);
    p[28] = f->level;
    p[29] = f->flags;
    p[32] = high != NULL;
    *b = (struct btree_builder){ .p = p, .len = BTREE_FORMAT_HEAD };
    if (high)
        builder_put(b, high, 0);
}

void btree_builder_add(struct btree_builder *b, const struct btree_key *k, uint64_t aux)
{
    builder_put(b, k, aux);
    b->used += BTREE_SLOT;
    b->n++;
}

void btree_builder_end(struct btree_builder *b)
{
    assert(b->used <= BTREE_SPACE);
    put_u16le(b->p + 30, (uint16_t)b->n);
}

/* ---- changes --------------------------------------------------------------- */

static enum err bad(const uint8_t *block, struct diag *d, const char *what)
{
    const struct dba dba = { block_header_const(block)->dba };
    return diag_set(d, ERR_CORRUPT, "B-tree page %u of file %u: %s", dba_block(dba), dba_file(dba), what);
}

/* Is there one whole entry in these bytes? */
static bool entry_whole(const uint8_t *p, uint32_t len)
{
    return len >= BTREE_ENTRY_HEAD && entry_size(p) <= len && get_u16le(p + 16) <= BTREE_KEY_MAX;
}

static uint16_t put_entry(uint8_t *block, const uint8_t *entry)
{
    struct btree_page *p = page_of(block);
    const uint32_t size = entry_size(entry);
    p->data_start = (uint16_t)(p->data_start - size);
    memcpy(block + p->data_start, entry, size);
    return p->data_start;
}

/* Are all entries within the page, and no more than fit? A page with a valid checksum may still be nonsense. */
static bool entries_sane(const uint8_t *block)
{
    const struct btree_page *p = btree_page(block);
    uint32_t used = BTREE_SLOT * p->n;
    for (unsigned i = 0; i < p->n + (p->high ? 1u : 0); i++) {
        const uint8_t *e = entry_at(block, i < p->n ? slots_of_const(block)[i].offset : p->high);
        if (!e)
            return false;
        used += entry_size(e);
    }
    return used <= BTREE_SPACE;
}

static bool header_sane(const uint8_t *block)
{
    const struct btree_page *p = btree_page(block);
    return p->n <= BTREE_ENTRIES_MAX && p->data_start >= BTREE_SLOTS_AT + BTREE_SLOT * p->n && p->data_start <= BLOCK_SIZE &&
           p->holes <= BLOCK_SIZE - p->data_start;
}

/* Callers know that entries are sane. */
static void compact(uint8_t *block)
{
    uint8_t old[BLOCK_SIZE];
    struct btree_page *p = page_of(block);
    struct btree_slot *s = slots_of(block);

    memcpy(old, block, BLOCK_SIZE);
    p->data_start = BLOCK_SIZE;
    p->holes = 0;
    if (p->high)
        p->high = put_entry(block, old + p->high);
    for (unsigned i = 0; i < p->n; i++)
        s[i].offset = put_entry(block, old + s[i].offset);
    memset(block + BTREE_SLOTS_AT + BTREE_SLOT * p->n, 0, gap(block));
}

/* Sets the prefix that the keys share, and all heads. The entries are sane. */
static void set_heads(uint8_t *block)
{
    struct btree_page *p = page_of(block);
    struct btree_slot *s = slots_of(block);
    struct btree_item first, last, e;
    const unsigned from = first_entry(block);
    uint32_t len = 0;
    if (p->n > from) {
        btree_page_item(block, from, &first);
        btree_page_item(block, p->n - 1u, &last);
        const uint32_t max = MIN(MIN((uint32_t)first.len, BTREE_PREFIX_MAX), last.len);
        while (len < max && first.key[len] == last.key[len])
            len++;
        memset(p->prefix, 0, sizeof(p->prefix));
        memcpy(p->prefix, first.key, len);
    }
    p->prefix_len = (uint8_t)len;
    for (unsigned i = 0; i < p->n; i++) {
        btree_page_item(block, i, &e);
        s[i].head = i < from ? 0 : key_head(e.key, e.len, len);
    }
}

static enum err apply_format(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len < BTREE_FORMAT_HEAD)
        return bad(block, d, "format vector too short");
    const unsigned n = get_u16le(p + 30);
    const bool has_high = p[32] == 1;
    uint32_t at = BTREE_FORMAT_HEAD, used = BTREE_SLOT * n;
    for (unsigned i = 0; i < n + has_high; i++) {
        if (!entry_whole(p + at, len - at))
            return bad(block, d, "format vector too short");
        used += entry_size(p + at);
        at += entry_size(p + at);
    }
    if (at != len || used > BTREE_SPACE || p[28] >= BTREE_LEVELS_MAX)
        return bad(block, d, "format vector of a wrong size");

    block_format(block, (struct dba){ get_u64le(p) }, BLOCK_BTREE, 1, get_u32le(p + 8));
    struct btree_page *bp = page_of(block);
    *bp = (struct btree_page){ .left = get_u64le(p + 12), .right = get_u64le(p + 20), .level = p[28], .flags = p[29],
                               .data_start = BLOCK_SIZE };
    at = BTREE_FORMAT_HEAD;
    if (has_high) {
        bp->high = put_entry(block, p + at);
        at += entry_size(p + at);
    }
    for (unsigned i = 0; i < n; i++) {
        slots_of(block)[i].offset = put_entry(block, p + at);
        at += entry_size(p + at);
    }
    bp->n = (uint16_t)n;
    set_heads(block);
    return ERR_OK;
}

static enum err apply_insert(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    struct btree_page *bp = page_of(block);
    if (len < 2 || !entry_whole(p + 2, len - 2) || entry_size(p + 2) != len - 2)
        return bad(block, d, "insert vector of a wrong size");
    const unsigned pos = get_u16le(p);
    const uint32_t size = len - 2;
    if (pos > bp->n || gap(block) + bp->holes < size + BTREE_SLOT)
        return bad(block, d, "an inserted entry does not fit");
    if (gap(block) < size + BTREE_SLOT) {
        if (!entries_sane(block))
            return bad(block, d, "a damaged entry");
        compact(block);
    }
    if (gap(block) < size + BTREE_SLOT)
        return bad(block, d, "an inserted entry does not fit");
    struct btree_slot *s = slots_of(block);
    const uint32_t key_len = get_u16le(p + 2 + 16), prefix_len = MIN((uint32_t)bp->prefix_len, BTREE_PREFIX_MAX);
    const uint8_t *key = p + 2 + BTREE_ENTRY_HEAD;
    memmove(s + pos + 1, s + pos, BTREE_SLOT * (bp->n - pos));
    bp->n++;
    s[pos].offset = put_entry(block, p + 2);
    s[pos].head = key_head(key, key_len, prefix_len);
    /* the first one to count, and whoever does not share the prefix, make it anew */
    if (bp->n == first_entry(block) + 1u || key_len < prefix_len || memcmp(key, bp->prefix, prefix_len) != 0)
        set_heads(block);
    return ERR_OK;
}

static enum err apply_mark(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len != 10 || get_u16le(p) >= btree_page(block)->n || !entry_at(block, slots_of(block)[get_u16le(p)].offset))
        return bad(block, d, "a marked entry is not there");
    put_u64le(block + slots_of(block)[get_u16le(p)].offset, get_u64le(p + 2));
    return ERR_OK;
}

static enum err apply_purge(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    struct btree_page *bp = page_of(block);
    struct btree_slot *s = slots_of(block);
    for (uint32_t at = 0; at < len; at += 2)
        if (len - at < 2 || get_u16le(p + at) >= bp->n || (at && get_u16le(p + at) <= get_u16le(p + at - 2)) ||
            !entry_at(block, s[get_u16le(p + at)].offset))
            return bad(block, d, "a purged entry is not there");
    unsigned kept = 0;
    uint32_t at = 0;
    for (unsigned i = 0; i < bp->n; i++) {
        if (at < len && get_u16le(p + at) == i) {
            bp->holes = (uint16_t)(bp->holes + entry_size(block + s[i].offset));
            at += 2;
            continue;
        }
        s[kept++] = s[i];
    }
    memset(s + kept, 0, BTREE_SLOT * (bp->n - kept));
    bp->n = (uint16_t)kept;
    return ERR_OK;
}

static enum err apply_split_left(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    struct btree_page *bp = page_of(block);
    if (len < BTREE_SPLIT_HEAD || !entry_whole(p + BTREE_SPLIT_HEAD, len - BTREE_SPLIT_HEAD))
        return bad(block, d, "split vector too short");
    const unsigned keep = get_u16le(p);
    if (keep > bp->n || !entries_sane(block))
        return bad(block, d, "a split keeps more than there is");
    uint32_t used = BTREE_SLOT * keep + entry_size(p + BTREE_SPLIT_HEAD);
    for (unsigned i = 0; i < keep; i++)
        used += entry_size(block + slots_of(block)[i].offset);
    if (used > BTREE_SPACE)
        return bad(block, d, "a split's high key does not fit");
    bp->n = (uint16_t)keep;
    bp->high = 0;
    compact(block);
    bp->high = put_entry(block, p + BTREE_SPLIT_HEAD);
    bp->flags = p[2];
    bp->right = get_u64le(p + 3);
    set_heads(block);
    return ERR_OK;
}

static enum err apply_link(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len != 9 || p[0] > BTREE_SET_FLAGS)
        return bad(block, d, "link vector of a wrong size");
    if (p[0] == BTREE_SET_LEFT)
        page_of(block)->left = get_u64le(p + 1);
    else
        page_of(block)->flags = p[1];
    return ERR_OK;
}

enum err btree_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    if (op != REDO_BTREE_FORMAT && (block_header_const(block)->type != BLOCK_BTREE || !header_sane(block)))
        return bad(block, d, "not a B-tree page");
    switch (op) {
    case REDO_BTREE_FORMAT:
        return apply_format(block, payload, len, d);
    case REDO_BTREE_INSERT:
        return apply_insert(block, payload, len, d);
    case REDO_BTREE_MARK:
        return apply_mark(block, payload, len, d);
    case REDO_BTREE_PURGE:
        return apply_purge(block, payload, len, d);
    case REDO_BTREE_SPLIT_LEFT:
        return apply_split_left(block, payload, len, d);
    case REDO_BTREE_LINK:
        return apply_link(block, payload, len, d);
    default:
        return bad(block, d, "an opcode that is not for B-tree pages");
    }
}
