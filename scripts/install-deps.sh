#!/bin/bash
# Installs the Debian packages that are missing, and nothing else.
#
#     scripts/install-deps.sh run      to build and to try the product (./quickstart)
#     scripts/install-deps.sh test     the same and what tests and benchmarks use (./check)
#
# On Debian 12 it installs with apt as root or through sudo; elsewhere it says what is needed.
set -euo pipefail

build_packages=(
    gcc libc6-dev meson ninja-build ccache pkg-config python3 git
    libpg-query-dev postgresql-server-dev-15    # SQL grammar, and the headers of its tree
    liburing-dev libisal-dev libxxhash-dev libboost-context-dev libssl-dev libpq-dev libcmocka-dev
    postgresql-client-15 postgresql-15          # psql; pgbench is in the server's package
)
test_packages=(valgrind clang libclang-rt-14-dev iproute2 procps)

usage() {
    echo "usage: scripts/install-deps.sh run|test" >&2
    exit 2
}

missing() { # of the packages named, those that are not installed
    local installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' || true)
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

is_debian_12() {
    [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

all_commands() {
    local c
    for c in "$@"; do
        command -v "$c" >/dev/null || return 1
    done
}

# PostgreSQL's package would create and start a server of its own, which nothing here uses.
no_server_of_its_own() {
    local conf=/etc/postgresql-common/createcluster.conf
    if [ -e $conf ] || ! printf '%s\n' "${wanted[@]}" | grep -qx postgresql-15; then
        return
    fi
    as_root mkdir -p "$(dirname $conf)"
    echo "create_main_cluster = false" | as_root tee $conf >/dev/null
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "${wanted[@]}"
}

case "${1:-}" in
run) packages=("${build_packages[@]}") ;;
test) packages=("${build_packages[@]}" "${test_packages[@]}") ;;
*) usage ;;
esac

if ! is_debian_12; then
    if ! all_commands meson ninja gcc pkg-config psql pgbench; then
        echo "This machine is not Debian 12; please install what corresponds to these of its packages: ${packages[*]}" >&2
    fi
    exit 0 # the build says what it does not find
fi

mapfile -t wanted < <(missing "${packages[@]}")
if [ ${#wanted[@]} -eq 0 ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "These packages are missing, and only root can install them (there is no sudo here):" >&2
    echo "    apt-get install ${wanted[*]}" >&2
    exit 1
fi
echo "Installing ${wanted[*]}"
no_server_of_its_own
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists may be absent or old: they are fetched only when the first try fails.
if ! apt_install >"$log" 2>&1 && ! { as_root apt-get update -q -o Acquire::Retries=3 >"$log" 2>&1 && apt_install >>"$log" 2>&1; }; then
    tail -n 30 "$log" >&2
    echo "The packages could not be installed." >&2
    exit 1
fi
