/*
 * The bodies of the enqueue service's messages, little-endian, and what can be
 * said of them without knowing any state: numbers that index or shift are in
 * their ranges. Pure.
 */
#ifndef GES_CORE_WIRE_H
#define GES_CORE_WIRE_H

#include "ges/core/lockq.h"

/* clang-format off */
enum {
    GES_TYPES_N = 0
#define X(name, text) +1
    GES_TYPES(X)
#undef X
};
/* clang-format on */

enum ges_wire_kind { GES_WIRE_REQUEST, GES_WIRE_GRANT, GES_WIRE_BAST, GES_WIRE_RELEASE, GES_WIRE_CANCEL, GES_WIRE_DECLARE };

#define GES_WIRE_DECLARE_END 0xff /* type: all has been declared; answered with DECLARE_RECEIVED */
#define GES_WIRE_DECLARE_RECEIVED 0xfe

struct ges_wire {
    uint64_t epoch;
    uint64_t id; /* TX: of the waiter */
    uint64_t id1, id2; /* of the resource; TX: xid in id1 */
    uint64_t grant_no;
    uint8_t type; /* enum ges_type; DECLARE: or one of the two above */
    uint8_t mode;
    uint8_t want;
    uint8_t reserved[5];
};
static_assert(sizeof(struct ges_wire) == 48, "on the wire");

const char *ges_wire_fault(enum ges_wire_kind kind, const struct ges_wire *w); /* what is wrong; NULL: nothing */

/* ---- deadlock search --------------------------------------------------------------- */

enum ges_rec_tag { REC_WAIT = 1, REC_EDGE, REC_HOLDER, REC_QUEUE };
struct ges_rec {
    uint8_t tag;
    uint8_t node; /* whose; of REC_QUEUE: who waits */
    uint8_t type, mode; /* of the resource; mode wanted or held */
    uint8_t global; /* REC_WAIT: for other nodes, too */
    uint8_t soft; /* REC_EDGE: to one that is ahead in a queue, and holds nothing that is in the way */
    uint8_t reserved[2];
    uint64_t owner; /* who waits, or holds; REC_EDGE: from; REC_QUEUE: position */
    uint64_t seq; /* REC_WAIT: number of the wait; REC_EDGE: to */
    uint64_t begun;
    uint64_t xid;
    uint64_t id1, id2; /* resource; or transaction waited for */
};
static_assert(sizeof(struct ges_rec) == 56, "on the wire");

enum ges_search_kind { SEARCH_TRIGGER = 1, SEARCH_ASK, SEARCH_ANSWER };
struct ges_search_head {
    uint64_t epoch, id;
    uint32_t kind, last; /* the last message of an answer */
};

#define GES_RECS_A_MESSAGE 250u
#define GES_SEARCH_BYTES_MAX (sizeof(struct ges_search_head) + GES_RECS_A_MESSAGE * sizeof(struct ges_rec))

static inline uint32_t ges_search_recs(uint32_t len) { return (uint32_t)((len - sizeof(struct ges_search_head)) / sizeof(struct ges_rec)); }
/* At least a head, from that node. */
const char *ges_search_fault(const uint8_t *body, uint32_t len, node_no from);

#endif
