/*
 * Blocks of counters, for tests of the cache: HEAP_FORMAT makes one,
 * HEAP_INSERT adds to one of its counters.
 */
#ifndef TESTS_STORAGE_COUNTERS_H
#define TESTS_STORAGE_COUNTERS_H

#include "base/buf.h"
#include "rt/rt.h"
#include "rt/sim.h"
#include "storage/block.h"
#include "storage/bufcache.h"
#include "storage/files.h"
#include "storage/mtr.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
#define CHECK_OK(expr, d) ((expr) == ERR_OK ? (void)0 : panic("%s:%d: %s: %s %s", __FILE__, __LINE__, #expr, (d)->message, (d)->detail))

struct add {
    uint32_t counter;
    uint32_t by;
};

__attribute__((unused)) static enum err counters_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    if (op == REDO_HEAP_FORMAT) {
        block_format(block, (struct dba){ get_u64le(payload) }, BLOCK_HEAP, 1, 7);
        return ERR_OK;
    }
    struct add a;
    if (op != REDO_HEAP_INSERT || len != sizeof(a) || block_header(block)->type != BLOCK_HEAP)
        return diag_set(d, ERR_CORRUPT, "not a block of counters");
    memcpy(&a, payload, sizeof(a));
    uint8_t *at = block + BLOCK_HEADER_SIZE + 8 * a.counter;
    put_u64le(at, get_u64le(at) + a.by);
    return ERR_OK;
}

__attribute__((unused)) static const struct redo_ops counters_ops = {
    .apply = { [REDO_HEAP_FORMAT] = counters_apply, [REDO_HEAP_INSERT] = counters_apply },
};

__attribute__((unused)) static uint64_t counter_get(const struct pin *b, uint32_t counter)
{
    return get_u64le(b->data + BLOCK_HEADER_SIZE + 8 * counter);
}

__attribute__((unused)) static void counters_format(struct bufcache *bc, struct dba dba)
{
    struct diag d;
    struct mtr m;
    struct pin *b;
    mtr_begin(&m, bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 256, &d), &d);
    CHECK_OK(mtr_pin_fresh(&m, dba, &b, &d), &d);
    CHECK_OK(mtr_change(&m, b, REDO_HEAP_FORMAT, &(struct mtr_part){ &dba, sizeof(dba) }, 1, &d), &d);
    mtr_commit(&m, NULL);
}

__attribute__((unused)) static void counter_add_in(struct mtr *m, struct dba dba, uint32_t counter, uint32_t by)
{
    struct diag d;
    struct pin *b;
    const struct add a = { counter, by };
    CHECK_OK(mtr_pin(m, dba, &b, &d), &d);
    CHECK_OK(mtr_change(m, b, REDO_HEAP_INSERT, &(struct mtr_part){ &a, sizeof(a) }, 1, &d), &d);
}

__attribute__((unused)) static scn_t counter_add(struct bufcache *bc, struct dba dba, uint32_t counter, uint32_t by, lsn_t *ret_end)
{
    struct diag d;
    struct mtr m;
    mtr_begin(&m, bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 256, &d), &d);
    counter_add_in(&m, dba, counter, by);
    return mtr_commit(&m, ret_end);
}

__attribute__((unused)) static uint64_t counter_read(struct bufcache *bc, struct dba dba, uint32_t counter)
{
    struct diag d;
    struct pin *b;
    CHECK_OK(buf_pin(bc, dba, BUF_S, &b, &d), &d);
    const uint64_t v = counter_get(b, counter);
    buf_unpin(b);
    return v;
}

#endif
