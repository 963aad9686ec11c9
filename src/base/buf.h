/*
 * Growable byte buffer, and little- and big-endian access to bytes.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/base.h"

struct buf {
    uint8_t *p;
    size_t len, cap;
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);
void buf_reserve(struct buf *b, size_t more_bytes);
void buf_put(struct buf *b, const void *p, size_t bytes);
void buf_put_str(struct buf *b, const char *s); /* without the NUL */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
static inline void buf_put_u8(struct buf *b, uint8_t v) { buf_put(b, &v, 1); }
static inline void buf_reset(struct buf *b) { b->len = 0; }

static inline uint16_t get_u16le(const void *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t get_u32le(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t get_u64le(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline void put_u16le(void *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void put_u32le(void *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void put_u64le(void *p, uint64_t v) { memcpy(p, &v, 8); }
static inline uint16_t get_u16be(const void *p) { return __builtin_bswap16(get_u16le(p)); }
static inline uint32_t get_u32be(const void *p) { return __builtin_bswap32(get_u32le(p)); }
static inline uint64_t get_u64be(const void *p) { return __builtin_bswap64(get_u64le(p)); }
static inline void put_u16be(void *p, uint16_t v) { put_u16le(p, __builtin_bswap16(v)); }
static inline void put_u32be(void *p, uint32_t v) { put_u32le(p, __builtin_bswap32(v)); }
static inline void put_u64be(void *p, uint64_t v) { put_u64le(p, __builtin_bswap64(v)); }

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "x86-64 and little-endian ARM only");

#endif
