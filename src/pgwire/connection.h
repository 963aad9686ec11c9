/*
 * One client connection: start-up, then messages until it ends. Runs in the
 * connection's fiber. Private to pgwire/.
 */
#ifndef PGWIRE_CONNECTION_H
#define PGWIRE_CONNECTION_H

#include "pgwire/pgwire.h"
#include "rt/rt.h"

/* A connection's entry in the registry; `spin` of the registry guards session. */
struct backend {
    struct pgwire *wire;
    struct rt_conn *conn;
    struct fiber *fiber;
    int32_t pid;
    uint32_t secret;
    struct session *session; /* NULL before it is open */
    bool counted; /* against max_connections */
    _Atomic bool shutdown; /* the server is closing: 57P01 */
    void (*after_answer)(void *arg); /* pgwire_after_answer(); the backend's own fiber */
    void *after_answer_arg;
    struct list link;
};

void connection_run(struct backend *be) MAY_YIELD;

/* The registry's side, for connection.c. */
const struct pgwire_options *pgwire_options(const struct pgwire *w);
bool pgwire_admit(struct pgwire *w, struct backend *be); /* false: max_connections are there */
void pgwire_set_session(struct pgwire *w, struct backend *be, struct session *s);
void pgwire_cancel_any(struct pgwire *w, int32_t pid, uint32_t secret); /* here or on another node */
void pgwire_count_garbage(struct pgwire *w);
void pgwire_count_refused(struct pgwire *w);

#endif
