/*
 * Global cache service: which instance holds which block in which mode, and
 * the transfers between them (Cache Fusion; design section 9, models/gcs.pml).
 *
 * The buffer cache calls gcs_*() below; GCS calls the buffer cache through
 * struct gcs_cache, which storage/ fills in. Protocol cores (pure) are in
 * gcs/core/: master.c and holder.c.
 */
#ifndef GCS_GCS_H
#define GCS_GCS_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/scn.h"

struct gcs;
struct grd;
struct interconnect;
struct cluster_view;

struct gcs_options {
    struct interconnect *ic;
    struct grd *grd;
    struct scn_clock *scn;
    node_no self;
    struct log *log;
};
enum err gcs_open(const struct gcs_options *opt, struct gcs **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void gcs_close(struct gcs *g) MAY_YIELD;

/* The rest of this interface (requests of the buffer cache, struct gcs_cache, view changes, statistics with the phase timers build,
 * flush, pin, send, receive, wake-up) belongs to the owner of gcs/ and storage/bufcache. */

#endif
