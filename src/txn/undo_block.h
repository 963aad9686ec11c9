/*
 * Undo blocks: records that grow from the front, their offsets from the end.
 * Pure: bytes of blocks and payloads only.
 */
#ifndef TXN_UNDO_BLOCK_H
#define TXN_UNDO_BLOCK_H

#include "redo/opcodes.h"
#include "storage/block.h"
#include "txn/txn.h"

#define UNDO_FORMAT 1 /* block_header.format */
#define UNDO_HEAD_SIZE 66u /* a stored record without its data */
#define UNDO_FORMAT_PAYLOAD 14u

static inline uint32_t undo_stored_size(uint32_t data_len) { return UNDO_HEAD_SIZE + data_len; }

bool undo_is_formatted(const uint8_t *block, struct dba dba, uint32_t wrap); /* for this use of this block */
uint32_t undo_block_wrap(const uint8_t *block); /* 0: never formatted */
uint16_t undo_block_records(const uint8_t *block);
bool undo_has_room(const uint8_t *block, uint32_t data_len);

void undo_make_format(uint8_t *p, struct dba dba, uint16_t thread, uint32_t wrap);
/* The head only: the data follows as a part of its own. n: number of the record within its transaction, from 1. */
void undo_make_head(uint8_t *p, const struct undo_record *r, uint32_t n);
/* ret->data points into the block. */
enum err undo_read_record(const uint8_t *block, uint16_t rec, struct undo_record *ret, uint32_t *ret_n, struct diag *d) MUST_CHECK;
struct xid undo_record_xid(const uint8_t *block, uint16_t rec); /* rec < undo_block_records(), of a block that undo_check() accepts */
enum err undo_check(const uint8_t *block, struct diag *d) MUST_CHECK;

redo_apply_fn undo_apply;

#endif
