#include "ges/core/deadlock.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct tarjan {
    const struct dl_vertex *v;
    uint32_t n;
    uint32_t *first, *to; /* adjacency: to[first[i] .. first[i + 1]) */
    uint32_t *index, *low, *next; /* next: edge to look at */
    uint32_t *stack, depth; /* vertices not yet in a component */
    uint32_t *path, path_len; /* in place of recursion */
    uint32_t counter, components;
    uint32_t *component;
    uint32_t *cyclic; /* of each component */
};

static void build_adjacency(struct tarjan *t, const struct dl_edge *e, uint32_t nedges)
{
    for (uint32_t i = 0; i < nedges; i++)
        t->first[e[i].from + 1]++;
    for (uint32_t i = 0; i < t->n; i++)
        t->first[i + 1] += t->first[i];
    uint32_t *at = xcalloc(t->n + 1, sizeof(*at));
    for (uint32_t i = 0; i < nedges; i++)
        t->to[t->first[e[i].from] + at[e[i].from]++] = e[i].to;
    free(at);
}

static bool younger(const struct dl_vertex *a, const struct dl_vertex *b)
{
    return a->begun != b->begun ? a->begun > b->begun : a->owner > b->owner;
}

static bool waits_for_itself(const struct tarjan *t, uint32_t v)
{
    for (uint32_t i = t->first[v]; i < t->first[v + 1]; i++) {
        if (t->to[i] == v)
            return true;
    }
    return false;
}

static void close_component(struct tarjan *t, uint32_t root)
{
    uint32_t size = 0, v;
    do {
        v = t->stack[--t->depth];
        t->component[v] = t->components;
        size++;
    } while (v != root);
    t->cyclic[t->components++] = size > 1 || waits_for_itself(t, root);
}

static void enter(struct tarjan *t, uint32_t v)
{
    t->index[v] = t->low[v] = t->counter++;
    t->next[v] = t->first[v];
    t->stack[t->depth++] = v;
    t->path[t->path_len++] = v;
}

static void walk(struct tarjan *t, uint32_t from)
{
    enter(t, from);
    while (t->path_len > 0) {
        const uint32_t v = t->path[t->path_len - 1];
        if (t->next[v] < t->first[v + 1]) {
            const uint32_t w = t->to[t->next[v]++];
            if (t->index[w] == NONE)
                enter(t, w);
            else if (t->component[w] == NONE)
                t->low[v] = MIN(t->low[v], t->index[w]);
            continue;
        }
        t->path_len--;
        if (t->path_len > 0) {
            const uint32_t parent = t->path[t->path_len - 1];
            t->low[parent] = MIN(t->low[parent], t->low[v]);
        }
        if (t->low[v] == t->index[v])
            close_component(t, v);
    }
}

/* victim[c]: vertex + 1, for each component c. */
static void choose(const struct tarjan *t, const struct dl_edge *e, uint32_t nedges, uint32_t *victim)
{
    for (uint32_t i = 0; i < nedges; i++) {
        const uint32_t c = t->component[e[i].to];
        if (e[i].soft || c != t->component[e[i].from] || !t->cyclic[c])
            continue;
        if (victim[c] == 0 || younger(&t->v[e[i].to], &t->v[victim[c] - 1]))
            victim[c] = e[i].to + 1;
    }
    for (uint32_t v = 0; v < t->n; v++) { /* queues alone make no cycle; but who knows what was gathered */
        const uint32_t c = t->component[v];
        if (t->cyclic[c] && victim[c] == 0)
            victim[c] = v + 1;
    }
}

uint32_t dl_victims(const struct dl_vertex *v, uint32_t nvertices, const struct dl_edge *e, uint32_t nedges, uint32_t *ret_victims,
                    uint32_t *ret_component)
{
    const size_t n = nvertices + 1u;
    uint32_t *mem = xcalloc(8 * n + nedges + 1, sizeof(*mem));
    struct tarjan t = { .v = v, .n = nvertices, .first = mem, .index = mem + n, .low = mem + 2 * n, .next = mem + 3 * n, .stack = mem + 4 * n,
                        .path = mem + 5 * n, .cyclic = mem + 6 * n, .to = mem + 8 * n, .component = ret_component };
    uint32_t *victim = mem + 7 * n;
    build_adjacency(&t, e, nedges);
    for (uint32_t i = 0; i < nvertices; i++)
        t.index[i] = ret_component[i] = NONE;
    for (uint32_t i = 0; i < nvertices; i++) {
        if (t.index[i] == NONE)
            walk(&t, i);
    }
    choose(&t, e, nedges, victim);
    uint32_t found = 0;
    for (uint32_t c = 0; c < t.components; c++) {
        if (t.cyclic[c])
            ret_victims[found++] = victim[c] - 1;
    }
    free(mem);
    return found;
}
