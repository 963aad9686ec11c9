/*
 * How a membership view is replaced by the next one: the coordinator's and the
 * member's part. docs/CLUSTER.md has the protocol as a table.
 *
 * The coordinator is the lowest member of the installed view. Where somebody
 * wants to join or leave it takes the next epoch, has it written durably, and
 * leads the members of the old and the new view through the steps FREEZE,
 * INSTALL, DECLARE and OPEN; each begins when all have finished the one
 * before. A coordinator that leaves still leads the change that excludes it.
 *
 * V1 An epoch is used only when it is durable, and is above every epoch that
 *    the voting file has shown.
 * V2 One coordinator leads at a time: the next one begins only after it has
 *    opened the view in which it is the lowest.
 * V3 A change never goes back: a failure starts it again at FREEZE with a
 *    newer epoch, and older epochs are ignored from then on.
 * V4 Members are incarnations: a node that comes back as another one has failed.
 * V5 Nobody is admitted whom a member of the new view does not hear, or who
 *    does not hear it.
 *
 * Pure: no clock, no I/O. One fiber owns it. It allocates in view_new() alone.
 */
#ifndef CLUSTER_CORE_VIEW_H
#define CLUSTER_CORE_VIEW_H

#include "cluster/cluster.h"

/* clang-format off */
#define VIEW_STEPS(X) \
    X(NONE,    "no step") \
    X(FREEZE,  "stop granting; requests are parked") \
    X(INSTALL, "the new epoch counts") \
    X(DECLARE, "tell the new masters what is held and wanted") \
    X(OPEN,    "go on") \
    X(OUT,     "to who has left: the view without you is installed everywhere")
/* clang-format on */
enum view_step {
#define X(name, text) VIEW_##name,
    VIEW_STEPS(X)
#undef X
        VIEW_STEP_COUNT
};
const char *view_step_name(enum view_step s);

enum view_event_type {
    VIEW_EV_FORM, /* nobody runs: a view of this node alone; epoch: the highest in the voting file */
    VIEW_EV_JOIN, /* member asks to join */
    VIEW_EV_LEAVE, /* from, incarnation: asks to leave; also for this node itself */
    VIEW_EV_STEP, /* from leads: step, epoch, view */
    VIEW_EV_DONE, /* from, incarnation has finished step of epoch */
    VIEW_EV_RAN, /* this node's listeners have finished step of epoch */
    VIEW_EV_ABORTED, /* they have given it up, because a change of a newer epoch has begun */
    VIEW_EV_EPOCH_WRITTEN, /* epoch is durable */
    VIEW_EV_FAILED, /* from, incarnation is confirmed dead; text says how that is known */
    VIEW_EV_HEARS, /* from, incarnation hears the nodes in heard (this node itself too) */
    VIEW_EV_TICK, /* now and then: repeats what may have been lost */
};

struct view_event {
    enum view_event_type type;
    node_no from;
    incarnation_t incarnation;
    enum view_step step;
    epoch_t epoch;
    uint64_t heard; /* bit n-1: node n */
    const struct cluster_member *member;
    const struct cluster_view *view;
    const char *text;
};

enum view_action_type {
    VIEW_DO_WRITE_EPOCH, /* make epoch durable, then VIEW_EV_EPOCH_WRITTEN */
    VIEW_DO_SEND_STEP, /* to: step of epoch, with view_target() */
    VIEW_DO_SEND_DONE, /* to: this node has finished step of epoch */
    VIEW_DO_RUN, /* run the listeners of step with view_target(), then VIEW_EV_RAN */
    VIEW_DO_JOINED, /* this node is a member of an open view */
    VIEW_DO_LEFT, /* a view without this node is installed, or it was the last */
    VIEW_DO_FATAL, /* this node cannot go on: view_fatal_text() */
};

struct view_action {
    enum view_action_type type;
    node_no to;
    enum view_step step;
    epoch_t epoch;
};

#define VIEW_ACTIONS_MAX (4u * NODES_MAX)
struct view_output {
    uint32_t n;
    struct view_action a[VIEW_ACTIONS_MAX]; /* to be done in this order */
};

struct view_core;
struct view_core *view_new(const struct cluster_member *self);
void view_free(struct view_core *v); /* accepts NULL */

void view_step(struct view_core *v, const struct view_event *ev, struct view_output *out);

const struct cluster_view *view_installed(const struct view_core *v); /* epoch 0: none */
const struct cluster_view *view_target(const struct view_core *v); /* of the change that this node is going through or leads */
bool view_is_changing(const struct view_core *v);
bool view_is_leaver(const struct view_core *v, node_no node); /* has announced its leave, or the change excludes it */
/* Members of the installed view and of a change: whose heartbeats matter. */
uint64_t view_participants(const struct view_core *v);
epoch_t view_epoch_max(const struct view_core *v);
const char *view_fatal_text(const struct view_core *v);
/* What the coordinator waits for, for the log; empty: nothing. */
void view_waits_for(const struct view_core *v, char *out, size_t bytes);

const struct cluster_member *cluster_view_find(const struct cluster_view *view, node_no node); /* NULL: not a member */

#endif
