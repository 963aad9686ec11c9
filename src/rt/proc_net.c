/*
 * Sockets of a process: non-blocking calls first, and a wait for an epoll edge
 * where they would block. A descriptor is watched by the worker whose fiber
 * first has to wait for it; any worker's fibers may use it.
 */
#include "rt/proc_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

struct rt_conn {
    struct pollee *p;
    bool loopback;
    char peer[128];
};

struct rt_listener {
    struct pollee *p;
    char *unix_path; /* NULL: TCP */
    char address[128];
};

/* ---- pollees ---------------------------------------------------------------------- */

struct pollee *proc__pollee_open(int fd)
{
    struct pollee_pool *pool = &proc__self()->pollees;
    rt__lock(&pool->spin);
    struct pollee *p = pool->free;
    if (p != NULL) {
        pool->free = p->next_free;
    } else {
        p = xcalloc(1, sizeof(*p));
        if (pool->count == pool->cap) {
            pool->cap = pool->cap * 2 + 64;
            pool->all = xrealloc(pool->all, pool->cap * sizeof(struct pollee *));
        }
        pool->all[pool->count++] = p;
    }
    rt__unlock(&pool->spin);
    rt__lock(&p->spin);
    p->fd = fd;
    p->watcher = NULL;
    p->readable = p->writable = p->drained = p->hung_up = p->shut = false;
    rt__unlock(&p->spin);
    return p;
}

void proc__pollee_close(struct pollee *p)
{
    struct pollee_pool *pool = &proc__self()->pollees;
    rt__lock(&p->spin);
    assert(rt__q_empty(&p->readers));
    assert(rt__q_empty(&p->writers));
    p->generation++;
    rt__unlock(&p->spin);
    close(p->fd);
    rt__lock(&pool->spin);
    p->next_free = pool->free;
    pool->free = p;
    rt__unlock(&pool->spin);
}

void proc__pollees_fini(struct pollee_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        free(pool->all[i]);
    free(pool->all);
}

/* A pointer in the low 48 bits, the generation above. */
static uint64_t pollee_tag(const struct pollee *p)
{
    assert((uintptr_t)p >> 48 == 0);
    return (uintptr_t)p | (uint64_t)p->generation << 48;
}

static struct fiber **chain_waiters(struct rt_waitq *q, struct fiber **tail)
{
    for (struct fiber *f; (f = rt__q_pop(q)) != NULL; tail = &f->remote_next)
        *tail = f;
    return tail;
}

void proc__pollee_event(uint64_t tag, uint32_t events)
{
    struct pollee *p = (struct pollee *)(uintptr_t)(tag & ((UINT64_C(1) << 48) - 1));
    struct fiber *chain = NULL, **tail = &chain;
    const bool ends = (events & (EPOLLHUP | EPOLLERR)) != 0;
    rt__lock(&p->spin);
    if (p->generation == (uint16_t)(tag >> 48)) {
        p->hung_up |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (ends || (events & (EPOLLIN | EPOLLRDHUP)) != 0) {
            p->readable = true;
            tail = chain_waiters(&p->readers, tail);
        }
        if (ends || (events & EPOLLOUT) != 0) {
            p->writable = true;
            tail = chain_waiters(&p->writers, tail);
        }
    }
    *tail = NULL;
    rt__unlock(&p->spin);
    rt__ready_chain(chain);
}

static void watch(struct pollee *p)
{
    struct worker *w = rt__w();
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = pollee_tag(p) };
    if (epoll_ctl(proc__pw(w)->epoll_fd, EPOLL_CTL_ADD, p->fd, &ev) != 0)
        panic("epoll_ctl(ADD): %s", strerror(errno));
    p->watcher = w;
}

/* Returns at an edge that nobody has used, and uses it. */
static enum err wait_edge(struct pollee *p, bool read, uint64_t deadline, bool cancellable, const char *what)
{
    rt__lock(&p->spin);
    if (p->watcher == NULL)
        watch(p); /* tells at once what is ready already */
    bool *edge = read ? &p->readable : &p->writable;
    if (!*edge && !p->shut) {
        const enum err err = rt__wait(read ? &p->readers : &p->writers, &p->spin, deadline, cancellable, what);
        if (err != ERR_OK)
            return err;
        rt__lock(&p->spin);
    }
    *edge = false;
    if (read)
        p->drained = false;
    rt__unlock(&p->spin);
    return ERR_OK;
}

enum err proc__wait_readable(struct pollee *p, uint64_t deadline, bool cancellable, const char *what)
{
    return wait_edge(p, true, deadline, cancellable, what);
}

static void pollee_shut(struct pollee *p)
{
    struct fiber *chain = NULL;
    rt__lock(&p->spin);
    __atomic_store_n(&p->shut, true, __ATOMIC_RELAXED);
    *chain_waiters(&p->writers, chain_waiters(&p->readers, &chain)) = NULL;
    rt__unlock(&p->spin);
    shutdown(p->fd, SHUT_RDWR);
    rt__ready_chain(chain);
}

static bool is_shut(struct pollee *p)
{
    return __atomic_load_n(&p->shut, __ATOMIC_RELAXED);
}

/* ---- addresses ---------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static bool parse_port(const char *text, uint16_t *ret)
{
    char *end;
    const unsigned long port = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || port > 65535)
        return false;
    *ret = htons((uint16_t)port);
    return true;
}

static bool parse_address(const char *text, union address *a, socklen_t *ret_len)
{
    memset(a, 0, sizeof(*a));
    if (strncmp(text, "unix:", 5) == 0) {
        a->un.sun_family = AF_UNIX;
        *ret_len = sizeof(a->un);
        const size_t len = strlen(text + 5);
        if (len == 0 || len >= sizeof(a->un.sun_path))
            return false;
        memcpy(a->un.sun_path, text + 5, len);
        return true;
    }
    char host[64];
    const char *colon = strrchr(text, ':');
    const bool brackets = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - (brackets ? 2 : 0), text + brackets);
    uint16_t port;
    if (!parse_port(colon + 1, &port))
        return false;
    if (brackets) {
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = port;
        *ret_len = sizeof(a->in6);
        return inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1;
    }
    a->in4.sin_family = AF_INET;
    a->in4.sin_port = port;
    *ret_len = sizeof(a->in4);
    return inet_pton(AF_INET, host, &a->in4.sin_addr) == 1;
}

static void format_address(const union address *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    if (a->any.sa_family == AF_INET)
        snprintf(out, size, "%s:%u", inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof(host)), ntohs(a->in4.sin_port));
    else if (a->any.sa_family == AF_INET6)
        snprintf(out, size, "[%s]:%u", inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host)), ntohs(a->in6.sin6_port));
    else
        snprintf(out, size, "unix:%s", a->un.sun_path);
}

static bool address_is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->in4.sin_addr.s_addr) >> 24 == 127;
    if (a->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
    return true;
}

static enum err bad_address(const char *address, struct diag *d)
{
    return diag_set(d, ERR_PARAMETER_VALUE, "address \"%s\" is not \"host:port\" with a numeric host, nor \"unix:/path\"", address);
}

/* ---- listening ------------------------------------------------------------------------ */

/* The socket file that a dead process has left behind is in nobody's way. */
static int bind_address(int fd, const union address *a, socklen_t len)
{
    if (bind(fd, &a->any, len) == 0)
        return 0;
    if (errno != EADDRINUSE || a->any.sa_family != AF_UNIX)
        return -1;
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool dead = probe >= 0 && connect(probe, &a->any, len) != 0 && errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    if (!dead || unlink(a->un.sun_path) != 0) {
        errno = EADDRINUSE;
        return -1;
    }
    return bind(fd, &a->any, len);
}

enum err proc__listen(const char *address, struct rt_listener **ret, struct diag *d)
{
    union address a;
    socklen_t len = 0;
    if (!parse_address(address, &a, &len))
        return bad_address(address, d);
    const int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd < 0)
        return rt__errno(d, errno, "socket", address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind_address(fd, &a, len) != 0 || listen(fd, BACKLOG) != 0) {
        const enum err err = rt__errno(d, errno, "listen", address);
        close(fd);
        return err;
    }
    struct rt_listener *l = xcalloc(1, sizeof(*l));
    l->p = proc__pollee_open(fd);
    if (a.any.sa_family == AF_UNIX) {
        l->unix_path = xstrdup(a.un.sun_path);
    } else {
        len = sizeof(a);
        getsockname(fd, &a.any, &len);
    }
    format_address(&a, l->address, sizeof(l->address));
    *ret = l;
    return ERR_OK;
}

const char *proc__listener_address(const struct rt_listener *l)
{
    return l->address;
}

static struct rt_conn *conn_new(int fd, const union address *a)
{
    const int on = 1;
    if (a->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct rt_conn *c = xcalloc(1, sizeof(*c));
    c->p = proc__pollee_open(fd);
    c->loopback = address_is_loopback(a);
    format_address(a, c->peer, sizeof(c->peer));
    return c;
}

enum err proc__accept(struct rt_listener *l, struct rt_conn **ret, struct diag *d)
{
    for (;;) {
        if (is_shut(l->p))
            return diag_set(d, ERR_CLOSED, "address \"%s\": no longer listening", l->address);
        union address a;
        socklen_t len = sizeof(a);
        memset(&a, 0, sizeof(a));
        const int fd = accept4(l->p->fd, &a.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            *ret = conn_new(fd, &a);
            return ERR_OK;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN && !is_shut(l->p))
            return rt__errno(d, errno, "accept", l->address);
        const enum err err = wait_edge(l->p, true, RT_FOREVER, true, "connection (accept)");
        if (err != ERR_OK)
            return diag_set(d, err, "address \"%s\": accept: canceled", l->address);
    }
}

void proc__listener_close(struct rt_listener *l)
{
    pollee_shut(l->p);
    if (l->unix_path != NULL)
        unlink(l->unix_path);
    free(l->unix_path);
    l->unix_path = NULL;
}

void proc__listener_free(struct rt_listener *l)
{
    if (!is_shut(l->p))
        proc__listener_close(l);
    proc__pollee_close(l->p);
    free(l);
}

/* ---- connecting --------------------------------------------------------------------------- */

/* 0: connected, an errno, or EINPROGRESS. */
static int connect_result(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0)
        return error;
    union address peer;
    len = sizeof(peer);
    return getpeername(fd, &peer.any, &len) == 0 ? 0 : EINPROGRESS;
}

static enum err connect_error(const char *address, int error, struct diag *d)
{
    char text[128];
    return diag_set(d, ERR_CONNECTION, "address \"%s\": connect: %s", address, strerror_r(error, text, sizeof(text)));
}

enum err proc__connect(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d)
{
    union address a;
    socklen_t len = 0;
    if (!parse_address(address, &a, &len))
        return bad_address(address, d);
    const int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return rt__errno(d, errno, "socket", address);
    struct rt_conn *c = conn_new(fd, &a);
    int error = connect(fd, &a.any, len) == 0 ? 0 : errno;
    enum err err = ERR_OK;
    while (error == EINPROGRESS && err == ERR_OK) {
        err = wait_edge(c->p, false, deadline, true, "connection (connect)");
        if (err == ERR_OK)
            error = connect_result(fd);
    }
    if (err != ERR_OK)
        diag_set(d, err, "address \"%s\": connect: %s", address, err == ERR_TIMED_OUT ? "timed out" : "canceled");
    else if (error != 0)
        err = connect_error(address, error, d);
    if (err != ERR_OK)
        proc__conn_close(c);
    else
        *ret = c;
    return err;
}

/* The next wait adds it to the epoll of whoever waits. */
void proc__conn_adopt(struct rt_conn *c)
{
    struct pollee *p = c->p;
    rt__lock(&p->spin);
    if (p->watcher != NULL && p->watcher != rt__w()) {
        assert(rt__q_empty(&p->readers));
        assert(rt__q_empty(&p->writers));
        epoll_ctl(proc__pw(p->watcher)->epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
        p->generation++;
        p->watcher = NULL;
        p->drained = false;
    }
    rt__unlock(&p->spin);
}

/* ---- data ------------------------------------------------------------------------------------ */

static enum err stream_error(const struct rt_conn *c, int error, const char *what, struct diag *d)
{
    char text[128];
    return diag_set(d, ERR_CONNECTION_FAILURE, "connection with %s: %s: %s", c->peer, what,
                    strerror_r(error, text, sizeof(text)));
}

/* After a short read there is nothing more until an edge, unless the peer has ended the stream. */
static void note_short_read(struct pollee *p, bool is_short)
{
    rt__lock(&p->spin);
    p->drained = is_short && !p->hung_up;
    rt__unlock(&p->spin);
}

enum err proc__recv(struct rt_conn *c, void *buf, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d)
{
    struct pollee *p = c->p;
    bool wait = __atomic_load_n(&p->drained, __ATOMIC_RELAXED);
    for (;;) {
        if (wait) {
            const enum err err = wait_edge(p, true, deadline, true, "data from a connection");
            if (err != ERR_OK)
                return diag_set(d, err, "connection with %s: receive: %s", c->peer,
                                err == ERR_TIMED_OUT ? "timed out" : "canceled");
        }
        if (is_shut(p)) {
            *ret_got = 0;
            return ERR_OK;
        }
        const ssize_t n = recv(p->fd, buf, len, MSG_DONTWAIT);
        if (n >= 0) {
            if ((size_t)n < len && p->watcher != NULL)
                note_short_read(p, n > 0);
            *ret_got = (size_t)n;
            return ERR_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return stream_error(c, errno, "receive", d);
        wait = errno == EAGAIN;
    }
}

enum err proc__sendv(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d)
{
    size_t total = 0;
    for (unsigned i = 0; i < n; i++)
        total += iov[i].len;
    for (size_t sent = 0; sent < total;) {
        if (is_shut(c->p))
            return stream_error(c, EPIPE, "send", d);
        struct iovec batch[PROC_IOV_BATCH];
        const struct msghdr msg = { .msg_iov = batch, .msg_iovlen = proc__fill_batch(batch, iov, n, sent) };
        const ssize_t r = sendmsg(c->p->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r >= 0) {
            sent += (size_t)r;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return stream_error(c, errno, "send", d);
        (void)wait_edge(c->p, false, RT_FOREVER, false, "room in a connection");
    }
    return ERR_OK;
}

void proc__conn_shutdown(struct rt_conn *c)
{
    pollee_shut(c->p);
}

void proc__conn_close(struct rt_conn *c)
{
    proc__pollee_close(c->p);
    free(c);
}

const char *proc__conn_peer(const struct rt_conn *c)
{
    return c->peer;
}

bool proc__conn_is_loopback(const struct rt_conn *c)
{
    return c->loopback;
}
