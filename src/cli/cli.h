/*
 * The tool's commands. Each prints its result and returns the exit status.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/diag.h"

int cli_fail(const struct diag *d); /* prints why */

int cli_cluster_status(const struct config *c, struct diag *d);
int cli_cluster_stop(const struct config *c, const char *node, struct diag *d); /* node NULL: all */
int cli_cluster_create(const struct config *c, struct diag *d);
int cli_check(const char *data_dir, struct diag *d);

#endif
