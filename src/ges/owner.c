#include "ges/ges_int.h"

struct ges_owner *ges_owner_new(struct ges *g, const char *name)
{
    struct ges_owner *o = xcalloc(1, sizeof(*o));
    o->g = g;
    o->name = name;
    o->id = (uint64_t)g->opt.self << 56 | atomic_fetch_add(&g->next_owner, 1);
    return o;
}

void ges_owner_free(struct ges_owner *o)
{
    ges_unlock_all(o);
    assert(!list_linked(&o->wait_link));
    u64map_free(o->index);
    free(o->log);
    free(o->detail);
    free(o);
}

void ges_owner_set_xid(struct ges_owner *o, struct xid xid, uint64_t begun_scn)
{
    o->xid = xid;
    o->begun = begun_scn;
}

uint64_t ges_mark(const struct ges_owner *o)
{
    ((struct ges_owner *)o)->last_mark = o->seq;
    return o->seq;
}
