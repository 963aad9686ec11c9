/*
 * numeric in the type table.
 */
#include "sql/types/numeric.h"
#include "sql/types/types_int.h"

static enum err finish(const struct type_ctx *c, num v, int32_t typmod, union datum *ret, struct diag *d)
{
    num r;
    const enum err err = numeric_apply_typmod(c->arena, v, typmod, &r, d);
    if (err)
        return err;
    ret->s = r;
    return ERR_OK;
}

enum err type__numeric_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret, struct diag *d)
{
    num v;
    const enum err err = numeric_parse(c->arena, s, len, &v, d);
    return err ? err : finish(c, v, typmod, ret, d);
}

void type__numeric_out(const struct type_ctx *c, union datum v, struct buf *b)
{
    numeric_print(v.s, b);
}

enum err type__numeric_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,
                            struct diag *d)
{
    num v;
    const enum err err = numeric_recv(c->arena, p, len, &v, d);
    return err ? err : finish(c, v, typmod, ret, d);
}

void type__numeric_send(const struct type_ctx *c, union datum v, struct buf *b)
{
    numeric_send(v.s, b);
}

int type__numeric_cmp(union datum a, union datum b)
{
    return numeric_cmp(a.s, b.s);
}

uint64_t type__numeric_hash(union datum v)
{
    return numeric_hash(v.s);
}
