/*
 * Text (ISO style) and binary forms of date, timestamp and timestamptz.
 */
#include "sql/types/datetime.h"
#include "sql/types/types_int.h"

#include <stdlib.h>

/* ---- output ------------------------------------------------------------ */

static char *put_digits(char *p, int v, int width)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + width;
}

static char *put_date(char *p, int year, int month, int day)
{
    const int shown = year > 0 ? year : 1 - year;
    int width = 4;
    for (int y = shown / 10000; y; y /= 10)
        width++;
    p = put_digits(p, shown, width);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    return put_digits(p, day, 2);
}

static char *put_time(char *p, const struct civil *c)
{
    p = put_digits(p, c->hour, 2);
    *p++ = ':';
    p = put_digits(p, c->minute, 2);
    *p++ = ':';
    p = put_digits(p, c->second, 2);
    if (c->usec) {
        *p++ = '.';
        p = put_digits(p, c->usec, 6);
        while (p[-1] == '0')
            p--;
    }
    return p;
}

/* +hh, +hh:mm or +hh:mm:ss */
static char *put_zone(char *p, int32_t secs_east)
{
    const int secs = abs(secs_east);
    *p++ = secs_east < 0 ? '-' : '+';
    p = put_digits(p, secs / 3600, 2);
    if (secs % 3600) {
        *p++ = ':';
        p = put_digits(p, secs / 60 % 60, 2);
    }
    if (secs % 60) {
        *p++ = ':';
        p = put_digits(p, secs % 60, 2);
    }
    return p;
}

static void finish(struct buf *b, char *text, char *p, int year)
{
    if (year <= 0) {
        memcpy(p, " BC", 3);
        p += 3;
    }
    buf_put(b, text, (size_t)(p - text));
}

void type__date_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    char text[64];
    int year, month, day;
    if (!date_is_finite(v.i)) {
        buf_put_str(b, v.i == DATE_INFINITY ? "infinity" : "-infinity");
        return;
    }
    datetime_civil(v.i, &year, &month, &day);
    finish(b, text, put_date(text, year, month, day), year);
}

static void timestamp_out(int64_t local, const int32_t *secs_east, struct buf *b)
{
    char text[80], *p;
    struct civil t;
    if (!timestamp_is_finite(local)) {
        buf_put_str(b, local == TIMESTAMP_INFINITY ? "infinity" : "-infinity");
        return;
    }
    timestamp_to_civil(local, &t);
    p = put_date(text, t.year, t.month, t.day);
    *p++ = ' ';
    p = put_time(p, &t);
    if (secs_east)
        p = put_zone(p, *secs_east);
    finish(b, text, p, t.year);
}

void type__timestamp_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    timestamp_out(v.i, NULL, b);
}

void type__timestamptz_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    int32_t secs_east;
    const int64_t local = timestamp_to_local(c, v.i, &secs_east);
    timestamp_out(local, &secs_east, b);
}

/* ---- input ------------------------------------------------------------- */

enum err type__date_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    int64_t v;
    const enum err err = datetime_parse(c, DATETIME_DATE, s, len, &v, d);
    if (err)
        return err;
    *ret = datum_int(v);
    return ERR_OK;
}

static enum err timestamp_in(const struct type_ctx *c, enum datetime_kind kind, const char *s, size_t len, int32_t typmod,
                             union datum *ret, struct diag *d)
{
    int64_t v;
    const enum err err = datetime_parse(c, kind, s, len, &v, d);
    if (err)
        return err;
    *ret = datum_int(timestamp_round(v, typmod));
    return ERR_OK;
}

enum err type__timestamp_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    return timestamp_in(c, DATETIME_TIMESTAMP, s, len, typmod, ret, d);
}

enum err type__timestamptz_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret,
                              struct diag *d)
{
    return timestamp_in(c, DATETIME_TIMESTAMPTZ, s, len, typmod, ret, d);
}

/* ---- binary ------------------------------------------------------------ */

enum err type__date_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    union datum v;
    const enum err err = type__int4_recv(c, p, len, typmod, &v, d);
    if (err)
        return err;
    if (date_is_finite(v.i) && (v.i < DATE_MIN || v.i >= DATE_END))
        return diag_set(d, ERR_DATETIME_OVERFLOW, "date out of range");
    *ret = v;
    return ERR_OK;
}

void type__date_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    type__int4_send(c, v, b);
}

enum err type__timestamp_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                              struct diag *d)
{
    union datum v;
    const enum err err = type__int8_recv(c, p, len, typmod, &v, d);
    if (err)
        return err;
    if (timestamp_is_finite(v.i) && !timestamp_is_valid(v.i))
        return diag_set(d, ERR_DATETIME_OVERFLOW, "timestamp out of range");
    *ret = datum_int(timestamp_round(v.i, typmod));
    return ERR_OK;
}

void type__timestamp_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    type__int8_send(c, v, b);
}

enum err type__timestamptz_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                                struct diag *d)
{
    return type__timestamp_recv(c, p, len, typmod, ret, d);
}

void type__timestamptz_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    type__int8_send(c, v, b);
}
