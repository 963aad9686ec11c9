#include "history.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define NOBODY UINT32_MAX
#define NEVER UINT64_MAX

struct list_read {
    uint32_t stmt, key;
    uint64_t began, ended;
    uint32_t *v, n; /* what was seen, without own values at the end */
    uint32_t own; /* values of the own transaction that were cut off the end */
    uint32_t own_expected; /* values that it had appended before */
};

struct append {
    uint32_t key, value;
};

struct txn {
    enum history_level level;
    enum history_outcome outcome;
    uint64_t began, ended;
    struct append *append;
    uint32_t nappends, appends_cap;
    struct list_read *read;
    uint32_t nreads, reads_cap;
};

struct writer {
    uint32_t txn, key;
};

struct history {
    uint32_t keys;
    struct txn *txn;
    uint32_t n, cap;
    struct writer *writer; /* of each value */
    uint32_t nvalues;
    struct buf verdict;
    /* during a check */
    uint32_t **list, *list_len; /* the longest version of each key */
    struct graph *g;
};

#define GROW(array, n, cap) ((n) == (cap) ? (void)((cap) = (cap) * 2 + 8, (array) = xrealloc((array), (cap) * sizeof *(array))) : (void)0)

struct history *history_new(uint32_t keys)
{
    struct history *h = xcalloc(1, sizeof *h);
    h->keys = keys;
    h->list = xcalloc(keys, sizeof *h->list);
    h->list_len = xcalloc(keys, sizeof *h->list_len);
    buf_init(&h->verdict);
    return h;
}

void history_free(struct history *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        for (uint32_t k = 0; k < h->txn[i].nreads; k++)
            free(h->txn[i].read[k].v);
        free(h->txn[i].read);
        free(h->txn[i].append);
    }
    free(h->txn);
    free(h->writer);
    free(h->list);
    free(h->list_len);
    buf_fini(&h->verdict);
    free(h);
}

uint32_t history_size(const struct history *h) { return h->n; }

/* ---- recording ------------------------------------------------------------------------- */

uint32_t history_begin(struct history *h, enum history_level level, uint64_t began_ns)
{
    GROW(h->txn, h->n, h->cap);
    h->txn[h->n] = (struct txn){ .level = level, .outcome = HISTORY_ABORTED, .began = began_ns, .ended = NEVER };
    return h->n++;
}

void history_append(struct history *h, uint32_t txn, uint32_t key, uint32_t value)
{
    struct txn *t = &h->txn[txn];
    GROW(t->append, t->nappends, t->appends_cap);
    t->append[t->nappends++] = (struct append){ key, value };
    if (value >= h->nvalues) {
        const uint32_t more = value * 2 + 64;
        h->writer = xrealloc(h->writer, more * sizeof *h->writer);
        for (uint32_t i = h->nvalues; i < more; i++)
            h->writer[i].txn = NOBODY;
        h->nvalues = more;
    }
    assert(h->writer[value].txn == NOBODY);
    h->writer[value] = (struct writer){ txn, key };
}

static bool is_own(const struct history *h, uint32_t txn, uint32_t value) { return value < h->nvalues && h->writer[value].txn == txn; }

void history_read(struct history *h, uint32_t txn, uint32_t stmt, uint64_t began_ns, uint64_t ended_ns, uint32_t key, const char *list)
{
    struct txn *t = &h->txn[txn];
    GROW(t->read, t->nreads, t->reads_cap);
    struct list_read *r = &t->read[t->nreads++];
    *r = (struct list_read){ .stmt = stmt, .key = key, .began = began_ns, .ended = ended_ns };
    uint32_t cap = 0;
    for (char *end; *list; list = end + (*end == ',')) {
        GROW(r->v, r->n, cap);
        r->v[r->n++] = (uint32_t)strtoul(list, &end, 10);
        if (end == list)
            panic("\"%s\" is not a list", list);
    }
    while (r->n > 0 && is_own(h, txn, r->v[r->n - 1])) {
        r->n--;
        r->own++;
    }
    for (uint32_t i = 0; i < t->nappends; i++)
        r->own_expected += t->append[i].key == key;
}

void history_end(struct history *h, uint32_t txn, enum history_outcome outcome, uint64_t ended_ns)
{
    h->txn[txn].outcome = outcome;
    h->txn[txn].ended = outcome == HISTORY_UNKNOWN ? NEVER : ended_ns;
}

/* ---- verdicts --------------------------------------------------------------------------- */

static bool PRINTF(2, 3) say(struct history *h, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_put_str(&h->verdict, text);
    return false;
}

/* ---- lists: one order of versions -------------------------------------------------------------- */

static bool find_longest(struct history *h)
{
    memset(h->list_len, 0, h->keys * sizeof *h->list_len);
    for (uint32_t i = 0; i < h->n; i++)
        for (uint32_t k = 0; k < h->txn[i].nreads; k++) {
            const struct list_read *r = &h->txn[i].read[k];
            if (r->n >= h->list_len[r->key]) {
                h->list[r->key] = r->v;
                h->list_len[r->key] = r->n;
            }
        }
    return true;
}

static bool check_prefix(struct history *h, uint32_t txn, const struct list_read *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i] != h->list[r->key][i])
            return say(h, "transaction %u read list %u with %u at position %u where others saw %u: an update was lost", txn, r->key, r->v[i], i,
                       h->list[r->key][i]);
    if (r->own != r->own_expected)
        return say(h, "transaction %u appended %u values to list %u and read %u of them", txn, r->own_expected, r->key, r->own);
    return true;
}

/* Each value was written once, by a transaction that may have committed, and the values of one transaction stand together. */
static bool check_values(struct history *h, uint32_t key)
{
    uint8_t *seen = xcalloc(h->nvalues + 1, 1);
    bool fine = true;
    for (uint32_t i = 0; i < h->list_len[key] && fine; i++) {
        const uint32_t v = h->list[key][i];
        const struct writer *wr = v < h->nvalues ? &h->writer[v] : NULL;
        if (wr == NULL || wr->txn == NOBODY || wr->key != key)
            fine = say(h, "list %u has %u, which nobody appended to it", key, v);
        else if (seen[v]++)
            fine = say(h, "list %u has %u twice", key, v);
        else if (h->txn[wr->txn].outcome == HISTORY_ABORTED)
            fine = say(h, "list %u has %u of transaction %u, which was rolled back", key, v, wr->txn);
        else
            h->txn[wr->txn].outcome = HISTORY_COMMITTED; /* if unknown, now it is not */
    }
    free(seen);
    return fine;
}

static uint32_t position(const struct history *h, uint32_t key, uint32_t value)
{
    for (uint32_t i = 0; i < h->list_len[key]; i++)
        if (h->list[key][i] == value)
            return i;
    return NOBODY;
}

/* All of a committed transaction is there, in its order and in one piece. */
static bool check_writes(struct history *h, uint32_t txn)
{
    const struct txn *t = &h->txn[txn];
    for (uint32_t i = 0; i < t->nappends; i++) {
        const uint32_t key = t->append[i].key, at = position(h, key, t->append[i].value);
        if (at == NOBODY)
            return say(h, "transaction %u is committed and its %u is not in list %u", txn, t->append[i].value, key);
        for (uint32_t k = i; k-- > 0;)
            if (t->append[k].key == key) {
                if (at == 0 || h->list[key][at - 1] != t->append[k].value)
                    return say(h, "transaction %u appended %u and %u to list %u, which do not stand together", txn, t->append[k].value, t->append[i].value,
                               key);
                break;
            }
    }
    return true;
}

/* A read ends with the last value of its writer, not in the middle of it. */
static bool check_whole(struct history *h, uint32_t txn, const struct list_read *r)
{
    if (r->n == 0 || r->n == h->list_len[r->key])
        return true;
    const uint32_t last = h->writer[h->list[r->key][r->n - 1]].txn, next = h->writer[h->list[r->key][r->n]].txn;
    if (last == next)
        return say(h, "transaction %u read list %u in the middle of what transaction %u appended", txn, r->key, last);
    return true;
}

/* ---- the graph ------------------------------------------------------------------------------------ */

enum edge_kind { EDGE_WW, EDGE_WR, EDGE_RW, EDGE_TIME };
static const char *const edge_names[] = { "is overwritten by", "is read by", "has not seen", "ended before the start of" };

struct edge {
    uint32_t to;
    enum edge_kind kind;
    uint32_t via; /* the edge stands for kind, this node, and an anti-dependency; NOBODY: for itself */
};

struct node {
    uint32_t txn;
    uint32_t stmt; /* NOBODY: the transaction as a whole */
    uint64_t began, ended;
    struct edge *edge;
    uint32_t nedges, edges_cap;
    struct edge *rw; /* anti-dependencies, apart */
    uint32_t nrw, rw_cap;
    uint32_t index, low; /* Tarjan */
    bool on_stack;
    bool is_time; /* a point on the time line */
};

struct graph {
    struct node *node;
    uint32_t n, cap;
    uint32_t *of_txn; /* its node, NOBODY: none */
};

static uint32_t add_node(struct graph *g, uint32_t txn, uint32_t stmt, uint64_t began, uint64_t ended)
{
    GROW(g->node, g->n, g->cap);
    g->node[g->n] = (struct node){ .txn = txn, .stmt = stmt, .began = began, .ended = ended };
    return g->n++;
}

static void add_edge(struct graph *g, uint32_t from, uint32_t to, enum edge_kind kind, uint32_t via)
{
    struct node *f = &g->node[from];
    if (from == to && via == NOBODY)
        return;
    if (kind == EDGE_RW) {
        GROW(f->rw, f->nrw, f->rw_cap);
        f->rw[f->nrw++] = (struct edge){ to, kind, via };
    } else {
        GROW(f->edge, f->nedges, f->edges_cap);
        f->edge[f->nedges++] = (struct edge){ to, kind, via };
    }
}

static void add_read_edges(struct history *h, uint32_t reader, const struct list_read *r)
{
    struct graph *g = h->g;
    if (r->n > 0)
        add_edge(g, g->of_txn[h->writer[r->v[r->n - 1]].txn], reader, EDGE_WR, NOBODY);
    for (uint32_t i = r->n; i < h->list_len[r->key]; i++) {
        const uint32_t next = g->of_txn[h->writer[h->list[r->key][i]].txn];
        if (next == reader)
            continue; /* what it read, it overwrote itself */
        if (i == r->n)
            add_edge(g, reader, next, EDGE_RW, NOBODY);
        break;
    }
}

static void add_txn(struct history *h, uint32_t txn)
{
    struct graph *g = h->g;
    const struct txn *t = &h->txn[txn];
    for (uint32_t i = 0; i < t->nreads; i++) {
        const struct list_read *r = &t->read[i];
        uint32_t reader = g->of_txn[txn];
        if (t->level == HISTORY_STATEMENT) {
            const bool same = g->node[g->n - 1].txn == txn && g->node[g->n - 1].stmt == r->stmt;
            reader = same ? g->n - 1 : add_node(g, txn, r->stmt, r->began, r->ended);
        }
        if (reader != NOBODY)
            add_read_edges(h, reader, r);
    }
}

static void add_version_edges(struct history *h, uint32_t key)
{
    for (uint32_t i = 1; i < h->list_len[key]; i++) {
        const uint32_t a = h->writer[h->list[key][i - 1]].txn, b = h->writer[h->list[key][i]].txn;
        if (a != b)
            add_edge(h->g, h->g->of_txn[a], h->g->of_txn[b], EDGE_WW, NOBODY);
    }
}

/* ---- real time: a chain of points, one for each end ---------------------------------------------------- */

struct moment {
    uint64_t at;
    uint32_t node;
};

static int by_time(const void *x, const void *y)
{
    const struct moment *a = x, *b = y;
    return a->at != b->at ? (a->at < b->at ? -1 : 1) : (a->node < b->node ? -1 : a->node > b->node);
}

static void add_time_edges(struct graph *g)
{
    struct moment *end = xcalloc(g->n + 1, sizeof *end);
    const uint32_t real = g->n;
    uint32_t n = 0;
    for (uint32_t i = 0; i < real; i++)
        if (g->node[i].ended != NEVER)
            end[n++] = (struct moment){ g->node[i].ended, i };
    qsort(end, n, sizeof *end, by_time);
    const uint32_t first = g->n;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t point = add_node(g, g->node[end[i].node].txn, NOBODY, end[i].at, NEVER);
        g->node[point].is_time = true;
        add_edge(g, end[i].node, point, EDGE_TIME, NOBODY);
        if (i > 0)
            add_edge(g, point - 1, point, EDGE_TIME, NOBODY);
    }
    for (uint32_t i = 0; i < real; i++) {
        uint32_t low = 0, high = n; /* ends before this start */
        while (low < high) {
            const uint32_t mid = (low + high) / 2;
            if (end[mid].at < g->node[i].began)
                low = mid + 1;
            else
                high = mid;
        }
        if (low > 0)
            add_edge(g, first + low - 1, i, EDGE_TIME, NOBODY);
    }
    free(end);
}

/* Snapshot isolation: anti-dependencies count only behind a dependency. Serializability: they are dependencies. */
static void compose(struct graph *g, bool serializable)
{
    for (uint32_t i = 0; i < g->n; i++) {
        const uint32_t direct = g->node[i].nedges;
        for (uint32_t k = 0; k < direct; k++) {
            const struct edge e = g->node[i].edge[k];
            for (uint32_t m = 0; m < g->node[e.to].nrw && !serializable; m++)
                add_edge(g, i, g->node[e.to].rw[m].to, e.kind, e.to);
        }
    }
    for (uint32_t i = 0; i < g->n && serializable; i++)
        for (uint32_t m = 0; m < g->node[i].nrw; m++) {
            struct node *f = &g->node[i];
            GROW(f->edge, f->nedges, f->edges_cap);
            f->edge[f->nedges++] = f->rw[m];
        }
}

/* ---- cycles --------------------------------------------------------------------------------------------- */

static const char *node_text(const struct node *n, char *text, size_t size)
{
    if (n->stmt == NOBODY)
        snprintf(text, size, "T%u", n->txn);
    else
        snprintf(text, size, "T%u/statement %u", n->txn, n->stmt);
    return text;
}

/* The shortest cycle through `start`, by breadth-first search. */
static void describe_cycle(struct history *h, uint32_t start)
{
    struct graph *g = h->g;
    uint32_t *from = xcalloc(g->n, sizeof *from), *queue = xcalloc(g->n + 1, sizeof *queue), head = 0, tail = 0;
    struct edge *by = xcalloc(g->n, sizeof *by);
    for (uint32_t i = 0; i < g->n; i++)
        from[i] = NOBODY;
    queue[tail++] = start;
    bool found = false;
    while (head < tail && !found) {
        const uint32_t at = queue[head++];
        for (uint32_t k = 0; k < g->node[at].nedges && !found; k++) {
            const struct edge e = g->node[at].edge[k];
            if (from[e.to] != NOBODY)
                continue;
            from[e.to] = at;
            by[e.to] = e;
            found = e.to == start;
            if (e.to != start)
                queue[tail++] = e.to;
        }
    }
    uint32_t path[64], n = 0;
    for (uint32_t at = start; found && n < ARRAY_LEN(path);) {
        path[n++] = at;
        at = from[at];
        if (at == start)
            break;
    }
    say(h, "a cycle: ");
    for (uint32_t i = n; i-- > 0;) {
        const struct edge *e = &by[path[i]];
        const struct node *a = &g->node[from[path[i]]];
        char text[64];
        if (!a->is_time)
            say(h, "%s %s ", node_text(a, text, sizeof text), edge_names[e->kind]);
        if (e->via != NOBODY)
            say(h, "%s, which %s ", node_text(&g->node[e->via], text, sizeof text), edge_names[EDGE_RW]);
    }
    char text[64];
    say(h, "%s", node_text(&g->node[start], text, sizeof text));
    free(from);
    free(queue);
    free(by);
}

/* Tarjan's strongly connected components, without recursion. Returns a node of a cycle, NOBODY: none. */
static uint32_t find_cycle(struct graph *g)
{
    uint32_t *stack = xcalloc(g->n + 1, sizeof *stack), *call = xcalloc(g->n + 1, sizeof *call), *pos = xcalloc(g->n + 1, sizeof *pos);
    uint32_t nstack = 0, next = 1, found = NOBODY;
    for (uint32_t root = 0; root < g->n && found == NOBODY; root++) {
        uint32_t depth = 0;
        if (g->node[root].index == 0) {
            call[depth++] = root;
        }
        while (depth > 0 && found == NOBODY) {
            const uint32_t at = call[depth - 1];
            struct node *n = &g->node[at];
            if (n->index == 0) {
                n->index = n->low = next++;
                n->on_stack = true;
                stack[nstack++] = at;
                pos[at] = 0;
            }
            if (pos[at] < n->nedges) {
                const uint32_t to = n->edge[pos[at]++].to;
                if (to == at)
                    found = at;
                else if (g->node[to].index == 0)
                    call[depth++] = to;
                else if (g->node[to].on_stack)
                    n->low = MIN(n->low, g->node[to].index);
                continue;
            }
            depth--;
            if (depth > 0)
                g->node[call[depth - 1]].low = MIN(g->node[call[depth - 1]].low, n->low);
            if (n->low != n->index)
                continue;
            uint32_t size = 0, member;
            do {
                member = stack[--nstack];
                g->node[member].on_stack = false;
                size++;
                if (size > 1 && found == NOBODY && !g->node[member].is_time)
                    found = member;
            } while (member != at);
            if (size > 1 && found == NOBODY)
                found = at;
        }
    }
    free(stack);
    free(call);
    free(pos);
    return found;
}

static bool check_cycles(struct history *h, bool serializable)
{
    struct graph g = { .of_txn = xcalloc(h->n + 1, sizeof *g.of_txn) };
    h->g = &g;
    for (uint32_t i = 0; i < h->n; i++)
        g.of_txn[i] = h->txn[i].outcome == HISTORY_COMMITTED ? add_node(&g, i, NOBODY, h->txn[i].began, h->txn[i].ended) : NOBODY;
    for (uint32_t i = 0; i < h->n && g.n > 0; i++)
        add_txn(h, i);
    for (uint32_t k = 0; k < h->keys; k++)
        add_version_edges(h, k);
    add_time_edges(&g);
    compose(&g, serializable);
    const uint32_t at = find_cycle(&g);
    if (at != NOBODY)
        describe_cycle(h, at);
    for (uint32_t i = 0; i < g.n; i++) {
        free(g.node[i].edge);
        free(g.node[i].rw);
    }
    free(g.node);
    free(g.of_txn);
    h->g = NULL;
    return at == NOBODY;
}

const char *history_check(struct history *h, bool serializable)
{
    buf_reset(&h->verdict);
    bool fine = find_longest(h);
    for (uint32_t k = 0; k < h->keys && fine; k++)
        fine = check_values(h, k);
    for (uint32_t i = 0; i < h->n && fine; i++) {
        struct txn *t = &h->txn[i];
        if (t->outcome == HISTORY_UNKNOWN)
            t->outcome = HISTORY_ABORTED; /* no value of it is in a list: it must never come */
        if (t->outcome == HISTORY_COMMITTED)
            fine = check_writes(h, i);
        for (uint32_t k = 0; k < t->nreads && fine; k++)
            fine = check_prefix(h, i, &t->read[k]) && check_whole(h, i, &t->read[k]);
    }
    fine = fine && check_cycles(h, serializable);
    if (fine)
        return NULL;
    buf_put_u8(&h->verdict, 0);
    return (const char *)h->verdict.p;
}
