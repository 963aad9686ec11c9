#include "cli/cli.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/node_watch.h"
#include "rt/rt.h"
#include "server/config_file.h"
#include "server/instance.h"

#define CONNECT_TIMEOUT "5"
#define STOP_TIMEOUT_S 60

/* ---- talking to a node as an SQL client ------------------------------------------------ */

/* A node that stops says so to all its clients, this one too. */
static void be_quiet(void *arg, const char *message) { }

static PGconn *connect_to(const char *address, struct diag *d)
{
    char host[128];
    const char *colon = strrchr(address, ':');
    const size_t len = colon ? (size_t)(colon - address) : 0;
    if (!colon || len >= sizeof host) {
        diag_set(d, ERR_CONFIG_FILE, "\"%s\" is not an address", address);
        return NULL;
    }
    const bool bracketed = len >= 2 && address[0] == '[';
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? len - 2 : len), address + bracketed);
    const char *const keys[] = { "host", "port", "user", "dbname", "connect_timeout", "application_name", NULL };
    const char *const values[] = { host, colon + 1, "rustydb", "rustydb", CONNECT_TIMEOUT, "rustydb-cli", NULL };
    PGconn *conn = PQconnectdbParams(keys, values, 0);
    if (PQstatus(conn) == CONNECTION_OK) {
        PQsetNoticeProcessor(conn, be_quiet, NULL);
        return conn;
    }
    char *why = PQerrorMessage(conn);
    why[strcspn(why, "\n")] = 0;
    diag_set(d, ERR_CONNECTION_FAILURE, "no answer from the node at %s: %s", address, why);
    PQfinish(conn);
    return NULL;
}

static PGresult *query(PGconn *conn, const char *sql, const char *param, struct diag *d)
{
    PGresult *r = PQexecParams(conn, sql, param ? 1 : 0, NULL, &param, NULL, NULL, 0);
    if (PQresultStatus(r) == PGRES_TUPLES_OK)
        return r;
    char *why = PQresultErrorMessage(r);
    why[strcspn(why, "\n")] = 0;
    diag_set(d, ERR_INTERNAL, "%s", why);
    PQclear(r);
    return NULL;
}

/* ---- status ------------------------------------------------------------------------------ */

static void print_status(PGresult *view, PGresult *members)
{
    printf("Cluster: %s\n", PQgetvalue(view, 0, 0));
    printf("Nodes: %d\n", PQntuples(members));
    for (int i = 0; i < PQntuples(members); i++)
        printf("  - %s (%s%s)\n", PQgetvalue(members, i, 0), PQgetvalue(members, i, 1), PQgetvalue(members, i, 2)[0] == 't' ? ", leader" : "");
    printf("GRD buckets: %s\n", PQgetvalue(view, 0, 1));
    printf("Cache Fusion: %s\n", PQgetvalue(view, 0, 2)[0] == 't' ? "ENABLED" : "DISABLED");
}

int cli_cluster_status(const struct config *c, struct diag *d)
{
    PGconn *conn = connect_to(c->listen_address, d);
    if (!conn)
        return cli_fail(d);
    PGresult *view = query(conn, "SELECT cluster_name, grd_buckets, cache_fusion FROM cluster_view", NULL, d);
    PGresult *members = view ? query(conn, "SELECT name, health, leader FROM cluster_members ORDER BY node", NULL, d) : NULL;
    int status = EXIT_FAILURE;
    if (members && PQntuples(view) == 1) {
        print_status(view, members);
        status = EXIT_SUCCESS;
    } else {
        cli_fail(d);
    }
    PQclear(members);
    PQclear(view);
    PQfinish(conn);
    return status;
}

/* ---- stop --------------------------------------------------------------------------------- */

/*
 * A node answers before it ends its sessions. Where its connection is lost all the same, it may have stopped as it was asked to (by us or
 * by somebody else): *ret_lost, and the voting file knows.
 */
static enum err ask_to_stop(PGconn *conn, const char *node, bool *ret_lost, struct diag *d)
{
    PGresult *r = query(conn, "SELECT rustydb_stop_node($1)", node, d);
    *ret_lost = !r && PQstatus(conn) == CONNECTION_BAD;
    if (!r)
        return ERR_CONNECTION_FAILURE;
    const bool found = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return found ? ERR_OK : diag_set(d, ERR_UNDEFINED_OBJECT, "there is no node \"%s\" in the cluster", node);
}

/* Only the asked node's own end may take the connection along. */
static enum err stop_node(const struct config *c, PGconn *conn, const char *name, bool is_asked, struct diag *d)
{
    incarnation_t incarnation;
    bool lost;
    enum err err = node_watch_incarnation(c, name, &incarnation, d);
    if (err)
        return err;
    err = ask_to_stop(conn, name, &lost, d);
    return err && !(lost && is_asked) ? err : node_watch_left(c, name, incarnation, STOP_TIMEOUT_S, d);
}

/* The asked node goes last: it passes the requests on. */
static enum err stop_members(const struct config *c, PGconn *conn, const char *only, struct diag *d)
{
    PGresult *members = query(conn, "SELECT name, this_node FROM cluster_members ORDER BY this_node, node", NULL, d);
    if (!members)
        return ERR_CONNECTION_FAILURE;
    enum err err = ERR_OK;
    bool any = false;
    for (int i = 0; i < PQntuples(members) && !err; i++) {
        const char *name = PQgetvalue(members, i, 0);
        if (only && strcmp(only, name) != 0)
            continue;
        any = true;
        err = stop_node(c, conn, name, PQgetvalue(members, i, 1)[0] == 't', d);
        if (!err)
            printf("%s stopped\n", name);
    }
    PQclear(members);
    return any || err ? err : diag_set(d, ERR_UNDEFINED_OBJECT, "there is no node \"%s\" in the cluster", only);
}

int cli_cluster_stop(const struct config *c, const char *node, struct diag *d)
{
    PGconn *conn = connect_to(c->listen_address, d);
    if (!conn)
        return cli_fail(d);
    enum err err = stop_members(c, conn, node, d);
    PQfinish(conn);
    return err ? cli_fail(d) : EXIT_SUCCESS;
}

/* ---- create -------------------------------------------------------------------------------- */

struct create_call {
    const struct config *config;
    struct diag *d;
    enum err err;
};

static void fatal(void *arg, const char *why)
{
    fprintf(stderr, "rustydb-cli: %s\n", why);
    _exit(EXIT_FAILURE);
}

static void to_stderr(void *arg, enum log_level level, const char *line, size_t len) { (void)!write(STDERR_FILENO, line, len); }
static uint64_t wall(void *arg) { return rt_wall_us(); }

static void create(void *arg)
{
    struct create_call *cc = arg;
    struct log *log = log_new("rustydb-cli", LOG_WARNING, to_stderr, wall, NULL);
    const struct instance_options io = { .config = cc->config, .log = log, .fatal = fatal };
    cc->err = instance_create_database(&io, cc->d);
    log_free(log);
}

int cli_cluster_create(const struct config *c, struct diag *d)
{
    struct create_call cc = { c, d, ERR_OK };
    const struct rt_options ro = config_rt_options(c);
    if (rt_run(&ro, create, &cc, d) || cc.err)
        return cli_fail(d);
    printf("created the database of cluster %s in %s\n", c->cluster_name, c->data_dir);
    return EXIT_SUCCESS;
}
