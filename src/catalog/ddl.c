#include "catalog/catalog_int.h"
#include "sql/types/numeric.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names ------------------------------------------------------------------- */

static enum err exists_already(const char *name, struct diag *d)
{
    return diag_set(d, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", name);
}

static enum err name_is_free(struct catalog *c, struct txn *t, const char *schema, const char *name, bool *ret, struct diag *d)
{
    oid_t oid;
    enum err err = catalog_oid_of(c, t, schema, name, &oid, NULL, d);
    *ret = oid == 0;
    return err;
}

static enum err must_be_free(struct catalog *c, struct txn *t, const char *schema, const char *name, struct diag *d)
{
    bool is_free;
    enum err err = name_is_free(c, t, schema, name, &is_free, d);
    return err ? err : is_free ? ERR_OK : exists_already(name, d);
}

/* The unique index on names decides when two transactions create the same name at once. */
static enum err as_duplicate_table(enum err err, const char *name, struct diag *d)
{
    return err == ERR_UNIQUE ? exists_already(name, d) : err;
}

/* "table_a_b_key", shortened to fit, with a number where it is taken: as PostgreSQL chooses. */
static enum err choose_name(struct catalog *c, struct txn *t, const char *schema, const char *table, const char *columns, const char *suffix,
                            char *ret, struct diag *d)
{
    for (unsigned n = 0; n < 10000; n++) {
        char tail[32], name[NAME_MAX_BYTES + 1];
        snprintf(tail, sizeof tail, n ? "_%s%u" : "_%s", suffix, n);
        int table_len = (int)strlen(table), columns_len = (int)strlen(columns);
        const int room = NAME_MAX_BYTES - (int)strlen(tail) - (columns_len ? 1 : 0);
        while (table_len + columns_len > room) /* the longer one gives way */
            *(table_len > columns_len ? &table_len : &columns_len) -= 1;
        const int len = snprintf(name, sizeof name, "%.*s%s%.*s%s", table_len, table, columns_len ? "_" : "", columns_len, columns, tail);
        assert(len <= NAME_MAX_BYTES);
        bool is_free;
        enum err err = name_is_free(c, t, schema, name, &is_free, d);
        if (err)
            return err;
        if (is_free) {
            strcpy(ret, name);
            return ERR_OK;
        }
    }
    return diag_set(d, ERR_DUPLICATE_TABLE, "no free name for an index of table \"%s\"", table);
}

static enum err index_name(struct catalog *c, struct txn *t, const struct table_def *table, const struct new_index *def, char *ret, struct diag *d)
{
    if (def->name) {
        snprintf(ret, NAME_MAX_BYTES + 1, "%s", def->name);
        return must_be_free(c, t, table->schema_name, ret, d);
    }
    char columns[32 * (NAME_MAX_BYTES + 1) + 1] = "";
    for (uint16_t i = 0, len = 0; i < def->ncols && !def->primary; i++)
        len = (uint16_t)(len + snprintf(columns + len, sizeof columns - len, "%s%s", i ? "_" : "", table->col[def->col[i].attnum - 1].name));
    return choose_name(c, t, table->schema_name, table->name, columns, def->primary ? "pkey" : def->is_constraint ? "key" : "idx", ret, d);
}

/* ---- sequences ------------------------------------------------------------------- */

static enum err create_sequence(struct catalog *c, struct txn *t, oid_t schema, const char *schema_name, const char *name,
                                struct sequence_def *seq, oid_t *ret, struct diag *d)
{
    enum err err = must_be_free(c, t, schema_name, name, d);
    if (!err)
        err = catalog__new_oid(c, ret, d);
    if (err)
        return err;
    seq->id = *ret;
    err = sequence_create(c->opt.access, seq, d);
    if (!err)
        err = catalog__segment_adopt(c, t, seq->seg, d);
    struct table_def def = { .oid = *ret, .schema = schema, .kind = TABLE_SEQUENCE, .seg = seq->seg, .fillfactor = 100, .sequence = *seq };
    snprintf(def.name, sizeof def.name, "%s", name);
    if (!err)
        err = as_duplicate_table(catalog__insert_relation(c, t, &def, d), name, d);
    if (!err)
        catalog__changed(c, t, *ret);
    return err;
}

static enum err schema_of(const char *schema, oid_t *ret, const char **ret_name, struct diag *d)
{
    *ret_name = schema ? schema : "public";
    *ret = !schema || strcmp(schema, "public") == 0 ? OID_NAMESPACE_PUBLIC : 0;
    if (schema && strcmp(schema, "pg_catalog") == 0)
        return diag_set(d, ERR_PRIVILEGE, "permission denied to create in schema \"pg_catalog\"");
    return *ret ? ERR_OK : diag_set(d, ERR_SCHEMA_NAME, "schema \"%s\" does not exist", schema);
}

static void own_sequence(void *arg, union datum *v, bool *null, struct arena *arena)
{
    v[pg_attribute_rdbownedseq - 1] = datum_int(*(const oid_t *)arg);
    null[pg_attribute_rdbownedseq - 1] = false;
}

static enum err update_attribute(struct catalog *c, struct txn *t, oid_t relation, int16_t attnum,
                                 void (*change)(void *arg, union datum *v, bool *null, struct arena *arena), void *arg, struct diag *d)
{
    const union datum key[2] = { datum_int(relation), datum_int(attnum) };
    return catalog__update_where(c, t, OID_pg_attribute, OID_pg_attribute_relid_attnum_index, key, 2, change, arg, d);
}

static enum err update_class(struct catalog *c, struct txn *t, oid_t relation,
                             void (*change)(void *arg, union datum *v, bool *null, struct arena *arena), void *arg, struct diag *d)
{
    const union datum key = datum_int(relation);
    return catalog__update_where(c, t, OID_pg_class, OID_pg_class_oid_index, &key, 1, change, arg, d);
}

enum err catalog_create_sequence(struct catalog *c, struct txn *t, const char *schema, const char *name, struct sequence_def *def,
                                 oid_t owner_table, int16_t owner_attnum, oid_t *ret, struct diag *d)
{
    oid_t ns;
    const char *ns_name;
    enum err err = schema_of(schema, &ns, &ns_name, d);
    if (!err)
        err = create_sequence(c, t, ns, ns_name, name, def, ret, d);
    if (!err && owner_table) {
        err = update_attribute(c, t, owner_table, owner_attnum, own_sequence, ret, d);
        catalog__changed(c, t, owner_table);
    }
    return err;
}

/* ---- dropping ---------------------------------------------------------------------- */

static enum err drop_relation_rows(struct catalog *c, struct txn *t, oid_t oid, struct diag *d)
{
    static const struct {
        oid_t table, index;
    } by_relation[] = {
        { OID_pg_attribute, OID_pg_attribute_relid_attnum_index },
        { OID_pg_attrdef, OID_pg_attrdef_adrelid_adnum_index },
        { OID_pg_constraint, OID_pg_constraint_conrelid_contypid_conname_index },
        { OID_rdb_statistic, OID_rdb_statistic_relid_index },
        { OID_pg_sequence, OID_pg_sequence_seqrelid_index },
        { OID_pg_index, OID_pg_index_indexrelid_index },
        { OID_pg_class, OID_pg_class_oid_index },
    };
    const union datum key = datum_int(oid);
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(by_relation) && !err; i++)
        err = catalog__delete_where(c, t, by_relation[i].table, by_relation[i].index, &key, 1, d);
    if (!err)
        catalog__changed(c, t, oid);
    return err;
}

struct forgotten_sequence {
    struct catalog *c;
    oid_t oid;
};

static void forget_sequence(void *arg, enum txn_outcome outcome, scn_t scn)
{
    struct forgotten_sequence *f = arg;
    if (outcome == TXN_COMMITTED)
        sequence_forget(f->c->opt.sequences, f->oid);
    free(f);
}

enum err catalog_drop_sequence(struct catalog *c, struct txn *t, oid_t oid, struct diag *d)
{
    struct table_def *def;
    enum err err = catalog_table_by_oid(c, t, oid, GES_MODE_EX, &def, d);
    if (err)
        return err;
    err = drop_relation_rows(c, t, oid, d);
    if (!err)
        err = catalog__segment_drop(c, t, def->seg, d);
    if (!err) {
        struct forgotten_sequence *f = xcalloc(1, sizeof *f);
        *f = (struct forgotten_sequence){ c, oid };
        txn_on_end(t, forget_sequence, f);
    }
    catalog_release(c, def);
    return err;
}

static enum err drop_one_index(struct catalog *c, struct txn *t, const struct index_def *ix, struct diag *d)
{
    enum err err = drop_relation_rows(c, t, ix->oid, d);
    return err ? err : catalog__segment_drop(c, t, ix->seg, d);
}

enum err catalog_drop_table(struct catalog *c, struct txn *t, struct table_def *def, struct diag *d)
{
    enum err err = ERR_OK;
    for (uint16_t i = 0; i < def->nindexes && !err; i++)
        err = drop_one_index(c, t, &def->index[i], d);
    for (uint16_t i = 0; i < def->ncols && !err; i++)
        if (def->col[i].owned_sequence)
            err = catalog_drop_sequence(c, t, def->col[i].owned_sequence, d);
    if (!err)
        err = drop_relation_rows(c, t, def->oid, d);
    if (!err)
        err = catalog__segment_drop(c, t, def->seg, d);
    return err;
}

/* A row of pg_constraint goes by its oid; the table's index on (conrelid, conname) finds it. */
static enum err drop_constraint_row(struct catalog *c, struct txn *t, const struct table_def *table, const char *name, struct diag *d)
{
    const union datum key[2] = { datum_int(table->oid), datum_str(name, strlen(name)) };
    return catalog__delete_where(c, t, OID_pg_constraint, OID_pg_constraint_conrelid_contypid_conname_index, key, 2, d);
}

enum err catalog_drop_index(struct catalog *c, struct txn *t, struct table_def *table, oid_t index, struct diag *d)
{
    for (uint16_t i = 0; i < table->nindexes; i++) {
        const struct index_def *ix = &table->index[i];
        if (ix->oid != index)
            continue;
        if (ix->constraint) {
            diag_set(d, ERR_DEPENDENT_OBJECTS, "cannot drop index %s because constraint %s on table %s requires it", ix->name, ix->name, table->name);
            return diag_hint(d, "You can drop constraint %s on table %s instead.", ix->name, table->name);
        }
        catalog__changed(c, t, table->oid);
        return drop_one_index(c, t, ix, d);
    }
    return diag_set(d, ERR_UNDEFINED_OBJECT, "index %u of table \"%s\" does not exist", index, table->name);
}

enum err catalog_drop_constraint(struct catalog *c, struct txn *t, struct table_def *table, const char *name, bool missing_ok, struct diag *d)
{
    for (uint16_t i = 0; i < table->nindexes; i++) {
        if (!table->index[i].constraint || strcmp(table->index[i].name, name) != 0)
            continue;
        catalog__changed(c, t, table->oid);
        enum err err = drop_constraint_row(c, t, table, name, d);
        return err ? err : drop_one_index(c, t, &table->index[i], d);
    }
    for (uint16_t i = 0; i < table->nchecks; i++)
        if (strcmp(table->check[i].name, name) == 0) {
            catalog__changed(c, t, table->oid);
            return drop_constraint_row(c, t, table, name, d);
        }
    return missing_ok ? ERR_OK
                      : diag_set(d, ERR_UNDEFINED_OBJECT, "constraint \"%s\" of relation \"%s\" does not exist", name, table->name);
}

/* ---- creating --------------------------------------------------------------------------- */

static enum err new_table_columns(struct catalog *c, struct txn *t, const struct new_table *def, struct table_def *table, struct arena *a,
                                  struct diag *d)
{
    enum err err = ERR_OK;
    for (uint16_t i = 0; i < def->ncols && !err; i++) {
        const struct new_column *nc = &def->col[i];
        struct column_def *col = &table->col[i];
        snprintf(col->name, sizeof col->name, "%s", nc->name);
        col->attnum = (int16_t)(i + 1);
        col->type = nc->type;
        col->typmod = nc->typmod;
        col->not_null = nc->not_null || nc->serial;
        col->default_sql = (char *)nc->default_sql;
        if (!nc->serial)
            continue;
        char name[NAME_MAX_BYTES + 1];
        const int64_t max = nc->type == TYPE_INT2 ? INT16_MAX : nc->type == TYPE_INT4 ? INT32_MAX : INT64_MAX;
        struct sequence_def seq = { .start = 1, .increment = 1, .min = 1, .max = max, .cache = 1000 };
        err = choose_name(c, t, table->schema_name, table->name, nc->name, "seq", name, d);
        if (!err)
            err = create_sequence(c, t, table->schema, table->schema_name, name, &seq, &col->owned_sequence, d);
        col->default_sql = arena_printf(a, "nextval('%s'::regclass)", name);
    }
    return err;
}

static enum err new_table_indexes(struct catalog *c, struct txn *t, const struct new_table *def, struct table_def *table, struct diag *d)
{
    enum err err = ERR_OK;
    for (uint16_t i = 0; i < def->nindexes && !err; i++) {
        struct index_def *ix = &table->index[i];
        err = index_name(c, t, table, &def->index[i], ix->name, d);
        if (!err)
            err = catalog__new_oid(c, &ix->oid, d);
        if (!err && def->index[i].is_constraint)
            err = catalog__new_oid(c, &ix->constraint, d);
        if (!err)
            err = catalog__segment_create(c, t, true, &ix->seg, d);
        ix->table = table->oid;
        ix->unique = def->index[i].unique || def->index[i].primary;
        ix->primary = def->index[i].primary;
        ix->ncols = def->index[i].ncols;
        memcpy(ix->col, def->index[i].col, sizeof ix->col);
        if (!err)
            err = as_duplicate_table(catalog__insert_index(c, t, table, ix, d), ix->name, d);
        if (!err)
            catalog__changed(c, t, ix->oid); /* its name is taken for this transaction */
    }
    return err;
}

enum err catalog_create_table(struct catalog *c, struct txn *t, const struct new_table *def, oid_t *ret, struct diag *d)
{
    struct arena *a = arena_new("new table", 0);
    struct table_def *table = ARENA_NEW(a, struct table_def);
    const char *schema_name;
    enum err err = schema_of(def->schema, &table->schema, &schema_name, d);
    if (!err)
        err = must_be_free(c, t, schema_name, def->name, d);
    if (!err)
        err = catalog__new_oid(c, &table->oid, d);
    if (err)
        goto out;
    strcpy(table->schema_name, schema_name);
    snprintf(table->name, sizeof table->name, "%s", def->name);
    table->kind = TABLE_ORDINARY;
    table->fillfactor = def->fillfactor ? def->fillfactor : 100;
    table->ncols = def->ncols;
    table->col = ARENA_ARRAY(a, struct column_def, def->ncols + 1);
    table->tuple.col = ARENA_ARRAY(a, struct tuple_column, def->ncols + 1);
    table->nindexes = def->nindexes;
    table->index = ARENA_ARRAY(a, struct index_def, def->nindexes + 1);
    table->nchecks = def->nchecks;
    err = catalog__segment_create(c, t, false, &table->seg, d);
    if (!err)
        err = new_table_columns(c, t, def, table, a, d);
    for (uint16_t i = 0; i < def->nindexes && !err; i++)
        for (uint16_t k = 0; k < def->index[i].ncols && def->index[i].primary; k++)
            table->col[def->index[i].col[k].attnum - 1].not_null = true;
    if (!err)
        err = as_duplicate_table(catalog__insert_relation(c, t, table, d), table->name, d);
    if (!err) {
        catalog__changed(c, t, table->oid);
        err = new_table_indexes(c, t, def, table, d);
    }
    for (uint16_t i = 0; i < def->nchecks && !err; i++) {
        struct check_def ck = def->check[i];
        err = catalog__new_oid(c, &ck.oid, d);
        if (!err)
            err = catalog__insert_check(c, t, table, &ck, d);
    }
    if (!err)
        *ret = table->oid;
out:
    arena_free(a);
    return err;
}

/* ---- truncate -------------------------------------------------------------------------------- */

static void set_segment(void *arg, union datum *v, bool *null, struct arena *arena)
{
    const struct seg *seg = arg;
    v[pg_class_relfilenode - 1] = datum_int(seg->id);
    v[pg_class_rdbseghead - 1] = datum_int((int64_t)seg->header.v);
    v[pg_class_relpages - 1] = datum_int(0);
    v[pg_class_reltuples - 1] = datum_float(-1);
}

static enum err replace_segment(struct catalog *c, struct txn *t, oid_t oid, struct seg old, bool btree, struct diag *d)
{
    struct seg fresh;
    enum err err = catalog__segment_create(c, t, btree, &fresh, d);
    if (!err)
        err = update_class(c, t, oid, set_segment, &fresh, d);
    return err ? err : catalog__segment_drop(c, t, old, d);
}

/* As TRUNCATE itself: a new segment, so that a rollback leaves the sequence as it was. */
static enum err restart_sequence(struct catalog *c, struct txn *t, oid_t oid, struct diag *d)
{
    struct table_def *def;
    enum err err = catalog_table_by_oid(c, t, oid, GES_MODE_EX, &def, d);
    if (err)
        return err;
    struct sequence_def fresh = def->sequence;
    err = sequence_create(c->opt.access, &fresh, d);
    if (!err)
        err = catalog__segment_adopt(c, t, fresh.seg, d);
    if (!err)
        err = update_class(c, t, oid, set_segment, &fresh.seg, d);
    if (!err)
        err = catalog__segment_drop(c, t, def->seg, d);
    if (!err)
        catalog__changed(c, t, oid);
    catalog_release(c, def);
    return err;
}

enum err catalog_truncate(struct catalog *c, struct txn *t, struct table_def *def, bool restart_identity, struct diag *d)
{
    enum err err = replace_segment(c, t, def->oid, def->seg, false, d);
    for (uint16_t i = 0; i < def->nindexes && !err; i++)
        err = replace_segment(c, t, def->index[i].oid, def->index[i].seg, true, d);
    for (uint16_t i = 0; i < def->ncols && restart_identity && !err; i++)
        if (def->col[i].owned_sequence)
            err = restart_sequence(c, t, def->col[i].owned_sequence, d);
    if (!err)
        catalog__changed(c, t, def->oid);
    return err;
}

/* ---- indexes of existing tables ------------------------------------------------------------------ */

static void set_has_index(void *arg, union datum *v, bool *null, struct arena *arena) { v[pg_class_relhasindex - 1] = datum_int(1); }

static void set_not_null(void *arg, union datum *v, bool *null, struct arena *arena)
{
    v[pg_attribute_attnotnull - 1] = datum_int(*(const bool *)arg);
}

enum err catalog_create_index(struct catalog *c, struct txn *t, struct table_def *table, const struct new_index *def, oid_t *ret, struct diag *d)
{
    struct index_def ix = { .table = table->oid, .unique = def->unique || def->primary, .primary = def->primary, .ncols = def->ncols };
    memcpy(ix.col, def->col, sizeof ix.col);
    for (uint16_t i = 0; i < table->nindexes; i++)
        if (def->primary && table->index[i].primary)
            return diag_set(d, ERR_TABLE_DEFINITION, "multiple primary keys for table \"%s\" are not allowed", table->name);
    for (uint16_t k = 0; k < ix.ncols; k++) {
        const struct column_def *col = &table->col[ix.col[k].attnum - 1];
        ix.key[k] = (struct key_column){ .rep = table->tuple.col[col->attnum - 1].rep,
                                         .blank_padded = col->type == TYPE_BPCHAR,
                                         .descending = ix.col[k].descending,
                                         .nulls_first = ix.col[k].nulls_first,
                                         .numeric_sort_key = numeric_sort_key };
    }
    enum err err = index_name(c, t, table, def, ix.name, d);
    if (!err)
        err = catalog__new_oid(c, &ix.oid, d);
    if (!err && def->is_constraint)
        err = catalog__new_oid(c, &ix.constraint, d);
    if (!err)
        err = catalog__segment_create(c, t, true, &ix.seg, d);
    if (!err)
        err = as_duplicate_table(catalog__insert_index(c, t, table, &ix, d), ix.name, d);
    if (!err)
        err = catalog__build_index(c, t, table, &ix, d);
    for (uint16_t k = 0; k < ix.ncols && def->primary && !err; k++)
        err = catalog_set_not_null(c, t, table, ix.col[k].attnum, true, d);
    if (!err)
        err = update_class(c, t, table->oid, set_has_index, NULL, d);
    if (!err) {
        catalog__changed(c, t, table->oid);
        catalog__changed(c, t, ix.oid);
        *ret = ix.oid;
    }
    return err;
}

/* ---- columns ----------------------------------------------------------------------------------------- */

static void add_one_column(void *arg, union datum *v, bool *null, struct arena *arena)
{
    v[pg_class_relnatts - 1].i++;
    v[pg_class_rdblayout - 1].i = (v[pg_class_rdblayout - 1].i + 1) % 256;
}

enum err catalog_add_column(struct catalog *c, struct txn *t, struct table_def *table, const struct new_column *col, union datum missing,
                            bool missing_null, struct diag *d)
{
    if (table->ncols == TUPLE_COLUMNS_MAX)
        return diag_set(d, ERR_TOO_MANY_COLUMNS, "tables can have at most %d columns", TUPLE_COLUMNS_MAX);
    for (uint16_t i = 0; i < table->ncols; i++)
        if (!table->col[i].dropped && strcmp(table->col[i].name, col->name) == 0)
            return diag_set(d, ERR_DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists", col->name, table->name);
    struct arena *a = arena_new("new column", 0);
    const struct type *type = type_by_oid(col->type);
    const struct tuple_column tc = { .rep = type->rep, .len = type->rep <= REP_FLOAT ? type->len : -1, .has_missing = !missing_null, .missing = missing };
    struct column_def cd = { .attnum = (int16_t)(table->ncols + 1), .type = col->type, .typmod = col->typmod, .not_null = col->not_null,
                             .default_sql = (char *)col->default_sql };
    snprintf(cd.name, sizeof cd.name, "%s", col->name);
    enum err err = catalog__insert_column(c, t, a, table->oid, &cd, &tc, d);
    if (!err)
        err = update_class(c, t, table->oid, add_one_column, NULL, d);
    if (!err)
        catalog__changed(c, t, table->oid);
    arena_free(a);
    return err;
}

enum err catalog_set_not_null(struct catalog *c, struct txn *t, struct table_def *table, int16_t attnum, bool not_null, struct diag *d)
{
    for (uint16_t i = 0; i < table->nindexes && !not_null; i++)
        for (uint16_t k = 0; k < table->index[i].ncols; k++)
            if (table->index[i].primary && table->index[i].col[k].attnum == attnum)
                return diag_set(d, ERR_TABLE_DEFINITION, "column \"%s\" is in a primary key", table->col[attnum - 1].name);
    enum err err = update_attribute(c, t, table->oid, attnum, set_not_null, &not_null, d);
    if (!err)
        catalog__changed(c, t, table->oid);
    return err;
}

static void set_has_default(void *arg, union datum *v, bool *null, struct arena *arena)
{
    v[pg_attribute_atthasdef - 1] = datum_int(*(const bool *)arg);
}

enum err catalog_set_default(struct catalog *c, struct txn *t, struct table_def *table, int16_t attnum, const char *default_sql, struct diag *d)
{
    const union datum key[2] = { datum_int(table->oid), datum_int(attnum) };
    bool has = default_sql != NULL;
    enum err err = catalog__delete_where(c, t, OID_pg_attrdef, OID_pg_attrdef_adrelid_adnum_index, key, 2, d);
    if (!err)
        err = update_attribute(c, t, table->oid, attnum, set_has_default, &has, d);
    if (!err && has) {
        struct arena *a = arena_new("new default", 0);
        err = catalog__insert_default(c, t, a, table->oid, attnum, default_sql, d);
        arena_free(a);
    }
    if (!err)
        catalog__changed(c, t, table->oid);
    return err;
}

enum err catalog_add_check(struct catalog *c, struct txn *t, struct table_def *table, const struct check_def *check, struct diag *d)
{
    struct check_def ck = *check;
    enum err err = catalog__new_oid(c, &ck.oid, d);
    if (!err)
        err = catalog__insert_check(c, t, table, &ck, d);
    if (!err)
        catalog__changed(c, t, table->oid);
    return err;
}

/* ---- statistics ------------------------------------------------------------------------------------------ */

struct table_size {
    double pages, tuples;
};

static void set_size(void *arg, union datum *v, bool *null, struct arena *arena)
{
    const struct table_size *s = arg;
    v[pg_class_relpages - 1] = datum_int((int64_t)s->pages);
    v[pg_class_reltuples - 1] = datum_float(s->tuples);
}

enum err catalog_set_stats(struct catalog *c, struct txn *t, struct table_def *table, double pages, double tuples, const struct column_stats *cols,
                           struct diag *d)
{
    struct table_size size = { pages, tuples };
    enum err err = update_class(c, t, table->oid, set_size, &size, d);
    const union datum key = datum_int(table->oid);
    if (!err && cols)
        err = catalog__delete_where(c, t, OID_rdb_statistic, OID_rdb_statistic_relid_index, &key, 1, d);
    for (uint16_t i = 0; cols && i < table->ncols && !err; i++)
        if (!table->col[i].dropped)
            err = catalog__insert_statistic(c, t, table->oid, (int16_t)(i + 1), &cols[i], d);
    if (!err)
        catalog__changed(c, t, table->oid);
    return err;
}
