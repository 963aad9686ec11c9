#include "check/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/check_int.h"
#include "cluster/core/slot.h"
#include "cluster/voting.h"
#include "rt/rt.h"

#define LINES_MAX 1000u
#define LINE_BYTES 1200u

/* ---- telling ------------------------------------------------------------------ */

static void tell(struct check *c, enum check_kind kind, uint64_t nth, const char *fmt, va_list ap)
{
    char text[LINE_BYTES];
    if (!c->opt->line || nth > (c->opt->lines_max ? c->opt->lines_max : LINES_MAX))
        return;
    vsnprintf(text, sizeof text, fmt, ap);
    c->opt->line(c->opt->arg, kind, text);
}

void check__problem(struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(c, CHECK_PROBLEM, ++c->res->problems, fmt, ap);
    va_end(ap);
}

void check__note(struct check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(c, CHECK_NOTE, ++c->res->notes, fmt, ap);
    va_end(ap);
}

/* ---- may it be checked? ---------------------------------------------------------- */

static enum err in_use(const char *dir, unsigned node, struct diag *d)
{
    diag_set(d, ERR_OBJECT_IN_USE, "the database in %s is open", dir);
    if (node)
        diag_detail(d, "Node number %u runs.", node);
    return diag_hint(d, "Stop all nodes first (rustydb-cli cluster stop).");
}

/*
 * Nobody runs, and nobody starts while the file is open: shares, with other checks, the lock that a node needs to claim its slot. *ret NULL:
 * there is no file. Then no node has ever started; or it was removed, and a redo thread that is not closed shows where a node runs.
 */
static enum err lock_out_nodes(const char *dir, struct rt_file **ret, struct diag *d)
{
    char path[1024];
    bool locked = false;
    *ret = NULL;
    if ((size_t)snprintf(path, sizeof path, "%s/control/voting", dir) >= sizeof path)
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    enum err err = rt_open(path, RT_OPEN_READ, ret, d);
    if (err == ERR_UNDEFINED_FILE)
        return ERR_OK;
    if (!err)
        err = rt_file_lock(*ret, VOTING_CLAIM, &locked, d);
    if (!err && !locked)
        err = in_use(dir, 0, d);
    for (unsigned node = 1; node <= NODES_MAX && !err; node++) {
        err = rt_file_lock(*ret, (uint64_t)node * SLOT_BYTES, &locked, d);
        if (!err && !locked)
            err = in_use(dir, node, d);
    }
    if (err) {
        rt_close(*ret);
        *ret = NULL;
    }
    return err;
}

static enum err shut_down_cleanly(const struct check *c, struct diag *d)
{
    if (!c->control->bootstrapped)
        return diag_set(d, ERR_OBJECT_STATE, "the creation of the database in %s was not finished", c->opt->dir);
    for (uint32_t i = 1; i <= c->control->threads; i++) {
        const uint8_t state = c->control->thread[i].state;
        if (state == THREAD_UNUSED || state == THREAD_CLOSED)
            continue;
        diag_set(d, ERR_OBJECT_STATE, "the database in %s was not shut down cleanly: redo thread %u of node %u is not closed", c->opt->dir, i,
                 c->control->thread[i].node);
        return diag_hint(d, "Start a node: it recovers the database. Then stop it and check again.");
    }
    return ERR_OK;
}

/* ---- the whole -------------------------------------------------------------------- */

static void fini(struct check *c)
{
    for (uint32_t i = 0; i < c->nsegments; i++)
        free(c->segment[i].extent);
    for (uint32_t i = 1; c->thread && i <= c->control->threads; i++) {
        free(c->thread[i].entry);
        free(c->thread[i].block);
    }
    free(c->segment);
    free(c->block);
    free(c->thread);
    u64map_free(c->segment_by_id);
    u64map_free(c->excused);
    rt_free_aligned(c->ahead, AHEAD * BLOCK_SIZE);
    rt_free_aligned(c->undo_cache, UNDO_CACHE * BLOCK_SIZE);
    files_close(c->files);
    control_free(c->control);
}

/* What the check can do without, and nodes cannot, or not safely. */
static enum err look_for_side_files(struct check *c, bool voting, struct diag *d)
{
    struct rt_file *f;
    char path[1024];
    if (!voting)
        check__note(c, "%s/control/voting is missing: no node has ever been started, or the file was removed; the next node to start makes it", c->opt->dir);
    if ((size_t)snprintf(path, sizeof path, "%s/control/secret", c->opt->dir) >= sizeof path)
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    const enum err err = rt_open(path, RT_OPEN_READ, &f, d);
    if (err == ERR_OK)
        rt_close(f);
    else if (err == ERR_UNDEFINED_FILE)
        check__note(c, "%s is missing: only nodes whose configuration names another secret_file can start", path);
    else
        check__note(c, "%s cannot be read by this user, which the check does not need: %s", path, d->message);
    return ERR_OK;
}

static enum err run(struct check *c, bool voting, struct diag *d)
{
    bool repaired = false;
    enum err err = control_read(c->opt->dir, &c->control, &repaired, d);
    if (!err)
        err = shut_down_cleanly(c, d);
    if (err)
        return err;
    if (repaired)
        check__problem(c, "control file: one of the two copies in %s/control is missing or damaged (the other one is whole)", c->opt->dir);
    err = look_for_side_files(c, voting, d);
    if (err)
        return err;
    err = files_open(c->opt->dir, true, &c->files, d);
    if (!err)
        err = check__undo(c, d);
    if (!err)
        err = check__blocks(c, d);
    if (err)
        return err;
    check__space(c);
    return check__catalog(c, d);
}

enum err check_run(const struct check_options *opt, struct check_result *ret, struct diag *d)
{
    struct rt_file *lock;
    *ret = (struct check_result){ 0 };
    if (!control_exists(opt->dir))
        return diag_set(d, ERR_UNDEFINED_FILE, "there is no database in \"%s\"", opt->dir);
    enum err err = lock_out_nodes(opt->dir, &lock, d);
    if (err)
        return err;
    struct check *c = xcalloc(1, sizeof *c);
    c->opt = opt;
    c->res = ret;
    c->segment_by_id = u64map_new(256);
    c->excused = u64map_new(256);
    c->ahead = rt_alloc_aligned(AHEAD * BLOCK_SIZE);
    c->undo_cache = rt_alloc_aligned(UNDO_CACHE * BLOCK_SIZE);
    err = run(c, lock != NULL, d);
    fini(c);
    free(c);
    rt_close(lock);
    return err;
}
