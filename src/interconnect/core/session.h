/*
 * One direction pair of messages between two incarnations in one lane:
 * exactly once and in order, over connections that may break at any byte.
 *
 * Messages wait as ready frames in one ring of bytes: from their admission
 * until the peer has acknowledged them. So the ring is both the send queue and
 * the retransmission buffer, and its size bounds both.
 *
 *     freed | written, not acknowledged | handed out | admitted | free
 *         head                      send                     tail
 *
 * Life of a connection: session_resume() with the last number that the peer
 * says it has received; then session_gather(), session_stamp() and, when the
 * bytes are out, session_written(), again and again by one writer; and
 * session_receive() for each arriving frame by one reader. When the connection
 * breaks, writer and reader stop; the next one starts with session_resume().
 *
 * Pure: no clock, no I/O. The caller serialises all calls, except that
 * session_stamp() may run beside the others (it touches only what its batch
 * covers, and nothing of a batch is freed before session_written()).
 *
 * S1 A message is freed only when the peer has acknowledged it and no write of
 *    it is under way.
 * S2 Numbers are delivered 1, 2, 3, ...: a lower one is a duplicate, a higher
 *    one is a gap, which breaks the connection.
 * S3 A peer that acknowledges what was never handed out, or resumes behind
 *    what it had acknowledged, has lost its state: so is the session.
 */
#ifndef INTERCONNECT_CORE_SESSION_H
#define INTERCONNECT_CORE_SESSION_H

#include "interconnect/core/wire.h"

struct session;
struct ic_part;

struct session *session_new(uint32_t queue_max_bytes);
void session_free(struct session *s); /* accepts NULL */

/* A message of `len` bytes in all, with the checksum of its payload. ERR_RESOURCES: no room. */
enum err session_admit(struct session *s, enum ic_kind kind, epoch_t epoch, const struct ic_part *parts, unsigned nparts,
                       uint32_t len, uint32_t payload_crc) MUST_CHECK;

/* A connection begins. *ret_again: messages that will be handed out once more. ERR_PROTOCOL: S3. */
enum err session_resume(struct session *s, uint64_t peer_received, uint64_t *ret_again, struct diag *d) MUST_CHECK;
uint64_t session_received(const struct session *s); /* what this side tells when a connection begins */

/* Frames to write next: whole ones, in order. */
struct session_batch {
    uint64_t from, to; /* positions in the ring */
    uint32_t messages;
    uint64_t ack; /* goes into the stamp */
};
struct session_span {
    uint8_t *p;
    size_t len;
};
/* false: nothing to write. At most bytes_max, but always a whole frame. */
bool session_gather(struct session *s, size_t bytes_max, struct session_batch *ret);
/* Stamps each frame of the batch; the bytes to write are *ret_spans, at most two. */
unsigned session_stamp(struct session *s, const struct session_batch *b, scn_t scn, scn_t watermark,
                       struct session_span ret_spans[2]);
void session_written(struct session *s); /* the batch is out, or its connection is dead and the write has ended */
/* Walks a batch: *pos starts at b->from; NULL at the end. For messages to oneself, which are never written. */
uint8_t *session_next(struct session *s, const struct session_batch *b, uint64_t *pos);
void session_consumed(struct session *s, const struct session_batch *b); /* frees the batch of a queue to oneself */

enum session_verdict {
    SESSION_DELIVER,
    SESSION_CONTROL, /* not a message */
    SESSION_DUPLICATE, /* drop it */
    SESSION_BROKEN, /* gap or impossible acknowledgement: close the connection */
};
enum session_verdict session_receive(struct session *s, const struct wire_header *h, struct diag *d) MUST_CHECK;

bool session_ack_pending(const struct session *s); /* something was received that no frame has acknowledged yet */
bool session_ack_urgent(const struct session *s); /* so much that the peer's ring may fill up */
void session_ack_sent(struct session *s, uint64_t ack); /* by a frame outside a batch */

bool session_has_unsent(const struct session *s);
uint64_t session_unacked(const struct session *s); /* messages handed out and not acknowledged */
uint64_t session_acked(const struct session *s);

#endif
