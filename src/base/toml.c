#include "base/toml.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

struct parser {
    struct arena *arena;
    const char *name;
    const char *p, *end;
    int line;
    struct diag *d;
    struct toml_value *v;
    size_t n, cap;
    int depth;
    /* which entries a later header or dotted key may not extend */
    uint8_t *closed;
};

static enum err fail(struct parser *ps, const char *fmt, ...) PRINTF(2, 3);
static enum err fail(struct parser *ps, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return diag_set(ps->d, ERR_CONFIG_FILE, "%s:%d: %s", ps->name, ps->line, text);
}

static bool at(const struct parser *ps, char c) { return ps->p < ps->end && *ps->p == c; }
static bool take(struct parser *ps, char c)
{
    if (!at(ps, c))
        return false;
    ps->p++;
    return true;
}
static bool looking_at(const struct parser *ps, const char *s)
{
    const size_t len = strlen(s);
    return (size_t)(ps->end - ps->p) >= len && memcmp(ps->p, s, len) == 0;
}
static void skip_blanks(struct parser *ps)
{
    while (at(ps, ' ') || at(ps, '\t'))
        ps->p++;
}
static bool is_control(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }

/* To the end of the line: blanks and a comment may stand there, nothing else. */
static enum err end_of_line(struct parser *ps)
{
    skip_blanks(ps);
    if (take(ps, '#'))
        while (ps->p < ps->end && *ps->p != '\n' && !(looking_at(ps, "\r\n"))) {
            if (is_control((unsigned char)*ps->p))
                return fail(ps, "control character in a comment");
            ps->p++;
        }
    if (ps->p == ps->end)
        return ERR_OK;
    if (looking_at(ps, "\r\n"))
        ps->p++;
    if (!take(ps, '\n'))
        return fail(ps, "unexpected \"%c\" after the value", *ps->p);
    ps->line++;
    return ERR_OK;
}

/* Blank lines and comments, inside arrays and between statements. */
static enum err skip_lines(struct parser *ps)
{
    for (;;) {
        skip_blanks(ps);
        if (ps->p == ps->end || !(at(ps, '#') || at(ps, '\n') || looking_at(ps, "\r\n")))
            return ERR_OK;
        enum err err = end_of_line(ps);
        if (err)
            return err;
    }
}

static struct toml_value *find(struct parser *ps, const char *path)
{
    for (size_t i = 0; i < ps->n; i++)
        if (strcmp(ps->v[i].path, path) == 0)
            return &ps->v[i];
    return NULL;
}

static enum err add(struct parser *ps, const char *path, enum toml_type type, bool closed, struct toml_value **ret)
{
    if (ps->n == TOML_VALUES_MAX)
        return fail(ps, "more than %d values", TOML_VALUES_MAX);
    if (ps->n == ps->cap) {
        const size_t cap = ps->cap ? ps->cap * 2 : 64;
        struct toml_value *v = ARENA_ARRAY(ps->arena, struct toml_value, cap);
        uint8_t *c = ARENA_ARRAY(ps->arena, uint8_t, cap);
        if (ps->n) {
            memcpy(v, ps->v, ps->n * sizeof *v);
            memcpy(c, ps->closed, ps->n);
        }
        ps->v = v;
        ps->closed = c;
        ps->cap = cap;
    }
    ps->closed[ps->n] = closed;
    ps->v[ps->n] = (struct toml_value){ .path = path, .type = type, .line = ps->line };
    *ret = &ps->v[ps->n++];
    return ERR_OK;
}

/* ---- strings ------------------------------------------------------------- */

static bool put_utf8(struct buf *b, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return false;
    if (c < 0x80) {
        buf_put_u8(b, (uint8_t)c);
    } else if (c < 0x800) {
        buf_put_u8(b, (uint8_t)(0xc0 | c >> 6));
        buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_put_u8(b, (uint8_t)(0xe0 | c >> 12));
        buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        buf_put_u8(b, (uint8_t)(0xf0 | c >> 18));
        buf_put_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        buf_put_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_put_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    }
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum err escape(struct parser *ps, struct buf *b, bool multi)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    if (ps->p == ps->end)
        return fail(ps, "unterminated string");
    const char c = *ps->p++;
    const char *known = memchr(from, c, sizeof from - 1);
    if (known) {
        buf_put_u8(b, (uint8_t)to[known - from]);
        return ERR_OK;
    }
    if (c == 'u' || c == 'U') {
        uint32_t code = 0;
        for (int i = 0; i < (c == 'u' ? 4 : 8); i++, ps->p++) {
            const int digit = ps->p < ps->end ? hex_digit(*ps->p) : -1;
            if (digit < 0)
                return fail(ps, "\\%c needs %d hexadecimal digits", c, c == 'u' ? 4 : 8);
            code = code << 4 | (uint32_t)digit;
        }
        return put_utf8(b, code) ? ERR_OK : fail(ps, "\\%c%X is not a Unicode character", c, code);
    }
    if (multi) { /* a line-ending backslash swallows white space up to the next text */
        ps->p--;
        const char *q = ps->p;
        while (q < ps->end && (*q == ' ' || *q == '\t'))
            q++;
        if (q < ps->end && (*q == '\n' || (*q == '\r' && q + 1 < ps->end && q[1] == '\n'))) {
            for (; q < ps->end && memchr(" \t\r\n", *q, 4); q++)
                ps->line += *q == '\n';
            ps->p = q;
            return ERR_OK;
        }
        ps->p++;
    }
    return fail(ps, "unknown escape \"\\%c\"", c);
}

/* At the opening quote. */
static enum err string(struct parser *ps, bool multi_allowed, const char **ret)
{
    const char quote = *ps->p++;
    const char three[4] = { quote, quote, quote, 0 };
    bool multi = false;
    if (multi_allowed && (size_t)(ps->end - ps->p) >= 2 && ps->p[0] == quote && ps->p[1] == quote) {
        multi = true;
        ps->p += 2;
        if (looking_at(ps, "\r\n"))
            ps->p++;
        if (take(ps, '\n'))
            ps->line++;
    }
    struct buf b;
    buf_init(&b);
    enum err err = ERR_OK;
    for (;;) {
        if (ps->p == ps->end) {
            err = fail(ps, "unterminated string");
            break;
        }
        if (multi ? looking_at(ps, three) : at(ps, quote)) {
            ps->p += multi ? 3 : 1;
            for (int extra = 0; multi && extra < 2 && at(ps, quote); extra++, ps->p++)
                buf_put_u8(&b, (uint8_t)quote); /* quotes just before the closing ones */
            break;
        }
        const char c = *ps->p++;
        if (c == '\\' && quote == '"') {
            err = escape(ps, &b, multi);
            if (err)
                break;
            continue;
        }
        if (multi && (c == '\n' || (c == '\r' && at(ps, '\n')))) {
            ps->line += c == '\n';
        } else if (is_control((unsigned char)c)) {
            err = fail(ps, c == '\n' ? "unterminated string" : "control character in a string");
            break;
        }
        buf_put_u8(&b, (uint8_t)c);
    }
    if (!err)
        *ret = arena_strndup(ps->arena, b.p ? (const char *)b.p : "", b.len);
    buf_fini(&b);
    return err;
}

/* ---- keys ----------------------------------------------------------------- */

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static enum err key_part(struct parser *ps, const char **ret)
{
    if (at(ps, '"') || at(ps, '\''))
        return string(ps, false, ret);
    const char *from = ps->p;
    while (ps->p < ps->end && is_bare(*ps->p))
        ps->p++;
    if (ps->p == from)
        return fail(ps, "a key was expected");
    *ret = arena_strndup(ps->arena, from, (size_t)(ps->p - from));
    return ERR_OK;
}

static const char *join(struct parser *ps, const char *prefix, const char *part)
{
    return *prefix ? arena_printf(ps->arena, "%s.%s", prefix, part) : part;
}

/* The table that a header or dotted key passes through; an array of tables stands for its last element. */
static enum err pass_through(struct parser *ps, const char **path, bool dotted)
{
    struct toml_value *t = find(ps, *path);
    if (!t)
        return add(ps, *path, TOML_TABLE, false, &t);
    if (t->type == TOML_ARRAY && !dotted && t->i > 0) {
        *path = arena_printf(ps->arena, "%s[%" PRId64 "]", t->path, t->i - 1);
        return ERR_OK;
    }
    if (t->type != TOML_TABLE || ps->closed[t - ps->v] == 1)
        return fail(ps, "\"%s\" is already a %s (line %d) and cannot be extended", *path, toml_type_name(t->type), t->line);
    return ERR_OK;
}

/* Reads a.b.c below prefix; *ret is the full path, tables on the way exist afterwards. */
static enum err dotted_key(struct parser *ps, const char *prefix, bool dotted, const char **ret)
{
    const char *path = prefix;
    for (int parts = 0;; parts++) {
        const char *part;
        enum err err = parts < TOML_DEPTH_MAX ? key_part(ps, &part) : fail(ps, "more than %d parts in a key", TOML_DEPTH_MAX);
        if (err)
            return err;
        path = join(ps, path, part);
        skip_blanks(ps);
        if (!take(ps, '.'))
            break;
        skip_blanks(ps);
        err = pass_through(ps, &path, dotted);
        if (err)
            return err;
    }
    *ret = path;
    return ERR_OK;
}

/* ---- values --------------------------------------------------------------- */

static enum err value(struct parser *ps, const char *path);

static enum err key_value(struct parser *ps, const char *prefix)
{
    const char *path;
    enum err err = dotted_key(ps, prefix, true, &path);
    if (err)
        return err;
    if (!take(ps, '='))
        return fail(ps, "\"=\" was expected after the key");
    skip_blanks(ps);
    const struct toml_value *old = find(ps, path);
    if (old)
        return fail(ps, "\"%s\" is set twice (first on line %d)", path, old->line);
    return value(ps, path);
}

static enum err inline_table(struct parser *ps, const char *path)
{
    struct toml_value *t;
    enum err err = add(ps, path, TOML_TABLE, false, &t);
    const size_t self = (size_t)(t - ps->v);
    if (err)
        return err;
    ps->p++;
    skip_blanks(ps);
    if (!take(ps, '}'))
        for (;;) {
            skip_blanks(ps);
            err = key_value(ps, path);
            if (err)
                return err;
            skip_blanks(ps);
            if (take(ps, '}'))
                break;
            if (!take(ps, ','))
                return fail(ps, "\",\" or \"}\" was expected in the inline table");
        }
    ps->closed[self] = 1;
    return ERR_OK;
}

static enum err array(struct parser *ps, const char *path)
{
    struct toml_value *t;
    enum err err = add(ps, path, TOML_ARRAY, true, &t);
    if (err)
        return err;
    ps->p++;
    for (int n = 0;; n++) {
        err = skip_lines(ps);
        if (err)
            return err;
        if (take(ps, ']'))
            return ERR_OK;
        err = value(ps, arena_printf(ps->arena, "%s[%d]", path, n));
        if (!err)
            err = skip_lines(ps);
        if (err)
            return err;
        if (!take(ps, ',') && !at(ps, ']'))
            return fail(ps, "\",\" or \"]\" was expected in the array");
    }
}

static bool digits_only(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return len > 0;
}

/* 2026-01-02, 2026-01-02T03:04:05.5Z, 03:04:05: kept as text once the shape is right. */
static bool looks_like_datetime(const char *s, size_t len)
{
    const bool date = len >= 10 && s[4] == '-' && s[7] == '-' && digits_only(s, 4) && digits_only(s + 5, 2) && digits_only(s + 8, 2);
    const char *time = s;
    size_t time_len = len;
    if (date) {
        if (len == 10)
            return true;
        if (s[10] != 'T' && s[10] != 't' && s[10] != ' ')
            return false;
        time += 11;
        time_len -= 11;
    }
    return time_len >= 8 && time[2] == ':' && time[5] == ':' && digits_only(time, 2) && digits_only(time + 3, 2) && digits_only(time + 6, 2);
}

/* Underscores stand between digits only; the copy has none. */
static bool strip_underscores(const char *s, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] != '_') {
            out[n++] = s[i];
        } else if (i == 0 || i + 1 == len || hex_digit(s[i - 1]) < 0 || hex_digit(s[i + 1]) < 0) {
            return false;
        }
    }
    out[n] = 0;
    return true;
}

static bool parse_integer(const char *s, int64_t *ret)
{
    int base = 10;
    const char *digits = s;
    if (s[0] == '0' && s[1] && strchr("xob", s[1])) {
        base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
        digits = s + 2;
        if (hex_digit(*digits) < 0)
            return false;
    } else {
        digits += *s == '+' || *s == '-';
        if (!digits_only(digits, strlen(digits)) || (digits[0] == '0' && digits[1]))
            return false;
    }
    char *stop;
    errno = 0;
    *ret = strtoll(base == 10 ? s : digits, &stop, base);
    return errno == 0 && *stop == 0;
}

static bool parse_float(const char *s, double *ret)
{
    const char *body = s + (*s == '+' || *s == '-');
    const double sign = *s == '-' ? -1 : 1;
    if (strcmp(body, "inf") == 0 || strcmp(body, "nan") == 0) {
        *ret = sign * (*body == 'i' ? INFINITY : NAN);
        return true;
    }
    size_t n = strspn(body, "0123456789");
    if (n == 0 || (n > 1 && body[0] == '0'))
        return false;
    if (body[n] == '.') {
        const size_t fraction = strspn(body + n + 1, "0123456789");
        if (fraction == 0)
            return false;
        n += 1 + fraction;
    }
    if (body[n] == 'e' || body[n] == 'E') {
        n++;
        n += body[n] == '+' || body[n] == '-';
        const size_t exponent = strspn(body + n, "0123456789");
        if (exponent == 0)
            return false;
        n += exponent;
    }
    *ret = strtod(s, NULL);
    return body[n] == 0;
}

static enum err scalar(struct parser *ps, const char *path)
{
    const char *from = ps->p;
    while (ps->p < ps->end && !memchr(",]}#\n\r\t ", *ps->p, 8))
        ps->p++;
    /* a blank may stand between date and time */
    if (ps->p - from == 10 && looks_like_datetime(from, 10) && at(ps, ' ') && ps->end - ps->p >= 9 && looks_like_datetime(ps->p + 1, 8))
        for (ps->p++; ps->p < ps->end && !memchr(",]}#\n\r\t ", *ps->p, 8);)
            ps->p++;
    const size_t len = (size_t)(ps->p - from);
    if (len == 0)
        return fail(ps, "a value was expected");
    if (len > 200)
        return fail(ps, "\"%.40s...\" is not a value", from);
    struct toml_value v = { .path = path };
    char text[256];
    if ((len == 4 && memcmp(from, "true", 4) == 0) || (len == 5 && memcmp(from, "false", 5) == 0)) {
        v.type = TOML_BOOLEAN;
        v.i = len == 4;
    } else if (looks_like_datetime(from, len)) {
        v.type = TOML_DATETIME;
        v.str = arena_strndup(ps->arena, from, len);
    } else if (strip_underscores(from, len, text) && parse_integer(text, &v.i)) {
        v.type = TOML_INTEGER;
    } else if (strip_underscores(from, len, text) && parse_float(text, &v.f)) {
        v.type = TOML_FLOAT;
    } else {
        return fail(ps, "\"%.*s\" is not a value (strings need quotes)", (int)MIN(len, (size_t)60), from);
    }
    struct toml_value *t;
    enum err err = add(ps, path, v.type, true, &t);
    if (err)
        return err;
    v.line = ps->line;
    *t = v;
    return ERR_OK;
}

static enum err value(struct parser *ps, const char *path)
{
    if (ps->depth == TOML_DEPTH_MAX)
        return fail(ps, "values are nested more than %d deep", TOML_DEPTH_MAX);
    ps->depth++;
    enum err err;
    if (at(ps, '"') || at(ps, '\'')) {
        const char *s;
        const int line = ps->line;
        err = string(ps, true, &s);
        struct toml_value *t;
        if (!err)
            err = add(ps, path, TOML_STRING, true, &t);
        if (!err) {
            t->str = s;
            t->line = line;
        }
    } else if (at(ps, '[')) {
        err = array(ps, path);
    } else if (at(ps, '{')) {
        err = inline_table(ps, path);
    } else {
        err = scalar(ps, path);
    }
    ps->depth--;
    return err;
}

/* ---- [table] and [[array]] --------------------------------------------------- */

static enum err header(struct parser *ps, const char **ret_prefix)
{
    ps->p++;
    const bool is_array = take(ps, '[');
    skip_blanks(ps);
    const char *path;
    enum err err = dotted_key(ps, "", false, &path);
    if (err)
        return err;
    if (!take(ps, ']') || (is_array && !take(ps, ']')))
        return fail(ps, "\"%s\" was expected", is_array ? "]]" : "]");
    struct toml_value *t = find(ps, path);
    if (!is_array) {
        if (t && (t->type != TOML_TABLE || ps->closed[t - ps->v]))
            return fail(ps, "table \"%s\" is defined twice (first on line %d)", path, t->line);
        if (!t)
            err = add(ps, path, TOML_TABLE, false, &t);
        if (err)
            return err;
        ps->closed[t - ps->v] = 2; /* a second header is an error, sub-tables are not */
        *ret_prefix = path;
        return ERR_OK;
    }
    if (!t) {
        err = add(ps, path, TOML_ARRAY, false, &t);
        if (err)
            return err;
    } else if (t->type != TOML_ARRAY || ps->closed[t - ps->v]) {
        return fail(ps, "\"%s\" is not an array of tables (line %d)", path, t->line);
    }
    *ret_prefix = arena_printf(ps->arena, "%s[%" PRId64 "]", path, t->i++);
    return add(ps, *ret_prefix, TOML_TABLE, false, &t);
}

static bool valid_utf8(const unsigned char *s, size_t len, size_t *ret_bad)
{
    for (size_t i = 0; i < len;) {
        const unsigned char c = s[i];
        const size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
        *ret_bad = i;
        if (n == 0 || i + n > len)
            return false;
        for (size_t k = 1; k < n; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) || (c == 0xf0 && s[i + 1] < 0x90) || (c == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += n;
    }
    return true;
}

enum err toml_parse(struct arena *a, const char *name, const char *text, size_t len, struct toml *ret, struct diag *d)
{
    struct parser ps = { .arena = a, .name = name, .p = text, .end = text + len, .line = 1, .d = d };
    size_t bad;
    if (!valid_utf8((const unsigned char *)text, len, &bad)) {
        for (size_t i = 0; i < bad; i++)
            ps.line += text[i] == '\n';
        return fail(&ps, "not valid UTF-8");
    }
    const char *prefix = "";
    for (;;) {
        enum err err = skip_lines(&ps);
        if (err)
            return err;
        if (ps.p == ps.end)
            break;
        err = at(&ps, '[') ? header(&ps, &prefix) : key_value(&ps, prefix);
        if (!err)
            err = end_of_line(&ps);
        if (err)
            return err;
    }
    ret->v = ps.v;
    ret->n = ps.n;
    return ERR_OK;
}

const char *toml_type_name(enum toml_type t)
{
    static const char *const names[] = { "string", "integer", "float", "boolean", "date or time", "table", "array" };
    return names[t];
}
