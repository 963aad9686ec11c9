/*
 * Global enqueue service: locks by name, held by transactions or by the
 * instance, coherent on all nodes (design section 10).
 *
 * A node caches the mode that its master granted to it: a lock within the
 * cached mode sends nothing; the master asks for it back with a BAST.
 * TX resources live where their transaction lives: a transaction that nobody
 * waits for sends nothing.
 */
#ifndef GES_GES_H
#define GES_GES_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"

/* clang-format off */
#define GES_TYPES(X) \
    X(TX, "transaction: waiters for its end (xid)") \
    X(TM, "table (object id)") \
    X(SQ, "sequence (object id)") \
    X(HW, "space: free extents of a file, growth") \
    X(CF, "control file") \
    X(UL, "advisory lock") \
    X(RS, "rows locked FOR SHARE (segment, rowid)") \
    X(FK, "referenced keys") \
    X(DL, "data dictionary: object names being created or dropped (hash of the name)") \
    X(SG, "segment that is being created or freed (segment id)") \
    X(RQ, "row that several transactions want: who is next (segment id, rowid)")

#define GES_MODES(X) X(NL) X(CR) X(CW) X(PR) X(PW) X(EX)
/* clang-format on */

enum ges_type {
#define X(name, text) GES_##name,
    GES_TYPES(X)
#undef X
};
enum ges_mode {
#define X(name) GES_MODE_##name,
    GES_MODES(X)
#undef X
};

struct ges_resource {
    enum ges_type type;
    uint64_t id1, id2;
};

struct ges;
struct interconnect;
struct grd;

struct ges_options {
    struct interconnect *ic; /* NULL: alone */
    struct grd *grd;
    node_no self;
    struct log *log;
    uint32_t deadlock_timeout_ms; /* 1000: waits older than this are searched for cycles */
    uint32_t cache_max; /* cached node modes kept */
};
enum err ges_open(const struct ges_options *opt, struct ges **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void ges_close(struct ges *g) MAY_YIELD;

/* Who holds and waits: one a transaction (or session, or service). Locks of one owner never conflict with each other. */
struct ges_owner;
struct ges_owner *ges_owner_new(struct ges *g, const char *name);
void ges_owner_free(struct ges_owner *o); /* releases what it holds */
/* Its transaction: what others wait for when they wait for this owner's rows, and its age (the youngest is the victim). */
void ges_owner_set_xid(struct ges_owner *o, struct xid xid, uint64_t begun_scn);

/*
 * Locks or converts upwards. ERR_OK; ERR_LOCK_NOT_AVAILABLE (deadline passed; deadline 0 = at once, or as soon as the master has answered
 * and idle nodes have had the time to give a cached mode back: a quarter of a second); ERR_DEADLOCK (chosen as victim,
 * with PostgreSQL's detail text); ERR_CANCELED by rt_cancel(). Counted: each lock needs an unlock, or ges_unlock_all().
 */
enum err ges_lock(struct ges_owner *o, struct ges_resource res, enum ges_mode mode, uint64_t deadline, struct diag *d) MAY_YIELD MUST_CHECK;
void ges_unlock(struct ges_owner *o, struct ges_resource res, enum ges_mode mode);
/* All, or those taken since a mark (savepoints). */
uint64_t ges_mark(const struct ges_owner *o);
void ges_unlock_since(struct ges_owner *o, uint64_t mark);
void ges_unlock_all(struct ges_owner *o);

/*
 * Waits until transaction x (of any node) has ended. The caller has let go of all pins, and reads the row again afterwards. Registers
 * with x's node first; there x's status is read again after the registration, so no wake-up is lost.
 */
enum err ges_wait_txn(struct ges_owner *o, struct xid x, uint64_t deadline, struct diag *d) MAY_YIELD MUST_CHECK;
/* On x's node: x has ended, or has let go of some rows; wakes all who wait for it: they look at their row again. Cheap when nobody does. */
void ges_txn_ended(struct ges *g, struct xid x);
/* Is x, of this node, still active? Filled in by txn/ (called without locks held, must not wait). And which node runs a redo thread. */
struct ges_txn_hooks {
    void *arg;
    bool (*is_active)(void *arg, struct xid x);
    node_no (*node_of_thread)(void *arg, uint16_t thread);
};
void ges_set_txn_hooks(struct ges *g, const struct ges_txn_hooks *h);

/*
 * A view changes (cluster/cluster.h's steps): freeze stops granting and asking; install drops what this node was the master of; declare
 * tells the new masters what the node holds and waits for; open goes on. Locks within cached modes are granted throughout. Time-outs that
 * end during a freeze are extended.
 */
struct cluster_view;
void ges_freeze(struct ges *g);
void ges_install(struct ges *g, const struct cluster_view *view); /* after grd_install() */
enum err ges_declare(struct ges *g, struct diag *d) MAY_YIELD MUST_CHECK;
void ges_open_view(struct ges *g);

/* clang-format off */
#define GES_STATS(X) \
    X(locks,          COUNT, "locks asked for") \
    X(cached,         COUNT, "granted within a cached mode, without a message") \
    X(remote,         COUNT, "asked of a master on another node") \
    X(waits,          COUNT, "that had to wait") \
    X(wait_ns,        NS,    "time waited") \
    X(basts,          COUNT, "requests to give a cached mode back") \
    X(timeouts,       COUNT, "waits that ended by their deadline") \
    X(searches,       COUNT, "deadlock searches") \
    X(deadlocks,      COUNT, "cycles broken")
/* clang-format on */
struct ges_stats {
#define X(name, unit, text) uint64_t name;
    GES_STATS(X)
#undef X
};
void ges_stats(const struct ges *g, struct ges_stats *ret);

#endif
