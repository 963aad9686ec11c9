/*
 * Extents and segments on disk. Pins are taken in this order: file header,
 * bitmap, segment header, further lists, extent header (R6: space comes last,
 * and within it by rising type).
 *
 * Instances look for free extents and let the file grow one at a time, under
 * the HW enqueue (its node keeps it until another one asks). What is found is
 * tested again under the X pin, because freeing needs no enqueue.
 */
#include <stdlib.h>

#include "ges/ges.h"
#include "storage/space_int.h"

#define BITMAP_REDO 256u
#define FREE_REDO (SPACE_SEG_ENTRIES * 4 + 64u * MTR_PINS_MAX)

static uint32_t extent_of(uint32_t block)
{
    return block / EXTENT_BLOCKS;
}

static struct dba bitmap_dba(uint32_t extent)
{
    return dba_make(FILE_DATA, 1 + extent / SPACE_BITMAP_EXTENTS);
}

static struct dba file_header_dba(void)
{
    return dba_make(FILE_DATA, 0);
}

/* mtr_pin() and a look at what it is. */
static enum err pin_checked(struct mtr *m, struct dba dba, enum block_type type, uint32_t seg_id, struct pin **ret, struct diag *d)
{
    struct pin *b;
    enum err err = mtr_pin(m, dba, &b, d);
    if (!err)
        err = space_check_block(b->data, type, seg_id, d);
    if (!err)
        *ret = b;
    return err;
}

static enum err change(struct mtr *m, struct pin *b, enum redo_opcode op, const void *payload, uint32_t len, struct diag *d)
{
    const struct mtr_part part = { payload, len };
    return mtr_change(m, b, op, &part, 1, d);
}

static enum err change_bitmap(struct mtr *m, struct pin *b, bool take, const uint32_t *extents, uint32_t n, struct diag *d)
{
    const struct space_bitmap_vector v = { .take = take, .n = n };
    const struct mtr_part parts[] = { { &v, sizeof(v) }, { extents, n * 4 } };
    return mtr_change(m, b, REDO_SPACE_BITMAP, parts, 2, d);
}

static enum err change_segment(struct mtr *m, struct pin *b, struct space_seg_vector v, struct diag *d)
{
    return change(m, b, REDO_SPACE_SEG_EXTENT, &v, sizeof(v), d);
}

/* ---- bootstrap ------------------------------------------------------------------ */

static enum err format_first_bitmap(struct mtr *m, struct pin *b, uint32_t first, struct diag *d)
{
    const struct space_format_vector v = { .dba = b->dba.v, .type = BLOCK_BITMAP, .first = first };
    return change(m, b, REDO_SPACE_FORMAT, &v, sizeof(v), d);
}

enum err space_format_file(struct space *s, struct diag *d)
{
    enum err err = files_create(s->files, FILE_DATA, SPACE_GROW_EXTENTS * EXTENT_BLOCKS, d);
    if (err)
        return err;
    struct mtr m;
    struct pin *header, *bitmap;
    const struct space_format_vector v = { .dba = file_header_dba().v, .type = BLOCK_FILE };
    const struct space_file_vector fv = { .segment_id_next = 1, .bitmap_blocks = 1 };
    const uint32_t none = 0; /* extent 0 holds these blocks themselves */
    mtr_begin(&m, s->bc, XID_NONE);
    err = mtr_reserve(&m, 2 * BITMAP_REDO, d);
    if (!err)
        err = mtr_pin_fresh(&m, file_header_dba(), &header, d);
    if (!err)
        err = mtr_pin_fresh(&m, bitmap_dba(0), &bitmap, d);
    if (err) {
        mtr_cancel(&m);
        return diag_wrap(d, err, "formatting the data file");
    }
    err = change(&m, header, REDO_SPACE_FORMAT, &v, sizeof(v), d);
    if (!err)
        err = change(&m, header, REDO_SPACE_FILE_SET, &fv, sizeof(fv), d);
    if (!err)
        err = format_first_bitmap(&m, bitmap, 0, d);
    if (!err)
        err = change_bitmap(&m, bitmap, true, &none, 1, d);
    assert(err == ERR_OK);
    (void)mtr_commit(&m, NULL);
    return ERR_OK;
}

/* ---- finding a free extent --------------------------------------------------------- */

static const struct ges_resource hw_resource = { GES_HW, FILE_DATA, 0 };

/* Without pins: another instance may have it for as long as its file grows. */
static enum err hw_lock(struct space *s, struct diag *d)
{
    rt_mutex_lock(&s->hw);
    const enum err err = s->owner != NULL ? ges_lock(s->owner, hw_resource, GES_MODE_EX, RT_FOREVER, d) : ERR_OK;
    if (err)
        rt_mutex_unlock(&s->hw);
    return err;
}

static void hw_unlock(struct space *s)
{
    if (s->owner != NULL)
        ges_unlock(s->owner, hw_resource, GES_MODE_EX);
    rt_mutex_unlock(&s->hw);
}

/* The file must hold extents up to and including `extent`. A full disk still gives what is needed, if it can. */
static enum err grow_file(struct space *s, uint32_t extent, struct diag *d)
{
    uint64_t blocks;
    enum err err = files_size(s->files, FILE_DATA, &blocks, d);
    const uint64_t least = ((uint64_t)extent + 1) * EXTENT_BLOCKS;
    if (err || blocks >= least)
        return err;
    const uint64_t more = MAX((uint64_t)SPACE_GROW_EXTENTS * EXTENT_BLOCKS, blocks / 10 / EXTENT_BLOCKS * EXTENT_BLOCKS);
    err = files_extend(s->files, FILE_DATA, MAX(least, MIN(blocks + more, (uint64_t)SPACE_EXTENTS_MAX * EXTENT_BLOCKS)), d);
    if (err == ERR_DISK_FULL) {
        diag_clear(d);
        err = files_extend(s->files, FILE_DATA, least, d);
    }
    return err;
}

/* First clear bit from `from` on, or the end of the block. */
static uint32_t first_free(const struct space_bitmap *b, uint32_t from)
{
    const uint32_t end = b->first + SPACE_BITMAP_EXTENTS;
    uint32_t e = from;
    while (e < end) {
        if ((e - b->first) % 8 == 0 && b->bits[(e - b->first) / 8] == 0xff)
            e += 8;
        else if (space_bit(b, e))
            e++;
        else
            return e;
    }
    return end;
}

static enum err add_bitmap_block(struct space *s, uint32_t index, struct diag *d)
{
    struct mtr m;
    struct pin *header, *bitmap;
    mtr_begin(&m, s->bc, XID_NONE);
    enum err err = mtr_reserve(&m, 2 * BITMAP_REDO, d);
    if (!err)
        err = pin_checked(&m, file_header_dba(), BLOCK_FILE, 0, &header, d);
    if (!err && SPACE_BODY(space_file, header->data)->bitmap_blocks != index) {
        mtr_cancel(&m); /* another instance was faster */
        return ERR_OK;
    }
    if (!err)
        err = mtr_pin_fresh(&m, dba_make(FILE_DATA, 1 + index), &bitmap, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    const struct space_file_vector fv = { SPACE_BODY(space_file, header->data)->segment_id_next, index + 1 };
    err = change(&m, header, REDO_SPACE_FILE_SET, &fv, sizeof(fv), d);
    if (!err)
        err = format_first_bitmap(&m, bitmap, index * SPACE_BITMAP_EXTENTS, d);
    assert(err == ERR_OK);
    (void)mtr_commit(&m, NULL);
    return ERR_OK;
}

static enum err bitmap_blocks(struct space *s, uint32_t *ret, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(s->bc, file_header_dba(), BUF_S, &b, d);
    if (err)
        return err;
    err = space_check_block(b->data, BLOCK_FILE, 0, d);
    if (!err)
        *ret = SPACE_BODY(space_file, b->data)->bitmap_blocks;
    buf_unpin(b);
    return err;
}

static enum err free_in_block(struct space *s, uint32_t index, uint32_t from, uint32_t *ret, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(s->bc, dba_make(FILE_DATA, 1 + index), BUF_S, &b, d);
    if (err)
        return err;
    err = space_check_block(b->data, BLOCK_BITMAP, 0, d);
    if (!err)
        *ret = first_free(SPACE_BODY(space_bitmap, b->data), from);
    buf_unpin(b);
    return err;
}

/* First free extent from the hint on, whether the file is long enough or not. */
static enum err find_clear_bit(struct space *s, uint32_t *ret, struct diag *d)
{
    uint32_t have = 0;
    enum err err = bitmap_blocks(s, &have, d);
    for (uint32_t i = s->bitmap_hint / SPACE_BITMAP_EXTENTS; !err; i++) {
        if (i == SPACE_BITMAP_BLOCKS_MAX)
            return diag_set(d, ERR_DISK_FULL, "the data file has its largest size (%u extents)", SPACE_EXTENTS_MAX);
        if (i >= have)
            err = add_bitmap_block(s, i, d);
        if (!err)
            err = free_in_block(s, i, MAX(s->bitmap_hint, i * SPACE_BITMAP_EXTENTS), ret, d);
        if (!err && *ret != (i + 1) * SPACE_BITMAP_EXTENTS)
            return ERR_OK;
    }
    return err;
}

/* Under HW. An extent that was free a moment ago, within the file. */
static enum err find_free(struct space *s, uint32_t *ret, struct diag *d)
{
    uint64_t blocks;
    uint32_t extent = 0;
    enum err err = files_size(s->files, FILE_DATA, &blocks, d);
    if (!err)
        err = find_clear_bit(s, &extent, d);
    if (!err && s->bitmap_hint > 0 && extent >= blocks / EXTENT_BLOCKS) {
        s->bitmap_hint = 0; /* other instances may have freed some: look at all before the file grows */
        err = find_clear_bit(s, &extent, d);
    }
    if (!err)
        err = grow_file(s, extent, d);
    if (err)
        return diag_wrap(d, err, "allocating space in the data file");
    *ret = extent;
    return ERR_OK;
}

/* In the mini-transaction that takes it: pins the bitmap in X. ERR_AGAIN: another instance has taken the extent. */
static enum err pin_free_extent(struct mtr *m, uint32_t extent, struct pin **ret, struct diag *d)
{
    const enum err err = pin_checked(m, bitmap_dba(extent), BLOCK_BITMAP, 0, ret, d);
    if (err)
        return err;
    return space_bit(SPACE_BODY(space_bitmap, (*ret)->data), extent) ? ERR_AGAIN : ERR_OK;
}

/* ---- segments ------------------------------------------------------------------------- */

static enum err create_in(struct space *s, uint32_t extent, struct seg *ret, struct diag *d)
{
    struct mtr m;
    struct pin *file, *bitmap, *header, *ext;
    const uint32_t first = extent * EXTENT_BLOCKS;
    mtr_begin(&m, s->bc, XID_NONE);
    enum err err = mtr_reserve(&m, 4 * BITMAP_REDO, d);
    if (!err)
        err = pin_checked(&m, file_header_dba(), BLOCK_FILE, 0, &file, d);
    if (!err)
        err = pin_free_extent(&m, extent, &bitmap, d);
    if (!err)
        err = mtr_pin_fresh(&m, dba_make(FILE_DATA, first), &header, d);
    if (!err)
        err = mtr_pin_fresh(&m, dba_make(FILE_DATA, first + 1), &ext, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    const struct space_file *f = SPACE_BODY(space_file, file->data);
    const struct seg seg = { .id = f->segment_id_next, .header = header->dba };
    const struct space_file_vector fv = { f->segment_id_next + 1, f->bitmap_blocks };
    const struct space_format_vector sv = { .dba = header->dba.v, .seg_id = seg.id, .type = BLOCK_SEGMENT, .owner = s->thread, .first = first };
    const struct space_format_vector ev = { .dba = ext->dba.v, .seg_id = seg.id, .type = BLOCK_EXTENT, .used = 2, .owner = s->thread };
    err = change(&m, file, REDO_SPACE_FILE_SET, &fv, sizeof(fv), d);
    if (!err)
        err = change_bitmap(&m, bitmap, true, &extent, 1, d);
    if (!err)
        err = change(&m, header, REDO_SPACE_SEG_FORMAT, &sv, sizeof(sv), d);
    if (!err)
        err = change(&m, ext, REDO_SPACE_EXT_FORMAT, &ev, sizeof(ev), d);
    assert(err == ERR_OK);
    (void)mtr_commit(&m, NULL);
    *ret = seg;
    return ERR_OK;
}

enum err space_segment_create(struct space *s, struct seg *ret, struct diag *d)
{
    enum err err = hw_lock(s, d);
    if (err)
        return err;
    do {
        uint32_t extent = 0;
        err = find_free(s, &extent, d);
        if (!err) {
            err = create_in(s, extent, ret, d);
            s->bitmap_hint = extent + (err ? 0 : 1);
        }
    } while (err == ERR_AGAIN);
    hw_unlock(s);
    return err;
}

/* The block that ends the list of extents, in X; the header too. Pins are in order: whoever else adds comes through the header. */
static enum err pin_list_end(struct mtr *m, struct seg seg, struct pin **ret_header, struct pin **ret_end, struct diag *d)
{
    enum err err = pin_checked(m, seg.header, BLOCK_SEGMENT, seg.id, ret_header, d);
    if (err)
        return err;
    const struct space_segment *h = SPACE_BODY(space_segment, (*ret_header)->data);
    if (h->flags & SPACE_SEG_FREED)
        return diag_set(d, ERR_NOT_FOUND, "segment %u has been freed", seg.id);
    *ret_end = *ret_header;
    return h->last == 0 ? ERR_OK : pin_checked(m, (struct dba){ h->last }, BLOCK_SEGMENT, seg.id, ret_end, d);
}

/* The list's end is full: the first block after the extent header goes on with it, and has the new extent as its first entry. */
static enum err chain_list(struct space *s, struct mtr *m, struct seg seg, struct pin *header, struct pin *end, struct pin *map, uint32_t first,
                           struct diag *d)
{
    const struct space_format_vector mv = { .dba = map->dba.v, .seg_id = seg.id, .type = BLOCK_SEGMENT, .owner = s->thread, .first = first,
                                            .flags = SPACE_SEG_MAP };
    enum err err = change(m, map, REDO_SPACE_SEG_FORMAT, &mv, sizeof(mv), d);
    if (!err)
        err = change_segment(m, end, (struct space_seg_vector){ .what = SPACE_SEG_LINK, .dba = map->dba.v }, d);
    return err ? err : change_segment(m, header, (struct space_seg_vector){ .what = SPACE_SEG_SET_LAST, .dba = map->dba.v }, d);
}

static enum err add_in(struct space *s, struct seg seg, uint32_t extent, uint8_t *ret_next, struct diag *d)
{
    struct mtr m;
    struct pin *bitmap, *header, *end = NULL, *ext, *map = NULL;
    const uint32_t first = extent * EXTENT_BLOCKS;
    mtr_begin(&m, s->bc, XID_NONE);
    enum err err = mtr_reserve(&m, 6 * BITMAP_REDO, d);
    if (!err)
        err = pin_free_extent(&m, extent, &bitmap, d);
    if (!err)
        err = pin_list_end(&m, seg, &header, &end, d);
    const bool full = !err && SPACE_BODY(space_segment, end->data)->n == SPACE_SEG_ENTRIES;
    if (!err && full)
        err = mtr_pin_fresh(&m, dba_make(FILE_DATA, first + 1), &map, d);
    if (!err)
        err = mtr_pin_fresh(&m, dba_make(FILE_DATA, first), &ext, d);
    if (err) {
        mtr_cancel(&m);
        return err;
    }
    const uint8_t used = full ? 2 : 1;
    const struct space_format_vector ev = { .dba = ext->dba.v, .seg_id = seg.id, .type = BLOCK_EXTENT, .used = used, .owner = s->thread };
    err = change_bitmap(&m, bitmap, true, &extent, 1, d);
    if (!err && full)
        err = chain_list(s, &m, seg, header, end, map, first, d);
    else if (!err)
        err = change_segment(&m, end, (struct space_seg_vector){ .what = SPACE_SEG_ADD, .owner = s->thread, .block = first }, d);
    if (!err)
        err = change(&m, ext, REDO_SPACE_EXT_FORMAT, &ev, sizeof(ev), d);
    assert(err == ERR_OK);
    (void)mtr_commit(&m, NULL);
    *ret_next = used;
    return ERR_OK;
}

enum err space__add_extent(struct space *s, struct seg seg, uint32_t *ret_first, uint8_t *ret_next, struct diag *d)
{
    uint32_t extent = 0;
    enum err err = hw_lock(s, d);
    if (err)
        return err;
    do {
        err = find_free(s, &extent, d);
        if (!err) {
            err = add_in(s, seg, extent, ret_next, d);
            s->bitmap_hint = extent + (err ? 0 : 1);
        }
    } while (err == ERR_AGAIN);
    hw_unlock(s);
    if (!err)
        *ret_first = extent * EXTENT_BLOCKS;
    return err;
}

/* ---- reading a segment's list ------------------------------------------------------------ */

static enum err pin_for_reading(struct space *s, struct dba dba, scn_t s_read, struct pin **ret, struct diag *d)
{
    return s_read == 0 ? buf_pin(s->bc, dba, BUF_S, ret, d) : buf_pin_read(s->bc, dba, s_read, ret, d);
}

static enum err append_entries(const void *block, struct seg seg, struct space_seg_entry **v, uint32_t *n, uint64_t *ret_next, struct diag *d)
{
    const enum err err = space_check_block(block, BLOCK_SEGMENT, seg.id, d);
    if (err)
        return err;
    const struct space_segment *list = SPACE_BODY(space_segment, block);
    if (list->flags & SPACE_SEG_FREED)
        return diag_set(d, ERR_NOT_FOUND, "segment %u has been freed", seg.id);
    *v = xrealloc(*v, (*n + list->n) * sizeof(**v));
    memcpy(*v + *n, list->entry, list->n * sizeof(**v));
    *n += list->n;
    *ret_next = list->next;
    return *n > SPACE_EXTENTS_MAX ? diag_set(d, ERR_CORRUPT, "the list of extents of segment %u does not end", seg.id) : ERR_OK;
}

enum err space__entries(struct space *s, struct seg seg, scn_t s_read, struct space_seg_entry **ret, uint32_t *ret_n, struct diag *d)
{
    struct space_seg_entry *v = NULL;
    uint32_t n = 0;
    enum err err = ERR_OK;
    for (struct dba at = seg.header; at.v != 0 && !err;) {
        struct pin *b;
        err = pin_for_reading(s, at, s_read, &b, d);
        if (err)
            break;
        err = append_entries(b->data, seg, &v, &n, &at.v, d);
        buf_unpin(b);
    }
    if (err) {
        free(v);
        return err;
    }
    *ret = v;
    *ret_n = n;
    return ERR_OK;
}

enum err space_extents(struct space *s, struct seg seg, scn_t s_read, struct space_extent **ret, uint32_t *ret_n, struct diag *d)
{
    struct space_seg_entry *v = NULL;
    uint32_t n = 0, found = 0;
    enum err err = space__entries(s, seg, s_read, &v, &n, d);
    if (err)
        return err;
    struct space_extent *out = xmalloc(n * sizeof(*out));
    for (uint32_t i = 0; i < n && !err; i++) {
        struct pin *b;
        const struct dba at = extent_header_of(seg, v[i].block);
        err = pin_for_reading(s, at, s_read, &b, d);
        if (err)
            break;
        err = space_check_block(b->data, BLOCK_EXTENT, seg.id, d);
        const uint32_t end = v[i].block + SPACE_BODY(space_extent_header, b->data)->used;
        buf_unpin(b);
        if (!err && end > dba_block(at) + 1)
            out[found++] = (struct space_extent){ dba_make(FILE_DATA, dba_block(at) + 1), end - dba_block(at) - 1 };
    }
    free(v);
    if (err) {
        free(out);
        return diag_wrap(d, err, "reading the extents of segment %u", seg.id);
    }
    *ret = out;
    *ret_n = found;
    return ERR_OK;
}

/* ---- freeing ------------------------------------------------------------------------------- */

/* Addresses of the blocks that list the segment's extents, the header first. *ret_n 0: it has been freed already. */
static enum err list_blocks(struct space *s, struct seg seg, struct dba **ret, uint32_t *ret_n, struct diag *d)
{
    struct dba *v = NULL;
    uint32_t n = 0;
    for (struct dba at = seg.header; at.v != 0;) {
        struct pin *b;
        enum err err = buf_pin(s->bc, at, BUF_S, &b, d);
        if (err) {
            free(v);
            return err;
        }
        const struct space_segment *list = SPACE_BODY(space_segment, b->data);
        const bool gone = space_check_block(b->data, BLOCK_SEGMENT, seg.id, d) || (list->flags & SPACE_SEG_FREED) || n > SPACE_EXTENTS_MAX;
        if (gone) {
            buf_unpin(b);
            break;
        }
        v = xrealloc(v, (n + 1) * sizeof(*v));
        v[n++] = at;
        at.v = list->next;
        buf_unpin(b);
    }
    *ret = v;
    *ret_n = n;
    return ERR_OK;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorted extent numbers of one list; they are what the mini-transaction then frees. */
static enum err extents_of_list(struct space *s, struct seg seg, struct dba list, uint32_t *ret, uint32_t *ret_n, struct diag *d)
{
    struct pin *b;
    enum err err = buf_pin(s->bc, list, BUF_S, &b, d);
    if (err)
        return err;
    err = space_check_block(b->data, BLOCK_SEGMENT, seg.id, d);
    if (!err) {
        const struct space_segment *l = SPACE_BODY(space_segment, b->data);
        *ret_n = l->n;
        for (uint32_t i = 0; i < l->n; i++)
            ret[i] = extent_of(l->entry[i].block);
        qsort(ret, l->n, sizeof(ret[0]), by_number);
    }
    buf_unpin(b);
    return err;
}

/* Number of leading extents that the same bitmap block covers. */
static uint32_t same_bitmap(const uint32_t *extents, uint32_t n)
{
    uint32_t k = 1;
    while (k < n && extents[k] / SPACE_BITMAP_EXTENTS == extents[0] / SPACE_BITMAP_EXTENTS)
        k++;
    return k;
}

/* Clears the bits of one list and takes the list out of the chain (or marks the header freed), atomically. */
static enum err free_list(struct space *s, struct seg seg, const struct dba *lists, uint32_t index, struct diag *d)
{
    static_assert(SPACE_BITMAP_BLOCKS_MAX > MTR_PINS_MAX, "a list that spans more bitmap blocks than can be pinned is refused below");
    uint32_t *extents = xmalloc(SPACE_SEG_ENTRIES * sizeof(*extents));
    uint32_t n = 0, nbitmaps = 0;
    struct pin *bitmap[MTR_PINS_MAX], *header = NULL, *before = NULL;
    struct mtr m;
    enum err err = extents_of_list(s, seg, lists[index], extents, &n, d);
    if (err) {
        free(extents);
        return err;
    }
    mtr_begin(&m, s->bc, XID_NONE);
    m.urgent = true; /* it makes room */
    err = mtr_reserve(&m, FREE_REDO, d);
    for (uint32_t i = 0; i < n && !err; i += same_bitmap(extents + i, n - i)) {
        if (nbitmaps == MTR_PINS_MAX - 2)
            err = diag_set(d, ERR_LIMIT, "segment %u is spread over too many bitmap blocks", seg.id);
        else
            err = pin_checked(&m, bitmap_dba(extents[i]), BLOCK_BITMAP, 0, &bitmap[nbitmaps++], d);
    }
    if (!err)
        err = pin_checked(&m, seg.header, BLOCK_SEGMENT, seg.id, &header, d);
    if (!err && index > 0)
        err = pin_checked(&m, lists[index - 1], BLOCK_SEGMENT, seg.id, &before, d);
    if (err) {
        mtr_cancel(&m);
        free(extents);
        return err;
    }
    for (uint32_t i = 0, k = 0; i < n && !err; k++) {
        const uint32_t count = same_bitmap(extents + i, n - i);
        err = change_bitmap(&m, bitmap[k], false, extents + i, count, d);
        i += count;
    }
    if (!err && index > 0) {
        err = change_segment(&m, before, (struct space_seg_vector){ .what = SPACE_SEG_LINK }, d);
        const uint64_t last = index == 1 ? 0 : lists[index - 1].v;
        if (!err)
            err = change_segment(&m, header, (struct space_seg_vector){ .what = SPACE_SEG_SET_LAST, .dba = last }, d);
    } else if (!err) {
        err = change_segment(&m, header, (struct space_seg_vector){ .what = SPACE_SEG_FREE }, d);
    }
    if (err) { /* the first change only checks: nothing has been changed */
        mtr_cancel(&m);
    } else {
        s->bitmap_hint = MIN(s->bitmap_hint, extents[0]);
        (void)mtr_commit(&m, NULL);
    }
    free(extents);
    return err;
}

bool space_segment_is_gone(struct space *s, struct seg seg)
{
    struct pin *b;
    struct diag ignored;
    if (buf_pin(s->bc, seg.header, BUF_S, &b, &ignored))
        return false;
    const struct block_header *h = block_header_const(b->data);
    const bool gone = h->type != BLOCK_SEGMENT || h->seg_id != seg.id || (SPACE_BODY(space_segment, b->data)->flags & SPACE_SEG_FREED);
    buf_unpin(b);
    return gone;
}

/*
 * From the end of the chain to the header, each list at once: after a crash in
 * between what is left is a shorter segment, and the next call goes on with it.
 * Cached blocks of the extents are left to be written and replaced as others:
 * dropping a dirty one would leave a gap between the disk and the redo behind it.
 */
enum err space_segment_free(struct space *s, struct seg seg, struct diag *d)
{
    struct dba *lists = NULL;
    uint32_t n = 0;
    space__forget(s, seg);
    rt_mutex_lock(&s->hw);
    enum err err = list_blocks(s, seg, &lists, &n, d);
    while (n > 0 && !err)
        err = free_list(s, seg, lists, --n, d);
    rt_mutex_unlock(&s->hw);
    free(lists);
    return err ? diag_wrap(d, err, "freeing segment %u", seg.id) : ERR_OK;
}
