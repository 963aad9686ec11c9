/*
 * Index keys as bytes whose memcmp order is the columns' order. All integers,
 * dates and timestamps are encoded as 64-bit, so int2, int4 and int8 compare
 * with each other.
 *
 * A column is one byte (null first 0, not null 1, null last 2) and its bytes,
 * complemented where it is descending. No column's bytes are a prefix of
 * another value's, so several columns just follow each other.
 */
#ifndef ACCESS_KEY_H
#define ACCESS_KEY_H

#include "base/buf.h"
#include "base/datum.h"

struct key_column {
    enum datum_rep rep;
    bool blank_padded; /* char(n): trailing blanks do not count */
    bool descending;
    bool nulls_first; /* says it outright: SQL's default for a descending column is true */
    /* REP_NUMERIC: appends bytes in the order of the values, none a prefix of another (sql/types knows the format) */
    void (*numeric_sort_key)(union datum v, struct buf *b);
};
/* Appends one column. */
void key_append(struct buf *b, const struct key_column *c, union datum v, bool null);

#endif
