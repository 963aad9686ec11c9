#include "sql/lib/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const struct setting setting_table[SETTINGS_N] = {
#define X(id, name, kind, dflt, least, greatest, values, flags, text) { name, SET_##kind, dflt, least, greatest, values, flags, text },
    SETTINGS(X)
#undef X
};

int setting_find(const char *name, size_t len)
{
    for (int i = 0; i < SETTINGS_N; i++)
        if (strlen(setting_table[i].name) == len && strncasecmp(setting_table[i].name, name, len) == 0)
            return i;
    return -1;
}

bool setting_bool(const char *value) { return strcmp(value, "on") == 0; }

/* PostgreSQL's parse_bool: unique prefixes of true, false, yes, no; on, off, 1, 0. */
bool setting_parse_bool(const char *s, bool *ret)
{
    static const struct {
        const char *word;
        size_t least;
        bool value;
    } words[] = { { "true", 1, true }, { "false", 1, false }, { "yes", 1, true }, { "no", 1, false },
                  { "on", 2, true },   { "off", 2, false },   { "1", 1, true },   { "0", 1, false } };
    const size_t len = strlen(s);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (len >= words[i].least && len <= strlen(words[i].word) && strncasecmp(s, words[i].word, len) == 0) {
            *ret = words[i].value;
            return true;
        }
    return false;
}

static bool parse_unit(const char *unit, unsigned flags, double *ret)
{
    static const struct {
        const char *unit;
        unsigned flag;
        double factor;
    } units[] = { { "us", SET_MS, 0.001 }, { "ms", SET_MS, 1 },       { "s", SET_MS, 1000 },     { "min", SET_MS, 60000 },
                  { "h", SET_MS, 3.6e6 },  { "d", SET_MS, 8.64e7 },   { "B", SET_KB, 1 / 1024.0 }, { "kB", SET_KB, 1 },
                  { "MB", SET_KB, 1024 },  { "GB", SET_KB, 1048576 }, { "TB", SET_KB, 1073741824.0 } };
    while (*unit == ' ')
        unit++;
    *ret = 1;
    if (!*unit)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if ((flags & units[i].flag) && strcmp(unit, units[i].unit) == 0) {
            *ret = units[i].factor;
            return true;
        }
    return false;
}

static enum err check_int(const struct setting *s, const char *value, struct arena *arena, const char **ret, struct diag *d)
{
    char *unit;
    double factor;
    const double n = strtod(value, &unit);
    if (unit == value || !parse_unit(unit, s->flags, &factor))
        return diag_set(d, ERR_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"", s->name, value);
    const double v = n * factor;
    const int64_t i = (int64_t)(v < 0 ? v - 0.5 : v + 0.5);
    if (!(v >= (double)s->least && v <= (double)s->greatest))
        return diag_set(d, ERR_PARAMETER_VALUE, "%" PRId64 "%s is outside the valid range for parameter \"%s\" (%" PRId64 " .. %" PRId64 ")", i,
                        s->flags & SET_MS ? " ms" : s->flags & SET_KB ? " kB" : "", s->name, s->least, s->greatest);
    *ret = arena_printf(arena, "%" PRId64, i);
    return ERR_OK;
}

static bool find_value(const struct setting *s, const char *value, struct arena *arena, const char **ret)
{
    for (const char *v = s->values; *v;) {
        const size_t len = strcspn(v, ",");
        if (strlen(value) == len && strncasecmp(v, value, len) == 0) {
            *ret = arena_strndup(arena, v, len);
            return true;
        }
        v += len + (v[len] == ',');
    }
    return false;
}

static enum err check_enum(const struct setting *s, const char *value, struct arena *arena, const char **ret, struct diag *d)
{
    bool on;
    if (find_value(s, value, arena, ret) || (setting_parse_bool(value, &on) && find_value(s, on ? "on" : "off", arena, ret)))
        return ERR_OK;
    diag_set(d, ERR_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"", s->name, value);
    char available[256] = "";
    for (const char *v = s->values; *v;) {
        const size_t len = strcspn(v, ","), at = strlen(available);
        snprintf(available + at, sizeof available - at, "%s%.*s", at ? ", " : "", (int)len, v);
        v += len + (v[len] == ',');
    }
    return diag_hint(d, "Available values: %s.", available);
}

/* "ISO", "ISO, DMY", "dmy", "European" ...; output is always ISO. */
static enum err check_datestyle(const char *value, struct arena *arena, const char **ret, struct diag *d)
{
    const char *order = "MDY";
    for (const char *p = value; *p;) {
        p += strspn(p, " ,");
        const size_t len = strcspn(p, " ,");
        if (len == 0)
            break;
        if ((len == 3 && strncasecmp(p, "dmy", 3) == 0) || (len >= 4 && strncasecmp(p, "euro", 4) == 0))
            order = "DMY";
        else if ((len == 3 && strncasecmp(p, "mdy", 3) == 0) || (len == 2 && strncasecmp(p, "us", 2) == 0))
            order = "MDY";
        else if (len == 3 && strncasecmp(p, "ymd", 3) == 0)
            order = "YMD";
        else if ((len == 3 && strncasecmp(p, "sql", 3) == 0) || (len >= 8 && strncasecmp(p, "postgres", 8) == 0) ||
                 (len == 6 && strncasecmp(p, "german", 6) == 0))
            return diag_set(d, ERR_FEATURE, "DateStyle \"%s\" is not supported: only ISO output is", value);
        else if (!(len == 3 && strncasecmp(p, "iso", 3) == 0) && !(len == 7 && strncasecmp(p, "default", 7) == 0))
            return diag_set(d, ERR_PARAMETER_VALUE, "invalid value for parameter \"DateStyle\": \"%s\"", value);
        p += len;
    }
    *ret = arena_printf(arena, "ISO, %s", order);
    return ERR_OK;
}

/* As PostgreSQL reads names of encodings: letters and digits count, their case does not ("'utf-8'" of asyncpg is UTF8). */
static enum err check_encoding(const char *value, const char **ret, struct diag *d)
{
    static const char *const families[] = { "latin", "win", "iso8859", "koi8", "euc",  "sjis", "shiftjis", "mskanji", "big5",
                                            "gb",    "uhc", "johab",   "mule", "abc",  "alt",  "tcvn",     "vscii" };
    char name[32];
    size_t n = 0;
    for (const char *p = value; *p && n < sizeof name - 1; p++) {
        if (isalnum((unsigned char)*p))
            name[n++] = (char)tolower((unsigned char)*p);
    }
    name[n] = '\0';
    if (strcmp(name, "utf8") == 0 || strcmp(name, "unicode") == 0) {
        *ret = "UTF8";
        return ERR_OK;
    }
    if (strcmp(name, "sqlascii") == 0) { /* no conversion: the client takes the bytes as they are */
        *ret = "SQL_ASCII";
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        if (strncmp(name, families[i], strlen(families[i])) == 0)
            return diag_set(d, ERR_FEATURE, "client encoding \"%s\" is not supported: only UTF8 and SQL_ASCII are", value);
    }
    return diag_set(d, ERR_PARAMETER_VALUE, "invalid value for parameter \"client_encoding\": \"%s\"", value);
}

enum err setting_check(enum setting_id id, const char *value, struct arena *arena, const char **ret, struct diag *d)
{
    const struct setting *s = &setting_table[id];
    bool on;
    enum err err = ERR_OK;
    *ret = value;
    if (s->flags & SET_READ_ONLY)
        return diag_set(d, ERR_CANT_CHANGE_PARAM, "parameter \"%s\" cannot be changed%s", s->name, s->flags & SET_RESTART ? " without restarting the server" : "");
    if (id == SETTING_datestyle)
        return check_datestyle(value, arena, ret, d);
    if (id == SETTING_client_encoding)
        return check_encoding(value, ret, d);
    switch (s->kind) {
    case SET_BOOL:
        if (!setting_parse_bool(value, &on))
            return diag_set(d, ERR_PARAMETER_VALUE, "parameter \"%s\" requires a Boolean value", s->name);
        *ret = on ? "on" : "off";
        break;
    case SET_INT:
        err = check_int(s, value, arena, ret, d);
        break;
    case SET_REAL: {
        char *end;
        const double v = strtod(value, &end);
        if (end == value || *end || !(v >= (double)s->least && v <= (double)s->greatest))
            return diag_set(d, ERR_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"", s->name, value);
        break;
    }
    case SET_ENUM:
        err = check_enum(s, value, arena, ret, d);
        break;
    case SET_STRING:
        break;
    }
    if (!err && (s->flags & SET_FIXED) && strcasecmp(*ret, s->dflt) != 0)
        return diag_set(d, ERR_FEATURE, "parameter \"%s\" supports only the value \"%s\"", s->name, s->dflt);
    return err;
}

const char *setting_show(enum setting_id id, const char *value, struct arena *arena)
{
    static const struct {
        unsigned flag;
        int64_t factor;
        const char *unit;
    } units[] = { { SET_MS, 86400000, "d" }, { SET_MS, 3600000, "h" }, { SET_MS, 60000, "min" }, { SET_MS, 1000, "s" }, { SET_MS, 1, "ms" },
                  { SET_KB, 1048576, "GB" }, { SET_KB, 1024, "MB" },   { SET_KB, 1, "kB" } };
    const int64_t n = strtoll(value, NULL, 10);
    if (n != 0)
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            if ((setting_table[id].flags & units[i].flag) && n % units[i].factor == 0)
                return arena_printf(arena, "%" PRId64 "%s", n / units[i].factor, units[i].unit);
    return value;
}
