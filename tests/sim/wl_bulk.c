/*
 * Rows of all sizes, some beyond a block: COPY, updates that grow and shrink,
 * deletes of ranges. Each client has rows of its own, so that it knows what
 * each of them must hold; a statement of unknown outcome has happened wholly
 * or not at all.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define OWNERS_MAX 4u
#define ROWS 48u /* of each owner */
#define LENGTH_MAX 12000u

struct row {
    bool there;
    uint32_t version, length;
};

struct owner {
    struct bulk *b;
    uint32_t no;
    struct row row[ROWS], maybe[ROWS]; /* as acknowledged; as they are if the last statement has happened */
    bool unsure;
    uint32_t versions;
};

struct bulk {
    struct world *w;
    uint32_t owners;
    struct owner owner[OWNERS_MAX];
};

static void *bulk_open(struct world *w)
{
    struct bulk *b = xcalloc(1, sizeof *b);
    b->w = w;
    b->owners = (uint32_t)between(1, OWNERS_MAX);
    for (uint32_t i = 0; i < b->owners; i++)
        b->owner[i] = (struct owner){ .b = b, .no = i };
    return b;
}

static void bulk_setup(void *self, struct pg_client *pg)
{
    struct bulk *b = self;
    struct pg_result r;
    must(b->w, pg, &r, "CREATE TABLE bulk (id int PRIMARY KEY, version int NOT NULL, body text)");
    must(b->w, pg, &r, "CREATE INDEX bulk_version ON bulk (version)");
}

static uint32_t id_of(const struct owner *o, uint32_t i) { return o->no * 1000 + i; }
static char letter(uint32_t version) { return (char)('a' + version % 26); }

static uint32_t random_length(void)
{
    return one_in(20) ? (uint32_t)any_of(LENGTH_MAX) : one_in(5) ? (uint32_t)any_of(4000) : (uint32_t)any_of(300);
}

static void put_repeated(struct buf *out, char c, uint32_t n)
{
    buf_reserve(out, n);
    memset(out->p + out->len, c, n);
    out->len += n;
}

static void copy_some(struct owner *o, struct pg_client *pg, struct pg_result *r)
{
    struct buf data;
    buf_init(&data);
    const uint32_t version = ++o->versions;
    for (uint32_t i = (uint32_t)any_of(ROWS), n = (uint32_t)between(1, 30); n > 0 && i < ROWS; n--, i++) {
        if (o->row[i].there)
            continue;
        o->maybe[i] = (struct row){ true, version, random_length() };
        buf_printf(&data, "%u\t%u\t", id_of(o, i), version);
        put_repeated(&data, letter(version), o->maybe[i].length);
        buf_put_str(&data, "\n");
    }
    pg_copy_in(pg, r, "COPY bulk FROM STDIN", (const char *)data.p, data.len);
    buf_fini(&data);
}

static void update_some(struct owner *o, struct pg_client *pg, struct pg_result *r)
{
    const uint32_t from = (uint32_t)any_of(ROWS), to = MIN(ROWS, from + (uint32_t)between(1, 6)), length = random_length(), version = ++o->versions;
    for (uint32_t i = from; i < to; i++)
        if (o->row[i].there)
            o->maybe[i] = (struct row){ true, version, length };
    pg_query(pg, r, "UPDATE bulk SET version = %u, body = repeat('%c', %u) WHERE id >= %u AND id < %u", version, letter(version), length, id_of(o, from),
             id_of(o, to));
}

static void delete_some(struct owner *o, struct pg_client *pg, struct pg_result *r)
{
    const uint32_t from = (uint32_t)any_of(ROWS), to = MIN(ROWS, from + (uint32_t)between(1, one_in(4) ? ROWS : 6));
    for (uint32_t i = from; i < to; i++)
        o->maybe[i].there = false;
    pg_query(pg, r, "DELETE FROM bulk WHERE id >= %u AND id < %u", id_of(o, from), id_of(o, to));
}

/* ---- what is there ------------------------------------------------------------------------ */

static bool same_row(const struct row *a, const struct row *b)
{
    return a->there == b->there && (!a->there || (a->version == b->version && a->length == b->length));
}

static void check_body(struct owner *o, uint32_t id, const struct row *row, const char *body)
{
    for (uint32_t i = 0; i < row->length; i++)
        if (body[i] != letter(row->version))
            world_fail(o->b->w, "row %u (version %u): wrong byte at %u of %u", id, row->version, i, row->length);
}

static bool read_rows(struct owner *o, struct pg_client *pg, struct row *now)
{
    struct pg_result r;
    memset(now, 0, ROWS * sizeof *now);
    pg_query(pg, &r, "SELECT id, version, body FROM bulk WHERE id >= %u AND id < %u", id_of(o, 0), id_of(o, ROWS));
    if (!expect_ok(o->b->w, &r, "SELECT ... FROM bulk"))
        return false;
    for (uint32_t i = 0; i < r.nrows; i++) {
        const uint32_t id = (uint32_t)pg_int(&r, i, 0);
        struct row *row = &now[id - id_of(o, 0)];
        if (row->there)
            world_fail(o->b->w, "row %u was read twice", id);
        *row = (struct row){ true, (uint32_t)pg_int(&r, i, 1), (uint32_t)strlen(pg_value(&r, i, 2)) };
        check_body(o, id, row, pg_value(&r, i, 2));
    }
    return true;
}

static bool agree(struct owner *o, struct pg_client *pg)
{
    struct row now[ROWS];
    bool old = true, new = o->unsure;
    uint32_t differs = 0;
    if (!read_rows(o, pg, now))
        return false;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (!same_row(&now[i], &o->row[i]))
            differs = i;
        old = old && same_row(&now[i], &o->row[i]);
        new = new && same_row(&now[i], &o->maybe[i]);
    }
    if (!old && !new)
        world_fail(o->b->w, "row %u: there %d version %u length %u; acknowledged: there %d version %u length %u%s", id_of(o, differs), now[differs].there,
                   now[differs].version, now[differs].length, o->row[differs].there, o->row[differs].version, o->row[differs].length,
                   o->unsure ? " (the last statement's outcome is unknown)" : "");
    memcpy(o->row, now, sizeof now);
    memcpy(o->maybe, now, sizeof now);
    o->unsure = false;
    return true;
}

static void change(struct owner *o, struct pg_client *pg)
{
    struct pg_result r;
    memcpy(o->maybe, o->row, sizeof o->row);
    switch (any_of(4)) {
    case 0:
        copy_some(o, pg, &r);
        break;
    case 1:
        delete_some(o, pg, &r);
        break;
    default:
        update_some(o, pg, &r);
    }
    const enum outcome how = outcome_of(o->b->w, &r, "a change of bulk rows");
    o->unsure = how == UNKNOWN;
    if (how == ACKED)
        memcpy(o->row, o->maybe, sizeof o->row);
}

/* After a statement of unknown outcome, which may still run, the rows are left alone until the next check. */
static void bulk_client(void *arg)
{
    struct owner *o = arg;
    const uint32_t home = 1 + (o->no + (uint32_t)any_of(o->b->w->nodes)) % o->b->w->nodes;
    for (struct pg_client *pg; !o->unsure && (pg = world_connect(o->b->w, home)) != NULL; pg_close(pg))
        while (!o->b->w->stop_clients && !o->unsure && !pg_is_lost(pg)) {
            if (one_in(4))
                agree(o, pg);
            else
                change(o, pg);
            rt_sleep(any_of(RT_MS(10)));
            if (one_in(30))
                break;
        }
}

static void bulk_start(void *self)
{
    struct bulk *b = self;
    for (uint32_t i = 0; i < b->owners; i++)
        world_client(b->w, bulk_client, &b->owner[i]);
}

static void bulk_check(void *self, struct pg_client *pg, bool last)
{
    struct bulk *b = self;
    for (uint32_t i = 0; i < b->owners; i++)
        if (!agree(&b->owner[i], pg))
            world_fail(b->w, "the rows cannot be read");
    check_index_agrees(b->w, pg, "bulk", "count(*), sum(id), sum(version)", "id >= 0");
    check_index_agrees(b->w, pg, "bulk", "count(*), sum(id), sum(version)", "version >= 0");
}

const struct workload workload_bulk = { "bulk", bulk_open, bulk_setup, bulk_start, bulk_check };
