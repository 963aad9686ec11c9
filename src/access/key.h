/*
 * Index keys as bytes whose memcmp order is the columns' order. All integers,
 * dates and timestamps are encoded as 64-bit, so int2, int4 and int8 compare
 * with each other. NULLs last in ascending order, first in descending, unless
 * told otherwise.
 */
#ifndef ACCESS_KEY_H
#define ACCESS_KEY_H

#include "base/buf.h"
#include "base/datum.h"

struct key_column {
    enum datum_rep rep;
    bool blank_padded; /* char(n): trailing blanks do not count */
    bool descending;
    bool nulls_first;
};
/* Appends one column. REP_NUMERIC values are first turned into an order-preserving form by numeric_sort_key() (given as hook). */
void key_append(struct buf *b, const struct key_column *c, union datum v, bool null);

#endif
