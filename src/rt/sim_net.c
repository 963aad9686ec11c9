/*
 * The simulated network: streams between hosts.
 *
 * A link joins two ends. What one end sends travels as packets that arrive at
 * the other in order, each after a random delay. While two hosts are cut off
 * from each other their packets wait. A link ends in order (the peer sees the
 * end of the stream behind the data) or by a break (both ends see an error and
 * what was under way is lost).
 */
#include "rt/sim_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW_BYTES (256u * 1024u) /* sent and not yet read */
#define BACKLOG_MAX 1024u

struct link;

struct rt_conn { /* one end of a link */
    struct link *link;
    struct rt_conn *other;
    struct sim_host *host;
    bool open; /* its owner has not closed it */
    bool ended; /* the peer sends no more */
    bool shut; /* by its owner */
    bool broken;
    struct list packets; /* under way to this end */
    uint64_t last_arrival;
    size_t under_way; /* bytes in `packets` */
    struct buf data; /* arrived */
    size_t data_read; /* of it */
    struct rt_spin spin; /* the simulation has one thread; the wait functions want one */
    struct rt_waitq readers, writers;
    char peer[64];
};

enum link_state { LINK_CONNECTING, LINK_REFUSED, LINK_UP };

struct link {
    struct list all; /* sim.links */
    struct list accept; /* in the listener's queue */
    struct sim *sim;
    uint32_t refs; /* owners' ends and events */
    enum link_state state;
    uint32_t breaks; /* generation of the event that breaks it */
    bool stalled; /* the request to connect waits for the cut to heal */
    struct rt_conn end[2]; /* 0: who connected */
    struct rt_spin spin;
    struct rt_waitq connecting;
    uint32_t target_host;
    char target[128];
};

struct rt_listener {
    struct list link; /* sim_host.listeners */
    struct sim_host *host;
    char *key; /* "port" or "unix:/path" */
    char *address;
    bool closed;
    struct list backlog;
    uint32_t backlog_count;
    struct rt_spin spin;
    struct rt_waitq acceptors;
};

enum packet_kind { PACKET_DATA, PACKET_END, PACKET_RESET };

struct packet {
    struct list link;
    enum packet_kind kind;
    uint64_t at; /* arrives no earlier */
    size_t len;
    uint8_t bytes[];
};

#define SLOW_PACKET RT_MS(1)

static uint64_t net_delay(struct sim *s)
{
    return sim__range(s, RT_US(s->opt.net_delay_min_us), RT_US(s->opt.net_delay_max_us));
}

static bool is_cut(const struct link *l)
{
    return l->sim->cut[l->end[0].host->base.number][l->target_host];
}

/* ---- links ----------------------------------------------------------------------- */

static void drop_packets(struct rt_conn *c)
{
    for (struct list *l; (l = list_pop_front(&c->packets)) != NULL;)
        free(LIST_ENTRY(l, struct packet, link));
    c->under_way = 0;
}

static void link_unref(struct link *l)
{
    assert(l->refs > 0);
    if (--l->refs > 0)
        return;
    for (int i = 0; i < 2; i++) {
        drop_packets(&l->end[i]);
        buf_fini(&l->end[i].data);
    }
    list_remove(&l->all);
    list_remove(&l->accept);
    free(l);
}

static void wake_end(struct rt_conn *c)
{
    rt__wake_all(&c->readers, &c->spin);
    rt__wake_all(&c->writers, &c->spin);
}

static bool *broken_between(struct link *l)
{
    const uint32_t a = l->end[0].host->base.number, b = l->target_host;
    return &l->sim->broken[MIN(a, b)][MAX(a, b)];
}

static void link_break(struct link *l)
{
    if (l->state != LINK_UP)
        return;
    if (!l->end[0].broken) {
        l->sim->trouble.broken++;
        *broken_between(l) = true;
    }
    for (int i = 0; i < 2; i++) {
        struct rt_conn *c = &l->end[i];
        c->broken = true;
        LIST_FOREACH(p, &c->packets)
            l->sim->trouble.packets_lost++;
        drop_packets(c);
        buf_reset(&c->data);
        c->data_read = 0;
        wake_end(c);
    }
}

/* ---- random breaks ------------------------------------------------------------------ */

struct break_event {
    struct link *link;
    uint32_t generation;
};

static void break_now(struct sim *s, void *arg)
{
    struct break_event *b = arg;
    if (b->generation == b->link->breaks)
        link_break(b->link);
    link_unref(b->link);
    free(b);
}

/* The time to the break is exponentially distributed. */
static void plan_break(struct link *l)
{
    struct sim *s = l->sim;
    l->breaks++;
    if (s->opt.net_break_per_s <= 0)
        return;
    const double u = (double)(sim__random(s) >> 11) * 0x1p-53;
    const double seconds = -log(1.0 - u) / s->opt.net_break_per_s;
    if (seconds > 1e6)
        return;
    struct break_event *b = xmalloc(sizeof(*b));
    *b = (struct break_event){ .link = l, .generation = l->breaks };
    l->refs++;
    sim__event_at(s, sim__time(s) + (uint64_t)(seconds * 1e9), break_now, b);
}

void sim_set_net_break(struct sim *s, double per_s)
{
    s->opt.net_break_per_s = per_s;
    LIST_FOREACH(i, &s->links) {
        struct link *l = LIST_ENTRY(i, struct link, all);
        if (l->state == LINK_UP && !l->end[0].broken)
            plan_break(l);
    }
}

/* ---- packets -------------------------------------------------------------------------- */

static void deliver(struct sim *s, void *arg);

/* One event a packet; when it finds the hosts cut off, a new one is made as the cut heals. */
static void plan_delivery(struct rt_conn *to, struct packet *p)
{
    struct sim *s = to->link->sim;
    to->last_arrival = MAX(sim__time(s) + net_delay(s), to->last_arrival);
    s->trouble.packets_slow += to->last_arrival >= sim__time(s) + SLOW_PACKET;
    p->at = to->last_arrival;
    to->link->refs++;
    sim__event_at(s, p->at, deliver, to);
}

static void post(struct rt_conn *to, enum packet_kind kind, const struct rt_iov *iov, unsigned n, size_t skip, size_t len)
{
    struct packet *p = xmalloc(sizeof(*p) + len);
    p->kind = kind;
    p->len = 0;
    for (unsigned i = 0; i < n && p->len < len; i++) {
        if (skip >= iov[i].len) {
            skip -= iov[i].len;
            continue;
        }
        const size_t part = MIN(iov[i].len - skip, len - p->len);
        memcpy(p->bytes + p->len, (const uint8_t *)iov[i].p + skip, part);
        p->len += part;
        skip = 0;
    }
    to->under_way += p->len;
    list_push_back(&to->packets, &p->link);
    plan_delivery(to, p);
}

static void arrive(struct rt_conn *to, const struct packet *p)
{
    switch (p->kind) {
    case PACKET_DATA:
        if (to->open && !to->shut)
            buf_put(&to->data, p->bytes, p->len);
        else if (to->other->open && !to->other->broken)
            post(to->other, PACKET_RESET, NULL, 0, 0, 0);
        break;
    case PACKET_END:
        to->ended = true;
        break;
    case PACKET_RESET:
        to->broken = true;
        break;
    }
    wake_end(to);
}

static void deliver(struct sim *s, void *arg)
{
    struct rt_conn *to = arg;
    struct packet *p = list_empty(&to->packets) ? NULL : LIST_ENTRY(to->packets.next, struct packet, link);
    if (p != NULL && p->at <= s->now && !is_cut(to->link)) {
        list_remove(&p->link);
        to->under_way -= p->len;
        arrive(to, p);
        free(p);
    }
    link_unref(to->link);
}

static void connect_arrives(struct sim *s, void *arg);

static void heal_link(struct link *l)
{
    struct sim *s = l->sim;
    if (l->stalled) {
        l->stalled = false;
        l->refs++;
        sim__event_at(s, sim__time(s) + net_delay(s), connect_arrives, l);
    }
    for (int i = 0; i < 2; i++)
        LIST_FOREACH(p, &l->end[i].packets) {
            s->trouble.packets_held++;
            plan_delivery(&l->end[i], LIST_ENTRY(p, struct packet, link));
        }
}

void sim_partition(struct sim *s, uint32_t a, uint32_t b, bool cut)
{
    assert(a <= s->opt.hosts);
    assert(b <= s->opt.hosts);
    const bool was = s->cut[a][b];
    s->cut[a][b] = s->cut[b][a] = cut;
    if (cut || !was)
        return;
    LIST_FOREACH(i, &s->links) {
        struct link *l = LIST_ENTRY(i, struct link, all);
        const uint32_t from = l->end[0].host->base.number;
        if ((from == a && l->target_host == b) || (from == b && l->target_host == a))
            heal_link(l);
    }
}

void sim_break_connections(struct sim *s, uint32_t a, uint32_t b)
{
    LIST_FOREACH_SAFE(i, &s->links) {
        struct link *l = LIST_ENTRY(i, struct link, all);
        const uint32_t from = l->end[0].host->base.number;
        if ((from == a && l->target_host == b) || (from == b && l->target_host == a))
            link_break(l);
    }
}

/* ---- listening ----------------------------------------------------------------------------- */

/* The part of an address that names a listener on its host: the port, or the whole of "unix:/path". */
static const char *address_key(const char *address)
{
    const char *colon = strrchr(address, ':');
    return strncmp(address, "unix:", 5) == 0 || colon == NULL ? address : colon + 1;
}

static struct rt_listener *find_listener(struct sim_host *h, const char *key)
{
    LIST_FOREACH(i, &h->listeners) {
        struct rt_listener *l = LIST_ENTRY(i, struct rt_listener, link);
        if (!l->closed && strcmp(l->key, key) == 0)
            return l;
    }
    return NULL;
}

enum err sim__listen(const char *address, struct rt_listener **ret, struct diag *d)
{
    struct sim_host *h = sim__host();
    char key[128], full[128];
    snprintf(key, sizeof(key), "%s", address_key(address));
    while (strcmp(key, "0") == 0) {
        char port[16];
        snprintf(port, sizeof(port), "%u", h->next_port++);
        if (find_listener(h, port) == NULL)
            memcpy(key, port, sizeof(port));
    }
    if (find_listener(h, key) != NULL)
        return diag_set(d, ERR_IO, "address \"%s\": listen: Address already in use", address);
    if (strncmp(key, "unix:", 5) == 0)
        snprintf(full, sizeof(full), "%s", key);
    else
        snprintf(full, sizeof(full), "10.0.0.%u:%.100s", h->base.number, key);
    struct rt_listener *l = xcalloc(1, sizeof(*l));
    *l = (struct rt_listener){ .host = h, .key = xstrdup(key), .address = xstrdup(full) };
    list_init(&l->backlog);
    list_push_back(&h->listeners, &l->link);
    *ret = l;
    return ERR_OK;
}

const char *sim__listener_address(const struct rt_listener *l)
{
    return l->address;
}

static void conn_close(struct rt_conn *c, enum packet_kind how);

void sim__listener_close(struct rt_listener *l)
{
    l->closed = true;
    for (struct list *i; (i = list_pop_front(&l->backlog)) != NULL;)
        conn_close(&LIST_ENTRY(i, struct link, accept)->end[1], PACKET_RESET);
    l->backlog_count = 0;
    rt__wake_all(&l->acceptors, &l->spin);
}

void sim__listener_free(struct rt_listener *l)
{
    if (!l->closed)
        sim__listener_close(l);
    list_remove(&l->link);
    free(l->key);
    free(l->address);
    free(l);
}

enum err sim__accept(struct rt_listener *l, struct rt_conn **ret, struct diag *d)
{
    for (;;) {
        if (l->closed)
            return diag_set(d, ERR_CLOSED, "address \"%s\": no longer listening", l->address);
        struct list *first = list_pop_front(&l->backlog);
        if (first != NULL) {
            l->backlog_count--;
            *ret = &LIST_ENTRY(first, struct link, accept)->end[1];
            return ERR_OK;
        }
        rt__lock(&l->spin);
        const enum err err = rt__wait(&l->acceptors, &l->spin, RT_FOREVER, true, "connection (accept)");
        if (err != ERR_OK)
            return diag_set(d, err, "address \"%s\": accept: canceled", l->address);
    }
}

/* ---- connecting ------------------------------------------------------------------------------- */

static void end_init(struct link *l, int i, struct sim_host *h)
{
    struct rt_conn *c = &l->end[i];
    c->link = l;
    c->other = &l->end[1 - i];
    c->host = h;
    list_init(&c->packets);
    buf_init(&c->data);
}

static void link_establish(struct link *l, struct rt_listener *listener)
{
    l->state = LINK_UP;
    l->sim->trouble.reconnected += *broken_between(l);
    *broken_between(l) = false;
    l->end[1].open = true;
    l->refs++;
    list_push_back(&listener->backlog, &l->accept);
    listener->backlog_count++;
    rt__wake_all(&listener->acceptors, &listener->spin);
    plan_break(l);
}

static void connect_arrives(struct sim *s, void *arg)
{
    struct link *l = arg;
    if (is_cut(l)) {
        l->stalled = true;
    } else if (l->end[0].open) {
        struct rt_listener *listener = find_listener(&s->hosts[l->target_host], l->target);
        if (listener != NULL && listener->backlog_count < BACKLOG_MAX)
            link_establish(l, listener);
        else
            l->state = LINK_REFUSED;
        rt__wake_all(&l->connecting, &l->spin);
    }
    link_unref(l);
}

/* "10.0.0.<host>:<port>", or an address of this host itself. */
static enum err parse_target(struct sim *s, const char *address, uint32_t *ret_host, struct diag *d)
{
    unsigned host, port;
    if (sscanf(address, "10.0.0.%u:%u", &host, &port) == 2) {
        if (host > s->opt.hosts)
            return diag_set(d, ERR_CONNECTION, "address \"%s\": connect: No route to host", address);
        *ret_host = host;
    } else {
        *ret_host = sim__host()->base.number;
    }
    return ERR_OK;
}

enum err sim__connect(const char *address, uint64_t deadline, struct rt_conn **ret, struct diag *d)
{
    struct sim_host *h = sim__host();
    struct sim *s = h->sim;
    uint32_t target = 0;
    enum err err = parse_target(s, address, &target, d);
    if (err != ERR_OK)
        return err;
    struct link *l = xcalloc(1, sizeof(*l));
    l->sim = s;
    l->refs = 2; /* this end, the event */
    l->target_host = target;
    snprintf(l->target, sizeof(l->target), "%s", address_key(address));
    list_init(&l->accept);
    end_init(l, 0, h);
    end_init(l, 1, &s->hosts[target]);
    l->end[0].open = true;
    snprintf(l->end[0].peer, sizeof(l->end[0].peer), "%s", address);
    snprintf(l->end[1].peer, sizeof(l->end[1].peer), "10.0.0.%u:%u", h->base.number, h->next_port++ | 0x8000u);
    list_push_back(&s->links, &l->all);
    sim__event_at(s, sim__time(s) + net_delay(s) + net_delay(s), connect_arrives, l);

    rt__lock(&l->spin);
    err = rt__wait(&l->connecting, &l->spin, deadline, true, "connection (connect)");
    if (err == ERR_OK && l->state == LINK_UP) {
        *ret = &l->end[0];
        return ERR_OK;
    }
    if (err == ERR_OK)
        err = diag_set(d, ERR_CONNECTION, "address \"%s\": connect: Connection refused", address);
    else
        diag_set(d, err, "address \"%s\": connect: %s", address, err == ERR_TIMED_OUT ? "timed out" : "canceled");
    conn_close(&l->end[0], PACKET_RESET);
    return err;
}

/* ---- data ------------------------------------------------------------------------------------------ */

enum err sim__recv(struct rt_conn *c, void *p, size_t len, uint64_t deadline, size_t *ret_got, struct diag *d)
{
    for (;;) {
        if (c->broken)
            return diag_set(d, ERR_CONNECTION_FAILURE, "connection with %s: receive: Connection reset by peer", c->peer);
        const size_t have = c->data.len - c->data_read;
        if (have > 0 && !c->shut) {
            const size_t got = MIN(have, len);
            memcpy(p, c->data.p + c->data_read, got);
            c->data_read += got;
            if (c->data_read == c->data.len) {
                buf_reset(&c->data);
                c->data_read = 0;
            }
            rt__wake_all(&c->other->writers, &c->other->spin);
            *ret_got = got;
            return ERR_OK;
        }
        if (c->ended || c->shut) {
            *ret_got = 0;
            return ERR_OK;
        }
        rt__lock(&c->spin);
        const enum err err = rt__wait(&c->readers, &c->spin, deadline, true, "data from a connection");
        if (err != ERR_OK)
            return diag_set(d, err, "connection with %s: receive: %s", c->peer, err == ERR_TIMED_OUT ? "timed out" : "canceled");
    }
}

enum err sim__sendv(struct rt_conn *c, const struct rt_iov *iov, unsigned n, struct diag *d)
{
    size_t total = 0;
    for (unsigned i = 0; i < n; i++)
        total += iov[i].len;
    for (size_t sent = 0; sent < total;) {
        if (c->broken || c->shut)
            return diag_set(d, ERR_CONNECTION_FAILURE, "connection with %s: send: %s", c->peer,
                            c->broken ? "Connection reset by peer" : "Broken pipe");
        const struct rt_conn *to = c->other;
        const size_t waiting = to->under_way + (to->data.len - to->data_read);
        if (waiting < WINDOW_BYTES) {
            const size_t part = MIN(total - sent, WINDOW_BYTES - waiting);
            post(c->other, PACKET_DATA, iov, n, sent, part);
            sent += part;
            continue;
        }
        rt__lock(&c->spin);
        (void)rt__wait(&c->writers, &c->spin, RT_FOREVER, false, "room in a connection");
    }
    return ERR_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

void sim__conn_adopt(struct rt_conn *c)
{
}

void sim__conn_shutdown(struct rt_conn *c)
{
    if (!c->shut && !c->broken && c->other->open)
        post(c->other, PACKET_END, NULL, 0, 0, 0);
    c->shut = true;
    wake_end(c);
}

static void conn_close(struct rt_conn *c, enum packet_kind how)
{
    assert(c->open);
    c->open = false;
    if (c->link->state == LINK_UP && !c->broken && !c->shut && c->other->open)
        post(c->other, how, NULL, 0, 0, 0);
    link_unref(c->link);
}

void sim__conn_close(struct rt_conn *c)
{
    assert(rt__q_empty(&c->readers));
    assert(rt__q_empty(&c->writers));
    conn_close(c, PACKET_END);
}

const char *sim__conn_peer(const struct rt_conn *c)
{
    return c->peer;
}

bool sim__conn_is_loopback(const struct rt_conn *c)
{
    return c->host == c->other->host;
}

/* Called before the fibers go. A killed process's kernel still says goodbye; a host without power does not. */
void sim__net_kill(struct sim *s, struct sim_host *h, bool power_loss)
{
    LIST_FOREACH_SAFE(i, &h->listeners)
        sim__listener_free(LIST_ENTRY(i, struct rt_listener, link));
    LIST_FOREACH_SAFE(i, &s->links) {
        struct link *l = LIST_ENTRY(i, struct link, all);
        l->refs++;
        if (power_loss && (l->end[0].host == h || l->end[1].host == h))
            link_break(l);
        for (int k = 0; k < 2; k++)
            if (l->end[k].host == h && l->end[k].open)
                conn_close(&l->end[k], sim__chance(s, 2) ? PACKET_END : PACKET_RESET);
        link_unref(l);
    }
}

void sim__net_init(struct sim *s)
{
    list_init(&s->links);
}

void sim__net_fini(struct sim *s)
{
    assert(list_empty(&s->links));
}
