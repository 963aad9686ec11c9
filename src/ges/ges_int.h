/*
 * What the files of ges/ share. Latches in this order: a local shard, a master shard, a tx shard, waits_spin, outbox_spin; the interconnect's own.
 */
#ifndef GES_INT_H
#define GES_INT_H

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"
#include "cluster/cluster.h"
#include "ges/core/deadlock.h"
#include "ges/core/lockq.h"
#include "ges/core/master.h"
#include "ges/core/wire.h"
#include "ges/ges.h"
#include "grd/grd.h"
#include "interconnect/interconnect.h"
#include "rt/rt.h"

#define SHARDS 64u
#define SHARD_BUCKETS 1024u

/* ---- this node's side of a resource (local.c) ------------------------------------------- */

struct lres {
    struct lres *next; /* in its bucket */
    struct list lru; /* while nobody here holds or wants it */
    struct ges_resource res;
    uint64_t hash;
    struct lq q; /* owners */
    uint8_t cached; /* what the master has granted to this node; alone: EX */
    uint8_t asked; /* what the master has been asked for; NL: nothing */
    uint8_t blocks; /* mode that another node wants and that the cached one is in the way of; NL: none */
    uint8_t turns; /* new requests granted here while `blocks` said that another node waits */
    uint64_t grant_no;
};
struct hold { /* one owner's on one resource */
    struct lq_entry e;
    struct lres *res;
    struct ges_owner *o;
    uint32_t refs; /* log entries */
    uint32_t last; /* index of the newest one */
    struct hold *next; /* free list; or the same hash in the owner's index */
};
struct lshard {
    _Alignas(64) struct rt_spin spin;
    struct lres *bucket[SHARD_BUCKETS];
    struct list idle; /* least recently used first */
    uint32_t nidle;
    struct hold *free_holds;
    struct lres *free_res;
};

/* ---- the master's side (global.c) ------------------------------------------------------------ */

struct mres {
    struct mres *next;
    struct ges_resource res;
    struct gm_res gm;
};
struct mshard {
    _Alignas(64) struct rt_spin spin;
    struct mres *bucket[SHARD_BUCKETS];
};

/* ---- waits for transactions (tx.c) ------------------------------------------------------------- */

struct tx_wait {
    struct list link; /* bucket */
    struct xid x;
    struct ges_owner *o; /* a waiter of this node; NULL: another node's ... */
    node_no node; /* ... this one's ... */
    uint64_t id; /* ... which knows it by this */
};
struct tshard {
    _Alignas(64) struct rt_spin spin;
    struct list bucket[64];
};

/* ---- owners ---------------------------------------------------------------------------------------- */

struct log_entry {
    struct hold *h;
    uint8_t mode;
    uint32_t count;
    uint64_t seq;
};
enum wait_kind { WAIT_LOCK, WAIT_TX };
struct ges_owner {
    struct ges *g;
    const char *name;
    uint64_t id; /* node in the high byte */
    struct xid xid;
    uint64_t begun;
    struct log_entry *log; /* what it has locked, in order */
    uint32_t nlog, log_cap, nholds;
    uint64_t seq, last_mark;
    struct u64map *index; /* hash of the resource -> struct hold, where there are many */
    /* while it waits */
    struct list wait_link; /* g->waits */
    enum wait_kind wait_kind; /* waits_spin */
    struct hold *wait_hold; /* waits_spin */
    struct xid wait_x; /* waits_spin */
    struct ges_resource wait_res; /* waits_spin */
    uint8_t wait_mode; /* waits_spin */
    uint64_t wait_seq, wait_since; /* waits_spin */
    bool wait_elsewhere; /* for a transaction of another node */
    bool woken; /* waits_spin: the future is set */
    char *detail; /* waits_spin: of the deadlock */
    struct rt_future future;
};

struct out_message {
    struct list link;
    node_no node;
    enum ic_kind kind;
    uint32_t len;
    uint8_t p[];
};

#define COUNTER_LANES 16u
struct ges_counters {
#define X(name, unit, text) _Atomic uint64_t name;
    _Alignas(64) GES_STATS(X)
#undef X
};

struct search_answer;
struct ges {
    struct ges_options opt;
    struct lshard *local;
    struct mshard *master;
    struct tshard *tx;
    _Atomic uint32_t ntx; /* waiters for this node's transactions, all shards */
    struct ges_txn_hooks hooks;
    bool have_hooks;
    _Atomic uint64_t next_owner;

    struct rt_spin waits_spin;
    struct list waits; /* waits_spin: owners */
    uint32_t nwaits; /* waits_spin */
    uint64_t wait_seq; /* waits_spin */

    _Atomic bool frozen;
    _Atomic bool clustered; /* there are other members */
    _Atomic epoch_t epoch;
    struct rt_spin view_spin;
    struct cluster_view view; /* view_spin */
    uint64_t declared; /* view_spin: members (bits) that have received all of this node's declarations */

    struct rt_spin outbox_spin;
    struct list outbox; /* outbox_spin: what the interconnect refused, in order */
    _Atomic uint32_t noutbox;

    struct fiber *service;
    struct rt_mutex service_mutex;
    struct rt_cond service_cond;
    bool closing; /* service_mutex */

    _Atomic bool search_wanted;
    struct rt_spin search_spin;
    uint64_t search_id; /* search_spin */
    struct list answers; /* search_spin: struct search_answer */
    uint32_t answered; /* search_spin: records in them */
    node_no question_node; /* search_spin: the coordinator has asked; 0: nobody */
    uint64_t question_id; /* search_spin */
    uint64_t next_search; /* service fiber */
    struct ges_counters stats[COUNTER_LANES]; /* by worker */
};

#define GES_COUNT(g, name, n) atomic_fetch_add_explicit(&(g)->stats[rt_worker() % COUNTER_LANES].name, (n), memory_order_relaxed)

static inline uint64_t ges_hash(const struct ges_resource *r)
{
    return hash_u64(r->id1 * UINT64_C(0x9e3779b97f4a7c15) ^ hash_u64(r->id2 ^ (uint64_t)r->type << 56));
}
static inline bool ges_same(const struct ges_resource *a, const struct ges_resource *b)
{
    return a->type == b->type && a->id1 == b->id1 && a->id2 == b->id2;
}

void ges_send(struct ges *g, node_no node, enum ic_kind kind, const void *p, uint32_t len);
void ges_send_wire(struct ges *g, node_no node, enum ic_kind kind, const struct ges_wire *w);
void ges_flush_outbox(struct ges *g);
node_no ges_master_of(struct ges *g, const struct ges_resource *r); /* 0: not known yet */

/* local.c */
void local_granted(struct ges *g, const struct ges_resource *r, enum ges_mode mode, uint64_t grant_no);
void local_blocks(struct ges *g, const struct ges_resource *r, enum ges_mode want, uint64_t grant_no);
void local_declare(struct ges *g);
void local_ask_again(struct ges *g); /* after a freeze */
void local_fini(struct ges *g);
void local_own_all(struct ges *g); /* alone again */
void local_join_cluster(struct ges *g); /* what was cached alone is what is held now */

/* global.c */
void global_on_request(struct ges *g, node_no from, const struct ges_wire *w);
void global_on_cancel(struct ges *g, node_no from, const struct ges_wire *w);
bool global_on_release(struct ges *g, node_no from, const struct ges_wire *w); /* false: not what the node holds */
bool global_on_declare(struct ges *g, node_no from, const struct ges_wire *w); /* false: others hold what conflicts with that */
void global_open(struct ges *g);
void global_drop(struct ges *g);
unsigned global_queue(struct ges *g, const struct ges_resource *r, node_no *ret, unsigned max);

/* tx.c */
void tx_init(struct ges *g);
void tx_on_request(struct ges *g, node_no from, const struct ges_wire *w);
void tx_on_granted(struct ges *g, const struct ges_wire *w);
void tx_on_cancel(struct ges *g, node_no from, const struct ges_wire *w);
void tx_install(struct ges *g);
void tx_open(struct ges *g);
void tx_fini(struct ges *g);

/* wait.c */
void wait_begin(struct ges_owner *o, enum wait_kind kind, struct hold *h, struct xid x, enum ges_mode mode);
enum err wait_run(struct ges_owner *o, uint64_t deadline, struct diag *d) MAY_YIELD; /* ERR_OK, ERR_TIMED_OUT, ERR_CANCELED, ERR_DEADLOCK */
void wait_end(struct ges_owner *o);
void wait_wake(struct ges *g, struct ges_owner *o, int64_t value); /* nothing where it has been woken already */
bool wait_kill(struct ges *g, uint64_t owner, uint64_t wait_seq, const char *detail);

/* search.c */
void search_init(struct ges *g);
void search_fini(struct ges *g);
void search_round(struct ges *g) MAY_YIELD; /* service fiber */

#endif
