/*
 * What blocks cost, on a node and between two: local hit, look-up of a master,
 * log flush, transfers. Two processes, each with redo, buffer cache, global
 * cache, membership and interconnect over real sockets; JSON lines, each beside
 * the machine's own figure. A raw round trip is measured before each block that
 * is asked for: what waking a thread costs changes from second to second.
 *
 *     bench_blocks DIR [workers] [spin_us] [uring|epoll]     DIR: on the disk to be measured
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/storage/counters.h"
#include "base/hash.h"
#include "cluster/cluster.h"
#include "gcs/gcs.h"
#include "grd/grd.h"
#include "interconnect/interconnect.h"

enum { BLOCKS = 3000, FLUSHES = 400, HITS = 5000000, BOUNCES = 1000 };
#define RAW_ADDRESS "127.0.0.1:42127"

/* What the two processes wait for in one another. */
enum phase { START, RAW_DONE, JOINED_1, FORMATTED, JOINED_2, READ, TAKEN_BACK, COPIED, WRITTEN, BOUNCED, END };
struct shared {
    _Atomic int phase;
    _Atomic uint32_t turn; /* whose change of block 0 is next */
};

struct node {
    uint32_t no;
    struct shared *shared;
    const char *dir;
    struct scn_clock scn;
    struct log *log;
    struct cluster *cluster;
    struct interconnect *ic;
    struct grd *grd;
    struct gcs *gcs;
    struct files *files;
    struct redo *redo;
    struct bufcache *bc;
    struct rt_conn *raw; /* of the second node, to the first one's raw_server() */
};

static void reach(struct node *n, enum phase phase) { atomic_store(&n->shared->phase, phase); }

static void await(struct node *n, enum phase phase)
{
    while (atomic_load(&n->shared->phase) < (int)phase)
        rt_sleep(RT_MS(2));
}

/* ---- figures ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double us_at(const uint64_t *sorted_ns, size_t n, unsigned percent) { return (double)sorted_ns[n * percent / 100] / 1e3; }

static void print_times(const char *what, uint64_t *ns, size_t n)
{
    qsort(ns, n, sizeof(*ns), compare);
    printf("{\"bench\":\"blocks\",\"what\":\"%s\",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"n\":%zu", what, us_at(ns, n, 50), us_at(ns, n, 90),
           us_at(ns, n, 99), n);
}

static void report(const char *what, uint64_t *ns, size_t n)
{
    print_times(what, ns, n);
    printf("}\n");
    fflush(stdout);
}

/* raw_ns: of what the machine itself takes, one measured before each of the others. */
static void report_beside(const char *what, uint64_t *ns, const char *reference, uint64_t *raw_ns, size_t n)
{
    print_times(what, ns, n);
    qsort(raw_ns, n, sizeof(*raw_ns), compare);
    printf(",\"reference\":\"%s\",\"reference_p50_us\":%.1f,\"reference_p90_us\":%.1f,\"reference_p99_us\":%.1f,\"ratio_p50\":%.2f}\n", reference,
           us_at(raw_ns, n, 50), us_at(raw_ns, n, 90), us_at(raw_ns, n, 99), us_at(ns, n, 50) / us_at(raw_ns, n, 50));
    fflush(stdout);
}

static void report_mean(const char *what, uint64_t ns, uint64_t n)
{
    printf("{\"bench\":\"blocks\",\"what\":\"%s\",\"mean_ns\":%.1f,\"n\":%" PRIu64 "}\n", what, (double)ns / (double)n, n);
    fflush(stdout);
}

/* ---- a node ------------------------------------------------------------------------------- */

static void print_log(void *arg, enum log_level level, const char *line, size_t len)
{
    if (level >= LOG_WARNING)
        fwrite(line, 1, len, stderr);
}

static scn_t hook_scn_now(void *arg) { return scn_now(&((struct node *)arg)->scn); }
static scn_t hook_watermark(void *arg) { return 0; }
static bool hook_scn_seen(void *arg, node_no from, scn_t scn, scn_t watermark)
{
    scn_raise(&((struct node *)arg)->scn, scn);
    return true;
}
static void hook_peer_changed(void *arg, struct ic_peer_id peer, bool up) { cluster_peer_changed(((struct node *)arg)->cluster, peer, up); }
static void hook_peer_unknown(void *arg, struct ic_peer_id peer) { cluster_peer_unknown(((struct node *)arg)->cluster, peer); }
static scn_t no_snapshot(void *arg) { return SCN_MAX; }
static void ignore_snapshot(void *arg, node_no node, scn_t s) {}
static void on_fatal(void *arg, const char *why) { panic("node %u: %s", ((struct node *)arg)->no, why); }
static enum err nothing_to_recover(void *arg, struct diag *d) { return ERR_OK; }

static void open_services(struct node *n)
{
    struct diag d;
    char name[16], address[32];
    uint64_t incarnation;
    snprintf(name, sizeof(name), "node%u", n->no);
    snprintf(address, sizeof(address), "127.0.0.1:%u", 42127 + n->no);
    n->log = log_new(name, LOG_INFO, print_log, NULL, n);
    rt_random_bytes(&incarnation, sizeof(incarnation));
    const struct cluster_options co = { .dir = n->dir, .cluster_name = "bench", .cluster_id = 7, .node_name = name, .interconnect_address = address,
                                        .sql_address = "x", .incarnation = incarnation | 1, .heartbeat_interval_ms = 100, .phi_threshold = 8.0,
                                        .dead_after_ms = 2500, .log = n->log, .arg = n, .oldest_snapshot = no_snapshot,
                                        .peer_oldest_snapshot = ignore_snapshot, .fatal = on_fatal };
    CHECK_OK(cluster_open(&co, &n->cluster, &d), &d);
    const struct ic_options io = { .self = { cluster_self(n->cluster), incarnation | 1 }, .cluster_id = 7, .secret = "bench", .address = address,
                                   .lanes_normal = 4, .send_queue_max_bytes = 64u << 20, .frame_max_bytes = 1u << 20, .protocol_min = 1,
                                   .protocol_max = 1, .log = n->log,
                                   .hooks = { n, hook_scn_now, hook_scn_seen, hook_watermark, hook_peer_changed, hook_peer_unknown } };
    CHECK_OK(ic_open(&io, &n->ic, &d), &d);
    CHECK_OK(grd_open(0, &n->grd, &d), &d);
    const struct gcs_options go = { .ic = n->ic, .grd = n->grd, .scn = &n->scn, .self = cluster_self(n->cluster), .shards = 64, .log = n->log };
    CHECK_OK(gcs_open(&go, &n->gcs, &d), &d);
    CHECK_OK(cluster_attach(n->cluster, n->ic, &d), &d);
    const struct cluster_listener lg = grd_listener(n->grd), lc = gcs_listener(n->gcs);
    cluster_listen(n->cluster, &lg);
    cluster_listen(n->cluster, &lc);
    CHECK_OK(cluster_join(n->cluster, nothing_to_recover, n, &d), &d);
}

static void open_storage(struct node *n)
{
    struct diag d;
    CHECK_OK(files_open(n->dir, false, &n->files, &d), &d);
    const struct redo_options ro = { .dir = n->dir, .thread = (uint16_t)n->no, .incarnation = n->no + 1, .file_bytes = 64 << 20,
                                     .buffer_bytes = 4 << 20, .scn = &n->scn };
    CHECK_OK(redo_open(&ro, &n->redo, &d), &d);
    const struct bufcache_options bo = { .size_bytes = 64 << 20, .thread = (uint16_t)n->no, .dir = n->dir, .files = n->files, .redo = n->redo,
                                         .redo_ops = &counters_ops, .scn = &n->scn, .gcs = n->gcs, .log = n->log };
    CHECK_OK(bufcache_open(&bo, &n->bc, &d), &d);
}

static void node_close(struct node *n)
{
    struct diag d;
    CHECK_OK(bufcache_drain(n->bc, &d), &d);
    bufcache_close(n->bc);
    CHECK_OK(cluster_leave(n->cluster, &d), &d);
    cluster_stop(n->cluster);
    gcs_stop(n->gcs);
    ic_close(n->ic);
    gcs_close(n->gcs);
    grd_close(n->grd);
    cluster_close(n->cluster);
    redo_close(n->redo);
    files_close(n->files);
    log_free(n->log);
}

static struct dba block_no(uint32_t i) { return dba_make(FILE_DATA, 1 + i); }

/* ---- on one node ----------------------------------------------------------------------------- */

static void bench_hits(struct node *n)
{
    struct diag d;
    struct pin *b;
    uint64_t start = rt_now();
    for (uint32_t i = 0; i < HITS; i++) {
        CHECK_OK(buf_pin(n->bc, block_no(i * 7919u % BLOCKS), BUF_S, &b, &d), &d);
        buf_unpin(b);
        rt_yield_if_due();
    }
    report_mean("local hit: pin S and unpin", rt_now() - start, HITS);
    start = rt_now();
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HITS; i++)
        sum += grd_master(n->grd, grd_hash_block(block_no(i)));
    report_mean("GRD look-up", rt_now() - start, HITS);
    CHECK(sum >= HITS);
}

static void bench_flushes(struct node *n)
{
    static uint64_t ns[FLUSHES];
    struct diag d;
    for (uint32_t i = 0; i < FLUSHES; i++) {
        lsn_t end;
        counter_add(n->bc, block_no(i), 0, 1, &end);
        const uint64_t start = rt_now();
        redo_flush(n->redo, end);
        ns[i] = rt_now() - start;
    }
    report("log flush", ns, FLUSHES);
    char path[4096];
    struct rt_file *f;
    uint8_t *p = rt_alloc_aligned(REDO_LOG_BLOCK);
    memset(p, 1, REDO_LOG_BLOCK);
    snprintf(path, sizeof(path), "%s/raw.tmp", n->dir);
    CHECK_OK(rt_open(path, RT_OPEN_CREATE | RT_OPEN_WRITE | RT_OPEN_DIRECT, &f, &d), &d);
    for (uint32_t i = 0; i < FLUSHES; i++)
        CHECK_OK(rt_pwrite(f, p, REDO_LOG_BLOCK, (uint64_t)i * REDO_LOG_BLOCK, &d), &d);
    CHECK_OK(rt_fdatasync(f, &d), &d);
    for (uint32_t i = 0; i < FLUSHES; i++) {
        const uint64_t start = rt_now();
        CHECK_OK(rt_pwrite(f, p, REDO_LOG_BLOCK, (uint64_t)i * REDO_LOG_BLOCK, &d), &d);
        CHECK_OK(rt_fdatasync(f, &d), &d);
        ns[i] = rt_now() - start;
    }
    report("raw durable write of 4 KiB", ns, FLUSHES);
    rt_close(f);
    CHECK_OK(rt_unlink(path, &d), &d);
    rt_free_aligned(p, REDO_LOG_BLOCK);
}

/* ---- between two -------------------------------------------------------------------------------- */

static void raw_server(void *arg)
{
    static uint8_t block[BLOCK_SIZE];
    struct diag d;
    struct rt_listener *l;
    struct rt_conn *c;
    char request[64];
    CHECK_OK(rt_listen(RAW_ADDRESS, &l, &d), &d);
    CHECK_OK(rt_accept(l, &c, &d), &d);
    while (rt_recv_full(c, request, sizeof(request), RT_FOREVER, &d) == ERR_OK)
        if (rt_send(c, block, sizeof(block), &d) != ERR_OK)
            break;
    rt_conn_close(c);
    rt_listener_free(l);
}

static uint64_t raw_trip(struct node *n)
{
    static uint8_t block[BLOCK_SIZE];
    const char request[64] = { 0 };
    struct diag d;
    const uint64_t start = rt_now();
    CHECK_OK(rt_send(n->raw, request, sizeof(request), &d), &d);
    CHECK_OK(rt_recv_full(n->raw, block, sizeof(block), RT_FOREVER, &d), &d);
    return rt_now() - start;
}

/* Each block whose master is node `master`, or any (0), once: in a mode, or (NULL) as a mode-less copy. */
static void bench_blocks(struct node *n, const enum buf_mode *mode, node_no master, const char *what)
{
    static uint64_t ns[BLOCKS], raw_ns[BLOCKS];
    size_t count = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        struct diag d;
        struct pin *b;
        if (master && grd_master(n->grd, grd_hash_block(block_no(i))) != master)
            continue;
        raw_ns[count] = raw_trip(n);
        const uint64_t start = rt_now();
        const enum err err = mode != NULL ? buf_pin(n->bc, block_no(i), *mode, &b, &d) : buf_pin_read(n->bc, block_no(i), scn_now(&n->scn), &b, &d);
        CHECK_OK(err, &d);
        ns[count++] = rt_now() - start;
        buf_unpin(b);
    }
    if (count > 0)
        report_beside(what, ns, "raw TCP, 64 B -> 8 KiB round trip", raw_ns, count);
}

/* One block that both change in turn: each transfer waits for the redo of the change before (R7). */
static void bounce(struct node *n, bool reporting)
{
    static uint64_t ns[BOUNCES];
    for (uint32_t i = 0; i < BOUNCES; i++) {
        while (atomic_load(&n->shared->turn) != n->no)
            rt_sleep(RT_US(100));
        const uint64_t start = rt_now();
        counter_add(n->bc, block_no(0), 1, 1, NULL);
        ns[i] = rt_now() - start;
        atomic_store(&n->shared->turn, 3 - n->no);
    }
    if (reporting)
        report("X of a block that the other changed last", ns, BOUNCES);
}

/* Node 1 holds all blocks X, node 2 asks. */
static void first_main(void *arg)
{
    struct node *n = arg;
    struct diag d;
    struct pin *b;
    lsn_t at;
    struct fiber *raw = rt_spawn(&(struct rt_spawn_options){ .name = "raw server", .worker = rt_worker(), .prio = RT_PRIO_NORMAL }, raw_server, n);
    CHECK(raw != NULL);
    open_services(n);
    open_storage(n);
    reach(n, JOINED_1);
    CHECK_OK(files_create(n->files, FILE_DATA, 1 + ALIGN_UP(BLOCKS + 1, EXTENT_BLOCKS), &d), &d);
    for (uint32_t i = 0; i < BLOCKS; i++)
        counters_format(n->bc, block_no(i));
    bench_hits(n);
    bench_flushes(n);
    CHECK_OK(bufcache_checkpoint(n->bc, &at, &d), &d);
    reach(n, FORMATTED);
    await(n, READ);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        CHECK_OK(buf_pin(n->bc, block_no(i), BUF_X, &b, &d), &d);
        buf_unpin(b);
    }
    reach(n, TAKEN_BACK);
    await(n, WRITTEN);
    atomic_store(&n->shared->turn, 1);
    bounce(n, false);
    await(n, BOUNCED);
    rt_join(raw);
    await(n, END);
    node_close(n);
}

static void second_main(void *arg)
{
    struct node *n = arg;
    static const enum buf_mode shared = BUF_S, exclusive = BUF_X;
    struct diag d;
    while (rt_connect(RAW_ADDRESS, rt_now() + RT_SEC(1), &n->raw, &d) != ERR_OK)
        rt_sleep(RT_MS(10));
    await(n, FORMATTED);
    open_services(n);
    open_storage(n);
    rt_sleep(RT_MS(500));
    bench_blocks(n, &shared, 1, "clean block in S, master is the holder");
    bench_blocks(n, &shared, 2, "clean block in S, master is the asker");
    reach(n, READ);
    await(n, TAKEN_BACK);
    bench_blocks(n, NULL, 0, "mode-less copy of a block held X");
    bench_blocks(n, &exclusive, 0, "clean block in X");
    reach(n, WRITTEN);
    bounce(n, true);
    rt_conn_close(n->raw);
    reach(n, BOUNCED);
    struct gcs_stats st;
    gcs_stats(n->gcs, &st);
    static const char *const names[] = {
#define X(name, text) #name,
        GCS_PHASES(X)
#undef X
    };
    for (unsigned i = 0; i < GCS_PHASE_COUNT; i++)
        if (st.phase[i].count > 0)
            printf("{\"bench\":\"blocks\",\"what\":\"phase %s at the asker\",\"mean_ns\":%.0f,\"n\":%" PRIu64 "}\n", names[i],
                   (double)st.phase[i].sum_ns / (double)st.phase[i].count, st.phase[i].count);
    reach(n, END);
    node_close(n);
}

/* ---- both ----------------------------------------------------------------------------------------- */

static void make_folders(const char *dir)
{
    static const char *const names[] = { "", "/data", "/undo", "/dw", "/redo", "/control" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s%s", dir, names[i]);
        if (mkdir(path, 0700) != 0)
            panic("%s cannot be made (it must not exist)", path);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_blocks DIR [workers] [spin_us] [uring|epoll]\n");
        return 2;
    }
    const char *backend = argc > 4 ? argv[4] : "auto";
    const struct rt_options opt = {
        .backend = strcmp(backend, "uring") == 0 ? RT_URING : strcmp(backend, "epoll") == 0 ? RT_EPOLL : RT_AUTO,
        .workers = argc > 2 ? (uint32_t)atoi(argv[2]) : 1,
        .spin_us = argc > 3 ? (uint32_t)atoi(argv[3]) : 50,
    };
    make_folders(argv[1]);
    struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        panic("no shared memory");
    const pid_t child = fork();
    static struct node node;
    node = (struct node){ .no = child == 0 ? 2 : 1, .shared = shared, .dir = argv[1], .scn = { 1 } };
    if (child == 0)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct diag d;
    CHECK_OK(rt_run(&opt, child == 0 ? second_main : first_main, &node, &d), &d);
    int status = 0;
    if (child != 0)
        (void)waitpid(child, &status, 0);
    return status != 0;
}
