"""A ledger that clients on all nodes keep: money moves between accounts, every acknowledged commit is remembered outside of the database.

After any crash: what was acknowledged is there, what is there was acknowledged or under way, and the sums are right.
"""
import random
import threading

import pg
from harness import Failed, must

ACCOUNTS = 40
INITIAL = 1000
RETRY = ('40001', '40P01')
STOPPING = ('57P01', '57P02', '57P03', '08006', '08007', '25006')


class Client(threading.Thread):
    def __init__(self, ledger, node, number, seed):
        super().__init__(daemon=True)
        self.ledger, self.node, self.number = ledger, node, number
        self.random = random.Random(seed)
        self.error = None

    def run(self):
        try:
            with self.node.connect(timeout=30) as c:
                while not self.ledger.stopping:
                    self.move(c)
                    if self.random.random() < 0.3:
                        self.scratch(c)
                    if self.random.random() < 0.05:
                        self.define(c)
        except pg.Gone:
            pass
        except pg.Error as e:
            if e.sqlstate not in STOPPING:
                self.error = e
        except Exception as e:  # a bug of the test, or a value that cannot be
            self.error = e

    def statement(self, c, sql):
        """False: the transaction was rolled back and may be tried again."""
        try:
            c.query(sql)
            return True
        except pg.Error as e:
            if e.sqlstate not in RETRY:
                raise
            c.query('ROLLBACK')
            return False

    def move(self, c):
        r, ledger = self.random, self.ledger
        a, b = sorted(r.sample(range(ACCOUNTS), 2))
        amount = r.randrange(1, 100)
        with ledger.lock:
            seq = ledger.next[self.number] = ledger.next.get(self.number, 0) + 1
            ledger.tried[(self.number, seq)] = (a, b, amount)
        note = 'n' * (r.randrange(9000, 20000) if r.random() < 0.03 else r.randrange(0, 60))
        for sql in ('BEGIN',
                    'UPDATE account SET balance = balance - %d, changes = changes + 1 WHERE id = %d' % (amount, a),
                    'UPDATE account SET balance = balance + %d, changes = changes + 1 WHERE id = %d' % (amount, b),
                    "INSERT INTO ledger VALUES (%d, %d, %d, %d, %d, '%s')" % (self.number, seq, a, b, amount, note)):
            if not self.statement(c, sql):
                return
        try:
            c.query('COMMIT')
        except pg.Error as e:
            if e.sqlstate in RETRY:
                return
            raise
        with ledger.lock:
            ledger.acknowledged.add((self.number, seq))

    def scratch(self, c):
        """Work that nobody counts: rows that grow, move and go, under two indexes."""
        r = self.random
        key = self.number * 1000 + r.randrange(60)
        text = chr(97 + r.randrange(26)) * (r.randrange(8000, 30000) if r.random() < 0.05 else r.randrange(0, 3000))
        kind = r.randrange(4)
        if kind == 0:
            self.statement(c, 'DELETE FROM scratch WHERE id = %d' % key)
        elif kind == 1:
            self.statement(c, "UPDATE scratch SET grp = %d, body = '%s' WHERE id = %d" % (r.randrange(20), text, key))
        else:
            sql = "INSERT INTO scratch VALUES (%d, %d, '%s')" % (key, r.randrange(20), text)
            try:
                self.statement(c, sql)
            except pg.Error as e:
                if e.sqlstate != '23505':
                    raise


    def define(self, c):
        """A table comes and goes, in one transaction or several, which may be taken back."""
        r, name = self.random, 'side%d' % self.number
        work = ['DROP TABLE IF EXISTS ' + name, 'CREATE TABLE %s (id serial PRIMARY KEY, v text)' % name,
                "INSERT INTO %s (v) VALUES ('%s'), ('b'), ('c')" % (name, 'a' * r.randrange(20000)), 'CREATE INDEX %s_v ON %s (id, v)' % (name, name)
                if r.random() < 0.2 else 'CREATE INDEX %s_id ON %s (id)' % (name, name), 'TRUNCATE ' + name, 'DROP TABLE ' + name]
        work = work[:r.randrange(1, len(work) + 1)]
        together = r.random() < 0.5
        for sql in (['BEGIN'] if together else []) + work + ([r.choice(('COMMIT', 'ROLLBACK'))] if together else []):
            try:
                if not self.statement(c, sql):
                    return
            except pg.Error as e:
                if e.sqlstate != '54000':  # an index key that is too long
                    raise
                if together:
                    c.query('ROLLBACK')
                return


class Ledger:
    def __init__(self, cluster, clients_per_node=2, seed=1):
        self.cluster, self.clients_per_node = cluster, clients_per_node
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.next, self.tried, self.acknowledged = {}, {}, set()  # under the lock
        self.stopping = False
        self.clients = []

    def create(self, node):
        with node.connect() as c:
            c.query('CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL, changes bigint NOT NULL)')
            c.query('CREATE TABLE ledger (client integer, seq integer, from_id integer, to_id integer, amount bigint, note text, '
                    'PRIMARY KEY (client, seq))')
            c.query('CREATE TABLE scratch (id integer PRIMARY KEY, grp integer, body text)')
            c.query('CREATE INDEX scratch_grp ON scratch (grp)')
            c.query('INSERT INTO account VALUES ' + ', '.join('(%d, %d, 0)' % (i, INITIAL) for i in range(ACCOUNTS)))

    def start(self):
        self.stopping = False
        self.clients = [Client(self, node, i * self.clients_per_node + k, self.random.random())
                        for i, node in enumerate(self.cluster.nodes) for k in range(self.clients_per_node)]
        for c in self.clients:
            c.start()

    def join(self):
        self.stopping = True
        for c in self.clients:
            c.join(60)
            must(not c.is_alive(), 'client %d hangs', c.number)
            if c.error:
                raise Failed('client %d: %r' % (c.number, c.error))

    def verify(self, node):
        with node.connect() as c:
            rows = c.query('SELECT client, seq, from_id, to_id, amount FROM ledger')
            balances = {int(i): (int(b), int(n)) for i, b, n in c.query('SELECT id, balance, changes FROM account')}
            count = int(c.value('SELECT count(*) FROM ledger'))
            total = int(c.value('SELECT sum(balance) FROM account'))
        present = {}
        for client, seq, a, b, amount in rows:
            key = (int(client), int(seq))
            must(key not in present, '%s: ledger row %s is there twice', node.name, key)
            present[key] = (int(a), int(b), int(amount))
        missing = sorted(self.acknowledged - present.keys())
        must(not missing, '%s: %d acknowledged commits are lost, the first is %s', node.name, len(missing), missing[:1])
        for key, what in present.items():
            must(self.tried.get(key) == what, '%s: ledger row %s says %s, tried was %s', node.name, key, what, self.tried.get(key))
        expected = {i: [INITIAL, 0] for i in range(ACCOUNTS)}
        for a, b, amount in present.values():
            expected[a][0] -= amount
            expected[b][0] += amount
            expected[a][1] += 1
            expected[b][1] += 1
        for i in range(ACCOUNTS):
            must(balances.get(i) == tuple(expected[i]), '%s: account %d has %s, the ledger says %s', node.name, i, balances.get(i), expected[i])
        must(count == len(present) and total == ACCOUNTS * INITIAL, '%s: count %d, sum %d', node.name, count, total)
        # what is there now was committed: it stays
        self.acknowledged |= present.keys()
        return len(present)
