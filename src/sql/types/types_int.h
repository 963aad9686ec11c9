/*
 * What the files of this folder share: the input and output functions that
 * type.c puts into its table.
 */
#ifndef SQL_TYPES_TYPES_INT_H
#define SQL_TYPES_TYPES_INT_H

#include "sql/types/type.h"

#define TYPE_IO(name)                                                                                                             \
    enum err type__##name##_in(const struct type_ctx *c, const char *s, size_t len, int32_t typmod, union datum *ret,            \
                               struct diag *d);                                                                                  \
    void type__##name##_out(const struct type_ctx *c, union datum v, struct buf *b);                                             \
    enum err type__##name##_recv(const struct type_ctx *c, const uint8_t *p, size_t len, int32_t typmod, union datum *ret,       \
                                 struct diag *d);                                                                                \
    void type__##name##_send(const struct type_ctx *c, union datum v, struct buf *b);

TYPE_IO(bool)
TYPE_IO(char1)
TYPE_IO(name)
TYPE_IO(int2)
TYPE_IO(int4)
TYPE_IO(int8)
TYPE_IO(oid)
TYPE_IO(text)
TYPE_IO(bpchar)
TYPE_IO(varchar)
TYPE_IO(float4)
TYPE_IO(float8)
TYPE_IO(date)
TYPE_IO(timestamp)
TYPE_IO(timestamptz)
TYPE_IO(numeric)
TYPE_IO(regclass)
TYPE_IO(void)

int type__int_cmp(union datum a, union datum b);
int type__float_cmp(union datum a, union datum b);
int type__str_cmp(union datum a, union datum b);
int type__bpchar_cmp(union datum a, union datum b);
int type__numeric_cmp(union datum a, union datum b);
uint64_t type__int_hash(union datum v);
uint64_t type__float_hash(union datum v);
uint64_t type__str_hash(union datum v);
uint64_t type__bpchar_hash(union datum v);
uint64_t type__numeric_hash(union datum v);

/* varchar(n) and char(n): see type_apply_typmod() */
enum err type__apply_chars(const struct type_ctx *c, oid_t type, int32_t typmod, bool is_explicit, union datum v,
                           union datum *ret, struct diag *d) MUST_CHECK;

/* Memory whose size a user chooses: refused when the statement's arena is full. */
enum err type__alloc(const struct type_ctx *c, size_t bytes, char **ret, struct diag *d) MUST_CHECK;
enum err type__str_dup(const struct type_ctx *c, const char *s, size_t len, union datum *ret, struct diag *d) MUST_CHECK;

/* 'invalid input syntax for type %s: "..."' */
enum err type__bad_syntax(const char *type, const char *s, size_t len, struct diag *d);
enum err type__bad_binary_size(struct diag *d);

static inline bool type__is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline char type__ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
/* Takes the blanks off both ends. */
static inline void type__trim(const char **s, size_t *len)
{
    while (*len > 0 && type__is_space(**s)) {
        (*s)++;
        (*len)--;
    }
    while (*len > 0 && type__is_space((*s)[*len - 1]))
        (*len)--;
}
/* Case-insensitive (ASCII) comparison with a lower-case word. */
bool type__is_word(const char *s, size_t len, const char *word);

/* Bytes without the trailing blanks that char(n) does not count. */
static inline size_t type__bpchar_len(struct str s)
{
    size_t len = s.len;
    while (len > 0 && s.p[len - 1] == ' ')
        len--;
    return len;
}

#endif
