/*
 * Configuration files: whatever the bytes, they are taken or refused with a place.
 */
#include "standalone.h"

#include <stdlib.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 20000)
        return 0;
    struct arena *a = arena_new("fuzz", 0);
    char *copy = malloc(size + 1);
    if (size)
        memcpy(copy, data, size);
    struct config c;
    struct diag d;
    diag_clear(&d);
    if (config_parse(a, "f", copy, size, &c, &d) != ERR_OK && strncmp(d.message, "f:", 2) != 0)
        abort();
    free(copy);
    arena_free(a);
    return 0;
}
