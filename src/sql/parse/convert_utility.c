#include "sql/parse/convert.h"

#include <limits.h>

/* ---- options: "name = value" ------------------------------------------------ */

static void option_number(struct conv *c, struct ast_option *o, int64_t v)
{
    o->is_integer = true;
    o->integer = v;
    o->value = arena_printf(c->arena, "%" PRId64, v);
}

static void option_value(struct conv *c, struct ast_option *o, const Node *n)
{
    if (n == NULL)
        return;
    switch (nodeTag(n)) {
    case T_Integer:
        option_number(c, o, ((const Integer *)n)->ival);
        break;
    case T_Float:
        o->value = conv__str(c, ((const Float *)n)->fval);
        break;
    case T_Boolean:
        o->value = ((const Boolean *)n)->boolval ? "true" : "false";
        break;
    case T_String:
        o->value = conv__str(c, ((const String *)n)->sval);
        break;
    case T_A_Const: {
        const A_Const *k = (const A_Const *)n;
        if (k->isnull)
            conv__unsupported(c, "NULL as an option's value", k->location);
        o->location = k->location;
        option_value(c, o, &k->val.node);
        break;
    }
    case T_TypeName: {
        const struct ast_type t = conv__type(c, (const TypeName *)n);
        o->value = t.name;
        break;
    }
    case T_A_Star:
        o->star = o->has_list = true;
        break;
    case T_List:
        o->has_list = true;
        o->list = conv__names(c, (const List *)n);
        break;
    default:
        conv__unsupported(c, "this kind of option value", o->location);
    }
}

static struct ast_options convert_options(struct conv *c, const List *l)
{
    struct ast_options r = { .n = (uint32_t)list_length(l) };
    r.v = CONV_ARRAY(c, struct ast_option, r.n);
    for (uint32_t i = 0; i < r.n; i++) {
        const DefElem *e = castNode(DefElem, list_nth(l, (int)i));
        r.v[i].name = e->defnamespace != NULL ? arena_printf(c->arena, "%s.%s", e->defnamespace, e->defname) : conv__str(c, e->defname);
        r.v[i].location = e->location;
        option_value(c, &r.v[i], e->arg);
    }
    return r;
}

static struct ast_range *convert_ranges(struct conv *c, const List *l, uint32_t *ret_n)
{
    *ret_n = (uint32_t)list_length(l);
    struct ast_range *v = CONV_ARRAY(c, struct ast_range, *ret_n);
    for (uint32_t i = 0; i < *ret_n; i++)
        v[i] = conv__range(c, castNode(RangeVar, list_nth(l, (int)i)));
    return v;
}

/* ---- tables ------------------------------------------------------------------ */

static void convert_constraint(struct conv *c, const Constraint *k, struct ast_constraint *r)
{
    *r = (struct ast_constraint){
        .name = conv__str(c, k->conname),
        .expr = conv__expr(c, k->raw_expr),
        .keys = conv__names(c, k->keys),
        .using_index = conv__str(c, k->indexname),
        .with = convert_options(c, k->options),
        .deferrable = k->deferrable || k->initdeferred,
        .not_valid = (k->contype == CONSTR_CHECK || k->contype == CONSTR_FOREIGN) && k->skip_validation,
        .location = k->location,
    };
    switch (k->contype) {
    case CONSTR_NULL:
        r->kind = AST_CONSTR_NULL;
        break;
    case CONSTR_NOTNULL:
        r->kind = AST_CONSTR_NOT_NULL;
        break;
    case CONSTR_DEFAULT:
        r->kind = AST_CONSTR_DEFAULT;
        break;
    case CONSTR_CHECK:
        r->kind = AST_CONSTR_CHECK;
        break;
    case CONSTR_PRIMARY:
        r->kind = AST_CONSTR_PRIMARY;
        break;
    case CONSTR_UNIQUE:
        r->kind = AST_CONSTR_UNIQUE;
        break;
    case CONSTR_FOREIGN:
        r->kind = AST_CONSTR_FOREIGN;
        r->ref = conv__range(c, k->pktable);
        r->ref_keys = conv__names(c, k->pk_attrs);
        r->keys = conv__names(c, k->fk_attrs);
        break;
    case CONSTR_IDENTITY:
        r->kind = AST_CONSTR_OTHER;
        r->what = "GENERATED AS IDENTITY";
        break;
    case CONSTR_GENERATED:
        r->kind = AST_CONSTR_OTHER;
        r->what = "a generated column";
        break;
    case CONSTR_EXCLUSION:
        r->kind = AST_CONSTR_OTHER;
        r->what = "an exclusion constraint";
        break;
    case CONSTR_ATTR_DEFERRABLE:
    case CONSTR_ATTR_DEFERRED:
        r->kind = AST_CONSTR_OTHER;
        r->what = "a deferrable constraint";
        break;
    case CONSTR_ATTR_NOT_DEFERRABLE:
    case CONSTR_ATTR_IMMEDIATE:
        r->kind = AST_CONSTR_NULL; /* what constraints are anyway */
        break;
    }
    if (k->including != NIL)
        conv__unsupported(c, "INCLUDE in a constraint", k->location);
    if (k->nulls_not_distinct)
        conv__unsupported(c, "NULLS NOT DISTINCT", k->location);
}

static struct ast_constraints convert_constraints(struct conv *c, const List *l)
{
    struct ast_constraints r = { .n = (uint32_t)list_length(l) };
    r.v = CONV_ARRAY(c, struct ast_constraint, r.n);
    for (uint32_t i = 0; i < r.n; i++)
        convert_constraint(c, castNode(Constraint, list_nth(l, (int)i)), &r.v[i]);
    return r;
}

static void convert_column_def(struct conv *c, const ColumnDef *d, struct ast_column_def *r)
{
    *r = (struct ast_column_def){
        .name = conv__str(c, d->colname),
        .constraints = convert_constraints(c, d->constraints),
        .unsupported_storage = d->compression != NULL || d->fdwoptions != NIL,
        .location = d->location,
    };
    if (d->typeName == NULL)
        conv__unsupported(c, "a column without a type", d->location);
    r->type = conv__type(c, d->typeName);
    if (d->collClause != NULL)
        r->collation = conv__names(c, d->collClause->collname).v[list_length(d->collClause->collname) - 1];
}

static const char *create_unsupported(const CreateStmt *s)
{
    if (s->inhRelations != NIL && s->partbound == NULL)
        return "INHERITS";
    if (s->partbound != NULL)
        return "PARTITION OF";
    if (s->partspec != NULL)
        return "PARTITION BY";
    if (s->ofTypename != NULL)
        return "a typed table";
    if (s->oncommit != ONCOMMIT_NOOP)
        return "ON COMMIT";
    return NULL;
}

static struct ast_create_table *convert_create(struct conv *c, const CreateStmt *s)
{
    struct ast_create_table *r = ARENA_NEW(c->arena, struct ast_create_table);
    r->table = conv__range(c, s->relation);
    r->if_not_exists = s->if_not_exists;
    r->temporary = s->relation->relpersistence == 't';
    r->unlogged = s->relation->relpersistence == 'u';
    r->with = convert_options(c, s->options);
    r->unsupported = create_unsupported(s);
    r->tablespace = conv__str(c, s->tablespacename);
    r->access_method = conv__str(c, s->accessMethod);
    const int n = list_length(s->tableElts);
    r->cols = CONV_ARRAY(c, struct ast_column_def, n);
    r->constraints.v = CONV_ARRAY(c, struct ast_constraint, n);
    for (int i = 0; i < n; i++) {
        const Node *e = list_nth(s->tableElts, i);
        if (IsA(e, ColumnDef))
            convert_column_def(c, (const ColumnDef *)e, &r->cols[r->ncols++]);
        else if (IsA(e, Constraint))
            convert_constraint(c, (const Constraint *)e, &r->constraints.v[r->constraints.n++]);
        else
            r->unsupported = "LIKE";
    }
    return r;
}

static const char *alter_name(AlterTableType t)
{
    switch (t) {
    case AT_DropColumn:
        return "ALTER TABLE ... DROP COLUMN";
    case AT_AlterColumnType:
        return "ALTER TABLE ... ALTER COLUMN ... TYPE";
    case AT_ChangeOwner:
        return "ALTER TABLE ... OWNER TO";
    case AT_SetRelOptions:
    case AT_ResetRelOptions:
        return "ALTER TABLE ... SET or RESET (options)";
    case AT_ValidateConstraint:
        return "ALTER TABLE ... VALIDATE CONSTRAINT";
    case AT_AlterConstraint:
        return "ALTER TABLE ... ALTER CONSTRAINT";
    case AT_SetStatistics:
        return "ALTER TABLE ... SET STATISTICS";
    case AT_SetStorage:
        return "ALTER TABLE ... SET STORAGE";
    case AT_AddIdentity:
    case AT_SetIdentity:
    case AT_DropIdentity:
        return "ALTER TABLE ... IDENTITY";
    case AT_SetLogged:
    case AT_SetUnLogged:
        return "ALTER TABLE ... SET LOGGED or UNLOGGED";
    case AT_EnableRowSecurity:
    case AT_DisableRowSecurity:
        return "row-level security";
    case AT_AttachPartition:
    case AT_DetachPartition:
        return "ALTER TABLE ... PARTITION";
    default:
        return "this form of ALTER TABLE";
    }
}

static void convert_alter_cmd(struct conv *c, const AlterTableCmd *a, struct ast_alter_cmd *r)
{
    *r = (struct ast_alter_cmd){
        .name = conv__str(c, a->name), .missing_ok = a->missing_ok, .cascade = a->behavior == DROP_CASCADE
    };
    switch (a->subtype) {
    case AT_AddColumn:
        r->kind = AST_ADD_COLUMN;
        r->column = ARENA_NEW(c->arena, struct ast_column_def);
        convert_column_def(c, castNode(ColumnDef, a->def), r->column);
        break;
    case AT_AddConstraint:
        r->kind = AST_ADD_CONSTRAINT;
        r->constraint = ARENA_NEW(c->arena, struct ast_constraint);
        convert_constraint(c, castNode(Constraint, a->def), r->constraint);
        break;
    case AT_DropConstraint:
        r->kind = AST_DROP_CONSTRAINT;
        break;
    case AT_SetNotNull:
        r->kind = AST_SET_NOT_NULL;
        break;
    case AT_DropNotNull:
        r->kind = AST_DROP_NOT_NULL;
        break;
    case AT_ColumnDefault:
        r->kind = AST_COLUMN_DEFAULT;
        r->expr = conv__expr(c, a->def);
        break;
    default:
        r->kind = AST_ALTER_OTHER;
        r->what = alter_name(a->subtype);
        break;
    }
}

static struct ast_alter_table *convert_alter(struct conv *c, const AlterTableStmt *s)
{
    struct ast_alter_table *r = ARENA_NEW(c->arena, struct ast_alter_table);
    r->table = conv__range(c, s->relation);
    r->if_exists = s->missing_ok;
    r->n = (uint32_t)list_length(s->cmds);
    r->v = CONV_ARRAY(c, struct ast_alter_cmd, r->n);
    for (uint32_t i = 0; i < r->n; i++)
        convert_alter_cmd(c, castNode(AlterTableCmd, list_nth(s->cmds, (int)i)), &r->v[i]);
    return r;
}

static struct ast_create_index *convert_index(struct conv *c, const IndexStmt *s)
{
    struct ast_create_index *r = ARENA_NEW(c->arena, struct ast_create_index);
    r->name = conv__str(c, s->idxname);
    r->table = conv__range(c, s->relation);
    r->method = conv__str(c, s->accessMethod);
    r->unique = s->unique;
    r->if_not_exists = s->if_not_exists;
    r->concurrently = s->concurrent;
    r->nulls_not_distinct = s->nulls_not_distinct;
    r->nincluding = (uint32_t)list_length(s->indexIncludingParams);
    r->where = conv__expr(c, s->whereClause);
    r->with = convert_options(c, s->options);
    r->ncols = (uint32_t)list_length(s->indexParams);
    r->cols = CONV_ARRAY(c, struct ast_index_column, r->ncols);
    for (uint32_t i = 0; i < r->ncols; i++) {
        const IndexElem *e = castNode(IndexElem, list_nth(s->indexParams, (int)i));
        r->cols[i] = (struct ast_index_column){
            .name = conv__str(c, e->name),
            .expr = conv__expr(c, e->expr),
            .descending = e->ordering == SORTBY_DESC,
            .nulls_given = e->nulls_ordering != SORTBY_NULLS_DEFAULT,
            .nulls_first = e->nulls_ordering == SORTBY_NULLS_FIRST,
        };
        if (e->opclass != NIL)
            r->cols[i].opclass = conv__names(c, e->opclass).v[list_length(e->opclass) - 1];
        if (e->collation != NIL)
            r->cols[i].collation = conv__names(c, e->collation).v[list_length(e->collation) - 1];
    }
    return r;
}

static const char *object_name(ObjectType t)
{
    switch (t) {
    case OBJECT_VIEW:
        return "VIEW";
    case OBJECT_MATVIEW:
        return "MATERIALIZED VIEW";
    case OBJECT_SCHEMA:
        return "SCHEMA";
    case OBJECT_FUNCTION:
        return "FUNCTION";
    case OBJECT_TYPE:
        return "TYPE";
    case OBJECT_DOMAIN:
        return "DOMAIN";
    case OBJECT_EXTENSION:
        return "EXTENSION";
    case OBJECT_TRIGGER:
        return "TRIGGER";
    case OBJECT_INDEX:
        return "INDEX";
    case OBJECT_SEQUENCE:
        return "SEQUENCE";
    case OBJECT_TABLE:
        return "TABLE";
    default:
        return "object of this kind";
    }
}

static struct ast_drop *convert_drop(struct conv *c, const DropStmt *s)
{
    struct ast_drop *r = ARENA_NEW(c->arena, struct ast_drop);
    r->object = s->removeType == OBJECT_TABLE      ? AST_OBJ_TABLE
                : s->removeType == OBJECT_INDEX    ? AST_OBJ_INDEX
                : s->removeType == OBJECT_SEQUENCE ? AST_OBJ_SEQUENCE
                                                   : AST_OBJ_OTHER;
    r->what = object_name(s->removeType);
    r->if_exists = s->missing_ok;
    r->cascade = s->behavior == DROP_CASCADE;
    r->concurrently = s->concurrent;
    if (r->object == AST_OBJ_OTHER)
        return r;
    r->n = (uint32_t)list_length(s->objects);
    r->names = CONV_ARRAY(c, struct ast_range, r->n);
    for (uint32_t i = 0; i < r->n; i++)
        r->names[i] = conv__qualified(c, castNode(List, list_nth(s->objects, (int)i)), -1);
    return r;
}

/* ---- sessions, transactions ----------------------------------------------------- */

static struct ast_txn *convert_txn(struct conv *c, const TransactionStmt *s)
{
    static const enum ast_txn_kind kinds[] = {
        [TRANS_STMT_BEGIN] = AST_TXN_BEGIN,
        [TRANS_STMT_START] = AST_TXN_START,
        [TRANS_STMT_COMMIT] = AST_TXN_COMMIT,
        [TRANS_STMT_ROLLBACK] = AST_TXN_ROLLBACK,
        [TRANS_STMT_SAVEPOINT] = AST_TXN_SAVEPOINT,
        [TRANS_STMT_RELEASE] = AST_TXN_RELEASE,
        [TRANS_STMT_ROLLBACK_TO] = AST_TXN_ROLLBACK_TO,
        [TRANS_STMT_PREPARE] = AST_TXN_OTHER,
        [TRANS_STMT_COMMIT_PREPARED] = AST_TXN_OTHER,
        [TRANS_STMT_ROLLBACK_PREPARED] = AST_TXN_OTHER,
    };
    struct ast_txn *r = ARENA_NEW(c->arena, struct ast_txn);
    r->kind = kinds[s->kind];
    r->name = conv__str(c, s->savepoint_name);
    r->chain = s->chain;
    r->modes = convert_options(c, s->options);
    return r;
}

static const char *txn_tag(enum ast_txn_kind k)
{
    switch (k) {
    case AST_TXN_BEGIN:
        return "BEGIN";
    case AST_TXN_START:
        return "START TRANSACTION";
    case AST_TXN_COMMIT:
        return "COMMIT";
    case AST_TXN_ROLLBACK:
    case AST_TXN_ROLLBACK_TO:
        return "ROLLBACK";
    case AST_TXN_SAVEPOINT:
        return "SAVEPOINT";
    case AST_TXN_RELEASE:
        return "RELEASE";
    case AST_TXN_OTHER:
        break;
    }
    return "PREPARE TRANSACTION";
}

static struct ast_set *convert_set(struct conv *c, const VariableSetStmt *s)
{
    static const enum ast_set_kind kinds[] = {
        [VAR_SET_VALUE] = AST_SET_VALUE, [VAR_SET_DEFAULT] = AST_SET_DEFAULT, [VAR_SET_CURRENT] = AST_SET_CURRENT,
        [VAR_SET_MULTI] = AST_SET_MULTI, [VAR_RESET] = AST_RESET,             [VAR_RESET_ALL] = AST_RESET_ALL,
    };
    struct ast_set *r = ARENA_NEW(c->arena, struct ast_set);
    r->kind = kinds[s->kind];
    r->name = conv__str(c, s->name);
    r->local = s->is_local;
    if (s->args != NIL && IsA(linitial(s->args), DefElem)) {
        r->values = convert_options(c, s->args);
        return r;
    }
    r->values.n = (uint32_t)list_length(s->args);
    r->values.v = CONV_ARRAY(c, struct ast_option, r->values.n);
    for (uint32_t i = 0; i < r->values.n; i++) {
        const Node *n = list_nth(s->args, (int)i);
        r->values.v[i].location = -1;
        if (IsA(n, TypeCast)) { /* SET TIME ZONE INTERVAL '...' */
            n = ((const TypeCast *)n)->arg;
        }
        option_value(c, &r->values.v[i], n);
    }
    return r;
}

static struct ast_prepare *convert_prepare(struct conv *c, const PrepareStmt *s)
{
    struct ast_prepare *r = ARENA_NEW(c->arena, struct ast_prepare);
    r->name = conv__str(c, s->name);
    r->ntypes = (uint32_t)list_length(s->argtypes);
    r->types = CONV_ARRAY(c, struct ast_type, r->ntypes);
    for (uint32_t i = 0; i < r->ntypes; i++)
        r->types[i] = conv__type(c, castNode(TypeName, list_nth(s->argtypes, (int)i)));
    r->stmt = conv__substmt(c, s->query);
    return r;
}

static struct ast_copy *convert_copy(struct conv *c, const CopyStmt *s)
{
    struct ast_copy *r = ARENA_NEW(c->arena, struct ast_copy);
    if (s->relation != NULL)
        r->table = conv__range(c, s->relation);
    r->columns = conv__names(c, s->attlist);
    r->query = s->query != NULL ? conv__substmt(c, s->query) : NULL;
    r->from = s->is_from;
    r->program = s->is_program;
    r->filename = conv__str(c, s->filename);
    r->options = convert_options(c, s->options);
    r->where = conv__expr(c, s->whereClause);
    return r;
}

static struct ast_vacuum *convert_vacuum(struct conv *c, const VacuumStmt *s)
{
    struct ast_vacuum *r = ARENA_NEW(c->arena, struct ast_vacuum);
    r->vacuum = s->is_vacuumcmd;
    r->options = convert_options(c, s->options);
    r->n = (uint32_t)list_length(s->rels);
    r->tables = CONV_ARRAY(c, struct ast_range, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        const VacuumRelation *v = castNode(VacuumRelation, list_nth(s->rels, (int)i));
        r->tables[i] = conv__range(c, v->relation);
        r->tables[i].columns = conv__names(c, v->va_cols);
    }
    return r;
}

static struct ast_declare *convert_declare(struct conv *c, const DeclareCursorStmt *s)
{
    struct ast_declare *r = ARENA_NEW(c->arena, struct ast_declare);
    r->name = conv__str(c, s->portalname);
    r->scroll = s->options & CURSOR_OPT_SCROLL;
    r->no_scroll = s->options & CURSOR_OPT_NO_SCROLL;
    r->hold = s->options & CURSOR_OPT_HOLD;
    r->binary = s->options & CURSOR_OPT_BINARY;
    r->insensitive = s->options & CURSOR_OPT_INSENSITIVE;
    r->query = conv__substmt(c, s->query);
    return r;
}

static struct ast_fetch *convert_fetch(struct conv *c, const FetchStmt *s)
{
    static const enum ast_fetch_dir dirs[] = {
        [FETCH_FORWARD] = AST_FETCH_FORWARD,
        [FETCH_BACKWARD] = AST_FETCH_BACKWARD,
        [FETCH_ABSOLUTE] = AST_FETCH_ABSOLUTE,
        [FETCH_RELATIVE] = AST_FETCH_RELATIVE,
    };
    struct ast_fetch *r = ARENA_NEW(c->arena, struct ast_fetch);
    r->cursor = conv__str(c, s->portalname);
    r->dir = dirs[s->direction];
    r->count = s->howMany == FETCH_ALL ? AST_FETCH_ALL : s->howMany;
    r->move = s->ismove;
    return r;
}

static struct ast_lock *convert_lock(struct conv *c, const LockStmt *s)
{
    struct ast_lock *r = ARENA_NEW(c->arena, struct ast_lock);
    r->tables = convert_ranges(c, s->relations, &r->n);
    r->mode = s->mode;
    r->nowait = s->nowait;
    return r;
}

static struct ast_truncate *convert_truncate(struct conv *c, const TruncateStmt *s)
{
    struct ast_truncate *r = ARENA_NEW(c->arena, struct ast_truncate);
    r->tables = convert_ranges(c, s->relations, &r->n);
    r->restart_identity = s->restart_seqs;
    r->cascade = s->behavior == DROP_CASCADE;
    return r;
}

static struct ast_sequence *convert_sequence(struct conv *c, const CreateSeqStmt *s)
{
    struct ast_sequence *r = ARENA_NEW(c->arena, struct ast_sequence);
    r->name = conv__range(c, s->sequence);
    r->if_not_exists = s->if_not_exists;
    r->temporary = s->sequence->relpersistence == 't';
    r->options = convert_options(c, s->options);
    return r;
}

/* Statements that PostgreSQL has and this database does not. */
static const char *other_statement(const Node *n)
{
    switch (nodeTag(n)) {
    case T_CreateTableAsStmt:
        return ((const CreateTableAsStmt *)n)->objtype == OBJECT_MATVIEW ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS";
    case T_ViewStmt:
        return "CREATE VIEW";
    case T_CreateSchemaStmt:
        return "CREATE SCHEMA";
    case T_CreateFunctionStmt:
        return ((const CreateFunctionStmt *)n)->is_procedure ? "CREATE PROCEDURE" : "CREATE FUNCTION";
    case T_CreateTrigStmt:
        return "CREATE TRIGGER";
    case T_CreateExtensionStmt:
        return "CREATE EXTENSION";
    case T_CreateRoleStmt:
        return "CREATE ROLE";
    case T_AlterRoleStmt:
        return "ALTER ROLE";
    case T_DropRoleStmt:
        return "DROP ROLE";
    case T_CreatedbStmt:
        return "CREATE DATABASE";
    case T_DropdbStmt:
        return "DROP DATABASE";
    case T_GrantStmt:
        return ((const GrantStmt *)n)->is_grant ? "GRANT" : "REVOKE";
    case T_GrantRoleStmt:
        return "GRANT";
    case T_CommentStmt:
        return "COMMENT";
    case T_RenameStmt:
        return "RENAME";
    case T_AlterSeqStmt:
        return "ALTER SEQUENCE";
    case T_AlterOwnerStmt:
        return "OWNER TO";
    case T_AlterObjectSchemaStmt:
        return "SET SCHEMA";
    case T_MergeStmt:
        return "MERGE";
    case T_DoStmt:
        return "DO";
    case T_CallStmt:
        return "CALL";
    case T_ListenStmt:
        return "LISTEN";
    case T_UnlistenStmt:
        return "UNLISTEN";
    case T_NotifyStmt:
        return "NOTIFY";
    case T_ReindexStmt:
        return "REINDEX";
    case T_ClusterStmt:
        return "CLUSTER";
    case T_RuleStmt:
        return "CREATE RULE";
    case T_CreateDomainStmt:
        return "CREATE DOMAIN";
    case T_CreateEnumStmt:
    case T_CompositeTypeStmt:
    case T_CreateRangeStmt:
        return "CREATE TYPE";
    case T_CreateTableSpaceStmt:
        return "CREATE TABLESPACE";
    case T_AlterSystemStmt:
        return "ALTER SYSTEM";
    case T_ConstraintsSetStmt:
        return "SET CONSTRAINTS";
    case T_RefreshMatViewStmt:
        return "REFRESH MATERIALIZED VIEW";
    case T_CreateStatsStmt:
        return "CREATE STATISTICS";
    case T_CreatePolicyStmt:
        return "CREATE POLICY";
    case T_CreatePublicationStmt:
        return "CREATE PUBLICATION";
    case T_CreateSubscriptionStmt:
        return "CREATE SUBSCRIPTION";
    default:
        return "this statement";
    }
}

static void convert_definition(struct conv *c, const Node *n, struct ast_stmt *r)
{
    switch (nodeTag(n)) {
    case T_CreateStmt:
        r->kind = AST_CREATE_TABLE;
        r->tag = "CREATE TABLE";
        r->create_table = convert_create(c, (const CreateStmt *)n);
        return;
    case T_AlterTableStmt:
        if (((const AlterTableStmt *)n)->objtype != OBJECT_TABLE)
            break;
        r->kind = AST_ALTER_TABLE;
        r->tag = "ALTER TABLE";
        r->alter_table = convert_alter(c, (const AlterTableStmt *)n);
        return;
    case T_IndexStmt:
        r->kind = AST_CREATE_INDEX;
        r->tag = "CREATE INDEX";
        r->create_index = convert_index(c, (const IndexStmt *)n);
        return;
    case T_DropStmt:
        r->kind = AST_DROP;
        r->drop = convert_drop(c, (const DropStmt *)n);
        r->tag = arena_printf(c->arena, "DROP %s", r->drop->what);
        return;
    case T_TruncateStmt:
        r->kind = AST_TRUNCATE;
        r->tag = "TRUNCATE TABLE";
        r->truncate = convert_truncate(c, (const TruncateStmt *)n);
        return;
    case T_CreateSeqStmt:
        r->kind = AST_CREATE_SEQUENCE;
        r->tag = "CREATE SEQUENCE";
        r->sequence = convert_sequence(c, (const CreateSeqStmt *)n);
        return;
    case T_VacuumStmt:
        r->kind = AST_VACUUM;
        r->vacuum = convert_vacuum(c, (const VacuumStmt *)n);
        r->tag = r->vacuum->vacuum ? "VACUUM" : "ANALYZE";
        return;
    case T_LockStmt:
        r->kind = AST_LOCK;
        r->tag = "LOCK TABLE";
        r->lock = convert_lock(c, (const LockStmt *)n);
        return;
    default:
        break;
    }
    r->kind = AST_OTHER;
    r->name = IsA(n, AlterTableStmt) ? arena_printf(c->arena, "ALTER %s", object_name(((const AlterTableStmt *)n)->objtype))
                                     : other_statement(n);
    r->tag = r->name;
}

static const char *const discard_names[] = {
    [DISCARD_ALL] = "ALL", [DISCARD_PLANS] = "PLANS", [DISCARD_SEQUENCES] = "SEQUENCES", [DISCARD_TEMP] = "TEMP"
};

void conv__utility(struct conv *c, const Node *n, struct ast_stmt *r)
{
    switch (nodeTag(n)) {
    case T_TransactionStmt:
        r->kind = AST_TXN;
        r->txn = convert_txn(c, (const TransactionStmt *)n);
        r->tag = txn_tag(r->txn->kind);
        break;
    case T_VariableSetStmt:
        r->kind = AST_SET;
        r->set = convert_set(c, (const VariableSetStmt *)n);
        r->tag = r->set->kind == AST_RESET || r->set->kind == AST_RESET_ALL ? "RESET" : "SET";
        break;
    case T_VariableShowStmt:
        r->kind = AST_SHOW;
        r->tag = "SHOW";
        r->name = conv__str(c, ((const VariableShowStmt *)n)->name);
        break;
    case T_DiscardStmt:
        r->kind = AST_DISCARD;
        r->name = discard_names[((const DiscardStmt *)n)->target];
        r->tag = arena_printf(c->arena, "DISCARD %s", r->name);
        break;
    case T_PrepareStmt:
        r->kind = AST_PREPARE;
        r->tag = "PREPARE";
        r->prepare = convert_prepare(c, (const PrepareStmt *)n);
        break;
    case T_ExecuteStmt:
        r->kind = AST_EXECUTE;
        r->tag = "EXECUTE";
        r->execute = ARENA_NEW(c->arena, struct ast_execute);
        r->execute->name = conv__str(c, ((const ExecuteStmt *)n)->name);
        r->execute->args = conv__exprs(c, ((const ExecuteStmt *)n)->params);
        break;
    case T_DeallocateStmt:
        r->kind = AST_DEALLOCATE;
        r->name = conv__str(c, ((const DeallocateStmt *)n)->name);
        r->tag = r->name != NULL ? "DEALLOCATE" : "DEALLOCATE ALL";
        break;
    case T_CopyStmt:
        r->kind = AST_COPY;
        r->tag = "COPY";
        r->copy = convert_copy(c, (const CopyStmt *)n);
        break;
    case T_ExplainStmt:
        r->kind = AST_EXPLAIN;
        r->tag = "EXPLAIN";
        r->explain = ARENA_NEW(c->arena, struct ast_explain);
        r->explain->stmt = conv__substmt(c, ((const ExplainStmt *)n)->query);
        r->explain->options = convert_options(c, ((const ExplainStmt *)n)->options);
        break;
    case T_DeclareCursorStmt:
        r->kind = AST_DECLARE;
        r->tag = "DECLARE CURSOR";
        r->declare = convert_declare(c, (const DeclareCursorStmt *)n);
        break;
    case T_FetchStmt:
        r->kind = AST_FETCH;
        r->fetch = convert_fetch(c, (const FetchStmt *)n);
        r->tag = r->fetch->move ? "MOVE" : "FETCH";
        break;
    case T_ClosePortalStmt:
        r->kind = AST_CLOSE;
        r->name = conv__str(c, ((const ClosePortalStmt *)n)->portalname);
        r->tag = r->name != NULL ? "CLOSE CURSOR" : "CLOSE CURSOR ALL";
        break;
    case T_CheckPointStmt:
        r->kind = AST_CHECKPOINT;
        r->tag = "CHECKPOINT";
        break;
    default:
        convert_definition(c, n, r);
        break;
    }
}
