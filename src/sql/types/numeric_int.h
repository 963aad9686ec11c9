/*
 * Unpacked decimals: what the slow paths of numeric arithmetic work on.
 *
 * A struct nvar is finite: (-1)^negative * sum(digits[i] * 10000^(weight - i)).
 * Values are immutable; every operation allocates its result in the arena. A
 * result has no leading or trailing zero digits (zero has no digits) and is
 * exact to its display scale.
 */
#ifndef SQL_TYPES_NUMERIC_INT_H
#define SQL_TYPES_NUMERIC_INT_H

#include "sql/types/numeric.h"

#define NBASE 10000
#define DEC_DIGITS 4 /* decimal digits of one base-10000 digit */
#define NUMERIC_SIG_DIGITS_MIN 16
#define NUMERIC_DSCALE_MAX 16383
#define NUMERIC_WEIGHT_MAX INT16_MAX

enum num_kind { KIND_SMALL, KIND_POSITIVE, KIND_NEGATIVE, KIND_NAN, KIND_INF, KIND_NEG_INF };

struct nvar {
    const uint16_t *digits;
    int ndigits;
    int weight;
    int dscale;
    bool negative;
};

static inline enum num_kind num_kind(num x)
{
    return x.len ? (enum num_kind)x.p[0] : KIND_SMALL;
}
static inline bool num_is_finite(num x)
{
    return num_kind(x) <= KIND_NEGATIVE;
}

int num__count_digits(uint128_t v); /* decimal; 0 has none */
num num__special(enum num_kind k);
num num__pack_small(struct arena *a, int128_t m, int scale);
enum err num__pack(struct arena *a, const struct nvar *v, num *ret, struct diag *d) MUST_CHECK;
struct nvar num__unpack(struct arena *a, num x);
enum err num__overflow(struct diag *d);

struct nvar nvar_from_uint128(struct arena *a, uint128_t m, int scale, bool negative);
struct nvar nvar_from_int(struct arena *a, int64_t v);
struct nvar nvar_from_double(struct arena *a, double v, int digits); /* finite */
double nvar_to_double(struct arena *a, const struct nvar *v);
struct nvar nvar_strip(struct nvar v);
int nvar_cmp_abs(const struct nvar *x, const struct nvar *y);
int nvar_cmp(const struct nvar *x, const struct nvar *y);
struct nvar nvar_add(struct arena *a, const struct nvar *x, const struct nvar *y);
struct nvar nvar_sub(struct arena *a, const struct nvar *x, const struct nvar *y);
struct nvar nvar_mul(struct arena *a, const struct nvar *x, const struct nvar *y, int rscale);
/* y is not 0. Rounds half away from zero, or cuts. rscale may be negative when cutting is not asked for. */
struct nvar nvar_div(struct arena *a, const struct nvar *x, const struct nvar *y, int rscale, bool round);
struct nvar nvar_round(struct arena *a, const struct nvar *x, int rscale);
struct nvar nvar_trunc(struct arena *a, const struct nvar *x, int rscale);
int nvar_div_scale(const struct nvar *x, const struct nvar *y); /* scale of a quotient, as PostgreSQL chooses it */

#endif
