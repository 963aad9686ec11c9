#!/usr/bin/env python3
"""Writes tests/unit/sql/types_expected.tsv: what PostgreSQL 15 answers to many literals, casts, functions, operators and
aggregates. Needs a server: make-types-expected.py [psql options ...] > tests/unit/sql/types_expected.tsv

A line is tab-separated: kind, fields, then the answer last ("= text", "null" or "! SQLSTATE message").
  in    type typmod text          text to value to text
  send  type text                 value to binary, as hex
  cast  from to text
  fn    name (type text)*
  op    name (type text)*         one operand: prefix operator
  agg   name type text*           \\N is NULL
"""
import itertools
import subprocess
import sys

ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
cases = []


def add(kind, *fields):
    for f in fields:
        assert "\t" not in f and "\n" not in f
    cases.append((kind,) + fields)


def each(kind, head, texts):
    for t in texts:
        add(kind, *head, t)


INT = ["0", "1", "-1", " 42 ", "+7", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649",
       "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999",
       "abc", "", " ", "1.5", "1e3", "0x10", "1 2", "--1", "+", "-", "007", "1_000"]
FLOAT = ["0", "-0", "1", "1.5", "0.1", "1e20", "1e15", "1e14", "123456789012345", "1234567890123456", "1e-4", "1e-5", "0.00012345",
         "1e23", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "1e309", "1e-400", "NaN", "nan", "Infinity", "-inf",
         "+infinity", "3.14159265358979", "9007199254740993", "123456.789e3", "abc", "", "1e", ".5", "5.", "1.1754944e-38", "16777217",
         "3.4028235e38", "3.5e38", "1e-46", "1e10", "999999", "1000000", "0.3", "100000.5", "-1.25e-7", " 2.5 ", "8388608.5", "1e+5x"]
NUM = ["0", "-0", "0.0", "1.0", "1.00", "-1.50", "123456789.123456789", "1e5", "1.5e-3", "1.50e1", "-1E+10", "1e-20", ".5", "5.", "NaN",
       "nan", "Infinity", "-Infinity", "inf", "+inf", "abc", "", "1e", "1.2.3", " 12.5 ", "99999999999999999999999999999999999",
       "999999999999999999999999999999999999", "0.00000000000000000000000000000000001", "0.000000000000000000000000000000000001",
       "123456789012345678901234567890123456789012345678901234567890.123456789", "-9999999999999999999999999999999999999999999",
       "1e40", "1e-40", "1e131072", "0.1e-16383", "100000000000000000000", "00012.3400", "12345678901234567.89",
       "9999.9999", "10000", "0.0001", "0.00001", "1234.5678e4", "--1", "1e99999999999"]
BOOL = ["t", "true", "TRUE", "tr", "yes", "y", "on", "1", "f", "false", "no", "of", "off", "0", " true ", "o", "", "2", "maybe", "truex"]
for t in ("int2", "int4", "int8", "oid"):
    each("in", (t, "-1"), INT)
for t in ("float4", "float8"):
    each("in", (t, "-1"), FLOAT)
each("in", ("numeric", "-1"), NUM)
each("in", ("bool", "-1"), BOOL)
for tm, texts in (("numeric(5,2)", ["123.456", "999.995", "-999.994", "1000", "NaN", "Infinity", "0.001", "1e3"]),
                  ("numeric(3)", ["999.4", "999.5", "-1"]), ("numeric(3,-2)", ["12345", "99949", "99950", "49"]),
                  ("numeric(3,5)", ["0.00123", "0.01", "0.009999"]), ("numeric(38,10)", ["1234567890123456789012345678.12345678905"]),
                  ("varchar(3)", ["", "abc", "abcd", "abc  ", "äöü", "äöüx", "ab c"]), ("bpchar(3)", ["", "a", "abc", "abc ", "abcd", "äö"]),
                  ("timestamp(3)", ["2020-01-02 03:04:05.6785", "2020-12-31 23:59:59.9996", "1999-12-31 23:59:59.9996"]),
                  ("timestamp(0)", ["2020-01-02 03:04:05.5", "1990-01-02 03:04:05.5", "infinity"]),
                  ("timestamptz(2)", ["2020-01-02 03:04:05.675+00"])):
    base, mod = tm.split("(")
    each("in", (base, mod.rstrip(")")), texts)
each("in", ("char1", "-1"), ["", "a", "abc", "\\200", "\\101", "ä"])
each("in", ("name", "-1"), ["abc", "x" * 80, "ä" * 40])
each("in", ("text", "-1"), ["", "abc", "äöü€𝄞", " x "])
DATES = ["2020-01-02", "20200102", "200102", "Jan 2 2020", "January 2, 2020", "2 Jan 2020", "2-Jan-2020", "Jan-02-2020", "2020-Jan-02",
         "1/2/2020", "1/2/20", "1/2/69", "1/2/70", "13/1/2020", "2020-13-01", "2020-02-30", "2020-02-29", "2021-02-29", "1900-02-29",
         "2000-02-29", "0000-01-01", "0001-01-01", "0001-01-01 BC", "44-03-15 BC", "4713-01-01 BC", "4714-11-24 BC", "4714-11-23 BC",
         "5874897-12-31", "5874898-01-01", "infinity", "-infinity", "+infinity", "epoch", "abc", "", " ", "2020", "2020-01",
         "2020-01-02 03:04:05", "2020-01-02 25:00:00", "2020-01-02 03:04:05+02", "J2451187", "2020.123", "Mon Jan 06 2020", "12/31/1999",
         "1999.12.31", "20200102T030405", "2020-1-2", "99-01-02", "2020-00-01", "2020-01-00", "2020-01-32", "Sept 5 2021",
         "2020-01-02 x", "99999-12-31", "294277-01-01", "2020-W01", "January 99 2020", "2020/01/02", "2020-01-02-03"]
each("in", ("date", "-1"), DATES)
TS = ["2020-01-02 03:04:05", "2020-01-02T03:04:05", "2020-01-02 03:04:05.678", "2020-01-02 03:04:05.123456789", "2020-01-02 03:04",
      "2020-01-02", "20200102 030405", "20200102T030405", "20200102T0304", "2020-01-02 03:04:05.5+02", "2020-01-02 03:04:05-0330",
      "2020-01-02 03:04:05+05:30", "2020-01-02 03:04:05+05:30:15", "2020-01-02 03:04:05Z", "2020-01-02T03:04:05.000Z",
      "2020-01-02 03:04:05 UTC", "2020-01-02 03:04:05 EST", "2020-01-02 03:04:05 GMT", "2020-01-02 3:04 PM", "2020-01-02 12:00 AM",
      "2020-01-02 12:30 PM", "2020-01-02 13:00 PM", "2020-01-02 24:00:00", "2020-01-02 24:00:01", "2020-01-02 23:59:60",
      "2020-01-02 23:60:00", "2020-01-02 03:04:61", "epoch", "infinity", "-infinity", "Jan 2 03:04:05 2020", "Thu Jan 2 03:04:05 2020",
      "Thu Jan 02 03:04:05.25 2020 UTC", "2020-06-15 12:00:00", "2020-03-29 02:30:00", "2020-10-25 02:30:00", "2020-03-29 01:59:59",
      "2020-10-25 03:00:00", "1/2/2020 3:04", "294276-12-31 23:59:59.999999", "294277-01-01", "4713-01-01 BC", "4714-11-23 23:59:59 BC",
      "0044-03-15 12:00:00 BC", "abc", "", "2020-01-02 abc", "2020-01-02 03:04:05+16", "2020-01-02 03:04:05+15:59", "2020-01-02 3",
      "2020-01-02 03:", "2020-01-02 03:04:05 Foo/Bar", "1999-12-31 23:59:59.9999996", "2020-01-02 allballs", "2020-01-02 03:04:05 +02:00",
      "03:04:05", "03:04:05 2020-01-02", "2020-02-30 00:00:00", "0001-01-01 00:00:00", "99999-01-01 00:00:00", "2020-01-02 03:04:05.+01"]
each("in", ("timestamp", "-1"), TS)
each("in", ("timestamptz", "-1"), TS)

for t, texts in (("int2", ["5", "-5"]), ("int4", ["5", "-5", "2147483647"]), ("int8", ["5", "-5"]), ("bool", ["t", "f"]),
                 ("float4", ["1.5", "NaN"]), ("float8", ["1.5", "-Infinity"]), ("text", ["abc", ""]), ("varchar", ["abc"]), ("name", ["abc"]),
                 ("date", ["2020-01-02", "infinity"]), ("timestamp", ["2020-01-02 03:04:05.6", "-infinity"]),
                 ("timestamptz", ["2020-01-02 03:04:05.6+00"]), ("oid", ["4294967295"]),
                 ("numeric", [x for x in NUM if x.strip() and not any(c in x for c in ("abc", "--"))
                              and x not in ("1e", "1.2.3", "1e131072", "0.1e-16383", "1e131071", "1e99999999999")])):
    each("send", (t,), texts)

CASTS = {
    "bool": ["t", "f"], "int2": ["0", "7", "-7", "32767"], "int4": ["0", "1", "-1", "65", "40000", "2147483647", "-2147483648"],
    "int8": ["0", "3000000000", "-1", "5000000000", "9223372036854775807"], "oid": ["0", "4294967295"],
    "float4": ["0", "1.5", "2.5", "-0.5", "32767.4", "1e10", "NaN", "1e30", "Infinity", "0.1", "16777216"],
    "float8": ["0", "1.5", "2.5", "-2.5", "1e10", "9.2e18", "9.3e18", "1e300", "NaN", "-Infinity", "0.1", "123456789.123456789", "1e-50",
               "2147483647.5", "2147483646.5"],
    "numeric": ["0", "1.5", "2.5", "-2.5", "-0.4", "32767.5", "2147483647.4", "2147483647.5", "9223372036854775807.4",
                "9223372036854775807.5", "1e50", "NaN", "Infinity", "0.1", "1e-400", "1e400", "123456789.123456789123456789", "-32768.5",
                "12345678901234567890123456789012345678901.5", "0.49999999999999999999999999999999999999999"],
    "text": ["1", "abc", "t", "2020-01-02", "1.5", ""], "varchar": ["1", "abc  ", "true"], "bpchar": ["1  ", "ab ", "t "],
    "name": ["abc"], "char1": ["a", ""], "date": ["2020-01-02", "infinity", "5874897-01-01", "0044-03-15 BC"],
    "timestamp": ["2020-01-02 03:04:05.678", "infinity", "2020-07-02 23:00:00", "0044-03-15 03:04:05 BC"],
    "timestamptz": ["2020-01-02 03:04:05+00", "-infinity", "2020-07-01 23:00:00+00"],
}
CASTABLE = {
    "bool": ["int4", "text", "bpchar", "varchar"], "int2": ["int8", "int4", "oid", "float4", "float8", "numeric", "text"],
    "int4": ["bool", "char1", "int8", "int2", "oid", "float4", "float8", "numeric", "text", "bpchar"],
    "int8": ["int2", "int4", "oid", "float4", "float8", "numeric", "text"], "oid": ["int8", "int4", "text"],
    "float4": ["int8", "int2", "int4", "float8", "numeric", "text"], "float8": ["int8", "int2", "int4", "float4", "numeric", "text"],
    "numeric": ["int8", "int2", "int4", "float4", "float8", "text"],
    "text": ["int4", "bool", "name", "varchar", "bpchar", "char1", "date", "numeric", "float8", "timestamp", "int2", "int8", "oid"],
    "varchar": ["text", "bpchar", "name", "int4", "bool"], "bpchar": ["text", "varchar", "name", "int4", "bool"],
    "name": ["text", "varchar", "bpchar"], "char1": ["int4", "text", "varchar"],
    "date": ["timestamp", "timestamptz", "text"], "timestamp": ["date", "timestamptz", "text"], "timestamptz": ["date", "timestamp", "text"],
}
for f, tos in CASTABLE.items():
    for to in tos:
        each("cast", (f, to), CASTS[f])


def op(name, lt, rt, ls, rs):
    for a, b in itertools.product(ls, rs):
        add("op", name, lt, a, rt, b)


I2, I4, I8 = ["7", "-3", "32767", "-32768", "0"], ["7", "-3", "2147483647", "-2147483648", "0"], ["7", "-3", "9223372036854775807",
                                                                                            "-9223372036854775808", "0", "-1"]
F = ["0", "1.5", "-2.25", "1e308", "-1e-308", "NaN", "Infinity", "-Infinity", "3"]
N = ["0", "1", "-1.5", "0.001", "12345.6789", "NaN", "Infinity", "-Infinity", "1e30", "3", "99999999999999999999999999999999999999.5",
     "0.0000000000000000000000000000000000000001", "7.00", "-0.000123"]
for o in ("+", "-", "*", "/"):
    op(o, "int2", "int2", I2, I2)
    op(o, "int4", "int4", I4, I4)
    op(o, "int8", "int8", I8, I8)
    op(o, "int2", "int4", I2[:3], I4[:3])
    op(o, "int8", "int4", I8[:4], I4[:4])
    op(o, "float8", "float8", F, F)
    op(o, "float4", "float4", ["0.1", "3e38", "1e-40", "7", "NaN", "0"], ["0.2", "3e38", "1e-10", "3", "0"])
    op(o, "float4", "float8", ["0.1"], ["0.1"])
    op(o, "numeric", "numeric", N, N)
op("%", "int4", "int4", I4, I4)
op("%", "int8", "int8", I8, I8)
op("%", "numeric", "numeric", N, N)
for o in ("=", "<>", "<", "<=", ">", ">="):
    op(o, "int4", "int8", ["1", "-1"], ["1", "2"])
    op(o, "float8", "float8", ["1", "NaN", "Infinity", "0"], ["1", "NaN", "-0"])
    op(o, "numeric", "numeric", ["1.0", "NaN", "Infinity", "-Infinity", "1e30", "0.1", "-5", "123456789012345678901234567890123456.5"],
       ["1.00", "NaN", "-Infinity", "0.10", "1e40", "-5.0000000000000000000000000000000000000001",
        "123456789012345678901234567890123456.50000000"])
    op(o, "text", "text", ["", "a", "ab", "B"], ["a", "b", "ab "])
    op(o, "bpchar", "bpchar", ["a", "ab"], ["a  ", "b"])
    op(o, "bool", "bool", ["t", "f"], ["t", "f"])
    op(o, "date", "timestamp", ["2020-01-02", "infinity", "5874897-01-01"], ["2020-01-02 00:00:00", "2020-01-02 00:00:01", "infinity"])
    op(o, "date", "timestamptz", ["2020-07-02"], ["2020-07-01 22:00:00+00", "2020-07-02 00:00:00+00"])
    op(o, "timestamp", "timestamptz", ["2020-07-02 00:00:00"], ["2020-07-01 22:00:00+00", "2020-07-02 00:00:00+00"])
    op(o, "name", "text", ["a"], ["a", "b"])
    op(o, "char1", "char1", ["a", ""], ["b", "a"])
op("^", "float8", "float8", ["0", "2", "-8", "1e200", "NaN", "1", "Infinity"], ["0", "0.5", "-1", "3", "2", "NaN", "-Infinity", "400"])
op("^", "numeric", "numeric", ["0", "1", "2", "-2", "1.5", "0.5", "10", "123.456", "NaN", "Infinity", "-Infinity", "1.0000001", "99999999"],
   ["0", "1", "2", "3", "-1", "-3", "0.5", "-0.5", "10", "40", "1.7", "100.25", "NaN", "Infinity", "-Infinity", "12345"])
for o in ("&", "|", "#"):
    op(o, "int4", "int4", ["12", "-1"], ["10", "7"])
    op(o, "int8", "int8", ["12"], ["-10"])
for o in ("<<", ">>"):
    op(o, "int2", "int4", ["1", "-8", "300"], ["1", "8", "33"])
    op(o, "int4", "int4", ["1", "-8"], ["1", "31", "33"])
    op(o, "int8", "int4", ["1", "-8"], ["1", "40", "63", "65"])
for o, t, xs in (("-", "int2", ["-32768", "5"]), ("-", "int4", ["-2147483648", "5"]), ("-", "int8", ["-9223372036854775808", "5"]),
                 ("-", "numeric", ["0", "1.50", "NaN", "Infinity", "1e50"]), ("-", "float8", ["0", "1.5"]), ("+", "int4", ["5"]),
                 ("@", "int4", ["-2147483648", "-5"]), ("@", "numeric", ["-1.5", "-1e50", "-Infinity"]), ("@", "float8", ["-1.5"]),
                 ("~", "int4", ["5"]), ("~", "int8", ["-1"]), ("|/", "float8", ["2", "-1"]), ("||/", "float8", ["27", "-8"])):
    for x in xs:
        add("op", o, t, x)
op("||", "text", "text", ["a", "", "ä"], ["b", ""])
for t, x in (("int4", "5"), ("bool", "t"), ("numeric", "1.50"), ("float8", "1e20"), ("date", "2020-01-02"), ("bpchar", "ab  "),
             ("timestamptz", "2020-01-02 00:00:00+00")):
    add("op", "||", "text", "x", t, x)
    add("op", "||", t, x, "text", "y")
PATTERNS = ["", "%", "a%", "%c", "%b%", "abc", "a_c", "_b_", "a%c%", "%a%b%c%", "a\\%c", "\\", "a\\", "ab", "abcd", "%%", "___", "____", "_%_", "A%",
            "ä%", "%ö_"]
for o in ("~~", "!~~", "~~*", "!~~*"):
    op(o, "text", "text", ["", "abc", "ABC", "a%c", "aXbXc", "äöü", "ÄÖÜ", "aab"], PATTERNS)
op("~~", "bpchar", "text", ["abc  "], ["abc", "abc  ", "abc%"])
op("~", "text", "text", ["abc", "aBc"], ["^a", "b$", "a.c", "^(abc)$", "[0-9]+"])
op("~*", "text", "text", ["abc", "aBc"], ["B", "^ABC$"])
op("+", "date", "int4", ["2020-01-31", "infinity", "5874897-12-31"], ["1", "-31", "2147483647"])
op("-", "date", "int4", ["2020-01-01"], ["1", "-31"])
op("-", "date", "date", ["2020-03-01", "infinity"], ["2020-02-01", "1999-12-31"])
op("^@", "text", "text", ["abc"], ["ab", "b", ""])


def fn(name, *args):
    """args: (type, [texts]) pairs; all combinations."""
    types = [a[0] for a in args]
    for combo in itertools.product(*[a[1] for a in args]):
        add("fn", name, *[x for pair in zip(types, combo) for x in pair])


S = ["", "a", "hello world", "äöü€𝄞", "  x y  ", "xxabcxx", "O'Brien \\ \"q\""]
NN = ["0", "1.5", "-1.5", "2.5", "-0.4", "12345.6789", "-99.995", "NaN", "Infinity", "-Infinity", "1e40", "-1e-40",
      "123456789012345678901234567890123456.789"]
for f in ("abs", "ceil", "floor", "round", "trunc", "sign"):
    fn(f, ("numeric", NN))
    fn(f, ("float8", F + ["2.5", "-0.5"]))
fn("abs", ("int4", I4))
fn("abs", ("int8", I8))
for f in ("round", "trunc"):
    fn(f, ("numeric", NN), ("int4", ["0", "1", "2", "-2", "5", "40", "-40", "100"]))
for f in ("sqrt", "exp", "ln"):
    fn(f, ("numeric", ["0", "1", "2", "0.5", "100", "1e20", "1e-20", "12345.678", "-1", "NaN", "Infinity", "-Infinity", "3.00000000000000000000001",
                       "1.0000000001", "0.99", "1e100", "-5.25", "-500", "6000", "0.00000001", "123456789012345678901234567890.5",
                       "1.05", "20000", "0.0001234"]))
    fn(f, ("float8", ["0", "1", "2", "0.5", "-1", "NaN", "Infinity", "1000", "-1000"]))
fn("log", ("numeric", ["100", "2", "0.001", "1", "0", "-1", "1e50"]))
fn("log", ("numeric", ["2", "10", "0.5", "1.0001", "1"]), ("numeric", ["64", "2", "0.001", "1", "1e30"]))
fn("log", ("float8", ["100", "2", "0"]))
fn("power", ("float8", ["2"]), ("float8", ["10", "-1"]))
fn("mod", ("int4", ["7", "-7"]), ("int4", ["3", "0", "-1"]))
fn("mod", ("numeric", ["7.5", "-7"]), ("numeric", ["2", "0"]))
fn("div", ("numeric", ["7.5", "-7", "1e40", "NaN"]), ("numeric", ["2", "0", "0.3", "Infinity"]))
fn("factorial", ("int8", ["0", "5", "30", "100", "-1"]))
fn("gcd", ("int4", ["12", "-8", "-2147483648"]), ("int4", ["18", "0", "-2147483648"]))
fn("lcm", ("int8", ["12", "-8", "9223372036854775807"]), ("int8", ["18", "0", "2"]))
fn("scale", ("numeric", ["1", "1.50", "NaN"]))
fn("width_bucket", ("float8", ["5", "-1", "10", "11"]), ("float8", ["0"]), ("float8", ["10"]), ("int4", ["4"]))
fn("pi")
fn("degrees", ("float8", ["1", "3.14159265358979"]))
fn("radians", ("float8", ["180", "90.5"]))
for f in ("sin", "cos", "atan"):
    fn(f, ("float8", ["0", "1", "Infinity"]))
for f in ("asin", "acos"):
    fn(f, ("float8", ["0.5", "2"]))
fn("to_hex", ("int4", ["255", "-1"]))
fn("to_hex", ("int8", ["255", "-1"]))
for f in ("length", "char_length", "character_length", "octet_length", "bit_length", "upper", "lower", "initcap", "reverse", "md5", "ascii",
          "btrim", "ltrim", "rtrim", "quote_ident", "quote_literal"):
    fn(f, ("text", S))
fn("upper", ("text", ["straße éàç ñ ƒ žćč αβγς привет ǆ ﬁ"]))
fn("lower", ("text", ["STRASSE ÉÀÇ Ñ ŽĆČ ΑΒΓΣ ПРИВЕТ İ Ǆ"]))
fn("initcap", ("text", ["hello wORLD foo-bar x1y éa_b ab2cd"]))
fn("length", ("bpchar", ["ab  "]))
fn("octet_length", ("bpchar", ["ab  "]))
for f in ("substr", "substring"):
    fn(f, ("text", S), ("int4", ["-2", "0", "1", "3", "99"]))
    fn(f, ("text", S), ("int4", ["-2", "0", "1", "3", "99"]), ("int4", ["0", "2", "4", "-1", "2147483647"]))
for f in ("left", "right"):
    fn(f, ("text", S), ("int4", ["0", "2", "-2", "99", "-99"]))
for f in ("strpos", "position"):
    fn(f, ("text", S), ("text", ["", "o", "x", "€", "zz", "xx"]))
fn("replace", ("text", S), ("text", ["", "x", "o", "xx", "ö"]), ("text", ["", "YY"]))
for f in ("btrim", "ltrim", "rtrim"):
    fn(f, ("text", S), ("text", ["", "x", "x ", "äa", "hd"]))
for f in ("lpad", "rpad"):
    fn(f, ("text", ["hi", "äöü", ""]), ("int4", ["5", "1", "0", "-1", "8"]))
    fn(f, ("text", ["hi", "äöü", ""]), ("int4", ["5", "1", "8"]), ("text", ["xy", "", "ß€"]))
fn("repeat", ("text", ["ab", "ä", ""]), ("int4", ["0", "3", "-1"]))
fn("split_part", ("text", ["a,b,c", "a", "", "a,,b", ",a,"]), ("text", [",", "", ",,"]), ("int4", ["1", "2", "3", "4", "-1", "-2", "-4", "0"]))
fn("chr", ("int4", ["65", "228", "8364", "119070", "0", "-1", "1114112", "55296"]))
fn("translate", ("text", ["12345", "äbc", ""]), ("text", ["143", "ä", "äb"]), ("text", ["ax", "", "öx"]))
fn("starts_with", ("text", ["abc"]), ("text", ["a", "b"]))
fn("overlay", ("text", ["Txxxxas"]), ("text", ["hom"]), ("int4", ["2", "0", "99"]), ("int4", ["4", "0"]))
fn("overlay", ("text", ["Txxxxas"]), ("text", ["hom"]), ("int4", ["2"]))
fn("like_escape", ("text", ["a%b#%", "a\\b", "ab#"]), ("text", ["#", "", "xx"]))
fn("concat", ("text", ["a"]), ("int4", ["5"]), ("bool", ["t"]), ("numeric", ["1.50"]))
fn("concat_ws", ("text", [",", ""]), ("text", ["a"]), ("int4", ["5"]), ("date", ["2020-01-02"]))
fn("format_type", ("oid", ["23", "1043", "1700", "1042", "1114", "16", "18", "0"]), ("int4", ["-1", "7", "655366"]))
fn("pg_size_pretty", ("int8", ["0", "10239", "10240", "10485247", "10485248", "123456789", "-123456789", "123456789012345", "9223372036854775807"]))
UNITS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium",
         "dow", "isodow", "doy", "isoyear", "julian", "epoch", "timezone", "timezone_hour", "foo", "YEAR"]
T1 = ["2020-01-02 03:04:05.678901", "2000-12-31 23:59:59", "1969-12-31 23:59:59.5", "infinity", "-infinity", "0044-03-15 12:30:00 BC",
      "0001-01-01 00:00:00", "1900-06-15 00:00:00", "2021-01-03 12:00:00"]
fn("extract", ("text", UNITS), ("timestamp", T1))
fn("extract", ("text", UNITS), ("date", ["2020-01-02", "infinity", "1969-12-31", "0044-03-15 BC", "2021-01-03"]))
fn("extract", ("text", UNITS), ("timestamptz", ["2020-07-02 03:04:05.678901+00", "infinity", "1969-12-31 23:59:59.5+00"]))
fn("date_part", ("text", UNITS), ("timestamp", T1))
fn("date_part", ("text", UNITS), ("date", ["2020-01-02", "-infinity"]))
fn("date_part", ("text", UNITS), ("timestamptz", ["2020-07-02 03:04:05.678901+00"]))
fn("date_trunc", ("text", UNITS), ("timestamp", T1))
fn("date_trunc", ("text", UNITS), ("timestamptz", ["2020-07-02 03:04:05.678901+00", "2020-10-25 01:30:00+00", "infinity"]))
fn("date_trunc", ("text", ["day", "hour"]), ("timestamptz", ["2020-07-02 03:04:05.678901+00"]), ("text", ["UTC", "EST", "Foo/Bar"]))
fn("make_date", ("int4", ["2020", "-44", "0", "5874898"]), ("int4", ["2", "13"]), ("int4", ["29", "30"]))
fn("make_timestamp", ("int4", ["2020"]), ("int4", ["1"]), ("int4", ["2"]), ("int4", ["3", "24"]), ("int4", ["4", "0"]), ("float8", ["5.678", "60", "0"]))
fn("make_timestamptz", ("int4", ["2020"]), ("int4", ["7"]), ("int4", ["2"]), ("int4", ["3"]), ("int4", ["4"]), ("float8", ["5.678"]))
fn("isfinite", ("date", ["infinity", "2020-01-01"]))
fn("isfinite", ("timestamp", ["infinity", "2020-01-01"]))
fn("timezone", ("text", ["UTC", "EST", "+02", "-03:30", "Foo/Bar"]), ("timestamp", ["2020-07-02 03:04:05"]))
fn("timezone", ("text", ["UTC", "EST", "+02", "-03:30", "Foo/Bar"]), ("timestamptz", ["2020-07-02 03:04:05+00"]))
fn("to_timestamp", ("float8", ["0", "1577934245.678", "-1", "NaN", "Infinity", "1e20"]))
FMT = ["YYYY-MM-DD HH24:MI:SS", "YYYY-MM-DD\"T\"HH24:MI:SS.MS", "Day, DD Month YYYY", "FMDay, FMDD FMMonth YYYY", "Dy Mon dy mon DY MON", "HH12:MI:SS AM",
       "hh:mi:ss p.m.", "DDD IDDD WW IW IYYY IYY J Q D ID W CC", "Y,YYY YYY YY Y", "SSSS US MS", "DDth DDTH FMDDth", "RM rm FMRM", "AD bc B.C.", "\\\"x\\\" -/;",
       "TZ tz OF TZH:TZM", "xyz \"quoted YYYY\" end", ""]
fn("to_char", ("timestamp", ["2020-01-02 03:04:05.678901", "1999-12-31 23:59:59", "0044-03-15 12:00:00 BC", "infinity", "2021-05-03 00:00:00"]), ("text", FMT))
fn("to_char", ("timestamptz", ["2020-07-02 03:04:05.678901+00"]), ("text", [f for f in FMT if "TZ" not in f] + ["OF TZH TZM"]))


def agg(name, type_, *lists):
    for xs in lists:
        add("agg", name, type_, *xs)


AI = (["1", "2", "3", "4"], ["5"], ["\\N"], [], ["1", "\\N", "2"], ["-7", "7", "7", "100"], ["32767", "32767", "-32768"])
AN = (["1", "2", "3", "4"], ["1.5", "2.25", "-3"], ["\\N"], ["1", "NaN"], ["Infinity", "1"], ["Infinity", "-Infinity"],
      ["99999999999999999999999999999999999", "0.00000000000000000000000001", "99999999999999999999999999999999999"],
      ["1e40", "-1e40", "1.000"], ["0.1"] * 10, ["1.10", "2.2", "3.300", "4"], ["12345678901234567890.5", "0.0000000001", "7"])
AF = (["1", "2", "3", "4"], ["0.1", "0.2", "0.3"], ["NaN", "1"], ["Infinity", "1"], ["\\N"], ["5"], ["1e308", "1e308"])
MOMENTS = ("sum", "avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp")
for f in MOMENTS + ("min", "max"):
    for t in ("int2", "int4", "int8"):
        agg(f, t, *AI)
    agg(f, "numeric", *AN)
    agg(f, "float4", *AF[:6])
    agg(f, "float8", *AF)
agg("sum", "int4", ["2147483647", "2147483647"])
agg("sum", "int8", ["9223372036854775807", "9223372036854775807"], ["-9223372036854775808"] * 3)
agg("variance", "int8", ["9223372036854775807", "-9223372036854775808", "1"])
for f in ("min", "max"):
    agg(f, "text", ["b", "a", "C", "ä"], ["\\N"], ["", "x"])
    agg(f, "bpchar", ["b ", "a"])
    agg(f, "date", ["2020-01-02", "1999-01-01", "infinity"])
    agg(f, "timestamp", ["2020-01-02", "1999-01-01"])
    agg(f, "timestamptz", ["2020-01-02", "1999-01-01"])
    agg(f, "oid", ["1", "4294967295"])
for f in ("bool_and", "bool_or", "every"):
    agg(f, "bool", ["t", "t"], ["t", "f"], ["f"], ["\\N", "t"], [])
for f in ("bit_and", "bit_or", "bit_xor"):
    agg(f, "int4", ["12", "10"], [], ["-1", "5", "\\N"])
agg("count", "int4", ["1", "\\N", "2"], [])
agg("string_agg", "text", ["a", "\\N", "b", "", "c"], ["x"], [], ["\\N"])

SQLTYPE = {"char1": '"char"'}


def lit(text, type_):
    return "'" + text.replace("'", "''") + "'::" + SQLTYPE.get(type_, type_)


def query(c):
    kind, f = c[0], c[1:]
    if kind == "in":
        return "select '" + f[2].replace("'", "''") + "'::" + SQLTYPE.get(f[0], f[0]) + ("" if f[1] == "-1" else f"({f[1]})")
    if kind == "send":
        name = {"timestamptz": "timestamptz_", "timestamp": "timestamp_", "numeric": "numeric_", "date": "date_"}.get(f[0], f[0])
        return f"select encode({name}send({lit(f[1], f[0])}), 'hex')"
    if kind == "cast":
        return f"select ({lit(f[2], f[0])})::" + SQLTYPE.get(f[1], f[1])
    if kind == "fn":
        args = ", ".join(lit(f[i + 1], f[i]) for i in range(1, len(f), 2))
        return f'select pg_catalog."{f[0]}"({args})'
    if kind == "op":
        if len(f) == 3:
            return f"select {f[0]} ({lit(f[2], f[1])})"
        return f"select ({lit(f[2], f[1])}) {f[0]} ({lit(f[4], f[3])})"
    if kind == "agg":
        rows = ", ".join("(%d, %s)" % (i, "NULL::" + f[1] if x == "\\N" else lit(x, f[1])) for i, x in enumerate(f[2:]))
        source = f"(values {rows}) v(i, x)" if rows else f"(select 1, NULL::{f[1]} where false) v(i, x)"
        second = ", ','::text" if f[0] == "string_agg" else ""
        return f"select {f[0]}(x{second} order by i) from {source}"
    raise AssertionError(kind)


def main():
    sql = [f"set timezone = '{ZONE}'; set client_min_messages = error;",
           "create function pg_temp.ev(q text) returns text language plpgsql as $$ declare r text; begin begin execute q into r; "
           "exception when others then return '! ' || sqlstate || ' ' || sqlerrm; end; "
           "return coalesce('= ' || r, 'null'); end $$;"]
    for c in cases:
        q = query(c)
        assert "$q$" not in q
        # the text of the value as the type's output function writes it: format('%s', ...) keeps booleans as t and f
        inner = "select format('%s', x) from (" + q + ") s(x) where x is not null"
        sql.append(f"select pg_temp.ev($q${inner}$q$);")
    r = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-R", "\x1e"] + sys.argv[1:], input="\n".join(sql),
                       capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)
    answers = [a for a in r.stdout.replace("\x1e", "\n").split("\n")]
    if answers and answers[-1] == "":
        answers.pop()
    assert len(answers) == len(cases), (len(answers), len(cases))
    seen = set()
    for c, a in zip(cases, answers):
        line = "\t".join(c + (a,))
        if line not in seen:
            seen.add(line)
            print(line)


if __name__ == "__main__":
    main()
