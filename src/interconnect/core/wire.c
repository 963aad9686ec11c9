#include "interconnect/core/wire.h"

#include "base/buf.h"
#include "base/hash.h"

#include <stdio.h>

/*
 * Header, little-endian: length 0, type 4, class 5, kind 6, seq 8, ack 16,
 * epoch 24, scn 32, watermark 40, payload crc 48, header crc 52.
 */
enum { AT_TYPE = 4, AT_CLASS = 5, AT_KIND = 6, AT_SEQ = 8, AT_ACK = 16, AT_EPOCH = 24, AT_SCN = 32, AT_WATERMARK = 40 };
enum { AT_PAYLOAD_CRC = 48, AT_HEADER_CRC = 52 };
static_assert(AT_HEADER_CRC + 4 == WIRE_HEADER_BYTES, "wire format");

static void seal_header(uint8_t *h)
{
    put_u32le(h + AT_HEADER_CRC, crc32c(0, h, AT_HEADER_CRC));
}

void wire_put_header(uint8_t out[WIRE_HEADER_BYTES], const struct wire_header *h)
{
    put_u32le(out, h->length);
    out[AT_TYPE] = h->type;
    out[AT_CLASS] = h->class;
    put_u16le(out + AT_KIND, h->kind);
    put_u64le(out + AT_SEQ, h->seq);
    put_u64le(out + AT_ACK, h->ack);
    put_u64le(out + AT_EPOCH, h->epoch);
    put_u64le(out + AT_SCN, h->scn);
    put_u64le(out + AT_WATERMARK, h->watermark);
    put_u32le(out + AT_PAYLOAD_CRC, h->payload_crc);
    seal_header(out);
}

void wire_restamp(uint8_t header[WIRE_HEADER_BYTES], const struct wire_stamp *stamp)
{
    put_u64le(header + AT_ACK, stamp->ack);
    put_u64le(header + AT_SCN, stamp->scn);
    put_u64le(header + AT_WATERMARK, stamp->watermark);
    seal_header(header);
}

static enum err check_header(const struct wire_header *h, uint32_t frame_max_bytes, struct diag *d)
{
    if (h->length < WIRE_HEADER_BYTES || h->length > frame_max_bytes)
        return diag_set(d, ERR_PROTOCOL, "frame of %" PRIu32 " bytes: %u to %" PRIu32 " are allowed", h->length,
                        WIRE_HEADER_BYTES, frame_max_bytes);
    const uint32_t payload = h->length - WIRE_HEADER_BYTES;
    switch (h->type) {
    case WIRE_DATA:
        if (h->kind >= IC_KINDS)
            return diag_set(d, ERR_PROTOCOL, "frame of unknown kind %u", h->kind);
        if (h->class != ic_kind_class((enum ic_kind)h->kind))
            return diag_set(d, ERR_PROTOCOL, "%s frame of class %u", ic_kind_name((enum ic_kind)h->kind), h->class);
        if (h->seq == 0)
            return diag_set(d, ERR_PROTOCOL, "%s frame without a sequence number", ic_kind_name((enum ic_kind)h->kind));
        return ERR_OK;
    case WIRE_ACK:
    case WIRE_GOODBYE:
        return payload == 0 ? ERR_OK : diag_set(d, ERR_PROTOCOL, "control frame with a payload of %" PRIu32 " bytes", payload);
    case WIRE_PING:
    case WIRE_PONG:
        return payload == 8 ? ERR_OK : diag_set(d, ERR_PROTOCOL, "ping with a payload of %" PRIu32 " bytes", payload);
    default:
        return diag_set(d, ERR_PROTOCOL, "frame of unknown type %u", h->type);
    }
}

enum err wire_get_header(const uint8_t in[WIRE_HEADER_BYTES], uint32_t frame_max_bytes, struct wire_header *ret, struct diag *d)
{
    const uint32_t sum = crc32c(0, in, AT_HEADER_CRC);
    const uint32_t said = get_u32le(in + AT_HEADER_CRC);
    if (sum != said)
        return diag_set(d, ERR_PROTOCOL, "frame header with checksum %08" PRIx32 ", computed %08" PRIx32, said, sum);
    const struct wire_header h = {
        .length = get_u32le(in),
        .type = in[AT_TYPE],
        .class = in[AT_CLASS],
        .kind = get_u16le(in + AT_KIND),
        .seq = get_u64le(in + AT_SEQ),
        .ack = get_u64le(in + AT_ACK),
        .epoch = get_u64le(in + AT_EPOCH),
        .scn = get_u64le(in + AT_SCN),
        .watermark = get_u64le(in + AT_WATERMARK),
        .payload_crc = get_u32le(in + AT_PAYLOAD_CRC),
    };
    const enum err err = check_header(&h, frame_max_bytes, d);
    if (err == ERR_OK)
        *ret = h;
    return err;
}

/* ---- handshake ---------------------------------------------------------- */

#define HS_MAGIC 0x49424452u /* "RDBI" */
enum { HS_HELLO = 1, HS_CHALLENGE, HS_PROOF, HS_WELCOME };

static const char *const status_texts[] = {
#define X(name, text) text,
    WIRE_STATUSES(X)
#undef X
};

const char *wire_status_text(enum wire_status s)
{
    return (unsigned)s < ARRAY_LEN(status_texts) ? status_texts[s] : "unknown status";
}

static void put_start(uint8_t *out, uint16_t type, uint16_t status)
{
    put_u32le(out, HS_MAGIC);
    put_u16le(out + 4, type);
    put_u16le(out + 6, status);
}

static enum err get_start(const uint8_t *in, uint16_t type, const char *what, uint16_t *ret_status, struct diag *d)
{
    if (get_u32le(in) != HS_MAGIC || get_u16le(in + 4) != type)
        return diag_set(d, ERR_PROTOCOL, "not a node of a cluster: no %s, but bytes %02x %02x %02x %02x %02x %02x", what, in[0], in[1],
                        in[2], in[3], in[4], in[5]);
    *ret_status = get_u16le(in + 6);
    if (*ret_status >= WIRE_STATUS_COUNT)
        return diag_set(d, ERR_PROTOCOL, "%s with unknown status %u", what, *ret_status);
    return ERR_OK;
}

/* magic 0, type 4, 0, min 8, max 12, cluster 16, from 24, to 25, lane 26, lanes 27, 0, incarnations 32 40, nonce 48, crc 80, 0 */
void wire_put_hello(uint8_t out[WIRE_HELLO_BYTES], const struct wire_hello *m)
{
    memset(out, 0, WIRE_HELLO_BYTES);
    put_start(out, HS_HELLO, 0);
    put_u32le(out + 8, m->protocol_min);
    put_u32le(out + 12, m->protocol_max);
    put_u64le(out + 16, m->cluster_id);
    out[24] = m->from;
    out[25] = m->to;
    out[26] = m->lane;
    out[27] = m->lanes;
    put_u64le(out + 32, m->from_incarnation);
    put_u64le(out + 40, m->to_incarnation);
    memcpy(out + 48, m->nonce, WIRE_NONCE_BYTES);
    put_u32le(out + 80, crc32c(0, out, 80));
}

enum err wire_get_hello(const uint8_t in[WIRE_HELLO_BYTES], struct wire_hello *ret, struct diag *d)
{
    uint16_t status = 0;
    const enum err err = get_start(in, HS_HELLO, "hello", &status, d);
    if (err != ERR_OK)
        return err;
    if (get_u32le(in + 80) != crc32c(0, in, 80))
        return diag_set(d, ERR_PROTOCOL, "damaged hello");
    const struct wire_hello m = {
        .protocol_min = get_u32le(in + 8),
        .protocol_max = get_u32le(in + 12),
        .cluster_id = get_u64le(in + 16),
        .from = in[24],
        .to = in[25],
        .lane = in[26],
        .lanes = in[27],
        .from_incarnation = get_u64le(in + 32),
        .to_incarnation = get_u64le(in + 40),
    };
    if (m.from == 0 || m.from > NODES_MAX || m.lane >= m.lanes)
        return diag_set(d, ERR_PROTOCOL, "hello of node %u for lane %u of %u", m.from, m.lane, m.lanes);
    *ret = m;
    memcpy(ret->nonce, in + 48, WIRE_NONCE_BYTES);
    return ERR_OK;
}

/* magic 0, type 4, status 6, version 8, node 12, 0, incarnation 16, nonce 24, mac 56 */
void wire_put_challenge(uint8_t out[WIRE_CHALLENGE_BYTES], const struct wire_challenge *m)
{
    memset(out, 0, WIRE_CHALLENGE_BYTES);
    put_start(out, HS_CHALLENGE, (uint16_t)m->status);
    put_u32le(out + 8, m->version);
    out[12] = m->node;
    put_u64le(out + 16, m->incarnation);
    memcpy(out + 24, m->nonce, WIRE_NONCE_BYTES);
    memcpy(out + 56, m->mac, WIRE_MAC_BYTES);
}

enum err wire_get_challenge(const uint8_t in[WIRE_CHALLENGE_BYTES], struct wire_challenge *ret, struct diag *d)
{
    uint16_t status = 0;
    const enum err err = get_start(in, HS_CHALLENGE, "challenge", &status, d);
    if (err != ERR_OK)
        return err;
    *ret = (struct wire_challenge){
        .status = (enum wire_status)status,
        .version = get_u32le(in + 8),
        .node = in[12],
        .incarnation = get_u64le(in + 16),
    };
    memcpy(ret->nonce, in + 24, WIRE_NONCE_BYTES);
    memcpy(ret->mac, in + 56, WIRE_MAC_BYTES);
    return ERR_OK;
}

/* magic 0, type 4, status 6, received 8, mac 16 */
static void put_position(uint8_t *out, uint16_t type, uint16_t status, uint64_t received, const uint8_t *mac)
{
    put_start(out, type, status);
    put_u64le(out + 8, received);
    memcpy(out + 16, mac, WIRE_MAC_BYTES);
}

void wire_put_proof(uint8_t out[WIRE_PROOF_BYTES], const struct wire_proof *m)
{
    put_position(out, HS_PROOF, 0, m->received, m->mac);
}

enum err wire_get_proof(const uint8_t in[WIRE_PROOF_BYTES], struct wire_proof *ret, struct diag *d)
{
    uint16_t status = 0;
    const enum err err = get_start(in, HS_PROOF, "proof", &status, d);
    if (err != ERR_OK)
        return err;
    ret->received = get_u64le(in + 8);
    memcpy(ret->mac, in + 16, WIRE_MAC_BYTES);
    return ERR_OK;
}

void wire_put_welcome(uint8_t out[WIRE_WELCOME_BYTES], const struct wire_welcome *m)
{
    put_position(out, HS_WELCOME, (uint16_t)m->status, m->received, m->mac);
}

enum err wire_get_welcome(const uint8_t in[WIRE_WELCOME_BYTES], struct wire_welcome *ret, struct diag *d)
{
    uint16_t status = 0;
    const enum err err = get_start(in, HS_WELCOME, "welcome", &status, d);
    if (err != ERR_OK)
        return err;
    ret->status = (enum wire_status)status;
    ret->received = get_u64le(in + 8);
    memcpy(ret->mac, in + 16, WIRE_MAC_BYTES);
    return ERR_OK;
}

enum wire_status wire_judge_hello(const struct wire_acceptor *self, const struct wire_hello *hello, incarnation_t known,
                                  uint32_t *ret_version)
{
    if (hello->cluster_id != self->cluster_id)
        return WIRE_STATUS_OTHER_CLUSTER;
    if (hello->protocol_max < self->protocol_min || hello->protocol_min > self->protocol_max)
        return WIRE_STATUS_BAD_VERSION;
    *ret_version = MIN(hello->protocol_max, self->protocol_max);
    if (hello->to != self->node)
        return WIRE_STATUS_WRONG_NODE;
    if (hello->to_incarnation != self->incarnation)
        return WIRE_STATUS_OTHER_INCARNATION;
    if (hello->lanes != self->lanes)
        return WIRE_STATUS_LANES_DIFFER;
    if (known == 0 || hello->from_incarnation != known)
        return WIRE_STATUS_UNKNOWN_PEER;
    if (hello->from >= self->node)
        return WIRE_STATUS_YOU_WAIT;
    return WIRE_STATUS_OK;
}
