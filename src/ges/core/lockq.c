#include "ges/core/lockq.h"

/* ---- modes ------------------------------------------------------------------- */

#define M(mode) BIT(GES_MODE_##mode)
static const uint8_t compatible_with[GES_MODE_COUNT] = {
    [GES_MODE_NL] = M(NL) | M(CR) | M(CW) | M(PR) | M(PW) | M(EX),
    [GES_MODE_CR] = M(NL) | M(CR) | M(CW) | M(PR) | M(PW),
    [GES_MODE_CW] = M(NL) | M(CR) | M(CW),
    [GES_MODE_PR] = M(NL) | M(CR) | M(PR),
    [GES_MODE_PW] = M(NL) | M(CR),
    [GES_MODE_EX] = M(NL),
};
#undef M

bool ges_compatible(enum ges_mode a, enum ges_mode b) { return (compatible_with[a] & BIT(b)) != 0; }

/* A mode covers another if it is compatible with nothing more. */
bool ges_covers(enum ges_mode have, enum ges_mode want) { return (compatible_with[have] & ~compatible_with[want]) == 0; }

enum ges_mode ges_sup(enum ges_mode a, enum ges_mode b)
{
    if (ges_covers(a, b))
        return a;
    return ges_covers(b, a) ? b : GES_MODE_PW; /* only CW and PR are not comparable */
}

const char *ges_mode_name(enum ges_mode m)
{
    static const char *const names[] = {
#define X(name) #name,
        GES_MODES(X)
#undef X
    };
    return names[m];
}

/* ---- the queues ---------------------------------------------------------------- */

void lq_init(struct lq *q)
{
    list_init(&q->granted);
    list_init(&q->converting);
    list_init(&q->waiting);
    memset(q->count, 0, sizeof(q->count));
}

bool lq_empty(const struct lq *q) { return list_empty(&q->granted) && list_empty(&q->converting) && list_empty(&q->waiting); }
bool lq_has_waiters(const struct lq *q) { return !list_empty(&q->converting) || !list_empty(&q->waiting); }

enum ges_mode lq_held(const struct lq *q)
{
    enum ges_mode held = GES_MODE_NL;
    for (unsigned m = 0; m < GES_MODE_COUNT; m++) {
        if (q->count[m] > 0)
            held = ges_sup(held, m);
    }
    return held;
}

static void put(struct list *l, struct lq_entry *e, enum lq_where where)
{
    if (e->where != LQ_NOWHERE)
        list_remove(&e->link);
    e->where = (uint8_t)where;
    list_push_back(l, &e->link);
}

static void take_out(struct lq_entry *e)
{
    if (e->where != LQ_NOWHERE)
        list_remove(&e->link);
    e->where = LQ_NOWHERE;
}

/* Whoever waits for e to let go of its mode cannot come first anyway: behind it e would wait for ever. */
static void put_converting(struct lq *q, struct lq_entry *e)
{
    put(&q->converting, e, LQ_CONVERTING);
    LIST_FOREACH(it, &q->converting)
    {
        const struct lq_entry *h = LIST_ENTRY(it, struct lq_entry, link);
        if (h != e && !ges_compatible(e->mode, h->want)) {
            list_remove(&e->link);
            list_push_back(it, &e->link); /* before it */
            return;
        }
    }
}

void lq_ask(struct lq *q, struct lq_entry *e, enum ges_mode want)
{
    e->want = (uint8_t)want;
    if (lq_holds(e)) {
        put_converting(q, e);
    } else {
        e->mode = GES_MODE_NL;
        put(&q->waiting, e, LQ_WAITING);
    }
}

void lq_grant(struct lq *q, struct lq_entry *e, enum ges_mode mode)
{
    if (lq_holds(e))
        q->count[e->mode]--;
    q->count[mode]++;
    e->mode = (uint8_t)mode;
    put(&q->granted, e, LQ_GRANTED);
}

void lq_lower(struct lq *q, struct lq_entry *e, enum ges_mode mode)
{
    if (!lq_holds(e))
        return;
    q->count[e->mode]--;
    e->mode = (uint8_t)mode;
    if (mode != GES_MODE_NL) {
        q->count[mode]++;
    } else if (e->where == LQ_CONVERTING) {
        put(&q->waiting, e, LQ_WAITING); /* from now on it asks anew */
    } else {
        take_out(e);
    }
}

void lq_cancel(struct lq *q, struct lq_entry *e)
{
    if (e->where == LQ_WAITING)
        take_out(e);
    else if (e->where == LQ_CONVERTING)
        put(&q->granted, e, LQ_GRANTED);
    e->want = e->mode;
}

void lq_remove(struct lq *q, struct lq_entry *e)
{
    lq_cancel(q, e);
    lq_lower(q, e, GES_MODE_NL);
}

static bool grantable(const struct lq *q, const struct lq_entry *e)
{
    for (unsigned m = 0; m < GES_MODE_COUNT; m++) {
        const uint32_t others = q->count[m] - (lq_holds(e) && e->mode == m ? 1 : 0);
        if (others > 0 && !ges_compatible(m, e->want))
            return false;
    }
    return true;
}

enum ges_mode lq_run(struct lq *q, struct lq_limits limits, void (*fn)(void *arg, struct lq_entry *e), void *arg)
{
    for (;;) {
        const bool convert = !list_empty(&q->converting);
        struct list *from = convert ? &q->converting : &q->waiting;
        if (list_empty(from))
            return GES_MODE_NL;
        struct lq_entry *e = LIST_ENTRY(from->next, struct lq_entry, link);
        if (!convert && limits.hold_new && !ges_compatible(e->want, limits.against))
            return GES_MODE_NL;
        if (!grantable(q, e))
            return GES_MODE_NL;
        if (!ges_covers(limits.cap, e->want))
            return e->want;
        lq_grant(q, e, e->want);
        fn(arg, e);
    }
}

void lq_blockers(const struct lq *q, const struct lq_entry *e, void (*fn)(void *arg, const struct lq_entry *by), void *arg)
{
    LIST_FOREACH(it, &q->granted)
    {
        const struct lq_entry *h = LIST_ENTRY(it, struct lq_entry, link);
        if (h != e && !ges_compatible(h->mode, e->want))
            fn(arg, h);
    }
    bool ahead = true;
    LIST_FOREACH(it, &q->converting)
    {
        const struct lq_entry *h = LIST_ENTRY(it, struct lq_entry, link);
        ahead &= h != e;
        if (h != e && (ahead || !ges_compatible(h->mode, e->want)))
            fn(arg, h);
    }
    if (e->where != LQ_WAITING)
        return;
    LIST_FOREACH(it, &q->waiting)
    {
        const struct lq_entry *h = LIST_ENTRY(it, struct lq_entry, link);
        if (h == e)
            break;
        fn(arg, h);
    }
}
