/*
 * Replay of single blocks: any base image of a history, vectors in any order,
 * leads to its end; what is missing is a gap and is named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "recovery/core/apply.h"
#include "recovery/core/set.h"

#include "counters_block.h"

#define STEPS 40u
#define VECTORS_MAX (2 * STEPS)

static const struct dba here = { 0x100000005 };

struct history {
    alignas(16) uint8_t image[STEPS + 1][BLOCK_SIZE]; /* after step i; 0: never written */
    struct rvector v[VECTORS_MAX];
    union {
        struct add add;
        uint64_t dba;
    } payload[VECTORS_MAX];
    uint32_t n;
    uint32_t first_of[STEPS + 2]; /* vector that begins step i (1..) */
    uint64_t x;
};

static uint64_t draw(struct history *h)
{
    return h->x = hash_u64(h->x + 0x9e37);
}

static void add_vector(struct history *h, uint8_t *image, scn_t scn, scn_t before, uint16_t thread, enum redo_opcode op)
{
    struct diag d;
    const uint32_t i = h->n++;
    if (op == REDO_HEAP_FORMAT)
        h->payload[i].dba = here.v;
    else
        h->payload[i].add = (struct add){ (uint32_t)(draw(h) % COUNTERS), (uint32_t)draw(h) };
    h->v[i] = (struct rvector){ .scn = scn, .before = op == REDO_HEAP_FORMAT ? 0 : before, .lsn = scn * 100, .thread = thread,
                                .opcode = (uint8_t)op, .index = (uint8_t)(i - h->first_of[0]), .len = 8, .payload = (uint8_t *)&h->payload[i] };
    assert_int_equal(counters_apply(image, op, h->v[i].payload, 8, &d), ERR_OK);
}

/* Steps by three threads; the first one formats, some later ones too; some have two vectors. */
static void make_history(struct history *h, uint64_t seed, bool formats_again)
{
    memset(h, 0, sizeof(*h));
    h->x = seed;
    scn_t scn = 0;
    for (uint32_t i = 1; i <= STEPS; i++) {
        uint8_t *image = h->image[i];
        memcpy(image, h->image[i - 1], BLOCK_SIZE);
        const scn_t before = scn;
        const uint16_t thread = (uint16_t)(1 + draw(h) % 3);
        const bool format = i == 1 || (formats_again && draw(h) % 10 == 0);
        scn += 1 + draw(h) % 5;
        h->first_of[i] = h->first_of[0] = h->n;
        add_vector(h, image, scn, before, thread, format ? REDO_HEAP_FORMAT : REDO_HEAP_INSERT);
        if (draw(h) % 3 == 0)
            add_vector(h, image, scn, before, thread, REDO_HEAP_INSERT);
        block_header(image)->scn = scn;
    }
    h->first_of[STEPS + 1] = h->n;
}

/* A copy of the vectors [from, to), shuffled. */
static struct rblock shuffled(struct history *h, uint32_t from, uint32_t to)
{
    struct rblock b = { .dba = here, .n = to - from, .cap = to - from };
    b.v = calloc(b.n + 1, sizeof(*b.v));
    memcpy(b.v, h->v + from, b.n * sizeof(*b.v));
    for (uint32_t i = b.n; i > 1; i--) {
        const uint32_t k = (uint32_t)(draw(h) % i);
        const struct rvector t = b.v[i - 1];
        b.v[i - 1] = b.v[k];
        b.v[k] = t;
    }
    return b;
}

static void every_base_leads_to_the_end(void **state)
{
    struct history *h = malloc(sizeof(*h));
    alignas(16) uint8_t image[BLOCK_SIZE];
    struct diag d;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        make_history(h, seed, seed % 2 == 0);
        for (uint32_t base = 0; base <= STEPS; base++) {
            const uint32_t from = (uint32_t)(draw(h) % (base + 1)); /* steps that the log no longer has */
            struct rblock b = shuffled(h, h->first_of[from + 1], h->n);
            enum rapply outcome;
            memcpy(image, h->image[base], BLOCK_SIZE);
            assert_int_equal(rblock_apply(&b, image, true, &counters_block_ops, &outcome, &d), ERR_OK);
            assert_memory_equal(image, h->image[STEPS], BLOCK_SIZE);
            assert_int_equal(outcome, base == STEPS ? RAPPLY_UNCHANGED : RAPPLY_CHANGED);
            free(b.v);
        }
    }
    free(h);
}

static void a_missing_step_is_a_gap(void **state)
{
    struct history *h = malloc(sizeof(*h));
    alignas(16) uint8_t image[BLOCK_SIZE];
    struct diag d;
    make_history(h, 7, false);
    for (uint32_t gone = 2; gone < STEPS; gone++) {
        struct rblock b = shuffled(h, 0, h->n);
        const scn_t scn = h->v[h->first_of[gone]].scn;
        uint32_t n = 0;
        for (uint32_t i = 0; i < b.n; i++)
            if (b.v[i].scn != scn)
                b.v[n++] = b.v[i];
        b.n = n;
        enum rapply outcome;
        memcpy(image, h->image[gone - 1], BLOCK_SIZE);
        assert_int_equal(rblock_apply(&b, image, true, &counters_block_ops, &outcome, &d), ERR_CORRUPT);
        char place[128];
        const struct rvector *next = &h->v[h->first_of[gone + 1]];
        snprintf(place, sizeof(place), "redo thread %u, record at position %" PRIu64 " (SCN %" PRIu64 "), block 5 of file 1: a change is missing",
                 next->thread, next->lsn, next->scn);
        assert_non_null(strstr(d.message, place));
        /* Past the gap it does not matter. */
        memcpy(image, h->image[gone], BLOCK_SIZE);
        assert_int_equal(rblock_apply(&b, image, true, &counters_block_ops, &outcome, &d), ERR_OK);
        assert_memory_equal(image, h->image[STEPS], BLOCK_SIZE);
        free(b.v);
    }
    free(h);
}

static void a_damaged_base_needs_a_format(void **state)
{
    struct history *h = malloc(sizeof(*h));
    alignas(16) uint8_t image[BLOCK_SIZE];
    struct diag d;
    enum rapply outcome;
    make_history(h, 3, false);
    memset(image, 0xee, BLOCK_SIZE);
    struct rblock all = shuffled(h, 0, h->n);
    assert_int_equal(rblock_apply(&all, image, false, &counters_block_ops, &outcome, &d), ERR_OK);
    assert_int_equal(outcome, RAPPLY_CHANGED);
    assert_memory_equal(image, h->image[STEPS], BLOCK_SIZE);
    struct rblock later = shuffled(h, h->first_of[2], h->n);
    assert_int_equal(rblock_apply(&later, image, false, &counters_block_ops, &outcome, &d), ERR_OK);
    assert_int_equal(outcome, RAPPLY_NO_BASE);
    free(all.v);
    free(later.v);
    free(h);
}

/* A log of a later version, or of another database: an opcode is reserved, and nothing applies it. */
static void a_vector_that_nothing_applies_is_named(void **state)
{
    alignas(16) uint8_t image[BLOCK_SIZE], before[BLOCK_SIZE];
    uint8_t payload[BLOCK_SIZE];
    enum rapply outcome;
    struct diag d;
    struct rvector v = { .scn = 20, .lsn = 4096, .thread = 3, .opcode = REDO_BLOCK_IMAGE, .len = sizeof(payload), .payload = payload };
    struct rblock b = { .dba = here, .v = &v, .n = 1, .cap = 1 };
    block_format(image, here, BLOCK_HEAP, 1, 1);
    block_format(payload, here, BLOCK_HEAP, 1, 1);
    memcpy(before, image, sizeof(before));
    for (int base_ok = 0; base_ok < 2; base_ok++) {
        assert_int_equal(rblock_apply(&b, image, base_ok, &counters_block_ops, &outcome, &d), ERR_CORRUPT);
        assert_non_null(strstr(d.message, "no function for opcode BLOCK_IMAGE"));
        assert_non_null(strstr(d.message, "redo thread 3, record at position 4096 (SCN 20), block 5 of file 1"));
        assert_memory_equal(image, before, sizeof(before));
    }
}

static void written_blocks_are_struck_up_to_their_version(void **state)
{
    struct rset *s = rset_new();
    struct redo_record r = { .scn = 10, .n = 2 };
    r.v[0].dba = dba_make(1, 1);
    r.v[0].opcode = REDO_HEAP_INSERT;
    r.v[0].len = 100;
    r.v[1].dba = dba_make(1, 2);
    r.v[1].opcode = REDO_HEAP_INSERT;
    rset_note(s, &r);
    const uint64_t bytes = rset_gather_bytes(s);
    r.scn = 12;
    r.n = 1;
    r.v[0].opcode = REDO_BLOCK_WRITTEN;
    r.v[0].before = 10;
    rset_note(s, &r);
    assert_int_equal(rset_count(s), 2);
    assert_int_equal(rset_find(s, dba_make(1, 1))->written, 10);
    assert_true(rset_gather_bytes(s) < bytes);
    r.scn = 14;
    r.v[0].opcode = REDO_HEAP_INSERT;
    rset_note(s, &r);
    assert_int_equal(rset_find(s, dba_make(1, 1))->last, 14);
    assert_null(rset_find(s, dba_make(1, 3)));
    rset_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_base_leads_to_the_end),
        cmocka_unit_test(a_missing_step_is_a_gap),
        cmocka_unit_test(a_damaged_base_needs_a_format),
        cmocka_unit_test(a_vector_that_nothing_applies_is_named),
        cmocka_unit_test(written_blocks_are_struck_up_to_their_version),
    };
    return cmocka_run_group_tests_name("recovery/core", tests, NULL, NULL);
}
