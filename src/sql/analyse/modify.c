#include "sql/analyse/analyse_int.h"
#include "sql/parse/parse.h"

/* ---- stored expressions ------------------------------------------------------------ */

/* An expression of the catalogue: positions in its text mean nothing to the client. */
static struct expr *stored_expr(struct an *an, struct level *lv, const char *sql, enum an_place place)
{
    struct ast_expr *a;
    const bool positions = an->positions;
    an->positions = false;
    an__check(an, sql_parse_expr(an->arena, sql, strlen(sql), &a, an->d), -1);
    struct expr *e = an__expr(an, lv, a, place);
    an->positions = positions;
    return e;
}

struct expr *an__column_default(struct an *an, const struct table_def *t, uint16_t col)
{
    const struct column_def *c = &t->col[col];
    if (c->default_sql == NULL)
        return an__null(an, c->type, -1);
    struct expr *e = stored_expr(an, an__level(an, NULL), c->default_sql, AN_DEFAULT);
    const bool positions = an->positions;
    an->positions = false;
    e = an__coerce_assign(an, e, c, -1);
    an->positions = positions;
    return e;
}

void an__checks(struct an *an, struct level *lv, const struct table_def *t)
{
    struct level alone = *lv;
    alone.ns = NULL;
    alone.nns = alone.ns_cap = 0;
    an__show_rte(an, &alone, lv->q->result, true, true);
    alone.ns[0].name = t->name;
    lv->q->check = AN_ARRAY(an, struct check_expr, t->nchecks);
    for (uint16_t i = 0; i < t->nchecks; i++) {
        struct expr *e = stored_expr(an, &alone, t->check[i].expr_sql, AN_CHECK);
        lv->q->check[lv->q->nchecks++] = (struct check_expr){ .name = t->check[i].name, .expr = an__coerce_bool(an, e, "CHECK") };
    }
}

static const struct table_def *result_def(const struct an *an, const struct query *q)
{
    return an->rel[q->rte[q->result]->rel].def;
}

static void returning(struct an *an, struct level *lv, const struct ast_targets *t)
{
    uint32_t n;
    if (t->n == 0)
        return;
    an__targets(an, lv, t, AN_RETURNING, &lv->q->returning, &n);
    an__resolve_unknown(an, lv->q->returning, n);
    lv->q->nreturning = an__count(an, n, "result columns");
}

static int find_column(const struct table_def *t, const char *name)
{
    for (uint16_t i = 0; i < t->ncols; i++)
        if (!t->col[i].dropped && strcmp(t->col[i].name, name) == 0)
            return i;
    return -1;
}

static uint16_t target_column(struct an *an, const struct table_def *t, const struct ast_target *at)
{
    if (at->indirection)
        an__unsupported(an, at->location, "assigning to a part of a column");
    const int col = find_column(t, at->name);
    if (col < 0)
        an__fail(an, ERR_UNDEFINED_COLUMN, at->location, "column \"%s\" of relation \"%s\" does not exist", at->name, t->name);
    return (uint16_t)col;
}

/* ---- INSERT -------------------------------------------------------------------------- */

/* The columns that are given, by position in the table. */
struct insert_columns {
    uint16_t n;
    uint16_t *col;
};

static struct insert_columns insert_columns(struct an *an, const struct table_def *t, const struct ast_targets *names)
{
    struct insert_columns r = { .col = AN_ARRAY(an, uint16_t, t->ncols) };
    for (uint16_t i = 0; names->n == 0 && i < t->ncols; i++)
        if (!t->col[i].dropped)
            r.col[r.n++] = i;
    for (uint32_t i = 0; i < names->n; i++) {
        const uint16_t col = target_column(an, t, &names->v[i]);
        for (uint16_t j = 0; j < r.n; j++)
            if (r.col[j] == col)
                an__fail(an, ERR_DUPLICATE_COLUMN, names->v[i].location, "column \"%s\" specified more than once", names->v[i].name);
        r.col[r.n++] = col;
    }
    return r;
}

static void check_width(struct an *an, const struct insert_columns *cols, uint32_t nvalues, bool names_given, const struct ast_targets *names,
                        int surplus_location)
{
    if (nvalues > cols->n)
        an__fail(an, ERR_SYNTAX, surplus_location, "INSERT has more expressions than target columns");
    if (names_given && nvalues < cols->n)
        an__fail(an, ERR_SYNTAX, names->v[nvalues].location, "INSERT has more target columns than expressions");
}

/* A whole row of the table: what is given, defaults for the rest. given[i] NULL: DEFAULT. */
static struct expr **whole_row(struct an *an, const struct table_def *t, const struct insert_columns *cols, struct expr **given, uint32_t n)
{
    struct expr **row = AN_ARRAY(an, struct expr *, t->ncols);
    for (uint32_t i = 0; i < n; i++)
        row[cols->col[i]] = given[i] != NULL ? an__coerce_assign(an, given[i], &t->col[cols->col[i]], -1) : NULL;
    for (uint16_t c = 0; c < t->ncols; c++)
        if (row[c] == NULL)
            row[c] = t->col[c].dropped ? an__null(an, t->col[c].type, -1) : an__column_default(an, t, c);
    return row;
}

static void row_targets(struct an *an, struct level *lv, const struct table_def *t, struct expr **row)
{
    struct query *q = lv->q;
    q->ntargets = t->ncols;
    q->target = AN_ARRAY(an, struct target, t->ncols);
    for (uint16_t c = 0; c < t->ncols; c++)
        q->target[c] = (struct target){ .expr = row[c], .name = t->col[c].name, .attnum = (int16_t)(c + 1) };
}

static struct expr **values_row(struct an *an, struct level *lv, const struct table_def *t, const struct insert_columns *cols,
                                const struct ast_insert *s, const struct ast_exprs *v)
{
    struct expr **given = AN_ARRAY(an, struct expr *, v->n);
    for (uint32_t i = 0; i < v->n; i++)
        if (v->v[i]->kind != AST_DEFAULT)
            given[i] = an__expr(an, lv, v->v[i], AN_VALUES);
    int surplus = -1;
    if (v->n > cols->n)
        surplus = given[cols->n] != NULL ? an__location(given[cols->n]) : v->v[cols->n]->location;
    check_width(an, cols, v->n, s->columns.n > 0, &s->columns, surplus);
    return whole_row(an, t, cols, given, v->n);
}

static void insert_values(struct an *an, struct level *lv, const struct table_def *t, const struct insert_columns *cols, const struct ast_insert *s)
{
    const struct ast_select *sel = s->select;
    struct query *q = lv->q;
    an__with(an, lv, sel->with);
    if (sel->nvalues == 1) {
        row_targets(an, lv, t, values_row(an, lv, t, cols, s, &sel->values[0]));
        return;
    }
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_VALUES;
    rte->name = "*VALUES*";
    rte->ncols = t->ncols;
    rte->col = AN_ARRAY(an, struct rte_col, t->ncols);
    rte->values.nrows = sel->nvalues;
    rte->values.row = AN_ARRAY(an, struct expr **, sel->nvalues);
    for (uint16_t c = 0; c < t->ncols; c++)
        rte->col[c] = (struct rte_col){ .name = t->col[c].name, .type = t->col[c].type, .typmod = t->col[c].typmod };
    for (uint32_t r = 0; r < sel->nvalues; r++) {
        if (sel->values[r].n != sel->values[0].n)
            an__fail(an, ERR_SYNTAX, sel->values[r].n > 0 ? sel->values[r].v[0]->location : -1, "VALUES lists must all be the same length");
        rte->values.row[r] = values_row(an, lv, t, cols, s, &sel->values[r]);
    }
    const uint16_t no = an__add_rte(an, lv, rte);
    struct expr **vars = AN_ARRAY(an, struct expr *, t->ncols);
    for (uint16_t c = 0; c < t->ncols; c++)
        vars[c] = an__rte_var(an, lv, no, c, -1);
    q->from = AN_NEW(an, struct from);
    q->from->rte = no;
    row_targets(an, lv, t, vars);
}

static void insert_rows_of(struct an *an, struct level *lv, const struct table_def *t, const struct insert_columns *cols, struct rte *rte)
{
    struct query *q = lv->q;
    const uint16_t no = an__add_rte(an, lv, rte);
    struct expr **given = AN_ARRAY(an, struct expr *, rte->ncols);
    for (uint16_t i = 0; i < rte->ncols; i++)
        given[i] = an__rte_var(an, lv, no, i, rte->kind == RTE_SUBQUERY ? rte->query->target[i].expr->location : -1);
    q->from = AN_NEW(an, struct from);
    q->from->rte = no;
    row_targets(an, lv, t, whole_row(an, t, cols, given, rte->ncols));
}

static void insert_select(struct an *an, struct level *lv, const struct table_def *t, const struct insert_columns *cols, const struct ast_insert *s)
{
    struct query *sub = an__select(an, NULL, s->select, true, lv->ctes);
    struct rte *rte = AN_NEW(an, struct rte);
    while (rte->ncols < sub->ntargets && !sub->target[rte->ncols].junk)
        rte->ncols++;
    check_width(an, cols, rte->ncols, s->columns.n > 0, &s->columns, rte->ncols > cols->n ? sub->target[cols->n].expr->location : -1);
    rte->kind = RTE_SUBQUERY;
    rte->name = "*SELECT*";
    rte->query = sub;
    rte->col = AN_ARRAY(an, struct rte_col, rte->ncols);
    for (uint16_t i = 0; i < rte->ncols; i++) {
        struct target *from = &sub->target[i];
        if (from->expr->type == TYPE_UNKNOWN)
            from->expr = an__coerce_assign(an, from->expr, &t->col[cols->col[i]], -1);
        rte->col[i] = (struct rte_col){ .name = from->name, .type = from->expr->type, .typmod = from->expr->typmod };
    }
    insert_rows_of(an, lv, t, cols, rte);
}

static bool is_plain_values(const struct ast_select *s)
{
    return s->nvalues > 0 && s->order.n == 0 && s->limit == NULL && s->offset == NULL && s->nlocking == 0;
}

static void insert_source(struct an *an, struct level *lv, const struct table_def *t, const struct insert_columns *cols, const struct ast_insert *s)
{
    if (s->select == NULL)
        row_targets(an, lv, t, whole_row(an, t, cols, NULL, 0));
    else if (is_plain_values(s->select))
        insert_values(an, lv, t, cols, s);
    else
        insert_select(an, lv, t, cols, s);
}

struct query *an__insert(struct an *an, const struct ast_insert *s)
{
    struct level *lv = an__level(an, NULL);
    struct query *q = lv->q;
    if (s->on_conflict)
        an__unsupported(an, s->on_conflict_location, "ON CONFLICT");
    if (s->overriding)
        an__unsupported(an, -1, "OVERRIDING");
    an__with(an, lv, s->with);
    q->command = QUERY_INSERT;
    q->result = an__result_table(an, lv, &s->table);
    const struct table_def *t = result_def(an, q);
    const struct insert_columns cols = insert_columns(an, t, &s->columns);
    insert_source(an, lv, t, &cols, s);
    an__show_rte(an, lv, q->result, true, true);
    an__checks(an, lv, t);
    returning(an, lv, &s->returning);
    return q;
}

struct query *an__copy_query(struct an *an, const struct ast_copy *s, uint16_t **ret_cols, uint16_t *ret_ncols)
{
    struct level *lv = an__level(an, NULL);
    struct query *q = lv->q;
    struct ast_targets names = { .n = s->columns.n, .v = AN_ARRAY(an, struct ast_target, s->columns.n) };
    for (uint32_t i = 0; i < s->columns.n; i++)
        names.v[i] = (struct ast_target){ .name = s->columns.v[i], .location = -1 };
    q->command = QUERY_INSERT;
    struct ast_range table = s->table;
    table.location = -1; /* PostgreSQL shows no place here */
    q->result = an__result_table(an, lv, &table);
    const struct table_def *t = result_def(an, q);
    const struct insert_columns cols = insert_columns(an, t, &names);
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_SOURCE;
    rte->name = "*COPY*";
    rte->ncols = cols.n;
    rte->col = AN_ARRAY(an, struct rte_col, cols.n);
    for (uint16_t i = 0; i < cols.n; i++) {
        const struct column_def *c = &t->col[cols.col[i]];
        rte->col[i] = (struct rte_col){ .name = c->name, .type = c->type, .typmod = c->typmod };
    }
    insert_rows_of(an, lv, t, &cols, rte);
    an__checks(an, lv, t);
    *ret_cols = cols.col;
    *ret_ncols = cols.n;
    return q;
}

/* ---- UPDATE, DELETE ------------------------------------------------------------------- */

static void changed_table(struct an *an, struct level *lv, const struct ast_range *table, struct ast_from *const *from, uint32_t nfrom)
{
    struct query *q = lv->q;
    q->result = an__result_table(an, lv, table);
    an__show_rte(an, lv, q->result, true, true);
    q->from = AN_NEW(an, struct from);
    q->from->rte = q->result;
    an__from(an, lv, from, nfrom);
}

static void set_columns(struct an *an, struct level *lv, const struct table_def *t, const struct ast_targets *set)
{
    struct query *q = lv->q;
    q->target = AN_ARRAY(an, struct target, set->n);
    for (uint32_t i = 0; i < set->n; i++) {
        const struct ast_target *at = &set->v[i];
        const uint16_t col = target_column(an, t, at);
        for (uint16_t j = 0; j < q->ntargets; j++)
            if (q->target[j].attnum == col + 1)
                an__fail(an, ERR_SYNTAX, -1, "multiple assignments to same column \"%s\"", at->name);
        struct expr *e = at->expr->kind == AST_DEFAULT
                             ? an__column_default(an, t, col)
                             : an__coerce_assign(an, an__expr(an, lv, at->expr, AN_UPDATE), &t->col[col], at->location);
        q->target[q->ntargets++] = (struct target){ .expr = e, .name = t->col[col].name, .attnum = (int16_t)(col + 1) };
    }
}

struct query *an__update(struct an *an, const struct ast_update *s)
{
    struct level *lv = an__level(an, NULL);
    struct query *q = lv->q;
    an__with(an, lv, s->with);
    q->command = QUERY_UPDATE;
    changed_table(an, lv, &s->table, s->from, s->nfrom);
    const struct table_def *t = result_def(an, q);
    set_columns(an, lv, t, &s->set);
    if (s->where != NULL)
        q->where = an__coerce_bool(an, an__expr(an, lv, s->where, AN_WHERE), "WHERE");
    an__checks(an, lv, t);
    returning(an, lv, &s->returning);
    return q;
}

struct query *an__delete(struct an *an, const struct ast_delete *s)
{
    struct level *lv = an__level(an, NULL);
    struct query *q = lv->q;
    an__with(an, lv, s->with);
    q->command = QUERY_DELETE;
    changed_table(an, lv, &s->table, s->from, s->nfrom);
    if (s->where != NULL)
        q->where = an__coerce_bool(an, an__expr(an, lv, s->where, AN_WHERE), "WHERE");
    returning(an, lv, &s->returning);
    return q;
}
