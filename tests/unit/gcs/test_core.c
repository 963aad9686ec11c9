/*
 * The protocol cores of the global cache, thousands of seeds: three or four
 * nodes, a few blocks, first-in first-out channels with any delay, pins,
 * changes, in-place writes, evictions, late notices, copies, and nodes that
 * join and leave. After each step the invariants of models/gcs.pml are
 * checked; at the end everything drains and nobody may be waiting.
 *
 * With the argument "mutations" (a build with -Dmutations=true) each rule is
 * taken out in turn, and the test must notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "gcs/core/holder.h"
#include "gcs/core/master.h"

#define NODES 4u
#define BLOCKS 2u
#define FIBERS 3u
#define CHANNEL 400u
#define NOTICES 8u
#define EACH_NODE(n) for (unsigned n = 1; n <= NODES; n++)
#define EACH_BLOCK(b) for (unsigned b = 0; b < BLOCKS; b++)

#define CHECK(w, x) ((x) ? (void)0 : panic("seed %" PRIu64 " step %u: %s", (w)->seed, (w)->step, #x))

struct envelope {
    struct gcs_msg msg;
    scn_t bytes; /* version that the block's bytes show */
};

struct channel {
    struct envelope q[CHANNEL];
    unsigned first, n;
};

enum fiber_state { F_IDLE, F_WAITS, F_PINNED };

struct user {
    enum fiber_state state;
    enum gcs_want want;
    bool copy_ok;
};

struct side { /* one node's side of one block */
    struct gcs_holder h;
    struct gcs_master m;
    scn_t bytes, pi_bytes, wip_bytes;
    scn_t last_change; /* by this node */
    scn_t given_away; /* newest dirty version shipped in X */
    struct user user[FIBERS];
    uint64_t notice[NOTICES];
    unsigned nnotices;
    struct gcs_msg copy_ask; /* held back by a writer; node 0: none */
    bool opened;
};

struct node {
    struct side side[BLOCKS];
    epoch_t epoch;
    uint64_t members; /* of its view */
    uint64_t next_gno;
    uint64_t tokens;
    scn_t durable; /* own changes up to this version are in the redo on disk */
    bool open, declared, draining;
    uint64_t heard; /* nodes whose declarations are complete */
};

struct world {
    uint64_t seed, random;
    unsigned step;
    struct node node[NODES + 1];
    struct channel ch[NODES + 1][NODES + 1];
    scn_t disk[BLOCKS], latest[BLOCKS], author[BLOCKS][4096];
    uint64_t members; /* of the newest view */
    epoch_t epoch;
    bool changing;
    unsigned leaver;
    unsigned changes_left, views_left;
    bool calm; /* no new work */
};

static uint64_t rnd(struct world *w, uint64_t below)
{
    w->random += UINT64_C(0x9e3779b97f4a7c15);
    return hash_u64(w->random) % below;
}

static bool is_member(const struct world *w, unsigned n)
{
    return w->members >> n & 1;
}

/* Any rule that a view gives all nodes: here, blocks take turns among the members. */
static node_no master_of(const struct node *n, unsigned b)
{
    unsigned count = (unsigned)__builtin_popcountll(n->members), k = b % count;
    EACH_NODE(i)
        if (n->members >> i & 1 && k-- == 0)
            return (node_no)i;
    return 0;
}

/* ---- carrying duties out ------------------------------------------------------- */

static void settle(struct world *w, unsigned n, unsigned b);
static void carry_out(struct world *w, unsigned n, unsigned b, const struct gcs_out *out, const struct envelope *in);

static struct gcs_self self_of(const struct world *w, unsigned n, unsigned b)
{
    return (struct gcs_self){ .self = (node_no)n, .master = master_of(&w->node[n], b) };
}

static void put(struct world *w, unsigned from, unsigned to, struct gcs_msg msg, unsigned b, scn_t bytes)
{
    struct channel *c = &w->ch[from][to];
    CHECK(w, c->n < CHANNEL);
    msg.dba = dba_make(1, b);
    msg.epoch = w->node[from].epoch;
    c->q[(c->first + c->n++) % CHANNEL] = (struct envelope){ msg, bytes };
}

static void served(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    for (unsigned i = 0; i < FIBERS; i++) {
        struct user *u = &s->user[i];
        if (u->state != F_WAITS || !gcs_holder_may_pin(&s->h, u->want) || (u->want == GCS_WANT_X && s->copy_ask.node != 0))
            continue;
        u->state = F_PINNED;
        s->h.pins++;
        s->h.xpins += u->want == GCS_WANT_X;
        if (!s->h.valid && rnd(w, 40) == 0) { /* the read fails: an error to the user */
            u->state = F_IDLE;
            s->h.pins--;
            s->h.xpins -= u->want == GCS_WANT_X;
            continue;
        }
        if (!s->h.valid) { /* granted from the disk: read now, that is, before anything else happens under the pin */
            s->bytes = w->disk[b];
            CHECK(w, s->bytes >= s->h.version);
            s->h.version = s->bytes;
            s->h.valid = true;
        }
    }
}

static void ask_for_waiters(struct world *w, unsigned n, unsigned b)
{
    struct node *node = &w->node[n];
    struct side *s = &node->side[b];
    struct gcs_out out = { 0 };
    if (s->h.want != GCS_WANT_NONE || s->h.rv != GCS_RV_NONE || node->epoch == 0 || (w->changing && !node->open))
        return;
    for (unsigned i = 0; i < FIBERS; i++) {
        if (s->user[i].state != F_WAITS || gcs_holder_has(&s->h, s->user[i].want))
            continue;
        const struct gcs_self me = self_of(w, n, b);
        gcs_holder_ask(&s->h, &me, s->user[i].want, s->user[i].copy_ok, 1, ++node->tokens, &out);
        carry_out(w, n, b, &out, NULL);
        return;
    }
}

static void answer_copy(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    if (s->copy_ask.node == 0 || (s->h.mode != GCS_N && (s->h.xpins > 0 || !s->h.valid)))
        return;
    struct gcs_msg m = { .type = GCS_T_COPY, .held = s->copy_ask.held };
    if (s->h.mode != GCS_N) {
        CHECK(w, s->bytes == w->latest[b]);
        m.flags = GCS_F_BLOCK;
    }
    put(w, n, s->copy_ask.node, m, b, s->bytes);
    s->copy_ask.node = 0;
}

static bool waits(const struct side *s)
{
    for (unsigned i = 0; i < FIBERS; i++)
        if (s->user[i].state != F_IDLE)
            return true;
    return false;
}

/* Granted, but never read: given back. */
static void give_back(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    if (s->h.mode == GCS_N || s->h.valid || !gcs_holder_may_evict(&s->h) || waits(s) || !w->node[n].open)
        return;
    const struct gcs_self me = self_of(w, n, b);
    struct gcs_out out = { 0 };
    uint64_t notice;
    gcs_holder_evict(&s->h, &me, &out, &notice);
    if (notice != 0)
        put(w, n, me.master, (struct gcs_msg){ .type = GCS_T_EVICT_S, .held = notice }, b, 0);
    carry_out(w, n, b, &out, NULL);
}

static void settle(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    const struct gcs_self me = self_of(w, n, b);
    if (s->h.rv != GCS_RV_NONE) {
        struct gcs_out out = { 0 };
        gcs_holder_release(&s->h, &me, s->last_change <= w->node[n].durable || MUTATED("R7"), &out);
        carry_out(w, n, b, &out, NULL);
    }
    answer_copy(w, n, b);
    served(w, n, b);
    ask_for_waiters(w, n, b);
    give_back(w, n, b);
}

static void refused(struct world *w, unsigned n, unsigned b, const struct gcs_act *a)
{
    struct side *s = &w->node[n].side[b];
    for (unsigned i = 0; i < FIBERS; i++) {
        struct user *u = &s->user[i];
        if (u->state != F_WAITS || !u->copy_ok)
            continue;
        if (a->msg.flags & GCS_F_BLOCK)
            u->state = F_IDLE; /* has read the copy */
        else
            u->copy_ok = false; /* takes S */
    }
}

static void send_block(struct world *w, unsigned n, unsigned b, const struct gcs_act *a)
{
    struct side *s = &w->node[n].side[b];
    const bool from_pi = s->h.mode == GCS_N && s->h.pi > 0 && a->msg.mode == GCS_S && a->msg.scn == s->h.pi && MUTATED("R13_ship");
    const scn_t bytes = from_pi ? s->pi_bytes : s->bytes;
    CHECK(w, bytes == a->msg.scn);
    CHECK(w, s->last_change <= w->node[n].durable); /* R7: nobody sees what could still be lost */
    if (a->msg.mode >= GCS_X && (a->msg.flags & GCS_F_DIRTY))
        s->given_away = bytes;
    struct gcs_msg msg = a->msg;
    msg.flags |= GCS_F_BLOCK;
    put(w, n, a->to, msg, b, bytes);
}

static void carry_out(struct world *w, unsigned n, unsigned b, const struct gcs_out *out, const struct envelope *in)
{
    struct side *s = &w->node[n].side[b];
    for (uint32_t i = 0; i < out->n; i++) {
        const struct gcs_act *a = &out->act[i];
        switch (a->kind) {
        case GCS_SEND:
            put(w, n, a->to, a->msg, b, 0);
            break;
        case GCS_SEND_BLOCK:
            send_block(w, n, b, a);
            break;
        case GCS_KEEP_PI:
            s->pi_bytes = s->bytes;
            s->bytes = 0;
            break;
        case GCS_DROP:
            s->bytes = 0;
            break;
        case GCS_DROP_PI:
            s->pi_bytes = 0;
            break;
        case GCS_PI_IS_CURRENT:
            s->bytes = s->pi_bytes;
            s->pi_bytes = 0;
            break;
        case GCS_INSTALL:
            s->bytes = in->bytes;
            break;
        case GCS_REFUSED:
            refused(w, n, b, a);
            break;
        case GCS_WRITE_NOW:
            s->h.must_write = s->h.dirty;
            break;
        case GCS_FROM_DISK:
        case GCS_GRANTED:
            break;
        }
    }
}

/* ---- messages --------------------------------------------------------------------- */

static struct gcs_master_env env_of(struct world *w, unsigned n)
{
    return (struct gcs_master_env){ .self = (node_no)n, .open = w->node[n].open, .next_gno = &w->node[n].next_gno };
}

static bool is_for_master(const struct gcs_msg *m)
{
    switch ((enum gcs_type)m->type) {
    case GCS_T_REQ:
    case GCS_T_INVACK:
    case GCS_T_NOHAVE:
    case GCS_T_DONE:
    case GCS_T_EVICT:
    case GCS_T_EVICT_S:
    case GCS_T_WBDONE:
    case GCS_T_DECLARE:
        return true;
    case GCS_T_WRITE_ASK:
        return m->node != 0; /* from the asker; the master's own has no node */
    default:
        return false;
    }
}

static void open_block(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    const struct gcs_master_env env = env_of(w, n);
    struct gcs_out out = { 0 };
    gcs_master_open(&s->m, &env, &out);
    carry_out(w, n, b, &out, NULL);
}

static void maybe_open(struct world *w, unsigned n)
{
    struct node *node = &w->node[n];
    if (node->open || !node->declared || (node->heard & node->members) != node->members)
        return;
    node->open = true;
    EACH_BLOCK(b) {
        if (master_of(node, b) == n)
            open_block(w, n, b);
        const struct gcs_self me = self_of(w, n, b);
        struct gcs_out out = { 0 };
        gcs_holder_ask_again(&node->side[b].h, &me, &out);
        carry_out(w, n, b, &out, NULL);
        settle(w, n, b);
    }
}

static void deliver(struct world *w, unsigned from, unsigned to)
{
    struct channel *c = &w->ch[from][to];
    if (MUTATED("R15") && c->n >= 2 && rnd(w, 2) == 0) {
        struct envelope *x = &c->q[c->first], *y = &c->q[(c->first + 1) % CHANNEL], t = *x;
        *x = *y;
        *y = t;
    }
    const struct envelope e = c->q[c->first];
    c->first = (c->first + 1) % CHANNEL;
    c->n--;

    struct node *node = &w->node[to];
    const unsigned b = dba_block(e.msg.dba);
    struct side *s = &node->side[b];
    if (!(node->members >> to & 1) || gcs_msg_is_void(&e.msg, node->epoch))
        return;
    CHECK(w, e.msg.epoch == node->epoch || MUTATED("R14_epoch"));
    struct gcs_out out = { 0 };
    CHECK(w, gcs_msg_fault(&e.msg, (node_no)from, (node_no)to, e.msg.flags & GCS_F_BLOCK) == NULL);
    if (e.msg.type == GCS_T_DECLARED) {
        node->heard |= UINT64_C(1) << from;
        maybe_open(w, to);
        return;
    }
    if (e.msg.type == GCS_T_COPY_ASK) {
        if (s->copy_ask.node == 0)
            s->copy_ask = e.msg;
        else
            put(w, to, e.msg.node, (struct gcs_msg){ .type = GCS_T_COPY, .held = e.msg.held }, b, 0);
    } else if (is_for_master(&e.msg)) {
        const struct gcs_master_env env = env_of(w, to);
        CHECK(w, master_of(node, b) == to || MUTATED("R14_epoch"));
        CHECK(w, gcs_master_recv(&s->m, &env, &e.msg, (node_no)from, &out) == NULL);
    } else {
        const struct gcs_self me = self_of(w, to, b);
        CHECK(w, gcs_holder_recv(&s->h, &me, &e.msg, (node_no)from, &out) == NULL);
    }
    carry_out(w, to, b, &out, &e);
    settle(w, to, b);
}

/* ---- what nodes do of their own accord ------------------------------------------------ */

static void change(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    if (w->changes_left == 0)
        return;
    w->changes_left--;
    CHECK(w, s->bytes == w->latest[b]); /* no lost update */
    w->latest[b]++;
    w->author[b][w->latest[b]] = n;
    gcs_holder_changed(&s->h);
    s->h.version = s->bytes = s->last_change = w->latest[b];
}

static void use_fiber(struct world *w, unsigned n, unsigned b)
{
    struct node *node = &w->node[n];
    struct side *s = &node->side[b];
    struct user *u = &s->user[rnd(w, FIBERS)];
    if (u->state == F_IDLE && !w->calm && !node->draining && rnd(w, 4) == 0) {
        *u = (struct user){ .state = F_WAITS, .want = rnd(w, 2) ? GCS_WANT_S : GCS_WANT_X, .copy_ok = rnd(w, 3) == 0 };
        u->copy_ok &= u->want == GCS_WANT_S;
    } else if (u->state == F_PINNED) {
        CHECK(w, s->h.valid);
        CHECK(w, s->bytes == w->latest[b]); /* a reader sees the newest, a writer changes it */
        if (u->want == GCS_WANT_X && rnd(w, 3) > 0)
            change(w, n, b);
        u->state = F_IDLE;
        s->h.pins--;
        s->h.xpins -= u->want == GCS_WANT_X;
    }
    settle(w, n, b);
}

static void write_in_place(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    const struct gcs_self me = self_of(w, n, b);
    struct gcs_out out = { 0 };
    if (s->h.wip == 0) {
        if (s->h.mode < GCS_SCUR || !s->h.dirty || s->h.xpins > 0 || (s->h.rv != GCS_RV_NONE && !s->h.must_write))
            return;
        gcs_holder_write_begin(&s->h);
        s->wip_bytes = s->bytes;
        w->node[n].durable = MAX(w->node[n].durable, s->last_change);
        return;
    }
    CHECK(w, s->wip_bytes >= w->disk[b]); /* the disk never goes back */
    w->disk[b] = s->wip_bytes;
    gcs_holder_write_end(&s->h, &me, &out);
    if (!w->node[n].open)
        out.n = 0; /* between installing and opening only declarations are sent: past images are asked about later */
    carry_out(w, n, b, &out, NULL);
    settle(w, n, b);
}

static void evict(struct world *w, unsigned n, unsigned b)
{
    struct side *s = &w->node[n].side[b];
    const struct gcs_self me = self_of(w, n, b);
    struct gcs_out out = { 0 };
    uint64_t notice;
    if (s->h.mode == GCS_N || !gcs_holder_may_evict(&s->h) || waits(s) || (s->h.mode == GCS_S && s->nnotices == NOTICES) || (w->changing && !w->node[n].open))
        return;
    gcs_holder_evict(&s->h, &me, &out, &notice);
    s->bytes = 0;
    if (notice != 0)
        s->notice[s->nnotices++] = notice;
    carry_out(w, n, b, &out, NULL);
}

static void send_notices(struct world *w, unsigned n, unsigned b)
{
    struct node *node = &w->node[n];
    struct side *s = &node->side[b];
    if (w->changing && !node->open)
        return;
    for (unsigned i = 0; i < s->nnotices; i++)
        put(w, n, master_of(node, b), (struct gcs_msg){ .type = GCS_T_EVICT_S, .held = s->notice[i] }, b, 0);
    s->nnotices = 0;
}

static void ask_to_write(struct world *w, unsigned n, unsigned b)
{
    struct node *node = &w->node[n];
    struct side *s = &node->side[b];
    if (s->h.pi > 0 && !(w->changing && !node->open) && w->ch[n][master_of(node, b)].n < 20)
        put(w, n, master_of(node, b), (struct gcs_msg){ .type = GCS_T_WRITE_ASK, .scn = s->h.pi, .node = (node_no)n }, b, 0);
}

/* ---- views --------------------------------------------------------------------------------- */

static void install(struct world *w, unsigned n)
{
    struct node *node = &w->node[n];
    node->epoch = w->epoch;
    node->members = w->members;
    node->open = node->declared = false;
    node->heard = 0;
    node->next_gno = w->epoch << 40 | 1;
    EACH_BLOCK(b) {
        struct side *s = &node->side[b];
        gcs_holder_view(&s->h);
        if (s->h.mode == GCS_N)
            s->bytes = 0;
        gcs_master_fini(&s->m);
        gcs_master_init(&s->m, dba_make(1, b));
        s->nnotices = 0; /* nothing is held: nothing is declared */
        s->copy_ask.node = 0;
    }
}

static void declare(struct world *w, unsigned n)
{
    struct node *node = &w->node[n];
    EACH_BLOCK(b) {
        const struct gcs_self me = self_of(w, n, b);
        struct gcs_out out = { 0 };
        struct gcs_holder *h = &node->side[b].h;
        gcs_holder_declare(h, &me, gcs_holder_needs_disk(h) ? w->disk[b] : 0, &out);
        carry_out(w, n, b, &out, NULL);
    }
    EACH_NODE(to)
        if (w->members >> to & 1)
            put(w, n, to, (struct gcs_msg){ .type = GCS_T_DECLARED }, 0, 0);
    node->declared = true;
}

static bool all_installed(const struct world *w)
{
    EACH_NODE(n)
        if (is_member(w, n) && w->node[n].epoch != w->epoch)
            return false;
    return true;
}

static bool all_open(const struct world *w)
{
    EACH_NODE(n)
        if (is_member(w, n) && (w->node[n].epoch != w->epoch || !w->node[n].open))
            return false;
    return true;
}

static bool is_empty(const struct world *w, unsigned n)
{
    EACH_BLOCK(b) {
        const struct side *s = &w->node[n].side[b];
        if (s->h.mode != GCS_N || s->h.pi != 0 || s->h.want != GCS_WANT_NONE || s->nnotices > 0 || waits(s))
            return false;
    }
    return true;
}

static void new_view(struct world *w, uint64_t members)
{
    w->epoch++;
    w->members = members;
    w->changing = true;
}

/* One step of a view change, or the begin of one. */
static void view_step(struct world *w)
{
    const unsigned n = 1 + (unsigned)rnd(w, NODES);
    if (w->changing) {
        if (is_member(w, n) && w->node[n].epoch != w->epoch)
            install(w, n);
        else if (is_member(w, n) && all_installed(w) && !w->node[n].declared)
            declare(w, n);
        else if (is_member(w, n))
            maybe_open(w, n);
        w->changing = !all_open(w);
    } else if (w->leaver != 0) {
        if (is_empty(w, w->leaver)) {
            new_view(w, w->members & ~(UINT64_C(1) << w->leaver));
            w->node[w->leaver].members = w->node[w->leaver].epoch = 0;
            w->leaver = 0;
        }
    } else if (w->views_left > 0 && rnd(w, 40) == 0) {
        w->views_left--;
        if (!is_member(w, n)) {
            w->node[n].draining = false;
            new_view(w, w->members | UINT64_C(1) << n);
        } else if (__builtin_popcountll(w->members) > 1 && rnd(w, 2) == 0) {
            w->leaver = n;
            w->node[n].draining = true;
        } else {
            new_view(w, w->members); /* nothing changes, all is declared anew */
        }
    }
}

/* ---- invariants ------------------------------------------------------------------------------- */

static void check_block(struct world *w, unsigned b)
{
    unsigned owners = 0, exclusive = 0, readers = 0;
    EACH_NODE(n) {
        const struct side *s = &w->node[n].side[b];
        owners += s->h.mode >= GCS_SCUR;
        exclusive += s->h.mode >= GCS_X;
        readers += s->h.mode == GCS_S || s->h.mode == GCS_SCUR;
        CHECK(w, s->h.mode == GCS_N || !s->h.valid || (s->bytes == w->latest[b] && s->h.version == s->bytes));
        CHECK(w, s->h.pi == s->pi_bytes);
        CHECK(w, s->given_away == 0 || w->disk[b] >= s->given_away || s->h.pi >= s->given_away ||
                     (s->h.mode >= GCS_SCUR && s->h.version >= s->given_away));
    }
    CHECK(w, owners <= 1);
    CHECK(w, exclusive == 0 || readers == 0);
    CHECK(w, w->disk[b] <= w->latest[b]);
}

static bool all_quiet(const struct world *w)
{
    EACH_NODE(a)
        EACH_NODE(b)
            if (w->ch[a][b].n > 0)
                return false;
    return !w->changing;
}

static void check_drained(struct world *w)
{
    EACH_BLOCK(b) {
        bool owned = false;
        EACH_NODE(n) {
            const struct side *s = &w->node[n].side[b];
            CHECK(w, !waits(s));
            CHECK(w, s->h.want == GCS_WANT_NONE && s->h.rv == GCS_RV_NONE && !s->h.got && s->h.pins == 0);
            CHECK(w, s->h.pi == 0 || s->h.pi > w->disk[b] || MUTATED("R13_version"));
            owned |= s->h.mode >= GCS_SCUR;
            if (is_member(w, n) && master_of(&w->node[n], b) == n)
                CHECK(w, s->m.op == GCS_WANT_NONE);
        }
        CHECK(w, owned || w->disk[b] == w->latest[b]);
    }
}

/* ---- a run ---------------------------------------------------------------------------------------- */

static void one_step(struct world *w)
{
    const unsigned n = 1 + (unsigned)rnd(w, NODES), b = (unsigned)rnd(w, BLOCKS), from = 1 + (unsigned)rnd(w, NODES);
    w->step++;
    if (rnd(w, 10) < 6 || w->calm) {
        if (w->ch[from][n].n > 0)
            deliver(w, from, n);
    }
    if (!is_member(w, n) || w->node[n].epoch == 0) {
        view_step(w);
        return;
    }
    switch (rnd(w, 12)) {
    case 0: case 1: case 2: case 3: case 4:
        use_fiber(w, n, b);
        break;
    case 5: case 6:
        write_in_place(w, n, b);
        break;
    case 7:
        w->node[n].durable = MAX(w->node[n].durable, w->node[n].side[b].last_change);
        EACH_BLOCK(k)
            settle(w, n, k);
        break;
    case 8:
        if (!w->calm || w->node[n].draining)
            evict(w, n, b);
        break;
    case 9:
        send_notices(w, n, b);
        break;
    case 10:
        if (w->node[n].draining || rnd(w, 4) == 0)
            ask_to_write(w, n, b);
        break;
    case 11:
        view_step(w);
        break;
    }
}

static void run(uint64_t seed)
{
    static struct world world;
    struct world *w = &world;
    memset(w, 0, sizeof(*w));
    w->seed = w->random = seed;
    w->changes_left = 60;
    w->views_left = seed % 3 == 0 ? 0 : 4;
    EACH_NODE(n)
        EACH_BLOCK(b)
            gcs_master_init(&w->node[n].side[b].m, dba_make(1, b));
    new_view(w, 2 | 4 | (seed % 2 ? 8 : 0));
    for (unsigned i = 0; i < 1500; i++) {
        one_step(w);
        EACH_BLOCK(b)
            check_block(w, b);
    }
    w->calm = true;
    w->views_left = 0;
    for (unsigned i = 0; i < 4000 || !all_quiet(w); i++) {
        one_step(w);
        EACH_BLOCK(b)
            check_block(w, b);
        CHECK(w, i < 20000);
    }
    check_drained(w);
    EACH_NODE(n)
        EACH_BLOCK(b)
            gcs_master_fini(&w->node[n].side[b].m);
}

static void invariants_hold(void **state)
{
    for (uint64_t seed = 1; seed <= 6000; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invariants_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
