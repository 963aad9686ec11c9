/*
 * A client session: what the protocol layer drives. It parses, plans and
 * executes, holds the transaction, prepared statements, portals and settings,
 * and speaks to the client only through struct session_client.
 *
 * A session belongs to one fiber. Errors: the call returns and fills in d; an
 * open transaction is then in the failed state (25P02) as in PostgreSQL.
 */
#ifndef SQL_SESSION_H
#define SQL_SESSION_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "sql/functions/func.h"
#include "sql/types/type.h"

struct session;
struct catalog;
struct txn_sys;
struct ges;

/* What all sessions of an instance share. */
struct sql_options {
    struct catalog *catalog;
    struct txn_sys *ts;
    struct ges *ges;
    struct space *space;
    struct log *log;
    const char *database; /* "rustydb" */
    const char *node_name;
    const char *cluster_name, *data_dir; /* for SHOW */
    uint32_t max_connections;
    node_no node;
    uint64_t start_wall_us;
    const char *tmp_dir; /* local: spills */
    enum err (*checkpoint)(void *arg, struct diag *d); /* CHECKPOINT; NULL: nothing to do */
    void *checkpoint_arg;
    enum err (*stop_node)(void *arg, const char *node_name, bool *ret_found, struct diag *d); /* rustydb_stop_node(name) */
    void *stop_node_arg;
};
struct sql_engine; /* shared plan cache, time zones, settings' defaults */
enum err sql_engine_open(const struct sql_options *opt, struct sql_engine **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void sql_engine_close(struct sql_engine *e);

struct result_column {
    const char *name;
    oid_t table; /* 0: an expression */
    int16_t attnum;
    oid_t type;
    int32_t typmod;
};

/* Rows on their way to the client: columns as vectors. */
struct result_batch {
    const struct vec *const *col;
    uint32_t ncols;
    struct sel sel;
};

/* The protocol layer's side. Functions that send may park; an error (connection lost) ends the statement. */
struct session_client {
    void *arg;
    /* Simple protocol and EXPLAIN/SHOW: before the first batch. In the extended protocol Describe has done it and this is not called. */
    enum err (*columns)(void *arg, const struct result_column *col, uint32_t n, struct diag *d) MAY_YIELD;
    enum err (*rows)(void *arg, const struct result_column *col, const struct result_batch *b, const int16_t *formats, struct diag *d) MAY_YIELD;
    enum err (*complete)(void *arg, const char *tag, struct diag *d) MAY_YIELD; /* "INSERT 0 1" */
    enum err (*empty_query)(void *arg, struct diag *d) MAY_YIELD;
    enum err (*portal_suspended)(void *arg, struct diag *d) MAY_YIELD;
    enum err (*copy_in_begin)(void *arg, uint32_t ncols, bool binary, struct diag *d) MAY_YIELD;
    /* Next piece of COPY data, valid until the next call; *ret_len 0: the client has finished. ERR_CANCELED: CopyFail (message in d). */
    enum err (*copy_in_read)(void *arg, const uint8_t **ret, size_t *ret_len, struct diag *d) MAY_YIELD;
    enum err (*copy_out_begin)(void *arg, uint32_t ncols, bool binary, struct diag *d) MAY_YIELD;
    enum err (*copy_out)(void *arg, const uint8_t *p, size_t len, struct diag *d) MAY_YIELD; /* one row */
    enum err (*copy_out_end)(void *arg, struct diag *d) MAY_YIELD;
    void (*notice)(void *arg, const char *severity, const struct diag *notice); /* "WARNING", "NOTICE"; queued */
    void (*parameter_status)(void *arg, const char *name, const char *value); /* queued */
};

struct session_options {
    struct sql_engine *engine;
    const struct session_client *client;
    const char *user, *database;
    int32_t pid; /* node number in the high bits */
    const char *peer;
    uint32_t nsettings; /* from the startup message: name, value pairs */
    const char *const *settings;
};
/* ERR_CATALOG_NAME for another database, ERR_PARAMETER_VALUE / ERR_UNDEFINED_OBJECT for bad settings. */
enum err session_open(const struct session_options *opt, struct session **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void session_close(struct session *s) MAY_YIELD; /* rolls back what is open */

/* The 13 reported parameters, for the start: calls client->parameter_status for each. */
void session_report_parameters(struct session *s);

/* Simple query: all statements of the text, as one implicit transaction unless told otherwise. */
enum err session_simple_query(struct session *s, const char *sql, size_t len, struct diag *d) MAY_YIELD MUST_CHECK;

/* Extended protocol. Names: "" is the unnamed one. */
enum err session_parse(struct session *s, const char *name, const char *sql, size_t len, const oid_t *types, uint32_t ntypes, struct diag *d) MAY_YIELD MUST_CHECK;
struct session_param {
    const uint8_t *p;
    int32_t len; /* -1: NULL */
    int16_t format; /* 0 text, 1 binary */
};
enum err session_bind(struct session *s, const char *portal, const char *stmt, const struct session_param *params, uint32_t nparams,
                      const int16_t *result_formats, uint32_t nresult_formats, struct diag *d) MAY_YIELD MUST_CHECK;
/* Valid until the next call. *ret_cols NULL: it returns no rows. */
enum err session_describe_statement(struct session *s, const char *name, const oid_t **ret_params, uint32_t *ret_nparams,
                                    const struct result_column **ret_cols, uint32_t *ret_ncols, struct diag *d) MAY_YIELD MUST_CHECK;
enum err session_describe_portal(struct session *s, const char *name, const struct result_column **ret_cols, uint32_t *ret_ncols,
                                 const int16_t **ret_formats, struct diag *d) MAY_YIELD MUST_CHECK;
/* max_rows 0: all. Calls client->rows, then complete or portal_suspended. */
enum err session_execute(struct session *s, const char *portal, uint32_t max_rows, struct diag *d) MAY_YIELD MUST_CHECK;
void session_close_statement(struct session *s, const char *name);
void session_close_portal(struct session *s, const char *name);
enum err session_sync(struct session *s, struct diag *d) MAY_YIELD MUST_CHECK; /* commits the implicit transaction */
/* After an error outside of the calls above (protocol): the transaction fails. */
void session_fail(struct session *s);

/* How values are shown to this client (time zone, DateStyle, extra_float_digits). */
const struct type_ctx *session_type_ctx(const struct session *s);
char session_txn_status(const struct session *s); /* 'I', 'T' or 'E' */
/* From any worker: cancels the running statement (57014). */
void session_cancel(struct session *s);
uint64_t session_idle_timeout_ms(const struct session *s); /* idle_in_transaction_session_timeout where it applies; 0: none */

#endif
