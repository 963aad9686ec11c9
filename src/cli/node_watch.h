/*
 * What the voting file says of a node's process: does it run, and if not,
 * how did it end. The file is on the shared storage, so this asks nobody.
 */
#ifndef CLI_NODE_WATCH_H
#define CLI_NODE_WATCH_H

#include "base/config.h"
#include "base/diag.h"
#include "cluster/cluster.h"

/* The incarnation of the node that has (or had last) the slot of this name. */
enum err node_watch_incarnation(const struct config *c, const char *name, incarnation_t *ret, struct diag *d) MUST_CHECK;

/* Waits until that incarnation's process has gone, having left the cluster as planned; an error says what it did instead. */
enum err node_watch_left(const struct config *c, const char *name, incarnation_t incarnation, uint32_t timeout_s, struct diag *d) MUST_CHECK;

#endif
