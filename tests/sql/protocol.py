#!/usr/bin/env python3
"""The client protocol by hand: start-up, extended query, formats, pipelines, COPY, cancel, bad input.

    protocol.py SERVER CLI [TEST...]    TAP output
"""
import os
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'cluster'))
import harness  # noqa: E402
import pg  # noqa: E402
from harness import must, must_equal  # noqa: E402

INT2, INT4, INT8, FLOAT8, FLOAT4, NUMERIC, BOOL, TEXT, VARCHAR, BPCHAR = 21, 23, 20, 701, 700, 1700, 16, 25, 1043, 1042
DATE, TIMESTAMP, TIMESTAMPTZ, UNKNOWN = 1082, 1114, 1184, 705


class Client(pg.Connection):
    """The messages of the extended protocol; answers() collects up to ReadyForQuery."""

    def parse(self, sql, name='', types=()):
        self.send(b'P', name.encode() + b'\0' + sql.encode() + b'\0' + struct.pack('!h', len(types)) + b''.join(struct.pack('!I', t) for t in types))

    def bind(self, values=(), formats=(), result_formats=(), portal='', name=''):
        body = portal.encode() + b'\0' + name.encode() + b'\0'
        body += struct.pack('!h', len(formats)) + b''.join(struct.pack('!h', f) for f in formats)
        body += struct.pack('!h', len(values))
        for v in values:
            body += struct.pack('!i', -1) if v is None else struct.pack('!i', len(v)) + v
        body += struct.pack('!h', len(result_formats)) + b''.join(struct.pack('!h', f) for f in result_formats)
        self.send(b'B', body)

    def describe(self, kind, name=''):
        self.send(b'D', kind + name.encode() + b'\0')

    def execute(self, portal='', limit=0):
        self.send(b'E', portal.encode() + b'\0' + struct.pack('!i', limit))

    def close_object(self, kind, name=''):
        self.send(b'C', kind + name.encode() + b'\0')

    def sync(self):
        self.send(b'S', b'')

    def answers(self, until=b'Z'):
        found = []
        while True:
            kind, body = self.read_message()
            if kind == b'Z':
                self.status = body
            found.append((kind, body))
            if kind == until:
                return found

    def kinds(self):
        return b''.join(k for k, _ in self.answers() if k not in b'NS').decode()

    def extended(self, sql, values=(), types=(), formats=(), result_formats=()):
        """Rows as lists of bytes; raises pg.Error."""
        self.parse(sql, types=types)
        self.bind(values, formats, result_formats)
        self.execute()
        self.sync()
        found = self.answers()
        raise_error(found)
        return [row_of(b) for k, b in found if k == b'D']


def raise_error(found):
    for k, b in found:
        if k == b'E':
            raise pg.Error(pg.parse_fields(b))


def row_of(body):
    n, at, row = struct.unpack('!h', body[:2])[0], 2, []
    for _ in range(n):
        length = struct.unpack('!i', body[at:at + 4])[0]
        at += 4
        row.append(None if length < 0 else body[at:at + length])
        at += max(length, 0)
    return row


def error_in(found):
    for k, b in found:
        if k == b'E':
            return pg.parse_fields(b)['C']
    return None


def columns_of(body):
    """(name, type oid, type length, typmod, format) of a RowDescription."""
    n, at, cols = struct.unpack('!h', body[:2])[0], 2, []
    for _ in range(n):
        end = body.index(b'\0', at)
        _, _, oid, size, typmod, fmt = struct.unpack('!IhIhih', body[end + 1:end + 19])
        cols.append((body[at:end].decode(), oid, size, typmod, fmt))
        at = end + 19
    return cols


def parameter_types(body):
    n = struct.unpack('!h', body[:2])[0]
    return list(struct.unpack('!%dI' % n, body[2:]))


def raw_startup(port, pairs, protocol=pg.PROTOCOL):
    s = socket.create_connection(('127.0.0.1', port), timeout=10)
    body = struct.pack('!i', protocol) + b''.join(k + b'\0' + v + b'\0' for k, v in pairs) + b'\0'
    s.sendall(struct.pack('!i', len(body) + 4) + body)
    return s


def read_all(s):
    data = b''
    try:
        while True:
            part = s.recv(65536)
            if not part:
                return data
            data += part
    except OSError:
        return data
    finally:
        s.close()


# ---- start-up ---------------------------------------------------------------------------------


def startup_reports(port):
    s = raw_startup(port, [(b'user', b'rustydb'), (b'database', b'rustydb'), (b'application_name', b'me'), (b'TimeZone', b'Europe/Berlin')])
    s.settimeout(10)
    data = b''
    while b'Z\0\0\0\5I' not in data:
        part = s.recv(65536)
        must(part, 'the connection ended: %r', data)
        data += part
    s.close()
    status, kinds, at = {}, '', 0
    while at < len(data):
        kind, length = data[at:at + 1], struct.unpack('!i', data[at + 1:at + 5])[0]
        kinds += kind.decode()
        if kind == b'S':
            name, value = data[at + 5:at + length].split(b'\0')[:2]
            status[name.decode()] = value.decode()
        at += 1 + length
    must_equal(kinds, 'R' + 'S' * 13 + 'KZ', 'messages')
    must_equal(sorted(status), sorted(['application_name', 'client_encoding', 'DateStyle', 'default_transaction_read_only', 'in_hot_standby',
                                       'integer_datetimes', 'IntervalStyle', 'is_superuser', 'server_encoding', 'server_version',
                                       'session_authorization', 'standard_conforming_strings', 'TimeZone']), 'parameter statuses')
    must_equal((status['application_name'], status['TimeZone'], status['client_encoding']), ('me', 'Europe/Berlin', 'UTF8'), 'values')


def startup_options(port):
    with Client(port, settings={'options': '-c work_mem=8MB -c DateStyle=ISO,DMY', 'client_encoding': 'UTF8', 'extra_float_digits': '2'}) as c:
        must_equal(c.value('SHOW work_mem'), '8MB', 'options')
        must_equal(c.value('SHOW DateStyle'), 'ISO, DMY', 'options')
        must_equal(c.value('SHOW extra_float_digits'), '2', 'a setting of its own')
        c.query('SET work_mem = 4096')
        c.query('RESET work_mem')
        must_equal(c.value('SHOW work_mem'), '8MB', 'RESET goes back to what the start-up packet said')
    for given, want in (("'utf-8'", 'UTF8'), ('sql_ascii', 'SQL_ASCII')):
        with Client(port, settings={'client_encoding': given}) as c:
            must_equal(c.value('SHOW client_encoding'), want, given)
            must_equal(c.value("SELECT 'ü'"), 'ü', given)
    for settings, want in (({'nosuch': '1'}, '42704'), ({'work_mem': 'x'}, '22023'), ({'client_encoding': 'latin1'}, '0A000'),
                           ({'client_encoding': 'nosuch'}, '22023')):
        try:
            Client(port, settings=settings).close()
            must(False, 'accepted: %r', settings)
        except pg.Error as e:
            must_equal(e.sqlstate, want, str(settings))
            must_equal(e.fields['S'], 'FATAL', 'severity')


def startup_refusals(port):
    for kind, args, want in (('database', {'database': 'other'}, '3D000'), ('user', {'user': 'other'}, '28000')):
        try:
            Client(port, **args).close()
            must(False, 'another %s is accepted', kind)
        except pg.Error as e:
            must_equal(e.sqlstate, want, kind)
    answer = read_all(raw_startup(port, [(b'user', b'rustydb')], protocol=2 << 16))
    must(answer[:1] == b'E' and b'unsupported frontend protocol 2.0' in answer, 'protocol 2.0: %r', answer)
    answer = read_all(raw_startup(port, []))
    must(b'28000' in answer, 'no user: %r', answer)


def newer_minor_protocol(port):
    s = raw_startup(port, [(b'user', b'rustydb'), (b'_pq_.nosuch', b'1')], protocol=(3 << 16) + 2)
    s.settimeout(10)
    data = s.recv(65536)
    s.close()
    must_equal(data[:1], b'v', 'NegotiateProtocolVersion')
    must(b'_pq_.nosuch' in data, 'the option is named')


def ssl_and_gss_requests(port):
    s = socket.create_connection(('127.0.0.1', port), timeout=10)
    for code in (80877103, 80877104):
        s.sendall(struct.pack('!ii', 8, code))
        must_equal(s.recv(1), b'N', 'answer to %d' % code)  # no TLS, no GSSAPI
    body = struct.pack('!i', pg.PROTOCOL) + b'user\0rustydb\0\0'
    s.sendall(struct.pack('!i', len(body) + 4) + body)
    must_equal(s.recv(1), b'R', 'the start-up goes on')
    s.close()


def garbage(port):
    good = Client(port)
    for data in (b'GET / HTTP/1.1\r\n\r\n', b'\0' * 64, b'\xff' * 64, struct.pack('!ii', 4, 0), struct.pack('!ii', 1 << 30, pg.PROTOCOL), b'\0\0\0\x08\0\0\0\0',
                 struct.pack('!ii', 12, pg.PROTOCOL) + b'user'):
        s = socket.create_connection(('127.0.0.1', port), timeout=10)
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        read_all(s)
    for data in (b'\0\0\0\0\0', b'Z\0\0\0\5I', b'Q\0\0\0\3', b'Q\xff\xff\xff\xff', b'Q\x7f\xff\xff\xff', b'B\0\0\0\5\0', b'P\0\0\0\x06ab', b'D\0\0\0\6X\0', b'E\0\0\0\4'):
        c = Client(port)
        c.send_raw(data)
        c.socket.shutdown(socket.SHUT_WR)
        read_all(c.socket)
    must_equal(good.value('SELECT 1'), '1', 'the server goes on')
    good.close()


# ---- extended query ----------------------------------------------------------------------------


def inferred_parameter_types(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS pt; CREATE TABLE pt (i int, s smallint, b bigint, n numeric, t text, v varchar(5), f float8, o bool, d date, ts timestamptz)')
        for sql, want in (('SELECT $1 + 1', [INT4]), ('SELECT $1::text', [TEXT]), ('SELECT * FROM pt WHERE s = $1', [INT2]), ('SELECT * FROM pt WHERE b = $1', [INT8]),
                          ('INSERT INTO pt VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)', [INT4, INT2, INT8, NUMERIC, TEXT, VARCHAR, FLOAT8, BOOL, DATE, TIMESTAMPTZ]),
                          ('UPDATE pt SET i = i + $1 WHERE b = $2', [INT4, INT8]), ('SELECT $1', [TEXT]), ('SELECT * FROM pt LIMIT $1', [INT8]),
                          ('SELECT $2::int, $1', [TEXT, INT4]), ('SELECT i FROM pt WHERE t LIKE $1', [TEXT]), ('SELECT coalesce(i, $1) FROM pt', [INT4]),
                          ('SELECT 1 WHERE $1', [BOOL]), ('SELECT i FROM pt WHERE i IN ($1, $2)', [INT4, INT4]), ('SELECT $1 || $2::text', [TEXT, TEXT]),
                          ('SELECT i FROM pt WHERE v = $1', [TEXT]), ('SELECT count(*) FROM pt WHERE d > $1 AND ts < $2', [DATE, TIMESTAMPTZ])):
            c.parse(sql)
            c.describe(b'S')
            c.sync()
            found = c.answers()
            raise_error(found)
            must_equal(parameter_types(dict(found)[b't']), want, sql)
        for sql, want in (('SELECT $1 + $2', '42725'), ('SELECT $2::int', '42P18'), ('SELECT $2', '42P18')):
            c.parse(sql)
            c.sync()
            must_equal(error_in(c.answers()), want, sql)
        c.query('DROP TABLE pt')


def described_columns(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS dc; CREATE TABLE dc (a int, b varchar(7), c numeric(6,2), d char(3), e text, f bigint, g bool, h timestamptz)')
        c.parse('SELECT *, 1 AS one, a + 1, \'x\', now() FROM dc', name='st')
        c.describe(b'S', 'st')
        c.bind(name='st', result_formats=[1])
        c.describe(b'P')
        c.sync()
        described = [columns_of(b) for k, b in c.answers() if k == b'T']
        want = [('a', INT4, 4, -1, 0), ('b', VARCHAR, -1, 11, 0), ('c', NUMERIC, -1, (6 << 16) + 2 + 4, 0), ('d', BPCHAR, -1, 7, 0), ('e', TEXT, -1, -1, 0),
                ('f', INT8, 8, -1, 0), ('g', BOOL, 1, -1, 0), ('h', TIMESTAMPTZ, 8, -1, 0), ('one', INT4, 4, -1, 0), ('?column?', INT4, 4, -1, 0),
                ('?column?', TEXT, -1, -1, 0), ('now', TIMESTAMPTZ, 8, -1, 0)]
        must_equal(described[0], want, 'the statement')
        must_equal(described[1], [col[:4] + (1,) for col in want], 'the portal')
        for sql in ('INSERT INTO dc (a) VALUES (1)', 'BEGIN', 'SET work_mem = 4096'):
            c.parse(sql)
            c.describe(b'S')
            c.sync()
            must_equal(c.kinds(), '1tnZ', sql)
        for sql in ('INSERT INTO dc (a) VALUES (1) RETURNING a', 'SHOW work_mem', 'EXPLAIN SELECT 1', 'SELECT FROM dc'):
            c.parse(sql)
            c.describe(b'S')
            c.sync()
            must_equal(c.kinds(), '1tTZ', sql)
        c.query('DROP TABLE dc')


def integer_parameters_and_indexes(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS ip; CREATE TABLE ip (i int PRIMARY KEY, s smallint UNIQUE, b bigint UNIQUE)')
        c.query('INSERT INTO ip SELECT g, g, g FROM generate_series(1, 2000) g; ANALYZE ip')
        packed = {INT2: '!h', INT4: '!i', INT8: '!q'}
        for column in 'isb':
            for oid, form in packed.items():
                sql = 'SELECT i FROM ip WHERE %s = $1' % column
                must_equal(c.extended(sql, [struct.pack(form, 77)], [oid], [1]), [[b'77']], '%s with type %d, binary' % (column, oid))
                must_equal(c.extended(sql, [b'78'], [oid]), [[b'78']], '%s with type %d, text' % (column, oid))
                plan = b'\n'.join(r[0] for r in c.extended('EXPLAIN ' + sql.replace('$1', "77::%s" % {INT2: 'int2', INT4: 'int4', INT8: 'int8'}[oid])))
                must(b'Index' in plan, 'no index for %s with type %d:\n%s', column, oid, plan.decode())
            must_equal(c.extended('SELECT i FROM ip WHERE %s = $1' % column, [struct.pack('!q', 1 << 40)], [INT8], [1]), [], 'a value beyond the type')
            must_equal(c.extended('SELECT count(*) FROM ip WHERE %s < $1' % column, [struct.pack('!q', 1 << 40)], [INT8], [1]), [[b'2000']], 'less than it')
        must_equal(c.extended('UPDATE ip SET s = $1 WHERE i = $2 RETURNING s', [b'-5', b'9'], [INT2, INT8]), [[b'-5']], 'update')
        c.query('DROP TABLE ip')


def binary_values(port):
    """Each type out and in again in binary."""
    us_2000 = 946684800
    cases = [
        ('int2', INT2, '-32768', struct.pack('!h', -32768)), ('int4', INT4, '2147483647', struct.pack('!i', 2147483647)),
        ('int8', INT8, '-9223372036854775808', struct.pack('!q', -(1 << 63))), ('float8', FLOAT8, '1.5', struct.pack('!d', 1.5)),
        ('float8', FLOAT8, 'NaN', struct.pack('!d', float('nan'))), ('float8', FLOAT8, '-Infinity', struct.pack('!d', float('-inf'))),
        ('float4', FLOAT4, '0.5', struct.pack('!f', 0.5)), ('bool', BOOL, 't', b'\1'), ('bool', BOOL, 'f', b'\0'), ('text', TEXT, 'é€', 'é€'.encode()), ('text', TEXT, '', b''),
        ('varchar', VARCHAR, 'abc', b'abc'), ('bpchar', BPCHAR, 'ab ', b'ab '), ('date', DATE, '2000-01-02', struct.pack('!i', 1)),
        ('date', DATE, 'infinity', struct.pack('!i', 2147483647)), ('date', DATE, '1999-12-31', struct.pack('!i', -1)),
        ('timestamp', TIMESTAMP, '2000-01-01 00:00:01.5', struct.pack('!q', 1500000)), ('timestamp', TIMESTAMP, '-infinity', struct.pack('!q', -(1 << 63))),
        ('timestamptz', TIMESTAMPTZ, '1970-01-01 00:00:00+00', struct.pack('!q', -us_2000 * 1000000)),
        ('numeric', NUMERIC, '0', struct.pack('!hhHH', 0, 0, 0, 0)), ('numeric', NUMERIC, '12345.678', struct.pack('!hhHHhhh', 3, 1, 0, 3, 1, 2345, 6780)),
        ('numeric', NUMERIC, '-0.0001', struct.pack('!hhHHh', 1, -1, 0x4000, 4, 1)), ('numeric', NUMERIC, 'NaN', struct.pack('!hhHH', 0, 0, 0xC000, 0)),
        ('numeric', NUMERIC, '1.00', struct.pack('!hhHHh', 1, 0, 0, 2, 1)), ('numeric', NUMERIC, 'Infinity', struct.pack('!hhHH', 0, 0, 0xD000, 32)),
    ]
    with Client(port) as c:
        for name, oid, text, binary in cases:
            must_equal(c.extended('SELECT $1::%s' % name, [text.encode()], [oid], [0], [1]), [[binary]], '%s %s out' % (name, text))
            must_equal(c.extended('SELECT $1::%s' % name, [binary], [oid], [1], [0]), [[text.encode()]], '%s %s in' % (name, text))
            must_equal(c.extended('SELECT $1::%s' % name, [None], [oid], [1], [1]), [[None]], '%s NULL' % name)
        for oid, bad in ((INT4, b'\0'), (INT8, b'12345'), (BOOL, b''), (FLOAT8, b'1'), (NUMERIC, b'\0\1'), (DATE, b'x'), (TIMESTAMP, b'1234567')):
            c.parse('SELECT $1', types=[oid])
            c.bind([bad], [1])
            c.sync()
            must(error_in(c.answers()) in ('22P03', '08P01'), 'type %d takes %r', oid, bad)
        for value in (b'a\xff', b'\xc3', b'a\0b'):
            c.parse('SELECT $1', types=[TEXT])
            c.bind([value], [1])
            c.execute()
            c.sync()
            must_equal(error_in(c.answers()), '22021', 'invalid UTF-8 %r' % value)


def portals_with_row_limits(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS pl; CREATE TABLE pl (a int); INSERT INTO pl SELECT g FROM generate_series(1, 25) g')
        c.query('BEGIN')
        c.parse('SELECT a FROM pl ORDER BY a')
        c.bind(portal='p')
        for _ in range(3):
            c.execute('p', 10)
        c.execute('p', 10)
        c.sync()
        must_equal(c.kinds(), '12' + 'D' * 10 + 's' + 'D' * 10 + 's' + 'D' * 5 + 'C' + 'C' + 'Z', 'three pieces')
        c.parse('SELECT a FROM pl ORDER BY a')
        c.bind(portal='q')
        c.execute('q', 3)
        c.sync()
        must_equal(c.kinds(), '12DDDsZ', 'begun')
        c.query('UPDATE pl SET a = a + 100')  # a portal keeps its snapshot
        c.execute('q', 2)
        c.sync()
        rows = [row_of(b) for k, b in c.answers() if k == b'D']
        must_equal(rows, [[b'4'], [b'5']], 'after Sync and an update, inside the transaction')
        c.close_object(b'P', 'q')
        c.execute('q')
        c.sync()
        found = c.answers()
        must_equal(error_in(found), '34000', 'closed')
        c.query('ROLLBACK')
        c.parse('SELECT a FROM pl')
        c.bind(portal='r')
        c.execute('r', 1)
        c.sync()
        must_equal(c.kinds(), '12DsZ', 'outside a transaction')
        c.execute('r', 1)
        c.sync()
        must_equal(error_in(c.answers()), '34000', 'Sync has ended the transaction and its portals')
        c.query('DROP TABLE pl')


def pipelines(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS pi; CREATE TABLE pi (a int PRIMARY KEY)')
        for i in range(50):
            c.parse('INSERT INTO pi VALUES ($1)', types=[INT4])
            c.bind([b'%d' % i])
            c.execute()
        c.sync()
        must_equal(c.kinds(), '12C' * 50 + 'Z', 'fifty inserts, one Sync')
        for i in (50, 51, 7, 52):
            c.parse('INSERT INTO pi VALUES ($1)', types=[INT4])
            c.bind([b'%d' % i])
            c.execute()
        c.sync()
        must_equal(c.kinds(), '12C12C12EZ', 'the third fails, the rest is skipped')
        must_equal(c.value('SELECT count(*) FROM pi'), '50', 'the pipeline was one transaction')
        for i in (60, 60, 61):
            c.parse('INSERT INTO pi VALUES ($1)', types=[INT4])
            c.bind([b'%d' % i])
            c.execute()
            c.sync()
        must_equal([c.kinds(), c.kinds(), c.kinds()], ['12CZ', '12EZ', '12CZ'], 'a Sync each')
        c.parse('SELECT nosuch')
        c.bind()
        c.execute()
        c.send(b'Q', b'SELECT 1\0')  # skipped too
        c.sync()
        must_equal(c.kinds(), 'EZ', 'a simple query after an error is skipped')
        c.parse('')
        c.bind()
        c.execute()
        c.sync()
        must_equal(c.kinds(), '12IZ', 'an empty query')
        c.send(b'Q', b'\0')
        must_equal(c.kinds(), 'IZ', 'an empty simple query')
        c.send(b'Q', b' -- nothing\n ; \0')
        must_equal(c.kinds(), 'IZ', 'a comment')
        c.parse('SELECT 1')
        c.send(b'H', b'')
        must_equal(c.read_message()[0], b'1', 'Flush')
        c.sync()
        c.answers()
        c.query('DROP TABLE pi')


def statement_names(port):
    with Client(port) as c:
        c.parse('SELECT 1', name='a')
        c.parse('SELECT 2', name='a')
        c.sync()
        must_equal(error_in(c.answers()), '42P05', 'a name twice')
        c.bind(name='nosuch')
        c.sync()
        must_equal(error_in(c.answers()), '26000', 'an unknown statement')
        c.close_object(b'S', 'nosuch')
        c.close_object(b'S', 'a')
        c.sync()
        must_equal(c.kinds(), '33Z', 'closing')
        c.parse('SELECT 1; SELECT 2')
        c.sync()
        must_equal(error_in(c.answers()), '42601', 'two statements')
        c.parse('SELECT $1::int', name='b')
        c.bind([b'1', b'2'], name='b')
        c.sync()
        must_equal(error_in(c.answers()), '08P01', 'too many values')
        c.bind([b'x'], name='b')
        c.sync()
        must_equal(error_in(c.answers()), '22P02', 'a bad value')
        c.bind([b'5'], name='b')
        c.execute()
        c.sync()
        must_equal(c.kinds(), '2DCZ', 'still usable')
        must_equal(c.query('EXECUTE b(6)'), [('6',)], 'EXECUTE sees it')
        c.query('DISCARD ALL')
        c.bind([b'5'], name='b')
        c.sync()
        must_equal(error_in(c.answers()), '26000', 'after DISCARD ALL')


def execute_of_a_prepared_statement(port):
    """EXECUTE gives what the statement of that name gives when it runs, in the formats that were asked for."""
    with Client(port) as c:
        c.query('PREPARE one AS SELECT 7 AS seven')
        c.parse('EXECUTE one', name='e')
        c.describe(b'S', 'e')
        c.bind(name='e', result_formats=[1])
        c.describe(b'P')
        c.execute()
        c.sync()
        found = c.answers()
        must_equal([columns_of(b) for k, b in found if k == b'T'], [[('seven', INT4, 4, -1, 0)], [('seven', INT4, 4, -1, 1)]], 'columns')
        must_equal([row_of(b) for k, b in found if k == b'D'], [[b'\0\0\0\7']], 'binary')
        c.query('DEALLOCATE one')
        c.describe(b'S', 'e')
        c.sync()
        must_equal(error_in(c.answers()), '26000', 'described when the statement is gone')
        c.bind(name='e')
        c.execute()
        c.sync()
        must_equal(error_in(c.answers()), '26000', 'run when the statement is gone')
        c.query("PREPARE one AS SELECT 1 AS a, 'x' AS b")
        c.describe(b'S', 'e')
        c.bind(name='e')
        c.execute()
        c.sync()
        found = c.answers()
        must_equal([columns_of(b) for k, b in found if k == b'T'], [[('a', INT4, 4, -1, 0), ('b', TEXT, -1, -1, 0)]], 'other columns')
        must_equal([row_of(b) for k, b in found if k == b'D'], [[b'1', b'x']], 'the other statement')


def time_zones_of_a_session(port):
    """Zones are kept when they have been read; a setting of a failed text is taken back, and the client told."""
    with Client(port) as c:
        for _ in range(3):
            must_equal(c.value("SET timezone = 'Europe/Berlin'; SELECT timestamptz '2020-07-01 00:00+00'"), '2020-07-01 02:00:00+02', 'Berlin')
            must_equal(c.value("SET timezone = 'asia/tokyo'; SELECT timestamptz '2020-07-01 00:00+00'"), '2020-07-01 09:00:00+09', 'Tokyo')
            must_equal(c.value("SET timezone = -3; SELECT timestamptz '2020-07-01 00:00+00'"), '2020-06-30 21:00:00-03', 'hours')
            must_equal(pg.error_of(c, "SET timezone = 'Mars/Phobos7'"), '22023', 'no zone')
        c.query("SET timezone = 'UTC'")
        must_equal(pg.error_of(c, "SET timezone = 'Europe/Berlin'; SELECT 1 / 0"), '22012', 'a failed text')
        must_equal(c.value('SHOW timezone'), 'UTC', 'taken back')
        must_equal(c.value("SELECT count(DISTINCT timestamp '2020-01-01' AT TIME ZONE (CASE g % 3 WHEN 0 THEN 'Europe/Berlin' WHEN 1 THEN '+7' ELSE 'EST5EDT' END)) "
                           'FROM generate_series(1, 30000) g'), '3', 'zones by row')


def transaction_status(port):
    with Client(port) as c:
        seen = []
        for sql in ('SELECT 1', 'BEGIN', 'SELECT 1', 'SELECT 1/0', 'SELECT 1', 'ROLLBACK'):
            pg.error_of(c, sql)
            seen.append(c.status)
        must_equal(seen, [b'I', b'T', b'T', b'E', b'E', b'I'], 'status bytes')
        c.query('BEGIN')
        pg.error_of(c, 'SELECT nosuch')
        c.parse('SELECT 1')
        c.sync()
        must_equal(error_in(c.answers()), '25P02', 'Parse in a failed transaction')
        c.parse('ROLLBACK')
        c.bind()
        c.execute()
        c.sync()
        must_equal(c.kinds(), '12CZ', 'ROLLBACK')
        must_equal(c.status, b'I', 'status')


def error_fields(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS ef; CREATE TABLE ef (a int PRIMARY KEY)')
        c.query('INSERT INTO ef VALUES (1)')
        for sql, want in (('SELECT é, nosuch FROM ef', {'C': '42703', 'P': '8'}), ('INSERT INTO ef VALUES (1)', {'C': '23505', 'D': 'Key (a)=(1) already exists.'}),
                          ("SELECT 'é', nosuch FROM ef", {'C': '42703', 'P': '13'}), ('selec', {'C': '42601', 'P': '1', 'S': 'ERROR', 'V': 'ERROR'})):
            try:
                c.query(sql)
                must(False, 'no error: %s', sql)
            except pg.Error as e:
                must_equal({k: e.fields.get(k) for k in want}, want, sql)
        c.query('DROP TABLE ef')


# ---- COPY, cancel ------------------------------------------------------------------------------


def copy_paths(port):
    with Client(port) as c:
        c.query('DROP TABLE IF EXISTS cq; CREATE TABLE cq (a int, b text)')

        def copy(*messages):
            c.send(b'Q', b'COPY cq FROM STDIN\0')
            must_equal(c.read_message()[0], b'G', 'CopyInResponse')
            for kind, body in messages:
                c.send(kind, body)
            return c.answers()
        must_equal(error_in(copy((b'd', b'1\tx\n2\t'), (b'd', b'y\n'), (b'c', b''))), None, 'a line in two pieces')
        must_equal(error_in(copy((b'd', b'3\tx'), (b'c', b''))), None, 'no newline at the end')
        must_equal(error_in(copy((b'd', b'4\tx\r\n'), (b'c', b''))), None, 'CR LF')
        must_equal(c.query('SELECT * FROM cq ORDER BY a'), [('1', 'x'), ('2', 'y'), ('3', 'x'), ('4', 'x')], 'rows')
        must_equal(error_in(copy((b'd', b'5\tx\n'), (b'f', b'changed my mind\0'))), '57014', 'CopyFail')
        must_equal(error_in(copy((b'd', b'x\tx\n'), (b'd', b'6\tx\n' * 1000), (b'c', b''))), '22P02', 'a bad line, more data')
        must_equal(error_in(copy((b'H', b''), (b'S', b''), (b'd', b'7\tx\n'), (b'c', b''))), None, 'Flush and Sync are ignored')
        must_equal(c.value('SELECT count(*) FROM cq'), '5', 'rows afterwards')
        c.parse('COPY cq FROM STDIN')
        c.bind()
        c.execute()
        c.send(b'd', b'8\tz\n')
        c.send(b'c', b'')
        c.sync()
        must_equal(c.kinds(), '12GCZ', 'in the extended protocol')
        c.parse('COPY cq TO STDOUT')
        c.bind()
        c.execute()
        c.sync()
        must_equal(c.kinds(), '12H' + 'd' * 6 + 'cCZ', 'out in the extended protocol')
        c.send(b'd', b'9\tx\n')  # left over from a failed COPY: ignored
        c.send(b'c', b'')
        must_equal(c.value('SELECT count(*) FROM cq'), '6', 'stray CopyData')
        copy((b'd', b'1\tx\n'), (b'd', (b'%d\t' % 10) + b'y' * 300000 + b'\n'), (b'c', b''))
        must_equal(c.value('SELECT max(length(b)) FROM cq'), '300000', 'a long line')
        must_equal(Client(port).value('SELECT count(*) FROM cq'), '8', 'seen by another session')
        c.send(b'Q', b'COPY cq FROM STDIN\0')
        must_equal(c.read_message()[0], b'G', 'CopyInResponse')
        c.send(b'Q', b'SELECT 1\0')
        must_equal(error_in(c.answers(until=b'E')), '08P01', 'a message that does not belong to COPY')
    with Client(port) as c:
        c.query('DROP TABLE cq')


def cancel_requests(port):
    with Client(port) as c:
        pg.cancel(port, c.pid, c.secret)
        must_equal(c.value('SELECT 1'), '1', 'a cancel while idle')
        for sql in ('SELECT pg_sleep(20)', 'SELECT count(*) FROM generate_series(1, 3000) a, generate_series(1, 3000) b, generate_series(1, 3000) c'):
            began = time.monotonic()
            c.start_query(sql)
            time.sleep(0.3)
            pg.cancel(port, c.pid, c.secret ^ 1)
            pg.cancel(port, c.pid, c.secret)
            try:
                c.finish_query()
                must(False, 'not cancelled: %s', sql)
            except pg.Error as e:
                must_equal(e.sqlstate, '57014', sql)
            must(time.monotonic() - began < 10, 'it took %g s', time.monotonic() - began)
        must_equal(c.value('SELECT 1'), '1', 'the session goes on')
        c.query("SET statement_timeout = '200ms'")
        must_equal(pg.error_of(c, 'SELECT pg_sleep(20)'), '57014', 'statement_timeout')


def catalogue_views(port):
    """What psql asks for \\l, and who is who."""
    with pg.Connection(port) as c:
        listed = c.query(r"""SELECT d.datname, pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.daticulocale,
            CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END, pg_catalog.array_to_string(d.datacl, E'\n') FROM pg_catalog.pg_database d ORDER BY 1""")
        must_equal(listed, [('rustydb', 'rustydb', 'UTF8', 'C.UTF-8', 'C.UTF-8', None, 'libc', None)], 'databases')
        must_equal(c.query("SELECT rolname, rolsuper, rolcanlogin, rolconnlimit, rolvaliduntil, oid FROM pg_roles WHERE rolname !~ '^pg_'"),
                   [('rustydb', 't', 't', '-1', None, '10')], 'roles')
        must_equal(c.query('SELECT usename, usesuper FROM pg_user WHERE usesysid = 10'), [('rustydb', 't')], 'users')
        must_equal(c.query('SELECT * FROM pg_auth_members'), [], 'members')
        must_equal(c.query("""SELECT r.rolname, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) WHERE m.member = r.oid)
            FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1"""), [('rustydb', '{}')], 'what psql asks for \\du')
        must_equal(c.query("SELECT ARRAY(SELECT CASE WHEN a.attnum < 3 THEN a.attname || ' ' || a.attnum END FROM pg_attribute a WHERE a.attrelid = c.oid "
                           "AND attnum < 4 ORDER BY attnum) FROM pg_class c WHERE relname = 'pg_class'"), [('{"oid 1","relname 2",NULL}',)], 'an array of the catalogue')
        for sql, want in (('SELECT ARRAY(SELECT 1)', '0A000'), ('SELECT ARRAY(SELECT oid, relname FROM pg_class)', '42601')):
            try:
                c.query(sql)
                raise harness.Failed('%s is taken' % sql)
            except pg.Error as e:
                must_equal(e.sqlstate, want, sql)
        must_equal(c.query('SELECT d.datname, t.spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace'), [('rustydb', 'pg_default')], 'tablespaces')
        for array, want in (('{}', ''), ('{a,b}', 'a|b'), ('{"a b",NULL,"x\\"y,}"}', 'a b|x"y,}'), ('{{1,2},{3,4}}', '1|2|3|4')):
            must_equal(c.query("SELECT array_to_string('%s'::text, '|')" % array), [(want,)], array)
        must_equal(c.query("SELECT array_to_string('{a,NULL}'::text, '|', '?'), array_to_string(NULL::text, '|')"), [('a|?', None)], 'nulls')


def instance_settings(port):
    with pg.Connection(port) as c:
        must_equal(c.query('SHOW max_connections'), [('200',)], 'max_connections')
        must_equal(c.query('SHOW cluster_name'), [('test',)], 'cluster_name')
        must_equal(c.query('SHOW data_directory')[0][0][-3:], '/db', 'data_directory')
        must_equal(c.query("SELECT current_setting('server_version_num')::int / 10000"), [('15',)], 'version')
        try:
            c.query('SET max_connections = 5')
            raise harness.Failed('max_connections can be set')
        except pg.Error as e:
            must_equal(e.sqlstate, '55P02', 'a change of it')
    with pg.Connection(port, settings={'lock_timeout': '1500'}) as c:
        must_equal(c.query('SHOW lock_timeout'), [('1500ms',)], 'lock_timeout from the start-up packet')
        c.query('SET lock_timeout = 0; RESET lock_timeout')
        must_equal(c.query('SHOW lock_timeout'), [('1500ms',)], 'reset')


def large_results_and_texts(port):
    with Client(port) as c:
        must_equal(len(c.query('SELECT g, repeat(\'x\', 1000) FROM generate_series(1, 20000) g')), 20000, '20 MB of rows')
        text = 'y' * 3000000
        must_equal(c.extended('SELECT length($1), $1', [text.encode()], [TEXT])[0][0], b'3000000', 'a parameter of 3 MB')
        must_equal(c.value("SELECT length('%s')" % text), '3000000', 'a statement of 3 MB')
        must(pg.error_of(c, 'SELECT ' + '(' * 10000 + '1' + ')' * 10000) in ('54001', '42601'), 'nested 10,000 deep')
        must_equal(c.value('SELECT ' + ' + '.join(['1'] * 500)), '500', 'a long sum')
        must_equal(len(c.query('SELECT ' + ', '.join(['1'] * 1600))[0]), 1600, '1600 columns')
        must_equal(pg.error_of(c, 'SELECT ' + ', '.join(['1'] * 1700)), '54011', 'too many columns')
        must_equal(pg.error_of(c, "SELECT 'a\xff'".encode('latin1').decode('latin1')), None, 'valid text')
        c.send(b'Q', b"SELECT 'a\xff'\0")
        must_equal(error_in(c.answers()), '22021', 'invalid UTF-8')


def many_connections(port):
    clients = [Client(port) for _ in range(60)]
    for i, c in enumerate(clients):
        c.start_query('SELECT %d' % i)
    must_equal([c.finish_query()[0].rows[0][0] for c in clients], [str(i) for i in range(60)], 'answers')
    for c in clients:
        c.close()


TESTS = [
    startup_reports, startup_options, startup_refusals, newer_minor_protocol, ssl_and_gss_requests, garbage, inferred_parameter_types, described_columns,
    integer_parameters_and_indexes, binary_values, portals_with_row_limits, pipelines, statement_names, execute_of_a_prepared_statement,
    time_zones_of_a_session, transaction_status, error_fields, copy_paths, catalogue_views, instance_settings,
    cancel_requests, large_results_and_texts, many_connections,
]


def run(port, wanted):
    tests = [t for t in TESTS if not wanted or t.__name__ in wanted]
    failed = 0
    print('1..%d' % len(tests))
    for i, t in enumerate(tests):
        try:
            t(port)
            print('ok %d - %s' % (i + 1, t.__name__), flush=True)
        except (harness.Failed, pg.Error, pg.Gone) as e:
            failed += 1
            print('not ok %d - %s\n# %s: %s' % (i + 1, t.__name__, type(e).__name__, e), flush=True)
    return failed


def main(server, cli, wanted):
    if server == 'port':
        return run(int(cli), wanted)
    with harness.Cluster(os.path.abspath(server), os.path.abspath(cli), nodes=1) as cluster:
        cluster.create()
        cluster.start()
        failed = run(cluster.nodes[0].port, wanted)
        cluster.stop()
        cluster.check()
    return failed


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(1 if main(sys.argv[1], sys.argv[2], sys.argv[3:]) else 0)
