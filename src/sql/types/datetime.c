#include "sql/types/datetime.h"
#include "sql/types/timezone.h"

const char *const datetime_months[12] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
const char *const datetime_weekdays[7] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bool datetime_is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int datetime_days_in_month(int year, int month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && datetime_is_leap(year));
}

/* The year begins in March here, so that the leap day is its last; 400 years are 146097 days. */
int64_t datetime_days(int year, int month, int day)
{
    const int64_t y = (int64_t)year - (month <= 2);
    const int64_t era = floor_div(y, 400);
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 730425;
}

void datetime_civil(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    const int64_t z = days + 730425;
    const int64_t era = floor_div(z, 146097);
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t m = (5 * doy + 2) / 153;
    *ret_day = (int)(doy - (153 * m + 2) / 5 + 1);
    *ret_month = (int)(m < 10 ? m + 3 : m - 9);
    *ret_year = (int)(yoe + era * 400 + (*ret_month <= 2));
}

int datetime_weekday(int64_t days)
{
    return (int)(((days + 6) % 7 + 7) % 7); /* 2000-01-01 was a Saturday */
}

int datetime_iso_week(int64_t days, int *ret_iso_year)
{
    /* The week belongs to the year of its Thursday. */
    const int64_t thursday = days - (datetime_weekday(days) + 6) % 7 + 3;
    int y, m, d;
    datetime_civil(thursday, &y, &m, &d);
    *ret_iso_year = y;
    return (int)((thursday - datetime_days(y, 1, 1)) / 7 + 1);
}

void timestamp_to_civil(int64_t t, struct civil *ret)
{
    const int64_t days = floor_div(t, USECS_PER_DAY);
    int64_t rest = t - days * USECS_PER_DAY;
    datetime_civil(days, &ret->year, &ret->month, &ret->day);
    ret->hour = (int)(rest / USECS_PER_HOUR);
    rest %= USECS_PER_HOUR;
    ret->minute = (int)(rest / USECS_PER_MINUTE);
    rest %= USECS_PER_MINUTE;
    ret->second = (int)(rest / USECS_PER_SEC);
    ret->usec = (int)(rest % USECS_PER_SEC);
}

bool civil_to_local(const struct civil *c, int64_t *ret)
{
    const bool too_late = c->year > 294277 || (c->year == 294277 && (c->month > 1 || c->day > 8)); /* int64 ends on the 10th */
    if (c->year < -5000 || too_late)
        return false;
    *ret = datetime_days(c->year, c->month, c->day) * USECS_PER_DAY + c->hour * USECS_PER_HOUR + c->minute * USECS_PER_MINUTE +
           c->second * USECS_PER_SEC + c->usec;
    return true;
}

bool civil_to_timestamp(const struct civil *c, int64_t *ret)
{
    int64_t t;
    if (!civil_to_local(c, &t) || !timestamp_is_valid(t))
        return false;
    *ret = t;
    return true;
}

/* Seconds since 1970 */
static int64_t unix_secs(int64_t t)
{
    return floor_div(t, USECS_PER_SEC) - UNIX_EPOCH_USECS / USECS_PER_SEC;
}

/* ---- zones ------------------------------------------------------------- */

int64_t timestamp_to_zone(const struct timezone *tz, int64_t utc, int32_t *ret_secs_east)
{
    const int32_t secs = timezone_offset_at(tz, unix_secs(utc), NULL);
    if (ret_secs_east)
        *ret_secs_east = secs;
    return utc + secs * USECS_PER_SEC;
}

int64_t timestamp_from_zone(const struct timezone *tz, int64_t local)
{
    const int32_t secs = timezone_offset_of_local(tz, unix_secs(local));
    return local - secs * USECS_PER_SEC;
}

int64_t timestamp_to_local(const struct type_ctx *c, int64_t utc, int32_t *ret_secs_east)
{
    if (ret_secs_east)
        *ret_secs_east = 0;
    if (!timestamp_is_finite(utc))
        return utc;
    if (c->tz)
        return timestamp_to_zone(c->tz, utc, ret_secs_east);
    if (ret_secs_east)
        *ret_secs_east = (int32_t)(c->tz_offset_us_east / USECS_PER_SEC);
    return utc + c->tz_offset_us_east;
}

bool timestamp_from_local(const struct type_ctx *c, int64_t local, int64_t *ret_utc)
{
    if (!timestamp_is_finite(local)) {
        *ret_utc = local;
        return true;
    }
    const int64_t utc = c->tz ? timestamp_from_zone(c->tz, local) : local - c->tz_offset_us_east;
    if (!timestamp_is_valid(utc))
        return false;
    *ret_utc = utc;
    return true;
}

int64_t timestamp_round(int64_t t, int precision)
{
    static const int64_t units[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
    if (precision < 0 || precision >= 6 || !timestamp_is_finite(t))
        return t;
    const int64_t unit = units[precision], half = unit / 2;
    return t >= 0 ? (t + half) / unit * unit : -((-t + half) / unit * unit);
}

/* ---- conversions ------------------------------------------------------- */

enum err date_to_timestamp(int64_t date, int64_t *ret, struct diag *d)
{
    if (!date_is_finite(date)) {
        *ret = date == DATE_INFINITY ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
        return ERR_OK;
    }
    if (date >= TIMESTAMP_END / USECS_PER_DAY)
        return diag_set(d, ERR_DATETIME_OVERFLOW, "date out of range for timestamp");
    *ret = date * USECS_PER_DAY;
    return ERR_OK;
}

int64_t timestamp_to_date(int64_t t)
{
    if (!timestamp_is_finite(t))
        return t == TIMESTAMP_INFINITY ? DATE_INFINITY : DATE_NEG_INFINITY;
    return floor_div(t, USECS_PER_DAY);
}

enum err date_to_timestamptz(const struct type_ctx *c, int64_t date, int64_t *ret, struct diag *d)
{
    int64_t local;
    const enum err err = date_to_timestamp(date, &local, d);
    if (err)
        return err;
    if (!timestamp_from_local(c, local, ret))
        return diag_set(d, ERR_DATETIME_OVERFLOW, "date out of range for timestamp");
    return ERR_OK;
}
