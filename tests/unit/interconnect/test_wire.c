#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/hash.h"
#include "interconnect/core/wire.h"

static const struct wire_header data_header = {
    .length = WIRE_HEADER_BYTES + 100,
    .type = WIRE_DATA,
    .class = IC_NORMAL,
    .kind = IC_GCS_SHIP,
    .seq = 17,
    .ack = 12,
    .epoch = 3,
    .scn = 987654321,
    .watermark = 987654000,
    .payload_crc = 0xdeadbeef,
};

static void header_round_trip(void **state)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    struct wire_header h = { 0 };
    struct diag d = { 0 };
    wire_put_header(bytes, &data_header);
    assert_int_equal(wire_peek_length(bytes), data_header.length);
    assert_int_equal(wire_peek_seq(bytes), 17);
    assert_int_equal(wire_get_header(bytes, 8192, &h, &d), ERR_OK);
    assert_memory_equal(&h, &data_header, sizeof(h));

    const struct wire_stamp stamp = { .ack = 13, .scn = 1000000000, .watermark = 999999999 };
    wire_restamp(bytes, &stamp);
    assert_int_equal(wire_get_header(bytes, 8192, &h, &d), ERR_OK);
    assert_int_equal(h.ack, 13);
    assert_int_equal(h.scn, 1000000000);
    assert_int_equal(h.watermark, 999999999);
    assert_int_equal(h.epoch, 3);
}

static void every_flipped_bit_of_a_header_is_noticed(void **state)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    struct wire_header h;
    struct diag d = { 0 };
    wire_put_header(bytes, &data_header);
    for (unsigned bit = 0; bit < WIRE_HEADER_BYTES * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(wire_get_header(bytes, UINT32_MAX, &h, &d), ERR_PROTOCOL);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void refuses(struct wire_header h, const char *why)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    struct diag d = { 0 };
    struct wire_header out;
    wire_put_header(bytes, &h);
    assert_int_equal(wire_get_header(bytes, 8192, &out, &d), ERR_PROTOCOL);
    if (strstr(d.message, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", d.message, why);
}

static void headers_that_make_no_sense_are_refused(void **state)
{
    struct wire_header h = data_header;
    h.length = 8193;
    refuses(h, "frame of 8193 bytes");
    h.length = WIRE_HEADER_BYTES - 1;
    refuses(h, "frame of 55 bytes");
    h = data_header;
    h.kind = IC_KINDS;
    refuses(h, "unknown kind");
    h = data_header;
    h.class = IC_LOW;
    refuses(h, "GCS_SHIP frame of class 3");
    h = data_header;
    h.seq = 0;
    refuses(h, "without a sequence number");
    h = data_header;
    h.type = WIRE_TYPES;
    refuses(h, "unknown type");
    h.type = WIRE_ACK;
    refuses(h, "payload of 100 bytes");
    h.type = WIRE_PING;
    refuses(h, "ping");
}

static struct wire_hello hello(void)
{
    struct wire_hello m = { .protocol_min = 1, .protocol_max = 4, .cluster_id = 77, .from = 2, .to = 3, .lane = 1, .lanes = 5 };
    m.from_incarnation = 1002;
    m.to_incarnation = 1003;
    memset(m.nonce, 9, sizeof(m.nonce));
    return m;
}

static void handshake_round_trips(void **state)
{
    struct diag d = { 0 };
    uint8_t bytes[128];
    const struct wire_hello h = hello();
    struct wire_hello h2;
    memset(&h2, 0, sizeof(h2));
    wire_put_hello(bytes, &h);
    assert_int_equal(wire_get_hello(bytes, &h2, &d), ERR_OK);
    assert_int_equal(h2.to_incarnation, 1003);
    assert_int_equal(h2.lanes, 5);
    assert_memory_equal(h2.nonce, h.nonce, sizeof(h.nonce));

    struct wire_challenge c = { .status = WIRE_STATUS_UNKNOWN_PEER, .version = 2, .node = 3, .incarnation = 5 }, c2;
    c.mac[31] = 4;
    wire_put_challenge(bytes, &c);
    assert_int_equal(wire_get_challenge(bytes, &c2, &d), ERR_OK);
    assert_int_equal(c2.status, WIRE_STATUS_UNKNOWN_PEER);
    assert_int_equal(c2.incarnation, 5);
    assert_int_equal(c2.mac[31], 4);

    struct wire_proof p = { .received = UINT64_MAX }, p2;
    wire_put_proof(bytes, &p);
    assert_int_equal(wire_get_proof(bytes, &p2, &d), ERR_OK);
    assert_true(p2.received == UINT64_MAX);

    struct wire_welcome w = { .status = WIRE_STATUS_LOST, .received = 8 }, w2;
    wire_put_welcome(bytes, &w);
    assert_int_equal(wire_get_welcome(bytes, &w2, &d), ERR_OK);
    assert_int_equal(w2.status, WIRE_STATUS_LOST);
    assert_int_equal(wire_get_proof(bytes, &p2, &d), ERR_PROTOCOL); /* another message */
}

static void garbage_is_refused(void **state)
{
    struct diag d = { 0 };
    uint8_t bytes[128];
    uint64_t x = 42;
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)(x = hash_u64(x + 1));
        struct wire_header h;
        struct wire_hello hl;
        struct wire_challenge c;
        struct wire_proof p;
        struct wire_welcome w;
        assert_int_equal(wire_get_header(bytes, UINT32_MAX, &h, &d), ERR_PROTOCOL);
        assert_int_equal(wire_get_hello(bytes, &hl, &d), ERR_PROTOCOL);
        assert_int_equal(wire_get_challenge(bytes, &c, &d), ERR_PROTOCOL);
        assert_int_equal(wire_get_proof(bytes, &p, &d), ERR_PROTOCOL);
        assert_int_equal(wire_get_welcome(bytes, &w, &d), ERR_PROTOCOL);
    }
    const struct wire_hello h = hello();
    struct wire_hello out;
    wire_put_hello(bytes, &h);
    for (unsigned bit = 0; bit < 84 * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(wire_get_hello(bytes, &out, &d) != ERR_OK || (bit / 8 == 6 || bit / 8 == 7));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void who_is_let_in(void **state)
{
    const struct wire_acceptor self = {
        .cluster_id = 77, .protocol_min = 3, .protocol_max = 6, .node = 3, .incarnation = 1003, .lanes = 5
    };
    uint32_t version = 0;
    struct wire_hello h = hello();
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_OK);
    assert_int_equal(version, 4);
    assert_int_equal(wire_judge_hello(&self, &h, 0, &version), WIRE_STATUS_UNKNOWN_PEER);
    assert_int_equal(wire_judge_hello(&self, &h, 999, &version), WIRE_STATUS_UNKNOWN_PEER);
    h.from = 4;
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_YOU_WAIT); /* the lower number dials */
    h = hello();
    h.lanes = 6;
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_LANES_DIFFER);
    h = hello();
    h.to_incarnation = 1;
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_OTHER_INCARNATION);
    h = hello();
    h.to = 4;
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_WRONG_NODE);
    h = hello();
    h.protocol_max = 2;
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_BAD_VERSION);
    h = hello();
    h.cluster_id = 78;
    assert_int_equal(wire_judge_hello(&self, &h, 1002, &version), WIRE_STATUS_OTHER_CLUSTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_round_trip),
        cmocka_unit_test(every_flipped_bit_of_a_header_is_noticed),
        cmocka_unit_test(headers_that_make_no_sense_are_refused),
        cmocka_unit_test(handshake_round_trips),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(who_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
