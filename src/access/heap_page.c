#include "access/heap_page.h"

#include "access/heap.h"
#include "base/buf.h"

static struct heap_page *page_of(uint8_t *block) { return (struct heap_page *)(block + BLOCK_HEADER_SIZE); }
static struct heap_slot *slots_of(uint8_t *block) { return (struct heap_slot *)(block + HEAP_SLOTS_AT); }
static const struct heap_slot *slots_of_const(const uint8_t *block) { return (const struct heap_slot *)(block + HEAP_SLOTS_AT); }

unsigned heap_page_free_slot(const uint8_t *block)
{
    const unsigned n = heap_slot_count(block);
    if (!heap_page(block)->free_slots)
        return n;
    const struct heap_slot *s = slots_of_const(block);
    for (unsigned i = 0; i < n; i++)
        if (!s[i].offset)
            return i;
    return n;
}

bool heap_page_fits(const uint8_t *block, uint32_t body_len)
{
    const struct heap_page *p = heap_page(block);
    const uint32_t slot_bytes = p->free_slots ? 0 : 4;
    if (!p->free_slots && p->nslots >= HEAP_ROWS_MAX)
        return false;
    return heap_room_for(body_len) + slot_bytes <= p->free_bytes;
}

bool heap_page_fits_change(const uint8_t *block, unsigned slot, uint32_t new_len)
{
    struct heap_item it;
    if (!heap_page_row(block, slot, &it))
        return false;
    const uint32_t need = heap_room_for(new_len);
    return need <= it.room || need <= (uint32_t)heap_page(block)->free_bytes + it.room;
}

void heap_page_stamp(uint8_t *block, unsigned slot, const struct row_header *seen, scn_t commit_scn)
{
    struct heap_item it;
    if (commit_scn >> 48 || !heap_page_row(block, slot, &it) || it.h.undo.v != seen->undo.v || it.h.writer != seen->writer)
        return;
    uint64_t *writer = (uint64_t *)(void *)(block + slots_of(block)[slot].offset);
    __atomic_store_n(writer, commit_scn, __ATOMIC_RELAXED);
}

enum err heap_page_check(const uint8_t *block, struct diag *d)
{
    const struct heap_page *p = heap_page(block);
    const struct dba dba = { block_header_const(block)->dba };
    if (p->nslots > HEAP_ROWS_MAX)
        return diag_set(d, ERR_CORRUPT, "heap block %u: %u slots", dba_block(dba), p->nslots);
    uint8_t used[BLOCK_SIZE / 8] = { 0 };
    unsigned free_slots = 0;
    uint32_t room = 0, lowest = BLOCK_SIZE;
    for (unsigned i = 0; i < p->nslots; i++) {
        const struct heap_slot *s = slots_of_const(block) + i;
        struct heap_item it;
        if (!s->offset) {
            free_slots++;
            continue;
        }
        if (!heap_page_row(block, i, &it))
            return diag_set(d, ERR_CORRUPT, "heap block %u: slot %u points outside", dba_block(dba), i);
        for (uint32_t at = s->offset; at < (uint32_t)s->offset + s->room; at += 8)
            if (used[at / 8]++)
                return diag_set(d, ERR_CORRUPT, "heap block %u: the row in slot %u overlaps another", dba_block(dba), i);
        room += s->room;
        lowest = MIN(lowest, (uint32_t)s->offset);
    }
    if (free_slots != p->free_slots || p->data_start > lowest || p->data_start < HEAP_SLOTS_AT + 4u * p->nslots ||
        p->free_bytes + room + 4u * p->nslots + HEAP_SLOTS_AT != BLOCK_SIZE)
        return diag_set(d, ERR_CORRUPT, "heap block %u: its free space does not add up", dba_block(dba));
    return ERR_OK;
}

/* ---- differing bytes ------------------------------------------------------- */

struct heap_diff heap_diff(const uint8_t *a, uint32_t alen, const uint8_t *b, uint32_t blen)
{
    const uint32_t min = MIN(alen, blen);
    uint32_t prefix = 0, suffix = 0;
    while (prefix + 8 <= min && get_u64le(a + prefix) == get_u64le(b + prefix))
        prefix += 8;
    while (prefix < min && a[prefix] == b[prefix])
        prefix++;
    const uint32_t rest = min - prefix;
    while (suffix + 8 <= rest && get_u64le(a + alen - suffix - 8) == get_u64le(b + blen - suffix - 8))
        suffix += 8;
    while (suffix < rest && a[alen - suffix - 1] == b[blen - suffix - 1])
        suffix++;
    return (struct heap_diff){ (uint16_t)prefix, (uint16_t)suffix };
}

bool heap_diff_apply(uint8_t *body, uint32_t *len, struct heap_diff diff, const uint8_t *mid, uint32_t mid_len)
{
    const uint32_t keep = (uint32_t)diff.prefix + diff.suffix;
    if (keep > *len || keep + mid_len > BLOCK_SIZE)
        return false;
    memmove(body + diff.prefix + mid_len, body + *len - diff.suffix, diff.suffix);
    memcpy(body + diff.prefix, mid, mid_len);
    *len = keep + mid_len;
    return true;
}

/* ---- changes --------------------------------------------------------------- */

void heap_put_row_head(uint8_t ret[2 + ROW_HEADER_SIZE], unsigned slot, const struct row_header *h)
{
    put_u16le(ret, (uint16_t)slot);
    memcpy(ret + 2, h, ROW_HEADER_SIZE);
    ret[2 + offsetof(struct row_header, flags)] &= (uint8_t)~ROW_STAMPED;
}

void heap_put_change_head(uint8_t ret[HEAP_CHANGE_HEAD], unsigned slot, const struct row_header *h, struct heap_diff diff)
{
    heap_put_row_head(ret, slot, h);
    put_u16le(ret + 2 + ROW_HEADER_SIZE, diff.prefix);
    put_u16le(ret + 4 + ROW_HEADER_SIZE, diff.suffix);
}

static enum err bad(const uint8_t *block, struct diag *d, const char *what)
{
    const struct dba dba = { block_header_const(block)->dba };
    return diag_set(d, ERR_CORRUPT, "heap block %u of file %u: %s", dba_block(dba), dba_file(dba), what);
}

/* A block with a valid checksum may still be nonsense: sums and bounds that the changes below rest on. */
static bool header_sane(const uint8_t *block)
{
    const struct heap_page *p = heap_page(block);
    const uint32_t dir = HEAP_SLOTS_AT + 4u * p->nslots;
    return p->nslots <= HEAP_ROWS_MAX && p->data_start >= dir && p->data_start <= BLOCK_SIZE && p->free_slots <= p->nslots &&
           p->free_bytes <= BLOCK_SIZE - dir && p->free_bytes >= p->data_start - dir;
}

/* Before rows move: does the free space add up? */
static bool rooms_sane(const uint8_t *block)
{
    const struct heap_page *p = heap_page(block);
    uint32_t room = p->free_bytes;
    unsigned free_slots = 0;
    for (unsigned i = 0; i < p->nslots; i++) {
        const struct heap_slot *s = slots_of_const(block) + i;
        if (s->offset && (!heap_slot_sane(s, p->nslots) || s->offset < p->data_start))
            return false;
        room += s->offset ? s->room : 0;
        free_slots += !s->offset;
    }
    return room + HEAP_SLOTS_AT + 4u * p->nslots == BLOCK_SIZE && free_slots == p->free_slots;
}

/* Rows go to the end of the block in the order of their slots. */
static void compact(uint8_t *block)
{
    uint8_t old[BLOCK_SIZE];
    struct heap_page *p = page_of(block);
    struct heap_slot *s = slots_of(block);
    uint32_t at = BLOCK_SIZE;

    memcpy(old + p->data_start, block + p->data_start, BLOCK_SIZE - p->data_start);
    for (unsigned i = 0; i < p->nslots; i++) {
        if (!s[i].offset)
            continue;
        at -= s[i].room;
        memcpy(block + at, old + s[i].offset, s[i].room);
        s[i].offset = (uint16_t)at;
    }
    memset(block + HEAP_SLOTS_AT + 4 * p->nslots, 0, at - (HEAP_SLOTS_AT + 4 * p->nslots));
    p->data_start = (uint16_t)at;
}

/* Callers have checked that it fits. */
static uint8_t *take_room(uint8_t *block, unsigned slot, uint32_t room)
{
    struct heap_page *p = page_of(block);
    struct heap_slot *s = slots_of(block) + slot;
    const uint32_t more = slot == p->nslots ? 4 : 0;

    if (p->data_start - (HEAP_SLOTS_AT + 4 * p->nslots) < room + more)
        compact(block);
    if (more) {
        p->nslots++;
        p->free_bytes = (uint16_t)(p->free_bytes - 4);
    } else {
        p->free_slots--;
    }
    p->data_start = (uint16_t)(p->data_start - room);
    p->free_bytes = (uint16_t)(p->free_bytes - room);
    s->offset = p->data_start;
    s->room = (uint16_t)room;
    return block + s->offset;
}

static void release_room(uint8_t *block, unsigned slot)
{
    struct heap_page *p = page_of(block);
    struct heap_slot *s = slots_of(block) + slot;
    memset(block + s->offset, 0, s->room); /* no hint stays in unused bytes: replay makes the same block */
    p->free_bytes = (uint16_t)(p->free_bytes + s->room);
    p->free_slots++;
    *s = (struct heap_slot){ 0 };
}

static void put_row(uint8_t *at, uint32_t room, const uint8_t *header, const uint8_t *body, uint32_t len)
{
    memcpy(at, header, ROW_HEADER_SIZE);
    put_u16le(at + offsetof(struct row_header, body_len), (uint16_t)len);
    memcpy(at + ROW_HEADER_SIZE, body, len);
    memset(at + ROW_HEADER_SIZE + len, 0, room - ROW_HEADER_SIZE - len);
}

static bool may_insert(const uint8_t *block, unsigned slot, uint32_t len, uint32_t *free_bytes)
{
    const struct heap_page *p = heap_page(block);
    if (slot >= HEAP_ROWS_MAX || slot > p->nslots || len > HEAP_BODY_MAX || (slot < p->nslots && slots_of_const(block)[slot].offset))
        return false;
    const uint32_t need = heap_room_for(len) + (slot == p->nslots ? 4 : 0);
    if (need > *free_bytes || !rooms_sane(block))
        return false;
    *free_bytes -= need;
    return true;
}

static enum err apply_format(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len != 12)
        return bad(block, d, "format vector of a wrong size");
    block_format(block, (struct dba){ get_u64le(p) }, BLOCK_HEAP, 1, get_u32le(p + 8));
    struct heap_page *hp = page_of(block);
    hp->data_start = BLOCK_SIZE;
    hp->free_bytes = (uint16_t)(BLOCK_SIZE - HEAP_SLOTS_AT);
    return ERR_OK;
}

static enum err apply_insert(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    if (len < 2 + ROW_HEADER_SIZE)
        return bad(block, d, "insert vector too short");
    const unsigned slot = get_u16le(p);
    const uint32_t body_len = len - 2 - ROW_HEADER_SIZE;
    uint32_t free_bytes = heap_page(block)->free_bytes;
    if (!may_insert(block, slot, body_len, &free_bytes))
        return bad(block, d, "an inserted row does not fit");
    const uint32_t room = heap_room_for(body_len);
    put_row(take_room(block, slot, room), room, p + 2, p + 2 + ROW_HEADER_SIZE, body_len);
    return ERR_OK;
}

static enum err apply_multi_insert(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    const uint32_t head = ROW_HEADER_SIZE + 2;
    if (len < head)
        return bad(block, d, "insert vector too short");
    const unsigned n = get_u16le(p + ROW_HEADER_SIZE);
    uint32_t free_bytes = heap_page(block)->free_bytes, at = head;
    unsigned next_new = heap_page(block)->nslots;
    uint8_t taken[HEAP_ROWS_MAX] = { 0 };
    if (!rooms_sane(block))
        return bad(block, d, "its free space does not add up");
    for (unsigned i = 0; i < n; i++) { /* everything is checked before anything is changed */
        if (len - at < 4)
            return bad(block, d, "insert vector too short");
        const unsigned slot = get_u16le(p + at), body_len = get_u16le(p + at + 2);
        at += 4;
        if (len - at < body_len)
            return bad(block, d, "insert vector too short");
        at += body_len;
        if (slot >= HEAP_ROWS_MAX || taken[slot]++)
            return bad(block, d, "an inserted row has a bad slot");
        const bool is_new = slot == next_new;
        const uint32_t need = heap_room_for(body_len) + (is_new ? 4 : 0);
        if ((!is_new && (slot >= heap_page(block)->nslots || slots_of(block)[slot].offset)) || body_len > HEAP_BODY_MAX || need > free_bytes)
            return bad(block, d, "an inserted row does not fit");
        free_bytes -= need;
        next_new += is_new;
    }
    if (at != len)
        return bad(block, d, "insert vector too long");
    at = head;
    for (unsigned i = 0; i < n; i++) {
        const unsigned slot = get_u16le(p + at), body_len = get_u16le(p + at + 2);
        const uint32_t room = heap_room_for(body_len);
        put_row(take_room(block, slot, room), room, p, p + at + 4, body_len);
        at += 4 + body_len;
    }
    return ERR_OK;
}

static enum err apply_change(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    struct heap_item it;
    if (len < HEAP_CHANGE_HEAD)
        return bad(block, d, "change vector too short");
    const unsigned slot = get_u16le(p);
    const struct heap_diff diff = { get_u16le(p + 2 + ROW_HEADER_SIZE), get_u16le(p + 4 + ROW_HEADER_SIZE) };
    const uint8_t *mid = p + HEAP_CHANGE_HEAD;
    const uint32_t mid_len = len - HEAP_CHANGE_HEAD, keep = (uint32_t)diff.prefix + diff.suffix;
    if (!heap_page_row(block, slot, &it))
        return bad(block, d, "a changed row is not there");
    const uint32_t new_len = keep + mid_len;
    if (keep > it.h.body_len || new_len > HEAP_BODY_MAX || !heap_page_fits_change(block, slot, new_len))
        return bad(block, d, "a changed row does not fit");

    uint8_t *row = block + slots_of(block)[slot].offset;
    const uint32_t old_len = it.h.body_len;
    if (new_len == old_len) {
        memcpy(row, p + 2, ROW_HEADER_SIZE);
        put_u16le(row + offsetof(struct row_header, body_len), (uint16_t)new_len);
        memcpy(row + ROW_HEADER_SIZE + diff.prefix, mid, mid_len);
        return ERR_OK;
    }
    uint8_t body[BLOCK_SIZE];
    uint32_t body_len = old_len;
    memcpy(body, it.body, old_len);
    if (!heap_diff_apply(body, &body_len, diff, mid, mid_len))
        return bad(block, d, "a change does not fit its row");
    uint32_t room = it.room;
    if (heap_room_for(new_len) > room) {
        if (!rooms_sane(block))
            return bad(block, d, "its free space does not add up");
        room = heap_room_for(new_len);
        release_room(block, slot);
        row = take_room(block, slot, room);
    }
    put_row(row, room, p + 2, body, new_len);
    return ERR_OK;
}

static enum err apply_header(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    struct heap_item it;
    if (len != 2 + ROW_HEADER_SIZE)
        return bad(block, d, "row header vector of a wrong size");
    const unsigned slot = get_u16le(p);
    if (!heap_page_row(block, slot, &it) || get_u16le(p + 2 + offsetof(struct row_header, body_len)) != it.h.body_len)
        return bad(block, d, "a changed row is not there");
    memcpy(block + slots_of(block)[slot].offset, p + 2, ROW_HEADER_SIZE);
    return ERR_OK;
}

static enum err apply_purge(uint8_t *block, const uint8_t *p, uint32_t len, struct diag *d)
{
    uint8_t seen[HEAP_ROWS_MAX] = { 0 };
    struct heap_item it;
    if (len % 4 || len / 4 > HEAP_PURGE_MAX)
        return bad(block, d, "purge vector of a wrong size");
    for (uint32_t at = 0; at < len; at += 4) {
        const unsigned slot = get_u16le(p + at), room = get_u16le(p + at + 2);
        if (!heap_page_row(block, slot, &it) || seen[slot]++)
            return bad(block, d, "a purged row is not there");
        if (room && (room % 8 || room > it.room || room < heap_room_for(it.h.body_len)))
            return bad(block, d, "a row's room cannot shrink so far");
    }
    struct heap_page *hp = page_of(block);
    for (uint32_t at = 0; at < len; at += 4) {
        const unsigned slot = get_u16le(p + at), room = get_u16le(p + at + 2);
        struct heap_slot *s = slots_of(block) + slot;
        if (!room) {
            release_room(block, slot);
            continue;
        }
        hp->free_bytes = (uint16_t)(hp->free_bytes + s->room - room);
        s->room = (uint16_t)room;
    }
    while (hp->nslots && !slots_of(block)[hp->nslots - 1].offset) { /* the directory shrinks from its end */
        hp->nslots--;
        hp->free_slots--;
        hp->free_bytes = (uint16_t)(hp->free_bytes + 4);
    }
    return ERR_OK;
}

enum err heap_apply(uint8_t *block, enum redo_opcode op, const uint8_t *payload, uint32_t len, struct diag *d)
{
    if (op != REDO_HEAP_FORMAT && (block_header_const(block)->type != BLOCK_HEAP || !header_sane(block)))
        return bad(block, d, "not a heap block");
    switch (op) {
    case REDO_HEAP_FORMAT:
        return apply_format(block, payload, len, d);
    case REDO_HEAP_INSERT:
        return apply_insert(block, payload, len, d);
    case REDO_HEAP_MULTI_INSERT:
        return apply_multi_insert(block, payload, len, d);
    case REDO_HEAP_UPDATE:
    case REDO_HEAP_RESTORE:
    case REDO_HEAP_FORWARD:
        return apply_change(block, payload, len, d);
    case REDO_HEAP_DELETE:
    case REDO_HEAP_LOCK:
        return apply_header(block, payload, len, d);
    case REDO_HEAP_PURGE:
        return apply_purge(block, payload, len, d);
    default:
        return bad(block, d, "an opcode that is not for heap blocks");
    }
}
