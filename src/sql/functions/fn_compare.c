/*
 * Comparison operators: one kernel a representation, shared by all types of
 * it, and those across date, timestamp and timestamptz.
 */
#include "sql/functions/kernels.h"
#include "sql/types/datetime.h"
#include "sql/types/numeric.h"
#include "sql/types/types_int.h"

#define COMPARISONS(X) X(eq, ==) X(ne, !=) X(lt, <) X(le, <=) X(gt, >) X(ge, >=)

#define X(name, op) FAST2(int_##name, r.i = x.i op y.i, ERR_OK)
COMPARISONS(X)
#undef X

/* NaN equals NaN and is greater than everything else. */
FAST2(float_eq, r.i = x.f == y.f || (x.f != x.f && y.f != y.f), ERR_OK)
FAST2(float_ne, r.i = x.f != y.f && (x.f == x.f || y.f == y.f), ERR_OK)
FAST2(float_lt, r.i = x.f < y.f || (x.f == x.f && y.f != y.f), ERR_OK)
FAST2(float_le, r.i = x.f <= y.f || y.f != y.f, ERR_OK)
FAST2(float_gt, r.i = x.f > y.f || (x.f != x.f && y.f == y.f), ERR_OK)
FAST2(float_ge, r.i = x.f >= y.f || x.f != x.f, ERR_OK)

static inline bool is_same(struct str x, struct str y)
{
    return x.len == y.len && (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
}

ROW_KERNEL(str_eq, 2)
{
    r->i = is_same(a[0].s, a[1].s);
    return ERR_OK;
}

ROW_KERNEL(str_ne, 2)
{
    r->i = !is_same(a[0].s, a[1].s);
    return ERR_OK;
}

#define ORDERED(kernel, cmp, op)                                                                                                  \
    ROW_KERNEL(kernel, 2)                                                                                                         \
    {                                                                                                                             \
        r->i = cmp(a[0], a[1]) op 0;                                                                                              \
        return ERR_OK;                                                                                                            \
    }
ORDERED(str_lt, type__str_cmp, <)
ORDERED(str_le, type__str_cmp, <=)
ORDERED(str_gt, type__str_cmp, >)
ORDERED(str_ge, type__str_cmp, >=)
#define X(name, op) ORDERED(bpchar_##name, type__bpchar_cmp, op)
COMPARISONS(X)
#undef X
#define X(name, op) ORDERED(numeric_##name, type__numeric_cmp, op)
COMPARISONS(X)
#undef X

/* ---- date, timestamp, timestamptz -------------------------------------- */

/* What cannot be shown as a timestamp is beyond every finite one. */
static int64_t date_as_ts(int64_t date)
{
    if (!date_is_finite(date))
        return date == DATE_INFINITY ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
    return date >= TIMESTAMP_END / USECS_PER_DAY ? TIMESTAMP_INFINITY - 1 : date * USECS_PER_DAY;
}

static int64_t ts_as_tstz(struct func_ctx *c, int64_t ts)
{
    int64_t utc;
    if (ts == TIMESTAMP_INFINITY - 1 || !timestamp_from_local(&c->types, ts, &utc))
        return ts;
    return utc;
}

static int64_t date_as_tstz(struct func_ctx *c, int64_t date)
{
    return ts_as_tstz(c, date_as_ts(date));
}

#define MIXED(kernel, op, left, right)                                                                                            \
    ROW_KERNEL(kernel, 2)                                                                                                         \
    {                                                                                                                             \
        r->i = (left) op (right);                                                                                                 \
        return ERR_OK;                                                                                                            \
    }
#define X(name, op)                                                                                                               \
    MIXED(date_ts_##name, op, date_as_ts(a[0].i), a[1].i)                                                                         \
    MIXED(ts_date_##name, op, a[0].i, date_as_ts(a[1].i))                                                                         \
    MIXED(date_tstz_##name, op, date_as_tstz(c, a[0].i), a[1].i)                                                                  \
    MIXED(tstz_date_##name, op, a[0].i, date_as_tstz(c, a[1].i))                                                                  \
    MIXED(ts_tstz_##name, op, ts_as_tstz(c, a[0].i), a[1].i)                                                                      \
    MIXED(tstz_ts_##name, op, a[0].i, ts_as_tstz(c, a[1].i))
COMPARISONS(X)
#undef X
