/*
 * Calendar and clock: days since 2000-01-01 and microseconds since then, to
 * and from fields and text (ISO style).
 */
#ifndef SQL_TYPES_DATETIME_H
#define SQL_TYPES_DATETIME_H

#include "sql/types/type.h"

#define USECS_PER_SEC INT64_C(1000000)
#define USECS_PER_MINUTE (60 * USECS_PER_SEC)
#define USECS_PER_HOUR (3600 * USECS_PER_SEC)
#define USECS_PER_DAY (86400 * USECS_PER_SEC)
#define DATE_INFINITY INT32_MAX
#define DATE_NEG_INFINITY INT32_MIN
#define TIMESTAMP_INFINITY INT64_MAX
#define TIMESTAMP_NEG_INFINITY INT64_MIN
#define JULIAN_2000 2451545 /* Julian day number of 2000-01-01 */
#define DATE_MIN (-JULIAN_2000)
#define DATE_END (2147483494 - JULIAN_2000) /* the first day that is none */
#define TIMESTAMP_MIN (-INT64_C(211813488000000000)) /* 4713-11-24 BC */
#define TIMESTAMP_END INT64_C(9223371331200000000) /* 294277-01-01 */
#define UNIX_EPOCH_USECS (-INT64_C(10957) * USECS_PER_DAY)

/* Year 0 is 1 BC. */
struct civil {
    int year, month, day, hour, minute, second, usec;
};

bool datetime_is_leap(int year);
int datetime_days_in_month(int year, int month);
int64_t datetime_days(int year, int month, int day); /* days since 2000-01-01 in the proleptic Gregorian calendar */
void datetime_civil(int64_t days, int *ret_year, int *ret_month, int *ret_day);
int datetime_weekday(int64_t days); /* 0: Sunday */
int datetime_iso_week(int64_t days, int *ret_iso_year);

static inline bool timestamp_is_finite(int64_t t) { return t != TIMESTAMP_INFINITY && t != TIMESTAMP_NEG_INFINITY; }
static inline bool date_is_finite(int64_t d) { return d != DATE_INFINITY && d != DATE_NEG_INFINITY; }
static inline bool timestamp_is_valid(int64_t t) { return t >= TIMESTAMP_MIN && t < TIMESTAMP_END; }

void timestamp_to_civil(int64_t t, struct civil *ret);
bool civil_to_timestamp(const struct civil *c, int64_t *ret); /* false: out of range */
bool civil_to_local(const struct civil *c, int64_t *ret); /* the same, a few days beyond the range: local times of valid instants */

/* Local time of the session's zone and back; infinities stay. ret_secs_east may be NULL. */
int64_t timestamp_to_local(const struct type_ctx *c, int64_t utc, int32_t *ret_secs_east);
bool timestamp_from_local(const struct type_ctx *c, int64_t local, int64_t *ret_utc);
/* The same in a given zone. */
int64_t timestamp_to_zone(const struct timezone *tz, int64_t utc, int32_t *ret_secs_east);
int64_t timestamp_from_zone(const struct timezone *tz, int64_t local);

/* Rounds to `precision` decimals of a second. */
int64_t timestamp_round(int64_t t, int precision);

/* date <-> timestamp; the first reports "date out of range for timestamp" */
enum err date_to_timestamp(int64_t date, int64_t *ret, struct diag *d) MUST_CHECK;
int64_t timestamp_to_date(int64_t t);
/* Midnight of a date in the session's zone. */
enum err date_to_timestamptz(const struct type_ctx *c, int64_t date, int64_t *ret, struct diag *d) MUST_CHECK;

/* A zone by name: "utc", "+02:00", abbreviations, then the session's look-up. NULL: unknown. fixed ones are made in the arena. */
const struct timezone *datetime_find_zone(const struct type_ctx *c, const char *name, size_t len);

enum datetime_kind { DATETIME_DATE, DATETIME_TIMESTAMP, DATETIME_TIMESTAMPTZ };
enum err datetime_parse(const struct type_ctx *c, enum datetime_kind kind, const char *s, size_t len, int64_t *ret,
                        struct diag *d) MUST_CHECK;

extern const char *const datetime_months[12]; /* "January" */
extern const char *const datetime_weekdays[7]; /* "Sunday" */

#endif
