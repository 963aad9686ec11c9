#include "catalog/catalog_int.h"

#include <stdlib.h>

struct system_column {
    const char *name;
    oid_t type;
};

#define C(name, type) { #name, TYPE_##type },
#define X(table, oid) static const struct system_column columns_##table[] = { COLUMNS_##table(C) };
SYSTEM_TABLES(X)
#undef X
#undef C

static const struct system_table {
    const char *name;
    oid_t oid;
    const struct system_column *col;
    uint16_t ncols;
} tables[] = {
#define X(table, oid) { #table, oid, columns_##table, table##_ncols },
    SYSTEM_TABLES(X)
#undef X
};
static_assert(ARRAY_LEN(tables) == SYSTEM_TABLES_N, "SYSTEM_TABLES_N counts SYSTEM_TABLES");

static const struct system_index {
    oid_t table;
    const char *name;
    oid_t oid;
    bool unique;
    int16_t col[3];
} indexes[] = {
#define X(table, name, oid, unique, a, b, c) { OID_##table, #name, oid, unique, { a, b, c } },
    SYSTEM_INDEXES(X)
#undef X
};

static void add_indexes(struct table_def *def)
{
    for (size_t i = 0; i < ARRAY_LEN(indexes); i++)
        def->nindexes += indexes[i].table == def->oid;
    def->index = xcalloc(def->nindexes + 1u, sizeof *def->index);
    struct index_def *ix = def->index;
    for (size_t i = 0; i < ARRAY_LEN(indexes); i++) {
        if (indexes[i].table != def->oid)
            continue;
        ix->oid = indexes[i].oid;
        strcpy(ix->name, indexes[i].name);
        ix->table = def->oid;
        ix->unique = indexes[i].unique;
        ix->tuples = -1;
        for (; ix->ncols < 3 && indexes[i].col[ix->ncols]; ix->ncols++)
            ix->col[ix->ncols].attnum = indexes[i].col[ix->ncols];
        ix++;
    }
}

struct table_def *system_table_def(unsigned i)
{
    const struct system_table *st = &tables[i];
    struct counted_def *cd = xcalloc(1, sizeof *cd);
    struct table_def *def = &cd->def;
    cd->refs = 1;
    def->oid = st->oid;
    def->schema = OID_NAMESPACE_PG_CATALOG;
    strcpy(def->schema_name, "pg_catalog");
    strcpy(def->name, st->name);
    def->kind = TABLE_ORDINARY;
    def->system = true;
    def->fillfactor = 100;
    def->tuples = -1;
    def->ncols = st->ncols;
    def->col = xcalloc(st->ncols, sizeof *def->col);
    for (uint16_t k = 0; k < st->ncols; k++) {
        strcpy(def->col[k].name, st->col[k].name);
        def->col[k].attnum = (int16_t)(k + 1);
        def->col[k].type = st->col[k].type;
        def->col[k].typmod = -1;
    }
    add_indexes(def);
    catalog__finish_def(def);
    return def;
}
