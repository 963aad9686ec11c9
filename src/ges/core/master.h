/*
 * One resource at its master: which node has been granted which mode, who asks for more, who has been told that it is in the way.
 *
 * Each grant to a node has a number; a release that names an older one crossed a newer grant and is ignored (R14). Events come in, messages
 * go out in order. Pure: base alone.
 */
#ifndef GES_CORE_MASTER_H
#define GES_CORE_MASTER_H

#include "ges/core/lockq.h"

struct gm_res {
    struct lq q;
    struct list nodes; /* struct gm_node */
};
struct gm_node {
    struct list link;
    struct lq_entry e;
    node_no node;
    uint64_t grant_no; /* of the last grant */
    uint8_t told; /* mode that somebody wants, as the last BAST said; NL: none, or a grant or release since */
};

enum gm_event_kind {
    GM_REQUEST, /* node wants mode, which covers what it holds */
    GM_CANCEL, /* node does not want it any more */
    GM_RELEASE, /* node has lowered what grant_no gave it to mode; nonsense: to more than it holds */
    GM_DECLARE, /* new view: node holds mode by grant_no, and wants `want` (NL: nothing more); grants nothing; nonsense: others hold what conflicts */
    GM_OPEN, /* all have declared */
};
struct gm_event {
    enum gm_event_kind kind;
    node_no node;
    enum ges_mode mode, want;
    uint64_t grant_no;
};
enum gm_message_kind { GM_GRANT, GM_BAST };
struct gm_message {
    enum gm_message_kind kind;
    node_no node;
    enum ges_mode mode; /* granted; or wanted by somebody, NL: not any more */
    uint64_t grant_no;
};
#define GM_OUT_MAX (2 * NODES_MAX)
struct gm_output {
    bool nonsense; /* the event cannot be: nothing was done */
    unsigned n;
    struct gm_message m[GM_OUT_MAX];
};

void gm_init(struct gm_res *r);
void gm_fini(struct gm_res *r);
void gm_step(struct gm_res *r, const struct gm_event *ev, struct gm_output *out);
bool gm_idle(const struct gm_res *r); /* nobody holds or wants it */
/* Nodes that wait, first come first. */
unsigned gm_queue(const struct gm_res *r, node_no *ret, unsigned max);

#endif
