#include "storage/control.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "rt/rt.h"

#define CONTROL_MAGIC 0x4c435452u /* "RTCL" */
#define CONTROL_COPIES 2u
#define CONTROL_PATH_MAX 1024u
#define CREATE_WAIT_NS RT_SEC(10)
#define READ_AGAIN 5u /* times, where both copies seem damaged */
#define READ_AGAIN_NS RT_MS(20)

/*
 * On disk. The fields up to `generation` stay as they are in every later
 * format, so that a newer file is recognised as newer and not as damaged.
 */
struct disk_control {
    uint32_t magic;
    uint32_t crc; /* of CONTROL_BYTES with this field zero */
    uint32_t format_version;
    uint32_t block_size;
    uint64_t generation; /* rises with each update; the higher valid copy counts */
    uint64_t cluster_id;
    char cluster_name[64];
    char collation[32];
    char collation_version[32];
    char tz_version[32];
    uint64_t scn_high_water;
    uint64_t segment_id_next;
    uint32_t bootstrapped;
    uint32_t threads;
    uint8_t spare[264];
};
static_assert(sizeof(struct disk_control) == 480, "on-disk format");

struct disk_thread {
    uint8_t state;
    uint8_t node;
    uint16_t reserved;
    uint32_t reserved2;
    uint64_t incarnation;
    uint64_t checkpoint;
    uint64_t end;
    uint64_t xid_seq;
    uint64_t checkpoint_scn;
};
static_assert(sizeof(struct disk_thread) == 48, "on-disk format");
static_assert(sizeof(struct disk_control) + THREADS_MAX * sizeof(struct disk_thread) <= CONTROL_BYTES, "all threads fit");

/* ---- encoding ----------------------------------------------------------------- */

static uint32_t control_crc(const uint8_t *image)
{
    static const uint32_t zero = 0;
    const size_t at = offsetof(struct disk_control, crc), after = at + sizeof(uint32_t);
    const uint32_t crc = crc32c(crc32c(0, image, at), &zero, sizeof(zero));
    return crc32c(crc, image + after, CONTROL_BYTES - after);
}

static void put_text(char *to, const char *from, size_t size)
{
    memset(to, 0, size);
    memcpy(to, from, strnlen(from, size - 1));
}

void control_encode(const struct control *c, uint64_t generation, uint8_t *image)
{
    memset(image, 0, CONTROL_BYTES);
    struct disk_control *h = (struct disk_control *)image;
    *h = (struct disk_control){ .magic = CONTROL_MAGIC,
                                .format_version = c->format_version,
                                .block_size = c->block_size,
                                .generation = generation,
                                .cluster_id = c->cluster_id,
                                .scn_high_water = c->scn_high_water,
                                .segment_id_next = c->segment_id_next,
                                .bootstrapped = c->bootstrapped,
                                .threads = c->threads };
    put_text(h->cluster_name, c->cluster_name, sizeof(h->cluster_name));
    put_text(h->collation, c->collation, sizeof(h->collation));
    put_text(h->collation_version, c->collation_version, sizeof(h->collation_version));
    put_text(h->tz_version, c->tz_version, sizeof(h->tz_version));
    assert(c->threads <= THREADS_MAX);
    struct disk_thread *t = (struct disk_thread *)(h + 1);
    for (uint32_t i = 1; i <= c->threads; i++) {
        const struct control_thread *from = &c->thread[i];
        t[i - 1] = (struct disk_thread){ .state = from->state,
                                         .node = from->node,
                                         .incarnation = from->incarnation,
                                         .checkpoint = from->checkpoint,
                                         .end = from->end,
                                         .xid_seq = from->xid_seq,
                                         .checkpoint_scn = from->checkpoint_scn };
    }
    h->crc = control_crc(image);
}

static enum err check_image(const uint8_t *image, const char *path, struct diag *d)
{
    const struct disk_control *h = (const struct disk_control *)image;
    if (h->magic != CONTROL_MAGIC)
        return diag_set(d, ERR_CORRUPT, "\"%s\" is not a control file", path);
    const uint32_t crc = control_crc(image);
    if (crc != h->crc)
        return diag_set(d, ERR_CORRUPT, "control file \"%s\" is damaged: checksum %08" PRIx32 ", it says %08" PRIx32, path, crc, h->crc);
    if (h->format_version > CLUSTER_FORMAT_VERSION)
        return diag_set(d, ERR_CONFIG_FILE, "the database has format version %u; this program knows formats up to %u", h->format_version,
                        CLUSTER_FORMAT_VERSION);
    if (h->block_size != BLOCK_SIZE)
        return diag_set(d, ERR_CONFIG_FILE, "the database has blocks of %u bytes; this program uses %u", h->block_size, BLOCK_SIZE);
    if (h->threads > THREADS_MAX)
        return diag_set(d, ERR_CORRUPT, "control file \"%s\" is damaged: %u redo threads", path, h->threads);
    const struct disk_thread *t = (const struct disk_thread *)(h + 1);
    for (uint32_t i = 0; i < h->threads; i++)
        if (t[i].state > THREAD_RECOVERING || t[i].node > NODES_MAX)
            return diag_set(d, ERR_CORRUPT, "control file \"%s\" is damaged: redo thread %u of node %u in state %u", path, i + 1, t[i].node, t[i].state);
    return ERR_OK;
}

/* The image has passed check_image(). */
static struct control *decode_checked(const uint8_t *image)
{
    const struct disk_control *h = (const struct disk_control *)image;
    struct control *c = xcalloc(1, sizeof(*c));
    c->format_version = h->format_version;
    c->block_size = h->block_size;
    c->cluster_id = h->cluster_id;
    c->scn_high_water = h->scn_high_water;
    c->segment_id_next = h->segment_id_next;
    c->bootstrapped = h->bootstrapped != 0;
    c->threads = h->threads;
    put_text(c->cluster_name, h->cluster_name, sizeof(c->cluster_name));
    put_text(c->collation, h->collation, sizeof(c->collation));
    put_text(c->collation_version, h->collation_version, sizeof(c->collation_version));
    put_text(c->tz_version, h->tz_version, sizeof(c->tz_version));
    const struct disk_thread *t = (const struct disk_thread *)(h + 1);
    for (uint32_t i = 1; i <= c->threads; i++) {
        const struct disk_thread *from = &t[i - 1];
        c->thread[i] = (struct control_thread){ .state = from->state,
                                                .node = from->node,
                                                .incarnation = from->incarnation,
                                                .checkpoint = from->checkpoint,
                                                .end = from->end,
                                                .xid_seq = from->xid_seq,
                                                .checkpoint_scn = from->checkpoint_scn };
    }
    return c;
}

enum err control_decode(const uint8_t *image, const char *path, struct control **ret, struct diag *d)
{
    const enum err err = check_image(image, path, d);
    if (!err)
        *ret = decode_checked(image);
    return err;
}

/* ---- the two copies --------------------------------------------------------------- */

struct copies {
    uint8_t *image[CONTROL_COPIES]; /* aligned */
    enum err err[CONTROL_COPIES]; /* what is wrong with it */
    struct diag diag[CONTROL_COPIES];
};

static enum err control_path(char path[CONTROL_PATH_MAX], const char *dir, const char *name, struct diag *d)
{
    const int n = snprintf(path, CONTROL_PATH_MAX, "%s/control%s", dir, name);
    if (n < 0 || (unsigned)n >= CONTROL_PATH_MAX)
        return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
    return ERR_OK;
}

static const char *copy_name(unsigned i)
{
    static const char *const names[CONTROL_COPIES] = { "/control.0", "/control.1" };
    return names[i];
}

static enum err read_copy(const char *dir, unsigned i, uint8_t *image, struct diag *d)
{
    char path[CONTROL_PATH_MAX];
    struct rt_file *f = NULL;
    size_t got = 0;
    enum err err = control_path(path, dir, copy_name(i), d);
    if (!err)
        err = rt_open(path, RT_OPEN_READ | RT_OPEN_DIRECT, &f, d);
    if (err)
        return err;
    err = rt_pread(f, image, CONTROL_BYTES, 0, &got, d);
    rt_close(f);
    if (err)
        return err;
    if (got < sizeof(struct disk_control))
        return diag_set(d, ERR_CORRUPT, "control file \"%s\" is damaged: %zu bytes of %u", path, got, CONTROL_BYTES);
    memset(image + got, 0, CONTROL_BYTES - got);
    return check_image(image, path, d);
}

static void copies_init(struct copies *c)
{
    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < CONTROL_COPIES; i++)
        c->image[i] = rt_alloc_aligned(CONTROL_BYTES);
}

static void copies_fini(struct copies *c)
{
    for (unsigned i = 0; i < CONTROL_COPIES; i++)
        rt_free_aligned(c->image[i], CONTROL_BYTES);
}

static uint64_t generation_of(const struct copies *c, unsigned i)
{
    return c->err[i] ? 0 : ((const struct disk_control *)c->image[i])->generation;
}

static bool is_missing(enum err err)
{
    return err == ERR_UNDEFINED_FILE;
}

/* Both are unusable: says what is wrong. */
static enum err no_copy(const struct copies *c, const char *dir, struct diag *d)
{
    if (is_missing(c->err[0]) && is_missing(c->err[1])) {
        diag_set(d, ERR_UNDEFINED_FILE, "there is no database in \"%s\"", dir);
        return diag_hint(d, "rustydb-cli cluster create makes one.");
    }
    const unsigned shown = is_missing(c->err[0]) ? 1 : 0, other = 1 - shown;
    *d = c->diag[shown];
    if (c->err[shown] == ERR_CORRUPT)
        diag_detail(d, "The second copy cannot be used either: %.400s", c->diag[other].message);
    return c->err[shown];
}

/* Reads both copies; *ret_best is the one that counts. A copy in a newer format or with other blocks refuses, whatever the other says. */
static enum err copies_read(struct copies *c, const char *dir, unsigned *ret_best, struct diag *d)
{
    for (unsigned i = 0; i < CONTROL_COPIES; i++) {
        c->err[i] = read_copy(dir, i, c->image[i], &c->diag[i]);
        if (c->err[i] && c->err[i] != ERR_CORRUPT && !is_missing(c->err[i])) {
            *d = c->diag[i];
            return c->err[i];
        }
    }
    if (c->err[0] && c->err[1])
        return no_copy(c, dir, d);
    *ret_best = generation_of(c, 1) > generation_of(c, 0) ? 1 : 0;
    if (c->err[*ret_best])
        *ret_best = 1 - *ret_best;
    return ERR_OK;
}

static enum err write_image(const char *path, const uint8_t *image, struct diag *d)
{
    struct rt_file *f = NULL;
    enum err err = rt_open(path, RT_OPEN_WRITE | RT_OPEN_CREATE | RT_OPEN_DIRECT, &f, d);
    if (err)
        return err;
    err = rt_pwrite(f, image, CONTROL_BYTES, 0, d);
    if (!err)
        err = rt_fdatasync(f, d);
    rt_close(f);
    return err;
}

/* A copy that is there is written in place; one that is missing appears as a whole. */
static enum err write_copy(const char *dir, unsigned i, bool missing, const uint8_t *image, struct diag *d)
{
    char path[CONTROL_PATH_MAX], temporary[CONTROL_PATH_MAX];
    enum err err = control_path(path, dir, copy_name(i), d);
    if (err || !missing)
        return err ? err : write_image(path, image, d);
    err = control_path(temporary, dir, "/control.tmp", d);
    if (!err)
        err = write_image(temporary, image, d);
    return err ? err : rt_rename(temporary, path, d);
}

/* ---- interface ------------------------------------------------------------------------ */

enum err control_read(const char *dir, struct control **ret, bool *ret_repaired, struct diag *d)
{
    struct copies c;
    unsigned best = 0;
    copies_init(&c);
    enum err err = copies_read(&c, dir, &best, d);
    /* Without the CF enqueue: another node may have been writing the one copy while it was read here, and then the other one. */
    for (unsigned again = 0; err == ERR_CORRUPT && again < READ_AGAIN; again++) {
        rt_sleep(READ_AGAIN_NS);
        err = copies_read(&c, dir, &best, d);
    }
    if (!err) {
        *ret = decode_checked(c.image[best]);
        *ret_repaired = c.err[1 - best] != ERR_OK;
    }
    copies_fini(&c);
    return err;
}

void control_free(struct control *c)
{
    free(c);
}

enum err control_update(const char *dir, void (*change)(void *arg, struct control *c), void *arg, struct diag *d)
{
    struct copies c;
    unsigned best = 0;
    copies_init(&c);
    enum err err = copies_read(&c, dir, &best, d);
    if (!err) {
        /* The copy that does not count first: whatever happens, one of the two is whole. */
        const unsigned order[CONTROL_COPIES] = { 1 - best, best };
        const uint64_t generation = generation_of(&c, best) + 1;
        struct control *control = decode_checked(c.image[best]);
        change(arg, control);
        uint8_t *image = c.image[1 - best];
        control_encode(control, generation, image);
        control_free(control);
        for (unsigned i = 0; i < CONTROL_COPIES && !err; i++)
            err = write_copy(dir, order[i], is_missing(c.err[order[i]]), image, d);
    }
    copies_fini(&c);
    return err ? diag_wrap(d, err, "updating the control file") : ERR_OK;
}

bool control_exists(const char *dir)
{
    for (unsigned i = 0; i < CONTROL_COPIES; i++) {
        char path[CONTROL_PATH_MAX];
        struct rt_file *f = NULL;
        struct diag d;
        if (control_path(path, dir, copy_name(i), &d) == ERR_OK && rt_open(path, RT_OPEN_READ, &f, &d) == ERR_OK) {
            rt_close(f);
            return true;
        }
    }
    return false;
}

static enum err make_folders(const char *dir, struct diag *d)
{
    static const char *const names[] = { "control", "data", "redo", "undo", "dw" };
    char path[CONTROL_PATH_MAX];
    enum err err = rt_mkdir(dir, d);
    for (unsigned i = 0; i < ARRAY_LEN(names) && !err; i++) {
        const int n = snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        if (n < 0 || (unsigned)n >= sizeof(path))
            return diag_set(d, ERR_CONFIG_FILE, "path of the data folder is too long");
        err = rt_mkdir(path, d);
    }
    return err ? err : rt_sync_dir(dir, d);
}

static enum err write_fresh(const char *dir, const char *cluster_name, struct diag *d)
{
    struct control *c = xcalloc(1, sizeof(*c));
    put_text(c->cluster_name, cluster_name, sizeof(c->cluster_name));
    rt_random_bytes(&c->cluster_id, sizeof(c->cluster_id));
    c->format_version = CLUSTER_FORMAT_VERSION;
    c->block_size = BLOCK_SIZE;
    c->segment_id_next = 1;
    put_text(c->collation, "C.UTF-8", sizeof(c->collation));
    uint8_t *image = rt_alloc_aligned(CONTROL_BYTES);
    control_encode(c, 1, image);
    enum err err = ERR_OK;
    for (unsigned i = 0; i < CONTROL_COPIES && !err; i++)
        err = write_copy(dir, i, true, image, d);
    rt_free_aligned(image, CONTROL_BYTES);
    control_free(c);
    return err;
}

/* Under the lock of control/lock; who comes second finds the file there. */
static enum err create_locked(const char *dir, const char *cluster_name, struct rt_file *lock, struct diag *d)
{
    const uint64_t deadline = rt_now() + CREATE_WAIT_NS;
    for (;;) {
        bool locked = false;
        const enum err err = rt_file_lock(lock, 0, &locked, d);
        if (err)
            return err;
        if (locked)
            return control_exists(dir) ? ERR_OK : write_fresh(dir, cluster_name, d);
        if (rt_now() > deadline)
            return diag_set(d, ERR_LOCK_FILE, "another process has been creating the database in \"%s\" for too long", dir);
        rt_sleep(RT_MS(20));
    }
}

enum err control_create(const char *dir, const char *cluster_name, struct diag *d)
{
    char path[CONTROL_PATH_MAX];
    struct rt_file *lock = NULL;
    if (strlen(cluster_name) >= sizeof(((struct control *)NULL)->cluster_name))
        return diag_set(d, ERR_CONFIG_FILE, "the cluster's name is too long (at most 63 bytes)");
    enum err err = make_folders(dir, d);
    if (!err)
        err = control_path(path, dir, "/lock", d);
    if (!err)
        err = rt_open(path, RT_OPEN_WRITE | RT_OPEN_CREATE, &lock, d);
    if (!err)
        err = create_locked(dir, cluster_name, lock, d);
    rt_close(lock); /* lets go of the lock */
    return err ? diag_wrap(d, err, "creating a database in \"%s\"", dir) : ERR_OK;
}
