/*
 * The session's transaction: blocks, savepoints, failure.
 */
#include "sql/lib/session_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* client_min_messages leaves out what is below it: notices from "warning" on, warnings at "error". */
static bool is_wanted(const struct session *s, const char *severity)
{
    const char *least = s->value[SETTING_client_min_messages];
    return strcmp(least, "error") != 0 && (strcmp(least, "warning") != 0 || strcmp(severity, "WARNING") == 0);
}

void session__warning(struct session *s, const char *severity, enum err err, const char *fmt, ...)
{
    struct diag d;
    if (!is_wanted(s, severity))
        return;
    diag_clear(&d);
    d.err = err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d.message, sizeof d.message, fmt, ap);
    va_end(ap);
    s->client->notice(s->client->arg, severity, &d);
}

/* ---- begin and end ------------------------------------------------------------- */

static enum err begin(struct session *s, struct diag *d)
{
    enum err err = txn_begin(s->engine->opt.ts, session__isolation(s->value[SETTING_transaction_isolation]), &s->txn, d);
    if (!err)
        txn_set_lock_timeout(s->txn, s->lock_timeout);
    s->func.types.now_us = s->statement_us;
    return err;
}

enum err session__stmt_begin(struct session *s, const struct snapshot **ret, struct diag *d)
{
    enum err err = txn_stmt_begin(s->txn, ret, d);
    s->stmts += err == ERR_OK;
    return err;
}

void session__stmt_end(struct session *s)
{
    assert(s->stmts > 0);
    s->stmts--;
    txn_stmt_end(s->txn);
}

/* What the new transaction begins with. */
void session__default_modes(struct session *s)
{
    free(s->value[SETTING_transaction_isolation]);
    s->value[SETTING_transaction_isolation] = xstrdup(s->value[SETTING_default_transaction_isolation]);
    free(s->value[SETTING_transaction_read_only]);
    s->value[SETTING_transaction_read_only] = xstrdup(s->value[SETTING_default_transaction_read_only]);
    s->read_only = setting_bool(s->value[SETTING_transaction_read_only]);
}

enum err session__need_txn(struct session *s, struct diag *d)
{
    if (s->txn)
        return ERR_OK;
    if (!s->in_block)
        session__default_modes(s);
    return begin(s, d);
}

static void forget_savepoints(struct session *s)
{
    for (struct list *l; (l = list_pop_front(&s->savepoints));) {
        struct savepoint *sp = LIST_ENTRY(l, struct savepoint, link);
        free(sp->name);
        free(sp);
    }
}

static void ended(struct session *s, bool committed)
{
    s->txn = NULL;
    s->in_block = s->failed = false;
    forget_savepoints(s);
    session__settings_end(s, 0, committed);
}

enum err session__commit(struct session *s, struct diag *d)
{
    session__close_portals(s);
    if (!s->txn) {
        ended(s, true);
        return ERR_OK;
    }
    scn_t scn;
    struct txn *t = s->txn;
    s->txn = NULL; /* txn_commit() frees it in any case */
    enum err err = txn_commit(t, &scn, d);
    ended(s, err == ERR_OK);
    return err;
}

void session__rollback(struct session *s)
{
    session__close_portals(s);
    if (s->txn)
        txn_rollback(s->txn);
    ended(s, false);
}

/* As PostgreSQL: the (sub)transaction is rolled back at once, its locks go; the block waits for ROLLBACK. */
void session__statement_failed(struct session *s)
{
    session__close_portals(s);
    while (s->stmts > 0)
        session__stmt_end(s);
    if (!s->in_block) {
        session__rollback(s);
        return;
    }
    if (s->failed)
        return;
    s->failed = true;
    if (!s->txn)
        return;
    if (list_empty(&s->savepoints)) {
        txn_rollback(s->txn);
        s->txn = NULL;
        session__settings_end(s, 0, false);
    } else {
        const struct savepoint *sp = LIST_ENTRY(s->savepoints.prev, struct savepoint, link);
        txn_rollback_to(s->txn, sp->mark);
        session__settings_end(s, sp->nchanges, false);
    }
}

/* ---- savepoints ------------------------------------------------------------------- */

static struct savepoint *find_savepoint(struct session *s, const char *name)
{
    for (struct list *l = s->savepoints.prev; l != &s->savepoints; l = l->prev)
        if (strcmp(LIST_ENTRY(l, struct savepoint, link)->name, name) == 0)
            return LIST_ENTRY(l, struct savepoint, link);
    return NULL;
}

/* Drops the savepoints after this one, and it as well unless `keep`. */
static void release_from(struct session *s, struct savepoint *sp, bool keep)
{
    while (s->savepoints.prev != &sp->link || !keep) {
        struct savepoint *last = LIST_ENTRY(s->savepoints.prev, struct savepoint, link);
        const bool was_it = last == sp;
        list_remove(&last->link);
        free(last->name);
        free(last);
        if (was_it)
            return;
    }
}

static enum err need_block(struct session *s, const char *what, struct diag *d)
{
    return s->in_block ? ERR_OK : diag_set(d, ERR_NO_TXN, "%s can only be used in transaction blocks", what);
}

static enum err no_savepoint(const char *name, struct diag *d) { return diag_set(d, ERR_SAVEPOINT, "savepoint \"%s\" does not exist", name); }

static enum err savepoint(struct session *s, const char *name, struct diag *d)
{
    enum err err = need_block(s, "SAVEPOINT", d);
    if (!err)
        err = session__need_txn(s, d);
    if (err)
        return err;
    struct savepoint *sp = xcalloc(1, sizeof *sp);
    sp->name = xstrdup(name);
    sp->mark = txn_savepoint(s->txn);
    sp->nchanges = s->nchanges;
    list_push_back(&s->savepoints, &sp->link);
    return ERR_OK;
}

static enum err release(struct session *s, const char *name, struct diag *d)
{
    enum err err = need_block(s, "RELEASE SAVEPOINT", d);
    if (err)
        return err;
    struct savepoint *sp = find_savepoint(s, name);
    if (!sp)
        return no_savepoint(name, d);
    release_from(s, sp, false);
    return ERR_OK;
}

static enum err rollback_to(struct session *s, const char *name, struct diag *d)
{
    enum err err = need_block(s, "ROLLBACK TO SAVEPOINT", d);
    if (err)
        return err;
    struct savepoint *sp = find_savepoint(s, name);
    if (!sp)
        return no_savepoint(name, d);
    session__close_portals(s);
    txn_rollback_to(s->txn, sp->mark);
    session__settings_end(s, sp->nchanges, false);
    release_from(s, sp, true);
    s->failed = false;
    return ERR_OK;
}

/* ---- statements ---------------------------------------------------------------------- */

enum err session__set_modes(struct session *s, const struct ast_options *modes, bool of_session, struct diag *d)
{
    for (uint32_t i = 0; i < modes->n; i++) {
        const struct ast_option *o = &modes->v[i];
        enum err err = ERR_OK;
        if (strcmp(o->name, "transaction_isolation") == 0)
            err = session__set(s, of_session ? SETTING_default_transaction_isolation : SETTING_transaction_isolation, o->value, !of_session, d);
        else if (strcmp(o->name, "transaction_read_only") == 0)
            err = session__set(s, of_session ? SETTING_default_transaction_read_only : SETTING_transaction_read_only, o->value, !of_session, d);
        else if (strcmp(o->name, "transaction_deferrable") != 0)
            err = diag_set(d, ERR_FEATURE, "transaction mode \"%s\" is not supported", o->name);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err begin_block(struct session *s, const struct ast_options *modes, struct diag *d)
{
    if (s->in_block) {
        session__warning(s, "WARNING", ERR_TXN_ACTIVE, "there is already a transaction in progress");
        return ERR_OK;
    }
    if (!s->txn)
        session__default_modes(s);
    s->in_block = true;
    enum err err = session__set_modes(s, modes, false, d);
    /* the isolation level is known now; the transaction itself begins with its first statement */
    return err;
}

static enum err finish(struct session *s, const struct ast_txn *t, const char **ret_tag, struct diag *d)
{
    const bool commit = t->kind == AST_TXN_COMMIT;
    *ret_tag = commit && !s->failed ? "COMMIT" : "ROLLBACK";
    if (t->chain && !s->in_block)
        return diag_set(d, ERR_NO_TXN, "%s AND CHAIN can only be used in transaction blocks", commit ? "COMMIT" : "ROLLBACK");
    if (!s->in_block)
        session__warning(s, "WARNING", ERR_NO_TXN, "there is no transaction in progress");
    char *isolation = t->chain ? xstrdup(s->value[SETTING_transaction_isolation]) : NULL;
    const bool read_only = s->read_only;
    enum err err = ERR_OK;
    if (commit && !s->failed)
        err = session__commit(s, d);
    else
        session__rollback(s);
    if (!err && t->chain) {
        const struct ast_options none = { 0 };
        err = begin_block(s, &none, d);
        if (!err)
            err = session__set(s, SETTING_transaction_isolation, isolation, true, d);
        if (!err)
            err = session__set(s, SETTING_transaction_read_only, read_only ? "on" : "off", true, d);
    }
    free(isolation);
    return err;
}

enum err session__transaction(struct session *s, const struct ast_txn *t, const char **ret_tag, struct diag *d)
{
    switch (t->kind) {
    case AST_TXN_BEGIN:
    case AST_TXN_START:
        *ret_tag = t->kind == AST_TXN_BEGIN ? "BEGIN" : "START TRANSACTION";
        return begin_block(s, &t->modes, d);
    case AST_TXN_COMMIT:
    case AST_TXN_ROLLBACK:
        return finish(s, t, ret_tag, d);
    case AST_TXN_SAVEPOINT:
        *ret_tag = "SAVEPOINT";
        return savepoint(s, t->name, d);
    case AST_TXN_RELEASE:
        *ret_tag = "RELEASE";
        return release(s, t->name, d);
    case AST_TXN_ROLLBACK_TO:
        *ret_tag = "ROLLBACK";
        return rollback_to(s, t->name, d);
    case AST_TXN_OTHER:
        break;
    }
    return diag_set(d, ERR_FEATURE, "two-phase commit is not supported");
}
