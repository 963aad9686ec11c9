/*
 * Aggregates. A state is zeroed bytes, aligned to 8; what grows is in the
 * group's arena.
 */
#include "sql/functions/aggregate.h"
#include "sql/types/numeric.h"
#include "sql/types/types_int.h"

#include <math.h>

typedef int128_t int128_a8 __attribute__((aligned(8)));

/* The rows whose first argument is not NULL: `x` its value, `s` the group's state. */
#define EACH_ROW(state_type)                                                                                                      \
    const struct vec *const av_ = args[0];                                                                                        \
    for (uint32_t k_ = 0; k_ < sel->n; k_++)                                                                                      \
        for (uint32_t i_ = av_->is_const ? 0 : sel->idx ? sel->idx[k_] : k_, go_ = !av_->null[i_]; go_; go_ = 0)                  \
            for (state_type *s = states[k_]; go_; go_ = 0)                                                                        \
                for (const union datum x = av_->v[i_]; go_; go_ = 0)

static enum err bigint_range(struct func_ctx *c)
{
    return diag_set(c->d, ERR_NUMERIC_RANGE, "bigint out of range");
}

/* ---- count ------------------------------------------------------------- */

struct count_state {
    int64_t n;
};

AGG_ACCUMULATE(count_star)
{
    for (uint32_t k = 0; k < sel->n; k++)
        ((struct count_state *)states[k])->n++;
    return ERR_OK;
}

AGG_ACCUMULATE(count)
{
    const struct vec *v = args[0];
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = v->is_const ? 0 : sel->idx ? sel->idx[k] : k;
        ((struct count_state *)states[k])->n += !v->null[i];
    }
    return ERR_OK;
}

AGG_COMBINE(count)
{
    ((struct count_state *)into)->n += ((const struct count_state *)from)->n;
    return ERR_OK;
}

AGG_FINISH(count)
{
    ret->i = ((const struct count_state *)state)->n;
    *ret_null = false;
    return ERR_OK;
}

/* ---- integers ---------------------------------------------------------- */

struct int_state {
    int64_t sum;
    int64_t any;
};

AGG_ACCUMULATE(int_sum)
{
    bool over = false;
    EACH_ROW(struct int_state)
    {
        over |= __builtin_add_overflow(s->sum, x.i, &s->sum);
        s->any = 1;
    }
    return over ? bigint_range(c) : ERR_OK;
}

AGG_COMBINE(int_sum)
{
    struct int_state *s = into;
    const struct int_state *f = from;
    s->any |= f->any;
    return __builtin_add_overflow(s->sum, f->sum, &s->sum) ? bigint_range(c) : ERR_OK;
}

AGG_FINISH(int_sum)
{
    const struct int_state *s = state;
    ret->i = s->sum;
    *ret_null = !s->any;
    return ERR_OK;
}

struct wide_state {
    int128_a8 sum;
    int64_t n;
};

AGG_ACCUMULATE(int_wide)
{
    EACH_ROW(struct wide_state)
    {
        s->sum += x.i; /* 2^63 rows do not overflow it */
        s->n++;
    }
    return ERR_OK;
}

AGG_COMBINE(int_wide)
{
    struct wide_state *s = into;
    const struct wide_state *f = from;
    s->sum += f->sum;
    s->n += f->n;
    return ERR_OK;
}

AGG_FINISH(int8_sum)
{
    const struct wide_state *s = state;
    *ret_null = s->n == 0;
    if (s->n)
        ret->s = numeric_from_int128(c->types.arena, s->sum, 0);
    return ERR_OK;
}

AGG_FINISH(int_avg)
{
    const struct wide_state *s = state;
    struct arena *a = c->types.arena;
    *ret_null = s->n == 0;
    if (s->n == 0)
        return ERR_OK;
    return numeric_div(a, numeric_from_int128(a, s->sum, 0), numeric_from_int64(a, s->n), &ret->s, c->d);
}

#define BIT_AGG(name, op)                                                                                                         \
    AGG_ACCUMULATE(name)                                                                                                          \
    {                                                                                                                             \
        EACH_ROW(struct int_state)                                                                                                \
        {                                                                                                                         \
            s->sum = s->any ? s->sum op x.i : x.i;                                                                                \
            s->any = 1;                                                                                                           \
        }                                                                                                                         \
        return ERR_OK;                                                                                                            \
    }                                                                                                                             \
    AGG_COMBINE(name)                                                                                                             \
    {                                                                                                                             \
        struct int_state *s = into;                                                                                               \
        const struct int_state *f = from;                                                                                         \
        if (f->any)                                                                                                               \
            s->sum = s->any ? s->sum op f->sum : f->sum;                                                                          \
        s->any |= f->any;                                                                                                         \
        return ERR_OK;                                                                                                            \
    }
BIT_AGG(bit_and, &) /* bool_and, too: booleans are 0 and 1 */
BIT_AGG(bit_or, |)
BIT_AGG(bit_xor, ^)

/* ---- numeric: sum, average, variance ----------------------------------- */

/* A sum of decimals: small / 10^scale + big. Most sums never need big. */
struct num_sum {
    int128_a8 small;
    const char *big;
    uint32_t big_len; /* 0: none */
    int32_t scale; /* the greatest display scale seen, as long as it is a small one */
};

static enum err add_big(struct func_ctx *c, struct num_sum *s, num v, struct arena *arena)
{
    num r = v;
    if (s->big_len) {
        const enum err err = numeric_add(c->types.arena, (num){ s->big, s->big_len }, v, &r, c->d);
        if (err)
            return err;
    }
    s->big = arena_dup(arena, r.p, r.len);
    s->big_len = r.len;
    return ERR_OK;
}

/* Moves the small part over. */
static enum err spill(struct func_ctx *c, struct num_sum *s, struct arena *arena)
{
    const int128_t v = s->small;
    s->small = 0;
    return add_big(c, s, numeric_from_int128(c->types.arena, v, s->scale), arena);
}

static enum err add_small(struct func_ctx *c, struct num_sum *s, int128_t v, int scale, struct arena *arena)
{
    enum err err = ERR_OK;
    int128_t t;
    if (UNLIKELY(scale > s->scale)) {
        if (__builtin_mul_overflow((int128_t)s->small, (int128_t)numeric_pow10(scale - s->scale), &t)) {
            err = spill(c, s, arena);
            t = 0;
        }
        s->small = t;
        s->scale = scale;
    } else if (UNLIKELY(scale < s->scale)) {
        if (__builtin_mul_overflow(v, (int128_t)numeric_pow10(s->scale - scale), &t))
            return add_big(c, s, numeric_from_int128(c->types.arena, v, scale), arena);
        v = t;
    }
    if (LIKELY(!__builtin_add_overflow((int128_t)s->small, v, &t))) {
        s->small = t;
        return err;
    }
    if (!err)
        err = spill(c, s, arena);
    s->small = v;
    return err;
}

static enum err add_num(struct func_ctx *c, struct num_sum *s, num v, struct arena *arena)
{
    int128_t m;
    int scale;
    if (LIKELY(numeric_is_small(v, &m, &scale)))
        return add_small(c, s, m, scale, arena);
    return add_big(c, s, v, arena);
}

static enum err sum_value(struct func_ctx *c, const struct num_sum *s, num *ret)
{
    const num small = numeric_from_int128(c->types.arena, s->small, s->scale);
    if (s->big_len == 0) {
        *ret = small;
        return ERR_OK;
    }
    return numeric_add(c->types.arena, (num){ s->big, s->big_len }, small, ret, c->d);
}

static enum err add_sum(struct func_ctx *c, struct num_sum *s, const struct num_sum *f, struct arena *arena)
{
    enum err err = add_small(c, s, f->small, f->scale, arena);
    if (!err && f->big_len)
        err = add_big(c, s, (num){ f->big, f->big_len }, arena);
    return err;
}

struct num_state {
    struct num_sum sum;
    int64_t n;
};

AGG_ACCUMULATE(numeric_sum)
{
    EACH_ROW(struct num_state)
    {
        const enum err err = add_num(c, &s->sum, x.s, group_arena);
        if (UNLIKELY(err))
            return err;
        s->n++;
    }
    return ERR_OK;
}

AGG_COMBINE(numeric_sum)
{
    struct num_state *s = into;
    const struct num_state *f = from;
    s->n += f->n;
    return add_sum(c, &s->sum, &f->sum, group_arena);
}

AGG_FINISH(numeric_sum)
{
    const struct num_state *s = state;
    *ret_null = s->n == 0;
    return s->n ? sum_value(c, &s->sum, &ret->s) : ERR_OK;
}

AGG_FINISH(numeric_avg)
{
    const struct num_state *s = state;
    num sum;
    *ret_null = s->n == 0;
    if (s->n == 0)
        return ERR_OK;
    const enum err err = sum_value(c, &s->sum, &sum);
    return err ? err : numeric_div(c->types.arena, sum, numeric_from_int64(c->types.arena, s->n), &ret->s, c->d);
}

struct variance_state {
    struct num_sum sum, squares;
    int64_t n;
};

AGG_ACCUMULATE(int_variance)
{
    EACH_ROW(struct variance_state)
    {
        enum err err = add_small(c, &s->sum, x.i, 0, group_arena);
        if (!err)
            err = add_small(c, &s->squares, (int128_t)x.i * x.i, 0, group_arena);
        if (UNLIKELY(err))
            return err;
        s->n++;
    }
    return ERR_OK;
}

AGG_ACCUMULATE(numeric_variance)
{
    EACH_ROW(struct variance_state)
    {
        num square;
        enum err err = numeric_mul(c->types.arena, x.s, x.s, &square, c->d);
        if (!err)
            err = add_num(c, &s->sum, x.s, group_arena);
        if (!err)
            err = add_num(c, &s->squares, square, group_arena);
        if (UNLIKELY(err))
            return err;
        s->n++;
    }
    return ERR_OK;
}

AGG_COMBINE(variance)
{
    struct variance_state *s = into;
    const struct variance_state *f = from;
    s->n += f->n;
    const enum err err = add_sum(c, &s->sum, &f->sum, group_arena);
    return err ? err : add_sum(c, &s->squares, &f->squares, group_arena);
}

static enum err variance(struct func_ctx *c, const struct variance_state *s, bool sample, bool root, union datum *ret,
                         bool *ret_null)
{
    num sum, squares;
    *ret_null = s->n < 1 + sample;
    if (*ret_null)
        return ERR_OK;
    enum err err = sum_value(c, &s->sum, &sum);
    if (!err)
        err = sum_value(c, &s->squares, &squares);
    return err ? err : numeric_variance(c->types.arena, s->n, sum, squares, sample, root, &ret->s, c->d);
}

AGG_FINISH(var_samp)
{
    return variance(c, state, true, false, ret, ret_null);
}

AGG_FINISH(var_pop)
{
    return variance(c, state, false, false, ret, ret_null);
}

AGG_FINISH(stddev_samp)
{
    return variance(c, state, true, true, ret, ret_null);
}

AGG_FINISH(stddev_pop)
{
    return variance(c, state, false, true, ret, ret_null);
}

/* ---- floats ------------------------------------------------------------ */

struct float_sum_state {
    double sum;
    int64_t any;
};

static enum err float_overflow(struct func_ctx *c)
{
    return diag_set(c->d, ERR_NUMERIC_RANGE, "value out of range: overflow");
}

static bool overflowed(double r, double a, double b)
{
    return isinf(r) && !isinf(a) && !isinf(b);
}

#define FLOAT_SUM(name, round)                                                                                                    \
    AGG_ACCUMULATE(name)                                                                                                          \
    {                                                                                                                             \
        EACH_ROW(struct float_sum_state)                                                                                          \
        {                                                                                                                         \
            const double r = s->any ? round(s->sum + x.f) : x.f;                                                                  \
            if (UNLIKELY(overflowed(r, s->sum, x.f)))                                                                             \
                return float_overflow(c);                                                                                         \
            s->sum = r;                                                                                                           \
            s->any = 1;                                                                                                           \
        }                                                                                                                         \
        return ERR_OK;                                                                                                            \
    }                                                                                                                             \
    AGG_COMBINE(name)                                                                                                             \
    {                                                                                                                             \
        struct float_sum_state *s = into;                                                                                         \
        const struct float_sum_state *f = from;                                                                                   \
        if (!f->any)                                                                                                              \
            return ERR_OK;                                                                                                        \
        const double r = s->any ? round(s->sum + f->sum) : f->sum;                                                                \
        if (overflowed(r, s->sum, f->sum))                                                                                        \
            return float_overflow(c);                                                                                             \
        s->sum = r;                                                                                                               \
        s->any = 1;                                                                                                               \
        return ERR_OK;                                                                                                            \
    }
#define TO_SINGLE(v) ((double)(float)(v))
#define TO_DOUBLE(v) (v)
FLOAT_SUM(float4_sum, TO_SINGLE)
FLOAT_SUM(float8_sum, TO_DOUBLE)

AGG_FINISH(float_sum)
{
    const struct float_sum_state *s = state;
    ret->f = s->sum;
    *ret_null = !s->any;
    return ERR_OK;
}

/* Sum and sum of squared deviations, updated by Youngs and Cramer's algorithm. */
struct float_state {
    double n, sum, deviations;
};

AGG_ACCUMULATE(float_moments)
{
    EACH_ROW(struct float_state)
    {
        const double before = s->sum;
        s->n += 1;
        s->sum += x.f;
        if (s->n > 1) {
            const double t = x.f * s->n - s->sum;
            s->deviations += t * t / (s->n * (s->n - 1));
            if (isinf(s->sum) || isinf(s->deviations)) {
                if (!isinf(before) && !isinf(x.f))
                    return float_overflow(c);
                s->deviations = (double)NAN;
            }
        } else if (isnan(x.f) || isinf(x.f)) {
            s->deviations = (double)NAN;
        }
    }
    return ERR_OK;
}

AGG_COMBINE(float_moments)
{
    struct float_state *s = into;
    const struct float_state *f = from;
    if (f->n == 0)
        return ERR_OK;
    if (s->n == 0) {
        *s = *f;
        return ERR_OK;
    }
    const double n = s->n + f->n, sum = s->sum + f->sum, t = s->sum / s->n - f->sum / f->n;
    const double dev = s->deviations + f->deviations + s->n * f->n * t * t / n;
    if (overflowed(sum, s->sum, f->sum) || overflowed(dev, s->deviations, f->deviations))
        return float_overflow(c);
    *s = (struct float_state){ n, sum, dev };
    return ERR_OK;
}

AGG_FINISH(float_avg)
{
    const struct float_state *s = state;
    *ret_null = s->n == 0;
    ret->f = s->n ? s->sum / s->n : 0;
    return ERR_OK;
}

#define FLOAT_VARIANCE(name, sample, fn)                                                                                          \
    AGG_FINISH(name)                                                                                                              \
    {                                                                                                                             \
        const struct float_state *s = state;                                                                                      \
        *ret_null = s->n < 1 + sample;                                                                                            \
        ret->f = *ret_null ? 0 : fn(s->deviations / (s->n - sample));                                                             \
        return ERR_OK;                                                                                                            \
    }
FLOAT_VARIANCE(float_var_samp, 1, )
FLOAT_VARIANCE(float_var_pop, 0, )
FLOAT_VARIANCE(float_stddev_samp, 1, sqrt)
FLOAT_VARIANCE(float_stddev_pop, 0, sqrt)

/* ---- min and max ------------------------------------------------------- */

struct extreme_state {
    union datum v;
    uint32_t any;
    uint32_t capacity; /* bytes at v.s.p */
};

/* Strings move into the group's arena; the buffer is used again when it is large enough. */
static void keep_str(struct extreme_state *s, struct str v, struct arena *arena)
{
    char *p = (char *)(uintptr_t)s->v.s.p;
    if (!s->any || s->capacity < v.len) {
        s->capacity = MAX(v.len, 16u) * 2;
        p = arena_alloc(arena, s->capacity);
    }
    memcpy(p, v.p, v.len);
    s->v = datum_str(p, v.len);
}

#define EXTREME(name, better, keep)                                                                                               \
    AGG_ACCUMULATE(name)                                                                                                          \
    {                                                                                                                             \
        EACH_ROW(struct extreme_state)                                                                                            \
        {                                                                                                                         \
            if (!s->any || better(x, s->v)) {                                                                                     \
                keep;                                                                                                             \
                s->any = 1;                                                                                                       \
            }                                                                                                                     \
        }                                                                                                                         \
        return ERR_OK;                                                                                                            \
    }                                                                                                                             \
    AGG_COMBINE(name)                                                                                                             \
    {                                                                                                                             \
        struct extreme_state *s = into;                                                                                           \
        const struct extreme_state *f = from;                                                                                     \
        const union datum x = f->v;                                                                                               \
        if (f->any && (!s->any || better(x, s->v))) {                                                                             \
            keep;                                                                                                                 \
            s->any = 1;                                                                                                           \
        }                                                                                                                         \
        return ERR_OK;                                                                                                            \
    }
#define INT_LESS(a, b) ((a).i < (b).i)
#define INT_MORE(a, b) ((a).i > (b).i)
#define FLOAT_LESS(a, b) (type__float_cmp(a, b) < 0)
#define FLOAT_MORE(a, b) (type__float_cmp(a, b) > 0)
#define STR_LESS(a, b) (type__str_cmp(a, b) < 0)
#define STR_MORE(a, b) (type__str_cmp(a, b) > 0)
#define BPCHAR_LESS(a, b) (type__bpchar_cmp(a, b) < 0)
#define BPCHAR_MORE(a, b) (type__bpchar_cmp(a, b) > 0)
#define NUMERIC_LESS(a, b) (type__numeric_cmp(a, b) < 0)
#define NUMERIC_MORE(a, b) (type__numeric_cmp(a, b) > 0)
EXTREME(int_min, INT_LESS, s->v = x)
EXTREME(int_max, INT_MORE, s->v = x)
EXTREME(float_min, FLOAT_LESS, s->v = x)
EXTREME(float_max, FLOAT_MORE, s->v = x)
EXTREME(str_min, STR_LESS, keep_str(s, x.s, group_arena))
EXTREME(str_max, STR_MORE, keep_str(s, x.s, group_arena))
EXTREME(bpchar_min, BPCHAR_LESS, keep_str(s, x.s, group_arena))
EXTREME(bpchar_max, BPCHAR_MORE, keep_str(s, x.s, group_arena))
EXTREME(numeric_min, NUMERIC_LESS, keep_str(s, x.s, group_arena))
EXTREME(numeric_max, NUMERIC_MORE, keep_str(s, x.s, group_arena))

AGG_FINISH(extreme)
{
    const struct extreme_state *s = state;
    *ret = s->v;
    *ret_null = !s->any;
    return ERR_OK;
}

/* ---- string_agg -------------------------------------------------------- */

#define STRING_AGG_BYTES_MAX (1u << 30)

struct string_state {
    char *p;
    uint32_t len, capacity;
    uint64_t any;
};

static enum err append(struct func_ctx *c, struct string_state *s, struct str v, struct arena *arena)
{
    if ((uint64_t)s->len + v.len > STRING_AGG_BYTES_MAX)
        return diag_set(c->d, ERR_LIMIT, "requested length too large");
    if (s->len + v.len > s->capacity) {
        const uint32_t capacity = MAX(2 * (s->len + v.len), 64u);
        char *p = arena_try_alloc(arena, capacity);
        if (!p)
            return diag_set(c->d, ERR_OUT_OF_MEMORY, "out of memory: string_agg() of %u bytes", capacity);
        memcpy(p, s->p ? s->p : "", s->len);
        s->p = p;
        s->capacity = capacity;
    }
    memcpy(s->p + s->len, v.p, v.len);
    s->len += v.len;
    return ERR_OK;
}

AGG_ACCUMULATE(string_agg)
{
    const struct vec *delimiter = args[1];
    EACH_ROW(struct string_state)
    {
        enum err err = ERR_OK;
        const uint32_t at = delimiter->is_const ? 0 : sel->idx ? sel->idx[k_] : k_;
        if (s->any && !delimiter->null[at])
            err = append(c, s, delimiter->v[at].s, group_arena);
        if (!err)
            err = append(c, s, x.s, group_arena);
        if (err)
            return err;
        s->any = 1;
    }
    return ERR_OK;
}

AGG_FINISH(string_agg)
{
    const struct string_state *s = state;
    *ret = datum_str(s->p ? s->p : "", s->len);
    *ret_null = !s->any;
    return ERR_OK;
}

/* ---- the table --------------------------------------------------------- */

#define AGG_ROW(oid_, name_, nargs_, arg_, arg2_, ret_, state, acc, comb, fin)                                                    \
    { .oid = oid_, .name = name_, .nargs = nargs_, .arg = arg_, .arg2 = arg2_, .ret = TYPE_##ret_, .state_bytes = sizeof(struct state), \
      .accumulate = acc##_accumulate, .combine = comb, .finish = fin##_finish }
#define C(name) name##_combine

/* clang-format off */
#define AGG1(oid, name, arg, ret, state, acc, comb, fin) AGG_ROW(oid, name, 1, TYPE_##arg, 0, ret, state, acc, comb, fin)
#define EXTREMES(X) \
    X(INT8, int, 2131, 2115) X(INT4, int, 2132, 2116) X(INT2, int, 2133, 2117) X(OID, int, 2134, 2118) \
    X(FLOAT4, float, 2135, 2119) X(FLOAT8, float, 2136, 2120) X(DATE, int, 2138, 2122) X(TIMESTAMP, int, 2142, 2126) \
    X(TIMESTAMPTZ, int, 2143, 2127) X(TEXT, str, 2145, 2129) X(NUMERIC, numeric, 2146, 2130) X(BPCHAR, bpchar, 2245, 2244)

const struct aggregate aggregate__table[] = {
    AGG_ROW(2803, "count", 0, 0, 0, INT8, count_state, count_star, C(count), count),
    AGG1(2147, "count", ANY, INT8, count_state, count, C(count), count),
    AGG1(2108, "sum", INT4, INT8, int_state, int_sum, C(int_sum), int_sum),
    AGG1(2109, "sum", INT2, INT8, int_state, int_sum, C(int_sum), int_sum),
    AGG1(2107, "sum", INT8, NUMERIC, wide_state, int_wide, C(int_wide), int8_sum),
    AGG1(2114, "sum", NUMERIC, NUMERIC, num_state, numeric_sum, C(numeric_sum), numeric_sum),
    AGG1(2110, "sum", FLOAT4, FLOAT4, float_sum_state, float4_sum, C(float4_sum), float_sum),
    AGG1(2111, "sum", FLOAT8, FLOAT8, float_sum_state, float8_sum, C(float8_sum), float_sum),
    AGG1(2100, "avg", INT8, NUMERIC, wide_state, int_wide, C(int_wide), int_avg),
    AGG1(2101, "avg", INT4, NUMERIC, wide_state, int_wide, C(int_wide), int_avg),
    AGG1(2102, "avg", INT2, NUMERIC, wide_state, int_wide, C(int_wide), int_avg),
    AGG1(2103, "avg", NUMERIC, NUMERIC, num_state, numeric_sum, C(numeric_sum), numeric_avg),
    AGG1(2104, "avg", FLOAT4, FLOAT8, float_state, float_moments, C(float_moments), float_avg),
    AGG1(2105, "avg", FLOAT8, FLOAT8, float_state, float_moments, C(float_moments), float_avg),
#define X(type, rep, min_oid, max_oid) \
    AGG1(min_oid, "min", type, type, extreme_state, rep##_min, C(rep##_min), extreme), \
    AGG1(max_oid, "max", type, type, extreme_state, rep##_max, C(rep##_max), extreme),
    EXTREMES(X)
#undef X
    AGG1(2517, "bool_and", BOOL, BOOL, int_state, bit_and, C(bit_and), int_sum),
    AGG1(2518, "bool_or", BOOL, BOOL, int_state, bit_or, C(bit_or), int_sum),
    AGG1(2519, "every", BOOL, BOOL, int_state, bit_and, C(bit_and), int_sum),
#define X(name, op, oid2, oid4, oid8) \
    AGG1(oid2, name, INT2, INT2, int_state, op, C(op), int_sum), AGG1(oid4, name, INT4, INT4, int_state, op, C(op), int_sum), \
    AGG1(oid8, name, INT8, INT8, int_state, op, C(op), int_sum),
    X("bit_and", bit_and, 2236, 2238, 2240)
    X("bit_or", bit_or, 2237, 2239, 2241)
    X("bit_xor", bit_xor, 6164, 6165, 6166)
#undef X
    AGG_ROW(3538, "string_agg", 2, TYPE_TEXT, TYPE_TEXT, TEXT, string_state, string_agg, NULL, string_agg),
#define X(name, fin, oid8, oid4, oid2, oidf4, oidf8, oidnum) \
    AGG1(oid8, name, INT8, NUMERIC, variance_state, int_variance, C(variance), fin), \
    AGG1(oid4, name, INT4, NUMERIC, variance_state, int_variance, C(variance), fin), \
    AGG1(oid2, name, INT2, NUMERIC, variance_state, int_variance, C(variance), fin), \
    AGG1(oidf4, name, FLOAT4, FLOAT8, float_state, float_moments, C(float_moments), float_##fin), \
    AGG1(oidf8, name, FLOAT8, FLOAT8, float_state, float_moments, C(float_moments), float_##fin), \
    AGG1(oidnum, name, NUMERIC, NUMERIC, variance_state, numeric_variance, C(variance), fin),
    X("var_pop", var_pop, 2718, 2719, 2720, 2721, 2722, 2723)
    X("var_samp", var_samp, 2641, 2642, 2643, 2644, 2645, 2646)
    X("variance", var_samp, 2148, 2149, 2150, 2151, 2152, 2153)
    X("stddev_pop", stddev_pop, 2724, 2725, 2726, 2727, 2728, 2729)
    X("stddev_samp", stddev_samp, 2712, 2713, 2714, 2715, 2716, 2717)
    X("stddev", stddev_samp, 2154, 2155, 2156, 2157, 2158, 2159)
#undef X
};
/* clang-format on */
const size_t aggregate__count = ARRAY_LEN(aggregate__table);
