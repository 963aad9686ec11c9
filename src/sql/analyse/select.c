#include "sql/analyse/analyse_int.h"

struct level *an__level(struct an *an, struct level *outer)
{
    struct level *lv = AN_NEW(an, struct level);
    lv->outer = outer;
    lv->q = AN_NEW(an, struct query);
    return lv;
}

/* ---- names of result columns ------------------------------------------------------ */

/* PostgreSQL's choice; *ret_name stays where nothing suggests one. Strength: 0 none, 1 weak (a type's name), 2 strong. */
static int column_name(const struct ast_expr *a, const char **ret_name)
{
    int strength;
    switch (a->kind) {
    case AST_COLUMN:
        if (a->column.name.n == 0)
            return 0;
        *ret_name = a->column.name.v[a->column.name.n - 1];
        return 2;
    case AST_FUNC:
        *ret_name = a->func.name;
        return 2;
    case AST_NULLIF:
        *ret_name = "nullif";
        return 2;
    case AST_COALESCE:
        *ret_name = "coalesce";
        return 2;
    case AST_GREATEST:
        *ret_name = "greatest";
        return 2;
    case AST_LEAST:
        *ret_name = "least";
        return 2;
    case AST_VALUE_FUNC:
        *ret_name = a->value_func.name;
        return 2;
    case AST_COLLATE:
        return column_name(a->test.arg, ret_name);
    case AST_CAST:
        strength = column_name(a->cast.arg, ret_name);
        if (strength > 1)
            return strength;
        *ret_name = a->cast.type.name;
        return 1;
    case AST_CASE:
        strength = a->cases.els != NULL ? column_name(a->cases.els, ret_name) : 0;
        if (strength > 1)
            return strength;
        *ret_name = "case";
        return 1;
    case AST_SUBLINK:
        if (a->sublink.kind == AST_EXISTS) {
            *ret_name = "exists";
            return 2;
        }
        if (a->sublink.kind == AST_SCALAR) {
            const struct ast_select *s = a->sublink.select;
            while (s->setop != AST_SETOP_NONE)
                s = s->left;
            if (s->targets.n != 1)
                return 0;
            if (s->targets.v[0].name != NULL) {
                *ret_name = s->targets.v[0].name;
                return 2;
            }
            return column_name(s->targets.v[0].expr, ret_name);
        }
        return 0;
    default:
        return 0;
    }
}

void an__targets(struct an *an, struct level *lv, const struct ast_targets *t, enum an_place place, struct target **ret, uint32_t *ret_n)
{
    uint32_t cap = 0;
    *ret = NULL;
    *ret_n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct ast_target *at = &t->v[i];
        if (at->expr->kind == AST_COLUMN && at->expr->column.star) {
            an__star(an, lv, at->expr, ret, ret_n, &cap);
            continue;
        }
        AN_GROW(an, *ret, *ret_n, cap);
        struct target *r = &(*ret)[(*ret_n)++];
        *r = (struct target){ .expr = an__expr(an, lv, at->expr, place), .name = at->name };
        if (r->name == NULL) {
            r->name = "?column?";
            column_name(at->expr, &r->name);
        }
        if (r->expr->kind == EXPR_VAR && r->expr->var.up == 0 && lv->q->rte[r->expr->var.rte]->kind == RTE_TABLE) {
            r->table = an->rel[lv->q->rte[r->expr->var.rte]->rel].def->oid;
            r->attnum = r->expr->var.col;
        }
    }
    if (*ret_n > TUPLE_COLUMNS_MAX + 64)
        an__fail(an, ERR_TOO_MANY_COLUMNS, -1, "target lists can have at most %d entries", TUPLE_COLUMNS_MAX + 64);
}

void an__resolve_unknown(struct an *an, struct target *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (t[i].expr->type == TYPE_UNKNOWN)
            t[i].expr = an__coerce(an, t[i].expr, TYPE_TEXT, -1, CAST_IMPLICIT, false, -1);
}

/* ---- items of ORDER BY, GROUP BY, DISTINCT ON ---------------------------------------- */

static uint16_t ordinal(struct an *an, const struct level *lv, const struct ast_expr *a, const char *clause)
{
    if (a->kind != AST_INTEGER)
        an__fail(an, ERR_SYNTAX, a->location, "non-integer constant in %s", clause);
    uint16_t visible = 0;
    for (uint16_t i = 0; i < lv->q->ntargets; i++)
        visible += !lv->q->target[i].junk;
    if (a->integer < 1 || a->integer > visible)
        an__fail(an, ERR_COLUMN_REFERENCE, a->location, "%s position %" PRId64 " is not in select list", clause, a->integer);
    return (uint16_t)(a->integer - 1);
}

static bool is_constant(const struct ast_expr *a)
{
    return a->kind == AST_INTEGER || a->kind == AST_NUMBER || a->kind == AST_STRING || a->kind == AST_NULL || a->kind == AST_BOOLEAN;
}

/* The target that bears the name; -1: none. */
static int named_target(struct an *an, const struct level *lv, const char *name, const char *clause, int location)
{
    int found = -1;
    for (uint16_t i = 0; i < lv->q->ntargets; i++) {
        const struct target *t = &lv->q->target[i];
        if (t->junk || strcmp(t->name, name) != 0)
            continue;
        if (found >= 0 && !expr_equal(lv->q->target[found].expr, t->expr))
            an__fail(an, ERR_AMBIGUOUS_COLUMN, location, "%s \"%s\" is ambiguous", clause, name);
        if (found < 0)
            found = i;
    }
    return found;
}

static bool is_input_column(const struct level *lv, const char *name)
{
    for (uint32_t i = 0; i < lv->nns; i++)
        for (uint16_t c = 0; lv->ns[i].by_column && c < lv->ns[i].ncols; c++)
            if (lv->ns[i].col_name[c] != NULL && strcmp(lv->ns[i].col_name[c], name) == 0)
                return true;
    return false;
}

static uint16_t add_junk(struct an *an, struct level *lv, struct expr *e)
{
    struct query *q = lv->q;
    struct target *v = AN_ARRAY(an, struct target, q->ntargets + 1);
    if (q->ntargets > 0)
        memcpy(v, q->target, sizeof(*v) * q->ntargets);
    if (e->type == TYPE_UNKNOWN)
        e = an__coerce(an, e, TYPE_TEXT, -1, CAST_IMPLICIT, false, -1);
    v[q->ntargets] = (struct target){ .expr = e, .name = "?column?", .junk = true };
    q->target = v;
    return q->ntargets++;
}

static uint16_t target_of(struct an *an, struct level *lv, struct expr *e)
{
    for (uint16_t i = 0; i < lv->q->ntargets; i++)
        if (expr_equal(lv->q->target[i].expr, e))
            return i;
    return add_junk(an, lv, e);
}

/* An item of ORDER BY or DISTINCT ON: an output column's name or number first, then an expression. */
static uint16_t find_item(struct an *an, struct level *lv, const struct ast_expr *a, enum an_place place)
{
    const char *clause = an__place_name(place);
    if (a->kind == AST_COLUMN && a->column.name.n == 1 && !a->column.star) {
        const int t = named_target(an, lv, a->column.name.v[0], clause, a->location);
        if (t >= 0)
            return (uint16_t)t;
    }
    if (is_constant(a))
        return ordinal(an, lv, a, clause);
    return target_of(an, lv, an__expr(an, lv, a, place));
}

static void check_sortable(struct an *an, const struct expr *e, int location)
{
    if (type_by_oid(e->type)->cmp != NULL)
        return;
    diag_set(an->d, ERR_UNDEFINED_FUNCTION, "could not identify an ordering operator for type %s", an__type_name(an, e->type));
    diag_hint(an->d, "Use an explicit ordering operator or modify the query.");
    an__position(an, location);
    an__throw(an);
}

void an__order_by(struct an *an, struct level *lv, const struct ast_sorts *order)
{
    struct query *q = lv->q;
    q->order = AN_ARRAY(an, struct order, order->n);
    for (uint32_t i = 0; i < order->n; i++) {
        const struct ast_sort *s = &order->v[i];
        if (s->using_operator)
            an__unsupported(an, s->location, "ORDER BY ... USING");
        const uint16_t t = find_item(an, lv, s->expr, AN_ORDER_BY);
        check_sortable(an, q->target[t].expr, s->expr->location);
        bool repeated = false;
        for (uint16_t j = 0; j < q->norder; j++)
            repeated |= q->order[j].target == t;
        if (repeated)
            continue;
        q->order[q->norder++] = (struct order){
            .target = t, .descending = s->descending, .nulls_first = s->nulls_given ? s->nulls_first : s->descending
        };
    }
}

/* GROUP BY: an input column's name first, then an output column's. */
static struct expr *group_item(struct an *an, struct level *lv, const struct ast_expr *a)
{
    if (a->kind == AST_COLUMN && a->column.name.n == 1 && !a->column.star && !is_input_column(lv, a->column.name.v[0])) {
        const int t = named_target(an, lv, a->column.name.v[0], "GROUP BY", a->location);
        if (t >= 0)
            return lv->q->target[t].expr;
    }
    if (is_constant(a))
        return lv->q->target[ordinal(an, lv, a, "GROUP BY")].expr;
    return an__expr(an, lv, a, AN_GROUP_BY);
}

static bool has_no_agg(void *arg, const struct expr *e)
{
    return e->kind != EXPR_AGG && expr_children(e, has_no_agg, arg);
}

static void group_by(struct an *an, struct level *lv, const struct ast_exprs *g)
{
    struct query *q = lv->q;
    q->group.v = AN_ARRAY(an, struct expr *, g->n);
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->v[i]->kind == AST_ROW && g->v[i]->list.n == 0)
            continue; /* GROUP BY (): one group */
        struct expr *e = group_item(an, lv, g->v[i]);
        if (!has_no_agg(NULL, e))
            an__fail(an, ERR_GROUPING, e->location, "aggregate functions are not allowed in GROUP BY");
        if (e->type == TYPE_UNKNOWN)
            e = an__coerce(an, e, TYPE_TEXT, -1, CAST_IMPLICIT, false, -1);
        check_sortable(an, e, g->v[i]->location);
        bool repeated = false;
        for (uint32_t j = 0; j < q->group.n; j++)
            repeated |= expr_equal(q->group.v[j], e);
        if (!repeated)
            q->group.v[q->group.n++] = e;
    }
}

static void distinct(struct an *an, struct level *lv, const struct ast_select *s)
{
    struct query *q = lv->q;
    if (s->distinct_on.n == 0) {
        q->distinct = DISTINCT_ALL;
        for (uint16_t i = 0; i < q->ntargets; i++) {
            if (q->target[i].junk)
                an__fail(an, ERR_COLUMN_REFERENCE, q->target[i].expr->location,
                         "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
            check_sortable(an, q->target[i].expr, q->target[i].expr->location);
        }
        return;
    }
    q->distinct = DISTINCT_ON;
    q->distinct_target = AN_ARRAY(an, uint16_t, s->distinct_on.n);
    for (uint32_t i = 0; i < s->distinct_on.n; i++) {
        const uint16_t t = find_item(an, lv, s->distinct_on.v[i], AN_DISTINCT_ON);
        check_sortable(an, q->target[t].expr, s->distinct_on.v[i]->location);
        q->distinct_target[q->ndistinct++] = t;
    }
    for (uint16_t i = 0; i < MIN(q->norder, q->ndistinct); i++) {
        bool found = false;
        for (uint16_t j = 0; j < q->ndistinct; j++)
            found |= q->distinct_target[j] == q->order[i].target;
        if (!found)
            an__fail(an, ERR_COLUMN_REFERENCE, s->distinct_on.v[0]->location,
                     "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
    }
}

static struct expr *limit_value(struct an *an, struct level *lv, const struct ast_expr *a, enum an_place place)
{
    if (a == NULL || a->kind == AST_NULL)
        return NULL;
    const char *what = an__place_name(place);
    struct expr *e = an__coerce_specific(an, an__expr(an, lv, a, place), TYPE_INT8, what);
    if (an__has_vars(e))
        an__fail(an, ERR_COLUMN_REFERENCE, a->location, "argument of %s must not contain variables", what);
    return e;
}

void an__limit(struct an *an, struct level *lv, const struct ast_select *s)
{
    if (s->with_ties)
        an__unsupported(an, s->limit != NULL ? s->limit->location : -1, "WITH TIES");
    lv->q->limit = limit_value(an, lv, s->limit, AN_LIMIT);
    lv->q->offset = limit_value(an, lv, s->offset, AN_OFFSET);
}

/* ---- grouping: what is neither grouped nor aggregated ------------------------------------ */

struct group_check {
    struct an *an;
    struct level *lv;
    bool in_subquery;
};

/* The table's primary key is among the grouped columns, so its other columns depend on them. */
static bool key_is_grouped(const struct an *an, const struct level *lv, uint16_t rte_no)
{
    const struct query *q = lv->q;
    if (q->rte[rte_no]->kind != RTE_TABLE)
        return false;
    const struct table_def *def = an->rel[q->rte[rte_no]->rel].def;
    for (uint16_t i = 0; i < def->nindexes; i++) {
        const struct index_def *ix = &def->index[i];
        uint16_t found = 0;
        if (!ix->primary)
            continue;
        for (uint16_t c = 0; c < ix->ncols; c++)
            for (uint32_t g = 0; g < q->group.n; g++) {
                const struct expr *e = q->group.v[g];
                if (e->kind == EXPR_VAR && e->var.up == 0 && e->var.rte == rte_no && e->var.col == ix->col[c].attnum) {
                    found++;
                    break;
                }
            }
        return found == ix->ncols;
    }
    return false;
}

static void check_var(struct group_check *g, const struct expr *var)
{
    struct query *q = g->lv->q;
    for (uint32_t i = 0; i < q->group.n; i++) {
        const struct expr *e = q->group.v[i];
        if (e->kind == EXPR_VAR && e->var.up == 0 && e->var.rte == var->var.rte && e->var.col == var->var.col)
            return;
    }
    const struct rte *rte = q->rte[var->var.rte];
    if (key_is_grouped(g->an, g->lv, var->var.rte)) {
        struct expr **v = AN_ARRAY(g->an, struct expr *, q->group.n + 1);
        memcpy(v, q->group.v, sizeof(*v) * q->group.n);
        v[q->group.n] = an__rte_var(g->an, g->lv, var->var.rte, (uint16_t)(var->var.col - 1), var->location);
        q->group.v = v;
        q->group.n++;
        return;
    }
    const char *col = rte->col[var->var.col - 1].name;
    if (g->in_subquery)
        an__fail(g->an, ERR_GROUPING, var->location, "subquery uses ungrouped column \"%s.%s\" from outer query", rte->name, col);
    an__fail(g->an, ERR_GROUPING, var->location, "column \"%s.%s\" must appear in the GROUP BY clause or be used in an aggregate function",
             rte->name, col);
}

static bool check_sub_var(void *arg, const struct expr *var, uint16_t depth)
{
    struct group_check *g = arg;
    g->in_subquery = true;
    check_var(g, var);
    g->in_subquery = false;
    return true;
}

static bool check_grouped(void *arg, const struct expr *e)
{
    struct group_check *g = arg;
    const struct query *q = g->lv->q;
    if (e->kind == EXPR_AGG || e->kind == EXPR_CONST || e->kind == EXPR_PARAM)
        return true;
    for (uint32_t i = 0; i < q->group.n; i++)
        if (expr_equal(q->group.v[i], e))
            return true;
    if (e->kind == EXPR_VAR && e->var.up == 0)
        check_var(g, e);
    if (e->kind == EXPR_SUBLINK)
        query_each_var(e->sublink.query, 1, check_sub_var, g);
    return expr_children(e, check_grouped, arg);
}

void an__check_grouping(struct an *an, struct level *lv)
{
    struct query *q = lv->q;
    struct group_check g = { an, lv, false };
    q->grouped = q->group.n > 0 || q->has_aggs || q->having != NULL;
    if (!q->grouped)
        return;
    for (uint16_t i = 0; i < q->ntargets; i++)
        check_grouped(&g, q->target[i].expr);
    if (q->having != NULL)
        check_grouped(&g, q->having);
}

/* ---- FOR UPDATE ------------------------------------------------------------------------ */

static void mark_rte(struct an *an, struct level *lv, uint16_t rte, const struct ast_locking *k, int location)
{
    struct query *q = lv->q;
    if (q->rte[rte]->kind != RTE_TABLE) {
        if (k->n > 0)
            an__unsupported(an, location, "FOR UPDATE of a sub-query or function");
        if (q->rte[rte]->kind == RTE_SUBQUERY)
            an__unsupported(an, location, "FOR UPDATE with a sub-query in FROM");
        return;
    }
    const enum wait_policy wait = k->nowait ? WAIT_ERROR : k->skip_locked ? WAIT_SKIP : WAIT_BLOCK;
    for (uint16_t i = 0; i < q->nmarks; i++)
        if (q->mark[i].rte == rte) {
            q->mark[i].wait = MAX(q->mark[i].wait, wait);
            return;
        }
    q->mark[q->nmarks++] = (struct row_mark){ .rte = rte, .wait = wait };
    an->rel[q->rte[rte]->rel].lock = GES_MODE_CW;
    struct table_def *again;
    const struct table_def *def = an->rel[q->rte[rte]->rel].def;
    an__check(an, catalog_table_by_oid(an->env->catalog, an->env->txn, def->oid, GES_MODE_CW, &again, an->d), location);
    catalog_release(an->env->catalog, again);
}

static void check_lockable(struct an *an, const struct level *lv, const struct ast_select *s, const struct ast_locking *k)
{
    const struct query *q = lv->q;
    const char *with = s->distinct ? "DISTINCT clause" : q->group.n > 0 ? "GROUP BY clause" : q->having != NULL ? "HAVING clause"
                       : q->has_aggs ? "aggregate functions" : NULL;
    if (with != NULL)
        an__fail(an, ERR_FEATURE, -1, "FOR %s is not allowed with %s", k->strength, with);
    if (k->share)
        an__fail(an, ERR_FEATURE, -1, "FOR %s is not supported", k->strength);
}

static void locking(struct an *an, struct level *lv, const struct ast_select *s)
{
    struct query *q = lv->q;
    q->mark = AN_ARRAY(an, struct row_mark, q->nrte);
    for (uint32_t i = 0; i < s->nlocking; i++) {
        const struct ast_locking *k = &s->locking[i];
        check_lockable(an, lv, s, k);
        for (uint16_t r = 0; k->n == 0 && r < q->nrte; r++)
            mark_rte(an, lv, r, k, -1);
        for (uint32_t t = 0; t < k->n; t++) {
            int found = -1;
            for (uint16_t r = 0; r < q->nrte; r++)
                if (strcmp(q->rte[r]->name, k->tables[t].name) == 0)
                    found = r;
            if (found < 0)
                an__fail(an, ERR_UNDEFINED_TABLE, k->tables[t].location, "relation \"%s\" in FOR %s clause not found in FROM clause",
                         k->tables[t].name, k->strength);
            mark_rte(an, lv, (uint16_t)found, k, k->tables[t].location);
        }
    }
}

/* ---- VALUES ----------------------------------------------------------------------------- */

static void values(struct an *an, struct level *lv, const struct ast_select *s)
{
    struct rte *rte = AN_NEW(an, struct rte);
    const uint32_t ncols = s->values[0].n;
    rte->kind = RTE_VALUES;
    rte->name = "*VALUES*";
    rte->ncols = an__count(an, ncols, "columns");
    rte->values.nrows = s->nvalues;
    rte->values.row = AN_ARRAY(an, struct expr **, s->nvalues);
    for (uint32_t r = 0; r < s->nvalues; r++) {
        if (s->values[r].n != ncols)
            an__fail(an, ERR_SYNTAX, s->values[r].n > 0 ? s->values[r].v[0]->location : -1, "VALUES lists must all be the same length");
        rte->values.row[r] = AN_ARRAY(an, struct expr *, ncols);
        for (uint32_t c = 0; c < ncols; c++)
            rte->values.row[r][c] = an__expr(an, lv, s->values[r].v[c], AN_VALUES);
    }
    rte->col = AN_ARRAY(an, struct rte_col, ncols);
    struct expr **column = AN_ARRAY(an, struct expr *, s->nvalues);
    for (uint32_t c = 0; c < ncols; c++) {
        for (uint32_t r = 0; r < s->nvalues; r++)
            column[r] = rte->values.row[r][c];
        const oid_t type = an__common_type(an, column, s->nvalues, "VALUES");
        for (uint32_t r = 0; r < s->nvalues; r++)
            column[r] = rte->values.row[r][c] = an__coerce_common(an, column[r], type, "VALUES");
        rte->col[c] = (struct rte_col){
            .name = arena_printf(an->arena, "column%u", c + 1), .type = type, .typmod = an__common_typmod(column, s->nvalues, type)
        };
    }
    const uint16_t no = an__add_rte(an, lv, rte);
    struct query *q = lv->q;
    an__show_rte(an, lv, no, true, true);
    q->from = AN_NEW(an, struct from);
    q->from->rte = no;
    q->ntargets = rte->ncols;
    q->target = AN_ARRAY(an, struct target, ncols);
    for (uint16_t c = 0; c < ncols; c++)
        q->target[c] = (struct target){ .expr = an__rte_var(an, lv, no, c, -1), .name = rte->col[c].name };
}

/* ---- SELECT ------------------------------------------------------------------------------- */

void an__with(struct an *an, struct level *lv, const struct ast_with *w)
{
    if (w == NULL)
        return;
    if (w->recursive)
        an__unsupported(an, w->location, "WITH RECURSIVE");
    for (uint32_t i = 0; i < w->n; i++) {
        struct cte_scope *c = AN_NEW(an, struct cte_scope);
        *c = (struct cte_scope){ .cte = &w->v[i], .outer = lv->ctes, .at = lv };
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(w->v[j].name, w->v[i].name) == 0)
                an__fail(an, ERR_DUPLICATE_ALIAS, w->v[i].location, "WITH query name \"%s\" specified more than once", w->v[i].name);
        if (w->v[i].stmt->kind != AST_SELECT)
            an__unsupported(an, w->v[i].location, "a statement that changes data in WITH");
        lv->ctes = c;
    }
}

static void plain_select(struct an *an, struct level *lv, const struct ast_select *s)
{
    struct query *q = lv->q;
    uint32_t n;
    an__from(an, lv, s->from, s->nfrom);
    an__targets(an, lv, &s->targets, AN_TARGET, &q->target, &n);
    q->ntargets = an__count(an, n, "result columns");
    if (s->where != NULL)
        q->where = an__coerce_bool(an, an__expr(an, lv, s->where, AN_WHERE), "WHERE");
    if (s->having != NULL)
        q->having = an__coerce_bool(an, an__expr(an, lv, s->having, AN_HAVING), "HAVING");
}

static void check_select(struct an *an, const struct ast_select *s)
{
    if (s->into)
        an__unsupported(an, s->location, "SELECT INTO");
    if (s->has_window)
        an__unsupported(an, s->location, "a WINDOW clause");
    if (s->nlocking > 0 && (s->setop != AST_SETOP_NONE || s->nvalues > 0))
        an__fail(an, ERR_FEATURE, -1, "FOR %s is not allowed with %s", s->locking[0].strength,
                 s->nvalues > 0 ? "VALUES" : "UNION/INTERSECT/EXCEPT");
}

struct query *an__select(struct an *an, struct level *outer, const struct ast_select *s, bool keep_unknown, const struct cte_scope *ctes)
{
    struct level *lv = an__level(an, outer);
    struct query *q = lv->q;
    check_select(an, s);
    lv->ctes = ctes;
    lv->keep_unknown = keep_unknown;
    an__with(an, lv, s->with);
    q->command = QUERY_SELECT;
    if (s->setop != AST_SETOP_NONE) {
        an__setop(an, lv, s);
        return q;
    }
    if (s->nvalues > 0)
        values(an, lv, s);
    else
        plain_select(an, lv, s);
    if (!keep_unknown)
        an__resolve_unknown(an, q->target, q->ntargets);
    an__order_by(an, lv, &s->order);
    group_by(an, lv, &s->group_by);
    if (s->distinct)
        distinct(an, lv, s);
    an__limit(an, lv, s);
    locking(an, lv, s);
    an__check_grouping(an, lv);
    return q;
}
