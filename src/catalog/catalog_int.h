/*
 * Shared within catalog/.
 */
#ifndef CATALOG_CATALOG_INT_H
#define CATALOG_CATALOG_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "catalog/rel.h"
#include "catalog/system_tables.h"
#include "rt/rt.h"

/* A transaction that has changed definitions: it reads them past the cache. */
struct ddl_txn {
    struct list link;
    struct catalog *catalog;
    struct txn *txn;
    uint32_t n, cap;
    oid_t *oid;
};

struct cache_entry {
    struct table_def *def; /* one reference */
};

struct virtual_entry {
    struct list link;
    const struct virtual_table *vt;
    void *arg;
    oid_t oid;
};

struct catalog {
    struct catalog_options opt;
    struct table_def *system[SYSTEM_TABLES_N]; /* never freed before the catalogue is; not counted */
    struct seg root; /* heap of (oid, segment): where the system tables are */
    struct sequence_def oid_sequence;
    struct rt_mutex lock; /* guards all below and the reference counts */
    struct u64map *by_oid; /* table_def, one reference each */
    struct u64map *by_name; /* hash of schema and name -> table_def in by_oid; verified by name */
    _Atomic uint64_t generation; /* changed under the lock, read without it */
    struct list ddl_txns;
    struct list virtuals;
};

/* A definition and its reference count; def is first. */
struct counted_def {
    struct table_def def;
    uint32_t refs;
};

/* A snapshot of now that sees all of t's own changes (t may be NULL). */
struct catalog_read {
    struct txn *inner;
    struct snapshot s;
    struct arena *arena;
};
enum err catalog__read_begin(struct catalog *c, struct txn *t, struct catalog_read *ret, struct diag *d) MAY_YIELD MUST_CHECK;
void catalog__read_end(struct catalog_read *r);

#define OID_OID_SEQUENCE 9003u /* where new oids come from */
extern const struct tuple_desc catalog__root_tuple;
enum err catalog__read_root(struct catalog *c, struct diag *d) MAY_YIELD MUST_CHECK;
struct table_def *catalog__system(struct catalog *c, oid_t oid);
const struct index_def *catalog__system_index(const struct table_def *def, oid_t index);

/* Builds a definition from the system tables; *ret NULL: there is no such relation. The result has one reference. */
enum err catalog__load(struct catalog *c, struct txn *t, oid_t oid, struct table_def **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void table_def_free(struct table_def *def);
void catalog__finish_def(struct table_def *def); /* tuple description and index key columns from columns */

/* What a row of pg_class, pg_attribute (col and tuple.col are there) or pg_index says. */
void catalog__take_class(struct table_def *def, const struct rel_row *row);
enum err catalog__take_attribute(struct table_def *def, const struct rel_row *row, struct arena *a, struct diag *d) MUST_CHECK;
void catalog__take_index(struct index_def *ix, const struct rel_row *row);

/* t changes this object: its own look-ups pass the cache from now on; members are told at commit. */
void catalog__changed(struct catalog *c, struct txn *t, oid_t oid);

enum err catalog__new_oid(struct catalog *c, oid_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__add_system_rows(struct catalog *c, struct txn *t, struct diag *d) MAY_YIELD MUST_CHECK;

/* pg_class and pg_attribute rows of a relation. */
enum err catalog__insert_relation(struct catalog *c, struct txn *t, const struct table_def *def, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__insert_index(struct catalog *c, struct txn *t, const struct table_def *table, const struct index_def *ix, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__insert_column(struct catalog *c, struct txn *t, struct arena *a, oid_t relation, const struct column_def *col,
                                const struct tuple_column *tc, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__insert_default(struct catalog *c, struct txn *t, struct arena *a, oid_t relation, int16_t attnum, const char *sql, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__insert_check(struct catalog *c, struct txn *t, const struct table_def *table, const struct check_def *ck, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__insert_statistic(struct catalog *c, struct txn *t, oid_t relation, int16_t attnum, const struct column_stats *st, struct diag *d) MAY_YIELD MUST_CHECK;
/* Fills an empty index from the table's rows as t sees them now. */
enum err catalog__build_index(struct catalog *c, struct txn *t, const struct table_def *table, const struct index_def *ix, struct diag *d) MAY_YIELD MUST_CHECK;
/* Deletes the rows of a system table that an index finds. */
enum err catalog__delete_where(struct catalog *c, struct txn *t, oid_t table, oid_t index, const union datum *v, unsigned n, struct diag *d) MAY_YIELD MUST_CHECK;
/* Changes the one row that an index finds: change() edits v and null in place. */
enum err catalog__update_where(struct catalog *c, struct txn *t, oid_t table, oid_t index, const union datum *v, unsigned n,
                               void (*change)(void *arg, union datum *v, bool *null, struct arena *arena), void *arg, struct diag *d) MAY_YIELD MUST_CHECK;

/* Text form of a stored missing value, independent of the type's own output. */
const char *catalog__missing_to_text(struct arena *a, enum datum_rep rep, union datum v);
bool catalog__missing_from_text(struct arena *a, enum datum_rep rep, struct str s, union datum *ret);

/* Segments follow their transaction. */
enum err catalog__segment_create(struct catalog *c, struct txn *t, bool btree, struct seg *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__segment_adopt(struct catalog *c, struct txn *t, struct seg seg, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog__segment_drop(struct catalog *c, struct txn *t, struct seg seg, struct diag *d) MAY_YIELD MUST_CHECK;

/* ---- views whose rows never change (views.c) ---- */

void catalog__register_views(struct catalog *c);

#endif
