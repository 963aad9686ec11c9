/*
 * The messages of membership as bytes. Decoders check all that they read.
 */
#ifndef CLUSTER_CORE_VIEW_WIRE_H
#define CLUSTER_CORE_VIEW_WIRE_H

#include "base/buf.h"
#include "cluster/core/view.h"

/* VIEW_JOIN: a member. VIEW_STEP: step, epoch, view. VIEW_DONE: step, epoch. VIEW_LEAVE: nothing. */
void view_put_join(struct buf *b, const struct cluster_member *m);
enum err view_get_join(const uint8_t *p, size_t len, struct cluster_member *ret, struct diag *d) MUST_CHECK;
void view_put_step(struct buf *b, enum view_step step, epoch_t epoch, const struct cluster_view *view);
enum err view_get_step(const uint8_t *p, size_t len, enum view_step *ret_step, epoch_t *ret_epoch, struct cluster_view *ret,
                       struct diag *d) MUST_CHECK;
void view_put_done(struct buf *b, enum view_step step, epoch_t epoch);
enum err view_get_done(const uint8_t *p, size_t len, enum view_step *ret_step, epoch_t *ret_epoch, struct diag *d) MUST_CHECK;

#define VIEW_MEMBER_BYTES_MIN 14u /* with empty texts */
#define VIEW_MEMBER_BYTES_MAX (VIEW_MEMBER_BYTES_MIN + 63u + 127u + 127u)
#define VIEW_STEP_BYTES_MIN 10u /* an empty view */
#define VIEW_STEP_BYTES_MAX (VIEW_STEP_BYTES_MIN + NODES_MAX * VIEW_MEMBER_BYTES_MAX)
#define VIEW_DONE_BYTES 9u

#define HEARTBEAT_BYTES 32u
struct heartbeat {
    uint8_t state; /* enum slot_state */
    epoch_t epoch; /* installed */
    scn_t oldest_snapshot; /* rule R10 */
    uint64_t heard; /* whom the sender hears: bit n-1 is node n */
};
void heartbeat_put(uint8_t out[HEARTBEAT_BYTES], const struct heartbeat *h);
enum err heartbeat_get(const uint8_t *p, size_t len, struct heartbeat *ret, struct diag *d) MUST_CHECK;

#endif
