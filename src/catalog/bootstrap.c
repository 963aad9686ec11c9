/*
 * The first rows of a database. The root heap is the first segment of the data
 * file, so it can be found without a catalogue; it says where each system
 * table and its indexes are.
 */
#include "catalog/catalog_int.h"

#include <stdlib.h>

#include "storage/block.h"

static struct dba root_header(void) { return dba_make(FILE_DATA, EXTENT_BLOCKS); }

static enum err add_root_row(struct catalog *c, struct txn *t, oid_t oid, struct seg seg, struct diag *d)
{
    struct arena *a = arena_new("root row", 0);
    const union datum v[3] = { datum_int(oid), datum_int(seg.id), datum_int((int64_t)seg.header.v) };
    const bool null[3] = { false };
    const uint8_t *body;
    uint32_t len;
    struct rowid rowid;
    enum err err = tuple_form(c->opt.access, t, c->root, &catalog__root_tuple, v, null, a, &body, &len, d);
    if (!err)
        err = heap_insert(c->opt.access, t, c->root, 0, body, len, &rowid, d);
    arena_free(a);
    return err;
}

static enum err create_segments(struct catalog *c, struct txn *t, struct diag *d)
{
    enum err err = heap_create(c->opt.access, &c->root, d);
    if (!err && !dba_eq(c->root.header, root_header()))
        return diag_set(d, ERR_INTERNAL, "the first segment is at block %u, not %u: the data file is not new", dba_block(c->root.header),
                        EXTENT_BLOCKS);
    for (unsigned i = 0; i < SYSTEM_TABLES_N && !err; i++) {
        struct table_def *def = c->system[i];
        err = heap_create(c->opt.access, &def->seg, d);
        def->overflow = def->seg;
        if (!err)
            err = add_root_row(c, t, def->oid, def->seg, d);
        for (uint16_t k = 0; k < def->nindexes && !err; k++) {
            err = btree_create(c->opt.access, &def->index[k].seg, d);
            if (!err)
                err = add_root_row(c, t, def->index[k].oid, def->index[k].seg, d);
        }
    }
    if (!err)
        err = sequence_create(c->opt.access, &c->oid_sequence, d);
    return err ? err : add_root_row(c, t, OID_OID_SEQUENCE, c->oid_sequence.seg, d);
}

enum err catalog_bootstrap(struct catalog *c, struct diag *d)
{
    struct txn *t;
    enum err err = txn_begin(c->opt.ts, TXN_READ_COMMITTED, &t, d);
    if (err)
        return err;
    const struct snapshot *s;
    err = txn_stmt_begin(t, &s, d);
    if (!err)
        err = create_segments(c, t, d);
    if (!err)
        err = catalog__add_system_rows(c, t, d);
    if (err) {
        txn_rollback(t);
        return diag_wrap(d, err, "creating the system tables");
    }
    scn_t scn;
    return txn_commit(t, &scn, d);
}

enum err catalog_attach(struct catalog *c, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(c->opt.bc, root_header(), BUF_S, &b, d);
    if (err)
        return diag_wrap(d, err, "reading the root of the catalogue");
    const struct block_header *h = block_header_const(b->data);
    c->root = (struct seg){ .id = h->seg_id, .header = root_header() };
    const bool is_segment = h->type == BLOCK_SEGMENT;
    buf_unpin(b);
    if (!is_segment)
        return diag_set(d, ERR_CORRUPT, "block %u of the data file is not the root of the catalogue", EXTENT_BLOCKS);
    err = catalog__read_root(c, d);
    if (err)
        return diag_wrap(d, err, "reading the root of the catalogue");
    for (unsigned i = 0; i < SYSTEM_TABLES_N; i++)
        if (c->system[i]->seg.id == 0)
            return diag_set(d, ERR_CORRUPT, "the root of the catalogue does not know system table %s", c->system[i]->name);
    return ERR_OK;
}
