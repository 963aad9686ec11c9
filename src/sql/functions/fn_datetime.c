/*
 * Functions on dates and timestamps.
 */
#include "sql/functions/hooks.h"
#include "sql/functions/kernels.h"
#include "sql/types/datetime.h"
#include "sql/types/numeric.h"
#include "sql/types/timezone.h"
#include "sql/types/types_int.h"

#include <math.h>

static enum err date_range(struct func_ctx *c)
{
    return diag_set(c->d, ERR_DATETIME_OVERFLOW, "date out of range");
}

static enum err timestamp_range(struct func_ctx *c)
{
    return diag_set(c->d, ERR_DATETIME_OVERFLOW, "timestamp out of range");
}

/* ---- arithmetic -------------------------------------------------------- */

static enum err add_days(struct func_ctx *c, int64_t date, int64_t days, union datum *r)
{
    r->i = date;
    if (!date_is_finite(date))
        return ERR_OK;
    r->i = date + days;
    return r->i < DATE_MIN || r->i >= DATE_END ? date_range(c) : ERR_OK;
}

ROW_KERNEL(date_add, 2)
{
    return add_days(c, a[0].i, a[1].i, r);
}

ROW_KERNEL(int_add_date, 2)
{
    return add_days(c, a[1].i, a[0].i, r);
}

ROW_KERNEL(date_sub, 2)
{
    return add_days(c, a[0].i, -a[1].i, r);
}

ROW_KERNEL(date_diff, 2)
{
    if (!date_is_finite(a[0].i) || !date_is_finite(a[1].i))
        return diag_set(c->d, ERR_DATETIME_OVERFLOW, "cannot subtract infinite dates");
    r->i = a[0].i - a[1].i;
    return ERR_OK;
}

FAST1(isfinite_date, r.i = date_is_finite(x.i), ERR_OK)
FAST1(isfinite_timestamp, r.i = timestamp_is_finite(x.i), ERR_OK)

/* ---- units ------------------------------------------------------------- */

enum unit {
    UNIT_NONE, UNIT_MICROSECOND, UNIT_MILLISECOND, UNIT_SECOND, UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH,
    UNIT_QUARTER, UNIT_YEAR, UNIT_DECADE, UNIT_CENTURY, UNIT_MILLENNIUM, UNIT_DOW, UNIT_ISODOW, UNIT_DOY, UNIT_ISOYEAR,
    UNIT_JULIAN, UNIT_EPOCH, UNIT_TIMEZONE, UNIT_TIMEZONE_HOUR, UNIT_TIMEZONE_MINUTE,
};

static const struct {
    const char *name;
    enum unit unit;
} units[] = {
    { "microsecond", UNIT_MICROSECOND }, { "microseconds", UNIT_MICROSECOND }, { "us", UNIT_MICROSECOND },
    { "usec", UNIT_MICROSECOND }, { "usecs", UNIT_MICROSECOND }, { "usecond", UNIT_MICROSECOND },
    { "useconds", UNIT_MICROSECOND }, { "millisecond", UNIT_MILLISECOND }, { "milliseconds", UNIT_MILLISECOND },
    { "ms", UNIT_MILLISECOND }, { "msec", UNIT_MILLISECOND }, { "msecs", UNIT_MILLISECOND }, { "mseconds", UNIT_MILLISECOND },
    { "s", UNIT_SECOND }, { "sec", UNIT_SECOND }, { "secs", UNIT_SECOND }, { "second", UNIT_SECOND }, { "seconds", UNIT_SECOND },
    { "m", UNIT_MINUTE }, { "min", UNIT_MINUTE }, { "mins", UNIT_MINUTE }, { "minute", UNIT_MINUTE }, { "minutes", UNIT_MINUTE },
    { "h", UNIT_HOUR }, { "hr", UNIT_HOUR }, { "hrs", UNIT_HOUR }, { "hour", UNIT_HOUR }, { "hours", UNIT_HOUR },
    { "d", UNIT_DAY }, { "day", UNIT_DAY }, { "days", UNIT_DAY }, { "w", UNIT_WEEK }, { "week", UNIT_WEEK },
    { "weeks", UNIT_WEEK }, { "mon", UNIT_MONTH }, { "mons", UNIT_MONTH }, { "month", UNIT_MONTH }, { "months", UNIT_MONTH },
    { "qtr", UNIT_QUARTER }, { "quarter", UNIT_QUARTER }, { "y", UNIT_YEAR }, { "yr", UNIT_YEAR }, { "yrs", UNIT_YEAR },
    { "year", UNIT_YEAR }, { "years", UNIT_YEAR }, { "dec", UNIT_DECADE }, { "decs", UNIT_DECADE }, { "decade", UNIT_DECADE },
    { "decades", UNIT_DECADE }, { "c", UNIT_CENTURY }, { "cent", UNIT_CENTURY }, { "century", UNIT_CENTURY },
    { "centuries", UNIT_CENTURY }, { "mil", UNIT_MILLENNIUM }, { "mils", UNIT_MILLENNIUM }, { "millennium", UNIT_MILLENNIUM },
    { "millennia", UNIT_MILLENNIUM }, { "dow", UNIT_DOW }, { "isodow", UNIT_ISODOW }, { "doy", UNIT_DOY },
    { "isoyear", UNIT_ISOYEAR }, { "julian", UNIT_JULIAN }, { "j", UNIT_JULIAN }, { "jd", UNIT_JULIAN }, { "epoch", UNIT_EPOCH },
    { "timezone", UNIT_TIMEZONE }, { "timezone_h", UNIT_TIMEZONE_HOUR }, { "timezone_hour", UNIT_TIMEZONE_HOUR },
    { "timezone_m", UNIT_TIMEZONE_MINUTE }, { "timezone_minute", UNIT_TIMEZONE_MINUTE },
};

static enum unit find_unit(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (type__is_word(s.p, s.len, units[i].name))
            return units[i].unit;
    return UNIT_NONE;
}

static enum err bad_unit(struct func_ctx *c, enum unit u, struct str name, const char *type)
{
    char lower[64];
    const uint32_t n = MIN(name.len, (uint32_t)sizeof(lower) - 1);
    for (uint32_t i = 0; i < n; i++)
        lower[i] = type__ascii_lower(name.p[i]);
    lower[n] = 0;
    return diag_set(c->d, u == UNIT_NONE ? ERR_PARAMETER_VALUE : ERR_FEATURE, "unit \"%s\" not %s for type %s", lower,
                    u == UNIT_NONE ? "recognized" : "supported", type);
}

static int century(int year)
{
    return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100);
}

static int millennium(int year)
{
    return year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000);
}

static int decade(int year)
{
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}

/* ---- extract ----------------------------------------------------------- */

/* The value is v / 10^scale; julian days have the rest of the day besides. */
struct extracted {
    int128_t v; /* the epoch of the last timestamps is beyond int64 */
    int scale;
    int64_t day_usecs;
    int infinity; /* -1, 1: so is the result; with is_null: there is none */
    bool is_null;
};

static struct extracted extract_infinite(enum unit u, bool negative)
{
    switch (u) {
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_JULIAN:
    case UNIT_ISOYEAR:
    case UNIT_EPOCH:
        return (struct extracted){ .infinity = negative ? -1 : 1 };
    default:
        return (struct extracted){ .is_null = true };
    }
}

/* local: as the wall shows it; utc: for the epoch (the same without a zone). False: the unit does not apply. */
static bool extract_from(enum unit u, int64_t local, int64_t utc, const int32_t *secs_east, struct extracted *e)
{
    struct civil t;
    int iso_year;
    *e = (struct extracted){ 0 };
    timestamp_to_civil(local, &t);
    const int64_t days = datetime_days(t.year, t.month, t.day);
    switch (u) {
    case UNIT_MICROSECOND:
        e->v = t.second * USECS_PER_SEC + t.usec;
        return true;
    case UNIT_MILLISECOND:
        e->v = t.second * USECS_PER_SEC + t.usec;
        e->scale = 3;
        return true;
    case UNIT_SECOND:
        e->v = t.second * USECS_PER_SEC + t.usec;
        e->scale = 6;
        return true;
    case UNIT_MINUTE:
        e->v = t.minute;
        return true;
    case UNIT_HOUR:
        e->v = t.hour;
        return true;
    case UNIT_DAY:
        e->v = t.day;
        return true;
    case UNIT_MONTH:
        e->v = t.month;
        return true;
    case UNIT_QUARTER:
        e->v = (t.month - 1) / 3 + 1;
        return true;
    case UNIT_WEEK:
        e->v = datetime_iso_week(days, &iso_year);
        return true;
    case UNIT_ISOYEAR:
        datetime_iso_week(days, &iso_year);
        e->v = iso_year > 0 ? iso_year : iso_year - 1;
        return true;
    case UNIT_YEAR:
        e->v = t.year > 0 ? t.year : t.year - 1;
        return true;
    case UNIT_DECADE:
        e->v = decade(t.year);
        return true;
    case UNIT_CENTURY:
        e->v = century(t.year);
        return true;
    case UNIT_MILLENNIUM:
        e->v = millennium(t.year);
        return true;
    case UNIT_DOW:
        e->v = datetime_weekday(days);
        return true;
    case UNIT_ISODOW:
        e->v = (datetime_weekday(days) + 6) % 7 + 1;
        return true;
    case UNIT_DOY:
        e->v = days - datetime_days(t.year, 1, 1) + 1;
        return true;
    case UNIT_JULIAN:
        e->v = days + JULIAN_2000;
        e->day_usecs = local - days * USECS_PER_DAY;
        return true;
    case UNIT_EPOCH:
        e->v = (int128_t)utc - UNIX_EPOCH_USECS;
        e->scale = 6;
        return true;
    case UNIT_TIMEZONE:
    case UNIT_TIMEZONE_HOUR:
    case UNIT_TIMEZONE_MINUTE:
        if (!secs_east)
            return false;
        e->v = u == UNIT_TIMEZONE ? *secs_east : u == UNIT_TIMEZONE_HOUR ? *secs_east / 3600 : *secs_east / 60 % 60;
        return true;
    case UNIT_NONE:
        break;
    }
    return false;
}

static enum err extracted_numeric(struct func_ctx *c, enum unit u, bool is_date, const struct extracted *e, union datum *r)
{
    struct arena *arena = c->types.arena;
    if (e->infinity)
        return numeric_from_double(arena, e->infinity * (double)INFINITY, 15, &r->s, c->d);
    if (u == UNIT_MILLISECOND || u == UNIT_SECOND || (u == UNIT_EPOCH && !is_date)) {
        r->s = numeric_from_int128(arena, e->v, e->scale);
        return ERR_OK;
    }
    if (u == UNIT_JULIAN && !is_date) {
        num part;
        const enum err err =
            numeric_div(arena, numeric_from_int64(arena, e->day_usecs), numeric_from_int64(arena, USECS_PER_DAY), &part, c->d);
        return err ? err : numeric_add(arena, numeric_from_int64(arena, (int64_t)e->v), part, &r->s, c->d);
    }
    r->s = numeric_from_int128(arena, u == UNIT_EPOCH ? e->v / USECS_PER_SEC : e->v, 0);
    return ERR_OK;
}

static void extracted_double(const struct extracted *e, union datum *r)
{
    static const double powers[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
    r->f = e->infinity ? e->infinity * (double)INFINITY
                       : (double)e->v / powers[e->scale] + (double)e->day_usecs / (double)USECS_PER_DAY;
}

enum extract_type { EXTRACT_DATE, EXTRACT_TIMESTAMP, EXTRACT_TIMESTAMPTZ };

static enum err extract(struct func_ctx *c, struct str name, int64_t v, enum extract_type type, bool as_double, union datum *r,
                        bool *null)
{
    static const char *const type_names[] = { "date", "timestamp without time zone", "timestamp with time zone" };
    const enum unit u = find_unit(name);
    const bool is_date = type == EXTRACT_DATE;
    const bool time_of_date = is_date && ((u >= UNIT_MICROSECOND && u <= UNIT_HOUR) || u >= UNIT_TIMEZONE);
    if (u == UNIT_NONE || time_of_date)
        return bad_unit(c, u, name, type_names[type]);
    struct extracted e;
    if (is_date ? !date_is_finite(v) : !timestamp_is_finite(v)) {
        e = extract_infinite(u, v < 0);
    } else if (is_date && (v < TIMESTAMP_MIN / USECS_PER_DAY || v >= TIMESTAMP_END / USECS_PER_DAY)) {
        return diag_set(c->d, ERR_DATETIME_OVERFLOW, "date out of range for timestamp");
    } else {
        int32_t secs_east;
        const int64_t utc = is_date ? v * USECS_PER_DAY : v;
        const int64_t local = type == EXTRACT_TIMESTAMPTZ ? timestamp_to_local(&c->types, v, &secs_east) : utc;
        if (!extract_from(u, local, utc, type == EXTRACT_TIMESTAMPTZ ? &secs_east : NULL, &e))
            return bad_unit(c, u, name, type_names[type]);
    }
    *null = e.is_null;
    if (e.is_null)
        return ERR_OK;
    if (!as_double)
        return extracted_numeric(c, u, is_date, &e, r);
    extracted_double(&e, r);
    return ERR_OK;
}

ROW_KERNEL(extract_date, 2)
{
    return extract(c, a[0].s, a[1].i, EXTRACT_DATE, false, r, null);
}

ROW_KERNEL(extract_timestamp, 2)
{
    return extract(c, a[0].s, a[1].i, EXTRACT_TIMESTAMP, false, r, null);
}

ROW_KERNEL(extract_timestamptz, 2)
{
    return extract(c, a[0].s, a[1].i, EXTRACT_TIMESTAMPTZ, false, r, null);
}

/* date_part() of a date is that of its midnight. */
ROW_KERNEL(date_part_date, 2)
{
    int64_t t;
    const enum err err = date_to_timestamp(a[1].i, &t, c->d);
    return err ? err : extract(c, a[0].s, t, EXTRACT_TIMESTAMP, true, r, null);
}

ROW_KERNEL(date_part_timestamp, 2)
{
    return extract(c, a[0].s, a[1].i, EXTRACT_TIMESTAMP, true, r, null);
}

ROW_KERNEL(date_part_timestamptz, 2)
{
    return extract(c, a[0].s, a[1].i, EXTRACT_TIMESTAMPTZ, true, r, null);
}

/* ---- date_trunc -------------------------------------------------------- */

/* False: the unit cannot be cut to. */
static bool trunc_civil(enum unit u, struct civil *t)
{
    static const struct civil lowest = { .month = 1, .day = 1 };
    struct civil cut = lowest;
    switch (u) {
    case UNIT_MILLENNIUM:
        cut.year = t->year > 0 ? millennium(t->year) * 1000 - 999 : millennium(t->year) * 1000 + 1;
        break;
    case UNIT_CENTURY:
        cut.year = t->year > 0 ? century(t->year) * 100 - 99 : century(t->year) * 100 + 1;
        break;
    case UNIT_DECADE:
        cut.year = t->year > 0 ? t->year / 10 * 10 : -((8 - (t->year - 1)) / 10) * 10;
        break;
    case UNIT_YEAR:
        cut.year = t->year;
        break;
    case UNIT_QUARTER:
        cut.year = t->year;
        cut.month = (t->month - 1) / 3 * 3 + 1;
        break;
    case UNIT_MONTH:
        cut.year = t->year;
        cut.month = t->month;
        break;
    case UNIT_WEEK: {
        const int64_t days = datetime_days(t->year, t->month, t->day);
        datetime_civil(days - (datetime_weekday(days) + 6) % 7, &cut.year, &cut.month, &cut.day);
        break;
    }
    case UNIT_DAY:
    case UNIT_HOUR:
    case UNIT_MINUTE:
    case UNIT_SECOND:
    case UNIT_MILLISECOND:
    case UNIT_MICROSECOND:
        cut = *t;
        if (u == UNIT_DAY)
            cut.hour = 0;
        if (u >= UNIT_HOUR)
            cut.minute = 0;
        if (u >= UNIT_MINUTE)
            cut.second = 0;
        if (u >= UNIT_SECOND)
            cut.usec = 0;
        if (u == UNIT_MILLISECOND)
            cut.usec = cut.usec / 1000 * 1000;
        break;
    default:
        return false;
    }
    *t = cut;
    return true;
}

static enum err trunc_local(struct func_ctx *c, struct str name, int64_t local, const char *type, int64_t *ret)
{
    struct civil t;
    const enum unit u = find_unit(name);
    timestamp_to_civil(local, &t);
    if (!trunc_civil(u, &t)) /* what is no length of time is not even recognized */
        return bad_unit(c, u >= UNIT_DOW && u <= UNIT_EPOCH ? UNIT_NONE : u, name, type);
    return civil_to_timestamp(&t, ret) ? ERR_OK : timestamp_range(c);
}

ROW_KERNEL(date_trunc_timestamp, 2)
{
    r->i = a[1].i;
    return timestamp_is_finite(a[1].i) ? trunc_local(c, a[0].s, a[1].i, "timestamp without time zone", &r->i) : ERR_OK;
}

static enum err trunc_tz(struct func_ctx *c, struct str unit, int64_t utc, const struct type_ctx *zone, union datum *r)
{
    int64_t local;
    r->i = utc;
    if (!timestamp_is_finite(utc))
        return ERR_OK;
    const enum err err = trunc_local(c, unit, timestamp_to_local(zone, utc, NULL), "timestamp with time zone", &local);
    if (err)
        return err;
    return timestamp_from_local(zone, local, &r->i) ? ERR_OK : timestamp_range(c);
}

ROW_KERNEL(date_trunc_timestamptz, 2)
{
    return trunc_tz(c, a[0].s, a[1].i, &c->types, r);
}

static enum err zone_by_name(struct func_ctx *c, struct str name, const struct timezone **ret)
{
    *ret = datetime_find_zone(&c->types, name.p, name.len);
    if (!*ret)
        return diag_set(c->d, ERR_PARAMETER_VALUE, "time zone \"%.*s\" not recognized", (int)name.len, name.p);
    return ERR_OK;
}

ROW_KERNEL(date_trunc_zone, 3)
{
    struct type_ctx zone = c->types;
    const enum err err = zone_by_name(c, a[2].s, &zone.tz);
    return err ? err : trunc_tz(c, a[0].s, a[1].i, &zone, r);
}

/* ---- zones (AT TIME ZONE) ---------------------------------------------- */

ROW_KERNEL(timezone_of_timestamptz, 2)
{
    const struct timezone *tz;
    const enum err err = zone_by_name(c, a[0].s, &tz);
    if (err)
        return err;
    r->i = timestamp_is_finite(a[1].i) ? timestamp_to_zone(tz, a[1].i, NULL) : a[1].i;
    return timestamp_is_finite(a[1].i) && !timestamp_is_valid(r->i) ? timestamp_range(c) : ERR_OK;
}

ROW_KERNEL(timezone_of_timestamp, 2)
{
    const struct timezone *tz;
    const enum err err = zone_by_name(c, a[0].s, &tz);
    if (err)
        return err;
    r->i = timestamp_is_finite(a[1].i) ? timestamp_from_zone(tz, a[1].i) : a[1].i;
    return timestamp_is_finite(a[1].i) && !timestamp_is_valid(r->i) ? timestamp_range(c) : ERR_OK;
}

/* ---- making ------------------------------------------------------------ */

static bool valid_date(int64_t year, int64_t month, int64_t day, struct civil *t)
{
    if (year == 0 || year < -4713 || year > 5874897 || month < 1 || month > 12 || day < 1)
        return false;
    *t = (struct civil){ .year = (int)(year < 0 ? year + 1 : year), .month = (int)month, .day = (int)day };
    return day <= datetime_days_in_month(t->year, t->month);
}

/* Years before Christ are shown as they are counted inside: 1 BC is 0. */
static enum err date_fields_range(struct func_ctx *c, const union datum *a)
{
    return diag_set(c->d, ERR_DATETIME_OVERFLOW, "date field value out of range: %" PRId64 "-%02" PRId64 "-%02" PRId64,
                    a[0].i < 0 ? a[0].i + 1 : a[0].i, a[1].i, a[2].i);
}

ROW_KERNEL(make_date, 3)
{
    struct civil t;
    if (!valid_date(a[0].i, a[1].i, a[2].i, &t))
        return date_fields_range(c, a);
    r->i = datetime_days(t.year, t.month, t.day);
    if (r->i < DATE_MIN || r->i >= DATE_END)
        return diag_set(c->d, ERR_DATETIME_OVERFLOW, "date out of range: %" PRId64 "-%02" PRId64 "-%02" PRId64, a[0].i, a[1].i,
                        a[2].i);
    return ERR_OK;
}

static enum err make_timestamp(struct func_ctx *c, const union datum *a, int64_t *ret)
{
    struct civil t;
    const double sec = a[5].f;
    if (!valid_date(a[0].i, a[1].i, a[2].i, &t))
        return date_fields_range(c, a);
    if (a[3].i < 0 || a[3].i > 24 || a[4].i < 0 || a[4].i > 59 || !(sec >= 0 && sec <= 60) ||
        (a[3].i == 24 && (a[4].i > 0 || sec > 0)))
        return diag_set(c->d, ERR_DATETIME_OVERFLOW, "time field value out of range: %" PRId64 ":%02" PRId64 ":%02g", a[3].i,
                        a[4].i, sec);
    const int64_t usecs = (int64_t)rint(sec * 1e6);
    t.hour = (int)a[3].i;
    t.minute = (int)a[4].i;
    t.second = (int)(usecs / USECS_PER_SEC);
    t.usec = (int)(usecs % USECS_PER_SEC);
    return civil_to_timestamp(&t, ret) ? ERR_OK : timestamp_range(c);
}

ROW_KERNEL(make_timestamp, 6)
{
    return make_timestamp(c, a, &r->i);
}

ROW_KERNEL(make_timestamptz, 6)
{
    int64_t local;
    const enum err err = make_timestamp(c, a, &local);
    if (err)
        return err;
    return timestamp_from_local(&c->types, local, &r->i) ? ERR_OK : timestamp_range(c);
}

/* Seconds since 1970 */
ROW_KERNEL(to_timestamp, 1)
{
    const double secs = a[0].f;
    if (isnan(secs))
        return diag_set(c->d, ERR_DATETIME_OVERFLOW, "timestamp cannot be NaN");
    if (isinf(secs)) {
        r->i = secs > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
        return ERR_OK;
    }
    const double usecs = rint((secs - 10957.0 * 86400.0) * 1e6);
    if (!(usecs >= (double)TIMESTAMP_MIN && usecs < (double)TIMESTAMP_END))
        return diag_set(c->d, ERR_DATETIME_OVERFLOW, "timestamp out of range: \"%g\"", secs);
    r->i = (int64_t)usecs;
    return ERR_OK;
}

/* ---- clocks ------------------------------------------------------------ */

ROW_KERNEL(now, 0)
{
    r->i = c->types.now_us;
    return ERR_OK;
}

#define CLOCK(kernel, member, what)                                                                                               \
    ROW_KERNEL(kernel, 0)                                                                                                         \
    {                                                                                                                             \
        if (!c->hooks || !c->hooks->member)                                                                                       \
            return kernel_no_hook(c, what);                                                                                       \
        r->i = c->hooks->member(c->hooks_arg);                                                                                    \
        return ERR_OK;                                                                                                            \
    }
CLOCK(clock_timestamp, wall_us, "clock_timestamp()")
CLOCK(statement_timestamp, statement_us, "statement_timestamp()")
CLOCK(start_time, start_us, "pg_postmaster_start_time()")
