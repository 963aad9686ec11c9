/*
 * Every error that the product reports: name, SQLSTATE, what it means.
 */
#ifndef BASE_ERRCODES_H
#define BASE_ERRCODES_H

/* clang-format off */
#define ERR_CODES(X) \
    X(OK,                       "00000", "success") \
    X(FEATURE,                  "0A000", "feature not supported") \
    X(CARDINALITY,              "21000", "cardinality violation") \
    X(STRING_TRUNCATION,        "22001", "string data right truncation") \
    X(NUMERIC_RANGE,            "22003", "numeric value out of range") \
    X(NULL_NOT_ALLOWED,         "22004", "null value not allowed") \
    X(DATETIME_FORMAT,          "22007", "invalid datetime format") \
    X(DATETIME_OVERFLOW,        "22008", "datetime field overflow") \
    X(TIMEZONE,                 "22009", "invalid time zone displacement value") \
    X(SUBSTRING,                "22011", "substring error") \
    X(DIVISION_BY_ZERO,         "22012", "division by zero") \
    X(SEQUENCE_LIMIT,           "2200H", "sequence generator limit exceeded") \
    X(LOG_ARGUMENT,             "2201E", "invalid argument for logarithm") \
    X(POWER_ARGUMENT,           "2201F", "invalid argument for power function") \
    X(LIMIT_VALUE,              "2201W", "invalid row count in limit clause") \
    X(OFFSET_VALUE,             "2201X", "invalid row count in result offset clause") \
    X(CHARACTER,                "22021", "character not in repertoire") \
    X(PARAMETER_VALUE,          "22023", "invalid parameter value") \
    X(ESCAPE_SEQUENCE,          "22025", "invalid escape sequence") \
    X(TEXT_REPRESENTATION,      "22P02", "invalid text representation") \
    X(BINARY_REPRESENTATION,    "22P03", "invalid binary representation") \
    X(BAD_COPY_FORMAT,          "22P04", "bad copy file format") \
    X(UNTRANSLATABLE,           "22P05", "untranslatable character") \
    X(INTEGRITY,                "23000", "integrity constraint violation") \
    X(NOT_NULL,                 "23502", "not null violation") \
    X(FOREIGN_KEY,              "23503", "foreign key violation") \
    X(UNIQUE,                   "23505", "unique violation") \
    X(CHECK,                    "23514", "check violation") \
    X(CURSOR_STATE,             "24000", "invalid cursor state") \
    X(TXN_STATE,                "25000", "invalid transaction state") \
    X(TXN_ACTIVE,               "25001", "active sql transaction") \
    X(READ_ONLY,                "25006", "read only sql transaction") \
    X(NO_TXN,                   "25P01", "no active sql transaction") \
    X(TXN_FAILED,               "25P02", "in failed sql transaction") \
    X(STATEMENT_NAME,           "26000", "invalid sql statement name") \
    X(AUTHORIZATION,            "28000", "invalid authorization specification") \
    X(PASSWORD,                 "28P01", "invalid password") \
    X(CATALOG_NAME,             "3D000", "invalid catalog name") \
    X(CURSOR_NAME,              "34000", "invalid cursor name") \
    X(SAVEPOINT,                "3B001", "invalid savepoint specification") \
    X(SCHEMA_NAME,              "3F000", "invalid schema name") \
    X(SERIALIZATION,            "40001", "serialization failure") \
    X(DEADLOCK,                 "40P01", "deadlock detected") \
    X(SYNTAX,                   "42601", "syntax error") \
    X(PRIVILEGE,                "42501", "insufficient privilege") \
    X(CANNOT_COERCE,            "42846", "cannot coerce") \
    X(GROUPING,                 "42803", "grouping error") \
    X(DATATYPE_MISMATCH,        "42804", "datatype mismatch") \
    X(INDETERMINATE_TYPE,       "42P18", "indeterminate datatype") \
    X(WRONG_OBJECT_TYPE,        "42809", "wrong object type") \
    X(UNDEFINED_COLUMN,         "42703", "undefined column") \
    X(UNDEFINED_FUNCTION,       "42883", "undefined function") \
    X(UNDEFINED_TABLE,          "42P01", "undefined table") \
    X(UNDEFINED_PARAMETER,      "42P02", "undefined parameter") \
    X(UNDEFINED_OBJECT,         "42704", "undefined object") \
    X(DUPLICATE_COLUMN,         "42701", "duplicate column") \
    X(DUPLICATE_CURSOR,         "42P03", "duplicate cursor") \
    X(DUPLICATE_STATEMENT,      "42P05", "duplicate prepared statement") \
    X(DUPLICATE_SCHEMA,         "42P06", "duplicate schema") \
    X(DUPLICATE_TABLE,          "42P07", "duplicate table") \
    X(DUPLICATE_ALIAS,          "42712", "duplicate alias") \
    X(DUPLICATE_OBJECT,         "42710", "duplicate object") \
    X(AMBIGUOUS_COLUMN,         "42702", "ambiguous column") \
    X(AMBIGUOUS_FUNCTION,       "42725", "ambiguous function") \
    X(AMBIGUOUS_PARAMETER,      "42P08", "ambiguous parameter") \
    X(COLUMN_REFERENCE,         "42P10", "invalid column reference") \
    X(COLUMN_DEFINITION,        "42611", "invalid column definition") \
    X(TABLE_DEFINITION,         "42P16", "invalid table definition") \
    X(OBJECT_DEFINITION,        "42P17", "invalid object definition") \
    X(NAME_TOO_LONG,            "42622", "name too long") \
    X(RESERVED_NAME,            "42939", "reserved name") \
    X(RESOURCES,                "53000", "insufficient resources") \
    X(DISK_FULL,                "53100", "disk full") \
    X(OUT_OF_MEMORY,            "53200", "out of memory") \
    X(TOO_MANY_CONNECTIONS,     "53300", "too many connections") \
    X(CONFIG_LIMIT,             "53400", "configuration limit exceeded") \
    X(LIMIT,                    "54000", "program limit exceeded") \
    X(STATEMENT_COMPLEX,        "54001", "statement too complex") \
    X(TOO_MANY_COLUMNS,         "54011", "too many columns") \
    X(TOO_MANY_ARGUMENTS,       "54023", "too many arguments") \
    X(OBJECT_STATE,             "55000", "object not in prerequisite state") \
    X(OBJECT_IN_USE,            "55006", "object in use") \
    X(CANT_CHANGE_PARAM,        "55P02", "cannot change runtime parameter") \
    X(LOCK_NOT_AVAILABLE,       "55P03", "lock not available") \
    X(DEPENDENT_OBJECTS,        "2BP01", "dependent objects still exist") \
    X(CANCELED,                 "57014", "query canceled") \
    X(IDLE_IN_TXN_TIMEOUT,      "25P03", "idle in transaction session timeout") \
    X(ADMIN_SHUTDOWN,           "57P01", "admin shutdown") \
    X(CRASH_SHUTDOWN,           "57P02", "crash shutdown") \
    X(CANNOT_CONNECT_NOW,       "57P03", "cannot connect now") \
    X(IO,                       "58030", "io error") \
    X(UNDEFINED_FILE,           "58P01", "undefined file") \
    X(SNAPSHOT_TOO_OLD,         "72000", "snapshot too old") \
    X(CONFIG_FILE,              "F0000", "config file error") \
    X(LOCK_FILE,                "F0001", "lock file exists") \
    X(CONNECTION,               "08000", "connection exception") \
    X(CONNECTION_FAILURE,       "08006", "connection failure") \
    X(TXN_UNKNOWN,              "08007", "transaction resolution unknown") \
    X(PROTOCOL,                 "08P01", "protocol violation") \
    X(CONN_REJECTED,            "08004", "sqlserver rejected establishment of sqlconnection") \
    X(INTERNAL,                 "XX000", "internal error") \
    X(CORRUPT,                  "XX001", "data corrupted") \
    X(INDEX_CORRUPT,            "XX002", "index corrupted") \
    /* within the product; they reach a client only through a bug */ \
    X(AGAIN,                    "XX000", "state changed, look again") \
    X(NOT_FOUND,                "XX000", "not found") \
    X(TIMED_OUT,                "XX000", "timed out") \
    X(CLOSED,                   "XX000", "closed") \
    X(STALE_EPOCH,              "XX000", "the membership view has changed")
/* clang-format on */

enum err {
#define X(name, sqlstate, text) ERR_##name,
    ERR_CODES(X)
#undef X
};

#endif
