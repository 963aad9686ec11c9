/*
 * One SQL value in memory. Which member counts follows from the type's
 * representation (REP_*, base/datum.h); NULL is kept beside it.
 */
#ifndef BASE_DATUM_H
#define BASE_DATUM_H

#include "base/base.h"

struct str {
    const char *p;
    uint32_t len;
};

union datum {
    int64_t i; /* REP_INT: boolean, integers, oid, date (days since 2000-01-01), timestamp and timestamptz (us since 2000-01-01) */
    double f; /* REP_FLOAT */
    struct str s; /* REP_STR: text, varchar, char(n), name; REP_NUMERIC: packed form of sql/types/numeric.h */
};

enum datum_rep { REP_INT, REP_FLOAT, REP_STR, REP_NUMERIC };

static inline union datum datum_int(int64_t i) { return (union datum){ .i = i }; }
static inline union datum datum_float(double f) { return (union datum){ .f = f }; }
static inline union datum datum_str(const char *p, size_t len) { return (union datum){ .s = { p, (uint32_t)len } }; }

#endif
