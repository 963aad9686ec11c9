#include "sql/execute/spill.h"

#include <stdio.h>
#include <stdlib.h>

#define WRITE_BYTES (64u * 1024)
#define READ_BYTES (64u * 1024)
#define PLACE_ALIGN 8u /* of records in the file, so that they can be used where they were read */

struct spill {
    struct rt_file *file;
    char path[512];
    uint8_t *buf; /* not yet written */
    uint32_t used;
    uint64_t written;
};

enum err exec__spill_new(struct exec *e, struct spill **ret, struct diag *d)
{
    struct spill *s = xcalloc(1, sizeof *s);
    uint64_t id;
    rt_random_bytes(&id, sizeof id);
    snprintf(s->path, sizeof s->path, "%s/rustydb-%016" PRIx64 ".tmp", e->env.tmp_dir, id);
    enum err err = rt_open(s->path, RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_EXCL, &s->file, d);
    if (err) {
        free(s);
        return diag_wrap(d, err, "creating a temporary file");
    }
    s->buf = xmalloc(WRITE_BYTES);
    *ret = s;
    return ERR_OK;
}

void exec__spill_free(struct spill *s)
{
    if (!s)
        return;
    struct diag ignored;
    rt_close(s->file);
    if (rt_unlink(s->path, &ignored) != ERR_OK)
        s->path[0] = '\0'; /* somebody has cleaned up before us */
    free(s->buf);
    free(s);
}

uint64_t exec__spill_end(const struct spill *s)
{
    return s->written + s->used;
}

enum err exec__spill_flush(struct spill *s, struct diag *d)
{
    enum err err = s->used ? rt_pwrite(s->file, s->buf, s->used, s->written, d) : ERR_OK;
    if (err)
        return diag_wrap(d, err, "writing a temporary file");
    s->written += s->used;
    s->used = 0;
    return ERR_OK;
}

static enum err put(struct spill *s, const uint8_t *p, size_t len, struct diag *d)
{
    while (len > 0) {
        const uint32_t part = (uint32_t)MIN(len, (size_t)(WRITE_BYTES - s->used));
        memcpy(s->buf + s->used, p, part);
        s->used += part;
        p += part;
        len -= part;
        enum err err = s->used == WRITE_BYTES ? exec__spill_flush(s, d) : ERR_OK;
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err exec__spill_write(struct spill *s, const struct record *r, struct diag *d)
{
    static const uint8_t pad[PLACE_ALIGN];
    enum err err = put(s, (const uint8_t *)r, r->bytes, d);
    return err ? err : put(s, pad, ALIGN_UP(r->bytes, PLACE_ALIGN) - r->bytes, d);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct spill_reader {
    struct spill *s;
    const struct record_type *type;
    uint64_t at, to; /* in the file: behind what is in buf */
    uint8_t *buf;
    size_t cap, pos, len;
};

enum err exec__part_write(struct exec *e, struct spill *part[SPILL_PARTS], unsigned depth, const struct record *r, struct diag *d)
{
    static_assert(SPILL_PARTS == 16, "four bits of the hash a level");
    struct spill **s = &part[r->hash >> (60 - 4 * depth) & 15];
    enum err err = *s ? ERR_OK : exec__spill_new(e, s, d);
    return err ? err : exec__spill_write(*s, r, d);
}

struct spill_reader *exec__reader_new(struct exec *e, struct spill *s, const struct record_type *type, uint64_t from, uint64_t to)
{
    struct spill_reader *r = xcalloc(1, sizeof *r);
    *r = (struct spill_reader){ .s = s, .type = type, .at = from, .to = to, .cap = READ_BYTES };
    r->buf = xmalloc(r->cap);
    return r;
}

void exec__reader_free(struct spill_reader *r)
{
    if (!r)
        return;
    free(r->buf);
    free(r);
}

/* At least `bytes` behind pos, or all that is left. */
static enum err fill(struct spill_reader *r, size_t bytes, struct diag *d)
{
    const size_t rest = r->len - r->pos;
    if (rest >= bytes || r->at == r->to)
        return ERR_OK;
    memmove(r->buf, r->buf + r->pos, rest);
    r->pos = 0;
    r->len = rest;
    if (bytes > r->cap) {
        r->cap = ALIGN_UP(bytes, (size_t)READ_BYTES);
        r->buf = xrealloc(r->buf, r->cap);
    }
    const size_t part = (size_t)MIN((uint64_t)(r->cap - rest), r->to - r->at);
    enum err err = rt_pread(r->s->file, r->buf + rest, part, r->at, NULL, d);
    if (err)
        return diag_wrap(d, err, "reading a temporary file");
    r->at += part;
    r->len += part;
    return ERR_OK;
}

enum err exec__reader_next(struct spill_reader *r, struct record **ret, struct diag *d)
{
    *ret = NULL;
    enum err err = fill(r, sizeof(struct record), d);
    if (err || r->len == r->pos)
        return err;
    const uint32_t bytes = ((const struct record *)(r->buf + r->pos))->bytes;
    err = fill(r, ALIGN_UP(bytes, PLACE_ALIGN), d);
    if (err)
        return err;
    struct record *x = (struct record *)(r->buf + r->pos);
    r->pos += ALIGN_UP(bytes, PLACE_ALIGN);
    exec__record_moved(r->type, x);
    *ret = x;
    return ERR_OK;
}

enum err exec__reader_batch(struct spill_reader *r, struct arena *arena, const struct vec **col, struct batch *ret, struct diag *d)
{
    struct record *row[VEC_ROWS];
    uint32_t n = 0;
    for (; n < VEC_ROWS; n++) {
        struct record *next;
        enum err err = exec__reader_next(r, &next, d);
        if (err)
            return err;
        if (!next)
            break;
        row[n] = exec__record_of_row(r->type, arena, next->v, record_nulls(r->type, next));
        if (!row[n])
            return diag_set(d, ERR_OUT_OF_MEMORY, "out of memory");
    }
    for (uint16_t c = 0; c < r->type->ncols; c++)
        exec__records_column(r->type, row, n, c, exec__vec_at(col, c));
    *ret = (struct batch){ col, { NULL, n } };
    return ERR_OK;
}
