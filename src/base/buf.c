#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b)
{
    *b = (struct buf){ 0 };
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b);
}

void buf_reserve(struct buf *b, size_t more_bytes)
{
    assert(more_bytes <= SIZE_MAX / 2 - b->len);
    const size_t need = b->len + more_bytes;
    if (need <= b->cap)
        return;
    const size_t grown = MAX(b->cap * 2, (size_t)64);
    b->cap = MAX(need, grown);
    b->p = xrealloc(b->p, b->cap);
}

void buf_put(struct buf *b, const void *p, size_t bytes)
{
    if (bytes == 0)
        return;
    buf_reserve(b, bytes);
    memcpy(b->p + b->len, p, bytes);
    b->len += bytes;
}

void buf_put_str(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    buf_reserve(b, 64);
    const int n = vsnprintf((char *)b->p + b->len, b->cap - b->len, fmt, ap);
    assert(n >= 0);
    if ((size_t)n >= b->cap - b->len) {
        buf_reserve(b, (size_t)n + 1);
        vsnprintf((char *)b->p + b->len, b->cap - b->len, fmt, again);
    }
    b->len += (size_t)n;
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}
