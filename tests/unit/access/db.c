#include "db.h"

const struct redo_ops db_ops = { .apply = {
    [REDO_SPACE_FORMAT] = space_apply, [REDO_SPACE_BITMAP] = space_apply, [REDO_SPACE_SEG_FORMAT] = space_apply,
    [REDO_SPACE_SEG_EXTENT] = space_apply, [REDO_SPACE_EXT_FORMAT] = space_apply, [REDO_SPACE_EXT_SET] = space_apply,
    [REDO_SPACE_FILE_SET] = space_apply, [REDO_TT_FORMAT] = txn_apply, [REDO_TT_BEGIN] = txn_apply, [REDO_TT_COMMIT] = txn_apply,
    [REDO_TT_SET] = txn_apply, [REDO_UNDO_FORMAT] = txn_apply, [REDO_UNDO_APPEND] = txn_apply, [REDO_HEAP_FORMAT] = heap_apply,
    [REDO_HEAP_INSERT] = heap_apply, [REDO_HEAP_UPDATE] = heap_apply, [REDO_HEAP_DELETE] = heap_apply, [REDO_HEAP_LOCK] = heap_apply,
    [REDO_HEAP_RESTORE] = heap_apply, [REDO_HEAP_PURGE] = heap_apply, [REDO_HEAP_MULTI_INSERT] = heap_apply, [REDO_HEAP_FORWARD] = heap_apply,
    [REDO_BTREE_FORMAT] = btree_apply, [REDO_BTREE_INSERT] = btree_apply, [REDO_BTREE_MARK] = btree_apply, [REDO_BTREE_PURGE] = btree_apply,
    [REDO_BTREE_SPLIT_LEFT] = btree_apply, [REDO_BTREE_LINK] = btree_apply, [REDO_OVERFLOW_FORMAT] = overflow_apply,
    [REDO_SEQ_FORMAT] = sequence_apply, [REDO_SEQ_SET] = sequence_apply,
} };

static void die(void *arg, const struct diag *d) { panic("%s", d->message); }

void db_open(struct db *db, const struct db_options *o)
{
    struct diag d;
    const struct db before = *db;
    *db = (struct db){ .scn = { .now = MAX(before.scn.now, 100) }, .table = before.table, .by_key = before.by_key, .by_version = before.by_version };
    const char *dir = o->dir ? o->dir : "/db";
    for (int i = 0; i < 5; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s%s", dir, (const char *[]){ "", "/data", "/undo", "/dw", "/redo" }[i]);
        CHECK_OK(rt_mkdir(path, &d), &d);
    }
    CHECK_OK(files_open(dir, false, &db->files, &d), &d);
    const struct redo_options ro = { .dir = dir, .thread = 1, .incarnation = o->incarnation, .start = o->redo_start, .file_bytes = 8 << 20,
                                     .buffer_bytes = 4 << 20, .scn = &db->scn, .fatal = die };
    CHECK_OK(redo_open(&ro, &db->redo, &d), &d);
    const struct bufcache_options bo = { .size_bytes = (uint64_t)(o->cache_blocks ? o->cache_blocks : 4000) * BLOCK_SIZE, .thread = 1, .dir = dir,
                                         .files = db->files, .redo = db->redo, .redo_ops = &db_ops, .scn = &db->scn, .fatal = die };
    CHECK_OK(bufcache_open(&bo, &db->bc, &d), &d);
    CHECK_OK(space_open(db->bc, db->files, NULL, 1, &db->space, &d), &d);
    const struct txn_options to = { .bc = db->bc, .files = db->files, .redo = db->redo, .scn = &db->scn, .ges = o->ges, .self = 1, .thread = 1,
                                    .xid_seq_start = MAX(o->xid_seq_start, 1), .tt_entries = o->dir ? 0 : 256, .undo_extent_blocks = o->dir ? 0 : 4, .fatal = die };
    if (o->create) {
        CHECK_OK(space_format_file(db->space, &d), &d);
        CHECK_OK(txn_create_undo(&to, &d), &d);
    }
    CHECK_OK(txn_open(&to, &db->ts, &d), &d);
    const struct access_options ao = { .bc = db->bc, .space = db->space, .ts = db->ts, .redo = db->redo };
    db->access = access_open(&ao);
    if (o->create && !o->no_table)
        db_create_table(db);
}

void db_create_table(struct db *db)
{
    struct diag d;
    CHECK_OK(heap_create(db->access, &db->table, &d), &d);
    CHECK_OK(btree_create(db->access, &db->by_key, &d), &d);
    CHECK_OK(btree_create(db->access, &db->by_version, &d), &d);
}

lsn_t db_close(struct db *db)
{
    struct diag d;
    lsn_t checkpoint;
    txn_close(db->ts);
    access_close(db->access);
    CHECK_OK(bufcache_checkpoint(db->bc, &checkpoint, &d), &d);
    space_close(db->space);
    bufcache_close(db->bc);
    const lsn_t end = ALIGN_UP(redo_end(db->redo), REDO_LOG_BLOCK);
    redo_close(db->redo);
    files_close(db->files);
    return end;
}

/* ---- rows ------------------------------------------------------------------------ */

static const struct tuple_column columns[] = { { .rep = REP_INT, .len = 4 }, { .rep = REP_INT, .len = 8 }, { .rep = REP_STR, .len = -1 } };
const struct tuple_desc db_desc = { 3, columns };

uint32_t db_pad_len(struct val v)
{
    const uint64_t h = hash_u64(v.version * 977 + v.key);
    switch (h % 16) {
    case 0:
    case 1:
        return 2000 + h / 32 % 5000;
    case 2:
        return 8000 + h / 32 % 20000; /* goes to overflow */
    case 3:
    case 4:
    case 5:
    case 6:
        return 300 + h / 32 % 900;
    default:
        return h / 32 % 90;
    }
}

static uint8_t pad_byte(struct val v, uint32_t i) { return (uint8_t)(v.version * 7 + v.key + i / 16); }

enum err db_form(struct db *db, struct txn *t, struct val v, struct arena *arena, const uint8_t **body, uint32_t *len, struct diag *d)
{
    const uint32_t n = db_pad_len(v);
    char *pad = arena_alloc(arena, n + 1);
    for (uint32_t i = 0; i < n; i++)
        pad[i] = (char)pad_byte(v, i);
    const union datum datum[3] = { datum_int((int32_t)v.key), datum_int((int64_t)v.version), datum_str(pad, n) };
    const bool null[3] = { false, false, false };
    return tuple_form(db->access, t, db->table, &db_desc, datum, null, arena, body, len, d);
}

struct val db_read(struct db *db, const struct snapshot *s, const struct heap_row *row, struct arena *arena)
{
    struct diag d;
    union datum datum[3];
    bool null[3];
    CHECK_OK(tuple_deform(db->access, s, &db_desc, row->body, row->len, 3, NULL, datum, null, arena, &d), &d);
    const struct val v = { (uint32_t)datum[0].i, (uint64_t)datum[1].i };
    CHECK(datum[2].s.len == db_pad_len(v));
    for (uint32_t i = 0; i < datum[2].s.len; i++)
        CHECK((uint8_t)datum[2].s.p[i] == pad_byte(v, i));
    return v;
}

/* Long keys make pages of few entries, and high trees; versions share keys. */
void db_key(uint8_t ret[DB_KEY], uint32_t key)
{
    memset(ret, 7, DB_KEY);
    put_u32be(ret, key);
}

void db_version_key(uint8_t ret[DB_VERSION_KEY], uint64_t version)
{
    memset(ret, 7, DB_VERSION_KEY);
    put_u64be(ret, version % 16);
}

static enum err same_key(void *arg, const struct heap_row *row, const uint8_t *key, uint32_t len, bool *ret, struct diag *d)
{
    struct db *db = arg;
    struct snapshot s = { .s = scn_now(&db->scn) };
    struct arena *arena = arena_new("key", 0);
    union datum datum[1];
    bool null[1];
    const enum err err = tuple_deform(db->access, &s, &db_desc, row->body, row->len, 1, NULL, datum, null, arena, d);
    *ret = !err && len == DB_KEY && get_u32be(key) == (uint32_t)datum[0].i;
    arena_free(arena);
    return err;
}

struct btree_unique_check db_unique(struct db *db)
{
    return (struct btree_unique_check){ .heap = db->table, .arg = db, .same_key = same_key };
}

static enum err add_entries(struct db *db, struct txn *t, struct val v, struct rowid rowid, bool by_key, struct diag *d)
{
    uint8_t k[DB_KEY], vk[DB_VERSION_KEY];
    const struct btree_unique_check unique = db_unique(db);
    db_key(k, v.key);
    db_version_key(vk, v.version);
    enum err err = by_key ? btree_insert(db->access, t, db->by_key, k, DB_KEY, rowid, &unique, d) : ERR_OK;
    return err ? err : btree_insert(db->access, t, db->by_version, vk, DB_VERSION_KEY, rowid, NULL, d);
}

static enum err mark_entries(struct db *db, struct txn *t, struct val v, struct rowid rowid, bool by_key, struct diag *d)
{
    uint8_t k[DB_KEY], vk[DB_VERSION_KEY];
    db_key(k, v.key);
    db_version_key(vk, v.version);
    enum err err = by_key ? btree_mark(db->access, t, db->by_key, k, DB_KEY, rowid, d) : ERR_OK;
    return err ? err : btree_mark(db->access, t, db->by_version, vk, DB_VERSION_KEY, rowid, d);
}

enum err db_insert(struct db *db, struct txn *t, struct val v, struct arena *arena, struct rowid *ret, struct diag *d)
{
    const uint8_t *body;
    uint32_t len;
    enum err err = db_form(db, t, v, arena, &body, &len, d);
    if (!err)
        err = heap_insert(db->access, t, db->table, 1, body, len, ret, d);
    return err ? err : add_entries(db, t, v, *ret, true, d);
}

enum err db_update(struct db *db, struct txn *t, struct rowid rowid, struct val old, struct val v, struct heap_write *w, enum heap_outcome *ret,
                   struct arena *arena, struct diag *d)
{
    const uint8_t *body;
    uint32_t len;
    enum err err = db_form(db, t, v, arena, &body, &len, d);
    w->seg = db->table;
    w->rowid = rowid;
    w->arena = arena;
    if (!err)
        err = heap_update(db->access, t, w, 1, body, len, ret, d);
    if (err || *ret != HEAP_DONE)
        return err;
    err = mark_entries(db, t, old, rowid, old.key != v.key, d);
    return err ? err : add_entries(db, t, v, rowid, old.key != v.key, d);
}

enum err db_delete(struct db *db, struct txn *t, struct rowid rowid, struct val old, struct heap_write *w, enum heap_outcome *ret, struct diag *d)
{
    w->seg = db->table;
    w->rowid = rowid;
    enum err err = heap_delete(db->access, t, w, ret, d);
    if (err || *ret != HEAP_DONE)
        return err;
    return mark_entries(db, t, old, rowid, true, d);
}

bool db_lookup(struct db *db, const struct snapshot *s, uint32_t key, struct val *ret, struct rowid *ret_rowid, struct arena *arena)
{
    struct diag d;
    uint8_t k[DB_KEY];
    struct rowid rowid[200];
    uint32_t n;
    bool found = false;
    db_key(k, key);
    CHECK_OK(btree_lookup(db->access, db->by_key, s, k, DB_KEY, rowid, ARRAY_LEN(rowid), &n, &d), &d);
    CHECK(n < ARRAY_LEN(rowid));
    for (uint32_t i = 0; i < n; i++) {
        struct heap_row row;
        bool there;
        CHECK_OK(heap_fetch(db->access, s, db->table, rowid[i], arena, &row, &there, &d), &d);
        if (!there)
            continue;
        const struct val v = db_read(db, s, &row, arena);
        if (v.key != key)
            continue;
        CHECK(!found); /* a unique key is seen once */
        found = true;
        *ret = v;
        *ret_rowid = rowid[i];
    }
    return found;
}

/* ---- structure ------------------------------------------------------------------------- */

static void check_page(struct db *db, struct seg seg, struct dba at, struct db_census *ret, unsigned *ret_level, struct dba *ret_right,
                       struct dba *ret_first_child, uint64_t left)
{
    struct diag d;
    struct pin *b;
    struct btree_item e;
    CHECK_OK(buf_pin(db->bc, at, BUF_S, &b, &d), &d);
    CHECK(btree_page_is(b->data, seg.id));
    CHECK_OK(btree_page_check(b->data, &d), &d);
    const struct btree_page *p = btree_page(b->data);
    CHECK(p->left == left);
    CHECK(!(p->flags & BTREE_INCOMPLETE));
    *ret_level = p->level;
    *ret_right = (struct dba){ p->right };
    if (p->n) {
        btree_page_item(b->data, 0, &e);
        *ret_first_child = (struct dba){ e.aux };
    }
    ret->pages++;
    if (p->level == 0)
        for (unsigned i = 0; i < p->n; i++) {
            btree_page_item(b->data, i, &e);
            ret->entries++;
            ret->marked += e.aux != 0;
        }
    buf_unpin(b);
}

/* Level by level along the right links; every key of a page is at or above the high key of the one to its left. */
void db_check_tree(struct db *db, struct seg seg, struct db_census *ret)
{
    struct dba first = space_first_block(seg);
    for (;;) {
        struct dba at = first, right, child = DBA_NONE, ignored;
        unsigned level;
        uint64_t left = 0;
        check_page(db, seg, at, ret, &level, &right, &child, 0);
        while (right.v) {
            struct diag d;
            struct pin *a, *b;
            struct btree_item high, low;
            CHECK_OK(buf_pin(db->bc, at, BUF_S, &a, &d), &d);
            CHECK_OK(buf_pin(db->bc, right, BUF_S, &b, &d), &d);
            CHECK(btree_page_high(a->data, &high));
            if (btree_page(b->data)->n) {
                btree_page_item(b->data, 0, &low);
                const struct btree_key k = { low.key, low.len, low.rowid };
                CHECK(btree_compare(&high, &k) <= 0);
            }
            buf_unpin(a);
            buf_unpin(b);
            left = at.v;
            at = right;
            unsigned l;
            check_page(db, seg, at, ret, &l, &right, &ignored, left);
            CHECK(l == level);
        }
        if (level == 0)
            return;
        first = child;
    }
}

void db_census(struct db *db, struct db_census *ret)
{
    struct diag d;
    struct space_extent *extent;
    uint32_t n;
    *ret = (struct db_census){ 0 };
    CHECK_OK(space_extents(db->space, db->table, SCN_MAX >> 16, &extent, &n, &d), &d);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < extent[i].blocks; k++) {
            struct pin *b;
            struct heap_item it;
            CHECK_OK(buf_pin(db->bc, (struct dba){ extent[i].first.v + k }, BUF_S, &b, &d), &d);
            if (block_header_const(b->data)->type == BLOCK_OVERFLOW)
                ret->overflow_blocks += get_u64le(b->data + BLOCK_HEADER_SIZE + 8) != 0;
            if (heap_page_is(b->data, db->table.id)) {
                CHECK_OK(heap_page_check(b->data, &d), &d);
                for (unsigned slot = 0; slot < heap_page(b->data)->nslots; slot++)
                    if (heap_page_row(b->data, slot, &it)) {
                        ret->moved += (it.h.flags & ROW_MOVED_HERE) != 0;
                        ret->deleted += (it.h.flags & ROW_DELETED) != 0;
                        ret->rows += !(it.h.flags & (ROW_MOVED_HERE | ROW_DELETED));
                    }
            }
            buf_unpin(b);
        }
    free(extent);
    db_check_tree(db, db->by_key, ret);
    db_check_tree(db, db->by_version, ret);
}

/* ---- replay ------------------------------------------------------------------------------ */

static void replay_vector(uint8_t *block, const struct redo_record *r, unsigned i)
{
    struct diag d;
    const scn_t before = block_scn(block);
    CHECK_OK(db_ops.apply[r->v[i].opcode](block, r->v[i].opcode, r->v[i].payload, r->v[i].len, &d), &d);
    block_header(block)->scn = before;
}

static void replay_record(struct files *files, const struct redo_record *r, uint8_t *block)
{
    struct diag d;
    for (unsigned i = 0; i < r->n; i++) {
        const struct dba dba = r->v[i].dba;
        bool first = true;
        for (unsigned j = 0; j < i; j++)
            first &= !dba_eq(r->v[j].dba, dba);
        if (!first)
            continue;
        CHECK_OK(files_read(files, dba, block, &d), &d);
        if (block_verify(block, dba, &d)) /* torn: its redo is there from the first record on */
            memset(block, 0, BLOCK_SIZE);
        if (block_scn(block) >= r->scn)
            continue;
        CHECK(redo_opcode_formats(r->v[i].opcode) || r->v[i].before == block_scn(block));
        for (unsigned j = i; j < r->n; j++)
            if (dba_eq(r->v[j].dba, dba))
                replay_vector(block, r, j);
        block_header(block)->scn = r->scn;
        block_seal(block);
        CHECK_OK(files_write(files, dba, block, &d), &d);
    }
}

lsn_t db_replay(scn_t *ret_scn)
{
    struct diag d;
    struct files *files;
    struct redo_reader *rd;
    static struct redo_record r;
    uint8_t *block = rt_alloc_aligned(BLOCK_SIZE);
    bool end = false;
    CHECK_OK(files_open("/db", false, &files, &d), &d);
    CHECK_OK(redo_reader_open("/db", 1, 0, &rd, &d), &d);
    for (;;) {
        CHECK_OK(redo_read(rd, &r, &end, &d), &d);
        if (end)
            break;
        *ret_scn = MAX(*ret_scn, r.scn);
        replay_record(files, &r, block);
    }
    const lsn_t at = ALIGN_UP(redo_reader_position(rd), REDO_LOG_BLOCK);
    redo_reader_close(rd);
    files_close(files);
    rt_free_aligned(block, BLOCK_SIZE);
    return at;
}

static void unstamp(uint8_t *block)
{
    block_header(block)->crc = 0;
    if (block_header(block)->type != BLOCK_HEAP)
        return;
    for (unsigned i = 0; i < heap_page(block)->nslots; i++) {
        struct heap_item it;
        if (heap_page_row(block, i, &it))
            memset(block + (it.body - block) - ROW_HEADER_SIZE, 0, 8);
    }
}

void db_compare_replay(const char *dir)
{
    struct diag d;
    struct files *files;
    struct redo_reader *rd;
    static struct redo_record r;
    struct u64map *map = u64map_new(1000);
    uint8_t *disk = rt_alloc_aligned(BLOCK_SIZE);
    bool end = false;
    size_t pos = 0;
    uint64_t dba;
    void *p;
    CHECK_OK(files_open(dir ? dir : "/db", false, &files, &d), &d);
    CHECK_OK(redo_reader_open(dir ? dir : "/db", 1, 0, &rd, &d), &d);
    for (;;) {
        CHECK_OK(redo_read(rd, &r, &end, &d), &d);
        if (end)
            break;
        for (unsigned i = 0; i < r.n; i++) {
            uint8_t *block = u64map_get(map, r.v[i].dba.v);
            if (!block) {
                block = xcalloc(1, BLOCK_SIZE);
                u64map_put(map, r.v[i].dba.v, block);
            }
            replay_vector(block, &r, i);
            block_header(block)->scn = r.scn;
        }
    }
    redo_reader_close(rd);
    while (u64map_next(map, &pos, &dba, &p)) {
        CHECK_OK(files_read(files, (struct dba){ dba }, disk, &d), &d);
        unstamp(disk);
        unstamp(p);
        for (unsigned i = 0; i < BLOCK_SIZE; i++)
            if (disk[i] != ((uint8_t *)p)[i])
                panic("block %u.%u of type %u: replay makes another block from byte %u on", dba_file((struct dba){ dba }),
                      dba_block((struct dba){ dba }), block_header(disk)->type, i);
        free(p);
    }
    u64map_free(map);
    files_close(files);
    rt_free_aligned(disk, BLOCK_SIZE);
}

void db_simulate(uint64_t seed, bool preempt, void (*fn)(void *), void *arg)
{
    const struct sim_options opt = { .seed = seed, .hosts = 1, .workers = 3, .disk_min_us = 20, .disk_max_us = 100, .sync_min_us = 100,
                                     .sync_max_us = 500, .preempt = preempt };
    struct sim *s = sim_new(&opt);
    sim_host_start(s, 1, fn, arg);
    if (!sim_run(s, RT_SEC(36000)))
        panic("seed %" PRIu64 ": the simulation did not end", seed);
    sim_free(s);
}
