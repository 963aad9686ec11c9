#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/hash.h"
#include "cluster/core/slot.h"
#include "cluster/core/view_wire.h"

static const struct cluster_member member = {
    .node = 3, .incarnation = 0x1122334455667788, .redo_thread = 3, .name = "node3", .interconnect_address = "10.0.0.3:5000",
    .sql_address = "10.0.0.3:5432",
};

static void slot_round_trip(void **state)
{
    const struct slot s = { .state = SLOT_MEMBER, .member = member, .epoch = 17, .counter = 9 };
    uint8_t bytes[SLOT_BYTES];
    struct slot out;
    struct diag d = { 0 };
    slot_encode(bytes, &s);
    assert_int_equal(slot_decode(bytes, 3, &out, &d), ERR_OK);
    assert_memory_equal(&out.member, &member, sizeof(member));
    assert_int_equal(out.epoch, 17);
    assert_int_equal(out.counter, 9);
    assert_int_equal(out.state, SLOT_MEMBER);
    assert_int_equal(slot_decode(bytes, 4, &out, &d), ERR_CORRUPT); /* another node's place */
    assert_string_equal(d.message, "voting slot of node 4: belongs to node 3, state 3");
}

static void slot_with(struct slot s, enum err expected)
{
    uint8_t bytes[SLOT_BYTES];
    struct slot out;
    struct diag d = { 0 };
    slot_encode(bytes, &s); /* with a checksum that is right */
    assert_int_equal(slot_decode(bytes, 3, &out, &d), expected);
}

static void what_cannot_be_is_refused_though_its_checksum_is_right(void **state)
{
    struct slot s = { .state = SLOT_MEMBER, .member = member, .epoch = CLUSTER_EPOCH_MAX };
    slot_with(s, ERR_OK);
    s.epoch++;
    slot_with(s, ERR_CORRUPT);
    s.epoch = 1;
    s.member.redo_thread = THREADS_MAX + 1;
    slot_with(s, ERR_CORRUPT);
    s.member = member;
    s.member.incarnation = 0;
    slot_with(s, ERR_CORRUPT);
    s.member = member;
    s.state = SLOT_STATE_COUNT;
    slot_with(s, ERR_CORRUPT);
}

static void damage_is_noticed_and_room_is_left(void **state)
{
    const struct slot s = { .state = SLOT_JOINING, .member = member };
    uint8_t bytes[SLOT_BYTES];
    struct slot out;
    struct diag d = { 0 };
    slot_encode(bytes, &s);
    for (uint32_t i = 0; i < 512; i++) {
        bytes[i] ^= 0x40;
        assert_int_equal(slot_decode(bytes, 3, &out, &d), ERR_CORRUPT);
        bytes[i] ^= 0x40;
    }
    memset(bytes + SLOT_LEASE_AT, 7, SLOT_BYTES - SLOT_LEASE_AT); /* has checksums of its own */
    assert_int_equal(slot_decode(bytes, 3, &out, &d), ERR_OK);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(slot_decode(bytes, 3, &out, &d), ERR_OK);
    assert_int_equal(out.state, SLOT_FREE);
}

static void the_file_belongs_to_one_cluster(void **state)
{
    uint8_t bytes[SLOT_BYTES] = { 0 };
    bool blank;
    struct diag d = { 0 };
    assert_int_equal(slot_check_file(bytes, 5, &blank, &d), ERR_OK);
    assert_true(blank);
    slot_encode_file(bytes, 5);
    assert_int_equal(slot_check_file(bytes, 5, &blank, &d), ERR_OK);
    assert_false(blank);
    assert_int_equal(slot_check_file(bytes, 6, &blank, &d), ERR_CONFIG_FILE);
    bytes[45] ^= 1;
    assert_int_equal(slot_check_file(bytes, 5, &blank, &d), ERR_CORRUPT);
}

static struct cluster_view two_members(void)
{
    struct cluster_view v = { .epoch = 4, .n = 2, .m = { member, member } };
    v.m[1].node = 7;
    v.m[1].incarnation = 77;
    return v;
}

static void messages_round_trip(void **state)
{
    struct buf b;
    struct diag d = { 0 };
    buf_init(&b);
    struct cluster_member m;
    memset(&m, 0, sizeof(m));
    view_put_join(&b, &member);
    assert_int_equal(view_get_join(b.p, b.len, &m, &d), ERR_OK);
    assert_string_equal(m.sql_address, member.sql_address);
    assert_int_equal(m.incarnation, member.incarnation);

    const struct cluster_view v = two_members();
    struct cluster_view w;
    enum view_step step;
    epoch_t epoch;
    buf_reset(&b);
    view_put_step(&b, VIEW_DECLARE, 4, &v);
    assert_int_equal(view_get_step(b.p, b.len, &step, &epoch, &w, &d), ERR_OK);
    assert_int_equal(step, VIEW_DECLARE);
    assert_int_equal(epoch, 4);
    assert_int_equal(w.epoch, 4);
    assert_int_equal(w.n, 2);
    assert_int_equal(w.m[1].node, 7);

    buf_reset(&b);
    view_put_done(&b, VIEW_OPEN, 9);
    assert_int_equal(view_get_done(b.p, b.len, &step, &epoch, &d), ERR_OK);
    assert_int_equal(step, VIEW_OPEN);

    uint8_t bytes[HEARTBEAT_BYTES];
    const struct heartbeat h = { .state = SLOT_MEMBER, .epoch = 3, .oldest_snapshot = SCN_MAX, .heard = 5 };
    struct heartbeat g;
    heartbeat_put(bytes, &h);
    assert_int_equal(heartbeat_get(bytes, sizeof(bytes), &g, &d), ERR_OK);
    assert_true(g.oldest_snapshot == SCN_MAX);
    assert_int_equal(g.heard, 5);
    assert_int_equal(heartbeat_get(bytes, sizeof(bytes) - 1, &g, &d), ERR_PROTOCOL);
    buf_fini(&b);
}

static void view_with(struct cluster_member second, epoch_t e, enum err expected)
{
    struct buf b;
    struct diag d = { 0 };
    struct cluster_view v = two_members(), out;
    enum view_step step;
    epoch_t epoch;
    v.m[1] = second;
    buf_init(&b);
    view_put_step(&b, VIEW_FREEZE, e, &v);
    assert_int_equal(view_get_step(b.p, b.len, &step, &epoch, &out, &d), expected);
    buf_fini(&b);
}

static void impossible_numbers_are_refused(void **state)
{
    const struct cluster_member good = two_members().m[1];
    struct cluster_member m = good;
    view_with(good, CLUSTER_EPOCH_MAX, ERR_OK);
    view_with(good, CLUSTER_EPOCH_MAX + 1, ERR_PROTOCOL);
    view_with(good, 0, ERR_PROTOCOL);
    m.redo_thread = THREADS_MAX;
    view_with(m, 1, ERR_OK);
    m.redo_thread = THREADS_MAX + 1; /* others keep a table of threads */
    view_with(m, 1, ERR_PROTOCOL);
    m = good;
    m.node = NODES_MAX + 1;
    view_with(m, 1, ERR_PROTOCOL);
    m = good;
    m.incarnation = 0;
    view_with(m, 1, ERR_PROTOCOL);
    m = good;
    m.node = member.node; /* twice */
    view_with(m, 1, ERR_PROTOCOL);

    uint8_t bytes[HEARTBEAT_BYTES];
    struct heartbeat h = { .state = SLOT_STATE_COUNT, .epoch = 3 };
    struct diag d = { 0 };
    heartbeat_put(bytes, &h);
    assert_int_equal(heartbeat_get(bytes, sizeof(bytes), &h, &d), ERR_PROTOCOL);
}

/* Every prefix is refused, and no random bytes are read beyond their end (the sanitizer watches). */
static void broken_messages_are_refused(void **state)
{
    struct buf b;
    struct diag d = { 0 };
    buf_init(&b);
    const struct cluster_view v = two_members();
    struct cluster_view *w = xcalloc(1, sizeof(*w));
    struct cluster_member m;
    enum view_step step;
    epoch_t epoch;
    view_put_step(&b, VIEW_FREEZE, 4, &v);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *copy = xmalloc(len + 1);
        memcpy(copy, b.p, len);
        assert_int_equal(view_get_step(copy, len, &step, &epoch, w, &d), ERR_PROTOCOL);
        free(copy);
    }
    uint64_t x = 3;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[300];
        const size_t len = (x = hash_u64(x + 1)) % sizeof(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(x = hash_u64(x + 1)) & (round % 2 ? 0xff : 0x0f);
        (void)!view_get_step(bytes, len, &step, &epoch, w, &d);
        (void)!view_get_join(bytes, len, &m, &d);
        (void)!view_get_done(bytes, len, &step, &epoch, &d);
    }
    free(w);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_round_trip),
        cmocka_unit_test(what_cannot_be_is_refused_though_its_checksum_is_right),
        cmocka_unit_test(damage_is_noticed_and_room_is_left),
        cmocka_unit_test(the_file_belongs_to_one_cluster),
        cmocka_unit_test(messages_round_trip),
        cmocka_unit_test(impossible_numbers_are_refused),
        cmocka_unit_test(broken_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
