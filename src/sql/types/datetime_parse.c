/*
 * Dates and times as people write them.
 *
 * The text is cut into fields (a number, a date with separators, a clock time,
 * a word, an offset) and each field fills its part of the result, in order;
 * what a bare number means depends on what is known already.
 */
#include "sql/types/datetime.h"
#include "sql/types/timezone.h"
#include "sql/types/types_int.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELDS_MAX 25
#define TEXT_MAX 128
#define ZONE_SECS_MAX (16 * 3600) /* offsets are below this */

enum field_kind { FIELD_NUMBER, FIELD_DATE, FIELD_TIME, FIELD_WORD, FIELD_ZONE, FIELD_SIGNED_WORD };

struct field {
    enum field_kind kind;
    const char *s; /* lower case, ends with NUL */
};

enum { HAS_YEAR = 1, HAS_MONTH = 2, HAS_DAY = 4, HAS_DATE = 7, HAS_TIME = 8, HAS_ZONE = 16 };
enum half { HALF_NONE, HALF_AM, HALF_PM };
enum fault { FAULT_NONE, FAULT_SYNTAX, FAULT_RANGE, FAULT_MONTH_DAY, FAULT_ZONE_RANGE, FAULT_ZONE_NAME };

struct parser {
    const struct type_ctx *c;
    char text[2 * TEXT_MAX + FIELDS_MAX + 1];
    struct field field[FIELDS_MAX];
    unsigned nfields;
    unsigned have;
    struct civil t;
    bool text_month, two_digit_year, bc, is_julian, time_next, day_next_is_julian;
    enum half half;
    const struct timezone *zone; /* NULL with HAS_ZONE: secs_east counts */
    int32_t secs_east;
    bool is_special;
    int64_t special; /* UTC for now, local for others: see special_is_utc */
    bool special_is_utc;
    const char *zone_name; /* the one that was not recognized */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80;
}

/* ---- cutting into fields ----------------------------------------------- */

static size_t span(const char *s, size_t len, const char *also, bool letters)
{
    size_t n = 0;
    while (n < len && (is_digit(s[n]) || (letters && is_alpha(s[n])) || (s[n] && strchr(also, s[n]))))
        n++;
    return n;
}

/* A field that begins with a digit. */
static size_t scan_number(const char *s, size_t len, enum field_kind *kind)
{
    size_t n = span(s, len, "", false);
    *kind = FIELD_NUMBER;
    if (n == len)
        return n;
    if (s[n] == ':') {
        *kind = FIELD_TIME;
        return n + span(s + n, len - n, ":.", false);
    }
    if (s[n] != '-' && s[n] != '/' && s[n] != '.')
        return n;
    const char sep[2] = { s[n], 0 };
    n++;
    if (n < len && is_digit(s[n])) {
        *kind = sep[0] == '.' ? FIELD_NUMBER : FIELD_DATE;
        n += span(s + n, len - n, "", false);
        if (n < len && s[n] == sep[0]) {
            *kind = FIELD_DATE;
            n += span(s + n, len - n, sep, false);
        }
    } else if (sep[0] != '.' || (n < len && is_alpha(s[n]))) {
        *kind = FIELD_DATE;
        n += span(s + n, len - n, sep, true);
    }
    return n;
}

static size_t scan_word(const char *s, size_t len, enum field_kind *kind)
{
    size_t n = 0;
    while (n < len && is_alpha(s[n]))
        n++;
    *kind = FIELD_WORD;
    if (n < len && (s[n] == '-' || s[n] == '/' || s[n] == '.' || s[n] == '_') && n + 1 < len && (is_digit(s[n + 1]) || is_alpha(s[n + 1]))) {
        *kind = FIELD_DATE; /* Jan-2-2020, or the name of a zone */
        n += span(s + n, len - n, "+-/_.:", true);
    }
    return n;
}

static size_t scan_signed(const char *s, size_t len, enum field_kind *kind, size_t *skip)
{
    size_t n = 1;
    while (n < len && type__is_space(s[n]))
        n++;
    *skip = n - 1;
    if (n < len && is_digit(s[n])) {
        *kind = FIELD_ZONE;
        return n + span(s + n, len - n, ":", false);
    }
    *kind = FIELD_SIGNED_WORD;
    const size_t start = n;
    while (n < len && is_alpha(s[n]))
        n++;
    return n > start ? n : 0;
}

static bool split(struct parser *p, const char *s, size_t len)
{
    char *out = p->text;
    if (len > TEXT_MAX)
        return false;
    for (size_t i = 0; i < len;) {
        size_t n, skip = 0;
        enum field_kind kind;
        if (type__is_space(s[i]) || s[i] == ',') {
            i++;
            continue;
        }
        if (is_digit(s[i]) || (s[i] == '.' && i + 1 < len && is_digit(s[i + 1])))
            n = scan_number(s + i, len - i, &kind);
        else if (is_alpha(s[i]))
            n = scan_word(s + i, len - i, &kind);
        else if (s[i] == '+' || s[i] == '-')
            n = scan_signed(s + i, len - i, &kind, &skip);
        else
            return false;
        if (n == 0 || p->nfields == FIELDS_MAX)
            return false;
        p->field[p->nfields++] = (struct field){ kind, out };
        *out++ = type__ascii_lower(s[i]);
        for (size_t k = 1 + skip; k < n; k++)
            *out++ = type__ascii_lower(s[i + k]);
        *out++ = 0;
        i += n;
    }
    return p->nfields > 0;
}

/* ---- words ------------------------------------------------------------- */

/* The abbreviations that clients write most; others are found by the zone's full name. */
static const struct {
    const char *word;
    int minutes_east;
} abbreviations[] = {
    { "z", 0 },      { "utc", 0 },    { "gmt", 0 },    { "ut", 0 },     { "zulu", 0 },   { "uct", 0 },    { "wet", 0 },
    { "west", 60 },  { "bst", 60 },   { "cet", 60 },   { "cest", 120 }, { "met", 60 },   { "mest", 120 }, { "eet", 120 },
    { "eest", 180 }, { "msk", 180 },  { "est", -300 }, { "edt", -240 }, { "cst", -360 }, { "cdt", -300 }, { "mst", -420 },
    { "mdt", -360 }, { "pst", -480 }, { "pdt", -420 }, { "akst", -540 }, { "akdt", -480 }, { "hst", -600 }, { "ast", -240 },
    { "adt", -180 }, { "jst", 540 },  { "kst", 540 },  { "aest", 600 }, { "aedt", 660 }, { "awst", 480 }, { "nzst", 720 },
    { "nzdt", 780 }, { "ist", 120 },  { "sast", 120 }, { "brt", -180 }, { "pkt", 300 },
};

static bool find_abbreviation(const char *word, int32_t *ret_secs_east)
{
    for (size_t i = 0; i < ARRAY_LEN(abbreviations); i++)
        if (strcmp(word, abbreviations[i].word) == 0) {
            *ret_secs_east = abbreviations[i].minutes_east * 60;
            return true;
        }
    return false;
}

/* The full name or its first three letters; "sept", "tues", "thur", "thurs" too. 1-based, 0: none. */
static int find_name(const char *word, const char *const *names, int n)
{
    const size_t len = strlen(word);
    for (int i = 0; i < n; i++) {
        const bool is_short = len == 3 || (len == 4 && (strcmp(word, "sept") == 0 || strcmp(word, "tues") == 0 ||
                                                       strcmp(word, "thur") == 0)) ||
                              strcmp(word, "thurs") == 0;
        bool same = len <= strlen(names[i]) && (is_short || len == strlen(names[i]));
        for (size_t k = 0; same && k < len; k++)
            same = type__ascii_lower(names[i][k]) == word[k];
        if (same)
            return i + 1;
    }
    return 0;
}

static enum fault set_month(struct parser *p, int month)
{
    if (p->have & HAS_MONTH) {
        /* the number before it was not the month but the day */
        if (p->text_month || (p->have & HAS_DAY) || p->t.month < 1 || p->t.month > 31)
            return FAULT_SYNTAX;
        p->t.day = p->t.month;
        p->have |= HAS_DAY;
    }
    p->text_month = true;
    p->t.month = month;
    p->have |= HAS_MONTH;
    return FAULT_NONE;
}

static enum fault set_special(struct parser *p, int64_t v, bool is_utc)
{
    if (p->is_special)
        return FAULT_SYNTAX;
    p->is_special = true;
    p->special = v;
    p->special_is_utc = is_utc;
    p->have |= HAS_DATE;
    return FAULT_NONE;
}

/* today and its neighbours: the date of the session's clock */
static enum fault set_day(struct parser *p, int days)
{
    const int64_t day = timestamp_to_date(timestamp_to_local(p->c, p->c->now_us, NULL)) + days;
    if (p->have & HAS_DATE)
        return FAULT_SYNTAX;
    datetime_civil(day, &p->t.year, &p->t.month, &p->t.day);
    p->have |= HAS_DATE;
    return FAULT_NONE;
}

static enum fault set_zone_name(struct parser *p, const char *name)
{
    int32_t secs;
    if (p->have & HAS_ZONE)
        return FAULT_SYNTAX;
    if (find_abbreviation(name, &secs)) {
        p->secs_east = secs;
        p->zone = NULL;
    } else {
        p->zone = p->c->hooks && p->c->hooks->timezone_find
                      ? p->c->hooks->timezone_find(p->c->hooks_arg, name, strlen(name))
                      : NULL;
        if (!p->zone) {
            p->zone_name = name;
            return strpbrk(name, "/_") ? FAULT_ZONE_NAME : FAULT_SYNTAX;
        }
    }
    p->have |= HAS_ZONE;
    return FAULT_NONE;
}

static enum fault take_word(struct parser *p, const char *w)
{
    int n;
    if (strcmp(w, "t") == 0 && (p->have & HAS_DATE) == HAS_DATE) {
        p->time_next = true;
        return FAULT_NONE;
    }
    if (strcmp(w, "j") == 0 || strcmp(w, "jd") == 0 || strcmp(w, "julian") == 0) {
        p->day_next_is_julian = true;
        return FAULT_NONE;
    }
    if (strcmp(w, "am") == 0 || strcmp(w, "pm") == 0) {
        p->half = w[0] == 'a' ? HALF_AM : HALF_PM;
        return FAULT_NONE;
    }
    if (strcmp(w, "bc") == 0 || strcmp(w, "ad") == 0) {
        p->bc = w[0] == 'b';
        return FAULT_NONE;
    }
    if (strcmp(w, "at") == 0 || strcmp(w, "on") == 0)
        return FAULT_NONE;
    if (strcmp(w, "now") == 0)
        return set_special(p, p->c->now_us, true);
    if (strcmp(w, "epoch") == 0)
        return set_special(p, UNIX_EPOCH_USECS, true);
    if (strcmp(w, "infinity") == 0)
        return set_special(p, TIMESTAMP_INFINITY, true);
    if (strcmp(w, "today") == 0)
        return set_day(p, 0);
    if (strcmp(w, "tomorrow") == 0)
        return set_day(p, 1);
    if (strcmp(w, "yesterday") == 0)
        return set_day(p, -1);
    if (strcmp(w, "allballs") == 0) {
        p->have |= HAS_TIME | HAS_ZONE;
        return FAULT_NONE;
    }
    if ((n = find_name(w, datetime_months, 12)) > 0)
        return set_month(p, n);
    if (find_name(w, datetime_weekdays, 7) > 0)
        return FAULT_NONE;
    return set_zone_name(p, w);
}

/* ---- numbers ----------------------------------------------------------- */

static bool set_fraction(struct parser *p, const char *s)
{
    char *end;
    if (s[0] != '.' || s[strspn(s + 1, "0123456789") + 1] != 0)
        return false;
    p->t.usec = s[1] ? (int)rint(strtod(s, &end) * 1e6) : 0;
    return true;
}

static int number(const char *s, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n && v <= INT_MAX; i++)
        v = v * 10 + (s[i] - '0');
    return (int)MIN(v, (int64_t)INT_MAX);
}

static enum fault set_year(struct parser *p, int v, size_t digits)
{
    p->t.year = v;
    p->two_digit_year = digits <= 2;
    p->have |= HAS_YEAR;
    return FAULT_NONE;
}

static enum fault set_part(struct parser *p, unsigned part, int v)
{
    if (part == HAS_MONTH)
        p->t.month = v;
    else
        p->t.day = v;
    p->have |= part;
    return FAULT_NONE;
}

/* hhmmss, hhmm: only after a date. yyyymmdd, yymmdd: before one. */
static enum fault take_run(struct parser *p, const char *s, size_t n)
{
    const bool has_date = (p->have & HAS_DATE) == HAS_DATE;
    if (s[n] == '.' && !set_fraction(p, s + n))
        return FAULT_SYNTAX;
    if (!has_date) {
        if (n < 6)
            return FAULT_SYNTAX;
        p->t.day = number(s + n - 2, 2);
        p->t.month = number(s + n - 4, 2);
        set_year(p, number(s, n - 4), n - 4);
        p->have |= HAS_DATE;
        return FAULT_NONE;
    }
    if (p->have & HAS_TIME || (n != 6 && n != 4 && !(n == 2 && p->time_next)))
        return FAULT_SYNTAX;
    p->t.hour = number(s, 2);
    p->t.minute = n >= 4 ? number(s + 2, 2) : 0;
    p->t.second = n == 6 ? number(s + 4, 2) : 0;
    p->have |= HAS_TIME;
    p->time_next = false;
    return FAULT_NONE;
}

/* One number of a date: which part it is depends on those before it and on the session's order. */
static enum fault take_part(struct parser *p, const char *s, size_t n)
{
    const int v = number(s, n);
    const bool dmy = p->c->datestyle_dmy;
    switch (p->have & HAS_DATE) {
    case 0:
        return n >= 3 ? set_year(p, v, n) : set_part(p, dmy ? HAS_DAY : HAS_MONTH, v);
    case HAS_YEAR:
        return set_part(p, HAS_MONTH, v);
    case HAS_MONTH:
        return p->text_month && n >= 3 ? set_year(p, v, n) : set_part(p, HAS_DAY, v);
    case HAS_YEAR | HAS_MONTH:
        if (p->text_month && n >= 3 && p->two_digit_year) { /* the first number was the day */
            set_part(p, HAS_DAY, p->t.year);
            return set_year(p, v, n);
        }
        return set_part(p, HAS_DAY, v);
    case HAS_DAY:
        return set_part(p, HAS_MONTH, v);
    case HAS_MONTH | HAS_DAY:
        return set_year(p, v, n);
    default:
        return FAULT_SYNTAX;
    }
}

static enum fault take_number(struct parser *p, const char *s)
{
    const size_t n = strspn(s, "0123456789");
    if (p->day_next_is_julian) {
        p->day_next_is_julian = false;
        if (s[n] || (p->have & HAS_DATE) || n > 9)
            return FAULT_SYNTAX;
        datetime_civil((int64_t)number(s, n) - JULIAN_2000, &p->t.year, &p->t.month, &p->t.day);
        p->have |= HAS_DATE;
        p->is_julian = true;
        return FAULT_NONE;
    }
    if ((p->have & HAS_DATE) == HAS_DATE || p->time_next)
        return take_run(p, s, n);
    if (s[n] == '.') {
        if (n == 4 && s[n + 1] && strspn(s + n + 1, "0123456789") == 3 && s[n + 4] == 0) { /* year and day of the year */
            const int year = number(s, 4);
            datetime_civil(datetime_days(year, 1, 1) + number(s + n + 1, 3) - 1, &p->t.year, &p->t.month, &p->t.day);
            p->have |= HAS_DATE;
            return FAULT_NONE;
        }
        return n >= 6 && !(p->have & HAS_DATE) ? take_run(p, s, n) : FAULT_SYNTAX;
    }
    if (n >= 6 && !(p->have & HAS_DATE))
        return take_run(p, s, n);
    return take_part(p, s, n);
}

/* Parts joined by '-', '/' or '.': numbers and at most one month's name. */
static enum fault take_date(struct parser *p, const char *s)
{
    if (is_alpha(s[0]) && (p->have & (HAS_DATE | HAS_TIME)) && find_name((char[4]){ s[0], s[1], s[2], 0 }, datetime_months, 12) == 0)
        return set_zone_name(p, s);
    if ((p->have & HAS_DATE) == HAS_DATE || p->have & HAS_TIME) /* after a time the date must be in separate words */
        return is_alpha(s[0]) ? set_zone_name(p, s) : FAULT_SYNTAX;
    char part[3][TEXT_MAX + 1];
    unsigned n = 0;
    for (const char *q = s; *q;) {
        const size_t len = is_digit(*q) ? strspn(q, "0123456789") : strcspn(q, "0123456789-/._+:");
        if (len == 0 || n == 3)
            return FAULT_SYNTAX;
        memcpy(part[n], q, len);
        part[n++][len] = 0;
        q += len;
        if (*q && strchr("-/.", *q) && q[1])
            q++;
        else if (*q)
            return is_alpha(s[0]) ? set_zone_name(p, s) : FAULT_SYNTAX;
    }
    for (unsigned i = 0; i < n; i++) /* the name first: it settles what the numbers are */
        if (is_alpha(part[i][0])) {
            const int month = find_name(part[i], datetime_months, 12);
            if (month == 0)
                return i == 0 ? set_zone_name(p, s) : FAULT_SYNTAX;
            const enum fault f = set_month(p, month);
            if (f)
                return f;
        }
    for (unsigned i = 0; i < n; i++)
        if (is_digit(part[i][0])) {
            const enum fault f = take_part(p, part[i], strlen(part[i]));
            if (f)
                return f;
        }
    return FAULT_NONE;
}

static enum fault take_time(struct parser *p, const char *s)
{
    if (p->have & HAS_TIME)
        return FAULT_SYNTAX;
    size_t n = strspn(s, "0123456789");
    p->t.hour = number(s, n);
    s += n;
    if (*s++ != ':')
        return FAULT_SYNTAX;
    n = strspn(s, "0123456789");
    p->t.minute = number(s, n);
    p->t.second = p->t.usec = 0;
    s += n;
    if (*s == ':') {
        n = strspn(++s, "0123456789");
        if (n == 0)
            return FAULT_SYNTAX;
        p->t.second = number(s, n);
        s += n;
        if (*s && !set_fraction(p, s))
            return FAULT_SYNTAX;
    } else if (*s) {
        return FAULT_SYNTAX;
    }
    p->have |= HAS_TIME;
    p->time_next = false;
    return FAULT_NONE;
}

/* +hh, +hhmm, +hhmmss, +hh:mm, +hh:mm:ss */
static enum fault take_zone(struct parser *p, const char *s)
{
    if (p->have & HAS_ZONE && p->zone)
        return FAULT_SYNTAX;
    const int sign = *s++ == '-' ? -1 : 1;
    int h, m = 0, sec = 0;
    size_t n = strspn(s, "0123456789");
    if (n == 0)
        return FAULT_SYNTAX;
    if (s[n] == ':') {
        h = number(s, n);
        s += n + 1;
        n = strspn(s, "0123456789");
        m = number(s, n);
        s += n;
        if (*s == ':') {
            n = strspn(++s, "0123456789");
            sec = number(s, n);
            s += n;
        }
        if (*s)
            return FAULT_SYNTAX;
    } else if (n > 2 && n <= 6) {
        const size_t head = n % 2 ? 1 : 2;
        h = number(s, head);
        m = number(s + head, 2);
        sec = n > head + 2 ? number(s + head + 2, 2) : 0;
    } else {
        h = number(s, n);
    }
    if (h > 15 || m > 59 || sec > 59)
        return FAULT_ZONE_RANGE;
    p->secs_east = sign * (h * 3600 + m * 60 + sec);
    p->zone = NULL;
    p->have |= HAS_ZONE;
    return FAULT_NONE;
}

static enum fault take_signed_word(struct parser *p, const char *s)
{
    return strcmp(s, "-infinity") == 0 ? set_special(p, TIMESTAMP_NEG_INFINITY, true) : FAULT_SYNTAX;
}

static enum fault take_fields(struct parser *p)
{
    for (unsigned i = 0; i < p->nfields; i++) {
        const char *s = p->field[i].s;
        enum fault f = FAULT_SYNTAX;
        switch (p->field[i].kind) {
        case FIELD_NUMBER:
            f = take_number(p, s);
            break;
        case FIELD_DATE:
            f = take_date(p, s);
            break;
        case FIELD_TIME:
            f = take_time(p, s);
            break;
        case FIELD_WORD:
            f = take_word(p, s);
            break;
        case FIELD_ZONE:
            f = take_zone(p, s);
            break;
        case FIELD_SIGNED_WORD:
            f = take_signed_word(p, s);
            break;
        }
        if (f)
            return f;
    }
    return p->time_next || p->day_next_is_julian ? FAULT_SYNTAX : FAULT_NONE;
}

/* ---- checking ---------------------------------------------------------- */

static enum fault check(struct parser *p)
{
    if ((p->have & HAS_DATE) != HAS_DATE)
        return FAULT_SYNTAX;
    if (p->is_special)
        return FAULT_NONE;
    struct civil *t = &p->t;
    if (p->bc) {
        if (t->year <= 0)
            return FAULT_RANGE;
        t->year = 1 - t->year;
    } else if (p->two_digit_year) {
        t->year += t->year < 70 ? 2000 : t->year < 100 ? 1900 : 0;
    } else if (t->year == 0 && !p->is_julian) {
        return FAULT_RANGE;
    }
    if (t->month < 1 || t->month > 12 || t->day < 1 || t->day > 31)
        return FAULT_MONTH_DAY;
    if (t->day > datetime_days_in_month(t->year, t->month))
        return FAULT_RANGE;
    if (p->half != HALF_NONE && (t->hour > 12 || !(p->have & HAS_TIME)))
        return FAULT_RANGE;
    if (p->half == HALF_AM && t->hour == 12)
        t->hour = 0;
    else if (p->half == HALF_PM && t->hour != 12)
        t->hour += 12;
    if (t->minute > 59 || t->second > 60 || t->hour > 24 || (t->hour == 24 && (t->minute || t->second || t->usec)))
        return FAULT_RANGE;
    return FAULT_NONE;
}

static enum err report(const struct parser *p, enum fault f, enum datetime_kind kind, const char *s, size_t len, struct diag *d)
{
    static const char *const names[] = { "date", "timestamp", "timestamp with time zone" };
    const int n = (int)len;
    switch (f) {
    case FAULT_NONE:
        break;
    case FAULT_SYNTAX:
        return diag_set(d, ERR_DATETIME_FORMAT, "invalid input syntax for type %s: \"%.*s\"", names[kind], n, s);
    case FAULT_RANGE:
        return diag_set(d, ERR_DATETIME_OVERFLOW, "date/time field value out of range: \"%.*s\"", n, s);
    case FAULT_MONTH_DAY:
        diag_set(d, ERR_DATETIME_OVERFLOW, "date/time field value out of range: \"%.*s\"", n, s);
        return diag_hint(d, "Perhaps you need a different \"datestyle\" setting.");
    case FAULT_ZONE_RANGE:
        return diag_set(d, ERR_TIMEZONE, "time zone displacement out of range: \"%.*s\"", n, s);
    case FAULT_ZONE_NAME:
        return diag_set(d, ERR_PARAMETER_VALUE, "time zone \"%s\" not recognized", p->zone_name);
    }
    return ERR_OK;
}

static enum err result_date(const struct parser *p, const char *s, size_t len, int64_t *ret, struct diag *d)
{
    if (p->is_special) {
        const bool finite = timestamp_is_finite(p->special);
        /* the epoch is a date, whatever the zone; now is today's */
        const int64_t t = !finite || p->special == UNIX_EPOCH_USECS ? p->special : timestamp_to_local(p->c, p->special, NULL);
        *ret = timestamp_to_date(t);
        return ERR_OK;
    }
    const int64_t days = datetime_days(p->t.year, p->t.month, p->t.day);
    if (days < DATE_MIN || days >= DATE_END)
        return diag_set(d, ERR_DATETIME_OVERFLOW, "date out of range: \"%.*s\"", (int)len, s);
    *ret = days;
    return ERR_OK;
}

static enum err result_timestamp(const struct parser *p, enum datetime_kind kind, const char *s, size_t len, int64_t *ret,
                                 struct diag *d)
{
    if (p->is_special) {
        *ret = p->special;
        if (kind == DATETIME_TIMESTAMP && p->special != UNIX_EPOCH_USECS)
            *ret = timestamp_to_local(p->c, p->special, NULL);
        return ERR_OK;
    }
    int64_t t = 0;
    bool ok = civil_to_local(&p->t, &t);
    if (ok && kind == DATETIME_TIMESTAMPTZ) {
        if (!(p->have & HAS_ZONE))
            ok = timestamp_from_local(p->c, t, &t);
        else
            t = p->zone ? timestamp_from_zone(p->zone, t) : t - p->secs_east * USECS_PER_SEC;
    }
    ok = ok && timestamp_is_valid(t);
    if (!ok)
        return diag_set(d, ERR_DATETIME_OVERFLOW, "timestamp out of range: \"%.*s\"", (int)len, s);
    *ret = t;
    return ERR_OK;
}

enum err datetime_parse(const struct type_ctx *c, enum datetime_kind kind, const char *s, size_t len, int64_t *ret,
                        struct diag *d)
{
    struct parser p = { .c = c };
    enum fault f = FAULT_SYNTAX;
    if (split(&p, s, len))
        f = take_fields(&p);
    if (!f)
        f = check(&p);
    if (f)
        return report(&p, f, kind, s, len, d);
    return kind == DATETIME_DATE ? result_date(&p, s, len, ret, d) : result_timestamp(&p, kind, s, len, ret, d);
}

/* ---- zones by name ----------------------------------------------------- */

const struct timezone *datetime_find_zone(const struct type_ctx *c, const char *name, size_t len)
{
    struct parser p = { .c = c };
    char lower[TEXT_MAX + 1];
    if (len == 0 || len > TEXT_MAX)
        return NULL;
    for (size_t i = 0; i < len; i++)
        lower[i] = type__ascii_lower(name[i]);
    lower[len] = 0;
    int32_t secs;
    const char *given = arena_strndup(c->arena, name, len);
    if (find_abbreviation(lower, &secs)) {
        char *upper = arena_strndup(c->arena, name, len);
        for (char *q = upper; *q; q++)
            *q = (char)(*q >= 'a' && *q <= 'z' ? *q - 32 : *q);
        return timezone_fixed(c->arena, given, upper, secs);
    }
    if ((lower[0] == '+' || lower[0] == '-' || is_digit(lower[0]))) {
        /* A bare offset counts west of Greenwich, as POSIX has it. */
        char with_sign[TEXT_MAX + 2];
        snprintf(with_sign, sizeof(with_sign), "%s%s", is_digit(lower[0]) ? "+" : "", lower);
        if (take_zone(&p, with_sign) == FAULT_NONE)
            return timezone_fixed(c->arena, given, given, -p.secs_east);
    }
    return c->hooks && c->hooks->timezone_find ? c->hooks->timezone_find(c->hooks_arg, name, len) : NULL;
}
