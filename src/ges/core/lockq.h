/*
 * The queues of one resource: who holds it in which mode, who converts, who waits. VMS's modes and rules: conversions before new requests,
 * first-in first-out within each, no jumping; only a conversion comes before those that cannot be granted while its owner holds what it holds
 * (nobody is delayed by that, and it is no deadlock). Used twice: by a node for its owners, and by a resource's master for nodes.
 *
 * Pure: no clock, no I/O, no allocation; entries belong to the caller.
 */
#ifndef GES_CORE_LOCKQ_H
#define GES_CORE_LOCKQ_H

#include "base/list.h"
#include "ges/ges.h"

#define GES_MODE_COUNT 6

bool ges_compatible(enum ges_mode a, enum ges_mode b);
enum ges_mode ges_sup(enum ges_mode a, enum ges_mode b); /* weakest mode that is as strong as both: CW and PR give PW */
bool ges_covers(enum ges_mode have, enum ges_mode want);
const char *ges_mode_name(enum ges_mode m);

enum lq_where { LQ_NOWHERE, LQ_GRANTED, LQ_CONVERTING, LQ_WAITING };
struct lq_entry {
    struct list link;
    uint8_t mode; /* held; NL where it waits */
    uint8_t want; /* while it converts or waits */
    uint8_t where; /* enum lq_where */
};
static inline bool lq_holds(const struct lq_entry *e) { return e->where == LQ_GRANTED || e->where == LQ_CONVERTING; }

struct lq {
    struct list granted, converting, waiting;
    uint32_t count[GES_MODE_COUNT]; /* entries that hold each mode, converting ones too */
};

void lq_init(struct lq *q);
bool lq_empty(const struct lq *q);
bool lq_has_waiters(const struct lq *q);
enum ges_mode lq_held(const struct lq *q); /* sup of all held modes */

void lq_ask(struct lq *q, struct lq_entry *e, enum ges_mode want); /* new, or converts upwards; then lq_run() */
void lq_grant(struct lq *q, struct lq_entry *e, enum ges_mode mode); /* without asking: re-declared */
void lq_lower(struct lq *q, struct lq_entry *e, enum ges_mode mode); /* what it holds; NL: out of the queues, unless it converts */
void lq_cancel(struct lq *q, struct lq_entry *e); /* what it waits for; it keeps what it holds */
void lq_remove(struct lq *q, struct lq_entry *e);

struct lq_limits {
    enum ges_mode cap; /* nothing beyond what this covers is granted */
    bool hold_new; /* no new requests unless compatible with `against`; conversions all the same */
    enum ges_mode against;
};
/*
 * Grants whatever can be, in order; fn is told each. Returns the mode that the first one needs that is held up by the cap alone, or NL.
 */
enum ges_mode lq_run(struct lq *q, struct lq_limits limits, void (*fn)(void *arg, struct lq_entry *e), void *arg);
/* Calls fn for each entry that e (which waits) waits for: holders in the way, and those ahead of it. */
void lq_blockers(const struct lq *q, const struct lq_entry *e, void (*fn)(void *arg, const struct lq_entry *by), void *arg);

#endif
