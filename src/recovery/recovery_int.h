/*
 * The steps of recovery. Online recovery will use the same ones with another
 * choice of base images and another place to put the results.
 */
#ifndef RECOVERY_RECOVERY_INT_H
#define RECOVERY_RECOVERY_INT_H

#include "base/arena.h"
#include "base/hash.h"
#include "recovery/core/apply.h"
#include "recovery/core/set.h"
#include "recovery/recovery.h"
#include "rt/rt.h"
#include "storage/block.h"
#include "storage/control.h"
#include "storage/dw.h"
#include "storage/files.h"

/* The vectors of one part of the recovery set. */
struct rpart {
    struct arena *arena;
    struct u64map *blocks; /* dba -> struct rblock */
    struct rblock **list; /* in the order of their addresses */
    size_t n;
};

/* repair.c: after the analysis */
enum err recovery__repair_torn(const struct recovery_options *opt, struct recovery_result *r, const struct rset *set, struct diag *d) MAY_YIELD MUST_CHECK;

/* read.c */
enum err recovery__analyse(const struct recovery_options *opt, struct recovery_result *r, struct rset *set, struct diag *d) MAY_YIELD MUST_CHECK;
enum err recovery__gather(const struct recovery_options *opt, const struct recovery_result *r, const struct rset *set, uint32_t part,
                          uint32_t parts, struct rpart *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void recovery__part_fini(struct rpart *p);

/* write.c: applies one part; everything is durable in place when it returns. */
enum err recovery__apply_part(const struct recovery_options *opt, struct recovery_result *r, struct dw *dw, struct rpart *part,
                              struct diag *d) MAY_YIELD MUST_CHECK;

#endif
