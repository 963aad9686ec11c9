/*
 * What functions ask of their session: clock, settings, sequences, names.
 */
#include "sql/lib/session_int.h"

#include <stdlib.h>

#define EPOCH_2000_US INT64_C(946684800000000)

static double hook_random(void *arg) { return (double)(rt_random() >> 11) / 9007199254740992.0; }
static int64_t hook_wall(void *arg) { return (int64_t)rt_wall_us() - EPOCH_2000_US; }
static int64_t hook_statement(void *arg) { return ((struct session *)arg)->statement_us; }
static int64_t hook_start(void *arg) { return (int64_t)((struct session *)arg)->engine->opt.start_wall_us - EPOCH_2000_US; }
static int32_t hook_pid(void *arg) { return ((struct session *)arg)->pid; }
static bool hook_in_recovery(void *arg) { return false; }

static const char *hook_fact(void *arg, enum session_fact what)
{
    const struct session *s = arg;
    switch (what) {
    case FACT_CURRENT_USER:
    case FACT_SESSION_USER:
        return s->user;
    case FACT_DATABASE:
        return s->database;
    case FACT_SCHEMA:
        return "public";
    case FACT_VERSION:
        return "PostgreSQL 15.8 (RustyDB RAC 0.1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit";
    case FACT_QUERY:
        return s->query;
    }
    return NULL;
}

static int64_t hook_txid(void *arg)
{
    struct session *s = arg;
    struct diag d;
    if (!s->txn || txn_need_xid(s->txn, &d) != ERR_OK)
        return 0;
    return (int64_t)txn_xid(s->txn).v;
}

static enum err hook_sleep(void *arg, int64_t us, struct diag *d)
{
    const uint64_t end = us > 0 ? rt_now() + RT_US(us) : 0;
    struct rt_future never;
    rt_future_init(&never);
    int64_t ignored;
    enum err err = end > rt_now() ? rt_future_wait(&never, end, true, &ignored) : ERR_OK;
    return err == ERR_CANCELED ? diag_set(d, ERR_CANCELED, "canceling statement due to user request") : ERR_OK;
}

static enum err hook_stop_node(void *arg, const char *name, size_t len, bool *ret_found, struct diag *d)
{
    struct session *s = arg;
    const struct sql_options *o = &s->engine->opt;
    if (!o->stop_node)
        return diag_set(d, ERR_FEATURE, "this instance cannot stop nodes");
    return o->stop_node(o->stop_node_arg, arena_strndup(s->arena, name, len), ret_found, d);
}

/* ---- sequences ------------------------------------------------------------------ */

static struct sequence_value *remembered(struct session *s, oid_t oid, bool add)
{
    for (uint32_t i = 0; i < s->nseq; i++)
        if (s->seq[i].oid == oid)
            return &s->seq[i];
    if (!add)
        return NULL;
    s->seq = xrealloc(s->seq, (s->nseq + 1) * sizeof *s->seq);
    s->seq[s->nseq] = (struct sequence_value){ .oid = oid };
    return &s->seq[s->nseq++];
}

static enum err sequence_of(struct session *s, oid_t oid, struct table_def **ret, struct diag *d)
{
    enum err err = catalog_table_by_oid(session_catalog(s), s->txn, oid, GES_MODE_CR, ret, d);
    if (err)
        return err;
    if ((*ret)->kind == TABLE_SEQUENCE)
        return ERR_OK;
    err = diag_set(d, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not a sequence", (*ret)->name);
    catalog_release(session_catalog(s), *ret);
    return err;
}

static enum err hook_nextval(void *arg, oid_t oid, int64_t *ret, struct diag *d)
{
    struct session *s = arg;
    struct table_def *def;
    enum err err = s->read_only ? diag_set(d, ERR_READ_ONLY, "cannot execute nextval() in a read-only transaction") : ERR_OK;
    if (!err)
        err = sequence_of(s, oid, &def, d);
    if (err)
        return err;
    err = sequence_next(catalog_sequences(session_catalog(s)), &def->sequence, ret, d);
    catalog_release(session_catalog(s), def);
    if (!err) {
        remembered(s, oid, true)->value = *ret;
        s->last_seq = oid;
    }
    return err;
}

static enum err hook_currval(void *arg, oid_t oid, int64_t *ret, struct diag *d)
{
    struct session *s = arg;
    const struct sequence_value *v = remembered(s, oid, false);
    if (!v) {
        char schema[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
        bool found;
        enum err err = catalog_name_of(session_catalog(s), s->txn, oid, schema, name, &found, d);
        return err ? err : diag_set(d, ERR_OBJECT_STATE, "currval of sequence \"%s\" is not yet defined in this session", found ? name : "?");
    }
    *ret = v->value;
    return ERR_OK;
}

static enum err hook_lastval(void *arg, int64_t *ret, struct diag *d)
{
    struct session *s = arg;
    const struct sequence_value *v = s->last_seq ? remembered(s, s->last_seq, false) : NULL;
    if (!v)
        return diag_set(d, ERR_OBJECT_STATE, "lastval is not yet defined in this session");
    *ret = v->value;
    return ERR_OK;
}

static enum err hook_setval(void *arg, oid_t oid, int64_t v, bool is_called, struct diag *d)
{
    struct session *s = arg;
    struct table_def *def;
    enum err err = s->read_only ? diag_set(d, ERR_READ_ONLY, "cannot execute setval() in a read-only transaction") : ERR_OK;
    if (!err)
        err = sequence_of(s, oid, &def, d);
    if (err)
        return err;
    if (v < def->sequence.min || v > def->sequence.max)
        err = diag_set(d, ERR_NUMERIC_RANGE, "setval: value %" PRId64 " is out of bounds for sequence \"%s\" (%" PRId64 "..%" PRId64 ")", v, def->name,
                       def->sequence.min, def->sequence.max);
    else
        err = sequence_set(catalog_sequences(session_catalog(s)), &def->sequence, v, is_called, d);
    catalog_release(session_catalog(s), def);
    if (!err && is_called)
        remembered(s, oid, true)->value = v;
    return err;
}

/* ---- settings --------------------------------------------------------------------- */

static enum err hook_current_setting(void *arg, const char *name, size_t len, bool missing_ok, struct buf *b, bool *ret_found, struct diag *d)
{
    struct session *s = arg;
    const int id = setting_find(name, len);
    *ret_found = id >= 0;
    if (id < 0)
        return missing_ok ? ERR_OK : diag_set(d, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%.*s\"", (int)len, name);
    buf_put_str(b, setting_show((enum setting_id)id, s->value[id], s->arena));
    return ERR_OK;
}

static enum err hook_set_config(void *arg, const char *name, size_t len, const char *value, size_t value_len, bool is_local, struct buf *b,
                                struct diag *d)
{
    struct session *s = arg;
    const int id = setting_find(name, len);
    if (id < 0)
        return diag_set(d, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%.*s\"", (int)len, name);
    enum err err = session__set(s, (enum setting_id)id, arena_strndup(s->arena, value, value_len), is_local, d);
    if (!err)
        buf_put_str(b, setting_show((enum setting_id)id, s->value[id], s->arena));
    return err;
}

/* ---- the catalogue ------------------------------------------------------------------- */

static enum err relation_size(struct session *s, oid_t oid, int64_t which, struct buf *b, bool *ret_null, struct diag *d)
{
    struct table_def *def;
    enum err err = catalog_table_by_oid(session_catalog(s), s->txn, oid, GES_MODE_NL, &def, d);
    *ret_null = err == ERR_UNDEFINED_TABLE;
    if (err)
        return *ret_null ? ERR_OK : err;
    uint64_t blocks = 0;
    for (int i = -1; i < (int)def->nindexes && !err; i++) {
        const struct seg seg = i < 0 ? def->seg : def->index[i].seg;
        if (seg.id == 0 || (i < 0 ? which == 1 : which == 0))
            continue;
        struct space_extent *e;
        uint32_t n;
        err = space_extents(s->engine->opt.space, seg, txn_snapshot(s->txn) ? txn_snapshot(s->txn)->s : 0, &e, &n, d);
        if (err)
            break;
        blocks += (uint64_t)n * EXTENT_BLOCKS;
        free(e);
    }
    catalog_release(session_catalog(s), def);
    buf_printf(b, "%" PRIu64, blocks * BLOCK_SIZE);
    return err;
}

static enum err table_visible(struct session *s, oid_t oid, struct buf *b, bool *ret_null, struct diag *d)
{
    char schema[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
    bool found;
    enum err err = catalog_name_of(session_catalog(s), s->txn, oid, schema, name, &found, d);
    *ret_null = !found;
    if (!err && found)
        buf_put_str(b, strcmp(schema, "public") == 0 || strcmp(schema, "pg_catalog") == 0 ? "t" : "f");
    return err;
}

static enum err serial_sequence(struct session *s, oid_t table, int64_t attnum, struct buf *b, bool *ret_null, struct diag *d)
{
    struct table_def *def;
    enum err err = catalog_table_by_oid(session_catalog(s), s->txn, table, GES_MODE_NL, &def, d);
    if (err)
        return err;
    const oid_t seq = attnum >= 1 && attnum <= def->ncols ? def->col[attnum - 1].owned_sequence : 0;
    catalog_release(session_catalog(s), def);
    char schema[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
    bool found = false;
    if (seq)
        err = catalog_name_of(session_catalog(s), s->txn, seq, schema, name, &found, d);
    *ret_null = !found;
    if (!err && found)
        buf_printf(b, "%s.%s", schema, name);
    return err;
}

static enum err hook_ask_catalog(void *arg, enum catalog_question what, oid_t oid, int64_t n, struct buf *b, bool *ret_null, struct diag *d)
{
    struct session *s = arg;
    *ret_null = false;
    switch (what) {
    case ASK_USER_NAME:
        buf_put_str(b, oid == OID_OWNER ? "rustydb" : "unknown");
        return ERR_OK;
    case ASK_TABLE_VISIBLE:
        return table_visible(s, oid, b, ret_null, d);
    case ASK_RELATION_SIZE:
        return relation_size(s, oid, n, b, ret_null, d);
    case ASK_SERIAL_SEQUENCE:
        return serial_sequence(s, oid, n, b, ret_null, d);
    case ASK_INDEX_DEF:
    case ASK_CONSTRAINT_DEF:
        return diag_set(d, ERR_FEATURE, "pg_get_indexdef() and pg_get_constraintdef() are not supported");
    case ASK_DESCRIPTION:
        *ret_null = true;
        return ERR_OK;
    }
    return ERR_OK;
}

/* ---- types --------------------------------------------------------------------------- */

/* One part of a possibly quoted, possibly qualified name; folds what is not quoted to lower case. */
static const char *name_part(const char *p, const char *end, char *out, size_t size)
{
    size_t n = 0;
    const bool quoted = p < end && *p == '"';
    p += quoted;
    while (p < end && (quoted ? true : *p != '.')) {
        if (quoted && *p == '"') {
            if (p + 1 < end && p[1] == '"')
                p++;
            else
                break;
        }
        const char c = !quoted && *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        if (n + 1 < size)
            out[n++] = c;
        p++;
    }
    out[n] = 0;
    return p + (quoted && p < end);
}

static enum err hook_regclass_in(void *arg, const char *text, size_t len, oid_t *ret, struct diag *d)
{
    struct session *s = arg;
    char first[NAME_MAX_BYTES + 1], second[NAME_MAX_BYTES + 1];
    const char *end = text + len, *p = name_part(text, end, first, sizeof first);
    const bool qualified = p < end && *p == '.';
    if (qualified)
        p = name_part(p + 1, end, second, sizeof second);
    enum err err = p == end ? session__need_txn(s, d) : diag_set(d, ERR_SYNTAX, "invalid name syntax");
    if (!err)
        err = catalog_oid_of(session_catalog(s), s->txn, qualified ? first : NULL, qualified ? second : first, ret, NULL, d);
    if (!err && !*ret)
        err = diag_set(d, ERR_UNDEFINED_TABLE, "relation \"%.*s\" does not exist", (int)len, text);
    return err;
}

static bool hook_regclass_out(void *arg, oid_t oid, struct buf *b)
{
    struct session *s = arg;
    struct diag d;
    char schema[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
    bool found = false;
    if (session__need_txn(s, &d) || catalog_name_of(session_catalog(s), s->txn, oid, schema, name, &found, &d))
        return false;
    if (found)
        buf_put_str(b, name);
    return found;
}

static const struct timezone *hook_timezone(void *arg, const char *name, size_t len)
{
    struct session *s = arg;
    const struct timezone *tz;
    struct diag d;
    char text[256]; /* asked for each row that names a zone */
    if (len >= sizeof text)
        return NULL;
    memcpy(text, name, len);
    text[len] = 0;
    return session__find_zone(s, text, &tz, &d) == ERR_OK ? tz : NULL;
}

const struct type_hooks session__type_hooks = { .regclass_in = hook_regclass_in, .regclass_out = hook_regclass_out, .timezone_find = hook_timezone };

const struct func_hooks session__hooks = {
    .random = hook_random,
    .wall_us = hook_wall,
    .statement_us = hook_statement,
    .start_us = hook_start,
    .fact = hook_fact,
    .backend_pid = hook_pid,
    .in_recovery = hook_in_recovery,
    .txid_current = hook_txid,
    .sleep = hook_sleep,
    .stop_node = hook_stop_node,
    .nextval = hook_nextval,
    .currval = hook_currval,
    .lastval = hook_lastval,
    .setval = hook_setval,
    .current_setting = hook_current_setting,
    .set_config = hook_set_config,
    .ask_catalog = hook_ask_catalog,
};
