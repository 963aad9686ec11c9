#!/usr/bin/env python3
"""Crash tests with real processes: kill -9 at random moments, start again, compare with what was acknowledged.

    crash.py NAME SERVER CLI [--rounds N] [--seed N]
"""
import argparse
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'cluster'))
from harness import Cluster, main, must  # noqa: E402
from ledger import Ledger  # noqa: E402

# A member's death stops the others: 3 s, and something for a machine that is busy.
NOTICED_S = 3.0
GRACE_S = 1.5


def options(args, rounds):
    p = argparse.ArgumentParser()
    p.add_argument('--rounds', type=int, default=rounds)
    p.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'little'))
    o = p.parse_args(args)
    print('seed %d' % o.seed)
    return o


def whole_cluster(server, cli, *args):
    """All three nodes die at once, again and again."""
    o = options(args, 3)
    r = random.Random(o.seed)
    with Cluster(server, cli) as cluster:
        ledger = Ledger(cluster, seed=o.seed)
        cluster.create()
        cluster.start()
        ledger.create(cluster.nodes[0])
        for n in range(o.rounds):
            before = len(ledger.acknowledged)
            ledger.start()
            time.sleep(r.uniform(0.3, 3.0))
            cluster.kill()
            ledger.join()
            began = time.monotonic()
            cluster.start()
            seconds = time.monotonic() - began
            for node in cluster.nodes:
                count = ledger.verify(node)
            print('round %d: %d commits acknowledged, %d rows, started again in %.1f s' % (n + 1, len(ledger.acknowledged) - before, count, seconds),
                  flush=True)
        must(ledger.acknowledged, 'nothing was ever committed')
        cluster.stop()
        print(cluster.check(), end='')


def pgbench_start(node, prefix, mode):
    """Logs each transaction once it was acknowledged."""
    command = ['pgbench', '-h', '127.0.0.1', '-p', str(node.port), '-U', 'rustydb', '-n', '-c', '2', '-T', '60', '-M', mode, '-l', '--log-prefix', prefix,
               'rustydb']
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lines_of_files(folder, prefix):
    lines = 0
    for name in os.listdir(folder):
        if name.startswith(prefix):
            with open(os.path.join(folder, name)) as f:
                lines += sum(1 for _ in f)
    return lines


def pgbench_rows(node):
    """How many transactions there were; what they changed must agree."""
    with node.connect() as k:
        sums = k.query('SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), '
                       '(SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)')[0]
        must(len(set(sums)) == 1, '%s: sums of balances and deltas differ: %s', node.name, sums)
        return int(k.value('SELECT count(*) FROM pgbench_history'))


def pgbench_killed(server, cli, *args):
    """pgbench on all nodes, all of which die: what it saw committed is there, and the sums agree on each node."""
    o = options(args, 2)
    r = random.Random(o.seed)
    acknowledged = unknown = 0
    with Cluster(server, cli) as cluster:
        cluster.create()
        cluster.start()
        subprocess.run(['pgbench', '-h', '127.0.0.1', '-p', str(cluster.nodes[0].port), '-U', 'rustydb', '-i', '-q', '-s', '5', 'rustydb'], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for n in range(o.rounds):
            load = [pgbench_start(node, os.path.join(cluster.dir, 'round%d-%s' % (n, node.name)), ('simple', 'extended', 'prepared')[(n + i) % 3])
                    for i, node in enumerate(cluster.nodes)]
            time.sleep(r.uniform(0.5, 4.0))
            cluster.kill()
            for p in load:
                p.wait(30)
            logged = lines_of_files(cluster.dir, 'round%d-' % n)
            acknowledged += logged
            unknown += 2 * len(cluster.nodes)
            began = time.monotonic()
            cluster.start()
            seconds = time.monotonic() - began
            for node in cluster.nodes:
                rows = pgbench_rows(node)
                must(acknowledged <= rows <= acknowledged + unknown, '%s has %d of %d acknowledged transactions', node.name, rows, acknowledged)
            print('round %d: %d transactions acknowledged, %d rows, started again in %.1f s' % (n + 1, logged, rows, seconds), flush=True)
        must(acknowledged, 'nothing was ever committed')
        cluster.stop()
        print(cluster.check(), end='')


def crash_while_starting(server, cli, *args):
    """Recovery itself is killed, at random moments; it begins again."""
    o = options(args, 3)
    r = random.Random(o.seed)
    with Cluster(server, cli) as cluster:
        ledger = Ledger(cluster, seed=o.seed)
        cluster.create()
        cluster.start()
        ledger.create(cluster.nodes[0])
        ledger.start()
        time.sleep(2.0)
        cluster.kill()
        ledger.join()
        for _ in range(o.rounds):
            for node in cluster.nodes:
                node.start(wait=False)
            time.sleep(r.uniform(0.02, 0.6))
            cluster.kill()
        cluster.start()
        for node in cluster.nodes:
            ledger.verify(node)
        must(ledger.acknowledged, 'nothing was ever committed')
        cluster.stop()
        print(cluster.check(), end='')


def one_node(server, cli, *args):
    """One node dies: the others stop, say why, and the next start recovers."""
    o = options(args, 1)
    r = random.Random(o.seed)
    with Cluster(server, cli) as cluster:
        ledger = Ledger(cluster, seed=o.seed)
        cluster.create()
        cluster.start()
        ledger.create(cluster.nodes[0])
        for n in range(o.rounds):
            ledger.start()
            time.sleep(r.uniform(0.5, 2.0))
            victim = r.choice(cluster.nodes)
            victim.kill()
            died = time.monotonic()
            for node in cluster.nodes:
                if node is victim:
                    continue
                status = node.wait_end(10)
                seconds = time.monotonic() - died
                print('%s ended %.2f s after %s was killed' % (node.name, seconds, victim.name))
                must(status != 0, '%s ended as if all were well', node.name)
                must(seconds < NOTICED_S + GRACE_S, '%s ended only %.1f s after %s', node.name, seconds, victim.name)
                must('"%s"' % victim.name in node.log() or victim.name in node.log(), '%s does not name %s:\n%s', node.name, victim.name, node.log()[-2000:])
                must('start all nodes again' in node.log(), '%s does not say what to do:\n%s', node.name, node.log()[-2000:])
            ledger.join()
            cluster.start()
            for node in cluster.nodes:
                ledger.verify(node)
        cluster.stop()
        print(cluster.check(), end='')


if __name__ == '__main__':
    main({'whole_cluster': whole_cluster, 'pgbench_killed': pgbench_killed, 'crash_while_starting': crash_while_starting, 'one_node': one_node})
