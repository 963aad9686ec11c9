/*
 * Messages as bytes: a bounds-checked reader and a writer. Pure.
 */
#ifndef PGWIRE_MESSAGE_H
#define PGWIRE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "sql/session.h"

/* Reads the body of one message; the first read past its end sets `bad`, and all reads from then on give zeroes. */
struct msg_reader {
    const uint8_t *p, *end;
    bool bad;
};
uint8_t msg_u8(struct msg_reader *r);
int16_t msg_i16(struct msg_reader *r);
int32_t msg_i32(struct msg_reader *r);
const char *msg_cstring(struct msg_reader *r); /* points into the message */
const uint8_t *msg_bytes(struct msg_reader *r, size_t len);
/* ERR_PROTOCOL unless everything was read and nothing was missing. */
enum err msg_end(const struct msg_reader *r, const char *what, struct diag *d) MUST_CHECK;

struct msg_parse {
    const char *name, *sql;
    oid_t *types;
    uint32_t ntypes;
};
enum err msg_read_parse(const uint8_t *p, size_t len, struct arena *a, struct msg_parse *ret, struct diag *d) MUST_CHECK;

struct msg_bind {
    const char *portal, *stmt;
    struct session_param *params;
    uint32_t nparams;
    int16_t *result_formats;
    uint32_t nresult_formats;
};
enum err msg_read_bind(const uint8_t *p, size_t len, struct arena *a, struct msg_bind *ret, struct diag *d) MUST_CHECK;

/* The startup packet after its version number. */
struct msg_startup {
    const char *user, *database;
    const char **settings; /* name, value pairs; "options" is taken apart into -c name=value */
    uint32_t nsettings; /* pairs */
    const char **unknown_pq; /* _pq_.* options: answered with NegotiateProtocolVersion */
    uint32_t nunknown_pq;
};
enum err msg_read_startup(const uint8_t *p, size_t len, struct arena *a, struct msg_startup *ret, struct diag *d) MUST_CHECK;

/* Writing: returns where the length has to be patched by msg_finish(). */
size_t msg_begin(struct buf *b, char type);
void msg_finish(struct buf *b, size_t at);
void msg_put_i16(struct buf *b, int16_t v);
void msg_put_i32(struct buf *b, int32_t v);
void msg_put_cstring(struct buf *b, const char *s);
/* ErrorResponse ('E') or NoticeResponse ('N'). */
void msg_put_diag(struct buf *b, char type, const char *severity, const struct diag *d);

#endif
