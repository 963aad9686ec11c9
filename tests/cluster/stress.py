#!/usr/bin/env python3
"""Starts and stops again and again while the machine is busy. By hand: takes minutes.

    stress.py NAME SERVER CLI [--rounds N] [--busy N]
"""
import argparse
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pg  # noqa: E402
from harness import Cluster, Failed, main, must, must_equal  # noqa: E402


class Busy:
    """Processes that do nothing but compute."""

    def __init__(self, n):
        self.n = n

    def __enter__(self):
        self.processes = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(self.n)]

    def __exit__(self, *ignored):
        for p in self.processes:
            p.kill()
        for p in self.processes:
            p.wait()
        return False


def options(argv):
    p = argparse.ArgumentParser()
    p.add_argument('--rounds', type=int, default=20)
    p.add_argument('--busy', type=int, default=6)
    return p.parse_args(argv)


def rounds(server, cli, argv, stop):
    o = options(argv)
    for i in range(o.rounds):
        with Cluster(server, cli) as c, Busy(o.busy):
            c.create()
            began = time.monotonic()
            c.start()
            started = time.monotonic()
            with c.nodes[i % 3].connect() as k:
                must_equal(k.value('SELECT count(*) FROM cluster_members'), '3', 'members')
            stop(c, i)
            for node in c.nodes:
                node.has_no_errors()
            c.check()
            print('round %d: started in %.1f s, stopped in %.1f s' % (i + 1, started - began, time.monotonic() - started), flush=True)


def start_together(server, cli, *argv):
    """Three new nodes at the same instant."""
    rounds(server, cli, argv, lambda c, i: c.stop())


def stop_by_cli(server, cli, *argv):
    """`rustydb-cli cluster stop`, asked of each node in turn: it answers, and when it has answered all are gone."""
    def stop(c, i):
        asked = c.nodes[i % 3].name
        said = c.run_cli('cluster', 'stop', node=i % 3).splitlines()
        must_equal(sorted(said), sorted(n.name + ' stopped' for n in c.nodes), 'cluster stop')
        must_equal(said[-1], asked + ' stopped', 'the asked node goes last')
        for n in c.nodes:
            must_equal(n.wait_end(10), 0, 'exit status of ' + n.name)
    rounds(server, cli, argv, stop)


ROWS, MONEY = 30, 1000
EXPECTED = {'40001', '40P01', '57P01', '57P03', '08007'}


class Clients:
    """Transfers and definitions on all nodes; whoever loses his node comes again."""

    def __init__(self, cluster, seed):
        self.cluster, self.over = cluster, threading.Event()
        self.done, self.wrong = 0, []
        self.threads = [threading.Thread(target=self.run, args=(n, work, random.Random(seed * 100 + n * 10 + i)))
                        for n in range(3) for i, work in enumerate((self.transfer, self.transfer, self.transfer, self.define))]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *ignored):
        self.over.set()
        for t in self.threads:
            t.join()
        return False

    def run(self, n, work, r):
        session = None
        while not self.over.is_set():
            try:
                session = session or self.cluster.nodes[n].connect(timeout=60)
                work(session, n, r)
                self.done += 1
                continue
            except Failed as e:
                self.wrong.append(str(e))
                return
            except pg.Gone:
                session = None
            except pg.Error as e:
                if e.sqlstate not in EXPECTED:
                    self.wrong.append('%s: %s %s' % (self.cluster.nodes[n].name, e.sqlstate, e.message))
                try:
                    session and session.query('ROLLBACK')
                except (pg.Error, pg.Gone):
                    session = None
            time.sleep(0.02)

    def transfer(self, k, n, r):
        a, b = r.sample(range(ROWS), 2)
        k.query('BEGIN')
        k.query('UPDATE money SET v = v - 1 WHERE id = %d' % a)
        k.query('UPDATE money SET v = v + 1 WHERE id = %d' % b)
        must_equal(k.value('SELECT sum(v) FROM money'), str(ROWS * MONEY), 'the money that a transaction sees')
        k.query('COMMIT')

    def define(self, k, n, r):
        name = 'd%d' % n
        k.query('DROP TABLE IF EXISTS %s' % name)
        k.query('CREATE TABLE %s (id integer PRIMARY KEY, t text)' % name)
        k.query("INSERT INTO %s SELECT i, repeat('x', i %% 3000) FROM generate_series(1, 200) i" % name)
        k.query('CREATE INDEX %s_t ON %s (t)' % (name, name))
        k.query('DELETE FROM %s WHERE id %% 3 = 0' % name)
        must_equal(k.value('SELECT count(*) FROM %s' % name), '134', 'rows of ' + name)


def comings_and_goings(server, cli, *argv):
    """Nodes leave and join again, one or two at a time, under load."""
    o, r = options(argv), random.Random(time.time_ns())
    with Cluster(server, cli) as c:
        c.create()
        c.start()
        with c.nodes[0].connect() as k:
            k.query('CREATE TABLE money (id integer PRIMARY KEY, v integer)')
            k.query('INSERT INTO money SELECT i, %d FROM generate_series(0, %d) i' % (MONEY, ROWS - 1))
        for i in range(o.rounds):
            with Clients(c, i) as clients:
                leaving = r.sample(c.nodes, r.choice((1, 1, 2)))
                time.sleep(r.random())
                for n in leaving:
                    n.stop()
                time.sleep(r.random())
                for n in leaving:
                    n.start(wait=False)
                for n in leaving:
                    n.wait_ready()
                time.sleep(r.random())
            must(not clients.wrong, 'clients met:\n%s', '\n'.join(clients.wrong[:10]))
            for n in c.nodes:
                n.has_no_errors()
                for bad in ('Assertion', 'Sanitizer', 'XX00'):
                    must(bad not in n.log(), '%s: %s:\n%s', n.name, bad, n.log()[-6000:])
            print('round %d: %s left and joined, %d transactions' % (i + 1, ' and '.join(n.name for n in leaving), clients.done), flush=True)
        c.stop()
        c.check()


if __name__ == '__main__':
    main({f.__name__: f for f in (start_together, stop_by_cli, comings_and_goings)})
