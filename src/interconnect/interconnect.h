/*
 * Node-to-node transport: exactly-once, in-order messages between two
 * incarnations, over several TCP connections (lanes) that may break and are
 * opened again.
 *
 * Ordering: messages of one lane between two nodes arrive in the order in
 * which they were admitted (rule R15). A message's lane follows from its
 * kind's class and, for IC_NORMAL, from `stripe` (the resource's hash): so
 * all messages about one resource travel in one lane. A message to oneself
 * takes a queue like all others and is dispatched from it, never from inside
 * ic_send().
 *
 * Handlers run in the dispatch fiber of their lane: they must not wait (step
 * state machines, queue work, wake fibers). They may call ic_send().
 */
#ifndef INTERCONNECT_INTERCONNECT_H
#define INTERCONNECT_INTERCONNECT_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "interconnect/messages.h"

struct interconnect;

struct ic_peer_id {
    node_no node;
    incarnation_t incarnation;
};

/* A received message. The payload is valid until the handler returns. */
struct ic_message {
    enum ic_kind kind;
    node_no from;
    incarnation_t from_incarnation;
    epoch_t epoch; /* the sender's view when it was sent */
    scn_t scn; /* already merged into the clock (hooks.scn_seen) */
    scn_t watermark; /* commits of the sender up to here are durable and acknowledged by all (rule R4) */
    const uint8_t *payload;
    uint32_t len;
};
typedef void ic_handler(void *arg, const struct ic_message *m);

struct ic_hooks {
    void *arg;
    scn_t (*scn_now)(void *arg); /* stamped into each frame when it is written to a connection */
    /* SCN and watermark of an arriving frame, before its handler; false: it jumps too far, the connection is refused */
    bool (*scn_seen)(void *arg, node_no from, scn_t scn, scn_t watermark);
    scn_t (*watermark)(void *arg);
    /* A session to this incarnation works (true) or is lost for good: another incarnation answered, or closed by it (false). Must not wait. */
    void (*peer_changed)(void *arg, struct ic_peer_id peer, bool up);
    /* An incarnation that was not added knocks (or says so: check elsewhere who it is). May be NULL. Must not wait. */
    void (*peer_unknown)(void *arg, struct ic_peer_id peer);
};

struct ic_options {
    struct ic_peer_id self;
    uint64_t cluster_id;
    const char *secret; /* shared secret: HMAC both ways */
    const char *address; /* listen here: "10.0.1.101:5000" */
    uint32_t lanes_normal; /* stripes of IC_NORMAL: 1..8 */
    uint32_t send_queue_max_bytes; /* a lane: ic_send() refuses beyond it */
    uint32_t frame_max_bytes; /* larger frames are a protocol error */
    uint32_t protocol_min, protocol_max;
    struct log *log;
    struct ic_hooks hooks;
};

enum err ic_open(const struct ic_options *opt, struct interconnect **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void ic_close(struct interconnect *ic) MAY_YIELD; /* says goodbye to peers, stops all fibers */

/*
 * Before the first peer, or over ic_ignore(). A body of fewer than len_min or more than len_max bytes is rejected before the handler
 * sees it; all else in it is the handler's to check before use: a peer of another version, or with a bug, may send anything.
 */
void ic_set_handler(struct interconnect *ic, enum ic_kind kind, uint32_t len_min, uint32_t len_max, ic_handler *fn, void *arg);
/* What a handler does with a message that makes no sense: logged (a kind once a second), counted, and dropped by the caller. Callable under an rt_spin. */
void ic_reject(struct interconnect *ic, const struct ic_message *m, const char *why_fmt, ...) PRINTF(3, 4);
/* The handler of a kind whose service opens later, and that may be lost until then. */
void ic_ignore(void *arg, const struct ic_message *m);

/* Keep sessions to this incarnation at this address: connects, authenticates, reconnects with back-off until ic_peer_remove(). From any fiber; does nothing once the interconnect closes. */
enum err ic_peer_add(struct interconnect *ic, struct ic_peer_id peer, const char *address, struct diag *d) MAY_YIELD MUST_CHECK;
void ic_peer_remove(struct interconnect *ic, struct ic_peer_id peer) MAY_YIELD;
bool ic_peer_is_up(const struct interconnect *ic, node_no node);
bool ic_peer_has_ended(const struct interconnect *ic, struct ic_peer_id peer); /* its session is over, or there is none */

void ic_set_epoch(struct interconnect *ic, epoch_t epoch); /* stamped into frames from now on */

const char *ic_address(const struct interconnect *ic); /* with the real port where 0 was asked for */

struct ic_part {
    const void *p;
    size_t len;
};
/*
 * Admits the message (copied; it will be delivered once if both incarnations live) or refuses it: ERR_RESOURCES when the lane's
 * queue is full, ERR_CLOSED when there is no such peer (any more), ERR_LIMIT when it exceeds frame_max_bytes. Never waits.
 * Callable under an rt_spin. `node` may be oneself.
 */
enum err ic_send(struct interconnect *ic, node_no node, enum ic_kind kind, uint64_t stripe, const struct ic_part *parts,
                 unsigned nparts) MUST_CHECK;

/* clang-format off */
#define IC_STATS(X) \
    X(sent,             COUNT, "messages admitted") \
    X(received,         COUNT, "messages dispatched") \
    X(sent_bytes,       BYTES, "bytes written to connections") \
    X(received_bytes,   BYTES, "bytes read from connections") \
    X(writes,           COUNT, "write calls: sent / writes is the batching") \
    X(retransmitted,    COUNT, "messages sent again after a reconnect") \
    X(reconnects,       COUNT, "connections opened again") \
    X(refused,          COUNT, "messages refused because a queue was full") \
    X(rejected,         COUNT, "connections rejected: secret, cluster, version, damaged frame") \
    X(malformed,        COUNT, "messages dropped because they made no sense: a bug, or a peer of another version")
/* clang-format on */
struct ic_stats {
#define X(name, unit, text) uint64_t name;
    IC_STATS(X)
#undef X
};
void ic_stats(const struct interconnect *ic, struct ic_stats *ret);

/* Round trips of small frames in the high lane, one a second and peer: bucket i counts those below 2^i microseconds. */
#define IC_RTT_BUCKETS 24u
void ic_rtt(const struct interconnect *ic, uint64_t ret_count[IC_RTT_BUCKETS]);

#endif
