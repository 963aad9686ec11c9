/*
 * What the files of this folder share.
 *
 *     interconnect        one an instance
 *       ic_node[n]        fixed place of node n, with a lock for each lane
 *         link            one lane to one incarnation of that node: session, connection, fibers
 *       peer              one incarnation of a node: its links
 *
 * A link's reader fiber owns its connections, one after the other: it gets
 * one (the node with the lower number dials, the other is handed what its
 * acceptor has authenticated; the newest wins), starts a writer fiber for it,
 * reads and dispatches until it breaks, and waits for the writer before it
 * closes. Who sends finds the link through the lane's lock, so a link may be
 * unhooked at any time; it is freed by the keeper when its fibers have ended.
 *
 * Locks: lane->spin and ic->spin are never held together; neither is held over
 * a hook or a handler.
 */
#ifndef INTERCONNECT_IC_INT_H
#define INTERCONNECT_IC_INT_H

#include <stdatomic.h>

#include "base/list.h"
#include "interconnect/core/session.h"
#include "interconnect/core/wire.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"

#define IC_LANES_NORMAL_MAX 8u
#define IC_LANES_MAX (3u + IC_LANES_NORMAL_MAX)
#define IC_LANE_CRITICAL 0u
#define IC_LANE_HIGH 1u
#define IC_LANE_NORMAL 2u /* the first stripe; the low lane is the last of all */

#define IC_KEEPER_MS 20u /* how late an acknowledgement without traffic may be */
#define IC_PING_MS 1000u
#define IC_STALL_MS 2000u /* a connection without progress while something is unacknowledged is opened anew */
#define IC_CONNECT_MS 1000u
#define IC_HANDSHAKE_MS 3000u
#define IC_BACKOFF_MIN_MS 5u
#define IC_BACKOFF_MAX_MS 500u
#define IC_KNOCK_MS 200u /* who waits to be dialled makes itself known so often until it has been */
#define IC_FLUSH_MS 500u /* ic_close() waits this long for what was admitted */
#define IC_WRITE_BYTES (256u << 10) /* handed to the kernel at once */
#define IC_HANDSHAKES_MAX 128u /* under way at the same time */
#define IC_SECRET_MAX 256u

struct link;
struct peer;

struct ic_lane {
    struct rt_spin spin;
    struct link *link; /* spin; NULL: no such peer */
    struct ic_stats stats; /* spin */
};

struct ic_node {
    struct peer *peer; /* ic->spin */
    struct ic_lane lanes[IC_LANES_MAX];
};

enum peer_state { PEER_NEW, PEER_UP, PEER_LOST };

struct peer {
    struct interconnect *ic;
    struct ic_peer_id id;
    char address[128];
    struct link *links[IC_LANES_MAX];
    enum peer_state state; /* ic->spin */
    enum peer_state told; /* keeper: what the hook was told */
    uint32_t lanes_up; /* ic->spin: connected at least once */
    char lost_why[160]; /* ic->spin */
    struct list in; /* ic->spin: ic->removed */
    uint64_t pinged_ns; /* keeper */
};

/* All that was said in a handshake: what a mac covers. */
struct transcript {
    uint8_t bytes[WIRE_HELLO_BYTES + WIRE_CHALLENGE_BYTES + WIRE_PROOF_BYTES];
    size_t len;
};

/* An authenticated connection on its way from the acceptor to the link. */
struct handover {
    struct rt_conn *conn; /* NULL: none */
    uint64_t peer_received;
    struct transcript said;
};

struct link {
    struct interconnect *ic;
    struct peer *peer; /* NULL: the queue to oneself */
    struct ic_lane *lane; /* its spin guards all below unless said otherwise */
    uint32_t index;
    struct session *session;
    struct rt_conn *conn;
    bool live; /* the session has been resumed over conn: the writer may write */
    bool closed; /* the peer is lost: ic_send() refuses */
    bool stop; /* removed: the fibers end */
    bool finished; /* the reader fiber does nothing more */
    bool was_live; /* connected before */
    bool writer_idle;
    bool ack_now, ping_now, pong_now, goodbye_now, goodbye_said;
    uint64_t pong_value;
    uint64_t progress_ns; /* when the peer last sent anything, or nothing was owed */
    struct handover incoming;
    struct rt_channel *wake_writer, *wake_reader; /* capacity 1: tokens */
    struct fiber *reader; /* set once */
    /* reader fiber alone */
    uint8_t *in;
    size_t in_cap;
    uint32_t backoff_ms;
    uint64_t logged_ns;
    char logged[160];
};

struct ic_handler_slot { /* the function is written last and read first */
    _Atomic(ic_handler *) fn;
    _Atomic(void *) arg;
    _Atomic uint32_t len_min, len_max;
    _Atomic uint64_t said_ns; /* when a message of this kind was last complained of; 0: never */
};

struct interconnect {
    struct ic_options opt;
    char secret[IC_SECRET_MAX];
    size_t secret_len;
    uint32_t lanes; /* in all */
    _Atomic uint64_t epoch;
    struct ic_handler_slot handlers[IC_KINDS];
    struct ic_node nodes[NODES_MAX + 1];
    struct rt_listener *listener;
    struct fiber *acceptor, *keeper;
    struct rt_channel *wake_keeper; /* capacity 1 */
    struct rt_mutex peers; /* taken by who adds or removes one: several fibers find the same new node */
    struct rt_spin spin;
    bool closing; /* spin; and, to be set, peers: no peer is added afterwards */
    struct list removed; /* spin: peers whose fibers are ending */
    bool reaping; /* spin: one of them is being freed */
    struct rt_conn *handshakes[IC_HANDSHAKES_MAX]; /* spin: connections that are not yet anybody's */
    uint32_t handshakes_running; /* spin: fibers */
    uint64_t rejected; /* spin: before a lane was known */
    _Atomic uint64_t malformed;
    uint64_t rtt[IC_RTT_BUCKETS]; /* spin */
};

/* lane.c */
struct link *link_new(struct interconnect *ic, struct peer *peer, uint32_t index);
enum err link_start(struct link *l, struct diag *d) MUST_CHECK; /* its reader fiber */
void link_free(struct link *l); /* its reader has been joined; accepts NULL */
void link_stop(struct link *l); /* from any fiber, once */
void link_hand_over(struct link *l, struct handover *h); /* lane->spin held; takes the connection or leaves what it replaced in *h */
void link_wake_reader(struct link *l);
/* Returns true when the writer was idle: the caller sends the token after it has released lane->spin. */
bool link_writer_claim(struct link *l);
void link_writer_token(struct link *l);
void ic__dispatch(struct interconnect *ic, const struct ic_message *m);
enum ic_class ic__lane_class(const struct interconnect *ic, uint32_t index); /* of the messages that travel in it */

/* peers.c */
void ic__peer_lost(struct peer *p, const char *fmt, ...) PRINTF(2, 3);
void ic__peer_connected(struct peer *p);
void ic__keeper_main(void *arg);
void ic__kick_keeper(struct interconnect *ic);

/* handshake.c */
enum err ic__handshake_dial(struct link *l, struct rt_conn *c, uint64_t received, uint64_t deadline, uint64_t *ret_peer_received,
                            enum wire_status *ret_status, struct diag *d) MAY_YIELD MUST_CHECK;
enum err ic__handshake_welcome(struct interconnect *ic, const struct handover *h, enum wire_status status, uint64_t received,
                               struct diag *d) MAY_YIELD MUST_CHECK;
void ic__acceptor_main(void *arg);

#endif
