#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOG_LINE_MAX 8192u
#define LOG_TEXT_MAX 2048u

struct log {
    char *node;
    enum log_level min;
    log_sink *sink;
    log_clock *clock;
    void *arg;
};

static const char *const level_names[] = { "debug", "info", "warning", "error", "fatal" };

/* A line under construction; what does not fit is left out, the closing brace always fits. */
struct line {
    size_t len;
    char text[LOG_LINE_MAX];
};

static void line_put(struct line *l, const char *s, size_t len)
{
    if (len <= LOG_LINE_MAX - 4 - l->len) {
        memcpy(l->text + l->len, s, len);
        l->len += len;
    }
}

static void line_str(struct line *l, const char *s)
{
    line_put(l, s, strlen(s));
}

static void line_json(struct line *l, const char *s)
{
    for (; *s != '\0'; s++) {
        char esc[8];
        if (*s == '"' || *s == '\\')
            line_put(l, (const char[]){ '\\', *s }, 2);
        else if (*s == '\n')
            line_put(l, "\\n", 2);
        else if ((unsigned char)*s < 0x20)
            line_put(l, esc, (size_t)snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)*s));
        else
            line_put(l, s, 1);
    }
}

static void line_field(struct line *l, const char *name, const char *value)
{
    line_str(l, l->len > 1 ? ",\"" : "\"");
    line_str(l, name);
    line_str(l, "\":\"");
    line_json(l, value);
    line_str(l, "\"");
}

static void line_begin(struct line *l, const struct log *log, enum log_level level)
{
    const uint64_t us = log->clock != NULL ? log->clock(log->arg) : 0;
    const time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char day[32], stamp[64];
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(stamp, sizeof(stamp), "%s.%06uZ", day, (unsigned)(us % 1000000));
    l->len = 0;
    line_str(l, "{");
    line_field(l, "time", stamp);
    line_field(l, "level", level_names[level]);
    line_field(l, "node", log->node);
}

static void line_end(struct line *l, const struct log *log, enum log_level level)
{
    memcpy(l->text + l->len, "}\n", 3);
    l->len += 2;
    log->sink(log->arg, level, l->text, l->len);
}

static bool log_wants(const struct log *l, enum log_level level)
{
    return l != NULL && l->sink != NULL && level >= l->min;
}

struct log *log_new(const char *node, enum log_level min, log_sink *sink, log_clock *clock, void *arg)
{
    struct log *l = xcalloc(1, sizeof(*l));
    *l = (struct log){ .node = xstrdup(node), .min = min, .sink = sink, .clock = clock, .arg = arg };
    return l;
}

void log_free(struct log *l)
{
    if (l == NULL)
        return;
    free(l->node);
    free(l);
}

void log_write(struct log *l, enum log_level level, const char *fmt, ...)
{
    if (!log_wants(l, level))
        return;
    char text[LOG_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct line line;
    line_begin(&line, l, level);
    line_field(&line, "message", text);
    line_end(&line, l, level);
}

void log_diag(struct log *l, enum log_level level, const struct diag *d, const char *fmt, ...)
{
    if (!log_wants(l, level))
        return;
    char text[LOG_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct line line;
    line_begin(&line, l, level);
    line_field(&line, "message", text);
    line_field(&line, "error", d->message);
    line_field(&line, "code", err_name(d->err));
    line_field(&line, "sqlstate", err_sqlstate(d->err));
    if (d->detail[0] != '\0')
        line_field(&line, "detail", d->detail);
    if (d->hint[0] != '\0')
        line_field(&line, "hint", d->hint);
    line_end(&line, l, level);
}
