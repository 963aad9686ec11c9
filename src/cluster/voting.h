/*
 * The voting file: one slot a node, through which nodes find each other and
 * in which epochs are made durable. core/slot.h has its format.
 *
 * Locks are bytes of the file, held by open files: they go with the process.
 * A node holds the byte at its slot as long as it runs; VOTING_CLAIM is held
 * while a slot is claimed, VOTING_FORM while a first view is being formed.
 */
#ifndef CLUSTER_VOTING_H
#define CLUSTER_VOTING_H

#include "cluster/core/slot.h"
#include "rt/rt.h"

struct voting;

enum { VOTING_FORM = 0, VOTING_CLAIM = 1 };

/* Opens <dir>/control/voting; makes it where there is none. */
enum err voting_open(const char *dir, uint64_t cluster_id, struct voting **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void voting_close(struct voting *v) MAY_YIELD; /* accepts NULL; gives the slot's lock back */

/* Takes the slot of m->name, or a free one, and fills in m->node and m->redo_thread. ERR_LOCK_FILE: another process has it. */
enum err voting_claim(struct voting *v, struct cluster_member *m, struct diag *d) MAY_YIELD MUST_CHECK;

/* Writes the own slot, durably. epoch: raises what the slot says, never lowers it. Any fiber. */
enum err voting_write(struct voting *v, const struct cluster_member *m, enum slot_state state, epoch_t epoch,
                      struct diag *d) MAY_YIELD MUST_CHECK;
/* The own slot again, with the next counter. */
enum err voting_beat(struct voting *v, struct diag *d) MAY_YIELD MUST_CHECK;
enum slot_state voting_state(const struct voting *v);

/* All slots; [0] is unused. */
enum err voting_scan(struct voting *v, struct slot slots[NODES_MAX + 1], struct diag *d) MAY_YIELD MUST_CHECK;
epoch_t voting_epoch_max(const struct slot slots[NODES_MAX + 1]);

/* Does a process hold the node's slot? Asks by trying: the lock is free again when this returns. */
enum err voting_is_held(struct voting *v, node_no node, bool *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* *ret is NULL when somebody else holds it; else rt_close(*ret) gives it back. */
enum err voting_lock(struct voting *v, uint64_t byte, struct rt_file **ret, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
