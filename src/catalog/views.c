/*
 * Views of pg_catalog whose rows never change: one role, two tablespaces. Each is a table of values as text, here; no block holds them.
 */
#include "catalog/catalog_int.h"

#include <stdlib.h>

#define COLUMN(c, t) { .name = #c, .type = TYPE_##t, .typmod = -1 },
#define NONE NULL
#define OWNER "10"
static_assert(OID_OWNER == 10, "OWNER is OID_OWNER as text");

/* One row after the other; NONE is NULL. */
struct fixed_rows {
    struct virtual_table table;
    uint32_t nrows;
    const char *const *value;
};

static bool next_row(void *arg, uint64_t *cursor, union datum *v, bool *null, struct arena *arena)
{
    const struct fixed_rows *f = arg;
    if (*cursor >= f->nrows)
        return false;
    const char *const *value = f->value + *cursor * f->table.ncols;
    for (uint16_t i = 0; i < f->table.ncols; i++) {
        const oid_t type = f->table.col[i].type;
        null[i] = !value[i];
        if (type == TYPE_OID || type == TYPE_INT4 || type == TYPE_BOOL)
            v[i] = datum_int(value[i] ? strtoll(value[i], NULL, 10) : 0);
        else
            v[i] = value[i] ? datum_str(value[i], strlen(value[i])) : datum_str(NULL, 0);
    }
    ++*cursor;
    return true;
}

/* clang-format off */
static const struct new_column roles_columns[] = {
    COLUMN(rolname, NAME) COLUMN(rolsuper, BOOL) COLUMN(rolinherit, BOOL) COLUMN(rolcreaterole, BOOL) COLUMN(rolcreatedb, BOOL)
    COLUMN(rolcanlogin, BOOL) COLUMN(rolreplication, BOOL) COLUMN(rolconnlimit, INT4) COLUMN(rolpassword, TEXT)
    COLUMN(rolvaliduntil, TIMESTAMPTZ) COLUMN(rolbypassrls, BOOL) COLUMN(rolconfig, TEXT) COLUMN(oid, OID)
};
static const char *const roles[] = { "rustydb", "1", "1", "1", "1", "1", "1", "-1", "********", NONE, "1", NONE, OWNER };

static const struct new_column user_columns[] = {
    COLUMN(usename, NAME) COLUMN(usesysid, OID) COLUMN(usecreatedb, BOOL) COLUMN(usesuper, BOOL) COLUMN(userepl, BOOL)
    COLUMN(usebypassrls, BOOL) COLUMN(passwd, TEXT) COLUMN(valuntil, TIMESTAMPTZ) COLUMN(useconfig, TEXT)
};
static const char *const users[] = { "rustydb", OWNER, "1", "1", "1", "1", "********", NONE, NONE };

static const struct new_column members_columns[] = {
    COLUMN(roleid, OID) COLUMN(member, OID) COLUMN(grantor, OID) COLUMN(admin_option, BOOL)
};

static const struct new_column tablespace_columns[] = {
    COLUMN(oid, OID) COLUMN(spcname, NAME) COLUMN(spcowner, OID) COLUMN(spcacl, TEXT) COLUMN(spcoptions, TEXT)
};
static const char *const tablespaces[] = {
    "1663", "pg_default", OWNER, NONE, NONE,
    "1664", "pg_global", OWNER, NONE, NONE,
};
/* clang-format on */

#define ROWS(name, columns, values) { { name, ARRAY_LEN(columns), columns, next_row }, ARRAY_LEN(values) / ARRAY_LEN(columns), values }
static const struct fixed_rows views[] = {
    ROWS("pg_roles", roles_columns, roles),
    ROWS("pg_user", user_columns, users),
    ROWS("pg_tablespace", tablespace_columns, tablespaces),
    { { "pg_auth_members", ARRAY_LEN(members_columns), members_columns, next_row }, 0, NULL },
};

void catalog__register_views(struct catalog *c)
{
    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        catalog_register_virtual(c, &views[i].table, (void *)&views[i]);
}
