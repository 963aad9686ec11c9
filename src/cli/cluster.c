#include "cli/cli.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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

static int ask_to_stop(PGconn *conn, const char *node, struct diag *d)
{
    PGresult *r = query(conn, "SELECT rustydb_stop_node($1)", node, d);
    const bool found = r && PQgetvalue(r, 0, 0)[0] == 't';
    if (r && !found)
        diag_set(d, ERR_UNDEFINED_OBJECT, "there is no node \"%s\" in the cluster", node);
    PQclear(r);
    return found ? EXIT_SUCCESS : cli_fail(d);
}

/* Until nobody serves there any more; 57P03 (shutting down) still counts as there. */
static bool wait_gone(const char *address)
{
    for (int i = 0; i < STOP_TIMEOUT_S * 10; i++) {
        struct diag d;
        PGconn *conn = connect_to(address, &d);
        if (!conn && !strstr(d.message, "shutting down"))
            return true;
        PQfinish(conn);
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
    return false;
}

/* The asked node goes last: it passes the requests on. */
static int stop_members(PGconn *conn, const char *only, struct diag *d)
{
    PGresult *members = query(conn, "SELECT name, sql_address FROM cluster_members ORDER BY this_node, node", NULL, d);
    if (!members)
        return cli_fail(d);
    int status = EXIT_SUCCESS;
    bool any = false;
    for (int i = 0; i < PQntuples(members) && status == EXIT_SUCCESS; i++) {
        const char *name = PQgetvalue(members, i, 0), *address = PQgetvalue(members, i, 1);
        if (only && strcmp(only, name) != 0)
            continue;
        any = true;
        status = ask_to_stop(conn, name, d);
        if (status == EXIT_SUCCESS && !wait_gone(address)) {
            diag_set(d, ERR_TIMED_OUT, "node %s has not stopped within %d seconds", name, STOP_TIMEOUT_S);
            status = cli_fail(d);
        }
        if (status == EXIT_SUCCESS)
            printf("%s stopped\n", name);
    }
    if (!any) {
        diag_set(d, ERR_UNDEFINED_OBJECT, "there is no node \"%s\" in the cluster", only);
        status = cli_fail(d);
    }
    PQclear(members);
    return status;
}

int cli_cluster_stop(const struct config *c, const char *node, struct diag *d)
{
    PGconn *conn = connect_to(c->listen_address, d);
    if (!conn)
        return cli_fail(d);
    const int status = stop_members(conn, node, d);
    PQfinish(conn);
    return status;
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
