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
void exec__reader_free(struct spill_reader *r); /* accepts NULL */

#endif
