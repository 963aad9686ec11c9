#!/bin/bash
# Records what PostgreSQL 15 answers to tests/sql/cases/*.sql into tests/sql/expected/.
#
#     tests/sql/record.sh [NAME...]      all cases, or those named
#
# A private PostgreSQL is made in a temporary directory and removed afterwards. Needed only when a case is written or changed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
bin=${PG_BIN:-/usr/lib/postgresql/15/bin}
port=${PG_PORT:-25432}
dir=$(mktemp -d /tmp/rustydb-record.XXXXXX)
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown postgres "$dir"
cd "$dir"
stop() { as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >"$dir/stop.log" 2>&1 || true; rm -rf "$dir"; }
trap stop EXIT
as "$bin/initdb" -D "$dir/data" -U rustydb -A trust -E UTF8 --locale=C --lc-ctype=C.UTF-8 --no-sync >"$dir/initdb.log"
as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" \
    -o "-p $port -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC -c max_connections=30" start >"$dir/start.log"
as "$bin/createdb" -h 127.0.0.1 -p "$port" -U rustydb rustydb
cd "$OLDPWD"
python3 run.py record "$port" "$@"
