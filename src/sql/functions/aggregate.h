/*
 * The table of aggregates, and the shapes of their three functions.
 */
#ifndef SQL_FUNCTIONS_AGGREGATE_H
#define SQL_FUNCTIONS_AGGREGATE_H

#include "sql/functions/func.h"

extern const struct aggregate aggregate__table[];
extern const size_t aggregate__count;

#define AGG_ACCUMULATE(name)                                                                                                      \
    static enum err name##_accumulate(struct func_ctx *c, const struct sel *sel, void *const *states,                             \
                                      const struct vec *const *args, struct arena *group_arena)
#define AGG_COMBINE(name) static enum err name##_combine(struct func_ctx *c, void *into, const void *from, struct arena *group_arena)
#define AGG_FINISH(name) static enum err name##_finish(struct func_ctx *c, const void *state, union datum *ret, bool *ret_null)

#endif
