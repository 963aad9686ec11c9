/*
 * Blocks from disk, and change vectors of space management onto any of them.
 * The input: opcode, block type, length of the payload, payload, body.
 */
#include "standalone.h"

#include <stdlib.h>
#include <string.h>

#include "storage/block.h"
#include "storage/space.h"
#include "storage/space_block.h"

static const enum redo_opcode opcodes[] = { REDO_SPACE_FORMAT, REDO_SPACE_BITMAP, REDO_SPACE_SEG_FORMAT, REDO_SPACE_SEG_EXTENT,
                                            REDO_SPACE_EXT_FORMAT, REDO_SPACE_EXT_SET, REDO_SPACE_FILE_SET, REDO_HEAP_INSERT };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static alignas(16) uint8_t block[BLOCK_SIZE], before[BLOCK_SIZE];
    struct diag d;
    if (size < 3)
        return 0;
    const enum redo_opcode op = opcodes[data[0] % ARRAY_LEN(opcodes)];
    const size_t len = data[2] < size - 3 ? data[2] : size - 3;
    const size_t body = size - 3 - len < BLOCK_BODY_SIZE ? size - 3 - len : BLOCK_BODY_SIZE;
    uint8_t *payload = malloc(len + 1);
    memcpy(payload, data + 3, len);
    block_format(block, dba_make(FILE_DATA, 5), (enum block_type)(data[1] % 12), 1, data[1] / 12);
    memcpy(block + BLOCK_HEADER_SIZE, data + 3 + len, body);
    memcpy(before, block, BLOCK_SIZE);
    if (space_apply(block, op, payload, (uint32_t)len, &d) && memcmp(block, before, BLOCK_SIZE) != 0)
        abort(); /* what fails changes nothing */
    for (int type = BLOCK_FILE; type <= BLOCK_EXTENT; type++)
        if (space_check_block(block, (enum block_type)type, block_header(block)->seg_id, &d) == ERR_OK && block_header(block)->type != type)
            abort();
    memset(block, 0, BLOCK_SIZE);
    memcpy(block, data, size < BLOCK_SIZE ? size : BLOCK_SIZE);
    if (block_verify(block, dba_make(FILE_DATA, 5), &d) == ERR_OK && block_header(block)->magic != BLOCK_MAGIC && block_header(block)->magic != 0)
        abort();
    free(payload);
    return 0;
}
