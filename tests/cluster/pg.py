"""A small client of PostgreSQL's protocol 3.0: simple queries, cancel requests, raw bytes. For tests."""
import socket
import struct

CANCEL_CODE = 80877102
PROTOCOL = 196608


class Gone(Exception):
    """The connection ended."""


class Error(Exception):
    """What the server reported: sqlstate, message, fields."""

    def __init__(self, fields):
        self.fields = fields
        self.sqlstate = fields.get('C', '')
        self.message = fields.get('M', '')
        super().__init__('%s: %s' % (self.sqlstate, self.message))


class Result:
    def __init__(self):
        self.columns = []
        self.rows = []
        self.tag = None


def parse_fields(body):
    fields = {}
    for part in body.rstrip(b'\0').split(b'\0'):
        if part:
            fields[chr(part[0])] = part[1:].decode('utf-8', 'replace')
    return fields


class Connection:
    def __init__(self, port, host='127.0.0.1', timeout=30.0, user='rustydb', database='rustydb', settings=None):
        self.buffer = b''
        self.pid = self.secret = 0
        self.status = b'I'
        self.port, self.host = port, host
        try:
            self.socket = socket.create_connection((host, port), timeout=timeout)
        except OSError as e:
            raise Gone(str(e)) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pairs = {'user': user, 'database': database, **(settings or {})}
        body = struct.pack('!i', PROTOCOL) + b''.join(k.encode() + b'\0' + v.encode() + b'\0' for k, v in pairs.items()) + b'\0'
        try:
            self.send_raw(struct.pack('!i', len(body) + 4) + body)
            self._until_ready(None)
        except BaseException:
            self.socket.close()
            raise

    def send_raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError as e:
            raise Gone(str(e)) from None

    def send(self, kind, body):
        self.send_raw(kind + struct.pack('!i', len(body) + 4) + body)

    def _need(self, n):
        while len(self.buffer) < n:
            try:
                data = self.socket.recv(1 << 16)
            except OSError as e:
                raise Gone(str(e)) from None
            if not data:
                raise Gone('the server closed the connection')
            self.buffer += data

    def read_message(self):
        self._need(5)
        kind, length = self.buffer[:1], struct.unpack('!i', self.buffer[1:5])[0]
        self._need(1 + length)
        body, self.buffer = self.buffer[5:1 + length], self.buffer[1 + length:]
        return kind, body

    def _until_ready(self, results):
        error, result = None, Result()
        while True:
            kind, body = self.read_message()
            if kind == b'Z':
                self.status = body[:1]
                if error:
                    raise error
                return
            if kind == b'E':
                error = error or Error(parse_fields(body))
                if error.fields.get('S') in ('FATAL', 'PANIC'):
                    raise error
            elif kind == b'K':
                self.pid, self.secret = struct.unpack('!iI', body)
            elif kind == b'T':
                result = Result()
                n = struct.unpack('!h', body[:2])[0]
                at = 2
                for _ in range(n):
                    end = body.index(b'\0', at)
                    result.columns.append(body[at:end].decode())
                    at = end + 19
            elif kind == b'D':
                result.rows.append(self._row(body))
            elif kind == b'C' and results is not None:
                result.tag = body.rstrip(b'\0').decode()
                results.append(result)
                result = Result()

    @staticmethod
    def _row(body):
        n = struct.unpack('!h', body[:2])[0]
        at, row = 2, []
        for _ in range(n):
            length = struct.unpack('!i', body[at:at + 4])[0]
            at += 4
            if length < 0:
                row.append(None)
                continue
            row.append(body[at:at + length].decode())
            at += length
        return tuple(row)

    def start_query(self, sql):
        self.send(b'Q', sql.encode() + b'\0')

    def finish_query(self):
        results = []
        self._until_ready(results)
        return results

    def query(self, sql):
        """Rows of the last statement."""
        self.start_query(sql)
        results = self.finish_query()
        return results[-1].rows if results else []

    def value(self, sql):
        return self.query(sql)[0][0]

    def close(self):
        try:
            self.socket.sendall(b'X' + struct.pack('!i', 4))
        except OSError:
            pass
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


def cancel(port, pid, secret, host='127.0.0.1'):
    with socket.create_connection((host, port), timeout=10) as s:
        s.sendall(struct.pack('!iiiI', 16, CANCEL_CODE, pid, secret))
        s.settimeout(10)
        try:
            s.recv(1)  # the server answers by closing
        except OSError:
            pass


def error_of(connection, sql):
    """The sqlstate that a statement fails with; None: it succeeds."""
    try:
        connection.query(sql)
    except Error as e:
        return e.sqlstate
    return None
