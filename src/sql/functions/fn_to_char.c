/*
 * to_char() of timestamps: the patterns of PostgreSQL's table but for those
 * that depend on a locale.
 */
#include "sql/functions/kernels.h"
#include "sql/types/datetime.h"
#include "sql/types/timezone.h"

#include <stdio.h>
#include <stdlib.h>

struct moment {
    struct civil t;
    int64_t days;
    const int32_t *secs_east; /* NULL: without zone */
    const char *abbreviation;
};

enum letter_case { CASE_UPPER, CASE_TITLE, CASE_LOWER };

enum pattern {
    PAT_AD, PAT_AM, PAT_CC, PAT_D, PAT_DAY, PAT_DD, PAT_DDD, PAT_DY, PAT_HH12, PAT_HH24, PAT_ID, PAT_IDDD, PAT_IW, PAT_IYYY, PAT_IYY,
    PAT_IY, PAT_I, PAT_J, PAT_MI, PAT_MM, PAT_MON, PAT_MONTH, PAT_MS, PAT_OF, PAT_Q, PAT_RM, PAT_SS, PAT_SSSS, PAT_TZ, PAT_TZH,
    PAT_TZM, PAT_US, PAT_W, PAT_WW, PAT_Y_YYY, PAT_YYYY, PAT_YYY, PAT_YY, PAT_Y,
};

/* Longest first where one begins with another. */
static const struct {
    const char *word;
    enum pattern pattern;
    enum letter_case letters;
    bool any_case;
} words[] = {
    { "A.D.", PAT_AD, CASE_UPPER, false }, { "A.M.", PAT_AM, CASE_UPPER, false }, { "AD", PAT_AD, CASE_UPPER, false },
    { "AM", PAT_AM, CASE_UPPER, false }, { "B.C.", PAT_AD, CASE_UPPER, false }, { "BC", PAT_AD, CASE_UPPER, false },
    { "P.M.", PAT_AM, CASE_UPPER, false }, { "PM", PAT_AM, CASE_UPPER, false }, { "a.d.", PAT_AD, CASE_LOWER, false },
    { "a.m.", PAT_AM, CASE_LOWER, false }, { "ad", PAT_AD, CASE_LOWER, false }, { "am", PAT_AM, CASE_LOWER, false },
    { "b.c.", PAT_AD, CASE_LOWER, false }, { "bc", PAT_AD, CASE_LOWER, false }, { "p.m.", PAT_AM, CASE_LOWER, false },
    { "pm", PAT_AM, CASE_LOWER, false }, { "DAY", PAT_DAY, CASE_UPPER, false }, { "Day", PAT_DAY, CASE_TITLE, false },
    { "day", PAT_DAY, CASE_LOWER, false }, { "DY", PAT_DY, CASE_UPPER, false }, { "Dy", PAT_DY, CASE_TITLE, false },
    { "dy", PAT_DY, CASE_LOWER, false }, { "MONTH", PAT_MONTH, CASE_UPPER, false }, { "Month", PAT_MONTH, CASE_TITLE, false },
    { "month", PAT_MONTH, CASE_LOWER, false }, { "MON", PAT_MON, CASE_UPPER, false }, { "Mon", PAT_MON, CASE_TITLE, false },
    { "mon", PAT_MON, CASE_LOWER, false }, { "RM", PAT_RM, CASE_UPPER, false }, { "rm", PAT_RM, CASE_LOWER, false },
    { "TZH", PAT_TZH, CASE_UPPER, true }, { "TZM", PAT_TZM, CASE_UPPER, true }, { "TZ", PAT_TZ, CASE_UPPER, false },
    { "tz", PAT_TZ, CASE_LOWER, false }, { "CC", PAT_CC, CASE_UPPER, true }, { "DDD", PAT_DDD, CASE_UPPER, true },
    { "DD", PAT_DD, CASE_UPPER, true }, { "D", PAT_D, CASE_UPPER, true }, { "HH24", PAT_HH24, CASE_UPPER, true },
    { "HH12", PAT_HH12, CASE_UPPER, true }, { "HH", PAT_HH12, CASE_UPPER, true }, { "IDDD", PAT_IDDD, CASE_UPPER, true },
    { "ID", PAT_ID, CASE_UPPER, true }, { "IW", PAT_IW, CASE_UPPER, true }, { "IYYY", PAT_IYYY, CASE_UPPER, true },
    { "IYY", PAT_IYY, CASE_UPPER, true }, { "IY", PAT_IY, CASE_UPPER, true }, { "I", PAT_I, CASE_UPPER, true },
    { "J", PAT_J, CASE_UPPER, true }, { "MI", PAT_MI, CASE_UPPER, true }, { "MM", PAT_MM, CASE_UPPER, true },
    { "MS", PAT_MS, CASE_UPPER, true }, { "OF", PAT_OF, CASE_UPPER, true }, { "Q", PAT_Q, CASE_UPPER, true },
    { "SSSSS", PAT_SSSS, CASE_UPPER, true }, { "SSSS", PAT_SSSS, CASE_UPPER, true }, { "SS", PAT_SS, CASE_UPPER, true },
    { "US", PAT_US, CASE_UPPER, true }, { "WW", PAT_WW, CASE_UPPER, true }, { "W", PAT_W, CASE_UPPER, true },
    { "Y,YYY", PAT_Y_YYY, CASE_UPPER, true }, { "YYYY", PAT_YYYY, CASE_UPPER, true }, { "YYY", PAT_YYY, CASE_UPPER, true },
    { "YY", PAT_YY, CASE_UPPER, true }, { "Y", PAT_Y, CASE_UPPER, true },
};

static bool begins(const char *s, size_t len, const char *word, bool any_case)
{
    const size_t n = strlen(word);
    if (len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char c = any_case && s[i] >= 'a' && s[i] <= 'z' ? (char)(s[i] - 32) : s[i];
        if (c != word[i])
            return false;
    }
    return true;
}

static void put_name(struct buf *b, const char *name, size_t n, enum letter_case letters, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        char ch = name[i];
        if (letters == CASE_UPPER && ch >= 'a' && ch <= 'z')
            ch = (char)(ch - 32);
        if (letters == CASE_LOWER && ch >= 'A' && ch <= 'Z')
            ch = (char)(ch + 32);
        buf_put_u8(b, (uint8_t)ch);
    }
    for (; n < width; n++)
        buf_put_u8(b, ' ');
}

static void put_number(struct buf *b, int64_t v, int width, bool fill)
{
    const bool negative = v < 0;
    buf_printf(b, "%s%0*" PRId64, negative ? "-" : "", fill ? width : 0, negative ? -v : v);
}

static void put_ordinal(struct buf *b, int64_t v, bool upper)
{
    const int64_t n = v < 0 ? -v : v;
    const char *th = n % 100 / 10 == 1 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
    put_name(b, th, 2, upper ? CASE_UPPER : CASE_LOWER, 2);
}

static void put_year(struct buf *b, int year, int digits, bool fill)
{
    static const int modulus[] = { 0, 10, 100, 1000 };
    const int shown = year > 0 ? year : 1 - year;
    put_number(b, digits == 4 ? shown : shown % modulus[digits], digits, fill);
}

/* Numbers go through *num so that an ordinal suffix can follow. False: the pattern is no number. */
static bool put_pattern(struct buf *b, enum pattern p, enum letter_case letters, bool dots, bool fill, const struct moment *m,
                        int64_t *num)
{
    static const char *const roman[] = { "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII" };
    const struct civil *t = &m->t;
    const int weekday = datetime_weekday(m->days);
    int iso_year, width = 2;
    const int week = datetime_iso_week(m->days, &iso_year);
    const int32_t east = m->secs_east ? *m->secs_east : 0;
    const int abs_east = abs(east);
    switch (p) {
    case PAT_AD:
        put_name(b, t->year > 0 ? (dots ? "A.D." : "AD") : dots ? "B.C." : "BC", dots ? 4 : 2, letters, 0);
        return false;
    case PAT_AM:
        put_name(b, t->hour < 12 ? (dots ? "A.M." : "AM") : dots ? "P.M." : "PM", dots ? 4 : 2, letters, 0);
        return false;
    case PAT_DAY:
        put_name(b, datetime_weekdays[weekday], strlen(datetime_weekdays[weekday]), letters, fill ? 9 : 0);
        return false;
    case PAT_DY:
        put_name(b, datetime_weekdays[weekday], 3, letters, 0);
        return false;
    case PAT_MONTH:
        put_name(b, datetime_months[t->month - 1], strlen(datetime_months[t->month - 1]), letters, fill ? 9 : 0);
        return false;
    case PAT_MON:
        put_name(b, datetime_months[t->month - 1], 3, letters, 0);
        return false;
    case PAT_RM:
        put_name(b, roman[t->month - 1], strlen(roman[t->month - 1]), letters, fill ? 4 : 0);
        return false;
    case PAT_TZ:
        put_name(b, m->abbreviation, strlen(m->abbreviation), letters, 0);
        return false;
    case PAT_OF:
        buf_printf(b, "%c%0*d", east < 0 ? '-' : '+', fill ? 2 : 0, abs_east / 3600);
        if (abs_east % 3600)
            buf_printf(b, ":%02d", abs_east / 60 % 60);
        return false;
    case PAT_TZH:
        buf_printf(b, "%c%02d", east < 0 ? '-' : '+', abs_east / 3600);
        return false;
    case PAT_TZM:
        buf_printf(b, "%02d", abs_east / 60 % 60);
        return false;
    case PAT_Y_YYY: {
        const int shown = t->year > 0 ? t->year : 1 - t->year;
        buf_printf(b, "%d,%03d", shown / 1000, shown % 1000);
        return false;
    }
    case PAT_YYYY:
    case PAT_YYY:
    case PAT_YY:
    case PAT_Y:
        *num = t->year > 0 ? t->year : 1 - t->year;
        put_year(b, t->year, 4 - (int)(p - PAT_YYYY), fill);
        return true;
    case PAT_IYYY:
    case PAT_IYY:
    case PAT_IY:
    case PAT_I:
        *num = iso_year > 0 ? iso_year : 1 - iso_year;
        put_year(b, iso_year, 4 - (int)(p - PAT_IYYY), fill);
        return true;
    case PAT_CC:
        *num = t->year > 0 ? (t->year + 99) / 100 : -((99 - (t->year - 1)) / 100);
        break;
    case PAT_D:
        *num = weekday + 1;
        width = 1;
        break;
    case PAT_ID:
        *num = (weekday + 6) % 7 + 1;
        width = 1;
        break;
    case PAT_DD:
        *num = t->day;
        break;
    case PAT_DDD:
        *num = m->days - datetime_days(t->year, 1, 1) + 1;
        width = 3;
        break;
    case PAT_IDDD:
        *num = (week - 1) * 7 + (weekday + 6) % 7 + 1;
        width = 3;
        break;
    case PAT_HH12:
        *num = t->hour % 12 == 0 ? 12 : t->hour % 12;
        break;
    case PAT_HH24:
        *num = t->hour;
        break;
    case PAT_IW:
        *num = week;
        break;
    case PAT_J:
        *num = m->days + JULIAN_2000;
        width = 1;
        break;
    case PAT_MI:
        *num = t->minute;
        break;
    case PAT_MM:
        *num = t->month;
        break;
    case PAT_MS:
        *num = t->usec / 1000;
        width = 3;
        fill = true;
        break;
    case PAT_US:
        *num = t->usec;
        width = 6;
        fill = true;
        break;
    case PAT_Q:
        *num = (t->month - 1) / 3 + 1;
        width = 1;
        break;
    case PAT_SS:
        *num = t->second;
        break;
    case PAT_SSSS:
        *num = t->hour * 3600 + t->minute * 60 + t->second;
        width = 1;
        break;
    case PAT_W:
        *num = (t->day - 1) / 7 + 1;
        width = 1;
        break;
    case PAT_WW:
        *num = (m->days - datetime_days(t->year, 1, 1)) / 7 + 1;
        break;
    }
    put_number(b, *num, width, fill);
    return true;
}

static void format(struct str f, const struct moment *m, struct buf *b)
{
    for (size_t i = 0; i < f.len;) {
        const char *s = f.p + i;
        const size_t left = f.len - i;
        if (*s == '"') {
            for (i++; i < f.len && f.p[i] != '"'; i++) {
                if (f.p[i] == '\\' && i + 1 < f.len)
                    i++;
                buf_put_u8(b, (uint8_t)f.p[i]);
            }
            i++;
            continue;
        }
        if (*s == '\\' && left > 1 && s[1] == '"') {
            buf_put_u8(b, '"');
            i += 2;
            continue;
        }
        const bool fill = !begins(s, left, "FM", true);
        const size_t skip = fill ? 0 : 2;
        size_t w = 0;
        while (w < ARRAY_LEN(words) && !begins(s + skip, left - skip, words[w].word, words[w].any_case))
            w++;
        if (w == ARRAY_LEN(words)) {
            if (fill)
                buf_put_u8(b, (uint8_t)*s);
            i += fill ? 1 : 2;
            continue;
        }
        int64_t num = 0;
        i += skip + strlen(words[w].word);
        const bool is_number = put_pattern(b, words[w].pattern, words[w].letters, words[w].word[1] == '.', fill, m, &num);
        if (is_number && i + 1 < f.len && (memcmp(f.p + i, "TH", 2) == 0 || memcmp(f.p + i, "th", 2) == 0)) {
            put_ordinal(b, num, f.p[i] == 'T');
            i += 2;
        }
    }
}

static enum err to_char(struct func_ctx *c, int64_t local, struct moment *m, struct str f, union datum *r, bool *null)
{
    *null = f.len == 0 || !timestamp_is_finite(local);
    if (*null)
        return ERR_OK;
    timestamp_to_civil(local, &m->t);
    m->days = datetime_days(m->t.year, m->t.month, m->t.day);
    struct buf b;
    buf_init(&b);
    format(f, m, &b);
    const enum err err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

ROW_KERNEL(to_char_timestamp, 2)
{
    struct moment m = { .abbreviation = "" };
    return to_char(c, a[0].i, &m, a[1].s, r, null);
}

ROW_KERNEL(to_char_timestamptz, 2)
{
    int32_t east;
    struct moment m = { .abbreviation = "UTC" };
    const int64_t local = timestamp_to_local(&c->types, a[0].i, &east);
    m.secs_east = &east;
    if (c->types.tz && timestamp_is_finite(a[0].i))
        timezone_offset_at(c->types.tz, a[0].i / USECS_PER_SEC - UNIX_EPOCH_USECS / USECS_PER_SEC, &m.abbreviation);
    return to_char(c, local, &m, a[1].s, r, null);
}
