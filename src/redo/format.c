#include "redo/format.h"

#include "base/hash.h"

static uint32_t crc_of_block(const void *block)
{
    static const uint32_t zero = 0;
    const uint8_t *p = block;
    const uint32_t crc = crc32c(crc32c(0, p, 4), &zero, 4);
    return crc32c(crc, p + 8, REDO_LOG_BLOCK - 8);
}

void log_block_seal(void *block)
{
    struct log_block_header *h = block;
    assert(h->used <= LOG_BLOCK_PAYLOAD);
    h->magic = LOG_BLOCK_MAGIC;
    h->crc = crc_of_block(block);
}

bool log_block_valid(const void *block, uint16_t thread, struct log_block_header *ret)
{
    struct log_block_header h;
    memcpy(&h, block, sizeof(h));
    if (h.magic != LOG_BLOCK_MAGIC || h.thread != thread || h.used > LOG_BLOCK_PAYLOAD || h.lsn % REDO_LOG_BLOCK != 0)
        return false;
    if ((h.flags & LOG_BLOCK_OPEN) && h.used != 0)
        return false;
    if (h.crc != crc_of_block(block))
        return false;
    *ret = h;
    return true;
}

void log_file_header_encode(void *block, const struct log_file_header *h)
{
    struct log_file_header out = *h;
    out.magic = LOG_FILE_MAGIC;
    out.format = LOG_FILE_FORMAT;
    memset(block, 0, REDO_LOG_BLOCK);
    memcpy(block, &out, sizeof(out));
    out.crc = crc_of_block(block); /* the crc field lies at the same place in both headers */
    memcpy(block, &out, sizeof(out));
}
static_assert(offsetof(struct log_file_header, crc) == 4, "crc_of_block() skips bytes 4 to 7");
static_assert(offsetof(struct log_block_header, crc) == 4, "crc_of_block() skips bytes 4 to 7");

bool log_file_header_decode(const void *block, uint16_t thread, struct log_file_header *ret)
{
    struct log_file_header h;
    memcpy(&h, block, sizeof(h));
    if (h.magic != LOG_FILE_MAGIC || h.format != LOG_FILE_FORMAT || h.thread != thread)
        return false;
    if (h.start % REDO_LOG_BLOCK != 0 || h.data_bytes % REDO_LOG_BLOCK != 0 || h.data_bytes == 0 || h.start + h.data_bytes < h.start)
        return false;
    if (h.crc != crc_of_block(block))
        return false;
    *ret = h;
    return true;
}

/* ---- records ------------------------------------------------------------ */

static uint32_t vector_len(const struct redo_vector *v)
{
    uint32_t len = 0;
    assert(v->nparts <= ARRAY_LEN(v->part));
    for (unsigned i = 0; i < v->nparts; i++)
        len += v->part[i].len;
    return len;
}

uint32_t redo_record_size(const struct redo_vector *v, unsigned n)
{
    uint32_t size = sizeof(struct record_header);
    for (unsigned i = 0; i < n; i++)
        size += (uint32_t)sizeof(struct vector_header) + vector_len(&v[i]);
    return size;
}

uint32_t record_crc_vectors(const struct redo_vector *v, unsigned n, struct vector_header *ret_headers)
{
    uint32_t crc = 0;
    for (unsigned i = 0; i < n; i++) {
        assert(v[i].opcode < REDO_OPCODE_COUNT);
        const bool formats = redo_opcode_formats(v[i].opcode);
        ret_headers[i] = (struct vector_header){
            .dba = v[i].dba.v, .before = formats ? 0 : v[i].before, .opcode = v[i].opcode, .len = vector_len(&v[i])
        };
        crc = crc32c(crc, &ret_headers[i], sizeof(ret_headers[i]));
        for (unsigned k = 0; k < v[i].nparts; k++)
            crc = crc32c(crc, v[i].part[k].p, v[i].part[k].len);
    }
    return crc;
}

uint32_t record_crc_finish(uint32_t crc_vectors, const struct record_header *h)
{
    struct record_header bare = *h;
    bare.crc = 0;
    return crc32c(crc_vectors, &bare, sizeof(bare));
}

uint32_t record_length(const uint8_t *p)
{
    struct record_header h;
    memcpy(&h, p, sizeof(h));
    return h.length >= sizeof(h) && h.length <= REDO_RECORD_MAX ? h.length : 0;
}

static bool vectors_decode(const uint8_t *p, uint32_t len, struct redo_record *r, const char **ret_why)
{
    uint32_t pos = 0;
    for (unsigned i = 0; i < r->n; i++) {
        struct vector_header vh;
        if (len - pos < sizeof(vh)) {
            *ret_why = "a vector's header does not fit";
            return false;
        }
        memcpy(&vh, p + pos, sizeof(vh));
        pos += (uint32_t)sizeof(vh);
        if (vh.len > len - pos) {
            *ret_why = "a vector's payload does not fit";
            return false;
        }
        if (vh.opcode >= REDO_OPCODE_COUNT) {
            *ret_why = "unknown opcode";
            return false;
        }
        r->v[i].dba = (struct dba){ vh.dba };
        r->v[i].before = vh.before;
        r->v[i].opcode = (enum redo_opcode)vh.opcode;
        r->v[i].payload = p + pos;
        r->v[i].len = vh.len;
        pos += vh.len;
    }
    if (pos != len)
        *ret_why = "bytes after the last vector";
    return pos == len;
}

bool record_decode(const uint8_t *p, uint32_t len, struct redo_record *ret, const char **ret_why)
{
    struct record_header h;
    if (len < sizeof(h) || record_length(p) != len) {
        *ret_why = "impossible length";
        return false;
    }
    memcpy(&h, p, sizeof(h));
    if (record_crc_finish(crc32c(0, p + sizeof(h), len - sizeof(h)), &h) != h.crc) {
        *ret_why = "wrong checksum";
        return false;
    }
    if (h.type < REDO_CHANGE || h.type > REDO_NOTE || h.nvectors > REDO_VECTORS_MAX) {
        *ret_why = "unknown type or too many vectors";
        return false;
    }
    ret->scn = h.scn;
    ret->xid = (struct xid){ h.xid };
    ret->type = (enum redo_record_type)h.type;
    ret->n = h.nvectors;
    return vectors_decode(p + sizeof(h), len - (uint32_t)sizeof(h), ret, ret_why);
}

uint32_t record_encode(uint8_t *out, enum redo_record_type type, struct xid xid, scn_t scn, const struct redo_vector *v, unsigned n)
{
    struct vector_header vh[REDO_VECTORS_MAX];
    assert(n <= REDO_VECTORS_MAX);
    const uint32_t crc = record_crc_vectors(v, n, vh);
    struct record_header h = { .length = redo_record_size(v, n), .type = (uint8_t)type, .nvectors = (uint8_t)n, .scn = scn, .xid = xid.v };
    h.crc = record_crc_finish(crc, &h);
    memcpy(out, &h, sizeof(h));
    uint8_t *p = out + sizeof(h);
    for (unsigned i = 0; i < n; i++) {
        p = (uint8_t *)memcpy(p, &vh[i], sizeof(vh[i])) + sizeof(vh[i]);
        for (unsigned k = 0; k < v[i].nparts; k++) {
            if (v[i].part[k].len == 0)
                continue;
            p = (uint8_t *)memcpy(p, v[i].part[k].p, v[i].part[k].len) + v[i].part[k].len;
        }
    }
    return h.length;
}
