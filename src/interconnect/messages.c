#include "interconnect/messages.h"

static const char *const kind_names[] = {
#define X(name, class, text) #name,
    IC_MESSAGES(X)
#undef X
};

static const uint8_t kind_classes[] = {
#define X(name, class, text) class,
    IC_MESSAGES(X)
#undef X
};

const char *ic_kind_name(enum ic_kind kind)
{
    return (size_t)kind < ARRAY_LEN(kind_names) ? kind_names[kind] : "UNKNOWN";
}

enum ic_class ic_kind_class(enum ic_kind kind)
{
    assert((size_t)kind < ARRAY_LEN(kind_classes));
    return (enum ic_class)kind_classes[kind];
}
