/*
 * Instances on simulated hosts, each with redo, buffer cache, global cache,
 * interconnect and membership: mini-transactions of all nodes on the same few
 * blocks. The test knows what each block must show at each moment.
 */
#include "../storage/counters.h"

#include "base/hash.h"
#include "cluster/cluster.h"
#include "gcs/gcs.h"
#include "grd/grd.h"
#include "gcs/gcs_int.h"
#include "interconnect/interconnect.h"
#include "storage/buf_int.h"

#define HOSTS 3u
#define BLOCKS 10u
#define BLOCKS_MAX 200u
#define FRESH 3u
#define CHANGES_MAX 20000u

struct scene {
    uint64_t seed;
    uint32_t frames;
    uint32_t fibers, rounds; /* of each host */
    uint32_t blocks;
    double net_break_per_s;
    bool preempt;
    bool narrow; /* send queues that are soon full, a slow network */
    bool slow_disk; /* a block is asked for while it is being written */
    bool come_and_go; /* host 3 joins late, host 2 leaves early and comes again */
    bool rogue; /* host 3 says nonsense, too */
};

/* What is known beyond doubt, written under the pins of those who change it. */
struct truth {
    _Atomic uint64_t value; /* of counter 0 */
    _Atomic scn_t version; /* seen last */
    _Atomic scn_t disk; /* seen last */
    _Atomic uint32_t changed_by; /* host, the last one; 0: none */
    _Atomic lsn_t changed_at; /* that change's redo ends behind this position */
    _Atomic scn_t commit[CHANGES_MAX]; /* SCN of the i-th change, once it has one */
};

struct host;

struct world {
    const struct scene *scene;
    struct host *host[HOSTS + 1];
    struct redo *redo[HOSTS + 1]; /* NULL: closed, all of it durable */
    struct truth block[BLOCKS_MAX];
    _Atomic uint64_t fresh[FRESH]; /* what counter 1 of these blocks shows */
    char dir[64];
    _Atomic bool formatted;
    _Atomic unsigned started;
    _Atomic unsigned running; /* hosts that have not ended their work */
    _Atomic uint64_t phase_ns[GCS_PHASE_COUNT], phase_n[GCS_PHASE_COUNT];
    _Atomic uint64_t adds, copies, promoted, shipped, past_images_most, deferred, malformed;
};

struct host {
    struct world *w;
    uint32_t no;
    struct scn_clock scn;
    struct log *log;
    struct cluster *cluster;
    struct interconnect *ic;
    struct grd *grd;
    struct gcs *gcs;
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    _Atomic scn_t changed[BLOCKS_MAX]; /* version that this host's last change of the block made */
    _Atomic unsigned busy; /* fibers */
    uint64_t until; /* they work so long, 0: a number of rounds */
};

static struct dba dba_of(uint32_t i)
{
    return dba_make(FILE_DATA, 1 + i * EXTENT_BLOCKS);
}

static struct dba fresh_dba(uint32_t i)
{
    return dba_make(FILE_DATA, 2 + i * EXTENT_BLOCKS);
}

/* ---- an instance ------------------------------------------------------------------ */

static void print_log(void *arg, enum log_level level, const char *line, size_t len)
{
    const double now = (double)rt_now() / 1e9;
    if (getenv("SIM_LOG") != NULL)
        fprintf(stderr, "%8.3f host %u %s", now, ((struct host *)arg)->no, line);
}

static scn_t hook_scn_now(void *arg) { return scn_now(&((struct host *)arg)->scn); }
static scn_t hook_watermark(void *arg) { return 0; }
static bool hook_scn_seen(void *arg, node_no from, scn_t scn, scn_t watermark)
{
    scn_raise(&((struct host *)arg)->scn, scn);
    return true;
}
static void hook_peer_changed(void *arg, struct ic_peer_id peer, bool up) { cluster_peer_changed(((struct host *)arg)->cluster, peer, up); }
static void hook_peer_unknown(void *arg, struct ic_peer_id peer) { cluster_peer_unknown(((struct host *)arg)->cluster, peer); }
static scn_t no_snapshot(void *arg) { return SCN_MAX; }
static void ignore_snapshot(void *arg, node_no node, scn_t s) {}
static void on_fatal(void *arg, const char *why) { panic("host %u: %s", ((struct host *)arg)->no, why); }
static enum err nothing_to_recover(void *arg, struct diag *d) { return ERR_OK; }

static void make_folders(struct host *h)
{
    struct diag d;
    for (int i = 0; i < 6; i++) {
        char path[80];
        snprintf(path, sizeof(path), "%s%s", h->w->dir, (const char *[]){ "", "/data", "/undo", "/dw", "/redo", "/control" }[i]);
        CHECK_OK(rt_mkdir(path, &d), &d);
    }
}

static void open_storage(struct host *h, lsn_t start)
{
    struct diag d;
    CHECK_OK(files_open(h->w->dir, false, &h->files, &d), &d);
    const struct redo_options ro = {
        .dir = h->w->dir, .thread = (uint16_t)h->no, .incarnation = start + h->no + 1, .start = start, .file_bytes = 4 << 20, .buffer_bytes = 4 << 20, .scn = &h->scn
    };
    CHECK_OK(redo_open(&ro, &h->redo, &d), &d);
    h->w->redo[h->no] = h->redo;
    const struct bufcache_options bo = { .size_bytes = (uint64_t)h->w->scene->frames * BLOCK_SIZE, .thread = (uint16_t)h->no, .dir = h->w->dir,
                                         .files = h->files, .redo = h->redo, .redo_ops = &counters_ops, .scn = &h->scn, .gcs = h->gcs, .log = h->log };
    CHECK_OK(bufcache_open(&bo, &h->bc, &d), &d);
}

static void start(struct host *h, lsn_t redo_start)
{
    struct diag d;
    char name[16], address[32];
    snprintf(name, sizeof(name), "node%u", h->no);
    if (sim_self() != NULL)
        snprintf(address, sizeof(address), "10.0.0.%u:5000", h->no);
    else
        snprintf(address, sizeof(address), "127.0.0.1:0");
    h->log = log_new(name, LOG_INFO, print_log, NULL, h);
    make_folders(h);
    uint64_t incarnation;
    rt_random_bytes(&incarnation, sizeof(incarnation));
    const struct cluster_options co = { .dir = h->w->dir, .cluster_name = "test", .cluster_id = 7, .node_name = name, .interconnect_address = address,
                                        .sql_address = "x", .incarnation = incarnation | 1, .heartbeat_interval_ms = 100, .phi_threshold = 8.0,
                                        .dead_after_ms = 2500, .log = h->log, .arg = h, .oldest_snapshot = no_snapshot,
                                        .peer_oldest_snapshot = ignore_snapshot, .fatal = on_fatal };
    CHECK_OK(cluster_open(&co, &h->cluster, &d), &d);
    const struct ic_options io = { .self = { cluster_self(h->cluster), incarnation | 1 }, .cluster_id = 7, .secret = "s", .address = address, .lanes_normal = h->w->scene->narrow ? 1 : 2,
                                   .send_queue_max_bytes = h->w->scene->narrow ? 48u << 10 : 256u << 10, .frame_max_bytes = 24u << 10, .protocol_min = 1, .protocol_max = 1, .log = h->log,
                                   .hooks = { h, hook_scn_now, hook_scn_seen, hook_watermark, hook_peer_changed, hook_peer_unknown } };
    CHECK_OK(ic_open(&io, &h->ic, &d), &d);
    CHECK_OK(grd_open(1024, &h->grd, &d), &d);
    const struct gcs_options go = { .ic = h->ic, .grd = h->grd, .scn = &h->scn, .self = cluster_self(h->cluster), .shards = 16, .log = h->log };
    CHECK_OK(gcs_open(&go, &h->gcs, &d), &d);
    CHECK_OK(cluster_attach(h->cluster, h->ic, &d), &d);
    const struct cluster_listener lg = grd_listener(h->grd), lc = gcs_listener(h->gcs);
    cluster_listen(h->cluster, &lg);
    cluster_listen(h->cluster, &lc);
    CHECK_OK(cluster_join(h->cluster, nothing_to_recover, h, &d), &d);
    open_storage(h, redo_start);
}

static void note_statistics(struct host *h)
{
    struct buf_stats b;
    struct gcs_stats g;
    bufcache_stats(h->bc, &b);
    gcs_stats(h->gcs, &g);
    h->w->copies += b.remote_copies;
    h->w->shipped += g.blocks_shipped;
    h->w->promoted += g.promoted;
    h->w->deferred += g.deferred;
    struct ic_stats ic;
    ic_stats(h->ic, &ic);
    h->w->malformed += ic.malformed;
    CHECK(ic.malformed == 0 || h->w->scene->rogue);
    for (unsigned i = 0; i < GCS_PHASE_COUNT; i++) {
        h->w->phase_ns[i] += g.phase[i].sum_ns;
        h->w->phase_n[i] += g.phase[i].count;
    }
}

static lsn_t leave(struct host *h)
{
    struct diag d;
    struct buf_stats b;
    CHECK_OK(bufcache_drain(h->bc, &d), &d);
    bufcache_stats(h->bc, &b);
    CHECK(b.past_images == 0);
    note_statistics(h);
    bufcache_close(h->bc);
    CHECK_OK(cluster_leave(h->cluster, &d), &d);
    cluster_stop(h->cluster);
    gcs_stop(h->gcs);
    ic_close(h->ic);
    gcs_close(h->gcs);
    grd_close(h->grd);
    cluster_close(h->cluster);
    redo_flush(h->redo, redo_end(h->redo));
    const lsn_t end = ALIGN_UP(redo_end(h->redo), REDO_LOG_BLOCK);
    h->w->redo[h->no] = NULL;
    redo_close(h->redo);
    files_close(h->files);
    log_free(h->log);
    return end;
}

/* ---- when nothing moves: who waits for what -------------------------------------------- */

static void dump_host(const struct host *h)
{
    for (uint32_t i = 0; i < h->bc->nparts; i++) {
        for (uint32_t k = 0; k <= h->bc->bucket_mask; k++) {
            for (const struct bent *e = h->bc->parts[i].bucket[k]; e != NULL; e = e->next) {
                unsigned waiters = 0;
                LIST_FOREACH (it, &e->waiters)
                    waiters++;
                fprintf(stderr, "host %u block %u: %s gno %" PRIx64 " want %u rv %u by %u got %u clr %u dirty %u valid %u wip %" PRIu64 " pi %" PRIu64
                        " pins %u/%u must_write %u copies %u waiters %u flush %u latch %x\n", h->no, dba_block(e->pin.dba) / 64, gcs_mode_name(e->h.mode),
                        e->h.gno, e->h.want, e->h.rv, e->h.rv_node, e->h.got, e->h.clr, e->h.dirty, e->h.valid, e->h.wip, e->h.pi, e->h.pins, e->h.xpins,
                        e->h.must_write, e->ncopies, waiters, e->flush_queued, e->latch.state);
            }
        }
        size_t pos = 0;
        uint64_t key;
        for (void *v; u64map_next(h->gcs->shards[i].masters, &pos, &key, &v);) {
            const struct gcs_master *m = v;
            fprintf(stderr, "host %u master of %u: own %u op %u by %u gno %" PRIx64 " source %u acks %" PRIx64 ":", h->no, dba_block(m->dba) / 64, m->own, m->op,
                    m->op_node, m->op_gno, m->source_asked, m->acks);
            for (uint32_t s = 0; s < m->nslots; s++)
                fprintf(stderr, " [%u s%u q%u pi %" PRIu64 "]", m->slots[s].node, m->slots[s].shares, m->slots[s].queued, m->slots[s].pi);
            fprintf(stderr, "\n");
        }
    }
}

/* ---- work ----------------------------------------------------------------------------- */

/* Under a pin: the block shows exactly what it must. */
static void check_current(struct host *h, uint32_t i, const struct pin *b)
{
    struct truth *t = &h->w->block[i];
    if (counter_get(b, 0) != t->value)
        panic("block %u: host %u sees %" PRIu64 " changes, there were %" PRIu64, i, h->no, counter_get(b, 0), atomic_load(&t->value));
    CHECK(block_scn(b->data) >= t->version); /* versions rise */
    t->version = block_scn(b->data);
    const struct redo *redo = sim_self() != NULL && t->changed_by != h->no ? h->w->redo[t->changed_by] : NULL;
    CHECK(redo == NULL || redo_durable(redo) > t->changed_at); /* R7 */
}

static void add_to(struct host *h, struct mtr *m, uint32_t i, uint64_t *ret_nth)
{
    struct diag d;
    struct pin *b;
    const struct add a = { 0, 1 };
    CHECK_OK(mtr_pin(m, dba_of(i), &b, &d), &d);
    check_current(h, i, b);
    CHECK_OK(mtr_change(m, b, REDO_HEAP_INSERT, &(struct mtr_part){ &a, sizeof(a) }, 1, &d), &d);
    *ret_nth = h->w->block[i].value++;
    h->w->block[i].changed_by = h->no;
    h->w->block[i].changed_at = redo_end(h->redo);
}

static void change_some(struct host *h)
{
    struct diag d;
    struct mtr m;
    uint64_t nth[2];
    const uint32_t x = (uint32_t)(rt_random() % h->w->scene->blocks), y = (uint32_t)(rt_random() % h->w->scene->blocks);
    const bool two = y > x;
    mtr_begin(&m, h->bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 512, &d), &d);
    add_to(h, &m, x, &nth[0]);
    if (two)
        add_to(h, &m, y, &nth[1]);
    const scn_t scn = mtr_commit(&m, NULL);
    CHECK(nth[0] < CHANGES_MAX);
    h->w->block[x].commit[nth[0]] = scn;
    scn_raise((struct scn_clock *)&h->changed[x], scn);
    if (two) {
        h->w->block[y].commit[nth[1]] = scn;
        scn_raise((struct scn_clock *)&h->changed[y], scn);
    }
    h->w->adds += 1 + two;
}

static void read_current(struct host *h)
{
    struct diag d;
    struct pin *b;
    const uint32_t i = (uint32_t)(rt_random() % h->w->scene->blocks);
    CHECK_OK(buf_pin(h->bc, dba_of(i), BUF_S, &b, &d), &d);
    check_current(h, i, b);
    buf_unpin(b);
}

/* Blocks that are formatted anew again and again, as after DROP TABLE: nobody may see the old content. */
static void format_anew(struct host *h)
{
    struct diag d;
    struct mtr m;
    struct pin *b;
    const uint32_t i = (uint32_t)(rt_random() % FRESH);
    const struct dba dba = fresh_dba(i);
    const struct add a = { 1, (uint32_t)rt_random() };
    mtr_begin(&m, h->bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 512, &d), &d);
    CHECK_OK(mtr_pin_fresh(&m, dba, &b, &d), &d);
    CHECK_OK(mtr_change(&m, b, REDO_HEAP_FORMAT, &(struct mtr_part){ &dba, sizeof(dba) }, 1, &d), &d);
    CHECK_OK(mtr_change(&m, b, REDO_HEAP_INSERT, &(struct mtr_part){ &a, sizeof(a) }, 1, &d), &d);
    h->w->fresh[i] = a.by;
    mtr_commit(&m, NULL);
}

static void read_fresh(struct host *h)
{
    struct diag d;
    struct pin *b;
    const uint32_t i = (uint32_t)(rt_random() % FRESH);
    CHECK_OK(buf_pin(h->bc, fresh_dba(i), BUF_S, &b, &d), &d);
    CHECK(counter_get(b, 1) == h->w->fresh[i]);
    buf_unpin(b);
}

/* R2: each change at or below s that has been announced before is in the copy. */
static void read_at_snapshot(struct host *h)
{
    struct diag d;
    struct pin *b;
    const uint32_t i = (uint32_t)(rt_random() % h->w->scene->blocks);
    const struct truth *t = &h->w->block[i];
    const scn_t s = scn_now(&h->scn);
    uint64_t n = t->value;
    while (n > 0 && (t->commit[n - 1] == 0 || t->commit[n - 1] > s))
        n--;
    CHECK_OK(buf_pin_read(h->bc, dba_of(i), s, &b, &d), &d);
    CHECK(counter_get(b, 0) >= n);
    CHECK(counter_get(b, 0) <= t->value);
    const uint64_t seen = counter_get(b, 0);
    buf_unpin(b);
    for (; n < seen; n++)
        CHECK(t->commit[n] == 0 || t->commit[n] > 0);
    /* and what the copy lacks commits above s */
    rt_sleep(rt_random() % RT_US(500));
    for (n = seen; n < t->value; n++)
        CHECK(t->commit[n] == 0 || t->commit[n] > s);
}

static void worker(void *arg)
{
    struct host *h = arg;
    for (uint32_t i = 0; h->until > 0 ? rt_now() < h->until : i < h->w->scene->rounds; i++) {
        switch (rt_random() % 10) {
        case 0:
        case 1:
            read_current(h);
            break;
        case 2:
        case 3:
            read_at_snapshot(h);
            break;
        case 4:
            if (rt_random() % 2)
                format_anew(h);
            else
                read_fresh(h);
            break;
        default:
            change_some(h);
        }
        if (rt_random() % 4 == 0)
            rt_sleep(rt_random() % RT_US(400));
    }
    h->busy--;
}

/* ---- nonsense, each piece of which can be told from what a sound node says --------------------------- */

static void spoil_numbers(const struct host *h, node_no to, struct gcs_msg *m)
{
    switch (rt_random() % 5) {
    case 0: /* who is sent something on behalf of others: nobody, oneself, a number that no node has */
        m->type = (uint8_t)(const uint8_t[]){ GCS_T_FWD_S, GCS_T_FWD_X, GCS_T_COPY_ASK }[rt_random() % 3];
        m->mode = m->flags = 0;
        m->node = (node_no)(const node_no[]){ 0, to, NODES_MAX + 1, 255 }[rt_random() % 4];
        break;
    case 1:
        m->mode = (uint8_t)(GCS_XCUR + 1 + rt_random() % 200);
        break;
    case 2:
        m->flags |= (uint8_t)(64 << rt_random() % 2);
        break;
    case 3:
        m->dba = dba_make(0, (uint32_t)rt_random());
        break;
    case 4: /* a reader that would raise the clock for ever */
        m->type = GCS_T_COPY_ASK;
        m->node = (node_no)(to == 1 ? 2 : 1);
        m->mode = m->flags = 0;
        m->scn = scn_now(&h->scn) + (UINT64_C(1) << (40 + rt_random() % 20));
        break;
    }
}

#ifdef RUSTYDB_MUTATIONS
#define STORIES false /* a rule may have been taken out: whatever does not fit ends the process */
#else
#define STORIES true
#endif

/* What only the state of the receiver, or its cache, can tell. */
static void spoil_story(struct gcs_msg *m, uint8_t *block, bool *ret_block)
{
    m->mode = GCS_X;
    if (rt_random() % 2) {
        m->type = GCS_T_PROMOTE;
        m->mode = 0;
        m->scn = UINT64_C(1) << 61;
    } else { /* the bytes of another block, or none at all */
        m->type = GCS_T_SHIP;
        m->flags = GCS_F_BLOCK | GCS_F_CLEAR;
        block_format(block, dba_make(FILE_DATA, (uint32_t)rt_random() | UINT32_C(1) << 31), BLOCK_HEAP, 1, 1);
        *ret_block = true;
    }
}

static void say_nonsense(struct host *h, node_no to)
{
    static _Thread_local uint8_t block[BLOCK_SIZE];
    struct gcs_msg m = { .type = (uint8_t)(rt_random() % GCS_T_DECLARE), .dba = dba_of((uint32_t)(rt_random() % h->w->scene->blocks)),
                         .epoch = cluster_epoch(h->cluster), .gno = rt_random() % 100, .held = rt_random() % 100 };
    bool has_block = false;
    const struct { epoch_t epoch; uint32_t n, last; } head = { m.epoch, (uint32_t)(rt_random() % 3), (uint32_t)(rt_random() % 3) };
    const unsigned how = (unsigned)(rt_random() % 8);
    if (how == 0 && STORIES)
        spoil_story(&m, block, &has_block);
    else
        spoil_numbers(h, to, &m);
    enum ic_kind kind = gcs__kind(m.type);
    uint32_t len = sizeof(m);
    if (how == 1)
        kind = kind == IC_GCS_DONE ? IC_GCS_CLEAR : IC_GCS_DONE;
    if (how == 2)
        len = (uint32_t)(rt_random() % sizeof(m));
    if (how == 3)
        m.type = (uint8_t)(GCS_TYPE_COUNT + rt_random() % 200);
    m.scn += how == 4;
    const struct ic_part parts[] = { { &m, len }, { block, has_block ? BLOCK_SIZE : 0 } };
    const struct ic_part declaration[] = { { &head, sizeof(head) }, { &m, sizeof(m) } };
    if (how == 5) /* with a wrong count, or of what is no declaration */
        (void)!ic_send(h->ic, to, IC_GCS_DECLARE, 0, declaration, 2);
    else
        (void)!ic_send(h->ic, to, kind, rt_random(), parts, 2);
}

static void rogue(void *arg)
{
    struct host *h = arg;
    while (h->w->running > 1) {
        say_nonsense(h, (node_no)(1 + rt_random() % 2));
        rt_sleep(rt_random() % RT_US(200));
    }
    h->busy--;
}

static void spawn_rogue(struct host *h)
{
    const struct rt_spawn_options opt = { .name = "rogue", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL };
    struct fiber *f = rt_spawn(&opt, rogue, h);
    CHECK(f != NULL);
    rt_detach(f);
    h->busy++;
}

static void spawn_worker(struct host *h)
{
    const struct rt_spawn_options opt = { .name = "worker", .worker = RT_WORKER_ANY, .prio = RT_PRIO_NORMAL };
    struct fiber *f = rt_spawn(&opt, worker, h);
    CHECK(f != NULL);
    rt_detach(f);
    h->busy++;
}

/* The disk never goes back; checkpoints move on; past images are bounded. */
static void observe(struct host *h)
{
    struct diag d;
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    struct buf_stats st;
    for (uint32_t i = 0; i < h->w->scene->blocks; i++) {
        const scn_t before = h->w->block[i].disk;
        CHECK_OK(files_read(h->files, dba_of(i), block, &d), &d);
        if (block_verify(block, dba_of(i), &d) != ERR_OK)
            continue; /* being written just now */
        CHECK(block_scn(block) >= before);
        scn_raise((struct scn_clock *)&h->w->block[i].disk, block_scn(block));
    }
    bufcache_stats(h->bc, &st);
    if (st.past_images > h->w->past_images_most)
        h->w->past_images_most = st.past_images;
    rt_free_aligned(block, BLOCK_SIZE);
}

/* R13: what a checkpoint leaves behind is in place, also what other hosts took over and changed on. */
static void checkpoint(struct host *h)
{
    struct diag d;
    scn_t changed[BLOCKS_MAX];
    lsn_t at = 0;
    for (uint32_t i = 0; i < h->w->scene->blocks; i++)
        changed[i] = h->changed[i];
    const lsn_t before = redo_end(h->redo);
    if (bufcache_checkpoint(h->bc, &at, &d) != ERR_OK) {
        for (unsigned i = 1; i <= HOSTS; i++)
            dump_host(h->w->host[i]);
        panic("%s %s", d.message, d.detail);
    }
    CHECK(at >= before);
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    for (uint32_t i = 0; i < h->w->scene->blocks; i++) {
        CHECK_OK(files_read(h->files, dba_of(i), block, &d), &d);
        if (block_verify(block, dba_of(i), &d) == ERR_OK) /* else being written just now */
            CHECK(block_scn(block) >= changed[i]);
    }
    rt_free_aligned(block, BLOCK_SIZE);
}

static void work(struct host *h, uint64_t until)
{
    h->until = until;
    for (uint32_t i = 0; i < h->w->scene->fibers; i++)
        spawn_worker(h);
    if (h->w->scene->rogue && h->no == 3)
        spawn_rogue(h);
    while (h->busy > 0) {
        rt_sleep(RT_MS(20));
        observe(h);
        checkpoint(h);
    }
}

/* Host 3 joins at one second, host 2 leaves a little later and comes again; they work all the time that they are there. */
static void come_and_go(struct host *h)
{
    struct world *w = h->w;
    work(h, h->no == 2 ? RT_MS(1500) : RT_MS(4000));
    if (h->no != 2)
        return;
    const lsn_t end = leave(h);
    rt_sleep(RT_MS(500));
    const scn_t scn = scn_now(&h->scn);
    *h = (struct host){ .w = w, .no = 2, .scn = { scn } };
    start(h, end);
    work(h, RT_MS(4000));
}

static void host_main(struct world *w, uint32_t no)
{
    struct host h = { .w = w, .no = no };
    struct diag d;
    w->host[no] = &h;
    rt_sleep(w->scene->come_and_go && h.no == 3 ? RT_MS(1000) : RT_MS(h.no * 10));
    start(&h, 0);
    if (h.no == 1) {
        CHECK_OK(files_create(h.files, FILE_DATA, 1 + BLOCKS_MAX * EXTENT_BLOCKS, &d), &d);
        for (uint32_t i = 0; i < w->scene->blocks; i++)
            counters_format(h.bc, dba_of(i));
        w->formatted = true;
    }
    w->started++;
    while (!w->formatted || w->started < (w->scene->come_and_go ? 2 : HOSTS))
        rt_sleep(RT_MS(5));
    if (w->scene->come_and_go)
        come_and_go(&h);
    else
        work(&h, 0);
    w->running--;
    while (w->running > 0 && h.no == 1)
        rt_sleep(RT_MS(20));
    leave(&h);
}

static void sim_host_main(void *arg)
{
    host_main(arg, sim_host());
}

static void check_disk(void *arg)
{
    struct world *w = arg;
    struct diag d;
    struct files *f;
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    CHECK_OK(files_open(w->dir, true, &f, &d), &d);
    for (uint32_t i = 0; i < w->scene->blocks; i++) {
        CHECK_OK(files_read(f, dba_of(i), block, &d), &d);
        CHECK_OK(block_verify(block, dba_of(i), &d), &d);
        CHECK(get_u64le(block + BLOCK_HEADER_SIZE) == w->block[i].value);
    }
    files_close(f);
    rt_free_aligned(block, BLOCK_SIZE);
}

static void report(const struct world *w)
{
    print_message("seed %2" PRIu64 ": %5" PRIu64 " changes, %5" PRIu64 " blocks shipped, %4" PRIu64 " copies, %2" PRIu64 " past images at most, %" PRIu64
                  " promoted, %" PRIu64 " deferred\n", w->scene->seed, w->adds, w->shipped, w->copies, w->past_images_most, w->promoted, w->deferred);
    assert_true(w->shipped > 0);
}

static struct world world;

/* ---- real threads: all instances in one process, for the thread sanitizer ------------------- */

static void real_host_main(void *arg)
{
    const unsigned no = atomic_fetch_add((_Atomic unsigned *)arg, 1);
    host_main(&world, no);
}

static void real_main(void *arg)
{
    static _Atomic unsigned next;
    struct fiber *f[HOSTS];
    next = 1;
    for (uint32_t i = 0; i < HOSTS; i++) {
        const struct rt_spawn_options opt = { .name = "host", .worker = i, .prio = RT_PRIO_NORMAL };
        f[i] = rt_spawn(&opt, real_host_main, &next);
        CHECK(f[i] != NULL);
    }
    for (uint32_t i = 0; i < HOSTS; i++)
        rt_join(f[i]);
    check_disk(&world);
}

static void play_for_real(const struct scene *scene)
{
    struct world *w = &world;
    struct diag d;
    memset(w, 0, sizeof(*w));
    w->scene = scene;
    w->running = HOSTS;
    snprintf(w->dir, sizeof(w->dir), "/tmp/gcs-nodes-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    const struct rt_options opt = { .backend = RT_EPOLL, .workers = 3, .spin_us = 20 };
    const enum err err = rt_run(&opt, real_main, NULL, &d);
    if (err)
        print_message("rt_run: %s\n", d.message);
    char command[256];
    snprintf(command, sizeof(command), "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(err, ERR_OK);
    report(w);
    static const char *const names[] = {
#define X(name, text) #name,
        GCS_PHASES(X)
#undef X
    };
    for (unsigned i = 0; i < GCS_PHASE_COUNT; i++)
        if (w->phase_n[i] > 0)
            print_message("    %-8s %6" PRIu64 " times, %8.1f us on average\n", names[i], w->phase_n[i], (double)w->phase_ns[i] / (double)w->phase_n[i] / 1e3);
}

static void play(const struct scene *scene)
{
    struct world *w = &world;
    memset(w, 0, sizeof(*w));
    w->scene = scene;
    w->running = HOSTS;
    snprintf(w->dir, sizeof(w->dir), "/db");
    const struct sim_options opt = { .seed = scene->seed, .hosts = HOSTS, .workers = 2, .net_delay_min_us = scene->narrow ? 5000 : 30,
                                     .net_delay_max_us = scene->narrow ? 9000 : 200, .disk_min_us = scene->slow_disk ? 300 : 30,
                                     .disk_max_us = scene->slow_disk ? 3000 : 150, .sync_min_us = 100, .sync_max_us = 500, .net_break_per_s = scene->net_break_per_s,
                                     .preempt = scene->preempt };
    struct sim *s = sim_new(&opt);
    for (uint32_t h = 1; h <= HOSTS; h++)
        sim_host_start(s, h, sim_host_main, w);
    assert_true(sim_run(s, RT_SEC(600)));
    sim_spawn_test(s, check_disk, w);
    assert_true(sim_run(s, RT_SEC(700)));
    report(w);
    sim_free(s);
}

/* SEEDS=n: n seeds of each scene; FIRST=n: from the n-th on. */
static uint64_t seeds(uint64_t usual)
{
    const char *s = getenv("SEEDS");
    return s != NULL ? strtoull(s, NULL, 10) : usual;
}

static uint64_t first(void)
{
    const char *s = getenv("FIRST");
    return s != NULL ? strtoull(s, NULL, 10) : 1;
}

static void three_nodes_change_the_same_blocks(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(4); seed++)
        play(&(struct scene){ .seed = seed, .frames = 256, .fibers = 4, .rounds = 150, .blocks = BLOCKS, .preempt = seed % 2 == 0 });
}

static void one_hot_block(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(1); seed++)
        play(&(struct scene){ .seed = 1000 + seed, .frames = 256, .fibers = 6, .rounds = 120, .blocks = 1 });
}

static void connections_break(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(2); seed++)
        play(&(struct scene){ .seed = 2000 + seed, .frames = 256, .fibers = 4, .rounds = 200, .blocks = BLOCKS, .net_break_per_s = 2.0 });
}

static void nodes_join_and_leave_under_load(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(4); seed++)
        play(&(struct scene){ .seed = 3000 + seed, .frames = 256, .fibers = 3, .blocks = BLOCKS, .come_and_go = true, .preempt = seed % 2 == 0 });
}

static void more_blocks_than_frames(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(3); seed++)
        play(&(struct scene){ .seed = 4000 + seed, .frames = 64, .fibers = 4, .rounds = 300, .blocks = BLOCKS_MAX, .come_and_go = seed % 3 == 0, .preempt = seed % 2 == 0 });
}

static void blocks_are_asked_for_while_being_written(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(3); seed++)
        play(&(struct scene){ .seed = 6000 + seed, .frames = 64, .fibers = 8, .rounds = 100, .blocks = BLOCKS_MAX, .slow_disk = true, .preempt = seed % 2 == 0 });
}

static void send_queues_fill_up(void **state)
{
    uint64_t deferred = 0;
    for (uint64_t seed = first(); seed <= seeds(2); seed++) {
        play(&(struct scene){ .seed = 5000 + seed, .frames = 256, .fibers = 40, .rounds = 30, .blocks = BLOCKS_MAX, .narrow = true });
        deferred += world.deferred;
    }
    assert_true(deferred > 0);
}

static void a_rogue_among_the_nodes_harms_nothing(void **state)
{
    for (uint64_t seed = first(); seed <= seeds(3); seed++) {
        play(&(struct scene){ .seed = 7000 + seed, .frames = 256, .fibers = 4, .rounds = 150, .blocks = BLOCKS, .preempt = seed % 2 == 0, .rogue = true });
        print_message("    %" PRIu64 " messages made no sense\n", world.malformed);
        assert_true(world.malformed > 500);
    }
}

static void threads(void **state)
{
    play_for_real(&(struct scene){ .seed = 9001, .frames = 256, .fibers = 4, .rounds = 200, .blocks = BLOCKS });
    play_for_real(&(struct scene){ .seed = 9002, .frames = 64, .fibers = 4, .rounds = 200, .blocks = BLOCKS_MAX });
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_nodes_change_the_same_blocks),
        cmocka_unit_test(one_hot_block),
        cmocka_unit_test(connections_break),
        cmocka_unit_test(nodes_join_and_leave_under_load),
        cmocka_unit_test(more_blocks_than_frames),
        cmocka_unit_test(blocks_are_asked_for_while_being_written),
        cmocka_unit_test(send_queues_fill_up),
        cmocka_unit_test(a_rogue_among_the_nodes_harms_nothing),
        cmocka_unit_test(threads),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
