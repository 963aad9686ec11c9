#include "rt/rt_int.h"

#include <stdlib.h>

#define TIMERS_START 1024u /* so that the critical worker need not allocate later */

void rt__timers_init(struct timers *t)
{
    *t = (struct timers){ .heap = xmalloc(TIMERS_START * sizeof(struct fiber *)), .cap = TIMERS_START };
}

void rt__timers_fini(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){ 0 };
}

static bool timer_before(const struct fiber *a, const struct fiber *b)
{
    return a->timer_at != b->timer_at ? a->timer_at < b->timer_at : a->id < b->id;
}

static void heap_place(struct timers *t, struct fiber *f, uint32_t pos)
{
    t->heap[pos] = f;
    f->timer_pos = pos;
}

static void heap_up(struct timers *t, struct fiber *f, uint32_t pos)
{
    while (pos > 0 && timer_before(f, t->heap[(pos - 1) / 2])) {
        heap_place(t, t->heap[(pos - 1) / 2], pos);
        pos = (pos - 1) / 2;
    }
    heap_place(t, f, pos);
}

static void heap_down(struct timers *t, struct fiber *f, uint32_t pos)
{
    for (;;) {
        uint32_t child = pos * 2 + 1;
        if (child + 1 < t->count && timer_before(t->heap[child + 1], t->heap[child]))
            child++;
        if (child >= t->count || !timer_before(t->heap[child], f))
            break;
        heap_place(t, t->heap[child], pos);
        pos = child;
    }
    heap_place(t, f, pos);
}

void rt__timer_set(struct timers *t, struct fiber *f, uint64_t at)
{
    assert(f->timer_pos == TIMER_OFF);
    if (t->count == t->cap) {
        t->cap *= 2;
        t->heap = xrealloc(t->heap, t->cap * sizeof(struct fiber *));
    }
    f->timer_at = at;
    heap_up(t, f, t->count++);
}

void rt__timer_clear(struct timers *t, struct fiber *f)
{
    const uint32_t pos = f->timer_pos;
    if (pos == TIMER_OFF)
        return;
    assert(t->heap[pos] == f);
    f->timer_pos = TIMER_OFF;
    struct fiber *last = t->heap[--t->count];
    if (last == f)
        return;
    if (pos > 0 && timer_before(last, t->heap[(pos - 1) / 2]))
        heap_up(t, last, pos);
    else
        heap_down(t, last, pos);
}

uint64_t rt__timers_next(const struct timers *t)
{
    return t->count > 0 ? t->heap[0]->timer_at : RT_FOREVER;
}

struct fiber *rt__timers_pop_due(struct timers *t, uint64_t now)
{
    if (t->count == 0 || t->heap[0]->timer_at > now)
        return NULL;
    struct fiber *f = t->heap[0];
    rt__timer_clear(t, f);
    return f;
}
