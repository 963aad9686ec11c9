/*
 * What the two protocol cores of the global cache service share: modes,
 * messages, and the list of duties that a step hands back (models/gcs.pml).
 *
 * Both cores are pure: no clock, no I/O, no waits. The caller serialises all
 * steps about one block on one node, and carries messages between two nodes
 * about one block in order (R15); a message to oneself is carried out within
 * the same critical section, first in, first out.
 */
#ifndef GCS_CORE_PROTO_H
#define GCS_CORE_PROTO_H

#include "base/ids.h"

/* Ordered: what is at least GCS_SCUR answers for the current version, what is at least GCS_X may change it. */
enum gcs_mode {
    GCS_N, /* nothing held */
    GCS_S, /* clean read copy */
    GCS_SCUR, /* answers for the current version while others read; may hold changes that are not on disk */
    GCS_X, /* sole copy, same as the disk */
    GCS_XCUR, /* sole current copy, changed since disk */
};

enum gcs_want { GCS_WANT_NONE, GCS_WANT_S, GCS_WANT_X };

/* clang-format off */
#define GCS_TYPES(X) \
    /* name       sent by             meaning; fields used beside gno */ \
    X(REQ,       "node to master",    "wants `mode`; flag COPY_OK with scn = s and held = token") \
    X(FWD_S,     "master to holder",  "ship the block to `node` for reading") \
    X(FWD_X,     "master to owner",   "ship the block to `node` and give it up; flag CLEAR: nothing else to wait for") \
    X(INVAL,     "master to holder",  "drop the read copy with grant number `held`") \
    X(SHIP,      "holder to node",    "the block in `mode`; flags DIRTY, CLEAR; scn = version") \
    X(GRANT,     "master to node",    "`mode`, from the disk (at least version scn) or as held already (flag HELD)") \
    X(PROMOTE,   "master to node",    "the past image scn is the current version: become owner; flag SHARED: others read") \
    X(CLEAR,     "master to node",    "all invalidations are acknowledged") \
    X(INVACK,    "holder to master",  "read copy `held` dropped") \
    X(DONE,      "node to master",    "has it from `node`, which keeps a past image scn (0: none)") \
    X(NOHAVE,    "holder to master",  "does not have it") \
    X(EVICT,     "owner to master",   "gave grant `held` up; the disk has scn") \
    X(EVICT_S,   "holder to master",  "dropped read copy `held` some time ago") \
    X(WBDONE,    "owner to master",   "version scn is durable in place") \
    X(PIDROP,    "master to node",    "past images up to scn may go") \
    X(WRITE_ASK, "PI holder to master to owner", "please write the block: a past image scn waits for it") \
    X(COPY_ASK,  "master to owner",   "a mode-less copy for `node`'s reader at scn, answered with held = token") \
    X(COPY,      "owner to node",     "the copy; without block: ask for S") \
    X(DECLARE,   "node to new master", "holds `mode` by grant `held`; past image scn; gno = version on disk, if looked at") \
    X(DECLARED,  "node to new master", "that was all (no block)")
/* clang-format on */

enum gcs_type {
#define X(name, who, text) GCS_T_##name,
    GCS_TYPES(X)
#undef X
        GCS_TYPE_COUNT
};
const char *gcs_type_name(unsigned type);
const char *gcs_mode_name(unsigned mode);

enum {
    GCS_F_CLEAR = 1,
    GCS_F_DIRTY = 2,
    GCS_F_COPY_OK = 4,
    GCS_F_HELD = 8,
    GCS_F_SHARED = 16,
    GCS_F_BLOCK = 32, /* the block's bytes follow */
};

/* Fixed layout on the wire (little-endian), the block's bytes behind it where GCS_F_BLOCK says so. */
struct gcs_msg {
    uint8_t type; /* enum gcs_type */
    uint8_t mode; /* enum gcs_mode */
    uint8_t flags;
    node_no node;
    uint32_t spare;
    struct dba dba;
    epoch_t epoch; /* of the sender's tables: set under the same latch as they */
    uint64_t gno; /* number of the grant that this is about */
    uint64_t held; /* number of a grant held already; or a token */
    scn_t scn;
    scn_t version; /* DECLARE: of the copy held */
};
static_assert(sizeof(struct gcs_msg) == 56, "wire format");

/*
 * What cannot be in a message from that node to `self`, whatever the state: NULL, or what is wrong. `has_block`: bytes follow.
 * Steps rely on it: where a message goes on, `node` names another node.
 */
const char *gcs_msg_fault(const struct gcs_msg *m, node_no from, node_no self, bool has_block);

/* A message of an older view is void: what it says is declared or asked anew. Newer ones cannot come: installing precedes declaring everywhere. */
static inline bool gcs_msg_is_void(const struct gcs_msg *m, epoch_t epoch)
{
    return m->epoch < epoch && !MUTATED("R14_epoch");
}

/* Duties, in order. */
enum gcs_act_kind {
    GCS_SEND, /* msg to `to` */
    GCS_SEND_BLOCK, /* the same with the current copy's bytes */
    GCS_KEEP_PI, /* the current copy becomes the past image (a former one is dropped) */
    GCS_DROP, /* the current copy is gone */
    GCS_DROP_PI,
    GCS_PI_IS_CURRENT, /* the past image becomes the current copy */
    GCS_INSTALL, /* the received block is the copy now */
    GCS_FROM_DISK, /* the copy has to be read: at least version msg.scn */
    GCS_GRANTED, /* the mode has risen: serve who waits */
    GCS_REFUSED, /* the request was answered by a copy or not at all: look again */
    GCS_WRITE_NOW,
};

struct gcs_act {
    enum gcs_act_kind kind;
    node_no to;
    struct gcs_msg msg;
};

/* A step sends at most two messages a member (a past image dropped, a read copy invalidated) and a few more. */
#define GCS_ACTS_MAX (2 * NODES_MAX + 8)
struct gcs_out {
    uint32_t n;
    struct gcs_act act[GCS_ACTS_MAX];
};

static inline struct gcs_act *gcs_out_add(struct gcs_out *o, enum gcs_act_kind kind)
{
    assert(o->n < GCS_ACTS_MAX);
    struct gcs_act *a = &o->act[o->n++];
    *a = (struct gcs_act){ .kind = kind };
    return a;
}

static inline struct gcs_msg *gcs_out_send(struct gcs_out *o, enum gcs_act_kind kind, node_no to, enum gcs_type type)
{
    struct gcs_act *a = gcs_out_add(o, kind);
    a->to = to;
    a->msg.type = (uint8_t)type;
    return &a->msg;
}

#endif
