/*
 * A session's settings: SET, SHOW, RESET, what start-up packets may carry and
 * what is reported to the client. One table describes them all.
 */
#ifndef SQL_LIB_SETTINGS_H
#define SQL_LIB_SETTINGS_H

#include "base/arena.h"
#include "base/diag.h"

enum setting_kind { SET_BOOL, SET_INT, SET_REAL, SET_ENUM, SET_STRING };
enum {
    SET_REPORT = 1, /* ParameterStatus */
    SET_READ_ONLY = 2, /* 55P02: cannot be changed */
    SET_MS = 4, /* unit milliseconds: 5, '5s', '1min' */
    SET_KB = 8, /* unit kilobytes: 4096, '4MB' */
    SET_FIXED = 16, /* only its default is supported: 0A000 */
    SET_LIST = 32, /* several values, joined with ", " */
    SET_NAMES = 64, /* they are names: quoted where they need it */
    SET_RESTART = 128, /* with SET_READ_ONLY: the configuration file has it */
};

/*
 * Only what is used or shown by this product, and what ordinary tools set; the last column is what pg_settings says.
 *   id                        name                                   kind    default          least greatest  enum values      flags
 */
/* clang-format off */
#define SETTINGS(X) \
    X(application_name,        "application_name",                    STRING, "",              0, 0,         NULL,            SET_REPORT, "Sets the application name to be reported in statistics and logs.") \
    X(backslash_quote,         "backslash_quote",                     STRING, "safe_encoding", 0, 0,         NULL,            0, "Sets whether \"\\'\" is allowed in string literals.") \
    X(block_size,              "block_size",                          INT,    "8192",          0, 0,         NULL,            SET_READ_ONLY, "Shows the size of a disk block.") \
    X(bytea_output,            "bytea_output",                        ENUM,   "hex",           0, 0,         "hex,escape",    0, "Sets the output format for bytea.") \
    X(check_function_bodies,   "check_function_bodies",               BOOL,   "on",            0, 0,         NULL,            0, "Check routine bodies during CREATE FUNCTION and CREATE PROCEDURE.") \
    X(client_encoding,         "client_encoding",                     STRING, "UTF8",          0, 0,         NULL,            SET_REPORT, "Sets the client's character set encoding.") \
    X(client_min_messages,     "client_min_messages",                 ENUM,   "notice",        0, 0,         "debug5,debug4,debug3,debug2,debug1,debug,log,info,notice,warning,error", 0, "Sets the message levels that are sent to the client.") \
    X(cluster_name,            "cluster_name",                        STRING, "",              0, 0,         NULL,            SET_READ_ONLY | SET_RESTART, "Sets the name of the cluster, which is included in the process title.") \
    X(data_checksums,          "data_checksums",                      BOOL,   "on",            0, 0,         NULL,            SET_READ_ONLY, "Shows whether data checksums are turned on for this cluster.") \
    X(data_directory,          "data_directory",                      STRING, "",              0, 0,         NULL,            SET_READ_ONLY | SET_RESTART, "Sets the server's data directory.") \
    X(datestyle,               "DateStyle",                           STRING, "ISO, MDY",      0, 0,         NULL,            SET_REPORT | SET_LIST, "Sets the display format for date and time values.") \
    X(deadlock_timeout,        "deadlock_timeout",                    INT,    "1000",          1, INT32_MAX, NULL,            SET_READ_ONLY | SET_MS, "Sets the time to wait on a lock before checking for deadlock.") \
    X(debug_assertions,        "debug_assertions",                    BOOL,   "off",           0, 0,         NULL,            SET_READ_ONLY, "Shows whether the running server has assertion checks enabled.") \
    X(default_table_access_method, "default_table_access_method",     STRING, "heap",          0, 0,         NULL,            SET_FIXED, "Sets the default table access method for new tables.") \
    X(default_tablespace,      "default_tablespace",                  STRING, "",              0, 0,         NULL,            SET_FIXED, "Sets the default tablespace to create tables and indexes in.") \
    X(default_transaction_deferrable, "default_transaction_deferrable", BOOL, "off",           0, 0,         NULL,            0, "Sets the default deferrable status of new transactions.") \
    X(default_transaction_isolation, "default_transaction_isolation", ENUM,   "read committed", 0, 0,        "serializable,repeatable read,read committed,read uncommitted", 0, "Sets the transaction isolation level of each new transaction.") \
    X(default_transaction_read_only, "default_transaction_read_only", BOOL,   "off",           0, 0,         NULL,            SET_REPORT, "Sets the default read-only status of new transactions.") \
    X(enable_hashagg,          "enable_hashagg",                      BOOL,   "on",            0, 0,         NULL,            0, "Enables the planner's use of hashed aggregation plans.") \
    X(enable_hashjoin,         "enable_hashjoin",                     BOOL,   "on",            0, 0,         NULL,            0, "Enables the planner's use of hash join plans.") \
    X(enable_indexscan,        "enable_indexscan",                    BOOL,   "on",            0, 0,         NULL,            0, "Enables the planner's use of index-scan plans.") \
    X(enable_nestloop,         "enable_nestloop",                     BOOL,   "on",            0, 0,         NULL,            0, "Enables the planner's use of nested-loop join plans.") \
    X(enable_seqscan,          "enable_seqscan",                      BOOL,   "on",            0, 0,         NULL,            0, "Enables the planner's use of sequential-scan plans.") \
    X(enable_sort,             "enable_sort",                         BOOL,   "on",            0, 0,         NULL,            0, "Enables the planner's use of explicit sort steps.") \
    X(extra_float_digits,      "extra_float_digits",                  INT,    "1",           -15, 3,         NULL,            0, "Sets the number of digits displayed for floating-point values.") \
    X(idle_in_transaction_session_timeout, "idle_in_transaction_session_timeout", INT, "0",  0, INT32_MAX, NULL,            SET_MS, "Sets the maximum allowed idle time between queries, when in a transaction.") \
    X(in_hot_standby,          "in_hot_standby",                      BOOL,   "off",           0, 0,         NULL,            SET_REPORT | SET_READ_ONLY, "Shows whether hot standby is currently active.") \
    X(integer_datetimes,       "integer_datetimes",                   BOOL,   "on",            0, 0,         NULL,            SET_REPORT | SET_READ_ONLY, "Shows whether datetimes are integer based.") \
    X(intervalstyle,           "IntervalStyle",                       ENUM,   "postgres",      0, 0,         "postgres,postgres_verbose,sql_standard,iso_8601", SET_REPORT, "Sets the display format for interval values.") \
    X(is_superuser,            "is_superuser",                        BOOL,   "on",            0, 0,         NULL,            SET_REPORT | SET_READ_ONLY, "Shows whether the current user is a superuser.") \
    X(jit,                     "jit",                                 BOOL,   "off",           0, 0,         NULL,            SET_FIXED, "Allow JIT compilation.") \
    X(lc_collate,              "lc_collate",                          STRING, "C.UTF-8",       0, 0,         NULL,            SET_READ_ONLY, "Shows the collation order locale.") \
    X(lc_ctype,                "lc_ctype",                            STRING, "C.UTF-8",       0, 0,         NULL,            SET_READ_ONLY, "Shows the character classification and case conversion locale.") \
    X(lc_messages,             "lc_messages",                         STRING, "C.UTF-8",       0, 0,         NULL,            SET_FIXED, "Sets the language in which messages are displayed.") \
    X(lc_monetary,             "lc_monetary",                         STRING, "C.UTF-8",       0, 0,         NULL,            0, "Sets the locale for formatting monetary amounts.") \
    X(lc_numeric,              "lc_numeric",                          STRING, "C.UTF-8",       0, 0,         NULL,            0, "Sets the locale for formatting numbers.") \
    X(lc_time,                 "lc_time",                             STRING, "C.UTF-8",       0, 0,         NULL,            0, "Sets the locale for formatting date and time values.") \
    X(lock_timeout,            "lock_timeout",                        INT,    "0",             0, INT32_MAX, NULL,            SET_MS, "Sets the maximum allowed duration of any wait for a lock.") \
    X(max_connections,         "max_connections",                     INT,    "200",           0, 0,         NULL,            SET_READ_ONLY | SET_RESTART, "Sets the maximum number of concurrent connections.") \
    X(max_identifier_length,   "max_identifier_length",               INT,    "63",            0, 0,         NULL,            SET_READ_ONLY, "Shows the maximum identifier length.") \
    X(max_index_keys,          "max_index_keys",                      INT,    "32",            0, 0,         NULL,            SET_READ_ONLY, "Shows the maximum number of index keys.") \
    X(max_prepared_transactions, "max_prepared_transactions",         INT,    "0",             0, 0,         NULL,            SET_READ_ONLY | SET_RESTART, "Sets the maximum number of simultaneously prepared transactions.") \
    X(parallel_degree,         "parallel_degree",                     INT,    "1",             1, 1,         NULL,            0, "Degree of parallelism of this session's queries; this version runs them on one worker.") \
    X(random_page_cost,        "random_page_cost",                    REAL,   "4",             0, INT32_MAX, NULL,            0, "Sets the planner's estimate of the cost of a nonsequentially fetched disk page.") \
    X(row_security,            "row_security",                        BOOL,   "on",            0, 0,         NULL,            0, "Enable row security.") \
    X(search_path,             "search_path",                         STRING, "\"$user\", public", 0, 0,     NULL,            SET_LIST | SET_NAMES, "Sets the schema search order for names that are not schema-qualified.") \
    X(seq_page_cost,           "seq_page_cost",                       REAL,   "1",             0, INT32_MAX, NULL,            0, "Sets the planner's estimate of the cost of a sequentially fetched disk page.") \
    X(server_encoding,         "server_encoding",                     STRING, "UTF8",          0, 0,         NULL,            SET_REPORT | SET_READ_ONLY, "Shows the server (database) character set encoding.") \
    X(server_version,          "server_version",                      STRING, "15.8 (RustyDB RAC 0.1)", 0, 0, NULL,           SET_REPORT | SET_READ_ONLY, "Shows the server version.") \
    X(server_version_num,      "server_version_num",                  INT,    "150008",        0, 0,         NULL,            SET_READ_ONLY, "Shows the server version as an integer.") \
    X(session_authorization,   "session_authorization",               STRING, "rustydb",       0, 0,         NULL,            SET_REPORT | SET_FIXED, "Sets the session user name.") \
    X(ssl,                     "ssl",                                 BOOL,   "off",           0, 0,         NULL,            SET_READ_ONLY, "Enables SSL connections.") \
    X(standard_conforming_strings, "standard_conforming_strings",     BOOL,   "on",            0, 0,         NULL,            SET_REPORT | SET_FIXED, "Causes '...' strings to treat backslashes literally.") \
    X(statement_timeout,       "statement_timeout",                   INT,    "0",             0, INT32_MAX, NULL,            SET_MS, "Sets the maximum allowed duration of any statement.") \
    X(synchronize_seqscans,    "synchronize_seqscans",                BOOL,   "on",            0, 0,         NULL,            0, "Enable synchronized sequential scans.") \
    X(synchronous_commit,      "synchronous_commit",                  ENUM,   "on",            0, 0,         "local,remote_write,remote_apply,on,off", 0, "Commits are durable on shared storage before they are acknowledged, whatever this says.") \
    X(timezone,                "TimeZone",                            STRING, "UTC",           0, 0,         NULL,            SET_REPORT, "Sets the time zone for displaying and interpreting time stamps.") \
    X(transaction_isolation,   "transaction_isolation",               ENUM,   "read committed", 0, 0,        "serializable,repeatable read,read committed,read uncommitted", 0, "Sets the current transaction's isolation level.") \
    X(transaction_read_only,   "transaction_read_only",               BOOL,   "off",           0, 0,         NULL,            0, "Sets the current transaction's read-only status.") \
    X(work_mem,                "work_mem",                            INT,    "4096",         64, INT32_MAX, NULL,            SET_KB, "Sets the maximum memory to be used for query workspaces.") \
    X(xmloption,               "xmloption",                           ENUM,   "content",       0, 0,         "content,document", 0, "Sets whether XML data is to be considered as documents or content fragments.")
/* clang-format on */

enum setting_id {
#define X(id, name, kind, dflt, least, greatest, values, flags, text) SETTING_##id,
    SETTINGS(X)
#undef X
        SETTINGS_N
};

struct setting {
    const char *name;
    enum setting_kind kind;
    const char *dflt;
    int64_t least, greatest;
    const char *values; /* ENUM: comma-separated */
    unsigned flags;
    const char *text;
};
extern const struct setting setting_table[SETTINGS_N];

/* By name, case-insensitive; -1: unknown. */
int setting_find(const char *name, size_t len);
/* Checks a value and writes its canonical form: "on", "1000", "ISO, MDY". Errors as PostgreSQL's. */
enum err setting_check(enum setting_id id, const char *value, struct arena *arena, const char **ret, struct diag *d) MUST_CHECK;
/* As SHOW prints it: with its unit. */
const char *setting_show(enum setting_id id, const char *value, struct arena *arena);
bool setting_bool(const char *value); /* of a canonical form */
bool setting_parse_bool(const char *s, bool *ret); /* of any form; false: it is none */

#endif
