/*
 * A small database in the simulation, with everything in it that the check
 * knows; it is found to be in order. Then one kind of damage after another is
 * planted, with checksums that fit, and each is found.
 */
#include "db.h"

#include "access/overflow.h"
#include "catalog/catalog.h"
#include "catalog/rel.h"
#include "catalog/system_tables.h"
#include "check/check.h"
#include "cluster/core/slot.h"
#include "cluster/voting.h"
#include "storage/control.h"
#include "storage/space_block.h"
#include "txn/tt_block.h"
#include "txn/undo_block.h"

#define ROWS 900
#define LONG_LABEL 30000u

/* ---- a database ------------------------------------------------------------------- */

struct fixture {
    struct db db;
    struct sequences *sequences;
    struct catalog *c;
    struct seg t_seg, pkey_seg, label_seg; /* of table t */
};

static void open_catalog(struct fixture *f)
{
    struct diag d;
    f->sequences = sequences_open(f->db.access, NULL);
    const struct catalog_options co = { .access = f->db.access, .bc = f->db.bc, .ts = f->db.ts, .space = f->db.space, .sequences = f->sequences };
    CHECK_OK(catalog_open(&co, &f->c, &d), &d);
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
    CHECK_OK(catalog_table(f->c, t, NULL, name, GES_MODE_NL, &def, &d), &d);
    return def;
}

static void create(struct fixture *f, const char *name)
{
    static const struct new_column cols[] = { { .name = "id", .type = TYPE_INT4, .typmod = -1, .serial = true },
                                              { .name = "label", .type = TYPE_TEXT, .typmod = -1 },
                                              { .name = "amount", .type = TYPE_INT8, .typmod = -1 } };
    static const struct new_index indexes[] = { { .primary = true, .is_constraint = true, .ncols = 1, .col = { { .attnum = 1 } } },
                                                { .ncols = 2, .col = { { .attnum = 3, .descending = true, .nulls_first = true }, { .attnum = 1 } } } };
    const struct new_table def = { .name = name, .ncols = 3, .col = cols, .nindexes = 2, .index = indexes };
    struct diag d;
    oid_t oid;
    struct txn *t = begin(f);
    CHECK_OK(catalog_create_table(f->c, t, &def, &oid, &d), &d);
    commit(t);
}

struct row {
    int64_t id;
    char *label;
    uint32_t label_len;
    bool has_amount;
    int64_t amount;
    struct rowid rowid;
};

static void values(const struct row *r, union datum v[3], bool null[3])
{
    v[0] = datum_int(r->id);
    v[1] = datum_str(r->label, r->label_len);
    v[2] = datum_int(r->amount);
    null[0] = null[1] = false;
    null[2] = !r->has_amount;
}

static void insert(struct fixture *f, struct txn *t, struct table_def *def, struct row *r)
{
    struct diag d;
    struct arena *a = arena_new("row", 0);
    union datum v[3];
    bool null[3];
    values(r, v, null);
    CHECK_OK(rel_insert(f->c, t, def, v, null, a, &r->rowid, &d), &d);
    arena_free(a);
}

static void update(struct fixture *f, struct txn *t, struct table_def *def, struct row *r, uint32_t label_len, int64_t amount)
{
    struct diag d;
    struct arena *a = arena_new("row", 0);
    struct heap_write w = { .rowid = r->rowid, .arena = a };
    union datum old_v[3], v[3];
    bool old_null[3], null[3];
    enum heap_outcome out;
    values(r, old_v, old_null);
    r->label_len = label_len;
    r->amount = amount;
    values(r, v, null);
    CHECK_OK(rel_update(f->c, t, def, &w, old_v, old_null, v, null, NULL, a, &out, &d), &d);
    CHECK(out == HEAP_DONE);
    arena_free(a);
}

static void delete_row(struct fixture *f, struct txn *t, struct table_def *def, struct row *r)
{
    struct diag d;
    struct arena *a = arena_new("row", 0);
    struct heap_write w = { .rowid = r->rowid, .arena = a };
    union datum v[3];
    bool null[3];
    enum heap_outcome out;
    values(r, v, null);
    CHECK_OK(rel_delete(f->c, t, def, &w, v, null, a, &out, &d), &d);
    CHECK(out == HEAP_DONE);
    arena_free(a);
}

/* Rows that move, overflow, go; a transaction that is rolled back; one whose work purge has not passed when the database closes. */
static void fill(struct fixture *f)
{
    static char label[LONG_LABEL];
    static struct row row[ROWS];
    memset(label, 'x', sizeof label);
    struct txn *t = begin(f);
    struct table_def *def = table(f, t, "t");
    for (int i = 0; i < ROWS; i++) {
        row[i] = (struct row){ .id = i, .label = label, .label_len = 20 + i % 50, .has_amount = i % 7 != 0, .amount = i % 40 };
        insert(f, t, def, &row[i]);
    }
    commit(t);
    t = begin(f);
    for (int i = 0; i < ROWS; i += 5)
        update(f, t, def, &row[i], i % 3 == 0 ? LONG_LABEL : 2000, i % 11);
    commit(t);
    t = begin(f);
    struct row scratch[20];
    for (int i = 0; i < 20; i++) {
        scratch[i] = row[i + 100];
        update(f, t, def, &scratch[i], 3000, 99);
        scratch[i] = (struct row){ .id = 100000 + i, .label = label, .label_len = LONG_LABEL };
        insert(f, t, def, &scratch[i]);
    }
    txn_rollback(t);
    struct txn *reader = begin(f); /* holds the horizon back */
    t = begin(f);
    for (int i = 2; i < ROWS; i += 9)
        delete_row(f, t, def, &row[i]);
    for (int i = 0; i < ROWS; i += 45)
        if ((i - 2) % 9)
            update(f, t, def, &row[i], 5000, 3);
    commit(t);
    txn_rollback(reader);
    f->t_seg = def->seg;
    for (uint16_t i = 0; i < def->nindexes; i++)
        *(def->index[i].primary ? &f->pkey_seg : &f->label_seg) = def->index[i].seg;
    catalog_release(f->c, def);
}

struct ending {
    lsn_t end;
    uint64_t xid_seq;
    scn_t scn;
};

static void close_thread(void *arg, struct control *c)
{
    const struct ending *e = arg;
    c->bootstrapped = true;
    c->threads = 1;
    c->scn_high_water = e->scn;
    c->thread[1] = (struct control_thread){ .state = THREAD_CLOSED, .node = 1, .checkpoint = e->end, .end = e->end, .xid_seq = e->xid_seq };
}

static void make_database(struct fixture *f)
{
    struct diag d;
    CHECK_OK(control_create("/db", "test", &d), &d);
    db_open(&f->db, &(struct db_options){ .create = true, .no_table = true, .incarnation = 1 });
    open_catalog(f);
    CHECK_OK(catalog_bootstrap(f->c, &d), &d);
    CHECK_OK(catalog_attach(f->c, &d), &d);
    create(f, "t");
    create(f, "gone");
    fill(f);
    struct txn *t = begin(f);
    struct table_def *def = table(f, t, "gone");
    CHECK_OK(catalog_drop_table(f->c, t, def, &d), &d);
    catalog_release(f->c, def);
    commit(t);
    struct ending e = { .xid_seq = txn_xid_seq(f->db.ts) };
    catalog_close(f->c);
    sequences_close(f->sequences);
    e.end = db_close(&f->db);
    e.scn = scn_now(&f->db.scn);
    CHECK_OK(control_update("/db", close_thread, &e, &d), &d);
}

/* ---- checking --------------------------------------------------------------------- */

struct findings {
    struct check_result r;
    unsigned shown;
    char text[40][400];
};

static void on_line(void *arg, enum check_kind kind, const char *text)
{
    struct findings *fi = arg;
    if (fi->shown < ARRAY_LEN(fi->text))
        snprintf(fi->text[fi->shown++], sizeof fi->text[0], "%s%s", kind == CHECK_NOTE ? "note: " : "", text);
}

static enum err run_check(struct findings *fi, struct diag *d)
{
    memset(fi, 0, sizeof *fi);
    return check_run(&(struct check_options){ .dir = "/db", .line = on_line, .arg = fi }, &fi->r, d);
}

static void must_be_found(const char *what, const char *want, uint64_t problems_max)
{
    static struct findings fi;
    struct diag d;
    bool found = false;
    CHECK_OK(run_check(&fi, &d), &d);
    for (unsigned i = 0; i < fi.shown; i++)
        found |= strstr(fi.text[i], want) != NULL;
    if (!found || !fi.r.problems || fi.r.problems > problems_max) {
        for (unsigned i = 0; i < fi.shown; i++)
            print_message("  %s\n", fi.text[i]);
        panic("%s: \"%s\" is not among the %lu problems, or they are more than %lu", what, want, (unsigned long)fi.r.problems,
              (unsigned long)problems_max);
    }
}

/* ---- damage ------------------------------------------------------------------------ */

struct damage {
    struct fixture *f;
    struct files *files;
    struct dba at;
    uint8_t *block, *before;
};

static void read_at(struct damage *m, struct dba at)
{
    struct diag d;
    m->at = at;
    CHECK_OK(files_read(m->files, at, m->block, &d), &d);
    memcpy(m->before, m->block, BLOCK_SIZE);
}

static void write_at(struct damage *m, const uint8_t *block)
{
    struct diag d;
    CHECK_OK(files_write(m->files, m->at, block, &d), &d);
}

/* What was changed in m->block must be found; afterwards it is as before. */
static void planted(struct damage *m, const char *what, const char *want, uint64_t problems_max)
{
    block_seal(m->block);
    write_at(m, m->block);
    must_be_found(what, want, problems_max);
    write_at(m, m->before);
}

typedef bool wanted_fn(struct damage *m);
static void find_block(struct damage *m, uint32_t file, wanted_fn *wanted)
{
    struct diag d;
    uint64_t n;
    CHECK_OK(files_size(m->files, file, &n, &d), &d);
    for (uint32_t no = 0; no < n; no++) {
        read_at(m, dba_make(file, no));
        if (wanted(m))
            return;
    }
    panic("no such block in file %u", file);
}

static bool is_heap(struct damage *m) { return heap_page_is(m->block, m->f->t_seg.id) && heap_page(m->block)->nslots > 2; }
static uint8_t *row_in(struct damage *m, uint8_t flags, uint8_t without)
{
    struct heap_item it;
    for (unsigned i = 0; is_heap(m) && i < heap_page(m->block)->nslots; i++)
        if (heap_page_row(m->block, i, &it) && (it.h.flags & flags) == flags && !(it.h.flags & without))
            return m->block + (it.body - m->block) - ROW_HEADER_SIZE;
    return NULL;
}
static bool has_stub(struct damage *m) { return row_in(m, ROW_FORWARD, ROW_DELETED) != NULL; }
static bool has_moved(struct damage *m) { return row_in(m, ROW_MOVED_HERE, 0) != NULL; }
static bool has_updated(struct damage *m) { return row_in(m, 0, ROW_FORWARD | ROW_MOVED_HERE | ROW_DELETED | ROW_FIRST) != NULL; }
static bool has_plain(struct damage *m) { return row_in(m, ROW_FIRST, ROW_DELETED) != NULL; }
static bool has_chain(struct damage *m)
{
    struct overflow_ref ref;
    const uint8_t *row = row_in(m, ROW_OVERFLOW, ROW_FORWARD | ROW_DELETED);
    return row && overflow_ref_get(row + ROW_HEADER_SIZE, 100, &ref);
}
static bool is_piece(struct damage *m)
{
    struct overflow_piece p;
    return overflow_piece_get(m->block, &p) && p.xid.v && p.index == 1;
}
static bool is_page(struct damage *m, unsigned level, uint32_t seg)
{
    return btree_page_is(m->block, seg) && btree_page(m->block)->level == level && btree_page(m->block)->n > 2;
}
static bool is_leaf(struct damage *m) { return is_page(m, 0, m->f->pkey_seg.id) && btree_page(m->block)->right; }
static bool is_inner(struct damage *m) { return is_page(m, 1, m->f->pkey_seg.id); }
static bool is_tt(struct damage *m) { return block_header(m->block)->type == BLOCK_TT; }
static bool is_undo(struct damage *m) { return block_header(m->block)->type == BLOCK_UNDO && undo_block_records(m->block) > 3; }
static bool is_extent_header(struct damage *m)
{
    return block_header(m->block)->type == BLOCK_EXTENT && block_header(m->block)->seg_id == m->f->t_seg.id;
}
static bool is_long_segment(struct damage *m)
{
    return block_header(m->block)->type == BLOCK_SEGMENT && block_header(m->block)->seg_id == m->f->t_seg.id;
}
static bool is_attribute(struct damage *m)
{
    return block_header(m->block)->type == BLOCK_HEAP && heap_page(m->block)->nslots > 2 && memmem(m->block, BLOCK_SIZE, "amount", 6) &&
           !memmem(m->block, BLOCK_SIZE, "amount_", 7);
}

static void damage_blocks(struct damage *m)
{
    find_block(m, FILE_DATA, is_heap);
    m->block[5000] ^= 4;
    write_at(m, m->block); /* its checksum does not fit */
    must_be_found("a flipped bit", "is damaged: checksum", 1000);
    write_at(m, m->before);

    find_block(m, FILE_DATA, is_leaf);
    m->at.v += 40; /* a copy of it, elsewhere */
    uint8_t kept[BLOCK_SIZE];
    struct diag d;
    CHECK_OK(files_read(m->files, m->at, m->before, &d), &d);
    memcpy(kept, m->before, BLOCK_SIZE);
    write_at(m, m->block);
    must_be_found("a misplaced block", "is misplaced", 1000);
    memcpy(m->before, kept, BLOCK_SIZE);
    write_at(m, m->before);

    find_block(m, FILE_DATA, is_heap);
    block_header(m->block)->scn = UINT64_C(1) << 45;
    planted(m, "an SCN of the future", "has SCN 35184372088832", 1);
}

static void damage_heap(struct damage *m)
{
    find_block(m, FILE_DATA, is_heap);
    ((struct heap_slot *)(m->block + HEAP_SLOTS_AT))[0] = ((struct heap_slot *)(m->block + HEAP_SLOTS_AT))[1];
    planted(m, "two slots with one row", "overlaps another", 1000);

    find_block(m, FILE_DATA, has_plain);
    put_u64le(row_in(m, ROW_FIRST, ROW_DELETED), xid_make(1, UINT64_C(1) << 40).v);
    planted(m, "a writer of the future", "does not exist yet", 1);

    find_block(m, FILE_DATA, has_plain);
    put_u64le(row_in(m, ROW_FIRST, ROW_DELETED), xid_make(7, 5).v);
    planted(m, "a writer of no thread", "redo thread that does not exist", 1);

    find_block(m, FILE_DATA, has_updated);
    put_u64le(row_in(m, 0, ROW_FORWARD | ROW_MOVED_HERE | ROW_DELETED | ROW_FIRST) + 8, undo_ptr_make(1, 9999, 200, 1).v);
    planted(m, "an undo pointer to nowhere", "its undo pointer leads to block 200", 1);

    find_block(m, FILE_DATA, has_plain);
    row_in(m, ROW_FIRST, ROW_DELETED)[16] |= ROW_DELETED;
    planted(m, "a row gone without its entries", "there is no live row", 3);

    find_block(m, FILE_DATA, has_stub);
    row_in(m, ROW_FORWARD, ROW_DELETED)[ROW_HEADER_SIZE + 8] ^= 1;
    planted(m, "a stub with another stamp", "its stub does not lead to its body", 10);

    find_block(m, FILE_DATA, has_moved);
    row_in(m, ROW_MOVED_HERE, 0)[16] &= (uint8_t)~ROW_MOVED_HERE;
    planted(m, "a moved row that is one of its own", "its stub does not lead to its body", 10);

    find_block(m, FILE_DATA, has_plain);
    row_in(m, ROW_FIRST, ROW_DELETED)[ROW_HEADER_SIZE + 3] ^= 0x40; /* id, or the null bitmap */
    planted(m, "another value in a row", "index", 10);
}

static void damage_chains(struct damage *m)
{
    find_block(m, FILE_DATA, is_piece);
    put_u32le(m->block + BLOCK_HEADER_SIZE + 20, 2); /* its number */
    planted(m, "a piece of another number", "not its next piece", 10);

    find_block(m, FILE_DATA, is_piece);
    put_u64le(m->block + BLOCK_HEADER_SIZE, dba_make(FILE_DATA, EXTENT_BLOCKS).v);
    planted(m, "a chain that leaves its segment", "not of this segment", 10);

    find_block(m, FILE_DATA, has_chain);
    uint8_t *row = row_in(m, ROW_OVERFLOW, ROW_FORWARD | ROW_DELETED);
    put_u32le(row + ROW_HEADER_SIZE + 17, LONG_LABEL - 1);
    planted(m, "a reference with another length", "not its next piece", 10);
}

static void damage_index(struct damage *m)
{
    struct diag d;
    uint8_t payload[10] = { 0 };

    find_block(m, FILE_DATA, is_leaf);
    put_u16le(payload, 1);
    CHECK_OK(btree_apply(m->block, REDO_BTREE_PURGE, payload, 2, &d), &d);
    planted(m, "an entry that is gone", "it has no entry in index t_pkey", 1);

    find_block(m, FILE_DATA, is_leaf);
    put_u16le(payload, 1);
    put_u64le(payload + 2, xid_make(1, 1).v);
    CHECK_OK(btree_apply(m->block, REDO_BTREE_MARK, payload, 10, &d), &d);
    planted(m, "an entry marked", "it has no entry in index t_pkey", 2);

    find_block(m, FILE_DATA, is_leaf);
    struct btree_item e;
    btree_page_item(m->block, 1, &e);
    m->block[(e.key - m->block) - 4] ^= 1; /* the slot of its rowid */
    planted(m, "an entry of another row", "index t_pkey", 10);

    find_block(m, FILE_DATA, is_leaf);
    btree_page_item(m->block, 1, &e);
    m->block[(e.key - m->block) + e.len - 1] |= 0x80;
    planted(m, "another key in an entry", "index t_pkey", 10);

    find_block(m, FILE_DATA, is_leaf);
    struct btree_slot *slot = (struct btree_slot *)(m->block + BTREE_SLOTS_AT), kept = slot[1];
    slot[1] = slot[2];
    slot[2] = kept;
    planted(m, "an entry out of order", "out of order", 10);

    find_block(m, FILE_DATA, is_leaf);
    ((struct btree_page *)(m->block + BLOCK_HEADER_SIZE))->left = dba_make(FILE_DATA, 3).v;
    planted(m, "a wrong left link", "its left link", 10);

    find_block(m, FILE_DATA, is_leaf);
    ((struct btree_page *)(m->block + BLOCK_HEADER_SIZE))->right = space_first_block(m->f->label_seg).v;
    planted(m, "a wrong right link", "not a page of this index", 10);

    find_block(m, FILE_DATA, is_leaf);
    struct btree_page *p = (struct btree_page *)(m->block + BLOCK_HEADER_SIZE);
    p->level = 1;
    planted(m, "a wrong level", "of another level", 2000);

    find_block(m, FILE_DATA, is_leaf);
    CHECK(btree_page_high(m->block, &e));
    m->block[(e.key - m->block) + e.len - 1] += 1;
    planted(m, "another high key", "its downlink's key is not the high key", 10);

    find_block(m, FILE_DATA, is_inner);
    put_u16le(payload, 1);
    CHECK_OK(btree_apply(m->block, REDO_BTREE_PURGE, payload, 2, &d), &d);
    planted(m, "a downlink that is gone", "does not lead to it, at its place", 10);

    find_block(m, FILE_DATA, is_leaf);
    ((struct btree_page *)(m->block + BLOCK_HEADER_SIZE))->flags |= 0x40;
    planted(m, "unknown flags", "unknown flags", 1);
}

static struct space_segment *segment_of(struct damage *m) { return (struct space_segment *)(m->block + BLOCK_HEADER_SIZE); }

static void damage_space(struct damage *m)
{
    find_block(m, FILE_DATA, is_long_segment);
    CHECK(segment_of(m)->n > 2);
    segment_of(m)->entry[1].block = dba_block(m->f->pkey_seg.header);
    planted(m, "an extent in two segments", "is in segment", 100000);

    find_block(m, FILE_DATA, is_long_segment);
    segment_of(m)->n--;
    planted(m, "an extent that is lost", "is taken, but in no segment", 100000);

    find_block(m, FILE_DATA, is_long_segment);
    segment_of(m)->last = dba_make(FILE_DATA, 65).v;
    planted(m, "a list that ends elsewhere", "says that its list ends in block 65", 100000);

    find_block(m, FILE_DATA, is_long_segment);
    const uint32_t extent = segment_of(m)->entry[1].block / EXTENT_BLOCKS;
    read_at(m, dba_make(FILE_DATA, 1));
    ((struct space_bitmap *)(m->block + BLOCK_HEADER_SIZE))->bits[extent / 8] ^= (uint8_t)(1u << extent % 8);
    planted(m, "an extent in use marked free", "but marked free", 1);

    read_at(m, dba_make(FILE_DATA, 1));
    ((struct space_bitmap *)(m->block + BLOCK_HEADER_SIZE))->bits[7] |= 0x80;
    planted(m, "an extent taken by nobody", "the extent at block 4032 is taken, but in no segment", 1);

    find_block(m, FILE_DATA, is_extent_header);
    ((struct space_extent_header *)(m->block + BLOCK_HEADER_SIZE))->class[3] = SPACE_GIVEN_BACK;
    planted(m, "a block given back though in use", "says class", 100000);

    find_block(m, FILE_DATA, is_extent_header);
    ((struct space_extent_header *)(m->block + BLOCK_HEADER_SIZE))->used = 5;
    planted(m, "too few blocks in use", "beyond the 5 blocks", 100000);

    find_block(m, FILE_DATA, is_extent_header);
    ((struct space_extent_header *)(m->block + BLOCK_HEADER_SIZE))->owner = 9;
    planted(m, "an extent of no thread", "redo thread 9, which does not exist", 1);
}

static void damage_undo(struct damage *m)
{
    const uint32_t file = FILE_UNDO_BASE + 1;
    find_block(m, file, is_tt);
    uint8_t *entry = m->block + BLOCK_HEADER_SIZE + 16 + 7; /* the state of the first one that is used */
    while (!*entry)
        entry += 40;
    *entry = TT_ACTIVE;
    planted(m, "a transaction that is not finished", "is not finished, though the thread is closed", 100000);

    find_block(m, file, is_undo);
    put_u16le(m->block + BLOCK_SIZE - 2, 8190);
    planted(m, "an undo record beyond its block", "record 0 at offset 8190", 10000);

    find_block(m, file, is_undo);
    m->block[get_u16le(m->block + BLOCK_SIZE - 2) + 62] = 99; /* its type */
    planted(m, "an undo record of no type", "of type 99", 10000);

    read_at(m, dba_make(file, 0));
    put_u16le(m->block + BLOCK_HEADER_SIZE, 3);
    planted(m, "the undo file of another thread", "is of thread 3", 10000);
}

static void damage_catalogue(struct damage *m)
{
    struct heap_item it;
    find_block(m, FILE_DATA, is_attribute);
    for (unsigned i = 0; i < heap_page(m->block)->nslots; i++)
        if (heap_page_row(m->block, i, &it) && memmem(it.body, it.h.body_len, "amount", 6))
            m->block[(it.body - m->block) - ROW_HEADER_SIZE + 16] |= ROW_DELETED;
    planted(m, "a column that is gone", "pg_attribute lacks column 3 of table t", 10000);
}

/* ---- what is refused ------------------------------------------------------------------ */

static void unclosed(void *arg, struct control *c) { c->thread[1].state = THREAD_OPEN; }
static void closed(void *arg, struct control *c) { c->thread[1].state = THREAD_CLOSED; }

static void refusals(void)
{
    static struct findings fi;
    struct diag d;
    struct rt_file *f;
    bool locked;
    CHECK_OK(control_update("/db", unclosed, NULL, &d), &d);
    CHECK(run_check(&fi, &d) == ERR_OBJECT_STATE);
    CHECK(strstr(d.message, "was not shut down cleanly: redo thread 1 of node 1 is not closed"));
    CHECK_OK(control_update("/db", closed, NULL, &d), &d);

    CHECK_OK(rt_open("/db/control/voting", RT_OPEN_WRITE | RT_OPEN_CREATE, &f, &d), &d);
    CHECK_OK(rt_file_lock(f, 3 * SLOT_BYTES, &locked, &d), &d);
    CHECK(run_check(&fi, &d) == ERR_OBJECT_IN_USE);
    CHECK(strcmp(d.message, "the database in /db is open") == 0 && strcmp(d.detail, "Node number 3 runs.") == 0);
    rt_close(f);
    CHECK(check_run(&(struct check_options){ .dir = "/elsewhere" }, &fi.r, &d) == ERR_UNDEFINED_FILE);
}

static void damage_control(void)
{
    struct diag d;
    struct rt_file *f;
    uint8_t byte, other;
    CHECK_OK(rt_open("/db/control/control.1", RT_OPEN_WRITE, &f, &d), &d);
    CHECK_OK(rt_pread(f, &byte, 1, 100, NULL, &d), &d);
    other = byte ^ 1;
    CHECK_OK(rt_pwrite(f, &other, 1, 100, &d), &d);
    must_be_found("a copy of the control file", "one of the two copies", 1);
    CHECK_OK(rt_pwrite(f, &byte, 1, 100, &d), &d);
    rt_close(f);
}

/* ---- stories ---------------------------------------------------------------------------- */

static uint64_t hash_file(struct files *files, uint32_t file)
{
    struct diag d;
    uint64_t n, h = 0;
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    CHECK_OK(files_size(files, file, &n, &d), &d);
    for (uint32_t no = 0; no < n; no++) {
        CHECK_OK(files_read(files, dba_make(file, no), block, &d), &d);
        h = hash_bytes(block, BLOCK_SIZE, h);
    }
    rt_free_aligned(block, BLOCK_SIZE);
    return h;
}

static void is_in_order(struct files *files)
{
    static struct findings fi;
    struct diag d;
    const uint64_t data = hash_file(files, FILE_DATA), undo = hash_file(files, FILE_UNDO_BASE + 1);
    CHECK_OK(run_check(&fi, &d), &d);
    for (unsigned i = 0; i < fi.shown; i++)
        print_message("  %s\n", fi.text[i]);
    CHECK(fi.r.problems == 0 && fi.r.notes == 2); /* neither voting file nor secret: no server has made this database */
    CHECK(fi.r.tables == SYSTEM_TABLES_N + 1 && fi.r.indexes == 14 + 2 && fi.r.sequences == 2);
    CHECK(fi.r.rows > ROWS - ROWS / 9 && fi.r.entries > fi.r.rows);
    CHECK(data == hash_file(files, FILE_DATA) && undo == hash_file(files, FILE_UNDO_BASE + 1)); /* it only reads */
}

static void story(void *arg)
{
    static struct fixture f;
    struct diag d;
    f = (struct fixture){ 0 };
    make_database(&f);
    struct damage m = { .f = &f, .block = rt_alloc_aligned(BLOCK_SIZE), .before = rt_alloc_aligned(BLOCK_SIZE) };
    CHECK_OK(files_open("/db", false, &m.files, &d), &d);
    is_in_order(m.files);
    damage_blocks(&m);
    damage_heap(&m);
    damage_chains(&m);
    damage_index(&m);
    damage_space(&m);
    damage_undo(&m);
    damage_catalogue(&m);
    damage_control();
    is_in_order(m.files);
    refusals();
    files_close(m.files);
    rt_free_aligned(m.block, BLOCK_SIZE);
    rt_free_aligned(m.before, BLOCK_SIZE);
}

static void damage_is_found(void **state) { db_simulate(1, false, story, NULL); }

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(damage_is_found) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
