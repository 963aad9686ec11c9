#include "interconnect/core/session.h"

#include "base/hash.h"
#include "interconnect/interconnect.h"

#include <stdlib.h>

struct session {
    uint8_t *ring;
    uint64_t cap;
    uint64_t head, send, tail; /* positions rise for ever; head <= send <= tail <= head + cap */
    uint64_t admitted; /* number of the newest message */
    uint64_t sent; /* handed out to a writer, in some connection */
    uint64_t gathered; /* handed out in this connection */
    uint64_t written; /* no write of it is under way */
    uint64_t acked; /* by the peer */
    uint64_t freed; /* left the ring */
    uint64_t received; /* delivered here */
    uint64_t ack_sent; /* what the peer was told last, in this connection */
    uint64_t unacked_in_bytes; /* received since then */
};

/* Positions: a frame never wraps. What is left at the end of the ring is skipped: a zero length, or no room for a header. */
static bool at_skip(const struct session *s, uint64_t pos)
{
    const uint64_t off = pos % s->cap;
    return s->cap - off < WIRE_HEADER_BYTES || wire_peek_length(s->ring + off) == 0;
}

static uint64_t round_end(const struct session *s, uint64_t pos)
{
    return (pos / s->cap + 1) * s->cap;
}

/* The frame at or after pos; pos must be below `end`, a position at which a frame or the queue ends. */
static uint64_t frame_at(const struct session *s, uint64_t pos)
{
    return at_skip(s, pos) ? round_end(s, pos) : pos;
}

static uint8_t *frame(const struct session *s, uint64_t pos)
{
    return s->ring + pos % s->cap;
}

static void session_check(const struct session *s)
{
    assert(s->head <= s->send);
    assert(s->send <= s->tail);
    assert(s->tail - s->head <= s->cap);
    assert(s->freed <= s->acked);
    assert(s->acked <= s->sent);
    assert(s->gathered <= s->sent);
    assert(s->sent <= s->admitted);
}

struct session *session_new(uint32_t queue_max_bytes)
{
    struct session *s = xcalloc(1, sizeof(*s));
    s->cap = MAX(queue_max_bytes, 2 * WIRE_HEADER_BYTES);
    s->ring = xmalloc(s->cap);
    return s;
}

void session_free(struct session *s)
{
    if (s == NULL)
        return;
    free(s->ring);
    free(s);
}

/* Where a frame of `bytes` goes; false: no room. */
static bool find_room(const struct session *s, uint64_t bytes, uint64_t *ret_pos)
{
    uint64_t pos = s->tail;
    if (s->cap - pos % s->cap < bytes)
        pos = round_end(s, pos);
    if (bytes > s->cap || pos + bytes - s->head > s->cap)
        return false;
    *ret_pos = pos;
    return true;
}

static void mark_skip(struct session *s, uint64_t pos)
{
    if (s->cap - pos % s->cap >= sizeof(uint32_t))
        memset(frame(s, pos), 0, sizeof(uint32_t));
}

enum err session_admit(struct session *s, enum ic_kind kind, epoch_t epoch, const struct ic_part *parts, unsigned nparts,
                       uint32_t len, uint32_t payload_crc)
{
    uint64_t pos;
    const uint64_t bytes = (uint64_t)WIRE_HEADER_BYTES + len;
    if (s->head == s->tail && s->tail % s->cap != 0) /* empty: begin at the front, so that any frame up to cap fits */
        s->head = s->send = s->tail = round_end(s, s->tail);
    if (!find_room(s, bytes, &pos))
        return ERR_RESOURCES;
    if (pos != s->tail)
        mark_skip(s, s->tail);
    const struct wire_header h = {
        .length = (uint32_t)bytes,
        .type = WIRE_DATA,
        .class = (uint8_t)ic_kind_class(kind),
        .kind = (uint16_t)kind,
        .seq = ++s->admitted,
        .epoch = epoch,
        .payload_crc = payload_crc,
    };
    uint8_t *at = frame(s, pos);
    wire_put_header(at, &h);
    at += WIRE_HEADER_BYTES;
    for (unsigned i = 0; i < nparts; i++) {
        memcpy(at, parts[i].p, parts[i].len);
        at += parts[i].len;
    }
    assert(at == frame(s, pos) + bytes);
    s->tail = pos + bytes;
    return ERR_OK;
}

/* S1 */
static void free_acked(struct session *s)
{
    const uint64_t upto = MIN(s->acked, s->written);
    while (s->freed < upto) {
        const uint64_t pos = frame_at(s, s->head);
        assert(wire_peek_seq(frame(s, pos)) == s->freed + 1);
        s->head = pos + wire_peek_length(frame(s, pos));
        s->freed++;
    }
    if (s->send < s->head)
        s->send = s->head;
}

static bool ack_arrived(struct session *s, uint64_t ack)
{
    if (ack > s->sent) /* S3 */
        return false;
    if (ack > s->acked) {
        s->acked = ack;
        free_acked(s);
    }
    return true;
}

enum err session_resume(struct session *s, uint64_t peer_received, uint64_t *ret_again, struct diag *d)
{
    if (peer_received < s->acked || peer_received > s->sent)
        return diag_set(d, ERR_PROTOCOL, "peer resumes at message %" PRIu64 ", but had acknowledged %" PRIu64 " of %" PRIu64 " sent",
                        peer_received, s->acked, s->sent);
    s->written = s->sent; /* no writer is at work */
    (void)ack_arrived(s, peer_received);
    free_acked(s);
    *ret_again = s->sent - peer_received;
    s->send = s->head;
    s->gathered = s->written = peer_received;
    s->ack_sent = s->received; /* the handshake told it */
    s->unacked_in_bytes = 0;
    session_check(s);
    return ERR_OK;
}

uint64_t session_received(const struct session *s)
{
    return s->received;
}

bool session_gather(struct session *s, size_t bytes_max, struct session_batch *ret)
{
    if (s->send == s->tail)
        return false;
    *ret = (struct session_batch){ .from = s->send, .to = s->send, .ack = s->received };
    while (ret->to < s->tail) {
        const uint64_t pos = frame_at(s, ret->to);
        const uint64_t end = pos + wire_peek_length(frame(s, pos));
        if (ret->messages > 0 && end - ret->from > bytes_max)
            break;
        ret->to = end;
        ret->messages++;
    }
    s->send = ret->to;
    s->gathered += ret->messages;
    s->sent = MAX(s->sent, s->gathered);
    s->ack_sent = s->received;
    s->unacked_in_bytes = 0;
    session_check(s);
    return true;
}

uint8_t *session_next(struct session *s, const struct session_batch *b, uint64_t *pos)
{
    if (*pos >= b->to)
        return NULL;
    const uint64_t at = frame_at(s, *pos);
    *pos = at + wire_peek_length(frame(s, at));
    return frame(s, at);
}

unsigned session_stamp(struct session *s, const struct session_batch *b, scn_t scn, scn_t watermark,
                       struct session_span ret_spans[2])
{
    const struct wire_stamp stamp = { .ack = b->ack, .scn = scn, .watermark = watermark };
    unsigned n = 0;
    uint64_t pos = b->from;
    for (uint8_t *f; (f = session_next(s, b, &pos)) != NULL;) {
        wire_restamp(f, &stamp);
        const size_t len = wire_peek_length(f);
        if (n > 0 && ret_spans[n - 1].p + ret_spans[n - 1].len == f) {
            ret_spans[n - 1].len += len;
        } else {
            assert(n < 2);
            ret_spans[n++] = (struct session_span){ f, len };
        }
    }
    return n;
}

void session_written(struct session *s)
{
    s->written = s->gathered;
    free_acked(s);
    session_check(s);
}

void session_consumed(struct session *s, const struct session_batch *b)
{
    s->written = s->gathered;
    (void)ack_arrived(s, s->gathered);
    assert(s->head == b->to);
}

enum session_verdict session_receive(struct session *s, const struct wire_header *h, struct diag *d)
{
    if (!ack_arrived(s, h->ack)) {
        diag_set(d, ERR_PROTOCOL, "acknowledges message %" PRIu64 " of %" PRIu64 " sent", h->ack, s->sent);
        return SESSION_BROKEN;
    }
    if (h->type != WIRE_DATA)
        return SESSION_CONTROL;
    if (h->seq <= s->received)
        return SESSION_DUPLICATE;
    if (h->seq != s->received + 1) { /* S2 */
        diag_set(d, ERR_PROTOCOL, "message %" PRIu64 " follows %" PRIu64, h->seq, s->received);
        return SESSION_BROKEN;
    }
    s->received = h->seq;
    s->unacked_in_bytes += h->length;
    return SESSION_DELIVER;
}

bool session_ack_pending(const struct session *s)
{
    return s->received > s->ack_sent;
}

/* Both ends have rings of the same size. */
bool session_ack_urgent(const struct session *s)
{
    return s->unacked_in_bytes >= s->cap / 4;
}

void session_ack_sent(struct session *s, uint64_t ack)
{
    s->ack_sent = ack;
    s->unacked_in_bytes = 0;
}

bool session_has_unsent(const struct session *s)
{
    return s->send < s->tail;
}

uint64_t session_unacked(const struct session *s)
{
    return s->gathered - MIN(s->gathered, s->acked);
}

uint64_t session_acked(const struct session *s)
{
    return s->acked;
}
