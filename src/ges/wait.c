/*
 * Fibers that wait, for a lock or for the end of a transaction.
 */
#include "ges/ges_int.h"

void wait_begin(struct ges_owner *o, enum wait_kind kind, struct hold *h, struct xid x, enum ges_mode mode)
{
    struct ges *g = o->g;
    rt_future_init(&o->future);
    rt_spin_lock(&g->waits_spin);
    o->wait_kind = kind;
    o->wait_hold = h;
    o->wait_x = x;
    if (h != NULL)
        o->wait_res = h->res->res;
    o->wait_mode = (uint8_t)mode;
    o->wait_seq = ++g->wait_seq;
    o->wait_since = rt_now();
    o->woken = o->wait_elsewhere = false;
    free(o->detail);
    o->detail = NULL;
    list_push_back(&g->waits, &o->wait_link);
    g->nwaits++;
    rt_spin_unlock(&g->waits_spin);
    GES_COUNT(g, waits, 1);
}

void wait_wake(struct ges *g, struct ges_owner *o, int64_t value)
{
    rt_spin_lock(&g->waits_spin);
    if (list_linked(&o->wait_link) && !o->woken) {
        o->woken = true;
        rt_future_set(&o->future, value);
    }
    rt_spin_unlock(&g->waits_spin);
}

bool wait_kill(struct ges *g, uint64_t owner, uint64_t wait_seq, const char *detail)
{
    bool killed = false;
    char *text = xstrdup(detail);
    rt_spin_lock(&g->waits_spin);
    LIST_FOREACH(it, &g->waits)
    {
        struct ges_owner *o = LIST_ENTRY(it, struct ges_owner, wait_link);
        if (o->id != owner || o->wait_seq != wait_seq || o->woken)
            continue;
        o->detail = text;
        text = NULL;
        o->woken = true;
        rt_future_set(&o->future, ERR_DEADLOCK);
        killed = true;
        break;
    }
    rt_spin_unlock(&g->waits_spin);
    free(text);
    return killed;
}

void wait_end(struct ges_owner *o)
{
    struct ges *g = o->g;
    rt_spin_lock(&g->waits_spin);
    if (list_linked(&o->wait_link)) {
        list_remove(&o->wait_link);
        g->nwaits--;
        GES_COUNT(g, wait_ns, rt_now() - o->wait_since);
    }
    rt_spin_unlock(&g->waits_spin);
}

enum err wait_run(struct ges_owner *o, uint64_t deadline, struct diag *d)
{
    int64_t value = 0;
    enum err err = rt_future_wait(&o->future, deadline, true, &value);
    while (err == ERR_TIMED_OUT && atomic_load(&o->g->frozen)) /* nobody is granted anything: that does not count */
        err = rt_future_wait(&o->future, rt_now() + RT_MS(200), true, &value);
    wait_end(o);
    if (err == ERR_TIMED_OUT) {
        GES_COUNT(o->g, timeouts, 1);
        return ERR_TIMED_OUT;
    }
    if (err == ERR_CANCELED)
        return diag_set(d, ERR_CANCELED, "canceling statement due to user request");
    if (value == ERR_DEADLOCK) {
        diag_set(d, ERR_DEADLOCK, "deadlock detected");
        diag_detail(d, "%s", o->detail != NULL ? o->detail : "");
        diag_hint(d, "See server log for query details.");
        return ERR_DEADLOCK;
    }
    return ERR_OK;
}
