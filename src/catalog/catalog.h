/*
 * The catalogue: system tables (ordinary tables, described in
 * catalog/system_tables.h), definitions built from them, and the node's
 * dictionary cache of those (design section 12).
 *
 * A statement takes its TM lock first, then looks the definition up at a
 * fresh snapshot. A DDL transaction lists its objects in the commit
 * broadcast; every node forgets its cached definitions before it
 * acknowledges, and a load in progress is voided by the generation.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "access/btree.h"
#include "access/key.h"
#include "access/sequence.h"
#include "access/tuple.h"
#include "base/diag.h"
#include "ges/ges.h"

typedef uint32_t oid_t;

#define OID_USER_FIRST 16384u /* below: system objects with PostgreSQL's own oids */
#define OID_NAMESPACE_PG_CATALOG 11u
#define OID_NAMESPACE_PUBLIC 2200u
#define OID_OWNER 10u /* the bootstrap user "rustydb" */
#define NAME_MAX_BYTES 63

struct column_def {
    char name[NAME_MAX_BYTES + 1];
    int16_t attnum; /* 1.. ; stays when earlier columns are dropped */
    oid_t type;
    int32_t typmod;
    bool not_null;
    bool dropped;
    char *default_sql; /* expression as SQL text ("nextval('t_id_seq'::regclass)"); NULL: none */
    oid_t owned_sequence; /* serial: 0 none */
};

struct index_column {
    int16_t attnum;
    bool descending, nulls_first;
};
struct index_def {
    oid_t oid;
    char name[NAME_MAX_BYTES + 1];
    oid_t table;
    struct seg seg;
    bool unique, primary;
    oid_t constraint; /* PRIMARY KEY / UNIQUE constraint that owns it; 0: none */
    uint16_t ncols;
    struct index_column col[32];
    struct key_column key[32]; /* for key_append() */
    double pages, tuples; /* statistics */
    scn_t since; /* of its creation; it lacks rows that older snapshots see. 0: the transaction's own, or a system table's */
};

struct check_def {
    oid_t oid;
    char name[NAME_MAX_BYTES + 1];
    char *expr_sql;
};

struct column_stats {
    double null_fraction;
    double distinct; /* > 0: number; < 0: fraction of rows, negated */
    double avg_width;
    bool has_range; /* as doubles, for numbers and dates */
    double lo, hi;
};

enum table_kind { TABLE_ORDINARY = 'r', TABLE_VIRTUAL = 'v', TABLE_SEQUENCE = 'S', TABLE_INDEX = 'i' };

/* A definition: immutable, reference counted, of one catalogue generation. */
struct table_def {
    oid_t oid;
    oid_t schema;
    char schema_name[NAME_MAX_BYTES + 1];
    char name[NAME_MAX_BYTES + 1];
    enum table_kind kind;
    bool system;
    struct seg seg;
    struct seg overflow;
    uint8_t layout;
    uint16_t ncols; /* dropped ones included: column i has attnum i + 1 */
    struct column_def *col;
    struct tuple_desc tuple;
    uint16_t nindexes;
    struct index_def *index;
    uint16_t nchecks;
    struct check_def *check;
    struct sequence_def sequence; /* kind S */
    int fillfactor;
    double pages, tuples; /* reltuples: -1 unknown */
    struct column_stats *stats; /* NULL: never analysed */
    const struct virtual_table *virtual_table; /* kind v: rows made by code (statistics views) ... */
    void *virtual_arg; /* ... from this */
    uint64_t generation;
};

struct catalog;
struct txn_sys;

struct catalog_options {
    struct access *access;
    struct bufcache *bc;
    struct txn_sys *ts;
    struct space *space;
    struct ges *ges; /* NULL: alone, nothing is locked */
    struct sequences *sequences;
    struct log *log;
};
enum err catalog_open(const struct catalog_options *opt, struct catalog **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void catalog_close(struct catalog *c);
/*
 * First start of a database: creates and fills the system tables in one transaction, in an empty data file. Then, and at every other start:
 * catalog_attach() finds them.
 */
enum err catalog_bootstrap(struct catalog *c, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_attach(struct catalog *c, struct diag *d) MAY_YIELD MUST_CHECK;
/* The first node up, after recovery: frees segments whose transaction dropped them, or never committed their creation. */
enum err catalog_sweep_segments(struct catalog *c, struct diag *d) MAY_YIELD MUST_CHECK;
struct access *catalog_access(struct catalog *c);
struct sequences *catalog_sequences(struct catalog *c);

/* ---- look-up -------------------------------------------------------------- */

/*
 * Locks the table in this mode for the transaction (TM) and returns its definition as committed now (or changed by t itself).
 * ERR_UNDEFINED_TABLE with PostgreSQL's message. Table lock modes as PostgreSQL maps them: ACCESS SHARE = CR, ROW EXCLUSIVE = CW,
 * SHARE = PR, SHARE ROW EXCLUSIVE = PW, ACCESS EXCLUSIVE = EX.
 * schema NULL: search path (pg_catalog, then public). Release with catalog_release().
 */
enum err catalog_table(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, struct table_def **ret,
                       struct diag *d) MAY_YIELD MUST_CHECK;
/* The same, but a lock that cannot be had at once is an error: ERR_LOCK_NOT_AVAILABLE. */
enum err catalog_table_nowait(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, struct table_def **ret,
                              struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_table_by_oid(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock, struct table_def **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void catalog_release(struct catalog *c, struct table_def *def); /* accepts NULL */
/* The lock alone, until t ends: for who has the definition. A SERIALIZABLE transaction gets a stronger one than it asks for. */
enum err catalog_lock(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock, struct diag *d) MAY_YIELD MUST_CHECK;
/* Name to oid without a lock: 0 if there is none (regclass, DROP IF EXISTS). kind 0: any. */
enum err catalog_oid_of(struct catalog *c, struct txn *t, const char *schema, const char *name, oid_t *ret, char *ret_kind, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_name_of(struct catalog *c, struct txn *t, oid_t oid, char *schema, char *name, bool *ret_found, struct diag *d) MAY_YIELD MUST_CHECK;
/* Tables in "public", oldest first; they may be gone by the time they are opened. */
enum err catalog_user_tables(struct catalog *c, struct txn *t, struct arena *arena, oid_t **ret, uint32_t *ret_n, struct diag *d) MAY_YIELD MUST_CHECK;
/* Rises whenever some definition known to this node changes: cached plans made under an older one look their tables up again. */
uint64_t catalog_generation(const struct catalog *c);

/* Index key of a row. */
void catalog_index_key(const struct table_def *t, const struct index_def *ix, const union datum *v, const bool *null, struct buf *key, bool *ret_has_null);

/* ---- changes (transactional; t gets an xid) -------------------------------- */

struct new_column {
    const char *name;
    oid_t type;
    int32_t typmod;
    bool not_null;
    bool serial; /* makes and owns a sequence <table>_<column>_seq, sets the default */
    const char *default_sql;
};
struct new_index {
    const char *name; /* NULL: PostgreSQL's choice: <table>_<columns>_idx / _key, <table>_pkey */
    bool unique, primary, is_constraint;
    uint16_t ncols;
    struct index_column col[32];
};
struct new_table {
    const char *schema, *name;
    uint16_t ncols;
    const struct new_column *col;
    uint16_t nindexes;
    const struct new_index *index;
    uint16_t nchecks;
    const struct check_def *check;
    int fillfactor;
};
enum err catalog_create_table(struct catalog *c, struct txn *t, const struct new_table *def, oid_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_drop_table(struct catalog *c, struct txn *t, struct table_def *def, struct diag *d) MAY_YIELD MUST_CHECK; /* with indexes and owned sequences */
/* New empty segments for table and indexes; the old ones are freed at commit. */
enum err catalog_truncate(struct catalog *c, struct txn *t, struct table_def *def, bool restart_identity, struct diag *d) MAY_YIELD MUST_CHECK;
/* Makes the index and its catalogue rows; builds it from the table's rows (ERR_UNIQUE with key in the detail when there are duplicates). */
enum err catalog_create_index(struct catalog *c, struct txn *t, struct table_def *table, const struct new_index *def, oid_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_drop_index(struct catalog *c, struct txn *t, struct table_def *table, oid_t index, struct diag *d) MAY_YIELD MUST_CHECK;
/* `missing`: value that existing rows show (constant default), NULL datum when missing_null. */
enum err catalog_add_column(struct catalog *c, struct txn *t, struct table_def *table, const struct new_column *col, union datum missing,
                            bool missing_null, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_set_not_null(struct catalog *c, struct txn *t, struct table_def *table, int16_t attnum, bool not_null, struct diag *d) MAY_YIELD MUST_CHECK; /* the caller has checked the rows */
enum err catalog_set_default(struct catalog *c, struct txn *t, struct table_def *table, int16_t attnum, const char *default_sql, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_drop_constraint(struct catalog *c, struct txn *t, struct table_def *table, const char *name, bool missing_ok, struct diag *d) MAY_YIELD MUST_CHECK;
/* CHECK constraint; the caller has checked the rows. */
enum err catalog_add_check(struct catalog *c, struct txn *t, struct table_def *table, const struct check_def *check, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_create_sequence(struct catalog *c, struct txn *t, const char *schema, const char *name, struct sequence_def *def, oid_t owner_table,
                                 int16_t owner_attnum, oid_t *ret, struct diag *d) MAY_YIELD MUST_CHECK;
/* The column that owns a sequence (serial, OWNED BY); table 0: none does. */
enum err catalog_sequence_owner(struct catalog *c, struct txn *t, oid_t sequence, oid_t *ret_table, char *ret_column, struct diag *d) MAY_YIELD MUST_CHECK;
enum err catalog_drop_sequence(struct catalog *c, struct txn *t, oid_t oid, struct diag *d) MAY_YIELD MUST_CHECK;
/* ANALYZE's result (relpages, reltuples, column statistics). */
enum err catalog_set_stats(struct catalog *c, struct txn *t, struct table_def *table, double pages, double tuples, const struct column_stats *cols,
                           struct diag *d) MAY_YIELD MUST_CHECK;

/* Rows made by code: statistics views. */
struct virtual_table {
    const char *name; /* in pg_catalog */
    uint16_t ncols;
    const struct new_column *col;
    /* next row; false at the end. cursor starts at 0. */
    bool (*next)(void *arg, uint64_t *cursor, union datum *v, bool *null, struct arena *arena);
};
void catalog_register_virtual(struct catalog *c, const struct virtual_table *vt, void *arg);

#endif
