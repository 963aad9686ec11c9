/*
 * The buffer cache: blocks in memory, shared by the instance's workers and,
 * through GCS, coherent with all other instances (design sections 5 and 9).
 *
 * A pin holds a block in a mode and its frame's latch: BUF_S for reading,
 * BUF_X for changing. Changes are made only through mini-transactions
 * (storage/mtr.h). Pins are short: while holding one, no wait for a row lock,
 * an enqueue, a client or a look-up on another node (R6). Nor does a fiber
 * pin a block again that it has pinned (mini-transactions look at their own
 * list): a request from another node may be queued between the two.
 */
#ifndef STORAGE_BUFCACHE_H
#define STORAGE_BUFCACHE_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/scn.h"

struct bufcache;
struct files;
struct redo;
struct redo_ops;
struct gcs;

/* A pinned block (not base/buf.h's struct buf). `data` is BLOCK_SIZE bytes and begins with struct block_header. */
struct pin {
    uint8_t *data;
    struct dba dba;
    /* the rest is private (storage/buf_int.h) */
};

enum buf_mode { BUF_S, BUF_X };

struct bufcache_options {
    uint64_t size_bytes;
    uint16_t thread; /* own redo thread: double-write area dw/<thread> */
    const char *dir;
    struct files *files;
    struct redo *redo;
    const struct redo_ops *redo_ops;
    struct scn_clock *scn;
    struct gcs *gcs; /* NULL: this instance is alone and owns every block (bootstrap, recovery, unit tests) */
    struct log *log;
    void (*fatal)(void *arg, const struct diag *d); /* a sync failed: must not return */
    void *fatal_arg;
};
enum err bufcache_open(const struct bufcache_options *opt, struct bufcache **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void bufcache_close(struct bufcache *bc) MAY_YIELD; /* does not write: see bufcache_checkpoint() */

/* Current version of the block. ERR_CORRUPT for a damaged one: nothing else is harmed. */
enum err buf_pin(struct bufcache *bc, struct dba dba, enum buf_mode mode, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * For a reader with a snapshot at s: some version that holds every change committed at or below s (and perhaps more). Where another
 * instance holds the block X this is a mode-less copy that lives until it is unpinned (R2: the holder has raised its SCN to s).
 */
enum err buf_pin_read(struct bufcache *bc, struct dba dba, scn_t s, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The same, for blocks that are no snapshot's (undo of other threads): every change with an SCN up to s is in it. */
enum err buf_pin_copy(struct bufcache *bc, struct dba dba, scn_t s, struct pin **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void buf_unpin(struct pin *b);
/* Starts bringing blocks in, in one message a master; does not wait. */
void buf_prefetch(struct bufcache *bc, const struct dba *dba, unsigned n);

/*
 * Unlogged change of hint bytes (commit SCNs stamped into rows): changes neither layout nor the block's SCN, is lost without harm.
 * Only under a pin from buf_pin(); false: the block may not be touched now (being written, copy): skip it.
 */
/* No wait, and no other call to the cache, between begin and end. */
bool buf_hint_begin(struct pin *b);
void buf_hint_end(struct pin *b);

/* Writes all that is dirty now (double write, sync, in place, sync) and returns the thread's new checkpoint position. */
enum err bufcache_checkpoint(struct bufcache *bc, lsn_t *ret_checkpoint, struct diag *d) MAY_YIELD MUST_CHECK;
/* Oldest redo position of this thread that some block still needs (past images included); redo_end() when there is none. */
lsn_t bufcache_oldest_dirty(struct bufcache *bc);
/* Writes and drops everything: the instance leaves. */
enum err bufcache_drain(struct bufcache *bc, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * Recovery: replay has brought the block under this X pin to version scn (stamps it). It is dirty, but not under this thread's redo.
 */
void buf_replayed(struct pin *b, scn_t scn);

/* clang-format off */
#define BUF_STATS(X) \
    X(gets,            COUNT, "pins asked for") \
    X(hits,            COUNT, "served from this cache") \
    X(disk_reads,      COUNT, "blocks read from disk") \
    X(disk_writes,     COUNT, "blocks written in place") \
    X(dw_syncs,        COUNT, "syncs of the double-write area") \
    X(remote_current,  COUNT, "current blocks received from another instance") \
    X(remote_copies,   COUNT, "mode-less copies received") \
    X(evictions,       COUNT, "frames reused") \
    X(latch_waits,     COUNT, "waits for a frame's latch or pins") \
    X(past_images,     COUNT, "past images kept now")
/* clang-format on */
struct buf_stats {
#define X(name, unit, text) uint64_t name;
    BUF_STATS(X)
#undef X
};
void bufcache_stats(const struct bufcache *bc, struct buf_stats *ret);

#endif
