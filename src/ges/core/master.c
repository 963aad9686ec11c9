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

/* A node is told once that it is in the way of the first that waits; and that it is not any more, where that one has given up. */
static void tell(struct gm_output *out, struct gm_node *n, const struct lq_entry *first)
{
    const bool in_the_way = first != NULL && first != &n->e && !ges_compatible(n->e.mode, first->want);
    const enum ges_mode want = in_the_way ? first->want : GES_MODE_NL;
    if (n->told == want)
        return;
    n->told = (uint8_t)want;
    send(out, GM_BAST, n, want);
}

static void run(struct gm_res *r, struct gm_output *out)
{
    (void)lq_run(&r->q, (struct lq_limits){ .cap = GES_MODE_EX }, granted, out);
    struct list *head = !list_empty(&r->q.converting) ? r->q.converting.next : !list_empty(&r->q.waiting) ? r->q.waiting.next : NULL;
    const struct lq_entry *first = head != NULL ? LIST_ENTRY(head, struct lq_entry, link) : NULL;
    LIST_FOREACH(it, &r->nodes)
    {
        tell(out, LIST_ENTRY(it, struct gm_node, link), first);
    }
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

static bool conflicts(const struct gm_res *r, node_no node, enum ges_mode mode)
{
    LIST_FOREACH(it, &r->nodes)
    {
        const struct gm_node *n = LIST_ENTRY(it, struct gm_node, link);
        if (n->node != node && lq_holds(&n->e) && !ges_compatible(n->e.mode, mode))
            return true;
    }
    return false;
}

void gm_step(struct gm_res *r, const struct gm_event *ev, struct gm_output *out)
{
    out->n = 0;
    out->nonsense = false;
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
        out->nonsense = n->grant_no == ev->grant_no && lq_holds(&n->e) && !ges_covers(n->e.mode, ev->mode);
        if (out->nonsense)
            return;
        n->told = GES_MODE_NL;
        lq_lower(&r->q, &n->e, ev->mode);
        drop_if_idle(n);
        break;
    case GM_DECLARE:
        out->nonsense = conflicts(r, ev->node, ev->mode);
        if (out->nonsense)
            return;
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
