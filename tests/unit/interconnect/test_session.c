#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/buf.h"
#include "interconnect/core/session.h"
#include "interconnect/interconnect.h"

static enum err admit(struct session *s, const void *p, uint32_t len)
{
    const struct ic_part parts[2] = { { p, len / 2 }, { (const uint8_t *)p + len / 2, len - len / 2 } };
    return session_admit(s, IC_GES_REQUEST, 5, parts, 2, len, crc32c(0, p, len));
}

/* Writes what is ready into a stream of bytes, as a writer fiber does. */
static void write_ready(struct session *s, struct buf *stream)
{
    struct session_batch b;
    while (session_gather(s, 4096, &b)) {
        struct session_span spans[2];
        const unsigned n = session_stamp(s, &b, 100, 90, spans);
        for (unsigned i = 0; i < n; i++)
            buf_put(stream, spans[i].p, spans[i].len);
        session_written(s);
    }
}

static void write_ack(struct session *s, struct buf *stream)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    const struct wire_header h = { .length = WIRE_HEADER_BYTES, .type = WIRE_ACK, .ack = session_received(s) };
    wire_put_header(bytes, &h);
    session_ack_sent(s, h.ack);
    buf_put(stream, bytes, sizeof(bytes));
}

/* Reads whole frames from the first `bytes` of a stream; appends delivered payloads, each with a newline, to `out`. */
static enum session_verdict read_stream(struct session *s, const struct buf *stream, size_t bytes, struct buf *out)
{
    struct diag d = { 0 };
    for (size_t at = 0; at + WIRE_HEADER_BYTES <= bytes;) {
        struct wire_header h;
        assert_int_equal(wire_get_header(stream->p + at, 1u << 20, &h, &d), ERR_OK);
        if (at + h.length > bytes)
            break;
        const uint8_t *payload = stream->p + at + WIRE_HEADER_BYTES;
        const uint32_t len = h.length - WIRE_HEADER_BYTES;
        assert_int_equal(crc32c(0, payload, len), h.payload_crc);
        const enum session_verdict v = session_receive(s, &h, &d);
        if (v == SESSION_BROKEN)
            return v;
        if (v == SESSION_DELIVER) {
            buf_put(out, payload, len);
            buf_put_str(out, "\n");
        }
        at += h.length;
    }
    return SESSION_CONTROL;
}

static void resume_both(struct session *a, struct session *b)
{
    struct diag d = { 0 };
    uint64_t again;
    const uint64_t ra = session_received(a), rb = session_received(b);
    assert_int_equal(session_resume(a, rb, &again, &d), ERR_OK);
    assert_int_equal(session_resume(b, ra, &again, &d), ERR_OK);
}

static void expect_text(const struct buf *b, const char *text)
{
    if (b->len != strlen(text) || (b->len > 0 && memcmp(b->p, text, b->len) != 0))
        fail_msg("got \"%.*s\", expected \"%s\"", (int)b->len, (const char *)b->p, text);
}

static void messages_arrive_and_are_acknowledged(void **state)
{
    struct session *a = session_new(4096), *b = session_new(4096);
    struct buf stream, back, out;
    buf_init(&stream);
    buf_init(&back);
    buf_init(&out);
    resume_both(a, b);
    assert_int_equal(admit(a, "one", 3), ERR_OK);
    assert_int_equal(admit(a, "", 0), ERR_OK);
    assert_int_equal(admit(a, "three", 5), ERR_OK);
    assert_true(session_has_unsent(a));
    write_ready(a, &stream);
    assert_false(session_has_unsent(a));
    assert_int_equal(session_unacked(a), 3);

    read_stream(b, &stream, stream.len, &out);
    expect_text(&out, "one\n\nthree\n");
    assert_true(session_ack_pending(b));
    write_ack(b, &back);
    assert_false(session_ack_pending(b));
    read_stream(a, &back, back.len, &out);
    assert_int_equal(session_unacked(a), 0);
    assert_int_equal(session_acked(a), 3);
    buf_fini(&stream);
    buf_fini(&back);
    buf_fini(&out);
    session_free(a);
    session_free(b);
}

static void the_ring_is_bounded_and_wraps(void **state)
{
    struct session *a = session_new(1000), *b = session_new(1000);
    struct buf stream, back, out;
    buf_init(&stream);
    buf_init(&back);
    buf_init(&out);
    resume_both(a, b);
    uint8_t text[944];
    uint64_t x = 1, sum_in = 0, sum_out = 0;
    unsigned refused = 0;
    for (int round = 0; round < 3000; round++) {
        x = hash_u64(x + 1);
        const uint32_t len = round % 97 == 0 ? 944 : (uint32_t)(x % 300);
        memset(text, 'a' + round % 26, len);
        if (admit(a, text, len) == ERR_OK)
            sum_in = hash_bytes(text, len, sum_in);
        else
            refused++;
        if (x % 3 != 0)
            continue;
        stream.len = back.len = 0;
        write_ready(a, &stream);
        for (size_t at = 0; at < stream.len;) {
            out.len = 0;
            const uint32_t bytes = wire_peek_length(stream.p + at);
            const struct buf one = { .p = stream.p + at, .len = bytes };
            read_stream(b, &one, bytes, &out);
            sum_out = hash_bytes(out.p, out.len - 1, sum_out);
            at += bytes;
        }
        if (x % 5 < 3) {
            write_ack(b, &back);
            read_stream(a, &back, back.len, &out);
        }
    }
    stream.len = 0;
    write_ready(a, &stream);
    for (size_t at = 0; at < stream.len; at += wire_peek_length(stream.p + at))
        sum_out = hash_bytes(stream.p + at + WIRE_HEADER_BYTES, wire_peek_length(stream.p + at) - WIRE_HEADER_BYTES, sum_out);
    assert_true(sum_in == sum_out);
    assert_true(refused > 100);
    assert_true(refused < 2000);
    buf_fini(&stream);
    buf_fini(&back);
    buf_fini(&out);
    session_free(a);
    session_free(b);
}

/* The connection breaks after every number of bytes; the next one carries the rest. */
static void a_break_at_every_byte_loses_and_repeats_nothing(void **state)
{
    size_t total = 1;
    for (size_t cut = 0; cut <= total; cut++) {
        struct session *a = session_new(4096), *b = session_new(4096);
        struct buf stream, out;
        buf_init(&stream);
        buf_init(&out);
        resume_both(a, b);
        assert_int_equal(admit(a, "alpha", 5), ERR_OK);
        assert_int_equal(admit(a, "beta", 4), ERR_OK);
        write_ready(a, &stream);
        assert_int_equal(admit(a, "gamma", 5), ERR_OK);
        write_ready(a, &stream);
        total = stream.len;
        read_stream(b, &stream, cut, &out);

        resume_both(a, b);
        assert_int_equal(session_unacked(a), 0); /* what was received left the ring, the rest is to be sent again */
        stream.len = 0;
        assert_int_equal(admit(a, "delta", 5), ERR_OK);
        write_ready(a, &stream);
        read_stream(b, &stream, stream.len, &out);
        expect_text(&out, "alpha\nbeta\ngamma\ndelta\n");
        buf_fini(&stream);
        buf_fini(&out);
        session_free(a);
        session_free(b);
    }
}

static void many_breaks_in_both_directions(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct session *s[2] = { session_new(2048), session_new(2048) };
        struct buf stream[2], out[2];
        unsigned sent[2] = { 0, 0 };
        uint64_t x = seed;
        for (int i = 0; i < 2; i++) {
            buf_init(&stream[i]);
            buf_init(&out[i]);
        }
        resume_both(s[0], s[1]);
        for (int round = 0; round < 300 || session_has_unsent(s[0]) || session_has_unsent(s[1]); round++) {
            x = hash_u64(x + 1);
            const int me = (int)(x & 1);
            if (round < 300) {
                char text[32];
                memset(text, 'x', sizeof(text));
                put_u32le(text, sent[me] + 1);
                if (admit(s[me], text, 4 + (uint32_t)(x >> 8) % 28) == ERR_OK)
                    sent[me]++;
            }
            write_ready(s[me], &stream[me]);
            if ((x >> 16) % 4 == 0)
                write_ack(s[me], &stream[me]);
            const bool breaks = round < 300 && (x >> 20) % 7 == 0;
            for (int i = 0; i < 2; i++) { /* all arrives, or the part before the break */
                const size_t n = breaks ? (x >> 24) % (stream[i].len + 1) : stream[i].len;
                assert_int_not_equal(read_stream(s[!i], &stream[i], n, &out[!i]), SESSION_BROKEN);
                stream[i].len = 0;
            }
            if (breaks)
                resume_both(s[0], s[1]);
        }
        for (int i = 0; i < 2; i++) {
            unsigned expected = 0;
            for (size_t at = 0; at < out[i].len;) {
                assert_int_equal(get_u32le(out[i].p + at), ++expected);
                at += 4;
                while (out[i].p[at] == 'x')
                    at++;
                at++; /* newline */
            }
            assert_int_equal(expected, sent[!i]);
            buf_fini(&stream[i]);
            buf_fini(&out[i]);
        }
        session_free(s[0]);
        session_free(s[1]);
    }
}

static void a_peer_that_lost_its_state_is_noticed(void **state)
{
    struct session *a = session_new(4096), *b = session_new(4096), *fresh = session_new(4096);
    struct buf stream, out;
    struct diag d = { 0 };
    uint64_t again;
    buf_init(&stream);
    buf_init(&out);
    resume_both(a, b);
    assert_int_equal(admit(a, "one", 3), ERR_OK);
    assert_int_equal(session_resume(a, 1, &again, &d), ERR_PROTOCOL); /* claims what was never handed out */
    write_ready(a, &stream);
    read_stream(b, &stream, stream.len, &out);
    stream.len = 0;
    write_ack(b, &stream);
    read_stream(a, &stream, stream.len, &out);
    assert_int_equal(session_resume(a, session_received(fresh), &again, &d), ERR_PROTOCOL); /* forgot what it acknowledged */
    assert_int_equal(session_resume(a, session_received(b), &again, &d), ERR_OK);
    assert_int_equal(again, 0);

    struct wire_header h = { .length = WIRE_HEADER_BYTES, .type = WIRE_ACK, .ack = 2 };
    assert_int_equal(session_receive(a, &h, &d), SESSION_BROKEN); /* acknowledges the future */
    h = (struct wire_header){ .length = WIRE_HEADER_BYTES, .type = WIRE_DATA, .seq = 3 };
    assert_int_equal(session_receive(b, &h, &d), SESSION_BROKEN); /* a gap */
    h.seq = 1;
    assert_int_equal(session_receive(b, &h, &d), SESSION_DUPLICATE);
    h.seq = 2;
    assert_int_equal(session_receive(b, &h, &d), SESSION_DELIVER);
    buf_fini(&stream);
    buf_fini(&out);
    session_free(a);
    session_free(b);
    session_free(fresh);
}

/* S1: an acknowledgement that comes while the write is under way frees nothing. */
static void a_batch_stays_until_its_write_has_ended(void **state)
{
    struct session *a = session_new(300);
    struct diag d = { 0 };
    uint64_t again;
    uint8_t text[200] = { 7 };
    assert_int_equal(session_resume(a, 0, &again, &d), ERR_OK);
    assert_int_equal(admit(a, text, 200), ERR_OK);
    struct session_batch b;
    assert_true(session_gather(a, 4096, &b));
    const struct wire_header h = { .length = WIRE_HEADER_BYTES, .type = WIRE_ACK, .ack = 1 };
    assert_int_equal(session_receive(a, &h, &d), SESSION_CONTROL);
    assert_int_equal(admit(a, text, 200), ERR_RESOURCES);
    session_written(a);
    assert_int_equal(admit(a, text, 200), ERR_OK);
    session_free(a);
}

static void acknowledgements_become_urgent(void **state)
{
    struct session *a = session_new(4000), *b = session_new(4000);
    struct buf stream, out;
    buf_init(&stream);
    buf_init(&out);
    resume_both(a, b);
    uint8_t text[500] = { 0 };
    for (int i = 0; i < 2; i++) {
        assert_false(session_ack_urgent(b));
        assert_int_equal(admit(a, text, 500), ERR_OK);
        stream.len = 0;
        write_ready(a, &stream);
        read_stream(b, &stream, stream.len, &out);
    }
    assert_true(session_ack_urgent(b));
    buf_fini(&stream);
    buf_fini(&out);
    session_free(a);
    session_free(b);
}

static void a_queue_to_oneself(void **state)
{
    struct session *s = session_new(500);
    uint8_t text[100];
    for (int round = 0; round < 500; round++) {
        memset(text, round, sizeof(text));
        assert_int_equal(admit(s, text, 100), ERR_OK);
        assert_int_equal(admit(s, text, 40), ERR_OK);
        struct session_batch b;
        assert_true(session_gather(s, 4096, &b));
        assert_int_equal(b.messages, 2);
        uint64_t pos = b.from;
        for (int i = 0; i < 2; i++) {
            const uint8_t *f = session_next(s, &b, &pos);
            assert_non_null(f);
            assert_int_equal(wire_peek_length(f), WIRE_HEADER_BYTES + (i == 0 ? 100 : 40));
            assert_int_equal(f[WIRE_HEADER_BYTES], (uint8_t)round);
        }
        assert_null(session_next(s, &b, &pos));
        session_consumed(s, &b);
    }
    session_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_and_are_acknowledged),
        cmocka_unit_test(the_ring_is_bounded_and_wraps),
        cmocka_unit_test(a_break_at_every_byte_loses_and_repeats_nothing),
        cmocka_unit_test(many_breaks_in_both_directions),
        cmocka_unit_test(a_peer_that_lost_its_state_is_noticed),
        cmocka_unit_test(a_batch_stays_until_its_write_has_ended),
        cmocka_unit_test(acknowledgements_become_urgent),
        cmocka_unit_test(a_queue_to_oneself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
