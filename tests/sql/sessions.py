#!/usr/bin/env python3
"""Schedules of several sessions: isolation levels, row locks, unique keys, deadlocks; on one node and across two.

    sessions.py SERVER CLI [PART...]    TAP output

Every schedule runs with both sessions on node 1, then with the second session on node 2: the answers must be the same.
A step that has to wait is begun with start(); blocked() proves that it waits, finish() gives its outcome.
"""
import os
import select
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'cluster'))
import harness  # noqa: E402
import pg  # noqa: E402
from harness import must, must_equal  # noqa: E402

WAIT_S = 0.4  # a step that has not ended within it is waiting


class Session:
    def __init__(self, port):
        self.port = port
        self.c = pg.Connection(port, timeout=30)

    def another(self):
        """On the same node."""
        return Session(self.port)

    def run(self, sql):
        """Rows of the last statement, or the SQLSTATE."""
        self.c.start_query(sql)
        return self.finish()

    def start(self, sql):
        self.c.start_query(sql)

    def finish(self):
        try:
            results = self.c.finish_query()
        except pg.Error as e:
            return e.sqlstate
        return results[-1].rows if results else []

    def blocked(self):
        return not self.c.buffer and not select.select([self.c.socket], [], [], WAIT_S)[0]


def setup(a):
    a.run('DROP TABLE IF EXISTS iso')
    must_equal(a.run('CREATE TABLE iso (id int PRIMARY KEY, v int, u int UNIQUE)'), [], 'create')
    must_equal(a.run('INSERT INTO iso VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3)'), [], 'insert')


def read_committed_sees_commits(a, b):
    a.run('BEGIN')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'before')
    b.run('UPDATE iso SET v = 11 WHERE id = 1')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('11',)], 'after')
    b.run('INSERT INTO iso VALUES (4, 40, 4)')
    must_equal(a.run('SELECT count(*) FROM iso'), [('4',)], 'a new row')
    b.run('BEGIN')
    b.run('DELETE FROM iso WHERE id = 4')
    must_equal(a.run('SELECT count(*) FROM iso'), [('4',)], 'not committed')
    b.run('ROLLBACK')
    a.run('COMMIT')


def repeatable_read_keeps_its_snapshot(a, b):
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'before')
    b.run('UPDATE iso SET v = 11 WHERE id = 1')
    b.run('INSERT INTO iso VALUES (4, 40, 4)')
    b.run('DELETE FROM iso WHERE id = 2')
    must_equal(a.run('SELECT id, v FROM iso ORDER BY id'), [('1', '10'), ('2', '20'), ('3', '30')], 'the snapshot')
    must_equal(a.run('SELECT v FROM iso WHERE id = 2'), [('20',)], 'by key')
    a.run('COMMIT')
    must_equal(a.run('SELECT id, v FROM iso ORDER BY id'), [('1', '11'), ('3', '30'), ('4', '40')], 'afterwards')


def repeatable_read_conflict(a, b):
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    a.run('SELECT 1 FROM iso')
    b.run('UPDATE iso SET v = 11 WHERE id = 1')
    must_equal(a.run('UPDATE iso SET v = 12 WHERE id = 1'), '40001', 'update of a changed row')
    must_equal(a.run('SELECT 1'), '25P02', 'failed transaction')
    a.run('ROLLBACK')
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    a.run('SELECT 1 FROM iso')
    b.run('DELETE FROM iso WHERE id = 2')
    must_equal(a.run('SELECT * FROM iso WHERE id = 2 FOR UPDATE'), '40001', 'lock of a deleted row')
    a.run('ROLLBACK')


def repeatable_read_conflict_after_wait(a, b):
    b.run('BEGIN')
    b.run('UPDATE iso SET v = 11 WHERE id = 1')
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    a.run('SELECT 1 FROM iso')
    a.start('UPDATE iso SET v = 12 WHERE id = 1')
    must(a.blocked(), 'the update does not wait')
    b.run('COMMIT')
    must_equal(a.finish(), '40001', 'after the commit')
    a.run('ROLLBACK')
    b.run('BEGIN')
    b.run('UPDATE iso SET v = 13 WHERE id = 1')
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    a.run('SELECT 1 FROM iso')
    a.start('UPDATE iso SET v = v + 100 WHERE id = 1')
    must(a.blocked(), 'the update does not wait')
    b.run('ROLLBACK')
    must_equal(a.finish(), [], 'after the rollback')
    a.run('COMMIT')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('111',)], 'the value')


def read_committed_update_rechecks(a, b):
    b.run('BEGIN')
    b.run('UPDATE iso SET v = v + 1 WHERE id = 1')
    a.start('UPDATE iso SET v = v + 100 WHERE v = 10 RETURNING v')
    must(a.blocked(), 'the update does not wait')
    b.run('COMMIT')
    must_equal(a.finish(), [], 'the row no longer qualifies')
    b.run('BEGIN')
    b.run('UPDATE iso SET v = v + 1 WHERE id = 2')
    a.start('UPDATE iso SET v = v + 100 WHERE id = 2 RETURNING v')
    must(a.blocked(), 'the update does not wait')
    b.run('COMMIT')
    must_equal(a.finish(), [('121',)], 'computed from the new version')
    b.run('BEGIN')
    b.run('DELETE FROM iso WHERE id = 3')
    a.start('UPDATE iso SET v = 0 WHERE id = 3 RETURNING v')
    must(a.blocked(), 'the update does not wait')
    b.run('COMMIT')
    must_equal(a.finish(), [], 'the row is gone')


def read_committed_delete_rechecks(a, b):
    b.run('BEGIN')
    b.run('UPDATE iso SET v = 99 WHERE id = 1')
    a.start('DELETE FROM iso WHERE v < 50 RETURNING id')
    must(a.blocked(), 'the delete does not wait')
    b.run('COMMIT')
    must_equal(sorted(a.finish()), [('2',), ('3',)], 'deleted')
    must_equal(a.run('SELECT id, v FROM iso'), [('1', '99')], 'left')


def lost_update_is_prevented(a, b):
    a.run('BEGIN')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1 FOR UPDATE'), [('10',)], 'locked')
    b.start('SELECT v FROM iso WHERE id = 1 FOR UPDATE')
    must(b.blocked(), 'FOR UPDATE does not wait')
    a.run('UPDATE iso SET v = 50 WHERE id = 1')
    a.run('COMMIT')
    must_equal(b.finish(), [('50',)], 'the newest version')


def lock_and_update_in_one_statement(a, b):
    """What a sub-query has locked may be newer than what the statement's own scan has seen."""
    a.run('BEGIN')
    a.run('UPDATE iso SET v = v + 1, u = 100 WHERE id = 1')
    b.start('UPDATE iso SET v = v + 1, u = u + 1000 WHERE id = (SELECT id FROM iso WHERE id = 1 FOR UPDATE)')
    must(b.blocked(), 'FOR UPDATE does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'update')
    must_equal(b.run('SELECT * FROM iso WHERE u = 1100'), [('1', '12', '1100')], 'both updates, by the unique key')
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0, u = 200 WHERE id = 2')
    b.start('DELETE FROM iso WHERE id IN (SELECT id FROM iso WHERE id = 2 FOR UPDATE) RETURNING v')
    must(b.blocked(), 'FOR UPDATE does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [('0',)], 'the newest version is deleted')
    must_equal(b.run('INSERT INTO iso VALUES (2, 2, 200)'), [], 'its keys are free')


def both_sides_of_a_join_locked(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 21 WHERE id = 1')
    b.start('SELECT x.v, y.v FROM iso x JOIN iso y ON x.id = y.id WHERE x.id = 1 FOR UPDATE')
    must(b.blocked(), 'FOR UPDATE does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [('21', '21')], 'the newest version on both sides')


def for_update_rechecks(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 1000 WHERE id = 1')
    b.start('SELECT id FROM iso WHERE v < 100 ORDER BY id FOR UPDATE')
    must(b.blocked(), 'FOR UPDATE does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [('2',), ('3',)], 'rows that still qualify')


def nowait_and_skip_locked(a, b):
    a.run('BEGIN')
    a.run('SELECT * FROM iso WHERE id = 2 FOR UPDATE')
    must_equal(b.run('SELECT * FROM iso WHERE id = 2 FOR UPDATE NOWAIT'), '55P03', 'NOWAIT')
    must_equal(b.run('SELECT id FROM iso WHERE id = 1 FOR UPDATE NOWAIT'), [('1',)], 'NOWAIT of a free row')
    must_equal(b.run('SELECT id FROM iso ORDER BY id FOR UPDATE SKIP LOCKED'), [('1',), ('3',)], 'SKIP LOCKED')
    must_equal(b.run('SELECT id FROM iso ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED'), [('1',), ('3',)], 'SKIP LOCKED with LIMIT')
    must_equal(b.run('SELECT id FROM iso ORDER BY id'), [('1',), ('2',), ('3',)], 'a reader does not wait')
    a.run('ROLLBACK')
    must_equal(b.run('SELECT id FROM iso WHERE id = 2 FOR UPDATE NOWAIT'), [('2',)], 'after the end')


def deadlock(a, b):
    a.run('BEGIN')
    b.run('BEGIN')
    a.run('UPDATE iso SET v = 1 WHERE id = 1')
    b.run('UPDATE iso SET v = 2 WHERE id = 2')
    a.start('UPDATE iso SET v = 1 WHERE id = 2')
    must(a.blocked(), 'no wait')
    b.start('UPDATE iso SET v = 2 WHERE id = 1')
    ready = select.select([a.c.socket, b.c.socket], [], [], 20)[0]
    must(ready, 'the deadlock is not broken within 20 s')
    victim, other = (a, b) if ready[0] is a.c.socket else (b, a)
    outcomes = [victim.finish()]
    victim.run('ROLLBACK')
    outcomes.append(other.finish())
    other.run('COMMIT')
    must_equal(sorted(map(str, outcomes)), ['40P01', '[]'], 'outcomes')


def unique_race_committed(a, b):
    a.run('BEGIN')
    must_equal(a.run('INSERT INTO iso VALUES (10, 1, 10)'), [], 'insert')
    b.start('INSERT INTO iso VALUES (10, 2, 11)')
    must(b.blocked(), 'the second insert does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), '23505', 'after the commit')
    must_equal(b.run('SELECT v FROM iso WHERE id = 10'), [('1',)], 'the row')


def unique_race_rolled_back(a, b):
    a.run('BEGIN')
    a.run('INSERT INTO iso VALUES (10, 1, 10)')
    b.start('INSERT INTO iso VALUES (11, 2, 10)')
    must(b.blocked(), 'the second insert does not wait')
    a.run('ROLLBACK')
    must_equal(b.finish(), [], 'after the rollback')
    must_equal(b.run('SELECT id, v FROM iso WHERE u = 10'), [('11', '2')], 'the row')


def unique_key_of_a_deleted_row(a, b):
    a.run('BEGIN')
    a.run('DELETE FROM iso WHERE id = 1')
    b.start('INSERT INTO iso VALUES (1, 5, 5)')
    must(b.blocked(), 'the insert does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'the key is free')
    a.run('BEGIN')
    a.run('DELETE FROM iso WHERE id = 2')
    b.start('INSERT INTO iso VALUES (2, 6, 6)')
    must(b.blocked(), 'the insert does not wait')
    a.run('ROLLBACK')
    must_equal(b.finish(), '23505', 'the key is taken again')


def unique_key_moves(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET u = 100 WHERE id = 1')
    must_equal(a.run('INSERT INTO iso VALUES (20, 0, 1)'), [], 'own freed key')
    b.start('UPDATE iso SET u = 100 WHERE id = 2')
    must(b.blocked(), 'no wait for the new key')
    a.run('COMMIT')
    must_equal(b.finish(), '23505', 'after the commit')


def savepoint_releases_rows(a, b):
    a.run('BEGIN')
    a.run('SAVEPOINT s')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    a.run('ROLLBACK TO s')
    must_equal(b.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'rolled back to the savepoint')
    a.run('UPDATE iso SET v = 7 WHERE id = 2')
    a.run('COMMIT')
    must_equal(b.run('SELECT v FROM iso WHERE id = 2'), [('7',)], 'committed')


def savepoint_lets_waiters_go(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 8 WHERE id = 3')
    a.run('SAVEPOINT s')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    a.run('INSERT INTO iso VALUES (4, 0, 40)')
    b.run('BEGIN')
    b.run('UPDATE iso SET v = v + 1 WHERE id = 2')
    b.start('UPDATE iso SET v = v + 1 WHERE id = 1')
    must(b.blocked(), 'no wait for the row')
    a.run('ROLLBACK TO s')
    must_equal(b.finish(), [], 'the row is free')
    a.run('INSERT INTO iso VALUES (4, 0, 40)')
    b.start('INSERT INTO iso VALUES (4, 1, 41)')
    must(b.blocked(), 'no wait for the key')
    a.run('ROLLBACK TO s')
    must_equal(b.finish(), [], 'the key is free')
    a.start('UPDATE iso SET v = 7 WHERE id = 2')
    must(a.blocked(), 'no wait for the other one')
    b.run('COMMIT')
    must_equal(a.finish(), [], 'and no deadlock')
    a.run('COMMIT')
    must_equal(b.run('SELECT id, v FROM iso ORDER BY id'), [('1', '11'), ('2', '7'), ('3', '8'), ('4', '1')], 'in the end')


def serializable_keeps_what_a_savepoint_read(a, b):
    a.run('BEGIN ISOLATION LEVEL SERIALIZABLE')
    a.run('SAVEPOINT s')
    must_equal(a.run('SELECT sum(v) FROM iso'), [('60',)], 'the sum')
    a.run('ROLLBACK TO s')
    b.start('UPDATE iso SET v = 0')
    must(b.blocked(), 'what was read is changed')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'afterwards')


def savepoint_takes_back_definitions(a, b):
    """Plans that were made with definitions which a savepoint takes back are made again."""
    a.run('SET enable_seqscan = off')
    a.run('PREPARE p AS SELECT id FROM iso WHERE v = 20 ORDER BY id')
    a.run('PREPARE u AS UPDATE iso SET v = v + 1 WHERE v = 30')
    a.run('BEGIN')
    a.run('ALTER TABLE iso ADD COLUMN x int')
    a.run('SAVEPOINT s')
    a.run('CREATE INDEX iso_v ON iso (v)')
    must_equal(a.run('EXECUTE p'), [('2',)], 'by the index')
    a.run('ROLLBACK TO s')
    a.run('INSERT INTO iso VALUES (4, 20, 4)')
    must_equal(a.run('EXECUTE p'), [('2',), ('4',)], 'the index is gone')
    a.run('SAVEPOINT t')
    a.run('TRUNCATE iso')
    must_equal(a.run('EXECUTE u'), [], 'the new table')
    a.run('ROLLBACK TO t')
    must_equal(a.run('EXECUTE u'), [], 'the old one')
    a.run('COMMIT')
    must_equal(b.run('SELECT id, v FROM iso ORDER BY id'), [('1', '10'), ('2', '20'), ('3', '31'), ('4', '20')], 'in the end')


def index_younger_than_the_snapshot(a, b):
    a.run('SET enable_seqscan = off')
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    must_equal(a.run('SELECT count(*) FROM iso'), [('3',)], 'the snapshot')
    b.run('UPDATE iso SET v = 11 WHERE id = 1')
    b.run('DELETE FROM iso WHERE id = 2')
    must_equal(b.run('CREATE INDEX iso_v ON iso (v)'), [], 'the index')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'by an older index')
    must_equal(a.run('SELECT id FROM iso WHERE v = 20'), '40001', 'the row is not in the index')
    a.run('ROLLBACK')
    must_equal(a.run('SELECT id FROM iso WHERE v = 11'), [('1',)], 'a new snapshot')
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    must_equal(a.run('SELECT id FROM iso WHERE v = 11'), [('1',)], 'a new transaction')
    a.run('COMMIT')


def holder_of_a_table_lock_writes(a, b):
    a.run('BEGIN')
    a.run('LOCK TABLE iso IN SHARE MODE')
    b.run('BEGIN')
    must_equal(b.run('SELECT count(*) FROM iso'), [('3',)], 'a reader')
    b.start('UPDATE iso SET v = v + 1 WHERE id = 1')
    must(b.blocked(), 'a writer does not wait')
    must_equal(a.run('UPDATE iso SET v = v + 1 WHERE id = 2'), [], 'the holder does not wait for the writer')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'the writer')
    b.run('COMMIT')


def own_changes_are_seen(a, b):
    a.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
    a.run('SELECT 1 FROM iso')
    b.run('INSERT INTO iso VALUES (50, 5, 50)')
    a.run('INSERT INTO iso VALUES (51, 5, 51)')
    a.run('UPDATE iso SET v = v + 1 WHERE id = 1')
    must_equal(a.run('SELECT id, v FROM iso ORDER BY id'), [('1', '11'), ('2', '20'), ('3', '30'), ('51', '5')], 'own and old')
    a.run('COMMIT')


def write_skew_is_allowed_in_repeatable_read(a, b):
    for s in (a, b):
        s.run('BEGIN ISOLATION LEVEL REPEATABLE READ')
        s.run('SELECT sum(v) FROM iso')
    must_equal(a.run('UPDATE iso SET v = 0 WHERE id = 1'), [], 'first')
    must_equal(b.run('UPDATE iso SET v = 0 WHERE id = 2'), [], 'second')
    must_equal(a.run('COMMIT'), [], 'first commit')
    must_equal(b.run('COMMIT'), [], 'second commit')


def write_skew_is_prevented_in_serializable(a, b):
    for s in (a, b):
        s.run('BEGIN ISOLATION LEVEL SERIALIZABLE')
        s.run('SELECT sum(v) FROM iso')
    a.start('UPDATE iso SET v = 0 WHERE id = 1')
    b.start('UPDATE iso SET v = 0 WHERE id = 2')
    outcomes = {}
    while len(outcomes) < 2:
        ready = [s for s in (a, b) if s not in outcomes and select.select([s.c.socket], [], [], 0.05)[0]]
        for s in ready:
            outcomes[s] = s.finish()
            if outcomes[s] == []:
                outcomes[s] = s.run('COMMIT')
            else:
                s.run('ROLLBACK')
    must(sorted(map(str, outcomes.values())) in (['40001', '[]'], ['40P01', '[]']), 'outcomes: %r', list(outcomes.values()))


def serializable_reads_are_stable(a, b):
    a.run('BEGIN ISOLATION LEVEL SERIALIZABLE')
    must_equal(a.run('SELECT count(*) FROM iso'), [('3',)], 'before')
    b.start('INSERT INTO iso VALUES (4, 40, 4)')
    b.blocked()  # it may wait for the reader or go on beside it
    must_equal(a.run('SELECT count(*) FROM iso'), [('3',)], 'again')
    must_equal(a.run('COMMIT'), [], 'commit')
    must_equal(b.finish(), [], 'the insert')


def ddl_waits_and_is_seen(a, b):
    must_equal(b.run('SELECT count(*) FROM iso'), [('3',)], 'b knows the table')
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.start('ALTER TABLE iso ADD COLUMN w int DEFAULT 8')
    must(b.blocked(), 'ALTER TABLE does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'altered')
    must_equal(a.run('SELECT w FROM iso WHERE id = 1'), [('8',)], 'the other session sees the column')
    b.run('BEGIN')
    b.run('CREATE INDEX iso_v ON iso (v)')
    b.run('ROLLBACK')
    b.run('DROP TABLE iso')
    must_equal(a.run('SELECT * FROM iso'), '42P01', 'dropped')


def ddl_of_an_open_transaction_is_not_seen(a, b):
    a.run('BEGIN')
    a.run('CREATE TABLE iso_new (a int)')
    must_equal(b.run('SELECT * FROM iso_new'), '42P01', 'not committed')
    a.run('ROLLBACK')
    must_equal(a.run('SELECT * FROM iso_new'), '42P01', 'rolled back')


def cancel_ends_a_wait(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.start('UPDATE iso SET v = 1 WHERE id = 1')
    must(b.blocked(), 'no wait')
    pg.cancel(a.c.port, b.c.pid, b.c.secret)  # by way of a's node
    must_equal(b.finish(), '57014', 'cancelled')
    a.run('COMMIT')
    must_equal(b.run('UPDATE iso SET v = v + 5 WHERE id = 1 RETURNING v'), [('5',)], 'the session goes on')


def statement_timeout_ends_a_wait(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.run("SET statement_timeout = '300ms'")
    must_equal(b.run('UPDATE iso SET v = 1 WHERE id = 1'), '57014', 'timed out')
    a.run('ROLLBACK')


def lock_timeout_ends_a_wait(a, b):
    third = b.another()
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    a.run('INSERT INTO iso VALUES (4, 40, 40)')
    b.run("SET lock_timeout = '300ms'")
    must_equal(b.run('SHOW lock_timeout'), [('300ms',)], 'the value')
    for what in ('UPDATE iso SET v = 1 WHERE id = 1', 'SELECT 1 FROM iso WHERE id = 1 FOR UPDATE', 'INSERT INTO iso VALUES (4, 1, 1000)',
                 'INSERT INTO iso VALUES (5, 1, 40)', 'LOCK TABLE iso', 'ALTER TABLE iso ADD COLUMN w int', 'DROP TABLE iso',
                 'CREATE INDEX iso_v ON iso (v)', 'TRUNCATE iso'):
        b.run('BEGIN')
        began = time.monotonic()
        must_equal(b.run(what), '55P03', what)
        took = time.monotonic() - began
        must(0.25 < took < 2, '%s took %.2f s', what, took)
        b.run('ROLLBACK')
    b.run('BEGIN')
    b.run('SET LOCAL lock_timeout = 0')
    b.start('UPDATE iso SET v = v + 1 WHERE id = 1')
    must(b.blocked(), 'the statement does not wait')
    third.run("SET lock_timeout = '300ms'")
    must_equal(third.run('UPDATE iso SET v = v + 1 WHERE id = 1'), '55P03', 'behind another one who waits')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'who has no time-out')
    b.run('COMMIT')
    must_equal(b.run('SHOW lock_timeout'), [('300ms',)], 'SET LOCAL ends')
    must_equal(b.run('SELECT v FROM iso WHERE id = 1'), [('1',)], 'in the end')
    third.c.close()


def lock_timeout_is_each_waits_own(a, b):
    """Two waits of more than half of it are no time-out; what the statement does in between does not count."""
    third = a.another()
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    third.run('BEGIN')
    third.run('UPDATE iso SET v = 0 WHERE id = 2')
    b.run("BEGIN; SET lock_timeout = '1500ms'")
    b.start('UPDATE iso SET v = v + 1')
    time.sleep(0.8)
    a.run('COMMIT')
    time.sleep(0.8)
    must(b.blocked(), 'no wait for the second row')
    third.run('COMMIT')
    must_equal(b.finish(), [], 'the update')
    b.run('ROLLBACK')
    third.c.close()


def lock_table_nowait(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.run('BEGIN')
    must_equal(b.run('LOCK TABLE iso IN ROW EXCLUSIVE MODE NOWAIT'), [], 'a mode that goes with the holder\'s')
    try:
        b.c.query('LOCK TABLE iso NOWAIT')
        raise harness.Failed('the lock was got')
    except pg.Error as e:
        must_equal((e.sqlstate, e.fields.get('M')), ('55P03', 'could not obtain lock on relation "iso"'), 'the error')
    b.run('ROLLBACK')
    a.run('COMMIT')
    b.run('BEGIN')
    must_equal(b.run('LOCK TABLE iso IN ACCESS EXCLUSIVE MODE NOWAIT'), [], 'a free table')
    must_equal(a.run('BEGIN; LOCK TABLE iso IN ACCESS SHARE MODE NOWAIT'), '55P03', 'a locked one')
    a.run('ROLLBACK')
    b.run('COMMIT')


def statement_timeout_counts_from_where_it_is_set(a, b):
    """The statements of one text have a time-out each."""
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    must_equal(b.run("SET statement_timeout = '300ms'; UPDATE iso SET v = 1 WHERE id = 1"), '57014', 'timed out')
    must_equal(b.run('SHOW statement_timeout'), [('0',)], 'the setting went with its transaction')
    b.run("SET statement_timeout = '900ms'")
    must_equal(b.run('SELECT pg_sleep(0.5); SELECT pg_sleep(0.5); SELECT 1'), [('1',)], 'each within its time')
    a.run('ROLLBACK')


def sequences_are_set_for_all(a, b):
    a.run('DROP SEQUENCE IF EXISTS sq; DROP TABLE IF EXISTS sqt')
    a.run('CREATE SEQUENCE sq; CREATE TABLE sqt (id serial PRIMARY KEY, v int)')
    for s in (a, b, a, b):
        s.run("SELECT nextval('sq')")
        s.run('INSERT INTO sqt (v) VALUES (0)')
    must_equal(a.run("SELECT setval('sq', 100)"), [('100',)], 'setval')
    values = [int(s.run("SELECT nextval('sq')")[0][0]) for s in (b, a) * 600]
    must(min(values) > 100, 'a value from before: %d', min(values))
    must_equal(len(set(values)), len(values), 'values')
    a.run('TRUNCATE sqt RESTART IDENTITY')
    for _ in range(3):
        for s in (b, a):
            must_equal(s.run('INSERT INTO sqt (v) VALUES (1)'), [], 'insert')
    must_equal(a.run('SELECT min(id), count(*) FROM sqt'), [('1', '6')], 'rows')
    a.run('BEGIN')
    a.run('TRUNCATE sqt RESTART IDENTITY')
    a.run('INSERT INTO sqt (v) VALUES (2)')
    a.run('ROLLBACK')
    for _ in range(3):
        for s in (b, a):
            must_equal(s.run('INSERT INTO sqt (v) VALUES (3)'), [], 'insert after the rollback')
    a.run('DROP SEQUENCE sq; DROP TABLE sqt')


def cancelled_inserts_lose_no_space(a, b):
    """The check of the stopped database finds overflow blocks that belong to no row."""
    a.run('CREATE TABLE IF NOT EXISTS large (id int, t text)')
    for i in range(3):
        a.run('SET statement_timeout = 100')
        must_equal(a.run("INSERT INTO large SELECT g, repeat('x', 60000) FROM generate_series(1, 3000) g"), '57014', 'cancelled')
        a.run('SET statement_timeout = 0')
    must_equal(b.run('SELECT count(*) FROM large'), [('0',)], 'rows')


def a_row_goes_to_one_after_the_other(a, b):
    """In which order is not said: waiters of the node that has the row may go first."""
    waiters = [b, a.another(), b.another(), a.another()]
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    for n, w in enumerate(waiters):
        w.run('BEGIN')
        w.start('UPDATE iso SET v = v * 10 + %d WHERE id = 1' % (n + 1))
        must(w.blocked(), 'waiter %d does not wait', n + 1)
    last, left, value = a, list(waiters), 0
    while left:
        commits = len(left) != 3
        last.run('COMMIT' if commits else 'ROLLBACK')
        ready = select.select([w.c.socket for w in left], [], [], 10)[0]
        time.sleep(WAIT_S)
        must_equal(len(select.select([w.c.socket for w in left], [], [], 0)[0]), 1, 'sessions that got the row')
        last = next(w for w in left if w.c.socket is ready[0])
        must_equal(last.finish(), [], 'the update')
        left.remove(last)
        if len(left) != 3:  # the first of them rolls back
            value = value * 10 + waiters.index(last) + 1
    last.run('COMMIT')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [(str(value),)], 'in the end')
    for w in waiters[1:]:
        w.c.close()


def who_does_not_want_the_row_any_more_is_in_nobodys_way(a, b):
    third = a.another()
    for isolation, outcome in (('READ COMMITTED', []), ('REPEATABLE READ', '40001')):
        for statement in ('UPDATE iso SET v = 5 WHERE id = 1 AND v = 10', 'DELETE FROM iso WHERE id = 1 AND v = 10',
                          'SELECT 1 FROM iso WHERE id = 1 AND v = 10 FOR UPDATE'):
            a.run('UPDATE iso SET v = 10 WHERE id = 1')
            a.run('BEGIN')
            a.run('UPDATE iso SET v = 1 WHERE id = 1')
            b.run('BEGIN ISOLATION LEVEL ' + isolation)
            b.start(statement)
            must(b.blocked(), 'no wait')
            third.start('UPDATE iso SET v = v + 100 WHERE id = 1')
            must(third.blocked(), 'the third does not wait')
            a.run('COMMIT')
            must_equal(b.finish(), outcome, '%s, %s' % (isolation, statement))
            must_equal(third.finish(), [], 'the third goes on beside the open transaction')
            b.run('ROLLBACK')
            must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('101',)], 'in the end')
    third.c.close()


def a_place_in_line_ends_with_its_savepoint(a, b):
    third = b.another()
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.run('BEGIN')
    b.run('SAVEPOINT s')
    b.start('UPDATE iso SET v = v + 1 WHERE id = 1')
    must(b.blocked(), 'no wait')
    third.start('UPDATE iso SET v = v + 10 WHERE id = 1')
    must(third.blocked(), 'the third does not wait')
    a.run('COMMIT')
    must_equal(b.finish(), [], 'the second')
    must(third.blocked(), 'the third does not wait for the second')
    b.run('ROLLBACK TO s')
    must_equal(third.finish(), [], 'the third')
    b.run('COMMIT')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'in the end')
    third.c.close()


def who_has_the_row_does_not_stand_in_line(a, b):
    third = a.another()
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.run('BEGIN')
    must_equal(b.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'while another one has the row')
    a.run('COMMIT')
    must_equal(b.run('SELECT v FROM iso WHERE id = 1 FOR UPDATE NOWAIT'), [('0',)], 'the row')
    third.start('UPDATE iso SET v = v + 10 WHERE id = 1')
    must(third.blocked(), 'the third does not wait')
    must_equal(b.run('UPDATE iso SET v = v + 1 WHERE id = 1'), [], 'a change of the own row')
    b.run('COMMIT')
    must_equal(third.finish(), [], 'the third')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('11',)], 'in the end')
    third.c.close()


def a_cancelled_waiter_leaves_the_line(a, b):
    third = a.another()
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.run('BEGIN')
    b.run("SET LOCAL statement_timeout = '500ms'")
    b.start('UPDATE iso SET v = v + 1 WHERE id = 1')
    third.start('UPDATE iso SET v = v + 10 WHERE id = 1')
    must_equal(b.finish(), '57014', 'the second gives up')
    must(third.blocked(), 'the third does not wait')
    a.run('COMMIT')
    must_equal(third.finish(), [], 'the third')
    b.run('ROLLBACK')
    must_equal(a.run('SELECT v FROM iso WHERE id = 1'), [('10',)], 'in the end')
    third.c.close()


def end_of_a_session_rolls_back(a, b):
    a.run('BEGIN')
    a.run('UPDATE iso SET v = 0 WHERE id = 1')
    b.start('UPDATE iso SET v = v + 1 WHERE id = 1 RETURNING v')
    must(b.blocked(), 'no wait')
    a.c.socket.close()
    must_equal(b.finish(), [('11',)], 'after the other session is gone')


SCHEDULES = [
    read_committed_sees_commits, repeatable_read_keeps_its_snapshot, repeatable_read_conflict, repeatable_read_conflict_after_wait,
    read_committed_update_rechecks, read_committed_delete_rechecks, lost_update_is_prevented,
    lock_and_update_in_one_statement, both_sides_of_a_join_locked, for_update_rechecks, nowait_and_skip_locked, deadlock,
    unique_race_committed, unique_race_rolled_back, unique_key_of_a_deleted_row, unique_key_moves, savepoint_releases_rows, savepoint_lets_waiters_go,
    a_row_goes_to_one_after_the_other, who_does_not_want_the_row_any_more_is_in_nobodys_way, a_place_in_line_ends_with_its_savepoint,
    who_has_the_row_does_not_stand_in_line, a_cancelled_waiter_leaves_the_line,
    serializable_keeps_what_a_savepoint_read, savepoint_takes_back_definitions, index_younger_than_the_snapshot, own_changes_are_seen,
    holder_of_a_table_lock_writes,
    write_skew_is_allowed_in_repeatable_read, write_skew_is_prevented_in_serializable, serializable_reads_are_stable,
    ddl_waits_and_is_seen, ddl_of_an_open_transaction_is_not_seen, cancel_ends_a_wait,
    lock_timeout_ends_a_wait, lock_timeout_is_each_waits_own, lock_table_nowait, statement_timeout_ends_a_wait, statement_timeout_counts_from_where_it_is_set, sequences_are_set_for_all, cancelled_inserts_lose_no_space, end_of_a_session_rolls_back,
]


def run_one(schedule, ports):
    a, b = Session(ports[0]), Session(ports[1])
    try:
        setup(a)
        schedule(a, b)
    finally:
        a.c.close()
        b.c.close()


def main(server, cli, wanted):
    schedules = [s for s in SCHEDULES if not wanted or s.__name__ in wanted]
    print('1..%d' % (2 * len(schedules)))
    failed = number = 0
    with harness.Cluster(os.path.abspath(server), os.path.abspath(cli), nodes=2) as cluster:
        cluster.create()
        cluster.start()
        here, there = (n.port for n in cluster.nodes)
        for where, ports in (('one node', (here, here)), ('two nodes', (here, there))):
            for s in schedules:
                number += 1
                began = time.monotonic()
                try:
                    run_one(s, ports)
                    print('ok %d - %s, %s # %.2f s' % (number, s.__name__, where, time.monotonic() - began), flush=True)
                except (harness.Failed, pg.Error, pg.Gone) as e:
                    failed += 1
                    print('not ok %d - %s, %s\n# %s: %s' % (number, s.__name__, where, type(e).__name__, e), flush=True)
        cluster.stop()
        output = cluster.check()
        must('belong to no row' not in output, 'space is lost:\n%s', output)
    return failed


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(1 if main(sys.argv[1], sys.argv[2], sys.argv[3:]) else 0)
