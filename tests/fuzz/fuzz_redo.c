/*
 * Decoders of the redo: records (also with their checksum made right, so that
 * what lies behind it is reached), log blocks, file headers.
 */
#include "standalone.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "redo/format.h"

static void touch(const struct redo_record *r)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < r->n; i++)
        sum = crc32c(sum, r->v[i].payload, r->v[i].len);
    if (sum == 0x12345678)
        abort(); /* only so that the reads are not optimised away */
}

static void record(const uint8_t *data, size_t size)
{
    struct redo_record r;
    struct record_header h;
    const char *why;
    if (size < sizeof(h) || size > REDO_RECORD_MAX)
        return;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    if (record_decode(copy, (uint32_t)size, &r, &why))
        touch(&r);
    memcpy(&h, copy, sizeof(h));
    h.length = (uint32_t)size;
    h.type = (uint8_t)(1 + h.type % 4);
    h.nvectors %= REDO_VECTORS_MAX + 1;
    h.crc = record_crc_finish(crc32c(0, copy + sizeof(h), size - sizeof(h)), &h);
    memcpy(copy, &h, sizeof(h));
    if (record_decode(copy, (uint32_t)size, &r, &why))
        touch(&r);
    free(copy);
}

static void blocks(const uint8_t *data, size_t size)
{
    alignas(8) uint8_t block[REDO_LOG_BLOCK] = { 0 };
    struct log_block_header h;
    struct log_file_header f;
    memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
    if (log_block_valid(block, 1, &h) && h.used > LOG_BLOCK_PAYLOAD)
        abort();
    if (log_file_header_decode(block, 1, &f) && f.data_bytes == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    record(data, size);
    blocks(data, size);
    return 0;
}
