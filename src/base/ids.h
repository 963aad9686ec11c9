/*
 * The identifiers that travel through all layers, as types of their own.
 */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include "base/base.h"

#define BLOCK_SIZE 8192u
#define NODES_MAX 64 /* node numbers are 1..NODES_MAX; 0 is "no node" */
#define THREADS_MAX 1023 /* redo threads are 1..THREADS_MAX; 0 is "no thread" */
#define EXTENT_BLOCKS 64u

/* System change number: the cluster's one Lamport clock. */
typedef uint64_t scn_t;
#define SCN_MAX UINT64_MAX

typedef uint8_t node_no;
typedef uint64_t incarnation_t; /* one start of one node; never repeats */
typedef uint64_t epoch_t; /* number of a membership view */

/* Block address: file number and block number. */
struct dba {
    uint64_t v;
};
#define DBA_NONE ((struct dba){ 0 })
static inline struct dba dba_make(uint32_t file, uint32_t block)
{
    return (struct dba){ (uint64_t)file << 32 | block };
}
static inline uint32_t dba_file(struct dba d) { return (uint32_t)(d.v >> 32); }
static inline uint32_t dba_block(struct dba d) { return (uint32_t)d.v; }
static inline bool dba_eq(struct dba a, struct dba b) { return a.v == b.v; }

/* File numbers. */
#define FILE_DATA 1u /* data/main.dbf */
#define FILE_UNDO_BASE 0x1000u /* undo/<thread>.dbf is FILE_UNDO_BASE + thread */
static inline bool file_is_undo(uint32_t file) { return file > FILE_UNDO_BASE && file <= FILE_UNDO_BASE + THREADS_MAX; }

/* Transaction id: redo thread (high 16 bits) and sequence. 0 is "no transaction". */
struct xid {
    uint64_t v;
};
#define XID_NONE ((struct xid){ 0 })
static inline struct xid xid_make(uint16_t thread, uint64_t seq) { return (struct xid){ (uint64_t)thread << 48 | seq }; }
static inline uint16_t xid_thread(struct xid x) { return (uint16_t)(x.v >> 48); }
static inline uint64_t xid_seq(struct xid x) { return x.v & ((UINT64_C(1) << 48) - 1); }
static inline bool xid_eq(struct xid a, struct xid b) { return a.v == b.v; }

/* Row address: file (16 bits), block (32), slot (16). */
struct rowid {
    uint64_t v;
};
static inline struct rowid rowid_make(struct dba d, uint16_t slot)
{
    return (struct rowid){ (uint64_t)dba_file(d) << 48 | (uint64_t)dba_block(d) << 16 | slot };
}
static inline struct dba rowid_dba(struct rowid r) { return dba_make((uint32_t)(r.v >> 48), (uint32_t)(r.v >> 16)); }
static inline uint16_t rowid_slot(struct rowid r) { return (uint16_t)r.v; }

/* Segment: the blocks of one table or index. Its id never repeats; its header block tells its extents. */
struct seg {
    uint32_t id; /* 0: none */
    struct dba header;
};

/* Position in a redo thread: byte offset since the thread was created. */
typedef uint64_t lsn_t;

#endif
