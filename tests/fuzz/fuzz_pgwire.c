/*
 * Messages of clients: whatever the bytes, the decoders read nothing outside of them.
 */
#include "standalone.h"

#include <stdlib.h>

#include "pgwire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *a = arena_new("fuzz", 0);
    uint8_t *copy = malloc(size); /* exactly as long: the sanitizer sees what is read beyond */
    memcpy(copy, data, size);
    struct diag d;
    diag_clear(&d);
    struct msg_parse parse;
    struct msg_bind bind;
    struct msg_startup startup;
    enum err err = ERR_OK;
    switch (copy[0] % 3) {
    case 0:
        err = msg_read_parse(copy + 1, size - 1, a, &parse, &d);
        break;
    case 1:
        err = msg_read_bind(copy + 1, size - 1, a, &bind, &d);
        break;
    case 2:
        err = msg_read_startup(copy + 1, size - 1, a, &startup, &d);
        break;
    }
    (void)err;
    free(copy);
    arena_free(a);
    return 0;
}
