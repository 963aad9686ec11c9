#include "server/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

#define CONFIG_BYTES_MAX (1u << 20)

enum err config_file_read(struct arena *a, const char *path, struct config *ret, struct diag *d)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return diag_set(d, ERR_CONFIG_FILE, "configuration file %s: %s", path, strerror(errno));
    char *text = arena_alloc(a, CONFIG_BYTES_MAX + 1);
    const size_t len = fread(text, 1, CONFIG_BYTES_MAX + 1, f);
    const bool failed = ferror(f) != 0;
    fclose(f);
    if (failed || len > CONFIG_BYTES_MAX)
        return diag_set(d, ERR_CONFIG_FILE, "configuration file %s: %s", path, failed ? "cannot be read" : "larger than 1 MiB");
    return config_parse(a, path, text, len, ret, d);
}

enum log_level config_log_level(const struct config *c)
{
    static const char *const names[] = { "debug", "info", "warning", "error" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(c->log_level, names[i]) == 0)
            return (enum log_level)i;
    return LOG_FATAL;
}

struct rt_options config_rt_options(const struct config *c)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return (struct rt_options){
        .backend = strcmp(c->io_backend, "uring") == 0 ? RT_URING : strcmp(c->io_backend, "epoll") == 0 ? RT_EPOLL : RT_AUTO,
        .workers = c->workers ? (uint32_t)c->workers : (uint32_t)(processors > 0 ? MIN(processors, (long)RT_WORKERS_MAX) : 1),
        .spin_us = (uint32_t)c->spin_us,
    };
}
