/*
 * Errors with context. A function that can fail returns an enum err and
 * describes the failure in a struct diag that the caller owns. The code picks
 * the SQLSTATE; every layer adds what only it knows; only the top logs.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/base.h"
#include "base/errcodes.h"

struct diag {
    enum err err;
    int position; /* 1-based character position in the SQL text, 0: none */
    char message[1024];
    char detail[512];
    char hint[256];
    char context[256]; /* CONTEXT: where it happened, as PostgreSQL: COPY t, line 3, column a: "x" */
    /* what client libraries read (protocol fields s t c n); empty: none */
    char schema[64], table[64], column[64], constraint[64];
};

void diag_clear(struct diag *d);

/* Sets code and message (replacing what was there) and returns the code. */
enum err diag_set(struct diag *d, enum err err, const char *fmt, ...) PRINTF(3, 4);
/* Puts "context: " before the message; returns err unchanged. */
enum err diag_wrap(struct diag *d, enum err err, const char *fmt, ...) PRINTF(3, 4);
enum err diag_detail(struct diag *d, const char *fmt, ...) PRINTF(2, 3); /* these return d->err */
enum err diag_hint(struct diag *d, const char *fmt, ...) PRINTF(2, 3);
enum err diag_context(struct diag *d, const char *fmt, ...) PRINTF(2, 3);
enum err diag_at(struct diag *d, int position);

/* ERR_OK is 0. */
const char *err_name(enum err err);
const char *err_sqlstate(enum err err);

#endif
