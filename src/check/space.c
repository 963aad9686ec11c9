/*
 * Space: the bitmap of free extents against the extents of all segments, the
 * lists of extents, the extent headers against the blocks they describe.
 */
#include <stdlib.h>

#include "check/check_int.h"
#include "rt/rt.h"

#define LISTS_MAX (SPACE_EXTENTS_MAX / SPACE_SEG_ENTRIES + 1)

struct space_check {
    struct check *c;
    uint32_t nextents; /* within the file */
    uint8_t *taken; /* by the bitmap */
    uint32_t *owner; /* by extent: segment index + 1 */
    uint8_t *block; /* a buffer */
};

static const void *body(const uint8_t *block) { return block + BLOCK_HEADER_SIZE; }

static bool has_type(struct check *c, struct dba at, const uint8_t *block, enum block_type type, uint32_t seg_id)
{
    struct diag d;
    if (space_check_block(block, type, seg_id, &d) == ERR_OK)
        return true;
    check__problem(c, "space: %s", d.message);
    return false;
}

/* ---- bitmap ------------------------------------------------------------------------- */

static void read_bitmap_block(struct space_check *s, uint32_t index)
{
    const struct dba at = dba_make(FILE_DATA, 1 + index);
    const struct space_bitmap *b = body(s->block);
    if (!check__read(s->c, at, s->block) || !has_type(s->c, at, s->block, BLOCK_BITMAP, 0))
        return;
    if (b->first != index * SPACE_BITMAP_EXTENTS) {
        check__problem(s->c, "space: bitmap block %u begins with extent %u, not %u", 1 + index, b->first, index * SPACE_BITMAP_EXTENTS);
        return;
    }
    for (uint32_t i = 0; i < SPACE_BITMAP_EXTENTS; i++) {
        const uint32_t extent = b->first + i;
        if (!space_bit(b, extent))
            continue;
        if (extent < s->nextents)
            s->taken[extent] = 1;
        else
            check__problem(s->c, "space: extent %u is taken, but beyond the end of data/main.dbf (%u extents)", extent, s->nextents);
    }
}

static bool read_bitmap(struct space_check *s)
{
    const struct dba at = dba_make(FILE_DATA, 0);
    if (!check__read(s->c, at, s->block) || !has_type(s->c, at, s->block, BLOCK_FILE, 0))
        return false;
    const uint32_t n = ((const struct space_file *)body(s->block))->bitmap_blocks;
    if (n == 0 || n > SPACE_BITMAP_BLOCKS_MAX) {
        check__problem(s->c, "space: the file header tells of %u bitmap blocks", n);
        return false;
    }
    for (uint32_t i = 0; i < n; i++)
        read_bitmap_block(s, i);
    if (s->nextents && !s->taken[0])
        check__problem(s->c, "space: extent 0, which holds the bitmap itself, is marked free");
    return true;
}

/* ---- segments -------------------------------------------------------------------------- */

static void add_segment(struct check *c, struct seg seg)
{
    if (u64map_get(c->segment_by_id, seg.id)) {
        check__problem(c, "space: there are two segments %u, at blocks %u and %u", seg.id, dba_block(check__segment(c, seg.id)->seg.header),
                       dba_block(seg.header));
        return;
    }
    if (c->nsegments == c->segments_cap) {
        c->segments_cap = MAX(64u, 2 * c->segments_cap);
        c->segment = xrealloc(c->segment, c->segments_cap * sizeof *c->segment);
    }
    c->segment[c->nsegments++] = (struct segment){ .seg = seg };
    u64map_put(c->segment_by_id, seg.id, (void *)(uintptr_t)c->nsegments);
}

static void find_segments(struct space_check *s)
{
    struct check *c = s->c;
    for (uint32_t e = 1; e < s->nextents; e++) {
        const struct dba at = dba_make(FILE_DATA, e * EXTENT_BLOCKS);
        const struct block_note *note = &c->block[dba_block(at)];
        const struct space_segment *h = body(s->block);
        if (!s->taken[e] || note->type != BLOCK_SEGMENT || note->seg_id == 0 || !check__read(c, at, s->block))
            continue;
        if (!(h->flags & (SPACE_SEG_MAP | SPACE_SEG_FREED)))
            add_segment(c, (struct seg){ note->seg_id, at });
    }
}

static void add_extent(struct space_check *s, uint32_t index, const struct space_seg_entry *e)
{
    struct segment *g = &s->c->segment[index];
    const uint32_t extent = e->block / EXTENT_BLOCKS;
    if (e->block % EXTENT_BLOCKS != 0 || extent == 0 || extent >= s->nextents) {
        check__problem(s->c, "space: segment %u lists an extent at block %u, which cannot be", g->seg.id, e->block);
        g->damaged = true;
        return;
    }
    if (s->owner[extent]) {
        check__problem(s->c, "space: the extent at block %u is in segment %u and in segment %u", e->block,
                       s->c->segment[s->owner[extent] - 1].seg.id, g->seg.id);
        g->damaged = true;
        return;
    }
    if (!s->taken[extent])
        check__problem(s->c, "space: the extent at block %u is in segment %u, but marked free", e->block, g->seg.id);
    s->owner[extent] = index + 1;
    g->extent[g->n++] = e->block;
}

/* One list of the chain; *ret_next: the one after it. */
static bool read_list(struct space_check *s, uint32_t index, struct dba at, uint64_t *ret_next, uint64_t *ret_last)
{
    struct segment *g = &s->c->segment[index];
    const struct space_segment *l = body(s->block);
    const bool header = dba_eq(at, g->seg.header);
    *ret_next = 0;
    if (dba_file(at) != FILE_DATA || dba_block(at) >= s->c->nblocks) {
        check__problem(s->c, "space: the list of extents of segment %u goes on outside of data/main.dbf", g->seg.id);
        return false;
    }
    if (!check__read(s->c, at, s->block) || !has_type(s->c, at, s->block, BLOCK_SEGMENT, g->seg.id))
        return false;
    if (!header && !(l->flags & SPACE_SEG_MAP)) {
        check__problem(s->c, "space: block %u, where the list of extents of segment %u goes on, is no list", dba_block(at), g->seg.id);
        return false;
    }
    if (header)
        *ret_last = l->last ? l->last : at.v;
    g->extent = xrealloc(g->extent, (g->n + l->n) * sizeof *g->extent + 4);
    for (uint32_t i = 0; i < l->n; i++)
        add_extent(s, index, &l->entry[i]);
    *ret_next = l->next;
    return true;
}

static void read_segment(struct space_check *s, uint32_t index)
{
    struct segment *g = &s->c->segment[index];
    struct dba at = g->seg.header;
    uint64_t next = 0, last = 0;
    for (uint32_t n = 0; !g->damaged; n++, at.v = next) {
        if (n > LISTS_MAX) {
            check__problem(s->c, "space: the list of extents of segment %u does not end", g->seg.id);
            g->damaged = true;
        } else if (!read_list(s, index, at, &next, &last)) {
            g->damaged = true;
        } else if (!next) {
            break;
        }
    }
    if (!g->damaged && at.v != last) {
        check__problem(s->c, "space: the header of segment %u says that its list ends in block %u; it ends in block %u", g->seg.id,
                       dba_block((struct dba){ last }), dba_block(at));
        g->damaged = true;
    }
    if (!g->damaged && (g->n == 0 || g->extent[0] != dba_block(g->seg.header))) {
        check__problem(s->c, "space: the first extent of segment %u is not the one of its header", g->seg.id);
        g->damaged = true;
    }
}

/* ---- extents ------------------------------------------------------------------------------ */

static bool class_fits(uint8_t class, const struct block_note *b, uint32_t seg_id)
{
    if (class <= SPACE_CLASS_MAX)
        return b->type == BLOCK_HEAP && b->seg_id == seg_id;
    if (class == SPACE_TAKEN)
        return b->seg_id == seg_id && b->type != BLOCK_NONE && b->type != BLOCK_HEAP;
    if (class == SPACE_GIVEN_BACK)
        return b->seg_id == seg_id && b->type == BLOCK_OVERFLOW;
    return class == SPACE_UNUSED;
}

static void read_extent(struct space_check *s, const struct segment *g, uint32_t first)
{
    struct check *c = s->c;
    const bool is_first = first == dba_block(g->seg.header);
    const struct dba at = dba_make(FILE_DATA, first + is_first);
    const struct space_extent_header *h = body(s->block);
    if (!check__read(c, at, s->block) || !has_type(c, at, s->block, BLOCK_EXTENT, g->seg.id))
        return;
    if (h->owner == 0 || h->owner > c->control->threads)
        check__problem(c, "space: the extent at block %u of segment %u is of redo thread %u, which does not exist", first, g->seg.id, h->owner);
    if (h->used < 1u + is_first)
        check__problem(c, "space: the extent at block %u of segment %u has %u blocks in use, not even its own", first, g->seg.id, h->used);
    for (uint32_t i = 0; i < EXTENT_BLOCKS; i++) {
        struct block_note *b = &c->block[first + i];
        if (i >= h->used) {
            if (h->class[i] != SPACE_UNUSED)
                check__problem(c, "space: block %u of segment %u is in use, beyond the %u blocks of its extent that are", first + i, g->seg.id, h->used);
            continue;
        }
        if (!(b->flags & NOTE_DAMAGED) && !class_fits(h->class[i], b, g->seg.id)) {
            check__problem(c, "space: block %u is %s of segment %u, the extent header of segment %u says class %u", first + i,
                           block_type_name(b->type), b->seg_id, g->seg.id, h->class[i]);
            continue;
        }
        b->class = h->class[i];
        if (h->class[i] != SPACE_UNUSED)
            b->flags |= NOTE_IN_SEGMENT;
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void find_lost(struct space_check *s)
{
    for (uint32_t e = 1; e < s->nextents; e++)
        if (s->taken[e] && !s->owner[e])
            check__problem(s->c, "space: the extent at block %u is taken, but in no segment", e * EXTENT_BLOCKS);
}

void check__space(struct check *c)
{
    struct space_check s = { .c = c, .nextents = (uint32_t)(c->nblocks / EXTENT_BLOCKS) };
    s.taken = xcalloc(s.nextents + 1u, 1);
    s.owner = xcalloc(s.nextents + 1u, sizeof *s.owner);
    s.block = rt_alloc_aligned(BLOCK_SIZE);
    if (read_bitmap(&s)) {
        find_segments(&s);
        for (uint32_t i = 0; i < c->nsegments; i++)
            read_segment(&s, i);
        for (uint32_t i = 0; i < c->nsegments; i++)
            for (uint32_t k = 0; k < c->segment[i].n; k++)
                read_extent(&s, &c->segment[i], c->segment[i].extent[k]);
        find_lost(&s);
    }
    rt_free_aligned(s.block, BLOCK_SIZE);
    free(s.owner);
    free(s.taken);
}

struct segment *check__segment(struct check *c, uint32_t id)
{
    const uintptr_t i = (uintptr_t)u64map_get(c->segment_by_id, id);
    return i ? &c->segment[i - 1] : NULL;
}

struct segment *check__claim(struct check *c, struct seg seg, const char *owner)
{
    struct segment *g = check__segment(c, seg.id);
    if (!g || !dba_eq(g->seg.header, seg.header)) {
        check__problem(c, "%s: there is no segment %u at block %u", owner, seg.id, dba_block(seg.header));
        return NULL;
    }
    if (g->claimed) {
        check__problem(c, "%s: segment %u belongs to another relation too", owner, seg.id);
        return NULL;
    }
    g->claimed = true;
    return g;
}

void check__unclaimed(struct check *c, bool (*pending)(void *arg, uint32_t seg_id), void *arg)
{
    for (uint32_t i = 0; i < c->nsegments; i++) {
        const struct segment *g = &c->segment[i];
        if (g->claimed)
            continue;
        if (pending(arg, g->seg.id))
            check__note(c, "segment %u at block %u (%u extents) waits to be freed by the next start", g->seg.id, dba_block(g->seg.header), g->n);
        else
            check__note(c, "segment %u at block %u (%u extents) belongs to nothing: its space is lost", g->seg.id, dba_block(g->seg.header), g->n);
    }
}

bool check__next_block(const struct check *c, const struct segment *s, uint64_t *pos, struct dba *ret)
{
    for (; *pos < (uint64_t)s->n * EXTENT_BLOCKS; ++*pos) {
        const uint32_t no = s->extent[*pos / EXTENT_BLOCKS] + (uint32_t)(*pos % EXTENT_BLOCKS);
        const struct block_note *b = &c->block[no];
        if (!(b->flags & NOTE_IN_SEGMENT) || (b->flags & NOTE_DAMAGED) || b->type == BLOCK_SEGMENT || b->type == BLOCK_EXTENT)
            continue;
        *ret = dba_make(FILE_DATA, no);
        ++*pos;
        return true;
    }
    return false;
}
