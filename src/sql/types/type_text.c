/*
 * Text and binary forms of the character types, and of void.
 */
#include "sql/types/types_int.h"
#include "sql/types/utf8.h"

#include <stdio.h>

#define NAME_BYTES_MAX 63

enum err type__text_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return type__str_dup(c, s, len, ret, d);
}

void type__text_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

enum err type__text_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    const enum err err = utf8_check((const char *)p, len, d);
    return err ? err : type__str_dup(c, (const char *)p, len, ret, d);
}

void type__text_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

/* ---- varchar(n) and char(n) -------------------------------------------- */

/*
 * Cuts to n characters. What is cut must be blanks, unless the cast is
 * explicit; char(n) is filled up with blanks.
 */
static enum err fit(const struct type_ctx *c, struct str s, int32_t typmod, bool is_explicit, bool pad, union datum *ret,
                    struct diag *d)
{
    const size_t n = (size_t)(typmod - 4);
    const size_t chars = s.len <= n && !pad ? s.len : utf8_count(s.p, s.len);
    if (chars <= n) {
        if (!pad || chars == n) {
            *ret = (union datum){ .s = s };
            return ERR_OK;
        }
        char *p;
        const enum err err = type__alloc(c, s.len + (n - chars), &p, d);
        if (err)
            return err;
        memcpy(p, s.p, s.len);
        memset(p + s.len, ' ', n - chars);
        *ret = datum_str(p, s.len + (n - chars));
        return ERR_OK;
    }
    const size_t keep = utf8_offset(s.p, s.len, n);
    for (size_t i = keep; i < s.len && !is_explicit; i++)
        if (s.p[i] != ' ')
            return diag_set(d, ERR_STRING_TRUNCATION, "value too long for type character%s(%zu)", pad ? "" : " varying", n);
    *ret = datum_str(s.p, keep);
    return ERR_OK;
}

static enum err str_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, bool pad, union datum *ret,
                       struct diag *d)
{
    union datum v;
    const enum err err = type__str_dup(c, s, len, &v, d);
    if (err)
        return err;
    if (typmod < 4) {
        *ret = v;
        return ERR_OK;
    }
    return fit(c, v.s, typmod, false, pad, ret, d);
}

enum err type__varchar_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return str_in(c, s, len, typmod, false, ret, d);
}

enum err type__bpchar_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return str_in(c, s, len, typmod, true, ret, d);
}

void type__varchar_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

void type__bpchar_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

enum err type__varchar_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                            struct diag *d)
{
    const enum err err = utf8_check((const char *)p, len, d);
    return err ? err : type__varchar_in(c, (const char *)p, len, typmod, ret, d);
}

enum err type__bpchar_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                           struct diag *d)
{
    const enum err err = utf8_check((const char *)p, len, d);
    return err ? err : type__bpchar_in(c, (const char *)p, len, typmod, ret, d);
}

void type__varchar_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

void type__bpchar_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

enum err type__apply_chars(const struct type_ctx *c, oid_t type, int32_t typmod, bool is_explicit, union datum v,
                           union datum *ret, struct diag *d)
{
    return fit(c, v.s, typmod, is_explicit, type == TYPE_BPCHAR, ret, d);
}

/* ---- name, "char", void ------------------------------------------------ */

enum err type__name_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return type__str_dup(c, s, utf8_clip(s, len, NAME_BYTES_MAX), ret, d);
}

void type__name_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

enum err type__name_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    const enum err err = utf8_check((const char *)p, len, d);
    if (err)
        return err;
    if (len > NAME_BYTES_MAX) {
        diag_set(d, ERR_NAME_TOO_LONG, "identifier too long");
        return diag_detail(d, "Identifier must be less than %d characters.", NAME_BYTES_MAX + 1);
    }
    return type__str_dup(c, (const char *)p, len, ret, d);
}

void type__name_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put(b, v.s.p, v.s.len);
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* One byte; "\ooo" writes one that is no character of its own; the empty string is the byte 0. */
enum err type__char1_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    char byte = len > 0 ? s[0] : 0;
    if (len == 4 && s[0] == '\\' && is_octal(s[1]) && is_octal(s[2]) && is_octal(s[3]))
        byte = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
    return type__str_dup(c, &byte, byte != 0, ret, d);
}

void type__char1_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    if (v.s.len > 0 && (uint8_t)v.s.p[0] >= 0x80)
        buf_printf(b, "\\%03o", (uint8_t)v.s.p[0]);
    else
        buf_put(b, v.s.p, v.s.len);
}

enum err type__char1_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    if (len != 1)
        return type__bad_binary_size(d);
    return type__str_dup(c, (const char *)p, p[0] != 0, ret, d);
}

void type__char1_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    buf_put_u8(b, v.s.len > 0 ? (uint8_t)v.s.p[0] : 0);
}

enum err type__void_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    *ret = datum_str("", 0);
    return ERR_OK;
}

void type__void_out(const struct type_ctx *c, union datum v, struct buf *b) {}

enum err type__void_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    *ret = datum_str("", 0);
    return ERR_OK;
}

void type__void_send(const struct type_ctx *c, union datum v, struct buf *b) {}
