/*
 * LIKE, ILIKE, and regular expressions.
 */
#include "sql/functions/kernels.h"
#include "sql/types/utf8.h"

#include <regex.h>
#include <stdlib.h>

/* ---- LIKE -------------------------------------------------------------- */

enum match { MATCH_NO, MATCH_YES, MATCH_BAD_ESCAPE };

static size_t char_bytes(const char *p, size_t left)
{
    return MIN((size_t)utf8_char_bytes((uint8_t)*p), left);
}

/*
 * Iterative matching: when something after a % does not fit, the % takes one
 * character more. Only the last % needs to be gone back to.
 */
static enum match like(const char *s, size_t slen, const char *p, size_t plen)
{
    const char *const s_end = s + slen, *const p_end = p + plen;
    const char *star = NULL, *resume = NULL;
    while (s < s_end) {
        if (p < p_end && *p == '%') {
            star = ++p;
            resume = s;
            continue;
        }
        if (p < p_end && *p == '_') {
            p++;
            s += char_bytes(s, (size_t)(s_end - s));
            continue;
        }
        const char *lit = p;
        if (lit < p_end && *lit == '\\' && ++lit == p_end)
            return MATCH_BAD_ESCAPE;
        if (lit < p_end && *lit == *s) {
            p = lit + 1;
            s++;
            continue;
        }
        if (!star)
            return MATCH_NO;
        p = star;
        resume += char_bytes(resume, (size_t)(s_end - resume));
        s = resume;
    }
    while (p < p_end && *p == '%')
        p++;
    return p == p_end ? MATCH_YES : MATCH_NO;
}

/* What most patterns are: a literal with % at its ends. */
enum pattern_kind { PATTERN_EQUAL, PATTERN_PREFIX, PATTERN_SUFFIX, PATTERN_INFIX, PATTERN_ANY };

struct pattern {
    enum pattern_kind kind;
    struct str whole, literal;
};

static struct pattern compile(struct str p)
{
    struct pattern r = { .kind = PATTERN_ANY, .whole = p, .literal = p };
    const bool front = p.len > 0 && p.p[0] == '%', back = p.len > 1 && p.p[p.len - 1] == '%';
    r.literal.p += front;
    r.literal.len -= (uint32_t)front + back;
    for (uint32_t i = 0; i < r.literal.len; i++)
        if (strchr("%_\\", r.literal.p[i]))
            return r;
    r.kind = front ? (back ? PATTERN_INFIX : PATTERN_SUFFIX) : back ? PATTERN_PREFIX : PATTERN_EQUAL;
    return r;
}

static enum match matches(const struct pattern *p, struct str s)
{
    const struct str l = p->literal;
    switch (p->kind) {
    case PATTERN_EQUAL:
        return s.len == l.len && memcmp(s.p, l.p, l.len) == 0;
    case PATTERN_PREFIX:
        return s.len >= l.len && memcmp(s.p, l.p, l.len) == 0;
    case PATTERN_SUFFIX:
        return s.len >= l.len && memcmp(s.p + s.len - l.len, l.p, l.len) == 0;
    case PATTERN_INFIX:
        return l.len == 0 || memmem(s.p, s.len, l.p, l.len) != NULL;
    case PATTERN_ANY:
        break;
    }
    return like(s.p, s.len, p->whole.p, p->whole.len);
}

static enum err fold(struct func_ctx *c, struct str s, struct str *ret)
{
    char *p;
    const enum err err = kernel_alloc(c, (size_t)s.len * 2 + 4, &p);
    if (err)
        return err;
    size_t n = 0;
    for (uint32_t i = 0; i < s.len;) {
        unsigned bytes;
        const uint32_t ch = utf8_decode(s.p + i, s.len - i, &bytes);
        n += utf8_encode(utf8_lower(ch), p + n);
        i += bytes;
    }
    *ret = (struct str){ p, (uint32_t)n };
    return ERR_OK;
}

static enum err like_rows(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, struct vec *ret,
                          bool any_case, bool negate)
{
    const struct vec *v = args[0], *pv = args[1];
    struct pattern p = { 0 };
    bool ready = false;
    for (uint32_t k = 0; k < sel->n; k++) {
        const uint32_t i = sel->idx ? sel->idx[k] : k, iv = v->is_const ? 0 : i, ip = pv->is_const ? 0 : i;
        ret->null[i] = v->null[iv] | pv->null[ip];
        if (ret->null[i])
            continue;
        struct str s = v->v[iv].s, pattern = pv->v[ip].s;
        enum err err = ERR_OK;
        if (any_case) {
            err = fold(c, s, &s);
            if (!err && !ready)
                err = fold(c, pattern, &pattern);
            if (err)
                return err;
        }
        if (!ready)
            p = compile(pattern);
        ready = pv->is_const;
        const enum match m = matches(&p, s);
        if (m == MATCH_BAD_ESCAPE)
            return diag_set(c->d, ERR_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character");
        ret->v[i].i = (m == MATCH_YES) != negate;
    }
    return ERR_OK;
}

KERNEL_DECL(like)
{
    return like_rows(c, sel, args, ret, false, false);
}

KERNEL_DECL(not_like)
{
    return like_rows(c, sel, args, ret, false, true);
}

KERNEL_DECL(ilike)
{
    return like_rows(c, sel, args, ret, true, false);
}

KERNEL_DECL(not_ilike)
{
    return like_rows(c, sel, args, ret, true, true);
}

/* LIKE p ESCAPE e: the pattern rewritten with \ as its escape; e empty: no escape at all. */
ROW_KERNEL(like_escape, 2)
{
    const struct str p = a[0].s, e = a[1].s;
    if (utf8_count(e.p, e.len) > 1)
        return diag_hint((diag_set(c->d, ERR_ESCAPE_SEQUENCE, "invalid escape string"), c->d),
                         "Escape string must be empty or one character.");
    char *out;
    const enum err err = kernel_alloc(c, 2 * (size_t)p.len, &out);
    if (err)
        return err;
    size_t n = 0;
    for (uint32_t i = 0; i < p.len;) {
        if (e.len > 0 && p.len - i >= e.len && memcmp(p.p + i, e.p, e.len) == 0) {
            out[n++] = '\\';
            i += e.len;
            if (i < p.len)
                out[n++] = p.p[i++];
            continue;
        }
        if (p.p[i] == '\\')
            out[n++] = '\\';
        out[n++] = p.p[i++];
    }
    *r = datum_str(out, n);
    return ERR_OK;
}

/* ---- regular expressions: POSIX extended, the common core of PostgreSQL's ---- */

static enum err compile_regex(struct func_ctx *c, struct str p, bool any_case, regex_t *re)
{
    char *text = arena_strndup(c->types.arena, p.p, p.len);
    const int rc = regcomp(re, text, REG_EXTENDED | REG_NOSUB | (any_case ? REG_ICASE : 0));
    if (rc) {
        char why[128];
        regerror(rc, re, why, sizeof(why));
        return diag_set(c->d, ERR_PARAMETER_VALUE, "invalid regular expression: %s", why);
    }
    return ERR_OK;
}

static enum err regex_rows(struct func_ctx *c, const struct sel *sel, const struct vec *const *args, struct vec *ret,
                           bool any_case, bool negate)
{
    const struct vec *v = args[0], *pv = args[1];
    regex_t re;
    bool ready = false;
    enum err err = ERR_OK;
    for (uint32_t k = 0; k < sel->n && !err; k++) {
        const uint32_t i = sel->idx ? sel->idx[k] : k, iv = v->is_const ? 0 : i, ip = pv->is_const ? 0 : i;
        ret->null[i] = v->null[iv] | pv->null[ip];
        if (ret->null[i])
            continue;
        if (!ready) {
            err = compile_regex(c, pv->v[ip].s, any_case, &re);
            if (err)
                break;
            ready = true;
        }
        const struct str s = v->v[iv].s;
        const char *text = arena_strndup(c->types.arena, s.p, s.len);
        ret->v[i].i = (regexec(&re, text, 0, NULL, 0) == 0) != negate;
        if (!pv->is_const) {
            regfree(&re);
            ready = false;
        }
        if (arena_over_limit(c->types.arena))
            err = diag_set(c->d, ERR_OUT_OF_MEMORY, "out of memory");
    }
    if (ready)
        regfree(&re);
    return err;
}

KERNEL_DECL(regex)
{
    return regex_rows(c, sel, args, ret, false, false);
}

KERNEL_DECL(not_regex)
{
    return regex_rows(c, sel, args, ret, false, true);
}

KERNEL_DECL(iregex)
{
    return regex_rows(c, sel, args, ret, true, false);
}

KERNEL_DECL(not_iregex)
{
    return regex_rows(c, sel, args, ret, true, true);
}
