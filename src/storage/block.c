#include "storage/block.h"

#include "base/hash.h"

const char *block_type_name(unsigned type)
{
    switch (type) {
#define X(name, no, text) case no: return #name;
        BLOCK_TYPES(X)
#undef X
    }
    return "unknown";
}

void block_format(void *block, struct dba dba, enum block_type type, uint8_t format, uint32_t seg_id)
{
    struct block_header *h = block_header(block);
    memset(block, 0, BLOCK_SIZE);
    h->magic = BLOCK_MAGIC;
    h->type = (uint8_t)type;
    h->format = format;
    h->dba = dba.v;
    h->seg_id = seg_id;
}

static uint32_t block_crc(const void *block)
{
    static const uint32_t zero = 0;
    const uint8_t *p = block;
    const size_t at = offsetof(struct block_header, crc), after = at + sizeof(uint32_t);
    uint32_t crc = crc32c(0, p, at);
    crc = crc32c(crc, &zero, sizeof(zero));
    return crc32c(crc, p + after, BLOCK_SIZE - after);
}

void block_seal(void *block)
{
    struct block_header *h = block_header(block);
    assert(h->magic == BLOCK_MAGIC);
    h->crc = block_crc(block);
}

static bool all_zero(const void *block)
{
    const uint8_t *p = block;
    return p[0] == 0 && memcmp(p, p + 1, BLOCK_SIZE - 1) == 0;
}

enum err block_verify(const void *block, struct dba dba, struct diag *d)
{
    const struct block_header *h = block_header_const(block);
    const uint32_t file = dba_file(dba), no = dba_block(dba);
    if (h->magic != BLOCK_MAGIC) {
        if (all_zero(block))
            return ERR_OK; /* never written: type NONE, SCN 0 */
        return diag_set(d, ERR_CORRUPT, "block %u of file %u is damaged: it does not begin with the mark of a block (%04x)", no, file, h->magic);
    }
    const uint32_t crc = block_crc(block);
    if (crc != h->crc)
        return diag_set(d, ERR_CORRUPT, "block %u of file %u is damaged: checksum %08" PRIx32 ", its header says %08" PRIx32, no, file, crc, h->crc);
    if (h->dba != dba.v) {
        const struct dba is = { h->dba };
        return diag_set(d, ERR_CORRUPT, "block %u of file %u is misplaced: its header says block %u of file %u", no, file, dba_block(is), dba_file(is));
    }
    return ERR_OK;
}
