#!/usr/bin/env python3
"""Runs the project's tests part by part and sums them up. Called by ./check, which installs what is missing first."""
import fnmatch
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORES = len(os.sched_getaffinity(0))

SEEDS = int(os.environ.get('CHECK_SEEDS', '300'))
SLOWEST_SHOWN = 12
OUTPUT_LINES_SHOWN = 40

# Tests with real threads: what the thread sanitizer is for. The simulation runs everything in one thread.
THREADED_TESTS = ['rt/fibers', 'rt/io', 'rt/sync', 'redo/threads', 'storage/*', 'interconnect/real', 'cluster/real', 'cluster/everything_at_once', 'gcs/threads', 'server/*']

GOOD = ('OK', 'EXPECTEDFAIL')


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []  # (what, the command that repeats it)
        self.slow = []  # (seconds, what)

    def ok(self, what, seconds, count=1):
        self.passed += count
        self.slow.append((seconds, what))

    def bad(self, what, seconds, repeat, output='', passed=0, failed=1):
        self.passed += passed
        self.failed += failed
        self.slow.append((seconds, what))
        self.failures.append((what, repeat))
        print('FAILED  %s (%.1f s)' % (what, seconds))
        for line in output.rstrip().splitlines()[-OUTPUT_LINES_SHOWN:]:
            print('        | ' + line)
        print('        repeat: ' + repeat, flush=True)


totals = Totals()


def run(command, timeout, **more):
    """Returns (exit status, output); nothing that the command started outlives a time-out."""
    p = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors='replace', start_new_session=True, **more)
    try:
        output, _ = p.communicate(timeout=timeout)
        return p.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        output, _ = p.communicate()
        return -1, output + '\nno end within %d s' % timeout


def run_one(what, command, timeout=600, **more):
    """One command is one test."""
    began = time.monotonic()
    status, output = run(command, timeout, **more)
    seconds = time.monotonic() - began
    if status == 0:
        totals.ok(what, seconds)
    else:
        totals.bad(what, seconds, shlex.join(command), output)
    return status == 0, output


# ---- builds and meson's tests -----------------------------------------------------------------


def build(flavour, targets=()):
    ok, _ = run_one('build %s' % flavour, ['scripts/build.sh', flavour, *(['--', *targets] if targets else [])], timeout=1800)
    return ok


def configure(flavour):
    """The build folder without building, so that its tests can be listed."""
    ok, _ = run_one('configure %s' % flavour, ['scripts/build.sh', flavour, '--', 'build.ninja'])
    return ok


def meson_tests(flavour):
    status, output = run(['meson', 'introspect', '--tests', 'build/' + flavour], 60)
    return json.loads(output) if status == 0 else []


def suites_of(test):
    return {s.split(':')[-1] for s in test['suite']}


def program_of(test, flavour):
    return os.path.relpath(test['cmd'][0], os.path.join(ROOT, 'build', flavour))


def cases(result):
    """What a program says of its cases (cmocka's summary, or TAP): (passed, failed)."""
    text = (result.get('stdout') or '') + (result.get('stderr') or '')
    passed = sum(int(n) for n in re.findall(r'\[  PASSED  \] (\d+) test', text)) + len(re.findall(r'^ok \d+(?!.*# SKIP)', text, re.M))
    failed = sum(int(n) for n in re.findall(r'\[  FAILED  \] .*?(\d+) test', text)) + len(re.findall(r'^not ok \d+', text, re.M))
    return passed, failed


def record(flavour, result):
    name = result['name'].split(' / ')[-1].split(':')[-1]
    what, seconds = '%s (%s)' % (name, flavour), result['duration']
    if result['result'] == 'SKIP':
        totals.skipped += 1
        return
    passed, failed = cases(result)
    if result['result'] == 'EXPECTEDFAIL':  # a rule was taken out, and the test noticed
        totals.ok(what, seconds)
    elif result['result'] == 'OK':
        totals.ok(what, seconds, max(passed, 1))
    else:
        output = '%s\n%s\n%s' % (result.get('stdout') or '', result.get('stderr') or '', result['result'])
        repeat = 'scripts/build.sh %s && meson test -C build/%s --print-errorlogs %s' % (flavour, flavour, shlex.quote(name))
        totals.bad(what, seconds, repeat, output, passed, max(failed, 1))


def run_meson(flavour, tests, processes=CORES, timeout=2400):
    """Runs these tests, already built; every one of them is accounted for."""
    if not tests:
        return
    names = [t['name'] for t in tests]
    log_base = 'check-%d' % os.getpid()
    log = os.path.join(ROOT, 'build', flavour, 'meson-logs', log_base + '.json')
    command = ['meson', 'test', '-C', 'build/' + flavour, '--no-rebuild', '--num-processes', str(processes), '--logbase', log_base, *names]
    began = time.monotonic()
    _, output = run(command, timeout)
    seen = set()
    if os.path.exists(log):
        with open(log) as f:
            for line in f:
                result = json.loads(line)
                seen.add(result['name'].split(' / ')[-1].split(':')[-1])
                record(flavour, result)
        for ending in ('.json', '.txt', '.junit.xml'):
            if os.path.exists(log[:-5] + ending):
                os.unlink(log[:-5] + ending)
    for name in names:
        if name not in seen:
            totals.bad('%s (%s): did not run' % (name, flavour), time.monotonic() - began, shlex.join(command[:6] + [name]), output)


def build_and_run(flavour, wanted, **more):
    """Builds the programs of those tests that `wanted` picks, and runs them."""
    if not configure(flavour):
        return
    tests = [t for t in meson_tests(flavour) if wanted(t)]
    programs = {program_of(t, flavour) for t in tests}
    if any(p.startswith('..') for p in programs):  # a script, which runs the server
        programs |= {'src/server/rusty-db-server', 'src/cli/rustydb-cli'}
    targets = sorted(p for p in programs if not os.path.isabs(p) and not p.startswith('..'))
    if build(flavour, targets):
        run_meson(flavour, tests, **more)


# ---- the parts -----------------------------------------------------------------------------------


def part_layers():
    """Use-lists, symbols, links, purity of the cores."""
    if not build('release'):
        return
    began = time.monotonic()
    status, output = run(['python3', 'scripts/check-layers.py', 'build/release'], 300)
    found = re.search(r'^layers: (\d+) passed, (\d+) failed', output, re.M)
    passed, failed = (int(found.group(1)), int(found.group(2))) if found else (0, 1)
    seconds = time.monotonic() - began
    if status == 0 and not failed:
        totals.ok('layers', seconds, passed)
    else:
        bad_lines = '\n'.join(line for line in output.splitlines() if not line.endswith(' ok'))
        totals.bad('layers', seconds, 'scripts/build.sh release && scripts/check-layers.py build/release', bad_lines, passed, max(failed, 1))


def part_docs():
    """What is generated from tables is what lies in docs/."""
    cli = 'build/release/src/cli/rustydb-cli'
    if not build('release'):
        return
    if os.path.exists(os.path.join(ROOT, 'src/cli/meson.build')):
        run_one('docs/CONFIGURATION.md is up to date', ['scripts/make-configuration-doc.sh', '--check', cli])


def part_debug():
    """The build that developers use: unoptimised, slow assertions, its own warnings."""
    build('debug')


def part_unit():
    """Unit tests and fuzz targets under ASan and UBSan."""
    build_and_run('asan', lambda t: suites_of(t) & {'unit', 'fuzz'})


def part_threads():
    """What runs on several threads, under TSan."""
    build_and_run('tsan', lambda t: any(fnmatch.fnmatch(t['name'], p) for p in THREADED_TESTS))


def check_switches():
    """Every switch takes something out, and a mutation test names it."""
    began = time.monotonic()
    with open(os.path.join(ROOT, 'src/base/mutate.h')) as f:
        rules = re.findall(r'^ +X\((R\w+),', f.read(), re.M)
    _, used = run(['grep', '-rhoE', r'MUTATED\("R\w+"\)', 'src', '--include=*.[ch]'], 60)
    tested = {t['env'].get('RUSTYDB_MUTATE') for t in meson_tests('mutations') if 'mutation' in suites_of(t)}
    for rule in rules:
        if 'MUTATED("%s")' % rule not in used or rule not in tested:
            totals.bad('%s has a place in the code and a mutation test' % rule, 0, "grep -rn '\"%s\"' src; grep -rn %s tests" % (rule, rule))
    totals.ok('each rule that can be taken out has a test', time.monotonic() - began)


def part_mutations():
    """Rules taken out one by one: some test has to notice."""
    build_and_run('mutations', lambda t: 'mutation' in suites_of(t))
    check_switches()
    script = 'tests/sim/mutations.sh'
    if not os.path.exists(os.path.join(ROOT, script)) or not build('mutations', ['tests/sim/sim_run']):
        return
    began = time.monotonic()
    _, output = run([script, 'build/mutations'], 1800)
    caught = re.findall(r'^(\S+) +caught', output, re.M)
    missed = re.findall(r'^(\S+) +NOT caught', output, re.M)
    for rule in missed or ([] if caught else ['any rule']):
        totals.bad('simulation without %s: not noticed' % rule, 0, '%s build/mutations 60 %s' % (script, rule), '' if caught else output)
    totals.ok('simulation without one rule', time.monotonic() - began, len(caught))


def regressions(program):
    """Seeds that have failed once."""
    began = time.monotonic()
    path = os.path.join(ROOT, 'tests/sim/regressions')
    lines = [line.split('#')[0].split() for line in open(path)]
    runs = [args for args in lines if args]
    for args in runs:
        status, output = run([program, '--seeds'] + args, 300)
        if status != 0:
            totals.bad('simulation, regression seed %s' % ' '.join(args), 0, '%s --seeds %s --verbose' % (program, ' '.join(args)), output[-3000:])
            runs = [r for r in runs if r is not args]
    totals.ok('simulation, seeds that failed once', time.monotonic() - began, len(runs))


def part_sim():
    """Whole clusters in one process, a run a seed."""
    if not os.path.exists(os.path.join(ROOT, 'tests/sim/meson.build')):
        return
    build_and_run('mutations', lambda t: 'sim' in suites_of(t) and t['name'] != 'sim/seeds')
    program = 'build/mutations/tests/sim/sim_run'
    began = time.monotonic()
    trouble = ['--trouble'] if SEEDS >= 300 else [] # in so many runs each fault happens
    status, output = run([program, '--seeds', '1-%d' % SEEDS, '--jobs', str(CORES)] + trouble, 3600)
    seconds = time.monotonic() - began
    found = re.search(r'^(\d+) runs, (\d+) failed: .*', output, re.M)
    runs, failed = (int(found.group(1)), int(found.group(2))) if found else (0, 1)
    if status == 0 and not failed:
        regressions(program)
        print(found.group(0))
        totals.ok('simulation, %d seeds' % runs, seconds, runs)
        return
    for seed, why in re.findall(r'^seed (\d+) (FAILED: .*)', output, re.M):
        failed -= 1
        first = output.find('seed %s FAILED' % seed)
        totals.bad('simulation, seed %s' % seed, 0, 'scripts/build.sh mutations -- tests/sim/sim_run && %s --seeds %s --verbose' % (program, seed),
                   output[max(0, first - 3000):first] + why)
    totals.ok('simulation, %d seeds' % runs, seconds, runs - int(found.group(2)) if found else 0)
    if failed > 0:
        totals.bad('simulation', seconds, '%s --seeds 1-%d --jobs %d' % (program, SEEDS, CORES), output, failed=failed)


def part_process():
    """SQL, crash and cluster tests against real processes, one at a time; and every suite that no other part runs."""
    if build('release'):
        elsewhere = {'unit', 'fuzz', 'mutation', 'sim', 'threads'}
        run_meson('release', [t for t in meson_tests('release') if not suites_of(t) & elsewhere], processes=1)


def part_quickstart():
    """The quick start as a newcomer runs it, twice, on ports of its own."""
    if not os.path.exists(os.path.join(ROOT, 'src/server/meson.build')):
        return
    with tempfile.TemporaryDirectory(prefix='rustydb-quickstart-') as folder:
        options = ['--data', os.path.join(folder, 'data'), '--port', '25501']
        try:
            first, _ = run_one('quickstart', ['./quickstart', *options])
            run_one('quickstart stop', ['./quickstart', 'stop', *options])
            if first:
                began = time.monotonic()
                status, output = run(['./quickstart', *options], 600)
                if status == 0 and 'found again' in output:
                    totals.ok('quickstart finds the data again', time.monotonic() - began)
                else:
                    totals.bad('quickstart finds the data again', time.monotonic() - began, './quickstart; ./quickstart stop; ./quickstart',
                               output)
        finally:
            run(['./quickstart', 'stop', *options], 180)


PARTS = {
    'layers': part_layers,
    'docs': part_docs,
    'debug': part_debug,
    'unit': part_unit,
    'threads': part_threads,
    'mutations': part_mutations,
    'sim': part_sim,
    'process': part_process,
    'quickstart': part_quickstart,
}


def main():
    if sys.argv[1:] == ['--list']:
        for name, function in PARTS.items():
            print('%-12s %s' % (name, (function.__doc__ or '').split('\n')[0]))
        return 0
    unknown = [n for n in sys.argv[1:] if n not in PARTS]
    if unknown:
        sys.exit('unknown part "%s"; ./check --list names them' % unknown[0])
    began = time.monotonic()
    times = []
    for name in sys.argv[1:] or PARTS:
        part_began, before = time.monotonic(), (totals.passed, totals.failed)
        PARTS[name]()
        times.append((time.monotonic() - part_began, name))
        print('%-12s %4d passed, %d failed, %.0f s' % (name, totals.passed - before[0], totals.failed - before[1], times[-1][0]), flush=True)
    print('\nslowest:')
    for seconds, what in sorted(totals.slow, reverse=True)[:SLOWEST_SHOWN]:
        print('  %6.1f s  %s' % (seconds, what))
    if totals.failures:
        print('\nfailed:')
        for what, repeat in totals.failures:
            print('  %s\n      %s' % (what, repeat))
    print('\n%.0f s in all%s' % (time.monotonic() - began, ', %d skipped' % totals.skipped if totals.skipped else ''))
    print('%d passed, %d failed' % (totals.passed, totals.failed))
    return 1 if totals.failed or not totals.passed else 0


if __name__ == '__main__':
    sys.exit(main())
