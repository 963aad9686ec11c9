/*
 * What the three kinds of join share: pairs of a left row and a right row, and
 * what is done with them. Within sql/execute/.
 */
#ifndef SQL_EXECUTE_JOIN_H
#define SQL_EXECUTE_JOIN_H

#include "sql/execute/rows.h"

enum phase { PHASE_BUILD, PHASE_LEFT, PHASE_PAIRS, PHASE_LEFT_REST, PHASE_RIGHT_REST, PHASE_END };

struct join;

/* One kind's way to pairs. */
struct join_kind {
    enum err (*build)(struct join *j, struct diag *d) MAY_YIELD; /* before the left rows; NULL: nothing */
    enum err (*left)(struct join *j, struct batch *ret, struct diag *d) MAY_YIELD; /* left rows; NULL: the left child's */
    enum err (*begin)(struct join *j, struct diag *d) MAY_YIELD; /* a left batch; NULL: nothing */
    /* up to VEC_ROWS pairs: pair_left, the columns of right_pair that are used and, for outer joins of the right side, pair_right. 0: the
     * left batch has been through */
    enum err (*fill)(struct join *j, uint32_t *ret_n, struct diag *d) MAY_YIELD;
    enum err (*more)(struct join *j, bool *ret, struct diag *d) MAY_YIELD; /* at the end: begins anew with other rows; NULL: never */
};

struct join {
    struct node n;
    const struct join_kind *kind;
    enum join_type type;
    enum phase phase;
    struct xp *on, *filter;
    const struct vec **out;
    uint16_t nleft, nright; /* columns */
    bool *left_used, *right_used;
    const struct vec **left_pair, **right_pair; /* columns of pairs */
    struct value nothing; /* NULL: a column of a row without partner */
    struct batch left;
    struct arena *left_arena; /* what was computed of the left batch */
    uint32_t at; /* left row at hand, as a position in its selection */
    uint8_t matched[VEC_ROWS]; /* left rows */
    uint16_t pair_left[VEC_ROWS];
    struct record *pair_right[VEC_ROWS];
    uint16_t idx[VEC_ROWS];

    /* the right rows, where they are kept */
    struct record_type right_type;
    struct record_list right;
    size_t right_at; /* the next to make pairs of (NEST_LOOP), or to look at for its mark */
};

static inline bool join_outer_right(const struct join *j) { return j->type == JOIN_RIGHT || j->type == JOIN_FULL; }
static inline bool join_outer_left(const struct join *j) { return j->type == JOIN_LEFT || j->type == JOIN_FULL; }
static inline bool join_half(const struct join *j) { return j->type == JOIN_SEMI || j->type == JOIN_ANTI; }
/* Nothing comes of left rows when there are no right ones. */
static inline bool join_needs_right(const struct join *j) { return j->type == JOIN_INNER || j->type == JOIN_SEMI || j->type == JOIN_RIGHT; }

void exec__join_init(struct join *j, const struct join_kind *kind, uint16_t nleft, uint16_t nright);
void exec__join_reset(struct join *j); /* with its children */
void exec__join_end(struct join *j);
enum err exec__join_next(struct node *n, struct batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The columns of right_pair that are used, from records. */
void exec__join_gather_right(struct join *j, struct record *const *r, uint32_t n);

#endif
