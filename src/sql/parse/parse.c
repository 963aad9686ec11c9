#include "sql/parse/parse.h"

#include <stdlib.h>

#include "rt/rt.h"
#include "sql/parse/convert.h"

#include "pg_query.h"
#include "pg_query/pg_query_internal.h"

int sql_position(const char *text, size_t len, int location)
{
    if (location < 0)
        return 0;
    const size_t upto = MIN((size_t)location, len);
    int chars = 0;
    for (size_t i = 0; i < upto; i++)
        chars += ((uint8_t)text[i] & 0xc0) != 0x80;
    return chars + 1;
}

void conv__fail(struct conv *c)
{
    longjmp(c->out, 1);
}

void conv__unsupported(struct conv *c, const char *what, int location)
{
    diag_set(c->d, ERR_FEATURE, "%s is not supported", what);
    diag_at(c->d, sql_position(c->text, c->len, location));
    conv__fail(c);
}

void conv__enter(struct conv *c)
{
    if (++c->depth > SQL_NESTING_MAX) {
        diag_set(c->d, ERR_STATEMENT_COMPLEX, "stack depth limit exceeded");
        diag_hint(c->d, "Statements nest at most %d levels deep.", SQL_NESTING_MAX);
        conv__fail(c);
    }
    if (arena_over_limit(c->arena)) {
        diag_set(c->d, ERR_OUT_OF_MEMORY, "out of memory");
        diag_detail(c->d, "The statement needs more memory than it may use.");
        conv__fail(c);
    }
}

const char *conv__str(struct conv *c, const char *s)
{
    return s != NULL ? arena_strdup(c->arena, s) : NULL;
}

/* The grammar's errors come without SQLSTATE: most are syntax errors. */
static enum err error_code(const char *message)
{
    static const struct {
        const char *part;
        enum err err;
    } codes[] = {
        { "not supported", ERR_FEATURE },
        { "not yet implemented", ERR_FEATURE },
        { "not implemented", ERR_FEATURE },
        { "out of memory", ERR_OUT_OF_MEMORY },
        { "invalid byte sequence", ERR_CHARACTER },
        { "invalid Unicode escape value", ERR_SYNTAX },
        { "invalid Unicode surrogate", ERR_SYNTAX },
        { "invalid escape", ERR_ESCAPE_SEQUENCE },
        { "stack depth limit exceeded", ERR_STATEMENT_COMPLEX },
        { "target lists can have at most", ERR_TOO_MANY_COLUMNS },
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strstr(message, codes[i].part) != NULL)
            return codes[i].err;
    return ERR_SYNTAX;
}

static void report_grammar_error(struct conv *c, const PgQueryError *e)
{
    diag_set(c->d, error_code(e->message), "%s", e->message);
    if (e->cursorpos > 0)
        diag_at(c->d, e->cursorpos);
}

/* Blanks and comments before a statement do not belong to it. */
static int skip_blanks(const char *text, int at, int end)
{
    for (;;) {
        while (at < end && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r')))
            at++;
        if (at + 1 < end && text[at] == '-' && text[at + 1] == '-') {
            while (at < end && text[at] != '\n')
                at++;
        } else if (at + 1 < end && text[at] == '/' && text[at + 1] == '*') {
            int level = 0;
            do {
                const bool open = at + 1 < end && text[at] == '/' && text[at + 1] == '*';
                const bool close = at + 1 < end && text[at] == '*' && text[at + 1] == '/';
                level += open - close;
                at += open || close ? 2 : 1;
            } while (level > 0 && at < end);
        } else {
            return at;
        }
    }
}

static void convert_all(struct conv *c, const List *raw, struct ast *a)
{
    a->text = c->text;
    a->text_len = (uint32_t)c->len;
    a->n = (uint32_t)list_length(raw);
    a->v = CONV_ARRAY(c, struct ast_stmt, a->n);
    for (uint32_t i = 0; i < a->n; i++) {
        const RawStmt *rs = castNode(RawStmt, list_nth(raw, (int)i));
        struct ast_stmt *s = &a->v[i];
        const int end = rs->stmt_len > 0 ? rs->stmt_location + rs->stmt_len : (int)c->len;
        conv__stmt(c, rs->stmt, s);
        s->location = skip_blanks(c->text, rs->stmt_location, end);
        s->len = end - s->location;
    }
    a->nparams = c->nparams;
}

struct parse_call {
    struct arena *arena;
    const char *sql;
    size_t len;
    struct ast *ast;
    struct diag *d;
    enum err err;
};

static enum err parse_and_convert(struct conv *c, struct ast *ast)
{
    const PgQueryInternalParsetreeAndError raw = pg_query_raw_parse(c->text);
    free(raw.stderr_buffer);
    if (raw.error != NULL) {
        report_grammar_error(c, raw.error);
        pg_query_free_error(raw.error);
        return c->d->err;
    }
    if (setjmp(c->out) != 0)
        return c->d->err;
    convert_all(c, raw.tree, ast);
    return ERR_OK;
}

/*
 * The parser's state is thread-local: no fiber switch in here. Its memory
 * context goes away as a whole. pg_query_exit() is never called: the library
 * frees its thread's memory when the thread ends, and would do it twice.
 */
static void parse_on_big_stack(void *arg)
{
    struct parse_call *pc = arg;
    struct conv c = { .arena = pc->arena, .len = pc->len, .d = pc->d };
    c.text = arena_strndup(pc->arena, pc->sql, pc->len);
    MemoryContext cx = pg_query_enter_memory_context();
    pc->err = parse_and_convert(&c, pc->ast);
    pg_query_exit_memory_context(cx);
}

enum err sql_parse(struct arena *arena, const char *sql, size_t len, struct ast **ret, struct diag *d)
{
    if (len > SQL_TEXT_MAX)
        return diag_set(d, ERR_LIMIT, "statement text of %zu bytes is longer than the limit of %u bytes", len, SQL_TEXT_MAX);
    if (memchr(sql, 0, len) != NULL)
        return diag_set(d, ERR_CHARACTER, "invalid byte sequence for encoding \"UTF8\": 0x00");
    struct parse_call pc = { .arena = arena, .sql = sql, .len = len, .d = d };
    pc.ast = ARENA_NEW(arena, struct ast);
    rt_call_on_big_stack(parse_on_big_stack, &pc);
    if (pc.err != ERR_OK)
        return pc.err;
    *ret = pc.ast;
    return ERR_OK;
}

enum err sql_parse_expr(struct arena *arena, const char *sql, size_t len, struct ast_expr **ret, struct diag *d)
{
    struct ast *a;
    const char *text = arena_printf(arena, "SELECT (%.*s)", (int)len, sql);
    const enum err err = sql_parse(arena, text, strlen(text), &a, d);
    if (err != ERR_OK)
        return diag_wrap(d, err, "reading the stored expression \"%.*s\"", (int)MIN(len, (size_t)200), sql);
    if (a->n != 1 || a->v[0].kind != AST_SELECT || a->v[0].select->targets.n != 1)
        return diag_set(d, ERR_INTERNAL, "stored expression \"%.*s\" is not one expression", (int)MIN(len, (size_t)200), sql);
    *ret = a->v[0].select->targets.v[0].expr;
    return ERR_OK;
}
