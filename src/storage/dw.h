/*
 * Double write: a block goes to the double-write area dw/<thread> and is
 * synced there before it is written in place, so that a write torn by a power
 * loss can be repaired (design section 5, R5).
 *
 *     dw_write_batch(dw, blocks, n, &slot, d)    durable in the area
 *     files_write() each block; files_sync()     in place
 *     dw_done(dw, slot)                          only now may the slot be used again
 *
 * The area has DW_SLOTS slots of one batch each; a caller waits for a free one.
 */
#ifndef STORAGE_DW_H
#define STORAGE_DW_H

#include "base/diag.h"
#include "base/ids.h"

#define DW_BATCH_MAX 64u /* blocks */
#define DW_SLOTS 4u

struct dw;

/* Opens (and allocates, where it does not exist) the area of a redo thread; it belongs to the thread's owner alone. */
enum err dw_open(const char *dir, uint16_t thread, struct dw **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void dw_close(struct dw *dw) MAY_YIELD; /* accepts NULL; no batch may be open */

/* Sealed blocks in 4 KiB aligned memory, 1..DW_BATCH_MAX, no two of one dba. Durable when it returns ERR_OK; on failure no slot is held. */
enum err dw_write_batch(struct dw *dw, const void *const *blocks, unsigned n, uint32_t *ret_slot, struct diag *d) MAY_YIELD MUST_CHECK;
/* The blocks of the batch are durable in place. */
void dw_done(struct dw *dw, uint32_t slot) MAY_YIELD;

/*
 * Every intact block that an area holds, batch by batch, in no particular order of age; several versions of one dba are possible. The block is
 * BLOCK_SIZE bytes, verified, valid during the call. No area: no calls. An error of fn ends the scan.
 */
typedef enum err dw_scan_fn(void *arg, struct dba dba, const void *block, struct diag *d);
enum err dw_scan(const char *dir, uint16_t thread, dw_scan_fn *fn, void *arg, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
