/*
 * What operators see and ask: views over statistics and members, stopping
 * another node, cancel requests that came to the wrong one.
 */
#include "server/instance_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* ---- messages -------------------------------------------------------------------- */

static void on_cancel(void *arg, const struct ic_message *m)
{
    struct instance *in = arg;
    if (in->wire)
        pgwire_cancel(in->wire, (int32_t)get_u32le(m->payload), get_u32le(m->payload + 4));
}

void instance__forward_cancel(void *arg, node_no node, int32_t pid, uint32_t secret)
{
    struct instance *in = arg;
    uint8_t body[8];
    if (node == 0 || node > NODES_MAX || !atomic_load(&in->serving)) /* anybody may send any number, at any time */
        return;
    put_u32le(body, (uint32_t)pid);
    put_u32le(body + 4, secret);
    const struct ic_part part = { body, sizeof body };
    if (ic_send(in->ic, node, IC_SESSION_CANCEL, 0, &part, 1) != ERR_OK)
        log_warning(in->log, "a cancel request for node %u could not be forwarded", node);
}

static void on_ask(void *arg, const struct ic_message *m)
{
    struct instance *in = arg;
    if (memcmp(m->payload, "stop", 4) != 0) {
        ic_reject(in->ic, m, "unknown question");
        return;
    }
    log_info(in->log, "node %u asks this node to stop", m->from);
    instance_ask_stop(in);
}

/*
 * A member's transactions open only after it has joined. Until then:
 * - TXN_COMMIT: the frame's SCN has raised the clock, and that acknowledges the commit (R3). Nothing relies on a complete list of commits:
 *   whose fate is not in the cache, its node is asked for (R4). Changed objects are sent again until they are acknowledged, which
 *   only the transactions do; and no definition is cached here that could be out of date.
 * - TXN_STATUS_ASK: is asked again. The other two answer what this node has not sent.
 */
static void ignore_transactions(struct instance *in)
{
    static const enum ic_kind kinds[] = { IC_TXN_COMMIT, IC_TXN_COMMIT_ACK, IC_TXN_STATUS_ASK, IC_TXN_STATUS };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        ic_set_handler(in->ic, kinds[i], 0, UINT32_MAX, ic_ignore, NULL);
}

void instance__register_handlers(struct instance *in)
{
    ignore_transactions(in);
    ic_set_handler(in->ic, IC_SESSION_CANCEL, 8, 8, on_cancel, in);
    ic_set_handler(in->ic, IC_ADMIN_ASK, 4, 4, on_ask, in);
}

static void ask_stop(void *arg) { instance_ask_stop(arg); }

enum err instance__stop_node(void *arg, const char *node_name, bool *ret_found, struct diag *d)
{
    struct instance *in = arg;
    struct cluster_view *view = xcalloc(1, sizeof *view);
    cluster_view(in->cluster, view);
    node_no node = 0;
    for (uint32_t i = 0; i < view->n; i++)
        if (strcmp(view->m[i].name, node_name) == 0)
            node = view->m[i].node;
    free(view);
    *ret_found = node != 0;
    if (node == in->node) { /* whoever asks hears the answer before sessions end */
        pgwire_after_answer(in->wire, ask_stop, in);
        return ERR_OK;
    }
    const struct ic_part part = { "stop", 4 };
    enum err err = node ? ic_send(in->ic, node, IC_ADMIN_ASK, 0, &part, 1) : ERR_OK;
    return err ? diag_set(d, ERR_CONNECTION_FAILURE, "node \"%s\" cannot be reached", node_name) : ERR_OK;
}

/* ---- views -------------------------------------------------------------------------- */

static union datum text_datum(struct arena *a, const char *s) { return datum_str(arena_strdup(a, s), strlen(s)); }

static const char *health_name(const struct instance *in, node_no node)
{
    if (node == in->node)
        return "HEALTHY";
    switch (cluster_health(in->cluster, node)) {
    case MEMBER_HEALTHY:
        return "HEALTHY";
    case MEMBER_SUSPECTED:
        return "SUSPECTED";
    case MEMBER_FAILED:
        return "FAILED";
    }
    return "UNKNOWN";
}

static const struct new_column members_columns[] = {
    { .name = "node", .type = TYPE_INT4, .typmod = -1 },
    { .name = "name", .type = TYPE_TEXT, .typmod = -1 },
    { .name = "health", .type = TYPE_TEXT, .typmod = -1 },
    { .name = "leader", .type = TYPE_BOOL, .typmod = -1 },
    { .name = "this_node", .type = TYPE_BOOL, .typmod = -1 },
    { .name = "redo_thread", .type = TYPE_INT4, .typmod = -1 },
    { .name = "interconnect_address", .type = TYPE_TEXT, .typmod = -1 },
    { .name = "sql_address", .type = TYPE_TEXT, .typmod = -1 },
    { .name = "epoch", .type = TYPE_INT8, .typmod = -1 },
};

static bool members_next(void *arg, uint64_t *cursor, union datum *v, bool *null, struct arena *a)
{
    struct instance *in = arg;
    struct cluster_view *view = arena_alloc(a, sizeof *view);
    cluster_view(in->cluster, view);
    if (*cursor >= view->n)
        return false;
    const struct cluster_member *m = &view->m[(*cursor)++];
    const union datum row[] = {
        datum_int(m->node),
        text_datum(a, m->name),
        text_datum(a, health_name(in, m->node)),
        datum_int(m->node == cluster_coordinator(in->cluster)),
        datum_int(m->node == in->node),
        datum_int(m->redo_thread),
        text_datum(a, m->interconnect_address),
        text_datum(a, m->sql_address),
        datum_int((int64_t)view->epoch),
    };
    memcpy(v, row, sizeof row);
    memset(null, 0, ARRAY_LEN(row) * sizeof *null);
    return true;
}

static const struct new_column view_columns[] = {
    { .name = "cluster_name", .type = TYPE_TEXT, .typmod = -1 },   { .name = "epoch", .type = TYPE_INT8, .typmod = -1 },
    { .name = "has_quorum", .type = TYPE_BOOL, .typmod = -1 },     { .name = "total_nodes", .type = TYPE_INT4, .typmod = -1 },
    { .name = "healthy_nodes", .type = TYPE_INT4, .typmod = -1 },  { .name = "suspected_nodes", .type = TYPE_INT4, .typmod = -1 },
    { .name = "down_nodes", .type = TYPE_INT4, .typmod = -1 },     { .name = "grd_buckets", .type = TYPE_INT4, .typmod = -1 },
    { .name = "cache_fusion", .type = TYPE_BOOL, .typmod = -1 },
};

static bool view_next(void *arg, uint64_t *cursor, union datum *v, bool *null, struct arena *a)
{
    struct instance *in = arg;
    if ((*cursor)++ > 0)
        return false;
    struct cluster_view *view = arena_alloc(a, sizeof *view);
    cluster_view(in->cluster, view);
    int64_t count[3] = { 0 };
    for (uint32_t i = 0; i < view->n; i++)
        count[view->m[i].node == in->node ? MEMBER_HEALTHY : cluster_health(in->cluster, view->m[i].node)]++;
    const union datum row[] = {
        text_datum(a, in->opt.config->cluster_name),
        datum_int((int64_t)view->epoch),
        datum_int(2 * count[MEMBER_HEALTHY] > (int64_t)view->n),
        datum_int(view->n),
        datum_int(count[MEMBER_HEALTHY]),
        datum_int(count[MEMBER_SUSPECTED]),
        datum_int(count[MEMBER_FAILED]),
        datum_int(grd_buckets(in->grd)),
        datum_int(in->opt.config->enable_cache_fusion),
    };
    memcpy(v, row, sizeof row);
    memset(null, 0, ARRAY_LEN(row) * sizeof *null);
    return true;
}

/* All counters of this node: one row each, from the tables in the subsystems' headers. */
struct all_statistics {
    struct ic_stats interconnect;
    struct redo_stats redo;
    struct buf_stats buffer;
    struct gcs_stats gcs;
    struct ges_stats ges;
    struct grd_stats grd;
    struct access_stats access;
    struct txn_stats transaction;
    struct pgwire_stats client;
};

static const struct statistic {
    const char *subsystem, *name, *unit, *text;
    size_t offset; /* in struct all_statistics */
} statistics[] = {
#define ROW(subsystem, name, unit, text) { #subsystem, #name, #unit, text, offsetof(struct all_statistics, subsystem.name) },
#define X(name, unit, text) ROW(interconnect, name, unit, text)
    IC_STATS(X)
#undef X
#define X(name, unit, text) ROW(redo, name, unit, text)
    REDO_STATS(X)
#undef X
#define X(name, unit, text) ROW(buffer, name, unit, text)
    BUF_STATS(X)
#undef X
#define X(name, unit, text) ROW(gcs, name, unit, text)
    GCS_STATS(X)
#undef X
#define X(name, unit, text) ROW(ges, name, unit, text)
    GES_STATS(X)
#undef X
#define X(name, unit, text) ROW(grd, name, unit, text)
    GRD_STATS(X)
#undef X
#define X(name, unit, text) ROW(access, name, unit, text)
    ACCESS_STATS(X)
#undef X
#define X(name, unit, text) ROW(transaction, name, unit, text)
    TXN_STATS(X)
#undef X
#define X(name, unit, text) ROW(client, name, unit, text)
    PGWIRE_STATS(X)
#undef X
#undef ROW
};

static void read_statistics(struct instance *in, struct all_statistics *s)
{
    ic_stats(in->ic, &s->interconnect);
    redo_stats(in->redo, &s->redo);
    bufcache_stats(in->bc, &s->buffer);
    gcs_stats(in->gcs, &s->gcs);
    ges_stats(in->ges, &s->ges);
    grd_stats(in->grd, &s->grd);
    access_stats(in->access, &s->access);
    txn_stats(in->ts, &s->transaction);
    pgwire_stats(in->wire, &s->client);
}

static const struct new_column statistics_columns[] = {
    { .name = "subsystem", .type = TYPE_TEXT, .typmod = -1 }, { .name = "name", .type = TYPE_TEXT, .typmod = -1 },
    { .name = "value", .type = TYPE_INT8, .typmod = -1 },     { .name = "unit", .type = TYPE_TEXT, .typmod = -1 },
    { .name = "description", .type = TYPE_TEXT, .typmod = -1 },
};

static bool statistics_next(void *arg, uint64_t *cursor, union datum *v, bool *null, struct arena *a)
{
    if (*cursor >= ARRAY_LEN(statistics))
        return false;
    const struct statistic *st = &statistics[*cursor];
    struct all_statistics all;
    read_statistics(arg, &all);
    uint64_t value;
    memcpy(&value, (const char *)&all + st->offset, sizeof value);
    v[0] = text_datum(a, st->subsystem);
    v[1] = text_datum(a, st->name);
    v[2] = datum_int((int64_t)value);
    v[3] = text_datum(a, st->unit);
    v[4] = text_datum(a, st->text);
    memset(null, 0, 5 * sizeof *null);
    ++*cursor;
    return true;
}

static const char *const phase_names[] = {
#define X(name, text) #name,
    GCS_PHASES(X)
#undef X
};
static const char *const phase_texts[] = {
#define X(name, text) text,
    GCS_PHASES(X)
#undef X
};

/* Upper bound of the bucket in which the fraction is reached: within a factor of two. */
static uint64_t quantile_ns(const struct gcs_histogram *h, double fraction)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < GCS_HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (h->count && (double)seen >= fraction * (double)h->count)
            return UINT64_C(1) << (i + 7);
    }
    return 0;
}

static const struct new_column phases_columns[] = {
    { .name = "phase", .type = TYPE_TEXT, .typmod = -1 },  { .name = "count", .type = TYPE_INT8, .typmod = -1 },
    { .name = "avg_ns", .type = TYPE_INT8, .typmod = -1 }, { .name = "p50_ns_below", .type = TYPE_INT8, .typmod = -1 },
    { .name = "p99_ns_below", .type = TYPE_INT8, .typmod = -1 }, { .name = "description", .type = TYPE_TEXT, .typmod = -1 },
};

static bool phases_next(void *arg, uint64_t *cursor, union datum *v, bool *null, struct arena *a)
{
    const struct instance *in = arg;
    if (*cursor >= GCS_PHASE_COUNT)
        return false;
    struct gcs_stats st;
    gcs_stats(in->gcs, &st);
    const struct gcs_histogram *h = &st.phase[*cursor];
    v[0] = text_datum(a, phase_names[*cursor]);
    v[1] = datum_int((int64_t)h->count);
    v[2] = datum_int(h->count ? (int64_t)(h->sum_ns / h->count) : 0);
    v[3] = datum_int((int64_t)quantile_ns(h, 0.5));
    v[4] = datum_int((int64_t)quantile_ns(h, 0.99));
    v[5] = text_datum(a, phase_texts[*cursor]);
    memset(null, 0, 6 * sizeof *null);
    ++*cursor;
    return true;
}

static const struct virtual_table views[] = {
    { "cluster_members", ARRAY_LEN(members_columns), members_columns, members_next },
    { "cluster_view", ARRAY_LEN(view_columns), view_columns, view_next },
    { "block_transfer_phases", ARRAY_LEN(phases_columns), phases_columns, phases_next },
    { "node_statistics", ARRAY_LEN(statistics_columns), statistics_columns, statistics_next },
};

void instance__register_views(struct instance *in)
{
    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        catalog_register_virtual(in->catalog, &views[i], in);
}
