#include "sql/types/timezone.h"
#include "base/buf.h"
#include "sql/types/datetime.h"

#define ABBREVIATION_MAX 16
#define TYPES_MAX 256
#define TRANSITIONS_MAX 100000
#define SECS_PER_DAY 86400
#define UNIX_EPOCH_DAYS (-10957) /* 1970-01-01 in days since 2000-01-01 */

struct zone_type {
    int32_t secs_east;
    bool dst;
    char abbreviation[ABBREVIATION_MAX];
};

/* When a rule's half of the year begins. */
struct rule_date {
    enum { RULE_MONTH_WEEK_DAY, RULE_JULIAN, RULE_DAY } kind;
    int month, week, day;
    int32_t secs; /* after local midnight */
};

/* POSIX rule for the time after the last transition. */
struct rule {
    bool valid, has_dst;
    struct zone_type std, dst;
    struct rule_date start, end;
};

struct timezone {
    const char *name;
    uint32_t ntransitions;
    const int64_t *transitions; /* seconds since 1970, rising */
    const uint8_t *types; /* from each transition on */
    uint32_t ntypes;
    const struct zone_type *type;
    struct rule rule;
};

/* ---- POSIX rules ------------------------------------------------------- */

static bool parse_number(const char **p, int max, int *ret)
{
    int v = 0, n = 0;
    for (; **p >= '0' && **p <= '9' && n < 4; (*p)++, n++)
        v = v * 10 + (**p - '0');
    *ret = v;
    return n > 0 && v <= max;
}

static bool parse_hms(const char **p, int max_hours, int32_t *ret)
{
    int sign = 1, h, m = 0, s = 0;
    if (**p == '+' || **p == '-')
        sign = *(*p)++ == '-' ? -1 : 1;
    if (!parse_number(p, max_hours, &h))
        return false;
    if (**p == ':') {
        (*p)++;
        if (!parse_number(p, 59, &m))
            return false;
        if (**p == ':') {
            (*p)++;
            if (!parse_number(p, 59, &s))
                return false;
        }
    }
    *ret = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool parse_abbreviation(const char **p, char out[ABBREVIATION_MAX])
{
    size_t n = 0;
    if (**p == '<') {
        for ((*p)++; **p && **p != '>'; (*p)++)
            if (n < ABBREVIATION_MAX - 1)
                out[n++] = **p;
        if (**p != '>')
            return false;
        (*p)++;
    } else {
        for (; (**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'); (*p)++)
            if (n < ABBREVIATION_MAX - 1)
                out[n++] = **p;
    }
    out[n] = 0;
    return n >= 1;
}

static bool parse_rule_date(const char **p, struct rule_date *r)
{
    *r = (struct rule_date){ .secs = 2 * 3600 };
    if (**p == 'M') {
        (*p)++;
        r->kind = RULE_MONTH_WEEK_DAY;
        if (!parse_number(p, 12, &r->month) || r->month < 1 || *(*p)++ != '.')
            return false;
        if (!parse_number(p, 5, &r->week) || r->week < 1 || *(*p)++ != '.' || !parse_number(p, 6, &r->day))
            return false;
    } else if (**p == 'J') {
        (*p)++;
        r->kind = RULE_JULIAN;
        if (!parse_number(p, 365, &r->day) || r->day < 1)
            return false;
    } else {
        r->kind = RULE_DAY;
        if (!parse_number(p, 365, &r->day))
            return false;
    }
    if (**p == '/') {
        (*p)++;
        return parse_hms(p, 167, &r->secs);
    }
    return true;
}

static bool parse_rule(const char *p, struct rule *r)
{
    *r = (struct rule){ 0 };
    int32_t west;
    if (!parse_abbreviation(&p, r->std.abbreviation) || !parse_hms(&p, 24, &west))
        return false;
    r->std.secs_east = -west;
    r->valid = true;
    if (*p == 0)
        return true;
    r->has_dst = true;
    r->dst.dst = true;
    if (!parse_abbreviation(&p, r->dst.abbreviation))
        return false;
    r->dst.secs_east = r->std.secs_east + 3600;
    if (*p && *p != ',') {
        if (!parse_hms(&p, 24, &west))
            return false;
        r->dst.secs_east = -west;
    }
    if (*p == 0) /* the United States' rule, as everybody's default */
        p = ",M3.2.0,M11.1.0";
    if (*p++ != ',' || !parse_rule_date(&p, &r->start) || *p++ != ',' || !parse_rule_date(&p, &r->end))
        return false;
    return *p == 0;
}

/* Local midnight of the rule's day, in seconds since 1970 of the local clock, plus its time of day. */
static int64_t rule_local(const struct rule_date *r, int year)
{
    int64_t days;
    switch (r->kind) {
    case RULE_JULIAN: { /* 29 February is never counted */
        const bool leap = datetime_is_leap(year);
        days = datetime_days(year, 1, 1) + r->day - 1 + (leap && r->day >= 60);
        break;
    }
    case RULE_DAY:
        days = datetime_days(year, 1, 1) + r->day;
        break;
    case RULE_MONTH_WEEK_DAY:
    default: {
        const int64_t first = datetime_days(year, r->month, 1);
        const int weekday = datetime_weekday(first);
        int64_t day = (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
        while (day >= datetime_days_in_month(year, r->month))
            day -= 7;
        days = first + day;
        break;
    }
    }
    return (days - UNIX_EPOCH_DAYS) * SECS_PER_DAY + r->secs;
}

static int year_of(int64_t unix_secs)
{
    int y, m, d;
    const int64_t days = unix_secs >= 0 ? unix_secs / SECS_PER_DAY : -((-unix_secs + SECS_PER_DAY - 1) / SECS_PER_DAY);
    datetime_civil(days + UNIX_EPOCH_DAYS, &y, &m, &d);
    return y;
}

static const struct zone_type *rule_type_at(const struct rule *r, int64_t t)
{
    if (!r->has_dst)
        return &r->std;
    const int year = year_of(t + r->std.secs_east);
    const int64_t start = rule_local(&r->start, year) - r->std.secs_east;
    const int64_t end = rule_local(&r->end, year) - r->dst.secs_east;
    const bool dst = start < end ? t >= start && t < end : t >= start || t < end;
    return dst ? &r->dst : &r->std;
}

/* ---- TZif --------------------------------------------------------------- */

struct tzif_header {
    uint32_t isut, isstd, leap, times, types, chars;
};

static bool read_header(const uint8_t *p, size_t len, struct tzif_header *h)
{
    if (len < 44 || memcmp(p, "TZif", 4) != 0)
        return false;
    h->isut = get_u32be(p + 20);
    h->isstd = get_u32be(p + 24);
    h->leap = get_u32be(p + 28);
    h->times = get_u32be(p + 32);
    h->types = get_u32be(p + 36);
    h->chars = get_u32be(p + 40);
    return h->times <= TRANSITIONS_MAX && h->types >= 1 && h->types <= TYPES_MAX && h->chars <= 4096 && h->leap <= 4096 &&
           h->isut <= TYPES_MAX && h->isstd <= TYPES_MAX;
}

static size_t body_bytes(const struct tzif_header *h, size_t time_bytes)
{
    return h->times * (time_bytes + 1) + h->types * 6 + h->chars + h->leap * (time_bytes + 4) + h->isstd + h->isut;
}

static bool read_body(struct arena *a, const uint8_t *p, const struct tzif_header *h, size_t time_bytes, struct timezone *tz)
{
    int64_t *times = ARENA_ARRAY(a, int64_t, h->times + 1);
    for (uint32_t i = 0; i < h->times; i++) {
        times[i] = time_bytes == 8 ? (int64_t)get_u64be(p + 8 * i) : (int32_t)get_u32be(p + 4 * i);
        if (i > 0 && times[i] <= times[i - 1])
            return false;
    }
    p += h->times * time_bytes;
    uint8_t *types = arena_dup(a, p, h->times + 1);
    for (uint32_t i = 0; i < h->times; i++)
        if (types[i] >= h->types)
            return false;
    p += h->times;
    struct zone_type *type = ARENA_ARRAY(a, struct zone_type, h->types);
    const char *chars = (const char *)p + h->types * 6;
    for (uint32_t i = 0; i < h->types; i++, p += 6) {
        type[i].secs_east = (int32_t)get_u32be(p);
        type[i].dst = p[4] != 0;
        if (p[5] >= h->chars || type[i].secs_east < -26 * 3600 || type[i].secs_east > 26 * 3600)
            return false;
        for (size_t n = 0; n + 1 < ABBREVIATION_MAX && p[5] + n < h->chars && chars[p[5] + n]; n++)
            type[i].abbreviation[n] = chars[p[5] + n];
    }
    tz->ntransitions = h->times;
    tz->transitions = times;
    tz->types = types;
    tz->ntypes = h->types;
    tz->type = type;
    return true;
}

enum err timezone_parse(struct arena *a, const char *name, const uint8_t *bytes, size_t len, const struct timezone **ret,
                        struct diag *d)
{
    struct tzif_header h;
    struct timezone *tz = ARENA_NEW(a, struct timezone);
    tz->name = arena_strdup(a, name);
    if (!read_header(bytes, len, &h))
        return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\": not a TZif file", name);
    const uint8_t *p = bytes, *end = bytes + len;
    size_t time_bytes = 4;
    if (p[4] >= '2') { /* the second block has 64-bit times and a rule */
        const size_t skip = 44 + body_bytes(&h, 4);
        if (skip > len || !read_header(p + skip, len - skip, &h))
            return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\": the file is cut short", name);
        p += skip;
        time_bytes = 8;
    }
    const size_t body = body_bytes(&h, time_bytes);
    if ((size_t)(end - p) < 44 + body + (time_bytes == 8))
        return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\": the file is cut short", name);
    if (!read_body(a, p + 44, &h, time_bytes, tz))
        return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\": the file is damaged", name);
    p += 44 + body;
    if (time_bytes == 8 && *p == '\n') {
        const uint8_t *stop = memchr(p + 1, '\n', (size_t)(end - p - 1));
        if (stop && stop > p + 1 && !parse_rule(arena_strndup(a, (const char *)p + 1, (size_t)(stop - p - 1)), &tz->rule))
            return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\": bad rule", name);
    }
    *ret = tz;
    return ERR_OK;
}

enum err timezone_posix(struct arena *a, const char *name, const char *rule, const struct timezone **ret, struct diag *d)
{
    struct timezone tz = { 0 };
    if (!parse_rule(rule, &tz.rule))
        return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\" not recognized", name);
    tz.name = arena_strdup(a, name);
    *ret = arena_dup(a, &tz, sizeof tz);
    return ERR_OK;
}

const struct timezone *timezone_fixed(struct arena *a, const char *name, const char *abbreviation, int32_t secs_east)
{
    struct timezone *tz = ARENA_NEW(a, struct timezone);
    tz->name = arena_strdup(a, name);
    tz->rule.valid = true;
    tz->rule.std.secs_east = secs_east;
    strncpy(tz->rule.std.abbreviation, abbreviation, ABBREVIATION_MAX - 1);
    return tz;
}

const char *timezone_name(const struct timezone *tz)
{
    return tz->name;
}

/* ---- look-up ----------------------------------------------------------- */

static const struct zone_type *first_type(const struct timezone *tz)
{
    for (uint32_t i = 0; i < tz->ntypes; i++)
        if (!tz->type[i].dst)
            return &tz->type[i];
    return tz->ntypes ? &tz->type[0] : &tz->rule.std;
}

/* Number of transitions at or before t. */
static uint32_t transitions_before(const struct timezone *tz, int64_t t)
{
    uint32_t low = 0, high = tz->ntransitions;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (tz->transitions[mid] <= t)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static const struct zone_type *type_at_instant(const struct timezone *tz, int64_t t)
{
    const uint32_t n = transitions_before(tz, t);
    if (n == tz->ntransitions && tz->rule.valid)
        return rule_type_at(&tz->rule, t);
    return n ? &tz->type[tz->types[n - 1]] : first_type(tz);
}

int32_t timezone_offset_at(const struct timezone *tz, int64_t unix_secs, const char **ret_abbreviation)
{
    const struct zone_type *t = type_at_instant(tz, unix_secs);
    if (ret_abbreviation)
        *ret_abbreviation = t->abbreviation;
    return t->secs_east;
}

int32_t timezone_offset_of_local(const struct timezone *tz, int64_t local_secs)
{
    /* The offsets of a day earlier and later: zones move their clocks less often than that. */
    const int32_t before = type_at_instant(tz, local_secs - SECS_PER_DAY)->secs_east;
    const int32_t after = type_at_instant(tz, local_secs + SECS_PER_DAY)->secs_east;
    if (before == after)
        return before;
    const bool before_holds = type_at_instant(tz, local_secs - before)->secs_east == before;
    const bool after_holds = type_at_instant(tz, local_secs - after)->secs_east == after;
    if (before_holds != after_holds)
        return before_holds ? before : after;
    /* Skipped (neither holds): the clock before the move. Repeated (both): the clock after it. */
    return before_holds ? after : before;
}
