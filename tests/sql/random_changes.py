#!/usr/bin/env python3
"""Random changes on PostgreSQL and here, here in turn through several nodes: row counts, SQLSTATEs and the tables' contents must agree.

    random_changes.py PORT_OF_POSTGRESQL PORT[,PORT...] [COUNT [SEED]]

Transactions with savepoints, keys that move, unique keys, wide values, truncation, indexes that come and go. Not part of ./check.
"""
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'cluster'))
import pg  # noqa: E402

CONTENTS = 'SELECT id, u, a, length(t), md5(t), n FROM rc ORDER BY id'
BY_INDEX = ['SELECT count(*), sum(id) FROM rc WHERE a = %d', 'SELECT id FROM rc WHERE u BETWEEN %d AND 60 ORDER BY u', 'SELECT id, a FROM rc ORDER BY a DESC NULLS LAST, id LIMIT 5 OFFSET %d']


class Changes:
    def __init__(self, r):
        self.r, self.depth, self.index = r, None, 0

    def value(self):
        r = self.r
        return r.choice(['NULL', "'x'", "repeat('%s', %d)" % (r.choice('abc'), r.choice([10, 300, 3000, 20000])), "''"])

    def where(self):
        r = self.r
        return r.choice(['id = %d' % r.randrange(80), 'u = %d' % r.randrange(80), 'a = %d' % r.randrange(6), 'id BETWEEN %d AND %d' % (r.randrange(80), r.randrange(80)),
                         'a IN (%d, %d)' % (r.randrange(6), r.randrange(6)), 'n > %d' % r.randrange(100), 'id %% %d = 0' % r.randrange(2, 9)])

    def statement(self):
        r = self.r
        x = r.random()
        if self.depth is None and x < 0.12:
            self.depth = 0
            return r.choice(['BEGIN', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ'])
        if self.depth is not None and x < 0.12:
            self.depth = None
            return r.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])
        if self.depth is not None and x < 0.25:
            if self.depth > 0 and r.random() < 0.6:
                level = r.randrange(1, self.depth + 1)
                if r.random() < 0.6:
                    self.depth = level
                    return 'ROLLBACK TO s%d' % level
                self.depth = level - 1
                return 'RELEASE s%d' % level
            self.depth += 1
            return 'SAVEPOINT s%d' % self.depth
        if x < 0.55:
            rows = ', '.join('(%d, %s, %d, %s, %d.%d)' % (r.randrange(80), r.choice(['NULL', str(r.randrange(80))]), r.randrange(6), self.value(), r.randrange(100), r.randrange(10))
                             for _ in range(r.choice([1, 1, 2, 5])))
            return 'INSERT INTO rc VALUES %s' % rows
        if x < 0.82:
            return 'UPDATE rc SET %s WHERE %s' % (r.choice(['a = a + 1', 't = ' + self.value(), 'n = n * 2, a = %d' % r.randrange(6),
                                                            "t = coalesce(t, '') || 'y'", 'u = NULL', 'id = id, a = NULL']), self.where())
        if x < 0.86:  # unique keys of one row: with several it depends on the order of rows which one fails
            return 'UPDATE rc SET %s = %d WHERE %s' % (r.choice(['id', 'u']), r.randrange(80), r.choice(['id = %d', 'u = %d']) % r.randrange(80))
        if x < 0.93:
            return 'DELETE FROM rc WHERE %s' % self.where()
        if x < 0.95:
            self.index += 1
            return 'CREATE INDEX rc_i%d ON rc (%s)' % (self.index, r.choice(['a', 'a DESC, n', 'n', 'a, id', 'u']))
        if x < 0.97:
            return 'DROP INDEX IF EXISTS rc_i%d' % r.randrange(self.index + 1)
        if x < 0.975:
            return 'TRUNCATE rc'
        return r.choice(BY_INDEX) % r.randrange(6)


def outcome(c, sql):
    c.start_query(sql)
    try:
        results = c.finish_query()
    except pg.Error as e:
        return e.sqlstate
    return [(x.tag, x.rows) for x in results]


def main(args):
    reference = pg.Connection(int(args[0]), timeout=60)
    ours = [pg.Connection(int(p), timeout=60) for p in args[1].split(',')]
    count, seed = int(args[2]) if len(args) > 2 else 2000, int(args[3]) if len(args) > 3 else 1
    r = random.Random(seed)
    for c in (reference, ours[0]):
        c.query('DROP TABLE IF EXISTS rc; CREATE TABLE rc (id int PRIMARY KEY, u int UNIQUE, a int, t text, n numeric); CREATE INDEX rc_i0 ON rc (a)')
    changes, differ, node = Changes(r), 0, 0
    for i in range(count):
        if changes.depth is None:
            node = r.randrange(len(ours))
        sql = changes.statement()
        a, b = outcome(reference, sql), outcome(ours[node], sql)
        if reference.status == b'E' and b == a:
            changes.depth = None if reference.status == b'I' else changes.depth
            end = 'ROLLBACK TO s%d' % changes.depth if changes.depth else 'ROLLBACK'
            changes.depth = changes.depth if changes.depth else None
            a, b = outcome(reference, end), outcome(ours[node], end)
        if a == b and i % 10 == 0:
            sql, a, b = CONTENTS, outcome(reference, CONTENTS), outcome(ours[node], CONTENTS)
        if a != b:
            differ += 1
            print('-- %d, node %d\n%s;\n--   PostgreSQL: %s\n--   here:       %s' % (i, node + 1, sql[:500], str(a)[:300], str(b)[:300]), flush=True)
            break
    print('%d steps, %d differ' % (i + 1, differ))
    return differ


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(1 if main(sys.argv[1:]) else 0)
