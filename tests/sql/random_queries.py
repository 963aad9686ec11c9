#!/usr/bin/env python3
"""Random queries on two servers: rows (as a multiset) or SQLSTATEs must agree.

    random_queries.py PORT_OF_POSTGRESQL PORT [COUNT [SEED]]

Not part of ./check, which needs no PostgreSQL: what it finds becomes a case of cases/.
"""
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'cluster'))
import pg  # noqa: E402

TABLES = {'r1': 60, 'r2': 25, 'r3': 400}
COLUMNS = {'id': 'int', 'a': 'int', 's': 'smallint', 'b': 'bigint', 'n': 'numeric', 'f': 'float', 't': 'text', 'v': 'text', 'o': 'bool', 'd': 'date', 'ts': 'timestamp'}


def setup(r, connections):
    for table, rows in TABLES.items():
        sql = ['DROP TABLE IF EXISTS %s' % table, 'CREATE TABLE %s (id int PRIMARY KEY, a int, s smallint, b bigint, n numeric(12,3), f float8, t text, v varchar(8), '
               'o boolean, d date, ts timestamp)' % table]
        for i in range(rows):
            values = [str(i)]
            for kind in list(COLUMNS.values())[1:]:
                values.append('NULL' if r.random() < 0.15 else literal(r, kind))
            sql.append('INSERT INTO %s VALUES (%s)' % (table, ', '.join(values)))
        sql += ['CREATE INDEX ON %s (a)' % table, 'CREATE INDEX ON %s (t, s DESC)' % table, 'CREATE INDEX ON %s (n DESC NULLS LAST)' % table, 'ANALYZE ' + table]
        for c in connections:
            for statement in sql:
                c.query(statement)


def literal(r, kind):
    return {
        'int': lambda: str(r.randrange(-3, 12)), 'smallint': lambda: str(r.randrange(-2, 9)), 'bigint': lambda: str(r.choice([0, 1, 5, 7, 10 ** 12, -4])),
        'numeric': lambda: r.choice(['0', '1.5', '-2.250', '7', '100.001', '5']), 'float': lambda: r.choice(["0::float8", "1.5::float8", "-0.25::float8", "1e10::float8", "5::float8"]),
        'text': lambda: r.choice(["'a'", "'b'", "'abc'", "''", "'Ab'", "'a b'", "'zz%'", "'5'"]), 'bool': lambda: r.choice(['true', 'false']),
        'date': lambda: r.choice(["date '2020-01-01'", "date '2019-12-31'", "date '2020-02-29'"]),
        'timestamp': lambda: r.choice(["timestamp '2020-01-01 00:00'", "timestamp '2020-01-01 12:30:15.5'", "timestamp '1999-12-31'"]),
    }[kind]()


NUMBERS = ['int', 'smallint', 'bigint', 'numeric', 'float']


class Query:
    def __init__(self, r):
        self.r, self.scope, self.used = r, [], 0

    def expr(self, kind, depth):
        r = self.r
        if depth <= 0 or r.random() < 0.25:
            if self.scope and r.random() < 0.75:
                columns = [c for c, k in COLUMNS.items() if k == kind] or ['id']
                if columns != ['id'] or kind == 'int':
                    return '%s.%s' % (r.choice(self.scope), r.choice(columns))
            return 'NULL::%s' % {'float': 'float8', 'bool': 'boolean'}.get(kind, kind) if r.random() < 0.1 else literal(r, kind)
        e = lambda k: self.expr(k, depth - 1)  # noqa: E731
        any_kind = r.choice(list(set(COLUMNS.values())))
        general = [lambda: 'CASE WHEN %s THEN %s ELSE %s END' % (e('bool'), e(kind), e(kind)), lambda: 'coalesce(%s, %s)' % (e(kind), e(kind)),
                   lambda: 'nullif(%s, %s)' % (e(kind), e(kind)), lambda: '%s(%s, %s)' % (r.choice(['greatest', 'least']), e(kind), e(kind))]
        if r.random() < 0.2:
            return r.choice(general)()
        if kind == 'bool':
            compare = ['=', '<>', '<', '<=', '>', '>=']
            number = r.choice(NUMBERS)
            return r.choice([
                lambda: '(%s %s %s)' % (e(any_kind), r.choice(compare), e(any_kind)), lambda: '(%s %s %s)' % (e(r.choice(NUMBERS)), r.choice(compare), e(number)),
                lambda: '(%s AND %s)' % (e('bool'), e('bool')), lambda: '(%s OR %s)' % (e('bool'), e('bool')), lambda: '(NOT %s)' % e('bool'),
                lambda: '(%s IS %sNULL)' % (e(any_kind), r.choice(['', 'NOT '])), lambda: '(%s IN (%s, %s, %s))' % (e(any_kind), e(any_kind), e(any_kind), literal(r, any_kind)),
                lambda: '(%s NOT IN (%s, %s))' % (e(any_kind), e(any_kind), literal(r, any_kind)),
                lambda: '(%s BETWEEN %s AND %s)' % (e(any_kind), e(any_kind), e(any_kind)), lambda: "(%s LIKE %s)" % (e('text'), r.choice(["'a%'", "'%b%'", "'_'", "'%'"])),
                lambda: '(%s IS DISTINCT FROM %s)' % (e(any_kind), e(any_kind)), lambda: '(%s IS %s)' % (e('bool'), r.choice(['TRUE', 'NOT FALSE', 'UNKNOWN'])),
                lambda: self.subquery_test(depth),
            ])()
        if kind in ('int', 'smallint', 'bigint', 'numeric', 'float'):
            name = {'float': 'float8'}.get(kind, kind)
            other = r.choice(NUMBERS)
            return r.choice([
                lambda: '(%s %s %s)::%s' % (e(kind), r.choice('+-*'), e(kind), name), lambda: '(%s / nullif(%s, 0))::%s' % (e(kind), e(kind), name),
                lambda: 'abs(%s)' % e(kind), lambda: '(- %s)' % e(kind), lambda: '(%s)::%s' % (e(other), name), lambda: 'length(%s)::%s' % (e('text'), name),
                lambda: '(%s - %s)::%s' % (e('date'), e('date'), name) if kind == 'int' else e(kind), lambda: 'round((%s)::numeric, 1)::%s' % (e(other), name),
                lambda: 'extract(%s FROM %s)::%s' % (r.choice(['year', 'month', 'day', 'dow', 'doy']), e(r.choice(['date', 'timestamp'])), name),
                lambda: '(SELECT %s(%s.a)::%s FROM %s AS q%d WHERE q%d.id < %s)' % (r.choice(['max', 'count', 'sum']), 'q%d' % depth, name, 'r2', depth, depth, e('int')),
            ])()
        if kind == 'text':
            return r.choice([
                lambda: '(%s || %s)' % (e('text'), e('text')), lambda: 'upper(%s)' % e('text'), lambda: 'substr(%s, %d, %d)' % (e('text'), r.randrange(0, 3), r.randrange(0, 3)),
                lambda: '(%s)::text' % e(r.choice(['int', 'bool', 'date', 'numeric', 'timestamp', 'bigint'])), lambda: 'replace(%s, \'a\', \'xy\')' % e('text'),
                lambda: 'trim(%s)' % e('text'), lambda: 'lpad(%s, 4, \'-\')' % e('text')])()
        if kind == 'date':
            return r.choice([lambda: '(%s + %s)' % (e('date'), r.randrange(-400, 400)), lambda: '(%s)::date' % e('timestamp')])()
        return r.choice([lambda: '(%s)::timestamp' % e('date'), lambda: "date_trunc('%s', %s)" % (r.choice(['month', 'hour', 'day', 'year']), e('timestamp'))])()

    def subquery_test(self, depth):
        r, alias = self.r, 'x%d' % self.used
        self.used += 1
        outer = list(self.scope)
        self.scope = [alias] if r.random() < 0.5 or not outer else outer + [alias]
        where = self.expr('bool', min(depth - 1, 2))
        self.scope = outer
        table = r.choice(list(TABLES))
        if r.random() < 0.5 or not outer:
            return '(%sEXISTS (SELECT 1 FROM %s AS %s WHERE %s))' % (r.choice(['', 'NOT ']), table, alias, where)
        return '(%s.a %s (SELECT %s.a FROM %s AS %s WHERE %s))' % (r.choice(outer), r.choice(['IN', 'NOT IN', '= ANY', '> ALL', '<= ANY']), alias, table, alias, where)

    def from_clause(self):
        r = self.r
        n = r.choice([1, 1, 2, 2, 3])
        aliases = ['t%d' % i for i in range(n)]
        text = '%s AS t0' % r.choice(list(TABLES))
        self.scope = ['t0']
        for alias in aliases[1:]:
            self.scope = self.scope + [alias]
            source = r.choice(list(TABLES)) if r.random() < 0.8 else '(SELECT * FROM %s WHERE a > 2)' % r.choice(['r1', 'r2'])
            kind = r.choice(['JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'])
            column = r.choice(['id', 'a', 's', 't', 'n', 'd'])
            on = '%s.%s = %s.%s' % (r.choice(self.scope[:-1]), column, alias, column)
            if kind != 'FULL JOIN' and r.random() < 0.4:
                on += ' AND ' + self.expr('bool', 1)
            text += ' %s %s AS %s ON %s' % (kind, source, alias, on)
        return text

    def select(self):
        r = self.r
        source = self.from_clause()
        where = ' WHERE ' + self.expr('bool', 3) if r.random() < 0.7 else ''
        kinds = [r.choice(list(COLUMNS.values())) for _ in range(r.choice([1, 2, 3]))]
        if r.random() < 0.35:
            keys = [self.expr(k, 1) for k in kinds[:r.choice([0, 1, 2])]]
            aggregates = []
            for _ in range(r.choice([1, 2])):
                number = self.expr(r.choice(['int', 'smallint', 'bigint', 'numeric']), 1)
                aggregates.append(r.choice(['count(*)', 'count(%s)' % self.expr('text', 1), 'sum(%s)' % number, 'avg(%s)' % number, 'min(%s)' % self.expr('text', 1),
                                            'max(%s)' % self.expr('date', 1), 'count(DISTINCT %s)' % number, 'bool_or(%s)' % self.expr('bool', 1),
                                            'sum(%s) FILTER (WHERE %s)' % (number, self.expr('bool', 1))]))
            having = ' HAVING count(*) > %d' % r.randrange(0, 3) if r.random() < 0.3 else ''
            group = ' GROUP BY ' + ', '.join(str(i + 1) for i in range(len(keys))) if keys else ''
            return 'SELECT %s FROM %s%s%s%s' % (', '.join(keys + aggregates), source, where, group, having)
        targets = [self.expr(k, 2) for k in kinds]
        sql = 'SELECT %s%s FROM %s%s' % ('DISTINCT ' if r.random() < 0.2 else '', ', '.join(targets), source, where)
        if r.random() < 0.4:
            order = ', '.join('%d%s%s' % (i + 1, r.choice(['', ' DESC']), r.choice(['', ' NULLS FIRST', ' NULLS LAST'])) for i in range(len(targets)))
            sql += ' ORDER BY ' + order + (' LIMIT %d' % r.randrange(0, 12) if r.random() < 0.6 else '') + (' OFFSET %d' % r.randrange(0, 5) if r.random() < 0.3 else '')
        return sql

    def statement(self):
        first = self.select()
        if self.r.random() < 0.08 and 'ORDER' not in first:
            return first + self.r.choice([' UNION ', ' UNION ALL ']) + first
        return first


def outcome(c, sql):
    try:
        rows = c.query(sql)
        return sorted(rows, key=repr)
    except pg.Error as e:
        return e.sqlstate + ' ' + e.message


def same(a, b):
    if isinstance(a, str) and isinstance(b, str):
        return a[:5] == b[:5]
    return a == b


def main(args):
    reference, ours = (pg.Connection(int(p), timeout=60) for p in args[:2])
    count, seed = int(args[2]) if len(args) > 2 else 1000, int(args[3]) if len(args) > 3 else 1
    r = random.Random(seed)
    for c in (reference, ours):
        c.query("SET statement_timeout = '8s'")
    setup(r, (reference, ours))
    differ = failed = 0
    for i in range(count):
        sql = Query(random.Random(seed * 1000003 + i)).statement()
        a, b = outcome(reference, sql), outcome(ours, sql)
        failed += isinstance(a, str)
        # runtime errors may or may not be met, depending on the plan
        if same(a, b) or (isinstance(b, str) and b[:5] == '57014') or (isinstance(a, str) and a[:2] in ('22', '57')) or (isinstance(b, str) and b[:2] == '22'):
            continue
        differ += 1
        print('-- %d\n%s;\n--   PostgreSQL: %s\n--   here:       %s' % (i, sql, str(a)[:300], str(b)[:300]), flush=True)
    print('%d queries, %d of them errors, %d differ' % (count, failed, differ))
    return differ


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(1 if main(sys.argv[1:]) else 0)
