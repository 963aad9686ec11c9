#include "base/diag.h"

#include <stdio.h>

static const char *const err_names[] = {
#define X(name, sqlstate, text) #name,
    ERR_CODES(X)
#undef X
};

static const char *const err_sqlstates[] = {
#define X(name, sqlstate, text) sqlstate,
    ERR_CODES(X)
#undef X
};

const char *err_name(enum err err)
{
    assert((size_t)err < ARRAY_LEN(err_names));
    return err_names[err];
}

const char *err_sqlstate(enum err err)
{
    assert((size_t)err < ARRAY_LEN(err_sqlstates));
    return err_sqlstates[err];
}

void diag_clear(struct diag *d)
{
    d->err = ERR_OK;
    d->position = 0;
    d->message[0] = d->detail[0] = d->hint[0] = d->context[0] = '\0';
    d->schema[0] = d->table[0] = d->column[0] = d->constraint[0] = '\0';
}

/* The text may quote the diagnosis itself, so it is built beside it. */
enum err diag_set(struct diag *d, enum err err, const char *fmt, ...)
{
    if (d == NULL)
        return err;
    char text[sizeof(d->message)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    diag_clear(d);
    d->err = err;
    memcpy(d->message, text, strlen(text) + 1);
    return err;
}

enum err diag_wrap(struct diag *d, enum err err, const char *fmt, ...)
{
    if (d == NULL || err == ERR_OK)
        return err;
    char context[sizeof(d->message)];
    char text[sizeof(d->message) * 2 + 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    snprintf(text, sizeof(text), "%s: %s", context, d->message);
    const size_t len = MIN(strlen(text), sizeof(d->message) - 1);
    memcpy(d->message, text, len);
    d->message[len] = '\0';
    return err;
}

enum err diag_detail(struct diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->detail, sizeof(d->detail), fmt, ap);
    va_end(ap);
    return d->err;
}

enum err diag_hint(struct diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->hint, sizeof(d->hint), fmt, ap);
    va_end(ap);
    return d->err;
}

enum err diag_context(struct diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->context, sizeof(d->context), fmt, ap);
    va_end(ap);
    return d->err;
}

enum err diag_at(struct diag *d, int position)
{
    d->position = position;
    return d->err;
}
