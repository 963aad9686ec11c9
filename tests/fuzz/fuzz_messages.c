/*
 * The bodies of messages, and what the pure cores behind them do with
 * messages that pass the decoders: nodes that lie, repeat themselves, answer
 * what was not asked. A core may refuse; it may not fail an assertion, and
 * what it says names nodes that exist.
 *
 * The first byte chooses the part; each further one is a choice.
 */
#include "standalone.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "cluster/core/slot.h"
#include "cluster/core/view_wire.h"
#include "gcs/core/holder.h"
#include "gcs/core/master.h"
#include "ges/core/master.h"
#include "ges/core/wire.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define SELF 2u

struct input {
    const uint8_t *p, *end;
};

static uint8_t take(struct input *in) { return in->p < in->end ? *in->p++ : 0; }

/* Small numbers, mostly; now and then a large one. */
static uint64_t number(struct input *in)
{
    const uint8_t b = take(in);
    return b < 240 ? b % 8 : b < 250 ? b : UINT64_MAX >> (b - 250) * 12;
}

static node_no node(struct input *in) { return (node_no)(1 + take(in) % NODES_MAX); }

static bool is_node(node_no n) { return n >= 1 && n <= NODES_MAX; }

/* ---- membership ------------------------------------------------------------------------- */

static struct cluster_member member_of(struct input *in, node_no n)
{
    struct cluster_member m = { .node = n, .incarnation = 1 + number(in), .redo_thread = n, .name = "n", .interconnect_address = "a:1", .sql_address = "b:2" };
    if (take(in) > 250)
        m.redo_thread = (uint16_t)number(in);
    return m;
}

static void put_view_step(struct input *in, struct buf *b)
{
    struct cluster_view v = { .epoch = number(in) };
    for (node_no n = 1; n <= 6; n++)
        if (take(in) % 2)
            v.m[v.n++] = member_of(in, n);
    view_put_step(b, (enum view_step)(take(in) % (VIEW_STEP_COUNT + 1)), v.epoch, &v);
}

/* A few bytes of it are changed, and it is as long as that: the sanitizer sees what is read beyond. */
static uint8_t *spoiled(struct input *in, struct buf *b, size_t *ret_len)
{
    const uint8_t how = take(in);
    *ret_len = b->len - (how > 240 && b->len > 0 ? how % b->len : 0);
    uint8_t *p = malloc(*ret_len + 1);
    memcpy(p, b->p, *ret_len);
    for (unsigned i = how % 4 == 0 ? how / 64u : 0; i > 0 && *ret_len > 0; i--)
        p[(take(in) | (size_t)take(in) << 8) % *ret_len] = take(in);
    return p;
}

/* Makes an event of a message's bytes; false: the decoder refuses them. */
static bool event_of(struct input *in, struct view_event *ev, struct cluster_member *m, struct cluster_view *v)
{
    struct buf b;
    struct diag d;
    size_t len;
    struct heartbeat h = { .state = take(in), .epoch = number(in), .heard = number(in) * 0x0101 };
    const enum view_event_type types[] = { VIEW_EV_JOIN, VIEW_EV_STEP, VIEW_EV_DONE, VIEW_EV_HEARS, VIEW_EV_STEP, VIEW_EV_STEP };
    ev->type = types[take(in) % 6];
    buf_init(&b);
    if (ev->type == VIEW_EV_JOIN) {
        *m = member_of(in, ev->from);
        view_put_join(&b, m);
    } else if (ev->type == VIEW_EV_STEP) {
        put_view_step(in, &b);
    } else if (ev->type == VIEW_EV_DONE) {
        view_put_done(&b, (enum view_step)(take(in) % (VIEW_STEP_COUNT + 1)), number(in));
    } else {
        uint8_t bytes[HEARTBEAT_BYTES];
        heartbeat_put(bytes, &h);
        buf_put(&b, bytes, sizeof(bytes));
    }
    uint8_t *p = spoiled(in, &b, &len);
    enum err err = ERR_OK;
    if (ev->type == VIEW_EV_JOIN)
        err = view_get_join(p, len, m, &d);
    else if (ev->type == VIEW_EV_STEP)
        err = view_get_step(p, len, &ev->step, &ev->epoch, v, &d);
    else if (ev->type == VIEW_EV_DONE)
        err = view_get_done(p, len, &ev->step, &ev->epoch, &d);
    else
        err = heartbeat_get(p, len, &h, &d);
    if (err == ERR_OK && ev->type == VIEW_EV_JOIN) {
        ev->incarnation = m->incarnation;
        err = m->node == ev->from ? ERR_OK : ERR_PROTOCOL; /* as cluster.c has it */
    }
    ev->heard = h.heard;
    ev->member = m;
    ev->view = v;
    free(p);
    buf_fini(&b);
    return err == ERR_OK;
}

/* What the membership fiber does with actions; listeners finish at once, or later. */
static void act(struct view_core *v, const struct view_output *out, struct input *in, unsigned depth)
{
    for (uint32_t i = 0; i < out->n && depth < 20; i++) {
        const struct view_action *a = &out->a[i];
        struct view_output next;
        struct view_event ev = { .from = SELF, .step = a->step, .epoch = a->epoch };
        MUST(a->type == VIEW_DO_FATAL || a->epoch <= CLUSTER_EPOCH_MAX);
        if (a->type == VIEW_DO_SEND_STEP || a->type == VIEW_DO_SEND_DONE)
            MUST(is_node(a->to));
        if (a->type == VIEW_DO_RUN && take(in) % 8 != 0)
            ev.type = VIEW_EV_RAN;
        else if (a->type == VIEW_DO_WRITE_EPOCH)
            ev.type = VIEW_EV_EPOCH_WRITTEN;
        else
            continue;
        view_step(v, &ev, &next);
        act(v, &next, in, depth + 1);
    }
}

static void membership(struct input *in)
{
    struct cluster_view *view = malloc(sizeof(*view));
    const struct cluster_member self = { .node = SELF, .incarnation = 1, .redo_thread = SELF, .name = "self" };
    struct view_core *v = view_new(&self);
    struct view_output out;
    if (take(in) % 2) {
        view_step(v, &(struct view_event){ .type = VIEW_EV_FORM, .epoch = number(in) & CLUSTER_EPOCH_MAX }, &out);
        act(v, &out, in, 0);
    }
    while (in->p < in->end) {
        struct cluster_member m;
        struct view_event ev = { .from = (node_no)(1 + take(in) % 7), .incarnation = 1 + number(in), .text = "of that" };
        const uint8_t what = take(in);
        if (what < 200 ? !event_of(in, &ev, &m, view) : false)
            continue;
        if (what >= 200)
            ev.type = what < 220 ? VIEW_EV_LEAVE : what < 235 ? VIEW_EV_FAILED : VIEW_EV_TICK;
        view_step(v, &ev, &out);
        act(v, &out, in, 0);
        char text[200];
        view_waits_for(v, text, sizeof(text));
        MUST(view_epoch_max(v) <= CLUSTER_EPOCH_MAX);
    }
    view_free(v);
    free(view);
}

/* ---- global cache ------------------------------------------------------------------------ */

static struct gcs_msg message(struct input *in)
{
    struct gcs_msg m = { .type = (uint8_t)(take(in) % (GCS_TYPE_COUNT + 1)), .dba = dba_make(1, 7) };
    const uint8_t how = take(in);
    static const uint8_t modes[] = { 0, GCS_S, GCS_X, GCS_SCUR };
    m.mode = modes[how % 4];
    m.flags = how / 4 % 4 ? 0 : (uint8_t)(1 << how / 16 % 8);
    m.flags |= m.type == GCS_T_SHIP ? GCS_F_BLOCK : 0;
    m.node = (node_no)(number(in) % 255);
    m.gno = number(in);
    m.held = number(in);
    m.scn = number(in);
    return m;
}

/* What the buffer cache does with a holder's duties, as far as it shows in the holder. */
static void holder_acts(const struct gcs_holder *h, const struct gcs_out *out)
{
    for (uint32_t i = 0; i < out->n; i++) {
        const struct gcs_act *a = &out->act[i];
        if (a->kind == GCS_SEND || a->kind == GCS_SEND_BLOCK)
            MUST(is_node(a->to));
        if (a->kind == GCS_SEND_BLOCK)
            MUST(a->to != SELF);
        if (a->kind == GCS_INSTALL)
            MUST(h->valid);
    }
}

/* The node's own doing, by the rules of the buffer cache. */
static void holder_own(struct gcs_holder *h, const struct gcs_self *me, struct input *in, struct gcs_out *out)
{
    uint64_t notice;
    const enum gcs_want want = take(in) % 2 ? GCS_WANT_S : GCS_WANT_X;
    switch (take(in) % 9) {
    case 0:
    case 1:
        if (h->want == GCS_WANT_NONE && !gcs_holder_has(h, want) && h->rv == GCS_RV_NONE)
            gcs_holder_ask(h, me, want, take(in) % 2, number(in), number(in), out);
        break;
    case 2:
        if (gcs_holder_may_pin(h, want) && h->pins < 3) {
            h->valid = true; /* read, where it was granted from the disk */
            h->pins++;
            h->xpins += want == GCS_WANT_X;
        }
        break;
    case 3:
        if (h->pins > 0) {
            h->xpins -= h->xpins == h->pins || (h->xpins > 0 && take(in) % 2);
            h->pins--;
        }
        break;
    case 4:
        if (h->xpins > 0 && h->mode >= GCS_X) {
            gcs_holder_changed(h);
            h->version++;
        }
        break;
    case 5:
        if (h->mode >= GCS_SCUR && h->dirty && h->wip == 0 && h->xpins == 0 && h->version > 0)
            gcs_holder_write_begin(h);
        break;
    case 6:
        if (h->wip > 0)
            gcs_holder_write_end(h, me, out);
        break;
    case 7:
        if (h->mode != GCS_N && gcs_holder_may_evict(h))
            gcs_holder_evict(h, me, out, &notice);
        break;
    case 8:
        if (take(in) % 8 == 0) {
            gcs_holder_view(h);
            gcs_holder_declare(h, me, gcs_holder_needs_disk(h) ? number(in) : 0, out);
            gcs_holder_ask_again(h, me, out);
        }
        break;
    }
}

static void holder(struct input *in)
{
    struct gcs_holder h = { 0 };
    const struct gcs_self me = { .self = SELF, .master = (node_no)(1 + take(in) % 3) };
    struct gcs_out out;
    while (in->p < in->end) {
        out.n = 0;
        if (take(in) % 2) {
            holder_own(&h, &me, in, &out);
        } else {
            const struct gcs_msg m = message(in);
            const node_no from = node(in);
            if (gcs_msg_fault(&m, from, SELF, m.flags & GCS_F_BLOCK) == NULL && gcs_holder_recv(&h, &me, &m, from, &out) != NULL)
                MUST(out.n == 0);
        }
        holder_acts(&h, &out);
        out.n = 0;
        gcs_holder_release(&h, &me, take(in) % 4 != 0, &out);
        holder_acts(&h, &out);
    }
}

static void master(struct input *in)
{
    struct gcs_master m;
    uint64_t next_gno = 1;
    struct gcs_master_env env = { .self = SELF, .open = take(in) % 2, .next_gno = &next_gno };
    struct gcs_out out;
    gcs_master_init(&m, dba_make(1, 7));
    while (in->p < in->end) {
        out.n = 0;
        struct gcs_msg msg = message(in);
        const node_no from = take(in) % 2 ? node(in) : (node_no)(1 + take(in) % 4);
        if (take(in) % 4)
            msg.gno = m.op_gno; /* about the operation under way */
        if (gcs_msg_fault(&msg, from, SELF, msg.flags & GCS_F_BLOCK) == NULL && gcs_master_recv(&m, &env, &msg, from, &out) != NULL)
            MUST(out.n == 0);
        if (!env.open && take(in) % 16 == 0) {
            env.open = true;
            out.n = 0;
            gcs_master_open(&m, &env, &out);
        }
        for (uint32_t i = 0; i < out.n; i++)
            MUST(out.act[i].kind == GCS_SEND && is_node(out.act[i].to) && out.act[i].msg.node <= NODES_MAX);
        (void)gcs_master_is_idle(&m);
    }
    gcs_master_fini(&m);
}

/* ---- enqueues -------------------------------------------------------------------------------- */

static void lock(struct input *in)
{
    struct gm_res r;
    static struct gm_output out;
    gm_init(&r);
    bool open = false;
    while (in->p < in->end) {
        static const enum ges_wire_kind kinds[] = { GES_WIRE_REQUEST, GES_WIRE_RELEASE, GES_WIRE_CANCEL, GES_WIRE_DECLARE };
        static const enum gm_event_kind events[] = { GM_REQUEST, GM_RELEASE, GM_CANCEL, GM_DECLARE };
        const unsigned k = take(in) % 4;
        const struct ges_wire w = { .type = GES_TM, .mode = take(in) % (GES_MODE_COUNT + 1), .want = take(in) % (GES_MODE_COUNT + 1), .grant_no = number(in) };
        const struct gm_event ev = { .kind = events[k], .node = (node_no)(1 + take(in) % 5), .mode = w.mode, .want = w.want, .grant_no = w.grant_no };
        if (ges_wire_fault(kinds[k], &w) == NULL && (open || k == 3))
            gm_step(&r, &ev, &out);
        if (!open && take(in) % 8 == 0) {
            gm_step(&r, &(struct gm_event){ .kind = GM_OPEN }, &out);
            open = true;
        }
        node_no queue[NODES_MAX];
        MUST(gm_queue(&r, queue, NODES_MAX) <= NODES_MAX);
        LIST_FOREACH(it, &r.nodes)
        {
            const struct gm_node *a = LIST_ENTRY(it, struct gm_node, link);
            LIST_FOREACH(jt, &r.nodes)
            {
                const struct gm_node *b = LIST_ENTRY(jt, struct gm_node, link);
                MUST(a == b || ges_compatible(a->e.mode, b->e.mode));
            }
        }
    }
    gm_fini(&r);
}

/* Whatever passes may index tables by mode and node. */
static void search(struct input *in)
{
    const size_t len = sizeof(struct ges_search_head) + (size_t)(in->end - in->p);
    uint8_t *p = calloc(1, len);
    const struct ges_search_head h = { .kind = SEARCH_ANSWER };
    memcpy(p, &h, sizeof(h));
    memcpy(p + sizeof(h), in->p, len - sizeof(h));
    for (size_t at = sizeof(h); at + sizeof(struct ges_rec) <= len; at += sizeof(struct ges_rec)) { /* plausible records, mostly */
        p[at] = p[at] % 6;
        p[at + 1] = p[at + 1] % 8 ? SELF : p[at + 1];
        p[at + 2] = p[at + 2] % 8 ? p[at + 2] % GES_TYPES_N : p[at + 2];
        p[at + 3] = p[at + 3] % 8 ? p[at + 3] % GES_MODE_COUNT : p[at + 3];
        p[at + 15] = p[at + 23] = SELF;
    }
    const char *fault = ges_search_fault(p, (uint32_t)len, SELF);
    for (uint32_t i = 0; fault == NULL && i < ges_search_recs((uint32_t)len); i++) {
        struct ges_rec r;
        memcpy(&r, p + sizeof(h) + i * sizeof(r), sizeof(r));
        MUST(r.mode < GES_MODE_COUNT && r.type < GES_TYPES_N && is_node(r.node) && ges_mode_name(r.mode) != NULL);
        MUST(r.tag == REC_QUEUE || is_node((node_no)(r.owner >> 56)));
    }
    free(p);
}

/* ---- voting file ------------------------------------------------------------------------------- */

/* A slot as it stands, and with magic, version and checksum made right. */
static void slot(struct input *in)
{
    struct slot s;
    struct diag d;
    uint8_t *p = calloc(1, SLOT_BYTES), again[SLOT_BYTES];
    bool blank;
    const struct slot good = { .state = SLOT_MEMBER, .epoch = 9, .counter = 8, .member = { .node = SELF, .incarnation = 7, .redo_thread = 3, .name = "n" } };
    slot_encode(p, &good);
    while (in->p < in->end) {
        const size_t at = (take(in) | (size_t)take(in) << 8) % 600;
        p[at] = take(in);
        (void)!slot_check_file(p, 7, &blank, &d);
        if (slot_decode(p, SELF, &s, &d) != ERR_OK) { /* sealed as the encoder does */
            uint8_t sealed[SLOT_BYTES];
            memcpy(sealed, p, 512);
            memset(sealed + 512, 0, SLOT_BYTES - 512);
            memcpy(sealed, "RVOT\1\0", 6);
            put_u32le(sealed + 8, 0);
            put_u32le(sealed + 8, crc32c(0, sealed, 512));
            if (slot_decode(sealed, SELF, &s, &d) != ERR_OK)
                continue;
        }
        MUST(s.state < SLOT_STATE_COUNT && s.member.redo_thread <= THREADS_MAX && s.epoch <= CLUSTER_EPOCH_MAX);
        MUST(s.state == SLOT_FREE || (s.member.incarnation != 0 && s.member.node == SELF));
        MUST(strnlen(s.member.name, sizeof(s.member.name)) < sizeof(s.member.name));
        if (s.state != SLOT_FREE) {
            slot_encode(again, &s);
            MUST(slot_decode(again, SELF, &s, &d) == ERR_OK);
        }
    }
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(struct input *) = { membership, holder, master, lock, search, slot, membership, holder, master };
    struct input in = { data, data + size };
    if (size > 0 && size < 3000)
        parts[take(&in) % ARRAY_LEN(parts)](&in);
    return 0;
}
