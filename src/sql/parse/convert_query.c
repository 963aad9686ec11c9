#include "sql/parse/convert.h"

/* ---- names and types ------------------------------------------------------ */

struct ast_names conv__names(struct conv *c, const List *l)
{
    struct ast_names r = { .n = (uint32_t)list_length(l) };
    r.v = CONV_ARRAY(c, const char *, r.n);
    for (uint32_t i = 0; i < r.n; i++) {
        const Node *n = list_nth(l, (int)i);
        r.v[i] = IsA(n, String) ? conv__str(c, ((const String *)n)->sval) : "*";
    }
    return r;
}

static void set_alias(struct conv *c, struct ast_range *r, const Alias *alias)
{
    if (alias == NULL)
        return;
    r->alias = conv__str(c, alias->aliasname);
    r->columns = conv__names(c, alias->colnames);
}

struct ast_range conv__range(struct conv *c, const RangeVar *rv)
{
    if (rv->catalogname != NULL)
        conv__unsupported(c, "a database name before a schema", rv->location);
    struct ast_range r = { .schema = conv__str(c, rv->schemaname), .name = conv__str(c, rv->relname), .location = rv->location };
    set_alias(c, &r, rv->alias);
    return r;
}

struct ast_range conv__qualified(struct conv *c, const List *names, int location)
{
    const struct ast_names n = conv__names(c, names);
    if (n.n > 2)
        conv__unsupported(c, "a database name before a schema", location);
    return (struct ast_range){ .schema = n.n == 2 ? n.v[0] : NULL, .name = n.v[n.n - 1], .location = location };
}

struct ast_type conv__type(struct conv *c, const TypeName *t)
{
    const struct ast_names n = conv__names(c, t->names);
    if (t->pct_type)
        conv__unsupported(c, "%TYPE", t->location);
    if (n.n < 1 || n.n > 2)
        conv__unsupported(c, "a type name with more than two parts", t->location);
    return (struct ast_type){
        .schema = n.n == 2 ? n.v[0] : NULL,
        .name = n.v[n.n - 1],
        .typmods = conv__exprs(c, t->typmods),
        .is_array = t->arrayBounds != NIL,
        .is_setof = t->setof,
        .location = t->location,
    };
}

/* ---- expressions ---------------------------------------------------------- */

static struct ast_expr *new_expr(struct conv *c, enum ast_expr_kind kind, int location)
{
    struct ast_expr *e = ARENA_NEW(c->arena, struct ast_expr);
    e->kind = kind;
    e->location = location;
    return e;
}

static struct ast_expr *unsupported_expr(struct conv *c, const char *what, int location)
{
    struct ast_expr *e = new_expr(c, AST_UNSUPPORTED, location);
    e->text = (struct str){ what, (uint32_t)strlen(what) };
    return e;
}

struct ast_exprs conv__exprs(struct conv *c, const List *l)
{
    struct ast_exprs r = { .n = (uint32_t)list_length(l) };
    r.v = CONV_ARRAY(c, struct ast_expr *, r.n);
    for (uint32_t i = 0; i < r.n; i++)
        r.v[i] = conv__expr(c, list_nth(l, (int)i));
    return r;
}

static struct ast_sorts convert_sorts(struct conv *c, const List *l)
{
    struct ast_sorts r = { .n = (uint32_t)list_length(l) };
    r.v = CONV_ARRAY(c, struct ast_sort, r.n);
    for (uint32_t i = 0; i < r.n; i++) {
        const SortBy *s = castNode(SortBy, list_nth(l, (int)i));
        r.v[i] = (struct ast_sort){
            .expr = conv__expr(c, s->node),
            .descending = s->sortby_dir == SORTBY_DESC,
            .nulls_given = s->sortby_nulls != SORTBY_NULLS_DEFAULT,
            .nulls_first = s->sortby_nulls == SORTBY_NULLS_FIRST,
            .using_operator = s->sortby_dir == SORTBY_USING,
            .location = s->location,
        };
    }
    return r;
}

static struct ast_expr *text_expr(struct conv *c, enum ast_expr_kind kind, const char *s, int location)
{
    struct ast_expr *e = new_expr(c, kind, location);
    e->text.len = (uint32_t)strlen(s);
    e->text.p = arena_strndup(c->arena, s, e->text.len);
    return e;
}

static struct ast_expr *convert_const(struct conv *c, const A_Const *k)
{
    if (k->isnull)
        return new_expr(c, AST_NULL, k->location);
    struct ast_expr *e;
    switch (nodeTag(&k->val.node)) {
    case T_Integer:
        e = new_expr(c, AST_INTEGER, k->location);
        e->integer = k->val.ival.ival;
        return e;
    case T_Float:
        return text_expr(c, AST_NUMBER, k->val.fval.fval, k->location);
    case T_Boolean:
        e = new_expr(c, AST_BOOLEAN, k->location);
        e->boolean = k->val.boolval.boolval;
        return e;
    case T_String:
        return text_expr(c, AST_STRING, k->val.sval.sval, k->location);
    default:
        return unsupported_expr(c, "a bit string", k->location);
    }
}

static struct ast_expr *convert_column(struct conv *c, const ColumnRef *r)
{
    struct ast_expr *e = new_expr(c, AST_COLUMN, r->location);
    const uint32_t n = (uint32_t)list_length(r->fields);
    e->column.star = IsA(llast(r->fields), A_Star);
    e->column.name = conv__names(c, r->fields);
    e->column.name.n = n - e->column.star;
    return e;
}

static const char *last_name(struct conv *c, const List *names, const char **ret_schema)
{
    const struct ast_names n = conv__names(c, names);
    *ret_schema = n.n > 1 ? n.v[n.n - 2] : NULL;
    return n.v[n.n - 1];
}

static struct ast_expr *convert_func(struct conv *c, const FuncCall *f)
{
    struct ast_expr *e = new_expr(c, AST_FUNC, f->location);
    e->func.name = last_name(c, f->funcname, &e->func.schema);
    e->func.args = conv__exprs(c, f->args);
    e->func.order = convert_sorts(c, f->agg_order);
    e->func.filter = conv__expr(c, f->agg_filter);
    e->func.star = f->agg_star;
    e->func.distinct = f->agg_distinct;
    e->func.variadic = f->func_variadic;
    e->func.within_group = f->agg_within_group;
    e->func.over = f->over != NULL;
    return e;
}

static struct ast_expr *convert_op(struct conv *c, const A_Expr *a)
{
    static const enum ast_expr_kind kinds[] = {
        [AEXPR_OP] = AST_OP,
        [AEXPR_OP_ANY] = AST_OP_ANY,
        [AEXPR_OP_ALL] = AST_OP_ANY,
        [AEXPR_DISTINCT] = AST_DISTINCT_FROM,
        [AEXPR_NOT_DISTINCT] = AST_DISTINCT_FROM,
        [AEXPR_NULLIF] = AST_NULLIF,
        [AEXPR_IN] = AST_IN,
        [AEXPR_LIKE] = AST_OP,
        [AEXPR_ILIKE] = AST_OP,
        [AEXPR_SIMILAR] = AST_OP,
        [AEXPR_BETWEEN] = AST_BETWEEN,
        [AEXPR_NOT_BETWEEN] = AST_BETWEEN,
        [AEXPR_BETWEEN_SYM] = AST_BETWEEN,
        [AEXPR_NOT_BETWEEN_SYM] = AST_BETWEEN,
    };
    struct ast_expr *e = new_expr(c, kinds[a->kind], a->location);
    e->op.name = last_name(c, a->name, &e->op.schema);
    e->op.left = conv__expr(c, a->lexpr);
    e->op.all = a->kind == AEXPR_OP_ALL;
    e->op.symmetric = a->kind == AEXPR_BETWEEN_SYM || a->kind == AEXPR_NOT_BETWEEN_SYM;
    e->op.negated = a->kind == AEXPR_NOT_DISTINCT || a->kind == AEXPR_NOT_BETWEEN || a->kind == AEXPR_NOT_BETWEEN_SYM
                    || (a->kind == AEXPR_IN && strcmp(e->op.name, "<>") == 0);
    if (e->kind == AST_IN || e->kind == AST_BETWEEN)
        e->op.list = conv__exprs(c, castNode(List, a->rexpr));
    else
        e->op.right = conv__expr(c, a->rexpr);
    return e;
}

static struct ast_expr *convert_bool(struct conv *c, const BoolExpr *b)
{
    if (b->boolop == NOT_EXPR) {
        struct ast_expr *e = new_expr(c, AST_NOT, b->location);
        e->arg = conv__expr(c, linitial(b->args));
        return e;
    }
    struct ast_expr *e = new_expr(c, b->boolop == AND_EXPR ? AST_AND : AST_OR, b->location);
    e->list = conv__exprs(c, b->args);
    return e;
}

static struct ast_expr *convert_case(struct conv *c, const CaseExpr *k)
{
    struct ast_expr *e = new_expr(c, AST_CASE, k->location);
    e->cases.arg = conv__expr(c, (const Node *)k->arg);
    e->cases.n = (uint32_t)list_length(k->args);
    e->cases.when = CONV_ARRAY(c, struct ast_expr *, e->cases.n);
    e->cases.then = CONV_ARRAY(c, struct ast_expr *, e->cases.n);
    e->cases.when_location = CONV_ARRAY(c, int, e->cases.n);
    for (uint32_t i = 0; i < e->cases.n; i++) {
        const CaseWhen *w = castNode(CaseWhen, list_nth(k->args, (int)i));
        e->cases.when[i] = conv__expr(c, (const Node *)w->expr);
        e->cases.when_location[i] = w->location;
        e->cases.then[i] = conv__expr(c, (const Node *)w->result);
    }
    e->cases.els = conv__expr(c, (const Node *)k->defresult);
    return e;
}

static struct ast_expr *convert_sublink(struct conv *c, const SubLink *s)
{
    static const enum ast_sublink kinds[] = {
        [EXISTS_SUBLINK] = AST_EXISTS, [ALL_SUBLINK] = AST_ALL,        [ANY_SUBLINK] = AST_ANY,
        [EXPR_SUBLINK] = AST_SCALAR,   [ARRAY_SUBLINK] = AST_ARRAY_OF,
    };
    if (s->subLinkType == MULTIEXPR_SUBLINK || s->subLinkType == ROWCOMPARE_SUBLINK || s->subLinkType == CTE_SUBLINK)
        return unsupported_expr(c, "a sub-query that gives several columns", s->location);
    if (!IsA(s->subselect, SelectStmt))
        return unsupported_expr(c, "this kind of sub-query", s->location);
    struct ast_expr *e = new_expr(c, AST_SUBLINK, s->location);
    const char *schema;
    e->sublink.kind = kinds[s->subLinkType];
    e->sublink.test = conv__expr(c, s->testexpr);
    e->sublink.op = s->operName != NIL ? last_name(c, s->operName, &schema) : NULL;
    e->sublink.select = conv__select(c, (const SelectStmt *)s->subselect);
    return e;
}

static struct ast_expr *convert_value_func(struct conv *c, const SQLValueFunction *f)
{
    static const char *const names[] = {
        [SVFOP_CURRENT_DATE] = "current_date",
        [SVFOP_CURRENT_TIME] = "current_time",
        [SVFOP_CURRENT_TIME_N] = "current_time",
        [SVFOP_CURRENT_TIMESTAMP] = "current_timestamp",
        [SVFOP_CURRENT_TIMESTAMP_N] = "current_timestamp",
        [SVFOP_LOCALTIME] = "localtime",
        [SVFOP_LOCALTIME_N] = "localtime",
        [SVFOP_LOCALTIMESTAMP] = "localtimestamp",
        [SVFOP_LOCALTIMESTAMP_N] = "localtimestamp",
        [SVFOP_CURRENT_ROLE] = "current_role",
        [SVFOP_CURRENT_USER] = "current_user",
        [SVFOP_USER] = "user",
        [SVFOP_SESSION_USER] = "session_user",
        [SVFOP_CURRENT_CATALOG] = "current_catalog",
        [SVFOP_CURRENT_SCHEMA] = "current_schema",
    };
    struct ast_expr *e = new_expr(c, AST_VALUE_FUNC, f->location);
    const bool has_precision = f->op == SVFOP_CURRENT_TIME_N || f->op == SVFOP_CURRENT_TIMESTAMP_N || f->op == SVFOP_LOCALTIME_N
                               || f->op == SVFOP_LOCALTIMESTAMP_N;
    e->value_func.name = names[f->op];
    e->value_func.precision = has_precision ? f->typmod : -1;
    return e;
}

static struct ast_expr *convert_param(struct conv *c, const ParamRef *p)
{
    if (p->number < 1 || p->number > SQL_LIST_MAX) {
        diag_set(c->d, ERR_UNDEFINED_PARAMETER, "there is no parameter $%d", p->number);
        diag_at(c->d, sql_position(c->text, c->len, p->location));
        conv__fail(c);
    }
    struct ast_expr *e = new_expr(c, AST_PARAM, p->location);
    e->param = p->number;
    c->nparams = MAX(c->nparams, (uint32_t)p->number);
    return e;
}

static struct ast_expr *list_expr(struct conv *c, enum ast_expr_kind kind, const List *l, int location)
{
    struct ast_expr *e = new_expr(c, kind, location);
    e->list = conv__exprs(c, l);
    return e;
}

static struct ast_expr *convert_node(struct conv *c, const Node *n)
{
    struct ast_expr *e;
    switch (nodeTag(n)) {
    case T_A_Const:
        return convert_const(c, (const A_Const *)n);
    case T_ColumnRef:
        return convert_column(c, (const ColumnRef *)n);
    case T_ParamRef:
        return convert_param(c, (const ParamRef *)n);
    case T_FuncCall:
        return convert_func(c, (const FuncCall *)n);
    case T_A_Expr:
        return convert_op(c, (const A_Expr *)n);
    case T_BoolExpr:
        return convert_bool(c, (const BoolExpr *)n);
    case T_CaseExpr:
        return convert_case(c, (const CaseExpr *)n);
    case T_SubLink:
        return convert_sublink(c, (const SubLink *)n);
    case T_SQLValueFunction:
        return convert_value_func(c, (const SQLValueFunction *)n);
    case T_CoalesceExpr:
        return list_expr(c, AST_COALESCE, ((const CoalesceExpr *)n)->args, ((const CoalesceExpr *)n)->location);
    case T_MinMaxExpr:
        return list_expr(c, ((const MinMaxExpr *)n)->op == IS_GREATEST ? AST_GREATEST : AST_LEAST, ((const MinMaxExpr *)n)->args,
                         ((const MinMaxExpr *)n)->location);
    case T_RowExpr:
        return list_expr(c, AST_ROW, ((const RowExpr *)n)->args, ((const RowExpr *)n)->location);
    case T_A_ArrayExpr:
        return list_expr(c, AST_ARRAY, ((const A_ArrayExpr *)n)->elements, ((const A_ArrayExpr *)n)->location);
    case T_TypeCast:
        e = new_expr(c, AST_CAST, ((const TypeCast *)n)->location);
        e->cast.arg = conv__expr(c, ((const TypeCast *)n)->arg);
        e->cast.type = conv__type(c, ((const TypeCast *)n)->typeName);
        return e;
    case T_CollateClause: {
        const char *schema;
        e = new_expr(c, AST_COLLATE, ((const CollateClause *)n)->location);
        e->test.arg = conv__expr(c, ((const CollateClause *)n)->arg);
        e->test.collation = last_name(c, ((const CollateClause *)n)->collname, &schema);
        return e;
    }
    case T_NullTest:
        e = new_expr(c, AST_IS_NULL, ((const NullTest *)n)->location);
        e->test.arg = conv__expr(c, (const Node *)((const NullTest *)n)->arg);
        e->test.negated = ((const NullTest *)n)->nulltesttype == IS_NOT_NULL;
        return e;
    case T_BooleanTest: {
        static const enum ast_bool_test tests[] = {
            [IS_TRUE] = AST_IS_TRUE,           [IS_NOT_TRUE] = AST_IS_NOT_TRUE, [IS_FALSE] = AST_IS_FALSE,
            [IS_NOT_FALSE] = AST_IS_NOT_FALSE, [IS_UNKNOWN] = AST_IS_UNKNOWN,   [IS_NOT_UNKNOWN] = AST_IS_NOT_UNKNOWN,
        };
        e = new_expr(c, AST_BOOL_TEST, ((const BooleanTest *)n)->location);
        e->test.arg = conv__expr(c, (const Node *)((const BooleanTest *)n)->arg);
        e->test.test = tests[((const BooleanTest *)n)->booltesttype];
        return e;
    }
    case T_SetToDefault:
        return new_expr(c, AST_DEFAULT, ((const SetToDefault *)n)->location);
    case T_A_Indirection:
        e = conv__expr(c, ((const A_Indirection *)n)->arg);
        return unsupported_expr(c, "a subscript or field selection", e->location);
    case T_NamedArgExpr:
        return unsupported_expr(c, "an argument by name", ((const NamedArgExpr *)n)->location);
    case T_GroupingFunc:
        return unsupported_expr(c, "GROUPING", ((const GroupingFunc *)n)->location);
    case T_GroupingSet:
        return unsupported_expr(c, "GROUPING SETS, ROLLUP or CUBE", ((const GroupingSet *)n)->location);
    case T_CurrentOfExpr:
        return unsupported_expr(c, "WHERE CURRENT OF", -1);
    case T_MultiAssignRef:
        return unsupported_expr(c, "assigning to several columns at once", -1);
    case T_XmlExpr:
    case T_XmlSerialize:
        return unsupported_expr(c, "XML", -1);
    default:
        return unsupported_expr(c, "this kind of expression", -1);
    }
}

struct ast_expr *conv__expr(struct conv *c, const Node *n)
{
    if (n == NULL)
        return NULL;
    conv__enter(c);
    struct ast_expr *e = convert_node(c, n);
    conv__leave(c);
    return e;
}

/* ---- queries --------------------------------------------------------------- */

/* libpg_query orders this one enumeration differently from PostgreSQL's header. */
enum { PARSER_LIMIT_DEFAULT, PARSER_LIMIT_COUNT, PARSER_LIMIT_WITH_TIES };


static struct ast_targets convert_targets(struct conv *c, const List *l)
{
    struct ast_targets r = { .n = (uint32_t)list_length(l) };
    r.v = CONV_ARRAY(c, struct ast_target, r.n);
    for (uint32_t i = 0; i < r.n; i++) {
        const ResTarget *t = castNode(ResTarget, list_nth(l, (int)i));
        r.v[i] = (struct ast_target){
            .name = conv__str(c, t->name),
            .expr = conv__expr(c, t->val),
            .indirection = t->indirection != NIL,
            .location = t->location,
        };
    }
    return r;
}

static struct ast_from *convert_from(struct conv *c, const Node *n);

static struct ast_from *convert_join(struct conv *c, const JoinExpr *j)
{
    static const enum ast_join types[] = {
        [JOIN_INNER] = AST_JOIN_INNER, [JOIN_LEFT] = AST_JOIN_LEFT, [JOIN_RIGHT] = AST_JOIN_RIGHT, [JOIN_FULL] = AST_JOIN_FULL
    };
    struct ast_from *f = ARENA_NEW(c->arena, struct ast_from);
    f->kind = AST_FROM_JOIN;
    f->location = -1;
    f->join = types[j->jointype];
    f->natural = j->isNatural;
    f->left = convert_from(c, j->larg);
    f->right = convert_from(c, j->rarg);
    f->using_columns = conv__names(c, j->usingClause);
    f->on = conv__expr(c, j->quals);
    if (j->join_using_alias != NULL)
        conv__unsupported(c, "an alias of JOIN USING", -1);
    set_alias(c, &f->range, j->alias);
    return f;
}

static struct ast_from *convert_range_func(struct conv *c, const RangeFunction *r)
{
    struct ast_from *f = ARENA_NEW(c->arena, struct ast_from);
    f->kind = AST_FROM_FUNC;
    const List *first = linitial(r->functions);
    f->func = conv__expr(c, linitial(first));
    f->location = f->func->location;
    if (list_length(r->functions) != 1 || r->is_rowsfrom)
        conv__unsupported(c, "ROWS FROM", f->location);
    if (r->coldeflist != NIL)
        conv__unsupported(c, "a column definition list", f->location);
    f->lateral = r->lateral;
    f->with_ordinality = r->ordinality;
    set_alias(c, &f->range, r->alias);
    return f;
}

static struct ast_from *convert_from_node(struct conv *c, const Node *n)
{
    struct ast_from *f;
    switch (nodeTag(n)) {
    case T_RangeVar:
        f = ARENA_NEW(c->arena, struct ast_from);
        f->kind = AST_FROM_TABLE;
        f->range = conv__range(c, (const RangeVar *)n);
        f->location = f->range.location;
        return f;
    case T_RangeSubselect:
        f = ARENA_NEW(c->arena, struct ast_from);
        f->kind = AST_FROM_SUBQUERY;
        f->lateral = ((const RangeSubselect *)n)->lateral;
        f->subquery = conv__select(c, castNode(SelectStmt, ((const RangeSubselect *)n)->subquery));
        f->location = f->subquery->location;
        set_alias(c, &f->range, ((const RangeSubselect *)n)->alias);
        return f;
    case T_RangeFunction:
        return convert_range_func(c, (const RangeFunction *)n);
    case T_JoinExpr:
        return convert_join(c, (const JoinExpr *)n);
    case T_RangeTableSample:
        conv__unsupported(c, "TABLESAMPLE", ((const RangeTableSample *)n)->location);
    default:
        conv__unsupported(c, "this item of FROM", -1);
    }
}

static struct ast_from *convert_from(struct conv *c, const Node *n)
{
    conv__enter(c);
    struct ast_from *f = convert_from_node(c, n);
    conv__leave(c);
    return f;
}

static struct ast_from **convert_from_list(struct conv *c, const List *l, uint32_t *ret_n)
{
    *ret_n = (uint32_t)list_length(l);
    struct ast_from **v = CONV_ARRAY(c, struct ast_from *, *ret_n);
    for (uint32_t i = 0; i < *ret_n; i++)
        v[i] = convert_from(c, list_nth(l, (int)i));
    return v;
}

static struct ast_with *convert_with(struct conv *c, const WithClause *w)
{
    if (w == NULL)
        return NULL;
    struct ast_with *r = ARENA_NEW(c->arena, struct ast_with);
    r->recursive = w->recursive;
    r->location = w->location;
    r->n = (uint32_t)list_length(w->ctes);
    r->v = CONV_ARRAY(c, struct ast_cte, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        const CommonTableExpr *cte = castNode(CommonTableExpr, list_nth(w->ctes, (int)i));
        if (cte->search_clause != NULL || cte->cycle_clause != NULL)
            conv__unsupported(c, "SEARCH or CYCLE in WITH", cte->location);
        r->v[i] = (struct ast_cte){
            .name = conv__str(c, cte->ctename),
            .columns = conv__names(c, cte->aliascolnames),
            .stmt = conv__substmt(c, cte->ctequery),
            .location = cte->location,
        };
    }
    return r;
}

static void convert_locking(struct conv *c, const List *l, struct ast_select *s)
{
    static const char *const strengths[] = {
        [LCS_NONE] = "",
        [LCS_FORKEYSHARE] = "KEY SHARE",
        [LCS_FORSHARE] = "SHARE",
        [LCS_FORNOKEYUPDATE] = "NO KEY UPDATE",
        [LCS_FORUPDATE] = "UPDATE",
    };
    s->nlocking = (uint32_t)list_length(l);
    s->locking = CONV_ARRAY(c, struct ast_locking, s->nlocking);
    for (uint32_t i = 0; i < s->nlocking; i++) {
        const LockingClause *lc = castNode(LockingClause, list_nth(l, (int)i));
        struct ast_locking *k = &s->locking[i];
        *k = (struct ast_locking){
            .share = lc->strength == LCS_FORSHARE || lc->strength == LCS_FORKEYSHARE,
            .strength = strengths[lc->strength],
            .nowait = lc->waitPolicy == LockWaitError,
            .skip_locked = lc->waitPolicy == LockWaitSkip,
            .n = (uint32_t)list_length(lc->lockedRels),
        };
        k->tables = CONV_ARRAY(c, struct ast_range, k->n);
        for (uint32_t j = 0; j < k->n; j++)
            k->tables[j] = conv__range(c, castNode(RangeVar, list_nth(lc->lockedRels, (int)j)));
    }
}

static void convert_plain_select(struct conv *c, const SelectStmt *s, struct ast_select *r)
{
    r->nvalues = (uint32_t)list_length(s->valuesLists);
    r->values = CONV_ARRAY(c, struct ast_exprs, r->nvalues);
    for (uint32_t i = 0; i < r->nvalues; i++)
        r->values[i] = conv__exprs(c, castNode(List, list_nth(s->valuesLists, (int)i)));
    r->targets = convert_targets(c, s->targetList);
    r->distinct = s->distinctClause != NIL;
    if (r->distinct && linitial(s->distinctClause) != NULL)
        r->distinct_on = conv__exprs(c, s->distinctClause);
    r->from = convert_from_list(c, s->fromClause, &r->nfrom);
    r->where = conv__expr(c, s->whereClause);
    r->group_by = conv__exprs(c, s->groupClause);
    if (s->groupDistinct)
        conv__unsupported(c, "GROUP BY DISTINCT", -1);
    r->having = conv__expr(c, s->havingClause);
    r->has_window = s->windowClause != NIL;
    r->into = s->intoClause != NULL;
}

/* The grammar gives no location of a query as a whole: that of its first part serves. */
static int select_location(const struct ast_select *s)
{
    if (s->setop != AST_SETOP_NONE)
        return select_location(s->left);
    if (s->targets.n > 0)
        return s->targets.v[0].location;
    if (s->nvalues > 0 && s->values[0].n > 0)
        return s->values[0].v[0]->location;
    return -1;
}

struct ast_select *conv__select(struct conv *c, const SelectStmt *s)
{
    static const enum ast_setop ops[] = {
        [SETOP_NONE] = AST_SETOP_NONE, [SETOP_UNION] = AST_UNION, [SETOP_INTERSECT] = AST_INTERSECT, [SETOP_EXCEPT] = AST_EXCEPT
    };
    conv__enter(c);
    struct ast_select *r = ARENA_NEW(c->arena, struct ast_select);
    r->with = convert_with(c, s->withClause);
    r->setop = ops[s->op];
    r->all = s->all;
    if (r->setop != AST_SETOP_NONE) {
        r->left = conv__select(c, s->larg);
        r->right = conv__select(c, s->rarg);
    } else {
        convert_plain_select(c, s, r);
    }
    r->order = convert_sorts(c, s->sortClause);
    r->limit = conv__expr(c, s->limitCount);
    r->offset = conv__expr(c, s->limitOffset);
    r->with_ties = (int)s->limitOption == PARSER_LIMIT_WITH_TIES;
    convert_locking(c, s->lockingClause, r);
    r->location = select_location(r);
    conv__leave(c);
    return r;
}

static struct ast_insert *convert_insert(struct conv *c, const InsertStmt *s)
{
    struct ast_insert *r = ARENA_NEW(c->arena, struct ast_insert);
    r->with = convert_with(c, s->withClause);
    r->table = conv__range(c, s->relation);
    r->columns = convert_targets(c, s->cols);
    if (s->selectStmt != NULL)
        r->select = conv__select(c, castNode(SelectStmt, s->selectStmt));
    r->returning = convert_targets(c, s->returningList);
    r->on_conflict = s->onConflictClause != NULL;
    r->on_conflict_location = r->on_conflict ? s->onConflictClause->location : -1;
    r->overriding = s->override != OVERRIDING_NOT_SET;
    return r;
}

static struct ast_update *convert_update(struct conv *c, const UpdateStmt *s)
{
    struct ast_update *r = ARENA_NEW(c->arena, struct ast_update);
    r->with = convert_with(c, s->withClause);
    r->table = conv__range(c, s->relation);
    r->set = convert_targets(c, s->targetList);
    r->from = convert_from_list(c, s->fromClause, &r->nfrom);
    r->where = conv__expr(c, s->whereClause);
    r->returning = convert_targets(c, s->returningList);
    return r;
}

static struct ast_delete *convert_delete(struct conv *c, const DeleteStmt *s)
{
    struct ast_delete *r = ARENA_NEW(c->arena, struct ast_delete);
    r->with = convert_with(c, s->withClause);
    r->table = conv__range(c, s->relation);
    r->from = convert_from_list(c, s->usingClause, &r->nfrom);
    r->where = conv__expr(c, s->whereClause);
    r->returning = convert_targets(c, s->returningList);
    return r;
}

bool conv__query(struct conv *c, const Node *n, struct ast_stmt *ret)
{
    switch (nodeTag(n)) {
    case T_SelectStmt:
        ret->kind = AST_SELECT;
        ret->tag = "SELECT";
        ret->select = conv__select(c, (const SelectStmt *)n);
        return true;
    case T_InsertStmt:
        ret->kind = AST_INSERT;
        ret->tag = "INSERT";
        ret->insert = convert_insert(c, (const InsertStmt *)n);
        return true;
    case T_UpdateStmt:
        ret->kind = AST_UPDATE;
        ret->tag = "UPDATE";
        ret->update = convert_update(c, (const UpdateStmt *)n);
        return true;
    case T_DeleteStmt:
        ret->kind = AST_DELETE;
        ret->tag = "DELETE";
        ret->delete = convert_delete(c, (const DeleteStmt *)n);
        return true;
    default:
        return false;
    }
}

void conv__stmt(struct conv *c, const Node *n, struct ast_stmt *ret)
{
    conv__enter(c);
    if (!conv__query(c, n, ret))
        conv__utility(c, n, ret);
    conv__leave(c);
}

struct ast_stmt *conv__substmt(struct conv *c, const Node *n)
{
    struct ast_stmt *s = ARENA_NEW(c->arena, struct ast_stmt);
    conv__stmt(c, n, s);
    s->location = -1;
    return s;
}
