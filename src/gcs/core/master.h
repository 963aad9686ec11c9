/*
 * A block's master: who holds it by which grant, who keeps past images, whose
 * turn it is (models/gcs.pml, "master"; gcs_crash.pml for views).
 *
 * One operation a block at a time: it begins when it leaves the queue, and
 * ends with the requester's DONE. Who holds the block already (converts) goes
 * before who does not; first come first served within each.
 *
 * Pure; memory for more than GCS_SLOTS_INLINE nodes comes from malloc.
 */
#ifndef GCS_CORE_MASTER_H
#define GCS_CORE_MASTER_H

#include "gcs/core/proto.h"

#define GCS_SLOTS_INLINE 4u

struct gcs_slot {
    node_no node;
    bool shares; /* holds a read copy by grant gno */
    uint8_t queued; /* enum gcs_want it waits for */
    uint64_t queued_at; /* order */
    uint64_t gno;
    scn_t pi; /* past image kept there; 0: none */
};

struct gcs_master {
    struct dba dba;
    node_no own; /* holds SCUR, X or XCUR; 0: nobody */
    node_no op_node;
    uint8_t op; /* enum gcs_want of the operation under way */
    bool source_asked; /* somebody has been asked to ship */
    bool write_asked; /* the next owner shall write */
    uint64_t own_gno, op_gno;
    uint64_t acks; /* read copies whose drop is awaited: bit node-1 */
    scn_t disk; /* the disk shows at least this version */
    uint64_t queue_seq;
    uint32_t nslots, slots_cap;
    struct gcs_slot *slots; /* inline_slots, or malloc'ed */
    struct gcs_slot inline_slots[GCS_SLOTS_INLINE];
};

struct gcs_master_env {
    node_no self;
    bool open; /* all declarations of the view are there */
    uint64_t *next_gno; /* rises over epochs too */
};

void gcs_master_init(struct gcs_master *m, struct dba dba);
void gcs_master_fini(struct gcs_master *m);
/*
 * REQ, INVACK, NOHAVE, DONE, EVICT, EVICT_S, WBDONE, WRITE_ASK, DECLARE.
 * Returns NULL; or why the message (sound by itself: gcs_msg_fault()) cannot be here and now, and nothing has been done.
 */
const char *gcs_master_recv(struct gcs_master *m, const struct gcs_master_env *env, const struct gcs_msg *msg, node_no from,
                            struct gcs_out *out) MUST_CHECK;
/* Nothing to remember. */
bool gcs_master_is_idle(const struct gcs_master *m);
/*
 * All declarations are there. Where nobody owns the block, makes the newest past image current if it is newer than the disk; lets those go
 * that the disk has overtaken; begins.
 */
void gcs_master_open(struct gcs_master *m, const struct gcs_master_env *env, struct gcs_out *out);

#endif
