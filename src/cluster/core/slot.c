#include "cluster/core/slot.h"

#include "base/buf.h"
#include "base/hash.h"

#define SLOT_MAGIC 0x544f5652u /* "RVOT" */
#define FILE_MAGIC 0x46544f56u /* "VOTF" */
#define SLOT_VERSION 1u

/*
 * Offsets. The checksum covers the first sector, with itself as zero: all that
 * is written here fits in it, so a torn write leaves the old or the new slot.
 * The reserved areas have checksums of their own.
 */
#define HEAD_BYTES 512u
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_NODE = 6,
    AT_STATE = 7,
    AT_CRC = 8,
    AT_THREAD = 12,
    AT_INCARNATION = 16,
    AT_EPOCH = 24,
    AT_COUNTER = 32,
    AT_CLUSTER = 40,
    AT_NAME = 64,
    AT_INTERCONNECT = 128,
    AT_SQL = 256,
    AT_END = 384,
};
static_assert(AT_END <= HEAD_BYTES, "voting file format");
static_assert(HEAD_BYTES <= SLOT_LEASE_AT, "voting file format");
static_assert(sizeof(((struct cluster_member *)0)->name) == AT_INTERCONNECT - AT_NAME, "voting file format");
static_assert(sizeof(((struct cluster_member *)0)->interconnect_address) == AT_SQL - AT_INTERCONNECT, "voting file format");
static_assert(sizeof(((struct cluster_member *)0)->sql_address) == AT_END - AT_SQL, "voting file format");

static const char *const state_names[] = {
#define X(name, text) #name,
    SLOT_STATES(X)
#undef X
};

const char *slot_state_name(enum slot_state s)
{
    return (unsigned)s < ARRAY_LEN(state_names) ? state_names[s] : "?";
}

static uint32_t slot_crc(const uint8_t *in)
{
    static const uint8_t zero[4];
    uint32_t crc = crc32c(0, in, AT_CRC);
    crc = crc32c(crc, zero, sizeof(zero));
    return crc32c(crc, in + AT_CRC + 4, HEAD_BYTES - AT_CRC - 4);
}

static bool all_zero(const uint8_t *in)
{
    for (uint32_t i = 0; i < HEAD_BYTES; i++)
        if (in[i] != 0)
            return false;
    return true;
}

/* Fixed-size text, padded with zeros, always ended by one. */
static void put_text(uint8_t *out, const char *s, size_t bytes)
{
    const size_t len = strnlen(s, bytes - 1);
    memcpy(out, s, len);
    memset(out + len, 0, bytes - len);
}

static void get_text(char *out, const uint8_t *in, size_t bytes)
{
    memcpy(out, in, bytes);
    out[bytes - 1] = '\0';
}

void slot_encode(uint8_t out[SLOT_BYTES], const struct slot *s)
{
    const struct cluster_member *m = &s->member;
    memset(out, 0, SLOT_BYTES);
    put_u32le(out + AT_MAGIC, SLOT_MAGIC);
    put_u16le(out + AT_VERSION, SLOT_VERSION);
    out[AT_NODE] = m->node;
    out[AT_STATE] = (uint8_t)s->state;
    put_u16le(out + AT_THREAD, m->redo_thread);
    put_u64le(out + AT_INCARNATION, m->incarnation);
    put_u64le(out + AT_EPOCH, s->epoch);
    put_u64le(out + AT_COUNTER, s->counter);
    put_text(out + AT_NAME, m->name, sizeof(m->name));
    put_text(out + AT_INTERCONNECT, m->interconnect_address, sizeof(m->interconnect_address));
    put_text(out + AT_SQL, m->sql_address, sizeof(m->sql_address));
    put_u32le(out + AT_CRC, slot_crc(out));
}

static enum err check_start(const uint8_t *in, uint32_t magic, const char *what, struct diag *d)
{
    if (get_u32le(in + AT_MAGIC) != magic)
        return diag_set(d, ERR_CORRUPT, "%s: magic number %08" PRIx32, what, get_u32le(in + AT_MAGIC));
    if (get_u32le(in + AT_CRC) != slot_crc(in))
        return diag_set(d, ERR_CORRUPT, "%s: checksum %08" PRIx32 ", computed %08" PRIx32, what, get_u32le(in + AT_CRC), slot_crc(in));
    if (get_u16le(in + AT_VERSION) != SLOT_VERSION)
        return diag_set(d, ERR_CORRUPT, "%s: format version %u, this program knows %u", what, get_u16le(in + AT_VERSION), SLOT_VERSION);
    return ERR_OK;
}

enum err slot_decode(const uint8_t in[SLOT_BYTES], node_no node, struct slot *ret, struct diag *d)
{
    struct slot s = { .state = SLOT_FREE };
    if (all_zero(in)) {
        *ret = s;
        return ERR_OK;
    }
    const enum err err = check_start(in, SLOT_MAGIC, "voting slot", d);
    if (err != ERR_OK)
        return diag_wrap(d, err, "node %u", node);
    if (in[AT_NODE] != node || in[AT_STATE] == SLOT_FREE || in[AT_STATE] >= SLOT_STATE_COUNT)
        return diag_set(d, ERR_CORRUPT, "voting slot of node %u: belongs to node %u, state %u", node, in[AT_NODE], in[AT_STATE]);
    if (get_u64le(in + AT_INCARNATION) == 0 || get_u16le(in + AT_THREAD) > THREADS_MAX || get_u64le(in + AT_EPOCH) > CLUSTER_EPOCH_MAX)
        return diag_set(d, ERR_CORRUPT, "voting slot of node %u: incarnation %016" PRIx64 ", redo thread %u, epoch %" PRIu64, node,
                        get_u64le(in + AT_INCARNATION), get_u16le(in + AT_THREAD), get_u64le(in + AT_EPOCH));
    s.state = (enum slot_state)in[AT_STATE];
    s.epoch = get_u64le(in + AT_EPOCH);
    s.counter = get_u64le(in + AT_COUNTER);
    s.member.node = node;
    s.member.incarnation = get_u64le(in + AT_INCARNATION);
    s.member.redo_thread = get_u16le(in + AT_THREAD);
    get_text(s.member.name, in + AT_NAME, sizeof(s.member.name));
    get_text(s.member.interconnect_address, in + AT_INTERCONNECT, sizeof(s.member.interconnect_address));
    get_text(s.member.sql_address, in + AT_SQL, sizeof(s.member.sql_address));
    *ret = s;
    return ERR_OK;
}

void slot_encode_file(uint8_t out[SLOT_BYTES], uint64_t cluster_id)
{
    memset(out, 0, SLOT_BYTES);
    put_u32le(out + AT_MAGIC, FILE_MAGIC);
    put_u16le(out + AT_VERSION, SLOT_VERSION);
    put_u64le(out + AT_CLUSTER, cluster_id);
    put_u32le(out + AT_CRC, slot_crc(out));
}

enum err slot_check_file(const uint8_t in[SLOT_BYTES], uint64_t cluster_id, bool *ret_blank, struct diag *d)
{
    *ret_blank = all_zero(in);
    if (*ret_blank)
        return ERR_OK;
    const enum err err = check_start(in, FILE_MAGIC, "head of the voting file", d);
    if (err == ERR_OK && get_u64le(in + AT_CLUSTER) != cluster_id)
        return diag_set(d, ERR_CONFIG_FILE, "voting file belongs to another cluster: id %016" PRIx64 ", ours is %016" PRIx64,
                        get_u64le(in + AT_CLUSTER), cluster_id);
    return err;
}
