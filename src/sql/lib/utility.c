/*
 * Statements without a plan of their own: transactions, settings, data
 * definition, EXPLAIN, EXECUTE, VACUUM.
 */
#include "sql/lib/session_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- results of one text column ------------------------------------------------- */

const struct result_column *session__utility_columns(struct session *s, const struct ast_stmt *stmt, struct arena *arena)
{
    const char *name = NULL;
    if (stmt->kind == AST_EXPLAIN)
        name = "QUERY PLAN";
    if (stmt->kind == AST_SHOW && strcasecmp(stmt->name, "all") != 0) {
        const int id = setting_find(stmt->name, strlen(stmt->name));
        name = id >= 0 ? setting_table[id].name : arena_strdup(arena, stmt->name);
    }
    if (!name)
        return NULL;
    struct result_column *c = ARENA_NEW(arena, struct result_column);
    *c = (struct result_column){ .name = name, .type = TYPE_TEXT, .typmod = -1 };
    return c;
}

struct text_rows {
    struct session *s;
    struct prepared *p;
    struct diag *d;
    enum err err;
    uint64_t rows;
};

static void text_row(void *arg, const char *text, size_t len)
{
    struct text_rows *t = arg;
    if (t->err)
        return;
    union datum v = datum_str(text, len);
    uint8_t null = 0;
    const struct vec col = { .v = &v, .null = &null };
    const struct vec *cols[1] = { &col };
    const struct result_batch b = { .col = cols, .ncols = 1, .sel = { .n = 1 } };
    t->err = t->s->client->rows(t->s->client->arg, t->p->col, &b, NULL, t->d);
    t->rows++;
}

static enum err text_begin(struct session *s, struct prepared *p, bool describe, struct diag *d)
{
    return describe ? s->client->columns(s->client->arg, p->col, 1, d) : ERR_OK;
}

/* ---- SET, SHOW -------------------------------------------------------------------- */

static enum err unknown_setting(const char *name, struct diag *d)
{
    return diag_set(d, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
}

static void put_name(struct buf *b, const char *name)
{
    const size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (*name && !name[plain] && !(*name >= '0' && *name <= '9')) {
        buf_put_str(b, name);
        return;
    }
    buf_put_u8(b, '"');
    for (const char *p = name; *p; p++)
        buf_printf(b, *p == '"' ? "\"\"" : "%c", *p);
    buf_put_u8(b, '"');
}

static enum err set_value(struct session *s, const struct ast_set *set, struct diag *d)
{
    const int id = setting_find(set->name, strlen(set->name));
    if (id < 0)
        return unknown_setting(set->name, d);
    if (set->values.n > 1 && !(setting_table[id].flags & SET_LIST))
        return diag_set(d, ERR_PARAMETER_VALUE, "SET %s takes only one argument", setting_table[id].name);
    struct buf b;
    buf_init(&b);
    for (uint32_t i = 0; i < set->values.n; i++) {
        const char *v = set->values.v[i].value ? set->values.v[i].value : "";
        buf_put_str(&b, i ? ", " : "");
        if (setting_table[id].flags & SET_NAMES)
            put_name(&b, v);
        else
            buf_put_str(&b, v);
    }
    buf_put_u8(&b, 0);
    const char *value = arena_strdup(s->arena, (const char *)b.p);
    buf_fini(&b);
    return session__set(s, (enum setting_id)id, value, set->local, d);
}

static enum err reset_one(struct session *s, enum setting_id id, bool local, struct diag *d)
{
    if (setting_table[id].flags & SET_READ_ONLY)
        return ERR_OK;
    return session__set(s, id, session__reset_value(s, id), local, d);
}

static enum err reset_all(struct session *s, struct diag *d)
{
    enum err err = ERR_OK;
    for (int i = 0; i < SETTINGS_N && !err; i++)
        if (i != SETTING_transaction_isolation && i != SETTING_transaction_read_only && strcmp(s->value[i], session__reset_value(s, (enum setting_id)i)) != 0)
            err = reset_one(s, (enum setting_id)i, false, d);
    return err;
}

static enum err set(struct session *s, const struct ast_set *set, struct diag *d)
{
    if (set->local && !s->in_block)
        session__warning(s, "WARNING", ERR_NO_TXN, "SET LOCAL can only be used in transaction blocks");
    if (set->kind == AST_RESET_ALL)
        return reset_all(s, d);
    if (set->kind == AST_SET_MULTI) {
        const bool of_session = strcmp(set->name, "TRANSACTION") != 0;
        if (!of_session && !s->in_block)
            session__warning(s, "WARNING", ERR_NO_TXN, "SET TRANSACTION can only be used in transaction blocks");
        return session__set_modes(s, &set->values, of_session, d);
    }
    const int id = setting_find(set->name, strlen(set->name));
    if (id < 0)
        return unknown_setting(set->name, d);
    if (set->kind == AST_SET_CURRENT)
        return ERR_OK;
    return set->kind == AST_SET_VALUE ? set_value(s, set, d) : reset_one(s, (enum setting_id)id, set->local, d);
}

static enum err show_all(struct session *s, struct diag *d)
{
    static const char *const names[] = { "name", "setting", "description" };
    struct result_column col[3];
    for (int i = 0; i < 3; i++)
        col[i] = (struct result_column){ .name = names[i], .type = TYPE_TEXT, .typmod = -1 };
    enum err err = s->client->columns(s->client->arg, col, 3, d);
    for (int i = 0; i < SETTINGS_N && !err; i++) {
        const char *text[3] = { setting_table[i].name, setting_show((enum setting_id)i, s->value[i], s->arena), setting_table[i].text };
        union datum v[3];
        uint8_t null = 0;
        struct vec vec[3];
        const struct vec *cols[3];
        for (int k = 0; k < 3; k++) {
            v[k] = datum_str(text[k], strlen(text[k]));
            vec[k] = (struct vec){ .v = &v[k], .null = &null };
            cols[k] = &vec[k];
        }
        const struct result_batch b = { .col = cols, .ncols = 3, .sel = { .n = 1 } };
        err = s->client->rows(s->client->arg, col, &b, NULL, d);
    }
    return err;
}

static enum err show(struct session *s, struct prepared *p, bool describe, struct diag *d)
{
    if (strcasecmp(p->stmt->name, "all") == 0)
        return show_all(s, d);
    const int id = setting_find(p->stmt->name, strlen(p->stmt->name));
    if (id < 0)
        return unknown_setting(p->stmt->name, d);
    if (!s->txn && !s->in_block)
        session__default_modes(s);
    enum err err = text_begin(s, p, describe, d);
    struct text_rows t = { .s = s, .p = p, .d = d, .err = err };
    const char *value = setting_show((enum setting_id)id, s->value[id], s->arena);
    text_row(&t, value, strlen(value));
    return t.err;
}

static enum err discard(struct session *s, const char *what, struct diag *d)
{
    if (strcasecmp(what, "ALL") == 0 && s->in_block)
        return diag_set(d, ERR_TXN_ACTIVE, "DISCARD ALL cannot run inside a transaction block");
    s->nseq = strcasecmp(what, "ALL") == 0 || strcasecmp(what, "SEQUENCES") == 0 ? 0 : s->nseq;
    if (strcasecmp(what, "ALL") != 0)
        return ERR_OK;
    session__close_portals(s);
    LIST_FOREACH_SAFE(it, &s->prepared) {
        struct prepared *p = LIST_ENTRY(it, struct prepared, link);
        list_remove(&p->link);
        session__prepared_unref(s, p);
    }
    return reset_all(s, d);
}

/* ---- PREPARE, EXECUTE ------------------------------------------------------------------ */

/* The same statement in another parse of its text. */
static const struct ast_stmt *prepared_stmt_of(const struct ast *ast, const struct ast_prepare *pr, const struct ast *again)
{
    for (uint32_t i = 0; i < ast->n; i++)
        if (ast->v[i].kind == AST_PREPARE && ast->v[i].prepare == pr)
            return again->v[i].prepare->stmt;
    return NULL;
}

/* The text is parsed again into an arena of its own: this statement's goes away. */
static enum err prepare(struct session *s, const struct ast *ast, const struct ast_prepare *pr, struct diag *d)
{
    if (session__find_prepared(s, pr->name))
        return diag_set(d, ERR_DUPLICATE_STATEMENT, "prepared statement \"%s\" already exists", pr->name);
    enum err err = session__need_txn(s, d);
    oid_t *types = ARENA_ARRAY(s->arena, oid_t, pr->ntypes + 1);
    const struct analyse_env env = session__analyse_env(s, s->arena);
    for (uint32_t i = 0; i < pr->ntypes && !err; i++) {
        int32_t typmod;
        err = analyse_type(&env, ast, &pr->types[i], &types[i], &typmod, d);
    }
    if (err)
        return err;
    struct arena *arena = arena_new("prepared statement", 0);
    struct ast *own;
    struct prepared *p;
    err = sql_parse(arena, ast->text, ast->text_len, &own, d);
    if (!err)
        err = session__prepare(s, pr->name, own, prepared_stmt_of(ast, pr, own), arena, true, types, pr->ntypes, &p, d);
    if (err) {
        arena_free(arena);
        return err;
    }
    list_push_back(&s->prepared, &p->link);
    return ERR_OK;
}

static enum err execute(struct session *s, struct prepared *exec, const struct run *how, char *tag, size_t tag_size, struct diag *d)
{
    const struct ast_execute *ex = exec->stmt->execute;
    struct prepared *p = session__find_prepared(s, ex->name);
    if (!p)
        return diag_set(d, ERR_STATEMENT_NAME, "prepared statement \"%s\" does not exist", ex->name);
    if (ex->args.n != p->nparams) {
        diag_set(d, ERR_SYNTAX, "wrong number of parameters for prepared statement \"%s\"", ex->name);
        return diag_detail(d, "Expected %u parameters but got %u.", p->nparams, ex->args.n);
    }
    enum err err = session__need_txn(s, d);
    union datum *v = ARENA_ARRAY(s->arena, union datum, p->nparams + 1);
    bool *null = ARENA_ARRAY(s->arena, bool, p->nparams + 1);
    const struct analyse_env env = session__analyse_env(s, s->arena);
    const struct exec_env constants = session__exec_env(s, NULL, NULL, NULL);
    for (uint32_t i = 0; i < p->nparams && !err; i++) {
        struct expr *e;
        err = analyse_argument(&env, exec->ast, ex->args.v[i], p->param_type[i], (uint16_t)(i + 1), &e, d);
        if (!err)
            err = exec_constant(&constants, e, s->arena, &v[i], &null[i], d);
    }
    p->refs++;
    if (!err)
        err = session__run(s, p, &(struct run){ v, null, how->describe, how->formats }, tag, tag_size, d);
    session__prepared_unref(s, p);
    return err;
}

static enum err deallocate(struct session *s, const char *name, struct diag *d)
{
    if (!name) {
        LIST_FOREACH_SAFE(it, &s->prepared) {
            struct prepared *p = LIST_ENTRY(it, struct prepared, link);
            list_remove(&p->link);
            session__prepared_unref(s, p);
        }
        return ERR_OK;
    }
    struct prepared *p = session__find_prepared(s, name);
    if (!p)
        return diag_set(d, ERR_STATEMENT_NAME, "prepared statement \"%s\" does not exist", name);
    list_remove(&p->link);
    session__prepared_unref(s, p);
    return ERR_OK;
}

/* ---- EXPLAIN ---------------------------------------------------------------------------- */

struct explain_request {
    bool analyze, buffers, summary, summary_given, settings, wal, timing_given;
    struct explain_options options;
};

static enum err explain_format(const struct ast_option *o, struct diag *d)
{
    static const char *const others[] = { "xml", "json", "yaml" };
    const char *value = o->value ? o->value : "";
    if (strcasecmp(value, "text") == 0)
        return ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcasecmp(value, others[i]) == 0)
            return diag_set(d, ERR_FEATURE, "EXPLAIN option \"format\" is not supported: %s", value);
    return diag_set(d, ERR_PARAMETER_VALUE, "unrecognized value for EXPLAIN option \"format\": \"%s\"", value);
}

static enum err explain_option(const struct ast_option *o, struct explain_request *r, struct diag *d)
{
    const struct {
        const char *name;
        bool *value, *given;
    } known[] = { { "analyze", &r->analyze, NULL },          { "costs", &r->options.costs, NULL },
                  { "verbose", &r->options.verbose, NULL },  { "timing", &r->options.timing, &r->timing_given },
                  { "buffers", &r->buffers, NULL },          { "summary", &r->summary, &r->summary_given },
                  { "settings", &r->settings, NULL },        { "wal", &r->wal, NULL } };
    if (strcmp(o->name, "format") == 0)
        return explain_format(o, d);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(o->name, known[i].name) != 0)
            continue;
        *known[i].value = true;
        if (o->value && !setting_parse_bool(o->value, known[i].value))
            return diag_set(d, ERR_SYNTAX, "%s requires a Boolean value", o->name);
        if (known[i].given)
            *known[i].given = true;
        return ERR_OK;
    }
    return diag_set(d, ERR_SYNTAX, "unrecognized EXPLAIN option \"%s\"", o->name);
}

static enum err explain_options(const struct ast *ast, const struct ast_options *o, struct explain_request *ret, struct diag *d)
{
    *ret = (struct explain_request){ .options = { .costs = true } };
    for (uint32_t i = 0; i < o->n; i++) {
        enum err err = explain_option(&o->v[i], ret, d);
        if (err)
            return diag_at(d, sql_position(ast->text, ast->text_len, o->v[i].location));
    }
    if (ret->wal && !ret->analyze)
        return diag_set(d, ERR_PARAMETER_VALUE, "EXPLAIN option WAL requires ANALYZE");
    if (!ret->timing_given)
        ret->options.timing = ret->analyze;
    if (ret->options.timing && !ret->analyze)
        return diag_set(d, ERR_PARAMETER_VALUE, "EXPLAIN option TIMING requires ANALYZE");
    if (!ret->summary_given)
        ret->summary = ret->analyze;
    if (ret->wal || ret->settings)
        return diag_set(d, ERR_FEATURE, "EXPLAIN option \"%s\" is not supported", ret->wal ? "wal" : "settings");
    return ERR_OK;
}

/* Runs the plan and counts; its rows go nowhere. */
static enum err run_for_explain(struct session *s, const struct plan *plan, struct plan_actual *actual, double *ret_ms, struct diag *d)
{
    const struct snapshot *snapshot;
    enum err err = session__stmt_begin(s, &snapshot, d);
    if (err)
        return err;
    struct exec_env env = session__exec_env(s, snapshot, NULL, NULL);
    env.actual = actual;
    struct exec *e = NULL;
    const uint64_t start = rt_now();
    err = exec_start(&env, plan, s->arena, &e, d);
    for (struct result_batch b = { .sel.n = 1 }; !err && b.sel.n > 0;)
        err = exec_next(e, 0, &b, d);
    if (!err)
        err = txn_snapshot_check(s->engine->opt.ts, snapshot, d); /* it may have changed rows */
    exec_end(e);
    *ret_ms = (double)(rt_now() - start) / 1e6;
    session__stmt_end(s);
    return err;
}

static enum err explain(struct session *s, struct prepared *p, bool describe, struct diag *d)
{
    const struct ast_stmt *stmt = p->stmt->explain->stmt;
    struct explain_request req;
    enum err err = explain_options(p->ast, &p->stmt->explain->options, &req, d);
    if (!err && !session__is_query(stmt))
        err = diag_set(d, ERR_FEATURE, "EXPLAIN of %s is not supported", stmt->tag);
    if (err)
        return err;
    struct prepared *inner;
    const uint64_t start = rt_now();
    err = session__prepare(s, "", p->ast, stmt, s->arena, false, NULL, 0, &inner, d);
    const double planning_ms = (double)(rt_now() - start) / 1e6;
    if (err)
        return err;
    double ms = 0;
    if (inner->nparams > 0)
        err = diag_set(d, ERR_UNDEFINED_PARAMETER, "there is no parameter $%u", inner->nparams);
    if (!err && req.analyze) {
        struct plan_actual *actual = ARENA_ARRAY(s->arena, struct plan_actual, inner->plan->nnodes + 1);
        err = session__check_plan_read_only(s, inner->plan, stmt->tag, d);
        if (!err)
            err = run_for_explain(s, inner->plan, actual, &ms, d);
        req.options.actual = actual;
    }
    if (!err)
        err = text_begin(s, p, describe, d);
    struct text_rows t = { .s = s, .p = p, .d = d, .err = err };
    if (!err) {
        plan_explain(inner->plan, &req.options, text_row, &t);
        char line[64];
        if (req.summary)
            text_row(&t, line, (size_t)snprintf(line, sizeof line, "Planning Time: %.3f ms", planning_ms));
        if (req.summary && req.analyze)
            text_row(&t, line, (size_t)snprintf(line, sizeof line, "Execution Time: %.3f ms", ms));
    }
    session__prepared_unref(s, inner);
    return t.err;
}

/* ---- data definition --------------------------------------------------------------------- */

static enum err alter_one(struct session *s, struct table_def *table, const struct alter_cmd *cmd, struct diag *d)
{
    struct catalog *c = session_catalog(s);
    const struct snapshot *snapshot = txn_snapshot(s->txn);
    const struct exec_env env = session__exec_env(s, snapshot, NULL, NULL);
    oid_t oid;
    enum err err = ERR_OK;
    switch (cmd->kind) {
    case ALTER_ADD_COLUMN: {
        union datum v = { 0 };
        bool null = true;
        if (cmd->column_default)
            err = exec_constant(&env, cmd->column_default, s->arena, &v, &null, d);
        if (!err && cmd->column.not_null && null)
            err = exec_check_not_null(&env, table, 0, d); /* fine while there are no rows */
        if (err == ERR_NOT_NULL)
            diag_set(d, ERR_NOT_NULL, "column \"%s\" of relation \"%s\" contains null values", cmd->column.name, table->name);
        return err ? err : catalog_add_column(c, s->txn, table, &cmd->column, v, null, d);
    }
    case ALTER_ADD_INDEX:
        for (uint16_t k = 0; k < cmd->index.ncols && cmd->index.primary && !err; k++)
            err = exec_check_not_null(&env, table, cmd->index.col[k].attnum, d);
        return err ? err : catalog_create_index(c, s->txn, table, &cmd->index, &oid, d);
    case ALTER_DROP_CONSTRAINT:
        return catalog_drop_constraint(c, s->txn, table, cmd->constraint, cmd->missing_ok, d);
    case ALTER_SET_NOT_NULL:
        err = exec_check_not_null(&env, table, cmd->attnum, d);
        return err ? err : catalog_set_not_null(c, s->txn, table, cmd->attnum, true, d);
    case ALTER_DROP_NOT_NULL:
        return catalog_set_not_null(c, s->txn, table, cmd->attnum, false, d);
    case ALTER_SET_DEFAULT:
        return catalog_set_default(c, s->txn, table, cmd->attnum, cmd->default_sql, d);
    case ALTER_ADD_CHECK:
        err = exec_check_rows(&env, table, &cmd->check_expr, d);
        return err ? err : catalog_add_check(c, s->txn, table, &cmd->check, d);
    }
    return ERR_OK;
}

static enum err alter(struct session *s, const struct ddl *ddl, struct diag *d)
{
    struct catalog *c = session_catalog(s);
    enum err err = ERR_OK;
    for (uint16_t i = 0; i < ddl->alter.n && !err; i++) {
        /* each command is a statement: it sees what the one before has done, and may change the same rows of the catalogue once more */
        const struct snapshot *snapshot;
        err = session__stmt_begin(s, &snapshot, d);
        if (err)
            return err;
        struct table_def *table;
        err = catalog_table_by_oid(c, s->txn, ddl->alter.table->oid, GES_MODE_EX, &table, d);
        if (!err) {
            err = alter_one(s, table, &ddl->alter.cmd[i], d);
            catalog_release(c, table);
        }
        session__stmt_end(s);
    }
    return err;
}

/* A statement of its own: a table may be named twice. */
static enum err analyse_table(struct session *s, struct table_def *table, struct diag *d)
{
    const struct snapshot *snapshot;
    enum err err = session__stmt_begin(s, &snapshot, d);
    if (err)
        return err;
    const struct exec_env env = session__exec_env(s, snapshot, NULL, NULL);
    err = exec_analyze(&env, table, d);
    session__stmt_end(s);
    return err;
}

static enum err analyse_all(struct session *s, struct diag *d)
{
    struct catalog *c = session_catalog(s);
    oid_t *oid;
    uint32_t n;
    enum err err = catalog_user_tables(c, s->txn, s->arena, &oid, &n, d);
    for (uint32_t i = 0; i < n && !err; i++) {
        struct table_def *table;
        err = catalog_table_by_oid(c, s->txn, oid[i], GES_MODE_CR, &table, d);
        if (err == ERR_UNDEFINED_TABLE) { /* dropped meanwhile */
            err = ERR_OK;
            continue;
        }
        if (err)
            break;
        err = analyse_table(s, table, d);
        catalog_release(c, table);
    }
    return err;
}

/* A VACUUM of everything has nothing to do: old versions are cleared away all the time. */
static enum err analyse_tables(struct session *s, const struct ddl *ddl, struct diag *d)
{
    enum err err = ERR_OK;
    if (ddl->vacuum.n == 0)
        return ddl->vacuum.analyze ? analyse_all(s, d) : ERR_OK;
    for (uint16_t i = 0; i < ddl->vacuum.n && !err; i++)
        err = analyse_table(s, ddl->vacuum.target[i].table, d);
    return err;
}

static enum err check_sequence_owner(struct session *s, oid_t sequence, struct diag *d)
{
    struct catalog *c = session_catalog(s);
    char column[NAME_MAX_BYTES + 1], schema[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1] = "", table_name[NAME_MAX_BYTES + 1] = "";
    oid_t table;
    bool found;
    enum err err = catalog_sequence_owner(c, s->txn, sequence, &table, column, d);
    if (err || !table)
        return err;
    err = catalog_name_of(c, s->txn, sequence, schema, name, &found, d);
    if (!err)
        err = catalog_name_of(c, s->txn, table, schema, table_name, &found, d);
    if (err)
        return err;
    diag_set(d, ERR_DEPENDENT_OBJECTS, "cannot drop sequence %s because other objects depend on it", name);
    diag_detail(d, "default value for column %s of table %s depends on sequence %s", column, table_name, name);
    return diag_hint(d, "Use DROP ... CASCADE to drop the dependent objects too.");
}

static enum err run_ddl(struct session *s, const struct ddl *ddl, struct diag *d)
{
    struct catalog *c = session_catalog(s);
    oid_t oid;
    enum err err = ERR_OK;
    switch (ddl->kind) {
    case DDL_CREATE_TABLE:
        return catalog_create_table(c, s->txn, &ddl->create_table, &oid, d);
    case DDL_ALTER_TABLE:
        return alter(s, ddl, d);
    case DDL_CREATE_INDEX:
        return catalog_create_index(c, s->txn, ddl->create_index.table, &ddl->create_index.def, &oid, d);
    case DDL_DROP_TABLE:
        for (uint16_t i = 0; i < ddl->drop.n && !err; i++)
            err = catalog_drop_table(c, s->txn, ddl->drop.table[i], d);
        return err;
    case DDL_DROP_INDEX:
        for (uint16_t i = 0; i < ddl->drop.n && !err; i++)
            err = catalog_drop_index(c, s->txn, ddl->drop.table[i], ddl->drop.oid[i], d);
        return err;
    case DDL_DROP_SEQUENCE:
        for (uint16_t i = 0; i < ddl->drop.n && !err; i++) {
            err = check_sequence_owner(s, ddl->drop.oid[i], d);
            if (!err)
                err = catalog_drop_sequence(c, s->txn, ddl->drop.oid[i], d);
        }
        return err;
    case DDL_TRUNCATE:
        for (uint16_t i = 0; i < ddl->drop.n && !err; i++)
            err = catalog_truncate(c, s->txn, ddl->drop.table[i], ddl->drop.restart_identity, d);
        return err;
    case DDL_CREATE_SEQUENCE: {
        struct sequence_def def = ddl->sequence.def;
        return catalog_create_sequence(c, s->txn, ddl->sequence.schema, ddl->sequence.name, &def, ddl->sequence.owner_table,
                                       ddl->sequence.owner_attnum, &oid, d);
    }
    case DDL_VACUUM:
        return analyse_tables(s, ddl, d);
    case DDL_LOCK:
        return ERR_OK;
    }
    return ERR_OK;
}

struct ddl_call {
    struct session *s;
    struct prepared *p;
    struct ddl *ddl;
    struct diag *d;
    enum err err;
};

static void analyse_on_big_stack(void *arg)
{
    struct ddl_call *dc = arg;
    const struct analyse_env env = session__analyse_env(dc->s, dc->s->arena);
    dc->err = analyse_ddl(&env, dc->p->ast, dc->p->stmt, &dc->ddl, dc->d);
}

static enum err ddl(struct session *s, struct prepared *p, char *tag, size_t tag_size, struct diag *d)
{
    const bool vacuum = p->stmt->kind == AST_VACUUM;
    if (vacuum && p->stmt->vacuum->vacuum && (s->in_block || p->ast->n > 1))
        return diag_set(d, ERR_TXN_ACTIVE, "VACUUM cannot run inside a transaction block");
    if (p->stmt->kind == AST_LOCK && !s->in_block)
        return diag_set(d, ERR_NO_TXN, "LOCK TABLE can only be used in transaction blocks");
    enum err err = vacuum || p->stmt->kind == AST_LOCK ? ERR_OK : session__check_read_only(s, p->stmt->tag, d);
    if (!err)
        err = session__need_txn(s, d);
    struct ddl_call dc = { .s = s, .p = p, .d = d };
    if (!err) {
        rt_call_on_big_stack(analyse_on_big_stack, &dc);
        err = dc.err;
    }
    if (err)
        return err;
    for (uint16_t i = 0; i < dc.ddl->nnotices; i++)
        session__warning(s, "NOTICE", dc.ddl->notice_err, "%s", dc.ddl->notice[i]);
    const struct snapshot *snapshot;
    if (!dc.ddl->skip) {
        err = session__stmt_begin(s, &snapshot, d);
        if (!err) {
            err = run_ddl(s, dc.ddl, d);
            session__stmt_end(s);
        }
    }
    ddl_release(session_catalog(s), dc.ddl);
    snprintf(tag, tag_size, "%s", p->stmt->tag);
    return err;
}

/* ---- dispatch ---------------------------------------------------------------------------------- */

enum err session__utility(struct session *s, struct prepared *p, const struct run *run, char *tag, size_t tag_size, struct diag *d)
{
    const struct ast_stmt *stmt = p->stmt;
    const char *txn_tag;
    enum err err;
    snprintf(tag, tag_size, "%s", stmt->tag ? stmt->tag : "");
    switch (stmt->kind) {
    case AST_TXN:
        err = session__transaction(s, stmt->txn, &txn_tag, d);
        if (!err)
            snprintf(tag, tag_size, "%s", txn_tag);
        return err;
    case AST_SET:
        return set(s, stmt->set, d);
    case AST_SHOW:
        return show(s, p, run->describe, d);
    case AST_DISCARD:
        return discard(s, stmt->name, d);
    case AST_PREPARE:
        return prepare(s, p->ast, stmt->prepare, d);
    case AST_EXECUTE:
        return execute(s, p, run, tag, tag_size, d);
    case AST_DEALLOCATE:
        return deallocate(s, stmt->name, d);
    case AST_EXPLAIN:
        return explain(s, p, run->describe, d);
    case AST_COPY: {
        uint64_t rows = 0;
        err = session__copy(s, p->ast, stmt, &rows, d);
        snprintf(tag, tag_size, "COPY %" PRIu64, rows);
        return err;
    }
    case AST_CREATE_TABLE:
    case AST_ALTER_TABLE:
    case AST_CREATE_INDEX:
    case AST_DROP:
    case AST_TRUNCATE:
    case AST_CREATE_SEQUENCE:
    case AST_VACUUM:
    case AST_LOCK:
        return ddl(s, p, tag, tag_size, d);
    case AST_CHECKPOINT:
        return s->engine->opt.checkpoint ? s->engine->opt.checkpoint(s->engine->opt.checkpoint_arg, d) : ERR_OK;
    case AST_DECLARE:
    case AST_FETCH:
    case AST_CLOSE:
        return diag_set(d, ERR_FEATURE, "cursors are not supported: %s", stmt->tag);
    case AST_OTHER:
        return diag_set(d, ERR_FEATURE, "%s is not supported", stmt->name);
    case AST_SELECT:
    case AST_INSERT:
    case AST_UPDATE:
    case AST_DELETE:
        break;
    }
    panic("a query came to the utility statements");
}
