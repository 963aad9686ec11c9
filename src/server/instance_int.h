/*
 * Shared within server/: the parts of an instance, in the order in which they
 * are opened.
 */
#ifndef SERVER_INSTANCE_INT_H
#define SERVER_INSTANCE_INT_H

#include <stdatomic.h>

#include "access/heap.h"
#include "access/sequence.h"
#include "base/arena.h"
#include "base/scn.h"
#include "catalog/catalog.h"
#include "cluster/cluster.h"
#include "gcs/gcs.h"
#include "ges/ges.h"
#include "grd/grd.h"
#include "interconnect/interconnect.h"
#include "pgwire/pgwire.h"
#include "recovery/recovery.h"
#include "redo/redo.h"
#include "rt/rt.h"
#include "server/instance.h"
#include "sql/session.h"
#include "storage/bufcache.h"
#include "storage/control.h"
#include "storage/files.h"
#include "storage/space.h"
#include "txn/txn.h"

struct instance {
    struct instance_options opt;
    const char *dir; /* config->data_dir */
    struct log *log;
    struct arena *arena; /* lives as long as the instance */
    incarnation_t incarnation;
    uint64_t cluster_id;
    struct scn_clock scn;

    /* the cluster's side */
    struct cluster *cluster;
    struct interconnect *ic;
    struct grd *grd;
    struct ges *ges;
    struct gcs *gcs;
    node_no node;
    bool first; /* formed the cluster: recovered the database */
    struct recovery_result recovered;
    bool recovered_blank[THREADS_MAX + 1]; /* threads among them that were opened and never used */

    /* the database's side */
    uint16_t thread;
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    struct space *space;
    struct txn_sys *ts;
    struct txn_sys *_Atomic peers_ts; /* ts, for hooks of the interconnect and of membership: NULL until it is open with peers */
    struct access *access;
    struct sequences *sequences;
    struct catalog *catalog;
    struct ges_owner *services; /* holds the CF enqueue and the like */
    struct rt_mutex control_lock; /* CF within the instance: it is its owner's, and nobody's while the instance recovers alone */

    /* the clients' side */
    struct sql_engine *engine;
    struct pgwire *wire;
    _Atomic bool serving;
    _Atomic bool stopping;
    struct rt_future stop_asked;
    struct rt_spin stop_spin;
    bool stop_was_asked;

    /* checkpoints */
    struct fiber *checkpointer;
    struct rt_mutex checkpoint_lock;
    struct rt_cond checkpoint_wake;
    bool checkpointer_stop;
    lsn_t checkpoint; /* as in the control file */
};

extern const struct redo_ops instance__redo_ops;

/* The database of this instance: what needs storage, on top of gcs (NULL: alone). `lsn` and `xid_seq`: where the thread goes on. */
struct thread_start {
    lsn_t lsn;
    uint64_t xid_seq;
    bool create_undo;
};
enum err instance__open_database(struct instance *in, const struct thread_start *start, struct diag *d) MAY_YIELD MUST_CHECK;
/* Writes all, closes the thread in the control file. Peers are still answered from memory ... */
enum err instance__close_database(struct instance *in, struct diag *d) MAY_YIELD MUST_CHECK;
/* ... until the interconnect is closed, and this frees the rest. */
void instance__free_database(struct instance *in) MAY_YIELD;
enum err instance__claim_thread(struct instance *in, struct thread_start *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The own thread was recovered: goes on behind it; its transactions are rolled back under its new owner. */
enum err instance__adopt_recovered_thread(struct instance *in, const struct recovery_thread *rt, struct thread_start *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err instance__control_update(struct instance *in, void (*change)(void *arg, struct control *c), void *arg, struct diag *d) MAY_YIELD MUST_CHECK;
enum err instance__checkpoint(struct instance *in, struct diag *d) MAY_YIELD MUST_CHECK;
void instance__fatal_diag(void *arg, const struct diag *d);

/*
 * Crash recovery of all unclosed threads, their unfinished transactions rolled back, before anybody may join (from cluster_join()). Nobody
 * else is there, so the database is opened without the cluster's services for it, and closed again.
 */
enum err instance__recover(void *arg, struct diag *d) MAY_YIELD;

enum err instance__read_secret(struct instance *in, const char **ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* admin.c: views, stop and cancel requests of other nodes */
void instance__register_views(struct instance *in);
void instance__register_handlers(struct instance *in);
enum err instance__stop_node(void *arg, const char *node_name, bool *ret_found, struct diag *d);
void instance__forward_cancel(void *arg, node_no node, int32_t pid, uint32_t secret);

#endif
