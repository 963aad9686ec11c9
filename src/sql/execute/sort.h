/*
 * Order of records, and sorted runs in files. Within sql/execute/.
 */
#ifndef SQL_EXECUTE_SORT_H
#define SQL_EXECUTE_SORT_H

#include "sql/execute/rows.h"

struct order_by {
    const struct record_type *record;
    uint16_t n;
    const struct sort_key *key;
    const struct type **type; /* of the keys */
};
void exec__order_init(struct exec *e, struct order_by *o, const struct record_type *type, const struct sort_key *key, uint16_t n,
                      const oid_t *col_type);
int exec__compare_records(const struct order_by *o, const struct record *a, const struct record *b);
/* Stable. */
void exec__sort_records(const struct order_by *o, struct record **r, size_t n) MAY_YIELD;

/* Runs: each a sorted sequence of records in a temporary file; merged when read. */
struct sorted_runs;
struct sorted_runs *exec__runs_new(struct exec *e, const struct record_type *type, const struct order_by *order);
enum err exec__runs_write(struct sorted_runs *s, struct record *const *r, size_t n, struct diag *d) MAY_YIELD MUST_CHECK;
enum err exec__runs_merge(struct sorted_runs *s, struct diag *d) MAY_YIELD MUST_CHECK; /* no more writes; reading may begin */
enum err exec__runs_next(struct sorted_runs *s, struct batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void exec__runs_free(struct sorted_runs *s) MAY_YIELD; /* accepts NULL */

#endif
