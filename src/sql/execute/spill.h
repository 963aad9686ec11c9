/*
 * Records in a temporary file of the run's own, local to the node: appended,
 * then read in order, from any place that was noted. Within sql/execute/.
 */
#ifndef SQL_EXECUTE_SPILL_H
#define SQL_EXECUTE_SPILL_H

#include "sql/execute/rows.h"

struct spill;
static inline bool exec__can_spill(const struct exec *e) { return e->env.tmp_dir != NULL; }

enum err exec__spill_new(struct exec *e, struct spill **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void exec__spill_free(struct spill *s) MAY_YIELD; /* accepts NULL */
enum err exec__spill_write(struct spill *s, const struct record *r, struct diag *d) MAY_YIELD MUST_CHECK;
uint64_t exec__spill_end(const struct spill *s); /* where the next record goes */
enum err exec__spill_flush(struct spill *s, struct diag *d) MAY_YIELD MUST_CHECK; /* before what was written is read */

/* A reader of the records between two places. */
struct spill_reader;
struct spill_reader *exec__reader_new(struct exec *e, struct spill *s, const struct record_type *type, uint64_t from, uint64_t to);
/* The next record, valid until the next call; NULL: the end. */
enum err exec__reader_next(struct spill_reader *r, struct record **ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The next rows as a batch: copied into the arena, columns in vectors of exec__vecs_new(). */
enum err exec__reader_batch(struct spill_reader *r, struct arena *arena, const struct vec **col, struct batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void exec__reader_free(struct spill_reader *r); /* accepts NULL */

/* What is too large is cut into parts by the records' hashes, and a part again, with other bits of them, until SPILL_DEPTH. */
#define SPILL_PARTS 16u
#define SPILL_DEPTH 8u
#define HASH_MEM(e) (2 * (e)->env.work_mem_bytes) /* hash tables may have twice what a sort has, as in PostgreSQL */
/* Writes a record to its part, which is made where it is NULL. */
enum err exec__part_write(struct exec *e, struct spill *part[SPILL_PARTS], unsigned depth, const struct record *r, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
