#include "pgwire/message.h"

#include <stdlib.h>

/* ---- reading -------------------------------------------------------------- */

const uint8_t *msg_bytes(struct msg_reader *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->p) < len) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += len;
    return p;
}

uint8_t msg_u8(struct msg_reader *r)
{
    const uint8_t *p = msg_bytes(r, 1);
    return p ? *p : 0;
}

int16_t msg_i16(struct msg_reader *r)
{
    const uint8_t *p = msg_bytes(r, 2);
    return p ? (int16_t)get_u16be(p) : 0;
}

int32_t msg_i32(struct msg_reader *r)
{
    const uint8_t *p = msg_bytes(r, 4);
    return p ? (int32_t)get_u32be(p) : 0;
}

const char *msg_cstring(struct msg_reader *r)
{
    const uint8_t *nul = r->bad || r->p == r->end ? NULL : memchr(r->p, 0, (size_t)(r->end - r->p));
    if (!nul) {
        r->bad = true;
        return "";
    }
    const char *s = (const char *)r->p;
    r->p = nul + 1;
    return s;
}

enum err msg_end(const struct msg_reader *r, const char *what, struct diag *d)
{
    if (r->bad)
        return diag_set(d, ERR_PROTOCOL, "insufficient data left in message \"%s\"", what);
    if (r->p != r->end)
        return diag_set(d, ERR_PROTOCOL, "invalid message format: %zu bytes too many in message \"%s\"", (size_t)(r->end - r->p), what);
    return ERR_OK;
}

enum err msg_read_parse(const uint8_t *p, size_t len, struct arena *a, struct msg_parse *ret, struct diag *d)
{
    struct msg_reader r = { .p = p, .end = p + len };
    ret->name = msg_cstring(&r);
    ret->sql = msg_cstring(&r);
    ret->ntypes = (uint16_t)msg_i16(&r);
    if (!r.bad && ret->ntypes * 4u != (size_t)(r.end - r.p))
        r.bad = true; /* before the array is allocated */
    ret->types = r.bad ? NULL : ARENA_ARRAY(a, oid_t, ret->ntypes + 1);
    for (uint32_t i = 0; ret->types && i < ret->ntypes; i++)
        ret->types[i] = (oid_t)msg_i32(&r);
    return msg_end(&r, "Parse", d);
}

static int16_t *read_formats(struct msg_reader *r, struct arena *a, uint32_t *ret_n)
{
    *ret_n = (uint16_t)msg_i16(r);
    if (r->bad || *ret_n * 2u > (size_t)(r->end - r->p)) {
        r->bad = true;
        return NULL;
    }
    int16_t *f = ARENA_ARRAY(a, int16_t, *ret_n + 1);
    for (uint32_t i = 0; i < *ret_n; i++)
        f[i] = msg_i16(r);
    return f;
}

enum err msg_read_bind(const uint8_t *p, size_t len, struct arena *a, struct msg_bind *ret, struct diag *d)
{
    struct msg_reader r = { .p = p, .end = p + len };
    ret->portal = msg_cstring(&r);
    ret->stmt = msg_cstring(&r);
    uint32_t nformats;
    const int16_t *formats = read_formats(&r, a, &nformats);
    ret->nparams = (uint16_t)msg_i16(&r);
    if (!r.bad && ret->nparams * 4u > (size_t)(r.end - r.p))
        r.bad = true;
    if (!r.bad && nformats > 1 && nformats != ret->nparams)
        return diag_set(d, ERR_PROTOCOL, "bind message has %u parameter formats but %u parameters", nformats, ret->nparams);
    ret->params = r.bad ? NULL : ARENA_ARRAY(a, struct session_param, ret->nparams + 1);
    for (uint32_t i = 0; ret->params && i < ret->nparams; i++) {
        struct session_param *sp = &ret->params[i];
        sp->len = msg_i32(&r);
        sp->p = sp->len > 0 ? msg_bytes(&r, (size_t)sp->len) : (const uint8_t *)"";
        sp->format = nformats == 0 ? 0 : formats[nformats == 1 ? 0 : i];
        if (sp->len < -1)
            r.bad = true;
        if (sp->format != 0 && sp->format != 1)
            return diag_set(d, ERR_PARAMETER_VALUE, "unsupported format code: %d", sp->format);
    }
    ret->result_formats = read_formats(&r, a, &ret->nresult_formats);
    for (uint32_t i = 0; ret->result_formats && i < ret->nresult_formats; i++)
        if (ret->result_formats[i] != 0 && ret->result_formats[i] != 1)
            return diag_set(d, ERR_PARAMETER_VALUE, "unsupported format code: %d", ret->result_formats[i]);
    return msg_end(&r, "Bind", d);
}

/* "-c name=value --name=value" with backslash-quoted blanks, as libpq's PGOPTIONS. */
static enum err split_options(const char *s, struct arena *a, struct msg_startup *ret, uint32_t max, struct diag *d)
{
    bool want_value = false;
    while (*s) {
        while (*s == ' ' || *s == '\t')
            s++;
        char *word = arena_alloc(a, strlen(s) + 1), *w = word;
        while (*s && *s != ' ' && *s != '\t') {
            if (*s == '\\' && s[1])
                s++;
            *w++ = *s++;
        }
        *w = 0;
        if (!*word)
            break;
        char *setting = NULL;
        if (want_value)
            setting = word;
        else if (strcmp(word, "-c") == 0) {
            want_value = true;
            continue;
        } else if (strncmp(word, "--", 2) == 0 || strncmp(word, "-c", 2) == 0)
            setting = word + 2;
        char *equals = setting ? strchr(setting, '=') : NULL;
        if (!equals || ret->nsettings == max)
            return diag_set(d, ERR_SYNTAX, "invalid command-line argument for server process: %s", word);
        want_value = false;
        *equals = 0;
        for (char *c = setting; *c; c++)
            if (*c == '-')
                *c = '_';
        ret->settings[2 * ret->nsettings] = setting;
        ret->settings[2 * ret->nsettings++ + 1] = equals + 1;
    }
    return ERR_OK;
}

enum err msg_read_startup(const uint8_t *p, size_t len, struct arena *a, struct msg_startup *ret, struct diag *d)
{
    struct msg_reader r = { .p = p, .end = p + len };
    const uint32_t max = (uint32_t)len / 2 + 1; /* a pair takes two bytes at least */
    *ret = (struct msg_startup){ .settings = ARENA_ARRAY(a, const char *, 2 * max), .unknown_pq = ARENA_ARRAY(a, const char *, max) };
    const char *options = NULL;
    for (;;) {
        const char *name = msg_cstring(&r);
        if (r.bad || !*name)
            break;
        const char *value = msg_cstring(&r);
        if (strcmp(name, "user") == 0)
            ret->user = value;
        else if (strcmp(name, "database") == 0)
            ret->database = value;
        else if (strcmp(name, "options") == 0)
            options = value;
        else if (strcmp(name, "replication") == 0) {
            if (strcmp(value, "false") != 0 && strcmp(value, "off") != 0 && strcmp(value, "0") != 0 && strcmp(value, "no") != 0)
                return diag_set(d, ERR_FEATURE, "replication connections are not supported");
        } else if (strncmp(name, "_pq_.", 5) == 0)
            ret->unknown_pq[ret->nunknown_pq++] = name;
        else {
            ret->settings[2 * ret->nsettings] = name;
            ret->settings[2 * ret->nsettings++ + 1] = value;
        }
    }
    if (r.bad)
        return diag_set(d, ERR_PROTOCOL, "invalid startup packet layout: expected terminator as last byte");
    if (!ret->user || !*ret->user)
        return diag_set(d, ERR_AUTHORIZATION, "no PostgreSQL user name specified in startup packet");
    if (!ret->database || !*ret->database)
        ret->database = ret->user;
    return options ? split_options(options, a, ret, max, d) : ERR_OK;
}

/* ---- writing -------------------------------------------------------------- */

size_t msg_begin(struct buf *b, char type)
{
    buf_put_u8(b, (uint8_t)type);
    msg_put_i32(b, 0);
    return b->len - 4;
}

void msg_finish(struct buf *b, size_t at) { put_u32be(b->p + at, (uint32_t)(b->len - at)); }

void msg_put_i16(struct buf *b, int16_t v)
{
    uint8_t p[2];
    put_u16be(p, (uint16_t)v);
    buf_put(b, p, 2);
}

void msg_put_i32(struct buf *b, int32_t v)
{
    uint8_t p[4];
    put_u32be(p, (uint32_t)v);
    buf_put(b, p, 4);
}

void msg_put_cstring(struct buf *b, const char *s) { buf_put(b, s, strlen(s) + 1); }

static void put_field(struct buf *b, char field, const char *s)
{
    if (!*s)
        return;
    buf_put_u8(b, (uint8_t)field);
    msg_put_cstring(b, s);
}

void msg_put_diag(struct buf *b, char type, const char *severity, const struct diag *d)
{
    const size_t at = msg_begin(b, type);
    put_field(b, 'S', severity);
    put_field(b, 'V', severity);
    put_field(b, 'C', err_sqlstate(d->err));
    put_field(b, 'M', *d->message ? d->message : err_name(d->err));
    put_field(b, 'D', d->detail);
    put_field(b, 'H', d->hint);
    put_field(b, 'W', d->context);
    if (d->position > 0) {
        buf_put_u8(b, 'P');
        buf_printf(b, "%d", d->position);
        buf_put_u8(b, 0);
    }
    put_field(b, 's', d->schema);
    put_field(b, 't', d->table);
    put_field(b, 'c', d->column);
    put_field(b, 'n', d->constraint);
    buf_put_u8(b, 0);
    msg_finish(b, at);
}
