#include "access/sequence.h"

#include <stdlib.h>

#include "access/access_int.h"
#include "base/buf.h"
#include "base/hash.h"
#include "rt/rt.h"

#define CACHE_DEFAULT 1000

/* After the block header. SEQ_FORMAT: dba u64, segment u32, then this; SEQ_SET: this. */
struct sequence_page {
    int64_t last;
    uint8_t is_called; /* 0: `last` itself is the next value */
    uint8_t reserved[3];
    uint32_t era; /* one more with every sequence_set(): ranges taken before it are void, on all nodes */
};
static_assert(sizeof(struct sequence_page) == 16, "on-disk format");

#define FORMAT_HEAD 12u

/* What this node may hand out without asking. Lives until sequences_close(). */
struct range {
    struct rt_mutex lock;
    int64_t next, increment;
    uint64_t left;
    uint32_t seg_id, era; /* what it was taken from */
};

struct sequences {
    struct access *a;
    struct rt_spin spin; /* guards ranges */
    struct u64map *ranges; /* by sequence id */
};

enum err sequence_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    struct sequence_page p;
    if (op == REDO_SEQ_FORMAT && len == FORMAT_HEAD + sizeof(p)) {
        block_format(block, (struct dba){ get_u64le(payload) }, BLOCK_SEQUENCE, 1, get_u32le(payload + 8));
        memcpy(block + BLOCK_HEADER_SIZE, payload + FORMAT_HEAD, sizeof(p));
        return ERR_OK;
    }
    if (op != REDO_SEQ_SET || len != sizeof(p) || block_header_const(block)->type != BLOCK_SEQUENCE)
        return diag_set(d, ERR_CORRUPT, "sequence vector that does not fit its block");
    memcpy(block + BLOCK_HEADER_SIZE, payload, sizeof(p));
    return ERR_OK;
}

struct sequences *sequences_open(struct access *a, struct ges *ges)
{
    struct sequences *s = xcalloc(1, sizeof(*s));
    s->a = a;
    s->ranges = u64map_new(64);
    return s;
}

void sequences_close(struct sequences *s)
{
    size_t pos = 0;
    uint64_t key;
    void *r;
    if (!s)
        return;
    while (u64map_next(s->ranges, &pos, &key, &r))
        free(r);
    u64map_free(s->ranges);
    free(s);
}

static struct range *find_range(struct sequences *s, uint32_t id)
{
    rt_spin_lock(&s->spin);
    struct range *r = u64map_get(s->ranges, id);
    if (!r) {
        r = xcalloc(1, sizeof(*r));
        u64map_put(s->ranges, id, r);
    }
    rt_spin_unlock(&s->spin);
    return r;
}

enum err sequence_create(struct access *a, struct sequence_def *def, struct diag *d)
{
    uint8_t head[FORMAT_HEAD];
    struct seg seg;
    const struct sequence_page p = { .last = def->start };
    enum err err = space_segment_create(a->space, &seg, d);
    if (err)
        return err;
    const struct dba at = space_first_block(seg);
    put_u64le(head, at.v);
    put_u32le(head + 8, seg.id);
    const struct mtr_part part[] = { { head, sizeof(head) }, { &p, sizeof(p) } };
    err = access__format_first(a, seg, REDO_SEQ_FORMAT, part, 2, d);
    if (!err)
        def->seg = seg;
    return err;
}

static enum err check_page(const uint8_t *block, struct seg seg, struct diag *d)
{
    const struct block_header *h = block_header_const(block);
    if (h->type != BLOCK_SEQUENCE || h->seg_id != seg.id)
        return diag_set(d, ERR_CORRUPT, "block %u is not the sequence's", dba_block(space_first_block(seg)));
    return ERR_OK;
}

/* The next values from the block's state on: *ret_n of them from *ret_first. */
static enum err next_range(const struct sequence_def *def, const struct sequence_page *p, int64_t *ret_first, uint64_t *ret_n, struct diag *d)
{
    const bool up = def->increment > 0;
    const int64_t limit = up ? def->max : def->min;
    const uint64_t step = up ? (uint64_t)def->increment : -(uint64_t)def->increment;
    int64_t first = p->last;
    if (p->is_called) {
        const bool past = up ? p->last > limit : p->last < limit;
        const uint64_t room = up ? (uint64_t)limit - (uint64_t)p->last : (uint64_t)p->last - (uint64_t)limit;
        if (past || room < step) {
            if (!def->cycle)
                return diag_set(d, ERR_SEQUENCE_LIMIT, "nextval: reached %s value of sequence \"%s\" (%" PRId64 ")", up ? "maximum" : "minimum",
                                def->name ? def->name : "?", limit);
            first = up ? def->min : def->max;
        } else {
            first = (int64_t)((uint64_t)p->last + (uint64_t)def->increment);
        }
    }
    const bool past = up ? first > limit : first < limit;
    const uint64_t room = past ? 0 : up ? (uint64_t)limit - (uint64_t)first : (uint64_t)first - (uint64_t)limit;
    const uint64_t cache = def->cache > 0 ? (uint64_t)def->cache : CACHE_DEFAULT;
    *ret_first = first;
    *ret_n = MIN(room / step + 1, cache);
    return ERR_OK;
}

/* Pins the block in X; the mini-transaction has room for one SEQ_SET. */
static enum err begin_change(struct access *a, struct mtr *m, struct seg seg, struct pin **ret, struct diag *d)
{
    mtr_begin(m, a->bc, XID_NONE);
    enum err err = mtr_reserve(m, sizeof(struct sequence_page) + 64, d);
    if (!err)
        err = mtr_pin(m, space_first_block(seg), ret, d);
    if (!err)
        err = check_page((*ret)->data, seg, d);
    if (err)
        mtr_cancel(m);
    return err;
}

/* Values are handed out only when the mark is durable: a crash never gives one twice. */
static enum err end_change(struct access *a, struct mtr *m, struct pin *b, const struct sequence_page *p, struct diag *d)
{
    lsn_t end;
    const struct mtr_part part = { p, sizeof(*p) };
    enum err err = mtr_change(m, b, REDO_SEQ_SET, &part, 1, d);
    if (err) {
        mtr_cancel(m);
        return err;
    }
    (void)mtr_commit(m, &end);
    if (a->redo)
        redo_flush(a->redo, end);
    return ERR_OK;
}

static enum err take_range(struct access *a, const struct sequence_def *def, struct range *r, struct diag *d)
{
    struct mtr m;
    struct pin *b;
    struct sequence_page p;
    int64_t first = 0;
    uint64_t n = 0;
    enum err err = begin_change(a, &m, def->seg, &b, d);
    if (err)
        return err;
    memcpy(&p, b->data + BLOCK_HEADER_SIZE, sizeof(p));
    err = next_range(def, &p, &first, &n, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    const struct sequence_page next = { .last = (int64_t)((uint64_t)first + (n - 1) * (uint64_t)def->increment), .is_called = 1, .era = p.era };
    err = end_change(a, &m, b, &next, d);
    if (err)
        return err;
    r->next = first;
    r->increment = def->increment;
    r->left = n;
    r->seg_id = def->seg.id;
    r->era = p.era;
    atomic_fetch_add_explicit(&a->stats.sequence_ranges, 1, memory_order_relaxed);
    return ERR_OK;
}

/* The block as it is now, whichever node has changed it last. */
static enum err read_page(struct access *a, struct seg seg, struct sequence_page *ret, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(a->bc, space_first_block(seg), BUF_S, &b, d);
    if (err)
        return err;
    err = check_page(b->data, seg, d);
    memcpy(ret, b->data + BLOCK_HEADER_SIZE, sizeof(*ret));
    buf_unpin(b);
    return err;
}

/* Between two calls of sequence_set() the block stays in this node's memory but for one range taken elsewhere in a thousand values. */
static enum err drop_void_range(struct access *a, const struct sequence_def *def, struct range *r, struct diag *d)
{
    struct sequence_page p;
    if (r->seg_id != def->seg.id)
        r->left = 0;
    if (!r->left)
        return ERR_OK;
    enum err err = read_page(a, def->seg, &p, d);
    if (!err && (r->era != p.era || r->increment != def->increment))
        r->left = 0;
    return err;
}

enum err sequence_next(struct sequences *s, const struct sequence_def *def, int64_t *ret, struct diag *d)
{
    struct range *r = find_range(s, def->id);
    assert(def->increment != 0);
    rt_mutex_lock(&r->lock);
    enum err err = drop_void_range(s->a, def, r, d);
    if (!err && !r->left)
        err = take_range(s->a, def, r, d);
    if (!err) {
        *ret = r->next;
        r->left--;
        r->next = (int64_t)((uint64_t)r->next + (uint64_t)r->increment);
    }
    rt_mutex_unlock(&r->lock);
    return err;
}

enum err sequence_set(struct sequences *s, const struct sequence_def *def, int64_t value, bool is_called, struct diag *d)
{
    struct mtr m;
    struct pin *b;
    if (value < def->min || value > def->max)
        return diag_set(d, ERR_NUMERIC_RANGE, "setval: value %" PRId64 " is out of bounds for sequence \"%s\" (%" PRId64 "..%" PRId64 ")", value,
                        def->name ? def->name : "?", def->min, def->max);
    struct range *r = find_range(s, def->id);
    rt_mutex_lock(&r->lock);
    enum err err = begin_change(s->a, &m, def->seg, &b, d);
    if (!err) {
        struct sequence_page p;
        memcpy(&p, b->data + BLOCK_HEADER_SIZE, sizeof(p));
        p = (struct sequence_page){ .last = value, .is_called = is_called, .era = p.era + 1 };
        err = end_change(s->a, &m, b, &p, d);
    }
    if (!err)
        r->left = 0;
    rt_mutex_unlock(&r->lock);
    return err;
}

void sequence_forget(struct sequences *s, uint32_t id)
{
    struct range *r = find_range(s, id);
    rt_mutex_lock(&r->lock);
    r->left = 0;
    rt_mutex_unlock(&r->lock);
}

enum err sequence_peek(struct access *a, struct seg seg, int64_t *ret_last, bool *ret_is_called, struct diag *d)
{
    struct sequence_page p;
    enum err err = read_page(a, seg, &p, d);
    if (!err) {
        *ret_last = p.last;
        *ret_is_called = p.is_called != 0;
    }
    return err;
}
