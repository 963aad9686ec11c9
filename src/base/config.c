#include "base/config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/toml.h"

enum kind { KIND_STRING, KIND_INT, KIND_SIZE, KIND_FLOAT, KIND_BOOL };

static const struct key {
    enum kind kind;
    const char *section, *key, *dflt;
    int64_t least, greatest;
    bool ready;
    size_t offset;
    const char *text;
} keys[] = {
#define X(member, kind, section, key, dflt, least, greatest, ready, text) \
    { KIND_##kind, section, key, dflt, least, greatest, ready, offsetof(struct config, member), text },
    CONFIG_KEYS(X)
#undef X
};

/* "256MB", "64kB", "1GB", "8192": bytes; -1 when it is none of them. */
static int64_t parse_size(const char *s)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = { { "", 1 }, { "B", 1 }, { "kB", 1 << 10 }, { "KB", 1 << 10 }, { "MB", 1 << 20 }, { "GB", 1 << 30 }, { "TB", INT64_C(1) << 40 } };
    char *unit;
    errno = 0;
    const long long n = strtoll(s, &unit, 10);
    if (unit == s || errno || n < 0)
        return -1;
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(unit, units[i].unit) == 0)
            return n > INT64_MAX / units[i].factor ? -1 : n * units[i].factor;
    return -1;
}

static void set(struct config *c, const struct key *k, const struct toml_value *v)
{
    void *at = (char *)c + k->offset;
    switch (k->kind) {
    case KIND_STRING:
        *(const char **)at = v->str;
        break;
    case KIND_INT:
    case KIND_SIZE:
        *(int64_t *)at = v->i;
        break;
    case KIND_FLOAT:
        *(double *)at = v->f;
        break;
    case KIND_BOOL:
        *(bool *)at = v->i != 0;
        break;
    }
}

static struct toml_value default_of(const struct key *k)
{
    struct toml_value v = { .str = k->dflt };
    v.i = k->kind == KIND_BOOL ? strcmp(k->dflt, "true") == 0 : k->kind == KIND_SIZE ? parse_size(k->dflt) : strtoll(k->dflt, NULL, 10);
    v.f = strtod(k->dflt, NULL);
    return v;
}

static bool same(const struct key *k, const struct toml_value *a, const struct toml_value *b)
{
    return k->kind == KIND_STRING ? strcmp(a->str, b->str) == 0 : k->kind == KIND_FLOAT ? a->f == b->f : a->i == b->i;
}

/* Brings v to the key's kind and checks its bounds. */
static enum err check(const char *file, const struct key *k, struct toml_value *v, struct diag *d)
{
    static const char *const wanted[] = { "a string", "an integer", "a size: bytes, or a string such as \"256MB\"", "a number", "true or false" };
    static const enum toml_type type_of[] = { TOML_STRING, TOML_INTEGER, TOML_INTEGER, TOML_FLOAT, TOML_BOOLEAN };
    bool fits = v->type == type_of[k->kind];
    if (k->kind == KIND_FLOAT && v->type == TOML_INTEGER) {
        v->f = (double)v->i;
        fits = true;
    }
    if (k->kind == KIND_SIZE && v->type == TOML_STRING)
        fits = (v->i = parse_size(v->str)) >= 0;
    if (!fits)
        return diag_set(d, ERR_CONFIG_FILE, "%s:%d: [%s] %s must be %s, not %s", file, v->line, k->section, k->key, wanted[k->kind],
                        k->kind == KIND_SIZE && v->type == TOML_STRING ? v->str : toml_type_name(v->type));
    const struct toml_value dflt = default_of(k);
    const double n = k->kind == KIND_STRING ? (double)strlen(v->str) : k->kind == KIND_FLOAT ? v->f : (double)v->i;
    if (k->kind != KIND_BOOL && !same(k, v, &dflt) && !(n >= (double)k->least && n <= (double)k->greatest))
        return diag_set(d, ERR_CONFIG_FILE, "%s:%d: [%s] %s: %s must be between %" PRId64 " and %" PRId64, file, v->line, k->section, k->key,
                        k->kind == KIND_STRING ? "its length" : "the value", k->least, k->greatest);
    if (!k->ready && !same(k, v, &dflt))
        return diag_set(d, ERR_CONFIG_FILE, "%s:%d: [%s] %s: this version supports only the default (%s)", file, v->line, k->section, k->key,
                        k->dflt);
    return ERR_OK;
}

static const struct key *find(const char *path, bool *ret_section)
{
    *ret_section = false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const size_t len = strlen(keys[i].section);
        if (strncmp(path, keys[i].section, len) != 0)
            continue;
        if (path[len] == 0)
            *ret_section = true;
        if (path[len] == '.' && strcmp(path + len + 1, keys[i].key) == 0)
            return &keys[i];
    }
    return NULL;
}

void config_defaults(struct config *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct toml_value v = default_of(&keys[i]);
        set(ret, &keys[i], &v);
    }
}

enum err config_parse(struct arena *a, const char *file, const char *text, size_t len, struct config *ret, struct diag *d)
{
    struct toml t;
    enum err err = toml_parse(a, file, text, len, &t, d);
    if (err)
        return err;
    config_defaults(ret);
    bool have_node = false;
    for (size_t i = 0; i < t.n; i++) {
        bool section;
        const struct key *k = find(t.v[i].path, &section);
        if (section && t.v[i].type == TOML_TABLE)
            continue;
        if (!k)
            return diag_set(d, ERR_CONFIG_FILE, "%s:%d: unknown %s \"%s\"", file, t.v[i].line, t.v[i].type == TOML_TABLE ? "section" : "key",
                            t.v[i].path);
        err = check(file, k, &t.v[i], d);
        if (err)
            return err;
        set(ret, k, &t.v[i]);
        have_node |= k->offset == offsetof(struct config, node_id);
    }
    if (!have_node)
        return diag_set(d, ERR_CONFIG_FILE, "%s: [cluster] node_id is missing: give each node a name of its own", file);
    return ERR_OK;
}

void config_document(struct buf *b)
{
    static const char *const kind_name[] = { "string", "integer", "size", "number", "boolean" };
    const char *section = "";
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct key *k = &keys[i];
        if (strcmp(section, k->section) != 0) {
            section = k->section;
            buf_printf(b, "\n## [%s]\n\n| key | type | default | meaning |\n|---|---|---|---|\n", section);
        }
        buf_printf(b, "| `%s` | %s | `%s` | %s%s |\n", k->key, kind_name[k->kind], k->dflt, k->text,
                   k->ready ? "" : " (only the default so far)");
    }
}
