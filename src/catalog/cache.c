#include "catalog/catalog_int.h"
#include "sql/types/numeric.h"

#include <stdlib.h>

/* ---- definitions --------------------------------------------------------------- */

void table_def_free(struct table_def *def)
{
    if (!def)
        return;
    for (uint16_t i = 0; i < def->ncols && def->col; i++)
        free(def->col[i].default_sql);
    for (uint16_t i = 0; i < def->nchecks && def->check; i++)
        free(def->check[i].expr_sql);
    for (uint16_t i = 0; i < def->ncols && def->tuple.col; i++)
        if (def->tuple.col[i].has_missing && def->tuple.col[i].rep >= REP_STR)
            free((char *)def->tuple.col[i].missing.s.p);
    free(def->col);
    free(def->check);
    free(def->index);
    free(def->stats);
    free((void *)def->tuple.col);
    free(def);
}

void catalog__finish_def(struct table_def *def)
{
    struct tuple_column *tc = (struct tuple_column *)def->tuple.col;
    if (!tc)
        tc = xcalloc(def->ncols + 1u, sizeof *tc);
    for (uint16_t i = 0; i < def->ncols; i++) {
        const struct type *t = type_by_oid(def->col[i].type);
        tc[i].rep = t ? t->rep : REP_STR;
        tc[i].len = t && t->rep <= REP_FLOAT ? t->len : -1;
    }
    def->tuple = (struct tuple_desc){ .n = def->ncols, .col = tc };
    for (uint16_t i = 0; i < def->nindexes; i++)
        for (uint16_t k = 0; k < def->index[i].ncols; k++) {
            const struct column_def *col = &def->col[def->index[i].col[k].attnum - 1];
            def->index[i].key[k] = (struct key_column){ .rep = tc[col->attnum - 1].rep,
                                                        .blank_padded = col->type == TYPE_BPCHAR,
                                                        .descending = def->index[i].col[k].descending,
                                                        .nulls_first = def->index[i].col[k].nulls_first,
                                         .numeric_sort_key = numeric_sort_key };
        }
}

static struct counted_def *counted(struct table_def *def) { return CONTAINER_OF(def, struct counted_def, def); }

static struct table_def *def_ref(struct table_def *def)
{
    counted(def)->refs++;
    return def;
}

static void def_unref(struct table_def *def)
{
    if (--counted(def)->refs == 0)
        table_def_free(def);
}

void catalog_release(struct catalog *c, struct table_def *def)
{
    if (!def)
        return;
    rt_mutex_lock(&c->lock);
    def_unref(def);
    rt_mutex_unlock(&c->lock);
}

/* ---- the cache ---------------------------------------------------------------------- */

static uint64_t name_hash(oid_t schema, const char *name) { return hash_bytes(name, strlen(name), schema); }

static void forget(struct catalog *c, oid_t oid)
{
    struct table_def *def = u64map_del(c->by_oid, oid);
    if (!def)
        return;
    const uint64_t h = name_hash(def->schema, def->name);
    if (u64map_get(c->by_name, h) == def)
        u64map_del(c->by_name, h);
    def_unref(def);
}

/* Before this node acknowledges a commit that changed these objects, and at the end of an own one. */
static void objects_changed(void *arg, const uint32_t *oids, unsigned n)
{
    struct catalog *c = arg;
    rt_mutex_lock(&c->lock);
    c->generation++;
    for (unsigned i = 0; i < n; i++)
        forget(c, oids[i]);
    rt_mutex_unlock(&c->lock);
}

uint64_t catalog_generation(const struct catalog *c) { return atomic_load_explicit(&c->generation, memory_order_acquire); }

static struct table_def *cached_by_oid(struct catalog *c, oid_t oid)
{
    rt_mutex_lock(&c->lock);
    struct table_def *def = u64map_get(c->by_oid, oid);
    if (def)
        def_ref(def);
    rt_mutex_unlock(&c->lock);
    return def;
}

static oid_t cached_oid_of(struct catalog *c, oid_t schema, const char *name, char *ret_kind)
{
    rt_mutex_lock(&c->lock);
    const struct table_def *def = u64map_get(c->by_name, name_hash(schema, name));
    const bool hit = def && def->schema == schema && strcmp(def->name, name) == 0;
    const oid_t oid = hit ? def->oid : 0;
    if (hit)
        *ret_kind = (char)def->kind;
    rt_mutex_unlock(&c->lock);
    return oid;
}

/* Puts a definition into the cache unless something changed while it was loaded. */
static void remember(struct catalog *c, struct table_def *def, uint64_t generation)
{
    rt_mutex_lock(&c->lock);
    if (c->generation == generation && !u64map_get(c->by_oid, def->oid)) {
        u64map_put(c->by_oid, def->oid, def_ref(def));
        u64map_put(c->by_name, name_hash(def->schema, def->name), def);
    }
    rt_mutex_unlock(&c->lock);
}

/* ---- transactions that change definitions ------------------------------------------------ */

static struct ddl_txn *ddl_of(struct catalog *c, const struct txn *t)
{
    LIST_FOREACH(it, &c->ddl_txns)
        if (LIST_ENTRY(it, struct ddl_txn, link)->txn == t)
            return LIST_ENTRY(it, struct ddl_txn, link);
    return NULL;
}

static bool changes_definitions(struct catalog *c, const struct txn *t)
{
    rt_mutex_lock(&c->lock);
    const bool is = !list_empty(&c->ddl_txns) && t && ddl_of(c, t);
    rt_mutex_unlock(&c->lock);
    return is;
}

static void ddl_ended(void *arg, enum txn_outcome outcome, scn_t scn)
{
    struct ddl_txn *dt = arg;
    struct catalog *c = dt->catalog;
    objects_changed(c, dt->oid, dt->n);
    rt_mutex_lock(&c->lock);
    list_remove(&dt->link);
    rt_mutex_unlock(&c->lock);
    free(dt->oid);
    free(dt);
}

/* Plans that the transaction made since, with definitions that are gone again, look again. */
static void change_taken_back(void *arg, enum txn_outcome outcome, scn_t scn)
{
    struct catalog *c = arg;
    if (outcome != TXN_ROLLED_BACK)
        return;
    rt_mutex_lock(&c->lock);
    c->generation++;
    rt_mutex_unlock(&c->lock);
}

void catalog__changed(struct catalog *c, struct txn *t, oid_t oid)
{
    rt_mutex_lock(&c->lock);
    struct ddl_txn *dt = ddl_of(c, t);
    const bool first = !dt;
    if (first) {
        dt = xcalloc(1, sizeof *dt);
        dt->catalog = c;
        dt->txn = t;
        list_push_back(&c->ddl_txns, &dt->link);
    }
    bool known = false;
    for (uint32_t i = 0; i < dt->n; i++)
        known |= dt->oid[i] == oid;
    if (!known) {
        if (dt->n == dt->cap)
            dt->oid = xrealloc(dt->oid, (dt->cap = dt->cap ? dt->cap * 2 : 8) * sizeof *dt->oid);
        dt->oid[dt->n++] = oid;
    }
    c->generation++; /* plans that this transaction made before look again */
    rt_mutex_unlock(&c->lock);
    txn_on_end(t, first ? ddl_ended : change_taken_back, first ? (void *)dt : c); /* of the transaction, or of the savepoint's part */
    if (!known)
        txn_changed_object(t, oid);
}

/* ---- reading ---------------------------------------------------------------------------------- */

enum err catalog__read_begin(struct catalog *c, struct txn *t, struct catalog_read *ret, struct diag *d)
{
    enum err err = txn_begin(c->opt.ts, TXN_READ_COMMITTED, &ret->inner, d);
    if (err)
        return err;
    const struct snapshot *s;
    err = txn_stmt_begin(ret->inner, &s, d);
    if (err) {
        txn_rollback(ret->inner);
        return err;
    }
    ret->s = *s;
    ret->s.own = t ? txn_xid(t) : XID_NONE;
    ret->s.stmt = UINT32_MAX;
    ret->arena = arena_new("catalogue", 0);
    return ERR_OK;
}

void catalog__read_end(struct catalog_read *r)
{
    txn_stmt_end(r->inner);
    txn_rollback(r->inner);
    arena_free(r->arena);
}

struct table_def *catalog__system(struct catalog *c, oid_t oid)
{
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        if (c->system[i]->oid == oid)
            return c->system[i];
    return NULL;
}

const struct index_def *catalog__system_index(const struct table_def *def, oid_t index)
{
    for (uint16_t i = 0; i < def->nindexes; i++)
        if (def->index[i].oid == index)
            return &def->index[i];
    panic("system table %s has no index %u", def->name, index);
}

static enum err each(struct catalog *c, struct catalog_read *r, oid_t table, oid_t index, const union datum *v, unsigned n,
                     enum err (*fn)(void *arg, const struct rel_row *row, struct diag *d), void *arg, struct diag *d)
{
    const struct table_def *def = catalog__system(c, table);
    return rel_index_each(c, &r->s, def, catalog__system_index(def, index), v, n, r->arena, fn, arg, d);
}

static union datum name_datum(const char *s) { return datum_str(s, strlen(s)); }

static void copy_name(char *to, union datum v)
{
    const size_t len = MIN((size_t)v.s.len, (size_t)NAME_MAX_BYTES);
    memcpy(to, v.s.p, len);
    to[len] = 0;
}

static char *copy_text(union datum v)
{
    char *s = xmalloc(v.s.len + 1u);
    memcpy(s, v.s.p, v.s.len);
    s[v.s.len] = 0;
    return s;
}

/* ---- loading one definition ----------------------------------------------------------------------- */

struct load {
    struct catalog *c;
    struct catalog_read r;
    struct table_def *def;
    bool found;
    struct index_def *index; /* whose pg_class row is read */
};

/* COLUMN(row, pg_class, relname): its datum. */
#define COLUMN(row, table, name) ((row)->v[table##_##name - 1])
#define IS_NULL(row, table, name) ((row)->null[table##_##name - 1])

static struct seg segment_of(const struct rel_row *row)
{
    return (struct seg){ .id = (uint32_t)COLUMN(row, pg_class, relfilenode).i, .header = { (uint64_t)COLUMN(row, pg_class, rdbseghead).i } };
}

void catalog__take_class(struct table_def *def, const struct rel_row *row)
{
    copy_name(def->name, COLUMN(row, pg_class, relname));
    def->schema = (oid_t)COLUMN(row, pg_class, relnamespace).i;
    def->kind = COLUMN(row, pg_class, relkind).s.len ? (enum table_kind)COLUMN(row, pg_class, relkind).s.p[0] : TABLE_ORDINARY;
    def->seg = def->overflow = segment_of(row);
    def->layout = (uint8_t)COLUMN(row, pg_class, rdblayout).i;
    def->fillfactor = (int)COLUMN(row, pg_class, rdbfillfactor).i;
    def->pages = (double)COLUMN(row, pg_class, relpages).i;
    def->tuples = COLUMN(row, pg_class, reltuples).f;
    def->ncols = (uint16_t)COLUMN(row, pg_class, relnatts).i;
}

static enum err on_class(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    l->found = true;
    catalog__take_class(l->def, row);
    return ERR_OK;
}

enum err catalog__take_attribute(struct table_def *def, const struct rel_row *row, struct arena *a, struct diag *d)
{
    const int64_t attnum = COLUMN(row, pg_attribute, attnum).i;
    if (attnum < 1 || attnum > def->ncols)
        return diag_set(d, ERR_CORRUPT, "pg_attribute has column %" PRId64 " of relation %u, pg_class says %u columns", attnum, def->oid, def->ncols);
    struct column_def *col = &def->col[attnum - 1];
    struct tuple_column *tc = (struct tuple_column *)&def->tuple.col[attnum - 1];
    copy_name(col->name, COLUMN(row, pg_attribute, attname));
    col->attnum = (int16_t)attnum;
    col->type = (oid_t)COLUMN(row, pg_attribute, atttypid).i;
    col->typmod = (int32_t)COLUMN(row, pg_attribute, atttypmod).i;
    col->not_null = COLUMN(row, pg_attribute, attnotnull).i != 0;
    col->dropped = COLUMN(row, pg_attribute, attisdropped).i != 0;
    col->owned_sequence = (oid_t)COLUMN(row, pg_attribute, rdbownedseq).i;
    const struct type *t = type_by_oid(col->type);
    if (!t)
        return diag_set(d, ERR_CORRUPT, "column %s of relation %u has unknown type %u", col->name, def->oid, col->type);
    tc->has_missing = COLUMN(row, pg_attribute, atthasmissing).i != 0 && !IS_NULL(row, pg_attribute, attmissingval);
    if (tc->has_missing) {
        union datum v;
        if (!catalog__missing_from_text(a, t->rep, COLUMN(row, pg_attribute, attmissingval).s, &v))
            return diag_set(d, ERR_CORRUPT, "column %s of relation %u: unreadable missing value", col->name, def->oid);
        if (t->rep >= REP_STR) {
            char *p = xmalloc(v.s.len + 1u);
            memcpy(p, v.s.p, v.s.len);
            v.s.p = p;
        }
        tc->missing = v;
        tc->rep = t->rep; /* table_def_free() asks */
    }
    return ERR_OK;
}

static enum err on_attribute(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    return catalog__take_attribute(l->def, row, l->r.arena, d);
}

static enum err on_attrdef(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    const int64_t attnum = COLUMN(row, pg_attrdef, adnum).i;
    if (attnum >= 1 && attnum <= l->def->ncols && !l->def->col[attnum - 1].default_sql)
        l->def->col[attnum - 1].default_sql = copy_text(COLUMN(row, pg_attrdef, adbin));
    return ERR_OK;
}

static enum err on_index_class(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    l->found = true;
    copy_name(l->index->name, COLUMN(row, pg_class, relname));
    l->index->seg = segment_of(row);
    l->index->pages = (double)COLUMN(row, pg_class, relpages).i;
    l->index->tuples = COLUMN(row, pg_class, reltuples).f;
    return ERR_OK;
}

/* "2 3" and "0 1" (1 = descending, 2 = nulls first), as pg_index has them. */
static uint16_t parse_columns(struct str key, struct str option, struct index_column *col, uint16_t max)
{
    const char *k = key.p, *k_end = key.p + key.len, *o = option.p, *o_end = option.p + option.len;
    uint16_t n = 0;
    while (k < k_end && n < max) {
        int attnum = 0, opt = 0;
        while (k < k_end && *k == ' ')
            k++;
        for (; k < k_end && *k >= '0' && *k <= '9'; k++)
            attnum = attnum * 10 + (*k - '0');
        while (o < o_end && *o == ' ')
            o++;
        for (; o < o_end && *o >= '0' && *o <= '9'; o++)
            opt = opt * 10 + (*o - '0');
        col[n++] = (struct index_column){ .attnum = (int16_t)attnum, .descending = opt & 1, .nulls_first = (opt & 2) != 0 };
    }
    return n;
}

void catalog__take_index(struct index_def *ix, const struct rel_row *row)
{
    memset(ix, 0, sizeof *ix);
    ix->oid = (oid_t)COLUMN(row, pg_index, indexrelid).i;
    ix->table = (oid_t)COLUMN(row, pg_index, indrelid).i;
    ix->unique = COLUMN(row, pg_index, indisunique).i != 0;
    ix->primary = COLUMN(row, pg_index, indisprimary).i != 0;
    ix->ncols = parse_columns(COLUMN(row, pg_index, indkey).s, COLUMN(row, pg_index, indoption).s, ix->col, ARRAY_LEN(ix->col));
}

static enum err on_index(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    struct table_def *def = l->def;
    def->index = xrealloc(def->index, (def->nindexes + 1u) * sizeof *def->index);
    struct index_def *ix = &def->index[def->nindexes++];
    catalog__take_index(ix, row);
    l->index = ix;
    l->found = false;
    const union datum key = datum_int(ix->oid);
    enum err err = each(l->c, &l->r, OID_pg_class, OID_pg_class_oid_index, &key, 1, on_index_class, l, d);
    for (uint16_t i = 0; i < ix->ncols && !err && def->kind != TABLE_INDEX; i++)
        if (ix->col[i].attnum < 1 || ix->col[i].attnum > def->ncols)
            err = diag_set(d, ERR_CORRUPT, "index %u has column %d of relation %u, which has %u", ix->oid, ix->col[i].attnum, def->oid, def->ncols);
    if (!err && !l->found)
        err = diag_set(d, ERR_CORRUPT, "index %u of relation %u is not in pg_class", ix->oid, def->oid);
    if (!err)
        err = heap_commit_scn(l->c->opt.access, l->r.s.own, catalog__system(l->c, OID_pg_index)->seg, row->rowid, &ix->since, d);
    return err;
}

/* Indexes are looked at in the order of their creation, as in PostgreSQL: the first violated key is the one reported. */
static void sort_indexes(struct table_def *def)
{
    for (uint16_t i = 1; i < def->nindexes; i++) {
        const struct index_def moved = def->index[i];
        uint16_t to = i;
        for (; to > 0 && def->index[to - 1].oid > moved.oid; to--)
            def->index[to] = def->index[to - 1];
        def->index[to] = moved;
    }
}

static enum err on_constraint(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    struct table_def *def = l->def;
    const oid_t oid = (oid_t)COLUMN(row, pg_constraint, oid).i, index = (oid_t)COLUMN(row, pg_constraint, conindid).i;
    for (uint16_t i = 0; i < def->nindexes; i++)
        if (index && def->index[i].oid == index)
            def->index[i].constraint = oid;
    if (COLUMN(row, pg_constraint, contype).s.len == 0 || COLUMN(row, pg_constraint, contype).s.p[0] != 'c')
        return ERR_OK;
    def->check = xrealloc(def->check, (def->nchecks + 1u) * sizeof *def->check);
    struct check_def *ck = &def->check[def->nchecks++];
    ck->oid = oid;
    copy_name(ck->name, COLUMN(row, pg_constraint, conname));
    ck->expr_sql = copy_text(COLUMN(row, pg_constraint, conbin));
    return ERR_OK;
}

static enum err on_sequence(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    l->def->sequence = (struct sequence_def){
        .id = l->def->oid,
        .seg = l->def->seg,
        .start = COLUMN(row, pg_sequence, seqstart).i,
        .increment = COLUMN(row, pg_sequence, seqincrement).i,
        .min = COLUMN(row, pg_sequence, seqmin).i,
        .max = COLUMN(row, pg_sequence, seqmax).i,
        .cache = COLUMN(row, pg_sequence, seqcache).i,
        .cycle = COLUMN(row, pg_sequence, seqcycle).i != 0,
        .name = l->def->name,
    };
    return ERR_OK;
}

static enum err on_statistic(void *arg, const struct rel_row *row, struct diag *d)
{
    struct load *l = arg;
    const int64_t attnum = COLUMN(row, rdb_statistic, staattnum).i;
    if (attnum < 1 || attnum > l->def->ncols)
        return ERR_OK;
    if (!l->def->stats)
        l->def->stats = xcalloc(l->def->ncols, sizeof *l->def->stats);
    l->def->stats[attnum - 1] = (struct column_stats){
        .null_fraction = COLUMN(row, rdb_statistic, stanullfrac).f,
        .distinct = COLUMN(row, rdb_statistic, stadistinct).f,
        .avg_width = COLUMN(row, rdb_statistic, stawidth).f,
        .has_range = COLUMN(row, rdb_statistic, stahasrange).i != 0,
        .lo = COLUMN(row, rdb_statistic, stalo).f,
        .hi = COLUMN(row, rdb_statistic, stahi).f,
    };
    return ERR_OK;
}

static enum err on_namespace(void *arg, const struct rel_row *row, struct diag *d)
{
    copy_name(arg, COLUMN(row, pg_namespace, nspname));
    return ERR_OK;
}

static enum err load_table(struct load *l, struct diag *d)
{
    struct table_def *def = l->def;
    const union datum key = datum_int(def->oid);
    def->col = xcalloc(def->ncols + 1u, sizeof *def->col);
    def->tuple.col = xcalloc(def->ncols + 1u, sizeof *def->tuple.col);
    enum err err = each(l->c, &l->r, OID_pg_attribute, OID_pg_attribute_relid_attnum_index, &key, 1, on_attribute, l, d);
    if (!err)
        err = each(l->c, &l->r, OID_pg_attrdef, OID_pg_attrdef_adrelid_adnum_index, &key, 1, on_attrdef, l, d);
    if (!err)
        err = each(l->c, &l->r, OID_pg_index, OID_pg_index_indrelid_index, &key, 1, on_index, l, d);
    sort_indexes(l->def);
    if (!err)
        err = each(l->c, &l->r, OID_pg_constraint, OID_pg_constraint_conrelid_contypid_conname_index, &key, 1, on_constraint, l, d);
    if (!err)
        err = each(l->c, &l->r, OID_rdb_statistic, OID_rdb_statistic_relid_index, &key, 1, on_statistic, l, d);
    for (uint16_t i = 0; i < def->ncols && !err; i++)
        if (def->col[i].attnum == 0)
            err = diag_set(d, ERR_CORRUPT, "pg_attribute lacks column %u of relation %u", i + 1u, def->oid);
    if (!err)
        catalog__finish_def(def);
    return err;
}

enum err catalog__load(struct catalog *c, struct txn *t, oid_t oid, struct table_def **ret, struct diag *d)
{
    struct table_def *system = catalog__system(c, oid);
    if (system) {
        rt_mutex_lock(&c->lock);
        *ret = def_ref(system);
        rt_mutex_unlock(&c->lock);
        return ERR_OK;
    }
    struct load l = { .c = c };
    enum err err = catalog__read_begin(c, t, &l.r, d);
    if (err)
        return err;
    struct counted_def *cd = xcalloc(1, sizeof *cd);
    cd->refs = 1;
    l.def = &cd->def;
    l.def->oid = oid;
    const union datum key = datum_int(oid);
    err = each(c, &l.r, OID_pg_class, OID_pg_class_oid_index, &key, 1, on_class, &l, d);
    const bool exists = !err && l.found;
    if (exists) {
        const union datum ns = datum_int(l.def->schema);
        err = each(c, &l.r, OID_pg_namespace, OID_pg_namespace_oid_index, &ns, 1, on_namespace, l.def->schema_name, d);
        if (!err && l.def->kind == TABLE_ORDINARY)
            err = load_table(&l, d);
        else if (!err && l.def->kind == TABLE_SEQUENCE)
            err = each(c, &l.r, OID_pg_sequence, OID_pg_sequence_seqrelid_index, &key, 1, on_sequence, &l, d);
        else if (!err && l.def->kind == TABLE_INDEX)
            err = each(c, &l.r, OID_pg_index, OID_pg_index_indexrelid_index, &key, 1, on_index, &l, d);
    }
    catalog__read_end(&l.r);
    if (err || !exists) {
        table_def_free(l.def);
        l.def = NULL;
    }
    if (!err)
        *ret = l.def;
    return err ? diag_wrap(d, err, "reading the definition of relation %u", oid) : ERR_OK;
}

/* ---- names ----------------------------------------------------------------------------------------------- */

struct found_oid {
    oid_t oid;
    char kind;
};

static enum err on_name(void *arg, const struct rel_row *row, struct diag *d)
{
    struct found_oid *f = arg;
    f->oid = (oid_t)COLUMN(row, pg_class, oid).i;
    f->kind = COLUMN(row, pg_class, relkind).s.len ? COLUMN(row, pg_class, relkind).s.p[0] : 'r';
    return ERR_OK;
}

static enum err on_schema(void *arg, const struct rel_row *row, struct diag *d)
{
    *(oid_t *)arg = (oid_t)COLUMN(row, pg_namespace, oid).i;
    return ERR_OK;
}

static enum err schema_oid(struct catalog *c, struct txn *t, const char *schema, oid_t *ret, struct diag *d)
{
    *ret = strcmp(schema, "pg_catalog") == 0 ? OID_NAMESPACE_PG_CATALOG : strcmp(schema, "public") == 0 ? OID_NAMESPACE_PUBLIC : 0;
    if (*ret)
        return ERR_OK;
    struct catalog_read r;
    enum err err = catalog__read_begin(c, t, &r, d);
    if (err)
        return err;
    const union datum key = name_datum(schema);
    err = each(c, &r, OID_pg_namespace, OID_pg_namespace_nspname_index, &key, 1, on_schema, ret, d);
    catalog__read_end(&r);
    return err;
}

static enum err oid_in_schema(struct catalog *c, struct txn *t, oid_t schema, const char *name, struct found_oid *ret, struct diag *d)
{
    *ret = (struct found_oid){ 0 };
    if (schema == OID_NAMESPACE_PG_CATALOG) {
        for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
            if (strcmp(c->system[i]->name, name) == 0) {
                *ret = (struct found_oid){ c->system[i]->oid, 'r' };
                return ERR_OK;
            }
        LIST_FOREACH(it, &c->virtuals) {
            const struct virtual_entry *ve = LIST_ENTRY(it, struct virtual_entry, link);
            if (strcmp(ve->vt->name, name) == 0) {
                *ret = (struct found_oid){ ve->oid, 'v' };
                return ERR_OK;
            }
        }
    }
    if (!changes_definitions(c, t)) {
        ret->oid = cached_oid_of(c, schema, name, &ret->kind);
        if (ret->oid)
            return ERR_OK;
    }
    struct catalog_read r;
    enum err err = catalog__read_begin(c, t, &r, d);
    if (err)
        return err;
    const union datum key[2] = { name_datum(name), datum_int(schema) };
    err = each(c, &r, OID_pg_class, OID_pg_class_relname_nsp_index, key, 2, on_name, ret, d);
    catalog__read_end(&r);
    return err;
}

static enum err resolve(struct catalog *c, struct txn *t, const char *schema, const char *name, struct found_oid *ret, struct diag *d)
{
    *ret = (struct found_oid){ 0 };
    if (schema) {
        oid_t ns;
        enum err err = schema_oid(c, t, schema, &ns, d);
        return err || !ns ? err : oid_in_schema(c, t, ns, name, ret, d);
    }
    /* search path: the cached common case is a user's table */
    enum err err = oid_in_schema(c, t, OID_NAMESPACE_PG_CATALOG, name, ret, d);
    if (!err && !ret->oid)
        err = oid_in_schema(c, t, OID_NAMESPACE_PUBLIC, name, ret, d);
    return err;
}

enum err catalog_oid_of(struct catalog *c, struct txn *t, const char *schema, const char *name, oid_t *ret, char *ret_kind, struct diag *d)
{
    struct found_oid f;
    enum err err = resolve(c, t, schema, name, &f, d);
    if (err)
        return err;
    *ret = f.oid;
    if (ret_kind)
        *ret_kind = f.kind;
    return ERR_OK;
}

enum err catalog_name_of(struct catalog *c, struct txn *t, oid_t oid, char *schema, char *name, bool *ret_found, struct diag *d)
{
    struct table_def *def;
    enum err err = catalog_table_by_oid(c, t, oid, GES_MODE_NL, &def, d);
    *ret_found = err == ERR_OK;
    if (err == ERR_UNDEFINED_TABLE)
        return ERR_OK;
    if (err)
        return err;
    strcpy(schema, def->schema_name);
    strcpy(name, def->name);
    catalog_release(c, def);
    return ERR_OK;
}

struct table_list {
    struct arena *arena;
    oid_t *oid;
    uint32_t n, cap;
};

static enum err on_table(void *arg, const struct rel_row *row, struct diag *d)
{
    struct table_list *l = arg;
    if (COLUMN(row, pg_class, relkind).s.p[0] != TABLE_ORDINARY || (oid_t)COLUMN(row, pg_class, relnamespace).i != OID_NAMESPACE_PUBLIC)
        return ERR_OK;
    if (l->n == l->cap) {
        const uint32_t cap = l->cap ? l->cap * 2 : 64;
        oid_t *grown = ARENA_ARRAY(l->arena, oid_t, cap);
        if (l->n)
            memcpy(grown, l->oid, l->n * sizeof *grown);
        l->oid = grown;
        l->cap = cap;
    }
    l->oid[l->n++] = (oid_t)COLUMN(row, pg_class, oid).i;
    return ERR_OK;
}

enum err catalog_user_tables(struct catalog *c, struct txn *t, struct arena *arena, oid_t **ret, uint32_t *ret_n, struct diag *d)
{
    struct table_list l = { .arena = arena };
    struct catalog_read r;
    enum err err = catalog__read_begin(c, t, &r, d);
    if (err)
        return err;
    err = each(c, &r, OID_pg_class, OID_pg_class_oid_index, NULL, 0, on_table, &l, d);
    catalog__read_end(&r);
    *ret = l.oid;
    *ret_n = l.n;
    return err;
}

struct owner_search {
    oid_t sequence, table;
    char *column;
};

static enum err on_owner(void *arg, const struct rel_row *row, struct diag *d)
{
    struct owner_search *o = arg;
    if ((oid_t)COLUMN(row, pg_attribute, rdbownedseq).i != o->sequence)
        return ERR_OK;
    o->table = (oid_t)COLUMN(row, pg_attribute, attrelid).i;
    copy_name(o->column, COLUMN(row, pg_attribute, attname));
    return ERR_OK;
}

enum err catalog_sequence_owner(struct catalog *c, struct txn *t, oid_t sequence, oid_t *ret_table, char *ret_column, struct diag *d)
{
    struct owner_search o = { .sequence = sequence, .column = ret_column };
    struct catalog_read r;
    enum err err = catalog__read_begin(c, t, &r, d);
    if (err)
        return err;
    err = each(c, &r, OID_pg_attribute, OID_pg_attribute_relid_attnum_index, NULL, 0, on_owner, &o, d);
    catalog__read_end(&r);
    *ret_table = o.table;
    return err;
}

/* ---- definitions of virtual tables ------------------------------------------------------------------------- */

#define OID_VIRTUAL_FIRST 12000u

static struct table_def *virtual_def(struct catalog *c, const struct virtual_entry *ve)
{
    struct counted_def *cd = xcalloc(1, sizeof *cd);
    struct table_def *def = &cd->def;
    cd->refs = 1;
    def->oid = ve->oid;
    def->schema = OID_NAMESPACE_PG_CATALOG;
    strcpy(def->schema_name, "pg_catalog");
    strncpy(def->name, ve->vt->name, NAME_MAX_BYTES);
    def->kind = TABLE_VIRTUAL;
    def->system = true;
    def->tuples = -1;
    def->ncols = ve->vt->ncols;
    def->col = xcalloc(def->ncols + 1u, sizeof *def->col);
    for (uint16_t i = 0; i < def->ncols; i++) {
        strncpy(def->col[i].name, ve->vt->col[i].name, NAME_MAX_BYTES);
        def->col[i].attnum = (int16_t)(i + 1);
        def->col[i].type = ve->vt->col[i].type;
        def->col[i].typmod = ve->vt->col[i].typmod;
    }
    def->virtual_table = ve->vt;
    def->virtual_arg = ve->arg;
    catalog__finish_def(def);
    return def;
}

void catalog_register_virtual(struct catalog *c, const struct virtual_table *vt, void *arg)
{
    struct virtual_entry *ve = xcalloc(1, sizeof *ve);
    ve->vt = vt;
    ve->arg = arg;
    ve->oid = OID_VIRTUAL_FIRST;
    LIST_FOREACH(it, &c->virtuals)
        ve->oid++;
    list_push_back(&c->virtuals, &ve->link);
}

/* ---- look-up with a lock ------------------------------------------------------------------------------------- */

static enum err undefined(const char *schema, const char *name, struct diag *d)
{
    return schema ? diag_set(d, ERR_UNDEFINED_TABLE, "relation \"%s.%s\" does not exist", schema, name)
                  : diag_set(d, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", name);
}

/* As committed now, or changed by t. *ret NULL: it is gone. */
static enum err definition(struct catalog *c, struct txn *t, oid_t oid, struct table_def **ret, struct diag *d)
{
    LIST_FOREACH(it, &c->virtuals)
        if (LIST_ENTRY(it, struct virtual_entry, link)->oid == oid) {
            *ret = virtual_def(c, LIST_ENTRY(it, struct virtual_entry, link));
            return ERR_OK;
        }
    const bool own = changes_definitions(c, t);
    if (!own) {
        *ret = cached_by_oid(c, oid);
        if (*ret)
            return ERR_OK;
    }
    const uint64_t generation = catalog_generation(c);
    enum err err = catalog__load(c, t, oid, ret, d);
    if (!err && *ret && !own && !(*ret)->system) {
        (*ret)->generation = generation;
        remember(c, *ret, generation);
    }
    return err;
}

/*
 * SERIALIZABLE is two-phase locking of tables: who reads keeps writers out, who writes keeps all others out, until the transaction ends.
 * Locks come before snapshots, and each statement has its own (txn_stmt_begin()), so it sees all that was committed before its locks.
 */
static enum ges_mode lock_of(const struct txn *t, enum ges_mode lock)
{
    if (txn_isolation(t) != TXN_SERIALIZABLE || (lock != GES_MODE_CR && lock != GES_MODE_CW))
        return lock;
    return lock == GES_MODE_CR ? GES_MODE_PR : GES_MODE_PW;
}

static enum err lock_until(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock, uint64_t deadline, struct diag *d)
{
    if (!c->opt.ges || lock == GES_MODE_NL || oid < OID_USER_FIRST)
        return ERR_OK;
    return ges_lock(txn_ges_owner(t), (struct ges_resource){ GES_TM, oid, 0 }, lock_of(t, lock), deadline, d);
}

enum err catalog_lock(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock, struct diag *d)
{
    return lock_until(c, t, oid, lock, txn_lock_deadline(t), d);
}

/* Gives back one catalog_lock(). */
static void unlock(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock)
{
    if (c->opt.ges && lock != GES_MODE_NL && oid >= OID_USER_FIRST)
        ges_unlock(txn_ges_owner(t), (struct ges_resource){ GES_TM, oid, 0 }, lock_of(t, lock));
}

static enum err locked_definition(struct catalog *c, struct txn *t, oid_t oid, struct table_def **ret, struct diag *d)
{
    struct table_def *def;
    enum err err = definition(c, t, oid, &def, d);
    if (err)
        return err;
    if (!def)
        return diag_set(d, ERR_UNDEFINED_TABLE, "relation with OID %u does not exist", oid);
    *ret = def;
    return ERR_OK;
}

enum err catalog_table_by_oid(struct catalog *c, struct txn *t, oid_t oid, enum ges_mode lock, struct table_def **ret, struct diag *d)
{
    enum err err = catalog_lock(c, t, oid, lock, d);
    return err ? err : locked_definition(c, t, oid, ret, d);
}

static enum err table_by_name(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, bool nowait,
                              struct table_def **ret, struct diag *d)
{
    for (;;) {
        struct found_oid f;
        enum err err = resolve(c, t, schema, name, &f, d);
        if (err)
            return err;
        if (!f.oid)
            return undefined(schema, name, d);
        struct table_def *def = NULL;
        err = lock_until(c, t, f.oid, lock, nowait ? 0 : txn_lock_deadline(t), d);
        if (err == ERR_LOCK_NOT_AVAILABLE && nowait)
            return diag_set(d, err, "could not obtain lock on relation \"%s\"", name);
        if (err)
            return err;
        err = locked_definition(c, t, f.oid, &def, d);
        if (err == ERR_OK && strcmp(def->name, name) == 0) {
            *ret = def;
            return ERR_OK;
        }
        if (err != ERR_OK && err != ERR_UNDEFINED_TABLE) /* the lock goes with the transaction */
            return err;
        /* dropped or renamed while we waited for the lock: look the name up again */
        unlock(c, t, f.oid, lock);
        if (err == ERR_OK)
            catalog_release(c, def);
        rt_mutex_lock(&c->lock);
        forget(c, f.oid);
        rt_mutex_unlock(&c->lock);
        rt_yield();
    }
}

enum err catalog_table(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, struct table_def **ret,
                       struct diag *d)
{
    return table_by_name(c, t, schema, name, lock, false, ret, d);
}

enum err catalog_table_nowait(struct catalog *c, struct txn *t, const char *schema, const char *name, enum ges_mode lock, struct table_def **ret,
                              struct diag *d)
{
    return table_by_name(c, t, schema, name, lock, true, ret, d);
}

/* ---- open and close ---------------------------------------------------------------------------------------------- */

struct access *catalog_access(struct catalog *c) { return c->opt.access; }
struct sequences *catalog_sequences(struct catalog *c) { return c->opt.sequences; }

/* Rows of the root heap: (relation oid, segment id, segment header). */
static const struct tuple_column root_columns[] = { { REP_INT, 8, false, { 0 } }, { REP_INT, 8, false, { 0 } }, { REP_INT, 8, false, { 0 } } };
const struct tuple_desc catalog__root_tuple = { 3, root_columns };

static void set_segment(struct catalog *c, oid_t oid, struct seg seg)
{
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++) {
        struct table_def *def = c->system[i];
        if (def->oid == oid)
            def->seg = def->overflow = seg;
        for (uint16_t k = 0; k < def->nindexes; k++)
            if (def->index[k].oid == oid)
                def->index[k].seg = seg;
    }
    if (oid == OID_OID_SEQUENCE)
        c->oid_sequence.seg = seg;
}

enum err catalog__read_root(struct catalog *c, struct diag *d)
{
    struct catalog_read r;
    enum err err = catalog__read_begin(c, NULL, &r, d);
    if (err)
        return err;
    struct heap_scan *scan = NULL;
    err = heap_scan_open(c->opt.access, c->root, &r.s, &scan, d);
    while (!err) {
        struct heap_row row[HEAP_SCAN_MIN];
        uint32_t n;
        err = heap_scan_next(scan, r.arena, row, ARRAY_LEN(row), &n, d);
        if (err || n == 0)
            break;
        for (uint32_t i = 0; i < n && !err; i++) {
            union datum v[3];
            bool null[3];
            err = tuple_deform(c->opt.access, &r.s, &catalog__root_tuple, row[i].body, row[i].len, 3, NULL, v, null, r.arena, d);
            if (!err)
                set_segment(c, (oid_t)v[0].i, (struct seg){ (uint32_t)v[1].i, { (uint64_t)v[2].i } });
        }
    }
    if (scan)
        heap_scan_close(scan);
    catalog__read_end(&r);
    return err;
}

enum err catalog_open(const struct catalog_options *opt, struct catalog **ret, struct diag *d)
{
    struct catalog *c = xcalloc(1, sizeof *c);
    c->opt = *opt;
    list_init(&c->ddl_txns);
    list_init(&c->virtuals);
    catalog__register_views(c);
    c->by_oid = u64map_new(256);
    c->by_name = u64map_new(256);
    c->generation = 1;
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        c->system[i] = system_table_def(i);
    c->oid_sequence = (struct sequence_def){ .id = OID_OID_SEQUENCE, .start = OID_USER_FIRST, .increment = 1, .min = OID_USER_FIRST,
                                             .max = UINT32_MAX, .cache = 100 };
    txn_set_object_listener(opt->ts, objects_changed, c);
    *ret = c;
    return ERR_OK;
}

void catalog_close(struct catalog *c)
{
    size_t pos = 0;
    uint64_t key;
    void *def;
    while (u64map_next(c->by_oid, &pos, &key, &def))
        def_unref(def);
    u64map_free(c->by_oid);
    u64map_free(c->by_name);
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        table_def_free(c->system[i]);
    for (struct list *l; (l = list_pop_front(&c->virtuals));)
        free(LIST_ENTRY(l, struct virtual_entry, link));
    free(c);
}
