/*
 * Sending: a message is admitted by the transport, or waits here in order
 * until it is. Nothing that a step has decided is ever lost while the view lasts.
 */
#include <stdlib.h>

#include "gcs/gcs_int.h"

#define BACKLOG_MAX 200000u /* a peer that takes nothing for so long is a failure that membership should have seen */

enum ic_kind gcs__kind(enum gcs_type type)
{
    static const enum ic_kind kinds[GCS_TYPE_COUNT] = {
        [GCS_T_REQ] = IC_GCS_REQUEST,
        [GCS_T_FWD_S] = IC_GCS_FORWARD,
        [GCS_T_FWD_X] = IC_GCS_FORWARD,
        [GCS_T_INVAL] = IC_GCS_INVALIDATE,
        [GCS_T_SHIP] = IC_GCS_SHIP,
        [GCS_T_GRANT] = IC_GCS_GRANT,
        [GCS_T_PROMOTE] = IC_GCS_GRANT,
        [GCS_T_CLEAR] = IC_GCS_CLEAR,
        [GCS_T_INVACK] = IC_GCS_INVALIDATED,
        [GCS_T_DONE] = IC_GCS_DONE,
        [GCS_T_NOHAVE] = IC_GCS_NOT_HELD,
        [GCS_T_EVICT] = IC_GCS_RELEASE,
        [GCS_T_EVICT_S] = IC_GCS_RELEASE,
        [GCS_T_WBDONE] = IC_GCS_WRITTEN,
        [GCS_T_PIDROP] = IC_GCS_PI_DROP,
        [GCS_T_WRITE_ASK] = IC_GCS_WRITE_ASK,
        [GCS_T_COPY_ASK] = IC_GCS_COPY_ASK,
        [GCS_T_COPY] = IC_GCS_COPY,
        [GCS_T_DECLARE] = IC_GCS_DECLARE,
        [GCS_T_DECLARED] = IC_GCS_DECLARE,
    };
    return kinds[type];
}

static void defer(struct gcs *g, node_no to, enum ic_kind kind, uint64_t stripe, const struct gcs_msg *m, const uint8_t *block)
{
    struct gcs_backlog *b = &g->backlog[to];
    const uint32_t block_len = block != NULL ? BLOCK_SIZE : 0;
    struct gcs_deferred *x = xmalloc(sizeof(*x) + sizeof(*m) + block_len);
    *x = (struct gcs_deferred){ .kind = kind, .stripe = stripe, .len = sizeof(*m) + block_len };
    memcpy(x->bytes, m, sizeof(*m));
    if (block != NULL)
        memcpy(x->bytes + sizeof(*m), block, BLOCK_SIZE);
    rt_spin_lock(&b->latch);
    list_push_back(&b->list, &x->link);
    const uint32_t waiting = atomic_fetch_add(&b->n, 1);
    if (waiting > BACKLOG_MAX)
        panic("node %u has not taken %u messages of the global cache", to, BACKLOG_MAX);
    rt_spin_unlock(&b->latch);
    GCS_COUNT(g, deferred);
    if (waiting == 0)
        gcs__tend(g);
}

/*
 * Order: all messages about a block pass here under its shard's latch. While one of them waits in the backlog, the count is not zero,
 * so the next one queues behind it; the backlog is drained first in, first out.
 */
void gcs__post(struct gcs *g, node_no to, const struct gcs_msg *m, const uint8_t *block)
{
    const enum ic_kind kind = gcs__kind(m->type);
    const uint64_t stripe = hash_u64(m->dba.v);
    struct gcs_backlog *b = &g->backlog[to];
    GCS_COUNT(g, messages);
    if (atomic_load(&b->n) == 0) {
        const struct ic_part parts[] = { { m, sizeof(*m) }, { block, BLOCK_SIZE } };
        const enum err err = ic_send(g->opt.ic, to, kind, stripe, parts, block != NULL ? 2 : 1);
        if (err != ERR_RESOURCES)
            return; /* admitted; or the node is gone, and the next view will say so */
    }
    defer(g, to, kind, stripe, m, block);
}

static void drain_one_node(struct gcs *g, node_no to)
{
    struct gcs_backlog *b = &g->backlog[to];
    rt_spin_lock(&b->latch);
    while (!list_empty(&b->list)) {
        struct gcs_deferred *x = LIST_ENTRY(b->list.next, struct gcs_deferred, link);
        const struct ic_part part = { x->bytes, x->len };
        if (ic_send(g->opt.ic, to, x->kind, x->stripe, &part, 1) == ERR_RESOURCES)
            break;
        list_remove(&x->link);
        atomic_fetch_sub(&b->n, 1);
        free(x);
    }
    rt_spin_unlock(&b->latch);
}

bool gcs__backlog_drain(struct gcs *g)
{
    bool left = false;
    for (unsigned n = 1; n <= NODES_MAX; n++) {
        if (atomic_load(&g->backlog[n].n) > 0) {
            drain_one_node(g, (node_no)n);
            left |= atomic_load(&g->backlog[n].n) > 0;
        }
    }
    return left;
}

void gcs__tend(struct gcs *g)
{
    (void)rt_channel_try_send(g->tend, g); /* full: it has been told already */
}

void gcs__backlog_free(struct gcs *g)
{
    for (unsigned n = 0; n <= NODES_MAX; n++)
        for (struct list *l; (l = list_pop_front(&g->backlog[n].list)) != NULL;)
            free(LIST_ENTRY(l, struct gcs_deferred, link));
}
