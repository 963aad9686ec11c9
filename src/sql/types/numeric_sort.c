#include "sql/types/numeric_int.h"

/*
 * Bytes whose memcmp order is the values' order: a class, then weight and
 * base-10000 digits (each plus one, so that the terminating zero is below all),
 * complemented for negative values.
 */
void numeric_sort_key(union datum v, struct buf *b)
{
    static const uint8_t class_of[] = { [KIND_NEG_INF] = 0x10, [KIND_NEGATIVE] = 0x20, [KIND_SMALL] = 0x30, [KIND_POSITIVE] = 0x40,
                                        [KIND_INF] = 0x50, [KIND_NAN] = 0x60 };
    const enum num_kind kind = num_kind(v.s);
    if (!num_is_finite(v.s)) {
        buf_put_u8(b, class_of[kind]);
        return;
    }
    struct arena *a = arena_new("sort key", 0);
    const struct nvar x = nvar_strip(num__unpack(a, v.s));
    buf_put_u8(b, class_of[x.ndigits == 0 ? KIND_SMALL : x.negative ? KIND_NEGATIVE : KIND_POSITIVE]);
    if (x.ndigits > 0) {
        const uint16_t flip = x.negative ? 0xffff : 0;
        uint8_t word[2];
        put_u16be(word, (uint16_t)(x.weight + 32768) ^ flip);
        buf_put(b, word, 2);
        for (int i = 0; i <= x.ndigits; i++) {
            put_u16be(word, (uint16_t)(i < x.ndigits ? x.digits[i] + 1 : 0) ^ flip);
            buf_put(b, word, 2);
        }
    }
    arena_free(a);
}
