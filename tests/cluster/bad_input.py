"""What may go wrong outside of the product: damaged and foreign files, wrong configuration, full disks, clients that talk nonsense."""
import os
import random
import socket
import struct
import subprocess
import sys
import time

import pg
from harness import Cluster, Failed, Skip, must, must_equal, wait_until

BLOCK = 8192
CONTROL_BYTES = 65536


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


CRC_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def control_paths(c):
    return [os.path.join(c.data, 'control', 'control.%d' % i) for i in (0, 1)]


def change_control(c, offset, value):
    """A field of both copies, with checksums that fit."""
    for path in control_paths(c):
        with open(path, 'r+b') as f:
            image = bytearray(f.read().ljust(CONTROL_BYTES, b'\0'))
            struct.pack_into('<I', image, offset, value)
            struct.pack_into('<I', image, 4, 0)
            struct.pack_into('<I', image, 4, crc32c(image))
            f.seek(0)
            f.write(image)


def flip(path, offset, mask=1):
    with open(path, 'r+b') as f:
        f.seek(offset)
        byte = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([byte ^ mask]))


def says(log, *texts):
    for text in texts:
        must(text in log, 'expected "%s" in what it says:\n%s', text, log[-2000:])


def wrong_data_directory(server, cli):
    with Cluster(server, cli, nodes=1) as c:
        node = c.nodes[0]
        says(node.fails_to_start(), 'there is no database in')
        os.makedirs(c.data)
        says(node.fails_to_start(), 'there is no database in')
        os.rmdir(c.data)
        with open(c.data, 'w') as f:
            f.write('no folder')
        says(node.fails_to_start(), c.data)
        os.unlink(c.data)
        c.create()
        with open(control_paths(c)[0], 'rb') as f:
            original = f.read()
        c.settings = {'cluster': {'cluster_name': 'another'}}
        says(node.fails_to_start(), 'belongs to cluster \\"test\\"', 'another')
        c.settings = {}
        change_control(c, 8, 2)
        says(node.fails_to_start(), 'format version 2')
        says(c.run_cli('check', c.data, status=1), 'format version 2')
        change_control(c, 8, 1)
        change_control(c, 12, 16384)
        says(node.fails_to_start(), 'blocks of 16384 bytes')
        change_control(c, 12, 8192)
        with open(control_paths(c)[0], 'rb') as f:
            must(f.read() == original, 'a node that refused has changed the control file')
        node.start()
        node.stop()
        c.check()


def control_file(server, cli):
    """Either copy is enough; a damaged one is told and mended."""
    with Cluster(server, cli, nodes=1) as c:
        c.create()
        node = c.nodes[0]
        first, second = control_paths(c)
        os.truncate(first, 100)
        says(c.run_cli('check', c.data, status=1), 'one of the two copies')
        node.start()
        says(node.log(), 'one copy of the control file')
        node.stop()
        c.check()
        flip(second, 200)
        node.start()
        says(node.log(), 'one copy of the control file')
        node.stop()
        c.check()
        os.unlink(first)
        node.start()
        node.stop()
        c.check()
        flip(first, 100)
        flip(second, 100)
        says(node.fails_to_start(), 'is damaged', 'second copy')


def same_node_id(server, cli):
    with Cluster(server, cli, nodes=2) as c:
        c.create()
        one, two = c.nodes
        one.start()
        two.settings = {'cluster': {'node_id': 'node1'}}
        says(two.fails_to_start(), 'is already running', 'node_id of its own')
        two.settings = {'server': {'listen_address': '127.0.0.1:%d' % one.port}}
        log = two.fails_to_start()
        must('in use' in log, 'a port in use is told as:\n%s', log)
        with one.connect() as k:
            must_equal(k.value('SELECT 1'), '1', 'the first node goes on')
        two.settings = {}
        two.start()
        c.stop()


def other_secret(server, cli):
    with Cluster(server, cli, nodes=2) as c:
        c.create()
        one, two = c.nodes
        one.start()
        path = os.path.join(c.dir, 'secret')
        two.settings = {'cluster': {'secret_file': path}}
        says(two.fails_to_start(), 'reading the cluster\'s secret')
        with open(path, 'w') as f:
            f.write('short\n')
        says(two.fails_to_start(), 'fewer than 16 characters')
        with open(path, 'w') as f:
            f.write('0123456789abcdef0123456789abcdef\n')
        two.start(wait=False)
        # it never gets in; it may go on trying or give up
        time.sleep(3)
        said = two.log() + one.log()
        must('secret' in said or 'authenticat' in said or 'proof' in said, 'nobody says that the secrets differ:\n%s', said[-3000:])
        try:
            with two.connect(timeout=5) as k:
                k.query('SELECT 1')
            raise Failed('a node with another secret serves clients')
        except (pg.Error, pg.Gone):
            pass
        two.kill()
        with one.connect() as k:
            must_equal(k.value('SELECT count(*) FROM cluster_members'), '1', 'members')
        two.settings = {}
        two.start()
        c.stop()
        c.check()


def table_block(c, node, table):
    """Path and offset of a block with rows of the table, from the catalogue's own numbers."""
    with node.connect() as k:
        seg = int(k.value("SELECT relfilenode FROM pg_class WHERE relname = '%s'" % table))
    path = os.path.join(c.data, 'data', 'main.dbf')
    return path, seg


def find_block(path, seg, kind):
    with open(path, 'rb') as f:
        at = 0
        while block := f.read(BLOCK):
            if block[2] == kind and struct.unpack_from('<I', block, 24)[0] == seg:
                return at
            at += BLOCK
    raise Failed('no block of type %d of segment %d' % (kind, seg))


def damaged_block(server, cli):
    """One damaged block: its table's statements fail with XX001 and name it; everything else works."""
    with Cluster(server, cli, nodes=2) as c:
        c.create()
        c.start()
        with c.nodes[0].connect() as k:
            for table in ('good', 'bad'):
                k.query('CREATE TABLE %s (id integer PRIMARY KEY, v text)' % table)
                k.query("INSERT INTO %s VALUES %s" % (table, ', '.join("(%d, 'row %d')" % (i, i) for i in range(200))))
        path, seg = table_block(c, c.nodes[0], 'bad')
        c.stop()
        at = find_block(path, seg, 7)
        flip(path, at + 6000)
        found = c.run_cli('check', c.data, status=1)
        says(found, 'block %d of file 1 is damaged' % (at // BLOCK), 'problems')
        c.start()
        for node in c.nodes:
            with node.connect() as k:
                try:
                    k.query('SELECT count(v) FROM bad')
                    raise Failed('a damaged block was read without a word')
                except pg.Error as e:
                    must_equal(e.sqlstate, 'XX001', 'sqlstate')
                    says(e.message, 'block %d of file 1 is damaged' % (at // BLOCK))
                must_equal(k.value('SELECT count(v) FROM good'), str(199 + node.number), 'another table')
                k.query("INSERT INTO good VALUES (%d, 'x')" % (1000 + node.number))
        c.stop()
        flip(path, at + 6000)
        c.check()


def largest_log(folder):
    """Log files are allocated ahead: the one with most in it, and how much that is."""
    found = []
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), 'rb') as f:
            found.append((len(f.read().rstrip(b'\0')), os.path.join(folder, name)))
    used, path = max(found)
    return path, used


def damaged_redo(server, cli):
    """A log damaged before its known end is never passed over: the start refuses, and says where."""
    with Cluster(server, cli, nodes=1) as c:
        c.create()
        node = c.nodes[0]
        node.start()
        with node.connect() as k:
            k.query('CREATE TABLE t (id integer PRIMARY KEY, v text)')
            for i in range(300):
                k.query("INSERT INTO t VALUES (%d, '%s')" % (i, 'x' * 500))
        folder = os.path.join(c.data, 'redo', '1')
        c.kill()
        path, used = largest_log(folder)
        at = used // 2 // 4096 * 4096
        must(at >= 8192, 'the log has %d bytes', used)
        flip(path, at + 700)
        log = node.fails_to_start()
        must_equal(log.count('crash recovery: crash recovery'), 0, 'doubled prefixes')
        says(log, 'crash recovery: analysing the redo: redo thread 1: the log block at position', path + ', offset %d' % (at + 4096 * (700 // 4096)), 'is damaged or missing')
        flip(path, at + 700)
        node.start()
        with node.connect() as k:
            must_equal(k.value('SELECT count(*) FROM t'), '300', 'rows after the log is whole again')
        node.stop()
        c.check()


def in_own_mounts():
    """Runs the test again in mounts of its own, where it may fill a small file system."""
    if os.environ.get('RUSTYDB_OWN_MOUNTS'):
        return
    if os.geteuid() != 0:
        raise Skip('a small file system to fill needs root')
    probe = subprocess.run(['unshare', '-m', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', '/mnt'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if probe.returncode != 0:
        raise Skip('no mounts of our own: %s' % probe.stdout.decode().strip())
    status = subprocess.run(['unshare', '-m', sys.executable, *sys.argv], env={**os.environ, 'RUSTYDB_OWN_MOUNTS': '1'}).returncode
    sys.exit(status)


def full_disk(server, cli):
    """A full disk is an error for statements that need room; nothing acknowledged is lost, and with room again all goes on."""
    in_own_mounts()
    with Cluster(server, cli, nodes=1, settings={'storage': {'redo_file_size': '2MB', 'buffer_cache_size': '16MB'}}) as c:
        os.makedirs(c.data)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=110m', 'tmpfs', c.data], check=True)
        try:
            fill_disk(c)
        finally:
            c.kill()
            subprocess.run(['umount', '-l', c.data])


def rolled_back_on_full_disk(k):
    """A transaction of several statements: the one that finds no room fails, the others are undone, which needs no room."""
    k.query('BEGIN')
    error = None
    for i in range(3000):
        error = pg.error_of(k, "INSERT INTO t VALUES (%d, '%s')" % (200000 + i, 'r' * 5000))
        if error:
            break
    must_equal(error, '53100', 'sqlstate in a transaction on a full disk')
    must_equal(pg.error_of(k, 'SELECT 1'), '25P02', 'sqlstate after it')
    k.query('ROLLBACK')


def fill_disk(c):
    c.create()
    node = c.nodes[0]
    node.start()
    acknowledged, error = 0, None
    with node.connect() as k:
        k.query('CREATE TABLE t (id integer PRIMARY KEY, v text)')
        try:
            for i in range(3000):
                k.query("INSERT INTO t VALUES (%d, '%s')" % (i, chr(97 + i % 26) * 60000))
                acknowledged += 1
        except (pg.Error, pg.Gone) as e:
            error = e
        must(error is not None, 'the disk does not fill')
        print('after %d rows: %s' % (acknowledged, error))
        must(isinstance(error, pg.Error), 'the session ended: %s\n%s', error, node.log()[-2000:])
        must_equal(error.sqlstate, '53100', 'sqlstate on a full disk')
        must_equal(int(k.value('SELECT count(*) FROM t')), acknowledged, 'rows on a full disk')
        must_equal(k.value("SELECT v = '%s' FROM t WHERE id = %d" % (chr(97 + (acknowledged - 1) % 26) * 60000, acknowledged - 1)), 't', 'the last row')
        rolled_back_on_full_disk(k)
        must_equal(int(k.value('SELECT count(*) FROM t')), acknowledged, 'rows after the transaction was rolled back')
    subprocess.run(['mount', '-o', 'remount,size=300m', c.data], check=True)
    with node.connect() as k:
        wait_until('room again', 10, lambda: pg.error_of(k, "INSERT INTO t VALUES (100000, 'room again')") is None)
    c.kill()
    node.start()
    with node.connect() as k:
        must_equal(int(k.value('SELECT count(*) FROM t')), acknowledged + 1, 'rows after a crash')
    node.stop()
    c.check()


def too_many_connections(server, cli):
    with Cluster(server, cli, nodes=1, settings={'server': {'max_connections': 5}}) as c:
        c.create()
        node = c.nodes[0]
        node.start()
        held = []
        try:
            for _ in range(5):
                held.append(connect_soon(node))
            for _ in range(20):
                try:
                    pg.Connection(node.port).close()
                    raise Failed('a sixth client was let in')
                except pg.Error as e:
                    must_equal(e.sqlstate, '53300', 'sqlstate of one client too many')
            held.pop().close()
            held.append(connect_soon(node))
            must_equal(held[-1].value('SELECT 1'), '1', 'a client in the place of one that left')
        finally:
            for k in held:
                k.close()
        node.stop()


def connect_soon(node):
    """A session that has ended may take a moment to be gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return node.connect()
        except pg.Error as e:
            if e.sqlstate != '53300' or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def throw(port, data, wait=0.2):
    """Sends bytes and takes whatever comes back."""
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=5) as s:
            s.settimeout(wait)
            s.sendall(data)
            try:
                while s.recv(65536):
                    pass
            except OSError:
                pass
    except OSError:
        pass


def hello(c, sender, to, lane=0, cluster=0, version=1):
    """The first message of a handshake, as a real node would send it: what is in it is no secret."""
    with open(control_paths(c)[0], 'rb') as f:
        cluster_id = struct.unpack_from('<Q', f.read(64), 24)[0] + cluster
    with open(os.path.join(c.data, 'control', 'voting'), 'rb') as f:
        slots = f.read()
    incarnation = [struct.unpack_from('<Q', slots, 4096 * n + 16)[0] for n in (sender, to)]
    message = struct.pack('<IHHIIQBBBBIQQ', 0x49424452, 1, 0, version, version, cluster_id, sender, to, lane, 7, 0, *incarnation) + bytes(range(32))
    return message + struct.pack('<II', crc32c(message), 0)


def frame_header(length):
    header = struct.pack('<IBBHQQQQQI', length, 0, 0, 0, 1, 0, 0, 0, 0, 0)
    return header + struct.pack('<I', crc32c(header))


def handshakes(c):
    """Somebody who speaks like node 1 to node 2, but does not know the secret; and one who does not wait for the answer."""
    proof = struct.pack('<IHHQ', 0x49424452, 3, 0, 0) + b'\x5a' * 32
    for lane in (0, 1, 3, 6, 250):
        for after in (b'', proof, b'\xff' * 48, proof[:20], frame_header(0xffffffff), frame_header(56) * 100, proof + frame_header(1 << 30)):
            yield hello(c, 1, 2, lane) + after
    yield hello(c, 1, 2, cluster=1) + proof
    yield hello(c, 1, 2, version=99) + proof
    yield hello(c, 2, 2) + proof
    yield hello(c, 3, 2) + proof


def garbage(server, cli):
    """Nonsense on the clients' port and on the interconnect's: connections end, nodes go on."""
    r = random.Random(7)
    startup = struct.pack('!ii', 41, 196608) + b'user\0rustydb\0database\0rustydb\0\0\0'[:33]
    with Cluster(server, cli, nodes=2) as c:
        c.create()
        for node in c.nodes:
            node.start()  # one after the other: they get the numbers 1 and 2, which the handshakes name
        sql_port, ic_port = c.nodes[0].port, c.nodes[0].ic_port
        bystander = c.nodes[0].connect()
        pieces = [b'', b'\0', b'GET / HTTP/1.0\r\n\r\n', b'\xff' * 5000, b'\0\0\0\4', b'\0\0\0\7xyz', struct.pack('!i', 0x7fffffff),
                  struct.pack('!ii', 8, 80877103) * 3, struct.pack('!ii', 8, 80877104), struct.pack('!iiii', 16, 80877102, 1, 2),
                  struct.pack('!iiii', 16, 80877102, -1, 2), struct.pack('!iiii', 16, 80877102, 3 << 24 | 7, 2),
                  struct.pack('!ii', 8, 0x20000), startup + b'Q\xff\xff\xff\xff', startup + b'Q\0\0\0\4', startup + b'Q\0\0\0\5x',
                  startup + b'B\0\0\0\4', startup + b'P\0\0\0\6ab', startup + b'Q\x3f\xff\xff\xff' + b'x' * 100000, startup + b'd\0\0\0\4' * 50,
                  startup + b'\x01' * 100]
        pieces += [r.randbytes(r.randrange(1, 400)) for _ in range(60)]
        pieces += [startup + r.randbytes(r.randrange(1, 400)) for _ in range(60)]
        for piece in pieces:
            throw(sql_port, piece, 0.05)
            throw(ic_port, piece, 0.02)
        with socket.create_connection(('127.0.0.1', c.nodes[1].ic_port), timeout=5) as s:
            s.sendall(hello(c, 1, 2))
            answer = s.recv(88)
            must_equal(answer[:8], struct.pack('<IHH', 0x49424452, 2, 0), 'the answer to a good hello')
            s.sendall(b'\0' * 48)
            must_equal(s.recv(1), b'', 'the answer to a bad proof')
        for piece in handshakes(c):
            throw(c.nodes[1].ic_port, piece, 0.05)
        for piece in (struct.pack('!ii', 10001, 196608) + b'x' * 10000, startup + b'Q\x7f\xff\xff\xff' + b'x' * 1000,
                      startup + b'Q\x40\0\0\1', startup + b'Q\x80\0\0\0'):
            throw(sql_port, piece, 0.05)
        for node in c.nodes:
            must('has ended' not in node.log(), 'a session between the nodes ended:\n%s', node.log()[-2000:])
        idle = [socket.create_connection(('127.0.0.1', p)) for p in (sql_port, ic_port) for _ in range(20)]  # say nothing
        for node in c.nodes:
            must(node.running(), '%s ended:\n%s', node.name, node.log()[-2000:])
            with node.connect() as k:
                must_equal(k.value('SELECT count(*) FROM cluster_members'), '2', 'members seen by %s' % node.name)
        must_equal(bystander.value('SELECT 1'), '1', 'a session that was there before goes on')
        bystander.close()
        for s in idle:
            s.close()
        with c.nodes[0].connect() as k:
            k.query('CREATE TABLE t (id integer PRIMARY KEY)')
            k.query('INSERT INTO t VALUES (1)')
        with c.nodes[1].connect() as k:
            must_equal(k.value('SELECT count(*) FROM t'), '1', 'rows on the other node')
        c.stop()
        c.check()


def refused_or_answered(k, sql):
    """Too deep is an error with PostgreSQL's codes; where its grammar gives up first, it says so as a syntax error."""
    try:
        k.query(sql)
    except pg.Error as e:
        must(e.sqlstate == '54001' or (e.sqlstate == '42601' and 'memory exhausted' in e.message), '%s...: %s', sql[:40], e)


def large_statements(server, cli):
    with Cluster(server, cli, nodes=1) as c:
        c.create()
        node = c.nodes[0]
        node.start()
        with node.connect(timeout=120) as k:
            k.query('CREATE TABLE t (id integer PRIMARY KEY, v text)')
            big = 'z' * (10 << 20)
            k.query("INSERT INTO t VALUES (1, '%s')" % big)
            must_equal(k.value('SELECT length(v) FROM t'), str(10 << 20), 'length of a value of 10 MB')
            must(k.value('SELECT v FROM t') == big, 'a value of 10 MB is read back differently')
            rows = ', '.join("(%d, 'r')" % i for i in range(2, 20002))
            k.query('INSERT INTO t VALUES ' + rows)
            must_equal(k.value('SELECT count(*) FROM t'), '20001', 'rows of one INSERT')
            k.query('SELECT 1 /* %s */' % ('c' * (10 << 20)))
            for deep in ('SELECT ' + '(' * 10000 + '1' + ')' * 10000, 'SELECT ' + 'abs(' * 10000 + '1' + ')' * 10000,
                         'SELECT ' + '(SELECT ' * 10000 + '1' + ')' * 10000, 'SELECT 1' + ' + 1' * 10000 + ' AS n', 'SELECT ' + '- ' * 10000 + '1',
                         'SELECT ' + 'CASE WHEN true THEN ' * 5000 + '1' + ' END' * 5000, 'SELECT ' + 'NOT ' * 10001 + 'true'):
                refused_or_answered(k, deep)
                must_equal(k.value('SELECT 1'), '1', 'the session goes on')
            must_equal(pg.error_of(k, 'SELECT ' + ', '.join('1' for _ in range(5000))), '54011', 'a target list of 5,000')
            must(pg.error_of(k, 'SELECT * FROM t WHERE id IN (%s)' % ', '.join(str(i) for i in range(20000))) is None, 'a long IN list fails')
        node.stop()
        c.check()


TESTS = {f.__name__: f for f in (wrong_data_directory, control_file, same_node_id, other_secret, damaged_block, damaged_redo, full_disk,
                                 too_many_connections, garbage, large_statements)}
