#include "storage/mtr.h"

#include <stdlib.h>

#include "storage/buf_int.h"

void mtr_begin(struct mtr *m, struct bufcache *bc, struct xid xid)
{
    m->bc = bc;
    m->xid = xid;
    m->reserved_bytes = 0;
    m->npins = m->nvectors = 0;
    m->payload = m->inline_payload;
    m->payload_len = 0;
    m->payload_cap = sizeof(m->inline_payload);
    m->type = REDO_CHANGE;
    m->urgent = false;
    m->on_scn = NULL;
    m->on_scn_arg = NULL;
}

enum err mtr_reserve(struct mtr *m, uint32_t redo_bytes_max, struct diag *d)
{
    assert(m->npins == 0); /* R6: the only wait for redo space comes before the first pin */
    assert(m->reserved_bytes == 0);
    const uint32_t bytes = redo_bytes_max + 64;
    enum err err = redo_reserve(m->bc->opt.redo, bytes, m->urgent ? REDO_URGENT : REDO_NORMAL, d);
    if (err)
        return err;
    m->reserved_bytes = bytes;
    if (redo_bytes_max > m->payload_cap) { /* payloads must not move: vectors point at them */
        m->payload = xmalloc(redo_bytes_max);
        m->payload_cap = redo_bytes_max;
    }
    return ERR_OK;
}

static bool has_vectors(const struct mtr *m, const struct pin *b)
{
    for (unsigned i = 0; i < m->nvectors; i++)
        if (dba_eq(m->vector[i].dba, b->dba))
            return true;
    return false;
}

/* ---- R6: order of pins ------------------------------------------------------- */

#ifdef RUSTYDB_SLOW_ASSERTS
enum pin_class { PIN_UNKNOWN, PIN_BTREE, PIN_HEAP, PIN_UNDO, PIN_SPACE };

static enum pin_class pin_class(const struct pin *b)
{
    if (!bent_of((struct pin *)b)->h.valid) /* fresh: what is there is not its content */
        return PIN_UNKNOWN;
    if (file_is_undo(dba_file(b->dba)))
        return PIN_UNDO;
    switch (block_header_const(b->data)->type) {
    case BLOCK_BTREE:
        return PIN_BTREE;
    case BLOCK_HEAP:
    case BLOCK_OVERFLOW:
    case BLOCK_SEQUENCE:
        return PIN_HEAP;
    case BLOCK_FILE:
    case BLOCK_BITMAP:
    case BLOCK_SEGMENT:
    case BLOCK_EXTENT:
        return PIN_SPACE;
    default:
        return PIN_UNKNOWN;
    }
}

static void check_order(const struct mtr *m, const struct pin *b)
{
    const enum pin_class c = pin_class(b);
    if (c == PIN_UNKNOWN)
        return;
    for (unsigned i = 0; i < m->npins; i++) {
        const enum pin_class before = m->fresh[i] && !has_vectors(m, m->pin[i]) ? PIN_UNKNOWN : pin_class(m->pin[i]);
        if (before > c || (before == c && c == PIN_HEAP && m->pin[i]->dba.v > b->dba.v))
            panic("R6: block %u.%u (%s) pinned after block %u.%u (%s)", dba_file(b->dba), dba_block(b->dba),
                  block_type_name(block_header_const(b->data)->type), dba_file(m->pin[i]->dba), dba_block(m->pin[i]->dba),
                  block_type_name(block_header_const(m->pin[i]->data)->type));
    }
}
#else
static void check_order(const struct mtr *m, const struct pin *b)
{
}
#endif

/* ---- pins ---------------------------------------------------------------------- */

static struct pin *pinned_already(const struct mtr *m, struct dba dba)
{
    for (unsigned i = 0; i < m->npins; i++)
        if (dba_eq(m->pin[i]->dba, dba))
            return m->pin[i];
    return NULL;
}

static enum err pin(struct mtr *m, struct dba dba, bool fresh, struct pin **ret, struct diag *d)
{
    struct pin *b = pinned_already(m, dba);
    if (b == NULL) {
        if (m->npins == MTR_PINS_MAX)
            return diag_set(d, ERR_INTERNAL, "a mini-transaction pins more than %u blocks", MTR_PINS_MAX);
        struct bent *e;
        enum err err = buf__pin_x(m->bc, dba, fresh, &e, d);
        if (err)
            return err;
        b = &e->pin;
        if (!fresh)
            check_order(m, b);
        m->fresh[m->npins] = fresh;
        m->pin[m->npins++] = b;
    }
    *ret = b;
    return ERR_OK;
}

enum err mtr_pin(struct mtr *m, struct dba dba, struct pin **ret, struct diag *d)
{
    return pin(m, dba, false, ret, d);
}

enum err mtr_pin_fresh(struct mtr *m, struct dba dba, struct pin **ret, struct diag *d)
{
    return pin(m, dba, true, ret, d);
}

void mtr_unpin(struct mtr *m, struct pin *b)
{
    assert(!has_vectors(m, b));
    for (unsigned i = 0; i < m->npins; i++) {
        if (m->pin[i] != b)
            continue;
        buf_unpin(b);
        memmove(&m->pin[i], &m->pin[i + 1], sizeof(m->pin[0]) * (m->npins - i - 1));
        memmove(&m->fresh[i], &m->fresh[i + 1], sizeof(m->fresh[0]) * (m->npins - i - 1));
        m->npins--;
        return;
    }
    panic("mtr_unpin: block %u.%u is not pinned by this mini-transaction", dba_file(b->dba), dba_block(b->dba));
}

static void end(struct mtr *m)
{
    while (m->npins > 0)
        buf_unpin(m->pin[--m->npins]);
    if (m->reserved_bytes > 0)
        redo_unreserve(m->bc->opt.redo, m->reserved_bytes);
    m->reserved_bytes = 0;
    if (m->payload != m->inline_payload)
        free(m->payload);
    m->payload = m->inline_payload;
    m->nvectors = 0;
}

/* ---- changes --------------------------------------------------------------------- */

static const uint8_t *keep_payload(struct mtr *m, const struct mtr_part *parts, unsigned nparts, uint32_t *ret_len)
{
    uint8_t *at = m->payload + m->payload_len;
    uint32_t len = 0;
    for (unsigned i = 0; i < nparts; i++) {
        assert(parts[i].len <= m->payload_cap - m->payload_len - len); /* mtr_reserve() was told less */
        if (parts[i].len > 0)
            memcpy(at + len, parts[i].p, parts[i].len);
        len += parts[i].len;
    }
    *ret_len = len;
    return at;
}

/* The first change of a fresh or damaged-looking block has to make it whole. */
static bool must_format(const struct mtr *m, struct pin *b)
{
    return !bent_of(b)->h.valid && !has_vectors(m, b);
}

enum err mtr_change(struct mtr *m, struct pin *b, enum redo_opcode op, const struct mtr_part *parts, unsigned nparts, struct diag *d)
{
    assert(m->reserved_bytes > 0);
    assert(m->nvectors < REDO_VECTORS_MAX);
    assert(bent_of(b)->latched_x);
    const bool formats = redo_opcode_formats(op);
    assert(formats || !must_format(m, b));

    uint32_t len;
    const uint8_t *payload = keep_payload(m, parts, nparts, &len);
    /* Formatting clears the header: the version stays what it was until the record has been appended. */
    const scn_t before = bent_of(b)->h.valid ? block_scn(b->data) : 0;
    redo_apply_fn *apply = m->bc->opt.redo_ops->apply[op];
    assert(apply != NULL);
    enum err err = apply(b->data, op, payload, len, d);
    if (err && m->nvectors > 0)
        panic("%s failed on block %u.%u in the middle of a mini-transaction: %s", redo_opcode_name(op), dba_file(b->dba), dba_block(b->dba), d->message);
    if (err)
        return diag_wrap(d, err, "block %u of file %u", dba_block(b->dba), dba_file(b->dba));
    block_header(b->data)->scn = before;
    assert(dba_eq((struct dba){ block_header(b->data)->dba }, b->dba));

    m->vector[m->nvectors++] = (struct redo_vector){
        .dba = b->dba, .before = before, .opcode = (uint8_t)op, .nparts = 1, .part = { { payload, len } }
    };
    m->payload_len += len;
    return ERR_OK;
}

void mtr_on_scn(struct mtr *m, enum redo_record_type type, void (*fn)(void *arg, scn_t scn), void *arg)
{
    m->type = type;
    m->on_scn = fn;
    m->on_scn_arg = arg;
}

scn_t mtr_commit(struct mtr *m, lsn_t *ret_end)
{
    lsn_t start = 0, record_end = 0;
    struct redo *redo = m->bc->opt.redo;
    assert(m->nvectors > 0 || m->on_scn != NULL);
    assert(redo_record_size(m->vector, m->nvectors) <= m->reserved_bytes);
    /* Marked first, appended then: a checkpoint in between cannot pass the record (see bufcache_oldest_dirty()). */
    for (unsigned i = 0; i < m->npins; i++)
        if (has_vectors(m, m->pin[i]))
            buf__will_change(bent_of(m->pin[i]));
    const scn_t scn = redo_append(redo, m->type, m->xid, m->vector, m->nvectors, m->on_scn, m->on_scn_arg, &start, &record_end);
    for (unsigned i = 0; i < m->npins; i++)
        if (has_vectors(m, m->pin[i]))
            buf__changed(bent_of(m->pin[i]), scn, record_end);
    end(m);
    if (ret_end != NULL)
        *ret_end = record_end;
    return scn;
}

void mtr_cancel(struct mtr *m)
{
    assert(m->nvectors == 0);
    end(m);
}
