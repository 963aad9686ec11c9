/*
 * Rows that outlive their batch: records in an arena, and queues of them that
 * go on in a file. Within sql/execute/.
 */
#ifndef SQL_EXECUTE_ROWS_H
#define SQL_EXECUTE_ROWS_H

#include "sql/execute/exec_int.h"

/* One row: `ncols` values, their null bytes, then the bytes of strings. In one piece. */
struct record {
    struct record *next; /* the owner's */
    uint64_t hash; /* the owner's */
    uint32_t bytes; /* of the whole piece */
    uint8_t mark; /* the owner's */
    union datum v[];
};

/* What a kind of record looks like. */
struct record_type {
    uint16_t ncols;
    bool *is_str; /* one a column: the value is a string of its own */
};
void exec__record_type_init(struct exec *e, struct record_type *t, uint16_t ncols, const oid_t *col_type);
static inline uint8_t *record_nulls(const struct record_type *t, const struct record *r) { return (uint8_t *)&r->v[t->ncols]; }

/* Copies row i of columns into a new record. NULL: the arena is full. */
struct record *exec__record_new(const struct record_type *t, struct arena *arena, const struct vec *const *col, uint32_t i);
/* The same from a row of values. */
struct record *exec__record_of_row(const struct record_type *t, struct arena *arena, const union datum *v, const uint8_t *null);
/* After its bytes were read into another place: its strings are there too. */
void exec__record_moved(const struct record_type *t, struct record *r);
/* One column of n records, as rows 0..n-1 of a vector. */
void exec__records_column(const struct record_type *t, struct record *const *r, uint32_t n, uint16_t col, struct vec *ret);

/* A growing array of records and the arena they live in. */
struct record_list {
    struct record **v;
    size_t n, cap;
    struct arena *arena;
};
void exec__records_init(struct record_list *l, const char *name, size_t limit_bytes);
void exec__records_reset(struct record_list *l);
void exec__records_fini(struct record_list *l);
void exec__records_push(struct record_list *l, struct record *r);
enum err exec__records_add(struct exec *e, struct record_list *l, const struct record_type *t, const struct batch *b, const char *what,
                           struct diag *d) MUST_CHECK;

/* First in, first out. */
struct row_queue;
struct row_queue *exec__row_queue_new(struct exec *e, uint16_t ncols, const oid_t *col_type);
enum err exec__row_queue_put(struct row_queue *q, const struct batch *b, struct diag *d) MAY_YIELD MUST_CHECK;
enum err exec__row_queue_get(struct row_queue *q, struct batch *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void exec__row_queue_free(struct row_queue *q) MAY_YIELD; /* accepts NULL */

#endif
