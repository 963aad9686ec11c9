#include "ges/core/wire.h"

static bool is_xid(uint64_t v)
{
    const uint16_t thread = xid_thread((struct xid){ v });
    return thread != 0 && thread <= THREADS_MAX;
}

static const char *tx_fault(enum ges_wire_kind kind, const struct ges_wire *w)
{
    if (kind != GES_WIRE_REQUEST && kind != GES_WIRE_GRANT && kind != GES_WIRE_CANCEL)
        return "not said of transactions";
    return is_xid(w->id1) ? NULL : "no transaction";
}

const char *ges_wire_fault(enum ges_wire_kind kind, const struct ges_wire *w)
{
    if (w->mode >= GES_MODE_COUNT || w->want >= GES_MODE_COUNT)
        return "unknown mode";
    if (kind == GES_WIRE_DECLARE && (w->type == GES_WIRE_DECLARE_END || w->type == GES_WIRE_DECLARE_RECEIVED))
        return NULL;
    if (w->type >= GES_TYPES_N)
        return "unknown type of resource";
    if (w->type == GES_TX)
        return tx_fault(kind, w);
    return kind == GES_WIRE_REQUEST && w->mode == GES_MODE_NL ? "nothing is wanted" : NULL;
}

/* ---- deadlock search ----------------------------------------------------------------- */

static bool is_owner_of(uint64_t owner, node_no node) { return owner >> 56 == node; }

static const char *rec_fault(const struct ges_rec *r, node_no from)
{
    if (r->type >= GES_TYPES_N || r->mode >= GES_MODE_COUNT)
        return "unknown type or mode of a resource";
    if (r->node == 0 || r->node > NODES_MAX)
        return "no node";
    switch (r->tag) {
    case REC_WAIT:
    case REC_HOLDER:
        return r->node == from && is_owner_of(r->owner, from) ? NULL : "owner of another node";
    case REC_EDGE:
        return r->node == from && is_owner_of(r->owner, from) && is_owner_of(r->seq, from) ? NULL : "owner of another node";
    case REC_QUEUE:
        return NULL;
    default:
        return "unknown kind of record";
    }
}

const char *ges_search_fault(const uint8_t *body, uint32_t len, node_no from)
{
    struct ges_search_head h;
    const char *fault = NULL;
    memcpy(&h, body, sizeof(h));
    const uint32_t n = ges_search_recs(len);
    if (len != sizeof(h) + n * sizeof(struct ges_rec))
        return "part of a record";
    if (h.kind < SEARCH_TRIGGER || h.kind > SEARCH_ANSWER || (h.kind != SEARCH_ANSWER && n > 0))
        return "neither question nor answer";
    for (uint32_t i = 0; i < n && fault == NULL; i++) {
        struct ges_rec r;
        memcpy(&r, body + sizeof(h) + i * sizeof(r), sizeof(r));
        fault = rec_fault(&r, from);
    }
    return fault;
}
