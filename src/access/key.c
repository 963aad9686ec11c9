#include "access/key.h"

enum { KEY_NULL_FIRST = 0, KEY_VALUE = 1, KEY_NULL_LAST = 2 };

static void append_int(struct buf *b, int64_t v)
{
    uint8_t p[8];
    put_u64be(p, (uint64_t)v ^ UINT64_C(1) << 63);
    buf_put(b, p, sizeof(p));
}

/* IEEE bits in the order of the numbers: -0 is 0, NaN is above everything and equal to itself. */
static void append_float(struct buf *b, double f)
{
    uint64_t bits;
    uint8_t p[8];
    if (f == 0)
        f = 0;
    memcpy(&bits, &f, sizeof(bits));
    if (f != f)
        bits = UINT64_MAX;
    else
        bits = bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
    put_u64be(p, bits);
    buf_put(b, p, sizeof(p));
}

/* Ends with 00 00; a zero byte within becomes 00 ff. */
static void append_str(struct buf *b, struct str s, bool blank_padded)
{
    uint32_t len = s.len;
    if (blank_padded)
        while (len && s.p[len - 1] == ' ')
            len--;
    const char *p = s.p, *end = s.p + len;
    while (p < end) {
        const char *zero = memchr(p, 0, (size_t)(end - p));
        const size_t run = (size_t)((zero ? zero : end) - p);
        buf_put(b, p, run);
        p += run;
        if (zero) {
            buf_put(b, "\0\xff", 2);
            p++;
        }
    }
    buf_put(b, "\0\0", 2);
}

void key_append(struct buf *b, const struct key_column *c, union datum v, bool null)
{
    if (null) {
        buf_put_u8(b, c->nulls_first ? KEY_NULL_FIRST : KEY_NULL_LAST);
        return;
    }
    buf_put_u8(b, KEY_VALUE);
    const size_t from = b->len;
    switch (c->rep) {
    case REP_INT:
        append_int(b, v.i);
        break;
    case REP_FLOAT:
        append_float(b, v.f);
        break;
    case REP_STR:
        append_str(b, v.s, c->blank_padded);
        break;
    case REP_NUMERIC:
        c->numeric_sort_key(v, b);
        break;
    }
    if (c->descending)
        for (size_t i = from; i < b->len; i++)
            b->p[i] = (uint8_t)~b->p[i];
}
