/*
 * The catalogue: found from the root heap, read block by block, checked for
 * consistency; then every relation that it knows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "catalog/rel.h"
#include "check/check_int.h"
#include "rt/rt.h"
#include "storage/space.h"

/* A relation of pg_class. */
struct rel {
    struct counted_def *cd; /* what pg_class and, for tables, pg_attribute and pg_index say */
    uint16_t columns; /* seen in pg_attribute */
    bool has_sequence; /* seen in pg_sequence */
    oid_t table; /* of an index: from pg_index */
};

struct catalog_check {
    struct check *c;
    struct table_def *system[SYSTEM_TABLES_N];
    struct seg root, oid_sequence;
    struct rel *rel;
    uint32_t nrels, rels_cap;
    struct u64map *by_oid; /* index in rel + 1 */
    struct u64map *pending; /* segment ids of rdb_pending_free */
    struct arena *arena; /* of one row */
};

static struct rel *find_rel(struct catalog_check *k, oid_t oid)
{
    const uintptr_t i = (uintptr_t)u64map_get(k->by_oid, oid);
    return i ? &k->rel[i - 1] : NULL;
}

static bool is_system(const struct catalog_check *k, oid_t oid)
{
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        if (k->system[i]->oid == oid)
            return true;
    return false;
}

static const struct table_def *system_table(const struct catalog_check *k, oid_t oid)
{
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        if (k->system[i]->oid == oid)
            return k->system[i];
    panic("no system table %u", oid);
}

/* ---- reading live rows, without a word about what is wrong with them: that is told when the table is checked ------------- */

typedef void row_fn(struct catalog_check *k, const struct rel_row *row);

struct scan {
    struct catalog_check *k;
    const struct tuple_desc *desc;
    row_fn *fn;
    struct seg seg;
    uint8_t *block, *other; /* buffers */
};

static bool follow(struct scan *s, const struct heap_item *it, struct heap_item *ret)
{
    struct heap_stub stub;
    if (it->h.body_len != HEAP_STUB_SIZE)
        return false;
    memcpy(&stub, it->body, sizeof stub);
    const struct dba at = rowid_dba(stub.to);
    return dba_file(at) == FILE_DATA && dba_block(at) < s->k->c->nblocks && check__read(s->k->c, at, s->other) && heap_page_is(s->other, s->seg.id) &&
           heap_page_row(s->other, rowid_slot(stub.to), ret) && (ret->h.flags & ROW_MOVED_HERE) && ret->h.undo.v == stub.stamp.v;
}

static void scan_row(struct scan *s, struct rowid rowid, const struct heap_item *it)
{
    const struct tuple_source src = check__chains(s->k->c);
    struct heap_item body = *it;
    struct diag d;
    if ((it->h.flags & (ROW_DELETED | ROW_MOVED_HERE)) || ((it->h.flags & ROW_FORWARD) && !follow(s, it, &body)))
        return;
    arena_reset(s->k->arena);
    union datum *v = ARENA_ARRAY(s->k->arena, union datum, s->desc->n);
    bool *null = ARENA_ARRAY(s->k->arena, bool, s->desc->n);
    if (tuple_deform_from(&src, s->desc, body.body, body.h.body_len, s->desc->n, NULL, v, null, s->k->arena, &d) == ERR_OK)
        s->fn(s->k, &(struct rel_row){ rowid, v, null });
}

static void scan_rows(struct catalog_check *k, struct seg seg, const struct tuple_desc *desc, row_fn *fn)
{
    const struct segment *g = check__segment(k->c, seg.id);
    struct scan s = { .k = k, .desc = desc, .fn = fn, .seg = seg };
    struct dba at;
    if (!g || !dba_eq(g->seg.header, seg.header))
        return;
    s.block = rt_alloc_aligned(BLOCK_SIZE);
    s.other = rt_alloc_aligned(BLOCK_SIZE);
    for (uint64_t pos = 0; check__next_block(k->c, g, &pos, &at);) {
        struct diag ignored;
        struct heap_item it;
        if (!check__read(k->c, at, s.block) || !heap_page_is(s.block, seg.id) || heap_page_check(s.block, &ignored))
            continue;
        for (uint16_t slot = 0; slot < heap_page(s.block)->nslots; slot++)
            if (heap_page_row(s.block, slot, &it))
                scan_row(&s, rowid_make(at, slot), &it);
    }
    rt_free_aligned(s.block, BLOCK_SIZE);
    rt_free_aligned(s.other, BLOCK_SIZE);
}

static void scan_system(struct catalog_check *k, oid_t oid, row_fn *fn)
{
    const struct table_def *def = system_table(k, oid);
    scan_rows(k, def->seg, &def->tuple, fn);
}

/* ---- rows of the system tables ---------------------------------------------------------------- */

#define COLUMN(row, table, name) ((row)->v[table##_##name - 1])

static void on_root(struct catalog_check *k, const struct rel_row *row)
{
    const oid_t oid = (oid_t)row->v[0].i;
    const struct seg seg = { (uint32_t)row->v[1].i, { (uint64_t)row->v[2].i } };
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++) {
        struct table_def *def = k->system[i];
        if (def->oid == oid)
            def->seg = def->overflow = seg;
        for (uint16_t x = 0; x < def->nindexes; x++)
            if (def->index[x].oid == oid)
                def->index[x].seg = seg;
    }
    if (oid == OID_OID_SEQUENCE)
        k->oid_sequence = seg;
}

static void on_class(struct catalog_check *k, const struct rel_row *row)
{
    struct counted_def *cd = xcalloc(1, sizeof *cd);
    cd->def.oid = (oid_t)COLUMN(row, pg_class, oid).i;
    catalog__take_class(&cd->def, row);
    if (find_rel(k, cd->def.oid)) {
        check__problem(k->c, "catalogue: relation %u (%s) is in pg_class twice", cd->def.oid, cd->def.name);
        free(cd);
        return;
    }
    if (cd->def.ncols > TUPLE_COLUMNS_MAX) {
        check__problem(k->c, "catalogue: relation %s has %u columns", cd->def.name, cd->def.ncols);
        free(cd);
        return;
    }
    cd->def.col = xcalloc(cd->def.ncols + 1u, sizeof *cd->def.col);
    cd->def.tuple.col = xcalloc(cd->def.ncols + 1u, sizeof *cd->def.tuple.col);
    if (k->nrels == k->rels_cap) {
        k->rels_cap = MAX(64u, 2 * k->rels_cap);
        k->rel = xrealloc(k->rel, k->rels_cap * sizeof *k->rel);
    }
    k->rel[k->nrels++] = (struct rel){ .cd = cd };
    u64map_put(k->by_oid, cd->def.oid, (void *)(uintptr_t)k->nrels);
}

static void on_attribute(struct catalog_check *k, const struct rel_row *row)
{
    const oid_t oid = (oid_t)COLUMN(row, pg_attribute, attrelid).i;
    struct rel *r = find_rel(k, oid);
    struct diag d;
    if (!r) {
        check__problem(k->c, "catalogue: pg_attribute has a column of relation %u, which is not in pg_class", oid);
        return;
    }
    if (r->cd->def.kind != TABLE_ORDINARY || is_system(k, oid))
        return;
    if (catalog__take_attribute(&r->cd->def, row, k->arena, &d))
        check__problem_diag(k->c, "catalogue", &d);
    else
        r->columns++;
}

static void add_index(struct catalog_check *k, struct rel *table, struct rel *index, const struct index_def *from)
{
    struct table_def *def = &table->cd->def;
    for (uint16_t i = 0; i < from->ncols; i++)
        if (from->col[i].attnum < 1 || from->col[i].attnum > def->ncols) {
            check__problem(k->c, "catalogue: index %s is on column %d of table %s, which has %u", index->cd->def.name, from->col[i].attnum, def->name,
                           def->ncols);
            return;
        }
    def->index = xrealloc(def->index, (def->nindexes + 1u) * sizeof *def->index);
    struct index_def *ix = &def->index[def->nindexes++];
    *ix = *from;
    ix->seg = index->cd->def.seg;
    snprintf(ix->name, sizeof ix->name, "%s", index->cd->def.name);
}

static void on_index(struct catalog_check *k, const struct rel_row *row)
{
    struct index_def ix;
    catalog__take_index(&ix, row);
    struct rel *table = find_rel(k, ix.table), *index = find_rel(k, ix.oid);
    if (!table || table->cd->def.kind != TABLE_ORDINARY || !index || index->cd->def.kind != TABLE_INDEX) {
        check__problem(k->c, "catalogue: pg_index has index %u of table %u, pg_class does not have both", ix.oid, ix.table);
        return;
    }
    if (index->table) {
        check__problem(k->c, "catalogue: index %s is in pg_index twice", index->cd->def.name);
        return;
    }
    index->table = ix.table;
    if (!is_system(k, ix.table))
        add_index(k, table, index, &ix);
}

static void on_sequence(struct catalog_check *k, const struct rel_row *row)
{
    const oid_t oid = (oid_t)COLUMN(row, pg_sequence, seqrelid).i;
    struct rel *r = find_rel(k, oid);
    if (!r || r->cd->def.kind != TABLE_SEQUENCE)
        check__problem(k->c, "catalogue: pg_sequence has relation %u, which is no sequence of pg_class", oid);
    else
        r->has_sequence = true;
}

static void on_pending(struct catalog_check *k, const struct rel_row *row)
{
    u64map_put(k->pending, (uint64_t)COLUMN(row, rdb_pending_free, segid).i, k);
}

/* ---- consistency ------------------------------------------------------------------------------------ */

/* What the root says of a system relation, pg_class must say too. */
static void check_system_row(struct catalog_check *k, oid_t oid, const char *name, struct seg seg)
{
    const struct rel *r = find_rel(k, oid);
    if (!r)
        check__problem(k->c, "catalogue: system relation %s is not in pg_class", name);
    else if (r->cd->def.seg.id != seg.id || !dba_eq(r->cd->def.seg.header, seg.header))
        check__problem(k->c, "catalogue: system relation %s is segment %u by pg_class and segment %u by the root", name, r->cd->def.seg.id, seg.id);
}

static void check_system(struct catalog_check *k)
{
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++) {
        const struct table_def *def = k->system[i];
        check_system_row(k, def->oid, def->name, def->seg);
        for (uint16_t x = 0; x < def->nindexes; x++)
            check_system_row(k, def->index[x].oid, def->index[x].name, def->index[x].seg);
    }
}

static void check_sequence(struct check *c, const char *name, struct seg seg)
{
    char owner[160];
    snprintf(owner, sizeof owner, "sequence %s", name);
    c->res->sequences++;
    if (!check__claim(c, seg, owner))
        return;
    const struct block_note *note = &c->block[MIN((uint64_t)dba_block(space_first_block(seg)), c->nblocks)];
    if (!(note->flags & NOTE_DAMAGED) && (note->type != BLOCK_SEQUENCE || note->seg_id != seg.id))
        check__problem(c, "%s: block %u is not a sequence's", owner, dba_block(space_first_block(seg)));
}

/* A table of users. False: its definition cannot be used. */
static bool finish_table(struct catalog_check *k, struct rel *r)
{
    struct table_def *def = &r->cd->def;
    for (uint16_t i = 0; i < def->ncols; i++)
        if (def->col[i].attnum == 0) {
            check__problem(k->c, "catalogue: pg_attribute lacks column %u of table %s", i + 1u, def->name);
            return false;
        }
    if (r->columns != def->ncols)
        check__problem(k->c, "catalogue: pg_attribute has %u columns of table %s, pg_class says %u", r->columns, def->name, def->ncols);
    catalog__finish_def(def);
    return true;
}

static void check_relation(struct catalog_check *k, struct rel *r)
{
    const struct table_def *def = &r->cd->def;
    switch (def->kind) {
    case TABLE_ORDINARY:
        if (finish_table(k, r))
            check__table(k->c, def);
        return;
    case TABLE_INDEX:
        if (!r->table)
            check__problem(k->c, "catalogue: index %s is not in pg_index", def->name);
        return;
    case TABLE_SEQUENCE:
        if (!r->has_sequence)
            check__problem(k->c, "catalogue: sequence %s is not in pg_sequence", def->name);
        check_sequence(k->c, def->name, def->seg);
        return;
    case TABLE_VIRTUAL:
        break;
    }
    check__problem(k->c, "catalogue: relation %s is of an unknown kind", def->name);
}

static bool is_system_index(const struct catalog_check *k, oid_t oid)
{
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        for (uint16_t x = 0; x < k->system[i]->nindexes; x++)
            if (k->system[i]->index[x].oid == oid)
                return true;
    return false;
}

static bool is_pending(void *arg, uint32_t seg_id)
{
    return u64map_get(((struct catalog_check *)arg)->pending, seg_id) != NULL;
}

/* A segment in use that the next start would free. */
static void check_pending(struct catalog_check *k)
{
    for (uint32_t i = 0; i < k->c->nsegments; i++) {
        const struct segment *g = &k->c->segment[i];
        if (g->claimed && is_pending(k, g->seg.id))
            check__problem(k->c, "catalogue: segment %u is in use, but noted in rdb_pending_free", g->seg.id);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static void no_row(void *arg, struct rowid at, const uint8_t *body, uint32_t len)
{
}

static void check_root(struct catalog_check *k)
{
    const struct heap_visit visit = { k, no_row };
    struct heap_moved *moved = NULL;
    uint32_t nmoved;
    const struct segment *s = check__claim(k->c, k->root, "root of the catalogue");
    if (s && !s->damaged)
        check__heap(k->c, "root of the catalogue", s, &visit, &moved, &nmoved);
    free(moved);
}

static bool find_system_tables(struct catalog_check *k)
{
    const struct dba header = dba_make(FILE_DATA, EXTENT_BLOCKS);
    bool ok = true;
    if (k->c->nblocks <= EXTENT_BLOCKS || k->c->block[EXTENT_BLOCKS].type != BLOCK_SEGMENT) {
        check__problem(k->c, "catalogue: block %u of data/main.dbf is not its root", EXTENT_BLOCKS);
        return false;
    }
    k->root = (struct seg){ k->c->block[EXTENT_BLOCKS].seg_id, header };
    scan_rows(k, k->root, &catalog__root_tuple, on_root);
    check_root(k);
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        if (!k->system[i]->seg.id) {
            check__problem(k->c, "catalogue: the root does not know system table %s", k->system[i]->name);
            ok = false;
        }
    return ok;
}

static void check_all(struct catalog_check *k)
{
    if (!find_system_tables(k))
        return;
    scan_system(k, OID_pg_class, on_class);
    scan_system(k, OID_pg_attribute, on_attribute);
    scan_system(k, OID_pg_index, on_index);
    scan_system(k, OID_pg_sequence, on_sequence);
    scan_system(k, OID_rdb_pending_free, on_pending);
    check_system(k);
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        check__table(k->c, k->system[i]);
    check_sequence(k->c, "of oids", k->oid_sequence);
    for (uint32_t i = 0; i < k->nrels; i++) {
        const oid_t oid = k->rel[i].cd->def.oid;
        if (!is_system(k, oid) && !is_system_index(k, oid))
            check_relation(k, &k->rel[i]);
    }
    check_pending(k);
    check__unclaimed(k->c, is_pending, k);
}

enum err check__catalog(struct check *c, struct diag *d)
{
    struct catalog_check k = { .c = c };
    k.by_oid = u64map_new(256);
    k.pending = u64map_new(64);
    k.arena = arena_new("a catalogue row", 0);
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        k.system[i] = system_table_def(i);
    check_all(&k);
    for (uint32_t i = 0; i < k.nrels; i++)
        table_def_free(&k.rel[i].cd->def);
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        table_def_free(k.system[i]);
    free(k.rel);
    u64map_free(k.by_oid);
    u64map_free(k.pending);
    arena_free(k.arena);
    return ERR_OK;
}
