#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "access/btree_page.h"
#include "base/hash.h"

/* A leaf beside a sorted list; each vector is applied to a second copy too, as replay would. */
struct entry {
    uint8_t key[64];
    uint32_t len;
    uint64_t rowid, aux;
};
struct model {
    uint64_t seed;
    unsigned n;
    struct entry e[BTREE_ENTRIES_MAX + 1];
    uint8_t block[BLOCK_SIZE], replayed[BLOCK_SIZE];
};

static const struct dba at = { UINT64_C(1) << 32 | 9 };

static uint32_t pick(struct model *m, uint32_t n)
{
    m->seed = hash_u64(m->seed + 0x9e3779b97f4a7c15u);
    return (uint32_t)(m->seed % n);
}

static enum err apply(struct model *m, enum redo_opcode op, const void *p, uint32_t len)
{
    struct diag d = { 0 };
    uint8_t before[BLOCK_SIZE];
    memcpy(before, m->block, BLOCK_SIZE);
    const enum err err = btree_apply(m->block, op, p, len, &d);
    assert_int_equal(btree_apply(m->replayed, op, p, len, &d), err);
    assert_memory_equal(m->block, m->replayed, BLOCK_SIZE);
    if (err)
        assert_memory_equal(m->block, before, BLOCK_SIZE);
    else if (btree_page_check(m->block, &d))
        fail_msg("%s", d.message);
    return err;
}

static struct btree_key key_of(const struct entry *e) { return (struct btree_key){ e->key, e->len, { e->rowid } }; }

static void format(struct model *m, const struct btree_key *high)
{
    static uint8_t payload[BTREE_BUILDER_BYTES];
    struct btree_builder b;
    const struct btree_format f = { .dba = at, .seg_id = 5, .right = { high ? 77 : 0 } };
    btree_builder_begin(&b, payload, &f, high);
    for (unsigned i = 0; i < m->n; i++) {
        const struct btree_key k = key_of(&m->e[i]);
        btree_builder_add(&b, &k, m->e[i].aux);
    }
    btree_builder_end(&b);
    memset(m->block, 0xaa, BLOCK_SIZE);
    memset(m->replayed, 0x55, BLOCK_SIZE);
    assert_int_equal(apply(m, REDO_BTREE_FORMAT, payload, b.len), ERR_OK);
}

static void check(struct model *m)
{
    assert_int_equal(btree_page(m->block)->n, m->n);
    for (unsigned i = 0; i < m->n; i++) {
        struct btree_item e;
        const struct btree_key k = key_of(&m->e[i]);
        btree_page_item(m->block, i, &e);
        assert_int_equal(btree_compare(&e, &k), 0);
        assert_int_equal(e.aux, m->e[i].aux);
        assert_int_equal(btree_page_lower(m->block, &k), i);
    }
}

static void do_insert(struct model *m)
{
    struct entry e = { .len = pick(m, 20), .rowid = pick(m, 100) };
    for (uint32_t i = 0; i < e.len; i++)
        e.key[i] = (uint8_t)pick(m, 3);
    const struct btree_key k = key_of(&e);
    const unsigned pos = btree_page_lower(m->block, &k);
    struct btree_item there;
    if (pos < m->n) {
        btree_page_item(m->block, pos, &there);
        if (btree_compare(&there, &k) == 0)
            return;
    }
    uint8_t p[2 + BTREE_ENTRY_HEAD + 64];
    put_u16le(p, (uint16_t)pos);
    btree_put_entry_head(p + 2, &k, 0);
    memcpy(p + 2 + BTREE_ENTRY_HEAD, e.key, e.len);
    const bool fits = btree_page_fits(m->block, e.len);
    assert_int_equal(apply(m, REDO_BTREE_INSERT, p, 2 + BTREE_ENTRY_HEAD + e.len), fits ? ERR_OK : ERR_CORRUPT);
    if (!fits)
        return;
    memmove(&m->e[pos + 1], &m->e[pos], sizeof(e) * (m->n - pos));
    m->e[pos] = e;
    m->n++;
}

static void do_mark(struct model *m)
{
    uint8_t p[10];
    const unsigned pos = pick(m, m->n + 2);
    put_u16le(p, (uint16_t)pos);
    put_u64le(p + 2, m->seed);
    assert_int_equal(apply(m, REDO_BTREE_MARK, p, 10), pos < m->n ? ERR_OK : ERR_CORRUPT);
    if (pos < m->n)
        m->e[pos].aux = get_u64le(p + 2);
}

static void do_purge(struct model *m)
{
    uint8_t p[2 * 8];
    uint32_t len = 0;
    unsigned kept = 0;
    for (unsigned i = 0; i < m->n; i++) {
        if (len < sizeof(p) && pick(m, 10) == 0) {
            put_u16le(p + len, (uint16_t)i);
            len += 2;
            continue;
        }
        m->e[kept++] = m->e[i];
    }
    m->n = kept;
    assert_int_equal(apply(m, REDO_BTREE_PURGE, p, len), ERR_OK);
}

static void do_split(struct model *m)
{
    uint8_t p[BTREE_SPLIT_HEAD + BTREE_ENTRY_HEAD + 64];
    if (m->n < 2)
        return;
    const unsigned keep = 1 + pick(m, m->n - 1);
    const struct btree_key high = key_of(&m->e[keep]);
    put_u16le(p, (uint16_t)keep);
    p[2] = BTREE_INCOMPLETE;
    put_u64le(p + 3, 78);
    btree_put_entry_head(p + BTREE_SPLIT_HEAD, &high, 0);
    memcpy(p + BTREE_SPLIT_HEAD + BTREE_ENTRY_HEAD, high.key, high.len);
    assert_int_equal(apply(m, REDO_BTREE_SPLIT_LEFT, p, BTREE_SPLIT_HEAD + BTREE_ENTRY_HEAD + high.len), ERR_OK);
    assert_true(btree_page_beyond(m->block, &high));
    m->n = keep;
    const struct btree_key last = key_of(&m->e[keep - 1]);
    assert_false(btree_page_beyond(m->block, &last));
    format(m, NULL);
}

static void random_operations_match_the_model_and_replay(void **state)
{
    static struct model m;
    for (unsigned seed = 1; seed <= 15; seed++) {
        m.seed = seed;
        m.n = 0;
        format(&m, NULL);
        for (unsigned i = 0; i < 3000; i++) {
            const unsigned what = pick(&m, 64);
            if (what == 0)
                do_split(&m);
            else if (what < 3)
                do_purge(&m);
            else if (what < 10)
                do_mark(&m);
            else
                do_insert(&m);
            if (i % 64 == 0)
                check(&m);
        }
        check(&m);
    }
}

static void garbage_is_refused_or_harmless(void **state)
{
    static struct model m;
    struct diag d;
    uint8_t p[256];
    for (unsigned seed = 1; seed <= 300; seed++) {
        m.seed = seed;
        m.n = 0;
        format(&m, NULL);
        for (unsigned i = 0; i < 100; i++)
            do_insert(&m);
        for (unsigned i = 0; i < 60; i++) {
            m.block[BLOCK_HEADER_SIZE + pick(&m, 400)] = (uint8_t)pick(&m, 256);
            const uint32_t len = pick(&m, sizeof(p));
            for (uint32_t k = 0; k < len; k++)
                p[k] = (uint8_t)(pick(&m, 2) ? pick(&m, 4) : pick(&m, 256));
            const enum err ignored = btree_apply(m.block, (enum redo_opcode)(REDO_BTREE_FORMAT + pick(&m, 6)), p, len, &d);
            (void)ignored;
        }
    }
}

static void children_are_found_by_range(void **state)
{
    static uint8_t payload[BTREE_BUILDER_BYTES], block[BLOCK_SIZE];
    struct btree_builder b;
    struct diag d;
    const struct btree_format f = { .dba = at, .seg_id = 5, .level = 1 };
    const struct btree_key low = { (const uint8_t *)"", 0, { 0 } }, m = { (const uint8_t *)"m", 1, { 5 } }, t = { (const uint8_t *)"t", 1, { 0 } };
    btree_builder_begin(&b, payload, &f, NULL);
    btree_builder_add(&b, &low, 1);
    btree_builder_add(&b, &m, 2);
    btree_builder_add(&b, &t, 3);
    btree_builder_end(&b);
    assert_int_equal(btree_apply(block, REDO_BTREE_FORMAT, payload, b.len, &d), ERR_OK);
    const struct {
        const char *key;
        uint64_t rowid, child;
    } want[] = { { "", 0, 1 }, { "a", 9, 1 }, { "m", 4, 1 }, { "m", 5, 2 }, { "ma", 0, 2 }, { "s", 0, 2 }, { "t", 0, 3 }, { "z", 0, 3 } };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct btree_key k = { (const uint8_t *)want[i].key, (uint32_t)strlen(want[i].key), { want[i].rowid } };
        assert_int_equal(btree_page_child(block, &k).v, want[i].child);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_match_the_model_and_replay),
        cmocka_unit_test(garbage_is_refused_or_harmless),
        cmocka_unit_test(children_are_found_by_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
