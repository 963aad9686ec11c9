/*
 * The database's block files in the shared folder: data/main.dbf and
 * undo/<thread>.dbf, opened on demand, direct I/O. The one interface that
 * another kind of storage would implement.
 */
#ifndef STORAGE_FILES_H
#define STORAGE_FILES_H

#include "base/diag.h"
#include "base/ids.h"

struct files;
enum err files_open(const char *dir, bool read_only, struct files **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void files_close(struct files *f) MAY_YIELD;
enum err files_create(struct files *f, uint32_t file, uint64_t blocks, struct diag *d) MAY_YIELD MUST_CHECK;
enum err files_size(struct files *f, uint32_t file, uint64_t *ret_blocks, struct diag *d) MAY_YIELD MUST_CHECK;
/* Zeroed space up to `blocks`; ERR_DISK_FULL. Durable when it returns. */
enum err files_extend(struct files *f, uint32_t file, uint64_t blocks, struct diag *d) MAY_YIELD MUST_CHECK;
/* One block into 4 KiB aligned memory, not verified. Blocks past the end of the file read as zeroes. */
enum err files_read(struct files *f, struct dba dba, void *block, struct diag *d) MAY_YIELD MUST_CHECK;
enum err files_read_run(struct files *f, struct dba first, uint32_t n, void *blocks, struct diag *d) MAY_YIELD MUST_CHECK; /* n, one behind the other */
/* Sealed blocks, not synced. */
enum err files_write(struct files *f, struct dba dba, const void *block, struct diag *d) MAY_YIELD MUST_CHECK;
enum err files_sync(struct files *f, uint32_t file, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
