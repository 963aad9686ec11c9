/*
 * The system tables: ordinary tables with PostgreSQL's names, oids and
 * columns, described once here. The rdb_* tables are our own.
 */
#ifndef CATALOG_SYSTEM_TABLES_H
#define CATALOG_SYSTEM_TABLES_H

#include "catalog/catalog.h"
#include "sql/types/type.h"

/* clang-format off */
/*        name                oid  columns */
#define SYSTEM_TABLES(X) \
    X(pg_class,              1259) \
    X(pg_attribute,          1249) \
    X(pg_namespace,          2615) \
    X(pg_index,              2610) \
    X(pg_attrdef,            2604) \
    X(pg_constraint,         2606) \
    X(pg_sequence,           2224) \
    X(pg_type,               1247) \
    X(pg_database,           1262) \
    X(pg_authid,             1260) \
    X(pg_am,                 2601) \
    X(pg_description,        2609) \
    X(pg_inherits,           2611) \
    X(pg_partitioned_table,  3350) \
    X(rdb_statistic,         9001) \
    X(rdb_pending_free,      9002)

/* column, type */
#define COLUMNS_pg_class(C) \
    C(oid, OID) C(relname, NAME) C(relnamespace, OID) C(reltype, OID) C(reloftype, OID) C(relowner, OID) C(relam, OID) \
    C(relfilenode, OID) C(reltablespace, OID) C(relpages, INT4) C(reltuples, FLOAT4) C(relallvisible, INT4) C(reltoastrelid, OID) \
    C(relhasindex, BOOL) C(relisshared, BOOL) C(relpersistence, CHAR1) C(relkind, CHAR1) C(relnatts, INT2) C(relchecks, INT2) \
    C(relhasrules, BOOL) C(relhastriggers, BOOL) C(relhassubclass, BOOL) C(relrowsecurity, BOOL) C(relforcerowsecurity, BOOL) \
    C(relispopulated, BOOL) C(relreplident, CHAR1) C(relispartition, BOOL) C(relrewrite, OID) C(relfrozenxid, INT8) C(relminmxid, INT8) \
    C(relacl, TEXT) C(reloptions, TEXT) C(relpartbound, TEXT) \
    C(rdbseghead, INT8) C(rdblayout, INT4) C(rdbfillfactor, INT4)
#define COLUMNS_pg_attribute(C) \
    C(attrelid, OID) C(attname, NAME) C(atttypid, OID) C(attstattarget, INT4) C(attlen, INT2) C(attnum, INT2) C(attndims, INT4) \
    C(attcacheoff, INT4) C(atttypmod, INT4) C(attbyval, BOOL) C(attalign, CHAR1) C(attstorage, CHAR1) C(attcompression, CHAR1) \
    C(attnotnull, BOOL) C(atthasdef, BOOL) C(atthasmissing, BOOL) C(attidentity, CHAR1) C(attgenerated, CHAR1) C(attisdropped, BOOL) \
    C(attislocal, BOOL) C(attinhcount, INT4) C(attcollation, OID) C(attacl, TEXT) C(attoptions, TEXT) C(attfdwoptions, TEXT) \
    C(attmissingval, TEXT) C(rdbownedseq, OID)
#define COLUMNS_pg_namespace(C) \
    C(oid, OID) C(nspname, NAME) C(nspowner, OID) C(nspacl, TEXT)
#define COLUMNS_pg_index(C) \
    C(indexrelid, OID) C(indrelid, OID) C(indnatts, INT2) C(indnkeyatts, INT2) C(indisunique, BOOL) C(indnullsnotdistinct, BOOL) \
    C(indisprimary, BOOL) C(indisexclusion, BOOL) C(indimmediate, BOOL) C(indisclustered, BOOL) C(indisvalid, BOOL) C(indcheckxmin, BOOL) \
    C(indisready, BOOL) C(indislive, BOOL) C(indisreplident, BOOL) C(indkey, TEXT) C(indcollation, TEXT) C(indclass, TEXT) C(indoption, TEXT) \
    C(indexprs, TEXT) C(indpred, TEXT)
#define COLUMNS_pg_attrdef(C) \
    C(oid, OID) C(adrelid, OID) C(adnum, INT2) C(adbin, TEXT)
#define COLUMNS_pg_constraint(C) \
    C(oid, OID) C(conname, NAME) C(connamespace, OID) C(contype, CHAR1) C(condeferrable, BOOL) C(condeferred, BOOL) C(convalidated, BOOL) \
    C(conrelid, OID) C(contypid, OID) C(conindid, OID) C(conparentid, OID) C(confrelid, OID) C(confupdtype, CHAR1) C(confdeltype, CHAR1) \
    C(confmatchtype, CHAR1) C(conislocal, BOOL) C(coninhcount, INT4) C(connoinherit, BOOL) C(conkey, TEXT) C(confkey, TEXT) C(conbin, TEXT)
#define COLUMNS_pg_sequence(C) \
    C(seqrelid, OID) C(seqtypid, OID) C(seqstart, INT8) C(seqincrement, INT8) C(seqmax, INT8) C(seqmin, INT8) C(seqcache, INT8) C(seqcycle, BOOL)
#define COLUMNS_pg_type(C) \
    C(oid, OID) C(typname, NAME) C(typnamespace, OID) C(typowner, OID) C(typlen, INT2) C(typbyval, BOOL) C(typtype, CHAR1) C(typcategory, CHAR1) \
    C(typispreferred, BOOL) C(typisdefined, BOOL) C(typdelim, CHAR1) C(typrelid, OID) C(typsubscript, OID) C(typelem, OID) C(typarray, OID) \
    C(typnotnull, BOOL) C(typbasetype, OID) C(typtypmod, INT4) C(typndims, INT4) C(typcollation, OID) C(typdefault, TEXT)
#define COLUMNS_pg_database(C) \
    C(oid, OID) C(datname, NAME) C(datdba, OID) C(encoding, INT4) C(datlocprovider, CHAR1) C(datistemplate, BOOL) C(datallowconn, BOOL) \
    C(datconnlimit, INT4) C(dattablespace, OID) C(datcollate, TEXT) C(datctype, TEXT) C(datacl, TEXT) \
    C(daticulocale, TEXT) C(datcollversion, TEXT) C(datfrozenxid, INT8) C(datminmxid, INT8)
#define COLUMNS_pg_authid(C) \
    C(oid, OID) C(rolname, NAME) C(rolsuper, BOOL) C(rolinherit, BOOL) C(rolcreaterole, BOOL) C(rolcreatedb, BOOL) C(rolcanlogin, BOOL) \
    C(rolreplication, BOOL) C(rolbypassrls, BOOL) C(rolconnlimit, INT4) C(rolpassword, TEXT) C(rolvaliduntil, TIMESTAMPTZ)
#define COLUMNS_pg_am(C) \
    C(oid, OID) C(amname, NAME) C(amhandler, OID) C(amtype, CHAR1)
#define COLUMNS_pg_description(C) \
    C(objoid, OID) C(classoid, OID) C(objsubid, INT4) C(description, TEXT)
#define COLUMNS_pg_inherits(C) \
    C(inhrelid, OID) C(inhparent, OID) C(inhseqno, INT4) C(inhdetachpending, BOOL)
#define COLUMNS_pg_partitioned_table(C) \
    C(partrelid, OID) C(partstrat, CHAR1) C(partnatts, INT2) C(partdefid, OID) C(partattrs, TEXT)
#define COLUMNS_rdb_statistic(C) \
    C(starelid, OID) C(staattnum, INT2) C(stanullfrac, FLOAT8) C(stadistinct, FLOAT8) C(stawidth, FLOAT8) C(stahasrange, BOOL) C(stalo, FLOAT8) C(stahi, FLOAT8)
/* segments to be freed once their transaction has ended (dropped), or that belong to nobody unless it commits (created) */
#define COLUMNS_rdb_pending_free(C) \
    C(segid, INT8) C(seghead, INT8)

/*     table          index                              oid   unique  up to three columns */
#define SYSTEM_INDEXES(X) \
    X(pg_class,      pg_class_oid_index,                2662, true,  pg_class_oid, 0, 0) \
    X(pg_class,      pg_class_relname_nsp_index,        2663, true,  pg_class_relname, pg_class_relnamespace, 0) \
    X(pg_attribute,  pg_attribute_relid_attnum_index,   2659, true,  pg_attribute_attrelid, pg_attribute_attnum, 0) \
    X(pg_namespace,  pg_namespace_oid_index,            2685, true,  pg_namespace_oid, 0, 0) \
    X(pg_namespace,  pg_namespace_nspname_index,        2684, true,  pg_namespace_nspname, 0, 0) \
    X(pg_index,      pg_index_indexrelid_index,         2679, true,  pg_index_indexrelid, 0, 0) \
    X(pg_index,      pg_index_indrelid_index,           2678, false, pg_index_indrelid, 0, 0) \
    X(pg_attrdef,    pg_attrdef_adrelid_adnum_index,    2656, true,  pg_attrdef_adrelid, pg_attrdef_adnum, 0) \
    X(pg_constraint, pg_constraint_conrelid_contypid_conname_index, 2665, true, pg_constraint_conrelid, pg_constraint_conname, 0) \
    X(pg_sequence,   pg_sequence_seqrelid_index,        5002, true,  pg_sequence_seqrelid, 0, 0) \
    X(pg_type,       pg_type_oid_index,                 2703, true,  pg_type_oid, 0, 0) \
    X(pg_type,       pg_type_typname_nsp_index,         2704, true,  pg_type_typname, pg_type_typnamespace, 0) \
    X(rdb_statistic, rdb_statistic_relid_index,         9101, true,  rdb_statistic_starelid, rdb_statistic_staattnum, 0) \
    X(rdb_pending_free, rdb_pending_free_index,         9102, true,  rdb_pending_free_segid, 0, 0)
/* clang-format on */

/* Attribute numbers: pg_class_relname is 2. */
#define X(table, oid) enum { table##_0, COLUMNS_##table(SYSTEM_COLUMN_ENUM_##table) table##_columns_end, table##_ncols = table##_columns_end - 1 };
#define SYSTEM_COLUMN_ENUM_pg_class(c, t) pg_class_##c,
#define SYSTEM_COLUMN_ENUM_pg_attribute(c, t) pg_attribute_##c,
#define SYSTEM_COLUMN_ENUM_pg_namespace(c, t) pg_namespace_##c,
#define SYSTEM_COLUMN_ENUM_pg_index(c, t) pg_index_##c,
#define SYSTEM_COLUMN_ENUM_pg_attrdef(c, t) pg_attrdef_##c,
#define SYSTEM_COLUMN_ENUM_pg_constraint(c, t) pg_constraint_##c,
#define SYSTEM_COLUMN_ENUM_pg_sequence(c, t) pg_sequence_##c,
#define SYSTEM_COLUMN_ENUM_pg_type(c, t) pg_type_##c,
#define SYSTEM_COLUMN_ENUM_pg_database(c, t) pg_database_##c,
#define SYSTEM_COLUMN_ENUM_pg_authid(c, t) pg_authid_##c,
#define SYSTEM_COLUMN_ENUM_pg_am(c, t) pg_am_##c,
#define SYSTEM_COLUMN_ENUM_pg_description(c, t) pg_description_##c,
#define SYSTEM_COLUMN_ENUM_pg_inherits(c, t) pg_inherits_##c,
#define SYSTEM_COLUMN_ENUM_pg_partitioned_table(c, t) pg_partitioned_table_##c,
#define SYSTEM_COLUMN_ENUM_rdb_statistic(c, t) rdb_statistic_##c,
#define SYSTEM_COLUMN_ENUM_rdb_pending_free(c, t) rdb_pending_free_##c,
SYSTEM_TABLES(X)
#undef X

#define X(table, oid) OID_##table = oid,
enum { SYSTEM_TABLES(X) };
#undef X
#define X(table, name, oid, unique, a, b, c) OID_##name = oid,
enum { SYSTEM_INDEXES(X) };
#undef X

#define SYSTEM_TABLES_N 16
/* Definitions without segments, built once by catalog_open(); i in 0..SYSTEM_TABLES_N-1. The caller frees with table_def_free(). */
struct table_def *system_table_def(unsigned i);

#endif
