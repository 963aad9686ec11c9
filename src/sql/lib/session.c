#include "sql/lib/session_int.h"
#include "sql/types/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define TAG_MAX 128

/* ---- open and close --------------------------------------------------------------- */

static enum err apply_startup_settings(struct session *s, const struct session_options *opt, struct diag *d)
{
    for (uint32_t i = 0; i < opt->nsettings; i++) {
        const char *name = opt->settings[2 * i], *value = opt->settings[2 * i + 1];
        const int id = setting_find(name, strlen(name));
        if (id < 0)
            return diag_set(d, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
        enum err err = session__set(s, (enum setting_id)id, value, false, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err session_open(const struct session_options *opt, struct session **ret, struct diag *d)
{
    if (strcmp(opt->database, opt->engine->opt.database) != 0)
        return diag_set(d, ERR_CATALOG_NAME, "database \"%s\" does not exist", opt->database);
    if (strcmp(opt->user, "rustydb") != 0)
        return diag_set(d, ERR_AUTHORIZATION, "role \"%s\" does not exist", opt->user);
    struct session *s = xcalloc(1, sizeof *s);
    s->engine = opt->engine;
    s->client = opt->client;
    s->fiber = rt_self();
    s->pid = opt->pid;
    s->user = xstrdup(opt->user);
    s->database = xstrdup(opt->database);
    s->arena = arena_new("statement", 0);
    s->func.session = s;
    s->func.hooks = &session__hooks;
    s->func.hooks_arg = s;
    s->func.types.hooks = &session__type_hooks;
    s->func.types.hooks_arg = s;
    list_init(&s->savepoints);
    list_init(&s->prepared);
    list_init(&s->portals);
    list_init(&s->timed_link);
    s->query = "";
    session__settings_init(s);
    enum err err = apply_startup_settings(s, opt, d);
    if (err) {
        session_close(s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

static void close_prepared(struct session *s)
{
    while (!list_empty(&s->prepared)) {
        struct prepared *p = LIST_ENTRY(s->prepared.next, struct prepared, link);
        list_remove(&p->link);
        session__prepared_unref(s, p);
    }
}

void session_close(struct session *s)
{
    session__rollback(s);
    close_prepared(s);
    session__settings_fini(s);
    arena_free(s->arena);
    free(s->seq);
    free(s->user);
    free(s->database);
    free(s);
}

/* ---- the running statement: cancel, time-out ------------------------------------------ */

static void deadline_set(struct session *s)
{
    const int64_t ms = strtoll(s->value[SETTING_statement_timeout], NULL, 10);
    if (ms == 0 && !list_linked(&s->timed_link))
        return;
    struct sql_engine *e = s->engine;
    rt_mutex_lock(&e->lock);
    if (list_linked(&s->timed_link))
        list_remove(&s->timed_link);
    if (ms > 0 && s->running) {
        s->deadline = rt_now() + RT_MS(ms);
        list_push_back(&e->timed, &s->timed_link);
        rt_cond_signal(&e->changed);
    }
    rt_mutex_unlock(&e->lock);
}

static void statement_begin(struct session *s, const char *text)
{
    rt_spin_lock(&s->spin);
    s->running = true;
    s->canceled = s->timed_out = false;
    rt_spin_unlock(&s->spin);
    arena_reset(s->arena);
    s->query = text;
    s->statement_us = (int64_t)rt_wall_us() - INT64_C(946684800000000); /* since 2000-01-01 */
    deadline_set(s);
}

/* A cancel request from now on is too late. What interrupted the statement gets PostgreSQL's words. */
static enum err statement_end(struct session *s, enum err err, struct diag *d)
{
    rt_spin_lock(&s->spin);
    s->running = false;
    const bool canceled = s->canceled, timed_out = s->timed_out;
    rt_spin_unlock(&s->spin);
    if (list_linked(&s->timed_link))
        deadline_set(s);
    rt_cancel_clear();
    if (err == ERR_CANCELED && (canceled || timed_out))
        diag_set(d, ERR_CANCELED, "canceling statement due to %s", canceled ? "user request" : "statement timeout");
    s->query = "";
    return err;
}

static void interrupt(struct session *s, bool timed_out)
{
    rt_spin_lock(&s->spin);
    if (s->running) {
        *(timed_out ? &s->timed_out : &s->canceled) = true;
        rt_cancel(s->fiber);
    }
    rt_spin_unlock(&s->spin);
}

void session_cancel(struct session *s) { interrupt(s, false); }

static void timer_fiber(void *arg)
{
    struct sql_engine *e = arg;
    rt_mutex_lock(&e->lock);
    while (!e->stop) {
        uint64_t next = RT_FOREVER;
        const uint64_t now = rt_now();
        LIST_FOREACH_SAFE(it, &e->timed) {
            struct session *s = LIST_ENTRY(it, struct session, timed_link);
            if (s->deadline <= now) {
                list_remove(&s->timed_link);
                interrupt(s, true);
            } else {
                next = MIN(next, s->deadline);
            }
        }
        enum err err = rt_cond_wait(&e->changed, &e->lock, next, false);
        (void)err; /* woken or due: looks again either way */
    }
    rt_mutex_unlock(&e->lock);
}

/* ---- simple query ------------------------------------------------------------------------ */

static bool allowed_when_failed(const struct ast_stmt *stmt)
{
    return stmt && stmt->kind == AST_TXN &&
           (stmt->txn->kind == AST_TXN_COMMIT || stmt->txn->kind == AST_TXN_ROLLBACK || stmt->txn->kind == AST_TXN_ROLLBACK_TO);
}

static enum err check_failed(struct session *s, const struct ast_stmt *stmt, struct diag *d)
{
    if (!s->failed || allowed_when_failed(stmt))
        return ERR_OK;
    return diag_set(d, ERR_TXN_FAILED, "current transaction is aborted, commands ignored until end of transaction block");
}

/* One statement of a text, with a time-out of its own. The last one commits before the client hears that it is complete. */
static enum err run_one(struct session *s, struct ast *ast, const struct ast_stmt *stmt, bool last, struct diag *d)
{
    char tag[TAG_MAX];
    struct prepared *p;
    enum err err = check_failed(s, stmt, d);
    if (stmt != &ast->v[0])
        deadline_set(s);
    if (!err)
        err = session__prepare(s, "", ast, stmt, s->arena, false, NULL, 0, &p, d);
    if (err)
        return err;
    if (p->nparams > 0)
        err = diag_set(d, ERR_UNDEFINED_PARAMETER, "there is no parameter $%u", p->nparams);
    if (!err)
        err = session__run(s, p, &(struct run){ .describe = true }, tag, sizeof tag, d);
    session__prepared_unref(s, p);
    if (!err && last && !s->in_block)
        err = session__commit(s, d);
    return err ? err : s->client->complete(s->client->arg, tag, d);
}

enum err session_simple_query(struct session *s, const char *sql, size_t len, struct diag *d)
{
    statement_begin(s, sql);
    struct ast *ast;
    enum err err = utf8_check(sql, len, d);
    if (!err)
        err = sql_parse(s->arena, sql, len, &ast, d);
    if (!err && ast->n == 0)
        err = s->client->empty_query(s->client->arg, d);
    for (uint32_t i = 0; !err && i < ast->n; i++)
        err = run_one(s, ast, &ast->v[i], i + 1 == ast->n, d);
    if (!err && !s->in_block)
        err = session__commit(s, d);
    err = statement_end(s, err, d);
    if (err)
        session__statement_failed(s);
    return err;
}

/* ---- extended query ------------------------------------------------------------------------- */

struct prepared *session__find_prepared(struct session *s, const char *name)
{
    LIST_FOREACH(it, &s->prepared)
        if (strcmp(LIST_ENTRY(it, struct prepared, link)->name, name) == 0)
            return LIST_ENTRY(it, struct prepared, link);
    return NULL;
}

static struct portal *find_portal(struct session *s, const char *name)
{
    LIST_FOREACH(it, &s->portals)
        if (strcmp(LIST_ENTRY(it, struct portal, link)->name, name) == 0)
            return LIST_ENTRY(it, struct portal, link);
    return NULL;
}

void session_close_statement(struct session *s, const char *name)
{
    struct prepared *p = session__find_prepared(s, name);
    if (!p)
        return;
    list_remove(&p->link);
    session__prepared_unref(s, p);
}

static void portal_free(struct session *s, struct portal *po)
{
    list_remove(&po->link);
    exec_end(po->exec);
    txn_hold_end(po->hold);
    session__prepared_unref(s, po->prep);
    arena_free(po->arena);
    free(po->name);
    free(po);
}

void session_close_portal(struct session *s, const char *name)
{
    struct portal *po = find_portal(s, name);
    if (po)
        portal_free(s, po);
}

void session__close_portals(struct session *s)
{
    while (!list_empty(&s->portals))
        portal_free(s, LIST_ENTRY(s->portals.next, struct portal, link));
}

static enum err parse_one(struct session *s, const char *name, const char *sql, size_t len, const oid_t *types, uint32_t ntypes, struct diag *d)
{
    if (*name == 0)
        session_close_statement(s, "");
    else if (session__find_prepared(s, name))
        return diag_set(d, ERR_DUPLICATE_STATEMENT, "prepared statement \"%s\" already exists", name);
    struct arena *arena = arena_new("prepared statement", 0);
    struct ast *ast;
    struct prepared *p;
    enum err err = utf8_check(sql, len, d);
    if (!err)
        err = sql_parse(arena, sql, len, &ast, d);
    if (!err && ast->n > 1)
        err = diag_set(d, ERR_SYNTAX, "cannot insert multiple commands into a prepared statement");
    const struct ast_stmt *stmt = !err && ast->n ? &ast->v[0] : NULL;
    if (!err)
        err = check_failed(s, stmt, d);
    if (!err)
        err = session__prepare(s, name, ast, stmt, arena, true, types, ntypes, &p, d);
    if (err) {
        arena_free(arena);
        return err;
    }
    list_push_back(&s->prepared, &p->link);
    return ERR_OK;
}

/* The calls of the extended protocol are statements for cancel and time-out; an error fails the transaction. */
static enum err extended_end(struct session *s, enum err err, struct diag *d)
{
    err = statement_end(s, err, d);
    if (err)
        session__statement_failed(s);
    return err;
}

enum err session_parse(struct session *s, const char *name, const char *sql, size_t len, const oid_t *types, uint32_t ntypes, struct diag *d)
{
    statement_begin(s, sql);
    return extended_end(s, parse_one(s, name, sql, len, types, ntypes, d), d);
}

static enum err read_param(struct session *s, struct portal *po, uint32_t i, const struct session_param *in, struct diag *d)
{
    const struct type *t = type_by_oid(po->prep->param_type[i]);
    struct type_ctx ctx = s->func.types;
    ctx.arena = po->arena;
    po->param_null[i] = in->len < 0;
    if (in->len < 0)
        return ERR_OK;
    enum err err;
    if (in->format == 0) {
        const char *text = arena_strndup(po->arena, (const char *)in->p, (size_t)in->len);
        err = utf8_check(text, (size_t)in->len, d);
        if (!err)
            err = t->in(&ctx, text, (size_t)in->len, -1, &po->param[i], d);
    } else {
        const uint8_t *bytes = arena_dup(po->arena, in->p, (size_t)in->len + 1);
        err = t->recv(&ctx, bytes, (size_t)in->len, -1, &po->param[i], d);
    }
    if (err)
        diag_context(d, "portal \"%s\" parameter $%u", po->name, i + 1);
    return err;
}

static enum err set_formats(struct session *s, struct portal *po, const int16_t *formats, uint32_t n, struct diag *d)
{
    const struct prepared *described = session__described(s, po->prep);
    const uint32_t ncols = described ? described->ncols : 0;
    if (n > 1 && n != ncols && ncols > 0)
        return diag_set(d, ERR_PROTOCOL, "bind message has %u result formats but query has %u columns", n, ncols);
    po->nformats = ncols;
    po->formats = ARENA_ARRAY(po->arena, int16_t, ncols + 1);
    for (uint32_t i = 0; i < ncols && n > 0; i++)
        po->formats[i] = formats[n == 1 ? 0 : i];
    return ERR_OK;
}

static enum err bind(struct session *s, const char *name, const char *stmt, const struct session_param *params, uint32_t nparams,
                     const int16_t *formats, uint32_t nformats, struct diag *d)
{
    struct prepared *p = session__find_prepared(s, stmt);
    if (!p)
        return *stmt ? diag_set(d, ERR_STATEMENT_NAME, "prepared statement \"%s\" does not exist", stmt)
                     : diag_set(d, ERR_STATEMENT_NAME, "unnamed prepared statement does not exist");
    if (nparams != p->nparams)
        return diag_set(d, ERR_PROTOCOL, "bind message supplies %u parameters, but prepared statement \"%s\" requires %u", nparams, stmt, p->nparams);
    enum err err = check_failed(s, p->stmt, d);
    if (err)
        return err;
    if (*name == 0)
        session_close_portal(s, "");
    else if (find_portal(s, name))
        return diag_set(d, ERR_DUPLICATE_CURSOR, "cursor \"%s\" already exists", name);
    struct portal *po = xcalloc(1, sizeof *po);
    po->name = xstrdup(name);
    po->prep = p;
    p->refs++;
    po->arena = arena_new("portal", 0);
    po->param = ARENA_ARRAY(po->arena, union datum, nparams + 1);
    po->param_null = ARENA_ARRAY(po->arena, bool, nparams + 1);
    list_push_back(&s->portals, &po->link);
    err = set_formats(s, po, formats, nformats, d);
    for (uint32_t i = 0; i < nparams && !err; i++)
        err = read_param(s, po, i, &params[i], d);
    if (err)
        portal_free(s, po);
    return err;
}

enum err session_bind(struct session *s, const char *portal, const char *stmt, const struct session_param *params, uint32_t nparams,
                      const int16_t *formats, uint32_t nformats, struct diag *d)
{
    statement_begin(s, "");
    return extended_end(s, bind(s, portal, stmt, params, nparams, formats, nformats, d), d);
}

/* A SELECT does even if its rows have no columns. */
static bool gives_rows(const struct prepared *p)
{
    return p->col && (p->ncols || (p->plan && p->plan->command == QUERY_SELECT));
}

static enum err no_statement(struct session *s, const char *name, struct diag *d)
{
    session__statement_failed(s);
    return *name ? diag_set(d, ERR_STATEMENT_NAME, "prepared statement \"%s\" does not exist", name)
                 : diag_set(d, ERR_STATEMENT_NAME, "unnamed prepared statement does not exist");
}

enum err session_describe_statement(struct session *s, const char *name, const oid_t **ret_params, uint32_t *ret_nparams,
                                    const struct result_column **ret_cols, uint32_t *ret_ncols, struct diag *d)
{
    const struct prepared *p = session__find_prepared(s, name);
    if (!p)
        return no_statement(s, name, d);
    const struct prepared *described = session__described(s, p);
    if (!described)
        return no_statement(s, p->stmt->execute->name, d);
    *ret_params = p->param_type;
    *ret_nparams = p->nparams;
    *ret_cols = gives_rows(described) ? described->col : NULL;
    *ret_ncols = described->ncols;
    return ERR_OK;
}

static enum err no_portal(struct session *s, const char *name, struct diag *d)
{
    session__statement_failed(s);
    return diag_set(d, ERR_CURSOR_NAME, "portal \"%s\" does not exist", name);
}

enum err session_describe_portal(struct session *s, const char *name, const struct result_column **ret_cols, uint32_t *ret_ncols,
                                 const int16_t **ret_formats, struct diag *d)
{
    const struct portal *po = find_portal(s, name);
    if (!po)
        return no_portal(s, name, d);
    const struct prepared *described = session__described(s, po->prep);
    if (!described)
        return no_statement(s, po->prep->stmt->execute->name, d);
    *ret_cols = gives_rows(described) ? described->col : NULL;
    *ret_ncols = described->ncols;
    *ret_formats = described->ncols <= po->nformats ? po->formats : NULL;
    return ERR_OK;
}

/* The run of a portal's query; the portal keeps it while it is suspended. */
static enum err start_portal(struct session *s, struct portal *po, struct diag *d)
{
    enum err err = session__fresh_plan(s, po->prep, d);
    if (!err)
        err = session__check_plan_read_only(s, po->prep->plan, po->prep->stmt->tag, d);
    const struct snapshot *snapshot;
    if (!err)
        err = session__stmt_begin(s, &snapshot, d);
    if (err)
        return err;
    po->snapshot = *snapshot;
    const struct exec_env env = session__exec_env(s, &po->snapshot, po->param, po->param_null);
    return exec_start(&env, po->prep->plan, po->arena, &po->exec, d);
}

static enum err pull_portal(struct session *s, struct portal *po, uint32_t max_rows, struct diag *d)
{
    uint64_t left = max_rows ? max_rows : UINT64_MAX;
    while (left > 0) {
        struct result_batch b;
        enum err err = exec_next(po->exec, (uint32_t)MIN(left, (uint64_t)VEC_ROWS), &b, d);
        if (err)
            return err;
        if (b.sel.n == 0) {
            po->done = true;
            return txn_snapshot_check(s->engine->opt.ts, &po->snapshot, d);
        }
        left -= b.sel.n;
        err = s->client->rows(s->client->arg, po->prep->col, &b, po->formats, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err execute_query(struct session *s, struct portal *po, uint32_t max_rows, struct diag *d)
{
    char tag[TAG_MAX];
    const bool begins = !po->exec && !po->done; /* one that goes on reads at the snapshot that it holds */
    enum err err = begins ? start_portal(s, po, d) : ERR_OK;
    const uint64_t before = po->exec ? exec_rows(po->exec) : 0;
    if (!err && !po->done)
        err = pull_portal(s, po, max_rows, d);
    if (err)
        return err;
    if (po->done) {
        session__tag(po->prep->stmt, po->exec ? exec_rows(po->exec) - before : 0, tag, sizeof tag);
        exec_end(po->exec);
        po->exec = NULL;
        txn_hold_end(po->hold);
        po->hold = NULL;
        if (begins)
            session__stmt_end(s);
        return s->client->complete(s->client->arg, tag, d);
    }
    if (!po->hold)
        po->hold = txn_hold(s->engine->opt.ts, &po->snapshot);
    if (begins)
        session__stmt_end(s);
    return s->client->portal_suspended(s->client->arg, d);
}

static enum err execute(struct session *s, const char *name, uint32_t max_rows, struct diag *d)
{
    struct portal *po = find_portal(s, name);
    if (!po)
        return diag_set(d, ERR_CURSOR_NAME, "portal \"%s\" does not exist", name);
    if (!po->prep->stmt)
        return s->client->empty_query(s->client->arg, d);
    enum err err = check_failed(s, po->prep->stmt, d);
    if (err)
        return err;
    if (session__is_query(po->prep->stmt))
        return execute_query(s, po, max_rows, d);
    if (po->done)
        return diag_set(d, ERR_OBJECT_STATE, "portal \"%s\" cannot be run", name);
    char tag[TAG_MAX];
    struct prepared *p = po->prep;
    p->refs++; /* COMMIT closes the portal */
    po->done = true;
    const struct prepared *described = session__described(s, p);
    const struct run run = { .formats = described && described->ncols <= po->nformats ? po->formats : NULL };
    err = session__utility(s, p, &run, tag, sizeof tag, d);
    session__prepared_unref(s, p);
    return err ? err : s->client->complete(s->client->arg, tag, d);
}

enum err session_execute(struct session *s, const char *portal, uint32_t max_rows, struct diag *d)
{
    const struct portal *po = find_portal(s, portal);
    statement_begin(s, po && po->prep->ast ? po->prep->ast->text : "");
    return extended_end(s, execute(s, portal, max_rows, d), d);
}

enum err session_sync(struct session *s, struct diag *d)
{
    if (s->in_block)
        return ERR_OK;
    statement_begin(s, "");
    return extended_end(s, session__commit(s, d), d);
}

void session_fail(struct session *s) { session__statement_failed(s); }

char session_txn_status(const struct session *s) { return !s->in_block ? 'I' : s->failed ? 'E' : 'T'; }
const struct type_ctx *session_type_ctx(const struct session *s) { return &s->func.types; }

uint64_t session_idle_timeout_ms(const struct session *s)
{
    return s->in_block ? strtoull(s->value[SETTING_idle_in_transaction_session_timeout], NULL, 10) : 0;
}

/* ---- the engine -------------------------------------------------------------------------------- */

enum err sql_engine_open(const struct sql_options *opt, struct sql_engine **ret, struct diag *d)
{
    struct sql_engine *e = xcalloc(1, sizeof *e);
    e->opt = *opt;
    list_init(&e->timed);
    e->timer = rt_spawn(&(struct rt_spawn_options){ .name = "statement timer", .worker = 0, .prio = RT_PRIO_HIGH }, timer_fiber, e);
    if (!e->timer) {
        free(e);
        return diag_set(d, ERR_RESOURCES, "no fiber for statement time-outs");
    }
    *ret = e;
    return ERR_OK;
}

void sql_engine_close(struct sql_engine *e)
{
    rt_mutex_lock(&e->lock);
    e->stop = true;
    rt_cond_signal(&e->changed);
    rt_mutex_unlock(&e->lock);
    rt_join(e->timer);
    free(e);
}
