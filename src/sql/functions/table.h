/*
 * The functions and operators, as tables: PostgreSQL 15's oids and facts, and
 * the kernel (fn__<kernel>, in fn_*.c) that computes each.
 */
#ifndef SQL_FUNCTIONS_TABLE_H
#define SQL_FUNCTIONS_TABLE_H

#include "sql/functions/func.h"

/* clang-format off */
/* oid, name, result, strict, volatility, flags, kernel, number of arguments, their types */
#define FUNCTIONS(X) \
    X(1394, "abs", FLOAT4, true, IMMUTABLE, FLAG_NONE, float_abs, 1, TYPE_FLOAT4) \
    X(1395, "abs", FLOAT8, true, IMMUTABLE, FLAG_NONE, float_abs, 1, TYPE_FLOAT8) \
    X(1396, "abs", INT8, true, IMMUTABLE, FLAG_NONE, int8_abs, 1, TYPE_INT8) \
    X(1397, "abs", INT4, true, IMMUTABLE, FLAG_NONE, int4_abs, 1, TYPE_INT4) \
    X(1398, "abs", INT2, true, IMMUTABLE, FLAG_NONE, int2_abs, 1, TYPE_INT2) \
    X(1705, "abs", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_abs, 1, TYPE_NUMERIC) \
    X(1601, "acos", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_acos, 1, TYPE_FLOAT8) \
    X(395, "array_to_string", TEXT, true, STABLE, FLAG_NONE, array_to_string, 2, TYPE_TEXT, TYPE_TEXT) \
    X(384, "array_to_string", TEXT, false, STABLE, FLAG_NONE, array_to_string_null, 3, TYPE_TEXT, TYPE_TEXT, TYPE_TEXT) \
    X(1620, "ascii", INT4, true, IMMUTABLE, FLAG_NONE, ascii, 1, TYPE_TEXT) \
    X(1600, "asin", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_asin, 1, TYPE_FLOAT8) \
    X(1602, "atan", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_atan, 1, TYPE_FLOAT8) \
    X(1603, "atan2", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_atan2, 2, TYPE_FLOAT8, TYPE_FLOAT8) \
    X(1811, "bit_length", INT4, true, IMMUTABLE, FLAG_NONE, bit_length, 1, TYPE_TEXT) \
    X(884, "btrim", TEXT, true, IMMUTABLE, FLAG_NONE, btrim, 2, TYPE_TEXT, TYPE_TEXT) \
    X(885, "btrim", TEXT, true, IMMUTABLE, FLAG_NONE, btrim_blank, 1, TYPE_TEXT) \
    X(1345, "cbrt", FLOAT8, true, IMMUTABLE, FLAG_NONE, cbrt, 1, TYPE_FLOAT8) \
    X(1711, "ceil", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_ceil, 1, TYPE_NUMERIC) \
    X(2308, "ceil", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_ceil, 1, TYPE_FLOAT8) \
    X(2167, "ceiling", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_ceil, 1, TYPE_NUMERIC) \
    X(2320, "ceiling", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_ceil, 1, TYPE_FLOAT8) \
    X(1372, "char_length", INT4, true, IMMUTABLE, FLAG_NONE, bpchar_length, 1, TYPE_BPCHAR) \
    X(1381, "char_length", INT4, true, IMMUTABLE, FLAG_NONE, text_length, 1, TYPE_TEXT) \
    X(1367, "character_length", INT4, true, IMMUTABLE, FLAG_NONE, bpchar_length, 1, TYPE_BPCHAR) \
    X(1369, "character_length", INT4, true, IMMUTABLE, FLAG_NONE, text_length, 1, TYPE_TEXT) \
    X(1621, "chr", TEXT, true, IMMUTABLE, FLAG_NONE, chr, 1, TYPE_INT4) \
    X(2649, "clock_timestamp", TIMESTAMPTZ, true, VOLATILE, FLAG_NONE, clock_timestamp, 0, 0) \
    X(1216, "col_description", TEXT, true, STABLE, FLAG_NONE, col_description, 2, TYPE_OID, TYPE_INT4) \
    X(3058, "concat", TEXT, false, STABLE, FLAG_VARIADIC | FLAG_ARG_TYPES, concat, 0, 0) \
    X(3059, "concat_ws", TEXT, false, STABLE, FLAG_VARIADIC | FLAG_ARG_TYPES, concat_ws, 1, TYPE_TEXT) \
    X(1605, "cos", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_cos, 1, TYPE_FLOAT8) \
    X(2463, "cosh", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_cosh, 1, TYPE_FLOAT8) \
    X(1607, "cot", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_cot, 1, TYPE_FLOAT8) \
    X(861, "current_database", NAME, true, STABLE, FLAG_NONE, current_database, 0, 0) \
    X(817, "current_query", TEXT, false, VOLATILE, FLAG_NONE, current_query, 0, 0) \
    X(1402, "current_schema", NAME, true, STABLE, FLAG_NONE, current_schema, 0, 0) \
    X(2077, "current_setting", TEXT, true, STABLE, FLAG_NONE, current_setting, 1, TYPE_TEXT) \
    X(3294, "current_setting", TEXT, true, STABLE, FLAG_NONE, current_setting_missing_ok, 2, TYPE_TEXT, TYPE_BOOL) \
    X(745, "current_user", NAME, true, STABLE, FLAG_NONE, current_user, 0, 0) \
    X(1575, "currval", INT8, true, VOLATILE, FLAG_NONE, currval, 1, TYPE_REGCLASS) \
    X(1171, "date_part", FLOAT8, true, STABLE, FLAG_NONE, date_part_timestamptz, 2, TYPE_TEXT, TYPE_TIMESTAMPTZ) \
    X(1384, "date_part", FLOAT8, true, IMMUTABLE, FLAG_NONE, date_part_date, 2, TYPE_TEXT, TYPE_DATE) \
    X(2021, "date_part", FLOAT8, true, IMMUTABLE, FLAG_NONE, date_part_timestamp, 2, TYPE_TEXT, TYPE_TIMESTAMP) \
    X(1217, "date_trunc", TIMESTAMPTZ, true, STABLE, FLAG_NONE, date_trunc_timestamptz, 2, TYPE_TEXT, TYPE_TIMESTAMPTZ) \
    X(1284, "date_trunc", TIMESTAMPTZ, true, STABLE, FLAG_NONE, date_trunc_zone, 3, TYPE_TEXT, TYPE_TIMESTAMPTZ, TYPE_TEXT) \
    X(2020, "date_trunc", TIMESTAMP, true, IMMUTABLE, FLAG_NONE, date_trunc_timestamp, 2, TYPE_TEXT, TYPE_TIMESTAMP) \
    X(1608, "degrees", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_degrees, 1, TYPE_FLOAT8) \
    X(1973, "div", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_div_trunc, 2, TYPE_NUMERIC, TYPE_NUMERIC) \
    X(1347, "exp", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_exp, 1, TYPE_FLOAT8) \
    X(1732, "exp", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_exp, 1, TYPE_NUMERIC) \
    X(6199, "extract", NUMERIC, true, IMMUTABLE, FLAG_NONE, extract_date, 2, TYPE_TEXT, TYPE_DATE) \
    X(6202, "extract", NUMERIC, true, IMMUTABLE, FLAG_NONE, extract_timestamp, 2, TYPE_TEXT, TYPE_TIMESTAMP) \
    X(6203, "extract", NUMERIC, true, STABLE, FLAG_NONE, extract_timestamptz, 2, TYPE_TEXT, TYPE_TIMESTAMPTZ) \
    X(1376, "factorial", NUMERIC, true, IMMUTABLE, FLAG_NONE, factorial, 1, TYPE_INT8) \
    X(1712, "floor", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_floor, 1, TYPE_NUMERIC) \
    X(2309, "floor", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_floor, 1, TYPE_FLOAT8) \
    X(1081, "format_type", TEXT, false, STABLE, FLAG_NONE, format_type, 2, TYPE_OID, TYPE_INT4) \
    X(3281, "scale", INT4, true, IMMUTABLE, FLAG_NONE, numeric_scale, 1, TYPE_NUMERIC) \
    X(5044, "gcd", INT4, true, IMMUTABLE, FLAG_NONE, int4_gcd, 2, TYPE_INT4, TYPE_INT4) \
    X(5045, "gcd", INT8, true, IMMUTABLE, FLAG_NONE, int8_gcd, 2, TYPE_INT8, TYPE_INT8) \
    X(1039, "getdatabaseencoding", NAME, true, STABLE, FLAG_NONE, encoding_name, 0, 0) \
    X(710, "getpgusername", NAME, true, STABLE, FLAG_NONE, current_user, 0, 0) \
    X(872, "initcap", TEXT, true, IMMUTABLE, FLAG_NONE, initcap, 1, TYPE_TEXT) \
    X(1373, "isfinite", BOOL, true, IMMUTABLE, FLAG_NONE, isfinite_date, 1, TYPE_DATE) \
    X(1389, "isfinite", BOOL, true, IMMUTABLE, FLAG_NONE, isfinite_timestamp, 1, TYPE_TIMESTAMPTZ) \
    X(2048, "isfinite", BOOL, true, IMMUTABLE, FLAG_NONE, isfinite_timestamp, 1, TYPE_TIMESTAMP) \
    X(2559, "lastval", INT8, true, VOLATILE, FLAG_NONE, lastval, 0, 0) \
    X(5046, "lcm", INT4, true, IMMUTABLE, FLAG_NONE, int4_lcm, 2, TYPE_INT4, TYPE_INT4) \
    X(5047, "lcm", INT8, true, IMMUTABLE, FLAG_NONE, int8_lcm, 2, TYPE_INT8, TYPE_INT8) \
    X(3060, "left", TEXT, true, IMMUTABLE, FLAG_NONE, left, 2, TYPE_TEXT, TYPE_INT4) \
    X(1317, "length", INT4, true, IMMUTABLE, FLAG_NONE, text_length, 1, TYPE_TEXT) \
    X(1318, "length", INT4, true, IMMUTABLE, FLAG_NONE, bpchar_length, 1, TYPE_BPCHAR) \
    X(1569, "like", BOOL, true, IMMUTABLE, FLAG_NONE, like, 2, TYPE_TEXT, TYPE_TEXT) \
    X(1637, "like_escape", TEXT, true, IMMUTABLE, FLAG_NONE, like_escape, 2, TYPE_TEXT, TYPE_TEXT) \
    X(1341, "ln", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_ln, 1, TYPE_FLOAT8) \
    X(1734, "ln", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_ln, 1, TYPE_NUMERIC) \
    X(1340, "log", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_log10, 1, TYPE_FLOAT8) \
    X(1736, "log", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_log, 2, TYPE_NUMERIC, TYPE_NUMERIC) \
    X(1741, "log", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_log10, 1, TYPE_NUMERIC) \
    X(1194, "log10", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_log10, 1, TYPE_FLOAT8) \
    X(1481, "log10", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_log10, 1, TYPE_NUMERIC) \
    X(870, "lower", TEXT, true, IMMUTABLE, FLAG_NONE, lower, 1, TYPE_TEXT) \
    X(873, "lpad", TEXT, true, IMMUTABLE, FLAG_NONE, lpad, 3, TYPE_TEXT, TYPE_INT4, TYPE_TEXT) \
    X(879, "lpad", TEXT, true, IMMUTABLE, FLAG_NONE, lpad_blank, 2, TYPE_TEXT, TYPE_INT4) \
    X(875, "ltrim", TEXT, true, IMMUTABLE, FLAG_NONE, ltrim, 2, TYPE_TEXT, TYPE_TEXT) \
    X(881, "ltrim", TEXT, true, IMMUTABLE, FLAG_NONE, ltrim_blank, 1, TYPE_TEXT) \
    X(3846, "make_date", DATE, true, IMMUTABLE, FLAG_NONE, make_date, 3, TYPE_INT4, TYPE_INT4, TYPE_INT4) \
    X(3461, "make_timestamp", TIMESTAMP, true, IMMUTABLE, FLAG_NONE, make_timestamp, 6, TYPE_INT4, TYPE_INT4, TYPE_INT4, TYPE_INT4, TYPE_INT4, TYPE_FLOAT8) \
    X(3462, "make_timestamptz", TIMESTAMPTZ, true, STABLE, FLAG_NONE, make_timestamptz, 6, TYPE_INT4, TYPE_INT4, TYPE_INT4, TYPE_INT4, TYPE_INT4, TYPE_FLOAT8) \
    X(2311, "md5", TEXT, true, IMMUTABLE, FLAG_NONE, md5, 1, TYPE_TEXT) \
    X(940, "mod", INT2, true, IMMUTABLE, FLAG_NONE, int2_mod, 2, TYPE_INT2, TYPE_INT2) \
    X(941, "mod", INT4, true, IMMUTABLE, FLAG_NONE, int4_mod, 2, TYPE_INT4, TYPE_INT4) \
    X(947, "mod", INT8, true, IMMUTABLE, FLAG_NONE, int8_mod, 2, TYPE_INT8, TYPE_INT8) \
    X(1728, "mod", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_mod, 2, TYPE_NUMERIC, TYPE_NUMERIC) \
    X(1574, "nextval", INT8, true, VOLATILE, FLAG_NONE, nextval, 1, TYPE_REGCLASS) \
    X(1570, "notlike", BOOL, true, IMMUTABLE, FLAG_NONE, not_like, 2, TYPE_TEXT, TYPE_TEXT) \
    X(1299, "now", TIMESTAMPTZ, true, STABLE, FLAG_NONE, now, 0, 0) \
    X(440, "num_nonnulls", INT4, false, IMMUTABLE, FLAG_VARIADIC | FLAG_ARG_TYPES, num_nonnulls, 0, 0) \
    X(438, "num_nulls", INT4, false, IMMUTABLE, FLAG_VARIADIC | FLAG_ARG_TYPES, num_nulls, 0, 0) \
    X(1215, "obj_description", TEXT, true, STABLE, FLAG_NONE, obj_description, 2, TYPE_OID, TYPE_NAME) \
    X(1374, "octet_length", INT4, true, IMMUTABLE, FLAG_NONE, octet_length, 1, TYPE_TEXT) \
    X(1375, "octet_length", INT4, true, IMMUTABLE, FLAG_NONE, octet_length, 1, TYPE_BPCHAR) \
    X(1404, "overlay", TEXT, true, IMMUTABLE, FLAG_NONE, overlay_len, 4, TYPE_TEXT, TYPE_TEXT, TYPE_INT4, TYPE_INT4) \
    X(1405, "overlay", TEXT, true, IMMUTABLE, FLAG_NONE, overlay, 3, TYPE_TEXT, TYPE_TEXT, TYPE_INT4) \
    X(2026, "pg_backend_pid", INT4, true, STABLE, FLAG_NONE, backend_pid, 0, 0) \
    X(810, "pg_client_encoding", NAME, true, STABLE, FLAG_NONE, encoding_name, 0, 0) \
    X(1597, "pg_encoding_to_char", NAME, true, STABLE, FLAG_NONE, encoding_to_char, 1, TYPE_INT4) \
    X(1387, "pg_get_constraintdef", TEXT, true, STABLE, FLAG_NONE, get_constraintdef, 1, TYPE_OID) \
    X(2508, "pg_get_constraintdef", TEXT, true, STABLE, FLAG_NONE, get_constraintdef_pretty, 2, TYPE_OID, TYPE_BOOL) \
    X(1643, "pg_get_indexdef", TEXT, true, STABLE, FLAG_NONE, get_indexdef, 1, TYPE_OID) \
    X(2507, "pg_get_indexdef", TEXT, true, STABLE, FLAG_NONE, get_indexdef_column, 3, TYPE_OID, TYPE_INT4, TYPE_BOOL) \
    X(1642, "pg_get_userbyid", NAME, true, STABLE, FLAG_NONE, get_userbyid, 1, TYPE_OID) \
    X(2998, "pg_indexes_size", INT8, true, VOLATILE, FLAG_NONE, indexes_size, 1, TYPE_REGCLASS) \
    X(3810, "pg_is_in_recovery", BOOL, true, VOLATILE, FLAG_NONE, in_recovery, 0, 0) \
    X(2560, "pg_postmaster_start_time", TIMESTAMPTZ, true, STABLE, FLAG_NONE, start_time, 0, 0) \
    X(2325, "pg_relation_size", INT8, true, VOLATILE, FLAG_NONE, relation_size, 1, TYPE_REGCLASS) \
    X(2288, "pg_size_pretty", TEXT, true, IMMUTABLE, FLAG_NONE, size_pretty, 1, TYPE_INT8) \
    X(2626, "pg_sleep", VOID, true, VOLATILE, FLAG_NONE, pg_sleep, 1, TYPE_FLOAT8) \
    X(2079, "pg_table_is_visible", BOOL, true, STABLE, FLAG_NONE, table_is_visible, 1, TYPE_OID) \
    X(2997, "pg_table_size", INT8, true, VOLATILE, FLAG_NONE, relation_size, 1, TYPE_REGCLASS) \
    X(2286, "pg_total_relation_size", INT8, true, VOLATILE, FLAG_NONE, total_relation_size, 1, TYPE_REGCLASS) \
    X(1610, "pi", FLOAT8, true, IMMUTABLE, FLAG_NONE, pi, 0, 0) \
    X(849, "position", INT4, true, IMMUTABLE, FLAG_NONE, strpos, 2, TYPE_TEXT, TYPE_TEXT) \
    X(1346, "pow", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_power, 2, TYPE_FLOAT8, TYPE_FLOAT8) \
    X(1738, "pow", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_power, 2, TYPE_NUMERIC, TYPE_NUMERIC) \
    X(1368, "power", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_power, 2, TYPE_FLOAT8, TYPE_FLOAT8) \
    X(2169, "power", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_power, 2, TYPE_NUMERIC, TYPE_NUMERIC) \
    X(1282, "quote_ident", TEXT, true, IMMUTABLE, FLAG_NONE, quote_ident, 1, TYPE_TEXT) \
    X(1283, "quote_literal", TEXT, true, IMMUTABLE, FLAG_NONE, quote_literal, 1, TYPE_TEXT) \
    X(1285, "quote_literal", TEXT, true, STABLE, FLAG_ARG_TYPES, quote_literal, 1, TYPE_ANYELEMENT) \
    X(1289, "quote_nullable", TEXT, false, IMMUTABLE, FLAG_NONE, quote_nullable, 1, TYPE_TEXT) \
    X(1290, "quote_nullable", TEXT, false, STABLE, FLAG_ARG_TYPES, quote_nullable, 1, TYPE_ANYELEMENT) \
    X(1609, "radians", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_radians, 1, TYPE_FLOAT8) \
    X(1598, "random", FLOAT8, true, VOLATILE, FLAG_NONE, random, 0, 0) \
    X(1622, "repeat", TEXT, true, IMMUTABLE, FLAG_NONE, repeat, 2, TYPE_TEXT, TYPE_INT4) \
    X(2087, "replace", TEXT, true, IMMUTABLE, FLAG_NONE, replace, 3, TYPE_TEXT, TYPE_TEXT, TYPE_TEXT) \
    X(3062, "reverse", TEXT, true, IMMUTABLE, FLAG_NONE, reverse, 1, TYPE_TEXT) \
    X(3061, "right", TEXT, true, IMMUTABLE, FLAG_NONE, right, 2, TYPE_TEXT, TYPE_INT4) \
    X(1342, "round", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_round, 1, TYPE_FLOAT8) \
    X(1707, "round", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_round_to, 2, TYPE_NUMERIC, TYPE_INT4) \
    X(1708, "round", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_round, 1, TYPE_NUMERIC) \
    X(874, "rpad", TEXT, true, IMMUTABLE, FLAG_NONE, rpad, 3, TYPE_TEXT, TYPE_INT4, TYPE_TEXT) \
    X(880, "rpad", TEXT, true, IMMUTABLE, FLAG_NONE, rpad_blank, 2, TYPE_TEXT, TYPE_INT4) \
    X(876, "rtrim", TEXT, true, IMMUTABLE, FLAG_NONE, rtrim, 2, TYPE_TEXT, TYPE_TEXT) \
    X(882, "rtrim", TEXT, true, IMMUTABLE, FLAG_NONE, rtrim_blank, 1, TYPE_TEXT) \
    X(9201, "rustydb_array_element", TEXT, false, STABLE, FLAG_ARG_TYPES, array_element, 1, TYPE_ANYELEMENT) \
    X(9200, "rustydb_stop_node", BOOL, true, VOLATILE, FLAG_NONE, stop_node, 1, TYPE_TEXT) \
    X(746, "session_user", NAME, true, STABLE, FLAG_NONE, session_user, 0, 0) \
    X(2078, "set_config", TEXT, false, VOLATILE, FLAG_NONE, set_config, 3, TYPE_TEXT, TYPE_TEXT, TYPE_BOOL) \
    X(1599, "setseed", VOID, true, VOLATILE, FLAG_NONE, setseed, 1, TYPE_FLOAT8) \
    X(1576, "setval", INT8, true, VOLATILE, FLAG_NONE, setval, 2, TYPE_REGCLASS, TYPE_INT8) \
    X(1765, "setval", INT8, true, VOLATILE, FLAG_NONE, setval_called, 3, TYPE_REGCLASS, TYPE_INT8, TYPE_BOOL) \
    X(1993, "shobj_description", TEXT, true, STABLE, FLAG_NONE, obj_description, 2, TYPE_OID, TYPE_NAME) \
    X(1706, "sign", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_sign, 1, TYPE_NUMERIC) \
    X(2310, "sign", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_sign, 1, TYPE_FLOAT8) \
    X(1604, "sin", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_sin, 1, TYPE_FLOAT8) \
    X(2462, "sinh", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_sinh, 1, TYPE_FLOAT8) \
    X(2088, "split_part", TEXT, true, IMMUTABLE, FLAG_NONE, split_part, 3, TYPE_TEXT, TYPE_TEXT, TYPE_INT4) \
    X(1344, "sqrt", FLOAT8, true, IMMUTABLE, FLAG_NONE, sqrt_float8, 1, TYPE_FLOAT8) \
    X(1730, "sqrt", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_sqrt, 1, TYPE_NUMERIC) \
    X(2648, "statement_timestamp", TIMESTAMPTZ, true, STABLE, FLAG_NONE, statement_timestamp, 0, 0) \
    X(868, "strpos", INT4, true, IMMUTABLE, FLAG_NONE, strpos, 2, TYPE_TEXT, TYPE_TEXT) \
    X(877, "substr", TEXT, true, IMMUTABLE, FLAG_NONE, substr_len, 3, TYPE_TEXT, TYPE_INT4, TYPE_INT4) \
    X(883, "substr", TEXT, true, IMMUTABLE, FLAG_NONE, substr, 2, TYPE_TEXT, TYPE_INT4) \
    X(936, "substring", TEXT, true, IMMUTABLE, FLAG_NONE, substr_len, 3, TYPE_TEXT, TYPE_INT4, TYPE_INT4) \
    X(937, "substring", TEXT, true, IMMUTABLE, FLAG_NONE, substr, 2, TYPE_TEXT, TYPE_INT4) \
    X(1606, "tan", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_tan, 1, TYPE_FLOAT8) \
    X(2464, "tanh", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_tanh, 1, TYPE_FLOAT8) \
    X(1159, "timezone", TIMESTAMP, true, IMMUTABLE, FLAG_NONE, timezone_of_timestamptz, 2, TYPE_TEXT, TYPE_TIMESTAMPTZ) \
    X(2069, "timezone", TIMESTAMPTZ, true, IMMUTABLE, FLAG_NONE, timezone_of_timestamp, 2, TYPE_TEXT, TYPE_TIMESTAMP) \
    X(1770, "to_char", TEXT, true, STABLE, FLAG_NONE, to_char_timestamptz, 2, TYPE_TIMESTAMPTZ, TYPE_TEXT) \
    X(2049, "to_char", TEXT, true, STABLE, FLAG_NONE, to_char_timestamp, 2, TYPE_TIMESTAMP, TYPE_TEXT) \
    X(2089, "to_hex", TEXT, true, IMMUTABLE, FLAG_NONE, to_hex_int4, 1, TYPE_INT4) \
    X(2090, "to_hex", TEXT, true, IMMUTABLE, FLAG_NONE, to_hex_int8, 1, TYPE_INT8) \
    X(3495, "to_regclass", REGCLASS, true, STABLE, FLAG_NONE, to_regclass, 1, TYPE_TEXT) \
    X(1158, "to_timestamp", TIMESTAMPTZ, true, IMMUTABLE, FLAG_NONE, to_timestamp, 1, TYPE_FLOAT8) \
    X(2647, "transaction_timestamp", TIMESTAMPTZ, true, STABLE, FLAG_NONE, now, 0, 0) \
    X(878, "translate", TEXT, true, IMMUTABLE, FLAG_NONE, translate, 3, TYPE_TEXT, TYPE_TEXT, TYPE_TEXT) \
    X(1343, "trunc", FLOAT8, true, IMMUTABLE, FLAG_NONE, float8_trunc, 1, TYPE_FLOAT8) \
    X(1709, "trunc", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_trunc_to, 2, TYPE_NUMERIC, TYPE_INT4) \
    X(1710, "trunc", NUMERIC, true, IMMUTABLE, FLAG_NONE, numeric_trunc, 1, TYPE_NUMERIC) \
    X(2943, "txid_current", INT8, true, STABLE, FLAG_NONE, txid_current, 0, 0) \
    X(871, "upper", TEXT, true, IMMUTABLE, FLAG_NONE, upper, 1, TYPE_TEXT) \
    X(89, "version", TEXT, true, STABLE, FLAG_NONE, version, 0, 0) \
    X(320, "width_bucket", INT4, true, IMMUTABLE, FLAG_NONE, width_bucket_float8, 4, TYPE_FLOAT8, TYPE_FLOAT8, TYPE_FLOAT8, TYPE_INT4)

/* oid, name, left, right, result, function's oid and name, kernel, volatility, commutator, negator */
#define OPERATORS(X) \
    X(640, "!~", NAME, TEXT, BOOL, 1252, "nameregexne", not_regex, IMMUTABLE, NULL, "~") \
    X(642, "!~", TEXT, TEXT, BOOL, 1256, "textregexne", not_regex, IMMUTABLE, NULL, "~") \
    X(1056, "!~", BPCHAR, TEXT, BOOL, 1659, "bpcharregexne", not_regex, IMMUTABLE, NULL, "~") \
    X(1227, "!~*", NAME, TEXT, BOOL, 1241, "nameicregexne", not_iregex, IMMUTABLE, NULL, "~*") \
    X(1229, "!~*", TEXT, TEXT, BOOL, 1239, "texticregexne", not_iregex, IMMUTABLE, NULL, "~*") \
    X(1235, "!~*", BPCHAR, TEXT, BOOL, 1657, "bpcharicregexne", not_iregex, IMMUTABLE, NULL, "~*") \
    X(1208, "!~~", NAME, TEXT, BOOL, 859, "namenlike", not_like, IMMUTABLE, NULL, "~~") \
    X(1210, "!~~", TEXT, TEXT, BOOL, 851, "textnlike", not_like, IMMUTABLE, NULL, "~~") \
    X(1212, "!~~", BPCHAR, TEXT, BOOL, 1632, "bpcharnlike", not_like, IMMUTABLE, NULL, "~~") \
    X(1626, "!~~*", NAME, TEXT, BOOL, 1636, "nameicnlike", not_ilike, IMMUTABLE, NULL, "~~*") \
    X(1628, "!~~*", TEXT, TEXT, BOOL, 1634, "texticnlike", not_ilike, IMMUTABLE, NULL, "~~*") \
    X(1630, "!~~*", BPCHAR, TEXT, BOOL, 1661, "bpcharicnlike", not_ilike, IMMUTABLE, NULL, "~~*") \
    X(1888, "#", INT8, INT8, INT8, 1906, "int8xor", int_xor, IMMUTABLE, "#", NULL) \
    X(1876, "#", INT2, INT2, INT2, 1894, "int2xor", int_xor, IMMUTABLE, "#", NULL) \
    X(1882, "#", INT4, INT4, INT4, 1900, "int4xor", int_xor, IMMUTABLE, "#", NULL) \
    X(439, "%", INT8, INT8, INT8, 945, "int8mod", int8_mod, IMMUTABLE, NULL, NULL) \
    X(529, "%", INT2, INT2, INT2, 155, "int2mod", int2_mod, IMMUTABLE, NULL, NULL) \
    X(530, "%", INT4, INT4, INT4, 156, "int4mod", int4_mod, IMMUTABLE, NULL, NULL) \
    X(1762, "%", NUMERIC, NUMERIC, NUMERIC, 1729, "numeric_mod", numeric_mod, IMMUTABLE, NULL, NULL) \
    X(1886, "&", INT8, INT8, INT8, 1904, "int8and", int_and, IMMUTABLE, "&", NULL) \
    X(1874, "&", INT2, INT2, INT2, 1892, "int2and", int_and, IMMUTABLE, "&", NULL) \
    X(1880, "&", INT4, INT4, INT4, 1898, "int4and", int_and, IMMUTABLE, "&", NULL) \
    X(686, "*", INT8, INT8, INT8, 465, "int8mul", int8_mul, IMMUTABLE, "*", NULL) \
    X(820, "*", INT8, INT2, INT8, 839, "int82mul", int8_mul, IMMUTABLE, "*", NULL) \
    X(690, "*", INT8, INT4, INT8, 1276, "int84mul", int8_mul, IMMUTABLE, "*", NULL) \
    X(824, "*", INT2, INT8, INT8, 943, "int28mul", int8_mul, IMMUTABLE, "*", NULL) \
    X(526, "*", INT2, INT2, INT2, 152, "int2mul", int2_mul, IMMUTABLE, "*", NULL) \
    X(544, "*", INT2, INT4, INT4, 170, "int24mul", int4_mul, IMMUTABLE, "*", NULL) \
    X(694, "*", INT4, INT8, INT8, 1280, "int48mul", int8_mul, IMMUTABLE, "*", NULL) \
    X(545, "*", INT4, INT2, INT4, 171, "int42mul", int4_mul, IMMUTABLE, "*", NULL) \
    X(514, "*", INT4, INT4, INT4, 141, "int4mul", int4_mul, IMMUTABLE, "*", NULL) \
    X(589, "*", FLOAT4, FLOAT4, FLOAT4, 202, "float4mul", float4_mul, IMMUTABLE, "*", NULL) \
    X(1119, "*", FLOAT4, FLOAT8, FLOAT8, 279, "float48mul", float8_mul, IMMUTABLE, "*", NULL) \
    X(1129, "*", FLOAT8, FLOAT4, FLOAT8, 283, "float84mul", float8_mul, IMMUTABLE, "*", NULL) \
    X(594, "*", FLOAT8, FLOAT8, FLOAT8, 216, "float8mul", float8_mul, IMMUTABLE, "*", NULL) \
    X(1760, "*", NUMERIC, NUMERIC, NUMERIC, 1726, "numeric_mul", numeric_mul, IMMUTABLE, "*", NULL) \
    X(1916, "+", 0, INT8, INT8, 1910, "int8up", same, IMMUTABLE, NULL, NULL) \
    X(1917, "+", 0, INT2, INT2, 1911, "int2up", same, IMMUTABLE, NULL, NULL) \
    X(1918, "+", 0, INT4, INT4, 1912, "int4up", same, IMMUTABLE, NULL, NULL) \
    X(1919, "+", 0, FLOAT4, FLOAT4, 1913, "float4up", same, IMMUTABLE, NULL, NULL) \
    X(1920, "+", 0, FLOAT8, FLOAT8, 1914, "float8up", same, IMMUTABLE, NULL, NULL) \
    X(1921, "+", 0, NUMERIC, NUMERIC, 1915, "numeric_uplus", same, IMMUTABLE, NULL, NULL) \
    X(684, "+", INT8, INT8, INT8, 463, "int8pl", int8_add, IMMUTABLE, "+", NULL) \
    X(818, "+", INT8, INT2, INT8, 837, "int82pl", int8_add, IMMUTABLE, "+", NULL) \
    X(688, "+", INT8, INT4, INT8, 1274, "int84pl", int8_add, IMMUTABLE, "+", NULL) \
    X(822, "+", INT2, INT8, INT8, 841, "int28pl", int8_add, IMMUTABLE, "+", NULL) \
    X(550, "+", INT2, INT2, INT2, 176, "int2pl", int2_add, IMMUTABLE, "+", NULL) \
    X(552, "+", INT2, INT4, INT4, 178, "int24pl", int4_add, IMMUTABLE, "+", NULL) \
    X(692, "+", INT4, INT8, INT8, 1278, "int48pl", int8_add, IMMUTABLE, "+", NULL) \
    X(553, "+", INT4, INT2, INT4, 179, "int42pl", int4_add, IMMUTABLE, "+", NULL) \
    X(551, "+", INT4, INT4, INT4, 177, "int4pl", int4_add, IMMUTABLE, "+", NULL) \
    X(2555, "+", INT4, DATE, DATE, 2550, "integer_pl_date", int_add_date, IMMUTABLE, "+", NULL) \
    X(586, "+", FLOAT4, FLOAT4, FLOAT4, 204, "float4pl", float4_add, IMMUTABLE, "+", NULL) \
    X(1116, "+", FLOAT4, FLOAT8, FLOAT8, 281, "float48pl", float8_add, IMMUTABLE, "+", NULL) \
    X(1126, "+", FLOAT8, FLOAT4, FLOAT8, 285, "float84pl", float8_add, IMMUTABLE, "+", NULL) \
    X(591, "+", FLOAT8, FLOAT8, FLOAT8, 218, "float8pl", float8_add, IMMUTABLE, "+", NULL) \
    X(1100, "+", DATE, INT4, DATE, 1141, "date_pli", date_add, IMMUTABLE, "+", NULL) \
    X(1758, "+", NUMERIC, NUMERIC, NUMERIC, 1724, "numeric_add", numeric_add, IMMUTABLE, "+", NULL) \
    X(484, "-", 0, INT8, INT8, 462, "int8um", int8_neg, IMMUTABLE, NULL, NULL) \
    X(559, "-", 0, INT2, INT2, 213, "int2um", int2_neg, IMMUTABLE, NULL, NULL) \
    X(558, "-", 0, INT4, INT4, 212, "int4um", int4_neg, IMMUTABLE, NULL, NULL) \
    X(584, "-", 0, FLOAT4, FLOAT4, 206, "float4um", float_neg, IMMUTABLE, NULL, NULL) \
    X(585, "-", 0, FLOAT8, FLOAT8, 220, "float8um", float_neg, IMMUTABLE, NULL, NULL) \
    X(1751, "-", 0, NUMERIC, NUMERIC, 1771, "numeric_uminus", numeric_neg, IMMUTABLE, NULL, NULL) \
    X(685, "-", INT8, INT8, INT8, 464, "int8mi", int8_sub, IMMUTABLE, NULL, NULL) \
    X(819, "-", INT8, INT2, INT8, 838, "int82mi", int8_sub, IMMUTABLE, NULL, NULL) \
    X(689, "-", INT8, INT4, INT8, 1275, "int84mi", int8_sub, IMMUTABLE, NULL, NULL) \
    X(823, "-", INT2, INT8, INT8, 942, "int28mi", int8_sub, IMMUTABLE, NULL, NULL) \
    X(554, "-", INT2, INT2, INT2, 180, "int2mi", int2_sub, IMMUTABLE, NULL, NULL) \
    X(556, "-", INT2, INT4, INT4, 182, "int24mi", int4_sub, IMMUTABLE, NULL, NULL) \
    X(693, "-", INT4, INT8, INT8, 1279, "int48mi", int8_sub, IMMUTABLE, NULL, NULL) \
    X(557, "-", INT4, INT2, INT4, 183, "int42mi", int4_sub, IMMUTABLE, NULL, NULL) \
    X(555, "-", INT4, INT4, INT4, 181, "int4mi", int4_sub, IMMUTABLE, NULL, NULL) \
    X(587, "-", FLOAT4, FLOAT4, FLOAT4, 205, "float4mi", float4_sub, IMMUTABLE, NULL, NULL) \
    X(1117, "-", FLOAT4, FLOAT8, FLOAT8, 282, "float48mi", float8_sub, IMMUTABLE, NULL, NULL) \
    X(1127, "-", FLOAT8, FLOAT4, FLOAT8, 286, "float84mi", float8_sub, IMMUTABLE, NULL, NULL) \
    X(592, "-", FLOAT8, FLOAT8, FLOAT8, 219, "float8mi", float8_sub, IMMUTABLE, NULL, NULL) \
    X(1101, "-", DATE, INT4, DATE, 1142, "date_mii", date_sub, IMMUTABLE, NULL, NULL) \
    X(1099, "-", DATE, DATE, INT4, 1140, "date_mi", date_diff, IMMUTABLE, NULL, NULL) \
    X(1759, "-", NUMERIC, NUMERIC, NUMERIC, 1725, "numeric_sub", numeric_sub, IMMUTABLE, NULL, NULL) \
    X(687, "/", INT8, INT8, INT8, 466, "int8div", int8_div, IMMUTABLE, NULL, NULL) \
    X(821, "/", INT8, INT2, INT8, 840, "int82div", int8_div, IMMUTABLE, NULL, NULL) \
    X(691, "/", INT8, INT4, INT8, 1277, "int84div", int8_div, IMMUTABLE, NULL, NULL) \
    X(825, "/", INT2, INT8, INT8, 948, "int28div", int8_div, IMMUTABLE, NULL, NULL) \
    X(527, "/", INT2, INT2, INT2, 153, "int2div", int2_div, IMMUTABLE, NULL, NULL) \
    X(546, "/", INT2, INT4, INT4, 172, "int24div", int4_div, IMMUTABLE, NULL, NULL) \
    X(695, "/", INT4, INT8, INT8, 1281, "int48div", int8_div, IMMUTABLE, NULL, NULL) \
    X(547, "/", INT4, INT2, INT4, 173, "int42div", int4_div, IMMUTABLE, NULL, NULL) \
    X(528, "/", INT4, INT4, INT4, 154, "int4div", int4_div, IMMUTABLE, NULL, NULL) \
    X(588, "/", FLOAT4, FLOAT4, FLOAT4, 203, "float4div", float4_div, IMMUTABLE, NULL, NULL) \
    X(1118, "/", FLOAT4, FLOAT8, FLOAT8, 280, "float48div", float8_div, IMMUTABLE, NULL, NULL) \
    X(1128, "/", FLOAT8, FLOAT4, FLOAT8, 284, "float84div", float8_div, IMMUTABLE, NULL, NULL) \
    X(593, "/", FLOAT8, FLOAT8, FLOAT8, 217, "float8div", float8_div, IMMUTABLE, NULL, NULL) \
    X(1761, "/", NUMERIC, NUMERIC, NUMERIC, 1727, "numeric_div", numeric_div, IMMUTABLE, NULL, NULL) \
    X(58, "<", BOOL, BOOL, BOOL, 56, "boollt", int_lt, IMMUTABLE, ">", ">=") \
    X(631, "<", CHAR1, CHAR1, BOOL, 1246, "charlt", str_lt, IMMUTABLE, ">", ">=") \
    X(660, "<", NAME, NAME, BOOL, 655, "namelt", str_lt, IMMUTABLE, ">", ">=") \
    X(255, "<", NAME, TEXT, BOOL, 241, "namelttext", str_lt, IMMUTABLE, ">", ">=") \
    X(412, "<", INT8, INT8, BOOL, 469, "int8lt", int_lt, IMMUTABLE, ">", ">=") \
    X(1870, "<", INT8, INT2, BOOL, 1858, "int82lt", int_lt, IMMUTABLE, ">", ">=") \
    X(418, "<", INT8, INT4, BOOL, 476, "int84lt", int_lt, IMMUTABLE, ">", ">=") \
    X(1864, "<", INT2, INT8, BOOL, 1852, "int28lt", int_lt, IMMUTABLE, ">", ">=") \
    X(95, "<", INT2, INT2, BOOL, 64, "int2lt", int_lt, IMMUTABLE, ">", ">=") \
    X(534, "<", INT2, INT4, BOOL, 160, "int24lt", int_lt, IMMUTABLE, ">", ">=") \
    X(37, "<", INT4, INT8, BOOL, 854, "int48lt", int_lt, IMMUTABLE, ">", ">=") \
    X(535, "<", INT4, INT2, BOOL, 161, "int42lt", int_lt, IMMUTABLE, ">", ">=") \
    X(97, "<", INT4, INT4, BOOL, 66, "int4lt", int_lt, IMMUTABLE, ">", ">=") \
    X(261, "<", TEXT, NAME, BOOL, 248, "textltname", str_lt, IMMUTABLE, ">", ">=") \
    X(664, "<", TEXT, TEXT, BOOL, 740, "text_lt", str_lt, IMMUTABLE, ">", ">=") \
    X(609, "<", OID, OID, BOOL, 716, "oidlt", int_lt, IMMUTABLE, ">", ">=") \
    X(622, "<", FLOAT4, FLOAT4, BOOL, 289, "float4lt", float_lt, IMMUTABLE, ">", ">=") \
    X(1122, "<", FLOAT4, FLOAT8, BOOL, 301, "float48lt", float_lt, IMMUTABLE, ">", ">=") \
    X(1132, "<", FLOAT8, FLOAT4, BOOL, 307, "float84lt", float_lt, IMMUTABLE, ">", ">=") \
    X(672, "<", FLOAT8, FLOAT8, BOOL, 295, "float8lt", float_lt, IMMUTABLE, ">", ">=") \
    X(1058, "<", BPCHAR, BPCHAR, BOOL, 1049, "bpcharlt", bpchar_lt, IMMUTABLE, ">", ">=") \
    X(1095, "<", DATE, DATE, BOOL, 1087, "date_lt", int_lt, IMMUTABLE, ">", ">=") \
    X(2345, "<", DATE, TIMESTAMP, BOOL, 2338, "date_lt_timestamp", date_ts_lt, IMMUTABLE, ">", ">=") \
    X(2358, "<", DATE, TIMESTAMPTZ, BOOL, 2351, "date_lt_timestamptz", date_tstz_lt, STABLE, ">", ">=") \
    X(2371, "<", TIMESTAMP, DATE, BOOL, 2364, "timestamp_lt_date", ts_date_lt, IMMUTABLE, ">", ">=") \
    X(2062, "<", TIMESTAMP, TIMESTAMP, BOOL, 2054, "timestamp_lt", int_lt, IMMUTABLE, ">", ">=") \
    X(2534, "<", TIMESTAMP, TIMESTAMPTZ, BOOL, 2520, "timestamp_lt_timestamptz", ts_tstz_lt, STABLE, ">", ">=") \
    X(2384, "<", TIMESTAMPTZ, DATE, BOOL, 2377, "timestamptz_lt_date", tstz_date_lt, STABLE, ">", ">=") \
    X(2540, "<", TIMESTAMPTZ, TIMESTAMP, BOOL, 2527, "timestamptz_lt_timestamp", tstz_ts_lt, STABLE, ">", ">=") \
    X(1322, "<", TIMESTAMPTZ, TIMESTAMPTZ, BOOL, 1154, "timestamptz_lt", int_lt, IMMUTABLE, ">", ">=") \
    X(1754, "<", NUMERIC, NUMERIC, BOOL, 1722, "numeric_lt", numeric_lt, IMMUTABLE, ">", ">=") \
    X(1890, "<<", INT8, INT4, INT8, 1908, "int8shl", int8_shl, IMMUTABLE, NULL, NULL) \
    X(1878, "<<", INT2, INT4, INT2, 1896, "int2shl", int2_shl, IMMUTABLE, NULL, NULL) \
    X(1884, "<<", INT4, INT4, INT4, 1902, "int4shl", int4_shl, IMMUTABLE, NULL, NULL) \
    X(1694, "<=", BOOL, BOOL, BOOL, 1691, "boolle", int_le, IMMUTABLE, ">=", ">") \
    X(632, "<=", CHAR1, CHAR1, BOOL, 72, "charle", str_le, IMMUTABLE, ">=", ">") \
    X(661, "<=", NAME, NAME, BOOL, 656, "namele", str_le, IMMUTABLE, ">=", ">") \
    X(256, "<=", NAME, TEXT, BOOL, 242, "nameletext", str_le, IMMUTABLE, ">=", ">") \
    X(414, "<=", INT8, INT8, BOOL, 471, "int8le", int_le, IMMUTABLE, ">=", ">") \
    X(1872, "<=", INT8, INT2, BOOL, 1860, "int82le", int_le, IMMUTABLE, ">=", ">") \
    X(420, "<=", INT8, INT4, BOOL, 478, "int84le", int_le, IMMUTABLE, ">=", ">") \
    X(1866, "<=", INT2, INT8, BOOL, 1854, "int28le", int_le, IMMUTABLE, ">=", ">") \
    X(522, "<=", INT2, INT2, BOOL, 148, "int2le", int_le, IMMUTABLE, ">=", ">") \
    X(540, "<=", INT2, INT4, BOOL, 166, "int24le", int_le, IMMUTABLE, ">=", ">") \
    X(80, "<=", INT4, INT8, BOOL, 856, "int48le", int_le, IMMUTABLE, ">=", ">") \
    X(541, "<=", INT4, INT2, BOOL, 167, "int42le", int_le, IMMUTABLE, ">=", ">") \
    X(523, "<=", INT4, INT4, BOOL, 149, "int4le", int_le, IMMUTABLE, ">=", ">") \
    X(262, "<=", TEXT, NAME, BOOL, 249, "textlename", str_le, IMMUTABLE, ">=", ">") \
    X(665, "<=", TEXT, TEXT, BOOL, 741, "text_le", str_le, IMMUTABLE, ">=", ">") \
    X(611, "<=", OID, OID, BOOL, 717, "oidle", int_le, IMMUTABLE, ">=", ">") \
    X(624, "<=", FLOAT4, FLOAT4, BOOL, 290, "float4le", float_le, IMMUTABLE, ">=", ">") \
    X(1124, "<=", FLOAT4, FLOAT8, BOOL, 302, "float48le", float_le, IMMUTABLE, ">=", ">") \
    X(1134, "<=", FLOAT8, FLOAT4, BOOL, 308, "float84le", float_le, IMMUTABLE, ">=", ">") \
    X(673, "<=", FLOAT8, FLOAT8, BOOL, 296, "float8le", float_le, IMMUTABLE, ">=", ">") \
    X(1059, "<=", BPCHAR, BPCHAR, BOOL, 1050, "bpcharle", bpchar_le, IMMUTABLE, ">=", ">") \
    X(1096, "<=", DATE, DATE, BOOL, 1088, "date_le", int_le, IMMUTABLE, ">=", ">") \
    X(2346, "<=", DATE, TIMESTAMP, BOOL, 2339, "date_le_timestamp", date_ts_le, IMMUTABLE, ">=", ">") \
    X(2359, "<=", DATE, TIMESTAMPTZ, BOOL, 2352, "date_le_timestamptz", date_tstz_le, STABLE, ">=", ">") \
    X(2372, "<=", TIMESTAMP, DATE, BOOL, 2365, "timestamp_le_date", ts_date_le, IMMUTABLE, ">=", ">") \
    X(2063, "<=", TIMESTAMP, TIMESTAMP, BOOL, 2055, "timestamp_le", int_le, IMMUTABLE, ">=", ">") \
    X(2535, "<=", TIMESTAMP, TIMESTAMPTZ, BOOL, 2521, "timestamp_le_timestamptz", ts_tstz_le, STABLE, ">=", ">") \
    X(2385, "<=", TIMESTAMPTZ, DATE, BOOL, 2378, "timestamptz_le_date", tstz_date_le, STABLE, ">=", ">") \
    X(2541, "<=", TIMESTAMPTZ, TIMESTAMP, BOOL, 2528, "timestamptz_le_timestamp", tstz_ts_le, STABLE, ">=", ">") \
    X(1323, "<=", TIMESTAMPTZ, TIMESTAMPTZ, BOOL, 1155, "timestamptz_le", int_le, IMMUTABLE, ">=", ">") \
    X(1755, "<=", NUMERIC, NUMERIC, BOOL, 1723, "numeric_le", numeric_le, IMMUTABLE, ">=", ">") \
    X(85, "<>", BOOL, BOOL, BOOL, 84, "boolne", int_ne, IMMUTABLE, "<>", "=") \
    X(630, "<>", CHAR1, CHAR1, BOOL, 70, "charne", str_ne, IMMUTABLE, "<>", "=") \
    X(643, "<>", NAME, NAME, BOOL, 659, "namene", str_ne, IMMUTABLE, "<>", "=") \
    X(259, "<>", NAME, TEXT, BOOL, 245, "namenetext", str_ne, IMMUTABLE, "<>", "=") \
    X(411, "<>", INT8, INT8, BOOL, 468, "int8ne", int_ne, IMMUTABLE, "<>", "=") \
    X(1869, "<>", INT8, INT2, BOOL, 1857, "int82ne", int_ne, IMMUTABLE, "<>", "=") \
    X(417, "<>", INT8, INT4, BOOL, 475, "int84ne", int_ne, IMMUTABLE, "<>", "=") \
    X(1863, "<>", INT2, INT8, BOOL, 1851, "int28ne", int_ne, IMMUTABLE, "<>", "=") \
    X(519, "<>", INT2, INT2, BOOL, 145, "int2ne", int_ne, IMMUTABLE, "<>", "=") \
    X(538, "<>", INT2, INT4, BOOL, 164, "int24ne", int_ne, IMMUTABLE, "<>", "=") \
    X(36, "<>", INT4, INT8, BOOL, 853, "int48ne", int_ne, IMMUTABLE, "<>", "=") \
    X(539, "<>", INT4, INT2, BOOL, 165, "int42ne", int_ne, IMMUTABLE, "<>", "=") \
    X(518, "<>", INT4, INT4, BOOL, 144, "int4ne", int_ne, IMMUTABLE, "<>", "=") \
    X(265, "<>", TEXT, NAME, BOOL, 252, "textnename", str_ne, IMMUTABLE, "<>", "=") \
    X(531, "<>", TEXT, TEXT, BOOL, 157, "textne", str_ne, IMMUTABLE, "<>", "=") \
    X(608, "<>", OID, OID, BOOL, 185, "oidne", int_ne, IMMUTABLE, "<>", "=") \
    X(621, "<>", FLOAT4, FLOAT4, BOOL, 288, "float4ne", float_ne, IMMUTABLE, "<>", "=") \
    X(1121, "<>", FLOAT4, FLOAT8, BOOL, 300, "float48ne", float_ne, IMMUTABLE, "<>", "=") \
    X(1131, "<>", FLOAT8, FLOAT4, BOOL, 306, "float84ne", float_ne, IMMUTABLE, "<>", "=") \
    X(671, "<>", FLOAT8, FLOAT8, BOOL, 294, "float8ne", float_ne, IMMUTABLE, "<>", "=") \
    X(1057, "<>", BPCHAR, BPCHAR, BOOL, 1053, "bpcharne", bpchar_ne, IMMUTABLE, "<>", "=") \
    X(1094, "<>", DATE, DATE, BOOL, 1091, "date_ne", int_ne, IMMUTABLE, "<>", "=") \
    X(2350, "<>", DATE, TIMESTAMP, BOOL, 2343, "date_ne_timestamp", date_ts_ne, IMMUTABLE, "<>", "=") \
    X(2363, "<>", DATE, TIMESTAMPTZ, BOOL, 2356, "date_ne_timestamptz", date_tstz_ne, STABLE, "<>", "=") \
    X(2376, "<>", TIMESTAMP, DATE, BOOL, 2369, "timestamp_ne_date", ts_date_ne, IMMUTABLE, "<>", "=") \
    X(2061, "<>", TIMESTAMP, TIMESTAMP, BOOL, 2053, "timestamp_ne", int_ne, IMMUTABLE, "<>", "=") \
    X(2539, "<>", TIMESTAMP, TIMESTAMPTZ, BOOL, 2525, "timestamp_ne_timestamptz", ts_tstz_ne, STABLE, "<>", "=") \
    X(2389, "<>", TIMESTAMPTZ, DATE, BOOL, 2382, "timestamptz_ne_date", tstz_date_ne, STABLE, "<>", "=") \
    X(2545, "<>", TIMESTAMPTZ, TIMESTAMP, BOOL, 2532, "timestamptz_ne_timestamp", tstz_ts_ne, STABLE, "<>", "=") \
    X(1321, "<>", TIMESTAMPTZ, TIMESTAMPTZ, BOOL, 1153, "timestamptz_ne", int_ne, IMMUTABLE, "<>", "=") \
    X(1753, "<>", NUMERIC, NUMERIC, BOOL, 1719, "numeric_ne", numeric_ne, IMMUTABLE, "<>", "=") \
    X(91, "=", BOOL, BOOL, BOOL, 60, "booleq", int_eq, IMMUTABLE, "=", "<>") \
    X(92, "=", CHAR1, CHAR1, BOOL, 61, "chareq", str_eq, IMMUTABLE, "=", "<>") \
    X(93, "=", NAME, NAME, BOOL, 62, "nameeq", str_eq, IMMUTABLE, "=", "<>") \
    X(254, "=", NAME, TEXT, BOOL, 240, "nameeqtext", str_eq, IMMUTABLE, "=", "<>") \
    X(410, "=", INT8, INT8, BOOL, 467, "int8eq", int_eq, IMMUTABLE, "=", "<>") \
    X(1868, "=", INT8, INT2, BOOL, 1856, "int82eq", int_eq, IMMUTABLE, "=", "<>") \
    X(416, "=", INT8, INT4, BOOL, 474, "int84eq", int_eq, IMMUTABLE, "=", "<>") \
    X(1862, "=", INT2, INT8, BOOL, 1850, "int28eq", int_eq, IMMUTABLE, "=", "<>") \
    X(94, "=", INT2, INT2, BOOL, 63, "int2eq", int_eq, IMMUTABLE, "=", "<>") \
    X(532, "=", INT2, INT4, BOOL, 158, "int24eq", int_eq, IMMUTABLE, "=", "<>") \
    X(15, "=", INT4, INT8, BOOL, 852, "int48eq", int_eq, IMMUTABLE, "=", "<>") \
    X(533, "=", INT4, INT2, BOOL, 159, "int42eq", int_eq, IMMUTABLE, "=", "<>") \
    X(96, "=", INT4, INT4, BOOL, 65, "int4eq", int_eq, IMMUTABLE, "=", "<>") \
    X(260, "=", TEXT, NAME, BOOL, 247, "texteqname", str_eq, IMMUTABLE, "=", "<>") \
    X(98, "=", TEXT, TEXT, BOOL, 67, "texteq", str_eq, IMMUTABLE, "=", "<>") \
    X(607, "=", OID, OID, BOOL, 184, "oideq", int_eq, IMMUTABLE, "=", "<>") \
    X(620, "=", FLOAT4, FLOAT4, BOOL, 287, "float4eq", float_eq, IMMUTABLE, "=", "<>") \
    X(1120, "=", FLOAT4, FLOAT8, BOOL, 299, "float48eq", float_eq, IMMUTABLE, "=", "<>") \
    X(1130, "=", FLOAT8, FLOAT4, BOOL, 305, "float84eq", float_eq, IMMUTABLE, "=", "<>") \
    X(670, "=", FLOAT8, FLOAT8, BOOL, 293, "float8eq", float_eq, IMMUTABLE, "=", "<>") \
    X(1054, "=", BPCHAR, BPCHAR, BOOL, 1048, "bpchareq", bpchar_eq, IMMUTABLE, "=", "<>") \
    X(1093, "=", DATE, DATE, BOOL, 1086, "date_eq", int_eq, IMMUTABLE, "=", "<>") \
    X(2347, "=", DATE, TIMESTAMP, BOOL, 2340, "date_eq_timestamp", date_ts_eq, IMMUTABLE, "=", "<>") \
    X(2360, "=", DATE, TIMESTAMPTZ, BOOL, 2353, "date_eq_timestamptz", date_tstz_eq, STABLE, "=", "<>") \
    X(2373, "=", TIMESTAMP, DATE, BOOL, 2366, "timestamp_eq_date", ts_date_eq, IMMUTABLE, "=", "<>") \
    X(2060, "=", TIMESTAMP, TIMESTAMP, BOOL, 2052, "timestamp_eq", int_eq, IMMUTABLE, "=", "<>") \
    X(2536, "=", TIMESTAMP, TIMESTAMPTZ, BOOL, 2522, "timestamp_eq_timestamptz", ts_tstz_eq, STABLE, "=", "<>") \
    X(2386, "=", TIMESTAMPTZ, DATE, BOOL, 2379, "timestamptz_eq_date", tstz_date_eq, STABLE, "=", "<>") \
    X(2542, "=", TIMESTAMPTZ, TIMESTAMP, BOOL, 2529, "timestamptz_eq_timestamp", tstz_ts_eq, STABLE, "=", "<>") \
    X(1320, "=", TIMESTAMPTZ, TIMESTAMPTZ, BOOL, 1152, "timestamptz_eq", int_eq, IMMUTABLE, "=", "<>") \
    X(1752, "=", NUMERIC, NUMERIC, BOOL, 1718, "numeric_eq", numeric_eq, IMMUTABLE, "=", "<>") \
    X(59, ">", BOOL, BOOL, BOOL, 57, "boolgt", int_gt, IMMUTABLE, "<", "<=") \
    X(633, ">", CHAR1, CHAR1, BOOL, 73, "chargt", str_gt, IMMUTABLE, "<", "<=") \
    X(662, ">", NAME, NAME, BOOL, 657, "namegt", str_gt, IMMUTABLE, "<", "<=") \
    X(258, ">", NAME, TEXT, BOOL, 244, "namegttext", str_gt, IMMUTABLE, "<", "<=") \
    X(413, ">", INT8, INT8, BOOL, 470, "int8gt", int_gt, IMMUTABLE, "<", "<=") \
    X(1871, ">", INT8, INT2, BOOL, 1859, "int82gt", int_gt, IMMUTABLE, "<", "<=") \
    X(419, ">", INT8, INT4, BOOL, 477, "int84gt", int_gt, IMMUTABLE, "<", "<=") \
    X(1865, ">", INT2, INT8, BOOL, 1853, "int28gt", int_gt, IMMUTABLE, "<", "<=") \
    X(520, ">", INT2, INT2, BOOL, 146, "int2gt", int_gt, IMMUTABLE, "<", "<=") \
    X(536, ">", INT2, INT4, BOOL, 162, "int24gt", int_gt, IMMUTABLE, "<", "<=") \
    X(76, ">", INT4, INT8, BOOL, 855, "int48gt", int_gt, IMMUTABLE, "<", "<=") \
    X(537, ">", INT4, INT2, BOOL, 163, "int42gt", int_gt, IMMUTABLE, "<", "<=") \
    X(521, ">", INT4, INT4, BOOL, 147, "int4gt", int_gt, IMMUTABLE, "<", "<=") \
    X(264, ">", TEXT, NAME, BOOL, 251, "textgtname", str_gt, IMMUTABLE, "<", "<=") \
    X(666, ">", TEXT, TEXT, BOOL, 742, "text_gt", str_gt, IMMUTABLE, "<", "<=") \
    X(610, ">", OID, OID, BOOL, 1638, "oidgt", int_gt, IMMUTABLE, "<", "<=") \
    X(623, ">", FLOAT4, FLOAT4, BOOL, 291, "float4gt", float_gt, IMMUTABLE, "<", "<=") \
    X(1123, ">", FLOAT4, FLOAT8, BOOL, 303, "float48gt", float_gt, IMMUTABLE, "<", "<=") \
    X(1133, ">", FLOAT8, FLOAT4, BOOL, 309, "float84gt", float_gt, IMMUTABLE, "<", "<=") \
    X(674, ">", FLOAT8, FLOAT8, BOOL, 297, "float8gt", float_gt, IMMUTABLE, "<", "<=") \
    X(1060, ">", BPCHAR, BPCHAR, BOOL, 1051, "bpchargt", bpchar_gt, IMMUTABLE, "<", "<=") \
    X(1097, ">", DATE, DATE, BOOL, 1089, "date_gt", int_gt, IMMUTABLE, "<", "<=") \
    X(2349, ">", DATE, TIMESTAMP, BOOL, 2341, "date_gt_timestamp", date_ts_gt, IMMUTABLE, "<", "<=") \
    X(2362, ">", DATE, TIMESTAMPTZ, BOOL, 2354, "date_gt_timestamptz", date_tstz_gt, STABLE, "<", "<=") \
    X(2375, ">", TIMESTAMP, DATE, BOOL, 2367, "timestamp_gt_date", ts_date_gt, IMMUTABLE, "<", "<=") \
    X(2064, ">", TIMESTAMP, TIMESTAMP, BOOL, 2057, "timestamp_gt", int_gt, IMMUTABLE, "<", "<=") \
    X(2538, ">", TIMESTAMP, TIMESTAMPTZ, BOOL, 2523, "timestamp_gt_timestamptz", ts_tstz_gt, STABLE, "<", "<=") \
    X(2388, ">", TIMESTAMPTZ, DATE, BOOL, 2380, "timestamptz_gt_date", tstz_date_gt, STABLE, "<", "<=") \
    X(2544, ">", TIMESTAMPTZ, TIMESTAMP, BOOL, 2530, "timestamptz_gt_timestamp", tstz_ts_gt, STABLE, "<", "<=") \
    X(1324, ">", TIMESTAMPTZ, TIMESTAMPTZ, BOOL, 1157, "timestamptz_gt", int_gt, IMMUTABLE, "<", "<=") \
    X(1756, ">", NUMERIC, NUMERIC, BOOL, 1720, "numeric_gt", numeric_gt, IMMUTABLE, "<", "<=") \
    X(1695, ">=", BOOL, BOOL, BOOL, 1692, "boolge", int_ge, IMMUTABLE, "<=", "<") \
    X(634, ">=", CHAR1, CHAR1, BOOL, 74, "charge", str_ge, IMMUTABLE, "<=", "<") \
    X(663, ">=", NAME, NAME, BOOL, 658, "namege", str_ge, IMMUTABLE, "<=", "<") \
    X(257, ">=", NAME, TEXT, BOOL, 243, "namegetext", str_ge, IMMUTABLE, "<=", "<") \
    X(415, ">=", INT8, INT8, BOOL, 472, "int8ge", int_ge, IMMUTABLE, "<=", "<") \
    X(1873, ">=", INT8, INT2, BOOL, 1861, "int82ge", int_ge, IMMUTABLE, "<=", "<") \
    X(430, ">=", INT8, INT4, BOOL, 479, "int84ge", int_ge, IMMUTABLE, "<=", "<") \
    X(1867, ">=", INT2, INT8, BOOL, 1855, "int28ge", int_ge, IMMUTABLE, "<=", "<") \
    X(524, ">=", INT2, INT2, BOOL, 151, "int2ge", int_ge, IMMUTABLE, "<=", "<") \
    X(542, ">=", INT2, INT4, BOOL, 168, "int24ge", int_ge, IMMUTABLE, "<=", "<") \
    X(82, ">=", INT4, INT8, BOOL, 857, "int48ge", int_ge, IMMUTABLE, "<=", "<") \
    X(543, ">=", INT4, INT2, BOOL, 169, "int42ge", int_ge, IMMUTABLE, "<=", "<") \
    X(525, ">=", INT4, INT4, BOOL, 150, "int4ge", int_ge, IMMUTABLE, "<=", "<") \
    X(263, ">=", TEXT, NAME, BOOL, 250, "textgename", str_ge, IMMUTABLE, "<=", "<") \
    X(667, ">=", TEXT, TEXT, BOOL, 743, "text_ge", str_ge, IMMUTABLE, "<=", "<") \
    X(612, ">=", OID, OID, BOOL, 1639, "oidge", int_ge, IMMUTABLE, "<=", "<") \
    X(625, ">=", FLOAT4, FLOAT4, BOOL, 292, "float4ge", float_ge, IMMUTABLE, "<=", "<") \
    X(1125, ">=", FLOAT4, FLOAT8, BOOL, 304, "float48ge", float_ge, IMMUTABLE, "<=", "<") \
    X(1135, ">=", FLOAT8, FLOAT4, BOOL, 310, "float84ge", float_ge, IMMUTABLE, "<=", "<") \
    X(675, ">=", FLOAT8, FLOAT8, BOOL, 298, "float8ge", float_ge, IMMUTABLE, "<=", "<") \
    X(1061, ">=", BPCHAR, BPCHAR, BOOL, 1052, "bpcharge", bpchar_ge, IMMUTABLE, "<=", "<") \
    X(1098, ">=", DATE, DATE, BOOL, 1090, "date_ge", int_ge, IMMUTABLE, "<=", "<") \
    X(2348, ">=", DATE, TIMESTAMP, BOOL, 2342, "date_ge_timestamp", date_ts_ge, IMMUTABLE, "<=", "<") \
    X(2361, ">=", DATE, TIMESTAMPTZ, BOOL, 2355, "date_ge_timestamptz", date_tstz_ge, STABLE, "<=", "<") \
    X(2374, ">=", TIMESTAMP, DATE, BOOL, 2368, "timestamp_ge_date", ts_date_ge, IMMUTABLE, "<=", "<") \
    X(2065, ">=", TIMESTAMP, TIMESTAMP, BOOL, 2056, "timestamp_ge", int_ge, IMMUTABLE, "<=", "<") \
    X(2537, ">=", TIMESTAMP, TIMESTAMPTZ, BOOL, 2524, "timestamp_ge_timestamptz", ts_tstz_ge, STABLE, "<=", "<") \
    X(2387, ">=", TIMESTAMPTZ, DATE, BOOL, 2381, "timestamptz_ge_date", tstz_date_ge, STABLE, "<=", "<") \
    X(2543, ">=", TIMESTAMPTZ, TIMESTAMP, BOOL, 2531, "timestamptz_ge_timestamp", tstz_ts_ge, STABLE, "<=", "<") \
    X(1325, ">=", TIMESTAMPTZ, TIMESTAMPTZ, BOOL, 1156, "timestamptz_ge", int_ge, IMMUTABLE, "<=", "<") \
    X(1757, ">=", NUMERIC, NUMERIC, BOOL, 1721, "numeric_ge", numeric_ge, IMMUTABLE, "<=", "<") \
    X(1891, ">>", INT8, INT4, INT8, 1909, "int8shr", int8_shr, IMMUTABLE, NULL, NULL) \
    X(1879, ">>", INT2, INT4, INT2, 1897, "int2shr", int2_shr, IMMUTABLE, NULL, NULL) \
    X(1885, ">>", INT4, INT4, INT4, 1903, "int4shr", int4_shr, IMMUTABLE, NULL, NULL) \
    X(473, "@", 0, INT8, INT8, 1230, "int8abs", int8_abs, IMMUTABLE, NULL, NULL) \
    X(682, "@", 0, INT2, INT2, 1253, "int2abs", int2_abs, IMMUTABLE, NULL, NULL) \
    X(773, "@", 0, INT4, INT4, 1251, "int4abs", int4_abs, IMMUTABLE, NULL, NULL) \
    X(590, "@", 0, FLOAT4, FLOAT4, 207, "float4abs", float_abs, IMMUTABLE, NULL, NULL) \
    X(595, "@", 0, FLOAT8, FLOAT8, 221, "float8abs", float_abs, IMMUTABLE, NULL, NULL) \
    X(1763, "@", 0, NUMERIC, NUMERIC, 1704, "numeric_abs", numeric_abs, IMMUTABLE, NULL, NULL) \
    X(965, "^", FLOAT8, FLOAT8, FLOAT8, 232, "dpow", float8_power, IMMUTABLE, NULL, NULL) \
    X(1038, "^", NUMERIC, NUMERIC, NUMERIC, 1739, "numeric_power", numeric_power, IMMUTABLE, NULL, NULL) \
    X(3877, "^@", TEXT, TEXT, BOOL, 3696, "starts_with", starts_with, IMMUTABLE, NULL, NULL) \
    X(1887, "|", INT8, INT8, INT8, 1905, "int8or", int_or, IMMUTABLE, "|", NULL) \
    X(1875, "|", INT2, INT2, INT2, 1893, "int2or", int_or, IMMUTABLE, "|", NULL) \
    X(1881, "|", INT4, INT4, INT4, 1899, "int4or", int_or, IMMUTABLE, "|", NULL) \
    X(596, "|/", 0, FLOAT8, FLOAT8, 230, "dsqrt", sqrt_float8, IMMUTABLE, NULL, NULL) \
    X(654, "||", TEXT, TEXT, TEXT, 1258, "textcat", text_cat, IMMUTABLE, NULL, NULL) \
    X(2779, "||", TEXT, ANYNONARRAY, TEXT, 2003, "textanycat", text_any_cat, STABLE, NULL, NULL) \
    X(2780, "||", ANYNONARRAY, TEXT, TEXT, 2004, "anytextcat", any_text_cat, STABLE, NULL, NULL) \
    X(597, "||/", 0, FLOAT8, FLOAT8, 231, "dcbrt", cbrt, IMMUTABLE, NULL, NULL) \
    X(1889, "~", 0, INT8, INT8, 1907, "int8not", int_not, IMMUTABLE, NULL, NULL) \
    X(1877, "~", 0, INT2, INT2, 1895, "int2not", int_not, IMMUTABLE, NULL, NULL) \
    X(1883, "~", 0, INT4, INT4, 1901, "int4not", int_not, IMMUTABLE, NULL, NULL) \
    X(639, "~", NAME, TEXT, BOOL, 79, "nameregexeq", regex, IMMUTABLE, NULL, "!~") \
    X(641, "~", TEXT, TEXT, BOOL, 1254, "textregexeq", regex, IMMUTABLE, NULL, "!~") \
    X(1055, "~", BPCHAR, TEXT, BOOL, 1658, "bpcharregexeq", regex, IMMUTABLE, NULL, "!~") \
    X(1226, "~*", NAME, TEXT, BOOL, 1240, "nameicregexeq", iregex, IMMUTABLE, NULL, "!~*") \
    X(1228, "~*", TEXT, TEXT, BOOL, 1238, "texticregexeq", iregex, IMMUTABLE, NULL, "!~*") \
    X(1234, "~*", BPCHAR, TEXT, BOOL, 1656, "bpcharicregexeq", iregex, IMMUTABLE, NULL, "!~*") \
    X(1207, "~~", NAME, TEXT, BOOL, 858, "namelike", like, IMMUTABLE, NULL, "!~~") \
    X(1209, "~~", TEXT, TEXT, BOOL, 850, "textlike", like, IMMUTABLE, NULL, "!~~") \
    X(1211, "~~", BPCHAR, TEXT, BOOL, 1631, "bpcharlike", like, IMMUTABLE, NULL, "!~~") \
    X(1625, "~~*", NAME, TEXT, BOOL, 1635, "nameiclike", ilike, IMMUTABLE, NULL, "!~~*") \
    X(1627, "~~*", TEXT, TEXT, BOOL, 1633, "texticlike", ilike, IMMUTABLE, NULL, "!~~*") \
    X(1629, "~~*", BPCHAR, TEXT, BOOL, 1660, "bpchariclike", ilike, IMMUTABLE, NULL, "!~~*")
/* clang-format on */

#define X(oid, name, ret, strict, vol, flags, kernel, nargs, ...) func_vec_fn fn__##kernel;
FUNCTIONS(X)
#undef X
#define X(oid, name, l, r, ret, fn_oid, fn_name, kernel, vol, com, neg) func_vec_fn fn__##kernel;
OPERATORS(X)
#undef X

#endif
