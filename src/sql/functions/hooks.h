/*
 * What functions ask of the session and the instance. The session fills the
 * table in; every member may be NULL, and then the function reports
 * "not supported here". Strings live as long as the statement.
 */
#ifndef SQL_FUNCTIONS_HOOKS_H
#define SQL_FUNCTIONS_HOOKS_H

#include "base/buf.h"
#include "base/diag.h"
#include "sql/types/type.h"

enum session_fact { FACT_CURRENT_USER, FACT_SESSION_USER, FACT_DATABASE, FACT_SCHEMA, FACT_VERSION, FACT_QUERY };

/* Texts and flags about one catalogue object. */
enum catalog_question {
    ASK_USER_NAME, /* pg_get_userbyid(oid) */
    ASK_INDEX_DEF, /* pg_get_indexdef(oid, n) */
    ASK_CONSTRAINT_DEF, /* pg_get_constraintdef(oid) */
    ASK_DESCRIPTION, /* obj_description(oid), col_description(oid, n) */
    ASK_TABLE_VISIBLE, /* pg_table_is_visible(oid): "t" or "f" */
    ASK_RELATION_SIZE, /* bytes, as decimal digits; n: 0 the table, 1 its indexes, 2 both */
    ASK_SERIAL_SEQUENCE, /* pg_get_serial_sequence(table, n-th column) */
};

struct func_hooks {
    double (*random)(void *arg); /* [0, 1) */
    void (*set_seed)(void *arg, double seed);
    int64_t (*wall_us)(void *arg); /* now, us since 2000-01-01 UTC */
    int64_t (*statement_us)(void *arg); /* when the statement arrived */
    int64_t (*start_us)(void *arg); /* when the instance started */
    const char *(*fact)(void *arg, enum session_fact what); /* NULL: none */
    int32_t (*backend_pid)(void *arg);
    bool (*in_recovery)(void *arg);
    int64_t (*txid_current)(void *arg);
    enum err (*sleep)(void *arg, int64_t us, struct diag *d) MAY_YIELD;
    /* Asks a node of the cluster to stop; *ret_found false: there is no such node. */
    enum err (*stop_node)(void *arg, const char *name, size_t len, bool *ret_found, struct diag *d);

    enum err (*nextval)(void *arg, oid_t sequence, int64_t *ret, struct diag *d) MAY_YIELD;
    enum err (*currval)(void *arg, oid_t sequence, int64_t *ret, struct diag *d);
    enum err (*lastval)(void *arg, int64_t *ret, struct diag *d);
    enum err (*setval)(void *arg, oid_t sequence, int64_t v, bool is_called, struct diag *d) MAY_YIELD;

    /* Appends the value; *ret_found false: no such setting (and missing_ok). */
    enum err (*current_setting)(void *arg, const char *name, size_t len, bool missing_ok, struct buf *b, bool *ret_found,
                                struct diag *d);
    enum err (*set_config)(void *arg, const char *name, size_t len, const char *value, size_t value_len, bool is_local,
                           struct buf *b, struct diag *d);
    /* Appends the answer; *ret_null true: there is none. */
    enum err (*ask_catalog)(void *arg, enum catalog_question what, oid_t oid, int64_t n, struct buf *b, bool *ret_null,
                            struct diag *d) MAY_YIELD;
};

#endif
