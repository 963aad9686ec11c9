#!/usr/bin/env python3
"""Starts and stops again and again while the machine is busy. By hand: takes minutes.

    stress.py NAME SERVER CLI [--rounds N] [--busy N]
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Cluster, main, must_equal  # noqa: E402


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


if __name__ == '__main__':
    main({f.__name__: f for f in (start_together, stop_by_cli)})
