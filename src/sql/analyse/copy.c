#include "sql/analyse/analyse_int.h"

#include <strings.h>

/* COPY: which rows, in which format. */

struct copy_call {
    const struct ast_copy *stmt;
    struct copy *copy;
};

static bool option_bool(struct an *an, const struct ast_option *o)
{
    static const char *const on[] = { "true", "on", "1", "yes" }, *const off[] = { "false", "off", "0", "no" };
    if (o->value == NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(on); i++) {
        if (strcasecmp(on[i], o->value) == 0)
            return true;
        if (strcasecmp(off[i], o->value) == 0)
            return false;
    }
    an__fail(an, ERR_SYNTAX, o->location, "%s requires a Boolean value", o->name);
}

static const char *option_text(struct an *an, const struct ast_option *o)
{
    if (o->value == NULL)
        an__fail(an, ERR_SYNTAX, o->location, "%s requires a parameter", o->name);
    return o->value;
}

static char option_char(struct an *an, const struct ast_option *o)
{
    const char *s = option_text(an, o);
    if (strlen(s) != 1)
        an__fail(an, ERR_FEATURE, -1, "COPY %s must be a single one-byte character", o->name);
    if (*s == '\n' || *s == '\r')
        an__fail(an, ERR_PARAMETER_VALUE, -1, "COPY %s cannot be newline or carriage return", o->name);
    return *s;
}

static void format_option(struct an *an, struct copy *c, const struct ast_option *o)
{
    const char *f = option_text(an, o);
    if (strcmp(f, "text") == 0)
        c->format = COPY_TEXT;
    else if (strcmp(f, "csv") == 0)
        c->format = COPY_CSV;
    else if (strcmp(f, "binary") == 0)
        c->format = COPY_BINARY;
    else
        an__fail(an, ERR_PARAMETER_VALUE, o->location, "COPY format \"%s\" not recognized", f);
}

static void column_flags(struct an *an, const struct copy *c, const struct ast_option *o, bool **ret)
{
    *ret = AN_ARRAY(an, bool, c->ncols);
    for (uint16_t i = 0; o->star && i < c->ncols; i++)
        (*ret)[i] = true;
    for (uint32_t n = 0; n < o->list.n; n++) {
        bool found = false;
        for (uint16_t i = 0; i < c->ncols; i++)
            if (strcmp(c->col[i].name, o->list.v[n]) == 0)
                found = (*ret)[i] = true;
        if (!found)
            an__fail(an, ERR_UNDEFINED_COLUMN, o->location, "column \"%s\" does not exist", o->list.v[n]);
    }
}

static void one_option(struct an *an, struct copy *c, const struct ast_option *o)
{
    if (strcmp(o->name, "format") == 0)
        format_option(an, c, o);
    else if (strcmp(o->name, "freeze") == 0)
        (void)option_bool(an, o); /* rows are never rewritten later: nothing to freeze */
    else if (strcmp(o->name, "delimiter") == 0)
        c->delimiter = option_char(an, o);
    else if (strcmp(o->name, "null") == 0)
        c->null_text = option_text(an, o);
    else if (strcmp(o->name, "header") == 0 && o->value != NULL && strcasecmp(o->value, "match") == 0)
        c->header = c->header_match = true;
    else if (strcmp(o->name, "header") == 0)
        c->header = option_bool(an, o);
    else if (strcmp(o->name, "quote") == 0)
        c->quote = option_char(an, o);
    else if (strcmp(o->name, "escape") == 0)
        c->escape = option_char(an, o);
    else if (strcmp(o->name, "force_quote") == 0)
        column_flags(an, c, o, &c->force_quote);
    else if (strcmp(o->name, "force_not_null") == 0)
        column_flags(an, c, o, &c->force_not_null);
    else if (strcmp(o->name, "force_null") == 0)
        column_flags(an, c, o, &c->force_null);
    else if (strcmp(o->name, "encoding") == 0) {
        const char *e = option_text(an, o);
        if (strcasecmp(e, "utf8") != 0 && strcasecmp(e, "utf-8") != 0)
            an__fail(an, ERR_FEATURE, o->location, "encoding \"%s\" is not supported", e);
    } else {
        an__fail(an, ERR_SYNTAX, o->location, "option \"%s\" not recognized", o->name);
    }
}

static void check_options(struct an *an, const struct copy *c)
{
    const bool csv = c->format == COPY_CSV;
    if (c->format == COPY_BINARY)
        an__unsupported(an, -1, "COPY BINARY");
    if (!csv && c->header && c->format == COPY_BINARY)
        an__fail(an, ERR_FEATURE, -1, "cannot specify HEADER in BINARY mode");
    if (!csv && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", c->delimiter) != NULL)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "COPY delimiter cannot be \"%c\"", c->delimiter);
    if (!csv && c->quote != 0)
        an__fail(an, ERR_FEATURE, -1, "COPY quote available only in CSV mode");
    if (!csv && c->escape != 0)
        an__fail(an, ERR_FEATURE, -1, "COPY escape available only in CSV mode");
    if (csv && c->delimiter == c->quote)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "COPY delimiter and quote must be different");
    if (!csv && (c->force_quote != NULL || c->force_not_null != NULL || c->force_null != NULL))
        an__fail(an, ERR_FEATURE, -1, "COPY force quote and force null are available only in CSV mode");
    if (c->header_match && !c->from)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "cannot use \"match\" with HEADER in COPY TO");
    if (strchr(c->null_text, '\n') != NULL || strchr(c->null_text, '\r') != NULL)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "COPY null representation cannot use newline or carriage return");
    if (strchr(c->null_text, c->delimiter) != NULL)
        an__fail(an, ERR_FEATURE, -1, "COPY delimiter must not appear in the NULL specification");
}

static void options(struct an *an, struct copy *c, const struct ast_options *o)
{
    for (uint32_t i = 0; i < o->n; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(o->v[i].name, o->v[j].name) == 0)
                an__fail(an, ERR_SYNTAX, o->v[i].location, "conflicting or redundant options");
        one_option(an, c, &o->v[i]);
    }
    if (c->delimiter == 0)
        c->delimiter = c->format == COPY_CSV ? ',' : '\t';
    if (c->null_text == NULL)
        c->null_text = c->format == COPY_CSV ? "" : "\\N";
    if (c->format == COPY_CSV && c->quote == 0)
        c->quote = '"';
    if (c->format == COPY_CSV && c->escape == 0)
        c->escape = c->quote;
    check_options(an, c);
}

/* COPY t (a, b) TO is SELECT a, b FROM t. */
static struct query *select_of_table(struct an *an, const struct ast_copy *s)
{
    struct ast_select sel = { .location = -1 };
    struct ast_from from = { .kind = AST_FROM_TABLE, .range = s->table, .location = -1 };
    from.range.location = -1; /* PostgreSQL shows no place here */
    struct ast_from *from_list = &from;
    struct ast_targets t = { .n = MAX(s->columns.n, 1u) };
    t.v = AN_ARRAY(an, struct ast_target, t.n);
    for (uint32_t i = 0; i < t.n; i++) {
        struct ast_expr *e = AN_NEW(an, struct ast_expr);
        e->kind = AST_COLUMN;
        e->location = -1;
        e->column.star = s->columns.n == 0;
        e->column.name.n = e->column.star ? 0 : 1;
        e->column.name.v = s->columns.n > 0 ? &s->columns.v[i] : NULL;
        t.v[i] = (struct ast_target){ .expr = e, .location = -1 };
    }
    sel.nfrom = 1;
    sel.from = &from_list;
    sel.targets = t;
    return an__select(an, NULL, &sel, false, NULL);
}

static struct query *rows_to_copy(struct an *an, const struct ast_copy *s)
{
    if (s->query == NULL)
        return select_of_table(an, s);
    switch (s->query->kind) {
    case AST_SELECT:
        return an__select(an, NULL, s->query->select, false, NULL);
    case AST_INSERT:
        return an__insert(an, s->query->insert);
    case AST_UPDATE:
        return an__update(an, s->query->update);
    case AST_DELETE:
        return an__delete(an, s->query->delete);
    default:
        an__unsupported(an, -1, "COPY of this statement");
    }
}

static void run_copy(struct an *an, void *arg)
{
    struct copy_call *call = arg;
    const struct ast_copy *s = call->stmt;
    struct copy *c = AN_NEW(an, struct copy);
    const uint64_t generation = catalog_generation(an->env->catalog);
    if (s->filename != NULL || s->program) {
        diag_set(an->d, ERR_FEATURE, "COPY with a file or program of the server is not supported");
        diag_hint(an->d, "Use COPY FROM STDIN or COPY TO STDOUT, or psql's \\copy command.");
        an__throw(an);
    }
    if (s->where != NULL)
        an__unsupported(an, s->where->location, "WHERE in COPY");
    c->from = s->from;
    if (s->from) {
        uint16_t *cols;
        struct query *q = an__copy_query(an, s, &cols, &c->ncols);
        const struct table_def *t = an->rel[q->rte[q->result]->rel].def;
        c->tree = an__finish(an, q);
        c->col = AN_ARRAY(an, struct result_column, c->ncols);
        for (uint16_t i = 0; i < c->ncols; i++) {
            const struct column_def *col = &t->col[cols[i]];
            c->col[i] = (struct result_column){ .name = col->name, .type = col->type, .typmod = col->typmod, .table = t->oid, .attnum = col->attnum };
        }
    } else {
        c->tree = an__finish(an, rows_to_copy(an, s));
        if (c->tree->ncols == 0 && c->tree->query->command != QUERY_SELECT)
            an__fail(an, ERR_FEATURE, -1, "COPY query must have a RETURNING clause");
        c->ncols = c->tree->ncols;
        c->col = c->tree->col;
    }
    c->tree->generation = generation;
    options(an, c, &s->options);
    call->copy = c;
}

enum err analyse_copy(const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *stmt, struct copy **ret, struct diag *d)
{
    struct an an = { .env = env, .arena = env->arena, .ast = ast, .d = d, .positions = true };
    struct copy_call c = { .stmt = stmt->copy };
    diag_clear(d);
    if (ast->nparams > 0)
        return diag_set(d, ERR_UNDEFINED_PARAMETER, "COPY takes no parameters");
    const enum err err = an__run(&an, run_copy, &c);
    if (err != ERR_OK)
        return err;
    *ret = c.copy;
    return ERR_OK;
}
