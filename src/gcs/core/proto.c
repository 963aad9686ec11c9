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
