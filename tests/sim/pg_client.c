#include "pg_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "rt/rt.h"

#define PROTOCOL_3 196608u
#define READ_BYTES 16384u

struct pg_client {
    struct pg_options opt;
    struct rt_conn *conn;
    struct arena *arena; /* of the last result */
    struct buf in, out;
    size_t in_read; /* of `in` */
    bool lost;
    char txn_status;
    const char **values;
    uint32_t nvalues, values_cap;
    const char *asked; /* for on_stuck */
};

struct message {
    char type;
    const uint8_t *p;
    size_t len;
};

/* ---- bytes ----------------------------------------------------------------------- */

static void lose(struct pg_client *c)
{
    c->lost = true;
    c->txn_status = 'I';
}

static bool flush(struct pg_client *c)
{
    struct diag d;
    if (!c->lost && c->out.len > 0 && rt_send(c->conn, c->out.p, c->out.len, &d) != ERR_OK)
        lose(c);
    buf_reset(&c->out);
    return !c->lost;
}

static bool fill(struct pg_client *c)
{
    struct diag d;
    size_t got;
    if (c->lost)
        return false;
    if (c->in_read > 0) {
        memmove(c->in.p, c->in.p + c->in_read, c->in.len - c->in_read);
        c->in.len -= c->in_read;
        c->in_read = 0;
    }
    buf_reserve(&c->in, READ_BYTES);
    const enum err err = rt_recv(c->conn, c->in.p + c->in.len, READ_BYTES, rt_now() + c->opt.answer_timeout_ns, &got, &d);
    if (err == ERR_TIMED_OUT && c->opt.on_stuck != NULL)
        c->opt.on_stuck(c->opt.arg, c->asked);
    if (err != ERR_OK || got == 0) {
        lose(c);
        return false;
    }
    c->in.len += got;
    return true;
}

/* The next message; its bytes are valid until the next call. */
static bool receive(struct pg_client *c, struct message *ret)
{
    while (c->in.len - c->in_read < 5)
        if (!fill(c))
            return false;
    const size_t len = get_u32be(c->in.p + c->in_read + 1);
    if (len < 4)
        panic("the server sent a message of length %zu", len);
    while (c->in.len - c->in_read < 1 + len)
        if (!fill(c))
            return false;
    *ret = (struct message){ (char)c->in.p[c->in_read], c->in.p + c->in_read + 5, len - 4 };
    c->in_read += 1 + len;
    return true;
}

static void put_i32(struct buf *b, uint32_t v)
{
    uint8_t p[4];
    put_u32be(p, v);
    buf_put(b, p, 4);
}

static void put_i16(struct buf *b, uint16_t v)
{
    uint8_t p[2];
    put_u16be(p, v);
    buf_put(b, p, 2);
}

static void put_cstring(struct buf *b, const char *s) { buf_put(b, s, strlen(s) + 1); }

static size_t begin(struct pg_client *c, char type)
{
    buf_put_u8(&c->out, (uint8_t)type);
    put_i32(&c->out, 0);
    return c->out.len - 4;
}

static void finish(struct pg_client *c, size_t at) { put_u32be(c->out.p + at, (uint32_t)(c->out.len - at)); }

/* ---- answers ----------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from); }

static void note_error(const struct message *m, struct pg_result *r)
{
    const char *p = (const char *)m->p, *end = p + m->len;
    char sqlstate[6] = "", message[sizeof r->message] = "";
    bool fatal = false;
    for (; p < end && *p; p += 1 + strlen(p + 1) + 1) {
        if (*p == 'C')
            copy_text(sqlstate, sizeof sqlstate, p + 1);
        if (*p == 'M')
            copy_text(message, sizeof message, p + 1);
        if (*p == 'V')
            fatal = strcmp(p + 1, "ERROR") != 0;
    }
    r->fatal |= fatal;
    if (r->status != PG_OK)
        return;
    r->status = PG_ERROR;
    memcpy(r->sqlstate, sqlstate, sizeof sqlstate);
    memcpy(r->message, message, sizeof message);
}

static void note_row(struct pg_client *c, const struct message *m, struct pg_result *r)
{
    const uint8_t *p = m->p;
    const uint32_t ncols = get_u16be(p);
    p += 2;
    if (ncols != r->ncols)
        panic("a row of %u columns where %u were described", ncols, r->ncols);
    if (c->nvalues + ncols > c->values_cap) {
        c->values_cap = MAX(c->values_cap * 2, c->nvalues + ncols + 64);
        c->values = xrealloc(c->values, c->values_cap * sizeof *c->values);
    }
    for (uint32_t i = 0; i < ncols; i++) {
        const int32_t len = (int32_t)get_u32be(p);
        p += 4;
        c->values[c->nvalues++] = len < 0 ? NULL : arena_strndup(c->arena, (const char *)p, (size_t)len);
        p += MAX(len, 0);
    }
    r->nrows++;
}

static void note(struct pg_client *c, const struct message *m, struct pg_result *r)
{
    switch (m->type) {
    case 'T':
        r->ncols = get_u16be(m->p);
        r->nrows = c->nvalues = 0;
        break;
    case 'D':
        note_row(c, m, r);
        break;
    case 'C':
        copy_text(r->tag, sizeof r->tag, (const char *)m->p);
        break;
    case 'E':
        note_error(m, r);
        break;
    case 'Z':
        c->txn_status = (char)m->p[0];
        break;
    default: /* completions, parameter status, notices: nothing to remember */
        break;
    }
}

/* Up to ReadyForQuery, or up to the first message of type `until`. */
static enum pg_status answer(struct pg_client *c, struct pg_result *r, char until)
{
    struct message m = { 0 };
    while (receive(c, &m)) {
        note(c, &m, r);
        if (m.type == 'Z' || m.type == until)
            break;
    }
    r->value = c->values;
    if (c->lost && r->status == PG_OK)
        r->status = PG_LOST;
    if (r->fatal) /* nothing follows but the end of the connection */
        lose(c);
    return r->status;
}

static void start_call(struct pg_client *c, struct pg_result *r, const char *what)
{
    *r = (struct pg_result){ .status = PG_OK };
    arena_reset(c->arena);
    c->nvalues = 0;
    c->asked = what;
}

/* ---- connecting ----------------------------------------------------------------------- */

static struct pg_client *client_new(const struct pg_options *opt)
{
    struct pg_client *c = xcalloc(1, sizeof *c);
    c->opt = *opt;
    c->arena = arena_new("client", 0);
    buf_init(&c->in);
    buf_init(&c->out);
    c->txn_status = 'I';
    return c;
}

static void put_startup(struct pg_client *c)
{
    put_i32(&c->out, 0);
    put_i32(&c->out, PROTOCOL_3);
    static const char *const pairs[] = { "user", "rustydb", "database", "rustydb", "application_name", "simulation" };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        put_cstring(&c->out, pairs[i]);
    buf_put_u8(&c->out, 0);
    finish(c, 0);
}

struct pg_client *pg_connect(const struct pg_options *opt, struct pg_result *ret)
{
    struct pg_client *c = client_new(opt);
    struct diag d;
    start_call(c, ret, "connect");
    if (rt_connect(opt->address, rt_now() + opt->connect_timeout_ns, &c->conn, &d) != ERR_OK) {
        ret->status = PG_LOST;
        c->lost = true;
    } else {
        put_startup(c);
        flush(c);
        answer(c, ret, 0);
    }
    if (ret->status == PG_OK)
        return c;
    pg_close(c);
    return NULL;
}

void pg_close(struct pg_client *c)
{
    if (c == NULL)
        return;
    if (!c->lost) {
        finish(c, begin(c, 'X'));
        flush(c);
    }
    if (c->conn != NULL)
        rt_conn_close(c->conn);
    buf_fini(&c->in);
    buf_fini(&c->out);
    arena_free(c->arena);
    free(c->values);
    free(c);
}

char pg_txn_status(const struct pg_client *c) { return c->txn_status; }
bool pg_is_lost(const struct pg_client *c) { return c->lost; }

/* ---- queries ------------------------------------------------------------------------------ */

enum pg_status pg_query(struct pg_client *c, struct pg_result *ret, const char *fmt, ...)
{
    struct buf sql;
    buf_init(&sql);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&sql, fmt, ap);
    va_end(ap);
    start_call(c, ret, (const char *)sql.p);
    const size_t at = begin(c, 'Q');
    put_cstring(&c->out, (const char *)sql.p);
    finish(c, at);
    flush(c);
    answer(c, ret, 0);
    c->asked = NULL;
    buf_fini(&sql);
    return ret->status;
}

static void put_parse(struct pg_client *c, const char *name, const char *sql)
{
    const size_t at = begin(c, 'P');
    put_cstring(&c->out, name);
    put_cstring(&c->out, sql);
    put_i16(&c->out, 0);
    finish(c, at);
}

static void put_bind(struct pg_client *c, const char *name, uint32_t n, const char *const *param)
{
    const size_t at = begin(c, 'B');
    put_cstring(&c->out, "");
    put_cstring(&c->out, name);
    put_i16(&c->out, 0);
    put_i16(&c->out, (uint16_t)n);
    for (uint32_t i = 0; i < n; i++) {
        put_i32(&c->out, param[i] == NULL ? UINT32_MAX : (uint32_t)strlen(param[i]));
        if (param[i] != NULL)
            buf_put_str(&c->out, param[i]);
    }
    put_i16(&c->out, 0);
    finish(c, at);
}

static void put_describe_execute(struct pg_client *c)
{
    size_t at = begin(c, 'D');
    buf_put_u8(&c->out, 'P');
    put_cstring(&c->out, "");
    finish(c, at);
    at = begin(c, 'E');
    put_cstring(&c->out, "");
    put_i32(&c->out, 0);
    finish(c, at);
}

static enum pg_status sync_and_answer(struct pg_client *c, struct pg_result *ret)
{
    finish(c, begin(c, 'S'));
    flush(c);
    return answer(c, ret, 0);
}

enum pg_status pg_query_params(struct pg_client *c, struct pg_result *ret, const char *sql, uint32_t n, const char *const *param)
{
    start_call(c, ret, sql);
    put_parse(c, "", sql);
    put_bind(c, "", n, param);
    put_describe_execute(c);
    return sync_and_answer(c, ret);
}

enum pg_status pg_prepare(struct pg_client *c, struct pg_result *ret, const char *name, const char *sql)
{
    start_call(c, ret, sql);
    put_parse(c, name, sql);
    return sync_and_answer(c, ret);
}

enum pg_status pg_execute(struct pg_client *c, struct pg_result *ret, const char *name, uint32_t n, const char *const *param)
{
    start_call(c, ret, name);
    put_bind(c, name, n, param);
    put_describe_execute(c);
    return sync_and_answer(c, ret);
}

enum pg_status pg_copy_in(struct pg_client *c, struct pg_result *ret, const char *sql, const char *data, size_t len)
{
    start_call(c, ret, sql);
    size_t at = begin(c, 'Q');
    put_cstring(&c->out, sql);
    finish(c, at);
    flush(c);
    if (answer(c, ret, 'G') != PG_OK)
        return ret->status;
    for (size_t done = 0; done < len;) {
        const size_t part = MIN(len - done, (size_t)8192);
        at = begin(c, 'd');
        buf_put(&c->out, data + done, part);
        finish(c, at);
        done += part;
    }
    finish(c, begin(c, 'c'));
    flush(c);
    return answer(c, ret, 0);
}

int64_t pg_int(const struct pg_result *r, uint32_t row, uint32_t col)
{
    const char *v = pg_value(r, row, col);
    return v == NULL ? 0 : strtoll(v, NULL, 10);
}
