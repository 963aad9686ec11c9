#!/usr/bin/env python3
"""Describes each statement of a corpus with a PostgreSQL 15 server.

Usage: make-sql-expected.py CONNINFO CORPUS.sql > CORPUS.tsv

Creates the tables that tests/unit/sql/fake_catalog.c has (in the empty
database that CONNINFO names), prepares each line, and prints one line a statement:
either "ok", the result columns and the parameter types, or "error", SQLSTATE,
position and message. Speaks to libpq itself: no Python driver is needed.
"""
import ctypes
import ctypes.util
import sys

pq = ctypes.CDLL(ctypes.util.find_library("pq"))
for name in ("PQconnectdb", "PQexec", "PQprepare", "PQdescribePrepared"):
    getattr(pq, name).restype = ctypes.c_void_p
for name in ("PQresultErrorField", "PQfname", "PQgetvalue", "PQerrorMessage"):
    getattr(pq, name).restype = ctypes.c_char_p

TABLES = """
create table t (a int primary key, b varchar(10) default 'x', c numeric(10,2), d timestamptz default now(), e float8, f bigint,
                g char(5), h boolean, i date, j text, k smallint default 7);
create table u (a int primary key, x bigint check (x > 0), y text);
create table two (p int, q text, r int, primary key (p, q));
create table pgbench_branches (bid int primary key, bbalance int, filler char(88));
create table pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84));
create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
"""


def type_name(conn, oid, mod):
    r = ctypes.c_void_p(pq.PQexec(conn, f"select format_type({oid}, {mod})".encode()))
    s = pq.PQgetvalue(r, 0, 0).decode()
    pq.PQclear(r)
    return s


def describe(conn, sql):
    r = ctypes.c_void_p(pq.PQprepare(conn, b"s", sql.encode(), 0, None))
    if pq.PQresultStatus(r) != 1:
        field = lambda c: (pq.PQresultErrorField(r, ord(c)) or b"").decode()
        return "error\t%s\t%s\t%s" % (field("C"), field("P") or 0, field("M"))
    r = ctypes.c_void_p(pq.PQdescribePrepared(conn, b"s"))
    cols = [pq.PQfname(r, i).decode() + " " + type_name(conn, pq.PQftype(r, i) & 0xffffffff, pq.PQfmod(r, i)) for i in range(pq.PQnfields(r))]
    params = [type_name(conn, pq.PQparamtype(r, i) & 0xffffffff, -1) for i in range(pq.PQnparams(r))]
    pq.PQexec(conn, b"deallocate s")
    return "ok\t%s\t%s" % ("; ".join(cols), "; ".join(params))


def main():
    conn = ctypes.c_void_p(pq.PQconnectdb(sys.argv[1].encode()))
    if pq.PQstatus(conn) != 0:
        sys.exit(pq.PQerrorMessage(conn).decode())
    pq.PQexec(conn, b"set client_min_messages = error; set lc_messages = 'C'; drop schema public cascade; create schema public")
    pq.PQexec(conn, TABLES.encode())
    for line in open(sys.argv[2], encoding="utf-8"):
        sql = line.rstrip("\n")
        if sql:
            print(sql + "\t" + describe(conn, sql))


main()
