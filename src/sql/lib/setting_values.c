/*
 * The settings' values in a session, and what follows from them.
 */
#include "sql/lib/session_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ZONE_DIR "/usr/share/zoneinfo"
#define ZONE_FILE_MAX 65536u
#define ZONES_MAX 2048u /* of a session; more than the database has names */

/* In the zones' arena. */
struct known_zone {
    struct known_zone *next;
    const char *name;
    const struct timezone *tz; /* NULL: UTC */
};

/* Names in any case: the database's files begin words with capitals, or have capitals throughout. */
static char *zone_spelling(struct session *s, const char *name, bool all_capitals)
{
    char *spelled = arena_strdup(s->arena, name);
    bool first = true, in_area = all_capitals;
    for (char *p = spelled; *p; p++) {
        const bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (*p == '/')
            in_area = false; /* "US/Eastern" */
        if (letter)
            *p = (char)(first || in_area ? *p & ~32 : *p | 32);
        first = !letter;
    }
    return spelled;
}

static enum err open_zone(struct session *s, const char *name, struct rt_file **ret)
{
    const char *const spelling[] = { name, zone_spelling(s, name, false), zone_spelling(s, name, true) };
    struct diag ignored;
    enum err err = ERR_PARAMETER_VALUE;
    for (size_t i = 0; i < ARRAY_LEN(spelling) && err; i++)
        err = rt_open(arena_printf(s->arena, "%s/%s", ZONE_DIR, spelling[i]), RT_OPEN_READ, ret, &ignored);
    return err;
}

static enum err read_zone(struct session *s, const char *name, const struct timezone **ret, struct diag *d)
{
    struct rt_file *f;
    if (strstr(name, "..") || name[0] == '/' || open_zone(s, name, &f) != ERR_OK)
        return diag_set(d, ERR_PARAMETER_VALUE, "invalid value for parameter \"TimeZone\": \"%s\"", name);
    uint8_t *bytes = xmalloc(ZONE_FILE_MAX);
    size_t got = 0;
    enum err err = rt_pread(f, bytes, ZONE_FILE_MAX, 0, &got, d);
    rt_close(f);
    if (!err)
        err = timezone_parse(s->zone_arena, arena_strdup(s->zone_arena, name), bytes, got, ret, d);
    free(bytes);
    return err;
}

static bool is_utc(const char *name)
{
    static const char *const names[] = { "UTC", "GMT", "Etc/UTC", "Z", "Zulu", "UCT", "Etc/GMT" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool find_known(struct session *s, const char *name, const struct timezone **ret)
{
    for (struct known_zone **at = &s->zones; *at; at = &(*at)->next) {
        struct known_zone *z = *at;
        if (strcasecmp(z->name, name) != 0)
            continue;
        *at = z->next;
        z->next = s->zones;
        s->zones = z;
        *ret = z->tz;
        return true;
    }
    return false;
}

static enum err new_zone(struct session *s, const char *value, const struct timezone **ret, struct diag *d)
{
    char *end;
    const double hours = strtod(value, &end);
    if (end != value && *end == 0 && hours >= -15 && hours <= 15) {
        *ret = timezone_fixed(s->zone_arena, arena_strdup(s->zone_arena, value), "", (int32_t)(hours * 3600));
        return ERR_OK;
    }
    if (strpbrk(value, "0123456789") && !strchr(value, '/') && timezone_posix(s->zone_arena, value, value, ret, d) == ERR_OK)
        return ERR_OK;
    return read_zone(s, value, ret, d);
}

enum err session__find_zone(struct session *s, const char *value, const struct timezone **ret, struct diag *d)
{
    *ret = NULL;
    if (is_utc(value) || find_known(s, value, ret))
        return ERR_OK;
    if (s->nzones == ZONES_MAX)
        return diag_set(d, ERR_LIMIT, "more than %u time zones in one session", ZONES_MAX);
    enum err err = new_zone(s, value, ret, d);
    if (err)
        return err;
    struct known_zone *z = ARENA_NEW(s->zone_arena, struct known_zone);
    *z = (struct known_zone){ s->zones, arena_strdup(s->zone_arena, value), *ret };
    s->zones = z;
    s->nzones++;
    return ERR_OK;
}

enum txn_isolation session__isolation(const char *value)
{
    return strcmp(value, "serializable") == 0 ? TXN_SERIALIZABLE : strcmp(value, "repeatable read") == 0 ? TXN_REPEATABLE_READ : TXN_READ_COMMITTED;
}

/* What other code reads often is kept in its own form. */
static void follow(struct session *s, enum setting_id id)
{
    if (id == SETTING_extra_float_digits)
        s->func.types.extra_float_digits = atoi(s->value[id]);
    else if (id == SETTING_datestyle)
        s->func.types.datestyle_dmy = strstr(s->value[id], "DMY") != NULL;
    else if (id == SETTING_transaction_read_only)
        s->read_only = setting_bool(s->value[id]);
    else if (id == SETTING_lock_timeout) {
        s->lock_timeout = RT_MS(strtoull(s->value[id], NULL, 10));
        if (s->txn)
            txn_set_lock_timeout(s->txn, s->lock_timeout);
    }
}

static void replace(struct session *s, enum setting_id id, char *value)
{
    s->value[id] = value;
    follow(s, id);
    if ((setting_table[id].flags & SET_REPORT) && s->reported) /* start-up settings go out with the others */
        s->client->parameter_status(s->client->arg, setting_table[id].name, value);
}

static enum err may_change(struct session *s, enum setting_id id, const char *value, struct diag *d)
{
    const bool started = s->txn != NULL; /* BEGIN and SET alone begin none */
    if (id == SETTING_transaction_isolation && started && strcmp(s->value[id], value) != 0)
        return diag_set(d, ERR_TXN_ACTIVE, "SET TRANSACTION ISOLATION LEVEL must be called before any query");
    if (id == SETTING_transaction_read_only && started && s->read_only && !setting_bool(value))
        return diag_set(d, ERR_TXN_ACTIVE, "transaction read-write mode must be set before any query");
    if (id == SETTING_search_path && !strstr(value, "public") && *value)
        return diag_set(d, ERR_FEATURE, "search_path \"%s\" is not supported: names are searched in pg_catalog and public", value);
    return ERR_OK;
}

enum err session__set(struct session *s, enum setting_id id, const char *value, bool local, struct diag *d)
{
    const char *canonical;
    enum err err = setting_check(id, value, s->arena, &canonical, d);
    if (!err)
        err = may_change(s, id, canonical, d);
    if (!err && id == SETTING_timezone)
        err = session__find_zone(s, canonical, &s->func.types.tz, d);
    if (err)
        return err;
    if (s->nchanges == s->changes_cap)
        s->change = xrealloc(s->change, (s->changes_cap = s->changes_cap ? s->changes_cap * 2 : 16) * sizeof *s->change);
    s->change[s->nchanges++] = (struct setting_change){ id, s->value[id], local };
    replace(s, id, xstrdup(canonical));
    if (!s->running) /* start-up: nothing to undo */
        session__settings_end(s, 0, true);
    return ERR_OK;
}

void session__settings_end(struct session *s, uint32_t keep, bool committed)
{
    /* newest first, so that the oldest value of each setting stays */
    while (s->nchanges > keep) {
        const struct setting_change c = s->change[--s->nchanges];
        if (committed && !c.local) {
            free(c.old);
            continue;
        }
        free(s->value[c.id]);
        replace(s, c.id, c.old);
        struct diag ignored;
        if (c.id == SETTING_timezone && session__find_zone(s, c.old, &s->func.types.tz, &ignored) != ERR_OK)
            s->func.types.tz = NULL;
    }
}

/* What this instance is like; NULL: as the table says. */
static char *value_of_instance(const struct sql_options *o, enum setting_id id)
{
    char number[16];
    switch (id) {
    case SETTING_cluster_name:
        return xstrdup(o->cluster_name);
    case SETTING_data_directory:
        return xstrdup(o->data_dir);
    case SETTING_max_connections:
        snprintf(number, sizeof number, "%u", o->max_connections);
        return xstrdup(number);
    default:
        return NULL;
    }
}

void session__settings_init(struct session *s)
{
    s->zone_arena = arena_new("time zones", 0);
    for (int i = 0; i < SETTINGS_N; i++) {
        s->value[i] = value_of_instance(&s->engine->opt, (enum setting_id)i);
        if (!s->value[i])
            s->value[i] = xstrdup(setting_table[i].dflt);
        follow(s, (enum setting_id)i);
    }
}

void session__settings_fini(struct session *s)
{
    for (uint32_t i = 0; i < s->nchanges; i++)
        free(s->change[i].old);
    free(s->change);
    for (int i = 0; i < SETTINGS_N; i++) {
        free(s->value[i]);
        free(s->reset_value[i]);
    }
    arena_free(s->zone_arena);
}

static void replace_string(char **s, const char *value)
{
    free(*s);
    *s = xstrdup(value);
}

const char *session__reset_value(const struct session *s, enum setting_id id)
{
    return s->reset_value[id] ? s->reset_value[id] : setting_table[id].dflt;
}

void session_report_parameters(struct session *s)
{
    s->reported = true;
    for (int i = 0; i < SETTINGS_N; i++)
        replace_string(&s->reset_value[i], s->value[i]);
    for (int i = 0; i < SETTINGS_N; i++)
        if (setting_table[i].flags & SET_REPORT)
            s->client->parameter_status(s->client->arg, setting_table[i].name, s->value[i]);
}
