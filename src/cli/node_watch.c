#include "cli/node_watch.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/voting.h"
#include "rt/rt.h"
#include "storage/control.h"

#define LOOK_AGAIN_MS 50u

struct watch {
    const struct config *config;
    const char *name;
    incarnation_t incarnation; /* 0: find it */
    uint32_t timeout_s;
    struct voting *voting;
    struct slot slot;
    struct diag *d;
    enum err err;
};

static enum err open_voting(struct watch *w)
{
    struct control *control;
    bool repaired;
    enum err err = control_read(w->config->data_dir, &control, &repaired, w->d);
    if (err)
        return err;
    err = voting_open(w->config->data_dir, control->cluster_id, &w->voting, w->d);
    control_free(control);
    return err;
}

static enum err read_slot(struct watch *w)
{
    struct slot *slots = xcalloc(NODES_MAX + 1, sizeof *slots);
    enum err err = voting_scan(w->voting, slots, w->d);
    w->slot.state = SLOT_FREE;
    for (unsigned n = 1; n <= NODES_MAX && !err; n++)
        if (slots[n].state != SLOT_FREE && strcmp(slots[n].member.name, w->name) == 0)
            w->slot = slots[n];
    free(slots);
    if (!err && w->slot.state == SLOT_FREE)
        err = diag_set(w->d, ERR_UNDEFINED_OBJECT, "the voting file knows no node \"%s\"", w->name);
    return err;
}

/* *ret_gone: its process has ended, or another one of this name runs by now. The slot is read after its lock was seen free. */
static enum err look(struct watch *w, bool *ret_gone)
{
    bool held = false;
    enum err err = read_slot(w);
    if (!err)
        err = voting_is_held(w->voting, w->slot.member.node, &held, w->d);
    if (!err && !held)
        err = read_slot(w);
    *ret_gone = !held || w->slot.member.incarnation != w->incarnation;
    return err;
}

static enum err wait_left(struct watch *w)
{
    const uint64_t deadline = rt_now() + RT_SEC((uint64_t)w->timeout_s);
    for (;;) {
        bool gone;
        enum err err = look(w, &gone);
        if (err)
            return err;
        if (gone && w->slot.member.incarnation == w->incarnation && w->slot.state != SLOT_DOWN) {
            diag_set(w->d, ERR_CRASH_SHUTDOWN, "node %s has ended without leaving the cluster", w->name);
            return diag_hint(w->d, "Its log says why. All nodes must be started again: the first one recovers the database.");
        }
        if (gone)
            return ERR_OK;
        if (rt_now() >= deadline)
            return diag_set(w->d, ERR_TIMED_OUT, "node %s has not stopped within %u seconds", w->name, w->timeout_s);
        rt_sleep(RT_MS(LOOK_AGAIN_MS));
    }
}

static void run(void *arg)
{
    struct watch *w = arg;
    w->err = open_voting(w);
    if (!w->err)
        w->err = w->incarnation ? wait_left(w) : read_slot(w);
    voting_close(w->voting);
}

static enum err watch(struct watch *w)
{
    const struct rt_options ro = { .workers = 1 };
    enum err err = rt_run(&ro, run, w, w->d);
    return err ? err : w->err;
}

enum err node_watch_incarnation(const struct config *c, const char *name, incarnation_t *ret, struct diag *d)
{
    struct watch w = { .config = c, .name = name, .d = d };
    enum err err = watch(&w);
    *ret = w.slot.member.incarnation;
    return err;
}

enum err node_watch_left(const struct config *c, const char *name, incarnation_t incarnation, uint32_t timeout_s, struct diag *d)
{
    struct watch w = { .config = c, .name = name, .incarnation = incarnation, .timeout_s = timeout_s, .d = d };
    return watch(&w);
}
