#include "rows.h"

#include "ges/ges.h"
#include "grd/grd.h"
#include "recovery/recovery.h"
#include "storage/control.h"

/* ---- blocks of rows ------------------------------------------------------------------- */

static struct toy_row *rows_of(uint8_t *block) { return (struct toy_row *)(block + BLOCK_HEADER_SIZE); }

static enum err toy_apply(uint8_t *block, enum redo_opcode op, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (op == REDO_HEAP_FORMAT) {
        block_format(block, (struct dba){ get_u64le(p) }, BLOCK_HEAP, 1, 7);
        return ERR_OK;
    }
    struct toy_set set;
    if (len != sizeof(set) || block_header(block)->type != BLOCK_HEAP)
        return diag_set(d, ERR_CORRUPT, "not a block of rows");
    memcpy(&set, p, sizeof(set));
    rows_of(block)[set.slot] = set.row;
    return ERR_OK;
}

const char *toy_dir = "/db";

const struct redo_ops toy_ops = { .apply = {
                                      [REDO_HEAP_FORMAT] = toy_apply,
                                      [REDO_HEAP_UPDATE] = toy_apply,
                                      [REDO_TT_FORMAT] = txn_apply,
                                      [REDO_TT_BEGIN] = txn_apply,
                                      [REDO_TT_COMMIT] = txn_apply,
                                      [REDO_TT_SET] = txn_apply,
                                      [REDO_UNDO_FORMAT] = txn_apply,
                                      [REDO_UNDO_APPEND] = txn_apply,
                                  } };

static enum err set_in_mtr(struct mtr *m, struct pin *b, uint32_t slot, const struct toy_row *row, struct diag *d)
{
    struct toy_set set = { .slot = slot };
    memcpy(&set.row, row, sizeof(*row));
    return mtr_change(m, b, REDO_HEAP_UPDATE, &(struct mtr_part){ &set, sizeof(set) }, 1, d);
}

/* ---- undo and purge ------------------------------------------------------------------------ */

static enum err toy_undo(void *arg, struct txn_sys *ts, struct mtr *m, const struct undo_record *rec, struct undo_ptr at, struct diag *d)
{
    struct inst *in = arg;
    struct pin *b;
    const enum err err = mtr_pin(m, rowid_dba(rec->rowid), &b, d);
    if (err)
        return err;
    const struct toy_row *row = &rows_of(b->data)[rowid_slot(rec->rowid)];
    in->undone++;
    if (row->h.writer != rec->xid.v || row->h.undo.v != at.v)
        return ERR_OK;
    struct toy_row before;
    memset(&before, 0, sizeof(before));
    before.h = (struct row_header){ .writer = rec->prev_writer, .undo = rec->prev_undo, .flags = rec->prev_flags };
    memcpy(&before.value, rec->data, sizeof(before.value));
    return set_in_mtr(m, b, rowid_slot(rec->rowid), &before, d);
}

static void toy_purge(void *arg, const struct undo_record *rec, scn_t c)
{
    struct inst *in = arg;
    CHECK(c >= in->purge_last); /* oldest first */
    in->purge_last = c;
    in->purged++;
}

static void heard_objects(void *arg, const uint32_t *ids, unsigned n)
{
    struct inst *in = arg;
    for (unsigned i = 0; i < n && in->nobjects < ARRAY_LEN(in->objects); i++)
        in->objects[in->nobjects++] = ids[i];
}

/* ---- rows ------------------------------------------------------------------------------------- */

struct toy_row row_raw(struct inst *in, uint32_t slot)
{
    struct diag d;
    struct pin *b;
    CHECK_OK(buf_pin(in->bc, in->block, BUF_S, &b, &d), &d);
    const struct toy_row row = rows_of(b->data)[slot];
    buf_unpin(b);
    return row;
}

static enum err change(struct inst *in, struct txn *t, struct mtr *m, struct pin *b, uint32_t slot, uint64_t value, struct diag *d)
{
    const struct toy_row *now = &rows_of(b->data)[slot];
    const struct undo_record r = {
        .type = value % 16 == 15 ? UNDO_HEAP_DELETE : UNDO_HEAP_UPDATE, /* some are of interest to purge */
        .seg = in->seg,
        .rowid = rowid_make(in->block, (uint16_t)slot),
        .prev_writer = now->h.writer,
        .prev_undo = now->h.undo,
        .prev_flags = now->h.flags,
        .data = (const uint8_t *)&now->value,
        .len = sizeof(now->value),
    };
    struct undo_ptr at;
    const enum err err = txn_undo_append(t, m, &r, &at, d);
    if (err)
        return err;
    struct toy_row next;
    memset(&next, 0, sizeof(next));
    next.h = (struct row_header){ .writer = txn_xid(t).v, .undo = at };
    next.value = value;
    return set_in_mtr(m, b, slot, &next, d);
}

enum err row_set(struct inst *in, struct txn *t, uint32_t slot, uint64_t value, struct diag *d)
{
    for (;;) {
        struct mtr m;
        struct pin *b;
        uint32_t bytes;
        enum err err = txn_undo_reserve(t, sizeof(value), &bytes, d);
        if (err)
            return err;
        mtr_begin(&m, in->bc, txn_xid(t));
        err = mtr_reserve(&m, bytes + sizeof(struct toy_set) + 64, d);
        if (err)
            return err;
        CHECK_OK(mtr_pin(&m, in->block, &b, d), d);
        const struct toy_row row = rows_of(b->data)[slot];
        scn_t c;
        const enum row_writer w = row.h.writer == 0 ? ROW_WRITER_COMMITTED : txn_row_writer(in->ts, txn_xid(t), &row.h, &c);
        if (w == ROW_WRITER_SELF || w == ROW_WRITER_COMMITTED) {
            err = change(in, t, &m, b, slot, value, d);
            if (err)
                mtr_cancel(&m);
            else
                mtr_commit(&m, NULL);
            return err;
        }
        mtr_cancel(&m);
        if (w == ROW_WRITER_UNKNOWN) {
            const struct snapshot now = { .s = scn_now(&in->scn) };
            err = txn_status_wait(in->ts, &now, (struct xid){ row.h.writer }, d);
        } else {
            err = txn_wait_for(t, (struct xid){ row.h.writer }, RT_FOREVER, d);
        }
        if (err)
            return err;
    }
}

enum err row_get(struct inst *in, const struct snapshot *s, uint32_t slot, uint64_t *ret, struct diag *d)
{
    struct toy_row row = row_raw(in, slot);
    const struct rowid rowid = rowid_make(in->block, (uint16_t)slot);
    uint8_t *buf = malloc(UNDO_DATA_MAX);
    enum err err = ERR_OK;
    while (!err && row.h.writer != 0) {
        enum row_visibility v;
        if (!txn_visible_fast(in->ts, s, &row.h, &v)) {
            err = txn_status_wait(in->ts, s, (struct xid){ row.h.writer }, d);
            continue;
        }
        if (v == ROW_VISIBLE)
            break;
        struct undo_record r;
        err = txn_undo_read(in->ts, row.h.undo, (struct xid){ row.h.writer }, in->seg, rowid, s->s, &r, buf, d);
        if (!err) {
            row.h = (struct row_header){ .writer = r.prev_writer, .undo = r.prev_undo, .flags = r.prev_flags };
            memcpy(&row.value, r.data, sizeof(row.value));
        }
    }
    free(buf);
    *ret = row.h.writer == 0 ? 0 : row.value;
    return err ? err : txn_snapshot_check(in->ts, s, d);
}

/* ---- instances ----------------------------------------------------------------------------------- */

static scn_t ic_scn_now(void *arg) { return scn_now(&((struct inst *)arg)->scn); }
static scn_t ic_watermark(void *arg)
{
    struct inst *in = arg;
    return in->ts != NULL ? txn_watermark(in->ts) : 0;
}
static bool ic_scn_seen(void *arg, node_no from, scn_t scn, scn_t watermark)
{
    struct inst *in = arg;
    if (!in->deaf)
        scn_raise(&in->scn, scn);
    if (in->ts != NULL) {
        txn_peer_scn(in->ts, from, scn);
        txn_peer_watermark(in->ts, from, watermark);
    }
    return true;
}

static void open_ic(struct inst *in, const struct inst_options *o)
{
    struct diag d;
    char address[64];
    snprintf(address, sizeof(address), "10.0.0.%u:5000", sim_host());
    const struct ic_options io = {
        .self = { o->node, o->incarnation },
        .cluster_id = 1,
        .secret = "secret",
        .address = address,
        .lanes_normal = 1,
        .send_queue_max_bytes = 1 << 20,
        .frame_max_bytes = 128 << 10,
        .protocol_min = 1,
        .protocol_max = 1,
        .hooks = { .arg = in, .scn_now = ic_scn_now, .scn_seen = ic_scn_seen, .watermark = ic_watermark },
    };
    CHECK_OK(ic_open(&io, &in->ic, &d), &d);
    CHECK_OK(grd_open(1024, &in->grd, &d), &d);
    const struct ges_options go = { .ic = in->ic, .grd = in->grd, .self = o->node, .deadlock_timeout_ms = 100, .cache_max = 1000 };
    CHECK_OK(ges_open(&go, &in->ges, &d), &d);
}

static void open_peers(struct inst *in, const struct inst_options *o)
{
    struct diag d;
    for (unsigned n = 1; n <= o->peers; n++) {
        char address[64];
        snprintf(address, sizeof(address), "10.0.0.%u:5000", n);
        if (n != o->node)
            CHECK_OK(ic_peer_add(in->ic, (struct ic_peer_id){ (node_no)n, n }, address, &d), &d);
    }
}

void inst_view(struct inst *in, unsigned mask, epoch_t epoch, void (*barrier)(void))
{
    struct diag d;
    struct cluster_view v = { .epoch = epoch };
    for (unsigned n = 1; n <= 8; n++) {
        if (mask & BIT(n - 1))
            v.m[v.n++] = (struct cluster_member){ .node = (node_no)n, .incarnation = n, .redo_thread = (uint16_t)n };
    }
    ges_freeze(in->ges);
    barrier();
    ic_set_epoch(in->ic, epoch);
    grd_install(in->grd, &v);
    ges_install(in->ges, &v);
    txn_view_changed(in->ts, &v);
    barrier();
    CHECK_OK(ges_declare(in->ges, &d), &d);
    barrier();
    ges_open_view(in->ges);
}

static void open_thread(void *arg, struct control *c)
{
    const struct inst *in = arg;
    c->threads = MAX(c->threads, in->to.thread);
    c->thread[in->to.thread] = (struct control_thread){ .state = THREAD_OPEN, .node = in->to.self, .incarnation = 1 };
}

static void create_database(struct inst *in)
{
    struct diag d;
    CHECK_OK(control_create(toy_dir, "test", &d), &d);
    CHECK_OK(control_update(toy_dir, open_thread, in, &d), &d);
    if (files_create(in->files, FILE_DATA, 64, &d) != ERR_OK)
        CHECK(strstr(d.message, "exists") != NULL);
    CHECK_OK(txn_create_undo(&in->to, &d), &d);
    struct mtr m;
    struct pin *b;
    mtr_begin(&m, in->bc, XID_NONE);
    CHECK_OK(mtr_reserve(&m, 256, &d), &d);
    CHECK_OK(mtr_pin_fresh(&m, in->block, &b, &d), &d);
    CHECK_OK(mtr_change(&m, b, REDO_HEAP_FORMAT, &(struct mtr_part){ &in->block, sizeof(in->block) }, 1, &d), &d);
    mtr_commit(&m, NULL);
}

void inst_open(struct inst *in, const struct inst_options *o)
{
    struct diag d;
    const scn_t scn = in->scn.now;
    memset(in, 0, sizeof(*in));
    in->scn.now = scn == 0 ? 100 : scn;
    for (int i = 0; i < 5; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s%s", toy_dir, (const char *[]){ "", "/data", "/undo", "/dw", "/redo" }[i]);
        CHECK_OK(rt_mkdir(path, &d), &d);
    }
    CHECK_OK(files_open(toy_dir, false, &in->files, &d), &d);
    const struct redo_options ro = { .dir = toy_dir, .thread = o->thread, .incarnation = o->incarnation, .start = o->redo_start,
                                     .file_bytes = 4 << 20, .buffer_bytes = 4 << 20, .scn = &in->scn };
    CHECK_OK(redo_open(&ro, &in->redo, &d), &d);
    const struct bufcache_options bo = { .size_bytes = 256 * BLOCK_SIZE, .thread = o->thread, .dir = toy_dir, .files = in->files, .redo = in->redo,
                                         .redo_ops = &toy_ops, .scn = &in->scn };
    CHECK_OK(bufcache_open(&bo, &in->bc, &d), &d);
    if (o->peers > 0)
        open_ic(in, o);
    in->block = dba_make(FILE_DATA, o->block != 0 ? o->block : 1);
    in->seg = (struct seg){ 7, in->block };
    in->to = (struct txn_options){ .bc = in->bc, .files = in->files, .redo = in->redo, .scn = &in->scn, .ic = in->ic, .ges = in->ges, .self = o->node, .thread = o->thread,
                                   .xid_seq_start = MAX(o->xid_seq_start, 1), .undo_retention_secs = o->retention_secs,
                                   .undo_quota_blocks = o->quota_blocks, .tt_entries = o->tt_entries, .undo_extent_blocks = o->extent_blocks };
    if (o->create)
        create_database(in);
    CHECK_OK(txn_open(&in->to, &in->ts, &d), &d);
    txn_set_undo_handler(in->ts, UNDO_HEAP_UPDATE, toy_undo, in);
    txn_set_undo_handler(in->ts, UNDO_HEAP_DELETE, toy_undo, in);
    txn_set_purge_handler(in->ts, toy_purge, in);
    txn_set_object_listener(in->ts, heard_objects, in);
    if (o->peers > 0)
        open_peers(in, o);
}

void inst_close(struct inst *in)
{
    struct diag d;
    lsn_t checkpoint;
    if (in->ic != NULL)
        ic_close(in->ic);
    txn_close(in->ts);
    in->ts = NULL;
    if (in->ges != NULL)
        ges_close(in->ges);
    if (in->grd != NULL)
        grd_close(in->grd);
    CHECK_OK(bufcache_checkpoint(in->bc, &checkpoint, &d), &d);
    bufcache_close(in->bc);
    redo_close(in->redo);
    files_close(in->files);
}

/* ---- recovery ---------------------------------------------------------------------------------------- */

lsn_t toy_recover(uint16_t thread, scn_t *ret_scn)
{
    struct diag d;
    struct files *files;
    struct recovery_result r;
    CHECK_OK(files_open(toy_dir, false, &files, &d), &d);
    CHECK_OK(recovery_run(&(struct recovery_options){ .dir = toy_dir, .files = files, .ops = &toy_ops }, &r, &d), &d);
    CHECK(r.nthreads == 1 && r.threads[0].thread == thread);
    *ret_scn = r.scn_max;
    const lsn_t end = r.threads[0].end;
    recovery_result_fini(&r);
    files_close(files);
    return end;
}
