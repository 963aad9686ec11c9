#include "access/tuple.h"

#include "access/overflow.h"
#include "base/buf.h"

#define TUPLE_NULLS 1u /* in the body's first byte: a null bitmap follows */

/* First byte of a variable value. */
#define LEN_2 0xe0u /* 1110hhhh llllllll: up to 4,095 */
#define LEN_3 0xf0u /* then u16 */
#define LEN_OVERFLOW 0xffu /* then offset u32, length u32 within the chain */
#define OVERFLOW_VALUE_SIZE 9u

#define KEEP_BYTES 1000u /* shorter values move out only when the row does not fit otherwise */

static bool is_var(const struct tuple_column *c) { return c->len < 0; }

static uint32_t var_size(uint32_t len) { return len + (len < LEN_2 ? 1 : len < 0x1000 ? 2 : 3); }

/* ---- encoding ---------------------------------------------------------------- */

struct former {
    const struct tuple_desc *td;
    const union datum *v;
    const bool *null;
    bool *out; /* by column: goes to the chain; NULL: none does */
    uint16_t n; /* columns */
    bool nulls;
};

static uint64_t body_size(const struct former *f)
{
    uint64_t size = 1 + 2 + (f->out ? OVERFLOW_REF_SIZE : 0) + (f->nulls ? (f->n + 7u) / 8 : 0);
    for (unsigned i = 0; i < f->n; i++) {
        if (f->null[i])
            continue;
        if (!is_var(&f->td->col[i]))
            size += (uint64_t)f->td->col[i].len;
        else
            size += f->out && f->out[i] ? OVERFLOW_VALUE_SIZE : var_size(f->v[i].s.len);
    }
    return size;
}

/* Chooses the longest values until the body is at most `goal` bytes, none shorter than `least`. */
static uint64_t choose_overflow(struct former *f, uint64_t size, uint64_t goal, uint32_t least)
{
    while (size > goal) {
        int longest = -1;
        for (unsigned i = 0; i < f->n; i++)
            if (!f->null[i] && is_var(&f->td->col[i]) && !f->out[i] && f->v[i].s.len >= least &&
                (longest < 0 || f->v[i].s.len > f->v[longest].s.len))
                longest = (int)i;
        if (longest < 0)
            break;
        f->out[longest] = true;
        size -= var_size(f->v[longest].s.len) - OVERFLOW_VALUE_SIZE;
    }
    return size;
}

static uint8_t *put_fixed(uint8_t *p, const struct tuple_column *c, union datum v)
{
    if (c->rep == REP_FLOAT && c->len == 4) {
        const float f = (float)v.f;
        memcpy(p, &f, 4);
    } else {
        memcpy(p, &v, (size_t)c->len); /* little-endian: the low bytes */
    }
    return p + c->len;
}

static uint8_t *put_var(uint8_t *p, struct str s)
{
    if (s.len < LEN_2) {
        *p++ = (uint8_t)s.len;
    } else if (s.len < 0x1000) {
        *p++ = (uint8_t)(LEN_2 | s.len >> 8);
        *p++ = (uint8_t)s.len;
    } else {
        *p++ = LEN_3;
        put_u16le(p, (uint16_t)s.len);
        p += 2;
    }
    if (s.len)
        memcpy(p, s.p, s.len);
    return p + s.len;
}

static void put_body(const struct former *f, const struct overflow_ref *ref, uint8_t *p)
{
    uint8_t *bitmap = NULL;
    uint32_t chain_at = 0;
    *p++ = (uint8_t)((f->nulls ? TUPLE_NULLS : 0) | (f->out ? BODY_OVERFLOW : 0));
    if (f->out) {
        overflow_ref_put(p, ref);
        p += OVERFLOW_REF_SIZE;
    }
    put_u16le(p, f->n);
    p += 2;
    if (f->nulls) {
        bitmap = p;
        memset(p, 0, (f->n + 7u) / 8);
        p += (f->n + 7u) / 8;
    }
    for (unsigned i = 0; i < f->n; i++) {
        if (f->null[i]) {
            bitmap[i / 8] |= (uint8_t)(1u << i % 8);
        } else if (!is_var(&f->td->col[i])) {
            p = put_fixed(p, &f->td->col[i], f->v[i]);
        } else if (f->out && f->out[i]) {
            *p = LEN_OVERFLOW;
            put_u32le(p + 1, chain_at);
            put_u32le(p + 5, f->v[i].s.len);
            p += OVERFLOW_VALUE_SIZE;
            chain_at += f->v[i].s.len;
        } else {
            p = put_var(p, f->v[i].s);
        }
    }
}

static enum err write_chain(struct access *a, struct txn *t, struct seg seg, const struct former *f, struct arena *arena,
                            struct overflow_ref *ret, struct diag *d)
{
    struct overflow_part *part = ARENA_ARRAY(arena, struct overflow_part, f->n);
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++)
        if (f->out[i])
            part[n++] = (struct overflow_part){ f->v[i].s.p, f->v[i].s.len };
    return overflow_write(a, t, seg, part, n, ret, d);
}

enum err tuple_form(struct access *a, struct txn *t, struct seg seg, const struct tuple_desc *td, const union datum *v, const bool *null,
                    struct arena *arena, const uint8_t **ret, uint32_t *ret_len, struct diag *d)
{
    struct former f = { .td = td, .v = v, .null = null, .n = td->n };
    struct overflow_ref ref = { .len = 0 };
    assert(td->n <= TUPLE_COLUMNS_MAX);
    for (unsigned i = 0; i < f.n; i++)
        f.nulls |= null[i];

    uint64_t size = body_size(&f);
    if (size > HEAP_BODY_MAX) {
        f.out = ARENA_ARRAY(arena, bool, f.n);
        size += OVERFLOW_REF_SIZE;
        size = choose_overflow(&f, size, HEAP_BODY_MAX / 4, KEEP_BYTES);
        size = choose_overflow(&f, size, HEAP_BODY_MAX, OVERFLOW_VALUE_SIZE + 1);
        if (size > HEAP_BODY_MAX)
            return diag_set(d, ERR_LIMIT, "row is too big: size %" PRIu64 ", maximum size %u", size, HEAP_BODY_MAX);
        enum err err = write_chain(a, t, seg, &f, arena, &ref, d);
        if (err)
            return err;
    }
    uint8_t *body = arena_alloc(arena, size);
    put_body(&f, &ref, body);
    *ret = body;
    *ret_len = (uint32_t)size;
    return ERR_OK;
}

/* ---- decoding ---------------------------------------------------------------- */

static enum err damaged(struct diag *d) { return diag_set(d, ERR_CORRUPT, "a row's bytes do not fit its table"); }

static union datum get_fixed(const struct tuple_column *c, const uint8_t *p)
{
    if (c->rep == REP_FLOAT) {
        double f8;
        float f4;
        if (c->len == 4) {
            memcpy(&f4, p, 4);
            return datum_float((double)f4);
        }
        memcpy(&f8, p, 8);
        return datum_float(f8);
    }
    switch (c->len) {
    case 1:
        return datum_int((int8_t)*p);
    case 2:
        return datum_int((int16_t)get_u16le(p));
    case 4:
        return datum_int((int32_t)get_u32le(p));
    default:
        return datum_int((int64_t)get_u64le(p));
    }
}

/* A variable value at p: its bytes in the row, or *ret_overflow and where it is in the chain. NULL: damaged. */
static const uint8_t *get_var(const uint8_t *p, const uint8_t *end, struct str *ret, bool *ret_overflow, uint32_t *ret_offset)
{
    uint32_t len;
    *ret_overflow = false;
    if (p >= end)
        return NULL;
    if (*p < LEN_2) {
        len = *p++;
    } else if (*p < LEN_3 && end - p >= 2) {
        len = (*p & 0xfu) << 8 | p[1];
        p += 2;
    } else if (*p == LEN_3 && end - p >= 3) {
        len = get_u16le(p + 1);
        p += 3;
    } else if (*p == LEN_OVERFLOW && end - p >= (ptrdiff_t)OVERFLOW_VALUE_SIZE) {
        *ret_overflow = true;
        *ret_offset = get_u32le(p + 1);
        *ret = (struct str){ NULL, get_u32le(p + 5) };
        return p + OVERFLOW_VALUE_SIZE;
    } else {
        return NULL;
    }
    if (len > (size_t)(end - p))
        return NULL;
    *ret = (struct str){ (const char *)p, len };
    return p + len;
}

static enum err fetch_overflow(const struct tuple_source *src, const struct overflow_ref *ref, uint32_t offset, struct str *str,
                               struct arena *arena, struct diag *d)
{
    uint8_t *bytes = str->len <= ref->len ? arena_try_alloc(arena, str->len ? str->len : 1) : NULL;
    if (str->len > ref->len)
        return damaged(d);
    if (!bytes)
        return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory for a value of %u bytes", str->len);
    str->p = (const char *)bytes;
    return src->read(src->arg, ref, offset, bytes, str->len, d);
}

enum err tuple_deform_from(const struct tuple_source *src, const struct tuple_desc *td, const uint8_t *body, uint32_t len, uint16_t upto,
                           const bool *want, union datum *v, bool *null, struct arena *arena, struct diag *d)
{
    const uint8_t *p = body, *end = body + len, *bitmap = NULL;
    struct overflow_ref ref = { .len = 0 };
    if (len < 3)
        return damaged(d);
    const uint8_t flags = *p++;
    if (flags & BODY_OVERFLOW) {
        if (!overflow_ref_get(body, len, &ref) || end - p < (ptrdiff_t)OVERFLOW_REF_SIZE + 2)
            return damaged(d);
        p += OVERFLOW_REF_SIZE;
    }
    const unsigned stored = get_u16le(p);
    p += 2;
    if (flags & TUPLE_NULLS) {
        bitmap = p;
        if (end - p < (ptrdiff_t)((stored + 7) / 8))
            return damaged(d);
        p += (stored + 7) / 8;
    }
    const unsigned wanted = MIN(upto, td->n), have = MIN(stored, wanted);
    unsigned i;
    for (i = 0; i < have; i++) {
        const struct tuple_column *c = &td->col[i];
        null[i] = bitmap && bitmap[i / 8] >> i % 8 & 1;
        if (null[i]) {
            v[i].s = (struct str){ NULL, 0 };
            continue;
        }
        if (!is_var(c)) {
            if (end - p < c->len)
                return damaged(d);
            v[i] = get_fixed(c, p);
            p += c->len;
            continue;
        }
        struct str str;
        bool in_chain;
        uint32_t offset = 0;
        p = get_var(p, end, &str, &in_chain, &offset);
        if (!p || (in_chain && !(flags & BODY_OVERFLOW)))
            return damaged(d);
        if (want && !want[i])
            continue;
        if (in_chain) {
            enum err err = fetch_overflow(src, &ref, offset, &str, arena, d);
            if (err)
                return err;
        }
        v[i].s = str;
    }
    for (; i < wanted; i++) {
        null[i] = !td->col[i].has_missing;
        v[i] = td->col[i].missing;
    }
    return ERR_OK;
}

struct cached_source {
    struct access *a;
    scn_t s;
};

static enum err read_cached(void *arg, const struct overflow_ref *ref, uint32_t offset, uint8_t *ret, uint32_t len, struct diag *d)
{
    const struct cached_source *cs = arg;
    return overflow_read(cs->a, cs->s, ref, offset, ret, len, d);
}

enum err tuple_deform(struct access *a, const struct snapshot *s, const struct tuple_desc *td, const uint8_t *body, uint32_t len, uint16_t upto,
                      const bool *want, union datum *v, bool *null, struct arena *arena, struct diag *d)
{
    struct cached_source cs = { a, s->s };
    const struct tuple_source src = { &cs, read_cached };
    return tuple_deform_from(&src, td, body, len, upto, want, v, null, arena, d);
}
