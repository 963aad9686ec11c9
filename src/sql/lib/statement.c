/*
 * A statement's way: parsed -> analysed and planned -> run. Plans are kept
 * with their prepared statement and made again when a definition has changed.
 */
#include "sql/lib/session_int.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- environments ----------------------------------------------------------- */

struct analyse_env session__analyse_env(struct session *s, struct arena *arena)
{
    return (struct analyse_env){ .arena = arena, .catalog = session_catalog(s), .txn = s->txn, .session = s, .types = s->func.types };
}

struct plan_options session__plan_options(struct session *s)
{
    struct plan_options o = plan_default_options();
    o.seq_page_cost = strtod(s->value[SETTING_seq_page_cost], NULL);
    o.random_page_cost = strtod(s->value[SETTING_random_page_cost], NULL);
    o.work_mem_bytes = (size_t)strtoll(s->value[SETTING_work_mem], NULL, 10) * 1024;
    o.enable_seqscan = setting_bool(s->value[SETTING_enable_seqscan]);
    o.enable_indexscan = setting_bool(s->value[SETTING_enable_indexscan]);
    o.enable_hashjoin = setting_bool(s->value[SETTING_enable_hashjoin]);
    o.enable_nestloop = setting_bool(s->value[SETTING_enable_nestloop]);
    o.enable_hashagg = setting_bool(s->value[SETTING_enable_hashagg]);
    o.enable_sort = setting_bool(s->value[SETTING_enable_sort]);
    o.session = s;
    o.types = s->func.types;
    return o;
}

struct exec_env session__exec_env(struct session *s, const struct snapshot *snapshot, const union datum *param, const bool *param_null)
{
    return (struct exec_env){
        .catalog = session_catalog(s),
        .txn = s->txn,
        .snapshot = snapshot,
        .session = s,
        .func = s->func,
        .work_mem_bytes = (size_t)strtoll(s->value[SETTING_work_mem], NULL, 10) * 1024,
        .tmp_dir = s->engine->opt.tmp_dir,
        .param = param,
        .param_null = param_null,
    };
}

/* ---- preparing ------------------------------------------------------------------ */

bool session__is_query(const struct ast_stmt *stmt)
{
    return stmt && (stmt->kind == AST_SELECT || stmt->kind == AST_INSERT || stmt->kind == AST_UPDATE || stmt->kind == AST_DELETE);
}

struct planning {
    struct session *s;
    struct prepared *p;
    const struct param_types *types;
    struct diag *d;
    enum err err;
};

static void analyse_and_plan(void *arg)
{
    struct planning *pl = arg;
    struct session *s = pl->s;
    struct arena *arena = arena_new("analysis", 0);
    const struct analyse_env env = session__analyse_env(s, arena);
    const struct plan_options options = session__plan_options(s);
    struct tree *tree;
    pl->err = analyse_query(&env, pl->p->ast, pl->p->stmt, pl->types, &tree, pl->d);
    if (!pl->err)
        pl->err = plan_make(session_catalog(s), tree, &options, &pl->p->plan, pl->d);
    arena_free(arena);
}

/* Recursion over the statement's tree runs on a large stack; waits inside (locks, look-ups) are allowed there. */
static enum err make_plan(struct session *s, struct prepared *p, const struct param_types *types, struct diag *d)
{
    enum err err = session__need_txn(s, d);
    if (err)
        return err;
    struct planning pl = { s, p, types, d, ERR_OK };
    p->plan = NULL;
    rt_call_on_big_stack(analyse_and_plan, &pl);
    return pl.err;
}

static enum err plan_first(struct session *s, struct prepared *p, const oid_t *types, uint32_t ntypes, struct diag *d)
{
    const struct param_types given = { (uint16_t)ntypes, types };
    enum err err = make_plan(s, p, &given, d);
    if (err)
        return err;
    p->nparams = p->plan->nparams;
    p->param_type = arena_dup(p->arena, p->plan->param_type, p->nparams * sizeof(oid_t));
    p->ncols = p->plan->ncols;
    struct result_column *col = arena_dup(p->arena, p->plan->col, p->ncols * sizeof *col);
    for (uint32_t i = 0; i < p->ncols; i++)
        col[i].name = arena_strdup(p->arena, col[i].name);
    p->col = col;
    return ERR_OK;
}

enum err session__prepare(struct session *s, const char *name, struct ast *ast, const struct ast_stmt *stmt, struct arena *arena, bool owns_arena,
                          const oid_t *types, uint32_t ntypes, struct prepared **ret, struct diag *d)
{
    struct prepared *p = xcalloc(1, sizeof *p);
    list_init(&p->link);
    p->name = xstrdup(name);
    p->refs = 1;
    p->arena = arena;
    p->owns_arena = owns_arena;
    p->ast = ast;
    p->stmt = stmt;
    enum err err = ERR_OK;
    if (session__is_query(stmt)) {
        err = plan_first(s, p, types, ntypes, d);
    } else if (stmt) {
        p->col = session__utility_columns(s, stmt, arena);
        p->ncols = p->col ? 1 : 0;
    }
    if (err) {
        p->owns_arena = false; /* stays the caller's */
        session__prepared_unref(s, p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}

const struct prepared *session__described(struct session *s, const struct prepared *p)
{
    return p->stmt && p->stmt->kind == AST_EXECUTE ? session__find_prepared(s, p->stmt->execute->name) : p;
}

void session__prepared_unref(struct session *s, struct prepared *p)
{
    if (--p->refs > 0)
        return;
    list_remove(&p->link);
    plan_free(p->plan);
    if (p->owns_arena)
        arena_free(p->arena);
    free(p->name);
    free(p);
}

/* ---- freshness ---------------------------------------------------------------------- */

static enum err lock_tables(struct session *s, const struct plan *plan, struct diag *d)
{
    for (uint16_t i = 0; i < plan->nrels; i++) {
        enum err err = catalog_lock(session_catalog(s), s->txn, plan->rel[i].def->oid, plan->rel[i].lock, d);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err is_stale(struct session *s, const struct plan *plan, bool *ret, struct diag *d)
{
    struct catalog *c = session_catalog(s);
    *ret = false;
    for (uint16_t i = 0; i < plan->nrels && !*ret; i++) {
        struct table_def *def;
        enum err err = catalog_table_by_oid(c, s->txn, plan->rel[i].def->oid, GES_MODE_NL, &def, d);
        if (err == ERR_UNDEFINED_TABLE) {
            *ret = true;
            return ERR_OK;
        }
        if (err)
            return err;
        *ret = def != plan->rel[i].def;
        catalog_release(c, def);
    }
    return ERR_OK;
}

enum err session__fresh_plan(struct session *s, struct prepared *p, struct diag *d)
{
    enum err err = session__need_txn(s, d);
    if (err)
        return err;
    bool stale = !p->plan;
    const uint64_t generation = catalog_generation(session_catalog(s));
    if (!stale) {
        err = lock_tables(s, p->plan, d);
        if (err)
            return err;
        if (p->plan->generation == catalog_generation(session_catalog(s)))
            return ERR_OK;
        err = is_stale(s, p->plan, &stale, d);
        if (!err && !stale)
            p->plan->generation = generation;
    }
    if (err || !stale)
        return err;
    plan_free(p->plan);
    const struct param_types types = { p->nparams, p->param_type };
    err = make_plan(s, p, &types, d);
    if (err)
        return err;
    /* what the client has been told about the result must still be true */
    bool same = p->plan->ncols == p->ncols;
    for (uint32_t i = 0; same && i < p->ncols; i++)
        same = p->plan->col[i].type == p->col[i].type;
    if (!same)
        return diag_set(d, ERR_FEATURE, "cached plan must not change result type");
    return ERR_OK;
}

/* ---- running --------------------------------------------------------------------------- */

enum err session__check_read_only(struct session *s, const char *tag, struct diag *d)
{
    return s->read_only ? diag_set(d, ERR_READ_ONLY, "cannot execute %s in a read-only transaction", tag) : ERR_OK;
}

/* Rows that are locked are written. */
enum err session__check_plan_read_only(struct session *s, const struct plan *plan, const char *tag, struct diag *d)
{
    if (plan->command != QUERY_SELECT)
        return session__check_read_only(s, tag, d);
    for (uint16_t i = 0; i < plan->nrels; i++)
        if (plan->rel[i].lock == GES_MODE_CW)
            return session__check_read_only(s, "SELECT FOR UPDATE", d);
    return ERR_OK;
}

void session__tag(const struct ast_stmt *stmt, uint64_t rows, char *tag, size_t tag_size)
{
    snprintf(tag, tag_size, stmt->kind == AST_INSERT ? "%s 0 %" PRIu64 : "%s %" PRIu64, stmt->tag, rows);
}

/* An execution that has ended well: rows of a snapshot that purge has passed may be missing without a word. */
static enum err check_snapshot(struct session *s, const struct snapshot *snapshot, struct diag *d)
{
    return txn_snapshot_check(s->engine->opt.ts, snapshot, d);
}

static enum err run_plan(struct session *s, struct prepared *p, const struct run *run, char *tag, size_t tag_size, struct diag *d)
{
    enum err err = session__fresh_plan(s, p, d);
    if (!err)
        err = session__check_plan_read_only(s, p->plan, p->stmt->tag, d);
    const struct snapshot *snapshot;
    if (!err)
        err = session__stmt_begin(s, &snapshot, d);
    if (err)
        return err;
    const struct exec_env env = session__exec_env(s, snapshot, run->param, run->param_null);
    struct exec *e = NULL;
    if (run->describe && (p->ncols || p->plan->command == QUERY_SELECT))
        err = s->client->columns(s->client->arg, p->col, p->ncols, d);
    if (!err)
        err = exec_start(&env, p->plan, s->arena, &e, d);
    while (!err) {
        struct result_batch b;
        err = exec_next(e, 0, &b, d);
        if (err || b.sel.n == 0)
            break;
        err = s->client->rows(s->client->arg, p->col, &b, run->formats, d);
    }
    if (!err)
        err = check_snapshot(s, snapshot, d);
    if (!err)
        session__tag(p->stmt, exec_rows(e), tag, tag_size);
    exec_end(e);
    session__stmt_end(s);
    return err;
}

enum err session__run(struct session *s, struct prepared *p, const struct run *run, char *tag, size_t tag_size, struct diag *d)
{
    return session__is_query(p->stmt) ? run_plan(s, p, run, tag, tag_size, d) : session__utility(s, p, run, tag, tag_size, d);
}
