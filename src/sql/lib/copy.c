/*
 * COPY FROM STDIN and TO STDOUT, text and CSV, as PostgreSQL reads and writes
 * them.
 */
#include "sql/lib/session_int.h"
#include "sql/types/utf8.h"

#include <stdlib.h>

/* ---- reading ---------------------------------------------------------------------- */

#define COPY_LINE_MAX (1u << 30)

struct copy_in {
    struct session *s;
    const struct copy *copy;
    struct diag *d;
    const uint8_t *chunk; /* of the client's data */
    size_t chunk_len, chunk_pos;
    bool ended;
    struct buf line; /* the present line, without its end */
    bool quoted_open; /* CSV: the line goes on after a newline within quotes */
    bool escape_open; /* CSV: what comes next is taken as it is */
    uint64_t line_no;
    struct buf field;
    const struct type **type;
    bool marker; /* text: the line ended with the marker of the end */
    struct given_line *given; /* of the rows that were given out last, for errors that come later */
};

#define SHOWN_BYTES 100u /* of a line or a value, in a context */

struct given_line {
    uint64_t no;
    uint32_t len; /* whole */
    char start[SHOWN_BYTES + 4]; /* no more of it is shown; a character more, to see where one begins */
};

/* The next piece; false at the end of the data. */
static enum err next_chunk(struct copy_in *in, bool *ret_more)
{
    enum err err = ERR_OK;
    if (!in->ended)
        err = in->s->client->copy_in_read(in->s->client->arg, &in->chunk, &in->chunk_len, in->d);
    if (!err && in->chunk_len == 0)
        in->ended = true;
    in->chunk_pos = 0;
    *ret_more = !err && !in->ended;
    return err;
}

/* How much of it is shown: whole characters. */
static int shown(const char *p, size_t len)
{
    size_t n = MIN(len, (size_t)SHOWN_BYTES);
    while (n < len && n > 0 && ((uint8_t)p[n] & 0xc0) == 0x80)
        n--;
    return (int)n;
}

static void line_context(struct copy_in *in, uint64_t no, const char *p, size_t len)
{
    diag_context(in->d, "COPY %s, line %" PRIu64 ": \"%.*s%s\"", in->copy->tree->rel[0].def->name, no, shown(p, len), p, len > SHOWN_BYTES ? "..." : "");
}

static enum err in_error(struct copy_in *in, enum err err)
{
    if (!*in->d->context)
        line_context(in, in->line_no, in->line.p ? (const char *)in->line.p : "", in->line.len);
    return err;
}

static void give_line(struct copy_in *in, uint32_t row)
{
    struct given_line *g = &in->given[row];
    g->no = in->line_no;
    g->len = (uint32_t)in->line.len;
    if (in->line.len > 0)
        memcpy(g->start, in->line.p, MIN(in->line.len, sizeof g->start));
}

/* The row was given out, and refused: a key that exists is told without the line, as by PostgreSQL, which has forgotten it then. */
static void row_context(struct copy_in *in, uint32_t row, enum err err)
{
    const struct given_line *g = &in->given[row];
    if (err == ERR_UNIQUE)
        diag_context(in->d, "COPY %s, line %" PRIu64, in->copy->tree->rel[0].def->name, g->no);
    else
        line_context(in, g->no, g->start, g->len);
}

/* CSV: a quote opens or closes; an escaped quote does both, which comes to the same. */
static void track_quotes(struct copy_in *in, const uint8_t *p, size_t len)
{
    const uint8_t quote = (uint8_t)in->copy->quote, escape = (uint8_t)in->copy->escape;
    for (size_t i = 0; i < len; i++) {
        if (in->quoted_open && escape != quote && p[i] == escape) {
            in->escape_open = !in->escape_open;
            continue;
        }
        if (p[i] == quote && !in->escape_open)
            in->quoted_open = !in->quoted_open;
        in->escape_open = false;
    }
}

/* Text: a newline behind a backslash is data. */
static bool ends_escaped(const struct buf *line)
{
    size_t n = 0;
    while (n < line->len && line->p[line->len - 1 - n] == '\\')
        n++;
    return n % 2 == 1;
}

/* Text: a marker "\." that is not escaped ends the data, at the end of a line; what is before it counts. Anywhere else it is an error. */
static enum err cut_marker(struct copy_in *in)
{
    uint8_t *p = in->line.p, *end = p + in->line.len;
    for (; p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL; p += 2) {
        if (p + 1 == end || p[1] != '.')
            continue;
        in->marker = p + 2 == end;
        if (in->marker) {
            in->line.len -= 2;
            return ERR_OK;
        }
        const enum err err = diag_set(in->d, ERR_BAD_COPY_FORMAT, "end-of-copy marker corrupt");
        diag_context(in->d, "COPY %s, line %" PRIu64, in->copy->tree->rel[0].def->name, in->line_no);
        return err;
    }
    return ERR_OK;
}

/* Reads one line into in->line; *ret_got false at the end. A newline within CSV quotes belongs to the line. */
static enum err read_line(struct copy_in *in, bool *ret_got)
{
    const bool csv = in->copy->format == COPY_CSV;
    buf_reset(&in->line);
    in->quoted_open = in->escape_open = false;
    in->line_no++;
    for (;;) {
        if (in->chunk_pos == in->chunk_len) {
            bool more;
            enum err err = next_chunk(in, &more);
            if (err)
                return err;
            if (!more) {
                *ret_got = in->line.len > 0;
                if (in->quoted_open)
                    return in_error(in, diag_set(in->d, ERR_BAD_COPY_FORMAT, "unterminated CSV quoted field"));
                return csv || in->line.len == 0 ? ERR_OK : cut_marker(in);
            }
        }
        const uint8_t *from = in->chunk + in->chunk_pos;
        const uint8_t *nl = memchr(from, '\n', in->chunk_len - in->chunk_pos);
        const size_t len = nl ? (size_t)(nl - from) : in->chunk_len - in->chunk_pos;
        if (in->line.len + len > COPY_LINE_MAX)
            return in_error(in, diag_set(in->d, ERR_LIMIT, "a line of COPY data is longer than %u bytes", COPY_LINE_MAX));
        buf_put(&in->line, from, len);
        if (csv)
            track_quotes(in, from, len);
        in->chunk_pos += len + (nl != NULL);
        if (!nl)
            continue;
        if (!csv && ends_escaped(&in->line)) {
            buf_put_u8(&in->line, '\n');
            continue;
        }
        if (in->quoted_open) {
            in->escape_open = false;
            buf_put_u8(&in->line, '\n');
            in->line_no += in->line_no > 1; /* as PostgreSQL counts: before the first line's end it does not know newlines */
            continue;
        }
        if (in->line.len > 0 && in->line.p[in->line.len - 1] == '\r')
            in->line.len--;
        *ret_got = true;
        return csv || in->line.len == 0 ? ERR_OK : cut_marker(in);
    }
}

static int hex(uint8_t c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

/* A backslash sequence of the text format at p; returns how many bytes it takes. */
static size_t unescape(const uint8_t *p, size_t left, struct buf *b)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    if (left < 2) {
        buf_put_u8(b, '\\');
        return 1;
    }
    const char *known = memchr(from, p[1], sizeof from - 1);
    if (known) {
        buf_put_u8(b, (uint8_t)to[known - from]);
        return 2;
    }
    if (p[1] >= '0' && p[1] <= '7') {
        unsigned v = 0;
        size_t n = 1;
        for (; n < 4 && n < left && p[n] >= '0' && p[n] <= '7'; n++)
            v = v * 8 + (p[n] - '0');
        buf_put_u8(b, (uint8_t)v);
        return n;
    }
    if (p[1] == 'x' && left > 2 && hex(p[2]) >= 0) {
        unsigned v = (unsigned)hex(p[2]);
        const bool two = left > 3 && hex(p[3]) >= 0;
        buf_put_u8(b, (uint8_t)(two ? v * 16 + (unsigned)hex(p[3]) : v));
        return two ? 4 : 3;
    }
    buf_put_u8(b, p[1]);
    return 2;
}

/* One field from *pos on; leaves *pos behind it (at the delimiter or the end). */
static bool text_field(struct copy_in *in, size_t *pos)
{
    const uint8_t *p = in->line.p;
    const size_t start = *pos;
    const uint8_t delimiter = (uint8_t)in->copy->delimiter;
    buf_reset(&in->field);
    while (*pos < in->line.len && p[*pos] != delimiter) {
        if (p[*pos] == '\\') {
            *pos += unescape(p + *pos, in->line.len - *pos, &in->field);
        } else {
            buf_put_u8(&in->field, p[(*pos)++]);
        }
    }
    /* the null marker is compared before backslashes mean anything */
    const size_t raw = *pos - start, null_len = strlen(in->copy->null_text);
    return raw == null_len && memcmp(p + start, in->copy->null_text, raw) == 0;
}

static bool csv_field(struct copy_in *in, size_t *pos)
{
    const uint8_t *p = in->line.p;
    const uint8_t delimiter = (uint8_t)in->copy->delimiter, quote = (uint8_t)in->copy->quote, escape = (uint8_t)in->copy->escape;
    bool quoted = false, in_quotes = false;
    buf_reset(&in->field);
    while (*pos < in->line.len) {
        const uint8_t c = p[*pos];
        if (in_quotes) {
            if (c == escape && *pos + 1 < in->line.len && (p[*pos + 1] == quote || p[*pos + 1] == escape)) {
                buf_put_u8(&in->field, p[*pos + 1]);
                *pos += 2;
                continue;
            }
            if (c == quote)
                in_quotes = false;
            else
                buf_put_u8(&in->field, c);
        } else {
            if (c == delimiter)
                break;
            if (c == quote)
                in_quotes = quoted = true;
            else
                buf_put_u8(&in->field, c);
        }
        ++*pos;
    }
    const size_t null_len = strlen(in->copy->null_text);
    return !quoted && in->field.len == null_len && memcmp(in->field.p ? in->field.p : (const uint8_t *)"", in->copy->null_text, null_len) == 0;
}

static bool next_field(struct copy_in *in, size_t *pos) { return in->copy->format == COPY_CSV ? csv_field(in, pos) : text_field(in, pos); }

static enum err one_field(struct copy_in *in, uint16_t i, bool is_null, struct vec *col, uint32_t row, struct arena *arena)
{
    const bool force_null = in->copy->force_null && in->copy->force_null[i];
    const bool force_not_null = in->copy->force_not_null && in->copy->force_not_null[i];
    const size_t null_len = strlen(in->copy->null_text);
    if (force_null && in->field.len == null_len && memcmp(in->field.p ? in->field.p : (const uint8_t *)"", in->copy->null_text, null_len) == 0)
        is_null = true;
    col[i].null[row] = is_null && !force_not_null;
    if (col[i].null[row])
        return ERR_OK;
    struct type_ctx ctx = in->s->func.types;
    ctx.arena = arena;
    const char *text = arena_strndup(arena, in->field.p ? (const char *)in->field.p : "", in->field.len);
    enum err err = utf8_check(text, in->field.len, in->d);
    if (!err)
        err = in->type[i]->in(&ctx, text, in->field.len, in->copy->col[i].typmod, &col[i].v[row], in->d);
    if (err)
        diag_context(in->d, "COPY %s, line %" PRIu64 ", column %s: \"%.*s%s\"", in->copy->tree->rel[0].def->name, in->line_no,
                     in->copy->col[i].name, shown(text, in->field.len), text, in->field.len > SHOWN_BYTES ? "..." : "");
    return err;
}

static enum err one_row(struct copy_in *in, struct vec *col, uint32_t row, struct arena *arena)
{
    size_t pos = 0;
    for (uint16_t i = 0; i < in->copy->ncols; i++) {
        if (i > 0) {
            if (pos >= in->line.len)
                return in_error(in, diag_set(in->d, ERR_BAD_COPY_FORMAT, "missing data for column \"%s\"", in->copy->col[i].name));
            pos++; /* the delimiter */
        }
        const bool is_null = next_field(in, &pos);
        enum err err = one_field(in, i, is_null, col, row, arena);
        if (err)
            return err;
    }
    if (pos < in->line.len)
        return in_error(in, diag_set(in->d, ERR_BAD_COPY_FORMAT, "extra data after last expected column"));
    return ERR_OK;
}

/* The line is the marker alone. */
static bool is_end_marker(const struct copy_in *in)
{
    return in->marker ? in->line.len == 0 : in->copy->format == COPY_CSV && in->line.len == 2 && memcmp(in->line.p, "\\.", 2) == 0;
}

/* What follows the marker is read and dropped, as the protocol wants. */
static enum err drop_rest(struct copy_in *in)
{
    enum err err = ERR_OK;
    for (bool more = true; more && !err;)
        err = next_chunk(in, &more);
    in->chunk_len = in->chunk_pos = 0;
    return err;
}

/* NODE_SOURCE asks for the next rows. */
static enum err source(void *arg, struct vec *col, uint32_t ncols, struct arena *arena, uint32_t *ret_n, struct diag *d)
{
    struct copy_in *in = arg;
    in->d = d;
    uint32_t n = 0;
    size_t bytes = 0;
    *ret_n = 0;
    if (in->marker) /* on the header's line, or met before */
        return drop_rest(in);
    while (n < VEC_ROWS && bytes < (4u << 20)) {
        bool got;
        enum err err = read_line(in, &got);
        if (err)
            return err;
        if (!got)
            break;
        const bool ends = in->marker || is_end_marker(in);
        if (!is_end_marker(in)) {
            give_line(in, n);
            err = one_row(in, col, n, arena);
            n++;
        }
        if (!err && ends)
            err = drop_rest(in);
        if (err)
            return err;
        if (ends)
            break;
        bytes += in->line.len;
        rt_yield_if_due();
    }
    *ret_n = n;
    return ERR_OK;
}

static uint32_t count_fields(struct copy_in *in)
{
    uint32_t n = 1;
    size_t pos = 0;
    for ((void)next_field(in, &pos); pos < in->line.len; n++) {
        pos++; /* the delimiter */
        (void)next_field(in, &pos);
    }
    return n;
}

static enum err match_header(struct copy_in *in)
{
    const uint32_t n = count_fields(in);
    size_t pos = 0;
    if (n != in->copy->ncols)
        return in_error(in, diag_set(in->d, ERR_BAD_COPY_FORMAT, "wrong number of fields in header line: got %u, expected %u", n, in->copy->ncols));
    for (uint16_t i = 0; i < n; i++, pos++) {
        const bool is_null = next_field(in, &pos);
        const char *want = in->copy->col[i].name, *got = in->field.p ? (const char *)in->field.p : "";
        const int len = (int)in->field.len;
        if (is_null)
            return in_error(in, diag_set(in->d, ERR_BAD_COPY_FORMAT, "column name mismatch in header line field %u: got null value (\"%s\"), expected \"%s\"",
                                         i + 1, in->copy->null_text, want));
        if ((size_t)len != strlen(want) || memcmp(got, want, (size_t)len) != 0)
            return in_error(in, diag_set(in->d, ERR_BAD_COPY_FORMAT, "column name mismatch in header line field %u: got \"%.*s\", expected \"%s\"",
                                         i + 1, len, got, want));
    }
    return ERR_OK;
}

/* HEADER, HEADER MATCH. */
static enum err read_header(struct copy_in *in)
{
    bool got;
    enum err err = read_line(in, &got);
    return !err && got && in->copy->header_match ? match_header(in) : err;
}

static enum err copy_from(struct session *s, const struct copy *copy, struct plan *plan, uint64_t *ret_rows, struct diag *d)
{
    struct copy_in in = { .s = s, .copy = copy, .d = d };
    const struct snapshot *snapshot;
    enum err err = session__stmt_begin(s, &snapshot, d);
    if (err)
        return err;
    buf_init(&in.line);
    buf_init(&in.field);
    in.type = ARENA_ARRAY(s->arena, const struct type *, copy->ncols + 1);
    in.given = ARENA_ARRAY(s->arena, struct given_line, VEC_ROWS);
    for (uint16_t i = 0; i < copy->ncols; i++)
        in.type[i] = type_by_oid(copy->col[i].type);
    err = s->client->copy_in_begin(s->client->arg, copy->ncols, false, d);
    if (!err && copy->header)
        err = read_header(&in);
    struct exec_env env = session__exec_env(s, snapshot, NULL, NULL);
    env.source = source;
    env.source_arg = &in;
    struct exec *e = NULL;
    if (!err)
        err = exec_start(&env, plan, s->arena, &e, d);
    for (struct result_batch b = { .sel.n = 1 }; !err && b.sel.n > 0;)
        err = exec_next(e, 0, &b, d);
    if (err && e && !*d->context && exec_failed_row(e) != UINT32_MAX)
        row_context(&in, exec_failed_row(e), err);
    if (!err)
        err = txn_snapshot_check(s->engine->opt.ts, snapshot, d);
    if (!err)
        *ret_rows = exec_rows(e);
    exec_end(e);
    session__stmt_end(s);
    buf_fini(&in.line);
    buf_fini(&in.field);
    return err;
}

/* ---- writing ------------------------------------------------------------------------ */

static void put_text(struct buf *b, const struct copy *copy, const uint8_t *p, size_t len)
{
    static const char special[] = "\b\f\n\r\t\v", letter[] = "bfnrtv";
    for (size_t i = 0; i < len; i++) {
        const char *known = memchr(special, p[i], sizeof special - 1);
        if (known) {
            buf_put_u8(b, '\\');
            buf_put_u8(b, (uint8_t)letter[known - special]);
        } else {
            if (p[i] == '\\' || p[i] == (uint8_t)copy->delimiter)
                buf_put_u8(b, '\\');
            buf_put_u8(b, p[i]);
        }
    }
}

static void put_csv(struct buf *b, const struct copy *copy, const uint8_t *p, size_t len, bool force, bool alone)
{
    bool quote = force || (len == strlen(copy->null_text) && memcmp(p, copy->null_text, len) == 0) || (alone && len == 2 && memcmp(p, "\\.", 2) == 0);
    for (size_t i = 0; i < len && !quote; i++)
        quote = p[i] == (uint8_t)copy->delimiter || p[i] == (uint8_t)copy->quote || p[i] == '\n' || p[i] == '\r';
    if (quote)
        buf_put_u8(b, (uint8_t)copy->quote);
    for (size_t i = 0; i < len; i++) {
        if (quote && (p[i] == (uint8_t)copy->quote || p[i] == (uint8_t)copy->escape))
            buf_put_u8(b, (uint8_t)copy->escape);
        buf_put_u8(b, p[i]);
    }
    if (quote)
        buf_put_u8(b, (uint8_t)copy->quote);
}

static void put_field(struct buf *b, const struct copy *copy, uint16_t i, const uint8_t *p, size_t len, bool force_quote)
{
    if (i > 0)
        buf_put_u8(b, (uint8_t)copy->delimiter);
    if (!p)
        buf_put_str(b, copy->null_text);
    else if (copy->format == COPY_CSV)
        put_csv(b, copy, p, len, force_quote, copy->ncols == 1);
    else
        put_text(b, copy, p, len);
}

static enum err put_header(struct session *s, const struct copy *copy, struct buf *line, struct diag *d)
{
    for (uint16_t i = 0; i < copy->ncols; i++)
        put_field(line, copy, i, (const uint8_t *)copy->col[i].name, strlen(copy->col[i].name), false);
    buf_put_u8(line, '\n');
    return s->client->copy_out(s->client->arg, line->p, line->len, d);
}

static enum err put_rows(struct session *s, const struct copy *copy, const struct result_batch *b, struct buf *line, struct buf *field, struct diag *d)
{
    enum err err = ERR_OK;
    for (uint32_t r = 0; r < b->sel.n && !err; r++) {
        const uint32_t row = b->sel.idx ? b->sel.idx[r] : r;
        buf_reset(line);
        for (uint16_t i = 0; i < copy->ncols; i++) {
            const uint32_t k = b->col[i]->is_const ? 0 : row;
            buf_reset(field);
            buf_reserve(field, 1);
            if (!b->col[i]->null[k])
                type_by_oid(copy->col[i].type)->out(&s->func.types, b->col[i]->v[k], field);
            put_field(line, copy, i, b->col[i]->null[k] ? NULL : field->p, field->len, copy->force_quote && copy->force_quote[i]);
        }
        buf_put_u8(line, '\n');
        err = s->client->copy_out(s->client->arg, line->p, line->len, d);
        rt_yield_if_due();
    }
    return err;
}

static enum err copy_to(struct session *s, const struct copy *copy, struct plan *plan, uint64_t *ret_rows, struct diag *d)
{
    const struct snapshot *snapshot;
    enum err err = session__stmt_begin(s, &snapshot, d);
    if (err)
        return err;
    struct buf line, field;
    buf_init(&line);
    buf_init(&field);
    const struct exec_env env = session__exec_env(s, snapshot, NULL, NULL);
    struct exec *e = NULL;
    err = exec_start(&env, plan, s->arena, &e, d);
    if (!err)
        err = s->client->copy_out_begin(s->client->arg, copy->ncols, false, d);
    if (!err && copy->header)
        err = put_header(s, copy, &line, d);
    while (!err) {
        struct result_batch b;
        err = exec_next(e, 0, &b, d);
        if (err || b.sel.n == 0)
            break;
        err = put_rows(s, copy, &b, &line, &field, d);
        *ret_rows += b.sel.n;
    }
    if (!err)
        err = txn_snapshot_check(s->engine->opt.ts, snapshot, d); /* or rows may be missing without a word */
    if (!err)
        err = s->client->copy_out_end(s->client->arg, d);
    exec_end(e);
    session__stmt_end(s);
    buf_fini(&line);
    buf_fini(&field);
    return err;
}

/* ---- both ------------------------------------------------------------------------------ */

struct copy_call {
    struct session *s;
    const struct ast *ast;
    const struct ast_stmt *stmt;
    struct copy *copy;
    struct plan *plan;
    struct diag *d;
    enum err err;
};

static void prepare_copy(void *arg)
{
    struct copy_call *cc = arg;
    const struct analyse_env env = session__analyse_env(cc->s, cc->s->arena);
    const struct plan_options options = session__plan_options(cc->s);
    cc->err = analyse_copy(&env, cc->ast, cc->stmt, &cc->copy, cc->d);
    if (!cc->err)
        cc->err = plan_make(session_catalog(cc->s), cc->copy->tree, &options, &cc->plan, cc->d);
}

enum err session__copy(struct session *s, const struct ast *ast, const struct ast_stmt *stmt, uint64_t *ret_rows, struct diag *d)
{
    enum err err = session__need_txn(s, d);
    if (err)
        return err;
    struct copy_call cc = { .s = s, .ast = ast, .stmt = stmt, .d = d };
    rt_call_on_big_stack(prepare_copy, &cc);
    err = cc.err;
    if (!err && cc.copy->from)
        err = session__check_read_only(s, "COPY FROM", d);
    if (!err && cc.copy->format == COPY_BINARY)
        err = diag_set(d, ERR_FEATURE, "COPY in binary format is not supported");
    if (!err)
        err = cc.copy->from ? copy_from(s, cc.copy, cc.plan, ret_rows, d) : copy_to(s, cc.copy, cc.plan, ret_rows, d);
    plan_free(cc.plan);
    return err;
}
