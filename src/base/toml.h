/*
 * A TOML 1.0 parser that remembers line numbers. The document comes out flat:
 * one entry a value, with its dotted path ("cluster.node_id", "a[0].b").
 */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include "base/arena.h"
#include "base/diag.h"

enum toml_type { TOML_STRING, TOML_INTEGER, TOML_FLOAT, TOML_BOOLEAN, TOML_DATETIME /* as text */, TOML_TABLE, TOML_ARRAY };

struct toml_value {
    const char *path;
    enum toml_type type;
    int line; /* 1-based */
    const char *str; /* STRING, DATETIME: NUL-terminated (a NUL inside is refused) */
    int64_t i; /* INTEGER, BOOLEAN */
    double f; /* FLOAT */
};

struct toml {
    struct toml_value *v; /* in the order of the file; explicit tables and arrays have entries of their own */
    size_t n;
};

#define TOML_DEPTH_MAX 64
#define TOML_VALUES_MAX 100000

/* `name` is used in messages: "rac.toml:12: ...". ERR_CONFIG_FILE. The result lives in the arena. */
enum err toml_parse(struct arena *a, const char *name, const char *text, size_t len, struct toml *ret, struct diag *d) MUST_CHECK;
const char *toml_type_name(enum toml_type t);

#endif
