#include "pgwire/pgwire.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "pgwire/connection.h"
#include "sql/session.h"

/* Connections that have not been admitted yet (starting up, cancel requests) may be this many more than max_connections. */
#define PGWIRE_STARTING_MAX 64u

struct pgwire {
    struct pgwire_options opt;
    struct rt_listener *listener;
    struct fiber *acceptor;
    struct rt_spin spin; /* guards all below, and each backend's session pointer */
    struct list backends;
    uint32_t connections; /* fibers */
    uint32_t admitted;
    uint32_t next_number; /* low 24 bits of the next pid */
    struct pgwire_stats stats;
    struct rt_mutex close_mutex;
    struct rt_cond closed; /* connections has become 0 */
};

const struct pgwire_options *pgwire_options(const struct pgwire *w) { return &w->opt; }
const char *pgwire_address(const struct pgwire *w) { return rt_listener_address(w->listener); }

bool pgwire_admit(struct pgwire *w, struct backend *be)
{
    rt_spin_lock(&w->spin);
    be->counted = w->admitted < w->opt.max_connections;
    w->admitted += be->counted;
    rt_spin_unlock(&w->spin);
    return be->counted;
}

void pgwire_set_session(struct pgwire *w, struct backend *be, struct session *s)
{
    rt_spin_lock(&w->spin);
    be->session = s;
    rt_spin_unlock(&w->spin);
}

void pgwire_cancel(struct pgwire *w, int32_t pid, uint32_t secret)
{
    rt_spin_lock(&w->spin);
    w->stats.cancels++;
    LIST_FOREACH(it, &w->backends) {
        struct backend *be = LIST_ENTRY(it, struct backend, link);
        if (be->pid == pid && be->secret == secret && be->session)
            session_cancel(be->session);
    }
    rt_spin_unlock(&w->spin);
}

void pgwire_after_answer(struct pgwire *w, void (*fn)(void *arg), void *arg)
{
    struct backend *self = NULL;
    rt_spin_lock(&w->spin);
    LIST_FOREACH(it, &w->backends) {
        struct backend *be = LIST_ENTRY(it, struct backend, link);
        if (be->fiber == rt_self())
            self = be;
    }
    rt_spin_unlock(&w->spin);
    if (!self) {
        fn(arg);
        return;
    }
    self->after_answer = fn;
    self->after_answer_arg = arg;
}

void pgwire_cancel_any(struct pgwire *w, int32_t pid, uint32_t secret)
{
    const node_no node = pgwire_pid_node(pid);
    if (node == w->opt.node)
        pgwire_cancel(w, pid, secret);
    else if (w->opt.forward_cancel)
        w->opt.forward_cancel(w->opt.arg, node, pid, secret);
}

void pgwire_count_garbage(struct pgwire *w)
{
    rt_spin_lock(&w->spin);
    w->stats.garbage++;
    rt_spin_unlock(&w->spin);
}

void pgwire_count_refused(struct pgwire *w)
{
    rt_spin_lock(&w->spin);
    w->stats.refused++;
    rt_spin_unlock(&w->spin);
}

static void backend_end(struct pgwire *w, struct backend *be)
{
    rt_conn_close(be->conn);
    rt_mutex_lock(&w->close_mutex);
    rt_spin_lock(&w->spin);
    list_remove(&be->link);
    w->connections--;
    w->admitted -= be->counted;
    const bool last = w->connections == 0;
    rt_spin_unlock(&w->spin);
    if (last)
        rt_cond_broadcast(&w->closed);
    rt_mutex_unlock(&w->close_mutex);
    free(be);
}

static void backend_fiber(void *arg)
{
    struct backend *be = arg;
    rt_spin_lock(&be->wire->spin);
    be->fiber = rt_self();
    rt_spin_unlock(&be->wire->spin);
    rt_conn_adopt(be->conn);
    if (!atomic_load(&be->shutdown)) /* set before now: nobody could cancel this fiber yet */
        connection_run(be);
    backend_end(be->wire, be);
}

/* A pid that no living backend has. */
static int32_t new_pid(struct pgwire *w)
{
    for (;;) {
        w->next_number = (w->next_number + 1) & 0xffffff;
        const int32_t pid = (int32_t)((uint32_t)w->opt.node << 24 | w->next_number);
        bool taken = w->next_number == 0;
        LIST_FOREACH(it, &w->backends)
            taken |= LIST_ENTRY(it, struct backend, link)->pid == pid;
        if (!taken)
            return pid;
    }
}

/* Too many at once to even hear what they want: closed without an answer. */
static void turn_away(struct pgwire *w, struct rt_conn *conn)
{
    pgwire_count_refused(w);
    rt_conn_close(conn);
}

static void accepted(struct pgwire *w, struct rt_conn *conn)
{
    struct backend *be = xcalloc(1, sizeof *be);
    be->wire = w;
    be->conn = conn;
    rt_random_bytes(&be->secret, sizeof be->secret);
    rt_spin_lock(&w->spin);
    const bool room = w->connections < w->opt.max_connections + PGWIRE_STARTING_MAX;
    if (room) {
        be->pid = new_pid(w);
        list_push_back(&w->backends, &be->link);
        w->connections++;
        w->stats.accepted++;
    }
    rt_spin_unlock(&w->spin);
    struct fiber *f = NULL;
    if (room)
        f = rt_spawn(&(struct rt_spawn_options){ .name = "client", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL }, backend_fiber, be);
    if (f) {
        rt_detach(f);
    } else if (room) {
        pgwire_count_refused(w);
        backend_end(w, be);
    } else {
        free(be);
        turn_away(w, conn);
    }
}

static void acceptor_fiber(void *arg)
{
    struct pgwire *w = arg;
    for (;;) {
        struct rt_conn *conn;
        struct diag d;
        diag_clear(&d);
        enum err err = rt_accept(w->listener, &conn, &d);
        if (err == ERR_CLOSED)
            return;
        if (err) { /* out of file descriptors, for instance: those who are connected go on */
            log_diag(w->opt.log, LOG_WARNING, &d, "accepting a client");
            rt_sleep(RT_MS(100));
            continue;
        }
        accepted(w, conn);
    }
}

enum err pgwire_open(const struct pgwire_options *opt, struct pgwire **ret, struct diag *d)
{
    struct pgwire *w = xcalloc(1, sizeof *w);
    w->opt = *opt;
    list_init(&w->backends);
    enum err err = rt_listen(opt->address, &w->listener, d);
    if (err) {
        free(w);
        return diag_wrap(d, err, "listening for clients on %s", opt->address);
    }
    w->acceptor = rt_spawn(&(struct rt_spawn_options){ .name = "client listener", .worker = 0, .prio = RT_PRIO_NORMAL }, acceptor_fiber, w);
    if (!w->acceptor)
        panic("no fiber for the client listener");
    *ret = w;
    return ERR_OK;
}

void pgwire_close(struct pgwire *w)
{
    rt_listener_close(w->listener);
    rt_join(w->acceptor);
    rt_spin_lock(&w->spin);
    LIST_FOREACH(it, &w->backends) {
        struct backend *be = LIST_ENTRY(it, struct backend, link);
        atomic_store(&be->shutdown, true);
        if (be->session)
            session_cancel(be->session);
        if (be->fiber)
            rt_cancel(be->fiber);
    }
    rt_spin_unlock(&w->spin);
    rt_mutex_lock(&w->close_mutex);
    for (;;) {
        rt_spin_lock(&w->spin);
        const uint32_t left = w->connections;
        rt_spin_unlock(&w->spin);
        if (left == 0)
            break;
        enum err err = rt_cond_wait(&w->closed, &w->close_mutex, RT_FOREVER, false);
        assert(err == ERR_OK);
    }
    rt_mutex_unlock(&w->close_mutex);
    rt_listener_free(w->listener);
    free(w);
}

uint32_t pgwire_connections(const struct pgwire *w)
{
    struct pgwire *m = (struct pgwire *)w;
    rt_spin_lock(&m->spin);
    const uint32_t n = m->admitted;
    rt_spin_unlock(&m->spin);
    return n;
}

void pgwire_stats(const struct pgwire *w, struct pgwire_stats *ret)
{
    struct pgwire *m = (struct pgwire *)w;
    rt_spin_lock(&m->spin);
    *ret = m->stats;
    rt_spin_unlock(&m->spin);
}
