/*
 * An instance's redo thread: records appended to a buffer, written in log
 * blocks of 4 KiB by one writer fiber with group commit (design section 6).
 *
 * Files redo/<thread>/<sequence>.log; an LSN is a byte position in the thread
 * since its creation, log block headers included. Each flush ends on a log
 * block boundary (the rest is padding), so that no log block that was durable
 * is ever written again.
 */
#ifndef REDO_REDO_H
#define REDO_REDO_H

#include "base/diag.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/scn.h"
#include "redo/opcodes.h"

#define REDO_LOG_BLOCK 4096u
#define REDO_RECORD_MAX (256u * 1024)
#define REDO_VECTORS_MAX 64u
#define REDO_FILE_BYTES_MIN (2u << 20)
#define REDO_BUFFER_BYTES_MIN (1u << 20)

/* A change vector being written: payload in up to three pieces. */
struct redo_vector {
    struct dba dba;
    scn_t before; /* the block's SCN before; ignored where the opcode formats */
    uint8_t opcode; /* enum redo_opcode */
    uint8_t nparts;
    struct {
        const void *p;
        uint32_t len;
    } part[3];
};

enum redo_record_type { REDO_CHANGE = 1, REDO_COMMIT, REDO_CHECKPOINT, REDO_NOTE };

struct redo;
struct redo_options {
    const char *dir; /* shared folder: redo/<thread>/ is below it */
    uint16_t thread;
    incarnation_t incarnation; /* stamped into log blocks: what an earlier owner wrote never passes for ours */
    lsn_t start; /* where the thread goes on (from the control file or recovery), a multiple of REDO_LOG_BLOCK */
    uint64_t file_bytes; /* size of a log file (64 MiB); at least REDO_FILE_BYTES_MIN is taken */
    uint32_t buffer_bytes; /* log buffer (16 MiB) */
    struct scn_clock *scn;
    struct log *log;
    /* a write or sync of the log failed: the instance dies; must not return */
    void (*fatal)(void *arg, const struct diag *d);
    void *fatal_arg;
};
/*
 * Writes a log block that marks the new owner: the thread goes on at `start`, and whatever lies there is void. The control file names
 * the incarnation (and start as checkpoint) before: recovery reads only what is that owner's.
 */
enum err redo_open(const struct redo_options *opt, struct redo **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void redo_close(struct redo *r) MAY_YIELD; /* flushes */

/* Who may use the last part of the log space that is allocated on disk. */
enum redo_need {
    REDO_NORMAL,
    REDO_URGENT, /* what ends transactions and frees log space on a full disk: commit, rollback, checkpoint */
};
/*
 * Room for one record of up to `bytes` (at most REDO_RECORD_MAX), in the buffer and in log files that are allocated already; waits while
 * there is none. Before the first pin of a mini-transaction (R6). REDO_NORMAL fails with ERR_DISK_FULL (or what else keeps log files
 * from being allocated) when only the urgent part is left; REDO_URGENT always succeeds in the end.
 * The reservation is held until redo_unreserve() with the same number, which follows redo_append() or replaces it.
 */
enum err redo_reserve(struct redo *r, uint32_t bytes, enum redo_need need, struct diag *d) MAY_YIELD MUST_CHECK;
void redo_unreserve(struct redo *r, uint32_t bytes);
/* Bytes that a record with these vectors takes (at most 32 + 24 a vector + payloads). */
uint32_t redo_record_size(const struct redo_vector *v, unsigned n);

/*
 * Appends one record inside the reservation and allocates its SCN, in one step: SCN order is log order. Never waits.
 * on_scn (may be NULL) runs inside that step: it publishes COMMITTING(c) before anybody can see a higher SCN (R2, R3).
 * *ret_end: the record is durable when redo_durable() >= it.
 */
scn_t redo_append(struct redo *r, enum redo_record_type type, struct xid xid, const struct redo_vector *v, unsigned n,
                  void (*on_scn)(void *arg, scn_t scn), void *on_scn_arg, lsn_t *ret_start, lsn_t *ret_end);

lsn_t redo_durable(const struct redo *r); /* cheap: one atomic load */
lsn_t redo_end(const struct redo *r);
void redo_flush_start(struct redo *r, lsn_t upto); /* asks the writer, does not wait */
void redo_flush(struct redo *r, lsn_t upto) MAY_YIELD; /* waits until durable; the instance dies when it cannot be */
/* fn(arg, durable) after each flush, in the writer's fiber, before waiters are woken: commit broadcast and group commit hang here. */
void redo_on_flush(struct redo *r, void (*fn)(void *arg, lsn_t durable), void *arg);
/* Flush listener for the start of a flush, so that broadcast overlaps the write: called with the end position being flushed. */
void redo_on_flush_begin(struct redo *r, void (*fn)(void *arg, lsn_t upto), void *arg);
/* No listener is called with this arg any more when it returns. Not from a listener. */
void redo_remove_listeners(struct redo *r, void *arg) MAY_YIELD;

/*
 * Log files wholly before this position may be recycled. The order: redo_flush(checkpoint), since a checkpoint beyond the end of the
 * log is taken for damage (R8); the control file; then this.
 */
void redo_set_checkpoint(struct redo *r, lsn_t checkpoint);

/* ---- reading: recovery and tools --------------------------------------- */

struct redo_reader;
struct redo_record {
    lsn_t start, end;
    scn_t scn;
    struct xid xid;
    enum redo_record_type type;
    unsigned n;
    struct {
        struct dba dba;
        scn_t before;
        enum redo_opcode opcode;
        const uint8_t *payload;
        uint32_t len;
    } v[REDO_VECTORS_MAX];
};
enum err redo_reader_open(const char *dir, uint16_t thread, lsn_t from, struct redo_reader **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/*
 * The next record, valid until the next call. *ret_end_of_log: the torn or never written tail has been reached. A damaged block
 * before a position claimed durable (by later blocks of the log, or `known_durable`) is ERR_CORRUPT that says where (R8).
 */
enum err redo_read(struct redo_reader *r, struct redo_record *ret, bool *ret_end_of_log, struct diag *d) MAY_YIELD MUST_CHECK;
void redo_reader_known_durable(struct redo_reader *r, lsn_t upto);
/*
 * The owner whose records are expected at `from` (the thread's incarnation in the control file, which is written before redo_open()).
 * Without this whoever wrote the first block found is taken for it; beyond `from` owners change only at blocks that redo_open() wrote.
 */
void redo_reader_expect(struct redo_reader *r, incarnation_t owner);
/* End of the last record returned; at the end of the log: where the next owner goes on (a multiple of REDO_LOG_BLOCK). */
lsn_t redo_reader_position(const struct redo_reader *r);
void redo_reader_close(struct redo_reader *r) MAY_YIELD;
/*
 * Syncs a dead thread's log: what its owner had written, but not synced, can be read and may still be lost. Before anything is done
 * to blocks because of it (R7).
 */
enum err redo_sync_log(const char *dir, uint16_t thread, struct diag *d) MAY_YIELD MUST_CHECK;

/* clang-format off */
#define REDO_STATS(X) \
    X(records,        COUNT, "records appended") \
    X(bytes,          BYTES, "bytes appended") \
    X(flushes,        COUNT, "log writes that were synced") \
    X(flush_waits,    COUNT, "fibers that waited for a flush") \
    X(flush_ns,       NS,    "time spent in log writes and syncs") \
    X(space_waits,    COUNT, "reservations that waited for room in the buffer")
/* clang-format on */
struct redo_stats {
#define X(name, unit, text) uint64_t name;
    REDO_STATS(X)
#undef X
};
/* No log file could be allocated when it was last tried: REDO_NORMAL fails sooner or later, unless a checkpoint makes room. */
bool redo_is_short(struct redo *r);
void redo_stats(const struct redo *r, struct redo_stats *ret);

#endif
