/*
 * What the files of this folder share: the state of one conversion from
 * PostgreSQL's raw tree to ours. Only they see PostgreSQL's headers, which
 * redefine printf and friends: ours come first.
 *
 * A failure leaves by a jump to sql_parse(): the arena and the parser's
 * memory context are all that was allocated.
 */
#ifndef SQL_PARSE_CONVERT_H
#define SQL_PARSE_CONVERT_H

#include <setjmp.h>

#include "sql/parse/parse.h"

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

struct conv {
    struct arena *arena;
    const char *text;
    size_t len;
    struct diag *d;
    uint32_t depth;
    uint32_t nparams;
    jmp_buf out;
};

/* Reports what c->d says. */
NORETURN void conv__fail(struct conv *c);
NORETURN void conv__unsupported(struct conv *c, const char *what, int location);
void conv__enter(struct conv *c); /* one level deeper: 54001 beyond the limit */
static inline void conv__leave(struct conv *c) { c->depth--; }

const char *conv__str(struct conv *c, const char *s); /* copy; NULL stays NULL */
struct ast_names conv__names(struct conv *c, const List *l); /* of String nodes */
struct ast_range conv__range(struct conv *c, const RangeVar *r);
struct ast_range conv__qualified(struct conv *c, const List *names, int location); /* list of String nodes */
struct ast_type conv__type(struct conv *c, const TypeName *t);
struct ast_expr *conv__expr(struct conv *c, const Node *n); /* NULL stays NULL */
struct ast_exprs conv__exprs(struct conv *c, const List *l);
struct ast_select *conv__select(struct conv *c, const SelectStmt *s);
void conv__stmt(struct conv *c, const Node *n, struct ast_stmt *ret); /* all but location and len */
struct ast_stmt *conv__substmt(struct conv *c, const Node *n); /* a statement within another */
bool conv__query(struct conv *c, const Node *n, struct ast_stmt *ret); /* SELECT, INSERT, UPDATE, DELETE; false: something else */
void conv__utility(struct conv *c, const Node *n, struct ast_stmt *ret); /* everything else */

#define CONV_ARRAY(c, type, n) ARENA_ARRAY((c)->arena, type, (n) > 0 ? (n) : 1)

#endif
