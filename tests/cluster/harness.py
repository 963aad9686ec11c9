"""Instances of one cluster as processes of this machine, for tests: data directory, ports, logs. Ends only what it started."""
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pg  # noqa: E402

READY_S = 60.0
STOP_S = 60.0
SKIPPED = 77  # meson's exit status


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def must(condition, text, *args):
    if not condition:
        raise Failed(text % args if args else text)


def must_equal(have, want, what):
    must(have == want, '%s: %r, expected %r', what, have, want)


def free_port(taken):
    """A port where nobody listens, below the range of outgoing connections."""
    for _ in range(1000):
        port = random.randrange(21000, 31000)
        if port in taken:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise Failed('no free port')


def wait_until(what, seconds, condition):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failed('%s: not within %g s' % (what, seconds))


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.name = 'node%d' % number
        self.port, self.ic_port = free_port(cluster.ports), free_port(cluster.ports)
        self.config_path = os.path.join(cluster.dir, self.name + '.toml')
        self.log_path = os.path.join(cluster.dir, self.name + '.log')
        self.process = None
        self.settings = {}  # of this node alone: {section: {key: value}}

    def write_config(self):
        sections = {
            'cluster': {'cluster_name': 'test', 'node_id': self.name, 'interconnect_address': '127.0.0.1:%d' % self.ic_port},
            'storage': {'data_dir': self.cluster.data, 'buffer_cache_size': '64MB', 'redo_file_size': '16MB', 'workers': 2},
            'server': {'listen_address': '127.0.0.1:%d' % self.port, 'spin_us': 0},
        }
        for more in (self.cluster.settings, self.settings):
            for section, keys in more.items():
                sections.setdefault(section, {}).update(keys)
        with open(self.config_path, 'w') as f:
            for section, keys in sections.items():
                f.write('[%s]\n' % section)
                for key, value in keys.items():
                    f.write('%s = %s\n' % (key, '"%s"' % value if isinstance(value, str) else str(value).lower()))
                f.write('\n')

    def start(self, wait=True, wrapper=()):
        must(self.process is None, '%s runs already', self.name)
        self.write_config()
        self.log_from = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*wrapper, self.cluster.server, '--config', self.config_path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + READY_S
        last = None
        while time.monotonic() < deadline:
            status = self.process.poll()
            if status is not None:
                self.process = None
                raise Failed('%s ended with status %s while starting:\n%s' % (self.name, status, self.log()[-3000:]))
            try:
                with self.connect(timeout=5) as c:
                    c.query('SELECT 1')
                return
            except (pg.Gone, pg.Error) as e:
                last = e
            time.sleep(0.05)
        raise Failed('%s does not answer within %g s (%s):\n%s' % (self.name, READY_S, last, self.log()[-3000:]))

    def fails_to_start(self, seconds=READY_S):
        """Starts it and waits for its end; returns what it said."""
        self.start(wait=False)
        status = self.wait_end(seconds)
        must(status != 0, '%s ended as if all were well', self.name)
        return self.log()

    def connect(self, **more):
        return pg.Connection(self.port, **more)

    def log(self):
        """Since its last start."""
        with open(self.log_path, errors='replace') as f:
            f.seek(self.log_from)
            return f.read()

    def has_no_errors(self):
        """Since its last start."""
        for line in self.log().splitlines():
            must('"level":"error"' not in line and '"level":"fatal"' not in line, '%s complains: %s', self.name, line)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_end(self, seconds):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed('%s does not end within %g s:\n%s' % (self.name, seconds, self.log()[-3000:])) from None
        self.process = None
        return status

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.wait_end(STOP_S)
        must(status == 0, '%s ended with status %s:\n%s', self.name, status, self.log()[-3000:])


class Cluster:
    def __init__(self, server, cli, nodes=3, settings=None, data=None):
        self.server, self.cli = server, cli
        self.dir = tempfile.mkdtemp(prefix='rustydb-test-')
        self.data = data or os.path.join(self.dir, 'db')
        self.settings = settings or {}
        self.ports = set()
        self.nodes = [Node(self, i + 1) for i in range(nodes)]

    def create(self):
        self.nodes[0].write_config()
        self.run_cli('cluster', 'create')

    def run_cli(self, *args, node=0, status=0, timeout=120, user=None):
        """Its output."""
        self.nodes[node].write_config()
        p = subprocess.run([self.cli, '--config', self.nodes[node].config_path, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=timeout, user=user)
        must(p.returncode == status, 'rustydb-cli %s ends with %d:\n%s', ' '.join(args), p.returncode, p.stdout)
        return p.stdout

    def start(self):
        """All at once, as an operator's scripts do."""
        for n in self.nodes:
            n.start(wait=False)
        for n in self.nodes:
            n.wait_ready()

    def stop(self):
        for n in self.nodes:
            if n.process is not None:
                n.stop()

    def kill(self):
        for n in self.nodes:
            if n.process is not None:
                n.process.kill()
        for n in self.nodes:
            n.kill()

    def check(self):
        """Offline: the database must be in order."""
        output = self.run_cli('check', self.data, timeout=300)
        must(output.endswith('no problems\n'), 'rustydb-cli check says:\n%s', output)
        return output

    def close(self, failed):
        self.kill()
        if failed:
            for n in self.nodes:
                if os.path.exists(n.log_path):
                    with open(n.log_path, errors='replace') as f:
                        print('---- the end of %s:\n%s' % (n.log_path, f.read()[-4000:]))
        if failed and os.environ.get('RUSTYDB_KEEP'):
            print('kept: ' + self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *ignored):
        self.close(kind is not None and not issubclass(kind, Skip))
        return False


def main(tests):
    """NAME SERVER CLI [OPTION...]: runs one test."""
    if len(sys.argv) < 4 or sys.argv[1] not in tests:
        sys.exit('usage: %s NAME SERVER CLI [OPTION...]; names: %s' % (sys.argv[0], ' '.join(tests)))
    try:
        tests[sys.argv[1]](os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3]), *sys.argv[4:])
    except Skip as e:
        print('skipped: %s' % e)
        sys.exit(SKIPPED)
    except (Failed, pg.Error, pg.Gone, subprocess.TimeoutExpired) as e:
        print('FAILED: %s: %s' % (type(e).__name__, e))
        raise
    print('ok')
