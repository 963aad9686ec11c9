/*
 * An instance put together: from configuration to serving clients, and back.
 * The server's main() runs one; the simulation runs several in one process.
 */
#ifndef SERVER_INSTANCE_H
#define SERVER_INSTANCE_H

#include "base/config.h"
#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"

struct instance;

struct instance_options {
    const struct config *config; /* outlives the instance */
    struct log *log;
    uint32_t tt_entries; /* of a transaction table that is created; 0: as usual. For tests. */
    /*
     * The instance cannot go on: a log or voting write failed, a member died. Says why; must not return (a server exits, the simulation
     * stops the host).
     */
    void (*fatal)(void *arg, const char *why);
    void *fatal_arg;
};

/*
 * Creates an empty database in the data directory: control file, secret, data file, system tables. ERR_LOCK_FILE when there is one.
 */
enum err instance_create_database(const struct instance_options *opt, struct diag *d) MAY_YIELD MUST_CHECK;

/* Joins the cluster (or forms and recovers it), opens the database, serves clients. Returns once it serves. */
enum err instance_start(const struct instance_options *opt, struct instance **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Ends the clients' sessions, writes everything, leaves the cluster; frees. */
enum err instance_stop(struct instance *in, struct diag *d) MAY_YIELD MUST_CHECK;

const char *instance_sql_address(const struct instance *in);
node_no instance_node(const struct instance *in);
/* Parks until another node (rustydb-cli cluster stop) has asked this one to stop, or instance_ask_stop() was called. */
void instance_wait_stop(struct instance *in) MAY_YIELD;
void instance_ask_stop(struct instance *in); /* from any fiber */

#endif
