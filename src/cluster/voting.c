#include "cluster/voting.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CLAIM_WAIT_MS 10000u /* somebody else claims or makes the file */
#define OWN_LOCK_WAIT_MS 1000u /* an old process may still be ending; others try our lock for a moment */
#define TORN_RETRIES 5u /* a slot may be read while it is written */

struct voting {
    struct rt_file *file;
    char path[512];
    struct rt_mutex mutex; /* of own, and of the writes of it */
    struct slot own;
    _Atomic enum slot_state state; /* own.state, for readers without the mutex */
    uint8_t *page; /* one slot, aligned; mutex */
    struct rt_mutex scan_mutex; /* of all */
    uint8_t *all; /* the whole file, aligned */
};

static uint64_t slot_at(node_no node)
{
    return (uint64_t)node * SLOT_BYTES;
}

enum err voting_lock(struct voting *v, uint64_t byte, struct rt_file **ret, struct diag *d)
{
    struct rt_file *f;
    bool locked = false;
    enum err err = rt_open(v->path, RT_OPEN_WRITE, &f, d);
    if (err != ERR_OK)
        return err;
    err = rt_file_lock(f, byte, &locked, d);
    if (err != ERR_OK || !locked) {
        rt_close(f);
        f = NULL;
    }
    *ret = f;
    return err;
}

static enum err lock_wait(struct voting *v, uint64_t byte, uint32_t wait_ms, struct rt_file **ret, struct diag *d)
{
    const uint64_t deadline = rt_now() + RT_MS(wait_ms);
    for (;;) {
        const enum err err = voting_lock(v, byte, ret, d);
        if (err != ERR_OK || *ret != NULL)
            return err;
        if (rt_now() >= deadline)
            return diag_set(d, ERR_LOCK_FILE, "\"%s\": another node has held byte %" PRIu64 " for %" PRIu32 " ms", v->path, byte, wait_ms);
        rt_sleep(RT_MS(10) + rt_random() % RT_MS(10));
    }
}

static enum err make_file(struct voting *v, uint64_t cluster_id, struct diag *d)
{
    uint64_t size = 0;
    bool blank = false;
    enum err err = rt_file_size(v->file, &size, d);
    if (err == ERR_OK && size < SLOT_FILE_BYTES)
        err = rt_allocate(v->file, 0, SLOT_FILE_BYTES, d);
    if (err == ERR_OK)
        err = rt_pread(v->file, v->page, SLOT_BYTES, 0, NULL, d);
    if (err == ERR_OK)
        err = slot_check_file(v->page, cluster_id, &blank, d);
    if (err != ERR_OK || !blank)
        return err;
    slot_encode_file(v->page, cluster_id);
    err = rt_pwrite(v->file, v->page, SLOT_BYTES, 0, d);
    if (err == ERR_OK)
        err = rt_fdatasync(v->file, d);
    return err;
}

static enum err open_file(struct voting *v, const char *dir, uint64_t cluster_id, struct diag *d)
{
    char folder[sizeof(v->path)];
    struct rt_file *lock;
    snprintf(folder, sizeof(folder), "%s/control", dir);
    snprintf(v->path, sizeof(v->path), "%s/control/voting", dir);
    enum err err = rt_mkdir(folder, d);
    if (err == ERR_OK)
        err = rt_open(v->path, RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_DIRECT, &v->file, d);
    if (err == ERR_OK)
        err = lock_wait(v, VOTING_CLAIM, CLAIM_WAIT_MS, &lock, d);
    if (err != ERR_OK)
        return err;
    err = make_file(v, cluster_id, d);
    if (err == ERR_OK)
        err = rt_sync_dir(folder, d);
    rt_close(lock);
    return err;
}

enum err voting_open(const char *dir, uint64_t cluster_id, struct voting **ret, struct diag *d)
{
    struct voting *v = xcalloc(1, sizeof(*v));
    v->page = rt_alloc_aligned(SLOT_BYTES);
    v->all = rt_alloc_aligned(SLOT_FILE_BYTES);
    const enum err err = open_file(v, dir, cluster_id, d);
    if (err != ERR_OK) {
        diag_wrap(d, err, "opening the voting file of \"%s\"", dir);
        voting_close(v);
        return err;
    }
    *ret = v;
    return ERR_OK;
}

void voting_close(struct voting *v)
{
    if (v == NULL)
        return;
    rt_close(v->file);
    rt_free_aligned(v->page, SLOT_BYTES);
    rt_free_aligned(v->all, SLOT_FILE_BYTES);
    free(v);
}

/* ---- writing -------------------------------------------------------------------- */

/* v->mutex held */
static enum err write_own(struct voting *v, struct diag *d)
{
    v->own.counter++;
    slot_encode(v->page, &v->own);
    enum err err = rt_pwrite(v->file, v->page, SLOT_BYTES, slot_at(v->own.member.node), d);
    if (err == ERR_OK)
        err = rt_fdatasync(v->file, d);
    return diag_wrap(d, err, "writing the voting slot of node %u", v->own.member.node);
}

enum err voting_write(struct voting *v, const struct cluster_member *m, enum slot_state state, epoch_t epoch, struct diag *d)
{
    assert(m->node != 0);
    rt_mutex_lock(&v->mutex);
    v->own.member = *m;
    v->own.state = state;
    atomic_store(&v->state, state);
    v->own.epoch = MAX(v->own.epoch, epoch);
    const enum err err = write_own(v, d);
    rt_mutex_unlock(&v->mutex);
    return err;
}

enum err voting_beat(struct voting *v, struct diag *d)
{
    rt_mutex_lock(&v->mutex);
    const enum err err = write_own(v, d);
    rt_mutex_unlock(&v->mutex);
    return err;
}

enum slot_state voting_state(const struct voting *v)
{
    return atomic_load(&((struct voting *)(uintptr_t)v)->state);
}

/* ---- reading -------------------------------------------------------------------- */

/* scan_mutex held */
static enum err scan_once(struct voting *v, struct slot slots[NODES_MAX + 1], struct diag *d)
{
    enum err err = rt_pread(v->file, v->all, SLOT_FILE_BYTES, 0, NULL, d);
    for (unsigned n = 1; n <= NODES_MAX && err == ERR_OK; n++)
        err = slot_decode(v->all + slot_at((node_no)n), (node_no)n, &slots[n], d);
    return err;
}

enum err voting_scan(struct voting *v, struct slot slots[NODES_MAX + 1], struct diag *d)
{
    rt_mutex_lock(&v->scan_mutex);
    enum err err = scan_once(v, slots, d);
    for (uint32_t i = 0; i < TORN_RETRIES && err == ERR_CORRUPT; i++) {
        rt_sleep(RT_MS(2));
        err = scan_once(v, slots, d);
    }
    rt_mutex_unlock(&v->scan_mutex);
    return diag_wrap(d, err, "reading the voting file \"%s\"", v->path);
}

epoch_t voting_epoch_max(const struct slot slots[NODES_MAX + 1])
{
    epoch_t max = 0;
    for (unsigned n = 1; n <= NODES_MAX; n++)
        max = MAX(max, slots[n].epoch);
    return max;
}

enum err voting_is_held(struct voting *v, node_no node, bool *ret, struct diag *d)
{
    struct rt_file *f;
    const enum err err = voting_lock(v, slot_at(node), &f, d);
    if (err != ERR_OK)
        return err;
    *ret = f == NULL;
    rt_close(f);
    return ERR_OK;
}

/* ---- claiming -------------------------------------------------------------------- */

static node_no find_slot(const struct slot slots[NODES_MAX + 1], const char *name)
{
    node_no unused = 0;
    for (unsigned n = NODES_MAX; n >= 1; n--) {
        if (slots[n].state == SLOT_FREE)
            unused = (node_no)n;
        else if (strcmp(slots[n].member.name, name) == 0)
            return (node_no)n;
    }
    return unused;
}

/* On the voting file itself, which stays open: the lock lives as long as this process does. */
static enum err lock_own(struct voting *v, node_no node, const struct slot *slot, struct diag *d)
{
    const uint64_t deadline = rt_now() + RT_MS(OWN_LOCK_WAIT_MS);
    for (;;) {
        bool locked = false;
        const enum err err = rt_file_lock(v->file, slot_at(node), &locked, d);
        if (err != ERR_OK || locked)
            return err;
        if (rt_now() >= deadline)
            break;
        rt_sleep(RT_MS(20));
    }
    diag_set(d, ERR_LOCK_FILE, "node \"%s\" (number %u) is already running, with interconnect address %s", slot->member.name, node,
             slot->member.interconnect_address);
    return diag_hint(d, "Each node of a cluster needs a node_id of its own. If this is the node to start, stop the other process first.");
}

static enum err claim(struct voting *v, struct cluster_member *m, struct diag *d)
{
    struct slot *slots = xcalloc(NODES_MAX + 1, sizeof(*slots));
    enum err err = voting_scan(v, slots, d);
    const node_no node = err == ERR_OK ? find_slot(slots, m->name) : 0;
    if (err == ERR_OK && node == 0)
        err = diag_set(d, ERR_CONFIG_LIMIT, "no free slot for node \"%s\": a cluster has at most %d nodes", m->name, NODES_MAX);
    if (err == ERR_OK)
        err = lock_own(v, node, &slots[node], d);
    if (err == ERR_OK) {
        m->node = node;
        m->redo_thread = node;
        v->own = slots[node];
        err = voting_write(v, m, SLOT_STARTED, 0, d);
    }
    free(slots);
    return err;
}

enum err voting_claim(struct voting *v, struct cluster_member *m, struct diag *d)
{
    struct rt_file *lock;
    enum err err = lock_wait(v, VOTING_CLAIM, CLAIM_WAIT_MS, &lock, d);
    if (err != ERR_OK)
        return err;
    err = claim(v, m, d);
    rt_close(lock);
    return err;
}
