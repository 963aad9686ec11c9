/*
 * UTF-8: lengths, offsets, validity, simple case mapping. The database's
 * encoding is always UTF-8 and its default collation C.UTF-8, so strings
 * order by bytes and case mapping is a fixed table, the same on every node.
 */
#ifndef SQL_TYPES_UTF8_H
#define SQL_TYPES_UTF8_H

#include "base/base.h"
#include "base/diag.h"

/* Bytes of the character that begins with `first`; 1 for a byte that begins none. */
static inline unsigned utf8_char_bytes(uint8_t first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 1;
}

static inline bool utf8_is_continuation(char c) { return ((uint8_t)c & 0xc0) == 0x80; }

/* Characters in a valid string. */
static inline size_t utf8_count(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += !utf8_is_continuation(s[i]);
    return n;
}

/* Byte offset of character number `chars` (0-based), or len if the string has fewer. */
size_t utf8_offset(const char *s, size_t len, size_t chars);
/* The longest prefix of at most max_bytes that cuts no character. */
size_t utf8_clip(const char *s, size_t len, size_t max_bytes);
/* True if the bytes are valid UTF-8 without NUL; otherwise *ret_bad is where it ends. */
bool utf8_is_valid(const char *s, size_t len, size_t *ret_bad);

/* The same as an error for the user: 22021 that shows the bytes. */
enum err utf8_check(const char *s, size_t len, struct diag *d) MUST_CHECK;

uint32_t utf8_decode(const char *s, size_t len, unsigned *ret_bytes);
unsigned utf8_encode(uint32_t c, char out[4]);

uint32_t utf8_upper(uint32_t c);
uint32_t utf8_lower(uint32_t c);
bool utf8_is_alnum(uint32_t c); /* letters and digits, as initcap() sees words */

#endif
