#include "pgwire/connection.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "pgwire/message.h"
#include "sql/session.h"

#define STARTUP_TIMEOUT_NS RT_SEC(60)
#define OUT_FLUSH_BYTES 65536u
#define IN_KEEP_BYTES 65536u /* an input buffer that grew larger is given back */

enum { CODE_SSL = 80877103, CODE_CANCEL = 80877102, CODE_GSS = 80877104, PROTOCOL_3_0 = 196608 };

struct connection {
    struct backend *be;
    struct session *session;
    struct buf out;
    struct buf in; /* received and not yet consumed: in.p[pos..in.len) */
    size_t pos;
    struct arena *arena; /* one message */
    const struct type **types; /* of the present result's columns; in the arena of the session call */
    bool skip_to_sync; /* after an error in the extended protocol */
    bool ended;
};

/* ---- bytes in and out ------------------------------------------------------ */

static enum err flush(struct connection *c, struct diag *d)
{
    if (c->out.len == 0)
        return ERR_OK;
    const size_t len = c->out.len;
    c->out.len = 0;
    enum err err = rt_send(c->be->conn, c->out.p, len, d);
    if (c->out.cap > 4 * OUT_FLUSH_BYTES) {
        buf_fini(&c->out);
        buf_init(&c->out);
    }
    return err;
}

static enum err flush_if_large(struct connection *c, struct diag *d) { return c->out.len >= OUT_FLUSH_BYTES ? flush(c, d) : ERR_OK; }

/* At least `need` unconsumed bytes in c->in. Before it waits for the client it sends what is ready. ERR_CLOSED: the client is gone. */
static enum err fill(struct connection *c, size_t need, uint64_t deadline, struct diag *d)
{
    while (c->in.len - c->pos < need) {
        if (c->pos > 0) {
            memmove(c->in.p, c->in.p + c->pos, c->in.len - c->pos);
            c->in.len -= c->pos;
            c->pos = 0;
            if (c->in.len == 0 && c->in.cap > IN_KEEP_BYTES && need < IN_KEEP_BYTES) {
                buf_fini(&c->in);
                buf_init(&c->in);
            }
        }
        enum err err = flush(c, d);
        if (err)
            return err;
        /* memory follows what has arrived, not what a length field claims */
        buf_reserve(&c->in, MIN(MAX(need - c->in.len, (size_t)8192), (size_t)1 << 20));
        size_t got;
        err = rt_recv(c->be->conn, c->in.p + c->in.len, c->in.cap - c->in.len, deadline, &got, d);
        if (err)
            return err;
        if (got == 0)
            return diag_set(d, ERR_CLOSED, "the client closed the connection");
        c->in.len += got;
    }
    return ERR_OK;
}

struct message {
    char type;
    const uint8_t *body;
    size_t len;
};

/* The message stays valid until the next call. */
static enum err read_message(struct connection *c, uint64_t deadline, struct message *ret, struct diag *d)
{
    enum err err = fill(c, 5, deadline, d);
    if (err)
        return err;
    const uint32_t len = get_u32be(c->in.p + c->pos + 1);
    if (len < 4 || len > PGWIRE_MESSAGE_MAX)
        return diag_set(d, ERR_PROTOCOL, "invalid message length");
    err = fill(c, 1 + (size_t)len, deadline, d);
    if (err)
        return err;
    ret->type = (char)c->in.p[c->pos];
    ret->body = c->in.p + c->pos + 5;
    ret->len = len - 4;
    c->pos += 1 + (size_t)len;
    return ERR_OK;
}

/* ---- what the session says ---------------------------------------------------- */

static void put_row_description(struct connection *c, const struct result_column *col, uint32_t n, const int16_t *formats)
{
    const size_t at = msg_begin(&c->out, 'T');
    msg_put_i16(&c->out, (int16_t)n);
    for (uint32_t i = 0; i < n; i++) {
        const struct type *t = type_by_oid(col[i].type);
        msg_put_cstring(&c->out, col[i].name);
        msg_put_i32(&c->out, (int32_t)col[i].table);
        msg_put_i16(&c->out, col[i].attnum);
        msg_put_i32(&c->out, (int32_t)col[i].type);
        msg_put_i16(&c->out, t ? t->len : -1);
        msg_put_i32(&c->out, col[i].typmod);
        msg_put_i16(&c->out, formats ? formats[i] : 0);
    }
    msg_finish(&c->out, at);
}

static enum err on_columns(void *arg, const struct result_column *col, uint32_t n, struct diag *d)
{
    put_row_description(arg, col, n, NULL);
    return ERR_OK;
}

static enum err on_rows(void *arg, const struct result_column *col, const struct result_batch *b, const int16_t *formats, struct diag *d)
{
    struct connection *c = arg;
    const struct type *types[64];
    const struct type **t = b->ncols <= ARRAY_LEN(types) ? types : xmalloc(b->ncols * sizeof *t);
    for (uint32_t i = 0; i < b->ncols; i++)
        t[i] = type_by_oid(col[i].type);
    const struct type_ctx *ctx = session_type_ctx(c->session);
    enum err err = ERR_OK;
    for (uint32_t r = 0; r < b->sel.n && !err; r++) {
        const uint32_t row = b->sel.idx ? b->sel.idx[r] : r;
        const size_t at = msg_begin(&c->out, 'D');
        msg_put_i16(&c->out, (int16_t)b->ncols);
        for (uint32_t i = 0; i < b->ncols; i++) {
            const struct vec *v = b->col[i];
            const uint32_t k = v->is_const ? 0 : row;
            msg_put_i32(&c->out, -1);
            if (v->null[k])
                continue;
            const size_t start = c->out.len;
            (formats && formats[i] ? t[i]->send : t[i]->out)(ctx, v->v[k], &c->out);
            put_u32be(c->out.p + start - 4, (uint32_t)(c->out.len - start));
        }
        msg_finish(&c->out, at);
        err = flush_if_large(c, d);
        rt_yield_if_due();
    }
    if (t != types)
        free(t);
    return err;
}

static enum err on_complete(void *arg, const char *tag, struct diag *d)
{
    struct connection *c = arg;
    const size_t at = msg_begin(&c->out, 'C');
    msg_put_cstring(&c->out, tag);
    msg_finish(&c->out, at);
    return flush_if_large(c, d);
}

static void put_empty(struct connection *c, char type) { msg_finish(&c->out, msg_begin(&c->out, type)); }

static enum err on_empty_query(void *arg, struct diag *d)
{
    put_empty(arg, 'I');
    return ERR_OK;
}

static enum err on_portal_suspended(void *arg, struct diag *d)
{
    put_empty(arg, 's');
    return ERR_OK;
}

static void put_copy_begin(struct connection *c, char type, uint32_t ncols, bool binary)
{
    const size_t at = msg_begin(&c->out, type);
    buf_put_u8(&c->out, binary);
    msg_put_i16(&c->out, (int16_t)ncols);
    for (uint32_t i = 0; i < ncols; i++)
        msg_put_i16(&c->out, binary);
    msg_finish(&c->out, at);
}

static enum err on_copy_in_begin(void *arg, uint32_t ncols, bool binary, struct diag *d)
{
    struct connection *c = arg;
    put_copy_begin(c, 'G', ncols, binary);
    return flush(c, d);
}

static enum err on_copy_in_read(void *arg, const uint8_t **ret, size_t *ret_len, struct diag *d)
{
    struct connection *c = arg;
    for (;;) {
        struct message m = { 0 };
        enum err err = read_message(c, RT_FOREVER, &m, d);
        if (err)
            return err;
        switch (m.type) {
        case 'd':
            if (m.len == 0)
                continue;
            *ret = m.body;
            *ret_len = m.len;
            return ERR_OK;
        case 'c':
            *ret_len = 0;
            return ERR_OK;
        case 'f': {
            struct msg_reader r = { .p = m.body, .end = m.body + m.len };
            return diag_set(d, ERR_CANCELED, "COPY from stdin failed: %s", msg_cstring(&r));
        }
        case 'H':
        case 'S':
            continue; /* the client sends them blindly after Execute */
        default:
            c->ended = true;
            return diag_set(d, ERR_PROTOCOL, "unexpected message type 0x%02X during COPY from stdin", (unsigned char)m.type);
        }
    }
}

static enum err on_copy_out_begin(void *arg, uint32_t ncols, bool binary, struct diag *d)
{
    put_copy_begin(arg, 'H', ncols, binary);
    return ERR_OK;
}

static enum err on_copy_out(void *arg, const uint8_t *p, size_t len, struct diag *d)
{
    struct connection *c = arg;
    const size_t at = msg_begin(&c->out, 'd');
    buf_put(&c->out, p, len);
    msg_finish(&c->out, at);
    return flush_if_large(c, d);
}

static enum err on_copy_out_end(void *arg, struct diag *d)
{
    put_empty(arg, 'c');
    return ERR_OK;
}

static void on_notice(void *arg, const char *severity, const struct diag *notice)
{
    msg_put_diag(&((struct connection *)arg)->out, 'N', severity, notice);
}

static void on_parameter_status(void *arg, const char *name, const char *value)
{
    struct connection *c = arg;
    const size_t at = msg_begin(&c->out, 'S');
    msg_put_cstring(&c->out, name);
    msg_put_cstring(&c->out, value);
    msg_finish(&c->out, at);
}

/* ---- start-up ------------------------------------------------------------------- */

static void send_fatal(struct connection *c, const struct diag *why)
{
    struct diag ignored;
    msg_put_diag(&c->out, 'E', "FATAL", why);
    if (flush(c, &ignored))
        log_debug(pgwire_options(c->be->wire)->log, "%s: %s", rt_conn_peer(c->be->conn), ignored.message);
    c->ended = true;
}

/* Reads packets until the startup message; answers requests for encryption. *ret_len 0: the connection is done with (cancel request). */
static enum err read_startup_packet(struct connection *c, uint64_t deadline, const uint8_t **ret, size_t *ret_len, uint32_t *ret_version,
                                    struct diag *d)
{
    for (int asked = 0; asked < 4; asked++) {
        enum err err = fill(c, 8, deadline, d);
        if (err)
            return err;
        const uint32_t len = get_u32be(c->in.p + c->pos);
        const uint32_t code = get_u32be(c->in.p + c->pos + 4);
        if (len < 8 || len > PGWIRE_STARTUP_MAX)
            return diag_set(d, ERR_PROTOCOL, "invalid length of startup packet");
        err = fill(c, len, deadline, d);
        if (err)
            return err;
        const uint8_t *body = c->in.p + c->pos + 8;
        c->pos += len;
        if (code == CODE_SSL || code == CODE_GSS) {
            buf_put_u8(&c->out, 'N');
            continue;
        }
        *ret_len = 0;
        if (code == CODE_CANCEL) {
            if (len == 16)
                pgwire_cancel_any(c->be->wire, (int32_t)get_u32be(body), get_u32be(body + 4));
            return ERR_OK;
        }
        if (code >> 16 != PROTOCOL_3_0 >> 16)
            return diag_set(d, ERR_FEATURE, "unsupported frontend protocol %u.%u: server supports 3.0 to 3.0", code >> 16, code & 0xffff);
        *ret = body;
        *ret_len = len - 8;
        *ret_version = code;
        return ERR_OK;
    }
    return diag_set(d, ERR_PROTOCOL, "expected a startup packet after the encryption request");
}

static void put_negotiate(struct connection *c, const struct msg_startup *s)
{
    const size_t at = msg_begin(&c->out, 'v');
    msg_put_i32(&c->out, 0); /* newest minor version */
    msg_put_i32(&c->out, (int32_t)s->nunknown_pq);
    for (uint32_t i = 0; i < s->nunknown_pq; i++)
        msg_put_cstring(&c->out, s->unknown_pq[i]);
    msg_finish(&c->out, at);
}

static const struct session_client client_ops = {
    .columns = on_columns,
    .rows = on_rows,
    .complete = on_complete,
    .empty_query = on_empty_query,
    .portal_suspended = on_portal_suspended,
    .copy_in_begin = on_copy_in_begin,
    .copy_in_read = on_copy_in_read,
    .copy_out_begin = on_copy_out_begin,
    .copy_out = on_copy_out,
    .copy_out_end = on_copy_out_end,
    .notice = on_notice,
    .parameter_status = on_parameter_status,
};

static void put_ready(struct connection *c)
{
    const size_t at = msg_begin(&c->out, 'Z');
    buf_put_u8(&c->out, (uint8_t)session_txn_status(c->session));
    msg_finish(&c->out, at);
}

/* Ready for queries, or ended with a FATAL error. */
static enum err start_session(struct connection *c, struct session_client *client, const struct msg_startup *st, struct diag *d)
{
    const struct pgwire_options *opt = pgwire_options(c->be->wire);
    enum err err = opt->ready(opt->arg, d); /* before authentication: load balancers take an authentication request as "up" */
    if (!err && !pgwire_admit(c->be->wire, c->be))
        err = diag_set(d, ERR_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    if (err) {
        pgwire_count_refused(c->be->wire);
        return err;
    }
    const struct session_options so = {
        .engine = opt->engine(opt->arg),
        .client = client,
        .user = st->user,
        .database = st->database,
        .pid = c->be->pid,
        .peer = rt_conn_peer(c->be->conn),
        .nsettings = st->nsettings,
        .settings = st->settings,
    };
    err = session_open(&so, &c->session, d);
    if (err)
        return err;
    pgwire_set_session(c->be->wire, c->be, c->session);
    const size_t auth = msg_begin(&c->out, 'R'); /* trust: the listener is bound to loopback */
    msg_put_i32(&c->out, 0);
    msg_finish(&c->out, auth);
    session_report_parameters(c->session);
    const size_t key = msg_begin(&c->out, 'K');
    msg_put_i32(&c->out, c->be->pid);
    msg_put_i32(&c->out, (int32_t)c->be->secret);
    msg_finish(&c->out, key);
    put_ready(c);
    return ERR_OK;
}

static enum err start(struct connection *c, struct session_client *client, struct diag *d)
{
    const uint8_t *body = NULL;
    size_t len = 0;
    uint32_t version = 0;
    enum err err = read_startup_packet(c, rt_now() + STARTUP_TIMEOUT_NS, &body, &len, &version, d);
    if (!err && len == 0) {
        c->ended = true;
        return ERR_OK;
    }
    struct msg_startup st;
    if (!err)
        err = msg_read_startup(body, len, c->arena, &st, d);
    if (!err && (version != PROTOCOL_3_0 || st.nunknown_pq))
        put_negotiate(c, &st);
    if (!err)
        err = start_session(c, client, &st, d);
    if (err && err != ERR_CLOSED) {
        if (err == ERR_PROTOCOL)
            pgwire_count_garbage(c->be->wire);
        send_fatal(c, d);
    }
    return err;
}

/* ---- messages -------------------------------------------------------------------- */

static enum err do_parse(struct connection *c, const struct message *m, struct diag *d)
{
    struct msg_parse p;
    enum err err = msg_read_parse(m->body, m->len, c->arena, &p, d);
    if (!err)
        err = session_parse(c->session, p.name, p.sql, strlen(p.sql), p.types, p.ntypes, d);
    if (!err)
        put_empty(c, '1');
    return err;
}

static enum err do_bind(struct connection *c, const struct message *m, struct diag *d)
{
    struct msg_bind b;
    enum err err = msg_read_bind(m->body, m->len, c->arena, &b, d);
    if (!err)
        err = session_bind(c->session, b.portal, b.stmt, b.params, b.nparams, b.result_formats, b.nresult_formats, d);
    if (!err)
        put_empty(c, '2');
    return err;
}

static enum err do_describe(struct connection *c, const struct message *m, struct diag *d)
{
    struct msg_reader r = { .p = m->body, .end = m->body + m->len };
    const uint8_t what = msg_u8(&r);
    const char *name = msg_cstring(&r);
    enum err err = msg_end(&r, "Describe", d);
    if (err)
        return err;
    const struct result_column *cols;
    uint32_t ncols;
    const int16_t *formats = NULL;
    if (what == 'S') {
        const oid_t *params;
        uint32_t nparams;
        err = session_describe_statement(c->session, name, &params, &nparams, &cols, &ncols, d);
        if (err)
            return err;
        const size_t at = msg_begin(&c->out, 't');
        msg_put_i16(&c->out, (int16_t)nparams);
        for (uint32_t i = 0; i < nparams; i++)
            msg_put_i32(&c->out, (int32_t)params[i]);
        msg_finish(&c->out, at);
    } else if (what == 'P') {
        err = session_describe_portal(c->session, name, &cols, &ncols, &formats, d);
        if (err)
            return err;
    } else {
        return diag_set(d, ERR_PROTOCOL, "invalid DESCRIBE message subtype %d", what);
    }
    if (cols)
        put_row_description(c, cols, ncols, formats);
    else
        put_empty(c, 'n');
    return ERR_OK;
}

static enum err do_execute(struct connection *c, const struct message *m, struct diag *d)
{
    struct msg_reader r = { .p = m->body, .end = m->body + m->len };
    const char *portal = arena_strdup(c->arena, msg_cstring(&r)); /* COPY reads further messages over this one */
    const int32_t max_rows = msg_i32(&r);
    enum err err = msg_end(&r, "Execute", d);
    return err ? err : session_execute(c->session, portal, max_rows > 0 ? (uint32_t)max_rows : 0, d);
}

static enum err do_close(struct connection *c, const struct message *m, struct diag *d)
{
    struct msg_reader r = { .p = m->body, .end = m->body + m->len };
    const uint8_t what = msg_u8(&r);
    const char *name = msg_cstring(&r);
    enum err err = msg_end(&r, "Close", d);
    if (err)
        return err;
    if (what == 'S')
        session_close_statement(c->session, name);
    else if (what == 'P')
        session_close_portal(c->session, name);
    else
        return diag_set(d, ERR_PROTOCOL, "invalid CLOSE message subtype %d", what);
    put_empty(c, '3');
    return ERR_OK;
}

static enum err do_query(struct connection *c, const struct message *m, struct diag *d)
{
    struct msg_reader r = { .p = m->body, .end = m->body + m->len };
    const char *sql = msg_cstring(&r);
    enum err err = msg_end(&r, "Query", d);
    if (err)
        return err;
    const size_t len = strlen(sql);
    sql = arena_dup(c->arena, sql, len + 1); /* COPY reads further messages over this one */
    return session_simple_query(c->session, sql, len, d);
}

static enum err dispatch(struct connection *c, const struct message *m, struct diag *d)
{
    switch (m->type) {
    case 'P':
        return do_parse(c, m, d);
    case 'B':
        return do_bind(c, m, d);
    case 'D':
        return do_describe(c, m, d);
    case 'E':
        return do_execute(c, m, d);
    case 'C':
        return do_close(c, m, d);
    case 'Q':
        return do_query(c, m, d);
    case 'H':
        return flush(c, d);
    case 'S':
        return session_sync(c->session, d);
    case 'F':
        return diag_set(d, ERR_FEATURE, "the function call protocol is not supported");
    case 'd':
    case 'c':
    case 'f':
        return ERR_OK; /* left over from a COPY that failed */
    default:
        c->ended = true;
        return diag_set(d, ERR_PROTOCOL, "invalid frontend message type %d", (unsigned char)m->type);
    }
}

static bool is_extended(char type) { return strchr("PBDECH", type) != NULL; }

static bool is_connection_lost(enum err err) { return err == ERR_CLOSED || err == ERR_CONNECTION_FAILURE || err == ERR_IO; }

static void run_after_answer(struct backend *be)
{
    void (*fn)(void *arg) = be->after_answer;
    be->after_answer = NULL;
    if (fn)
        fn(be->after_answer_arg);
}

/* Also in place of the answer to a statement that the shutdown has interrupted. */
static void send_shutdown(struct connection *c, struct diag *d)
{
    diag_set(d, ERR_ADMIN_SHUTDOWN, "terminating connection due to administrator command");
    send_fatal(c, d);
}

static void one_message(struct connection *c, const struct message *m, struct diag *d)
{
    if (m->type == 'X') {
        c->ended = true;
        return;
    }
    if (c->skip_to_sync && m->type != 'S')
        return;
    c->skip_to_sync = false;
    diag_clear(d);
    enum err err = dispatch(c, m, d);
    if (err) {
        session_fail(c->session);
        if (err == ERR_PROTOCOL)
            pgwire_count_garbage(c->be->wire);
        /* an outcome that could not be learnt, and a stream out of step, end the connection (R3) */
        if (err == ERR_CANCELED && atomic_load(&c->be->shutdown)) {
            send_shutdown(c, d);
            return;
        }
        if (err == ERR_TXN_UNKNOWN || c->ended || is_connection_lost(err)) {
            send_fatal(c, d);
            return;
        }
        msg_put_diag(&c->out, 'E', "ERROR", d);
        c->skip_to_sync = is_extended(m->type);
    }
    if (m->type == 'S' || m->type == 'Q' || m->type == 'F') {
        put_ready(c);
        if (c->be->after_answer) {
            err = flush(c, d); /* where the client is gone, the next read notices */
            run_after_answer(c->be);
        }
    }
    arena_reset(c->arena);
}

static void serve(struct connection *c, struct diag *d)
{
    while (!c->ended) {
        if (atomic_load(&c->be->shutdown)) {
            send_shutdown(c, d);
            return;
        }
        const uint64_t idle_ms = session_idle_timeout_ms(c->session);
        struct message m = { 0 };
        enum err err = read_message(c, idle_ms ? rt_now() + RT_MS(idle_ms) : RT_FOREVER, &m, d);
        if (err == ERR_CANCELED) {
            rt_cancel_clear(); /* shutdown, judged above, or a cancel request that came too late */
            continue;
        }
        if (err == ERR_TIMED_OUT) {
            diag_set(d, ERR_IDLE_IN_TXN_TIMEOUT, "terminating connection due to idle-in-transaction timeout");
            send_fatal(c, d);
            return;
        }
        if (err == ERR_PROTOCOL) {
            pgwire_count_garbage(c->be->wire);
            send_fatal(c, d);
        }
        if (err)
            return;
        one_message(c, &m, d);
    }
}

void connection_run(struct backend *be)
{
    struct connection *c = xcalloc(1, sizeof *c);
    struct diag d;
    diag_clear(&d);
    c->be = be;
    buf_init(&c->out);
    buf_init(&c->in);
    c->arena = arena_new("message", 0);
    struct session_client client = client_ops;
    client.arg = c;
    if (start(c, &client, &d) == ERR_OK && !c->ended)
        serve(c, &d);
    if (c->session) {
        pgwire_set_session(be->wire, be, NULL);
        rt_cancel_clear();
        session_close(c->session);
    }
    run_after_answer(be);
    arena_free(c->arena);
    buf_fini(&c->in);
    buf_fini(&c->out);
    free(c);
}
