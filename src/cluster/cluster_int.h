/*
 * What the files of this folder share.
 *
 * Fibers of a cluster:
 *
 *     membership   owns the state machine (core/view.h); all events come to it through one inbox
 *     declare      runs the step DECLARE, which waits for other members: the first must hear of their failure meanwhile
 *     heart        on the critical worker: sends heartbeats, judges those of the peers
 *     slots        renews the own voting slot and looks for others
 *
 * Handlers of the interconnect turn messages into mail for the first; they
 * never wait.
 */
#ifndef CLUSTER_CLUSTER_INT_H
#define CLUSTER_CLUSTER_INT_H

#include <stdatomic.h>

#include "cluster/cluster.h"
#include "cluster/core/view.h"
#include "cluster/voting.h"
#include "interconnect/core/phi.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"

#define CLUSTER_LISTENERS_MAX 16u
#define CLUSTER_INBOX_MAX 4096u
#define CLUSTER_ASK_MS 300u /* a request to join or leave is repeated after this long */
#define CLUSTER_TICK_MS 500u /* steps are repeated to those who have not answered */
#define CLUSTER_SLOT_BEATS 5u /* heartbeat intervals between two writes of the own slot */
#define CLUSTER_LIVE_SLOTS 3u /* who has not changed its slot within so many writes does not live */
#define CLUSTER_HEARD_BEATS 5u /* heartbeat intervals after which a node is not heard */
#define CLUSTER_SLOT_GRACE_MS 20000u /* a node that cannot write its slot for so long stops; no lease hangs on it, and a busy disk syncs slowly */

/* A peer, as the heart sees it. */
struct watch {
    incarnation_t incarnation; /* 0: nobody */
    struct phi phi;
    enum member_health health;
    bool heard; /* at least once */
    uint64_t reported_ns; /* when its failure was last reported */
    uint64_t hears; /* what it said last */
};

/* What the voting file showed of a node. */
struct sighting {
    incarnation_t incarnation;
    uint64_t counter;
    uint64_t changed_ns; /* when the counter was last seen to change; 0: never */
    incarnation_t knocked; /* it tried to connect, and was not known */
};

struct mail {
    struct view_event ev;
    struct cluster_member member;
    struct cluster_view *view; /* or NULL */
    char text[160];
};

struct cluster {
    struct cluster_options opt;
    struct cluster_member self; /* constant after cluster_attach() */
    struct voting *voting;
    struct interconnect *ic;
    struct cluster_listener listeners[CLUSTER_LISTENERS_MAX];
    uint32_t listeners_n;
    struct rt_channel *inbox; /* struct mail */
    struct rt_channel *wake_slots; /* capacity 1 */
    struct fiber *membership, *heart, *slots;
    _Atomic bool stop;

    _Atomic uint64_t epoch; /* of view */
    struct rt_spin spin; /* of the next four */
    struct cluster_view view;
    struct watch watch[NODES_MAX + 1];
    struct sighting sighting[NODES_MAX + 1];
    uint64_t self_hears; /* what the membership fiber was told last */

    /* membership fiber alone */
    struct view_core *core;
    enum err (*recover)(void *arg, struct diag *d);
    void *recover_arg;
    bool forming;
    struct declaring {
        struct fiber *fiber; /* NULL: none runs */
        epoch_t epoch;
        struct cluster_view *view; /* what it declares */
        enum err err;
        struct diag d;
        _Atomic bool done; /* by the fiber, when err is there */
    } declaring;
    struct cluster_view *old; /* the view before the present one, for listeners */
    char waits_for[512];
    uint64_t waits_logged_ns;

    _Atomic bool fatal_said, joined_set, left_set;
    struct rt_future joined, left; /* value: enum err */
    char why[640]; /* set before either is set to an error */
};

/* cluster.c */
void cluster__post(struct cluster *c, const struct view_event *ev);
void cluster__post_view(struct cluster *c, const struct view_event *ev, struct cluster_view *view); /* takes the view, from malloc */
void cluster__fatal(struct cluster *c, const char *why); /* once; ends waits for joining and leaving too */
void cluster__set_joined(struct cluster *c, enum err err); /* once */
void cluster__set_left(struct cluster *c, enum err err); /* once */
/* Keeps sessions to the node and watches its heartbeats. */
void cluster__add_peer(struct cluster *c, const struct cluster_member *m);
void cluster__drop_peer(struct cluster *c, node_no node, incarnation_t incarnation);
uint64_t cluster__slot_interval_ns(const struct cluster *c);
/* Reads the voting file and notes who changes its slot. */
enum err cluster__scan(struct cluster *c, struct slot slots[NODES_MAX + 1], struct diag *d) MAY_YIELD MUST_CHECK;
bool cluster__slot_changes(struct cluster *c, const struct slot *s); /* it did a short while ago */

/* change.c: the membership fiber */
void cluster__membership_main(void *arg);

/* heart.c */
void cluster__heart_main(void *arg);
void cluster__on_heartbeat(void *arg, const struct ic_message *m);

/* slots.c */
void cluster__slots_main(void *arg);

#endif
