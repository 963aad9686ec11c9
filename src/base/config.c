#include "base/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
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

/* ---- texts that mean something ------------------------------------------------- */

static bool is_name(const char *s)
{
    for (const char *p = s; *p; p++)
        if (!(*p >= '0' && *p <= '9') && !(*p >= 'A' && *p <= 'Z') && !(*p >= 'a' && *p <= 'z') && !strchr("-_.", *p))
            return false;
    return true;
}

static bool is_node_name(const char *s) { return *s && is_name(s); }

static bool is_port(const char *s)
{
    const size_t len = strlen(s);
    return len > 0 && len <= 5 && strspn(s, "0123456789") == len && atoi(s) <= UINT16_MAX;
}

/* "10.0.0.1:7000", "[fd00::1]:7000", "unix:/path": what rt_listen() takes. */
static bool is_address(const char *s)
{
    const char *colon = strrchr(s, ':');
    char host[64];
    uint8_t bytes[sizeof(struct in6_addr)];
    if (strncmp(s, "unix:", 5) == 0)
        return s[5] == '/';
    if (!colon || (size_t)(colon - s) >= sizeof host || !is_port(colon + 1))
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - s), s);
    const size_t len = strlen(host);
    if (*host != '[' || host[len - 1] != ']')
        return inet_pton(AF_INET, host, bytes) == 1;
    host[len - 1] = 0;
    return inet_pton(AF_INET6, host + 1, bytes) == 1;
}

static bool is_loopback(const char *s)
{
    return is_address(s) && (strncmp(s, "127.", 4) == 0 || strncmp(s, "[::1]:", 6) == 0 || strncmp(s, "unix:", 5) == 0);
}

static bool is_io_backend(const char *s) { return strcmp(s, "auto") == 0 || strcmp(s, "uring") == 0 || strcmp(s, "epoll") == 0; }

static bool is_log_level(const char *s)
{
    return strcmp(s, "debug") == 0 || strcmp(s, "info") == 0 || strcmp(s, "warning") == 0 || strcmp(s, "error") == 0;
}

static const struct text_rule {
    size_t offset;
    bool (*fits)(const char *s);
    const char *wanted;
} text_rules[] = {
    { offsetof(struct config, cluster_name), is_name, "must be made of letters, digits, \"-\", \"_\" and \".\"" },
    { offsetof(struct config, node_id), is_node_name, "must be made of letters, digits, \"-\", \"_\" and \".\"" },
    { offsetof(struct config, interconnect_address), is_address, "must be a numeric address with a port, such as \"10.0.0.1:7000\"" },
    { offsetof(struct config, listen_address), is_loopback,
      "must be a loopback address in numbers with a port, such as \"127.0.0.1:5432\": this version has no authentication and serves local clients only" },
    { offsetof(struct config, io_backend), is_io_backend, "must be auto, uring or epoll" },
    { offsetof(struct config, log_level), is_log_level, "must be debug, info, warning or error" },
};

static enum err check_text(const char *file, const struct key *k, const struct toml_value *v, struct diag *d)
{
    for (size_t i = 0; i < ARRAY_LEN(text_rules); i++)
        if (k->kind == KIND_STRING && text_rules[i].offset == k->offset && !text_rules[i].fits(v->str))
            return diag_set(d, ERR_CONFIG_FILE, "%s:%d: [%s] %s %s, not \"%s\"", file, v->line, k->section, k->key, text_rules[i].wanted, v->str);
    return ERR_OK;
}

/* ---- values ------------------------------------------------------------------------ */

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
    return check_text(file, k, v, d);
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
