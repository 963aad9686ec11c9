/*
 * One node's side of one block: the mode it holds, what it has asked for, the
 * revocation that waits for pins, its past image (models/gcs.pml, "node").
 *
 * Pure. The caller keeps `pins`, `xpins` and `valid`, calls
 * gcs_holder_release() whenever one of them or a write in flight has changed,
 * and carries duties out in order, in the same critical section: copy,
 * downgrade and drop are one step.
 */
#ifndef GCS_CORE_HOLDER_H
#define GCS_CORE_HOLDER_H

#include "gcs/core/proto.h"

enum gcs_revoke { GCS_RV_NONE, GCS_RV_S, GCS_RV_X, GCS_RV_INVAL };

struct gcs_holder {
    uint8_t mode; /* enum gcs_mode */
    uint8_t want; /* enum gcs_want: a request is under way */
    uint8_t rv; /* enum gcs_revoke: held back until pins (and a write in flight) let it */
    node_no rv_node;
    bool rv_clear;
    bool dirty; /* changed since the version on disk, or since the write in flight began */
    bool valid; /* the copy's bytes are there (a grant from the disk has been read) */
    bool asked_copy; /* the request allows a mode-less copy */
    bool got, got_dirty; /* shipped in X, waits for CLEAR */
    bool must_write; /* a past image elsewhere waits for it: not given away in X before a write has begun (kept by the caller) */
    bool clr; /* CLEAR came before the block */
    node_no got_from;
    uint64_t got_gno;
    scn_t got_version;
    scn_t ask_scn;
    uint64_t ask_token; /* of the request under way: answers by copy name it */
    uint64_t gno; /* number of the grant held (R14) */
    uint64_t rv_gno;
    scn_t version; /* of the copy; the cache keeps it at the block's SCN */
    scn_t pi; /* version of the past image, 0: none */
    scn_t wip; /* version that is being written in place, 0: none */
    uint32_t pins, xpins; /* all pins; those that may change the block */
};

/* Who runs the steps. */
struct gcs_self {
    node_no self;
    node_no master; /* of this block */
};

static inline bool gcs_holder_has(const struct gcs_holder *h, enum gcs_want want)
{
    return h->mode >= (want == GCS_WANT_X ? GCS_X : GCS_S);
}

/* A new pin may be taken: the mode suffices and nobody is owed the block. */
static inline bool gcs_holder_may_pin(const struct gcs_holder *h, enum gcs_want want)
{
    return gcs_holder_has(h, want) && h->rv == GCS_RV_NONE;
}

/* Nothing is under way that needs this record; it may be forgotten (with its mode announced or GCS_N) */
static inline bool gcs_holder_idle(const struct gcs_holder *h)
{
    return h->want == GCS_WANT_NONE && h->rv == GCS_RV_NONE && !h->got && h->pins == 0 && h->wip == 0 && !h->dirty;
}

/* `want` must be none, and more than is held. s: with copy_ok, what the reader must see. */
void gcs_holder_ask(struct gcs_holder *h, const struct gcs_self *me, enum gcs_want want, bool copy_ok, scn_t s, uint64_t token,
                    struct gcs_out *out);
/* Returns NULL; or why the message (sound by itself: gcs_msg_fault()) cannot be here and now, and nothing has been done. */
const char *gcs_holder_recv(struct gcs_holder *h, const struct gcs_self *me, const struct gcs_msg *msg, node_no from,
                            struct gcs_out *out) MUST_CHECK;
/* Carries out a revocation that nothing holds back any more. may_ship: redo is durable up to the block's last change (R7). */
void gcs_holder_release(struct gcs_holder *h, const struct gcs_self *me, bool may_ship, struct gcs_out *out);
/* Would gcs_holder_release() ship, were the redo durable? */
bool gcs_holder_wants_ship(const struct gcs_holder *h);
/* The copy changes (under a pin in X). */
void gcs_holder_changed(struct gcs_holder *h);
/* An in-place write of the present version begins; it has been synced. */
void gcs_holder_write_begin(struct gcs_holder *h);
void gcs_holder_write_end(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out);
/* Gives up what is held: announced at once for an owner; for a read copy the caller announces *ret_notice (EVICT_S) later, or never. */
bool gcs_holder_may_evict(const struct gcs_holder *h);
void gcs_holder_evict(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out, uint64_t *ret_notice);
/* A new view: what was in transit is forgotten. */
void gcs_holder_view(struct gcs_holder *h);
/* With a past image and no ownership, the version on disk must be looked at: nobody writes the block unless he declares to own it. */
static inline bool gcs_holder_needs_disk(const struct gcs_holder *h) { return h->pi > 0 && h->mode < GCS_SCUR; }
/* disk: that version, or 0. A past image that the disk has overtaken goes. */
void gcs_holder_declare(struct gcs_holder *h, const struct gcs_self *me, scn_t disk, struct gcs_out *out);
void gcs_holder_ask_again(struct gcs_holder *h, const struct gcs_self *me, struct gcs_out *out);

#endif
