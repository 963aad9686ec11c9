/*
 * Rows of one heap segment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check/check_int.h"
#include "rt/rt.h"

/* A row that has moved: at first both sides on their own, then matched. */
struct stub {
    struct rowid to;
    struct undo_ptr stamp;
    struct rowid home;
    bool live;
};
struct place {
    struct rowid at;
    struct undo_ptr stamp;
};
struct chain {
    struct overflow_ref ref;
    struct rowid at;
    bool moved; /* whether it is live follows from its stub */
    bool live;
};

struct heap_check {
    struct check *c;
    const char *name;
    const struct segment *s;
    const struct heap_visit *visit;
    struct stub *stub;
    struct place *place;
    struct chain *chain;
    uint32_t nstubs, nplaces, nchains, stubs_cap, places_cap, chains_cap;
    uint64_t rows;
};

#define PUSH(h, v, n, cap) (grow((void **)&(h)->v, &(h)->cap, (h)->n, sizeof *(h)->v), &(h)->v[(h)->n++])
static void grow(void **v, uint32_t *cap, uint32_t n, size_t size)
{
    if (n < *cap)
        return;
    *cap = MAX(64u, 2 * *cap);
    *v = xrealloc(*v, *cap * size);
}

static void row_problem(const struct heap_check *h, struct rowid at, const char *what, const char *more)
{
    check__problem(h->c, "%s, row %u of block %u: %s%s", h->name, rowid_slot(at), dba_block(rowid_dba(at)), what, more);
}

/* ---- one row -------------------------------------------------------------------------- */

static void check_header(struct heap_check *h, struct rowid at, const struct row_header *rh)
{
    if (rh->flags & ROW_STAMPED) {
        if (rh->writer > h->c->control->scn_high_water)
            row_problem(h, at, "it was committed above the highest SCN", "");
        return;
    }
    const char *why = check__writer(h->c, (struct xid){ rh->writer });
    if (why)
        row_problem(h, at, "the transaction that wrote it ", why);
}

static void note_chain(struct heap_check *h, struct rowid at, const struct heap_item *it, bool moved)
{
    struct overflow_ref ref;
    if (overflow_ref_get(it->body, it->h.body_len, &ref))
        *PUSH(h, chain, nchains, chains_cap) = (struct chain){ ref, at, moved, !(it->h.flags & ROW_DELETED) };
}

static void check_row(struct heap_check *h, struct rowid at, const struct heap_item *it)
{
    const bool deleted = it->h.flags & ROW_DELETED;
    check_header(h, at, &it->h);
    if (it->h.flags & ROW_MOVED_HERE) {
        *PUSH(h, place, nplaces, places_cap) = (struct place){ at, it->h.undo };
        note_chain(h, at, it, true);
        if (it->h.flags & (ROW_FORWARD | ROW_DELETED))
            row_problem(h, at, "a moved row's body with the flags of its home", "");
        else
            h->visit->row(h->visit->arg, at, it->body, it->h.body_len);
        return;
    }
    check__versions(h->c, h->s->seg, at, &it->h);
    h->rows += !deleted;
    if (!(it->h.flags & ROW_FORWARD)) {
        note_chain(h, at, it, false);
        if (!deleted)
            h->visit->row(h->visit->arg, at, it->body, it->h.body_len);
        return;
    }
    struct heap_stub stub;
    if (it->h.body_len != HEAP_STUB_SIZE) {
        row_problem(h, at, "a forwarding stub of a wrong size", "");
        return;
    }
    memcpy(&stub, it->body, sizeof stub);
    *PUSH(h, stub, nstubs, stubs_cap) = (struct stub){ stub.to, stub.stamp, at, !deleted };
}

static void check_block(struct heap_check *h, struct dba at, const uint8_t *block)
{
    struct diag d;
    if (!heap_page_is(block, h->s->seg.id)) {
        check__problem(h->c, "%s: block %u is not a block of its rows", h->name, dba_block(at));
        return;
    }
    if (heap_page_check(block, &d)) {
        check__problem_diag(h->c, h->name, &d);
        return;
    }
    for (uint16_t slot = 0; slot < heap_page(block)->nslots; slot++) {
        struct heap_item it;
        if (heap_page_row(block, slot, &it))
            check_row(h, rowid_make(at, slot), &it);
        rt_yield_if_due();
    }
}

/* ---- moved rows -------------------------------------------------------------------------- */

static int by_to(const void *a, const void *b)
{
    const struct stub *x = a, *y = b;
    if (x->to.v != y->to.v)
        return x->to.v < y->to.v ? -1 : 1;
    return x->live != y->live ? (x->live ? -1 : 1) : (x->home.v > y->home.v) - (x->home.v < y->home.v);
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return (x->at.v > y->at.v) - (x->at.v < y->at.v);
}

static const struct place *find_place(const struct heap_check *h, struct rowid at)
{
    const struct place key = { .at = at };
    return h->nplaces ? bsearch(&key, h->place, h->nplaces, sizeof *h->place, by_place) : NULL;
}

const struct heap_moved *check__find_moved(const struct heap_moved *moved, uint32_t n, struct rowid to)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        const uint32_t mid = (lo + hi) / 2;
        if (moved[mid].to.v < to.v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && moved[lo].to.v == to.v ? &moved[lo] : NULL;
}

/* A deleted row's stub may lead to nothing: purge has come so far. */
static void match_stub(struct heap_check *h, struct heap_moved *moved, const struct stub *s)
{
    const struct place *p = find_place(h, s->to);
    if (!p || p->stamp.v != s->stamp.v) {
        if (s->live)
            row_problem(h, s->home, "its stub does not lead to its body", "");
        return;
    }
    struct heap_moved *m = &moved[p - h->place];
    if (m->home.v)
        row_problem(h, s->home, "its body is another row's too", "");
    else
        m->home = s->home;
}

static struct heap_moved *match(struct heap_check *h)
{
    struct heap_moved *moved = xcalloc(h->nplaces + 1u, sizeof *moved);
    if (h->nplaces)
        qsort(h->place, h->nplaces, sizeof *h->place, by_place);
    if (h->nstubs)
        qsort(h->stub, h->nstubs, sizeof *h->stub, by_to);
    for (uint32_t i = 0; i < h->nplaces; i++)
        moved[i].to = h->place[i].at;
    for (uint32_t i = 0; i < h->nstubs; i++)
        match_stub(h, moved, &h->stub[i]);
    for (uint32_t i = 0; i < h->nplaces; i++)
        if (!moved[i].home.v && !check__excused(h->c, check__moved_key(h->place[i].at, h->place[i].stamp)))
            row_problem(h, h->place[i].at, "the body of a moved row that no row leads to", "");
    /* the body of a deleted row is not a live one's */
    for (uint32_t i = 0; i < h->nstubs; i++) {
        const struct place *p = h->stub[i].live ? NULL : find_place(h, h->stub[i].to);
        if (p && moved[p - h->place].home.v == h->stub[i].home.v)
            moved[p - h->place].home.v = 0;
    }
    return moved;
}

/* ---- chains -------------------------------------------------------------------------------- */

/* Live rows first: where two refer to one chain the live one is right. */
static void check_chains(struct heap_check *h, const struct heap_moved *moved, bool live)
{
    for (uint32_t i = 0; i < h->nchains; i++) {
        const struct chain *ch = &h->chain[i];
        const struct heap_moved *m = ch->moved ? check__find_moved(moved, h->nplaces, ch->at) : NULL;
        const bool is_live = ch->moved ? m && m->home.v : ch->live;
        char what[256];
        if (is_live != live)
            continue;
        snprintf(what, sizeof what, "%s, row %u of block %u", h->name, rowid_slot(ch->at), dba_block(rowid_dba(ch->at)));
        (void)check__chain(h->c, live ? what : NULL, h->s->seg, &ch->ref);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

void check__heap(struct check *c, const char *name, const struct segment *s, const struct heap_visit *visit, struct heap_moved **ret_moved,
                 uint32_t *ret_nmoved)
{
    struct heap_check h = { .c = c, .name = name, .s = s, .visit = visit };
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    struct dba at;
    for (uint64_t pos = 0; check__next_block(c, s, &pos, &at);) {
        const struct block_note *note = &c->block[dba_block(at)];
        if (note->class <= SPACE_CLASS_MAX) {
            if (check__read(c, at, block))
                check_block(&h, at, block);
        } else if (note->type != BLOCK_OVERFLOW) {
            check__problem(c, "%s: block %u is of type %s", name, dba_block(at), block_type_name(note->type));
        }
    }
    rt_free_aligned(block, BLOCK_SIZE);
    *ret_moved = match(&h);
    *ret_nmoved = h.nplaces;
    check_chains(&h, *ret_moved, true);
    check_chains(&h, *ret_moved, false);
    check__lost_pieces(c, name, s);
    c->res->rows += h.rows;
    free(h.stub);
    free(h.place);
    free(h.chain);
}
