/*
 * Shared within sql/lib/.
 */
#ifndef SQL_LIB_SESSION_INT_H
#define SQL_LIB_SESSION_INT_H

#include "base/list.h"
#include "catalog/catalog.h"
#include "rt/rt.h"
#include "sql/analyse/analyse.h"
#include "sql/execute/execute.h"
#include "sql/functions/hooks.h"
#include "sql/lib/settings.h"
#include "sql/parse/parse.h"
#include "sql/plan/planner.h"
#include "sql/session.h"
#include "sql/types/timezone.h"
#include "txn/txn.h"

struct sql_engine {
    struct sql_options opt;
    struct fiber *timer; /* cancels statements whose time is up */
    struct rt_mutex lock; /* guards the list below and each session's deadline */
    struct rt_cond changed;
    struct list timed; /* sessions whose statement has a deadline */
    bool stop;
};

/* A parsed statement, with its plan where it has one. */
struct prepared {
    struct list link;
    char *name;
    uint32_t refs; /* the name's, and each portal's */
    struct arena *arena;
    bool owns_arena;
    struct ast *ast;
    const struct ast_stmt *stmt; /* NULL: empty */
    uint16_t nparams;
    oid_t *param_type;
    struct plan *plan; /* SELECT, INSERT, UPDATE, DELETE */
    uint32_t ncols; /* 0: no result set */
    const struct result_column *col;
};

struct portal {
    struct list link;
    char *name;
    struct prepared *prep;
    struct arena *arena;
    union datum *param;
    bool *param_null;
    uint32_t nformats;
    int16_t *formats; /* one a result column */
    struct exec *exec; /* while it is suspended */
    struct snapshot snapshot;
    struct txn_hold *hold;
    bool done;
    uint64_t rows;
};

struct savepoint {
    struct list link;
    char *name;
    struct txn_mark mark;
    uint32_t nchanges; /* of settings */
};

/* A setting's old value, for the transaction's end. */
struct setting_change {
    enum setting_id id;
    char *old;
    bool local; /* SET LOCAL: undone by commit too */
};

struct sequence_value {
    oid_t oid;
    int64_t value;
};

struct session {
    struct sql_engine *engine;
    const struct session_client *client;
    struct fiber *fiber;
    int32_t pid;
    char *user, *database;
    bool reported; /* the client has been told the settings: changes are reported from now on */

    struct func_ctx func; /* template for evaluation; type settings follow the session's settings */
    struct arena *zone_arena;
    struct known_zone *zones; /* read before, last used first: a zone that rows name one by one is read once */
    uint32_t nzones;
    char *value[SETTINGS_N];
    char *reset_value[SETTINGS_N]; /* what RESET goes back to: after start-up */
    struct setting_change *change;
    uint32_t nchanges, changes_cap;

    struct txn *txn; /* NULL: none */
    bool in_block; /* BEGIN */
    bool failed;
    uint32_t stmts; /* statements begun in txn and not ended: EXECUTE and EXPLAIN nest */
    bool read_only;
    uint64_t lock_timeout; /* ns; 0: none */
    struct list savepoints; /* innermost last */

    struct list prepared, portals;
    struct arena *arena; /* present statement */
    const char *query; /* its text; for FACT_QUERY */
    int64_t statement_us;

    struct sequence_value *seq;
    uint32_t nseq;
    oid_t last_seq;

    struct rt_spin spin; /* guards running, canceled */
    bool running;
    bool canceled; /* by a request */
    bool timed_out;
    uint64_t deadline; /* guarded by the engine's lock */
    struct list timed_link;
};

static inline struct catalog *session_catalog(struct session *s) { return s->engine->opt.catalog; }

/* ---- transactions (transaction.c) ---------------------------------------------- */

enum err session__need_txn(struct session *s, struct diag *d) MUST_CHECK;
enum err session__stmt_begin(struct session *s, const struct snapshot **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void session__stmt_end(struct session *s); /* what an error leaves open is ended by session__statement_failed() */
enum err session__commit(struct session *s, struct diag *d) MAY_YIELD MUST_CHECK;
void session__rollback(struct session *s) MAY_YIELD;
void session__statement_failed(struct session *s) MAY_YIELD;
/* BEGIN, COMMIT ...; *ret_tag is the command tag. */
enum err session__transaction(struct session *s, const struct ast_txn *t, const char **ret_tag, struct diag *d) MAY_YIELD MUST_CHECK;
enum err session__set_modes(struct session *s, const struct ast_options *modes, bool of_session, struct diag *d) MUST_CHECK;
void session__default_modes(struct session *s); /* of the next transaction, when there is none */
void session__warning(struct session *s, const char *severity, enum err err, const char *fmt, ...) PRINTF(4, 5);
void session__close_portals(struct session *s);

/* ---- settings (setting_values.c) --------------------------------------------------- */

const char *session__reset_value(const struct session *s, enum setting_id id);
enum err session__set(struct session *s, enum setting_id id, const char *value, bool local, struct diag *d) MAY_YIELD MUST_CHECK;
void session__settings_end(struct session *s, uint32_t keep, bool committed); /* undoes changes from `keep` on */
/* A zone's name, hours east of Greenwich, or a POSIX rule; *ret NULL: UTC. */
enum err session__find_zone(struct session *s, const char *value, const struct timezone **ret, struct diag *d) MAY_YIELD MUST_CHECK;
void session__settings_init(struct session *s);
void session__settings_fini(struct session *s);
enum txn_isolation session__isolation(const char *value);

/* ---- statements (statement.c) -------------------------------------------------------- */

enum err session__prepare(struct session *s, const char *name, struct ast *ast, const struct ast_stmt *stmt, struct arena *arena, bool owns_arena,
                          const oid_t *types, uint32_t ntypes, struct prepared **ret, struct diag *d) MAY_YIELD MUST_CHECK;
struct prepared *session__find_prepared(struct session *s, const char *name); /* NULL: there is none */
void session__prepared_unref(struct session *s, struct prepared *p);
/* Locks the plan's tables; makes it again if a definition has changed. */
enum err session__fresh_plan(struct session *s, struct prepared *p, struct diag *d) MAY_YIELD MUST_CHECK;
struct exec_env session__exec_env(struct session *s, const struct snapshot *snapshot, const union datum *param, const bool *param_null);
struct analyse_env session__analyse_env(struct session *s, struct arena *arena);
struct plan_options session__plan_options(struct session *s);
/* The statement whose result columns this one has: an EXECUTE's are those of the statement that it names now; NULL: there is none of that name. */
const struct prepared *session__described(struct session *s, const struct prepared *p);
/* How a statement is run: with parameters, telling its columns first, its rows in `formats` (NULL: text). */
struct run {
    const union datum *param;
    const bool *param_null;
    bool describe;
    const int16_t *formats;
};
/* Runs a statement to its end; writes the tag. */
enum err session__run(struct session *s, struct prepared *p, const struct run *run, char *tag, size_t tag_size, struct diag *d) MAY_YIELD MUST_CHECK;
bool session__is_query(const struct ast_stmt *stmt); /* has a plan */
void session__tag(const struct ast_stmt *stmt, uint64_t rows, char *tag, size_t tag_size);
enum err session__check_read_only(struct session *s, const char *tag, struct diag *d) MUST_CHECK;
enum err session__check_plan_read_only(struct session *s, const struct plan *plan, const char *tag, struct diag *d) MUST_CHECK;

/* ---- everything else (utility.c, copy.c, hooks.c) --------------------------------------- */

enum err session__utility(struct session *s, struct prepared *p, const struct run *run, char *tag, size_t tag_size, struct diag *d) MAY_YIELD MUST_CHECK;
/* Result columns of SHOW and EXPLAIN; NULL: none. */
const struct result_column *session__utility_columns(struct session *s, const struct ast_stmt *stmt, struct arena *arena);
enum err session__copy(struct session *s, const struct ast *ast, const struct ast_stmt *stmt, uint64_t *ret_rows, struct diag *d) MAY_YIELD MUST_CHECK;
extern const struct func_hooks session__hooks;
extern const struct type_hooks session__type_hooks;

#endif
