/*
 * A node's 4 KiB slot in the voting file, as bytes.
 *
 * Slot n of the file belongs to node number n, and to the node name that is
 * written in it, for ever. Slot 0 says which cluster the file belongs to.
 *
 *     0     magic, version, checksum, what follows here
 *     1024  lease (reserved)
 *     2048  Paxos: promises and acceptances by epoch (reserved)
 */
#ifndef CLUSTER_CORE_SLOT_H
#define CLUSTER_CORE_SLOT_H

#include "cluster/cluster.h"

#define SLOT_BYTES 4096u
#define SLOT_LEASE_AT 1024u
#define SLOT_PAXOS_AT 2048u
#define SLOT_FILE_BYTES ((uint64_t)SLOT_BYTES * (NODES_MAX + 1))

/* clang-format off */
#define SLOT_STATES(X) \
    X(FREE,    "never used") \
    X(STARTED, "the process runs, but belongs to no view") \
    X(JOINING, "wants to join") \
    X(MEMBER,  "belongs to a view, or forms the first") \
    X(DOWN,    "has left as planned")
/* clang-format on */
enum slot_state {
#define X(name, text) SLOT_##name,
    SLOT_STATES(X)
#undef X
        SLOT_STATE_COUNT
};
const char *slot_state_name(enum slot_state s);

struct slot {
    enum slot_state state;
    struct cluster_member member;
    epoch_t epoch; /* highest that this node has used or installed */
    uint64_t counter; /* rises with each write: who changes it lives */
};

void slot_encode(uint8_t out[SLOT_BYTES], const struct slot *s);
/* All zero is SLOT_FREE. ERR_CORRUPT names what is wrong; `node` is the number of the place. */
enum err slot_decode(const uint8_t in[SLOT_BYTES], node_no node, struct slot *ret, struct diag *d) MUST_CHECK;

void slot_encode_file(uint8_t out[SLOT_BYTES], uint64_t cluster_id);
/* *ret_blank: nothing has been written yet. ERR_CORRUPT, or ERR_CONFIG_FILE where the file belongs to another cluster. */
enum err slot_check_file(const uint8_t in[SLOT_BYTES], uint64_t cluster_id, bool *ret_blank, struct diag *d) MUST_CHECK;

#endif
