#include "server/instance_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "storage/block.h"

#define DEAD_AFTER_MS 2500u
#define IC_LANES 4u
#define IC_QUEUE_BYTES (64u << 20)
#define IC_FRAME_BYTES (1u << 20)
#define SECRET_BYTES 32u

/* A message may advance the clock by no more than this, outside of a join: about a day at 100,000 changes a second. */
#define SCN_JUMP_MAX (UINT64_C(1) << 33)

/* ---- hooks of the interconnect and of membership --------------------------------------- */

static scn_t hook_scn_now(void *arg) { return scn_now(&((struct instance *)arg)->scn); }

static bool hook_scn_seen(void *arg, node_no from, scn_t scn, scn_t watermark)
{
    struct instance *in = arg;
    if (atomic_load(&in->serving) && scn > scn_now(&in->scn) + SCN_JUMP_MAX)
        return false;
    scn_raise(&in->scn, scn);
    struct txn_sys *ts = atomic_load(&in->peers_ts);
    if (ts) {
        txn_peer_watermark(ts, from, watermark);
        txn_peer_scn(ts, from, scn);
    }
    return true;
}

static scn_t hook_watermark(void *arg)
{
    struct txn_sys *ts = atomic_load(&((struct instance *)arg)->peers_ts);
    return ts ? txn_watermark(ts) : 0;
}

static void hook_peer_changed(void *arg, struct ic_peer_id peer, bool up) { cluster_peer_changed(((struct instance *)arg)->cluster, peer, up); }
static void hook_peer_unknown(void *arg, struct ic_peer_id peer) { cluster_peer_unknown(((struct instance *)arg)->cluster, peer); }

static scn_t hook_oldest(void *arg)
{
    struct instance *in = arg;
    struct txn_sys *ts = atomic_load(&in->peers_ts);
    return ts ? txn_oldest_local(ts) : scn_now(&in->scn);
}

static void hook_peer_oldest(void *arg, node_no node, scn_t s)
{
    struct txn_sys *ts = atomic_load(&((struct instance *)arg)->peers_ts);
    if (ts)
        txn_peer_oldest(ts, node, s);
}

static void hook_cluster_fatal(void *arg, const char *why)
{
    struct instance *in = arg;
    log_write(in->log, LOG_FATAL, "%s", why);
    in->opt.fatal(in->opt.fatal_arg, why);
}

static void on_install(void *arg, const struct cluster_view *view, const struct cluster_view *old)
{
    struct instance *in = arg;
    struct txn_sys *ts = atomic_load(&in->peers_ts);
    if (ts)
        txn_view_changed(ts, view);
}

/* ---- the cluster's side -------------------------------------------------------------------- */

enum err instance__read_secret(struct instance *in, const char **ret, struct diag *d)
{
    const char *path = in->opt.config->secret_file;
    if (!*path)
        path = arena_printf(in->arena, "%s/control/secret", in->dir);
    struct rt_file *f;
    char *text = arena_zalloc(in->arena, 4096);
    size_t got;
    enum err err = rt_open(path, RT_OPEN_READ, &f, d);
    if (err)
        return diag_wrap(d, err, "reading the cluster's secret");
    err = rt_pread(f, text, 4095, 0, &got, d);
    rt_close(f);
    while (!err && got > 0 && (text[got - 1] == '\n' || text[got - 1] == '\r'))
        text[--got] = 0;
    if (!err && got < 16)
        err = diag_set(d, ERR_CONFIG_FILE, "the secret in %s has fewer than 16 characters", path);
    *ret = text;
    return err;
}

static enum err read_control(struct instance *in, struct diag *d)
{
    struct control *c;
    bool repaired;
    enum err err = control_read(in->dir, &c, &repaired, d);
    if (err)
        return err;
    if (repaired)
        log_warning(in->log, "one copy of the control file in %s was damaged; the other one is used", in->dir);
    if (strcmp(c->cluster_name, in->opt.config->cluster_name) != 0)
        err = diag_set(d, ERR_CONFIG_FILE, "the database in %s belongs to cluster \"%s\", the configuration says \"%s\"", in->dir, c->cluster_name,
                       in->opt.config->cluster_name);
    else if (!c->bootstrapped)
        err = diag_set(d, ERR_CONFIG_FILE, "the creation of the database in %s was not finished: empty the directory and create it again", in->dir);
    in->cluster_id = c->cluster_id;
    scn_raise(&in->scn, c->scn_high_water);
    for (uint32_t i = 1; i <= c->threads; i++)
        scn_raise(&in->scn, c->thread[i].checkpoint_scn);
    control_free(c);
    return err;
}

static enum err open_interconnect(struct instance *in, struct diag *d)
{
    const char *secret;
    enum err err = instance__read_secret(in, &secret, d);
    if (err)
        return err;
    const struct ic_options io = {
        .self = { in->node, in->incarnation },
        .cluster_id = in->cluster_id,
        .secret = secret,
        .address = in->opt.config->interconnect_address,
        .lanes_normal = IC_LANES,
        .send_queue_max_bytes = IC_QUEUE_BYTES,
        .frame_max_bytes = IC_FRAME_BYTES,
        .protocol_min = 1,
        .protocol_max = 1,
        .log = in->log,
        .hooks = { .arg = in, .scn_now = hook_scn_now, .scn_seen = hook_scn_seen, .watermark = hook_watermark, .peer_changed = hook_peer_changed,
                   .peer_unknown = hook_peer_unknown },
    };
    return ic_open(&io, &in->ic, d);
}

static void ges_step_freeze(void *arg, epoch_t next) { ges_freeze(arg); }
static void ges_step_install(void *arg, const struct cluster_view *view, const struct cluster_view *old) { ges_install(arg, view); }
static void ges_step_open(void *arg, const struct cluster_view *view) { ges_open_view(arg); }

static enum err ges_step_declare(void *arg, const struct cluster_view *view, struct diag *d) { return ges_declare(arg, d); }

static enum err open_services(struct instance *in, struct diag *d)
{
    enum err err = grd_open((uint32_t)in->opt.config->num_buckets, &in->grd, d);
    const struct ges_options eo = { .ic = in->ic, .grd = in->grd, .self = in->node, .log = in->log, .deadlock_timeout_ms = 1000 };
    if (!err)
        err = ges_open(&eo, &in->ges, d);
    const struct gcs_options go = { .ic = in->ic, .grd = in->grd, .scn = &in->scn, .self = in->node, .log = in->log };
    if (!err)
        err = gcs_open(&go, &in->gcs, d);
    if (err)
        return err;
    const struct cluster_listener grd = grd_listener(in->grd), gcs = gcs_listener(in->gcs);
    const struct cluster_listener ges = { .arg = in->ges, .freeze = ges_step_freeze, .install = ges_step_install, .declare = ges_step_declare,
                                          .open = ges_step_open };
    const struct cluster_listener own = { .arg = in, .install = on_install };
    cluster_listen(in->cluster, &grd);
    cluster_listen(in->cluster, &gcs);
    cluster_listen(in->cluster, &ges);
    cluster_listen(in->cluster, &own);
    in->services = ges_owner_new(in->ges, "instance");
    return ERR_OK;
}

static enum err open_cluster(struct instance *in, struct diag *d)
{
    const struct cluster_options co = {
        .dir = in->dir,
        .cluster_name = in->opt.config->cluster_name,
        .cluster_id = in->cluster_id,
        .node_name = in->opt.config->node_id,
        .interconnect_address = in->opt.config->interconnect_address,
        .sql_address = in->opt.config->listen_address,
        .incarnation = in->incarnation,
        .heartbeat_interval_ms = (uint32_t)in->opt.config->heartbeat_interval_ms,
        .phi_threshold = in->opt.config->phi_threshold,
        .dead_after_ms = DEAD_AFTER_MS,
        .log = in->log,
        .arg = in,
        .oldest_snapshot = hook_oldest,
        .peer_oldest_snapshot = hook_peer_oldest,
        .fatal = hook_cluster_fatal,
    };
    enum err err = cluster_open(&co, &in->cluster, d);
    if (err)
        return err;
    in->node = cluster_self(in->cluster);
    in->thread = in->node; /* a node's redo thread has its number */
    err = open_interconnect(in, d);
    if (!err)
        err = open_services(in, d);
    if (!err)
        instance__register_handlers(in);
    return err ? err : cluster_attach(in->cluster, in->ic, d);
}

/* ---- the clients' side ------------------------------------------------------------------------- */

static enum err wire_ready(void *arg, struct diag *d)
{
    struct instance *in = arg;
    if (atomic_load(&in->stopping))
        return diag_set(d, ERR_CANNOT_CONNECT_NOW, "the database system is shutting down");
    if (!atomic_load(&in->serving))
        return diag_set(d, ERR_CANNOT_CONNECT_NOW, "the database system is starting up");
    return ERR_OK;
}

static struct sql_engine *wire_engine(void *arg) { return ((struct instance *)arg)->engine; }

static enum err sql_checkpoint(void *arg, struct diag *d) { return instance__checkpoint(arg, d); }

static enum err open_listener(struct instance *in, struct diag *d)
{
    const struct pgwire_options po = { .address = in->opt.config->listen_address, .node = in->node,
                                       .max_connections = (uint32_t)in->opt.config->max_connections, .log = in->log, .arg = in, .ready = wire_ready,
                                       .engine = wire_engine, .forward_cancel = instance__forward_cancel };
    return pgwire_open(&po, &in->wire, d);
}

static enum err open_engine(struct instance *in, struct diag *d)
{
    const struct sql_options so = { .catalog = in->catalog, .ts = in->ts, .ges = in->ges, .space = in->space, .log = in->log, .database = "rustydb",
                                    .node_name = in->opt.config->node_id, .cluster_name = in->opt.config->cluster_name, .data_dir = in->dir,
                                    .max_connections = (uint32_t)in->opt.config->max_connections, .node = in->node, .start_wall_us = rt_wall_us(), .tmp_dir = "/tmp",
                                    .checkpoint = sql_checkpoint, .checkpoint_arg = in, .stop_node = instance__stop_node, .stop_node_arg = in };
    return sql_engine_open(&so, &in->engine, d);
}

/* ---- start and stop ------------------------------------------------------------------------------ */

static struct instance *instance_new(const struct instance_options *opt)
{
    struct instance *in = xcalloc(1, sizeof *in);
    in->opt = *opt;
    in->dir = opt->config->data_dir;
    in->log = opt->log;
    in->arena = arena_new("instance", 0);
    rt_random_bytes(&in->incarnation, sizeof in->incarnation);
    in->incarnation |= 1; /* 0 is "none" */
    rt_future_init(&in->stop_asked);
    return in;
}

static void instance_free(struct instance *in)
{
    recovery_result_fini(&in->recovered);
    arena_free(in->arena);
    free(in);
}

/* The view now in force may be older than txn's opening. */
static void tell_transactions_the_view(struct instance *in)
{
    struct cluster_view *view = xcalloc(1, sizeof *view);
    cluster_view(in->cluster, view);
    txn_view_changed(in->ts, view);
    free(view);
}

static enum err open_and_serve(struct instance *in, struct diag *d)
{
    struct thread_start start;
    enum err err = instance__claim_thread(in, &start, d);
    if (err)
        return err;
    err = instance__open_database(in, &start, d);
    if (err)
        return err;
    tell_transactions_the_view(in);
    err = catalog_attach(in->catalog, d);
    if (!err && in->first)
        err = catalog_sweep_segments(in->catalog, d);
    if (err)
        return err;
    instance__register_views(in);
    err = open_engine(in, d);
    if (!err)
        atomic_store(&in->serving, true);
    return err;
}

enum err instance_start(const struct instance_options *opt, struct instance **ret, struct diag *d)
{
    struct instance *in = instance_new(opt);
    enum err err = read_control(in, d);
    if (!err)
        err = open_cluster(in, d);
    if (!err)
        err = open_listener(in, d);
    if (!err)
        err = cluster_join(in->cluster, instance__recover, in, d);
    if (!err)
        err = open_and_serve(in, d);
    if (err) /* what is open stays open: the process ends, and the others see that */
        return diag_wrap(d, err, "starting instance %s", opt->config->node_id);
    log_info(in->log, "instance %s (node %u) serves clients on %s", opt->config->node_id, in->node, pgwire_address(in->wire));
    *ret = in;
    return ERR_OK;
}

enum err instance_stop(struct instance *in, struct diag *d)
{
    atomic_store(&in->stopping, true);
    pgwire_close(in->wire);
    sql_engine_close(in->engine);
    enum err err = instance__close_database(in, d);
    ges_owner_free(in->services);
    in->services = NULL;
    if (!err)
        err = cluster_leave(in->cluster, d);
    cluster_stop(in->cluster);
    gcs_stop(in->gcs);
    ic_close(in->ic);
    cluster_close(in->cluster);
    instance__free_database(in);
    gcs_close(in->gcs);
    ges_close(in->ges);
    grd_close(in->grd);
    log_info(in->log, "instance %s has left the cluster", in->opt.config->node_id);
    instance_free(in);
    return err;
}

const char *instance_sql_address(const struct instance *in) { return pgwire_address(in->wire); }
node_no instance_node(const struct instance *in) { return in->node; }

void instance_ask_stop(struct instance *in)
{
    rt_spin_lock(&in->stop_spin);
    const bool first = !in->stop_was_asked;
    in->stop_was_asked = true;
    rt_spin_unlock(&in->stop_spin);
    if (first)
        rt_future_set(&in->stop_asked, 1);
}

void instance_wait_stop(struct instance *in)
{
    int64_t ignored;
    enum err err = rt_future_wait(&in->stop_asked, RT_FOREVER, false, &ignored);
    assert(err == ERR_OK);
}

/* ---- creating a database ---------------------------------------------------------------------------- */

static enum err write_secret(struct instance *in, struct diag *d)
{
    if (*in->opt.config->secret_file)
        return ERR_OK;
    uint8_t random[SECRET_BYTES];
    char text[2 * SECRET_BYTES + 1];
    rt_random_bytes(random, sizeof random);
    for (unsigned i = 0; i < SECRET_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    struct rt_file *f;
    enum err err = rt_open(arena_printf(in->arena, "%s/control/secret", in->dir), RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_EXCL, &f, d);
    if (err)
        return err;
    err = rt_pwrite(f, text, sizeof text - 1, 0, d);
    if (!err)
        err = rt_fdatasync(f, d);
    rt_close(f);
    return err;
}

static void note_bootstrapped(void *arg, struct control *c) { c->bootstrapped = true; }

/* The system tables are made by an instance that is alone, as thread 1, which is closed again. */
static enum err bootstrap(struct instance *in, struct diag *d)
{
    const struct ges_options eo = { .self = 1, .log = in->log, .deadlock_timeout_ms = 1000 };
    struct thread_start start;
    in->node = in->thread = 1;
    enum err err = ges_open(&eo, &in->ges, d);
    if (err)
        return err;
    in->services = ges_owner_new(in->ges, "instance");
    err = instance__claim_thread(in, &start, d);
    if (!err)
        err = instance__open_database(in, &start, d);
    if (!err)
        err = space_format_file(in->space, d);
    if (!err)
        err = catalog_bootstrap(in->catalog, d);
    if (!err)
        err = instance__close_database(in, d);
    if (err)
        return err;
    instance__free_database(in);
    ges_owner_free(in->services);
    ges_close(in->ges);
    return control_update(in->dir, note_bootstrapped, NULL, d);
}

enum err instance_create_database(const struct instance_options *opt, struct diag *d)
{
    struct instance *in = instance_new(opt);
    enum err err = ERR_OK;
    if (control_exists(in->dir))
        err = diag_set(d, ERR_LOCK_FILE, "there is a database in %s already", in->dir);
    if (!err)
        err = control_create(in->dir, opt->config->cluster_name, d);
    if (!err)
        err = write_secret(in, d);
    if (!err)
        err = bootstrap(in, d);
    instance_free(in);
    return err ? diag_wrap(d, err, "creating a database in %s", opt->config->data_dir) : ERR_OK;
}
