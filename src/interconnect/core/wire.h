/*
 * Bytes between two nodes: the frames of a lane, and the fixed-size messages
 * of the handshake that precedes them. Pure encoding and decoding; every
 * decoder checks all that it reads and never looks beyond what it was given.
 *
 * A frame is a header of WIRE_HEADER_BYTES and a payload. The header has a
 * checksum of its own, so that a damaged length is noticed before anybody
 * waits for bytes that never come.
 *
 * Handshake, over each connection (D dials, A accepts):
 *
 *   D -> A  HELLO      who I am, whom I want, lane, versions, nonce
 *   A -> D  CHALLENGE  status, version, who I am, nonce, mac
 *   D -> A  PROOF      last sequence number that D received in this lane, mac
 *   A -> D  WELCOME    status, last sequence number that A received, mac
 *
 * The node with the lower number dials. The other one sends a HELLO only to
 * make itself known (it knocks), and is answered YOU_WAIT or UNKNOWN_PEER.
 *
 * Each mac is HMAC-SHA256 with the shared secret over a label and all that was
 * said before on this connection, so nothing can be replayed or altered.
 */
#ifndef INTERCONNECT_CORE_WIRE_H
#define INTERCONNECT_CORE_WIRE_H

#include "base/diag.h"
#include "base/ids.h"
#include "interconnect/messages.h"

#define WIRE_HEADER_BYTES 56u

enum wire_type {
    WIRE_DATA = 1, /* a message: has a sequence number */
    WIRE_ACK, /* carries ack, SCN and watermark alone */
    WIRE_GOODBYE, /* the sender closes: nothing follows, ever */
    WIRE_PING, /* payload: 8 bytes that the PONG repeats */
    WIRE_PONG,
    WIRE_TYPES
};

struct wire_header {
    uint32_t length; /* of the frame, header included */
    uint8_t type; /* enum wire_type */
    uint8_t class; /* enum ic_class; DATA only */
    uint16_t kind; /* enum ic_kind; DATA only */
    uint64_t seq; /* DATA: 1, 2, 3, ... in a session; else 0 */
    uint64_t ack; /* all up to here were received by the sender of this frame */
    epoch_t epoch;
    scn_t scn;
    scn_t watermark;
    uint32_t payload_crc;
};

void wire_put_header(uint8_t out[WIRE_HEADER_BYTES], const struct wire_header *h); /* with its checksum */
/* ERR_PROTOCOL, with what is wrong, unless the header is whole, known, and announces at most frame_max_bytes. */
enum err wire_get_header(const uint8_t in[WIRE_HEADER_BYTES], uint32_t frame_max_bytes, struct wire_header *ret,
                         struct diag *d) MUST_CHECK;

/* What changes when a frame in a buffer is written to a connection; renews the header's checksum. */
struct wire_stamp {
    uint64_t ack;
    scn_t scn;
    scn_t watermark;
};
void wire_restamp(uint8_t header[WIRE_HEADER_BYTES], const struct wire_stamp *stamp);
static inline uint32_t wire_peek_length(const uint8_t *header);
static inline uint64_t wire_peek_seq(const uint8_t *header);

/* ---- handshake ---------------------------------------------------------- */

#define WIRE_NONCE_BYTES 32u
#define WIRE_MAC_BYTES 32u
#define WIRE_HELLO_BYTES 88u
#define WIRE_CHALLENGE_BYTES 88u
#define WIRE_PROOF_BYTES 48u
#define WIRE_WELCOME_BYTES 48u

/* clang-format off */
#define WIRE_STATUSES(X) \
    X(OK,                "accepted") \
    X(OTHER_CLUSTER,     "it belongs to another cluster") \
    X(BAD_VERSION,       "no protocol version in common") \
    X(WRONG_NODE,        "another node answers at this address") \
    X(OTHER_INCARNATION, "that node has been started again") \
    X(UNKNOWN_PEER,      "it does not know this node yet") \
    X(YOU_WAIT,          "it dials by itself") \
    X(LANES_DIFFER,      "the number of lanes differs between the nodes") \
    X(LOST,              "the session is lost")
/* clang-format on */
enum wire_status {
#define X(name, text) WIRE_STATUS_##name,
    WIRE_STATUSES(X)
#undef X
        WIRE_STATUS_COUNT
};
const char *wire_status_text(enum wire_status s);

struct wire_hello {
    uint32_t protocol_min, protocol_max;
    uint64_t cluster_id;
    node_no from, to;
    incarnation_t from_incarnation, to_incarnation;
    uint8_t lane, lanes;
    uint8_t nonce[WIRE_NONCE_BYTES];
};
struct wire_challenge {
    enum wire_status status;
    uint32_t version;
    node_no node;
    incarnation_t incarnation;
    uint8_t nonce[WIRE_NONCE_BYTES];
    uint8_t mac[WIRE_MAC_BYTES];
};
struct wire_proof {
    uint64_t received;
    uint8_t mac[WIRE_MAC_BYTES];
};
struct wire_welcome {
    enum wire_status status;
    uint64_t received;
    uint8_t mac[WIRE_MAC_BYTES];
};

/* Encoders leave the mac, which is always last, as given: it is computed over the bytes before it. */
void wire_put_hello(uint8_t out[WIRE_HELLO_BYTES], const struct wire_hello *m);
void wire_put_challenge(uint8_t out[WIRE_CHALLENGE_BYTES], const struct wire_challenge *m);
void wire_put_proof(uint8_t out[WIRE_PROOF_BYTES], const struct wire_proof *m);
void wire_put_welcome(uint8_t out[WIRE_WELCOME_BYTES], const struct wire_welcome *m);
enum err wire_get_hello(const uint8_t in[WIRE_HELLO_BYTES], struct wire_hello *ret, struct diag *d) MUST_CHECK;
enum err wire_get_challenge(const uint8_t in[WIRE_CHALLENGE_BYTES], struct wire_challenge *ret, struct diag *d) MUST_CHECK;
enum err wire_get_proof(const uint8_t in[WIRE_PROOF_BYTES], struct wire_proof *ret, struct diag *d) MUST_CHECK;
enum err wire_get_welcome(const uint8_t in[WIRE_WELCOME_BYTES], struct wire_welcome *ret, struct diag *d) MUST_CHECK;

/* What the accepting node answers to a HELLO. `known`: incarnation of the peer that it keeps sessions with, 0: none. */
struct wire_acceptor {
    uint64_t cluster_id;
    uint32_t protocol_min, protocol_max;
    node_no node;
    incarnation_t incarnation;
    uint8_t lanes;
};
enum wire_status wire_judge_hello(const struct wire_acceptor *self, const struct wire_hello *hello, incarnation_t known,
                                  uint32_t *ret_version);

static inline uint32_t wire_peek_length(const uint8_t *header)
{
    uint32_t v;
    memcpy(&v, header, sizeof(v));
    return v;
}
static inline uint64_t wire_peek_seq(const uint8_t *header)
{
    uint64_t v;
    memcpy(&v, header + 8, sizeof(v));
    return v;
}

#endif
