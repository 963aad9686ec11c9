/*
 * The configuration file as the programs read it, and what follows from it.
 */
#ifndef SERVER_CONFIG_FILE_H
#define SERVER_CONFIG_FILE_H

#include "base/config.h"
#include "base/log.h"
#include "rt/rt.h"

enum err config_file_read(struct arena *a, const char *path, struct config *ret, struct diag *d) MUST_CHECK; /* before the runtime runs */
enum log_level config_log_level(const struct config *c);
struct rt_options config_rt_options(const struct config *c);

#endif
