/*
 * Blocks from disk, and change vectors of space management onto any of them:
 * opcode, block type, length of the payload, payload, body. And copies of the
 * control file: positions and values of bytes that are not what they were.
 */
#include "standalone.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "storage/block.h"
#include "storage/control.h"
#include "storage/space.h"
#include "storage/space_block.h"

static const enum redo_opcode opcodes[] = { REDO_SPACE_FORMAT, REDO_SPACE_BITMAP, REDO_SPACE_SEG_FORMAT, REDO_SPACE_SEG_EXTENT,
                                            REDO_SPACE_EXT_FORMAT, REDO_SPACE_EXT_SET, REDO_SPACE_FILE_SET, REDO_HEAP_INSERT };

static void look_at_control(const uint8_t *image)
{
    static alignas(16) uint8_t again[CONTROL_BYTES], twice[CONTROL_BYTES];
    struct control *c = NULL, *c2 = NULL;
    struct diag d;
    if (control_decode(image, "control.0", &c, &d) != ERR_OK)
        return;
    if (c->threads > THREADS_MAX || strnlen(c->cluster_name, sizeof(c->cluster_name)) == sizeof(c->cluster_name))
        abort();
    control_encode(c, 9, again);
    if (control_decode(again, "control.1", &c2, &d) != ERR_OK)
        abort();
    control_encode(c2, 9, twice);
    if (memcmp(again, twice, CONTROL_BYTES) != 0)
        abort();
    control_free(c);
    control_free(c2);
}

static void control(const uint8_t *data, size_t size)
{
    static const uint32_t zero = 0;
    struct control *c = calloc(1, sizeof(*c));
    uint8_t *image = aligned_alloc(16, CONTROL_BYTES);
    c->format_version = CLUSTER_FORMAT_VERSION;
    c->block_size = BLOCK_SIZE;
    c->threads = 4;
    memcpy(c->cluster_name, "fuzz", 5);
    for (unsigned i = 1; i <= c->threads; i++)
        c->thread[i] = (struct control_thread){ .state = THREAD_OPEN, .node = (node_no)i, .incarnation = i, .checkpoint = 4096 };
    control_encode(c, 8, image);
    for (; size >= 3; data += 3, size -= 3)
        image[(data[0] | (size_t)data[1] << 8) % (data[1] % 2 ? 700 : CONTROL_BYTES)] = data[2];
    look_at_control(image);
    memcpy(image + 4, &zero, 4); /* its checksum, made right */
    const uint32_t crc = crc32c(0, image, CONTROL_BYTES);
    memcpy(image + 4, &crc, 4);
    look_at_control(image);
    free(image);
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] % 32 == 31) {
        control(data + 1, size - 1);
        return 0;
    }
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
