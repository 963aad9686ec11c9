/*
 * What the bytes of a row are: column values in order, after a null bitmap.
 * Added columns are absent in older rows and read as their default.
 *
 *   flags u8 | reference to the overflow chain, 20 bytes, if BODY_OVERFLOW | columns u16 | null bitmap if TUPLE_NULLS | values
 *
 * Fixed values take their bytes; variable ones a length (one to three bytes)
 * and their bytes, or offset and length within the chain.
 */
#ifndef ACCESS_TUPLE_H
#define ACCESS_TUPLE_H

#include "base/arena.h"
#include "base/datum.h"
#include "base/diag.h"
#include "access/heap.h"

#define TUPLE_COLUMNS_MAX 1600

struct tuple_column {
    enum datum_rep rep;
    int16_t len; /* fixed bytes: 1, 2, 4, 8; -1 variable */
    bool has_missing; /* value of rows that were stored before the column was added */
    union datum missing;
};
struct tuple_desc {
    uint16_t n;
    const struct tuple_column *col;
};

/*
 * Encodes. Where the row would not fit, its longest values go to an overflow chain, written by t. `seg` is the table's own segment. The
 * body belongs to one call of heap_insert(), heap_insert_many() or heap_update(), which frees the chain where nothing is stored.
 */
enum err tuple_form(struct access *a, struct txn *t, struct seg seg, const struct tuple_desc *td, const union datum *v, const bool *null,
                    struct arena *arena, const uint8_t **ret, uint32_t *ret_len, struct diag *d) MAY_YIELD MUST_CHECK;
/* Decodes columns 0..upto-1 (those with want[i], or all when want is NULL). Strings point into the row unless they were in overflow. */
enum err tuple_deform(struct access *a, const struct snapshot *s, const struct tuple_desc *td, const uint8_t *body, uint32_t len, uint16_t upto,
                      const bool *want, union datum *v, bool *null, struct arena *arena, struct diag *d) MAY_YIELD MUST_CHECK;
/* The same for who reads overflow chains another way than through the buffer cache. */
struct overflow_ref;
struct tuple_source {
    void *arg;
    enum err (*read)(void *arg, const struct overflow_ref *ref, uint32_t offset, uint8_t *ret, uint32_t len, struct diag *d) MAY_YIELD;
};
enum err tuple_deform_from(const struct tuple_source *src, const struct tuple_desc *td, const uint8_t *body, uint32_t len, uint16_t upto,
                           const bool *want, union datum *v, bool *null, struct arena *arena, struct diag *d) MAY_YIELD MUST_CHECK;

#endif
