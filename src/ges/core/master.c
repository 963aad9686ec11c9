#include "ges/core/master.h"

#include <stdlib.h>

void gm_init(struct gm_res *r)
{
    lq_init(&r->q);
    list_init(&r->nodes);
}

void gm_fini(struct gm_res *r)
{
    for (struct list *l; (l = list_pop_front(&r->nodes)) != NULL;)
        free(LIST_ENTRY(l, struct gm_node, link));
}

bool gm_idle(const struct gm_res *r) { return list_empty(&r->nodes); }

static struct gm_node *node_of(struct gm_res *r, node_no node, bool make)
{
    LIST_FOREACH(it, &r->nodes)
    {
        struct gm_node *n = LIST_ENTRY(it, struct gm_node, link);
        if (n->node == node)
            return n;
    }
    if (!make)
        return NULL;
    struct gm_node *n = xcalloc(1, sizeof(*n));
    n->node = node;
    list_push_back(&r->nodes, &n->link);
    return n;
}

static void drop_if_idle(struct gm_node *n)
{
    if (n != NULL && n->e.where == LQ_NOWHERE) {
        list_remove(&n->link);
        free(n);
    }
}

static void send(struct gm_output *out, enum gm_message_kind kind, struct gm_node *n, enum ges_mode mode)
{
    assert(out->n < GM_OUT_MAX);
    out->m[out->n++] = (struct gm_message){ kind, n->node, mode, n->grant_no };
}

static void granted(void *arg, struct lq_entry *e)
{
    struct gm_node *n = CONTAINER_OF(e, struct gm_node, e);
    n->grant_no++;
    n->told = GES_MODE_NL;
    send(arg, GM_GRANT, n, e->mode);
}

struct tell {
    struct gm_output *out;
    enum ges_mode want;
};

static void tell(void *arg, const struct lq_entry *by)
{
    const struct tell *t = arg;
    struct gm_node *n = CONTAINER_OF((struct lq_entry *)by, struct gm_node, e);
    if (by->mode == GES_MODE_NL || ges_compatible(by->mode, t->want) || (n->told != GES_MODE_NL && ges_covers(n->told, t->want)))
        return; /* ahead in the queue only; or it knows */
    n->told = (uint8_t)ges_sup(n->told, t->want);
    send(t->out, GM_BAST, n, n->told);
}

/* Grants what can be granted; whoever is in the way of the first that waits is told, once. */
static void run(struct gm_res *r, struct gm_output *out)
{
    (void)lq_run(&r->q, (struct lq_limits){ .cap = GES_MODE_EX }, granted, out);
    struct list *first = !list_empty(&r->q.converting) ? r->q.converting.next : !list_empty(&r->q.waiting) ? r->q.waiting.next : NULL;
    if (first == NULL)
        return;
    const struct lq_entry *e = LIST_ENTRY(first, struct lq_entry, link);
    struct tell t = { out, e->want };
    lq_blockers(&r->q, e, tell, &t);
}

static void check(const struct gm_res *r)
{
    LIST_FOREACH(it, &r->nodes)
    {
        const struct gm_node *a = LIST_ENTRY(it, struct gm_node, link);
        LIST_FOREACH(jt, &r->nodes)
        {
            const struct gm_node *b = LIST_ENTRY(jt, struct gm_node, link);
            assert(a == b || ges_compatible(a->e.mode, b->e.mode));
        }
    }
}

void gm_step(struct gm_res *r, const struct gm_event *ev, struct gm_output *out)
{
    out->n = 0;
    struct gm_node *n;
    switch (ev->kind) {
    case GM_REQUEST:
        n = node_of(r, ev->node, true);
        if (n->e.where == LQ_CONVERTING || n->e.where == LQ_WAITING)
            lq_cancel(&r->q, &n->e);
        lq_ask(&r->q, &n->e, ges_sup(n->e.mode, ev->mode));
        break;
    case GM_CANCEL:
        n = node_of(r, ev->node, false);
        if (n == NULL)
            return;
        lq_cancel(&r->q, &n->e);
        drop_if_idle(n);
        break;
    case GM_RELEASE:
        n = node_of(r, ev->node, false);
        if (n == NULL || (n->grant_no != ev->grant_no && !MUTATED("R14")))
            return;
        n->told = GES_MODE_NL;
        lq_lower(&r->q, &n->e, ev->mode);
        drop_if_idle(n);
        break;
    case GM_DECLARE:
        n = node_of(r, ev->node, true);
        n->grant_no = ev->grant_no;
        if (ev->mode != GES_MODE_NL)
            lq_grant(&r->q, &n->e, ev->mode);
        if (ev->want != GES_MODE_NL)
            lq_ask(&r->q, &n->e, ev->want);
        drop_if_idle(n);
        return;
    case GM_OPEN:
        break;
    }
    run(r, out);
    assert_slow((check(r), true));
    (void)check;
}

unsigned gm_queue(const struct gm_res *r, node_no *ret, unsigned max)
{
    unsigned n = 0;
    const struct list *queues[2] = { &r->q.converting, &r->q.waiting };
    for (unsigned i = 0; i < 2; i++) {
        LIST_FOREACH(it, queues[i])
        {
            if (n < max)
                ret[n++] = LIST_ENTRY(it, struct gm_node, e.link)->node;
        }
    }
    return n;
}
