/*
 * A B-tree page's bytes, and btree_apply(), which changes them. Pure.
 *
 *   block header (64) | page header (40) | slots, 6 bytes each -> | gap | <- entries, high key
 *
 * Slots are sorted by (key, rowid). A slot has, beside the entry's offset, the
 * four key bytes behind the prefix that all keys of the page share: a search
 * stays within the slots, mostly. Above leaves the first entry is below
 * everything, whatever its key, and not counted in the prefix. An entry is { aux u64, rowid u64, length
 * u16, key }; aux is, in a leaf, who marked the entry deleted (xid, 0: nobody)
 * and, above, the child's dba. The page holds what is below its high key
 * (none: up to the end); what is at or above it is to the right.
 */
#ifndef ACCESS_BTREE_PAGE_H
#define ACCESS_BTREE_PAGE_H

#include "access/btree.h"
#include "base/buf.h"
#include "redo/opcodes.h"
#include "storage/block.h"

enum {
    BTREE_INCOMPLETE = 1, /* the parent does not know the right sibling yet */
};

struct btree_page {
    uint64_t left, right; /* dba; 0: none */
    uint16_t n;
    uint16_t data_start; /* lowest byte of an entry */
    uint16_t holes; /* bytes of removed entries */
    uint16_t high; /* offset of the high key; 0: none */
    uint8_t level; /* 0: leaf */
    uint8_t flags;
    uint8_t prefix_len;
    uint8_t prefix[13]; /* what all keys begin with (the first entry above leaves aside) */
};
static_assert(sizeof(struct btree_page) == 40, "on-disk format");

struct __attribute__((packed)) btree_slot {
    uint32_t head;
    uint16_t offset;
};
#define BTREE_SLOT ((uint32_t)sizeof(struct btree_slot))
#define BTREE_PREFIX_MAX 13u
static_assert(sizeof(struct btree_slot) == 6, "on-disk format");

#define BTREE_SLOTS_AT (BLOCK_HEADER_SIZE + (uint32_t)sizeof(struct btree_page))
#define BTREE_ENTRY_HEAD 18u
#define BTREE_SPACE (BLOCK_SIZE - BTREE_SLOTS_AT)
#define BTREE_ENTRIES_MAX (BTREE_SPACE / (BTREE_ENTRY_HEAD + BTREE_SLOT))
#define BTREE_LEVELS_MAX 20u
static_assert(3 * (BTREE_ENTRY_HEAD + BTREE_SLOT + BTREE_KEY_MAX) <= BTREE_SPACE, "two entries and a high key fit a page");

/* A place in the order of entries. */
struct btree_key {
    const uint8_t *key;
    uint32_t len;
    struct rowid rowid;
};

struct btree_item {
    const uint8_t *key;
    uint16_t len;
    struct rowid rowid;
    uint64_t aux;
};

static inline const struct btree_page *btree_page(const uint8_t *block)
{
    return (const struct btree_page *)(block + BLOCK_HEADER_SIZE);
}
static inline bool btree_page_is(const uint8_t *block, uint32_t seg_id)
{
    const struct block_header *h = block_header_const(block);
    return h->type == BLOCK_BTREE && h->seg_id == seg_id && btree_page(block)->n <= BTREE_ENTRIES_MAX;
}
void btree_item_get(const uint8_t *entry, struct btree_item *ret);
/* i < n; bounds are checked: a damaged entry reads as empty. */
void btree_page_item(const uint8_t *block, unsigned i, struct btree_item *ret);
bool btree_page_high(const uint8_t *block, struct btree_item *ret); /* false: there is none */
int btree_compare(const struct btree_item *e, const struct btree_key *k);
/* First entry at or above k; above leaves never the first. */
unsigned btree_page_lower(const uint8_t *block, const struct btree_key *k);
/* Is k beyond this page, so that the right sibling has it? */
bool btree_page_beyond(const uint8_t *block, const struct btree_key *k);
/* Above leaves: the child whose range holds k. */
struct dba btree_page_child(const uint8_t *block, const struct btree_key *k);
struct dba btree_page_child_at(const uint8_t *block, const struct btree_key *k, unsigned pos); /* pos from btree_page_lower() */
bool btree_page_fits(const uint8_t *block, uint32_t key_len);
enum err btree_page_check(const uint8_t *block, struct diag *d) MUST_CHECK;

/* ---- payloads -------------------------------------------------------------- */
/*
 * BTREE_FORMAT      dba u64, segment u32, left u64, right u64, level u8, flags u8, n u16, high u8 (1: the first entry below is the
 *                   high key), entries
 * BTREE_INSERT      position u16, entry
 * BTREE_MARK        position u16, aux u64
 * BTREE_PURGE       positions u16, rising
 * BTREE_SPLIT_LEFT  entries kept u16, flags u8, right u64, high key entry
 * BTREE_LINK        what u8 (enum btree_link), value u64
 */
enum btree_link { BTREE_SET_LEFT, BTREE_SET_FLAGS };
#define BTREE_FORMAT_HEAD 33u
#define BTREE_SPLIT_HEAD 11u

void btree_put_entry_head(uint8_t ret[BTREE_ENTRY_HEAD], const struct btree_key *k, uint64_t aux);

/* Puts a BTREE_FORMAT payload together: at most BLOCK_SIZE + BTREE_FORMAT_HEAD bytes. */
struct btree_builder {
    uint8_t *p;
    uint32_t len;
    uint32_t used; /* bytes that the page will need of BTREE_SPACE */
    unsigned n;
};
#define BTREE_BUILDER_BYTES (BLOCK_SIZE + BTREE_FORMAT_HEAD)
struct btree_format {
    struct dba dba;
    uint32_t seg_id;
    struct dba left, right;
    uint8_t level, flags;
};
void btree_builder_begin(struct btree_builder *b, uint8_t *p, const struct btree_format *f, const struct btree_key *high);
void btree_builder_add(struct btree_builder *b, const struct btree_key *k, uint64_t aux);
/* Before its last use: right link and high key may be known only at the end (the space for them has been kept). */
void btree_builder_end(struct btree_builder *b);

#endif
