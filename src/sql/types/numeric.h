/*
 * Arbitrary-precision decimal numbers, as PostgreSQL's numeric: a sign,
 * digits, a display scale (1.0 and 1.00 are equal and print differently), NaN
 * and the infinities.
 *
 * A value is a packed string of bytes (REP_NUMERIC) that a row stores as it
 * is. Up to 35 digits it is an integer of at most 16 bytes and a scale:
 *
 *   byte 0: KIND_SMALL; byte 1: display scale (0..35);
 *   then the integer, little-endian two's complement, in the fewest bytes (none for 0)
 *
 * otherwise base-10000 digits, most significant first:
 *
 *   byte 0: KIND_POSITIVE or KIND_NEGATIVE; byte 1: 0; u16 display scale; i16 weight of the first digit; u16 digits
 *
 * NaN and the infinities are their kind byte alone. A value with its scale has
 * one packed form.
 *
 * Results are allocated in the arena. Scales of results are PostgreSQL's.
 */
#ifndef SQL_TYPES_NUMERIC_H
#define SQL_TYPES_NUMERIC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/datum.h"
#include "base/diag.h"

typedef __int128 int128_t;
typedef unsigned __int128 uint128_t;

#define NUMERIC_SMALL_DIGITS 35
#define NUMERIC_DISPLAY_SCALE_MAX 1000
#define NUMERIC_RESULT_SCALE_MAX 2000
#define NUMERIC_PACKED_SMALL_MAX 18 /* bytes of a small value */

typedef struct str num; /* packed form */

/* ---- text, wire, other types ------------------------------------------- */

enum err numeric_parse(struct arena *a, const char *s, size_t len, num *ret, struct diag *d) MUST_CHECK;
void numeric_print(num x, struct buf *b);
enum err numeric_recv(struct arena *a, const uint8_t *p, size_t len, num *ret, struct diag *d) MUST_CHECK;
void numeric_send(num x, struct buf *b);
/* typmod: see type_typmod_in() */
enum err numeric_apply_typmod(struct arena *a, num x, int32_t typmod, num *ret, struct diag *d) MUST_CHECK;

num numeric_from_int64(struct arena *a, int64_t v);
/* v / 10^scale; any v, scale 0..35 */
num numeric_from_int128(struct arena *a, int128_t v, int scale);
enum err numeric_from_double(struct arena *a, double v, int digits, num *ret, struct diag *d) MUST_CHECK; /* digits: 15 or 6 */
/* Rounds; `type` names the target in errors: "bigint". */
enum err numeric_to_int64(num x, const char *type, int64_t min, int64_t max, int64_t *ret, struct diag *d) MUST_CHECK;
double numeric_to_double(num x); /* out of range: an infinity */

/* True if x is v / 10^scale with |v| < 10^35: the fast form that aggregates add up. */
bool numeric_is_small(num x, int128_t *ret_v, int *ret_scale);
bool numeric_is_nan(num x);
bool numeric_is_finite(num x);
int numeric_sign(num x); /* -1, 0, 1; NaN: 0 */
int numeric_scale(num x); /* display scale */
uint128_t numeric_pow10(int n); /* n: 0..38 */

/* ---- order ------------------------------------------------------------- */

int numeric_cmp(num x, num y); /* NaN equals NaN and comes last */
uint64_t numeric_hash(num x);
/* Appends bytes in the order of the values, none a prefix of another: index keys (access/key.h). */
void numeric_sort_key(union datum v, struct buf *b);

/* ---- arithmetic -------------------------------------------------------- */

enum err numeric_add(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_sub(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_mul(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_div(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_div_trunc(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_mod(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
num numeric_negate(struct arena *a, num x);
num numeric_abs(struct arena *a, num x);
enum err numeric_round(struct arena *a, num x, int scale, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_trunc(struct arena *a, num x, int scale, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_floor(struct arena *a, num x, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_ceil(struct arena *a, num x, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_sqrt(struct arena *a, num x, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_exp(struct arena *a, num x, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_ln(struct arena *a, num x, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_log(struct arena *a, num base, num x, num *ret, struct diag *d) MUST_CHECK;
enum err numeric_power(struct arena *a, num x, num y, num *ret, struct diag *d) MUST_CHECK;
/* Variance or its root from n, the sum and the sum of squares; sample: divides by n - 1. n >= 1, and >= 2 for a sample. */
enum err numeric_variance(struct arena *a, int64_t n, num sum, num sum_squares, bool sample, bool root, num *ret,
                          struct diag *d) MUST_CHECK;

#endif
