#include "sql/analyse/analyse.h"
#include "sql/plan/planner.h"

#include <math.h>

/* EXPLAIN's text, in PostgreSQL's words and layout. Projections are not shown: PostgreSQL's nodes project by themselves. */

struct explain {
    const struct plan *p;
    const struct explain_options *opt;
    void (*line)(void *arg, const char *text, size_t len);
    void *arg;
    struct buf b;
    bool qualify; /* several tables, or VERBOSE: columns are shown with their table */
};

/* What the columns of an expression are: 0 and 1 as plan.h says. A look-up join's right side has no node. */
struct naming {
    struct explain *x;
    const struct plan_node *in[2];
    const struct plan_node *lookup;
};

/* ---- names ---------------------------------------------------------------------------- */

static void put_identifier(struct buf *b, const char *s)
{
    bool plain = (*s >= 'a' && *s <= 'z') || *s == '_';
    for (const char *c = s; *c != 0; c++)
        plain = plain && ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_' || (uint8_t)*c >= 0x80);
    if (plain) {
        buf_put_str(b, s);
        return;
    }
    buf_put_u8(b, '"');
    for (; *s != 0; s++) {
        if (*s == '"')
            buf_put_u8(b, '"');
        buf_put_u8(b, (uint8_t)*s);
    }
    buf_put_u8(b, '"');
}

static void put_attribute(struct explain *x, uint16_t rel, const char *alias, int16_t attnum, struct buf *b)
{
    const struct table_def *t = x->p->rel[rel].def;
    if (x->qualify) {
        put_identifier(b, alias);
        buf_put_u8(b, '.');
    }
    put_identifier(b, attnum == VAR_ROWID ? "ctid" : t->col[attnum - 1].name);
}

static void put_expr(const struct naming *n, const struct expr *e, struct buf *b);
static void put_column(struct explain *x, const struct plan_node *n, uint16_t col, struct buf *b);

static void put_agg_column(struct explain *x, const struct plan_node *n, uint16_t col, struct buf *b)
{
    const struct naming below = { .x = x, .in = { n->left } };
    if (col < n->agg.ngroup) {
        put_expr(&below, n->agg.group[col], b);
        return;
    }
    const struct expr e = { .kind = EXPR_AGG, .agg = n->agg.agg[col - n->agg.ngroup] };
    put_expr(&below, &e, b);
}

static void put_column(struct explain *x, const struct plan_node *n, uint16_t col, struct buf *b)
{
    switch (n->kind) {
    case NODE_SEQ_SCAN:
    case NODE_INDEX_SCAN:
        put_attribute(x, n->scan.rel, n->scan.name, n->scan.attnum[col], b);
        break;
    case NODE_PROJECT: {
        const struct naming below = { .x = x, .in = { n->left } };
        put_expr(&below, n->project.expr[col], b);
        break;
    }
    case NODE_NEST_LOOP:
    case NODE_HASH_JOIN:
    case NODE_LOOKUP_JOIN: {
        const struct plan_col_ref r = n->join.out[col];
        if (r.input == 1 && n->kind == NODE_LOOKUP_JOIN)
            put_attribute(x, n->join.rel, n->join.name, n->join.attnum[r.col], b);
        else
            put_column(x, r.input == 0 ? n->left : n->right, r.col, b);
        break;
    }
    case NODE_AGG:
        put_agg_column(x, n, col, b);
        break;
    case NODE_APPEND:
        put_column(x, n->append.child[0], col, b);
        break;
    case NODE_VALUES:
        if (n->values.nrows == 1) { /* shown as a Result */
            const struct naming none = { .x = x };
            put_expr(&none, n->values.row[0][col], b);
        } else {
            buf_printf(b, "\"*VALUES*\".column%u", col + 1);
        }
        break;
    case NODE_FUNC_SCAN:
        put_identifier(b, n->func.name);
        break;
    case NODE_RESULT: {
        const struct naming none = { .x = x };
        put_expr(&none, n->project.expr[col], b);
        break;
    }
    case NODE_FILTER:
    case NODE_SORT:
    case NODE_UNIQUE:
    case NODE_LIMIT:
    case NODE_LOCK_ROWS:
        put_column(x, n->left, col, b);
        break;
    case NODE_SOURCE:
    case NODE_INSERT:
    case NODE_UPDATE:
    case NODE_DELETE:
        buf_printf(b, "column%u", col + 1);
        break;
    }
}

static void name_column(void *arg, const struct expr *e, struct buf *b)
{
    const struct naming *n = arg;
    if (e->col.input == 1 && n->lookup != NULL)
        put_attribute(n->x, n->lookup->join.rel, n->lookup->join.name, n->lookup->join.attnum[e->col.col], b);
    else if (n->in[e->col.input] != NULL)
        put_column(n->x, n->in[e->col.input], e->col.col, b);
    else
        buf_printf(b, "column%u", e->col.col + 1);
}

static void put_expr(const struct naming *n, const struct expr *e, struct buf *b)
{
    const struct deparse how = { .arg = (void *)n, .name = name_column };
    expr_deparse(e, &how, b);
}

/* ---- lines ------------------------------------------------------------------------------- */

static void begin(struct explain *x, int indent)
{
    buf_reset(&x->b);
    for (int i = 0; i < indent; i++)
        buf_put_str(&x->b, "  ");
}

static void end(struct explain *x)
{
    x->line(x->arg, (const char *)x->b.p, x->b.len);
}

static void property(struct explain *x, int indent, const char *name, const struct naming *n, const struct expr *e)
{
    if (e == NULL)
        return;
    begin(x, indent);
    buf_printf(&x->b, "%s: ", name);
    put_expr(n, e, &x->b);
    end(x);
}

static void list_property(struct explain *x, int indent, const char *name, const struct naming *n, const struct expr_list *l)
{
    if (l->n == 0)
        return;
    begin(x, indent);
    buf_printf(&x->b, "%s: %s", name, l->n > 1 ? "(" : "");
    for (uint32_t i = 0; i < l->n; i++) {
        buf_put_str(&x->b, i > 0 ? " AND " : "");
        put_expr(n, l->v[i], &x->b);
    }
    buf_put_str(&x->b, l->n > 1 ? ")" : "");
    end(x);
}

static void put_numbers(struct explain *x, const struct plan_node *n)
{
    const struct plan_actual *a = x->opt->actual != NULL ? &x->opt->actual[n->id] : NULL;
    if (x->opt->costs)
        buf_printf(&x->b, "  (cost=%.2f..%.2f rows=%.0f width=%u)", n->startup_cost, n->total_cost, n->rows, n->width);
    if (a == NULL)
        return;
    if (a->loops == 0) {
        buf_put_str(&x->b, " (never executed)");
        return;
    }
    const double loops = (double)a->loops;
    if (x->opt->timing)
        buf_printf(&x->b, " (actual time=%.3f..%.3f rows=%.0f loops=%.0f)", a->startup_ms / loops, a->total_ms / loops, rint((double)a->rows / loops), loops);
    else
        buf_printf(&x->b, " (actual rows=%.0f loops=%.0f)", rint((double)a->rows / loops), loops);
}

static void put_relation(struct explain *x, uint16_t rel, const char *alias)
{
    const char *name = x->p->rel[rel].def->name;
    if (x->opt->verbose) {
        put_identifier(&x->b, x->p->rel[rel].def->schema_name);
        buf_put_u8(&x->b, '.');
    }
    put_identifier(&x->b, name);
    if (alias != NULL && strcmp(alias, name) != 0) {
        buf_put_u8(&x->b, ' ');
        put_identifier(&x->b, alias);
    }
}

static bool sees_no_column(void *arg, const struct expr *e)
{
    return e->kind != EXPR_COL && e->kind != EXPR_SUBPLAN && expr_children(e, sees_no_column, arg);
}

static const char *join_word(enum join_type t)
{
    switch (t) {
    case JOIN_LEFT:
        return " Left Join";
    case JOIN_RIGHT:
        return " Right Join";
    case JOIN_FULL:
        return " Full Join";
    case JOIN_SEMI:
        return " Semi Join";
    case JOIN_ANTI:
        return " Anti Join";
    case JOIN_INNER:
        break;
    }
    return "";
}

static void put_head(struct explain *x, const struct plan_node *n)
{
    static const char *const words[] = {
        [NODE_RESULT] = "Result",       [NODE_SOURCE] = "Copy",     [NODE_SEQ_SCAN] = "Seq Scan on ",
        [NODE_NEST_LOOP] = "Nested Loop", [NODE_LOOKUP_JOIN] = "Nested Loop", [NODE_SORT] = "Sort",   [NODE_UNIQUE] = "Unique",
        [NODE_LIMIT] = "Limit",         [NODE_APPEND] = "Append",   [NODE_LOCK_ROWS] = "LockRows",    [NODE_INSERT] = "Insert on ",
        [NODE_UPDATE] = "Update on ",   [NODE_DELETE] = "Delete on ",
    };
    static const char *const aggs[] = { [AGG_PLAIN] = "Aggregate", [AGG_HASH] = "HashAggregate", [AGG_SORTED] = "GroupAggregate" };
    struct buf *b = &x->b;
    switch (n->kind) {
    case NODE_VALUES:
        buf_put_str(b, n->values.nrows == 1 ? "Result" : "Values Scan on \"*VALUES*\"");
        break;
    case NODE_FUNC_SCAN:
        buf_put_str(b, "Function Scan on generate_series");
        if (strcmp(n->func.name, "generate_series") != 0) {
            buf_put_u8(b, ' ');
            put_identifier(b, n->func.name);
        }
        break;
    case NODE_INDEX_SCAN:
        buf_printf(b, "Index Scan%s using ", n->scan.backward ? " Backward" : "");
        put_identifier(b, x->p->rel[n->scan.rel].def->index[n->scan.key.index].name);
        buf_put_str(b, " on ");
        put_relation(x, n->scan.rel, n->scan.name);
        break;
    case NODE_HASH_JOIN:
        buf_put_str(b, n->join.type == JOIN_INNER ? "Hash Join" : "Hash");
        buf_put_str(b, join_word(n->join.type));
        break;
    case NODE_AGG:
        buf_put_str(b, aggs[n->agg.strategy]);
        break;
    case NODE_FILTER:
        buf_put_str(b, sees_no_column(NULL, n->filter) ? "Result" : "Subquery Scan");
        break;
    default:
        buf_put_str(b, words[n->kind]);
        if (n->kind == NODE_SEQ_SCAN)
            put_relation(x, n->scan.rel, n->scan.name);
        else if (n->kind == NODE_INSERT || n->kind == NODE_UPDATE || n->kind == NODE_DELETE)
            put_relation(x, n->modify.target.rel, NULL);
        else if (n->kind == NODE_NEST_LOOP || n->kind == NODE_LOOKUP_JOIN)
            buf_put_str(b, join_word(n->join.type));
        break;
    }
}

/* ---- properties of nodes ---------------------------------------------------------------------- */

static void hash_condition(struct explain *x, int indent, const struct plan_node *n)
{
    const struct naming l = { .x = x, .in = { n->left } }, r = { .x = x, .in = { n->right } };
    begin(x, indent);
    buf_printf(&x->b, "Hash Cond: %s", n->join.nkeys > 1 ? "(" : "");
    for (uint16_t i = 0; i < n->join.nkeys; i++) {
        buf_put_str(&x->b, i > 0 ? " AND (" : "(");
        put_expr(&l, n->join.left_key[i], &x->b);
        buf_put_str(&x->b, " = ");
        put_expr(&r, n->join.right_key[i], &x->b);
        buf_put_u8(&x->b, ')');
    }
    buf_put_str(&x->b, n->join.nkeys > 1 ? ")" : "");
    end(x);
}

static void group_key(struct explain *x, int indent, const struct plan_node *n)
{
    if (n->agg.ngroup == 0)
        return;
    begin(x, indent);
    buf_put_str(&x->b, "Group Key: ");
    for (uint16_t i = 0; i < n->agg.ngroup; i++) {
        buf_put_str(&x->b, i > 0 ? ", " : "");
        put_agg_column(x, n, i, &x->b);
    }
    end(x);
}

static void sort_key(struct explain *x, int indent, const struct plan_node *n)
{
    begin(x, indent);
    buf_put_str(&x->b, "Sort Key: ");
    for (uint16_t i = 0; i < n->sort.nkeys; i++) {
        const struct sort_key *k = &n->sort.key[i];
        buf_put_str(&x->b, i > 0 ? ", " : "");
        put_column(x, n->left, k->col, &x->b);
        buf_put_str(&x->b, k->descending ? " DESC" : "");
        if (k->nulls_first != k->descending)
            buf_put_str(&x->b, k->nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
    end(x);
}

/* VERBOSE: what a node gives, the projections above it included. */
static void output(struct explain *x, int indent, const struct plan_node *n)
{
    const bool qualify = x->qualify;
    if (!x->opt->verbose || n->ncols == 0 || n->kind == NODE_INSERT || n->kind == NODE_UPDATE || n->kind == NODE_DELETE)
        return;
    x->qualify = x->p->nrels > 1;
    begin(x, indent);
    buf_put_str(&x->b, "Output: ");
    for (uint16_t i = 0; i < n->ncols; i++) {
        buf_put_str(&x->b, i > 0 ? ", " : "");
        put_column(x, n, i, &x->b);
    }
    end(x);
    x->qualify = qualify;
}

static void properties(struct explain *x, int indent, const struct plan_node *n)
{
    const struct naming self = { .x = x, .in = { n } }, child = { .x = x, .in = { n->left } };
    const struct naming sides = { .x = x, .in = { n->left, n->right }, .lookup = n->kind == NODE_LOOKUP_JOIN ? n : NULL };
    switch (n->kind) {
    case NODE_INDEX_SCAN:
        list_property(x, indent, "Index Cond", &self, &n->scan.key.cond);
        property(x, indent, "Filter", &self, n->filter);
        break;
    case NODE_SEQ_SCAN:
    case NODE_AGG:
        if (n->kind == NODE_AGG)
            group_key(x, indent, n);
        property(x, indent, "Filter", &self, n->filter);
        break;
    case NODE_FILTER:
        property(x, indent, sees_no_column(NULL, n->filter) ? "One-Time Filter" : "Filter", &child, n->filter);
        break;
    case NODE_RESULT:
        property(x, indent, "One-Time Filter", &self, n->filter);
        break;
    case NODE_HASH_JOIN:
        hash_condition(x, indent, n);
        property(x, indent, "Join Filter", &sides, n->join.on);
        property(x, indent, "Filter", &sides, n->filter);
        break;
    case NODE_NEST_LOOP:
        property(x, indent, "Join Filter", &sides, n->join.on);
        property(x, indent, "Filter", &sides, n->filter);
        break;
    case NODE_LOOKUP_JOIN:
        property(x, indent, "Filter", &sides, n->filter);
        break;
    case NODE_SORT:
        sort_key(x, indent, n);
        break;
    default:
        break;
    }
}

/* ---- the tree -------------------------------------------------------------------------------------- */

static void arrow(struct explain *x, int indent)
{
    begin(x, indent);
    if (indent > 0)
        buf_put_str(&x->b, "->  ");
}

static void node(struct explain *x, int indent, const struct plan_node *n);

/* The table that a look-up join looks rows up in, shown as the scan that it is. */
static void lookup_side(struct explain *x, int indent, const struct plan_node *n)
{
    const struct naming sides = { .x = x, .in = { n->left }, .lookup = n };
    arrow(x, indent);
    buf_put_str(&x->b, "Index Scan using ");
    put_identifier(&x->b, x->p->rel[n->join.rel].def->index[n->join.key.index].name);
    buf_put_str(&x->b, " on ");
    put_relation(x, n->join.rel, n->join.name);
    end(x);
    list_property(x, indent + 3, "Index Cond", &sides, &n->join.key.cond);
    property(x, indent + 3, "Filter", &sides, n->join.on);
}

static void hash_side(struct explain *x, int indent, const struct plan_node *n)
{
    arrow(x, indent);
    buf_put_str(&x->b, "Hash");
    if (x->opt->costs)
        buf_printf(&x->b, "  (cost=%.2f..%.2f rows=%.0f width=%u)", n->total_cost, n->total_cost, n->rows, n->width);
    end(x);
    node(x, indent + 3, n);
}

static void node(struct explain *x, int indent, const struct plan_node *n)
{
    const struct plan_node *projected = n;
    while (n->kind == NODE_PROJECT)
        n = n->left;
    arrow(x, indent);
    put_head(x, n);
    put_numbers(x, n);
    end(x);
    const int inner = indent > 0 ? indent + 3 : 1;
    output(x, inner, projected);
    properties(x, inner, n);
    if (n->left != NULL)
        node(x, inner, n->left);
    if (n->kind == NODE_HASH_JOIN)
        hash_side(x, inner, n->right);
    else if (n->right != NULL)
        node(x, inner, n->right);
    if (n->kind == NODE_LOOKUP_JOIN)
        lookup_side(x, inner, n);
    for (uint16_t i = 0; n->kind == NODE_APPEND && i < n->append.n; i++)
        node(x, inner, n->append.child[i]);
}

void plan_explain(const struct plan *p, const struct explain_options *opt, void (*line)(void *arg, const char *text, size_t len), void *arg)
{
    struct explain x = { .p = p, .opt = opt, .line = line, .arg = arg, .qualify = p->nrels > 1 || opt->verbose };
    buf_init(&x.b);
    node(&x, 0, p->root);
    for (uint16_t i = 0; i < p->nsubplans; i++) {
        begin(&x, 1);
        buf_printf(&x.b, "SubPlan %u", i + 1);
        end(&x);
        node(&x, 2, p->subplan[i].root);
    }
    buf_fini(&x.b);
}
