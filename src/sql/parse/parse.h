/*
 * SQL text to syntax tree, with PostgreSQL 15's own grammar (libpg_query).
 *
 * Works from any worker thread; the calling fiber needs no large stack. The
 * one file that sees PostgreSQL's node structs is convert.c.
 */
#ifndef SQL_PARSE_PARSE_H
#define SQL_PARSE_PARSE_H

#include "sql/ast.h"

#define SQL_TEXT_MAX (64u << 20) /* bytes; longer is 54000 */
#define SQL_NESTING_MAX 2500 /* levels of expressions and sub-queries; deeper is 54001 */
#define SQL_LIST_MAX 65535 /* parameters; PostgreSQL's limit */

/* The statements of a text, copied into the arena. ERR_SYNTAX with PostgreSQL's message and position. */
enum err sql_parse(struct arena *arena, const char *sql, size_t len, struct ast **ret, struct diag *d) MUST_CHECK;
/* One expression: defaults and check constraints, which the catalogue keeps as text. */
enum err sql_parse_expr(struct arena *arena, const char *sql, size_t len, struct ast_expr **ret, struct diag *d) MUST_CHECK;

#endif
