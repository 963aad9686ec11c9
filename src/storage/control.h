/*
 * The control file: two checksummed copies of what must be known before
 * anything else can be read (design section 5). Written under the CF enqueue.
 */
#ifndef STORAGE_CONTROL_H
#define STORAGE_CONTROL_H

#include "base/diag.h"
#include "base/ids.h"

#define CLUSTER_FORMAT_VERSION 1u

enum control_thread_state { THREAD_UNUSED, THREAD_CLOSED, THREAD_OPEN, THREAD_RECOVERING };

struct control_thread {
    uint8_t state; /* enum control_thread_state; OPEN after a crash means "to be recovered" */
    node_no node;
    incarnation_t incarnation;
    lsn_t checkpoint; /* recovery starts here */
    lsn_t end; /* CLOSED: where the next owner goes on */
    uint64_t xid_seq; /* next owner starts above it (a logged reserve, R4) */
    scn_t checkpoint_scn;
};

struct control {
    char cluster_name[64];
    uint64_t cluster_id;
    uint32_t format_version;
    uint32_t block_size;
    char collation[32]; /* "C.UTF-8" */
    char collation_version[32];
    char tz_version[32];
    scn_t scn_high_water; /* every start begins above it */
    uint64_t segment_id_next; /* reserve: ids below may be in use */
    bool bootstrapped; /* the system tables exist */
    uint32_t threads; /* highest thread number in use */
    struct control_thread thread[THREADS_MAX + 1];
};

/* Creates the folders and a fresh control file, if there is none. Two nodes may try at once: one wins. */
enum err control_create(const char *dir, const char *cluster_name, struct diag *d) MAY_YIELD MUST_CHECK;
bool control_exists(const char *dir) MAY_YIELD;
/*
 * Reads the newer valid copy. Errors say what is wrong: no database here, not a control file, both copies damaged (58P01, XX001),
 * a newer format, another block size (F0000). *ret_repaired: one copy was damaged (the caller logs it; the next write mends it).
 */
enum err control_read(const char *dir, struct control **ret, bool *ret_repaired, struct diag *d) MAY_YIELD MUST_CHECK;
void control_free(struct control *c);
/* Read, change, write both copies one after the other, each synced. Callers hold the CF enqueue (or are alone). */
enum err control_update(const char *dir, void (*change)(void *arg, struct control *c), void *arg, struct diag *d) MAY_YIELD MUST_CHECK;

/* ---- a copy's bytes: pure ------------------------------------------------------------------- */

#define CONTROL_BYTES (64u << 10) /* written and read as a whole */

void control_encode(const struct control *c, uint64_t generation, uint8_t *image); /* of CONTROL_BYTES, aligned to 8 */
/* `path` is for messages. *ret is freed with control_free(). */
enum err control_decode(const uint8_t *image, const char *path, struct control **ret, struct diag *d) MUST_CHECK;

#endif
