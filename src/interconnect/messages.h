/*
 * Every kind of message between nodes: name, lane class, who handles it, what
 * it says. Kinds are numbers on the wire: append, never reorder (the
 * handshake's protocol version covers the table).
 */
#ifndef INTERCONNECT_MESSAGES_H
#define INTERCONNECT_MESSAGES_H

#include "base/base.h"

enum ic_class {
    IC_CRITICAL, /* heartbeats, membership, recovery */
    IC_HIGH, /* enqueues, commits */
    IC_NORMAL, /* blocks; striped by resource */
    IC_LOW, /* metadata */
};

/* clang-format off */
#define IC_MESSAGES(X) \
    /*  name          class        meaning */ \
    X(HEARTBEAT,      IC_CRITICAL, "I am alive: state, oldest snapshot, connectivity") \
    X(VIEW_JOIN,      IC_CRITICAL, "a node asks the coordinator to become a member") \
    X(VIEW_LEAVE,     IC_CRITICAL, "a member has drained and asks to leave") \
    X(VIEW_STEP,      IC_CRITICAL, "coordinator: freeze, install, declare, open") \
    X(VIEW_DONE,      IC_CRITICAL, "member: that step is done") \
    X(GCS_REQUEST,    IC_NORMAL,   "node to master: I want this block in this mode") \
    X(GCS_FORWARD,    IC_NORMAL,   "master to holder: ship it to that node") \
    X(GCS_INVALIDATE, IC_NORMAL,   "master to S holder: drop it") \
    X(GCS_INVALIDATED,IC_NORMAL,   "S holder to master: dropped") \
    X(GCS_SHIP,       IC_NORMAL,   "holder to requester: the block") \
    X(GCS_GRANT,      IC_NORMAL,   "master to requester: take it (from the disk)") \
    X(GCS_CLEAR,      IC_NORMAL,   "master to requester: all invalidations are acknowledged") \
    X(GCS_DONE,       IC_NORMAL,   "requester to master: I have it") \
    X(GCS_NOT_HELD,   IC_NORMAL,   "holder to master: I do not have it (any more)") \
    X(GCS_RELEASE,    IC_NORMAL,   "holder to master: I gave it up") \
    X(GCS_WRITTEN,    IC_NORMAL,   "owner to master: this version is durable in place") \
    X(GCS_PI_DROP,    IC_NORMAL,   "master to PI holder: past images up to this version may go") \
    X(GCS_WRITE_ASK,  IC_NORMAL,   "PI holder to master, master to owner: please write the block") \
    X(GCS_COPY_ASK,   IC_NORMAL,   "reader to master to holder: a mode-less copy for a reader at s") \
    X(GCS_COPY,       IC_NORMAL,   "holder to reader: the copy, or that the reader should take S") \
    X(GCS_DECLARE,    IC_CRITICAL, "member to new master: modes, past images, waiting requests") \
    X(GRD_MOVED,      IC_NORMAL,   "this resource's master is elsewhere") \
    X(GES_REQUEST,    IC_HIGH,     "node to master: lock or convert") \
    X(GES_GRANT,      IC_HIGH,     "master to node: granted, or refused") \
    X(GES_BAST,       IC_HIGH,     "master to holder: your cached mode blocks somebody") \
    X(GES_RELEASE,    IC_HIGH,     "holder to master: released or lowered") \
    X(GES_CANCEL,     IC_HIGH,     "node to master: the waiter gave up") \
    X(GES_WAITS,      IC_HIGH,     "deadlock search: wait edges of a node") \
    X(GES_KILL,       IC_HIGH,     "deadlock search: cancel this waiter if it still waits") \
    X(GES_DECLARE,    IC_CRITICAL, "member to new master: held and wanted locks") \
    X(TXN_COMMIT,     IC_HIGH,     "commits of one log flush: (c, xid) pairs, objects changed by DDL") \
    X(TXN_COMMIT_ACK, IC_HIGH,     "an empty carrier of SCN, where no other message acknowledges in time") \
    X(TXN_STATUS_ASK, IC_HIGH,     "did these commit, for a reader at s?") \
    X(TXN_STATUS,     IC_HIGH,     "answers") \
    X(SESSION_CANCEL, IC_LOW,      "cancel request of a client, for another node's backend") \
    X(ADMIN_ASK,      IC_LOW,      "operator: status or stop of another node") \
    X(ADMIN_ANSWER,   IC_LOW,      "its answer")
/* clang-format on */

enum ic_kind {
#define X(name, class, text) IC_##name,
    IC_MESSAGES(X)
#undef X
        IC_KINDS
};

const char *ic_kind_name(enum ic_kind kind); /* "UNKNOWN" for a number outside the table */
enum ic_class ic_kind_class(enum ic_kind kind);

#endif
