#include "fake_catalog.h"

#include "rt/rt.h"
#include "sql/types/type.h"

#include <stdio.h>
#include <stdlib.h>

struct catalog {
    uint64_t generation;
    int references;
    uint32_t ntables;
    struct table_def table[32];
};

struct col {
    const char *name;
    oid_t type;
    int32_t typmod;
    bool not_null;
    const char *default_sql;
};

static void set_key(struct table_def *t, struct index_def *ix)
{
    for (uint16_t i = 0; i < ix->ncols; i++) {
        const struct column_def *c = &t->col[ix->col[i].attnum - 1];
        ix->key[i] = (struct key_column){ .rep = type_by_oid(c->type)->rep,
                                          .blank_padded = c->type == TYPE_BPCHAR,
                                          .descending = ix->col[i].descending,
                                          .nulls_first = ix->col[i].nulls_first };
    }
}

static struct index_def *add_index(struct table_def *t, const char *name, bool unique, bool primary, uint16_t ncols, const int16_t *attnum)
{
    t->index = xrealloc(t->index, sizeof(*t->index) * (t->nindexes + 1u));
    struct index_def *ix = &t->index[t->nindexes++];
    *ix = (struct index_def){ .oid = t->oid + 100 + t->nindexes, .table = t->oid, .unique = unique, .primary = primary, .ncols = ncols };
    snprintf(ix->name, sizeof(ix->name), "%s", name);
    for (uint16_t i = 0; i < ncols; i++)
        ix->col[i].attnum = attnum[i];
    ix->pages = t->pages / 3 + 1;
    ix->tuples = t->tuples;
    if (primary)
        ix->constraint = ix->oid;
    set_key(t, ix);
    return ix;
}

static struct table_def *add_table(struct catalog *c, const char *name, double tuples, double pages, const struct col *cols)
{
    struct table_def *t = &c->table[c->ntables];
    *t = (struct table_def){ .oid = OID_USER_FIRST + 1000 * c->ntables, .schema = OID_NAMESPACE_PUBLIC, .kind = TABLE_ORDINARY };
    c->ntables++;
    snprintf(t->schema_name, sizeof(t->schema_name), "public");
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->tuples = tuples;
    t->pages = pages;
    while (cols[t->ncols].name != NULL)
        t->ncols++;
    t->col = xcalloc(t->ncols, sizeof(*t->col));
    for (uint16_t i = 0; i < t->ncols; i++) {
        snprintf(t->col[i].name, sizeof(t->col[i].name), "%s", cols[i].name);
        t->col[i].attnum = (int16_t)(i + 1);
        t->col[i].type = cols[i].type;
        t->col[i].typmod = cols[i].typmod;
        t->col[i].not_null = cols[i].not_null;
        t->col[i].default_sql = cols[i].default_sql != NULL ? xstrdup(cols[i].default_sql) : NULL;
    }
    return t;
}

static void set_distinct(struct table_def *t, const double *distinct)
{
    t->stats = xcalloc(t->ncols, sizeof(*t->stats));
    for (uint16_t i = 0; i < t->ncols; i++)
        t->stats[i] = (struct column_stats){ .distinct = distinct[i], .avg_width = 8, .has_range = distinct[i] < 0, .lo = 1, .hi = t->tuples };
}

struct catalog *fake_catalog_new(void)
{
    struct catalog *c = xcalloc(1, sizeof(*c));
    c->generation = 1;
    const struct col t[] = { { "a", TYPE_INT4, -1, true, NULL },
                             { "b", TYPE_VARCHAR, 14, false, "'x'" },
                             { "c", TYPE_NUMERIC, (10 << 16 | 2) + 4, false, NULL },
                             { "d", TYPE_TIMESTAMPTZ, -1, false, "now()" },
                             { "e", TYPE_FLOAT8, -1, false, NULL },
                             { "f", TYPE_INT8, -1, false, "nextval('t_f_seq')" },
                             { "g", TYPE_BPCHAR, 9, false, NULL },
                             { "h", TYPE_BOOL, -1, false, NULL },
                             { "i", TYPE_DATE, -1, false, NULL },
                             { "j", TYPE_TEXT, -1, false, NULL },
                             { "k", TYPE_INT2, -1, false, "7" },
                             { NULL, 0, 0, false, NULL } };
    struct table_def *d = add_table(c, "t", 10000, 100, t);
    add_index(d, "t_pkey", true, true, 1, (const int16_t[]){ 1 });
    add_index(d, "t_f_k_idx", false, false, 2, (const int16_t[]){ 6, 11 });
    add_index(d, "t_b_idx", false, false, 1, (const int16_t[]){ 2 });
    set_distinct(d, (const double[]){ -1, 100, -0.5, -1, -1, -0.1, 10, 2, 300, -1, 20 });
    const struct col u[] = { { "a", TYPE_INT4, -1, true, NULL },
                             { "x", TYPE_INT8, -1, false, NULL },
                             { "y", TYPE_TEXT, -1, false, NULL },
                             { NULL, 0, 0, false, NULL } };
    d = add_table(c, "u", 1000, 10, u);
    add_index(d, "u_pkey", true, true, 1, (const int16_t[]){ 1 });
    set_distinct(d, (const double[]){ -1, 50, -1 });
    d->nchecks = 1;
    d->check = xcalloc(1, sizeof(*d->check));
    snprintf(d->check[0].name, sizeof(d->check[0].name), "u_x_check");
    d->check[0].expr_sql = xstrdup("(x > 0)");
    const struct col branches[] = { { "bid", TYPE_INT4, -1, true, NULL },
                                    { "bbalance", TYPE_INT4, -1, false, NULL },
                                    { "filler", TYPE_BPCHAR, 92, false, NULL },
                                    { NULL, 0, 0, false, NULL } };
    d = add_table(c, "pgbench_branches", 10, 1, branches);
    add_index(d, "pgbench_branches_pkey", true, true, 1, (const int16_t[]){ 1 });
    const struct col accounts[] = { { "aid", TYPE_INT4, -1, true, NULL },
                                    { "bid", TYPE_INT4, -1, false, NULL },
                                    { "abalance", TYPE_INT4, -1, false, NULL },
                                    { "filler", TYPE_BPCHAR, 88, false, NULL },
                                    { NULL, 0, 0, false, NULL } };
    d = add_table(c, "pgbench_accounts", 1000000, 16394, accounts);
    add_index(d, "pgbench_accounts_pkey", true, true, 1, (const int16_t[]){ 1 });
    set_distinct(d, (const double[]){ -1, 10, 1, 1 });
    const struct col history[] = { { "tid", TYPE_INT4, -1, false, NULL },
                                   { "bid", TYPE_INT4, -1, false, NULL },
                                   { "aid", TYPE_INT4, -1, false, NULL },
                                   { "delta", TYPE_INT4, -1, false, NULL },
                                   { "mtime", TYPE_TIMESTAMP, -1, false, NULL },
                                   { "filler", TYPE_BPCHAR, 26, false, NULL },
                                   { NULL, 0, 0, false, NULL } };
    add_table(c, "pgbench_history", -1, 0, history);
    const struct col two[] = { { "p", TYPE_INT4, -1, true, NULL },
                               { "q", TYPE_TEXT, -1, true, NULL },
                               { "r", TYPE_INT4, -1, false, NULL },
                               { NULL, 0, 0, false, NULL } };
    d = add_table(c, "two", 5000, 50, two);
    add_index(d, "two_pkey", true, true, 2, (const int16_t[]){ 1, 2 });
    struct index_def *desc = add_index(d, "two_r_idx", false, false, 1, (const int16_t[]){ 3 });
    desc->col[0].descending = desc->col[0].nulls_first = true;
    set_key(d, desc);
    d = add_table(c, "t_f_seq", 1, 1, (const struct col[]){ { NULL, 0, 0, false, NULL } });
    d->kind = TABLE_SEQUENCE;
    return c;
}

void fake_catalog_free(struct catalog *c)
{
    for (uint32_t i = 0; i < c->ntables; i++) {
        struct table_def *t = &c->table[i];
        for (uint16_t k = 0; k < t->ncols; k++)
            free(t->col[k].default_sql);
        for (uint16_t k = 0; k < t->nchecks; k++)
            free(t->check[k].expr_sql);
        free(t->col);
        free(t->index);
        free(t->stats);
        free(t->check);
    }
    free(c);
}

int fake_catalog_references(const struct catalog *c)
{
    return c->references;
}

void fake_catalog_bump(struct catalog *c)
{
    c->generation++;
}

/* ---- what catalog/catalog.h promises ---------------------------------------- */

enum err catalog_table(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, struct table_def **ret,
                       struct diag *d)
{
    for (uint32_t i = 0; i < c->ntables; i++)
        if (strcmp(c->table[i].name, name) == 0 && (schema == NULL || strcmp(schema, "public") == 0)) {
            c->references++;
            *ret = &c->table[i];
            return ERR_OK;
        }
    return diag_set(d, ERR_UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist", schema != NULL ? schema : "", schema != NULL ? "." : "", name);
}

enum err catalog_table_nowait(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, struct table_def **ret,
                              struct diag *d)
{
    return catalog_table(c, t, schema, name, lock, ret, d);
}

enum err catalog_table_by_oid(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock, struct table_def **ret, struct diag *d)
{
    for (uint32_t i = 0; i < c->ntables; i++)
        if (c->table[i].oid == oid) {
            c->references++;
            *ret = &c->table[i];
            return ERR_OK;
        }
    return diag_set(d, ERR_UNDEFINED_TABLE, "relation with OID %u does not exist", oid);
}

void catalog_release(struct catalog *c, struct table_def *def)
{
    if (def != NULL)
        c->references--;
}

enum err catalog_oid_of(struct catalog *c, struct txn *t, const char *schema, const char *name, oid_t *ret, char *ret_kind, struct diag *d)
{
    *ret = 0;
    for (uint32_t i = 0; i < c->ntables; i++)
        if (strcmp(c->table[i].name, name) == 0) {
            *ret = c->table[i].oid;
            *ret_kind = (char)c->table[i].kind;
        }
    return ERR_OK;
}

uint64_t catalog_generation(const struct catalog *c)
{
    return c->generation;
}

/* ---- rt: what the front end needs of it, on the test's own stack; a test that links the runtime has the real one ------------- */

__attribute__((weak)) void rt_call_on_big_stack(void (*fn)(void *), void *arg)
{
    fn(arg);
}
