/*
 * Balance, minimal movement, and agreement of all nodes.
 */
#include "grd/grd.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/cluster.h"
#include "grd/core/ring.h"

#define BUCKETS 65536u

static struct cluster_view view(epoch_t epoch, unsigned n, const node_no *node)
{
    struct cluster_view v = { .epoch = epoch, .n = n };
    for (unsigned i = 0; i < n; i++)
        v.m[i].node = node[i];
    return v;
}

static void shares_are_balanced(void **state)
{
    static node_no home[BUCKETS], shadow[BUCKETS];
    const node_no member[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    for (unsigned n = 1; n <= 8; n++) {
        uint32_t share[9] = { 0 };
        grd_ring_assign(member, n, BUCKETS, home, shadow);
        for (uint32_t b = 0; b < BUCKETS; b++) {
            share[home[b]]++;
            assert_int_not_equal(home[b], shadow[b]);
            assert_int_equal(shadow[b] == 0, n == 1);
        }
        for (unsigned i = 1; i <= n; i++) {
            assert_true(share[i] > BUCKETS / n * 4 / 5);
            assert_true(share[i] < BUCKETS / n * 5 / 4);
        }
    }
}

static void joining_and_leaving_move_only_one_share(void **state)
{
    static node_no three[BUCKETS], four[BUCKETS], shadow[BUCKETS];
    grd_ring_assign((node_no[]){ 1, 2, 3 }, 3, BUCKETS, three, shadow);
    grd_ring_assign((node_no[]){ 4, 2, 1, 3 }, 4, BUCKETS, four, shadow);
    for (uint32_t b = 0; b < BUCKETS; b++)
        assert_true(four[b] == three[b] || four[b] == 4);
    /* who leaves is followed by its shadow */
    for (uint32_t b = 0; b < BUCKETS; b++)
        if (four[b] == 4)
            assert_int_equal(three[b], shadow[b]);
}

static void directory_follows_views(void **state)
{
    struct diag d;
    struct grd *g;
    assert_int_equal(grd_open(1000, &g, &d), ERR_CONFIG_LIMIT);
    assert_int_equal(grd_open(0, &g, &d), ERR_OK);
    const uint64_t a = grd_hash_block(dba_make(1, 64)), b = grd_hash_block(dba_make(1, 127)), c = grd_hash_block(dba_make(1, 128));
    assert_true(a == b);
    assert_true(a != c);
    assert_int_equal(grd_master(g, a), 0);

    struct cluster_view v = view(1, 1, (node_no[]){ 2 });
    grd_install(g, &v);
    assert_int_equal(grd_master(g, a), 2);
    assert_int_equal(grd_shadow(g, a), 0);
    assert_int_equal(grd_share(g, 2), BUCKETS);

    v = view(2, 3, (node_no[]){ 1, 2, 3 });
    grd_install(g, &v);
    assert_int_equal(grd_share(g, 1) + grd_share(g, 2) + grd_share(g, 3), BUCKETS);
    assert_true(grd_epoch(g) == 2);
    struct grd_stats st;
    grd_stats(g, &st);
    assert_true(st.buckets_moved == BUCKETS - grd_share(g, 2));

    /* extents spread: a thousand of them land on all nodes */
    uint32_t hits[4] = { 0 };
    for (uint32_t i = 0; i < 3000; i++)
        hits[grd_master(g, grd_hash_block(dba_make(1, i * EXTENT_BLOCKS)))]++;
    for (unsigned i = 1; i <= 3; i++)
        assert_true(hits[i] > 700);
    grd_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_balanced),
        cmocka_unit_test(joining_and_leaving_move_only_one_share),
        cmocka_unit_test(directory_follows_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
