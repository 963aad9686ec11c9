# Starts and stops instances of one cluster on this machine; sourced by ./quickstart and the tests.
#
# The caller sets DATA (folder of the cluster), BUILD (build folder), NODES, PORT (of node 1; node i listens on PORT + i - 1,
# for the other nodes on PORT + 99 + i) and, if it likes, EXTRA_CONFIG (lines of TOML).
#
# DATA/db is the shared directory, DATA/nodeN.toml the configuration, DATA/log/nodeN.log the output and DATA/nodeN.pid the process
# (number and start time, so that no other process is ever taken for it).

SERVER=$BUILD/src/server/rusty-db-server
CLI=$BUILD/src/cli/rustydb-cli
START_SECONDS=120
STOP_SECONDS=60
SURVIVOR_SECONDS=15

sql_port() { echo $((PORT + $1 - 1)); }
interconnect_port() { echo $((PORT + 99 + $1)); }
node_config() { echo "$DATA/node$1.toml"; }
node_log() { echo "$DATA/log/node$1.log"; }

sql() { # NODE [psql options]
    local node=$1
    shift
    PGCONNECT_TIMEOUT=10 psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(sql_port "$node")" -U rustydb -d rustydb "$@"
}

write_config() { # NODE
    cat >"$(node_config "$1")" <<TOML
[cluster]
cluster_name = "${CLUSTER_NAME:-quickstart}"
node_id = "node$1"
interconnect_address = "127.0.0.1:$(interconnect_port "$1")"

[storage]
data_dir = "$DATA/db"
buffer_cache_size = "${CACHE:-128MB}"
${EXTRA_STORAGE:-}

[server]
listen_address = "127.0.0.1:$(sql_port "$1")"
TOML
}

# The start time of a process in clock ticks; with its number it names one process for ever. Nothing for one that has ended, reaped or not.
start_time() { sed -n 's/.*) //; /^[^ZX]/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

node_pid() { # the running process of a node, or nothing
    local pid= started=
    read -r pid started 2>/dev/null <"$DATA/node$1.pid" || return 0
    if [ -n "$pid" ] && [ "$(start_time "$pid")" = "$started" ]; then
        echo "$pid"
    fi
}

port_is_free() { # a connection to a port where nobody listens is refused
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

check_ports() { # NODE
    local port
    for port in "$(sql_port "$1")" "$(interconnect_port "$1")"; do
        if ! port_is_free "$port"; then
            echo "Port $port on 127.0.0.1 is in use by another program; node $1 needs it. Stop that program, or choose other ports with --port." >&2
            return 1
        fi
    done
}

start_node() { # NODE: does not wait
    local pid
    check_ports "$1" || return 1
    mkdir -p "$DATA/log"
    setsid "$SERVER" --config "$(node_config "$1")" </dev/null >>"$(node_log "$1")" 2>&1 &
    pid=$!
    echo "$pid $(start_time $pid)" >"$DATA/node$1.pid"
    disown "$pid"
}

wait_node() { # NODE: until it answers
    local deadline=$((SECONDS + START_SECONDS))
    while ! sql "$1" -Atc 'SELECT 1' >/dev/null 2>&1; do
        if [ -z "$(node_pid "$1")" ]; then
            echo "Node $1 ended while starting. The end of $(node_log "$1"):" >&2
            tail -n 15 "$(node_log "$1")" >&2
            return 1
        fi
        if [ $SECONDS -ge $deadline ]; then
            echo "Node $1 did not answer within $START_SECONDS s. The end of $(node_log "$1"):" >&2
            tail -n 15 "$(node_log "$1")" >&2
            return 1
        fi
        sleep 0.1
    done
}

wait_gone() { # NODE SECONDS
    local deadline=$((SECONDS + $2))
    while [ -n "$(node_pid "$1")" ]; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

started_nodes() { # numbers of those that have not been stopped since
    local file node
    for file in "$DATA"/node*.pid; do
        [ -e "$file" ] || continue
        node=${file##*/node}
        echo "${node%.pid}"
    done
}

running_nodes() { # their numbers
    local node
    for node in $(started_nodes); do
        [ -z "$(node_pid "$node")" ] || echo "$node"
    done
}

crashed_nodes() { # numbers of those that have ended without having been stopped
    local node
    for node in $(started_nodes); do
        [ -n "$(node_pid "$node")" ] || echo "$node"
    done
}

# Where one node has died the others end by themselves; only then can all start again.
wait_for_survivors() {
    local deadline=$((SECONDS + SURVIVOR_SECONDS)) crashed node
    crashed=$(crashed_nodes)
    [ -n "$crashed" ] || return 0
    if [ -n "$(running_nodes)" ]; then
        echo "Node $(paste -sd, <<<"$crashed" | sed 's/,/, /g') has ended without having been stopped. The other nodes end too; then all start again and recover."
    fi
    while [ -n "$(running_nodes)" ] && [ $SECONDS -lt $deadline ]; do
        sleep 0.2
    done
    for node in $crashed; do
        rm -f "$DATA/node$node.pid"
    done
}

# Asks all of them; a node that does not listen to that is killed in the end.
stop_cluster() {
    local nodes node pid
    nodes=$(running_nodes)
    [ -n "$nodes" ] || return 0
    for node in $nodes; do
        kill -TERM "$(node_pid "$node")" 2>/dev/null || true
    done
    for node in $nodes; do
        if ! wait_gone "$node" $STOP_SECONDS; then
            pid=$(node_pid "$node")
            echo "Node $node did not stop within $STOP_SECONDS s and is killed; the next start recovers." >&2
            kill -KILL "$pid" 2>/dev/null || true
            wait_gone "$node" 10 || true
        fi
        rm -f "$DATA/node$node.pid"
    done
}
