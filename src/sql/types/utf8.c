#include "sql/types/utf8.h"
#include "sql/types/casemap.h"

#include <stdio.h>

size_t utf8_offset(const char *s, size_t len, size_t chars)
{
    size_t i = 0;
    while (chars > 0 && i < len) {
        i++;
        while (i < len && utf8_is_continuation(s[i]))
            i++;
        chars--;
    }
    return i;
}

size_t utf8_clip(const char *s, size_t len, size_t max_bytes)
{
    if (len <= max_bytes)
        return len;
    size_t n = max_bytes;
    while (n > 0 && utf8_is_continuation(s[n]))
        n--;
    return n;
}

/* Bytes of a valid character at s, 0 if there is none. Shortest forms only, no surrogates, at most U+10FFFF. */
static unsigned valid_char(const uint8_t *s, size_t len)
{
    const uint8_t c = s[0];
    if (c < 0x80)
        return c != 0;
    const unsigned n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (n == 0 || len < n)
        return 0;
    uint8_t low = 0x80, high = 0xbf;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (unsigned i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool utf8_is_valid(const char *s, size_t len, size_t *ret_bad)
{
    size_t i = 0;
    while (i < len) {
        const unsigned n = valid_char((const uint8_t *)s + i, len - i);
        if (n == 0) {
            *ret_bad = i;
            return false;
        }
        i += n;
    }
    return true;
}

uint32_t utf8_decode(const char *s, size_t len, unsigned *ret_bytes)
{
    const uint8_t c = (uint8_t)s[0];
    unsigned n = utf8_char_bytes(c);
    if (n == 1 || n > len) {
        *ret_bytes = 1;
        return c;
    }
    uint32_t v = c & (0xffu >> (n + 1));
    for (unsigned i = 1; i < n; i++)
        v = v << 6 | ((uint8_t)s[i] & 0x3f);
    *ret_bytes = n;
    return v;
}

unsigned utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The range that holds c; ranges are sorted. step 2: every second character, as where cases alternate. */
static uint32_t map_case(const struct case_range *r, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (c > r[mid].last)
            low = mid + 1;
        else if (c < r[mid].first)
            high = mid;
        else
            return (c - r[mid].first) % r[mid].step == 0 ? (uint32_t)((int64_t)c + r[mid].delta) : c;
    }
    return c;
}

uint32_t utf8_upper(uint32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    return map_case(upper_ranges, ARRAY_LEN(upper_ranges), c);
}

uint32_t utf8_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return map_case(lower_ranges, ARRAY_LEN(lower_ranges), c);
}

bool utf8_is_alnum(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    size_t low = 0, high = ARRAY_LEN(alnum_ranges);
    while (low < high) {
        const size_t mid = (low + high) / 2;
        if (c > alnum_ranges[mid].last)
            low = mid + 1;
        else if (c < alnum_ranges[mid].first)
            high = mid;
        else
            return true;
    }
    return false;
}

enum err utf8_check(const char *s, size_t len, struct diag *d)
{
    size_t bad;
    if (utf8_is_valid(s, len, &bad))
        return ERR_OK;
    char bytes[32];
    size_t n = 0;
    const uint8_t *p = (const uint8_t *)s;
    const size_t shown = MIN(len - bad, (size_t)utf8_char_bytes(p[bad]));
    for (size_t i = 0; i < shown; i++)
        n += (size_t)snprintf(bytes + n, sizeof(bytes) - n, "%s0x%02x", i ? " " : "", p[bad + i]);
    return diag_set(d, ERR_CHARACTER, "invalid byte sequence for encoding \"UTF8\": %s", bytes);
}
