/*
 * A block of counters: what the tests' redo is about.
 */
#ifndef TESTS_COUNTERS_BLOCK_H
#define TESTS_COUNTERS_BLOCK_H

#include "redo/redo.h"
#include "storage/block.h"

#define COUNTERS 8u

struct add {
    uint32_t slot;
    uint32_t by;
};

/* Far apart: in sectors of their own, so that a torn write shows. */
static inline uint64_t *counter_of(void *block, uint32_t slot)
{
    return (uint64_t *)((uint8_t *)block + BLOCK_HEADER_SIZE + slot * 1000u);
}

/* HEAP_FORMAT: the block's address. HEAP_INSERT: struct add. */
static enum err counters_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    if (op == REDO_HEAP_FORMAT) {
        uint64_t dba;
        if (len != sizeof(dba))
            return diag_set(d, ERR_CORRUPT, "format: payload");
        memcpy(&dba, payload, sizeof(dba));
        block_format(block, (struct dba){ dba }, BLOCK_HEAP, 1, 1);
        return ERR_OK;
    }
    struct add add;
    if (len != sizeof(add) || block_header(block)->type != BLOCK_HEAP)
        return diag_set(d, ERR_CORRUPT, "add: payload or block");
    memcpy(&add, payload, sizeof(add));
    if (add.slot >= COUNTERS)
        return diag_set(d, ERR_CORRUPT, "add: slot");
    uint64_t *counter = counter_of(block, add.slot);
    *counter = *counter * 31 + add.by; /* the order matters */
    return ERR_OK;
}

static const struct redo_ops counters_block_ops = { .apply = { [REDO_HEAP_FORMAT] = counters_apply, [REDO_HEAP_INSERT] = counters_apply } };

#endif
