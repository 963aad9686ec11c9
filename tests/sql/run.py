#!/usr/bin/env python3
"""SQL against expected results: each file of cases/ runs through psql, and all that psql shows must be what expected/ holds.

    run.py test SERVER CLI [NAME...]   starts an instance of its own and compares; TAP output, one line a file
    run.py against PORT [NAME...]      compares with a server that runs already and prints the differences
    run.py record PORT [NAME...]       writes expected/NAME.out (record.sh calls it with PostgreSQL 15)
    run.py accept PORT [NAME...]       writes expected/NAME.diff: how the server that runs there differs

expected/NAME.out is PostgreSQL 15's answer: rows, column names, command tags, notices and errors with SQLSTATE, detail, hint and position.
expected/NAME.diff, where there is one, is what we know to answer otherwise (most of it is 0A000, what we do not have yet); any other difference fails.
A file cleans up behind itself, so that files can run in any order on one database.
"""
import difflib
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'cluster'))
import harness  # noqa: E402

TIMEOUT_S = 120
DROPPED = re.compile(r'^(LOCATION:  |SCHEMA NAME:  |TABLE NAME:  |COLUMN NAME:  |CONSTRAINT NAME:  |DATATYPE NAME:  )')
FILE_PLACE = re.compile(r'^psql:[^ ]*: ')


def names():
    return sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(HERE, 'cases', '*.sql')))


def path(folder, name, suffix):
    return os.path.join(HERE, folder, name + suffix)


def output_of(port, name):
    environment = {**os.environ, 'PGCLIENTENCODING': 'UTF8', 'PGTZ': 'UTC', 'PGDATESTYLE': 'ISO, MDY', 'LC_ALL': 'C.UTF-8', 'PGOPTIONS': ''}
    command = ['psql', '-X', '-a', '-v', 'VERBOSITY=verbose', '-P', 'null=(null)', '-P', 'pager=off', '-h', '127.0.0.1', '-p', str(port), '-U',
               'rustydb', '-d', 'rustydb']
    with open(path('cases', name, '.sql'), 'rb') as f:
        p = subprocess.run(command, stdin=f, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=HERE, timeout=TIMEOUT_S)
    lines = (FILE_PLACE.sub('', line) for line in p.stdout.decode('utf-8', 'replace').splitlines())
    return [line for line in lines if not DROPPED.match(line)]


def lines_of(file):
    try:
        with open(file, encoding='utf-8') as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def write_lines(file, lines):
    with open(file, 'w', encoding='utf-8') as f:
        f.write(''.join(line + '\n' for line in lines))


def difference(name, output):
    """From PostgreSQL's output to this one, without line numbers."""
    lines = difflib.unified_diff(lines_of(path('expected', name, '.out')), output, lineterm='', n=1)
    return ['@@' if line.startswith('@@') else line for line in lines][2:]


def unexpected(port, name):
    """What differs otherwise than is known: lines for people."""
    try:
        output = output_of(port, name)
    except subprocess.TimeoutExpired:
        return ['no end within %d s' % TIMEOUT_S]
    return list(difflib.unified_diff(lines_of(path('expected', name, '.diff')), difference(name, output), 'known differences', 'differences here',
                                     lineterm='', n=3))


def record(port, wanted):
    for name in wanted:
        write_lines(path('expected', name, '.out'), output_of(port, name))


def accept(port, wanted):
    for name in wanted:
        diff = difference(name, output_of(port, name))
        if diff:
            write_lines(path('expected', name, '.diff'), diff)
        elif os.path.exists(path('expected', name, '.diff')):
            os.remove(path('expected', name, '.diff'))


def against(port, wanted):
    bad = 0
    for name in wanted:
        diff = unexpected(port, name)
        bad += bool(diff)
        print('%-24s %s' % (name, 'DIFFERS' if diff else 'ok'))
        print(''.join(line + '\n' for line in diff), end='')
    return bad


def test(server, cli, wanted):
    print('1..%d' % len(wanted))
    bad = 0
    with harness.Cluster(os.path.abspath(server), os.path.abspath(cli), nodes=1) as cluster:
        cluster.create()
        cluster.start()
        for i, name in enumerate(wanted):
            diff = unexpected(cluster.nodes[0].port, name)
            bad += bool(diff)
            print('%s %d - %s' % ('not ok' if diff else 'ok', i + 1, name))
            print(''.join('# ' + line + '\n' for line in diff[:200]), end='', flush=True)
        cluster.stop()
        cluster.check()
    return bad


def main(args):
    mode = args[0] if args else ''
    if mode == 'test' and len(args) >= 3:
        return test(args[1], args[2], args[3:] or names())
    on_port = {'record': record, 'accept': accept, 'against': against}.get(mode)
    if on_port is not None and len(args) >= 2:
        return on_port(int(args[1]), args[2:] or names())
    sys.exit(__doc__)


if __name__ == '__main__':
    sys.exit(1 if main(sys.argv[1:]) else 0)
