/*
 * The catalogue on a whole instance up to access/, in the simulation: the
 * system tables describe themselves, definitions follow DDL and its rollback.
 */
#include "db.h"

#include "catalog/catalog.h"
#include "catalog/rel.h"
#include "catalog/system_tables.h"

struct fixture {
    struct db db;
    struct ges *ges;
    struct sequences *sequences;
    struct catalog *c;
};

static void open_catalog(struct fixture *f)
{
    struct diag d;
    f->sequences = sequences_open(f->db.access, NULL);
    const struct catalog_options co = { .access = f->db.access, .bc = f->db.bc, .ts = f->db.ts, .space = f->db.space, .ges = f->ges,
                                        .sequences = f->sequences };
    CHECK_OK(catalog_open(&co, &f->c, &d), &d);
}

static lsn_t close_catalog(struct fixture *f)
{
    catalog_close(f->c);
    sequences_close(f->sequences);
    return db_close(&f->db);
}

static struct txn *begin(struct fixture *f)
{
    struct diag d;
    struct txn *t;
    const struct snapshot *s;
    CHECK_OK(txn_begin(f->db.ts, TXN_READ_COMMITTED, &t, &d), &d);
    CHECK_OK(txn_stmt_begin(t, &s, &d), &d);
    return t;
}

static void commit(struct txn *t)
{
    struct diag d;
    scn_t scn;
    CHECK_OK(txn_commit(t, &scn, &d), &d);
}

static struct table_def *table(struct fixture *f, struct txn *t, const char *name)
{
    struct diag d;
    struct table_def *def;
    enum err err = catalog_table(f->c, t, NULL, name, GES_MODE_NL, &def, &d);
    CHECK(err == ERR_OK || err == ERR_UNDEFINED_TABLE);
    return err ? NULL : def;
}

static void create(struct fixture *f, struct txn *t, const char *name)
{
    static const struct new_column cols[] = { { .name = "id", .type = TYPE_INT4, .typmod = -1, .serial = true },
                                              { .name = "label", .type = TYPE_VARCHAR, .typmod = 14 },
                                              { .name = "amount", .type = TYPE_NUMERIC, .typmod = -1, .default_sql = "0" } };
    static const struct new_index indexes[] = { { .primary = true, .is_constraint = true, .ncols = 1, .col = { { .attnum = 1 } } },
                                                { .ncols = 2, .col = { { .attnum = 2 }, { .attnum = 3, .descending = true, .nulls_first = true } } } };
    const struct new_table def = { .name = name, .ncols = 3, .col = cols, .nindexes = 2, .index = indexes };
    struct diag d;
    oid_t oid;
    CHECK_OK(catalog_create_table(f->c, t, &def, &oid, &d), &d);
    CHECK(oid >= OID_USER_FIRST);
}

static void insert(struct fixture *f, struct txn *t, struct table_def *def, int64_t id, const char *label, enum err want)
{
    struct diag d;
    struct arena *a = arena_new("row", 0);
    union datum v[8] = { datum_int(id), datum_str(label, strlen(label)) };
    bool null[8] = { false, false, true, true, true, true, true, true };
    struct rowid rowid;
    enum err err = rel_insert(f->c, t, def, v, null, a, &rowid, &d);
    if (err != want)
        panic("insert of %ld: %s", (long)id, d.message);
    if (want == ERR_UNIQUE)
        CHECK(strcmp(d.message, "duplicate key value violates unique constraint \"t_pkey\"") == 0 && strstr(d.detail, "Key (id)=(1) already exists."));
    arena_free(a);
}

static void system_tables_describe_themselves(struct fixture *f)
{
    struct txn *t = begin(f);
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++) {
        struct table_def *want = system_table_def(i);
        struct table_def *def = table(f, t, want->name);
        CHECK(def && def->oid == want->oid && def->seg.id != 0 && def->nindexes == want->nindexes);
        catalog_release(f->c, def);
        catalog_release(f->c, want);
    }
    commit(t);
}

static void a_table_and_its_parts(struct fixture *f)
{
    struct txn *t = begin(f);
    CHECK(!table(f, t, "t"));
    create(f, t, "t");
    struct table_def *def = table(f, t, "t"); /* seen by its own transaction */
    CHECK(def && def->ncols == 3 && def->nindexes == 2);
    catalog_release(f->c, def);
    struct txn *other = begin(f);
    CHECK(!table(f, other, "t")); /* and by no other yet */
    commit(t);
    def = table(f, other, "t");
    CHECK(def && strcmp(def->col[0].default_sql, "nextval('t_id_seq'::regclass)") == 0 && def->col[0].not_null && def->col[0].owned_sequence);
    CHECK(strcmp(def->index[0].name, "t_pkey") == 0 || strcmp(def->index[1].name, "t_pkey") == 0);
    CHECK(strcmp(def->index[0].name, "t_label_amount_idx") == 0 || strcmp(def->index[1].name, "t_label_amount_idx") == 0);
    struct table_def *again = table(f, other, "t");
    CHECK(again == def); /* cached */
    catalog_release(f->c, again);
    insert(f, other, def, 1, "one", ERR_OK);
    insert(f, other, def, 1, "one again", ERR_UNIQUE);
    catalog_release(f->c, def);
    txn_rollback(other);
}

static void rollback_takes_a_definition_back(struct fixture *f)
{
    struct txn *t = begin(f);
    create(f, t, "gone");
    txn_rollback(t);
    t = begin(f);
    CHECK(!table(f, t, "gone"));
    struct table_def *def = table(f, t, "t");
    struct diag d;
    CHECK_OK(catalog_add_column(f->c, t, def, &(struct new_column){ .name = "more", .type = TYPE_INT8, .typmod = -1 }, datum_int(7), false, &d), &d);
    catalog_release(f->c, def);
    def = table(f, t, "t");
    CHECK(def->ncols == 4 && def->tuple.col[3].has_missing && def->tuple.col[3].missing.i == 7);
    catalog_release(f->c, def);
    txn_rollback(t);
    t = begin(f);
    def = table(f, t, "t");
    CHECK(def->ncols == 3);
    catalog_release(f->c, def);
    commit(t);
}

static void an_index_over_existing_rows(struct fixture *f)
{
    struct txn *t = begin(f);
    struct table_def *def = table(f, t, "t");
    for (int i = 0; i < 500; i++)
        insert(f, t, def, i, i % 2 ? "odd" : "even", ERR_OK);
    catalog_release(f->c, def);
    commit(t);
    t = begin(f);
    def = table(f, t, "t");
    struct diag d;
    oid_t oid;
    const struct new_index plain = { .name = "by_label", .ncols = 1, .col = { { .attnum = 2 } } };
    CHECK_OK(catalog_create_index(f->c, t, def, &plain, &oid, &d), &d);
    const struct new_index unique = { .unique = true, .ncols = 1, .col = { { .attnum = 2 } } };
    CHECK(catalog_create_index(f->c, t, def, &unique, &oid, &d) == ERR_UNIQUE);
    CHECK(strcmp(d.message, "could not create unique index \"t_label_idx\"") == 0 && strstr(d.detail, "is duplicated."));
    catalog_release(f->c, def);
    txn_rollback(t);
}

static void dropping(struct fixture *f)
{
    struct txn *t = begin(f);
    struct diag d;
    struct table_def *def = table(f, t, "t");
    CHECK_OK(catalog_truncate(f->c, t, def, true, &d), &d);
    catalog_release(f->c, def);
    commit(t);
    t = begin(f);
    def = table(f, t, "t");
    CHECK(def && def->tuples == -1);
    CHECK_OK(catalog_drop_table(f->c, t, def, &d), &d);
    catalog_release(f->c, def);
    CHECK(!table(f, t, "t"));
    commit(t);
    t = begin(f);
    CHECK(!table(f, t, "t") && !table(f, t, "t_id_seq") && !table(f, t, "t_pkey"));
    create(f, t, "t");
    commit(t);
}

/* Another node may serve clients before the first one sweeps. */
static void a_sweep_spares_what_is_being_created_or_dropped(struct fixture *f)
{
    struct diag d;
    struct txn *creator = begin(f);
    create(f, creator, "young");
    CHECK_OK(catalog_sweep_segments(f->c, &d), &d);
    struct table_def *def = table(f, creator, "young");
    insert(f, creator, def, 1, "one", ERR_OK);
    catalog_release(f->c, def);
    commit(creator);

    struct txn *t = begin(f);
    def = table(f, t, "young");
    const struct seg seg = def->seg;
    CHECK_OK(catalog_drop_table(f->c, t, def, &d), &d);
    CHECK_OK(catalog_sweep_segments(f->c, &d), &d);
    txn_rollback(t);
    catalog_release(f->c, def);
    t = begin(f);
    def = table(f, t, "young");
    CHECK(def->seg.id == seg.id);
    insert(f, t, def, 2, "two", ERR_OK);
    CHECK_OK(catalog_drop_table(f->c, t, def, &d), &d);
    catalog_release(f->c, def);
    commit(t);
}

static void open_locks(struct fixture *f)
{
    struct diag d;
    const struct ges_options go = { .self = 1, .deadlock_timeout_ms = 1000 };
    CHECK_OK(ges_open(&go, &f->ges, &d), &d);
}

static void story(void *arg)
{
    struct fixture f = { 0 };
    struct diag d;
    open_locks(&f);
    db_open(&f.db, &(struct db_options){ .create = true, .no_table = true, .incarnation = 1, .ges = f.ges });
    open_catalog(&f);
    CHECK_OK(catalog_bootstrap(f.c, &d), &d);
    CHECK_OK(catalog_attach(f.c, &d), &d);
    system_tables_describe_themselves(&f);
    a_table_and_its_parts(&f);
    rollback_takes_a_definition_back(&f);
    an_index_over_existing_rows(&f);
    a_sweep_spares_what_is_being_created_or_dropped(&f);
    dropping(&f);
    CHECK_OK(catalog_sweep_segments(f.c, &d), &d);
    const uint64_t seq = txn_xid_seq(f.db.ts);
    const lsn_t end = close_catalog(&f);

    /* everything is there after a restart */
    db_open(&f.db, &(struct db_options){ .incarnation = 3, .redo_start = end, .xid_seq_start = seq, .ges = f.ges });
    open_catalog(&f);
    CHECK_OK(catalog_attach(f.c, &d), &d);
    system_tables_describe_themselves(&f);
    struct txn *t = begin(&f);
    struct table_def *def = table(&f, t, "t");
    CHECK(def && def->ncols == 3);
    catalog_release(f.c, def);
    commit(t);
    close_catalog(&f);
    ges_close(f.ges);
}

static void the_catalogue_follows_ddl(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        db_simulate(seed, seed > 1, story, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_catalogue_follows_ddl) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
