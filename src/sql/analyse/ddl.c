#include "sql/analyse/analyse_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define INDEX_COLUMNS_MAX 32

/* One definition under analysis. */
struct ddl_call {
    const struct ast_stmt *stmt;
    struct ddl *ddl;
};

static void notice(struct an *an, struct ddl *d, const char *text)
{
    const char **v = AN_ARRAY(an, const char *, d->nnotices + 1);
    if (d->nnotices > 0)
        memcpy(v, d->notice, sizeof(*v) * d->nnotices);
    v[d->nnotices++] = text;
    d->notice = v;
}

/* What bears this name; 0: nothing. */
static oid_t lookup(struct an *an, const struct ast_range *r, char *ret_kind)
{
    oid_t oid = 0;
    *ret_kind = 0;
    an__check(an, catalog_oid_of(an->env->catalog, an->env->txn, r->schema, r->name, &oid, ret_kind, an->d), r->location);
    return oid;
}

static void with_options(struct an *an, const struct ast_options *o, int *ret_fillfactor)
{
    for (uint32_t i = 0; i < o->n; i++) {
        const struct ast_option *v = &o->v[i];
        if (strcmp(v->name, "fillfactor") != 0)
            an__fail(an, ERR_FEATURE, v->location, "storage parameter \"%s\" is not supported", v->name);
        if (!v->is_integer || v->integer < 10 || v->integer > 100) {
            diag_set(an->d, ERR_PARAMETER_VALUE, "value %s out of bounds for option \"fillfactor\"", v->value != NULL ? v->value : "");
            diag_detail(an->d, "Valid values are between \"10\" and \"100\".");
            an__throw(an);
        }
        *ret_fillfactor = (int)v->integer;
    }
}

/* ---- text of stored expressions ------------------------------------------------------- */

static void no_name(void *arg, const struct expr *e, struct buf *b)
{
    (void)arg, (void)e;
    buf_put_str(b, "?");
}

static void column_name_of(void *arg, const struct expr *e, struct buf *b)
{
    const struct rte *rte = arg;
    const char *name = rte->col[e->var.col - 1].name;
    buf_put_u8(b, '"');
    for (; *name != 0; name++) {
        if (*name == '"')
            buf_put_u8(b, '"');
        buf_put_u8(b, (uint8_t)*name);
    }
    buf_put_u8(b, '"');
}

static char *text_of(struct an *an, const struct expr *e, const struct deparse *how)
{
    struct buf b;
    buf_init(&b);
    expr_deparse(e, how, &b);
    char *s = arena_strndup(an->arena, (const char *)b.p, b.len);
    buf_fini(&b);
    return s;
}

/* The conversion to the column's type happens again when the default is used: it is not part of the text. */
static const struct expr *without_assignment(const struct expr *e)
{
    for (;;) {
        if (e->kind == EXPR_CAST && !e->cast.is_explicit)
            e = e->cast.arg;
        else if (e->kind == EXPR_TYPMOD && !e->typmod_of.is_explicit)
            e = e->typmod_of.arg;
        else
            return e;
    }
}

static struct expr *default_expr(struct an *an, const struct ast_expr *a, const struct new_column *c)
{
    struct column_def col = { .type = c->type, .typmod = c->typmod };
    snprintf(col.name, sizeof(col.name), "%s", c->name);
    if (a->kind == AST_COLUMN && !a->column.star)
        an__fail(an, ERR_FEATURE, a->location, "cannot use column reference in DEFAULT expression");
    struct expr *e = an__expr(an, an__level(an, NULL), a, AN_DEFAULT);
    struct expr *r = an__try_coerce(an, e, col.type, col.typmod, CAST_ASSIGNMENT, false, -1);
    if (r != NULL)
        return r;
    diag_set(an->d, ERR_DATATYPE_MISMATCH, "column \"%s\" is of type %s but default expression is of type %s", col.name,
             an__type_name(an, col.type), an__type_name(an, e->type));
    diag_hint(an->d, "You will need to rewrite or cast the expression.");
    an__throw(an);
}

static bool is_null_const(const struct expr *e)
{
    return e->kind == EXPR_CONST && e->c.null;
}

static const char *default_text(struct an *an, const struct expr *e)
{
    const struct deparse how = { .name = no_name };
    e = without_assignment(e);
    return is_null_const(e) ? NULL : text_of(an, e, &how);
}

/* ---- columns ------------------------------------------------------------------------------- */

static bool serial_type(const struct ast_type *t, struct new_column *c)
{
    static const struct {
        const char *name;
        oid_t type;
    } serials[] = { { "serial", TYPE_INT4 },    { "serial4", TYPE_INT4 },    { "bigserial", TYPE_INT8 },
                    { "serial8", TYPE_INT8 },   { "smallserial", TYPE_INT2 }, { "serial2", TYPE_INT2 } };
    if (t->schema != NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(serials); i++)
        if (strcmp(serials[i].name, t->name) == 0) {
            c->type = serials[i].type;
            c->typmod = -1;
            c->serial = c->not_null = true;
            return true;
        }
    return false;
}

static void check_name(struct an *an, const char *name, int location)
{
    if (strlen(name) > NAME_MAX_BYTES)
        an__fail(an, ERR_NAME_TOO_LONG, location, "identifier \"%s\" is too long", name);
}

static void check_column_type(struct an *an, const struct new_column *c, const struct ast_column_def *d)
{
    if (c->type == TYPE_VOID || c->type == TYPE_UNKNOWN)
        an__fail(an, ERR_TABLE_DEFINITION, d->type.location, "column \"%s\" has pseudo-type %s", c->name, an__type_name(an, c->type));
    if (d->collation != NULL && strcmp(d->collation, "default") != 0 && strcmp(d->collation, "C") != 0 && strcmp(d->collation, "POSIX") != 0)
        an__fail(an, ERR_FEATURE, d->location, "collation \"%s\" is not supported", d->collation);
    if (d->unsupported_storage)
        an__unsupported(an, d->location, "a storage option of a column");
}

struct table_builder {
    struct new_table t;
    struct new_column *col;
    struct new_index *index;
    struct check_def *check;
    uint32_t col_cap, index_cap, check_cap, ncols, nindexes, nchecks;
    struct level *lv; /* sees the columns, for checks */
    const char *table;
};

static uint16_t builder_column(struct an *an, const struct table_builder *b, const char *name, int location)
{
    for (uint32_t i = 0; i < b->ncols; i++)
        if (strcmp(b->col[i].name, name) == 0)
            return (uint16_t)i;
    an__fail(an, ERR_UNDEFINED_COLUMN, location, "column \"%s\" named in key does not exist", name);
}

static void add_key(struct an *an, struct table_builder *b, const struct ast_constraint *k, const char *only_column)
{
    const struct ast_names one = { 1, &only_column };
    const struct ast_names *names = only_column != NULL ? &one : &k->keys;
    struct new_index ix = { .name = k->name, .unique = true, .primary = k->kind == AST_CONSTR_PRIMARY, .is_constraint = true };
    int fillfactor = 0;
    if (k->deferrable)
        an__unsupported(an, k->location, "a deferrable constraint");
    if (k->using_index != NULL)
        an__unsupported(an, k->location, "a constraint using an existing index");
    with_options(an, &k->with, &fillfactor);
    if (names->n > INDEX_COLUMNS_MAX)
        an__fail(an, ERR_TOO_MANY_COLUMNS, k->location, "cannot use more than %d columns in an index", INDEX_COLUMNS_MAX);
    for (uint32_t i = 0; i < b->nindexes; i++)
        if (ix.primary && b->index[i].primary)
            an__fail(an, ERR_TABLE_DEFINITION, k->location, "multiple primary keys for table \"%s\" are not allowed", b->table);
    for (uint32_t i = 0; i < names->n; i++) {
        const uint16_t col = builder_column(an, b, names->v[i], k->location);
        for (uint16_t j = 0; j < ix.ncols; j++)
            if (ix.col[j].attnum == col + 1)
                an__fail(an, ERR_DUPLICATE_COLUMN, k->location, "column \"%s\" appears twice in %s constraint", names->v[i],
                         ix.primary ? "primary key" : "unique");
        if (ix.primary)
            b->col[col].not_null = true;
        ix.col[ix.ncols++] = (struct index_column){ .attnum = (int16_t)(col + 1) };
    }
    AN_GROW(an, b->index, b->nindexes, b->index_cap);
    b->index[b->nindexes++] = ix;
}

struct columns_used {
    uint32_t n;
    int16_t col;
};

static bool count_columns(void *arg, const struct expr *var, uint16_t depth)
{
    struct columns_used *u = arg;
    if (u->n == 0 || u->col != var->var.col)
        u->n++;
    u->col = var->var.col;
    return true;
}

/* PostgreSQL's choice: <table>_<column>_check where the condition has one column, <table>_check otherwise, with a number if taken. */
static void choose_check_name(struct an *an, struct check_def *c, const struct check_def *others, uint32_t n, const char *table, const struct expr *e,
                              const struct rte *rte)
{
    struct columns_used used = { 0 };
    expr_each_var(e, 0, count_columns, &used);
    const char *base = used.n == 1 ? arena_printf(an->arena, "%s_%s_check", table, rte->col[used.col - 1].name)
                                   : arena_printf(an->arena, "%s_check", table);
    for (uint32_t suffix = 0;; suffix++) {
        bool taken = false;
        if (suffix == 0)
            snprintf(c->name, sizeof(c->name), "%s", base);
        else
            snprintf(c->name, sizeof(c->name), "%.50s%u", base, suffix);
        for (uint32_t i = 0; i < n; i++)
            taken |= strcmp(others[i].name, c->name) == 0;
        if (!taken)
            return;
    }
}

static struct expr *check_def_of(struct an *an, struct level *lv, const struct ast_constraint *k, const char *table, const struct check_def *others,
                                 uint32_t n, struct check_def *ret)
{
    struct rte *rte = lv->q->rte[0];
    const struct deparse how = { .arg = rte, .name = column_name_of };
    struct expr *e = an__coerce_bool(an, an__expr(an, lv, k->expr, AN_CHECK), "CHECK");
    if (k->not_valid)
        an__unsupported(an, k->location, "NOT VALID");
    *ret = (struct check_def){ .expr_sql = text_of(an, e, &how) };
    if (k->name != NULL)
        snprintf(ret->name, sizeof(ret->name), "%s", k->name);
    else
        choose_check_name(an, ret, others, n, table, e, rte);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(others[i].name, ret->name) == 0)
            an__fail(an, ERR_DUPLICATE_OBJECT, k->location, "constraint \"%s\" for relation \"%s\" already exists", ret->name, table);
    return e;
}

static void add_check(struct an *an, struct table_builder *b, const struct ast_constraint *k)
{
    AN_GROW(an, b->check, b->nchecks, b->check_cap);
    check_def_of(an, b->lv, k, b->table, b->check, b->nchecks, &b->check[b->nchecks]);
    b->nchecks++;
}

/* The constraints that are part of a column itself. */
static void column_constraint(struct an *an, struct new_column *c, const struct ast_constraint *k, const char *table, bool *null_seen)
{
    switch (k->kind) {
    case AST_CONSTR_NULL:
    case AST_CONSTR_NOT_NULL:
        if (*null_seen && c->not_null != (k->kind == AST_CONSTR_NOT_NULL))
            an__fail(an, ERR_SYNTAX, k->location, "conflicting NULL/NOT NULL declarations for column \"%s\" of table \"%s\"", c->name, table);
        c->not_null = k->kind == AST_CONSTR_NOT_NULL;
        *null_seen = true;
        break;
    case AST_CONSTR_DEFAULT:
        if (c->default_sql != NULL || c->serial)
            an__fail(an, ERR_SYNTAX, k->location, "multiple default values specified for column \"%s\" of table \"%s\"", c->name, table);
        c->default_sql = default_text(an, default_expr(an, k->expr, c));
        break;
    case AST_CONSTR_FOREIGN:
        an__unsupported(an, k->location, "a foreign key");
    case AST_CONSTR_OTHER:
        an__unsupported(an, k->location, k->what);
    case AST_CONSTR_PRIMARY:
    case AST_CONSTR_UNIQUE:
    case AST_CONSTR_CHECK:
        break;
    }
}

static struct new_column new_column(struct an *an, const struct ast_column_def *d, const char *table)
{
    struct new_column c = { .name = d->name, .typmod = -1 };
    bool null_seen = false;
    check_name(an, d->name, d->location);
    if (an__is_system_column(d->name))
        an__fail(an, ERR_DUPLICATE_COLUMN, -1, "column name \"%s\" conflicts with a system column name", d->name);
    if (!serial_type(&d->type, &c))
        an__type_of_ast(an, &d->type, &c.type, &c.typmod);
    check_column_type(an, &c, d);
    for (uint32_t i = 0; i < d->constraints.n; i++)
        column_constraint(an, &c, &d->constraints.v[i], table, &null_seen);
    return c;
}

static bool is_key(const struct ast_constraint *k)
{
    return k->kind == AST_CONSTR_PRIMARY || k->kind == AST_CONSTR_UNIQUE;
}

/* Expressions of checks see the columns of the table to be. */
static void show_columns(struct an *an, struct level *lv, const char *table, const struct new_column *col, uint32_t n)
{
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_SOURCE;
    rte->name = table;
    rte->ncols = (uint16_t)n;
    rte->col = AN_ARRAY(an, struct rte_col, n);
    for (uint32_t i = 0; i < n; i++)
        rte->col[i] = (struct rte_col){ .name = col[i].name, .type = col[i].type, .typmod = col[i].typmod };
    an__show_rte(an, lv, an__add_rte(an, lv, rte), true, true);
}

static void check_create(struct an *an, const struct ast_create_table *s)
{
    if (s->unsupported != NULL)
        an__unsupported(an, s->table.location, s->unsupported);
    if (s->temporary)
        an__unsupported(an, s->table.location, "a temporary table");
    if (s->tablespace != NULL && strcmp(s->tablespace, "pg_default") != 0)
        an__fail(an, ERR_UNDEFINED_OBJECT, -1, "tablespace \"%s\" does not exist", s->tablespace);
    if (s->access_method != NULL && strcmp(s->access_method, "heap") != 0)
        an__fail(an, ERR_UNDEFINED_OBJECT, -1, "access method \"%s\" does not exist", s->access_method);
    check_name(an, s->table.name, s->table.location);
    if (s->ncols > TUPLE_COLUMNS_MAX)
        an__fail(an, ERR_TOO_MANY_COLUMNS, -1, "tables can have at most %d columns", TUPLE_COLUMNS_MAX);
}

static void table_columns(struct an *an, struct table_builder *b, const struct ast_create_table *s)
{
    for (uint32_t i = 0; i < s->ncols; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(s->cols[i].name, s->cols[j].name) == 0)
                an__fail(an, ERR_DUPLICATE_COLUMN, -1, "column \"%s\" specified more than once", s->cols[i].name);
        AN_GROW(an, b->col, b->ncols, b->col_cap);
        b->col[b->ncols++] = new_column(an, &s->cols[i], b->table);
    }
}

static void table_constraints(struct an *an, struct table_builder *b, const struct ast_create_table *s)
{
    for (uint32_t i = 0; i < s->ncols; i++)
        for (uint32_t j = 0; j < s->cols[i].constraints.n; j++) {
            const struct ast_constraint *k = &s->cols[i].constraints.v[j];
            if (is_key(k))
                add_key(an, b, k, s->cols[i].name);
            else if (k->kind == AST_CONSTR_CHECK)
                add_check(an, b, k);
        }
    for (uint32_t i = 0; i < s->constraints.n; i++) {
        const struct ast_constraint *k = &s->constraints.v[i];
        if (is_key(k))
            add_key(an, b, k, NULL);
        else if (k->kind == AST_CONSTR_CHECK)
            add_check(an, b, k);
        else
            an__unsupported(an, k->location, k->kind == AST_CONSTR_FOREIGN ? "a foreign key" : k->what);
    }
}

static void create_table(struct an *an, struct ddl *d, const struct ast_create_table *s)
{
    struct table_builder b = { .table = s->table.name, .lv = an__level(an, NULL) };
    char kind;
    d->kind = DDL_CREATE_TABLE;
    check_create(an, s);
    if (lookup(an, &s->table, &kind) != 0) {
        if (!s->if_not_exists)
            an__fail(an, ERR_DUPLICATE_TABLE, -1, "relation \"%s\" already exists", s->table.name);
        notice(an, d, arena_printf(an->arena, "relation \"%s\" already exists, skipping", s->table.name));
        d->notice_err = ERR_DUPLICATE_TABLE;
        d->skip = true;
        return;
    }
    table_columns(an, &b, s);
    show_columns(an, b.lv, b.table, b.col, b.ncols);
    table_constraints(an, &b, s);
    b.t = (struct new_table){
        .schema = s->table.schema,
        .name = s->table.name,
        .ncols = (uint16_t)b.ncols,
        .col = b.col,
        .nindexes = an__count(an, b.nindexes, "indexes"),
        .index = b.index,
        .nchecks = an__count(an, b.nchecks, "constraints"),
        .check = b.check,
        .fillfactor = 100,
    };
    with_options(an, &s->with, &b.t.fillfactor);
    d->create_table = b.t;
}

/* ---- ALTER TABLE -------------------------------------------------------------------------- */

static struct table_def *locked_table(struct an *an, const struct ast_range *r, enum ges_mode mode)
{
    const struct ast_range unplaced = { .schema = r->schema, .name = r->name, .location = -1 }; /* PostgreSQL shows no place here */
    struct table_def *t;
    an__rel(an, &unplaced, mode, &t);
    if (t->kind != TABLE_ORDINARY)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, r->location, "\"%s\" is not a table", t->name);
    if (t->system)
        an__fail(an, ERR_PRIVILEGE, r->location, "permission denied: \"%s\" is a system catalog", t->name);
    return t;
}

static int16_t attnum_of(struct an *an, const struct table_def *t, const char *name)
{
    for (uint16_t i = 0; i < t->ncols; i++)
        if (!t->col[i].dropped && strcmp(t->col[i].name, name) == 0)
            return t->col[i].attnum;
    an__fail(an, ERR_UNDEFINED_COLUMN, -1, "column \"%s\" of relation \"%s\" does not exist", name, t->name);
}

static void alter_add_column(struct an *an, struct ddl *d, struct alter_cmd *c, const struct table_def *t, const struct ast_alter_cmd *a)
{
    const struct ast_column_def *def = a->column;
    for (uint16_t i = 0; i < t->ncols; i++) {
        if (t->col[i].dropped || strcmp(t->col[i].name, def->name) != 0)
            continue;
        if (!a->missing_ok)
            an__fail(an, ERR_DUPLICATE_COLUMN, -1, "column \"%s\" of relation \"%s\" already exists", def->name, t->name);
        notice(an, d, arena_printf(an->arena, "column \"%s\" of relation \"%s\" already exists, skipping", def->name, t->name));
        d->notice_err = ERR_DUPLICATE_COLUMN;
        d->skip = true;
        return;
    }
    for (uint32_t i = 0; i < def->constraints.n; i++)
        if (is_key(&def->constraints.v[i]) || def->constraints.v[i].kind == AST_CONSTR_CHECK)
            an__unsupported(an, def->constraints.v[i].location, "a key or check in ADD COLUMN");
    c->kind = ALTER_ADD_COLUMN;
    c->column = new_column(an, def, t->name);
    if (c->column.serial)
        an__unsupported(an, def->location, "ADD COLUMN of a serial type");
    for (uint32_t i = 0; i < def->constraints.n; i++)
        if (def->constraints.v[i].kind == AST_CONSTR_DEFAULT)
            c->column_default = default_expr(an, def->constraints.v[i].expr, &c->column);
    if (c->column_default != NULL && an__has_volatile(c->column_default))
        an__unsupported(an, def->location, "ADD COLUMN with a volatile default");
}

static void alter_constraint(struct an *an, struct alter_cmd *c, struct table_def *t, const struct ast_alter_cmd *a)
{
    const struct ast_constraint *k = a->constraint;
    struct table_builder b = { .table = t->name };
    b.ncols = t->ncols;
    b.col = AN_ARRAY(an, struct new_column, t->ncols);
    for (uint16_t i = 0; i < t->ncols; i++)
        b.col[i] = (struct new_column){ .name = t->col[i].dropped ? "" : t->col[i].name, .type = t->col[i].type, .typmod = t->col[i].typmod };
    if (is_key(k)) {
        for (uint16_t i = 0; i < t->nindexes; i++)
            if (k->kind == AST_CONSTR_PRIMARY && t->index[i].primary)
                an__fail(an, ERR_TABLE_DEFINITION, k->location, "multiple primary keys for table \"%s\" are not allowed", t->name);
        add_key(an, &b, k, NULL);
        c->kind = ALTER_ADD_INDEX;
        c->index = b.index[0];
        return;
    }
    if (k->kind != AST_CONSTR_CHECK)
        an__unsupported(an, k->location, k->kind == AST_CONSTR_FOREIGN ? "a foreign key" : k->what != NULL ? k->what : "this constraint");
    struct level *lv = an__level(an, NULL);
    show_columns(an, lv, t->name, b.col, b.ncols);
    c->kind = ALTER_ADD_CHECK;
    c->check_expr.expr = check_def_of(an, lv, k, t->name, t->check, t->nchecks, &c->check);
    c->check_expr.name = c->check.name;
}

/* Vars of a lone table as columns of its row. */
static struct expr *vars_to_cols(void *arg, const struct expr *e)
{
    struct an *an = arg;
    if (e->kind != EXPR_VAR)
        return expr_map_children(an->arena, e, vars_to_cols, an);
    struct expr *c = an__new_expr(an, EXPR_COL, e->type, e->location);
    c->typmod = e->typmod;
    c->col.col = (uint16_t)(e->var.col - 1);
    return c;
}

static void alter_cmd(struct an *an, struct ddl *d, struct alter_cmd *c, struct table_def *t, const struct ast_alter_cmd *a)
{
    switch (a->kind) {
    case AST_ADD_COLUMN:
        alter_add_column(an, d, c, t, a);
        break;
    case AST_ADD_CONSTRAINT:
        alter_constraint(an, c, t, a);
        if (c->kind == ALTER_ADD_CHECK)
            c->check_expr.expr = vars_to_cols(an, c->check_expr.expr);
        break;
    case AST_DROP_CONSTRAINT:
        c->kind = ALTER_DROP_CONSTRAINT;
        c->constraint = a->name;
        c->missing_ok = a->missing_ok;
        break;
    case AST_SET_NOT_NULL:
    case AST_DROP_NOT_NULL:
        c->kind = a->kind == AST_SET_NOT_NULL ? ALTER_SET_NOT_NULL : ALTER_DROP_NOT_NULL;
        c->attnum = attnum_of(an, t, a->name);
        for (uint16_t i = 0; c->kind == ALTER_DROP_NOT_NULL && i < t->nindexes; i++)
            for (uint16_t j = 0; t->index[i].primary && j < t->index[i].ncols; j++)
                if (t->index[i].col[j].attnum == c->attnum)
                    an__fail(an, ERR_TABLE_DEFINITION, -1, "column \"%s\" is in a primary key", a->name);
        break;
    case AST_COLUMN_DEFAULT: {
        c->kind = ALTER_SET_DEFAULT;
        c->attnum = attnum_of(an, t, a->name);
        const struct column_def *col = &t->col[c->attnum - 1];
        const struct new_column nc = { .name = col->name, .type = col->type, .typmod = col->typmod };
        c->default_sql = a->expr != NULL ? default_text(an, default_expr(an, a->expr, &nc)) : NULL;
        break;
    }
    case AST_ALTER_OTHER:
        an__unsupported(an, -1, a->what);
    }
}

static void alter_table(struct an *an, struct ddl *d, const struct ast_alter_table *s)
{
    char kind;
    d->kind = DDL_ALTER_TABLE;
    if (s->if_exists && lookup(an, &s->table, &kind) == 0) {
        notice(an, d, arena_printf(an->arena, "relation \"%s\" does not exist, skipping", s->table.name));
        d->skip = true;
        return;
    }
    d->alter.table = locked_table(an, &s->table, GES_MODE_EX);
    d->alter.cmd = AN_ARRAY(an, struct alter_cmd, s->n);
    if (s->n > 1)
        for (uint32_t i = 0; i < s->n; i++)
            if (s->v[i].kind == AST_ADD_COLUMN && s->v[i].missing_ok)
                an__unsupported(an, -1, "ADD COLUMN IF NOT EXISTS among several changes");
    for (uint32_t i = 0; i < s->n; i++)
        alter_cmd(an, d, &d->alter.cmd[d->alter.n++], d->alter.table, &s->v[i]);
}

/* ---- CREATE INDEX ---------------------------------------------------------------------------- */

static void check_index(struct an *an, const struct ast_create_index *s)
{
    if (s->method != NULL && strcmp(s->method, "btree") != 0)
        an__fail(an, ERR_FEATURE, -1, "access method \"%s\" is not supported", s->method);
    if (s->where != NULL)
        an__unsupported(an, s->where->location, "a partial index");
    if (s->nincluding > 0)
        an__unsupported(an, -1, "INCLUDE");
    if (s->nulls_not_distinct)
        an__unsupported(an, -1, "NULLS NOT DISTINCT");
    if (s->concurrently)
        an__unsupported(an, -1, "CREATE INDEX CONCURRENTLY");
    if (s->ncols > INDEX_COLUMNS_MAX)
        an__fail(an, ERR_TOO_MANY_COLUMNS, -1, "cannot use more than %d columns in an index", INDEX_COLUMNS_MAX);
    if (s->name != NULL)
        check_name(an, s->name, -1);
}

static void index_column(struct an *an, struct new_index *ix, const struct table_def *t, const struct ast_index_column *c)
{
    if (c->name == NULL)
        an__unsupported(an, c->expr != NULL ? c->expr->location : -1, "an index on an expression");
    if (c->collation != NULL && strcmp(c->collation, "default") != 0 && strcmp(c->collation, "C") != 0)
        an__fail(an, ERR_FEATURE, -1, "collation \"%s\" is not supported", c->collation);
    if (c->opclass != NULL && strstr(c->opclass, "_ops") == NULL)
        an__fail(an, ERR_UNDEFINED_OBJECT, -1, "operator class \"%s\" does not exist for access method \"btree\"", c->opclass);
    int16_t attnum = 0;
    for (uint16_t i = 0; i < t->ncols; i++)
        if (!t->col[i].dropped && strcmp(t->col[i].name, c->name) == 0)
            attnum = t->col[i].attnum;
    if (attnum == 0)
        an__fail(an, ERR_UNDEFINED_COLUMN, -1, "column \"%s\" does not exist", c->name);
    ix->col[ix->ncols++] = (struct index_column){
        .attnum = attnum, .descending = c->descending, .nulls_first = c->nulls_given ? c->nulls_first : c->descending
    };
}

static void create_index(struct an *an, struct ddl *d, const struct ast_create_index *s)
{
    char kind;
    int fillfactor = 0;
    d->kind = DDL_CREATE_INDEX;
    check_index(an, s);
    with_options(an, &s->with, &fillfactor);
    struct table_def *t = locked_table(an, &s->table, GES_MODE_PR);
    const struct ast_range name = { .schema = t->schema_name, .name = s->name, .location = -1 };
    if (s->name != NULL && lookup(an, &name, &kind) != 0) {
        if (!s->if_not_exists)
            an__fail(an, ERR_DUPLICATE_TABLE, -1, "relation \"%s\" already exists", s->name);
        notice(an, d, arena_printf(an->arena, "relation \"%s\" already exists, skipping", s->name));
        d->notice_err = ERR_DUPLICATE_TABLE;
        d->skip = true;
        return;
    }
    d->create_index.table = t;
    d->create_index.def = (struct new_index){ .name = s->name, .unique = s->unique };
    for (uint32_t i = 0; i < s->ncols; i++)
        index_column(an, &d->create_index.def, t, &s->cols[i]);
}

/* ---- DROP, TRUNCATE ------------------------------------------------------------------------- */

static const struct {
    const char *word;
    char kind;
    enum ddl_kind ddl;
} objects[] = {
    [AST_OBJ_TABLE] = { "table", TABLE_ORDINARY, DDL_DROP_TABLE },
    [AST_OBJ_INDEX] = { "index", TABLE_INDEX, DDL_DROP_INDEX },
    [AST_OBJ_SEQUENCE] = { "sequence", TABLE_SEQUENCE, DDL_DROP_SEQUENCE },
};

static struct table_def *table_of_index(struct an *an, oid_t index)
{
    struct table_def *ix, *t;
    an__check(an, catalog_table_by_oid(an->env->catalog, an->env->txn, index, GES_MODE_EX, &ix, an->d), -1);
    const oid_t table = ix->nindexes > 0 ? ix->index[0].table : 0;
    catalog_release(an->env->catalog, ix);
    an__check(an, catalog_table_by_oid(an->env->catalog, an->env->txn, table, GES_MODE_EX, &t, an->d), -1);
    AN_GROW(an, an->rel, an->nrels, an->rel_cap);
    an->rel[an->nrels++] = (struct tree_rel){ .def = t, .lock = GES_MODE_EX };
    for (uint16_t i = 0; i < t->nindexes; i++) {
        if (t->index[i].oid != index || t->index[i].constraint == 0)
            continue;
        diag_set(an->d, ERR_DEPENDENT_OBJECTS, "cannot drop index %s because constraint %s on table %s requires it", t->index[i].name,
                 t->index[i].name, t->name);
        diag_hint(an->d, "You can drop constraint %s on table %s instead.", t->index[i].name, t->name);
        an__throw(an);
    }
    return t;
}

static _Noreturn void wrong_object(struct an *an, const char *name, enum ast_object wanted, char kind)
{
    diag_set(an->d, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not %s %s", name, wanted == AST_OBJ_INDEX ? "an" : "a", objects[wanted].word);
    diag_hint(an->d, "Use DROP %s to remove %s %s.", kind == TABLE_INDEX ? "INDEX" : kind == TABLE_SEQUENCE ? "SEQUENCE" : "TABLE",
              kind == TABLE_INDEX ? "an" : "a", kind == TABLE_INDEX ? "index" : kind == TABLE_SEQUENCE ? "sequence" : "table");
    an__throw(an);
}

static void drop_one(struct an *an, struct ddl *d, const struct ast_drop *s, const struct ast_range *r)
{
    char kind;
    const oid_t oid = lookup(an, r, &kind);
    if (oid == 0) {
        if (!s->if_exists)
            an__fail(an, s->object == AST_OBJ_TABLE ? ERR_UNDEFINED_TABLE : s->object == AST_OBJ_SEQUENCE ? ERR_UNDEFINED_TABLE : ERR_UNDEFINED_OBJECT,
                     -1, "%s \"%s\" does not exist", objects[s->object].word, r->name);
        notice(an, d, arena_printf(an->arena, "%s \"%s\" does not exist, skipping", objects[s->object].word, r->name));
        return;
    }
    if (kind != objects[s->object].kind)
        wrong_object(an, r->name, s->object, kind);
    d->drop.oid[d->drop.n] = oid;
    if (s->object == AST_OBJ_TABLE)
        d->drop.table[d->drop.n] = locked_table(an, r, GES_MODE_EX);
    else if (s->object == AST_OBJ_INDEX)
        d->drop.table[d->drop.n] = table_of_index(an, oid);
    d->drop.n++;
}

static void drop(struct an *an, struct ddl *d, const struct ast_drop *s)
{
    if (s->object == AST_OBJ_OTHER)
        an__unsupported(an, -1, arena_printf(an->arena, "DROP %s", s->what));
    if (s->concurrently)
        an__unsupported(an, -1, "DROP INDEX CONCURRENTLY");
    d->kind = objects[s->object].ddl;
    d->drop.table = AN_ARRAY(an, struct table_def *, s->n);
    d->drop.oid = AN_ARRAY(an, oid_t, s->n);
    for (uint32_t i = 0; i < s->n; i++)
        drop_one(an, d, s, &s->names[i]);
    d->skip = d->drop.n == 0;
}

static void truncate_tables(struct an *an, struct ddl *d, const struct ast_truncate *s)
{
    d->kind = DDL_TRUNCATE;
    d->drop.table = AN_ARRAY(an, struct table_def *, s->n);
    d->drop.oid = AN_ARRAY(an, oid_t, s->n);
    d->drop.restart_identity = s->restart_identity;
    for (uint32_t i = 0; i < s->n; i++) {
        struct table_def *t = locked_table(an, &s->tables[i], GES_MODE_EX);
        bool repeated = false;
        for (uint16_t j = 0; j < d->drop.n; j++)
            repeated |= d->drop.oid[j] == t->oid;
        if (repeated)
            continue;
        d->drop.table[d->drop.n] = t;
        d->drop.oid[d->drop.n++] = t->oid;
    }
}

/* ---- sequences --------------------------------------------------------------------------------- */

static int64_t option_int(struct an *an, const struct ast_option *o)
{
    if (o->is_integer)
        return o->integer;
    struct type_ctx ctx = an->env->types;
    union datum v;
    ctx.arena = an->arena;
    if (o->value == NULL)
        an__fail(an, ERR_SYNTAX, o->location, "%s requires a numeric value", o->name);
    an__check(an, type_by_oid(TYPE_INT8)->in(&ctx, o->value, strlen(o->value), -1, &v, an->d), o->location);
    return v.i;
}

static void sequence_owner(struct an *an, struct ddl *d, const struct ast_option *o)
{
    if (o->list.n == 1 && strcmp(o->list.v[0], "none") == 0)
        return;
    if (o->list.n < 2)
        an__fail(an, ERR_SYNTAX, o->location, "invalid OWNED BY option");
    const struct ast_range r = { .schema = o->list.n > 2 ? o->list.v[o->list.n - 3] : NULL, .name = o->list.v[o->list.n - 2], .location = -1 };
    const struct table_def *t = locked_table(an, &r, GES_MODE_PR);
    d->sequence.owner_table = t->oid;
    d->sequence.owner_attnum = attnum_of(an, t, o->list.v[o->list.n - 1]);
}

struct sequence_given {
    bool min, max, start;
};

static void sequence_option(struct an *an, struct ddl *d, const struct ast_option *o, struct sequence_given *given)
{
    struct sequence_def *q = &d->sequence.def;
    if (strcmp(o->name, "increment") == 0) {
        q->increment = option_int(an, o);
    } else if (strcmp(o->name, "start") == 0) {
        q->start = option_int(an, o);
        given->start = true;
    } else if (strcmp(o->name, "minvalue") == 0) {
        given->min = o->value != NULL;
        q->min = given->min ? option_int(an, o) : 0;
    } else if (strcmp(o->name, "maxvalue") == 0) {
        given->max = o->value != NULL;
        q->max = given->max ? option_int(an, o) : 0;
    } else if (strcmp(o->name, "cache") == 0) {
        q->cache = option_int(an, o);
    } else if (strcmp(o->name, "cycle") == 0) {
        q->cycle = o->value == NULL || strcmp(o->value, "true") == 0;
    } else if (strcmp(o->name, "owned_by") == 0) {
        sequence_owner(an, d, o);
    } else if (strcmp(o->name, "as") == 0) {
        const struct type *t = type_by_name(o->value, strlen(o->value));
        if (t == NULL || (t->oid != TYPE_INT2 && t->oid != TYPE_INT4 && t->oid != TYPE_INT8))
            an__fail(an, ERR_PARAMETER_VALUE, o->location, "sequence type must be smallint, integer, or bigint");
    } else {
        an__fail(an, ERR_FEATURE, o->location, "sequence option \"%s\" is not supported", o->name);
    }
}

static oid_t sequence_type(const struct ast_options *o)
{
    for (uint32_t i = 0; i < o->n; i++)
        if (strcmp(o->v[i].name, "as") == 0 && o->v[i].value != NULL) {
            const struct type *t = type_by_name(o->v[i].value, strlen(o->v[i].value));
            return t != NULL ? t->oid : TYPE_INT8;
        }
    return TYPE_INT8;
}

static void create_sequence(struct an *an, struct ddl *d, const struct ast_sequence *s)
{
    struct sequence_def *q = &d->sequence.def;
    struct sequence_given given = { 0 };
    char kind;
    d->kind = DDL_CREATE_SEQUENCE;
    if (s->temporary)
        an__unsupported(an, s->name.location, "a temporary sequence");
    if (lookup(an, &s->name, &kind) != 0) {
        if (!s->if_not_exists)
            an__fail(an, ERR_DUPLICATE_TABLE, -1, "relation \"%s\" already exists", s->name.name);
        notice(an, d, arena_printf(an->arena, "relation \"%s\" already exists, skipping", s->name.name));
        d->notice_err = ERR_DUPLICATE_TABLE;
        d->skip = true;
        return;
    }
    d->sequence.schema = s->name.schema;
    d->sequence.name = s->name.name;
    *q = (struct sequence_def){ .increment = 1, .cache = 1000 };
    for (uint32_t i = 0; i < s->options.n; i++)
        sequence_option(an, d, &s->options.v[i], &given);
    const oid_t type = sequence_type(&s->options);
    const int64_t lo = type == TYPE_INT2 ? INT16_MIN : type == TYPE_INT4 ? INT32_MIN : INT64_MIN;
    const int64_t hi = type == TYPE_INT2 ? INT16_MAX : type == TYPE_INT4 ? INT32_MAX : INT64_MAX;
    if (q->increment == 0)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "INCREMENT must not be zero");
    if (!given.min)
        q->min = q->increment > 0 ? 1 : lo;
    if (!given.max)
        q->max = q->increment > 0 ? hi : -1;
    if (!given.start)
        q->start = q->increment > 0 ? q->min : q->max;
    if (q->min >= q->max)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "MINVALUE (%" PRId64 ") must be less than MAXVALUE (%" PRId64 ")", q->min, q->max);
    if (q->start < q->min)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "START value (%" PRId64 ") cannot be less than MINVALUE (%" PRId64 ")", q->start, q->min);
    if (q->start > q->max)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "START value (%" PRId64 ") cannot be greater than MAXVALUE (%" PRId64 ")", q->start, q->max);
    if (q->cache < 1)
        an__fail(an, ERR_PARAMETER_VALUE, -1, "CACHE (%" PRId64 ") must be greater than zero", q->cache);
}

/* ---- VACUUM, ANALYZE, LOCK ------------------------------------------------------------------------ */

static bool option_on(struct an *an, const struct ast_option *o)
{
    static const char *const on[] = { "true", "on", "1" }, *const off[] = { "false", "off", "0" };
    if (o->value == NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(on); i++)
        if (strcasecmp(o->value, on[i]) == 0 || strcasecmp(o->value, off[i]) == 0)
            return strcasecmp(o->value, on[i]) == 0;
    an__fail(an, ERR_SYNTAX, -1, "%s requires a Boolean value", o->name);
}

#define VACUUM_WORKERS_MAX 1024

/* Nothing runs in parallel here, but what PostgreSQL refuses is wrong. */
static int64_t vacuum_workers(struct an *an, const struct ast_option *o)
{
    char *end;
    if (o->value == NULL)
        an__fail(an, ERR_SYNTAX, o->location, "parallel option requires a value between 0 and %d", VACUUM_WORKERS_MAX);
    const int64_t n = strtoll(o->value, &end, 10);
    if (end == o->value || *end)
        an__fail(an, ERR_SYNTAX, -1, "parallel requires an integer value");
    if (n < 0 || n > VACUUM_WORKERS_MAX)
        an__fail(an, ERR_SYNTAX, o->location, "parallel workers for vacuum must be between 0 and %d", VACUUM_WORKERS_MAX);
    return n;
}

static void vacuum_options(struct an *an, struct ddl *d, const struct ast_vacuum *s)
{
    bool skip_pages = true, toast = true;
    int64_t workers = 0;
    for (uint32_t i = 0; i < s->options.n; i++) {
        const struct ast_option *o = &s->options.v[i];
        if (strcmp(o->name, "verbose") == 0)
            d->vacuum.verbose = option_on(an, o);
        else if (strcmp(o->name, "skip_locked") == 0)
            (void)option_on(an, o);
        else if (s->vacuum && strcmp(o->name, "analyze") == 0)
            d->vacuum.analyze = option_on(an, o);
        else if (s->vacuum && strcmp(o->name, "full") == 0)
            d->vacuum.full = option_on(an, o);
        else if (s->vacuum && strcmp(o->name, "disable_page_skipping") == 0)
            skip_pages = !option_on(an, o);
        else if (s->vacuum && strcmp(o->name, "process_toast") == 0)
            toast = option_on(an, o);
        else if (s->vacuum && strcmp(o->name, "parallel") == 0)
            workers = vacuum_workers(an, o);
        else if (s->vacuum && strcmp(o->name, "index_cleanup") == 0 && o->value != NULL && strcasecmp(o->value, "auto") == 0)
            continue;
        else if (s->vacuum && (strcmp(o->name, "freeze") == 0 || strcmp(o->name, "truncate") == 0 || strcmp(o->name, "index_cleanup") == 0))
            (void)option_on(an, o);
        else
            an__fail(an, ERR_SYNTAX, o->location, "unrecognized %s option \"%s\"", s->vacuum ? "VACUUM" : "ANALYZE", o->name);
    }
    if (d->vacuum.full && workers > 0)
        an__fail(an, ERR_FEATURE, -1, "VACUUM FULL cannot be performed in parallel");
    for (uint32_t i = 0; i < s->n; i++)
        if (s->tables[i].columns.n > 0 && !d->vacuum.analyze)
            an__fail(an, ERR_FEATURE, -1, "ANALYZE option must be specified when a column list is provided");
    if (d->vacuum.full && !skip_pages)
        an__fail(an, ERR_FEATURE, -1, "VACUUM option DISABLE_PAGE_SKIPPING cannot be used with FULL");
    if (d->vacuum.full && !toast)
        an__fail(an, ERR_FEATURE, -1, "PROCESS_TOAST required with VACUUM FULL");
}

static void vacuum(struct an *an, struct ddl *d, const struct ast_vacuum *s)
{
    d->kind = DDL_VACUUM;
    d->vacuum.vacuum = s->vacuum;
    d->vacuum.analyze = !s->vacuum;
    vacuum_options(an, d, s);
    d->vacuum.target = AN_ARRAY(an, struct vacuum_target, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        struct vacuum_target *v = &d->vacuum.target[d->vacuum.n++];
        const struct ast_range unplaced = { .schema = s->tables[i].schema, .name = s->tables[i].name, .location = -1 };
        an__rel(an, &unplaced, GES_MODE_CR, &v->table);
        v->attnum = AN_ARRAY(an, int16_t, s->tables[i].columns.n);
        for (uint32_t c = 0; c < s->tables[i].columns.n; c++)
            v->attnum[v->ncols++] = attnum_of(an, v->table, s->tables[i].columns.v[c]);
    }
}

static void lock_tables(struct an *an, struct ddl *d, const struct ast_lock *s)
{
    /* PostgreSQL's modes 1..8; SHARE UPDATE EXCLUSIVE becomes the next stronger one that excludes itself. */
    static const enum ges_mode modes[] = { GES_MODE_NL, GES_MODE_CR, GES_MODE_CR, GES_MODE_CW, GES_MODE_PW,
                                           GES_MODE_PR, GES_MODE_PW, GES_MODE_PW, GES_MODE_EX };
    d->kind = DDL_LOCK;
    for (uint32_t i = 0; i < s->n; i++) {
        struct table_def *t;
        const struct ast_range unplaced = { .schema = s->tables[i].schema, .name = s->tables[i].name, .location = -1 };
        if (s->nowait)
            an__rel_nowait(an, &unplaced, modes[s->mode], &t);
        else
            an__rel(an, &unplaced, modes[s->mode], &t);
    }
}

/* ---- entry ---------------------------------------------------------------------------------------- */

bool analyse_is_ddl(const struct ast_stmt *s)
{
    switch (s->kind) {
    case AST_CREATE_TABLE:
    case AST_ALTER_TABLE:
    case AST_CREATE_INDEX:
    case AST_DROP:
    case AST_TRUNCATE:
    case AST_CREATE_SEQUENCE:
    case AST_VACUUM:
    case AST_LOCK:
        return true;
    default:
        return false;
    }
}

static void run_ddl(struct an *an, void *arg)
{
    struct ddl_call *c = arg;
    const struct ast_stmt *s = c->stmt;
    struct ddl *d = AN_NEW(an, struct ddl);
    d->arena = an->arena;
    d->tag = s->tag;
    switch (s->kind) {
    case AST_CREATE_TABLE:
        create_table(an, d, s->create_table);
        break;
    case AST_ALTER_TABLE:
        alter_table(an, d, s->alter_table);
        break;
    case AST_CREATE_INDEX:
        create_index(an, d, s->create_index);
        break;
    case AST_DROP:
        drop(an, d, s->drop);
        break;
    case AST_TRUNCATE:
        truncate_tables(an, d, s->truncate);
        break;
    case AST_CREATE_SEQUENCE:
        create_sequence(an, d, s->sequence);
        break;
    case AST_VACUUM:
        vacuum(an, d, s->vacuum);
        break;
    case AST_LOCK:
        lock_tables(an, d, s->lock);
        break;
    default:
        an__unsupported(an, s->location, s->kind == AST_OTHER ? s->name : s->tag);
    }
    d->nrels = an__count(an, an->nrels, "tables");
    d->rel = an->rel;
    c->ddl = d;
}

enum err analyse_ddl(const struct analyse_env *env, const struct ast *ast, const struct ast_stmt *stmt, struct ddl **ret, struct diag *d)
{
    struct an an = { .env = env, .arena = env->arena, .ast = ast, .d = d, .positions = true };
    struct ddl_call c = { .stmt = stmt };
    diag_clear(d);
    const enum err err = an__run(&an, run_ddl, &c);
    if (err != ERR_OK)
        return err;
    *ret = c.ddl;
    return ERR_OK;
}
