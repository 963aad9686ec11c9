/*
 * A small client of the PostgreSQL protocol over rt sockets, for fibers.
 *
 * A server's error and the loss of the connection are results, never crashes.
 * A client belongs to one fiber. The result of a call lives until the next
 * call on the same client.
 */
#ifndef SIM_PG_CLIENT_H
#define SIM_PG_CLIENT_H

#include "base/base.h"

enum pg_status {
    PG_OK,
    PG_ERROR, /* the server answered with an error; the connection can be used */
    PG_LOST, /* the connection is gone: whatever was asked last may have happened or not */
};

struct pg_result {
    enum pg_status status;
    bool fatal; /* the server said why it ended the connection */
    char sqlstate[6]; /* of the first error; "" */
    char message[256];
    char tag[64]; /* of the last command: "UPDATE 1" */
    uint32_t nrows, ncols;
    const char *const *value; /* row by row; NULL: null */
};

struct pg_options {
    const char *address;
    uint64_t connect_timeout_ns;
    uint64_t answer_timeout_ns; /* a call that gets no answer for so long is given to on_stuck() */
    void (*on_stuck)(void *arg, const char *what);
    void *arg;
};

struct pg_client;

/* Returns NULL and fills in ret (PG_LOST, or a FATAL error with its SQLSTATE) where the node does not serve. */
struct pg_client *pg_connect(const struct pg_options *opt, struct pg_result *ret) MAY_YIELD;
void pg_close(struct pg_client *c) MAY_YIELD; /* accepts NULL */
/* 'I' idle, 'T' in a transaction, 'E' in a failed one. */
char pg_txn_status(const struct pg_client *c);
bool pg_is_lost(const struct pg_client *c);

/* Simple query, possibly of several statements; the rows are those of the last one that has any. */
enum pg_status pg_query(struct pg_client *c, struct pg_result *ret, const char *fmt, ...) PRINTF(3, 4) MAY_YIELD;
/* Unnamed statement with text parameters (NULL: null): Parse, Bind, Describe, Execute, Sync in one go. */
enum pg_status pg_query_params(struct pg_client *c, struct pg_result *ret, const char *sql, uint32_t n, const char *const *param) MAY_YIELD;
enum pg_status pg_prepare(struct pg_client *c, struct pg_result *ret, const char *name, const char *sql) MAY_YIELD;
enum pg_status pg_execute(struct pg_client *c, struct pg_result *ret, const char *name, uint32_t n, const char *const *param) MAY_YIELD;
/* COPY ... FROM STDIN. */
enum pg_status pg_copy_in(struct pg_client *c, struct pg_result *ret, const char *sql, const char *data, size_t len) MAY_YIELD;

static inline const char *pg_value(const struct pg_result *r, uint32_t row, uint32_t col) { return r->value[row * r->ncols + col]; }
int64_t pg_int(const struct pg_result *r, uint32_t row, uint32_t col); /* NULL: 0 */

#endif
