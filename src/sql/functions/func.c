#include "sql/functions/func.h"
#include "sql/functions/aggregate.h"
#include "sql/functions/kernels.h"
#include "sql/functions/table.h"

#include <stdlib.h>

#define TYPE_0 0

enum {
#define X(oid, name, ret, strict, vol, flags, kernel, nargs, ...) FN_##oid,
    FUNCTIONS(X)
#undef X
#define X(oid, name, l, r, ret, fn_oid, fn_name, kernel, vol, com, neg) FN_##fn_oid,
        OPERATORS(X)
#undef X
            FN_COUNT
};

#define FLAG_NONE 0
#define FLAG_VARIADIC 1
#define FLAG_ARG_TYPES 2

static const struct func func_table[FN_COUNT] = {
#define X(oid_, name_, ret_, strict_, vol, flags, kernel, nargs_, ...)                                                            \
    [FN_##oid_] = { .oid = oid_, .name = name_, .ret = TYPE_##ret_, .nargs = nargs_, .strict = strict_,                           \
                    .variadic_any = (flags) & FLAG_VARIADIC, .uses_arg_types = (flags) & FLAG_ARG_TYPES,                          \
                    .volatility = FUNC_##vol, .args = { __VA_ARGS__ }, .fn = fn__##kernel },
    FUNCTIONS(X)
#undef X
#define X(oid_, name_, l, r, ret_, fn_oid, fn_name, kernel, vol, com, neg)                                                        \
    [FN_##fn_oid] = { .oid = fn_oid, .name = fn_name, .ret = TYPE_##ret_, .nargs = 1 + (TYPE_##l != 0), .strict = true,           \
                      .uses_arg_types = TYPE_##l == TYPE_ANYNONARRAY || TYPE_##r == TYPE_ANYNONARRAY, .volatility = FUNC_##vol,   \
                      .args = { TYPE_##l ? TYPE_##l : TYPE_##r, TYPE_##l ? TYPE_##r : 0 }, .fn = fn__##kernel },
        OPERATORS(X)
#undef X
};

static const struct operator operator_table[] = {
#define X(oid_, name_, l, r, ret_, fn_oid, fn_name, kernel, vol, com, neg)                                                        \
    { .oid = oid_, .name = name_, .left = TYPE_##l, .right = TYPE_##r, .func = &func_table[FN_##fn_oid], .commutator = com,       \
      .negator = neg },
    OPERATORS(X)
#undef X
};

/* Names are few hundred: a scan with a first-character test is fast enough to plan by. */
#define CANDIDATES(table, count)                                                                                                  \
    size_t n = 0;                                                                                                                 \
    for (size_t i = 0; i < (count); i++)                                                                                          \
        if ((table)[i].name[0] == name[0] && strcmp((table)[i].name, name) == 0) {                                                \
            if (n < max)                                                                                                          \
                ret[n] = &(table)[i];                                                                                             \
            n++;                                                                                                                  \
        }                                                                                                                         \
    return n;

size_t func_candidates(const char *name, const struct func **ret, size_t max)
{
    CANDIDATES(func_table, FN_COUNT)
}

size_t operator_candidates(const char *name, const struct operator **ret, size_t max)
{
    CANDIDATES(operator_table, ARRAY_LEN(operator_table))
}

size_t aggregate_candidates(const char *name, const struct aggregate **ret, size_t max)
{
    CANDIDATES(aggregate__table, aggregate__count)
}

const struct operator *operator_exact(const char *name, oid_t left, oid_t right)
{
    for (size_t i = 0; i < ARRAY_LEN(operator_table); i++) {
        const struct operator *o = &operator_table[i];
        if (o->left == left && o->right == right && strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

#define BY_OID(table, count)                                                                                                      \
    for (size_t i = 0; i < (count); i++)                                                                                          \
        if ((table)[i].oid == oid)                                                                                                \
            return &(table)[i];                                                                                                   \
    return NULL;

const struct func *func_by_oid(uint32_t oid)
{
    BY_OID(func_table, FN_COUNT)
}

const struct operator *operator_by_oid(uint32_t oid)
{
    BY_OID(operator_table, ARRAY_LEN(operator_table))
}

const struct aggregate *aggregate_by_oid(uint32_t oid)
{
    BY_OID(aggregate__table, aggregate__count)
}

size_t func_count(void)
{
    return FN_COUNT;
}

const struct func *func_at(size_t i)
{
    assert(i < FN_COUNT);
    return &func_table[i];
}

size_t operator_count(void)
{
    return ARRAY_LEN(operator_table);
}

const struct operator *operator_at(size_t i)
{
    assert(i < ARRAY_LEN(operator_table));
    return &operator_table[i];
}

size_t aggregate_count(void)
{
    return aggregate__count;
}

const struct aggregate *aggregate_at(size_t i)
{
    assert(i < aggregate__count);
    return &aggregate__table[i];
}

/* ---- kernels.h --------------------------------------------------------- */

enum err kernel_rows_with_nulls(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, unsigned nargs,
                                struct vec *ret, row_null_fn *fn)
{
    union datum a[FUNC_ARGS_MAX];
    bool nulls[FUNC_ARGS_MAX];
    if (nargs > FUNC_ARGS_MAX)
        return diag_set(c->d, ERR_TOO_MANY_ARGUMENTS, "cannot pass more than %d arguments to a function", FUNC_ARGS_MAX);
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel->idx ? sel->idx[k] : k;
        bool null = false;
        for (unsigned j = 0; j < nargs; j++) {
            const uint32_t at = args[j]->is_const ? 0 : i;
            nulls[j] = args[j]->null[at];
            a[j] = args[j]->v[at];
        }
        const enum err err = fn(c, a, nulls, nargs, &ret->v[i], &null);
        if (err)
            return err;
        ret->null[i] = null;
    }
    return ERR_OK;
}

enum err kernel_alloc(struct func_ctx *c, size_t bytes, char **ret)
{
    *ret = arena_try_alloc(c->types.arena, bytes ? bytes : 1);
    return *ret ? ERR_OK : diag_set(c->d, ERR_OUT_OF_MEMORY, "out of memory: a value of %zu bytes", bytes);
}

enum err kernel_str(struct func_ctx *c, const void *p, size_t len, union datum *r)
{
    char *copy;
    const enum err err = kernel_alloc(c, len, &copy);
    if (err)
        return err;
    if (len)
        memcpy(copy, p, len);
    *r = datum_str(copy, len);
    return ERR_OK;
}

enum err kernel_no_hook(struct func_ctx *c, const char *what)
{
    return diag_set(c->d, ERR_FEATURE, "%s is not supported here", what);
}
