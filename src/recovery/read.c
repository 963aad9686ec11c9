/*
 * The two passes over the logs of the threads to be recovered.
 */
#include <stdlib.h>

#include "recovery/recovery_int.h"

#define PROGRESS_EVERY 65536u

typedef enum err record_fn(void *arg, struct recovery_thread *t, const struct redo_record *r, struct diag *d);

/* Up to the end of the log, or, once that is known, so many records. */
static enum err read_thread(const struct recovery_options *opt, struct recovery_thread *t, uint64_t limit, record_fn *fn, void *arg, struct diag *d)
{
    struct redo_reader *reader = NULL;
    struct redo_record *rec = xmalloc(sizeof(*rec));
    enum err err = redo_reader_open(opt->dir, t->thread, t->start, &reader, d);
    if (!err) {
        redo_reader_expect(reader, t->incarnation);
        if (opt->known_durable != NULL)
            redo_reader_known_durable(reader, opt->known_durable[t->thread]);
    }
    bool end = false;
    for (uint64_t n = 0; n < limit && !err; n++) {
        err = redo_read(reader, rec, &end, d);
        if (err || end)
            break;
        err = fn(arg, t, rec, d);
        rt_yield_if_due();
    }
    if (end)
        t->end = redo_reader_position(reader);
    redo_reader_close(reader);
    free(rec);
    return err;
}

/* ---- analysis ------------------------------------------------------------------ */

struct analysis {
    const struct recovery_options *opt;
    struct recovery_result *r;
    struct rset *set;
};

static void note_xid(struct recovery_result *r, struct xid xid)
{
    for (unsigned i = 0; i < r->nthreads; i++)
        if (r->threads[i].thread == xid_thread(xid))
            r->threads[i].xid_seq_max = MAX(r->threads[i].xid_seq_max, xid_seq(xid));
}

static enum err analyse_record(void *arg, struct recovery_thread *t, const struct redo_record *rec, struct diag *d)
{
    struct analysis *a = arg;
    if (rec->scn <= t->scn_max)
        return diag_set(d, ERR_CORRUPT, "redo thread %u: the record at position %" PRIu64 " has SCN %" PRIu64 " after SCN %" PRIu64, t->thread,
                        rec->start, rec->scn, t->scn_max);
    t->scn_max = rec->scn;
    if (rec->type == REDO_COMMIT)
        t->commit_scn_max = rec->scn;
    t->records++;
    a->r->records++;
    a->r->vectors += rec->n;
    a->r->scn_max = MAX(a->r->scn_max, rec->scn);
    note_xid(a->r, rec->xid);
    rset_note(a->set, rec);
    if (a->r->records % PROGRESS_EVERY == 0 && a->opt->progress != NULL)
        a->opt->progress(a->opt->progress_arg, "analysis", a->r->records, 0);
    return ERR_OK;
}

enum err recovery__analyse(const struct recovery_options *opt, struct recovery_result *r, struct rset *set, struct diag *d)
{
    struct analysis a = { opt, r, set };
    enum err err = ERR_OK;
    for (unsigned i = 0; i < r->nthreads && !err; i++)
        err = read_thread(opt, &r->threads[i], UINT64_MAX, analyse_record, &a, d);
    r->blocks = rset_count(set);
    return err ? diag_wrap(d, err, "analysing the redo") : ERR_OK;
}

/* ---- gathering ------------------------------------------------------------------- */

struct gathering {
    const struct rset *set;
    struct rpart *part;
    uint32_t no, parts;
};

static struct rblock *block_of(struct gathering *g, const struct rset_block *sb)
{
    struct rblock *b = u64map_get(g->part->blocks, sb->dba.v);
    if (b == NULL) {
        b = ARENA_NEW(g->part->arena, struct rblock);
        b->dba = sb->dba;
        b->written = sb->written;
        b->cap = sb->vectors;
        b->v = ARENA_ARRAY(g->part->arena, struct rvector, b->cap);
        u64map_put(g->part->blocks, sb->dba.v, b);
    }
    return b;
}

static enum err gather_record(void *arg, struct recovery_thread *t, const struct redo_record *rec, struct diag *d)
{
    struct gathering *g = arg;
    for (unsigned i = 0; i < rec->n; i++) {
        if (rec->v[i].opcode == REDO_BLOCK_WRITTEN || !rset_in_part(rec->v[i].dba, g->no, g->parts))
            continue;
        const struct rset_block *sb = rset_find(g->set, rec->v[i].dba);
        if (sb == NULL)
            return diag_set(d, ERR_CORRUPT, "redo thread %u: the log has changed while it was read", t->thread);
        if (rec->scn <= sb->written)
            continue;
        struct rblock *b = block_of(g, sb);
        if (b->n == b->cap)
            return diag_set(d, ERR_CORRUPT, "redo thread %u: the log has changed while it was read", t->thread);
        b->v[b->n++] = (struct rvector){ .scn = rec->scn,
                                         .before = rec->v[i].before,
                                         .lsn = rec->start,
                                         .thread = t->thread,
                                         .opcode = (uint8_t)rec->v[i].opcode,
                                         .index = (uint8_t)i,
                                         .len = rec->v[i].len,
                                         .payload = rec->v[i].len > 0 ? arena_dup(g->part->arena, rec->v[i].payload, rec->v[i].len) : NULL };
    }
    return ERR_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct rblock *x = *(struct rblock *const *)a, *y = *(struct rblock *const *)b;
    return x->dba.v < y->dba.v ? -1 : x->dba.v > y->dba.v;
}

static void list_blocks(struct rpart *p)
{
    size_t pos = 0;
    uint64_t key;
    void *value;
    p->list = xmalloc(u64map_count(p->blocks) * sizeof(struct rblock *));
    while (u64map_next(p->blocks, &pos, &key, &value))
        p->list[p->n++] = value;
    if (p->n > 1)
        qsort(p->list, p->n, sizeof(struct rblock *), by_address);
}

enum err recovery__gather(const struct recovery_options *opt, const struct recovery_result *r, const struct rset *set, uint32_t part,
                          uint32_t parts, struct rpart *ret, struct diag *d)
{
    struct rpart p = { .arena = arena_new("recovery vectors", 0), .blocks = u64map_new(1024) };
    struct gathering g = { set, &p, part, parts };
    enum err err = ERR_OK;
    for (unsigned i = 0; i < r->nthreads && !err; i++)
        err = read_thread(opt, &r->threads[i], r->threads[i].records, gather_record, &g, d);
    if (err) {
        recovery__part_fini(&p);
        return diag_wrap(d, err, "reading the redo again");
    }
    list_blocks(&p);
    *ret = p;
    return ERR_OK;
}

void recovery__part_fini(struct rpart *p)
{
    arena_free(p->arena);
    u64map_free(p->blocks);
    free(p->list);
}
