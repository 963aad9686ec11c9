/*
 * The commit cache: what is known of other threads' transactions. A set-associative table that any worker reads without a latch.
 */
#include "txn/txn_int.h"

#define SETS_WITH_PEERS (64u * 1024)
#define SETS_ALONE 1024u

void cache_init(struct txn_sys *ts)
{
    const uint64_t sets = ts->opt.ic != NULL ? SETS_WITH_PEERS : SETS_ALONE;
    ts->cache = xcalloc(sets, sizeof(*ts->cache));
    ts->cache_mask = sets - 1;
}

static struct cache_set *set_of(struct txn_sys *ts, struct xid x) { return &ts->cache[hash_u64(x.v) & ts->cache_mask]; }

static struct fate recycled_fate(struct txn_sys *ts, struct xid x)
{
    struct thread_info *ti = &ts->thread[xid_thread(x)];
    struct fate f = { FATE_UNKNOWN, 0 };
    if (ti->recycled_upto <= xid_seq(x)) /* unlatched: at worst an answer is missed */
        return f;
    rt_spin_lock(&ti->spin);
    if (xid_seq(x) < ti->recycled_upto)
        f = (struct fate){ FATE_BELOW, ti->recycled_scn };
    rt_spin_unlock(&ti->spin);
    return f;
}

struct fate cache_get(struct txn_sys *ts, struct xid x)
{
    if (UNLIKELY(xid_thread(x) == 0 || xid_thread(x) > THREADS_MAX))
        return (struct fate){ FATE_UNKNOWN, 0 };
    struct cache_set *set = set_of(ts, x);
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        if (atomic_load_explicit(&set->e[i].xid, memory_order_acquire) != x.v)
            continue;
        const uint64_t v = atomic_load_explicit(&set->e[i].value, memory_order_acquire);
        if (atomic_load_explicit(&set->e[i].xid, memory_order_acquire) != x.v)
            break;
        struct fate f = { (enum fate_kind)(v & 7), v >> 3 };
        /* R4: a broadcast counts below the sender's watermark */
        if (f.kind == FATE_HEARD
            && (MUTATED("R4") || f.scn <= atomic_load_explicit(&ts->thread[xid_thread(x)].watermark, memory_order_acquire)))
            f.kind = FATE_COMMITTED;
        return f;
    }
    return recycled_fate(ts, x);
}

/* May f replace what is known? */
static bool tells_more(struct fate have, struct fate f)
{
    if (have.kind == FATE_COMMITTED || have.kind == FATE_ROLLED_BACK)
        return false;
    if (f.kind == FATE_COMMITTED || f.kind == FATE_ROLLED_BACK)
        return true;
    if (f.kind == FATE_ABOVE)
        return have.kind == FATE_ABOVE && f.scn > have.scn;
    return f.kind != have.kind || f.scn < have.scn;
}

static void put_at(struct cache_set *set, unsigned i, struct xid x, uint64_t v)
{
    if (atomic_load_explicit(&set->e[i].xid, memory_order_relaxed) != x.v)
        atomic_store_explicit(&set->e[i].xid, 0, memory_order_relaxed); /* seen by whoever sees the new value */
    atomic_store_explicit(&set->e[i].value, v, memory_order_release);
    atomic_store_explicit(&set->e[i].xid, x.v, memory_order_release);
}

static unsigned find_way(const struct cache_set *set, struct xid x)
{
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        if (set->e[i].xid == x.v)
            return i;
    }
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        if (set->e[i].xid == 0)
            return i;
    }
    return CACHE_WAYS;
}

void cache_put(struct txn_sys *ts, struct xid x, struct fate f)
{
    if (xid_thread(x) == 0 || xid_thread(x) > THREADS_MAX)
        return;
    struct cache_set *set = set_of(ts, x);
    rt_spin_lock(&set->spin);
    unsigned i = find_way(set, x);
    if (i == CACHE_WAYS)
        i = set->hand++ % CACHE_WAYS;
    const uint64_t v = set->e[i].value;
    if (set->e[i].xid != x.v || tells_more((struct fate){ (enum fate_kind)(v & 7), v >> 3 }, f))
        put_at(set, i, x, f.scn << 3 | f.kind);
    rt_spin_unlock(&set->spin);
}

void cache_forget_above(struct txn_sys *ts, struct xid x)
{
    struct cache_set *set = set_of(ts, x);
    rt_spin_lock(&set->spin);
    const unsigned i = find_way(set, x);
    if (i < CACHE_WAYS && set->e[i].xid == x.v && (set->e[i].value & 7) == FATE_ABOVE)
        atomic_store_explicit(&set->e[i].xid, 0, memory_order_release);
    rt_spin_unlock(&set->spin);
}

/* R4: what a departed member broadcast and did not confirm counts for nothing: its record may never have become durable. */
void cache_purge_thread(struct txn_sys *ts, uint16_t thread)
{
    if (MUTATED("R4_purge"))
        return;
    const scn_t confirmed = atomic_load(&ts->thread[thread].watermark);
    for (uint64_t s = 0; s <= ts->cache_mask; s++) {
        struct cache_set *set = &ts->cache[s];
        rt_spin_lock(&set->spin);
        for (unsigned i = 0; i < CACHE_WAYS; i++) {
            const uint64_t v = set->e[i].value;
            if (xid_thread((struct xid){ set->e[i].xid }) == thread && (v & 7) == FATE_HEARD && v >> 3 > confirmed)
                atomic_store_explicit(&set->e[i].xid, 0, memory_order_release);
        }
        rt_spin_unlock(&set->spin);
    }
}

void cache_note_recycled(struct txn_sys *ts, uint16_t thread, uint64_t upto, scn_t scn)
{
    struct thread_info *ti = &ts->thread[thread];
    rt_spin_lock(&ti->spin);
    if (upto > ti->recycled_upto) {
        ti->recycled_upto = upto;
        ti->recycled_scn = MAX(ti->recycled_scn, scn);
    }
    rt_spin_unlock(&ti->spin);
}
