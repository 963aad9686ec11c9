#include "sql/analyse/analyse_int.h"

/* ---- tables ------------------------------------------------------------------- */

static uint16_t add_rel(struct an *an, struct table_def *def, enum ges_mode lock)
{
    AN_GROW(an, an->rel, an->nrels, an->rel_cap);
    an->rel[an->nrels++] = (struct tree_rel){ .def = def, .lock = lock };
    return an__count(an, an->nrels - 1, "tables");
}

uint16_t an__rel(struct an *an, const struct ast_range *r, enum ges_mode lock, struct table_def **ret)
{
    an__check(an, catalog_table(an->env->catalog, an->env->txn, r->schema, r->name, lock, ret, an->d), r->location);
    return add_rel(an, *ret, lock);
}

uint16_t an__rel_nowait(struct an *an, const struct ast_range *r, enum ges_mode lock, struct table_def **ret)
{
    an__check(an, catalog_table_nowait(an->env->catalog, an->env->txn, r->schema, r->name, lock, ret, an->d), r->location);
    return add_rel(an, *ret, lock);
}

uint16_t an__add_rte(struct an *an, struct level *lv, struct rte *rte)
{
    struct query *q = lv->q;
    uint32_t n = q->nrte;
    AN_GROW(an, q->rte, n, lv->rte_cap);
    q->rte[q->nrte] = rte;
    an__count(an, n + 1, "tables");
    return q->nrte++;
}

struct expr *an__rte_var(struct an *an, const struct level *lv, uint16_t rte, uint16_t col, int location)
{
    const struct rte_col *c = &lv->q->rte[rte]->col[col];
    return an__var(an, rte, (int16_t)(col + 1), c->type, c->typmod, location);
}

static struct ns_item *add_item(struct an *an, struct level *lv, uint16_t ncols)
{
    AN_GROW(an, lv->ns, lv->nns, lv->ns_cap);
    struct ns_item *it = &lv->ns[lv->nns++];
    *it = (struct ns_item){ .ncols = ncols, .by_table = true, .by_column = true, .rte = -1 };
    it->col_name = AN_ARRAY(an, const char *, ncols);
    it->col = AN_ARRAY(an, struct expr *, ncols);
    return it;
}

static void check_alias(struct an *an, const struct level *lv, uint32_t from, const char *name, const char *schema, int location)
{
    for (uint32_t i = from; i < lv->nns; i++) {
        const struct ns_item *it = &lv->ns[i];
        if (!it->by_table || it->name == NULL || strcmp(it->name, name) != 0)
            continue;
        if (it->schema != NULL && schema != NULL && strcmp(it->schema, schema) != 0)
            continue;
        an__fail(an, ERR_DUPLICATE_ALIAS, location, "table name \"%s\" specified more than once", name);
    }
}

struct ns_item *an__show_rte(struct an *an, struct level *lv, uint16_t no, bool by_table, bool by_column)
{
    const struct rte *rte = lv->q->rte[no];
    struct ns_item *it = add_item(an, lv, rte->ncols);
    it->name = rte->name;
    it->rte = (int16_t)no;
    it->by_table = by_table;
    it->by_column = by_column;
    if (rte->kind == RTE_TABLE && !rte->has_alias)
        it->schema = an->rel[rte->rel].def->schema_name;
    for (uint16_t i = 0; i < rte->ncols; i++) {
        it->col_name[i] = rte->col[i].dropped ? NULL : rte->col[i].name;
        it->col[i] = an__rte_var(an, lv, no, i, -1);
    }
    return it;
}

/* Renames columns: "AS t (a, b)". */
static void apply_column_aliases(struct an *an, struct rte *rte, const struct ast_range *r)
{
    uint32_t named = 0;
    for (uint16_t i = 0; i < rte->ncols && named < r->columns.n; i++)
        if (!rte->col[i].dropped)
            rte->col[i].name = r->columns.v[named++];
    if (named < r->columns.n)
        an__fail(an, ERR_COLUMN_REFERENCE, -1, "table \"%s\" has %u columns available but %u columns specified", rte->name, named,
                 r->columns.n);
}

static struct rte *table_rte(struct an *an, const struct ast_range *r, enum ges_mode lock)
{
    struct rte *rte = AN_NEW(an, struct rte);
    struct table_def *def;
    rte->kind = RTE_TABLE;
    rte->rel = an__rel(an, r, lock, &def);
    if (def->kind == TABLE_INDEX)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, r->location, "cannot open relation \"%s\"", r->name);
    if (def->kind == TABLE_SEQUENCE)
        an__unsupported(an, r->location, "reading a sequence as a table");
    rte->name = r->alias != NULL ? r->alias : def->name;
    rte->has_alias = r->alias != NULL;
    rte->ncols = def->ncols;
    rte->col = AN_ARRAY(an, struct rte_col, def->ncols);
    for (uint16_t i = 0; i < def->ncols; i++)
        rte->col[i] = (struct rte_col){
            .name = def->col[i].name, .type = def->col[i].type, .typmod = def->col[i].typmod, .dropped = def->col[i].dropped
        };
    apply_column_aliases(an, rte, r);
    return rte;
}

uint16_t an__result_table(struct an *an, struct level *lv, const struct ast_range *r)
{
    struct rte *rte = table_rte(an, r, GES_MODE_CW);
    const struct table_def *def = an->rel[rte->rel].def;
    if (def->kind == TABLE_VIRTUAL)
        an__fail(an, ERR_WRONG_OBJECT_TYPE, r->location, "cannot change view \"%s\"", def->name);
    if (def->system)
        an__fail(an, ERR_PRIVILEGE, r->location, "permission denied: \"%s\" is a system catalog", def->name);
    return an__add_rte(an, lv, rte);
}

/* ---- sub-queries, functions ---------------------------------------------------------- */

static struct rte *query_rte(struct an *an, struct query *q, const struct ast_range *r, const char *name)
{
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_SUBQUERY;
    rte->query = q;
    rte->name = name;
    rte->has_alias = true;
    rte->col = AN_ARRAY(an, struct rte_col, q->ntargets);
    for (uint16_t i = 0; i < q->ntargets; i++) {
        if (q->target[i].junk)
            continue;
        rte->col[rte->ncols++] = (struct rte_col){
            .name = q->target[i].name, .type = q->target[i].expr->type, .typmod = q->target[i].expr->typmod
        };
    }
    apply_column_aliases(an, rte, r);
    return rte;
}

static const struct cte_scope *find_cte(const struct level *lv, const struct ast_range *r)
{
    if (r->schema != NULL)
        return NULL;
    for (; lv != NULL; lv = lv->outer)
        for (const struct cte_scope *c = lv->ctes; c != NULL; c = c->outer)
            if (strcmp(c->cte->name, r->name) == 0)
                return c;
    return NULL;
}

/* A WITH query stands where it is named. */
static struct rte *cte_rte(struct an *an, const struct cte_scope *c, const struct ast_range *r)
{
    if (c->cte->stmt->kind != AST_SELECT)
        an__unsupported(an, c->cte->location, "a statement that changes data in WITH");
    struct query *q = an__select(an, c->at->outer, c->cte->stmt->select, false, c->outer);
    struct ast_range names = { .columns = c->cte->columns, .location = c->cte->location };
    struct rte *rte = query_rte(an, q, &names, c->cte->name);
    rte->name = r->alias != NULL ? r->alias : c->cte->name;
    apply_column_aliases(an, rte, r);
    return rte;
}

static struct rte *func_rte(struct an *an, struct level *lv, const struct ast_from *f)
{
    const struct ast_expr *call = f->func;
    if (f->with_ordinality)
        an__unsupported(an, f->location, "WITH ORDINALITY");
    if (call->kind != AST_FUNC || strcmp(call->func.name, "generate_series") != 0)
        an__unsupported(an, f->location, "a function in FROM other than generate_series");
    const uint32_t n = call->func.args.n;
    if (n < 2 || n > 3)
        an__fail(an, ERR_UNDEFINED_FUNCTION, f->location, "function generate_series with %u arguments does not exist", n);
    struct rte *rte = AN_NEW(an, struct rte);
    rte->kind = RTE_FUNC;
    rte->func.fn = SET_GENERATE_SERIES;
    rte->func.args.n = n;
    rte->func.args.v = AN_ARRAY(an, struct expr *, n);
    oid_t type = TYPE_INT4;
    for (uint32_t i = 0; i < n; i++) {
        struct expr *e = rte->func.args.v[i] = an__expr(an, lv, call->func.args.v[i], AN_FROM_FUNC);
        if (e->type == TYPE_INT8)
            type = TYPE_INT8;
        else if (e->type != TYPE_INT4 && e->type != TYPE_INT2 && e->type != TYPE_UNKNOWN)
            an__unsupported(an, e->location, "generate_series of anything but integers");
        if (an__has_vars(e))
            an__unsupported(an, e->location, "a column as argument of a function in FROM");
    }
    for (uint32_t i = 0; i < n; i++)
        rte->func.args.v[i] = an__coerce(an, rte->func.args.v[i], type, -1, CAST_IMPLICIT, false, f->location);
    rte->name = f->range.alias != NULL ? f->range.alias : "generate_series";
    rte->has_alias = f->range.alias != NULL;
    rte->ncols = 1;
    rte->col = AN_NEW(an, struct rte_col);
    rte->col[0] = (struct rte_col){ .name = rte->name, .type = type, .typmod = -1 };
    apply_column_aliases(an, rte, &f->range);
    return rte;
}

/* ---- FROM ------------------------------------------------------------------------------- */

static struct from *leaf(struct an *an, uint16_t rte)
{
    struct from *f = AN_NEW(an, struct from);
    f->rte = rte;
    return f;
}

static struct from *from_item(struct an *an, struct level *lv, const struct ast_from *f);

static struct from *add_leaf(struct an *an, struct level *lv, struct rte *rte)
{
    const uint16_t no = an__add_rte(an, lv, rte);
    an__show_rte(an, lv, no, true, true);
    return leaf(an, no);
}

static struct from *from_table(struct an *an, struct level *lv, const struct ast_from *f)
{
    const struct cte_scope *cte = find_cte(lv, &f->range);
    return add_leaf(an, lv, cte != NULL ? cte_rte(an, cte, &f->range) : table_rte(an, &f->range, GES_MODE_CR));
}

static struct from *from_subquery(struct an *an, struct level *lv, const struct ast_from *f)
{
    if (f->range.alias == NULL) {
        diag_set(an->d, ERR_SYNTAX, "%s in FROM must have an alias", f->subquery->nvalues > 0 ? "VALUES" : "subquery");
        diag_hint(an->d, f->subquery->nvalues > 0 ? "For example, FROM (VALUES ...) [AS] foo." : "For example, FROM (SELECT ...) [AS] foo.");
        an__position(an, f->location);
        an__throw(an);
    }
    /* Without LATERAL it sees what the query around this one sees, nothing of this FROM. */
    struct level hidden = *lv;
    if (!f->lateral)
        hidden.nns = 0;
    struct query *q = an__select(an, &hidden, f->subquery, false, lv->ctes);
    struct rte *rte = query_rte(an, q, &f->range, f->range.alias);
    rte->lateral = f->lateral;
    return add_leaf(an, lv, rte);
}

static int find_col(const struct ns_item *it, const char *name)
{
    for (uint16_t i = 0; i < it->ncols; i++)
        if (it->col_name[i] != NULL && strcmp(it->col_name[i], name) == 0)
            return i;
    return -1;
}

/* Items first..first+n-1 are one side of a join. The column that `name` is there. */
static struct expr *side_column(struct an *an, const struct level *lv, uint32_t first, uint32_t end, const char *name, const char *side)
{
    struct expr *found = NULL;
    for (uint32_t i = first; i < end; i++) {
        const struct ns_item *it = &lv->ns[i];
        const int col = it->by_column ? find_col(it, name) : -1;
        if (col < 0)
            continue;
        if (found != NULL)
            an__fail(an, ERR_AMBIGUOUS_COLUMN, -1, "common column name \"%s\" appears more than once in %s table", name, side);
        found = it->col[col];
    }
    return found;
}

struct merge {
    uint32_t n;
    const char **name;
    struct expr **left, **right, **merged;
};

static void natural_names(struct an *an, const struct level *lv, uint32_t first, uint32_t mid, struct ast_names *ret)
{
    uint32_t cap = 0;
    *ret = (struct ast_names){ 0 };
    for (uint32_t i = first; i < mid; i++) {
        const struct ns_item *it = &lv->ns[i];
        for (uint16_t c = 0; it->by_column && c < it->ncols; c++) {
            if (it->col_name[c] == NULL || side_column(an, lv, mid, lv->nns, it->col_name[c], "right") == NULL)
                continue;
            AN_GROW(an, ret->v, ret->n, cap);
            ret->v[ret->n++] = it->col_name[c];
        }
    }
}

static struct expr *merged_column(struct an *an, enum join_type type, struct expr *l, struct expr *r)
{
    struct expr *both[2] = { l, r };
    const oid_t t = an__common_type(an, both, 2, "JOIN/USING");
    if (type == JOIN_INNER || type == JOIN_LEFT)
        return an__coerce_common(an, l, t, "JOIN/USING");
    if (type == JOIN_RIGHT)
        return an__coerce_common(an, r, t, "JOIN/USING");
    struct expr *e = an__new_expr(an, EXPR_COALESCE, t, -1);
    e->args.n = 2;
    e->args.v = AN_ARRAY(an, struct expr *, 2);
    e->args.v[0] = an__coerce_common(an, l, t, "JOIN/USING");
    e->args.v[1] = an__coerce_common(an, r, t, "JOIN/USING");
    return e;
}

static struct merge merge_columns(struct an *an, const struct level *lv, const struct ast_names *names, enum join_type type, uint32_t first,
                                  uint32_t mid)
{
    struct merge m = { .n = names->n, .name = names->v };
    m.left = AN_ARRAY(an, struct expr *, m.n);
    m.right = AN_ARRAY(an, struct expr *, m.n);
    m.merged = AN_ARRAY(an, struct expr *, m.n);
    for (uint32_t i = 0; i < m.n; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(m.name[i], m.name[j]) == 0)
                an__fail(an, ERR_DUPLICATE_COLUMN, -1, "column name \"%s\" appears more than once in USING clause", m.name[i]);
        m.left[i] = side_column(an, lv, first, mid, m.name[i], "left");
        m.right[i] = side_column(an, lv, mid, lv->nns, m.name[i], "right");
        if (m.left[i] == NULL || m.right[i] == NULL)
            an__fail(an, ERR_UNDEFINED_COLUMN, -1, "column \"%s\" specified in USING clause does not exist in %s table", m.name[i],
                     m.left[i] == NULL ? "left" : "right");
        m.merged[i] = merged_column(an, type, m.left[i], m.right[i]);
    }
    return m;
}

static struct expr *using_condition(struct an *an, const struct merge *m)
{
    if (m->n == 0)
        return NULL;
    struct expr **eq = AN_ARRAY(an, struct expr *, m->n);
    for (uint32_t i = 0; i < m->n; i++)
        eq[i] = an__operator(an, "=", m->left[i], m->right[i], -1);
    return an__bool_list(an, EXPR_AND, eq, m->n, -1);
}

static bool is_merged(const struct merge *m, const char *name)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (strcmp(m->name[i], name) == 0)
            return true;
    return false;
}

/* With USING or an alias the join has columns of its own; those of its sides are found by table name only, or not at all. */
static void join_item(struct an *an, struct level *lv, const struct ast_from *f, const struct merge *m, uint32_t first)
{
    const uint32_t end = lv->nns;
    uint32_t total = m->n;
    if (m->n == 0 && f->range.alias == NULL)
        return;
    for (uint32_t i = first; i < end; i++)
        total += lv->ns[i].by_column ? lv->ns[i].ncols : 0;
    struct ns_item *it = add_item(an, lv, an__count(an, total, "columns"));
    uint16_t n = 0;
    for (uint32_t i = 0; i < m->n; i++, n++) {
        it->col_name[n] = m->name[i];
        it->col[n] = m->merged[i];
    }
    for (uint32_t i = first; i < end; i++) {
        struct ns_item *side = &lv->ns[i];
        for (uint16_t c = 0; side->by_column && c < side->ncols; c++) {
            if (side->col_name[c] == NULL || is_merged(m, side->col_name[c]))
                continue;
            it->col_name[n] = side->col_name[c];
            it->col[n++] = side->col[c];
        }
        side->by_column = false;
        if (f->range.alias != NULL)
            side->by_table = false;
    }
    it->ncols = n;
    it->name = f->range.alias;
    it->by_table = f->range.alias != NULL;
    for (uint32_t i = 0; i < f->range.columns.n && i < n; i++)
        it->col_name[i] = f->range.columns.v[i];
}

/* No name may stand on both sides of a join. */
static void check_sides(struct an *an, const struct level *lv, uint32_t first, uint32_t mid)
{
    for (uint32_t i = first; i < mid; i++)
        if (lv->ns[i].by_table && lv->ns[i].name != NULL)
            check_alias(an, lv, mid, lv->ns[i].name, lv->ns[i].schema, -1);
}

static struct from *from_join(struct an *an, struct level *lv, const struct ast_from *f)
{
    static const enum join_type types[] = {
        [AST_JOIN_INNER] = JOIN_INNER, [AST_JOIN_LEFT] = JOIN_LEFT, [AST_JOIN_RIGHT] = JOIN_RIGHT, [AST_JOIN_FULL] = JOIN_FULL
    };
    struct from *r = AN_NEW(an, struct from);
    struct ast_names names = f->using_columns;
    const uint32_t first = lv->nns;
    r->is_join = true;
    r->type = types[f->join];
    r->left = from_item(an, lv, f->left);
    const uint32_t mid = lv->nns;
    r->right = from_item(an, lv, f->right);
    check_sides(an, lv, first, mid);
    if (f->natural)
        natural_names(an, lv, first, mid, &names);
    const struct merge m = merge_columns(an, lv, &names, r->type, first, mid);
    r->on = using_condition(an, &m);
    if (f->on != NULL) {
        /* ON sees the two sides alone. */
        struct level sides = *lv;
        sides.ns = lv->ns + first;
        sides.nns = lv->nns - first;
        r->on = an__coerce_bool(an, an__expr(an, &sides, f->on, AN_JOIN_ON), "JOIN/ON");
        lv->rte_cap = sides.rte_cap;
    }
    join_item(an, lv, f, &m, first);
    return r;
}

static struct from *from_item(struct an *an, struct level *lv, const struct ast_from *f)
{
    switch (f->kind) {
    case AST_FROM_TABLE:
        return from_table(an, lv, f);
    case AST_FROM_SUBQUERY:
        return from_subquery(an, lv, f);
    case AST_FROM_FUNC:
        return add_leaf(an, lv, func_rte(an, lv, f));
    case AST_FROM_JOIN:
        return from_join(an, lv, f);
    }
    an__unsupported(an, f->location, "this item of FROM");
}

static void check_names(struct an *an, const struct level *lv)
{
    for (uint32_t i = 0; i < lv->nns; i++)
        if (lv->ns[i].by_table && lv->ns[i].name != NULL)
            check_alias(an, lv, i + 1, lv->ns[i].name, lv->ns[i].schema, -1);
}

void an__from(struct an *an, struct level *lv, struct ast_from *const *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct from *f = from_item(an, lv, items[i]);
        if (lv->q->from == NULL) {
            lv->q->from = f;
            continue;
        }
        struct from *cross = AN_NEW(an, struct from);
        cross->is_join = true;
        cross->type = JOIN_INNER;
        cross->left = lv->q->from;
        cross->right = f;
        lv->q->from = cross;
    }
    check_names(an, lv);
}

/* ---- names ------------------------------------------------------------------------------- */

struct raise {
    struct an *an;
    uint16_t up;
    int location;
};

/* The item's column as an expression of a query `up` levels further in. */
static struct expr *raise_vars(void *arg, const struct expr *e)
{
    const struct raise *r = arg;
    struct expr *c = expr_map_children(r->an->arena, e, raise_vars, arg);
    if (c->kind == EXPR_VAR)
        c->var.up = (uint16_t)(c->var.up + r->up);
    c->location = r->location;
    return c;
}

static struct expr *use_column(struct an *an, const struct ns_item *it, int col, uint16_t up, int location)
{
    struct raise r = { an, up, location };
    return raise_vars(&r, it->col[col]);
}

static struct expr *unqualified(struct an *an, const struct level *lv, const char *name, int location)
{
    for (uint16_t up = 0; lv != NULL; lv = lv->outer, up++) {
        const struct ns_item *found = NULL;
        int found_col = -1;
        for (uint32_t i = 0; i < lv->nns; i++) {
            const struct ns_item *it = &lv->ns[i];
            const int col = it->by_column ? find_col(it, name) : -1;
            if (col < 0)
                continue;
            if (found != NULL)
                an__fail(an, ERR_AMBIGUOUS_COLUMN, location, "column reference \"%s\" is ambiguous", name);
            for (uint16_t c = (uint16_t)(col + 1); c < it->ncols; c++)
                if (it->col_name[c] != NULL && strcmp(it->col_name[c], name) == 0)
                    an__fail(an, ERR_AMBIGUOUS_COLUMN, location, "column reference \"%s\" is ambiguous", name);
            found = it;
            found_col = col;
        }
        if (found != NULL)
            return use_column(an, found, found_col, up, location);
    }
    return NULL;
}

static const struct ns_item *find_table(struct an *an, const struct level *lv, const char *schema, const char *name, uint16_t *ret_up, int location)
{
    for (uint16_t up = 0; lv != NULL; lv = lv->outer, up++) {
        const struct ns_item *found = NULL;
        for (uint32_t i = 0; i < lv->nns; i++) {
            const struct ns_item *it = &lv->ns[i];
            if (!it->by_table || it->name == NULL || strcmp(it->name, name) != 0)
                continue;
            if (schema != NULL && (it->schema == NULL || strcmp(it->schema, schema) != 0))
                continue;
            if (found != NULL)
                an__fail(an, ERR_DUPLICATE_ALIAS, location, "table reference \"%s\" is ambiguous", name);
            found = it;
        }
        if (found != NULL) {
            *ret_up = up;
            return found;
        }
    }
    return NULL;
}

NORETURN static void missing_table(struct an *an, const struct level *lv, const char *name, int location)
{
    for (; lv != NULL; lv = lv->outer) {
        for (uint16_t i = 0; i < lv->q->nrte; i++) {
            const struct rte *rte = lv->q->rte[i];
            const bool by_alias = strcmp(rte->name, name) == 0;
            const bool by_name = rte->kind == RTE_TABLE && strcmp(an->rel[rte->rel].def->name, name) == 0;
            if (!by_alias && !by_name)
                continue;
            diag_set(an->d, ERR_UNDEFINED_TABLE, "invalid reference to FROM-clause entry for table \"%s\"", name);
            if (by_alias)
                diag_hint(an->d, "There is an entry for table \"%s\", but it cannot be referenced from this part of the query.", name);
            else
                diag_hint(an->d, "Perhaps you meant to reference the table alias \"%s\".", rte->name);
            an__position(an, location);
            an__throw(an);
        }
    }
    an__fail(an, ERR_UNDEFINED_TABLE, location, "missing FROM-clause entry for table \"%s\"", name);
}

bool an__is_system_column(const char *name)
{
    static const char *const names[] = { "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

struct expr *an__column(struct an *an, struct level *lv, const struct ast_expr *a)
{
    const struct ast_names *n = &a->column.name;
    if (a->column.star)
        an__unsupported(an, a->location, "a whole row as a value");
    const char *name = n->v[n->n - 1];
    if (n->n == 1) {
        struct expr *e = unqualified(an, lv, name, a->location);
        uint16_t up;
        if (e != NULL)
            return e;
        if (an__is_system_column(name))
            an__unsupported(an, a->location, "a system column");
        if (find_table(an, lv, NULL, name, &up, a->location) != NULL)
            an__unsupported(an, a->location, "a whole row as a value");
        an__fail(an, ERR_UNDEFINED_COLUMN, a->location, "column \"%s\" does not exist", name);
    }
    if (n->n > 3)
        an__unsupported(an, a->location, "a database name before a schema");
    const char *table = n->v[n->n - 2];
    uint16_t up = 0;
    const struct ns_item *it = find_table(an, lv, n->n == 3 ? n->v[0] : NULL, table, &up, a->location);
    if (it == NULL)
        missing_table(an, lv, table, a->location);
    const int col = find_col(it, name);
    if (col < 0 && an__is_system_column(name))
        an__unsupported(an, a->location, "a system column");
    if (col < 0)
        an__fail(an, ERR_UNDEFINED_COLUMN, a->location, "column %s.%s does not exist", table, name);
    return use_column(an, it, col, up, a->location);
}

/* Where a result column comes from, for RowDescription. */
static void set_origin(struct an *an, const struct level *lv, struct target *t)
{
    if (t->expr->kind != EXPR_VAR || t->expr->var.up > 0)
        return;
    const struct rte *rte = lv->q->rte[t->expr->var.rte];
    if (rte->kind == RTE_TABLE) {
        t->table = an->rel[rte->rel].def->oid;
        t->attnum = t->expr->var.col;
    } else if (rte->kind == RTE_SUBQUERY) {
        const struct target *inner = &rte->query->target[t->expr->var.col - 1];
        t->table = inner->table;
        t->attnum = inner->attnum;
    }
}

static void add_item_columns(struct an *an, struct level *lv, const struct ns_item *it, uint16_t up, int location, struct target **v, uint32_t *n,
                             uint32_t *cap)
{
    for (uint16_t c = 0; c < it->ncols; c++) {
        if (it->col_name[c] == NULL)
            continue;
        AN_GROW(an, *v, *n, *cap);
        struct target *t = &(*v)[(*n)++];
        *t = (struct target){ .expr = use_column(an, it, c, up, location), .name = it->col_name[c] };
        set_origin(an, lv, t);
    }
}

void an__star(struct an *an, struct level *lv, const struct ast_expr *a, struct target **v, uint32_t *n, uint32_t *cap)
{
    const struct ast_names *names = &a->column.name;
    const uint32_t before = *n;
    if (names->n == 0) {
        for (uint32_t i = 0; i < lv->nns; i++)
            if (lv->ns[i].by_column)
                add_item_columns(an, lv, &lv->ns[i], 0, a->location, v, n, cap);
        if (*n == before && lv->nns == 0)
            an__fail(an, ERR_SYNTAX, a->location, "SELECT * with no tables specified is not valid");
        return;
    }
    uint16_t up = 0;
    const char *table = names->v[names->n - 1];
    const struct ns_item *it = find_table(an, lv, names->n == 2 ? names->v[0] : NULL, table, &up, a->location);
    if (it == NULL)
        missing_table(an, lv, table, a->location);
    add_item_columns(an, lv, it, up, a->location, v, n, cap);
}
