/*
 * The PostgreSQL protocol 3.0 (design section 12; docs/PROTOCOL.md): listens,
 * starts sessions, speaks simple and extended query, COPY, cancellation.
 *
 * A client's connection is one fiber. A backend's pid has the node number in
 * its high bits, so that a cancel request that reaches another node can be
 * forwarded.
 */
#ifndef PGWIRE_PGWIRE_H
#define PGWIRE_PGWIRE_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"

struct pgwire;
struct sql_engine;

struct pgwire_options {
    const char *address; /* the caller has checked that it is a loopback address: there is no authentication yet */
    node_no node;
    uint32_t max_connections;
    struct log *log;
    void *arg;
    /* Can this node serve? Asked before authentication; an error is sent as FATAL (57P03: clients try the next host). */
    enum err (*ready)(void *arg, struct diag *d);
    /* The engine, once ready() has said ERR_OK. */
    struct sql_engine *(*engine)(void *arg);
    /* A cancel request for a backend of another node. */
    void (*forward_cancel)(void *arg, node_no node, int32_t pid, uint32_t secret);
};

#define PGWIRE_MESSAGE_MAX (1u << 30) /* a message, as PostgreSQL */
#define PGWIRE_STARTUP_MAX 10000u

enum err pgwire_open(const struct pgwire_options *opt, struct pgwire **ret, struct diag *d) MAY_YIELD MUST_CHECK;
const char *pgwire_address(const struct pgwire *w); /* with the real port */
/* Ends all sessions with FATAL 57P01 and stops listening. */
void pgwire_close(struct pgwire *w) MAY_YIELD;
/* From the interconnect: cancels if pid and secret fit a backend of this node. Does not wait. */
void pgwire_cancel(struct pgwire *w, int32_t pid, uint32_t secret);
/*
 * For a statement whose effect would end its own session: fn runs, in this fiber, once the client has been sent the answer, or the session
 * has ended. It does not wait. At once where no session runs in this fiber.
 */
void pgwire_after_answer(struct pgwire *w, void (*fn)(void *arg), void *arg);
uint32_t pgwire_connections(const struct pgwire *w);

static inline node_no pgwire_pid_node(int32_t pid) { return (node_no)((uint32_t)pid >> 24); }

/* clang-format off */
#define PGWIRE_STATS(X) \
    X(accepted,      COUNT, "connections accepted") \
    X(refused,       COUNT, "connections refused: limit reached or node not ready") \
    X(garbage,       COUNT, "connections ended because of a malformed message") \
    X(cancels,       COUNT, "cancel requests")
/* clang-format on */
struct pgwire_stats {
#define X(name, unit, text) uint64_t name;
    PGWIRE_STATS(X)
#undef X
};
void pgwire_stats(const struct pgwire *w, struct pgwire_stats *ret);

#endif
