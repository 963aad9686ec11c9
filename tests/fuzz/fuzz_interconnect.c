/*
 * What arrives over the interconnect: handshake messages, frame headers, and
 * two sessions whose streams are cut, mutated, replayed and forged on the way.
 *
 * The first byte chooses the part. Handshake and header: the bytes as they
 * stand, then with magic and checksum made right, so that what lies behind
 * them is reached. Sessions: each byte is a choice of what happens next. While
 * nobody forges checksums, what is delivered is what was sent, once and in
 * order, whatever the network does.
 */
#include "standalone.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "interconnect/core/session.h"
#include "interconnect/interconnect.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define FRAME_MAX 600u
#define QUEUE_BYTES 1500u
#define STREAM_MAX 4096u

struct input {
    const uint8_t *p, *end;
};

static uint8_t take(struct input *in) { return in->p < in->end ? *in->p++ : 0; }

/* A copy that is exactly as long: the sanitizer sees what is read beyond. */
static uint8_t *copy_of(struct input *in, size_t bytes)
{
    uint8_t *p = calloc(1, bytes);
    const size_t n = (size_t)(in->end - in->p) < bytes ? (size_t)(in->end - in->p) : bytes;
    memcpy(p, in->p, n);
    return p;
}

/* ---- frame headers -------------------------------------------------------------------- */

static void look_at_header(const uint8_t *bytes)
{
    struct wire_header h;
    uint8_t again[WIRE_HEADER_BYTES];
    struct diag d;
    if (wire_get_header(bytes, FRAME_MAX, &h, &d) != ERR_OK)
        return;
    MUST(h.length >= WIRE_HEADER_BYTES && h.length <= FRAME_MAX);
    MUST(h.type >= WIRE_DATA && h.type < WIRE_TYPES);
    MUST(h.type != WIRE_DATA || (h.kind < IC_KINDS && h.class == ic_kind_class((enum ic_kind)h.kind)));
    wire_put_header(again, &h);
    MUST(memcmp(again, bytes, sizeof(again)) == 0);
}

static void header(struct input *in)
{
    uint8_t *bytes = copy_of(in, WIRE_HEADER_BYTES);
    look_at_header(bytes);
    put_u32le(bytes + WIRE_HEADER_BYTES - 4, crc32c(0, bytes, WIRE_HEADER_BYTES - 4));
    look_at_header(bytes);
    put_u32le(bytes, WIRE_HEADER_BYTES + bytes[1] % 10);
    bytes[4] = (uint8_t)(1 + bytes[4] % 5);
    bytes[6] %= IC_KINDS;
    bytes[7] = 0;
    bytes[5] = bytes[5] % 4 ? (uint8_t)ic_kind_class((enum ic_kind)bytes[6]) : bytes[5];
    put_u32le(bytes + WIRE_HEADER_BYTES - 4, crc32c(0, bytes, WIRE_HEADER_BYTES - 4));
    look_at_header(bytes);
    free(bytes);
}

/* ---- handshake -------------------------------------------------------------------------- */

static void look_at_hello(const uint8_t *bytes)
{
    struct wire_hello m, again;
    uint8_t out[WIRE_HELLO_BYTES];
    uint32_t version = 0;
    struct diag d;
    if (wire_get_hello(bytes, &m, &d) != ERR_OK)
        return;
    MUST(m.from >= 1 && m.from <= NODES_MAX && m.lane < m.lanes); /* the acceptor indexes by them */
    wire_put_hello(out, &m);
    MUST(wire_get_hello(out, &again, &d) == ERR_OK && again.lane == m.lane && again.cluster_id == m.cluster_id);
    const struct wire_acceptor self = { .cluster_id = m.cluster_id, .protocol_min = 1, .protocol_max = 3, .node = 9, .incarnation = m.to_incarnation, .lanes = 5 };
    const enum wire_status s = wire_judge_hello(&self, &m, m.from_incarnation, &version);
    MUST(s != WIRE_STATUS_OK || (m.from < self.node && m.to == self.node && m.lanes == self.lanes && m.lane < self.lanes && version >= 1 && version <= 3));
}

static void look_at_answers(const uint8_t *challenge, const uint8_t *proof)
{
    struct wire_challenge c;
    struct wire_proof p;
    struct wire_welcome w;
    uint8_t out[WIRE_CHALLENGE_BYTES];
    struct diag d;
    if (wire_get_challenge(challenge, &c, &d) == ERR_OK) {
        MUST(c.status < WIRE_STATUS_COUNT);
        wire_put_challenge(out, &c);
        MUST(memcmp(out + 56, challenge + 56, WIRE_MAC_BYTES) == 0);
    }
    if (wire_get_proof(proof, &p, &d) == ERR_OK) {
        wire_put_proof(out, &p);
        MUST(memcmp(out + 8, proof + 8, WIRE_PROOF_BYTES - 8) == 0);
    }
    if (wire_get_welcome(proof, &w, &d) == ERR_OK) {
        MUST(w.status < WIRE_STATUS_COUNT);
        wire_put_welcome(out, &w);
        MUST(memcmp(out, proof, WIRE_WELCOME_BYTES) == 0);
    }
}

static void set_start(uint8_t *p, uint16_t type)
{
    memcpy(p, "RDBI", 4);
    put_u16le(p + 4, type);
}

static void handshake(struct input *in)
{
    uint8_t *hello = copy_of(in, WIRE_HELLO_BYTES), *challenge = copy_of(in, WIRE_CHALLENGE_BYTES), *proof = copy_of(in, WIRE_PROOF_BYTES);
    look_at_hello(hello);
    look_at_answers(challenge, proof);
    set_start(hello, 1);
    put_u32le(hello + 80, crc32c(0, hello, 80));
    look_at_hello(hello);
    hello[24] %= 70; /* from, to, lane, lanes: plausible */
    hello[25] = hello[25] % 4 ? 9 : hello[25];
    hello[26] %= 7;
    hello[27] = hello[27] % 4 ? 5 : hello[27];
    put_u64le(hello + 8, UINT64_C(1) | UINT64_C(2) << 32); /* versions 1 to 2 */
    put_u32le(hello + 80, crc32c(0, hello, 80));
    look_at_hello(hello);
    set_start(challenge, 2);
    for (uint16_t type = 3; type <= 4; type++) {
        challenge[6] %= WIRE_STATUS_COUNT + 1;
        challenge[7] = proof[7] = 0;
        proof[6] %= WIRE_STATUS_COUNT + 1;
        set_start(proof, type);
        look_at_answers(challenge, proof);
    }
    free(hello);
    free(challenge);
    free(proof);
}

/* ---- sessions --------------------------------------------------------------------------- */

struct end {
    struct session *s;
    uint8_t stream[STREAM_MAX]; /* written by this end, not yet read by the other */
    size_t len;
    uint64_t admitted, delivered; /* numbers of messages: the payload begins with it */
    bool resumed;
};

struct pair {
    struct end e[2];
    bool forged; /* checksums were made right for bytes that nobody sent: order is not promised any more */
    bool lost; /* a session was: nothing goes on */
};

static void admit(struct end *e, uint8_t how)
{
    uint8_t payload[400];
    const uint32_t len = 8 + (how * 13u) % (sizeof(payload) - 8);
    put_u64le(payload, e->admitted + 1);
    memset(payload + 8, how, len - 8);
    const struct ic_part parts[2] = { { payload, 5 }, { payload + 5, len - 5 } };
    if (session_admit(e->s, IC_GES_REQUEST, 3, parts, 2, len, crc32c(0, payload, len)) == ERR_OK)
        e->admitted++;
}

static void write_some(struct end *e, uint8_t how)
{
    struct session_batch b;
    struct session_span spans[2];
    if (!e->resumed || !session_gather(e->s, how * 8u, &b))
        return;
    const unsigned n = session_stamp(e->s, &b, 100, 90, spans);
    for (unsigned i = 0; i < n; i++) {
        const size_t room = STREAM_MAX - e->len, some = spans[i].len < room ? spans[i].len : room; /* the rest: a cut connection */
        memcpy(e->stream + e->len, spans[i].p, some);
        e->len += some;
    }
    session_written(e->s);
}

static void write_control(struct end *e, uint8_t how)
{
    const bool ping = how & 1;
    if (e->len + WIRE_HEADER_BYTES + 8 > STREAM_MAX || !e->resumed)
        return;
    const struct wire_header h = { .length = WIRE_HEADER_BYTES + (ping ? 8 : 0), .type = ping ? WIRE_PING : WIRE_ACK, .ack = session_received(e->s),
                                   .payload_crc = ping ? crc32c(0, "12345678", 8) : 0 };
    wire_put_header(e->stream + e->len, &h);
    if (ping)
        memcpy(e->stream + e->len + WIRE_HEADER_BYTES, "12345678", 8);
    e->len += h.length;
    session_ack_sent(e->s, h.ack);
}

/* Any byte of what is under way; then perhaps the checksums of the frame that begins there, as nobody but an attacker would. */
static void mutate(struct pair *p, struct end *e, struct input *in)
{
    if (e->len == 0)
        return;
    const size_t at = (take(in) | (size_t)take(in) << 8) % e->len;
    e->stream[at] = (uint8_t)(e->stream[at] ^ (1 + take(in) % 255));
    const uint8_t forge = take(in);
    size_t frame = 0;
    while (frame + WIRE_HEADER_BYTES <= e->len && frame + wire_peek_length(e->stream + frame) <= at && wire_peek_length(e->stream + frame) >= WIRE_HEADER_BYTES)
        frame += wire_peek_length(e->stream + frame);
    if (forge % 4 != 0 || frame + WIRE_HEADER_BYTES > e->len)
        return;
    uint8_t *f = e->stream + frame;
    const uint32_t length = wire_peek_length(f);
    if (length >= WIRE_HEADER_BYTES && frame + length <= e->len)
        put_u32le(f + 48, crc32c(0, f + WIRE_HEADER_BYTES, length - WIRE_HEADER_BYTES));
    put_u32le(f + 52, crc32c(0, f, 52));
    p->forged = true;
}

static void deliver(struct pair *p, struct end *to, const uint8_t *payload, uint32_t len)
{
    to->delivered++;
    if (!p->forged) {
        MUST(len >= 8 && get_u64le(payload) == to->delivered);
        MUST(len == 8 || payload[8] == payload[len - 1]);
    }
}

/* As the reader fiber does: whole frames; false: the connection is dropped. */
static bool read_all(struct pair *p, struct end *from, struct end *to, size_t bytes, size_t *ret_used)
{
    struct diag d;
    size_t at = 0;
    bool ok = true;
    while (ok && bytes - at >= WIRE_HEADER_BYTES) {
        struct wire_header h;
        if (wire_get_header(from->stream + at, FRAME_MAX, &h, &d) != ERR_OK) {
            ok = false;
            break;
        }
        if (bytes - at < h.length)
            break;
        const uint8_t *payload = from->stream + at + WIRE_HEADER_BYTES;
        const uint32_t len = h.length - WIRE_HEADER_BYTES;
        at += h.length;
        ok = crc32c(0, payload, len) == h.payload_crc;
        const enum session_verdict v = ok ? session_receive(to->s, &h, &d) : SESSION_BROKEN;
        ok = v != SESSION_BROKEN;
        if (v == SESSION_DELIVER)
            deliver(p, to, payload, len);
    }
    *ret_used = at;
    return ok;
}

static void reconnect(struct pair *p, uint8_t lie)
{
    struct diag d;
    uint64_t again, told[2] = { session_received(p->e[1].s), session_received(p->e[0].s) };
    if (lie >= 250) { /* a peer that has forgotten, or makes it up */
        told[lie & 1] += (uint64_t)lie - 252;
        p->forged = true;
    }
    for (int i = 0; i < 2; i++) {
        p->e[i].len = 0;
        const enum err err = session_resume(p->e[i].s, told[i], &again, &d);
        MUST(err == ERR_OK || p->forged);
        p->lost |= err != ERR_OK;
        p->e[i].resumed = err == ERR_OK;
    }
}

static void read_some(struct pair *p, struct end *from, struct end *to, uint8_t how)
{
    size_t used;
    const size_t bytes = from->len * (how % 8 + 1u) / 8;
    uint8_t *rest = NULL;
    if (!read_all(p, from, to, bytes, &used)) {
        reconnect(p, 0);
        return;
    }
    const size_t left = from->len - used;
    rest = malloc(left + 1);
    memcpy(rest, from->stream + used, left);
    memcpy(from->stream, rest, left);
    from->len = left;
    free(rest);
}

static void sessions(struct input *in)
{
    struct pair p = { .e = { { .s = session_new(QUEUE_BYTES) }, { .s = session_new(QUEUE_BYTES) } } };
    reconnect(&p, 0);
    while (in->p < in->end && !p.lost) {
        const uint8_t what = take(in), how = take(in);
        struct end *e = &p.e[what & 1], *other = &p.e[!(what & 1)];
        switch (what / 2 % 8) {
        case 0:
        case 1:
            admit(e, how);
            break;
        case 2:
            write_some(e, how);
            break;
        case 3:
            write_some(e, 255);
            read_some(&p, e, other, 7);
            break;
        case 4:
            write_control(e, how);
            break;
        case 5:
            read_some(&p, e, other, how);
            break;
        case 6:
            if (how % 4 == 0)
                mutate(&p, e, in);
            break;
        case 7:
            reconnect(&p, how);
            break;
        }
    }
    for (unsigned round = 0; round < 20 && !p.lost && !p.forged; round++) { /* nothing is lost in the end */
        if (round == 0)
            reconnect(&p, 0);
        for (int i = 0; i < 2; i++) {
            write_some(&p.e[i], 255);
            write_control(&p.e[!i], 0);
            read_some(&p, &p.e[i], &p.e[!i], 7);
            read_some(&p, &p.e[!i], &p.e[i], 7);
        }
    }
    for (int i = 0; i < 2; i++) {
        MUST(p.lost || p.forged || (p.e[!i].delivered == p.e[i].admitted && session_acked(p.e[i].s) == p.e[i].admitted));
        session_free(p.e[i].s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, data + size };
    if (size == 0 || size > 4000)
        return 0;
    switch (take(&in) % 4) {
    case 0:
        header(&in);
        break;
    case 1:
        handshake(&in);
        break;
    default:
        sessions(&in);
    }
    return 0;
}
