#include "gcs/core/proto.h"

static const char *const type_names[] = {
#define X(name, who, text) #name,
    GCS_TYPES(X)
#undef X
};

const char *gcs_type_name(unsigned type)
{
    return type < GCS_TYPE_COUNT ? type_names[type] : "?";
}

const char *gcs_mode_name(unsigned mode)
{
    static const char *const names[] = { "N", "S", "SCUR", "X", "XCUR" };
    return mode < ARRAY_LEN(names) ? names[mode] : "?";
}

/* What a type of message may say. */
static const struct {
    uint8_t modes; /* BIT(mode) */
    uint8_t flags;
    bool passes; /* `node` is another one that something is sent to */
} shapes[GCS_TYPE_COUNT] = {
    [GCS_T_REQ] = { BIT(GCS_S) | BIT(GCS_X), GCS_F_COPY_OK, false },
    [GCS_T_FWD_S] = { BIT(GCS_N), 0, true },
    [GCS_T_FWD_X] = { BIT(GCS_N), GCS_F_CLEAR, true },
    [GCS_T_INVAL] = { BIT(GCS_N), 0, false },
    [GCS_T_SHIP] = { BIT(GCS_S) | BIT(GCS_X), GCS_F_DIRTY | GCS_F_CLEAR | GCS_F_BLOCK, false },
    [GCS_T_GRANT] = { BIT(GCS_S) | BIT(GCS_X), GCS_F_HELD, false },
    [GCS_T_PROMOTE] = { BIT(GCS_N), GCS_F_SHARED, false },
    [GCS_T_CLEAR] = { BIT(GCS_N), 0, false },
    [GCS_T_INVACK] = { BIT(GCS_N), 0, false },
    [GCS_T_DONE] = { BIT(GCS_N), 0, false },
    [GCS_T_NOHAVE] = { BIT(GCS_N), 0, false },
    [GCS_T_EVICT] = { BIT(GCS_N), 0, false },
    [GCS_T_EVICT_S] = { BIT(GCS_N), 0, false },
    [GCS_T_WBDONE] = { BIT(GCS_N), 0, false },
    [GCS_T_PIDROP] = { BIT(GCS_N), 0, false },
    [GCS_T_WRITE_ASK] = { BIT(GCS_N), 0, false },
    [GCS_T_COPY_ASK] = { BIT(GCS_N), 0, true },
    [GCS_T_COPY] = { BIT(GCS_N), GCS_F_BLOCK, false },
    [GCS_T_DECLARE] = { BIT(GCS_N) | BIT(GCS_S) | BIT(GCS_SCUR) | BIT(GCS_X) | BIT(GCS_XCUR), 0, false },
    [GCS_T_DECLARED] = { BIT(GCS_N), 0, false },
};

static bool node_fits(const struct gcs_msg *m, node_no from, node_no self)
{
    if (m->node > NODES_MAX)
        return false;
    if (shapes[m->type].passes)
        return m->node != 0 && m->node != self;
    return m->node == 0 || m->type == GCS_T_DONE || (m->type == GCS_T_WRITE_ASK && m->node == from);
}

const char *gcs_msg_fault(const struct gcs_msg *m, node_no from, node_no self, bool has_block)
{
    if (m->type >= GCS_TYPE_COUNT)
        return "unknown type";
    if (m->mode > GCS_XCUR || !(shapes[m->type].modes & BIT(m->mode)))
        return "a mode that it cannot have";
    if (m->flags & ~shapes[m->type].flags)
        return "a flag that it cannot have";
    if (has_block != ((m->flags & GCS_F_BLOCK) != 0) || (m->type == GCS_T_SHIP && !has_block))
        return "a block that it should not have, or none";
    if (!node_fits(m, from, self))
        return "a node that it cannot name";
    return dba_file(m->dba) == 0 ? "no block" : NULL;
}
