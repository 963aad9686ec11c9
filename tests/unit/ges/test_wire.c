/*
 * Bodies of messages that a sound peer never sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ges/core/wire.h"

static void expect(enum ges_wire_kind kind, struct ges_wire w, const char *fault)
{
    const char *said = ges_wire_fault(kind, &w);
    if (fault == NULL)
        assert_null(said);
    else
        assert_string_equal(said != NULL ? said : "sound", fault);
}

static void numbers_outside_their_range_are_found(void **state)
{
    const struct ges_wire good = { .type = GES_TM, .mode = GES_MODE_PR };
    struct ges_wire w = good;
    for (int kind = GES_WIRE_REQUEST; kind <= GES_WIRE_DECLARE; kind++)
        expect((enum ges_wire_kind)kind, good, NULL);
    w.mode = GES_MODE_COUNT;
    expect(GES_WIRE_GRANT, w, "unknown mode");
    w = good;
    w.want = 255;
    expect(GES_WIRE_DECLARE, w, "unknown mode");
    w = good;
    w.type = GES_TYPES_N;
    expect(GES_WIRE_BAST, w, "unknown type of resource");
    w.type = GES_WIRE_DECLARE_END;
    expect(GES_WIRE_DECLARE, w, NULL);
    expect(GES_WIRE_REQUEST, w, "unknown type of resource");
    w = good;
    w.mode = GES_MODE_NL;
    expect(GES_WIRE_RELEASE, w, NULL);
    expect(GES_WIRE_REQUEST, w, "nothing is wanted");
}

static void waits_for_what_is_no_transaction_are_found(void **state)
{
    struct ges_wire w = { .type = GES_TX, .id1 = xid_make(THREADS_MAX, 9).v };
    expect(GES_WIRE_REQUEST, w, NULL);
    expect(GES_WIRE_RELEASE, w, "not said of transactions");
    w.id1 = xid_make(THREADS_MAX + 1, 9).v;
    expect(GES_WIRE_REQUEST, w, "no transaction");
    w.id1 = 9;
    expect(GES_WIRE_CANCEL, w, "no transaction");
}

struct answer {
    struct ges_search_head h;
    struct ges_rec r[2];
};

static void expect_search(struct answer a, uint32_t len, const char *fault)
{
    const char *said = ges_search_fault((const uint8_t *)&a, len, 3);
    assert_string_equal(said != NULL ? said : "sound", fault != NULL ? fault : "sound");
}

static void records_of_a_search_are_looked_at(void **state)
{
    const uint64_t owner = UINT64_C(3) << 56 | 7;
    const struct answer good = { { .kind = SEARCH_ANSWER },
                                 { { .tag = REC_WAIT, .node = 3, .type = GES_TM, .mode = GES_MODE_EX, .owner = owner },
                                   { .tag = REC_QUEUE, .node = NODES_MAX, .type = GES_TM, .owner = 1 } } };
    struct answer a = good;
    expect_search(a, sizeof(a), NULL);
    expect_search(a, sizeof(a.h), NULL);
    expect_search(a, sizeof(a) - 1, "part of a record");
    a.h.kind = SEARCH_ASK;
    expect_search(a, sizeof(a), "neither question nor answer");
    a.h.kind = SEARCH_ANSWER + 1;
    expect_search(a, sizeof(a.h), "neither question nor answer");
    a = good;
    a.r[0].mode = GES_MODE_COUNT; /* would be the index of a table */
    expect_search(a, sizeof(a), "unknown type or mode of a resource");
    a = good;
    a.r[0].owner = UINT64_C(200) << 56; /* would be the node that a kill is sent to */
    expect_search(a, sizeof(a), "owner of another node");
    a = good;
    a.r[1].node = NODES_MAX + 1;
    expect_search(a, sizeof(a), "no node");
    a = good;
    a.r[1].tag = 9;
    expect_search(a, sizeof(a), "unknown kind of record");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_outside_their_range_are_found),
        cmocka_unit_test(waits_for_what_is_no_transaction_are_found),
        cmocka_unit_test(records_of_a_search_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
