/*
 * The log: JSON lines with time, level, node, and what happened. One struct
 * log an instance; it says nothing until it has been given a sink.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/diag.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_FATAL };

struct log;
typedef void log_sink(void *arg, enum log_level level, const char *line, size_t len); /* thread-safe */
typedef uint64_t log_clock(void *arg); /* wall clock, microseconds since 1970 */

struct log *log_new(const char *node, enum log_level min, log_sink *sink, log_clock *clock, void *arg);
void log_free(struct log *l);
void log_write(struct log *l, enum log_level level, const char *fmt, ...) PRINTF(3, 4); /* accepts l == NULL */
void log_diag(struct log *l, enum log_level level, const struct diag *d, const char *fmt, ...) PRINTF(4, 5);

#define log_info(l, ...) log_write((l), LOG_INFO, __VA_ARGS__)
#define log_warning(l, ...) log_write((l), LOG_WARNING, __VA_ARGS__)
#define log_error(l, ...) log_write((l), LOG_ERROR, __VA_ARGS__)
#define log_debug(l, ...) log_write((l), LOG_DEBUG, __VA_ARGS__)

#endif
