/*
 * Membership: who is in the cluster, by views.
 *
 * A view is an epoch and its members with their incarnations. A starting node
 * writes its slot in the voting file, finds the others there, and joins the
 * running cluster through its coordinator (the lowest member); where nobody
 * runs, the first node forms a view of itself alone, and recovers.
 *
 * A view changes in steps that all members of the new view go through
 * together, each when the coordinator has heard that all have finished the
 * one before: FREEZE (no new grants; requests are parked), INSTALL (the new
 * epoch; messages of the old one are dropped from here on), DECLARE (each
 * tells the new masters what it holds and wants), OPEN. Any failure during
 * them starts again with a newer epoch. The same steps serve planned joining
 * and leaving, and later the loss of a member.
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"

struct cluster;
struct interconnect;
struct ic_peer_id;

struct cluster_member {
    node_no node;
    incarnation_t incarnation;
    uint16_t redo_thread;
    char name[64]; /* node_id of the configuration */
    char interconnect_address[128];
    char sql_address[128];
};

/* Numbers of grants carry the epoch in their upper 24 bits. */
#define CLUSTER_EPOCH_MAX ((UINT64_C(1) << 24) - 1)

struct cluster_view {
    epoch_t epoch; /* 1..CLUSTER_EPOCH_MAX */
    uint32_t n; /* members, ordered by node number */
    struct cluster_member m[NODES_MAX];
};

/* Called in the membership fiber, in the order of registration, at each step. May wait, but not on a grant of the frozen services. */
struct cluster_listener {
    void *arg;
    void (*freeze)(void *arg, epoch_t next);
    void (*install)(void *arg, const struct cluster_view *view, const struct cluster_view *old);
    enum err (*declare)(void *arg, const struct cluster_view *view, struct diag *d);
    void (*open)(void *arg, const struct cluster_view *view);
};
/*
 * A node that leaves runs freeze() alone. Each step may run again with a newer epoch before OPEN has come: freeze() of what is
 * frozen, install() where `old` is a view that was never opened. A joiner's first install() has an `old` with epoch 0.
 */

struct cluster_options {
    const char *dir; /* shared folder with control/voting */
    const char *cluster_name;
    uint64_t cluster_id;
    const char *node_name;
    const char *interconnect_address, *sql_address;
    incarnation_t incarnation;
    uint32_t heartbeat_interval_ms; /* 100 */
    double phi_threshold; /* 8.0 */
    uint32_t dead_after_ms; /* confirmed FAILED: below 3000 */
    struct log *log;
    void *arg; /* of the next three */
    /* what heartbeats carry (rule R10); called on the critical worker, must not wait */
    scn_t (*oldest_snapshot)(void *arg); /* SCN_MAX: no constraint */
    void (*peer_oldest_snapshot)(void *arg, node_no node, scn_t s);
    /* a member died, or this node was left out: the instance must stop with this message (first cut). Called once. */
    void (*fatal)(void *arg, const char *why); /* must not wait for the cluster */
};

/* Claims the node's slot and number: ERR_LOCK_FILE when another process runs with this node name. */
enum err cluster_open(const struct cluster_options *opt, struct cluster **ret, struct diag *d) MAY_YIELD MUST_CHECK;
node_no cluster_self(const struct cluster *c);
/*
 * The interconnect needs the node's number, so it is opened after cluster_open(), with cluster_self(); its hooks peer_changed
 * and peer_unknown must call the two functions below. Then it is given to the cluster, which registers its handlers, adds and
 * removes all peers, and sets the epoch.
 * The end, in this order: cluster_leave(), cluster_stop(), ic_close(), cluster_close().
 */
enum err cluster_attach(struct cluster *c, struct interconnect *ic, struct diag *d) MAY_YIELD MUST_CHECK;
void cluster_peer_changed(struct cluster *c, struct ic_peer_id peer, bool up);
void cluster_peer_unknown(struct cluster *c, struct ic_peer_id peer);
void cluster_listen(struct cluster *c, const struct cluster_listener *l); /* before cluster_join() */

/*
 * Joins or forms. *ret_first: this node is alone and must recover the database before it opens it: the form step runs
 * recover(arg) between INSTALL and OPEN, and nobody joins before that has returned.
 */
enum err cluster_join(struct cluster *c, enum err (*recover)(void *arg, struct diag *d), void *arg, struct diag *d) MAY_YIELD MUST_CHECK;
/* Planned leave: the caller has drained. Returns when a view without this node is installed (or it was the last). */
enum err cluster_leave(struct cluster *c, struct diag *d) MAY_YIELD MUST_CHECK;
void cluster_stop(struct cluster *c) MAY_YIELD; /* ends its fibers: nothing is sent or called from here on */
void cluster_close(struct cluster *c) MAY_YIELD; /* accepts NULL; gives the slot's lock back. The interconnect has been closed. */

/* A copy of the present view (epoch 0: none yet). It is large: about 21 KiB. */
void cluster_view(const struct cluster *c, struct cluster_view *ret);
epoch_t cluster_epoch(const struct cluster *c);
node_no cluster_coordinator(const struct cluster *c);
enum member_health { MEMBER_HEALTHY, MEMBER_SUSPECTED, MEMBER_FAILED };
enum member_health cluster_health(const struct cluster *c, node_no node);

#endif
