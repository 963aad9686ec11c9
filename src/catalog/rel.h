/*
 * Rows with their indexes: what INSERT, UPDATE and DELETE do to one row once
 * they know it. Used by the catalogue for its own tables and by the executor.
 */
#ifndef CATALOG_REL_H
#define CATALOG_REL_H

#include "catalog/catalog.h"

/* NOT NULL columns: 23502 with PostgreSQL's message and detail. */
enum err rel_check_not_null(const struct table_def *def, const union datum *v, const bool *null, struct diag *d) MUST_CHECK;

/* Sets the detail "Failing row contains (1, null)." */
void rel_failing_row(const struct table_def *def, const union datum *v, const bool *null, struct diag *d);

/* Heap row and entries in all indexes. v and null have one value a column (def->ncols). 23505 names the key. */
enum err rel_insert(struct catalog *c, struct txn *t, const struct table_def *def, const union datum *v, const bool *null, struct arena *arena,
                    struct rowid *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* Many rows: v[r][col]. Fills blocks; then the indexes, in key order. *ret_failed: the row that an error is about, where it is about one. */
enum err rel_insert_many(struct catalog *c, struct txn *t, const struct table_def *def, const union datum *const *v, const bool *const *null,
                         uint32_t n, struct arena *arena, uint32_t *ret_failed, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Changes the row that the caller has seen as old values; `w` as for heap_update(). When it is done, entries of changed keys are added and the
 * old ones marked. Any other outcome than HEAP_DONE has changed nothing. `keys_change`, by index: false where the key is known to stay (NULL: all
 * may change).
 */
enum err rel_update(struct catalog *c, struct txn *t, const struct table_def *def, struct heap_write *w, const union datum *old_v,
                    const bool *old_null, const union datum *v, const bool *null, const bool *keys_change, struct arena *arena, enum heap_outcome *ret,
                    struct diag *d) MAY_YIELD MUST_CHECK;
enum err rel_delete(struct catalog *c, struct txn *t, const struct table_def *def, struct heap_write *w, const union datum *old_v,
                    const bool *old_null, struct arena *arena, enum heap_outcome *ret, struct diag *d) MAY_YIELD MUST_CHECK;

/* Decodes a whole row. */
enum err rel_deform(struct catalog *c, const struct snapshot *s, const struct table_def *def, const struct heap_row *row, union datum *v, bool *null,
                    struct arena *arena, struct diag *d) MAY_YIELD MUST_CHECK;

/*
 * Rows of an index whose leading columns equal v[]: calls fn for each visible one; stops when it returns an error. For the system tables.
 */
struct rel_row {
    struct rowid rowid;
    const union datum *v;
    const bool *null;
};
enum err rel_index_each(struct catalog *c, const struct snapshot *s, const struct table_def *def, const struct index_def *ix, const union datum *v,
                        unsigned n, struct arena *arena, enum err (*fn)(void *arg, const struct rel_row *row, struct diag *d), void *arg,
                        struct diag *d) MAY_YIELD MUST_CHECK;

/* "Key (a, b)=(1, x)" for details. */
void rel_key_text(const struct table_def *def, const struct index_def *ix, const union datum *v, const bool *null, struct buf *b);

#endif
