/*
 * Functions on strings. Lengths and positions count characters.
 */
#include "sql/functions/kernels.h"
#include "sql/types/types_int.h"
#include "sql/types/utf8.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>

#define TEXT_BYTES_MAX (1 << 30) /* as PostgreSQL: 1 GB less a little */

static enum err too_large(struct func_ctx *c)
{
    return diag_set(c->d, ERR_LIMIT, "requested length too large");
}


/* ---- length ------------------------------------------------------------ */

ROW_KERNEL(text_length, 1)
{
    r->i = (int64_t)utf8_count(a[0].s.p, a[0].s.len);
    return ERR_OK;
}

ROW_KERNEL(bpchar_length, 1)
{
    r->i = (int64_t)utf8_count(a[0].s.p, type__bpchar_len(a[0].s));
    return ERR_OK;
}

ROW_KERNEL(octet_length, 1)
{
    r->i = a[0].s.len;
    return ERR_OK;
}

ROW_KERNEL(bit_length, 1)
{
    r->i = (int64_t)a[0].s.len * 8;
    return ERR_OK;
}

/* ---- case -------------------------------------------------------------- */

/* Maps each character by fn, which sees whether a word goes on. */
static enum err map_chars(struct func_ctx *c, struct str s, uint32_t (*fn)(uint32_t c, bool in_word), union datum *r)
{
    char *p;
    const enum err err = kernel_alloc(c, (size_t)s.len * 2 + 4, &p); /* a mapped character takes at most a byte more */
    if (err)
        return err;
    size_t n = 0;
    bool in_word = false;
    for (uint32_t i = 0; i < s.len;) {
        unsigned bytes;
        const uint32_t ch = utf8_decode(s.p + i, s.len - i, &bytes);
        n += utf8_encode(fn(ch, in_word), p + n);
        in_word = utf8_is_alnum(ch);
        i += bytes;
    }
    *r = datum_str(p, n);
    return ERR_OK;
}

static uint32_t to_upper(uint32_t ch, bool in_word)
{
    return utf8_upper(ch);
}

static uint32_t to_lower(uint32_t ch, bool in_word)
{
    return utf8_lower(ch);
}

static uint32_t to_initcap(uint32_t ch, bool in_word)
{
    return in_word ? utf8_lower(ch) : utf8_upper(ch);
}

ROW_KERNEL(upper, 1)
{
    return map_chars(c, a[0].s, to_upper, r);
}

ROW_KERNEL(lower, 1)
{
    return map_chars(c, a[0].s, to_lower, r);
}

ROW_KERNEL(initcap, 1)
{
    return map_chars(c, a[0].s, to_initcap, r);
}

/* ---- parts ------------------------------------------------------------- */

/* Characters from..to-1, 0-based; from may be negative. */
static union datum slice(struct str s, int64_t from, int64_t to)
{
    if (from < 0)
        from = 0;
    if (to <= from)
        return datum_str(s.p, 0);
    const size_t start = utf8_offset(s.p, s.len, (size_t)from);
    const size_t len = utf8_offset(s.p + start, s.len - start, (size_t)(to - from));
    return datum_str(s.p + start, len);
}

ROW_KERNEL(substr, 2)
{
    *r = slice(a[0].s, a[1].i - 1, INT64_MAX);
    return ERR_OK;
}

ROW_KERNEL(substr_len, 3)
{
    if (a[2].i < 0)
        return diag_set(c->d, ERR_SUBSTRING, "negative substring length not allowed");
    *r = slice(a[0].s, a[1].i - 1, a[1].i - 1 + a[2].i);
    return ERR_OK;
}

ROW_KERNEL(left, 2)
{
    const int64_t n = a[1].i;
    *r = slice(a[0].s, 0, n >= 0 ? n : (int64_t)utf8_count(a[0].s.p, a[0].s.len) + n);
    return ERR_OK;
}

ROW_KERNEL(right, 2)
{
    const int64_t n = a[1].i, count = (int64_t)utf8_count(a[0].s.p, a[0].s.len);
    *r = slice(a[0].s, n >= 0 ? count - n : -n, INT64_MAX);
    return ERR_OK;
}

/* Byte offset of the first occurrence at or after `from`, -1: none. An empty needle is found at once. */
static int64_t find(struct str s, size_t from, struct str needle)
{
    if (needle.len == 0)
        return (int64_t)from;
    const char *p = from <= s.len ? memmem(s.p + from, s.len - from, needle.p, needle.len) : NULL;
    return p ? p - s.p : -1;
}

ROW_KERNEL(strpos, 2)
{
    const int64_t at = find(a[0].s, 0, a[1].s);
    r->i = at < 0 ? 0 : (int64_t)utf8_count(a[0].s.p, (size_t)at) + 1;
    return ERR_OK;
}

ROW_KERNEL(starts_with, 2)
{
    r->i = a[0].s.len >= a[1].s.len && memcmp(a[0].s.p, a[1].s.p, a[1].s.len) == 0;
    return ERR_OK;
}

static size_t count_fields(struct str s, struct str sep)
{
    size_t n = 1;
    for (int64_t at = find(s, 0, sep); at >= 0; at = find(s, (size_t)at + sep.len, sep))
        n++;
    return n;
}

ROW_KERNEL(split_part, 3)
{
    const struct str s = a[0].s, sep = a[1].s;
    int64_t n = a[2].i;
    if (n == 0)
        return diag_set(c->d, ERR_PARAMETER_VALUE, "field position must not be zero");
    *r = datum_str("", 0);
    if (s.len == 0)
        return ERR_OK;
    if (sep.len == 0) {
        if (n == 1 || n == -1)
            r->s = s;
        return ERR_OK;
    }
    if (n < 0) {
        n += (int64_t)count_fields(s, sep) + 1;
        if (n <= 0)
            return ERR_OK;
    }
    size_t start = 0;
    for (;; n--) {
        const int64_t at = find(s, start, sep);
        if (n == 1) {
            *r = datum_str(s.p + start, (at < 0 ? s.len : (size_t)at) - start);
            return ERR_OK;
        }
        if (at < 0)
            return ERR_OK;
        start = (size_t)at + sep.len;
    }
}

/* ---- joining and changing ---------------------------------------------- */

static enum err concat2(struct func_ctx *c, struct str x, struct str y, union datum *r)
{
    char *p;
    if ((uint64_t)x.len + y.len > TEXT_BYTES_MAX)
        return too_large(c);
    const enum err err = kernel_alloc(c, (size_t)x.len + y.len, &p);
    if (err)
        return err;
    memcpy(p, x.p, x.len);
    memcpy(p + x.len, y.p, y.len);
    *r = datum_str(p, (size_t)x.len + y.len);
    return ERR_OK;
}

ROW_KERNEL(text_cat, 2)
{
    return concat2(c, a[0].s, a[1].s, r);
}

/* As a cast to text would write it. */
static enum err as_text(struct func_ctx *c, oid_t type, union datum v, union datum *r)
{
    const struct cast *cast = type == TYPE_TEXT || type == TYPE_UNKNOWN ? NULL : cast_find(type, TYPE_TEXT);
    if (cast && cast->fn)
        return cast->fn(&c->types, v, r, c->d);
    *r = v;
    return ERR_OK;
}

ROW_KERNEL(text_any_cat, 2)
{
    union datum t;
    const enum err err = as_text(c, c->arg_types[1], a[1], &t);
    return err ? err : concat2(c, a[0].s, t.s, r);
}

ROW_KERNEL(any_text_cat, 2)
{
    union datum t;
    const enum err err = as_text(c, c->arg_types[0], a[0], &t);
    return err ? err : concat2(c, t.s, a[1].s, r);
}

/* Text output of the arguments from `first` on, NULLs left out. */
static enum err concat_any(struct func_ctx *c, const union datum *a, const bool *nulls, unsigned first, unsigned nargs,
                           struct str sep, union datum *r)
{
    struct buf b;
    buf_init(&b);
    bool any = false;
    for (unsigned i = first; i < nargs; i++) {
        if (nulls[i])
            continue;
        if (any)
            buf_put(&b, sep.p, sep.len);
        any = true;
        const struct type *t = type_by_oid(c->arg_types[i]);
        if (t)
            t->out(&c->types, a[i], &b);
    }
    const enum err err = b.len > TEXT_BYTES_MAX ? too_large(c) : kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

NULL_KERNEL(concat)
{
    return concat_any(c, a, nulls, 0, nargs, (struct str){ "", 0 }, r);
}

NULL_KERNEL(concat_ws)
{
    *null = nulls[0];
    return nulls[0] ? ERR_OK : concat_any(c, a, nulls, 1, nargs, a[0].s, r);
}

NULL_KERNEL(num_nulls)
{
    r->i = 0;
    for (unsigned i = 0; i < nargs; i++)
        r->i += nulls[i];
    return ERR_OK;
}

NULL_KERNEL(num_nonnulls)
{
    r->i = 0;
    for (unsigned i = 0; i < nargs; i++)
        r->i += !nulls[i];
    return ERR_OK;
}

ROW_KERNEL(replace, 3)
{
    const struct str s = a[0].s, from = a[1].s, to = a[2].s;
    int64_t at = from.len ? find(s, 0, from) : -1;
    if (at < 0) {
        r->s = s;
        return ERR_OK;
    }
    struct buf b;
    buf_init(&b);
    size_t start = 0;
    for (; at >= 0 && b.len <= TEXT_BYTES_MAX; at = find(s, start, from)) {
        buf_put(&b, s.p + start, (size_t)at - start);
        buf_put(&b, to.p, to.len);
        start = (size_t)at + from.len;
    }
    buf_put(&b, s.p + start, s.len - start);
    const enum err err = b.len > TEXT_BYTES_MAX ? too_large(c) : kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

/* True if the character of `bytes` bytes at p is one of the set's. */
static bool in_set(const char *p, unsigned bytes, struct str set)
{
    for (uint32_t i = 0; i < set.len;) {
        const unsigned n = MIN(utf8_char_bytes((uint8_t)set.p[i]), set.len - i);
        if (n == bytes && memcmp(p, set.p + i, n) == 0)
            return true;
        i += n;
    }
    return false;
}

static union datum trim(struct str s, struct str set, bool front, bool back)
{
    uint32_t start = 0, end = s.len;
    while (front && start < end) {
        const unsigned n = MIN(utf8_char_bytes((uint8_t)s.p[start]), end - start);
        if (!in_set(s.p + start, n, set))
            break;
        start += n;
    }
    while (back && end > start) {
        uint32_t n = 1;
        while (n < end - start && utf8_is_continuation(s.p[end - n]))
            n++;
        if (!in_set(s.p + end - n, n, set))
            break;
        end -= n;
    }
    return datum_str(s.p + start, end - start);
}

#define BLANK ((struct str){ " ", 1 })
#define TRIM(kernel, front, back)                                                                                                 \
    ROW_KERNEL(kernel##_blank, 1)                                                                                                 \
    {                                                                                                                             \
        *r = trim(a[0].s, BLANK, front, back);                                                                                    \
        return ERR_OK;                                                                                                            \
    }                                                                                                                             \
    ROW_KERNEL(kernel, 2)                                                                                                         \
    {                                                                                                                             \
        *r = trim(a[0].s, a[1].s, front, back);                                                                                   \
        return ERR_OK;                                                                                                            \
    }
TRIM(btrim, true, true)
TRIM(ltrim, true, false)
TRIM(rtrim, false, true)

static enum err pad(struct func_ctx *c, struct str s, int64_t want, struct str fill, bool front, union datum *r)
{
    want = want < 0 ? 0 : want;
    const int64_t have = (int64_t)utf8_count(s.p, s.len);
    if (have >= want || fill.len == 0) {
        *r = slice(s, 0, want);
        return ERR_OK;
    }
    const int64_t more = want - have, fill_chars = (int64_t)utf8_count(fill.p, fill.len);
    const int64_t whole = more / fill_chars;
    const size_t rest = utf8_offset(fill.p, fill.len, (size_t)(more % fill_chars));
    if ((uint64_t)whole * fill.len + s.len + rest > TEXT_BYTES_MAX)
        return too_large(c);
    char *p;
    const enum err err = kernel_alloc(c, (size_t)whole * fill.len + rest + s.len, &p);
    if (err)
        return err;
    char *q = p;
    if (!front) {
        memcpy(q, s.p, s.len);
        q += s.len;
    }
    for (int64_t i = 0; i < whole; i++, q += fill.len)
        memcpy(q, fill.p, fill.len);
    memcpy(q, fill.p, rest);
    q += rest;
    if (front) {
        memcpy(q, s.p, s.len);
        q += s.len;
    }
    *r = datum_str(p, (size_t)(q - p));
    return ERR_OK;
}

ROW_KERNEL(lpad, 3)
{
    return pad(c, a[0].s, a[1].i, a[2].s, true, r);
}

ROW_KERNEL(lpad_blank, 2)
{
    return pad(c, a[0].s, a[1].i, BLANK, true, r);
}

ROW_KERNEL(rpad, 3)
{
    return pad(c, a[0].s, a[1].i, a[2].s, false, r);
}

ROW_KERNEL(rpad_blank, 2)
{
    return pad(c, a[0].s, a[1].i, BLANK, false, r);
}

ROW_KERNEL(repeat, 2)
{
    const int64_t n = a[1].i < 0 ? 0 : a[1].i;
    if ((uint64_t)n * a[0].s.len > TEXT_BYTES_MAX)
        return too_large(c);
    char *p;
    const enum err err = kernel_alloc(c, (size_t)n * a[0].s.len, &p);
    if (err)
        return err;
    for (int64_t i = 0; i < n && a[0].s.len > 0; i++)
        memcpy(p + (size_t)i * a[0].s.len, a[0].s.p, a[0].s.len);
    *r = datum_str(p, (size_t)n * a[0].s.len);
    return ERR_OK;
}

ROW_KERNEL(reverse, 1)
{
    const struct str s = a[0].s;
    char *p;
    const enum err err = kernel_alloc(c, s.len, &p);
    if (err)
        return err;
    for (uint32_t i = 0; i < s.len;) {
        const unsigned n = MIN(utf8_char_bytes((uint8_t)s.p[i]), s.len - i);
        memcpy(p + s.len - i - n, s.p + i, n);
        i += n;
    }
    *r = datum_str(p, s.len);
    return ERR_OK;
}

/* Each character of `from` becomes the one at the same place of `to`, or goes. */
ROW_KERNEL(translate, 3)
{
    const struct str s = a[0].s, from = a[1].s, to = a[2].s;
    struct buf b;
    buf_init(&b);
    for (uint32_t i = 0; i < s.len;) {
        const unsigned n = MIN(utf8_char_bytes((uint8_t)s.p[i]), s.len - i);
        uint32_t f = 0, t = 0;
        unsigned fn = 0, tn = 0;
        for (; f < from.len; f += fn, t += tn) {
            fn = MIN(utf8_char_bytes((uint8_t)from.p[f]), from.len - f);
            tn = t < to.len ? MIN(utf8_char_bytes((uint8_t)to.p[t]), to.len - t) : 0;
            if (fn == n && memcmp(from.p + f, s.p + i, n) == 0)
                break;
        }
        if (f >= from.len)
            buf_put(&b, s.p + i, n);
        else
            buf_put(&b, to.p + t, tn);
        i += n;
    }
    const enum err err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

static enum err overlay_at(struct func_ctx *c, struct str s, struct str with, int64_t at, int64_t len, union datum *r)
{
    if (at <= 0)
        return diag_set(c->d, ERR_SUBSTRING, "negative substring length not allowed");
    const union datum head = slice(s, 0, at - 1), tail = slice(s, at - 1 + len, INT64_MAX);
    union datum t = head;
    const enum err err = concat2(c, head.s, with, &t);
    return err ? err : concat2(c, t.s, tail.s, r);
}

ROW_KERNEL(overlay, 3)
{
    return overlay_at(c, a[0].s, a[1].s, a[2].i, (int64_t)utf8_count(a[1].s.p, a[1].s.len), r);
}

ROW_KERNEL(overlay_len, 4)
{
    return overlay_at(c, a[0].s, a[1].s, a[2].i, a[3].i, r);
}

/* ---- characters and codes ---------------------------------------------- */

ROW_KERNEL(ascii, 1)
{
    unsigned bytes;
    r->i = a[0].s.len ? utf8_decode(a[0].s.p, a[0].s.len, &bytes) : 0;
    return ERR_OK;
}

ROW_KERNEL(chr, 1)
{
    const int64_t v = a[0].i;
    char ch[4];
    if (v == 0)
        return diag_set(c->d, ERR_LIMIT, "null character not permitted");
    if (v < 0)
        return diag_set(c->d, ERR_PARAMETER_VALUE, "character number must be positive");
    if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return diag_set(c->d, ERR_LIMIT, "requested character %s for encoding: %" PRId64, v > 0x10ffff ? "too large" : "not valid",
                        v);
    const unsigned n = utf8_encode((uint32_t)v, ch);
    return kernel_str(c, ch, n, r);
}

static enum err hex(struct func_ctx *c, uint64_t v, union datum *r)
{
    char text[24];
    const int n = snprintf(text, sizeof(text), "%" PRIx64, v);
    return kernel_str(c, text, (size_t)n, r);
}

ROW_KERNEL(to_hex_int4, 1)
{
    return hex(c, (uint32_t)a[0].i, r);
}

ROW_KERNEL(to_hex_int8, 1)
{
    return hex(c, (uint64_t)a[0].i, r);
}

ROW_KERNEL(md5, 1)
{
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_Digest(a[0].s.p, a[0].s.len, sum, &n, EVP_md5(), NULL) != 1)
        return diag_set(c->d, ERR_INTERNAL, "could not compute MD5 hash");
    char text[2 * EVP_MAX_MD_SIZE + 1];
    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
    return kernel_str(c, text, 2 * (size_t)n, r);
}

/* ---- quoting ----------------------------------------------------------- */

static enum err quote(struct func_ctx *c, struct str s, char mark, union datum *r)
{
    char *p;
    const enum err err = kernel_alloc(c, 2 * (size_t)s.len + 4, &p);
    if (err)
        return err;
    size_t n = 0;
    if (mark == '\'' && memchr(s.p, '\\', s.len))
        p[n++] = 'E';
    p[n++] = mark;
    for (uint32_t i = 0; i < s.len; i++) {
        if (s.p[i] == mark || (mark == '\'' && s.p[i] == '\\'))
            p[n++] = s.p[i];
        p[n++] = s.p[i];
    }
    p[n++] = mark;
    *r = datum_str(p, n);
    return ERR_OK;
}

ROW_KERNEL(quote_literal, 1)
{
    union datum t;
    const enum err err = as_text(c, c->arg_types ? c->arg_types[0] : TYPE_TEXT, a[0], &t);
    return err ? err : quote(c, t.s, '\'', r);
}

NULL_KERNEL(quote_nullable)
{
    union datum t;
    if (nulls[0]) {
        *r = datum_str("NULL", 4);
        return ERR_OK;
    }
    const enum err err = as_text(c, c->arg_types ? c->arg_types[0] : TYPE_TEXT, a[0], &t);
    return err ? err : quote(c, t.s, '\'', r);
}

/* ---- arrays as text ---------------------------------------------------- */

/* The element of an array's text at *pos, where braces and commas have been passed over; leaves *pos behind it. Unquoted NULL is null. */
static bool next_element(struct str s, size_t *pos, struct buf *b, bool *ret_null)
{
    const char *p = s.p;
    while (*pos < s.len && strchr("{}, ", p[*pos]))
        ++*pos;
    if (*pos >= s.len)
        return false;
    const bool quoted = p[*pos] == '"';
    buf_reset(b);
    for (*pos += quoted; *pos < s.len && (quoted ? p[*pos] != '"' : !strchr(",}", p[*pos])); ++*pos) {
        *pos += p[*pos] == '\\' && *pos + 1 < s.len;
        buf_put_u8(b, (uint8_t)p[*pos]);
    }
    *pos += quoted;
    *ret_null = !quoted && b->len == 4 && strncasecmp((const char *)b->p, "null", 4) == 0;
    return true;
}

/* nulls_as NULL: they are left out. */
static enum err join_array(struct func_ctx *c, struct str array, struct str between, const struct str *nulls_as, union datum *r)
{
    struct buf all, element;
    size_t pos = 0;
    bool null, first = true;
    buf_init(&all);
    buf_init(&element);
    while (next_element(array, &pos, &element, &null)) {
        if (null && !nulls_as)
            continue;
        if (!first)
            buf_put(&all, between.p, between.len);
        first = false;
        if (null)
            buf_put(&all, nulls_as->p, nulls_as->len);
        else
            buf_put(&all, element.p, element.len);
        if (all.len > TEXT_BYTES_MAX)
            break;
    }
    const enum err err = all.len > TEXT_BYTES_MAX ? too_large(c) : kernel_str(c, all.p, all.len, r);
    buf_fini(&all);
    buf_fini(&element);
    return err;
}

/* A value as it stands in an array's text. */
NULL_KERNEL(array_element)
{
    union datum t;
    if (nulls[0]) {
        *r = datum_str("NULL", 4);
        return ERR_OK;
    }
    enum err err = as_text(c, c->arg_types[0], a[0], &t);
    if (err)
        return err;
    struct buf b;
    bool quote = t.s.len == 0 || (t.s.len == 4 && strncasecmp(t.s.p, "null", 4) == 0);
    for (size_t i = 0; i < t.s.len && !quote; i++)
        quote = strchr("\"\\{}, \t\n\v\f\r", t.s.p[i]) != NULL;
    if (!quote) {
        *r = t;
        return ERR_OK;
    }
    buf_init(&b);
    buf_put_u8(&b, '"');
    for (size_t i = 0; i < t.s.len; i++) {
        if (t.s.p[i] == '"' || t.s.p[i] == '\\')
            buf_put_u8(&b, '\\');
        buf_put_u8(&b, (uint8_t)t.s.p[i]);
    }
    buf_put_u8(&b, '"');
    err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

/* Arrays have no type of their own yet: the catalogue's come as their text, "{a,b}". */
ROW_KERNEL(array_to_string, 2) { return join_array(c, a[0].s, a[1].s, NULL, r); }

NULL_KERNEL(array_to_string_null)
{
    *null = nulls[0] || nulls[1];
    return *null ? ERR_OK : join_array(c, a[0].s, a[1].s, nulls[2] ? NULL : &a[2].s, r);
}

/* Words of the grammar that are no plain names. */
static const char *const reserved[] = {
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "between", "bigint", "binary",
    "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce", "collate", "collation", "column",
    "concurrently", "constraint", "create", "cross", "current_catalog", "current_date", "current_role", "current_schema",
    "current_time", "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable", "desc", "distinct", "do",
    "else", "end", "except", "exists", "extract", "false", "fetch", "float", "for", "foreign", "freeze", "from", "full", "grant",
    "greatest", "group", "grouping", "having", "ilike", "in", "initially", "inner", "inout", "int", "integer", "intersect",
    "interval", "into", "is", "isnull", "join", "lateral", "leading", "least", "left", "like", "limit", "localtime",
    "localtimestamp", "national", "natural", "nchar", "none", "normalize", "not", "notnull", "null", "nullif", "numeric", "offset",
    "on", "only", "or", "order", "out", "outer", "overlaps", "overlay", "placing", "position", "precision", "primary", "real",
    "references", "returning", "right", "row", "select", "session_user", "setof", "similar", "smallint", "some", "substring",
    "symmetric", "table", "tablesample", "then", "time", "timestamp", "to", "trailing", "treat", "trim", "true", "union", "unique",
    "user", "using", "values", "varchar", "variadic", "verbose", "when", "where", "window", "with", "xmlattributes", "xmlconcat",
    "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
};

static bool is_plain_name(struct str s)
{
    if (s.len == 0 || !((s.p[0] >= 'a' && s.p[0] <= 'z') || s.p[0] == '_'))
        return false;
    for (uint32_t i = 0; i < s.len; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_' || (s.p[i] >= '0' && s.p[i] <= '9')))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (strlen(reserved[i]) == s.len && memcmp(reserved[i], s.p, s.len) == 0)
            return false;
    return true;
}

ROW_KERNEL(quote_ident, 1)
{
    if (!is_plain_name(a[0].s))
        return quote(c, a[0].s, '"', r);
    r->s = a[0].s;
    return ERR_OK;
}
