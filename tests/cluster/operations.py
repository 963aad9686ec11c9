"""What an operator does: create, start, status, join and leave under load, stop. And what clients on several nodes see."""
import os
import signal
import subprocess
import threading
import time

import pg
from harness import Cluster, Failed, Skip, must, must_equal, wait_until


def create_and_status(server, cli):
    with Cluster(server, cli) as c:
        c.create()
        again = c.run_cli('cluster', 'create', status=1)
        must('there is a database in %s already' % c.data in again, 'cluster create over a database says: %s', again)
        refused = c.run_cli('cluster', 'status', status=1)
        must('no answer from the node at 127.0.0.1:%d' % c.nodes[0].port in refused, 'cluster status without nodes says: %s', refused)
        for node in c.nodes:
            node.start()
        want = ('Cluster: test\nNodes: 3\n  - node1 (HEALTHY, leader)\n  - node2 (HEALTHY)\n  - node3 (HEALTHY)\n'
                'GRD buckets: 65536\nCache Fusion: ENABLED\n')
        for i in range(3):
            must_equal(c.run_cli('cluster', 'status', node=i), want, 'cluster status of node %d' % (i + 1))
        in_use = c.run_cli('check', c.data, status=1)
        must('is open' in in_use and 'Stop all nodes first' in in_use, 'check of an open database says: %s', in_use)
        must_equal(c.run_cli('cluster', 'stop', 'node2', node=0), 'node2 stopped\n', 'cluster stop node2')
        must_equal(c.nodes[1].wait_end(10), 0, 'exit status of node2')
        unknown = c.run_cli('cluster', 'stop', 'node9', status=1)
        must('there is no node "node9"' in unknown, 'cluster stop of an unknown node says: %s', unknown)
        status = c.run_cli('cluster', 'status', node=2)
        must('Nodes: 2\n  - node1 (HEALTHY, leader)\n  - node3 (HEALTHY)\n' in status, 'status after node2 left: %s', status)
        must_equal(c.run_cli('cluster', 'stop'), 'node3 stopped\nnode1 stopped\n', 'cluster stop')
        for i in (0, 2):
            must_equal(c.nodes[i].wait_end(10), 0, 'exit status of node %d' % (i + 1))
        c.check()


def set_modes(top, folder, file):
    for path, _, names in os.walk(top):
        os.chmod(path, folder)
        for name in names:
            os.chmod(os.path.join(path, name), file)


def check_reads_only(server, cli):
    """The check needs no right to write; it refuses where a node runs, and names what is missing."""
    user = 65534 if os.getuid() == 0 else None  # root may write everywhere
    with Cluster(server, cli, nodes=1) as c:
        c.create()
        must('note: %s/control/voting is missing' % c.data in c.check(), 'the voting file is not missed')
        c.nodes[0].start()
        with c.nodes[0].connect() as k:
            k.query('CREATE TABLE t (a int); INSERT INTO t VALUES (1)')
        os.chmod(c.dir, 0o755)
        set_modes(c.data, 0o555, 0o444)
        in_use = c.run_cli('check', c.data, status=1, user=user)
        must('is open' in in_use, 'check of an open database says: %s', in_use)
        set_modes(c.data, 0o700, 0o600)
        c.stop()
        set_modes(c.data, 0o555, 0o444)
        whole = c.run_cli('check', c.data, user=user)
        must(whole.endswith('no problems\n') and 'control/' not in whole, 'check says: %s', whole)
        set_modes(c.data, 0o700, 0o600)
        os.unlink(os.path.join(c.data, 'control', 'secret'))
        must('note: %s/control/secret is missing' % c.data in c.check(), 'the secret is not missed')


def stop_through_sql(server, cli):
    """A node that is told to stop answers first, then ends its sessions."""
    with Cluster(server, cli, nodes=1) as c:
        c.create()
        node = c.nodes[0]
        for i in range(10):
            node.start()
            with node.connect() as k, node.connect() as bystander:
                must_equal(k.query("SELECT rustydb_stop_node('node1'), %d" % i), [('t', str(i))], 'the answer')
                for session in (k, bystander):
                    try:
                        session.read_message()  # unasked
                        session.query('SELECT 1')
                        raise Failed('a session outlives its node')
                    except pg.Error as e:
                        must_equal(e.sqlstate, '57P01', 'what a session is told when the node stops')
                    except pg.Gone:
                        pass
            must_equal(node.wait_end(30), 0, 'exit status')
        c.check()


def visible_at_once(server, cli):
    """A commit acknowledged by one node is in every snapshot that begins afterwards, on any node."""
    with Cluster(server, cli) as c:
        c.create()
        c.start()
        a, b = c.nodes[0].connect(), c.nodes[1].connect()
        a.query('CREATE TABLE seen (id integer PRIMARY KEY, v integer)')
        a.query('INSERT INTO seen VALUES (0, 0)')
        for i in range(1, 1001):
            writer, reader = (a, b) if i % 2 else (b, a)
            writer.query('UPDATE seen SET v = %d WHERE id = 0' % i)
            must_equal(int(reader.value('SELECT v FROM seen WHERE id = 0')), i, 'read on the other node after commit %d' % i)
        for i in range(1, 201):
            a.query('INSERT INTO seen VALUES (%d, %d)' % (i, i))
            must_equal(int(b.value('SELECT count(*) FROM seen')), i + 1, 'count on the other node after insert %d' % i)
        a.query('CREATE TABLE fresh (x integer)')
        must_equal(b.query('SELECT x FROM fresh'), [], 'a table made on the other node')
        a.query('DROP TABLE fresh')
        must_equal(pg.error_of(b, 'SELECT x FROM fresh'), '42P01', 'a table dropped on the other node')
        a.close()
        b.close()
        c.stop()
        c.check()


def statistic(sessions, name):
    """Of all these nodes together."""
    return sum(int(k.value("SELECT value FROM node_statistics WHERE subsystem || '.' || name = '%s'" % name)) for k in sessions)


def blocks_travel_once(server, cli):
    """A row that is changed by its key: its block comes as the current one at once. A row that others have: who has it keeps its block."""
    with Cluster(server, cli, nodes=2) as c:
        c.create()
        c.start()
        a, b = c.nodes[0].connect(), c.nodes[1].connect()
        a.query('CREATE TABLE far (id integer PRIMARY KEY, v integer)')
        a.query('INSERT INTO far SELECT i, 0 FROM generate_series(1, 10) i')
        for i in range(20):
            for k in (a, b):
                k.query('UPDATE far SET v = v + 1 WHERE id = 1')
            if i == 9:
                copies, blocks = statistic((a, b), 'gcs.copies_shipped'), statistic((a, b), 'gcs.blocks_shipped')
        copies, blocks = statistic((a, b), 'gcs.copies_shipped') - copies, statistic((a, b), 'gcs.blocks_shipped') - blocks
        must(blocks >= 20 and copies <= 10, 'for 20 changes, in turn, %d blocks and %d copies were shipped', blocks, copies)
        a.query('BEGIN')
        a.query('UPDATE far SET v = 0 WHERE id = 1')
        waiters = [c.nodes[n % 2].connect() for n in range(24)]
        for k in waiters:
            k.start_query('UPDATE far SET v = v + 1 WHERE id = 1')
        time.sleep(0.5)
        blocks = statistic((a, b), 'gcs.blocks_shipped')
        a.query('COMMIT')
        for k in waiters:
            k.finish_query()
            k.close()
        blocks = statistic((a, b), 'gcs.blocks_shipped') - blocks
        must(blocks <= 12, '%d blocks were shipped for 24 changes of one row', blocks)
        must_equal(a.value('SELECT v FROM far WHERE id = 1'), '24', 'the sum of all changes')
        a.close()
        b.close()
        c.stop()
        c.check()


def cancel_elsewhere(server, cli):
    """A cancel request may come to another node's port: the client's library asks whichever address it knows."""
    with Cluster(server, cli) as c:
        c.create()
        c.start()
        with c.nodes[0].connect() as one, c.nodes[1].connect() as other:
            one.query('CREATE TABLE r (id integer PRIMARY KEY, v integer)')
            one.query('INSERT INTO r VALUES (1, 0)')
            one.query('BEGIN')
            one.query('UPDATE r SET v = 1 WHERE id = 1')
            for port in (c.nodes[2].port, c.nodes[0].port, c.nodes[1].port):
                other.start_query('UPDATE r SET v = 2 WHERE id = 1')  # waits for the row
                time.sleep(0.3)
                began = time.monotonic()
                pg.cancel(port, other.pid, other.secret)
                try:
                    other.finish_query()
                    raise Failed('the query was not cancelled')
                except pg.Error as e:
                    must_equal(e.sqlstate, '57014', 'sqlstate of a cancelled query')
                must(time.monotonic() - began < 5, 'the cancel request took %.1f s', time.monotonic() - began)
            pg.cancel(c.nodes[2].port, other.pid, other.secret ^ 1)
            other.start_query('UPDATE r SET v = 3 WHERE id = 1')
            time.sleep(0.3)
            one.query('COMMIT')
            other.finish_query()
            must_equal(one.value('SELECT v FROM r'), '3', 'a wrong secret cancels nothing')
        c.stop()


def starting_up(server, cli):
    """Until it serves, a node says so (57P03); pg_isready and drivers know that code."""
    with Cluster(server, cli, nodes=1) as c:
        c.create()
        node = c.nodes[0]
        node.start(wait=False)
        seen = set()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with node.connect(timeout=10) as k:
                    k.query('SELECT 1')
                break
            except pg.Error as e:
                seen.add((e.sqlstate, e.message))
            except pg.Gone:
                must(node.running(), 'the node ended:\n%s', node.log())
        must_equal(seen, {('57P03', 'the database system is starting up')}, 'errors while the node started')
        with node.connect() as k:
            k.query('SELECT 1')
            node.process.send_signal(15)
            try:
                while True:
                    k.query('SELECT 1')
            except pg.Error as e:
                must_equal(e.sqlstate, '57P01', 'what a session is told when the node stops')
            except pg.Gone:
                pass
        node.wait_end(30)
        c.check()


def signals(server, cli):
    """SIGHUP and SIGPIPE change nothing; SIGTERM at any moment of a start leaves the others running."""
    with Cluster(server, cli, nodes=2) as c:
        c.create()
        c.nodes[0].start()
        with c.nodes[0].connect() as k:
            for s in (signal.SIGHUP, signal.SIGPIPE, signal.SIGHUP):
                c.nodes[0].process.send_signal(s)
                time.sleep(0.1)
                must_equal(k.value('SELECT 1'), '1', 'after %s' % s)
            waits = []
            for ms in (0, 10, 20, 30, 50, 80, 120, 200):
                c.nodes[1].start(wait=False)
                time.sleep(ms / 1000)
                c.nodes[1].process.send_signal(signal.SIGTERM)
                waits.append((ms, c.nodes[1].wait_end(30)))
                must(c.nodes[0].running(), 'the other node ended: %s\n%s', waits, c.nodes[0].log()[-2000:])
                must_equal(k.value('SELECT 1'), '1', 'after SIGTERM %d ms into the start of the other node' % ms)
            must(any(status == 0 for _, status in waits), 'no start was stopped in order: %s', waits)
            must(all(status in (0, -signal.SIGTERM) for _, status in waits), 'statuses: %s', waits)
        c.nodes[0].has_no_errors()
        c.stop()
        c.check()


def pgbench(node, *args, wait=True):
    command = ['pgbench', '-h', '127.0.0.1', '-p', str(node.port), '-U', 'rustydb', *args, 'rustydb']
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not wait:
        return p
    output, _ = p.communicate(timeout=180)
    must_equal(p.returncode, 0, 'exit status of pgbench, which says:\n%s' % output)
    return output


def sums(node):
    with node.connect() as c:
        return [int(c.value('SELECT sum(%s) FROM %s' % x) or 0)
                for x in (('abalance', 'pgbench_accounts'), ('bbalance', 'pgbench_branches'), ('tbalance', 'pgbench_tellers'), ('delta', 'pgbench_history'))]


def join_and_leave(server, cli):
    """pgbench on two nodes goes on without an error while the third one leaves and comes back."""
    with Cluster(server, cli) as c:
        c.create()
        c.start()
        pgbench(c.nodes[0], '-i', '-q', '-s', '2')
        load = [pgbench(n, '-n', '-c', '2', '-T', '20', '--max-tries=1000', wait=False) for n in c.nodes[:2]]
        try:
            joins = 0
            while all(p.poll() is None for p in load):
                c.nodes[2].stop()
                c.nodes[2].start()
                with c.nodes[2].connect() as k:
                    must(int(k.value('SELECT count(*) FROM pgbench_history')) >= 0, 'no answer')
                c.nodes[2].has_no_errors()
                joins += 1
            for p in load:
                output, _ = p.communicate(timeout=120)
                must_equal(p.returncode, 0, 'exit status of pgbench, which says:\n%s' % output)
        finally:
            for p in load:
                p.kill()
                p.wait()
        print('%d times left and joined' % joins)
        must(joins > 0, 'the node never came back while pgbench ran')
        for n in c.nodes:
            s = sums(n)
            must(len(set(s)) == 1, '%s: sums of balances and deltas differ: %s', n.name, s)
        c.stop()
        c.check()


def all_stop_and_start(server, cli):
    """The leader may leave first, and any node may be the first to start."""
    with Cluster(server, cli) as c:
        c.create()
        c.start()
        with c.nodes[2].connect() as k:
            k.query('CREATE TABLE t (id serial PRIMARY KEY, v text)')
            k.query("INSERT INTO t (v) VALUES ('a'), ('b')")
        for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
            for i in order:
                c.nodes[i].stop()
            for i in order:
                c.nodes[i].start()
                with c.nodes[i].connect() as k:
                    k.query("INSERT INTO t (v) VALUES ('again')")
        with c.nodes[0].connect() as k:
            must_equal(k.value('SELECT count(*) FROM t'), '11', 'rows')
            must_equal(k.value('SELECT count(DISTINCT id) FROM t'), '11', 'different ids')
        c.stop()
        c.check()


def ddl_everywhere(server, cli):
    """Definitions change on one node while others use them: no statement sees half of a change."""
    errors = []
    with Cluster(server, cli) as c:
        c.create()
        c.start()
        stop = threading.Event()
        with c.nodes[0].connect() as k:
            k.query('CREATE TABLE base (id integer PRIMARY KEY, v integer)')
            k.query('INSERT INTO base VALUES (1, 1)')

        def use(node):
            try:
                with node.connect() as k:
                    while not stop.is_set():
                        rows = k.query('SELECT * FROM base WHERE id = 1')
                        if len(rows) != 1 or len(rows[0]) < 2:
                            errors.append('%s reads %r' % (node.name, rows))
                        pg.error_of(k, 'UPDATE base SET v = v + 1 WHERE id = 1')
            except Exception as e:
                errors.append('%s: %r' % (node.name, e))

        users = [threading.Thread(target=use, args=(n,), daemon=True) for n in c.nodes[1:]]
        for u in users:
            u.start()
        with c.nodes[0].connect() as k:
            for i in range(8):
                k.query('ALTER TABLE base ADD COLUMN c%d integer DEFAULT %d' % (i, i))
                k.query('CREATE TABLE side%d (x integer PRIMARY KEY)' % i)
                k.query('CREATE INDEX base_c%d ON base (c%d)' % (i, i))
                k.query('DROP TABLE side%d' % i)
        stop.set()
        for u in users:
            u.join(30)
        must(not errors, 'while definitions changed: %s', errors[:3])
        must(not any(u.is_alive() for u in users), 'a session hangs')
        for n in c.nodes:
            with n.connect() as k:
                must_equal(k.query('SELECT c0, c7 FROM base'), [('0', '7')], 'new columns on %s' % n.name)
        c.stop()
        c.check()


def everything_at_once(server, cli):
    """For the thread sanitizer: all kinds of work on all nodes, whose workers are real threads. Its reports are the exit status, too."""
    seconds = 5
    statements = ('CREATE TABLE t%d (a integer PRIMARY KEY, b text)', "INSERT INTO t%d SELECT aid, repeat('x', aid %% 4000) FROM pgbench_accounts WHERE aid <= 300",
                  'CREATE INDEX ON t%d (b)', 'UPDATE t%d SET b = b || b WHERE a %% 7 = 0', 'DELETE FROM t%d WHERE a %% 3 = 0', 'SELECT count(*) FROM t%d',
                  'ALTER TABLE t%d ADD COLUMN c integer DEFAULT 3', 'VACUUM t%d', 'DROP TABLE t%d')
    failed = []

    def define(node):
        try:
            with node.connect(timeout=120) as k:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    for s in statements:
                        k.query(s % node.number)
        except Exception as e:
            failed.append('%s: %r' % (node.name, e))

    with Cluster(server, cli) as c:
        try:
            c.create()
            c.start()
            pgbench(c.nodes[0], '-i', '-q', '-s', '1')
            for script, mode in (('tpcb-like', 'prepared'), ('select-only', 'simple'), ('simple-update', 'extended')):
                load = [pgbench(n, '-n', '-b', script, '-M', mode, '-c', '4', '-T', str(seconds), '--max-tries=1000', wait=False) for n in c.nodes]
                for p in load:
                    output, _ = p.communicate(timeout=180)
                    must_equal(p.returncode, 0, 'exit status of pgbench, which says:\n%s' % output)
            sessions = [threading.Thread(target=define, args=(n,), daemon=True) for n in c.nodes]
            for t in sessions:
                t.start()
            for t in sessions:
                t.join(120)
            must(not failed and not any(t.is_alive() for t in sessions), 'sessions failed: %s', failed)
            c.stop()
        finally:
            for n in c.nodes:
                report = n.log().find('WARNING: ThreadSanitizer')
                must(report < 0, '%s: %s', n.name, n.log()[report:report + 6000])
        c.check()


TESTS = {f.__name__: f for f in (create_and_status, check_reads_only, stop_through_sql, visible_at_once, blocks_travel_once, cancel_elsewhere, starting_up, signals, join_and_leave, all_stop_and_start, ddl_everywhere,
                                 everything_at_once)}
