/*
 * Functions about the session, the instance and the catalogue, all through
 * hooks; and sequences.
 */
#include "sql/functions/hooks.h"
#include "sql/functions/kernels.h"
#include "sql/types/numeric.h"
#include "sql/types/types_int.h"

#include <math.h>

#define HAVE(member) (c->hooks && c->hooks->member)

static enum err fact(struct func_ctx *c, enum session_fact what, const char *name, union datum *r, bool *null)
{
    if (!HAVE(fact))
        return kernel_no_hook(c, name);
    const char *s = c->hooks->fact(c->hooks_arg, what);
    *null = !s;
    return s ? kernel_str(c, s, strlen(s), r) : ERR_OK;
}

#define FACT(kernel, what, name)                                                                                                  \
    ROW_KERNEL(kernel, 0)                                                                                                         \
    {                                                                                                                             \
        return fact(c, what, name, r, null);                                                                                      \
    }
FACT(current_user, FACT_CURRENT_USER, "current_user")
FACT(session_user, FACT_SESSION_USER, "session_user")
FACT(current_database, FACT_DATABASE, "current_database()")
FACT(current_schema, FACT_SCHEMA, "current_schema()")
FACT(version, FACT_VERSION, "version()")
FACT(current_query, FACT_QUERY, "current_query()")

#define NUMBER(kernel, member, name)                                                                                              \
    ROW_KERNEL(kernel, 0)                                                                                                         \
    {                                                                                                                             \
        if (!HAVE(member))                                                                                                        \
            return kernel_no_hook(c, name);                                                                                       \
        r->i = c->hooks->member(c->hooks_arg);                                                                                    \
        return ERR_OK;                                                                                                            \
    }
NUMBER(backend_pid, backend_pid, "pg_backend_pid()")
NUMBER(in_recovery, in_recovery, "pg_is_in_recovery()")
NUMBER(txid_current, txid_current, "txid_current()")

ROW_KERNEL(pg_sleep, 1)
{
    if (!HAVE(sleep))
        return kernel_no_hook(c, "pg_sleep()");
    *r = datum_str("", 0);
    if (!(a[0].f > 0))
        return ERR_OK;
    return c->hooks->sleep(c->hooks_arg, a[0].f > 1e9 ? INT64_C(1000000000000000) : (int64_t)(a[0].f * 1e6), c->d);
}

ROW_KERNEL(stop_node, 1)
{
    if (!HAVE(stop_node))
        return kernel_no_hook(c, "rustydb_stop_node()");
    bool found = false;
    enum err err = c->hooks->stop_node(c->hooks_arg, a[0].s.p, a[0].s.len, &found, c->d);
    r->i = found;
    return err;
}

/* ---- settings ---------------------------------------------------------- */

static enum err setting(struct func_ctx *c, struct str name, bool missing_ok, union datum *r, bool *null)
{
    if (!HAVE(current_setting))
        return kernel_no_hook(c, "current_setting()");
    struct buf b;
    bool found = true;
    buf_init(&b);
    enum err err = c->hooks->current_setting(c->hooks_arg, name.p, name.len, missing_ok, &b, &found, c->d);
    *null = !found;
    if (!err && found)
        err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

ROW_KERNEL(current_setting, 1)
{
    return setting(c, a[0].s, false, r, null);
}

ROW_KERNEL(current_setting_missing_ok, 2)
{
    return setting(c, a[0].s, a[1].i, r, null);
}

NULL_KERNEL(set_config)
{
    if (nulls[0])
        return diag_set(c->d, ERR_NULL_NOT_ALLOWED, "SET requires parameter name");
    if (!HAVE(set_config))
        return kernel_no_hook(c, "set_config()");
    const struct str value = nulls[1] ? (struct str){ "", 0 } : a[1].s;
    struct buf b;
    buf_init(&b);
    enum err err = c->hooks->set_config(c->hooks_arg, a[0].s.p, a[0].s.len, value.p, value.len, !nulls[2] && a[2].i, &b, c->d);
    if (!err)
        err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

/* ---- sequences --------------------------------------------------------- */

ROW_KERNEL(nextval, 1)
{
    return HAVE(nextval) ? c->hooks->nextval(c->hooks_arg, (oid_t)a[0].i, &r->i, c->d) : kernel_no_hook(c, "nextval()");
}

ROW_KERNEL(currval, 1)
{
    return HAVE(currval) ? c->hooks->currval(c->hooks_arg, (oid_t)a[0].i, &r->i, c->d) : kernel_no_hook(c, "currval()");
}

ROW_KERNEL(lastval, 0)
{
    return HAVE(lastval) ? c->hooks->lastval(c->hooks_arg, &r->i, c->d) : kernel_no_hook(c, "lastval()");
}

static enum err set_sequence(struct func_ctx *c, const union datum *a, bool is_called, union datum *r)
{
    if (!HAVE(setval))
        return kernel_no_hook(c, "setval()");
    r->i = a[1].i;
    return c->hooks->setval(c->hooks_arg, (oid_t)a[0].i, a[1].i, is_called, c->d);
}

ROW_KERNEL(setval, 2)
{
    return set_sequence(c, a, true, r);
}

ROW_KERNEL(setval_called, 3)
{
    return set_sequence(c, a, a[2].i, r);
}

/* ---- catalogue --------------------------------------------------------- */

static enum err ask(struct func_ctx *c, enum catalog_question what, int64_t oid, int64_t n, struct buf *b, bool *null)
{
    if (!HAVE(ask_catalog))
        return kernel_no_hook(c, "this catalogue function");
    return c->hooks->ask_catalog(c->hooks_arg, what, (oid_t)oid, n, b, null, c->d);
}

static enum err ask_text(struct func_ctx *c, enum catalog_question what, int64_t oid, int64_t n, union datum *r, bool *null)
{
    struct buf b;
    buf_init(&b);
    enum err err = ask(c, what, oid, n, &b, null);
    if (!err && !*null)
        err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

static enum err ask_size(struct func_ctx *c, int64_t oid, int64_t n, union datum *r, bool *null)
{
    struct buf b;
    buf_init(&b);
    enum err err = ask(c, ASK_RELATION_SIZE, oid, n, &b, null);
    if (!err && !*null)
        err = type__int8_in(&c->types, (const char *)b.p, b.len, -1, r, c->d);
    buf_fini(&b);
    return err;
}

ROW_KERNEL(get_userbyid, 1)
{
    return ask_text(c, ASK_USER_NAME, a[0].i, 0, r, null);
}

ROW_KERNEL(get_indexdef, 1)
{
    return ask_text(c, ASK_INDEX_DEF, a[0].i, 0, r, null);
}

ROW_KERNEL(get_indexdef_column, 3)
{
    return ask_text(c, ASK_INDEX_DEF, a[0].i, a[1].i, r, null);
}

ROW_KERNEL(get_constraintdef, 1)
{
    return ask_text(c, ASK_CONSTRAINT_DEF, a[0].i, 0, r, null);
}

ROW_KERNEL(get_constraintdef_pretty, 2)
{
    return ask_text(c, ASK_CONSTRAINT_DEF, a[0].i, 0, r, null);
}

ROW_KERNEL(obj_description, 2)
{
    return ask_text(c, ASK_DESCRIPTION, a[0].i, 0, r, null);
}

ROW_KERNEL(col_description, 2)
{
    return ask_text(c, ASK_DESCRIPTION, a[0].i, a[1].i, r, null);
}

ROW_KERNEL(table_is_visible, 1)
{
    struct buf b;
    buf_init(&b);
    const enum err err = ask(c, ASK_TABLE_VISIBLE, a[0].i, 0, &b, null);
    r->i = b.len > 0 && b.p[0] == 't';
    buf_fini(&b);
    return err;
}

ROW_KERNEL(relation_size, 1)
{
    return ask_size(c, a[0].i, 0, r, null);
}

ROW_KERNEL(indexes_size, 1)
{
    return ask_size(c, a[0].i, 1, r, null);
}

ROW_KERNEL(total_relation_size, 1)
{
    return ask_size(c, a[0].i, 2, r, null);
}

NULL_KERNEL(format_type)
{
    *null = nulls[0];
    if (nulls[0])
        return ERR_OK;
    struct buf b;
    buf_init(&b);
    if (a[0].i == 0)
        buf_put_str(&b, "-");
    else
        type_format((oid_t)a[0].i, nulls[1] ? -2 : (int32_t)a[1].i, &b);
    const enum err err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}

/* The one encoding there is has PostgreSQL's number 6. */
ROW_KERNEL(encoding_name, 0)
{
    *r = datum_str("UTF8", 4);
    return ERR_OK;
}

ROW_KERNEL(encoding_to_char, 1)
{
    *r = a[0].i == 6 ? datum_str("UTF8", 4) : datum_str("", 0);
    return ERR_OK;
}

ROW_KERNEL(to_regclass, 1)
{
    const enum err err = type__regclass_in(&c->types, a[0].s.p, a[0].s.len, -1, r, c->d);
    if (err != ERR_UNDEFINED_TABLE && err != ERR_SCHEMA_NAME)
        return err;
    diag_clear(c->d);
    *null = true;
    return ERR_OK;
}

/* "12 MB": rounded, in the unit that leaves less than 20480 (10240 bytes). */
ROW_KERNEL(size_pretty, 1)
{
    static const char *const unit[] = { "kB", "MB", "GB", "TB", "PB" };
    const bool negative = a[0].i < 0;
    const uint64_t v = negative ? -(uint64_t)a[0].i : (uint64_t)a[0].i;
    struct buf b;
    buf_init(&b);
    buf_put_str(&b, negative ? "-" : "");
    if (v < 10 * 1024) {
        buf_printf(&b, "%" PRIu64 " bytes", v);
    } else {
        uint64_t halves = v >> 9; /* of the unit, so that the last one rounds */
        size_t u = 0;
        for (; u + 1 < ARRAY_LEN(unit) && halves >= 20 * 1024 - 1; u++)
            halves >>= 10;
        buf_printf(&b, "%" PRIu64 " %s", (halves + 1) / 2, unit[u]);
    }
    const enum err err = kernel_str(c, b.p, b.len, r);
    buf_fini(&b);
    return err;
}
